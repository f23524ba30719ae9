//! Clients that send what they should not, or too slowly.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::{Connection, PATIENCE, Server, holiday};
use super::known;

/// What a service must still do afterwards.
fn serves(server: &Server) {
    assert_eq!(server.post("/v1/hash", "", &holiday("window.png")).status, 200);
}

#[test]
fn malformed_bodies_are_problems_that_name_the_field() {
    let (_folder, path) = known(&["hills.jpg"]);
    let server = Server::start(&["--gallery", &path]);
    let json = "application/json";
    let secret = "f8".repeat(20);
    let cases: [(&str, &str, String, u16, &str); 26] = [
        ("/v1/hash", json, String::new(), 400, "not JSON"),
        ("/v1/hash", json, "{".to_string(), 400, "ends too early"),
        ("/v1/hash", json, "nothing".to_string(), 400, "not JSON"),
        ("/v1/hash", json, "[]".to_string(), 400, "the body"),
        ("/v1/hash", json, "{}".to_string(), 400, "missing field pictures"),
        ("/v1/hash", json, "[".repeat(5000), 400, ""),
        ("/v1/hash", json, r#"{"pictures":[{"id":"a"}]}"#.to_string(), 400, "one of data and url"),
        ("/v1/hash", json, r#"{"pictures":[{"id":"a","data":"%%"}]}"#.to_string(), 400, "pictures[0].data"),
        ("/v1/hash", json, r#"{"pictures":[{"id":7,"data":""}]}"#.to_string(), 400, "pictures[0].id"),
        ("/v1/hash", json, r#"{"pictures":[],"other":1}"#.to_string(), 400, "unknown field other"),
        ("/v1/hash", json, "{\"pictures\":[{\"id\":\"\u{0}\"}]}".to_string(), 400, "not JSON"),
        ("/v1/hash?detail=9", "", "x".to_string(), 400, "detail must be auto"),
        ("/v1/hash?algorithms=md5", "", "x".to_string(), 400, "algorithms must be photodna"),
        ("/v1/hash?threshold=pdq:1", "", "x".to_string(), 400, "threshold belongs to look-ups"),
        ("/v1/hash?other=1", "", "x".to_string(), 400, "query string"),
        ("/v1/match?nearest=-1", "", "x".to_string(), 400, "nearest must be a number"),
        ("/v1/match?quality_min=101", "", "x".to_string(), 400, "quality_min"),
        ("/v1/match?threshold=pdq", "", "x".to_string(), 400, "threshold must be"),
        ("/v1/hash", "multipart/form-data", "x".to_string(), 400, "boundary"),
        ("/v1/hash", "multipart/form-data; boundary=b", "--b\r\nx".to_string(), 400, "multipart"),
        ("/v1/lookup", json, r#"{"queries":[{"pdq":1}]}"#.to_string(), 400, "queries[0].pdq"),
        ("/v1/lookup", json, format!(r#"{{"queries":[],"nearest":{}}}"#, "9".repeat(30)), 400, "nearest"),
        (
            "/v1/lookup",
            json,
            format!(r#"{{"queries":[{{"quality":"{secret}"}}]}}"#),
            400,
            "queries[0].quality",
        ),
        ("/v1/lookup", json, r#"{"queries":[],"threshold":{"pdq":-1}}"#.to_string(), 400, "threshold.pdq"),
        ("/v1/compare", json, r#"{"a":{},"b":{}}"#.to_string(), 400, "a, b"),
        ("/v1/compare", json, r#"{"a":{"pdq":"00"},"b":{"pdq":"00"}}"#.to_string(), 400, "a.pdq"),
    ];
    for (path, kind, body, status, expected) in &cases {
        let answer = server.post(path, kind, body.as_bytes());
        let detail = answer.problem(*status, "input");
        assert!(detail.contains(expected), "{path} {body}: {detail}");
        assert!(!detail.contains("f8f8") && detail.len() < 300, "{detail}");
    }
    // What the framework itself refuses is worded like all else.
    for path in ["/v1/galleries/%B8/reload", "/v1/galleries/%B8"] {
        let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
        let method = if path.ends_with("reload") { head } else { head.replace("POST", "DELETE") };
        server.connect().ask(method.as_bytes()).problem(400, "input");
    }
    serves(&server);
}

#[test]
fn what_is_too_large_is_refused_before_it_is_read() {
    let sizes = ["--max-picture-bytes", "1M", "--max-request-bytes", "2M", "--max-pictures", "3"];
    let server = Server::start(&sizes);
    // The answer comes although no byte of the body does.
    let head = "POST /v1/hash HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n";
    server.connect().ask(head.as_bytes()).problem(413, "limit");
    server.post("/v1/hash", "", &vec![0; (1 << 20) + 1]).problem(413, "limit");
    assert_eq!(server.post("/v1/hash", "", &vec![0; 1 << 20]).status, 422);
    let unknown = "POST /v1/hash HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let part = [format!("{:x}\r\n", 1 << 19).into_bytes(), vec![7; 1 << 19], b"\r\n".to_vec()].concat();
    server.connect().ask(&[unknown.as_bytes(), &part, &part, &part].concat()).problem(413, "limit");
    let four: Vec<Value> = (0..4).map(|id| json!({ "id": id.to_string(), "data": "" })).collect();
    let four = json!({ "pictures": four }).to_string();
    server.post("/v1/hash", "application/json", four.as_bytes()).problem(413, "limit");
    let long = json!({ "pictures": [{ "id": "a", "data": "AAAA".repeat((1 << 20) / 3 + 8) }] }).to_string();
    let detail = server.post("/v1/hash", "application/json", long.as_bytes()).problem(413, "limit");
    assert!(detail.contains("pictures[0].data"), "{detail}");
    // Numbers that no length can be.
    for length in ["-1", "x", "18446744073709551616"] {
        let head = format!("POST /v1/hash HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
        assert_eq!(server.connect().ask(head.as_bytes()).status, 400, "{length}");
    }
    let long = format!("GET /healthz HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "a".repeat(17 << 10));
    server.connect().ask(long.as_bytes()).problem(431, "limit");
    let endless = format!("GET /healthz HTTP/1.1\r\nHost: a\r\nX: {}", "a".repeat(100 << 10));
    assert_eq!(server.connect().ask(endless.as_bytes()).status, 431);
    let many = format!("GET /healthz HTTP/1.1\r\n{}\r\n", "X: a\r\n".repeat(65));
    assert_eq!(server.connect().ask(many.as_bytes()).status, 431);
    serves(&server);
}

#[test]
fn garbage_and_cut_bodies_disturb_nobody() {
    let server = Server::start(&[]);
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"\r\n\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\0\0\0\0",
    ] {
        let mut connection = server.connect();
        connection.send(garbage);
        connection.shut();
        assert!(connection.is_closed(), "{garbage:?}");
    }
    let picture = holiday("hills.jpg");
    let head = format!("POST /v1/hash HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", picture.len());
    let mut cut = 0;
    for length in (0..picture.len()).step_by(1000) {
        let mut connection = server.connect();
        connection.send(head.as_bytes());
        connection.send(&picture[..length]);
        if length % 2000 == 0 {
            connection.shut();
            assert!(connection.is_closed());
        }
        cut += 1;
    }
    println!("cut at {cut} places");
    assert!(cut >= 10);
    // A chunk that is none.
    let wrong = "POST /v1/hash HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n";
    let status = server.connect().ask(wrong.as_bytes()).status;
    assert_eq!(status, 400);
    serves(&server);
}

#[test]
fn slow_clients_meet_timers() {
    let (_folder, path) = known(&["hills.jpg"]);
    let times = ["--head-timeout", "1", "--body-timeout", "1.5", "--gallery", &path];
    let server = Server::start(&times);
    let began = Instant::now();
    let mut silent = server.connect();
    let mut head = server.connect();
    head.send(b"GET /healthz HTTP/1.1\r\nHost:");
    let mut idle = server.connect();
    assert_eq!(idle.ask(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").status, 200);
    let mut body = server.connect();
    body.send(b"POST /v1/hash HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n123");
    let mut lines = server.connect();
    lines.send(b"POST /v1/lookup HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n");
    // Bytes that trickle in win no time.
    for _ in 0..4 {
        head.send(b" ");
        body.send(b"4");
        std::thread::sleep(Duration::from_millis(200));
    }
    serves(&server);
    body.answer().unwrap().problem(408, "timeout");
    assert!(silent.is_closed() && idle.is_closed());
    // Some versions of the library answer a head that is not whole, others only close.
    assert!(head.answer().is_none_or(|answer| answer.status == 408));
    let last = lines.answer().unwrap();
    assert_eq!(last.status, 200);
    assert!(last.text().lines().last().unwrap().contains(r#""error_code":"timeout""#), "{}", last.text());
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    serves(&server);
}

#[test]
fn idle_connections_make_room() {
    let server = Server::start(&["--connections", "20"]);
    let mut idle: Vec<Connection> = (0..100).map(|_| server.connect()).collect();
    serves(&server);
    assert!(idle[0].is_closed(), "the longest idle goes first");
    for connection in &mut idle[1..40] {
        assert!(connection.is_closed());
    }
    // Those in flight keep their places.
    let server = Server::start(&["--connections", "2", "--body-timeout", "20"]);
    let mut slow = server.connect();
    slow.send(b"POST /v1/hash HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n12");
    std::thread::sleep(Duration::from_millis(200));
    (0..10).for_each(|_| serves(&server));
    slow.send(b"34");
    assert_eq!(slow.answer().unwrap().status, 422);
}

#[test]
fn bodies_beyond_the_memory_are_refused_and_lost_by_nobody() {
    // A quarter of it is for bodies.
    let server = Server::start(&["--memory", "64M"]);
    let head = format!("POST /v1/hash HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", 12 << 20);
    let picture = holiday("window.png");
    let padded = [picture.clone(), vec![0; (12 << 20) - picture.len()]].concat();
    let mut first = server.connect();
    first.send(head.as_bytes());
    first.send(&padded[..11 << 20]);
    std::thread::sleep(Duration::from_millis(500));
    let began = Instant::now();
    let refused = server.connect().ask(&[head.as_bytes(), &padded[..5 << 20]].concat());
    refused.problem(503, "overloaded");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert!(began.elapsed() >= Duration::from_secs(2) && began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    serves(&server);
    first.send(&padded[11 << 20..]);
    assert_eq!(first.answer().unwrap().status, 200);
    // Whoever goes gives back what was lent.
    let mut gone = server.connect();
    gone.send(head.as_bytes());
    gone.send(&padded[..11 << 20]);
    std::thread::sleep(Duration::from_millis(300));
    drop(gone);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(server.post("/v1/hash", "", &padded).status, 200);
    serves(&server);
}

#[test]
fn clients_that_send_next_to_nothing_keep_nobody_out() {
    let picture = holiday("window.png");
    let large = [picture.clone(), vec![0; (12 << 20) - picture.len()]].concat();
    let (_folder, path) = known(&["hills.jpg"]);
    let server = Server::start(&["--memory", "64M", "--gallery", &path]);
    let heads = [
        "POST /v1/match HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n".to_string(),
        format!("POST /v1/hash HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", 64 << 20),
    ];
    let mut slow = Vec::new();
    for (number, clients) in [4, 200].into_iter().enumerate() {
        slow.extend((0..clients).map(|number| {
            let mut client = server.connect();
            client.send(heads[number % 2].as_bytes());
            client
        }));
        std::thread::sleep(Duration::from_millis(300));
        let held = server.get("/v1/totals").is(200)["in_flight_bytes"].as_u64().unwrap();
        assert!(held <= slow.len() as u64 * 1024, "{number}: {held}");
        let began = Instant::now();
        serves(&server);
        assert_eq!(server.post("/v1/hash", "", &large).status, 200);
        assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    }
    // Where large ones hold all else, small ones still get through.
    let head = format!("POST /v1/hash HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", 32 << 20);
    let mut full = server.connect();
    full.send(head.as_bytes());
    full.send(&vec![0; 16 << 20]);
    std::thread::sleep(Duration::from_millis(500));
    for _ in 0..4 {
        let began = Instant::now();
        serves(&server);
        assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    }
}

//! How a service begins, ends, and is followed by another.

use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::client::{Connection, Server, holiday};
use super::known;

#[test]
fn an_end_is_announced_and_finishes_what_is_in_flight() {
    let mut server = Server::start(&["--notice", "1.5"]);
    let mut slow = server.connect();
    let picture = holiday("window.png");
    let head = format!("POST /v1/hash HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", picture.len());
    slow.send(head.as_bytes());
    slow.send(&picture[..100]);
    let mut idle = server.connect();
    server.terminate();
    server.line_with("ending");
    let reasons = server.get("/readyz").is(503)["reasons"].clone();
    assert!(reasons.as_array().unwrap().iter().any(|one| one == "the service ends"), "{reasons}");
    assert_eq!(server.post("/v1/hash", "", &picture).status, 200, "it still serves");
    std::thread::sleep(Duration::from_secs(2));
    assert!(idle.is_closed());
    assert!(std::net::TcpStream::connect(server.address).is_err(), "it accepts nothing more");
    slow.send(&picture[100..]);
    assert_eq!(slow.answer().unwrap().status, 200);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn what_does_not_finish_is_cut() {
    let mut server = Server::start(&["--notice", "0", "--grace", "0.5"]);
    let mut slow = server.connect();
    slow.send(b"POST /v1/hash HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n123");
    std::thread::sleep(Duration::from_millis(200));
    let began = Instant::now();
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
    assert!(slow.is_closed() && began.elapsed() < Duration::from_secs(20));
    server.line_with("did not finish");
}

#[test]
fn pictures_of_callers_that_are_gone_are_not_hashed() {
    let server = Server::bare(&["--listen", "127.0.0.1:0", "--threads", "1", "--metrics", "127.0.0.1:0"]);
    let line = server.line_with("metrics at");
    let address = line.split("http://").nth(1).unwrap().trim_end_matches("/metrics").parse().unwrap();
    let number = |name: &str| -> u64 {
        let numbers = Connection::to(address).ask(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").text();
        let line =
            numbers.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(String::from));
        line.map_or(0, |value| value.parse().unwrap())
    };
    let picture = holiday("hills.jpg");
    let head = format!("POST /v1/hash HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", picture.len());
    let callers = 100;
    for _ in 0..callers {
        let mut caller = server.connect();
        caller.send(head.as_bytes());
        caller.send(&picture);
    }
    // Who still asks is answered, and everything that was lent is back.
    assert_eq!(server.post("/v1/hash", "", &holiday("window.png")).status, 200);
    let began = Instant::now();
    while number("shadegrid_permits_bytes") > 0 {
        assert!(began.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(20));
    }
    let hashed = number("shadegrid_records_total{code=\"ok\"}");
    println!("{hashed} of {callers} pictures were hashed");
    assert!((1..callers).contains(&hashed), "{hashed} of {callers}");
}

#[test]
fn lines_without_end_do_not_keep_a_service_from_ending() {
    let (_folder, path) = known(&["hills.jpg"]);
    let mut server = Server::start(&["--notice", "0", "--gallery", &path]);
    let mut lines = server.connect();
    lines.send(b"POST /v1/lookup HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{}\n\r\n");
    lines.head();
    assert!(String::from_utf8(lines.part().unwrap()).unwrap().contains("checked"));
    let began = Instant::now();
    server.terminate();
    let last = String::from_utf8(lines.part().unwrap()).unwrap();
    assert!(last.contains("not_ready") && lines.part().is_none(), "{last}");
    assert_eq!(server.wait().code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[test]
fn another_process_takes_the_port_over() {
    let (_folder, path) = known(&["hills.jpg"]);
    let options = ["--reuse-port", "--notice", "0.2", "--gallery", &path];
    let mut first = Server::start(&options);
    let address = first.address;
    let (done, asked) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let ask = || {
            while !done.load(Ordering::Relaxed) {
                let answer = Connection::to(address).ask(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
                assert_eq!(answer.status, 200);
                asked.fetch_add(1, Ordering::Relaxed);
            }
        };
        let asking = [scope.spawn(ask), scope.spawn(ask), scope.spawn(ask)];
        let second = Server::at(&address.to_string(), &options);
        first.terminate();
        assert_eq!(first.wait().code(), Some(0));
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(second.get("/readyz").status, 200);
        done.store(true, Ordering::Relaxed);
        // The second one lives until the last of them has its answer.
        asking.into_iter().for_each(|thread| thread.join().unwrap());
    });
    println!("{} connections, none refused", asked.load(Ordering::Relaxed));
    assert!(asked.load(Ordering::Relaxed) >= 100);
}

fn refused(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shadegrid"));
    let output = command.arg("serve").args(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn what_is_not_safe_or_not_there_is_refused_at_the_start() {
    assert!(refused(&["--listen", "0.0.0.0:0"]).contains("--plain"));
    assert!(refused(&["--listen", "[::]:0"]).contains("--plain"));
    assert!(refused(&["--listen", "127.0.0.1:0", "--gallery", "none.gallery"]).contains("none.gallery"));
    let (folder, path) = known(&["hills.jpg"]);
    std::fs::create_dir(folder.path().join("b")).unwrap();
    let same = folder.path().join("b/known.gallery");
    std::fs::copy(&path, &same).unwrap();
    let same = same.to_str().unwrap();
    assert!(
        refused(&["--listen", "127.0.0.1:0", "--gallery", &path, "--gallery", same])
            .contains("two galleries")
    );
    std::fs::write(same, b"no gallery").unwrap();
    assert!(refused(&["--listen", "127.0.0.1:0", "--gallery", same]).contains("known.gallery"));
    let server = Server::start(&[]);
    assert!(refused(&["--listen", &server.address.to_string()]).contains("cannot listen"));
}

#[test]
fn every_answer_has_an_id_of_its_own_and_logs_say_no_more_than_they_may() {
    let (_folder, path) = known(&["hills.jpg"]);
    let server = Server::start(&["--gallery", &path, "--log", "json"]);
    let mut ids = std::collections::BTreeSet::new();
    for path in ["/healthz", "/none?token=secret", "/v1/galleries", "/v1/hash"] {
        ids.insert(server.get(path).header("request-id").unwrap().to_string());
    }
    let picture = holiday("hills.jpg");
    let record = server.post("/v1/match?key=secret.jpg", "", &picture).is(200);
    assert_eq!(ids.len(), 4);
    let log = server.rest_of_lines().join("\n");
    assert!(ids.iter().all(|id| log.contains(id)), "{log}");
    let lines = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let requests: Vec<_> = lines.filter(|line| line["event"] == "request").collect();
    assert_eq!(requests.len(), 5);
    let last = &requests[4];
    assert_eq!(
        (&last["route"], &last["status"], &last["face"]),
        (&"/v1/match".into(), &200.into(), &"v1".into())
    );
    for secret in
        ["secret", record["pdq"].as_str().unwrap(), record["photodna"].as_str().unwrap(), "known.gallery"]
    {
        assert!(!log.contains(secret), "{log}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_said_at_readyz() {
    let (folder, path) = known(&["hills.jpg"]);
    let (data, aside) = (folder.path().join("data"), folder.path().join("aside"));
    let server = Server::start(&["--gallery", &path, "--data", data.to_str().unwrap(), "--no-keys"]);
    assert_eq!(server.get("/readyz").status, 200);
    let until = |status: u16| {
        let began = Instant::now();
        while server.get("/readyz").status != status {
            assert!(began.elapsed() < super::client::PATIENCE, "never {status}");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    // As if the disk were taken away.
    std::fs::rename(&data, &aside).unwrap();
    until(503);
    assert_eq!(server.get("/readyz").is(503)["reasons"][0], "the disk cannot be written");
    assert_eq!(server.post("/v1/match", "", &holiday("hills.jpg")).status, 200, "it still answers");
    std::fs::rename(&aside, &data).unwrap();
    until(200);
}

#[test]
fn a_queue_that_is_full_is_said_at_readyz() {
    let (_folder, path) = known(&["hills.jpg"]);
    let server = Server::bare(&["--listen", "127.0.0.1:0", "--threads", "1", "--gallery", &path]);
    assert_eq!(server.get("/readyz").is(200)["ready"], true);
    let picture = holiday("hills-small.jpg");
    let address = server.address;
    let (done, refused, hashed) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    // One is hashed, 64 wait, and whoever is refused comes back at once.
    let ask = || {
        let head = format!("POST /v1/hash HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", picture.len());
        let (request, mut connection) = ([head.as_bytes(), &picture].concat(), Connection::to(address));
        while !done.load(Ordering::Relaxed) {
            match connection.ask(&request).status {
                200 => hashed.fetch_add(1, Ordering::Relaxed),
                503 => refused.fetch_add(1, Ordering::Relaxed),
                status => panic!("{status}"),
            };
        }
    };
    let until = |status: u16| {
        let began = Instant::now();
        loop {
            let answer = server.get("/readyz");
            if answer.status == status {
                return answer.is(status);
            }
            assert!(began.elapsed() < super::client::PATIENCE, "never {status}");
        }
    };
    std::thread::scope(|scope| {
        (0..100).for_each(|_| drop(scope.spawn(ask)));
        let full = until(503);
        done.store(true, Ordering::Relaxed);
        assert_eq!((&full["ready"], full["reasons"].as_array().unwrap().len()), (&false.into(), 1), "{full}");
        assert_eq!(full["reasons"][0], "as many pictures wait as may");
        assert_eq!(server.get("/healthz").status, 200, "it lives all the same");
    });
    assert_eq!(until(200)["reasons"].as_array().unwrap().len(), 0);
    println!("{} hashed, {} refused", hashed.load(Ordering::Relaxed), refused.load(Ordering::Relaxed));
}

#[test]
fn numbers_are_served_and_nothing_of_a_request_is_a_label() {
    let (_folder, path) = known(&["hills.jpg"]);
    let server = Server::start(&["--gallery", &path, "--metrics", "127.0.0.1:0"]);
    let line = server.line_with("metrics at");
    let address = line.split("http://").nth(1).unwrap().trim_end_matches("/metrics").parse().unwrap();
    let numbers = || Connection::to(address).ask(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").text();
    assert_eq!(server.post("/v1/match?key=secret", "", &holiday("hills-small.jpg")).status, 200);
    assert_eq!(server.post("/v1/hash?secret=1", "", b"x").status, 400);
    assert_eq!(server.post("/v1/hash", "", b"x").status, 422);
    server.get("/secret");
    // What pictures held is given back when they are done, which may be a moment after their answers.
    let given_back = |now: &String| now.lines().any(|line| line == "shadegrid_permits_bytes 0");
    let now =
        std::iter::repeat_with(numbers).take(1000).find(given_back).expect("what is held is given back");
    let helps: Vec<&str> = now.lines().filter(|line| line.starts_with("# HELP")).collect();
    assert!(
        helps.len() > 10 && helps.iter().all(|line| line.ends_with('.') && !line.ends_with("..")),
        "{helps:#?}"
    );
    for line in [
        r#"shadegrid_http_requests_total{face="v1",route="/v1/match",status="200"} 1"#,
        r#"shadegrid_http_requests_total{face="v1",route="none",status="404"} 1"#,
        r#"shadegrid_records_total{code="ok"} 1"#,
        r#"shadegrid_records_total{code="input"} 1"#,
        "shadegrid_helper_restarts_total 0",
        r#"shadegrid_matches_total{gallery="known"} 2"#,
        r#"shadegrid_gallery_entries{gallery="known"} 1"#,
        "shadegrid_permits_bytes 0",
        "shadegrid_gallery_reload_failed_total 0",
        r#"shadegrid_queue{lane="interactive"} 0"#,
        r#"shadegrid_queue{lane="bulk"} 0"#,
        r#"shadegrid_queue{lane="search"} 0"#,
        // Two pictures and one look-up; a body that is refused by its query string is not read.
        r#"shadegrid_phase_seconds_count{phase="read"} 2"#,
        r#"shadegrid_phase_seconds_count{phase="wait"} 3"#,
        r#"shadegrid_phase_seconds_count{phase="decode"} 2"#,
        r#"shadegrid_phase_seconds_count{phase="hash"} 2"#,
        r#"shadegrid_phase_seconds_count{phase="search"} 1"#,
        "shadegrid_batch_size_sum 1.0",
        "shadegrid_batch_size_count 1",
        "# EOF",
    ] {
        assert!(now.lines().any(|one| one == line), "{line}: {now}");
    }
    assert!(now.contains("shadegrid_http_seconds_bucket") && !now.contains("secret"), "{now}");
}

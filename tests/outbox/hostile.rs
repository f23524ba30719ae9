//! Bodies that are no reports.

use super::*;

#[test]
fn a_body_that_is_no_report_gets_a_problem() {
    let place = Place::new();
    let server = place.serve_with(&["--no-keys", "--max-request-bytes", "1M", "--max-pictures", "20"]);
    let ask = |body: &[u8]| {
        let headers = "Content-Type: application/json\r\nIdempotency-Key: a\r\n";
        server.post_with("/v1/reports", headers, body)
    };
    let nested = |depth: usize| format!("{{\"incident\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    let many = format!("{{\"incident\":[{}]}}", vec!["{}"; 70_000].join(","));
    let unknown: String = (0..5000).map(|at| format!("\"m{at}\":1,")).collect();
    let files = |count: usize| {
        let mut report = report(1, &[]);
        report["files"] = (0..count).map(|at| json!({ "id": format!("f{at}"), "data": "" })).collect();
        report.to_string()
    };
    let with = |path: &str, value: Value| {
        let mut report = report(1, &[1]);
        *report.pointer_mut(path).unwrap() = value;
        report.to_string()
    };
    let mut cases = 0;
    for (body, status, code, path, rule) in [
        ("", 400, "report", "", "json"),
        ("{", 400, "report", "", "json"),
        ("{} {}", 400, "report", "", "json"),
        ("{\"incident\":{},\"incident\":{}}", 400, "report", "", "json"),
        (&nested(100_000), 400, "report", "", "json"),
        (&many, 400, "report", "", "json"),
        ("[]", 422, "report", "", "type"),
        ("null", 422, "report", "", "type"),
        ("\"x\"", 422, "report", "", "type"),
        ("1e400", 400, "report", "", "json"),
        (&nested(100), 422, "report", "incident", "type"),
        (&format!("{{{unknown}\"incident\":1}}"), 422, "report", "m0", "unknown"),
        (&with("/incident", json!(7)), 422, "report", "incident", "type"),
        (&with("/incident/time", json!(7)), 422, "report", "incident.time", "type"),
        (&with("/incident/time", json!("2025-11-25T09:00:00")), 422, "report", "incident.time", "zone"),
        (&with("/additional_info", json!("a\u{0}b")), 422, "report", "additional_info", "character"),
        (&with("/files", json!({})), 422, "report", "files", "type"),
        (&with("/files/0", json!("x")), 422, "report", "files[0]", "type"),
        (&with("/files/0/data", json!("no base64!")), 422, "report", "files[0].data", "form"),
        (&with("/files/0/viewed", json!("yes")), 422, "report", "files[0].viewed", "type"),
        (&with("/files/0", json!({ "id": "a" })), 422, "report", "files[0]", "exactly_one"),
        (&with("/files/0/name", json!("n".repeat(3000))), 422, "report", "files[0].name", "length"),
    ] {
        let answer = ask(body.as_bytes());
        answer.problem(status, code);
        let problems = answer.json()["problems"].as_array().unwrap().clone();
        let found = problems.iter().any(|problem| problem["path"] == path && problem["rule"] == rule);
        assert!(found && problems.len() <= 1000, "{path} {rule}: {problems:?}");
        assert!(answer.body.len() < 200_000);
        cases += 1;
    }
    assert!(
        ask(&format!("{{{unknown}\"incident\":1}}").into_bytes())
            .problem(422, "report")
            .contains("of which 1000 are shown")
    );
    ask(b"\xff\xfe{}").problem(400, "input");
    ask(&vec![b' '; (1 << 20) + 1]).problem(413, "limit");
    assert!(ask(files(21).as_bytes()).problem(413, "limit").contains("files"));
    println!("{cases} bodies that are no reports");
    // Nothing of these was kept, and the key is free.
    assert!(server.get("/v1/reports").is(200)["reports"].as_array().unwrap().is_empty());
    let id = ask(files(20).as_bytes()).is(202)["id"].as_str().unwrap().to_string();
    assert_eq!(in_state(&server, &id, "preserved")["ncmec"]["file_ids"].as_array().unwrap().len(), 20);
}

#[test]
fn a_body_that_stops_or_is_cut_is_nothing() {
    let place = Place::new();
    let server = place.serve_with(&["--no-keys", "--body-timeout", "0.5"]);
    let head = |length: usize| {
        format!(
            "POST /v1/reports HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nIdempotency-Key: a\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    let body = report(1, &[1000]).to_string();
    let mut slow = server.connect();
    slow.send(format!("{}{}", head(body.len()), &body[..500]).as_bytes());
    slow.answer().expect("an answer").problem(408, "timeout");
    let mut cut = server.connect();
    cut.send(format!("{}{}", head(body.len()), &body[..500]).as_bytes());
    cut.shut();
    drop(cut);
    // What is whole is kept, although nobody waits for the answer.
    let mut gone = server.connect();
    gone.send(format!("{}{body}", head(body.len())).as_bytes());
    let id = until("it is kept", || {
        let all = server.get("/v1/reports").is(200);
        all["reports"][0]["id"].as_str().map(String::from)
    });
    drop(gone);
    in_state(&server, &id, "preserved");
    finished_once(&place, &[(1, vec![1000])]);
}

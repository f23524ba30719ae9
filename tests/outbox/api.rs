//! `/v1/reports`.

use super::*;

#[test]
fn a_report_is_kept_filed_once_and_shown() {
    let place = Place::new();
    let server = place.serve_with(&["--no-keys", "--log", "json", "--metrics", "127.0.0.1:0"]);
    let answer = submit(&server, "case-1", &report(1, &[0, 200_000]));
    let kept = answer.is(202);
    let id = kept["id"].as_str().unwrap();
    assert_eq!(answer.header("location"), Some(&*format!("/v1/reports/{id}")));
    assert_eq!(
        (&kept["state"], &kept["mode"], kept.as_object().unwrap().len()),
        (&"queued".into(), &"test".into(), 3)
    );
    let shown = in_state(&server, id, "preserved");
    finished_once(&place, &[(1, vec![0, 200_000])]);
    assert_eq!(shown["ncmec"]["file_ids"].as_array().unwrap().len(), 2);
    assert_eq!(shown["ncmec"]["request_ids"].as_array().unwrap().len(), 6);
    let calls: Vec<&str> =
        shown["requests"].as_array().unwrap().iter().map(|call| call["call"].as_str().unwrap()).collect();
    assert_eq!(calls, ["submit", "upload", "fileinfo", "upload", "fileinfo", "finish"]);
    assert!(shown["finished"].is_string() && shown["preserve_until"].is_string() && shown["attempts"] == 1);
    assert!(
        shown["next_attempt"].is_null() && shown["last_error"].is_null() && shown.get("request").is_none()
    );
    // The command shows the same.
    let output = place.report(&["show", id]);
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap(), shown);
    // The same key is the same report, whatever became of it.
    let again = submit(&server, "case-1", &report(1, &[0, 200_000])).is(202);
    assert_eq!((&again["id"], &again["state"]), (&kept["id"], &"preserved".into()));
    let said = submit(&server, "case-1", &report(2, &[])).problem(409, "conflict");
    assert!(said.contains("Idempotency-Key"), "{said}");
    finished_once(&place, &[(1, vec![0, 200_000])]);
    let lines = server.rest_of_lines();
    let event = |name: &str| {
        let name = format!("\"event\":\"{name}\"");
        lines.iter().find(|line| line.contains(&name)).unwrap_or_else(|| panic!("no {name}: {lines:#?}"))
    };
    for name in ["report_queued", "report_opened", "report_finished"] {
        assert!(event(name).contains(id), "{lines:#?}");
    }
    assert!(!lines.concat().contains("item 1") && !lines.concat().contains(PASSWORD));
}

#[test]
fn the_same_key_at_once_is_one_report() {
    let place = Place::new();
    let server = place.serve();
    let ids: Vec<Value> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| submit(&server, "at once", &report(7, &[100_000])).is(202)["id"].clone()))
            .collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    in_state(&server, ids[0].as_str().unwrap(), "preserved");
    finished_once(&place, &[(7, vec![100_000])]);
    let all = server.get("/v1/reports").is(200);
    assert_eq!((all["reports"].as_array().unwrap().len(), &all["next"]), (1, &Value::Null));
}

#[test]
fn what_is_kept_as_evidence_is_named() {
    let place = Place::new();
    let server = place.serve();
    let first = submit(&server, "a", &report(1, &[5])).is(202);
    in_state(&server, first["id"].as_str().unwrap(), "preserved");
    let name = format!("sha256:{}", sha256(&content(1, 0, 5)));
    let mut second = report(2, &[]);
    second["files"] = json!([{ "id": "f", "name": "2-0.jpg", "evidence": name }]);
    let id = submit(&server, "b", &second).is(202)["id"].clone();
    in_state(&server, id.as_str().unwrap(), "preserved");
    let finished = place.reports("finished");
    assert!(finished.len() == 2 && finished[1]["files"][0]["sha256"] == finished[0]["files"][0]["sha256"]);
    second["files"][0]["evidence"] = format!("sha256:{}", "0".repeat(64)).into();
    let none = submit(&server, "c", &second).is(422);
    assert_eq!(
        (&none["problems"][0]["path"], &none["problems"][0]["rule"]),
        (&"files[0].evidence".into(), &"evidence".into())
    );
}

#[test]
fn every_broken_rule_is_named_and_nothing_is_sent() {
    let place = Place::new();
    let server = place.serve();
    let mut broken = report(1, &[3]);
    broken["files"][0]["relevance"] = "Supplemental Reported".into();
    broken["files"][0]["classification"] = "A1".into();
    broken["incident"]["time"] = "2999-01-01T00:00:00Z".into();
    broken["mode"] = "production".into();
    broken["other"] = 1.into();
    let answer = submit(&server, "a", &broken);
    assert!(answer.problem(422, "report").contains("4 rules"));
    let named = |answer: &Answer| {
        let problems = answer.json()["problems"].as_array().unwrap().clone();
        let part = |problem: &Value, name: &str| problem[name].as_str().unwrap().to_string();
        assert!(problems.iter().all(|problem| !part(problem, "message").is_empty()));
        problems.iter().map(|one| (part(one, "path"), part(one, "rule"))).collect::<Vec<_>>()
    };
    let expected = [
        ("other", "unknown"),
        ("incident.time", "past"),
        ("files[0].classification", "supplemental"),
        ("mode", "configuration"),
    ];
    assert_eq!(named(&answer), expected.map(|(path, rule)| (path.to_string(), rule.to_string())));
    // The key is free: nothing was kept under it.
    let id = submit(&server, "a", &report(1, &[3])).is(202)["id"].clone();
    in_state(&server, id.as_str().unwrap(), "preserved");
    finished_once(&place, &[(1, vec![3])]);
    assert_eq!(place.known()["requests"]["submit"], 1);
    for (headers, status, code, says) in [
        ("Content-Type: application/json\r\n", 400, "input", "Idempotency-Key"),
        ("Content-Type: application/json\r\nIdempotency-Key: \r\n", 400, "input", "Idempotency-Key"),
        ("Content-Type: application/json\r\nIdempotency-Key: a\tb\r\n", 400, "input", "Idempotency-Key"),
        (
            "Content-Type: application/json\r\nIdempotency-Key: a\r\nIdempotency-Key: b\r\n",
            400,
            "input",
            "Idempotency-Key",
        ),
        ("Content-Type: text/plain\r\nIdempotency-Key: c\r\n", 415, "unsupported", "Content-Type"),
    ] {
        let answer = server.post_with("/v1/reports", headers, report(9, &[]).to_string().as_bytes());
        assert!(answer.problem(status, code).contains(says), "{headers}");
    }
    let long = format!("Content-Type: application/json\r\nIdempotency-Key: {}\r\n", "k".repeat(256));
    server.post_with("/v1/reports", &long, b"{}").problem(400, "input");
    assert_eq!(server.get("/v1/reports").is(200)["reports"].as_array().unwrap().len(), 1);
}

#[test]
fn reports_are_listed_page_by_page() {
    let place = Place::with("pause = 3600\n");
    place.faults(json!([{ "status": 500, "times": 1000 }]));
    let server = place.serve();
    let mut ids: Vec<String> = (0..7)
        .map(|number| {
            submit(&server, &format!("k{number}"), &report(number, &[])).is(202)["id"]
                .as_str()
                .unwrap()
                .to_string()
        })
        .collect();
    ids.sort();
    ids.reverse();
    let (mut seen, mut before) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("/v1/reports?limit=3{before}")).is(200);
        let reports = page["reports"].as_array().unwrap();
        assert!(reports.len() <= 3);
        seen.extend(reports.iter().map(|report| report["id"].as_str().unwrap().to_string()));
        let Some(next) = page["next"].as_str() else { break };
        before = format!("&before={next}");
    }
    assert_eq!(seen, ids);
    // All of it is the first attempt's: the next one is an hour away.
    until("all were tried", || {
        let queued = server.get("/v1/reports?state=queued").is(200);
        let reports = queued["reports"].as_array().unwrap().clone();
        reports
            .iter()
            .all(|report| report["attempts"] == 1 && report["last_error"].is_string())
            .then_some(reports.len())
            .filter(|count| *count == 7)
    });
    assert!(server.get("/v1/reports?state=preserved").is(200)["reports"].as_array().unwrap().is_empty());
    for (query, says) in [
        ("state=other", "state must be one of queued"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=x", "limit"),
        ("offset=1", "before"),
    ] {
        assert!(server.get(&format!("/v1/reports?{query}")).problem(400, "input").contains(says), "{query}");
    }
    assert!(server.get("/v1/reports?before=0").is(200)["reports"].as_array().unwrap().is_empty());
    // Tried now, they are not waited for any longer.
    place.faults(json!([]));
    for id in &ids {
        server.post(&format!("/v1/reports/{id}/retry"), "", b"").is(202);
    }
    ids.iter().for_each(|id| drop(in_state(&server, id, "preserved")));
    finished_once(&place, &(0..7).map(|number| (number, Vec::new())).collect::<Vec<_>>());
}

#[test]
fn what_is_not_filed_is_taken_back() {
    let place = Place::with("pause = 3600\n");
    place.faults(
        json!([{ "step": "submit", "status": 500 }, { "step": "upload", "slow_ms": 2000, "after": true }]),
    );
    let server = place.serve();
    let post = |id: &str, what: &str| server.post(&format!("/v1/reports/{id}/{what}"), "", b"");
    let submitted = |key: &str, number| {
        submit(&server, key, &report(number, &[9])).is(202)["id"].as_str().unwrap().to_string()
    };
    let waiting = submitted("a", 1);
    until("it waits", || {
        let shown = server.get(&format!("/v1/reports/{waiting}")).is(200);
        (shown["last_error"].is_string() && shown["state"] == "queued").then_some(())
    });
    assert_eq!(post(&waiting, "retract").is(200)["state"], "cancelled");
    assert_eq!(post(&waiting, "retract").is(200)["state"], "cancelled");
    post(&waiting, "retry").problem(409, "state");
    // One that is being sent is stopped before its next step.
    let sent = submitted("b", 2);
    in_state(&server, &sent, "uploading");
    assert_eq!(post(&sent, "retract").is(202)["state"], "uploading");
    in_state(&server, &sent, "retracted");
    until("it is retracted at NCMEC", || (place.reports("retracted").len() == 1).then_some(()));
    let filed = submitted("c", 3);
    in_state(&server, &filed, "preserved");
    assert!(post(&filed, "retract").problem(409, "state").contains("cannot be undone"));
    post(&filed, "retry").problem(409, "state");
    for path in ["none", "none/retract", "none/retry"] {
        let method = if path == "none" { "GET" } else { "POST" };
        let head = format!("{method} /v1/reports/{path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
        assert!(!server.connect().ask(head.as_bytes()).problem(404, "not_found").contains("none"));
    }
    finished_once(&place, &[(3, vec![9])]);
}

#[test]
fn what_failed_is_an_alarm_and_tried_again_by_a_person() {
    let place = Place::new();
    let server = place.serve_with(&["--no-keys", "--log", "json", "--metrics", "127.0.0.1:0"]);
    // A rule that NCMEC knows, and the check here does not.
    let mut wrong = report(1, &[]);
    wrong["reported"] =
        json!({ "emails": [{ "email": "a@b.example", "verified_at": "2025-01-01T00:00:00Z" }] });
    let id = submit(&server, "a", &wrong).is(202)["id"].as_str().unwrap().to_string();
    let failed = in_state(&server, &id, "failed");
    assert_eq!((&failed["code"], failed["next_attempt"].is_null()), (&4100.into(), true), "{failed}");
    let alarm = server.line_with("report_alarm");
    assert!(
        alarm.contains(&id) && alarm.contains("\"alarm\":\"failed\"") && !alarm.contains("b.example"),
        "{alarm}"
    );
    // It may have been taken up already when this answers.
    assert_eq!(server.post(&format!("/v1/reports/{id}/retry"), "", b"").is(202)["id"], id.as_str());
    server.line_with("report_alarm");
    in_state(&server, &id, "failed");
    assert!(place.reports("finished").is_empty());
}

#[test]
fn numbers_say_what_waits_and_what_a_person_has_to_see_to() {
    let place = Place::with("pause = 3600\n");
    place.faults(json!([{ "step": "submit", "status": 500 }]));
    let server = place.serve_with(&["--no-keys", "--metrics", "127.0.0.1:0"]);
    let line = server.line_with("metrics at");
    let address = line.split("http://").nth(1).unwrap().split('/').next().unwrap().parse().unwrap();
    let number = |name: &str| {
        let page = Connection::to(address).ask(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").text();
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
        line.unwrap_or_else(|| panic!("no {name} in {page}"))
    };
    assert_eq!(
        (number("shadegrid_outbox{state=\"queued\"}"), number("shadegrid_outbox_oldest_seconds")),
        (0, 0)
    );
    assert_eq!(number("shadegrid_outbox_alarms_total{kind=\"failed\"}"), 0);
    let id = submit(&server, "a", &report(1, &[])).is(202)["id"].as_str().unwrap().to_string();
    until("it is counted", || (number("shadegrid_outbox{state=\"queued\"}") == 1).then_some(()));
    until("it grows old", || (number("shadegrid_outbox_oldest_seconds") > 0).then_some(()));
    server.post(&format!("/v1/reports/{id}/retry"), "", b"").is(202);
    until("it is filed", || (number("shadegrid_outbox{state=\"preserved\"}") == 1).then_some(()));
    assert_eq!(
        (number("shadegrid_outbox{state=\"queued\"}"), number("shadegrid_outbox_oldest_seconds")),
        (0, 0)
    );
    // Credentials that are not accepted any more: an alarm, and nothing more is sent until a person says so.
    fs::write(place.path("password"), "another one").unwrap();
    let id = submit(&server, "b", &report(2, &[])).is(202)["id"].as_str().unwrap().to_string();
    until("the alarm", || (number("shadegrid_outbox_alarms_total{kind=\"credentials\"}") == 1).then_some(()));
    assert_eq!(server.get("/healthz").status, 200);
    fs::write(place.path("password"), PASSWORD).unwrap();
    assert!(place.report(&["resume", "test"]).status.success());
    in_state(&server, &id, "preserved");
    finished_once(&place, &[(1, vec![]), (2, vec![])]);
}

#[test]
fn a_key_needs_the_scope() {
    let place = Place::new();
    let data = place.path("data");
    let (other, own) =
        (add_key(&data, "hash,match,lookup,galleries:read,galleries:write"), add_key(&data, "report"));
    let server = place.serve_with(&[]);
    let ask = |method: &str, path: &str, key: &str, body: &str| {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\nOcp-Apim-Subscription-Key: {key}\r\n\
             Idempotency-Key: a\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        server.connect().ask(head.as_bytes())
    };
    let body = report(1, &[]).to_string();
    for (method, path) in [
        ("POST", "/v1/reports"),
        ("GET", "/v1/reports"),
        ("GET", "/v1/reports/x"),
        ("POST", "/v1/reports/x/retract"),
        ("POST", "/v1/reports/x/retry"),
    ] {
        assert!(ask(method, path, &other, &body).problem(403, "scope").contains("report"), "{path}");
        ask(method, path, "sg_a_b", &body).problem(401, "key");
    }
    assert_eq!(ask("POST", "/photodna/v1.0/Report", &other, "{}").is(403)["statusCode"], 403);
    assert_eq!(ask("POST", "/photodna/v1.0/Report", &own, "{}").is(400)["Status"]["Code"], 3002);
    ask("POST", "/v1/hash", &own, "x").problem(403, "scope");
    assert!(place.known()["requests"].as_object().unwrap().is_empty());
    let id = ask("POST", "/v1/reports", &own, &body).is(202)["id"].as_str().unwrap().to_string();
    until("it is filed", || {
        (ask("GET", &format!("/v1/reports/{id}"), &own, "").is(200)["state"] == "preserved").then_some(())
    });
    // Who asked for it stands in the audit log.
    let output = Command::new(env!("CARGO_BIN_EXE_shadegrid"))
        .args(["audit", "export", "--data"])
        .arg(&data)
        .output()
        .unwrap();
    let line = String::from_utf8(output.stdout).unwrap().lines().next().unwrap().to_string();
    let line: Value = serde_json::from_str(&line).unwrap();
    let who = own.split('_').nth(1).unwrap();
    assert_eq!(
        (&line["who"], &line["action"], &line["subject"]),
        (&who.into(), &"report.submit".into(), &id.into())
    );
}

//! How the service begins and ends with reports, and who else uses their folder.

use super::*;

fn check(place: &Place, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shadegrid"));
    // What a configuration says stands in no option.
    let listen: &[&str] = if arguments.contains(&"--config") { &[] } else { &["--listen", "127.0.0.1:0"] };
    let output = command
        .arg("serve")
        .args(listen)
        .args(arguments)
        .arg("--check")
        .current_dir(place.folder.path())
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn what_cannot_work_is_said_at_the_start() {
    let place = Place::new();
    let good = ["--data", "data", "--no-keys", "--reports", "reports.toml"];
    assert_eq!(check(&place, &good), (Some(0), "everything can be served\n".into()));
    assert_eq!(check(&place, &["--reports", "reports.toml"]).0, Some(1), "it needs the folder");
    let (code, said) = check(&place, &["--data", "other", "--no-keys", "--reports", "reports.toml"]);
    assert!(code == Some(1) && said.contains("name the same folder in both"), "{said}");
    let production = "[production]\nuser_file = \"user\"\npassword_file = \"password\"\n";
    let account = place.account();
    for (head, accounts, says) in [
        ("", String::new(), "no account for test"),
        ("", format!("[test]\n{}", account.replace("\"password\"", "\"none\"")), "none"),
        ("", "[test]\nuser_file = \"user\"\npassword_file = \"password\"\nurl = \"https://report.cybertip.org/ispws\"\n".into(), "only address for tests"),
        ("mode = \"production\"\n", place.test(), "[production]"),
        ("", format!("{}{production}url = \"https://a.example\"\n", place.test()), "reports are filed nowhere else"),
        ("other = 1\n", place.test(), "other"),
    ] {
        place.configure(head, &accounts);
        let (code, said) = check(&place, &good);
        assert!(code == Some(1) && said.contains(says) && !said.contains(PASSWORD), "{says}: {said}");
    }
    place.configure("", &place.test());
    let text = fs::read_to_string(place.path("reports.toml")).unwrap();
    for (from, to, says) in [
        ("r@a.example", "nobody", "reporter.emails[0].email"),
        ("emails = [{ email = \"r@a.example\" }]\n", "", "reporter.emails"),
        ("\"key\"", "\"data/key\"", "elsewhere"),
        ("\"key\"", "\"nowhere\"", "nowhere"),
    ] {
        fs::copy(place.path("key"), place.path("data/key")).unwrap();
        fs::write(place.path("reports.toml"), text.replace(from, to)).unwrap();
        let (code, said) = check(&place, &good);
        assert!(code == Some(1) && said.contains(says), "{says}: {said}");
    }
    // In a file, both paths are relative to it.
    fs::write(place.path("reports.toml"), &text).unwrap();
    fs::write(
        place.path("serve.toml"),
        "listen = \"127.0.0.1:0\"\ndata = \"data\"\nno_keys = true\nreports = \"reports.toml\"\n",
    )
    .unwrap();
    assert_eq!(check(&place, &["--config", "serve.toml"]).0, Some(0));
    let server = Server::bare(&["--config", &place.text_of("serve.toml")]);
    let id = submit(&server, "a", &report(1, &[])).is(202)["id"].as_str().unwrap().to_string();
    in_state(&server, &id, "preserved");
    finished_once(&place, &[(1, vec![])]);
}

#[test]
fn a_service_without_reports_says_so() {
    let server = Server::start(&[]);
    submit(&server, "a", &report(1, &[])).problem(409, "no_reports");
    server.get("/v1/reports").problem(409, "no_reports");
    assert_eq!(server.post("/photodna/v1.0/Report", "application/json", b"{}").is(501)["statusCode"], 501);
}

#[test]
fn the_end_of_the_service_cuts_what_it_sends_and_the_next_one_files_it() {
    let place = Place::new();
    place.faults(json!([{ "step": "upload", "slow_ms": 600_000 }]));
    let mut server = place.serve_with(&["--no-keys", "--notice", "0.1", "--grace", "0.3"]);
    let id = submit(&server, "a", &report(1, &[9])).is(202)["id"].as_str().unwrap().to_string();
    in_state(&server, &id, "uploading");
    let began = Instant::now();
    server.terminate();
    assert!(server.wait().success());
    println!("ended within {:?}", began.elapsed());
    // What came of the call that was cut is written: nothing is in the middle.
    let shown: Value = serde_json::from_slice(&place.report(&["show", &id]).stdout).unwrap();
    assert_eq!((&shown["state"], &shown["attempts"]), (&"queued".into(), &1.into()), "{shown}");
    assert!(shown["last_error"].as_str().unwrap().contains("ends"), "{shown}");
    let server = place.serve();
    in_state(&server, &id, "preserved");
    finished_once(&place, &[(1, vec![9])]);
    until("the open one is retracted", || (place.reports("retracted").len() == 1).then_some(()));
}

#[test]
fn what_is_nearly_done_is_finished_within_the_grace() {
    let place = Place::new();
    place.faults(json!([{ "step": "upload", "slow_ms": 3000 }]));
    let mut server = place.serve();
    let ids = ["a", "b"]
        .map(|key| submit(&server, key, &report(1, &[9])).is(202)["id"].as_str().unwrap().to_string());
    in_state(&server, &ids[0], "uploading");
    server.terminate();
    assert!(server.wait().success());
    let states = ids.map(|id| {
        serde_json::from_slice::<Value>(&place.report(&["show", &id]).stdout).unwrap()["state"].clone()
    });
    assert_eq!(states, ["finished", "queued"].map(Value::from), "the second one is not begun");
}

#[test]
fn the_command_uses_the_folder_of_a_service_that_runs() {
    let place = Place::new();
    let server = place.serve();
    fs::write(place.path("report.json"), report(1, &[]).to_string()).unwrap();
    let output = place.report(&["submit", "report.json", "--key", "case", "--wait", "60"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let item: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(item["state"], "preserved");
    assert_eq!(submit(&server, "case", &report(1, &[])).is(202)["id"], item["id"]);
    let output = place.report(&["send"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("another service"), "one process sends");
    finished_once(&place, &[(1, vec![])]);
}

#[test]
fn trouble_of_one_step_is_an_alarm_and_passes() {
    let place = Place::new();
    let server = place.serve_with(&["--no-keys", "--log", "json"]);
    // Credentials are read anew for each connection.
    fs::rename(place.path("password"), place.path("aside")).unwrap();
    let id = submit(&server, "a", &report(1, &[])).is(202)["id"].as_str().unwrap().to_string();
    let alarm = server.line_with("report_alarm");
    assert!(alarm.contains("\"alarm\":\"outbox\"") && alarm.contains("password"), "{alarm}");
    fs::rename(place.path("aside"), place.path("password")).unwrap();
    in_state(&server, &id, "preserved");
    let more = server.rest_of_lines().iter().filter(|line| line.contains("report_alarm")).count();
    assert_eq!(more, 0, "the same trouble is one alarm");
    finished_once(&place, &[(1, vec![])]);
}

#[test]
fn what_waits_for_one_host_does_not_hold_up_the_other() {
    let place = Place::new();
    let production =
        "[production]\nuser_file = \"user\"\npassword_file = \"other\"\nurl = \"http://127.0.0.1:1/ispws\"\n";
    place.configure("pause = 0.02\nmode = \"production\"\n", &format!("{}{production}", place.test()));
    fs::write(place.path("other"), "hush").unwrap();
    let server = place.serve_with(&["--no-keys", "--log", "json"]);
    fs::remove_file(place.path("other")).unwrap();
    let mut filed = report(1, &[]);
    filed["mode"] = "production".into();
    submit(&server, "a", &filed).is(202);
    server.line_with("\"alarm\":\"outbox\"");
    for number in 2..5 {
        let id = submit(&server, &number.to_string(), &report(number, &[])).is(202)["id"]
            .as_str()
            .unwrap()
            .to_string();
        in_state(&server, &id, "preserved");
    }
    let alarms = server.rest_of_lines().iter().filter(|line| line.contains("report_alarm")).count();
    assert_eq!(alarms, 0, "the same trouble is one alarm");
    finished_once(&place, &[(2, vec![]), (3, vec![]), (4, vec![])]);
}

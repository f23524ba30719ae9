//! `shadegrid report`: the real command against a CyberTipline on loopback, which fails as it likes, and kills at any instant.

#![expect(clippy::print_stdout, reason = "tests say how much they compared")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::{Value, json};
use tempfile::TempDir;

#[path = "reports/tipline.rs"]
mod tipline;

use tipline::{Kind, State, Tipline};

const KEY: &str = "8c1f0a77b3e94d5286f0c2d9a1b7e4f38c1f0a77b3e94d5286f0c2d9a1b7e4f3";
const PASSWORD: &str = "a password that stands nowhere else";

/// A folder with a configuration of a stand-in, and the command in it.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new(tipline: &Tipline) -> Place {
        Place::with(&format!(
            "[test]\nuser_file = \"user\"\npassword_file = \"password\"\nurl = \"{}\"\n",
            tipline.url()
        ))
    }

    fn with(accounts: &str) -> Place {
        let folder = TempDir::new().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("key", KEY);
        write("user", "user\n");
        write("password", PASSWORD);
        let head = "data = \"data\"\nevidence_key = \"key\"\npause = 0.02\n";
        let reporter = "[reporter]\nfirst_name = \"R\"\nemails = [{ email = \"r@a.example\" }]\n";
        write("reports.toml", &format!("{head}{accounts}{reporter}"));
        #[cfg(unix)]
        for name in ["key", "password"] {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(0o600)).unwrap();
        }
        Place { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shadegrid"));
        command.arg("report").args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs it with the configuration, and gives standard output's lines where the exit code is this.
    fn lines(&self, arguments: &[&str], exit: i32) -> Vec<Value> {
        let output = self.run(&[arguments, &["--config", "reports.toml"]].concat());
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let (printed, said) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {printed}{said}");
        assert!(!said.contains(PASSWORD) && !said.contains(KEY), "{said}");
        printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(&[arguments, &["--config", "reports.toml"]].concat());
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }
}

fn report(number: usize, files: usize) -> Value {
    let file = |place: usize| json!({ "id": format!("f{place}"), "name": format!("{number}-{place}.jpg"), "viewed": true });
    json!({
        "incident": { "type": "Child Sexual Molestation", "time": "2025-11-25T09:00:00+01:00" },
        "internet": [{ "web_page": { "urls": ["https://a.example/?x=1&y=2"] } }],
        "additional_info": format!("item {number}"),
        "files": (0..files).map(file).collect::<Vec<_>>(),
    })
}

fn content(number: usize, place: usize) -> Vec<u8> {
    // What looks like the end of a part, and some pieces of a stream.
    let head = format!("{number} {place}\r\n--boundary--\r\n");
    head.bytes().chain((0..place * 150_000).map(|byte| (byte * 31 + number) as u8)).collect()
}

/// Submits a report, and gives its id.
fn submit(place: &Place, number: usize, files: usize, more: &[&str]) -> Value {
    place.write("report.json", report(number, files).to_string());
    let mut arguments = vec!["submit".to_string(), "report.json".to_string()];
    for file in 0..files {
        place.write(&format!("file{file}"), content(number, file));
        arguments.extend(["--evidence".to_string(), format!("f{file}=file{file}")]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(more.iter().copied()).collect();
    place.lines(&arguments, 0).remove(0)
}

/// Every report is finished exactly once, with its files and their details; how many others are open.
fn finished_once(tipline: &Tipline, items: &[(usize, usize)]) -> usize {
    let reports = tipline.reports();
    for (number, files) in items {
        let ends = format!("<additionalInfo>item {number}</additionalInfo></report>");
        let own =
            reports.iter().filter(|report| report.xml.ends_with(&ends) && report.state == State::Finished);
        let own: Vec<_> = own.collect();
        assert_eq!(own.len(), 1, "item {number} is finished {} times", own.len());
        assert_eq!(own[0].files.len(), *files, "item {number}");
        for (place, file) in own[0].files.iter().enumerate() {
            assert!(file.content == content(*number, place), "item {number}, file {place}");
            let details = file.details.as_deref().unwrap();
            assert!(details.contains(&format!("<originalFileName>{number}-{place}.jpg<")), "{details}");
            assert!(details.contains("<fileViewedByEsp>true<") && details.contains(&file.md5), "{details}");
        }
    }
    let finished = reports.iter().filter(|report| report.state == State::Finished).count();
    assert_eq!(finished, items.len(), "nothing else is finished");
    reports.iter().filter(|report| report.state == State::Open).count()
}

#[test]
fn a_report_is_filed_and_shown() {
    let tipline = Tipline::start("user", PASSWORD);
    let place = Place::new(&tipline);
    let item = submit(&place, 1, 2, &["--wait"]);
    assert_eq!((&item["state"], &item["mode"]), (&json!("preserved"), &json!("test")), "{item}");
    assert_eq!(finished_once(&tipline, &[(1, 2)]), 0);
    assert_eq!(item["ncmec"]["file_ids"].as_array().unwrap().len(), 2);
    assert_eq!(item["ncmec"]["request_ids"].as_array().unwrap().len(), 6, "{item}");
    let xml = &tipline.reports()[0].xml;
    assert!(xml.contains("<incidentDateTime>2025-11-25T08:00:00Z<") && xml.contains("?x=1&amp;y=2"), "{xml}");
    assert!(xml.contains("<email>r@a.example</email>"), "the reporter is the configuration's: {xml}");

    let id = item["id"].as_str().unwrap();
    let shown = place.lines(&["show", id], 0).remove(0);
    let calls: Vec<_> =
        shown["requests"].as_array().unwrap().iter().map(|call| call["call"].as_str().unwrap()).collect();
    assert_eq!(calls, ["submit", "upload", "fileinfo", "upload", "fileinfo", "finish"]);
    assert!(shown.get("request").is_none());
    let content = place.lines(&["show", id, "--content"], 0).remove(0);
    assert_eq!(content["request"]["additional_info"], "item 1");
    assert_eq!(place.lines(&["list", "--state", "preserved"], 0).len(), 1);
    assert!(place.lines(&["list", "--state", "failed"], 0).is_empty());
    assert!(place.lines(&["retract", id], 1).is_empty(), "what is filed cannot be taken back");
    place.lines(&["erase", id], 1);
    let erased = place.lines(&["erase", id, "--early"], 0).remove(0);
    assert_eq!(
        (&erased["state"], &erased["ncmec"]["report_id"]),
        (&json!("erased"), &item["ncmec"]["report_id"])
    );
    assert_eq!(fs::read_dir(place.path("data/evidence")).unwrap().count(), 0);
    let status = place.lines(&["status", "--ask"], 0).remove(0);
    assert_eq!((&status["reports"]["erased"], &status["mode"]), (&json!(1), &json!("test")));
}

#[test]
fn broken_rules_are_named_and_nothing_is_kept() {
    let tipline = Tipline::start("user", PASSWORD);
    let place = Place::new(&tipline);
    let mut broken = report(1, 1);
    broken["files"][0]["relevance"] = "Supplemental Reported".into();
    broken["files"][0]["classification"] = "A1".into();
    broken["incident"]["time"] = "2999-01-01T00:00:00Z".into();
    place.write("report.json", broken.to_string());
    place.write("a.jpg", "content");
    for command in ["check", "submit"] {
        let lines = place.lines(&[command, "report.json", "--evidence", "a.jpg"], 2);
        let paths: Vec<_> = lines[0]["problems"]
            .as_array()
            .unwrap()
            .iter()
            .map(|problem| problem["path"].as_str().unwrap())
            .collect();
        assert_eq!(
            (paths, &lines[0]["valid"]),
            (vec!["incident.time", "files[0].classification"], &json!(false))
        );
    }
    assert!(
        !place.path("data/evidence").exists()
            || fs::read_dir(place.path("data/evidence")).unwrap().count() == 0
    );
    place.write("report.json", report(1, 1).to_string());
    assert_eq!(place.lines(&["check", "report.json", "--evidence", "a.jpg"], 0)[0]["valid"], true);
    place.lines(&["check", "report.json"], 2);
    // Without the configuration nobody reports.
    let output = place.run(&["check", "report.json", "--evidence", "a.jpg"]);
    assert!(
        output.status.code() == Some(2) && String::from_utf8_lossy(&output.stdout).contains("\"reporter\"")
    );
    for (name, text) in [("twice", "{\"incident\":{},\"incident\":{}}"), ("none", "{"), ("list", "[]")] {
        place.write("report.json", text);
        assert_eq!(place.lines(&["check", "report.json"], 2)[0]["valid"], false, "{name}");
    }
    assert!(tipline.reports().is_empty());
}

#[test]
fn no_production_address_is_reached_by_mistake() {
    let account = "user_file = \"user\"\npassword_file = \"password\"\n";
    for (url, says) in [
        ("https://report.cybertip.org/ispws", "NCMEC's only address for tests"),
        ("https://REPORT.CYBERTIP.ORG:443/ispws/", "NCMEC's only address for tests"),
        ("http://exttest.cybertip.org/ispws", "NCMEC's only address for tests"),
        ("http://a.example", "https://"),
        ("https://user:password@a.example", "a user"),
    ] {
        let place = Place::with(&format!("[test]\n{account}url = \"{url}\"\n"));
        place.write("report.json", report(1, 0).to_string());
        let output = place.run(&["submit", "report.json", "--config", "reports.toml", "--wait"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains(says), "{url}: {said}");
        assert_eq!(place.lines(&["list"], 0)[0]["state"], "queued");
    }
    let mut production = report(1, 0);
    production["mode"] = "production".into();
    let tipline = Tipline::start("user", PASSWORD);
    let place = Place::new(&tipline);
    place.write("report.json", production.to_string());
    assert_eq!(place.lines(&["submit", "report.json"], 2)[0]["problems"][0]["path"], "mode");
    // The configuration alone files nothing either: the report is a test, and goes where tests go.
    let both = format!(
        "[test]\n{account}url = \"{}\"\n[production]\n{account}url = \"http://127.0.0.1:1/ispws\"\n",
        tipline.url()
    );
    let place = Place::with(&format!("mode = \"production\"\n{both}"));
    assert_eq!(submit(&place, 3, 0, &["--wait"])["mode"], "test");
    assert_eq!(finished_once(&tipline, &[(3, 0)]), 0);
    // Both together go to the other address.
    place.write("report.json", production.to_string());
    let waiting = place.lines(&["submit", "report.json", "--wait", "1"], 3).remove(0);
    assert_eq!((&waiting["mode"], &waiting["state"]), (&json!("production"), &json!("queued")));
    assert_eq!(tipline.reports().len(), 1);
    let elsewhere =
        Place::with(&format!("mode = \"production\"\n[production]\n{account}url = \"https://a.example\"\n"));
    elsewhere.write("report.json", production.to_string());
    let output = elsewhere.run(&["submit", "report.json", "--config", "reports.toml", "--wait"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("reports are filed nowhere else"));
}

#[test]
fn credentials_pause_and_resume() {
    let tipline = Tipline::start("user", "another one");
    let place = Place::new(&tipline);
    place.write("report.json", report(1, 0).to_string());
    let item = place.lines(&["submit", "report.json", "--wait"], 3).remove(0);
    assert_eq!(item["state"], "queued");
    place.lines(&["status"], 2);
    place.lines(&["send"], 3);
    assert!(tipline.reports().is_empty());
    place.write("password", "another one");
    place.lines(&["resume", "test"], 0);
    place.lines(&["send", "--log", "json"], 0);
    assert_eq!(finished_once(&tipline, &[(1, 0)]), 0);
}

#[test]
fn evidence_that_was_changed_is_not_sent() {
    let tipline = Tipline::start("user", PASSWORD);
    let place = Place::new(&tipline);
    let item = submit(&place, 1, 1, &[]);
    let path = fs::read_dir(place.path("data/evidence")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 0x80;
    fs::write(&path, bytes).unwrap();
    place.lines(&["send"], 2);
    assert!(tipline.reports().is_empty());
    let shown = place.lines(&["show", item["id"].as_str().unwrap()], 0).remove(0);
    assert!(
        shown["state"] == "failed" && shown["last_error"].as_str().unwrap().contains("evidence"),
        "{shown}"
    );
    // Kept again it is whole, and a person lets it be tried again.
    submit(&place, 1, 1, &["--key", "again"]);
    place.lines(&["retry", item["id"].as_str().unwrap()], 0);
    place.lines(&["send"], 0);
    assert_eq!(
        tipline.reports().iter().filter(|report| report.state == State::Finished).count(),
        2,
        "two were asked for"
    );
}

#[test]
fn the_same_key_is_the_same_report() {
    let tipline = Tipline::start("user", PASSWORD);
    let place = Place::new(&tipline);
    let first = submit(&place, 1, 1, &["--key", "case"]);
    let again = submit(&place, 1, 1, &["--key", "case", "--wait"]);
    assert_eq!(first["id"], again["id"]);
    place.write("report.json", report(2, 0).to_string());
    place.lines(&["submit", "report.json", "--key", "case"], 1);
    assert_eq!(submit(&place, 1, 1, &["--key", "case"])["state"], "preserved");
    assert_eq!(finished_once(&tipline, &[(1, 1)]), 0);
}

#[test]
fn every_fault_on_the_wire_ends_in_one_report() {
    let tipline = Tipline::start("user", PASSWORD);
    let place = Place::new(&tipline);
    let (mut cases, mut items) = (0, Vec::new());
    for call in 0..4 {
        for kind in Kind::ALL {
            tipline.fault(call, kind);
            let item = submit(&place, cases, 1, &["--wait", "30"]);
            assert_eq!(item["state"], "preserved", "{kind:?} at call {call}: {item}");
            items.push((cases, 1));
            cases += 1;
        }
    }
    let open = finished_once(&tipline, &items);
    assert_eq!(tipline.strays(), 0, "no redirect is followed");
    println!("{cases} faults on the wire: {} finished, {open} open ones that expire", items.len());
}

/// How many kills, at most: 60, or what `SHADEGRID_KILLS` says.
fn most_kills() -> usize {
    std::env::var("SHADEGRID_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(60)
}

/// Milliseconds that look like chance, from 5 on.
fn instant(seed: &mut u64, most: u64) -> Duration {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    Duration::from_millis(5 + (*seed >> 33) % most)
}

#[test]
fn kills_of_a_submission_that_is_repeated_lose_and_double_nothing() {
    let tipline = Tipline::start("user", PASSWORD);
    let place = Place::new(&tipline);
    let (mut kills, mut seed) = (0, 3);
    let mut items: Vec<(usize, usize)> = (0..most_kills() / 10).map(|number| (number, number % 3)).collect();
    // How long one takes here decides when the others are killed.
    let undisturbed = items.len();
    place.write("report.json", report(undisturbed, 0).to_string());
    let begun = Instant::now();
    place.lines(&["submit", "report.json", "--key", "undisturbed", "--wait"], 0);
    let usual = begun.elapsed();
    for (number, files) in &items {
        place.write("report.json", report(*number, *files).to_string());
        let key = format!("case {number}");
        let mut arguments = vec!["submit", "report.json", "--key", &key, "--wait"];
        let named: Vec<String> = (0..*files).map(|file| format!("f{file}=file{file}")).collect();
        for (file, name) in named.iter().enumerate() {
            place.write(&format!("file{file}"), content(*number, file));
            arguments.extend(["--evidence", name]);
        }
        for _ in 0..5 {
            let mut child = place.spawn(&arguments);
            thread::sleep(usual.mul_f64(instant(&mut seed, 95).as_secs_f64() * 10.0));
            if child.try_wait().unwrap().is_some() {
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
        }
        assert_eq!(place.lines(&arguments, 0)[0]["state"], "preserved");
    }
    items.push((undisturbed, 0));
    let open = finished_once(&tipline, &items);
    assert_eq!(place.lines(&["list"], 0).len(), items.len());
    println!(
        "{kills} kills of submissions: {} items, as many finished, {open} open ones that expire",
        items.len()
    );
    assert!(kills >= items.len() - 1, "only {kills} kills");
}

#[test]
fn kills_at_any_instant_lose_and_double_nothing() {
    let tipline = Tipline::start("user", PASSWORD);
    let place = Place::new(&tipline);
    let items: Vec<(usize, usize)> = (0..most_kills() / 2).map(|number| (number, number % 4)).collect();
    for (number, files) in &items {
        submit(&place, *number, *files, &[]);
    }
    tipline.unreliable(true);
    let (mut kills, mut seed) = (0, 7);
    while kills < most_kills() {
        let mut child = place.spawn(&["send"]);
        thread::sleep(instant(&mut seed, 240));
        if child.try_wait().unwrap().is_some() {
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
    }
    tipline.unreliable(false);
    place.lines(&["send"], 0);
    let listed = place.lines(&["list"], 0);
    assert!(
        listed.len() == items.len() && listed.iter().all(|item| item["state"] == "preserved"),
        "{listed:?}"
    );
    let open = finished_once(&tipline, &items);
    println!(
        "{kills} kills: {} items, as many finished, {open} open ones that expire, {} calls",
        items.len(),
        tipline.calls()
    );
    assert!(kills >= 5, "only {kills} kills");
    assert_nothing_secret(&place.path("data"));
}

/// No file holds the key, the password, or a piece of a file.
fn assert_nothing_secret(folder: &Path) {
    let key: Vec<u8> =
        (0..32).map(|place| u8::from_str_radix(&KEY[2 * place..2 * place + 2], 16).unwrap()).collect();
    let base64 = base64::engine::general_purpose::STANDARD.encode(&key);
    let file = content(3, 1);
    let mut read = 0;
    for entry in walkdir::WalkDir::new(folder)
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file())
    {
        let bytes = fs::read(entry.path()).unwrap();
        read += 1;
        for secret in [&key[..], KEY.as_bytes(), base64.as_bytes(), PASSWORD.as_bytes(), &file[100..132]] {
            assert!(
                !bytes.windows(secret.len()).any(|window| window == secret),
                "{}",
                entry.path().display()
            );
        }
    }
    assert!(read > 10, "only {read} files");
}

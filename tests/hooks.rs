//! Hooks: the real command files reports with the stand-in for the CyberTipline, and posts to a receiver that answers as it likes.

#![expect(clippy::print_stdout, reason = "tests say how much they compared")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shadegrid::gallery::{Entry, GalleryBuilder};
use tempfile::TempDir;

#[path = "service/client.rs"]
#[allow(dead_code, unreachable_pub, reason = "what tests share")]
mod client;
#[path = "hooks/receiver.rs"]
mod receiver;

use client::{PATIENCE, Server};
use receiver::{Manner, Post, Receiver, SECRET, hmac};

const KEY: &str = "7d2f0a77b3e94d5286f0c2d9a1b7e4f38c1f0a77b3e94d5286f0c2d9a1b7e4f3";

/// What the file of every report holds.
const FILE: &str = "the content of a file that stands nowhere else";

/// A folder with a configuration, and a stand-in for NCMEC.
struct Place {
    folder: TempDir,
    _tipline: Server,
}

impl Place {
    fn new(hooks: &str) -> Place {
        let tipline = Server::of(&[], &["standin", "cybertipline", "--listen", "127.0.0.1:0"]);
        let folder = TempDir::new().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("key", KEY);
        write("word", "a word");
        write("secret", &format!("{SECRET}\nmore"));
        let account = format!(
            "user_file = \"word\"\npassword_file = \"word\"\nurl = \"http://{}/ispws\"\n",
            tipline.address
        );
        let reporter = "[reporter]\nfirst_name = \"R\"\nemails = [{ email = \"r@a.example\" }]\n";
        let hooks = format!("[hooks]\nsecret_file = \"secret\"\npause = 0.02\n{hooks}");
        write(
            "reports.toml",
            &format!(
                "data = \"data\"\nevidence_key = \"key\"\npause = 0.02\n[test]\n{account}{reporter}{hooks}"
            ),
        );
        #[cfg(unix)]
        fs::set_permissions(folder.path().join("key"), std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .unwrap();
        Place { folder, _tipline: tipline }
    }

    fn at(receiver: &Receiver) -> Place {
        Place::new(&format!("url = \"{}\"\ntimeout = 2\n", receiver.url()))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shadegrid"));
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str], exit: i32) -> Output {
        let output = self.command(arguments).output().unwrap();
        let text = [&output.stdout[..], &output.stderr].concat();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {text}");
        for secret in [SECRET, KEY, "stands-nowhere"] {
            assert!(!text.contains(secret), "{text}");
        }
        output
    }

    fn lines(&self, arguments: &[&str], exit: i32) -> Vec<Value> {
        let output = self.run(&[arguments, &["--config", "reports.toml"]].concat(), exit);
        let printed = String::from_utf8(output.stdout).unwrap();
        printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn submit(&self, number: usize, more: &[&str]) -> String {
        let report = json!({
            "incident": { "type": "Child Sexual Molestation", "time": "2025-11-25T09:00:00+01:00" },
            "internet": [{ "web_page": { "urls": ["https://a.example/"] } }],
            "additional_info": format!("item {number}"),
            "files": [{ "id": "f", "name": "a.jpg" }],
        });
        fs::write(self.path("report.json"), report.to_string()).unwrap();
        fs::write(self.path("file"), FILE).unwrap();
        let arguments = [&["report", "submit", "report.json", "--evidence", "f=file"], more].concat();
        self.lines(&arguments, 0)[0]["id"].as_str().unwrap().to_string()
    }

    fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(&[arguments, &["--config", "reports.toml"]].concat());
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    fn audit(&self) -> Vec<Value> {
        let exported = self.run(&["audit", "export", "--data", "data"], 0).stdout;
        let verified = self.run(&["audit", "verify", "--data", "data"], 0).stdout;
        let verdict: Value = serde_json::from_slice(&verified).unwrap();
        let lines: Vec<Value> = String::from_utf8(exported)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!((&verdict["valid"], &verdict["lines"]), (&json!(true), &json!(lines.len())));
        lines
    }
}

/// The ids of the reports that posts of a kind are about, each once.
fn about(posts: &[Post], kind: &str) -> BTreeSet<String> {
    posts.iter().filter(|post| post.kind() == kind).map(|post| post.about().to_string()).collect()
}

/// No file under a folder holds one of these.
fn nowhere(folder: &Path, secrets: &[&[u8]]) -> usize {
    let files = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap);
    let files: Vec<_> = files.filter(|entry| entry.file_type().is_file()).collect();
    for file in &files {
        let bytes = fs::read(file.path()).unwrap();
        for secret in secrets {
            assert!(
                !bytes.windows(secret.len()).any(|window| window == *secret),
                "{}",
                file.path().display()
            );
        }
    }
    files.len()
}

#[test]
fn a_report_that_is_filed_is_announced_and_its_acts_are_known() {
    let receiver = Receiver::start();
    let place = Place::at(&receiver);
    let id = place.submit(1, &["--wait", "--by", "Anna"]);
    let posts = receiver.posts();
    assert_eq!(posts.iter().map(Post::kind).collect::<Vec<_>>(), ["report.finished", "preserve"]);
    assert!(receiver.paths().iter().all(|path| path == "/hook?token=stands-nowhere"));
    let shown = &place.lines(&["report", "show", &id], 0)[0];
    let (finished, preserve) = (&posts[0].event["data"], &posts[1].event["data"]);
    assert_eq!(finished["report_id"], shown["ncmec"]["report_id"]);
    assert_eq!(finished["file_ids"], shown["ncmec"]["file_ids"]);
    for (event, own) in [("finished", "finished"), ("preserve_until", "preserve_until")] {
        assert!(finished[event].is_string() && finished[event] == shown[own], "{finished} {shown}");
    }
    assert_eq!((&preserve["id"], &preserve["until"]), (&json!(id), &finished["preserve_until"]));
    assert_eq!(
        (preserve["files"][0]["bytes"].as_u64(), preserve["files"].as_array().unwrap().len()),
        (Some(FILE.len() as u64), 1)
    );
    assert_eq!((&posts[0].event["attempt"], posts[0].about()), (&json!(1), &id[..]));
    assert!(
        posts[0].event["time"].as_str().unwrap().ends_with('Z')
            && posts[0].event["id"] != posts[1].event["id"]
    );
    assert!(place.lines(&["hook", "list"], 0).is_empty());
    place.lines(&["report", "erase", &id, "--by", "Berta"], 1);
    place.lines(&["report", "erase", &id, "--early", "--by", "Berta"], 0);
    let acts = place.audit();
    let known: Vec<(&str, &str)> =
        acts.iter().map(|line| (line["action"].as_str().unwrap(), line["who"].as_str().unwrap())).collect();
    assert_eq!(known, [("report.submit", "Anna"), ("report.finish", "shadegrid"), ("report.erase", "Berta")]);
    assert!(acts.iter().all(|line| line["subject"] == json!(id)));
    assert_eq!((&acts[2]["detail"]["early"], &acts[0]["detail"]["files"]), (&json!(true), &json!(1)));
    assert!(acts[0]["detail"]["user"].is_string(), "{}", acts[0]);
    let key: Vec<u8> = (0..32).map(|at| u8::from_str_radix(&KEY[2 * at..2 * at + 2], 16).unwrap()).collect();
    let secrets: [&[u8]; 5] = [KEY.as_bytes(), &key, SECRET.as_bytes(), b"stands-nowhere", FILE.as_bytes()];
    let upper = KEY.to_uppercase();
    assert!(nowhere(&place.path("data"), &[&secrets[..], &[upper.as_bytes()]].concat()) >= 2);
}

#[test]
fn every_way_to_fail_ends_in_a_delivery() {
    let manners = [
        Manner::Status(500),
        Manner::Status(404),
        Manner::Status(429),
        Manner::Redirect,
        Manner::Silent,
        Manner::CloseAfterReading,
        Manner::HalfAHead,
        Manner::Nonsense,
        Manner::KeepAndClose,
    ];
    let receiver = Receiver::start();
    let place = Place::at(&receiver);
    for (number, manner) in manners.into_iter().enumerate() {
        let before = receiver.posts().len();
        let mut left = 2;
        receiver.choose(move |_| {
            left -= 1;
            if left >= 0 { manner } else { Manner::TakeWithoutEnd }
        });
        let id = place.submit(number, &[]);
        place.lines(&["report", "send"], 0);
        let posts = &receiver.posts()[before..];
        for kind in ["report.finished", "preserve"] {
            let taken = posts.iter().filter(|post| post.is_kept && post.kind() == kind && post.about() == id);
            assert!(taken.count() >= 1, "{manner:?}: {posts:?}");
        }
        let ids: BTreeSet<&str> = posts.iter().map(|post| post.event["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), 2, "an event has one id: {manner:?}");
        let most = posts.iter().map(|post| post.event["attempt"].as_u64().unwrap()).max();
        assert!(most >= Some(2), "{manner:?}");
    }
    assert!(receiver.paths().iter().all(|path| path.starts_with("/hook")), "no redirect is followed");
    println!(
        "{} ways to fail, {} posts, {} events",
        manners.len(),
        receiver.posts().len(),
        2 * manners.len()
    );
}

#[test]
fn one_event_that_is_never_taken_holds_nothing_up() {
    let receiver = Receiver::start();
    let place = Place::at(&receiver);
    let ids: Vec<String> = (0..5).map(|number| place.submit(number, &[])).collect();
    let first = ids[0].clone();
    receiver.choose(move |event| {
        let is_stuck = event["kind"] == "report.finished" && event["data"]["id"] == json!(first);
        if is_stuck { Manner::Status(500) } else { Manner::Take }
    });
    let mut child = place.spawn(&["report", "send"]);
    let begun = Instant::now();
    while about(&receiver.kept(), "report.finished").len() < 4
        || about(&receiver.kept(), "preserve").len() < 5
    {
        assert!(begun.elapsed() < 3 * PATIENCE, "{:?}", receiver.kept());
        thread::sleep(Duration::from_millis(20));
    }
    // What was taken is noted a moment later, and was not taken for who is ended before.
    let waiting = loop {
        let waiting = place.lines(&["hook", "list", "--state", "waiting"], 0);
        if waiting.len() == 1 {
            break waiting;
        }
        assert!(begun.elapsed() < 3 * PATIENCE, "{waiting:?}");
        thread::sleep(Duration::from_millis(20));
    };
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(
        (waiting.len(), &waiting[0]["kind"], &waiting[0]["last_status"]),
        (1, &json!("report.finished"), &json!(500))
    );
    assert!(place.lines(&["hook", "list", "--state", "failed"], 0).is_empty());
    receiver.choose(|_| Manner::Take);
    assert_eq!(place.lines(&["hook", "retry", "--by", "Anna"], 0)[0]["events"], 1);
    place.lines(&["report", "send"], 0);
    assert_eq!(about(&receiver.kept(), "report.finished").len(), 5);
    assert_eq!(place.audit().last().unwrap()["who"], "Anna");
    place.lines(&["hook", "retry", "none"], 1);
}

#[test]
fn kills_at_any_instant_lose_no_event() {
    let receiver = Receiver::start();
    let place = Place::at(&receiver);
    let ids: BTreeSet<String> = (0..20).map(|number| place.submit(number, &[])).collect();
    let turn = AtomicUsize::new(0);
    receiver.choose(move |_| {
        thread::sleep(Duration::from_millis(10));
        match turn.fetch_add(1, Ordering::Relaxed) % 5 {
            1 => Manner::Status(503),
            2 => Manner::KeepAndClose,
            _ => Manner::Take,
        }
    });
    let most = std::env::var("SHADEGRID_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(30);
    let (mut kills, mut seed) = (0, 11_u64);
    while kills < most {
        let mut child = place.spawn(&["report", "send"]);
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        thread::sleep(Duration::from_millis(20 + (seed >> 33) % 250));
        if child.try_wait().unwrap().is_some() {
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
    }
    receiver.choose(|_| Manner::Take);
    place.lines(&["report", "send"], 0);
    let kept = receiver.kept();
    for kind in ["report.finished", "preserve"] {
        assert_eq!(about(&kept, kind), ids, "{kind}");
    }
    let mut of_event: BTreeMap<&str, usize> = BTreeMap::new();
    kept.iter().for_each(|post| *of_event.entry(post.event["id"].as_str().unwrap()).or_default() += 1);
    assert_eq!(of_event.len(), 2 * ids.len(), "each report has one event of a kind");
    assert!(kills >= 2, "only {kills} kills");
    let again = kept.len() - of_event.len();
    println!(
        "{kills} kills, {} events, each kept at least once; {again} came more than once",
        of_event.len()
    );
}

#[test]
fn hooks_that_could_not_be_delivered_are_refused_at_once() {
    for (hooks, says) in [
        ("url = \"http://a.example/x?t=stands-nowhere\"", "does not begin with https://"),
        ("url = \"http://10.0.0.7\"", "does not begin with https://"),
        ("url = \"https://u:stands-nowhere@a.example\"", "neither a user"),
        ("url = \"nothing\"", "is no URL"),
        ("[hooks.urls]\nother = \"https://a.example\"", "unknown kind"),
        ("plain = true", "hooks.urls is needed"),
        ("secret = \"stands-nowhere\"", "secret"),
    ] {
        let place = Place::new(hooks);
        let output = place.run(&["report", "list", "--config", "reports.toml"], 1);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(says), "{hooks}: {said}");
    }
    let place = Place::new("url = \"http://10.0.0.7\"\nplain = true");
    place.run(&["report", "list", "--config", "reports.toml"], 0);
    fs::write(place.path("secret"), "short").unwrap();
    let said =
        String::from_utf8(place.run(&["report", "send", "--config", "reports.toml"], 1).stderr).unwrap();
    assert!(said.contains("fewer than 16 characters"), "{said}");
}

/// The example for receivers.
struct Example {
    child: Child,
    /// Held open: it prints what it takes.
    _printed: BufReader<ChildStdout>,
    address: String,
}

impl Example {
    /// Starts it, if there is a Python.
    fn start(place: &Place) -> Option<Example> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/hook_receiver.py");
        let mut command = Command::new("python3");
        command.arg(script).args([
            "--listen",
            "127.0.0.1:0",
            "--secret-file",
            "secret",
            "--events",
            "events.jsonl",
        ]);
        let started =
            command.current_dir(place.folder.path()).stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = started.ok()?;
        let mut printed = BufReader::new(child.stdout.take()?);
        let mut line = String::new();
        printed.read_line(&mut line).unwrap();
        let address =
            line.trim().strip_prefix("listening at http://").expect("it says where it listens").to_string();
        Some(Example { child, _printed: printed, address })
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_example_takes_each_event_once_and_from_us_alone() {
    let place = Place::new("url = \"http://127.0.0.1:1\"");
    let Some(example) = Example::start(&place) else {
        let is_required =
            std::env::var("SHADEGRID_REQUIRE").is_ok_and(|what| what.split(',').any(|one| one == "python"));
        assert!(!is_required, "python3 is required");
        println!("skipped: there is no python3");
        return;
    };
    let address = example.address.clone();
    let text = fs::read_to_string(place.path("reports.toml")).unwrap();
    fs::write(place.path("reports.toml"), text.replace("127.0.0.1:1\"", &format!("{address}\""))).unwrap();
    let ids: BTreeSet<String> = (0..3).map(|number| place.submit(number, &["--wait"])).collect();
    let events = || -> Vec<Value> {
        let text = fs::read_to_string(place.path("events.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let taken = events();
    assert_eq!(taken.len(), 6);
    assert_eq!(
        taken.iter().map(|event| event["data"]["id"].as_str().unwrap().to_string()).collect::<BTreeSet<_>>(),
        ids
    );
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let signed = |time: u64, body: &str| {
        format!("v1={}", hmac(SECRET.as_bytes(), format!("{time}.{body}").as_bytes()))
    };
    let post = |time: &str, signature: &str, body: &str| {
        let headers = format!("Shadegrid-Time: {time}\r\nShadegrid-Signature: {signature}\r\n");
        let head = format!(
            "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n",
            body.len()
        );
        let mut connection = client::Connection::to(address.parse().unwrap());
        connection.ask([head.as_bytes(), body.as_bytes()].concat().as_slice()).status
    };
    let body = json!({ "id": "new", "kind": "match", "time": "", "attempt": 1, "data": {} }).to_string();
    let (old, current) = (now() - 1000, now());
    let time = current.to_string();
    for (time, signature, refused) in [
        (&time, &signed(current, "{}"), "another body"),
        (&time, &signed(current + 1, &body), "another time"),
        (&old.to_string(), &signed(old, &body), "an old time"),
        (&(current + 1000).to_string(), &signed(current + 1000, &body), "a time to come"),
        (&"9".repeat(5000), &signed(current, &body), "a long time"),
        (&time, &String::new(), "no signature"),
        (&String::new(), &signed(current, &body), "no time"),
        (&time, &signed(current, &body).replace("v1=", ""), "no version"),
    ] {
        assert_eq!(post(time, signature, &body), 401, "{refused}");
    }
    assert_eq!(events().len(), 6);
    for _ in 0..2 {
        assert_eq!(post(&time, &signed(current, &body), &body), 204);
        assert_eq!(events().len(), 7, "the same event again is not taken");
    }
    drop(example);
    // Begun anew, it knows what it took, and what was half written is gone.
    let text = fs::read_to_string(place.path("events.jsonl")).unwrap();
    fs::write(place.path("events.jsonl"), format!("{text}{{\"id\":\"ha")).unwrap();
    let _again = Example::start(&place).unwrap();
    assert_eq!(events().len(), 7);
    println!("the example took 7 events, and refused 8");
}

#[test]
fn a_service_posts_every_match_where_that_is_wanted() {
    let receiver = Receiver::start();
    let turn = AtomicUsize::new(0);
    receiver.choose(move |_| {
        if turn.fetch_add(1, Ordering::Relaxed) == 0 { Manner::Status(503) } else { Manner::Take }
    });
    let folder = TempDir::new().unwrap();
    let mut builder = GalleryBuilder::new();
    let source = builder.source("list", "text");
    let entry = Entry::default().key("known".into()).label("A1".into()).pdq(Some(shadegrid::Pdq([7; 32])));
    builder.add(source, entry.quality(Some(100))).unwrap();
    builder.create(folder.path().join("known.gallery")).unwrap();
    fs::write(folder.path().join("secret"), SECRET).unwrap();
    let config = |all: bool| {
        format!(
            "listen = \"127.0.0.1:0\"\nmetrics = \"127.0.0.1:0\"\ndata = \"data\"\nno_keys = true\n[galleries]\nown = \"known.gallery\"\n\
             [hooks]\nurl = \"{}\"\nsecret_file = \"secret\"\npause = 0.02\nall_matches = {all}\n",
            receiver.url()
        )
    };
    let path = folder.path().join("serve.toml");
    let queries = |id: u8| json!({ "id": "q", "pdq": format!("{id:02x}").repeat(32), "quality": 100 });
    let body = json!({ "queries": [queries(255), queries(7)] }).to_string();
    for all in [false, true] {
        fs::write(&path, config(all)).unwrap();
        let mut server = Server::bare(&["--config", path.to_str().unwrap()]);
        let answer = server.post("/v1/lookup", "application/json", body.as_bytes());
        assert_eq!(answer.is(200)["results"][1]["matched"], true);
        let begun = Instant::now();
        while all && receiver.kept().is_empty() {
            assert!(begun.elapsed() < PATIENCE, "no event comes");
            thread::sleep(Duration::from_millis(10));
        }
        if all {
            let data = receiver.kept()[0].event["data"].clone();
            assert_eq!(
                (&data["place"], &data["total"], &data["review"]),
                (&json!(1), &json!(1), &Value::Null)
            );
            assert_eq!(
                (&data["matches"][0]["key"], &data["matches"][0]["gallery"]),
                (&json!("known"), &json!("own"))
            );
            assert!(data["request_id"].as_str().unwrap().len() > 10);
        } else {
            assert!(receiver.posts().is_empty());
        }
        let metrics = server.line_with("metrics at");
        let address = metrics.split("http://").nth(1).unwrap().trim_end_matches("/metrics").to_string();
        let numbers = || {
            let mut connection = client::Connection::to(address.parse().unwrap());
            connection.ask(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").text()
        };
        // The receiver knows before the sender does.
        let delivered = format!("shadegrid_hooks_delivered_total {}\n", i32::from(all));
        while !numbers().contains(&delivered) {
            assert!(begun.elapsed() < PATIENCE, "{delivered} is not in {}", numbers());
            thread::sleep(Duration::from_millis(10));
        }
        assert!(
            numbers().contains("shadegrid_hooks{state=\"waiting\"} 0\nshadegrid_hooks{state=\"failed\"} 0")
        );
        server.terminate();
        assert!(server.wait().success());
        assert!(!server.rest_of_lines().concat().contains("stands-nowhere"));
    }
    let output = Command::new(env!("CARGO_BIN_EXE_shadegrid"))
        .args(["hook", "list", "--data"])
        .arg(folder.path().join("data"))
        .output()
        .unwrap();
    assert!(output.status.success() && output.stdout.is_empty());
    // Without a folder nothing can be kept.
    let text = config(true).replace("data = \"data\"\nno_keys = true\n", "");
    fs::write(&path, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_shadegrid"))
        .args(["serve", "--check", "--config"])
        .arg(&path)
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("hooks need a folder"));
}

#[test]
fn a_service_announces_what_it_files_and_knows_whose_key_asked() {
    let receiver = Receiver::start();
    let place = Place::at(&receiver);
    let key = place.run(&["key", "add", "--data", "data", "--scope", "report"], 0).stdout;
    let key = String::from_utf8(key).unwrap().trim().to_string();
    let path = |name: &str| place.path(name).to_string_lossy().into_owned();
    let mut server =
        Server::start(&["--data", &path("data"), "--reports", &path("reports.toml"), "--log", "json"]);
    let report = json!({
        "incident": { "type": "Child Sexual Molestation", "time": "2025-11-25T09:00:00+01:00" },
        "internet": [{ "web_page": { "urls": ["https://a.example/"] } }],
        "files": [{ "id": "f", "name": "a.jpg", "data": "YWJj" }],
    });
    let headers =
        format!("Content-Type: application/json\r\nAuthorization: Bearer {key}\r\nIdempotency-Key: case\r\n");
    let id = server.post_with("/v1/reports", &headers, report.to_string().as_bytes()).is(202)["id"].clone();
    let begun = Instant::now();
    while receiver.kept().len() < 2 {
        assert!(begun.elapsed() < 2 * PATIENCE, "{:?}", receiver.posts());
        thread::sleep(Duration::from_millis(20));
    }
    let kept = receiver.kept();
    assert_eq!(kept.iter().map(Post::kind).collect::<Vec<_>>(), ["report.finished", "preserve"]);
    assert!(kept.iter().all(|post| post.event["data"]["id"] == id));
    server.line_with("hook_delivered");
    server.terminate();
    assert!(server.wait().success());
    let said = server.rest_of_lines().concat();
    for secret in [SECRET, KEY, "stands-nowhere"] {
        assert!(!said.contains(secret), "{said}");
    }
    let acts = place.audit();
    let of =
        |action: &str| acts.iter().find(|line| line["action"] == *action && line["subject"] == id).unwrap();
    assert_eq!(of("report.submit")["who"].as_str(), key.split('_').nth(1));
    assert_eq!(of("report.finish")["who"], "shadegrid");
}

#[cfg(target_os = "linux")]
#[test]
fn no_core_is_dumped_where_the_key_is() {
    let place = Place::new("url = \"http://127.0.0.1:1\"");
    let mut sending = place.spawn(&["report", "send", "--follow"]);
    let folder = place.path("data").to_string_lossy().into_owned();
    let other = TempDir::new().unwrap();
    let serving = Server::start(&["--data", other.path().to_str().unwrap(), "--no-keys"]);
    for id in [sending.id(), serving.id()] {
        let begun = Instant::now();
        loop {
            let limits = fs::read_to_string(format!("/proc/{id}/limits")).unwrap_or_default();
            let line = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap_or_default();
            if line.split_whitespace().skip(4).take(2).eq(["0", "0"]) {
                break;
            }
            assert!(begun.elapsed() < PATIENCE, "{folder}: {limits}");
            thread::sleep(Duration::from_millis(10));
        }
    }
    sending.kill().unwrap();
    sending.wait().unwrap();
}

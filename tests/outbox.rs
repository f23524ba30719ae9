//! Reports through the service: the real command asked over sockets, in front of the stand-in of NCMEC's CyberTipline, which fails as it is asked to.

#![expect(clippy::print_stdout, reason = "tests say how much they compared")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use tempfile::TempDir;

#[path = "outbox/api.rs"]
mod api;
#[path = "service/client.rs"]
#[allow(dead_code, unreachable_pub, reason = "what tests share")]
mod client;
#[path = "outbox/hostile.rs"]
mod hostile;
#[path = "outbox/killed.rs"]
mod killed;
#[path = "outbox/life.rs"]
mod life;
#[path = "outbox/photodna.rs"]
mod photodna;

use client::{Answer, Connection, PATIENCE, Server};

const PASSWORD: &str = "a password that stands nowhere else";

/// A stand-in, and a folder with the configuration of a service that sends to it.
struct Place {
    folder: TempDir,
    tipline: Server,
}

impl Place {
    fn new() -> Place {
        Place::with("pause = 0.02\n")
    }

    /// With these lines at the head of the configuration of the reports.
    fn with(head: &str) -> Place {
        let folder = TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name);
        for (name, text) in
            [("key", &*"8c1f0a77b3e94d52".repeat(4)), ("user", "user"), ("password", PASSWORD)]
        {
            fs::write(path(name), text).unwrap();
            #[cfg(unix)]
            fs::set_permissions(path(name), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        }
        let password = path("password");
        let arguments = ["standin", "cybertipline", "--listen", "127.0.0.1:0", "--user", "user"];
        let tipline =
            Server::of(&[], &[&arguments[..], &["--password-file", password.to_str().unwrap()]].concat());
        let place = Place { folder, tipline };
        place.configure(head, &place.test());
        place
    }

    /// The account at the stand-in.
    fn test(&self) -> String {
        format!("[test]\n{}", self.account())
    }

    fn account(&self) -> String {
        let url = format!("http://{}/ispws", self.tipline.address);
        format!("user_file = \"user\"\npassword_file = \"password\"\nurl = \"{url}\"\n")
    }

    fn configure(&self, head: &str, accounts: &str) {
        let reporter = "[reporter]\nfirst_name = \"R\"\nemails = [{ email = \"r@a.example\" }]\nlegal_url = \"https://a.example/legal\"\n";
        let text = format!("data = \"data\"\nevidence_key = \"key\"\n{head}{accounts}{reporter}");
        fs::write(self.path("reports.toml"), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text_of(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_string()
    }

    /// The service, without keys.
    fn serve(&self) -> Server {
        self.serve_with(&["--no-keys"])
    }

    fn serve_with(&self, arguments: &[&str]) -> Server {
        let (data, reports) = (self.text_of("data"), self.text_of("reports.toml"));
        Server::start(&[&["--data", &data, "--reports", &reports][..], arguments].concat())
    }

    /// `shadegrid report` in the folder.
    fn report(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shadegrid"));
        command.arg("report").args(arguments).args(["--config", "reports.toml"]);
        command.current_dir(self.folder.path()).output().unwrap()
    }

    /// What the stand-in knows.
    fn known(&self) -> Value {
        self.tipline.get("/_standin/state").is(200)
    }

    fn faults(&self, faults: Value) {
        self.tipline.post("/_standin/faults", "application/json", faults.to_string().as_bytes()).is(200);
    }

    /// Reports of the stand-in in this state.
    fn reports(&self, state: &str) -> Vec<Value> {
        let known = self.known();
        let all = known["reports"].as_array().unwrap().iter();
        all.filter(|report| report["state"] == state).cloned().collect()
    }
}

/// A report whose files are this long.
fn report(number: usize, files: &[usize]) -> Value {
    let file = |place: usize, length: usize| {
        json!({ "id": format!("f{place}"), "name": format!("{number}-{place}.jpg"), "viewed": true,
            "data": BASE64.encode(content(number, place, length)) })
    };
    let files: Vec<Value> = files.iter().enumerate().map(|(place, length)| file(place, *length)).collect();
    json!({
        "incident": { "type": "Child Sexual Molestation", "time": "2025-11-25T09:00:00+01:00" },
        "additional_info": format!("item {number}"),
        "files": files,
    })
}

fn content(number: usize, place: usize, length: usize) -> Vec<u8> {
    let head = format!("{number} {place}\r\n--boundary--\r\n");
    head.bytes().chain((0..length).map(|byte| (byte * 31 + number) as u8)).collect()
}

/// Submits a report under a key.
fn submit(server: &Server, key: &str, report: &Value) -> Answer {
    let headers = format!("Content-Type: application/json\r\nIdempotency-Key: {key}\r\n");
    server.post_with("/v1/reports", &headers, report.to_string().as_bytes())
}

/// Waits until something is so.
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < 3 * PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The report once it is in this state.
fn in_state(server: &Server, id: &str, state: &str) -> Value {
    let mut last = Value::Null;
    until(&format!("{id} is {state}"), || {
        last = server.get(&format!("/v1/reports/{id}")).is(200);
        (last["state"] == state).then(|| last.clone())
    })
}

/// Whether these items are finished exactly once with their files, and nothing else is.
fn finished_once(place: &Place, items: &[(usize, Vec<usize>)]) {
    let finished = place.reports("finished");
    assert_eq!(finished.len(), items.len(), "nothing else is finished");
    for (number, files) in items {
        let info = format!("item {number}");
        let own = finished.iter().filter(|report| holds(&report["report"], &info));
        let own: Vec<_> = own.collect();
        assert_eq!(own.len(), 1, "item {number} is finished {} times", own.len());
        let known = own[0]["files"].as_array().unwrap();
        assert_eq!(known.len(), files.len(), "item {number}");
        for (place, (known, length)) in known.iter().zip(files).enumerate() {
            let content = content(*number, place, *length);
            assert_eq!(known["sha256"], sha256(&content), "item {number}, file {place}");
            assert_eq!(known["bytes"], content.len());
            assert!(holds(&known["details"], &format!("{number}-{place}.jpg")), "{known}");
        }
    }
}

/// Whether a text stands anywhere in it.
fn holds(value: &Value, text: &str) -> bool {
    match value {
        Value::String(own) => own == text,
        Value::Array(all) => all.iter().any(|one| holds(one, text)),
        Value::Object(all) => all.values().any(|one| holds(one, text)),
        _ => false,
    }
}

fn sha256(bytes: &[u8]) -> String {
    ring::digest::digest(&ring::digest::SHA256, bytes)
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A key of the service's folder, with these scopes.
fn add_key(data: &Path, scopes: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shadegrid"));
    let output = command.args(["key", "add", "--scope", scopes, "--data"]).arg(data).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_string()
}

/// A number between 0 and below `most`, another one each time.
fn random(seed: &mut u64, most: u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % most
}

//! Rounds against the stand-ins, with everything that goes wrong at will: the same set as undisturbed.

use std::num::NonZeroUsize;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use shadegrid::standin::{Exchange, Standin, StandinOptions, Stopper};

use super::client::Connection;
use super::{Content, content, follower, pdq, round};

/// Exchanges, and how our configuration calls them.
const EXCHANGES: [(Exchange, &str); 3] = [
    (Exchange::HashSharing, "ncmec"),
    (Exchange::StopNcii, "stopncii"),
    (Exchange::ThreatExchange, "threatexchange"),
];

/// A stand-in for as long as the test runs.
pub(crate) struct Running {
    pub(crate) url: String,
    address: std::net::SocketAddr,
    stopper: Stopper,
    name: &'static str,
}

impl Running {
    pub(crate) fn start(exchange: Exchange, name: &'static str, page: usize) -> Running {
        let options = StandinOptions::new(exchange).page_size(NonZeroUsize::new(page));
        let standin = Standin::start(options).unwrap();
        let (address, stopper) = (standin.address(), standin.stopper());
        std::thread::spawn(move || standin.run().unwrap());
        Running { url: format!("http://{address}/some/path"), address, stopper, name }
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Value {
        let length = body.len();
        let head = format!("POST /_standin/{path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
        Connection::to(self.address).ask(&[head.as_bytes(), body.as_bytes()].concat()).is(200)
    }

    fn state(&self) -> Value {
        Connection::to(self.address).ask(b"GET /_standin/state HTTP/1.1\r\nHost: a\r\n\r\n").is(200)
    }

    /// What a new gallery has after one undisturbed round.
    fn undisturbed(&self) -> Content {
        self.post("faults", "[]");
        let folder = tempfile::tempdir().unwrap();
        let follower = follower(folder.path(), &self.url, self.name);
        round(&follower);
        content(&follower.gallery())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stopper.stop();
    }
}

fn text(seconds: u64) -> String {
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds)).to_string()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub(crate) fn change(key: u64, at: u64, op: &str, signature: u64) -> String {
    let line =
        json!({ "at": text(at), "key": key.to_string(), "op": op, "pdq": pdq(signature), "labels": ["A1"] });
    format!("{line}\n")
}

/// Three hundred entries, a tenth of which is taken back again.
fn history() -> String {
    let added = (0..300).map(|key| change(key, 1_767_225_600 + key / 3, "add", key));
    let removed = (0..30).map(|key| change(key * 10, 1_767_229_200 + key, "remove", key * 10));
    added.chain(removed).collect()
}

/// What goes wrong, for one round each.
fn faults() -> Vec<Value> {
    let twice = |fault: Value| json!([{}, fault, {}, {}, fault, {}, fault]);
    let mut all: Vec<Value> = [
        json!({ "status": 429, "retry_after": 0 }),
        json!({ "status": 500, "times": 3 }),
        json!({ "status": 503, "retry_after": 1 }),
        json!({ "repeat_page": true }),
        json!({ "repeat_page": true, "times": 2 }),
        json!({ "shuffle": true }),
        json!({ "expired_cursor": true }),
        json!({ "reset": true }),
        json!({ "slow_ms": 30 }),
    ]
    .map(twice)
    .into();
    all.extend([0, 1, 200, 900, 2000, 1 << 30].map(|length| twice(json!({ "cut": length }))));
    all.push(json!([{ "shuffle": true }, { "cut": 700 }, { "repeat_page": true }, { "status": 500 }, { "expired_cursor": true }, { "reset": true },
        { "repeat_page": true }, { "status": 429 }, { "shuffle": true }]));
    all
}

#[test]
fn whatever_goes_wrong_the_set_is_the_same() {
    let mut rounds = 0;
    for (exchange, name) in EXCHANGES {
        let standin = Running::start(exchange, name, 25);
        assert_eq!(standin.post("changes", &history())["changes"], 330);
        let expected = standin.undisturbed();
        assert_eq!(expected.len(), 270, "{name}");
        let signatures: std::collections::HashSet<_> =
            expected.iter().map(|entry| entry.4.unwrap().0).collect();
        let own =
            (0..300).filter(|key| key % 10 != 0).map(|key| pdq(key).parse::<shadegrid::Pdq>().unwrap().0);
        assert!(signatures == own.collect(), "{name}");
        for fault in faults() {
            standin.post("faults", &fault.to_string());
            let folder = tempfile::tempdir().unwrap();
            let follower = follower(folder.path(), &standin.url, name);
            let outcome = follower.round_by_itself(false);
            let outcome = outcome.unwrap_or_else(|error| panic!("{name} {fault}: {error}"));
            assert_eq!((outcome.entries, outcome.bad), (270, 0), "{name} {fault}");
            assert!(content(&follower.gallery()) == expected, "{name} {fault}");
            let state = standin.state();
            assert!(
                state["played"].as_object().is_some_and(|played| !played.is_empty()),
                "{name} {fault}: {state}"
            );
            rounds += 1;
        }
    }
    println!("{rounds} disturbed rounds gave the undisturbed set");
    assert!(rounds >= 48);
}

#[test]
fn changes_arrive_whatever_goes_wrong() {
    for (exchange, name) in EXCHANGES {
        let standin = Running::start(exchange, name, 25);
        standin.post("changes", &history());
        let folder = tempfile::tempdir().unwrap();
        let follower = follower(folder.path(), &standin.url, name);
        round(&follower);
        let faults = faults();
        for step in 0..5u64 {
            // Visible to the next round, and not yet in the window of the last one.
            let at = now() - 5;
            let added =
                (0..40).map(|key| change(1000 + step * 100 + key, at, "add", 1000 + step * 100 + key));
            let updated = (1..9).map(|key| change(key + step * 10, at, "update", 5000 + step * 100 + key));
            let removed =
                (0..9).map(|key| change(101 + step * 20 + key, at, "remove", 101 + step * 20 + key));
            let lines: String = added.chain(updated).chain(removed).collect();
            standin.post("changes", &lines);
            standin.post("faults", &faults[(step as usize * 3 + 3) % faults.len()].to_string());
            std::thread::sleep(Duration::from_millis(1100));
            round(&follower);
        }
        let expected = standin.undisturbed();
        assert!(expected.len() > 400, "{name} {}", expected.len());
        assert!(content(&follower.gallery()) == expected, "{name}");
    }
}

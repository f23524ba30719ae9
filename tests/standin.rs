//! The stand-ins for exchanges: the real command, asked over sockets, and what goes wrong at will.

#![expect(clippy::print_stdout, reason = "tests say how much they compared")]

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

#[path = "service/client.rs"]
#[allow(dead_code, unreachable_pub, reason = "what tests share")]
mod client;

use client::{Answer, Connection, PATIENCE, Server};

const KEYS: &str = "x-functions-key: a\r\nOcp-Apim-Subscription-Key: b\r\n";

fn standin(exchange: &str, arguments: &[&str]) -> Server {
    Server::of(&[&["standin", exchange, "--listen", "127.0.0.1:0"], arguments].concat())
}

/// A stand-in of StopNCII with so many records, each a second after the last, and so many on a page.
fn stopncii(records: usize, page: usize) -> Server {
    let server = standin("stopncii", &["--page-size", &page.to_string()]);
    let lines: String = (0..records).map(|n| change(n, &format!(r#""pdq":"{n:064x}""#))).collect();
    assert_eq!(server.post("/_standin/changes", "", lines.as_bytes()).is(200)["changes"], records);
    server
}

fn change(n: usize, rest: &str) -> String {
    format!(
        "{{\"at\":\"2026-01-01T{:02}:{:02}:{:02}Z\",\"key\":\"{n}\",{rest}}}\n",
        n / 3600,
        n / 60 % 60,
        n % 60
    )
}

fn get(path: &str, headers: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: a:1\r\n{headers}\r\n").into_bytes()
}

fn ask(server: &Server, path: &str) -> Answer {
    server.connect().ask(&get(path, KEYS))
}

fn faults(server: &Server, faults: Value) {
    server.post("/_standin/faults", "", faults.to_string().as_bytes()).is(200);
}

/// What came before the connection ended, and whether it was reset.
fn until_the_end(server: &Server, path: &str) -> (Vec<u8>, bool) {
    let mut stream = TcpStream::connect_timeout(&server.address, PATIENCE).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&get(path, KEYS)).unwrap();
    let mut came = Vec::new();
    let ended = stream.read_to_end(&mut came);
    (came, ended.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset))
}

#[test]
fn every_exchange_gives_what_is_in_the_file() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("changes.jsonl");
    std::fs::write(&path, change(5, r#""member":42,"pdq":"00","labels":["A1"]"#)).unwrap();
    let path = path.to_str().unwrap();
    for (exchange, request, headers, expected) in [
        ("hashsharing", "/v2/entries", "Authorization: Basic dTpw\r\n", "<pdq>00</pdq>"),
        ("stopncii", "/v1/FetchHashes", KEYS, r#""hashValue":"00""#),
        ("threatexchange", "/v1/7/threat_updates/?access_token=t", "", r#""indicator":"00""#),
    ] {
        let server = standin(exchange, &["--changes", path]);
        let answer = server.connect().ask(&get(request, headers));
        assert!(answer.status == 200 && answer.text().contains(expected), "{exchange}: {}", answer.text());
        let state = server.get("/_standin/state").is(200);
        assert_eq!((&state["exchange"], &state["given"]), (&exchange.into(), &1.into()));
    }
}

#[test]
fn secrets_come_from_files_and_are_never_shown() {
    let folder = TempDir::new().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "12345678|secret\n").unwrap();
    let mut server = standin("threatexchange", &["--token-file", token.to_str().unwrap()]);
    for (token, status) in [("12345678%7Csecret", 200), ("12345678%7Cother", 401), ("", 401)] {
        let answer = server.get(&format!("/1/threat_updates?access_token={token}"));
        assert_eq!(answer.status, status, "{token}");
    }
    let state = server.get("/_standin/state");
    assert!(state.is(200)["unauthorised"] == 2 && !state.text().contains("secret"), "{}", state.text());
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
    assert_eq!(server.rest_of_lines(), [""; 0]);
}

#[test]
fn what_cannot_be_served_is_an_error() {
    let folder = TempDir::new().unwrap();
    let wrong = folder.path().join("wrong.jsonl");
    std::fs::write(&wrong, "{\"key\":\"a\",\"pdq\":\"00\"}\n{\"key\":\"secret\"}").unwrap();
    let empty = folder.path().join("empty");
    std::fs::write(&empty, "\n").unwrap();
    let path = |path: &Path| path.to_str().unwrap().to_string();
    for (arguments, expected) in [
        (
            vec!["stopncii".into(), "--changes".into(), path(&wrong)],
            "change 2: it has no signature that this exchange knows",
        ),
        (vec!["stopncii".into(), "--changes".into(), path(&folder.path().join("none"))], "cannot read"),
        (vec!["threatexchange".into(), "--token-file".into(), path(&empty)], "is empty"),
        (vec!["hashsharing".into(), "--listen".into(), "0.0.0.0:0".into()], "that needs credentials"),
    ] {
        let command =
            Command::new(env!("CARGO_BIN_EXE_shadegrid")).arg("standin").args(&arguments).output().unwrap();
        let said = String::from_utf8(command.stderr).unwrap();
        assert!(command.status.code() == Some(1) && said.contains(expected), "{arguments:?}: {said}");
        assert!(!said.contains("secret"), "{said}");
    }
}

#[test]
fn an_answer_is_cut_where_it_was_asked_for() {
    let server = stopncii(20, 20);
    // Cursors have the time in them, and answers are compared here.
    server.post("/_standin/clock", "", br#"{"now":"2026-01-02T00:00:00Z"}"#).is(200);
    let whole = ask(&server, "/FetchHashes");
    let length = whole.body.len();
    let places: Vec<usize> =
        (0..length).step_by(length / 9).chain([length - 1, length, length + 1000]).collect();
    faults(&server, places.iter().map(|at| json!({ "cut": at })).collect());
    for at in &places {
        let (came, _) = until_the_end(&server, "/FetchHashes");
        let head = came.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
        let text = String::from_utf8_lossy(&came[..head]).to_ascii_lowercase();
        assert!(text.contains(&format!("content-length: {length}\r\n")), "{text}");
        assert!(
            came[head..] == whole.body[..*at.min(&(length - 1))],
            "cut at {at}: {} bytes",
            came.len() - head
        );
    }
    assert_eq!(ask(&server, "/FetchHashes").body, whole.body);
    println!("{} cuts", places.len());
}

#[test]
fn a_connection_is_reset_and_the_next_one_is_not() {
    let server = stopncii(3, 20);
    faults(&server, json!([{ "times": 1 }, { "reset": true, "times": 2 }]));
    assert_eq!(ask(&server, "/FetchHashes").status, 200);
    for _ in 0..2 {
        assert_eq!(until_the_end(&server, "/FetchHashes"), (Vec::new(), true));
    }
    // A connection that goes on is as good.
    let mut connection = server.connect();
    for _ in 0..3 {
        assert_eq!(connection.ask(&get("/FetchHashes", KEYS)).is(200)["count"], 3);
    }
    assert_eq!(server.get("/_standin/state").is(200)["played"]["reset"], 2);
}

#[test]
fn slow_answers_hold_nobody_else_up() {
    let server = stopncii(3, 20);
    faults(&server, json!([{ "slow_ms": 1500, "status": 503, "retry_after": 2 }]));
    let began = Instant::now();
    let mut slow = server.connect();
    assert!(slow.send(&get("/FetchHashes", KEYS)));
    while server.get("/_standin/state").is(200)["requests"] == 0 {
        assert!(began.elapsed() < Duration::from_secs(1), "it does not arrive");
    }
    assert_eq!(ask(&server, "/FetchHashes").status, 200);
    let quick = began.elapsed();
    let answer = slow.answer().unwrap();
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("2")));
    assert!(
        quick < Duration::from_millis(1400) && began.elapsed() >= Duration::from_millis(1500),
        "{quick:?}"
    );
}

/// Every value that the pages of a set have, in order.
fn fetched(connection: &mut Connection, start: &str) -> (Vec<String>, Value) {
    let (mut values, mut token) = (Vec::new(), String::new());
    loop {
        let path = format!("/FetchHashes?startTimestamp={start}{token}");
        let page = connection.ask(&get(&path, KEYS)).is(200);
        let records = page["hashRecords"].as_array().unwrap();
        values.extend(records.iter().map(|record| record["hashValue"].as_str().unwrap().to_string()));
        if page["hasMoreRecords"] == false {
            return (values, page["nextSetTimestamp"].clone());
        }
        token = format!("&nextPageToken={}", page["nextPageToken"].as_str().unwrap());
    }
}

#[test]
fn many_clients_see_the_same_pages_while_changes_arrive() {
    let server = stopncii(1000, 37);
    let address = server.address;
    let has_changed = Arc::new(Barrier::new(5));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let has_changed = has_changed.clone();
            std::thread::spawn(move || {
                let mut connection = Connection::to(address);
                let (first, next) = fetched(&mut connection, "10");
                has_changed.wait();
                let (second, _) = fetched(&mut connection, &next.to_string());
                (first, second)
            })
        })
        .collect();
    let late: String = (0..5).map(|n| format!("{{\"key\":\"late{n}\",\"pdq\":\"late{n}\"}}\n")).collect();
    server.post("/_standin/changes", "", late.as_bytes()).is(200);
    has_changed.wait();
    let expected: BTreeSet<String> =
        (0..1000).map(|n| format!("{n:064x}")).chain((0..5).map(|n| format!("late{n}"))).collect();
    for client in clients {
        let (first, second) = client.join().unwrap();
        let seen: BTreeSet<String> = first.iter().chain(&second).cloned().collect();
        assert!(first.len() >= 1000, "{}", first.len());
        assert_eq!(seen, expected);
    }
}

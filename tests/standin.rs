//! The stand-ins for exchanges and the CyberTipline: the real command, asked over sockets, and what goes wrong at will.

#![expect(clippy::print_stdout, reason = "tests say how much they compared")]

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use md5::{Digest as _, Md5};
use serde_json::{Value, json};
use tempfile::TempDir;

#[path = "service/client.rs"]
#[allow(dead_code, unreachable_pub, reason = "what tests share")]
mod client;

use client::{Answer, Connection, PATIENCE, Server};

const KEYS: &str = "x-functions-key: a\r\nOcp-Apim-Subscription-Key: b\r\n";

const BASIC: &str = "Authorization: Basic dTpw\r\n";

const REPORT: &str = "<report><incidentSummary><incidentType>Child Sex Tourism</incidentType><incidentDateTime>2012-10-15T08:00:00-07:00</incidentDateTime></incidentSummary><reporter><reportingPerson><email>a@b.example</email></reportingPerson></reporter></report>";

const FILE_PART: &str = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.jpg\"\r\nContent-Type: image/jpeg\r\n\r\n";

fn standin(exchange: &str, arguments: &[&str]) -> Server {
    Server::of(&[], &[&["standin", exchange, "--listen", "127.0.0.1:0"], arguments].concat())
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

/// A request of the CyberTipline's.
fn post(step: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST /ispws/{step} HTTP/1.1\r\nHost: a\r\n{BASIC}Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// Opens a report.
fn submit() -> Vec<u8> {
    post("submit", "text/xml; charset=utf-8", REPORT.as_bytes())
}

/// A form of parts with a file of these bytes, where there is one.
fn parts(step: &str, report: &str, file: Option<&[u8]>) -> Vec<u8> {
    let mut body =
        format!("--x\r\nContent-Disposition: form-data; name=\"id\"\r\n\r\n{report}\r\n").into_bytes();
    if let Some(file) = file {
        body.extend(FILE_PART.as_bytes());
        body.extend(file);
        body.extend(b"\r\n");
    }
    body.extend(b"--x--\r\n");
    post(step, "multipart/form-data; boundary=x", &body)
}

/// What stands between the tags of an element.
fn element(answer: &Answer, name: &str) -> String {
    let text = answer.text();
    let (_, rest) = text.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("{name}: {text}"));
    rest.split_once(&format!("</{name}>")).unwrap().0.to_string()
}

/// The report that a successful answer names.
fn report(answer: &Answer) -> String {
    assert_eq!((answer.status, &*element(answer, "responseCode")), (200, "0"), "{}", answer.text());
    element(answer, "reportId")
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn faults(server: &Server, faults: Value) {
    server.post("/_standin/faults", "", faults.to_string().as_bytes()).is(200);
}

/// What came before the connection ended, and whether it was reset.
fn until_the_end(server: &Server, path: &str) -> (Vec<u8>, bool) {
    all_that_comes(server, &get(path, KEYS))
}

fn all_that_comes(server: &Server, request: &[u8]) -> (Vec<u8>, bool) {
    let mut stream = TcpStream::connect_timeout(&server.address, PATIENCE).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // A connection that is reset meanwhile takes the rest no more.
    let _ = stream.write_all(request);
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
        (vec!["cybertipline".into(), "--listen".into(), "0.0.0.0:0".into()], "that needs credentials"),
        (vec!["cybertipline".into(), "--state".into(), path(&wrong)], "wrong.jsonl: "),
        (vec!["cybertipline".into(), "--state".into(), path(folder.path())], "cannot read"),
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
    faults(&server, json!([{ "slow_ms": 5000, "status": 503, "retry_after": 2 }]));
    let began = Instant::now();
    let mut slow = server.connect();
    assert!(slow.send(&get("/FetchHashes", KEYS)));
    while server.get("/_standin/state").is(200)["requests"] == 0 {
        assert!(began.elapsed() < Duration::from_secs(4), "it does not arrive");
    }
    assert_eq!(ask(&server, "/FetchHashes").status, 200);
    let quick = began.elapsed();
    let answer = slow.answer().unwrap();
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("2")));
    assert!(quick < Duration::from_millis(4900) && began.elapsed() >= Duration::from_secs(5), "{quick:?}");
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

#[test]
fn a_report_is_filed() {
    let server = standin("cybertipline", &[]);
    let mut connection = server.connect();
    let status = connection.ask(&get("/ispws/status", BASIC));
    assert_eq!(element(&status, "responseDescription"), "Remote User : u, Remote Ip : 127.0.0.1");
    assert!(status.header("request-id").is_some_and(|id| !id.is_empty()));
    let unknown = connection.ask(&get("/ispws/status", ""));
    assert_eq!((unknown.status, unknown.body.len()), (401, 0));
    assert!(unknown.header("request-id").is_some());

    let id = report(&connection.ask(&submit()));
    let picture = client::holiday("hills.jpg");
    let uploaded = connection.ask(&parts("upload", &id, Some(&picture)));
    assert_eq!(
        (report(&uploaded), element(&uploaded, "hash")),
        (id.clone(), hexadecimal(&Md5::digest(&picture)))
    );
    let file = element(&uploaded, "fileId");
    let details = format!(
        "<fileDetails><reportId>{id}</reportId><fileId>{file}</fileId><originalFileName>a.jpg</originalFileName></fileDetails>"
    );
    report(&connection.ask(&post("fileinfo", "text/xml", details.as_bytes())));
    let done = connection.ask(&parts("finish", &id, None));
    assert_eq!((report(&done), element(&done, "fileId")), (id.clone(), file.clone()));
    let state = server.get("/_standin/state").is(200);
    assert_eq!(
        (&state["counts"]["finished"], &state["reports"][0]["state"]),
        (&1.into(), &"finished".into())
    );
    let shown = &state["reports"][0]["files"][0];
    assert_eq!((&shown["name"], &shown["bytes"]), (&"a.jpg".into(), &picture.len().into()));
    assert_eq!(shown["details"]["originalFileName"], "a.jpg");

    // The other form, and what is finished once.
    let form = format!("id={id}");
    let again = connection.ask(&post("finish", "application/x-www-form-urlencoded", form.as_bytes()));
    assert_eq!((again.status, &*element(&again, "responseCode")), (400, "5102"));
    let other = report(&connection.ask(&submit()));
    let form = format!("id={other}");
    report(&connection.ask(&post("retract", "application/x-www-form-urlencoded", form.as_bytes())));
    assert_eq!(server.get("/_standin/state").is(200)["counts"]["retracted"], 1);
}

#[test]
fn uploads_of_any_size_pass_by() {
    const PIECE: usize = 1 << 20;
    const PIECES: usize = 96;
    let server = standin("cybertipline", &[]);
    let mut connection = server.connect();
    let id = report(&connection.ask(&submit()));
    // The head and the first parts of a form, whose file is as long as all pieces.
    let empty = parts("upload", &id, Some(b""));
    let end = b"\r\n--x--\r\n";
    let begin = String::from_utf8(empty[..empty.len() - end.len()].to_vec()).unwrap();
    let (head, form) = begin.split_once("\r\n\r\n").unwrap();
    let (_, length) = head.split_once("Content-Length: ").unwrap();
    let whole: usize = length.parse::<usize>().unwrap() + PIECES * PIECE;
    assert!(connection.send(
        begin.replace(&format!("Content-Length: {length}"), &format!("Content-Length: {whole}")).as_bytes()
    ));
    assert!(form.ends_with("\r\n\r\n"));
    let piece: Vec<u8> = (0..PIECE).map(|place| (place * place % 251) as u8).collect();
    let mut md5 = Md5::new();
    for _ in 0..PIECES {
        md5.update(&piece);
        assert!(connection.send(&piece));
    }
    let uploaded = connection.ask(end);
    assert_eq!((report(&uploaded), element(&uploaded, "hash")), (id, hexadecimal(&md5.finalize())));
    if let Ok(status) = std::fs::read_to_string(format!("/proc/{}/status", server.id())) {
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let peak: usize = peak.trim().trim_end_matches(" kB").parse().unwrap();
        println!("{} MiB uploaded, at most {} MiB in memory", (PIECES * PIECE) >> 20, peak >> 10);
        assert!(peak < 64 << 10, "{peak} kB for {PIECES} pieces");
    }
}

/// How many reports are open and finished, and how many files there are.
fn counts(server: &Server) -> (u64, u64, usize) {
    let state = server.get("/_standin/state").is(200);
    let count = |stage: &str| state["counts"][stage].as_u64().unwrap();
    let files =
        state["reports"].as_array().unwrap().iter().map(|report| report["files"].as_array().unwrap().len());
    (count("open"), count("finished"), files.sum())
}

#[test]
fn answers_are_lost_before_and_after_their_effect() {
    let server = standin("cybertipline", &[]);
    faults(
        &server,
        json!([
            { "step": "submit", "reset": true },
            { "step": "submit", "reset": true, "after": true },
            { "step": "upload", "reset_at": 300_000 },
            { "step": "upload", "reset_at": 9_000_000 },
            { "step": "upload", "cut": 100 },
            { "step": "finish", "reset": true, "slow_ms": 300 },
            { "step": "finish", "reset": true, "after": true },
        ]),
    );
    assert_eq!(all_that_comes(&server, &submit()), (Vec::new(), true));
    assert_eq!(counts(&server), (0, 0, 0));
    assert_eq!(all_that_comes(&server, &submit()), (Vec::new(), true));
    assert_eq!(counts(&server), (1, 0, 0));
    let id = server.get("/_standin/state").is(200)["reports"][0]["id"].to_string();
    // In the middle of the body, and at its end.
    let upload = parts("upload", &id, Some(&vec![7; 1_000_000]));
    for _ in 0..2 {
        assert_eq!(all_that_comes(&server, &upload), (Vec::new(), true));
        assert_eq!(counts(&server), (1, 0, 0));
    }
    let (came, _) = all_that_comes(&server, &upload);
    let head = came.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
    assert_eq!((came.len() - head, counts(&server)), (100, (1, 0, 1)));
    let began = Instant::now();
    assert_eq!(all_that_comes(&server, &parts("finish", &id, None)), (Vec::new(), true));
    assert!(began.elapsed() >= Duration::from_millis(300));
    assert_eq!(counts(&server), (1, 0, 1));
    assert_eq!(all_that_comes(&server, &parts("finish", &id, None)), (Vec::new(), true));
    assert_eq!(counts(&server), (0, 1, 1));
    let again = server.connect().ask(&parts("finish", &id, None));
    assert_eq!(element(&again, "responseCode"), "5102");
    let state = server.get("/_standin/state").is(200);
    assert_eq!((&state["faults_left"], &state["played"]["reset_at"]), (&0.into(), &2.into()));
}

#[test]
fn who_hangs_up_before_the_effect_has_none() {
    let server = standin("cybertipline", &[]);
    let finishing = json!({ "step": "finish", "slow_ms": 700 });
    let finished = json!({ "step": "finish", "slow_ms": 700, "after": true });
    faults(&server, json!([finishing, finished]));
    let id = report(&server.connect().ask(&submit()));
    for expected in [0, 1] {
        let mut connection = server.connect();
        assert!(connection.send(&parts("finish", &id, None)));
        std::thread::sleep(Duration::from_millis(200));
        drop(connection);
        std::thread::sleep(Duration::from_millis(1000));
        assert_eq!(counts(&server).1, expected);
    }
}

#[test]
fn a_form_that_breaks_off_has_no_effect() {
    let server = standin("cybertipline", &[]);
    let id = report(&server.connect().ask(&submit()));
    let whole = parts("upload", &id, Some(b"abc"));
    let mut tried = 0;
    for length in (0..whole.len()).rev().step_by(7) {
        let mut connection = server.connect();
        assert!(connection.send(&whole[..length]));
        connection.shut();
        drop(connection);
        tried += 1;
    }
    assert!(tried > 20, "{tried}");
    // The whole length, but another boundary at the end.
    let mut other = whole.clone();
    let end = other.len() - 5;
    other[end] = b'y';
    let answer = server.connect().ask(&other);
    assert_eq!((answer.status, &*element(&answer, "responseCode")), (400, "4200"));
    assert_eq!(counts(&server), (1, 0, 0));
    report(&server.connect().ask(&whole));
    assert_eq!(counts(&server), (1, 0, 1));
}

#[test]
fn reports_outlive_a_kill() {
    let folder = TempDir::new().unwrap();
    let state = folder.path().join("state.json");
    let arguments = ["--state", state.to_str().unwrap()];
    let server = standin("cybertipline", &arguments);
    let (open, finished) =
        (report(&server.connect().ask(&submit())), report(&server.connect().ask(&submit())));
    let file = element(&server.connect().ask(&parts("upload", &open, Some(b"abc"))), "fileId");
    report(&server.connect().ask(&parts("finish", &finished, None)));
    // Dropped, it is killed.
    drop(server);
    let server = standin("cybertipline", &arguments);
    assert_eq!(counts(&server), (1, 1, 1));
    let again = server.connect().ask(&parts("finish", &finished, None));
    assert_eq!(element(&again, "responseCode"), "5102");
    let done = server.connect().ask(&parts("finish", &open, None));
    assert_eq!((report(&done), element(&done, "fileId")), (open, file));
}

#[test]
fn many_clients_file_at_once() {
    let folder = TempDir::new().unwrap();
    let state = folder.path().join("state.json");
    let server = standin("cybertipline", &["--state", state.to_str().unwrap()]);
    let address = server.address;
    let clients: Vec<_> = (0..4)
        .map(|_| {
            std::thread::spawn(move || {
                let mut connection = Connection::to(address);
                let ids = (0..25).map(|_| {
                    let id = report(&connection.ask(&submit()));
                    report(&connection.ask(&parts("upload", &id, Some(id.as_bytes()))));
                    report(&connection.ask(&parts("finish", &id, None)));
                    id
                });
                ids.collect::<Vec<_>>()
            })
        })
        .collect();
    let ids: BTreeSet<String> = clients.into_iter().flat_map(|client| client.join().unwrap()).collect();
    assert_eq!(ids.len(), 100);
    assert_eq!(counts(&server), (0, 100, 100));
    for report in server.get("/_standin/state").is(200)["reports"].as_array().unwrap() {
        let md5 = hexadecimal(&Md5::digest(report["id"].to_string()));
        assert_eq!(report["files"][0]["md5"], md5);
    }
}

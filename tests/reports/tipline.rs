//! A CyberTipline on loopback: plain sockets, state, and faults.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use md5::{Digest as _, Md5};

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    NoAnswerBefore,
    NoAnswerAfter,
    Status500,
    Status503After,
    ResetInBody,
    HalfAnAnswer,
    WrongMd5,
    Nonsense,
    Endless,
    Redirect,
    Slow,
}

impl Kind {
    pub(super) const ALL: [Kind; 11] = [
        Kind::NoAnswerBefore,
        Kind::NoAnswerAfter,
        Kind::Status500,
        Kind::Status503After,
        Kind::ResetInBody,
        Kind::HalfAnAnswer,
        Kind::WrongMd5,
        Kind::Nonsense,
        Kind::Endless,
        Kind::Redirect,
        Kind::Slow,
    ];
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Open,
    Finished,
    Retracted,
}

#[derive(Debug, Clone)]
pub(super) struct File {
    id: String,
    pub(super) content: Vec<u8>,
    pub(super) md5: String,
    pub(super) details: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Report {
    pub(super) xml: String,
    pub(super) files: Vec<File>,
    pub(super) state: State,
}

#[derive(Default)]
struct Inner {
    reports: BTreeMap<u64, Report>,
    calls: u64,
    next: u64,
    strays: u64,
    fault: Option<(u64, Kind)>,
    is_unreliable: bool,
    authorization: String,
}

pub(super) struct Tipline {
    inner: Arc<Mutex<Inner>>,
    address: SocketAddr,
}

struct Request {
    path: String,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

fn lock(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tipline {
    pub(super) fn start(user: &str, password: &str) -> Tipline {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let login = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        let inner = Inner { next: 4_564_653, authorization: format!("Basic {login}"), ..Inner::default() };
        let inner = Arc::new(Mutex::new(inner));
        let shared = inner.clone();
        thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let shared = shared.clone();
                thread::spawn(move || serve(&connection, &shared));
            }
        });
        Tipline { inner, address }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/ispws", self.address)
    }

    pub(super) fn reports(&self) -> Vec<Report> {
        lock(&self.inner).reports.values().cloned().collect()
    }

    pub(super) fn calls(&self) -> u64 {
        lock(&self.inner).calls
    }

    /// Requests to paths that are none.
    pub(super) fn strays(&self) -> u64 {
        lock(&self.inner).strays
    }

    /// The call after so many others fails.
    pub(super) fn fault(&self, call: u64, kind: Kind) {
        let mut inner = lock(&self.inner);
        inner.fault = Some((inner.calls + call, kind));
    }

    /// Every fourth call fails, each time in another way.
    pub(super) fn unreliable(&self, is_unreliable: bool) {
        lock(&self.inner).is_unreliable = is_unreliable;
    }
}

fn serve(connection: &TcpStream, inner: &Mutex<Inner>) {
    connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut reader = BufReader::new(connection);
    let fault = {
        let mut inner = lock(inner);
        let number = inner.calls;
        inner.calls += 1;
        match inner.fault {
            Some((call, kind)) if call == number => {
                inner.fault = None;
                Some(kind)
            }
            _ if inner.is_unreliable && number % 4 == 3 => {
                Some(Kind::ALL[number as usize / 4 % Kind::ALL.len()])
            }
            _ => None,
        }
    };
    let Some(request) = read(&mut reader, fault == Some(Kind::ResetInBody)) else { return };
    let known = lock(inner).authorization.clone();
    if request.headers.get("authorization") != Some(&known) {
        return answer(connection, "401 Unauthorized", "");
    }
    if matches!(fault, Some(Kind::NoAnswerBefore | Kind::ResetInBody)) {
        return;
    }
    if fault == Some(Kind::Status500) {
        return answer(connection, "500 Internal Server Error", "<html>busy</html>");
    }
    if fault == Some(Kind::Slow) {
        thread::sleep(Duration::from_millis(300));
    }
    let (code, more) = effect(&mut lock(inner), &request);
    let root =
        if request.path.ends_with("/finish") && code == 0 { "reportDoneResponse" } else { "reportResponse" };
    let described =
        if root == "reportResponse" { "<responseDescription>d</responseDescription>" } else { "" };
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><{root}><responseCode>{code}</responseCode>{described}{more}</{root}>"
    );
    match fault {
        Some(Kind::NoAnswerAfter) => {}
        Some(Kind::Status503After) => answer(connection, "503 Service Unavailable", ""),
        Some(Kind::HalfAnAnswer) => {
            let mut connection = connection;
            let _ = write!(
                connection,
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}",
                body.len(),
                &body[..body.len() / 2]
            );
        }
        Some(Kind::Nonsense) => answer(connection, "200 OK", "<html>ok</html>"),
        Some(Kind::Endless) => answer(connection, "200 OK", &format!("{body}{}", " ".repeat(2 << 20))),
        Some(Kind::Redirect) => {
            answer(connection, "307 Temporary Redirect\r\nLocation: /elsewhere", "");
        }
        Some(Kind::WrongMd5) => {
            let body = match body.split_once("<hash>") {
                Some((head, tail)) => format!("{head}<hash>{}{}", "0".repeat(32), &tail[32..]),
                None => "nothing".to_string(),
            };
            answer(connection, "200 OK", &body);
        }
        _ => answer(connection, if code == 0 { "200 OK" } else { "400 Bad Request" }, &body),
    }
}

fn answer(mut connection: &TcpStream, status: &str, body: &str) {
    let length = body.len();
    let _ = write!(
        connection,
        "HTTP/1.1 {status}\r\nRequest-ID: r-1\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
}

fn read(reader: &mut BufReader<&TcpStream>, is_half: bool) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_string();
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.insert(name.to_ascii_lowercase(), value.to_string()),
            None => break,
        };
    }
    assert!(!headers.contains_key("transfer-encoding"), "a length is announced");
    let length: usize = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; if is_half { length / 2 } else { length }];
    reader.read_exact(&mut body).ok()?;
    Some(Request { path, headers, body })
}

fn between(text: &str, from: &str, to: &str) -> Option<String> {
    let (_, rest) = text.split_once(from)?;
    rest.split_once(to).map(|(found, _)| found.to_string())
}

/// The parts of a form by their names.
fn parts(request: &Request) -> HashMap<String, Vec<u8>> {
    let boundary = request.headers["content-type"].split_once("boundary=").unwrap().1;
    let delimiter = format!("\r\n--{boundary}");
    let body = [b"\r\n", &request.body[..]].concat();
    let find = |from: usize, what: &[u8]| {
        body[from..].windows(what.len()).position(|window| window == what).map(|at| from + at)
    };
    let (mut parts, mut at) = (HashMap::new(), find(0, delimiter.as_bytes()).unwrap());
    loop {
        at += delimiter.len();
        if body[at..].starts_with(b"--") {
            return parts;
        }
        let head_end = find(at, b"\r\n\r\n").unwrap();
        let head = String::from_utf8(body[at..head_end].to_vec()).unwrap();
        let end = find(head_end + 4, delimiter.as_bytes()).unwrap();
        parts.insert(between(&head, " name=\"", "\"").unwrap(), body[head_end + 4..end].to_vec());
        at = end;
    }
}

/// What a call does; the code, and what else stands in the answer.
fn effect(inner: &mut Inner, request: &Request) -> (i64, String) {
    let text = || String::from_utf8_lossy(&request.body).into_owned();
    let form = |inner: &Inner| {
        let id = text().strip_prefix("id=").and_then(|id| id.parse::<u64>().ok()).unwrap_or(0);
        (id, state(inner, id))
    };
    match request.path.rsplit('/').next().unwrap() {
        "status" => (0, String::new()),
        "submit" => {
            assert_eq!(request.headers["content-type"], "text/xml; charset=utf-8");
            inner.next += 1;
            let report = Report { xml: text(), files: Vec::new(), state: State::Open };
            inner.reports.insert(inner.next, report);
            (0, format!("<reportId>{}</reportId>", inner.next))
        }
        "upload" => {
            let parts = parts(request);
            let id = String::from_utf8(parts["id"].clone()).unwrap().parse().unwrap();
            let code = state(inner, id);
            if code != 0 {
                return (code, String::new());
            }
            inner.next += 1;
            let file = format!("{:032x}", inner.next);
            let content = parts["file"].clone();
            let md5: String = Md5::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
            let more = format!("<reportId>{id}</reportId><fileId>{file}</fileId><hash>{md5}</hash>");
            inner.reports.get_mut(&id).unwrap().files.push(File { id: file, content, md5, details: None });
            (0, more)
        }
        "fileinfo" => {
            let details = text();
            let id = between(&details, "<reportId>", "<").unwrap().parse().unwrap();
            let code = state(inner, id);
            if code != 0 {
                return (code, String::new());
            }
            let file = between(&details, "<fileId>", "<").unwrap();
            let files = &mut inner.reports.get_mut(&id).unwrap().files;
            match files.iter_mut().find(|known| known.id == file) {
                None => (5002, String::new()),
                Some(known) if known.details.is_some() => (4100, String::new()),
                Some(known) => {
                    known.details = Some(details);
                    (0, format!("<reportId>{id}</reportId>"))
                }
            }
        }
        "finish" => match form(inner) {
            (id, 0) => {
                let report = inner.reports.get_mut(&id).unwrap();
                report.state = State::Finished;
                let files: String =
                    report.files.iter().map(|file| format!("<fileId>{}</fileId>", file.id)).collect();
                (0, format!("<reportId>{id}</reportId><files>{files}</files>"))
            }
            (_, code) => (code, String::new()),
        },
        "retract" => match form(inner) {
            (id, 0) => {
                inner.reports.get_mut(&id).unwrap().state = State::Retracted;
                (0, String::new())
            }
            (_, code) => (code, String::new()),
        },
        _ => {
            inner.strays += 1;
            (1210, String::new())
        }
    }
}

/// 0 where a report is open.
fn state(inner: &Inner, id: u64) -> i64 {
    match inner.reports.get(&id).map(|report| report.state) {
        None => 5001,
        Some(State::Open) => 0,
        Some(State::Finished) => 5102,
        Some(State::Retracted) => 5101,
    }
}

//! A receiver of hooks on loopback: plain sockets, and the signature checked by code of its own.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

pub(super) const SECRET: &str = "a secret of hooks that stands nowhere else";

/// How a post is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    Take,
    TakeWithoutEnd,
    Status(u16),
    Redirect,
    Silent,
    CloseAfterReading,
    HalfAHead,
    Nonsense,
    /// It is kept, and nobody says so.
    KeepAndClose,
}

/// A post that was read whole, with a right signature.
#[derive(Debug, Clone)]
pub(super) struct Post {
    pub(super) event: Value,
    pub(super) is_kept: bool,
}

impl Post {
    pub(super) fn kind(&self) -> &str {
        self.event["kind"].as_str().unwrap()
    }

    /// The report that it is about.
    pub(super) fn about(&self) -> &str {
        self.event["data"]["id"].as_str().unwrap_or_default()
    }
}

type Choice = Box<dyn FnMut(&Value) -> Manner + Send>;

struct Inner {
    posts: Vec<Post>,
    choice: Choice,
    paths: Vec<String>,
}

pub(super) struct Receiver {
    inner: Arc<Mutex<Inner>>,
    address: SocketAddr,
}

impl Receiver {
    pub(super) fn start() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Inner { posts: Vec::new(), choice: Box::new(|_| Manner::Take), paths: Vec::new() };
        let inner = Arc::new(Mutex::new(inner));
        let shared = inner.clone();
        thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let shared = shared.clone();
                thread::spawn(move || answer(connection, &shared));
            }
        });
        Receiver { inner, address }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/hook?token=stands-nowhere", self.address)
    }

    pub(super) fn choose(&self, choice: impl FnMut(&Value) -> Manner + Send + 'static) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).choice = Box::new(choice);
    }

    pub(super) fn posts(&self) -> Vec<Post> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).posts.clone()
    }

    pub(super) fn kept(&self) -> Vec<Post> {
        self.posts().into_iter().filter(|post| post.is_kept).collect()
    }

    /// Every path that was asked for.
    pub(super) fn paths(&self) -> Vec<String> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).paths.clone()
    }
}

/// HMAC-SHA256 as RFC 2104 defines it.
pub(super) fn hmac(key: &[u8], message: &[u8]) -> String {
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let padded = |byte: u8| block.map(|own| own ^ byte);
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(message).finalize();
    let outer = Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize();
    outer.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn answer(mut connection: TcpStream, inner: &Mutex<Inner>) {
    let Some((path, event)) = read(&connection) else { return };
    let manner = {
        let mut inner = inner.lock().unwrap_or_else(PoisonError::into_inner);
        let manner = (inner.choice)(&event);
        let is_kept = matches!(manner, Manner::Take | Manner::TakeWithoutEnd | Manner::KeepAndClose);
        inner.posts.push(Post { event, is_kept });
        inner.paths.push(path);
        manner
    };
    let status = |status: u16| format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n");
    let text = match manner {
        Manner::Take => status(204),
        Manner::TakeWithoutEnd => "HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n".into(),
        Manner::Status(code) => status(code),
        Manner::Redirect => "HTTP/1.1 307 x\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n".into(),
        Manner::HalfAHead => "HTTP/1.1 200 OK\r\nContent-Le".into(),
        Manner::Nonsense => "220 mail.example ESMTP\r\n".into(),
        Manner::CloseAfterReading | Manner::KeepAndClose => return,
        Manner::Silent => {
            thread::sleep(Duration::from_secs(60));
            return;
        }
    };
    let _ = connection.write_all(text.as_bytes());
    if manner == Manner::TakeWithoutEnd {
        while connection.write_all(&[b'x'; 65_536]).is_ok() {}
    }
}

/// Reads a post, and checks its head and signature.
fn read(connection: &TcpStream) -> Option<(String, Value)> {
    let mut reader = BufReader::new(connection);
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|length| *length > 0)?;
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_string());
    }
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    assert!(first.starts_with("POST /"), "{first}");
    assert_eq!(headers["content-type"], "application/json");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let sent: u64 = headers["shadegrid-time"].parse().unwrap();
    assert!(now.abs_diff(sent) < 100, "{sent} is not now");
    let signed = [format!("{sent}.").as_bytes(), &body].concat();
    assert_eq!(headers["shadegrid-signature"], format!("v1={}", hmac(SECRET.as_bytes(), &signed)));
    let path = first.split(' ').nth(1).unwrap().to_string();
    Some((path, serde_json::from_slice(&body).unwrap()))
}

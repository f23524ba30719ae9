//! A server that answers what a function says, whatever that is.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

/// A server for as long as the test runs.
pub(crate) struct Script {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Script {
    /// Answers the path and query of each request with `answer`: a whole answer, its head too.
    pub(crate) fn new(answer: impl Fn(&str, SocketAddr) -> Vec<u8> + Send + 'static) -> Script {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let kept = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut reader = BufReader::new(&stream);
                let mut head = String::new();
                while reader.read_line(&mut head).is_ok_and(|read| read > 2) {}
                let Some(path) = head.split(' ').nth(1) else { continue };
                kept.lock().unwrap().push(head.clone());
                let _ = (&stream).write_all(&answer(path, address));
            }
        });
        Script { address, asked }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/base", self.address)
    }

    /// The heads of all requests so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// An answer of this status and body; the connection is closed behind it.
pub(crate) fn answer(status: u16, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}").into_bytes()
}

/// A page of NCMEC's.
pub(crate) fn ncmec(next: &str, elements: &str) -> String {
    let next = next.replace('&', "&amp;");
    format!(
        "<?xml version=\"1.0\"?><queryResult xmlns=\"https://hashsharing.ncmec.org/hashsharing/v2\"><paging><next>{next}</next></paging>\
         <images>{elements}</images></queryResult>"
    )
}

/// An entry of NCMEC's.
pub(crate) fn image(id: u64, time: &str, pdq: &str) -> String {
    format!(
        "<image><member id=\"42\">M</member><timestamp>{time}</timestamp><id>i{id}</id><classification>A1</classification>\
         <fingerprints><pdq>{pdq}</pdq></fingerprints></image>"
    )
}

/// An entry that NCMEC has taken back.
pub(crate) fn deleted(id: u64, time: &str) -> String {
    format!(
        "<deletedImage><member id=\"42\">M</member><id>i{id}</id><timestamp>{time}</timestamp></deletedImage>"
    )
}

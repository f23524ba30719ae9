//! An HTTP server for small pages: GET and HEAD, one request a connection, and everything a client sends is bounded.
//!
//! Whoever reaches the address may send anything for as long as they like, and the worker behind it must not notice. So a head has at most
//! [`HEAD`] bytes, a body is refused unread, a connection lives for [`PATIENCE`], and there are at most [`CONNECTIONS`]: with one thread each,
//! the most that strangers can take is known.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};

/// Longest head of a request, in bytes.
const HEAD: usize = 8 << 10;

/// Connections at the same time; further ones are asked to come back.
const CONNECTIONS: usize = 16;

/// How long a connection may live.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// How often the server looks for new connections.
const PAUSE: Duration = Duration::from_millis(25);

/// What is read and thrown away behind an answer, so that the client reads the answer before the connection ends: bytes, and time.
const REST: (usize, Duration) = (64 << 10, Duration::from_secs(1));

/// What is served at one path.
pub(super) struct Page {
    pub(super) media_type: &'static str,
    pub(super) body: String,
}

/// Makes the page at a path, if there is one.
type Pages = dyn Fn(&str) -> Option<Page> + Send + Sync;

/// Serves until it is dropped.
pub(super) struct Server {
    address: SocketAddr,
    /// The server ends when this does.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves `pages` to whoever connects to `listener`, each connection for at most `patience`.
    pub(super) fn start(
        listener: TcpListener,
        patience: Duration,
        pages: impl Fn(&str) -> Option<Page> + Send + Sync + 'static,
    ) -> io::Result<Server> {
        let address = listener.local_addr()?;
        // So that the wait for a connection can end with the server.
        listener.set_nonblocking(true)?;
        let (stop, stopped) = bounded(0);
        let thread = named().spawn(move || accept(&listener, patience, Arc::new(pages), &stopped))?;
        Ok(Server { address, stop: Some(stop), thread: Some(thread) })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn named() -> thread::Builder {
    thread::Builder::new().name("shadegrid-metrics".to_string())
}

/// Takes connections until it is stopped. That one fails, or that there are too many, is no reason to end.
fn accept(listener: &TcpListener, patience: Duration, pages: Arc<Pages>, stopped: &Receiver<()>) {
    // A connection holds a clone as long as it lives, so their number is that of the clones.
    let living = Arc::new(());
    while stopped.try_recv() == Err(TryRecvError::Empty) {
        let Ok((stream, _)) = listener.accept() else {
            // Also where too many files are open: there may be fewer then.
            let _ = stopped.recv_timeout(PAUSE);
            continue;
        };
        if Arc::strong_count(&living) > CONNECTIONS {
            refuse(stream);
            continue;
        }
        let connection = Connection { stream, end: Instant::now() + patience };
        let (pages, alive) = (pages.clone(), living.clone());
        // Where there can be no thread, the client sees the connection end.
        let _ = named().spawn(move || {
            // That somebody hangs up is nobody's error.
            let _ = connection.serve(&*pages);
            drop(alive);
        });
    }
}

/// Says that there are too many connections, without a wait.
fn refuse(mut stream: TcpStream) {
    let busy = Answer::refusal("503 Service Unavailable", "too many connections\n");
    let _ = stream.set_nonblocking(true).and_then(|()| stream.write(&busy.bytes(true)));
}

/// One client, which has until `end`.
struct Connection {
    stream: TcpStream,
    end: Instant,
}

impl Connection {
    fn serve(mut self, pages: &Pages) -> io::Result<()> {
        // Some systems hand the listener's mode on.
        self.stream.set_nonblocking(false)?;
        let (answer, with_body) = match self.head()? {
            Ok(head) => (Answer::to(&head, pages), !head.starts_with(b"HEAD ")),
            Err(answer) => (answer, true),
        };
        self.send(&answer, with_body)?;
        self.linger();
        Ok(())
    }

    /// The time that is left; an error where there is none.
    fn left(&self) -> io::Result<Duration> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.stream.set_read_timeout(Some(self.left()?))?;
            match self.stream.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }

    /// The request's head, or what is answered instead.
    fn head(&mut self) -> io::Result<Result<Vec<u8>, Answer>> {
        let (mut head, mut buffer) = (Vec::new(), [0; 1024]);
        loop {
            match self.read(&mut buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => head.extend_from_slice(&buffer[..read]),
            }
            if let Some(end) = end_of(&head) {
                head.truncate(end);
                return Ok(Ok(head));
            }
            if head.len() > HEAD {
                let answer = Answer::refusal(
                    "431 Request Header Fields Too Large",
                    "the request's head is too long\n",
                );
                return Ok(Err(answer));
            }
        }
    }

    fn send(&mut self, answer: &Answer, with_body: bool) -> io::Result<()> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        self.stream.write_all(&answer.bytes(with_body))
    }

    /// Reads on for a little: an end with bytes unread would take the answer away from the client.
    fn linger(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
        self.end = self.end.min(Instant::now() + REST.1);
        let (mut rest, mut buffer) = (REST.0, [0; 1024]);
        while let Ok(read @ 1..) = self.read(&mut buffer)
            && rest > 0
        {
            rest = rest.saturating_sub(read);
        }
    }
}

/// Where a head ends with its empty line, within [`HEAD`].
fn end_of(head: &[u8]) -> Option<usize> {
    let at = |end: &[u8]| head.windows(end.len()).position(|window| window == end).map(|at| at + end.len());
    at(b"\r\n\r\n").into_iter().chain(at(b"\n\n")).min().filter(|end| *end <= HEAD)
}

struct Answer {
    status: &'static str,
    media_type: &'static str,
    body: String,
}

impl Answer {
    fn refusal(status: &'static str, why: &str) -> Answer {
        Answer { status, media_type: "text/plain; charset=utf-8", body: why.to_string() }
    }

    /// What is answered to a request (RFC 9112).
    fn to(head: &[u8], pages: &Pages) -> Answer {
        let bad = |why| Answer::refusal("400 Bad Request", why);
        let Ok(head) = std::str::from_utf8(head) else { return bad("the request is not text\n") };
        let mut lines = head.lines();
        let mut line = lines.next().unwrap_or_default().split(' ');
        let (Some(method), Some(target), Some(version), None) =
            (line.next(), line.next(), line.next(), line.next())
        else {
            return bad("the first line is not METHOD PATH VERSION\n");
        };
        if !version.starts_with("HTTP/1.") {
            return Answer::refusal("505 HTTP Version Not Supported", "ask with HTTP/1.1\n");
        }
        if !["GET", "HEAD"].contains(&method) {
            return Answer::refusal("405 Method Not Allowed", "only GET and HEAD\n");
        }
        if lines.any(announces_body) {
            return bad("a request with a body is not read\n");
        }
        match pages(path_of(target)) {
            Some(Page { media_type, body }) => Answer { status: "200 OK", media_type, body },
            None => Answer::refusal("404 Not Found", "see /metrics\n"),
        }
    }

    fn bytes(&self, with_body: bool) -> Vec<u8> {
        let Answer { status, media_type, body } = self;
        let length = body.len();
        let fields = format!("Content-Type: {media_type}\r\nContent-Length: {length}\r\nConnection: close");
        let allow = if status.starts_with("405") { "\r\nAllow: GET, HEAD" } else { "" };
        let body = if with_body { body.as_str() } else { "" };
        format!("HTTP/1.1 {status}\r\n{fields}{allow}\r\n\r\n{body}").into_bytes()
    }
}

/// Whether a field of the head says that a body follows.
fn announces_body(field: &str) -> bool {
    let (name, value) = field.split_once(':').unwrap_or((field, ""));
    let is = |other: &str| name.trim().eq_ignore_ascii_case(other);
    is("transfer-encoding") || is("content-length") && value.trim() != "0"
}

/// The path of a request's target, which may be a whole URL.
fn path_of(target: &str) -> &str {
    let path = match target.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        None => target,
    };
    path.split(['?', '#']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(patience: Duration) -> Server {
        let page = |path: &str| {
            (path == "/metrics").then(|| Page { media_type: "text/x", body: "numbers".to_string() })
        };
        Server::start(TcpListener::bind("127.0.0.1:0").unwrap(), patience, page).unwrap()
    }

    fn connected(server: &Server) -> TcpStream {
        let stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// All that is answered to `request`; nothing where the connection ends without an answer.
    fn answer(server: &Server, request: &[u8]) -> String {
        let mut stream = connected(server);
        let (mut answer, _) = (Vec::new(), stream.write_all(request));
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8(answer).unwrap()
    }

    #[test]
    fn only_a_head_of_a_known_kind_is_answered_with_a_page() {
        let server = served(PATIENCE);
        let long = format!("GET /metrics HTTP/1.1\r\nCookie: {}\r\n\r\n", "x".repeat(HEAD));
        let nearly = format!("GET /metrics HTTP/1.1\r\nCookie: {}\r\n\r\n", "x".repeat(HEAD - 40));
        let cases: [(&[u8], &str); 16] = [
            (b"GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n", "200"),
            (b"GET /metrics?a=b HTTP/1.0\r\n\r\n", "200"),
            (b"GET http://here/metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "200"),
            (b"GET /metrics HTTP/1.1\n\n", "200"),
            (nearly.as_bytes(), "200"),
            (long.as_bytes(), "431"),
            (b"GET / HTTP/1.1\r\n\r\n", "404"),
            (b"POST /metrics HTTP/1.1\r\nContent-Length: 5\r\n\r\n12345", "405"),
            (b"POST /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\n", "405"),
            (b"CONNECT /metrics HTTP/1.1\r\nExpect: 100-continue\r\n\r\n", "405"),
            (b"GET /metrics HTTP/1.1\r\nContent-length: 18446744073709551616\r\n\r\n", "400"),
            (b"GET /metrics HTTP/1.1\r\ntransfer-encoding:chunked\r\n\r\n0\r\n\r\n", "400"),
            (b"GET /metrics HTTP/2.0\r\n\r\n", "505"),
            (b"GET  /metrics HTTP/1.1\r\n\r\n", "400"),
            (b"\xff\xfe\r\n\r\n", "400"),
            (b"\r\n\r\n", "400"),
        ];
        for (request, status) in cases {
            let response = answer(&server, request);
            let request = String::from_utf8_lossy(&request[..request.len().min(60)]).into_owned();
            assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {response:?}");
            assert_eq!(response.ends_with("\r\n\r\nnumbers"), status == "200", "{request:?}: {response:?}");
        }
        let head = answer(&server, b"HEAD /metrics HTTP/1.1\r\n\r\n");
        assert!(head.contains("Content-Length: 7\r\n") && head.ends_with("\r\n\r\n"), "{head:?}");
        assert!(answer(&server, b"POST / HTTP/1.1\r\n\r\n").contains("\r\nAllow: GET, HEAD\r\n"));
    }

    #[test]
    fn a_client_without_an_end_is_left() {
        let server = served(Duration::from_millis(300));
        let mut endless = connected(&server);
        let started = Instant::now();
        // A line that never ends, slowly: neither the bytes nor the time of one read are over their bounds.
        while endless.write_all(b"x").is_ok() {
            assert!(started.elapsed() < Duration::from_secs(30), "the connection lives on");
            thread::sleep(Duration::from_millis(10));
        }
        assert!(answer(&server, b"GET /metrics HTTP/1.1\r\n\r\n").ends_with("numbers"));
    }

    #[test]
    fn there_are_so_many_connections_and_no_more() {
        let server = served(Duration::from_millis(1500));
        let mut silent: Vec<TcpStream> = (0..CONNECTIONS).map(|_| connected(&server)).collect();
        let full = "HTTP/1.1 503 ";
        assert!(answer(&server, b"").starts_with(full), "one more was let in");
        // Each of the others is ended in its turn, unanswered, and then there is room again.
        for stream in &mut silent {
            assert!(!matches!(stream.read(&mut [0; 16]), Ok(1..)), "silence was answered");
        }
        let (started, request) = (Instant::now(), b"GET /metrics HTTP/1.1\r\n\r\n");
        while !answer(&server, request).ends_with("numbers") {
            assert!(started.elapsed() < Duration::from_secs(30), "there is no room again");
        }
    }

    #[test]
    fn a_server_that_is_dropped_listens_no_more() {
        let server = served(PATIENCE);
        let (address, _silent) = (server.address(), connected(&server));
        drop(server);
        assert!(TcpStream::connect(address).is_err());
    }
}

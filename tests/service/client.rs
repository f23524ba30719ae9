//! The real command as a service, and HTTP over plain sockets.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;
use shadegrid::gallery::{Entry, GalleryBuilder};
use shadegrid::{Engine, Hashed};

/// Longest wait for anything.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// `shadegrid serve` at a port that the system chose.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    /// The line that says where it listens.
    pub listening: String,
    lines: Mutex<Receiver<String>>,
}

impl Server {
    pub fn start(arguments: &[&str]) -> Server {
        Server::at("127.0.0.1:0", arguments)
    }

    pub fn at(address: &str, arguments: &[&str]) -> Server {
        let usual = ["--listen", address, "--threads", "2", "--watch", "0.1"];
        Server::bare(&[&usual, arguments].concat())
    }

    /// With these arguments alone.
    pub fn bare(arguments: &[&str]) -> Server {
        Server::of(&[], &[&["serve"], arguments].concat())
    }

    /// With these variables of its environment too.
    pub fn with(variables: &[(&str, &str)], arguments: &[&str]) -> Server {
        Server::of(variables, &[&["serve"], arguments].concat())
    }

    /// Any command that listens, and says so.
    pub fn of(variables: &[(&str, &str)], arguments: &[&str]) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shadegrid"));
        command.args(arguments).envs(variables.iter().copied());
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let lines = Mutex::new(lines);
        let errors = child.stderr.take().unwrap();
        std::thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let listening = String::new();
        let mut server = Server { child, address: ([0, 0, 0, 0], 0).into(), listening, lines };
        server.listening = server.line_with("listening");
        let address = server.listening.split_once("127.0.0.1:").expect("an address").1;
        let port: String = address.chars().take_while(char::is_ascii_digit).collect();
        server.address = ([127, 0, 0, 1], port.parse().unwrap()).into();
        server
    }

    /// Waits for a line of standard error that holds this.
    pub fn line_with(&self, wanted: &str) -> String {
        let (mut seen, lines) = (Vec::new(), self.lines.lock().unwrap());
        while let Ok(line) = lines.recv_timeout(PATIENCE) {
            if line.contains(wanted) {
                return line;
            }
            seen.push(line);
        }
        panic!("no line with {wanted:?} among {seen:#?}")
    }

    /// Every line that was not taken yet.
    pub fn rest_of_lines(&self) -> Vec<String> {
        let (mut lines, from) = (Vec::new(), self.lines.lock().unwrap());
        while let Ok(line) = from.recv_timeout(Duration::from_millis(200)) {
            lines.push(line);
        }
        lines
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").arg(id).status().unwrap().success());
    }

    pub fn wait(&mut self) -> ExitStatus {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the service does not end")
    }

    pub fn connect(&self) -> Connection {
        Connection::to(self.address)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.connect().ask(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes())
    }

    pub fn post(&self, path: &str, kind: &str, body: &[u8]) -> Answer {
        self.post_with(path, &format!("Content-Type: {kind}\r\n"), body)
    }

    pub fn post_with(&self, path: &str, headers: &str, body: &[u8]) -> Answer {
        let length = body.len();
        let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\n{headers}Content-Length: {length}\r\n\r\n");
        self.connect().ask(&[head.as_bytes(), body].concat())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection that sends whatever it is given.
pub struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    pub fn to(address: SocketAddr) -> Connection {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Connection { stream: BufReader::new(stream) }
    }

    /// Whether it could be written: a server that has answered already may have closed it.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.get_mut().write_all(bytes).is_ok()
    }

    pub fn ask(&mut self, request: &[u8]) -> Answer {
        self.send(request);
        self.answer().expect("an answer")
    }

    /// The next answer; `None` where the connection ends first.
    pub fn answer(&mut self) -> Option<Answer> {
        let mut line = String::new();
        self.stream.read_line(&mut line).ok().filter(|length| *length > 0)?;
        let status = line.split(' ').nth(1)?.parse().ok()?;
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).ok()?;
            match line.trim_end().split_once(": ") {
                Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.to_string())),
                None => break,
            }
        }
        let mut answer = Answer { status, headers, body: Vec::new() };
        answer.body = match answer.header("content-length").and_then(|text| text.parse::<usize>().ok()) {
            Some(length) => {
                let mut body = vec![0; length];
                self.stream.read_exact(&mut body).ok()?;
                body
            }
            None => {
                let mut body = Vec::new();
                while let Some(part) = self.part() {
                    body.extend(part);
                }
                body
            }
        };
        Some(answer)
    }

    /// The head of the next answer, whose body is read by [`part`](Connection::part).
    pub fn head(&mut self) -> String {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(self.stream.read_line(&mut head).unwrap() > 0, "{head}");
        }
        head
    }

    /// The next part of a body of unknown length; `None` at its end.
    pub fn part(&mut self) -> Option<Vec<u8>> {
        let mut line = String::new();
        self.stream.read_line(&mut line).ok().filter(|length| *length > 0)?;
        let length = usize::from_str_radix(line.trim(), 16).ok()?;
        let mut part = vec![0; length + 2];
        self.stream.read_exact(&mut part).ok()?;
        part.truncate(length);
        (length > 0).then_some(part)
    }

    /// Whether the server closes it within the patience.
    pub fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        match self.stream.read_to_end(&mut rest) {
            Ok(_) => true,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }

    /// Says that nothing more is sent.
    pub fn shut(&mut self) {
        let _ = self.stream.get_mut().shutdown(std::net::Shutdown::Write);
    }
}

/// An answer of HTTP/1.1.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The JSON of an answer with this status.
    pub fn is(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        self.json()
    }

    /// Checks that this is a problem document, and gives its detail.
    pub fn problem(&self, status: u16, code: &str) -> String {
        let problem = self.is(status);
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{problem}");
        assert_eq!((&problem["code"], &problem["status"]), (&code.into(), &status.into()), "{problem}");
        assert_eq!(problem["request_id"].as_str(), self.header("request-id"), "{problem}");
        problem["detail"].as_str().expect("a detail").to_string()
    }
}

/// Every file under `tests/data`, sorted.
pub fn pictures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let files = walkdir::WalkDir::new(root).sort_by_file_name().into_iter().map(Result::unwrap);
    files.filter(|file| file.file_type().is_file()).map(|file| file.into_path()).collect()
}

/// One of the pictures of the guides.
pub fn holiday(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/holiday").join(name)).unwrap()
}

/// What the library makes of a picture.
pub fn hashed(picture: &[u8]) -> Hashed {
    Engine::builder().threads(1).build().unwrap().hash(picture.to_vec()).wait().unwrap()
}

/// Writes a gallery of these pictures under their names.
pub fn gallery(path: &Path, names: &[&str]) {
    let mut builder = GalleryBuilder::new();
    let source = builder.source("holiday", "pictures");
    for (position, name) in names.iter().enumerate() {
        let hashed = hashed(&holiday(name));
        let entry =
            Entry::default().key((*name).to_string()).label("A1".to_string()).position(position as u64);
        let entry = entry.photodna(hashed.photodna.map(|hash| hash.signature));
        let entry = entry.pdq(hashed.pdq.as_ref().map(|hash| hash.signature));
        builder.add(source, entry.quality(hashed.pdq.map(|hash| hash.quality))).unwrap();
    }
    builder.create(path).unwrap();
}

//! Pictures at addresses that callers name, from servers that mean well and servers that do not.
//!
//! One long file, since every case asks one such server by the same few helpers.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::client::{Answer, Connection, PATIENCE, Server, hashed, holiday};
use super::known;

const JSON: &str = "application/json";

/// A server of the web.
struct Web {
    address: SocketAddr,
    /// Requests so far, those that are answered now, and the most of these.
    asked: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Web {
    /// One whose answers `answer` writes, given the path and the lines of the head.
    fn serve(
        answer: impl Fn(&str, &[String], &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Web {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let web =
            Web { address: listener.local_addr().unwrap(), asked: Arc::default(), most: Arc::default() };
        let (answer, asked, most) = (Arc::new(answer), web.asked.clone(), web.most.clone());
        let now = Arc::new(AtomicUsize::new(0));
        thread::spawn(move || {
            for mut connection in listener.incoming().map_while(Result::ok) {
                let (answer, asked, most, now) = (answer.clone(), asked.clone(), most.clone(), now.clone());
                thread::spawn(move || {
                    let lines = BufReader::new(connection.try_clone().unwrap()).lines().map_while(Result::ok);
                    let lines: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
                    asked.fetch_add(1, Ordering::SeqCst);
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    let path = lines.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
                    // A client may go before it has all.
                    let _ = answer(path, &lines, &mut connection);
                    now.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        web
    }

    /// One that has the pictures of the guides.
    fn of_pictures() -> Web {
        Web::serve(|path, _, to| whole(to, &holiday(path.trim_start_matches('/'))))
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn whole(to: &mut TcpStream, content: &[u8]) -> std::io::Result<()> {
    write!(to, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", content.len())?;
    to.write_all(content)
}

fn redirect(to: &mut TcpStream, status: u16, location: &str) -> std::io::Result<()> {
    write!(
        to,
        "HTTP/1.1 {status} X\r\nconnection: close\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"
    )
}

/// Waits until the other side closes the connection.
fn until_closed(from: &mut TcpStream) -> Duration {
    let begun = Instant::now();
    let _ = from.set_read_timeout(Some(PATIENCE));
    while from.read(&mut [0; 1024]).is_ok_and(|length| length > 0) {}
    begun.elapsed()
}

/// Options that let these hosts be asked, also without TLS.
fn fetching<'a>(hosts: &'a [String], more: &[&'a str]) -> Vec<&'a str> {
    let hosts = hosts.iter().flat_map(|host| ["--fetch", host]);
    hosts.chain(["--fetch-plain"]).chain(more.iter().copied()).collect()
}

/// A service that may ask these servers, at their addresses.
fn server(webs: &[&Web], more: &[&str]) -> Server {
    let hosts: Vec<String> = webs.iter().map(|web| web.address.to_string()).collect();
    Server::start(&fetching(&hosts, more))
}

fn post(server: &Server, path: &str, pictures: Value) -> Answer {
    server.post(path, JSON, json!({ "pictures": pictures }).to_string().as_bytes())
}

/// The records of pictures at these addresses.
fn records(server: &Server, urls: &[String]) -> Vec<Value> {
    let pictures: Vec<Value> = urls.iter().map(|url| json!({ "url": url })).collect();
    let answer = post(server, "/v1/hash", pictures.into()).is(200);
    let records = answer["records"].as_array().unwrap().clone();
    assert_eq!(records.len(), urls.len());
    records
}

/// Code and message of the only record, which names no host and nothing of the URL.
fn failure(server: &Server, url: &str) -> (String, String) {
    let record = records(server, &[url.to_string()]).remove(0);
    let text = |name: &str| record[name].as_str().unwrap_or_else(|| panic!("{url}: {record}")).to_string();
    let (code, message) = (text("error_code"), text("error_message"));
    let printed = record.to_string();
    for leak in ["secret", "127.", "localhost", "::", "intranet"] {
        assert!(!printed.contains(leak), "{url}: {printed}");
    }
    assert_eq!((&record["key"], record["status"].as_str()), (&"0".into(), Some("error")), "{printed}");
    (code, message)
}

#[test]
fn pictures_at_addresses_have_their_records_in_order() {
    let web = Web::serve(|path, lines, to| {
        // Neither cookies nor credentials, no proxy's form, and nothing that lets the server pack it.
        let head = lines.join("\n").to_ascii_lowercase();
        assert!(
            path.starts_with('/') && !head.contains("cookie") && !head.contains("authorization"),
            "{head}"
        );
        assert!(head.contains("accept-encoding: identity"), "{head}");
        match path {
            "/chunked" => {
                write!(
                    to,
                    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\nset-cookie: a=b\r\n\r\n"
                )?;
                for part in holiday("window.png").chunks(1000) {
                    write!(to, "{:x}\r\n", part.len())?;
                    to.write_all(part)?;
                    write!(to, "\r\n")?;
                }
                write!(to, "0\r\n\r\n")
            }
            "/close" => {
                write!(to, "HTTP/1.0 200 OK\r\n\r\n")?;
                to.write_all(&holiday("window.png"))
            }
            "/near" => redirect(to, 302, "/window.png"),
            path if path.starts_with("/more/") => {
                let left: usize = path[6..].parse().unwrap();
                if left == 0 {
                    whole(to, &holiday("window.png"))
                } else {
                    redirect(to, 307, &format!("{}", left - 1))
                }
            }
            "/none" => write!(to, "HTTP/1.1 404 Secret\r\ncontent-length: 6\r\n\r\nsecret"),
            "/text" => whole(to, b"no picture"),
            path => whole(to, &holiday(path.trim_start_matches('/'))),
        }
    });
    let (_folder, path) = known(&["hills.jpg"]);
    let server = server(&[&web], &["--gallery", &path]);
    let data = BASE64.encode(holiday("coast-broken.jpg"));
    let paths = ["window.png", "chunked", "close", "near", "more/5"];
    let mut pictures: Vec<Value> =
        paths.iter().map(|path| json!({ "key": "w", "url": web.url(path) })).collect();
    pictures.extend([
        json!({ "data": data }),
        json!({ "url": web.url("none") }),
        json!({ "key": "given", "url": web.url("text") }),
        json!({ "id": "hills", "url": web.url("hills-small.jpg") }),
    ]);
    let answer = post(&server, "/v1/hash", pictures.clone().into()).is(200);
    let records = answer["records"].as_array().unwrap();
    let expected = server.post("/v1/hash?key=w", "", &holiday("window.png")).is(200);
    for (record, path) in records.iter().zip(paths) {
        assert_eq!(record, &expected, "{path}");
    }
    assert_eq!((&records[5]["key"], &records[5]["flags"][0]), (&"5".into(), &"damaged".into()));
    let none = json!({ "key": "6", "status": "error", "error_code": "io", "error_message": "cannot read: the server answered 404 Not Found" });
    for (name, value) in none.as_object().unwrap() {
        assert_eq!(&records[6][name], value);
    }
    assert_eq!((&records[7]["key"], &records[7]["error_code"]), (&"given".into(), &"input".into()));
    let hills = server.post("/v1/hash?key=hills", "", &holiday("hills-small.jpg")).is(200);
    assert_eq!(records[8], hills);

    let matched = post(&server, "/v1/match", pictures.into()).is(200);
    let matched: Vec<Value> =
        matched["records"].as_array().unwrap().iter().map(|one| one["matched"].clone()).collect();
    let no = Value::from(false);
    assert_eq!(
        matched,
        [&no, &no, &no, &no, &no, &no, &Value::Null, &Value::Null, &true.into()].map(Value::clone)
    );
    // Beyond what a URL may be, and what is both or neither.
    for (picture, field) in [
        (json!({ "data": data, "url": web.url("a") }), "pictures[0]: one of data and url"),
        (json!({ "key": "a" }), "pictures[0]: one of data and url"),
        (json!({ "url": 7 }), "pictures[0].url"),
    ] {
        let detail = post(&server, "/v1/hash", json!([picture])).problem(400, "input");
        assert!(detail.contains(field), "{detail}");
    }
}

#[test]
fn without_being_asked_to_the_service_fetches_nothing() {
    let web = Web::of_pictures();
    let (_folder, path) = known(&["hills.jpg"]);
    let server = Server::start(&["--gallery", &path, "--hma", "127.0.0.1:0"]);
    let hma: SocketAddr = server.line_with("HMA's clients").split("http://").nth(1).unwrap().parse().unwrap();
    let url = web.url("hills.jpg");
    let pictures = json!([{ "data": "" }, { "url": url }]);
    let detail = post(&server, "/v1/hash", pictures).problem(400, "input");
    assert!(detail.starts_with("pictures[1].url: addresses are not fetched here"), "{detail}");
    let given = json!({ "DataRepresentation": "URL", "Value": url }).to_string();
    let answer = server.post("/photodna/v1.0/Match", JSON, given.as_bytes()).is(400);
    assert_eq!(answer["Status"]["Code"], 3002, "{answer}");
    for path in ["/h/hash", "/m/lookup"] {
        let answer =
            Connection::to(hma).ask(format!("GET {path}?url={url} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        assert!(answer.is(400)["message"].as_str().unwrap().contains("not fetched"));
    }
    assert_eq!(web.asked(), 0);
    // Nor where only the ways to do it are named.
    for options in [&["--fetch-plain"][..], &["--allow-private-addresses"], &["--fetch", "https://a"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shadegrid"));
        let output =
            command.args(["serve", "--check", "--listen", "127.0.0.1:0"]).args(options).output().unwrap();
        assert!(!output.status.success(), "{options:?}");
    }
    let page = |server: &Server| server.get("/").text().contains("<form id=\"fetch\">");
    let fetches = Server::start(&["--fetch", "any"]);
    assert!(!page(&server) && page(&fetches));
}

#[test]
fn only_addresses_that_are_asked_are_asked() {
    let (web, other) = (Web::of_pictures(), Web::of_pictures());
    let (port, elsewhere) = (web.address.port(), other.address.port());
    let any = Server::start(&["--fetch", "any", "--fetch-plain"]);
    let safe = Server::start(&["--fetch", "any"]);
    let hosts = [format!("127.0.0.1:{port}"), format!("localhost:{port}"), ".example.org".to_string()];
    let named = Server::start(&fetching(&hosts, &[]));
    let nowhere = "leads to no address that may be asked";
    let unnamed = "not among those that are asked";
    // Loopback is private in every spelling.
    for url in [
        "http://127.0.0.1/secret",
        "http://127.1/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://2130706433/",
        "http://0/",
        "http://①②⑦.0.0.1/",
        "http://127.0.0.1./",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[::127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://localhost/",
        "http://LOCALHOST./",
        "http://169.254.169.254/secret",
        "http://10.0.0.1/",
        "http://100.64.0.1/",
        "http://192.0.2.1/",
        "http://224.0.0.1/",
        "http://[fd00:ec2::254]/",
        "http://no-such-host.invalid/",
    ] {
        let (code, message) = failure(&any, url);
        assert!(code == "io" && message.contains(nowhere), "{url}: {message}");
    }
    for url in [
        &format!("http://127.0.0.1:{elsewhere}/window.png"),
        &format!("http://127.0.0.2:{port}/window.png"),
        &format!("http://[::ffff:127.0.0.1]:{port}/window.png"),
        "http://example.org/",
        "http://127.0.0.1.example.com/",
        &format!("http://127.0.0.1:{port}@localhost:{elsewhere}/"),
    ] {
        let (code, message) = failure(&named, url);
        assert!(code == "input" && (message.contains(unnamed) || url.contains('@')), "{url}: {message}");
    }
    let (code, message) = failure(&named, &format!("http://localhost:{port}/window.png"));
    assert!(code == "io" && message.contains(nowhere), "{message}");
    for url in ["http://127.0.0.1/", "http://secret.example/a?secret"] {
        let (code, message) = failure(&safe, url);
        assert!(code == "input" && message.contains("must begin with https"), "{message}");
    }
    for url in [
        "file:///etc/hostname",
        "data:image/png;base64,AAAA",
        "ftp://secret.example/",
        "gopher://secret.example/",
        "javascript:secret",
        "s3://secret/secret",
        "/etc/hostname",
        "",
        &format!("http://secret:secret@127.0.0.1:{port}/window.png"),
        &format!("http://secret@127.0.0.1:{port}/window.png"),
        &format!("http://127.0.0.1:{port}/{}", "a".repeat(9000)),
    ] {
        assert_eq!(failure(&named, url).0, "input", "{url}");
    }
    for url in ["https://secret.example:25/", "http://secret.example:22/", "http://secret.example:8080/"] {
        let (code, message) = failure(&any, url);
        assert!(code == "input" && message.contains(unnamed), "{url}: {message}");
    }
    assert_eq!((web.asked(), other.asked()), (0, 0));
    // What is named in numbers is asked in every spelling, and a name where that is let.
    let spelled = [
        web.url("window.png"),
        format!("http://2130706433:{port}/window.png"),
        format!("http://127.1:{port}/window.png"),
    ];
    assert!(records(&named, &spelled).iter().all(|record| record["status"] == "ok"));
    let closed = Server::start(&fetching(&hosts, &["--allow-private-addresses"]));
    let local = [format!("http://localhost:{port}/window.png")];
    assert!(records(&closed, &local).iter().all(|record| record["status"] == "ok"));
}

#[test]
fn redirects_lead_nowhere_else() {
    let other = Web::of_pictures();
    let elsewhere = other.address;
    let web = Web::serve(move |path, lines, to| {
        let host = lines.iter().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default().to_string();
        let port = elsewhere.port();
        match path {
            "/window.png" => whole(to, &holiday("window.png")),
            "/loop" => redirect(to, 302, "/loop"),
            "/six" => redirect(to, 301, "/5"),
            "/5" => redirect(to, 302, "/4"),
            "/4" => redirect(to, 303, "/3"),
            "/3" => redirect(to, 307, "/2"),
            "/2" => redirect(to, 308, "/1"),
            "/1" => redirect(to, 302, "/window.png"),
            "/other" => redirect(to, 302, &format!("http://{elsewhere}/window.png")),
            "/name" => redirect(to, 302, &format!("http://localhost:{port}/window.png")),
            "/private" => redirect(to, 302, "http://10.0.0.1/secret"),
            "/metadata" => redirect(to, 302, "http://169.254.169.254/latest/secret"),
            "/spelled" => redirect(to, 302, "http://0x7f.1/secret"),
            "/mapped" => redirect(to, 302, "http://[::ffff:127.0.0.1]/secret"),
            "/local" => redirect(to, 302, "http://localhost/secret"),
            "/mail" => redirect(to, 302, "http://secret.example:25/"),
            "/secret" => redirect(to, 302, &format!("http://secret:secret@{host}/window.png")),
            "/file" => redirect(to, 302, "file:///etc/hostname"),
            "/data" => redirect(to, 302, "data:image/png;base64,AAAA"),
            "/empty" => redirect(to, 302, ""),
            "/garbage" => redirect(to, 302, "http://[::1"),
            "/304" => redirect(to, 304, "/window.png"),
            "/300" => redirect(to, 300, "/window.png"),
            "/305" => redirect(to, 305, &format!("http://{elsewhere}/")),
            "/nowhere" => write!(to, "HTTP/1.1 302 X\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"),
            _ => redirect(to, 302, &format!("http://{host}/window.png")),
        }
    });
    let hosts = [web.address.to_string(), format!("localhost:{}", elsewhere.port()), "any".to_string()];
    let server = Server::start(&fetching(&hosts, &[]));
    let (far, many, odd) = ("an address that is not asked", "more than 5 times", "no URL of the web");
    let nowhere = "leads to no address that may be asked";
    for (path, expected) in [
        ("loop", many),
        ("six", many),
        ("other", far),
        ("name", nowhere),
        ("private", nowhere),
        ("metadata", nowhere),
        ("spelled", nowhere),
        ("mapped", nowhere),
        ("local", nowhere),
        ("mail", far),
        ("secret", far),
        ("file", odd),
        ("data", odd),
        ("garbage", odd),
        ("empty", many),
        ("304", "304"),
        ("300", "300"),
        ("305", "305"),
        ("nowhere", "302"),
    ] {
        let (code, message) = failure(&server, &web.url(path));
        assert!(code == "io" && message.contains(expected), "{path}: {message}");
    }
    assert_eq!(other.asked(), 0);
    let followed = records(&server, &["5", "1", "here"].map(|path| web.url(path)));
    assert!(followed.iter().all(|record| record["status"] == "ok"), "{followed:?}");
    // To another host that may be asked.
    let both = self::server(&[&web, &other], &[]);
    assert_eq!(records(&both, &[web.url("other")])[0]["status"], "ok");
}

#[test]
fn answers_that_are_slow_endless_or_false_end() {
    let web = Web::serve(|path, _, to| {
        let ok = |to: &mut TcpStream, headers: &str| {
            write!(to, "HTTP/1.1 200 OK\r\nconnection: close\r\n{headers}\r\n")
        };
        let drop_by_drop = |to: &mut TcpStream| {
            while to.write_all(b"x").is_ok() {
                thread::sleep(Duration::from_millis(100));
            }
            Ok(())
        };
        match path {
            "/silent" => {
                until_closed(to);
                Ok(())
            }
            "/slow-head" => {
                write!(to, "HTTP/1.1 200 OK\r\nx: ")?;
                drop_by_drop(to)
            }
            "/endless-head" => {
                write!(to, "HTTP/1.1 200 OK\r\n")?;
                while write!(to, "secret: {}\r\n", "a".repeat(1000)).is_ok() {}
                Ok(())
            }
            "/hints" => {
                while write!(to, "HTTP/1.1 103 Hints\r\n\r\n").is_ok() {}
                Ok(())
            }
            "/slow-body" => {
                ok(to, "content-length: 1000000\r\n")?;
                drop_by_drop(to)
            }
            "/slow-chunks" => {
                ok(to, "transfer-encoding: chunked\r\n")?;
                while write!(to, "1\r\nx\r\n").is_ok() {
                    thread::sleep(Duration::from_millis(100));
                }
                Ok(())
            }
            "/endless" => {
                ok(to, "")?;
                while to.write_all(&[0; 65_536]).is_ok() {}
                Ok(())
            }
            "/endless-chunks" => {
                ok(to, "transfer-encoding: chunked\r\n")?;
                while to.write_all(b"400\r\n").and_then(|()| to.write_all(&[0; 0x400])).is_ok()
                    && to.write_all(b"\r\n").is_ok()
                {}
                Ok(())
            }
            "/too-long" => {
                ok(to, "content-length: 1048577\r\n")?;
                until_closed(to);
                Ok(())
            }
            "/huge" => {
                ok(to, "content-length: 18446744073709551615\r\n")?;
                until_closed(to);
                Ok(())
            }
            "/negative" => ok(to, "content-length: -1\r\n"),
            "/two-lengths" => {
                ok(to, "content-length: 5\r\ncontent-length: 6\r\n")?;
                to.write_all(b"secret")
            }
            "/short" => {
                ok(to, "content-length: 100000\r\n")?;
                to.write_all(&holiday("hills.jpg")[..1000])
            }
            "/cut-chunk" => {
                ok(to, "transfer-encoding: chunked\r\n")?;
                to.write_all(b"fff\r\nsecret")
            }
            "/longer" => {
                let picture = holiday("window.png");
                ok(to, &format!("content-length: {}\r\n", picture.len()))?;
                to.write_all(&picture)?;
                to.write_all(b"secret")
            }
            "/gzip" => {
                ok(to, "content-encoding: gzip\r\ncontent-length: 4\r\n")?;
                to.write_all(&[0x1f, 0x8b, 8, 0])
            }
            "/identity" => {
                let picture = holiday("window.png");
                ok(to, &format!("content-encoding: identity\r\ncontent-length: {}\r\n", picture.len()))?;
                to.write_all(&picture)
            }
            "/204" => write!(to, "HTTP/1.1 204 X\r\nconnection: close\r\n\r\n"),
            "/206" => write!(
                to,
                "HTTP/1.1 206 X\r\nconnection: close\r\ncontent-range: bytes 0-0/9\r\ncontent-length: 1\r\n\r\nx"
            ),
            "/304" => write!(to, "HTTP/1.1 304 X\r\nconnection: close\r\n\r\n"),
            "/401" => write!(
                to,
                "HTTP/1.1 401 X\r\nwww-authenticate: Basic\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            ),
            "/500" => {
                write!(to, "HTTP/1.1 500 X\r\nconnection: close\r\n\r\n")?;
                while to.write_all(&[0; 65_536]).is_ok() {}
                Ok(())
            }
            "/garbage" => write!(to, "SSH-2.0-secret\r\n"),
            "/switch" => write!(to, "HTTP/1.1 101 X\r\nupgrade: secret\r\nconnection: upgrade\r\n\r\nsecret"),
            "/empty" => ok(to, "content-length: 0\r\n"),
            _ => Ok(()),
        }
    });
    // What has to end by the time has little of it; the others have enough of it on a busy machine too.
    let [hasty, server] = ["1", "60"]
        .map(|seconds| server(&[&web], &["--fetch-timeout", seconds, "--max-picture-bytes", "1M"]));
    let late = "it was not there within 1 s";
    for (path, code, expected) in [
        ("silent", "io", late),
        ("slow-head", "io", late),
        ("slow-body", "io", late),
        ("slow-chunks", "io", late),
        ("endless-head", "io", "the connection failed"),
        ("hints", "io", ""),
        ("endless", "limit", "max_file_bytes"),
        ("endless-chunks", "limit", "max_file_bytes"),
        ("too-long", "limit", "1048577"),
        ("huge", "", ""),
        ("negative", "io", "the connection failed"),
        ("two-lengths", "io", "the connection failed"),
        ("short", "io", "the connection failed"),
        ("cut-chunk", "io", "the connection failed"),
        ("gzip", "io", "packs its answer"),
        ("204", "io", "204"),
        ("206", "io", "206"),
        ("304", "io", "304"),
        ("401", "io", "401"),
        ("500", "io", "500"),
        ("garbage", "io", "the connection failed"),
        ("switch", "io", "101"),
        ("empty", "input", ""),
        ("gone", "io", "the connection failed"),
    ] {
        let (asked, begun) = (web.asked(), Instant::now());
        let is_timed = expected == late || ["hints", "huge"].contains(&path);
        let (is, message) = failure(if is_timed { &hasty } else { &server }, &web.url(path));
        assert!((code.is_empty() || is == code) && message.contains(expected), "{path}: {is}: {message}");
        assert!(
            expected != late || begun.elapsed() < Duration::from_secs(20),
            "{path}: {:?}",
            begun.elapsed()
        );
        // What ends before an answer began is asked for once more: the connection may have been a kept one that was just closed.
        let most = if message.contains("the connection failed") { 2 } else { 1 };
        assert!(web.asked() <= asked + most, "{path}: it is asked for again and again");
    }
    let whole = records(&server, &["longer", "identity"].map(|path| web.url(path)));
    assert!(whole.iter().all(|record| record["status"] == "ok"), "{whole:?}");
    // Nobody listens, and TLS with a server that has none.
    let free = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let hosts = [free.to_string(), web.address.to_string()];
    let server = Server::start(&fetching(&hosts, &["--fetch-timeout", "2"]));
    assert!(failure(&server, &format!("http://{free}/")).1.contains("no connection to the server"));
    let (_, message) = failure(&server, &format!("https://{}/garbage", web.address));
    assert!(message.contains("connection"), "{message}");
}

#[test]
fn fetches_are_bounded_and_keep_nobody_waiting() {
    let web = Web::serve(|path, _, to| {
        if path == "/silent" {
            until_closed(to);
            return Ok(());
        }
        thread::sleep(Duration::from_millis(100));
        whole(to, b"no picture")
    });
    let server = server(&[&web], &["--fetch-timeout", "20"]);
    let urls: Vec<String> = (0..40).map(|number| web.url(&number.to_string())).collect();
    let begun = Instant::now();
    assert!(records(&server, &urls).iter().all(|record| record["error_code"] == "input"));
    let most = web.most.load(Ordering::SeqCst);
    assert!(
        (4..=8).contains(&most) && begun.elapsed() < Duration::from_secs(20),
        "{most}, {:?}",
        begun.elapsed()
    );

    // Many callers with slow servers: no more than there are turns, and others are served.
    let silent = json!({ "pictures": vec![json!({ "url": web.url("silent") }); 8] }).to_string();
    let head = format!(
        "POST /v1/hash HTTP/1.1\r\nHost: a\r\nContent-Type: {JSON}\r\nContent-Length: {}\r\n\r\n{silent}",
        silent.len()
    );
    let mut callers: Vec<Connection> = (0..12).map(|_| server.connect()).collect();
    for caller in &mut callers {
        assert!(caller.send(head.as_bytes()));
    }
    let begun = Instant::now();
    while web.most.load(Ordering::SeqCst) < 32 {
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", web.most);
        thread::sleep(Duration::from_millis(10));
    }
    let begun = Instant::now();
    assert_eq!(server.post("/v1/hash", "", &holiday("window.png")).status, 200);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let most = web.most.load(Ordering::SeqCst);
    assert!((32..=64).contains(&most), "{most}");
    // Callers that are gone stop their fetches: the turns are free long before the time of these is over.
    drop(callers);
    let begun = Instant::now();
    assert_eq!(records(&server, &[web.url("a")])[0]["error_code"], "input");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

/// A server that keeps connections: which requests it answers of each is said by a function of the connection's number and of the request's on it; what it does
/// not answer it closes. The heads that it got, by connection.
fn keeping(answers: impl Fn(usize, usize) -> bool + Send + Sync + 'static) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let (address, heads) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let (answers, asked) = (Arc::new(answers), heads.clone());
    thread::spawn(move || {
        for (number, mut connection) in listener.incoming().map_while(Result::ok).enumerate() {
            let (answers, asked) = (answers.clone(), asked.clone());
            thread::spawn(move || {
                let mut lines = BufReader::new(connection.try_clone().unwrap()).lines().map_while(Result::ok);
                for request in 0.. {
                    if lines.by_ref().take_while(|line| !line.is_empty()).count() == 0 {
                        return;
                    }
                    asked.fetch_add(1, Ordering::SeqCst);
                    if !answers(number, request) {
                        let _ = connection.shutdown(std::net::Shutdown::Both);
                        return;
                    }
                    let picture = holiday("window.png");
                    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", picture.len());
                    let _ = connection.write_all(&[head.as_bytes(), &picture].concat());
                }
            });
        }
    });
    (address, heads)
}

#[test]
fn a_kept_connection_that_was_closed_is_no_failure() {
    // The server closes each connection on its second request, as one does whose time for idle connections ends just then.
    let (address, heads) = keeping(|_, request| request == 0);
    let server = Server::start(&fetching(&[address.to_string()], &[]));
    let url = format!("http://{address}/a.png");
    for number in 0..5 {
        let record = records(&server, std::slice::from_ref(&url)).remove(0);
        assert_eq!(record["status"], "ok", "{number}: {record}");
    }
    // One that answers none is asked twice, and no more.
    let asked = heads.load(Ordering::SeqCst);
    println!("5 pictures, {asked} requests");
    assert!((5..=10).contains(&asked), "{asked}");
    let (address, heads) = keeping(|_, _| false);
    let server = Server::start(&fetching(&[address.to_string()], &[]));
    let (code, message) = failure(&server, &format!("http://{address}/a.png"));
    assert_eq!((code.as_str(), message.as_str()), ("io", "cannot read: the connection failed"));
    assert_eq!(heads.load(Ordering::SeqCst), 2);
}

#[test]
fn fetches_of_callers_that_are_gone_end() {
    let (sender, ended) = std::sync::mpsc::channel();
    let sender = std::sync::Mutex::new(sender);
    let web = Web::serve(move |path, _, to| {
        if path == "/body" {
            write!(to, "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n123")?;
        }
        let _ = sender.lock().unwrap().send(());
        let took = until_closed(to);
        if took < Duration::from_secs(5) {
            let _ = sender.lock().unwrap().send(());
        }
        Ok(())
    });
    let server = server(&[&web], &["--fetch-timeout", "15"]);
    for path in ["head", "body"] {
        let body = json!({ "pictures": [{ "url": web.url(path) }] }).to_string();
        let mut caller = server.connect();
        caller.send(format!("POST /v1/hash HTTP/1.1\r\nHost: a\r\nContent-Type: {JSON}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
        ended.recv_timeout(PATIENCE).unwrap();
        thread::sleep(Duration::from_millis(300));
        drop(caller);
        ended.recv_timeout(Duration::from_secs(5)).unwrap_or_else(|_| panic!("{path}: it is still fetched"));
    }
    // The deadline of the request ends them too.
    let body = json!({ "pictures": [{ "url": web.url("head") }] }).to_string();
    let headers = format!("Content-Type: {JSON}\r\nRequest-Timeout: 0.5\r\n");
    server.post_with("/v1/hash", &headers, body.as_bytes()).problem(504, "deadline");
    ended.recv_timeout(PATIENCE).unwrap();
    ended.recv_timeout(Duration::from_secs(5)).expect("it ends with the request");
}

#[test]
fn what_is_fetched_takes_its_bytes_from_the_memory_of_bodies() {
    let web = Web::serve(|path, _, to| {
        let picture = holiday("window.png");
        let padded = [picture.clone(), vec![0; (6 << 20) - picture.len()]].concat();
        thread::sleep(Duration::from_millis(100));
        if path == "/small" {
            return whole(to, &holiday("window.png"));
        }
        if path.starts_with("/silent") {
            write!(to, "HTTP/1.1 200 OK\r\n\r\n")?;
            to.write_all(&padded[..if path == "/silent-late" { 1 << 20 } else { 10 }])?;
            until_closed(to);
            return Ok(());
        }
        whole(to, &padded)
    });
    // 8 MiB are for what is fetched: one of these pictures at a time, and the others wait for it.
    let server = server(&[&web], &["--memory", "64M", "--max-picture-bytes", "12M", "--fetch-timeout", "10"]);
    let urls: Vec<String> = (0..12).map(|number| web.url(&number.to_string())).collect();
    let records = records(&server, &urls);
    assert!(
        records.iter().all(|record| record["status"] == "ok" && record["bytes"] == 6 << 20),
        "{records:?}"
    );
    // Four whose server sends next to nothing, and one that stops in the middle, take next to nothing from bodies or from small pictures.
    for (paths, most) in [(&["silent"; 4][..], 1 << 20), (&["silent-late"][..], 8 << 20)] {
        let pictures: Vec<Value> = paths.iter().map(|path| json!({ "url": web.url(path) })).collect();
        let body = json!({ "pictures": pictures }).to_string();
        let mut slow = server.connect();
        let head = format!("Content-Type: {JSON}\r\nContent-Length: {}\r\n\r\n", body.len());
        slow.send(format!("POST /v1/hash HTTP/1.1\r\nHost: a\r\n{head}{body}").as_bytes());
        thread::sleep(Duration::from_millis(500));
        let held = server.get("/v1/totals").is(200)["in_flight_bytes"].as_u64().unwrap();
        assert!((1024..most).contains(&held), "{held}");
        let begun = Instant::now();
        assert_eq!(server.post("/v1/hash", "", &vec![0; 6 << 20]).status, 422);
        assert_eq!(self::records(&server, &[web.url("small")])[0]["status"], "ok");
        if most < 8 << 20 {
            assert_eq!(self::records(&server, &[web.url("large")])[0]["status"], "ok");
        }
        assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
        assert_eq!(slow.answer().unwrap().is(200)["records"][0]["error_code"], "io");
        assert_eq!(server.get("/v1/totals").is(200)["in_flight_bytes"], 0);
    }
}

#[test]
fn clients_of_the_other_faces_name_addresses_too() {
    let web = Web::serve(|path, _, to| match path {
        "/none" => write!(to, "HTTP/1.1 404 X\r\ncontent-length: 0\r\n\r\n"),
        "/long" => write!(to, "HTTP/1.1 200 X\r\ncontent-length: 99999999\r\n\r\n"),
        "/text" => whole(to, b"no picture"),
        path => whole(to, &holiday(path.trim_start_matches('/'))),
    });
    let (_folder, path) = known(&["window.png", "hills.jpg"]);
    let data = tempfile::TempDir::new().unwrap();
    let data = data.path().to_str().unwrap();
    let more = [
        "--gallery",
        &path,
        "--hma",
        "127.0.0.1:0",
        "--max-picture-bytes",
        "1M",
        "--data",
        data,
        "--no-keys",
        "--log",
        "json",
    ];
    let server = server(&[&web], &more);
    let hma =
        serde_json::from_str::<Value>(&server.listening).unwrap()["hma"].as_str().unwrap().parse().unwrap();
    let escaped = |path: &str| super::escaped(&web.url(path));

    let cloud = |url: &str| {
        let body = json!({ "dataRepresentation": "url", "VALUE": url }).to_string();
        server.post("/photodna/v1.0/Match", JSON, body.as_bytes())
    };
    let answer = cloud(&web.url("hills-small.jpg")).is(200);
    assert_eq!((&answer["IsMatch"], &answer["Status"]["Code"]), (&true.into(), &3000.into()), "{answer}");
    assert_eq!(cloud(&web.url("coast-broken.jpg")).is(200)["IsMatch"], false);
    for (url, status, code) in [
        (web.url("text"), 200, 3206),
        (web.url("long"), 200, 3209),
        ("http://secret.example/".to_string(), 400, 3002),
        (String::new(), 400, 3002),
    ] {
        let answer = cloud(&url).is(status);
        assert_eq!(
            (&answer["Status"]["Code"], &answer["IsMatch"]),
            (&code.into(), &false.into()),
            "{url}: {answer}"
        );
    }
    let failed = cloud(&web.url("none")).is(502);
    assert_eq!(
        failed,
        json!({ "statusCode": 502, "message": "cannot read: the server answered 404 Not Found" })
    );
    let hashes = json!([{ "DataRepresentation": "URL", "Value": web.url("hills.jpg") }]).to_string();
    assert_eq!(server.post("/photodna/v1.0/MatchHash", JSON, hashes.as_bytes()).status, 400);

    let ask = |method: &str, path: &str, headers: &str| {
        let head = format!("{method} {path} HTTP/1.1\r\nHost: a\r\n{headers}Content-Length: 0\r\n\r\n");
        Connection::to(hma).ask(head.as_bytes())
    };
    let get = |path: &str| ask("GET", path, "");
    let pdq = hashed(&holiday("hills.jpg")).pdq.unwrap().signature;
    assert_eq!(
        get(&format!("/h/hash?url={}", escaped("hills.jpg"))).is(200),
        json!({ "pdq": pdq.to_string() })
    );
    let found =
        get(&format!("/m/lookup?url={}&content_type=photo&bypass_coinflip=true", escaped("hills.jpg")))
            .is(200);
    assert_eq!(found["pdq"]["KNOWN"][0]["distance"], "0", "{found}");
    for (path, status) in [("none", 502), ("text", 400), ("long", 413)] {
        for face in ["/h/hash", "/m/lookup"] {
            let answer = get(&format!("{face}?url={}", escaped(path)));
            assert!(answer.is(status)["message"].is_string(), "{face} {path}");
        }
    }
    for wrong in [
        "url=http%3A%2F%2Fsecret.example%2F",
        "url=secret",
        "url=",
        "",
        &format!("content_type=video&url={}", escaped("hills.jpg")),
    ] {
        assert_eq!(get(&format!("/h/hash?{wrong}")).status, 400, "{wrong}");
    }
    let bank = Connection::to(hma)
        .ask(b"POST /c/banks HTTP/1.1\r\nHost: a\r\nContent-Length: 14\r\n\r\n{\"name\":\"OWN\"}");
    assert_eq!(bank.status, 201);
    let content =
        ask("POST", &format!("/c/bank/OWN/content?url={}&note=n", escaped("hills.jpg")), "").is(200);
    assert_eq!(content["signals"]["pdq"], pdq.to_string(), "{content}");
    assert_eq!(ask("POST", &format!("/c/bank/OWN/content?url={}", escaped("none")), "").status, 502);

    // Another site's page must not make a browser have anything fetched, also not by reading.
    let asked = web.asked();
    for foreign in ["Sec-Fetch-Site: cross-site\r\n", "Origin: http://other.example\r\n"] {
        for face in ["/h/hash", "/m/lookup"] {
            assert_eq!(ask("GET", &format!("{face}?url={}", escaped("hills.jpg")), foreign).status, 403);
        }
    }
    assert_eq!(web.asked(), asked);
    let log = server.rest_of_lines().join("\n");
    assert!(log.contains("\"/h/hash\"") && log.contains("502"), "{log}");
    for leak in ["secret", "hills.jpg", "url=", &web.address.to_string()] {
        assert!(!log.contains(leak), "{leak}: {log}");
    }
}

/// A certificate for localhost alone, made by `openssl`; `None` where there is none.
fn certificate(folder: &std::path::Path) -> Option<(String, String)> {
    let [certificate, key] = ["crt", "key"].map(|name| folder.join(name).to_str().unwrap().to_string());
    let words =
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost";
    let names = ["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"];
    let files = ["-keyout", &key, "-out", &certificate];
    let made = Command::new("openssl").args(words.split(' ')).args(names).args(files).output().ok()?;
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Some((certificate, key))
}

#[test]
fn certificates_are_checked_and_no_proxy_stands_between() {
    let folder = tempfile::TempDir::new().unwrap();
    let Some((certificate, key)) = certificate(folder.path()) else {
        println!("skipped: there is no openssl here");
        return;
    };
    let tls = ["--tls-certificate", &certificate, "--tls-key", &key];
    // It has no pictures, but what it has shows that it was asked.
    let safe = Server::start(&tls);
    let port = safe.address.port();
    let trap = Web::of_pictures();
    let proxy = format!("http://{}", trap.address);
    let names = ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
    let mut variables: Vec<(&str, &str)> = names.map(|name| (name, &*proxy)).to_vec();
    let hosts = [
        format!("localhost:{port}"),
        format!("127.0.0.1:{port}"),
        format!("localhost:{}", trap.address.port()),
    ];
    let arguments = [&["--listen", "127.0.0.1:0"], &*fetching(&hosts, &[])].concat();
    let closed = [&*arguments, &["--allow-private-addresses"]].concat();
    // Nobody vouches for it.
    let stranger = Server::with(&variables, &closed);
    assert!(
        failure(&stranger, &format!("https://localhost:{port}/page.css")).1.contains("no safe connection")
    );
    variables.push(("SSL_CERT_FILE", &certificate));
    let friend = Server::with(&variables, &closed);
    let record = records(&friend, &[format!("https://localhost:{port}/page.css")]).remove(0);
    assert_eq!(record["error_code"], "input", "{record}");
    let (code, message) = failure(&friend, &format!("https://127.0.0.1:{port}/page.css"));
    assert!(code == "io" && message.ends_with("no safe connection to the server"), "{message}");
    // The name of a proxy opens no way to private addresses.
    let guarded =
        Server::with(&[("http_proxy", &format!("http://localhost:{}", trap.address.port()))], &arguments);
    let (_, message) = failure(&guarded, &format!("http://localhost:{}/window.png", trap.address.port()));
    assert!(message.contains("leads to no address"), "{message}");
    assert_eq!(trap.asked(), 0);
}

#[test]
fn to_fetch_takes_the_rights_of_sending_the_picture() {
    let web = Web::of_pictures();
    let (_folder, path) = known(&["hills.jpg"]);
    let data = tempfile::TempDir::new().unwrap();
    let data = data.path().to_str().unwrap();
    let key = |scope: &str| {
        let arguments = ["key", "add", "--data", data, "--scope", scope];
        let output = Command::new(env!("CARGO_BIN_EXE_shadegrid")).args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim_end().to_string()
    };
    let keys = ["lookup", "match"].map(key);
    let server = server(&[&web], &["--gallery", &path, "--data", data, "--hma", "127.0.0.1:0"]);
    let hma: SocketAddr = server.line_with("HMA's clients").split("http://").nth(1).unwrap().parse().unwrap();
    let path = format!("/m/lookup?url={}", super::escaped(&web.url("hills.jpg")));
    let statuses = keys.map(|key| {
        let head = format!("GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\n\r\n");
        Connection::to(hma).ask(head.as_bytes()).status
    });
    assert_eq!((statuses, web.asked()), ([403, 200], 1));
}

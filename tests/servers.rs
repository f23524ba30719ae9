//! Servers of the web that mean no good, or are just broken: nothing they do takes memory, disk or hours, or leads to where it must not.

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// A server whose answers `answer` writes, given the request's lines; how many connections there were.
fn serve(
    answer: impl Fn(&[String], &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (answer, count) = (Arc::new(answer), Arc::new(AtomicUsize::new(0)));
    let counted = count.clone();
    thread::spawn(move || {
        for mut connection in listener.incoming().map_while(Result::ok) {
            counted.fetch_add(1, Ordering::Relaxed);
            let answer = answer.clone();
            thread::spawn(move || {
                let lines = BufReader::new(connection.try_clone().unwrap()).lines().map_while(Result::ok);
                let lines: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
                // A client may go before it has all.
                let _ = answer(&lines, &mut connection);
            });
        }
    });
    (address, count)
}

/// The path that a request asks for.
fn path(lines: &[String]) -> &str {
    lines.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default()
}

fn is_ranged(lines: &[String]) -> bool {
    lines.iter().any(|line| line.to_ascii_lowercase().starts_with("range:"))
}

fn whole(to: &mut TcpStream, content: &[u8]) -> std::io::Result<()> {
    let length = content.len();
    write!(to, "HTTP/1.1 200 OK\r\nconnection: close\r\netag: \"1\"\r\ncontent-length: {length}\r\n\r\n")?;
    to.write_all(content)
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shadegrid"));
    // No proxy of this machine's may stand between.
    for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env_remove(name);
    }
    command.arg("hash").arg("--quiet").args(arguments);
    command
}

fn records(output: &Output) -> Vec<Value> {
    let lines = output.stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

fn hash(arguments: &[&str]) -> Vec<Value> {
    records(&command(arguments).output().unwrap())
}

/// The only record's code and message, and how long it took.
fn failure(arguments: &[&str]) -> (String, String, Duration) {
    let begun = Instant::now();
    let mut records = hash(arguments);
    assert_eq!(records.len(), 1, "{arguments:?} {records:?}");
    let record = records.remove(0);
    let text = |name: &str| record[name].as_str().unwrap_or_else(|| panic!("{record}")).to_string();
    (text("error_code"), text("error_message"), begun.elapsed())
}

/// A picture that every build reads.
fn picture() -> Vec<u8> {
    let mut jpegs = common::jpegs().into_iter();
    jpegs.find(|(name, _)| !name.contains("arithmetic")).unwrap().1
}

fn is_ok(record: &Value) -> bool {
    record["status"] == "ok"
}

#[test]
fn bodies_without_end_end() {
    let jpeg = picture();
    let (address, _) = serve(move |lines, to| {
        let length = jpeg.len();
        match (path(lines), is_ranged(lines)) {
            // A picture that breaks off; what it lacks never ends.
            ("/part.jpg", false) => {
                write!(
                    to,
                    "HTTP/1.1 200 OK\r\nconnection: close\r\netag: \"1\"\r\ncontent-length: {length}\r\n\r\n"
                )?;
                return to.write_all(&jpeg[..length / 2]);
            }
            ("/part.jpg", true) => {
                let (start, end) = (length / 2, length - 1);
                write!(to, "HTTP/1.1 206 Part\r\nconnection: close\r\netag: \"1\"\r\ncontent-range: bytes ")?;
                write!(to, "{start}-{end}/{length}\r\n\r\n")?;
            }
            // An archive in parts that never end.
            ("/parts.tar", _) => {
                write!(to, "HTTP/1.1 206 Part\r\nconnection: close\r\netag: \"1\"\r\ncontent-range: bytes ")?;
                write!(to, "0-0/1000000\r\n\r\n")?;
            }
            _ => write!(to, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")?,
        }
        while to.write_all(&[0; 65_536]).is_ok() {}
        Ok(())
    });
    for (name, options, code, printed) in [
        ("part.jpg", &[][..], "io", "more than was asked for"),
        ("parts.tar", &[], "io", "more than was asked for"),
        ("whole.jpg", &["--max-file-bytes", "3M"], "limit", "max_file_bytes"),
        ("whole.tar", &["--max-temporary-bytes", "3M"], "limit", "max_temporary_bytes"),
        ("list.csv", &["--max-temporary-bytes", "3M"], "io", "max_temporary_bytes"),
    ] {
        let url = format!("http://{address}/{name}");
        let (is, message, took) = failure(&[&[&*url], options].concat());
        assert!(is == code && message.contains(printed), "{name}: {is} {message}");
        assert!(took < Duration::from_secs(20), "{name} took {took:?}");
    }
}

#[test]
fn neither_silence_nor_a_drip_holds_up_a_run() {
    let (address, _) = serve(|lines, to| {
        match path(lines) {
            "/silent.jpg" => {}
            "/head.jpg" | "/head.tar" => write!(to, "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")?,
            _ => {
                write!(to, "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")?;
                while to.write_all(b"x").is_ok() {
                    thread::sleep(Duration::from_millis(50));
                }
            }
        }
        thread::sleep(Duration::from_secs(600));
        Ok(())
    });
    thread::scope(|scope| {
        for name in ["silent.jpg", "head.jpg", "head.tar", "drip.jpg", "drip.tar", "drip.csv"] {
            scope.spawn(move || {
                let url = format!("http://{address}/{name}");
                let (code, message, took) = failure(&[&url, "--network-timeout", "1"]);
                assert!(code == "io" && message.contains("next to nothing for 1 s"), "{name}: {message}");
                assert!(took < Duration::from_secs(40), "{name} took {took:?}");
            });
        }
    });
}

#[test]
fn slow_is_not_silent() {
    let jpeg = picture();
    let (address, _) = serve(move |_, to| {
        let mut content = jpeg.clone();
        content.resize(400_000, 0);
        write!(to, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 400000\r\n\r\n")?;
        for piece in content.chunks(40_000) {
            to.write_all(piece)?;
            thread::sleep(Duration::from_millis(400));
        }
        Ok(())
    });
    let records = hash(&[&format!("http://{address}/slow.jpg"), "--network-timeout", "2"]);
    assert!(records.len() == 1 && is_ok(&records[0]), "{records:?}");
}

#[test]
fn what_never_passes_is_tried_once() {
    let (address, count) = serve(|lines, to| {
        let status = path(lines).trim_matches('/').split('.').next().unwrap_or_default();
        let page = "<html><h1>Go away</h1></html>";
        let length = page.len();
        write!(to, "HTTP/1.1 {status} No\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{page}")
    });
    for status in ["400", "401", "403", "404", "410", "501"] {
        for kind in ["jpg", "tar"] {
            let before = count.load(Ordering::Relaxed);
            let (code, message, _) = failure(&[&format!("http://{address}/{status}.{kind}")]);
            assert_eq!(count.load(Ordering::Relaxed) - before, 1, "{status}");
            assert!(code == "io" && message.contains(&format!("the server answered {status} ")), "{message}");
            assert!(!message.contains('<') && !message.contains("Go away"), "{message}");
        }
    }
    let before = count.load(Ordering::Relaxed);
    let (_, message, _) = failure(&[&format!("https://{address}/no-tls.jpg")]);
    assert!(message.contains("no safe connection to the server"), "{message}");
    assert_eq!(count.load(Ordering::Relaxed) - before, 1);
    let (_, message, took) = failure(&["http://no-such-host.invalid/a.jpg"]);
    assert!(message.contains("name") || message.contains("connection"), "{message}");
    assert!(took < Duration::from_secs(60), "{took:?}");
}

/// Two servers, of which the first one leads to the second, and the second has pictures.
fn leading() -> (SocketAddr, SocketAddr, Arc<AtomicUsize>) {
    let jpeg = picture();
    let (second, count) = serve(move |_, to| whole(to, &jpeg));
    let jpeg = picture();
    let (first, _) = serve(move |lines, to| {
        let port = second.port();
        let to_there = match path(lines) {
            "/number.jpg" | "/number.tar" => format!("http://127.0.0.1:{port}/a.jpg"),
            "/name.jpg" => format!("http://localhost:{port}/a.jpg"),
            "/short.jpg" => format!("http://127.1:{port}/a.jpg"),
            "/six.jpg" => format!("http://[::ffff:127.0.0.1]:{port}/a.jpg"),
            "/far.jpg" => "http://169.254.169.254/latest/meta-data/".to_string(),
            "/file.jpg" => "file:///etc/passwd".to_string(),
            "/here.jpg" => "/a.jpg".to_string(),
            "/list.csv" => {
                let urls = format!(
                    "url\nhttp://127.0.0.1:{port}/a.jpg\nhttp://localhost:{port}/b.jpg\n/etc/hostname\n"
                );
                let host = lines
                    .iter()
                    .find_map(|line| line.to_ascii_lowercase().strip_prefix("host: ").map(str::to_string));
                return whole(to, format!("{urls}http://{}/c.jpg\n", host.unwrap()).as_bytes());
            }
            _ => return whole(to, &jpeg),
        };
        write!(
            to,
            "HTTP/1.1 302 Found\r\nconnection: close\r\nlocation: {to_there}\r\ncontent-length: 0\r\n\r\n"
        )
    });
    (first, second, count)
}

#[test]
fn redirects_lead_to_no_private_address() {
    let (first, _, count) = leading();
    for name in ["number.jpg", "number.tar", "name.jpg", "short.jpg", "six.jpg", "far.jpg"] {
        let url = format!("http://{first}/{name}");
        let (code, message, _) = failure(&[&url]);
        assert!(code == "io" && message.contains("allow_private_addresses"), "{name}: {message}");
        assert_eq!(count.load(Ordering::Relaxed), 0, "{name} was asked for");
    }
    let (_, message, _) = failure(&[&format!("http://{first}/file.jpg"), "--allow-private-addresses"]);
    assert!(message.contains("no URL of the web"), "{message}");
    for (name, options) in [
        ("here.jpg", &[][..]),
        ("number.jpg", &["--allow-private-addresses"]),
        ("number.tar", &["--allow-private-addresses"]),
        ("name.jpg", &["--allow-private-addresses"]),
    ] {
        let url = format!("http://{first}/{name}");
        let records = hash(&[&[&*url], options].concat());
        assert!(records.len() == 1 && is_ok(&records[0]), "{name}: {records:?}");
    }
    assert!(count.load(Ordering::Relaxed) >= 3);
}

#[test]
fn lists_from_a_server_name_neither_private_addresses_nor_files() {
    let (first, second, count) = leading();
    let list = format!("http://{first}/list.csv");
    let records = hash(&[&list]);
    let printed = |record: &Value| record["error_message"].as_str().unwrap_or_default().to_string();
    assert_eq!(records.len(), 4, "{records:?}");
    assert!(printed(&records[0]).contains("allow_private_addresses"), "{records:?}");
    assert!(printed(&records[1]).contains("allow_private_addresses"), "{records:?}");
    assert!(printed(&records[2]).contains("--allow-local-paths"), "{records:?}");
    assert_eq!(records[2]["key"], "/etc/hostname");
    assert!(is_ok(&records[3]), "the list's own place: {records:?}");
    assert_eq!(count.load(Ordering::Relaxed), 0);
    let all = hash(&[&list, "--allow-private-addresses", "--allow-local-paths"]);
    assert!(is_ok(&all[0]) && is_ok(&all[1]) && !printed(&all[2]).contains("--allow"), "{all:?}");
    // A list of the user's own may name what it likes.
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("list.csv");
    fs::write(&own, format!("url\nhttp://{second}/a.jpg\nhttp://localhost:{}/b.jpg\n", second.port()))
        .unwrap();
    let records = hash(&[own.to_str().unwrap()]);
    assert!(records.len() == 2 && records.iter().all(is_ok), "{records:?}");
}

#[test]
fn a_list_that_says_no_more_holds_up_nothing() {
    let jpeg = picture();
    let archive = {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(jpeg.len() as u64);
        tar.append_data(&mut header, "a.jpg", jpeg.as_slice()).unwrap();
        tar.into_inner().unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.jpg"), &jpeg).unwrap();
    fs::write(folder.path().join("a.tar"), archive).unwrap();
    let (address, _) = serve(move |_, to| whole(to, &jpeg));
    let local = |name: &str| folder.path().join(name).display().to_string();
    for first in [format!("http://{address}/a.jpg"), local("a.jpg"), local("a.tar")] {
        let mut child =
            command(&["--files-from", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut list = child.stdin.take().unwrap();
        writeln!(list, "{first}").unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let (sender, line) = mpsc::channel();
        let reading = thread::spawn(move || {
            let mut first = String::new();
            out.read_line(&mut first).unwrap();
            sender.send(first).unwrap();
            let mut rest = String::new();
            out.read_to_string(&mut rest).unwrap();
            rest
        });
        let line = line.recv_timeout(Duration::from_secs(30));
        assert!(line.as_ref().is_ok_and(|line| line.contains(r#""status":"ok""#)), "{first}: {line:?}");
        writeln!(list, "{first}").unwrap();
        drop(list);
        assert_eq!(reading.join().unwrap().lines().count(), 1, "{first}");
        assert!(child.wait().unwrap().success());
    }
}

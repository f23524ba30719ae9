//! Pictures, archives and lists by their URLs, from a server that does not always do as it should.

mod common;

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// What was asked for so far, by its path.
type Asked = Arc<Mutex<HashMap<String, u64>>>;

/// A server whose answers depend on the first part of the path; the rest names a file in `folder`.
fn serve(folder: &Path) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (folder, asked) = (folder.to_path_buf(), Asked::default());
    thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            let (folder, asked) = (folder.clone(), asked.clone());
            // A client may go before it has all.
            thread::spawn(move || drop(answer(connection, &folder, &asked)));
        }
    });
    address
}

fn answer(connection: TcpStream, folder: &Path, asked: &Asked) -> std::io::Result<()> {
    let mut lines = BufReader::new(connection.try_clone()?).lines().map_while(Result::ok);
    let first = lines.next().unwrap_or_default();
    let path = first.split(' ').nth(1).unwrap_or_default().to_string();
    let range = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.to_ascii_lowercase().strip_prefix("range: bytes=").map(str::to_string))
        .last();
    let (kind, name) = path[1..].split_once('/').unwrap_or_default();
    let name = name.split('?').next().unwrap_or_default();
    let times = {
        let mut asked = asked.lock().unwrap();
        let times = asked.entry(path.clone()).or_default();
        *times += 1;
        *times
    };
    let mut to = connection;
    if first.starts_with("HEAD") {
        return to.write_all(b"HTTP/1.1 405 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    }
    let moved = |to: &str| format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\n");
    let refused = |code: u32| format!("HTTP/1.1 {code} Refused\r\n");
    let refusal = match kind {
        "gone" => Some(refused(404)),
        "unsure" if times < 3 => Some(refused(500 + 3 * (times as u32 - 1))),
        "moved" => Some(moved(&format!("/plain/{name}"))),
        "loop" => Some(moved(&path)),
        _ => None,
    };
    if let Some(head) = refusal {
        return to.write_all(format!("{head}content-length: 0\r\nconnection: close\r\n\r\n").as_bytes());
    }
    let whole = fs::read(folder.join(name))?;
    let cut = if matches!(kind, "cut" | "changed" | "chunked") && times == 1 { whole.len() / 2 } else { 0 };
    let tag = if kind == "changed" { times } else { 1 };
    let ranged = range.filter(|_| matches!(kind, "plain" | "changed" | "unsure"));
    let head = format!("etag: \"{tag}\"\r\nconnection: close\r\n");
    if let Some(range) = ranged {
        let (start, end) = range.split_once('-').unwrap();
        let (start, end): (usize, usize) = (start.parse().unwrap(), end.parse().unwrap());
        let part = &whole[start..whole.len().min(end + 1)];
        let place = format!("bytes {start}-{}/{}", start + part.len() - 1, whole.len());
        let length = part.len();
        let head =
            format!("HTTP/1.1 206 Part\r\n{head}content-range: {place}\r\ncontent-length: {length}\r\n\r\n");
        to.write_all(head.as_bytes())?;
        return to.write_all(part);
    }
    let given = &whole[..whole.len() - cut];
    if kind == "chunked" {
        to.write_all(format!("HTTP/1.1 200 OK\r\n{head}transfer-encoding: chunked\r\n\r\n").as_bytes())?;
        to.write_all(format!("{:x}\r\n", given.len()).as_bytes())?;
        to.write_all(given)?;
        return if cut == 0 { to.write_all(b"\r\n0\r\n\r\n") } else { Ok(()) };
    }
    to.write_all(format!("HTTP/1.1 200 OK\r\n{head}content-length: {}\r\n\r\n", whole.len()).as_bytes())?;
    to.write_all(given)
}

/// A folder with a few pictures, one of them large, and archives of them.
fn folder() -> (TempDir, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let mut tar = tar::Builder::new(Vec::new());
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let mut names = Vec::new();
    for (number, (_, mut content)) in common::jpegs().into_iter().take(3).enumerate() {
        // So long that it is asked for in parts.
        content.resize(content.len() + if number == 1 { 20 << 20 } else { 0 }, 0);
        let name = format!("{number}.jpg");
        fs::write(folder.path().join(&name), &content).unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, &name, content.as_slice()).unwrap();
        zip.start_file(&name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(&content).unwrap();
        names.push(name);
    }
    fs::write(folder.path().join("all.tar"), tar.into_inner().unwrap()).unwrap();
    fs::write(folder.path().join("all.zip"), zip.finish().unwrap().into_inner()).unwrap();
    (folder, names)
}

/// The records of what `arguments` name: each one's path, and the rest of it.
fn records(arguments: &[String]) -> Vec<(String, Value)> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shadegrid"));
    let output = command.args(["hash", "--quiet"]).args(arguments).output().unwrap();
    let lines = output.stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    let record = |line: &[u8]| {
        let Ok(Value::Object(mut record)) = serde_json::from_slice(line) else { panic!("no record") };
        let Some(Value::String(key)) = record.remove("key") else { panic!("no key") };
        record.remove("path");
        record.remove("source");
        (key, Value::Object(record))
    };
    lines.map(record).collect()
}

fn local(folder: &Path, name: &str) -> Vec<(String, Value)> {
    let place = folder.join(name).display().to_string();
    let below = |path: String| path.replacen(&place, "", 1);
    records(std::slice::from_ref(&place)).into_iter().map(|(path, rest)| (below(path), rest)).collect()
}

#[test]
fn a_picture_comes_whole_or_with_an_error() {
    let (folder, names) = folder();
    let address = serve(folder.path());
    for kind in ["plain", "whole", "cut", "chunked", "unsure", "moved"] {
        for name in &names {
            let url = format!("http://{address}/{kind}/{name}");
            let found = records(std::slice::from_ref(&url));
            let expected = local(folder.path(), name).into_iter().map(|(_, rest)| (url.clone(), rest));
            assert_eq!(found, expected.collect::<Vec<_>>(), "{url}");
        }
    }
    for (kind, why) in [("gone", "404"), ("loop", "redirect"), ("changed", "changed while it was read")] {
        let begun = Instant::now();
        let found = records(&[format!("http://{address}/{kind}/0.jpg")]);
        assert_eq!((found.len(), &found[0].1["error_code"]), (1, &Value::from("io")), "{found:?}");
        assert!(found[0].1["error_message"].as_str().unwrap().contains(why), "{found:?}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{kind} was tried again and again");
    }
}

#[test]
fn archives_and_lists_need_no_particular_server() {
    let (folder, names) = folder();
    let address = serve(folder.path());
    for kind in ["plain", "whole", "cut", "moved"] {
        for name in ["all.tar", "all.zip", "all.tar?signature=1#all"] {
            let url = format!("http://{address}/{kind}/{name}");
            let found = records(std::slice::from_ref(&url)).into_iter();
            let found: Vec<_> = found.map(|(path, rest)| (path.replacen(&url, "", 1), rest)).collect();
            assert_eq!(found, local(folder.path(), name.split('?').next().unwrap()), "{url}");
        }
        let urls: String = names.iter().map(|name| format!("http://{address}/plain/{name}\n")).collect();
        fs::write(folder.path().join("list.csv"), format!("url\n{urls}")).unwrap();
        fs::write(folder.path().join("list.txt"), urls).unwrap();
        let list = |ending| format!("http://{address}/{kind}/list.{ending}");
        for arguments in [vec![list("csv")], vec!["--files-from".to_string(), list("txt")]] {
            let found = records(&arguments);
            assert_eq!(found.len(), names.len(), "{arguments:?} {found:?}");
            assert!(
                found.iter().all(|(_, rest)| rest["bytes"].is_u64() || rest["error_code"] == "unsupported"),
                "{found:?}"
            );
        }
    }
}

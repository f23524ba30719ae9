//! Stores whose listings are odd or hostile: every key gets its record, none stops the others, and no other key is asked for.

mod common;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// What a bucket does besides holding objects.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum Way {
    #[default]
    Fair,
    /// Lists all keys, whatever prefix is asked for and behind whatever key.
    Deaf,
    /// Gives the same token on every page.
    SameToken,
    /// Gives three tokens, one after another, over and over.
    Round,
    /// A page of a listing without end.
    EndlessPage,
    /// Pages without objects, without end.
    EndlessPages,
    /// Refuses the second page, with a page of its own.
    Refusing,
    /// Breaks off the first body of every object, of which a second version comes then.
    Changing,
    /// The same, and nothing but the length tells the versions apart.
    Unversioned,
    /// Breaks off the first body of every object.
    Breaking,
}

/// A bucket that speaks as much of S3's protocol as is needed to list and read, and does not look at signatures.
struct Bucket {
    objects: BTreeMap<String, Vec<u8>>,
    /// In the order of the listing.
    keys: Vec<String>,
    way: Way,
    asked: Mutex<Vec<String>>,
    pages: Mutex<u64>,
    times: Mutex<HashMap<String, u64>>,
}

/// When every object was changed last, as a listing has it.
const DATE: &str = "<LastModified>2024-01-01T00:00:00.000Z</LastModified>";

/// Keys of one page.
const PAGE: usize = 4;

impl Bucket {
    fn serve(objects: impl IntoIterator<Item = (String, Vec<u8>)>, way: Way) -> (Arc<Bucket>, SocketAddr) {
        let objects: BTreeMap<_, _> = objects.into_iter().collect();
        let keys = objects.keys().cloned().collect();
        let (asked, pages, times) = Default::default();
        let bucket = Arc::new(Bucket { objects, keys, way, asked, pages, times });
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let (address, shared) = (listener.local_addr().unwrap(), bucket.clone());
        thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let bucket = shared.clone();
                // A client may go before it has all.
                thread::spawn(move || drop(bucket.answer(connection)));
            }
        });
        (bucket, address)
    }

    /// Answers one request after another; bodies without a length end with the connection.
    fn answer(&self, connection: TcpStream) -> std::io::Result<()> {
        let mut lines = BufReader::new(connection.try_clone()?).lines().map_while(Result::ok);
        while let Some(first) = lines.next() {
            self.answer_to(&first, &mut lines, connection.try_clone()?)?;
        }
        Ok(())
    }

    fn answer_to(
        &self,
        first: &str,
        lines: &mut impl Iterator<Item = String>,
        connection: TcpStream,
    ) -> std::io::Result<()> {
        let mut words = first.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let headers: HashMap<String, String> = lines
            .take_while(|line| !line.is_empty())
            .filter_map(|line| line.split_once(": ").map(|(n, v)| (n.to_ascii_lowercase(), v.to_string())))
            .collect();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query: HashMap<String, String> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_string(), decoded(&value.replace('+', " "))))
            .collect();
        match decoded(path).strip_prefix("/bucket/") {
            Some(key) if !query.contains_key("list-type") => self.object(connection, method, key, &headers),
            _ => self.list(connection, &query),
        }
    }

    fn list(&self, mut to: TcpStream, query: &HashMap<String, String>) -> std::io::Result<()> {
        *self.pages.lock().unwrap() += 1;
        let text = |name: &str| query.get(name).cloned().unwrap_or_default();
        let (prefix, behind, token) = (text("prefix"), text("start-after"), text("continuation-token"));
        let deaf = self.way == Way::Deaf;
        let asked = |key: &&String| deaf || (key.starts_with(&prefix) && ***key > *behind);
        let keys: Vec<&String> = self.keys.iter().filter(asked).collect();
        let start: usize = token.parse().unwrap_or(0);
        if self.way == Way::Refusing && start > 0 {
            let page =
                "<html><script>alert(1)</script><Code>AccessDenied</Code><Message>/etc</Message></html>";
            let length = page.len();
            return write!(to, "HTTP/1.1 403 No\r\ncontent-length: {length}\r\n\r\n{page}");
        }
        if self.way == Way::EndlessPage {
            write!(to, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n<ListBucketResult>")?;
            loop {
                to.write_all("<Contents><Key>a.jpg</Key><Size>1</Size></Contents>".repeat(1000).as_bytes())?;
            }
        }
        let next = match self.way {
            Way::SameToken => Some(PAGE),
            Way::Round => Some([PAGE, 2 * PAGE, 0][start / PAGE % 3]),
            Way::EndlessPages => Some(start.max(1_000_000) + 1),
            _ => Some(start + PAGE).filter(|next| *next < keys.len()),
        };
        let truncated = next.is_some();
        let mut page =
            format!("<?xml version=\"1.0\"?><ListBucketResult><IsTruncated>{truncated}</IsTruncated>");
        for key in keys.iter().skip(start).take(PAGE) {
            let (size, key) = (self.objects[*key].len(), escaped(key));
            page +=
                &format!("<Contents><Key>{key}</Key>{DATE}<ETag>\"1\"</ETag><Size>{size}</Size></Contents>");
        }
        let next = next.map(|next| format!("<NextContinuationToken>{next}</NextContinuationToken>"));
        page += &format!("{}</ListBucketResult>", next.unwrap_or_default());
        let length = page.len();
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{page}");
        to.write_all(answer.as_bytes())
    }

    fn object(
        &self,
        mut to: TcpStream,
        method: &str,
        key: &str,
        headers: &HashMap<String, String>,
    ) -> std::io::Result<()> {
        let times = {
            let mut times = self.times.lock().unwrap();
            let times = times.entry(key.to_string()).or_default();
            *times += u64::from(method == "GET");
            *times
        };
        if method == "GET" {
            self.asked.lock().unwrap().push(key.to_string());
        }
        let Some(object) = self.objects.get(key) else {
            return write!(to, "HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n");
        };
        let changes = matches!(self.way, Way::Changing | Way::Unversioned);
        let mut object = object.clone();
        if changes && times > 1 {
            // The second version has other bytes behind the picture.
            let end = object.len();
            object[end / 2..].fill(0);
        }
        let version = if changes { times } else { 1 };
        let validators = match self.way {
            Way::Unversioned => String::new(),
            Way::Changing | Way::Breaking => {
                format!("last-modified: Mon, 01 Jan 2024 00:00:0{version} GMT\r\n")
            }
            _ => "etag: \"1\"\r\n".to_string(),
        };
        let whole = object.len();
        let range = headers.get("range").and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
        let (status, head, given) = match range {
            Some((start, end)) => {
                let (start, end): (usize, usize) = (start.parse().unwrap(), end.parse().unwrap());
                let part = &object[start..whole.min(end + 1)];
                let place = format!("content-range: bytes {start}-{}/{whole}\r\n", start + part.len() - 1);
                (206, place, part)
            }
            None => (200, String::new(), &object[..]),
        };
        let length = given.len();
        let head = format!("HTTP/1.1 {status} OK\r\n{validators}{head}content-length: {length}\r\n\r\n");
        to.write_all(head.as_bytes())?;
        if method != "GET" {
            return Ok(());
        }
        if times == 1 && matches!(self.way, Way::Changing | Way::Unversioned | Way::Breaking) {
            to.write_all(&given[..length / 2])?;
            return to.shutdown(std::net::Shutdown::Both);
        }
        to.write_all(given)
    }

    fn asked(&self) -> Vec<String> {
        let mut asked = self.asked.lock().unwrap().clone();
        asked.sort();
        asked
    }
}

/// XML as S3 writes it: characters that XML does not have are numbered all the same.
fn escaped(key: &str) -> String {
    let escape = |character: char| match character {
        '<' => "&lt;".to_string(),
        '&' => "&amp;".to_string(),
        '\r' | '\u{1}'..='\u{8}' => format!("&#x{:x};", u32::from(character)),
        other => other.to_string(),
    };
    key.chars().map(escape).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        rest = match (first, behind) {
            (b'%', [high, low, behind @ ..]) => {
                let digits = String::from_utf8(vec![*high, *low]).unwrap();
                bytes.push(u8::from_str_radix(&digits, 16).unwrap());
                behind
            }
            _ => {
                bytes.push(*first);
                behind
            }
        };
    }
    String::from_utf8(bytes).unwrap()
}

fn shadegrid(address: SocketAddr, arguments: &[&str]) -> Output {
    // Another engine can be tried on the same servers.
    let other = std::env::var_os("SHADEGRID");
    let mut command = Command::new(other.unwrap_or(env!("CARGO_BIN_EXE_shadegrid").into()));
    command
        .args(arguments)
        .env("AWS_ENDPOINT_URL", format!("http://{address}"))
        .env("AWS_ALLOW_HTTP", "true")
        .env("AWS_ACCESS_KEY_ID", "key")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_REGION", "us-east-1");
    command.output().unwrap()
}

fn records(output: &Output) -> Vec<Value> {
    let lines = output.stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

fn hash(address: SocketAddr, url: &str) -> (Output, Vec<Value>) {
    let output = shadegrid(address, &["hash", "--quiet", url]);
    let records = records(&output);
    (output, records)
}

/// Objects of such keys, each a picture of its own.
fn objects(keys: &[&str]) -> Vec<(String, Vec<u8>)> {
    let mut jpegs = common::jpegs();
    jpegs.retain(|(name, _)| !name.contains("arithmetic"));
    let object = |(number, key): (usize, &&str)| {
        let mut content = jpegs[number % jpegs.len()].1.clone();
        // No two have the same length.
        content.resize(content.len() + number, 0);
        (key.to_string(), content)
    };
    keys.iter().enumerate().map(object).collect()
}

/// What a file with an object's bytes gives, but for its path.
fn expected(object: &[u8]) -> Value {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), object).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_shadegrid"))
        .args(["hash", "--quiet", file.path().to_str().unwrap()])
        .output()
        .unwrap();
    let mut record = records(&output).remove(0);
    record["key"].take();
    record["path"].take();
    record["source"].take();
    record
}

const ODD: [&str; 19] = [
    "a/1.jpg",
    "a//2.jpg",
    "a/./3.jpg",
    "a/../4.jpg",
    "a/../../5.jpg",
    "/6.jpg",
    "//7.jpg",
    "8.jpg",
    "8.jpg/",
    "9\n.jpg",
    "10\r\n.jpg",
    "11\t.jpg",
    "12\u{1}.jpg",
    "13\u{7f}.jpg",
    "ä b+c%2F#?&<14>.jpg",
    "a/..",
    "..%2F/15.jpg",
    ".",
    "..",
];

#[test]
fn every_key_gets_its_own_record() {
    let objects = objects(&ODD);
    let (bucket, address) = Bucket::serve(objects.clone(), Way::Fair);
    let (output, records) = hash(address, "s3://bucket/");
    let mut found: BTreeMap<String, Value> = BTreeMap::new();
    for mut record in records {
        let Value::String(path) = record["key"].take() else { panic!("{record}") };
        record["path"].take();
        record["source"].take();
        assert!(found.insert(path.clone(), record).is_none(), "{path:?} has two records");
    }
    assert_eq!(found.len(), objects.len(), "{output:?}");
    for (key, object) in &objects {
        let record = &found[&format!("s3://bucket/{key}")];
        if matches!(key.as_str(), "." | "..") {
            assert_eq!(record["error_code"], "io", "{key:?}: {record}");
            assert!(
                record["error_message"].as_str().unwrap().contains("no request can name this key"),
                "{record}"
            );
        } else {
            assert_eq!(*record, expected(object), "{key:?}");
        }
    }
    let mut wanted: Vec<_> = ODD.into_iter().filter(|key| !matches!(*key, "." | "..")).collect();
    wanted.sort();
    assert_eq!(bucket.asked(), wanted, "each key once, and no other");
}

#[test]
fn odd_prefixes_and_objects_are_named_as_they_are() {
    let (_, address) = Bucket::serve(objects(&ODD), Way::Fair);
    let paths = |url: &str| {
        let records = hash(address, url).1;
        let path =
            |record: &Value| record["key"].as_str().unwrap().trim_start_matches("s3://bucket/").to_string();
        let mut paths: Vec<_> = records.iter().map(path).collect();
        paths.sort();
        paths
    };
    assert_eq!(paths("s3://bucket/a//"), ["a//2.jpg"]);
    assert_eq!(paths("s3://bucket/a//2.jpg"), ["a//2.jpg"]);
    assert_eq!(paths("s3://bucket/a/../"), ["a/../../5.jpg", "a/../4.jpg"]);
    assert_eq!(paths("s3://bucket/8.jpg"), ["8.jpg"]);
    assert_eq!(hash(address, "s3://bucket//6.jpg").1[0]["key"], "s3://bucket//6.jpg");
    let output = shadegrid(address, &["hash", "--quiet", "s3://bucket/13\u{7f}.jpg", "s3://bucket/9\n.jpg"]);
    assert!(output.status.success() && records(&output).len() == 2, "{output:?}");
}

#[test]
fn a_job_over_odd_keys_comes_to_its_end() {
    let (bucket, address) = Bucket::serve(objects(&ODD), Way::Fair);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("job");
    let out = out.to_str().unwrap();
    let job = ["backfill", "s3://bucket/", "--out", out, "--format", "jsonl", "--shard-size", "5", "--quiet"];
    let output = shadegrid(address, &job);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let checked = shadegrid(address, &["job", "verify", out]);
    assert_eq!(checked.status.code(), Some(0), "{checked:?}");
    let files = fs::read_dir(Path::new(out).join("records")).unwrap();
    let lines: String = files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    let ok = lines.lines().filter(|line| line.contains(r#""status":"ok""#)).count();
    assert_eq!((lines.lines().count(), ok), (ODD.len(), ODD.len() - 2), "{lines}");
    assert_eq!(bucket.asked().len(), ODD.len() - 2);
}

#[test]
fn what_was_not_asked_for_is_not_read_but_reported() {
    let keys = ["a/1.jpg", "a/2.jpg", "ab/3.jpg", "b/4.jpg", "c.jpg"];
    let (bucket, address) = Bucket::serve(objects(&keys), Way::Deaf);
    let (output, records) = hash(address, "s3://bucket/a/");
    assert_eq!(bucket.asked(), ["a/1.jpg", "a/2.jpg"]);
    let keys: Vec<_> = records.iter().map(|record| record["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["s3://bucket/a/1.jpg", "s3://bucket/a/2.jpg", "s3://bucket/a/"], "{output:?}");
    assert!(records[2]["error_message"].as_str().unwrap().contains("listed 3 objects"), "{records:?}");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_listing_without_end_ends() {
    let keys: Vec<String> = (0..10).map(|number| format!("{number}.jpg")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    for (way, message, most) in [
        (Way::SameToken, "again and again", 3),
        (Way::Round, "again and again", 12),
        (Way::EndlessPage, "more than was asked for", 1),
        (Way::EndlessPages, "without an object", 10_001),
    ] {
        let begun = Instant::now();
        let (bucket, address) = Bucket::serve(objects(&keys), way);
        let (output, records) = hash(address, "s3://bucket/");
        let last = records.last().unwrap();
        assert!(last["error_message"].as_str().unwrap().contains(message), "{way:?} {last}");
        assert_eq!((&last["error_code"], output.status.code()), (&Value::from("io"), Some(2)));
        let pages = *bucket.pages.lock().unwrap();
        assert!(pages <= most, "{way:?}: {pages} pages");
        assert!(begun.elapsed() < Duration::from_secs(60), "{way:?} took {:?}", begun.elapsed());
    }
}

#[test]
fn a_refusal_is_reported_without_the_servers_page() {
    let keys: Vec<String> = (0..10).map(|number| format!("{number}.jpg")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let (bucket, address) = Bucket::serve(objects(&keys), Way::Refusing);
    let (_, records) = hash(address, "s3://bucket/");
    assert_eq!(records.len(), PAGE + 1, "{records:?}");
    let message = records[PAGE]["error_message"].as_str().unwrap();
    assert!(message.ends_with("the server answered 403 Forbidden (AccessDenied)"), "{message}");
    assert_eq!(*bucket.pages.lock().unwrap(), 2, "what never passes was asked for again");
}

#[test]
fn two_versions_are_never_put_together() {
    let objects = objects(&["1.jpg", "2.jpg"]);
    let (_, address) = Bucket::serve(objects.clone(), Way::Breaking);
    for ((_, object), mut record) in objects.iter().zip(hash(address, "s3://bucket/").1) {
        record["key"].take();
        record["path"].take();
        record["source"].take();
        assert_eq!(record, expected(object), "its time of change shows that it is the same");
    }
    let (_, address) = Bucket::serve(objects.clone(), Way::Changing);
    for record in hash(address, "s3://bucket/").1 {
        assert!(
            record["error_message"].as_str().unwrap_or_default().contains("changed while it was read"),
            "{record}"
        );
    }
    // Where nothing tells, all of it comes at one go.
    let (bucket, address) = Bucket::serve(objects.clone(), Way::Unversioned);
    for ((_, object), mut record) in objects.iter().zip(hash(address, "s3://bucket/").1) {
        let mut second = object.clone();
        let end = second.len();
        second[end / 2..].fill(0);
        record["key"].take();
        record["path"].take();
        record["source"].take();
        assert_eq!(record, expected(&second));
    }
    assert!(bucket.asked().len() >= 4);
}

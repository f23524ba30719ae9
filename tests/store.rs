//! Object stores: a server that speaks S3's protocol, slow and faulty on purpose, loses no record.
//!
//! The server is `s3s` with its file system (a packaged implementation of the protocol with signature checks, in this process, so
//! that the test needs nothing but cargo). Between it and the client the test's own layer delays every request, answers some
//! with 500 or 503, and resets some connections before or within the answer.
//!
//! One long file, since every case talks to the same server.

#![expect(clippy::print_stdout, reason = "says what was injected and measured")]

mod common;

use std::collections::HashMap;
use std::convert::Infallible;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use s3s::service::{S3Service, S3ServiceBuilder};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// What the layer does to requests.
#[derive(Debug, Default)]
struct Faults {
    latency: Duration,
    /// How much longer pictures take.
    reluctance: Duration,
    /// Of 1,000 requests, how many get an error, and how many a reset.
    errors: u64,
    resets: u64,
    requests: AtomicU64,
    injected: AtomicU64,
    /// Requests that are being answered, and the most at once.
    open: AtomicU64,
    most_open: AtomicU64,
    /// Whether only the first page of a listing is given.
    first_page: AtomicBool,
    /// Whether it gives neither an object's metadata nor listings.
    secretive: AtomicBool,
    /// Answers about the bucket of pictures by their requests, where a second one is to cost no more than the sending.
    kept: Option<Mutex<HashMap<String, Response<Bytes>>>>,
}

impl Faults {
    fn new(latency: u64, errors: u64, resets: u64) -> Arc<Faults> {
        Arc::new(Faults { latency: Duration::from_millis(latency), errors, resets, ..Faults::default() })
    }

    async fn answer(
        &self,
        service: S3Service,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, io::Error> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        self.most_open.fetch_max(self.open.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        let picture = request.uri().path().starts_with("/bucket/photos");
        tokio::time::sleep(self.latency + if picture { self.reluctance } else { Duration::ZERO }).await;
        let answer = self.answer_now(number, service, request).await;
        self.open.fetch_sub(1, Ordering::Relaxed);
        answer
    }

    async fn answer_now(
        &self,
        number: u64,
        service: S3Service,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, io::Error> {
        // The same requests fail in every run, as far as their order is the same.
        let chance = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        let (fate, kind) = (chance % 1000, chance / 1000 % 2);
        if fate < self.errors {
            self.injected.fetch_add(1, Ordering::Relaxed);
            let status = [StatusCode::INTERNAL_SERVER_ERROR, StatusCode::SERVICE_UNAVAILABLE][kind as usize];
            let body = Full::new(Bytes::from("<Error><Code>SlowDown</Code></Error>"));
            let mut answer = Response::new(body.map_err(|never: Infallible| match never {}).boxed_unsync());
            *answer.status_mut() = status;
            return Ok(answer);
        }
        let goes_on = request.uri().query().is_some_and(|query| query.contains("continuation-token"));
        let asks_what = request.method() == "HEAD"
            || request.uri().query().is_some_and(|query| query.contains("list-type"));
        let is_secret = asks_what && self.secretive.load(Ordering::Relaxed);
        if is_secret || goes_on && self.first_page.load(Ordering::Relaxed) {
            let denied = Full::new(Bytes::from("<Error><Code>AccessDenied</Code></Error>"));
            let mut answer = Response::new(denied.map_err(|never: Infallible| match never {}).boxed_unsync());
            *answer.status_mut() = StatusCode::FORBIDDEN;
            return Ok(answer);
        }
        let reset = fate < self.errors + self.resets;
        self.injected.fetch_add(u64::from(reset), Ordering::Relaxed);
        if reset && kind == 0 {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let answer = self.served(service, request).await?;
        if !reset {
            return Ok(answer);
        }
        let (head, body) = answer.into_parts();
        let whole = body.collect().await?.to_bytes();
        let half = whole.slice(..whole.len() / 2);
        let broken = [Ok(Frame::data(half)), Err(io::ErrorKind::ConnectionReset.into())];
        Ok(Response::from_parts(head, StreamBody::new(futures_util::stream::iter(broken)).boxed_unsync()))
    }
}

impl Faults {
    /// The service's answer, or the one that was kept.
    async fn served(
        &self,
        service: S3Service,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, io::Error> {
        let asked = request.uri().to_string();
        let keeps = asked.starts_with("/bucket") && !request.headers().contains_key("range");
        let kept = self.kept.as_ref().filter(|_| keeps && request.method() == "GET");
        let known = kept.and_then(|kept| kept.lock().unwrap().get(&asked).cloned());
        let whole = |body: Bytes| Full::new(body).map_err(|never: Infallible| match never {}).boxed_unsync();
        if let Some(known) = known {
            return Ok(known.map(whole));
        }
        let answer = hyper::service::Service::call(&service, request)
            .await
            .map_err(|error| io::Error::other(format!("{error:?}")))?;
        let Some(kept) = kept.filter(|_| answer.status().is_success()) else {
            return Ok(answer.map(|body| body.map_err(io::Error::other).boxed_unsync()));
        };
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let answer = Response::from_parts(head, body);
        kept.lock().unwrap().insert(asked, answer.clone());
        Ok(answer.map(whole))
    }
}

/// A server over a folder whose folders are the buckets.
struct Server {
    address: SocketAddr,
    faults: Arc<Faults>,
    _runtime: Runtime,
}

impl Server {
    fn start(root: &Path, faults: Arc<Faults>) -> Server {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(root).unwrap());
        builder.set_auth(s3s::auth::SimpleAuth::from_single("key", "secret"));
        let service = builder.build();
        let listener = runtime.block_on(tokio::net::TcpListener::bind(("127.0.0.1", 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = faults.clone();
        runtime.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (service, faults) = (service.clone(), shared.clone());
                let answer = service_fn(move |request| {
                    let (service, faults) = (service.clone(), faults.clone());
                    async move { faults.answer(service, request).await }
                });
                tokio::spawn(async move {
                    let http = hyper::server::conn::http1::Builder::new();
                    // Connections that are reset on purpose end with an error.
                    let _ = http.serve_connection(TokioIo::new(socket), answer).await;
                });
            }
        });
        Server { address, faults, _runtime: runtime }
    }

    /// The command with the server's address and credentials.
    fn command(&self, arguments: &[&str]) -> Command {
        let optimised = std::env::var_os("SHADEGRID");
        let mut command = Command::new(optimised.unwrap_or(env!("CARGO_BIN_EXE_shadegrid").into()));
        command
            .args(arguments)
            .env("AWS_ENDPOINT_URL", format!("http://{}", self.address))
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_ACCESS_KEY_ID", "key")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("AWS_REGION", "us-east-1");
        command
    }

    fn shadegrid(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn said(&self) -> String {
        let count = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let Faults { requests, injected, most_open, .. } = &*self.faults;
        format!("{} requests, {} faults, {} at once", count(requests), count(injected), count(most_open))
    }
}

/// A folder with a bucket of so many pictures below `photos`, a tar and a zip of the first twenty, and what is no picture.
fn bucket(count: usize) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let photos = root.path().join("bucket/photos");
    fs::create_dir_all(photos.join("deep er")).unwrap();
    let jpegs = common::jpegs();
    let mut tar = tar::Builder::new(Vec::new());
    let mut zip = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    for number in 0..count {
        let mut content = jpegs[number % jpegs.len()].1.clone();
        // A few are longer than one answer's first packets.
        content.resize(content.len() + if number % 10 == 0 { 300_000 } else { number % 7 }, 0);
        let name =
            if number % 5 == 0 { format!("deep er/{number:05}.jpg") } else { format!("{number:05}.jpg") };
        fs::write(photos.join(&name), &content).unwrap();
        if number < 20 {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            tar.append_data(&mut header, &name, content.as_slice()).unwrap();
            zip.start_file(&name, zip::write::SimpleFileOptions::default()).unwrap();
            io::Write::write_all(&mut zip, &content).unwrap();
        }
    }
    fs::write(photos.join("notes.txt"), b"no picture").unwrap();
    fs::write(root.path().join("bucket/a.tar"), tar.into_inner().unwrap()).unwrap();
    fs::write(root.path().join("bucket/b.zip"), zip.finish().unwrap().into_inner()).unwrap();
    root
}

/// The records with `from` in their keys replaced and without the deprecated names at their end, sorted: a store's order is that of whole keys, a
/// folder's that of names.
fn records(output: &Output, from: &str) -> Vec<String> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let current = |line: &str| {
        let (current, _) = line.split_once(",\"path\":").expect("the deprecated names end a record");
        format!("{}}}", current.replacen(from, "", 1))
    };
    let mut lines: Vec<String> = text.lines().map(current).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn a_slow_and_faulty_store_gives_the_records_of_the_files() {
    let root = bucket(400);
    let server = Server::start(root.path(), Faults::new(50, 50, 30));
    let folder = format!("{}/", root.path().join("bucket").display());
    let local = |name: &str| {
        let output =
            server.shadegrid(&["hash", "--quiet", root.path().join("bucket").join(name).to_str().unwrap()]);
        records(&output, &folder)
    };
    for (name, url, count) in [
        ("photos", "photos/", 401),
        ("photos", "photos", 401),
        ("a.tar", "a.tar", 20),
        ("b.zip", "b.zip", 20),
    ] {
        let start = Instant::now();
        let output = server.shadegrid(&["hash", "--quiet", &format!("s3://bucket/{url}")]);
        let stored = records(&output, "s3://bucket/");
        println!("{url}: {} records in {:?}; {}", stored.len(), start.elapsed(), server.said());
        assert_eq!(stored.len(), count, "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(stored, local(name), "{url}");
    }
    assert!(server.faults.injected.load(Ordering::Relaxed) >= 30, "hardly a fault was injected");
    assert!(server.faults.most_open.load(Ordering::Relaxed) >= 32, "requests were made one after another");
}

#[test]
fn what_cannot_be_had_is_a_record() {
    let root = bucket(3);
    let server = Server::start(root.path(), Faults::new(0, 0, 0));
    let gone = ["s3://bucket/gone.jpg", "s3://bucket/gone.tar", "s3://no-such-bucket/x/"];
    let list = root.path().join("list.csv");
    fs::write(&list, format!("url\n{}\ns3://bucket/photos/00001.jpg\n", gone[0])).unwrap();
    let output = server.shadegrid(&["hash", "--quiet", gone[1], gone[2], list.to_str().unwrap()]);
    let lines: Vec<serde_json::Value> = output
        .stdout
        .split(|&byte| byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    let outcomes: Vec<_> =
        lines.iter().map(|line| (line["key"].as_str().unwrap(), line["error_code"].as_str())).collect();
    assert_eq!(
        outcomes,
        [
            (gone[1], Some("io")),
            (gone[2], Some("io")),
            (gone[0], Some("io")),
            ("s3://bucket/photos/00001.jpg", None)
        ],
        "{lines:?}"
    );
    assert_eq!(output.status.code(), Some(2));
    let list = list.to_str().unwrap();
    assert_eq!((lines[2]["source"].as_str(), lines[3]["source"].as_str()), (Some(list), Some(list)));
}

/// Credentials, region and endpoint as AWS's own tools keep them; the environment comes first.
#[test]
fn profiles_bring_what_the_environment_does_not_say() {
    let root = bucket(2);
    let server = Server::start(root.path(), Faults::new(0, 0, 0));
    let home = root.path().join("home");
    fs::create_dir_all(home.join(".aws")).unwrap();
    let keys = "aws_access_key_id=key\naws_secret_access_key=secret\n";
    let wrong = "aws_access_key_id=key\naws_secret_access_key=wrong\n";
    fs::write(home.join(".aws/credentials"), format!("[default]\n{wrong}\n[team]\n{keys}")).unwrap();
    let endpoint = format!("endpoint_url = http://{}\nregion = us-east-1\n", server.address);
    let config =
        format!("[default]\n{endpoint}[profile team]\n{endpoint}[profile work]\n{endpoint}sso_session = x\n");
    fs::write(home.join(".aws/config"), config).unwrap();
    let run = |variables: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shadegrid"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
            command.env_remove(name);
        }
        command
            .args(["hash", "S3://bucket/photos/00001.jpg"])
            .env("HOME", &home)
            .env("AWS_ALLOW_HTTP", "true");
        let output = command.envs(variables.iter().copied()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = run(&[("AWS_PROFILE", "team")]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = run(&[]);
    assert!(code == Some(2) && said.contains("SignatureDoesNotMatch"), "{said}");
    let (address, keys) =
        (format!("http://{}", server.address), ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]);
    let (code, said) = run(&[(keys[0], "key"), (keys[1], "secret"), ("AWS_ENDPOINT_URL", &address)]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = run(&[(keys[0], "key"), (keys[1], "secret"), ("AWS_PROFILE", "work")]);
    assert_eq!(code, Some(0), "its endpoint counts, and it needs to give no keys: {said}");
    let (code, said) = run(&[("AWS_PROFILE", "nobody")]);
    assert!(code == Some(2) && said.contains("AWS_PROFILE is nobody, and neither "), "{said}");
    let (code, said) = run(&[("AWS_PROFILE", "work")]);
    assert!(code == Some(2) && said.contains("aws configure export-credentials --profile work"), "{said}");
    let (code, said) = run(&[("AWS_PROFILE", "team"), ("AWS_ALLOW_HTTP", "false")]);
    assert!(code == Some(2) && said.contains("set AWS_ALLOW_HTTP=true"), "{said}");
}

/// Where nothing is set, the message names what could be, for this store and no other.
#[test]
fn a_store_without_settings_names_the_variables() {
    for (url, variables, not) in [
        ("az://container/a.jpg", "AZURE_STORAGE_ACCOUNT_NAME, and AZURE_STORAGE_ACCOUNT_KEY", "AWS_"),
        ("az://container/photos/", "AZURE_STORAGE_ACCOUNT_NAME, and AZURE_STORAGE_ACCOUNT_KEY", "GOOGLE_"),
        ("gs://bucket/a.jpg", "GOOGLE_APPLICATION_CREDENTIALS, a key file's path", "AWS_"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shadegrid"));
        for (name, _) in std::env::vars() {
            let is_setting =
                ["AWS_", "AZURE_", "GOOGLE_", "GCE_"].iter().any(|start| name.starts_with(start));
            if is_setting {
                command.env_remove(name);
            }
        }
        // Nobody answers for the machine's own account.
        command.env("GCE_METADATA_HOST", "127.0.0.1:1").env("GCE_METADATA_IP", "127.0.0.1:1");
        let output = command.args(["hash", "-q", url]).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(variables) && !said.contains(not), "{url}: {said}");
    }
}

/// A port where nobody listens, and a name that nobody has, are given up after some seconds.
#[test]
fn a_wrong_server_fails_in_seconds() {
    let root = bucket(1);
    let server = Server::start(root.path(), Faults::new(0, 0, 0));
    let unused = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    for endpoint in [format!("http://{unused}"), "http://store.invalid".to_string()] {
        for arguments in [
            &["hash", "s3://bucket/photos/"][..],
            &["hash", "s3://bucket/photos/a.jpg"],
            &["backfill", "s3://bucket/photos/", "--out", root.path().join("job").to_str().unwrap()],
        ] {
            let started = Instant::now();
            let output = server.command(arguments).env("AWS_ENDPOINT_URL", &endpoint).output().unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            println!("{endpoint} {arguments:?}: {:?}: {said}", started.elapsed());
            assert!(matches!(output.status.code(), Some(1 | 2)), "{said}");
            assert!(said.contains("no connection") || said.contains("name was not found"), "{said}");
            assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
        }
    }
}

/// The lines of all files of records below a job, with `from` in their paths replaced, sorted.
fn job_records(job: &Path, from: &str) -> Vec<String> {
    let files = fs::read_dir(job.join("records")).unwrap().map(|file| file.unwrap().path());
    // The server keeps what it knows of an object in hidden files.
    let files = files.filter(|file| file.extension().is_some_and(|ending| ending == "jsonl"));
    let text: String = files.map(|file| fs::read_to_string(file).unwrap()).collect();
    let mut lines: Vec<String> = text
        .lines()
        .map(|line| line.split(",\"path\":").next().unwrap_or_default().replacen(from, "", 1))
        .collect();
    lines.sort_unstable();
    lines
}

#[test]
fn a_job_from_and_into_a_faulty_store_is_exact() {
    let root = bucket(400);
    fs::create_dir(root.path().join("jobs")).unwrap();
    let server = Server::start(root.path(), Faults::new(50, 50, 30));
    let common = ["--format", "jsonl", "--shard-size", "50", "--threads", "1", "--expiry", "2", "--quiet"];
    let stored = ["backfill", "s3://bucket/photos/", "s3://bucket/a.tar", "--out", "s3://jobs/one"];
    let stored: Vec<&str> = stored.into_iter().chain(common).collect();
    let drafts = root.path().join("drafts");
    fs::create_dir(&drafts).unwrap();
    let worker = || server.command(&stored).env("TMPDIR", &drafts).spawn().unwrap();

    let mut killed = worker();
    let start = Instant::now();
    while !root.path().join("jobs/one/ledger").is_dir() {
        assert!(start.elapsed() < Duration::from_secs(60), "no shard was finished; {}", server.said());
        std::thread::sleep(Duration::from_millis(20));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    let mut workers = [worker(), worker()];
    for worker in &mut workers {
        assert_eq!(worker.wait().unwrap().code(), Some(0), "only the text should have been skipped");
    }
    assert_eq!(fs::read_dir(&drafts).unwrap().count(), 0, "a killed worker's draft stays");
    let checked = server.shadegrid(&["job", "verify", "s3://jobs/one"]);
    assert_eq!(checked.status.code(), Some(0), "{checked:?}");
    println!("three workers, one killed: {:?}; {}", start.elapsed(), server.said());

    let (bucket, local) = (root.path().join("bucket"), root.path().join("local"));
    let (photos, tar) = (bucket.join("photos"), bucket.join("a.tar"));
    let files =
        ["backfill", photos.to_str().unwrap(), tar.to_str().unwrap(), "--out", local.to_str().unwrap()];
    assert_eq!(server.shadegrid(&[&files[..], &common].concat()).status.code(), Some(0));
    let expected = job_records(&local, &format!("{}/", bucket.display()));
    assert_eq!(expected.len(), 401 + 20);
    assert_eq!(job_records(&root.path().join("jobs/one"), "s3://bucket/"), expected);
    assert!(server.faults.injected.load(Ordering::Relaxed) >= 10, "hardly a fault was injected");
}

#[test]
fn a_listing_that_breaks_off_is_gone_on_with() {
    let root = bucket(1_100);
    fs::create_dir(root.path().join("jobs")).unwrap();
    let server = Server::start(root.path(), Faults::new(0, 0, 0));
    server.faults.first_page.store(true, Ordering::Relaxed);
    let job = ["backfill", "s3://bucket/photos/", "--out", "s3://jobs/one", "--format", "jsonl", "--quiet"];
    let broken = server.shadegrid(&job);
    let printed = String::from_utf8_lossy(&broken.stderr);
    assert!(
        broken.status.code() == Some(1) && printed.contains("cannot list s3://bucket/photos/"),
        "{broken:?}"
    );
    assert_eq!(server.shadegrid(&["job", "verify", "s3://jobs/one"]).status.code(), Some(3));
    server.faults.first_page.store(false, Ordering::Relaxed);
    assert_eq!(server.shadegrid(&job).status.code(), Some(0), "only the text should have been skipped");
    assert_eq!(server.shadegrid(&["job", "verify", "s3://jobs/one"]).status.code(), Some(0));
    assert_eq!(job_records(&root.path().join("jobs/one"), "s3://bucket/").len(), 1_101);

    let nothing = ["backfill", "s3://bucket/fotos/", "--out", "s3://jobs/two", "--quiet"];
    let printed = server.shadegrid(&nothing);
    assert_eq!(printed.status.code(), Some(1), "{printed:?}");
    assert!(String::from_utf8_lossy(&printed.stderr).contains("there is nothing below"), "{printed:?}");
    let within = server.shadegrid(&["backfill", "s3://bucket/photos", "--out", "s3://bucket/photos/job"]);
    assert!(String::from_utf8_lossy(&within.stderr).contains("lies in the source"), "{within:?}");
}

/// Whether a name is an object's or a prefix, the store knows alone.
#[test]
fn what_a_store_does_not_tell_is_no_object() {
    let root = bucket(30);
    let server = Server::start(root.path(), Faults::new(0, 0, 0));
    server.faults.secretive.store(true, Ordering::Relaxed);
    let out = root.path().join("out");
    let job =
        ["backfill", "s3://bucket/photos", "--out", out.to_str().unwrap(), "--format", "jsonl", "--quiet"];
    let refused = server.shadegrid(&job);
    let printed = String::from_utf8_lossy(&refused.stderr);
    assert!(
        refused.status.code() == Some(1) && printed.contains("cannot list s3://bucket/photos"),
        "{refused:?}"
    );
    assert!(!out.exists(), "something was written");
    let failed = records(&server.shadegrid(&["hash", "s3://bucket/photos"]), "");
    assert!(failed.len() == 1 && failed[0].contains("cannot list s3://bucket/photos"), "{failed:?}");
    server.faults.secretive.store(false, Ordering::Relaxed);
    assert_eq!(server.shadegrid(&job).status.code(), Some(0), "only the text should have been skipped");
    assert_eq!(job_records(&out, "").len(), 31);
}

#[test]
fn new_objects_and_new_contents_are_hashed_when_the_bucket_is_listed_again() {
    let root = bucket(30);
    fs::create_dir(root.path().join("jobs")).unwrap();
    let server = Server::start(root.path(), Faults::new(0, 0, 0));
    let job = ["backfill", "s3://bucket/photos/", "--out", "s3://jobs/one", "--format", "jsonl", "--quiet"];
    let extend = [&job[..], &["--extend"]].concat();
    let found = || job_records(&root.path().join("jobs/one"), "s3://bucket/");
    assert_eq!(server.shadegrid(&job).status.code(), Some(0), "only the text should have been skipped");
    let photos = root.path().join("bucket/photos");
    fs::copy(photos.join("00001.jpg"), photos.join("00000x.jpg")).unwrap();
    fs::write(photos.join("00002.jpg"), fs::read(photos.join("00003.jpg")).unwrap()).unwrap();
    for (command, records) in [(&job[..], 31), (&extend, 33), (&extend, 33)] {
        assert_eq!(server.shadegrid(command).status.code(), Some(0));
        assert_eq!(found().len(), records, "{command:?}");
    }
    let again: Vec<_> = found().into_iter().filter(|record| record.contains("photos/00002.jpg")).collect();
    assert!(again.len() == 2 && again[0] != again[1], "{again:?}");
    let checked = server.shadegrid(&["job", "verify", "s3://jobs/one"]);
    assert_eq!(checked.status.code(), Some(0), "{checked:?}");
}

#[test]
fn a_list_in_a_store_is_a_list() {
    let root = bucket(5);
    let server = Server::start(root.path(), Faults::new(0, 0, 0));
    let urls: String = (1..5).map(|number| format!("s3://bucket/photos/{number:05}.jpg\n")).collect();
    fs::write(root.path().join("bucket/list.csv"), format!("url\n{urls}")).unwrap();
    fs::write(root.path().join("bucket/list.txt"), urls).unwrap();
    let expected =
        records(&server.shadegrid(&["hash", "--quiet", "s3://bucket/photos/", "--only", "jpg"]), "");
    for arguments in [&["s3://bucket/list.csv"][..], &["--files-from", "s3://bucket/list.txt"]] {
        let found = records(&server.shadegrid(&[&["hash", "--quiet"], arguments].concat()), "");
        assert_eq!(found.len(), 4, "{found:?}");
        let same = |line: &String| {
            let sources: Vec<Value> = [line].map(|line| serde_json::from_str(line).unwrap()).into();
            expected.iter().any(|other| {
                let other: Value = serde_json::from_str(other).unwrap();
                other["key"] == sources[0]["key"] && other["photodna"] == sources[0]["photodna"]
            })
        };
        assert!(found.iter().all(same), "{found:?}");
    }
}

#[test]
fn a_gallery_is_built_of_lists_in_a_store() {
    let root = bucket(3);
    let server = Server::start(root.path(), Faults::new(0, 0, 0));
    let folder = tempfile::tempdir().unwrap();
    let here = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    let (list, gallery) = (here("list.jsonl"), here("known.gallery"));
    let hashed = server.shadegrid(&["hash", "s3://bucket/photos/", "--only", "jpg", "-q", "-o", &list]);
    assert!(hashed.status.success(), "{hashed:?}");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    io::Write::write_all(&mut packed, &fs::read(&list).unwrap()).unwrap();
    fs::write(root.path().join("bucket/known.jsonl.gz"), packed.finish().unwrap()).unwrap();
    let built = server.shadegrid(&["gallery", "build", &gallery, "S3://bucket/known.jsonl.gz"]);
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success() && said.contains("s3://bucket/known.jsonl.gz: 3 entries"), "{said}");
    let info = server.shadegrid(&["gallery", "info", &gallery, "--json"]);
    let info: Value = serde_json::from_slice(&info.stdout).unwrap();
    assert_eq!((&info["entries"], &info["sources"][0]["name"]), (&3.into(), &"known.jsonl.gz".into()));
    let looked_up = ["match", "-g", &gallery, "--signatures", "s3://bucket/known.jsonl.gz", "--only-matches"];
    let looked_up = server.shadegrid(&looked_up);
    assert!(looked_up.status.success(), "{looked_up:?}");
    assert_eq!(looked_up.stdout.iter().filter(|byte| **byte == b'\n').count(), 3);
    // The same list is grouped, and what it has is not hashed again.
    let local = server.shadegrid(&["dedupe", &list, "--preset", "exact", "-q"]);
    let grouped = server.shadegrid(&["dedupe", "S3://bucket/known.jsonl.gz", "--preset", "exact", "-q"]);
    assert_eq!(grouped.status.code(), local.status.code(), "{grouped:?}");
    let [text, expected] = [&grouped, &local].map(|of| String::from_utf8_lossy(&of.stdout).into_owned());
    assert_eq!(text.lines().count(), expected.lines().count(), "{text}");
    assert!(text.is_empty() || text.contains("s3://bucket/known.jsonl.gz"), "{text}");
    fs::copy(&list, root.path().join("bucket/known.jsonl")).unwrap();
    let skipped = server.shadegrid(&[
        "hash",
        "s3://bucket/photos/",
        "--only",
        "jpg",
        "--skip-known",
        "s3://bucket/known.jsonl",
    ]);
    let said = String::from_utf8_lossy(&skipped.stderr);
    assert!(said.contains("3 skipped (in the records already)"), "{said}");
    for refused in [
        &["dedupe", "s3://bucket/none.csv"][..],
        &["dedupe", &list, "--reference", "s3://bucket/none.parquet"],
        &["hash", "s3://bucket/photos/", "--skip-known", "s3://bucket/none.csv"],
    ] {
        let output = server.shadegrid(refused);
        let said = String::from_utf8_lossy(&output.stderr);
        let names = refused.iter().rfind(|argument| argument.contains("none")).unwrap();
        assert!(
            output.status.code() == Some(1) && said.contains(&format!("cannot read the list {names}")),
            "{said}"
        );
    }
    let missing = server.shadegrid(&["gallery", "build", &here("other.gallery"), "s3://bucket/none.csv"]);
    let said = String::from_utf8_lossy(&missing.stderr);
    assert!(
        missing.status.code() == Some(1) && said.contains("cannot read the list s3://bucket/none.csv"),
        "{said}"
    );
}

#[cfg(unix)]
#[test]
fn a_request_to_end_is_heard_while_the_store_is_silent() {
    let root = bucket(20);
    fs::create_dir(root.path().join("jobs")).unwrap();
    let silent = Faults { reluctance: Duration::from_secs(60), ..Faults::default() };
    let server = Server::start(root.path(), Arc::new(silent));
    let job = ["backfill", "s3://bucket/photos/", "--out", "s3://jobs/one", "--grace", "1", "--quiet"];
    let mut worker = server.command(&job).spawn().unwrap();
    let start = Instant::now();
    while server.faults.open.load(Ordering::Relaxed) < 21 {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "the pictures were not asked for; {}",
            server.said()
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    let asked = Instant::now();
    assert!(Command::new("kill").args(["-TERM", &worker.id().to_string()]).status().unwrap().success());
    assert_eq!(worker.wait().unwrap().code(), Some(130));
    let took = asked.elapsed();
    assert!((1..4).contains(&took.as_secs()), "it took {took:?}");
    let left: Vec<_> = fs::read_dir(root.path().join("jobs/one/claims")).into_iter().flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Pictures of a store that answers after 50 ms, with 5 % of errors and 2 % of resets, against files, in turn: hashed, and as a job whose output
/// is in the store too. A real server is another machine: so the client has a CPU of its own, and this server another.
#[test]
#[ignore = "a measurement: SHADEGRID=target/release/shadegrid cargo test --release --test store throughput -- --ignored --nocapture"]
fn throughput() {
    let Some(photos) = common::corpus("photos") else { panic!("the corpus is not there") };
    let copies: usize = std::env::var("COPIES").map_or(50, |copies| copies.parse().unwrap());
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("bucket/photos");
    fs::create_dir_all(&folder).unwrap();
    fs::create_dir(root.path().join("jobs")).unwrap();
    for (number, photo) in
        photos.iter().filter(|photo| photo.extension().is_some_and(|e| e == "jpg")).enumerate()
    {
        for copy in 0..copies {
            fs::copy(photo, folder.join(format!("{copy:03}-{number:04}.jpg"))).unwrap();
        }
    }
    let itself = std::process::id().to_string();
    assert!(
        Command::new("taskset").args(["-a", "-p", "-c", "1", &itself]).output().unwrap().status.success()
    );
    let faults = Faults { kept: Some(Mutex::default()), ..Arc::into_inner(Faults::new(50, 50, 20)).unwrap() };
    let server = Server::start(root.path(), Arc::new(faults));
    let local = |name: &str| root.path().join(name).display().to_string();
    let inputs = [local("bucket/photos"), "s3://bucket/photos/".to_string()];
    // From now on the server has every answer about the pictures.
    rate(&server, &["hash", &inputs[1], "-o", &local("first")]);
    let commands = [("hash", "-o"), ("backfill", "--out")];
    let mut ratios = [Vec::new(), Vec::new()];
    for round in 0..3 {
        for ((what, to), ratios) in commands.iter().zip(&mut ratios) {
            let outputs = [local(&format!("{what}-{round}")), format!("s3://jobs/{round}")];
            let outputs =
                if *what == "hash" { [&outputs[0], &outputs[0]] } else { [&outputs[0], &outputs[1]] };
            let [files, store] =
                [0, 1].map(|place| rate(&server, &[what, &inputs[place], to, outputs[place]]));
            ratios.push(store / files);
        }
    }
    for ((what, _), mut ratios) in commands.into_iter().zip(ratios) {
        ratios.sort_by(f64::total_cmp);
        println!("{what}: store / files {ratios:.3?}; {}", server.said());
    }
}

/// Runs per second of wall time on the first CPU; prints the CPU time of client and server.
fn rate(server: &Server, arguments: &[&str]) -> f64 {
    let (before, start) = (cpu_time(), Instant::now());
    let command = server.command(arguments);
    let mut pinned = Command::new("taskset");
    pinned.args(["-c", "0"]).arg(command.get_program()).args(command.get_args()).args(["--threads", "1"]);
    pinned.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = pinned.output().unwrap();
    let (elapsed, after) = (start.elapsed().as_secs_f64(), cpu_time());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    println!(
        "{} {}: {elapsed:.2} s; client {:.2} s, server {:.2} s of CPU time; {}",
        arguments[0],
        arguments[1],
        after.1 - before.1,
        after.0 - before.0,
        String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or_default()
    );
    1.0 / elapsed
}

/// Seconds of CPU time of this process and of its children that ended, from Linux's `/proc`, in its ticks of 10 ms.
fn cpu_time() -> (f64, f64) {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<i64> =
        stat.rsplit(')').next().unwrap().split_whitespace().filter_map(|f| f.parse().ok()).collect();
    // The first field behind the name is a letter.
    let at = |field: usize| fields[field - 4] as f64 / 100.0;
    (at(14) + at(15), at(16) + at(17))
}

/// A store of the program's own: pictures below a prefix, a tar, a list and a job lie in it.
#[test]
fn a_mounted_store_holds_inputs_lists_archives_and_a_job() {
    use shadegrid::job::{self, Settings, WorkOptions};
    use shadegrid::pipeline::mount::object_store::memory::InMemory;
    use shadegrid::pipeline::mount::object_store::path::Path as Key;
    use shadegrid::pipeline::mount::object_store::{ObjectStore, ObjectStoreExt as _};
    use shadegrid::pipeline::{
        Input, InputOptions, Mounts, Network, Record, RecordFormat, Sink, items, open,
    };
    use shadegrid::{Engine, HashOptions, RunOptions};

    struct Keys(Vec<(String, bool)>);

    impl Sink for Keys {
        fn write(&mut self, record: &Record) -> shadegrid::Result<()> {
            self.0.push((record.key.to_str().unwrap().to_string(), record.outcome.is_ok()));
            Ok(())
        }
    }

    let picture = include_bytes!("../src/pipeline/example.bmp");
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let runtime = Runtime::new().unwrap();
    let put = |key: &str, content: Vec<u8>| {
        runtime.block_on(store.put(&Key::parse(key).unwrap(), content.into())).unwrap();
    };
    for key in ["cats/b.bmp", "cats/a.bmp", "cats/a/c.bmp", "catsuit.bmp", "large.bmp"] {
        put(key, picture.to_vec());
    }
    put("cats/z.bmp", b"no picture".to_vec());
    // Large enough to be read in several parts at once.
    put("large.bmp", [&picture[..], &vec![0; 20 << 20]].concat());
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(picture.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, "in.bmp", &picture[..]).unwrap();
    put("cats/t.tar", tar.into_inner().unwrap());
    put("list.csv", b"path\nmem://photos/catsuit.bmp\nmem://photos/gone.bmp\n".to_vec());

    let network = Network::default().mounts(Mounts::default().set("mem://photos", store.clone()));
    let options = InputOptions::default().network(network.clone());
    let engine = Engine::builder().threads(2).build().unwrap();
    let keys = |input: &str| {
        let sources = open(items([std::ffi::OsString::from(input)], &options), &options);
        let mut keys = Keys(Vec::new());
        engine.run_into(sources, &mut keys, &RunOptions::default()).unwrap();
        keys.0
    };
    let expected = |keys: &[(&str, bool)]| {
        keys.iter().map(|(key, is)| (format!("mem://photos/{key}"), *is)).collect::<Vec<_>>()
    };
    let cats =
        [("a.bmp", true), ("a/c.bmp", true), ("b.bmp", true), ("t.tar/in.bmp", true), ("z.bmp", false)];
    let cats: Vec<_> = cats.iter().map(|(key, is)| (format!("cats/{key}"), *is)).collect();
    let cats: Vec<_> = cats.iter().map(|(key, is)| (&**key, *is)).collect();
    assert_eq!(keys("mem://photos/cats/"), expected(&cats));
    assert_eq!(keys("mem://photos/cats"), expected(&cats));
    assert_eq!(keys("mem://photos/list.csv"), expected(&[("catsuit.bmp", true), ("gone.bmp", false)]));
    assert_eq!(keys("mem://photos/large.bmp"), expected(&[("large.bmp", true)]));

    let place = std::ffi::OsStr::new("mem://photos/jobs/one");
    assert!(job::at(place, true).is_err(), "nobody knows of it without the mount");
    let location = job::at_with(place, true, &network).unwrap();
    let hash = HashOptions::default();
    let inputs = [Input::Named("mem://photos/cats/".into())];
    let settings = Settings::new(&inputs, &options, 2, RecordFormat::JsonLines, &hash);
    let worker = WorkOptions { network, ..WorkOptions::new(engine.clone()) };
    let worked = job::work(location.clone(), &settings, &worker).unwrap();
    assert!(worked.report.complete && worked.report.records == 5 && worked.failed == 1, "{worked:?}");
    let verdict = job::verify(&*location).unwrap();
    assert!(verdict.is_complete() && verdict.fault_count == 0, "{:?}", verdict.faults);
    let below = Key::parse("jobs/one/records").unwrap();
    let files = runtime.block_on(store.list_with_delimiter(Some(&below))).unwrap().objects;
    assert_eq!(files.len(), worked.report.shards_done as usize);
}

//! The service: the real command, asked over sockets.
//!
//! What has a face or a subject of its own is in `service/`; here is what all of it shares, in one long file for one program that is linked.

#![expect(clippy::print_stdout, reason = "tests say how much they compared")]

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use shadegrid::{Algorithm, Orientation};
use tempfile::TempDir;

#[path = "service/banks.rs"]
mod banks;
#[path = "service/client.rs"]
#[allow(dead_code, unreachable_pub, reason = "what tests share")]
mod client;
mod common;
#[path = "service/faces.rs"]
mod faces;
#[path = "service/fetching.rs"]
mod fetching;
#[path = "service/hostile.rs"]
mod hostile;
#[path = "service/keys.rs"]
mod keys;
#[path = "service/life.rs"]
mod life;
#[path = "service/packaging.rs"]
mod packaging;
#[path = "service/review.rs"]
mod review;
#[path = "service/small.rs"]
mod small;

use client::{Server, gallery, hashed, holiday, pictures};

/// A folder with a gallery called `known` of these pictures, and its path.
fn known(names: &[&str]) -> (TempDir, String) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("known.gallery");
    gallery(&path, names);
    (folder, path.to_str().unwrap().to_string())
}

fn escaped(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// What `shadegrid hash` writes for each of the files.
fn lines_of_the_command(files: &[&Path]) -> Vec<String> {
    let output =
        Command::new(env!("CARGO_BIN_EXE_shadegrid")).args(["hash", "-q"]).args(files).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split_inclusive('\n').map(String::from).collect()
}

#[test]
fn records_are_those_of_the_command() {
    let server = Server::start(&[]);
    let mut files = pictures();
    let folder = TempDir::new().unwrap();
    files.push(folder.path().join("lossless.jpg"));
    let plain =
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/jpeg/base-444.jpg")).unwrap();
    std::fs::write(&files[files.len() - 1], common::lossless(&plain)).unwrap();
    // What stands for many inputs has no record of its own.
    let files: Vec<&Path> = files.iter().map(|path| &**path).collect();
    let files: Vec<&Path> =
        files.into_iter().filter(|path| path.extension() != Some("tsv".as_ref())).collect();
    let lines = lines_of_the_command(&files);
    assert_eq!(lines.len(), files.len());
    let mut statuses = std::collections::BTreeMap::new();
    for (path, line) in files.iter().zip(&lines) {
        let picture = std::fs::read(path).unwrap();
        let query = format!("/v1/hash?key={}", escaped(path.to_str().unwrap()));
        let answer = server.post(&query, "image/jpeg", &picture);
        assert_eq!(answer.text(), *line, "{}", path.display());
        let expected = match serde_json::from_str::<Value>(line).unwrap()["error_code"].as_str() {
            None => 200,
            Some("unsupported") => 415,
            Some("limit") => 413,
            Some(_) => 422,
        };
        assert_eq!(answer.status, expected, "{line}");
        *statuses.entry(answer.status).or_insert(0) += 1;
    }
    println!("{} records, by status: {statuses:?}", lines.len());
    assert!(statuses[&200] >= 60 && statuses.len() >= 3, "{statuses:?}");
}

#[test]
fn options_are_those_of_the_command() {
    let server = Server::start(&[]);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/jpeg/orientation-6.jpg");
    let picture = std::fs::read(&path).unwrap();
    let options = ["--detail", "full", "--orient", "exif", "--algorithm", "pdq,pdq-512", "--faces", "stored"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_shadegrid"));
    let output = command.args(["hash", "-q"]).args(options).arg(&path).output().unwrap();
    let line = String::from_utf8(output.stdout).unwrap();
    let key = escaped(path.to_str().unwrap());
    let query = format!("/v1/hash?detail=full&orient=exif&algorithms=pdq,pdq-512&faces=stored&key={key}");
    assert_eq!(server.post(&query, "", &picture).text(), line);
    assert!(line.contains("pdq512") && !line.contains("photodna"), "{line}");
    let broken = holiday("coast-broken.jpg");
    assert_eq!(server.post("/v1/hash", "", &broken).is(200)["flags"][0], "damaged");
    assert_eq!(server.post("/v1/hash?damaged=refuse", "", &broken).is(422)["error_code"], "corrupt");
    // Threads keep buffers by the choices: those of one request must not become another's.
    for _ in 0..3 {
        let all = server.post("/v1/hash", "", &picture).is(200);
        let one = server.post("/v1/hash?algorithms=pdq", "", &picture).is(200);
        assert!(all["photodna"].is_string() && one["photodna"].is_null() && one["pdq"] == all["pdq"]);
    }
}

#[test]
fn the_points_of_a_signature_are_given_where_they_are_asked_for() {
    let (_folder, path) = known(&["hills.jpg"]);
    let server = Server::start(&["--gallery", &path]);
    for name in ["hills.jpg", "window.png", "coast-broken.jpg"] {
        let picture = holiday(name);
        let mut record = server.post("/v1/hash?grid=1", "", &picture).is(200);
        let points = record.as_object_mut().unwrap().remove("grid").unwrap();
        assert_eq!(record, server.post("/v1/hash", "", &picture).is(200), "{name}: nothing else changes");
        assert_eq!(server.post("/v1/match?grid=1", "", &picture).is(200)["grid"], points);
        let points: Vec<f64> = points.as_array().unwrap().iter().map(|one| one.as_f64().unwrap()).collect();
        assert_eq!(points.len(), 26 * 26);
        // The gradients of these points are those of the signature: each of its 144 numbers is one of four parts of a cell's differences.
        let at = |u: usize, v: usize| points[v * 26 + u];
        let mut sums = [0.0f64; 144];
        for v in 1..25 {
            for u in 1..25 {
                let (across, down) = (at(u - 1, v) - at(u + 1, v), at(u, v - 1) - at(u, v + 1));
                let cell = ((v - 1) / 4 * 6 + (u - 1) / 4) * 4;
                for (part, value) in [across, -across, down, -down].into_iter().enumerate() {
                    sums[cell + part] += value.max(0.0);
                }
            }
        }
        let signature = hashed(&picture).photodna.unwrap().signature.0.map(f64::from);
        let mean = |all: &[f64]| all.iter().sum::<f64>() / all.len() as f64;
        let (a, b) = (mean(&sums), mean(&signature));
        let spread = |x: &[f64], m: f64| x.iter().map(|x| (x - m).powi(2)).sum::<f64>();
        let together: f64 = sums.iter().zip(&signature).map(|(x, y)| (x - a) * (y - b)).sum();
        let correlation = together / (spread(&sums, a) * spread(&signature, b)).sqrt();
        assert!(correlation > 0.8, "{name}: {correlation}");
    }
    assert!(
        server.post("/v1/hash?grid=1&algorithms=pdq", "", &holiday("hills.jpg")).is(200)["grid"].is_null()
    );
    assert!(server.post("/v1/hash?grid=x", "", b"x").problem(400, "input").contains("grid"));
}

#[test]
fn many_pictures_have_a_record_each_in_order() {
    let server = Server::start(&[]);
    let (hills, window) = (holiday("hills.jpg"), holiday("window.png"));
    let single = |key: &str, picture: &[u8]| {
        let answer = server.post(&format!("/v1/hash?id={key}"), "", picture);
        answer.json()
    };
    let expected = [single("a", &hills), single("b", b"no picture"), single("c", &window), single("d", b"")];

    let body = json!({ "pictures": [
        { "id": "a", "data": BASE64.encode(&hills) }, { "key": "b", "data": BASE64.encode(b"no picture") },
        { "id": "c", "data": BASE64.encode(&window) }, { "id": "d", "data": "" },
    ] });
    let answer = server.post("/v1/hash", "application/json", body.to_string().as_bytes());
    assert_eq!(answer.is(200)["records"].as_array().unwrap(), &expected);

    let part = |name: &str, content: &[u8]| {
        let head =
            format!("--xyz\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"f\"\r\n\r\n");
        [head.as_bytes(), content, b"\r\n"].concat()
    };
    let parts = [part("a", &hills), part("b", b"no picture"), part("c", &window), part("d", b"")];
    let form = [parts.concat(), b"--xyz--\r\n".to_vec()].concat();
    let answer = server.post("/v1/hash", "multipart/form-data; boundary=xyz", &form);
    assert_eq!(answer.is(200)["records"].as_array().unwrap(), &expected);
}

#[test]
fn a_form_may_be_as_large_as_any_request() {
    let server = Server::start(&[]);
    let part = |name: &str, content: &[u8]| {
        let head = format!("--xyz\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        [head.as_bytes(), content, b"\r\n"].concat()
    };
    let form = [part("a", &[0; 5 << 20]), part("b", &holiday("hills.jpg")), b"--xyz--\r\n".to_vec()].concat();
    let answer = server.post("/v1/hash", "multipart/form-data; boundary=xyz", &form).is(200);
    assert_eq!(
        (&answer["records"][0]["status"], &answer["records"][1]["status"]),
        (&"error".into(), &"ok".into())
    );
}

#[test]
fn a_match_says_what_was_checked() {
    let (_folder, path) = known(&["hills.jpg", "window.png"]);
    let server = Server::start(&["--gallery", &path]);
    let curl = server.post("/v1/match", "application/x-www-form-urlencoded", &holiday("hills-small.jpg"));
    let record = curl.is(200);
    assert_eq!((&record["key"], &record["matched"]), (&"-".into(), &true.into()), "{record}");
    let matches = record["matches"].as_array().unwrap();
    let algorithms: Vec<_> = matches.iter().map(|one| one["algorithm"].as_str().unwrap()).collect();
    assert_eq!(algorithms, ["photodna", "pdq"]);
    for one in matches {
        assert_eq!(
            (&one["gallery"], &one["key"], &one["label"]),
            (&"known".into(), &"hills.jpg".into(), &"A1".into())
        );
        assert_eq!(
            (&one["source"], &one["position"], &one["orientation"]),
            (&"holiday".into(), &0.into(), &"upright".into())
        );
    }
    let small = hashed(&holiday("hills-small.jpg")).photodna.unwrap().signature;
    let hills = hashed(&holiday("hills.jpg")).photodna.unwrap().signature;
    assert_eq!(matches[0]["distance"], small.distance(&hills));
    let checked = &record["checked"][0];
    assert_eq!((&checked["gallery"], &checked["entries"]), (&"known".into(), &2.into()));
    assert!(checked["version"].as_str().unwrap().len() == 8 && checked["age_s"].is_u64(), "{checked}");
    assert_eq!(record["unsearched"], json!([]));

    let other = server.post("/v1/match", "", &holiday("coast-broken.jpg")).is(200);
    assert_eq!((&other["matched"], &other["matches"]), (&false.into(), &json!([])));

    // Nothing can be said about what has no signature.
    let none = server.post("/v1/match", "", b"no picture").is(422);
    assert!(none["matched"].is_null() && none["matches"].is_null(), "{none}");
    assert_eq!(none["unsearched"], json!(["photodna: no signature", "pdq: no signature"]));

    let mirrored = holiday("hills-mirrored.jpg");
    assert_eq!(server.post("/v1/match", "", &mirrored).is(200)["matched"], false);
    let all = server.post("/v1/match?orientations=all", "", &mirrored).is(200);
    assert_eq!(all["matches"][0]["orientation"], Orientation::Mirror.name(), "{all}");
    let near = server.post("/v1/match?nearest=2&algorithms=pdq", "", &mirrored).is(200);
    assert_eq!(near["matches"].as_array().unwrap().len(), 2, "{near}");
    let strict = server.post("/v1/match?threshold=photodna:0,pdq:0", "", &holiday("hills-small.jpg")).is(200);
    assert_eq!(strict["matched"], false);
    assert!(
        server.post("/v1/match?galleries=other", "", b"x").problem(404, "not_found").contains("galleries")
    );
}

#[test]
fn a_service_without_a_gallery_never_says_that_nothing_matched() {
    let server = Server::start(&[]);
    let answer = server.post("/v1/match", "", &holiday("hills.jpg"));
    answer.problem(503, "not_ready");
    assert_eq!(answer.header("retry-after"), Some("5"));
    assert_eq!(server.get("/readyz").is(503)["reasons"][0], "no gallery is loaded");
    assert_eq!(server.get("/healthz").status, 200);
}

/// Queries for pictures, as JSON has them.
fn query(id: &str, picture: &str) -> Value {
    let hashed = hashed(&holiday(picture));
    let (photodna, pdq) = (hashed.photodna.unwrap(), hashed.pdq.unwrap());
    json!({ "key": id, "photodna": photodna.signature.to_string(), "strength": photodna.strength,
        "pdq": pdq.signature.to_string(), "quality": pdq.quality })
}

#[test]
fn signatures_are_looked_up() {
    let (_folder, path) = known(&["hills.jpg", "window.png"]);
    let server = Server::start(&["--gallery", &format!("list={path}")]);
    let mut low = query("low", "hills.jpg");
    (low["quality"], low["strength"]) = (31.into(), 12.5.into());
    let wrong = json!({ "id": "wrong", "photodna": "f8".repeat(32) });
    let body = json!({ "queries": [query("a", "hills-small.jpg"), low, wrong, query("b", "coast-broken.jpg"), { "key": "none" }],
        "galleries": ["list"], "threshold": { "photodna": 40000, "pdq": 31 } });
    let answer = server.post("/v1/lookup", "application/json", body.to_string().as_bytes()).is(200);
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.iter().map(|one| &one["key"]).collect::<Vec<_>>(), ["a", "low", "wrong", "b", "none"]);
    assert_eq!((&results[0]["status"], &results[0]["matched"]), (&"ok".into(), &true.into()));
    assert_eq!(results[0]["matches"][1]["gallery"], "list");
    assert_eq!(
        (&results[1]["matched"], &results[1]["unsearched"]),
        (&false.into(), &json!(["photodna: flat", "pdq: quality 31"]))
    );
    assert_eq!((&results[2]["status"], &results[2]["error_code"]), (&"error".into(), &"input".into()));
    let message = results[2]["error_message"].as_str().unwrap();
    assert!(message.starts_with("photodna: ") && !message.contains("f8f8"), "{message}");
    assert_eq!(results[3]["matched"], false);
    assert!(results[4]["error_message"].as_str().unwrap().contains("photodna, pdq"));
    assert_eq!(answer["checked"][0]["entries"], 2);

    let many: Vec<Value> = (0..10_000).map(query_of_number).collect();
    let body = json!({ "queries": many, "algorithms": ["pdq"] }).to_string();
    let answer = server.post("/v1/lookup", "application/json", body.as_bytes()).is(200);
    assert_eq!(answer["results"].as_array().unwrap().len(), 10_000);
    let more: Vec<Value> = (0..10_001).map(query_of_number).collect();
    let body = json!({ "queries": more }).to_string();
    assert!(
        server
            .post("/v1/lookup", "application/json", body.as_bytes())
            .problem(413, "limit")
            .contains("10000")
    );
    assert!(
        server.post("/v1/lookup", "text/plain", b"{}").problem(415, "unsupported").contains("Content-Type")
    );
    for over in [json!({"pdq": 257}), json!({"photodna": 9_363_601})] {
        let body = json!({"queries": [], "threshold": over}).to_string();
        let refused = server.post("/v1/lookup", "application/json", body.as_bytes());
        assert_eq!(refused.problem(400, "input"), "threshold: photodna must be 0 to 9363600, pdq 0 to 256");
    }
    // The letters of a type count as small ones.
    server.post("/v1/lookup", "Application/JSON; charset=utf-8", br#"{"queries":[]}"#).is(200);
    let wrong = server.post("/v1/lookup", "application/json", br#"{"queries":[],"nearest":"10"}"#);
    assert_eq!(
        wrong.problem(400, "input").split(" (").next(),
        Some("nearest: this must be a whole number from 0 on")
    );
}

/// What is packed is not the picture; without a word it would be refused as no picture.
#[test]
fn bodies_are_taken_as_they_are() {
    let server = Server::start(&[]);
    let picture = holiday("hills.jpg");
    for coding in ["gzip", "br", "Zstd", "identity, gzip"] {
        let refused = server.post_with("/v1/hash", &format!("Content-Encoding: {coding}\r\n"), &picture);
        assert!(refused.problem(415, "unsupported").starts_with("Content-Encoding: "), "{coding}");
    }
    server.post_with("/v1/hash", "Content-Encoding: Identity\r\n", &picture).is(200);
}

fn query_of_number(number: u64) -> Value {
    json!({ "pdq": format!("{number:064x}") })
}

#[test]
fn lines_are_answered_as_they_come() {
    let (folder, path) = known(&["hills.jpg"]);
    let server = Server::start(&["--gallery", &path]);
    let mut connection = server.connect();
    let head = "POST /v1/lookup?threshold=pdq:31 HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n";
    connection.send(head.as_bytes());
    let send = |connection: &mut client::Connection, text: &str| {
        assert!(connection.send(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes()));
    };
    let hit = query("a", "hills-small.jpg").to_string();
    // A line in two parts is answered once it is whole.
    send(&mut connection, &hit[..20]);
    send(&mut connection, &format!("{}\n{{\"pdq\":7}}\n", &hit[20..]));
    assert!(connection.head().starts_with("HTTP/1.1 200 "));
    let mut answers = String::new();
    let lines = |answers: &str| -> Vec<Value> {
        answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    while answers.matches('\n').count() < 3 {
        answers += std::str::from_utf8(&connection.part().unwrap()).unwrap();
    }
    let first = lines(&answers);
    assert_eq!(first[0]["checked"][0]["entries"], 1);
    assert_eq!((&first[1]["key"], &first[1]["matched"]), (&"a".into(), &true.into()));
    assert_eq!((&first[2]["status"], &first[2]["error_code"]), (&"error".into(), &"input".into()));

    // A new gallery is used by the same request, and it says so.
    gallery(&folder.path().join("known.gallery"), &["window.png", "coast-broken.jpg"]);
    server.line_with("the new file is searched");
    answers.clear();
    send(&mut connection, &hit);
    connection.send(b"0\r\n\r\n");
    while let Some(part) = connection.part() {
        answers += std::str::from_utf8(&part).unwrap();
    }
    let then = lines(&answers);
    assert_eq!(
        (then.len(), &then[0]["checked"][0]["entries"], &then[1]["matched"]),
        (2, &2.into(), &false.into())
    );
}

#[test]
fn signatures_are_compared() {
    let server = Server::start(&[]);
    let (a, b) = (hashed(&holiday("hills.jpg")), hashed(&holiday("hills-small.jpg")));
    let pdq = |hashed: &shadegrid::Hashed| hashed.pdq.as_ref().unwrap().signature;
    let body = json!({ "a": { "pdq": pdq(&a).to_string() }, "b": { "pdq": pdq(&b).to_string() } });
    let answer = server.post("/v1/compare", "application/json", body.to_string().as_bytes()).is(200);
    let distance = pdq(&a).distance(&pdq(&b));
    assert_eq!(
        answer,
        json!({ "pdq": { "distance": distance, "threshold": Algorithm::Pdq.threshold(), "matched": true } })
    );
    let body = json!({ "a": { "pdq": pdq(&a).to_string() }, "b": { "photodna": a.photodna.unwrap().signature.to_string() } });
    server.post("/v1/compare", "application/json", body.to_string().as_bytes()).problem(400, "input");
}

#[test]
fn galleries_are_listed_and_replaced() {
    let (folder, path) = known(&["hills.jpg"]);
    gallery(&folder.path().join("second.gallery"), &["window.png", "hills.jpg"]);
    let server = Server::start(&["--gallery", folder.path().to_str().unwrap()]);
    let list = server.get("/v1/galleries").is(200);
    let of = |list: &Value, at: usize| {
        (list["galleries"][at]["name"].clone(), list["galleries"][at]["entries"].clone())
    };
    assert_eq!((of(&list, 0), of(&list, 1)), (("known".into(), 1.into()), ("second".into(), 2.into())));
    assert_eq!(list["galleries"][0]["kind"], "file");

    // A damaged file changes nothing.
    let whole = std::fs::read(&path).unwrap();
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    let replace = |bytes: &[u8]| {
        std::fs::write(folder.path().join("new"), bytes).unwrap();
        std::fs::rename(folder.path().join("new"), &path).unwrap();
    };
    replace(&damaged);
    server.line_with("the old one is still searched");
    assert_eq!(server.get("/v1/galleries").is(200), {
        let mut same = list.clone();
        for at in 0..2 {
            same["galleries"][at]["age_s"] =
                server.get("/v1/galleries").is(200)["galleries"][at]["age_s"].clone();
        }
        same
    });
    assert_eq!(server.post("/v1/match?galleries=known", "", &holiday("hills.jpg")).is(200)["matched"], true);

    gallery(&folder.path().join("known.gallery"), &["window.png", "coast-broken.jpg", "hills-mirrored.jpg"]);
    server.line_with("3 entries");
    assert_eq!(server.post("/v1/match?galleries=known", "", &holiday("hills.jpg")).is(200)["matched"], false);
    gallery(&folder.path().join("third.gallery"), &["hills.jpg"]);
    server.line_with("gallery third");
    assert_eq!(server.get("/v1/galleries").is(200)["galleries"].as_array().unwrap().len(), 3);

    assert_eq!(server.post("/v1/galleries/known/reload", "", b"").status, 202);
    server.line_with("gallery known");
    server.post("/v1/galleries/none/reload", "", b"").problem(404, "not_found");
}

#[test]
fn names_of_files_that_come_later_are_checked_too() {
    let (folder, first) = known(&["hills.jpg"]);
    let data = folder.path().join("data");
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    [&one, &other].into_iter().for_each(|folder| std::fs::create_dir(folder).unwrap());
    std::fs::rename(&first, one.join("a-b.gallery")).unwrap();
    let of = |path: &Path| path.to_str().unwrap().to_string();
    let galleries = [of(&other), of(&one)];
    let server = Server::start(&[
        "--gallery",
        &galleries[0],
        "--gallery",
        &galleries[1],
        "--data",
        &of(&data),
        "--no-keys",
        "--metrics",
        "127.0.0.1:0",
    ]);
    assert_eq!(server.post("/v1/galleries", "application/json", br#"{"name":"own"}"#).status, 201);
    let entries = || {
        let list = server.get("/v1/galleries").is(200)["galleries"].clone();
        let of = |one: &Value| (one["name"].as_str().unwrap().to_string(), one["entries"].as_u64().unwrap());
        list.as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    };
    let before = entries();
    assert_eq!(before, [("a-b".to_string(), 1), ("own".to_string(), 0)]);
    // A name that is another's to HMA's clients, the very name in another folder, and names of a bank.
    for (folder, name) in [(&one, "A_B"), (&other, "a-b"), (&one, "own"), (&one, "OWN")] {
        gallery(&folder.join(format!("{name}.gallery")), &["hills.jpg", "window.png"]);
        let line = server.line_with("the new file is not searched");
        assert!(line.contains(&format!("gallery {name}:")), "{line}");
    }
    assert_eq!(entries(), before);
    // Each was said once, and is taken once its name is free.
    assert!(server.rest_of_lines().is_empty());
    let delete = b"DELETE /v1/galleries/own HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(server.connect().ask(delete).status, 200);
    server.line_with("the new file is searched, 2 entries");
    let after = entries();
    assert_eq!(after.len(), 2, "{after:?}");
    assert!(after[1].0.eq_ignore_ascii_case("own") && after[1].1 == 2, "{after:?}");
    // A file that moved has the name that it had.
    std::fs::remove_file(one.join("a-b.gallery")).unwrap();
    server.line_with("gallery a-b: the new file is searched, 2 entries");
    assert_eq!(entries()[0], ("a-b".to_string(), 2));
}

#[test]
fn what_is_found_is_held_within_the_memory_until_it_is_sent() {
    use shadegrid::Pdq;
    use shadegrid::gallery::{Entry, GalleryBuilder};

    // A picture that matches 8,000 entries, whose answer is some 7 MB: more than sockets hold.
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("many.gallery");
    let pdq: Pdq = hashed(&holiday("hills.jpg")).pdq.unwrap().signature;
    let mut builder = GalleryBuilder::new();
    let source = builder.source("list", "text");
    for number in 0..8000 {
        let key = format!("{number:0800}");
        builder.add(source, Entry::default().key(key).pdq(Some(pdq))).unwrap();
    }
    builder.create(&path).unwrap();
    // 16 MiB are for bodies and what is found for them, a sixteenth of it for small requests alone.
    let options = ["--gallery", path.to_str().unwrap(), "--memory", "64M"];
    let server = Server::start(&options);
    let picture = holiday("hills.jpg");
    let request = |path: &str, body: &[u8]| {
        let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    };
    let whole = server.post("/v1/match", "", &picture);
    let matches = whole.is(200)["matches"].as_array().unwrap().len();
    assert_eq!(matches, 8000);
    // Readers that take nothing hold what they were given, and no more: whoever comes then is refused, at once.
    let mut waiting = Vec::new();
    let refused = loop {
        assert!(waiting.len() < 20, "nobody is refused");
        let mut reader = server.connect();
        reader.send(&request("/v1/match", &picture));
        // The head is there once the answer was made, so nobody waits for anybody.
        let head = reader.head();
        match head.contains(" 200 ") {
            true => waiting.push((reader, head)),
            false => break head,
        }
    };
    assert!(refused.contains(" 503 ") && refused.contains("retry-after"), "{refused}");
    assert!(!waiting.is_empty());
    println!("{} answers of {} bytes are held", waiting.len(), whole.body.len());
    let look_up = |queries: usize| {
        let query = serde_json::json!({ "pdq": pdq.to_string() });
        let body = serde_json::json!({ "queries": vec![query; queries] }).to_string();
        server.post("/v1/lookup", "application/json", body.as_bytes())
    };
    look_up(1).problem(503, "overloaded");
    // What finds little is answered meanwhile.
    assert_eq!(server.post("/v1/match", "", &holiday("window.png")).is(200)["matched"], false);
    assert_eq!(server.post("/v1/hash", "", &picture).status, 200);
    drop(waiting);
    let began = std::time::Instant::now();
    while look_up(1).status != 200 {
        assert!(began.elapsed() < client::PATIENCE, "what was held is not given back");
    }
    // Many pictures that match many entries each are too much by themselves.
    let data = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &picture);
    let pictures = vec![serde_json::json!({ "data": data }); 13];
    let body = serde_json::json!({ "pictures": pictures }).to_string();
    server.post("/v1/match", "application/json", body.as_bytes()).problem(413, "limit");
}

#[test]
fn the_description_names_every_path() {
    let (_folder, path) = known(&["hills.jpg"]);
    let server = Server::start(&["--gallery", &path]);
    let description = server.get("/v1/openapi.json").is(200);
    assert_eq!(description["openapi"], "3.1.0");
    assert_eq!(description["info"]["version"], "1");
    let paths = description["paths"].as_object().unwrap();
    let mut asked = 0;
    for (path, methods) in paths {
        let path = path.replace("{name}", "known").replace("{id}", "1");
        for method in methods.as_object().unwrap().keys() {
            let head =
                format!("{} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", method.to_uppercase());
            let answer = server.connect().ask(head.as_bytes());
            assert!(![404, 405].contains(&answer.status), "{method} {path}: {}", answer.text());
            assert!(methods[method]["responses"].as_object().is_some_and(|all| !all.is_empty()), "{path}");
            asked += 1;
        }
        let head = format!("PATCH {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
        server.connect().ask(head.as_bytes()).problem(405, "method");
    }
    assert!(asked >= 14, "only {asked}");
    server.get("/v1/none").problem(404, "not_found");
    // Every reference leads somewhere.
    let text = description.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(description.pointer(reference).is_some(), "{reference}");
    }
}

#[test]
fn a_page_shows_it() {
    let server = Server::start(&[]);
    let page = server.get("/");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let text = page.text();
    // Nothing within the page that the policy would not run, and nothing from elsewhere.
    assert!(!text.contains("://") && !text.contains("style=") && !text.contains("onclick"));
    let linked: Vec<&str> = text
        .split([' ', '>'])
        .filter_map(|word| word.strip_prefix("href=\"").or(word.strip_prefix("src=\"")))
        // An empty icon, so that the browser asks for none.
        .filter(|path| !path.starts_with("data:"))
        .collect();
    assert_eq!(linked.len(), 3, "{linked:?}");
    for path in linked {
        let answer = server.get(path.trim_end_matches('"'));
        assert_eq!(answer.status, 200, "{path}");
        // What the script looks for is in the page.
        for id in answer.text().split("$(\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(text.contains(&format!("id=\"{id}\"")), "{id}");
        }
    }
    // The thresholds that it shows are the library's.
    let script = server.get("/page.js").text();
    for algorithm in [Algorithm::PhotoDna, Algorithm::Pdq] {
        let shown = format!("{}: {}", algorithm.name(), algorithm.threshold());
        assert!(script.contains(&shown), "{shown}");
    }
}

#[test]
fn a_deadline_is_kept() {
    let server = Server::start(&[]);
    let late = server.post_with("/v1/hash", "Request-Timeout: 0\r\n", &holiday("hills.jpg"));
    late.problem(504, "deadline");
    server.post_with("/v1/hash", "Request-Timeout: soon\r\n", &holiday("hills.jpg")).problem(400, "input");
    assert_eq!(server.post_with("/v1/hash", "Priority: u=7\r\n", &holiday("hills.jpg")).status, 200);
    let began = Instant::now();
    assert_eq!(server.get("/healthz").status, 200);
    assert!(began.elapsed() < Duration::from_secs(5));
}

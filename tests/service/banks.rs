//! Banks: galleries that change over the network.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::client::{Answer, Connection, Server, hashed, holiday};
use super::known;

/// A service that keeps banks and asks for no key.
fn start(folder: &TempDir, arguments: &[&str]) -> Server {
    let data = folder.path().join("data");
    Server::start(&[&["--data", data.to_str().unwrap(), "--no-keys"], arguments].concat())
}

fn send(server: &Server, method: &str, path: &str, body: &Value) -> Answer {
    send_to(server.address, method, path, body)
}

fn send_to(address: SocketAddr, method: &str, path: &str, body: &Value) -> Answer {
    let body = body.to_string();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    Connection::to(address).ask(head.as_bytes())
}

fn entry(key: &str, picture: &str) -> Value {
    let hashed = hashed(&holiday(picture));
    let pdq = hashed.pdq.unwrap();
    json!({ "key": key, "label": "A1", "photodna": hashed.photodna.unwrap().signature.to_string(),
        "pdq": pdq.signature.to_string(), "quality": pdq.quality })
}

/// A PDQ signature that looks as if it came from a picture, and is far from others.
fn pdq(number: u64) -> String {
    let half = (0..16u64).map(|at| {
        (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (at % 8 * 8)) as u8 ^ (at as u8).wrapping_mul(37)
    });
    let half: Vec<u8> = half.collect();
    let all: Vec<u8> = half.iter().copied().chain(half.iter().map(|byte| !byte)).collect();
    all.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The ids of the entries that a signature matches.
fn found(address: SocketAddr, pdq: &str) -> Vec<u64> {
    let body = json!({ "queries": [{ "pdq": pdq }], "threshold": { "pdq": 0 } });
    let answer = send_to(address, "POST", "/v1/lookup", &body).is(200);
    let matches = answer["results"][0]["matches"].as_array().unwrap().clone();
    matches.iter().map(|one| one["position"].as_u64().unwrap()).collect()
}

#[test]
fn what_is_added_is_visible_at_once_and_stays() {
    let folder = TempDir::new().unwrap();
    let server = start(&folder, &[]);
    assert_eq!(send(&server, "POST", "/v1/galleries", &json!({ "name": "own" })).is(201)["kind"], "bank");
    send(&server, "POST", "/v1/galleries", &json!({ "name": "own" })).problem(409, "conflict");
    for wrong in ["", "a b", "a/b", &"a".repeat(65)] {
        send(&server, "POST", "/v1/galleries", &json!({ "name": wrong })).problem(400, "input");
    }
    assert_eq!(server.post("/v1/match", "", &holiday("hills.jpg")).is(200)["matched"], false);
    let flat = json!({ "pdq": "0".repeat(64) });
    let entries = json!({ "entries": [entry("a", "hills.jpg"), flat, entry("b", "window.png")] });
    let added = send(&server, "POST", "/v1/galleries/own/entries", &entries).is(200);
    assert_eq!(added, json!({ "ids": [1, 2], "quarantined": [{ "index": 1, "reason": "low-information" }] }));
    let record = server.post("/v1/match", "", &holiday("hills-small.jpg")).is(200);
    assert_eq!((&record["matches"][0]["key"], &record["matches"][0]["position"]), (&"a".into(), &1.into()));
    assert_eq!(record["checked"][0]["entries"], 2);

    // The same after the process was killed.
    drop(server);
    let server = start(&folder, &[]);
    let list = server.get("/v1/galleries").is(200);
    assert_eq!(
        (&list["galleries"][0]["kind"], &list["galleries"][0]["entries"]),
        (&"bank".into(), &2.into())
    );
    assert_eq!(server.post("/v1/match", "", &holiday("hills-small.jpg")).is(200)["matches"][0]["key"], "a");

    let path = "/v1/galleries/own/entries/1";
    let later = json!({ "disable_until": "2099-01-01T00:00:00Z", "note": "looked at" });
    assert_eq!(send(&server, "PUT", path, &later).is(200), json!({ "changed": 1 }));
    assert_eq!(server.post("/v1/match", "", &holiday("hills.jpg")).is(200)["matched"], false);
    assert_eq!(send(&server, "PUT", path, &json!({ "note": "only a note" })).status, 200);
    assert_eq!(server.post("/v1/match", "", &holiday("hills.jpg")).is(200)["matched"], false);
    assert_eq!(send(&server, "PUT", path, &json!({ "disable_until": null })).status, 200);
    assert_eq!(server.post("/v1/match", "", &holiday("hills.jpg")).is(200)["matched"], true);
    for wrong in [json!({ "disable_until": "soon" }), json!({ "disable_until": 7 }), json!({ "other": 1 })] {
        send(&server, "PUT", path, &wrong).problem(400, "input");
    }
    assert_eq!(send(&server, "DELETE", path, &json!(null)).is(200), json!({ "deleted": 1 }));
    assert_eq!(server.post("/v1/match", "", &holiday("hills.jpg")).is(200)["matched"], false);
    send(&server, "DELETE", path, &json!(null)).problem(404, "not_found");
    assert_eq!(server.post("/v1/match", "", &holiday("window.png")).is(200)["matched"], true);
    assert_eq!(send(&server, "DELETE", "/v1/galleries/own", &json!(null)).status, 200);
    send(&server, "POST", "/v1/galleries/own/entries", &entries).problem(404, "not_found");
    // An id is never given twice.
    send(&server, "POST", "/v1/galleries", &json!({ "name": "own" })).is(201);
    assert_eq!(send(&server, "POST", "/v1/galleries/own/entries", &entries).is(200)["ids"], json!([3, 4]));
}

#[test]
fn wrong_entries_change_nothing() {
    let folder = TempDir::new().unwrap();
    let (_files, path) = known(&["hills.jpg"]);
    let server = start(&folder, &["--gallery", &path]);
    send(&server, "POST", "/v1/galleries", &json!({ "name": "own" })).is(201);
    send(&server, "POST", "/v1/galleries", &json!({ "name": "known" })).problem(409, "conflict");
    let add = |entry: Value| {
        send(&server, "POST", "/v1/galleries/own/entries", &json!({ "entries": [{ "pdq": pdq(1) }, entry] }))
    };
    for (wrong, named) in [
        (json!({}), "entries[1].photodna, pdq"),
        (json!({ "pdq": "00" }), "entries[1].pdq"),
        (json!({ "photodna": "x" }), "entries[1].photodna"),
        (json!({ "pdq": pdq(2), "quality": 101 }), "entries[1].quality"),
        (json!({ "pdq": pdq(2), "quality": 1000 }), "entries[1].quality"),
        (json!({ "pdq": pdq(2), "other": 1 }), "unknown field other"),
        (json!(7), "entries[1]"),
    ] {
        let detail = add(wrong).problem(400, "input");
        assert!(detail.contains(named), "{named}: {detail}");
    }
    assert_eq!(server.get("/v1/galleries").is(200)["galleries"][1]["entries"], 0);
    let entries = json!({ "entries": [{ "pdq": pdq(1) }] });
    send(&server, "POST", "/v1/galleries/known/entries", &entries).problem(409, "read_only");
    send(&server, "DELETE", "/v1/galleries/known", &json!(null)).problem(409, "read_only");
    send(&server, "POST", "/v1/galleries/own/reload", &json!(null)).problem(409, "bank");
    let bare = Server::start(&["--gallery", &path]);
    send(&bare, "POST", "/v1/galleries", &json!({ "name": "own" })).problem(409, "no_banks");
}

#[test]
fn every_change_that_was_answered_survives_a_kill() {
    let folder = TempDir::new().unwrap();
    let mut answered: Vec<(u64, String)> = Vec::new();
    let mut number = 0;
    for round in 0..8 {
        let server = start(&folder, &[]);
        if round == 0 {
            send(&server, "POST", "/v1/galleries", &json!({ "name": "own" })).is(201);
        }
        for (id, pdq) in &answered {
            assert_eq!(found(server.address, pdq), [*id], "round {round}");
        }
        let (address, id) = (server.address, server.id());
        let added = std::thread::spawn(move || {
            let mut added = Vec::new();
            for at in number..number + 1000 {
                let body = json!({ "entries": [{ "pdq": pdq(at) }] }).to_string();
                let head = format!(
                    "POST /v1/galleries/own/entries HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                );
                let mut connection = match std::net::TcpStream::connect(address) {
                    Ok(_) => Connection::to(address),
                    Err(_) => break,
                };
                connection.send(head.as_bytes());
                let Some(answer) = connection.answer() else { break };
                added.push((answer.is(200)["ids"][0].as_u64().unwrap(), pdq(at)));
            }
            added
        });
        std::thread::sleep(std::time::Duration::from_millis(60 + 37 * round));
        assert!(std::process::Command::new("kill").args(["-9", &id.to_string()]).status().unwrap().success());
        answered.extend(added.join().unwrap());
        number += 1000;
    }
    println!("{} changes were answered before 8 kills, all are there", answered.len());
    assert!(answered.len() >= 16, "only {}", answered.len());
}

#[test]
fn many_changes_are_seen_by_look_ups_under_load() {
    let folder = TempDir::new().unwrap();
    let server = start(&folder, &[]);
    send(&server, "POST", "/v1/galleries", &json!({ "name": "own" })).is(201);
    let (done, asked, address) = (AtomicBool::new(false), AtomicU64::new(0), server.address);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                assert!(found(address, &pdq(u64::MAX)).is_empty());
                asked.fetch_add(1, Ordering::Relaxed);
            }
        });
        let mut ids: Vec<u64> = Vec::new();
        for number in 0..150u64 {
            // Batches of many sizes, so that parts are joined in many ways.
            let batch: Vec<Value> =
                (0..number % 7 + 1).map(|at| json!({ "pdq": pdq(number * 10 + at) })).collect();
            let added =
                send(&server, "POST", "/v1/galleries/own/entries", &json!({ "entries": batch })).is(200);
            assert_eq!(added["quarantined"], json!([]), "{number}");
            ids.push(added["ids"][0].as_u64().unwrap());
            assert_eq!(found(server.address, &pdq(number * 10)), [ids[number as usize]]);
            if number % 5 == 4 {
                let of = number / 2;
                let path = format!("/v1/galleries/own/entries/{}", ids[of as usize]);
                assert_eq!(send(&server, "DELETE", &path, &json!(null)).is(200)["deleted"], 1);
                assert!(found(server.address, &pdq(of * 10)).is_empty());
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    println!("{} look-ups meanwhile", asked.load(Ordering::Relaxed));
    assert!(asked.load(Ordering::Relaxed) >= 50);
}

/// A server with banks and the HMA face, and the face's address.
fn hma(folder: &TempDir) -> (Server, SocketAddr) {
    let server = start(folder, &["--hma", "127.0.0.1:0"]);
    let address = server.line_with("HMA's clients").split("http://").nth(1).unwrap().parse().unwrap();
    (server, address)
}

#[test]
fn clients_of_hma_keep_banks() {
    let folder = TempDir::new().unwrap();
    let (_server, at) = hma(&folder);
    let ask = |method: &str, path: &str, body: Value| send_to(at, method, path, &body);
    assert_eq!(
        ask("POST", "/c/banks", json!({ "name": "B", "enabled_ratio": "0.5" })).is(201),
        json!({ "name": "B", "matching_enabled_ratio": 0.5 })
    );
    assert_eq!(ask("POST", "/c/banks", json!({ "name": "B" })).is(403)["message"], "Bank already exists");
    for wrong in [
        json!({ "name": "b" }),
        json!({ "name": "1B" }),
        json!({}),
        json!({ "name": "C", "enabled_ratio": 2 }),
        json!([]),
    ] {
        assert_eq!(ask("POST", "/c/banks", wrong).status, 400);
    }
    assert_eq!(
        ask("PUT", "/c/bank/B", json!({ "name": "BANK_A", "enabled": "true" })).is(200),
        json!({ "name": "BANK_A", "matching_enabled_ratio": 1.0 })
    );
    assert_eq!(ask("GET", "/c/bank/B", json!(null)).status, 404);

    let hills = hashed(&holiday("hills.jpg")).pdq.unwrap().signature.to_string();
    let signal = ask("POST", "/c/bank/BANK_A/signal", json!({ "pdq": hills, "note": "by hand" }));
    assert_eq!(signal.is(200), json!({ "id": 1, "signals": { "pdq": hills } }));
    for wrong in [json!({}), json!({ "pdq": "00" }), json!({ "md5": "00" }), json!([])] {
        assert_eq!(ask("POST", "/c/bank/BANK_A/signal", wrong).status, 400);
    }
    assert_eq!(ask("POST", "/c/bank/NONE/signal", json!({ "pdq": hills })).status, 404);
    let window = holiday("window.png");
    let metadata = ("metadata", r#"{"content_id":"7"}"#);
    let added = upload(at, "/c/bank/BANK_A/content", &window, &[metadata, ("note", "by a person")]).is(200);
    let pdq = hashed(&window).pdq.unwrap().signature.to_string();
    assert_eq!(added, json!({ "id": 2, "signals": { "pdq": pdq } }));

    let lookup = |signal: &str, more: &str| {
        ask("GET", &format!("/m/lookup?signal_type=pdq&signal={signal}{more}"), json!(null)).is(200)
    };
    let hit = |id: u64| json!({ "BANK_A": [{ "bank_content_id": id, "distance": "0" }] });
    assert_eq!((lookup(&hills, ""), lookup(&pdq, "")), (hit(1), hit(2)));
    let content = ask("GET", "/c/bank/BANK_A/content/2?include_signals=true", json!(null)).is(200);
    let bank = json!({ "name": "BANK_A", "matching_enabled_ratio": 1.0 });
    assert_eq!(
        content,
        json!({ "id": 2, "disable_until_ts": 1, "original_media_uri": null, "bank": bank, "note": "by a person", "signals": { "pdq": pdq },
            "metadata": { "collab": null, "content_id": "7", "content_uri": null, "json": null } })
    );
    let plain = ask("GET", "/c/bank/BANK_A/content/2?include_metadata=false", json!(null)).is(200);
    assert!(plain.get("metadata").is_none() && plain.get("signals").is_none(), "{plain}");
    let changed = ask("PUT", "/c/bank/BANK_A/content/2", json!({ "note": null })).is(200);
    assert_eq!((&changed["note"], &changed["user_metadata"]["content_id"]), (&json!(null), &json!("7")));
    assert!(ask("GET", "/c/bank/BANK_A/content/2", json!(null)).is(200).get("note").is_none());

    assert_eq!(
        ask("PUT", "/c/bank/BANK_A/content/1", json!({ "disable_until_ts": "0" })).is(200)["disable_until_ts"],
        0
    );
    assert_eq!(lookup(&hills, ""), json!({}));
    assert_eq!(
        ask("PUT", "/c/bank/BANK_A/content/1", json!({ "disable_until_ts": true })).is(200)["disable_until_ts"],
        1
    );
    assert_eq!(lookup(&hills, ""), hit(1));
    for wrong in [
        json!({ "disable_until_ts": -1 }),
        json!({ "disable_until_ts": 99_999_999_999i64 }),
        json!({ "disable_until_ts": "x" }),
    ] {
        assert_eq!(ask("PUT", "/c/bank/BANK_A/content/1", wrong).status, 400);
    }
    assert_eq!(ask("PUT", "/c/bank/BANK_A/content/99", json!({})).status, 404);

    // A share of the look-ups, by the seed.
    ask("PUT", "/c/bank/BANK_A", json!({ "enabled_ratio": 0.5 })).is(200);
    let taken = (0..200).filter(|seed| lookup(&hills, &format!("&seed={seed}")) != json!({})).count();
    assert!((60..140).contains(&taken), "{taken} of 200");
    assert_eq!(lookup(&hills, "&seed=3"), lookup(&hills, "&seed=3"));
    assert_eq!(lookup(&hills, "&bypass_coinflip=true"), hit(1));
    // What says nothing changes nothing.
    ask("PUT", "/c/bank/BANK_A", json!({ "enabled": null, "enabled_ratio": null })).is(200);
    assert_eq!(ask("GET", "/c/bank/BANK_A", json!(null)).is(200)["matching_enabled_ratio"], 0.5);
    assert_eq!(ask("PUT", "/c/bank/BANK_A", json!({ "enabled": "maybe" })).status, 400);
    ask("PUT", "/c/bank/BANK_A", json!({ "enabled": "no" })).is(200);
    assert_eq!(lookup(&hills, "&seed=3"), json!({}));
    // The index as it is knows no shares.
    let raw = |more: &str| {
        let path = format!("/m/raw_lookup?signal_type=pdq&signal={hills}{more}");
        ask("GET", &path, json!(null)).is(200)
    };
    assert_eq!(raw(""), json!({ "matches": [1] }));
    // Banks that there are none of match nothing.
    for (banks, found) in
        [("NONE", json!([])), ("BANK_A,NONE", json!([1])), ("bank_a", json!([])), (",", json!([]))]
    {
        assert_eq!(raw(&format!("&banks={banks}")), json!({ "matches": found }), "{banks}");
    }
    assert_eq!(lookup(&hills, "&banks=NONE"), json!({}));
    for wrong in ["&include_distance=banana", "&include_distance="] {
        let path = format!("/m/raw_lookup?signal_type=pdq&signal={hills}{wrong}");
        assert_eq!(ask("GET", &path, json!(null)).status, 400, "{wrong}");
    }
    assert_eq!(raw("&include_distance=on")["matches"][0]["distance"], "0");

    assert_eq!(ask("DELETE", "/c/bank/BANK_A/content/x", json!(null)).status, 404);
    assert_eq!(ask("DELETE", "/c/bank/BANK_A/content/1", json!(null)).is(200), json!({ "deleted": 1 }));
    assert_eq!(ask("DELETE", "/c/bank/BANK_A/content/1", json!(null)).is(200), json!({ "deleted": 0 }));
    assert_eq!(ask("DELETE", "/c/bank/BANK_A", json!(null)).is(200), json!({ "message": "Done" }));
    assert_eq!(ask("DELETE", "/c/bank/BANK_A", json!(null)).is(200), json!({ "message": "Done" }));
    assert_eq!(ask("GET", "/c/banks", json!(null)).is(200), json!([]));
}

/// A form with a file and other fields.
fn upload(at: SocketAddr, path: &str, file: &[u8], fields: &[(&str, &str)]) -> Answer {
    let mut form = b"--x\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"f\"\r\n\r\n".to_vec();
    form.extend(file);
    for (name, value) in fields {
        form.extend(
            format!("\r\n--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}").bytes(),
        );
    }
    form.extend(b"\r\n--x--\r\n");
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: {}\r\n\r\n",
        form.len()
    );
    Connection::to(at).ask(&[head.as_bytes(), &form].concat())
}

#[test]
fn forms_of_hma_have_a_file_and_other_fields() {
    let folder = TempDir::new().unwrap();
    let (_server, at) = hma(&folder);
    // Banks can be made, so clients that wait for the status go on.
    assert_eq!(send_to(at, "GET", "/status", &json!(null)).text(), "I-AM-ALIVE");
    send_to(at, "POST", "/c/banks", &json!({ "name": "B" })).is(201);
    let window = holiday("window.png");
    let pdq = hashed(&window).pdq.unwrap().signature.to_string();
    assert_eq!(
        upload(at, "/h/hash", &window, &[("note", "x"), ("other", "y")]).is(200),
        json!({ "pdq": pdq })
    );
    assert_eq!(upload(at, "/m/lookup", &window, &[("note", "x")]).is(200), json!({ "pdq": {} }));
    let long = "n".repeat(256);
    for (path, fields) in [
        ("/c/bank/B/content", vec![("metadata", "no json")]),
        ("/c/bank/B/content", vec![("metadata", r#"{"other":5}"#)]),
        ("/c/bank/B/content", vec![("note", long.as_str())]),
        ("/c/bank/B/content?types=", vec![]),
        ("/c/bank/B/content?types=xyz", vec![]),
        ("/h/hash?types=", vec![]),
    ] {
        assert_eq!(upload(at, path, &window, &fields).status, 400, "{path} {fields:?}");
    }
    assert_eq!(upload(at, "/c/bank/B/content", &window, &[("metadata", "{}")]).is(200)["id"], 1);
    assert!(send_to(at, "GET", "/c/bank/B/content/1", &json!(null)).is(200).get("metadata").is_none());
    let second =
        format!("{}\r\n--x\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"g\"\r\n\r\ny", "x");
    assert_eq!(upload(at, "/h/hash", second.as_bytes(), &[]).status, 400);
}

#[test]
fn names_that_are_one_to_clients_of_hma_are_one() {
    let folder = TempDir::new().unwrap();
    let (server, at) = hma(&folder);
    send(&server, "POST", "/v1/galleries", &json!({ "name": "lower-case" })).is(201);
    assert_eq!(send_to(at, "GET", "/c/banks", &json!(null)).is(200)[0]["name"], "LOWER_CASE");
    assert_eq!(send_to(at, "POST", "/c/banks", &json!({ "name": "LOWER_CASE" })).status, 403);
}

#[test]
fn no_answer_is_without_end() {
    let folder = TempDir::new().unwrap();
    let server = start(&folder, &[]);
    let json = "application/json";
    server.post("/v1/galleries", json, br#"{"name":"own"}"#).is(201);
    let mut random = 1u64;
    let mut pdq = || {
        let words = (0..4).map(|_| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            format!("{:016x}", random.rotate_left(29).wrapping_mul(0x9e37_79b9_7f4a_7c15))
        });
        words.collect::<String>()
    };
    let entries: Vec<Value> = (0..8000).map(|key| json!({ "key": key.to_string(), "pdq": pdq() })).collect();
    let added = server
        .post("/v1/galleries/own/entries", json, json!({ "entries": entries }).to_string().as_bytes())
        .is(200);
    let left_out = added["quarantined"].as_array().unwrap();
    let taken = |at: &usize| left_out.iter().all(|one| one["index"] != *at);
    let query = entries[(0..entries.len()).find(taken).unwrap()]["pdq"].clone();
    let count = added["ids"].as_array().unwrap().len();
    assert!(count > 2100, "{count}");
    let ask = |queries: usize, more: Value| {
        let queries: Vec<Value> = (0..queries).map(|_| json!({ "pdq": query })).collect();
        let mut body = json!({ "queries": queries, "quality_min": 0 });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        server.post("/v1/lookup", json, body.to_string().as_bytes())
    };
    for more in
        [json!({ "threshold": { "pdq": 256 } }), json!({ "threshold": { "pdq": 256 }, "nearest": 5000 })]
    {
        let detail = ask(400, more.clone()).problem(413, "limit");
        assert!(detail.contains("100000 matches"), "{detail}");
        assert_eq!(ask(2, more).is(200)["results"][1]["matches"].as_array().unwrap().len(), count);
    }
    assert_eq!(ask(400, json!({})).is(200)["results"][399]["matches"].as_array().unwrap().len(), 1);
    // Lines that have many matches together are answered in several steps, and one that has too many by itself has an error of its own.
    let line = format!("{}\n", json!({ "pdq": query }));
    let answers = |path: &str| {
        let answer = server.post(path, "application/x-ndjson", line.repeat(40).as_bytes());
        let lines: Vec<Value> =
            answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 41);
        lines
    };
    let lines = answers("/v1/lookup?threshold=pdq:256&quality_min=0");
    assert!(lines[1..].iter().all(|line| line["error_code"] == "limit"), "{}", lines[1]);
    let lines = answers("/v1/lookup?threshold=pdq:256&quality_min=0&nearest=600");
    assert!(lines[1..].iter().all(|line| line["matches"].as_array().unwrap().len() == 600), "{}", lines[1]);
    // Texts of entries have a limit too.
    for (name, most) in [("key", 1 << 10), ("label", 1 << 10), ("note", 64 << 10)] {
        for (length, status) in [(most, 200), (most + 1, 400)] {
            let mut entry = json!({ "pdq": query });
            entry[name] = "a".repeat(length).into();
            let body = json!({ "entries": [entry] }).to_string();
            let answer = server.post("/v1/galleries/own/entries", json, body.as_bytes());
            assert_eq!(answer.status, status, "{name} {length}: {}", answer.text());
        }
    }
}

//! Keys, TLS and configuration.

use std::path::Path;
use std::process::{Command, Output};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::client::{Connection, Server, holiday};
use super::known;

fn shadegrid(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_shadegrid")).args(arguments).output().unwrap()
}

/// A new key with these options.
fn add(data: &str, options: &[&str]) -> String {
    let output = shadegrid(&[&["key", "add", "--data", data], options].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_string()
}

fn folder() -> (TempDir, String) {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data").to_str().unwrap().to_string();
    (folder, data)
}

/// Asks again until the service has seen a change of its keys.
fn until_status(wanted: u16, ask: impl Fn() -> u16) {
    let began = std::time::Instant::now();
    while ask() != wanted {
        assert!(began.elapsed() < super::client::PATIENCE, "never {wanted}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn keys_open_what_they_may_and_no_more() {
    let (_folder, data) = folder();
    let (_galleries, path) = known(&["hills.jpg"]);
    let server = Server::start(&[
        "--gallery",
        &path,
        "--gallery",
        &format!("secret={path}"),
        "--data",
        &data,
        "--hma",
        "127.0.0.1:0",
        "--log",
        "json",
    ]);
    let picture = holiday("hills.jpg");
    let ask =
        |path: &str, key: &str| server.post_with(path, &format!("Authorization: Bearer {key}\r\n"), &picture);
    let refused = server.post("/v1/hash", "", &picture);
    assert!(refused.problem(401, "key").contains("Bearer"));
    assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    assert_eq!(
        (server.get("/healthz").status, server.get("/readyz").status, server.get("/v1/openapi.json").status),
        (200, 200, 200)
    );

    let hash = add(&data, &["--scope", "hash", "--name", "uploads"]);
    until_status(200, || ask("/v1/hash", &hash).status);
    // The letters of a scheme count as small ones; another scheme is none.
    let of = |scheme: &str| {
        server.post_with("/v1/hash", &format!("Authorization: {scheme} {hash}\r\n"), &picture).status
    };
    assert_eq!(["bearer", "BEARER", "Bearer ", "Token"].map(of), [200, 200, 200, 401]);
    assert!(ask("/v1/match", &hash).problem(403, "scope").contains("match"));
    let last = if hash.ends_with('0') { '1' } else { '0' };
    let wrong = format!("{}{last}", &hash[..hash.len() - 1]);
    for wrong in [wrong.as_str(), "sg_", "", "sg_000000000000_00", "x"] {
        ask("/v1/hash", wrong).problem(401, "key");
    }

    let some = add(&data, &["--scope", "match,galleries:read", "--gallery", "known"]);
    until_status(200, || ask("/v1/match", &some).status);
    let record = ask("/v1/match", &some).is(200);
    let checked: Vec<&str> =
        record["checked"].as_array().unwrap().iter().map(|one| one["gallery"].as_str().unwrap()).collect();
    assert_eq!(checked, ["known"]);
    ask("/v1/match?galleries=secret", &some).problem(404, "not_found");
    let list = server.connect().ask(
        format!("GET /v1/galleries HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {some}\r\n\r\n").as_bytes(),
    );
    assert_eq!(list.is(200)["galleries"].as_array().unwrap().len(), 1);

    // Clients of the other faces send their keys in other ways.
    let photodna = "/photodna/v1.0/Match";
    assert_eq!(server.post(photodna, "", &picture).is(401)["statusCode"], 401);
    assert_eq!(
        server.post_with(photodna, &format!("Ocp-Apim-Subscription-Key: {some}\r\n"), &picture).is(200)["IsMatch"],
        true
    );
    assert_eq!(
        server.post(&format!("{photodna}?subscription-key={some}"), "", &picture).is(200)["IsMatch"],
        true
    );
    let hma = server.rest_of_lines().into_iter().find(|line| line.contains("\"listening\""));
    assert!(hma.is_none(), "it was read at the start");

    let rated = add(&data, &["--scope", "admin", "--rate", "1"]);
    until_status(200, || ask("/v1/hash", &rated).status);
    let over = ask("/v1/hash", &rated);
    over.problem(429, "rate");
    assert_eq!(over.header("retry-after"), Some("1"));

    let none = shadegrid(&["key", "add", "--data", &data, "--scope", "admin", "--days", "0"]);
    assert!(!none.status.success() && String::from_utf8_lossy(&none.stderr).contains("--days"));
    let ended = add(&data, &["--scope", "admin", "--days", "1"]);
    let ended_id = ended.split('_').nth(1).unwrap();
    assert!(shadegrid(&["key", "revoke", "--data", &data, ended_id]).status.success());
    until_status(401, || ask("/v1/hash", &ended).status);
    let id = hash.split('_').nth(1).unwrap();
    assert!(shadegrid(&["key", "revoke", "--data", &data, id]).status.success());
    until_status(401, || ask("/v1/hash", &hash).status);
    ask("/v1/hash", &ended).problem(401, "key");
    assert_eq!(shadegrid(&["key", "revoke", "--data", &data, "none"]).status.code(), Some(1));

    let listed = String::from_utf8(shadegrid(&["key", "list", "--data", &data]).stdout).unwrap();
    let lines: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let valid: Vec<bool> = lines.iter().map(|line| line["valid"].as_bool().unwrap()).collect();
    assert_eq!((lines.len(), valid.iter().filter(|valid| **valid).count()), (4, 2), "{listed}");
    let secrets = [&hash, &some, &rated, &ended].map(|key| key.split('_').nth(2).unwrap().to_string());
    let log = server.rest_of_lines().join("\n");
    assert!(secrets.iter().all(|secret| !listed.contains(secret) && !log.contains(secret)));
    let second = shadegrid(&["serve", "--listen", "127.0.0.1:0", "--data", &data]);
    assert!(String::from_utf8_lossy(&second.stderr).contains("another service"));
}

#[test]
fn small_faces_take_keys_in_their_own_ways() {
    let (_folder, data) = folder();
    let key = add(&data, &["--scope", "match"]);
    let narrow = add(&data, &["--scope", "hash"]);
    let (_galleries, path) = known(&["hills.jpg"]);
    let server = Server::start(&["--gallery", &path, "--data", &data, "--log", "json"]);
    let picture = holiday("hills.jpg");
    let basic = |key: &str| format!("Authorization: Basic {}\r\n", BASE64.encode(format!("admin:{key}")));
    let (shield, abyss) = ("/shield/v1/media/", "/xrpc/com.atproto.unspecced.scanBlob?did=did:plc:abc");
    for path in [shield, abyss] {
        assert_eq!(server.post_with(path, &basic(&key), &picture).status, 200, "{path}");
        let refused = server.post(path, "", &picture);
        assert_eq!(
            (refused.status, refused.header("www-authenticate")),
            (401, Some("Basic realm=\"shadegrid\""))
        );
        for (headers, status) in [
            (basic("sg_a_b"), 401),
            (basic(""), 401),
            (basic(&narrow), 403),
            (format!("Authorization: Bearer {key}\r\n"), 401),
            ("Authorization: Basic %\r\n".to_string(), 401),
        ] {
            assert_eq!(server.post_with(path, &headers, &picture).status, status, "{path}");
        }
    }
    assert!(server.post(shield, "", &picture).is(401)["detail"].as_str().unwrap().contains("Basic"));
    assert_eq!(server.post(abyss, "", &picture).is(401)["error"], "key");
    // A hash is looked up by a key for that alone.
    assert_eq!(server.post_with("/shield/v1/pdq/", &basic(&key), b"{\"hashes\":[]}").status, 403);
    assert_eq!(server.post(&format!("/hooks/pict-rs/{key}"), "", &picture).status, 422);
    assert_eq!(server.post(&format!("/hooks/pict-rs/{narrow}"), "", &picture).status, 403);
    assert_eq!(server.post("/hooks/pict-rs/sg_a_b", "", &picture).status, 401);
    let log = server.rest_of_lines().join("\n");
    assert!(log.contains("/hooks/pict-rs/{token}") && !log.contains(key.split('_').nth(2).unwrap()), "{log}");
}

#[test]
fn a_key_can_be_kept_from_distances_and_to_the_bulk_lane() {
    let (_folder, data) = folder();
    let key = add(&data, &["--scope", "match,lookup", "--no-distances", "--bulk"]);
    let open = add(&data, &["--scope", "match,lookup"]);
    let listed = String::from_utf8(shadegrid(&["key", "list", "--data", &data]).stdout).unwrap();
    let listed: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let said: Vec<_> = listed
        .iter()
        .map(|line| (line["distances"].as_str().unwrap(), line["lane"].as_str().unwrap()))
        .collect();
    assert!(said.contains(&("none", "bulk")) && said.contains(&("exact", "interactive")), "{said:?}");
    let (_galleries, path) = known(&["hills.jpg"]);
    let server = Server::start(&["--gallery", &path, "--data", &data, "--hma", "127.0.0.1:0"]);
    let hma = server.line_with("HMA's clients").split("http://").nth(1).unwrap().parse().unwrap();
    let picture = holiday("hills-small.jpg");
    let ask = |path: &str, key: &str, kind: &str, body: &[u8]| {
        let headers = format!(
            "Authorization: Bearer {key}\r\nOcp-Apim-Subscription-Key: {key}\r\nContent-Type: {kind}\r\n"
        );
        server.post_with(path, &headers, body)
    };
    let mut whole = ask("/v1/match", &open, "", &picture).is(200);
    let without = ask("/v1/match", &key, "", &picture).is(200);
    for one in whole["matches"].as_array_mut().unwrap() {
        assert!(one.as_object_mut().unwrap().remove("distance").unwrap().is_u64());
    }
    for record in [&mut whole, &mut without.clone()] {
        record["checked"] = Value::Null;
    }
    assert_eq!(whole["matches"], without["matches"], "nothing else is missing");
    assert_eq!(without["matched"], true);

    let queries = json!({ "queries": [{ "pdq": without["pdq"], "quality": 100 }] });
    let json = "application/json";
    let found = ask("/v1/lookup", &key, json, queries.to_string().as_bytes()).is(200)["results"][0].clone();
    assert!(found["matched"] == true && found["matches"][0]["distance"].is_null(), "{found}");
    let lines = ask("/v1/lookup", &key, "application/x-ndjson", queries["queries"][0].to_string().as_bytes());
    assert!(
        lines.text().contains("\"matched\":true") && !lines.text().contains("distance"),
        "{}",
        lines.text()
    );
    let flag =
        ask("/photodna/v1.0/Match", &key, "", &picture).is(200)["MatchDetails"]["MatchFlags"][0].clone();
    assert!(flag["Source"] == "known" && flag["MatchDistance"].is_null(), "{flag}");
    let signal = format!("signal_type=pdq&signal={}", without["pdq"].as_str().unwrap());
    for path in [
        format!("/k/{key}/m/lookup?{signal}"),
        format!("/k/{key}/m/raw_lookup?{signal}&include_distance=true"),
    ] {
        let head = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        let answer = Connection::to(hma).ask(head.as_bytes());
        assert!(answer.status == 200 && answer.text().contains("bank_content_id"), "{}", answer.text());
        assert!(!answer.text().contains("distance"), "{}", answer.text());
    }
    // Who may choose the largest distance finds every distance by trying.
    for query in ["threshold=photodna:7", "joint=photodna:7,pdq:7", "nearest=3"] {
        for (path, kind) in [("/v1/match", ""), ("/v1/lookup", "application/x-ndjson")] {
            ask(&format!("{path}?{query}"), &key, kind, &picture).problem(403, "distances");
        }
    }
    let chosen = json!({ "queries": [], "threshold": { "pdq": 3 } }).to_string();
    ask("/v1/lookup", &key, json, chosen.as_bytes()).problem(403, "distances");
    assert_eq!(ask("/v1/match?nearest=3", &open, "", &picture).status, 200);
}

#[test]
fn the_hma_face_takes_keys_in_its_path() {
    let (_folder, data) = folder();
    let key = add(&data, &["--scope", "galleries:read"]);
    let (_galleries, path) = known(&["hills.jpg"]);
    let server = Server::start(&["--gallery", &path, "--data", &data, "--hma", "127.0.0.1:0"]);
    let address = server.line_with("HMA's clients").split("http://").nth(1).unwrap().parse().unwrap();
    let get = |path: &str, headers: &str| {
        Connection::to(address).ask(format!("GET {path} HTTP/1.1\r\nHost: a\r\n{headers}\r\n").as_bytes())
    };
    assert_eq!(get("/status", "").status, 200);
    assert!(get("/c/banks", "").is(401)["message"].is_string());
    assert_eq!(get(&format!("/k/{key}/c/banks"), "").status, 200);
    assert_eq!(get(&format!("//k/{key}//c/banks"), "").status, 200);
    assert_eq!(get("/c/banks", &format!("Authorization: Bearer {key}\r\n")).status, 200);
    assert_eq!(get(&format!("/k/{key}/m/lookup?signal_type=pdq&signal=00"), "").status, 403);
    assert_eq!(get("/k/sg_a_b/c/banks", "").status, 401);
}

/// A certificate for localhost, made by `openssl`; `None` where there is none.
fn certificate(folder: &Path, name: &str) -> Option<(String, String)> {
    let paths =
        ["crt", "key"].map(|kind| folder.join(format!("{name}.{kind}")).to_str().unwrap().to_string());
    let [certificate, key] = paths;
    let subject = format!("/CN={name}");
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", &subject, "-keyout", &key, "-out", &certificate])
        .output()
        .ok()?;
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Some((certificate, key))
}

/// The subject that a server shows, and the protocol that it chose.
fn shown(address: std::net::SocketAddr, protocols: &str) -> String {
    let command = Command::new("openssl")
        .args(["s_client", "-connect", &address.to_string(), "-alpn", protocols])
        .stdin(std::process::Stdio::null())
        .output();
    String::from_utf8_lossy(&command.unwrap().stdout).into_owned()
}

#[test]
fn tls_is_served_and_follows_its_file() {
    let folder = TempDir::new().unwrap();
    let Some((path, key)) = certificate(folder.path(), "first") else {
        println!("skipped: there is no openssl here");
        return;
    };
    let server = Server::start(&["--tls-certificate", &path, "--tls-key", &key]);
    let both = shown(server.address, "h2,http/1.1");
    assert!(both.contains("CN = first") || both.contains("CN=first"), "{both}");
    assert!(both.contains("ALPN protocol: h2"), "{both}");
    assert!(shown(server.address, "http/1.1").contains("ALPN protocol: http/1.1"));
    // What is no TLS is closed, and disturbs nobody.
    let mut plain = server.connect();
    plain.send(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(plain.is_closed());
    let (second, second_key) = certificate(folder.path(), "second").unwrap();
    std::fs::write(&key, "no key").unwrap();
    server.line_with("cannot be used");
    assert!(shown(server.address, "h2").contains("first"));
    std::fs::copy(&second_key, &key).unwrap();
    std::fs::copy(&second, &path).unwrap();
    server.line_with("the new certificate is used");
    assert!(shown(server.address, "h2").contains("second"));
}

#[test]
fn a_configuration_is_checked_and_served() {
    let (folder, path) = known(&["hills.jpg"]);
    let config = folder.path().join("serve.toml");
    let check = || {
        let output = shadegrid(&["serve", "--config", config.to_str().unwrap(), "--check"]);
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for (text, named) in [
        ("listen = 7\n", "listen"),
        ("other = 1\n", "other"),
        ("[galleries]\na = \"none\"\n", "none"),
        ("listen = \"0.0.0.0:0\"\n", "--plain"),
    ] {
        std::fs::write(&config, text).unwrap();
        let (code, said) = check();
        assert!(code == Some(1) && said.contains(named), "{text}: {said}");
    }
    std::fs::write(&config, "listen = \"127.0.0.1:0\"\nmemory = \"64M\"\n[galleries]\nmine = \"known.gallery\"\n[limits]\npicture = 1000\n").unwrap();
    assert_eq!(check(), (Some(0), "everything can be served\n".to_string()));
    // Nothing that is said twice is left out in silence.
    for option in [["--gallery", &path], ["--max-side", "9"], ["--grace", "1"]] {
        let both = shadegrid(&[&["serve", "--config", config.to_str().unwrap()], &option[..]].concat());
        assert_eq!(both.status.code(), Some(1), "{option:?}");
    }
    let server = Server::bare(&["--config", config.to_str().unwrap()]);
    assert_eq!(server.get("/v1/galleries").is(200)["galleries"][0]["name"], "mine");
    server.post("/v1/hash", "", &[0; 1001]).problem(413, "limit");
}

#[test]
fn the_photodna_face_can_have_the_limits_and_sources_of_the_cloud() {
    let (folder, _) = known(&["hills.jpg", "window.png"]);
    let config = folder.path().join("serve.toml");
    let text = "listen = \"127.0.0.1:0\"\n[galleries]\nmine = { path = \"known.gallery\", source = \"NCMEC\" }\n[photodna]\nlimits = \"cloud\"\n";
    std::fs::write(&config, text).unwrap();
    let server = Server::bare(&["--config", config.to_str().unwrap()]);
    let ask = |picture: &[u8]| {
        let answer = server.post("/photodna/v1.0/Match", "image/jpeg", picture).is(200);
        (answer["Status"]["Code"].as_u64().unwrap(), answer["MatchDetails"]["MatchFlags"].clone())
    };
    let (code, flags) = ask(&holiday("hills.jpg"));
    assert_eq!((code, &flags[0]["Source"]), (3000, &"NCMEC".into()), "{flags}");
    let bitmap = |width: u32, height: u32| {
        let row = (width * 3).next_multiple_of(4);
        let mut file = b"BM".to_vec();
        for word in
            [54 + row * height, 0, 54, 40, width, height, 1 | 24 << 16, 0, row * height, 2835, 2835, 0, 0]
        {
            file.extend(word.to_le_bytes());
        }
        file.extend((0..row * height).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8));
        file
    };
    let padded =
        |length: usize| [holiday("hills.jpg"), vec![0; length - holiday("hills.jpg").len()]].concat();
    let samples: Vec<u8> =
        (0..200u32 * 200 * 3).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut webp = Vec::new();
    let encoder = image::codecs::webp::WebPEncoder::new_lossless(&mut webp);
    encoder.encode(&samples, 200, 200, image::ExtendedColorType::Rgb8).unwrap();
    for (what, picture, expected) in [
        ("the least size", bitmap(160, 160), 3000),
        ("too narrow", bitmap(159, 200), 3208),
        ("too low", bitmap(200, 159), 3208),
        ("the longest", padded(4 << 20), 3000),
        ("too long", padded((4 << 20) + 1), 3209),
        ("a format that is not known there", webp, 3206),
        ("no picture", b"none".to_vec(), 3206),
    ] {
        let (code, flags) = ask(&picture);
        assert_eq!(code, expected, "{what}: {flags}");
        assert!(code == 3000 || flags == json!([]), "{what}");
    }
    assert_eq!(
        server.post("/v1/match", "", &bitmap(100, 100)).status,
        200,
        "other requests have the own limits"
    );
    let own =
        Server::start(&["--gallery", &format!("mine={}", folder.path().join("known.gallery").display())]);
    let answer = own.post("/photodna/v1.0/Match", "", &bitmap(100, 100)).is(200);
    assert_eq!(answer["Status"]["Code"], 3000);
}

#[test]
fn a_key_that_is_held_to_galleries_stays_there() {
    let (_folder, data) = folder();
    let scopes = "galleries:read,galleries:write,lookup,match";
    let own = add(&data, &["--scope", scopes, "--gallery", "TEN1"]);
    let other = add(&data, &["--scope", scopes, "--gallery", "TEN2"]);
    let all = add(&data, &["--scope", "admin"]);
    let server = Server::start(&["--data", &data, "--hma", "127.0.0.1:0"]);
    let hma = server.line_with("HMA's clients").split("http://").nth(1).unwrap().parse().unwrap();
    let ask = |at, method: &str, path: &str, key: &str, body: &str| {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Connection::to(at).ask(head.as_bytes())
    };
    let v1 = |method: &str, path: &str, key: &str, body: Value| {
        ask(server.address, method, path, key, &body.to_string())
    };
    let face =
        |method: &str, path: &str, key: &str, body: Value| ask(hma, method, path, key, &body.to_string());
    v1("POST", "/v1/galleries", &own, json!({ "name": "TEN1" })).is(201);
    v1("POST", "/v1/galleries", &all, json!({ "name": "hidden" })).is(201);
    // Whether there is one or not, the answer is the same.
    for name in ["hidden", "none", "TEN2", "HIDDEN"] {
        v1("POST", "/v1/galleries", &own, json!({ "name": name })).problem(403, "gallery");
    }
    let said = ["HIDDEN", "NONE", "TEN2"].map(|name| {
        let made = face("POST", "/c/banks", &own, json!({ "name": name })).is(403)["message"].clone();
        let renamed = face("PUT", "/c/bank/TEN1", &own, json!({ "name": name })).is(403)["message"].clone();
        (made, renamed)
    });
    assert!(said.iter().all(|one| *one == said[0] && one.0 == one.1), "{said:?}");
    assert_eq!(face("PUT", "/c/bank/TEN1", &own, json!({ "enabled": true })).status, 200);
    v1("POST", "/v1/galleries", &other, json!({ "name": "TEN2" })).is(201);
    v1("POST", "/v1/galleries", &own, json!({ "name": "TEN1" })).problem(409, "conflict");
    let entry =
        json!({ "entries": [{ "pdq": "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22" }] });
    v1("POST", "/v1/galleries/TEN2/entries", &other, entry).is(200);
    for (key, size) in [(&own, 0), (&other, 1), (&all, 1)] {
        let status = face("GET", "/m/index/status", key, Value::Null).is(200);
        assert_eq!(status["pdq"]["size"], size, "{status}");
        assert_eq!(face("GET", "/c/signal_type/index", key, Value::Null).is(200)["pdq"]["db_size"], size);
        let totals = v1("GET", "/v1/totals", key, Value::Null);
        assert_eq!(totals.status, if key == &all { 200 } else { 403 });
    }
    // Names that are one to HMA's clients, and names that say nothing.
    v1("POST", "/v1/galleries", &all, json!({ "name": "ten2" })).problem(409, "conflict");
    for name in [".", "..", "-", "_", "._-"] {
        v1("POST", "/v1/galleries", &all, json!({ "name": name })).problem(400, "input");
    }
    assert_eq!(face("POST", "/c/banks", &all, json!({ "name": "__" })).status, 400);
    // An id that no row can have.
    for id in ["18446744073709551615", "9223372036854775808"] {
        assert_eq!(face("GET", &format!("/c/bank/TEN2/content/{id}"), &other, Value::Null).status, 404);
    }
    assert_eq!(face("GET", "/c/bank/TEN2/content/1", &other, Value::Null).status, 200);
}

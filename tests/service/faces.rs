//! The faces that clients of other services know.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::client::{Answer, Connection, Server, hashed, holiday};
use super::known;

const MATCH: &str = "/photodna/v1.0/Match";
const MATCH_HASH: &str = "/photodna/v1.0/MatchHash";

/// Checks the members that every answer of the face has, and gives the flags.
fn flags(answer: &Value, code: u16) -> Vec<Value> {
    assert_eq!(answer["Status"]["Code"], code, "{answer}");
    let names = [
        "ContentId",
        "EvaluateResponse",
        "IsMatch",
        "MatchDetails",
        "Status",
        "TrackingId",
        "XPartnerCustomerId",
    ];
    let mut found: Vec<&String> = answer.as_object().unwrap().keys().collect();
    found.sort();
    assert_eq!(found, names);
    assert_eq!((&answer["ContentId"], &answer["Status"]["Exception"]), (&Value::Null, &Value::Null));
    answer["MatchDetails"]["MatchFlags"].as_array().unwrap().clone()
}

#[test]
fn the_photodna_face_answers_in_its_own_words() {
    let (_folder, path) = known(&["window.png", "hills.jpg"]);
    let server = Server::start(&["--gallery", &format!("NCMEC={path}"), "--max-picture-bytes", "1M"]);
    let small = holiday("hills-small.jpg");
    let signature = hashed(&small).photodna.unwrap().signature;
    let distance = signature.distance(&hashed(&holiday("hills.jpg")).photodna.unwrap().signature);

    let inline = |name: &str, kind: &str| {
        json!({ name: kind, "value": BASE64.encode(&small) }).to_string().into_bytes()
    };
    let form = [
        b"--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n",
        &*small,
        b"\r\n--x--\r\n",
    ]
    .concat();
    let hash_form = |kind: &str, text: &str| {
        format!("--x\r\nContent-Disposition: form-data; name=\"dataType\"\r\n\r\n{kind}\r\n--x\r\nContent-Disposition: form-data; name=\"value\"\r\n\r\n{text}\r\n--x--\r\n").into_bytes()
    };
    let hex: String = signature.0.iter().map(|byte| format!("{byte:02X}")).collect();
    let multipart = "multipart/form-data; boundary=x";
    let asked = [
        server.post(MATCH, "image/jpeg", &small),
        server.post_with(MATCH, "Ocp-Apim-Subscription-Key: any\r\n", &small),
        server.post(&format!("{MATCH}?enhance&subscription-key=any"), "image/jpeg", &small),
        server.post(&format!("{MATCH}?Enhance=false"), "application/octet-stream", &small),
        server.post(MATCH, "application/json", &inline("DataRepresentation", "inline")),
        server.post(MATCH, "application/json; charset=utf-8", &inline("datarepresentation", "Buffer")),
        server.post(MATCH, multipart, &form),
        server.post(MATCH, multipart, &hash_form("Hash", &signature.to_string())),
        server.post(MATCH, multipart, &hash_form("HashHex", &hex)),
    ];
    let mut tracking = std::collections::HashSet::new();
    for answer in asked {
        let answer = answer.is(200);
        let flags = flags(&answer, 3000);
        let expected = json!([{ "AdvancedInfo": [{ "Key": "MatchId", "Value": "4294967297" }], "Source": "NCMEC", "Violations": ["A1"], "MatchDistance": distance }]);
        assert_eq!((&answer["IsMatch"], Value::from(flags)), (&true.into(), expected));
        let id = answer["TrackingId"].as_str().unwrap().to_string();
        assert!(id.starts_with("SG_1_photodna_") && id.len() == 46 && tracking.insert(id));
    }
    let mirrored = holiday("hills-mirrored.jpg");
    assert_eq!(server.post(MATCH, "", &mirrored).is(200)["IsMatch"], false);
    assert_eq!(server.post(&format!("{MATCH}?enhance"), "", &mirrored).is(200)["IsMatch"], true);

    // What is no picture is an answer, and what is no request is an error.
    assert!(flags(&server.post(MATCH, "", b"no picture").is(200), 3206).is_empty());
    assert!(flags(&server.post(MATCH, "", &vec![0; (1 << 20) + 1]).is(200), 3209).is_empty());
    let url = json!({ "DataRepresentation": "URL", "Value": "https://example.org/a.jpg" }).to_string();
    assert!(flags(&server.post(MATCH, "application/json", url.as_bytes()).is(400), 3002).is_empty());
    let wrong = server.post(MATCH, "application/json", b"{").is(400);
    assert_eq!(wrong["statusCode"], 400, "{wrong}");
    assert_eq!(server.post("/photodna/v1.0/Report", "application/json", b"{}").is(501)["statusCode"], 501);

    let hashes = |items: Value| server.post(MATCH_HASH, "application/json", items.to_string().as_bytes());
    let numbers = signature.0.map(|byte| byte.to_string()).join(",");
    let item = |kind: &str, value: Value| json!({ "DataRepresentation": kind, "Value": value });
    let other = hashed(&holiday("coast-broken.jpg")).photodna.unwrap().signature.to_string();
    let answer = hashes(json!([
        item("Hash", signature.to_string().into()),
        item("hash", hex.into()),
        item("Hash", numbers.into()),
        item("Hash", signature.0.to_vec().into()),
        item("Hash", other.into()),
    ]))
    .is(200);
    let results = answer["MatchResults"].as_array().unwrap();
    let matched: Vec<bool> = results.iter().map(|one| one["IsMatch"].as_bool().unwrap()).collect();
    assert_eq!(matched, [true, true, true, true, false]);
    assert!(answer["TrackingId"].is_string() && results.iter().all(|one| one["TrackingId"].is_null()));
    for wrong in [
        json!([]),
        json!({}),
        json!([1]),
        json!([item("EdgeHash", "x".into())]),
        json!([item("PreHashV2", "x".into())]),
        json!([item("Hash", "x".into())]),
        json!(vec![item("Hash", signature.to_string().into()); 6]),
    ] {
        assert_eq!(hashes(wrong).is(400)["Status"]["Code"], 3002);
    }
    assert_eq!(server.post("/photodna/v1.0/MatchEdgeHash", "", b"").is(400)["Status"]["Code"], 3002);
}

/// A server with the HMA face, and its address.
fn hma(arguments: &[&str]) -> (Server, std::net::SocketAddr) {
    let server = Server::start(&[&["--hma", "127.0.0.1:0"], arguments].concat());
    let line = server.line_with("HMA's clients");
    let address = line.split("http://").nth(1).unwrap().parse().unwrap();
    (server, address)
}

fn get(address: std::net::SocketAddr, path: &str) -> Answer {
    Connection::to(address).ask(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes())
}

fn post(address: std::net::SocketAddr, path: &str, kind: &str, body: &[u8]) -> Answer {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
    );
    Connection::to(address).ask(&[head.as_bytes(), body].concat())
}

fn part(name: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"f\"\r\n\r\n");
    [head.as_bytes(), content, b"\r\n"].concat()
}

fn form(parts: &[Vec<u8>]) -> Vec<u8> {
    [parts.concat(), b"--x--\r\n".to_vec()].concat()
}

const FORM: &str = "multipart/form-data; boundary=x";

#[test]
fn the_hma_face_hashes_and_looks_up() {
    let (_folder, path) = known(&["window.png", "hills.jpg"]);
    let (_server, at) = hma(&["--gallery", &format!("my-list={path}")]);
    assert_eq!(
        (get(at, "/status").text(), get(at, "/status/live").text()),
        ("I-AM-ALIVE".into(), "I-AM-ALIVE".into())
    );
    assert_eq!(get(at, "/").status, 302);
    let small = holiday("hills-small.jpg");
    let pdq = hashed(&small).pdq.unwrap().signature;
    let distance = pdq.distance(&hashed(&holiday("hills.jpg")).pdq.unwrap().signature).to_string();

    let photo = form(&[part("photo", &small)]);
    assert_eq!(post(at, "/h/hash", FORM, &photo).is(200), json!({ "pdq": pdq.to_string() }));
    assert_eq!(post(at, "//h///hash?types=pdq", FORM, &photo).is(200), json!({ "pdq": pdq.to_string() }));
    let two = form(&[part("photo", &small), part("photo", &small)]);
    for (body, kind) in [
        (form(&[]), FORM),
        (two, FORM),
        (form(&[part("video", &small)]), FORM),
        (small.clone(), "image/jpeg"),
        (form(&[part("photo", b"x")]), FORM),
    ] {
        assert!(post(at, "/h/hash", kind, &body).is(400)["message"].is_string());
    }
    assert_eq!(post(at, "/h/hash?types=md5", FORM, &photo).status, 400);
    assert_eq!(get(at, "/h/hash?url=http://a/").status, 400);

    let id = 4_294_967_297u64;
    let signal = format!("signal={pdq}&signal_type=pdq");
    assert_eq!(get(at, &format!("/m/raw_lookup?{signal}")).is(200), json!({ "matches": [id] }));
    let with = json!({ "bank_content_id": id, "distance": distance });
    assert_eq!(
        get(at, &format!("/m/raw_lookup?{signal}&include_distance=true")).is(200),
        json!({ "matches": [with] })
    );
    assert_eq!(get(at, &format!("/m/lookup?{signal}")).is(200), json!({ "MY_LIST": [with] }));
    assert_eq!(get(at, &format!("/m/lookup?{signal}&banks=MY_LIST")).is(200), json!({ "MY_LIST": [with] }));
    assert_eq!(get(at, &format!("/m/lookup?{signal}&banks=OTHER")).is(200), json!({}));
    assert_eq!(get(at, &format!("/m/lookup?signal={}&signal_type=pdq", "0".repeat(64))).is(200), json!({}));
    assert_eq!(post(at, "/m/lookup", FORM, &photo).is(200), json!({ "pdq": { "MY_LIST": [with] } }));
    for wrong in ["signal=00&signal_type=pdq", "signal_type=pdq", "signal=00", "signal=00&signal_type=vmd5"] {
        assert_eq!(get(at, &format!("/m/raw_lookup?{wrong}")).status, 400, "{wrong}");
    }

    let pair = json!({ "pdq": [pdq.to_string(), pdq.to_string()] }).to_string();
    assert_eq!(
        post(at, "/m/compare", "application/json", pair.as_bytes()).is(200),
        json!({ "pdq": [true, { "distance": 0 }] })
    );
    let zero = json!({ "pdq": ["0".repeat(64), "f".repeat(64)] }).to_string();
    assert_eq!(
        post(at, "/m/compare", "application/json", zero.as_bytes()).is(200),
        json!({ "pdq": [false, { "distance": 256 }] })
    );
    for wrong in
        ["[]", "{\"pdq\":[\"00\",\"00\"]}", "{\"pdq\":[]}", "{\"md5\":[\"\",\"\"]}", "{\"pdq\":7}", ""]
    {
        assert_eq!(post(at, "/m/compare", "application/json", wrong.as_bytes()).status, 400, "{wrong}");
    }
}

#[test]
fn the_hma_face_shows_banks() {
    let (_folder, path) = known(&["window.png", "hills.jpg"]);
    let (_server, at) = hma(&["--gallery", &path, "--hma-signals", "pdq,photodna"]);
    let bank = json!({ "name": "KNOWN", "matching_enabled_ratio": 1.0 });
    assert_eq!(get(at, "/c/banks").is(200), json!([bank]));
    assert_eq!(get(at, "/c/bank/KNOWN").is(200), bank);
    assert_eq!(get(at, "/c/bank/OTHER").status, 404);
    let content = get(at, "/c/bank/KNOWN/content/4294967297?include_signals=true").is(200);
    let hills = hashed(&holiday("hills.jpg"));
    assert_eq!(
        (&content["id"], &content["bank"]["name"], &content["disable_until_ts"]),
        (&4_294_967_297u64.into(), &"KNOWN".into(), &1.into())
    );
    assert_eq!(content["signals"]["pdq"], hills.pdq.unwrap().signature.to_string());
    assert_eq!(content["signals"]["photodna"], hills.photodna.unwrap().signature.to_string());
    for none in ["4294967298", "0", "x", "99999999999999999999"] {
        assert_eq!(get(at, &format!("/c/bank/KNOWN/content/{none}")).status, 404, "{none}");
    }
    for (path, body) in [
        ("/c/banks", "{\"name\":\"B\"}"),
        ("/c/bank/KNOWN/signal", "{\"pdq\":\"\"}"),
        ("/c/bank/KNOWN/content", ""),
    ] {
        assert_eq!(post(at, path, "application/json", body.as_bytes()).status, 403, "{path}");
    }
    let status = get(at, "/m/index/status").is(200);
    assert_eq!(
        (&status["pdq"]["present"], &status["pdq"]["size"], &status["photodna"]["size"]),
        (&true.into(), &2.into(), &2.into())
    );
    assert!(status["pdq"]["built_to"].as_i64().unwrap() > 1_700_000_000);
    assert_eq!(get(at, "/c/signal_type/index").is(200)["pdq"]["index_out_of_date"], false);
    assert_eq!(get(at, "/c/signal_type").is(200)[1], json!({ "name": "photodna", "enabled_ratio": 1.0 }));
    assert_eq!(get(at, "/c/content_type").is(200), json!([{ "name": "photo", "enabled": true }]));
    for path in get(at, "/site-map").is(200).as_array().unwrap() {
        let path = path.as_str().unwrap().replace("{name}", "KNOWN").replace("{id}", "4294967296");
        let path = path.replace("{api}", "ncmec");
        // None is followed here.
        assert_eq!(get(at, &path).status == 404, path.contains("{exchange}"), "{path}");
    }
    assert_eq!(get(at, "/c/exchanges").is(200), json!([]));
    assert_eq!(get(at, "/c/exchanges/apis").is(200), json!(["fb_threatexchange", "ncmec", "stop_ncii"]));
    let api = json!({ "supports_authentification": true, "has_set_authentification": false });
    assert_eq!(get(at, "/c/exchanges/api/stop_ncii").is(200), api);
    assert_eq!(get(at, "/c/exchanges/api/sample").status, 400);
    assert_eq!(get(at, "/c/exchanges/api/sample/schema").status, 404);
    let schema = get(at, "/c/exchanges/api/fb_threatexchange/schema").is(200);
    let (group, token) = (&schema["config_schema"]["fields"][0], &schema["credentials_schema"]["fields"][0]);
    assert_eq!(
        (&group["name"], &group["type"], &group["required"]),
        (&"privacy_group".into(), &"number".into(), &true.into())
    );
    assert_eq!((&token["name"], &token["type"]), (&"api_token".into(), &"string".into()));
    for path in ["/c/exchanges", "/c/exchanges/api/ncmec"] {
        assert_eq!(post(at, path, "application/json", b"{\"api\":\"ncmec\",\"bank\":\"A\"}").status, 403);
    }
    let deleted =
        Connection::to(at).ask(b"DELETE /c/exchange/NONE HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(deleted.is(200)["message"], "Exchange deleted");
    assert_eq!(
        get(at, "/none").is(404)["message"].as_str().map(|text| text.contains("site-map")),
        Some(true)
    );
}

#[test]
fn the_hma_face_without_a_gallery_says_so() {
    let (_server, at) = hma(&[]);
    let status = get(at, "/status");
    assert_eq!((status.status, status.text()), (503, "INDEX-NOT-LOADED".to_string()));
    assert_eq!(get(at, &format!("/m/lookup?signal_type=pdq&signal={}", "0".repeat(64))).status, 503);
}

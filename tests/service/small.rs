//! The small faces: requests as their clients send them, and what each is answered.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::client::{Connection, Server, hashed, holiday};
use super::known;

/// What the answer to a request must be.
enum Expected {
    Json(Value),
    Empty,
    /// A member of a JSON object, and what it must contain.
    Says(&'static str, &'static str),
}

/// A recorded request: method, path, further headers, body; and the answer's status and content.
struct Row {
    what: &'static str,
    request: (&'static str, String, String, Vec<u8>),
    answer: (u16, Expected),
}

fn check(server: &Server, rows: Vec<Row>) {
    for Row { what, request: (method, path, headers, body), answer: (status, expected) } in rows {
        let length = body.len();
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: a\r\n{headers}Content-Length: {length}\r\n\r\n");
        let answer = server.connect().ask(&[head.as_bytes(), &body].concat());
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        match expected {
            Expected::Json(value) => assert_eq!(answer.json(), value, "{what}"),
            Expected::Empty => assert!(answer.body.is_empty(), "{what}"),
            Expected::Says(member, words) => {
                let said = answer.json()[member].as_str().map(String::from).unwrap_or_default();
                assert!(said.contains(words), "{what}: {}", answer.text());
            }
        }
    }
}

/// A picture without anything to see, so that none of its signatures is looked up.
fn blank() -> Vec<u8> {
    let (side, row) = (64u32, 64 * 3);
    let mut file = b"BM".to_vec();
    for word in [54 + row * side, 0, 54, 40, side, side, 1 | 24 << 16, 0, row * side, 2835, 2835, 0, 0] {
        file.extend(word.to_le_bytes());
    }
    file.extend(std::iter::repeat_n(200, (row * side) as usize));
    file
}

#[test]
fn shield_answers_as_its_clients_expect() {
    let (_folder, path) = known(&["window.png", "hills.jpg"]);
    let server = Server::start(&["--gallery", &path, "--max-picture-bytes", "1M"]);
    // The head is httpx's, as arachnid-shield-sdk 0.2.2 sends it.
    let headers = |kind: &str| {
        format!(
            "Accept: */*\r\nAccept-Encoding: gzip, deflate\r\nUser-Agent: python-httpx/0.28.1\r\nAuthorization: Basic YTpi\r\nContent-Type: {kind}\r\n"
        )
    };
    let media = |body: Vec<u8>| ("POST", "/shield/v1/media/".to_string(), headers("image/jpeg"), body);
    let json_to = |path: &str, body: Value| {
        ("POST", path.to_string(), headers("application/json"), body.to_string().into_bytes())
    };
    let small = holiday("hills-small.jpg");
    let sums = |name: &str| -> (&str, &str) {
        match name {
            // By `sha1sum | xxd -r -p | base32` and `sha256sum`.
            "hills-small.jpg" => (SMALL_SHA1, SMALL_SHA256),
            _ => (OTHER_SHA1, OTHER_SHA256),
        }
    };
    let answer = |name: &str, classification: Value, details: Value| {
        let (sha1, sha256) = sums(name);
        let kind = if details == json!([]) { Value::Null } else { "near".into() };
        json!({ "size_bytes": holiday(name).len(), "sha1_base32": sha1, "sha256_hex": sha256,
            "classification": classification, "match_type": kind, "near_match_details": details })
    };
    let near = json!({ "timestamp": 0.0, "sha1_base32": null, "sha256_hex": null, "classification": "csam" });
    let pdq = hashed(&small).pdq.unwrap().signature.to_string();
    let bytes: Vec<u8> =
        (0..64).step_by(2).map(|at| u8::from_str_radix(&pdq[at..at + 2], 16).unwrap()).collect();
    let (own, other) = (BASE64.encode(bytes), BASE64.encode([0x5a; 32]));
    check(
        &server,
        vec![
            Row {
                what: "a known picture, by photodna and by pdq",
                request: media(small),
                answer: (200, Expected::Json(answer("hills-small.jpg", "csam".into(), json!([near, near])))),
            },
            Row {
                what: "an unknown one",
                request: media(holiday("coast-broken.jpg")),
                answer: (200, Expected::Json(answer("coast-broken.jpg", "no-known-match".into(), json!([])))),
            },
            Row {
                what: "no picture",
                request: media(b"GIF".to_vec()),
                answer: (422, Expected::Says("detail", "")),
            },
            Row {
                what: "too long",
                request: media(vec![0; (1 << 20) + 1]),
                answer: (413, Expected::Says("detail", "bytes")),
            },
            Row {
                what: "hashes",
                request: json_to("/shield/v1/pdq/", json!({ "hashes": [own, other] })),
                answer: (
                    200,
                    Expected::Json(json!({ "scanned_hashes": {
                (own.as_str()): { "classification": "csam", "match_type": "near", "near_match_details": near },
                (other.as_str()): { "classification": "no-known-match", "match_type": null, "near_match_details": null },
            } })),
                ),
            },
            Row {
                what: "what is no hash",
                request: json_to("/shield/v1/pdq/", json!({ "hashes": [other, "AAAA"] })),
                answer: (400, Expected::Says("detail", "hashes[1]")),
            },
            Row {
                what: "no list",
                request: json_to("/shield/v1/pdq/", json!({ "hashes": 7 })),
                answer: (400, Expected::Says("detail", "hashes")),
            },
            Row {
                what: "an address",
                request: json_to("/shield/v1/url/", json!({ "url": "https://example.org/a.jpg" })),
                answer: (400, Expected::Says("detail", "not fetched")),
            },
        ],
    );
    let blank = server.post_with("/shield/v1/media/", &headers("image/bmp"), &blank()).is(200);
    assert_eq!(
        (&blank["classification"], &blank["match_type"]),
        (&Value::Null, &Value::Null),
        "nobody knows"
    );
}

const SMALL_SHA1: &str = "2NNUIWSR2VTYDYSDSAXHZVB2B46D2VND";
const SMALL_SHA256: &str = "f3afaf0f45f2848932c5e1d127992269eccddb9038e3a895bc43c14a0261f81c";
const OTHER_SHA1: &str = "PXXMWXBVKVFHT6O3NTYWK2FHJNILZWA4";
const OTHER_SHA256: &str = "db560a154854e9f23cf72b4b20260fe2ecb731394934f7b33e8961df6ff93531";

#[test]
fn abyss_answers_as_bluesky_expects() {
    let (_folder, path) = known(&["window.png", "hills.jpg"]);
    let server = Server::start(&["--gallery", &path, "--max-picture-bytes", "1M"]);
    // As indigo's automod sends it: `admin` and a password, the blob's own type, what it knows of the account in the query.
    let scan = |query: &str, kind: &str, body: Vec<u8>| {
        let headers = format!(
            "User-Agent: indigo-automod/dev\r\nAccept: application/json\r\nAuthorization: Basic YWRtaW46Yg==\r\nContent-Type: {kind}\r\n"
        );
        ("POST", format!("/xrpc/com.atproto.unspecced.scanBlob{query}"), headers, body)
    };
    let answer =
        |status: &str, hits: Value| json!({ "blob": null, "match": { "status": status, "hits": hits } });
    let hit = |kind: &str| json!({ "hashType": kind, "label": "csam", "corpus": "known" });
    let query = "?accountEmail=a%40example.org&did=did%3Aplc%3Aabc&handle=a.example.org&uri=at%3A%2F%2Fdid%3Aplc%3Aabc%2Fapp.bsky.feed.post%2F3k";
    check(
        &server,
        vec![
            Row {
                what: "a known blob",
                request: scan(query, "image/jpeg", holiday("hills-small.jpg")),
                answer: (200, Expected::Json(answer("success", json!([hit("photodna"), hit("pdq")])))),
            },
            Row {
                what: "an unknown one, as the labeller asks",
                request: scan("?did=did:plc:abc", "image/jpeg", holiday("coast-broken.jpg")),
                answer: (200, Expected::Json(answer("success", json!([])))),
            },
            Row {
                what: "a type that lies",
                request: scan("", "application/json", holiday("window.png")),
                answer: (200, Expected::Json(answer("success", json!([hit("photodna"), hit("pdq")])))),
            },
            Row {
                what: "a video",
                request: scan("", "video/mp4", b"\0\0\0\x18ftypmp42".to_vec()),
                answer: (200, Expected::Json(answer("error", json!([])))),
            },
            Row {
                what: "nothing to see",
                request: scan("", "image/bmp", blank()),
                answer: (200, Expected::Json(answer("error", json!([])))),
            },
            Row {
                what: "too long",
                request: scan("", "image/jpeg", vec![0; (1 << 20) + 1]),
                answer: (413, Expected::Says("error", "limit")),
            },
        ],
    );
}

#[test]
fn the_hook_of_pict_rs_keeps_or_refuses() {
    let (_folder, path) = known(&["window.png", "hills.jpg"]);
    let server = Server::start(&["--gallery", &path, "--metrics", "127.0.0.1:0"]);
    let line = server.line_with("metrics at");
    let hook = |body: Vec<u8>| {
        ("POST", "/hooks/pict-rs/token".to_string(), "Content-Type: image/webp\r\n".to_string(), body)
    };
    check(
        &server,
        vec![
            Row {
                what: "an unknown upload",
                request: hook(holiday("coast-broken.jpg")),
                answer: (204, Expected::Empty),
            },
            Row {
                what: "a known one",
                request: hook(holiday("hills-small.jpg")),
                answer: (422, Expected::Says("code", "known")),
            },
            Row {
                what: "a video",
                request: hook(b"\x1aE\xdf\xa3".to_vec()),
                answer: (503, Expected::Says("code", "unsearched")),
            },
            Row {
                what: "nothing to see",
                request: hook(blank()),
                answer: (503, Expected::Says("code", "unsearched")),
            },
        ],
    );
    // It streams what it has, and says no length.
    let picture = holiday("hills-small.jpg");
    let head = "POST /hooks/pict-rs/token HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk =
        [format!("{:x}\r\n", picture.len()).into_bytes(), picture, b"\r\n0\r\n\r\n".to_vec()].concat();
    assert_eq!(server.connect().ask(&[head.as_bytes(), &chunk].concat()).status, 422);
    let address = line.split("http://").nth(1).unwrap().trim_end_matches("/metrics").parse().unwrap();
    let numbers = Connection::to(address).ask(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").text();
    assert!(numbers.contains(r#"face="pict-rs",route="/hooks/pict-rs/{token}",status="204""#), "{numbers}");
    assert!(!numbers.contains("shadegrid_shed_total{"), "nothing was turned away: {numbers}");

    let empty = Server::start(&[]);
    assert_eq!(empty.post("/hooks/pict-rs/token", "", &holiday("window.png")).status, 503);
    assert_eq!(empty.post("/shield/v1/media/", "", &holiday("window.png")).status, 503);
    assert_eq!(empty.post("/xrpc/com.atproto.unspecced.scanBlob", "", &holiday("window.png")).status, 503);
}

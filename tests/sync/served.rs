//! Galleries that follow lists, in a service that runs.

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::{Connection, PATIENCE, Server};
use super::pdq;
use super::script::{Script, answer, deleted, image, ncmec};

fn waited(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn gallery(server: &Server) -> Option<Value> {
    let all = server.get("/v1/galleries").is(200);
    all["galleries"].as_array().unwrap().iter().find(|gallery| gallery["name"] == "list").cloned()
}

fn matches(server: &Server, number: u64) -> usize {
    let body = json!({ "queries": [{ "key": "q", "pdq": pdq(number), "quality": 100 }] }).to_string();
    let answer = server.post("/v1/lookup", "application/json", body.as_bytes());
    if answer.status != 200 {
        return 0;
    }
    answer.json()["results"][0]["matches"].as_array().map_or(0, Vec::len)
}

#[test]
fn a_service_follows_a_list_by_itself() {
    let step = Arc::new(AtomicU64::new(0));
    let at = step.clone();
    let script = Script::new(move |path, _| {
        let elements: String = match (at.load(Ordering::SeqCst), path.contains("from=1970")) {
            (3, _) => return answer(401, "no"),
            (_, true) => (0..50).map(|number| image(number, "2026-01-01T00:00:00Z", &pdq(number))).collect(),
            (0, _) => String::new(),
            (1, _) => image(100, "2026-01-02T00:00:00Z", &pdq(100)) + &deleted(1, "2026-01-02T00:00:00Z"),
            _ => (2..12).map(|number| deleted(number, "2026-01-03T00:00:00Z")).collect(),
        };
        answer(200, &ncmec("", &elements))
    });
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("secret"), "very hush").unwrap();
    let config = folder.path().join("serve.toml");
    let text = format!(
        "listen = \"127.0.0.1:0\"\nmetrics = \"127.0.0.1:0\"\nhma = \"127.0.0.1:0\"\ndata = \"data\"\nno_keys = true\nthreads = 2\n[limits]\nwatch = 0.1\n\
         [sync.list]\nexchange = \"ncmec\"\nurl = \"{}\"\nuser = \"me\"\npassword_file = \"secret\"\nevery = 1\n",
        script.url()
    );
    fs::write(&config, text).unwrap();
    let server = Server::bare(&["--config", config.to_str().unwrap(), "--log", "json"]);
    waited("it is synced", || gallery(&server).is_some_and(|gallery| gallery["stale"] == false));
    let listed = gallery(&server).unwrap();
    assert_eq!((&listed["kind"], &listed["entries"]), (&json!("sync"), &json!(50)));
    assert!(listed["synced"].as_str().unwrap().ends_with('Z'));
    assert_eq!((matches(&server, 1), matches(&server, 100)), (1, 0));

    // HMA's clients see it as an exchange.
    let hma: Value = serde_json::from_str(&server.listening).unwrap();
    let hma = hma["hma"].as_str().unwrap().parse().unwrap();
    let face =
        |path: &str| Connection::to(hma).ask(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
    assert_eq!(face("/c/exchanges").is(200), json!(["LIST"]));
    assert_eq!(face("/c/exchange/LIST").is(200), json!({ "name": "LIST", "api": "ncmec", "enabled": true }));
    assert_eq!((face("/c/exchange/list").status, face("/c/exchange/OTHER/status").status), (404, 404));
    let api = json!({ "supports_authentification": true, "has_set_authentification": true });
    assert_eq!(face("/c/exchanges/api/ncmec").is(200), api);
    waited("a round has ended", || {
        face("/c/exchange/LIST/status").is(200)["last_fetch_complete_ts"].is_u64()
    });
    let status = face("/c/exchange/LIST/status").is(200);
    assert_eq!(
        (&status["last_fetch_succeeded"], &status["up_to_date"], &status["fetched_items"]),
        (&true.into(), &true.into(), &50.into()),
        "{status}"
    );
    assert!(status["checkpoint_ts"].as_u64().unwrap() > 1_767_000_000, "{status}");
    let changes = ["POST /c/exchanges", "PUT /c/exchange/LIST", "DELETE /c/exchange/LIST"];
    for change in changes {
        let request = format!("{change} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{{}}");
        assert_eq!(Connection::to(hma).ask(request.as_bytes()).status, 403, "{change}");
    }

    // What is added and removed there is so here; somebody asks for it now.
    step.store(1, Ordering::SeqCst);
    assert_eq!(server.post("/v1/galleries/list/reload", "", b"").status, 202);
    waited("the change is there", || (matches(&server, 1), matches(&server, 100)) == (0, 1));

    // No round by hand meanwhile, and no bank or file of this name.
    let by_hand = |options: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shadegrid"));
        let output = command
            .args(["gallery", "sync", "list", "--config"])
            .arg(&config)
            .args(options)
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = by_hand(&[]);
    assert!(code == Some(1) && said.contains("a service runs") && said.contains("reload"), "{said}");
    assert_eq!(server.post("/v1/galleries", "application/json", br#"{"name":"list"}"#).status, 409);
    assert_eq!(
        server.post("/v1/galleries/list/entries", "application/json", br#"{"entries":[]}"#).status,
        409
    );

    // A shrink, then credentials that are refused: said without a secret, and searched as before.
    step.store(2, Ordering::SeqCst);
    let line = server.line_with("gallery_sync_failed");
    assert!(line.contains("--accept-shrink") && !line.contains("hush"), "{line}");
    step.store(3, Ordering::SeqCst);
    waited("it is refused", || {
        let line = server.line_with("gallery_sync_failed");
        assert!(!line.contains("hush"));
        line.contains("401")
    });
    let status = face("/c/exchange/LIST/status").is(200);
    assert_eq!((&status["last_fetch_succeeded"], &status["up_to_date"]), (&false.into(), &false.into()));
    assert_eq!(matches(&server, 5), 1);
    assert_eq!(gallery(&server).unwrap()["entries"], 50);
    drop(server);

    // By hand a person agrees.
    step.store(2, Ordering::SeqCst);
    let (code, said) = by_hand(&[]);
    assert!(code == Some(1) && said.contains("--accept-shrink"), "{said}");
    let (code, said) = by_hand(&["--accept-shrink"]);
    assert!(code == Some(0) && said.contains("list: 40 entries, 10 removed"), "{said}");
    let (code, said) = by_hand(&["--accept-shrink"]);
    assert!(code == Some(0) && said.contains("40 entries") && !said.contains("removed"), "{said}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_shadegrid"));
    let output = command.args(["gallery", "sync", "other", "--config"]).arg(&config).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("these do: list"));
}

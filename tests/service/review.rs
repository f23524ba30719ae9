//! The review over HTTP: who is let in, what a change needs, and what hostile forms come to.

use std::fs;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::client::{Answer, PATIENCE, Server, gallery, holiday};

/// A service that takes reports, with a gallery of one picture.
struct Place {
    folder: TempDir,
    server: Server,
}

/// Somebody who is signed in.
struct Person {
    cookie: String,
    token: String,
}

impl Place {
    fn new() -> Place {
        let folder = TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
        gallery(&folder.path().join("known.gallery"), &["hills.jpg"]);
        for (name, text) in
            [("key", "0123456789abcdef".repeat(4)), ("user", "u".into()), ("password", "p".into())]
        {
            fs::write(at(name), text).unwrap();
            #[cfg(unix)]
            fs::set_permissions(at(name), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        }
        let reports = format!(
            "data = {:?}\nevidence_key = \"key\"\n[test]\nuser_file = \"user\"\npassword_file = \"password\"\nurl = \"http://127.0.0.1:1/ispws\"\n\
             [reporter]\nemails = [{{ email = \"r@a.example\" }}]\n",
            at("data")
        );
        fs::write(at("reports.toml"), reports).unwrap();
        let serve = format!(
            "listen = \"127.0.0.1:0\"\ndata = {:?}\nreports = {:?}\nthreads = 2\n[galleries]\nknown = {:?}\n[limits]\nwatch = 0.1\n",
            at("data"),
            at("reports.toml"),
            at("known.gallery")
        );
        fs::write(at("serve.toml"), serve).unwrap();
        let server = Server::bare(&["--config", &at("serve.toml"), "--log", "json"]);
        Place { folder, server }
    }

    fn key(&self, scopes: &str, name: &str) -> String {
        let data = self.folder.path().join("data");
        let mut command = Command::new(env!("CARGO_BIN_EXE_shadegrid"));
        let output =
            command.args(["key", "add", "--scope", scopes, "--name", name, "--data"]).arg(data).output();
        String::from_utf8(output.unwrap().stdout).unwrap().trim_end().to_string()
    }

    fn sql(&self, text: &str) {
        let state = rusqlite::Connection::open(self.folder.path().join("data/state.sqlite")).unwrap();
        state.busy_timeout(PATIENCE).unwrap();
        state.execute_batch(text).unwrap();
    }

    /// Sends a form as a browser at the service's own pages does.
    fn send(&self, path: &str, cookie: &str, fields: &[(&str, &str)]) -> Answer {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields);
        self.post(path, &format!("Cookie: {cookie}\r\nSec-Fetch-Site: same-origin\r\n"), &body.finish())
    }

    fn post(&self, path: &str, headers: &str, body: &str) -> Answer {
        let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
        self.server.post_with(path, &format!("{kind}{headers}"), body.as_bytes())
    }

    fn look(&self, path: &str, cookie: &str) -> Answer {
        let head = format!("GET {path} HTTP/1.1\r\nHost: a\r\nCookie: {cookie}\r\n\r\n");
        self.server.connect().ask(head.as_bytes())
    }

    /// Signs in, once the service has seen the key.
    fn sign_in(&self, key: &str) -> Person {
        let began = std::time::Instant::now();
        loop {
            let answer = self.send("/review/sign-in", "", &[("key", key)]);
            if answer.status == 303 {
                let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_string();
                let page = self.look("/review", &cookie);
                return Person { token: token(&page), cookie };
            }
            assert!(began.elapsed() < PATIENCE, "{}", answer.text());
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }

    fn person(&self, scopes: &str) -> Person {
        self.sign_in(&self.key(scopes, "person"))
    }

    /// A change with everything that it needs.
    fn change(&self, person: &Person, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(path, &person.cookie, &[&[("csrf", person.token.as_str())], fields].concat())
    }

    /// Uploads a picture for review, and gives its item.
    fn upload(&self, key: &str, name: &str) -> String {
        let path = format!("/v1/match?review=true&orientations=all&key={name}");
        let headers = format!("Authorization: Bearer {key}\r\n");
        let record = self.server.post_with(&path, &headers, &holiday(name)).is(200);
        record["review"].as_str().unwrap_or_else(|| panic!("{record}")).to_string()
    }

    fn get(&self, path: &str, key: &str) -> Answer {
        let head = format!("GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\n\r\n");
        self.server.connect().ask(head.as_bytes())
    }
}

/// What the forms of a page send.
fn token(page: &Answer) -> String {
    let text = page.text();
    let (_, rest) = text.split_once("name=\"csrf\" value=\"").unwrap_or_else(|| panic!("{text}"));
    rest.split('"').next().unwrap().to_string()
}

fn leads_to(answer: &Answer, path: &str) {
    assert_eq!((answer.status, answer.header("location")), (303, Some(path)), "{}", answer.text());
}

fn refused(answer: &Answer, status: u16, says: &str) {
    let text = answer.text();
    assert_eq!(answer.status, status, "{text}");
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(text.contains(says), "{says}: {text}");
}

const CONFIRM: [(&str, &str); 3] = [
    ("verdict", "confirm"),
    ("classification", "A1"),
    ("incident", "Child Pornography (possession, manufacture, and distribution)"),
];

#[test]
fn a_session_is_a_key_of_the_right_scope_for_a_time() {
    let place = Place::new();
    leads_to(&place.look("/review", ""), "/review/sign-in");
    leads_to(&place.look("/review", "shadegrid_review=00"), "/review/sign-in");
    let page = place.look("/review/sign-in", "");
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self';"), "{policy}");
    assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert!(!page.text().contains("<script>") && !page.text().contains("style="));

    refused(&place.send("/review/sign-in", "", &[("key", "sg_0_0")]), 401, "not known");
    refused(&place.send("/review/sign-in", "", &[]), 401, "not known");
    let upload = place.key("match,report", "uploads");
    let person = place.key("review", "person");
    let signed = place.sign_in(&person);
    refused(&place.send("/review/sign-in", "", &[("key", &upload)]), 403, "lacks the scope review");
    let answer = place.send("/review/sign-in", "", &[("key", &person)]);
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.ends_with("; Path=/review; HttpOnly; SameSite=Strict; Max-Age=28800"), "{cookie}");
    let body = format!("key={person}");
    let secure = place.post("/review/sign-in", "Origin: https://a\r\n", &body);
    assert!(secure.header("set-cookie").unwrap().ends_with("; Secure"), "the browser came by HTTPS");
    for foreign in
        ["Origin: https://b\r\n", "Origin: null\r\n", "Sec-Fetch-Site: cross-site\r\nOrigin: http://a\r\n"]
    {
        refused(&place.post("/review/sign-in", foreign, &body), 403, "another site");
    }

    // 8 hours, to the millisecond: what the row says counts.
    assert_eq!(place.look("/review", &signed.cookie).status, 200);
    place.sql("UPDATE sessions SET until = begun WHERE until - begun = 28800000");
    leads_to(&place.look("/review", &signed.cookie), "/review/sign-in");
    refused(&place.change(&signed, "/review/next", &[]), 401, "not signed in");
    // Signing out ends it, and so does the end of its key.
    let signed = place.sign_in(&person);
    let out = place.change(&signed, "/review/sign-out", &[]);
    leads_to(&out, "/review/sign-in");
    assert!(
        out.header("set-cookie").unwrap().contains("shadegrid_review=; ")
            && out.header("set-cookie").unwrap().contains("Max-Age=0")
    );
    leads_to(&place.look("/review", &signed.cookie), "/review/sign-in");
    let signed = place.sign_in(&person);
    let id = person.split('_').nth(1).unwrap();
    place.sql(&format!("UPDATE keys SET revoked = 1 WHERE id = '{id}'"));
    let began = std::time::Instant::now();
    while place.look("/review", &signed.cookie).status != 303 {
        assert!(began.elapsed() < PATIENCE, "a revoked key is no session");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn a_change_comes_from_a_page_of_the_session() {
    let place = Place::new();
    let upload = place.key("match", "uploads");
    let (anna, berta) = (place.person("review"), place.person("review"));
    let item = place.upload(&upload, "hills.jpg");
    let next = |headers: &str, body: &str| {
        place.post("/review/next", &format!("Cookie: {}\r\n{headers}", anna.cookie), body)
    };
    let own = "Sec-Fetch-Site: same-origin\r\n";
    let good = format!("csrf={}", anna.token);
    for wrong in ["", "csrf=", &format!("csrf={}", berta.token), &good[..good.len() - 1], &format!("{good}0")]
    {
        refused(&next(own, wrong), 403, "nothing was changed");
    }
    for foreign in
        ["Origin: https://b\r\n", "Sec-Fetch-Site: cross-site\r\n", "Sec-Fetch-Site: same-site\r\n"]
    {
        refused(&next(foreign, &good), 403, "another site");
    }
    let json = place.server.post_with(
        "/review/next",
        &format!("Cookie: {}\r\nContent-Type: text/plain\r\n", anna.cookie),
        good.as_bytes(),
    );
    refused(&json, 400, "application/x-www-form-urlencoded");
    for path in ["take", "release", "decide", "reopen", "erase", "report", "pictures/0/0/reveal"] {
        let path = format!("/review/items/{item}/{path}");
        refused(&place.send(&path, &anna.cookie, &[]), 403, "nothing was changed");
        refused(&place.send(&path, "", &[("csrf", &anna.token)]), 401, "not signed in");
    }
    for path in ["sign-out", "settings", "break", "reports/x/retry", "reports/x/retract"] {
        refused(&place.send(&format!("/review/{path}"), &anna.cookie, &[]), 403, "nothing was changed");
    }
    let key = place.key("review", "programs");
    place.sign_in(&key);
    let listed = place.get("/v1/review", &key).is(200);
    assert_eq!((&listed["waiting"], &listed["items"][0]["is_held"]), (&1.into(), &false.into()), "{listed}");
    leads_to(&next(own, &good), &format!("/review/items/{item}"));
    assert_eq!(place.get("/v1/review", &key).is(200)["items"][0]["is_held"], true);
}

#[test]
fn two_people_never_decide_the_same_item() {
    let place = Place::new();
    let upload = place.key("match", "uploads");
    let (anna, berta) = (place.person("review"), place.person("review"));
    let item = place.upload(&upload, "hills.jpg");
    assert_eq!(place.upload(&upload, "hills-small.jpg"), item, "near-duplicates are one item");
    let other = place.upload(&upload, "hills-mirrored.jpg");
    assert_ne!(other, item);
    let at = |what: &str| format!("/review/items/{item}/{what}");
    refused(&place.change(&anna, &at("decide"), &CONFIRM), 409, "you do not hold");
    leads_to(&place.change(&anna, "/review/next", &[]), &format!("/review/items/{item}"));
    leads_to(&place.change(&berta, "/review/next", &[]), &format!("/review/items/{other}"));
    refused(&place.change(&berta, &at("take"), &[]), 409, "somebody else holds");
    refused(&place.change(&berta, &at("decide"), &CONFIRM), 409, "you do not hold");
    refused(&place.change(&berta, &at("pictures/0/0/reveal"), &[]), 409, "you do not hold");
    place.sql("UPDATE review_items SET lease = 1");
    refused(&place.change(&anna, &at("decide"), &CONFIRM), 409, "you do not hold");
    leads_to(&place.change(&berta, &at("take"), &[]), &format!("/review/items/{item}"));
    refused(&place.change(&berta, &at("decide"), &CONFIRM[..2]), 400, "type of incident");
    refused(&place.change(&berta, &at("decide"), &[("verdict", "guilty")]), 400, "none of the choices");
    refused(&place.change(&berta, &at("decide"), &[]), 400, "nothing was changed");
    let long = "é".repeat(4001);
    refused(
        &place.change(&berta, &at("decide"), &[("note", &long), ("verdict", "unsure")]),
        400,
        "4000 characters",
    );
    leads_to(&place.change(&berta, &at("decide"), &CONFIRM), &format!("/review/items/{item}"));
    refused(&place.change(&berta, &at("decide"), &CONFIRM), 409, "confirmed");
    // A key without the scope makes no report, whatever it sends.
    refused(&place.change(&berta, &at("report"), &[]), 403, "scope report");
    refused(&place.look(&at("report"), &berta.cookie), 403, "scope report");
    refused(&place.change(&berta, "/review/reports/x/retract", &[]), 403, "scope report");
    let clara = place.person("review,report");
    refused(
        &place.look(&format!("/review/items/{other}/report"), &clara.cookie),
        409,
        "only what is confirmed",
    );
    assert_eq!(place.look(&at("report"), &clara.cookie).status, 200);
    refused(&place.change(&clara, &at("report"), &[("incident", "Other")]), 400, "none of the choices");
    let wrong = place.change(&clara, &at("report"), &[("number", "0"), ("mode", "production"), CONFIRM[2]]);
    refused(&wrong, 422, "the configuration allows tests alone");
    let fields = [
        ("number", "0"),
        ("time", "2025-01-01T00:00:00Z"),
        ("file0", "on"),
        ("viewed0", "on"),
        ("class0", "A1"),
        CONFIRM[2],
    ];
    leads_to(&place.change(&clara, &at("report"), &fields), &format!("/review/items/{item}"));
    leads_to(&place.change(&clara, &at("report"), &fields), &format!("/review/items/{item}"));
    refused(
        &place.change(
            &clara,
            &at("report"),
            &fields[..2].iter().chain(&fields[5..]).copied().collect::<Vec<_>>(),
        ),
        422,
        "meanwhile",
    );
    let page = place.look(&at(""), &clara.cookie);
    assert_eq!(page.status, 404, "no path of ours");
    let page = place.look(&format!("/review/items/{item}"), &clara.cookie).text();
    assert_eq!(page.matches("/review/reports#").count(), 1, "a form that is sent twice is one report");
}

#[test]
fn hostile_forms_and_paths_change_nothing() {
    let place = Place::new();
    let upload = place.key("match", "uploads");
    let anna = place.person("review,report");
    let markup = "%3Cscript%3Ealert(1)%3C%2Fscript%3E%22%27";
    let path = format!("/v1/match?review=true&key={markup}");
    let headers = format!("Authorization: Bearer {upload}\r\n");
    let record = place.server.post_with(&path, &headers, &holiday("hills.jpg")).is(200);
    let item = record["review"].as_str().unwrap().to_string();
    leads_to(&place.change(&anna, "/review/next", &[]), &format!("/review/items/{item}"));
    let page = place.look(&format!("/review/items/{item}"), &anna.cookie).text();
    assert!(
        page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;") && !page.contains("<script>"),
        "{page}"
    );
    let decide = format!("/review/items/{item}/decide");
    let own = format!("Cookie: {}\r\nSec-Fetch-Site: same-origin\r\n", anna.cookie);
    let good = format!("csrf={}", anna.token);
    for wrong in ["verdict=confirm&verdict=unsure", "note=%00", "note=%1b[2J", "verdict=%ff"] {
        refused(&place.post(&decide, &own, &format!("{good}&{wrong}")), 400, "");
    }
    refused(&place.post(&decide, &own, &format!("{good}&{}", "a=&".repeat(10))), 400, "each stands once");
    refused(&place.post(&decide, &own, &format!("{good}&note={}", "x".repeat(300_000))), 413, "longer than");
    refused(&place.post(&decide, &own, "%%%=&&&==="), 403, "nothing was changed");
    for path in ["none", "%00", "..%2f..", &"x".repeat(5000), "%3Cscript%3E"] {
        refused(&place.look(&format!("/review/items/{path}"), &anna.cookie), 404, "no such item");
        refused(&place.change(&anna, &format!("/review/items/{path}/take"), &[]), 404, "no such item");
    }
    for path in ["1/0", "0/1", "0/9999999", "x/0", "0/-1"] {
        let answer = place.look(&format!("/review/items/{item}/pictures/{path}"), &anna.cookie);
        assert!(matches!(answer.status, 400 | 404), "{path}: {}", answer.text());
        let answer = place.change(&anna, &format!("/review/items/{item}/pictures/{path}/reveal"), &[]);
        assert!(matches!(answer.status, 400 | 404), "{path}: {}", answer.text());
    }
    refused(&place.look("/review?state=none", &anna.cookie), 400, "none of");
    assert_eq!(place.look("/review/audit?before=x", &anna.cookie).status, 200);
    refused(&place.change(&anna, "/review/settings", &[("blur", "none")]), 400, "none of the choices");
    refused(&place.change(&anna, "/review/reports/none/retry", &[]), 404, "no report");
    refused(&place.change(&anna, &format!("/review/items/{item}/erase"), &[]), 400, "nothing was changed");
    refused(
        &place.change(&anna, &format!("/review/items/{item}/erase"), &[("sure", "on")]),
        409,
        "nothing was changed",
    );

    // Nothing of that decided anything.
    let listed = place.look("/review", &anna.cookie).text();
    assert!(listed.contains("1 item waits"), "{listed}");
    let fields = [("verdict", "no_match"), ("note", "<b>bold</b>\n'\""), ("classification", "A1")];
    leads_to(&place.change(&anna, &decide, &fields), &format!("/review/items/{item}"));
    let page = place.look(&format!("/review/items/{item}"), &anna.cookie).text();
    assert!(page.contains("&lt;b&gt;bold&lt;/b&gt;\n&#39;&quot;") && page.contains("rejected"), "{page}");
    let log = place.server.rest_of_lines().join("\n");
    assert!(log.contains("/review/items/{id}/decide"), "{log}");
    for hidden in ["bold", "alert", anna.cookie.split('=').nth(1).unwrap(), &anna.token, &item] {
        assert!(!log.contains(hidden), "{hidden}");
    }
}

#[test]
fn pictures_are_small_and_held_ones_are_written_down() {
    let place = Place::new();
    let upload = place.key("match", "uploads");
    let anna = place.person("review");
    let item = place.upload(&upload, "hills.jpg");
    place.change(&anna, "/review/next", &[]);
    let path = format!("/review/items/{item}/pictures/0/0");
    leads_to(&place.look(&path, ""), "/review/sign-in");
    let read = |answer: &Answer| {
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, Some("image/png")),
            "{}",
            answer.text()
        );
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        image::load_from_memory(&answer.body).unwrap()
    };
    let edges = |picture: &image::DynamicImage| {
        let grey = picture.to_luma8();
        let pixels: Vec<i32> = grey.pixels().map(|pixel| i32::from(pixel.0[0])).collect();
        pixels.windows(2).map(|pair| (pair[0] - pair[1]).abs()).sum::<i32>()
    };
    let blurred = read(&place.look(&path, &anna.cookie));
    assert_eq!((blurred.width().max(blurred.height()), blurred.color()), (400, image::ColorType::L8));
    let viewed = |says: &str| {
        let page = place.look(&format!("/review/items/{item}"), &anna.cookie).text();
        assert!(page.contains(says), "{says}: {page}");
    };
    viewed("not all of it was revealed");
    let held = read(&place.change(&anna, &format!("{path}/reveal"), &[]));
    assert_eq!(
        (held.width(), held.height(), held.color()),
        (blurred.width(), blurred.height(), blurred.color())
    );
    assert!(edges(&held) > 2 * edges(&blurred), "{} and {}", edges(&held), edges(&blurred));
    viewed("<dd>all of it was revealed</dd>");
    let audit = place.look("/review/audit", &anna.cookie).text();
    assert_eq!(audit.matches("review.reveal").count(), 1, "{audit}");

    let settings = [("blur", "strong"), ("reminder", "30")];
    leads_to(&place.change(&anna, "/review/settings", &settings), "/review/settings");
    let stronger = read(&place.look(&path, &anna.cookie));
    assert_eq!(stronger.color(), image::ColorType::Rgb8);
    assert!(edges(&stronger) < edges(&blurred));
    assert_eq!(read(&place.change(&anna, &format!("{path}/reveal"), &[])).color(), image::ColorType::Rgb8);
    place.sql("UPDATE review_people SET since = 1");
    assert!(place.look("/review", &anna.cookie).text().contains("without a break"));
    leads_to(&place.change(&anna, "/review/break", &[]), "/review");
    assert!(!place.look("/review", &anna.cookie).text().contains("without a break"));
    // Evidence that was changed is shown to nobody, and no reveal of it is written down.
    let evidence =
        fs::read_dir(place.folder.path().join("data/evidence")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&evidence).unwrap();
    bytes[100] ^= 1;
    fs::write(&evidence, bytes).unwrap();
    refused(&place.change(&anna, &format!("{path}/reveal"), &[]), 500, "");
    let audit = place.look("/review/audit", &anna.cookie).text();
    assert_eq!(audit.matches("review.reveal").count(), 2, "{audit}");
}

#[test]
fn only_what_is_sent_and_matches_is_reviewed() {
    let place = Place::new();
    let upload = place.key("match", "uploads");
    place.person("review");
    let headers = format!("Authorization: Bearer {upload}\r\n");
    let none = place.server.post_with("/v1/match?review=true", &headers, &holiday("window.png")).is(200);
    assert_eq!((&none["matched"], none.get("review")), (&false.into(), None));
    let without = place.server.post_with("/v1/match", &headers, &holiday("hills.jpg")).is(200);
    assert!(without["matched"] == true && without.get("review").is_none());
    place.server.post_with("/v1/hash?review=true", &headers, b"").problem(403, "scope");
    let review = place.key("review", "programs");
    place.sign_in(&review);
    assert_eq!(place.get("/v1/review", &review).is(200)["waiting"], 0);
    place.get("/v1/review", &upload).problem(403, "scope");
    assert!(place.get("/v1/review?limit=0", &review).problem(400, "input").contains("limit"));
    place.get("/v1/review?x=1", &review).problem(400, "input");
    // Of many, each by itself.
    let many: Vec<Value> = ["hills.jpg", "window.png", "hills-mirrored.jpg", "notes.txt"]
        .iter()
        .map(|name| {
            let data = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, holiday(name));
            serde_json::json!({ "key": name, "data": data })
        })
        .collect();
    let body = serde_json::json!({ "pictures": many }).to_string();
    let json = format!("{headers}Content-Type: application/json\r\n");
    let answer =
        place.server.post_with("/v1/match?review=true&orientations=all", &json, body.as_bytes()).is(200);
    let reviews: Vec<bool> =
        answer["records"].as_array().unwrap().iter().map(|record| record["review"].is_string()).collect();
    assert_eq!(reviews, [true, false, true, false], "{answer}");
    assert_eq!(
        place.get("/v1/review?state=open&limit=1", &review).is(200)["items"].as_array().unwrap().len(),
        1
    );

    // Without reports there is no evidence, and no review.
    let (_folder, path) = super::known(&["hills.jpg"]);
    let bare = Server::start(&["--gallery", &path]);
    assert!(
        bare.post("/v1/match?review=true", "", &holiday("hills.jpg"))
            .problem(409, "no_review")
            .contains("reports")
    );
    assert_eq!(bare.get("/review").status, 409);
}

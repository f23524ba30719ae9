//! What each exchange answers, without a socket: tables of requests and answers.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};

use super::http::{Asked, Content, Reply};
use super::responder::Responder;
use super::state::State;
use super::{Credentials, Exchange};

const NOW: &str = "1970-01-01T01:00:00Z";

/// A stand-in, and the headers that its requests have.
struct Asker {
    state: State,
    headers: HeaderMap,
}

impl Asker {
    fn new(exchange: Exchange, page: usize, credentials: Credentials) -> Asker {
        let wire = exchange.wire().unwrap();
        let state = State::new(exchange, wire, credentials, Some(page));
        let mut asker = Asker { state, headers: HeaderMap::new() };
        for (name, value) in [
            ("host", "example:81"),
            ("authorization", "Basic dXNlcjpzZWNyZXQ="),
            ("x-functions-key", "one"),
            ("ocp-apim-subscription-key", "two"),
        ] {
            asker.header(name, Some(value));
        }
        asker.own("clock", &json!({ "now": NOW }).to_string());
        asker
    }

    fn header(&mut self, name: &'static str, value: Option<&'static str>) {
        let name = HeaderName::from_static(name);
        match value {
            Some(value) => drop(self.headers.insert(name, HeaderValue::from_static(value))),
            None => drop(self.headers.remove(name)),
        }
    }

    fn ask(&mut self, method: Method, path: &str, body: &str) -> Reply {
        let body = body.as_bytes().to_vec().into();
        let peer = [127, 0, 0, 1].into();
        let mut asked = Asked::new(method, &path.parse().unwrap(), self.headers.clone(), peer);
        asked.content = Content::Bytes(body);
        let fault = self.state.fault(&asked);
        self.state.answer(&asked, &fault)
    }

    fn get(&mut self, path: &str) -> (u16, String) {
        let reply = self.ask(Method::GET, path, "");
        (reply.status, String::from_utf8(reply.body).unwrap())
    }

    fn json(&mut self, path: &str) -> Value {
        let (status, text) = self.get(path);
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    fn own(&mut self, path: &str, body: &str) -> Value {
        let reply = self.ask(Method::POST, &format!("/_standin/{path}"), body);
        let text = String::from_utf8(reply.body).unwrap();
        assert_eq!(reply.status, 200, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    fn state(&mut self) -> Value {
        self.json("/_standin/state")
    }

    /// Adds a change at a second after 01:00.
    fn change(&mut self, second: u32, rest: &str) {
        self.own("changes", &format!(r#"{{"at":"1970-01-01T00:00:{second:02}Z",{rest}}}"#));
    }
}

fn escaped(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// What stands between two texts, each time.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> Vec<&'a str> {
    text.split(begin).skip(1).map(|rest| rest.split(end).next().unwrap()).collect()
}

#[test]
fn hash_sharing_lists_entries_of_a_window() {
    let mut asker = Asker::new(Exchange::HashSharing, 2, Credentials::default());
    asker.change(10, r#""key":"i<1>","member":42,"member_name":"A & B","pdq":"00","photodna":"p","md5":"m","sha1":"s","labels":["A1","x"]"#);
    asker.change(20, r#""key":"v","member":43,"kind":"video","md5":"m""#);
    asker.change(30, r#""key":"gone","member":42,"pdq":"11""#);
    asker.change(40, r#""key":"gone","member":42,"op":"remove""#);
    asker.change(50, r#""key":"last","pdq":"22","feedback":[{"value":"upvote","member":9,"source":"Nine"},{"value":"downvote","member":8,"source":"Eight","reason":"Example reason 2"}]"#);
    let query = "/any/path/v2/entries?from=1970-01-01T00:00:10Z&to=1970-01-01T00:00:51.000Z";
    let (status, first) = asker.get(query);
    let image = r#"<images count="1" maxTimestamp="1970-01-01T00:00:10Z"><image><member id="42">A &amp; B</member><timestamp>1970-01-01T00:00:10Z</timestamp><id>i&lt;1&gt;</id><classification>A1</classification><fingerprints><md5>m</md5><sha1>s</sha1><pdna>p</pdna><pdq>00</pdq></fingerprints></image></images>"#;
    let video = r#"<videos count="1" maxTimestamp="1970-01-01T00:00:20Z"><video><member id="43">Member 43</member><timestamp>1970-01-01T00:00:20Z</timestamp><id>v</id><fingerprints><md5>m</md5></fingerprints></video></videos>"#;
    assert!(status == 200 && first.contains(image) && first.contains(video), "{first}");
    let root = r#"<queryResult xmlns="https://hashsharing.ncmec.org/hashsharing/v2">"#;
    assert!(first.contains(root) && first.ends_with("</paging></queryResult>\n"), "{first}");
    let next = between(&first, "<next>", "</next>")[0];
    let start = "/v2/entries?from=1970-01-01T00%3A00%3A10.000Z&amp;to=1970-01-01T00%3A00%3A51.000Z&amp;start=3&amp;size=2&amp;max=4&amp;cursor=";
    assert!(next.starts_with(start), "{next}");
    let (_, second) = asker.get(&next.replace("&amp;", "&"));
    let deleted = r#"<deletedImage><member id="42">Member 42</member><id>gone</id><timestamp>1970-01-01T00:00:40Z</timestamp></deletedImage>"#;
    let feedback = r#"<feedback lastUpdateTimestamp="1970-01-01T00:00:50Z"><affirmativeFeedback type="Pdq" lastUpdateTimestamp="1970-01-01T00:00:50Z"><members timestamp="1970-01-01T00:00:50Z"><member id="9">Nine</member></members></affirmativeFeedback><negativeFeedback type="Pdq" lastUpdateTimestamp="1970-01-01T00:00:50Z"><reasons><reason guid="00000000-0000-4000-8000-000000000002" name="Example reason 2" type="Pdq"/><members timestamp="1970-01-01T00:00:50Z"><member id="8">Eight</member></members></reasons></negativeFeedback></feedback></image>"#;
    assert!(second.contains(deleted) && second.contains(feedback), "{second}");
    assert!(
        second.contains(r#"<images count="2" maxTimestamp="1970-01-01T00:00:50Z">"#)
            && !second.contains("paging")
    );

    // The end of a window is not in it, its begin is.
    for (from, to, expected) in
        [(10, 20, vec!["i&lt;1&gt;"]), (20, 41, vec!["v", "gone"]), (51, 59, vec![]), (20, 20, vec![])]
    {
        let query = format!("/v2/entries?from=1970-01-01T00:00:{from}Z&to=1970-01-01T00:00:{to}Z");
        let (_, page) = asker.get(&query);
        let mut ids = between(&page, "<id>", "</id>");
        ids.sort_unstable_by_key(|id| *id == "gone");
        assert_eq!(ids, expected, "{query}");
    }
}

#[test]
fn hash_sharing_has_its_other_paths() {
    let mut asker = Asker::new(Exchange::HashSharing, 2, Credentials::default());
    asker.change(10, r#""key":"a b+c","member":42,"member_name":"A & B","pdq":"00""#);
    for (path, status, expected) in [
        ("/v2/status", 200, r#"<username>standin</username><member id="1">"#),
        ("/v2/members", 200, r#"<member id="42">A &amp; B</member>"#),
        ("/v2/feedback/PDQ/reasons", 200, r#"name="Example reason 1" type="PDQ"/>"#),
        ("/v2/other", 404, "nothing here"),
        ("/v3/entries", 404, "nothing here"),
        ("/v2/entries?from=yesterday", 400, "from: this must be a time"),
        ("/v2/entries?size=0", 400, "size: this must be 1 or more"),
        ("/v2/entries?cursor=1.2", 400, "the cursor is not valid any more"),
    ] {
        let (given, text) = asker.get(path);
        assert!(given == status && text.contains(expected), "{path}: {given} {text}");
    }
    for (path, body, status) in [
        ("/v2/entries/42/a%20b+c/PDQ/feedback", "<a><affirmative /></a>", 200),
        ("/v2/entries/42/a%20b+c/PDQ/feedback", "<a><positive /></a>", 400),
        ("/v2/entries/43/a%20b+c/PDQ/feedback", "<a><affirmative /></a>", 404),
    ] {
        assert_eq!(asker.ask(Method::PUT, path, body).status, status, "{path}");
    }
}

#[test]
fn stopncii_lists_signatures_with_their_cases() {
    let mut asker = Asker::new(Exchange::StopNcii, 2, Credentials::default());
    asker.change(
        10,
        r#""key":"case1","pdq":"00","feedback":[{"value":"Blocked","source":"CSP","tags":["t"]}]"#,
    );
    asker.change(20, r#""key":"case2","pdq":"00","status":"Received""#);
    asker.change(30, r#""key":"case3","kind":"video","md5":"m""#);
    asker.change(40, r#""key":"case4","pdq":"44""#);
    asker.change(50, r#""key":"case4","op":"remove","status":"Deleted""#);
    let first = asker.json("/v1/FetchHashes?startTimestamp=10&pageSize=800");
    let (token, expected) = (
        first["nextPageToken"].clone(),
        json!([
            { "lastModtimestamp": 20, "signalType": "ImagePDQ", "hashValue": "00", "hashStatus": "Received",
              "caseNumbers": { "case1": "Active", "case2": "Received" },
              "CSPFeedbacks": [{ "source": "CSP", "feedbackValue": "Blocked", "tags": ["t"] }] },
            { "lastModtimestamp": 30, "signalType": "VideoMD5", "hashValue": "m", "hashStatus": "Active",
              "caseNumbers": { "case3": "Active" }, "CSPFeedbacks": [] },
        ]),
    );
    let whole = json!({ "count": 2, "nextPageToken": token, "nextSetTimestamp": 50, "hasMoreRecords": true, "hashRecords": expected });
    assert_eq!(first, whole);
    let token = escaped(token.as_str().unwrap());
    let second = asker.json(&format!("/v1/FetchHashes?startTimestamp=10&pageSize=800&nextPageToken={token}"));
    assert_eq!((&second["hasMoreRecords"], &second["nextSetTimestamp"]), (&false.into(), &50.into()));
    assert!(second["nextPageToken"].is_string());
    assert_eq!(second["hashRecords"][0]["hashStatus"], "Deleted");
    // The start is inclusive; with nothing there is nothing new to start from.
    for (start, count, next) in [(50, 1, 50), (51, 0, 51), (30, 2, 50)] {
        let page = asker.json(&format!("/FetchHashes?startTimestamp={start}"));
        assert_eq!((&page["count"], &page["nextSetTimestamp"]), (&count.into(), &next.into()), "{start}");
    }
    asker.change(55, r#""key":"case2","op":"update","pdq":"55""#);
    asker.change(56, r#""key":"case1","op":"remove""#);
    let page = asker.json("/FetchHashes?startTimestamp=55");
    let statuses: Vec<_> =
        page["hashRecords"].as_array().unwrap().iter().map(|of| &of["hashStatus"]).collect();
    assert_eq!(statuses, ["Active", "Withdrawn"]);
    assert_eq!(page["hashRecords"][1]["caseNumbers"], json!({ "case1": "Withdrawn", "case2": "Withdrawn" }));
    for (path, status) in [
        ("/v1/SubmitHashes", 404),
        ("/v1/FetchHashes?startTimestamp=a", 400),
        ("/v1/FetchHashes?pageSize=-1", 400),
        ("/v1/FetchHashes?nextPageToken=a", 400),
    ] {
        let (given, text) = asker.get(path);
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((given, &answer["statusCode"]), (status, &status.into()), "{path}");
    }
}

#[test]
fn threatexchange_lists_indicators_in_time() {
    let mut asker = Asker::new(Exchange::ThreatExchange, 2, Credentials::default());
    asker.change(10, r#""key":"77","member":5,"pdq":"00","labels":["t"],"feedback":[{"value":"HELPFUL","member":6},{"value":"HELPFUL","member":7}]"#);
    asker.change(20, r#""key":"b","photodna":"p","md5":"m","status":"NON_MALICIOUS""#);
    asker.change(30, r#""key":"77","member":5,"op":"remove""#);
    let base = "/v26.0/123/threat_updates/?access_token=a%7Cb&limit=1&fields=indicator,type,last_updated,should_delete,descriptors%7Bid,owner%7Bid%7D,status,tags%7D";
    let first = asker.json(base);
    assert_eq!(
        first["data"],
        json!([{
            "id": "1000000000000002", "indicator": "p", "type": "HASH_PHOTODNA", "last_updated": 20, "should_delete": false,
            "descriptors": { "data": [{ "id": "1000000000000002000", "owner": { "id": "1" }, "status": "NON_MALICIOUS", "tags": { "data": [] } }] },
        }])
    );
    let next = first["paging"]["next"].as_str().unwrap();
    let path = next.strip_prefix("http://example:81").expect("the address that was asked");
    assert!(path.starts_with("/v26.0/123/threat_updates/?access_token=a%7Cb&limit=1&fields="), "{path}");
    let second = asker.json(path);
    assert_eq!(second["data"][0]["type"], "HASH_MD5");
    let third =
        asker.json(second["paging"]["next"].as_str().unwrap().strip_prefix("http://example:81").unwrap());
    let tombstone = json!({ "id": "77", "indicator": "00", "type": "HASH_PDQ", "last_updated": 30, "should_delete": true });
    assert_eq!(third["data"], json!([tombstone]));
    assert!(third["paging"]["next"].is_null() && third["paging"]["cursors"]["after"].is_string());

    for (query, expected) in [
        ("start_time=30", vec!["00"]),
        ("start_time=31", vec![]),
        ("stop_time=30", vec!["p", "m"]),
        ("types=HASH_PDQ,HASH_SHA1", vec!["00"]),
        ("types=HASH_SHA1", vec![]),
    ] {
        let page = asker.json(&format!("/1/threat_updates?access_token=a&{query}"));
        let found: Vec<_> =
            page["data"].as_array().unwrap().iter().map(|one| one["indicator"].as_str().unwrap()).collect();
        assert_eq!(found, expected, "{query}");
    }
    asker.change(40, r#""key":"77","member":5,"pdq":"00","labels":["t"],"feedback":[{"value":"HELPFUL","member":6},{"value":"HELPFUL","member":7}]"#);
    let back = asker.json("/1/threat_updates?access_token=a&start_time=40");
    let usual = json!([{
        "id": "77", "indicator": "00", "type": "HASH_PDQ", "creation_time": 10, "last_updated": 40, "should_delete": false,
        "tags": { "data": [{ "id": "0", "text": "t" }] }, "status": "MALICIOUS", "applications_with_opinions": ["5"],
    }]);
    assert_eq!(back["data"], usual);
    let reactions = asker.json("/1/threat_updates?access_token=a&start_time=40&fields=descriptors");
    assert_eq!(
        reactions["data"][0]["descriptors"]["data"][0]["reactions"],
        json!([{ "key": "HELPFUL", "value": "6,7" }])
    );
    for (path, status) in [
        ("/threat_updates?access_token=a", 404),
        ("/x/threat_updates?access_token=a", 404),
        ("/1/threat_updates?access_token=a&start_time=x", 400),
        ("/1/threat_updates?access_token=a&after=x", 400),
    ] {
        let (given, text) = asker.get(path);
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert!(given == status && answer["error"]["code"] == 100, "{path}: {text}");
    }
}

#[test]
fn tombstones_of_threatexchange_go_after_90_days() {
    let mut asker = Asker::new(Exchange::ThreatExchange, 9, Credentials::default());
    asker.change(1, r#""key":"1","pdq":"00""#);
    asker.change(2, r#""key":"2","pdq":"11""#);
    asker.change(3, r#""key":"2","op":"remove""#);
    for (now, count) in [("1970-04-01T00:00:03Z", 2), ("1970-04-01T00:00:04Z", 1)] {
        asker.own("clock", &json!({ "now": now }).to_string());
        let page = asker.json("/1/threat_updates?access_token=a");
        assert_eq!(page["data"].as_array().unwrap().len(), count, "{now}");
    }
}

#[test]
fn credentials_are_asked_for() {
    let secret = |text: &str| Some(text.to_string());
    let right = Credentials {
        user: secret("user"),
        password: secret("secret"),
        function_key: secret("one"),
        subscription_key: secret("two"),
        token: secret("a|b"),
    };
    let cases = [
        (Exchange::HashSharing, "/v2/status", "/v2/status", "authorization", Some("Basic dXNlcjpvdGhlcg==")),
        (Exchange::HashSharing, "/v2/status", "/v2/status", "authorization", None),
        (Exchange::HashSharing, "/v2/status", "/v2/status", "authorization", Some("Basic dXNlcjo=")),
        (Exchange::HashSharing, "/v2/status", "/v2/status", "authorization", Some("Bearer secret")),
        (Exchange::StopNcii, "/FetchHashes", "/FetchHashes", "x-functions-key", Some("other")),
        (Exchange::StopNcii, "/FetchHashes", "/FetchHashes", "ocp-apim-subscription-key", None),
        (
            Exchange::ThreatExchange,
            "/1/threat_updates?access_token=a%7Cb",
            "/1/threat_updates?access_token=other",
            "x",
            None,
        ),
        (Exchange::ThreatExchange, "/1/threat_updates?access_token=a%7Cb", "/1/threat_updates", "x", None),
    ];
    for (exchange, path, wrong, header, value) in cases {
        let mut asker = Asker::new(exchange, 9, right.clone());
        assert_eq!(asker.get(path).0, 200, "{path}");
        asker.header(header, value);
        let (status, text) = asker.get(wrong);
        assert!(status == 401 && !text.contains("secret"), "{wrong}: {status} {text}");
        let state = asker.state();
        assert_eq!((&state["unauthorised"], &state["requests"]), (&1.into(), &2.into()));
        // Without anything configured, whatever is not empty is right.
        let mut open = Asker::new(exchange, 9, Credentials::default());
        open.header(header, value);
        let is_empty = value.is_none_or(|value| value == "Basic dXNlcjo=" || value.starts_with("Bearer"))
            && !wrong.contains("other");
        assert_eq!(open.get(wrong).0, if is_empty { 401 } else { 200 }, "{wrong} {value:?}");
    }
}

#[test]
fn faults_are_played_and_counted() {
    let mut asker = Asker::new(Exchange::StopNcii, 2, Credentials::default());
    for n in 0..9 {
        asker.change(n, &format!(r#""key":"{n}","pdq":"{n}""#));
    }
    asker.own(
        "faults",
        r#"[{"status":429,"retry_after":7},{"expired_cursor":true},{"repeat_page":true},{"shuffle":true}]"#,
    );
    let busy = asker.ask(Method::GET, "/FetchHashes", "");
    assert_eq!((busy.status, &busy.headers[..]), (429, &[("retry-after", "7".to_string())][..]));
    let first = asker.json("/FetchHashes");
    let next = format!("/FetchHashes?nextPageToken={}", first["nextPageToken"].as_str().unwrap());
    assert_eq!(asker.get(&next).0, 400);
    assert_eq!(asker.json(&next), first);
    assert_ne!(asker.json(&next), first);
    let (mut shuffled, mut path) = (Vec::new(), "/FetchHashes".to_string());
    loop {
        let page = asker.json(&path);
        let values = page["hashRecords"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["hashValue"].as_str().unwrap().to_string());
        shuffled.extend(values);
        if page["hasMoreRecords"] == false {
            break;
        }
        path = format!("/FetchHashes?nextPageToken={}", page["nextPageToken"].as_str().unwrap());
    }
    let sorted: Vec<String> = (0..9).map(|n| n.to_string()).collect();
    assert_ne!(shuffled, sorted);
    shuffled.sort_unstable();
    assert_eq!(shuffled, sorted);
    let state = asker.state();
    let played = json!({ "expired_cursor": 1, "repeat_page": 1, "shuffle": 1, "status": 1 });
    assert_eq!((&state["played"], &state["faults_left"]), (&played, &0.into()));
    assert_eq!((&state["requests"], &state["pages"], &state["given"]), (&10.into(), &8.into(), &15.into()));
    assert_eq!(state["windows"][1], json!({ "from": null, "to": null, "continued": true }));
}

#[test]
fn cursors_expire_by_the_clock() {
    let mut asker = Asker::new(Exchange::StopNcii, 1, Credentials::default());
    asker.change(1, r#""key":"1","pdq":"1""#);
    asker.change(2, r#""key":"2","pdq":"2""#);
    let token = asker.json("/FetchHashes")["nextPageToken"].as_str().unwrap().to_string();
    let next = format!("/FetchHashes?nextPageToken={token}");
    for (now, status) in [("1970-01-01T13:00:00Z", 200), ("1970-01-01T13:00:01Z", 400)] {
        asker.own("clock", &json!({ "now": now }).to_string());
        assert_eq!(asker.get(&next).0, status);
    }
    asker.own("clock", r#"{"now":null}"#);
    assert!(asker.state()["now"].as_str().unwrap() > "2026-01-01");
}

#[test]
fn wrong_requests_to_the_stand_in_itself_change_nothing() {
    let mut asker = Asker::new(Exchange::StopNcii, 1, Credentials::default());
    let before = asker.state();
    for (path, body, expected) in [
        (
            "changes",
            "{\"key\":\"a\",\"pdq\":\"1\"}\n{\"key\":\"a\",\"photodna\":\"secret\"}",
            "change 2: it has no signature",
        ),
        ("changes", "secret", "line 1: the body is not JSON"),
        ("clock", r#"{"now":"secret"}"#, "now: this must be a time"),
        ("clock", "{}", "the body: missing field now"),
        ("faults", r#"[{"status":1}]"#, "[0].status"),
    ] {
        let reply = asker.ask(Method::POST, &format!("/_standin/{path}"), body);
        let text = String::from_utf8(reply.body).unwrap();
        assert!(reply.status == 400 && text.contains(expected) && !text.contains("secret"), "{text}");
    }
    assert_eq!(asker.ask(Method::POST, "/_standin/state", "").status, 404);
    assert_eq!(asker.state(), before);
}

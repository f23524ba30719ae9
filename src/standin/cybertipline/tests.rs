//! What the CyberTipline answers, without a socket: every rule by a document that breaks it alone, every order of calls.

use std::path::Path;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};

use super::super::Credentials;
use super::super::form::{Form, Received};
use super::super::http::{Asked, Content, Reply};
use super::super::responder::Responder;
use super::CyberTipline;

const START: &str = "2026-11-20T10:00:00Z";

/// All that a report may have, with each element at least once.
const WHOLE: &str = include_str!("tests/report.xml");

/// All that the details of a file may have.
const DETAILS: &str = include_str!("tests/details.xml");

/// What every report has.
const LEAST: &str = "<report><incidentSummary><incidentType>Child Sex Tourism</incidentType><incidentDateTime>2012-10-15T08:00:00-07:00</incidentDateTime></incidentSummary><reporter><reportingPerson><email>a@b.example</email></reportingPerson></reporter></report>";

/// A batch with all that it may have.
const BATCH: &str = "<report><batchedReport reason=\"VIRAL_POTENTIAL_MEME\"/><incidentSummary><incidentType>Child Sex Tourism</incidentType><platform>p</platform><reportAnnotations><spam/></reportAnnotations><incidentDateTime>2012-10-15T08:00:00-07:00</incidentDateTime></incidentSummary><reporter><reportingPerson><email>a@b.example</email></reportingPerson></reporter><personOrUserReported><espIdentifier>1</espIdentifier></personOrUserReported><personOrUserReported><espIdentifier>2</espIdentifier></personOrUserReported></report>";

/// Details of a batch's file, with all that they may have.
const BATCH_DETAILS: &str = "<fileDetails><reportId>REPORT</reportId><fileId>FILE</fileId><uploadedToEspTimestamp>2020-01-01T00:00:00Z</uploadedToEspTimestamp><fileViewedByEsp>true</fileViewedByEsp><fileRelevance>Reported</fileRelevance><fileAnnotations><viral/></fileAnnotations><industryClassification>A1</industryClassification></fileDetails>";

/// A stand-in, whose requests have these headers.
struct Asker {
    tipline: CyberTipline,
    headers: HeaderMap,
}

/// An answer: its HTTP status and its document.
struct Answer {
    status: u16,
    text: String,
}

impl Answer {
    /// What stands between the tags of an element.
    fn of(&self, name: &str) -> &str {
        let (_, rest) = self.text.split_once(&format!("<{name}>")).unwrap_or_default();
        rest.split_once(&format!("</{name}>")).unwrap_or_default().0
    }

    fn code(&self) -> u16 {
        self.of("responseCode").parse().unwrap_or_else(|_| panic!("{} {}", self.status, self.text))
    }

    fn report(&self) -> i64 {
        assert_eq!(self.code(), 0, "{}", self.text);
        self.of("reportId").parse().unwrap()
    }
}

fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
    let all = all.iter();
    all.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())).collect()
}

fn received(part: &str) -> Received {
    let (md5, sha256) = ("0".repeat(32), "1".repeat(64));
    Received { part: part.into(), name: Some("a.jpg".into()), bytes: 3, md5, sha256 }
}

fn form(fields: &[(&str, String)], files: Vec<Received>) -> Content {
    let fields = fields.iter().map(|(name, value)| ((*name).into(), value.clone())).collect();
    Content::Form(Some(Form { fields, files }))
}

impl Asker {
    fn new() -> Asker {
        Asker::keeping(None)
    }

    fn keeping(state: Option<&Path>) -> Asker {
        let tipline = CyberTipline::new(Credentials::default(), state).unwrap();
        let mut asker = Asker { tipline, headers: headers(&[("authorization", "Basic dXNlcjpzZWNyZXQ=")]) };
        asker.clock(START);
        asker
    }

    fn clock(&mut self, now: &str) {
        self.own(Method::POST, "clock", &json!({ "now": now }).to_string());
    }

    fn ask(&mut self, method: Method, path: &str, kind: &str, content: Content) -> Reply {
        let mut all = self.headers.clone();
        all.extend(headers(&[("content-type", kind)]));
        let mut asked = Asked::new(method, &path.parse().unwrap(), all, [127, 0, 0, 1].into());
        let fault = self.tipline.fault(&asked);
        asked.content = content;
        self.tipline.answer(&asked, &fault)
    }

    fn own(&mut self, method: Method, path: &str, body: &str) -> Value {
        let body = Content::Bytes(body.to_string().into_bytes().into());
        let reply = self.ask(method, &format!("/_standin/{path}"), "", body);
        let text = String::from_utf8(reply.body).unwrap();
        assert_eq!(reply.status, 200, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    fn state(&mut self) -> Value {
        self.own(Method::GET, "state", "")
    }

    fn call(&mut self, step: &str, kind: &str, content: Content) -> Answer {
        let method = if ["status", "xsd"].contains(&step) { Method::GET } else { Method::POST };
        let reply = self.ask(method, &format!("/ispws/{step}"), kind, content);
        assert!(reply.headers.iter().any(|(name, id)| *name == "request-id" && id.len() == 32), "{step}");
        Answer { status: reply.status, text: String::from_utf8(reply.body).unwrap() }
    }

    fn xml(&mut self, step: &str, document: &str) -> Answer {
        let body = Content::Bytes(document.to_string().into_bytes().into());
        self.call(step, "text/xml; charset=utf-8", body)
    }

    fn parts(&mut self, step: &str, report: i64, files: Vec<Received>) -> Answer {
        self.call(step, "multipart/form-data; boundary=x", form(&[("id", report.to_string())], files))
    }

    fn open(&mut self, document: &str) -> i64 {
        self.xml("submit", document).report()
    }

    /// Uploads a file and gives its id.
    fn upload(&mut self, report: i64) -> String {
        let answer = self.parts("upload", report, vec![received("file")]);
        assert_eq!(answer.report(), report);
        answer.of("fileId").to_string()
    }
}

/// Details of a file, the whole of them or others.
fn details(text: &str, report: i64, file: &str) -> String {
    text.replace("REPORT", &report.to_string()).replace("FILE", file)
}

#[test]
fn a_report_goes_from_submit_to_finish() {
    let mut asker = Asker::new();
    let status = asker.call("status", "", form(&[], vec![]));
    assert_eq!((status.status, status.code()), (200, 0));
    assert_eq!(status.of("responseDescription"), "Remote User : user, Remote Ip : 127.0.0.1");
    assert!(!status.text.contains("reportId"));

    let report = asker.open(WHOLE);
    let uploaded = asker.parts("upload", report, vec![received("file")]);
    let file = uploaded.of("fileId").to_string();
    assert!(file.len() == 32 && file.bytes().all(|byte| byte.is_ascii_hexdigit()), "{file}");
    assert_eq!((uploaded.report(), uploaded.of("hash")), (report, &*"0".repeat(32)));
    let second = asker.upload(report);
    assert_ne!(second, file);
    assert_eq!(asker.xml("fileinfo", &details(DETAILS, report, &file)).report(), report);
    let done = asker.parts("finish", report, vec![]);
    assert_eq!(done.status, 200);
    assert_eq!(
        done.text,
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<reportDoneResponse><responseCode>0</responseCode><reportId>{report}</reportId><files><fileId>{file}</fileId><fileId>{second}</fileId></files></reportDoneResponse>\n"
        )
    );

    let state = asker.state();
    assert_eq!(state["counts"], json!({ "open": 0, "finished": 1, "retracted": 0, "expired": 0 }));
    assert_eq!(
        state["requests"],
        json!({ "status": 1, "submit": 1, "upload": 2, "fileinfo": 1, "finish": 1 })
    );
    let shown = &state["reports"][0];
    assert_eq!(
        (&shown["id"], &shown["state"], &shown["opened"]),
        (&report.into(), &"finished".into(), &START.into())
    );
    assert_eq!(shown["report"]["incidentSummary"]["platform"], "A <platform> & more");
    assert_eq!(
        shown["files"][0]["details"]["originalFileHash"][1],
        json!({ "@hashType": "SHA1", "#text": "00" })
    );
    assert_eq!((&shown["files"][1]["details"], &shown["files"][1]["bytes"]), (&Value::Null, &3.into()));
    let recent = state["recent"].as_array().unwrap();
    assert_eq!((recent.len(), &recent[5]["step"], &recent[5]["code"]), (6, &"finish".into(), &0.into()));
}

#[test]
fn what_is_asked_after_the_end_is_refused() {
    let mut asker = Asker::new();
    for (end, expected) in [("finish", 5102), ("retract", 5101)] {
        let report = asker.open(LEAST);
        let file = asker.upload(report);
        assert_eq!(asker.parts(end, report, vec![]).report(), report);
        let info = details(
            "<fileDetails><reportId>REPORT</reportId><fileId>FILE</fileId></fileDetails>",
            report,
            &file,
        );
        let answers = [
            asker.parts("upload", report, vec![received("file")]),
            asker.xml("fileinfo", &info),
            asker.parts("finish", report, vec![]),
            asker.parts("retract", report, vec![]),
        ];
        for answer in answers {
            assert_eq!(
                (answer.status, answer.code(), answer.of("reportId")),
                (400, expected, &*report.to_string())
            );
        }
    }
    assert_eq!(asker.state()["counts"], json!({ "open": 0, "finished": 1, "retracted": 1, "expired": 0 }));
}

#[test]
fn what_does_not_exist_is_refused() {
    let mut asker = Asker::new();
    let (report, other) = (asker.open(LEAST), asker.open(LEAST));
    assert!(other > report);
    let file = asker.upload(report);
    let info = "<fileDetails><reportId>REPORT</reportId><fileId>FILE</fileId></fileDetails>";
    for step in ["upload", "finish", "retract"] {
        let files = if step == "upload" { vec![received("file")] } else { vec![] };
        assert_eq!(asker.parts(step, 7, files).code(), 5001, "{step}");
    }
    assert_eq!(asker.xml("fileinfo", &details(info, 7, &file)).code(), 5001);
    // A file of another report is none of this one.
    assert_eq!(asker.xml("fileinfo", &details(info, other, &file)).code(), 5002);
    assert_eq!(asker.xml("fileinfo", &details(info, report, "00")).code(), 5002);
    assert_eq!(asker.xml("fileinfo", &details(info, report, &format!(" {file}\n"))).code(), 0);
    let second = asker.xml("fileinfo", &details(info, report, &file));
    assert_eq!((second.status, second.code()), (400, 4100));
}

#[test]
fn reports_that_nobody_finishes_expire() {
    let mut asker = Asker::new();
    let (old, changed, finished) = (asker.open(LEAST), asker.open(LEAST), asker.open(LEAST));
    asker.parts("finish", finished, vec![]);
    asker.clock("2026-11-21T09:59:59Z");
    let file = asker.upload(changed);
    asker.clock("2026-11-21T10:00:00Z");
    for step in ["finish", "retract"] {
        assert_eq!(asker.parts(step, old, vec![]).code(), 5001);
    }
    // An hour from the last change, which is later than a day from the opening.
    asker.clock("2026-11-21T10:59:58Z");
    let info = "<fileDetails><reportId>REPORT</reportId><fileId>FILE</fileId></fileDetails>";
    assert_eq!(asker.xml("fileinfo", &details(info, changed, &file)).code(), 0);
    asker.clock("2026-11-21T11:59:57Z");
    assert_eq!(asker.state()["counts"], json!({ "open": 1, "finished": 1, "retracted": 0, "expired": 1 }));
    asker.clock("2026-11-21T11:59:58Z");
    assert_eq!(asker.parts("upload", changed, vec![received("file")]).code(), 5001);
    assert_eq!(asker.parts("finish", finished, vec![]).code(), 5102);
    // What has expired stays so, whatever the clock says.
    asker.clock(START);
    assert_eq!(asker.parts("finish", changed, vec![]).code(), 5001);
    assert_eq!(asker.state()["counts"], json!({ "open": 0, "finished": 1, "retracted": 0, "expired": 2 }));
}

#[test]
fn credentials_come_first() {
    let credentials = Credentials::default().user(Some("user".into())).password(Some("secret".into()));
    let mut asker = Asker::new();
    asker.tipline.credentials = credentials;
    assert_eq!(asker.xml("submit", LEAST).code(), 0);
    for wrong in
        ["", "Basic", "Basic !", "Basic dXNlcjpvdGhlcg==", "Basic dXNlcjo=", "Bearer dXNlcjpzZWNyZXQ="]
    {
        asker.headers = headers(&[("authorization", wrong)]);
        for step in ["status", "submit", "upload", "nothing"] {
            let answer = asker.xml(step, "<");
            assert_eq!((answer.status, &*answer.text), (401, ""), "{wrong} {step}");
        }
    }
    let state = asker.state();
    assert_eq!((&state["unauthorised"], &state["counts"]["open"]), (&24.into(), &1.into()));
    assert!(!state.to_string().contains("secret"));
}

#[test]
fn requests_have_their_method_and_form() {
    let mut asker = Asker::new();
    let report = asker.open(LEAST);
    for (method, path, status, code) in [
        (Method::POST, "status", 405, 4000),
        (Method::GET, "submit", 405, 4000),
        (Method::GET, "finish", 405, 4000),
        (Method::PUT, "upload", 405, 4000),
        (Method::DELETE, "retract", 405, 4000),
        (Method::GET, "xsd", 404, 1210),
        (Method::GET, "", 404, 1210),
        (Method::POST, "Submit", 404, 1210),
    ] {
        let reply = asker.ask(method, &format!("/ispws/{path}"), "text/xml", form(&[], vec![]));
        let answer = Answer { status: reply.status, text: String::from_utf8(reply.body).unwrap() };
        assert_eq!((answer.status, answer.code()), (status, code), "{path}");
    }
    let bytes = |text: &str| Content::Bytes(text.to_string().into_bytes().into());
    let id = || ("id", report.to_string());
    for (step, kind, content, code) in [
        ("submit", "application/x-www-form-urlencoded", bytes(LEAST), 4000),
        ("submit", "", bytes(LEAST), 4000),
        ("upload", "text/xml", bytes("<a/>"), 4000),
        ("upload", "multipart/form-data", Content::Form(None), 4200),
        ("upload", "multipart/form-data", form(&[id()], vec![]), 4000),
        ("upload", "multipart/form-data", form(&[id()], vec![received("other")]), 4000),
        ("upload", "multipart/form-data", form(&[id()], vec![received("file"), received("file")]), 4000),
        ("upload", "multipart/form-data", form(&[], vec![received("file")]), 4000),
        ("upload", "multipart/form-data", form(&[id(), id()], vec![received("file")]), 4000),
        ("finish", "multipart/form-data", form(&[("id", "-1".into())], vec![]), 4000),
        ("finish", "multipart/form-data", form(&[("id", "9".repeat(40))], vec![]), 4000),
        ("finish", "multipart/form-data", Content::Form(None), 4000),
        ("finish", "text/plain", bytes(&format!("id={report}")), 4000),
        ("finish", "application/x-www-form-urlencoded", bytes(""), 4000),
        ("finish", "application/x-www-form-urlencoded", bytes(&format!("id={report}&id={report}")), 4000),
        ("retract", "application/x-www-form-urlencoded", bytes("id=a"), 4000),
        ("finish", "application/x-www-form-urlencoded; charset=UTF-8", bytes(&format!("x=y&id={report}")), 0),
        ("submit", "application/xml", bytes(LEAST), 0),
        ("submit", "Text/XML", bytes(LEAST), 0),
    ] {
        let answer = asker.call(step, kind, content);
        assert_eq!(answer.code(), code, "{step} {kind}: {}", answer.text);
    }
    let retracted =
        asker.call("retract", "application/x-www-form-urlencoded", bytes(&format!("id={}", report + 1)));
    assert_eq!(retracted.report(), report + 1);
}

/// Documents with one rule broken, a line each: what stands in the valid one, what stands there instead, and how the description of the answer begins.
/// `{257}` is so many letters.
const RULES: [(&str, &str, &str, usize); 5] = [
    ("submit", WHOLE, include_str!("tests/report.rules"), 67),
    ("submit", LEAST, include_str!("tests/least.rules"), 5),
    ("submit", BATCH, include_str!("tests/batch.rules"), 10),
    ("fileinfo", BATCH_DETAILS, include_str!("tests/batch_file.rules"), 12),
    ("fileinfo", DETAILS, include_str!("tests/details.rules"), 17),
];

/// A document for a step, whose ids are those of a report that is open.
fn document(asker: &mut Asker, step: &str, text: &str) -> String {
    if step == "submit" {
        return text.to_string();
    }
    let report = asker.open(if text == BATCH_DETAILS { BATCH } else { LEAST });
    let file = asker.upload(report);
    details(text, report, &file)
}

/// The text with `{n}` as so many letters.
fn lengthened(text: &str) -> String {
    let Some((before, rest)) = text.split_once('{') else { return text.to_string() };
    let (length, after) = rest.split_once('}').unwrap();
    format!("{before}{}{after}", "x".repeat(length.parse().unwrap()))
}

#[test]
fn each_rule_is_held() {
    for (step, valid, rules, count) in RULES {
        assert_eq!(rules.lines().count(), count, "{step}");
        for line in rules.lines() {
            let [from, to, expected] = line.split(" => ").collect::<Vec<_>>()[..] else { panic!("{line}") };
            let mut asker = Asker::new();
            let whole = document(&mut asker, step, valid);
            assert_eq!(whole.matches(from).count(), 1, "{line}");
            let answer = asker.xml(step, &whole.replace(from, &lengthened(to)));
            let said = answer.of("responseDescription").to_string();
            assert_eq!((answer.status, answer.code()), (400, 4100), "{line}: {said}");
            assert!(said.starts_with(&format!("Validation failed: {expected}")), "{line}: {said}");
            assert!(!said.contains("SECRET"), "{said}");
            // Nothing came of it, and the valid one is good.
            assert_eq!(asker.xml(step, &whole).code(), 0, "{line}");
        }
    }
}

#[test]
fn texts_may_be_as_long_as_they_may_be() {
    let mut count = 0;
    for (step, valid, rules, _) in RULES {
        for line in rules.lines().filter(|line| line.contains(": at most")) {
            let [from, to, _] = line.split(" => ").collect::<Vec<_>>()[..] else { panic!("{line}") };
            let mut asker = Asker::new();
            let whole = document(&mut asker, step, valid);
            let longest = lengthened(to).replacen('x', "", 1).replace("xx", "é\u{1f600}");
            assert_eq!(asker.xml(step, &whole.replace(from, &longest)).code(), 0, "{line}");
            count += 1;
        }
    }
    assert_eq!(count, 17);
}

#[test]
fn a_batch_has_one_file() {
    let mut asker = Asker::new();
    let batch = asker.open(BATCH);
    let file = asker.upload(batch);
    assert_eq!(asker.xml("fileinfo", &details(BATCH_DETAILS, batch, &file)).code(), 0);
    asker.upload(batch);
    let answer = asker.parts("finish", batch, vec![]);
    assert_eq!((answer.status, answer.code(), answer.of("reportId")), (400, 4100, &*batch.to_string()));
    assert!(answer.text.contains("<reportDoneResponse>"), "{}", answer.text);
    assert_eq!(asker.parts("retract", batch, vec![]).code(), 0);
    let batch = asker.open(BATCH);
    asker.upload(batch);
    assert_eq!(asker.parts("finish", batch, vec![]).code(), 0);
}

#[test]
fn what_supplements_is_neither_classified_nor_a_meme() {
    let mut asker = Asker::new();
    let report = asker.open(LEAST);
    let file = asker.upload(report);
    let mut ask = |rest: &str| {
        let text = "<fileDetails><reportId>REPORT</reportId><fileId>FILE</fileId><fileRelevance>Supplemental Reported</fileRelevance>";
        let answer = asker.xml("fileinfo", &details(&format!("{text}{rest}</fileDetails>"), report, &file));
        assert_eq!(answer.of("reportId"), report.to_string());
        answer.code()
    };
    assert_eq!(ask("<industryClassification>A1</industryClassification>"), 4100);
    assert_eq!(ask("<potentialMeme>true</potentialMeme>"), 4100);
    assert_eq!(ask("<fileAnnotations><potentialMeme/></fileAnnotations>"), 4100);
    assert_eq!(ask("<potentialMeme>false</potentialMeme>"), 0);
}

#[test]
fn what_is_no_xml_is_malformed() {
    let mut asker = Asker::new();
    for text in ["", "<report>", "report", "<report/><report/>", "<!DOCTYPE report><report/>"] {
        for step in ["submit", "fileinfo"] {
            assert_eq!(asker.xml(step, text).code(), 4110, "{text}");
        }
    }
    let long = |length: usize| {
        LEAST.replace(
            "</report>",
            &format!("<additionalInfo>{}</additionalInfo></report>", "a".repeat(length)),
        )
    };
    assert_eq!(asker.xml("submit", &long(8 << 20)).code(), 4000);
    assert_eq!(asker.xml("submit", &long(7 << 20)).code(), 0);
    assert_eq!(asker.xml("submit", "<fileDetails/>").code(), 4100);
    assert_eq!(asker.xml("fileinfo", LEAST).code(), 4100);
    assert_eq!(asker.state()["counts"]["open"], 1);
}

#[test]
fn faults_come_before_or_after_the_effect() {
    let mut asker = Asker::new();
    let faults = json!([
        { "step": "submit", "status": 503, "retry_after": 7 },
        { "step": "submit", "status": 500, "after": true },
        { "wrong_md5": true },
        { "step": "finish", "status": 500, "after": true },
    ]);
    asker.own(Method::POST, "faults", &faults.to_string());
    let reply = asker.ask(Method::POST, "/submit", "text/xml", Content::Bytes(LEAST.into()));
    assert_eq!(reply.status, 503);
    assert!(reply.headers.contains(&("retry-after", "7".into())), "{:?}", reply.headers);
    assert_eq!(asker.state()["counts"]["open"], 0);
    let answer = asker.xml("submit", LEAST);
    assert_eq!((answer.status, answer.code()), (500, 1000));
    let state = asker.state();
    assert_eq!(state["counts"]["open"], 1);
    let report = state["reports"][0]["id"].as_i64().unwrap();
    let uploaded = asker.parts("upload", report, vec![received("file")]);
    assert!(uploaded.code() == 0 && uploaded.of("hash") != "0".repeat(32) && uploaded.of("hash").len() == 32);
    assert_eq!(asker.state()["reports"][0]["files"][0]["md5"], "0".repeat(32));
    assert_eq!(asker.parts("finish", report, vec![]).status, 500);
    let state = asker.state();
    assert_eq!((&state["counts"]["finished"], &state["faults_left"]), (&1.into(), &0.into()));
    assert_eq!(state["played"], json!({ "after": 2, "status": 3, "wrong_md5": 1 }));
    assert_eq!(state["requests"], json!({ "submit": 2, "upload": 1, "finish": 1 }));
}

#[test]
fn reports_outlive_the_stand_in() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let mut asker = Asker::keeping(Some(&path));
    let (report, retracted) = (asker.open(WHOLE), asker.open(LEAST));
    let file = asker.upload(report);
    asker.xml("fileinfo", &details(DETAILS, report, &file));
    asker.parts("retract", retracted, vec![]);
    let before = asker.state();
    drop(asker);

    let mut tipline = CyberTipline::new(Credentials::default(), Some(&path)).unwrap();
    assert_eq!(tipline.control.stands, Some(1_795_168_800));
    tipline.control.stands = None;
    let mut asker = Asker { tipline, headers: headers(&[("authorization", "Basic dXNlcjpzZWNyZXQ=")]) };
    asker.clock(START);
    assert_eq!(asker.state()["reports"], before["reports"]);
    assert_eq!(asker.parts("finish", report, vec![]).of("fileId"), file);
    assert_eq!(asker.parts("finish", retracted, vec![]).code(), 5101);
    assert!(asker.open(LEAST) > retracted);
    let names: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(names, ["state.json"]);

    std::fs::write(&path, "{\"clock\":null,\"reports\":[{}]}").unwrap();
    let error = CyberTipline::new(Credentials::default(), Some(&path)).err().unwrap().to_string();
    assert!(error.contains("state.json: reports[0]: missing field id"), "{error}");
    // Where it cannot be kept, nobody is sure of it.
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let answer = asker.xml("submit", LEAST);
    assert_eq!((answer.status, answer.code()), (500, 1100));
}

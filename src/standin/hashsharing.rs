//! NCMEC's hash sharing, version 2: XML, entries of members in the order of their arrival, windows of time.

use std::collections::BTreeMap;
use std::fmt::Write;

use axum::http::Method;
use quick_xml::escape::escape;

use super::Credentials;
use super::change::{Change, Feedback, Kind};
use super::http::{Asked, Reply, is_right};
use super::rows::{Identity, Order, Page, Row, Window};
use super::time::text;
use super::wire::{Desk, Refusal, Wire};
use crate::clock;

const XML: &str = "application/xml;charset=UTF-8";

const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>"#;

const NAMESPACE: &str = "https://hashsharing.ncmec.org/hashsharing/v2";

/// The member that a client is.
const OWN: (u64, &str) = (1, "Stand-in member");

/// The reasons that negative feedback may have; NCMEC's own are not published.
const REASONS: [(&str, &str); 2] = [
    ("00000000-0000-4000-8000-000000000001", "Example reason 1"),
    ("00000000-0000-4000-8000-000000000002", "Example reason 2"),
];

pub(super) struct HashSharing;

impl Wire for HashSharing {
    fn usual_page(&self) -> usize {
        1000
    }

    fn cursor(&self) -> &'static str {
        "cursor"
    }

    fn identities(&self) -> fn(&Change) -> Vec<Identity> {
        |change| {
            let is_listed = change.is_removal || !change.signatures.is_empty();
            is_listed.then(|| Identity::Entry(change.member, change.key.clone())).into_iter().collect()
        }
    }

    fn is_admitted(&self, asked: &Asked, credentials: &Credentials) -> bool {
        let Some((user, password)) = asked.basic() else { return false };
        is_right(user.as_deref(), credentials.user.as_deref())
            && is_right(password.as_deref(), credentials.password.as_deref())
    }

    fn answer(&self, asked: &Asked, desk: &mut Desk<'_>) -> Result<Reply, Refusal> {
        let (_, route) = asked.path.rsplit_once("/v2/").ok_or(Refusal::NotFound)?;
        let parts: Vec<&str> = route.split('/').collect();
        match (&asked.method, &parts[..]) {
            (&Method::GET, ["status"]) => Ok(status(desk.credentials)),
            (&Method::GET, ["members"]) => Ok(members(desk)),
            (&Method::GET, ["entries"]) => entries(asked, desk),
            (&Method::GET, ["feedback", about, "reasons"]) => Ok(reasons(about)),
            (&Method::PUT, ["entries", member, key, _, "feedback"]) => feedback(asked, desk, member, key),
            _ => Err(Refusal::NotFound),
        }
    }

    fn refuse(&self, refusal: &Refusal) -> Reply {
        let reply = Reply::new(refusal.status(), "text/plain", format!("{}\n", refusal.sentence()));
        match refusal {
            Refusal::Unauthorised => reply.header("www-authenticate", "Basic realm=\"hashsharing\"".into()),
            _ => reply,
        }
    }
}

fn document(root: &str, content: &str) -> String {
    format!("{HEAD}\n<{root} xmlns=\"{NAMESPACE}\">{content}</{root}>\n")
}

fn member(id: u64, name: &str) -> String {
    format!("<member id=\"{id}\">{}</member>", escape(name))
}

fn status(credentials: &Credentials) -> Reply {
    let user = escape(credentials.user.as_deref().unwrap_or("standin"));
    let own = member(OWN.0, OWN.1);
    let content = format!("<ipAddress>127.0.0.1</ipAddress><username>{user}</username>{own}");
    Reply::new(200, XML, document("status", &content))
}

fn members(desk: &Desk<'_>) -> Reply {
    let mut all = desk.rows.members();
    all.entry(OWN.0).or_insert(OWN.1);
    let content: String = all.into_iter().map(|(id, name)| member(id, name)).collect();
    Reply::new(200, XML, document("members", &content))
}

fn reasons(about: &str) -> Reply {
    let about = escape(about);
    let reason = |(guid, name)| format!("<reason guid=\"{guid}\" name=\"{name}\" type=\"{about}\"/>");
    let all: String = REASONS.map(reason).concat();
    let content = format!("<availableFeedbackReasons>{all}</availableFeedbackReasons>");
    Reply::new(200, XML, document("feedbackReasons", &content))
}

/// Takes feedback about an entry; it is not kept.
fn feedback(asked: &Asked, desk: &mut Desk<'_>, member: &str, key: &str) -> Result<Reply, Refusal> {
    let key =
        form_urlencoded::parse(key.replace('+', "%2B").as_bytes()).next().map(|(key, _)| key.into_owned());
    let identity = Identity::Entry(member.parse().map_err(|_| Refusal::NotFound)?, key.unwrap_or_default());
    let now = desk.now;
    let found = desk.rows.at(now).iter().find(|row| row.identity == identity && !row.is_removed());
    found.ok_or(Refusal::NotFound)?;
    let body = String::from_utf8_lossy(asked.body());
    if !["<affirmative", "<negative"].iter().any(|element| body.contains(element)) {
        return Err(Refusal::Malformed("the body has neither <affirmative> nor <negative>".into()));
    }
    Ok(Reply::new(200, XML, document("submissionResult", "")))
}

fn entries(asked: &Asked, desk: &mut Desk<'_>) -> Result<Reply, Refusal> {
    let time = |name: &str| match asked.parameter(name) {
        None => Ok(None),
        Some(text) => {
            let wrong =
                || Refusal::Malformed(format!("{name}: this must be a time such as 2026-11-20T10:00:00Z"));
            clock::seconds(text).map(Some).ok_or_else(wrong)
        }
    };
    let (from, to) = (time("from")?, time("to")?);
    desk.window = Some((from, to));
    let size = asked.page_size("size", desk.most)?;
    let (from, to) = (from.unwrap_or(0), to.unwrap_or(desk.now));
    let window = Window { from, to, order: Order::Arrival, size, wanted: &|_| true };
    let page = desk.rows.page(desk.now, &window, desk.cursor, desk.seed);
    let mut content = listed(&page, Kind::Image, "images") + &listed(&page, Kind::Video, "videos");
    if let Some(next) = next(&page, &window) {
        let _ = write!(content, "<paging><next>{}</next></paging>", escape(next));
    }
    Ok(Reply::new(200, XML, document("queryResult", &content)).page(page.rows.len()))
}

/// The path of the next page, which a client appends to its address.
fn next(page: &Page<'_>, window: &Window<'_>) -> Option<String> {
    let end = page.end.filter(|_| page.has_more())?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, time) in [("from", window.from), ("to", window.to)] {
        query.append_pair(name, &text(time).replace('Z', ".000Z"));
    }
    query.append_pair("start", &(page.before + page.rows.len() + 1).to_string());
    query.append_pair("size", &window.size.to_string()).append_pair("max", &page.total.to_string());
    query.append_pair("cursor", &end.text());
    Some(format!("/v2/entries?{}", query.finish()))
}

/// The entries of a kind, in an element of their own; nothing where there are none.
fn listed(page: &Page<'_>, kind: Kind, name: &str) -> String {
    let of_kind = |row: &&&Row| entry(row).is_some_and(|change| change.kind == kind);
    let rows: Vec<&&Row> = page.rows.iter().filter(of_kind).collect();
    let Some(newest) = rows.iter().map(|row| row.time).max() else { return String::new() };
    let all: String = rows.iter().filter_map(|row| element(row)).collect();
    let (count, newest) = (rows.len(), text(newest));
    format!("<{name} count=\"{count}\" maxTimestamp=\"{newest}\">{all}</{name}>")
}

/// The change that an entry is: it has one holder.
fn entry(row: &Row) -> Option<&Change> {
    row.holders.values().next().map(|held| &*held.change)
}

fn element(row: &Row) -> Option<String> {
    let change = entry(row)?;
    let (member, id, time) =
        (member(change.member, &change.member_name), escape(&change.key), text(row.time));
    if row.is_removed() {
        let name = match change.kind {
            Kind::Image => "deletedImage",
            Kind::Video => "deletedVideo",
        };
        return Some(format!("<{name}>{member}<id>{id}</id><timestamp>{time}</timestamp></{name}>"));
    }
    let name = match change.kind {
        Kind::Image => "image",
        Kind::Video => "video",
    };
    let mut text = format!("<{name}>{member}<timestamp>{time}</timestamp><id>{id}</id>");
    if let Some(label) = change.labels.first() {
        let _ = write!(text, "<classification>{}</classification>", escape(label));
    }
    text += "<fingerprints>";
    let signatures = &change.signatures;
    for (name, value) in [
        ("md5", &signatures.md5),
        ("sha1", &signatures.sha1),
        ("pdna", &signatures.photodna),
        ("pdq", &signatures.pdq),
    ] {
        if let Some(value) = value {
            let _ = write!(text, "<{name}>{}</{name}>", escape(value));
        }
    }
    let _ = write!(text, "</fingerprints>{}</{name}>", opinions(&change.feedback, &time));
    Some(text)
}

/// What members say about an entry: one element for each signature that is agreed with, one for each with an objection and its reasons.
fn opinions(feedback: &[Feedback], time: &str) -> String {
    if feedback.is_empty() {
        return String::new();
    }
    let mut agreed: BTreeMap<&str, String> = BTreeMap::new();
    let mut objected: BTreeMap<&str, BTreeMap<&str, String>> = BTreeMap::new();
    for one in feedback {
        let who = member(one.member, &one.source);
        match one.value.as_str() {
            "downvote" => *objected.entry(&one.about).or_default().entry(&one.reason).or_default() += &who,
            _ => *agreed.entry(&one.about).or_default() += &who,
        }
    }
    let members = |all: &str| format!("<members timestamp=\"{time}\">{all}</members>");
    let mut text = format!("<feedback lastUpdateTimestamp=\"{time}\">");
    for (about, all) in agreed {
        let (about, all) = (escape(about), members(&all));
        let _ = write!(
            text,
            "<affirmativeFeedback type=\"{about}\" lastUpdateTimestamp=\"{time}\">{all}</affirmativeFeedback>"
        );
    }
    for (about, reasons) in objected {
        let about = escape(about);
        let reason = |(reason, all): (&str, String)| {
            let (guid, _) = REASONS.iter().find(|(_, name)| *name == reason).unwrap_or(&REASONS[0]);
            let (reason, all) = (escape(reason), members(&all));
            format!("<reason guid=\"{guid}\" name=\"{reason}\" type=\"{about}\"/>{all}")
        };
        let all: String = reasons.into_iter().map(reason).collect();
        let _ = write!(
            text,
            "<negativeFeedback type=\"{about}\" lastUpdateTimestamp=\"{time}\"><reasons>{all}</reasons></negativeFeedback>"
        );
    }
    text + "</feedback>"
}

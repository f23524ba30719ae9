//! NCMEC's CyberTipline: reports that are opened, get files and details, and are finished or retracted, as strict as the published description.
//!
//! `schema` has the tables of elements and `validate` walks them; `rules` is what no table can say. `reports` knows what may still happen to a report.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::Method;
use md5::{Digest as _, Md5};
use serde::Serialize;
use serde_json::{Value, json};

use super::Credentials;
use super::control::{Control, OWN, own_reply};
use super::fault::{Fault, Faults, For};
use super::form::{Received, digits};
use super::http::{Asked, Content, Reply, is_right};
use super::responder::Responder;
use super::step::Step;
use super::time::text;
use crate::error::Result;
use crate::service::Ids;

mod answer;
mod kept;
mod moment;
mod reports;
mod rules;
mod schema;
#[cfg(test)]
mod tests;
mod text;
mod tree;
mod validate;

use answer::{
    Code, Gives, INVALID_REQUEST, MALFORMED_FILE, MALFORMED_XML, NOT_FOUND, Outcome, SAVE_FAILED,
    SECOND_DETAILS, SERVER_ERROR, VALIDATION_FAILED, WRONG_METHOD,
};
use kept::Kept;
use reports::{Reports, Stage};
use schema::Element;
use schema::file::FILE_DETAILS;
use schema::report::REPORT;
use tree::Node;
use validate::validate;

/// How many answers are remembered.
const RECENT: usize = 256;

/// Largest document, in bytes: as a tree it takes many times as much.
const LARGEST: usize = 8 << 20;

/// An answer that was given.
#[derive(Serialize)]
struct Call {
    step: Option<Step>,
    status: u16,
    code: Option<u16>,
    description: String,
    report: Option<i64>,
    request_id: String,
}

/// All that the stand-in holds.
pub(super) struct CyberTipline {
    credentials: Credentials,
    control: Control,
    reports: Reports,
    kept: Option<Kept>,
    ids: Ids,
    requests: BTreeMap<Step, usize>,
    unauthorised: usize,
    recent: VecDeque<Call>,
}

/// What a call gives, or why it does not.
type Called = std::result::Result<Outcome, Outcome>;

impl CyberTipline {
    /// One with the reports of this file, and none where it does not exist.
    pub(super) fn new(credentials: Credentials, state: Option<&Path>) -> Result<CyberTipline> {
        // Ids of one that was started anew without a file are not those of the last one.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut tipline = CyberTipline {
            credentials,
            control: Control::new(Faults::of_steps()),
            reports: Reports::new(i64::try_from(since.as_secs()).unwrap_or(1)),
            kept: state.map(Kept::new),
            ids: Ids::default(),
            requests: BTreeMap::new(),
            unauthorised: 0,
            recent: VecDeque::new(),
        };
        if let Some(read) = tipline.kept.as_ref().map(Kept::read).transpose()?.flatten() {
            tipline.control.stands = read.clock;
            tipline.reports.restore(read.reports);
        }
        Ok(tipline)
    }

    fn is_admitted(&self, asked: &Asked) -> bool {
        let Some((user, password)) = asked.basic() else { return false };
        is_right(user.as_deref(), self.credentials.user.as_deref())
            && is_right(password.as_deref(), self.credentials.password.as_deref())
    }

    /// Takes a call whose credentials are right, and keeps what it changed.
    fn called(&mut self, asked: &Asked, step: Option<Step>) -> Outcome {
        let now = self.control.now();
        let has_expired = self.reports.expire(now);
        let called = self.call(asked, step, now);
        let is_change = called.is_ok() && asked.method == Method::POST;
        let outcome = called.unwrap_or_else(|outcome| outcome);
        match self.keep(is_change || has_expired) {
            Ok(()) => outcome,
            Err(why) => Outcome::error(SAVE_FAILED, why, outcome.report),
        }
    }

    fn keep(&self, is_change: bool) -> std::result::Result<(), String> {
        let Some(kept) = self.kept.as_ref().filter(|_| is_change) else { return Ok(()) };
        kept.write(self.control.stands, &self.reports)
            .map_err(|error| format!("the file of the state: {error}"))
    }

    fn call(&mut self, asked: &Asked, step: Option<Step>, now: i64) -> Called {
        let step = step.ok_or_else(|| Outcome::error(NOT_FOUND, "", None))?;
        let method = if matches!(step, Step::Status | Step::Xsd) { Method::GET } else { Method::POST };
        if asked.method != method {
            return Err(Outcome::error(WRONG_METHOD, format!("this is for {method} alone"), None));
        }
        match step {
            Step::Status => Ok(status(asked)),
            Step::Xsd => {
                Err(Outcome::error(NOT_FOUND, "NCMEC's schema is not shipped with the stand-in", None))
            }
            Step::Submit => self.submit(asked, now),
            Step::Upload => self.upload(asked, now),
            Step::FileInfo => self.describe(asked, now),
            Step::Finish => self.finish(asked, now),
            Step::Retract => self.retract(asked, now),
        }
    }

    fn submit(&mut self, asked: &Asked, now: i64) -> Called {
        let report = document(asked, "report", &REPORT, now)?;
        rules::report(&report).map_err(invalid)?;
        Ok(Outcome::success(Some(self.reports.open(report.json(), rules::is_batch(&report), now))))
    }

    fn upload(&mut self, asked: &Asked, now: i64) -> Called {
        let (id, received) = uploaded(asked)?;
        let report = self.reports.opened(id).map_err(refused(id))?;
        let file = digits(&Md5::digest(self.ids.next()));
        report.add(file.clone(), received, now);
        let gives = Gives::File { id: file, md5: received.md5.clone() };
        Ok(Outcome { gives, ..Outcome::success(Some(id)) })
    }

    fn describe(&mut self, asked: &Asked, now: i64) -> Called {
        let details = document(asked, "fileDetails", &FILE_DETAILS, now)?;
        let id = details.text_of("reportId").and_then(|id| id.parse().ok()).unwrap_or(0);
        let report = self.reports.opened(id).map_err(refused(id))?;
        let is_batched = report.batched;
        let file = report.file(details.text_of("fileId").unwrap_or_default()).map_err(refused(id))?;
        if file.details.is_some() {
            return Err(Outcome::error(SECOND_DETAILS, "the file has its details", Some(id)));
        }
        rules::file(&details, is_batched).map_err(|why| Outcome { report: Some(id), ..invalid(why) })?;
        file.details = Some(details.json());
        report.touch(now);
        Ok(Outcome::success(Some(id)))
    }

    fn finish(&mut self, asked: &Asked, now: i64) -> Called {
        let id = id_of(asked)?;
        let report = self.reports.opened(id).map_err(refused(id))?;
        if report.batched && report.files.len() > 1 {
            return Err(Outcome::error(VALIDATION_FAILED, "a batch has one file at most", Some(id)));
        }
        report.end(Stage::Finished, now);
        let gives = Gives::Files(report.files.iter().map(|file| file.id.clone()).collect());
        Ok(Outcome { gives, ..Outcome::success(Some(id)) })
    }

    fn retract(&mut self, asked: &Asked, now: i64) -> Called {
        let id = id_of(asked)?;
        self.reports.opened(id).map_err(refused(id))?.end(Stage::Retracted, now);
        Ok(Outcome::success(Some(id)))
    }

    fn own(&mut self, asked: &Asked, path: &str) -> std::result::Result<Option<Value>, String> {
        if (&asked.method, path) == (&Method::GET, "state") {
            let has_expired = self.reports.expire(self.control.now());
            self.keep(has_expired)?;
            return Ok(Some(self.shown()));
        }
        let answer = self.control.own(asked, path)?;
        self.keep(answer.is_some())?;
        Ok(answer)
    }

    /// All that it holds, for tests that ask how many finished reports there are.
    fn shown(&self) -> Value {
        let count = |stage| self.reports.count(stage);
        json!({
            "exchange": "cybertipline",
            "now": text(self.control.now()),
            "counts": {
                "open": count(Stage::Open),
                "finished": count(Stage::Finished),
                "retracted": count(Stage::Retracted),
                "expired": count(Stage::Expired),
            },
            "reports": self.reports.iter().collect::<Vec<_>>(),
            "requests": self.requests,
            "unauthorised": self.unauthorised,
            "faults_left": self.control.faults.left(),
            "played": self.control.faults.played,
            "recent": self.recent,
        })
    }

    /// Remembers an answer, and gives it the name of its request.
    fn given(&mut self, step: Option<Step>, reply: Reply, outcome: Option<&Outcome>) -> Reply {
        let request_id = self.ids.next();
        self.recent.push_back(Call {
            step,
            status: reply.status,
            code: outcome.map(|outcome| outcome.code.number),
            description: outcome.map(Outcome::description).unwrap_or_default(),
            report: outcome.and_then(|outcome| outcome.report),
            request_id: request_id.clone(),
        });
        self.recent.drain(..self.recent.len().saturating_sub(RECENT));
        reply.header("request-id", request_id)
    }
}

impl Responder for CyberTipline {
    fn fault(&mut self, asked: &Asked) -> Fault {
        if asked.path.starts_with(OWN) {
            return Fault::default();
        }
        let step = Step::of(&asked.path);
        if let Some(step) = step {
            *self.requests.entry(step).or_default() += 1;
        }
        self.control.faults.next(&For::Step(step))
    }

    fn answer(&mut self, asked: &Asked, fault: &Fault) -> Reply {
        if let Some(own) = asked.path.strip_prefix(OWN) {
            return own_reply(self.own(asked, own));
        }
        let step = Step::of(&asked.path);
        if let Some(status) = fault.status.filter(|_| !fault.after) {
            return self.given(step, broken(status, fault), None);
        }
        if !self.is_admitted(asked) {
            self.unauthorised += 1;
            let reply = Reply::empty(401).header("www-authenticate", "Basic realm=\"ispws\"".into());
            return self.given(step, reply, None);
        }
        let mut outcome = self.called(asked, step);
        if let Gives::File { md5, .. } = &mut outcome.gives
            && fault.wrong_md5
        {
            *md5 = digits(&Md5::digest(&*md5));
        }
        let reply = fault.status.map_or_else(|| outcome.reply(step), |status| broken(status, fault));
        self.given(step, reply, Some(&outcome))
    }
}

/// The answer of a fault that has a status: the server's own for 500, else that of something before it, which has no document.
fn broken(status: u16, fault: &Fault) -> Reply {
    let reply = match status {
        500 => Outcome::error(SERVER_ERROR, "", None).reply(None),
        _ => Reply::new(status, "text/plain", "this fault was asked for\n"),
    };
    fault.with_retry_after(reply)
}

fn invalid(why: String) -> Outcome {
    Outcome::error(VALIDATION_FAILED, why, None)
}

/// Says of which report a code is.
fn refused(id: i64) -> impl Fn(Code) -> Outcome {
    move |code| Outcome::error(code, "", Some(id))
}

fn status(asked: &Asked) -> Outcome {
    let (user, _) = asked.basic().unwrap_or_default();
    let why = format!("Remote User : {}, Remote Ip : {}", user.unwrap_or_default(), asked.peer);
    Outcome { why, ..Outcome::success(None) }
}

/// The document of a request, held against its table.
fn document(asked: &Asked, name: &str, element: &Element, now: i64) -> std::result::Result<Node, Outcome> {
    if !matches!(&*asked.content_type(), "text/xml" | "application/xml") {
        return Err(Outcome::error(INVALID_REQUEST, "Content-Type: text/xml; charset=utf-8 is needed", None));
    }
    if asked.body().len() > LARGEST {
        return Err(Outcome::error(INVALID_REQUEST, format!("a document has at most {LARGEST} bytes"), None));
    }
    let node = tree::read(asked.body()).ok_or_else(|| Outcome::error(MALFORMED_XML, "", None))?;
    validate(&node, name, element, now).map_err(invalid)?;
    Ok(node)
}

/// The report of an upload and its file.
fn uploaded(asked: &Asked) -> std::result::Result<(i64, &Received), Outcome> {
    let wrong = |code, why: &str| Err(Outcome::error(code, why, None));
    let form = match &asked.content {
        Content::Bytes(_) => {
            return wrong(INVALID_REQUEST, "a form of parts (multipart/form-data) is needed");
        }
        Content::Form(None) => return wrong(MALFORMED_FILE, "the form is malformed, or its end is missing"),
        Content::Form(Some(form)) => form,
    };
    let [file] = &form.files[..] else { return wrong(INVALID_REQUEST, "exactly one file is needed") };
    if file.part != "file" {
        return wrong(INVALID_REQUEST, "file: this is missing");
    }
    Ok((id_in(form.field("id"))?, file))
}

/// The report that a form of parts, or one that is urlencoded, names.
fn id_of(asked: &Asked) -> std::result::Result<i64, Outcome> {
    match &asked.content {
        Content::Form(form) => id_in(form.as_ref().and_then(|form| form.field("id"))),
        Content::Bytes(bytes) if asked.content_type() == "application/x-www-form-urlencoded" => {
            let fields: Vec<_> = form_urlencoded::parse(bytes).filter(|(name, _)| name == "id").collect();
            let [(_, id)] = &fields[..] else { return id_in(None) };
            id_in(Some(id))
        }
        Content::Bytes(_) => Err(Outcome::error(INVALID_REQUEST, "a form is needed", None)),
    }
}

fn id_in(field: Option<&str>) -> std::result::Result<i64, Outcome> {
    let digits = field.filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
    let wrong = || Outcome::error(INVALID_REQUEST, "id: the number of a report is needed, once", None);
    digits.and_then(|text| text.parse().ok()).ok_or_else(wrong)
}

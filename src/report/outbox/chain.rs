//! One attempt to file one report: opened, its files uploaded and described, finished.

use serde_json::{Value, json};

use super::super::evidence::Evidence;
use super::super::model::REPORT;
use super::super::model::file::FILE;
use super::super::transport::{Answer, Call, Failure, Transport, code};
use super::super::xml;
use super::clock::Clock;
use super::item::ItemState;
use super::pace;
use super::rows::{FileRow, Row, Rows, Step};
use crate::error::{Error, Result};
use crate::pipeline::Stop;

/// Why an attempt ends that nothing is wrong with.
const ENDING: &str = "the process that sends it ends";

/// What went wrong. NCMEC's own words may quote the report, so they are kept with it and are in no event.
#[derive(Debug, Clone)]
pub(super) struct Why {
    pub(super) what: String,
    said: String,
}

impl Why {
    /// With NCMEC's words.
    pub(super) fn whole(&self) -> String {
        if self.said.is_empty() { self.what.clone() } else { format!("{}: {}", self.what, self.said) }
    }
}

impl From<String> for Why {
    fn from(what: String) -> Why {
        Why { what, said: String::new() }
    }
}

impl From<&str> for Why {
    fn from(what: &str) -> Why {
        Why::from(what.to_string())
    }
}

/// Why an attempt ended before the report was filed. Nothing is filed unless it is `Finish`.
pub(super) enum End {
    /// Nobody knows what NCMEC has: it begins anew.
    Doubt { why: Why, code: Option<i64>, after: Option<std::time::Duration> },
    /// The same would be refused again: a person has to look.
    Refused { why: Why, code: Option<i64> },
    /// The credentials are not accepted.
    Credentials { why: Why },
    /// Somebody took it back.
    Stopped,
    /// The finish was asked for, and this came of it.
    Finish(FinishEnd),
    /// Nothing can be written any more.
    Broken(Error),
}

/// What came of a finish that was not done.
pub(super) enum FinishEnd {
    /// It is asked for again.
    Again { why: Why, code: Option<i64>, after: Option<std::time::Duration> },
    /// The same, and a person has to know.
    Alarm { why: Why, code: Option<i64> },
    /// NCMEC removed the report before it was filed.
    Removed,
    /// The credentials are not accepted.
    Credentials { why: Why },
}

impl From<Error> for End {
    fn from(error: Error) -> End {
        End::Broken(error)
    }
}

/// What an attempt works with.
pub(super) struct Chain<'a> {
    pub(super) rows: Rows<'a>,
    pub(super) evidence: &'a Evidence,
    pub(super) clock: &'a Clock,
    pub(super) transport: &'a mut dyn Transport,
    pub(super) opened: &'a dyn Fn(u64),
    /// Once it is requested, no call is made.
    pub(super) stop: &'a Stop,
}

/// A finished report: what NCMEC says of its files, where it does not agree.
pub(super) struct Done {
    pub(super) disagreement: Option<String>,
}

impl Chain<'_> {
    /// From the begin to the end.
    pub(super) fn file(&mut self, mut row: Row) -> Result<Done, End> {
        let request: Value = row
            .request
            .as_deref()
            .and_then(|text| serde_json::from_str(text).ok())
            .ok_or_else(|| End::Refused { why: "its request cannot be read".into(), code: None })?;
        let files = self.rows.files(&row.id)?;
        let refused = |error: Error| End::Refused { why: error.to_string().into(), code: None };
        let report = xml::report(&request, &REPORT).map_err(refused)?;
        // Before anything is opened at NCMEC, everything that will be sent is read once.
        for file in &files {
            self.evidence.verify(&file.digests.sha256).map_err(refused)?;
        }
        self.submit(&mut row, report)?;
        for (place, file) in files.iter().enumerate() {
            let id = self.upload(&row, place, file)?;
            self.describe(&row, place, &id, &request["files"][place], file)?;
        }
        self.finish(row)
    }

    fn submit(&mut self, row: &mut Row, report: String) -> Result<(), End> {
        let answer = self.step(row, ItemState::Queued, ItemState::Submitting, 0, Call::Submit(report))?;
        let report = answer.report.ok_or_else(|| doubt("its answer names no report"))?;
        self.rows.opened(&row.id, report, self.clock.now())?;
        (row.report, row.opened) = (Some(report), Some(self.clock.now()));
        row.state = ItemState::Open;
        (self.opened)(report);
        Ok(())
    }

    fn upload(&mut self, row: &Row, place: usize, file: &FileRow) -> Result<String, End> {
        let from = if place == 0 { ItemState::Open } else { ItemState::Describing };
        let report = number(row)?;
        let opened = self.evidence.open_file(&file.digests.sha256);
        let content = opened.map_err(|error| End::Refused {
            why: format!("the evidence cannot be used: {error}").into(),
            code: None,
        })?;
        let call = Call::Upload { report, content: Box::new(content), bytes: file.digests.bytes };
        let answer = self.step(row, from, ItemState::Uploading, place, call)?;
        if answer.hash.as_deref() != Some(&file.digests.md5) {
            return Err(doubt("the MD5 of what arrived is another one"));
        }
        let id = answer.file.ok_or_else(|| doubt("its answer names no file"))?;
        self.rows.uploaded(&row.id, place, &id)?;
        Ok(id)
    }

    fn describe(
        &mut self,
        row: &Row,
        place: usize,
        id: &str,
        details: &Value,
        file: &FileRow,
    ) -> Result<(), End> {
        let report = number(row)?;
        let details = xml::file_details(report, id, &with_hashes(details, file), &FILE);
        let details = details.map_err(|error| End::Refused { why: error.to_string().into(), code: None })?;
        let call = Call::FileInfo { report, details };
        self.step(row, ItemState::Uploading, ItemState::Describing, place, call).map(drop)
    }

    /// A call before the finish. Anything but a clear yes ends the attempt.
    fn step(
        &mut self,
        row: &Row,
        from: ItemState,
        to: ItemState,
        position: usize,
        call: Call,
    ) -> Result<Answer, End> {
        let now = self.clock.now();
        if row.opened.is_some_and(|opened| now > opened + pace::DEADLINE) {
            return Err(doubt("it took more than 20 hours"));
        }
        if self.stop.requested() {
            return Err(doubt(ENDING));
        }
        let (name, report) = (call.name(), call.report());
        let noted = self.rows.before(row, Step { from, to, position }, name, now)?;
        let number = noted.ok_or(End::Stopped)?;
        let answer = self.ask(number, call)?;
        match answer.code {
            code::DONE if report.is_some() && answer.report.is_some_and(|other| Some(other) != report) => {
                Err(doubt("its answer is about another report"))
            }
            code::DONE => Ok(answer),
            code::CREDENTIALS => Err(End::Credentials { why: said(name, &answer) }),
            refusal if code::is_refusal(refusal) => {
                Err(End::Refused { why: said(name, &answer), code: Some(refusal) })
            }
            other => Err(End::Doubt { why: said(name, &answer), code: Some(other), after: None }),
        }
    }

    /// Makes a call that was noted, and notes its answer.
    fn ask(&mut self, number: i64, call: Call) -> Result<Answer, End> {
        let name = call.name();
        match self.transport.call(call) {
            Ok(answer) => {
                let code = Some(answer.code);
                self.rows.answered(number, Some(answer.status), code, answer.request_id.as_deref())?;
                Ok(answer)
            }
            Err(Failure::Doubt { why, status, request_id, after }) => {
                self.rows.answered(number, status, None, request_id.as_deref())?;
                Err(End::Doubt { why: format!("{name}: {why}").into(), code: None, after })
            }
            Err(Failure::Credentials { status, request_id }) => {
                self.rows.answered(number, Some(status), None, request_id.as_deref())?;
                Err(End::Credentials { why: format!("{name}: it answered {status}").into() })
            }
            Err(Failure::Here(error)) => Err(doubt(&error.to_string())),
        }
    }

    /// Asks for the finish. From the first time on nothing else is asked for this report.
    pub(super) fn finish(&mut self, row: Row) -> Result<Done, End> {
        let report = number(&row)?;
        if self.stop.requested() && row.state != ItemState::Finishing {
            return Err(doubt(ENDING));
        }
        let files = self.rows.files(&row.id)?;
        let from = match row.state {
            ItemState::Finishing => ItemState::Finishing,
            _ if files.is_empty() => ItemState::Open,
            _ => ItemState::Describing,
        };
        let now = self.clock.now();
        let step = Step { from, to: ItemState::Finishing, position: files.len() };
        let number = self.rows.before(&row, step, "finish", now)?.ok_or(End::Stopped)?;
        let again = |why: Why, code| End::Finish(FinishEnd::Again { why, code, after: None });
        let alarm = |why: Why, code| End::Finish(FinishEnd::Alarm { why, code: Some(code) });
        let answer = self.ask(number, Call::Finish(report)).map_err(|end| match end {
            End::Doubt { why, code, after } => End::Finish(FinishEnd::Again { why, code, after }),
            End::Credentials { why } => End::Finish(FinishEnd::Credentials { why }),
            end => end,
        })?;
        match answer.code {
            code::DONE if answer.report.is_some_and(|other| other != report) => {
                Err(again("finish: its answer is about another report".into(), None))
            }
            code::DONE => Ok(Done { disagreement: disagreement(&answer, &files) }),
            code::FINISHED => Ok(Done { disagreement: None }),
            code::NO_REPORT => {
                let opened = row.opened.unwrap_or(row.created);
                match pace::is_removed(opened, row.changed.unwrap_or(opened), self.clock.now()) {
                    true => Err(End::Finish(FinishEnd::Removed)),
                    false => Err(alarm(said("finish", &answer), code::NO_REPORT)),
                }
            }
            code::CREDENTIALS => Err(End::Finish(FinishEnd::Credentials { why: said("finish", &answer) })),
            code if code == code::RETRACTED || code::is_refusal(code) => {
                Err(alarm(said("finish", &answer), code))
            }
            code => Err(again(said("finish", &answer), Some(code))),
        }
    }
}

fn doubt(why: &str) -> End {
    End::Doubt { why: why.into(), code: None, after: None }
}

fn number(row: &Row) -> Result<u64, End> {
    row.report.ok_or_else(|| doubt("it has no number"))
}

/// What NCMEC answered.
fn said(call: &str, answer: &Answer) -> Why {
    Why { what: format!("{call}: NCMEC answered {}", answer.code), said: answer.description.clone() }
}

/// Whether NCMEC has other files than were uploaded.
fn disagreement(answer: &Answer, files: &[FileRow]) -> Option<String> {
    let mut ours: Vec<&str> = files.iter().filter_map(|file| file.file.as_deref()).collect();
    let mut theirs: Vec<&str> = answer.files.iter().map(String::as_str).collect();
    ours.sort_unstable();
    theirs.sort_unstable();
    (ours != theirs)
        .then(|| format!("it is filed with {} files, and {} were uploaded", theirs.len(), ours.len()))
}

/// The details with the hashes of the evidence before those that the caller has.
fn with_hashes(details: &Value, file: &FileRow) -> Value {
    let mut details = details.clone();
    let digests = &file.digests;
    let computed = [("MD5", &digests.md5), ("SHA1", &digests.sha1), ("SHA256", &digests.sha256)];
    let mut hashes: Vec<Value> =
        computed.iter().map(|(kind, value)| json!({ "type": kind, "value": value })).collect();
    let is_computed = |hash: &Value| {
        let kind = hash["type"].as_str().unwrap_or_default().replace('-', "").to_ascii_uppercase();
        computed.iter().any(|(name, _)| **name == kind)
    };
    let given = details["hashes"].as_array().cloned().unwrap_or_default();
    hashes.extend(given.into_iter().filter(|hash| !is_computed(hash)));
    if let Some(members) = details.as_object_mut() {
        members.insert("hashes".into(), hashes.into());
    }
    details
}

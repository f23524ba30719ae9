//! The reports that were opened, and what may still happen to each.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::form::Received;
use super::super::time::whole;
use super::answer::{Code, EXPIRED, FINISHED, NO_FILE, NO_REPORT, RETRACTED};

/// How long a report stays open after it was opened, and after its last change: the later end counts. In seconds.
const STAYS: (i64, i64) = (24 * 3600, 3600);

/// Where a report is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Stage {
    Open,
    Finished,
    Retracted,
    Expired,
}

/// A report.
#[derive(Serialize, Deserialize)]
pub(super) struct Report {
    pub(super) id: i64,
    #[serde(rename = "state")]
    pub(super) stage: Stage,
    #[serde(with = "whole")]
    opened: i64,
    /// When it got its last file or details, or left the open ones.
    #[serde(with = "whole")]
    changed: i64,
    pub(super) batched: bool,
    /// What was submitted.
    report: Value,
    pub(super) files: Vec<File>,
}

/// A file of a report.
#[derive(Serialize, Deserialize)]
pub(super) struct File {
    pub(super) id: String,
    name: Option<String>,
    bytes: u64,
    pub(super) md5: String,
    sha256: String,
    /// What was said about it.
    pub(super) details: Option<Value>,
}

/// All reports, by their ids.
#[derive(Default)]
pub(super) struct Reports {
    all: BTreeMap<i64, Report>,
    /// The id of the next report, at least.
    first: i64,
}

impl Reports {
    /// None so far; ids begin here.
    pub(super) fn new(first: i64) -> Reports {
        Reports { all: BTreeMap::new(), first: first.max(1) }
    }

    /// Takes reports that were kept.
    pub(super) fn restore(&mut self, kept: Vec<Report>) {
        self.all = kept.into_iter().map(|report| (report.id, report)).collect();
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Report> {
        self.all.values()
    }

    pub(super) fn count(&self, stage: Stage) -> usize {
        self.iter().filter(|report| report.stage == stage).count()
    }

    /// Opens a report and gives its id, which no other has.
    pub(super) fn open(&mut self, report: Value, batched: bool, now: i64) -> i64 {
        let last = self.all.last_key_value().map_or(0, |(id, _)| *id);
        let id = self.first.max(last.saturating_add(1));
        let opened =
            Report { id, stage: Stage::Open, opened: now, changed: now, batched, report, files: Vec::new() };
        self.all.insert(id, opened);
        id
    }

    /// A report that is open.
    pub(super) fn opened(&mut self, id: i64) -> Result<&mut Report, Code> {
        let report = self.all.get_mut(&id).ok_or(NO_REPORT)?;
        match report.stage {
            Stage::Open => Ok(report),
            Stage::Finished => Err(FINISHED),
            Stage::Retracted => Err(RETRACTED),
            Stage::Expired => Err(EXPIRED),
        }
    }

    /// Lets those go that nobody finished in time; whether there were any.
    pub(super) fn expire(&mut self, now: i64) -> bool {
        let open = self.all.values_mut().filter(|report| report.stage == Stage::Open);
        let late = open.filter(|report| now >= (report.opened + STAYS.0).max(report.changed + STAYS.1));
        late.map(|report| report.stage = Stage::Expired).count() > 0
    }
}

impl Report {
    pub(super) fn add(&mut self, id: String, received: &Received, now: i64) {
        let Received { name, bytes, md5, sha256, .. } = received.clone();
        self.files.push(File { id, name, bytes, md5, sha256, details: None });
        self.changed = now;
    }

    pub(super) fn file(&mut self, id: &str) -> Result<&mut File, Code> {
        self.files.iter_mut().find(|file| file.id == id).ok_or(NO_FILE)
    }

    pub(super) fn touch(&mut self, now: i64) {
        self.changed = now;
    }

    /// It is open no more.
    pub(super) fn end(&mut self, stage: Stage, now: i64) {
        (self.stage, self.changed) = (stage, now);
    }
}

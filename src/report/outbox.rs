//! Reports that are kept until they are filed, and none filed twice.
//!
//! ```text
//! queued → submitting → open → uploading → describing → … → finishing → finished → preserved → erased
//!    before finishing: retracted and queued again │ failed, wants a person │ retracted │ cancelled
//! ```
//!
//! Each step is written before its request and after its answer. Before `finishing` nothing is filed, so any doubt ends that attempt: the open report is
//! retracted, and another one begun. Once `finishing` is written, only the finish of that one report is asked for, until NCMEC says that it is done.

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::check::{check_report, form};
use super::evidence::{Digests, Evidence, digests};
use super::json;
use super::model::words::Mode;
use super::model::{REPORT, Report};
use super::options::ReportOptions;
use super::pictures;
use super::problem::{Problem, Rule};
use super::time::Moment;
use crate::audit::Act;
use crate::error::{Error, Result};
use crate::hook::{self, HookCounts, HookListener, HookSender, Hooks};
use crate::state::State;

mod chain;
mod clock;
mod event;
pub(crate) mod ids;
mod item;
mod pace;
mod rows;
mod sender;
#[cfg(test)]
mod tests;

use clock::Clock;
pub use event::{Alarm, Listener, OutboxEvent};
pub use item::{Counts, Item, ItemState, RequestRecord};
use rows::{NewItem, Rows};
pub use sender::{Next, Sender};

/// The outbox of a folder.
#[derive(Debug, Clone)]
pub struct Outbox {
    state: Arc<State>,
    evidence: Arc<Evidence>,
    options: Arc<ReportOptions>,
    hooks: Arc<Hooks>,
    actor: Arc<Actor>,
    listener: Listener,
    clock: Clock,
}

/// Whose acts the audit log has.
#[derive(Debug)]
struct Actor {
    name: String,
    user: Option<String>,
}

impl Actor {
    /// Something done with a report.
    fn act<'a>(&'a self, action: &'a str, subject: &'a str, mut detail: Value) -> Act<'a> {
        if let (Some(user), Some(members)) = (&self.user, detail.as_object_mut()) {
            members.insert("user".into(), user.as_str().into());
        }
        Act { who: &self.name, action, subject, detail }
    }
}

/// A report that is kept from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Submitted {
    /// Its id.
    pub id: String,
    /// Its state.
    pub state: ItemState,
    /// Its mode.
    pub mode: Mode,
    /// Whether it is new; otherwise the same was submitted before under the same key.
    pub is_new: bool,
}

/// Why a report is not kept.
#[derive(Debug)]
#[non_exhaustive]
pub enum SubmitError {
    /// It breaks these rules.
    Problems(Vec<Problem>),
    /// Another report was submitted under the same key.
    Conflict,
    /// It could not be kept.
    Failed(Error),
}

impl From<Error> for SubmitError {
    fn from(error: Error) -> SubmitError {
        SubmitError::Failed(error)
    }
}

impl fmt::Display for SubmitError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SubmitError::Problems(problems) => {
                let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
                formatter.write_str(&lines.join("\n"))
            }
            SubmitError::Conflict => formatter.write_str("another report was submitted under the same key"),
            SubmitError::Failed(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for SubmitError {}

/// Checks a report's JSON without any outbox.
///
/// # Errors
///
/// Every broken rule.
pub fn check(text: &str, options: Option<&ReportOptions>) -> Result<Report, Vec<Problem>> {
    parse(text, options, Moment::from(std::time::SystemTime::now()))
}

fn parse(text: &str, options: Option<&ReportOptions>, now: Moment) -> Result<Report, Vec<Problem>> {
    let value = json::parse(text).map_err(|why| vec![Problem::new("", Rule::Json, why)])?;
    read(value, options, now)
}

fn read(mut value: Value, options: Option<&ReportOptions>, now: Moment) -> Result<Report, Vec<Problem>> {
    let is_added = complete(&mut value, options);
    let problems = problems(&value, options, now);
    if !problems.is_empty() {
        return Err(problems);
    }
    // What the configuration says is not what was asked for.
    if let Some(members) = value.as_object_mut().filter(|_| is_added) {
        members.remove("reporter");
    }
    serde_json::from_value(value).map_err(|_| vec![Problem::new("", Rule::Type, "it cannot be read")])
}

/// Gives a report that names no reporter the one of the configuration; whether it did.
fn complete(value: &mut Value, options: Option<&ReportOptions>) -> bool {
    let reporter = options.and_then(|options| options.reporter.as_ref());
    let (Some(members), Some(reporter)) = (value.as_object_mut(), reporter) else { return false };
    let is_missing = members.get("reporter").is_none_or(Value::is_null);
    if is_missing {
        members.insert("reporter".into(), reporter.clone());
    }
    is_missing
}

/// A report as JSON, with its reporter.
fn completed(report: &Report, options: &ReportOptions) -> Result<Value> {
    let mut value = serde_json::to_value(report).map_err(|_| Error::Input("the report is no JSON".into()))?;
    complete(&mut value, Some(options));
    Ok(value)
}

/// By what a report is known to be the same, once its files are named.
fn digest_of(report: &Report) -> Result<Vec<u8>> {
    let body = serde_json::to_vec(report).map_err(|_| Error::Input("the report is no JSON".into()))?;
    Ok(digest(&SHA256, &body).as_ref().to_vec())
}

/// The report with the names that its files would have in the evidence.
fn named(report: &mut Report) -> Result<Report> {
    let data: Vec<Option<String>> = report.files.iter_mut().map(|file| file.data.take()).collect();
    let mut named = report.clone();
    for ((own, file), data) in report.files.iter_mut().zip(&mut named.files).zip(data) {
        if let Some(data) = &data {
            file.evidence = Some(format!("sha256:{}", digests(&mut decoded(data))?.sha256));
        }
        own.data = data;
    }
    Ok(named)
}

/// The bytes that base64 stands for.
fn decoded(data: &str) -> impl Read {
    base64::read::DecoderReader::new(data.as_bytes(), &base64::engine::general_purpose::STANDARD)
}

fn problems(value: &Value, options: Option<&ReportOptions>, now: Moment) -> Vec<Problem> {
    let mut problems = check_report(value, &REPORT, now);
    let is_production = value["mode"] == Mode::Production.word();
    if is_production && options.is_some_and(|options| !options.allows(Mode::Production)) {
        let message = "the configuration allows tests alone: it has to say mode = \"production\" too";
        problems.push(Problem::new("mode", Rule::Configuration, message));
    }
    problems
}

impl Outbox {
    /// Opens the outbox for looks and additions; another process may send from it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where the folder or the key cannot be read, [`Error::Input`] where they are none of ours.
    pub fn open(options: ReportOptions) -> Result<Outbox> {
        let state = State::open(&options.data)?;
        Outbox::of(Arc::new(state), options)
    }

    /// Opens it as the one process that sends from it.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Outbox::open), [`Error::Input`] where another process owns the folder.
    pub fn own(options: ReportOptions) -> Result<Outbox> {
        let state = State::own(&options.data)?;
        Outbox::of(Arc::new(state), options)
    }

    /// The same; `None` where another process owns the folder, and sends from it.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Outbox::open).
    pub fn own_if_free(options: ReportOptions) -> Result<Option<Outbox>> {
        let state = State::own_if_free(&options.data)?;
        state.map(|state| Outbox::of(Arc::new(state), options)).transpose()
    }

    /// The outbox of a folder that is open already.
    pub(crate) fn of(state: Arc<State>, options: ReportOptions) -> Result<Outbox> {
        let evidence = Evidence::open(&options.data, &options.evidence_key)?;
        let hooks = Arc::new(Hooks::of(options.hooks.as_ref())?);
        Ok(Outbox {
            state,
            evidence: Arc::new(evidence),
            options: Arc::new(options),
            hooks,
            actor: Arc::new(Actor { name: "a program".into(), user: None }),
            listener: Listener::default(),
            clock: Clock::default(),
        })
    }

    /// The same, and every event goes there.
    #[must_use]
    pub fn listener(self, listener: Listener) -> Outbox {
        Outbox { listener, ..self }
    }

    /// The same, and events of these hooks are kept.
    #[cfg(feature = "service")]
    pub(crate) fn hooks(self, hooks: Arc<Hooks>) -> Outbox {
        Outbox { hooks, ..self }
    }

    /// The same, and what is done with it stands in the audit log as an act of this person, key or program. `user` is whose process it is, where that is somebody
    /// else.
    #[must_use]
    pub fn by(self, name: impl Into<String>, user: Option<String>) -> Outbox {
        Outbox { actor: Arc::new(Actor { name: name.into(), user }), ..self }
    }

    /// What delivers the events of the folder; `None` where the configuration has no address for any.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where the process does not own the outbox, or the secret could be guessed; [`Error::Io`] where it cannot be read, or TLS cannot be set up.
    pub fn hook_sender(&self, listener: HookListener) -> Result<Option<HookSender>> {
        HookSender::new(self.state.clone(), self.hooks.clone(), listener)
    }

    /// How many events are not delivered.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where they cannot be counted.
    pub fn hook_counts(&self) -> Result<HookCounts> {
        hook::counts(&self.state)
    }

    /// Whether this process may send.
    pub fn is_owner(&self) -> bool {
        self.state.is_owner()
    }

    /// Where its events go.
    #[cfg(feature = "service")]
    pub(crate) fn events(&self) -> &Listener {
        &self.listener
    }

    /// Its choices.
    pub fn options(&self) -> &ReportOptions {
        &self.options
    }

    /// Where its files are kept.
    #[cfg(feature = "service")]
    pub(crate) fn evidence(&self) -> &Arc<Evidence> {
        &self.evidence
    }

    fn rows(&self) -> Rows<'_> {
        Rows(&self.state)
    }

    /// Reads a report, and checks every rule.
    ///
    /// # Errors
    ///
    /// Every broken rule.
    pub fn parse(&self, text: &str) -> Result<Report, Vec<Problem>> {
        parse(text, Some(&self.options), self.clock.moment())
    }

    /// The same of JSON that is read already.
    #[cfg(feature = "service")]
    pub(crate) fn read(&self, value: Value) -> Result<Report, Vec<Problem>> {
        read(value, Some(&self.options), self.clock.moment())
    }

    /// Keeps a file as evidence, and gives the name that a report's `evidence` takes. Once it returns, the file is encrypted on the disk.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where it cannot be read or written.
    pub fn keep(&self, content: &mut dyn Read) -> Result<String> {
        Ok(format!("sha256:{}", self.evidence.keep(content)?.sha256))
    }

    /// The same for a file of this path.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where it cannot be read or written.
    pub fn keep_file(&self, path: &Path) -> Result<String> {
        let cannot = |error| Error::io(format!("cannot read {}", path.display()), error);
        self.keep(&mut std::fs::File::open(path).map_err(cannot)?)
    }

    /// Keeps a report until it is filed. The same key with the same report is the same answer, whatever became of the first one.
    ///
    /// # Errors
    ///
    /// [`SubmitError`].
    pub fn submit(&self, key: Option<&str>, mut report: Report) -> Result<Submitted, SubmitError> {
        let wrong_key = |key: &str| key.is_empty() || key.len() > 255 || key.chars().any(char::is_control);
        if key.is_some_and(wrong_key) {
            return Err(Error::Input("an idempotency key has 1 to 255 characters".into()).into());
        }
        let whole = completed(&report, &self.options)?;
        let mut problems = problems(&whole, Some(&self.options), self.clock.moment());
        drop(whole);
        if !problems.is_empty() {
            return Err(SubmitError::Problems(problems));
        }
        let mode = report.mode_or_test();
        if let Some(key) = key
            && let Some((known, digest)) = self.rows().known(key)?
        {
            // Nothing of it is kept again: it may be erased.
            let is_same = known.mode == mode && digest == digest_of(&named(&mut report)?)?;
            return if is_same { Ok(known) } else { Err(SubmitError::Conflict) };
        }
        let (report, files) = self.with_evidence(report, &mut problems)?;
        let Some(files) = files.filter(|_| problems.is_empty()) else {
            return Err(SubmitError::Problems(problems));
        };
        let digest = digest_of(&report)?;
        let report = self.with_signatures(report, &files);
        let new = NewItem {
            id: ids::next(self.clock.now())?,
            key,
            digest,
            mode,
            request: completed(&report, &self.options)?.to_string(),
            files,
        };
        let detail = json!({ "mode": mode.word(), "files": new.files.len() });
        let act = self.actor.act("report.submit", &new.id, detail);
        let submitted = self
            .rows()
            .add(&new, |name| self.evidence.has(name), &act, self.clock.now())?
            .ok_or(SubmitError::Conflict)?;
        if submitted.is_new {
            self.listener.report(&OutboxEvent::Queued { id: submitted.id.clone(), mode: mode.word() });
        }
        Ok(submitted)
    }

    /// The report with the signatures of its pictures that are asked for, where it has no hash of that kind.
    fn with_signatures(&self, mut report: Report, kept: &[Digests]) -> Report {
        for (file, kept) in report.files.iter_mut().zip(kept) {
            let is_given = |kind: &Option<String>| file.hashes.iter().any(|hash| hash.kind == *kind);
            let mut found = pictures::signatures(&self.evidence, &kept.sha256, &self.options.signatures);
            found.retain(|hash| !is_given(&hash.kind));
            file.hashes.append(&mut found);
        }
        report
    }

    /// The report with all its bytes in the evidence, and what these are; `None` where some are missing.
    fn with_evidence(
        &self,
        mut report: Report,
        problems: &mut Vec<Problem>,
    ) -> Result<(Report, Option<Vec<Digests>>)> {
        let mut files = Vec::new();
        for (place, file) in report.files.iter_mut().enumerate() {
            if let Some(data) = file.data.take() {
                let kept = self.evidence.keep(&mut decoded(&data))?;
                file.evidence = Some(format!("sha256:{}", kept.sha256));
                files.push(kept);
                continue;
            }
            let name = file.evidence.as_deref().and_then(form::sha256).unwrap_or_default();
            match self.evidence.verify(name) {
                Ok(digests) => files.push(digests),
                Err(error) => {
                    let path = format!("files[{place}].evidence");
                    problems.push(Problem::new(path, Rule::Evidence, error.to_string()));
                }
            }
        }
        let is_whole = files.len() == report.files.len();
        Ok((report, is_whole.then_some(files)))
    }

    /// Every report, the newest first; of one state alone where one is named.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where they cannot be read.
    pub fn items(&self, state: Option<ItemState>) -> Result<Vec<Item>> {
        self.rows().page(state, None, usize::MAX)
    }

    /// At most so many of the reports, the newest first: of one state alone where one is named, older than one of this id where one is.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where they cannot be read.
    pub fn page(&self, state: Option<ItemState>, before: Option<&str>, most: usize) -> Result<Vec<Item>> {
        self.rows().page(state, before, most)
    }

    /// A report as people and programs are shown it: [`Item`] as JSON, with every call that was made for it; `None` where there is no such report.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where it cannot be read.
    pub fn shown(&self, id: &str) -> Result<Option<Value>> {
        let Some(item) = self.item(id)? else { return Ok(None) };
        let mut shown = serde_json::to_value(&item).unwrap_or_default();
        shown["requests"] = serde_json::to_value(&item.requests).unwrap_or_default();
        Ok(Some(shown))
    }

    /// The report of this id.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where it cannot be read.
    pub fn item(&self, id: &str) -> Result<Option<Item>> {
        self.rows().item(id)
    }

    /// The report that was submitted under this key.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where it cannot be read.
    pub fn item_of(&self, key: &str) -> Result<Option<Item>> {
        self.rows().item_of(key)
    }

    /// What was asked for, as JSON; `None` where there is no such report, or it was erased.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where it cannot be read.
    pub fn request(&self, id: &str) -> Result<Option<Value>> {
        let text = self.rows().row(id)?.and_then(|row| row.request);
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// How many reports are in each state, and since when the oldest one waits.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where they cannot be read.
    pub fn counts(&self) -> Result<Counts> {
        self.rows().counts()
    }

    /// Since when NCMEC does not take our credentials, and why, for each mode that is paused.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where that cannot be read.
    pub fn pauses(&self) -> Result<Vec<(Mode, Moment, String)>> {
        self.rows().pauses()
    }

    /// Sends again in this mode, after somebody saw to the credentials.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where that cannot be written.
    pub fn resume(&self, mode: Mode) -> Result<()> {
        let act = self.actor.act("report.resume", mode.word(), json!({}));
        self.rows().resume(mode, &act, self.clock.now())
    }

    /// Tries a report again now: one that failed, or one that waits for its next attempt. `anew` also gives up the finish of a report of which NCMEC says that it
    /// was retracted, refused or never there; that is a person's decision, since only a person can ask NCMEC.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where there is nothing to be tried again.
    pub fn retry(&self, id: &str, anew: bool) -> Result<()> {
        let act = self.actor.act("report.retry", id, json!({ "anew": anew }));
        self.rows().retry(id, anew, &act, self.clock.now())
    }

    /// Asks NCMEC's host of a mode whether it answers and takes our credentials, and gives its answer. It changes nothing there.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where there is no account, or it is not accepted, [`Error::Io`] where nothing answers.
    pub fn status(&self, mode: Mode) -> Result<String> {
        sender::status(&self.options, mode)
    }

    /// Takes a report back that is not filed yet. One that is being sent is stopped before its next step.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where it is filed, or just being filed: that cannot be undone.
    pub fn retract(&self, id: &str) -> Result<ItemState> {
        self.rows().stop(id, &self.actor.act("report.retract", id, json!({})), self.clock.now())
    }

    /// Erases what a report holds and its evidence, and keeps that it was filed. Before the end of its preservation only if `early`.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where it is still to be filed or preserved, [`Error::Io`] where evidence cannot be erased.
    pub fn erase(&self, id: &str, early: bool) -> Result<()> {
        let act = self.actor.act("report.erase", id, json!({ "early": early }));
        self.rows().erase(id, early, |name| self.evidence.erase(name), &act, self.clock.now())?;
        self.listener.report(&OutboxEvent::Erased { id: id.to_string() });
        Ok(())
    }
}

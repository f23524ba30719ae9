//! Reports to NCMEC that the service keeps and sends: the outbox in its folder.
//!
//! What asks the outbox waits for the disk: it belongs on threads for such work ([`aside`](super::app::aside)), never on those that serve.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use std::{fs, path::Path};

use axum::http::StatusCode;
use serde_json::Value;

use super::event::Event;
use super::metrics::Metrics;
use super::options::ServiceOptions;
use super::problem::{Answer, Problem};
use crate::error::{Error, Result};
use crate::hook::Hooks;
use crate::report::{
    Alarm, Counts, Item, ItemState, Listener, Mode, Outbox, OutboxEvent, Problem as Broken, Report,
    ReportOptions, Rule, SubmitError, Submitted,
};
use crate::state::State;

/// The reports of a service.
#[derive(Debug)]
pub(crate) struct Reports {
    outbox: Outbox,
    counts: Mutex<Counts>,
    waking: Waking,
}

/// Some of the reports.
#[derive(Debug)]
pub(crate) struct Page {
    /// Those in this state alone.
    pub(crate) state: Option<ItemState>,
    /// Those older than the one of this id.
    pub(crate) before: Option<String>,
    pub(crate) most: usize,
}

/// Seconds after which what could not be read or written is asked for again.
const AGAIN: u64 = 10;

/// Wakes the thread that sends.
#[derive(Debug, Default)]
struct Waking {
    is_wanted: Mutex<bool>,
    changed: Condvar,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Reports {
    /// Opens the outbox in the folder of the service; `None` where no reports are taken.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where the reports are to be kept in another folder, or could not be sent; [`Error::Io`] where the key or credentials cannot be read.
    pub(crate) fn open(
        options: &ServiceOptions,
        state: Option<&Arc<State>>,
        metrics: &Arc<Metrics>,
        hooks: &Arc<Hooks>,
    ) -> Result<Option<Reports>> {
        let Some(wanted) = options.reports.clone() else { return Ok(None) };
        let (Some(state), Some(data)) = (state, &options.data) else {
            let why = "reports are kept in the folder of the service: give one (--data)";
            return Err(Error::Input(why.into()));
        };
        check_folder(&wanted.data, data)?;
        wanted.check()?;
        let (reporter, metrics) = (options.reporter.clone(), metrics.clone());
        let listener = Listener::new(move |event| {
            if let OutboxEvent::Alarm { alarm, .. } = event {
                metrics.alarm(*alarm);
            }
            reporter.report(&Event::Report(event.clone()));
        });
        let outbox = Outbox::of(state.clone(), wanted)?.listener(listener).hooks(hooks.clone());
        let counts = Mutex::new(outbox.counts()?);
        Ok(Some(Reports { outbox, counts, waking: Waking::default() }))
    }

    /// The outbox. What is changed there by itself is seen within the time between two looks.
    pub(crate) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// The outbox as this person or key uses it: what is done stands in the audit as theirs.
    pub(crate) fn outbox_by(&self, who: &str) -> Outbox {
        self.outbox.clone().by(who, None)
    }

    /// The choices of the reports.
    pub(crate) fn options(&self) -> &ReportOptions {
        self.outbox.options()
    }

    /// Reads a report, and checks every rule.
    pub(crate) fn parse(&self, text: &[u8]) -> Answer<Report> {
        let text = str::from_utf8(text).map_err(|_| Problem::input("the body is no text in UTF-8"))?;
        self.outbox.parse(text).map_err(Problem::broken)
    }

    /// Keeps a report, and sends it soon; `who` asks for it.
    ///
    /// # Errors
    ///
    /// Those of [`Outbox::submit`], and where the configuration has no account for its mode.
    pub(crate) fn submit(
        &self,
        key: Option<&str>,
        report: Report,
        who: &str,
    ) -> Result<Submitted, SubmitError> {
        let mode = report.mode_or_test();
        if self.options().allows(mode) && self.options().account(mode).is_none() {
            return Err(SubmitError::Problems(vec![no_account(mode)]));
        }
        let submitted = self.outbox_by(who).submit(key, report)?;
        self.wake();
        Ok(submitted)
    }

    /// The same as an answer.
    pub(crate) fn take(&self, key: &str, report: Report, who: &str) -> Answer<Submitted> {
        self.submit(Some(key), report, who).map_err(|error| match error {
            SubmitError::Problems(problems) => Problem::broken(problems),
            SubmitError::Conflict => Problem::new(
                StatusCode::CONFLICT,
                "conflict",
                "Idempotency-Key: another report was submitted under the same key",
            ),
            SubmitError::Failed(error) => self.failed(&error),
        })
    }

    /// That something could not be read or written, which the caller can do nothing about. Whatever was asked for may be asked for again.
    pub(crate) fn failed(&self, error: &Error) -> Problem {
        let why = format!("the outbox cannot be used: {error}");
        self.outbox.events().report(&OutboxEvent::Alarm { id: String::new(), alarm: Alarm::Outbox, why });
        let detail = "the outbox cannot be used now: ask again later, for the same under the same key; the log of the service says more";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "outbox", detail).retry_after(AGAIN)
    }

    /// Reports of a page, and one more where there are more.
    pub(crate) fn page(&self, page: &Page) -> Answer<Vec<Item>> {
        let items = self.outbox.page(page.state, page.before.as_deref(), page.most + 1);
        items.map_err(|error| self.failed(&error))
    }

    /// A report with every call that was made for it.
    pub(crate) fn show(&self, id: &str) -> Answer<Value> {
        self.outbox.shown(id).map_err(|error| self.failed(&error))?.ok_or_else(missing)
    }

    /// A report.
    pub(crate) fn item(&self, id: &str) -> Answer<Item> {
        self.outbox.item(id).map_err(|error| self.failed(&error))?.ok_or_else(missing)
    }

    /// Takes a report back that is not filed yet.
    pub(crate) fn retract(&self, id: &str, who: &str) -> Answer<Item> {
        let is_late =
            |state: ItemState| state.is_filed() || matches!(state, ItemState::Finishing | ItemState::Erased);
        self.change(id, || self.outbox_by(who).retract(id).map(drop), is_late)
    }

    /// Tries a report again now.
    pub(crate) fn retry(&self, id: &str, who: &str) -> Answer<Item> {
        let waits = |state| matches!(state, ItemState::Queued | ItemState::Finishing | ItemState::Failed);
        self.change(id, || self.outbox_by(who).retry(id, false), |state| !waits(state))
    }

    /// Changes a report; `is_wrong` says in which states that cannot be done.
    fn change(
        &self,
        id: &str,
        change: impl FnOnce() -> Result<()>,
        is_wrong: impl Fn(ItemState) -> bool,
    ) -> Answer<Item> {
        self.item(id)?;
        change().map_err(|error| match self.item(id) {
            Ok(item) if is_wrong(item.state) => {
                Problem::new(StatusCode::CONFLICT, "state", error.to_string())
            }
            Ok(_) => self.failed(&error),
            Err(problem) => problem,
        })?;
        // As it is before the thread that sends takes it up.
        let item = self.item(id)?;
        self.wake();
        Ok(item)
    }

    /// Lets the thread that sends look now for what there is to do.
    pub(crate) fn wake(&self) {
        *held(&self.waking.is_wanted) = true;
        self.waking.changed.notify_all();
    }

    /// Waits until somebody wants something, or for so long.
    pub(crate) fn rest(&self, longest: Duration) {
        let wanted = held(&self.waking.is_wanted);
        let waited = self.waking.changed.wait_timeout_while(wanted, longest, |wanted| !*wanted);
        *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
    }

    /// Counts again. What cannot be counted now is counted the next time.
    pub(crate) fn count(&self) {
        if let Ok(counts) = self.outbox.counts() {
            *held(&self.counts) = counts;
        }
    }

    /// How many reports were in each state when they were counted last, and the seconds since the oldest one was submitted that is neither filed nor taken
    /// back.
    pub(crate) fn numbers(&self) -> (Vec<(ItemState, u64)>, u64) {
        let counts = held(&self.counts);
        let age = |oldest| SystemTime::now().duration_since(oldest).map_or(0, |age| age.as_secs());
        let states = ItemState::ALL.map(|state| (state, counts.of(|of| of == state)));
        (states.to_vec(), counts.oldest.map_or(0, |oldest| age(oldest.into())))
    }
}

/// Each file is written and read before the answer, so a request has no more of them than of pictures.
pub(crate) fn check_count(report: &Report, most: usize) -> Answer<()> {
    if report.files.len() > most {
        return Err(Problem::limit(format!("files: a report that comes in one request has at most {most}")));
    }
    Ok(())
}

fn missing() -> Problem {
    Problem::not_found("there is no report of this id")
}

fn no_account(mode: Mode) -> Broken {
    let message = format!("the configuration has no account for {}", mode.word());
    Broken::new("mode", Rule::Configuration, message)
}

/// One process owns a folder, so reports that are elsewhere would be sent by nobody, or by two.
fn check_folder(wanted: &Path, data: &Path) -> Result<()> {
    let place = |path: &Path| fs::canonicalize(path).ok();
    if place(wanted).is_some_and(|wanted| place(data) == Some(wanted)) {
        return Ok(());
    }
    Err(Error::Input(format!(
        "reports are kept in the folder of the service, which is {}, and the configuration of the reports has data = \"{}\": name the same folder in both",
        data.display(),
        wanted.display()
    )))
}

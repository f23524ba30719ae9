//! Reports to NCMEC that the service keeps and sends: the outbox in its folder.
//!
//! What asks the outbox waits for the disk: it belongs on threads for such work ([`aside`](super::app::aside)), never on those that serve.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use std::{fs, path::Path};

use super::event::Event;
use super::metrics::Metrics;
use super::options::ServiceOptions;
use crate::error::{Error, Result};
use crate::report::{
    Counts, ItemState, Listener, Outbox, OutboxEvent, Report, ReportOptions, SubmitError, Submitted,
};
use crate::state::State;

/// The reports of a service.
#[derive(Debug)]
pub(crate) struct Reports {
    outbox: Outbox,
    counts: Mutex<Counts>,
    waking: Waking,
}

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
        let outbox = Outbox::of(state.clone(), wanted)?.listener(listener);
        let counts = Mutex::new(outbox.counts()?);
        Ok(Some(Reports { outbox, counts, waking: Waking::default() }))
    }

    /// The outbox. What is changed there by itself is seen within the time between two looks.
    pub(crate) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// The choices of the reports.
    pub(crate) fn options(&self) -> &ReportOptions {
        self.outbox.options()
    }

    /// Keeps a report, and sends it soon.
    ///
    /// # Errors
    ///
    /// Those of [`Outbox::submit`].
    pub(crate) fn submit(&self, key: Option<&str>, report: Report) -> Result<Submitted, SubmitError> {
        let submitted = self.outbox.submit(key, report)?;
        self.wake();
        Ok(submitted)
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

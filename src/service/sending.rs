//! The thread that sends reports, which is one of tokio's for blocking work from the start of the service to its end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::app::Shared;
use super::reports::Reports;
use crate::error::{Error, Result};
use crate::pipeline::Stop;
use crate::report::{Alarm, Next, OutboxEvent, Sender};

/// How long the thread may take to write down what came of a call that was cut.
const WRITING: Duration = Duration::from_secs(10);

/// After how long the same trouble is an alarm again.
const AGAIN: Duration = Duration::from_secs(3600);

/// How often reports are counted while there is much to send.
const COUNTED: Duration = Duration::from_secs(1);

/// Sends reports until it is stopped.
pub(super) struct Sending {
    app: Shared,
    thread: Option<JoinHandle<()>>,
    stop: Stop,
}

impl Sending {
    /// Starts the thread, where there are reports to send.
    pub(super) fn start(app: &Shared) -> Sending {
        let stop = Stop::default();
        let thread = app.reports.is_some().then(|| {
            let (app, stop) = (app.clone(), stop.clone());
            tokio::task::spawn_blocking(move || send(&app, &stop))
        });
        Sending { app: app.clone(), thread, stop }
    }

    /// Begins with no further report. The one that is being sent has the notice and the grace.
    pub(super) fn stop(&self) {
        self.stop.request();
        self.app.reports.iter().for_each(Reports::wake);
    }

    /// Waits until what came of the last call is written.
    pub(super) async fn ended(self) {
        let limits = &self.app.limits;
        if let Some(thread) = self.thread {
            // Where the disk takes longer, what was written before the call says enough.
            let _ = timeout(limits.notice + limits.grace + WRITING, thread).await;
        }
    }
}

/// Sends what is due, again and again. What another process adds is seen within the time between two looks.
fn send(app: &Shared, stop: &Stop) {
    let Some(reports) = &app.reports else { return };
    let cut = stop.after(app.limits.notice + app.limits.grace);
    let (mut sender, mut trouble, mut counted) = (None, Trouble::default(), Instant::now());
    while !stop.requested() {
        let next = step(reports, &mut sender, &cut);
        let is_due = counted.elapsed() > COUNTED;
        if is_due || !matches!(next, Ok(Next::Now)) {
            reports.count();
            counted = Instant::now();
        }
        trouble.note(reports, &next);
        match next {
            Ok(Next::Now) => {}
            Ok(Next::Wait(pause)) => reports.rest(pause.min(app.limits.watch)),
            Ok(_) => reports.rest(app.limits.watch),
            Err(_) => reports.rest(reports.options().pause),
        }
    }
}

/// The next thing to be done. After a panic, which is a bug, the sender is made anew, as if the process had been.
fn step(reports: &Reports, sender: &mut Option<Sender>, cut: &Stop) -> Result<Next> {
    let mut work = || {
        let ready = match sender.take() {
            Some(sender) => sender,
            None => Sender::new(reports.outbox().clone())?.stop(cut.clone()),
        };
        sender.insert(ready).step()
    };
    let done = catch_unwind(AssertUnwindSafe(&mut work));
    done.unwrap_or_else(|_| {
        *sender = None;
        Err(Error::Input("this is a bug, please report it: the thread that sends reports panicked".into()))
    })
}

/// What keeps reports from being sent, and when somebody was made to know.
#[derive(Default)]
struct Trouble(Option<(String, Instant)>);

impl Trouble {
    fn note(&mut self, reports: &Reports, next: &Result<Next>) {
        let why = match next {
            Err(error) => error.to_string(),
            // Something was sent, and it may be that something else cannot be.
            Ok(Next::Now) => return,
            Ok(_) => {
                self.0 = None;
                return;
            }
        };
        let is_known = self.0.as_ref().is_some_and(|(known, since)| *known == why && since.elapsed() < AGAIN);
        if !is_known {
            let alarm = OutboxEvent::Alarm { id: String::new(), alarm: Alarm::Outbox, why: why.clone() };
            reports.outbox().events().report(&alarm);
            self.0 = Some((why, Instant::now()));
        }
    }
}

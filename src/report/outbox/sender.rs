//! Works through the outbox: one report at a time, as its one owner.

use std::time::Duration;

use super::super::client::{Client, address};
use super::super::model::words::Mode;
use super::super::options::ReportOptions;
use super::super::transport::{Call, Failure, Transport, code};
use super::chain::{Chain, Done, End, FinishEnd};
use super::item::ItemState;
use super::rows::{Orphan, Row, Setback};
use super::{Alarm, Outbox, OutboxEvent, pace};
use crate::error::{Error, Result};
use crate::pipeline::Stop;

/// What a sender has to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Next {
    /// More, at once.
    Now,
    /// Nothing for so long, unless something is submitted.
    Wait(Duration),
    /// Nothing, unless something is submitted or a person sees to something.
    Idle,
}

/// What there is to do.
enum Work {
    Retract(Orphan),
    Send(Box<Row>),
    /// It needed no call.
    Done,
    /// Nothing before this time, if there is one.
    None(Option<i64>),
}

/// Opens a way to the host of a mode.
type Connect = Box<dyn FnMut(&ReportOptions, Mode, &Stop) -> Result<Box<dyn Transport>> + Send>;

/// Sends the reports of an outbox. There is one for each folder.
pub struct Sender {
    outbox: Outbox,
    connect: Connect,
    stop: Stop,
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Sender").field("outbox", &self.outbox).finish_non_exhaustive()
    }
}

impl Sender {
    /// A sender of an outbox that this process owns. Reports that another process left in the middle are begun anew, unless they were being filed.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where the process does not own the outbox.
    pub fn new(outbox: Outbox) -> Result<Sender> {
        Sender::by(outbox, Box::new(connect))
    }

    pub(super) fn by(outbox: Outbox, connect: Connect) -> Result<Sender> {
        if !outbox.is_owner() {
            return Err(Error::Input("reports are sent by the one process that owns their folder".into()));
        }
        let sender = Sender { outbox, connect, stop: Stop::default() };
        sender.outbox.evidence.sweep()?;
        for (row, is_stopping) in sender.outbox.rows().interrupted()? {
            let now = sender.outbox.clock.now();
            let (to, why) = match is_stopping {
                true => (ItemState::Retracted, "it was taken back"),
                false => (ItemState::Queued, "the process ended while it was being sent"),
            };
            sender.outbox.rows().ended(&row, to, &Setback { why, code: None, now, next: now })?;
        }
        Ok(sender)
    }

    /// The same until a stop is requested. A call that is being made is given up then, as if no answer had come, and no other is made; what that means
    /// for its report is written before [`step`](Sender::step) returns.
    #[must_use]
    pub fn stop(self, stop: Stop) -> Sender {
        Sender { stop, ..self }
    }

    /// The outbox.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    fn say(&self, event: &OutboxEvent) {
        self.outbox.listener.report(event);
    }

    fn alarm(&self, alarm: Alarm, id: &str, why: impl Into<String>) {
        self.say(&OutboxEvent::Alarm { id: id.to_string(), alarm, why: why.into() });
    }

    /// Modes that may be sent now: allowed by the configuration, with an account, and not paused.
    fn modes(&self) -> Result<Vec<Mode>> {
        let paused = self.outbox.rows().pauses()?;
        let is_ready = |mode: &Mode| {
            self.outbox.options.account(*mode).is_some() && paused.iter().all(|(paused, ..)| paused != mode)
        };
        Ok([Mode::Test, Mode::Production].into_iter().filter(is_ready).collect())
    }

    /// Does the next thing, which may take as long as a whole report takes.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] or [`Error::Io`] where the outbox or the credentials cannot be read or written; what was written before stays, and the step can be tried again.
    pub fn step(&mut self) -> Result<Next> {
        let (mut modes, now, mut failed) = (self.modes()?, self.outbox.clock.now(), None);
        loop {
            let work = self.work(&modes, now)?;
            let mode = match &work {
                Work::Retract(orphan) => orphan.mode,
                Work::Send(row) => row.mode,
                Work::Done => return Ok(Next::Now),
                Work::None(next) => {
                    let wait =
                        |next: i64| Next::Wait(Duration::from_millis(next.saturating_sub(now).max(1) as u64));
                    return failed.map_or_else(|| Ok(next.map_or(Next::Idle, wait)), Err);
                }
            };
            match ((self.connect)(&self.outbox.options, mode, &self.stop), work) {
                (Ok(mut transport), Work::Retract(orphan)) => self.retract(&orphan, &mut *transport)?,
                (Ok(mut transport), Work::Send(row)) => self.send(*row, &mut *transport)?,
                (Err(error), _) => {
                    // What waits for one host's credentials does not hold up what is for the other host.
                    modes.retain(|other| *other != mode);
                    failed = failed.or(Some(error));
                    continue;
                }
                (Ok(_), _) => {}
            }
            return Ok(Next::Now);
        }
    }

    /// What is due first in these modes. What needs no call is done.
    fn work(&self, modes: &[Mode], now: i64) -> Result<Work> {
        let rows = self.outbox.rows();
        match rows.orphan(modes, now)? {
            // It is gone at NCMEC within a day anyway.
            Some(orphan) if now > orphan.until => {
                rows.orphan_gone(&orphan)?;
                return Ok(Work::Done);
            }
            Some(orphan) => return Ok(Work::Retract(orphan)),
            None => {}
        }
        Ok(match rows.due(modes, now)? {
            (Some(row), _) if row.state == ItemState::Finished => {
                rows.preserved(&row.id)?;
                Work::Done
            }
            (Some(row), _) => Work::Send(Box::new(row)),
            (None, next) => Work::None(next),
        })
    }

    /// Takes back what nobody continues.
    fn retract(&self, orphan: &Orphan, transport: &mut dyn Transport) -> Result<()> {
        let now = self.outbox.clock.now();
        let number = self.outbox.rows().note(&orphan.item, "retract", orphan.report, now)?;
        let rows = self.outbox.rows();
        match transport.call(Call::Retract(orphan.report)) {
            Ok(answer) => {
                rows.answered(number, Some(answer.status), Some(answer.code), answer.request_id.as_deref())?;
                match answer.code {
                    code::DONE | code::NO_REPORT | code::RETRACTED => return rows.orphan_gone(orphan),
                    code::FINISHED => {
                        let why =
                            format!("NCMEC says that {} is filed, and nobody asked for that", orphan.report);
                        rows.halt(&orphan.item, &why)?;
                        rows.orphan_gone(orphan)?;
                        self.alarm(Alarm::Unasked, &orphan.item, why);
                        return Ok(());
                    }
                    _ => {}
                }
            }
            Err(Failure::Doubt { status, request_id, .. }) => {
                rows.answered(number, status, None, request_id.as_deref())?;
            }
            Err(Failure::Credentials { status, request_id }) => {
                rows.answered(number, Some(status), None, request_id.as_deref())?;
                self.pause(orphan.mode, &format!("retract: it answered {status}"))?;
            }
            Err(Failure::Here(error)) => return Err(error),
        }
        let pause = pace::pause(self.outbox.options.pause, orphan.attempts + 1, None);
        self.outbox.rows().orphan_later(orphan, self.outbox.clock.now() + pause)
    }

    fn send(&self, row: Row, transport: &mut dyn Transport) -> Result<()> {
        let outbox = &self.outbox;
        let opened = |report_id| {
            outbox.listener.report(&OutboxEvent::Opened { id: row.id.clone(), report_id });
        };
        let mut chain = Chain {
            rows: outbox.rows(),
            evidence: &outbox.evidence,
            clock: &outbox.clock,
            transport,
            opened: &opened,
            stop: &self.stop,
        };
        let done = match row.state {
            ItemState::Finishing => chain.finish(row.clone()),
            _ => chain.file(row.clone()),
        };
        match done {
            Ok(done) => self.finished(&row.id, done),
            Err(End::Finish(end)) => self.unfinished(&row, end),
            Err(end) => self.ended(&row, end),
        }
    }

    fn finished(&self, id: &str, done: Done) -> Result<()> {
        self.outbox.rows().finished(id, &self.outbox.hooks, self.outbox.clock.now())?;
        let report_id = self.outbox.rows().row(id)?.and_then(|row| row.report).unwrap_or_default();
        self.say(&OutboxEvent::Finished { id: id.to_string(), report_id });
        if let Some(why) = done.disagreement {
            self.alarm(Alarm::Files, id, why);
        }
        Ok(())
    }

    /// An attempt ended, and nothing is filed.
    fn ended(&self, row: &Row, end: End) -> Result<()> {
        let rows = self.outbox.rows();
        let now = self.outbox.clock.now();
        match end {
            End::Broken(error) => Err(error),
            End::Stopped => {
                rows.ended(
                    row,
                    ItemState::Retracted,
                    &Setback { why: "it was taken back", code: None, now, next: now },
                )?;
                self.say(&OutboxEvent::Retracted { id: row.id.clone() });
                Ok(())
            }
            End::Refused { why, code } => {
                rows.ended(row, ItemState::Failed, &Setback { why: &why.whole(), code, now, next: now })?;
                self.alarm(Alarm::Failed, &row.id, why.what);
                Ok(())
            }
            End::Doubt { why, code, .. } if now > row.created + pace::PATIENCE => {
                rows.ended(row, ItemState::Failed, &Setback { why: &why.whole(), code, now, next: now })?;
                let why = format!("it could not be filed within 30 days: {}", why.what);
                self.alarm(Alarm::Failed, &row.id, why);
                Ok(())
            }
            End::Doubt { why, code, after } => {
                let pause = self.rest(row, after);
                rows.ended(
                    row,
                    ItemState::Queued,
                    &Setback { why: &why.whole(), code, now, next: now + pause },
                )?;
                self.postponed(row, &why.what, pause);
                Ok(())
            }
            End::Credentials { why } => {
                rows.ended(
                    row,
                    ItemState::Queued,
                    &Setback { why: &why.whole(), code: None, now, next: now },
                )?;
                self.pause(row.mode, &why.what)
            }
            // The finish has a function of its own.
            End::Finish(end) => self.unfinished(row, end),
        }
    }

    /// A finish was asked for, and is not known to be done: it alone is asked for again.
    fn unfinished(&self, row: &Row, end: FinishEnd) -> Result<()> {
        let rows = self.outbox.rows();
        let now = self.outbox.clock.now();
        let pause = |after| self.rest(row, after);
        match end {
            FinishEnd::Again { why, code, after } => {
                let pause = pause(after);
                rows.postponed(&row.id, &Setback { why: &why.whole(), code, now, next: now + pause })?;
                self.postponed(row, &why.what, pause);
            }
            FinishEnd::Alarm { why, code } => {
                let pause = pause(None);
                rows.postponed(&row.id, &Setback { why: &why.whole(), code, now, next: now + pause })?;
                self.alarm(Alarm::Finish, &row.id, why.what);
            }
            FinishEnd::Removed => {
                let why = "NCMEC removed it before it was filed";
                rows.expired(&row.id, &Setback { why, code: Some(code::NO_REPORT), now, next: now })?;
                self.alarm(Alarm::Removed, &row.id, format!("{why}; it begins anew"));
            }
            FinishEnd::Credentials { why } => {
                rows.postponed(&row.id, &Setback { why: &why.whole(), code: None, now, next: now })?;
                self.pause(row.mode, &why.what)?;
            }
        }
        Ok(())
    }

    /// Milliseconds until the next attempt; none where this process ended this one.
    fn rest(&self, row: &Row, after: Option<Duration>) -> i64 {
        match self.stop.requested() {
            true => 0,
            false => pace::pause(self.outbox.options.pause, row.failures + 1, after),
        }
    }

    fn postponed(&self, row: &Row, why: &str, pause: i64) {
        let seconds = (pause / 1000) as u64;
        self.say(&OutboxEvent::Postponed { id: row.id.clone(), why: why.to_string(), seconds });
        if self.outbox.clock.now() > row.created + pace::OVERDUE {
            self.alarm(Alarm::Overdue, &row.id, format!("it is not filed after an hour: {why}"));
        }
    }

    /// Sends nothing more in this mode until a person says so.
    fn pause(&self, mode: Mode, why: &str) -> Result<()> {
        self.outbox.rows().pause(mode, why, self.outbox.clock.now())?;
        self.alarm(
            Alarm::Credentials,
            "",
            format!("NCMEC does not accept the credentials for {}, so nothing is sent: {why}", mode.word()),
        );
        Ok(())
    }
}

/// A client of the host that the configuration names for a mode. The configuration has to allow that mode.
fn connect(options: &ReportOptions, mode: Mode, stop: &Stop) -> Result<Box<dyn Transport>> {
    let missing = || Error::Input(format!("there is no account for {}", mode.word()));
    let account = options.account(mode).ok_or_else(missing)?;
    let base = address::address(mode, account.url.as_deref())?;
    Ok(Box::new(Client::new(base, account.login()?, stop.clone())?))
}

/// Asks whether the host of a mode answers, and knows us.
pub(super) fn status(options: &ReportOptions, mode: Mode) -> Result<String> {
    let silent = |why: String| Error::io("cannot ask NCMEC", std::io::Error::other(why));
    match connect(options, mode, &Stop::default())?.call(Call::Status) {
        Ok(answer) if answer.code == code::DONE => Ok(answer.description),
        Ok(answer) => Err(Error::Input(format!("NCMEC answered {}: {}", answer.code, answer.description))),
        Err(Failure::Credentials { status, .. }) => {
            Err(Error::Input(format!("NCMEC answered {status}: it does not accept the credentials")))
        }
        Err(Failure::Doubt { why, .. }) => Err(silent(why)),
        Err(Failure::Here(error)) => Err(error),
    }
}

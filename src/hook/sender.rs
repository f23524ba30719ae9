//! Delivers what waits: one event at a time, the kinds in turn.
//!
//! Events of a kind go out in order. Where one fails, the others of its kind wait with it, since an address that is down is down for all of them. After a few failures the
//! next one is tried too, right behind each of its attempts: where that is taken, it is the first one that the address does not want, and it is put *aside*.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use super::client::{Client, Posted};
use super::event::{HookEvent, HookListener};
use super::queue::{self, Setback, Waiting, milliseconds, moment};
use super::{HookKind, Hooks, signature};
use crate::backoff;
use crate::clock;
use crate::error::{Error, Result};
use crate::pipeline::Stop;
use crate::state::State;

/// After how many failures of an event the one behind it is tried.
const PATIENT: u32 = 5;

/// How long an event is tried.
const PATIENCE: i64 = 30 * 24 * OVERDUE;

/// From when on an event that is not delivered is an alarm.
const OVERDUE: i64 = 60 * 60 * 1000;

/// What a sender has to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HookNext {
    /// More, at once.
    Now,
    /// Nothing for so long, unless something happens.
    Wait(Duration),
    /// Nothing, unless something happens.
    Idle,
}

/// Delivers the events of a folder. There is one for each folder, in the process that owns it.
pub struct HookSender {
    state: Arc<State>,
    hooks: Arc<Hooks>,
    client: Client,
    listener: HookListener,
    stop: Stop,
    clock: Box<dyn Fn() -> SystemTime + Send>,
    /// Whose turn it is: a kind's, or that of events that are aside.
    turn: usize,
}

impl fmt::Debug for HookSender {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("HookSender").field("hooks", &self.hooks).finish_non_exhaustive()
    }
}

impl HookSender {
    /// A sender of a folder that this process owns; `None` where no event has an address.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where the process does not own the folder, or there is no secret that could not be guessed; [`Error::Io`] where it cannot be read, or TLS cannot be
    /// set up.
    pub(crate) fn new(
        state: Arc<State>,
        hooks: Arc<Hooks>,
        listener: HookListener,
    ) -> Result<Option<HookSender>> {
        let Some(secret) = hooks.secret.as_ref().filter(|_| !hooks.kinds().is_empty()) else {
            return Ok(None);
        };
        if !state.is_owner() {
            return Err(Error::Input(
                "events are delivered by the one process that owns their folder".into(),
            ));
        }
        signature::secret(secret)?;
        let client = Client::new(hooks.timeout)?;
        let clock = Box::new(SystemTime::now);
        Ok(Some(HookSender { state, hooks, client, listener, stop: Stop::default(), clock, turn: 0 }))
    }

    #[cfg(test)]
    pub(super) fn with_clock(self, clock: impl Fn() -> SystemTime + Send + 'static) -> HookSender {
        HookSender { clock: Box::new(clock), ..self }
    }

    /// The same, and a request for this stop ends a post.
    #[must_use]
    pub(super) fn stop(self, stop: Stop) -> HookSender {
        HookSender { stop, ..self }
    }

    /// Does nothing for so long, or until it is stopped.
    pub(super) fn rest(&self, pause: Duration) {
        self.client.rest(pause, &self.stop);
    }

    /// How long to wait where nothing can be read or written.
    pub(super) fn pause(&self) -> Duration {
        self.hooks.pause
    }

    pub(super) fn say(&self, event: &HookEvent) {
        self.listener.report(event);
    }

    fn rows<T>(&self, work: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T>) -> Result<T> {
        work(&self.state.connection()).map_err(|error| self.state.about(error))
    }

    /// Does the next thing: posts an event, and another one where that has failed a few times.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where the queue cannot be read or written. An event may have been delivered then, and is delivered again.
    pub fn step(&mut self) -> Result<HookNext> {
        let now = milliseconds((self.clock)());
        let kinds = self.hooks.kinds();
        let mut soonest: Option<i64> = None;
        for place in (0..=kinds.len()).map(|place| (self.turn + place) % (kinds.len() + 1)) {
            let kind = kinds.get(place).copied();
            let found = self.rows(|connection| match kind {
                Some(kind) => queue::head(connection, kind, 0),
                None => queue::aside(connection, &kinds),
            })?;
            let Some(event) = found else { continue };
            if event.next <= now {
                self.turn = place + 1;
                self.deliver(&event, kind)?;
                return Ok(if self.stop.requested() { HookNext::Idle } else { HookNext::Now });
            }
            soonest = Some(soonest.map_or(event.next, |soonest| soonest.min(event.next)));
        }
        let wait = |next: i64| HookNext::Wait(Duration::from_millis(next.saturating_sub(now).max(1) as u64));
        Ok(soonest.map_or(HookNext::Idle, wait))
    }

    /// Tries an event. It is the head of its kind where that is named, and aside otherwise.
    fn deliver(&self, event: &Waiting, kind: Option<HookKind>) -> Result<()> {
        let (why, status, after) = match self.attempt(event)? {
            Posted::Taken => return self.taken(event),
            Posted::Stopped => return Ok(()),
            Posted::Refused { why, status, after } => (why, status, after),
        };
        let now = milliseconds((self.clock)());
        let is_last = now > event.since.saturating_add(PATIENCE);
        let pause = backoff::pause(self.hooks.pause, event.attempts + 1, after);
        let setback = Setback { why: &why, status, next: now + pause, is_last };
        self.rows(|connection| queue::failed(connection, event.number, &setback))?;
        let (id, kind_name) = (event.id.clone(), event.kind.name());
        if is_last {
            let why = format!("it could not be delivered within 30 days: {why}");
            self.say(&HookEvent::Alarm { id, kind: kind_name, why });
            return Ok(());
        }
        self.say(&HookEvent::Postponed {
            id,
            kind: kind_name,
            why: why.clone(),
            seconds: (pause / 1000) as u64,
        });
        if now > event.since.saturating_add(OVERDUE) {
            let why = format!("it is not delivered after an hour: {why}");
            self.say(&HookEvent::Alarm { id: event.id.clone(), kind: kind_name, why });
        }
        match kind {
            Some(kind) if event.attempts + 1 >= PATIENT => self.probe(event, kind, now, now + pause),
            _ => Ok(()),
        }
    }

    /// Tries the event behind one that fails again and again. Where it fails too, the address is to blame, and nothing changes. Where it is taken, the first one has another
    /// try, since the address may have come back in between.
    fn probe(&self, stuck: &Waiting, kind: HookKind, now: i64, next: i64) -> Result<()> {
        let behind = self.rows(|connection| queue::head(connection, kind, stuck.number))?;
        let Some(behind) = behind.filter(|behind| behind.next <= now) else { return Ok(()) };
        match self.attempt(&behind)? {
            Posted::Stopped => Ok(()),
            Posted::Taken => {
                self.taken(&behind)?;
                let again = Waiting { attempts: stuck.attempts + 1, ..stuck.clone() };
                match self.attempt(&again)? {
                    Posted::Taken => self.taken(&again),
                    Posted::Stopped => Ok(()),
                    Posted::Refused { .. } => {
                        self.rows(|connection| queue::set_aside(connection, stuck.number))
                    }
                }
            }
            Posted::Refused { why, status, .. } => {
                let setback = Setback { why: &why, status, next, is_last: false };
                self.rows(|connection| queue::failed(connection, behind.number, &setback))
            }
        }
    }

    fn taken(&self, event: &Waiting) -> Result<()> {
        self.rows(|connection| queue::delivered(connection, event.number))?;
        self.hooks.delivered.fetch_add(1, Ordering::Relaxed);
        let (id, kind) = (event.id.clone(), event.kind.name());
        self.say(&HookEvent::Delivered { id, kind, attempts: event.attempts + 1 });
        Ok(())
    }

    /// Posts an event. The secret is read anew, so that another one counts from its next attempt on.
    fn attempt(&self, event: &Waiting) -> Result<Posted> {
        let (Some(url), Some(secret)) = (self.hooks.address(event.kind), &self.hooks.secret) else {
            return Ok(Posted::Stopped);
        };
        let secret = match signature::secret(secret) {
            Ok(secret) => secret,
            Err(error) => {
                let why = error.to_string();
                self.say(&HookEvent::Alarm {
                    id: event.id.clone(),
                    kind: event.kind.name(),
                    why: why.clone(),
                });
                return Ok(Posted::Refused { why, status: None, after: None });
            }
        };
        let body = body(event);
        let seconds = (milliseconds((self.clock)()) / 1000) as u64;
        let signed = signature::of(&secret, seconds, &body);
        Ok(self.client.post(url, body, seconds, &signed, &self.stop))
    }
}

/// What is posted. An event's data is kept as JSON.
fn body(event: &Waiting) -> String {
    let time = clock::precise(moment(event.time));
    format!(
        "{{\"id\":\"{}\",\"kind\":\"{}\",\"time\":\"{time}\",\"attempt\":{},\"data\":{}}}",
        event.id,
        event.kind,
        event.attempts + 1,
        event.data
    )
}

//! All that a stand-in for an exchange of known signatures holds, behind one lock, and how it answers.

use std::collections::VecDeque;

use axum::http::Method;
use serde_json::{Value, json};

use super::change::lines;
use super::control::{Control, OWN, own_reply};
use super::cursor::Cursor;
use super::fault::{Fault, Faults, For};
use super::http::{Asked, Reply};
use super::responder::Responder;
use super::rows::Rows;
use super::time::text;
use super::wire::{Desk, Refusal, Wire};
use super::{Credentials, Exchange};

/// How many windows are remembered.
const WINDOWS: usize = 256;

/// A window that was asked for.
struct Asking {
    from: Option<i64>,
    to: Option<i64>,
    continued: bool,
}

#[derive(Default)]
struct Counts {
    requests: usize,
    pages: usize,
    given: usize,
    unauthorised: usize,
}

pub(super) struct State {
    exchange: Exchange,
    wire: &'static dyn Wire,
    credentials: Credentials,
    most: usize,
    rows: Rows,
    control: Control,
    counts: Counts,
    windows: VecDeque<Asking>,
    last: Option<Reply>,
}

impl State {
    pub(super) fn new(
        exchange: Exchange,
        wire: &'static dyn Wire,
        credentials: Credentials,
        most: Option<usize>,
    ) -> State {
        State {
            exchange,
            wire,
            credentials,
            most: most.unwrap_or_else(|| wire.usual_page()),
            rows: Rows::new(wire.identities()),
            control: Control::new(Faults::of_pages()),
            counts: Counts::default(),
            windows: VecDeque::new(),
            last: None,
        }
    }

    /// Takes changes, one JSON object a line, all or none; how many they are.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<usize, String> {
        let changes = lines(bytes, self.control.now())?;
        let count = changes.len();
        self.rows.add(changes)?;
        Ok(count)
    }

    fn fetched(&mut self, asked: &Asked, fault: &Fault) -> Result<Reply, Refusal> {
        let now = self.control.now();
        let cursor = match asked.parameter(self.wire.cursor()) {
            Some(text) if !fault.expired_cursor => Some(Cursor::read(text, now).ok_or(Refusal::Expired)?),
            Some(_) => return Err(Refusal::Expired),
            None => None,
        };
        // The number of the request is as good a seed as any, and another run has it again.
        let seed = if fault.shuffle { self.counts.requests as u64 } else { 0 };
        let (most, rows, credentials) = (self.most, &mut self.rows, &self.credentials);
        let mut desk = Desk { rows, credentials, now, most, cursor, seed, window: None };
        let reply = self.wire.answer(asked, &mut desk);
        if let Some((from, to)) = desk.window {
            self.windows.push_back(Asking { from, to, continued: cursor.is_some() });
            self.windows.drain(..self.windows.len().saturating_sub(WINDOWS));
        }
        reply
    }

    fn own(&mut self, asked: &Asked, path: &str) -> Result<Option<Value>, String> {
        Ok(match (&asked.method, path) {
            (&Method::POST, "changes") => Some(json!({ "changes": self.feed(asked.body())? })),
            (&Method::GET, "state") => Some(self.shown()),
            _ => self.control.own(asked, path)?,
        })
    }

    /// What was asked and is left. It holds no signature, no key and no credentials.
    fn shown(&mut self) -> Value {
        let now = self.control.now();
        let (changes, pending) = self.rows.counts(now);
        let rows = self.rows.at(now);
        let removed = rows.iter().filter(|row| row.is_removed()).count();
        let window = |asking: &Asking| {
            let Asking { from, to, continued } = asking;
            json!({ "from": from.map(text), "to": to.map(text), "continued": continued })
        };
        json!({
            "exchange": self.exchange.name(),
            "now": text(now),
            "changes": changes,
            "pending": pending,
            "records": rows.len() - removed,
            "removed": removed,
            "requests": self.counts.requests,
            "pages": self.counts.pages,
            "given": self.counts.given,
            "unauthorised": self.counts.unauthorised,
            "faults_left": self.control.faults.left(),
            "played": self.control.faults.played,
            "windows": self.windows.iter().map(window).collect::<Vec<_>>(),
        })
    }
}

impl Responder for State {
    fn fault(&mut self, asked: &Asked) -> Fault {
        if asked.path.starts_with(OWN) {
            return Fault::default();
        }
        self.counts.requests += 1;
        let has_cursor = asked.parameter(self.wire.cursor()).is_some();
        self.control.faults.next(&For::Page { has_cursor })
    }

    fn answer(&mut self, asked: &Asked, fault: &Fault) -> Reply {
        if let Some(own) = asked.path.strip_prefix(OWN) {
            return own_reply(self.own(asked, own));
        }
        if let Some(status) = fault.status.filter(|_| !fault.after) {
            return fault.with_retry_after(self.wire.refuse(&Refusal::Fault(status)));
        }
        if !self.wire.is_admitted(asked, &self.credentials) {
            self.counts.unauthorised += 1;
            return self.wire.refuse(&Refusal::Unauthorised);
        }
        let reply = match self.last.clone().filter(|_| fault.repeat_page) {
            Some(last) => last,
            None => self.fetched(asked, fault).unwrap_or_else(|refusal| self.wire.refuse(&refusal)),
        };
        if let Some(given) = reply.given {
            self.counts.pages += 1;
            self.counts.given += given;
            self.last = Some(reply.clone());
        }
        match fault.status {
            Some(status) => fault.with_retry_after(self.wire.refuse(&Refusal::Fault(status))),
            None => reply,
        }
    }
}

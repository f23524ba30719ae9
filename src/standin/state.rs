//! All that a stand-in holds, behind one lock, and how it answers.

use std::collections::VecDeque;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::change::lines;
use super::cursor::Cursor;
use super::fault::{Fault, Faults};
use super::rows::Rows;
use super::time::{seconds, text};
use super::wire::{Asked, Desk, Refusal, Reply, Wire};
use super::{Credentials, Exchange};
use crate::service::json;

/// The paths that are the stand-in's own.
pub(super) const OWN: &str = "/_standin/";

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
    /// Where the clock stands still; `None`: it is the real one.
    stands: Option<i64>,
    faults: Faults,
    counts: Counts,
    windows: VecDeque<Asking>,
    last: Option<Reply>,
}

/// The body of a request that sets the clock.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Now {
    #[serde(deserialize_with = "seconds")]
    now: Option<i64>,
}

impl State {
    pub(super) fn new(exchange: Exchange, credentials: Credentials, most: Option<usize>) -> State {
        let wire = exchange.wire();
        State {
            exchange,
            wire,
            credentials,
            most: most.unwrap_or_else(|| wire.usual_page()),
            rows: Rows::new(wire.identities()),
            stands: None,
            faults: Faults::default(),
            counts: Counts::default(),
            windows: VecDeque::new(),
            last: None,
        }
    }

    /// Takes changes, one JSON object a line, all or none; how many they are.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<usize, String> {
        let changes = lines(bytes, self.now())?;
        let count = changes.len();
        self.rows.add(changes)?;
        Ok(count)
    }

    fn now(&self) -> i64 {
        let since = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.stands.unwrap_or_else(|| i64::try_from(since().as_secs()).unwrap_or(i64::MAX))
    }

    /// What happens to a request; the stand-in's own paths have no faults.
    pub(super) fn fault(&mut self, asked: &Asked) -> Fault {
        if asked.path.starts_with(OWN) {
            return Fault::default();
        }
        self.counts.requests += 1;
        self.faults.next(asked.parameter(self.wire.cursor()).is_some())
    }

    /// Answers a request to which this happens.
    pub(super) fn answer(&mut self, asked: &Asked, fault: &Fault) -> Reply {
        if let Some(own) = asked.path.strip_prefix(OWN) {
            return self.own(asked, own).unwrap_or_else(|why| Reply::json(400, &json!({ "error": why })));
        }
        if let Some(status) = fault.status {
            let reply = self.wire.refuse(&Refusal::Fault(status));
            let after = fault.retry_after();
            return after.into_iter().fold(reply, |reply, after| reply.header("retry-after", after));
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
        reply
    }

    fn fetched(&mut self, asked: &Asked, fault: &Fault) -> Result<Reply, Refusal> {
        let now = self.now();
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

    fn own(&mut self, asked: &Asked, path: &str) -> Result<Reply, String> {
        let answer = match (&asked.method, path) {
            (&Method::POST, "changes") => json!({ "changes": self.feed(&asked.body)? }),
            (&Method::POST, "clock") => {
                let read: Now = json::read(&asked.body).map_err(|problem| problem.detail)?;
                self.stands = read.now;
                json!({ "now": text(self.now()) })
            }
            (&Method::POST, "faults") => {
                self.faults.replace(&asked.body)?;
                json!({ "faults": self.faults.left() })
            }
            (&Method::GET, "state") => self.shown(),
            _ => return Ok(Reply::json(404, &json!({ "error": "there is nothing here" }))),
        };
        Ok(Reply::json(200, &answer))
    }

    /// What was asked and is left. It holds no signature, no key and no credentials.
    fn shown(&mut self) -> Value {
        let now = self.now();
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
            "faults_left": self.faults.left(),
            "played": self.faults.played,
            "windows": self.windows.iter().map(window).collect::<Vec<_>>(),
        })
    }
}

//! Look-ups without end: one query a line in, one answer a line out, as soon as it is known.
//!
//! Each step takes the whole lines that have arrived, and waits for none. A line `{"checked":[…]}` comes first, and again whenever the galleries
//! were replaced: what follows was looked up in these.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use serde_json::json;

use super::super::app::{Ask, Phase, Shared};
use super::super::choices::Wanted;
use super::super::galleries::Set;
use super::super::json;
use super::super::looking::Look;
use super::super::permits::Permit;
use super::super::problem::{Answer, Problem};
use super::query::{Asked, Read, answered, faces};
use crate::gallery::SearchOptions;
use crate::pipeline::MatchLimits;

/// Longest line, in bytes.
const LONGEST: usize = 64 << 10;

/// Most lines of one step.
const STEP: usize = 512;

/// Most matches of one step. Lines that have more together are answered in several steps.
const MATCHES: MatchLimits = MatchLimits { matches: 2048, bytes: 512 << 10 };

/// What the answers to one step hold at most, in bytes.
const HELD: u64 = 2 << 20;

/// A request that goes on.
struct Lines {
    app: Shared,
    body: BodyDataStream,
    ask: Ask,
    galleries: Option<Vec<String>>,
    options: SearchOptions,
    /// What arrived and is no whole line yet.
    rest: BytesMut,
    /// Lines that were read and have no answer yet.
    waiting: Vec<Read>,
    /// Of those, and of what was read last: what is not counted against the key's rate yet.
    unpaid: usize,
    searched: Option<Arc<Set>>,
    /// For what arrived, and for the last answers.
    permit: Option<Permit>,
    answered: Option<Permit>,
    ended: bool,
}

/// Begins to answer; the query string has the choices that hold for all lines.
pub(super) fn look_up(app: &Shared, ask: Ask, request: Request) -> Answer<Response> {
    let wanted = wanted(request.uri().query())?;
    let options = wanted.search_for(ask.distances)?;
    Look::new(app, &ask, wanted.galleries.as_deref(), options.clone(), None)?;
    let lines = Lines {
        app: app.clone(),
        body: request.into_body().into_data_stream(),
        ask,
        galleries: wanted.galleries,
        options,
        rest: BytesMut::new(),
        waiting: Vec::new(),
        unpaid: 0,
        searched: None,
        permit: None,
        answered: None,
        ended: false,
    };
    let answers = stream::unfold(lines, |mut lines| async move {
        let answers = lines.step().await?;
        Some((Ok::<_, std::convert::Infallible>(answers), lines))
    });
    let mut response = (StatusCode::OK, Body::from_stream(answers)).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok(response)
}

fn wanted(query: Option<&str>) -> Answer<Wanted> {
    let mut wanted = Wanted::default();
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        if name == "algorithms" {
            wanted.algorithms = Some(super::super::choices::list(&value, "algorithms")?);
        } else if !wanted.take(&name, &value)? {
            return Err(Problem::input("the query string has a parameter that look-ups do not know"));
        }
    }
    Ok(wanted)
}

impl Lines {
    /// The answers to the lines that are there; `None` at the end. What is wrong with the request as a whole is its last line.
    async fn step(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        let answers = match self.answers().await {
            Ok(Some(answers)) => answers,
            Ok(None) => return None,
            Err(problem) => {
                self.ended = true;
                line(
                    &json!({ "status": "error", "error_code": problem.code, "error_message": problem.detail }),
                )
            }
        };
        Some(answers.into())
    }

    async fn answers(&mut self) -> Answer<Option<Vec<u8>>> {
        // Those before are sent.
        self.answered = None;
        let mut asked = self.next_lines().await?;
        if asked.is_empty() {
            return Ok(None);
        }
        // Who asks for more than its key's rate waits; the request itself was paid for as one.
        let rest = self.app.spend(&self.ask, std::mem::take(&mut self.unpaid));
        tokio::time::sleep(rest).await;
        let deadline = Some(std::time::Instant::now() + self.app.limits.answer);
        let look =
            Look::new(&self.app, &self.ask, self.galleries.as_deref(), self.options.clone(), deadline)?;
        let look = Look { most: MATCHES, ..look };
        let mut permit = self.app.permits.take(HELD).await?;
        let mut answers = self.checked(&look);
        let found = loop {
            match look.found(&self.app, &faces(&asked), None).await {
                Err(problem) if problem.code == "limit" && asked.len() > 1 => {
                    let rest = asked.split_off(asked.len() / 2);
                    self.waiting.splice(0..0, rest);
                }
                Err(problem) if problem.code == "limit" => {
                    (asked[0].query, asked[0].code) = (Err(problem.detail), problem.code);
                    break Vec::new();
                }
                found => break found?,
            }
        };
        answered(asked, found).iter().for_each(|one| answers.extend(line(one)));
        permit.shrink(answers.len() as u64);
        self.answered = Some(permit);
        Ok(Some(answers))
    }

    /// Says what is searched, where that is not what was searched before.
    fn checked(&mut self, look: &Look) -> Vec<u8> {
        let same = |of: &Arc<Set>| {
            of.all.len() == look.set.all.len()
                && of.all.iter().zip(&look.set.all).all(|(a, b)| Arc::ptr_eq(a, b))
        };
        if self.searched.replace(look.set.clone()).as_ref().is_some_and(same) {
            return Vec::new();
        }
        line(&json!({ "checked": look.set.checked() }))
    }

    /// Waits for the next whole line, and takes those that came with it.
    async fn next_lines(&mut self) -> Answer<Vec<Read>> {
        if !self.waiting.is_empty() {
            return Ok(std::mem::take(&mut self.waiting));
        }
        loop {
            let mut asked = Vec::new();
            while let Some(end) = memchr::memchr(b'\n', &self.rest).filter(|_| asked.len() < STEP) {
                let line = self.rest.split_to(end + 1);
                asked.extend(read(&line));
            }
            if !asked.is_empty() || self.ended {
                self.unpaid = asked.len();
                return Ok(asked);
            }
            if self.rest.len() > LONGEST {
                return Err(Problem::limit(format!("a line is longer than {LONGEST} bytes")));
            }
            self.read_more(self.app.limits.body).await?;
        }
    }

    async fn read_more(&mut self, patience: Duration) -> Answer<()> {
        let mut phase = self.app.phase.clone();
        let arrived = tokio::select! {
            arrived = tokio::time::timeout(patience, self.body.next()) => arrived,
            _ = phase.wait_for(|phase| *phase == Phase::Closing) => return Err(closing()),
        };
        match arrived {
            Ok(Some(Ok(part))) => {
                let permit = match &mut self.permit {
                    Some(permit) => permit,
                    None => self.permit.insert(self.app.permits.begin(None).await?),
                };
                permit.grow((self.rest.len() + part.len()) as u64, None).await?;
                self.rest.extend_from_slice(&part);
            }
            Ok(Some(Err(_))) => return Err(Problem::input("the body ends before its end was announced")),
            // The last line may lack its end.
            Ok(None) => {
                self.ended = true;
                self.rest.extend_from_slice(b"\n");
            }
            Err(_) => {
                let detail = format!("no line arrived for {} s", patience.as_secs());
                return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "timeout", detail));
            }
        }
        Ok(())
    }
}

/// Lines without end would keep the service from ending.
fn closing() -> Problem {
    let detail = "the service ends: send the lines that have no answer yet again";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", detail)
}

/// The query of a line; none where it is blank.
fn read(line: &[u8]) -> Option<Read> {
    let line = line.trim_ascii();
    let wrong = |problem: Problem| Read { key: None, query: Err(problem.detail), code: "input" };
    (!line.is_empty()).then(|| json::read::<Asked<'_>>(line).map_or_else(wrong, Asked::read))
}

fn line(value: &impl serde::Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line
}

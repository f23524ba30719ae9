//! One round: windows of time one after another, pages of each, and what they change in the gallery.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::blocking::blocking;
use super::changes::{Changes, may_lose, shrinks};
use super::checkpoint::{Checkpoint, Window};
use super::client::{Client, Fetched, Refused};
use super::date;
use super::exchange::{Ask, Page, Pages};
use super::ncmec::Ncmec;
use super::place::{Found, Place};
use super::source::{Exchange, SyncSource, base};
use super::stopncii::StopNcii;
use super::threatexchange::ThreatExchange;
use crate::error::{Error, Result};

/// Changes that are written together; of a gallery with many entries, its sixteenth part, so that a first fetch writes a few times the list and not a
/// thousand times.
const MOST_CHANGES: u64 = 5000;

/// Bytes of changes that are written together, and of one of many.
const MOST_BYTES: u64 = 64 << 20;
const CHANGE: u64 = 512;

/// From how many records on that say nothing a page is no page of the list, if they are most of it. Fewer would stop a list for good at the first bad
/// one that comes by itself.
const MOST_UNREAD: u64 = 10;

/// Bytes of where the next page is.
const LONGEST_CURSOR: usize = 8 << 10;

/// For how long changes wait to be written, unless writing takes longer than a quarter of that.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How long the exchange has to make what changed visible, in seconds.
const SETTLES: u64 = 5;

/// How often a window begins again because the exchange has forgotten where we were.
const MOST_EXPIRED: u32 = 3;

/// How often an answer is taken for another request's, and how often a page may lead back, before that is how it is.
const MOST_REPEATS: u32 = 8;

/// Pages of a window, and pages without any record one after another: no list is that long.
const MOST_PAGES: u64 = 100_000;
const MOST_EMPTY: u32 = 1000;

/// What a round came to, in entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Outcome {
    /// New ones.
    pub added: u64,
    /// Those that took the place of others of their key.
    pub changed: u64,
    /// Those that the list took back.
    pub removed: u64,
    /// Those that look as if they came from no picture, and were left out.
    pub left_out: u64,
    /// Records that could not be read.
    pub bad: u64,
    /// Those of the gallery now.
    pub entries: u64,
    /// Pages that were read.
    pub pages: u64,
    /// Whether the list was fetched from its begin into another file, which then took the gallery's place.
    pub anew: bool,
}

/// How a window ended.
enum Ended {
    /// Everything before this time was read.
    Until(u64),
    /// It has so many pages that a shorter one is better.
    Long,
    /// The exchange has forgotten where we were.
    Expired,
}

/// A round that is in the middle of something.
pub(crate) struct Round {
    name: String,
    pages: Arc<dyn Pages>,
    client: Client,
    main: Place,
    /// Where the list is fetched to; the main place or the one aside.
    place: Place,
    /// The checkpoint that is on the disk.
    stored: Checkpoint,
    /// How far the round has come.
    at: Checkpoint,
    changes: Changes,
    accept_shrink: bool,
    written: Arc<dyn Fn() + Send + Sync>,
    outcome: Outcome,
    /// Records that say something, and those that do not.
    read: u64,
    unread: u64,
    last_write: Instant,
    /// How long it took.
    cost: Duration,
    /// The answer before: its digest and its address.
    last: Option<(u64, String)>,
}

impl Round {
    /// Reads credentials and files.
    pub(crate) async fn begin(
        source: &SyncSource,
        folder: &Path,
        accept_shrink: bool,
        written: Arc<dyn Fn() + Send + Sync>,
    ) -> Result<Round> {
        let (main, aside) = (Place::main(folder, &source.name), Place::aside(folder, &source.name));
        let (identity, stale_after) = (source.identity(), source.exchange.stale_after());
        let (client, found, of) = (Client::new(source.pause)?, main.clone(), source.clone());
        let (pages, place, checkpoint, entries) = blocking(move || {
            let pages = pages(&of)?;
            let (place, checkpoint) = choose(found, aside, identity, stale_after)?;
            let entries = place.entries();
            Ok((pages, place, checkpoint, entries))
        })
        .await?;
        let outcome = Outcome { entries, anew: place != main, ..Outcome::default() };
        Ok(Round {
            name: source.name.clone(),
            pages,
            client,
            main,
            place,
            stored: checkpoint.clone(),
            at: checkpoint,
            changes: Changes::default(),
            accept_shrink,
            written,
            outcome,
            read: 0,
            unread: 0,
            last_write: Instant::now(),
            cost: Duration::ZERO,
            last: None,
        })
    }

    /// Goes through all windows, and ends the round.
    pub(crate) async fn run(mut self) -> Result<Outcome> {
        let target = date::now().saturating_sub(SETTLES);
        let has_windows = self.pages.has_windows();
        let mut span = target.saturating_sub(self.at.from).max(1);
        let mut expired = 0;
        while !has_windows || self.at.from < target {
            let window = self.at.window.take().filter(|window| window.is_known(date::now()));
            let end = target.min(self.at.from.saturating_add(span));
            let window = window.unwrap_or_else(|| Window { to: end, ..Window::default() });
            let (from, to, pages) = (self.at.from, window.to, self.outcome.pages);
            let ended = match self.window(window).await {
                Ok(ended) => ended,
                Err(error) => {
                    // What was read is kept; why it ended is the answer.
                    let _ = self.store_if(self.changes.len() > 0 && self.at.window.is_some()).await;
                    return Err(error);
                }
            };
            match ended {
                Ended::Until(until) => {
                    self.at.window = None;
                    self.at.from = until;
                    self.at.removed.clear();
                    self.store_if(self.is_due()).await?;
                    // An exchange whose clock is behind ours has no later changes yet.
                    if !has_windows || to >= target || until < to {
                        break;
                    }
                    if (self.outcome.pages - pages) * 4 <= self.pages.most_pages() {
                        span = span.saturating_mul(2);
                    }
                }
                Ended::Long => {
                    self.begin_again();
                    span = (to.saturating_sub(from) / 4).max(1);
                }
                Ended::Expired if expired == MOST_EXPIRED => {
                    return Err(refused("it forgets its pages faster than they can be read"));
                }
                Ended::Expired => {
                    self.begin_again();
                    expired += 1;
                    span = (to.saturating_sub(from) / 2).max(1);
                }
            }
        }
        self.end().await
    }

    /// Forgets the window: all of it is read again, what was taken back too.
    fn begin_again(&mut self) {
        self.at.window = None;
        self.at.removed.clear();
    }

    /// Reads the pages of a window.
    async fn window(&mut self, mut window: Window) -> Result<Ended> {
        let (from, hasher) = (self.at.from, RandomState::new());
        let (mut led_to, mut repeats, mut empty) = (HashSet::new(), 0, 0);
        loop {
            let is_first = window.cursor.is_empty();
            let ask = match is_first {
                true => self.pages.first(from, window.to)?,
                false => self.pages.following(from, &window.cursor)?,
            };
            let Fetched { content: page, date, .. } = match self.fetch(&ask).await {
                Ok(fetched) => fetched,
                Err(Refused { is_expired: true, .. }) if !is_first => return Ok(Ended::Expired),
                Err(Refused { error, .. }) => return Err(error),
            };
            if is_first {
                window.seen = date.map(|date| date.saturating_sub(SETTLES)).filter(|seen| *seen < window.to);
            }
            empty = if page.records.is_empty() { empty + 1 } else { 0 };
            window.pages += 1;
            window.until = window.until.into_iter().chain(page.until).min();
            let cursor = page.cursor.clone();
            self.take(page)?;
            let Some(cursor) = cursor else {
                let end = window.seen.unwrap_or(window.to).min(window.to).max(from);
                return Ok(Ended::Until(window.until.unwrap_or(end)));
            };
            if cursor.len() > LONGEST_CURSOR {
                return Err(refused("where its next page is has no end"));
            }
            if window.pages >= self.pages.most_pages() && window.to.saturating_sub(from) > 1 {
                return Ok(Ended::Long);
            }
            if !led_to.insert(hasher.hash_one(&cursor)) {
                repeats += 1;
                self.client.rest(repeats).await;
            }
            if repeats > MOST_REPEATS || empty > MOST_EMPTY || window.pages > MOST_PAGES {
                // Where it leads to is not kept: the next round begins the window again.
                self.begin_again();
                self.store_if(true).await?;
                return Err(refused("its pages lead in a circle, or never end"));
            }
            (window.cursor, window.given) = (cursor, date::now());
            self.at.window = Some(window.clone());
            self.store_if(self.is_due()).await?;
        }
    }

    /// Asks for a page. One that is, byte for byte, the answer to the request before this one is asked for again.
    async fn fetch(&mut self, ask: &Ask) -> Result<Fetched<Page>, Refused> {
        let address = ask.url.to_string();
        let mut attempt = 0;
        loop {
            let pages = self.pages.clone();
            let fetched = self.client.get(ask, move |body| pages.page(body)).await?;
            let is_repeated = !fetched.content.records.is_empty()
                && self.last.as_ref().is_some_and(|(digest, of)| *digest == fetched.digest && *of != address);
            if !is_repeated || attempt == MOST_REPEATS / 2 {
                self.last = Some((fetched.digest, address));
                return Ok(fetched);
            }
            attempt += 1;
            self.client.rest(attempt).await;
        }
    }

    fn take(&mut self, page: Page) -> Result<()> {
        let (read, unread) = (page.records.len() as u64, page.unread);
        self.outcome.pages += 1;
        self.outcome.bad += page.bad;
        self.read += read;
        self.unread += unread;
        if unread >= MOST_UNREAD && unread > read {
            return Err(unreadable(unread, read));
        }
        for record in page.records {
            self.outcome.left_out += record.left_out;
            self.changes.take(record, &mut self.at.removed);
        }
        Ok(())
    }

    fn is_due(&self) -> bool {
        let most = MOST_CHANGES.max(self.outcome.entries / 16);
        let most_bytes = MOST_BYTES.max(self.outcome.entries / 16 * CHANGE);
        let wait = LONGEST_WAIT.max(self.cost * 4);
        self.changes.len() as u64 >= most
            || self.changes.bytes() >= most_bytes
            || self.last_write.elapsed() >= wait
    }

    /// Writes the gallery, then the checkpoint.
    async fn store_if(&mut self, is_due: bool) -> Result<()> {
        if !is_due {
            return Ok(());
        }
        let began = Instant::now();
        self.at.forget();
        // What is fetched aside is compared when it is whole.
        let is_main = self.place == self.main;
        let most_lost = match self.at.agreed {
            agreed if agreed > 0 && is_main && !self.accept_shrink => {
                may_lose(agreed).saturating_sub(self.at.lost)
            }
            _ => u64::MAX,
        };
        let (place, name, format) = (self.place.clone(), self.name.clone(), self.pages.format());
        let (changes, before, after) =
            (std::mem::take(&mut self.changes), self.stored.clone(), self.at.clone());
        let changed = self.written.clone();
        let (stored, written) = blocking(move || {
            let done = place.store(changes, (&name, format), &before, after, most_lost)?;
            if is_main && done.1.is_changed {
                changed();
            }
            Ok(done)
        })
        .await?;
        (self.stored, self.at) = (stored.clone(), stored);
        self.outcome.added += written.added;
        self.outcome.changed += written.changed;
        self.outcome.removed += written.removed;
        self.outcome.entries = written.entries;
        (self.last_write, self.cost) = (Instant::now(), began.elapsed());
        Ok(())
    }

    /// Writes the rest, and lets a gallery that was fetched anew take its place.
    async fn end(mut self) -> Result<Outcome> {
        // Of a list that was there, a bad record or two are all that a round may see.
        if self.at.synced.is_none() && self.unread > self.read {
            return Err(unreadable(self.unread, self.read));
        }
        self.store_if(self.changes.len() > 0).await?;
        self.at.synced = Some(date::now());
        (self.at.agreed, self.at.lost) = (self.outcome.entries, 0);
        self.store_if(true).await?;
        let Round { main, place, accept_shrink, written, outcome, .. } = self;
        if place != main {
            blocking(move || {
                if !accept_shrink && main.lost_in(&place)? > may_lose(main.entries()) {
                    return Err(shrinks());
                }
                main.replace_with(&place)?;
                written();
                Ok(())
            })
            .await?;
        }
        Ok(outcome)
    }
}

/// The exchange of a source, with its credentials.
fn pages(source: &SyncSource) -> Result<Arc<dyn Pages>> {
    let base = base(&source.url)?;
    Ok(match &source.exchange {
        Exchange::Ncmec { user, password } => Arc::new(Ncmec::new(base, user, &password.read()?)?),
        Exchange::StopNcii { function_key, subscription_key } => {
            Arc::new(StopNcii::new(base, &function_key.read()?, &subscription_key.read()?)?)
        }
        Exchange::ThreatExchange { group, token } => {
            Arc::new(ThreatExchange::new(&base, group, token.read()?)?)
        }
    })
}

/// Where the list is fetched to, and how far it has come there.
fn choose(
    main: Place,
    aside: Place,
    identity: String,
    stale_after: Option<u64>,
) -> Result<(Place, Checkpoint)> {
    main.settle(&aside, &identity)?;
    let now = date::now();
    let begin = Checkpoint::begin(identity.clone(), now);
    match main.find(&identity)? {
        Found::Known(checkpoint) if !checkpoint.is_stale(stale_after, now) => {
            aside.clear()?;
            return Ok((main, *checkpoint));
        }
        Found::Nothing => {
            aside.clear()?;
            main.clear()?;
            return Ok((main, begin));
        }
        Found::Unowned => {
            return Err(Error::Input(format!(
                "{} is there and follows no list: move it away, or give the source another name",
                main.gallery.display()
            )));
        }
        Found::Known(_) | Found::Foreign => {}
    }
    match aside.find(&identity)? {
        Found::Known(checkpoint) if !checkpoint.is_stale(stale_after, now) => Ok((aside, *checkpoint)),
        _ => {
            aside.clear()?;
            Ok((aside, begin))
        }
    }
}

/// The error about records that most of all say nothing.
fn unreadable(unread: u64, read: u64) -> Error {
    let all = unread + read;
    refused(&format!("{unread} of {all} records cannot be read, so that its list may be another now"))
}

fn refused(what: &str) -> Error {
    Error::Input(format!("the exchange cannot be followed: {what}"))
}

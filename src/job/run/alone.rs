//! The sources of a shard that is taken alone: see [`suspects`](crate::job::state::suspects).

use std::sync::Arc;

use crate::engine::{Engine, RunOptions};
use crate::error::{Error, Result};
use crate::job::state::claim::Claims;
use crate::job::state::suspects::{Blame, Fate, Input, Suspects};
use crate::pipeline::{InputOptions, Item, Record, Sink, Source, Sources, open};

/// Each source is to have its record before the next one is asked for.
pub(in crate::job) struct Alone {
    claims: Arc<Claims>,
    /// The claim.
    thing: String,
    suspects: Suspects,
    items: Vec<Item>,
    options: InputOptions,
    /// The sources of the current item.
    sources: Option<Sources>,
    next: Input,
}

impl Alone {
    /// Begins with what the last worker wrote down: tries what is under suspicion after its death.
    pub(in crate::job) fn begin(
        claims: Arc<Claims>,
        thing: String,
        items: Vec<Item>,
        options: InputOptions,
        (engine, run): (&Engine, &RunOptions),
    ) -> Result<Alone> {
        let suspects = claims.suspects(&thing)?;
        let next = Input { item: 0, source: 0 };
        let mut alone = Alone { claims, thing, suspects, items, options, sources: None, next };
        for suspect in alone.suspects.to_try() {
            alone.next = suspect;
            alone.try_out(suspect, engine, run)?;
            alone.suspects.clear(suspect);
        }
        alone.next = next;
        Ok(alone)
    }

    /// Hashes one input for nobody.
    fn try_out(&mut self, suspect: Input, engine: &Engine, run: &RunOptions) -> Result<()> {
        let Some(item) = self.items.get(suspect.item).cloned() else { return Ok(()) };
        let remote = is_remote(&item);
        self.write_down(remote);
        let source = open([item], &self.options).nth(suspect.source as usize);
        if remote {
            self.write_down(false);
        }
        engine.run_into(source, &mut Nobody, run).map(drop)
    }

    /// Writes down what comes next, and whether it is still to be fetched. That it cannot be written is no error: a death is then nobody's fault.
    fn write_down(&mut self, fetching: bool) {
        self.suspects.take_in_hand(self.next, fetching);
        let _ = self.claims.suspect(&self.thing, &self.suspects);
    }
}

impl Iterator for Alone {
    type Item = Source;

    fn next(&mut self) -> Option<Source> {
        loop {
            let item = self.items.get(self.next.item)?.clone();
            let remote = is_remote(&item);
            self.write_down(remote);
            let blame = self.suspects.blame(self.next);
            if let Some(Blame::NotOpened(fate)) = blame {
                self.sources = None;
                self.next = Input { item: self.next.item + 1, source: 0 };
                let failed = Source::failed(&item.location, at_fault(fate));
                return Some(failed.from_argument(item.source.as_os_str().into()));
            }
            let options = &self.options;
            let sources = self.sources.get_or_insert_with(|| open([item], options));
            match sources.next() {
                Some(source) => {
                    if remote {
                        self.write_down(false);
                    }
                    self.next.source += 1;
                    return Some(match blame {
                        Some(Blame::NotHashed(fate)) => source.failing(at_fault(fate)),
                        _ => source,
                    });
                }
                None => {
                    self.sources = None;
                    self.next = Input { item: self.next.item + 1, source: 0 };
                }
            }
        }
    }
}

/// Whether an item comes from a store or a server, before there is a source of it.
fn is_remote(item: &Item) -> bool {
    item.location.to_str().is_some_and(|text| text.contains("://"))
}

/// Takes records and keeps none.
struct Nobody;

impl Sink for Nobody {
    fn write(&mut self, _: &Record) -> Result<()> {
        Ok(())
    }
}

fn at_fault(fate: Fate) -> Error {
    let what = match fate {
        Fate::Died => "hashing it ended the process, time and again",
        Fate::Hung => "hashing it hung, time and again",
    };
    Error::corrupt("picture", what)
}

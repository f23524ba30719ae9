//! The sources of a shard that is taken alone: see [`suspects`](crate::job::state::suspects).

use std::sync::Arc;

use crate::engine::{Engine, RunOptions};
use crate::error::{Error, Result};
use crate::job::state::claim::Claims;
use crate::job::state::suspects::{DEATHS, Input, Suspects};
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
            alone.write_down();
            alone.try_out(suspect, engine, run)?;
            alone.suspects.clear(suspect);
        }
        alone.next = next;
        Ok(alone)
    }

    /// Hashes one input for nobody.
    fn try_out(&self, suspect: Input, engine: &Engine, run: &RunOptions) -> Result<()> {
        let Some(item) = self.items.get(suspect.item).cloned() else { return Ok(()) };
        let source = open([item], &self.options).nth(suspect.source as usize);
        engine.run_into(source, &mut Nobody, run).map(drop)
    }

    /// Writes down what comes next. That it cannot be written is no error: a death is then nobody's fault.
    fn write_down(&mut self) {
        self.suspects.take_in_hand(self.next);
        let _ = self.claims.suspect(&self.thing, &self.suspects);
    }
}

impl Iterator for Alone {
    type Item = Source;

    fn next(&mut self) -> Option<Source> {
        loop {
            let item = self.items.get(self.next.item)?.clone();
            self.write_down();
            let deaths = self.suspects.deaths(self.next);
            if deaths >= 2 * DEATHS {
                self.sources = None;
                self.next = Input { item: self.next.item + 1, source: 0 };
                return Some(
                    Source::failed(&item.location, ended()).from_argument(item.source.as_os_str().into()),
                );
            }
            let options = &self.options;
            let sources = self.sources.get_or_insert_with(|| open([item], options));
            match sources.next() {
                Some(source) => {
                    self.next.source += 1;
                    return Some(if deaths >= DEATHS { source.failing(ended()) } else { source });
                }
                None => {
                    self.sources = None;
                    self.next = Input { item: self.next.item + 1, source: 0 };
                }
            }
        }
    }
}

/// Takes records and keeps none.
struct Nobody;

impl Sink for Nobody {
    fn write(&mut self, _: &Record) -> Result<()> {
        Ok(())
    }
}

fn ended() -> Error {
    Error::corrupt("picture", "hashing it ended the process, time and again")
}

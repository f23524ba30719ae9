//! The plan: which items make up which shard, written down before they are hashed.
//!
//! A plan is a run of segments, each one object `plan/NUMBER.segment`: a line of JSON that says where each shard's items lie, then the
//! items, compressed a shard at a time. A segment is made by conditional creation, whole or not at all, and `plan/complete.json` is the
//! last word. So workers begin while a long listing goes on, and a planner that is killed is followed by one that goes on behind the last segment.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::beside::{beside, each};
use super::location::Location;
use super::seal::unseal;
use super::text::Text;
use crate::error::{Error, Result};
use crate::pipeline::{Item, ItemKind};

mod survey;
mod writer;

pub(super) use writer::write;

const PLAN: &str = "plan";
const LAST_WORD: &str = "complete.json";
const COMPLETE: &str = "plan/complete.json";

/// What a shard is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ShardKind {
    /// A run of the listing, one record an item.
    Pictures,
    /// One item, as many records as are in it.
    Archive,
}

/// A shard, and where its items stand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Shard {
    pub(super) kind: ShardKind,
    /// How many items.
    pub(super) items: u64,
    /// Where they lie behind the segment's first line, compressed, in bytes.
    place: Range<u64>,
    /// CRC-32 of them there.
    crc: u32,
    /// The segment, and the length of its first line.
    #[serde(skip)]
    segment: (u64, u64),
}

/// A segment's first line.
#[derive(Debug, Serialize, Deserialize)]
struct Index {
    /// The number of its first shard.
    first: u64,
    shards: Vec<Shard>,
}

/// A segment as whoever wrote it knows it.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    number: u64,
    shards: Vec<Shard>,
    /// Length of its first line.
    line: u64,
}

/// The last word.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Complete {
    segments: u64,
    shards: u64,
    items: u64,
}

/// The plan as far as it is written.
#[derive(Debug, Clone, Default)]
pub(super) struct Plan {
    shards: Vec<Shard>,
    segments: u64,
    complete: bool,
}

/// A shard's number as names have it.
pub(super) fn name(shard: u64) -> String {
    format!("{shard:07}")
}

impl Plan {
    /// Reads what was written since.
    pub(super) fn refresh(&mut self, location: &dyn Location) -> Result<()> {
        if self.complete {
            return Ok(());
        }
        let Some(complete) = self.read_segments(location)? else { return Ok(()) };
        let complete: Complete = unseal(&complete).ok_or_else(|| damaged(COMPLETE))?;
        if complete != self.summary() {
            // A folder is not listed at one instant: the last word may be seen without what was written just before it.
            self.read_segments(location)?;
        }
        if complete != self.summary() {
            return Err(Error::Input(format!(
                "the plan in {} lacks segments: {PLAN}/ was changed",
                location.place()
            )));
        }
        self.complete = true;
        Ok(())
    }

    /// Reads the segments that are new, and the last word, if that is there.
    fn read_segments(&mut self, location: &dyn Location) -> Result<Option<Vec<u8>>> {
        let known = location.list(PLAN)?;
        let is_there = |name: &str| known.iter().any(|listed| listed.name == name);
        let new: Vec<String> = (self.segments..)
            .take_while(|segment| is_there(&segment_file(*segment)))
            .map(segment_name)
            .collect();
        let last_word = || if is_there(LAST_WORD) { location.read(COMPLETE) } else { Ok(None) };
        let (complete, indices) = beside(last_word, || each(&new, |name| read_index(location, name)));
        for (index, name) in indices.into_iter().zip(&new) {
            let (Index { first, shards }, line) = index?;
            if first != self.shards.len() as u64 {
                return Err(damaged(name));
            }
            self.learn(Segment { number: self.segments, shards, line });
        }
        complete
    }

    /// Adds the shards of a segment, if it is the next one; one that is not is known already.
    pub(super) fn learn(&mut self, segment: Segment) {
        let Segment { number, shards, line } = segment;
        if number == self.segments {
            let own = |shard| Shard { segment: (number, line), ..shard };
            self.shards.extend(shards.into_iter().map(own));
            self.segments += 1;
        }
    }

    fn summary(&self) -> Complete {
        let items = self.shards.iter().map(|shard| shard.items).sum();
        Complete { segments: self.segments, shards: self.shards.len() as u64, items }
    }

    /// The shards planned so far, by number.
    pub(super) fn shards(&self) -> &[Shard] {
        &self.shards
    }

    /// Whether there will be no more.
    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    /// A shard's items, in their order.
    pub(super) fn items(&self, location: &dyn Location, shard: u64) -> Result<Vec<Item>> {
        let planned = &self.shards[shard as usize];
        let (segment, line) = planned.segment;
        let name = segment_name(segment);
        let Range { start, end } = planned.place;
        let packed = location.read_range(&name, line + start, end - start)?;
        if crc32fast::hash(&packed) != planned.crc {
            return Err(damaged(&name));
        }
        let lines = zstd::decode_all(&packed[..]).map_err(|_| damaged(&name))?;
        let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| read_item(line).ok_or_else(|| damaged(&name))).collect()
    }
}

fn segment_file(segment: u64) -> String {
    format!("{segment:06}.segment")
}

fn segment_name(segment: u64) -> String {
    format!("{PLAN}/{}", segment_file(segment))
}

fn damaged(name: &str) -> Error {
    Error::Input(format!(
        "{name} is damaged: the plan cannot be trusted; restore it, or start the job anew in another place"
    ))
}

/// A segment's first line and its length with the newline, without reading the rest.
fn read_index(location: &dyn Location, name: &str) -> Result<(Index, u64)> {
    let mut length = 1 << 16;
    loop {
        let start = location.read_range(name, 0, length)?;
        if let Some(end) = start.iter().position(|byte| *byte == b'\n') {
            let index = unseal(&start[..end]).ok_or_else(|| damaged(name))?;
            return Ok((index, end as u64 + 1));
        }
        if (start.len() as u64) < length {
            return Err(damaged(name));
        }
        length *= 8;
    }
}

/// An item as the plan writes it.
#[derive(Serialize, Deserialize)]
struct ItemLine {
    location: Text,
    source: Text,
    #[serde(flatten)]
    kind: ItemKind,
}

fn write_item(item: &Item, to: &mut Vec<u8>) -> Result<()> {
    let Item { location, source, kind } = item;
    let line = ItemLine {
        location: location.as_os_str().into(),
        source: source.as_os_str().into(),
        kind: kind.clone(),
    };
    serde_json::to_writer(&mut *to, &line)
        .map_err(|error| Error::io("cannot write the plan", error.into()))?;
    to.push(b'\n');
    Ok(())
}

fn read_item(line: &[u8]) -> Option<Item> {
    let ItemLine { location, source, kind } = serde_json::from_slice(line).ok()?;
    Some(Item { location: location.into_os()?, source: source.into_os()?, kind })
}

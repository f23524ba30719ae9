//! The plan: which items make up which shard, written down before they are hashed.
//!
//! A plan is a run of segments, each one object `plan/NUMBER.segment`: a line of JSON that says where each shard's items lie, then the
//! items, compressed a shard at a time. A segment is made by conditional creation, whole or not at all, and `plan/complete.json` is the
//! completion marker. So workers begin while a long listing continues, and the planner after one that was killed continues behind the last segment.
//!
//! The inputs may be listed again for what is new. `plan/extension-0001.json` begins that, further segments follow, and `plan/complete-0001.json`
//! is the completion marker then. `plan/broken.json` says why the listing that continues, or is to be continued, broke off before.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::checksummed::unseal;
use super::location::Location;
use super::text::Text;
use crate::error::{Error, Result};
use crate::pipeline::concurrent::{both, each};
use crate::pipeline::{Item, ItemKind};

mod known;
mod markers;
mod survey;
mod writer;

pub use markers::ListingTime;
pub(in crate::job) use markers::why_broken;
use markers::{Complete, Index, ShardLine, latest};
pub(in crate::job) use writer::write;

const PLAN: &str = "plan";

/// What a shard is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::job) enum ShardKind {
    /// A run of the listing, one record an item.
    Pictures,
    /// One item, as many records as are in it.
    Archive,
}

/// A shard, and where its items stand, in 24 bytes: a job may have a million.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::job) struct Shard {
    pub(in crate::job) kind: ShardKind,
    /// How many items.
    items: u32,
    /// Where they begin behind the segment's first line, compressed, in bytes.
    start: u32,
    /// Their length there, in bytes.
    length: u32,
    /// CRC-32 of them there.
    crc: u32,
    /// The segment.
    segment: u32,
}

/// In place of the segment of a shard whose own cannot be read.
const UNREADABLE: u32 = u32::MAX;

impl Shard {
    /// A shard of a segment, as that has it. Numbers that are larger than any segment's do not come here: see [`Index::is_sound`].
    fn of(line: &ShardLine, segment: u32) -> Shard {
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let ShardLine { kind, items, ref place, crc } = *line;
        let length = place.end.saturating_sub(place.start);
        Shard { kind, items: small(items), start: small(place.start), length: small(length), crc, segment }
    }

    /// How many items.
    pub(in crate::job) fn items(&self) -> u64 {
        u64::from(self.items)
    }
}

/// A segment as whoever wrote it knows it.
#[derive(Debug, Clone)]
pub(in crate::job) struct Segment {
    number: u64,
    /// When it was written.
    at: u64,
    shards: Vec<ShardLine>,
    /// Length of its first line.
    line: u64,
}

/// The plan as far as it is written.
#[derive(Debug, Clone, Default)]
pub(in crate::job) struct Plan {
    shards: Vec<Shard>,
    segments: u64,
    /// Lengths of the segments' first lines, in bytes.
    lines: BTreeMap<u32, u64>,
    /// How often the inputs were listed again, or begun to be.
    listing: u64,
    /// Whether the last listing came to its end.
    complete: bool,
    /// When it began, and ended.
    listed: ListingTime,
    /// Whether there is a marker of a listing that broke off.
    broke: bool,
}

/// A shard's number as names have it.
pub(in crate::job) fn name(shard: u64) -> String {
    format!("{shard:07}")
}

impl Plan {
    /// Reads what was written since.
    pub(in crate::job) fn refresh(&mut self, location: &dyn Location) -> Result<()> {
        if self.complete {
            return Ok(());
        }
        let Some(complete) = self.read_segments(location)? else { return Ok(()) };
        let name = markers::complete(self.listing);
        let complete: Complete = unseal(&complete).ok_or_else(|| damaged(&name))?;
        if !complete.is_about(self) {
            // A folder is not listed at one instant: the completion marker may be seen without what was written just before it.
            self.read_segments(location)?;
        }
        if !complete.is_about(self) {
            return Err(Error::Input(format!(
                "the plan in {} lacks segments: {PLAN}/ was changed",
                location.place()
            )));
        }
        self.complete = true;
        self.listed.to = Some(complete.at).filter(|at| *at > 0);
        Ok(())
    }

    /// Reads the segments that are new, and the completion marker, if that is there.
    fn read_segments(&mut self, location: &dyn Location) -> Result<Option<Vec<u8>>> {
        let known = location.list(PLAN)?;
        let is_there = |name: &str| known.iter().any(|listed| listed.name == name);
        let new: Vec<String> = (self.segments..)
            .take_while(|segment| is_there(&segment_file(*segment)))
            .map(segment_name)
            .collect();
        self.broke = is_there(markers::BROKEN);
        let listing = latest(&known);
        if listing > self.listing {
            (self.listing, self.listed) = (listing, markers::begun(location, listing)?);
        }
        let complete = markers::complete(listing);
        let ended = known.iter().any(|listed| format!("{PLAN}/{}", listed.name) == complete);
        let complete_marker = || if ended { location.read(&complete) } else { Ok(None) };
        let (complete, indices) = both(complete_marker, || each(&new, |name| read_index(location, name)));
        for (index, name) in indices.into_iter().zip(&new) {
            let (Index { first, at, shards }, line) = index?;
            if first != self.shards.len() as u64 {
                return Err(damaged(name));
            }
            self.learn(Segment { number: self.segments, at, shards, line });
        }
        complete
    }

    /// Adds the shards of a segment, if it is the next one; one that is not is known already.
    pub(in crate::job) fn learn(&mut self, segment: Segment) {
        let Segment { number, at, shards, line } = segment;
        if number == self.segments {
            if (number, self.listing) == (0, 0) && at > 0 {
                self.listed.from = Some(at);
            }
            let segment = u32::try_from(number).unwrap_or(UNREADABLE);
            self.lines.insert(segment, line);
            self.shards.extend(shards.iter().map(|shard| Shard::of(shard, segment)));
            self.segments += 1;
        }
    }

    /// How many items are planned so far.
    fn items_planned(&self) -> u64 {
        self.shards.iter().map(Shard::items).sum()
    }

    /// Begins another listing of the inputs, behind one that came to its end; whoever takes it up continues it. Where somebody else has begun
    /// it meanwhile, that one is it.
    pub(in crate::job) fn list_again(&mut self, location: &dyn Location) -> Result<()> {
        let listing = self.listing + 1;
        markers::begin(location, listing)?;
        (self.listing, self.complete, self.listed) = (listing, false, markers::begun(location, listing)?);
        Ok(())
    }

    /// How often the inputs were listed again, or begun to be.
    pub(in crate::job) fn listing(&self) -> u64 {
        self.listing
    }

    /// When the last listing began, and ended.
    pub(in crate::job) fn listed(&self) -> ListingTime {
        self.listed
    }

    /// The shards planned so far, by number.
    pub(in crate::job) fn shards(&self) -> &[Shard] {
        &self.shards
    }

    /// What a shard is made of; `None` where it is not planned.
    pub(in crate::job) fn kind(&self, shard: u64) -> Option<ShardKind> {
        let shard = usize::try_from(shard).ok()?;
        self.shards.get(shard).map(|shard| shard.kind)
    }

    /// Whether there will be no more.
    pub(in crate::job) fn is_complete(&self) -> bool {
        self.complete
    }

    /// A shard's items, in their order.
    pub(in crate::job) fn items(&self, location: &dyn Location, shard: u64) -> Result<Vec<Item>> {
        let planned = &self.shards[shard as usize];
        let name = segment_name(u64::from(planned.segment));
        let line = self.lines.get(&planned.segment).ok_or_else(|| damaged(&name))?;
        let start = line + u64::from(planned.start);
        let packed = location.read_range(&name, start, u64::from(planned.length))?;
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
            let index = unseal(&start[..end]).filter(Index::is_sound).ok_or_else(|| damaged(name))?;
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
}

fn write_item(item: &Item, to: &mut Vec<u8>) -> Result<()> {
    let Item { location, source, kind, version } = item;
    let line = ItemLine {
        location: location.as_os_str().into(),
        source: source.as_os_str().into(),
        kind: kind.clone(),
        version: version.clone(),
    };
    serde_json::to_writer(&mut *to, &line)
        .map_err(|error| Error::io("cannot write the plan", error.into()))?;
    to.push(b'\n');
    Ok(())
}

fn read_item(line: &[u8]) -> Option<Item> {
    let ItemLine { location, source, kind, version } = serde_json::from_slice(line).ok()?;
    Some(Item { location: location.into_os()?, source: source.into_os()?, kind, version })
}

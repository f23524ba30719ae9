//! What is written down besides the items: where shards lie, and how far the listing of the inputs is.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{PLAN, Plan, ShardKind};
use crate::error::{Error, Result};
use crate::job::state::checksummed::{seal, unseal};
use crate::job::state::identity::now;
use crate::job::state::location::{self, Location};

/// A shard as a segment's first line has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ShardLine {
    pub(super) kind: ShardKind,
    /// How many items.
    pub(super) items: u64,
    /// Where they lie behind the segment's first line, compressed, in bytes.
    pub(super) place: Range<u64>,
    /// CRC-32 of them there.
    pub(super) crc: u32,
}

/// A segment's first line.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Index {
    /// The number of its first shard.
    pub(super) first: u64,
    /// When it was written, in milliseconds since 1970 by the planner's clock.
    #[serde(default)]
    pub(super) at: u64,
    pub(super) shards: Vec<ShardLine>,
}

impl Index {
    /// Whether the shards lie one behind another, as they were written, within the 4 GiB that no segment comes near.
    pub(super) fn is_sound(&self) -> bool {
        let (mut end, most) = (0, u64::from(u32::MAX));
        self.shards.iter().all(|shard| {
            let follows =
                shard.place.start == end && (end..most).contains(&shard.place.end) && shard.items < most;
            end = shard.place.end;
            follows
        })
    }
}

/// The completion marker: written behind the last segment.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Complete {
    pub(super) segments: u64,
    pub(super) shards: u64,
    pub(super) items: u64,
    /// When the listing ended, as [`Index::at`].
    #[serde(default)]
    pub(super) at: u64,
}

impl Complete {
    /// The marker of a plan that is written to its end.
    pub(super) fn of(plan: &Plan) -> Complete {
        let (segments, shards) = (plan.segments, plan.shards.len() as u64);
        Complete { segments, shards, items: plan.items_planned(), at: now() }
    }

    /// Whether the plan holds what was written before the marker.
    pub(super) fn is_about(&self, plan: &Plan) -> bool {
        let Complete { segments, shards, items, .. } = *self;
        (segments, shards, items) == (plan.segments, plan.shards.len() as u64, plan.items_planned())
    }
}

/// When the inputs were listed, in milliseconds since 1970 by the planner's clock, as far as that is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ListingTime {
    /// When that began.
    pub from: Option<u64>,
    /// When it ended.
    pub to: Option<u64>,
}

/// The name of a listing's completion marker.
pub(super) fn complete(listing: u64) -> String {
    match listing {
        0 => format!("{PLAN}/complete.json"),
        listing => format!("{PLAN}/complete-{listing:04}.json"),
    }
}

fn extension(listing: u64) -> String {
    format!("{PLAN}/extension-{listing:04}.json")
}

/// The number of the last listing that the plan's folder has names of.
pub(super) fn latest(names: &[location::Listed]) -> u64 {
    let number = |listed: &location::Listed| {
        let (kind, number) = listed.name.strip_suffix(".json")?.split_once('-')?;
        let number = number.parse().ok()?;
        let known =
            [complete(number), extension(number)].contains(&format!("{PLAN}/{kind}-{number:04}.json"));
        known.then_some(number)
    };
    names.iter().filter_map(number).max().unwrap_or(0)
}

/// The start marker of a listing that is not the first.
#[derive(Debug, Serialize, Deserialize)]
struct Extension {
    /// When it began, as [`Index::at`].
    at: u64,
}

/// Writes the start marker of a listing, unless it is there.
pub(super) fn begin(location: &dyn Location, listing: u64) -> Result<()> {
    location.create(&extension(listing), seal(&Extension { at: now() })?.as_bytes()).map(drop)
}

/// When a listing that is not the first began.
pub(super) fn begun(location: &dyn Location, listing: u64) -> Result<ListingTime> {
    let start = location.read(&extension(listing))?;
    // That nobody knows when is no harm to the plan.
    let start: Option<Extension> = start.as_deref().and_then(unseal);
    Ok(ListingTime { from: start.map(|start| start.at), to: None })
}

/// Why a listing broke off.
#[derive(Debug, Serialize, Deserialize)]
struct Broken {
    why: String,
    /// When, as [`Index::at`].
    at: u64,
}

/// The marker of a listing that broke off, in the plan's folder.
pub(super) const BROKEN: &str = "broken.json";

fn broken() -> String {
    format!("{PLAN}/{BROKEN}")
}

/// Writes down why a listing broke off. That this fails too changes nothing.
pub(super) fn write_broken(location: &dyn Location, why: &Error) {
    if let Ok(marker) = seal(&Broken { why: why.to_string(), at: now() }) {
        let _ = location.beat(&broken(), marker.as_bytes());
    }
}

/// Removes that marker.
pub(super) fn remove_broken(location: &dyn Location) -> Result<()> {
    location.remove(&broken())
}

/// Why the listing that is not at its end broke off when it did so last, if it did.
pub(in crate::job) fn why_broken(location: &dyn Location, plan: &Plan) -> Result<Option<String>> {
    if plan.complete || !plan.broke {
        return Ok(None);
    }
    let marker = location.read(&broken())?;
    Ok(marker.as_deref().and_then(unseal).map(|Broken { why, .. }| why))
}

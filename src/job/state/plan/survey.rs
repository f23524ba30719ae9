//! The plan as far as it can be read, for whoever checks it.

use std::collections::BTreeSet;

use super::writer::MOST_SHARDS;
use super::{Complete, Index, PLAN, Plan, Segment, Shard, ShardKind, UNREADABLE};
use super::{damaged, markers, read_index, segment_file, segment_name};
use crate::error::Result;
use crate::job::state::checksummed::unseal;
use crate::job::state::location::Location;

/// Segments that may be gone and still have their shards known by number.
const MOST_GONE: u64 = 1024;

impl Plan {
    /// Reads what can be read; and what is wrong with the rest, as messages. Shards of a segment that cannot be read are there by their number alone.
    pub(in crate::job) fn survey(location: &dyn Location) -> Result<(Plan, Vec<String>)> {
        let (mut plan, mut faults) = (Plan::default(), Vec::new());
        let listing = markers::latest(&location.list(PLAN)?);
        // Before the segments: it is written after them.
        let name = markers::complete(listing);
        let complete_marker = location.read(&name)?;
        let complete: Option<Complete> = complete_marker.as_deref().and_then(unseal);
        if complete_marker.is_some() && complete.is_none() {
            faults.push(damaged(&name).to_string());
        }
        let listed = location.list(PLAN)?;
        plan.listing = markers::latest(&listed);
        if plan.listing > 0 {
            plan.listed = markers::begun(location, plan.listing)?;
        }
        plan.broke = listed.iter().any(|listed| listed.name == markers::BROKEN);
        let number = |name: &str| {
            let number = name.split('.').next()?.parse().ok()?;
            (segment_file(number) == name).then_some(number)
        };
        let segments: BTreeSet<u64> = listed.iter().filter_map(|listed| number(&listed.name)).collect();
        for number in segments {
            plan.lacks(number, &mut faults);
            if let Err(error) = plan.read_segment(location, number) {
                faults.push(error.to_string());
            }
        }
        // Where another listing has begun meanwhile, that is not its completion marker.
        if let Some(complete) = complete.filter(|_| plan.listing == listing) {
            plan.complete = true;
            plan.listed.to = Some(complete.at).filter(|at| *at > 0);
            plan.lacks(complete.segments, &mut faults);
            if !plan.fill(complete.shards) || faults.is_empty() && !complete.is_about(&plan) {
                faults.push(format!("{name} names other segments than there are"));
            }
        }
        Ok((plan, faults))
    }

    /// Says which segments are gone before this one.
    fn lacks(&mut self, number: u64, faults: &mut Vec<String>) {
        let (first, last) = (self.segments, number.saturating_sub(1));
        let gone = match number.saturating_sub(first) {
            0 => return,
            1 => format!("{} is gone", segment_name(first)),
            _ => format!("{} to {} are gone", segment_name(first), segment_name(last)),
        };
        faults.push(format!("{gone}: the plan cannot be trusted; restore what is gone"));
        self.segments = number;
    }

    fn read_segment(&mut self, location: &dyn Location, number: u64) -> Result<()> {
        let name = segment_name(number);
        let read = read_index(location, &name);
        // It is known now, whatever became of it.
        self.segments = number.saturating_add(1);
        let (Index { first, at, shards }, line) = read?;
        if first < self.shards.len() as u64 || !self.fill(first) {
            return Err(damaged(&name));
        }
        self.segments = number;
        self.learn(Segment { number, at, shards, line });
        Ok(())
    }

    /// Makes the shards before `end` known by their number; `false` where there cannot be so many.
    fn fill(&mut self, end: u64) -> bool {
        let known = self.shards.len() as u64;
        let most = self.segments.min(MOST_GONE).saturating_mul(MOST_SHARDS as u64 + 1);
        if end > known.saturating_add(most) {
            return false;
        }
        let unknown =
            Shard { kind: ShardKind::Pictures, items: 0, start: 0, length: 0, crc: 0, segment: UNREADABLE };
        self.shards.resize(known.max(end) as usize, unknown);
        true
    }

    /// Whether the segment of a shard could be read.
    pub(in crate::job) fn is_readable(&self, shard: u64) -> bool {
        self.shards[shard as usize].segment != UNREADABLE
    }
}

//! The plan as far as it can be read, for whoever checks it.

use super::{COMPLETE, Complete, Index, PLAN, Plan, Segment, Shard, ShardKind, damaged, read_index};
use super::{segment_file, segment_name};
use crate::error::{Error, Result};
use crate::job::location::Location;
use crate::job::seal::unseal;

/// The segment of shards whose own cannot be read.
const UNREADABLE: u64 = u64::MAX;

impl Plan {
    /// Reads what can be read; and what is wrong with the rest, in words. Shards of a segment that cannot be read are there by their number alone.
    pub(in crate::job) fn survey(location: &dyn Location) -> Result<(Plan, Vec<String>)> {
        // Before the segments: it is written after them.
        let last_word = location.read(COMPLETE)?;
        let complete: Option<Complete> = last_word.as_deref().and_then(unseal);
        let (mut plan, mut faults) = (Plan::default(), Vec::new());
        if last_word.is_some() && complete.is_none() {
            faults.push(damaged(COMPLETE).to_string());
        }
        let listed = location.list(PLAN)?;
        let number = |name: &str| {
            let number = name.split('.').next()?.parse().ok()?;
            (segment_file(number) == name).then_some(number + 1)
        };
        let listed = listed.iter().filter_map(|listed| number(&listed.name)).max().unwrap_or(0);
        let segments = complete.as_ref().map_or(listed, |complete| complete.segments);
        for number in 0..segments.max(listed) {
            if let Err(error) = plan.read_segment(location, number) {
                faults.push(error.to_string());
            }
        }
        if let Some(complete) = complete {
            plan.complete = true;
            if faults.is_empty() && complete != plan.summary() {
                faults.push(format!("{COMPLETE} tells of other segments than there are"));
            }
            plan.fill(complete.shards);
        }
        Ok((plan, faults))
    }

    fn read_segment(&mut self, location: &dyn Location, number: u64) -> Result<()> {
        let name = segment_name(number);
        self.segments = number;
        let (Index { first, shards }, line) = match location.exists(&name)? {
            true => read_index(location, &name)?,
            false => {
                return Err(Error::Input(format!("{name} is gone: the plan cannot be trusted; restore it")));
            }
        };
        if first < self.shards.len() as u64 {
            return Err(damaged(&name));
        }
        self.fill(first);
        self.learn(Segment { number, shards, line });
        Ok(())
    }

    /// Makes the shards before `end` known by their number.
    fn fill(&mut self, end: u64) {
        let unknown =
            Shard { kind: ShardKind::Pictures, items: 0, place: 0..0, crc: 0, segment: (UNREADABLE, 0) };
        self.shards.resize(self.shards.len().max(end as usize), unknown);
    }

    /// Whether the segment of a shard could be read.
    pub(in crate::job) fn is_readable(&self, shard: u64) -> bool {
        self.shards[shard as usize].segment.0 != UNREADABLE
    }
}

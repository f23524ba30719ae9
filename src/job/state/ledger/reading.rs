//! How files of the ledger are read, in ranges, so that memory is bounded whatever their length.

use std::collections::HashMap;
use std::num::NonZeroU32;

use super::index::Line;
use super::{LEDGER, ShardEntry, State};
use crate::error::{Error, Result};
use crate::job::state::checksummed::unseal;
use crate::job::state::location::Location;
use crate::pipeline::concurrent::each;

/// Bytes that are read of a file at a time. Sixteen such reads run at once at most.
const RANGE: u64 = 1 << 20;

/// Bytes between two lines that are read along with them: on a store another request takes as long as some 100 kB.
const GAP: u64 = 64 << 10;

/// What is to be read of a file: what was appended to it.
#[derive(Debug)]
pub(super) struct Appended {
    /// The file, by its number and name.
    pub(super) file: u32,
    pub(super) name: String,
    /// From where to where, in bytes.
    pub(super) from: u64,
    pub(super) to: u64,
}

/// What was read of a file.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Where the last whole line ends, in bytes.
    pub(super) read: u64,
    /// Shards that are done, and the lines that say so.
    pub(super) done: Vec<(u64, Line)>,
    /// What is announced, by shard, and not done in the same file.
    pub(super) announced: HashMap<u64, Vec<ShardEntry>>,
    /// Whole lines that are damaged.
    pub(super) damaged: u64,
}

impl Appended {
    /// Reads it.
    pub(super) fn read(&self, location: &dyn Location) -> Result<Found> {
        let (mut found, mut range) = (Found { read: self.from, ..Found::default() }, RANGE);
        while found.read < self.to {
            let asked = range.min(self.to - found.read);
            let bytes = location.read_range(&format!("{LEDGER}/{}", self.name), found.read, asked)?;
            match bytes.iter().rposition(|byte| *byte == b'\n') {
                Some(last) => found.add(&bytes[..=last], self.file),
                // A line that is longer than the range.
                None if bytes.len() as u64 == asked && found.read + asked < self.to => range *= 8,
                // A line without its end is being written, or was never finished.
                None => break,
            }
        }
        Ok(found)
    }
}

impl Found {
    /// Adds whole lines, behind those before.
    fn add(&mut self, lines: &[u8], file: u32) {
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            let (offset, text) = (self.read, &line[..line.len() - 1]);
            self.read += line.len() as u64;
            if text.is_empty() {
                continue;
            }
            let length = u32::try_from(text.len()).ok().and_then(NonZeroU32::new);
            match (length, unseal(text).filter(ShardEntry::is_sound)) {
                (Some(length), Some(entry)) => {
                    let line = Line { offset, file, length, generation: entry.generation };
                    self.add_entry(entry, line);
                }
                _ => self.damaged += 1,
            }
        }
    }

    fn add_entry(&mut self, entry: ShardEntry, line: Line) {
        match entry.state {
            State::Announced => self.announced.entry(entry.shard).or_default().push(entry),
            State::Done => {
                forget_announced(&mut self.announced, entry.shard, entry.generation);
                self.done.push((entry.shard, line));
            }
        }
    }
}

/// Forgets what is announced for a shard, up to a generation that is done.
pub(super) fn forget_announced(announced: &mut HashMap<u64, Vec<ShardEntry>>, shard: u64, done: u32) {
    if let Some(entries) = announced.get_mut(&shard) {
        entries.retain(|entry| entry.generation > done);
        if entries.is_empty() {
            announced.remove(&shard);
        }
    }
}

/// Lines of one file that are read in one go.
struct Run {
    file: u32,
    start: u64,
    end: u64,
    lines: Vec<(u64, Line)>,
}

/// Puts lines that lie near together into one run.
fn runs(mut lines: Vec<(u64, Line)>) -> Vec<Run> {
    lines.sort_unstable_by_key(|(_, line)| (line.file, line.offset));
    let mut runs: Vec<Run> = Vec::new();
    for (shard, line) in lines {
        let (start, end) = (line.offset, line.offset + u64::from(line.length.get()));
        match runs.last_mut() {
            Some(run)
                if run.file == line.file
                    && start.saturating_sub(run.end) <= GAP
                    && end - run.start <= RANGE =>
            {
                run.end = end;
                run.lines.push((shard, line));
            }
            _ => runs.push(Run { file: line.file, start, end, lines: vec![(shard, line)] }),
        }
    }
    runs
}

/// Reads lines back, some at once; what they say, by shard. They were whole when they were read first.
pub(super) fn read_back<'a>(
    location: &dyn Location,
    name: impl Fn(u32) -> &'a str + Sync,
    lines: Vec<(u64, Line)>,
) -> Result<Vec<ShardEntry>> {
    let read = |run: Run| {
        let name = format!("{LEDGER}/{}", name(run.file));
        let bytes = location.read_range(&name, run.start, run.end - run.start)?;
        let entry = |(shard, line): &(u64, Line)| {
            let start = (line.offset - run.start) as usize;
            let text = bytes.get(start..start + line.length.get() as usize);
            let entry = text.and_then(unseal).filter(ShardEntry::is_sound).filter(|entry: &ShardEntry| {
                (entry.shard, entry.generation, entry.state) == (*shard, line.generation, State::Done)
            });
            entry.ok_or_else(|| {
                let place = location.place();
                Error::Input(format!(
                    "{name} in {place} was changed: the line of shard {shard} is not there any more"
                ))
            })
        };
        run.lines.iter().map(entry).collect::<Result<Vec<ShardEntry>>>()
    };
    let mut entries = Vec::new();
    for read in each(runs(lines), read) {
        entries.extend(read?);
    }
    entries.sort_unstable_by_key(|entry| entry.shard);
    Ok(entries)
}

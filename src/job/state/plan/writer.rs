//! Writes a plan, or continues one.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::time::{Duration, Instant};

use super::known::Known;
use super::markers::{self, Complete, Index, ShardLine};
use super::{Plan, Segment, ShardKind, segment_name, write_item};
use crate::error::{Error, Result};
use crate::job::state::checksummed::seal;
use crate::job::state::identity::now;
use crate::job::state::location::Location;
use crate::pipeline::{Item, ItemKind, Stop};

/// Bytes of items and number of shards that end a segment.
const MOST_BYTES: usize = 32 << 20;
pub(super) const MOST_SHARDS: usize = 4096;

/// Longest time between two segments, while there is something to write.
const LONGEST: Duration = Duration::from_secs(10);

/// Pictures of the first shard, if shards may be so large; each one after it may have twice as many. A store lists a thousand at a time, so
/// that hashing begins with the first answer.
const FIRST: u64 = 1000;

/// Pictures of the shard of this number, where all may have so many.
fn pictures_of(shard: u64, most: u64) -> u64 {
    most.min(FIRST << shard.min(32))
}

/// Plans the items that `list` lists, behind what is planned already; whether the plan is complete.
///
/// It is not where `stop` was requested, or where another planner was faster.
///
/// `list` lists all items, or, where a listing `resumes`, those behind one. It is asked again where the item that was planned last is not there any
/// more. A listing that breaks off leaves a plan to continue, and a marker that says why. `written` is called with each segment that was written.
///
/// # Errors
///
/// Those of the location; [`Error::Io`] where the listing breaks off; [`Error::Input`] where nothing is left of the last shard that was planned.
pub(in crate::job) fn write<I: Iterator<Item = Item>>(
    location: &dyn Location,
    plan: Plan,
    (list, resumes): (impl Fn(Option<&Item>) -> I, bool),
    shard_size: u64,
    stop: &Stop,
    written: &dyn Fn(Segment),
) -> Result<bool> {
    if plan.is_complete() {
        return Ok(true);
    }
    if plan.broke {
        markers::remove_broken(location)?;
    }
    let ended = write_rest(location, plan, (&list, resumes), shard_size, stop, written);
    if let Err(error) = &ended {
        markers::write_broken(location, error);
    }
    ended
}

/// Writes what is not planned yet.
fn write_rest<I: Iterator<Item = Item>>(
    location: &dyn Location,
    plan: Plan,
    (list, resumes): (impl Fn(Option<&Item>) -> I, bool),
    shard_size: u64,
    stop: &Stop,
    written: &dyn Fn(Segment),
) -> Result<bool> {
    let broken = RefCell::new(None);
    let up_to_a_break = |item: Item| match item.kind {
        ItemKind::Broken(message) => {
            let place = item.location.to_string_lossy();
            let is_named = message.contains(&*place);
            *broken.borrow_mut() = Some(if is_named { message } else { format!("{place}: {message}") });
            None
        }
        _ => Some(item),
    };
    let check = || match broken.take() {
        Some(message) => Err(Error::io("cannot list the inputs to their end", io::Error::other(message))),
        None => Ok(()),
    };
    let list = |after: Option<&Item>| list(after).map_while(&up_to_a_break);
    let mut items: Box<dyn Iterator<Item = Item> + '_> = if plan.listing == 0 {
        let items = behind(&plan, location, list, resumes);
        check()?;
        Box::new(items?)
    } else {
        let mut known = Known::of(&plan, location)?;
        Box::new(list(None).filter(move |item| known.lacks(item)))
    };
    let mut writer = Writer::new(location, plan, written);
    let mut pictures = Vec::new();
    loop {
        let item = if stop.requested() { None } else { items.next() };
        if !pictures.is_empty() && item.as_ref().is_none_or(is_archive) {
            writer.add(ShardKind::Pictures, &pictures)?;
            pictures.clear();
        }
        match item {
            Some(item) if is_archive(&item) => writer.add(ShardKind::Archive, &[item])?,
            Some(item) => pictures.push(item),
            None => break,
        }
        if pictures.len() as u64 >= pictures_of(writer.next_shard(), shard_size) {
            writer.add(ShardKind::Pictures, &pictures)?;
            pictures.clear();
        }
        if writer.is_late() && !writer.end_segment()? {
            return Ok(false);
        }
    }
    // What is not written is listed again, so that shards are the same whatever happened.
    check()?;
    if stop.requested() || !writer.end_segment()? {
        return Ok(false);
    }
    let Plan { listing, .. } = writer.plan;
    location.create(&markers::complete(listing), seal(&Complete::of(&writer.plan))?.as_bytes())?;
    Ok(true)
}

/// Whether the item is a shard of its own.
fn is_archive(item: &Item) -> bool {
    !matches!(item.kind, ItemKind::Picture | ItemKind::Failed(_))
}

/// Whether two items are one input, in whatever version.
fn is_same(one: &Item, other: &Item) -> bool {
    (&one.location, &one.source) == (&other.location, &other.source)
}

/// The items that are not planned yet.
fn behind<I: Iterator<Item = Item>>(
    plan: &Plan,
    location: &dyn Location,
    list: impl Fn(Option<&Item>) -> I,
    resumes: bool,
) -> Result<I> {
    let Some(last) = plan.shards.len().checked_sub(1) else { return Ok(list(None)) };
    let planned = plan.items(location, last as u64)?;
    let of_listing = |item: &&Item| !matches!(item.kind, ItemKind::Failed(_));
    if resumes && let Some(last) = planned.last().filter(of_listing) {
        return Ok(list(Some(last)));
    }
    let is_last = |item: &Item| planned.last().is_some_and(|last| is_same(item, last));
    let mut items = list(None);
    let before = plan.items_planned() as usize;
    if items.nth(before.saturating_sub(1)).is_some_and(|item| is_last(&item)) {
        return Ok(items);
    }
    // The listing changed: behind what was planned last, wherever it stands now.
    let mut items = list(None);
    if items.any(|item| is_last(&item)) {
        return Ok(items);
    }
    // That vanished: behind the last of its shard that did not.
    let order: HashMap<_, _> = planned.iter().enumerate().map(|(at, item)| (&item.location, at)).collect();
    let left = list(None).filter_map(|item| order.get(&item.location).copied()).max();
    let Some(left) = left else {
        let message =
            "listing was interrupted, and meanwhile everything around that place was removed from the input";
        return Err(Error::Input(format!("{message}; start the job anew in another place")));
    };
    let mut items = list(None);
    let _ = items.any(|item| item.location == planned[left].location);
    Ok(items)
}

/// The segment that is being put together.
struct Writer<'a> {
    location: &'a dyn Location,
    written: &'a dyn Fn(Segment),
    /// What was written before.
    plan: Plan,
    shards: Vec<ShardLine>,
    items: Vec<u8>,
    lines: Vec<u8>,
    begun: Instant,
    /// How long until a segment is late: short at first, so that workers have something to do.
    patience: Duration,
}

impl<'a> Writer<'a> {
    fn new(location: &'a dyn Location, plan: Plan, written: &'a dyn Fn(Segment)) -> Writer<'a> {
        let (shards, items, lines, begun) = (Vec::new(), Vec::new(), Vec::new(), Instant::now());
        Writer { location, written, plan, shards, items, lines, begun, patience: Duration::ZERO }
    }

    /// The number of the shard that is added next.
    fn next_shard(&self) -> u64 {
        (self.plan.shards.len() + self.shards.len()) as u64
    }

    fn add(&mut self, kind: ShardKind, items: &[Item]) -> Result<()> {
        self.lines.clear();
        for item in items {
            write_item(item, &mut self.lines)?;
        }
        let start = self.items.len() as u64;
        let packed =
            zstd::bulk::compress(&self.lines, 3).map_err(|e| Error::io("cannot compress the plan", e))?;
        self.items.extend(&packed);
        let place = start..self.items.len() as u64;
        let crc = crc32fast::hash(&packed);
        self.shards.push(ShardLine { kind, items: items.len() as u64, place, crc });
        Ok(())
    }

    fn is_late(&self) -> bool {
        let shards = self.shards.len();
        let full = shards >= MOST_SHARDS || self.items.len() >= MOST_BYTES;
        full || (shards > 0 && self.begun.elapsed() >= self.patience)
    }

    /// Writes the segment; `false` where another planner wrote it first.
    fn end_segment(&mut self) -> Result<bool> {
        if self.shards.is_empty() {
            return Ok(true);
        }
        let (first, at) = (self.plan.shards.len() as u64, now());
        let index = Index { first, at, shards: std::mem::take(&mut self.shards) };
        let mut content = seal(&index)?.into_bytes();
        content.push(b'\n');
        let line = content.len() as u64;
        content.append(&mut self.items);
        let segment = Segment { number: self.plan.segments, at, shards: index.shards, line };
        let created = self.location.create(&segment_name(segment.number), &content)?;
        if created {
            (self.written)(segment.clone());
        }
        self.plan.learn(segment);
        self.begun = Instant::now();
        self.patience = (self.patience * 2).clamp(Duration::from_millis(250), LONGEST);
        Ok(created)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::super::super::location::Folder;
    use super::super::Shard;
    use super::*;

    fn items(range: std::ops::Range<usize>) -> impl Iterator<Item = Item> {
        range.map(|number| Item {
            location: format!("folder/{number}").into(),
            source: "folder".into(),
            kind: if number % 50 == 7 { ItemKind::Failed("gone".into()) } else { ItemKind::Picture },
            version: None,
        })
    }

    fn known(location: &Folder) -> Plan {
        let mut plan = Plan::default();
        plan.refresh(location).unwrap();
        plan
    }

    /// Continues the plan.
    fn write<I: Iterator<Item = Item>>(
        location: &Folder,
        list: impl Fn() -> I,
        shard_size: u64,
        stop: &Stop,
    ) -> Result<bool> {
        let list = |_: Option<&Item>| list();
        let (learned, before) = (RefCell::new(known(location)), known(location));
        let complete = super::write(location, before, (list, false), shard_size, stop, &|segment| {
            learned.borrow_mut().learn(segment);
        })?;
        assert_eq!(
            learned.into_inner().shards(),
            known(location).shards(),
            "what was learned is not what was written"
        );
        Ok(complete)
    }

    fn planned(location: &Folder) -> (Plan, Vec<Item>) {
        let plan = known(location);
        let all = (0..plan.shards().len() as u64).flat_map(|shard| plan.items(location, shard).unwrap());
        let all = all.collect();
        (plan, all)
    }

    #[test]
    fn every_item_is_planned_once_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let location = Folder::create(folder.path()).unwrap();
        assert!(write(&location, || items(0..1234), 100, &Stop::default()).unwrap());
        let (plan, all) = planned(&location);
        assert!(plan.is_complete() && all == items(0..1234).collect::<Vec<_>>());
        assert_eq!(plan.shards().len(), 13);
        assert!(plan.segments >= 2, "the first shard waits for the last");
        assert!(write(&location, || items(0..2000), 100, &Stop::default()).unwrap());
        assert_eq!(planned(&location).1.len(), 1234);
    }

    #[test]
    fn the_first_shards_are_small_and_soon_there() {
        let folder = tempfile::tempdir().unwrap();
        let location = Folder::create(folder.path()).unwrap();
        let list = || {
            let look = |(number, item)| {
                let early = number == 1_000 && known(&location).shards().is_empty();
                assert!(!early, "the first shard waits for more than its items");
                item
            };
            items(0..20_000).enumerate().map(look)
        };
        assert!(write(&location, list, 10_000, &Stop::default()).unwrap());
        let sizes: Vec<u64> = planned(&location).0.shards().iter().map(Shard::items).collect();
        assert_eq!(sizes, [1_000, 2_000, 4_000, 8_000, 5_000]);
        let sizes: Vec<u64> = [0, 1, 4, 70].map(|shard| pictures_of(shard, 1_500)).to_vec();
        assert_eq!(sizes, [1_000, 1_500, 1_500, 1_500]);
    }

    /// Stops listing at every tenth item, each time with a new planner; some items vanish meanwhile.
    #[test]
    fn an_interrupted_listing_goes_on_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let location = Folder::create(folder.path()).unwrap();
        for end in (10..500).step_by(10) {
            let stop = Stop::default();
            let list = || {
                items(0..500).inspect(|item| {
                    if item.location == items(end..end + 1).next().unwrap().location {
                        stop.request();
                    }
                })
            };
            assert!(!write(&location, list, 25, &stop).unwrap());
        }
        let (plan, before) = planned(&location);
        assert!(!plan.is_complete() && before.len() >= 25);
        let last = before.last().unwrap().clone();
        let list = || items(0..500).filter(|item| *item != last);
        assert!(write(&location, list, 25, &Stop::default()).unwrap());
        let (plan, all) = planned(&location);
        assert!(plan.is_complete());
        assert_eq!(all, items(0..500).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_planned_is_not_listed_again_where_that_can_be() {
        let folder = tempfile::tempdir().unwrap();
        let location = Folder::create(folder.path()).unwrap();
        let number = |item: &Item| item.location.to_str()?.split_once('/')?.1.parse::<usize>().ok();
        for end in [130, 307, 500] {
            let (stop, from) = (Stop::default(), known(&location).items_planned() as usize);
            let list = |after: Option<&Item>| {
                assert_eq!(after.and_then(number).map_or(0, |after| after + 1), from);
                // Of the item that was planned last nothing is known any more.
                items(from..500).inspect(|item| {
                    if number(item) == Some(end) {
                        stop.request();
                    }
                })
            };
            let plan = known(&location);
            assert_eq!(super::write(&location, plan, (list, true), 20, &stop, &|_| ()).unwrap(), end == 500);
        }
        assert_eq!(planned(&location).1, items(0..500).collect::<Vec<_>>());
    }

    #[test]
    fn a_damaged_segment_is_not_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let location = Folder::create(folder.path()).unwrap();
        assert!(write(&location, || items(0..60), 20, &Stop::default()).unwrap());
        let file = folder.path().join("plan/000000.segment");
        let whole = std::fs::read(&file).unwrap();
        for at in (0..whole.len()).step_by(3) {
            let mut damaged = whole.clone();
            damaged[at] ^= 16;
            std::fs::write(&file, damaged).unwrap();
            let mut plan = Plan::default();
            let refused = plan.refresh(&location).is_err();
            let refused =
                refused || (0..plan.shards().len() as u64).any(|n| plan.items(&location, n).is_err());
            assert!(refused, "damage at {at} went unseen");
        }
    }
}

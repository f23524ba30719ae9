//! The pictures of a sequence, by the tables of its track (ISO/IEC 14496-12, 8).

use std::time::Duration;

use super::super::boxes::Parts;
use super::Coded;
use super::numbers::Numbers;

/// Bytes of a sample entry of a picture before its own boxes (ISO/IEC 14496-12, 12.1.3).
const ENTRY: usize = 78;

/// What is coded, and its `colr` boxes.
type Described<'a> = (Coded<'a>, Vec<&'a [u8]>);

/// Whether a file has a track of more than one picture.
pub(super) fn has_several(file: &[u8]) -> bool {
    count(file) > 1
}

/// Whether a file has a track of pictures.
pub(super) fn is_in(file: &[u8]) -> bool {
    count(file) > 0
}

/// How many pictures the track announces.
pub(super) fn count(file: &[u8]) -> u64 {
    Track::of(file).and_then(|track| sizes(track.tables)).map_or(0, |sizes| u64::from(sizes.count))
}

/// The first picture of the first track of pictures, and its `colr` boxes.
pub(super) fn first(file: &[u8]) -> Option<Described<'_>> {
    let track = Track::of(file)?;
    let data = track.samples(file).next()?;
    let (coded, colours) = track.coded()?;
    Some((Coded { data: data.into(), ..coded }, colours))
}

/// The first pictures of the first track of pictures, at most so many, one behind another in one piece of data, with `colr` boxes; and how long each is shown.
pub(super) fn all(file: &[u8], most: usize) -> Option<(Described<'_>, Vec<Duration>)> {
    let track = Track::of(file)?;
    let samples: Vec<&[u8]> = track.samples(file).take(most).collect();
    // Samples may share their bytes, so that they are more than the file.
    let length = samples.iter().try_fold(0usize, |all, sample| all.checked_add(sample.len()))?;
    (!samples.is_empty() && length <= file.len()).then_some(())?;
    let mut times = track.times(most);
    times.resize(samples.len(), Duration::ZERO);
    let (coded, colours) = track.coded()?;
    Some(((Coded { data: samples.concat().into(), ..coded }, colours), times))
}

/// A track of pictures.
struct Track<'a> {
    media: &'a [u8],
    tables: &'a [u8],
}

impl<'a> Track<'a> {
    /// The first one.
    fn of(file: &'a [u8]) -> Option<Track<'a>> {
        let tracks = Parts::of(Parts::of(file).find(b"moov")?).filter(|part| part.name == *b"trak");
        tracks.filter_map(|track| Parts::of(track.content).find(b"mdia")).find_map(|media| {
            let handler = Parts::of(media).find(b"hdlr")?.get(8..12)?;
            matches!(handler, b"pict" | b"vide").then_some(())?;
            let tables = Parts::of(Parts::of(media).find(b"minf")?).find(b"stbl")?;
            Some(Track { media, tables })
        })
    }

    /// How its pictures are coded, without any, and its `colr` boxes.
    fn coded(&self) -> Option<Described<'a>> {
        let entry = Parts::of(Parts::of(self.tables).find(b"stsd")?.get(8..)?).next()?;
        let mut numbers = Numbers::of(entry.content);
        numbers.take(24)?;
        let size = (u32::from(numbers.short()?), u32::from(numbers.short()?));
        let boxes = || Parts::of(entry.content.get(ENTRY..).unwrap_or_default());
        let config = boxes().find(b"hvcC").or_else(|| boxes().find(b"av1C"))?;
        let colours = boxes().filter(|part| part.name == *b"colr").map(|part| part.content).collect();
        Some((Coded { kind: entry.name, config, size: Some(size), data: (&[]).into() }, colours))
    }

    /// The data of each picture, up to the first that is not all in the file.
    fn samples(&self, file: &'a [u8]) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut sizes = sizes(self.tables);
        let mut chunks = self.chunks();
        // Where the next picture of a chunk begins, and how many there are left in it.
        let (mut at, mut left) = (0u64, 0u32);
        std::iter::from_fn(move || {
            let length = sizes.as_mut()?.next()?;
            while left == 0 {
                (at, left) = chunks.next()?;
            }
            left -= 1;
            let start = usize::try_from(at).ok()?;
            at = at.checked_add(length.into())?;
            file.get(start..)?.get(..usize::try_from(length).ok()?)
        })
    }

    /// Where each chunk begins, and how many pictures it has (8.7.4 and 8.7.5).
    fn chunks(&self) -> impl Iterator<Item = (u64, u32)> + use<'a> {
        let short = Parts::of(self.tables).find(b"stco").map(|table| (table, 4));
        let long = || Parts::of(self.tables).find(b"co64").map(|table| (table, 8));
        let (table, bytes) = short.or_else(long).unwrap_or_default();
        let mut offsets = Numbers::of(table.get(8..).unwrap_or_default());
        let runs = Parts::of(self.tables).find(b"stsc").and_then(|table| table.get(8..)).unwrap_or_default();
        let mut runs = Numbers::of(runs);
        let mut run = move || Some((runs.long()?, runs.long()?, runs.long()?));
        let (mut number, mut each) = (0u32, 1);
        let mut next = run();
        std::iter::from_fn(move || {
            number = number.checked_add(1)?;
            while let Some((first, count, _)) = next
                && first <= number
            {
                each = count;
                next = run();
            }
            Some((offsets.number(bytes).filter(|_| bytes > 0)?, each))
        })
    }

    /// How long the first pictures are shown, as far as that is said (8.6.1.2).
    fn times(&self, most: usize) -> Vec<Duration> {
        let scale = || {
            let mut numbers = Numbers::of(Parts::of(self.media).find(b"mdhd")?);
            let (version, _) = numbers.version()?;
            numbers.take(if version == 1 { 16 } else { 8 })?;
            numbers.long().filter(|scale| *scale > 0)
        };
        let runs = Parts::of(self.tables).find(b"stts").and_then(|table| table.get(8..));
        let (Some(scale), Some(runs)) = (scale(), runs) else { return Vec::new() };
        let run = |run: &[u8; 8]| {
            let mut numbers = Numbers::of(run);
            let (count, time) = (numbers.long().unwrap_or(0), numbers.long().unwrap_or(0));
            std::iter::repeat_n(Duration::from_secs(time.into()) / scale, count as usize)
        };
        runs.as_chunks::<8>().0.iter().flat_map(run).take(most).collect()
    }
}

/// The size of each picture, in bytes (8.7.3).
struct Sizes<'a> {
    /// That of all, or 0.
    all: u32,
    /// How many are left.
    count: u32,
    each: Numbers<'a>,
}

fn sizes(tables: &[u8]) -> Option<Sizes<'_>> {
    let mut numbers = Numbers::of(Parts::of(tables).find(b"stsz")?);
    numbers.version()?;
    Some(Sizes { all: numbers.long()?, count: numbers.long()?, each: numbers })
}

impl Iterator for Sizes<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        self.count = self.count.checked_sub(1)?;
        if self.all > 0 { Some(self.all) } else { self.each.long() }
    }
}

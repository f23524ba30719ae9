//! The first picture of a sequence, by the tables of its track (ISO/IEC 14496-12, 8).

use super::super::boxes::Parts;
use super::Coded;
use super::numbers::Numbers;

/// Bytes of a sample entry of a picture before its own boxes (ISO/IEC 14496-12, 12.1.3).
const ENTRY: usize = 78;

/// Whether a file has a track of more than one picture.
pub(super) fn has_several(file: &[u8]) -> bool {
    tables(file).is_some_and(|tables| sizes(tables).is_some_and(|(_, count, _)| count > 1))
}

/// Whether a file has a track of pictures.
pub(super) fn is_in(file: &[u8]) -> bool {
    tables(file).is_some_and(|tables| sizes(tables).is_some_and(|(_, count, _)| count > 0))
}

/// The first picture of the first track of pictures, and its `colr` boxes.
pub(super) fn first(file: &[u8]) -> Option<(Coded<'_>, Vec<&[u8]>)> {
    let tables = tables(file)?;
    let entry = Parts::of(Parts::of(tables).find(b"stsd")?.get(8..)?).next()?;
    let mut numbers = Numbers::of(entry.content);
    numbers.take(24)?;
    let size = (u32::from(numbers.short()?), u32::from(numbers.short()?));
    let boxes = || Parts::of(entry.content.get(ENTRY..).unwrap_or_default());
    let config = boxes().find(b"hvcC").or_else(|| boxes().find(b"av1C"))?;
    let colours = boxes().filter(|part| part.name == *b"colr").map(|part| part.content).collect();
    let (all, _, mut each) = sizes(tables)?;
    let length = if all > 0 { all } else { each.long()? };
    let offset = match Parts::of(tables).find(b"stco") {
        Some(offsets) => Numbers::of(offsets.get(8..)?).number(4)?,
        None => Numbers::of(Parts::of(tables).find(b"co64")?.get(8..)?).number(8)?,
    };
    let rest = file.get(usize::try_from(offset).ok()?..)?;
    let data = rest.get(..usize::try_from(length).ok()?)?;
    Some((Coded { kind: entry.name, config, size: Some(size), data: data.into() }, colours))
}

/// The size of all samples, or 0, the count of samples, and the size of each.
fn sizes(tables: &[u8]) -> Option<(u32, u32, Numbers<'_>)> {
    let mut numbers = Numbers::of(Parts::of(tables).find(b"stsz")?);
    numbers.version()?;
    Some((numbers.long()?, numbers.long()?, numbers))
}

/// The tables of the first track that has pictures.
fn tables(file: &[u8]) -> Option<&[u8]> {
    let tracks = Parts::of(Parts::of(file).find(b"moov")?).filter(|part| part.name == *b"trak");
    tracks.filter_map(|track| Parts::of(track.content).find(b"mdia")).find_map(|media| {
        let handler = Parts::of(media).find(b"hdlr")?.get(8..12)?;
        matches!(handler, b"pict" | b"vide").then_some(())?;
        Parts::of(Parts::of(media).find(b"minf")?).find(b"stbl")
    })
}

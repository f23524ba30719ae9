//! A gallery that follows a list: some of its segments as they are, some of its entries gone, and others written anew.
//!
//! An addition is a segment of its own, and a search goes through every segment. So segments at the end are joined with what is added while they are not much
//! larger than it, and segments of which most is removed are written anew: what an entry costs over its life is the logarithm of their number.

use std::collections::HashSet;
use std::io::{self, Seek, Write};
use std::path::Path;

use super::entry::{Entry, EntryId};
use super::file::{self, Writer};
use super::segment::{Made, SectionKind, Segment};
use super::{Gallery, GalleryBuilder, damaged};
use crate::error::{Error, Result};

/// Most entries that are written anew together, because they are all in memory then.
const LARGEST_JOINED: u64 = 1 << 20;

impl Gallery {
    /// An entry as it would be added.
    pub(crate) fn owned(&self, id: EntryId) -> Entry {
        let view = self.entry(id);
        Entry {
            key: view.key.into(),
            label: view.label.into(),
            position: view.position,
            flat: view.flat,
            quality: view.quality,
            photodna: self.photodna(id),
            pdq: self.pdq(id),
            columns: view.columns.to_columns(),
        }
    }
}

/// Writes to `path` the entries of `base`, but for those that are `gone`, and those of `source` (name and format) behind them.
///
/// # Errors
///
/// [`Error::Io`] where the file cannot be written, [`Error::Corrupt`] where what is copied is damaged, those of [`GalleryBuilder::add`].
pub(crate) fn rewrite(
    base: &Gallery,
    gone: &HashSet<EntryId>,
    source: (&str, &str),
    entries: Vec<Entry>,
    path: &Path,
) -> Result<()> {
    let mut left: Vec<u64> =
        base.segments.iter().map(|one| u64::from(one.entries) - one.removed_count(&base.storage)).collect();
    gone.iter().for_each(|id| left[id.segment as usize] = left[id.segment as usize].saturating_sub(1));
    let sizes: Vec<u64> = base.segments.iter().map(|one| u64::from(one.entries)).collect();
    let kept = kept(&left, &sizes, entries.len() as u64);
    let mut builder = GalleryBuilder::new();
    builder.announce_columns(&base.column_names());
    for id in base.ids().filter(|id| !kept[id.segment as usize] && !gone.contains(id)) {
        let view = base.entry(id);
        let source = builder.source(view.source, view.format);
        builder.add(source, base.owned(id))?;
    }
    for (number, segment) in base.segments.iter().enumerate().filter(|(number, _)| !kept[*number]) {
        debug_assert!(left[number] <= LARGEST_JOINED);
        segment.verify(&base.storage)?;
    }
    let source = builder.source(source.0, source.1);
    entries.into_iter().try_for_each(|entry| builder.add(source, entry))?;
    file::replace(path, |sink| {
        let written = write(base, &kept, gone, &builder, sink);
        written.map_err(|source| Error::io("cannot write the gallery", source))
    })
}

/// Gives the whole gallery `new` the name `path`, with owner and mode of the one that is there. Both are in one folder.
///
/// # Errors
///
/// [`Error::Io`] where that cannot be done; what is there stays.
pub(crate) fn take_place(new: &Path, path: &Path) -> Result<()> {
    file::take_place(new, path)
}

/// Which segments stay as they are: `left` entries of each are not removed, of its `size`, and `new` ones come.
fn kept(left: &[u64], sizes: &[u64], new: u64) -> Vec<bool> {
    let mut kept = vec![true; left.len()];
    let mut anew = new;
    for at in 0..left.len() {
        if left[at] * 2 < sizes[at]
            && left[at] <= LARGEST_JOINED
            && anew + left[at] <= LARGEST_JOINED.max(new)
        {
            kept[at] = false;
            anew += left[at];
        }
    }
    for at in (0..left.len()).rev().filter(|&at| kept[at]).collect::<Vec<_>>() {
        if left[at] > 2 * anew || anew + left[at] > LARGEST_JOINED {
            break;
        }
        kept[at] = false;
        anew += left[at];
    }
    kept
}

fn write<W: Write + Seek>(
    base: &Gallery,
    kept: &[bool],
    gone: &HashSet<EntryId>,
    builder: &GalleryBuilder,
    sink: W,
) -> io::Result<W> {
    let mut writer = Writer::new(sink)?;
    let mut segments = Vec::new();
    for (number, segment) in base.segments.iter().enumerate().filter(|(number, _)| kept[*number]) {
        segments.push(copy(base, number as u32, segment, gone, &mut writer)?);
    }
    for part in builder.parts().filter(|part| part.entries() > 0) {
        segments.push(builder.write_segment(part, &vec![false; part.entries()], &mut writer)?);
    }
    writer.finish(&segments)
}

/// Copies a segment's sections, compared with their checksums on the way, and marks what is gone.
fn copy<W: Write + Seek>(
    base: &Gallery,
    number: u32,
    segment: &Segment,
    gone: &HashSet<EntryId>,
    writer: &mut Writer<W>,
) -> io::Result<Segment> {
    let mut copied = Segment { made: Made::default(), ..segment.clone() };
    for kind in SectionKind::ALL {
        let bytes = segment.part(&base.storage, kind);
        let expected = segment.sections[kind as usize].checksum;
        let is_whole = match kind {
            SectionKind::Removed => {
                let mut removed = bytes.to_vec();
                for id in gone.iter().filter(|id| id.segment == number) {
                    removed[id.index as usize / 8] |= 1 << (id.index % 8);
                }
                writer.write(&removed)?;
                copied.sections[kind as usize] = writer.end_section()?;
                crc32fast::hash(bytes) == expected
            }
            _ => {
                writer.write(bytes)?;
                copied.sections[kind as usize] = writer.end_section()?;
                copied.sections[kind as usize].checksum == expected
            }
        };
        if !is_whole {
            return Err(io::Error::other(damaged(format!(
                "section {kind:?} does not agree with its checksum"
            ))));
        }
    }
    Ok(copied)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gallery::Columns;
    use crate::signature::Pdq;

    fn entry(number: u64) -> Entry {
        let mut pdq = [0x5a; 32];
        pdq[..8].copy_from_slice(&number.to_le_bytes());
        let entry = Entry::default().key(number.to_string()).position(number).pdq(Some(Pdq(pdq)));
        // Some of them have further columns.
        match number % 3 {
            0 => entry.columns(Columns::new([("md5", format!("{number:x}")), ("series", "one".into())])),
            _ => entry,
        }
    }

    fn keys(gallery: &Gallery) -> Vec<u64> {
        let mut keys: Vec<u64> = gallery.ids().map(|id| gallery.entry(id).key.parse().unwrap()).collect();
        keys.sort_unstable();
        keys
    }

    #[test]
    fn few_segments_hold_what_comes_and_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.gallery");
        GalleryBuilder::new().create(&path).unwrap();
        let mut expected: Vec<u64> = Vec::new();
        let mut most = 0;
        for round in 0..200u64 {
            let base = Gallery::open(&path).unwrap();
            let leaves = |key: u64| (key * 7 + round).is_multiple_of(11);
            let gone = base.ids().filter(|id| leaves(base.entry(*id).key.parse().unwrap())).collect();
            let new: Vec<u64> = (0..round % 13).map(|k| round * 100 + k).collect();
            rewrite(&base, &gone, ("list", "json"), new.iter().map(|&k| entry(k)).collect(), &path).unwrap();
            expected.retain(|&key| !leaves(key));
            expected.extend(new);
            let gallery = Gallery::open(&path).unwrap();
            gallery.verify().unwrap();
            assert_eq!(keys(&gallery), expected);
            for id in gallery.ids() {
                assert_eq!(gallery.owned(id), entry(gallery.entry(id).position));
                assert_eq!((gallery.entry(id).source, gallery.entry(id).format), ("list", "json"));
            }
            most = most.max(gallery.counts().segments);
        }
        assert!((2..=12).contains(&most) && expected.len() > 20, "{most} segments, {}", expected.len());
    }

    #[test]
    fn damage_is_not_copied() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.gallery");
        let mut builder = GalleryBuilder::new();
        let source = builder.source("list", "json");
        (0..1000).for_each(|number| builder.add(source, entry(number)).unwrap());
        let mut bytes = builder.to_bytes().unwrap();
        bytes[100] ^= 1;
        let base = Gallery::from_bytes(bytes).unwrap();
        for new in [1, 5000] {
            let new = (0..new).map(|number| entry(2000 + number)).collect();
            let outcome = rewrite(&base, &HashSet::new(), ("list", "json"), new, &path);
            assert_eq!(outcome.unwrap_err().code(), "corrupt");
            assert!(!path.exists());
        }
    }
}

//! Directories that other readers take and the `tiff` crate (0.11) does not, written anew for it behind the file's end.
//!
//! The rules are libtiff's: where strips or tiles lie is read under either name, a list of them may be too short or too long, missing lengths
//! follow from what lies next, and what is not said about samples follows from the rest.

use std::borrow::Cow;
use std::collections::BTreeMap;

use tiff::tags::Tag;

use super::super::pieces::Pieces;
use super::changes::{BEHIND, Changes};
use super::chroma::Clumps;
use super::directory::Directory;
use super::strips::{self, Unpacked};
use crate::error::Result;

/// A file for the crate, and what is to be made of the samples that it gives.
pub(super) struct Repaired<'a> {
    pub(super) pieces: Pieces<'a>,
    /// Memory in bytes, not counting the file.
    pub(super) memory: u64,
    /// Whether samples that come out as grey are indices.
    pub(super) indexed: bool,
    /// How samples that come out as grey hold less chroma than luma.
    pub(super) clumps: Option<Clumps>,
}

impl<'a> Repaired<'a> {
    /// The file for its directory to be read.
    pub(super) fn directory(bytes: &'a [u8]) -> Result<Repaired<'a>> {
        Repaired::of(bytes, false)
    }

    /// The file for its samples to be read, which takes [`memory`](Repaired::memory).
    pub(super) fn samples(bytes: &'a [u8]) -> Result<Repaired<'a>> {
        Repaired::of(bytes, true)
    }

    fn of(bytes: &'a [u8], samples: bool) -> Result<Repaired<'a>> {
        let whole = Repaired { pieces: Pieces::whole(bytes), memory: 0, indexed: false, clumps: None };
        // Of a directory that is cut nobody knows what it would say.
        let Some(directory) = Directory::read(bytes).filter(Directory::is_whole) else { return Ok(whole) };
        if bytes.len() as u64 > BEHIND {
            return Ok(whole);
        }
        let mut changes = Changes { directory: &directory, tags: BTreeMap::new() };
        let indexed = directory.value(Tag::PhotometricInterpretation) == Some(3);
        changes.colour_space();
        changes.cells();
        let unpacked = strips::unpacked(&changes);
        let clumps = changes.chroma();
        if changes.tags.is_empty() && directory.goes_on_or_ends() && unpacked.is_none() {
            return Ok(whole);
        }
        let mut memory = unpacked.as_ref().map_or(0, Unpacked::bytes);
        let data = match unpacked {
            Some(unpacked) if samples => unpacked.write(&mut changes)?,
            _ => Vec::new(),
        };
        let (head, tail) = changes.written(BEHIND + data.len() as u64);
        let body = bytes.get(head.len()..).unwrap_or_default();
        // The crate takes 40 bytes for a value, of which the least are 4 long.
        memory = memory.saturating_add(12 * tail.len() as u64);
        let directory_at = BEHIND + data.len() as u64;
        let pieces = Pieces::new(vec![Cow::Owned(head), body.into()]);
        let pieces = pieces.with(BEHIND, data.into()).with(directory_at, tail.into());
        Ok(Repaired { pieces, memory, indexed, clumps })
    }
}

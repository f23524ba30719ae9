//! What is kept about a known signature, and which signatures are suspicious.

use super::columns::{Columns, ColumnsView};
use crate::signature::{Pdq, PhotoDna};

/// One entry to be added to a gallery.
///
/// `Debug` shows no content of its signatures.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Entry {
    /// Its name in the list: an id, a file name, an MD5; may be empty.
    pub key: String,
    /// Its category or label; may be empty.
    pub label: String,
    /// Its position in the list: line, record or byte offset, whichever the format counts.
    pub position: u64,
    /// Whether its PhotoDNA-class signature comes from a nearly flat picture.
    pub flat: bool,
    /// PDQ quality, where known.
    pub quality: Option<u8>,
    /// Where it has one.
    pub photodna: Option<PhotoDna>,
    /// Where it has one.
    pub pdq: Option<Pdq>,
    /// What else its list says of it, as far as that was to be kept.
    pub columns: Columns,
}

setters!(Entry {
    key: String,
    label: String,
    position: u64,
    flat: bool,
    quality: Option<u8>,
    photodna: Option<PhotoDna>,
    pdq: Option<Pdq>,
    columns: Columns,
});

/// Names an entry of one gallery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryId {
    pub(super) segment: u32,
    pub(super) index: u32,
}

impl EntryId {
    /// The entry as one number, for programs in other languages; [`Gallery::id`](super::Gallery::id) takes it back.
    pub fn number(self) -> u64 {
        u64::from(self.segment) << 32 | u64::from(self.index)
    }
}

/// What a gallery holds about an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntryView<'a> {
    /// See [`Entry::key`].
    pub key: &'a str,
    /// See [`Entry::label`].
    pub label: &'a str,
    /// The name of its list.
    pub source: &'a str,
    /// The format of its list.
    pub format: &'a str,
    /// See [`Entry::position`].
    pub position: u64,
    /// See [`Entry::flat`].
    pub flat: bool,
    /// See [`Entry::quality`].
    pub quality: Option<u8>,
    /// See [`Entry::columns`].
    pub columns: ColumnsView<'a>,
}

/// Why a signature looks as if it came from no picture, or would match too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Suspicion {
    /// So few values or bits that it carries little information.
    LowInformation,
    /// A PhotoDNA-class signature whose length is not about 1,020, the length to which signatures are normalised.
    WrongLength,
    /// A PDQ signature with more than 128 bits set, which a median does not allow: perhaps a SHA-256.
    TooManyBits,
}

impl Suspicion {
    /// The name in reports: `low-information`, `wrong-length` or `too-many-bits`.
    pub fn name(self) -> &'static str {
        match self {
            Suspicion::LowInformation => "low-information",
            Suspicion::WrongLength => "wrong-length",
            Suspicion::TooManyBits => "too-many-bits",
        }
    }
}

/// Fewest values of a PhotoDNA-class signature above 0: the least seen in 20,000 crops of photographs is 9.
const FEWEST_VALUES: usize = 8;

/// Squared length of PhotoDNA-class signatures: 600 to 1,100; seen in 20,000 crops of photographs 625 to 1,022.
const SQUARED_LENGTH: std::ops::RangeInclusive<u32> = 360_000..=1_210_000;

/// Bits set in a PDQ signature: 128, those above the lower median, or fewer where coefficients tie.
const PDQ_ONES: std::ops::RangeInclusive<u32> = 64..=128;

/// What is suspicious about an entry's signatures, if anything.
pub fn suspicion(entry: &Entry) -> Option<Suspicion> {
    let photodna = entry.photodna.as_ref().and_then(|PhotoDna(bytes)| {
        let square: u32 = bytes.iter().map(|&value| u32::from(value).pow(2)).sum();
        let values = bytes.iter().filter(|&&value| value > 0).count();
        if values < FEWEST_VALUES {
            Some(Suspicion::LowInformation)
        } else {
            (!SQUARED_LENGTH.contains(&square)).then_some(Suspicion::WrongLength)
        }
    });
    let pdq = entry.pdq.as_ref().and_then(|Pdq(bytes)| {
        let ones: u32 = bytes.iter().map(|byte| byte.count_ones()).sum();
        match ones {
            _ if PDQ_ONES.contains(&ones) => None,
            129.. => Some(Suspicion::TooManyBits),
            _ => Some(Suspicion::LowInformation),
        }
    });
    photodna.or(pdq)
}

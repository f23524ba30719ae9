//! Headers of bitmaps that viewers read and `image` does not, as ones that it reads.

use std::borrow::Cow;

use super::super::lengthen;
use super::super::pieces::Pieces;
use crate::error::{Error, Result};

/// Bytes of the file's header, and of Windows' oldest information header behind it.
const FILE: usize = 14;
const INFO: usize = 40;

/// Compressions: three masks, four masks, and two of OS/2's with the numbers of others of Windows.
const MASKS: u32 = 3;
const MASKS_WITH_ALPHA: u32 = 6;

/// A header in the decoder's words, and what its words cannot say.
#[derive(Debug, PartialEq)]
pub(super) struct Repaired {
    head: Vec<u8>,
    /// Where what follows the header begins in the file.
    rest: usize,
    /// Where pixels lie that begin within the header: what is stored from there on follows once more behind the file.
    again: Option<usize>,
    /// Which of the samples that come out are R, G and B; `None` for one that is not stored.
    order: [Option<usize>; 3],
}

const PLAIN: [Option<usize>; 3] = [Some(0), Some(1), Some(2)];

impl Repaired {
    /// The header as it has to be for the decoder, where it is another one.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] for a compression of OS/2.
    pub(super) fn of(bytes: &[u8]) -> Result<Option<Repaired>> {
        let Some(length) = long(bytes, FILE).map(|length| length as usize) else { return Ok(None) };
        let Some(head) = bytes.get(..FILE + length) else { return Ok(None) };
        let mut repaired = Repaired { head: head.to_vec(), rest: FILE + length, again: None, order: PLAIN };
        match length {
            12 => repaired.set_short(22, 1),
            52 | 56 | 108 | 124 => {}
            16..=64 => repaired.as_windows(length)?,
            _ => return Ok(None),
        }
        if length > 12 {
            repaired.set_short(26, 1);
            repaired.repair_colours();
        }
        if matches!(length, 40 | 52 | 56 | 108 | 124) {
            repaired.repair_alpha();
            repaired.repair_masks(bytes);
        }
        let is_other = repaired.head[..] != bytes[..repaired.rest] || repaired.order != PLAIN;
        if is_other {
            repaired.keep_place(bytes);
        }
        Ok(is_other.then_some(repaired))
    }

    /// The header of OS/2 2, of which any fields at the end may be missing, as that of Windows.
    fn as_windows(&mut self, length: usize) -> Result<()> {
        self.head.resize(FILE + INFO, 0);
        match (self.compression(), self.bits()) {
            (3, 1) => return Err(Error::Unsupported("BMP: OS/2's Huffman compression".into())),
            (4, 24) => return Err(Error::Unsupported("BMP: OS/2's run lengths of 24 bits".into())),
            _ => {}
        }
        let place = long(&self.head, 10).unwrap_or_default();
        if length != INFO {
            self.set_long(10, place.saturating_add(INFO as u32).saturating_sub(length as u32));
        }
        self.set_long(FILE, INFO as u32);
        Ok(())
    }

    /// The alpha of 32 bits that a long header names counts without masks as well: of colours the usual ones are meant then.
    fn repair_alpha(&mut self) {
        if self.compression() == 0 && self.bits() == 32 && names_alpha(&self.head) {
            self.set_long(30, MASKS);
            [0xFF_0000, 0xFF00, 0xFF]
                .into_iter()
                .enumerate()
                .for_each(|(index, mask)| self.set_long(54 + 4 * index, mask));
        }
    }

    /// Masks as they count for viewers.
    fn repair_masks(&mut self, bytes: &[u8]) {
        let (compression, bits) = (self.compression(), self.bits());
        let Some(masks) = [54, 58, 62].map(|at| long(bytes, at)).into_iter().collect::<Option<Vec<u32>>>()
        else {
            return;
        };
        if compression == MASKS_WITH_ALPHA {
            // The fourth one is where the longer header has it.
            if self.head.len() == FILE + INFO {
                self.set_long(FILE, 56);
            }
            self.set_long(30, MASKS);
        }
        if !matches!(compression, MASKS | MASKS_WITH_ALPHA) {
            return;
        }
        if masks == [0; 3] {
            return self.set_long(30, 0);
        }
        match bits {
            24 => self.repair_bytes(&masks),
            16 | 32 => self.repair_missing(bytes, &masks),
            _ => {}
        }
    }

    /// Masks of pixels of three bytes: these come as they are, and are put in order then.
    fn repair_bytes(&mut self, masks: &[u32]) {
        let place = |mask: &u32| [0xFF_0000, 0xFF00, 0xFF].iter().position(|byte| byte == mask);
        let order: Vec<Option<usize>> = masks.iter().map(place).collect();
        let is_known = |(mask, place): (&u32, &Option<usize>)| *mask == 0 || place.is_some();
        if masks.iter().zip(&order).all(is_known) {
            self.order = [order[0], order[1], order[2]];
            self.set_long(30, 0);
        }
    }

    /// Bits of a mask beyond the pixel do not count. A sample without a mask is none; another's mask stands in for it.
    fn repair_missing(&mut self, bytes: &[u8], masks: &[u32]) {
        let all = if self.bits() == 16 { 0xFFFF } else { u32::MAX };
        let masks: Vec<u32> = masks.iter().map(|mask| mask & all).collect();
        let Some(other) = masks.iter().copied().find(|mask| *mask != 0) else { return self.set_long(30, 0) };
        if self.head.len() < 70 {
            // They lie behind the header.
            let Some(with_masks) = bytes.get(self.head.len()..70) else { return };
            self.head.extend_from_slice(with_masks);
            self.rest = self.head.len();
        }
        for (index, mask) in masks.into_iter().enumerate() {
            self.set_long(54 + 4 * index, if mask == 0 { other } else { mask });
            if mask == 0 {
                self.order[index] = None;
            }
        }
        let alpha = long(&self.head, 66).unwrap_or_default();
        if self.bits() == 16 && matches!(long(&self.head, FILE), Some(56..)) {
            self.set_long(66, alpha & all);
        }
    }

    /// More colours than indices can name are as many as they can.
    fn repair_colours(&mut self) {
        let bits = self.bits();
        if bits <= 8 && long(&self.head, 46).is_some_and(|colours| colours > 1 << bits) {
            self.set_long(46, 0);
        }
    }

    /// Pixels that begin within the header are read from there as it was stored, as Chromium does; a place of 0 is one as well.
    fn keep_place(&mut self, bytes: &[u8]) {
        let place = long(bytes, 10).map_or(usize::MAX, |place| place as usize);
        let behind = u32::try_from(self.head.len() + bytes.len() - self.rest);
        if let (true, Ok(behind)) = (place < self.rest, behind) {
            self.set_long(10, behind);
            self.again = Some(place);
        }
    }

    fn compression(&self) -> u32 {
        long(&self.head, 30).unwrap_or_default()
    }

    fn bits(&self) -> u16 {
        short(&self.head, 28).unwrap_or_default()
    }

    fn set_short(&mut self, at: usize, value: u16) {
        if let Some(field) = self.head.get_mut(at..at + 2) {
            field.copy_from_slice(&value.to_le_bytes());
        }
    }

    fn set_long(&mut self, at: usize, value: u32) {
        if let Some(field) = self.head.get_mut(at..at + 4) {
            field.copy_from_slice(&value.to_le_bytes());
        }
    }

    /// What the file with this header is put together from.
    fn parts<'a>(&'a self, bytes: &'a [u8]) -> [&'a [u8]; 3] {
        [&self.head, &bytes[self.rest..], self.again.map_or(&[], |place| &bytes[place..])]
    }

    /// The file with this header.
    pub(super) fn pieces<'a>(&'a self, bytes: &'a [u8]) -> Pieces<'a> {
        Pieces::new(self.parts(bytes).map(Cow::Borrowed).to_vec())
    }

    /// Bytes of the file with this header.
    pub(super) fn length(&self, bytes: &[u8]) -> usize {
        self.parts(bytes).iter().map(|part| part.len()).sum()
    }

    /// The same in one piece.
    pub(super) fn file(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        let mut file = Vec::new();
        lengthen(&mut file, self.length(bytes))?;
        let mut rest = &mut file[..];
        for part in self.parts(bytes) {
            let (to, behind) = rest.split_at_mut(part.len());
            to.copy_from_slice(part);
            rest = behind;
        }
        Ok(file)
    }

    /// Puts decoded samples, which the decoder gives as R, G and B, where they belong.
    pub(super) fn reorder(&self, samples: &mut [u8]) {
        if self.order != PLAIN {
            for pixel in samples.as_chunks_mut::<3>().0 {
                *pixel = self.order.map(|from| from.map_or(0, |from| pixel[from]));
            }
        }
    }
}

/// Whether a header has a mask of alpha.
fn names_alpha(head: &[u8]) -> bool {
    matches!(long(head, FILE), Some(56 | 108 | 124)) && long(head, 66).is_some_and(|mask| mask != 0)
}

/// Whether pixels have an alpha that counts even where it is 0 all over: one with masks.
pub(super) fn has_masked_alpha(bytes: &[u8]) -> bool {
    let compression = long(bytes, 30);
    compression == Some(MASKS) && names_alpha(bytes) || compression == Some(MASKS_WITH_ALPHA)
}

/// The profile that the longest header names and the file holds, which browsers take; empty where there is none. One that lies elsewhere they do not
/// look for, nor at gammas and primaries.
pub(super) fn profile(bytes: &[u8]) -> &[u8] {
    const LONGEST: u32 = 124;
    const EMBEDDED: u32 = u32::from_be_bytes(*b"MBED");
    let named = || {
        let is_embedded = (long(bytes, FILE)?, long(bytes, FILE + 56)?) == (LONGEST, EMBEDDED);
        let place = FILE + long(bytes, FILE + 112).filter(|_| is_embedded)? as usize;
        bytes.get(place..)?.get(..long(bytes, FILE + 116)? as usize)
    };
    named().unwrap_or_default()
}

/// Whether readers take pixels from different places: one of 0 is the file's first byte, or that behind the colours.
pub(super) fn has_no_place(bytes: &[u8]) -> bool {
    long(bytes, 10) == Some(0)
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|field| u16::from_le_bytes(*field))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|field| u32::from_le_bytes(*field))
}

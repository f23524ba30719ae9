//! Huffman tables as codes (T.81, annex C and K.3).

use super::marker::{Segment, corrupt};
use crate::error::Result;
use std::sync::Arc;

#[cfg(test)]
mod arbitrary;

#[cfg(test)]
pub(super) use arbitrary::{BROKEN, arbitrary_key};

/// Bits that a decoder has taken when it finds that no code of 16 bits or less begins there. The symbol is 0 then, as in libjpeg.
pub(super) const NO_CODE: u32 = 17;

/// Bits that one look-up sees.
pub(super) const WINDOW: u32 = 12;

/// One symbol's bits, at most [`WINDOW`] of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word {
    pub(super) symbol: u8,
    pub(super) length: u32,
    /// The first of the windows that begin with it, of which there are `1 << (WINDOW - length)`.
    pub(super) first: usize,
}

/// A Huffman code: symbols by the bits that stand for them.
#[derive(Debug)]
pub(super) struct Code {
    /// BITS and HUFFVAL as the file gives them: what the code is known by.
    key: Vec<u8>,
    /// Unique among the codes of one cache, up to 2³² of them.
    pub(super) serial: u32,
    /// By the next [`WINDOW`] bits: length << 8 | symbol, 0 where the code is longer.
    short: Vec<u16>,
    /// By length: one more than the largest code, left-aligned to 16 bits.
    limit: [u32; 17],
    /// By length: what to add to the code to find its symbol.
    offset: [i32; 17],
    /// Whether there are more codes than bits allow, or one of one-bits alone.
    overfull: bool,
}

impl Code {
    /// The code of 16 counts and the symbols behind them.
    fn new(key: &[u8], serial: u32) -> Code {
        let counts = &key[..16];
        let mut code = Code {
            key: key.to_vec(),
            serial,
            short: vec![0; 1 << WINDOW],
            limit: [0; 17],
            offset: [0; 17],
            overfull: false,
        };
        let (mut next, mut first) = (0u32, 0usize);
        for length in 1..=16u32 {
            let count = u32::from(counts[length as usize - 1]);
            code.offset[length as usize] = first as i32 - next as i32;
            // `>=` and not `>`: T.81 keeps the code of one-bits alone free.
            if count > 0 && next + count >= 1 << length {
                code.overfull = true;
                return code;
            }
            first += count as usize;
            next += count;
            code.limit[length as usize] = next << (16 - length);
            next <<= 1;
        }
        for Word { symbol, length, first } in words(key) {
            code.short[first..][..1 << (WINDOW - length)].fill((length as u16) << 8 | u16::from(symbol));
        }
        code
    }

    /// BITS and HUFFVAL (T.81, B.2.4.2): 16 counts by length, then the symbols.
    #[cfg(feature = "gpu")]
    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    /// The words that fit a window, short ones first.
    pub(super) fn words(&self) -> impl Iterator<Item = Word> + Clone + '_ {
        words(&self.key)
    }

    /// The symbol that the uppermost of `bits` stand for, with its code's length; [`NO_CODE`] and 0 where no code does.
    #[inline(always)]
    pub(super) fn symbol(&self, bits: u64) -> (u32, u8) {
        let entry = self.short[(bits >> (64 - WINDOW)) as usize];
        if entry != 0 { (u32::from(entry >> 8), entry as u8) } else { self.long(bits) }
    }

    #[cold]
    fn long(&self, bits: u64) -> (u32, u8) {
        // Left-aligned, a longer code is above every shorter one, so the first limit above the bits gives the length.
        let sixteen = (bits >> 48) as u32;
        let Some(length) = (WINDOW + 1..=16).find(|&length| sixteen < self.limit[length as usize]) else {
            return (NO_CODE, 0);
        };
        let place = (sixteen >> (16 - length)) as i32 + self.offset[length as usize];
        (length, self.key[16 + place as usize])
    }

    /// Whether every symbol can be a DC difference's size.
    fn fits_dc(&self) -> bool {
        self.key[16..].iter().all(|&symbol| symbol <= 15)
    }
}

/// The words of a code known by `key` that fit a window: consecutive numbers, with a zero behind where they get longer (T.81, C.2).
fn words(key: &[u8]) -> impl Iterator<Item = Word> + Clone + '_ {
    let lengths = (1..=WINDOW).flat_map(|length| (0..key[length as usize - 1]).map(move |_| length));
    let mut next = 0;
    lengths.zip(&key[16..]).map(move |(length, &symbol)| {
        let first = next;
        next += 1 << (WINDOW - length);
        Word { symbol, length, first }
    })
}

/// Codes seen lately: half of all photographs use the same four.
#[derive(Debug, Default)]
pub(super) struct Codes {
    recent: Vec<Arc<Code>>,
    serial: u32,
}

/// Codes kept; a picture uses at most eight at a time.
const KEPT: usize = 32;

impl Codes {
    /// The code of `key`, built where it is new.
    fn get(&mut self, key: &[u8]) -> Arc<Code> {
        if let Some(found) = self.recent.iter().position(|code| code.key == key) {
            self.recent[..=found].rotate_right(1);
            return Arc::clone(&self.recent[0]);
        }
        self.serial = self.serial.wrapping_add(1);
        let code = Arc::new(Code::new(key, self.serial));
        self.recent.truncate(KEPT - 1);
        self.recent.insert(0, Arc::clone(&code));
        code
    }
}

/// The tables that scans choose from: DC and AC, four places each.
///
/// A table that is broken does no harm before a scan wants it.
#[derive(Debug, Default)]
pub(super) struct HuffmanTables {
    dc: [Option<Arc<Code>>; 4],
    ac: [Option<Arc<Code>>; 4],
}

impl HuffmanTables {
    /// Fills places that the file left empty with the tables of annex K.3, which motion JPEG leaves out of its files.
    pub(super) fn complete(&mut self, codes: &mut Codes) {
        for (place, (dc, ac)) in [(DC_LUMA, AC_LUMA), (DC_CHROMA, AC_CHROMA)].into_iter().enumerate() {
            self.dc[place].get_or_insert_with(|| codes.get(dc));
            self.ac[place].get_or_insert_with(|| codes.get(ac));
        }
    }

    /// The DC table at a place, for a scan that reads with it.
    pub(super) fn dc(&self, place: usize) -> Result<&Arc<Code>> {
        let code = usable(&self.dc, place)?;
        if code.fits_dc() { Ok(code) } else { Err(corrupt("a DC Huffman table has sizes over 15")) }
    }

    /// The AC table at a place, for a scan that reads with it.
    pub(super) fn ac(&self, place: usize) -> Result<&Arc<Code>> {
        usable(&self.ac, place)
    }

    /// Reads a DHT segment (T.81, B.2.4.2).
    pub(super) fn define(&mut self, mut segment: Segment<'_>, codes: &mut Codes) -> Result<()> {
        while !segment.is_empty() {
            let (class, place) = segment.nibbles()?;
            if class > 1 || place > 3 {
                return Err(corrupt("a Huffman table has no such class or place"));
            }
            let mut key = [0u8; 16 + 256];
            key[..16].copy_from_slice(segment.take(16)?);
            let count: usize = key[..16].iter().map(|&count| usize::from(count)).sum();
            if count > 256 {
                return Err(corrupt("a Huffman table has more than 256 symbols"));
            }
            key[16..16 + count].copy_from_slice(segment.take(count)?);
            let tables = if class == 0 { &mut self.dc } else { &mut self.ac };
            tables[usize::from(place)] = Some(codes.get(&key[..16 + count]));
        }
        Ok(())
    }
}

fn usable(tables: &[Option<Arc<Code>>; 4], place: usize) -> Result<&Arc<Code>> {
    match tables.get(place) {
        Some(Some(code)) if !code.overfull => Ok(code),
        Some(Some(_)) => Err(corrupt("a Huffman table has more codes than bits allow")),
        _ => Err(corrupt("a scan's Huffman table is missing")),
    }
}

/// The tables of annex K.3 for luma and chroma, DC and AC.
pub(crate) const STANDARD: [[&[u8]; 2]; 2] = [[DC_LUMA, AC_LUMA], [DC_CHROMA, AC_CHROMA]];

/// Table K.3.
pub(super) const DC_LUMA: &[u8] =
    &[0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
/// Table K.4.
const DC_CHROMA: &[u8] =
    &[0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
/// Table K.5.
const AC_LUMA: &[u8] = &[
    0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125, 1, 2, 3, 0, 4, 17, 5, 18, 33, 49, 65, 6, 19, 81, 97, 7,
    34, 113, 20, 50, 129, 145, 161, 8, 35, 66, 177, 193, 21, 82, 209, 240, 36, 51, 98, 114, 130, 9, 10, 22,
    23, 24, 25, 26, 37, 38, 39, 40, 41, 42, 52, 53, 54, 55, 56, 57, 58, 67, 68, 69, 70, 71, 72, 73, 74, 83,
    84, 85, 86, 87, 88, 89, 90, 99, 100, 101, 102, 103, 104, 105, 106, 115, 116, 117, 118, 119, 120, 121,
    122, 131, 132, 133, 134, 135, 136, 137, 138, 146, 147, 148, 149, 150, 151, 152, 153, 154, 162, 163, 164,
    165, 166, 167, 168, 169, 170, 178, 179, 180, 181, 182, 183, 184, 185, 186, 194, 195, 196, 197, 198, 199,
    200, 201, 202, 210, 211, 212, 213, 214, 215, 216, 217, 218, 225, 226, 227, 228, 229, 230, 231, 232, 233,
    234, 241, 242, 243, 244, 245, 246, 247, 248, 249, 250,
];
/// Table K.6.
const AC_CHROMA: &[u8] = &[
    0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 119, 0, 1, 2, 3, 17, 4, 5, 33, 49, 6, 18, 65, 81, 7, 97,
    113, 19, 34, 50, 129, 8, 20, 66, 145, 161, 177, 193, 9, 35, 51, 82, 240, 21, 98, 114, 209, 10, 22, 36,
    52, 225, 37, 241, 23, 24, 25, 26, 38, 39, 40, 41, 42, 53, 54, 55, 56, 57, 58, 67, 68, 69, 70, 71, 72, 73,
    74, 83, 84, 85, 86, 87, 88, 89, 90, 99, 100, 101, 102, 103, 104, 105, 106, 115, 116, 117, 118, 119, 120,
    121, 122, 130, 131, 132, 133, 134, 135, 136, 137, 138, 146, 147, 148, 149, 150, 151, 152, 153, 154, 162,
    163, 164, 165, 166, 167, 168, 169, 170, 178, 179, 180, 181, 182, 183, 184, 185, 186, 194, 195, 196, 197,
    198, 199, 200, 201, 202, 210, 211, 212, 213, 214, 215, 216, 217, 218, 226, 227, 228, 229, 230, 231, 232,
    233, 234, 242, 243, 244, 245, 246, 247, 248, 249, 250,
];

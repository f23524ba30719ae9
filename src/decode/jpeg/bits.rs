//! Entropy-coded data without its byte stuffing, cut at its restart markers, and bits from it (T.81, F.1.2.3, B.1.1.5 and E.2.4).
//!
//! The scan is copied once with `FF00` made `FF` and its markers taken out, so that the decoders load
//! eight bytes anywhere and never look for a marker. Copying goes chunk by chunk between the `FF`s that
//! `memchr` finds, about one in 256 bytes.
//!
//! A marker ends a restart interval whatever it is, and data that is missing reads as zeros. Between intervals the decoder expects one marker
//! of RST0 to RST7, in turn. What it does on another one is libjpeg's rule, on which browsers agree:
//!
//! | found | then |
//! | --- | --- |
//! | the expected one, or one three or four away | the next interval's data follows |
//! | one of the next two, or a marker that ends scans | the next interval is lost: its data is empty, and the marker waits |
//! | one of the last two, or a marker that means nothing | it is skipped with the data behind it |

use super::marker::{self, is_restart};
use memchr::memchr;

/// Zero bytes behind the data, so that a load of eight bytes at its end stays inside.
pub(super) const PADDING: usize = 16;

/// The data of one restart interval, or of a scan without any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Interval {
    /// In bytes of the scan's stream.
    pub(super) start: usize,
    pub(super) end: usize,
    /// Its MCUs.
    pub(super) first: usize,
    pub(super) mcus: usize,
    /// Whether its marker never came. Its first MCU is read from nothing but zeros then, unless the interval before ended
    /// too early as well; the others are not read at all.
    pub(super) lost: bool,
    /// Whether data behind it was skipped.
    pub(super) skipped: bool,
    /// Whether another interval follows.
    pub(super) followed: bool,
}

/// One scan's entropy-coded data, unstuffed.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// The data, followed by [`PADDING`].
    pub(super) bytes: Vec<u8>,
    /// Whether fill bytes stand in front of a stuffed `FF`. They mean nothing, and no encoder writes them; but libjpeg-turbo leaves what it made of
    /// zeros in their place in the MCU under way, if enough of the file was there when it came upon them.
    pub(super) filled: bool,
    /// For each interval where it starts, above [`LOST`] and [`SKIPPED`].
    marks: Vec<u64>,
    /// Ri, or the whole scan, and the scan's MCUs.
    restart: usize,
    mcus: usize,
}

const LOST: u64 = 1;
const SKIPPED: u64 = 2;

/// What follows a restart interval.
enum Follow {
    Data,
    Nothing,
    Another,
}

/// A marker behind data.
struct Marker {
    /// The place of its `FF`.
    at: usize,
    /// `None` where the file ends.
    code: Option<u8>,
    behind: usize,
}

impl Marker {
    /// What it means where RST`expected` should stand.
    fn follow(&self, expected: u8) -> Follow {
        match self.code {
            Some(code) if is_restart(code) => match code.wrapping_sub(expected) & 7 {
                1 | 2 => Follow::Nothing,
                6 | 7 => Follow::Another,
                _ => Follow::Data,
            },
            Some(0x01..=0xBF) => Follow::Another,
            _ => Follow::Nothing,
        }
    }
}

impl Stream {
    /// Takes the scan whose data starts at `input[at]`, with `restart` MCUs in an interval (0: all) of `mcus`;
    /// returns the place of the marker behind it, or the end of `input`.
    pub(super) fn fill(&mut self, input: &[u8], at: usize, restart: usize, mcus: usize) -> usize {
        self.bytes.clear();
        self.marks.clear();
        self.filled = false;
        (self.restart, self.mcus) = (if restart > 0 { restart } else { mcus }, mcus);
        self.marks.push(0);
        let mut marker = self.copy(input, at);
        for index in 1..mcus.div_ceil(self.restart.max(1)) {
            let expected = (index - 1) as u8 & 7;
            while let Follow::Another = marker.follow(expected) {
                let (from, next) = (marker.behind, next(input, marker.behind));
                self.marks[index - 1] |= if next.at > from { SKIPPED } else { 0 };
                marker = next;
            }
            let start = (self.bytes.len() as u64) << 2;
            if let Follow::Data = marker.follow(expected) {
                self.marks.push(start);
                marker = self.copy(input, marker.behind);
            } else {
                self.marks.push(start | LOST);
                if !marker.code.is_some_and(is_restart) {
                    break;
                }
            }
        }
        self.marks.push((self.bytes.len() as u64) << 2);
        self.bytes.extend_from_slice(&[0; PADDING]);
        marker.at
    }

    /// Restart intervals that were there or are known to be lost; those behind never came.
    pub(super) fn intervals(&self) -> usize {
        self.marks.len().saturating_sub(1)
    }

    /// The interval in whose data a byte lies; the last one for those behind.
    pub(super) fn interval_at(&self, byte: usize) -> Option<Interval> {
        let before = self.marks.partition_point(|mark| (mark >> 2) as usize <= byte);
        Some(before.min(self.intervals()))
            .filter(|&before| before > 0)
            .map(|before| self.interval(before - 1))
    }

    /// One of them.
    pub(super) fn interval(&self, index: usize) -> Interval {
        let (mark, first) = (self.marks[index], index * self.restart);
        Interval {
            start: (mark >> 2) as usize,
            end: (self.marks[index + 1] >> 2) as usize,
            first,
            mcus: self.restart.min(self.mcus - first),
            lost: mark & LOST != 0,
            skipped: mark & SKIPPED != 0,
            followed: first + self.restart < self.mcus,
        }
    }

    /// Copies data up to the next marker.
    fn copy(&mut self, input: &[u8], mut from: usize) -> Marker {
        let (start, mut search) = (from, from);
        loop {
            let Some(found) = input.get(search..).and_then(|rest| memchr(0xFF, rest)) else {
                self.bytes.extend_from_slice(input.get(from..).unwrap_or_default());
                return Marker { at: input.len(), code: None, behind: input.len() };
            };
            let place = search + found;
            match input.get(place + 1).copied() {
                Some(0x00) => {
                    self.filled |= place > start && input[place - 1] == 0xFF;
                    self.bytes.extend_from_slice(&input[from..=place]);
                    (from, search) = (place + 2, place + 2);
                }
                Some(0xFF) => {
                    self.bytes.extend_from_slice(&input[from..place]);
                    (from, search) = (place + 1, place + 1);
                }
                code => {
                    self.bytes.extend_from_slice(&input[from..place]);
                    return Marker { at: place, code, behind: (place + 2).min(input.len()) };
                }
            }
        }
    }
}

/// The next marker at or behind `at`.
fn next(input: &[u8], at: usize) -> Marker {
    match marker::next(input, at) {
        Some((code, behind)) => Marker { at: behind - 2, code: Some(code), behind },
        None => Marker { at: input.len(), code: None, behind: input.len() },
    }
}

/// Bits that one load is sure to hold.
pub(super) const LOADED: u32 = 57;

/// The 57 or more bits from bit `position` on, uppermost first, zeros behind the padding.
#[inline(always)]
pub(super) fn load(bytes: &[u8], position: usize) -> u64 {
    let byte = position >> 3;
    match bytes.get(byte..byte + 8) {
        Some(eight) => {
            let eight: [u8; 8] = eight.try_into().unwrap_or_default();
            u64::from_be_bytes(eight) << (position & 7)
        }
        None => 0,
    }
}

/// The same with zeros from bit `end` on.
#[inline(always)]
pub(super) fn load_until(bytes: &[u8], position: usize, end: usize) -> u64 {
    // From 64 on nothing is cut, and the mask's shift would be by 64 or more.
    match end.saturating_sub(position) {
        0 => 0,
        left @ 1..64 => load(bytes, position) & !(u64::MAX >> left),
        _ => load(bytes, position),
    }
}

/// Bits of one interval, front to back, zeros behind its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    /// In bits.
    position: usize,
    end: usize,
}

impl<'a> BitReader<'a> {
    /// A reader of `bytes[start..end]`; both in bytes.
    pub(super) fn new(bytes: &'a [u8], start: usize, end: usize) -> BitReader<'a> {
        BitReader { bytes, position: start * 8, end: end * 8 }
    }

    /// Whether more bits were taken than there are.
    #[inline(always)]
    pub(super) fn is_dry(&self) -> bool {
        self.position > self.end
    }

    /// What is read from, padded.
    #[inline(always)]
    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The bit that comes next, of all that there are.
    #[inline(always)]
    pub(super) fn position(&self) -> usize {
        self.position
    }

    #[inline(always)]
    pub(super) fn set_position(&mut self, position: usize) {
        self.position = position;
    }

    /// Where the interval ends, in bits.
    #[inline(always)]
    pub(super) fn end(&self) -> usize {
        self.end
    }

    /// Whole bytes that were not taken.
    pub(super) fn left(&self) -> usize {
        self.end.saturating_sub(self.position) / 8
    }

    /// At least 57 bits, uppermost first.
    #[inline(always)]
    pub(super) fn peek(&self) -> u64 {
        load_until(self.bytes, self.position, self.end)
    }

    #[inline(always)]
    pub(super) fn skip(&mut self, count: u32) {
        self.position += count as usize;
    }

    /// The next `count` bits, at most 32.
    #[inline(always)]
    pub(super) fn take(&mut self, count: u32) -> u32 {
        // In two steps: with a count of 0, one shift would be by 64.
        let taken = (self.peek() >> 1 >> (63 - count)) as u32;
        self.skip(count);
        taken
    }
}

/// EXTEND of T.81, F.2.2.1: the value of `size` additional bits.
#[inline(always)]
pub(super) fn extend(bits: u32, size: u32) -> i16 {
    let half = (1u32 << size) >> 1;
    let low = if bits < half { (1i32 << size) - 1 } else { 0 };
    (bits as i32 - low) as i16
}

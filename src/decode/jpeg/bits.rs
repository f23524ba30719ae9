//! Entropy-coded data without its byte stuffing, and bits from it (T.81, F.1.2.3 and B.1.1.5).
//!
//! The scan is copied once with `FF00` made `FF` and its restart markers taken out, so that the decoders load
//! eight bytes anywhere and never look for a marker. Copying goes chunk by chunk between the `FF`s that
//! `memchr` finds, about one in 256 bytes.

use super::marker::is_restart;
use memchr::memchr;

/// Zero bytes behind the data, so that a load of eight bytes at its end stays inside.
pub(super) const PADDING: usize = 16;

/// Bytes between two restart markers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) start: usize,
    pub(super) end: usize,
    /// The number of the RST marker before it; `None` for the scan's first.
    pub(super) restart: Option<u8>,
}

/// One scan's entropy-coded data, unstuffed.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// The data, followed by [`PADDING`].
    pub(super) bytes: Vec<u8>,
    pub(super) stretches: Vec<Stretch>,
}

impl Stream {
    /// Takes the scan that starts at `input[at]`; returns where it ended: the place of the `FF` of the marker
    /// behind it, or the end of `input`.
    ///
    /// With restarts, a marker that no file may hold inside (FF01 to FFBF) ends the stretch and what follows it
    /// is passed over up to the next marker, as libjpeg does; without, it ends the scan.
    pub(super) fn fill(&mut self, input: &[u8], at: usize, restarts: bool) -> usize {
        self.bytes.clear();
        self.stretches.clear();
        let mut stretch = Stretch { start: 0, end: 0, restart: None };
        let mut lost = false;
        let mut from = at;
        let mut search = at;
        let end = loop {
            let Some(found) = input.get(search..).and_then(|rest| memchr(0xFF, rest)) else {
                self.copy(&input[from.min(input.len())..], lost);
                break input.len();
            };
            let place = search + found;
            match input.get(place + 1).copied() {
                Some(0x00) => {
                    self.copy(&input[from..=place], lost);
                    (from, search) = (place + 2, place + 2);
                }
                Some(0xFF) => {
                    self.copy(&input[from..place], lost);
                    (from, search) = (place + 1, place + 1);
                }
                Some(code) if is_restart(code) => {
                    self.copy(&input[from..place], lost);
                    self.close(&mut stretch);
                    stretch.restart = Some(code & 7);
                    lost = false;
                    (from, search) = (place + 2, place + 2);
                }
                Some(0x01..=0xBF) if restarts => {
                    self.copy(&input[from..place], lost);
                    lost = true;
                    (from, search) = (place + 2, place + 2);
                }
                Some(_) => {
                    self.copy(&input[from..place], lost);
                    break place;
                }
                None => {
                    self.copy(&input[from..place], lost);
                    break input.len();
                }
            }
        };
        self.close(&mut stretch);
        self.bytes.extend_from_slice(&[0; PADDING]);
        end
    }

    fn copy(&mut self, chunk: &[u8], lost: bool) {
        if !lost {
            self.bytes.extend_from_slice(chunk);
        }
    }

    fn close(&mut self, stretch: &mut Stretch) {
        stretch.end = self.bytes.len();
        self.stretches.push(*stretch);
        stretch.start = stretch.end;
    }
}

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

/// Bits of one stretch, front to back. Reading past the end gives what lies there; ask
/// [`ended`](BitReader::ended) before believing it.
#[derive(Debug, Clone, Copy)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    /// In bits.
    pub(super) position: usize,
    end: usize,
}

impl<'a> BitReader<'a> {
    /// A reader of `bytes[start..end]`; both in bytes.
    pub(super) fn new(bytes: &'a [u8], start: usize, end: usize) -> BitReader<'a> {
        BitReader { bytes, position: start * 8, end: end * 8 }
    }

    /// Whether more bits were taken than there are.
    #[inline(always)]
    pub(super) fn ended(&self) -> bool {
        self.position > self.end
    }

    /// At least 57 bits, uppermost first.
    #[inline(always)]
    pub(super) fn peek(&self) -> u64 {
        load(self.bytes, self.position)
    }

    /// The next `count` bits, at most 32.
    #[inline(always)]
    pub(super) fn take(&mut self, count: u32) -> u32 {
        let taken = (self.peek() >> 1 >> (63 - count)) as u32;
        self.position += count as usize;
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

//! Rows of CCITT Group 3 (ITU-T T.4; TIFF 6.0, sections 10 and 11): runs of white and black, whose codes the `fax` crate knows.

use fax::maps::{Mode, black, mode, white};
use fax::{BitReader, ByteReader};
use std::convert::Infallible;

/// How rows are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// Runs, each row from a whole byte on.
    Runs,
    /// Runs, each row behind an end-of-line code.
    Lines,
    /// The same, where a bit behind that code says whether a row is coded by its runs or by the row above.
    TwoDimensional,
}

/// Zeros that an end-of-line code begins with.
const ZEROS: u8 = 11;

/// Zeros behind the data, so that the last codes can be looked up.
const PADDING: [u8; 4] = [0; 4];

/// Unpacks rows of `width` pixels, a bit each, 1 for black; returns how many bytes of `to` came, which are whole rows.
pub(super) fn unpack(stored: impl Iterator<Item = u8>, coding: Coding, width: u32, to: &mut [u8]) -> usize {
    let bytes = stored.chain(PADDING).map(Ok::<u8, Infallible>);
    let Ok(bits) = ByteReader::new(bytes);
    let mut rows = Rows { bits, coding, width, above: Vec::new(), row: Vec::new() };
    let stride = width.div_ceil(8) as usize;
    let mut written = 0;
    for line in to.chunks_exact_mut(stride) {
        if rows.next().is_none() {
            break;
        }
        paint(&rows.row, line);
        written += stride;
    }
    written
}

/// Rows while they are unpacked.
struct Rows<I> {
    bits: ByteReader<I>,
    coding: Coding,
    width: u32,
    /// Where the colour changes, to black first, in the row before.
    above: Vec<u32>,
    /// The same in the row that came.
    row: Vec<u32>,
}

impl<I: Iterator<Item = Result<u8, Infallible>>> Rows<I> {
    fn next(&mut self) -> Option<()> {
        std::mem::swap(&mut self.above, &mut self.row);
        self.row.clear();
        let mut of_runs = true;
        if self.coding == Coding::Runs {
            self.skip(self.bits.bits_to_byte_boundary());
        } else {
            self.end_of_line()?;
            if self.coding == Coding::TwoDimensional {
                of_runs = self.bits.peek(1)? == 1;
                self.skip(1);
            }
        }
        if of_runs { self.runs() } else { self.by_the_row_above() }
    }

    fn skip(&mut self, bits: u8) {
        let Ok(()) = self.bits.consume(bits);
    }

    /// Skips an end-of-line code and zeros before it. In front of the first row it may be missing.
    fn end_of_line(&mut self) -> Option<()> {
        if self.bits.peek(ZEROS)? != 0 {
            return self.above.is_empty().then_some(());
        }
        while self.bits.peek(1)? == 0 {
            self.skip(1);
        }
        self.skip(1);
        Some(())
    }

    /// A run of a colour, whose length comes in pieces of which the last one is under 64.
    fn run(&mut self, is_black: bool) -> Option<u32> {
        let mut length = 0u32;
        loop {
            let bits = &mut self.bits;
            let piece = u32::from(if is_black { black::decode(bits) } else { white::decode(bits) }?);
            length = length.checked_add(piece).filter(|length| *length <= self.width)?;
            if piece < 64 {
                return Some(length);
            }
        }
    }

    fn runs(&mut self) -> Option<()> {
        let (mut at, mut is_black) = (0, false);
        while at < self.width {
            at += self.run(is_black)?;
            self.change(at)?;
            is_black = !is_black;
        }
        Some(())
    }

    fn change(&mut self, at: u32) -> Option<()> {
        self.row.push(at);
        (at <= self.width).then_some(())
    }

    /// A row of which most changes lie near those above (T.4, 4.2).
    fn by_the_row_above(&mut self) -> Option<()> {
        let (mut at, mut is_black, mut passed) = (0, false, 0);
        while at < self.width {
            // The next change above of the kind that comes next here.
            let next = passed + usize::from((passed % 2 == 1) != is_black);
            let above = |index: usize| self.above.get(index).copied().unwrap_or(self.width);
            let (first, second) = (above(next), above(next + 1));
            match mode::decode(&mut self.bits)? {
                Mode::Pass => at = second,
                Mode::Horizontal => {
                    for is_black in [is_black, !is_black] {
                        at += self.run(is_black)?;
                        self.change(at)?;
                    }
                }
                Mode::Vertical(by) => {
                    at = first.checked_add_signed(by.into()).filter(|new| *new >= at)?;
                    self.change(at)?;
                    is_black = !is_black;
                }
                Mode::Extension | Mode::EOF => return None,
            }
            while self.above.get(passed).is_some_and(|change| *change <= at) {
                passed += 1;
            }
        }
        Some(())
    }
}

/// Makes bits of a row's changes.
fn paint(row: &[u32], line: &mut [u8]) {
    line.fill(0);
    for run in row.chunks(2) {
        let end = run.get(1).map_or(8 * line.len(), |end| *end as usize);
        for pixel in run[0] as usize..end {
            if let Some(byte) = line.get_mut(pixel / 8) {
                *byte |= 0x80 >> (pixel % 8);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bits as they are written, from the first on.
    fn bytes(bits: &str) -> Vec<u8> {
        let bits: Vec<u8> = bits.bytes().filter(|bit| *bit != b' ').map(|bit| bit - b'0').collect();
        bits.chunks(8)
            .map(|byte| byte.iter().enumerate().fold(0, |all, (at, bit)| all | bit << (7 - at)))
            .collect()
    }

    fn unpacked(bits: &str, coding: Coding, rows: usize) -> Vec<u8> {
        let mut to = vec![0xAA; 2 * rows];
        let written = unpack(bytes(bits).into_iter(), coding, 16, &mut to);
        to.truncate(written);
        to
    }

    /// White 4, black 3, white 9; and white 0, black 16.
    const ROWS: [&str; 2] = ["1011 10 10100", "00110101 0000010111"];
    const SHOWN: [u8; 4] = [0b0000_1110, 0, 0xFF, 0xFF];

    #[test]
    fn rows_of_runs_begin_at_whole_bytes_or_behind_codes() {
        let [first, second] = ROWS;
        assert_eq!(unpacked(&format!("{first}00000 {second}"), Coding::Runs, 2), SHOWN);
        let line = "000000000001";
        assert_eq!(unpacked(&format!("{line}{first}{line}{second}{line}"), Coding::Lines, 2), SHOWN);
        assert_eq!(unpacked(&format!("{first}0000{line}{second}"), Coding::Lines, 2), SHOWN);
        // What is missing or broken ends it.
        assert_eq!(unpacked(&format!("{line}{first}"), Coding::Lines, 2), SHOWN[..2]);
        assert_eq!(unpacked(&format!("{line}{first}{line}0000000001"), Coding::Lines, 2), SHOWN[..2]);
        assert!(unpacked("", Coding::Runs, 2).is_empty());
    }

    #[test]
    fn rows_are_coded_by_those_above() {
        let line = "000000000001";
        let [first, _] = ROWS;
        // One to the right, one to the left, the end where it was; then pass mode; then runs.
        let rows = format!("{line}1{first} {line}0 011 010 1 {line}0 0001 1 {line}0 001 00110101 0000010111");
        let shown = [0b0000_1110, 0, 0b0000_0100, 0, 0, 0, 0xFF, 0xFF];
        assert_eq!(unpacked(&rows, Coding::TwoDimensional, 4), shown);
        // Changes do not go back, nor beyond the row.
        for broken in ["011 000010", "000011 000011 000011"] {
            let rows = format!("{line}1{first} {line}0 {broken}");
            assert!(unpacked(&rows, Coding::TwoDimensional, 2).len() <= 4);
        }
    }

    #[test]
    fn what_is_no_data_ends() {
        let mut state = 9u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        for length in 0..200 {
            let stored: Vec<u8> = (0..length).map(|_| random()).collect();
            for coding in [Coding::Runs, Coding::Lines, Coding::TwoDimensional] {
                let mut to = vec![0; 40 * 30];
                assert!(unpack(stored.iter().copied(), coding, 317, &mut to) <= to.len());
            }
        }
    }
}

//! Coefficients as a sequential JPEG whose Huffman codes have one length (T.81, F.1.2).

use super::super::frame::Frame;
use super::Coefficients;

/// Bits of each DC code: one for 0 to 15 bits of a difference.
const DC_LENGTH: u32 = 5;
const DC_CODES: u8 = 16;

/// Bits of each AC code: one for each run of zeros with 1 to 15 bits of a value, the end of a block, and 16 zeros.
const AC_LENGTH: u32 = 8;
const AC_CODES: u8 = 242;
const END_OF_BLOCK: u32 = 240;
const SIXTEEN_ZEROS: u32 = 241;

/// Most blocks of an MCU (B.2.3).
const MOST_BLOCKS: usize = 10;

/// Writes all scans; of one scan only so many MCUs where that is said, and then no end.
pub(super) fn write(to: &mut Vec<u8>, frame: &Frame, stored: &[Coefficients], mcus: Option<usize>) {
    let blocks: usize = frame.components().iter().map(|component| component.across * component.down).sum();
    let all: Vec<usize> = (0..frame.components().len()).collect();
    if all.len() == 1 || blocks > MOST_BLOCKS {
        for component in &all {
            begin_scan(to, frame, &[*component]);
            alone(to, frame, *component, stored, mcus);
        }
    } else {
        begin_scan(to, frame, &all);
        interleaved(to, frame, stored, mcus);
    }
    if mcus.is_none() {
        to.extend([0xFF, 0xD9]);
    }
}

/// The tables and the header of a scan of these components, without restart intervals.
pub(super) fn begin_scan(to: &mut Vec<u8>, frame: &Frame, components: &[usize]) {
    to.extend([0xFF, 0xDD, 0, 4, 0, 0]);
    let mut counts = [0; 16];
    counts[DC_LENGTH as usize - 1] = DC_CODES;
    to.extend([0xFF, 0xC4, 0, 19 + DC_CODES, 0]);
    to.extend(counts);
    to.extend(0..DC_CODES);
    let mut counts = [0; 16];
    counts[AC_LENGTH as usize - 1] = AC_CODES;
    let length = 19 + u16::from(AC_CODES);
    to.extend([&[0xFF, 0xC4][..], &length.to_be_bytes(), &[0x10]].concat());
    to.extend(counts);
    to.extend((0..16u8).flat_map(|run| (1..16u8).map(move |size| run << 4 | size)));
    to.extend([0, 0xF0]);
    let count = components.len() as u8;
    to.extend([0xFF, 0xDA, 0, 6 + 2 * count, count]);
    to.extend(components.iter().flat_map(|component| [frame.components()[*component].id, 0]));
    to.extend([0, 63, 0]);
}

fn interleaved(to: &mut Vec<u8>, frame: &Frame, stored: &[Coefficients], mcus: Option<usize>) {
    let mut bits = Bits { to, held: 0, count: 0 };
    let mut before = [0; 4];
    for mcu in 0..(frame.mcus_wide * frame.mcus_high).min(mcus.unwrap_or(usize::MAX)) {
        let (column, row) = (mcu % frame.mcus_wide, mcu / frame.mcus_wide);
        for (index, component) in frame.components().iter().enumerate() {
            for y in row * component.down..(row + 1) * component.down {
                for x in column * component.across..(column + 1) * component.across {
                    bits.block(&stored[index][y * component.stride + x], &mut before[index]);
                }
            }
        }
    }
    bits.end();
}

fn alone(to: &mut Vec<u8>, frame: &Frame, index: usize, stored: &[Coefficients], mcus: Option<usize>) {
    let component = &frame.components()[index];
    let mut bits = Bits { to, held: 0, count: 0 };
    let (mut before, wide) = (0, component.blocks_wide.max(1));
    for block in 0..(component.blocks_wide * component.blocks_high).min(mcus.unwrap_or(usize::MAX)) {
        bits.block(&stored[index][block / wide * component.stride + block % wide], &mut before);
    }
    bits.end();
}

/// Bits, the highest of a byte first, with a zero behind every byte of ones.
struct Bits<'a> {
    to: &'a mut Vec<u8>,
    held: u64,
    count: u32,
}

impl Bits<'_> {
    fn put(&mut self, bits: u32, count: u32) {
        self.held = self.held << count | u64::from(bits & ((1u64 << count) - 1) as u32);
        self.count += count;
        while self.count >= 8 {
            self.count -= 8;
            let byte = (self.held >> self.count) as u8;
            self.to.push(byte);
            if byte == 0xFF {
                self.to.push(0);
            }
        }
    }

    /// Fills the last byte with ones.
    fn end(mut self) {
        let missing = (8 - self.count % 8) % 8;
        self.put((1 << missing) - 1, missing);
    }

    /// A value's size in bits, and these (tables F.1 and F.2).
    fn sized(value: i16) -> (u32, u32) {
        let value = i32::from(value.max(-i16::MAX));
        let size = 32 - value.unsigned_abs().leading_zeros();
        (size, (if value < 0 { value - 1 } else { value }) as u32)
    }

    fn block(&mut self, block: &[i16; 64], before: &mut i16) {
        let (size, bits) = Bits::sized(block[0].wrapping_sub(*before));
        *before = block[0];
        self.put(size, DC_LENGTH);
        self.put(bits, size);
        let mut run = 0;
        for value in &block[1..] {
            if *value == 0 {
                run += 1;
                continue;
            }
            for _ in 0..run / 16 {
                self.put(SIXTEEN_ZEROS, AC_LENGTH);
            }
            let (size, bits) = Bits::sized(*value);
            self.put(run % 16 * 15 + size - 1, AC_LENGTH);
            self.put(bits, size);
            run = 0;
        }
        if run > 0 {
            self.put(END_OF_BLOCK, AC_LENGTH);
        }
    }
}

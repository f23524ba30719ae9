//! Scans by tables against the same scans bit by bit: every band, runs of blocks, restart intervals, data that is broken or ends.

use super::super::detail::{kept, slots};
use super::super::frame::Process;
use super::super::huffman::{self, BROKEN, arbitrary_key};
use super::super::marker::Markers;
use super::twin::{Blocks, Plain};
use super::*;
use crate::kernel::{Bytes, levels};

/// Counts of codes by length, for 31 symbols; all bits but 16 ones are codes.
const FULL: [u8; 16] = [0, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3];
/// What a scan sends: first and last coefficient, the bits before and after.
type Sent = (u8, u8, u8, u8);

/// One picture's scans, in an order that refines everything, and repeats a first scan.
const SCANS: [Sent; 11] = [
    (0, 0, 0, 1),
    (1, 5, 0, 2),
    (6, 63, 0, 2),
    (1, 63, 2, 1),
    (0, 0, 1, 0),
    (1, 63, 1, 0),
    (2, 2, 0, 0),
    (1, 63, 1, 0),
    (1, 63, 0, 12),
    (3, 40, 12, 11),
    (63, 63, 12, 11),
];

/// A scan's data, most of it as long as it must be at least, and markers between its intervals, one of them wrong now and then.
fn data(numbers: &mut Bytes, intervals: usize, mcus: usize) -> Vec<u8> {
    let mut data = Vec::new();
    for index in 0..intervals {
        let length = match numbers.next() % 4 {
            0 => numbers.next() as usize % (mcus + 2),
            _ => 40 * mcus,
        };
        for byte in numbers.fill(length) {
            data.push(byte);
            data.extend((byte == 0xFF).then_some(0));
        }
        let skipped = u64::from(numbers.next().is_multiple_of(9)) * (numbers.next() % 8);
        data.extend([0xFF, 0xD0 + ((index as u64 + skipped) % 8) as u8]);
    }
    data.extend([0xFF, 0xD9]);
    data
}

/// A frame, a Huffman table and a scan as segments of a file.
fn file(
    size: (u16, u16),
    sampling: u8,
    parts: &[u8],
    key: &[u8],
    is_dc: bool,
    sent: Sent,
    data: &[u8],
) -> Vec<u8> {
    let mut file = vec![0xFF, 0xD8];
    let mut segment = |code: u8, parameters: &[u8]| {
        file.extend([0xFF, code]);
        file.extend((parameters.len() as u16 + 2).to_be_bytes());
        file.extend(parameters);
    };
    let [high, low] = size.1.to_be_bytes();
    let [left, right] = size.0.to_be_bytes();
    segment(0xC2, &[8, high, low, left, right, 3, 1, sampling, 0, 2, 0x11, 0, 3, 0x11, 0]);
    segment(0xC4, &[&[if is_dc { 0 } else { 0x10 }], key].concat());
    let mut scan = vec![parts.len() as u8];
    scan.extend(parts.iter().flat_map(|&part| [part + 1, 0]));
    scan.extend([sent.0, sent.1, sent.2 << 4 | sent.3]);
    segment(0xDA, &scan);
    file.extend(data);
    file
}

/// One picture read both ways, scan by scan.
struct Case {
    numbers: Bytes,
    size: (u16, u16),
    sampling: u8,
    detail: u8,
    level: Level,
    stored: [Stored; 4],
    watched: [Watched; 4],
    blocks: Blocks,
    tables: BandTables,
}

/// What the scans had in them.
#[derive(Debug, Default)]
struct Met {
    mcus: usize,
    sound: usize,
    scans_wrapped: usize,
    values: usize,
}

impl Case {
    fn new(index: usize, level: Level) -> Case {
        let mut numbers = Bytes(index as u64);
        let size = (numbers.next() as u16 % 200 + 1, numbers.next() as u16 % 90 + 1);
        Case {
            numbers,
            size,
            sampling: [0x11, 0x22, 0x21, 0x14][index % 4],
            detail: [1, 2, 3, 4, 6, 8][index % 6],
            level,
            stored: Default::default(),
            watched: Default::default(),
            blocks: Default::default(),
            tables: BandTables::default(),
        }
    }

    fn begin(&mut self, frame: &Frame) {
        for (index, component) in frame.components().iter().enumerate() {
            let count = component.stride * component.rows;
            self.stored[index].reset(count, slots(self.detail), true, true);
            let numbers = &mut self.numbers;
            self.watched[index].begin((0..numbers.next() % 5).map(|_| {
                let [x, y] =
                    [component.blocks_wide, component.blocks_high].map(|most| numbers.next() as usize % most);
                y * component.stride + x
            }));
            self.blocks[index] = vec![[0; 64]; count];
        }
    }

    fn scan(&mut self, index: usize, met: &mut Met) {
        let sent = SCANS[index];
        let is_dc = sent.0 == 0;
        let parts = if is_dc { vec![0, 1, 2] } else { vec![(self.numbers.next() % 3) as u8] };
        let is_broken = self.numbers.next().is_multiple_of(3);
        let key = match (is_dc, sent.2, is_broken) {
            (true, ..) => huffman::DC_LUMA.to_vec(),
            (_, 0, false) => arbitrary_key(&mut self.numbers, FULL, |symbol| symbol & 15 <= 10),
            (_, _, false) => arbitrary_key(&mut self.numbers, FULL, |symbol| symbol & 15 <= 1),
            (.., true) => arbitrary_key(&mut self.numbers, BROKEN, |_| true),
        };
        let empty = file(self.size, self.sampling, &parts, &key, is_dc, sent, &[]);
        let mut markers = Markers::of(&empty).unwrap();
        let [frame, table, scan] = [(); 3].map(|()| markers.next().unwrap().unwrap().segment);
        let frame = Frame::parse(Process::Progressive, frame).unwrap();
        let mut tables = HuffmanTables::default();
        tables.define(table, &mut huffman::Codes::default()).unwrap();
        let scan = Scan::parse(&frame, scan).unwrap();
        if index == 0 {
            self.begin(&frame);
        }
        let restart = [0, 1, 7, 40][self.numbers.next() as usize % 4];
        let of_one = if restart == 0 { scan.mcus } else { restart };
        let data = data(&mut self.numbers, scan.mcus.div_ceil(of_one), of_one);
        let mut stream = Stream::default();
        stream.fill(&data, 0, restart, scan.mcus);

        let (slots, kept) = (slots(self.detail), kept(self.detail));
        // Not every component need be of the detail for which there is room.
        let kept = [kept, kept.min(13), 0, 0];
        let pass = Pass { frame: &frame, scan: &scan, tables: &tables, level: self.level, slots, kept };
        let mut whole = Vec::new();
        let outcome = pass.decode(&stream, &mut self.tables, &mut self.stored, &mut self.watched, |range| {
            whole.push(range);
        });
        let outcome = outcome.unwrap();
        let mut plain = Plain { frame: &frame, scan: &scan, key: &key, blocks: &mut self.blocks };
        let (expected, expected_whole) = plain.decode(&stream);
        assert_eq!(whole, expected_whole, "{scan:?}");
        assert_eq!((outcome.last, outcome.wrapped), (expected.last, expected.wrapped), "{scan:?}");
        self.compare(&pass);
        met.mcus += scan.mcus;
        met.sound += whole.iter().map(|range| range.len()).sum::<usize>();
        met.scans_wrapped += usize::from(outcome.wrapped);
    }

    fn compare(&self, pass: &Pass<'_>) {
        let name = format!("{:?}, detail {}, {:?}", pass.scan, self.detail, self.level);
        for part in pass.scan.parts() {
            let index = part.component;
            let (stored, watched) = (&self.stored[index], &self.watched[index]);
            let band = Band { first: 0, last: 63, low: 0, slots: pass.slots, kept: pass.kept[index] };
            for (block, expected) in self.blocks[index].iter().enumerate() {
                let values = &stored.coefficients[block * pass.slots..][..pass.slots];
                for k in 0..=band.kept {
                    assert_eq!(values[band.slot(k)], expected[k as usize], "{name}: block {block}, {k}");
                }
                assert_eq!(stored.history[block], known(expected), "{name}: block {block}");
            }
            for (at, &block) in watched.blocks.iter().enumerate() {
                let values = &watched.stored.coefficients[at * 64..][..64];
                for k in 1..64 {
                    let value = values[usize::from(NATURAL[k])];
                    assert_eq!(value, self.blocks[index][block][k], "{name}: watched block {block}, {k}");
                }
            }
        }
    }
}

/// Which AC coefficients are not zero, by bit.
fn known(block: &[i16; 64]) -> u64 {
    (1..64).map(|k| u64::from(block[k] != 0) << k).sum()
}

#[test]
fn scans_by_tables_are_scans_bit_by_bit() {
    let (levels, mut met) = (levels(), Met::default());
    for index in 0..240 {
        let mut case = Case::new(index, levels[index % levels.len()].1);
        for scan in 0..SCANS.len() {
            case.scan(scan, &mut met);
        }
        met.values +=
            case.blocks.iter().flatten().map(|block| known(block).count_ones() as usize).sum::<usize>();
    }
    // Whole ones and broken ones.
    assert!(met.sound > met.mcus / 5 && met.sound < met.mcus * 4 / 5, "{met:?}");
    assert!(met.scans_wrapped > 10 && met.values > 100_000, "{met:?}");
}

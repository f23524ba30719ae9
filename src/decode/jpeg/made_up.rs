//! Baseline JPEGs that are made up, the same on every machine: to measure, and to try a device, without anybody's pictures.
//!
//! Clouds: layers of random lattices, read between their points, the finer the fainter. Like a photograph they have something of every frequency, and
//! about as many bits. Everything is integer arithmetic.

use super::huffman::STANDARD;
use super::transform::{NATURAL, along};

/// Quantisation steps for luma and chroma in natural order (T.81, tables K.1 and K.2).
const STEPS: [[u32; 64]; 2] = [
    [
        16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14,
        17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49,
        64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
    ],
    [
        17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47,
        66, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
        99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    ],
];

/// Layers of luma: their cells' sides in pixels as powers of two, and what they count, in 64ths of a level.
const LUMA: [(u32, i32); 5] = [(8, 40), (6, 22), (4, 12), (2, 7), (0, 5)];
/// The same of Cb and Cr.
const CHROMA: [(u32, i32); 2] = [(8, 14), (5, 6)];

/// What a picture is like besides its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    /// Y, Cb and Cr, or Y alone.
    pub(crate) is_coloured: bool,
    /// Pixels across and down one sample of Cb and Cr.
    pub(crate) across: usize,
    pub(crate) down: usize,
    /// MCUs between restart markers; 0 for none.
    pub(crate) restart: u16,
}

/// Coloured clouds at half the chroma either way, as cameras and web sites have them. `quality` is 1 to 100, as libjpeg scales the tables of T.81, annex K;
/// `number` tells pictures of one size from one another.
pub fn made_up(width: u16, height: u16, quality: u8, number: u32) -> Vec<u8> {
    make(width, height, quality, number, Kind { is_coloured: true, across: 2, down: 2, restart: 0 })
}

/// The same of any kind.
pub(crate) fn make(width: u16, height: u16, quality: u8, number: u32, kind: Kind) -> Vec<u8> {
    let (width, height) = (width.max(1), height.max(1));
    let steps = STEPS.map(|steps| scaled(&steps, quality));
    let components = if kind.is_coloured { 3 } else { 1 };
    let (across, down) = if kind.is_coloured { (kind.across, kind.down) } else { (1, 1) };
    let mut file = vec![0xFF, 0xD8];
    let (mut frame, mut scan) = (vec![8], vec![components]);
    frame.extend([height.to_be_bytes(), width.to_be_bytes()].as_flattened());
    frame.push(components);
    for component in 0..components {
        let is_chroma = component > 0;
        let sampling = if is_chroma { 0x11 } else { (across << 4 | down) as u8 };
        frame.extend([component + 1, sampling, is_chroma.into()]);
        scan.extend([component + 1, if is_chroma { 0x11 } else { 0 }]);
    }
    scan.extend([0, 63, 0]);
    for (place, steps) in steps.iter().enumerate().take(usize::from(components)) {
        let zigzag = NATURAL.map(|at| steps[usize::from(at)] as u8);
        segment(&mut file, 0xDB, &[&[place as u8], &zigzag[..]].concat());
    }
    segment(&mut file, 0xC0, &frame);
    for (place, [dc, ac]) in STANDARD.iter().enumerate().take(usize::from(components)) {
        segment(&mut file, 0xC4, &[&[place as u8], *dc, &[0x10 | place as u8], *ac].concat());
    }
    if kind.restart > 0 {
        segment(&mut file, 0xDD, &kind.restart.to_be_bytes());
    }
    segment(&mut file, 0xDA, &scan);
    let mut data = Data { file, pending: 0, count: 0 };
    let codes = STANDARD.map(|pair| pair.map(words));
    let mut before = [0; 3];
    let clouds = Clouds { number };
    let mcus = (usize::from(width).div_ceil(8 * across), usize::from(height).div_ceil(8 * down));
    for mcu in 0..mcus.0 * mcus.1 {
        if kind.restart > 0 && mcu > 0 && mcu % usize::from(kind.restart) == 0 {
            data.restart(mcu / usize::from(kind.restart) - 1);
            before = [0; 3];
        }
        let (column, row) = (mcu % mcus.0, mcu / mcus.0);
        for block in 0..across * down {
            let at = (column * across + block % across, row * down + block / across);
            let values = quantised(&clouds.block(0, at, (1, 1)), &steps[0]);
            data.block(&values, &mut before[0], &codes[0]);
        }
        for (component, before) in before.iter_mut().enumerate().take(components.into()).skip(1) {
            let values = quantised(&clouds.block(component, (column, row), (across, down)), &steps[1]);
            data.block(&values, before, &codes[1]);
        }
    }
    data.finish()
}

fn scaled(steps: &[u32; 64], quality: u8) -> [u32; 64] {
    let quality = u32::from(quality.clamp(1, 100));
    let percent = if quality < 50 { 5_000 / quality } else { 200 - 2 * quality };
    steps.map(|step| ((step * percent + 50) / 100).clamp(1, 255))
}

fn segment(file: &mut Vec<u8>, marker: u8, content: &[u8]) {
    file.extend([0xFF, marker]);
    file.extend((content.len() as u16 + 2).to_be_bytes());
    file.extend(content);
}

struct Clouds {
    number: u32,
}

impl Clouds {
    /// The samples about 0 of one of a component's blocks, of which each stands for `times` pixels across and down.
    fn block(&self, component: usize, (column, row): (usize, usize), times: (usize, usize)) -> [i64; 64] {
        let layers = if component == 0 { &LUMA[..] } else { &CHROMA };
        let mut samples = [0; 64];
        for &(side, counts) in layers {
            let seed = self.number.wrapping_mul(0x9E37_79B9) ^ (component as u32) << 8 ^ side << 16;
            for (y, samples) in samples.chunks_exact_mut(8).enumerate() {
                let y = ((8 * row + y) * times.1) as u32;
                for (x, sample) in samples.iter_mut().enumerate() {
                    let x = ((8 * column + x) * times.0) as u32;
                    *sample += i64::from(counts * between(seed, (x, y), side));
                }
            }
        }
        samples.map(|sum| (sum >> 6).clamp(-128, 127))
    }
}

/// What lies at a pixel, about 0, between the random points of a lattice whose cells have sides of `1 << side` pixels.
fn between(seed: u32, (x, y): (u32, u32), side: u32) -> i32 {
    let point = |column: u32, row: u32| {
        let mixed = (column ^ row << 16 ^ seed).wrapping_mul(0x9E37_79B1);
        let mixed = (mixed ^ mixed >> 15).wrapping_mul(0x85EB_CA77);
        ((mixed ^ mixed >> 13).wrapping_mul(0xC2B2_AE3D) >> 24) as i32 - 128
    };
    let (column, row) = (x >> side, y >> side);
    let within = |place: u32| (place & ((1 << side) - 1)) as i32;
    let line = |row: u32| {
        let (left, right) = (point(column, row), point(column + 1, row));
        (left << side) + (right - left) * within(x)
    };
    let (upper, lower) = (line(row), line(row + 1));
    ((upper << side) + (lower - upper) * within(y)) >> (2 * side)
}

/// The forward DCT (T.81, A.3.3) and quantisation, in natural order.
fn quantised(samples: &[i64; 64], steps: &[u32; 64]) -> [i32; 64] {
    const BASIS: [[i64; 8]; 8] = {
        let mut basis = [[0; 8]; 8];
        let mut at = 0;
        while at < 64 {
            basis[at / 8][at % 8] = along(at / 8, at % 8, 8);
            at += 1;
        }
        basis
    };
    let product = |one: &[i64; 8], other: &mut dyn Iterator<Item = i64>| {
        one.iter().zip(other).map(|(a, b)| a * b).sum()
    };
    let mut rows = [[0i64; 8]; 8];
    for (row, samples) in rows.iter_mut().zip(samples.as_chunks::<8>().0) {
        for (value, basis) in row.iter_mut().zip(&BASIS) {
            *value = product(samples, &mut basis.iter().copied());
        }
    }
    std::array::from_fn(|at| {
        let sum: i64 = product(&BASIS[at / 8], &mut rows.iter().map(|row| row[at % 8]));
        let step = i64::from(steps[at]) << 42;
        // To the nearest, halves away from 0.
        let half = if sum < 0 { -step / 2 } else { step / 2 };
        ((sum + half) / step) as i32
    })
}

/// Each symbol's code and its length; 0 where it has none (T.81, annex C).
fn words(key: &[u8]) -> [(u32, u32); 256] {
    let (mut words, mut code) = ([(0, 0); 256], 0);
    let (counts, mut symbols) = key.split_at(16);
    for (length, &count) in (1..).zip(counts) {
        let (own, rest) = symbols.split_at(count.into());
        for &symbol in own {
            words[usize::from(symbol)] = (code, length);
            code += 1;
        }
        (code, symbols) = (code << 1, rest);
    }
    words
}

/// Entropy-coded data being written.
struct Data {
    file: Vec<u8>,
    pending: u64,
    count: u32,
}

impl Data {
    fn block(&mut self, values: &[i32; 64], before: &mut i32, [dc, ac]: &[[(u32, u32); 256]; 2]) {
        let difference = values[0] - *before;
        *before = values[0];
        self.symbol(dc, 0, difference);
        let mut zeros = 0;
        for &at in &NATURAL[1..] {
            let value = values[usize::from(at)];
            if value == 0 {
                zeros += 1;
                continue;
            }
            while zeros > 15 {
                self.symbol(ac, 15, 0);
                zeros -= 16;
            }
            self.symbol(ac, zeros, value);
            zeros = 0;
        }
        if zeros > 0 {
            self.symbol(ac, 0, 0);
        }
    }

    fn symbol(&mut self, codes: &[(u32, u32); 256], zeros: u32, value: i32) {
        let size = 32 - value.unsigned_abs().leading_zeros();
        let (code, length) = codes[(zeros << 4 | size) as usize & 255];
        self.put(code, length);
        self.put(if value < 0 { value - 1 } else { value } as u32, size);
    }

    fn put(&mut self, value: u32, count: u32) {
        self.pending = self.pending << count | u64::from(value) & ((1 << count) - 1);
        self.count += count;
        while self.count >= 8 {
            self.count -= 8;
            let byte = (self.pending >> self.count) as u8;
            self.file.push(byte);
            if byte == 0xFF {
                self.file.push(0);
            }
        }
    }

    /// Ones up to the next byte.
    fn fill(&mut self) {
        let left = self.count.wrapping_neg() % 8;
        self.put(0xFF, left);
    }

    fn restart(&mut self, number: usize) {
        self.fill();
        self.file.extend([0xFF, 0xD0 + (number % 8) as u8]);
    }

    fn finish(mut self) -> Vec<u8> {
        self.fill();
        self.file.extend([0xFF, 0xD9]);
        self.file
    }
}

#[cfg(test)]
mod tests {
    use super::super::JpegReader;
    use super::*;
    use crate::decode::Detail;
    use crate::limits::Limits;
    use crate::picture::Planes;

    #[test]
    fn made_up_files_hold_the_clouds() {
        let mut reader = JpegReader::default();
        for (number, (width, height)) in [(5, 6), (17, 9), (150, 101), (640, 480)].into_iter().enumerate() {
            for restart in [0, 3] {
                for (across, down, is_coloured) in [(1, 1, false), (1, 1, true), (2, 1, true), (2, 2, true)] {
                    let kind = Kind { is_coloured, across, down, restart };
                    let file = make(width, height, 95, number as u32, kind);
                    let reading = reader.read(&file, |_, _| Detail::Full, &Limits::default()).unwrap();
                    assert_eq!(reading.whole, None);
                    assert_eq!(
                        (reading.picture.width, reading.picture.height),
                        (u32::from(width), u32::from(height))
                    );
                    if let Planes::Grey(plane) = &reading.picture.planes {
                        let clouds = Clouds { number: number as u32 }.block(0, (0, 0), (1, 1));
                        let shown = i64::from(plane.samples[0]) - 128;
                        assert!((shown - clouds[0]).abs() < 12, "{shown} {}", clouds[0]);
                    }
                }
            }
        }
    }

    #[test]
    fn they_have_about_the_bits_of_photographs() {
        // Of 8 bits a pixel of data for each pixel: our photographs of this size have 0.9 to 1.6.
        let bits = |quality| made_up(640, 480, quality, 1).len() as f64 * 8.0 / (640.0 * 480.0);
        let found = [50, 80, 90].map(bits);
        assert!(found.is_sorted() && found[0] > 0.3 && found[2] < 4.0, "{found:?}");
        assert_ne!(made_up(64, 64, 80, 1), made_up(64, 64, 80, 2));
    }
}

//! Every SIMD level against the naive definition, bit for bit.

use fearless_simd::Level;

use super::dct::{self, Luma, Scale};
use super::naive;
use super::reduce::{Schedule, Scratch, reduce};
use super::weights::{RADII, Weights, box_bits, boxes, tents, tents_512};

/// The SIMD levels that this machine has; those that `SHADEGRID_REQUIRE` names must be among them.
pub(crate) fn levels() -> Vec<(&'static str, Level)> {
    let best = Level::new();
    let mut levels = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        levels.extend(best.as_sse2().map(|token| ("sse2", Level::Sse2(token))));
        levels.extend(best.as_sse4_2().map(|token| ("sse4.2", Level::Sse4_2(token))));
        levels.extend(best.as_avx2().map(|token| ("avx2", Level::Avx2(token))));
        levels.extend(best.as_avx512().map(|token| ("avx512", Level::Avx512(token))));
    }
    #[cfg(target_arch = "aarch64")]
    levels.extend(best.as_neon().map(|token| ("neon", Level::Neon(token))));
    if levels.is_empty() {
        levels.push(("fallback", best));
    }
    let required = std::env::var("SHADEGRID_REQUIRE").unwrap_or_default();
    for name in ["sse2", "sse4.2", "avx2", "avx512", "neon"] {
        let missing = !levels.iter().any(|(level, _)| *level == name);
        assert!(!(missing && required.split(',').any(|r| r == name)), "{name} is required and not here");
    }
    levels
}

/// A small generator of test bytes (splitmix64).
pub(crate) struct Bytes(pub(crate) u64);

impl Bytes {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn fill(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }
}

/// One plane of random, black or white bytes, with rows farther apart than they are long.
struct Case {
    width: u32,
    height: u32,
    mix: &'static [u32],
    cell: u32,
    padding: usize,
    fill: Option<u8>,
}

impl Case {
    fn tables(&self) -> Vec<(Weights, Weights, &'static [u32])> {
        let bits = box_bits(self.width, self.height);
        let pairs = RADII
            .map(|radius| (boxes(self.height, radius, bits), boxes(self.width, radius, bits)))
            .into_iter()
            .chain([
                (tents(self.height), tents(self.width)),
                (tents_512(self.height), tents_512(self.width)),
            ]);
        pairs
            .map(|(rows, columns)| (rows.gathered(self.cell), columns.gathered(self.cell), self.mix))
            .collect()
    }

    /// Compares every level with the definition; the number of grid points compared.
    fn check(&self, random: &mut Bytes, scratch: &mut Scratch) -> usize {
        let (columns, rows) = (self.width.div_ceil(self.cell), self.height.div_ceil(self.cell));
        let row = columns as usize * self.mix.len();
        let stride = row + self.padding;
        let length = stride * (rows as usize - 1) + row;
        let samples = self.fill.map_or_else(|| random.fill(length), |byte| vec![byte; length]);
        let tables = self.tables();
        let schedule = Schedule::new(rows, columns, &tables);
        let expected: Vec<Vec<u64>> = tables
            .iter()
            .map(|(rows, columns, mix)| naive::reduce(&samples, stride, rows, columns, mix))
            .collect();
        let mut grids = vec![vec![0xdead_beef; 7]; 9];
        for (name, level) in levels() {
            reduce(level, &schedule, &samples, stride, scratch, &mut grids);
            assert!(grids == expected, "{name} differs at {}×{}", self.width, self.height);
        }
        expected.iter().map(Vec::len).sum()
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "says what was compared")]
fn reduce_equals_naive_at_every_level() {
    let mut random = Bytes(1);
    let mut scratch = Scratch::default();
    let mixes: [&'static [u32]; 5] = [&[1, 1, 1], &[3], &[299, 587, 114], &[1000], &[1, 256]];
    let mut cases = 0;
    let mut points = 0;
    let mut run = |case: Case| {
        points += case.check(&mut random, &mut scratch);
        cases += 1;
    };
    let plain = Case { width: 5, height: 5, mix: mixes[0], cell: 1, padding: 0, fill: None };
    for side in (5..=70).chain([127, 128, 129, 130, 191, 257]) {
        for (index, mix) in mixes.into_iter().enumerate() {
            let (width, height) = if index % 2 == 0 { (side, 5 + side % 37) } else { (5 + side % 41, side) };
            run(Case { width, height, mix, padding: side as usize % 5, ..plain });
        }
    }
    for (width, height) in
        [(5, 600), (600, 5), (513, 40), (64, 64), (61, 211), (1031, 37), (37, 1031), (2731, 9), (8300, 7)]
    {
        for cell in [1, 2, 4, 8, 16] {
            run(Case { width, height, mix: mixes[4], cell, ..plain });
        }
        run(Case { width, height, fill: Some(255), ..plain });
        run(Case { width, height, fill: Some(0), ..plain });
    }
    // Wider than a strip, so that columns are cut in two.
    for (width, mix) in [(2731, mixes[0]), (5500, mixes[2]), (8193, mixes[1]), (9000, mixes[3])] {
        run(Case { width, height: 9, mix, ..plain });
    }
    println!(
        "{cases} planes, {points} grid points, levels {:?}",
        levels().iter().map(|l| l.0).collect::<Vec<_>>()
    );
    assert!(cases >= 400);
}

#[test]
fn a_changed_sample_is_noticed() {
    let tables = [(tents(90), tents(70), &[1000u32][..])];
    let schedule = Schedule::new(90, 70, &tables);
    let mut samples = Bytes(5).fill(90 * 70);
    let (mut scratch, mut before, mut after) = (Scratch::default(), Vec::new(), Vec::new());
    reduce(Level::new(), &schedule, &samples, 70, &mut scratch, &mut before);
    samples[70 * 45 + 35] ^= 1;
    reduce(Level::new(), &schedule, &samples, 70, &mut scratch, &mut after);
    assert_ne!(before, after);
}

#[test]
fn transform_equals_naive_at_every_level() {
    let mut random = Bytes(2);
    for case in 0..200 {
        let values: Vec<i32> = match case {
            0 => vec![(1 << 30) - 1; dct::POINTS],
            1 => (0..dct::POINTS).map(|i| ((1 << 30) - 1) * (1 - 2 * (i as i32 % 2))).collect(),
            2 => vec![0; dct::POINTS],
            _ => (0..dct::POINTS).map(|_| (random.next() >> 34) as i32 - (1 << 29)).collect(),
        };
        let luma = Luma { values, scale: Scale { unit: 1000, shift: 0 } };
        let expected = naive::transform(&dct::MATRIX_FIXED, &luma.values);
        for (name, level) in levels() {
            assert!(dct::transform(level, &luma) == expected, "{name} differs in case {case}");
        }
    }
}

/// Columns of very different length stand side by side at the edge of wide coarse planes and of the last strip.
#[test]
fn short_columns_next_to_long_ones_stay_inside() {
    let (mut random, mut scratch) = (Bytes(3), Scratch::default());
    let mut cases = 0;
    for (width, height) in [(4100, 5), (5, 4100), (8192, 7), (8200, 9), (2740, 6), (1025, 31), (1021, 97)] {
        for cell in [1, 2, 8, 16, 32] {
            for mix in [&[1, 1, 1][..], &[3], &[1, 256]] {
                Case { width, height, mix, cell, padding: 1, fill: None }.check(&mut random, &mut scratch);
                cases += 1;
            }
        }
    }
    assert_eq!(cases, 105);
}

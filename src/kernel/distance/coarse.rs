//! Which pairs may match, from sixteen seven-bit coordinates each.
//!
//! A pair may match where `|a − q|² ≤ reach²`, both `a` and `q` of 16 integers in −63..=63. Written as
//! `a·q − ⌊|a|²/2⌋ ≥ ⌈(|q|² − reach²)/2⌉`, all that depends on the entry is stored with it, all that depends on
//! the query is computed once, and what is left for a pair is one product of 16 and one comparison.
//! (Halving rounds towards letting through.)
//!
//! Ranges: entries are stored as `a + 64`, 1..=127, for instructions that multiply unsigned by signed bytes.
//! AVX-512's `vpdpbusd` adds four such products in 32 bits: exact. AVX2's `vpmaddubsw` adds two in 16 bits:
//! 2·127·63 = 16,002, exact where 8-bit values would saturate; four of these sums wrap around, but started from
//! −64·Σq they end at `Σ a·q` of 8 coordinates, at most 8·63² = 31,752, so the wrapping undoes itself.
//!
//! Where neighbouring blocks hold entries that lie near one another, most queries need not meet them at all: a [`CoarseBox`] holds the
//! coordinates of a run of blocks, and only queries that may match some point of it are compared with its entries.
//!
//! Why sixteen: 15 coordinates and the residual length let 3·10⁻⁴ of pairs of real signatures through, 19, 23 and 31 let 1.5·10⁻⁴,
//! 9·10⁻⁵ and 3·10⁻⁵. The exact distance of what 16 let through costs less than four coordinates more.
//!
//! Tried and not kept: two dimensions per lane in 16 bits (one more instruction per pair on AVX2, no use on AVX-512).

use fearless_simd::{Level, Simd, dispatch, kernel};

use super::{Hits, Pair, SET};

/// Entries in a block.
pub(crate) const LANES: usize = 16;

/// What is added to an entry's coordinates where they are stored.
pub(crate) const OFFSET: i32 = 64;

/// Bytes of a block: 16 coordinates and a 32-bit half square for each of 16 entries; five vectors of AVX-512, ten of AVX2.
pub(crate) const BLOCK: usize = 20 * LANES;

/// Sixteen entries: coordinates 0..=3 of all entries, 4 bytes per entry, then 4..=7, 8..=11, 12..=15, then
/// `−⌊|a|²/2⌋` of each as a little-endian `i32`.
pub(crate) type CoarseBlock = [u8; BLOCK];

/// A query's coordinates and limit, ready for every level.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CoarseQuery {
    /// −63..=63.
    pub(crate) coordinates: [i8; 16],
    /// What `a·q − ⌊|a|²/2⌋` has to reach.
    pub(crate) limit: i32,
    /// The coordinates, four per word, as in a block.
    words: [i32; 4],
    /// `limit` for products with the stored `a + 64`.
    stored_limit: i32,
    /// Two 16-bit numbers: −64 times the sum of coordinates 0, 1 and of 2, 3 (modulo 4).
    bias: i32,
}

impl CoarseQuery {
    /// A query that lets through entries with `a·q − ⌊|a|²/2⌋ ≥ limit`.
    pub(crate) fn new(coordinates: [i8; 16], limit: i32) -> CoarseQuery {
        let sum = |parts: [usize; 2]| -> i32 {
            (0..16).filter(|k| parts.contains(&(k % 4))).map(|k| i32::from(coordinates[k])).sum()
        };
        let (low, high) = (-OFFSET * sum([0, 1]), -OFFSET * sum([2, 3]));
        let words = std::array::from_fn(|w| {
            i32::from_le_bytes(std::array::from_fn(|k| coordinates[4 * w + k].cast_unsigned()))
        });
        CoarseQuery {
            coordinates,
            limit,
            words,
            // Σ (a + 64)·q is larger by 64·Σq, which is −low − high.
            stored_limit: limit - low - high,
            bias: (high << 16) | (low & 0xffff),
        }
    }

    /// What `|a − q|²` is at most of entries that are let through: `|a|²` may be one more than twice the half that is stored.
    fn reach(&self) -> i32 {
        let square: i32 = self.coordinates.iter().map(|&value| i32::from(value).pow(2)).sum();
        (square + 1).saturating_sub(self.limit.saturating_mul(2))
    }
}

/// Writes an entry's coordinates, −63..=63, into its block.
pub(crate) fn store(block: &mut CoarseBlock, lane: usize, coordinates: &[i8; 16]) {
    for (k, &value) in coordinates.iter().enumerate() {
        block[k / 4 * 4 * LANES + lane * 4 + k % 4] = (i32::from(value) + OFFSET) as u8;
    }
    let square: i32 = coordinates.iter().map(|&value| i32::from(value).pow(2)).sum();
    block[16 * LANES + lane * 4..][..4].copy_from_slice(&(-(square / 2)).to_le_bytes());
}

/// A block none of whose entries is ever let through.
pub(crate) fn empty_block() -> CoarseBlock {
    let mut block = [OFFSET as u8; BLOCK];
    for half in block[16 * LANES..].as_chunks_mut::<4>().0 {
        // Far below every limit, and far enough from the smallest number that no product takes it past that.
        *half = (-(1i32 << 28)).to_le_bytes();
    }
    block
}

/// The smallest box around the coordinates of all entries of some blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CoarseBox {
    low: [i16; 16],
    high: [i16; 16],
}

impl CoarseBox {
    /// The box around `blocks`; what fills a last block up lies at zero and counts too.
    pub(crate) fn around(blocks: &[CoarseBlock]) -> CoarseBox {
        let (mut low, mut high) = ([u8::MAX; 16], [0; 16]);
        for word in 0..4 {
            // Four coordinates of one entry after another.
            let (low, high) = (&mut low[4 * word..][..4], &mut high[4 * word..][..4]);
            let stored =
                blocks.iter().flat_map(|block| block[4 * LANES * word..][..4 * LANES].as_chunks::<4>().0);
            for entry in stored {
                for k in 0..4 {
                    low[k] = low[k].min(entry[k]);
                    high[k] = high[k].max(entry[k]);
                }
            }
        }
        let value = |stored: u8| i16::from(stored) - OFFSET as i16;
        CoarseBox { low: low.map(value), high: high.map(value) }
    }

    /// Appends the numbers of the queries that may match a point of the box: all that [`scan`] would put forward an entry in it for.
    pub(crate) fn reached(&self, level: Level, queries: &[CoarseGroup], numbers: &mut Vec<u32>) {
        dispatch!(level, simd => self.reached_at(simd, queries, numbers));
    }

    #[inline(always)]
    fn reached_at<S: Simd>(&self, _simd: S, queries: &[CoarseGroup], numbers: &mut Vec<u32>) {
        // Plain loops over 32 lanes of 16 bits, which the compiler turns into the level's vectors.
        for (index, group) in queries.iter().enumerate() {
            let mut squares = [0u16; GROUP];
            for k in 0..16 {
                for (square, &own) in squares.iter_mut().zip(&group.coordinates[k]) {
                    let own = i16::from(own);
                    // At most 254 even where a file is damaged, so that 16 bits hold the square.
                    let outside = (self.low[k] - own).max(own - self.high[k]).max(0).cast_unsigned();
                    *square = square.saturating_add(outside.wrapping_mul(outside));
                }
            }
            let mut near = 0u32;
            for (lane, (square, reach)) in squares.iter().zip(&group.reach).enumerate() {
                near |= u32::from(square <= reach) << lane;
            }
            near &= group.used;
            while near != 0 {
                numbers.push((index * GROUP) as u32 + near.trailing_zeros());
                near &= near - 1;
            }
        }
    }
}

/// Queries that meet a box together.
const GROUP: usize = 32;

/// Queries laid out for [`CoarseBox::reached`].
#[derive(Debug, Clone)]
pub(crate) struct CoarseGroup {
    coordinates: [[i8; GROUP]; 16],
    /// What `|a − q|²` may at most be, or 65,535 where that is less: squares are summed up to there.
    reach: [u16; GROUP],
    /// One bit per query.
    used: u32,
}

impl CoarseGroup {
    /// Lays queries out, in their order.
    pub(crate) fn lay_out(queries: &[CoarseQuery], groups: &mut Vec<CoarseGroup>) {
        groups.clear();
        groups.extend(queries.chunks(GROUP).map(|queries| {
            let mut group = CoarseGroup { coordinates: [[0; GROUP]; 16], reach: [0; GROUP], used: 0 };
            for (lane, query) in queries.iter().enumerate() {
                for (row, &value) in group.coordinates.iter_mut().zip(&query.coordinates) {
                    row[lane] = value;
                }
                group.reach[lane] = query.reach().clamp(0, i32::from(u16::MAX)) as u16;
                group.used |= 1 << lane;
            }
            group
        }));
    }
}

/// Appends every pair of `queries` and `blocks` that may match; rows count from `first`.
///
/// Order: by sets of queries, pairs of blocks, queries, rows.
pub(crate) fn scan(
    level: Level,
    blocks: &[CoarseBlock],
    first: u32,
    queries: &[CoarseQuery],
    out: &mut Vec<Pair>,
) {
    for (number, set) in queries.chunks(SET).enumerate() {
        let start = out.len();
        scan_set(level, blocks, first, set, out);
        out[start..].iter_mut().for_each(|pair| pair.query += (number * SET) as u32);
    }
}

/// At most [`SET`] queries.
fn scan_set(level: Level, blocks: &[CoarseBlock], first: u32, queries: &[CoarseQuery], out: &mut Vec<Pair>) {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    {
        if let Some(avx512) = level.as_avx512() {
            return scan_avx512(avx512, blocks, first, queries, out);
        }
        if let Some(avx2) = level.as_avx2() {
            return scan_avx2(avx2, blocks, first, queries, out);
        }
    }
    dispatch!(level, simd => scan_portable(simd, blocks, first, queries, out));
}

#[inline(always)]
fn scan_portable<S: Simd>(
    _simd: S,
    blocks: &[CoarseBlock],
    first: u32,
    queries: &[CoarseQuery],
    out: &mut Vec<Pair>,
) {
    let mut hits = Hits::new();
    for (index, block) in blocks.iter().enumerate() {
        let (words, halves) = block.split_at(16 * LANES);
        let mut known = [[0i16; LANES]; 16];
        for (k, lanes) in known.iter_mut().enumerate() {
            for (lane, value) in lanes.iter_mut().enumerate() {
                *value = i16::from(words[k / 4 * 4 * LANES + lane * 4 + k % 4]) - OFFSET as i16;
            }
        }
        let mut start = [0i32; LANES];
        for (lane, half) in start.iter_mut().zip(halves.as_chunks::<4>().0) {
            *lane = i32::from_le_bytes(*half);
        }
        for (number, query) in queries.iter().enumerate() {
            let mut sums = start;
            for (&coordinate, lanes) in query.coordinates.iter().zip(&known) {
                for (sum, &value) in sums.iter_mut().zip(lanes) {
                    // At most 63·63, so 16 bits hold the product.
                    *sum += i32::from(value * i16::from(coordinate));
                }
            }
            let mut mask = 0;
            for (lane, &sum) in sums.iter().enumerate() {
                mask |= u32::from(sum >= query.limit) << lane;
            }
            if mask != 0 {
                hits.put(number, mask);
            }
        }
        hits.tell(first + (index * LANES) as u32, out);
    }
}

kernel!(
    fn scan_avx2(
        token: Avx2,
        blocks: &[CoarseBlock],
        first: u32,
        queries: &[CoarseQuery],
        out: &mut Vec<Pair>,
    ) {
        #[cfg(target_arch = "x86")]
        use core::arch::x86::*;
        #[cfg(target_arch = "x86_64")]
        use core::arch::x86_64::*;
        use fearless_simd::{SimdBase as _, u8x32};

        let mut hits = Hits::new();
        let ones = _mm256_set1_epi16(1);
        for (index, block) in blocks.iter().enumerate() {
            // Registers hold half a block: 4 of coordinates and 1 of half squares for 8 entries, twice.
            let load = |at: usize| -> __m256i { u8x32::from_slice(token, &block[at..at + 32]).into() };
            let left: [__m256i; 5] = [load(0), load(64), load(128), load(192), load(256)];
            let right: [__m256i; 5] = [load(32), load(96), load(160), load(224), load(288)];
            for (number, query) in queries.iter().enumerate() {
                // AVX2 compares for "greater" only.
                let limit = _mm256_set1_epi32(query.limit - 1);
                let bias = _mm256_set1_epi32(query.bias);
                let word = query.words.map(|word| _mm256_set1_epi32(word));
                let sums = |known: &[__m256i; 5]| {
                    let product = |w: usize| _mm256_maddubs_epi16(known[w], word[w]);
                    let pairs = _mm256_add_epi16(
                        _mm256_add_epi16(_mm256_add_epi16(bias, product(0)), product(1)),
                        _mm256_add_epi16(product(2), product(3)),
                    );
                    // Two 16-bit sums of 8 coordinates each per entry: `madd` with ones adds them in 32 bits.
                    let sums = _mm256_add_epi32(_mm256_madd_epi16(pairs, ones), known[4]);
                    _mm256_cmpgt_epi32(sums, limit)
                };
                let (low, high) = (sums(&left), sums(&right));
                let any = _mm256_or_si256(low, high);
                // One branch per 16 entries, rarely taken; masks are made only then.
                if _mm256_testz_si256(any, any) == 0 {
                    let bits = |m: __m256i| _mm256_movemask_ps(_mm256_castsi256_ps(m)) as u32;
                    let mask = bits(low) | bits(high) << 8;
                    hits.put(number, mask);
                }
            }
            hits.tell(first + (index * LANES) as u32, out);
        }
    }
);

kernel!(
    fn scan_avx512(
        token: Avx512,
        blocks: &[CoarseBlock],
        first: u32,
        queries: &[CoarseQuery],
        out: &mut Vec<Pair>,
    ) {
        #[cfg(target_arch = "x86")]
        use core::arch::x86::*;
        #[cfg(target_arch = "x86_64")]
        use core::arch::x86_64::*;
        use fearless_simd::{SimdBase as _, u8x64};

        let mut hits = Hits::new();
        let padding = empty_block();
        // Two blocks in ten registers: what is loaded of a query meets 32 entries.
        for (index, two) in blocks.chunks(2).enumerate() {
            let load = |block: &CoarseBlock| -> [__m512i; 5] {
                std::array::from_fn(|w| u8x64::from_slice(token, &block[64 * w..64 * w + 64]).into())
            };
            let (left, right) = (load(&two[0]), load(two.get(1).unwrap_or(&padding)));
            for (number, query) in queries.iter().enumerate() {
                let limit = _mm512_set1_epi32(query.stored_limit);
                let word = query.words.map(|word| _mm512_set1_epi32(word));
                let reaches = |known: &[__m512i; 5]| {
                    let mut sums = known[4];
                    for w in 0..4 {
                        sums = _mm512_dpbusd_epi32(sums, known[w], word[w]);
                    }
                    _mm512_cmpge_epi32_mask(sums, limit)
                };
                let (low, high) = (reaches(&left), reaches(&right));
                if low | high != 0 {
                    let mask = u32::from(low) | u32::from(high) << 16;
                    hits.put(number, mask);
                }
            }
            hits.tell(first + (index * 2 * LANES) as u32, out);
        }
    }
);

#[cfg(test)]
mod tests {
    use super::super::{Random, levels, naive};
    use super::*;

    #[test]
    fn no_box_keeps_a_query_from_its_entries() {
        let mut random = Random(8);
        let (mut passed, mut kept_away) = (0, 0);
        for level in levels() {
            for round in 0..200u64 {
                // Entries around a point, some of them in a last block that is not full.
                let centre = coordinates(&mut random, 50);
                let entries = (round % 70 + 1) as usize;
                let mut blocks = vec![empty_block(); entries.div_ceil(LANES)];
                for entry in 0..entries {
                    let near = coordinates(&mut random, 1 + round % 13);
                    let known = std::array::from_fn(|k| centre[k] + near[k]);
                    store(&mut blocks[entry / LANES], entry % LANES, &known);
                }
                let queries: Vec<CoarseQuery> = (0..40)
                    .map(|n| {
                        let away = coordinates(&mut random, n + 1);
                        let own = std::array::from_fn(|k| centre[k].saturating_add(away[k]).clamp(-63, 63));
                        let square: i32 = own.iter().map(|&value: &i8| i32::from(value).pow(2)).sum();
                        CoarseQuery::new(own, (square - 28 * 28) / 2)
                    })
                    .collect();
                let (mut groups, mut numbers) = (Vec::new(), Vec::new());
                CoarseGroup::lay_out(&queries, &mut groups);
                CoarseBox::around(&blocks).reached(level, &groups, &mut numbers);
                assert!(numbers.is_sorted_by(|a, b| a < b) && numbers.iter().all(|&n| n < 40));
                kept_away += queries.len() - numbers.len();
                for (number, query) in queries.iter().enumerate() {
                    let may = |row: usize| naive::coarse(&blocks[row / LANES], row % LANES, query);
                    let matches = (0..blocks.len() * LANES).filter(|&row| may(row)).count();
                    assert!(matches == 0 || numbers.contains(&(number as u32)), "{level:?}, round {round}");
                    passed += matches;
                }
            }
        }
        assert!(passed > 1000 && kept_away > 1000, "{passed} passed, {kept_away} kept away");
    }

    fn coordinates(random: &mut Random, span: u64) -> [i8; 16] {
        std::array::from_fn(|_| ((random.next() % (2 * span + 1)) as i64 - span as i64) as i8)
    }

    #[test]
    fn every_level_equals_the_definition() {
        let mut random = Random(7);
        let (mut cases, mut passed) = (0, 0);
        for level in levels() {
            for round in 0..60u64 {
                let entries = (round % 50 + 1) as usize;
                let span = [63, 63, 5, 1][round as usize % 4];
                let mut blocks = vec![empty_block(); entries.div_ceil(LANES)];
                for entry in 0..entries {
                    let mut known = coordinates(&mut random, span);
                    if entry % 7 == 0 {
                        known = [if entry % 2 == 0 { 63 } else { -63 }; 16];
                    }
                    store(&mut blocks[entry / LANES], entry % LANES, &known);
                }
                let queries: Vec<CoarseQuery> = (0..9)
                    .map(|n| {
                        let extreme = [if n == 0 { 63 } else { -63 }; 16];
                        let own = if n < 2 { extreme } else { coordinates(&mut random, span) };
                        CoarseQuery::new(own, [-100_000, -33_000, -1000, 0, 40, 31_000][(round % 6) as usize])
                    })
                    .collect();
                let mut found = vec![Pair { query: 9, row: 9 }];
                scan(level, &blocks, 1000, &queries, &mut found);
                assert_eq!(found.remove(0), Pair { query: 9, row: 9 }, "what was there stays");
                found.sort_unstable();
                let mut expected = Vec::new();
                for (query, prepared) in queries.iter().enumerate() {
                    for row in 0..blocks.len() * LANES {
                        cases += 1;
                        if naive::coarse(&blocks[row / LANES], row % LANES, prepared) {
                            assert!(row < entries, "padding is never let through");
                            expected.push(Pair { query: query as u32, row: 1000 + row as u32 });
                        }
                    }
                }
                passed += expected.len();
                assert_eq!(found, expected, "{level:?}, {entries} entries");
            }
        }
        assert!(cases > 10_000 && passed > 1000 && passed < cases / 2 + cases / 3, "{passed} of {cases}");
    }
}

//! A multi-index over words of PDQ signatures: exact range search that looks at a small part of a large gallery.
//!
//! The 256 bits are cut into `m` words. If two signatures differ in at most `r` bits, and numbers `rᵢ` with
//! `Σ(rᵢ + 1) > r` are given to the words, then some word `i` differs in at most `rᵢ` bits (else at least
//! `Σ(rᵢ + 1) > r` bits would differ). At radius 31 and 16 words every `rᵢ` is 1: Norouzi, Punjani and Fleet, "Fast exact search in Hamming space
//! with multi-index hashing", IEEE TPAMI 36(6), 2014.
//!
//! For every word there is a table from its value to the rows that have it. A query looks up all values within
//! `rᵢ` bits of its own and compares the rows found there in full.
//!
//! Bits that lie together in a signature go together (words cut from rows of coefficients fill their tables twice as unevenly as chance
//! would, words of 21 bits five times), so the bits are first put in a fixed random order: measured on 20,000 real
//! signatures, tables are then as even as chance makes them.

use std::sync::LazyLock;

use fearless_simd::{Level, Simd, dispatch};

use crate::kernel::distance::Pair;
use crate::kernel::distance::hamming::words;

/// Rows from which on an index is built.
pub(crate) const SMALLEST: usize = 20_000;

/// The order of the bits: a shuffle (Fisher and Yates) by a fixed generator.
const ORDER: [u8; 256] = order();

const fn order() -> [u8; 256] {
    let mut order = [0; 256];
    let mut k = 0;
    while k < 256 {
        order[k] = k as u8;
        k += 1;
    }
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    while k > 1 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let other = ((state >> 11) % k as u64) as usize;
        k -= 1;
        let kept = order[k];
        order[k] = order[other];
        order[other] = kept;
    }
    order
}

/// For each byte of a signature and each of its values, the bits it contributes in the new order.
static SHUFFLED: LazyLock<Box<[[[u64; 4]; 256]; 32]>> = LazyLock::new(|| {
    let mut table = vec![[[0u64; 4]; 256]; 32];
    for (to, &from) in ORDER.iter().enumerate() {
        let (byte, bit) = (usize::from(from) / 8, from % 8);
        for (value, bits) in table[byte].iter_mut().enumerate() {
            bits[to / 64] |= (value as u64 >> bit & 1) << (to % 64);
        }
    }
    table.try_into().unwrap_or_else(|_| unreachable!("the table has 32 parts"))
});

/// A signature's bits in the index's order.
pub(crate) fn shuffled(signature: &[u8; 32]) -> [u64; 4] {
    let mut bits = [0; 4];
    for (table, &byte) in SHUFFLED.iter().zip(signature) {
        for (word, part) in bits.iter_mut().zip(table[usize::from(byte)]) {
            *word |= part;
        }
    }
    bits
}

/// Bits `start..start + width` of 256.
#[inline(always)]
fn cut(bits: &[u64; 4], start: usize, width: usize) -> usize {
    let (word, shift) = (start / 64, start % 64);
    let low = bits[word] >> shift;
    let high = if shift + width > 64 { bits[word + 1] << (64 - shift) } else { 0 };
    ((low | high) & ((1 << width) - 1)) as usize
}

/// How many words the bits are cut into, for a number of rows: a word has about as many values as there are rows.
pub(crate) fn word_count(rows: usize) -> usize {
    let bits = (usize::BITS - rows.leading_zeros()) as usize;
    256usize.div_ceil(bits.clamp(12, 24)).clamp(11, 16)
}

/// Where word `number` of `count` starts, and how wide it is.
fn place(number: usize, count: usize) -> (usize, usize) {
    let (narrow, wider) = (256 / count, 256 % count);
    if number < wider { (number * (narrow + 1), narrow + 1) } else { (number * narrow + wider, narrow) }
}

/// `rᵢ` of each word; `None` where a word need not be looked at.
fn radius_of(number: usize, count: usize, radius: u32) -> Option<u32> {
    let (each, more) = ((radius as usize + 1) / count, (radius as usize + 1) % count);
    // Narrow words, the last ones, have fewer values to look up.
    let share = each + usize::from(number >= count - more);
    (share > 0).then(|| share as u32 - 1)
}

/// Bytes of the index of `rows` rows in `count` words.
pub(crate) fn byte_length(rows: usize, count: usize) -> usize {
    (0..count).map(|number| 4 * ((1 << place(number, count).1) + 1 + rows)).sum()
}

/// Builds the index: for each word the table's starts, then its rows; all little-endian `u32`.
pub(crate) fn build(
    rows: &[[u8; 32]],
    count: usize,
    mut write: impl FnMut(&[u8]) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let bits: Vec<[u64; 4]> = rows.iter().map(shuffled).collect();
    let mut numbers = vec![0u8; 4 * rows.len()];
    for number in 0..count {
        let (start, width) = place(number, count);
        let mut ends = vec![0u32; (1 << width) + 1];
        for row in &bits {
            ends[cut(row, start, width) + 1] += 1;
        }
        for value in 1..ends.len() {
            ends[value] += ends[value - 1];
        }
        for part in ends.chunks(1 << 14) {
            write(&part.iter().flat_map(|end| end.to_le_bytes()).collect::<Vec<u8>>())?;
        }
        let slots = numbers.as_chunks_mut::<4>().0;
        for (row, bits) in bits.iter().enumerate() {
            let slot = &mut ends[cut(bits, start, width)];
            slots[*slot as usize] = (row as u32).to_le_bytes();
            *slot += 1;
        }
        write(&numbers)?;
    }
    Ok(())
}

/// An index as it lies in memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words<'a> {
    bytes: &'a [u8],
    rows: &'a [[u8; 32]],
    count: usize,
}

/// Candidates that are collected before they are compared.
const GATHERED: usize = 2048;

/// Buffers of a search.
#[derive(Debug, Default)]
pub(crate) struct WordsWork {
    /// The queries' bits in the index's order.
    bits: Vec<[u64; 4]>,
    /// Where the rows of each value that is looked up begin and end.
    ranges: Vec<(u32, u32)>,
    /// Rows to compare; a few places more than [`GATHERED`].
    candidates: Vec<u32>,
}

impl<'a> Words<'a> {
    /// The index of `rows` in `count` words; `None` where `bytes` has another length.
    pub(crate) fn new(bytes: &'a [u8], rows: &'a [[u8; 32]], count: usize) -> Option<Words<'a>> {
        let fits = (11..=16).contains(&count) && bytes.len() == byte_length(rows.len(), count);
        fits.then_some(Words { bytes, rows, count })
    }

    /// How many values a query looks up at this radius, and how many rows it meets there.
    pub(crate) fn work(&self, radius: u32) -> (f64, f64) {
        let parts = (0..self.count).filter_map(|number| {
            let width = place(number, self.count).1;
            let values = values_within(width, radius_of(number, self.count, radius)?);
            Some((values, values * self.rows.len() as f64 / (1u64 << width) as f64))
        });
        parts.fold((0.0, 0.0), |sum, part| (sum.0 + part.0, sum.1 + part.1))
    }

    /// Tells every pair within `radius` and its distance, each once; `queries` as stored, rows from 0.
    pub(crate) fn search(
        &self,
        level: Level,
        queries: &[[u8; 32]],
        radius: u32,
        work: &mut WordsWork,
        tell: &mut dyn FnMut(Pair, u32),
    ) {
        work.bits.clear();
        work.bits.extend(queries.iter().map(shuffled));
        work.candidates.resize(GATHERED + AT_ONCE, 0);
        let mut at = 0;
        for number in 0..self.count {
            let width = place(number, self.count).1;
            let starts = &self.bytes[at..][..4 * ((1 << width) + 1)];
            let members = &self.bytes[at + starts.len()..][..4 * self.rows.len()];
            at += starts.len() + members.len();
            let Some(own) = radius_of(number, self.count, radius) else { continue };
            let table = Table {
                words: self,
                number,
                own,
                starts: starts.as_chunks().0,
                members: members.as_chunks().0,
            };
            dispatch!(level, simd => table.search(simd, queries, radius, work, tell));
        }
    }

    /// Whether a pair that word `number` found was found by an earlier word already.
    fn found_before(&self, number: usize, query: &[u64; 4], row: &[u8; 32], radius: u32) -> bool {
        let row = shuffled(row);
        let x: [u64; 4] = std::array::from_fn(|w| query[w] ^ row[w]);
        (0..number).any(|earlier| {
            let (start, width) = place(earlier, self.count);
            radius_of(earlier, self.count, radius)
                .is_some_and(|own| cut(&x, start, width).count_ones() <= own)
        })
    }
}

/// The number of `width`-bit values within `radius` of one.
fn values_within(width: usize, radius: u32) -> f64 {
    let mut term = 1.0;
    let mut sum = 1.0;
    for k in 0..radius.min(width as u32) {
        term = term * (width as f64 - f64::from(k)) / (f64::from(k) + 1.0);
        sum += term;
    }
    sum
}

/// One word's table.
struct Table<'a> {
    words: &'a Words<'a>,
    number: usize,
    own: u32,
    starts: &'a [[u8; 4]],
    members: &'a [[u8; 4]],
}

/// Rows that are copied at once, whether a value has as many or fewer.
const AT_ONCE: usize = 4;

impl Table<'_> {
    /// Looks all values up, collects their rows, then compares them: three loops whose loads do not wait for
    /// one another, because every one of them is likely to miss the caches.
    #[inline(always)]
    fn search<S: Simd>(
        &self,
        _simd: S,
        queries: &[[u8; 32]],
        radius: u32,
        work: &mut WordsWork,
        tell: &mut dyn FnMut(Pair, u32),
    ) {
        let (start, width) = place(self.number, self.words.count);
        let WordsWork { bits, ranges, candidates } = work;
        for (index, (query, bits)) in queries.iter().zip(&*bits).enumerate() {
            let query = Asked { index: index as u32, words: words(query), bits, radius };
            let value = cut(bits, start, width);
            ranges.clear();
            for_each_mask(width, self.own, |mask| {
                let of = |value: usize| u32::from_le_bytes(self.starts[value]);
                ranges.push((of(value ^ mask), of((value ^ mask) + 1)));
            });
            let mut count = 0;
            for &(start, end) in &*ranges {
                count = self.gather(start as usize, end as usize, &query, candidates, count, tell);
            }
            self.compare(&query, &candidates[..count], tell);
        }
    }

    /// Adds the rows `start..end` of the table to the first `count` candidates, comparing them when there is no room.
    #[inline(always)]
    fn gather(
        &self,
        start: usize,
        end: usize,
        query: &Asked<'_>,
        candidates: &mut [u32],
        mut count: usize,
        tell: &mut dyn FnMut(Pair, u32),
    ) -> usize {
        let length = end.wrapping_sub(start);
        if length <= AT_ONCE
            && count <= GATHERED
            && let Some(rows) = self.members.get(start..start + AT_ONCE)
        {
            // How many there are is as good as random: a loop over them would be mispredicted most times.
            for (slot, row) in candidates[count..][..AT_ONCE].iter_mut().zip(rows) {
                *slot = u32::from_le_bytes(*row);
            }
            return count + length;
        }
        // None where the index is damaged.
        for row in self.members.get(start..end).unwrap_or_default() {
            if count >= GATHERED {
                self.compare(query, &candidates[..count], tell);
                count = 0;
            }
            candidates[count] = u32::from_le_bytes(*row);
            count += 1;
        }
        count
    }

    #[inline(always)]
    fn compare(&self, query: &Asked<'_>, candidates: &[u32], tell: &mut dyn FnMut(Pair, u32)) {
        for &row in candidates {
            let Some(known) = self.words.rows.get(row as usize) else { continue };
            let other = words(known);
            let distance: u32 = (0..4).map(|w| (query.words[w] ^ other[w]).count_ones()).sum();
            if distance <= query.radius
                && !self.words.found_before(self.number, query.bits, known, query.radius)
            {
                tell(Pair { query: query.index, row }, distance);
            }
        }
    }
}

/// A query on its way through a table.
struct Asked<'a> {
    index: u32,
    words: [u64; 4],
    /// In the index's order.
    bits: &'a [u64; 4],
    radius: u32,
}

/// Calls `visit` with every `width`-bit mask of at most `radius` bits.
#[inline(always)]
fn for_each_mask(width: usize, radius: u32, mut visit: impl FnMut(usize)) {
    visit(0);
    for bits in 1..=radius.min(width as u32) {
        let mut mask = (1usize << bits) - 1;
        while mask < 1 << width {
            visit(mask);
            // The next larger number with as many bits (Gosper).
            let low = mask & mask.wrapping_neg();
            let carried = mask + low;
            mask = carried | (((mask ^ carried) >> 2) / low);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::distance::{Random, levels, naive};

    #[test]
    fn the_order_is_a_permutation() {
        let mut seen = [false; 256];
        ORDER.iter().for_each(|&bit| seen[usize::from(bit)] = true);
        assert!(seen.iter().all(|&seen| seen));
        assert_ne!(ORDER[..16], std::array::from_fn::<u8, 16, _>(|k| k as u8));
    }

    #[test]
    fn words_tile_the_bits_and_radii_cover_the_radius() {
        for count in 11..=16 {
            let mut next = 0;
            for number in 0..count {
                let (start, width) = place(number, count);
                assert_eq!(start, next);
                next = start + width;
            }
            assert_eq!(next, 256);
            for radius in 0..100 {
                let sum: u32 =
                    (0..count).filter_map(|n| radius_of(n, count, radius)).map(|own| own + 1).sum();
                assert_eq!(sum, radius + 1, "{count} words, radius {radius}");
            }
        }
    }

    #[test]
    fn masks_are_complete() {
        for width in [4, 16, 21] {
            for radius in 0..=3 {
                let mut masks = Vec::new();
                for_each_mask(width, radius, |mask| masks.push(mask));
                assert_eq!(masks.len() as f64, values_within(width, radius));
                assert!(masks.iter().all(|m| m.count_ones() <= radius && *m < 1 << width));
                masks.sort_unstable();
                masks.dedup();
                assert_eq!(masks.len() as f64, values_within(width, radius));
            }
        }
    }

    #[test]
    fn finds_what_the_definition_finds_at_every_word_count() {
        let mut random = Random(5);
        let mut rows: Vec<[u8; 32]> = (0..3000).map(|_| random.bytes()).collect();
        for n in 0..3000 {
            let mut row = rows[n % 7];
            for _ in 0..n % 70 {
                let bit = (random.next() % 256) as usize;
                row[bit / 8] ^= 1 << (bit % 8);
            }
            rows.push(row);
        }
        let queries: Vec<[u8; 32]> = rows[..12].to_vec();
        let (mut matched, mut work) = (0, WordsWork::default());
        for count in 11..=16 {
            let mut bytes = Vec::new();
            build(&rows, count, |part| {
                bytes.extend_from_slice(part);
                Ok(())
            })
            .unwrap();
            assert_eq!(bytes.len(), byte_length(rows.len(), count));
            let index = Words::new(&bytes, &rows, count).unwrap();
            for radius in [0, 1, 9, 15, 30, 31, 32, 45] {
                let mut expected = Vec::new();
                for (query, own) in queries.iter().enumerate() {
                    for (row, other) in rows.iter().enumerate() {
                        let distance = naive::hamming(own, other);
                        if distance <= radius {
                            expected.push((Pair { query: query as u32, row: row as u32 }, distance));
                        }
                    }
                }
                matched += expected.len();
                for level in if radius == 31 { levels() } else { vec![Level::new()] } {
                    let mut found = Vec::new();
                    index.search(level, &queries, radius, &mut work, &mut |pair, distance| {
                        found.push((pair, distance));
                    });
                    found.sort_unstable();
                    assert_eq!(found, expected, "{count} words, radius {radius}, {level:?}");
                }
            }
        }
        assert!(matched > 10_000, "{matched}");
        assert!(Words::new(&[0; 100], &rows, 16).is_none());
    }

    #[test]
    fn a_damaged_index_gives_no_false_match() {
        let mut random = Random(9);
        let rows: Vec<[u8; 32]> = (0..2000).map(|_| random.bytes()).collect();
        let mut bytes = Vec::new();
        build(&rows, 16, |part| {
            bytes.extend_from_slice(part);
            Ok(())
        })
        .unwrap();
        let mut work = WordsWork::default();
        for share in [2, 50, 5000] {
            let mut damaged = bytes.clone();
            for byte in &mut damaged {
                if random.next().is_multiple_of(share) {
                    *byte = random.next() as u8 & 31;
                }
            }
            let index = Words::new(&damaged, &rows, 16).unwrap();
            index.search(Level::new(), &rows[..40], 31, &mut work, &mut |pair, distance| {
                let (query, row) = (&rows[pair.query as usize], &rows[pair.row as usize]);
                assert_eq!(naive::hamming(query, row), distance);
            });
        }
    }
}

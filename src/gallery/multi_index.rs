//! A multi-index over words of PDQ signatures: exact range search that looks at a small part of a large gallery.
//!
//! The 256 bits are cut into 16 words. Let two signatures differ in `dᵢ` bits of word `i`, in at most `r` bits altogether, and let the words
//! have shares `sᵢ` with `Σsᵢ = r + 1`. Then `Σ(dᵢ − sᵢ) < 0`, and by the cycle lemma (Dvoretzky and Motzkin, "A problem of arrangements",
//! Duke Mathematical Journal 14(2), 1947) there is a word from which on, going round in a circle, every partial sum is negative. So some word `i`
//! has both
//!
//! ```text
//! dᵢ < sᵢ    and    dᵢ + dᵢ₊₁ < sᵢ + sᵢ₊₁
//! ```
//!
//! At radius 31 every share is 2: a word differs in at most 1 bit, and together with the next in at most 3. The first alone is
//! Norouzi, Punjani and Fleet, "Fast exact search in Hamming space with multi-index hashing", IEEE TPAMI 36(6), 2014; the second, after
//! Qin and Xiao, "Pigeonring", PVLDB 12(1), 2018, keeps all but one in a hundred of the rows that the first meets.
//!
//! For every word there is a table from its value to the rows that have it, and with each row the next word's value. A query looks up all
//! values within `sᵢ − 1` bits of its own, drops rows by their next words, and compares what is left in full.
//!
//! Neighbouring bits of a signature are correlated: words cut from rows of coefficients meet twice as many rows as chance
//! would have it. So the bits are first put in a fixed random order. Measured on 20,000 real signatures, the tables are then as even as
//! chance makes them.

use std::sync::LazyLock;

use fearless_simd::{Level, Simd, dispatch};

use crate::kernel::distance::{Pair, hamming};

/// Rows from which on an index is built: from here on single queries are faster by it.
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

/// Words of a signature, 16 bits each.
const WORDS: usize = 16;

/// Values of a word.
const VALUES: usize = 1 << 16;

/// A signature's words, its bits in the index's order.
fn shuffled(signature: &[u8; 32]) -> [u16; WORDS] {
    let mut bits = [0; 4];
    for (table, &byte) in SHUFFLED.iter().zip(signature) {
        for (word, part) in bits.iter_mut().zip(table[usize::from(byte)]) {
            *word |= part;
        }
    }
    std::array::from_fn(|number| (bits[number / 4] >> (16 * (number % 4))) as u16)
}

/// The shares of the words at a radius: together one more than it.
fn shares(radius: u32) -> [u32; WORDS] {
    // No distance is larger, and a larger radius would only make masks that find nothing new.
    let sum = radius.min(256) + 1;
    let (each, more) = (sum / WORDS as u32, sum as usize % WORDS);
    std::array::from_fn(|number| each + u32::from(number < more))
}

/// Bytes of a word's table: where the rows of each value start, then the rows, then the next word of each.
fn table_length(rows: usize) -> usize {
    4 * (VALUES + 1) + (4 + 2) * rows
}

/// Bytes of the index of `rows` rows.
pub(crate) fn byte_length(rows: usize) -> usize {
    WORDS * table_length(rows)
}

/// Builds the index: for each word the table's starts, its rows (both little-endian `u32`), and their next words (`u16`).
pub(crate) fn build(
    rows: &[[u8; 32]],
    mut write: impl FnMut(&[u8]) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let words: Vec<[u16; WORDS]> = rows.iter().map(shuffled).collect();
    let (mut numbers, mut nexts) = (vec![[0; 4]; rows.len()], vec![[0; 2]; rows.len()]);
    for number in 0..WORDS {
        let mut ends = vec![0u32; VALUES + 1];
        for row in &words {
            ends[usize::from(row[number]) + 1] += 1;
        }
        for value in 1..ends.len() {
            ends[value] += ends[value - 1];
        }
        // A counting sort: `ends[v]` is where the rows of value `v` start, and moves on as they are put down.
        write(&ends.iter().flat_map(|end| end.to_le_bytes()).collect::<Vec<u8>>())?;
        for (row, words) in words.iter().enumerate() {
            let slot = &mut ends[usize::from(words[number])];
            numbers[*slot as usize] = (row as u32).to_le_bytes();
            nexts[*slot as usize] = words[(number + 1) % WORDS].to_le_bytes();
            *slot += 1;
        }
        write(numbers.as_flattened())?;
        write(nexts.as_flattened())?;
    }
    Ok(())
}

/// An index as it lies in memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MultiIndex<'a> {
    bytes: &'a [u8],
    rows: &'a [[u8; 32]],
}

/// Candidates that are collected before they are compared.
const GATHERED: usize = 2048;

/// Next words looked at together.
const AT_ONCE: usize = 32;

/// The next words of some rows, as stored in the index.
type Nexts = [[u8; 2]; AT_ONCE];

/// Buffers of a search.
#[derive(Debug, Default)]
pub(crate) struct MultiIndexWork {
    /// The queries' words.
    words: Vec<[u16; WORDS]>,
    /// What a word is looked up with, exclusive or.
    masks: Vec<u16>,
    /// Where the rows of each value that is looked up begin and end, and the next words of the first of them.
    ranges: Vec<(usize, usize)>,
    firsts: Vec<Nexts>,
    /// Places in the table of rows to compare.
    candidates: Vec<usize>,
}

impl<'a> MultiIndex<'a> {
    /// The index of `rows`; `None` where `bytes` has another length.
    pub(crate) fn new(bytes: &'a [u8], rows: &'a [[u8; 32]]) -> Option<MultiIndex<'a>> {
        (bytes.len() == byte_length(rows.len())).then_some(MultiIndex { bytes, rows })
    }

    /// How many values a query looks up at this radius, and how many rows it meets there.
    pub(crate) fn work(&self, radius: u32) -> (f64, f64) {
        let values: f64 = shares(radius).iter().map(|&share| values_below(share)).sum();
        (values, values * self.rows.len() as f64 / VALUES as f64)
    }

    /// Gives `tell` every pair within `radius` and its distance, each once; `queries` as stored, rows from 0.
    pub(crate) fn search(
        &self,
        level: Level,
        queries: &[[u8; 32]],
        radius: u32,
        work: &mut MultiIndexWork,
        tell: &mut dyn FnMut(Pair, u32),
    ) {
        work.words.clear();
        work.words.extend(queries.iter().map(shuffled));
        let shares = shares(radius);
        for (number, bytes) in self.bytes.chunks_exact(table_length(self.rows.len())).enumerate() {
            let (starts, rest) = bytes.split_at(4 * (VALUES + 1));
            let (members, nexts) = rest.split_at(4 * self.rows.len());
            let table = Table {
                rows: self.rows,
                number,
                shares: &shares,
                starts: starts.as_chunks().0,
                members: members.as_chunks().0,
                nexts: nexts.as_chunks().0,
            };
            work.masks.clear();
            if let Some(most) = shares[number].checked_sub(1) {
                for_each_mask(most, |mask| work.masks.push(mask));
            }
            dispatch!(level, simd => table.search(simd, queries, radius, work, tell));
        }
    }
}

/// The number of 16-bit values within fewer than `share` bits of one.
fn values_below(share: u32) -> f64 {
    let (mut term, mut sum) = (1.0, 0.0);
    for k in 0..share.min(17) {
        sum += term;
        term = term * f64::from(16 - k.min(16)) / f64::from(k + 1);
    }
    sum
}

/// One word's table.
struct Table<'a> {
    rows: &'a [[u8; 32]],
    number: usize,
    shares: &'a [u32; WORDS],
    starts: &'a [[u8; 4]],
    members: &'a [[u8; 4]],
    nexts: &'a [[u8; 2]],
}

impl Table<'_> {
    /// Looks all values up, collects the next words of their rows, then filters by these: three loops, because loads that miss the caches
    /// wait for one another where a branch between them is mispredicted, as it is after a random number of rows.
    #[inline(always)]
    fn search<S: Simd>(
        &self,
        _simd: S,
        queries: &[[u8; 32]],
        radius: u32,
        work: &mut MultiIndexWork,
        tell: &mut dyn FnMut(Pair, u32),
    ) {
        let following = (self.number + 1) % WORDS;
        // Both words differ in fewer bits together.
        let both = self.shares[self.number] + self.shares[following];
        let MultiIndexWork { words: asked, masks, ranges, firsts, candidates } = work;
        for (index, (query, words)) in queries.iter().zip(&*asked).enumerate() {
            let query = Asked { index: index as u32, bits: hamming::words(query), words, radius };
            let (value, next) = (words[self.number], words[following]);
            ranges.clear();
            ranges.extend(masks.iter().map(|mask| {
                let value = usize::from(value ^ mask);
                let of = |value: usize| u32::from_le_bytes(self.starts[value]) as usize;
                (of(value), of(value + 1))
            }));
            firsts.clear();
            firsts.extend(ranges.iter().map(|&(start, _)| self.nexts_from(start)));
            candidates.clear();
            for ((mask, &(start, end)), first) in masks.iter().zip(&*ranges).zip(&*firsts) {
                // A mask has fewer bits than this word's share, so that something is left for the next word.
                let fewer = both - mask.count_ones();
                let mut place = start;
                let mut nexts = *first;
                while place < end {
                    let mut near = near(&nexts, next, fewer);
                    if end - place < AT_ONCE {
                        near &= (1 << (end - place)) - 1;
                    }
                    while near != 0 {
                        candidates.push(place + near.trailing_zeros() as usize);
                        near &= near - 1;
                    }
                    place += AT_ONCE;
                    if place < end {
                        // A damaged index may say so.
                        if place >= self.nexts.len() {
                            break;
                        }
                        nexts = self.nexts_from(place);
                    }
                    if candidates.len() > GATHERED {
                        self.compare(&query, candidates, tell);
                        candidates.clear();
                    }
                }
            }
            self.compare(&query, candidates, tell);
        }
    }

    /// The next words from a place on, filled up with zeros at the table's end.
    #[inline(always)]
    fn nexts_from(&self, place: usize) -> Nexts {
        match self.nexts.get(place..).and_then(|rest| rest.first_chunk()) {
            Some(nexts) => *nexts,
            None => self.last_nexts(place),
        }
    }

    #[cold]
    fn last_nexts(&self, place: usize) -> Nexts {
        let mut nexts = Nexts::default();
        let rest = self.nexts.get(place..).unwrap_or_default();
        nexts[..rest.len()].copy_from_slice(rest);
        nexts
    }

    #[inline(always)]
    fn compare(&self, query: &Asked<'_>, candidates: &[usize], tell: &mut dyn FnMut(Pair, u32)) {
        for &place in candidates {
            // None where the index is damaged.
            let Some(row) = self.members.get(place).map(|row| u32::from_le_bytes(*row)) else { continue };
            let Some(known) = self.rows.get(row as usize) else { continue };
            let other = hamming::words(known);
            let distance: u32 = (0..4).map(|w| (query.bits[w] ^ other[w]).count_ones()).sum();
            if distance <= query.radius && !self.found_before(query.words, known) {
                tell(Pair { query: query.index, row }, distance);
            }
        }
    }

    /// Whether a pair that this word found was found by an earlier word already.
    fn found_before(&self, query: &[u16; WORDS], row: &[u8; 32]) -> bool {
        let row = shuffled(row);
        let differing = |number: usize| (query[number] ^ row[number]).count_ones();
        (0..self.number).any(|number| {
            let (own, both) = (self.shares[number], self.shares[number] + self.shares[number + 1]);
            differing(number) < own && differing(number) + differing(number + 1) < both
        })
    }
}

/// Which of these differ from `next` in fewer bits than `fewer`, one bit each.
#[inline(always)]
fn near(nexts: &Nexts, next: u16, fewer: u32) -> u32 {
    let mut near = 0;
    for (lane, known) in nexts.iter().enumerate() {
        // In 16 bits, as the counts are.
        let differing = (u16::from_le_bytes(*known) ^ next).count_ones() as u16;
        near |= u32::from(differing < fewer as u16) << lane;
    }
    near
}

/// A query that is looked up in a table.
struct Asked<'a> {
    index: u32,
    bits: [u64; 4],
    words: &'a [u16; WORDS],
    radius: u32,
}

/// Calls `visit` with every 16-bit mask of at most `most` bits, those of fewer bits first.
fn for_each_mask(most: u32, mut visit: impl FnMut(u16)) {
    visit(0);
    for bits in 1..=most.min(16) {
        let mut mask = (1usize << bits) - 1;
        while mask < VALUES {
            visit(mask as u16);
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
    fn shares_are_one_more_than_the_radius() {
        for radius in 0..=256 {
            assert_eq!(shares(radius).iter().sum::<u32>(), radius + 1);
        }
        assert_eq!(shares(31), [2; WORDS]);
    }

    #[test]
    fn masks_are_complete() {
        for share in 1..=17 {
            let mut masks = Vec::new();
            for_each_mask(share - 1, |mask| masks.push(mask));
            assert_eq!(masks.len() as f64, values_below(share));
            assert!(masks.iter().all(|mask| mask.count_ones() < share));
            masks.sort_unstable();
            masks.dedup();
            assert_eq!(masks.len() as f64, values_below(share));
        }
        assert_eq!((values_below(0), values_below(300)), (0.0, 65_536.0));
    }

    #[test]
    fn finds_what_the_definition_finds() {
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
        let (mut matched, mut work) = (0, MultiIndexWork::default());
        let mut bytes = Vec::new();
        build(&rows, |part| {
            bytes.extend_from_slice(part);
            Ok(())
        })
        .unwrap();
        assert_eq!(bytes.len(), byte_length(rows.len()));
        let index = MultiIndex::new(&bytes, &rows).unwrap();
        for radius in [0, 1, 9, 15, 16, 30, 31, 32, 45, 62] {
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
                assert_eq!(found, expected, "radius {radius}, {level:?}");
            }
        }
        assert!(matched > 2_000, "{matched}");
        assert!(MultiIndex::new(&[0; 100], &rows).is_none());
    }

    #[test]
    fn a_damaged_index_gives_no_false_match() {
        let mut random = Random(9);
        let rows: Vec<[u8; 32]> = (0..2000).map(|_| random.bytes()).collect();
        let mut bytes = Vec::new();
        build(&rows, |part| {
            bytes.extend_from_slice(part);
            Ok(())
        })
        .unwrap();
        let mut work = MultiIndexWork::default();
        for share in [2, 50, 5000] {
            let mut damaged = bytes.clone();
            for byte in &mut damaged {
                if random.next().is_multiple_of(share) {
                    *byte = random.next() as u8 & 31;
                }
            }
            let index = MultiIndex::new(&damaged, &rows).unwrap();
            index.search(Level::new(), &rows[..40], 31, &mut work, &mut |pair, distance| {
                let (query, row) = (&rows[pair.query as usize], &rows[pair.row as usize]);
                assert_eq!(naive::hamming(query, row), distance);
            });
        }
    }
}

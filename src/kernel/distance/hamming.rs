//! Hamming distance of 256 bits, up to a radius.
//!
//! Up to radius 40 a pair first meets a lower bound of 64 bits: with `x` the exclusive or of the two signatures in
//! four words, `popcount(x₀ | x₁) ≤ popcount(x)`. Of unrelated pairs three quarters of these 64 bits are set, 48 ± 3.5, so that
//! the bound, one count instead of four, leaves five in a million of them at radius 31 and two in a hundred at 40. (Counting `x₀`
//! alone would leave half of them, counting both words costs half as much again.) Larger radii count all four words.
//!
//! AVX-512 counts with `vpopcntq`, AVX2 by looking up four bits at a time, other levels with what the machine's own count
//! instruction gives. Ranges: in AVX2 a byte of four words counts at most 4·8 = 32 and their sum in 64 bits at most 256.

use fearless_simd::{Level, Simd, dispatch, kernel};

use super::{Hits, Pair, SET};

/// Largest radius at which the 64-bit bound is worth its cost.
const BOUND_RADIUS: u32 = 40;

/// A signature as four words; which bit lies where does not matter to the distance.
pub(crate) fn words(bytes: &[u8; 32]) -> [u64; 4] {
    std::array::from_fn(|w| u64::from_le_bytes(std::array::from_fn(|k| bytes[8 * w + k])))
}

/// Appends the pairs of `queries` and `rows` that may lie within `radius`, all that do among them; rows count
/// from `first`. With radii over 40 they all do.
pub(crate) fn scan(
    level: Level,
    rows: &[[u8; 32]],
    first: u32,
    queries: &[[u64; 4]],
    radius: u32,
    out: &mut Vec<Pair>,
) {
    for (number, set) in queries.chunks(SET).enumerate() {
        let start = out.len();
        scan_set(level, rows, first, set, radius, out);
        out[start..].iter_mut().for_each(|pair| pair.query += (number * SET) as u32);
    }
}

/// At most [`SET`] queries.
fn scan_set(
    level: Level,
    rows: &[[u8; 32]],
    first: u32,
    queries: &[[u64; 4]],
    radius: u32,
    out: &mut Vec<Pair>,
) {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    {
        if let Some(avx512) = level.as_avx512() {
            return scan_avx512(avx512, rows, first, queries, radius, out);
        }
        if let Some(avx2) = level.as_avx2() {
            return scan_avx2(avx2, rows, first, queries, radius, out);
        }
    }
    dispatch!(level, simd => scan_portable(simd, rows, first, queries, radius, out));
}

/// Whether the bound that `scan` uses lets a pair through: its definition.
#[inline(always)]
fn may_match(query: &[u64; 4], row: &[u64; 4], radius: u32) -> bool {
    let x: [u64; 4] = std::array::from_fn(|w| query[w] ^ row[w]);
    if radius <= BOUND_RADIUS {
        (x[0] | x[1]).count_ones() <= radius
    } else {
        x.iter().map(|word| word.count_ones()).sum::<u32>() <= radius
    }
}

#[inline(always)]
fn scan_portable<S: Simd>(
    _simd: S,
    rows: &[[u8; 32]],
    first: u32,
    queries: &[[u64; 4]],
    radius: u32,
    out: &mut Vec<Pair>,
) {
    for (index, row) in rows.iter().enumerate() {
        let row = words(row);
        for (number, query) in queries.iter().enumerate() {
            if may_match(query, &row, radius) {
                out.push(Pair { query: number as u32, row: first + index as u32 });
            }
        }
    }
}

/// Word `w` of up to `N` rows; those missing are zeros, and whoever asks masks them out.
#[inline(always)]
fn column<const N: usize>(rows: &[[u8; 32]], w: usize) -> [u64; N] {
    std::array::from_fn(|lane| {
        rows.get(lane).map_or(0, |row| u64::from_le_bytes(std::array::from_fn(|k| row[8 * w + k])))
    })
}

kernel!(
    fn scan_avx2(
        token: Avx2,
        rows: &[[u8; 32]],
        first: u32,
        queries: &[[u64; 4]],
        radius: u32,
        out: &mut Vec<Pair>,
    ) {
        #[cfg(target_arch = "x86")]
        use core::arch::x86::*;
        #[cfg(target_arch = "x86_64")]
        use core::arch::x86_64::*;
        use fearless_simd::{SimdBase as _, u64x4};

        let mut hits = Hits::new();
        let nibble = _mm256_set1_epi8(15);
        let counts = _mm256_setr_epi8(
            0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,
        );
        let ones_of_bytes = |x: __m256i| {
            // There is no shift of bytes. What comes over from the neighbour lies in the upper half, which is cut off.
            let low = _mm256_shuffle_epi8(counts, _mm256_and_si256(x, nibble));
            let high = _mm256_shuffle_epi8(counts, _mm256_and_si256(_mm256_srli_epi16::<4>(x), nibble));
            _mm256_add_epi8(low, high)
        };
        let zero = _mm256_setzero_si256();
        let limit = _mm256_set1_epi64x(i64::from(radius));
        for (index, four) in rows.chunks(4).enumerate() {
            let known: [__m256i; 4] =
                std::array::from_fn(|w| u64x4::from_slice(token, &column::<4>(four, w)).into());
            let present = (1u32 << four.len()) - 1;
            for (number, query) in queries.iter().enumerate() {
                let x = |w: usize| _mm256_xor_si256(known[w], _mm256_set1_epi64x(query[w].cast_signed()));
                let bytes = if radius <= BOUND_RADIUS {
                    ones_of_bytes(_mm256_or_si256(x(0), x(1)))
                } else {
                    let low = _mm256_add_epi8(ones_of_bytes(x(0)), ones_of_bytes(x(1)));
                    let high = _mm256_add_epi8(ones_of_bytes(x(2)), ones_of_bytes(x(3)));
                    _mm256_add_epi8(low, high)
                };
                // The sum of absolute differences from 0 adds the eight bytes of a row. AVX2 compares for "greater" only, hence `!`.
                let over = _mm256_cmpgt_epi64(_mm256_sad_epu8(bytes, zero), limit);
                let mask = !(_mm256_movemask_pd(_mm256_castsi256_pd(over)) as u32) & present;
                if mask != 0 {
                    hits.put(number, mask);
                }
            }
            hits.tell(first + (index * 4) as u32, out);
        }
    }
);

kernel!(
    fn scan_avx512(
        token: Avx512,
        rows: &[[u8; 32]],
        first: u32,
        queries: &[[u64; 4]],
        radius: u32,
        out: &mut Vec<Pair>,
    ) {
        #[cfg(target_arch = "x86")]
        use core::arch::x86::*;
        #[cfg(target_arch = "x86_64")]
        use core::arch::x86_64::*;
        use fearless_simd::{SimdBase as _, u64x8};

        // `(a ^ b) | c` in one instruction: the bits of 0xbe say the result for each of the eight cases.
        const XOR_OR: i32 = 0xbe;
        let mut hits = Hits::new();
        let limit = _mm512_set1_epi64(i64::from(radius));
        for (index, block) in rows.chunks(32).enumerate() {
            let first = first + (index * 32) as u32;
            // In 64 bits, since a shift by 32 is none in 32.
            let present = (u64::MAX >> (64 - block.len())) as u32;
            let part = |w: usize, part: usize| -> __m512i {
                let rows = block.get(8 * part..).unwrap_or_default();
                u64x8::from_slice(token, &column::<8>(rows, w)).into()
            };
            let known: [[__m512i; 4]; 2] = std::array::from_fn(|w| std::array::from_fn(|p| part(w, p)));
            let splat = |word: u64| _mm512_set1_epi64(word.cast_signed());
            if radius <= BOUND_RADIUS {
                for (number, query) in queries.iter().enumerate() {
                    let (low, high) = (splat(query[0]), splat(query[1]));
                    let near = |p: usize| {
                        let x = _mm512_xor_si512(known[0][p], low);
                        let x = _mm512_ternarylogic_epi64::<XOR_OR>(known[1][p], high, x);
                        u32::from(_mm512_cmple_epu64_mask(_mm512_popcnt_epi64(x), limit))
                    };
                    let mask = (near(0) | near(1) << 8 | near(2) << 16 | near(3) << 24) & present;
                    if mask != 0 {
                        hits.put(number, mask);
                    }
                }
                hits.tell(first, out);
                continue;
            }
            let rest: [[__m512i; 4]; 2] = std::array::from_fn(|w| std::array::from_fn(|p| part(w + 2, p)));
            for (number, query) in queries.iter().enumerate() {
                let near = |p: usize| {
                    let ones =
                        |known: __m512i, word: u64| _mm512_popcnt_epi64(_mm512_xor_si512(known, splat(word)));
                    let low = _mm512_add_epi64(ones(known[0][p], query[0]), ones(known[1][p], query[1]));
                    let high = _mm512_add_epi64(ones(rest[0][p], query[2]), ones(rest[1][p], query[3]));
                    u32::from(_mm512_cmple_epu64_mask(_mm512_add_epi64(low, high), limit))
                };
                let mask = (near(0) | near(1) << 8 | near(2) << 16 | near(3) << 24) & present;
                if mask != 0 {
                    hits.put(number, mask);
                }
            }
            hits.tell(first, out);
        }
    }
);

#[cfg(test)]
mod tests {
    use super::super::{Random, levels, naive};
    use super::*;

    /// Rows around one another at every distance from 0 to 256, and random ones.
    fn rows(random: &mut Random, count: usize) -> Vec<[u8; 32]> {
        let base: [u8; 32] = random.bytes();
        (0..count)
            .map(|n| {
                let mut row = base;
                for _ in 0..n % 45 {
                    let bit = (random.next() % 256) as usize;
                    row[bit / 8] ^= 1 << (bit % 8);
                }
                match n % 9 {
                    7 => random.bytes(),
                    8 => base.map(|byte| !byte),
                    _ => row,
                }
            })
            .collect()
    }

    #[test]
    fn every_level_equals_the_definition_at_every_length() {
        let mut random = Random(11);
        let (mut cases, mut passed) = (0, 0);
        for level in levels() {
            for count in (0..=70).chain([127, 128, 129]) {
                let known = rows(&mut random, count);
                let queries: Vec<[u8; 32]> = known.iter().take(5).copied().collect();
                let prepared: Vec<[u64; 4]> = queries.iter().map(words).collect();
                for radius in [0, 15, 30, 31, 32, 40, 41, 90, 255, 256] {
                    let mut found = Vec::new();
                    scan(level, &known, 50, &prepared, radius, &mut found);
                    found.sort_unstable();
                    let mut expected = Vec::new();
                    for (query, own) in queries.iter().enumerate() {
                        for (row, other) in known.iter().enumerate() {
                            cases += 1;
                            let pair = Pair { query: query as u32, row: row as u32 + 50 };
                            let close = naive::hamming(own, other) <= radius;
                            let may = may_match(&words(own), &words(other), radius);
                            assert!(may || !close, "the bound lost a match");
                            assert!(may == close || radius <= BOUND_RADIUS);
                            if may {
                                expected.push(pair);
                            }
                        }
                    }
                    passed += expected.len();
                    assert_eq!(found, expected, "{level:?}, {count} rows, radius {radius}");
                }
            }
        }
        assert!(cases > 100_000 && passed > 10_000 && passed < cases, "{passed} of {cases}");
    }
}

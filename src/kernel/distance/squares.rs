//! Squared Euclidean distance of 144 bytes: single pairs, and tiles of known signatures against many queries.
//!
//! Exact: differences are 9-bit, squares 16-bit, sums at most 144·255² = 9,363,600.
//!
//! A tile lies transposed, four bytes of each of 16 entries together. There `d² = |a|² + |q|² − 2·a·q`, so
//! that a pair costs only the products: AVX-512 `vpdpbusd` on the bytes (queries less 128, to be signed; the sum of the entry's bytes
//! puts that right), AVX2 `vpmaddwd` on bytes widened once for all queries. `vpmaddubsw` on whole bytes would saturate.
//!
//! Every intermediate fits 32 bits with its sign: `a·q` and `a·(q − 128)` are within ±144·255², `|a|² − 256·Σa` within ±256·144·255.
//!
//! Tried and not kept: four sums in an array that a loop walks. They stayed in memory, and AVX2 took 5.38 s instead of 2.33 s for 10⁹
//! pairs.

use fearless_simd::{Level, Simd, dispatch, kernel};

use super::Pair;

/// Entries in a tile.
pub(crate) const TILE: usize = 16;

/// Four-byte groups in a signature.
const GROUPS: usize = 36;

/// Sixteen known signatures, transposed.
#[derive(Debug, Clone)]
pub(crate) struct Tile {
    /// Bytes `4·g..4·g + 4` of every entry.
    groups: [[u8; 4 * TILE]; GROUPS],
    /// `|a|²`, and `|a|² − 256·Σa` for products with `q − 128`.
    squares: [i32; TILE],
    shifted: [i32; TILE],
}

impl Tile {
    /// Transposes up to 16 rows; those missing are zeros.
    pub(crate) fn new(rows: &[[u8; 144]]) -> Tile {
        let mut tile = Tile { groups: [[0; 4 * TILE]; GROUPS], squares: [0; TILE], shifted: [0; TILE] };
        for (lane, row) in rows.iter().take(TILE).enumerate() {
            for (group, bytes) in tile.groups.iter_mut().zip(row.as_chunks::<4>().0) {
                group[4 * lane..][..4].copy_from_slice(bytes);
            }
            tile.squares[lane] = row.iter().map(|&value| i32::from(value).pow(2)).sum();
            tile.shifted[lane] =
                tile.squares[lane] - 256 * row.iter().map(|&value| i32::from(value)).sum::<i32>();
        }
        tile
    }
}

/// A query, ready for tiles at every level.
#[derive(Debug, Clone)]
pub(crate) struct TileQuery {
    /// `q − 128` as signed bytes, four a word.
    signed: [i32; GROUPS],
    /// Bytes 0 and 2, and bytes 1 and 3, of each group as two 16-bit numbers a word.
    halves: [[i32; 2]; GROUPS],
    square: i32,
}

impl TileQuery {
    /// Prepares a signature.
    pub(crate) fn new(bytes: &[u8; 144]) -> TileQuery {
        let group = |g: usize| &bytes[4 * g..4 * g + 4];
        let two = |low: u8, high: u8| i32::from(low) | i32::from(high) << 16;
        TileQuery {
            signed: std::array::from_fn(|g| {
                i32::from_le_bytes(std::array::from_fn(|k| group(g)[k].wrapping_sub(128)))
            }),
            halves: std::array::from_fn(|g| [two(group(g)[0], group(g)[2]), two(group(g)[1], group(g)[3])]),
            square: bytes.iter().map(|&value| i32::from(value).pow(2)).sum(),
        }
    }
}

/// Appends every pair of a query and an entry of `tile` within `radius`, and its distance; rows count from the
/// tile's first. The distances of other pairs never leave the registers.
pub(crate) fn tile(
    level: Level,
    tile: &Tile,
    queries: &[TileQuery],
    radius: u32,
    out: &mut Vec<(Pair, u32)>,
) {
    // So that distances and radius are compared as signed numbers.
    let radius = radius.min(144 * 255 * 255);
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    {
        if let Some(avx512) = level.as_avx512() {
            return tile_avx512(avx512, tile, queries, radius, out);
        }
        if let Some(avx2) = level.as_avx2() {
            return tile_avx2(avx2, tile, queries, radius, out);
        }
    }
    dispatch!(level, simd => tile_portable(simd, tile, queries, radius, out));
}

/// The distance of each pair, in the order of `pairs`, appended to `distances`.
///
/// # Panics
///
/// Where a pair names a query or row that is not there.
pub(crate) fn pairs(
    level: Level,
    queries: &[[u8; 144]],
    rows: &[[u8; 144]],
    pairs: &[Pair],
    distances: &mut Vec<u32>,
) {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    {
        if let Some(avx512) = level.as_avx512() {
            return pairs_avx512(avx512, queries, rows, pairs, distances);
        }
        if let Some(avx2) = level.as_avx2() {
            return pairs_avx2(avx2, queries, rows, pairs, distances);
        }
    }
    dispatch!(level, simd => pairs_portable(simd, queries, rows, pairs, distances));
}

#[inline(always)]
fn pairs_portable<S: Simd>(
    _simd: S,
    queries: &[[u8; 144]],
    rows: &[[u8; 144]],
    pairs: &[Pair],
    distances: &mut Vec<u32>,
) {
    distances.extend(pairs.iter().map(|pair| {
        let (query, row) = (&queries[pair.query as usize], &rows[pair.row as usize]);
        let mut sum = 0i32;
        for (&a, &b) in query.iter().zip(row) {
            let difference = i32::from(i16::from(a) - i16::from(b));
            sum += difference * difference;
        }
        sum.cast_unsigned()
    }));
}

kernel!(
    fn pairs_avx2(
        token: Avx2,
        queries: &[[u8; 144]],
        rows: &[[u8; 144]],
        pairs: &[Pair],
        distances: &mut Vec<u32>,
    ) {
        #[cfg(target_arch = "x86")]
        use core::arch::x86::*;
        #[cfg(target_arch = "x86_64")]
        use core::arch::x86_64::*;
        use fearless_simd::{SimdBase as _, u8x16};

        for pair in pairs {
            let (query, row) = (&queries[pair.query as usize], &rows[pair.row as usize]);
            let mut sums = _mm256_setzero_si256();
            for at in (0..144).step_by(16) {
                let a = _mm256_cvtepu8_epi16(u8x16::from_slice(token, &query[at..at + 16]).into());
                let b = _mm256_cvtepu8_epi16(u8x16::from_slice(token, &row[at..at + 16]).into());
                let difference = _mm256_sub_epi16(a, b);
                // Two squares, at most 2·255², in each 32-bit lane.
                sums = _mm256_add_epi32(sums, _mm256_madd_epi16(difference, difference));
            }
            let four = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums));
            let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b01_00_11_10>(four));
            let one = _mm_add_epi32(two, _mm_shuffle_epi32::<0b10_11_00_01>(two));
            distances.push(_mm_cvtsi128_si32(one).cast_unsigned());
        }
    }
);

kernel!(
    fn pairs_avx512(
        token: Avx512,
        queries: &[[u8; 144]],
        rows: &[[u8; 144]],
        pairs: &[Pair],
        distances: &mut Vec<u32>,
    ) {
        #[cfg(target_arch = "x86")]
        use core::arch::x86::*;
        #[cfg(target_arch = "x86_64")]
        use core::arch::x86_64::*;
        use fearless_simd::{SimdBase as _, u8x16, u8x32};

        for pair in pairs {
            let (query, row) = (&queries[pair.query as usize], &rows[pair.row as usize]);
            let wide = |bytes: &[u8; 144], at: usize| {
                _mm512_cvtepu8_epi16(u8x32::from_slice(token, &bytes[at..at + 32]).into())
            };
            // 144 bytes are four times 32 and 16 more, whose upper lanes are zero.
            let last =
                |bytes: &[u8; 144]| _mm256_cvtepu8_epi16(u8x16::from_slice(token, &bytes[128..144]).into());
            let rest = _mm512_zextsi256_si512(_mm256_sub_epi16(last(query), last(row)));
            let mut sums = _mm512_madd_epi16(rest, rest);
            for at in [0, 32, 64, 96] {
                let difference = _mm512_sub_epi16(wide(query, at), wide(row, at));
                sums = _mm512_dpwssd_epi32(sums, difference, difference);
            }
            distances.push(_mm512_reduce_add_epi32(sums).cast_unsigned());
        }
    }
);

/// Appends the distances whose bit of `mask` is set.
#[inline(always)]
fn append(mut mask: u32, query: usize, row: u32, distances: &[u32], out: &mut Vec<(Pair, u32)>) {
    while mask != 0 {
        let lane = mask.trailing_zeros();
        out.push((Pair { query: query as u32, row: row + lane }, distances[lane as usize]));
        mask &= mask - 1;
    }
}

#[inline(always)]
fn tile_portable<S: Simd>(
    _simd: S,
    tile: &Tile,
    queries: &[TileQuery],
    radius: u32,
    out: &mut Vec<(Pair, u32)>,
) {
    // Widened once: four rows of 16 entries per group.
    let mut wide = [[[0i32; TILE]; 4]; GROUPS];
    for (rows, group) in wide.iter_mut().zip(&tile.groups) {
        for (lane, bytes) in group.as_chunks::<4>().0.iter().enumerate() {
            for (row, &byte) in rows.iter_mut().zip(bytes) {
                row[lane] = i32::from(byte);
            }
        }
    }
    for (number, query) in queries.iter().enumerate() {
        let mut products = [0i32; TILE];
        for (rows, &[even, odd]) in wide.iter().zip(&query.halves) {
            let values = [even & 0xffff, odd & 0xffff, even >> 16, odd >> 16];
            for (row, value) in rows.iter().zip(values) {
                for (product, &known) in products.iter_mut().zip(row) {
                    *product += known * value;
                }
            }
        }
        let distances: [u32; TILE] = std::array::from_fn(|lane| {
            (tile.squares[lane] + query.square - 2 * products[lane]).cast_unsigned()
        });
        let near = |mask, (lane, distance): (usize, &u32)| mask | u32::from(*distance <= radius) << lane;
        append(distances.iter().enumerate().fold(0, near), number, 0, &distances, out);
    }
}

kernel!(
    fn tile_avx2(token: Avx2, tile: &Tile, queries: &[TileQuery], radius: u32, out: &mut Vec<(Pair, u32)>) {
        #[cfg(target_arch = "x86")]
        use core::arch::x86::*;
        #[cfg(target_arch = "x86_64")]
        use core::arch::x86_64::*;
        use fearless_simd::{SimdBase as _, SimdInto as _, i32x8, u8x32, u32x8};

        let (bytes, zero) = (_mm256_set1_epi16(0xff), _mm256_setzero_si256());
        let limit = _mm256_set1_epi32(radius as i32);
        // Of eight entries, and of the other eight: bytes 0 and 2 of each group as 16-bit numbers, and bytes 1 and 3.
        let wide: [[__m256i; 4]; GROUPS] = std::array::from_fn(|g| {
            let eight =
                |at: usize| -> __m256i { u8x32::from_slice(token, &tile.groups[g][at..at + 32]).into() };
            let (left, right) = (eight(0), eight(32));
            let (even, odd) = (|both| _mm256_and_si256(both, bytes), |both| _mm256_srli_epi16::<8>(both));
            [even(left), odd(left), even(right), odd(right)]
        });
        // Two registers of sums per query: what is loaded of a query meets sixteen entries, of an entry all queries of a block. That is
        // twelve loads to sixteen products; eight entries at a time took ten loads to eight.
        let step = |g: usize, [left, right]: [__m256i; 2], query: &TileQuery| {
            let known = &wide[g];
            let [even, odd] = query.halves[g].map(|word| _mm256_set1_epi32(word));
            let add = |sum, known, own| _mm256_add_epi32(sum, _mm256_madd_epi16(known, own));
            [add(add(left, known[0], even), known[1], odd), add(add(right, known[2], even), known[3], odd)]
        };
        let mut finish = |sums: [__m256i; 2], number: usize| {
            for (half, sums) in sums.into_iter().enumerate() {
                let squares: __m256i = i32x8::from_slice(token, &tile.squares[8 * half..8 * half + 8]).into();
                let base = _mm256_add_epi32(squares, _mm256_set1_epi32(queries[number].square));
                let distance = _mm256_sub_epi32(base, _mm256_slli_epi32::<1>(sums));
                let far = _mm256_castsi256_ps(_mm256_cmpgt_epi32(distance, limit));
                let mask = !(_mm256_movemask_ps(far) as u32) & 0xff;
                if mask != 0 {
                    let distance: u32x8<_> = distance.simd_into(token);
                    let mut lanes = [0; 8];
                    distance.store_slice(&mut lanes);
                    append(mask, number, 8 * half as u32, &lanes, out);
                }
            }
        };
        let (fours, rest) = queries.as_chunks::<4>();
        for (block, four) in fours.iter().enumerate() {
            let mut sums = [[zero; 2]; 4];
            for g in 0..GROUPS {
                // As four values, since a loop over the array leaves them in memory.
                let [a, b, c, d] = sums;
                sums =
                    [step(g, a, &four[0]), step(g, b, &four[1]), step(g, c, &four[2]), step(g, d, &four[3])];
            }
            for (k, sums) in sums.into_iter().enumerate() {
                finish(sums, 4 * block + k);
            }
        }
        for (k, query) in rest.iter().enumerate() {
            let sums = (0..GROUPS).fold([zero; 2], |sums, g| step(g, sums, query));
            finish(sums, 4 * fours.len() + k);
        }
    }
);

kernel!(
    fn tile_avx512(
        token: Avx512,
        tile: &Tile,
        queries: &[TileQuery],
        radius: u32,
        out: &mut Vec<(Pair, u32)>,
    ) {
        #[cfg(target_arch = "x86")]
        use core::arch::x86::*;
        #[cfg(target_arch = "x86_64")]
        use core::arch::x86_64::*;
        use fearless_simd::{SimdBase as _, SimdInto as _, i32x16, u8x64, u32x16};

        // d² = |a|² + |q|² − 2·(a·(q − 128) + 128·Σa), the entry's share being `shifted`.
        let shifted: __m512i = i32x16::from_slice(token, &tile.shifted).into();
        let limit = _mm512_set1_epi32(radius as i32);
        let mut finish = |sums: __m512i, number: usize| {
            let base = _mm512_add_epi32(shifted, _mm512_set1_epi32(queries[number].square));
            let distance = _mm512_sub_epi32(base, _mm512_slli_epi32::<1>(sums));
            let mask = _mm512_cmple_epi32_mask(distance, limit);
            if mask != 0 {
                let distance: u32x16<_> = distance.simd_into(token);
                let mut lanes = [0; TILE];
                distance.store_slice(&mut lanes);
                append(u32::from(mask), number, 0, &lanes, out);
            }
        };
        let (blocks, rest) = queries.as_chunks::<12>();
        for (number, block) in blocks.iter().enumerate() {
            let mut sums = [_mm512_setzero_si512(); 12];
            for g in 0..GROUPS {
                let known: __m512i = u8x64::from_slice(token, &tile.groups[g]).into();
                for (sum, query) in sums.iter_mut().zip(block) {
                    *sum = _mm512_dpbusd_epi32(*sum, known, _mm512_set1_epi32(query.signed[g]));
                }
            }
            for (k, sum) in sums.into_iter().enumerate() {
                finish(sum, 12 * number + k);
            }
        }
        for (k, query) in rest.iter().enumerate() {
            let mut sum = _mm512_setzero_si512();
            for g in 0..GROUPS {
                let known: __m512i = u8x64::from_slice(token, &tile.groups[g]).into();
                sum = _mm512_dpbusd_epi32(sum, known, _mm512_set1_epi32(query.signed[g]));
            }
            finish(sum, 12 * blocks.len() + k);
        }
    }
);

#[cfg(test)]
mod tests {
    use super::super::{Random, levels, naive};
    use super::*;

    /// Random rows, with rows of all 0 and all 255 among them.
    fn rows(random: &mut Random, count: usize) -> Vec<[u8; 144]> {
        (0..count)
            .map(|n| match n % 5 {
                0 => [0; 144],
                1 => [255; 144],
                _ => random.bytes(),
            })
            .collect()
    }

    #[test]
    fn pairs_equal_the_definition_at_every_level() {
        let mut random = Random(3);
        let (queries, known) = (rows(&mut random, 23), rows(&mut random, 41));
        let all: Vec<Pair> = (0..23).flat_map(|query| (0..41).map(move |row| Pair { query, row })).collect();
        let mut compared = 0;
        for level in levels() {
            for count in [0, 1, 2, all.len()] {
                let mut distances = vec![7];
                pairs(level, &queries, &known, &all[..count], &mut distances);
                assert_eq!((distances.remove(0), distances.len()), (7, count));
                for (pair, distance) in all.iter().zip(distances) {
                    let expected = naive::squares(&queries[pair.query as usize], &known[pair.row as usize]);
                    assert_eq!(distance, expected, "{level:?} {pair:?}");
                    compared += 1;
                }
            }
        }
        assert!(compared >= 900, "{compared} compared");
    }

    #[test]
    fn tiles_equal_the_definition_at_every_level_and_length() {
        let mut random = Random(4);
        let (mut compared, mut within) = (0, 0);
        for level in levels() {
            for count in 0..30 {
                for entries in [0, 1, 7, 15, 16] {
                    let (queries, known) = (rows(&mut random, count), rows(&mut random, entries));
                    let prepared: Vec<TileQuery> = queries.iter().map(TileQuery::new).collect();
                    for radius in [0, 1_500_000, 9_363_599, 9_363_600, u32::MAX] {
                        let mut found = vec![(Pair { query: 0, row: 0 }, 77)];
                        tile(level, &Tile::new(&known), &prepared, radius, &mut found);
                        assert_eq!(found.remove(0).1, 77, "what was there stays");
                        found.sort_unstable();
                        let mut expected = Vec::new();
                        for (query, own) in queries.iter().enumerate() {
                            for lane in 0..TILE {
                                let row = known.get(lane).unwrap_or(&[0; 144]);
                                let distance = naive::squares(own, row);
                                let pair = Pair { query: query as u32, row: lane as u32 };
                                compared += 1;
                                if distance <= radius {
                                    expected.push((pair, distance));
                                }
                            }
                        }
                        within += expected.len();
                        assert_eq!(found, expected, "{level:?}, radius {radius}");
                    }
                }
            }
        }
        assert!(compared >= 30_000 && within > compared / 4 && within < compared, "{within} of {compared}");
    }
}

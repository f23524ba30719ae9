//! How PDQ signatures are searched: by the multi-index, or by looking at every row. Both are exact; this chooses the faster one.

use fearless_simd::Level;

use super::multi_index::MultiIndex;

// Costs in nanoseconds of CPU time, measured by `cargo bench --bench match -- ways` on 20 thousand to a million rows (see
// benches/results).

/// A value looked up in a word's table.
const LOOK_UP: f64 = 13.0;
/// A row met there.
const MEET: f64 = 2.4;
/// A pair where every row is looked at, with AVX-512 and with less.
const PAIR: [f64; 2] = [0.095, 0.34];
/// A row brought in from memory and made ready, once for all queries of a set.
const ROW: f64 = 1.2;

/// Signatures in a set: 44 bytes each for the scan of small integers.
pub(super) const SET: usize = 512;

/// Nanoseconds per query by the index.
pub(super) fn index_cost(index: &MultiIndex<'_>, radius: u32) -> f64 {
    let (values, met) = index.work(radius);
    LOOK_UP * values + MEET * met
}

/// Nanoseconds per query by every row, where `queries` are looked up together.
pub(super) fn every_row_cost(level: Level, rows: usize, queries: usize) -> f64 {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    let pair = PAIR[usize::from(level.as_avx512().is_none())];
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
    let pair = {
        _ = level;
        PAIR[1]
    };
    rows as f64 * (pair + ROW / queries.clamp(1, SET) as f64)
}

/// Whether the index is the faster way for so many queries at this radius: at radius 31 for single queries wherever there is one, for
/// batches from some 50,000 rows on; not at radii much wider.
pub(super) fn index_pays(
    level: Level,
    index: &MultiIndex<'_>,
    rows: usize,
    queries: usize,
    radius: u32,
) -> bool {
    index_cost(index, radius) < every_row_cost(level, rows, queries)
}

//! How PDQ signatures are searched: by the multi-index, or by looking at every row. Both are exact; this is about which
//! is the faster.

use std::cell::RefCell;

use fearless_simd::Level;

use super::range::{self, PdqWork};
use super::words::{self, Words};
use crate::error::{Error, Result};

// Costs in nanoseconds of processor time, measured by `cargo bench --bench match -- ways` on 20 thousand to a million rows (see
// benches/results).

/// A value looked up in a word's table.
const LOOK_UP: f64 = 13.0;
/// A row met there.
const MEET: f64 = 2.4;
/// A pair where every row is looked at, with AVX-512 and with less.
const PAIR: [f64; 2] = [0.095, 0.34];
/// A row brought in from memory and made ready, once for all queries of a set.
const ROW: f64 = 1.2;

/// Nanoseconds a query by the index.
fn index_cost(words: &Words<'_>, radius: u32) -> f64 {
    let (values, met) = words.work(radius);
    LOOK_UP * values + MEET * met
}

/// Nanoseconds a query by every row, where `queries` are looked up together.
fn every_row_cost(level: Level, rows: usize, queries: usize) -> f64 {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    let pair = PAIR[usize::from(level.as_avx512().is_none())];
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
    let pair = {
        _ = level;
        PAIR[1]
    };
    rows as f64 * (pair + ROW / queries.clamp(1, range::SET) as f64)
}

/// Whether the index is the faster way for so many queries at this radius: at radius 31 for single queries wherever there is one, for
/// batches from some 50,000 rows on; not at radii much wider.
pub(super) fn index_pays(level: Level, words: &Words<'_>, rows: usize, queries: usize, radius: u32) -> bool {
    index_cost(words, radius) < every_row_cost(level, rows, queries)
}

/// Both ways, one at a time: for benchmarks.
#[doc(hidden)]
#[derive(Debug)]
pub struct PdqWays<'a> {
    rows: &'a [[u8; 32]],
    index: Vec<u8>,
    work: RefCell<PdqWork>,
}

impl<'a> PdqWays<'a> {
    /// Builds the index.
    ///
    /// # Errors
    ///
    /// Only where memory ends.
    pub fn new(rows: &'a [[u8; 32]]) -> Result<PdqWays<'a>> {
        let mut index = Vec::with_capacity(words::byte_length(rows.len()));
        words::build(rows, |part| {
            index.extend_from_slice(part);
            Ok(())
        })
        .map_err(|error| Error::io("cannot build the index", error))?;
        Ok(PdqWays { rows, index, work: RefCell::default() })
    }

    fn words(&self) -> Option<Words<'_>> {
        Words::new(&self.index, self.rows)
    }

    /// The number of matches, found by the index.
    pub fn by_index(&self, queries: &[[u8; 32]], radius: u32) -> usize {
        let mut matches = 0;
        if let Some(words) = self.words() {
            range::look_up(
                Level::new(),
                &words,
                self.work.borrow_mut().with(queries),
                0,
                radius,
                &mut |_, _, _| matches += 1,
            );
        }
        matches
    }

    /// The number of matches, found among all rows.
    pub fn by_every_row(&self, queries: &[[u8; 32]], radius: u32) -> usize {
        let mut matches = 0;
        range::every_row(
            Level::new(),
            self.rows,
            self.work.borrow_mut().with(queries),
            0,
            radius,
            &mut |_, _, distance| {
                matches += usize::from(distance <= radius);
            },
        );
        matches
    }

    /// How many values a query looks up, and how many rows it meets there.
    pub fn index_work(&self, radius: u32) -> (f64, f64) {
        self.words().map_or((0.0, 0.0), |words| words.work(radius))
    }

    /// What is expected by the index, in nanoseconds a query.
    pub fn index_cost(&self, radius: u32) -> f64 {
        self.words().map_or(f64::INFINITY, |words| index_cost(&words, radius))
    }

    /// What is expected by every row, in nanoseconds a query of so many together.
    pub fn every_row_cost(&self, queries: usize) -> f64 {
        every_row_cost(Level::new(), self.rows.len(), queries)
    }
}

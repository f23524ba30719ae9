//! Both methods of searching PDQ signatures, one at a time: for benchmarks.

use std::cell::RefCell;

use fearless_simd::Level;

use super::cost_model::{every_row_cost, index_cost};
use super::multi_index::{self, MultiIndex};
use super::range::{self, PdqWork};
use crate::error::{Error, Result};

/// Both methods, one at a time: for benchmarks.
#[doc(hidden)]
#[derive(Debug)]
pub struct PdqMethods<'a> {
    rows: &'a [[u8; 32]],
    index: Vec<u8>,
    work: RefCell<PdqWork>,
}

impl<'a> PdqMethods<'a> {
    /// Builds the index.
    ///
    /// # Errors
    ///
    /// Only where memory ends.
    pub fn new(rows: &'a [[u8; 32]]) -> Result<PdqMethods<'a>> {
        let mut index = Vec::with_capacity(multi_index::byte_length(rows.len()));
        multi_index::build(rows, |part| {
            index.extend_from_slice(part);
            Ok(())
        })
        .map_err(|error| Error::io("cannot build the index", error))?;
        Ok(PdqMethods { rows, index, work: RefCell::default() })
    }

    fn index(&self) -> Option<MultiIndex<'_>> {
        MultiIndex::new(&self.index, self.rows)
    }

    /// The number of matches, found by the index.
    pub fn by_index(&self, queries: &[[u8; 32]], radius: u32) -> usize {
        let mut matches = 0;
        if let Some(index) = self.index() {
            range::look_up(
                Level::new(),
                &index,
                self.work.borrow_mut().with(queries),
                0..queries.len(),
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
            0..queries.len(),
            radius,
            &mut |_, _, distance| {
                matches += usize::from(distance <= radius);
            },
        );
        matches
    }

    /// How many values a query looks up, and how many rows it meets there.
    pub fn index_work(&self, radius: u32) -> (f64, f64) {
        self.index().map_or((0.0, 0.0), |index| index.work(radius))
    }

    /// What is expected by the index, in nanoseconds per query.
    pub fn index_cost(&self, radius: u32) -> f64 {
        self.index().map_or(f64::INFINITY, |index| index_cost(&index, radius))
    }

    /// What is expected by every row, in nanoseconds per query of so many together.
    pub fn every_row_cost(&self, queries: usize) -> f64 {
        every_row_cost(Level::new(), self.rows.len(), queries)
    }
}

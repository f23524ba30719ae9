//! Runs of rows whose weights are linear, so that rows are summed first and weighted once.
//!
//! If in rows `a .. a+m` the weight of every line is `α + β·k` (`k` counted from `a`), then what those rows add to a line is
//! `α·Σ p_k + β·Σ k·p_k`, and the two sums serve every line. A box is constant but at its edges and a tent is linear but at
//! its three corners, so a picture of a thousand rows has some three hundred runs; any two rows make one. The
//! identity is exact, and modulo 2³² it holds for every intermediate value.
//!
//! What the kernel gets without a multiplication is not `Σ k·p_k` but the sum of the running sums, `Σ (m−k)·p_k`. In these terms
//! the run adds `(α + β·m)·Σ p_k − β·Σ (m−k)·p_k`: [`Term::level`] and [`Term::rising`].
//!
//! A line whose weights stay the same over several runs, as a box's do between its edges, is left alone there: `c·Σp` over
//! these runs is `c` times what all rows so far sum to after them, less `c` times the same before them ([`Term::before`]). So
//! a box is touched at its two edges, whatever its height.
//!
//! The runs come from the tables alone: row `y` is a *kink* where some line's weights `w(y−1), w(y), w(y+1)` (0 outside
//! its span) are not evenly spaced, and a run of three rows or more has no kink inside.

use std::ops::Range;

use super::weights::Weights;

/// Most rows in a run: with bytes, `Σ (m−k)·p_k ≤ 255·m·(m+1)/2` fits 16 bits up to 22.
pub(crate) const MAX_ROWS: usize = 22;

/// What one run of rows adds to one line: `rising·Σ(m−k)·p_k + level·Σp_k + before·P`, modulo 2³², where `P` is the sum
/// of all rows above the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Term {
    /// Index of the accumulator, one per active line, counted from 1: slot 0 sums all rows so far.
    pub(crate) slot: u32,
    /// Factor of the plain sum: `α + β·m`.
    pub(crate) level: u32,
    /// Factor of the sum of running sums: `−β`.
    pub(crate) rising: u32,
    /// Factor of the sum of all rows above the run: `c` after a stretch of runs of constant weight `c`, `−c` before it.
    pub(crate) before: u32,
}

/// A run of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// The rows.
    pub(crate) rows: Range<usize>,
    /// Which of [`Blocks::terms`] they add to.
    pub(crate) terms: Range<usize>,
    /// Which of [`Blocks::finished`] have their last row here.
    pub(crate) finished: Range<usize>,
}

/// A line whose rows are all summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Finished {
    /// Which table it belongs to.
    pub(crate) table: usize,
    /// Which of the table's lines it is.
    pub(crate) line: usize,
    /// Where its sums are; free for another line afterwards.
    pub(crate) slot: u32,
}

/// The rows of a plane in order, as runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Blocks {
    blocks: Vec<Block>,
    terms: Vec<Term>,
    finished: Vec<Finished>,
    slots: usize,
}

/// A line under way.
struct Active {
    table: usize,
    line: usize,
    slot: u32,
    /// Whether the run before this one added to it.
    touched: bool,
    /// The constant weight of the stretch that is being left out.
    stretch: Option<u32>,
}

impl Active {
    /// The weight of the first of `rows` and what it grows by from row to row.
    fn linear(&self, rows: &Range<usize>, tables: &[&Weights]) -> (u32, u32) {
        let weight = |row| tables[self.table].at(self.line, row);
        let first = weight(rows.start);
        let slope = if rows.len() > 1 { weight(rows.start + 1).wrapping_sub(first) } else { 0 };
        (first, slope)
    }
}

impl Blocks {
    /// The runs of `rows` rows for the lines of all `tables`.
    pub(crate) fn new(rows: usize, tables: &[&Weights]) -> Blocks {
        let kinks = kinks(rows, tables);
        let mut waiting = lines_by_start(tables);
        let mut active: Vec<Active> = Vec::new();
        let mut free: Vec<u32> = Vec::new();
        // Slot 0 sums all rows.
        let mut blocks = Blocks { slots: 1, ..Blocks::default() };
        let mut start = 0;
        while start < rows && !(waiting.is_empty() && active.is_empty()) {
            let run = start..run_end(start, &kinks);
            // A line may begin at the run's second row. Its weight on the first is 0, and the run is linear for it as for the others.
            while let Some(&(first, table, line)) = waiting.last().filter(|(first, ..)| *first < run.end) {
                debug_assert!(first >= run.start);
                waiting.pop();
                let slot = free.pop().unwrap_or_else(|| {
                    blocks.slots += 1;
                    blocks.slots as u32 - 1
                });
                active.push(Active { table, line, slot, touched: false, stretch: None });
            }
            let next = run.end..run_end(run.end, &kinks);
            blocks.push(run.clone(), &next, &mut active, tables);
            active.retain(|active| {
                let done = tables[active.table].span(active.line).end <= run.end;
                if done {
                    free.push(active.slot);
                }
                !done
            });
            start = run.end;
        }
        blocks
    }

    /// The runs, top to bottom; rows that no line counts may be missing at the end.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Block> {
        self.blocks.iter()
    }

    /// What `block` adds to which accumulators.
    pub(crate) fn terms(&self, block: &Block) -> &[Term] {
        &self.terms[block.terms.clone()]
    }

    /// The lines that end with `block`.
    pub(crate) fn finished(&self, block: &Block) -> &[Finished] {
        &self.finished[block.finished.clone()]
    }

    /// Accumulators that are in use at the same time at most, the one for all rows among them.
    pub(crate) fn slots(&self) -> usize {
        self.slots
    }

    fn push(&mut self, rows: Range<usize>, next: &Range<usize>, active: &mut [Active], tables: &[&Weights]) {
        let above = self.blocks.last().map_or(0..0, |block| block.terms.clone());
        let (terms, finished) = (self.terms.len(), self.finished.len());
        for active in active {
            let last = tables[active.table].span(active.line).end <= rows.end;
            let (weight, slope) = active.linear(&rows, tables);
            let stays = slope == 0 && !last;
            if stays && active.stretch == Some(weight) {
                continue;
            }
            // A stretch costs a term where it begins and one where it ends, so a single run is not worth one.
            if stays && active.stretch.is_none() && active.linear(next, tables) == (weight, 0) {
                self.begin_stretch(active, weight, above.clone());
                continue;
            }
            let level = weight.wrapping_add(slope.wrapping_mul(rows.len() as u32));
            let before = active.stretch.take().unwrap_or(0);
            active.touched = true;
            self.terms.push(Term { slot: active.slot, level, rising: slope.wrapping_neg(), before });
            if last {
                self.finished.push(Finished { table: active.table, line: active.line, slot: active.slot });
            }
        }
        self.blocks.push(Block {
            rows,
            terms: terms..self.terms.len(),
            finished: finished..self.finished.len(),
        });
    }

    /// Leaves a line alone from here on: takes `weight` times all rows above, in the run above where that added to the line anyway.
    fn begin_stretch(&mut self, active: &mut Active, weight: u32, above: Range<usize>) {
        active.stretch = Some(weight);
        let before = weight.wrapping_neg();
        let above = self.terms[above].iter_mut().find(|term| active.touched && term.slot == active.slot);
        match above {
            // The rows above the next run are those above this one and those in it.
            Some(term) => {
                term.level = term.level.wrapping_add(before);
                term.before = term.before.wrapping_add(before);
            }
            None => self.terms.push(Term { slot: active.slot, level: 0, rising: 0, before }),
        }
        active.touched = false;
    }
}

/// Every line with something to sum as (first row, table, line), the topmost last.
fn lines_by_start(tables: &[&Weights]) -> Vec<(usize, usize, usize)> {
    let mut lines = Vec::new();
    for (table, weights) in tables.iter().enumerate() {
        let spans = (0..weights.len()).map(|line| (weights.span(line), line));
        lines
            .extend(spans.filter(|(span, _)| !span.is_empty()).map(|(span, line)| (span.start, table, line)));
    }
    lines.sort_unstable_by(|a, b| b.cmp(a));
    lines
}

/// Whether some line's weights around each row are unevenly spaced.
fn kinks(rows: usize, tables: &[&Weights]) -> Vec<bool> {
    // One row more at either end, where windows that reach the border begin and end.
    let mut kinks = vec![false; rows + 2];
    for weights in tables {
        for line in 0..weights.len() {
            let (mut before, mut here) = (0u32, 0u32);
            let around = kinks[weights.span(line).start..].iter_mut();
            for (kink, &after) in around.zip(weights.values(line).iter().chain(&[0, 0])) {
                // Differences modulo 2³²: a falling slope is a large number, and only whether both are equal counts.
                *kink |= here.wrapping_sub(before) != after.wrapping_sub(here);
                (before, here) = (here, after);
            }
        }
    }
    kinks.pop();
    kinks.remove(0);
    kinks
}

/// One past the last row of the run that starts at `start`.
fn run_end(start: usize, kinks: &[bool]) -> usize {
    let longest = kinks.len().min(start + MAX_ROWS);
    // Two rows are linear whatever stands at them. A further one makes the row before it an inner one, which must be no kink.
    let mut end = (start + 2).min(longest);
    while end < longest && !kinks[end - 1] {
        end += 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::weights::{RADII, boxes, tents, tents_512};

    /// Whatever the runs say each row weighs is what the tables say.
    #[test]
    fn runs_carry_the_tables_weights() {
        let mut rows_checked = 0;
        for n in [5u32, 6, 7, 28, 63, 64, 65, 127, 129, 200, 640, 641, 1004, 3000] {
            for cell in [1, 2, 8, 16] {
                let tables: Vec<Weights> = RADII
                    .map(|radius| boxes(n, radius, 16))
                    .into_iter()
                    .chain([tents(n), tents_512(n)])
                    .map(|table| table.gathered(cell))
                    .collect();
                let tables: Vec<&Weights> = tables.iter().collect();
                rows_checked += check(n.div_ceil(cell) as usize, &tables);
            }
        }
        assert!(rows_checked > 9000, "{rows_checked}");
    }

    fn check(rows: usize, tables: &[&Weights]) -> usize {
        let blocks = Blocks::new(rows, tables);
        let mut slots: Vec<Vec<u32>> = vec![vec![0; rows]; blocks.slots()];
        let mut finished = 0;
        let mut next = 0;
        for block in blocks.iter() {
            assert_eq!(block.rows.start, next);
            next = block.rows.end;
            let m = block.rows.len();
            assert!((1..=MAX_ROWS).contains(&m));
            for term in blocks.terms(block) {
                let weights = &mut slots[term.slot as usize];
                weights[..block.rows.start].iter_mut().for_each(|w| *w = w.wrapping_add(term.before));
                for (k, row) in block.rows.clone().enumerate() {
                    let weight = term.level.wrapping_add(term.rising.wrapping_mul((m - k) as u32));
                    weights[row] = weights[row].wrapping_add(weight);
                }
            }
            for done in blocks.finished(block) {
                let weights = std::mem::replace(&mut slots[done.slot as usize], vec![0; rows]);
                for (row, weight) in weights.into_iter().enumerate() {
                    assert_eq!(weight, tables[done.table].at(done.line, row), "{done:?} row {row}");
                }
                finished += 1;
            }
        }
        let lines = tables.iter().flat_map(|table| (0..table.len()).map(|line| table.span(line)));
        assert_eq!(finished, lines.filter(|span| !span.is_empty()).count());
        next
    }

    #[test]
    fn runs_are_long_where_weights_are_simple() {
        let blocks = Blocks::new(6000, &[&boxes(6000, 2, 14), &tents(6000)]);
        let count = blocks.iter().count();
        assert!(count < 6000 / 8, "{count} runs for 6,000 rows");
    }
}

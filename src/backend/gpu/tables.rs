//! A layout's tables as words, for the shader `reduce`.

use crate::backend::layout::{Layout, Reduction, Windows};
use crate::kernel::weights::Weights;

/// Most rows in a run whose weights change: `Σ (m−k)·p_k ≤ 255·m·(m+1)/2` fits 16 bits.
const SLOPED_ROWS: usize = 22;
/// Most rows in a run whose weights are equal: `255·m` fits 16 bits.
const LEVEL_ROWS: usize = 257;

/// The tables of one shape, ready to be copied to a device.
#[derive(Debug)]
pub(super) struct Tables {
    pub(super) layout: Layout,
    pub(super) words: Vec<u32>,
    /// For pixels or for luma.
    pub(super) luma: Vec<Table>,
    /// For the colour plane of a coarse picture; else empty.
    pub(super) colour: Vec<Table>,
}

/// Where one grid's records are in [`Tables::words`], and what they say of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table {
    pub(super) lines: u32,
    pub(super) columns: u32,
    pub(super) line_records: u32,
    pub(super) column_records: u32,
    pub(super) mix: [u32; 3],
}

impl Table {
    /// Grid points.
    pub(super) fn points(&self) -> u32 {
        self.lines * self.columns
    }
}

impl Tables {
    pub(super) fn new(layout: Layout) -> Tables {
        let mut words = Vec::new();
        let mut pack = |reduction: Reduction| -> Vec<Table> {
            reduction.windows.iter().map(|windows| pack(&mut words, windows)).collect()
        };
        let luma = pack(layout.luma());
        let colour = layout.colour().map(pack).unwrap_or_default();
        Tables { luma, colour, words, layout }
    }

    /// All grids of one picture.
    pub(super) fn all(&self) -> impl Iterator<Item = &Table> {
        self.luma.iter().chain(&self.colour)
    }
}

fn pack(words: &mut Vec<u32>, (rows, columns, mix): &Windows) -> Table {
    let at = |index| mix.get(index).copied().unwrap_or(0);
    Table {
        lines: rows.len() as u32,
        columns: columns.len() as u32,
        line_records: pack_rows(words, rows),
        column_records: pack_columns(words, columns),
        mix: [at(0), at(1), at(2)],
    }
}

/// Appends the rows' records and their runs; where the records begin.
fn pack_rows(words: &mut Vec<u32>, rows: &Weights) -> u32 {
    let records = words.len();
    words.resize(records + 4 * rows.len(), 0);
    for line in 0..rows.len() {
        let first = words.len();
        let first_row = rows.span(line).start;
        for run in runs(rows.values(line)) {
            words.extend([first_row as u32 + run.first, run.rows, run.level, run.rising]);
        }
        let record = [first as u32, ((words.len() - first) / 4) as u32, rows.sum(line) as u32, 0];
        words[records + 4 * line..][..4].copy_from_slice(&record);
    }
    records as u32
}

/// Appends the columns' records and their weights; where the records begin.
fn pack_columns(words: &mut Vec<u32>, columns: &Weights) -> u32 {
    let records = words.len();
    words.resize(records + 4 * columns.len(), 0);
    for line in 0..columns.len() {
        let (span, first) = (columns.span(line), words.len());
        words.extend(columns.values(line));
        let record = [span.start as u32, span.len() as u32, first as u32, columns.sum(line) as u32];
        words[records + 4 * line..][..4].copy_from_slice(&record);
    }
    records as u32
}

/// Rows whose weights are evenly spaced; see [`blocks`](crate::kernel::blocks) for what `level` and `rising` are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    first: u32,
    rows: u32,
    level: u32,
    rising: u32,
}

/// The runs of one line's weights, each as long as it can be.
fn runs(weights: &[u32]) -> impl Iterator<Item = Run> {
    let mut first = 0;
    std::iter::from_fn(move || {
        let rest = weights.get(first..).filter(|rest| !rest.is_empty())?;
        let slope = rest.get(1).map_or(0, |second| second.wrapping_sub(rest[0]));
        let most = if slope == 0 { LEVEL_ROWS } else { SLOPED_ROWS };
        // No kinks of other lines here: a workgroup has one line, so each line is cut where it alone bends.
        let even = rest.windows(2).take_while(|pair| pair[1].wrapping_sub(pair[0]) == slope).count() + 1;
        let rows = even.min(most);
        let level = rest[0].wrapping_add(slope.wrapping_mul(rows as u32));
        let run = Run { first: first as u32, rows: rows as u32, level, rising: slope.wrapping_neg() };
        first += rows;
        Some(run)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::weights::{boxes, tents, tents_512};

    #[test]
    fn runs_carry_the_weights() {
        let mut compared = 0;
        for n in [5u32, 28, 63, 129, 640, 1004, 12_000] {
            for cell in [1, 8, 16] {
                let tables = [boxes(n, 2, 13), boxes(n, 8, 13), tents(n), tents_512(n)];
                for table in tables.map(|table| table.gathered(cell)) {
                    for line in 0..table.len() {
                        compared += check(table.values(line));
                    }
                }
            }
        }
        assert!(compared > 50_000, "{compared}");
    }

    fn check(weights: &[u32]) -> usize {
        let mut next = 0;
        for run in runs(weights) {
            assert_eq!(run.first, next);
            assert!(run.rows as usize <= if run.rising == 0 { LEVEL_ROWS } else { SLOPED_ROWS });
            for k in 0..run.rows {
                let weight = run.level.wrapping_add(run.rising.wrapping_mul(run.rows - k));
                assert_eq!(weight, weights[(next + k) as usize]);
            }
            next += run.rows;
        }
        assert_eq!(next as usize, weights.len());
        weights.len()
    }

    #[test]
    fn wide_windows_have_few_runs() {
        let most = |table: &Weights| (0..table.len()).map(|line| runs(table.values(line)).count()).max();
        assert!(most(&boxes(4000, 8, 15)) <= Some(3));
        assert!(most(&tents(1280)) <= Some(5));
    }
}

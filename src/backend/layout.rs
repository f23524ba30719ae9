//! How a picture of one shape is reduced: the windows of every grid and the units of what comes out.
//!
//! Every backend starts here, so that they differ in how they sum and in nothing else.

use crate::kernel::dct::Scale;
use crate::kernel::weights::{RADII, Weights, box_bits, boxes, tents, tents_512};
use crate::picture::{COARSE_UNIT, COARSE_ZERO, Picture, Plane, Planes};
use crate::signature::Algorithm;

/// What tables depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) samples: Samples,
}

impl Shape {
    pub(crate) fn of(picture: &Picture) -> Shape {
        Shape { width: picture.width, height: picture.height, samples: Samples::of(&picture.planes) }
    }
}

/// The kinds of planes, with their cells (width, height).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Samples {
    Rgb,
    Grey,
    Coarse { luma: (u32, u32), colour: Option<(u32, u32)> },
}

impl Samples {
    fn of(planes: &Planes) -> Samples {
        let cell = |plane: &Plane<u16>| (plane.cell_width, plane.cell_height);
        match planes {
            Planes::Rgb(_) => Samples::Rgb,
            Planes::Grey(_) => Samples::Grey,
            Planes::Coarse { luma, colour } => {
                Samples::Coarse { luma: cell(luma), colour: colour.as_ref().map(cell) }
            }
        }
    }

    fn luma_cell(self) -> (u32, u32) {
        match self {
            Samples::Rgb | Samples::Grey => (1, 1),
            Samples::Coarse { luma, .. } => luma,
        }
    }

    /// What each interleaved byte counts towards `R+G+B`, or towards luma where the picture is coarse.
    fn sum_mix(self) -> &'static [u32] {
        match self {
            Samples::Rgb => &[1, 1, 1],
            Samples::Grey => &[3],
            Samples::Coarse { .. } => WORD,
        }
    }

    /// What each interleaved byte counts towards PDQ's luma, in units of 1/[`luma_unit`](Samples::luma_unit) grey level.
    fn luma_mix(self) -> &'static [u32] {
        match self {
            Samples::Rgb => &[299, 587, 114],
            Samples::Grey => &[1000],
            Samples::Coarse { .. } => WORD,
        }
    }

    fn luma_unit(self) -> u64 {
        match self {
            Samples::Rgb | Samples::Grey => 1000,
            Samples::Coarse { .. } => COARSE_UNIT.into(),
        }
    }

    /// The largest magnitude of luma, in its units.
    fn luma_peak(self) -> u64 {
        match self {
            Samples::Rgb | Samples::Grey => 255_000,
            Samples::Coarse { .. } => COARSE_ZERO.into(),
        }
    }

    /// The largest magnitude of `R+G+B`, in its units.
    fn sum_peak(self) -> u128 {
        match self {
            Samples::Rgb | Samples::Grey => 765,
            // Three times luma and colour, each within ±COARSE_ZERO.
            Samples::Coarse { .. } => 4 * u128::from(COARSE_ZERO),
        }
    }

    /// What one grey level of one channel counts in `R+G+B`.
    fn sum_unit(self) -> f64 {
        match self {
            Samples::Rgb | Samples::Grey => 1.0,
            Samples::Coarse { .. } => COARSE_UNIT.into(),
        }
    }
}

/// The two bytes of a 16-bit sample in memory order.
const WORD: &[u32] = if cfg!(target_endian = "little") { &[1, 256] } else { &[256, 1] };

/// One grid of the reduction.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) algorithm: Algorithm,
    pub(crate) rows: Weights,
    pub(crate) columns: Weights,
    /// The sums of the lines' weights.
    row_sums: Vec<u64>,
    column_sums: Vec<u64>,
}

impl Table {
    fn new(algorithm: Algorithm, rows: Weights, columns: Weights) -> Table {
        let sums = |table: &Weights| (0..table.len()).map(|line| table.sum(line)).collect();
        Table { algorithm, row_sums: sums(&rows), column_sums: sums(&columns), rows, columns }
    }

    /// The sums of a grid whose samples were all `zero` too high, corrected.
    pub(crate) fn lowered(&self, sums: &[u64], zero: u64) -> Vec<i64> {
        // Modulo 2⁶⁴ throughout: what is left is small, of either sign, and exact.
        let mut lowered = Vec::with_capacity(sums.len());
        for (sums, row) in sums.chunks_exact(self.column_sums.len()).zip(&self.row_sums) {
            let zero = row.wrapping_mul(zero);
            let values = sums.iter().zip(&self.column_sums);
            lowered.extend(values.map(|(&sum, &column)| sum.wrapping_sub(zero.wrapping_mul(column)) as i64));
        }
        lowered
    }

    /// The largest weight that a sample of 1 everywhere would sum to.
    fn largest_weight(&self) -> u128 {
        let largest = |sums: &[u64]| u128::from(sums.iter().copied().max().unwrap_or(0));
        largest(&self.row_sums) * largest(&self.column_sums)
    }
}

/// The tables for pictures of one shape: which windows, on which plane, in which units.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) shape: Shape,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) tables: Vec<Table>,
}

/// The row windows, the column windows and what each interleaved byte counts, for one grid of one plane.
pub(crate) type Windows = (Weights, Weights, &'static [u32]);

/// A reduction of one plane: its rows and columns, and the windows of each grid.
#[derive(Debug)]
pub(crate) struct Reduction {
    pub(crate) rows: u32,
    pub(crate) columns: u32,
    pub(crate) windows: Vec<Windows>,
}

impl Layout {
    pub(crate) fn new(shape: Shape, algorithms: &[Algorithm]) -> Layout {
        let tables = tables(shape.width, shape.height, algorithms);
        Layout { shape, algorithms: algorithms.to_vec(), tables }
    }

    pub(crate) fn fits(&self, shape: Shape, algorithms: &[Algorithm]) -> bool {
        self.shape == shape && self.algorithms == algorithms
    }

    /// What becomes of the pixels, or of the luma plane: one grid a table.
    pub(crate) fn luma(&self) -> Reduction {
        let samples = self.shape.samples;
        self.reduction(samples.luma_cell(), self.tables.iter(), |table| match table.algorithm {
            Algorithm::PhotoDna => samples.sum_mix(),
            Algorithm::Pdq | Algorithm::Pdq512 => samples.luma_mix(),
        })
    }

    /// What becomes of the colour plane of a coarse picture: PhotoDNA-class boxes only.
    pub(crate) fn colour(&self) -> Option<Reduction> {
        let Samples::Coarse { colour: Some(cell), .. } = self.shape.samples else { return None };
        self.boxes().map(|boxes| self.reduction(cell, boxes.iter(), |_| WORD))
    }

    fn reduction<'a>(
        &self,
        (cell_width, cell_height): (u32, u32),
        tables: impl Iterator<Item = &'a Table>,
        mix: impl Fn(&Table) -> &'static [u32],
    ) -> Reduction {
        let windows = |table: &Table| {
            (table.rows.gathered(cell_height), table.columns.gathered(cell_width), mix(table))
        };
        Reduction {
            rows: self.shape.height.div_ceil(cell_height),
            columns: self.shape.width.div_ceil(cell_width),
            windows: tables.map(windows).collect(),
        }
    }

    /// The three box tables, radius by radius, where they were asked for.
    pub(crate) fn boxes(&self) -> Option<&[Table]> {
        self.tables.get(..3).filter(|tables| tables[0].algorithm == Algorithm::PhotoDna)
    }

    /// The largest magnitude of `R+G+B` in a box.
    pub(crate) fn largest_box(&self) -> u128 {
        let widest = self.tables.iter().take(3).map(Table::largest_weight).max().unwrap_or(0);
        self.shape.samples.sum_peak() * widest
    }

    /// What one grey level of one pixel counts in a box.
    pub(crate) fn box_unit(&self) -> f64 {
        let bits = box_bits(self.shape.width, self.shape.height);
        self.shape.samples.sum_unit() * (1u64 << (2 * bits)) as f64
    }

    /// What the luma grid of `table` is measured in.
    pub(crate) fn luma_scale(&self, table: &Table) -> Scale {
        let total = table.rows.total() * table.columns.total();
        Scale::new(self.shape.samples.luma_peak() * total, self.shape.samples.luma_unit() * total)
    }
}

/// The grids that `algorithms` need: PhotoDNA-class boxes first, radius by radius.
fn tables(width: u32, height: u32, algorithms: &[Algorithm]) -> Vec<Table> {
    let bits = box_bits(width, height);
    let mut tables = Vec::new();
    if algorithms.contains(&Algorithm::PhotoDna) {
        let table =
            |radius| Table::new(Algorithm::PhotoDna, boxes(height, radius, bits), boxes(width, radius, bits));
        tables.extend(RADII.map(table));
    }
    // Up to 512 pixels per side nothing is resampled: both conventions have the same windows, and one grid serves both.
    let differs = width.max(height) > 512;
    let wants = |algorithm| algorithms.contains(&algorithm);
    if wants(Algorithm::Pdq) || (wants(Algorithm::Pdq512) && !differs) {
        tables.push(Table::new(Algorithm::Pdq, tents(height), tents(width)));
    }
    if wants(Algorithm::Pdq512) && differs {
        tables.push(Table::new(Algorithm::Pdq512, tents_512(height), tents_512(width)));
    }
    tables
}

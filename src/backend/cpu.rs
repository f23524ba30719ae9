//! The processor's way from a picture to its integer sums.

use fearless_simd::Level;

use super::{PdqSums, Sums};
use crate::kernel::dct::{self, Luma};
use crate::kernel::gradient::{self, gradients};
use crate::kernel::reduce::{Plan, Scratch, reduce};
use crate::kernel::weights::{RADII, Weights, box_bits, boxes, tents, tents_512};
use crate::picture::{COARSE_UNIT, COARSE_ZERO, Picture, Plane, Planes};
use crate::signature::Algorithm;

/// Computes sums on the processor, keeping tables and buffers between pictures. One a thread.
#[derive(Debug)]
pub(crate) struct Cpu {
    level: Level,
    layout: Option<Layout>,
    scratch: Scratch,
    grids: Vec<Vec<u64>>,
    colour_grids: Vec<Vec<u64>>,
}

/// The tables for pictures of one size and kind.
#[derive(Debug)]
struct Layout {
    shape: Shape,
    algorithms: Vec<Algorithm>,
    tables: Vec<Table>,
    /// For pixels or for luma.
    plan: Plan,
    /// For the colour plane of a coarse picture; PhotoDNA-class boxes only.
    colour_plan: Option<Plan>,
}

/// What tables depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    width: u32,
    height: u32,
    samples: Samples,
}

/// The kinds of planes, with their cells (width, height).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Samples {
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
struct Table {
    algorithm: Algorithm,
    rows: Weights,
    columns: Weights,
}

impl Table {
    /// What a sample of 1 everywhere would sum to at `point`, row-major.
    fn weight(&self, point: usize) -> u64 {
        let columns = self.columns.len();
        self.rows.sum(point / columns) * self.columns.sum(point % columns)
    }

    /// The largest of those.
    fn largest_weight(&self) -> u128 {
        let largest = |table: &Weights| (0..table.len()).map(|line| table.sum(line)).max().unwrap_or(0);
        u128::from(largest(&self.rows)) * u128::from(largest(&self.columns))
    }

    fn in_cells(
        &self,
        (width, height): (u32, u32),
        mix: &'static [u32],
    ) -> (Weights, Weights, &'static [u32]) {
        (self.rows.gathered(height), self.columns.gathered(width), mix)
    }
}

impl Layout {
    fn new(shape: Shape, algorithms: &[Algorithm]) -> Layout {
        let Shape { width, height, samples } = shape;
        let tables = tables(width, height, algorithms);
        let cell = samples.luma_cell();
        let mix = |table: &Table| match table.algorithm {
            Algorithm::PhotoDna => samples.sum_mix(),
            Algorithm::Pdq | Algorithm::Pdq512 => samples.luma_mix(),
        };
        let plan = |(cell_width, cell_height): (u32, u32), tables: &[_]| {
            Plan::new(height.div_ceil(cell_height), width.div_ceil(cell_width), tables)
        };
        let luma: Vec<_> = tables.iter().map(|table| table.in_cells(cell, mix(table))).collect();
        let colour_plan = match samples {
            Samples::Coarse { colour: Some(cell), .. } => {
                let boxes = tables.iter().filter(|table| table.algorithm == Algorithm::PhotoDna);
                let boxes: Vec<_> = boxes.map(|table| table.in_cells(cell, WORD)).collect();
                (!boxes.is_empty()).then(|| plan(cell, &boxes))
            }
            _ => None,
        };
        Layout { shape, algorithms: algorithms.to_vec(), plan: plan(cell, &luma), colour_plan, tables }
    }

    fn fits(&self, shape: Shape, algorithms: &[Algorithm]) -> bool {
        self.shape == shape && self.algorithms == algorithms
    }
}

/// The grids that `algorithms` need: PhotoDNA-class boxes first, radius by radius.
fn tables(width: u32, height: u32, algorithms: &[Algorithm]) -> Vec<Table> {
    let bits = box_bits(width, height);
    let mut tables = Vec::new();
    if algorithms.contains(&Algorithm::PhotoDna) {
        tables.extend(RADII.map(|radius| Table {
            algorithm: Algorithm::PhotoDna,
            rows: boxes(height, radius, bits),
            columns: boxes(width, radius, bits),
        }));
    }
    let differs = width.max(height) > 512;
    let wants = |algorithm| algorithms.contains(&algorithm);
    if wants(Algorithm::Pdq) || (wants(Algorithm::Pdq512) && !differs) {
        tables.push(Table { algorithm: Algorithm::Pdq, rows: tents(height), columns: tents(width) });
    }
    if wants(Algorithm::Pdq512) && differs {
        let (rows, columns) = (tents_512(height), tents_512(width));
        tables.push(Table { algorithm: Algorithm::Pdq512, rows, columns });
    }
    tables
}

impl Cpu {
    /// Works at this SIMD level.
    pub(crate) fn new(level: Level) -> Cpu {
        Cpu { level, layout: None, scratch: Scratch::default(), grids: Vec::new(), colour_grids: Vec::new() }
    }

    /// The sums of `picture` that `algorithms` need. `pdq512` is left out where it equals `pdq`.
    pub(crate) fn sums(&mut self, picture: &Picture, algorithms: &[Algorithm]) -> Sums {
        let samples = Samples::of(&picture.planes);
        let shape = Shape { width: picture.width, height: picture.height, samples };
        let layout = self.layout.take().filter(|layout| layout.fits(shape, algorithms));
        let layout = layout.unwrap_or_else(|| Layout::new(shape, algorithms));
        self.reduce_planes(&layout, &picture.planes);
        let sums = Sums {
            gradients: self.gradients(&layout),
            pdq: self.pdq(&layout, Algorithm::Pdq),
            pdq512: self.pdq(&layout, Algorithm::Pdq512),
        };
        self.layout = Some(layout);
        sums
    }

    fn reduce_planes(&mut self, layout: &Layout, planes: &Planes) {
        let (samples, stride): (&[u8], usize) = match planes {
            Planes::Rgb(plane) | Planes::Grey(plane) => (&plane.samples, plane.stride),
            Planes::Coarse { luma, .. } => (bytemuck::cast_slice(&luma.samples), luma.stride * 2),
        };
        reduce(self.level, &layout.plan, samples, stride, &mut self.scratch, &mut self.grids);
        if let (Some(plan), Planes::Coarse { colour: Some(colour), .. }) = (&layout.colour_plan, planes) {
            let samples = bytemuck::cast_slice(&colour.samples);
            reduce(self.level, plan, samples, colour.stride * 2, &mut self.scratch, &mut self.colour_grids);
        }
    }

    fn gradients(&self, layout: &Layout) -> Option<(gradient::Gradients, f64)> {
        let tables = layout.tables.get(..3).filter(|tables| tables[0].algorithm == Algorithm::PhotoDna)?;
        let Shape { width, height, samples } = layout.shape;
        let boxes: Vec<Vec<i64>> = tables
            .iter()
            .enumerate()
            .map(|(r, table)| match samples {
                Samples::Rgb | Samples::Grey => self.grids[r].iter().map(|&sum| sum as i64).collect(),
                Samples::Coarse { colour, .. } => {
                    let colours = colour.map(|_| self.colour_grids[r].as_slice());
                    coarse_boxes(table, &self.grids[r], colours)
                }
            })
            .collect();
        let widest = tables.iter().map(Table::largest_weight).max().unwrap_or(0);
        let unit = samples.sum_unit() * (1u64 << (2 * box_bits(width, height))) as f64;
        let boxes = [&boxes[0][..], &boxes[1], &boxes[2]];
        Some((gradients(boxes, samples.sum_peak() * widest), unit))
    }

    fn pdq(&self, layout: &Layout, algorithm: Algorithm) -> Option<PdqSums> {
        let index = layout.tables.iter().position(|table| table.algorithm == algorithm)?;
        let (table, samples) = (&layout.tables[index], layout.shape.samples);
        let total = table.rows.total() * table.columns.total();
        let zero = match samples {
            Samples::Rgb | Samples::Grey => |_: &Table, _: usize| 0,
            Samples::Coarse { .. } => |table: &Table, point| table.weight(point) * u64::from(COARSE_ZERO),
        };
        let sums: Vec<i64> = self.grids[index]
            .iter()
            .enumerate()
            .map(|(point, &sum)| sum.wrapping_sub(zero(table, point)) as i64)
            .collect();
        let luma = Luma::new(&sums, samples.luma_peak() * total, samples.luma_unit() * total);
        let coefficients = dct::transform(self.level, &luma);
        Some(PdqSums { luma, coefficients })
    }
}

/// `3·luma + colour` of each box, the samples' zero removed.
fn coarse_boxes(table: &Table, luma: &[u64], colour: Option<&[u64]>) -> Vec<i64> {
    let value =
        |sum: u64, point| sum.wrapping_sub(table.weight(point).wrapping_mul(COARSE_ZERO.into())) as i64;
    luma.iter()
        .enumerate()
        .map(|(point, &sum)| {
            let colour = colour.map_or(0, |colour| value(colour[point], point));
            value(sum, point).wrapping_mul(3).wrapping_add(colour)
        })
        .collect()
}

//! Stored coefficients to planes of samples in original coordinates.
//!
//! The lowest coefficients of a block are a low-pass picture of its 8×8 samples. A plane holds that picture's *means* over
//! equal cells, 1, 2×2, 4×4 or 8×8 a block ([`transform`](super::transform)).
//! (n = 1: DC/8 for the whole block. n = 8: the inverse DCT itself.)
//!
//! A cell that hangs over the picture's edge keeps its mean and counts for the part inside: encoders repeat the edge,
//! so its mean leans towards the edge's own samples, and nothing cheaper tells more.
//!
//! Samples are clamped as decoders clamp pixels: a mean of clamped pixels cannot lie outside their range.

use super::detail::cells;
use super::frame::{Component, Frame};
use super::transform::{Blocks, GREY, NEUTRAL};
use crate::decode::colours::{PIXELS, Sample};
use crate::decode::random::Random;
use crate::picture::{COARSE_UNIT, COARSE_ZERO, Plane};
use fearless_simd::{Level, dispatch};

/// One component's coefficients.
#[derive(Debug, Default, Clone)]
pub(super) struct Stored {
    /// Block by block, row by row, the first few in zigzag order or all 64 in natural order.
    pub(super) coefficients: Vec<i16>,
    /// Of progressive frames whose AC scans are read: which coefficients are not zero, by bit.
    pub(super) history: Vec<u64>,
}

impl Stored {
    /// Makes room for `blocks` blocks, of zeros where `blank` says so, else of whatever was there.
    pub(super) fn reset(&mut self, blocks: usize, slots: usize, blank: bool, history: bool) {
        if blank || self.coefficients.capacity() < blocks * slots {
            zeros(&mut self.coefficients, blocks * slots);
        }
        self.coefficients.resize(blocks * slots, 0);
        zeros(&mut self.history, if history { blocks } else { 0 });
    }

    /// Bytes that are held.
    pub(super) fn kept(&self) -> usize {
        self.coefficients.capacity() * 2 + self.history.capacity() * 8
    }

    /// Gives memory back that few pictures need.
    pub(super) fn release(&mut self) {
        if self.coefficients.capacity() > MOST_KEPT {
            *self = Stored::default();
        }
    }
}

/// Coefficients that are kept room for from one picture to the next.
const MOST_KEPT: usize = 4 << 20;

/// So many zeros. Fresh memory is zero already, and takes none before it is written to.
fn zeros<T: Clone + Default>(values: &mut Vec<T>, length: usize) {
    if values.capacity() < length {
        *values = vec![T::default(); length];
    } else {
        values.clear();
        values.resize(length, T::default());
    }
}

/// What a plane is made from.
pub(super) struct Source<'a> {
    pub(super) frame: &'a Frame,
    pub(super) component: &'a Component,
    pub(super) stored: &'a Stored,
    pub(super) slots: usize,
    /// The quantisation table in zigzag order.
    pub(super) quantiser: &'a [u16; 64],
    /// n: 1, 2, 3, 4, 6 or 8.
    pub(super) detail: u8,
    /// Whether samples run from black, as luma's do, or about 0.
    pub(super) from_black: bool,
}

impl Source<'_> {
    /// Original pixels across and down one cell; `None` where a cell is not made of whole pixels.
    pub(super) fn cell(frame: &Frame, component: &Component, detail: u8) -> Option<(u32, u32)> {
        let size = |most: usize, factor: usize| {
            let cells = cells(detail) * factor;
            (8 * most).is_multiple_of(cells).then_some((8 * most / cells) as u32)
        };
        Some((size(frame.across, component.across)?, size(frame.down, component.down)?))
    }

    /// The component as samples, in `samples`' memory, and whether its values fit 16 bits.
    pub(super) fn plane(&self, samples: Vec<u16>, level: Level) -> (Plane<u16>, bool) {
        let (cell_width, cell_height) =
            Source::cell(self.frame, self.component, self.detail).unwrap_or((1, 1));
        let cells = cells(self.detail);
        let stride = self.component.blocks_wide * cells;
        let mut plane = Plane {
            samples,
            stride,
            columns: (self.frame.width as u32).div_ceil(cell_width),
            rows: (self.frame.height as u32).div_ceil(cell_height),
            channels: 1,
            cell_width,
            cell_height,
        };
        plane.samples.resize(stride * self.component.blocks_high * cells, 0);
        let blocks = Blocks {
            coefficients: &self.stored.coefficients,
            slots: self.slots,
            stride: self.component.stride,
            wide: self.component.blocks_wide,
            quantiser: self.quantiser,
            zero: if self.from_black { GREY } else { NEUTRAL },
        };
        let fits = dispatch!(level, simd => blocks.transform(simd, self.detail, &mut plane.samples));
        (plane, fits)
    }
}

/// Cb and Cr, both about 0, as one plane, in `samples`' memory: what they add to `R + G + B = 3·Y + (1.772 − 0.34414)·Cb +
/// (1.402 − 0.71414)·Cr`. Samples are at most 2¹¹ from 0, so products with 16 bits behind the point fit 32.
pub(super) fn colour(frame: &Frame, cb: &Plane<u16>, cr: &Plane<u16>, samples: Vec<u16>) -> Plane<u16> {
    combine(frame, [cb, cr], samples, NEUTRAL, |[cb, cr]| (93_577 * cb + 45_080 * cr + (1 << 15)) >> 16)
}

/// R, G and B, each about 0 and of one cell size, as Y: `0.299·R + 0.587·G + 0.114·B`.
pub(super) fn luma_of_rgb(frame: &Frame, rgb: [&Plane<u16>; 3], samples: Vec<u16>) -> Plane<u16> {
    combine(frame, rgb, samples, GREY, |[r, g, b]| luma(r, g, b))
}

/// R, G and B as `R + G + B − 3·Y`.
pub(super) fn colour_of_rgb(frame: &Frame, rgb: [&Plane<u16>; 3], samples: Vec<u16>) -> Plane<u16> {
    combine(frame, rgb, samples, NEUTRAL, |[r, g, b]| r + g + b - 3 * luma(r, g, b))
}

fn luma(r: i32, g: i32, b: i32) -> i32 {
    (19_595 * r + 38_470 * g + 7_471 * b + (1 << 15)) >> 16
}

/// R, G and B, each about 0, of what `shown` makes of the components' colours, clamped and rounded; on the finest cells that all of them
/// divide into.
pub(super) fn shown<const P: usize>(
    frame: &Frame,
    planes: [&Plane<u16>; P],
    samples: [Vec<u16>; 3],
    colour: impl Fn([f32; P]) -> [f32; 3],
    shown: impl Fn(&[[u8; 3]]) -> Vec<[u8; 3]>,
) -> [Plane<u16>; 3] {
    let mut rgb = samples.map(|samples| finest(frame, planes, samples));
    let Plane { columns, rows, cell_width, cell_height, .. } = rgb[0];
    let sample = |value: u8| (NEUTRAL + (i32::from(value) - 128) * i32::from(COARSE_UNIT)) as u16;
    let times = planes.map(|plane| (plane.cell_width / cell_width) as usize);
    let mut line = Vec::new();
    for row in 0..rows {
        let lines = planes.map(|plane| plane.row((row * cell_height / plane.cell_height) as usize));
        line.clear();
        line.extend((0..columns as usize).map(|column| {
            let levels = std::array::from_fn(|plane| level(lines[plane][column / times[plane]]));
            colour(levels).map(|value| (value + 0.5) as u8)
        }));
        let shown = shown(&line);
        for (index, plane) in rgb.iter_mut().enumerate() {
            plane.samples.extend(shown.iter().map(|pixel| sample(pixel[index])));
        }
    }
    rgb
}

/// A plane of the finest cells that others divide into, with nothing in it yet.
fn finest<const P: usize>(frame: &Frame, planes: [&Plane<u16>; P], mut samples: Vec<u16>) -> Plane<u16> {
    let cell_width = planes.iter().map(|plane| plane.cell_width).fold(0, gcd);
    let cell_height = planes.iter().map(|plane| plane.cell_height).fold(0, gcd);
    let columns = (frame.width as u32).div_ceil(cell_width);
    let rows = (frame.height as u32).div_ceil(cell_height);
    samples.clear();
    Plane { samples, stride: columns as usize, columns, rows, channels: 1, cell_width, cell_height }
}

/// Combines planes sample by sample, on the finest cells that all of them divide into.
fn combine<const P: usize>(
    frame: &Frame,
    planes: [&Plane<u16>; P],
    samples: Vec<u16>,
    zero: i32,
    formula: impl Fn([i32; P]) -> i32,
) -> Plane<u16> {
    let mut combined = finest(frame, planes, samples);
    let Plane { columns, rows, cell_width, cell_height, ref mut samples, .. } = combined;
    let alike = planes.iter().all(|plane| plane.cell_width == cell_width);
    for row in 0..rows {
        let lines = planes.map(|plane| plane.row((row * cell_height / plane.cell_height) as usize));
        if alike {
            let lines = lines.map(|line| &line[..columns as usize]);
            let line = (0..columns as usize)
                .map(|x| (formula(lines.map(|line| i32::from(line[x]) - NEUTRAL)) + zero) as u16);
            samples.extend(line);
        } else {
            samples.extend((0..columns).map(|x| {
                let values = std::array::from_fn(|p| {
                    i32::from(lines[p][(x * cell_width / planes[p].cell_width) as usize]) - NEUTRAL
                });
                (formula(values) + zero) as u16
            }));
        }
    }
    combined
}

/// The level of a coarse sample.
#[inline(always)]
pub(super) fn level(sample: u16) -> f32 {
    (f32::from(sample) - f32::from(COARSE_ZERO)) * (1.0 / COARSE_UNIT as f32)
}

/// The level of a plane at an original pixel.
pub(super) fn level_at(plane: &Plane<u16>, x: u32, y: u32) -> f32 {
    let column = (x / plane.cell_width).min(plane.columns - 1);
    let row = (y / plane.cell_height).min(plane.rows - 1);
    level(plane.row(row as usize)[column as usize])
}

/// JFIF's colours of Y, Cb and Cr, the latter two about 0 (ITU-T T.871, clause 7).
#[inline(always)]
pub(super) fn rgb([y, cb, cr]: [f32; 3]) -> [f32; 3] {
    [y + 1.402 * cr, y - 0.344_14 * cb - 0.714_14 * cr, y + 1.772 * cb]
}

/// Some colours, clamped, at places that `random` decides.
pub(super) fn sample<const P: usize>(
    planes: [&Plane<u16>; P],
    mut random: Random,
    colour: impl Fn([f32; P]) -> [f32; 3],
) -> Sample {
    let first = planes[0];
    let (width, height) = (first.columns * first.cell_width, first.rows * first.cell_height);
    let mut pixel = || {
        let (x, y) = (random.below(width as usize) as u32, random.below(height as usize) as u32);
        colour(planes.map(|plane| level_at(plane, x, y))).map(|value| value.round() as u8)
    };
    Sample { pixels: (0..PIXELS).map(|_| pixel()).collect(), is_grey: P == 1 }
}

fn gcd(a: u32, b: u32) -> u32 {
    if a == 0 { b } else { gcd(b % a, a) }
}

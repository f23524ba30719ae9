//! The CPU's way from a picture to its integer sums.

use fearless_simd::Level;

use super::layout::{Layout, Reduction, Samples, Shape, Table};
use super::{PdqSums, Sums};
use crate::kernel::dct::{self, Luma};
use crate::kernel::gradient::{POINTS, RADIUS_WEIGHTS, gradients};
use crate::kernel::reduce::{Schedule, Scratch, reduce};
use crate::picture::{COARSE_ZERO, Picture, Planes};
use crate::signature::Algorithm;

/// Computes sums on the CPU and keeps tables and buffers between pictures. One per thread.
#[derive(Debug)]
pub(crate) struct Cpu {
    level: Level,
    /// Those of the shapes seen most recently, the last one first.
    schedules: Vec<Schedules>,
    scratch: Scratch,
    grids: Vec<Vec<u64>>,
    colour_grids: Vec<Vec<u64>>,
    /// The three grids of boxes that the last picture's gradients are of, and what one grey level of one pixel counts in them.
    boxes: Option<([Vec<i64>; 3], f64)>,
    /// The grid that the last picture's PDQ bits are of.
    luma: Option<Luma>,
}

/// Shapes whose schedules are kept: pictures of one source come in a few sizes. A schedule takes some 100 KB, that of a very wide picture a few MB.
const SHAPES: usize = 8;

/// A layout, ready to run.
#[derive(Debug)]
struct Schedules {
    layout: Layout,
    /// For pixels or for luma.
    luma: Schedule,
    /// For the colour plane of a coarse picture.
    colour: Option<Schedule>,
}

impl Schedules {
    fn new(layout: Layout) -> Schedules {
        let schedule =
            |reduction: Reduction| Schedule::new(reduction.rows, reduction.columns, &reduction.windows);
        Schedules { luma: schedule(layout.luma()), colour: layout.colour().map(schedule), layout }
    }
}

impl Cpu {
    /// Works at this SIMD level.
    pub(crate) fn new(level: Level) -> Cpu {
        Cpu {
            level,
            schedules: Vec::new(),
            scratch: Scratch::default(),
            grids: Vec::new(),
            colour_grids: Vec::new(),
            boxes: None,
            luma: None,
        }
    }

    /// Memory that the tables and buffers for a picture of so many pixels across and down take, in bytes, those of the definition's own
    /// floats too.
    pub(crate) fn tables(width: u32, height: u32) -> u64 {
        let (width, height) = (u64::from(width), u64::from(height));
        (1 << 20) + 128 * (width + height) + width * height / 16
    }

    /// The sums of `picture` that `algorithms` need. `pdq512` is left out where it equals `pdq`.
    pub(crate) fn sums(&mut self, picture: &Picture, algorithms: &[Algorithm]) -> Sums {
        let shape = Shape::of(picture);
        let kept = self.schedules.iter().position(|schedules| schedules.layout.fits(shape, algorithms));
        let schedules = match kept {
            Some(place) => self.schedules.remove(place),
            None => Schedules::new(Layout::new(shape, algorithms)),
        };
        self.reduce_planes(&schedules, &picture.planes);
        self.boxes = self.boxes(&schedules.layout).map(|boxes| (boxes, schedules.layout.box_unit()));
        let (pdq, luma) = self.pdq(&schedules.layout, Algorithm::Pdq).unzip();
        let (pdq512, luma512) = self.pdq(&schedules.layout, Algorithm::Pdq512).unzip();
        self.luma = luma.or(luma512);
        let sums = Sums {
            gradients: self.boxes.as_ref().map(|(boxes, unit)| {
                let [small, middle, large] = boxes.each_ref().map(Vec::as_slice);
                (gradients([small, middle, large], schedules.layout.largest_box()), *unit)
            }),
            pdq,
            pdq512,
        };
        self.schedules.truncate(SHAPES - 1);
        self.schedules.insert(0, schedules);
        sums
    }

    /// The grids of the last picture as they were summed, before a coarse plane's zero is taken off.
    pub(crate) fn grids(&self) -> &[Vec<u64>] {
        &self.grids
    }

    fn reduce_planes(&mut self, schedules: &Schedules, planes: &Planes) {
        let (samples, stride): (&[u8], usize) = match planes {
            Planes::Rgb(plane) | Planes::Grey(plane) => (&plane.samples, plane.stride),
            // 16-bit samples are pairs of bytes to `reduce`, weighted 1 and 256.
            Planes::Coarse { luma, .. } => (bytemuck::cast_slice(&luma.samples), luma.stride * 2),
        };
        reduce(self.level, &schedules.luma, samples, stride, &mut self.scratch, &mut self.grids);
        if let (Some(schedule), Planes::Coarse { colour: Some(colour), .. }) = (&schedules.colour, planes) {
            let samples = bytemuck::cast_slice(&colour.samples);
            reduce(
                self.level,
                schedule,
                samples,
                colour.stride * 2,
                &mut self.scratch,
                &mut self.colour_grids,
            );
        }
    }

    fn boxes(&self, layout: &Layout) -> Option<[Vec<i64>; 3]> {
        let tables = layout.boxes()?;
        Some([0, 1, 2].map(|r| match layout.shape.samples {
            // Sums stay under 2⁶²: see `kernel/reduce.rs`.
            Samples::Rgb | Samples::Grey => self.grids[r].iter().map(|&sum| sum as i64).collect(),
            Samples::Coarse { colour, .. } => {
                let colours = colour.map(|_| self.colour_grids[r].as_slice());
                coarse_boxes(&tables[r], &self.grids[r], colours)
            }
        }))
    }

    /// The 26 × 26 points whose differences are the last picture's gradients (Eq 11), row by row, in grey levels of one pixel; `None` where its sums had none.
    pub(crate) fn shading(&self) -> Option<Vec<f64>> {
        let (boxes, unit) = self.boxes.as_ref()?;
        let weights = RADIUS_WEIGHTS.map(|weight| weight as f64 / (1u64 << 32) as f64);
        let point = |point: usize| (0..3).map(|r| boxes[r][point] as f64 * weights[r]).sum::<f64>() / unit;
        Some((0..POINTS).map(point).collect())
    }

    /// The 64 × 64 points whose cosine transform the last picture's PDQ bits are of, row by row, in grey levels; `None` where its sums had none.
    pub(crate) fn luminance(&self) -> Option<Vec<f64>> {
        let Luma { values, scale } = self.luma.as_ref()?;
        let level = scale.unit as f64 / (1u64 << scale.shift) as f64;
        Some(values.iter().map(|value| f64::from(*value) / level).collect())
    }

    fn pdq(&self, layout: &Layout, algorithm: Algorithm) -> Option<(PdqSums, Luma)> {
        let index = layout.tables.iter().position(|table| table.algorithm == algorithm)?;
        let (table, samples) = (&layout.tables[index], layout.shape.samples);
        let sums: Vec<i64> = match samples {
            Samples::Rgb | Samples::Grey => self.grids[index].iter().map(|&sum| sum as i64).collect(),
            Samples::Coarse { .. } => table.lowered(&self.grids[index], COARSE_ZERO.into()),
        };
        let luma = Luma::new(&sums, layout.luma_scale(table));
        let coefficients = dct::transform(self.level, &luma);
        Some((PdqSums { scale: luma.scale, quality: dct::quality(&luma), coefficients }, luma))
    }
}

/// `3·luma + colour` of each box, the samples' zero removed.
fn coarse_boxes(table: &Table, luma: &[u64], colour: Option<&[u64]>) -> Vec<i64> {
    let mut boxes = table.lowered(luma, COARSE_ZERO.into());
    boxes.iter_mut().for_each(|value| *value = value.wrapping_mul(3));
    if let Some(colour) = colour {
        let colour = table.lowered(colour, COARSE_ZERO.into());
        boxes.iter_mut().zip(colour).for_each(|(value, colour)| *value = value.wrapping_add(colour));
    }
    boxes
}

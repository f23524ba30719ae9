//! From the blocks of a picture to its pixels, in the order of the picture.
//!
//! Where one scan is the whole picture, its blocks become pixels as they are decoded, and none is kept. Where several scans
//! contribute, the blocks come from the components' stores once all scans are read.

use super::frame::Frame;
use super::idct::{self, Steps};
use super::pixels::Pixels;
use super::planes::Stored;
use super::runs::Logs;
use super::scan::Scan;
use super::smooth::{self, Sent};
use fearless_simd::{Level, Simd, dispatch};

/// What a block without coefficients shows.
const GREY: [u8; 64] = [128; 64];

/// One block of an MCU.
#[derive(Debug, Clone, Copy)]
struct BlockPosition {
    component: usize,
    /// Its place among the component's blocks in the MCU.
    x: usize,
    y: usize,
    /// The component's blocks in an MCU.
    across: usize,
    down: usize,
    /// The component's blocks that hold picture.
    wide: usize,
    high: usize,
}

/// The one scan of a picture, as it comes.
pub(super) struct Streaming<'a> {
    pixels: &'a mut Pixels,
    level: Level,
    steps: [Steps; 4],
    places: Vec<BlockPosition>,
    prediction: [i16; 4],
    /// MCUs across and down in the scan, and the rows of them that make one of interleaved MCUs.
    wide: usize,
    high: usize,
    per_strip: usize,
    /// Where the next block lies: in its MCU, and that in the scan.
    place: usize,
    column: usize,
    row: usize,
    done: usize,
    /// Whether all values had 16 bits.
    pub(super) fits: bool,
}

impl<'a> Streaming<'a> {
    /// A picture that `pixels` has begun.
    pub(super) fn new(
        frame: &Frame,
        scan: &Scan,
        steps: [Steps; 4],
        pixels: &'a mut Pixels,
        level: Level,
    ) -> Streaming<'a> {
        let mut places = Vec::new();
        for part in scan.parts() {
            let of = &frame.components()[part.component];
            let (across, down) = scan.alone(frame).map_or((of.across, of.down), |_| (1, 1));
            let (wide, high) = (of.blocks_wide, of.blocks_high);
            places.extend((0..across * down).map(|at| BlockPosition {
                component: part.component,
                x: at % across,
                y: at / across,
                across,
                down,
                wide,
                high,
            }));
        }
        Streaming {
            pixels,
            level,
            steps,
            places,
            prediction: [0; 4],
            wide: scan.wide,
            high: scan.mcus / scan.wide,
            per_strip: scan.alone(frame).map_or(1, |component| component.down),
            place: 0,
            column: 0,
            row: 0,
            done: 0,
            fits: true,
        }
    }

    /// Takes the next blocks.
    pub(super) fn take(&mut self, logs: Logs<'_>) {
        let level = self.level;
        dispatch!(level, simd => self.take_with(simd, logs));
    }

    /// What did not come is grey.
    pub(super) fn finish(&mut self) {
        let (level, blocks) = (self.level, self.wide * self.high * self.places.len());
        dispatch!(level, simd => self.skip_to(simd, blocks));
    }

    #[inline(always)]
    fn take_with<S: Simd>(&mut self, simd: S, logs: Logs<'_>) {
        for run in logs.runs {
            self.skip_to(simd, run.block);
            if run.fresh {
                self.prediction = [0; 4];
            }
            for block in logs.of::<64>(run).as_chunks::<64>().0 {
                self.take_block(simd, block);
            }
        }
    }

    #[inline(always)]
    fn take_block<S: Simd>(&mut self, simd: S, block: &[i16; 64]) {
        let place = self.places[self.place];
        let (dc, wrapped) = self.prediction[place.component].overflowing_add(block[0]);
        self.prediction[place.component] = dc;
        self.fits &= !wrapped;
        if let Some(at) = self.inside(&place) {
            let mut block = *block;
            block[0] = dc;
            let steps = &self.steps[place.component];
            self.fits &= idct::fits(simd, &block, steps);
            let samples = idct::samples(simd, &block, steps);
            self.pixels.put(place.component, at, &samples);
        }
        self.advance(simd);
    }

    #[inline(always)]
    fn skip_to<S: Simd>(&mut self, simd: S, block: usize) {
        while self.done < block {
            let place = self.places[self.place];
            if let Some(at) = self.inside(&place) {
                self.pixels.put(place.component, at, &GREY);
            }
            self.advance(simd);
        }
    }

    /// Column and row of the next block in its component, where it holds picture.
    #[inline(always)]
    fn inside(&self, place: &BlockPosition) -> Option<(usize, usize)> {
        let at = (self.column * place.across + place.x, self.row * place.down + place.y);
        (at.0 < place.wide && at.1 < place.high).then_some(at)
    }

    #[inline(always)]
    fn advance<S: Simd>(&mut self, simd: S) {
        self.done += 1;
        self.place += 1;
        if self.place == self.places.len() {
            (self.place, self.column) = (0, self.column + 1);
            if self.column == self.wide {
                (self.column, self.row) = (0, self.row + 1);
                if self.row.is_multiple_of(self.per_strip) || self.row == self.high {
                    self.pixels.finish_strip(simd, (self.row - 1) / self.per_strip);
                }
            }
        }
    }
}

/// Blocks from the components' stores.
pub(super) struct Kept<'a> {
    pub(super) frame: &'a Frame,
    pub(super) stored: &'a [Stored; 4],
    /// Quantisation tables in zigzag order.
    pub(super) tables: [&'a [u16; 64]; 4],
    pub(super) steps: [Steps; 4],
    /// Where something is left to guess.
    pub(super) smoothing: Option<Smoothing>,
}

/// What was sent of an unfinished progressive picture, component by component.
#[derive(Debug, Clone, Copy)]
pub(super) struct Smoothing {
    /// By the last scan of each, and by the one before.
    pub(super) sent: [Sent; 4],
    pub(super) before: [Sent; 4],
    /// The last row of MCUs that the last scan of all brought; below it, what was sent before counts.
    pub(super) last: usize,
}

impl Kept<'_> {
    /// Makes pixels of all of them, in a picture that `pixels` has begun; whether all values had 16 bits.
    pub(super) fn make(&self, pixels: &mut Pixels, level: Level) -> bool {
        dispatch!(level, simd => self.make_with(simd, pixels))
    }

    #[inline(always)]
    fn make_with<S: Simd>(&self, simd: S, pixels: &mut Pixels) -> bool {
        let mut fit = true;
        for strip in 0..self.frame.mcus_high {
            for (index, component) in self.frame.components().iter().enumerate() {
                let rows = strip * component.down..((strip + 1) * component.down).min(component.blocks_high);
                for row in rows {
                    for column in 0..component.blocks_wide {
                        let mut block = *self.block(index, column, row);
                        if let Some(smoothing) = &self.smoothing {
                            self.smooth(smoothing, &mut block, index, (column, row), strip);
                        }
                        fit &= idct::fits(simd, &block, &self.steps[index]);
                        let samples = idct::samples(simd, &block, &self.steps[index]);
                        pixels.put(index, (column, row), &samples);
                    }
                }
            }
            pixels.finish_strip(simd, strip);
        }
        fit
    }

    #[inline(always)]
    fn block(&self, component: usize, column: usize, row: usize) -> &[i16; 64] {
        let blocks = self.stored[component].coefficients.as_chunks::<64>().0;
        &blocks[row * self.frame.components()[component].stride + column]
    }

    /// Guesses what is missing of a block.
    ///
    /// The DC terms beyond the picture's edges are those at the edge. Below, libjpeg counts rows as if the last row of MCUs were
    /// as high as this one's blocks; where it is not, the edge comes two rows early or rows that only fill MCUs count.
    #[inline(never)]
    fn smooth(
        &self,
        smoothing: &Smoothing,
        block: &mut [i16; 64],
        component: usize,
        (column, row): (usize, usize),
        strip: usize,
    ) {
        let of = &self.frame.components()[component];
        let last_strip = self.frame.mcus_high - 1;
        let down = if strip < last_strip { of.down } else { of.blocks_high - last_strip * of.down };
        // The row as libjpeg counts it, and how many there are.
        let (counted, rows) = (strip * down + row - strip * of.down, down * self.frame.mcus_high);
        let above = [if counted > 1 { 2 } else { counted.min(1) }, counted.min(1)];
        let below = (rows - 1 - counted).min(2);
        let lines = [row - above[0], row - above[1], row, row + below.min(1), row + below];
        let mut around = [0; 25];
        for (line, around) in lines.into_iter().zip(around.chunks_exact_mut(5)) {
            for (dc, offset) in around.iter_mut().zip(-2isize..) {
                let column = (column as isize + offset).clamp(0, of.blocks_wide as isize - 1);
                *dc = self.block(component, column as usize, line)[0];
            }
        }
        let sent = if strip > smoothing.last { &smoothing.before } else { &smoothing.sent };
        smooth::guess(block, &around, self.tables[component], &sent[component]);
    }
}

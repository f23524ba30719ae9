//! Pixels that no screen shows inside of blocks, and what that means for reading low frequencies alone.
//!
//! Clamping of pixels changes a block's mean where its high frequencies reach beyond the range: a block of dots from −300 to 300 about
//! its mean is shown as a mid-grey whatever that mean is. Low frequencies tell nothing of it ([`gamut`](super::gamut) looks at these alone), so that
//! whoever paints a picture in dots shows one and has another hashed.
//!
//! So a sample of blocks is decoded to every coefficient, and each quarter of them is held against what is shown: with the linear signal s
//! of its pixels and e, what clamping adds,
//!
//! ```text
//!  ρ² = var(e) / min(var(s), var(s + e))
//! ```
//!
//! as in `gamut`, over all quarters. For the components that a block is not of, their means are taken. Over [`MOST`], every pixel is
//! read.
//!
//! The same blocks tell how much of luma's variance is in frequencies that are not read: it is what a signature misses where its boxes end inside of
//! blocks. Over [`most_hidden`] of all of it (dither, line art, text), every pixel is read as well.
//!
//! No sample of 8 bits has a frequency beyond 1,024, so no encoder has a use for a step above that ([`LARGEST_STEP`]). A file that has one may hold any
//! few blocks whose pixels are all beyond the range, which a sample would miss, and is read in full.
//!
//! The blocks are the next of luma, or sometimes of chroma, behind the places where the lanes of the fast decoder stop, about one in [`BLOCKS_FOR_EACH`], at least [`LEAST`] and at
//! most [`MOST_BLOCKS`]; where lanes stop, the picture's data decides. A scan in which they stop too seldom, since it has next to no data or a restart
//! marker behind every few blocks, is read in full, and so are sequential files of several scans.
//!
//! Of a progressive file the blocks are chosen before any is read, a quarter of them of chroma. Every scan is read then, because only what came
//! before a block in a scan tells where its bits are, and only what came of it in earlier scans how many they are. Where blocks are kept with few
//! coefficients, most scans would be read anyway: a refinement builds on the whole band. A progressive file of which DC alone would do takes several times as long
//! as without the guard.

use super::bits::{Stream, extend, load_until};
use super::frame::Frame;
use super::idct::{self, Steps};
use super::layout::Layout;
use super::level::wide;
use super::lookup::{END_OF_BLOCK, FULL, START, step};
use super::machine::Machine;
use super::moments::{LANES, Moments};
use super::planes::{Stored, level_at, rgb};
use super::runs::Logs;
use super::scan::Scan;
use super::transform::{NATURAL, along};
use super::watched::Watched;
use crate::decode::random::Random;
use crate::picture::Plane;
use fearless_simd::{Level, dispatch};

/// ρ up to which low frequencies suffice.
const MOST: f32 = 0.06;

/// The share of luma's variance in frequencies that are not read up to which low frequencies suffice. Where many are read, the picture is
/// small and its boxes end inside blocks more often; and photographs have little beyond.
fn most_hidden(kept: u32) -> f32 {
    if kept >= super::detail::kept(6) { 0.1 } else { 0.25 }
}

/// The largest quantisation step of a file that is not read in full: the largest DC value of samples of 8 bits, in the units of T.81, A.3.3.
const LARGEST_STEP: u16 = 1_024;

/// Blocks of the scan for each that is looked at, and how many are.
const BLOCKS_FOR_EACH: usize = 500;
const LEAST: usize = 16;
const MOST_BLOCKS: usize = 160;

/// Blocks of a restart interval that one is looked for among.
const MOST_PASSED: usize = 32;

/// One block of chroma in so many.
const CHROMA_IN: usize = 4;

/// Quarters of a block, and pixels along one.
const QUARTERS: usize = 4;
const QUARTER: usize = 4;

/// Blocks to look at, and how.
#[derive(Debug, Default)]
pub(super) struct Sample {
    /// Blocks that are wanted; 0 where nothing is to be looked at.
    wanted: usize,
    /// The scan that they are in; of a progressive file they are in many.
    scan: Option<Scan>,
    random: Random,
    begins: Vec<Begin>,
    /// Those of a progressive file, of each component.
    pub(super) watched: [Watched; 4],
}

/// Blocks to look at, of so many.
fn wanted(blocks: usize) -> usize {
    (blocks / BLOCKS_FOR_EACH).clamp(LEAST, MOST_BLOCKS)
}

/// Where a block is under way or begins.
#[derive(Debug, Clone, Copy)]
struct Begin {
    /// Which of the scan's.
    block: usize,
    /// In bits of the scan's stream.
    position: usize,
    /// Coefficients passed, from [`START`].
    k: u32,
    /// The block of the MCU.
    place: u32,
    /// Whole blocks that are skipped.
    passed: usize,
}

/// What a sample is read from.
pub(super) struct Data<'a> {
    pub(super) machine: &'a Machine,
    pub(super) stream: &'a Stream,
    pub(super) frame: &'a Frame,
    pub(super) stored: &'a [Stored; 4],
    /// Coefficients stored a block.
    pub(super) slots: usize,
    /// Quantisation tables in natural order.
    pub(super) steps: [[u16; 64]; 4],
    /// The same for samples.
    pub(super) fixed: [Steps; 4],
    /// The last coefficient of the first component that is kept, in zigzag order.
    pub(super) kept: u32,
    /// Y, and Cb and Cr where there are any.
    pub(super) planes: &'a [Plane<u16>],
}

impl Sample {
    /// Begins a scan of so many blocks; `random` decides which are looked at. Tells how often lanes are to stop.
    pub(super) fn begin(&mut self, scan: &Scan, blocks: usize, random: Random) -> usize {
        (self.scan, self.random) = (Some(*scan), random);
        self.begins.clear();
        self.wanted = wanted(blocks);
        // Some are not of use.
        self.wanted * 5 / 4
    }

    /// Whether anything is to be looked at.
    pub(super) fn is_wanted(&self) -> bool {
        self.wanted > 0
    }

    /// Begins a progressive picture; `random` decides which blocks are looked at.
    pub(super) fn begin_progressive(&mut self, frame: &Frame, mut random: Random) {
        let wanted = wanted(frame.blocks());
        let count = frame.components().len();
        (self.wanted, self.scan) = (wanted, None);
        for (index, (watched, component)) in self.watched.iter_mut().zip(frame.components()).enumerate() {
            let of_chroma = wanted / CHROMA_IN;
            let share = match (count, index) {
                (1, _) => wanted,
                (_, 0) => wanted - of_chroma,
                _ => of_chroma.div_ceil(count - 1),
            };
            let blocks = (0..share).map(|_| {
                random.below(component.blocks_high) * component.stride + random.below(component.blocks_wide)
            });
            watched.begin(blocks);
        }
    }

    /// Begins a picture of which nothing is looked at.
    pub(super) fn begin_none(&mut self) {
        self.wanted = 0;
        self.watched.iter_mut().for_each(|watched| watched.begin(std::iter::empty()));
    }

    /// Takes note of where lanes stopped in the blocks that count.
    pub(super) fn note(&mut self, logs: &Logs<'_>) {
        if self.wanted == 0 {
            return;
        }
        for run in logs.runs {
            let stops = &logs.lanes[run.lane].stops;
            let first = stops.partition_point(|stop| (stop.block as usize) < run.at);
            let own = stops[first..].iter().take_while(|stop| (stop.block as usize) < run.at + run.blocks);
            self.begins.extend(own.map(|stop| Begin {
                block: run.block + (stop.block as usize - run.at),
                position: stop.position,
                k: stop.k,
                place: stop.place,
                passed: 0,
            }));
        }
    }

    /// Whether what clamping adds is too much for signatures of the means.
    pub(super) fn is_beyond(&mut self, data: &Data<'_>, level: Level) -> bool {
        let mut measure = Measure::default();
        match self.scan {
            _ if self.wanted == 0 => return false,
            _ if data.steps.as_flattened().iter().any(|step| *step > LARGEST_STEP) => return true,
            Some(scan) => self.look_in_scan(&scan, data, &mut measure, level),
            None => self.look_at_watched(data, &mut measure, level),
        }
        measure.is_beyond(data.kept)
    }

    fn look_at_watched(&self, data: &Data<'_>, measure: &mut Measure, level: Level) {
        for (index, watched) in self.watched.iter().enumerate() {
            let known = watched.stored.coefficients.as_chunks::<64>().0;
            for (&at, coefficients) in watched.blocks.iter().zip(known) {
                let mut coefficients = *coefficients;
                coefficients[0] = data.stored[index].coefficients[at * data.slots];
                measure.add(data.found(index, at, &coefficients, level));
            }
        }
    }

    fn look_in_scan(&mut self, scan: &Scan, data: &Data<'_>, measure: &mut Measure, level: Level) {
        let layout = Layout::new(data.frame, scan, [false; 4]);
        if data.slots == 64 {
            // Everything is there already.
            self.begins.clear();
            for _ in 0..self.wanted {
                let block = self.random.below(layout.blocks);
                self.begins.push(Begin { block, position: 0, k: START, place: 0, passed: 0 });
            }
        }
        if self.begins.len() < self.wanted {
            self.add_intervals(data);
        }
        measure.least = self.wanted / 2;
        let mut left = self.begins.len();
        for at in 0..self.begins.len() {
            // So many of those that are left, each as likely as another.
            let is_chosen = self.random.below(left) < self.wanted.saturating_sub(measure.looked);
            left -= 1;
            if is_chosen {
                // Lanes stop in long blocks, so that those behind these would never be looked at.
                let wants_chroma = self.random.below(CHROMA_IN) == 0;
                measure.add(data.look(&layout, self.begins[at], wants_chroma, level));
            }
        }
    }

    /// Takes note of blocks of restart intervals so short that lanes hardly stop in them.
    fn add_intervals(&mut self, data: &Data<'_>) {
        let intervals = data.stream.intervals();
        for _ in 0..if intervals > 1 { 2 * self.wanted } else { 0 } {
            let interval = data.stream.interval(self.random.below(intervals));
            let blocks = interval.mcus * data.machine.per_mcu;
            let (block, position) = (interval.first * data.machine.per_mcu, interval.start * 8);
            let passed = self.random.below(blocks.min(MOST_PASSED));
            self.begins.push(Begin { block, position, k: START, place: 0, passed });
        }
    }
}

/// What was found in blocks.
#[derive(Default)]
struct Measure {
    sum: Moments,
    grey: Moments,
    looked: usize,
    /// Blocks without which nothing is known.
    least: usize,
    hidden: f32,
    hiding: usize,
}

impl Measure {
    fn add(&mut self, found: Option<Found>) {
        let Some(Found { quarters, hidden }) = found else { return };
        self.hidden += hidden.unwrap_or(0.0);
        self.hiding += usize::from(hidden.is_some());
        for (quarter, [s, e, y, luma]) in quarters.into_iter().enumerate() {
            let lane = (self.looked * QUARTERS + quarter) % LANES;
            self.sum.add(lane, s, e);
            self.grey.add(lane, y, luma);
        }
        self.looked += 1;
    }

    /// Whether signatures of low frequencies up to `kept` would be others.
    fn is_beyond(&self, kept: u32) -> bool {
        let quarters = (self.looked * QUARTERS) as f32;
        let hidden = self.hidden / self.hiding.max(1) as f32;
        let is_hidden = hidden > most_hidden(kept) * (hidden + self.grey.variance(quarters)).max(1.0);
        self.looked < self.least
            || is_hidden
            || self.sum.ratio(quarters).max(self.grey.ratio(quarters)) > MOST
    }
}

/// What was found in a block.
struct Found {
    /// For each quarter R + G + B, what clamping adds to it, luma, and the same.
    quarters: [[f32; 4]; QUARTERS],
    /// Of luma, the variance of the frequencies that are not read.
    hidden: Option<f32>,
}

impl Data<'_> {
    /// Looks at the next block of luma or of chroma. `None` where that is of another restart interval, or holds no picture.
    fn look(&self, layout: &Layout, begin: Begin, wants_chroma: bool, level: Level) -> Option<Found> {
        if self.slots == 64 {
            let (index, at) = layout.place(begin.block);
            let coefficients = *self.stored[index].coefficients.as_chunks::<64>().0.get(at)?;
            return self.found(index, at, &coefficients, level);
        }
        let (mut position, mut place, mut block) = (begin.position, begin.place, begin.block);
        let end = self.stream.interval_end(block / self.machine.per_mcu)? * 8;
        let mut k = begin.k;
        for _ in 0..begin.passed + usize::from(k != START) {
            position = self.read(&mut [0; 64], place, position, k, end)?;
            (place, block, k) = (self.machine.place(place).next, block + 1, START);
        }
        let is_wanted = |place| (self.machine.place(place).component > 0) == wants_chroma;
        let mut passed = 0;
        while !is_wanted(place) && passed < self.machine.per_mcu {
            position = self.read(&mut [0; 64], place, position, START, end)?;
            (place, block, passed) = (self.machine.place(place).next, block + 1, passed + 1);
        }
        let mcu = |block: usize| block / self.machine.per_mcu;
        if !self.stream.is_of_one_interval(mcu(begin.block), mcu(block)) {
            return None;
        }
        let mut coefficients = [0; 64];
        self.read(&mut coefficients, place, position, START, end)?;
        if block >= layout.blocks {
            return None;
        }
        let (index, at) = layout.place(block);
        coefficients[0] = *self.stored[index].coefficients.get(at * self.slots)?;
        self.found(index, at, &coefficients, level)
    }

    fn found(&self, index: usize, at: usize, coefficients: &[i16; 64], level: Level) -> Option<Found> {
        let hidden = (index == 0).then(|| {
            let beyond = NATURAL[self.kept as usize + 1..].iter().map(|&place| usize::from(place));
            let product = |place: usize| f32::from(coefficients[place]) * f32::from(self.steps[0][place]);
            // The transform keeps sums of squares, over 64 samples (Parseval).
            beyond.map(product).map(|value| value * value).sum::<f32>() / 64.0
        });
        Some(Found { quarters: self.quarters(index, at, coefficients, level)?, hidden })
    }

    fn quarters(
        &self,
        index: usize,
        at: usize,
        coefficients: &[i16; 64],
        level: Level,
    ) -> Option<[[f32; 4]; QUARTERS]> {
        let component = self.frame.components().get(index)?;
        let (column, row) = (at % component.stride, at / component.stride);
        if column >= component.blocks_wide || row >= component.blocks_high {
            return None;
        }
        let is_coloured = self.planes.len() == 3;
        let index_of = if is_coloured { index.min(2) } else { 0 };
        let (across, down) = (self.frame.across / component.across, self.frame.down / component.down);
        let neighbours = |x: usize, y: usize| {
            let middle = |start: usize, from: usize, times: usize| ((start * 8 + from) * times) as u32;
            let (left, top) = (middle(column, x, across), middle(row, y, down));
            [0, 1, 2].map(|plane| self.planes.get(plane).map_or(0.0, |plane| level_at(plane, left, top)))
        };
        let steps = &self.steps[index];
        let (mean, reach) = range(coefficients, steps);
        let all = |value: f32, others: [f32; 3]| {
            let mut all = others;
            all[index_of] = if index_of == 0 { value + 128.0 } else { value };
            all
        };
        let others = neighbours(QUARTER, QUARTER);
        let [r, g, b] = linear(all(mean, others), is_coloured);
        let plain = [[r + g + b, 0.0, 0.299 * r + 0.587 * g + 0.114 * b, 0.0]; QUARTERS];
        // Most blocks cannot leave the range, whatever their pixels are; of most others none does.
        if [mean - reach, mean + reach].into_iter().all(|value| is_within(all(value, others), is_coloured)) {
            return Some(plain);
        }
        let samples = dispatch!(level, simd => idct::samples(simd, coefficients, &self.fixed[index]));
        let lowest = samples.iter().fold(255, |least: u8, sample| least.min(*sample));
        let highest = samples.iter().fold(0, |most: u8, sample| most.max(*sample));
        let ends = [lowest, highest].map(|sample| all(f32::from(sample) - 128.0, others));
        if lowest > 0 && highest < 255 && ends.into_iter().all(|all| is_within(all, is_coloured)) {
            return Some(plain);
        }
        let values = wide(
            level,
            #[inline(always)]
            || pixels(coefficients, steps),
        );
        Some(std::array::from_fn(|quarter| {
            let (x, y) = (quarter % 2 * QUARTER, quarter / 2 * QUARTER);
            let others = neighbours(x + QUARTER / 2, y + QUARTER / 2);
            let rows = values.chunks_exact(8).skip(y).take(QUARTER);
            let pixels = rows.flat_map(|row| &row[x..x + QUARTER]).map(|value| all(*value, others));
            quarter_of(pixels, is_coloured)
        }))
    }

    /// Reads a block from place `k` on, into natural order; the bit behind it. `None` where data ends.
    fn read(
        &self,
        to: &mut [i16; 64],
        place: u32,
        mut position: usize,
        mut k: u32,
        end: usize,
    ) -> Option<usize> {
        let (dc, ac) = self.machine.codes(self.machine.place(place));
        while k < FULL {
            let bits = load_until(&self.stream.bytes, position, end);
            let (length, symbol) = if k == START { dc.symbol(bits) } else { ac.symbol(bits) };
            let (advance, size) = if k == START { (1, u32::from(symbol & 15)) } else { step(symbol) };
            position += (length + size) as usize;
            if position > end {
                return None;
            }
            if advance >= END_OF_BLOCK {
                break;
            }
            k = (k + advance).min(FULL);
            let value = (bits << length >> 1 >> (63 - size)) as u32;
            to[usize::from(NATURAL[(k - START - 1) as usize])] = extend(value, size);
        }
        Some(position)
    }
}

/// The mean of a block's samples about 0, and how far one of them may be from it at most.
fn range(coefficients: &[i16; 64], steps: &[u16; 64]) -> (f32, f32) {
    let products = coefficients.iter().zip(steps).map(|(value, step)| i32::from(*value) * i32::from(*step));
    let all: i32 = products.map(i32::abs).sum();
    let dc = i32::from(coefficients[0]) * i32::from(steps[0]);
    // No frequency counts more than a quarter of itself in a sample (T.81, A.3.3).
    (dc as f32 / 8.0, (all - dc.abs()) as f32 / 4.0)
}

/// R, G and B of levels, where only one component is known those of grey.
fn linear(all: [f32; 3], is_coloured: bool) -> [f32; 3] {
    if is_coloured { rgb(all) } else { [all[0]; 3] }
}

/// Whether levels are those of a colour that a screen shows.
fn is_within(all: [f32; 3], is_coloured: bool) -> bool {
    let is_level = |value: f32| (0.0..=255.0).contains(&value);
    let is_chroma = |value: f32| (-128.0..=127.0).contains(&value);
    is_level(all[0])
        && is_chroma(all[1])
        && is_chroma(all[2])
        && linear(all, is_coloured).into_iter().all(is_level)
}

/// R + G + B of a quarter's pixels, what clamping adds to it, luma, and the same.
fn quarter_of(pixels: impl Iterator<Item = [f32; 3]>, is_coloured: bool) -> [f32; 4] {
    const PIXELS: f32 = (QUARTER * QUARTER) as f32;
    let mut sums = [0.0; 4];
    for all in pixels {
        let plain = linear(all, is_coloured);
        let [y, cb, cr] = all;
        let clamped = [y.clamp(0.0, 255.0), cb.clamp(-128.0, 127.0), cr.clamp(-128.0, 127.0)];
        let shown = linear(clamped, is_coloured);
        let [r, g, b] = [0, 1, 2].map(|c| shown[c].clamp(0.0, 255.0) - plain[c]);
        sums[0] += plain[0] + plain[1] + plain[2];
        sums[1] += r + g + b;
        sums[2] += 0.299 * plain[0] + 0.587 * plain[1] + 0.114 * plain[2];
        sums[3] += 0.299 * r + 0.587 * g + 0.114 * b;
    }
    sums.map(|sum| sum / PIXELS)
}

/// What each frequency counts in each sample, along a row or column.
const BASIS: [[f32; 8]; 8] = {
    let mut basis = [[0.0; 8]; 8];
    let mut u = 0;
    while u < 8 {
        let mut x = 0;
        while x < 8 {
            basis[u][x] = along(u, x, 8) as f32 / (1u32 << 21) as f32;
            x += 1;
        }
        u += 1;
    }
    basis
};

/// The samples of a block about 0, not clamped, of coefficients in natural order (T.81, A.3.3).
#[inline(always)]
fn pixels(coefficients: &[i16; 64], steps: &[u16; 64]) -> [f32; 64] {
    let (mut rows, mut pixels) = ([[0.0f32; 8]; 8], [0.0f32; 64]);
    for v in 0..8 {
        for u in 0..8 {
            let value = f32::from(coefficients[8 * v + u]) * f32::from(steps[8 * v + u]);
            for x in 0..8 {
                rows[v][x] += value * BASIS[u][x];
            }
        }
    }
    for v in 0..8 {
        for y in 0..8 {
            for x in 0..8 {
                pixels[8 * y + x] += rows[v][x] * BASIS[v][y];
            }
        }
    }
    pixels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_are_those_of_the_transform() {
        let mut coefficients = [0; 64];
        (coefficients[0], coefficients[1], coefficients[16]) = (-40, 25, 7);
        let steps = [3; 64];
        let of_steps = Steps::new(&steps);
        let samples = dispatch!(Level::new(), simd => idct::samples(simd, &coefficients, &of_steps));
        for (value, sample) in pixels(&coefficients, &steps).iter().zip(samples) {
            assert!((value + 128.0 - f32::from(sample)).abs() < 0.6, "{value} {sample}");
        }
    }

    #[test]
    fn dots_beyond_the_range_are_grey_whatever_their_mean() {
        let dots = (0..16).map(|n| [if n % 2 == 0 { 528.0 } else { -372.0 }, 0.0, 0.0]);
        let [s, e, y, luma] = quarter_of(dots, true);
        assert!((s - 3.0 * 78.0).abs() < 0.1 && (y - 78.0).abs() < 0.1);
        assert!((s + e - 3.0 * 127.5).abs() < 0.1 && (y + luma - 127.5).abs() < 0.1);
        for coloured in [false, true] {
            let within = (0..16).map(|n| [128.0 + n as f32, 9.0, -9.0]);
            assert!(within.clone().all(|all| is_within(all, coloured)));
            assert_eq!(quarter_of(within, coloured)[1], 0.0);
        }
    }

    #[test]
    fn no_sample_is_further_from_the_mean_than_announced() {
        let mut state = 7u32;
        for _ in 0..200 {
            let coefficients = std::array::from_fn(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 26) as i16 - 32
            });
            let steps = [5; 64];
            let (mean, reach) = range(&coefficients, &steps);
            assert!(pixels(&coefficients, &steps).iter().all(|value| (value - mean).abs() <= reach));
        }
    }
}

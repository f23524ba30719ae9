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
//! [`looks`](super::looks) says which blocks these are, and how many. Where fewer than half of them can be looked at, every pixel is read, and so it is of sequential
//! files of several scans.
//!
//! Of a progressive file the blocks are chosen before any is read, a quarter of them of chroma. Every scan is read then, because only what came
//! before a block in a scan tells where its bits are, and only what came of it in earlier scans how many they are. Where blocks are kept with few
//! coefficients, most scans would be read anyway: a refinement builds on the whole band. A progressive file of which DC alone would do takes several times as long
//! as without the guard.

use super::bits::{Stream, extend, load, load_until};
use super::frame::Frame;
use super::huffman::WINDOW;
use super::idct::{self, Steps};
use super::layout::Layout;
use super::level::wide;
use super::looks::{CHROMA_IN, Look, looks, wanted};
use super::lookup::{ALL, CARE, END_OF_BLOCK, FULL, START, advance, ends, length, step};
use super::machine::{Machine, symbol};
use super::marks::Begin;
use super::moments::{LANES, Moments};
use super::planes::{Stored, level_at, rgb};
use super::runs::Logs;
use super::scan::Scan;
use super::transform::{NATURAL, along, to_natural};
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
    /// Of a sequential file, where to look, and for each of these the first block that begins there, by its number in the scan.
    looks: Vec<Look>,
    begins: Vec<Option<Begin>>,
    /// What was found last.
    #[cfg(test)]
    pub(super) measured: Option<Measure>,
    /// Those of a progressive file, of each component.
    pub(super) watched: [Watched; 4],
}

/// What a sample is read from.
pub(super) struct Data<'a> {
    pub(super) machine: &'a Machine,
    pub(super) tables: &'a [u32; ALL],
    pub(super) stream: &'a Stream,
    pub(super) frame: &'a Frame,
    pub(super) stored: &'a [Stored; 4],
    /// Coefficients stored a block.
    pub(super) slots: usize,
    pub(super) judge: Judge,
    /// Y, and Cb and Cr where there are any.
    pub(super) planes: &'a [Plane<u16>],
}

impl Sample {
    /// Begins a scan of so many blocks, whose data has so many bytes; `random` decides which are looked at. Tells behind which bits these are looked for.
    pub(super) fn begin(&mut self, scan: &Scan, (blocks, bytes): (usize, usize), random: Random) -> &[Look] {
        (self.scan, self.random) = (Some(*scan), random);
        self.looks = looks(blocks, bytes, random);
        self.wanted = self.looks.len();
        self.begins.clear();
        self.begins.resize(self.wanted, None);
        &self.looks
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

    /// Takes note of what lanes found in the blocks that count.
    pub(super) fn note(&mut self, logs: &Logs<'_>) {
        if self.wanted == 0 {
            return;
        }
        for run in logs.runs {
            let begins = &logs.lanes[run.lane].marks.begins;
            let first = begins.partition_point(|begin| begin.block as usize <= run.at);
            let own = begins[first..].iter().take_while(|begin| begin.block as usize <= run.at + run.blocks);
            for begin in own {
                let block = (run.block + (begin.block as usize - run.at)) as u32;
                // Where two lanes found one, the lane before was right.
                let known = self.begins.get_mut(begin.mark as usize).filter(|known| known.is_none());
                known.into_iter().for_each(|known| *known = Some(Begin { block, ..*begin }));
            }
        }
    }

    /// Whether what clamping adds is too much for signatures of the means.
    pub(super) fn is_beyond(&mut self, data: &Data<'_>, level: Level) -> bool {
        // Of a progressive file those that are wanted are there.
        let mut measure = self.scan.map_or_else(Measure::default, |_| Measure::of(self.wanted));
        match self.scan {
            _ if self.wanted == 0 => return false,
            _ if data.judge.has_large_step() => return true,
            Some(scan) => self.look_in_scan(&scan, data, &mut measure, level),
            None => self.look_at_watched(data, &mut measure, level),
        }
        let is_beyond = measure.is_beyond(&data.judge);
        #[cfg(test)]
        {
            self.measured = Some(measure);
        }
        is_beyond
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
            for _ in 0..self.wanted {
                measure.add(data.stored(&layout, self.random.below(layout.blocks), level));
            }
            return;
        }
        for (look, begin) in self.looks.iter().zip(&self.begins) {
            measure.add(data.look(&layout, look, begin.as_ref(), level));
        }
    }
}

/// What was found in blocks.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Measure {
    sum: Moments,
    grey: Moments,
    looked: usize,
    /// Blocks without which nothing is known.
    least: usize,
    hidden: f32,
    hiding: usize,
}

impl Measure {
    /// Of so many blocks that are wanted.
    pub(super) fn of(wanted: usize) -> Measure {
        Measure { least: wanted / 2, ..Measure::default() }
    }

    pub(super) fn add(&mut self, found: Option<Found>) {
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

    /// Whether signatures of low frequencies would be others.
    pub(super) fn is_beyond(&self, judge: &Judge) -> bool {
        let quarters = (self.looked * QUARTERS) as f32;
        let hidden = self.hidden / self.hiding.max(1) as f32;
        let is_hidden = hidden > most_hidden(judge.kept) * (hidden + self.grey.variance(quarters)).max(1.0);
        self.looked < self.least
            || is_hidden
            || self.sum.ratio(quarters).max(self.grey.ratio(quarters)) > MOST
    }
}

/// What was found in a block.
#[derive(Debug)]
pub(super) struct Found {
    /// For each quarter R + G + B, what clamping adds to it, luma, and the same.
    quarters: [[f32; 4]; QUARTERS],
    /// Of luma, the variance of the frequencies that are not read.
    hidden: Option<f32>,
}

impl Data<'_> {
    /// Looks at one of the scan's blocks that was read to every coefficient.
    fn stored(&self, layout: &Layout, block: usize, level: Level) -> Option<Found> {
        let (index, at) = layout.place(block);
        let coefficients = *self.stored[index].coefficients.as_chunks::<64>().0.get(at)?;
        self.found(index, at, &coefficients, level)
    }

    /// Looks at a block. `begin` is the first behind its bit. `None` where the interval has none of its kind behind, or it holds no picture.
    fn look(&self, layout: &Layout, look: &Look, begin: Option<&Begin>, level: Level) -> Option<Found> {
        let interval = self.stream.interval_at(look.bit / 8)?;
        let per_mcu = self.machine.per_mcu;
        let (first, blocks, end) = (interval.first * per_mcu, interval.mcus * per_mcu, interval.end * 8);
        let number = |begin: &&Begin| (begin.block as usize).checked_sub(first).is_some_and(|at| at < blocks);
        let begin = begin.filter(number);
        let found = begin.map_or(blocks, |begin| begin.block as usize - first);
        let passed = look.from(found, blocks)?;
        // A lane that began at a guess may be off by whole blocks of the MCU; the scan's block is not.
        let place_of = |block: usize| (block % per_mcu) as u32;
        let (mut position, mut place, known) = match begin.filter(|_| passed.start == found) {
            Some(begin) if (begin.ahead as usize) <= passed.len() => {
                (begin.behind, place_of((begin.block + begin.ahead) as usize), begin.ahead as usize)
            }
            Some(begin) => (begin.position, place_of(begin.block as usize), 0),
            None => (interval.start * 8, 0, 0),
        };
        if known > 0 && position > end {
            return None;
        }
        let mut block = passed.end;
        for _ in passed.skip(known) {
            (position, place) = self.pass(position, place, end)?;
        }
        let is_wanted = |place| (self.machine.place(place).component > 0) == look.wants_chroma;
        let mut passed = 0;
        while !is_wanted(place) && passed < per_mcu {
            (position, place) = self.pass(position, place, end)?;
            (block, passed) = (block + 1, passed + 1);
        }
        if block >= blocks {
            return None;
        }
        let mut coefficients = [0; 64];
        self.read(&mut coefficients, place, position, end)?;
        let (index, at) = layout.place(first + block);
        coefficients[0] = *self.stored[index].coefficients.get(at * self.slots)?;
        self.found(index, at, &coefficients, level)
    }

    /// Passes a block; the bit behind it and the next one's place. `None` where data ends.
    fn pass(&self, mut position: usize, place: u32, end: usize) -> Option<(usize, u32)> {
        const PASSED: u32 = 2 * END_OF_BLOCK - 1;
        let block = self.machine.place(place);
        let (mut k, mut base, skip) = (START, block.dc, self.machine.here(place).skip());
        loop {
            let bits = load(&self.stream.bytes, position);
            let entry = self.tables[usize::from(base | (bits >> (64 - WINDOW)) as u16)];
            let reached = k + (advance(entry) & PASSED);
            let is_done = if reached & CARE == 0 || reached == FULL {
                (k, position) = (reached, position + length(entry) as usize);
                ends(entry) || reached == FULL
            } else {
                // As in the inner loop: the entry ran into the next block, or is none.
                let symbol = symbol(self.machine, block, k, load_until(&self.stream.bytes, position, end));
                (k, position) = (k + symbol.advance, position + symbol.length as usize);
                k & END_OF_BLOCK != 0 || k == FULL
            };
            if position > end {
                return None;
            }
            if is_done {
                return Some((position, block.next));
            }
            base = skip;
        }
    }

    fn found(&self, index: usize, at: usize, coefficients: &[i16; 64], level: Level) -> Option<Found> {
        let component = self.frame.components().get(index)?;
        let (column, row) = (at % component.stride, at / component.stride);
        if column >= component.blocks_wide || row >= component.blocks_high {
            return None;
        }
        let times = (self.frame.across / component.across, self.frame.down / component.down);
        let levels = |spot: usize| {
            let (left, top) = self::spot((column, row), times, spot);
            [0, 1, 2].map(|plane| self.planes.get(plane).map_or(0.0, |plane| level_at(plane, left, top)))
        };
        Some(self.judge.found(index, coefficients, levels, level))
    }

    /// Reads a block into natural order; the bit behind it. `None` where data ends.
    fn read(&self, to: &mut [i16; 64], place: u32, mut position: usize, end: usize) -> Option<usize> {
        let mut k = START;
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

/// Places of a block at which the other components' levels are taken.
#[cfg(feature = "gpu")]
pub(crate) const SPOTS: usize = 1 + QUARTERS;

/// Where the levels of the other components are taken for a block, by original pixels: 0 in its middle, and 1 to 4 in those of its quarters. `times` are the
/// pixels across and down one of its component's.
pub(crate) fn spot((column, row): (usize, usize), times: (usize, usize), spot: usize) -> (u32, u32) {
    let within = |number: usize| number * QUARTER + QUARTER / 2;
    let (x, y) =
        if spot == 0 { (QUARTER, QUARTER) } else { (within((spot - 1) % 2), within((spot - 1) / 2)) };
    (((column * 8 + x) * times.0) as u32, ((row * 8 + y) * times.1) as u32)
}

/// What a picture's blocks are judged by.
#[derive(Debug, Clone)]
pub(crate) struct Judge {
    /// Quantisation tables in natural order.
    steps: [[u16; 64]; 4],
    /// The same for samples.
    fixed: [Steps; 4],
    /// The last coefficient of the first component that is kept, in zigzag order.
    kept: u32,
    /// Whether Y, Cb and Cr are known, and not one component alone.
    is_coloured: bool,
}

impl Judge {
    /// By each component's quantisation table in zigzag order.
    pub(super) fn new(quantisers: [&[u16; 64]; 4], kept: u32, is_coloured: bool) -> Judge {
        let steps = quantisers.map(to_natural);
        Judge { fixed: steps.each_ref().map(Steps::new), steps, kept, is_coloured }
    }

    /// Whether a quantisation step is beyond every sample.
    pub(super) fn has_large_step(&self) -> bool {
        self.steps.as_flattened().iter().any(|step| *step > LARGEST_STEP)
    }

    /// What a block of component `index` shows; `levels` are those of all components at each [`spot`].
    pub(super) fn found(
        &self,
        index: usize,
        coefficients: &[i16; 64],
        levels: impl Fn(usize) -> [f32; 3],
        level: Level,
    ) -> Found {
        let hidden = (index == 0).then(|| {
            let beyond = NATURAL[self.kept as usize + 1..].iter().map(|&place| usize::from(place));
            let product = |place: usize| f32::from(coefficients[place]) * f32::from(self.steps[0][place]);
            // The transform keeps sums of squares, over 64 samples (Parseval).
            beyond.map(product).map(|value| value * value).sum::<f32>() / 64.0
        });
        Found { quarters: self.quarters(index, coefficients, levels, level), hidden }
    }

    fn quarters(
        &self,
        index: usize,
        coefficients: &[i16; 64],
        levels: impl Fn(usize) -> [f32; 3],
        level: Level,
    ) -> [[f32; 4]; QUARTERS] {
        let is_coloured = self.is_coloured;
        let index_of = if is_coloured { index.min(2) } else { 0 };
        let steps = &self.steps[index];
        let (mean, reach) = range(coefficients, steps);
        let all = |value: f32, others: [f32; 3]| {
            let mut all = others;
            all[index_of] = if index_of == 0 { value + 128.0 } else { value };
            all
        };
        let others = levels(0);
        let [r, g, b] = linear(all(mean, others), is_coloured);
        let plain = [[r + g + b, 0.0, 0.299 * r + 0.587 * g + 0.114 * b, 0.0]; QUARTERS];
        // Most blocks cannot leave the range, whatever their pixels are; of most others none does.
        if [mean - reach, mean + reach].into_iter().all(|value| is_within(all(value, others), is_coloured)) {
            return plain;
        }
        let samples = dispatch!(level, simd => idct::samples(simd, coefficients, &self.fixed[index]));
        let lowest = samples.iter().fold(255, |least: u8, sample| least.min(*sample));
        let highest = samples.iter().fold(0, |most: u8, sample| most.max(*sample));
        let ends = [lowest, highest].map(|sample| all(f32::from(sample) - 128.0, others));
        if lowest > 0 && highest < 255 && ends.into_iter().all(|all| is_within(all, is_coloured)) {
            return plain;
        }
        let values = wide(
            level,
            #[inline(always)]
            || pixels(coefficients, steps),
        );
        std::array::from_fn(|quarter| {
            let (x, y) = (quarter % 2 * QUARTER, quarter / 2 * QUARTER);
            let others = levels(1 + quarter);
            let rows = values.chunks_exact(8).skip(y).take(QUARTER);
            let pixels = rows.flat_map(|row| &row[x..x + QUARTER]).map(|value| all(*value, others));
            quarter_of(pixels, is_coloured)
        })
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

//! A batch being put together: where each picture's samples, tables, grid points and results are. Pure bookkeeping, no device.
//!
//! The words are handed out from the front, to the tables of each new shape and to each picture's samples.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::capacity::{Capacity, GRADIENT_WORDS, LUMA_WORDS};
use super::descriptors::{Gradient, Grid, Header, Luma};
use super::tables::{Table, Tables};
use crate::backend::layout::Samples;
use crate::backend::{PdqSums, Sums};
use crate::kernel::gradient::{self, Gradients};
use crate::picture::{COARSE_ZERO, Picture, Planes};
use crate::signature::Algorithm;

/// Invocations of a workgroup of `reduce`.
pub(super) const THREADS: u32 = 256;

/// A batch being put together.
#[derive(Debug)]
pub(super) struct Batch {
    capacity: Capacity,
    /// Another one for each batch, never 0: what is left of one in a device's memory is not taken for the next one's.
    number: u32,
    pub(super) grids: Vec<Grid>,
    pub(super) gradients: Vec<Gradient>,
    pub(super) lumas: Vec<Luma>,
    /// Shapes whose tables are in this batch (by their address, which [`Batch::kept`] keeps in use), and where.
    placed: HashMap<usize, u32>,
    kept: Vec<Arc<Tables>>,
    words: u32,
    /// Of these, what the CPU fills.
    filled: Vec<Range<u32>>,
    points: u32,
    results: u32,
    lines: u32,
}

/// What a picture got of a batch: where its samples go and where its results will be.
#[derive(Debug)]
pub(super) struct Allocation {
    pub(super) tables: Arc<Tables>,
    /// Word at which the tables must be written; `None` where they are already there.
    pub(super) tables_at: Option<u32>,
    pub(super) luma: PlaneAllocation,
    pub(super) colour: Option<PlaneAllocation>,
    /// Of planes that are not summed.
    pub(super) apart: Vec<PlaneAllocation>,
    /// Word of the results at which this picture's begin, and how many there are.
    pub(super) results: Range<u32>,
    /// First grid of this picture.
    pub(super) grids: Range<usize>,
}

/// Rows of `row_bytes`, each padded to `pitch` words, from word `at` on.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlaneAllocation {
    pub(super) at: u32,
    pub(super) rows: usize,
    pub(super) row_bytes: usize,
    pub(super) pitch: u32,
    channels: u32,
}

/// The bytes of a plane, row by row `stride` apart, `row_bytes` long, with the number of interleaved bytes per sample.
pub(super) struct PlaneBytes<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) stride: usize,
    pub(super) rows: usize,
    pub(super) row_bytes: usize,
    channels: u32,
}

/// The planes that are summed: pixels or luma, and colour.
pub(super) fn planes(picture: &Picture) -> (PlaneBytes<'_>, Option<PlaneBytes<'_>>) {
    let coarse = |plane: &'_ crate::picture::Plane<u16>| (plane.columns as usize * 2, plane.rows as usize);
    match &picture.planes {
        Planes::Rgb(plane) | Planes::Grey(plane) => {
            let row_bytes = (plane.columns * plane.channels) as usize;
            let (stride, rows, channels) = (plane.stride, plane.rows as usize, plane.channels);
            (PlaneBytes { bytes: &plane.samples, stride, rows, row_bytes, channels }, None)
        }
        Planes::Coarse { luma, colour } => {
            let (row_bytes, rows) = coarse(luma);
            let bytes = bytemuck::cast_slice(&luma.samples);
            let luma = PlaneBytes { bytes, stride: 2 * luma.stride, rows, row_bytes, channels: 2 };
            let colour = colour.as_ref().map(|plane| {
                let (row_bytes, rows) = coarse(plane);
                let bytes = bytemuck::cast_slice(&plane.samples);
                PlaneBytes { bytes, stride: 2 * plane.stride, rows, row_bytes, channels: 2 }
            });
            (luma, colour)
        }
    }
}

impl PlaneBytes<'_> {
    fn size(&self) -> PlaneSize {
        PlaneSize { rows: self.rows, row_bytes: self.row_bytes, channels: self.channels }
    }
}

/// How much room a plane takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlaneSize {
    rows: usize,
    row_bytes: usize,
    channels: u32,
}

impl PlaneSize {
    /// Of 16-bit samples.
    pub(super) fn of_words(columns: u32, rows: u32) -> PlaneSize {
        PlaneSize { rows: rows as usize, row_bytes: 2 * columns as usize, channels: 2 }
    }

    /// Words from one row to the next: views of mapped memory begin at multiples of 8 bytes.
    fn pitch(&self) -> u32 {
        2 * self.row_bytes.div_ceil(8) as u32
    }

    fn words(&self) -> u64 {
        u64::from(self.pitch()) * self.rows as u64
    }
}

impl Batch {
    pub(super) fn new(capacity: Capacity) -> Batch {
        let mut batch = Batch::empty(capacity);
        batch.grids.reserve(capacity.grids() as usize);
        batch.gradients.reserve(capacity.gradients() as usize);
        batch.lumas.reserve(capacity.lumas() as usize);
        batch
    }

    /// A batch that nothing is added to, without memory of its own.
    pub(super) fn empty(capacity: Capacity) -> Batch {
        Batch {
            capacity,
            number: next_number(),
            grids: Vec::new(),
            gradients: Vec::new(),
            lumas: Vec::new(),
            placed: HashMap::new(),
            kept: Vec::new(),
            words: 0,
            filled: Vec::new(),
            points: 0,
            results: 0,
            lines: 0,
        }
    }

    /// Bytes that are sent to the device.
    pub(super) fn bytes(&self) -> u64 {
        let descriptors =
            size_of_val(&self.grids[..]) + size_of_val(&self.gradients[..]) + size_of_val(&self.lumas[..]);
        let words: u64 = self.filled.iter().map(|words| u64::from(words.end - words.start)).sum();
        4 * words + descriptors as u64
    }

    /// Forgets everything but the memory.
    pub(super) fn clear(&mut self) {
        self.number = next_number();
        self.grids.clear();
        self.gradients.clear();
        self.lumas.clear();
        self.placed.clear();
        self.kept.clear();
        self.filled.clear();
        (self.words, self.points, self.results, self.lines) = (0, 0, 0, 0);
    }

    pub(super) fn header(&self) -> Header {
        Header {
            grids: self.grids.len() as u32,
            lines: self.lines,
            gradients: self.gradients.len() as u32,
            lumas: self.lumas.len() as u32,
            number: self.number,
        }
    }

    /// A picture's sums from the batch's results; `None` where they are not this batch's.
    pub(super) fn sums(&self, allocation: &Allocation, results: &[u32]) -> Option<Sums> {
        allocation.sums(results, self.number)
    }

    /// Words that the CPU fills, with tables and samples; all others are made on the device.
    pub(super) fn filled(&self) -> &[Range<u32>] {
        &self.filled
    }

    /// Grid points in use.
    pub(super) fn points(&self) -> u32 {
        self.points
    }

    /// The grid points of one picture.
    pub(super) fn points_of(&self, allocation: &Allocation) -> Range<usize> {
        let first = |grid: usize| self.grids.get(grid).map_or(self.points, |grid| grid.points) as usize;
        first(allocation.grids.start)..first(allocation.grids.end)
    }

    /// Words of results in use.
    pub(super) fn result_words(&self) -> u32 {
        self.results
    }

    /// Makes room for a picture whose tables are `tables`; `None` where the batch is too full for it.
    pub(super) fn add(&mut self, tables: &Arc<Tables>, picture: &Picture) -> Option<Allocation> {
        let (luma, colour) = planes(picture);
        let first = self.words;
        let allocation = self.add_planes(tables, luma.size(), colour.map(|plane| plane.size()), &[])?;
        // All of it, tables and samples.
        self.fill(first..self.words);
        Some(allocation)
    }

    /// Adds to what the CPU fills.
    fn fill(&mut self, words: Range<u32>) {
        match self.filled.last_mut() {
            Some(last) if last.end >= words.start => last.end = last.end.max(words.end),
            _ => self.filled.push(words),
        }
    }

    /// The same for planes that the device makes, with room for others that are not summed.
    pub(super) fn add_planes(
        &mut self,
        tables: &Arc<Tables>,
        luma: PlaneSize,
        colour: Option<PlaneSize>,
        apart: &[PlaneSize],
    ) -> Option<Allocation> {
        let colour = colour.filter(|_| !tables.colour.is_empty());
        let key = Arc::as_ptr(tables) as usize;
        let placed = self.placed.get(&key).copied();
        let table_words = if placed.is_some() { 0 } else { even(tables.words.len() as u64) };
        let samples: u64 = [luma].iter().chain(&colour).chain(apart).map(|plane| even(plane.words())).sum();
        if !self.has_room(tables, table_words + samples) {
            return None;
        }
        let tables_at = placed.is_none().then(|| self.take(table_words));
        if let Some(at) = tables_at {
            self.fill(at..self.words);
            self.placed.insert(key, at);
            self.kept.push(tables.clone());
        }
        // One of the two is there.
        let base = placed.or(tables_at).unwrap_or(0);
        let (first_grid, results) = (self.grids.len(), self.results);
        let mut allocation = |plane: PlaneSize| PlaneAllocation {
            at: self.take(even(plane.words())),
            rows: plane.rows,
            row_bytes: plane.row_bytes,
            pitch: plane.pitch(),
            channels: plane.channels,
        };
        let luma = allocation(luma);
        let colour = colour.map(&mut allocation);
        let apart = apart.iter().copied().map(allocation).collect();
        self.add_jobs(tables, base, luma, colour);
        let results = results..self.results;
        let grids = first_grid..self.grids.len();
        Some(Allocation { tables: tables.clone(), tables_at, luma, colour, apart, results, grids })
    }

    fn has_room(&self, tables: &Tables, words: u64) -> bool {
        let points: u32 = tables.all().map(Table::points).sum();
        let lumas = lumas(tables).count() as u32;
        let gradients = u32::from(tables.layout.boxes().is_some());
        let results = GRADIENT_WORDS * gradients + LUMA_WORDS * lumas;
        u64::from(self.words) + words <= self.capacity.words().into()
            && self.points + points <= self.capacity.points()
            && self.results + results <= self.capacity.result_words()
            && self.grids.len() + tables.all().count() <= self.capacity.grids() as usize
            && self.gradients.len() < self.capacity.gradients() as usize
            && self.lumas.len() as u32 + lumas <= self.capacity.lumas()
    }

    fn take(&mut self, words: u64) -> u32 {
        let at = self.words;
        self.words += words as u32;
        at
    }

    fn add_jobs(
        &mut self,
        tables: &Tables,
        base: u32,
        luma: PlaneAllocation,
        colour: Option<PlaneAllocation>,
    ) {
        let zero = match tables.layout.shape.samples {
            Samples::Rgb | Samples::Grey => 0,
            Samples::Coarse { .. } => COARSE_ZERO.into(),
        };
        let first = self.points;
        let mut starts = Vec::new();
        for table in &tables.luma {
            starts.push(self.points);
            self.add_grid(table, base, luma, zero);
        }
        let colours = self.points;
        // All three boxes look at the same colour plane.
        for (table, colour) in tables.colour.iter().zip(colour.iter().cycle()) {
            self.add_grid(table, base, *colour, zero);
        }
        if tables.layout.boxes().is_some() {
            self.gradients.push(Gradient {
                boxes: first,
                factor: if zero == 0 { 1 } else { 3 },
                colours,
                coloured: colour.is_some().into(),
                shift: gradient::feature_shift(tables.layout.largest_box()),
                result: self.results,
                ..Gradient::default()
            });
            self.results += GRADIENT_WORDS;
        }
        for index in lumas(tables) {
            let scale = tables.layout.luma_scale(&tables.layout.tables[index]);
            let half = scale.half() as u64;
            self.lumas.push(Luma {
                points: starts[index],
                shift: scale.shift,
                half_low: half as u32,
                half_high: (half >> 32) as u32,
                hundredth: scale.hundredth() as u32,
                result: self.results,
                ..Luma::default()
            });
            self.results += LUMA_WORDS;
        }
    }

    fn add_grid(&mut self, table: &Table, base: u32, plane: PlaneAllocation, zero: u32) {
        self.grids.push(Grid {
            first_line: self.lines,
            columns: table.columns,
            // The largest power of two for which every column has as many: 8 for 26 columns, 4 for 64.
            lanes: 1 << (THREADS / table.columns).ilog2(),
            samples: plane.at,
            pitch: plane.pitch,
            row_words: plane.row_bytes.div_ceil(4) as u32,
            channels: plane.channels,
            mix_0: table.mix[0],
            mix_1: table.mix[1],
            mix_2: table.mix[2],
            zero,
            tables: base,
            line_records: table.line_records,
            column_records: table.column_records,
            points: self.points,
            unused: 0,
        });
        self.lines += table.lines;
        self.points += table.points();
    }
}

/// Views of mapped memory begin at multiples of 8 bytes.
fn even(words: u64) -> u64 {
    words.next_multiple_of(2)
}

/// The tables that are PDQ grids, by index.
fn lumas(tables: &Tables) -> impl Iterator<Item = usize> + '_ {
    let tables = tables.layout.tables.iter().enumerate();
    tables.filter(|(_, table)| table.algorithm != Algorithm::PhotoDna).map(|(index, _)| index)
}

impl Allocation {
    fn sums(&self, results: &[u32], number: u32) -> Option<Sums> {
        let mut words = &results[self.results.start as usize..self.results.end as usize];
        let mut take = |count: u32| {
            let (taken, rest) = words.split_at(count as usize);
            words = rest;
            taken
        };
        let layout = &self.tables.layout;
        let mut gradients = None;
        if layout.boxes().is_some() {
            let words = take(GRADIENT_WORDS);
            if words[2 * 144] != number {
                return None;
            }
            let shift = gradient::feature_shift(layout.largest_box());
            let sums = std::array::from_fn(|k| integer(words, k));
            gradients = Some((Gradients { sums, shift }, layout.box_unit()));
        }
        let mut sums = Sums { gradients, pdq: None, pdq512: None };
        for index in lumas(&self.tables) {
            let words = take(LUMA_WORDS);
            if words[2 * 256 + 1] != number {
                return None;
            }
            let pdq = PdqSums {
                scale: layout.luma_scale(&layout.tables[index]),
                quality: words[2 * 256] as u8,
                coefficients: std::array::from_fn(|k| integer(words, k)),
            };
            match layout.tables[index].algorithm {
                Algorithm::Pdq512 => sums.pdq512 = Some(pdq),
                _ => sums.pdq = Some(pdq),
            }
        }
        Some(sums)
    }
}

/// Another number for each batch of either kind.
pub(super) fn next_number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Odd, so that it never comes to 0.
    NEXT.fetch_add(2, Ordering::Relaxed) | 1
}

/// The `k`th 64-bit number.
fn integer(words: &[u32], k: usize) -> i64 {
    (u64::from(words[2 * k]) | u64::from(words[2 * k + 1]) << 32) as i64
}

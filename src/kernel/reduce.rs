//! The separable weighted sum of a plane down to a grid: the one pass over the samples.
//!
//! `grid[v][u] = Σ_y rows[v][y] · Σ_x columns[u][x] · Σ_c mix[c] · sample[y][x][c]`
//!
//! Integers throughout, so the order of summation is free, and this is the order that costs least:
//!
//! 1. Samples are bytes and a row is a line of bytes. Only the weight of their column distinguishes the channels, and the two
//!    halves of a 16-bit sample (`mix` is folded into the column table).
//! 2. A run of rows ([`blocks`](super::blocks)) is summed upright in 16-bit lanes, one load, one widening and two additions per
//!    vector of bytes, before anything is multiplied.
//! 3. The two sums of a run, and the sum of all rows above, are added, weighted, to the 32-bit accumulators of the lines that
//!    have a corner or an edge there.
//! 4. A line whose last row has passed is multiplied with the column table: 64-bit dot products, once per line instead of once
//!    per row. [`GROUP`] columns go together: in a small picture a column has one to six vectors, and the sum across the lanes at
//!    its end cost more than they do.
//! 5. A plane wider than [`STRIP`] bytes is taken in upright strips, so that memory depends on no picture's width.
//!
//! Ranges, where `Σ` are the sums of a line's weights ([`weights`](super::weights)):
//!
//! | value | bound | kept in |
//! | --- | --- | --- |
//! | sum and sum of running sums of a run | 255·22·23/2 = 64,515 | 16 bits |
//! | accumulator of a line | 255·Σrows, at most 255·2²³ | 32 bits |
//! | column weight times `mix` | 2²³·256 (coarse) or 2²²·1000 (PDQ) | 32 bits |
//! | grid point | 65,535·2²³·2²³ (coarse boxes) < 2⁶² | 64 bits |
//!
//! These bound the final values. On the way accumulators wrap around, since a term may be negative (a falling slope, a stretch
//! of rows taken back). Additions and multiplications modulo 2³² end at the true sum all the same.
//!
//! Tried and not kept: summing along rows first (a prefix sum costs more than a vertical sum, and every row pays for 142 look-ups);
//! separating R, G and B while loading (three shuffles per vector where column weights do it for nothing); one stretch of 32 KiB
//! per accumulator whatever the picture's width (the accumulators then contend for the same cache lines).

use std::ops::{Add, Mul, Range};

use fearless_simd::{Bytes, Level, Simd, SimdBase, SimdWiden, dispatch};

use super::blocks::{Blocks, MAX_ROWS, Term};
use super::weights::Weights;

/// Widest vector of bytes of any level; strips are padded to it.
const LANES: usize = 64;
/// Widest vector of 32-bit words of any level; column weights are filled up to it.
const WORDS: usize = 16;
/// Columns that are summed across at once: the widest vector of 64-bit words of any level.
const GROUP: usize = 8;
/// Bytes across a strip. Narrower ones (1 to 4 KiB) fit the innermost cache and were still slower: rows are then read in
/// pieces that the CPU does not prefetch.
const STRIP: usize = 8192;

/// How the samples of one kind of plane become grids: row runs and column tables, ready to run.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    blocks: Blocks,
    strips: Vec<Strip>,
    /// Grid points across and down each table.
    grids: Vec<(usize, usize)>,
    /// Words from one line's sums to the next one's: room for the weights of 0 beyond the last sum.
    spacing: usize,
}

/// The part of every row from one byte to another.
#[derive(Debug, Clone)]
struct Strip {
    bytes: Range<usize>,
    /// The part of each table's column weights that lies in the strip, counted from its first byte.
    columns: Vec<Columns>,
}

/// Column weights by [`GROUP`]s of columns side by side.
#[derive(Debug, Clone)]
struct Columns {
    groups: Vec<Group>,
    weights: Vec<u32>,
}

/// Columns equally long, weights of 0 at their ends.
#[derive(Debug, Clone)]
struct Group {
    /// The first byte of each.
    firsts: [usize; GROUP],
    /// A multiple of [`WORDS`].
    length: usize,
    /// Where their weights begin.
    offset: usize,
}

impl Columns {
    /// The part of `table` that lies in `bytes`, of rows whose interleaved bytes count `mix` times a column's weight.
    fn new(table: &Weights, mix: &[u32], bytes: &Range<usize>) -> Columns {
        let mut columns = Columns { groups: Vec::new(), weights: Vec::new() };
        let spans: Vec<Range<usize>> = (0..table.len())
            .map(|column| {
                let span = table.span(column);
                let clamp = |pixel: usize| (pixel * mix.len()).clamp(bytes.start, bytes.end);
                clamp(span.start)..clamp(span.end)
            })
            .collect();
        for (group, spans) in spans.chunks(GROUP).enumerate() {
            columns.push(table, mix, bytes.start, group * GROUP, spans);
        }
        columns
    }

    fn push(&mut self, table: &Weights, mix: &[u32], start: usize, first: usize, spans: &[Range<usize>]) {
        // All columns of a group run through the same loop, so the longest decides. Weights of 0 fill up the others.
        let length = spans.iter().map(Range::len).max().unwrap_or(0).next_multiple_of(WORDS);
        let mut group = Group { firsts: [0; GROUP], length, offset: self.weights.len() };
        for (k, span) in spans.iter().enumerate().filter(|(_, span)| !span.is_empty()) {
            let column = first + k;
            // Weights that an earlier strip has used.
            let before = span.start - table.span(column).start * mix.len();
            let weights =
                table.values(column).iter().flat_map(|&weight| mix.iter().map(move |&m| weight * m));
            self.weights.resize(group.offset + k * length, 0);
            self.weights.extend(weights.skip(before).take(span.len()));
            group.firsts[k] = span.start - start;
        }
        self.weights.resize(group.offset + GROUP * length, 0);
        self.groups.push(group);
    }
}

impl Schedule {
    /// A schedule for rows of `columns·mix.len()` bytes; each table is (rows, columns, mix of the interleaved bytes).
    pub(crate) fn new(rows: u32, columns: u32, tables: &[(Weights, Weights, &[u32])]) -> Schedule {
        let row_tables: Vec<&Weights> = tables.iter().map(|(rows, ..)| rows).collect();
        let channels = tables.first().map_or(1, |(.., mix)| mix.len());
        let width = columns as usize * channels;
        // `mix` has one entry per interleaved byte, so every table of a plane says the same.
        let strip = |start: usize| {
            let bytes = start..(start + STRIP).min(width);
            let columns = tables.iter().map(|(_, columns, mix)| Columns::new(columns, mix, &bytes)).collect();
            Strip { bytes, columns }
        };
        let strips: Vec<Strip> = (0..width).step_by(STRIP).map(strip).collect();
        let groups = strips.iter().flat_map(|strip| &strip.columns).flat_map(|columns| &columns.groups);
        let longest = groups.map(|group| group.length).max().unwrap_or(0);
        let padded = width.min(STRIP).next_multiple_of(LANES);
        Schedule {
            blocks: Blocks::new(rows as usize, &row_tables),
            grids: tables.iter().map(|(rows, columns, _)| (rows.len(), columns.len())).collect(),
            // A short column at the edge of a strip is read as far as the longest of its group.
            spacing: padded + longest.max(WORDS),
            strips,
        }
    }
}

/// Sums are stored by whole aligned cache lines: vectors that straddle two cost a quarter of the whole.
#[derive(Debug, Clone, Copy, bytemuck::Zeroable, bytemuck::Pod)]
#[repr(C, align(64))]
struct CacheLine([u32; WORDS]);

/// Buffers that outlive one picture.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// One row of 32-bit sums per active line, as wide as a strip; all zero between pictures.
    sums: Vec<CacheLine>,
    /// The last rows of a strip, copied so that whole vectors can be read.
    tail: Vec<u8>,
}

/// Sums the plane `samples`, rows `stride` bytes apart, into one grid a table: row-major, `rows.len()`×`columns.len()`.
pub(crate) fn reduce(
    level: Level,
    schedule: &Schedule,
    samples: &[u8],
    stride: usize,
    scratch: &mut Scratch,
    grids: &mut Vec<Vec<u64>>,
) {
    grids.resize_with(schedule.grids.len(), Vec::new);
    for (grid, &(lines, columns)) in grids.iter_mut().zip(&schedule.grids) {
        grid.clear();
        grid.resize(lines * columns, 0);
    }
    let lines = schedule.blocks.slots() * schedule.spacing / WORDS;
    // Grown with zeros and left zero by `run`: clearing them here took 8 % of hashing pictures under half a megapixel.
    if scratch.sums.len() < lines {
        scratch.sums.resize(lines, CacheLine([0; WORDS]));
    }
    scratch.tail.resize(MAX_ROWS * STRIP, 0);
    dispatch!(level, simd => run(simd, schedule, samples, stride, scratch, grids));
}

#[inline(always)]
fn run<S: Simd>(
    simd: S,
    schedule: &Schedule,
    samples: &[u8],
    stride: usize,
    scratch: &mut Scratch,
    grids: &mut [Vec<u64>],
) {
    let sums: &mut [u32] = bytemuck::cast_slice_mut(&mut scratch.sums);
    for strip in &schedule.strips {
        let padded = strip.bytes.len().next_multiple_of(LANES);
        for block in schedule.blocks.iter() {
            let rows = &samples[block.rows.start * stride + strip.bytes.start..];
            let count = block.rows.len();
            let terms = schedule.blocks.terms(block);
            // Whole vectors read past the strip's end into what follows; only behind the last rows there may be nothing.
            if rows.len() >= (count - 1) * stride + padded {
                add_rows(simd, rows, stride, count, padded, terms, (sums, schedule.spacing));
            } else {
                copy_rows(rows, stride, count, strip.bytes.len(), &mut scratch.tail);
                add_rows(simd, &scratch.tail, STRIP, count, padded, terms, (sums, schedule.spacing));
            }
            for done in schedule.blocks.finished(block) {
                let sums = &mut sums[done.slot as usize * schedule.spacing..][..schedule.spacing];
                let columns = schedule.grids[done.table].1;
                let grid = &mut grids[done.table][done.line * columns..][..columns];
                add_dots(simd, sums, &strip.columns[done.table], grid);
                // Another line gets this slot.
                sums[..padded].fill(0);
            }
        }
        // Slot 0 sums all rows, so no line finishes it.
        sums[..padded].fill(0);
    }
}

/// Adds to each column's grid point what the strip's `sums` hold for it.
#[inline(always)]
fn add_dots<S: Simd>(simd: S, sums: &[u32], columns: &Columns, grid: &mut [u64]) {
    for (group, grid) in columns.groups.iter().zip(grid.chunks_mut(GROUP)) {
        if group.length == 0 {
            continue;
        }
        let weights = &columns.weights[group.offset..][..GROUP * group.length];
        let mut dots = [0u64; GROUP];
        let lanes = S::u64s::LEN;
        for start in (0..GROUP).step_by(lanes) {
            let mut vectors = [S::u64s::splat(simd, 0); GROUP];
            for k in 0..lanes {
                let sums = &sums[group.firsts[start + k]..][..group.length];
                vectors[k] = products(simd, sums, &weights[(start + k) * group.length..][..group.length]);
            }
            across(vectors).store_slice(&mut dots[start..start + lanes]);
        }
        grid.iter_mut().zip(dots).for_each(|(point, dot)| *point = point.wrapping_add(dot));
    }
}

/// Copies `count` rows of `width` bytes to where whole vectors can be read.
fn copy_rows(rows: &[u8], stride: usize, count: usize, width: usize, tail: &mut [u8]) {
    for (k, to) in tail.chunks_exact_mut(STRIP).take(count).enumerate() {
        to[..width].copy_from_slice(&rows[k * stride..][..width]);
    }
}

/// Adds `count` rows of `padded` bytes to the accumulators that `terms` name.
///
/// Bytes beyond a row's end are summed like any other and never looked at again.
#[inline(always)]
fn add_rows<S: Simd>(
    simd: S,
    rows: &[u8],
    stride: usize,
    count: usize,
    padded: usize,
    terms: &[Term],
    (sums, spacing): (&mut [u32], usize),
) {
    let lanes = S::u8s::LEN;
    // Slot 0 is the sum of all rows above.
    let (above, sums) = sums.split_at_mut(spacing);
    // Columns outside, terms inside: the sums of a run stay in registers for every line that they count towards.
    for x in (0..padded).step_by(lanes) {
        let (low, high) = column_sums(simd, rows, stride, count, x);
        let (plain, running) = (words::<S>(low.0, high.0), words::<S>(low.1, high.1));
        let above = &mut above[x..][..lanes];
        let before = load(simd, above);
        for term in terms {
            let sums = &mut sums[(term.slot as usize - 1) * spacing + x..][..lanes];
            let mut sum = added(load(simd, sums), plain, term.level);
            if term.rising != 0 {
                sum = added(sum, running, term.rising);
            }
            if term.before != 0 {
                sum = added(sum, before, term.before);
            }
            store(sum, sums);
        }
        // After the terms, which want the rows above without these.
        store(added(before, plain, 1), above);
    }
}

/// As many 32-bit words as a vector has bytes.
type Words<S> = [<S as Simd>::u32s; 4];

#[inline(always)]
fn words<S: Simd>(low: S::u16s, high: S::u16s) -> Words<S> {
    let ((a, b), (c, d)) = (low.widen(), high.widen());
    [a, b, c, d]
}

#[inline(always)]
fn load<S: Simd>(simd: S, sums: &[u32]) -> Words<S> {
    std::array::from_fn(|k| S::u32s::from_slice(simd, &sums[k * S::u32s::LEN..][..S::u32s::LEN]))
}

#[inline(always)]
fn store<V: SimdBase<S, Element = u32>, S: Simd>(words: [V; 4], sums: &mut [u32]) {
    words.iter().zip(sums.chunks_exact_mut(V::LEN)).for_each(|(word, sums)| word.store_slice(sums));
}

/// `sum + factor·words`, modulo 2³².
#[inline(always)]
fn added<V: Add<Output = V> + Mul<u32, Output = V> + Copy>(
    sum: [V; 4],
    words: [V; 4],
    factor: u32,
) -> [V; 4] {
    std::array::from_fn(|k| sum[k] + words[k] * factor)
}

/// A column of 16-bit lanes summed over a run: the plain sum, and the sum of the running sums.
type Sums<S> = (<S as Simd>::u16s, <S as Simd>::u16s);

#[inline(always)]
fn column_sums<S: Simd>(simd: S, rows: &[u8], stride: usize, count: usize, x: usize) -> (Sums<S>, Sums<S>) {
    let zero = S::u16s::splat(simd, 0);
    let (mut low, mut high) = ((zero, zero), (zero, zero));
    for k in 0..count {
        let (a, b) = S::u8s::from_slice(simd, &rows[k * stride + x..][..S::u8s::LEN]).widen();
        // The running sums' sum counts row k of m as often as there are rows from it on: Σ(m−k)·p_k without a multiplication.
        low.0 += a;
        low.1 += low.0;
        high.0 += b;
        high.1 += high.0;
    }
    (low, high)
}

/// `sums·weights` in 64-bit lanes that add up to the dot product. Both are whole vectors at every level.
#[inline(always)]
fn products<S: Simd>(simd: S, sums: &[u32], weights: &[u32]) -> S::u64s {
    let low = S::u64s::splat(simd, u32::MAX.into());
    let zero = S::u64s::splat(simd, 0);
    let (mut even, mut odd) = (zero, zero);
    let lanes = S::u32s::LEN;
    for (sums, weights) in sums.chunks_exact(lanes).zip(weights.chunks_exact(lanes)) {
        // Even and odd words are multiplied where they lie, in halves of 64-bit lanes: no shuffle moves them apart.
        let a: S::u64s = S::u32s::from_slice(simd, sums).bitcast();
        let b: S::u64s = S::u32s::from_slice(simd, weights).bitcast();
        even += (a & low) * (b & low);
        odd += (a >> 32) * (b >> 32);
    }
    even + odd
}

/// The sum across each of the first vectors, as many as one has lanes: lane `k` is that of vector `k`.
#[inline(always)]
fn across<V: SimdBase<S> + Add<Output = V>, S: Simd>(mut vectors: [V; GROUP]) -> V {
    let mut count = V::LEN;
    // Adding pairs halves the vectors and doubles the columns that each holds sums of: LEN − 1 additions for LEN columns.
    while count > 1 {
        count /= 2;
        for k in 0..count {
            let (even, odd) = vectors[2 * k].deinterleave(vectors[2 * k + 1]);
            vectors[k] = even + odd;
        }
    }
    vectors[0]
}

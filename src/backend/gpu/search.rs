//! Known signatures that stay on a device, and others looked up among them.
//!
//! The rows are uploaded once, in parts no larger than a binding. Queries follow in batches. A dispatch looks a batch up in
//! a range of rows small enough that no driver takes it for hanging, and leaves the pairs within the radius in a list. If the list is
//! too short, the range is halved and asked again, so that no pair is lost.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use wgpu::{BindGroup, Buffer, BufferUsages, ComputePipeline};

use super::device::{Device, MOST_WORKGROUPS};
use crate::error::Result;
use crate::kernel::distance::Pair;

/// Queries in a batch.
pub(super) const BATCH: usize = 1024;
/// Pairs of the first dispatch, and of any at most: some ten milliseconds on a large card. In between, as many as the card takes [`BRIEFLY`] for: systems reset one that
/// works for two seconds on end, and a small one would for 2³¹ pairs.
const FIRST_PAIRS: u64 = 1 << 26;
const MOST_PAIRS: u64 = 1 << 31;
const SOFTWARE_PAIRS: u64 = 1 << 22;
const BRIEFLY: Duration = Duration::from_millis(20);
/// Pairs that the list has room for. A range of [`LEAST_ROWS`] and [`LEAST_QUERIES`] has no more pairs than that.
pub(super) const CAPACITY: u32 = 1 << 16;
const LEAST_ROWS: u32 = 256;
const LEAST_QUERIES: u32 = 256;
/// How long a dispatch may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes written to the device at a time.
const PIECE: usize = 16 << 20;

/// What is computed of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Metric {
    /// Squared Euclidean distance of 144 bytes.
    Squares,
    /// Hamming distance of 256 bits.
    Hamming,
}

impl Metric {
    #[cfg(test)]
    pub(super) const ALL: [Metric; 2] = [Metric::Squares, Metric::Hamming];

    /// The stage's name, its shader's and its entry point's.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Metric::Squares => "squares",
            Metric::Hamming => "hamming",
        }
    }

    pub(super) fn text(self) -> &'static str {
        match self {
            Metric::Squares => SQUARES,
            Metric::Hamming => HAMMING,
        }
    }

    /// Bytes of a signature.
    fn bytes(self) -> usize {
        match self {
            Metric::Squares => 144,
            Metric::Hamming => 32,
        }
    }

    /// `THREADS` · `ROWS` of the shader.
    pub(super) fn rows_a_workgroup(self) -> u32 {
        match self {
            Metric::Squares => 512,
            Metric::Hamming => 1024,
        }
    }

    /// Words of a query, followed by its square if it has one.
    pub(super) fn query_words(self) -> usize {
        match self {
            Metric::Squares => 40,
            Metric::Hamming => 8,
        }
    }

    fn prepare(self, signature: &[u8], words: &mut Vec<u32>) {
        let end = words.len() + self.query_words();
        words.extend(signature.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes)));
        if self == Metric::Squares {
            words.push(signature.iter().map(|&byte| u32::from(byte).pow(2)).sum());
        }
        words.resize(end, 0);
    }
}

/// The shaders' texts, each after what it includes.
const SQUARES: &str =
    concat!(include_str!("../../../shaders/search.wgsl"), include_str!("../../../shaders/squares.wgsl"));
const HAMMING: &str =
    concat!(include_str!("../../../shaders/search.wgsl"), include_str!("../../../shaders/hamming.wgsl"));

/// `Search` of `shaders/search.wgsl`.
#[derive(Debug, Clone, Copy, Default, bytemuck::Zeroable, bytemuck::Pod)]
#[repr(C)]
pub(super) struct Search {
    pub(super) first_row: u32,
    pub(super) end_row: u32,
    pub(super) first_query: u32,
    pub(super) end_query: u32,
    pub(super) radius: u32,
    pub(super) capacity: u32,
    pub(super) unused_0: u32,
    pub(super) unused_1: u32,
}

/// `Hit` of `shaders/search.wgsl`; the list begins behind the count.
#[derive(Debug, Clone, Copy, Default, bytemuck::Zeroable, bytemuck::Pod)]
#[repr(C)]
pub(super) struct Hit {
    pub(super) query: u32,
    pub(super) row: u32,
    pub(super) distance: u32,
}

const LIST_BYTES: u64 = 4 + CAPACITY as u64 * size_of::<Hit>() as u64;

/// Known signatures of one metric on a device.
#[derive(Debug)]
pub(crate) struct Resident {
    metric: Metric,
    pipeline: ComputePipeline,
    parts: Vec<BoundRows>,
    search: Buffer,
    queries: Buffer,
    hits: Buffer,
    readback: Buffer,
    /// Held while the buffers are in use.
    busy: Mutex<Busy>,
}

/// What changes from batch to batch.
#[derive(Debug)]
struct Busy {
    /// Words of the queries.
    words: Vec<u32>,
    /// Pairs of the next dispatch, and the most of any.
    pairs: u64,
    most: u64,
}

impl Busy {
    fn of(device: &Device) -> Busy {
        let (pairs, most) = if device.adapter.is_software() {
            (SOFTWARE_PAIRS, SOFTWARE_PAIRS)
        } else {
            (FIRST_PAIRS, MOST_PAIRS)
        };
        Busy { words: Vec::new(), pairs, most }
    }

    /// Takes so many rows at a time for `queries` queries.
    fn rows(&self, metric: Metric, queries: u32) -> u32 {
        let rows = (self.pairs / u64::from(queries.max(1))) as u32 / LEAST_ROWS * LEAST_ROWS;
        rows.clamp(LEAST_ROWS, MOST_WORKGROUPS * metric.rows_a_workgroup())
    }

    /// Learns from a full dispatch.
    fn learn(&mut self, took: Duration) {
        if took > 2 * BRIEFLY {
            self.pairs /= 2;
        } else if took < BRIEFLY / 2 {
            self.pairs = (2 * self.pairs).min(self.most);
        }
        self.pairs = self.pairs.max(u64::from(LEAST_ROWS));
    }
}

/// Rows in one binding.
#[derive(Debug)]
struct BoundRows {
    rows: Range<u32>,
    group: BindGroup,
}

impl Resident {
    /// Uploads `rows`, signatures one after another.
    ///
    /// # Errors
    ///
    /// [`Error::Device`](crate::Error::Device) where the device has no memory for them, or fails.
    pub(crate) fn upload(device: &Device, metric: Metric, rows: &[u8]) -> Result<Resident> {
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_DST;
        let pipeline = device.pipeline(metric.name(), metric.text());
        let search = device.buffer("search", size_of::<Search>() as u64, BufferUsages::UNIFORM | usage);
        let queries = device.buffer("queries", (4 * metric.query_words() * BATCH) as u64, usage);
        let hits = device.buffer("hits", LIST_BYTES, usage | BufferUsages::COPY_SRC);
        let readback =
            device.buffer("hits readback", LIST_BYTES, BufferUsages::MAP_READ | BufferUsages::COPY_DST);
        let mut resident = Resident {
            metric,
            pipeline,
            parts: Vec::new(),
            search,
            queries,
            hits,
            readback,
            busy: Mutex::new(Busy::of(device)),
        };
        // Row numbers are 32 bits in the shader.
        let most = (device.adapter.most_bytes() / metric.bytes() as u64).min(1 << 31) as usize;
        for (number, part) in rows.chunks(most.max(1) * metric.bytes()).enumerate() {
            let first = (number * most) as u32;
            let count = (part.len() / metric.bytes()) as u32;
            let group = resident.put(device, part)?;
            resident.parts.push(BoundRows { rows: first..first + count, group });
        }
        device.check()?;
        Ok(resident)
    }

    fn put(&self, device: &Device, rows: &[u8]) -> Result<BindGroup> {
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_DST;
        let known = device.buffer("known signatures", rows.len() as u64, usage);
        device.check()?;
        for (number, piece) in rows.chunks(PIECE).enumerate() {
            device.queue.write_buffer(&known, (number * PIECE) as u64, piece);
            // Sent piece by piece, since what waits to be sent takes memory a second time.
            device.submit(device.device.create_command_encoder(&Default::default()));
            device.wait(PATIENCE)?;
        }
        let resources = [&self.search, &known, &self.queries, &self.hits];
        let layout = self.pipeline.get_bind_group_layout(0);
        Ok(device.group("search", &layout, &resources.map(Buffer::as_entire_binding)))
    }

    /// Calls `found` with query, row and distance of every pair within `radius`; `queries` are signatures one after
    /// another. Nothing is given of a batch of queries that fails: how many of them had been looked up comes with the error.
    pub(crate) fn search(
        &self,
        device: &Device,
        queries: &[u8],
        radius: u32,
        found: &mut dyn FnMut(Pair, u32),
    ) -> Result<(), (usize, crate::Error)> {
        let mut hits = Vec::new();
        for (number, batch) in queries.chunks(BATCH * self.metric.bytes()).enumerate() {
            let first = number * BATCH;
            hits.clear();
            self.look_up(device, batch, radius, &mut hits).map_err(|error| {
                device.abandon();
                (first, error)
            })?;
            for hit in &hits {
                found(Pair { query: first as u32 + hit.query, row: hit.row }, hit.distance);
            }
        }
        Ok(())
    }

    /// All hits of a batch.
    fn look_up(&self, device: &Device, batch: &[u8], radius: u32, found: &mut Vec<Hit>) -> Result<()> {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let words = &mut busy.words;
        words.clear();
        let signatures = batch.chunks_exact(self.metric.bytes());
        let count = signatures.len() as u32;
        signatures.for_each(|signature| self.metric.prepare(signature, words));
        device.queue.write_buffer(&self.queries, 0, bytemuck::cast_slice(words));
        for part in &self.parts {
            let (mut first, end) = (0, part.rows.len() as u32);
            while first < end {
                let rows = busy.rows(self.metric, count);
                let next = first.saturating_add(rows).min(end);
                let started = Instant::now();
                self.range(device, part, first..next, 0..count, radius, found)?;
                // A part of the rows says little, but that it took long.
                if next - first == rows || started.elapsed() > BRIEFLY {
                    busy.learn(started.elapsed());
                }
                first = next;
            }
        }
        Ok(())
    }

    /// The hits of some queries among some rows, in halves where the list is too short for all.
    fn range(
        &self,
        device: &Device,
        part: &BoundRows,
        rows: Range<u32>,
        queries: Range<u32>,
        radius: u32,
        found: &mut Vec<Hit>,
    ) -> Result<()> {
        let task = Search {
            first_row: rows.start,
            end_row: rows.end,
            first_query: queries.start,
            end_query: queries.end,
            radius,
            capacity: CAPACITY,
            ..Search::default()
        };
        let complete = self.dispatch(device, part, task, found)?;
        if complete {
            return Ok(());
        }
        if rows.len() as u32 > LEAST_ROWS {
            let middle = rows.start + (rows.len() as u32 / 2).next_multiple_of(LEAST_ROWS);
            self.range(device, part, rows.start..middle, queries.clone(), radius, found)?;
            return self.range(device, part, middle..rows.end, queries, radius, found);
        }
        if queries.len() as u32 <= LEAST_QUERIES {
            return Err(device.broken(self.metric.name(), "more hits than pairs"));
        }
        for first in queries.clone().step_by(LEAST_QUERIES as usize) {
            let some = first..(first + LEAST_QUERIES).min(queries.end);
            self.range(device, part, rows.clone(), some, radius, found)?;
        }
        Ok(())
    }

    /// Whether all hits were given.
    fn dispatch(
        &self,
        device: &Device,
        part: &BoundRows,
        task: Search,
        found: &mut Vec<Hit>,
    ) -> Result<bool> {
        device.queue.write_buffer(&self.search, 0, bytemuck::bytes_of(&task));
        let mut encoder = device.device.create_command_encoder(&Default::default());
        encoder.clear_buffer(&self.hits, 0, Some(4));
        {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            pass.set_pipeline(&self.pipeline);
            pass.set_bind_group(0, &part.group, &[]);
            let groups = (task.end_row - task.first_row).div_ceil(self.metric.rows_a_workgroup());
            pass.dispatch_workgroups(groups, 1, 1);
        }
        // All of it, since the count is not known here.
        encoder.copy_buffer_to_buffer(&self.hits, 0, &self.readback, 0, LIST_BYTES);
        device.submit(encoder);
        // The driver is not trusted to stay within what was asked: these numbers become indices.
        let asked =
            |hit: &Hit| hit.row < task.end_row && hit.query < task.end_query && hit.distance <= task.radius;
        let read = |words: &[u32]| {
            let (count, list) = words.split_first().unwrap_or((&0, &[]));
            if *count > CAPACITY {
                return Ok(false);
            }
            let hits: &[Hit] = bytemuck::cast_slice(&list[..3 * *count as usize]);
            if !hits.iter().all(asked) {
                return Err(device.broken(self.metric.name(), "hits that nobody asked for"));
            }
            found.extend(hits.iter().map(|hit| Hit { row: part.rows.start + hit.row, ..*hit }));
            Ok(true)
        };
        device.read(&self.readback, LIST_BYTES, PATIENCE, read)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pairs that a card of so many a second is given at a time, when it has been given some.
    fn learned(pairs_a_second: f64) -> (u64, Duration) {
        let mut busy = Busy { words: Vec::new(), pairs: FIRST_PAIRS, most: MOST_PAIRS };
        let took = |pairs: u64| Duration::from_secs_f64(pairs as f64 / pairs_a_second);
        assert!(took(busy.pairs) < Duration::from_secs(1));
        (0..30).for_each(|_| busy.learn(took(busy.pairs)));
        (busy.pairs, took(busy.pairs))
    }

    #[test]
    fn no_card_works_long_on_end() {
        for shift in 27..36 {
            let (_, took) = learned((1u64 << shift) as f64);
            assert!((BRIEFLY / 2..=2 * BRIEFLY).contains(&took), "{shift}: {took:?}");
        }
        assert_eq!(learned(1e12).0, MOST_PAIRS);
        let busy = Busy { words: Vec::new(), pairs: FIRST_PAIRS, most: MOST_PAIRS };
        assert_eq!(
            (busy.rows(Metric::Hamming, 1024), busy.rows(Metric::Hamming, 0)),
            (1 << 16, 65_535 << 10)
        );
        assert_eq!(Busy { pairs: 1, ..busy }.rows(Metric::Squares, 1024), LEAST_ROWS);
    }
}

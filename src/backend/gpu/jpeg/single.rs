//! One batch of JPEGs by itself, waited for: for the probe, for measurements and for tests.

use std::time::Duration;

use fearless_simd::Level;
use wgpu::{Buffer, BufferUsages};

use super::batch::{Batch, Capacity, GuardNumbers, Numbers, PlanePlace, lane_shift, planes_of};
use super::stages::{Buffers, Found, Stages};
use crate::backend::gpu::device::Device;
use crate::decode::Detail;
use crate::decode::jpeg::{Compressed, Guards, JpegReader, Seen, Sums, Unstuffed};
use crate::error::{Error, Result};
use crate::limits::Limits;

/// What the device made of a file.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) found: Found,
    /// Luma, and colour, row by row, and of a guarded one Cb and Cr.
    pub(super) planes: Vec<Vec<Vec<u16>>>,
    /// Of a guarded one.
    pub(super) guards: Option<(Guards, Sums<i64>, Vec<Option<Seen>>)>,
}

/// A picture's numbers, its planes' places with their columns, and its guards with its components.
type Numbered = (Numbers, Vec<(PlanePlace, u32)>, Option<(Guards, usize)>);

/// A batch with what reads it back.
#[derive(Debug)]
pub(super) struct Single<'a> {
    device: &'a Device,
    stages: &'a Stages,
    pub(super) batch: Batch,
    pub(super) buffers: Buffers,
    level: Level,
    /// Each file's picture; `None` of one that does not qualify.
    numbers: Vec<Option<Numbered>>,
    /// Words of samples, and how many there may be.
    words: u32,
    room: u32,
}

impl<'a> Single<'a> {
    pub(super) fn new(device: &'a Device, stages: &'a Stages, capacity: Capacity) -> Single<'a> {
        Single {
            device,
            stages,
            batch: Batch::new(capacity, stages.window),
            buffers: Buffers::new(device, capacity),
            level: Level::new(),
            numbers: Vec::new(),
            words: 0,
            room: capacity.0.slots,
        }
    }

    /// Adds a picture whose lanes have `1 << lane_shift` bits. Whether there was room, or the file does not qualify, which `None` says as well.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] where the buffer is lost.
    pub(super) fn add(&mut self, picture: Option<&Compressed<'_>>, lane_shift: u32) -> Result<bool> {
        let Some(picture) = picture else {
            self.numbers.push(None);
            return Ok(true);
        };
        let mut places = Vec::new();
        let mut planes = Vec::new();
        let mut words = self.words;
        for plane in planes_of(picture) {
            let pitch = 2 * plane.columns.div_ceil(4);
            let place = PlanePlace { at: words, pitch, rows: plane.rows };
            words += pitch * plane.rows;
            places.push(place);
            planes.push((place, plane.columns));
        }
        let Some(reserved) = self.batch.reserve(picture, lane_shift).filter(|_| words <= self.room) else {
            return Ok(false);
        };
        let unstuffed = self.buffers.fill(self.device, self.level, picture, &reserved)?;
        let place = |unstuffed: Unstuffed| {
            let guards = picture.guards(&unstuffed);
            let numbers = self.batch.place(picture, &reserved, (&unstuffed, guards.as_ref()), &places)?;
            Some((numbers, planes, guards.map(|guards| (guards, picture.parts.len()))))
        };
        let numbered = unstuffed.and_then(place);
        if numbered.is_some() {
            self.words = words;
        }
        self.numbers.push(numbered);
        Ok(true)
    }

    /// Whether no picture is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.numbers.iter().all(Option::is_none)
    }

    /// A buffer for the samples.
    pub(super) fn samples(&self) -> Buffer {
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST;
        self.device.buffer("samples", 4 * u64::from(self.words.max(1)), usage)
    }

    /// Runs the batch, and waits for it. Samples that no stage writes are bytes of `poison`.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] where the device fails or `patience` ends.
    pub(super) fn run(mut self, poison: u8, patience: Duration) -> Result<Vec<Option<Outcome>>> {
        if self.is_empty() {
            return Ok(self.numbers.iter().map(|_| None).collect());
        }
        let device = self.device;
        self.batch.close();
        let samples = self.samples();
        device.queue.write_buffer(&samples, 0, &vec![poison; samples.size() as usize]);
        let mut encoder = device.device.create_command_encoder(&Default::default());
        self.buffers.send(&mut encoder, &self.batch)?;
        let binding = samples.as_entire_binding();
        self.stages.encode(device, &mut encoder, &self.buffers, &self.batch, binding, None);
        self.buffers.receive(&mut encoder, &self.batch);
        let readback = device.buffer(
            "samples readback",
            samples.size(),
            BufferUsages::MAP_READ | BufferUsages::COPY_DST,
        );
        encoder.copy_buffer_to_buffer(&samples, 0, &readback, 0, samples.size());
        device.submit(encoder);
        let found = self.buffers.found(device, &self.batch, patience)?;
        let words = device.read(&readback, samples.size(), patience, <[u32]>::to_vec)?;
        let row = |place: &PlanePlace, columns: u32, row: u32| -> Vec<u16> {
            let words = &words[(place.at + row * place.pitch) as usize..][..place.pitch as usize];
            words.iter().flat_map(|word| [*word as u16, (word >> 16) as u16]).take(columns as usize).collect()
        };
        let plane =
            |(place, columns): &(PlanePlace, u32)| (0..place.rows).map(|y| row(place, *columns, y)).collect();
        let outcome = |(numbers, planes, guards): Numbered| Outcome {
            found: found.pictures[numbers.picture as usize],
            planes: planes.iter().map(plane).collect(),
            guards: numbers.guard.zip(guards).map(|(GuardNumbers { guard, looks }, (guards, count))| {
                (guards, found.sums(guard), found.seen(looks, count).collect())
            }),
        };
        Ok(self.numbers.into_iter().map(|number| number.map(outcome)).collect())
    }
}

/// A file that a device is tried on.
#[derive(Debug)]
pub(crate) struct JpegProbe {
    pub(crate) file: Vec<u8>,
    /// How far it is decoded.
    pub(crate) detail: Detail,
    /// Bits of its lanes as a power of two, at most.
    pub(crate) lane_shift: u32,
    /// Whether low frequencies count only where pixels would show the same; not where all are read.
    pub(crate) is_guarded: bool,
}

/// A file as the device decoded it.
#[derive(Debug)]
pub(crate) struct DecodedFile {
    /// Luma, and colour, row by row; `None` where the CPU has to read the file.
    pub(crate) planes: Option<Vec<Vec<Vec<u16>>>>,
    /// Whether low frequencies are not enough, by its guards.
    pub(crate) is_beyond: bool,
}

/// Decodes small files as one batch, each as far as is said of it.
///
/// # Errors
///
/// [`Error::Device`] where one does not qualify or they do not fit, the device fails, or `patience` ends.
pub(crate) fn decode(device: &Device, files: &[JpegProbe], patience: Duration) -> Result<Vec<DecodedFile>> {
    let stages = device.kept(|| Stages::new(device))?;
    let bytes = files.iter().map(|probe| probe.file.len()).sum::<usize>();
    let mut single = Single::new(device, &stages, Capacity::of((2 * bytes.max(1 << 19)) as u32));
    let (mut reader, limits) = (JpegReader::default(), Limits::default());
    let unfit = |number: usize, why: &str| Error::Device(format!("file {number} of the probe {why}"));
    for (number, JpegProbe { file, detail, lane_shift: most, is_guarded }) in files.iter().enumerate() {
        let compressed = reader.compressed(file, |_, _| *detail, *is_guarded, &limits);
        let compressed = compressed.ok_or_else(|| unfit(number, "is none that the device decodes"))?;
        if !single.add(Some(&compressed), lane_shift(file.len()).min(*most))? {
            return Err(unfit(number, "has no room"));
        }
    }
    let decoded = |outcome: Option<Outcome>| {
        let Outcome { found, mut planes, guards } = outcome?;
        let is_beyond = guards
            .is_some_and(|(guards, sums, seen)| guards.are_beyond(&sums, seen.into_iter(), Level::new()));
        planes.truncate(2);
        Some(DecodedFile { planes: found.is_good().then_some(planes), is_beyond })
    };
    let outcomes = single.run(0, patience)?.into_iter().enumerate();
    outcomes
        .map(|(number, outcome)| decoded(outcome).ok_or_else(|| unfit(number, "was not sent after all")))
        .collect()
}

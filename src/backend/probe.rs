//! Whether a device can be trusted: a small set of pictures through every stage, compared with the CPU bit for bit.

use std::time::Duration;

use fearless_simd::Level;

use super::cpu::Cpu;
use super::gpu::{self, Capacity, DecodedFile, Device, JpegProbe, Metric, Resident, Run};
use crate::decode::Detail;
use crate::decode::jpeg::{JpegReader, MadeUpKind, Reading, make_up};
use crate::error::{Error, Result};
use crate::kernel::distance::Pair;
use crate::limits::Limits;
use crate::picture::{COARSE_ZERO, Picture, Plane, Planes};
use crate::signature::{Algorithm, Pdq, PhotoDna};

/// Room for the pictures of the probe.
const CAPACITY: Capacity = Capacity { pictures: 16, bytes: 4 << 20 };
/// How long a device may take for them: compiling shaders included, even in software.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the probe on an open device.
///
/// # Errors
///
/// [`Error::Device`] with the name of the first stage that differs: canary, reduce, gradient or dct.
pub(crate) fn probe(device: &Device) -> Result<()> {
    device.count_loops()?;
    let pictures = pictures();
    let run = gpu::run(device, CAPACITY, &pictures, &Algorithm::ALL, PATIENCE)?;
    match difference(&pictures, &run) {
        None => Ok(()),
        Some(stage) => Err(untrusted(device, stage)),
    }
}

/// Has an open device decode made-up JPEGs, and holds every sample, what their guards say, and which are broken against the CPU's reader.
///
/// # Errors
///
/// [`Error::Device`] where it comes to something else.
pub(crate) fn probe_jpegs(device: &Device) -> Result<()> {
    let files = jpegs();
    let found = gpu::decode(device, &files, PATIENCE)?;
    if are_decoded(&files, &found) { Ok(()) } else { Err(untrusted(device, "jpeg")) }
}

/// Looks signatures up by one metric, and compares with the definition.
///
/// # Errors
///
/// [`Error::Device`] where the hits are others.
pub(crate) fn probe_search(device: &Device, metric: Metric) -> Result<()> {
    let mut random = random();
    // More rows than a workgroup takes and more queries than its memory holds, so that every loop of the shader turns more than once
    // and ends on a part. The radii let some pairs through and most not: random signatures are 1,572,840 and 128 apart on average.
    match metric {
        Metric::Squares => {
            let mut make = || -> [u8; 144] { std::array::from_fn(|_| random()) };
            let (known, asked): (Vec<_>, Vec<_>) =
                ((0..1100).map(|_| make()).collect(), (0..70).map(|_| make()).collect());
            let distance = |a: &[u8; 144], b: &[u8; 144]| PhotoDna(*a).distance(&PhotoDna(*b));
            compare_hits(device, metric, &known, &asked, 1_450_000, distance)
        }
        Metric::Hamming => {
            let mut make = || -> [u8; 32] { std::array::from_fn(|_| random()) };
            let (known, asked): (Vec<_>, Vec<_>) =
                ((0..1100).map(|_| make()).collect(), (0..300).map(|_| make()).collect());
            compare_hits(device, metric, &known, &asked, 110, |a, b| Pdq(*a).distance(&Pdq(*b)))
        }
    }
}

fn compare_hits<const N: usize>(
    device: &Device,
    metric: Metric,
    known: &[[u8; N]],
    asked: &[[u8; N]],
    radius: u32,
    distance: impl Fn(&[u8; N], &[u8; N]) -> u32,
) -> Result<()> {
    let mut found = Vec::new();
    let resident = Resident::upload(device, metric, known.as_flattened())?;
    let mut keep = |pair: Pair, distance| found.push((pair, distance));
    resident.search(device, asked.as_flattened(), radius, &mut keep).map_err(|(_, error)| error)?;
    found.sort_unstable();
    let pairs = asked.iter().enumerate().flat_map(|(query, own)| {
        let distance = &distance;
        known
            .iter()
            .enumerate()
            .map(move |(row, other)| (Pair { query: query as u32, row: row as u32 }, distance(own, other)))
    });
    if pairs.filter(|(_, distance)| *distance <= radius).eq(found) {
        return Ok(());
    }
    Err(untrusted(device, metric.name()))
}

fn untrusted(device: &Device, stage: &str) -> Error {
    Error::Device(format!(
        "{}: stage {stage} gives other numbers than the CPU; the driver ({}) is not to be trusted",
        device.adapter.name, device.adapter.driver
    ))
}

/// Bytes, the same every time.
fn random() -> impl FnMut() -> u8 {
    let mut state = 1u32;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    }
}

/// Bits of short lanes as a power of two, and of lanes as batches have them.
const SHORT_LANES: u32 = 9;
const USUAL_LANES: u32 = 12;

/// JPEGs at every detail, grey and in three samplings, with restart intervals and without, one of more lanes than a workgroup of any stage takes; each once more with a piece of its
/// data changed.
fn jpegs() -> Vec<JpegProbe> {
    let mut files = Vec::new();
    let mut add = |file: Vec<u8>, detail: u8, lane_shift: u32| {
        let mut broken = file.clone();
        // In the middle, where no marker is: without one of them the file would not be sent.
        let middle = file.len() / 2;
        let plain = file[middle..].windows(25).position(|bytes| !bytes.contains(&0xFF)).unwrap_or(0);
        // Bytes without stuffing, of which any of the codes that are used is long past its end.
        broken[middle + plain + 1..][..24].fill(0xFE);
        // Guards of many blocks would fill the batch, and there are none where all coefficients are kept.
        let is_guarded = detail < 8 && lane_shift != SHORT_LANES;
        let probe = |file| JpegProbe { file, detail: Detail::Scaled(detail), lane_shift, is_guarded };
        files.extend([file, broken].map(probe));
    };
    for (number, detail) in (0..).zip([1, 2, 3, 4, 6, 8]) {
        let (across, down) = [(1, 1), (2, 1), (2, 2)][number % 3];
        let kind = MadeUpKind { is_coloured: number != 2, across, down, restart: [0, 5][number % 2] };
        let (width, height) = (230 - 31 * number as u16, 170 + 17 * number as u16);
        // Of a low quality many blocks are beyond the range, or end at once; of a high one codes are long.
        let quality = [85, 97, 60, 90, 75, 85][number];
        add(make_up(width, height, quality, number as u32, kind), detail, USUAL_LANES);
    }
    // Several segments, one of which goes on from lane to lane where `resolve` and `offsets` begin with their next 256.
    let kind = MadeUpKind { is_coloured: true, across: 2, down: 2, restart: 150 };
    add(make_up(500, 400, 92, 9, kind), 2, SHORT_LANES);
    files
}

/// Whether all files are what the CPU's reader makes of them.
fn are_decoded(files: &[JpegProbe], found: &[DecodedFile]) -> bool {
    let (mut reader, limits) = (JpegReader::default(), Limits::default());
    let mut is_decoded = |JpegProbe { file, detail, is_guarded, .. }: &JpegProbe, found: &DecodedFile| {
        let rule = |_, _| *detail;
        let whole = |reading: &Reading| reading.whole.is_none() && !reading.unusual;
        let Some(reading) = reader.read(file, rule, &limits).ok().filter(whole) else {
            return found.planes.is_none();
        };
        let is_beyond =
            *is_guarded && !reader.read_guarded(file, rule, &limits).is_ok_and(|reading| reading.is_some());
        let Planes::Coarse { luma, colour } = &reading.picture.planes else { return false };
        let is_equal = |(plane, found): (&Plane<u16>, &Vec<Vec<u16>>)| {
            plane.rows as usize == found.len() && (0..).zip(found).all(|(row, found)| plane.row(row) == found)
        };
        let planes = || std::iter::once(luma).chain(colour);
        found.is_beyond == is_beyond
            && found
                .planes
                .as_ref()
                .is_some_and(|found| found.len() == planes().count() && planes().zip(found).all(is_equal))
    };
    files.len() == found.len() && files.iter().zip(found).all(|(file, found)| is_decoded(file, found))
}

/// The first stage whose results differ from the CPU's.
fn difference(pictures: &[Picture], run: &Run) -> Option<&'static str> {
    let mut cpu = Cpu::new(Level::new());
    for (index, picture) in pictures.iter().enumerate() {
        let expected = cpu.sums(picture, &Algorithm::ALL);
        let points = run.points.get(index)?;
        // Points of coarse planes differ by design: the device takes their zero off in `reduce`, the CPU after it.
        let fine = !matches!(picture.planes, Planes::Coarse { .. });
        if fine && !cpu.grids().iter().flatten().eq(points) {
            return Some("reduce");
        }
        let sums = run.sums.get(index)?;
        if sums.gradients != expected.gradients {
            return Some("gradient");
        }
        if sums.pdq != expected.pdq || sums.pdq512 != expected.pdq512 {
            return Some("dct");
        }
    }
    None
}

/// Pictures of every kind: wide, tall, small, larger than a workgroup's strip of a row, black, white, and with values of either sign.
fn pictures() -> Vec<Picture> {
    let mut next = random();
    let mut random = |length: usize| -> Vec<u8> { (0..length).map(|_| next()).collect() };
    let mut pictures: Vec<Picture> = [(5, 5), (67, 129), (1031, 33), (640, 301)]
        .map(|(width, height): (u32, u32)| {
            Picture::from_rgb(random((width * height * 3) as usize), width, height)
        })
        .into();
    pictures.push(Picture::from_grey(random(333 * 222), 333, 222));
    pictures.push(Picture::from_rgb(vec![255; 300 * 300 * 3], 300, 300));
    pictures.push(Picture::from_grey(vec![0; 64 * 64], 64, 64));
    let mut coarse = |columns: u32, rows: u32, cell: u32| {
        let signed = |byte: u8| COARSE_ZERO - 300 + 18 * u16::from(byte);
        let samples = random((columns * rows) as usize).into_iter().map(signed).collect();
        let stride = columns as usize;
        Plane { samples, stride, columns, rows, channels: 1, cell_width: cell, cell_height: cell }
    };
    let planes = Planes::Coarse { luma: coarse(80, 60, 8), colour: Some(coarse(40, 30, 16)) };
    pictures.push(Picture { width: 640, height: 473, planes });
    pictures
}

#[cfg(feature = "gpu")]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::gpu::devices_for_tests;

    #[test]
    fn a_device_that_computes_otherwise_is_refused() {
        let pictures = pictures();
        for device in devices_for_tests() {
            probe(&device).unwrap();
            let run = || gpu::run(&device, CAPACITY, &pictures, &Algorithm::ALL, PATIENCE).unwrap();
            assert_eq!(difference(&pictures, &run()), None);
            let mut wrong = run();
            wrong.points[1][77] ^= 1;
            assert_eq!(difference(&pictures, &wrong), Some("reduce"));
            let mut wrong = run();
            wrong.sums[7].gradients.as_mut().unwrap().0.sums[143] += 1;
            assert_eq!(difference(&pictures, &wrong), Some("gradient"));
            let mut wrong = run();
            wrong.sums[3].pdq512.as_mut().unwrap().coefficients[255] -= 1;
            assert_eq!(difference(&pictures, &wrong), Some("dct"));
            let mut wrong = run();
            wrong.sums[4].pdq.as_mut().unwrap().quality ^= 1;
            assert_eq!(difference(&pictures, &wrong), Some("dct"));
        }
    }

    #[test]
    fn a_device_that_decodes_otherwise_is_refused() {
        let files = jpegs();
        for device in devices_for_tests() {
            probe_jpegs(&device).unwrap();
            let decode = || gpu::decode(&device, &files, PATIENCE).unwrap();
            let found = decode();
            let whole = found.iter().filter(|file| file.planes.is_some()).count();
            assert!((7..=10).contains(&whole), "{whole}");
            // Bits of data, about, which are the lanes of a segment at least.
            assert!(files.iter().any(|probe| (8 * probe.file.len()) >> probe.lane_shift > 300));
            assert!(are_decoded(&files, &found));
            let mut wrong = decode();
            wrong[0].planes.as_mut().unwrap()[1][3][2] ^= 1;
            assert!(!are_decoded(&files, &wrong));
            let mut wrong = decode();
            wrong[2].is_beyond ^= true;
            assert!(!are_decoded(&files, &wrong));
            let mut wrong = decode();
            let broken = wrong.iter().position(|file| file.planes.is_none()).unwrap();
            wrong[broken].planes = Some(Vec::new());
            assert!(!are_decoded(&files, &wrong));
            wrong.pop();
            assert!(!are_decoded(&files, &wrong));
            device.break_stage("write");
            assert!(probe_jpegs(&device).is_err());
        }
    }
}

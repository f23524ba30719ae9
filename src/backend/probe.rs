//! Whether a device can be trusted: a small set of pictures through every stage, compared with the CPU bit for bit.

use std::time::Duration;

use fearless_simd::Level;

use super::cpu::Cpu;
use super::gpu::{self, Capacity, Device, Metric, Resident, Run};
use crate::error::{Error, Result};
use crate::kernel::distance::Pair;
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
}

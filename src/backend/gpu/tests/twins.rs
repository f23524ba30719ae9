//! Stages against their definitions, whole pictures against the CPU.

use std::time::Duration;

use fearless_simd::Level;

use super::super::{Capacity, Device, Run, run};
use super::devices;
use crate::backend::cpu::Cpu;
use crate::backend::layout::{Layout, Reduction, Shape};
use crate::kernel::Bytes;
use crate::kernel::naive;
use crate::picture::{COARSE_ZERO, Picture, Plane, Planes};
use crate::signature::Algorithm;

const PATIENCE: Duration = Duration::from_secs(120);
const CAPACITY: Capacity = Capacity { pictures: 64, bytes: 8 << 20 };

/// The kinds of planes that pictures come in.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Rgb,
    Grey,
    /// Luma cells of so many pixels, colour cells of twice as many; one side or both.
    Coarse(u32, u32),
    CoarseGrey(u32),
}

/// Random bytes, or all the same, in rows `padding` samples longer than they must be.
pub(super) fn picture(
    random: &mut Bytes,
    kind: Kind,
    (width, height): (u32, u32),
    padding: usize,
    fill: Option<u8>,
) -> Picture {
    let mut bytes = |channels: u32| {
        let stride = (width * channels) as usize + padding;
        let length = stride * height as usize;
        let samples = fill.map_or_else(|| random.fill(length), |byte| vec![byte; length]);
        Plane { samples, stride, columns: width, rows: height, channels, cell_width: 1, cell_height: 1 }
    };
    let planes = match kind {
        Kind::Rgb => Planes::Rgb(bytes(3)),
        Kind::Grey => Planes::Grey(bytes(1)),
        Kind::Coarse(across, down) => Planes::Coarse {
            luma: words(random, (width, height), (across, down), padding, fill),
            colour: Some(words(random, (width, height), (2 * across, 2 * down), padding, fill)),
        },
        Kind::CoarseGrey(cell) => {
            Planes::Coarse { luma: words(random, (width, height), (cell, cell), padding, fill), colour: None }
        }
    };
    Picture { width, height, planes }
}

/// Samples of either sign about the zero, as a decoder gives them: up to 255 grey levels and some overshoot.
fn words(
    random: &mut Bytes,
    (width, height): (u32, u32),
    (cell_width, cell_height): (u32, u32),
    padding: usize,
    fill: Option<u8>,
) -> Plane<u16> {
    let (columns, rows) = (width.div_ceil(cell_width), height.div_ceil(cell_height));
    let stride = columns as usize + padding;
    let sample = |random: &mut Bytes| match fill {
        Some(byte) => COARSE_ZERO + u16::from(byte) * 16,
        None => COARSE_ZERO - 1000 + (random.next() % 6000) as u16,
    };
    let samples = (0..stride * rows as usize).map(|_| sample(random)).collect();
    Plane { samples, stride, columns, rows, channels: 1, cell_width, cell_height }
}

/// The grids of `picture` by the definition, one after the other: luma first, then colour.
fn points_by_definition(picture: &Picture, algorithms: &[Algorithm]) -> Vec<u64> {
    let layout = Layout::new(Shape::of(picture), algorithms);
    let (luma, colour) = super::super::planes(picture);
    let grids = |reduction: Reduction, plane: super::super::batch::PlaneBytes<'_>| -> Vec<u64> {
        let zero = if matches!(picture.planes, Planes::Coarse { .. }) { u64::from(COARSE_ZERO) } else { 0 };
        let grid = |(rows, columns, mix): &crate::backend::layout::Windows| -> Vec<u64> {
            let mut sums = naive::reduce(plane.bytes, plane.stride, rows, columns, mix);
            for (point, sum) in sums.iter_mut().enumerate() {
                let (line, column) = (point / columns.len(), point % columns.len());
                *sum = sum.wrapping_sub(rows.sum(line) * columns.sum(column) * zero);
            }
            sums
        };
        reduction.windows.iter().flat_map(grid).collect()
    };
    let mut points = grids(layout.luma(), luma);
    if let (Some(reduction), Some(plane)) = (layout.colour(), colour) {
        points.extend(grids(reduction, plane));
    }
    points
}

fn run_all(device: &Device, pictures: &[Picture], algorithms: &[Algorithm]) -> Run {
    run(device, CAPACITY, pictures, algorithms, PATIENCE).unwrap_or_else(|error| panic!("{error}"))
}

/// Compares one batch with the CPU's sums; how many pictures.
fn compare(device: &Device, pictures: &[Picture], algorithms: &[Algorithm]) -> usize {
    let mut cpu = Cpu::new(Level::new());
    let run = run_all(device, pictures, algorithms);
    for (picture, sums) in pictures.iter().zip(&run.sums) {
        let shape = Shape::of(picture);
        let expected = cpu.sums(picture, algorithms);
        assert!(sums.gradients == expected.gradients, "gradients differ: {shape:?} {algorithms:?}");
        assert!(sums.pdq == expected.pdq, "pdq differs: {shape:?} {algorithms:?}");
        assert!(sums.pdq512 == expected.pdq512, "pdq-512 differs: {shape:?} {algorithms:?}");
    }
    assert_eq!(run.sums.len(), pictures.len());
    pictures.len()
}

const SIZES: [(u32, u32); 20] = [
    (5, 5),
    (5, 600),
    (600, 5),
    (4100, 5),
    (5, 4100),
    (7, 11),
    (28, 28),
    (63, 65),
    (64, 64),
    (127, 129),
    (128, 128),
    (255, 257),
    (256, 256),
    (257, 255),
    (307, 211),
    (513, 40),
    (640, 480),
    (1021, 97),
    (1025, 31),
    (97, 1031),
];

#[test]
fn reduce_equals_naive() {
    let mut random = Bytes(11);
    let kinds = [Kind::Rgb, Kind::Grey, Kind::Coarse(8, 8), Kind::Coarse(4, 8), Kind::CoarseGrey(2)];
    let small = SIZES.into_iter().filter(|(width, height)| width * height < 25_000);
    let pictures: Vec<Picture> = small
        .flat_map(|size| kinds.map(|kind| (size, kind)))
        .enumerate()
        .map(|(index, (size, kind))| picture(&mut random, kind, size, index % 4, None))
        .collect();
    for device in devices() {
        let mut points = 0;
        for batch in pictures.chunks(20) {
            let run = run_all(&device, batch, &Algorithm::ALL);
            for (picture, found) in batch.iter().zip(&run.points) {
                let expected = points_by_definition(picture, &Algorithm::ALL);
                assert!(*found == expected, "reduce differs: {:?}", Shape::of(picture));
                points += found.len();
            }
        }
        println!("{} pictures, {points} grid points", pictures.len());
        assert!(pictures.len() >= 50 && points > 400_000);
    }
}

#[test]
fn pictures_equal_the_cpus() {
    let mut random = Bytes(12);
    let kinds = [
        Kind::Rgb,
        Kind::Grey,
        Kind::Coarse(8, 8),
        Kind::Coarse(16, 8),
        Kind::Coarse(1, 2),
        Kind::CoarseGrey(8),
    ];
    for device in devices() {
        let mut compared = 0;
        for (index, size) in SIZES.into_iter().enumerate() {
            let mut batch = Vec::new();
            for kind in kinds {
                batch.push(picture(&mut random, kind, size, index % 5, None));
            }
            batch.push(picture(&mut random, Kind::Rgb, size, 3, Some(255)));
            batch.push(picture(&mut random, Kind::Rgb, size, 0, Some(0)));
            batch.push(picture(&mut random, Kind::Coarse(8, 8), size, 1, Some(255)));
            compared += compare(&device, &batch, &[Algorithm::PhotoDna, Algorithm::Pdq]);
            compared += compare(&device, &batch[..1], &Algorithm::ALL);
        }
        for algorithm in Algorithm::ALL {
            let batch = [picture(&mut random, Kind::Rgb, (600, 300), 1, None)];
            compared += compare(&device, &batch, &[algorithm]);
        }
        println!("{compared} pictures");
        assert_eq!(compared, 20 * 10 + 3);
    }
}

#[test]
fn a_changed_sample_is_noticed() {
    for device in devices() {
        let mut picture = picture(&mut Bytes(13), Kind::Grey, (90, 70), 0, None);
        let algorithms = [Algorithm::PhotoDna, Algorithm::Pdq];
        let before = run_all(&device, std::slice::from_ref(&picture), &algorithms);
        let Planes::Grey(plane) = &mut picture.planes else { unreachable!() };
        plane.samples[35 * 90 + 45] ^= 1;
        let after = run_all(&device, &[picture], &algorithms);
        assert_ne!(before.points, after.points);
        assert_ne!(before.sums, after.sums);
    }
}

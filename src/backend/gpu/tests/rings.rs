//! Batches of all sizes, and every way for a device to fail: each picture comes back once, and equal to the CPU's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use fearless_simd::Level;

use super::super::tables::Tables;
use super::super::{Capacity, Device, Ring, single};
use super::twins::{Kind, picture};
use super::{are_long, devices};
use crate::backend::cpu::Cpu;
use crate::backend::layout::{Layout, Shape};
use crate::backend::{Done, Sums, Traffic};
use crate::kernel::Bytes;
use crate::picture::Picture;
use crate::signature::Algorithm;

const ALGORITHMS: [Algorithm; 2] = [Algorithm::PhotoDna, Algorithm::Pdq];
const PATIENCE: Duration = Duration::from_secs(120);
const CAPACITY: Capacity = Capacity { pictures: 48, bytes: 1 << 20 };

/// What came back of each picture, by its number.
type Outcomes = BTreeMap<usize, Result<Sums, String>>;

/// Sends pictures through a ring from three threads; `meddle` is called with each number before it is submitted.
fn pass(ring: &Ring<usize>, pictures: &[Picture], meddle: impl Fn(usize) + Sync) -> Outcomes {
    let next = AtomicUsize::new(0);
    let (refused, mut outcomes) = (std::sync::Mutex::new(Vec::new()), Outcomes::new());
    let mut keep = |done: Done<usize>| {
        assert!(done.picture == pictures[done.payload], "another picture came back");
        let sums = done.sums.map_err(|reason| reason.unwrap_or_else(|| "no room".into()).to_string());
        assert!(outcomes.insert(done.payload, sums).is_none(), "picture {} came back twice", done.payload);
    };
    thread::scope(|scope| {
        let submit = || {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(picture) = pictures.get(number) else { return };
                meddle(number);
                while let Err(done) = ring.submit(picture.clone(), &ALGORITHMS, number) {
                    if !matches!(done.sums, Err(None)) {
                        refused.lock().unwrap().push(*done);
                        break;
                    }
                    // No batch has room for it yet.
                    thread::sleep(Duration::from_micros(200));
                }
            }
        };
        let threads = [(); 3].map(|()| scope.spawn(submit));
        scope.spawn(|| {
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            ring.finish();
        });
        ring.drive(&mut keep, &|| false);
    });
    refused.into_inner().unwrap().into_iter().for_each(keep);
    assert_eq!(outcomes.len(), pictures.len(), "pictures were lost");
    outcomes
}

/// How many came back with the CPU's sums, and how many with a reason; no others.
fn judge(pictures: &[Picture], outcomes: &Outcomes) -> (usize, usize) {
    let mut cpu = Cpu::new(Level::new());
    let hashed = outcomes.iter().filter_map(|(&number, outcome)| Some((number, outcome.as_ref().ok()?)));
    let mut equal = 0;
    for (number, sums) in hashed {
        assert!(*sums == cpu.sums(&pictures[number], &ALGORITHMS), "picture {number} differs");
        equal += 1;
    }
    (equal, outcomes.len() - equal)
}

fn ring(device: Device, patience: Duration) -> Ring<usize> {
    Ring::new(device.into(), CAPACITY, patience).unwrap()
}

/// The device of software or hardware, checks off, as runs use it.
fn device() -> Option<Device> {
    devices().pop()
}

fn small_pictures(count: usize) -> Vec<Picture> {
    let mut random = Bytes(21);
    let kinds = [Kind::Grey, Kind::Rgb, Kind::Coarse(8, 8)];
    let side = |random: &mut Bytes| 5 + (random.next() % 44) as u32;
    (0..count)
        .map(|index| {
            let size = if index % 2 == 0 { (16, 16) } else { (side(&mut random), side(&mut random)) };
            picture(&mut random, kinds[index % 3], size, index % 3, None)
        })
        .collect()
}

#[test]
fn many_small_pictures() {
    let Some(device) = device() else { return };
    let count = if are_long() { 3000 } else { 400 };
    let pictures = small_pictures(count);
    let ring = ring(device, PATIENCE);
    let outcomes = pass(&ring, &pictures, |_| ());
    assert_eq!(judge(&pictures, &outcomes), (count, 0));
    let Traffic { batches, pictures, .. } = ring.traffic();
    println!("{pictures} pictures in {batches} batches");
    assert!(pictures == count as u64 && batches >= pictures / 48);
}

#[test]
fn mixed_sizes_and_one_too_large() {
    let Some(device) = device() else { return };
    let mut random = Bytes(22);
    let sizes = [(5, 5), (300, 200), (1000, 300), (64, 64), (900, 300), (20, 700), (2000, 700)];
    let pictures: Vec<Picture> =
        (0..35).map(|index| picture(&mut random, Kind::Rgb, sizes[index % 7], 1, None)).collect();
    let outcomes = pass(&ring(device, PATIENCE), &pictures, |_| ());
    assert_eq!(judge(&pictures, &outcomes), (30, 5));
    let reason = outcomes[&6].as_ref().unwrap_err();
    assert_eq!(reason, "too large for the device: its batches hold 1048576 bytes of samples and tables");
}

/// The largest picture that fits, to the word, and the same in a batch that is a word pair smaller.
#[test]
fn one_word_too_large_goes_to_the_cpu() {
    let picture = picture(&mut Bytes(24), Kind::Grey, (1501, 200), 3, None);
    let tables = Tables::new(Layout::new(Shape::of(&picture), &ALGORITHMS));
    let words = tables.words.len().next_multiple_of(2) + 2 * 1501usize.div_ceil(8) * 200;
    for device in devices() {
        let device = Arc::new(device);
        let fits = |bytes| {
            let ring = Ring::new(device.clone(), Capacity { pictures: 16, bytes }, PATIENCE).unwrap();
            judge(std::slice::from_ref(&picture), &pass(&ring, std::slice::from_ref(&picture), |_| ()))
        };
        assert_eq!(fits(4 * words as u64), (1, 0));
        assert_eq!(fits(4 * words as u64 - 8), (0, 1));
    }
}

/// More lines than workgroups fit along one axis of a dispatch.
#[test]
fn a_batch_of_more_lines_than_an_axis_takes() {
    let Some(device) = device() else { return };
    let mut random = Bytes(25);
    let pictures: Vec<Picture> =
        (0..480).map(|_| picture(&mut random, Kind::Grey, (6, 5), 0, None)).collect();
    let lines = 480 * (3 * 26 + 64);
    assert!(lines > crate::backend::gpu::device::MOST_WORKGROUPS);
    let capacity = Capacity { pictures: 480, bytes: 4 << 20 };
    let run = single::run(&device, capacity, &pictures, &ALGORITHMS, PATIENCE).unwrap();
    let outcomes = run.sums.into_iter().map(Ok).enumerate().collect();
    assert_eq!(judge(&pictures, &outcomes), (480, 0));
}

#[test]
fn a_device_lost_on_the_way_loses_no_picture() {
    let Some(device) = device() else { return };
    let pictures = small_pictures(600);
    let ring = ring(device, PATIENCE);
    let outcomes = pass(&ring, &pictures, |number| {
        if number == 300 {
            ring.device().destroy();
        }
    });
    let (equal, failed) = judge(&pictures, &outcomes);
    println!("{equal} by the device, {failed} after it was lost");
    assert!(equal > 0 && failed >= 250, "{equal} {failed}");
}

#[test]
fn an_error_of_the_driver_loses_no_picture() {
    let Some(device) = device() else { return };
    let pictures = small_pictures(300);
    let ring = ring(device, PATIENCE);
    let outcomes = pass(&ring, &pictures, |number| {
        if number == 100 {
            // A buffer over every limit: an error of validation, reported as any other.
            ring.device().buffer("too large", u64::MAX / 2, wgpu::BufferUsages::STORAGE);
        }
    });
    let (equal, failed) = judge(&pictures, &outcomes);
    assert!(failed >= 150, "{equal} {failed}");
    let reason = outcomes.values().find_map(|outcome| outcome.as_ref().err()).unwrap();
    assert!(reason.contains("error"), "{reason}");
}

/// A quick device may answer all the same before it is asked, so it gets several chances to be late.
#[test]
fn a_device_that_does_not_answer_loses_no_picture() {
    let mut random = Bytes(23);
    let pictures: Vec<Picture> =
        (0..20).map(|_| picture(&mut random, Kind::Rgb, (640, 500), 0, None)).collect();
    for _ in 0..20 {
        let Some(device) = device() else { return };
        let ring = ring(device, Duration::ZERO);
        let outcomes = pass(&ring, &pictures, |_| ());
        let (_, failed) = judge(&pictures, &outcomes);
        if failed > 0 {
            let reason = outcomes.values().find_map(|outcome| outcome.as_ref().err()).unwrap();
            assert!(reason.contains("no answer within"), "{reason}");
            return;
        }
    }
    panic!("the device was never late");
}

/// Freeing a device that hangs can hang, so who waited for it in vain never frees it; one that answers is freed.
#[test]
fn a_device_that_is_waited_for_in_vain_is_abandoned() {
    for _ in 0..20 {
        let Some(device) = device() else { return };
        device.wait(PATIENCE).unwrap();
        assert!(!device.is_abandoned());
        let picture = picture(&mut Bytes(26), Kind::Rgb, (900, 700), 0, None);
        let capacity = Capacity { pictures: 16, bytes: 4 << 20 };
        let run = single::run(&device, capacity, &[picture], &ALGORITHMS, Duration::ZERO);
        assert_eq!(run.is_err(), device.is_abandoned());
        if run.is_err() {
            return;
        }
    }
    panic!("the device was never late");
}

/// A gallery's look-ups wait for a device whose ring is being filled: the same results, and the wait ends.
#[test]
fn waits_among_rings_end() {
    let Some(device) = device() else { return };
    let pictures = small_pictures(200);
    let ring = ring(device, PATIENCE);
    let outcomes = pass(&ring, &pictures, |number| {
        if number % 20 == 0 {
            ring.device().wait(PATIENCE).unwrap();
        }
    });
    assert_eq!(judge(&pictures, &outcomes), (200, 0));
}

/// A picture that fits no batch ends none: the next one goes into the batch that was open.
#[test]
fn one_too_large_ends_no_batch() {
    let Some(device) = device() else { return };
    let mut random = Bytes(27);
    let sizes = [(20, 20), (2000, 700), (20, 20), (2000, 700), (20, 20)];
    let pictures: Vec<Picture> =
        sizes.into_iter().map(|size| picture(&mut random, Kind::Rgb, size, 0, None)).collect();
    let ring = ring(device, PATIENCE);
    // Nobody drives, so nothing else ends it.
    let refused = pictures.iter().enumerate().filter_map(|(number, picture)| {
        let refused = ring.submit(picture.clone(), &ALGORITHMS, number).err()?;
        Some((refused.payload, refused.sums.unwrap_err().unwrap().to_string()))
    });
    let refused: Vec<_> = refused.collect();
    assert!(refused.iter().map(|(number, _)| *number).eq([1, 3]) && refused[0].1.contains("too large"));
    ring.finish();
    let mut came_back = 0;
    ring.drive(&mut |_: Done<usize>| came_back += 1, &|| false);
    assert_eq!((came_back, ring.traffic().batches), (3, 1));
}

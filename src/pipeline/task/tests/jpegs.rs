//! JPEGs through devices that decode them: the records are the CPU's whatever the file is, whatever goes wrong, and no matter how slow the device is.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use moxcms::ColorProfile;

use super::*;
use crate::backend::gpu::device_for_tests;
use crate::backend::gpu::encoder_for_tests::{Coding, Content, Picture};
use crate::decode::Memory;
use crate::kernel::Bytes;
use crate::pipeline::work::{Decoded, HashWork, Work};
use crate::pipeline::worker::Bounded;

const SAMPLINGS: [&[(usize, usize)]; 5] = [
    &[(1, 1)],
    &[(1, 1), (1, 1), (1, 1)],
    &[(2, 1), (1, 1), (1, 1)],
    &[(2, 2), (1, 1), (1, 1)],
    // Cb and Cr in two ways: the CPU's.
    &[(2, 2), (2, 1), (1, 1)],
];

/// A segment in front of everything else.
fn with_segment(file: &[u8], marker: u8, bytes: &[u8]) -> Vec<u8> {
    let length = (bytes.len() + 2) as u16;
    [&file[..2], &[0xFF, marker], &length.to_be_bytes(), bytes, &file[2..]].concat()
}

fn with_profile(file: &[u8], profile: &ColorProfile) -> Vec<u8> {
    with_segment(file, 0xE2, &[b"ICC_PROFILE\0\x01\x01", &profile.encode().unwrap()[..]].concat())
}

/// Says that viewers turn it.
fn with_orientation(file: &[u8]) -> Vec<u8> {
    let ifd = [0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0];
    with_segment(file, 0xE1, &[&b"Exif\0\0MM\0*\0\0\0\x08"[..], &ifd].concat())
}

/// Files of many kinds: as photographs, flat, in noise, beyond the range in luma and in chroma, with profiles, turned, and broken.
fn files(count: usize) -> Vec<Vec<u8>> {
    let mut numbers = Bytes(81);
    let make = |index: usize| {
        let sampling = SAMPLINGS[index % SAMPLINGS.len()];
        let content = [Content::Photo, Content::Photo, Content::Noise, Content::Flat][(index / 5) % 4];
        let size = (150 + numbers.next() % 200, 150 + numbers.next() % 150);
        let mut picture = Picture::new(&mut numbers, (size.0 as usize, size.1 as usize), sampling, content);
        if !index.is_multiple_of(4) {
            picture = picture.softened();
        }
        picture.steps = [[2, 2], [5, 7], [40, 9], [6, 70]][index / 2 % 4];
        picture.restart = [0, 0, 7, 1][(index / 4) % 4];
        picture.coding = [Coding::Standard, Coding::Optimised, Coding::Shared][index % 3];
        let mut file = picture.encode();
        match index % 11 {
            3 => file = with_profile(&file, &ColorProfile::new_display_p3()),
            4 => file = with_profile(&file, &ColorProfile::new_srgb()),
            5 => file = with_orientation(&file),
            6 => file.truncate(file.len() * 2 / 3),
            7 => {
                let at = file.len() / 2;
                file[at..at + 9].fill(0x5A);
            }
            8 => file.truncate(file.len() - 2),
            _ => {}
        }
        file
    };
    (0..count).map(make).collect()
}

fn sources(files: &[Vec<u8>]) -> impl Iterator<Item = Source> {
    files.iter().enumerate().map(|(number, file)| Source::bytes(format!("{number}"), file.clone()))
}

fn ring(device: crate::backend::gpu::Device, patience: Duration) -> Ring<Travelling> {
    ring_of(device, patience, 300)
}

/// With batches of so many pictures.
fn ring_of(device: crate::backend::gpu::Device, patience: Duration, pictures: u32) -> Ring<Travelling> {
    let ring = Ring::new(device.into(), Capacity { pictures, bytes: 8 << 20 }, patience);
    ring.unwrap().with_decoder(1 << 20).unwrap()
}

fn run(
    workers: &Workers,
    rings: &Arc<[Ring<Travelling>]>,
    files: &[Vec<u8>],
    action: impl FnMut(),
) -> Vec<(OsString, Option<Hashed>)> {
    let mut kept = Kept { records: Vec::new(), at: 20, action };
    pool::run_through(workers, rings, sources(files), &mut kept, &RunChoices::default()).unwrap();
    kept.records
}

fn workers() -> Workers {
    Workers::start(NonZeroUsize::new(2).unwrap(), 1 << 30, 1).unwrap()
}

/// How many records came from the device, and how many were taken over; all else is the CPU's own.
fn compare(found: &[(OsString, Option<Hashed>)], expected: &[(OsString, Option<Hashed>)]) -> (usize, usize) {
    assert_eq!(found.len(), expected.len());
    for ((key, found), (expected_key, expected)) in found.iter().zip(expected) {
        let plain = |hashed: &Hashed| Hashed { backend: Backend::Cpu, fallback: None, ..hashed.clone() };
        assert_eq!((key, found.as_ref().map(plain)), (expected_key, expected.clone()));
    }
    let hashed = || found.iter().filter_map(|(_, hashed)| hashed.as_ref());
    let taken_over = hashed().filter(|hashed| hashed.fallback.is_some()).count();
    (hashed().filter(|hashed| hashed.backend == Backend::Gpu).count(), taken_over)
}

fn none() -> Arc<[Ring<Travelling>]> {
    Vec::new().into()
}

#[test]
fn records_are_the_cpus() {
    let files = files(110);
    let workers = workers();
    let expected = run(&workers, &none(), &files, || ());
    for device in devices_for_tests() {
        let mut ring = ring(device, Duration::from_secs(120));
        // All of it fits into the batches.
        ring.gives_back = false;
        let rings: Arc<[_]> = Arc::new([ring]);
        let found = run(&workers, &rings, &files, || ());
        let (by_device, taken_over) = compare(&found, &expected);
        let decoded = rings[0].hook.decoded.load(Ordering::Relaxed);
        println!("{by_device} of {} by the device, {decoded} of them decoded there", files.len());
        assert!(
            // Some are beyond their guards, and files with further faces say that they are not sent.
            decoded >= 10 && by_device >= 8 && taken_over <= 10,
            "{by_device} {decoded} {taken_over}"
        );
    }
}

/// What goes wrong, and when.
#[test]
fn whatever_goes_wrong_loses_no_record() {
    let files = files(24);
    let workers = workers();
    let expected = run(&workers, &none(), &files, || ());
    for stage in [
        "first", "follow", "resolve", "write", "offsets", "planes", "gamut", "looks", "spots", "reduce",
        "gradient", "dct",
    ] {
        let Some(device) = device_for_tests() else { return };
        device.break_stage(stage);
        let mut ring = ring(device, Duration::from_secs(120));
        ring.gives_back = false;
        let rings: Arc<[_]> = Arc::new([ring]);
        let (by_device, taken_over) = compare(&run(&workers, &rings, &files, || ()), &expected);
        assert!(by_device == 0 && taken_over > 0, "{stage}: {by_device} {taken_over}");
    }
}

#[test]
fn a_device_that_is_lost_or_late_loses_no_record() {
    let files = files(55);
    let workers = workers();
    let expected = run(&workers, &none(), &files, || ());
    for kind in ["lost", "full", "late", "given back"] {
        let Some(device) = device_for_tests() else { return };
        let patience = if kind == "late" { Duration::ZERO } else { Duration::from_secs(120) };
        let mut ring = ring(device, patience);
        ring.gives_back = kind == "given back";
        // Never comes back by itself.
        ring.hook.pace = Duration::from_secs(if kind == "given back" { 60 } else { 0 });
        let rings: Arc<[_]> = Arc::new([ring]);
        let found = run(&workers, &rings, &files, || match kind {
            "lost" => rings[0].device().destroy(),
            "full" => rings[0].device().run_out_of_memory(),
            _ => {}
        });
        let (by_device, taken_over) = compare(&found, &expected);
        println!("{kind}: {by_device} by the device, {taken_over} taken over");
        // A file with further faces never goes to a device, and says so.
        assert!(kind != "given back" || by_device == 0 && taken_over <= 5);
        // A quick device may answer all the same before it is asked.
        assert!(kind != "late" || by_device > 0 || taken_over > 0);
    }
}

/// What one device has no room for goes to the next one, whether the first is fine, never answers or is lost on the way.
#[test]
fn devices_share_the_queue() {
    let files = files(66);
    let workers = workers();
    let expected = run(&workers, &none(), &files, || ());
    for kind in ["both fine", "one silent", "one lost"] {
        let (Some(one), Some(other)) = (device_for_tests(), device_for_tests()) else { return };
        let [mut one, mut other] = [one, other].map(|device| ring_of(device, Duration::from_secs(120), 4));
        one.hook.is_silent = kind == "one silent";
        (one.gives_back, other.gives_back) = (kind == "one silent", false);
        let rings: Arc<[_]> = Arc::new([one, other]);
        let found = run(&workers, &rings, &files, || {
            if kind == "one lost" {
                rings[0].device().destroy();
            }
        });
        let (by_device, _) = compare(&found, &expected);
        let each: Vec<u64> = rings.iter().map(|ring| ring.traffic().pictures).collect();
        println!("{kind}: {by_device} by devices, {each:?} of each");
        assert!(
            by_device > 0 && each[1] > 0 && (kind != "both fine" || each[0] > 0),
            "{kind}: {by_device} {each:?}"
        );
        assert!(kind != "one silent" || each[0] == 0, "{each:?}");
    }
}

/// A device that never answers holds no more than half of the memory for files, and two hold no more together: the CPU has the rest, and gets all of it back at the end.
#[test]
fn silent_devices_stop_nobody() {
    let mut numbers = Bytes(83);
    let one = Picture::new(&mut numbers, (420, 400), SAMPLINGS[3], Content::Photo).encode();
    // As little memory as has room for six files at a time, and no picture takes any of it.
    let memory = 8 * 6 * one.len() as u64;
    let files = vec![one; 30];
    let none_of_it = Some(Memory { first: 0, worst: 0 });
    let workers = slow_workers(Duration::ZERO, none_of_it, memory);
    let expected = run(&workers, &none(), &files, || ());
    for count in [1, 2] {
        let devices: Vec<_> = (0..count).filter_map(|_| device_for_tests()).collect();
        if devices.is_empty() {
            return;
        }
        let silent = |device| {
            // Longer than a busy machine takes for all of it.
            let mut ring = ring(device, Duration::from_secs(600));
            (ring.hook.is_silent, ring.gives_back) = (true, true);
            ring
        };
        let rings: Arc<[_]> = devices.into_iter().map(silent).collect();
        let found = run(&workers, &rings, &files, || ());
        // Nobody waited until the devices counted as lost.
        assert_eq!(compare(&found, &expected), (0, 0), "{count}");
        assert!(rings.iter().any(|ring| ring.hook.most_waiting.load(Ordering::Relaxed) > 0), "{count}");
        // Freeing it would wait for what was sent.
        assert!(rings.iter().any(|ring| ring.device().is_abandoned()), "{count}");
    }
}

/// Zeros and the sums of the batch before say that all is well, so a stage that did not run must be noticed.
#[test]
fn a_stage_that_does_nothing_is_noticed() {
    let files = files(24);
    let workers = workers();
    let expected = run(&workers, &none(), &files, || ());
    for stage in ["offsets", "gradient", "dct"] {
        let Some(device) = device_for_tests() else { return };
        device.silence_stage(stage);
        let mut ring = ring_of(device, Duration::from_secs(120), 300);
        ring.gives_back = false;
        let rings: Arc<[_]> = Arc::new([ring]);
        let (by_device, taken_over) = compare(&run(&workers, &rings, &files, || ()), &expected);
        assert!(by_device == 0 && taken_over > 0, "{stage}: {by_device} {taken_over}");
    }
}

/// Hashes a picture, and takes its time as a slower CPU would, and as little memory as it says.
struct Slow {
    work: HashWork,
    takes: Duration,
    memory: Option<Memory>,
}

/// What a picture takes of the CPU.
const TAKES: Duration = Duration::from_millis(20);

impl Work for Slow {
    fn memory(&mut self, encoded: &[u8]) -> Memory {
        self.memory.unwrap_or_else(|| self.work.memory(encoded))
    }

    fn hash(&mut self, encoded: &[u8]) -> Result<Hashed> {
        thread::sleep(self.takes);
        self.work.hash(encoded)
    }

    fn decode(&mut self, encoded: &[u8], need: Memory, most: u64) -> Result<Decoded> {
        thread::sleep(self.takes);
        self.work.decode(encoded, need, most)
    }

    fn compressed<'a>(
        &mut self,
        encoded: &'a [u8],
    ) -> Option<(Facts, crate::picture::Picture, Compressed<'a>)> {
        self.work.compressed(encoded)
    }

    fn finish(
        &mut self,
        facts: Facts,
        picture: crate::picture::Picture,
        sums: Result<crate::backend::Sums, Option<Arc<str>>>,
    ) -> Option<Hashed> {
        self.work.finish(facts, picture, sums)
    }

    fn algorithms(&self) -> &[Algorithm] {
        self.work.algorithms()
    }
}

fn slow_workers(takes: Duration, need: Option<Memory>, memory: u64) -> Workers {
    let threads = NonZeroUsize::new(2).unwrap();
    let make = Box::new(move |options: &HashOptions| {
        Box::new(Slow { work: HashWork::new(options.clone()), takes, memory: need }) as Box<dyn Work>
    });
    Workers::of(Bounded::with(make, threads, memory), threads, memory, 1).unwrap()
}

/// With a device of none, a tenth, half, all and twice the CPU's speed: in pictures per second never much less than the CPU alone.
#[test]
fn no_device_slows_the_cpu_down() {
    let mut numbers = Bytes(82);
    let one = Picture::new(&mut numbers, (150, 150), SAMPLINGS[3], Content::Photo).softened().encode();
    // So few that most of a run is its end; `SHADEGRID_LONG` asks for more, as many as it says.
    let long = std::env::var("SHADEGRID_LONG").ok().map(|count| count.parse().unwrap_or(0).max(800));
    let files = vec![one; long.unwrap_or(80)];
    let workers = slow_workers(TAKES, None, 1 << 30);
    let timed = |rings: &Arc<[Ring<Travelling>]>| {
        let started = Instant::now();
        let records = run(&workers, rings, &files, || ());
        (started.elapsed(), records)
    };
    let (mut alone, expected) = timed(&none());
    for speed in [0.0, 0.1, 0.5, 1.0, 2.0] {
        let Some(device) = device_for_tests() else { return };
        // A small part of a long run, as a device's batches are.
        let mut ring = ring_of(device, Duration::from_secs(120), 20);
        ring.hook.is_silent = speed == 0.0;
        ring.hook.pace = if speed == 0.0 { Duration::ZERO } else { TAKES.div_f64(2.0 * speed) };
        ring.gives_back = true;
        let rings: Arc<[_]> = Arc::new([ring]);
        let (took, found) = timed(&rings);
        let (by_device, _) = compare(&found, &expected);
        // Before and behind, since others may share the machine.
        let again = timed(&none()).0;
        let ratio = (alone + again).as_secs_f64() / 2.0 / took.as_secs_f64();
        alone = again;
        println!(
            "a device of {speed} times the CPU: {ratio:.2} times the CPU alone, {by_device} by the device"
        );
        // Loosely: here the CPU plays the device besides.
        assert!(ratio > 0.5, "{speed}: {ratio}");
    }
}

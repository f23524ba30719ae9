//! All stages over whole pictures: verdicts and samples against the CPU's reader.
//!
//! One long file, since made-up pictures, damage and folders all go through the same few lines that compare.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::super::batch::{Capacity, LANE_SHIFTS, MOST_LANES, lane_shift};
use super::super::descriptors::WINDOW;
use super::super::single::{Outcome, Single};
use super::super::stages::Stages;
use super::super::sums::Both;
use super::super::tables;
use super::encoder::{Coding, Content, Picture};
use super::{PATIENCE, POISON, devices};
use crate::backend::cpu::Cpu;
use crate::backend::gpu::Device;
use crate::decode::Detail;
use crate::decode::jpeg::{JpegReader, Reading, detail_for};
use crate::kernel::Bytes;
use crate::limits::Limits;
use crate::picture::{Plane, Planes};
use crate::signature::Algorithm;
use fearless_simd::Level;

/// A file, n (0: as the rule chooses), and its lanes' bits as a power of two.
struct File<'a> {
    bytes: &'a [u8],
    detail: u8,
    lane_shift: u32,
}

impl File<'_> {
    fn rule(&self, width: u32, height: u32) -> Detail {
        match self.detail {
            0 => detail_for(width, height, &[Algorithm::PhotoDna, Algorithm::Pdq]),
            n => Detail::Scaled(n),
        }
    }
}

/// What was compared.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Counts {
    /// Files that were sent.
    sent: usize,
    /// Of these, whole by both, and how many samples were equal.
    whole: usize,
    samples: usize,
    /// Not whole by both.
    damaged: usize,
    /// Whole, and came back all the same.
    needless: usize,
    /// Files that do not qualify.
    unfit: usize,
}

/// A device with its stages.
struct Machine<'a> {
    device: &'a Device,
    stages: Stages,
    capacity: Capacity,
    reader: JpegReader,
    took: Duration,
}

impl<'a> Machine<'a> {
    fn new(device: &'a Device, window: u32, bytes: u32) -> Machine<'a> {
        let stages = Stages::of_window(device, window).unwrap_or_else(|error| panic!("{error}"));
        let capacity = Capacity::of(bytes);
        Machine { device, stages, capacity, reader: JpegReader::default(), took: Duration::ZERO }
    }

    /// Sends files in as few batches as they fit in; `None` of one that does not qualify, or fits in none.
    fn decode(&mut self, files: &[File<'_>], guarded: bool) -> Vec<Option<Outcome>> {
        let mut outcomes: Vec<Option<Outcome>> = Vec::new();
        let limits = Limits::default();
        let mut compressed = Vec::new();
        for file in files {
            let rule = |width, height| file.rule(width, height);
            compressed.push(self.reader.compressed(file.bytes, rule, guarded, &limits));
        }
        let mut next = 0;
        while next < files.len() {
            let mut sent = Single::new(self.device, &self.stages, self.capacity);
            let first = next;
            while next < files.len() {
                let added = sent.add(compressed[next].as_ref(), files[next].lane_shift);
                if !added.unwrap_or_else(|error| panic!("{error}")) {
                    break;
                }
                next += 1;
            }
            if next == first {
                // In no batch.
                outcomes.push(None);
                next += 1;
                continue;
            }
            let started = Instant::now();
            let found = sent.run(POISON.to_ne_bytes()[0], PATIENCE);
            outcomes.extend(found.unwrap_or_else(|error| panic!("{error}")));
            self.took += started.elapsed();
        }
        outcomes
    }

    /// Decodes files and compares everything with the CPU's reader.
    fn compare(&mut self, files: &[File<'_>]) -> Counts {
        let mut counts = Counts::default();
        for (index, (file, outcome)) in files.iter().zip(self.decode(files, false)).enumerate() {
            let Some(outcome) = outcome else {
                counts.unfit += 1;
                continue;
            };
            counts.sent += 1;
            let rule = |width, height| file.rule(width, height);
            let reading = self.reader.read(file.bytes, rule, &Limits::default());
            let whole = reading.as_ref().is_ok_and(is_whole);
            match (whole, outcome.found.is_good()) {
                (false, true) => panic!("file {index}: whole on the device alone"),
                (false, false) => counts.damaged += 1,
                (true, false) => counts.needless += 1,
                (true, true) => {
                    counts.whole += 1;
                    let Ok(Reading { picture, .. }) = reading else { unreachable!() };
                    counts.samples += equal(&picture.planes, &outcome.planes)
                        .unwrap_or_else(|what| panic!("file {index} at {}: {what}", file.detail));
                    self.reader.recycle(picture);
                }
            }
        }
        counts
    }
}

/// Whether the reader found every row whole, and low frequencies enough.
fn is_whole(reading: &Reading) -> bool {
    reading.whole.is_none() && !reading.unusual && reading.detail != Detail::Full
}

/// Samples compared; what differs first.
fn equal(planes: &Planes, found: &[Vec<Vec<u16>>]) -> Result<usize, String> {
    let Planes::Coarse { luma, colour } = planes else { return Err("not coarse".into()) };
    let expected: Vec<&Plane<u16>> = std::iter::once(luma).chain(colour).collect();
    if expected.len() != found.len() {
        return Err(format!("{} planes", found.len()));
    }
    let mut samples = 0;
    for (which, (expected, found)) in expected.into_iter().zip(found).enumerate() {
        if expected.rows as usize != found.len() {
            return Err(format!("plane {which} has {} rows", found.len()));
        }
        for (row, found) in found.iter().enumerate() {
            if expected.row(row) != found {
                let column = expected.row(row).iter().zip(found).position(|(a, b)| a != b);
                return Err(format!("plane {which} differs in row {row} from column {column:?} on"));
            }
            samples += found.len();
        }
    }
    Ok(samples)
}

const DETAILS: [u8; 6] = [1, 2, 3, 4, 6, 8];

/// Every sampling that qualifies in one way or another: grey, and luma as many times as fine as chroma.
const SAMPLINGS: [&[(usize, usize)]; 8] = [
    &[(1, 1)],
    &[(1, 1), (1, 1), (1, 1)],
    &[(2, 1), (1, 1), (1, 1)],
    &[(1, 2), (1, 1), (1, 1)],
    &[(2, 2), (1, 1), (1, 1)],
    &[(4, 1), (1, 1), (1, 1)],
    &[(4, 2), (1, 1), (1, 1)],
    &[(2, 2), (2, 1), (2, 1)],
];

fn files(bytes: &[Vec<u8>], details: impl Fn(usize) -> u8, shifts: impl Fn(usize) -> u32) -> Vec<File<'_>> {
    bytes
        .iter()
        .enumerate()
        .map(|(index, bytes)| File { bytes, detail: details(index), lane_shift: shifts(index) })
        .collect()
}

#[test]
fn planes_are_the_readers_at_every_detail_lane_and_window() {
    let mut numbers = Bytes(61);
    let mut encoded = Vec::new();
    for (index, sampling) in SAMPLINGS.into_iter().enumerate() {
        for coding in [Coding::Standard, Coding::Optimised, Coding::Shared] {
            for restart in [0, 1, 5, 1000] {
                let content = if (index + restart) % 4 == 3 { Content::Noise } else { Content::Photo };
                let size = (60 + numbers.next() % 150, 50 + numbers.next() % 120);
                let picture =
                    Picture::new(&mut numbers, (size.0 as usize, size.1 as usize), sampling, content);
                encoded.push(Picture { restart, coding, ..picture }.encode());
            }
        }
    }
    for device in devices() {
        let mut total = Counts::default();
        for window in [9, 8] {
            let mut machine = Machine::new(&device, window, 4 << 20);
            for (round, detail) in DETAILS.into_iter().enumerate() {
                // Each file meets each detail, and each detail each length of lanes.
                let shift = |index: usize| LANE_SHIFTS.start + ((index + round) % LANE_SHIFTS.len()) as u32;
                let counts = machine.compare(&files(&encoded, |_| detail, shift));
                total = add(total, counts);
            }
        }
        println!("{total:?}");
        assert_eq!((total.sent + total.unfit, total.damaged, total.needless), (8 * 3 * 4 * 12, 0, 0));
        assert!(total.unfit <= 150 && total.samples > 4_000_000, "{total:?}");
    }
}

fn add(a: Counts, b: Counts) -> Counts {
    Counts {
        sent: a.sent + b.sent,
        whole: a.whole + b.whole,
        samples: a.samples + b.samples,
        damaged: a.damaged + b.damaged,
        needless: a.needless + b.needless,
        unfit: a.unfit + b.unfit,
    }
}

#[test]
fn sizes_of_a_block_an_mcu_and_a_lane() {
    let mut numbers = Bytes(62);
    let mut encoded = Vec::new();
    for size in [5, 7, 8, 9, 15, 16, 17, 31, 32, 33] {
        for sampling in [SAMPLINGS[0], SAMPLINGS[1], SAMPLINGS[4], SAMPLINGS[6]] {
            for (width, height) in [(size, size), (size, 5), (8, size)] {
                let picture = Picture::new(&mut numbers, (width, height), sampling, Content::Photo);
                encoded.push(Picture { coding: Coding::Standard, ..picture }.encode());
            }
        }
    }
    // One more block each: data of every length about one, two and more lanes of 512 bits.
    for width in 1..90 {
        encoded.push(Picture::new(&mut numbers, (8 * width, 8), SAMPLINGS[0], Content::Photo).encode());
    }
    for device in devices() {
        let mut machine = Machine::new(&device, 9, 4 << 20);
        let mut total = Counts::default();
        for detail in [1, 4] {
            total = add(total, machine.compare(&files(&encoded, |_| detail, |_| 9)));
        }
        println!("{total:?}");
        assert_eq!((total.damaged, total.needless), (0, 0));
        assert_eq!(total.sent + total.unfit, 2 * encoded.len());
        assert!(total.unfit < 40, "{total:?}");
    }
}

#[test]
fn lanes_have_numbers_of_16_bits() {
    let mut numbers = Bytes(63);
    let mut picture = |mcus: (usize, usize)| {
        let size = (8 * mcus.0, 8 * mcus.1);
        let picture = Picture::new(&mut numbers, size, SAMPLINGS[0], Content::Photo);
        Picture { restart: 1, coding: Coding::Standard, ..picture }.encode()
    };
    // One lane an interval.
    let (most, more) = (picture((255, 257)), picture((256, 256)));
    assert_eq!((255 * 257, 256 * 256), (MOST_LANES, MOST_LANES + 1));
    for device in devices() {
        let mut machine = Machine::new(&device, 9, 16 << 20);
        let counts = machine.compare(&[
            File { bytes: &most, detail: 1, lane_shift: 14 },
            File { bytes: &more, detail: 1, lane_shift: 14 },
        ]);
        assert_eq!(counts, Counts { sent: 1, whole: 1, samples: 255 * 257, unfit: 1, ..Counts::default() });
    }
}

/// What the reader says of pictures of many kinds, and how many it finds beyond its guards.
#[test]
fn guards_come_to_what_the_reader_comes_to() {
    let mut numbers = Bytes(69);
    let mut encoded = Vec::new();
    for (index, sampling) in SAMPLINGS.into_iter().enumerate() {
        for (turn, restart) in [0, 3, 0, 1, 40, 0].into_iter().enumerate() {
            let size = (100 + numbers.next() % 300, 60 + numbers.next() % 200);
            let size = (size.0 as usize, size.1 as usize);
            let content = if turn == 5 { Content::Noise } else { Content::Photo };
            let mut picture = Picture::new(&mut numbers, size, sampling, content);
            if turn < 3 {
                picture = picture.softened();
            }
            // Beyond the range of pixels here and there, in luma or in chroma.
            picture.steps = [[5, 7], [5, 7], [5, 30], [5, 7], [40, 7], [2, 2]][turn];
            let coding = [Coding::Standard, Coding::Optimised, Coding::Shared][index % 3];
            encoded.push(Picture { restart, coding, ..picture }.encode());
        }
    }
    for device in devices() {
        let mut machine = Machine::new(&device, 9, 4 << 20);
        let (mut compared, mut beyond, mut looks) = (0, 0, 0);
        for round in 0..2 {
            let detail = |index: usize| [1, 2, 3, 4, 6][(index + 2 * round) % 5];
            let files = files(&encoded, detail, |index| 9 + (index % 6) as u32);
            for (file, outcome) in files.iter().zip(machine.decode(&files, true)) {
                let Some(Outcome { found, guards: Some((guards, sums, seen)), .. }) = outcome else {
                    continue;
                };
                if found.is_good() {
                    looks += seen.iter().flatten().count();
                    let rule = |width, height| file.rule(width, height);
                    beyond += usize::from(machine.reader.compare(file.bytes, rule, (&guards, &sums, seen)));
                    compared += 1;
                }
            }
        }
        println!("{compared} pictures judged alike, {beyond} of them beyond, by {looks} blocks");
        assert!(compared >= 50 && beyond >= 15 && compared - beyond >= 15 && looks > 800);
    }
}

/// Five kinds of damage at a place of the data behind `from`.
fn damage(bytes: &mut Vec<u8>, kind: u64, from: usize, numbers: &mut Bytes) {
    let mut place = |end: usize| from + (numbers.next() % (end - from) as u64) as usize;
    let at = place(bytes.len());
    match kind {
        0 => bytes[at] ^= 1 << (at % 8),
        1 => (0..20).for_each(|_| {
            let at = place(bytes.len());
            bytes[at] = at as u8;
        }),
        2 => bytes.truncate(at),
        3 => {
            bytes.truncate(at);
            bytes.extend([0xFF, 0xD9]);
        }
        _ => {
            let end = (at + place(bytes.len()) % 400).min(bytes.len());
            bytes.drain(at..end);
        }
    }
}

fn data_of(bytes: &[u8]) -> usize {
    let scan = bytes.windows(2).position(|two| two == [0xFF, 0xDA]).expect("there is a scan");
    scan + 2 + usize::from(bytes[scan + 3])
}

#[test]
fn damage_is_never_whole() {
    let mut numbers = Bytes(64);
    let mut encoded = Vec::new();
    for round in 0..500 {
        let sampling = SAMPLINGS[round % SAMPLINGS.len()];
        let size = (40 + numbers.next() % 90, 40 + numbers.next() % 90);
        let picture =
            Picture::new(&mut numbers, (size.0 as usize, size.1 as usize), sampling, Content::Photo);
        let coding = [Coding::Standard, Coding::Optimised][round % 2];
        let restart = [0, 0, 1, 3, 8][round / 2 % 5];
        let mut bytes = Picture { restart, coding, ..picture }.encode();
        let from = data_of(&bytes);
        damage(&mut bytes, numbers.next() % 5, from, &mut numbers);
        encoded.push(bytes);
    }
    for device in devices() {
        let mut machine = Machine::new(&device, 9, 8 << 20);
        let details = |index: usize| DETAILS[index % 6];
        let counts = machine.compare(&files(&encoded, details, |index| 9 + (index / 7 % 6) as u32));
        println!("{counts:?}");
        // Some damage nobody can see.
        assert!(counts.damaged > 120 && counts.whole > 20, "{counts:?}");
        // A broken code before the last block that a picture needs is read through by the reader alone: see `write`.
        assert_eq!(counts.needless, 0, "{counts:?}");
    }
}

#[test]
fn restart_markers_and_what_follows_a_scan_decide() {
    let mut numbers = Bytes(65);
    let picture = Picture {
        restart: 3,
        coding: Coding::Standard,
        ..Picture::new(&mut numbers, (96, 64), SAMPLINGS[4], Content::Photo)
    };
    let plain = picture.encode();
    let first = plain.windows(2).position(|two| two == [0xFF, 0xD0]).expect("a marker");
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = plain.clone();
        change(&mut bytes);
        bytes
    };
    let end = plain.len() - 2;
    let two_scans = |bytes: &mut Vec<u8>| {
        let scan = bytes.windows(2).position(|two| two == [0xFF, 0xDA]).expect("a scan");
        let again = bytes[scan..end].to_vec();
        bytes.splice(end..end, again);
    };
    let mut number = 0;
    let left_over = picture.encode_with(|bytes| {
        number += 1;
        if number == 2 {
            bytes.extend([0x55, 0x55]);
        }
    });
    let mut last = 0;
    let left_over_at_the_end = picture.encode_with(|bytes| {
        last += 1;
        if last == picture.mcus().0 * picture.mcus().1 / 3 {
            bytes.extend([0x55, 0x55, 0x55]);
        }
    });
    let cases = [
        ("as it is", plain.clone(), Some(true)),
        ("left over in an interval", left_over, Some(false)),
        ("left over at the end", left_over_at_the_end, Some(true)),
        ("no end of image", changed(&|bytes| bytes.truncate(end)), Some(true)),
        ("behind the end", changed(&|bytes| bytes.extend([0xFF, 0xDA, 0, 0])), Some(true)),
        (
            "a comment behind the scan",
            changed(&|bytes| drop(bytes.splice(end..end, [0xFF, 0xFE, 0, 3, 9]))),
            Some(true),
        ),
        ("a marker out of its turn", changed(&|bytes| bytes[first + 1] = 0xD4), None),
        ("a marker is missing", changed(&|bytes| drop(bytes.drain(first..first + 2))), None),
        ("a marker too much", changed(&|bytes| drop(bytes.splice(end..end, [0xFF, 0xD7]))), None),
        ("fill bytes", changed(&|bytes| drop(bytes.splice(first..first, [0xFF]))), None),
        ("another scan", changed(&two_scans), None),
    ];
    for device in devices() {
        let mut machine = Machine::new(&device, 9, 1 << 20);
        for (name, bytes, expected) in &cases {
            let counts = machine.compare(&[File { bytes, detail: 2, lane_shift: 9 }]);
            let found = match counts {
                Counts { unfit: 1, .. } => None,
                Counts { whole, needless: 0, .. } => Some(whole == 1),
                other => panic!("{name}: {other:?}"),
            };
            assert_eq!(found, *expected, "{name}");
        }
    }
}

#[test]
fn values_beyond_16_bits_come_back() {
    let mut numbers = Bytes(66);
    let mut encoded = Vec::new();
    for (component, k, value) in [(0, 0, 9_000), (0, 0, -4_300), (1, 3, 1_100), (2, 1, -1_100), (0, 2, 31)] {
        let mut picture = Picture::new(&mut numbers, (80, 80), SAMPLINGS[4], Content::Photo);
        // One block far from 0 and back.
        picture.blocks[component][7][k] = value;
        encoded.push(Picture { steps: [8, 30], ..picture }.encode());
    }
    for device in devices() {
        let mut machine = Machine::new(&device, 9, 1 << 20);
        let counts = machine.compare(&files(&encoded, |_| 4, |_| 10));
        assert_eq!((counts.damaged, counts.whole, counts.needless), (4, 1, 0), "{counts:?}");
    }
}

#[test]
fn graphics_that_never_come_into_step_come_back() {
    let mut numbers = Bytes(67);
    let mut encoded = Vec::new();
    for (index, content) in
        [Content::Dense, Content::Flat, Content::Dense, Content::Flat].into_iter().enumerate()
    {
        let size = [(128, 128), (800, 300), (300, 100), (1024, 768)][index];
        let mut picture = Picture::new(&mut numbers, size, SAMPLINGS[[0, 4, 4, 1][index]], content);
        picture.coding = [Coding::Standard, Coding::Optimised][index / 2];
        encoded.push(picture.encode());
    }
    for device in devices() {
        let mut machine = Machine::new(&device, 9, 8 << 20);
        let started = Instant::now();
        let counts = machine.compare(&files(&encoded, |_| 1, |index| 9 + index as u32));
        println!("{counts:?} in {:?}", started.elapsed());
        // Flat ones may go either way, dense ones cannot.
        assert_eq!((counts.damaged, counts.sent), (0, 4), "{counts:?}");
        assert!(counts.needless >= 2, "{counts:?}");
    }
}

fn jpegs(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = walkdir::WalkDir::new(folder)
        .into_iter()
        .filter_map(|entry| entry.ok().map(walkdir::DirEntry::into_path))
        .filter(|path| {
            let extension = path.extension().unwrap_or_default();
            ["jpg", "jpeg"].iter().any(|jpeg| extension.eq_ignore_ascii_case(jpeg))
        })
        .collect();
    paths.sort();
    paths
}

#[test]
fn the_projects_own_files() {
    let paths = jpegs(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/jpeg-reader"));
    assert_eq!(paths.len(), 44);
    let encoded: Vec<Vec<u8>> =
        paths.iter().map(|path| std::fs::read(path).expect("the file is there")).collect();
    for device in devices() {
        let mut machine = Machine::new(&device, 9, 4 << 20);
        let mut total = Counts::default();
        for detail in DETAILS {
            total = add(total, machine.compare(&files(&encoded, |_| detail, |index| 9 + (index % 4) as u32)));
        }
        println!("{total:?}");
        assert!(total.whole > 100 && total.damaged == 0 && total.needless == 0, "{total:?}");
    }
}

/// `SHADEGRID_JPEGS` names folders, with colons between; `SHADEGRID_DETAILS`, `SHADEGRID_LANES` (as powers of two) and `SHADEGRID_WINDOW` what is
/// compared of the files, `SHADEGRID_DAMAGE` how many broken copies of each instead of the file.
#[test]
#[ignore = "takes folders from the environment, and long"]
fn folders_of_pictures() {
    let of = |name: &str, or: &str| std::env::var(name).unwrap_or_else(|_| or.to_string());
    let list = |name: &str, or: &str| -> Vec<u32> {
        of(name, or).split(',').map(|number| number.parse().expect("a number")).collect()
    };
    let (details, lanes) = (list("SHADEGRID_DETAILS", "0"), list("SHADEGRID_LANES", "0"));
    let (window, copies) = (list("SHADEGRID_WINDOW", "9")[0], list("SHADEGRID_DAMAGE", "0")[0]);
    let folders = of("SHADEGRID_JPEGS", "");
    let paths: Vec<PathBuf> = folders.split(':').flat_map(|folder| jpegs(Path::new(folder))).collect();
    assert!(!paths.is_empty(), "SHADEGRID_JPEGS names no folder with JPEGs");
    let mut numbers = Bytes(u64::from(list("SHADEGRID_SEED", "1")[0]));
    let checked = of("SHADEGRID_CHECKS", "off") == "on";
    let device = devices().into_iter().nth(usize::from(!checked)).expect("a device");
    let mut machine = Machine::new(&device, window, 24 << 20);
    let mut by_detail: BTreeMap<(u32, u32), Counts> = BTreeMap::new();
    for pieces in paths.chunks(24) {
        let mut encoded: Vec<Vec<u8>> =
            pieces.iter().map(|path| std::fs::read(path).expect("it is there")).collect();
        if copies > 0 {
            let broken = |bytes: &Vec<u8>| {
                let scan =
                    bytes.windows(2).position(|two| two == [0xFF, 0xDA]).unwrap_or(0).min(bytes.len() - 20);
                let mut copy = |kind: u32| {
                    let mut bytes = bytes.clone();
                    damage(&mut bytes, (kind % 5).into(), scan + 14, &mut numbers);
                    bytes
                };
                (0..copies).map(&mut copy).collect::<Vec<_>>()
            };
            encoded = encoded.iter().filter(|bytes| bytes.len() > 100).flat_map(broken).collect();
        }
        for (&detail, &shift) in
            details.iter().flat_map(|detail| lanes.iter().map(move |shift| (detail, shift)))
        {
            // 0: as the rules choose.
            let mut sent: Vec<File<'_>> = Vec::new();
            for bytes in &encoded {
                let lane_shift = if shift == 0 { lane_shift(bytes.len()) } else { shift };
                sent.push(File { bytes, detail: detail as u8, lane_shift });
            }
            let counts = machine.compare(&sent);
            let entry = by_detail.entry((detail, shift)).or_default();
            *entry = add(*entry, counts);
        }
    }
    let total = by_detail.values().copied().fold(Counts::default(), add);
    by_detail.iter().for_each(|(key, counts)| println!("detail {}, lanes 2^{}: {counts:?}", key.0, key.1));
    println!(
        "window {window}, checks {}: {total:?} in {:?} on the device",
        of("SHADEGRID_CHECKS", "off"),
        machine.took
    );
}

#[test]
fn sums_of_compressed_pictures_are_the_cpus() {
    let mut numbers = Bytes(68);
    let mut encoded = Vec::new();
    for round in 0..24 {
        let size = (100 + numbers.next() % 300, 100 + numbers.next() % 300);
        let sampling = SAMPLINGS[round % SAMPLINGS.len()];
        let picture =
            Picture::new(&mut numbers, (size.0 as usize, size.1 as usize), sampling, Content::Photo);
        let mut bytes = Picture { restart: [0, 4][round % 2], ..picture }.encode();
        if round % 8 == 7 {
            let from = data_of(&bytes);
            bytes.truncate(from + (bytes.len() - from) / 2);
        }
        encoded.push(bytes);
    }
    let limits = Limits::default();
    for device in devices() {
        let (mut reader, mut cpu) = (JpegReader::default(), Cpu::new(Level::new()));
        let (mut equal, mut back) = (0, 0);
        for algorithms in [&Algorithm::ALL[..], &[Algorithm::PhotoDna], &[Algorithm::Pdq]] {
            let capacity = super::super::super::Capacity { pictures: 64, bytes: 8 << 20 };
            let both = Both::new(&device, 8 << 20, capacity);
            let mut both = both.unwrap_or_else(|error| panic!("{error}"));
            let rule = |_, _| Detail::Scaled(2);
            for bytes in &encoded {
                let compressed = reader.compressed(bytes, rule, false, &limits).expect("it qualifies");
                assert!(both.add(&compressed, algorithms).unwrap_or_else(|error| panic!("{error}")));
            }
            let sums = both.run(PATIENCE).unwrap_or_else(|error| panic!("{error}"));
            for (index, (bytes, sums)) in encoded.iter().zip(sums).enumerate() {
                let reading = reader.read(bytes, rule, &limits).expect("a picture");
                assert_eq!(sums.is_some(), is_whole(&reading), "file {index}");
                let Some(sums) = sums else {
                    back += 1;
                    continue;
                };
                let expected = cpu.sums(&reading.picture, algorithms);
                assert!(sums.gradients == expected.gradients, "gradients of file {index}");
                assert!(sums.pdq == expected.pdq && sums.pdq512 == expected.pdq512, "pdq of file {index}");
                equal += 1;
            }
        }
        println!("{equal} pictures' sums are equal, {back} came back");
        assert_eq!((equal, back), (63, 9));
    }
}

/// Guarded ones, whose batches hold more planes than are summed, at the details that the rule chooses.
#[test]
fn sums_of_guarded_pictures_are_the_cpus() {
    let mut numbers = Bytes(82);
    let mut encoded = Vec::new();
    for round in 0..24 {
        let size = [(150, 150), (170, 150), (300, 290), (420, 410)][round % 4];
        let sampling = SAMPLINGS[[4, 1, 0, 2][round / 4 % 4]];
        encoded.push(Picture::new(&mut numbers, size, sampling, Content::Photo).softened().encode());
    }
    let algorithms = [Algorithm::PhotoDna, Algorithm::Pdq];
    let (limits, rule) = (Limits::default(), |width, height| detail_for(width, height, &algorithms));
    for device in devices() {
        let (mut reader, mut cpu) = (JpegReader::default(), Cpu::new(Level::new()));
        let capacity = super::super::super::Capacity { pictures: 64, bytes: 24 << 20 };
        let both = Both::new(&device, 8 << 20, capacity);
        let mut both = both.unwrap_or_else(|error| panic!("{error}"));
        for bytes in &encoded {
            let compressed = reader.compressed(bytes, rule, true, &limits).expect("it qualifies");
            assert!(both.add(&compressed, &algorithms).unwrap_or_else(|error| panic!("{error}")));
        }
        let sums = both.run(PATIENCE).unwrap_or_else(|error| panic!("{error}"));
        let (mut equal, mut wrong) = (0, Vec::new());
        for (index, (bytes, sums)) in encoded.iter().zip(sums).enumerate() {
            let reading = reader.read(bytes, rule, &limits).expect("a picture");
            let Some(sums) = sums else { continue };
            if sums == cpu.sums(&reading.picture, &algorithms) {
                equal += 1;
            } else {
                wrong.push(index);
            }
        }
        println!("{equal} pictures' sums are equal, of {wrong:?} not");
        assert!(equal >= 12 && wrong.is_empty());
    }
}

/// What sending a picture costs the CPU, next to decoding and summing it there, in turn; `SHADEGRID_JPEGS` names a folder.
#[test]
#[ignore = "measures, and takes folders from the environment"]
fn cost_of_sending() {
    let folders = std::env::var("SHADEGRID_JPEGS").unwrap_or_default();
    let files: Vec<Vec<u8>> = folders
        .split(':')
        .flat_map(|folder| jpegs(Path::new(folder)))
        .map(|path| std::fs::read(path).expect("it is there"))
        .collect();
    assert!(!files.is_empty(), "SHADEGRID_JPEGS names no folder with JPEGs");
    let (limits, level) = (Limits::default(), Level::new());
    let algorithms = [Algorithm::PhotoDna, Algorithm::Pdq];
    let rule = |width, height| detail_for(width, height, &algorithms);
    let (mut reader, mut cpu) = (JpegReader::default(), Cpu::new(level));
    // Twice the room of the largest file; never read.
    let mut room = vec![0u8; 2 * files.iter().map(Vec::len).max().unwrap_or(0) + 4096];
    let mut made: std::collections::HashMap<Vec<u8>, Vec<u32>> = std::collections::HashMap::new();
    // Headers, tables, unstuffing and copying, and all of it here: the least of each file over the rounds, since others share the machine.
    let mut least = vec![[Duration::MAX; 4]; files.len()];
    for _ in 0..8 {
        made.clear();
        for (file, least) in files.iter().zip(&mut least) {
            let started = Instant::now();
            let Some(compressed) = reader.compressed(file, rule, true, &limits) else { continue };
            let headers = started.elapsed();
            let started = Instant::now();
            for pair in &compressed.pairs {
                let make = || tables::pair(pair.keys(), WINDOW).unwrap_or_default();
                made.entry(pair.keys().concat()).or_insert_with(make);
            }
            let tables = started.elapsed();
            let started = Instant::now();
            let mut at = 0;
            let intervals = compressed.unstuff(level, |piece| {
                room[at..at + piece.len()].copy_from_slice(piece);
                at += piece.len();
            });
            let unstuffing = started.elapsed();
            if intervals.is_none() {
                continue;
            }
            let started = Instant::now();
            let reading = reader.read(file, rule, &limits).expect("a picture");
            std::hint::black_box(cpu.sums(&reading.picture, &algorithms));
            reader.recycle(reading.picture);
            let took = [headers, tables, unstuffing, started.elapsed()];
            least.iter_mut().zip(took).for_each(|(least, took)| *least = took.min(*least));
        }
    }
    let sent: Vec<(&Vec<u8>, &[Duration; 4])> =
        files.iter().zip(&least).filter(|(_, least)| least[0] < Duration::MAX).collect();
    let count = sent.len() as f64;
    let each =
        |part: usize| sent.iter().map(|(_, least)| least[part].as_secs_f64() * 1e6).sum::<f64>() / count;
    let [headers, tables, unstuffing, here] = [0, 1, 2, 3].map(each);
    println!(
        "{count} pictures of {} bytes: {headers:.1} µs headers, {tables:.1} tables, {unstuffing:.1} unstuffing and copying; \
         {here:.1} µs to decode and sum without guards; ratio {:.3}",
        sent.iter().map(|(file, _)| file.len()).sum::<usize>() / sent.len(),
        (headers + tables + unstuffing) / here
    );
}

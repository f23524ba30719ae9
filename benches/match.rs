//! Search among a million and more known signatures: throughput, latency, building and opening.
//!
//! `benches/rivals/match.py` makes the same searches with FAISS and NumKong on the same files, in turn with this program, and
//! compares the answers. By hand:
//!
//! ```text
//! cargo bench --bench match -- data FOLDER SIGNATURES PDQ ENTRIES QUERIES   makes files of real-like signatures
//! cargo bench --bench match -- photodna FOLDER THREADS [avx2]               times range search, d² ≤ 40,000
//! cargo bench --bench match -- pdq FOLDER THREADS [avx2]                    times range search, radius 31
//! cargo bench --bench match -- dense FOLDER THREADS [avx2]                  times the kernel that computes every pair
//! cargo bench --bench match -- device FOLDER [DEVICE]                       times both on a GPU, every pair
//! cargo bench --bench match -- device                                       the same on a million made-up signatures
//! cargo bench --bench match -- latency FOLDER                               times single queries
//! cargo bench --bench match -- check FOLDER [SIGNATURES PDQ]                compares answers with the naive double loop's
//! cargo bench --bench match -- ways FOLDER SIZE…                            times PDQ search by index and by every row
//! cargo bench --bench match                                                 all of it, small, on made-up signatures
//! ```
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

#[path = "match/check.rs"]
mod check;
#[path = "match/ways.rs"]
mod ways;

use std::path::Path;
use std::time::Instant;

use fearless_simd::Level;
use shadegrid::gallery::{Entry, Gallery, GalleryBuilder, Match, Query, Scratch, SearchOptions};
use shadegrid::{BackendChoice, Devices, Orientation, Pdq, PhotoDna};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["data", folder, photodna, pdq, entries, queries] => make(
            Path::new(folder),
            &std::fs::read(photodna)?,
            &std::fs::read(pdq)?,
            entries.parse()?,
            queries.parse()?,
        ),
        [what @ ("photodna" | "pdq" | "dense"), folder, threads, ref level @ ..] => {
            throughput(Path::new(folder), what, threads.parse()?, level.first() == Some(&"avx2"))
        }
        ["device"] => {
            let folder = made(1_000_000, 16_384)?;
            let device = std::env::var("SHADEGRID_DEVICE").ok();
            on_device(folder.path(), device.as_deref())
        }
        ["device", folder, ref device @ ..] => on_device(Path::new(folder), device.first().copied()),
        ["latency", folder] => latency(Path::new(folder)),
        ["check", folder] => check::run(Path::new(folder), None, usize::MAX),
        ["check", folder, photodna, pdq] => check::run(Path::new(folder), Some((photodna, pdq)), usize::MAX),
        ["ways", folder, ref sizes @ ..] => ways::run(Path::new(folder), sizes),
        [] | ["--test"] => everything(),
        _ => Err("unknown arguments; the head of benches/match.rs names them".into()),
    }
}

/// So many made-up signatures and queries.
fn made(entries: usize, queries: usize) -> Outcome<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    let mut random = Random(5);
    let photodna: Vec<u8> =
        (0..2000).flat_map(|_| length_1020(std::array::from_fn(|_| random.cube()))).collect();
    let pdq: Vec<u8> = (0..64_000).map(|_| random.next() as u8).collect();
    make(folder.path(), &photodna, &pdq, entries, queries)?;
    Ok(folder)
}

/// All of it on made-up signatures.
fn everything() -> Outcome<()> {
    let folder = made(200_000, 1000)?;
    for what in ["photodna", "pdq", "dense"] {
        throughput(folder.path(), what, 1, false)?;
    }
    latency(folder.path())?;
    check::run(folder.path(), None, 25_000)?;
    ways::run(folder.path(), &["20000"])
}

/// A small generator: the same numbers on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn cube(&mut self) -> f32 {
        (self.below(1000) as f32 / 1000.0).powi(3)
    }
}

fn length_1020(values: [f32; 144]) -> [u8; 144] {
    let length = values.iter().map(|value| value * value).sum::<f32>().sqrt().max(1e-9);
    values.map(|value| (value * 1022.0 / length).min(255.0) as u8)
}

/// A new signature like the given ones: two of them, turned at random, 7 parts to 3.
fn blend(known: &[[u8; 144]], random: &mut Random) -> [u8; 144] {
    let mut one = || {
        let orientation = Orientation::ALL[random.below(8)];
        PhotoDna(known[random.below(known.len())]).oriented(orientation).0
    };
    let (a, b) = (one(), one());
    length_1020(std::array::from_fn(|k| 0.7 * f32::from(a[k]) + 0.3 * f32::from(b[k])))
}

/// The signature with noise, at a squared distance of up to about 60,000.
fn noisy(signature: &[u8; 144], random: &mut Random) -> [u8; 144] {
    let reach = random.below(36) + 1;
    signature
        .map(|value| (i32::from(value) + random.below(2 * reach) as i32 - reach as i32).clamp(0, 255) as u8)
}

/// A known PDQ signature, one of its orientations, with a third of its bits at random: as far from others as strangers are.
fn mixed(known: &[[u8; 32]], random: &mut Random) -> [u8; 32] {
    let mut bits = Pdq(known[random.below(known.len())]).oriented(Orientation::ALL[random.below(8)]).0;
    for byte in &mut bits {
        let (chosen, new) = (random.next() as u8 & random.next() as u8, random.next() as u8);
        *byte = (*byte & !chosen) | (new & chosen);
    }
    bits
}

fn flipped(signature: &[u8; 32], random: &mut Random) -> [u8; 32] {
    let mut bits = *signature;
    for _ in 0..random.below(45) {
        let bit = random.below(256);
        bits[bit / 8] ^= 1 << (bit % 8);
    }
    bits
}

/// Writes `{photodna,pdq}.{gallery,queries}.bin` and galleries of each; half of the queries are altered entries.
fn make(folder: &Path, photodna: &[u8], pdq: &[u8], entries: usize, queries: usize) -> Outcome<()> {
    std::fs::create_dir_all(folder)?;
    let mut random = Random(1);
    let seeds = photodna.as_chunks::<144>().0;
    let known: Vec<[u8; 144]> = (0..entries).map(|_| blend(seeds, &mut random)).collect();
    let asked: Vec<[u8; 144]> = (0..queries)
        .map(|n| {
            if n % 2 == 0 {
                noisy(&known[random.below(entries)], &mut random)
            } else {
                blend(seeds, &mut random)
            }
        })
        .collect();
    write(folder, "photodna", known.as_flattened(), asked.as_flattened())?;
    build(folder, "photodna", known.iter().map(|s| (Some(PhotoDna(*s)), None)))?;
    drop(known);
    let seeds = pdq.as_chunks::<32>().0;
    let known: Vec<[u8; 32]> = (0..entries).map(|_| mixed(seeds, &mut random)).collect();
    let asked: Vec<[u8; 32]> = (0..queries)
        .map(|n| {
            if n % 2 == 0 {
                flipped(&known[random.below(entries)], &mut random)
            } else {
                mixed(seeds, &mut random)
            }
        })
        .collect();
    write(folder, "pdq", known.as_flattened(), asked.as_flattened())?;
    build(folder, "pdq", known.iter().map(|s| (None, Some(Pdq(*s)))))
}

fn write(folder: &Path, name: &str, known: &[u8], asked: &[u8]) -> Outcome<()> {
    std::fs::write(folder.join(format!("{name}.gallery.bin")), known)?;
    std::fs::write(folder.join(format!("{name}.queries.bin")), asked)?;
    Ok(())
}

fn build(
    folder: &Path,
    name: &str,
    signatures: impl Iterator<Item = (Option<PhotoDna>, Option<Pdq>)>,
) -> Outcome<()> {
    let start = Instant::now();
    let mut builder = GalleryBuilder::new();
    let source = builder.source("bench", "binary");
    for (position, (photodna, pdq)) in signatures.enumerate() {
        let entry =
            Entry::default().key(position.to_string()).position(position as u64).photodna(photodna).pdq(pdq);
        builder.add(source, entry)?;
    }
    let collected = start.elapsed().as_secs_f64();
    let path = folder.join(format!("{name}.shadegrid"));
    builder.create(&path)?;
    let built = start.elapsed().as_secs_f64();
    let entries = builder.len();
    drop(builder);
    let start = Instant::now();
    let gallery = Gallery::open(&path)?;
    let opened = start.elapsed().as_secs_f64() * 1e3;
    gallery.verify()?;
    let verified = start.elapsed().as_secs_f64();
    let bytes = gallery.counts().bytes as f64 / entries as f64;
    println!(
        "{{\"build\":\"{name}\",\"entries\":{entries},\"collect_s\":{collected:.2},\"total_s\":{built:.2},\
         \"open_ms\":{opened:.3},\"verify_s\":{verified:.2},\"bytes_an_entry\":{bytes:.1},\"peak_mib\":{}}}",
        peak_mib()
    );
    Ok(())
}

/// CPU time of all threads of this process so far, on Linux, in steps of 10 ms.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

/// The most memory that this process has had, on Linux.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}

fn open(folder: &Path, name: &str, avx2: bool) -> Outcome<(Gallery, Vec<Query>)> {
    let mut gallery = Gallery::open(folder.join(format!("{name}.shadegrid")))?;
    #[cfg(target_arch = "x86_64")]
    if avx2 {
        gallery = gallery.at_level(Level::new().as_avx2().map(Level::Avx2).ok_or("no AVX2 here")?);
    }
    let asked = std::fs::read(folder.join(format!("{name}.queries.bin")))?;
    let queries = if name == "photodna" {
        let signatures = asked.as_chunks::<144>().0.iter();
        signatures.map(|s| Query::default().photodna(Some(PhotoDna(*s)))).collect()
    } else {
        let signatures = asked.as_chunks::<32>().0.iter();
        signatures.map(|s| Query::default().pdq(Some(Pdq(*s)))).collect()
    };
    Ok((gallery, queries))
}

/// Range search of all queries, shared among threads in batches; every pair's distance where `what` is `dense`.
fn throughput(folder: &Path, what: &str, threads: usize, avx2: bool) -> Outcome<()> {
    let name = if what == "dense" { "photodna" } else { what };
    let (gallery, mut queries) = open(folder, name, avx2)?;
    let mut options = SearchOptions::default();
    if what == "dense" {
        // At this threshold nothing is pruned and almost nothing matches; a share of the queries is enough.
        queries.truncate(queries.len().div_ceil(10));
        options.photodna = Some(40_000);
    }
    let run = |queries: &[Query]| -> Vec<Match> {
        let mut matches = Vec::new();
        if what == "dense" {
            gallery.search_every_pair(queries, &options, &mut Scratch::default(), &mut matches);
        } else {
            gallery.search(queries, &options, &mut Scratch::default(), &mut matches);
        }
        matches
    };
    run(&queries[..queries.len().min(512)]);
    let cpu_before = cpu_seconds();
    let start = Instant::now();
    let parts: Vec<Vec<Match>> = std::thread::scope(|scope| {
        let parts: Vec<_> =
            queries.chunks(queries.len().div_ceil(threads)).map(|part| scope.spawn(|| run(part))).collect();
        parts.into_iter().map(|part| part.join().expect("no search panics")).collect()
    });
    let seconds = start.elapsed().as_secs_f64();
    let cpu_seconds = cpu_seconds() - cpu_before;
    let counts = gallery.counts();
    let entries = counts.photodna.max(counts.pdq);
    write_matches(
        &folder.join(format!("{what}.matches.bin")),
        &gallery,
        &parts,
        queries.len().div_ceil(threads),
    )?;
    let (matches, sum) =
        parts.iter().flatten().fold((0u64, 0u64), |(n, sum), m| (n + 1, sum + u64::from(m.distance)));
    println!(
        "{{\"search\":\"{what}\",\"entries\":{entries},\"queries\":{},\"threads\":{threads},\"level\":\"{}\",\
         \"seconds\":{seconds:.4},\"cpu_seconds\":{cpu_seconds:.2},\"million_pairs_a_second\":{:.0},\"matches\":{matches},\"distance_sum\":{sum}}}",
        queries.len(),
        if avx2 { "avx2" } else { "best" },
        entries as f64 * queries.len() as f64 / seconds / 1e6
    );
    Ok(())
}

/// Range search of all queries on a GPU, which computes every pair; the matches are compared with the CPU's.
/// Pairs per second of a software device say nothing.
fn on_device(folder: &Path, device: Option<&str>) -> Outcome<()> {
    let wanted: Vec<String> = device.map(str::to_string).into_iter().collect();
    let devices = Devices::choose(BackendChoice::Gpu, &wanted)?;
    for what in ["photodna", "pdq"] {
        let search = |gallery: &Gallery, queries: &[Query]| {
            let mut matches = Vec::new();
            gallery.search(queries, &SearchOptions::default(), &mut Scratch::default(), &mut matches);
            matches
        };
        let (gallery, queries) = open(folder, what, false)?;
        let expected = search(&gallery, &queries);
        let start = Instant::now();
        let gallery = gallery.on_device(&devices)?;
        let upload = start.elapsed().as_secs_f64();
        search(&gallery, &queries[..queries.len().min(1024)]);
        let start = Instant::now();
        let found = search(&gallery, &queries);
        let seconds = start.elapsed().as_secs_f64();
        if let Some(fault) = gallery.device_fault() {
            return Err(fault.into());
        }
        if found != expected {
            return Err(format!("{what}: the device's matches differ from the CPU's").into());
        }
        let counts = gallery.counts();
        let pairs = counts.photodna.max(counts.pdq) as f64 * queries.len() as f64;
        println!(
            "{{\"search\":\"{what}\",\"device\":{:?},\"queries\":{},\"upload_s\":{upload:.3},\"seconds\":{seconds:.4},\
             \"million_pairs_a_second\":{:.0},\"matches\":{},\"equal\":true}}",
            devices.names()[0],
            queries.len(),
            pairs / seconds / 1e6,
            found.len()
        );
    }
    Ok(())
}

/// Query, row and distance of each match, for the comparison with rivals.
fn write_matches(path: &Path, gallery: &Gallery, parts: &[Vec<Match>], part: usize) -> Outcome<()> {
    let mut rows = Vec::new();
    for (number, matches) in parts.iter().enumerate() {
        for found in matches {
            let row = gallery.entry(found.entry).position as u32;
            for value in [found.query + (number * part) as u32, row, found.distance] {
                rows.extend(value.to_le_bytes());
            }
        }
    }
    Ok(std::fs::write(path, rows)?)
}

/// Single queries, one after another.
fn latency(folder: &Path) -> Outcome<()> {
    for name in ["photodna", "pdq"] {
        let (gallery, queries) = open(folder, name, false)?;
        let (mut scratch, mut matches) = (Scratch::default(), Vec::new());
        let mut times: Vec<f64> = queries
            .iter()
            .take(520)
            .map(|query| {
                let start = Instant::now();
                matches.clear();
                gallery.search(
                    std::slice::from_ref(query),
                    &SearchOptions::default(),
                    &mut scratch,
                    &mut matches,
                );
                start.elapsed().as_secs_f64() * 1e3
            })
            .skip(20)
            .collect();
        times.sort_by(f64::total_cmp);
        println!(
            "{{\"latency\":\"{name}\",\"bytes\":{},\"median_ms\":{:.3},\"p99_ms\":{:.3}}}",
            gallery.counts().bytes,
            times[times.len() / 2],
            times[times.len() * 99 / 100]
        );
    }
    Ok(())
}

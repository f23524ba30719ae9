//! What the engine makes of broken files, compared with libjpeg-turbo: full decoding, decoding by the rule, and the library itself, over mutants.
//!
//! `cargo run --release --manifest-path benches/decoders/Cargo.toml --bin differential -- FOLDER-OR-FILE...` (`MUTANTS=20000`, `SEED=1`)
//! takes each JPEG of up to [`MOST_PIXELS`] as it is, then mutants of them in turn: flipped bits, cuts, spans of one byte, pieces taken out or
//! doubled, segments and restart intervals removed, doubled or exchanged, markers renamed. Each is
//!
//! - hashed at `auto` and at `full`: status, flags and share of whole rows must agree;
//! - shown by libjpeg-turbo as Chromium has it do: pixels must be equal, and what it shows may be no error here. Where fill bytes stand in front of
//!   a stuffed byte, its fast decoder leaves coefficients behind that it made of zeros; then what it shows without them counts;
//! - compared by signature, `auto` with `full`, where it is not damaged.
//!
//! Fails where statuses or pixels differ. `KEEP=folder` writes what differs there.

use shadegrid::{
    DecodeOptions, Decoder, DetailChoice, Error, HashOptions, Hashed, Hasher, Limits, PdqPath, Planes, Result,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

mod mutants;
mod oracle;

use mutants::{Mutation, Numbers};
use oracle::{Oracle, Shown};

/// Larger pictures are left out.
const MOST_PIXELS: u64 = 1 << 20;

struct Engines {
    auto: Hasher,
    full: Hasher,
    decoder: Decoder,
    oracle: Oracle,
}

impl Engines {
    fn new() -> Engines {
        let limits = Limits::default().max_pixels(4 * MOST_PIXELS);
        let options = |detail| DecodeOptions::default().limits(limits.clone()).detail(detail);
        let hasher = |detail| Hasher::new(HashOptions::default().decode(options(detail)));
        Engines {
            auto: hasher(DetailChoice::Auto),
            full: hasher(DetailChoice::Full),
            decoder: Decoder::new(options(DetailChoice::Full)),
            oracle: Oracle::new(4 * MOST_PIXELS),
        }
    }
}

/// What was counted.
#[derive(Default)]
struct Counts {
    files: usize,
    /// By what auto said.
    statuses: BTreeMap<String, usize>,
    /// Whose status, flags or share differ between auto and full.
    disagreements: usize,
    equal: usize,
    equal_damaged: usize,
    differing: usize,
    /// Equal but for what libjpeg-turbo's fast decoder leaves behind.
    left_behind: usize,
    /// By the error where libjpeg-turbo shows a picture, and by its message where it alone shows none.
    refused: BTreeMap<String, usize>,
    shown_here_alone: BTreeMap<String, usize>,
    neither: usize,
    /// Distances of undamaged pictures, PhotoDNA and PDQ; and how many of them are far apart.
    distances: Vec<(f64, u32)>,
    far: usize,
    by_kind: BTreeMap<&'static str, [usize; 3]>,
}

fn main() {
    let number = |name: &str, default| std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default);
    let mut paths = Vec::new();
    std::env::args().skip(1).for_each(|argument| collect(Path::new(&argument), &mut paths));
    paths.sort();
    let sources: Vec<Vec<u8>> = paths.iter().filter_map(|path| source(path)).collect();
    assert!(!sources.is_empty(), "no JPEG of up to {MOST_PIXELS} pixels");
    let (wanted, seed) = (number("MUTANTS", 20_000), number("SEED", 1));
    let (mut engines, mut counts) = (Engines::new(), Counts::default());
    for source in &sources {
        counts.compare("as it is", source, &mut engines);
    }
    let mut numbers = Numbers::new(seed as u64);
    for index in 0..wanted {
        let source = &sources[index % sources.len()];
        let mutation = Mutation::ALL[index / sources.len() % Mutation::ALL.len()];
        let mutant = mutation.of(source, &sources[numbers.under(sources.len())], &mut numbers);
        counts.compare(mutation.name(), &mutant, &mut engines);
    }
    counts.print(sources.len());
    assert_eq!((counts.disagreements, counts.differing), (0, 0), "statuses and pixels that differ");
}

fn collect(path: &Path, paths: &mut Vec<PathBuf>) {
    match std::fs::read_dir(path) {
        Ok(entries) => entries.flatten().for_each(|entry| collect(&entry.path(), paths)),
        Err(_) => paths.push(path.to_owned()),
    }
}

fn source(path: &Path) -> Option<Vec<u8>> {
    let bytes = std::fs::read(path).ok().filter(|bytes| bytes.starts_with(&[0xFF, 0xD8, 0xFF]))?;
    let header = turbojpeg::read_header(&bytes).ok()?;
    ((header.width * header.height) as u64 <= MOST_PIXELS).then_some(bytes)
}

impl Counts {
    fn compare(&mut self, kind: &'static str, bytes: &[u8], engines: &mut Engines) {
        self.files += 1;
        let (auto, full) = (engines.auto.hash(bytes), engines.full.hash(bytes));
        let (status, other) = (status(&auto), status(&full));
        let by_kind = self.by_kind.entry(kind).or_default();
        by_kind[0] += 1;
        by_kind[1] += usize::from(status.starts_with("damaged"));
        by_kind[2] += usize::from(auto.is_err());
        let short = status.split(' ').next().unwrap_or_default().to_owned();
        *self.statuses.entry(short).or_default() += 1;
        if status != other {
            self.disagreements += 1;
            println!("auto: {status}; full: {other}; {kind}, file {}", self.files);
            keep(bytes, self.files);
        }
        if let (Ok(auto), Ok(full)) = (&auto, &full) {
            self.measure(kind, bytes, auto, full);
        }
        self.compare_pixels(kind, bytes, engines);
    }

    fn measure(&mut self, kind: &str, bytes: &[u8], auto: &Hashed, full: &Hashed) {
        let (Some(a), Some(b)) = (&auto.photodna, &full.photodna) else { return };
        let (Some(c), Some(d)) = (&auto.pdq, &full.pdq) else { return };
        let fast = [c, d].iter().all(|pdq| pdq.path == PdqPath::Fast);
        if auto.whole.is_some() || d.quality < 50 || !fast {
            return;
        }
        let distance = (f64::from(a.signature.distance(&b.signature)).sqrt(), c.signature.distance(&d.signature));
        self.distances.push(distance);
        if distance.0 > 60.0 || distance.1 > 16 {
            self.far += 1;
            println!("{:.0} and {} bits apart without a flag: {kind}, file {}", distance.0, distance.1, self.files);
            keep(bytes, self.files);
        }
    }

    fn compare_pixels(&mut self, kind: &str, bytes: &[u8], engines: &mut Engines) {
        let ours = engines.decoder.decode(bytes);
        let theirs = engines.oracle.show(bytes);
        match (&ours, &theirs) {
            (Ok(decoded), Ok(shown)) if is_same(&decoded.picture.planes, shown) => {
                self.equal += 1;
                self.equal_damaged += usize::from(decoded.whole.is_some());
            }
            (Ok(decoded), Ok(_))
                if engines.oracle.show(&without_fill(bytes)).is_ok_and(|shown| is_same(&decoded.picture.planes, &shown)) =>
            {
                self.left_behind += 1;
            }
            (Ok(_), Ok(_)) => {
                self.differing += 1;
                println!("other pixels than libjpeg-turbo's: {kind}, file {}", self.files);
                keep(bytes, self.files);
            }
            (Ok(_), Err(error)) => *self.shown_here_alone.entry(general(error)).or_default() += 1,
            (Err(error), Ok(_)) => {
                *self.refused.entry(general(&error.to_string())).or_default() += 1;
                if matches!(error, Error::Corrupt { .. }) {
                    println!("libjpeg-turbo alone shows a picture ({error}): {kind}, file {}", self.files);
                    keep(bytes, self.files);
                }
            }
            (Err(_), Err(_)) => self.neither += 1,
        }
        if let Ok(decoded) = ours {
            engines.decoder.recycle(decoded.picture);
        }
    }

    fn print(&mut self, sources: usize) {
        println!("\n{} files: {sources} sources and their mutants", self.files);
        println!("\n| mutation | files | damaged | no picture |\n| --- | --- | --- | --- |");
        for (kind, [files, damaged, errors]) in &self.by_kind {
            println!("| {kind} | {files} | {damaged} | {errors} |");
        }
        println!("\nstatus: {:?}; auto and full disagree on {}", self.statuses, self.disagreements);
        println!(
            "pixels equal to libjpeg-turbo's: {} ({} of them damaged); without fill bytes: {}; not equal: {}; no picture on either side: {}",
            self.equal, self.equal_damaged, self.left_behind, self.differing, self.neither
        );
        println!("libjpeg-turbo alone shows a picture: {:#?}", self.refused);
        println!("it alone shows none: {:#?}", self.shown_here_alone);
        let mut photodna: Vec<f64> = self.distances.iter().map(|distance| distance.0).collect();
        let mut pdq: Vec<u32> = self.distances.iter().map(|distance| distance.1).collect();
        photodna.sort_by(f64::total_cmp);
        pdq.sort_unstable();
        let Some(last) = photodna.len().checked_sub(1) else { return };
        let at = (last as f64 * 0.99).ceil() as usize;
        println!(
            "undamaged, auto to full: {} compared; PhotoDNA p99 {:.1}, largest {:.1}; PDQ p99 {}, largest {}; beyond 60 or 16: {}",
            photodna.len(), photodna[at], photodna[last], pdq[at], pdq[last], self.far
        );
    }
}

/// The file without fill bytes in front of stuffed ones.
fn without_fill(bytes: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(bytes.len());
    for (at, byte) in bytes.iter().enumerate() {
        let rest = &bytes[at + 1..];
        let fills = rest.iter().take_while(|byte| **byte == 0xFF).count();
        if !(*byte == 0xFF && fills > 0 && rest.get(fills) == Some(&0)) {
            kept.push(*byte);
        }
    }
    kept
}

/// Status, flags and share, as a record tells them.
fn status(hashed: &Result<Hashed>) -> String {
    match hashed {
        Ok(hashed) => match hashed.whole {
            None => "ok".into(),
            Some(whole) => format!("damaged {whole:.6}"),
        },
        Err(error) => format!("{} {error}", error.code()),
    }
}

/// A message without its numbers.
fn general(message: &str) -> String {
    message.chars().filter(|character| !character.is_ascii_digit()).take(60).collect()
}

fn is_same(planes: &Planes, shown: &Shown) -> bool {
    match planes {
        Planes::Rgb(plane) => shown.channels == 3 && plane.samples == shown.pixels,
        Planes::Grey(plane) => shown.channels == 1 && plane.samples == shown.pixels,
        Planes::Coarse { .. } => false,
    }
}

fn keep(bytes: &[u8], file: usize) {
    if let Ok(folder) = std::env::var("KEEP") {
        let _ = std::fs::write(Path::new(&folder).join(format!("{file}.jpg")), bytes);
    }
}

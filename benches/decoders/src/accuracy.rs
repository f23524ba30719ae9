//! How far signatures of low frequencies lie from those of every pixel, by detail and shorter side.
//!
//! `cargo run --release --manifest-path benches/decoders/Cargo.toml --bin accuracy -- FOLDER-OR-FILE...` takes each JPEG as it is,
//! saved again at qualities 75 and 90, and scaled to each of [`SIDES`] that is smaller and saved, 4:2:0 and 4:4:4 in turn.
//! Pictures of a PDQ quality under 50 and those that are sent back to full decoding are left out, as they are in use. Prints
//! Markdown; fails where what the rule chooses breaks its promise in a class of 200 comparisons or more.

use image::{RgbImage, imageops};
use shadegrid::decode::jpeg::{JpegReader, detail_for};
use shadegrid::{Algorithm, DecodeOptions, Detail, DetailChoice, HashOptions, Hashed, Hasher, Limits, PdqPath};
use std::path::{Path, PathBuf};

/// Shorter sides to scale to: one or two in each class.
const SIDES: [u32; 14] = [110, 150, 172, 190, 230, 270, 300, 360, 430, 520, 620, 720, 900, 1300];
/// Shorter sides from which a class begins.
const CLASSES: [u32; 12] = [96, 144, 168, 200, 288, 330, 400, 576, 680, 800, 1152, 1600];
/// The details.
const DETAILS: [u8; 6] = [1, 2, 3, 4, 6, 8];
/// The rule's promise: 99 in 100 within these.
const PROMISE: (f64, u32) = (24.0, 8);

/// Distances between scaled and full signatures.
#[derive(Default, Clone)]
struct Distances {
    photodna: Vec<f64>,
    pdq: Vec<u32>,
}

impl Distances {
    fn add(&mut self, full: &Hashed, scaled: &Hashed) {
        let (Some(a), Some(b)) = (&full.photodna, &scaled.photodna) else { return };
        let (Some(c), Some(d)) = (&full.pdq, &scaled.pdq) else { return };
        self.photodna.push(f64::from(a.signature.distance(&b.signature)).sqrt());
        self.pdq.push(c.signature.distance(&d.signature));
    }

    /// Median, 99th percentile and largest, PhotoDNA and PDQ.
    fn places(&mut self) -> ([f64; 3], [u32; 3]) {
        self.photodna.sort_by(f64::total_cmp);
        self.pdq.sort_unstable();
        let at = |share: f64| ((self.pdq.len() - 1) as f64 * share).ceil() as usize;
        let places = [at(0.5), at(0.99), at(1.0)];
        (places.map(|place| self.photodna[place]), places.map(|place| self.pdq[place]))
    }

    fn cell(&mut self) -> String {
        if self.pdq.is_empty() {
            return " |".to_owned();
        }
        let ([a, b, c], [d, e, f]) = self.places();
        format!(" {a:.1} / {b:.0} / {c:.0}; {d} / {e} / {f} |")
    }
}

/// What was compared.
#[derive(Default)]
struct Table {
    by_detail: [[Distances; CLASSES.len()]; DETAILS.len()],
    photodna: [Distances; CLASSES.len()],
    both: [Distances; CLASSES.len()],
    files: usize,
    left_out: usize,
}

fn main() {
    let mut paths = Vec::new();
    std::env::args().skip(1).for_each(|argument| collect(Path::new(&argument), &mut paths));
    paths.sort();
    let decode = DecodeOptions::default().detail(DetailChoice::Full);
    let mut hasher = Hasher::new(HashOptions::default().decode(decode));
    let mut table = Table::default();
    for (index, path) in paths.iter().enumerate() {
        let Ok(bytes) = std::fs::read(path) else { continue };
        for copy in copies(&bytes, index) {
            table.add(&copy, &mut hasher);
        }
        table.add(&bytes, &mut hasher);
    }
    let kept = table.print();
    assert!(kept, "a class breaks the promise");
}

fn collect(path: &Path, paths: &mut Vec<PathBuf>) {
    match std::fs::read_dir(path) {
        Ok(entries) => entries.flatten().for_each(|entry| collect(&entry.path(), paths)),
        Err(_) => paths.push(path.to_owned()),
    }
}

/// The picture saved again, and scaled and saved.
fn copies(bytes: &[u8], index: usize) -> Vec<Vec<u8>> {
    let Ok(picture) = turbojpeg::decompress_image::<image::Rgb<u8>>(bytes) else { return Vec::new() };
    let mut copies: Vec<Vec<u8>> = [75, 90].iter().filter_map(|&quality| saved(&picture, quality, 0)).collect();
    let (width, height) = picture.dimensions();
    for (place, &side) in SIDES.iter().enumerate().filter(|&(_, &side)| side < width.min(height)) {
        let scale = f64::from(side) / f64::from(width.min(height));
        let scaled = |length: u32| ((f64::from(length) * scale).round() as u32).max(side);
        let small = imageops::resize(&picture, scaled(width), scaled(height), imageops::FilterType::CatmullRom);
        let quality = [70, 80, 90, 95][(index + place) % 4];
        copies.extend(saved(&small, quality, index + place));
    }
    copies
}

fn saved(picture: &RgbImage, quality: i32, turn: usize) -> Option<Vec<u8>> {
    let sampling = if turn % 3 == 2 { turbojpeg::Subsamp::None } else { turbojpeg::Subsamp::Sub2x2 };
    turbojpeg::compress_image(picture, quality, sampling).ok().map(|bytes| bytes.to_vec())
}

impl Table {
    fn add(&mut self, bytes: &[u8], hasher: &mut Hasher) {
        let Ok(full) = hasher.hash(bytes) else { return };
        let side = full.width.min(full.height);
        let Some(class) = CLASSES.partition_point(|&least| least <= side).checked_sub(1) else { return };
        let usable = |hashed: &Hashed| {
            hashed.pdq.as_ref().is_some_and(|pdq| pdq.quality >= 50 && pdq.path == PdqPath::Fast)
        };
        if full.whole.is_some() || !usable(&full) {
            self.left_out += 1;
            return;
        }
        self.files += 1;
        for (row, detail) in DETAILS.into_iter().enumerate() {
            let detail = Detail::Scaled(detail);
            let reading = JpegReader::default().read(bytes, |_, _| detail, &Limits::default());
            let Some(coarse) = reading.ok().filter(|reading| reading.detail == detail) else { continue };
            let Ok(scaled) = hasher.hash_picture(&coarse.picture) else { continue };
            if !usable(&scaled) {
                continue;
            }
            self.by_detail[row][class].add(&full, &scaled);
            if detail_for(full.width, full.height, &[Algorithm::PhotoDna]) == detail {
                self.photodna[class].add(&full, &scaled);
            }
            if detail_for(full.width, full.height, &Algorithm::ALL) == detail {
                self.both[class].add(&full, &scaled);
            }
        }
    }

    /// Prints everything; whether the promise is kept.
    fn print(&mut self) -> bool {
        println!("{} pictures compared, {} left out", self.files, self.left_out);
        println!("\n| median / p99 / largest, PhotoDNA; PDQ | {} |", CLASSES.map(|c| format!("{c}–")).join(" | "));
        println!("|{}", " --- |".repeat(CLASSES.len() + 1));
        let line = |name: &str, row: &mut [Distances]| {
            println!("| {name} |{}", row.iter_mut().map(Distances::cell).collect::<String>());
        };
        let counts = self.by_detail[0].each_ref().map(|distances| distances.pdq.len().to_string());
        println!("| pictures | {} |", counts.join(" | "));
        for (row, detail) in DETAILS.iter().enumerate() {
            line(&format!("n = {detail}"), &mut self.by_detail[row]);
        }
        line("the rule, PhotoDNA alone", &mut self.photodna);
        line("the rule, with PDQ", &mut self.both);
        let enough = |distances: &&mut Distances| distances.pdq.len() >= 200;
        let photodna = self.photodna.iter_mut().filter(enough).all(|d| d.places().0[1] <= PROMISE.0);
        let both = self.both.iter_mut().filter(enough).all(|d| {
            let (photodna, pdq) = d.places();
            photodna[1] <= PROMISE.0 && pdq[1] <= PROMISE.1
        });
        photodna && both
    }
}

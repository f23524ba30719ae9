//! Decoding alone, in turn, on one thread: Shadegrid's coarse planes and its pixels next to libjpeg-turbo and zune-jpeg.
//!
//! `cargo run --release --manifest-path benches/decoders/Cargo.toml -- FOLDER-OR-FILE...` (`ROUNDS=N`) prints, for each class of size and coding, the mean milliseconds of
//! the thread's CPU time a picture and how many times faster than libjpeg-turbo's RGB each way is. Each file is decoded by every way in turn,
//! in several rounds, and each way's best round counts. `auto` is a whole hash, both signatures, as far as the rule reads; behind it MB/s of the file's bytes.
//!
//! `MADE=1` takes, in place of each file, two that are made of it: the same coefficients as a progressive file, and 0.17 megapixels of it saved at
//! quality 95 (4:2:0 and 4:4:4 in turn), about 80 kB; `KEEP=folder` writes them there.

use cpu_time::ThreadTime;
use image::imageops;
use shadegrid::decode::jpeg::JpegReader;
use shadegrid::{DecodeOptions, Decoder, Detail, DetailChoice, HashOptions, Hasher, Limits};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use zune_jpeg::zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};

/// The ways, in the order of the columns.
const WAYS: [&str; 8] = ["turbo rgb", "turbo grey 1/8", "zune rgb", "n=1", "n=2", "n=4", "full", "auto"];

/// Pixels of a file that is made small.
const SMALL: f64 = 170_000.0;

struct File {
    bytes: Vec<u8>,
    class: String,
    megapixels: f64,
}

fn main() {
    let rounds = std::env::var("ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(5);
    let mut paths = Vec::new();
    std::env::args().skip(1).for_each(|argument| collect(Path::new(&argument), &mut paths));
    paths.sort();
    let mut classes: BTreeMap<String, Vec<(File, [f64; WAYS.len()])>> = BTreeMap::new();
    let mut ways = Ways::default();
    let mut skipped = 0;
    let made = std::env::var_os("MADE").is_some();
    let files = paths.iter().enumerate().flat_map(|(index, path)| match std::fs::read(path) {
        Ok(bytes) if made => keep(make(&bytes, index), index),
        Ok(bytes) => vec![bytes],
        Err(_) => Vec::new(),
    });
    for bytes in files {
        let Some(file) = open(bytes) else {
            skipped += 1;
            continue;
        };
        match ways.time(&file.bytes, rounds) {
            Some(times) => classes.entry(file.class.clone()).or_default().push((file, times)),
            None => skipped += 1,
        }
    }
    report(&classes);
    println!("\n{skipped} files skipped: not for every way. {rounds} rounds.");
}

fn collect(path: &Path, paths: &mut Vec<PathBuf>) {
    match std::fs::read_dir(path) {
        Ok(entries) => entries.flatten().for_each(|entry| collect(&entry.path(), paths)),
        Err(_) => paths.push(path.to_owned()),
    }
}

/// The file as a progressive one, and a small one of high quality.
fn make(bytes: &[u8], index: usize) -> Vec<Vec<u8>> {
    let mut transform = turbojpeg::Transform::default();
    transform.progressive = true;
    let progressive = turbojpeg::transform(&transform, bytes).map(|bytes| bytes.to_vec());
    let small = turbojpeg::decompress_image::<image::Rgb<u8>>(bytes).ok().and_then(|picture| {
        let (width, height) = picture.dimensions();
        let scale = (SMALL / f64::from(width * height)).sqrt();
        let sampling = [turbojpeg::Subsamp::Sub2x2, turbojpeg::Subsamp::None][index % 2];
        let scaled = |length: u32| (f64::from(length) * scale).round() as u32;
        let small = imageops::resize(&picture, scaled(width), scaled(height), imageops::FilterType::CatmullRom);
        (scale < 1.0).then(|| turbojpeg::compress_image(&small, 95, sampling).ok().map(|bytes| bytes.to_vec()))?
    });
    match (progressive, small) {
        (Ok(progressive), Some(small)) => vec![progressive, small],
        (Ok(progressive), None) => vec![progressive],
        (Err(_), _) => Vec::new(),
    }
}

fn keep(made: Vec<Vec<u8>>, index: usize) -> Vec<Vec<u8>> {
    if let Ok(folder) = std::env::var("KEEP") {
        for (name, bytes) in ["progressive", "small"].iter().zip(&made) {
            let _ = std::fs::write(Path::new(&folder).join(format!("{name}-{index}.jpg")), bytes);
        }
    }
    made
}

fn open(bytes: Vec<u8>) -> Option<File> {
    let header = turbojpeg::read_header(&bytes).ok()?;
    let megapixels = (header.width * header.height) as f64 / 1e6;
    let progressive = memchr_frame(&bytes)?;
    let size = match megapixels {
        ..0.1 => "a <0.1",
        ..0.5 => "b 0.1-0.5",
        ..0.9 => "c 0.5-0.9",
        ..2.5 => "d 0.9-2.5",
        ..7.0 => "e 2.5-7",
        ..15.0 => "f 7-15",
        _ => "g 15+",
    };
    let coding = if progressive { "progressive" } else { "sequential" };
    Some(File { bytes, class: format!("{coding} {size}"), megapixels })
}

/// Whether the first frame is progressive, from a walk over the segments.
fn memchr_frame(bytes: &[u8]) -> Option<bool> {
    let mut at = 2;
    loop {
        let code = *bytes.get(at + 1)?;
        match code {
            0xC0 | 0xC1 => return Some(false),
            0xC2 => return Some(true),
            _ => at += 2 + usize::from(u16::from_be_bytes([*bytes.get(at + 2)?, *bytes.get(at + 3)?])),
        }
    }
}

struct Ways {
    turbo: turbojpeg::Decompressor,
    pixels: Vec<u8>,
    reader: JpegReader,
    decoder: Decoder,
    hasher: Hasher,
    limits: Limits,
    /// One way alone, for a profiler: `ONLY=n=1`.
    only: Option<usize>,
}

impl Default for Ways {
    fn default() -> Ways {
        Ways {
            turbo: turbojpeg::Decompressor::new().expect("libjpeg-turbo starts"),
            pixels: Vec::new(),
            reader: JpegReader::default(),
            decoder: Decoder::new(DecodeOptions::default()),
            hasher: Hasher::new(HashOptions::default().decode(DecodeOptions::default().detail(DetailChoice::Auto))),
            limits: Limits::default(),
            only: std::env::var("ONLY").ok().and_then(|only| WAYS.iter().position(|way| *way == only)),
        }
    }
}

impl Ways {
    /// Best seconds of each way; `None` where one cannot read the file.
    fn time(&mut self, bytes: &[u8], rounds: usize) -> Option<[f64; WAYS.len()]> {
        let mut best = [f64::INFINITY; WAYS.len()];
        for _ in 0..rounds {
            for (way, best) in best.iter_mut().enumerate() {
                if self.only.is_some_and(|only| only != way) {
                    continue;
                }
                let start = ThreadTime::now();
                self.run(way, bytes)?;
                *best = best.min(start.elapsed().as_secs_f64());
            }
        }
        Some(best)
    }

    fn run(&mut self, way: usize, bytes: &[u8]) -> Option<()> {
        match way {
            0 => self.turbo(bytes, turbojpeg::PixelFormat::RGB, turbojpeg::ScalingFactor::ONE),
            1 => self.turbo(bytes, turbojpeg::PixelFormat::GRAY, turbojpeg::ScalingFactor::ONE_EIGHTH),
            2 => zune(bytes),
            3 => self.coarse(bytes, 1),
            4 => self.coarse(bytes, 2),
            5 => self.coarse(bytes, 4),
            7 => self.hasher.hash(bytes).ok().map(|_| ()),
            _ => {
                let decoded = self.decoder.decode(bytes).ok()?;
                self.decoder.recycle(decoded.picture);
                Some(())
            }
        }
    }

    fn turbo(
        &mut self,
        bytes: &[u8],
        format: turbojpeg::PixelFormat,
        scale: turbojpeg::ScalingFactor,
    ) -> Option<()> {
        self.turbo.set_scaling_factor(scale).ok()?;
        let header = self.turbo.read_header(bytes).ok()?.scaled(scale);
        let pitch = header.width * format.size();
        self.pixels.resize(pitch * header.height, 0);
        let pixels = &mut self.pixels[..pitch * header.height];
        let image = turbojpeg::Image { pixels, width: header.width, pitch, height: header.height, format };
        self.turbo.decompress(bytes, image).ok()
    }

    fn coarse(&mut self, bytes: &[u8], detail: u8) -> Option<()> {
        let coarse = self.reader.read(bytes, |_, _| Detail::Scaled(detail), &self.limits).ok()?;
        let scaled = coarse.detail != Detail::Full;
        self.reader.recycle(coarse.picture);
        scaled.then_some(())
    }
}

fn zune(bytes: &[u8]) -> Option<()> {
    let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::RGB);
    let pixels = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options).decode().ok()?;
    (!pixels.is_empty()).then_some(())
}

fn report(classes: &BTreeMap<String, Vec<(File, [f64; WAYS.len()])>>) {
    println!("| class (MP) | files | mean MP / kB | {} | auto, MB/s |", WAYS.join(" | "));
    println!("|{}", " --- |".repeat(4 + WAYS.len()));
    for (class, files) in classes {
        let count = files.len() as f64;
        let megapixels = files.iter().map(|(file, _)| file.megapixels).sum::<f64>() / count;
        let kilobytes = files.iter().map(|(file, _)| file.bytes.len() as f64).sum::<f64>() / count / 1e3;
        let mut line = format!("| {class} | {} | {megapixels:.2} / {kilobytes:.0} |", files.len());
        for way in 0..WAYS.len() {
            let mean = files.iter().map(|(_, times)| times[way]).sum::<f64>() / count * 1e3;
            let mut ratios: Vec<f64> = files.iter().map(|(_, times)| times[0] / times[way]).collect();
            ratios.sort_by(f64::total_cmp);
            line += &format!(" {mean:.2} ms, {:.2}× |", ratios[ratios.len() / 2]);
        }
        let seconds: f64 = files.iter().map(|(_, times)| times[WAYS.len() - 1]).sum();
        line += &format!(" {:.0} |", kilobytes * count / seconds / 1e3);
        println!("{line}");
    }
}

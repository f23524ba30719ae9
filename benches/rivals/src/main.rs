//! Shadegrid against what people use: the same JPEG files, one thread, the methods in turn within one run.
//!
//! `cargo run --release --manifest-path benches/rivals/Cargo.toml -- [--rounds N] FOLDER…`
//!
//! Every file is read into memory first. In each round each file goes through every method, the order turning from file to file;
//! a method's time is the median of its rounds, in seconds of the process's CPU time, the threads of decoders included,
//! so that a busy machine counts for less. The table gives pictures per second and each method's time in units of zune-jpeg
//! decoding the same files and doing nothing else. Files that some method cannot read are left out and counted.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cpu_time::ProcessTime;
use shadegrid::{Algorithm, DecodeOptions, DetailChoice, HashOptions, Hasher};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

struct File {
    bytes: Vec<u8>,
    megapixels: f64,
}

/// A way from a file's bytes to a signature; `None` where it fails.
struct Method {
    name: &'static str,
    run: Box<dyn FnMut(&[u8]) -> Option<()>>,
}

fn methods() -> Vec<Method> {
    let method = |name, run| Method { name, run };
    vec![
        method("zune-jpeg to RGB, nothing else", Box::new(decode_only())),
        method("shadegrid, photodna + pdq", Box::new(shadegrid(&BOTH, DetailChoice::Auto))),
        method("shadegrid, every pixel", Box::new(shadegrid(&BOTH, DetailChoice::Full))),
        method("shadegrid, every pixel, photodna", Box::new(shadegrid(&BOTH[..1], DetailChoice::Full))),
        method("shadegrid, every pixel, pdq", Box::new(shadegrid(&BOTH[1..], DetailChoice::Full))),
        method("pdqhash 0.1 (image 0.23)", Box::new(pdqhash)),
        method("image_hasher 3 (image 0.25)", Box::new(image_hasher())),
    ]
}

fn decode_only() -> impl FnMut(&[u8]) -> Option<()> {
    let mut pixels = Vec::new();
    move |bytes| {
        let options = DecoderOptions::default()
            .set_max_width(65_535)
            .set_max_height(65_535)
            .jpeg_set_out_colorspace(ColorSpace::RGB);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
        decoder.decode_headers().ok()?;
        pixels.resize(decoder.output_buffer_size()?, 0);
        decoder.decode_into(&mut pixels).ok()?;
        black_box(&pixels);
        Some(())
    }
}

const BOTH: [Algorithm; 2] = [Algorithm::PhotoDna, Algorithm::Pdq];

fn shadegrid(algorithms: &[Algorithm], detail: DetailChoice) -> impl FnMut(&[u8]) -> Option<()> {
    let decode = DecodeOptions::default().detail(detail);
    let options = HashOptions::default().algorithms(algorithms.to_vec()).decode(decode);
    let mut hasher = Hasher::new(options);
    move |bytes| hasher.hash(bytes).ok().map(|hashed| drop(black_box(hashed)))
}

fn pdqhash(bytes: &[u8]) -> Option<()> {
    let picture = image_0_23::load_from_memory(bytes).ok()?;
    pdqhash::generate_pdq(&picture).map(|signature| drop(black_box(signature)))
}

fn image_hasher() -> impl FnMut(&[u8]) -> Option<()> {
    let hasher = image_hasher::HasherConfig::new().to_hasher();
    move |bytes| {
        let picture = image::load_from_memory(bytes).ok()?;
        black_box(hasher.hash_image(&picture));
        Some(())
    }
}

fn main() {
    let mut rounds = 5;
    let mut folders = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--rounds" {
            rounds = arguments.next().and_then(|n| n.parse().ok()).expect("--rounds takes a number");
        } else {
            folders.push(PathBuf::from(argument));
        }
    }
    let mut methods = methods();
    let (files, left_out) = files(&folders, &mut methods);
    println!("{} on {} JPEG files, {left_out} left out, {rounds} rounds", machine(), files.len());
    for (name, range) in CLASSES {
        let class: Vec<&File> = files.iter().filter(|file| range.contains(&file.megapixels)).collect();
        if !class.is_empty() {
            let megapixels: f64 = class.iter().map(|file| file.megapixels).sum();
            println!("\n### {name}: {} files, mean {:.2} MP\n", class.len(), megapixels / class.len() as f64);
            let times = measure(&class, &mut methods, rounds);
            print(&class, &methods, &times);
        }
    }
}

const CLASSES: [(&str, std::ops::Range<f64>); 5] = [
    ("All", 0.0..1e9),
    ("Under 0.5 MP", 0.0..0.5),
    ("0.5 to 2 MP", 0.5..2.0),
    ("2 to 8 MP", 2.0..8.0),
    ("Over 8 MP", 8.0..1e9),
];

/// The JPEG files below `folders` that every method reads, and how many one does not.
fn files(folders: &[PathBuf], methods: &mut [Method]) -> (Vec<File>, usize) {
    let mut paths = Vec::new();
    folders.iter().for_each(|folder| walk(folder, &mut paths));
    paths.sort();
    let mut left_out = 0;
    let mut files = Vec::new();
    for path in paths {
        let bytes = std::fs::read(&path).expect("a readable file");
        if !bytes.starts_with(&[0xff, 0xd8]) {
            continue;
        }
        let size = image::ImageReader::new(std::io::Cursor::new(&bytes))
            .with_guessed_format()
            .unwrap()
            .into_dimensions();
        match (size, methods.iter_mut().all(|method| (method.run)(&bytes).is_some())) {
            (Ok((width, height)), true) => {
                files.push(File { bytes, megapixels: f64::from(width) * f64::from(height) / 1e6 });
            }
            _ => left_out += 1,
        }
    }
    (files, left_out)
}

fn walk(path: &Path, paths: &mut Vec<PathBuf>) {
    match std::fs::read_dir(path) {
        Ok(entries) => entries.for_each(|entry| walk(&entry.expect("a readable folder").path(), paths)),
        Err(_) => paths.push(path.to_path_buf()),
    }
}

/// The median over rounds of each method's time for all files.
fn measure(files: &[&File], methods: &mut [Method], rounds: usize) -> Vec<Duration> {
    let mut totals = vec![vec![Duration::ZERO; rounds]; methods.len()];
    for round in 0..rounds {
        for (index, file) in files.iter().enumerate() {
            for turn in 0..methods.len() {
                let method = (index + turn + round) % methods.len();
                let start = ProcessTime::now();
                black_box((methods[method].run)(black_box(&file.bytes)));
                totals[method][round] += start.elapsed();
            }
        }
    }
    let median = |mut rounds: Vec<Duration>| {
        rounds.sort();
        rounds[rounds.len() / 2]
    };
    totals.into_iter().map(median).collect()
}

fn print(files: &[&File], methods: &[Method], times: &[Duration]) {
    println!("| method | pictures/s | time, decoding alone = 1 | shadegrid's pictures/s are × this |");
    println!("| --- | --- | --- | --- |");
    for (method, time) in methods.iter().zip(times) {
        println!(
            "| {} | {:.1} | {:.3} | {:.2} |",
            method.name,
            files.len() as f64 / time.as_secs_f64(),
            time.as_secs_f64() / times[0].as_secs_f64(),
            time.as_secs_f64() / times[1].as_secs_f64(),
        );
    }
}

fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown CPU");
    let features = info.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
    let level =
        ["avx512f", "avx2", "sse4_2"].into_iter().find(|name| features.contains(name)).unwrap_or("no SIMD");
    format!("{} ({level})", model.trim_start_matches([' ', '\t', ':']))
}

//! Pictures that the tests draw and encode themselves, and ways to damage them.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses a part, and pub is what its parts share"
)]

pub mod archive;
pub mod damage;
pub mod encode;
pub mod jpeg;
pub mod odd;

use std::path::PathBuf;

use image::{DynamicImage, RgbImage};
use shadegrid::{Decoded, Planes};

/// A picture with much to see, different for every seed.
pub fn picture(seed: u32) -> DynamicImage {
    let wave = |x: f64, y: f64, k: f64| ((x * k + y * (7.0 - k) + f64::from(seed)).sin() * 60.0 + 64.0) as u8;
    DynamicImage::ImageRgb8(RgbImage::from_fn(320, 240, |x, y| {
        let (x, y) = (f64::from(x) / 40.0, f64::from(y) / 40.0);
        let k = 1.0 + f64::from(seed * 13 % 50) / 10.0;
        let block = if ((x as u32 * 7 + y as u32 * 13 + seed * 31) % 5) < 2 { 120 } else { 0 };
        image::Rgb([wave(x, y, k) + block, wave(y, x, k * 0.7) + block / 2, wave(x + y, x, k * 1.3)])
    }))
}

/// R, G, B of a scene of gradients, `width·height·3` bytes; the JPEGs under `tests/data/jpeg` show it at 96×72.
pub fn scene(width: usize, height: usize) -> Vec<u8> {
    let pixel = |x: usize, y: usize| {
        let (red, green) = (x * 255 / (width - 1), y * 255 / (height - 1));
        [red, green, 255 - (red + green) / 2].map(|value| value as u8)
    };
    (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y))).collect()
}

/// The scene's luma as the tests' grey picture, `width·height` bytes.
pub fn grey_scene(width: usize, height: usize) -> Vec<u8> {
    let luma =
        |p: &[u8]| (299 * u32::from(p[0]) + 587 * u32::from(p[1]) + 114 * u32::from(p[2]) + 500) / 1000;
    scene(width, height).chunks_exact(3).map(|pixel| luma(pixel) as u8).collect()
}

/// The samples of a decoded picture and its channels.
pub fn samples(decoded: &Decoded) -> (&[u8], usize) {
    match &decoded.picture.planes {
        Planes::Rgb(plane) => (&plane.samples, 3),
        Planes::Grey(plane) => (&plane.samples, 1),
        Planes::Coarse { .. } => panic!("full detail was asked for"),
    }
}

/// Largest and mean absolute difference.
pub fn difference(a: &[u8], b: &[u8]) -> (u8, f64) {
    assert_eq!(a.len(), b.len());
    let differences = || a.iter().zip(b).map(|(a, b)| a.abs_diff(*b));
    let sum: u64 = differences().map(u64::from).sum();
    (differences().max().unwrap_or(0), sum as f64 / a.len() as f64)
}

/// The JPEGs under `tests/data/jpeg`: name and content.
pub fn jpegs() -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/jpeg");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "jpg"));
    let name = |path: &PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
    files.iter().map(|path| (name(path), std::fs::read(path).unwrap())).collect()
}

/// One of [`jpegs`].
pub fn jpeg(name: &str) -> Vec<u8> {
    let found = jpegs().into_iter().find(|(file, _)| file == name);
    found.unwrap_or_else(|| panic!("no {name} under tests/data/jpeg")).1
}

/// A baseline JPEG with the head of a lossless one (T.81, annex H), which is a kind that nobody reads here.
pub fn lossless(jpeg: &[u8]) -> Vec<u8> {
    let mut lossless = jpeg.to_vec();
    let frame = lossless.windows(2).position(|marker| marker == [0xFF, 0xC0]).unwrap();
    lossless[frame + 1] = 0xC3;
    lossless
}

/// Every file below a folder of the shared corpus, sorted; `None` where the corpus is not there.
pub fn corpus(folder: &str) -> Option<Vec<PathBuf>> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus").join(folder);
    let mut files = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).ok()? {
            let path = entry.ok()?.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    Some(files)
}

/// What may not stand in a message for people: Rust's own forms of values, libraries' prefixes, markup.
const NOT_PLAIN: [&str; 22] = [
    "ChunkType",
    "Some(",
    "None)",
    "Err(",
    "Error(",
    " { ",
    "::",
    "\"",
    "[0",
    "[1",
    "\\u{",
    "\\0",
    "<?xml",
    "<html",
    "Parquet error",
    "Format error",
    "format error:",
    "The decoder for",
    "Error parsing",
    "Error decoding",
    "failed to fill whole buffer",
    "unexpected end of file",
];

/// Checks that a message is for people.
pub fn check_plain(message: &str) {
    let found = NOT_PLAIN.iter().find(|word| message.contains(**word));
    assert_eq!(found, None, "{message}");
    let is_camel = |word: &str| {
        let inner = word.char_indices().skip(1);
        let capitals = inner.filter(|(at, c)| c.is_uppercase() && word[..*at].ends_with(char::is_lowercase));
        capitals.count() > 1
    };
    // TIFF's tags are called so in its standard; paths are what they are.
    let is_name = |word: &str| message.contains("tiff") || message.contains("TIFF") || word.contains('/');
    let odd = message.split_whitespace().find(|word| is_camel(word) && !is_name(word));
    assert_eq!(odd, None, "{message}");
}

//! How far `auto` lies from every pixel for pictures of many kinds, and how many of each are read further than the rule says.
//!
//! `cargo run --release --manifest-path benches/decoders/Cargo.toml --bin kinds -- FOLDER-OR-FILE...` takes every photograph in turn, scales it
//! to each of [`SIDES`] that is smaller, makes each of [`KINDS`] of it, and saves that at two of [`QUALITIES`], 4:2:0 and 4:4:4 in turn.
//! PDQ counts at a quality of 50 and more, PhotoDNA where the picture is not flat, as in use. Prints Markdown, and to standard error what is beyond the promise; fails where a kind
//! of 200 pictures or more breaks the promise in more than one of 100, or one lies beyond what no picture may without a flag.

use image::{Rgb, RgbImage, imageops};
use shadegrid::decode::jpeg::detail_for;
use shadegrid::{Algorithm, DecodeOptions, Detail, DetailChoice, Flag, HashOptions, Hashed, Hasher};
use std::path::{Path, PathBuf};

const SIDES: [u32; 8] = [96, 130, 180, 260, 380, 620, 1_000, 2_000];
const QUALITIES: [i32; 6] = [10, 25, 50, 75, 90, 95];
/// 99 in 100 lie within these, and all without a flag within those.
const PROMISE: (f64, u32) = (24.0, 8);
const BOUND: (f64, u32) = (60.0, 16);

/// A kind's name, and what makes it of a photograph.
type Kind = (&'static str, fn(&RgbImage) -> RgbImage);

const KINDS: [Kind; 12] = [
    ("photograph", RgbImage::clone),
    ("red alone", |picture| tinted(picture, [1.0, 0.0, 0.0])),
    ("green alone", |picture| tinted(picture, [0.0, 1.0, 0.0])),
    ("blue alone", |picture| tinted(picture, [0.0, 0.0, 1.0])),
    ("yellow alone", |picture| tinted(picture, [1.0, 1.0, 0.0])),
    ("cyan alone", |picture| tinted(picture, [0.0, 1.0, 1.0])),
    ("magenta alone", |picture| tinted(picture, [1.0, 0.0, 1.0])),
    ("two colours", |picture| two_colours(picture)),
    ("1-bit dither", |picture| dithered(picture)),
    ("line art", |picture| lines(picture)),
    ("over-saturated", |picture| saturated(picture)),
    ("screenshot", |picture| screenshot(picture)),
];

fn luma(pixel: &Rgb<u8>) -> f32 {
    let [r, g, b] = pixel.0.map(f32::from);
    0.299 * r + 0.587 * g + 0.114 * b
}

fn each(picture: &RgbImage, change: impl Fn(&Rgb<u8>) -> Rgb<u8>) -> RgbImage {
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| change(picture.get_pixel(x, y)))
}

fn tinted(picture: &RgbImage, hue: [f32; 3]) -> RgbImage {
    each(picture, |pixel| Rgb(hue.map(|share| (share * luma(pixel)).round() as u8)))
}

fn median(picture: &RgbImage) -> f32 {
    let mut all: Vec<u8> = picture.pixels().map(|pixel| luma(pixel) as u8).collect();
    let middle = all.len() / 2;
    f32::from(*all.select_nth_unstable(middle).1)
}

fn two_colours(picture: &RgbImage) -> RgbImage {
    let middle = median(picture);
    each(picture, |pixel| Rgb(if luma(pixel) > middle { [250, 210, 20] } else { [30, 20, 160] }))
}

/// Floyd and Steinberg's.
fn dithered(picture: &RgbImage) -> RgbImage {
    let (width, height) = picture.dimensions();
    let mut levels: Vec<f32> = picture.pixels().map(luma).collect();
    let stride = width as usize;
    for at in 0..levels.len() {
        let (x, y) = (at % stride, at / stride);
        let new = if levels[at] > 127.0 { 255.0 } else { 0.0 };
        let error = levels[at] - new;
        levels[at] = new;
        let mut spread = |is_there: bool, to: usize, share: f32| {
            if is_there {
                levels[to] += error * share / 16.0;
            }
        };
        let below = y + 1 < height as usize;
        spread(x + 1 < stride, at + 1, 7.0);
        spread(below && x > 0, (at + stride).saturating_sub(1), 3.0);
        spread(below, at + stride, 5.0);
        spread(below && x + 1 < stride, at + stride + 1, 1.0);
    }
    RgbImage::from_fn(width, height, |x, y| Rgb([levels[y as usize * stride + x as usize] as u8; 3]))
}

fn lines(picture: &RgbImage) -> RgbImage {
    let (width, height) = picture.dimensions();
    let at = |x: u32, y: u32| luma(picture.get_pixel(x.min(width - 1), y.min(height - 1)));
    RgbImage::from_fn(width, height, |x, y| {
        let edge = (at(x + 1, y) - at(x, y)).abs() + (at(x, y + 1) - at(x, y)).abs();
        Rgb([if edge > 40.0 { 0 } else { 255 }; 3])
    })
}

fn saturated(picture: &RgbImage) -> RgbImage {
    each(picture, |pixel| {
        let grey = luma(pixel);
        Rgb(pixel.0.map(|sample| (grey + 3.0 * (f32::from(sample) - grey)).clamp(0.0, 255.0) as u8))
    })
}

/// A page of panels and lines of text, with the photograph in a corner.
fn screenshot(picture: &RgbImage) -> RgbImage {
    let (width, height) = picture.dimensions();
    let glyph = |x: u32, y: u32| (x / 2 * 7 + y / 2 * 13 + (x / 11) * (y / 14) * 5) % 5 < 2;
    RgbImage::from_fn(width, height, |x, y| match () {
        () if y < height / 12 => Rgb([32, 78, 160]),
        () if x > width * 6 / 10 && y > height * 4 / 10 => *picture.get_pixel(x, y),
        () if x < width / 5 => Rgb([238, 240, 243]),
        () if y % 14 < 9 && x % 90 < 78 && glyph(x, y) => Rgb([35, 35, 40]),
        () => Rgb([255; 3]),
    })
}

/// Distances of a kind between `auto` and every pixel.
#[derive(Default)]
struct Row {
    photodna: Vec<f64>,
    pdq: Vec<u32>,
    pictures: usize,
    further: usize,
    beyond: usize,
}

impl Row {
    /// Takes a picture; whether it is beyond the promise.
    fn add(&mut self, auto: &Hashed, full: &Hashed) -> bool {
        self.pictures += 1;
        let by_rule = detail_for(full.width, full.height, &Algorithm::ALL);
        self.further += usize::from(by_rule != Detail::Full && auto.detail == Detail::Full);
        let (mut photodna, mut pdq) = (0.0, 0);
        if let (Some(a), Some(b)) = (&auto.photodna, &full.photodna)
            && !full.flags().any(|flag| flag == Flag::Flat)
        {
            photodna = f64::from(a.signature.distance(&b.signature)).sqrt();
            self.photodna.push(photodna);
        }
        if let (Some(a), Some(b)) = (&auto.pdq, &full.pdq)
            && a.quality >= 50
            && b.quality >= 50
        {
            pdq = a.signature.distance(&b.signature);
            self.pdq.push(pdq);
        }
        let is_flagged = auto.flags().any(|flag| !matches!(flag, Flag::Flat | Flag::Small));
        self.beyond += usize::from(!is_flagged && (photodna > BOUND.0 || pdq > BOUND.1));
        photodna > PROMISE.0 || pdq > PROMISE.1
    }

    /// Prints it; whether the promise is kept.
    fn print(&mut self, name: &str) -> bool {
        self.photodna.sort_by(f64::total_cmp);
        self.pdq.sort_unstable();
        let place = |length: usize, share: f64| ((length.max(1) - 1) as f64 * share).ceil() as usize;
        let photodna = [0.5, 0.99, 1.0].map(|share| self.photodna.get(place(self.photodna.len(), share)).copied().unwrap_or(0.0));
        let pdq = [0.5, 0.99, 1.0].map(|share| self.pdq.get(place(self.pdq.len(), share)).copied().unwrap_or(0));
        println!(
            "| {name} | {} | {:.1} / {:.1} / {:.1} | {} / {} / {} | {:.1} % | {} |",
            self.pictures,
            photodna[0],
            photodna[1],
            photodna[2],
            pdq[0],
            pdq[1],
            pdq[2],
            self.further as f64 * 100.0 / self.pictures.max(1) as f64,
            self.beyond
        );
        self.beyond == 0 && (self.pictures < 200 || photodna[1] <= PROMISE.0 && pdq[1] <= PROMISE.1)
    }
}

fn main() {
    let mut paths = Vec::new();
    std::env::args().skip(1).for_each(|argument| collect(Path::new(&argument), &mut paths));
    paths.sort();
    let hasher = |detail| {
        let decode = DecodeOptions::default().detail(detail);
        Hasher::new(HashOptions::default().decode(decode))
    };
    let (mut auto, mut full) = (hasher(DetailChoice::Auto), hasher(DetailChoice::Full));
    let mut rows: Vec<Row> = KINDS.iter().map(|_| Row::default()).collect();
    for (index, path) in paths.iter().enumerate() {
        let Ok(bytes) = std::fs::read(path) else { continue };
        let Ok(picture) = turbojpeg::decompress_image::<Rgb<u8>>(&bytes) else { continue };
        let shorter = picture.width().min(picture.height());
        for (place, side) in SIDES.into_iter().enumerate().filter(|(_, side)| *side <= shorter) {
            let scale = f64::from(side) / f64::from(shorter);
            let scaled = |length: u32| ((f64::from(length) * scale).round() as u32).max(side);
            let (width, height) = (scaled(picture.width()), scaled(picture.height()));
            let small = imageops::resize(&picture, width, height, imageops::FilterType::Triangle);
            for (kind, ((name, make), row)) in KINDS.iter().zip(&mut rows).enumerate() {
                let made = make(&small);
                for turn in [0, 3] {
                    let turn = index + place + kind + turn;
                    let sampling = if turn % 2 == 0 { turbojpeg::Subsamp::Sub2x2 } else { turbojpeg::Subsamp::None };
                    let Ok(file) = turbojpeg::compress_image(&made, QUALITIES[turn % 6], sampling) else { continue };
                    let (Ok(ours), Ok(pixels)) = (auto.hash(&file), full.hash(&file)) else {
                        panic!("{name} of {}: no picture", path.display())
                    };
                    if row.add(&ours, &pixels) {
                        let (quality, detail) = (QUALITIES[turn % 6], ours.detail);
                        eprintln!("{name}, side {side}, quality {quality}, {sampling:?}: {detail} is beyond the promise");
                    }
                }
            }
        }
    }
    println!("| kind | pictures | PhotoDNA, median / p99 / largest | PDQ | read further | beyond 60 / 16 |");
    println!("| --- | --- | --- | --- | --- | --- |");
    let kept: Vec<bool> = KINDS.iter().zip(&mut rows).map(|((name, _), row)| row.print(name)).collect();
    assert!(kept.into_iter().all(|kept| kept), "a kind breaks the promise");
}

fn collect(path: &Path, paths: &mut Vec<PathBuf>) {
    match std::fs::read_dir(path) {
        Ok(entries) => entries.flatten().for_each(|entry| collect(&entry.path(), paths)),
        Err(_) => paths.push(path.to_owned()),
    }
}

//! Search compared with the naive double loop: every pair's distance by its definition, computed here, the answers compared pair by pair.
//!
//! Among the known signatures of a folder that `data` filled, copies of the queries are planted: the same, turned, altered,
//! and ones at distance exactly T−1, T and T+1, the difference spread over all components, on few of them, or all in one direction.

use std::path::Path;

use fearless_simd::Level;
use shadegrid::gallery::{Entry, Gallery, GalleryBuilder, Match, Query, Scratch, SearchOptions};
use shadegrid::{Orientation, Pdq, PhotoDna};

use super::{Outcome, Random, flipped, noisy};

/// Queries looked up.
const QUERIES: usize = 64;

/// Thresholds tried: the usual one, wider ones, and one at which another kernel takes over.
const PHOTODNA: [u32; 3] = [40_000, 62_500, 300_000];
const PDQ: [u32; 3] = [31, 40, 90];

/// Checks both kinds among at most `most` known ones; real signatures, where given, take the first places among the known ones.
pub(super) fn run(folder: &Path, real: Option<(&str, &str)>, most: usize) -> Outcome<()> {
    let mut random = Random(77);
    let [mut known, mut queries] =
        signatures::<144>(folder, "photodna", real.map(|r| r.0), most, &mut random)?;
    queries[..3].copy_from_slice(&[[0; 144], [85; 144], [255; 144]]);
    for query in &queries {
        let orientations = Orientation::ALL.map(|o| PhotoDna(*query).oriented(o).0);
        let copies = (0..4).map(|_| noisy(query, &mut random)).collect();
        plant(&mut known, vec![orientations.to_vec(), copies], &mut random);
        for (threshold, style) in every_edge(&PHOTODNA) {
            let row = random.below(known.len());
            known[row] = at_squares(query, threshold, style, &mut random);
        }
    }
    check("photodna", &known, &queries, &PHOTODNA, squares)?;
    let [mut known, mut queries] = signatures::<32>(folder, "pdq", real.map(|r| r.1), most, &mut random)?;
    queries[..3].copy_from_slice(&[[0; 32], [255; 32], [0x55; 32]]);
    for query in &queries {
        let orientations = Orientation::ALL.map(|o| Pdq(*query).oriented(o).0);
        let copies = (0..4).map(|_| flipped(query, &mut random)).collect();
        plant(&mut known, vec![orientations.to_vec(), copies], &mut random);
        for (threshold, style) in every_edge(&PDQ) {
            let row = random.below(known.len());
            known[row] = at_bits(query, threshold, style, &mut random);
        }
    }
    check("pdq", &known, &queries, &PDQ, bits)
}

/// Known signatures and queries: some of the known ones, real ones first, and some at random.
fn signatures<const N: usize>(
    folder: &Path,
    name: &str,
    real: Option<&str>,
    most: usize,
    random: &mut Random,
) -> Outcome<[Vec<[u8; N]>; 2]> {
    let mut known = std::fs::read(folder.join(format!("{name}.gallery.bin")))?.as_chunks::<N>().0.to_vec();
    known.truncate(most);
    let real = real.map(std::fs::read).transpose()?.unwrap_or_default();
    let real = real.as_chunks::<N>().0;
    known.iter_mut().zip(real).for_each(|(known, real)| *known = *real);
    let chosen = |n: usize, random: &mut Random| match n % 4 {
        0 => std::array::from_fn(|_| random.next() as u8),
        1 => known[random.below(known.len())],
        _ => known[random.below(real.len().max(1))],
    };
    let queries = (0..QUERIES).map(|n| chosen(n, random)).collect();
    Ok([known, queries])
}

fn plant<const N: usize>(known: &mut [[u8; N]], copies: Vec<Vec<[u8; N]>>, random: &mut Random) {
    for copy in copies.into_iter().flatten() {
        known[random.below(known.len())] = copy;
    }
}

/// Every threshold, one less and one more, in three styles.
fn every_edge(thresholds: &[u32]) -> Vec<(u32, usize)> {
    let near = thresholds.iter().flat_map(|&threshold| [threshold - 1, threshold, threshold + 1]);
    near.flat_map(|distance| (0..3).map(move |style| (distance, style))).collect()
}

/// A signature at a squared distance of exactly `target`.
fn at_squares(from: &[u8; 144], target: u32, style: usize, random: &mut Random) -> [u8; 144] {
    let mut to = *from;
    let mut order: Vec<usize> = (0..144).collect();
    (1..144).rev().for_each(|k| order.swap(k, random.below(k + 1)));
    let spread = (f64::from(target) / 144.0).sqrt() as u32 + 2;
    let mut left = target;
    for k in order {
        let value = u32::from(from[k]);
        let wanted = if style == 1 { 255 } else { spread }.min(left.isqrt());
        let up = match style {
            2 => value + wanted <= 255,
            _ => value < wanted || value + wanted <= 255 && random.below(2) == 0,
        };
        let step = wanted.min(if up { 255 - value } else { value });
        to[k] = if up { value + step } else { value - step } as u8;
        left -= step * step;
    }
    assert_eq!(squares(from, &to), target, "style {style}");
    to
}

/// A signature at a Hamming distance of exactly `target`.
fn at_bits(from: &[u8; 32], target: u32, style: usize, random: &mut Random) -> [u8; 32] {
    let mut to = *from;
    let mut order: Vec<usize> = (0..256).collect();
    match style {
        0 => (1..256).rev().for_each(|k| order.swap(k, random.below(k + 1))),
        1 => order.rotate_left(random.below(256)),
        _ => order.sort_by_key(|bit| bit % 8),
    }
    order[..target as usize].iter().for_each(|bit| to[bit / 8] ^= 1 << (bit % 8));
    assert_eq!(bits(from, &to), target, "style {style}");
    to
}

/// The definition of the squared distance.
fn squares(a: &[u8; 144], b: &[u8; 144]) -> u32 {
    a.iter().zip(b).map(|(&a, &b)| (i32::from(a) - i32::from(b)).pow(2) as u32).sum()
}

/// The definition of the Hamming distance.
fn bits(a: &[u8; 32], b: &[u8; 32]) -> u32 {
    a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum()
}

/// Query, row and distance.
type Answer = (u32, u32, u32);

fn check<const N: usize>(
    name: &str,
    known: &[[u8; N]],
    queries: &[[u8; N]],
    thresholds: &[u32],
    distance: fn(&[u8; N], &[u8; N]) -> u32,
) -> Outcome<()> {
    let largest = thresholds.iter().copied().max().unwrap_or(0);
    let mut all: Vec<Answer> = Vec::new();
    for (query, own) in queries.iter().enumerate() {
        for (row, other) in known.iter().enumerate() {
            let distance = distance(own, other);
            if distance <= largest {
                all.push((query as u32, row as u32, distance));
            }
        }
    }
    let signature =
        |bytes: &[u8; N]| (bytes[..].try_into().ok().map(PhotoDna), bytes[..].try_into().ok().map(Pdq));
    let mut builder = GalleryBuilder::new();
    let source = builder.source("bench", "binary");
    for (position, bytes) in known.iter().enumerate() {
        let (photodna, pdq) = signature(bytes);
        builder.add(source, Entry::default().position(position as u64).photodna(photodna).pdq(pdq))?;
    }
    let mut gallery = Gallery::from_bytes(builder.to_bytes()?)?;
    drop(builder);
    let queries: Vec<Query> = queries
        .iter()
        .map(|bytes| {
            let (photodna, pdq) = signature(bytes);
            Query::default().photodna(photodna).pdq(pdq)
        })
        .collect();
    for (level_name, level) in levels() {
        gallery = gallery.at_level(level);
        for &threshold in thresholds {
            let options = SearchOptions::default()
                .photodna(Some(threshold))
                .pdq(Some(threshold))
                .include_flat(true)
                .quality_min(0);
            let mut matches = Vec::new();
            gallery.search(&queries, &options, &mut Scratch::default(), &mut matches);
            // One by one other ways may be chosen.
            let mut single = Vec::new();
            for (number, query) in queries.iter().enumerate() {
                let start = single.len();
                gallery.search(std::slice::from_ref(query), &options, &mut Scratch::default(), &mut single);
                single[start..].iter_mut().for_each(|found: &mut Match| found.query = number as u32);
            }
            let expected: Vec<Answer> = all.iter().copied().filter(|answer| answer.2 <= threshold).collect();
            for (how, found) in [("batch", matches), ("single", single)] {
                let what = format!("{name}, {threshold}, {level_name}, {how}");
                compare(&what, &gallery, &expected, &found)?;
            }
        }
    }
    Ok(())
}

fn compare(what: &str, gallery: &Gallery, expected: &[Answer], found: &[Match]) -> Outcome<()> {
    let mut answers: Vec<Answer> =
        found.iter().map(|m| (m.query, gallery.entry(m.entry).position as u32, m.distance)).collect();
    answers.sort_unstable();
    let common = answers.iter().filter(|one| expected.binary_search(one).is_ok()).count();
    let (recall, precision) = (common as f64 / expected.len() as f64, common as f64 / answers.len() as f64);
    println!(
        "{{\"check\":\"{what}\",\"entries\":{},\"expected\":{},\"found\":{},\"recall\":{recall},\"precision\":{precision}}}",
        gallery.counts().entries,
        expected.len(),
        answers.len()
    );
    if answers == expected { Ok(()) } else { Err(format!("{what}: not what the double loop gives").into()) }
}

/// The levels of this machine that have kernels of their own, and the lowest, by name.
fn levels() -> Vec<(&'static str, Level)> {
    let best = Level::new();
    #[cfg(target_arch = "x86_64")]
    return [
        best.as_avx512().map(|level| ("AVX-512", Level::Avx512(level))),
        best.as_avx2().map(|level| ("AVX2", Level::Avx2(level))),
        best.as_sse2().map(|level| ("SSE2", Level::Sse2(level))),
    ]
    .into_iter()
    .flatten()
    .collect();
    #[cfg(not(target_arch = "x86_64"))]
    vec![("best", best)]
}

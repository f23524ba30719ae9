//! Every pixel, bit for bit, against libjpeg-turbo's.
//!
//! `cargo run --release --manifest-path benches/decoders/Cargo.toml --bin equal -- FOLDER-OR-FILE...` decodes every JPEG of up to [`MOST_PIXELS`]
//! in full and prints how many are equal, and each that is not. Fails where one that libjpeg-turbo shows has other pixels here.

use shadegrid::{DecodeOptions, Decoder, Limits, Planes};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

mod oracle;

use oracle::{Oracle, Shown};

/// Larger pictures are left out.
const MOST_PIXELS: u64 = 1 << 25;

fn main() {
    let mut paths = Vec::new();
    std::env::args().skip(1).for_each(|argument| collect(Path::new(&argument), &mut paths));
    paths.sort();
    let oracle = Oracle::new(MOST_PIXELS);
    let limits = Limits::default().max_pixels(MOST_PIXELS);
    let mut decoder = Decoder::new(DecodeOptions::default().limits(limits));
    let (mut counts, mut different) = (BTreeMap::<String, usize>::new(), 0);
    for path in paths {
        let Ok(bytes) = std::fs::read(&path) else { continue };
        if !bytes.starts_with(&[0xFF, 0xD8, 0xFF]) {
            continue;
        }
        let what = match (decoder.decode(&bytes), oracle.show(&bytes)) {
            (Ok(decoded), Ok(shown)) => {
                let damaged = if decoded.whole.is_some() { ", damaged" } else { "" };
                let equal = first_difference(&decoded.picture.planes, &shown);
                decoder.recycle(decoded.picture);
                match equal {
                    None => format!("equal{damaged}"),
                    Some(at) => {
                        different += 1;
                        println!("other pixels from {at} on{damaged}: {}", path.display());
                        "other pixels".into()
                    }
                }
            }
            (Ok(decoded), Err(message)) => {
                println!("shown here alone ({message}), whole {:?}: {}", decoded.whole, path.display());
                "shown here alone".into()
            }
            (Err(error), Ok(_)) => {
                println!("shown by libjpeg-turbo alone ({error}): {}", path.display());
                format!("shown by libjpeg-turbo alone: {}", error.code())
            }
            (Err(_), Err(_)) => "not shown".into(),
        };
        *counts.entry(what).or_default() += 1;
    }
    println!("{counts:#?}");
    assert_eq!(different, 0);
}

fn collect(path: &Path, paths: &mut Vec<PathBuf>) {
    match std::fs::read_dir(path) {
        Ok(entries) => entries.flatten().for_each(|entry| collect(&entry.path(), paths)),
        Err(_) => paths.push(path.to_owned()),
    }
}

/// The first pixel that differs.
fn first_difference(planes: &Planes, shown: &Shown) -> Option<String> {
    let (plane, channels) = match planes {
        Planes::Rgb(plane) => (plane, 3),
        Planes::Grey(plane) => (plane, 1),
        Planes::Coarse { .. } => return Some("its low frequencies".into()),
    };
    if (plane.columns as usize, plane.rows as usize, channels) != (shown.width, shown.height, shown.channels) {
        return Some("its size".into());
    }
    let at = plane.samples.iter().zip(&shown.pixels).position(|(ours, theirs)| ours != theirs)? / channels;
    Some(format!("({}, {})", at % shown.width, at / shown.width))
}

//! The JPEG reader: signatures of low frequencies against those of every pixel, and which files it reads at all.
//!
//! On the shared corpus where there is one, and on the files in the folders that `SHADEGRID_JPEGS` lists, separated by `:`.
//! `cargo test --release --test jpeg -- --nocapture` prints the tables.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the tables are what these tests are for")]

use shadegrid::decode::jpeg::{JpegReader, detail_for};
use shadegrid::{
    Algorithm, DecodeOptions, Detail, DetailChoice, HashOptions, Hashed, Hasher, Limits, PdqPath,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn shared() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus")
}

/// Every file under a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

fn is_jpeg(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xFF, 0xD8])
}

/// Shorter sides from which a column of the table begins.
const COLUMNS: [u32; 13] = [0, 96, 144, 168, 200, 288, 330, 400, 576, 680, 800, 1152, 1600];

/// Distances between a scaled and a full signature.
#[derive(Default, Clone)]
struct Distances {
    photodna: Vec<f64>,
    pdq: Vec<u32>,
}

impl Distances {
    fn add(&mut self, full: &Hashed, scaled: &Hashed) {
        let (Some(a), Some(b)) = (&full.photodna, &scaled.photodna) else { return };
        let (Some(c), Some(d)) = (&full.pdq, &scaled.pdq) else { return };
        // Not to be matched at all, or sent back to full decoding.
        if c.quality < 50 || [c, d].iter().any(|pdq| pdq.path == PdqPath::Reference) {
            return;
        }
        self.photodna.push(f64::from(a.signature.distance(&b.signature)).sqrt());
        self.pdq.push(c.signature.distance(&d.signature));
    }

    /// Median, 99th percentile and largest of PhotoDNA, the same of PDQ; `None` without any.
    fn summary(&self) -> Option<[f64; 6]> {
        let (mut photodna, mut pdq) = (self.photodna.clone(), self.pdq.clone());
        photodna.sort_by(f64::total_cmp);
        pdq.sort_unstable();
        let at = |share: f64| ((photodna.len() - 1) as f64 * share).ceil() as usize;
        photodna.last()?;
        let places = [at(0.5), at(0.99), at(1.0)];
        let [a, b, c] = places.map(|place| photodna[place]);
        let [d, e, f] = places.map(|place| f64::from(pdq[place]));
        Some([a, b, c, d, e, f])
    }
}

#[test]
fn scaled_signatures_are_near_full_ones() {
    let mut paths = files(&shared().join("photos"));
    let more = std::env::var("SHADEGRID_JPEGS").unwrap_or_default();
    more.split(':')
        .filter(|folder| !folder.is_empty())
        .for_each(|folder| paths.extend(files(folder.as_ref())));
    if paths.is_empty() {
        eprintln!("skipped: no shared corpus");
        return;
    }
    let decode = DecodeOptions::default().detail(DetailChoice::Full);
    let mut hasher = Hasher::new(HashOptions::default().decode(decode));
    let mut reader = JpegReader::default();
    let mut table: BTreeMap<(u8, usize), Distances> = BTreeMap::new();
    // What the rule chooses, for PhotoDNA alone and with PDQ.
    let mut ruled = [Distances::default(), Distances::default()];
    for path in &paths {
        let bytes = std::fs::read(path).expect("the file is there");
        let Ok(full) = hasher.hash(&bytes) else { continue };
        assert_eq!(full.detail, Detail::Full);
        if full.whole.is_some() || full.format != Some(shadegrid::Format::Jpeg) {
            continue;
        }
        let column = COLUMNS.partition_point(|&side| side <= full.width.min(full.height)) - 1;
        for detail in [1, 2, 3, 4, 6, 8] {
            let reading = reader.read(&bytes, |_, _| Detail::Scaled(detail), &Limits::default());
            let Ok(coarse) = reading else { continue };
            assert_eq!(coarse.whole, None, "{}", path.display());
            if coarse.detail == Detail::Full {
                continue;
            }
            let scaled = hasher.hash_picture(&coarse.picture).expect("as large as before");
            reader.recycle(coarse.picture);
            table.entry((detail, column)).or_default().add(&full, &scaled);
            for (ruled, algorithms) in ruled.iter_mut().zip([&[Algorithm::PhotoDna][..], &Algorithm::ALL]) {
                if detail_for(full.width, full.height, algorithms) == Detail::Scaled(detail) {
                    ruled.add(&full, &scaled);
                }
            }
        }
    }
    print_table(&table);
    let [photodna, both] = ruled.map(|ruled| ruled.summary().expect("some are scaled"));
    println!("rule, PhotoDNA alone: {photodna:.1?}\nrule, with PDQ: {both:.1?}");
    assert!(photodna[1] <= 24.0 && both[1] <= 24.0 && both[4] <= 8.0, "{photodna:?} {both:?}");
}

fn print_table(table: &BTreeMap<(u8, usize), Distances>) {
    println!("PhotoDNA median / p99 / largest, PDQ p99 / largest (files), by shorter side from {COLUMNS:?}");
    for detail in [1, 2, 3, 4, 6, 8] {
        let mut line = format!("| n={detail} |");
        for column in 0..COLUMNS.len() {
            let distances = table.get(&(detail, column)).cloned().unwrap_or_default();
            line += &match distances.summary() {
                Some([a, b, c, _, e, f]) => {
                    format!(" {a:.1} / {b:.0} / {c:.0}, {e} / {f} ({}) |", distances.pdq.len())
                }
                None => " |".to_owned(),
            };
        }
        println!("{line}");
    }
}

#[test]
fn legal_oddities_are_read() {
    let kinds = [
        "jpeg-sampling",
        "jpeg-scans",
        "jpeg-restart",
        "jpeg-sizes",
        "jpeg-colour",
        "jpeg-process",
        "jpeg-exif",
        "jpeg-dnl",
    ];
    let mut folders: Vec<_> = kinds.map(|kind| shared().join("hostile").join(kind)).into();
    folders.extend(
        ["jpeg-matrix", "conformance/itu-t83-jpeg", "conformance/jpeg-libjpeg-turbo-testimages"]
            .map(|path| shared().join(path)),
    );
    if !folders[0].exists() {
        eprintln!("skipped: no shared corpus");
        return;
    }
    let mut total = 0;
    for folder in folders {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for path in files(&folder) {
            let bytes = std::fs::read(&path).expect("the file is there");
            if !is_jpeg(&bytes) {
                continue;
            }
            let what = match JpegReader::default().read(&bytes, |_, _| Detail::Scaled(4), &Limits::default())
            {
                Ok(reading) if reading.whole.is_none() => format!("read: {}", reading.detail),
                Ok(_) => format!("read, damaged: {}", path.file_name().unwrap_or_default().display()),
                Err(error) => format!("{}: {error}", error.code()),
            };
            *counts.entry(what).or_default() += 1;
            total += 1;
        }
        println!("{}: {counts:#?}", folder.file_name().unwrap_or_default().display());
    }
    assert!(total > 300, "{total}");
}

/// Status and share, as a record tells them.
fn story(hashed: &shadegrid::Result<Hashed>) -> String {
    match hashed {
        Ok(hashed) => hashed.whole.map_or("whole".to_owned(), |whole| format!("damaged {whole:.6}")),
        Err(error) => format!("{}: {error}", error.code()),
    }
}

#[test]
fn hostile_files_tell_one_story_at_every_detail() {
    let folder = shared().join("hostile");
    if !folder.exists() {
        eprintln!("skipped: no shared corpus");
        return;
    }
    let hasher = |detail| {
        let limits = Limits::default().max_pixels(1 << 24);
        let decode = DecodeOptions::default().detail(detail).limits(limits);
        Hasher::new(HashOptions::default().decode(decode))
    };
    let (mut auto, mut full) = (hasher(DetailChoice::Auto), hasher(DetailChoice::Full));
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for path in files(&folder) {
        let bytes = std::fs::read(&path).expect("the file is there");
        if !is_jpeg(&bytes) {
            continue;
        }
        let ours = story(&auto.hash(&bytes));
        assert_eq!(ours, story(&full.hash(&bytes)), "{}", path.display());
        let kind = ours.split([' ', ':']).next().unwrap_or_default().to_owned();
        *counts.entry(kind).or_default() += 1;
    }
    println!("{counts:?}");
    assert!(counts.values().sum::<usize>() > 400 && counts["damaged"] > 40);
}

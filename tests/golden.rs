//! Signatures against the reference vectors, where `../shared` is present.

#![expect(clippy::print_stdout, reason = "says what was skipped and measured")]

use std::path::{Path, PathBuf};

use serde_json::Value;
use shadegrid::{Algorithm, DecodeOptions, DetailChoice, HashOptions, Hashed, Hasher, PhotoDna};

/// How far our signatures of one set of pictures are from the reference's.
#[derive(Default)]
struct Tally {
    pictures: usize,
    /// Pictures whose PhotoDNA-class bytes all agree, and the largest difference of a byte.
    photodna_equal: usize,
    photodna_worst: u8,
    strength_off: usize,
    /// Euclidean distances of the PhotoDNA-class signatures.
    photodna_distance: Vec<f64>,
    /// Bits off, quality off, one entry a picture, `pdq` then `pdq-512`.
    pdq_bits: [Vec<u32>; 2],
    quality_off: [Vec<u8>; 2],
}

fn shared() -> Option<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    shared.join("vectors/signatures.jsonl").exists().then_some(shared)
}

fn reference(folder: &str) -> Option<Vec<(PathBuf, Value)>> {
    let shared = shared()?;
    let text = std::fs::read_to_string(shared.join("vectors/signatures.jsonl")).unwrap();
    let records = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let records =
        records.map(|record| (shared.join("corpus").join(record["path"].as_str().unwrap()), record));
    Some(records.filter(|(_, record)| record["path"].as_str().unwrap().starts_with(folder)).collect())
}

fn tally(records: &[(PathBuf, Value)]) -> Tally {
    let decode = DecodeOptions { detail: DetailChoice::Full, ..DecodeOptions::default() };
    let options = HashOptions { algorithms: Algorithm::ALL.to_vec(), decode, ..HashOptions::default() };
    let mut hasher = Hasher::new(options);
    let mut tally = Tally::default();
    for (path, record) in records {
        let hashed = hasher.hash(&std::fs::read(path).unwrap()).unwrap_or_else(|e| panic!("{path:?}: {e}"));
        tally.add(&hashed, record);
    }
    tally
}

impl Tally {
    fn add(&mut self, hashed: &Hashed, record: &Value) {
        self.pictures += 1;
        let ours = hashed.photodna.unwrap();
        let theirs: PhotoDna = record["photodna"].as_str().unwrap().parse().unwrap();
        let off = ours.signature.0.iter().zip(theirs.0).map(|(&a, b)| a.abs_diff(b)).max().unwrap();
        self.photodna_equal += usize::from(off == 0);
        self.photodna_distance.push(f64::from(ours.signature.distance(&theirs)).sqrt());
        self.photodna_worst = self.photodna_worst.max(off);
        let strength = record["strength"].as_f64().unwrap();
        self.strength_off += usize::from((ours.strength - strength).abs() > 1e-3 * strength + 1e-3);
        for (index, (pdq, key)) in [(&hashed.pdq, "pdq"), (&hashed.pdq512, "pdq512")].into_iter().enumerate()
        {
            let pdq = pdq.as_ref().unwrap();
            let quality = record[key.replace("pdq", "quality")].as_u64().unwrap() as u8;
            let bits = pdq.signature.distance(&record[key].as_str().unwrap().parse().unwrap());
            self.pdq_bits[index].push(bits);
            self.quality_off[index].push(pdq.quality.abs_diff(quality));
        }
    }

    fn print(&self, name: &str) {
        let off = |values: &[u32]| values.iter().filter(|&&bits| bits > 0).count();
        let quality = |values: &[u8]| values.iter().filter(|&&off| off > 0).count();
        println!(
            "{name}: {} pictures; photodna equal {} (worst byte {}), strength off {}; pdq off in {} and {}; quality off in {} and {}",
            self.pictures,
            self.photodna_equal,
            self.photodna_worst,
            self.strength_off,
            off(&self.pdq_bits[0]),
            off(&self.pdq_bits[1]),
            quality(&self.quality_off[0]),
            quality(&self.quality_off[1]),
        );
    }

    fn assert_exact(&self) {
        assert!(self.photodna_worst <= 1);
        assert!(self.photodna_equal * 1000 >= self.pictures * 999, "{} equal", self.photodna_equal);
        assert_eq!(self.strength_off, 0);
        for index in 0..2 {
            assert_eq!(self.pdq_bits[index].iter().max(), Some(&0));
            let off = self.quality_off[index].iter().filter(|&&off| off > 0).count();
            assert!(off * 100 <= self.pictures && self.quality_off[index].iter().all(|&off| off <= 1));
        }
    }
}

fn exact(folder: &str, at_least: usize) {
    let Some(records) = reference(folder) else {
        println!("skipped: ../shared is not here");
        return;
    };
    let tally = tally(&records);
    tally.print(folder);
    assert!(tally.pictures >= at_least, "{} pictures", tally.pictures);
    tally.assert_exact();
}

#[test]
fn lossless_photographs_are_exact() {
    exact("lossless/", 60);
}

#[test]
fn graphics_are_exact() {
    exact("graphics/", 77);
}

/// The value that `share` of the values do not exceed.
fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share).round() as usize]
}

/// The vectors of JPEGs come from libjpeg-turbo's pixels; another decoder's differ by a rounding here and there.
#[test]
fn photographs_differ_by_the_decoder_alone() {
    let Some(records) = reference("photos/") else {
        println!("skipped: ../shared is not here");
        return;
    };
    let mut tally = tally(&records);
    assert!(tally.pictures >= 200, "{} pictures", tally.pictures);
    let pdq = |bits: &[u32]| bits.iter().copied().map(f64::from).collect::<Vec<_>>();
    let sets = [
        ("photodna, Euclidean", std::mem::take(&mut tally.photodna_distance), 6.0, 12.0),
        ("pdq, bits", pdq(&tally.pdq_bits[0]), 4.0, 8.0),
        ("pdq-512, bits", pdq(&tally.pdq_bits[1]), 4.0, 8.0),
    ];
    for (name, mut values, p99, largest) in sets {
        let [a, b, c] = [0.5, 0.99, 1.0].map(|share| quantile(&mut values, share));
        println!("{} JPEGs, {name}: median {a:.1}, p99 {b:.1}, largest {c:.1}", tally.pictures);
        assert!(b <= p99 && c <= largest, "{name}");
    }
}

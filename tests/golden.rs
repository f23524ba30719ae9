//! Signatures against those of other implementations: of flat coloured patterns that are drawn here, and of the reference vectors
//! where `../shared` is present.

#![expect(clippy::print_stdout, reason = "says what was skipped and measured")]

use std::path::{Path, PathBuf};

use serde_json::Value;
use shadegrid::{
    Algorithm, DecodeOptions, DetailChoice, HashOptions, Hashed, Hasher, PdqPath, PhotoDna, Picture,
};

/// How far our signatures of one set of pictures are from the reference's.
#[derive(Default)]
struct Tally {
    pictures: usize,
    /// Pictures whose PhotoDNA-class bytes all agree, and the largest difference of a byte.
    photodna_equal: usize,
    photodna_worst: u8,
    strength_off: usize,
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
    let decode = DecodeOptions::default().detail(DetailChoice::Full);
    let options = HashOptions::default().algorithms(Algorithm::ALL.to_vec()).decode(decode);
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
    let Some(mut records) = reference(folder) else {
        println!("skipped: ../shared is not here");
        return;
    };
    // The vectors round the product of two inks, where browsers, and we, cut it off.
    records.retain(|(_, record)| !record["path"].as_str().unwrap().ends_with("-cmyk.jpg"));
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

/// The vectors of JPEGs come from libjpeg-turbo's pixels.
#[test]
fn photographs_are_exact() {
    exact("photos/", 200);
}

/// Width, height, the colours of a board of 8×6 fields, and its PDQ signature by `pdqhash` 0.2.8 for Python and by the C++ core
/// (512×512 by nearest neighbour first), both at quality 100.
type Board = (u32, u32, &'static [[u8; 3]], &'static str, &'static str);

/// Flat coloured boards: nearly all coefficients tie, and the bits are the rounding of each implementation's luma.
#[rustfmt::skip]
const BOARDS: [Board; 12] = [
    (320, 240, &[[200, 30, 90], [17, 230, 61]], "22ff7520827fd52a8a572ad508f7aa75aaf5a87557825782a2dd5508825fd52a", "02f7d78aa25fd52a2a552ad50ad70a55285da07d5da2578a8ad7d78aa05dd70a"),
    (320, 240, &[[250, 10, 20], [30, 220, 250]], "aa757d22a2fd75a0207f2ad7007f8ad72ad72a557700dda28a757d2082d75d22", "aa757d22a2fd75a0207f2ad7007f8ad72ad72a557700dda28a757d2082d75d22"),
    (320, 240, &[[1, 2, 250], [240, 200, 10], [90, 10, 80]], "7ce056caa9b5d6caa93529b5a93529b5031f564a2935a9b57c6056ca2935d6ca", "7c60d64a29b5d64a2935a9b5a9b529b5031fd6ca29b529b5fc60d64a29b5d64a"),
    (800, 600, &[[200, 30, 90], [17, 230, 61]], "425ed5020f0f5f02031f20fd552a20fd50faa8f53931d70276485f82e39cdd22", "aaffff2a00d5ff2aa8d500d500d500d580d500d5ff2aff2a80d5ff2a00d5ff2a"),
    (800, 600, &[[250, 10, 20], [30, 220, 250]], "a6cdd5a8c39e7d20678c8ad5dec2025f9b1302dd76485d02207df528425e5d22", "aaffff2a00d5ff2aa8d500d500d500d580d500d5ff2aff2a80d5ff2a00d5ff2a"),
    (800, 600, &[[1, 2, 250], [240, 200, 10], [90, 10, 80]], "fce0564af8f056ca7ce0a9358b1729b5039f564a3c6529b5fce0d64a78b056ca", "fc60d64a29b5d64afc6029b529b529b5039fd64a29b529b5fc60d64a29b5d64a"),
    (120, 80, &[[200, 30, 90], [17, 230, 61]], "f5225f22f5825d00205f825ddd82827da8ff0277227f550aa2d57528f5887520", "2a7f5f0a7d0ad58020f72a5dd5a8827d2aff2a5f28ff552200d5f720d580f522"),
    (120, 80, &[[250, 10, 20], [30, 220, 250]], "ce43f50a7f007f80224f227dd72080fdd7a028fd80fd5f02ea575f027d8a7f82", "ce43f50a7f007f80224f227dd72080fdd7a028fd80fd5f02ea575f027d8a7f82"),
    (120, 80, &[[1, 2, 250], [240, 200, 10], [90, 10, 80]], "fc6056ca9d23d6cad6ca29b51f8129b5831fd6ca1788a9357ce056ca6837d64a", "fc6056ca7a90d6cad6caa9b546cf2935039f56ca16ea29357c60564a69f0d6ca"),
    (600, 512, &[[200, 30, 90], [17, 230, 61]], "a0fdddaa025f5d22a87508df2875aad5027f0ad77528ff0820f5d58a8a577788", "aaffff2a00d5ff2aa8d500d500d500d580d500d5ff2aff2a80d5ff2a00d5ff2a"),
    (600, 512, &[[250, 10, 20], [30, 220, 250]], "a2dd7da082dff5a00a5780ff287580ff0877aa557d20d588a2dd7f88825d75a8", "aaffff2a00d5ff2aa8d500d500d500d580d500d5ff2aff2a80d5ff2a00d5ff2a"),
    (600, 512, &[[1, 2, 250], [240, 200, 10], [90, 10, 80]], "7ce0d64a2935d6cafc60a935a93529b5831fd64aa93529357c6056caa9b5d6ca", "fc60d64a29b5d64afc6029b529b529b5039fd64a29b529b5fc60d64a29b5d64a"),
];

fn board(width: u32, height: u32, colours: &[[u8; 3]]) -> Picture {
    let points = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let field = |(x, y)| colours[((x * 8 / width + y * 6 / height) as usize) % colours.len()];
    Picture::from_rgb(points.flat_map(field).collect(), width, height)
}

#[test]
fn coloured_patterns_have_the_bits_of_both_conventions() {
    let options = HashOptions::default().algorithms(Algorithm::ALL.to_vec());
    let mut hasher = Hasher::new(options);
    let mut apart = 0;
    for (width, height, colours, full, at_512) in BOARDS {
        let hashed = hasher.hash_picture(&board(width, height, colours)).unwrap();
        let (pdq, pdq512) = (hashed.pdq.unwrap(), hashed.pdq512.unwrap());
        assert_eq!((pdq.path, pdq512.path), (PdqPath::Reference, PdqPath::Reference));
        assert_eq!((pdq.quality, pdq512.quality), (100, 100));
        assert_eq!(pdq.signature.to_string(), full, "{width}×{height} {colours:?}");
        assert_eq!(pdq512.signature.to_string(), at_512, "{width}×{height} {colours:?}, pdq-512");
        apart += usize::from(width <= 512 && full != at_512);
    }
    assert!(apart >= 3, "only {apart} small boards tell the two lumas apart");
}

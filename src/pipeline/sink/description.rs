//! How the signatures in a file of records were made, as metadata of the file.

use crate::decode::Frames;
use crate::hasher::{Alpha, HashOptions};

/// Metadata of a file of records: how its signatures were made.
pub fn describe(options: &HashOptions) -> Vec<(String, String)> {
    let algorithms: Vec<&str> = options.algorithms.iter().map(|algorithm| algorithm.name()).collect();
    let mut about = vec![
        ("shadegrid.version", env!("CARGO_PKG_VERSION").to_string()),
        ("shadegrid.algorithms", algorithms.join(",")),
        ("shadegrid.photodna", "26x26 box sums, 6x6 cells, 144 bytes; squared Euclidean".to_string()),
        ("shadegrid.pdq", "64x64 tent sums, 16x16 DCT, 256 bits; Hamming".to_string()),
        ("shadegrid.detail", format!("{:?}", options.decode.detail).to_lowercase()),
        ("shadegrid.orient", format!("{:?}", options.decode.orient).to_lowercase()),
        ("shadegrid.faces", options.faces.name().to_string()),
        ("shadegrid.damaged", format!("{:?}", options.decode.damaged).to_lowercase()),
    ];
    if options.alpha != Alpha::Drop {
        about.push(("shadegrid.alpha", options.alpha.name().to_string()));
    }
    if options.decode.frames != Frames::First {
        about.push(("shadegrid.frames", options.decode.frames.to_string()));
    }
    about.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
}

//! Signatures of a report's files that are pictures, as hashes of these files.
//!
//! The published description leaves the kinds of hashes open (`hashType` is a text). How the two are named and written is one constant each.

use std::io::Read;

use super::evidence::Evidence;
use super::model::file::FileHash;
use crate::hasher::{HashOptions, Hasher};
use crate::pipeline::caught;
use crate::signature::Algorithm;

/// What a PDQ signature is called: 64 hexadecimal digits.
const PDQ: &str = "PDQ";

/// What a PhotoDNA-class signature is called: its 144 bytes as base64.
const PHOTODNA: &str = "PhotoDNA";

/// Bytes of a file that is still looked at; what is larger is no picture that anybody uploads.
const LARGEST: u64 = 256 << 20;

/// Whether a report may ask for this signature.
pub(super) fn can_be_reported(algorithm: Algorithm) -> bool {
    matches!(algorithm, Algorithm::Pdq | Algorithm::PhotoDna)
}

/// The signatures of the evidence of this name. A file that is no picture, or cannot be read as one, has none: that is no reason not to report it.
pub(super) fn signatures(evidence: &Evidence, name: &str, algorithms: &[Algorithm]) -> Vec<FileHash> {
    let mut bytes = Vec::new();
    let read = evidence.open_file(name).and_then(|opened| opened.take(LARGEST + 1).read_to_end(&mut bytes));
    if algorithms.is_empty() || !read.is_ok_and(|length| length as u64 <= LARGEST) {
        return Vec::new();
    }
    let options = HashOptions::default().algorithms(algorithms.to_vec());
    let Ok(Ok(hashed)) = caught(|| Hasher::new(options).hash(&bytes)) else { return Vec::new() };
    let hash = |kind: &str, value: String| FileHash::default().kind(Some(kind.into())).value(Some(value));
    let pdq = hashed.pdq.map(|pdq| hash(PDQ, pdq.signature.to_string()));
    let photodna = hashed.photodna.map(|photodna| hash(PHOTODNA, photodna.signature.to_string()));
    pdq.into_iter().chain(photodna).collect()
}

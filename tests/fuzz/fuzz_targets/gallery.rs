//! Any bytes as a gallery: what opens can be asked anything without a panic, and what verifies is found by its own signatures.
//!
//! The checksums of header and directory are made right, so that what lies behind them is reached.
//! From the repository's root: `cargo +nightly fuzz run --fuzz-dir tests/fuzz gallery CORPUS`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use shadegrid::gallery::{Gallery, GalleryBuilder, Query, Scratch, SearchOptions};

/// Makes the checksums of header and directory those of what they say.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.len() >= 64 {
        let at = |bytes: &[u8], at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
        let length = bytes.len() as u64;
        bytes[..8].copy_from_slice(b"SHADEGAL");
        bytes[32..40].copy_from_slice(&length.to_le_bytes());
        let (start, length) = (at(&bytes, 16), at(&bytes, 24));
        if let Some(directory) = start.checked_add(length).and_then(|end| bytes.get(start..end)) {
            let checksum = crc32fast::hash(directory);
            bytes[40..44].copy_from_slice(&checksum.to_le_bytes());
        }
        let checksum = crc32fast::hash(&bytes[..44]);
        bytes[44..48].copy_from_slice(&checksum.to_le_bytes());
    }
    bytes
}

fuzz_target!(|bytes: &[u8]| {
    for bytes in [bytes.to_vec(), sealed(bytes.to_vec())] {
        let Ok(gallery) = Gallery::from_bytes(bytes) else { continue };
        let whole = gallery.verify().is_ok();
        let _ = (gallery.counts(), gallery.sources(), gallery.columns(), gallery.checksum());
        let ids: Vec<_> = gallery.ids().take(64).collect();
        let queries: Vec<Query> = ids.iter().map(|id| gallery.query(*id)).collect();
        for id in &ids {
            let _ = gallery.entry(*id).columns.iter().count();
        }
        let mut matches = Vec::new();
        for options in [
            SearchOptions::default(),
            SearchOptions::default().photodna(Some(u32::MAX)).pdq(Some(256)).include_flat(true),
        ] {
            gallery.search(&queries, &options, &mut Scratch::default(), &mut matches);
        }
        let mut builder = GalleryBuilder::new();
        builder.remove("", "a");
        if let Ok(bytes) = builder.append_to_bytes(&gallery) {
            let copy = Gallery::from_bytes(bytes).expect("what was opened can be copied");
            assert!(!whole || copy.verify().is_ok());
        }
    }
});

//! The estimate of a file's memory is at least four fifths of what hashing it takes.
//!
//! From the repository's root: `cargo +nightly fuzz run --fuzz-dir tests/fuzz memory CORPUS`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use peak_alloc::PeakAlloc;
use shadegrid::decode::Frames;
use shadegrid::{Algorithm, DetailChoice, HashOptions, Hasher, Limits};

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

/// Bytes that are negligible next to a picture: of errors, of names, and what is made once per process.
const LITTLE: f64 = (2 << 20) as f64;

fuzz_target!(|bytes: &[u8]| {
    for (detail, frames) in [
        (DetailChoice::Auto, Frames::First),
        (DetailChoice::Full, Frames::First),
        (DetailChoice::Auto, Frames::All),
    ] {
        let mut options = HashOptions::default().algorithms(vec![Algorithm::PhotoDna, Algorithm::Pdq]);
        options.decode.limits = Limits::default().max_pixels(1 << 22).max_decoder_bytes(256 << 20);
        (options.decode.detail, options.decode.frames) = (detail, frames);
        let estimate = Hasher::new(options.clone()).memory(bytes).worst as f64;
        ALLOCATED.reset_peak_usage();
        let before = ALLOCATED.current_usage();
        let hashed = Hasher::new(options).hash(bytes);
        let taken = ALLOCATED.peak_usage().saturating_sub(before) as f64;
        assert!(
            estimate >= 0.8 * taken || taken <= LITTLE,
            "{detail:?}, {frames}: estimate {estimate}, taken {taken}: {hashed:?}"
        );
    }
});

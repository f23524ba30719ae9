//! Any bytes give one outcome, the same whatever the decoder's memory held, within small limits.
//!
//! From the repository's root: `cargo +nightly fuzz run --fuzz-dir tests/fuzz decode CORPUS`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use shadegrid::{DamagedPolicy, DecodeOptions, Decoder, Limits, Orient, Picture};

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits::default().max_pixels(1 << 20).max_decoder_bytes(64 << 20);
    let options = DecodeOptions::default().limits(limits).orient(Orient::Exif).damaged(DamagedPolicy::Hash);
    let first = Decoder::new(options.clone()).decode(bytes);
    let mut used = Decoder::new(options.clone());
    used.recycle(Picture::from_grey(vec![0xA5; 1 << 16], 256, 256));
    assert_eq!(first.as_ref().ok(), used.decode(bytes).as_ref().ok());
    let refused = Decoder::new(options.damaged(DamagedPolicy::Refuse)).decode(bytes);
    assert_eq!(first.is_ok_and(|decoded| decoded.whole.is_none()), refused.is_ok());
});

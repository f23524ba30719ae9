//! Any bytes: what the JPEG reader makes of them is the same whatever its buffers held, and reading more of them tells no other story.
//!
//! From the repository's root: `cargo +nightly fuzz run --fuzz-dir tests/fuzz jpeg CORPUS`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use shadegrid::decode::jpeg::JpegReader;
use shadegrid::{Algorithm, DecodeOptions, Decoder, Detail, DetailChoice, Limits};
use std::cell::RefCell;

thread_local! {
    static USED: RefCell<JpegReader> = RefCell::default();
}

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits::default().max_pixels(1 << 20).max_decoder_bytes(64 << 20);
    USED.with_borrow_mut(|used| {
        for detail in [1, 2, 3, 4, 6, 8].map(Detail::Scaled).into_iter().chain([Detail::Full]) {
            let read = |reader: &mut JpegReader| reader.read(bytes, |_, _| detail, &limits).ok();
            let fresh = read(&mut JpegReader::default());
            assert_eq!(fresh, read(used));
            if let Some(reading) = fresh {
                used.recycle(reading.picture);
            }
        }
    });
    // No matter how far it is read, it is shown or not, has one size, and is equally whole.
    let story = |detail| {
        let options = DecodeOptions::default().limits(limits.clone()).detail(detail);
        let decoded = Decoder::new(options).decode_for(bytes, &Algorithm::ALL).ok();
        decoded.map(|decoded| (decoded.picture.width, decoded.picture.height, decoded.whole))
    };
    assert_eq!(story(DetailChoice::Auto), story(DetailChoice::Full));
});

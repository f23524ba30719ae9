//! Any bytes: the JPEG reader's verdict is the same whatever its buffers held, and what it reads as whole it also judges whole.
//!
//! From the repository's root: `cargo +nightly fuzz run --fuzz-dir tests/fuzz jpeg CORPUS`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use shadegrid::decode::jpeg::{JpegReader, Reading, Verdict};
use shadegrid::{DecodeOptions, Decoder, Detail, Limits};
use std::cell::RefCell;

thread_local! {
    static USED: RefCell<JpegReader> = RefCell::default();
}

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { max_pixels: 1 << 20, max_decoder_bytes: 64 << 20, ..Limits::default() };
    let verdict = JpegReader::default().judge(bytes, &limits).ok();
    USED.with_borrow_mut(|used| {
        assert_eq!(verdict, used.judge(bytes, &limits).ok());
        for detail in [1, 2, 3, 4, 6, 8] {
            let read = |reader: &mut JpegReader| reader.read(bytes, |_, _| Detail::Scaled(detail), &limits).ok();
            let fresh = read(&mut JpegReader::default());
            assert_eq!(fresh, read(used));
            // Of a whole file every part is whole.
            if let (Some(Verdict::Read { whole: None, .. }), Some(Reading::Coarse(coarse))) = (verdict, fresh) {
                assert_eq!(coarse.whole, None);
                used.recycle(coarse.picture);
            }
        }
    });
    // Full decoding shows a picture of the same size, or none.
    let options = DecodeOptions { limits: limits.clone(), ..DecodeOptions::default() };
    let reading = JpegReader::default().read(bytes, |_, _| Detail::Scaled(1), &limits);
    if let (Ok(full), Ok(Reading::Coarse(coarse))) = (Decoder::new(options).decode(bytes), reading) {
        let (full, coarse) = (full.picture, coarse.picture);
        assert_eq!((full.width, full.height), (coarse.width, coarse.height));
    }
});

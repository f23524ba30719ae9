//! A helper that ends, or that says what is not so, costs one picture.

#![cfg(unix)]

use std::path::Path;

use shadegrid::decode::helper;
use shadegrid::{DecodeOptions, Decoder};

/// One test, since a process has one helper's program.
#[test]
fn a_helper_that_ends_is_an_error_of_its_picture() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/modern/420.avif");
    let bytes = std::fs::read(file).unwrap();
    let mut decoder = Decoder::new(DecodeOptions::default());
    let error = decoder.decode(&bytes).unwrap_err();
    assert!(error.code() == "unsupported" && error.to_string().contains("process of its own"), "{error}");
    // Ends without a word, whatever it is asked.
    helper::use_program(Path::new("/bin/sh"), &["-c".into(), "exec head -c 1 /dev/null".into()]);
    for times in 1..=2 {
        let error = decoder.decode(&bytes).unwrap_err();
        assert!(error.code() == "corrupt" && error.to_string().contains("the decoder ended"), "{error}");
        assert_eq!(helper::ended(), times);
    }
}

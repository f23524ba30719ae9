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
    // Begins where there is a file, and ends without another word, whatever it is asked.
    let folder = tempfile::tempdir().unwrap();
    let begins = folder.path().join("begins");
    let script = format!("test -e '{}' && printf decoder2 && exec head -c 1", begins.display());
    helper::use_program(Path::new("/bin/sh"), &["-c".into(), script.into()]);
    let error = decoder.decode(&bytes).unwrap_err();
    assert!(error.code() == "unsupported" && error.to_string().contains("does not begin"), "{error}");
    assert_eq!(helper::ended(), 0);
    std::fs::write(begins, "").unwrap();
    for times in 1..=2 {
        let error = decoder.decode(&bytes).unwrap_err();
        assert!(error.code() == "corrupt" && error.to_string().contains("the decoder ended"), "{error}");
        assert_eq!(helper::ended(), times);
    }
}

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
    // Each time it notes that it began; where there is a file `kill` it is killed, and where there is one `once` no more after that.
    let begins = folder.path().join("begins");
    let script = format!(
        "cd '{}' && test -e begins && printf x >> starts && printf decoder2 && head -c 1 > first && \
         if test -e kill; then if test -e once; then rm kill; fi; kill -9 $$; fi; \
         if test -e once; then printf '\\001\\014\\000no such luck'; cat > rest; fi",
        folder.path().display()
    );
    let starts = || std::fs::read(folder.path().join("starts")).unwrap().len();
    helper::use_program(Path::new("/bin/sh"), &["-c".into(), script.into()]);
    let error = decoder.decode(&bytes).unwrap_err();
    assert!(error.code() == "unsupported" && error.to_string().contains("does not begin"), "{error}");
    assert_eq!(helper::ended(), 0);
    std::fs::write(begins, "").unwrap();
    for times in 1..=2 {
        let error = decoder.decode(&bytes).unwrap_err();
        assert!(error.code() == "corrupt" && error.to_string().contains("the decoder ended"), "{error}");
        assert_eq!(helper::ended(), times);
        assert_eq!(starts(), times as usize, "what ends by itself is not asked again");
    }
    // One that is killed says nothing about the picture: another is asked, and no third.
    std::fs::write(folder.path().join("kill"), "").unwrap();
    let error = decoder.decode(&bytes).unwrap_err();
    assert!(error.code() == "corrupt" && error.to_string().contains("SIGKILL"), "{error}");
    assert_eq!((helper::ended(), starts()), (4, 4));
    // What the second one says counts: here that the data is broken.
    std::fs::write(folder.path().join("once"), "").unwrap();
    let error = decoder.decode(&bytes).unwrap_err();
    assert!(error.code() == "corrupt" && error.to_string().contains("no such luck"), "{error}");
    assert_eq!((helper::ended(), starts()), (5, 6));
    assert_eq!(shadegrid::decode::helpers_ended(), 5);
}

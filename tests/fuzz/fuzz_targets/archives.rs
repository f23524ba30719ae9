//! Archives of every kind: whatever their bytes, a run ends, no reader panics, and every record is written.
//!
//! The first byte says the kind. Checksums of tar headers are made right here, because no fuzzer would find them.
//!
//! From the repository's root: `cargo +nightly fuzz run --fuzz-dir tests/fuzz archives CORPUS`.

#![no_main]

mod run;

use std::io::Write as _;

use libfuzzer_sys::fuzz_target;

const KINDS: [&str; 4] = [".tar", ".tar.gz", ".tar.zst", ".zip"];

/// Gives every block that looks like a header its checksum (POSIX.1-1988, 10.1.1).
fn with_checksums(tar: &mut [u8]) {
    for block in tar.as_chunks_mut::<512>().0 {
        if &block[257..262] == b"ustar" {
            block[148..156].fill(b' ');
            let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((kind, content)) = data.split_first() else { return };
    let (kind, mut content) = (KINDS[usize::from(*kind) % KINDS.len()], content.to_vec());
    if kind == ".tar" {
        with_checksums(&mut content);
    }
    let mut file = tempfile::Builder::new().suffix(kind).tempfile().unwrap();
    file.write_all(&content).unwrap();
    run::check(file.path());
});

//! Archives of every kind: whatever their bytes, a run ends, no reader panics, and no member is lost or told twice.
//!
//! The first byte says the kind. Checksums of tar headers are made right here, because no fuzzer would find them.
//!
//! From the repository's root: `cargo +nightly fuzz run --fuzz-dir tests/fuzz archives CORPUS`.

#![no_main]

use std::io::Write as _;

use libfuzzer_sys::fuzz_target;
use shadegrid::Limits;
use shadegrid::pipeline::{self, Input, InputOptions, JsonLines, PipelineOptions, items, open};

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

fn packed(kind: usize, content: &[u8]) -> Vec<u8> {
    let mut content = content.to_vec();
    if kind == 0 {
        with_checksums(&mut content);
    }
    content
}

fuzz_target!(|data: &[u8]| {
    let Some((kind, content)) = data.split_first() else { return };
    let kind = usize::from(*kind) % KINDS.len();
    let mut file = tempfile::Builder::new().suffix(KINDS[kind]).tempfile().unwrap();
    file.write_all(&packed(kind, content)).unwrap();
    let limits = Limits { max_file_bytes: 1 << 20, max_pixels: 1 << 16, max_decoder_bytes: 16 << 20, ..Limits::default() };
    let options = InputOptions { limits: limits.clone(), ..InputOptions::default() };
    let mut run = PipelineOptions { threads: 1.try_into().unwrap(), memory: 64 << 20, ..PipelineOptions::default() };
    run.hash.decode.limits = limits;
    let mut lines = JsonLines::new(Vec::new());
    let inputs = [Input::Named(file.path().into())];
    let summary = pipeline::run(open(items(inputs, &options), &options), &mut lines, &run).unwrap();
    let lines = String::from_utf8(lines.into_inner()).unwrap();
    assert!(!lines.contains("panicked"), "{lines}");
    assert_eq!(lines.lines().count() as u64, summary.records);
    assert!(summary.records > 0);
});

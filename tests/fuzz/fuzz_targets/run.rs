//! What a run makes of one file, within small limits; for the targets of archives and of Parquet.

use std::path::Path;

use shadegrid::pipeline::{Input, InputOptions, JsonLines, items, open};
use shadegrid::{Engine, HashOptions, Limits, RunOptions};

/// Hashes what is in a file, and checks that every record was written and that no reader panicked. An archive may be empty.
pub fn check(path: &Path) {
    let limits = Limits::default().max_file_bytes(1 << 20).max_pixels(1 << 16).max_decoder_bytes(16 << 20);
    let options = InputOptions::default().limits(limits.clone());
    let mut hash = HashOptions::default();
    hash.decode.limits = limits;
    let engine = Engine::builder().threads(1).memory(64 << 20).options(hash).build().unwrap();
    let mut lines = JsonLines::new(Vec::new());
    let sources = open(items([Input::Named(path.into())], &options), &options);
    let summary = engine.run_into(sources, &mut lines, &RunOptions::default()).unwrap();
    let lines = String::from_utf8(lines.into_inner()).unwrap();
    assert!(!lines.contains("panicked"), "{lines}");
    assert_eq!(lines.lines().count() as u64, summary.records);
}

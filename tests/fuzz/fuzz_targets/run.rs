//! What a run makes of one file, within small limits; for the targets of archives and of Parquet.

use std::path::Path;

use shadegrid::Limits;
use shadegrid::pipeline::{self, Input, InputOptions, JsonLines, PipelineOptions, items, open};

/// Hashes what is in a file, and checks that every record was written and that no reader panicked. An archive may be empty.
pub fn check(path: &Path) {
    let limits = Limits::default().max_file_bytes(1 << 20).max_pixels(1 << 16).max_decoder_bytes(16 << 20);
    let options = InputOptions::default().limits(limits.clone());
    let mut run = PipelineOptions::default().threads(1.try_into().unwrap()).memory(64 << 20);
    run.hash.decode.limits = limits;
    let mut lines = JsonLines::new(Vec::new());
    let summary = pipeline::run(open(items([Input::Named(path.into())], &options), &options), &mut lines, &run).unwrap();
    let lines = String::from_utf8(lines.into_inner()).unwrap();
    assert!(!lines.contains("panicked"), "{lines}");
    assert_eq!(lines.lines().count() as u64, summary.records);
}

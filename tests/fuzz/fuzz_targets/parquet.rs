//! Parquet files, their footers above all: as pictures, as names and as lists, none makes a reader panic.
//!
//! The input is a footer and, behind its length in the first two bytes, the pages before it; the marks and the length are put around them here.
//!
//! From the repository's root: `cargo +nightly fuzz run --fuzz-dir tests/fuzz parquet CORPUS`.

#![no_main]

use std::io::Write as _;

use libfuzzer_sys::fuzz_target;
use shadegrid::gallery::lists::{self, ListFormat};
use shadegrid::pipeline::{self, Input, InputOptions, JsonLines, PipelineOptions, items, open};
use shadegrid::{Error, Limits};

fn file(data: &[u8]) -> Option<Vec<u8>> {
    let (length, rest) = data.split_first_chunk::<2>()?;
    let (footer, pages) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)).min(rest.len()))?;
    let told = (footer.len() as u32).to_le_bytes();
    Some([b"PAR1", pages, footer, &told, b"PAR1"].concat())
}

fuzz_target!(|data: &[u8]| {
    let Some(content) = file(data) else { return };
    let mut file = tempfile::Builder::new().suffix(".parquet").tempfile().unwrap();
    file.write_all(&content).unwrap();
    let limits = Limits { max_file_bytes: 1 << 20, max_pixels: 1 << 16, max_decoder_bytes: 16 << 20, ..Limits::default() };
    let options = InputOptions { limits: limits.clone(), ..InputOptions::default() };
    let mut run = PipelineOptions { threads: 1.try_into().unwrap(), memory: 64 << 20, ..PipelineOptions::default() };
    run.hash.decode.limits = limits;
    let mut lines = JsonLines::new(Vec::new());
    let inputs = [Input::Named(file.path().into())];
    pipeline::run(open(items(inputs, &options), &options), &mut lines, &run).unwrap();
    let lines = String::from_utf8(lines.into_inner()).unwrap();
    assert!(!lines.contains("panicked"), "{lines}");
    match lists::read(file.path(), Some(ListFormat::Parquet), &mut |_, _| Ok(())) {
        Err(Error::Corrupt { .. } | Error::Input(_) | Error::Unsupported(_)) | Ok(()) => {}
        Err(error) => panic!("{error}"),
    }
});

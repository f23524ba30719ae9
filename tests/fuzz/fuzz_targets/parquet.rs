//! Parquet files, their footers above all: as pictures, as names and as lists, none makes a reader panic.
//!
//! The input is a footer and, behind its length in the first two bytes, the pages before it; the marks and the length are put around them here.
//!
//! From the repository's root: `cargo +nightly fuzz run --fuzz-dir tests/fuzz parquet CORPUS`.

#![no_main]

mod run;

use std::io::Write as _;

use libfuzzer_sys::fuzz_target;
use shadegrid::Error;
use shadegrid::gallery::lists::{self, ListFormat};

fn file(data: &[u8]) -> Option<Vec<u8>> {
    let (length, rest) = data.split_first_chunk::<2>()?;
    let (footer, pages) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)).min(rest.len()))?;
    let length = (footer.len() as u32).to_le_bytes();
    Some([b"PAR1", pages, footer, &length, b"PAR1"].concat())
}

fuzz_target!(|data: &[u8]| {
    let Some(content) = file(data) else { return };
    let mut file = tempfile::Builder::new().suffix(".parquet").tempfile().unwrap();
    file.write_all(&content).unwrap();
    run::check(file.path());
    match lists::read(file.path(), Some(ListFormat::Parquet), &mut |_, _| Ok(())) {
        Err(Error::Corrupt { .. } | Error::Input(_) | Error::Unsupported(_)) | Ok(()) => {}
        Err(error) => panic!("{error}"),
    }
});

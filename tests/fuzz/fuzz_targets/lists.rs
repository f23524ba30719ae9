//! Any bytes as a list, in a named format or a detected one: no panic, the same items no matter how few bytes come at a time, and never more
//! signatures than the bytes can spell.
//!
//! From the repository's root: `cargo +nightly fuzz run --fuzz-dir tests/fuzz lists CORPUS`.

#![no_main]

use std::io::Read;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use shadegrid::gallery::lists::{Item, ListFormat, ListPart, read_from};

/// Gives few bytes at a time, and never the same number.
struct Slow<'a>(&'a [u8], usize);

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.1 = self.1 % 7 + 1;
        let length = self.1.min(buffer.len()).min(self.0.len());
        buffer[..length].copy_from_slice(&self.0[..length]);
        self.0 = &self.0[length..];
        Ok(length)
    }
}

fn items(reader: impl Read + Send, format: Option<ListFormat>) -> (Vec<(ListPart, Item)>, Option<String>) {
    let mut items = Vec::new();
    let outcome = read_from(reader, Path::new("list"), format, &mut |part, item| {
        items.push((part.clone(), item));
        Ok(())
    });
    (items, outcome.err().map(|error| error.to_string()))
}

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, list)) = bytes.split_first() else { return };
    let format = ListFormat::ALL.get(usize::from(*choice) % (ListFormat::ALL.len() + 3)).copied();
    let (given, error) = items(list, format);
    assert_eq!((&given, &error), (&items(Slow(list, 0), format).0, &items(Slow(list, 3), format).1));
    let signatures = |item: &Item| match item {
        Item::Entry(entry) => usize::from(entry.photodna.is_some()) + usize::from(entry.pdq.is_some()),
        _ => 0,
    };
    let count: usize = given.iter().map(|(_, item)| signatures(item)).sum();
    // Parquet's and packed columns may repeat a value without its bytes.
    let repeats =
        given.iter().any(|(part, _)| part.format == ListFormat::Parquet) || list.starts_with(&[0x1f, 0x8b]);
    let packed =
        list.starts_with(b"PK") || list.starts_with(&[0x28, 0xb5]) || list.get(1..4) == Some(b"\x2a\x4d\x18");
    assert!(repeats || packed || count * 32 <= list.len(), "{count} signatures of {} bytes", list.len());
});

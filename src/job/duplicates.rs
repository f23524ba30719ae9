//! Keys that occur more than once among any number of keys, in bounded memory.
//!
//! Keys go into [`BINS`] temporary files by their hash, so that equal ones meet in one; each file is then looked at alone. A billion keys of
//! 60 bytes take some 70 GB of temporary space and 300 MB of memory.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::io::{self, BufReader, BufWriter, Read as _, Seek as _, Write as _};

use crate::error::{Error, Result};

/// Temporary files.
const BINS: usize = 256;

/// Collects keys.
pub(super) struct Duplicates {
    /// Made when their first key comes.
    bins: Vec<Option<BufWriter<File>>>,
}

fn hash(bytes: &[u8]) -> u64 {
    BuildHasherDefault::<DefaultHasher>::new().hash_one(bytes)
}

fn failed(error: io::Error) -> Error {
    Error::io("cannot use temporary files to compare keys; TMPDIR says where they go", error)
}

impl Duplicates {
    pub(super) fn new() -> Duplicates {
        Duplicates { bins: (0..BINS).map(|_| None).collect() }
    }

    pub(super) fn add(&mut self, key: &OsStr) -> Result<()> {
        let bytes = key.as_encoded_bytes();
        let bin = &mut self.bins[hash(bytes) as usize % BINS];
        let to = match bin {
            Some(to) => to,
            None => bin.insert(BufWriter::new(tempfile::tempfile().map_err(failed)?)),
        };
        let written = to.write_all(&(bytes.len() as u32).to_le_bytes()).and_then(|()| to.write_all(bytes));
        written.map_err(failed)
    }

    /// Tells every key that was added more than once, and how often.
    pub(super) fn report(self, tell: &mut dyn FnMut(String, u64)) -> Result<()> {
        self.bins.into_iter().flatten().try_for_each(|bin| report_bin(bin, tell).map_err(failed))
    }
}

/// First by hashes alone, then by the keys whose hashes occur twice.
fn report_bin(bin: BufWriter<File>, tell: &mut dyn FnMut(String, u64)) -> io::Result<()> {
    let mut file = bin.into_inner().map_err(io::IntoInnerError::into_error)?;
    let mut hashes = Vec::new();
    each_key(&mut file, |key| hashes.push(hash(key)))?;
    hashes.sort_unstable();
    let twice: Vec<u64> = hashes.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    if twice.is_empty() {
        return Ok(());
    }
    let mut counts: HashMap<Vec<u8>, u64> = HashMap::new();
    each_key(&mut file, |key| {
        if twice.binary_search(&hash(key)).is_ok() {
            *counts.entry(key.to_vec()).or_default() += 1;
        }
    })?;
    let mut counts: Vec<_> = counts.into_iter().filter(|(_, count)| *count > 1).collect();
    counts.sort();
    counts.into_iter().for_each(|(key, count)| tell(String::from_utf8_lossy(&key).into_owned(), count));
    Ok(())
}

fn each_key(file: &mut File, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    file.rewind()?;
    let mut from = BufReader::new(file);
    let (mut length, mut key) = ([0; 4], Vec::new());
    loop {
        match from.read_exact(&mut length) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            read => read?,
        }
        key.resize(u32::from_le_bytes(length) as usize, 0);
        from.read_exact(&mut key)?;
        take(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_that_occur_twice_are_told() {
        let mut keys = Duplicates::new();
        for number in (0..5_000).chain([17, 4_000, 17]) {
            keys.add(OsStr::new(&format!("folder/{number}"))).unwrap();
        }
        let mut told = Vec::new();
        keys.report(&mut |key, times| told.push((key, times))).unwrap();
        told.sort();
        assert_eq!(told, [("folder/17".to_string(), 3), ("folder/4000".to_string(), 2)]);
    }
}

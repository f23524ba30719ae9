//! Keys that occur more than once among any number of keys, in bounded memory.
//!
//! Keys go into [`BINS`] temporary files by their hash, so that equal ones meet in one; each file is then looked at alone. A billion keys of
//! 60 bytes take some 75 GB of temporary space and 300 MB of memory.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::io::{self, BufReader, BufWriter, Read as _, Seek as _, Write as _};

use crate::error::{Error, Result};

/// Temporary files.
const BINS: usize = 256;

/// Why a key is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::job) enum Origin {
    /// The plan names it, as often as it comes.
    Planned,
    /// It is a member of the archive that is this shard, and comes once there.
    Member(u64),
    /// For no reason that is known.
    Unplanned,
}

impl Origin {
    /// As one number; shards have those before.
    fn to_number(self) -> u64 {
        match self {
            Origin::Planned => u64::MAX,
            Origin::Unplanned => u64::MAX - 1,
            Origin::Member(shard) => shard,
        }
    }

    fn from_number(number: u64) -> Origin {
        match number {
            u64::MAX => Origin::Planned,
            number if number == u64::MAX - 1 => Origin::Unplanned,
            shard => Origin::Member(shard),
        }
    }
}

/// How often a key came.
struct Count {
    times: u64,
    last: Origin,
    /// Whether it came as often as it should.
    right: bool,
}

impl Count {
    fn new(origin: Origin) -> Count {
        Count { times: 1, last: origin, right: origin != Origin::Unplanned }
    }

    /// Keys of one shard come together.
    fn again(&mut self, origin: Origin) {
        let another = origin == Origin::Planned || origin != self.last;
        self.right &= another && origin != Origin::Unplanned;
        (self.times, self.last) = (self.times + 1, origin);
    }
}

/// Collects keys.
pub(in crate::job) struct Duplicates {
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
    pub(in crate::job) fn new() -> Duplicates {
        Duplicates { bins: (0..BINS).map(|_| None).collect() }
    }

    pub(in crate::job) fn add(&mut self, key: &OsStr, origin: Origin) -> Result<()> {
        let bytes = key.as_encoded_bytes();
        let bin = &mut self.bins[hash(bytes) as usize % BINS];
        let to = match bin {
            Some(to) => to,
            None => bin.insert(BufWriter::new(tempfile::tempfile().map_err(failed)?)),
        };
        let [length, origin] = [bytes.len() as u64, origin.to_number()].map(u64::to_le_bytes);
        let parts = [&length[..4], &origin[..], bytes];
        parts.into_iter().try_for_each(|part| to.write_all(part)).map_err(failed)
    }

    /// Reports every key that was added more often than it should be, and how often; returns how many were more than once, and should be.
    pub(in crate::job) fn report(self, found: &mut dyn FnMut(String, u64)) -> Result<u64> {
        let reports = self.bins.into_iter().flatten().map(|bin| report_bin(bin, found).map_err(failed));
        reports.sum()
    }
}

/// First by hashes alone, then by the keys whose hashes occur twice.
fn report_bin(bin: BufWriter<File>, found: &mut dyn FnMut(String, u64)) -> io::Result<u64> {
    let mut file = bin.into_inner().map_err(io::IntoInnerError::into_error)?;
    let mut hashes = Vec::new();
    each_key(&mut file, |key, _| hashes.push(hash(key)))?;
    hashes.sort_unstable();
    let twice: Vec<u64> = hashes.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    if twice.is_empty() {
        return Ok(0);
    }
    let mut counts: HashMap<Vec<u8>, Count> = HashMap::new();
    each_key(&mut file, |key, origin| {
        if twice.binary_search(&hash(key)).is_err() {
            return;
        }
        match counts.get_mut(key) {
            Some(count) => count.again(origin),
            None => drop(counts.insert(key.to_vec(), Count::new(origin))),
        }
    })?;
    counts.retain(|_, count| count.times > 1);
    let (right, mut wrong): (Vec<_>, Vec<_>) = counts.into_iter().partition(|(_, count)| count.right);
    wrong.sort_by(|(a, _), (b, _)| a.cmp(b));
    wrong.into_iter().for_each(|(key, count)| found(String::from_utf8_lossy(&key).into_owned(), count.times));
    Ok(right.len() as u64)
}

fn each_key(file: &mut File, mut take: impl FnMut(&[u8], Origin)) -> io::Result<()> {
    file.rewind()?;
    let mut from = BufReader::new(file);
    let (mut length, mut origin, mut key) = ([0; 4], [0; 8], Vec::new());
    loop {
        match from.read_exact(&mut length) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            read => read?,
        }
        key.resize(u32::from_le_bytes(length) as usize, 0);
        from.read_exact(&mut origin)?;
        from.read_exact(&mut key)?;
        take(&key, Origin::from_number(u64::from_le_bytes(origin)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keys that are reported, and how many are more than once and should be.
    fn reported<'a>(keys: impl IntoIterator<Item = (&'a str, Origin)>) -> (Vec<(String, u64)>, u64) {
        let (mut duplicates, mut reported) = (Duplicates::new(), Vec::new());
        keys.into_iter().for_each(|(key, origin)| duplicates.add(OsStr::new(key), origin).unwrap());
        let right = duplicates.report(&mut |key, times| reported.push((key, times))).unwrap();
        reported.sort();
        (reported, right)
    }

    #[test]
    fn only_keys_that_occur_twice_are_reported() {
        let keys: Vec<_> =
            (0..5_000).chain([17, 4_000, 17]).map(|number| format!("folder/{number}")).collect();
        let (repeated, right) = reported(keys.iter().map(|key| (&**key, Origin::Unplanned)));
        assert_eq!(repeated, [("folder/17".to_string(), 3), ("folder/4000".to_string(), 2)]);
        assert_eq!(right, 0);
    }

    #[test]
    fn what_is_planned_twice_may_come_twice() {
        let planned = [("a", Origin::Planned), ("a", Origin::Planned), ("b", Origin::Planned)];
        assert_eq!(reported(planned), (vec![], 1));
        let members = [1, 1, 2].map(Origin::Member);
        assert_eq!(reported([("m", members[0]), ("n", members[0]), ("m", members[2])]), (vec![], 1));
        assert_eq!(reported(members.map(|member| ("m", member))), (vec![("m".to_string(), 3)], 0));
        let one_is_not = [("a", Origin::Planned), ("a", Origin::Unplanned)];
        assert_eq!(reported(one_is_not), (vec![("a".to_string(), 2)], 0));
    }
}

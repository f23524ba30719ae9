//! Inputs that stand in records of earlier runs are skipped.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clap::Args;
use sha2::{Digest as _, Sha256};
use shadegrid::Error;
use shadegrid::pipeline::Source;

use super::output::Reads;
use super::records;

/// Options on what need not be hashed again.
#[derive(Debug, Args)]
pub(crate) struct SkipArguments {
    /// Skip inputs that are hashed in these records already, of any format; may be given several times
    ///
    /// An input is known by its key, and by its size where its record and the input say one; what failed is hashed again. What is skipped has no
    /// record and is counted. Keys must be given alike in both runs: photos/a.jpg and ./photos/a.jpg are different ones.
    #[arg(long, value_name = "RECORDS")]
    skip_known: Vec<PathBuf>,
}

/// What is known, and what was skipped.
#[derive(Debug, Clone, Default)]
pub(crate) struct Skipping(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// The size of what each key is of, where its record says it.
    known: HashMap<Key, Option<u64>>,
    skipped: Mutex<Skipped>,
}

/// What was skipped.
#[derive(Debug, Default)]
pub(crate) struct Skipped {
    /// How many inputs.
    pub(crate) inputs: u64,
    /// The arguments that they came from.
    pub(crate) arguments: HashSet<Arc<OsStr>>,
}

/// A key in 16 bytes, which no two keys share.
type Key = [u8; 16];

impl SkipArguments {
    /// What these arguments read.
    pub(crate) fn reads(&self, reads: Reads) -> Reads {
        reads.and(&self.skip_known)
    }

    /// Reads the records.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where they cannot be read, [`Error::Input`] where a file holds something else, [`Error::Corrupt`] where one breaks off: what is missing
    /// there may be what was hashed.
    pub(crate) fn read(&self) -> Result<Skipping, Error> {
        let mut known = HashMap::new();
        for path in &self.skip_known {
            for record in records::open(path)? {
                let record = record.map_err(|error| Error::Input(format!("{}: {error}", path.display())))?;
                if let Ok(picture) = &record.outcome {
                    known.insert(key(&record.key), picture.bytes);
                }
            }
        }
        Ok(Skipping(Arc::new(Inner { known, skipped: Mutex::default() })))
    }
}

impl Skipping {
    /// The sources that are not known.
    pub(crate) fn sources<S: Iterator<Item = Source>>(
        &self,
        sources: S,
    ) -> impl Iterator<Item = Source> + use<S> {
        let skipping = self.clone();
        sources.filter(move |source| !skipping.skips(source))
    }

    fn skips(&self, source: &Source) -> bool {
        let Some(size) = self.0.known.get(&key(source.key())) else { return false };
        let is_other = |size: u64| source.length().is_some_and(|length| length != size);
        if size.is_some_and(is_other) {
            return false;
        }
        let mut skipped = self.skipped();
        skipped.inputs += 1;
        if let Some(argument) = source.argument().filter(|argument| !skipped.arguments.contains(*argument)) {
            skipped.arguments.insert(argument.clone());
        }
        true
    }

    /// What was skipped so far.
    pub(crate) fn skipped(&self) -> MutexGuard<'_, Skipped> {
        self.0.skipped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(of: &OsStr) -> Key {
    let digest: [u8; 32] = Sha256::digest(of.as_encoded_bytes()).into();
    let mut key = Key::default();
    key.copy_from_slice(&digest[..16]);
    key
}

//! Inputs that stand in records of earlier runs are skipped.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clap::Args;
use sha2::{Digest as _, Sha256};
use shadegrid::pipeline::{RecordPicture, Source};
use shadegrid::{Algorithm, Error};

use super::listed::Listed;
use super::output::Reads;
use super::page::without_query;
use super::{places, records};

/// Options on what need not be hashed again.
#[derive(Debug, Args)]
pub(crate) struct SkipArguments {
    /// Skip inputs that are hashed in these records already, of any format, here or at a URL; may be given several times
    ///
    /// An input is known by its key, and by its size where its record and the input say one. The last record of a key counts: what failed there, or lacks a
    /// signature that is asked for now, is hashed again. What is skipped has no record and is counted. Keys must be given alike in both
    /// runs: photos/a.jpg and ./photos/a.jpg are different ones. Not with --frames all or N, since records do not say which frames were asked for.
    #[arg(long, value_name = "RECORDS", value_parser = places::path_parser())]
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

    /// Checks that records can say what is known, where only first frames are asked for or further ones too.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where they cannot.
    pub(crate) fn check(&self, only_first_frames: bool) -> Result<(), Error> {
        match self.skip_known.is_empty() || only_first_frames {
            true => Ok(()),
            false => Err(Error::Input(
                "records do not say which frames were asked for, so that --skip-known goes with --frames first alone; \
                 --cache knows frames"
                    .to_string(),
            )),
        }
    }

    /// Reads the records. Known is what they hold all these signatures of.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where they cannot be read, [`Error::Input`] where a file holds something else, [`Error::Corrupt`] where one breaks off: what is missing
    /// there may be what was hashed.
    pub(crate) fn read(&self, algorithms: &[Algorithm]) -> Result<Skipping, Error> {
        let mut known = HashMap::new();
        for place in &self.skip_known {
            let (list, name) = (Listed::fetch(place)?, place.to_string_lossy());
            let name = without_query(&name);
            for record in records::open(list.path(), name)? {
                let record = record.map_err(|error| Error::Input(format!("{name}: {error}")))?;
                match &record.outcome {
                    Ok(picture) if has_all(picture, algorithms) => {
                        known.insert(key(&record.key), picture.bytes);
                    }
                    // A later record of the same input stands for how it is now.
                    _ => drop(known.remove(&key(&record.key))),
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

/// Whether a picture has signatures, and every one that is asked for.
fn has_all(picture: &RecordPicture, algorithms: &[Algorithm]) -> bool {
    let has = |algorithm: &Algorithm| match algorithm {
        Algorithm::PhotoDna => picture.photodna.is_some(),
        Algorithm::Pdq => picture.pdq.is_some(),
        Algorithm::Pdq512 => picture.pdq512.is_some(),
    };
    !algorithms.is_empty() && algorithms.iter().all(has)
}

fn key(of: &OsStr) -> Key {
    let digest: [u8; 32] = Sha256::digest(of.as_encoded_bytes()).into();
    let mut key = Key::default();
    key.copy_from_slice(&digest[..16]);
    key
}

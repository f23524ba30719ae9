//! What is planned already, held against another listing of the inputs.

use std::ffi::OsStr;

use sha2::{Digest as _, Sha256};

use super::Plan;
use crate::error::Result;
use crate::job::state::location::Location;
use crate::pipeline::Item;
use crate::pipeline::concurrent::each;

/// Inputs that are planned, each as often as it is; 24 bytes for each.
pub(super) struct Known(Vec<KnownInput>);

/// A key's hash, and that of the version that was planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct KnownInput {
    key: (u64, u64),
    version: u64,
}

/// In place of a version's hash: that it is not known, and that its item has been met.
const UNKNOWN: u64 = 0;
const MET: u64 = 1;

/// 128 bits distinguish more keys than there are. Of one key there are few versions.
fn hash(bytes: &[u8]) -> (u64, u64) {
    let hash = Sha256::digest(bytes);
    let half = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| hash[at + byte]));
    (half(0), half(8))
}

fn key_of(location: &OsStr) -> (u64, u64) {
    hash(location.as_encoded_bytes())
}

fn version_of(item: &Item) -> u64 {
    item.version.as_ref().map_or(UNKNOWN, |version| hash(version.as_bytes()).0.max(MET + 1))
}

impl Known {
    /// All items of a plan.
    pub(super) fn of(plan: &Plan, location: &dyn Location) -> Result<Known> {
        let entry = |item: &Item| KnownInput { key: key_of(&item.location), version: version_of(item) };
        let of_shard =
            |shard| plan.items(location, shard).map(|items| items.iter().map(entry).collect::<Vec<_>>());
        let mut known = Vec::new();
        for entries in each(0..plan.shards.len() as u64, of_shard) {
            known.extend(entries?);
        }
        known.sort_unstable();
        Ok(Known(known))
    }

    /// Whether the item is not planned in this version, or not as often as it was met; where one of the versions is not known, the key decides.
    pub(super) fn lacks(&mut self, item: &Item) -> bool {
        let (key, version) = (key_of(&item.location), version_of(item));
        let begin = self.0.partition_point(|entry| entry.key < key);
        let mut same = self.0[begin..].iter_mut().take_while(|entry| entry.key == key);
        let is_it = |known: u64| known != MET && (known == version || known == UNKNOWN || version == UNKNOWN);
        match same.find(|entry| is_it(entry.version)) {
            Some(entry) => {
                entry.version = MET;
                false
            }
            None => true,
        }
    }
}

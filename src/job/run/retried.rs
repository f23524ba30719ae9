//! What hashing failed records again comes to.

use std::collections::BTreeMap;

/// What a retry came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retried {
    /// Records that were hashed again.
    pub records: u64,
    /// Those that failed again, by error code.
    pub failed: BTreeMap<String, u64>,
    /// Shards that another worker has in hand.
    pub passed_over: u64,
    /// Shards with failed records whose files are gone, or whose checksum is not the one in the ledger; [`Again::Lost`](crate::job::Again::Lost) repairs them.
    pub lost: u64,
    /// Files that stay as they are, because what was read again lacks records that were hashed before.
    pub kept: u64,
    /// Where the inputs were not listed to their end and nobody listed them: the retry resumed the listing and hashed what it found.
    pub further: Option<Further>,
}

/// Records that a job came to hold in addition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Further {
    /// All of them.
    pub records: u64,
    /// Failed ones.
    pub failed: u64,
}

impl Retried {
    pub(in crate::job) fn add(&mut self, records: u64, failed: &BTreeMap<String, u64>) {
        self.records += records;
        for (code, count) in failed {
            *self.failed.entry(code.clone()).or_default() += count;
        }
    }

    /// Whether every record that was to be hashed again is hashed now, but for those in other workers' hands.
    pub fn is_success(&self) -> bool {
        let further = self.further.unwrap_or_default();
        self.failed.is_empty() && self.lost == 0 && self.kept == 0 && further.failed == 0
    }
}

//! What hashing failed records again comes to.

use std::collections::BTreeMap;

use crate::job::state::tally::Tally;

/// What a retry came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retried {
    /// Records that were hashed again.
    pub records: u64,
    /// Those that failed again, by error code.
    pub failed: BTreeMap<String, u64>,
    /// Those that are no pictures and were not asked for.
    pub skipped: u64,
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
    /// Those that are no pictures and were not asked for.
    pub skipped: u64,
}

impl Retried {
    /// Adds what a file came to that was made anew.
    pub(in crate::job) fn add(&mut self, tally: &Tally) {
        self.records += tally.records;
        self.skipped += tally.skipped;
        for (code, count) in &tally.failed {
            *self.failed.entry(code.clone()).or_default() += count;
        }
    }

    /// Adds a record that failed again.
    pub(in crate::job) fn add_failed(&mut self, code: String) {
        self.records += 1;
        *self.failed.entry(code).or_default() += 1;
    }

    /// Whether every record that was to be hashed again is hashed now, but for those in other workers' hands.
    pub fn is_success(&self) -> bool {
        let further = self.further.unwrap_or_default();
        self.failed.is_empty() && self.lost == 0 && self.kept == 0 && further.failed == 0
    }
}

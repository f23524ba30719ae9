//! Archives of any size: planned into shards, hashed by any number of workers, every input accounted for.
//!
//! ```text
//! inputs ──list──▶ plan ──claim──▶ shard ──pipeline──▶ draft ──▶ records/SHARD ──▶ ledger
//! ```
//!
//! Everything that workers know of each other lies in one [`Location`]: `job.json` (the [`Settings`]), `plan/`, `claims/` and `workers/` (who
//! is at what), `ledger/` (what is done), `drafts/` (what is being written) and `records/`, one file a shard. A file of records is a pure
//! function of its shard's items and the settings, appears whole or not at all, and counts when the ledger says so. A process may be
//! killed at any instant; the next one resumes.

mod commands;
mod run;
mod state;
#[cfg(test)]
mod tests;

pub use commands::merge::merge;
pub use commands::overview::Share;
pub use commands::report::{Report, TimeSlice, report};
pub use commands::retry::{Again, limits_so_far, retry};
pub use commands::status::{Status, WorkerStatus, status};
pub use commands::verify::{Verdict, verify};
pub use commands::work::{Worked, work};
pub use run::matching::Matching;
pub use run::metrics::Metrics;
pub use run::options::{Split, WorkOptions};
pub use run::progress::{Event, FAILURES, Progress, Snapshot};
pub use run::retried::{Further, Retried};
pub use run::worker::Finish;
pub use state::census::{Census, SIZE_CLASSES};
pub use state::ledger::{Making, ShardEntry, State};
#[cfg(feature = "store")]
pub use state::location::Store;
pub use state::location::{Folder, Listed, Location, NOBODY, Publish, at, at_with};
pub use state::plan::ListingTime;
pub use state::settings::{RECORDS, Settings};

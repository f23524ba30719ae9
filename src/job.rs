//! Archives of any size: planned into shards, hashed by any number of workers, every input accounted for.
//!
//! ```text
//! inputs ──list──▶ plan ──claim──▶ shard ──pipeline──▶ draft ──▶ records/SHARD ──▶ ledger
//! ```
//!
//! Everything that workers know of each other lies in one [`Location`]: `job.json` (the [`Settings`]), `plan/`, `claims/` and `workers/` (who
//! is at what), `ledger/` (what is done), `drafts/` (what is being written) and `records/`, one file a shard. A file of records is a pure
//! function of its shard's items and the settings, appears whole or not at all, and counts when the ledger says so. A process may be
//! killed at any instant; whoever is started next goes on.

mod alone;
mod census;
mod checksummed;
mod claim;
mod concurrent;
mod digest;
mod duplicates;
mod identity;
mod ledger;
mod location;
mod matching;
mod merge;
mod metrics;
mod plan;
mod progress;
mod record_sink;
mod records;
mod repair;
mod repaired;
mod report;
mod retried;
mod retry;
mod scheduler;
mod settings;
mod shard_file;
mod shard_sources;
mod shard_writer;
mod status;
mod suspects;
mod tally;
mod text;
mod verify;
mod worker;

pub use census::{Census, SIZE_CLASSES};
pub use ledger::{Entry, Making, State};
#[cfg(feature = "store")]
pub use location::Store;
pub use location::{Folder, Listed, Location, NOBODY, Publish, at};
pub use matching::Matching;
pub use merge::merge;
pub use metrics::Metrics;
pub use plan::ListingTime;
pub use progress::{Event, Progress, Snapshot};
pub use report::{Part, Report, Share, report};
pub use retried::{Again, Further, Retried};
pub use retry::{limits_so_far, retry};
pub use scheduler::Split;
pub use settings::Settings;
pub use status::{Status, status};
pub use verify::{Verdict, verify};
pub use worker::{Finish, WorkOptions, Worked, work};

//! One worker: takes shards, hashes what is in them and makes their files, until nothing is left to do.

pub(in crate::job) mod alone;
pub(in crate::job) mod heartbeat;
pub(in crate::job) mod matching;
pub(in crate::job) mod metrics;
pub(in crate::job) mod options;
pub(in crate::job) mod progress;
pub(in crate::job) mod record_sink;
pub(in crate::job) mod repair;
pub(in crate::job) mod repaired_file;
pub(in crate::job) mod retried;
pub(in crate::job) mod round;
pub(in crate::job) mod scheduler;
pub(in crate::job) mod shard_sources;
pub(in crate::job) mod shard_writer;
pub(in crate::job) mod worker;

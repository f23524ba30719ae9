//! What a job has written down, and how it is read back: settings, plan, claims, ledger and files of records, in one [`Location`](location::Location).

pub(in crate::job) mod census;
pub(in crate::job) mod checksummed;
pub(in crate::job) mod claim;
pub(in crate::job) mod digest;
pub(in crate::job) mod identity;
pub(in crate::job) mod ledger;
pub(in crate::job) mod location;
pub(in crate::job) mod plan;
pub(in crate::job) mod records;
pub(in crate::job) mod settings;
pub(in crate::job) mod suspects;
pub(in crate::job) mod tally;
pub(in crate::job) mod text;

//! What may be done with a job: work at it, look at it, check it, repair it, put its records together.

mod duplicates;
pub(in crate::job) mod examples;
pub(in crate::job) mod merge;
pub(in crate::job) mod overview;
pub(in crate::job) mod report;
pub(in crate::job) mod retry;
pub(in crate::job) mod status;
pub(in crate::job) mod verify;
pub(in crate::job) mod work;

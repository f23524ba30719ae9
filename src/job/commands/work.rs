//! Works at a job, together with whoever else does.

use std::sync::Arc;

use super::overview::Overview;
use super::report::Report;
use super::status::Status;
use crate::error::Result;
use crate::job::run::heartbeat::beating;
use crate::job::run::options::WorkOptions;
use crate::job::run::worker::{self, Finish};
use crate::job::state::claim::Claims;
use crate::job::state::identity::Identity;
use crate::job::state::location::Location;
use crate::job::state::settings::Settings;
use crate::pipeline::concurrent::both;

/// What a worker leaves behind.
#[derive(Debug)]
pub struct Worked {
    /// How its part came to its end.
    pub finish: Finish,
    /// Failed records of its fixed part, or of the whole job, by all workers.
    pub failed: u64,
    /// What the job had come to by then, by all workers.
    pub report: Report,
}

/// Works at the job in `location` until nothing is left to do. Many may, at the same time.
///
/// # Errors
///
/// [`Error::Input`](crate::Error::Input) where the job was started with other settings; [`Error::Io`](crate::Error::Io) where the location cannot be read or written.
/// Nothing is lost: running the same again resumes the job.
pub fn work(location: Arc<dyn Location>, settings: &Settings, options: &WorkOptions) -> Result<Worked> {
    let (held, claims) = both(
        || settings.hold(&*location),
        || Claims::new(location.clone(), Identity::new(), options.expiry()),
    );
    let claims = Arc::new(claims?);
    let worked = held.and_then(|()| {
        let work = || worker::take_part(location.clone(), claims.clone(), settings, options);
        let (finish, job) = beating(&claims, &options.progress, work)?;
        let mut failed = 0;
        let overview = Overview::of(job.ledger(), job.plan(), &*location, |entry| {
            if job.is_ours(entry.shard) {
                failed += entry.failed.values().sum::<u64>();
            }
        })?;
        let status = Status::new(job.plan(), job.ledger(), &overview, 0);
        let report = Report::new(settings.clone(), &status, overview);
        Ok(Worked { finish, failed, report })
    });
    let complete = worked.as_ref().is_ok_and(|worked| worked.report.complete);
    let clear = || if complete { claims.clear() } else { Ok(()) };
    let (cleared, left) = both(clear, || claims.leave());
    let worked = worked?;
    cleared.and(left).map(|()| worked)
}

//! How far a job is, on standard error: a bar while it runs, a summary at its end.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::HumanCount;
use shadegrid::job::{Event, FAILURES, Finish, Progress, Snapshot};

use super::bar::{self, Bar, fitted};
use super::tally::{matched_in_words, skipped_in_words};
use super::{clock, console};

/// Megabytes are millions.
const MILLION: f64 = 1e6;

/// A bar that shows a job's progress until it is dropped.
pub(crate) struct Watch(Bar);

impl Watch {
    /// Shows `progress`, if standard error is a terminal, and says when a job is resumed, perhaps one that `extends` its plan.
    pub(crate) fn new(progress: Arc<Progress>, extends: bool) -> Watch {
        let watched = progress.clone();
        let seen = Arc::new(Mutex::new(Seen { records: 0, since: Instant::now() }));
        let bar = Bar::new(move |columns| {
            let now = progress.snapshot();
            let waited = seen.lock().unwrap_or_else(PoisonError::into_inner).waited(now.records);
            line(&now, waited, columns)
        });
        let above = bar.handle();
        watched.listen(move |event| {
            let line = match event {
                Event::Resumed { listed, from } => resumed(*listed, *from, extends),
                // All of them are events but one, which says that there are more.
                Event::InputFailed { number, .. } if *number == FAILURES => {
                    "shadegrid: further errors are in the records alone".to_string()
                }
                Event::InputFailed { key, code, message, .. } => failed(key, code, message),
                _ => return,
            };
            above.suspend(|| console::say(line));
        });
        Watch(bar)
    }
}

/// The bar goes when the run ends, in whatever way.
impl Drop for Watch {
    fn drop(&mut self) {
        self.0.clear();
    }
}

/// A failed input, with its code once.
fn failed(key: &str, code: &str, message: &str) -> String {
    let (key, message) = (console::printable(key), console::printable(message));
    let message = message.strip_prefix(code).map_or(&*message, |rest| rest.trim_start_matches([':', ' ']));
    format!("shadegrid: {key}: {code}: {message}")
}

/// From when the list of inputs of a resumed job is.
fn resumed(listed: bool, from: Option<u64>, extends: bool) -> String {
    let when = from.map_or_else(|| "at a time that is not known".to_string(), clock::on);
    match (listed, extends) {
        (true, false) => format!(
            "resuming a job; its inputs were listed {when}, and --extend lists them again and hashes what is new"
        ),
        (true, true) => {
            format!("resuming a job; its inputs were listed {when}, and are listed again now")
        }
        (false, _) => format!("resuming a job; the listing of its inputs began {when}"),
    }
}

/// How many records were seen last, and since when there were no more.
struct Seen {
    records: u64,
    since: Instant,
}

impl Seen {
    fn waited(&mut self, records: u64) -> Duration {
        if records != self.records {
            *self = Seen { records, since: Instant::now() };
        }
        self.since.elapsed()
    }
}

/// How long nothing comes before the line says so.
const PATIENCE: Duration = Duration::from_secs(2);

fn line(now: &Snapshot, waited: Duration, columns: usize) -> String {
    let seconds = now.elapsed.as_secs_f64().max(1e-3);
    let failed = now.failures();
    let (rate, megabytes) = (now.hashed() as f64 / seconds, now.bytes as f64 / MILLION / seconds);
    let shards = match (now.planned, now.job_shards) {
        (false, 0) => "listing the inputs".to_string(),
        (planned, shards) => {
            format!("{} of {shards}{} shards", now.job_done, if planned { "" } else { "+" })
        }
    };
    let waiting = match (waited < PATIENCE, now.records, now.planned) {
        (true, ..) => String::new(),
        (_, 0, false) => bar::waiting("the list of inputs", waited, columns),
        _ => bar::waiting("the next picture", waited, columns),
    };
    let left = now.job_shards.saturating_sub(now.job_done);
    let is_known = now.planned && now.shards > 0;
    let left = is_known.then(|| Duration::from_secs_f64(seconds / now.shards as f64 * left as f64));
    let parts = [
        (1, shards),
        (0, format!("{} pictures", HumanCount(now.records - now.skipped))),
        (2, waiting),
        (4, format!("{rate:.0} pictures/s")),
        (7, format!("{megabytes:.0} MB/s")),
        (3, if failed > 0 { format!("{} failed", HumanCount(failed)) } else { String::new() }),
        (7, if now.skipped > 0 { format!("{} skipped", HumanCount(now.skipped)) } else { String::new() }),
        (6, bar::clock(now.elapsed)),
        (5, left.map(|left| format!("{} left", bar::clock(left))).unwrap_or_default()),
    ];
    fitted(parts, columns)
}

/// The line at a worker's end.
pub(crate) fn summary(now: &Snapshot, finish: Finish) -> String {
    let seconds = now.elapsed.as_secs_f64().max(1e-9);
    let mut line = format!("{} of {} hashed", now.hashed(), now.records - now.skipped);
    if now.failures() > 0 {
        let _ = write!(line, ", {} failed ({})", now.failures(), codes(&now.failed));
    }
    line += &skipped_in_words(now.skipped);
    line += &matched_in_words(now.matched);
    let _ = write!(
        line,
        " in {} by this worker in {seconds:.2} s: {:.1} pictures/s, {:.1} MB/s",
        console::counted(now.shards, "shard", "shards"),
        now.hashed() as f64 / seconds,
        now.bytes as f64 / MILLION / seconds,
    );
    match finish {
        Finish::Complete => line.push_str("; nothing is left to do"),
        Finish::Stopped => line.push_str("; asked to end; start it again to resume"),
    }
    line
}

/// `io 3, corrupt 1`.
pub(crate) fn codes(failed: &BTreeMap<impl Display, u64>) -> String {
    let codes: Vec<String> = failed.iter().map(|(code, count)| format!("{code} {count}")).collect();
    console::printable(&codes.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_fits_every_terminal() {
        let mut now = Snapshot::default();
        let begun = "listing the inputs, 0 pictures, 0 pictures/s, 0 MB/s, 0 s";
        assert_eq!(line(&now, Duration::ZERO, 77), begun);
        let waiting = line(&now, Duration::from_secs(5), 90);
        assert!(waiting.contains("0 pictures, waiting 5 s for the list of inputs"), "{waiting}");
        for columns in 12..=200 {
            let line = line(&now, Duration::from_secs(75), columns);
            assert!(line.chars().count() <= columns && line.contains("0 pictures"), "{columns}: {line}");
        }
        (now.planned, now.job_shards, now.job_done, now.shards) = (true, 6, 2, 2);
        (now.elapsed, now.matched) = (Duration::from_secs(90), Some(3));
        assert!(line(&now, Duration::ZERO, 100).ends_with("1:30, 3:00 left"));
        assert!(
            summary(&now, Finish::Complete)
                .contains(" hashed, 3 matched in 2 shards by this worker in 90.00 s")
        );
    }
}

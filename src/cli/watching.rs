//! How far a job is, on standard error: a bar while it runs, a summary at its end.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::sync::Arc;
use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use shadegrid::job::{Event, Finish, Progress, Snapshot};

use super::{clock, console};

/// Megabytes are millions.
const MILLION: f64 = 1e6;

/// A bar that shows a job's progress until it is dropped.
pub(crate) struct Watch(ProgressBar);

impl Watch {
    /// Shows `progress`, if standard error is a terminal, and says when a job is resumed, perhaps one that `extends` its plan.
    pub(crate) fn new(progress: Arc<Progress>, extends: bool) -> Watch {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(4));
        let (above, watched) = (bar.clone(), progress.clone());
        let show = move |_: &indicatif::ProgressState, to: &mut dyn std::fmt::Write| {
            let _ = to.write_str(&line(&progress.snapshot()));
        };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed_precise} {job}") {
            bar.set_style(style.with_key("job", show));
        }
        if !bar.is_hidden() {
            bar.enable_steady_tick(Duration::from_millis(250));
        }
        watched.listen(move |event| {
            if let Event::Resumed { listed, from } = event {
                above.suspend(|| console::say(resumed(*listed, *from, extends)));
            }
        });
        Watch(bar)
    }
}

/// The bar goes when the run ends, in whatever way.
impl Drop for Watch {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
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

fn line(now: &Snapshot) -> String {
    let seconds = now.elapsed.as_secs_f64().max(1e-3);
    let failed: u64 = now.failed.values().sum();
    let (rate, megabytes) = ((now.records - failed) as f64 / seconds, now.bytes as f64 / MILLION / seconds);
    let more = if now.planned { "" } else { "+" };
    let mut line = format!("{}/{}{more} shards", now.job_done, now.job_shards);
    let _ = write!(line, ", {} pictures, {rate:.0}/s, {megabytes:.0} MB/s, {failed} errors", now.records);
    let left = now.job_shards.saturating_sub(now.job_done);
    if now.planned && now.shards > 0 {
        let left = Duration::from_secs_f64(seconds / now.shards as f64 * left as f64);
        let _ = write!(line, ", {} left", HumanDuration(left));
    }
    line
}

/// The line at a worker's end.
pub(crate) fn summary(now: &Snapshot, finish: Finish) -> String {
    let seconds = now.elapsed.as_secs_f64().max(1e-9);
    let failed: u64 = now.failed.values().sum();
    let mut line = format!("{} of {} hashed", now.records - failed, now.records);
    if failed > 0 {
        let _ = write!(line, ", {failed} failed ({})", codes(&now.failed));
    }
    let _ = write!(
        line,
        " in {} by this worker in {seconds:.2} s: {:.1} pictures/s, {:.1} MB/s",
        console::counted(now.shards, "shard", "shards"),
        (now.records - failed) as f64 / seconds,
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
    codes.join(", ")
}

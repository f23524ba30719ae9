//! How far a run is, on standard error: a line and the first errors while it runs, a summary at its end.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, HumanDuration};
use shadegrid::pipeline::{Count, Ended, Input, Record, Sink, Summary};
use shadegrid::{Devices, Error};

use super::bar::{Bar, clock, filled, fitted, waiting};
use super::console;
use super::skipping::Skipped;
use super::tally::{Outcome, Tally};
use super::verbosity::Verbosity;

/// Megabytes and megapixels are millions.
const MILLION: f64 = 1e6;

/// Errors that are shown one by one.
const FIRST: u64 = 3;

/// How long nothing comes before the line says so.
const PATIENCE: Duration = Duration::from_secs(2);

/// Columns of the picture of what is done, at most and at least.
const FILLED: (usize, usize) = (30, 8);

/// A sink that shows and counts what goes through it.
pub(crate) struct Shown<'a> {
    sink: &'a mut dyn Sink,
    bar: Bar,
    now: Arc<Mutex<Now>>,
    verbosity: Verbosity,
    tally: Tally,
}

impl<'a> Shown<'a> {
    /// Shows what goes to `sink` on standard error, unless that is to be quiet: the first errors, and where it is to be drawn a line, with the
    /// time left once `count` is done.
    pub(crate) fn new(
        sink: &'a mut dyn Sink,
        inputs: &[Input],
        (is_drawn, count): (bool, Option<Count>),
        verbosity: Verbosity,
        tally: Tally,
    ) -> Shown<'a> {
        let now = Arc::new(Mutex::new(Now::new(inputs, count)));
        let shown = now.clone();
        let bar = if is_drawn {
            Bar::new(move |columns| shown.lock().unwrap_or_else(PoisonError::into_inner).line(columns))
        } else {
            Bar::hidden()
        };
        Shown { sink, bar, now, verbosity, tally }
    }

    /// Takes the line away, and gives what was counted. Where the run came to its end, says under which arguments no picture was found; `hint` says what
    /// may be the reason.
    pub(crate) fn end(self, summary: &Summary, inputs: &[Input], hint: &str) -> Tally {
        self.end_with(summary, &Skipped::default(), inputs, hint)
    }

    /// The same where some inputs were skipped, because they were hashed before.
    pub(crate) fn end_with(
        mut self,
        summary: &Summary,
        skipped: &Skipped,
        inputs: &[Input],
        hint: &str,
    ) -> Tally {
        self.bar.clear();
        let mut tally = std::mem::take(&mut self.tally);
        tally.know(skipped);
        if summary.ended == Ended::Complete {
            let fruitless = tally.fruitless(inputs);
            for argument in fruitless.iter().filter(|_| !self.verbosity.quiet) {
                let argument = console::printable(&argument.to_string_lossy());
                console::say(format_args!("shadegrid: {argument}: no picture was found{hint}"));
            }
            tally.fruitless_arguments = fruitless.len();
        }
        tally
    }

    /// Shows the first errors, and says once that there are more.
    fn show_error(&self, record: &Record) {
        match self.tally.failed() {
            ..=FIRST => self.say_of(record, ""),
            failed if failed == FIRST + 1 => {
                self.bar.suspend(|| console::say("shadegrid: further errors are in the records alone"));
            }
            _ => {}
        }
    }

    fn say_of(&self, record: &Record, what: &str) {
        let Err(error) = &record.outcome else { return };
        let key = console::printable(&record.key.to_string_lossy());
        let why = console::printable(&console::with_code(error));
        self.bar.suspend(|| console::say(format_args!("shadegrid: {key}: {what}{why}")));
    }
}

impl Sink for Shown<'_> {
    fn write(&mut self, record: &Record) -> Result<(), Error> {
        self.sink.write(record)?;
        let outcome = self.tally.add(record);
        match outcome {
            _ if self.verbosity.quiet => return Ok(()),
            Outcome::Hashed => {}
            Outcome::Failed => self.show_error(record),
            Outcome::Skipped if self.verbosity.verbose => self.say_of(record, "skipped: "),
            Outcome::Skipped => {}
        }
        self.now.lock().unwrap_or_else(PoisonError::into_inner).add(record, &self.tally);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.sink.flush()
    }

    /// The line goes before the sink prints its last, which may be on the same terminal.
    fn finish(&mut self) -> Result<(), Error> {
        self.bar.clear();
        self.sink.finish()
    }
}

/// The line goes when the run ends, in whatever way.
impl Drop for Shown<'_> {
    fn drop(&mut self) {
        self.bar.clear();
    }
}

/// What the line shows.
struct Now {
    /// What the first picture is waited for from.
    waits_for: &'static str,
    count: Option<Count>,
    total: Option<u64>,
    records: u64,
    hashed: u64,
    /// Of these, those that were known already.
    known: u64,
    failed: u64,
    skipped: u64,
    bytes: u64,
    /// When the first input was begun: a list or a pipe may be silent before.
    first: Option<Instant>,
    last: Instant,
}

impl Now {
    fn new(inputs: &[Input], count: Option<Count>) -> Now {
        let is_piped =
            inputs.iter().any(|input| matches!(input, Input::Named(name) | Input::List(name) if name == "-"));
        Now {
            waits_for: if is_piped { "standard input" } else { "the first picture" },
            count,
            total: None,
            records: 0,
            hashed: 0,
            known: 0,
            failed: 0,
            skipped: 0,
            bytes: 0,
            first: None,
            last: Instant::now(),
        }
    }

    fn add(&mut self, record: &Record, tally: &Tally) {
        let spent = record.times.read + record.times.hash;
        self.last = Instant::now();
        self.first.get_or_insert(self.last.checked_sub(spent).unwrap_or(self.last));
        self.records += u64::from(record.frame == 0);
        (self.hashed, self.failed, self.skipped) = (tally.so_far().hashed(), tally.failed(), tally.skipped());
        self.known = tally.so_far().known;
        self.bytes = tally.so_far().hashed_bytes;
    }

    fn line(&mut self, columns: usize) -> String {
        if let Some(total) = self.count.as_ref().and_then(Count::total) {
            (self.count, self.total) = (None, Some(total));
        }
        let elapsed = self.first.map_or(Duration::ZERO, |first| first.elapsed());
        let seconds = elapsed.as_secs_f64().max(1e-3);
        let done = HumanCount(self.records);
        let pictures = match self.total {
            Some(total) => format!("{done} of {}", HumanCount(total)),
            None => format!("{done} pictures"),
        };
        let some = |number: u64, what: &str| match number {
            0 => String::new(),
            number => format!("{} {what}", HumanCount(number)),
        };
        let left = self.total.filter(|_| self.records > 0).map(|total| {
            let left = total.saturating_sub(self.records) as f64 / self.records as f64;
            format!("{} left", clock(Duration::from_secs_f64(seconds * left)))
        });
        let rates =
            (self.hashed.saturating_sub(self.known) as f64 / seconds, self.bytes as f64 / MILLION / seconds);
        let is_begun = self.first.is_some();
        let begun = |text: String| if is_begun { text } else { String::new() };
        let parts = [
            (0, pictures),
            (1, self.waiting(columns)),
            (3, begun(format!("{:.0} pictures/s", rates.0))),
            (6, begun(format!("{:.0} MB/s", rates.1))),
            (2, some(self.failed, "failed")),
            (7, some(self.skipped, "skipped")),
            (8, some(self.known, "from the cache")),
            (5, begun(clock(elapsed))),
            (4, left.unwrap_or_default()),
        ];
        let text = fitted(parts, columns);
        let room = columns.saturating_sub(text.chars().count() + 1).min(FILLED.0);
        match self.total.filter(|_| room >= FILLED.1) {
            Some(total) => format!("{} {text}", filled(self.records, total, room)),
            None => text,
        }
    }

    /// What is waited for, where nothing has come for a while.
    fn waiting(&self, columns: usize) -> String {
        let waited = self.last.elapsed();
        let what = if self.first.is_some() { "the next picture" } else { self.waits_for };
        if waited < PATIENCE { String::new() } else { waiting(what, waited, columns) }
    }
}

/// The line at the end of a run.
pub(crate) fn summary_line(summary: &Summary, tally: &Tally) -> String {
    let seconds = summary.elapsed.as_secs_f64().max(1e-9);
    let took =
        if seconds < 60.0 { format!("{seconds:.2} s") } else { HumanDuration(summary.elapsed).to_string() };
    let mut line = tally.in_words();
    let _ = write!(line, " in {took}");
    let hashed = summary.hashed().saturating_sub(summary.known);
    if hashed > 0 {
        let _ = write!(
            line,
            ": {:.1} pictures/s, {:.1} MB/s, {:.1} megapixels/s",
            hashed as f64 / seconds,
            summary.hashed_bytes as f64 / MILLION / seconds,
            summary.pixels as f64 / MILLION / seconds
        );
    }
    line
}

/// The line that says what computed, and why; also without `-v` where a device failed.
pub(crate) fn backend_line(summary: &Summary, devices: &Devices, is_verbose: bool) -> Option<String> {
    if !is_verbose && summary.fallbacks == 0 {
        return None;
    }
    let names = devices.names().join(" and ");
    let mut line = if names.is_empty() { "on the CPU".to_string() } else { format!("on {names}") };
    if !names.is_empty() {
        let _ = write!(line, ", {} pictures", summary.by_devices);
    }
    if summary.fallbacks > 0 {
        let _ = write!(line, "; {} taken over by the CPU, see `fallback` in the records", summary.fallbacks);
    }
    let verdict = summary.verdict.iter().map(|verdict| format!("; {verdict}")).collect::<String>();
    let _ = write!(line, " ({}{verdict})", devices.why());
    Some(line)
}

/// The line that says that decoders ended, with `-v`: their pictures have records that say so.
pub(crate) fn helper_line(is_verbose: bool) -> Option<String> {
    let ended = shadegrid::decode::helpers_ended();
    let times = console::counted(ended, "decoder of AVIF and HEIC", "decoders of AVIF and HEIC");
    (is_verbose && ended > 0).then(|| format!("{times} ended with a picture and had to be started again"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_fits_every_terminal() {
        let mut now = Now::new(&[Input::List("-".into())], None);
        assert_eq!(now.line(77), "0 pictures");
        let before = |time| Instant::now().checked_sub(Duration::from_secs(time)).unwrap();
        now.last = before(4);
        assert_eq!(now.line(77), "0 pictures, waiting 4 s for standard input");
        (now.first, now.last, now.total) = (Some(before(125)), Instant::now(), Some(23_456));
        (now.records, now.hashed, now.failed, now.skipped, now.bytes) =
            (12_345, 12_222, 100, 23, 9_999_999_999);
        for columns in 20..=200 {
            let line = now.line(columns);
            assert!(
                line.chars().count() <= columns && line.contains("12,345 of 23,456"),
                "{columns}: {line}"
            );
        }
        assert_eq!(now.line(40), "█████░░░░░░ 12,345 of 23,456, 100 failed");
        let line = now.line(197);
        let all = "12,345 of 23,456, 98 pictures/s, 80 MB/s, 100 failed, 23 skipped, 2:05, ";
        assert!(line.starts_with("███") && line.contains(all) && line.ends_with(" left"), "{line}");
    }
}

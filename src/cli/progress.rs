//! How far a run is, on standard error: a bar and the first errors while it runs, a summary at its end.

use std::fmt::Write as _;
use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use shadegrid::pipeline::{Count, Record, Sink, Summary};
use shadegrid::{Devices, Error};

use super::console;

const UNKNOWN_TOTAL: &str = "{spinner} {elapsed_precise} {human_pos} pictures, {msg}";
const KNOWN_TOTAL: &str = "{elapsed_precise} {bar:30} {human_pos}/{human_len} pictures, {msg}, {eta} left";

/// Megabytes and megapixels are millions.
const MILLION: f64 = 1e6;

/// Errors that are shown one by one.
const FIRST: u64 = 3;

/// A sink that shows what goes through it.
pub(crate) struct Shown<'a> {
    sink: &'a mut dyn Sink,
    bar: ProgressBar,
    count: Option<Count>,
    so_far: Summary,
}

impl<'a> Shown<'a> {
    /// Shows what goes to `sink` on standard error if that is a terminal, with the time left once `count` is done.
    pub(crate) fn new(sink: &'a mut dyn Sink, count: Option<Count>) -> Shown<'a> {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(8));
        bar.set_style(style(UNKNOWN_TOTAL));
        if !bar.is_hidden() {
            bar.enable_steady_tick(Duration::from_millis(250));
        }
        Shown { sink, bar, count, so_far: Summary::default() }
    }

    fn show(&mut self) {
        if let Some(total) = self.count.as_ref().and_then(Count::total) {
            self.count = None;
            self.bar.set_style(style(KNOWN_TOTAL));
            self.bar.set_length(total);
        }
        let rate = self.so_far.hashed() as f64 / self.bar.elapsed().as_secs_f64().max(1e-3);
        let megabytes = self.so_far.bytes as f64 / MILLION;
        let errors = self.so_far.failed();
        self.bar.set_message(format!("{megabytes:.0} MB, {rate:.0} pictures/s, {errors} errors"));
        self.bar.set_position(self.so_far.records);
    }

    /// Shows the first errors, and says once that there are more.
    fn show_error(&self, record: &Record) {
        let Err(error) = &record.outcome else { return };
        match self.so_far.failed() {
            ..=FIRST => self.bar.suspend(|| {
                let key = console::printable(&record.key.to_string_lossy());
                console::say(format_args!(
                    "shadegrid: {key}: {}",
                    console::printable(&console::with_code(error))
                ));
            }),
            failed if failed == FIRST + 1 => {
                self.bar.suspend(|| console::say("shadegrid: further errors are in the records alone"));
            }
            _ => {}
        }
    }
}

impl Sink for Shown<'_> {
    fn write(&mut self, record: &Record) -> Result<(), Error> {
        self.sink.write(record)?;
        self.so_far.add(record);
        self.show_error(record);
        if !self.bar.is_hidden() {
            self.show();
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.sink.flush()
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.sink.finish()
    }
}

/// The bar goes when the run ends, in whatever way.
impl Drop for Shown<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Whether a bar would be seen.
pub(crate) fn seen() -> bool {
    use std::io::IsTerminal as _;
    std::io::stderr().is_terminal()
}

/// The line at the end of a run.
pub(crate) fn summary_line(summary: &Summary) -> String {
    let seconds = summary.elapsed.as_secs_f64().max(1e-9);
    let hashed = summary.hashed();
    let mut line = format!("{hashed} of {} hashed", summary.records);
    if summary.failed() > 0 {
        let _ = write!(line, ", {} failed (", summary.failed());
        for (position, (code, count)) in summary.errors.iter().enumerate() {
            let comma = if position > 0 { ", " } else { "" };
            let _ = write!(line, "{comma}{code} {count}");
        }
        line.push(')');
    }
    let took =
        if seconds < 60.0 { format!("{seconds:.2} s") } else { HumanDuration(summary.elapsed).to_string() };
    let _ = write!(
        line,
        " in {took}: {:.1} pictures/s, {:.1} MB/s, {:.1} megapixels/s",
        hashed as f64 / seconds,
        summary.hashed_bytes as f64 / MILLION / seconds,
        summary.pixels as f64 / MILLION / seconds
    );
    line
}

/// The line that says what computed, and why.
pub(crate) fn backend_line(summary: &Summary, devices: &Devices) -> String {
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
    line
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

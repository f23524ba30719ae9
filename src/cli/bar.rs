//! One line on standard error that is drawn again and again: never wider than the terminal, and gone when its owner is.

use std::fmt::Write;
use std::io::{IsTerminal as _, stderr};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use terminal_size::{Width, terminal_size, terminal_size_of};

/// How often it is drawn anew, whatever happens: a moment that is waited for is seen.
const TICK: Duration = Duration::from_millis(250);

/// Columns of a terminal that does not say how many it has.
const COLUMNS: usize = 80;

/// Columns of the sign that something is alive, and of the cursor behind the line.
const AROUND: usize = 3;

/// The line, where standard error is a terminal; otherwise nothing is drawn.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    /// Draws what `line` gives for the number of columns that it may take.
    pub(crate) fn new(line: impl Fn(usize) -> String + Clone + Send + Sync + 'static) -> Bar {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(8));
        let show = move |_: &ProgressState, to: &mut dyn Write| {
            let _ = to.write_str(&line(columns().saturating_sub(AROUND)));
        };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {line}") {
            bar.set_style(style.with_key("line", show));
        }
        if !bar.is_hidden() {
            bar.enable_steady_tick(TICK);
        }
        Bar(bar)
    }

    /// One that is never seen.
    pub(crate) fn hidden() -> Bar {
        Bar(ProgressBar::hidden())
    }

    /// Does something while the line is away, such as to print another one.
    pub(crate) fn suspend<T>(&self, act: impl FnOnce() -> T) -> T {
        self.0.suspend(act)
    }

    /// A way to do the same from elsewhere.
    pub(crate) fn handle(&self) -> Bar {
        Bar(self.0.clone())
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        self.0.finish_and_clear();
    }
}

/// Whether a line would be seen.
pub(crate) fn seen() -> bool {
    stderr().is_terminal()
}

/// Columns of the terminal.
pub(crate) fn columns() -> usize {
    match terminal_size_of(stderr()).or_else(terminal_size) {
        Some((Width(columns), _)) if columns > 0 => usize::from(columns),
        _ => COLUMNS,
    }
}

/// The parts that fit, with commas between, in their order. Each has a rank: where not all fit, those of the highest rank go first. The last one that
/// is left is cut.
pub(crate) fn fitted(parts: impl IntoIterator<Item = (u8, String)>, columns: usize) -> String {
    let mut parts: Vec<(u8, String)> = parts.into_iter().filter(|(_, text)| !text.is_empty()).collect();
    let wide = |parts: &[(u8, String)]| {
        let letters: usize = parts.iter().map(|(_, text)| text.chars().count()).sum();
        letters + 2 * parts.len().saturating_sub(1)
    };
    while parts.len() > 1 && wide(&parts) > columns {
        let Some(least) = (0..parts.len()).max_by_key(|&at| parts[at].0) else { break };
        parts.remove(least);
    }
    let texts: Vec<String> = parts.into_iter().map(|(_, text)| text).collect();
    texts.join(", ").chars().take(columns).collect()
}

/// That something is waited for, in as many words as the line has room for.
pub(crate) fn waiting(what: &str, waited: Duration, columns: usize) -> String {
    let waited = clock(waited);
    if columns < ROOM { format!("waiting {waited}") } else { format!("waiting {waited} for {what}") }
}

/// Columns of a line that has room for what is waited for.
const ROOM: usize = 56;

/// How much of something is done, as a picture of as many columns: `████░░░░`.
pub(crate) fn filled(done: u64, of: u64, columns: usize) -> String {
    let share = if of == 0 { 1.0 } else { (done as f64 / of as f64).min(1.0) };
    let full = (share * columns as f64) as usize;
    "█".repeat(full) + &"░".repeat(columns - full)
}

/// How long something has taken: `9 s`, `12:05`, `3:12:05`.
pub(crate) fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest} s"),
        (0, _) => format!("{minutes}:{rest:02}"),
        _ => format!("{hours}:{minutes:02}:{rest:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_never_too_wide_and_loses_the_least_first() {
        let parts = || [(0, "12 pictures"), (2, "3/s"), (9, "45 MB/s"), (1, "2 failed")];
        let line = |columns| fitted(parts().map(|(rank, text)| (rank, text.to_string())), columns);
        assert_eq!(line(80), "12 pictures, 3/s, 45 MB/s, 2 failed");
        assert_eq!(line(34), "12 pictures, 3/s, 2 failed");
        assert_eq!(line(25), "12 pictures, 2 failed");
        assert_eq!(line(11), "12 pictures");
        assert_eq!(line(4), "12 p");
        for columns in 0..100 {
            assert!(line(columns).chars().count() <= columns);
        }
    }

    #[test]
    fn what_is_done_is_filled() {
        assert_eq!(filled(1, 2, 4), "██░░");
        assert_eq!(
            (filled(3, 2, 2), filled(0, 0, 2), filled(0, 9, 3)),
            ("██".into(), "██".into(), "░░░".into())
        );
    }

    #[test]
    fn times_are_short() {
        let at = |seconds| clock(Duration::from_secs(seconds));
        assert_eq!([at(9), at(725), at(11_525)], ["9 s", "12:05", "3:12:05"]);
    }
}

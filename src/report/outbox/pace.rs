//! When a report is tried again, and from when on somebody has to know.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The longest pause between two attempts.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// How long a report may stay open. NCMEC removes it 24 h after its opening or 1 h after the last change, whichever is later.
pub(super) const DEADLINE: i64 = 20 * HOUR;

/// After how long NCMEC has removed a report for certain; an hour is for clocks that differ.
const REMOVED: i64 = 25 * HOUR;

/// The same after the last change.
const REMOVED_AFTER_CHANGE: i64 = 2 * HOUR;

/// How long a report is tried.
pub(super) const PATIENCE: i64 = 30 * DAY;

/// From when on an unfiled report is an alarm.
pub(super) const OVERDUE: i64 = HOUR;

/// How long what was filed is preserved: a year, and never a day less.
pub(super) const PRESERVED: i64 = 366 * DAY;

/// How often the retraction of a report that nobody continues is tried, and until when: then it is gone anyway.
pub(super) const RETRACTED_BY: i64 = REMOVED;

/// Whether NCMEC has removed an unfinished report that was opened and changed then.
pub(super) fn is_removed(opened: i64, changed: i64, now: i64) -> bool {
    now > opened.saturating_add(REMOVED) && now > changed.saturating_add(REMOVED_AFTER_CHANGE)
}

/// Milliseconds until the next attempt after so many failures. Up to half of it is left to chance, so that many who were refused at once do not come back at once.
pub(super) fn pause(first: Duration, failures: u32, asked_for: Option<Duration>) -> i64 {
    let whole = LONGEST.min(first.saturating_mul(1 << failures.saturating_sub(1).min(16)));
    let chance = RandomState::new().hash_one(failures) % 1024;
    let pause = whole / 2 + whole / 2 * chance as u32 / 1024;
    pause.max(asked_for.unwrap_or_default().min(LONGEST)).as_millis() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let first = Duration::from_secs(10);
        for failures in 0..100u32 {
            let whole = LONGEST.min(first * (1 << failures.saturating_sub(1).min(16)));
            let pause = pause(first, failures, None);
            assert!(
                pause >= whole.as_millis() as i64 / 2 && pause <= whole.as_millis() as i64,
                "{failures}: {pause}"
            );
        }
        assert!(pause(first, 1, Some(Duration::from_secs(60))) == 60_000);
        assert!(pause(first, 1, Some(Duration::from_secs(1 << 40))) == LONGEST.as_millis() as i64);
    }

    #[test]
    fn a_report_is_removed_a_day_after_its_opening_unless_it_changed() {
        assert!(!is_removed(0, 0, DAY) && is_removed(0, 0, REMOVED + 1));
        assert!(!is_removed(0, REMOVED, REMOVED + HOUR) && is_removed(0, REMOVED, REMOVED + 3 * HOUR));
    }
}

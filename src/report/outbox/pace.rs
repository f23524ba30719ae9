//! How long a report may take, and from when on somebody has to know.

pub(super) use crate::backoff::pause;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_removed_a_day_after_its_opening_unless_it_changed() {
        assert!(!is_removed(0, 0, DAY) && is_removed(0, 0, REMOVED + 1));
        assert!(!is_removed(0, REMOVED, REMOVED + HOUR) && is_removed(0, REMOVED, REMOVED + 3 * HOUR));
    }
}

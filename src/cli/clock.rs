//! Times of other machines' clocks, for people.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use indicatif::HumanDuration;

/// A time in milliseconds since 1970: `on 2026-11-25 at 10:00 UTC (3 days ago)`.
pub(crate) fn on(milliseconds: u64) -> String {
    let (date, minutes) = (date(milliseconds / 86_400_000), milliseconds / 60_000 % 1_440);
    let when = UNIX_EPOCH + Duration::from_millis(milliseconds);
    // A clock that is ahead of ours says nothing of how long ago it was.
    let ago = SystemTime::now()
        .duration_since(when)
        .map_or(String::new(), |ago| format!(" ({} ago)", HumanDuration(ago)));
    format!("on {date} at {:02}:{:02} UTC{ago}", minutes / 60, minutes % 60)
}

/// The date so many days after 1970-01-01, in the Gregorian calendar.
fn date(days: u64) -> String {
    // Years that begin in March have their leap day at the end, and eras of 400 years are all alike.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{day:02}", era * 400 + year + later)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (days, expected) in [
            (0, "1970-01-01"),
            (58, "1970-02-28"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (11_017, "2000-03-01"),
            (20_782, "2026-11-25"),
            (47_540, "2100-02-28"),
            (47_541, "2100-03-01"),
        ] {
            assert_eq!(date(days), expected);
        }
        assert!(on(1_764_064_800_000).starts_with("on 2025-11-25 at 10:00 UTC ("));
        assert_eq!(on(u64::MAX / 4096).split(' ').count(), 5, "a time to come is not long ago");
    }
}

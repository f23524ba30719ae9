//! Times of other machines' clocks, for people.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use indicatif::HumanDuration;

/// The last second of the year 9999, after which RFC 3339 has no text.
const LAST: Duration = Duration::from_secs(253_402_300_799);

/// A time in milliseconds since 1970: `on 2026-11-25 at 10:00 UTC (3 days ago)`.
pub(crate) fn on(milliseconds: u64) -> String {
    let when = UNIX_EPOCH + Duration::from_millis(milliseconds).min(LAST);
    let text = humantime::format_rfc3339_seconds(when).to_string();
    let (date, time) = text.split_once('T').unwrap_or_default();
    let time = time.get(.."10:00".len()).unwrap_or_default();
    // A clock that is ahead of ours says nothing of how long ago it was.
    let ago = SystemTime::now()
        .duration_since(when)
        .map_or(String::new(), |ago| format!(" ({} ago)", HumanDuration(ago)));
    format!("on {date} at {time} UTC{ago}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (milliseconds, expected) in [
            (0, "on 1970-01-01 at 00:00 UTC ("),
            (951_782_400_000, "on 2000-02-29 at 00:00 UTC ("),
            (1_764_064_800_000, "on 2025-11-25 at 10:00 UTC ("),
        ] {
            assert!(on(milliseconds).starts_with(expected), "{}", on(milliseconds));
        }
        assert_eq!(on(u64::MAX), "on 9999-12-31 at 23:59 UTC", "a time to come is not long ago");
    }
}

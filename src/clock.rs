//! Times as texts: RFC 3339, in UTC.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The last second of the year 9999, after which RFC 3339 has no text.
pub(crate) const LAST: Duration = Duration::from_secs(253_402_300_799);

/// The seconds since 1970, by this machine's clock.
#[cfg(feature = "service")]
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A time to the second: `2026-11-25T10:00:00Z`.
pub(crate) fn text(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    humantime::format_rfc3339_seconds(UNIX_EPOCH + since.min(LAST)).to_string()
}

/// A time to the millisecond: `2026-11-25T10:00:00.000Z`.
pub(crate) fn precise(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    humantime::format_rfc3339_millis(UNIX_EPOCH + since.min(LAST)).to_string()
}

/// The seconds since 1970 of a time as [`text`] writes it, with or without parts of a second.
#[cfg(feature = "service")]
pub(crate) fn seconds(text: &str) -> Option<i64> {
    let time = humantime::parse_rfc3339(text).ok()?;
    i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()
}

#[cfg(all(test, feature = "service"))]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_764_064_801, "2025-11-25T10:00:01Z"),
            (LAST.as_secs(), "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(text(UNIX_EPOCH + Duration::from_secs(seconds)), expected);
            let parts = precise(UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_micros(7_999));
            assert_eq!(
                parts,
                expected.replace('Z', if seconds == LAST.as_secs() { ".000Z" } else { ".007Z" })
            );
            assert_eq!(super::seconds(expected), Some(seconds as i64));
            assert_eq!(super::seconds(&expected.replace('Z', ".125Z")), Some(seconds as i64));
        }
        assert_eq!(text(UNIX_EPOCH + LAST * 2), "9999-12-31T23:59:59Z");
        for wrong in [
            "",
            "2026-02-30T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01 00:00:00Z",
            "2026-01-01T00:00:00",
            "1969-12-31T23:59:59Z",
            "2026-01-01T00:00:00+01",
            "é026-01-01T00:00:00Z",
        ] {
            assert_eq!(super::seconds(wrong), None, "{wrong}");
        }
    }
}

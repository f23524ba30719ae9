//! Times as exchanges write them, in seconds since 1970.

use std::time::{Duration, UNIX_EPOCH};

use crate::clock;
pub(crate) use crate::clock::now;

/// How far the clock of an exchange may be ahead of ours, in seconds.
const AHEAD: u64 = 3600;

/// Whether a time is still to come, whichever clock is right.
pub(crate) fn is_ahead(time: u64) -> bool {
    time > now() + AHEAD
}

/// As RFC 3339 writes it, in UTC: `2026-11-25T10:00:00Z`.
pub(crate) fn text(seconds: u64) -> String {
    clock::text(UNIX_EPOCH + Duration::from_secs(seconds).min(clock::LAST))
}

/// Reads what RFC 3339 writes, with or without parts of a second; the zone is UTC, as `Z`, `+00:00` or `+0000`.
pub(crate) fn rfc3339(text: &str) -> Option<u64> {
    let text = text.trim();
    let local = ["Z", "z", "+00:00", "+0000"].iter().find_map(|zone| text.strip_suffix(zone))?;
    u64::try_from(clock::seconds(&format!("{local}Z"))?).ok()
}

/// Reads the form of HTTP's headers: `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(crate) fn http(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut parts = text.trim().strip_suffix(" GMT")?.split_once(", ")?.1.split(' ');
    let (day, month, year, time) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    rfc3339(&format!("{year}-{month:02}-{day}T{time}Z")).filter(|_| parts.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_says_the_same() {
        let seconds = 784_111_777;
        for form in [
            "1994-11-06T08:49:37Z",
            "1994-11-06T08:49:37.999Z",
            "1994-11-06T08:49:37+00:00",
            " 1994-11-06T08:49:37+0000 ",
        ] {
            assert_eq!(rfc3339(form), Some(seconds), "{form}");
        }
        assert_eq!(http("Sun, 06 Nov 1994 08:49:37 GMT"), Some(seconds));
        assert_eq!(text(seconds), "1994-11-06T08:49:37Z");
        assert_eq!(text(u64::MAX), "9999-12-31T23:59:59Z");
        for wrong in ["", "1994-11-06", "1994-11-06T08:49:37", "1994-11-06T08:49:37+01:00", "784111777"] {
            assert_eq!(rfc3339(wrong), None, "{wrong}");
        }
        for wrong in [
            "",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun, 06 Foo 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37",
        ] {
            assert_eq!(http(wrong), None, "{wrong}");
        }
    }
}

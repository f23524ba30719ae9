//! Times as texts.

use std::time::{SystemTime, UNIX_EPOCH};

/// A time as RFC 3339 has it, to the second: `2026-11-25T10:00:00Z`.
pub(crate) fn text(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{}T{hour:02}:{minute:02}:{second:02}Z", date(seconds / 86_400))
}

/// The seconds since 1970 of a time in UTC, as [`text`] writes it, with or without parts of a second.
pub(crate) fn seconds(text: &str) -> Option<i64> {
    let (whole, rest) = text.split_at_checked("2026-11-25T10:00:00".len())?;
    let part = rest.strip_suffix('Z')?;
    let digits = part.strip_prefix('.').unwrap_or(part);
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = |at: usize, length: usize| -> Option<i64> {
        let text = whole.get(at..at + length)?;
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
    };
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year.div_euclid(4) - year.div_euclid(100)
        + year.div_euclid(400)
        + (month * 153 + 2) / 5
        + day;
    let seconds = (days - 719_469) * 86_400 + hour * 3600 + minute * 60 + second;
    // Days and hours that there are not, and other signs between the numbers, give another text.
    let time = UNIX_EPOCH.checked_add(std::time::Duration::from_secs(u64::try_from(seconds).ok()?))?;
    (self::text(time).strip_suffix('Z') == Some(whole)).then_some(seconds)
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
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_764_064_801, "2025-11-25T10:00:01Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(text(UNIX_EPOCH + Duration::from_secs(seconds)), expected);
            assert_eq!(super::seconds(expected), Some(seconds as i64));
            assert_eq!(super::seconds(&expected.replace('Z', ".125Z")), Some(seconds as i64));
        }
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

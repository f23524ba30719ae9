//! Times with their zone, which are kept and written in UTC.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::clock::{self, LAST};

/// Why a text is no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is written otherwise than RFC 3339.
    Form,
    /// It has no zone.
    Zone,
}

/// A time, to the millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(SystemTime);

impl From<SystemTime> for Moment {
    fn from(time: SystemTime) -> Moment {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default().min(LAST);
        Moment(UNIX_EPOCH + Duration::from_millis(since.as_millis() as u64))
    }
}

impl From<Moment> for SystemTime {
    fn from(moment: Moment) -> SystemTime {
        moment.0
    }
}

/// In UTC: `2026-11-20T10:00:00Z`, with milliseconds where there are some.
impl fmt::Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.0.duration_since(UNIX_EPOCH).unwrap_or_default();
        match since.subsec_millis() {
            0 => formatter.write_str(&clock::text(self.0)),
            _ => humantime::format_rfc3339_millis(self.0).fmt(formatter),
        }
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Moment, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text).map_err(|_| de::Error::custom("a time of RFC 3339 with its zone is needed"))
    }
}

/// Reads `2026-11-20T10:00:00Z`, `2026-11-20T03:00:00.5-07:00`.
pub(crate) fn parse(text: &str) -> Result<Moment, Fault> {
    let (local, offset) = zone(text)?;
    // The parser takes more than one sign of the zone.
    if !local.ends_with(|c: char| c.is_ascii_digit()) {
        return Err(Fault::Form);
    }
    let time = humantime::parse_rfc3339(&format!("{local}Z")).map_err(|_| Fault::Form)?;
    let minutes = Duration::from_secs(offset.unsigned_abs() * 60);
    let time = if offset < 0 { time.checked_add(minutes) } else { time.checked_sub(minutes) };
    // What lies before 1970 or after 9999 is no time of an incident, and has no text.
    let time = time.filter(|time| time.duration_since(UNIX_EPOCH).is_ok_and(|since| since <= LAST));
    time.map(Moment::from).ok_or(Fault::Form)
}

/// The time without its zone, and the minutes that it is ahead of UTC.
fn zone(text: &str) -> Result<(&str, i64), Fault> {
    if let Some(local) = text.strip_suffix(['Z', 'z']) {
        return Ok((local, 0));
    }
    let at =
        text.len().checked_sub("+00:00".len()).filter(|at| text.is_char_boundary(*at)).ok_or(Fault::Form)?;
    let (local, offset) = text.split_at(at);
    let digits: Option<Vec<i64>> = [1, 2, 4, 5]
        .iter()
        .map(|place| {
            offset.as_bytes()[*place].is_ascii_digit().then(|| i64::from(offset.as_bytes()[*place] - b'0'))
        })
        .collect();
    let sign = match offset.as_bytes()[0] {
        b'+' => 1,
        b'-' => -1,
        _ => 0,
    };
    match digits {
        Some(digits) if sign != 0 && offset.as_bytes()[3] == b':' => {
            let (hours, minutes) = (digits[0] * 10 + digits[1], digits[2] * 10 + digits[3]);
            if hours > 14 || minutes > 59 {
                Err(Fault::Form)
            } else {
                Ok((local, sign * (hours * 60 + minutes)))
            }
        }
        _ if humantime::parse_rfc3339(&format!("{text}Z")).is_ok() => Err(Fault::Zone),
        _ => Err(Fault::Form),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_turned_to_utc() {
        for (text, expected) in [
            ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z"),
            ("2012-10-15T08:00:00-07:00", "2012-10-15T15:00:00Z"),
            ("2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00Z"),
            ("2026-01-01T00:30:00.125+05:45", "2025-12-31T18:45:00.125Z"),
            ("1970-01-01T00:00:00-00:00", "1970-01-01T00:00:00Z"),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), expected);
            assert_eq!(parse(expected).unwrap().to_string(), expected);
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["2026-11-20T10:00:00", "2026-11-20T10:00:00.25"] {
            assert_eq!(parse(text), Err(Fault::Zone), "{text}");
        }
        for text in [
            "",
            "é",
            "ééé",
            "2026-11-20",
            "2026-02-30T00:00:00Z",
            "2026-01-01T00:00:00+15:00",
            "2026-01-01T00:00:00+00:60",
            "2026-01-01T00:00:00+0100",
            "1970-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-01:00",
            "2026-11-20T10:00:00ZZ",
            "2026-01-01T00:00:00é1:00",
        ] {
            assert_eq!(parse(text), Err(Fault::Form), "{text}");
        }
    }
}

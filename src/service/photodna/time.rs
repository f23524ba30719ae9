//! Times as clients of the face write them: `9/10/2014 9:08:14 PM`, or as ISO 8601 has them. Without a zone they are UTC.

/// The time as RFC 3339 has it; as it was given where it is none of those forms, so that the check of a report says what is wrong with it.
pub(super) fn rfc3339(text: &str) -> String {
    let text = text.trim();
    american(text).or_else(|| without_zone(text)).unwrap_or_else(|| text.to_string())
}

/// Month, day and year, and hours up to 12 with AM or PM.
fn american(text: &str) -> Option<String> {
    let mut words = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty());
    let (date, time, half) = (words.next()?, words.next()?, words.next());
    let [month, day, year] = numbers(date, '/')?[..] else { return None };
    let (hours, minutes, seconds) = match numbers(time, ':')?[..] {
        [hours, minutes] => (hours, minutes, 0),
        [hours, minutes, seconds] => (hours, minutes, seconds),
        _ => return None,
    };
    let hours = match half.map(str::to_ascii_uppercase).as_deref() {
        None if hours < 24 => hours,
        Some("AM") if (1..=12).contains(&hours) => hours % 12,
        Some("PM") if (1..=12).contains(&hours) => hours % 12 + 12,
        _ => return None,
    };
    let is_whole = words.next().is_none() && year >= 1000;
    is_whole.then(|| format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}Z"))
}

fn numbers(text: &str, between: char) -> Option<Vec<u16>> {
    let number = |part: &str| {
        let is_short = (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse().ok().filter(|_| is_short)
    };
    text.split(between).map(number).collect()
}

/// `2014-09-10T21:08:14`, or with a space between.
fn without_zone(text: &str) -> Option<String> {
    let text = match text.as_bytes().get(10) {
        Some(b' ') => format!("{}T{}", &text[..10], &text[11..]),
        _ => text.to_string(),
    };
    let has_zone = text.ends_with(['Z', 'z']) || text.get(11..).is_some_and(|time| time.contains(['+', '-']));
    let utc = if has_zone { text } else { format!("{text}Z") };
    humantime::parse_rfc3339(&utc).is_ok().then_some(utc)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        for (given, expected) in [
            ("9/10/2014 9:08:14 PM", "2014-09-10T21:08:14Z"),
            ("09/10/2014 09:08:14 am", "2014-09-10T09:08:14Z"),
            ("1/2/2026 12:00:00 AM", "2026-01-02T00:00:00Z"),
            ("1/2/2026 12:30 PM", "2026-01-02T12:30:00Z"),
            ("1/2/2026, 1:02:03\u{202f}PM", "2026-01-02T13:02:03Z"),
            ("1/2/2026 23:02:03", "2026-01-02T23:02:03Z"),
            ("2014-09-10T21:08:14Z", "2014-09-10T21:08:14Z"),
            ("2014-09-10T21:08:14.125Z", "2014-09-10T21:08:14.125Z"),
            ("2014-09-10T21:08:14", "2014-09-10T21:08:14Z"),
            (" 2014-09-10 21:08:14 ", "2014-09-10T21:08:14Z"),
        ] {
            assert_eq!(rfc3339(given), expected);
        }
        // What has another zone is read by the check of the report, and what is no time is refused there.
        for given in [
            "2014-09-10T21:08:14-07:00",
            "",
            "é",
            "ééééé é",
            "2014-09-1é 21:08:14",
            "13:00 PM",
            "9/10/14 9:08:14 PM",
            "9/10/2014 13:08:14 PM",
            "9/10/2014 0:08:14 AM",
            "9/10/2014 24:08:14",
            "9/10/2014 9:08:14 PM UTC",
            "9/10/2014",
            "99999/1/2014 9:08:14 PM",
            "+9/10/2014 9:08:14 PM",
            "10.9.2014 21:08:14",
        ] {
            assert_eq!(rfc3339(given), given);
        }
    }
}

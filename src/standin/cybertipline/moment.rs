//! Times and days as XML Schema writes them, compared whatever their zone.

/// Longest distance of a zone from UTC, in minutes.
const FARTHEST: i64 = 14 * 60;

/// A time: seconds since 1970, and billionths.
pub(super) type Moment = (i64, u32);

/// Reads `2012-10-15T08:00:00.5-07:00`.
pub(super) fn time(text: &str) -> Result<Moment, &'static str> {
    const WRONG: &str = "this must be a time such as 2012-10-15T08:00:00-07:00";
    let mut rest = Rest(text);
    let (seconds, nanos) = local(&mut rest).ok_or(WRONG)?;
    if rest.0.is_empty() {
        return Err("a time needs its zone: Z, or hours and minutes such as -07:00");
    }
    let minutes = zone(&mut rest).filter(|_| rest.0.is_empty()).ok_or(WRONG)?;
    Ok((seconds - minutes * 60, nanos))
}

/// Reads `2012-10-15`, with or without a zone, and gives the seconds at which it begins.
pub(super) fn day(text: &str) -> Result<i64, &'static str> {
    let mut rest = Rest(text);
    let read = date(&mut rest).and_then(|days| {
        let minutes = if rest.0.is_empty() { 0 } else { zone(&mut rest)? };
        rest.0.is_empty().then_some(days * 86_400 - minutes * 60)
    });
    read.ok_or("this must be a day such as 2012-10-15")
}

/// What is left of a text.
struct Rest<'a>(&'a str);

impl Rest<'_> {
    /// A number of so many digits.
    fn number(&mut self, digits: usize) -> Option<i64> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        let number = number.bytes().all(|byte| byte.is_ascii_digit()).then(|| number.parse().ok())??;
        self.0 = rest;
        Some(number)
    }

    fn literal(&mut self, literal: char) -> Option<()> {
        self.0 = self.0.strip_prefix(literal)?;
        Some(())
    }
}

fn local(rest: &mut Rest<'_>) -> Option<Moment> {
    let days = date(rest)?;
    rest.literal('T')?;
    let hours = rest.number(2)?;
    rest.literal(':')?;
    let minutes = rest.number(2)?;
    rest.literal(':')?;
    let seconds = rest.number(2)?;
    let nanos = fraction(rest)?;
    let is_right = hours < 24 && minutes < 60 && seconds < 60;
    is_right.then_some((days * 86_400 + hours * 3600 + minutes * 60 + seconds, nanos))
}

/// Billionths of a second; what is finer is nobody's.
fn fraction(rest: &mut Rest<'_>) -> Option<u32> {
    if rest.literal('.').is_none() {
        return Some(0);
    }
    let length = rest.0.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, behind) = rest.0.split_at(length);
    rest.0 = behind;
    let nine: String = digits.chars().chain("000000000".chars()).take(9).collect();
    nine.parse().ok().filter(|_| length > 0)
}

/// The days since 1970.
fn date(rest: &mut Rest<'_>) -> Option<i64> {
    let year = rest.number(4)?;
    rest.literal('-')?;
    let month = rest.number(2)?;
    rest.literal('-')?;
    let day = rest.number(2)?;
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let february = if is_leap { 29 } else { 28 };
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let place = usize::try_from(month - 1).ok()?;
    let is_right = year > 0 && (1..=*lengths.get(place)?).contains(&day);
    let before: i64 = lengths[..place].iter().sum();
    let years = year - 1;
    // Day 719,162 of the calendar, counted from 0001-01-01, is 1970-01-01.
    let days = years * 365 + years / 4 - years / 100 + years / 400 + before + day - 1 - 719_162;
    is_right.then_some(days)
}

/// The minutes that a zone is ahead of UTC.
fn zone(rest: &mut Rest<'_>) -> Option<i64> {
    if rest.literal('Z').is_some() {
        return Some(0);
    }
    let sign = if rest.literal('+').is_some() { 1 } else { rest.literal('-').map(|()| -1)? };
    let hours = rest.number(2)?;
    rest.literal(':')?;
    let minutes = rest.number(2)?;
    let ahead = hours * 60 + minutes;
    (minutes < 60 && ahead <= FARTHEST).then_some(sign * ahead)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", (0, 0)),
            ("1970-01-01T00:00:00.000000001Z", (0, 1)),
            ("1969-12-31T23:59:59.25Z", (-1, 250_000_000)),
            ("2012-10-15T08:00:00-07:00", (1_350_313_200, 0)),
            ("2012-10-15T15:00:00+00:00", (1_350_313_200, 0)),
            ("1970-01-01T14:00:00+14:00", (0, 0)),
            ("0001-01-01T00:00:00Z", (-62_135_596_800, 0)),
        ] {
            assert_eq!(time(text), Ok(expected), "{text}");
        }
        let mut compared = 0;
        for day in (0..40_000).step_by(37) {
            let text = clock::text(std::time::UNIX_EPOCH + std::time::Duration::from_secs(day * 86_399));
            assert_eq!(time(&text).ok().map(|time| time.0), clock::seconds(&text), "{text}");
            compared += 1;
        }
        assert!(compared > 1000);
        assert_eq!(
            (day("1970-01-02"), day("1970-01-02+01:00"), day("1904-02-29")),
            (Ok(86_400), Ok(82_800), Ok(-2_077_747_200))
        );
    }

    #[test]
    fn what_is_no_time_is_refused() {
        let zone = time("2012-10-15T08:00:00").unwrap_err();
        assert!(zone.contains("zone"));
        for text in [
            "",
            "2012-10-15",
            "2012-10-15T08:00Z",
            "2012-10-15 08:00:00Z",
            "2012-10-15T24:00:00Z",
            "2012-10-15T08:60:00Z",
            "2012-10-15T08:00:60Z",
            "2012-02-30T08:00:00Z",
            "2011-02-29T08:00:00Z",
            "2012-00-01T08:00:00Z",
            "2012-13-01T08:00:00Z",
            "2012-10-00T08:00:00Z",
            "0000-10-01T08:00:00Z",
            "2012-10-15T08:00:00.Z",
            "2012-10-15T08:00:00z",
            "2012-10-15T08:00:00+0100",
            "2012-10-15T08:00:00+14:01",
            "2012-10-15T08:00:00+01:60",
            "2012-10-15T08:00:00Z ",
            "é012-10-15T08:00:00Z",
        ] {
            assert!(time(text).is_err_and(|why| why != zone), "{text}");
        }
        for text in ["", "2012-10-32", "1900-02-29", "2012-10-15T00:00:00Z", "2012-10-15ZZ", "12-10-15"] {
            assert!(day(text).is_err(), "{text}");
        }
    }
}

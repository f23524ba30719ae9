//! How single texts are written.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::model::element::{Kind, UNBOUNDED};
use super::super::problem::Rule;
use super::super::time::{self, Fault, Moment};

/// How long ago a time has to be: clocks differ, and NCMEC compares with its own.
const AGO: Duration = Duration::from_secs(1);

/// Whether XML 1.0 can hold a character at all.
pub(super) fn is_of_xml(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{fffd}' | '\u{10000}'..)
}

/// The most characters of a kind of text.
pub(super) fn longest(kind: Kind) -> Option<usize> {
    match kind {
        Kind::Text(longest) | Kind::Url(longest) => Some(longest).filter(|longest| *longest != UNBOUNDED),
        Kind::Email => Some(255),
        _ => None,
    }
}

/// What is wrong with a text of a kind.
pub(super) fn fault(text: &str, kind: Kind, now: Moment) -> Option<(Rule, &'static str)> {
    let form = |right: bool, message| (!right).then_some((Rule::Form, message));
    match kind {
        Kind::Url(_) => form(is_url(text), "it is no URL"),
        Kind::Email => form(is_email(text), "it is no address of e-mail"),
        Kind::CallingCode => form(is_calling_code(text), "it is no calling code, such as +1"),
        Kind::Extension => {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit()) && text.len() <= 10;
            form(digits, "up to 10 digits are needed")
        }
        Kind::Evidence => form(sha256(text).is_some(), "sha256: and 64 hexadecimal digits are needed"),
        Kind::Data => form(STANDARD.decode(text).is_ok(), "it is no base64"),
        Kind::Ip => form(text.parse::<IpAddr>().is_ok(), "it is no IP address"),
        Kind::Past => fault_of_time(text, |time| *time > before(now, AGO), "it is not at least a second ago"),
        Kind::Time => fault_of_time(text, |_| false, ""),
        Kind::Day => match time::parse(&format!("{text}T00:00:00Z")) {
            // Where the day has not begun anywhere on earth, it is to come.
            Ok(day) if day > now => Some((Rule::Past, "it is to come")),
            Ok(_) => None,
            Err(_) => form(is_early_day(text), "it is no day, such as 2010-01-31"),
        },
        _ => None,
    }
}

fn fault_of_time(
    text: &str,
    is_wrong: impl Fn(&Moment) -> bool,
    message: &'static str,
) -> Option<(Rule, &'static str)> {
    match time::parse(text) {
        Ok(time) if is_wrong(&time) => Some((Rule::Past, message)),
        Ok(_) => None,
        Err(Fault::Zone) => Some((Rule::Zone, "it has no zone; Z is UTC")),
        Err(Fault::Form) => Some((Rule::Form, "it is no time, such as 2026-11-20T10:00:00Z")),
    }
}

fn before(now: Moment, ago: Duration) -> Moment {
    let now: SystemTime = now.into();
    now.checked_sub(ago).unwrap_or(now).into()
}

/// A day from 1900 to 1969, when somebody may have been born.
fn is_early_day(text: &str) -> bool {
    // Days repeat after 400 years, so the calendar of these years is that of 2300 to 2369.
    let year =
        text.get(..4).and_then(|year| year.parse::<u16>().ok()).filter(|year| (1900..1970).contains(year));
    let moved = year.zip(text.get(4..)).map(|(year, rest)| format!("{}{rest}T00:00:00Z", year + 400));
    moved.is_some_and(|text| time::parse(&text).is_ok())
}

/// With a scheme and a host, and nothing that could end it.
fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let named = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    named
        && !rest.is_empty()
        && !rest.starts_with('/')
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    !local.is_empty()
        && !domain.is_empty()
        && !text.chars().any(char::is_whitespace)
        && !domain.contains("..")
}

fn is_calling_code(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (1..=3).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// The hexadecimal digits of `sha256:…`.
pub(crate) fn sha256(text: &str) -> Option<&str> {
    let digits = text.strip_prefix("sha256:")?;
    let hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (digits.len() == 64 && digits.bytes().all(hexadecimal)).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Moment {
        time::parse("2026-11-20T10:00:00Z").unwrap()
    }

    fn rule(text: &str, kind: Kind) -> Option<Rule> {
        fault(text, kind, now()).map(|(rule, _)| rule)
    }

    #[test]
    fn times_have_zones_and_are_past() {
        assert_eq!(rule("2026-11-20T09:59:59Z", Kind::Past), None);
        assert_eq!(rule("2026-11-20T09:59:59.001Z", Kind::Past), Some(Rule::Past));
        assert_eq!(rule("2026-11-20T10:59:59+01:00", Kind::Past), None);
        assert_eq!(rule("2026-11-20T09:59:59", Kind::Past), Some(Rule::Zone));
        assert_eq!(rule("yesterday", Kind::Past), Some(Rule::Form));
        assert_eq!(rule("2027-11-20T10:00:00Z", Kind::Time), None);
    }

    #[test]
    fn days_are_of_the_calendar() {
        for (day, expected) in [
            ("2010-01-31", None),
            ("1904-02-29", None),
            ("2026-11-20", None),
            ("1900-02-29", Some(Rule::Form)),
            ("2010-02-30", Some(Rule::Form)),
            ("1899-01-01", Some(Rule::Form)),
            ("2026-11-21", Some(Rule::Past)),
            ("31.1.2010", Some(Rule::Form)),
            ("é", Some(Rule::Form)),
        ] {
            assert_eq!(rule(day, Kind::Day), expected, "{day}");
        }
    }

    #[test]
    fn texts_have_their_forms() {
        for (kind, right, wrong) in [
            (
                Kind::Url(99),
                &["https://a.example/x?y", "ftp://a"][..],
                &["a.example", "https://", "https:///x", "https://a b", "://a"][..],
            ),
            (Kind::Email, &["a@b.example", "\"a@b\"@c"], &["a", "@b", "a@", "a b@c", "a@b..c"]),
            (Kind::CallingCode, &["+1", "+423"], &["1", "+", "+1234", "+a"]),
            (Kind::Extension, &["1", "0123456789"], &["a", "01234567890"]),
            (Kind::Ip, &["203.0.113.7", "2001:db8::1"], &["203.0.113", "203.0.113.7:80", "::g"]),
            (Kind::Data, &["", "AAAA"], &["A", "AAA-", "é"]),
        ] {
            assert!(right.iter().all(|text| rule(text, kind).is_none()), "{kind:?}");
            assert!(wrong.iter().all(|text| rule(text, kind) == Some(Rule::Form)), "{kind:?}");
        }
        let digits = "0123456789abcdef".repeat(4);
        assert_eq!(sha256(&format!("sha256:{digits}")), Some(&*digits));
        for text in
            [digits.clone(), format!("sha256:{}", digits.to_uppercase()), format!("sha256:{}", &digits[1..])]
        {
            assert_eq!(sha256(&text), None);
        }
        assert!(
            !is_of_xml('\u{0}') && !is_of_xml('\u{1b}') && !is_of_xml('\u{fffe}') && is_of_xml('\u{1f600}')
        );
    }
}

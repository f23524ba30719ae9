//! What is wrong with a text, held against what it has to be.

use std::net::IpAddr;

use super::moment::{day, time};
use super::schema::Kind;

/// Longest URL, in characters.
const LONGEST_URL: usize = 2083;

/// Longest e-mail address, and its part before the sign.
const LONGEST_EMAIL: (usize, usize) = (255, 64);

/// What a text breaks; the message holds no part of it. `now` is in seconds since 1970.
pub(super) fn check(text: &str, kind: Kind, now: i64) -> Result<(), String> {
    let hold = |holds: bool, why: &str| if holds { Ok(()) } else { Err(why.to_string()) };
    // Blanks around what is no string mean nothing in XML Schema.
    let bare = text.trim_matches([' ', '\t', '\r', '\n']);
    match kind {
        Kind::Text(most) => length(text, most),
        Kind::Filled(most) => {
            length(text, most).and_then(|()| hold(!text.trim().is_empty(), "this must not be blank"))
        }
        Kind::Url => {
            length(text, LONGEST_URL).and_then(|()| hold(is_url(text), "this must be a URL with its scheme"))
        }
        Kind::Email => length(text, LONGEST_EMAIL.0).and_then(|()| {
            hold(is_email(text), "this must be an e-mail address, at most 64 characters before its sign")
        }),
        Kind::Ip => hold(text.parse::<IpAddr>().is_ok(), "this must be an address of IPv4 or IPv6"),
        Kind::Boolean => hold(is_true(bare).is_some(), "this must be true or false"),
        Kind::Flag => hold(text.is_empty() || is_true(bare) == Some(true), "this must be empty, or true"),
        Kind::Whole(least, most) => {
            let number = bare.strip_prefix('+').unwrap_or(bare).parse::<i64>();
            let is_within = number.is_ok_and(|number| (least..=most).contains(&number));
            hold(is_within, &format!("this must be a whole number from {least} to {most}"))
        }
        Kind::Number => hold(bare.parse::<f64>().is_ok_and(f64::is_finite), "this must be a number"),
        Kind::Time => time(bare).map(|_| ()).map_err(String::from),
        Kind::Past => time(bare)
            .map_err(String::from)
            .and_then(|time| hold(time < (now, 0), "this must be in the past")),
        Kind::PastDay => {
            day(bare).map_err(String::from).and_then(|day| hold(day < now, "this must be in the past"))
        }
        Kind::Word(words) => hold(words.contains(&text), "this is none of the values that it may have"),
        Kind::CallingCode => hold(is_calling_code(text), "this must be + and one to three digits"),
        Kind::Extension => {
            hold((1..=10).contains(&text.len()) && is_digits(text), "this must be one to ten digits")
        }
    }
}

fn length(text: &str, most: usize) -> Result<(), String> {
    if text.chars().count() > most { Err(format!("at most {most} characters")) } else { Ok(()) }
}

/// A boolean of XML Schema.
pub(super) fn is_true(text: &str) -> Option<bool> {
    match text {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_calling_code(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| (1..=3).contains(&digits.len()) && is_digits(digits))
}

/// With a scheme and a host, and nothing that would end it.
fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let of_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let has_host = rest.starts_with(|c: char| c.is_alphanumeric() || c == '[');
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(of_scheme)
        && has_host
        && !rest.contains(|c: char| c.is_whitespace() || c.is_control())
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let is_quoted = local.len() > 2 && local.starts_with('"') && local.ends_with('"');
    let has_dots_inside = |text: &str| text.split('.').all(|part| !part.is_empty());
    let is_plain = |c: char| !c.is_whitespace() && !c.is_control() && !"()<>,;:\\\"[]@".contains(c);
    (1..=LONGEST_EMAIL.1).contains(&local.chars().count())
        && (is_quoted || has_dots_inside(local) && local.chars().all(is_plain))
        && has_dots_inside(domain)
        && domain.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_what_they_have_to_be() {
        let url = format!("http://a/{}", "x".repeat(2074));
        let local = format!("{}@b.example", "a".repeat(64));
        for (kind, right, wrong) in [
            (Kind::Text(3), &["", "éèê"][..], &["éèêë"][..]),
            (Kind::Filled(3), &["a"], &["", " \n", "abcd"]),
            (
                Kind::Url,
                &["http://a", "https://a.example/b?c#d", "ftp://[::1]/", &url],
                &[
                    "",
                    "a.example",
                    "http://",
                    "http:///a",
                    "http://a b",
                    "://a",
                    "1a://b",
                    &format!("{url}x"),
                ],
            ),
            (
                Kind::Email,
                &["a@b", "a.b+c@d.example", "\"a b\"@c.example", &local],
                &[
                    "",
                    "a",
                    "@b",
                    "a@",
                    "a b@c",
                    "a@b@c",
                    "a..b@c",
                    ".a@b",
                    "a@b..c",
                    "a@b_c",
                    &format!("a{local}"),
                ],
            ),
            (
                Kind::Ip,
                &["63.116.246.17", "::1", "::ffff:1.2.3.4"],
                &["", "1.2.3", "1.2.3.256", "a", "1.2.3.4 "],
            ),
            (Kind::Boolean, &["true", "false", "1", "0", " true\n"], &["", "True", "yes", "2"]),
            (Kind::Flag, &["", "true", "1"], &["false", "0", "x"]),
            (
                Kind::Whole(1, 150),
                &["1", "150", "+7", " 8 "],
                &["", "0", "151", "-1", "1.0", "9999999999999999999999"],
            ),
            (Kind::Number, &["1", "-0.5", "1e3"], &["", "a", "inf", "NaN"]),
            (
                Kind::Past,
                &["1970-01-01T00:16:39Z", "1970-01-01T01:16:39.999+01:00"],
                &["1970-01-01T00:16:40Z", "1970-01-01T00:16:39", "x"],
            ),
            (Kind::Time, &["2970-01-01T00:00:00Z"], &["2970-01-01T00:00:00"]),
            (Kind::PastDay, &["1970-01-01", "1950-06-30"], &["1970-01-02", "x"]),
            (Kind::Word(&["A1", "B2"]), &["A1"], &["", "a1", "A1 ", "A3"]),
            (Kind::CallingCode, &["+1", "+423"], &["", "+", "1", "+1234", "+a"]),
            (Kind::Extension, &["1", "0123456789"], &["", "01234567890", "a"]),
        ] {
            for text in right {
                assert_eq!(check(text, kind, 1000), Ok(()), "{text}");
            }
            for text in wrong {
                let why = check(text, kind, 1000).expect_err(text);
                assert!(text.len() < 9 || !why.contains(*text), "{why}");
            }
        }
    }
}

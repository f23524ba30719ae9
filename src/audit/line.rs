//! A line of the log, byte for byte.
//!
//! ```text
//! {"number":1,"time":"2026-11-25T10:00:00.000Z","who":"anna","action":"report.erase","subject":"01KAX…","detail":{},"previous":"<64>","hash":"<64>"}
//! ```
//!
//! `hash` is the SHA-256 of what stands before `,"hash":`, and `previous` the `hash` of the line before, 64 zeros in the first one.

use std::time::SystemTime;

use ring::digest::{SHA256, digest};
use serde_json::Value;

use super::Act;
use crate::clock;
use crate::random::digits;

/// What the first line has for the hash of the one before.
pub(super) const START: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Bytes of the longest line.
pub(super) const LONGEST: usize = 64 << 10;

const BEFORE_HASH: &[u8] = b",\"hash\":\"";

const BEFORE_PREVIOUS: &[u8] = b",\"previous\":\"";

const END: &[u8] = b"\"}";

/// Hexadecimal digits of a hash.
const DIGITS: usize = 64;

/// The line of an act, without a line break.
pub(super) fn compose(number: i64, act: &Act<'_>, now: SystemTime, previous: &str) -> String {
    let text = |text: &str| Value::from(text).to_string();
    let mut line = format!(
        "{{\"number\":{number},\"time\":\"{}\",\"who\":{},\"action\":{},\"subject\":{},\"detail\":{},\"previous\":\"{previous}\"",
        clock::precise(now),
        text(act.who),
        text(act.action),
        text(act.subject),
        act.detail
    );
    let hash = hash(line.as_bytes());
    line.push_str(",\"hash\":\"");
    line.push_str(&hash);
    line.push_str("\"}");
    line
}

/// The hash of a line's part that is hashed.
pub(super) fn hash(part: &[u8]) -> String {
    digits(digest(&SHA256, part).as_ref())
}

/// The hash that a line holds.
pub(super) fn hash_in(line: &[u8]) -> Option<&str> {
    split(line).map(|parts| parts.hash)
}

/// What a line consists of, as its bytes say.
pub(super) struct Parts<'a> {
    /// What is hashed.
    pub(super) hashed: &'a [u8],
    /// The hash of the line before.
    pub(super) previous: &'a str,
    /// Its own.
    pub(super) hash: &'a str,
}

/// Splits a line; `None` where it is none.
pub(super) fn split(line: &[u8]) -> Option<Parts<'_>> {
    let (rest, hash) = digits_at_end(line.strip_suffix(END)?)?;
    let hashed = rest.strip_suffix(BEFORE_HASH)?;
    let (rest, previous) = digits_at_end(hashed.strip_suffix(b"\"")?)?;
    rest.strip_suffix(BEFORE_PREVIOUS)?;
    Some(Parts { hashed, previous, hash })
}

fn digits_at_end(bytes: &[u8]) -> Option<(&[u8], &str)> {
    let (rest, digits) = bytes.split_at_checked(bytes.len().checked_sub(DIGITS)?)?;
    let is_digit = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    let digits = std::str::from_utf8(digits).ok()?;
    digits.as_bytes().iter().all(is_digit).then_some((rest, digits))
}

//! Times in changes, requests and answers: seconds since 1970, and RFC 3339 as text.

use std::time::{Duration, UNIX_EPOCH};

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, Unexpected};

use crate::clock;

/// Reads a time of JSON, or null.
pub(super) fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    let Some(text) = Option::<String>::deserialize(from)? else { return Ok(None) };
    let wrong = || D::Error::invalid_value(Unexpected::Other("text"), &"a time such as 2026-11-20T10:00:00Z");
    clock::seconds(&text).map(Some).ok_or_else(wrong)
}

/// A time as a text; there is none before 1970.
pub(super) fn text(time: i64) -> String {
    clock::text(UNIX_EPOCH + Duration::from_secs(u64::try_from(time).unwrap_or(0)))
}

/// Times that have to be there.
pub(super) mod whole {
    use serde::de::{Deserializer, Error as _};
    use serde::ser::Serializer;

    pub(in super::super) fn serialize<S: Serializer>(time: &i64, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&super::text(*time))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
        super::seconds(from)?.ok_or_else(|| D::Error::custom("a time is missing"))
    }
}

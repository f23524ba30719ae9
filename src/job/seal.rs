//! JSON objects that carry their own checksum, so that a torn or damaged one is never taken for whole.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// Before the checksum, which ends the object.
const CHECKSUM: &str = ",\"crc\":\"";

/// An object on one line, with a CRC-32 of what stands before it as its last member `crc`.
pub(super) fn seal(value: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string(value).map_err(|error| Error::io("cannot write JSON", error.into()))?;
    let body = text.strip_suffix('}').unwrap_or(&text);
    Ok(format!("{body}{CHECKSUM}{:08x}\"}}", crc32fast::hash(body.as_bytes())))
}

/// The object, if it is whole.
pub(super) fn unseal<T: DeserializeOwned>(line: &[u8]) -> Option<T> {
    let (body, checksum) = std::str::from_utf8(line).ok()?.rsplit_once(CHECKSUM)?;
    let checksum = u32::from_str_radix(checksum.strip_suffix("\"}")?, 16).ok()?;
    let whole = crc32fast::hash(body.as_bytes()) == checksum;
    whole.then(|| serde_json::from_str(&format!("{body}}}")).ok()).flatten()
}

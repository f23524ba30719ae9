//! JSON objects that carry their own checksum, so that a torn or damaged one is never taken for whole.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// How an object and its last member, the checksum, are laid out.
struct Layout {
    /// Before the checksum.
    checksum: &'static str,
    /// Behind it.
    end: &'static str,
    /// What ends the object without it.
    plain_end: &'static str,
}

/// On one line.
const LINE: Layout = Layout { checksum: ",\"crc\":\"", end: "\"}", plain_end: "}" };

/// On several lines, for people too.
const PAGE: Layout = Layout { checksum: ",\n  \"crc\": \"", end: "\"\n}\n", plain_end: "\n}" };

fn cannot(error: serde_json::Error) -> Error {
    Error::io("cannot write JSON", error.into())
}

impl Layout {
    fn seal(&self, text: &str) -> String {
        let body = text.strip_suffix(self.plain_end).unwrap_or(text);
        format!("{body}{}{}{}", self.checksum, checksum(body), self.end)
    }

    /// The object without its checksum, if that is right.
    fn unseal(&self, text: &[u8]) -> Option<String> {
        let (body, rest) = std::str::from_utf8(text).ok()?.rsplit_once(self.checksum)?;
        let whole = rest.strip_suffix(self.end)? == checksum(body);
        whole.then(|| format!("{body}{}", self.plain_end))
    }
}

fn checksum(body: &str) -> String {
    format!("{:08x}", crc32fast::hash(body.as_bytes()))
}

/// An object on one line, with a CRC-32 of what stands before it as its last member `crc`.
pub(in crate::job) fn seal(value: &impl Serialize) -> Result<String> {
    Ok(LINE.seal(&serde_json::to_string(value).map_err(cannot)?))
}

/// The object, if it is whole.
pub(in crate::job) fn unseal<T: DeserializeOwned>(line: &[u8]) -> Option<T> {
    serde_json::from_str(&LINE.unseal(line)?).ok()
}

/// As [`seal`], on a page of its own.
pub(in crate::job) fn seal_page(value: &impl Serialize) -> Result<String> {
    Ok(PAGE.seal(&serde_json::to_string_pretty(value).map_err(cannot)?))
}

/// The text of such an object without its checksum, if it is whole.
pub(in crate::job) fn unseal_page(page: &[u8]) -> Option<String> {
    PAGE.unseal(page)
}

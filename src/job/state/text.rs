//! Paths and URLs in JSON, exact even where they are not UTF-8.

use std::ffi::{OsStr, OsString};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

/// A string, or what cannot be one in base64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(in crate::job) enum Text {
    Plain(String),
    Exact { base64: String },
}

impl From<&OsStr> for Text {
    fn from(text: &OsStr) -> Text {
        match text.to_str() {
            Some(plain) => Text::Plain(plain.to_string()),
            None => Text::Exact { base64: BASE64.encode(text.as_encoded_bytes()) },
        }
    }
}

impl Text {
    /// What it was made from; `None` where it is damaged, or comes from a system with other names.
    pub(in crate::job) fn into_os(self) -> Option<OsString> {
        match self {
            Text::Plain(plain) => Some(plain.into()),
            Text::Exact { base64 } => exact(BASE64.decode(base64).ok()?),
        }
    }
}

#[cfg(unix)]
fn exact(bytes: Vec<u8>) -> Option<OsString> {
    use std::os::unix::ffi::OsStringExt as _;
    Some(OsString::from_vec(bytes))
}

#[cfg(not(unix))]
fn exact(_: Vec<u8>) -> Option<OsString> {
    None
}

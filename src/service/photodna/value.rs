//! What a client gives to be matched: `{"DataRepresentation":"…","Value":"…"}`, in whatever case.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde_json::Value;

use super::answer::Status;
use crate::signature::PhotoDna;

/// What is to be matched.
#[derive(Debug)]
pub(super) enum Given {
    Picture(Bytes),
    /// The address of a picture.
    Address(String),
    Hash(PhotoDna),
    /// Why there is nothing to match.
    Refused(Status),
}

/// The value of a parameter of the query whatever the case of its name.
pub(super) fn any_case(query: Option<&str>, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    pairs.find(|(of, _)| of.eq_ignore_ascii_case(name)).map(|(_, value)| value.into_owned())
}

/// What an object of the face's form holds.
pub(super) fn given(item: &Value) -> Given {
    let member = |name: &str| {
        item.as_object()?.iter().find(|(of, _)| of.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    };
    let (Some(kind), Some(value)) = (member("DataRepresentation").and_then(Value::as_str), member("Value"))
    else {
        return Given::Refused(Status::invalid("DataRepresentation and Value must be given"));
    };
    let text = || value.as_str().unwrap_or_default();
    match kind.to_ascii_lowercase().as_str() {
        "inline" | "buffer" | "base64" => match BASE64.decode(text()) {
            Ok(bytes) => Given::Picture(bytes.into()),
            Err(_) => Given::Refused(Status::invalid("Value must be base64")),
        },
        "hash" | "hashhex" | "hashbase64" => hash(&joined(value), &[]),
        "url" => Given::Address(text().to_string()),
        kind if kind.starts_with("edgehash") || kind.starts_with("prehash") => Given::Refused(Status::edge()),
        _ => Given::Refused(Status::invalid("this DataRepresentation is not known")),
    }
}

/// A text as it is, and numbers with commas between.
fn joined(value: &Value) -> String {
    match value {
        Value::Array(numbers) => numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
        value => value.as_str().unwrap_or_default().to_string(),
    }
}

/// A signature as base64, hexadecimal or 144 numbers, or as its very bytes.
pub(super) fn hash(text: &str, raw: &[u8]) -> Given {
    if let Ok(bytes) = <[u8; 144]>::try_from(raw) {
        return Given::Hash(PhotoDna(bytes));
    }
    let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    match plain.parse() {
        Ok(signature) => Given::Hash(signature),
        Err(_) => Given::Refused(Status::invalid("Value must be a PhotoDNA-class signature of 144 bytes")),
    }
}

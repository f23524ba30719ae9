//! One JSON object a line.

use std::fmt::Display;
use std::io::{BufWriter, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Serialize, Serializer};

use super::Sink;
use crate::error::{Error, Result};
use crate::hasher::{Hashed, PdqHash};
use crate::pipeline::Record;

/// Writes one JSON object a line.
///
/// A path that is not UTF-8 is written twice: as `path` with U+FFFD for what cannot be read, and as `path_base64`,
/// its exact bytes in base64 (on Windows: its WTF-8).
#[derive(Debug)]
pub struct JsonLines<W: Write> {
    to: BufWriter<W>,
}

impl<W: Write> JsonLines<W> {
    /// Writes to `to`, which needs no buffer.
    pub fn new(to: W) -> JsonLines<W> {
        JsonLines { to: BufWriter::new(to) }
    }

    /// What it writes to. Complete after [`Sink::finish`].
    pub fn into_inner(self) -> W {
        self.to.into_parts().0
    }
}

impl<W: Write> Sink for JsonLines<W> {
    fn write(&mut self, record: &Record) -> Result<()> {
        let line = Line::new(record);
        serde_json::to_writer(&mut self.to, &line).map_err(|error| cannot_write(error.into()))?;
        self.to.write_all(b"\n").map_err(cannot_write)
    }

    fn flush(&mut self) -> Result<()> {
        self.to.flush().map_err(cannot_write)
    }
}

pub(super) fn cannot_write(source: std::io::Error) -> Error {
    Error::io("cannot write the records", source)
}

/// The exact bytes of a key that is not UTF-8, in base64.
pub(super) fn exact_key(record: &Record) -> Option<String> {
    let bytes = record.key.as_encoded_bytes();
    std::str::from_utf8(bytes).is_err().then(|| BASE64.encode(bytes))
}

/// The shape of a line.
#[derive(Serialize)]
struct Line<'a> {
    path: std::borrow::Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_base64: Option<String>,
    #[serde(flatten)]
    outcome: Outcome<'a>,
}

#[derive(Serialize)]
#[serde(tag = "status", rename_all = "lowercase")]
enum Outcome<'a> {
    Ok(Picture<'a>),
    Error {
        code: &'static str,
        #[serde(serialize_with = "display")]
        message: &'a Error,
    },
}

#[derive(Serialize)]
struct Picture<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<&'static str>,
    width: u32,
    height: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(serialize_with = "display")]
    detail: crate::Detail,
    #[serde(skip_serializing_if = "Option::is_none")]
    decoded: Option<f32>,
    backend: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fallback: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "display_some")]
    photodna: Option<&'a crate::PhotoDna>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strength: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "display_some")]
    pdq: Option<&'a crate::Pdq>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quality: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pdq_path: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "display_some")]
    pdq512: Option<&'a crate::Pdq>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quality512: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pdq512_path: Option<&'static str>,
    flags: Vec<&'static str>,
}

impl<'a> Line<'a> {
    fn new(record: &'a Record) -> Line<'a> {
        let outcome = match &record.outcome {
            Ok(hashed) => Outcome::Ok(Picture::new(hashed, record.bytes)),
            Err(error) => Outcome::Error { code: error.code(), message: error },
        };
        Line { path: record.key.to_string_lossy(), path_base64: exact_key(record), outcome }
    }
}

impl<'a> Picture<'a> {
    fn new(hashed: &'a Hashed, bytes: Option<u64>) -> Picture<'a> {
        let photodna = hashed.photodna.as_ref();
        let (pdq, pdq512) = (hashed.pdq.as_ref(), hashed.pdq512.as_ref());
        let path = |hash: &PdqHash| hash.path.name();
        Picture {
            format: hashed.format.map(crate::Format::name),
            width: hashed.width,
            height: hashed.height,
            bytes,
            detail: hashed.detail,
            decoded: hashed.whole,
            backend: hashed.backend.name(),
            fallback: hashed.fallback.as_deref(),
            photodna: photodna.map(|hash| &hash.signature),
            strength: photodna.map(|hash| hash.strength),
            pdq: pdq.map(|hash| &hash.signature),
            quality: pdq.map(|hash| hash.quality),
            pdq_path: pdq.map(path),
            pdq512: pdq512.map(|hash| &hash.signature),
            quality512: pdq512.map(|hash| hash.quality),
            pdq512_path: pdq512.map(path),
            flags: hashed.flags().map(crate::Flag::name).collect(),
        }
    }
}

fn display<S: Serializer>(value: impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&value)
}

fn display_some<S: Serializer>(value: &Option<impl Display>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}

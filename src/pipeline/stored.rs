//! Records as they are stored: what every sink writes, and what can be read from finished output and written again unchanged.
//!
//! A [`Record`] holds what a run computed, in the library's own types. A [`StoredRecord`] holds the same in the words of
//! files, so that a record of another version, with a flag or a code that this one does not know, survives a rewrite.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Record;
#[cfg(feature = "job")]
use super::record::skipped;
use super::source::name_from_bytes;
use crate::backend::Backend;
#[cfg(feature = "job")]
use crate::decode::says_no_picture;
use crate::decode::{Detail, Format, Viewing};
use crate::error::Error;
use crate::gallery::Columns;
use crate::hasher::{FaceHash, Flag, Hashed, PdqHash, PdqPath, PhotoDnaHash};
use crate::signature::{Pdq, PhotoDna};

/// A word or a sentence: of a fixed set when a run makes it, its own when it was read.
pub type Text = Cow<'static, str>;

/// One record as it is stored.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StoredRecord {
    /// As in [`Record::key`], exact.
    pub key: OsString,
    /// As in [`Record::source`], with U+FFFD for what is not UTF-8. Parquet always holds it; JSON lines and CSV leave it out
    /// where the key begins with it, since it would only repeat.
    pub source: Option<String>,
    /// The picture, or why there is none.
    pub outcome: Result<RecordPicture, RecordError>,
    /// As in [`Record::matches`].
    pub matches: Option<Vec<RecordMatch>>,
}

/// Why an input has no signature.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordError {
    /// As [`Error::code`] gives it: column `error_code`.
    pub code: Text,
    /// What happened, and what to do: column `error_message`.
    pub message: String,
}

/// What a picture gave, in the words of the records; see the fields of [`Hashed`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "docs/reference.md says what each field means")]
#[non_exhaustive]
pub struct RecordPicture {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Text>,
    pub width: u32,
    pub height: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    pub detail: Text,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decoded: Option<f32>,
    pub backend: Text,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "as_text")]
    pub photodna: Option<PhotoDna>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strength: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "as_text")]
    pub pdq: Option<Pdq>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pdq_path: Option<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "as_text")]
    pub pdq512: Option<Pdq>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality512: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pdq512_path: Option<Text>,
    pub flags: Vec<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub face: Option<Text>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faces: Vec<RecordFace>,
}

/// A further picture that the file shows; see [`FaceHash`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as in RecordPicture")]
#[non_exhaustive]
pub struct RecordFace {
    pub face: Text,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "as_text")]
    pub photodna: Option<PhotoDna>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strength: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "as_text")]
    pub pdq: Option<Pdq>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "as_text")]
    pub pdq512: Option<Pdq>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality512: Option<u8>,
}

/// An entry of a gallery that a picture matched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecordMatch {
    /// The gallery's path.
    pub gallery: String,
    /// The entry's key.
    pub key: String,
    /// The entry's label; empty where it has none.
    pub label: String,
    /// The list that the entry came from.
    pub source: String,
    /// Where in that list.
    pub position: u64,
    /// Which signature matched.
    pub algorithm: Text,
    /// How far apart the signatures are.
    pub distance: u32,
    /// How the picture was turned for it.
    pub orientation: Text,
    /// Which face of the file matched; `None` for the picture that the record's own signatures are of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub face: Option<Text>,
    /// What else the list says of the entry, as far as the gallery kept it.
    #[serde(default, skip_serializing_if = "Columns::is_empty")]
    pub columns: Columns,
}

impl From<&Record> for StoredRecord {
    fn from(record: &Record) -> StoredRecord {
        let outcome = match &record.outcome {
            Ok(hashed) => Ok(RecordPicture::new(hashed, record.bytes)),
            Err(error) => Err(error.into()),
        };
        let source = record.source.as_ref().map(|source| source.to_string_lossy().into_owned());
        StoredRecord { key: record.key.clone(), source, outcome, matches: record.matches.clone() }
    }
}

impl StoredRecord {
    /// A record of this key and outcome, without a source, not looked up.
    pub fn new(key: impl Into<OsString>, outcome: Result<RecordPicture, RecordError>) -> StoredRecord {
        StoredRecord { key: key.into(), source: None, outcome, matches: None }
    }

    /// The picture, where there is one.
    pub fn picture(&self) -> Option<&RecordPicture> {
        self.outcome.as_ref().ok()
    }

    /// Why there is no picture, where there is none.
    pub fn error(&self) -> Option<&RecordError> {
        self.outcome.as_ref().err()
    }

    /// As [`Record::is_skipped`]; `false` where the source is not known.
    #[cfg(feature = "job")]
    pub(crate) fn is_skipped(&self) -> bool {
        let is_skipped = |source: &String| {
            skipped::is_skipped(self.key.to_string_lossy().as_ref().as_ref(), source.as_ref())
        };
        self.error().is_some_and(|error| says_no_picture(&error.message))
            && self.source.as_ref().is_some_and(is_skipped)
    }

    /// The source, where the key does not begin with it.
    pub(super) fn unrepeated_source(&self) -> Option<&str> {
        let key = self.key.to_string_lossy();
        self.source.as_deref().filter(|source| !key.starts_with(source))
    }
}

impl From<&Error> for RecordError {
    fn from(error: &Error) -> RecordError {
        RecordError { code: error.code().into(), message: error.to_string() }
    }
}

impl RecordPicture {
    /// What records say of a hashed picture; `bytes` is the length of its encoded file, where there was one.
    pub fn new(hashed: &Hashed, bytes: Option<u64>) -> RecordPicture {
        let photodna = hashed.photodna.as_ref();
        let (pdq, pdq512) = (hashed.pdq.as_ref(), hashed.pdq512.as_ref());
        RecordPicture {
            format: hashed.format.map(|format| format.name().into()),
            width: hashed.width,
            height: hashed.height,
            bytes,
            detail: hashed.detail.to_string().into(),
            decoded: hashed.whole,
            backend: hashed.backend.name().into(),
            fallback: hashed.fallback.as_deref().map(Into::into),
            photodna: photodna.map(|hash| hash.signature),
            strength: photodna.map(|hash| hash.strength),
            pdq: pdq.map(|hash| hash.signature),
            quality: pdq.map(|hash| hash.quality),
            pdq_path: pdq.map(|hash| hash.path.name().into()),
            pdq512: pdq512.map(|hash| hash.signature),
            quality512: pdq512.map(|hash| hash.quality),
            pdq512_path: pdq512.map(|hash| hash.path.name().into()),
            flags: hashed.flags().map(|flag: Flag| flag.name().into()).collect(),
            face: hashed.face.map(|face| face.to_string().into()),
            faces: hashed.faces.iter().map(RecordFace::new).collect(),
        }
    }
}

impl RecordPicture {
    /// What hashing gave, as far as records say it: without orientations and further frames. `None` where a word or a signature is none of this version's,
    /// or what would be written of it again is not the same.
    pub fn hashed(&self) -> Option<Hashed> {
        let pdq = |signature: Option<Pdq>, quality: Option<u8>, path: Option<&Text>| match signature {
            Some(signature) => {
                let path = match path.map(|path| &**path) {
                    Some("reference") => PdqPath::Reference,
                    _ => PdqPath::Fast,
                };
                Some(Some(PdqHash { signature, quality: quality?, path, orientations: None }))
            }
            None => Some(None),
        };
        let photodna = |signature: Option<PhotoDna>, strength: Option<f64>| match signature {
            Some(signature) => Some(Some(PhotoDnaHash { signature, strength: strength? })),
            None => Some(None),
        };
        let face = |of: &RecordFace| {
            Some(FaceHash {
                face: of.face.parse().ok()?,
                photodna: photodna(of.photodna, of.strength)?,
                pdq: pdq(of.pdq, of.quality, None)?,
                pdq512: pdq(of.pdq512, of.quality512, None)?,
                thumbnail: None,
            })
        };
        let has = |flag: Flag| self.flags.iter().any(|name| name == flag.name());
        let hashed = Hashed {
            format: self
                .format
                .as_deref()
                .map(Format::of_name)
                .map_or(Some(None), |format| format.map(Some))?,
            width: self.width,
            height: self.height,
            detail: Detail::of_name(&self.detail)?,
            whole: self.decoded,
            viewing: Viewing {
                alpha: has(Flag::Alpha),
                profile: has(Flag::Profile),
                animated: has(Flag::Animated),
                pages: has(Flag::Pages),
                oriented: has(Flag::Oriented),
                unusual: has(Flag::Unusual),
            },
            backend: [Backend::Cpu, Backend::Gpu]
                .into_iter()
                .find(|backend| backend.name() == self.backend)?,
            fallback: self.fallback.as_deref().map(Into::into),
            photodna: photodna(self.photodna, self.strength)?,
            pdq: pdq(self.pdq, self.quality, self.pdq_path.as_ref())?,
            pdq512: pdq(self.pdq512, self.quality512, self.pdq512_path.as_ref())?,
            face: match &self.face {
                Some(name) => Some(name.parse().ok()?),
                None => None,
            },
            faces: self.faces.iter().map(face).collect::<Option<_>>()?,
            frames: Vec::new(),
            shading: None,
            luminance: None,
            thumbnail: None,
        };
        (RecordPicture::new(&hashed, self.bytes) == *self).then_some(hashed)
    }
}

impl RecordFace {
    fn new(hash: &FaceHash) -> RecordFace {
        let FaceHash { face, photodna, pdq, pdq512, thumbnail: _ } = hash;
        RecordFace {
            face: face.to_string().into(),
            photodna: photodna.map(|hash| hash.signature),
            strength: photodna.map(|hash| hash.strength),
            pdq: pdq.as_ref().map(|hash| hash.signature),
            quality: pdq.as_ref().map(|hash| hash.quality),
            pdq512: pdq512.as_ref().map(|hash| hash.signature),
            quality512: pdq512.as_ref().map(|hash| hash.quality),
        }
    }
}

/// The exact bytes of a key that is not UTF-8.
pub(super) fn key_bytes(key: &OsStr) -> Option<&[u8]> {
    let bytes = key.as_encoded_bytes();
    std::str::from_utf8(bytes).is_err().then_some(bytes)
}

/// Those bytes as texts have them.
pub(super) fn key_text(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// A key from what [`key_text`] gave, or from its readable form.
pub(super) fn key_of(readable: String, exact: Option<&str>) -> Result<OsString, String> {
    match exact {
        None => Ok(readable.into()),
        Some(exact) => BASE64.decode(exact).map(name_from_bytes).map_err(|error| error.to_string()),
    }
}

/// Signatures as their texts.
mod as_text {
    use super::*;

    pub(super) fn serialize<T: Display, S: Serializer>(value: &Option<T>, to: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => to.collect_str(value),
            None => to.serialize_none(),
        }
    }

    /// Says nothing of the text, which may be a signature.
    pub(super) fn deserialize<'de, T: FromStr, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
        let text: Option<String> = Option::deserialize(from)?;
        let parsed = text.map(|text| text.parse().map_err(|_| serde::de::Error::custom("no signature")));
        parsed.transpose()
    }
}

//! Records of a Parquet file, by the names of its columns.

use std::fs::File;
use std::mem;

use parquet::record::{Field, Row as Group};

use crate::error::{Error, Result};
use crate::gallery::Columns;
use crate::parquet::open;
use crate::pipeline::sink::{StoredRecords, unreadable};
use crate::pipeline::source::name_from_bytes;
use crate::pipeline::stored::{RecordError, RecordFace, RecordMatch, RecordPicture, StoredRecord, Text};
use crate::signature::{Pdq, PhotoDna};

/// The records of finished output; the first that cannot be read ends them.
pub(in crate::pipeline::sink) fn read(file: File) -> Result<StoredRecords> {
    let rows = open(file)?.all_rows();
    let mut ended = false;
    let records = (1..).zip(rows).map_while(move |(number, group)| {
        let record = match group {
            Ok(group) => record(&group).map_err(|message| unreadable(number, &message)),
            Err(Error::Corrupt { message, .. }) => Err(unreadable(number, &message)),
            Err(error) => Err(error),
        };
        let last = mem::replace(&mut ended, record.is_err());
        (!last).then_some(record)
    });
    Ok(Box::new(records))
}

/// Named values of a row, as far as they are there.
struct Values<'a>(&'a Group);

impl<'a> Values<'a> {
    fn get(&self, name: &str) -> Option<&'a Field> {
        let found = self.0.get_column_iter().find(|(column, _)| *column == name);
        found.map(|(_, value)| value).filter(|value| !matches!(value, Field::Null))
    }

    fn text(&self, name: &str) -> Option<String> {
        match self.get(name)? {
            Field::Str(text) => Some(text.clone()),
            _ => None,
        }
    }

    fn word(&self, name: &str) -> Option<Text> {
        self.text(name).map(Text::from)
    }

    fn bytes(&self, name: &str) -> Option<&'a [u8]> {
        match self.get(name)? {
            Field::Bytes(bytes) => Some(bytes.data()),
            _ => None,
        }
    }

    fn number(&self, name: &str) -> Option<u64> {
        match *self.get(name)? {
            Field::UByte(number) => Some(number.into()),
            Field::UInt(number) => Some(number.into()),
            Field::ULong(number) => Some(number),
            Field::Long(number) => u64::try_from(number).ok(),
            _ => None,
        }
    }

    fn small(&self, name: &str) -> Option<u8> {
        self.number(name).and_then(|number| u8::try_from(number).ok())
    }

    fn double(&self, name: &str) -> Option<f64> {
        match self.get(name)? {
            Field::Double(number) => Some(*number),
            _ => None,
        }
    }

    fn elements(&self, name: &str) -> Option<&'a [Field]> {
        match self.get(name)? {
            Field::ListInternal(list) => Some(list.elements()),
            _ => None,
        }
    }
}

fn record(group: &Group) -> Result<StoredRecord, String> {
    let values = Values(group);
    let readable = values.text("key").ok_or("the key is missing")?;
    let matches = values.elements("matches").map(|matches| matches.iter().map(found_match).collect());
    Ok(StoredRecord {
        key: values
            .bytes("key_bytes")
            .map_or_else(|| readable.into(), |bytes| name_from_bytes(bytes.to_vec())),
        source: values.text("source"),
        outcome: match values.text("status").as_deref() {
            Some("ok") => Ok(picture(&values)?),
            Some("error") => Err(RecordError {
                code: values.word("error_code").ok_or("the error has no code")?,
                message: values.text("error_message").unwrap_or_default(),
            }),
            _ => return Err("the status is neither ok nor error".to_string()),
        },
        matches: matches.transpose()?,
    })
}

fn picture(values: &Values<'_>) -> Result<RecordPicture, String> {
    let side = |name: &str| {
        let side = values.number(name).and_then(|side| u32::try_from(side).ok());
        side.ok_or_else(|| format!("{name} is missing"))
    };
    let small = |name: &str| values.small(name);
    let pdq = |name: &str| values.bytes(name).and_then(|bytes| bytes.try_into().ok()).map(Pdq);
    let decoded = values.get("decoded").and_then(|value| match value {
        Field::Float(share) => Some(*share),
        _ => None,
    });
    let flags = values.elements("flags").unwrap_or_default().iter().filter_map(|flag| match flag {
        Field::Str(flag) => Some(flag.clone().into()),
        _ => None,
    });
    Ok(RecordPicture {
        format: values.word("format"),
        width: side("width")?,
        height: side("height")?,
        bytes: values.number("bytes"),
        detail: values.word("detail").ok_or("the detail is missing")?,
        decoded,
        backend: values.word("backend").ok_or("the backend is missing")?,
        fallback: values.text("fallback"),
        photodna: values.bytes("photodna").and_then(|bytes| bytes.try_into().ok()).map(PhotoDna),
        strength: values.double("strength"),
        pdq: pdq("pdq"),
        quality: small("quality"),
        pdq_path: values.word("pdq_path"),
        pdq512: pdq("pdq512"),
        quality512: small("quality512"),
        pdq512_path: values.word("pdq512_path"),
        flags: flags.collect(),
        face: values.word("face"),
        faces: values.elements("faces").unwrap_or_default().iter().map(face).collect::<Result<_, _>>()?,
    })
}

fn face(field: &Field) -> Result<RecordFace, String> {
    let Field::Group(group) = field else { return Err("a face is no group of values".to_string()) };
    let values = Values(group);
    let pdq = |name: &str| values.bytes(name).and_then(|bytes| bytes.try_into().ok()).map(Pdq);
    Ok(RecordFace {
        face: values.word("face").ok_or("a face has no name")?,
        photodna: values.bytes("photodna").and_then(|bytes| bytes.try_into().ok()).map(PhotoDna),
        strength: values.double("strength"),
        pdq: pdq("pdq"),
        quality: values.small("quality"),
        pdq512: pdq("pdq512"),
        quality512: values.small("quality512"),
    })
}

fn found_match(field: &Field) -> Result<RecordMatch, String> {
    let Field::Group(group) = field else { return Err("a match is no group of values".to_string()) };
    let values = Values(group);
    let text = |name: &str| values.text(name).ok_or_else(|| format!("a match has no {name}"));
    let number = |name: &str| values.number(name).ok_or_else(|| format!("a match has no {name}"));
    let columns = values
        .text("columns")
        .map(|text| Columns::of_json(&text).ok_or("the columns of a match cannot be read"));
    Ok(RecordMatch {
        gallery: text("gallery")?,
        key: text("key")?,
        label: text("label")?,
        source: text("source")?,
        position: number("position")?,
        algorithm: text("algorithm")?.into(),
        distance: u32::try_from(number("distance")?).map_err(|_| "a distance is too large")?,
        orientation: text("orientation")?.into(),
        face: values.word("face"),
        columns: columns.transpose()?.unwrap_or_default(),
    })
}

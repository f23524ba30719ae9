//! JSON: lines of objects, and documents of any size with records in them.
//!
//! In a document, an object with a signature, an id or a digest of its own is a record; arrays called `value`, `Media` or the like are
//! walked without being held. So VICS hash sets and cases, and plain arrays, are read alike. The position is the number of the
//! record from 1; of a line, the line.

use std::cell::RefCell;
use std::fmt;
use std::io::{BufReader, Read};

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::bounded::{Allowance, Bounded, without_mark};
use super::fields::{Field, Fields};
use super::text::each_line;
use super::{Item, Take, damaged};
use crate::error::{Error, Result};

/// Whether the first line is an object by itself.
pub(super) fn is_lines(start: &[u8]) -> bool {
    let line = start.split(|&byte| byte == b'\n').next().unwrap_or_default();
    serde_json::from_slice::<IgnoredAny>(line).is_ok() && !holds_records(line)
}

/// Whether an object is a document around records rather than a record.
fn holds_records(line: &[u8]) -> bool {
    let value: Option<Value> = serde_json::from_slice(line).ok();
    value.is_some_and(|value| {
        ["value", "Media", "odata.metadata", "@odata.context"]
            .iter()
            .any(|name| value.get(name).is_some_and(|inner| inner.is_array() || name.contains("odata")))
    })
}

/// Reads one object a line.
pub(super) fn read_lines(reader: impl Read, take: Take<'_>) -> Result<()> {
    each_line(reader, |position, line| {
        let Some(line) = line else {
            return take(Item::Bad {
                position,
                reason: "the line is no UTF-8, or longer than 16 MiB".into(),
            });
        };
        if line.trim().is_empty() {
            return Ok(());
        }
        match serde_json::from_str::<Value>(line) {
            Ok(Value::Object(members)) => {
                let mut fields = Fields::default();
                members.iter().for_each(|(name, value)| set(&mut fields, name, value));
                take(fields.item(position))
            }
            Ok(_) => take(Item::Bad { position, reason: "the line is no JSON object".into() }),
            Err(error) => take(Item::Bad { position, reason: broken(&error) }),
        }
    })
}

/// What is wrong, without quoting the content.
fn broken(error: &serde_json::Error) -> String {
    format!("no JSON at column {}", error.column())
}

/// Takes a member's value where it means something.
fn set(fields: &mut Fields, name: &str, value: &Value) {
    if name == "AlternativeHashes" {
        let each = value.as_array().into_iter().flatten();
        each.for_each(|hash| set_alternative(fields, hash));
        return;
    }
    let Some(field) = Field::named(name) else { return };
    match value {
        Value::String(text) => fields.set(field, text),
        Value::Number(number) => fields.set(field, &number.to_string()),
        Value::Bool(value) => fields.set(field, &value.to_string()),
        Value::Array(all) if matches!(field, Field::PhotoDna | Field::Signature) && all.len() == 144 => {
            let numbers: Vec<String> = all.iter().map(Value::to_string).collect();
            fields.set(field, &numbers.join(","));
        }
        Value::Array(all) => all.iter().filter_map(Value::as_str).for_each(|text| fields.set(field, text)),
        Value::Null | Value::Object(_) => {}
    }
}

/// A VICS record's further digest: `{"HashName": "PhotoDNA", "HashValue": …}`.
fn set_alternative(fields: &mut Fields, hash: &Value) {
    let member = |name: &str| hash.get(name).and_then(Value::as_str);
    if let (Some(name), Some(value)) = (member("HashName"), member("HashValue"))
        && let Some(field @ (Field::PhotoDna | Field::Pdq)) = Field::named(name)
    {
        fields.set(field, value);
    }
}

/// Reads one document.
pub(super) fn read_document(reader: impl Read, take: Take<'_>) -> Result<()> {
    let (reader, allowance) = Bounded::new(reader);
    let reader = BufReader::with_capacity(1 << 18, reader);
    let reader = without_mark(reader).map_err(|source| Error::io("cannot read the list", source))?;
    let walk = RefCell::new(Walk { take, allowance, records: 0, failure: None });
    let mut json = serde_json::Deserializer::from_reader(reader);
    let outcome = Records(&walk).deserialize(&mut json).and_then(|_| json.end());
    let walk = walk.into_inner();
    match (walk.failure, outcome) {
        (Some(failure), _) => Err(failure),
        (None, Ok(())) => Ok(()),
        (None, Err(error)) => {
            let what = if error.is_eof() { "it ends too early" } else { "it is no JSON" };
            let (line, column) = (error.line(), error.column());
            let io = if error.is_io() { format!(" ({error})") } else { String::new() };
            Err(damaged(format!(
                "{what} at line {line}, column {column}{io}, after {} records; the rest cannot be read",
                walk.records
            )))
        }
    }
}

/// What goes along on the way through a document.
struct Walk<'a> {
    take: Take<'a>,
    allowance: Allowance,
    records: u64,
    /// Why `take` ended the reading.
    failure: Option<Error>,
}

impl Walk<'_> {
    fn tell(&mut self, fields: Fields) -> std::result::Result<(), ()> {
        self.records += 1;
        self.allowance.renew();
        (self.take)(fields.item(self.records)).map_err(|failure| self.failure = Some(failure))
    }
}

/// Anything that may hold records; says whether it was a lone value, which it gives back.
struct Records<'a, 'b>(&'a RefCell<Walk<'b>>);

impl<'de> DeserializeSeed<'de> for Records<'_, '_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> std::result::Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Records<'_, '_> {
    type Value = Option<Value>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> std::result::Result<Self::Value, A::Error> {
        while all.next_element_seed(Records(self.0))?.is_some() {
            self.0.borrow().allowance.renew();
        }
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> std::result::Result<Self::Value, A::Error> {
        let mut fields = Fields::default();
        let mut record = false;
        while let Some(name) = members.next_key::<String>()? {
            if walked(&name) {
                members.next_value_seed(Records(self.0))?;
            } else if let Some(field) = known(&name) {
                set(&mut fields, &name, &members.next_value::<Value>()?);
                record |= !matches!(field, Some(Field::Label(_) | Field::Kind | Field::Flags));
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        if record {
            self.0.borrow_mut().tell(fields).map_err(|()| A::Error::custom("ended"))?;
        }
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> std::result::Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> std::result::Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> std::result::Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> std::result::Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> std::result::Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> std::result::Result<Self::Value, E> {
        Ok(None)
    }
}

/// Members that are arrays of records, walked one element at a time.
fn walked(name: &str) -> bool {
    matches!(name, "value" | "Media" | "media" | "Cases" | "records" | "images" | "hashes" | "data")
}

/// Members of a record: a field, or `None` for the list of further digests.
fn known(name: &str) -> Option<Option<Field>> {
    if name == "AlternativeHashes" { Some(None) } else { Field::named(name).map(Some) }
}

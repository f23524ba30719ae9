//! What lists call things: named values to an entry.

use super::Item;
use crate::gallery::Entry;
use crate::signature::{Pdq, PhotoDna};

/// Strength under which our records call a PhotoDNA-class signature flat.
const FLAT_STRENGTH: f64 = 400.0;

/// What a column or field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    PhotoDna,
    Pdq,
    /// Either, told by its length.
    Signature,
    /// An algorithm's name, for a signature beside it.
    Kind,
    /// A key; the lower the number the better.
    Key(u8),
    Label(u8),
    Quality,
    Strength,
    Flags,
}

impl Field {
    /// Case, blanks and punctuation of a name do not matter.
    pub(super) fn named(name: &str) -> Option<Field> {
        let plain: String =
            name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
        Some(match plain.as_str() {
            "photodna" | "pdna" | "photodnahash" | "hashphotodna" => Field::PhotoDna,
            "pdq" | "pdqhash" | "hashpdq" => Field::Pdq,
            "hash" | "hashvalue" | "value" | "signature" | "indicator" => Field::Signature,
            "type" | "hashname" | "hashtype" | "algorithm" | "signaltype" => Field::Kind,
            "id" | "key" | "imageid" | "mediaid" => Field::Key(0),
            "path" | "file" | "filename" | "name" => Field::Key(1),
            "md5" => Field::Key(2),
            "sha1" => Field::Key(3),
            "sha256" => Field::Key(4),
            "label" => Field::Label(0),
            "category" | "classification" => Field::Label(1),
            "baseline" | "seriesname" => Field::Label(2),
            "quality" | "pdqquality" => Field::Quality,
            "strength" => Field::Strength,
            "flags" => Field::Flags,
            _ => return None,
        })
    }
}

/// One record as it is read, field by field.
#[derive(Debug, Default)]
pub(super) struct Fields {
    photodna: Option<String>,
    pdq: Option<String>,
    signature: Option<String>,
    kind: Option<String>,
    key: Option<(u8, String)>,
    label: Option<(u8, String)>,
    quality: Option<String>,
    flat: bool,
    bad: Option<String>,
}

impl Fields {
    /// Takes a value; empty ones count as not there.
    pub(super) fn set(&mut self, field: Field, value: &str) {
        let value = value.trim();
        if value.is_empty() {
            return;
        }
        let better = |kept: &Option<(u8, String)>, rank: u8| kept.as_ref().is_none_or(|kept| rank < kept.0);
        match field {
            Field::PhotoDna => self.photodna = Some(value.into()),
            Field::Pdq => self.pdq = Some(value.into()),
            Field::Signature => self.signature = Some(value.into()),
            Field::Kind => self.kind = Some(value.into()),
            Field::Key(rank) if better(&self.key, rank) => self.key = Some((rank, value.into())),
            Field::Label(rank) if better(&self.label, rank) => self.label = Some((rank, value.into())),
            Field::Key(_) | Field::Label(_) => {}
            Field::Quality => self.quality = Some(value.into()),
            Field::Strength => {
                self.flat |= value.parse::<f64>().is_ok_and(|strength| strength < FLAT_STRENGTH);
            }
            Field::Flags => self.flat |= value.split_whitespace().any(|flag| flag == "flat"),
        }
    }

    /// Takes the bytes of a signature, by the name of their column or by their number.
    pub(super) fn set_bytes(&mut self, field: Field, value: &[u8]) {
        if let Ok(text) = str::from_utf8(value)
            && !matches!(value.len(), 144 | 32)
        {
            return self.set(field, text);
        }
        match (field, value.len()) {
            // An MD5 in hexadecimal.
            (Field::Signature, 32) if value.iter().all(u8::is_ascii_hexdigit) => {}
            (Field::PhotoDna | Field::Signature, 144) => {
                self.photodna = value.try_into().ok().map(|bytes| PhotoDna(bytes).to_string());
            }
            (Field::Pdq | Field::Signature, 32) => {
                self.pdq = value.try_into().ok().map(|bytes| Pdq(bytes).to_string());
            }
            (Field::PhotoDna | Field::Pdq | Field::Signature, length) => {
                self.bad = Some(format!("{length} bytes are no signature of this column"));
            }
            _ => self.set(field, &String::from_utf8_lossy(value)),
        }
    }

    /// The record's item; `position` is what the format counts.
    pub(super) fn item(self, position: u64) -> Item {
        match self.entry(position) {
            Ok(Some(entry)) => Item::Entry(entry),
            Ok(None) => Item::WithoutSignature { position },
            Err(reason) => Item::Bad { position, reason },
        }
    }

    fn entry(mut self, position: u64) -> Result<Option<Entry>, String> {
        if let Some(reason) = self.bad.take() {
            return Err(reason);
        }
        self.place_signature()?;
        let photodna: Option<PhotoDna> = parsed(self.photodna)?;
        let pdq: Option<Pdq> = parsed(self.pdq)?;
        let quality = match self.quality.as_deref().map(str::parse::<u8>) {
            Some(Ok(quality @ 0..=100)) => Some(quality),
            None => None,
            Some(_) => return Err("the quality is no number from 0 to 100".into()),
        };
        if photodna.is_none() && pdq.is_none() {
            return Ok(None);
        }
        Ok(Some(Entry {
            key: self.key.map(|key| key.1).unwrap_or_default(),
            label: self.label.map(|label| label.1).unwrap_or_default(),
            position,
            flat: self.flat,
            quality,
            photodna,
            pdq,
        }))
    }

    /// Gives a signature of a column such as `hash` to the algorithm that its neighbour or its length names.
    fn place_signature(&mut self) -> Result<(), String> {
        let Some(value) = self.signature.take() else { return Ok(()) };
        let named = self.kind.as_deref().map(Field::named);
        match named {
            Some(Some(Field::PhotoDna)) => self.photodna = Some(value),
            Some(Some(Field::Pdq)) => self.pdq = Some(value),
            // Another algorithm's value, such as an MD5: nothing for us.
            Some(_) => {}
            None => match value.len() {
                64 => self.pdq = Some(value),
                // MD5 and SHA-1 in hexadecimal or base64; a SHA-256 in hexadecimal cannot be told from a PDQ signature.
                32 | 40 | 24 | 28 => {}
                _ => self.photodna = Some(value),
            },
        }
        Ok(())
    }
}

fn parsed<T: std::str::FromStr<Err = crate::Error>>(text: Option<String>) -> Result<Option<T>, String> {
    text.map(|text| text.parse().map_err(|error: crate::Error| error.to_string())).transpose()
}

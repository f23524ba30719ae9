//! One record of a list: named values, and the entries that they are.

use std::collections::HashSet;
use std::hash::Hash;

use super::kept::KeptColumns;
use super::names::{Field, Kind};
use super::value::{self, is_absent};
use super::{Give, Item};
use crate::error::{Error, Result};
use crate::gallery::Entry;
use crate::signature::{Pdq, PhotoDna};

/// Strength under which our records call a PhotoDNA-class signature flat.
const FLAT_STRENGTH: f64 = 400.0;

/// Most signatures that a record holds before they are passed on.
pub(super) const MOST_VALUES: usize = 4096;

/// The rank of a key that is only the name of what a record was found in.
const WEAKEST_KEY: u8 = 9;

/// One record as it is read, field by field. Every signature in it is an entry; the first PhotoDNA-class and the first PDQ
/// signature are one together.
#[derive(Debug, Default)]
pub(super) struct Fields {
    photodna: Vec<PhotoDna>,
    pdq: Vec<Pdq>,
    /// Signatures of fields that do not say which, with whether an algorithm's name has to.
    unplaced: Vec<(String, bool)>,
    kind: Option<Kind>,
    key: Option<(u8, String)>,
    label: Option<(u8, String)>,
    /// One for all PDQ signatures, or one for each.
    qualities: Vec<Option<u8>>,
    flat: bool,
    /// Whether a strength has said if it is flat.
    judged: bool,
    deleted: bool,
    /// Further pictures of the same file, each with the values of its columns.
    faces: Vec<Fields>,
    /// What could not be read; without the record's content.
    faults: Vec<String>,
    /// What else is kept.
    pub(super) further: KeptColumns,
    /// Whether what names the signatures is taken for a signature's only where no other reading makes sense.
    pub(super) doubtful: bool,
}

impl Fields {
    /// Empties it, with its memory kept.
    pub(super) fn clear(&mut self) {
        let Fields {
            photodna,
            pdq,
            unplaced,
            kind,
            key,
            label,
            qualities,
            flat,
            judged,
            deleted,
            faces,
            faults,
            further,
            doubtful,
        } = self;
        faces.clear();
        further.clear();
        *judged = false;
        photodna.clear();
        pdq.clear();
        unplaced.clear();
        qualities.clear();
        faults.clear();
        (*kind, *key, *label) = (None, None, None);
        (*flat, *deleted, *doubtful) = (false, false, false);
    }

    /// Takes a value; empty ones count as not there.
    pub(super) fn set(&mut self, field: Field, value: &str) {
        let value = value.trim();
        if value.is_empty() {
            return;
        }
        let better = |kept: &Option<(u8, String)>, rank: u8| kept.as_ref().is_none_or(|kept| rank < kept.0);
        match field {
            Field::PhotoDna => self.photodna(value),
            Field::Pdq => self.pdq(value),
            Field::Signature | Field::NamedElsewhere if is_absent(value) => {}
            Field::Signature => self.unplaced.push((value.into(), false)),
            Field::NamedElsewhere => self.unplaced.push((value.into(), true)),
            Field::Kind => self.kind(value),
            Field::Key(rank) if better(&self.key, rank) => self.key = Some((rank, value.into())),
            Field::Label(rank) if better(&self.label, rank) => self.label = Some((rank, value.into())),
            Field::Key(_) | Field::Label(_) => {}
            Field::Quality => self.quality(value),
            Field::Strength => {
                let strength = value.parse::<f64>().ok();
                self.judged |= strength.is_some();
                self.flat |= strength.is_some_and(|strength| strength < FLAT_STRENGTH);
            }
            Field::Faces => self.faces(value),
            Field::Flags => self.flat |= value.split_whitespace().any(|flag| flag == "flat"),
            Field::ShouldDelete => {
                self.deleted |= matches!(value.to_ascii_lowercase().as_str(), "true" | "1" | "yes");
            }
            Field::HashStatus => self.deleted |= matches!(value, "Withdrawn" | "Deleted"),
        }
    }

    /// Takes the bytes of a signature, by the name of their column or by their number.
    pub(super) fn set_bytes(&mut self, field: Field, value: &[u8]) {
        match (field, value.len()) {
            // An MD5 in hexadecimal.
            (Field::Signature, 32) if value.iter().all(u8::is_ascii_hexdigit) => {}
            (Field::PhotoDna | Field::Signature, 144) => self.photodna.extend(value.try_into().map(PhotoDna)),
            (Field::Pdq | Field::Signature, 32) => self.pdq.extend(value.try_into().map(Pdq)),
            _ => match str::from_utf8(value) {
                Ok(text) => self.set(field, text),
                Err(_) if field.holds_signatures() => {
                    self.fault(format!("{} bytes are no signature of this column", value.len()));
                }
                Err(_) => self.set(field, &String::from_utf8_lossy(value)),
            },
        }
    }

    /// Something of the record that cannot be read.
    pub(super) fn fault(&mut self, reason: String) {
        if !self.faults.contains(&reason) {
            self.faults.push(reason);
        }
    }

    fn photodna(&mut self, text: &str) {
        match value::photodna(text) {
            Some(signature) => self.photodna.push(signature),
            None if is_absent(text) => {}
            None => self.several(Field::PhotoDna, text),
        }
    }

    fn pdq(&mut self, text: &str) {
        match value::pdq(text) {
            Some(signature) => self.pdq.push(signature),
            None if is_absent(text) => {}
            None => self.several(Field::Pdq, text),
        }
    }

    /// Takes a text that is no signature for several with something between, each perhaps behind its algorithm's name or followed by
    /// its quality.
    fn several(&mut self, field: Field, text: &str) {
        let before = self.photodna.len() + self.pdq.len();
        let mut odd = 0;
        for part in text.split(|c: char| matches!(c, ',' | ';' | '|' | ':' | '=') || c.is_whitespace()) {
            let part = part.trim_matches(['"', '\'', '[', ']', '{', '}']);
            let photodna = value::photodna(part).filter(|_| field != Field::Pdq);
            let pdq = value::pdq(part).filter(|_| field != Field::PhotoDna);
            match Kind::named(part) {
                _ if photodna.is_some() || pdq.is_some() => {
                    self.photodna.extend(photodna);
                    self.pdq.extend(pdq);
                }
                Kind::Other if field == Field::Signature => return,
                Kind::PhotoDna | Kind::Pdq => {}
                _ if part.is_empty() || is_absent(part) => {}
                _ if field != Field::PhotoDna && part.parse::<u8>().is_ok_and(|number| number <= 100) => {
                    self.quality(part);
                }
                _ => odd += 1,
            }
        }
        if self.photodna.len() + self.pdq.len() == before {
            self.fault(no_signature(field, text));
        } else if odd > 0 {
            self.fault(format!("{odd} of the values in one field are no signatures of its kind"));
        }
    }

    /// A word that names no algorithm here takes nothing from one that did.
    fn kind(&mut self, word: &str) {
        match Kind::named(word) {
            Kind::Unknown => self.kind = self.kind.or(Some(Kind::Unknown)),
            kind => self.kind = Some(kind),
        }
    }

    /// A whole number, perhaps written as a fraction.
    fn quality(&mut self, text: &str) {
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite()).map(f64::round);
        match number {
            Some(quality @ 0.0..=100.0) => self.qualities.push(Some(quality as u8)),
            None if is_absent(text) || is_absent(&text.to_ascii_lowercase()) => self.qualities.push(None),
            _ => {
                self.qualities.push(None);
                self.fault("the quality is no number from 0 to 100".into());
            }
        }
    }

    /// Gives signatures of columns such as `hash` to the algorithm that their neighbour or their length names; to be called when all
    /// fields are there.
    pub(super) fn place(&mut self) {
        if !self.unplaced.is_empty() {
            self.kind_by_name();
        }
        for (text, needs_name) in std::mem::take(&mut self.unplaced) {
            match self.kind {
                Some(Kind::PhotoDna) => self.photodna(&text),
                Some(Kind::Pdq) => self.pdq(&text),
                Some(Kind::Other) => {}
                None if !needs_name && !self.doubtful => self.place_by_length(&text),
                // In a place that says nothing, hexadecimal of 32 bytes may be a SHA-256.
                _ if needs_name || self.doubtful => self.photodna.extend(value::photodna(&text)),
                _ => {
                    self.pdq.extend(value::pdq(&text));
                    self.photodna.extend(value::photodna(&text));
                }
            }
        }
    }

    /// What names a signature may stand under `name`, where files' names do.
    fn kind_by_name(&mut self) {
        if self.kind.is_none()
            && let Some((1, name)) = &self.key
            && (Field::named(name).is_some_and(Field::holds_signatures)
                || name.len() < 9 && Kind::named(name) == Kind::Other)
        {
            self.kind = Some(Kind::named(name));
            self.key = None;
        }
    }

    fn place_by_length(&mut self, text: &str) {
        match text.len() {
            64 => self.pdq(text),
            // MD5, SHA-1 and SHA-512 in hexadecimal or base64; a SHA-256 in hexadecimal looks like a PDQ signature.
            32 | 40 | 128 | 24 | 28 | 88 => {}
            _ => match (value::photodna(text), value::pdq(text)) {
                (Some(signature), _) => self.photodna.push(signature),
                (None, Some(signature)) => self.pdq.push(signature),
                (None, None) => self.several(Field::Signature, text),
            },
        }
    }

    /// Whether it holds a signature, whatever else.
    pub(super) fn has_signature(&self) -> bool {
        !(self.photodna.is_empty() && self.pdq.is_empty() && self.unplaced.is_empty())
    }

    /// Whether something in it cannot be read, or nothing in it is a signature.
    pub(super) fn is_odd(&self) -> bool {
        !self.faults.is_empty() || !self.has_signature()
    }

    /// The name of what it was found in, as a key where there is no other.
    pub(super) fn set_name(&mut self, name: &str) {
        self.key = Some((WEAKEST_KEY, name.into()));
    }

    /// Its signatures are of this field, where no other field says otherwise.
    pub(super) fn expect(&mut self, field: Field) {
        match field {
            Field::PhotoDna => self.kind = Some(Kind::PhotoDna),
            Field::Pdq => self.kind = Some(Kind::Pdq),
            _ => {}
        }
    }

    fn key_rank(&self) -> u8 {
        self.key.as_ref().map_or(u8::MAX, |key| key.0)
    }

    /// Whether it has an id, a name or a digest of its own.
    pub(super) fn has_key(&self) -> bool {
        self.key_rank() < WEAKEST_KEY
    }

    /// Whether it is a record by itself.
    pub(super) fn is_record(&self) -> bool {
        self.has_key() || self.has_signature() || !self.faults.is_empty() || self.deleted
    }

    /// Whether it takes back an entry that it names.
    pub(super) fn takes_back(&self) -> bool {
        self.deleted && self.has_key()
    }

    /// Whether it is given, where others of the same record are given or not.
    pub(super) fn is_given(&self, others: bool) -> bool {
        !others || self.has_signature() || !self.faults.is_empty() || self.takes_back()
    }

    /// Whether it holds anything that `record`, which it is a part of, does not.
    pub(super) fn says_more_than(&self, record: &Fields) -> bool {
        !self.faults.is_empty()
            || self.photodna.iter().any(|signature| !record.photodna.contains(signature))
            || self.pdq.iter().any(|signature| !record.pdq.contains(signature))
    }

    /// Whether it and its parts are one entry: no part has an id, and there is at most one signature of each kind.
    pub(super) fn is_one_with(&self, parts: &[Fields]) -> bool {
        let all = || std::iter::once(self).chain(parts);
        parts.iter().all(|part| part.key_rank() > 1)
            && all().map(|part| part.photodna.len()).sum::<usize>() <= 1
            && all().map(|part| part.pdq.len()).sum::<usize>() <= 1
    }

    /// Takes over what a part says.
    pub(super) fn absorb(&mut self, mut part: Fields) {
        self.further.take(&mut part.further);
        if self.key_rank() > part.key_rank() {
            self.key = part.key;
        }
        if self.qualities.is_empty() {
            self.qualities = part.qualities;
        }
        self.photodna.extend(part.photodna);
        self.pdq.extend(part.pdq);
        self.label = self.label.take().or(part.label);
        self.flat |= part.flat;
        self.deleted |= part.deleted;
        self.faults.extend(part.faults);
    }

    /// Takes from the record that it is a part of what it does not say itself.
    pub(super) fn inherit(&mut self, record: &Fields) {
        if self.key_rank() > record.key_rank() {
            self.key.clone_from(&record.key);
        }
        if self.label.is_none() {
            self.label.clone_from(&record.label);
        }
        if self.qualities.is_empty() && record.qualities.len() == 1 {
            self.qualities.clone_from(&record.qualities);
        }
        self.flat |= record.flat && !self.judged;
        self.deleted |= record.deleted;
        self.further.inherit(&record.further);
    }

    /// Takes a column of faces, which is JSON.
    fn faces(&mut self, text: &str) {
        let Ok(faces) = serde_json::from_str::<Vec<serde_json::Map<String, serde_json::Value>>>(text) else {
            return self.fault("the faces cannot be read".into());
        };
        for face in faces.into_iter().take(MOST_VALUES) {
            let mut fields = Fields::default();
            for (name, value) in &face {
                match (Field::named(name), value.as_str()) {
                    (None | Some(Field::Faces), _) => {}
                    (Some(field), Some(text)) => fields.set(field, text),
                    (Some(field), None) => fields.set(field, &value.to_string()),
                }
            }
            self.faces.push(fields);
        }
    }

    /// Hands its signatures on before its end, and keeps what is to be said of the others too.
    pub(super) fn flush(&mut self, position: u64, give: Give<'_>) -> Result<()> {
        self.place();
        let (key, label) = (self.key.clone(), self.label.clone());
        self.entries(position, give)?;
        (self.key, self.label) = (key, label);
        Ok(())
    }

    /// Whether it holds enough signatures to be passed on before its end.
    pub(super) fn is_full(&self) -> bool {
        self.photodna.len() + self.pdq.len() + self.unplaced.len() >= MOST_VALUES
    }

    /// Passes it on; `position` is in the unit that the format counts.
    pub(super) fn tell(&mut self, position: u64, give: Give<'_>) -> Result<()> {
        self.place();
        if self.deleted {
            return give(match self.key.take() {
                Some((_, key)) => Item::Removed { key },
                None => Item::Bad {
                    position,
                    reason: "it takes an entry back but has no id that says which".into(),
                },
            });
        }
        let mut faults = std::mem::take(&mut self.faults).into_iter();
        let mut faces = std::mem::take(&mut self.faces);
        let not_kept = self.further.take_faults();
        faces.iter_mut().for_each(|face| face.inherit(self));
        if !self.has_signature() && faces.is_empty() {
            return give(match faults.next() {
                Some(reason) => Item::Bad { position, reason },
                None => Item::WithoutSignature { position },
            });
        }
        if self.has_signature() {
            self.entries(position, give)?;
        }
        faces.iter_mut().try_for_each(|face| face.tell(position, give))?;
        faults.chain(not_kept).try_for_each(|reason| give(Item::Odd { position, reason }))
    }

    /// The first signatures of both kinds together, then every further one by itself.
    fn entries(&mut self, position: u64, give: Give<'_>) -> Result<()> {
        let columns = self.further.columns();
        let Fields { photodna, pdq, key, label, qualities, flat, .. } = self;
        unique(photodna);
        unique(pdq);
        let same = qualities.len() == pdq.len();
        let quality = |at: usize| {
            qualities
                .get(if same { at } else { 0 })
                .copied()
                .flatten()
                .filter(|_| same || qualities.len() == 1)
        };
        let several = photodna.len() > 1 || pdq.len() > 1;
        let text = |text: &mut Option<(u8, String)>| {
            let own = if several { text.clone() } else { text.take() };
            own.map(|(_, text)| text).unwrap_or_default()
        };
        let (mut photodna, mut pdq) = (photodna.drain(..), pdq.drain(..).enumerate());
        let first = (photodna.next(), pdq.next());
        let further = photodna.map(|one| (Some(one), None)).chain(pdq.map(|one| (None, Some(one))));
        for (photodna, pdq) in std::iter::once(first).chain(further) {
            give(Item::Entry(Entry {
                key: text(key),
                label: text(label),
                position,
                flat: *flat,
                quality: quality(pdq.map_or(0, |(at, _)| at)),
                photodna,
                pdq: pdq.map(|(_, signature)| signature),
                columns: columns.clone(),
            }))?;
        }
        Ok(())
    }
}

/// Takes out what came before, in its order.
fn unique<T: Copy + Eq + Hash>(values: &mut Vec<T>) {
    if values.len() > 1 {
        let mut seen = HashSet::with_capacity(values.len());
        values.retain(|value| seen.insert(*value));
    }
}

/// Why a text is no signature; without the text.
fn no_signature(field: Field, text: &str) -> String {
    let error = match field {
        Field::Pdq => text.parse::<Pdq>().err(),
        _ => text.parse::<PhotoDna>().err(),
    };
    error.map(|error: Error| error.to_string()).unwrap_or_default()
}

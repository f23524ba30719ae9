//! Records in nested values, whatever holds them: JSON and Parquet.
//!
//! An object with an id, a digest or a signature of its own is a record. What lies below it belongs to it: a signature there without an id gets the
//! record's, and what is only the record's own signature again, or holds none, is nothing by itself. Around records, objects
//! and arrays are only walked. Arrays of records are given one by one, so that documents of any length stream.
//!
//! Further columns that are kept belong to the innermost record that they stand in. What stands in an object called `columns` is nothing else: so
//! are they exported.

use std::collections::HashMap;
use std::sync::Arc;

use super::fields::{Fields, MOST_VALUES};
use super::keeping::Keeping;
use super::names::Field;
use super::{Give, Item};
use crate::error::Result;

/// Names that are remembered with their meaning.
const MOST_NAMES: usize = 1000;

/// What a value's name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Field(Field),
    /// Records, or an array of signatures.
    Container,
    /// Further columns and nothing else.
    Columns,
    Unknown,
}

impl Role {
    fn named(name: &str) -> Role {
        match name.to_ascii_lowercase().as_str() {
            "media" | "cases" | "records" | "images" | "data" | "hashrecords" | "items" | "entries"
            | "results" | "list" | "photos" | "pictures" | "rows" | "indicators" | "alternativehashes"
            | "response" | "result" => Role::Container,
            "columns" => Role::Columns,
            _ => Field::named(name).map_or(Role::Unknown, Role::Field),
        }
    }

    /// Whether what lies below such a name may be about something else.
    fn is_doubtful(self) -> bool {
        match self {
            Role::Field(field) => !field.holds_signatures(),
            Role::Container => false,
            Role::Columns | Role::Unknown => true,
        }
    }

    /// What an array's elements are, where they are neither objects nor arrays.
    fn of_elements(self) -> Option<Field> {
        match self {
            Role::Field(field) => Some(field),
            Role::Container => Some(Field::Signature),
            Role::Columns | Role::Unknown => None,
        }
    }
}

/// An open object or array.
#[derive(Debug, Default)]
struct Level {
    is_object: bool,
    /// Of an array's elements, or of the member that comes next.
    role: Option<Role>,
    /// Of an array's elements, or of the member that comes next: what they are kept as, if they are.
    kept: Option<Arc<str>>,
    /// Of an object: whether it holds further columns and nothing else.
    only_columns: bool,
    /// Of an object: the algorithm that it stands under, if it does, so that a name with a signature is a key.
    holder: Option<Field>,
    /// Of an object: its own values.
    fields: Fields,
    /// Of an object: records below it that have not been given.
    below: Vec<Fields>,
    /// Whether there were so many that it counts as holding records rather than being one.
    streams: bool,
    /// The member that an object without a known meaning was found in.
    name: String,
    /// Of an array: its numbers, as far as they are bytes.
    bytes: Vec<u8>,
    numbers: u64,
}

impl Level {
    fn begin(&mut self, is_object: bool) {
        (self.is_object, self.role, self.streams, self.numbers) = (is_object, None, false, 0);
        (self.holder, self.kept, self.only_columns) = (None, None, false);
        self.fields.clear();
        self.below.clear();
        self.name.clear();
        self.bytes.clear();
    }
}

/// What numbers records.
#[derive(Debug, Clone, Copy)]
pub(super) enum Position {
    /// Each is one more than the one before.
    Counted,
    /// They are all of this line or row.
    Of(u64),
}

/// Takes values as they come, and gives the records among them.
pub(super) struct Tree<'a> {
    give: Give<'a>,
    keeping: &'a Keeping,
    pub(super) position: Position,
    /// Records given.
    pub(super) given: u64,
    levels: Vec<Level>,
    depth: usize,
    roles: HashMap<String, (Role, Option<Arc<str>>)>,
    /// The first names, for a list that gives nothing.
    pub(super) names: Vec<String>,
}

impl<'a> Tree<'a> {
    pub(super) fn new(give: Give<'a>, position: Position, keeping: &'a Keeping) -> Tree<'a> {
        let (levels, roles, names) = (Vec::new(), HashMap::new(), Vec::new());
        Tree { give, keeping, position, given: 0, levels, depth: 0, roles, names }
    }

    /// Names the value that comes next, in an object.
    pub(super) fn name(&mut self, name: &str) {
        let (role, kept) = match self.roles.get(name) {
            Some((role, kept)) => (*role, kept.clone()),
            None => self.meet(name),
        };
        let level = &mut self.levels[self.depth - 1];
        let role = if level.only_columns { Role::Unknown } else { role };
        (level.role, level.kept) = (Some(role), kept);
        if role == Role::Unknown {
            level.name.clear();
            level.name.push_str(name);
        }
    }

    fn meet(&mut self, name: &str) -> (Role, Option<Arc<str>>) {
        let known = (Role::named(name), self.keeping.kept(name));
        if self.roles.len() < MOST_NAMES {
            self.roles.insert(name.to_string(), known.clone());
        }
        if self.names.len() < 16 && name.len() < 32 && !self.names.iter().any(|known| known == name) {
            self.names.push(name.to_string());
        }
        known
    }

    /// What the value that comes now is; a document is walked as if it stood under `hashes`.
    fn role(&self) -> Role {
        let level = self.depth.checked_sub(1).map(|top| &self.levels[top]);
        level.map_or(Role::Field(Field::Signature), |level| level.role.unwrap_or(Role::Unknown))
    }

    fn begin(&mut self, is_object: bool) -> &mut Level {
        if self.levels.len() == self.depth {
            self.levels.push(Level::default());
        }
        self.depth += 1;
        let level = &mut self.levels[self.depth - 1];
        level.begin(is_object);
        level
    }

    pub(super) fn begin_object(&mut self) {
        let role = self.role();
        let above = self.depth.checked_sub(1).map(|top| &self.levels[top]);
        let doubtful = role.is_doubtful() || above.is_some_and(|above| above.fields.doubtful);
        let name =
            above.filter(|above| role == Role::Unknown && above.is_object).map(|above| above.name.clone());
        let within = above.is_some_and(|above| above.only_columns);
        let level = self.begin(true);
        level.only_columns = within || role == Role::Columns;
        level.fields.doubtful = doubtful;
        // The name is kept in the object itself: until it ends, its place is free.
        if let Some(name) = name {
            level.fields.set_name(&name);
        }
        if let Role::Field(field) = role {
            level.fields.expect(field);
            level.holder = Some(field).filter(|field| matches!(field, Field::PhotoDna | Field::Pdq));
        }
    }

    pub(super) fn begin_array(&mut self) {
        let role = self.role();
        let above = self.depth.checked_sub(1).map(|top| &self.levels[top]);
        let doubtful = above.is_some_and(|above| role.is_doubtful() || above.fields.doubtful);
        let (kept, within) = above.map(|above| (above.kept.clone(), above.only_columns)).unwrap_or_default();
        let level = self.begin(false);
        (level.role, level.kept, level.only_columns) = (Some(role), kept, within);
        level.fields.doubtful = doubtful;
    }

    /// The field of a value that is neither an object nor an array.
    fn field(&self) -> Option<Field> {
        let in_array = self.depth == 0 || !self.levels[self.depth - 1].is_object;
        match self.role() {
            Role::Field(field) => Some(field),
            role if in_array => role.of_elements(),
            _ => None,
        }
    }

    /// The innermost open object.
    fn object(&self) -> Option<usize> {
        self.levels[..self.depth].iter().rposition(|level| level.is_object)
    }

    /// Does something with the fields that a value belongs to: those of the object around it, or a record of its own.
    fn with_fields(&mut self, act: impl FnOnce(&mut Fields)) -> Result<()> {
        match self.object() {
            Some(at) => {
                let fields = &mut self.levels[at].fields;
                act(fields);
                if fields.is_full() {
                    let position = self.next_position();
                    self.levels[at].fields.flush(position, self.give)?;
                }
                Ok(())
            }
            None => {
                let mut fields = Fields::default();
                act(&mut fields);
                self.tell(&mut fields)
            }
        }
    }

    /// Keeps a value where it is one of a further column that is asked for.
    fn keep(&mut self, value: &str) {
        let Some(level) = self.depth.checked_sub(1).map(|top| &self.levels[top]) else { return };
        // What stands in an object of an algorithm is a signature under its key.
        let is_kept = level.kept.is_some() && !(self.keeping.all && level.holder.is_some());
        if let (true, Some(name), Some(at)) = (is_kept, level.kept.clone(), self.object())
            && self.keeping.takes(value)
        {
            self.levels[at].fields.further.keep(&name, value);
        }
    }

    pub(super) fn text(&mut self, text: &str) -> Result<()> {
        self.keep(text);
        match self.field() {
            Some(field) => self.with_fields(|fields| fields.set(field, text)),
            None => self.keyed(text),
        }
    }

    /// A text whose name says nothing: a signature by its form, in an object of an algorithm, is a record with that name as key.
    fn keyed(&mut self, text: &str) -> Result<()> {
        let level = self.depth.checked_sub(1).map(|top| &self.levels[top]).filter(|level| level.is_object);
        let Some((holder, level)) = level.and_then(|level| Some((level.holder?, level))) else {
            return Ok(());
        };
        let mut record = Fields::default();
        record.set_name(&level.name);
        record.set(holder, text);
        if record.is_odd() { Ok(()) } else { self.hand_on(&mut record) }
    }

    /// Bytes that stand for themselves; of a further column they are kept as text, or in hexadecimal digits where they are none or of fixed length.
    #[cfg(feature = "parquet")]
    pub(super) fn bytes(&mut self, bytes: &[u8], is_fixed: bool) -> Result<()> {
        match str::from_utf8(bytes).ok().filter(|_| !is_fixed) {
            Some(text) => self.keep(text),
            None if self.depth > 0 && self.levels[self.depth - 1].kept.is_some() => {
                self.keep(&hexadecimal(bytes));
            }
            None => {}
        }
        match self.field() {
            Some(field) => self.with_fields(|fields| fields.set_bytes(field, bytes)),
            None => Ok(()),
        }
    }

    /// A number, or a word such as `true`; those that stand for nothing are skipped.
    pub(super) fn word(&mut self, word: &str) -> Result<()> {
        let number = word.starts_with(|c: char| c.is_ascii_digit() || c == '-');
        let is_truth = word.eq_ignore_ascii_case("true") || word.eq_ignore_ascii_case("false");
        if !word.eq_ignore_ascii_case("null") {
            self.keep(word);
        }
        let Some(field) = self.field().filter(|_| number || is_truth) else { return Ok(()) };
        match self.depth.checked_sub(1).map(|top| &mut self.levels[top]) {
            Some(level) if !level.is_object && number && field.holds_signatures() => {
                level.numbers += 1;
                let number = word.strip_suffix(".0").unwrap_or(word).parse::<u8>();
                if level.bytes.len() <= 144 {
                    level.bytes.extend(number);
                }
                Ok(())
            }
            // A number is no signature by itself.
            _ if field.holds_signatures() => Ok(()),
            _ => self.with_fields(|fields| fields.set(field, word)),
        }
    }

    /// The end of the innermost object or array.
    pub(super) fn end(&mut self) -> Result<()> {
        self.depth -= 1;
        if self.levels[self.depth].is_object { self.end_object() } else { self.end_array() }
    }

    /// An array of numbers may be a signature.
    fn end_array(&mut self) -> Result<()> {
        let level = &mut self.levels[self.depth];
        let Some(field) = level.role.and_then(Role::of_elements).filter(|_| level.numbers > 0) else {
            return Ok(());
        };
        let (bytes, numbers) = (std::mem::take(&mut level.bytes), level.numbers);
        let whole = numbers == bytes.len() as u64;
        let outcome = match (bytes.len(), field) {
            (144, Field::PhotoDna | Field::Signature | Field::NamedElsewhere) if whole => {
                self.with_fields(|fields| fields.set_bytes(Field::PhotoDna, &bytes))
            }
            (32, Field::Pdq) if whole => self.with_fields(|fields| fields.set_bytes(Field::Pdq, &bytes)),
            _ => self
                .with_fields(|fields| fields.fault(format!("an array of {numbers} numbers is no signature"))),
        };
        self.levels[self.depth].bytes = bytes;
        outcome
    }

    fn end_object(&mut self) -> Result<()> {
        let mut level = std::mem::take(&mut self.levels[self.depth]);
        level.fields.place();
        let outcome = if level.fields.is_record() {
            self.end_record(&mut level)
        } else {
            if let Some(at) = self.object() {
                self.levels[at].fields.further.take(&mut level.fields.further);
            }
            self.hand_on_all(&mut level.below)
        };
        self.levels[self.depth] = level;
        outcome
    }

    /// Joins a record with what is below it. It is given itself where it has a signature of its own, or nothing below has one.
    fn end_record(&mut self, level: &mut Level) -> Result<()> {
        let Level { fields, below, streams, .. } = level;
        below.retain_mut(|part| {
            let says_more = part.says_more_than(fields);
            // What has a key of its own may be another record, without a signature.
            if !says_more && !part.has_key() {
                fields.further.take(&mut part.further);
            }
            says_more
        });
        if fields.takes_back() {
            below.clear();
        } else if fields.is_one_with(below) {
            below.drain(..).for_each(|part| fields.absorb(part));
        }
        below.iter_mut().for_each(|part| part.inherit(fields));
        if fields.is_given(*streams || !below.is_empty()) {
            self.hand_on(fields)?;
        }
        self.hand_on_all(below)
    }

    fn hand_on_all(&mut self, records: &mut Vec<Fields>) -> Result<()> {
        records.drain(..).try_for_each(|mut record| self.hand_on(&mut record))
    }

    /// Gives a record, or leaves it to the object around it.
    fn hand_on(&mut self, record: &mut Fields) -> Result<()> {
        let Some(at) = self.object() else { return self.tell(record) };
        let in_array = at + 1 < self.depth;
        let outermost = at == 0 && matches!(self.position, Position::Counted);
        let level = &mut self.levels[at];
        if level.streams || outermost && in_array && record.has_key() {
            return self.tell(record);
        }
        level.below.push(std::mem::take(record));
        if level.below.len() > MOST_VALUES {
            level.streams = true;
            let mut below = std::mem::take(&mut level.below);
            below.iter_mut().try_for_each(|record| self.tell(record))?;
        }
        Ok(())
    }

    /// Gives an item that is not an entry.
    pub(super) fn item(&mut self, item: Item) -> Result<()> {
        (self.give)(item)
    }

    fn next_position(&mut self) -> u64 {
        self.given += 1;
        match self.position {
            Position::Counted => self.given,
            Position::Of(position) => position,
        }
    }

    fn tell(&mut self, record: &mut Fields) -> Result<()> {
        let position = self.next_position();
        record.tell(position, self.give)
    }

    /// Gives the complete parts of open objects, and closes them: the input ends here.
    pub(super) fn abandon(&mut self) -> Result<()> {
        for at in 0..std::mem::take(&mut self.depth) {
            let mut below = std::mem::take(&mut self.levels[at].below);
            below
                .iter_mut()
                .filter(|record| record.has_signature())
                .try_for_each(|record| self.tell(record))?;
        }
        Ok(())
    }

    /// Reports that a line or row held nothing, if none of its values was given.
    pub(super) fn end_of_row(&mut self, position: u64) -> Result<()> {
        if std::mem::take(&mut self.given) == 0 {
            (self.give)(Item::WithoutSignature { position })
        } else {
            Ok(())
        }
    }
}

/// Bytes as hexadecimal digits.
#[cfg(feature = "parquet")]
fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

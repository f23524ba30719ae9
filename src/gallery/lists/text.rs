//! Plain text: one signature a line; key and label may follow after a comma, tab or blank; `#` begins a comment.
//!
//! A line may begin with the algorithm's name and a colon. A number behind a signature is its quality only where the format
//! is named so: in a list of signatures, numbers and names nothing distinguishes a quality from a key, and a wrong guess would
//! keep an entry from ever matching. Where the line begins with something else, it is a row of a table without names: what is a
//! signature by its form is one, and the first other field is the key.

use super::fields::Fields;
use super::lines::{End, Line, Lines, Terminator};
use super::names::Field;
use super::opened::Opened;
use super::rows::{Row, delimiter_of, separator_line};
use super::{Give, Item, damaged, table, unreadable, value};
use crate::error::Result;
use crate::signature::Algorithm;

/// Calls `visit` with every line and its text; `None` for a line that is too long or no UTF-8.
pub(super) fn each_line(
    list: Opened<'_>,
    mut visit: impl FnMut(&Line, Option<&str>) -> Result<()>,
) -> Result<()> {
    let terminator = Terminator::of_text(list.head());
    let mut lines = Lines::new(list, terminator);
    let mut line = Line::default();
    while lines.next(&mut line).map_err(unreadable)? {
        let text = str::from_utf8(&line.bytes).ok().filter(|_| line.end != End::TooLong);
        visit(&line, text)?;
    }
    Ok(())
}

/// Reads a plain list; `preferred` is the algorithm that the file's name speaks of.
pub(super) fn read(list: Opened<'_>, preferred: Option<Algorithm>, give: Give<'_>) -> Result<()> {
    read_by(list, give, |line, fields| plain(line, preferred, fields))
}

/// Reads a list of PDQ signatures, each followed by its quality and then a key: often a file's name, with blanks in it.
pub(super) fn read_with_quality(list: Opened<'_>, give: Give<'_>) -> Result<()> {
    read_by(list, give, |line, fields| {
        let (_, line) = prefix(line);
        let (signature, rest) = split(line);
        let (quality, key) = rest.split_once([',', '\t', ' ']).unwrap_or((rest, ""));
        fields.set(Field::Pdq, signature);
        fields.set(Field::Quality, quality);
        fields.set(Field::Key(0), key);
    })
}

/// Reads the lines that are neither empty nor comments.
fn read_by(list: Opened<'_>, give: Give<'_>, parse: impl Fn(&str, &mut Fields)) -> Result<()> {
    let mut fields = Fields::default();
    each_line(list, |line, text| {
        let position = line.number;
        let text = match text.map(str::trim) {
            None => return give(Item::Bad { position, reason: "the line is longer than 16 MiB".into() }),
            Some(text) if text.is_empty() || text.starts_with('#') => return Ok(()),
            Some(text) if separator_line(text.as_bytes()).is_some() => return Ok(()),
            Some(text) => text,
        };
        fields.clear();
        parse(text, &mut fields);
        let mut whole = true;
        fields.tell(position, &mut |item| {
            whole &= matches!(item, Item::Entry(_) | Item::Removed { .. });
            give(item)
        })?;
        if !whole && line.end == End::Last && begins_a_signature(text) {
            return Err(damaged(format!("it ends in the middle of line {position}")));
        }
        Ok(())
    })
}

/// Whether a line that gave no signature may have been cut inside one.
fn begins_a_signature(text: &str) -> bool {
    let sign = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b',');
    text.len() >= 16 && text.bytes().all(sign)
}

fn plain(line: &str, preferred: Option<Algorithm>, fields: &mut Fields) {
    let (named, rest) = prefix(line);
    let expected = preferred.map(|algorithm| match algorithm {
        Algorithm::PhotoDna => Field::PhotoDna,
        _ => Field::Pdq,
    });
    let (signature, rest) = split(rest);
    let wanted = named.or(expected);
    let field = wanted.unwrap_or(if signature.len() == 64 { Field::Pdq } else { Field::PhotoDna });
    if !is_signature(field, signature) && table_row(line, wanted, fields) {
        return;
    }
    fields.set(field, signature);
    let separated: Vec<&str> = rest.splitn(2, [',', '\t', ' ']).map(str::trim).collect();
    match separated[..] {
        [key, label] => {
            fields.set(Field::Key(0), key);
            fields.set(Field::Label(0), label);
        }
        [key] => fields.set(Field::Key(0), key),
        _ => {}
    }
}

fn is_signature(field: Field, text: &str) -> bool {
    if field == Field::Pdq { value::pdq(text).is_some() } else { value::photodna(text).is_some() }
}

/// Reads a line as a row of a table without names; false where nothing in it is a signature by its form, or of the expected kind.
fn table_row(line: &str, wanted: Option<Field>, fields: &mut Fields) -> bool {
    let mut row = Row::default();
    row.split(line.as_bytes(), delimiter_of(line.as_bytes()));
    let found = table::by_form(&row, wanted, fields);
    if !found {
        fields.clear();
    }
    found
}

/// Parts an algorithm's name from the start of a line.
fn prefix(line: &str) -> (Option<Field>, &str) {
    let Some((name, rest)) = line.split_once([':', '=', ',', '\t', ' ']) else { return (None, line) };
    match Field::named(name) {
        Some(field @ (Field::PhotoDna | Field::Pdq)) => (Some(field), rest.trim_start()),
        _ => (None, line),
    }
}

/// Parts the signature from what follows it; 144 integers have commas of their own.
fn split(line: &str) -> (&str, &str) {
    let bracketed = || line.starts_with('[').then(|| line.find(']').map(|at| at + 1)).flatten();
    let integers = || {
        let end = line.match_indices(',').nth(143).map_or(line.len(), |(at, _)| at);
        let last = line[..end].rfind(',')? + 1;
        // The 144th number may be followed by a blank or tab.
        let end = last + line[last..end].find([' ', '\t']).unwrap_or(end - last);
        let numbers = &line[..end];
        let plain = numbers.bytes().all(|byte| byte.is_ascii_digit() || byte == b',');
        (plain && numbers.matches(',').count() == 143).then_some(end)
    };
    let end = bracketed().or_else(integers).or_else(|| line.find([',', '\t', ' '])).unwrap_or(line.len());
    (&line[..end], line[end..].trim_start_matches([',', '\t', ' ']))
}

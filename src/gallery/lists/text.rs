//! Plain text: one signature a line; key and label may follow after a comma, tab or blank; `#` begins a comment.
//!
//! A line may begin with the algorithm's name and a colon. A number behind a signature is its quality only where the format
//! is named so: in a list of signatures, numbers and names nothing tells a quality from a key, and a wrong guess would
//! keep an entry from ever matching.

use std::io::{BufRead, BufReader, Read};

use super::bounded::{LARGEST_RECORD, without_mark};
use super::fields::{Field, Fields};
use super::{Item, Take};
use crate::error::{Error, Result};
use crate::signature::Algorithm;

/// Calls `visit` with the number and text of every line; `None` for a line that is too long or no UTF-8.
pub(super) fn each_line(
    reader: impl Read,
    mut visit: impl FnMut(u64, Option<&str>) -> Result<()>,
) -> Result<()> {
    let cannot = |source| Error::io("cannot read the list", source);
    let mut reader = without_mark(BufReader::with_capacity(1 << 18, reader)).map_err(cannot)?;
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = reader.by_ref().take(LARGEST_RECORD).read_until(b'\n', &mut line).map_err(cannot)?;
        if read == 0 {
            break;
        }
        let whole = line.ends_with(b"\n") || (read as u64) < LARGEST_RECORD;
        if !whole {
            reader.skip_until(b'\n').map_err(cannot)?;
        }
        let text = str::from_utf8(&line).ok().filter(|_| whole);
        visit(number, text.map(|text| text.trim_end_matches(['\r', '\n'])))?;
    }
    Ok(())
}

/// Reads a plain list; `preferred` is the algorithm that the file's name speaks of.
pub(super) fn read(reader: impl Read, preferred: Option<Algorithm>, take: Take<'_>) -> Result<()> {
    read_by(reader, take, |line| fields(line, preferred))
}

/// Reads a list of PDQ signatures, each followed by its quality and then a key: often a file's name, with blanks in it.
pub(super) fn read_with_quality(reader: impl Read, take: Take<'_>) -> Result<()> {
    read_by(reader, take, |line| {
        let (_, line) = prefix(line);
        let (signature, rest) = split(line);
        let (quality, key) = rest.split_once([',', '\t', ' ']).unwrap_or((rest, ""));
        let mut fields = Fields::default();
        fields.set(Field::Pdq, signature);
        fields.set(Field::Quality, quality);
        fields.set(Field::Key(0), key);
        fields
    })
}

/// Reads the lines that are neither empty nor comments.
fn read_by(reader: impl Read, take: Take<'_>, fields: impl Fn(&str) -> Fields) -> Result<()> {
    each_line(reader, |position, line| match line.map(str::trim) {
        None => take(Item::Bad { position, reason: "the line is no UTF-8, or longer than 16 MiB".into() }),
        Some("") => Ok(()),
        Some(line) if line.starts_with('#') => Ok(()),
        Some(line) => take(fields(line).item(position)),
    })
}

fn fields(line: &str, preferred: Option<Algorithm>) -> Fields {
    let (named, line) = prefix(line);
    let (signature, rest) = split(line);
    let mut fields = Fields::default();
    let expected = preferred.map(|algorithm| match algorithm {
        Algorithm::PhotoDna => Field::PhotoDna,
        _ => Field::Pdq,
    });
    let field =
        named.or(expected).unwrap_or(if signature.len() == 64 { Field::Pdq } else { Field::PhotoDna });
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
    fields
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
    let integers = || {
        let end = line.match_indices(',').nth(143).map_or(line.len(), |(at, _)| at);
        let last = line[..end].rfind(',')? + 1;
        // The 144th number may be followed by a blank or tab.
        let end = last + line[last..end].find([' ', '\t']).unwrap_or(end - last);
        let numbers = &line[..end];
        let plain = numbers.bytes().all(|byte| byte.is_ascii_digit() || byte == b',');
        (plain && numbers.matches(',').count() == 143).then_some(end)
    };
    let end = integers().or_else(|| line.find([',', '\t', ' '])).unwrap_or(line.len());
    (&line[..end], line[end..].trim_start_matches([',', '\t', ' ']))
}

//! Which column of a Parquet file is meant: one with pictures in it, or one with names of pictures.
//!
//! Names of columns say little: `image` may hold paths, `path` bytes without a mark that they are text, and a digest is binary too. So the
//! first values are looked at where there is a choice.

use std::io::Read;

use parquet::basic::{ConvertedType, LogicalType, Type as Physical};
use parquet::schema::types::Type;

use super::{Holds, Reader, wanted};
use crate::decode::Format;
use crate::error::{Error, Result};
use crate::parquet::Value;

/// Names of columns that hold pictures, of several binary ones.
const PICTURES: [&str; 8] = ["image", "bytes", "content", "jpg", "jpeg", "png", "webp", "data"];

/// Names of columns that hold paths or URLs.
const NAMES: [&str; 10] =
    ["path", "url", "key", "uri", "file", "filename", "file_name", "location", "src", "image_url"];

/// Values that are looked at, and groups of rows in which they are looked for.
const VALUES: usize = 16;
const GROUPS: usize = 4;

/// Bytes of a value that are looked at.
const HEAD: u64 = 256;

/// Longest digest, in bytes: of SHA-512 in hexadecimal digits.
const DIGEST: u64 = 128;

/// What a column's first values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    /// At least one begins as a picture does.
    Pictures,
    /// All are text without control characters.
    Text,
    /// All are text and hexadecimal digits, as many each as a digest has.
    Hexadecimal,
    /// All are of one length that a digest has.
    Digests,
    /// Anything else, or nothing.
    Unknown,
}

/// What a file holds, by the column of this name or by names and content.
///
/// # Errors
///
/// [`Error::Input`] where no column is meant, with those that there are.
pub(super) fn choose(reader: &Reader, column: Option<&str>) -> Result<Holds> {
    let found = match column {
        Some(column) => named(reader, column.strip_suffix(".bytes").unwrap_or(column)),
        None => usual(reader),
    };
    found.ok_or_else(|| {
        let columns: Vec<&str> = reader.schema().get_fields().iter().map(|field| field.name()).collect();
        let columns = columns.join(", ");
        Error::Input(match column {
            Some(column) => format!("the Parquet file has no column {column} of pictures or names; it has {columns}"),
            None => format!("no column of the Parquet file shows by its name or content that it holds pictures or names; name the column: it has {columns}"),
        })
    })
}

/// The column of a name. Bytes that are not marked as text are names where they read as such.
fn named(reader: &Reader, name: &str) -> Option<Holds> {
    let field = reader.schema().get_fields().iter().find(|field| field.name() == name)?;
    let name = name.to_string();
    let is_names = || matches!(content(reader, field), Content::Text | Content::Hexadecimal);
    if may_be_pictures(field) && (bytes_inside(field) || !is_names()) {
        return Some(Holds::Pictures(name));
    }
    is_bytes(field).then_some(Holds::Names { column: name, binary: None })
}

fn usual(reader: &Reader) -> Option<Holds> {
    let fields = reader.schema().get_fields();
    let has_name =
        |field: &Type, names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(field.name()));
    let binary: Vec<&Type> =
        fields.iter().map(|field| &**field).filter(|field| may_be_pictures(field)).collect();
    let mut by_name = PICTURES
        .iter()
        .filter_map(|name| binary.iter().copied().find(|field| field.name().eq_ignore_ascii_case(name)));
    let pictures = |field: &Type| Some(Holds::Pictures(field.name().to_string()));
    let usual = by_name.next();
    let names = fields.iter().find(|field| is_bytes(field) && has_name(field, &NAMES));
    // Nothing but a column of pictures by its name: there is no choice.
    if let (Some(usual), [_], None) = (usual, &binary[..], names) {
        return pictures(usual);
    }
    let contents: Vec<(&Type, Content)> =
        binary.iter().map(|field| (*field, content(reader, field))).collect();
    let is = |field: &Type, wanted: Content| {
        contents.iter().any(|(known, content)| std::ptr::eq(*known, field) && *content == wanted)
    };
    let in_order = usual.into_iter().chain(by_name).chain(binary.iter().copied());
    if let Some(field) = in_order.clone().find(|field| is(field, Content::Pictures)) {
        return pictures(field);
    }
    let is_names =
        |field: &Type| is_text(field) || is(field, Content::Text) || is(field, Content::Hexadecimal);
    if let Some(field) = names.filter(|field| is_names(field)) {
        let other = binary.iter().find(|other| !std::ptr::eq(**other, &**field));
        return Some(Holds::Names {
            column: field.name().to_string(),
            binary: other.map(|field| field.name().to_string()),
        });
    }
    // No picture is seen: the first rows may be odd, but what digests are is plain.
    let only = binary.first().copied().filter(|_| binary.len() == 1);
    let is_digest = |field: &Type| is(field, Content::Digests) || is(field, Content::Hexadecimal);
    usual.or(only).filter(|field| !is_digest(field)).and_then(pictures)
}

fn is_bytes(field: &Type) -> bool {
    field.is_primitive() && field.get_physical_type() == Physical::BYTE_ARRAY
}

fn is_text(field: &Type) -> bool {
    let info = field.get_basic_info();
    is_bytes(field)
        && (info.converted_type() == ConvertedType::UTF8
            || info.logical_type_ref() == Some(&LogicalType::String))
}

fn may_be_pictures(field: &Type) -> bool {
    let is_binary =
        is_bytes(field) && field.get_basic_info().converted_type() == ConvertedType::NONE && !is_text(field);
    is_binary || bytes_inside(field)
}

/// A group with `bytes` in it, as Hugging Face's data sets have.
pub(super) fn bytes_inside(field: &Type) -> bool {
    field.is_group() && field.get_fields().iter().any(|inner| inner.name() == "bytes" && is_bytes(inner))
}

/// What the first values of a column are.
fn content(reader: &Reader, field: &Type) -> Content {
    let heads = heads(reader, field);
    let has_picture = heads.iter().any(|(_, head)| Format::sniff(head).is_some());
    let is_text = |(_, head): &(u64, Vec<u8>)| is_printable(head);
    let (first, lengths) =
        (heads.first().map_or(0, |(length, _)| *length), || heads.iter().map(|(length, _)| *length));
    let one_length = (1..=DIGEST).contains(&first) && lengths().all(|length| length == first);
    match () {
        () if has_picture => Content::Pictures,
        () if heads.is_empty() => Content::Unknown,
        () if one_length && is_hexadecimal(&heads) => Content::Hexadecimal,
        () if heads.iter().all(is_text) => Content::Text,
        () if one_length => Content::Digests,
        () => Content::Unknown,
    }
}

/// Whether bytes are UTF-8 (cut where they were) of characters that names have.
fn is_printable(head: &[u8]) -> bool {
    let text = match str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.chars().any(char::is_control)
}

fn is_hexadecimal(heads: &[(u64, Vec<u8>)]) -> bool {
    heads.iter().all(|(_, head)| head.len() >= 16 && head.iter().all(u8::is_ascii_hexdigit))
}

/// Length and first bytes of the first values that are there.
fn heads(reader: &Reader, field: &Type) -> Vec<(u64, Vec<u8>)> {
    let path: &[&str] = if field.is_group() { &[field.name(), "bytes"] } else { &[field.name()] };
    let mut heads = Vec::new();
    let Some(column) = reader.flat_column(path) else { return heads };
    for (group, rows) in reader.group_rows().into_iter().enumerate().take(GROUPS) {
        let Ok(mut values) = reader.values(group, column, wanted(0)) else { continue };
        for _ in 0..rows.min(1 << 16) {
            match values.next() {
                Ok(Some(Value::Absent)) => {}
                Ok(Some(Value::Bytes(length, content))) => {
                    let mut head = Vec::new();
                    if content.take(HEAD.min(length)).read_to_end(&mut head).is_err() {
                        break;
                    }
                    heads.push((length, head));
                }
                Ok(None) | Err(_) => break,
            }
            if heads.len() == VALUES {
                return heads;
            }
        }
    }
    heads
}

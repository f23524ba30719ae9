//! Lists of paths and URLs: names one after another, a column of CSV, a column of Parquet.

use std::ffi::{OsStr, OsString};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::iter;
use std::path::Path;

use super::archive::{Holds, holds, in_lower_case, names_in};
use super::{DetachedReader, InputOptions, name_from_bytes, names, random_access};
use crate::error::{Error, Result};
use crate::gallery::lists::encoding::{Encoding, Utf8};
use crate::gallery::lists::lines::End;
use crate::gallery::lists::opened::{Opened, Source};
use crate::gallery::lists::parquet::file as parquet_file;
use crate::gallery::lists::rows::{Row, Rows, delimiter_of, separator_line};
use crate::gallery::lists::sniff::no_names;

/// Names of columns that hold paths or URLs, the best first.
const COLUMNS: [&str; 10] =
    ["path", "url", "key", "uri", "file", "filename", "file_name", "location", "src", "image_url"];

/// Lines among which the row of names is looked for.
const FIRST_LINES: usize = 32;

/// What a list names, in its order; an error ends it, but a row without a name does not.
pub(super) type Names = Box<dyn Iterator<Item = Result<OsString>> + Send>;

/// Whether an argument is a list by its name: it ends with `.csv` or `.tsv`, perhaps packed.
pub(super) fn looks_like_list(name: &OsStr) -> bool {
    let name = in_lower_case(name);
    let packed = [&b".gz"[..], b".zst"].iter().find_map(|end| name.strip_suffix(*end));
    let name = packed.unwrap_or(&name);
    name.ends_with(b".csv") || name.ends_with(b".tsv")
}

/// Opens a list: CSV by its name or because a column was named, Parquet by its content, otherwise names. It is read once, so that it may be a
/// pipe. It may be compressed by gzip or zstd, and stored as UTF-16.
pub(super) fn open(list: &OsStr, options: &InputOptions) -> Result<Names> {
    let cannot = |error| Error::io(format!("cannot read the list {}", list.display()), error);
    let column = options.column.as_deref();
    let source = if list == "-" {
        Source::stream(DetachedReader::new(io::stdin(), options.stop.clone()))
    } else if random_access::is_stream(list) {
        Source::stream(std::fs::File::open(list).map_err(cannot)?)
    } else {
        let mut file = random_access::open(list, options).map_err(cannot)?;
        let mut start = Vec::new();
        file.by_ref().take(4).read_to_end(&mut start).map_err(cannot)?;
        file.seek(SeekFrom::Start(0)).map_err(cannot)?;
        if start == b"PAR1" {
            return parquet(file, column);
        }
        Source::stream(file)
    };
    let list_is_table = column.is_some() || looks_like_list(list);
    let opened = Opened::prompt(source).and_then(Opened::unpacked).map_err(cannot)?;
    if opened.head().starts_with(b"PAR1") {
        return parquet(Box::new(parquet_file(opened)?), column);
    }
    if let Some(kind) = no_names(opened.head()) {
        return Err(Error::Input(format!("{} is no list of names: it looks like {kind}", list.display())));
    }
    if list_is_table {
        table(as_text(opened).map_err(cannot)?.0, column)
    } else {
        plain(opened, options.separator)
    }
}

/// A list whose text is in UTF-16, as UTF-8, and whether it was; else exactly its bytes behind a byte-order mark, as names are bytes.
fn as_text(list: Opened<'static>) -> io::Result<(Opened<'static>, bool)> {
    match Encoding::of(list.head()) {
        (Encoding::Utf8, mark) => Ok((list.into_reader(mark), false)),
        (encoding, mark) => {
            let text = Source::stream(Utf8::new(list.into_reader(mark), encoding));
            Ok((Opened::prompt(text)?, true))
        }
    }
}

fn plain(list: Opened<'static>, separator: u8) -> Result<Names> {
    let cannot = |error| Error::io("cannot read the list of inputs", error);
    // Zero bytes between names are no UTF-16.
    let (list, is_utf16) = if separator == 0 { (list, false) } else { as_text(list).map_err(cannot)? };
    let names = names(BufReader::new(list), separator);
    Ok(Box::new(names.map(move |name| {
        let name = OsString::from(name.map_err(cannot)?);
        // What writes UTF-16 also writes carriage returns.
        let is_line_end = |line: &&str| separator != 0 && (is_utf16 || is_line_of_windows(&name, line));
        let line = name.to_str().and_then(|name| name.strip_suffix('\r')).filter(is_line_end);
        Ok(line.map(OsString::from).unwrap_or(name))
    })))
}

/// Whether the carriage return behind a name ends its line: no URL holds one, and a name of a file may, so that what is there decides.
fn is_line_of_windows(name: &OsStr, without: &str) -> bool {
    let is_there = |path: &OsStr| Path::new(path).symlink_metadata().is_ok();
    without.contains("://") || !is_there(name) && is_there(without.as_ref())
}

/// CSV with a row of names; of one column only, that.
fn table(list: Opened<'static>, column: Option<&str>) -> Result<Names> {
    let mut rows = Rows::new(list, |_, _| false);
    let index = choose(&mut rows, column)?;
    let (mut row, mut ended) = (Row::default(), false);
    Ok(Box::new(iter::from_fn(move || {
        if ended {
            return None;
        }
        match rows.next(&mut row) {
            Ok(false) => None,
            Ok(true) if row.end == End::TooLong => {
                Some(Err(Error::Input(format!("line {} of the list is longer than 16 MiB", row.line))))
            }
            Ok(true) => Some(match row.get(index).filter(|name| !name.is_empty()) {
                Some(name) => Ok(name_from_bytes(name.to_vec())),
                None => Err(Error::Input(format!("line {} of the list names nothing", row.line))),
            }),
            Err(error) => {
                ended = true;
                Some(Err(Error::io("cannot read the list", error)))
            }
        }
    })))
}

/// Chooses the column, and skips the row of names and what stands before it: comments, a title, a line `sep=;`. The first row is
/// not a row of names if it names a file or URL itself.
fn choose(rows: &mut Rows<Opened<'static>>, column: Option<&str>) -> Result<usize> {
    let cannot = |error| Error::io("cannot read the list", error);
    let mut separator = None;
    let mut first: Option<(usize, Row)> = None;
    let mut row = Row::default();
    for number in 0..FIRST_LINES {
        let Some(line) = rows.ahead(number).map_err(cannot)? else { break };
        let line = line.bytes.as_slice();
        if let Some(delimiter) = separator_line(line) {
            separator = Some(delimiter);
            continue;
        }
        let delimiter = separator.unwrap_or_else(|| delimiter_of(line));
        row.split(line, delimiter);
        if let Some(index) = named(&row, column) {
            (rows.delimiter, rows.columns) = (delimiter, row.len());
            (0..=number).try_for_each(|_| rows.skip_line()).map_err(cannot)?;
            return Ok(index);
        }
        let names_something = row.iter().any(is_name);
        if first.is_none() && !line.is_empty() {
            rows.delimiter = delimiter;
            first = Some((number, std::mem::take(&mut row)));
        }
        if names_something {
            break;
        }
    }
    let (number, first) = first.unwrap_or_default();
    let index = match (column, first.len()) {
        (None, 1) => Some(0),
        (None, _) => only(first.iter().map(is_found)),
        (Some(_), _) => None,
    };
    let Some(index) = index else { return Err(no_column(&first, column)) };
    let is_header = !first.get(index).is_some_and(is_name);
    (0..number + usize::from(is_header)).try_for_each(|_| rows.skip_line()).map_err(cannot)?;
    rows.columns = first.len();
    Ok(index)
}

/// The column of this name, or with a usual one.
fn named(row: &Row, column: Option<&str>) -> Option<usize> {
    let called =
        |name: &str| row.iter().position(|field| field.trim_ascii().eq_ignore_ascii_case(name.as_bytes()));
    match column {
        Some(column) => called(column),
        None => COLUMNS.iter().find_map(|name| called(name)),
    }
}

/// The only one that is so.
fn only(which: impl Iterator<Item = bool>) -> Option<usize> {
    let mut found = which.enumerate().filter(|(_, is)| *is).map(|(index, _)| index);
    found.next().filter(|_| found.next().is_none())
}

/// Whether a field looks like a path or URL rather than the name of a column: it has folders or an ending, or is a file.
fn is_name(field: &[u8]) -> bool {
    let ending = field.iter().rposition(|&byte| byte == b'.').map(|dot| &field[dot + 1..]);
    let has_ending = ending.is_some_and(|ending| {
        (1..=5).contains(&ending.len()) && ending.iter().all(u8::is_ascii_alphanumeric)
    });
    field.iter().any(|byte| b"/\\".contains(byte)) || has_ending || is_found(field)
}

/// Whether a field is a URL or the path of a file.
fn is_found(field: &[u8]) -> bool {
    let is_url = memchr::memmem::find(field, b"://").is_some();
    is_url || !field.is_empty() && Path::new(&name_from_bytes(field.to_vec())).is_file()
}

fn no_column(first: &Row, column: Option<&str>) -> Error {
    let columns: Vec<_> = first.iter().map(String::from_utf8_lossy).collect();
    let wanted = column.map_or("path, url or the like".to_string(), ToString::to_string);
    Error::Input(format!(
        "the list has no column {wanted}; name the column of paths or URLs: it has {}",
        columns.join(", ")
    ))
}

fn parquet(file: Box<dyn random_access::RandomAccess>, column: Option<&str>) -> Result<Names> {
    let (reader, holds) = holds(file, column)?;
    let Holds::Names { column, .. } = holds else {
        return Err(Error::Input(
            "the list is a Parquet file of pictures: give it as an argument".to_string(),
        ));
    };
    Ok(Box::new(names_in(reader, &column)?))
}

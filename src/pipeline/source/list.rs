//! Lists of paths and URLs: names one after another, a column of CSV, a column of Parquet.

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::iter;

use csv::{ByteRecord, ReaderBuilder};

use super::archive::{Holds, holds, in_lower_case, rows};
use super::{DetachedReader, InputOptions, name_from_bytes, names, place};
use crate::error::{Error, Result};
use crate::gallery::lists::bounded::{Bounded, without_mark};

/// Names of columns that hold paths or URLs, the best first.
const COLUMNS: [&str; 10] =
    ["path", "url", "key", "uri", "file", "filename", "file_name", "location", "src", "image_url"];

/// What a list names, in its order; an error ends it, but a row without a name does not.
pub(super) type Names = Box<dyn Iterator<Item = Result<OsString>> + Send>;

/// Whether an argument is a list by its name: it ends with `.csv` or `.tsv`.
pub(super) fn looks_like_list(name: &OsStr) -> bool {
    let name = in_lower_case(name);
    name.ends_with(b".csv") || name.ends_with(b".tsv")
}

/// Opens a list: CSV by its name or because a column was named, Parquet by its content, else names.
pub(super) fn open(list: &OsStr, options: &InputOptions) -> Result<Names> {
    let cannot = |error| Error::io(format!("cannot read the list {}", list.display()), error);
    let column = options.column.as_deref();
    if list == "-" {
        let input = DetachedReader::new(io::stdin(), options.stop.clone());
        return if column.is_some() { table(input, column) } else { Ok(plain(input, options.separator)) };
    }
    if place::is_stream(list) {
        let input = std::fs::File::open(list).map_err(cannot)?;
        return if column.is_some() { table(input, column) } else { Ok(plain(input, options.separator)) };
    }
    let mut file = place::open(list, &options.stop).map_err(cannot)?;
    let mut start = Vec::new();
    file.by_ref().take(4).read_to_end(&mut start).map_err(cannot)?;
    file.seek(SeekFrom::Start(0)).map_err(cannot)?;
    match start.as_slice() {
        b"PAR1" => parquet(file, column),
        _ if column.is_some() || looks_like_list(list) => table(file, column),
        _ => Ok(plain(file, options.separator)),
    }
}

fn plain(list: impl Read + Send + 'static, separator: u8) -> Names {
    let names = names(BufReader::new(list), separator);
    Box::new(names.map(|name| {
        name.map(OsString::from).map_err(|error| Error::io("cannot read the list of inputs", error))
    }))
}

/// CSV with a row of names; of one column only, that.
fn table(list: impl Read + Send + 'static, column: Option<&str>) -> Result<Names> {
    let cannot = |error| Error::io("cannot read the list", error);
    let (list, allowance) = Bounded::new(list);
    let mut list = without_mark(BufReader::with_capacity(1 << 18, list)).map_err(cannot)?;
    let line = list.fill_buf().map_err(cannot)?;
    let line = line.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let count = |delimiter: u8| line.iter().filter(|&&byte| byte == delimiter).count();
    let delimiter = [b'\t', b';', b','].into_iter().max_by_key(|&delimiter| count(delimiter)).unwrap_or(b',');
    let mut rows = ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(list);
    let header = rows.byte_headers().map_err(broken)?.clone();
    let index = choose(&header, column)?;
    let mut ended = false;
    Ok(Box::new(iter::from_fn(move || {
        if ended {
            return None;
        }
        allowance.renew();
        let line = rows.position().line();
        let mut row = ByteRecord::new();
        match rows.read_byte_record(&mut row) {
            Ok(false) => None,
            Ok(true) => Some(match row.get(index).filter(|name| !name.is_empty()) {
                Some(name) => Ok(name_from_bytes(name.to_vec())),
                None => Err(Error::Input(format!("line {line} of the list names nothing"))),
            }),
            Err(error) => {
                ended = true;
                Some(Err(broken(error)))
            }
        }
    })))
}

fn choose(header: &ByteRecord, column: Option<&str>) -> Result<usize> {
    let named =
        |name: &str| header.iter().position(|field| field.trim_ascii().eq_ignore_ascii_case(name.as_bytes()));
    let found = match column {
        Some(column) => named(column),
        None => COLUMNS.iter().find_map(|name| named(name)).or((header.len() == 1).then_some(0)),
    };
    found.ok_or_else(|| {
        let columns: Vec<_> = header.iter().map(String::from_utf8_lossy).collect();
        let wanted = column.map_or("path, url or the like".to_string(), ToString::to_string);
        Error::Input(format!(
            "the list has no column {wanted}; say which with --column: it has {}",
            columns.join(", ")
        ))
    })
}

fn broken(error: csv::Error) -> Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => Error::io("cannot read the list", error),
        _ => Error::corrupt("list", "the table cannot be read on"),
    }
}

fn parquet(file: Box<dyn place::Place>, column: Option<&str>) -> Result<Names> {
    let (reader, holds) = holds(file, column)?;
    let Holds::Names { column, .. } = holds else {
        return Err(Error::Input(
            "the list is a Parquet file of pictures: give it as an argument".to_string(),
        ));
    };
    names_in(reader, &column)
}

/// The names in a column of a Parquet file.
pub(super) fn names_in(reader: super::archive::Reader, column: &str) -> Result<Names> {
    let mut ended = false;
    Ok(Box::new((0u64..).zip(rows(reader, column)?).map_while(move |(number, row)| {
        if ended {
            return None;
        }
        ended = row.is_err();
        Some(match row {
            Ok(row) => {
                let name = row.get_column_iter().next().and_then(|(_, value)| super::archive::text(value));
                name.map(OsString::from)
                    .ok_or_else(|| Error::Input(format!("row {number} of the list names nothing")))
            }
            Err(Error::Corrupt { message, .. }) => {
                Err(Error::corrupt("list", format!("row {number} cannot be read: {message}")))
            }
            Err(error) => Err(error),
        })
    })))
}

//! A Parquet file's footer, looked at before the library reads it: that it is there, that its schema is a tree of bounded depth, and that no list is
//! longer than its bytes can hold (Apache Parquet format, `FileMetaData` in `parquet.thrift`).
//!
//! The library builds the schema by recursion and takes memory for as many children, row groups and columns as the footer announces.

use parquet::errors::ParquetError;
use parquet::file::reader::ChunkReader;

use super::thrift::{Broken, Kind, Thrift};
use super::{damaged, system_or};
use crate::error::{Error, Result};

/// Longest footer, in bytes. A million column chunks take about so many.
const LONGEST: u64 = 64 << 20;

/// Deepest schema. Each list in a list takes two levels.
const DEEPEST: usize = 64;

/// Groups and columns of a schema.
const ELEMENTS: u64 = 250_000;

/// Bytes that a row group and a column chunk take at least, by the fields that every one has.
const LEAST: u64 = 20;

/// Length and mark behind the footer.
const TAIL: u64 = 8;

/// Fields of `FileMetaData` and of what lies in it.
const SCHEMA: i64 = 2;
const ROW_GROUPS: i64 = 4;
const CHILDREN: i64 = 5;
const COLUMNS: i64 = 1;

/// Checks a file's footer.
///
/// # Errors
///
/// [`Error::Corrupt`] where it is no Parquet file, was cut off or makes no sense, [`Error::Unsupported`] where it is encrypted or larger than anything known.
pub(super) fn check(file: &impl ChunkReader) -> Result<()> {
    let length = file.len();
    let tail = length.checked_sub(TAIL).ok_or_else(|| damaged("it is too short"))?;
    let bytes = file.get_bytes(tail, TAIL as usize).map_err(cannot)?;
    let (announced, mark) = bytes.split_at(4);
    match mark {
        b"PAR1" => {}
        b"PARE" => return Err(Error::Unsupported("parquet: the file is encrypted".to_string())),
        _ => return Err(damaged("it does not end as a Parquet file does; it was cut off")),
    }
    let announced: u64 = announced.first_chunk().map_or(0, |field| u32::from_le_bytes(*field)).into();
    let start = tail.checked_sub(announced).ok_or_else(|| damaged("its footer is longer than the file"))?;
    if announced > LONGEST {
        let what = format!("parquet: its footer is {announced} bytes long; up to {LONGEST} are read");
        return Err(Error::Unsupported(what));
    }
    let footer = file.get_bytes(start, announced as usize).map_err(cannot)?;
    check_values(&footer).map_err(|broken| match broken {
        Broken::TooShort => damaged("its footer breaks off"),
        Broken::Wrong(what) => damaged(&format!("its footer makes no sense: {what}")),
    })
}

fn cannot(error: ParquetError) -> Error {
    system_or(error, |what| damaged(&what))
}

fn check_values(footer: &[u8]) -> Result<(), Broken> {
    Thrift::new(footer).fields(|thrift, number, kind| {
        match (number, kind) {
            (SCHEMA, Kind::List) => check_schema(thrift)?,
            (ROW_GROUPS, Kind::List) => structs(thrift, |thrift| {
                thrift.fields(|thrift, number, kind| {
                    let is_columns = (number, kind) == (COLUMNS, Kind::List);
                    if is_columns {
                        structs(thrift, |thrift| thrift.skip(Kind::Struct))?;
                    }
                    Ok(is_columns)
                })
            })?,
            _ => return Ok(false),
        }
        Ok(true)
    })
}

/// A list of structs none of which is as good as empty.
fn structs(
    thrift: &mut Thrift<'_>,
    mut each: impl FnMut(&mut Thrift<'_>) -> Result<(), Broken>,
) -> Result<(), Broken> {
    let (length, kind) = thrift.list()?;
    let start = thrift.read();
    if kind != Kind::Struct && length > 0 {
        return Err(Broken::Wrong("a list holds something else than it should"));
    }
    (0..length).try_for_each(|_| each(thrift))?;
    if ((thrift.read() - start) as u64) < length * LEAST {
        return Err(Broken::Wrong("row groups or columns lack what every one has"));
    }
    Ok(())
}

/// The schema's elements, each behind the group that it belongs to: how many of each group's children are still to come.
fn check_schema(thrift: &mut Thrift<'_>) -> Result<(), Broken> {
    let (length, kind) = thrift.list()?;
    if kind != Kind::Struct || length == 0 || length > ELEMENTS {
        return Err(Broken::Wrong("the schema is empty, or larger than any known"));
    }
    let mut open: Vec<u64> = Vec::new();
    for number in 0..length {
        while open.last() == Some(&0) {
            open.pop();
        }
        match open.last_mut() {
            Some(children) => *children -= 1,
            None if number == 0 => {}
            None => return Err(Broken::Wrong("the schema has elements that belong to no group")),
        }
        let children = children(thrift)?;
        if children > length - number {
            return Err(Broken::Wrong("a group of the schema has more children than there are"));
        }
        open.push(children);
        if open.len() > DEEPEST {
            return Err(Broken::Wrong("the schema is nested too deep"));
        }
    }
    match open.iter().all(|&children| children == 0) {
        true => Ok(()),
        false => Err(Broken::Wrong("a group of the schema has more children than there are")),
    }
}

/// Children of the next element.
fn children(thrift: &mut Thrift<'_>) -> Result<u64, Broken> {
    let mut children = 0;
    thrift.fields(|thrift, number, kind| {
        let is_children = (number, kind) == (CHILDREN, Kind::Integer);
        if is_children {
            children = u64::try_from(thrift.integer()?)
                .map_err(|_| Broken::Wrong("a group has fewer than no children"))?;
        }
        Ok(is_children)
    })?;
    Ok(children)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A footer with a schema of groups that have so many children each, and nothing else.
    fn footer(children: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x15, 2, 0x19, 0xfc];
        bytes.extend([(children.len() & 0x7f) as u8 | 0x80, (children.len() >> 7) as u8]);
        for count in children {
            bytes.extend([0x48, 1, b'g', 0x15, 2 * count, 0]);
        }
        bytes.extend([0x16, 0, 0x19, 0x0c, 0]);
        bytes
    }

    #[test]
    fn a_schema_is_a_tree_of_bounded_depth() {
        assert_eq!(check_values(&footer(&[2, 1, 0, 2, 0, 0])), Ok(()));
        assert_eq!(check_values(&footer(&[0])), Ok(()));
        let deep = |levels: usize| footer(&[vec![1; levels - 1], vec![0]].concat());
        assert_eq!(check_values(&deep(DEEPEST)), Ok(()));
        for wrong in [
            deep(DEEPEST + 1),
            deep(10_000),
            footer(&[1]),
            footer(&[2, 0]),
            footer(&[1, 0, 0]),
            footer(&[60]),
        ] {
            assert!(matches!(check_values(&wrong), Err(Broken::Wrong(_))), "{wrong:x?}");
        }
        let whole = footer(&[2, 1, 0, 2, 0, 0]);
        for length in 0..whole.len() {
            assert!(check_values(&whole[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn lists_are_as_long_as_their_bytes() {
        // A thousand row groups that are empty.
        let mut empty = vec![0x15, 2, 0x19, 0x1c, 0x48, 1, b'g', 0, 0x16, 0, 0x19, 0xfc, 0xe8, 7];
        empty.extend([0; 1001]);
        assert!(matches!(check_values(&empty), Err(Broken::Wrong(_))));
        let announced = [0x15, 2, 0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 7];
        assert_eq!(check_values(&announced), Err(Broken::TooShort));
    }
}

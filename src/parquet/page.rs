//! The pages of a column, one behind another: what each one's header announces, checked against what the file can hold (Apache Parquet format,
//! `PageHeader` in `parquet.thrift`).

use std::io::{Chain, Cursor, Read, Take};
use std::sync::Arc;

use parquet::basic::{Compression, Encoding};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::ChunkReader;

use super::thrift::{Broken, Kind, Thrift};
use super::{damaged, system_or, unreadable};
use crate::error::{Error, Result};

/// Bytes of a header that are read at once. Most are shorter; those with the smallest and largest values in them may be much longer.
const HEADER: u64 = 512;
const LONGEST_HEADER: u64 = 16 << 20;

/// Bytes that old programs forgot to count, of a dictionary's header (PARQUET-816).
const UNCOUNTED: u64 = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PageKind {
    Data,
    DataV2,
    Dictionary,
    /// Indices and unknown kinds, which are skipped.
    Other,
}

/// What a page's header says.
#[derive(Debug, Clone)]
pub(super) struct Page {
    pub(super) kind: PageKind,
    /// Length of the page in the file and unpacked, in bytes, without the header.
    pub(super) packed: u64,
    pub(super) length: u64,
    /// Values, absent ones among them.
    pub(super) values: u32,
    pub(super) encoding: Encoding,
    /// How the levels of a page of the first version are encoded.
    pub(super) definitions: Encoding,
    pub(super) repetitions: Encoding,
    /// Of the second version: values that are absent, rows, bytes of levels, and whether the values are compressed.
    pub(super) nulls: u32,
    pub(super) rows: u32,
    pub(super) definition_bytes: u32,
    pub(super) repetition_bytes: u32,
    pub(super) is_compressed: bool,
}

/// The bytes of a page, without the header.
pub(super) type Body<R> = Take<Chain<Cursor<Vec<u8>>, R>>;

/// The pages of a column in a group of rows.
pub(super) struct Pages<R> {
    file: Arc<R>,
    at: u64,
    /// Where the column ends according to the footer, and where it may end.
    end: u64,
    most: u64,
    /// Values that are still to come.
    left: u64,
    pub(super) compression: Compression,
}

impl<R: ChunkReader> Pages<R> {
    pub(super) fn new(file: Arc<R>, column: &ColumnChunkMetaData) -> Result<Pages<R>> {
        let length = file.len();
        let data = column.data_page_offset();
        // Some programs write 0 where there is no dictionary.
        let dictionary = column.dictionary_page_offset().filter(|&offset| 0 < offset && offset < data);
        let start = u64::try_from(dictionary.unwrap_or(data)).ok();
        let bytes = u64::try_from(column.compressed_size()).ok();
        let end = start.zip(bytes).and_then(|(start, bytes)| start.checked_add(bytes));
        let end = end.filter(|&end| end <= length);
        let (Some(at), Some(end)) = (start, end) else {
            return Err(damaged("a column lies outside the file"));
        };
        let left =
            u64::try_from(column.num_values()).map_err(|_| damaged("a column has fewer than no values"))?;
        let most = length.min(end.saturating_add(UNCOUNTED));
        Ok(Pages { file, at, end, most, left, compression: column.compression() })
    }

    /// The next page with its bytes; `None` behind the last.
    pub(super) fn next(&mut self) -> Result<Option<(Page, Body<R::T>)>> {
        loop {
            let Some((page, header, body)) = self.read()? else { return Ok(None) };
            self.at += header + page.packed;
            if matches!(page.kind, PageKind::Data | PageKind::DataV2) {
                self.left = self.left.saturating_sub(page.values.into());
            }
            if page.kind != PageKind::Other {
                return Ok(Some((page, body)));
            }
        }
    }

    /// What the next page is, which stays the next.
    pub(super) fn peek(&mut self) -> Result<Option<Page>> {
        Ok(self.read()?.map(|(page, ..)| page))
    }

    fn read(&self) -> Result<Option<Found<R::T>>> {
        if self.left == 0 || self.at >= self.end {
            return Ok(None);
        }
        let from = self.file.get_read(self.at).map_err(|error| system_or(error, |what| damaged(&what)))?;
        let (page, header, from) = read_header(from, self.most - self.at)?;
        let left = (self.most - self.at).checked_sub(header);
        if left.is_none_or(|left| left < page.packed) {
            return Err(damaged("a page is longer than its column"));
        }
        let body = from.take(page.packed);
        Ok(Some((page, header, body)))
    }
}

/// A page, the length of its header in bytes, and its body.
type Found<T> = (Page, u64, Body<T>);

/// What stands behind a header: what was read of it already, and the rest.
type Behind<T> = Chain<Cursor<Vec<u8>>, T>;

/// Reads a header; gives its length and what stands behind it.
fn read_header<T: Read>(mut from: T, most: u64) -> Result<(Page, u64, Behind<T>)> {
    let mut bytes = Vec::new();
    let mut wanted = HEADER;
    loop {
        let missing = wanted.min(most).saturating_sub(bytes.len() as u64);
        let read = (&mut from).take(missing).read_to_end(&mut bytes).map_err(unreadable)?;
        let mut thrift = Thrift::new(&bytes);
        match header(&mut thrift) {
            Ok(page) => {
                let length = thrift.read();
                bytes.drain(..length);
                return Ok((page?, length as u64, Cursor::new(bytes).chain(from)));
            }
            Err(Broken::TooShort) if read > 0 && wanted < LONGEST_HEADER => wanted *= 8,
            Err(Broken::TooShort) => return Err(damaged("a page's header breaks off")),
            Err(Broken::Wrong(what)) => {
                return Err(damaged(&format!("a page's header makes no sense: {what}")));
            }
        }
    }
}

/// The fields of a header, those of its kind of page among them.
#[derive(Default)]
struct Fields {
    kind: i64,
    length: i64,
    packed: i64,
    of_kind: [i64; 9],
    is_uncompressed: bool,
}

fn header(thrift: &mut Thrift<'_>) -> Result<Result<Page>, Broken> {
    let mut fields = Fields::default();
    thrift.fields(|thrift, number, kind| {
        match (number, kind) {
            (1, Kind::Integer) => fields.kind = thrift.integer()?,
            (2, Kind::Integer) => fields.length = thrift.integer()?,
            (3, Kind::Integer) => fields.packed = thrift.integer()?,
            (5 | 7 | 8, Kind::Struct) => of_kind(thrift, &mut fields)?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(fields.page())
}

fn of_kind(thrift: &mut Thrift<'_>, fields: &mut Fields) -> Result<(), Broken> {
    thrift.fields(|thrift, number, kind| {
        match (number, kind) {
            (1..=6, Kind::Integer) => fields.of_kind[number as usize] = thrift.integer()?,
            (7, Kind::Bool(is_compressed)) => fields.is_uncompressed = !is_compressed,
            _ => return Ok(false),
        }
        Ok(true)
    })
}

impl Fields {
    fn page(&self) -> Result<Page> {
        let count = |number: i64| {
            u32::try_from(number).map_err(|_| damaged("a page has fewer than no values or bytes"))
        };
        let of_kind = |number: usize| count(self.of_kind[number]);
        let mut page = Page {
            kind: PageKind::Other,
            packed: count(self.packed)?.into(),
            length: count(self.length)?.into(),
            values: 0,
            encoding: Encoding::PLAIN,
            definitions: Encoding::RLE,
            repetitions: Encoding::RLE,
            nulls: 0,
            rows: 0,
            definition_bytes: 0,
            repetition_bytes: 0,
            is_compressed: !self.is_uncompressed,
        };
        match self.kind {
            0 => {
                page.kind = PageKind::Data;
                (page.values, page.encoding) = (of_kind(1)?, encoding(self.of_kind[2])?);
                (page.definitions, page.repetitions) =
                    (encoding(self.of_kind[3])?, encoding(self.of_kind[4])?);
            }
            2 => {
                page.kind = PageKind::Dictionary;
                (page.values, page.encoding) = (of_kind(1)?, encoding(self.of_kind[2])?);
            }
            3 => {
                page.kind = PageKind::DataV2;
                (page.values, page.nulls, page.rows) = (of_kind(1)?, of_kind(2)?, of_kind(3)?);
                page.encoding = encoding(self.of_kind[4])?;
                (page.definition_bytes, page.repetition_bytes) = (of_kind(5)?, of_kind(6)?);
                let levels = u64::from(page.definition_bytes) + u64::from(page.repetition_bytes);
                if levels > page.length.min(page.packed) || page.nulls > page.values {
                    return Err(damaged(
                        "a page has more levels than bytes, or more absent values than values",
                    ));
                }
            }
            _ => {}
        }
        Ok(page)
    }
}

fn encoding(number: i64) -> Result<Encoding> {
    Ok(match number {
        0 => Encoding::PLAIN,
        2 => Encoding::PLAIN_DICTIONARY,
        3 => Encoding::RLE,
        #[expect(deprecated, reason = "old files have levels in it")]
        4 => Encoding::BIT_PACKED,
        5 => Encoding::DELTA_BINARY_PACKED,
        6 => Encoding::DELTA_LENGTH_BYTE_ARRAY,
        7 => Encoding::DELTA_BYTE_ARRAY,
        8 => Encoding::RLE_DICTIONARY,
        9 => Encoding::BYTE_STREAM_SPLIT,
        other => {
            return Err(Error::Unsupported(format!(
                "parquet: values are encoded in way {other}, which is not known"
            )));
        }
    })
}

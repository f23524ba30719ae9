//! The pages of a column unpacked whole, for columns of small values: names, numbers, signatures.

use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::page::{Page as Decodable, PageMetadata, PageReader};
use parquet::errors::ParquetError;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::ChunkReader;

use super::page::{Body, Page, PageKind, Pages};
use super::unpack::{Unpacker, all};
use super::{damaged, delta};
use crate::error::{Error, Result};

/// Longest page, in bytes unpacked. Programs end a page of small values after some mebibyte.
const LONGEST: u64 = 256 << 20;

/// Most entries of a dictionary: the library allocates each by itself.
const ENTRIES: u32 = 4 << 20;

/// Most values of a page whose lengths the library holds, 4 bytes each, before the first value.
const LENGTHS: u64 = 16 << 20;

/// Reads pages.
pub(super) struct WholePages<R> {
    pages: Pages<R>,
    unpacker: Unpacker,
    /// Whether the column holds one value a row, and rows that no page was met for. The library continues with the last value, or with none,
    /// where a group announces more rows than its columns have.
    is_flat: bool,
    missing: u64,
    max_definition: i16,
}

impl<R: ChunkReader<T: Send>> WholePages<R> {
    /// The pages of a group's column.
    pub(super) fn new(file: Arc<R>, group: &RowGroupMetaData, column: usize) -> Result<WholePages<R>> {
        let metadata = group.column(column);
        let rows = u64::try_from(group.num_rows()).map_err(|_| damaged("a group has fewer than no rows"))?;
        Ok(WholePages {
            pages: Pages::new(file, metadata)?,
            unpacker: Unpacker::new(metadata.compression()),
            is_flat: metadata.column_descr().max_rep_level() == 0,
            missing: rows,
            max_definition: metadata.column_descr().max_def_level(),
        })
    }

    fn page(&mut self) -> Result<Option<Decodable>> {
        let Some((page, body)) = self.pages.next()? else {
            return if self.is_flat && self.missing > 0 {
                Err(damaged("a column has fewer values than its group has rows"))
            } else {
                Ok(None)
            };
        };
        if page.kind != PageKind::Dictionary {
            self.missing = self.missing.saturating_sub(page.values.into());
        }
        let bytes: Bytes = self.bytes(&page, body)?.into();
        self.check(&page, &bytes)?;
        Ok(Some(decodable(&page, bytes)))
    }

    fn bytes(&mut self, page: &Page, mut body: Body<R::T>) -> Result<Vec<u8>> {
        if page.length > LONGEST {
            let what =
                format!("parquet: a page is {} bytes long; up to {LONGEST} are read at once", page.length);
            return Err(Error::Unsupported(what));
        }
        if page.kind != PageKind::DataV2 {
            return self.unpacker.whole(body, page.packed, page.length);
        }
        let levels = u64::from(page.definition_bytes) + u64::from(page.repetition_bytes);
        let mut bytes = all(&mut body, levels)?;
        let (packed, length) = (page.packed - levels, page.length - levels);
        bytes.extend(match page.is_compressed {
            true => self.unpacker.whole(body, packed, length)?,
            false => all(body, length)?,
        });
        Ok(bytes)
    }

    /// Checks what the library takes memory for before it reads a value.
    fn check(&self, page: &Page, bytes: &[u8]) -> Result<()> {
        let is_dictionary = page.kind == PageKind::Dictionary;
        if is_dictionary && (page.values > ENTRIES || u64::from(page.values) > bytes.len() as u64) {
            return Err(damaged("a dictionary has more entries than bytes, or more than any known"));
        }
        let encodings =
            [Encoding::DELTA_BINARY_PACKED, Encoding::DELTA_LENGTH_BYTE_ARRAY, Encoding::DELTA_BYTE_ARRAY];
        if !encodings.contains(&page.encoding) {
            return Ok(());
        }
        let values = self.values(page, bytes).ok_or_else(|| damaged("a page's levels make no sense"))?;
        let announced = delta::count(values).unwrap_or(0);
        if announced > u64::from(page.values).min(LENGTHS) {
            return Err(damaged("a page encodes more values than it has, or more than any known"));
        }
        if page.encoding == Encoding::DELTA_BYTE_ARRAY {
            check_shared(values, announced)?;
        }
        Ok(())
    }

    /// Where a page's values begin, behind its levels.
    fn values<'a>(&self, page: &Page, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let levels = u64::from(page.definition_bytes) + u64::from(page.repetition_bytes);
        let mut values = bytes.get(usize::try_from(levels).ok()?..)?;
        if page.kind == PageKind::Data {
            let levels = [(!self.is_flat, page.repetitions), (self.max_definition > 0, page.definitions)];
            for (_, encoding) in levels.into_iter().filter(|(present, _)| *present) {
                let (length, rest) = values.split_first_chunk().filter(|_| encoding == Encoding::RLE)?;
                values = rest.get(u32::from_le_bytes(*length) as usize..)?;
            }
        }
        Some(values)
    }
}

/// Checks how long values together are that say how much of the one before each begins with: a few bytes can make much.
fn check_shared(mut values: &[u8], count: u64) -> Result<()> {
    let mut length = 0;
    for _ in ["prefixes", "suffixes"] {
        let lengths = delta::numbers(&mut values, count)?;
        length += lengths.iter().map(|&length| u64::from(length)).sum::<u64>();
    }
    if length > LONGEST {
        let what = format!(
            "parquet: the values of a page are {length} bytes long; up to {LONGEST} are read at once"
        );
        return Err(Error::Unsupported(what));
    }
    Ok(())
}

/// A page as the library decodes it.
fn decodable(page: &Page, buf: Bytes) -> Decodable {
    let (num_values, encoding, statistics) = (page.values, page.encoding, None);
    match page.kind {
        PageKind::Dictionary => Decodable::DictionaryPage { buf, num_values, encoding, is_sorted: false },
        PageKind::DataV2 => Decodable::DataPageV2 {
            buf,
            num_values,
            encoding,
            num_nulls: page.nulls,
            num_rows: page.rows,
            def_levels_byte_len: page.definition_bytes,
            rep_levels_byte_len: page.repetition_bytes,
            is_compressed: page.is_compressed,
            statistics,
        },
        _ => Decodable::DataPage {
            buf,
            num_values,
            encoding,
            def_level_encoding: page.definitions,
            rep_level_encoding: page.repetitions,
            statistics,
        },
    }
}

fn external(error: Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

impl<R: ChunkReader<T: Send>> PageReader for WholePages<R> {
    fn get_next_page(&mut self) -> Result<Option<Decodable>, ParquetError> {
        self.page().map_err(external)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>, ParquetError> {
        let page = self.pages.peek().map_err(external)?;
        Ok(page.map(|page| PageMetadata {
            num_rows: (page.kind == PageKind::DataV2).then_some(page.rows as usize),
            num_levels: Some(page.values as usize),
            is_dict: page.kind == PageKind::Dictionary,
        }))
    }

    fn skip_next_page(&mut self) -> Result<(), ParquetError> {
        self.pages.next().map(drop).map_err(external)
    }
}

impl<R: ChunkReader<T: Send>> Iterator for WholePages<R> {
    type Item = Result<Decodable, ParquetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

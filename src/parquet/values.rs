//! The values of a column of bytes, one after another and each as a stream: what nobody reads of them is not held, and what stands behind the last
//! value that is wanted is not even unpacked.

use std::io::{self, Cursor, Read, Take};
use std::sync::Arc;
use std::vec;

use parquet::basic::Encoding;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::ChunkReader;

use super::hybrid::{self, Hybrid};
use super::page::{Body, Page, PageKind, Pages};
use super::unpack::{self, all};
use super::{damaged, delta, unreadable};
use crate::error::{Error, Result};

/// Most values of a page whose lengths stand before all of them.
const LENGTHS: u64 = 16 << 20;

/// Most bytes of levels in a page: absent values take a bit at most.
const LEVELS: u64 = 64 << 20;

/// Bytes of a value that may be held because the next one may begin as it does, wanted or not.
const SHARED: u64 = 64 << 20;

/// First bytes that are kept of a value in a dictionary which is not wanted.
const HEAD: u64 = 64;

/// Entries of a dictionary at most, and bytes that it holds over a few times what it takes in the file.
const ENTRIES: u32 = 1 << 20;
const HELD: u64 = 256 << 20;
const HELD_TIMES: u64 = 8;

/// Which values of a dictionary are held whole.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    /// Whether a value with these first bytes is.
    pub(crate) begins: fn(&[u8]) -> bool,
    /// Its length at most, in bytes.
    pub(crate) longest: u64,
}

/// One value.
pub(crate) enum Value<'a> {
    Absent,
    /// Its length in bytes, and the bytes. Of one that is not [`Wanted`] only the first may come.
    Bytes(u64, Content<'a>),
}

/// The bytes of a value.
pub(crate) enum Content<'a> {
    Stream(&'a mut Take<Unpacked>),
    Held(&'a [u8]),
}

impl Read for Content<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Content::Stream(from) => from.read(into),
            Content::Held(bytes) => bytes.read(into),
        }
    }
}

type Unpacked = Box<dyn Read + Send>;

/// Reads values.
pub(crate) struct Values<R> {
    pages: Pages<R>,
    max_definition: u32,
    wanted: Wanted,
    dictionary: Dictionary,
    page: Option<Open>,
}

/// A page that is being read.
struct Open {
    /// Values left, absent ones among them.
    left: u32,
    levels: Option<Hybrid<Cursor<Vec<u8>>>>,
    encoded: Encoded,
}

/// Values as their encodings have them.
enum Encoded {
    /// Each behind its length.
    Plain(Take<Unpacked>),
    /// All lengths, then all values.
    Lengths(vec::IntoIter<u32>, Take<Unpacked>),
    /// How much of the value before each begins with, how long the rest is, and the rests.
    Shared { prefixes: vec::IntoIter<u32>, suffixes: vec::IntoIter<u32>, from: Take<Unpacked>, last: Vec<u8> },
    /// Numbers in the dictionary. How wide they are stands before them, unless every value is absent.
    Indices(Option<Unpacked>, Option<Hybrid<Unpacked>>),
}

impl<R: ChunkReader<T: Send> + 'static> Values<R> {
    /// The values of a group's column, which has bytes, and one value a row.
    pub(super) fn new(
        file: Arc<R>,
        group: &RowGroupMetaData,
        column: usize,
        wanted: Wanted,
    ) -> Result<Values<R>> {
        let metadata = group.column(column);
        Ok(Values {
            pages: Pages::new(file, metadata)?,
            max_definition: u32::try_from(metadata.column_descr().max_def_level()).unwrap_or(0),
            wanted,
            dictionary: Dictionary::default(),
            page: None,
        })
    }

    /// The next value; `None` behind the last.
    pub(crate) fn next(&mut self) -> Result<Option<Value<'_>>> {
        while self.page.as_ref().is_none_or(|page| page.left == 0) {
            // What is left of the last value goes with its page.
            self.page = None;
            let Some((page, body)) = self.pages.next()? else { return Ok(None) };
            match page.kind {
                PageKind::Dictionary => self.dictionary = self.read_dictionary(&page, body)?,
                _ => self.page = Some(self.open(&page, body)?),
            }
        }
        let Some(page) = &mut self.page else { return Ok(None) };
        page.left -= 1;
        if let Some(levels) = &mut page.levels
            && levels.next()? < self.max_definition
        {
            return Ok(Some(Value::Absent));
        }
        page.encoded.next(&self.dictionary, self.wanted.longest).map(Some)
    }

    fn open(&self, page: &Page, mut body: Body<R::T>) -> Result<Open> {
        let has_levels = self.max_definition > 0;
        let is_second = page.kind == PageKind::DataV2;
        let (mut levels, mut before) = (None, 0);
        if is_second {
            drop(all(&mut body, page.repetition_bytes.into())?);
            levels = Some(all(&mut body, u64::from(page.definition_bytes).min(LEVELS))?);
            before = u64::from(page.definition_bytes) + u64::from(page.repetition_bytes);
        }
        let (packed, length) = (page.packed - before, page.length - before);
        let mut from: Unpacked = match is_second && !page.is_compressed {
            true => Box::new(body),
            false if length == 0 => Box::new(io::empty()),
            false => unpack::stream(self.pages.compression, body, packed, length)?,
        };
        if has_levels && !is_second {
            if page.definitions != Encoding::RLE {
                return Err(Error::Unsupported(
                    "parquet: levels of an old encoding are not read".to_string(),
                ));
            }
            let mut bytes = [0; 4];
            from.read_exact(&mut bytes).map_err(unreadable)?;
            let bytes = u32::from_le_bytes(bytes).into();
            if bytes > LEVELS.min(page.length) {
                return Err(damaged("a page's levels are longer than the page"));
            }
            levels = Some(all(&mut from, bytes)?);
        }
        let width = u32::BITS - self.max_definition.leading_zeros();
        let levels = levels
            .filter(|_| has_levels)
            .map(|levels| Hybrid::new(Cursor::new(levels), width))
            .transpose()?;
        Ok(Open { left: page.values, levels, encoded: Encoded::new(page.encoding, from)? })
    }

    /// The values of a dictionary, which may be larger than all that is wanted of them.
    fn read_dictionary(&self, page: &Page, body: Body<R::T>) -> Result<Dictionary> {
        if page.values > ENTRIES {
            return Err(damaged("a dictionary has more entries than any known"));
        }
        let most = page.packed.saturating_mul(HELD_TIMES).saturating_add(HELD);
        let mut from = unpack::stream(self.pages.compression, body, page.packed, page.length)?.take(0);
        let mut dictionary = Dictionary::default();
        for _ in 0..page.values {
            let length = plain_length(&mut from)?;
            let start = dictionary.bytes.len();
            dictionary.hold(&mut from, length.min(HEAD))?;
            if length <= self.wanted.longest && (self.wanted.begins)(&dictionary.bytes[start..]) {
                if (dictionary.bytes.len() as u64).saturating_add(length) > most {
                    let what = format!(
                        "parquet: a dictionary holds over {most} bytes of pictures, which is not read"
                    );
                    return Err(Error::Unsupported(what));
                }
                dictionary.hold(&mut from, length.saturating_sub(HEAD))?;
            }
            dictionary.entries.push((length, start));
        }
        Ok(dictionary)
    }
}

/// A dictionary's values, as far as they are held.
#[derive(Default)]
struct Dictionary {
    bytes: Vec<u8>,
    /// Each one's length, and where it begins in `bytes`.
    entries: Vec<(u64, usize)>,
}

impl Dictionary {
    fn hold(&mut self, from: &mut impl Read, length: u64) -> Result<()> {
        let full = |_| Error::io("cannot hold a dictionary", io::ErrorKind::OutOfMemory.into());
        self.bytes.try_reserve(length as usize).map_err(full)?;
        let read = from.take(length).read_to_end(&mut self.bytes).map_err(unreadable)?;
        if read as u64 == length { Ok(()) } else { Err(damaged("a dictionary breaks off")) }
    }

    fn get(&self, index: u32) -> Option<Value<'_>> {
        let index = index as usize;
        let (length, start) = *self.entries.get(index)?;
        let end = self.entries.get(index + 1).map_or(self.bytes.len(), |(_, next)| *next);
        Some(Value::Bytes(length, Content::Held(&self.bytes[start..end])))
    }
}

/// Skips the rest of the value before, and reads the next one's length.
fn plain_length(from: &mut Take<Unpacked>) -> Result<u64> {
    io::copy(from, &mut io::sink()).map_err(unreadable)?;
    if from.limit() > 0 {
        return Err(damaged("a page breaks off in a value"));
    }
    from.set_limit(4);
    let mut length = [0; 4];
    from.read_exact(&mut length).map_err(unreadable)?;
    let length = u32::from_le_bytes(length).into();
    from.set_limit(length);
    Ok(length)
}

impl Encoded {
    fn new(encoding: Encoding, mut from: Unpacked) -> Result<Encoded> {
        Ok(match encoding {
            Encoding::PLAIN => Encoded::Plain(from.take(0)),
            Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY => Encoded::Indices(Some(from), None),
            Encoding::DELTA_LENGTH_BYTE_ARRAY => {
                Encoded::Lengths(delta::numbers(&mut from, LENGTHS)?.into_iter(), from.take(0))
            }
            Encoding::DELTA_BYTE_ARRAY => {
                let prefixes = delta::numbers(&mut from, LENGTHS)?.into_iter();
                let suffixes = delta::numbers(&mut from, LENGTHS)?.into_iter();
                Encoded::Shared { prefixes, suffixes, from: from.take(0), last: Vec::new() }
            }
            other => return Err(damaged(&format!("bytes are encoded as {other}, which is for numbers"))),
        })
    }

    fn next<'a>(&'a mut self, dictionary: &'a Dictionary, longest: u64) -> Result<Value<'a>> {
        let fewer = || damaged("a page has fewer values than it says");
        match self {
            Encoded::Plain(from) => {
                let length = plain_length(from)?;
                Ok(Value::Bytes(length, Content::Stream(from)))
            }
            Encoded::Lengths(lengths, from) => {
                let length = lengths.next().ok_or_else(fewer)?.into();
                io::copy(from, &mut io::sink()).map_err(unreadable)?;
                from.set_limit(length);
                Ok(Value::Bytes(length, Content::Stream(from)))
            }
            Encoded::Shared { prefixes, suffixes, from, last } => {
                let (prefix, suffix) = prefixes.next().zip(suffixes.next()).ok_or_else(fewer)?;
                let length = u64::from(prefix) + u64::from(suffix);
                if prefix as usize > last.len() || length > longest.max(SHARED) {
                    return Err(damaged(
                        "a value begins with more than the one before has, or is over the limit",
                    ));
                }
                last.truncate(prefix as usize);
                from.set_limit(suffix.into());
                last.extend(all(from, suffix.into())?);
                Ok(Value::Bytes(length, Content::Held(last)))
            }
            Encoded::Indices(from, indices) => {
                if let Some(mut from) = from.take() {
                    let width = hybrid::byte(&mut from).map_err(unreadable)?;
                    *indices = Some(Hybrid::new(from, width.into())?);
                }
                let index = indices.as_mut().ok_or_else(fewer)?.next()?;
                dictionary
                    .get(index)
                    .ok_or_else(|| damaged("a value stands for an entry that the dictionary lacks"))
            }
        }
    }
}

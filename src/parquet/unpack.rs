//! The bytes of a page, unpacked: as a stream, or whole and never longer than the page's header says.

use std::io::{self, BufReader, Cursor, Read};

use flate2::bufread::MultiGzDecoder;
use lz4_flex::block;
use lz4_flex::frame::FrameDecoder;
use parquet::basic::Compression;

use super::{damaged, unreadable};
use crate::error::{Error, Result};

/// How many times longer than its input what these two give can be: LZ4's lengths are sums of 255, Snappy's copies are of up to 64 bytes.
const LZ4_TIMES: u64 = 256;
const SNAPPY_TIMES: u64 = 64;

const OTHER_LENGTH: &str = "a page is longer or shorter than announced";

/// `packed` bytes of a page unpacked, as they are asked for; `length` in all. What cannot be unpacked in pieces is held whole.
pub(super) fn stream<'a>(
    compression: Compression,
    body: impl Read + Send + 'a,
    packed: u64,
    length: u64,
) -> Result<Box<dyn Read + Send + 'a>> {
    let buffered = |body| BufReader::with_capacity(64 << 10, body);
    Ok(match compression {
        Compression::UNCOMPRESSED => Box::new(body),
        Compression::GZIP(_) => Box::new(MultiGzDecoder::new(buffered(body)).take(length)),
        Compression::ZSTD(_) => Box::new(
            zstd::stream::read::Decoder::with_buffer(buffered(body)).map_err(unreadable)?.take(length),
        ),
        Compression::BROTLI(_) => {
            Box::new(brotli_decompressor::Decompressor::new(body, 16 << 10).take(length))
        }
        Compression::SNAPPY | Compression::LZ4 | Compression::LZ4_RAW => {
            Box::new(Cursor::new(block(compression, body, packed, length)?))
        }
        Compression::LZO => return Err(unknown(compression)),
    })
}

/// Unpacks the pages of a column whole.
pub(super) struct Unpacker {
    compression: Compression,
    /// Kept from page to page.
    zstd: Option<zstd::bulk::Decompressor<'static>>,
}

impl Unpacker {
    pub(super) fn new(compression: Compression) -> Unpacker {
        Unpacker { compression, zstd: None }
    }

    /// All of `packed` bytes, which are `length` unpacked.
    pub(super) fn whole(&mut self, body: impl Read + Send, packed: u64, length: u64) -> Result<Vec<u8>> {
        // Where every value is absent.
        if length == 0 {
            return Ok(Vec::new());
        }
        let unpacked = match self.compression {
            // At once, which is faster than in pieces.
            Compression::ZSTD(_) => self.zstd(&all(body, packed)?, length).map_err(unreadable)?,
            compression => all(stream(compression, body, packed, length)?, length)?,
        };
        if unpacked.len() as u64 == length { Ok(unpacked) } else { Err(damaged(OTHER_LENGTH)) }
    }

    fn zstd(&mut self, packed: &[u8], length: u64) -> io::Result<Vec<u8>> {
        let mut unpacked = room(length).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let zstd = match &mut self.zstd {
            Some(zstd) => zstd,
            none => none.insert(zstd::bulk::Decompressor::new()?),
        };
        zstd.decompress_to_buffer(packed, &mut unpacked)?;
        Ok(unpacked)
    }
}

/// As many bytes as announced, no more and no fewer.
pub(super) fn all(from: impl Read, length: u64) -> Result<Vec<u8>> {
    let mut bytes = room(length)?;
    let read = from.take(length).read_to_end(&mut bytes).map_err(unreadable)?;
    if read as u64 == length { Ok(bytes) } else { Err(damaged("a page breaks off")) }
}

/// Memory for so many bytes, unless the system refuses it.
fn room(length: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let full = || Error::io("cannot read a page of the Parquet file", io::ErrorKind::OutOfMemory.into());
    bytes.try_reserve_exact(usize::try_from(length).map_err(|_| full())?).map_err(|_| full())?;
    Ok(bytes)
}

fn unknown(compression: Compression) -> Error {
    Error::Unsupported(format!("parquet: pages compressed with {compression} are not read"))
}

/// What is compressed in one block.
fn block(compression: Compression, body: impl Read, packed: u64, length: u64) -> Result<Vec<u8>> {
    let times = if compression == Compression::SNAPPY { SNAPPY_TIMES } else { LZ4_TIMES };
    if length > packed.saturating_mul(times) {
        return Err(damaged("a page is announced to be longer than its bytes can make it"));
    }
    let packed = all(body, packed)?;
    match compression {
        Compression::SNAPPY => snappy(&packed, length),
        Compression::LZ4_RAW => lz4(&packed, length),
        _ => lz4_of_hadoop(&packed, length),
    }
}

fn snappy(packed: &[u8], length: u64) -> Result<Vec<u8>> {
    let wrong = |error: snap::Error| damaged(&error.to_string());
    if snap::raw::decompress_len(packed).map_err(wrong)? as u64 != length {
        return Err(damaged(OTHER_LENGTH));
    }
    let mut unpacked = room(length)?;
    unpacked.resize(length as usize, 0);
    snap::raw::Decoder::new().decompress(packed, &mut unpacked).map_err(wrong)?;
    Ok(unpacked)
}

fn lz4(packed: &[u8], length: u64) -> Result<Vec<u8>> {
    let mut unpacked = room(length)?;
    unpacked.resize(length as usize, 0);
    let written =
        block::decompress_into(packed, &mut unpacked).map_err(|error| damaged(&error.to_string()))?;
    unpacked.truncate(written);
    Ok(unpacked)
}

/// LZ4 as Hadoop has it: blocks with both lengths before them. Older programs wrote frames or one block under the same name.
fn lz4_of_hadoop(packed: &[u8], length: u64) -> Result<Vec<u8>> {
    if let Some(unpacked) = hadoop_blocks(packed, length)? {
        return Ok(unpacked);
    }
    let mut framed = room(length)?;
    match FrameDecoder::new(packed).take(length).read_to_end(&mut framed) {
        Ok(read) if read as u64 == length => Ok(framed),
        _ => lz4(packed, length),
    }
}

fn hadoop_blocks(mut packed: &[u8], length: u64) -> Result<Option<Vec<u8>>> {
    let mut unpacked = room(length)?;
    while let Some((head, rest)) = packed.split_first_chunk::<8>() {
        let number = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let Some((block, behind)) = rest.split_at_checked(number(4) as usize) else { return Ok(None) };
        let start = unpacked.len();
        let end = start as u64 + u64::from(number(0));
        if end > length {
            return Ok(None);
        }
        unpacked.resize(end as usize, 0);
        if block::decompress_into(block, &mut unpacked[start..]).ok() != Some(end as usize - start) {
            return Ok(None);
        }
        packed = behind;
    }
    Ok((packed.is_empty() && unpacked.len() as u64 == length).then_some(unpacked))
}

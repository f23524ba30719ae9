//! A member's bytes, unpacked and compared with its checksum.

use std::io::{self, BufRead, Read};

use flate2::bufread::DeflateDecoder;

use super::header::Member;
use super::input::Input;
use crate::error::Error;

pub(super) const STORED: u16 = 0;
pub(super) const DEFLATED: u16 = 8;

/// Why a member cannot be unpacked at all.
pub(super) fn refusal(member: &Member) -> Option<Error> {
    let what = match member.method {
        _ if member.is_encrypted() => "zip: the member is encrypted".to_string(),
        STORED | DEFLATED => return None,
        method => format!("zip: compression method {method}; stored and deflated members are read"),
    };
    Some(Error::Unsupported(what))
}

/// What a member holds, from where `input` is. The last byte comes only where all are there and the checksum is right.
pub(super) fn unpacked<'a>(member: &Member, input: &'a mut Input) -> Box<dyn Read + 'a> {
    let packed = input.take(member.packed);
    let left = member.size;
    match member.method {
        DEFLATED => Box::new(Checked {
            content: DeflateDecoder::new(packed),
            left,
            crc: member.crc,
            sum: crc32fast::Hasher::new(),
        }),
        _ => Box::new(Checked { content: packed, left, crc: member.crc, sum: crc32fast::Hasher::new() }),
    }
}

struct Checked<R> {
    content: R,
    left: u64,
    crc: u32,
    sum: crc32fast::Hasher,
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let wanted = self.left.min(into.len() as u64) as usize;
        let read = self.content.read(&mut into[..wanted])?;
        self.sum.update(&into[..read]);
        self.left -= read as u64;
        if self.left == 0 && read > 0 {
            let wrong = |what| Err(io::Error::new(io::ErrorKind::InvalidData, what));
            if self.content.read(&mut [0])? > 0 {
                return wrong("it is longer than announced");
            }
            if self.sum.clone().finalize() != self.crc {
                return wrong("its checksum is wrong");
            }
        }
        Ok(read)
    }
}

/// Length of what a deflated stream holds, of the stream itself, and the checksum.
pub(super) struct Measured {
    pub(super) size: u64,
    pub(super) packed: u64,
    pub(super) crc: u32,
}

/// Unpacks a deflated stream of unknown length, and keeps nothing of it.
pub(super) fn measure(from: impl BufRead) -> io::Result<Measured> {
    let mut content = DeflateDecoder::new(from);
    let (mut sum, mut piece) = (crc32fast::Hasher::new(), vec![0; 64 << 10]);
    loop {
        match content.read(&mut piece)? {
            0 => break,
            read => sum.update(&piece[..read]),
        }
    }
    Ok(Measured { size: content.total_out(), packed: content.total_in(), crc: sum.finalize() })
}

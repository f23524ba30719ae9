//! Compressed streams of several parts: gzip's members and zstd's frames, read one behind another as one stream.
//!
//! Zeros behind a part are the padding of tape blocks. Other bytes that begin no part are a fault to whoever reads on to them: the next part may
//! be damaged. A reader that has met the end of the content, such as of a tar, does not read on.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;
use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};

/// Whether a file begins as gzip does, with deflated content (RFC 1952, 2.3.1).
pub(super) fn is_gzip(start: &[u8]) -> bool {
    start.starts_with(&[0x1f, 0x8b, 8])
}

/// Whether a file begins as a frame of zstd does, or as a skippable one, which parallel compressors put first (RFC 8878, 3.1).
pub(super) fn is_zstd(start: &[u8]) -> bool {
    matches!(start, [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

/// What gzip's members hold.
pub(super) struct Gzip<R> {
    member: GzDecoder<Peek<R>>,
    ended: bool,
}

impl<R: BufRead> Gzip<R> {
    pub(super) fn new(from: R) -> Gzip<R> {
        Gzip { member: GzDecoder::new(Peek::new(from)), ended: false }
    }

    /// Continues with the next member, in the memory of the last one.
    fn next_member(&mut self) -> io::Result<()> {
        self.ended = !self.member.get_mut().goes_on(is_gzip)?;
        let rest = self.member.reset(Peek { seen: Vec::new(), from: None });
        self.member.reset(rest);
        Ok(())
    }
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while !self.ended && !into.is_empty() {
            match self.member.read(into)? {
                0 => self.next_member()?,
                read => return Ok(read),
            }
        }
        Ok(0)
    }
}

/// What zstd's frames hold.
pub(super) struct Zstd<R> {
    from: Peek<R>,
    frame: Decoder<'static>,
    /// Whether a frame ended, and what follows it was not looked at.
    is_between: bool,
    ended: bool,
}

impl<R: BufRead> Zstd<R> {
    pub(super) fn new(from: R) -> io::Result<Zstd<R>> {
        Ok(Zstd { from: Peek::new(from), frame: Decoder::new()?, is_between: false, ended: false })
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while !self.ended && !into.is_empty() {
            if self.is_between {
                self.ended = !self.from.goes_on(is_zstd)?;
                self.is_between = false;
                continue;
            }
            let (mut input, mut output) =
                (InBuffer::around(self.from.fill_buf()?), OutBuffer::around(&mut *into));
            let left = self.frame.run(&mut input, &mut output)?;
            let (taken, given) = (input.pos(), output.pos());
            self.from.consume(taken);
            if left == 0 {
                self.is_between = true;
                self.frame.reinit()?;
            } else if taken == 0 && given == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a zstd frame breaks off"));
            }
            if given > 0 {
                return Ok(given);
            }
        }
        Ok(0)
    }
}

/// A stream whose next bytes can be looked at.
struct Peek<R> {
    /// Bytes looked at and not taken yet.
    seen: Vec<u8>,
    from: Option<R>,
}

impl<R: BufRead> Peek<R> {
    fn new(from: R) -> Peek<R> {
        Peek { seen: Vec::new(), from: Some(from) }
    }

    /// Skips zeros; returns whether another part begins behind them, or the stream ends.
    fn goes_on(&mut self, begins: fn(&[u8]) -> bool) -> io::Result<bool> {
        loop {
            let bytes = self.fill_buf()?;
            let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
            let (length, all_zeros) = (bytes.len(), zeros == bytes.len());
            self.consume(zeros);
            if length == 0 || !all_zeros {
                break;
            }
        }
        match self.start()? {
            [] => Ok(false),
            start if begins(start) => Ok(true),
            _ => {
                Err(io::Error::new(io::ErrorKind::InvalidData, "what follows its last part is no part of it"))
            }
        }
    }

    /// The next four bytes, fewer at the end.
    fn start(&mut self) -> io::Result<&[u8]> {
        if let Some(from) = &mut self.from {
            let missing = 4u64.saturating_sub(self.seen.len() as u64);
            from.take(missing).read_to_end(&mut self.seen)?;
        }
        Ok(&self.seen)
    }
}

impl<R: BufRead> Read for Peek<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Peek<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match &mut self.from {
            Some(from) if self.seen.is_empty() => from.fill_buf(),
            _ => Ok(&self.seen),
        }
    }

    fn consume(&mut self, amount: usize) {
        match &mut self.from {
            Some(from) if self.seen.is_empty() => from.consume(amount),
            _ => drop(self.seen.drain(..amount)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Write};

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::encode_all(bytes, 1).unwrap()
    }

    fn skippable() -> Vec<u8> {
        [&[0x5a, 0x2a, 0x4d, 0x18, 5, 0, 0, 0][..], b"hello"].concat()
    }

    /// What comes out, and whether it ended well, whatever pieces the file is read in.
    fn unpacked(bytes: &[u8]) -> (Vec<u8>, bool) {
        let all = [1, 3, 4096].map(|piece| {
            let from = BufReader::with_capacity(piece, bytes);
            let mut into = Vec::new();
            let ended = match is_gzip(bytes) {
                true => Gzip::new(from).read_to_end(&mut into),
                false => Zstd::new(from).unwrap().read_to_end(&mut into),
            };
            (into, ended.is_ok())
        });
        assert!(all[0] == all[1] && all[1] == all[2], "the pieces make a difference");
        let [first, ..] = all;
        first
    }

    #[test]
    fn parts_behind_one_another_are_one_stream() {
        let (first, second) = (vec![7; 3000], b"and the rest".to_vec());
        let whole = [&first[..], &second].concat();
        let streams = [
            [gzip(&first), gzip(b""), gzip(&second)].concat(),
            [gzip(&first), vec![0; 700], gzip(&second), vec![0; 9]].concat(),
            [zstd(&first), zstd(&second)].concat(),
            [skippable(), zstd(&first), skippable(), zstd(b""), zstd(&second), skippable()].concat(),
            [zstd(&first), vec![0; 1000], zstd(&second), vec![0; 1]].concat(),
        ];
        for (number, stream) in streams.iter().enumerate() {
            assert_eq!(unpacked(stream), (whole.clone(), true), "stream {number}");
        }
    }

    #[test]
    fn padding_is_no_fault_and_a_break_is_one() {
        let content: Vec<u8> = (0..5000u32).map(|number| ((number * number) >> 3) as u8).collect();
        for stream in [gzip(&content), zstd(&content)] {
            for (behind, is_padding) in [
                (&[0; 10_240][..], true),
                (&[0], true),
                (b"signed by somebody", false),
                (&[0, 0, 0x1f], false),
                (&[0x28, 0xb5], false),
                (&[0xff; 5000], false),
            ] {
                assert_eq!(unpacked(&[&stream[..], behind].concat()), (content.clone(), is_padding));
            }
            for length in [stream.len() - 1, stream.len() / 2, 9] {
                let (read, ended_well) = unpacked(&stream[..length]);
                assert!(!ended_well && content.starts_with(&read), "cut at {length}");
            }
        }
    }
}

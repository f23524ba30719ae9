//! Small numbers in runs and in packed bits: levels, and indices into a dictionary (Apache Parquet format, "Run Length Encoding / Bit-Packing Hybrid").

use std::io::{self, Read};

use super::{damaged, unreadable};
use crate::error::Result;

/// Numbers, read one by one.
pub(super) struct Hybrid<T> {
    from: T,
    /// Bits of a number, up to 32.
    width: u32,
    /// Numbers left of a run of equal ones, and which.
    equal: u64,
    number: u32,
    /// Numbers left of those that are packed, and bits read of them.
    packed: u64,
    bits: u64,
    count: u32,
}

impl<T: Read> Hybrid<T> {
    /// Numbers of so many bits.
    pub(super) fn new(from: T, width: u32) -> Result<Hybrid<T>> {
        if width > 32 {
            return Err(damaged("numbers are wider than 32 bits"));
        }
        Ok(Hybrid { from, width, equal: 0, number: 0, packed: 0, bits: 0, count: 0 })
    }

    pub(super) fn next(&mut self) -> Result<u32> {
        self.number().map_err(unreadable)
    }

    fn number(&mut self) -> io::Result<u32> {
        while self.equal == 0 && self.packed == 0 {
            self.begin()?;
        }
        if self.equal > 0 {
            self.equal -= 1;
            return Ok(self.number);
        }
        while self.count < self.width {
            self.bits |= u64::from(byte(&mut self.from)?) << self.count;
            self.count += 8;
        }
        self.packed -= 1;
        let number = self.bits & ((1 << self.width) - 1);
        self.bits >>= self.width;
        self.count -= self.width;
        Ok(number as u32)
    }

    /// Begins the next run.
    fn begin(&mut self) -> io::Result<()> {
        let head = unsigned(&mut self.from)?;
        if head & 1 == 1 {
            self.packed = (head >> 1).checked_mul(8).ok_or(io::ErrorKind::InvalidData)?;
            (self.bits, self.count) = (0, 0);
            return Ok(());
        }
        self.equal = head >> 1;
        let mut number = [0; 4];
        self.from.read_exact(&mut number[..self.width.div_ceil(8) as usize])?;
        self.number = u32::from_le_bytes(number);
        Ok(())
    }
}

pub(super) fn byte(from: &mut impl Read) -> io::Result<u8> {
    let mut byte = [0];
    from.read_exact(&mut byte)?;
    Ok(byte[0])
}

/// A number in pieces of 7 bits, the lowest first.
pub(super) fn unsigned(from: &mut impl Read) -> io::Result<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = byte(from)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(bytes: &[u8], width: u32, count: usize) -> Vec<u32> {
        let mut numbers = Hybrid::new(bytes, width).unwrap();
        (0..count).map_while(|_| numbers.next().ok()).collect()
    }

    #[test]
    fn runs_and_packed_numbers_follow_one_another() {
        // The format's own example: 0 to 7 in three bits each.
        let packed = [3, 0b1000_1000, 0b1100_0110, 0b1111_1010];
        assert_eq!(numbers(&packed, 3, 9), [0, 1, 2, 3, 4, 5, 6, 7]);
        let both = [&[6, 5][..], &packed, &[4, 2]].concat();
        assert_eq!(numbers(&both, 3, 99), [5, 5, 5, 0, 1, 2, 3, 4, 5, 6, 7, 2, 2]);
        assert_eq!(numbers(&[4, 0xff, 0xff, 0xff, 0xff], 32, 9), [u32::MAX; 2]);
        assert_eq!(numbers(&[6], 0, 3), [0; 3]);
        assert_eq!(numbers(&[4, 1, 0], 8, 3), [1, 1]);
        assert!(Hybrid::new(&[][..], 33).is_err());
    }
}

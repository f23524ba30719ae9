//! Lengths as differences in blocks of packed bits (Apache Parquet format, "Delta Encoding").

use std::io::{self, Read};

use super::hybrid::{byte, unsigned};
use super::unpack::all;
use super::{damaged, unreadable};
use crate::error::Result;

/// Numbers of a block at most: programs write 128.
const BLOCK: u64 = 1 << 20;

/// How many numbers bytes are said to hold.
pub(super) fn count(mut bytes: &[u8]) -> Option<u64> {
    let head: io::Result<Vec<u64>> = (0..3).map(|_| unsigned(&mut bytes)).collect();
    head.ok().map(|head| head[2])
}

/// Lengths, up to `most` of them.
pub(super) fn numbers(from: &mut impl Read, most: u64) -> Result<Vec<u32>> {
    let head: io::Result<Vec<u64>> = (0..3).map(|_| unsigned(from)).collect();
    let [block, parts, count] = head.map_err(unreadable)?[..] else { return Ok(Vec::new()) };
    if count > most || !(1..=BLOCK).contains(&block) || parts == 0 || block % parts != 0 {
        return Err(damaged("a page's lengths make no sense"));
    }
    let mut last = signed(from).map_err(unreadable)?;
    let mut numbers = Vec::new();
    if count > 0 {
        numbers.push(length(last)?);
    }
    while (numbers.len() as u64) < count {
        let least = signed(from).map_err(unreadable)?;
        let widths = all(&mut *from, parts)?;
        for width in widths {
            // Parts behind the last number are not there, but the one that holds it is filled up.
            if numbers.len() as u64 == count {
                break;
            }
            let mut bits = Bits { width: width.into(), held: 0, count: 0 };
            for _ in 0..block / parts {
                let difference = bits.next(from).map_err(unreadable)?;
                if (numbers.len() as u64) < count {
                    last = last.wrapping_add(least).wrapping_add(difference as i64);
                    numbers.push(length(last)?);
                }
            }
        }
    }
    Ok(numbers)
}

fn length(number: i64) -> Result<u32> {
    u32::try_from(number).map_err(|_| damaged("a value has less than no bytes, or more than a page"))
}

fn signed(from: &mut impl Read) -> io::Result<i64> {
    let number = unsigned(from)?;
    Ok((number >> 1) as i64 ^ -((number & 1) as i64))
}

/// Numbers of up to 64 bits, the lowest bits first.
struct Bits {
    width: u32,
    held: u128,
    count: u32,
}

impl Bits {
    fn next(&mut self, from: &mut impl Read) -> io::Result<u64> {
        if self.width > 64 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        while self.count < self.width {
            self.held |= u128::from(byte(from)?) << self.count;
            self.count += 8;
        }
        let number = self.held & ((1 << self.width) - 1);
        self.held >>= self.width;
        self.count -= self.width;
        Ok(number as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_sums_of_differences() {
        // 7, 5, 3, 1, 2, 3, 4, 5 in blocks of 8 and parts of 4, as the format's own example has them.
        let bytes = [8, 2, 8, 14, 3, 2, 2, 0b1100_0000, 0b0011_1111];
        assert_eq!(count(&bytes), Some(8));
        let mut from = &[&bytes[..], b"behind"].concat()[..];
        assert_eq!(numbers(&mut from, 8).unwrap(), [7, 5, 3, 1, 2, 3, 4, 5]);
        assert_eq!(from, b"behind");
        assert!(numbers(&mut &bytes[..], 7).is_err() && numbers(&mut &bytes[..8], 8).is_err());
        assert_eq!(numbers(&mut &[8, 2, 1, 14][..], 8).unwrap(), [7]);
        assert_eq!(numbers(&mut &[8, 2, 0, 0][..], 8).unwrap(), [0; 0]);
        // -1, a block that is no multiple of its parts, and no parts.
        for wrong in [[8, 2, 1, 1], [9, 2, 1, 0], [8, 0, 1, 0]] {
            assert!(numbers(&mut &wrong[..], 8).is_err(), "{wrong:?}");
        }
    }
}

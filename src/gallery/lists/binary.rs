//! Bare signatures, one after another; the position is the signature's number from 1.

use std::io::{BufReader, Read};

use super::{Give, Item, damaged, unreadable};
use crate::error::Result;
use crate::gallery::Entry;
use crate::signature::{Pdq, PhotoDna};

/// Reads signatures of `N` bytes, 144 or 32.
pub(super) fn read<const N: usize>(reader: impl Read, give: Give<'_>) -> Result<()> {
    let mut reader = BufReader::with_capacity(1 << 18, reader);
    let mut bytes = [0; N];
    for position in 1.. {
        let mut filled = 0;
        while filled < N {
            match reader.read(&mut bytes[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(unreadable(error)),
            }
        }
        match filled {
            0 => break,
            _ if filled < N => {
                return Err(damaged(format!(
                    "it ends {filled} bytes into signature {position}, of {N} bytes"
                )));
            }
            _ => give(Item::Entry(Entry {
                position,
                photodna: bytes[..].try_into().ok().map(PhotoDna),
                pdq: bytes[..].try_into().ok().map(Pdq),
                ..Entry::default()
            }))?,
        }
    }
    Ok(())
}

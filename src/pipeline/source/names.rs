//! Lists of paths as `find` prints them.

use std::ffi::OsString;
use std::io::{self, BufRead, Read};
use std::path::PathBuf;

/// Longest name in a list, in bytes; beyond it the list is taken for something else.
const LONGEST: u64 = 65_536;

/// The paths in a list, each ended by `separator` (a newline or a zero byte), the last one perhaps not.
/// Every byte but the separator belongs to the name, valid UTF-8 or not; empty names are skipped.
///
/// A list that cannot be read, or that holds a name over 65,536 bytes, ends with an error.
pub fn names(list: impl BufRead, separator: u8) -> impl Iterator<Item = io::Result<PathBuf>> {
    let mut list = Some(list);
    std::iter::from_fn(move || {
        let next = next_name(list.as_mut()?, separator).transpose();
        if !matches!(next, Some(Ok(_))) {
            list = None;
        }
        next
    })
}

fn next_name(list: &mut impl BufRead, separator: u8) -> io::Result<Option<PathBuf>> {
    loop {
        let mut name = Vec::new();
        if list.by_ref().take(LONGEST + 1).read_until(separator, &mut name)? == 0 {
            return Ok(None);
        }
        if name.last() == Some(&separator) {
            name.pop();
        }
        if name.len() as u64 > LONGEST {
            let message = "a name is over 65,536 bytes long; is this a list of paths, and is -0 right?";
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        if !name.is_empty() {
            return Ok(Some(name_from_bytes(name).into()));
        }
    }
}

/// A name of exactly these bytes.
#[cfg(unix)]
pub(in crate::pipeline) fn name_from_bytes(name: Vec<u8>) -> OsString {
    std::os::unix::ffi::OsStringExt::from_vec(name)
}

/// A name of these bytes, with U+FFFD for what this system's names cannot hold.
#[cfg(not(unix))]
pub(in crate::pipeline) fn name_from_bytes(name: Vec<u8>) -> OsString {
    String::from_utf8_lossy(&name).into_owned().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(list: &[u8], separator: u8) -> Vec<Option<PathBuf>> {
        names(list, separator).map(Result::ok).collect()
    }

    #[test]
    fn every_byte_but_the_separator_counts() {
        let expect = |paths: &[&str]| paths.iter().map(|p| Some(p.into())).collect::<Vec<_>>();
        assert_eq!(read(b"a b\n\n c\r\nlast", b'\n'), expect(&["a b", " c\r", "last"]));
        assert_eq!(read(b"a\nb\0\0c\0", 0), expect(&["a\nb", "c"]));
        assert_eq!(read(b"", 0), expect(&[]));
    }

    #[test]
    fn endless_names_end_the_list() {
        let mut list = vec![b'x'; LONGEST as usize];
        assert_eq!(read(&list, 0).len(), 1);
        list.push(0);
        assert!(read(&list, 0)[0].is_some());
        list[LONGEST as usize] = b'x';
        list.extend(b"x\0behind");
        assert_eq!(read(&list, 0), [None]);
    }
}

//! One block of a tar that describes an entry: its fields, read as leniently as GNU tar and bsdtar do.
//!
//! ```text
//! name   mode uid gid size  mtime checksum kind link   magic  …  prefix, or what GNU and star keep there
//! 0      100  108 116 124   136   148      156  157    257       345
//! ```

/// Length of a block.
pub(super) const BLOCK: usize = 512;

/// A block.
#[derive(Clone)]
pub(super) struct Header(pub(super) [u8; BLOCK]);

/// A field's bytes up to the first zero.
fn text(field: &[u8]) -> &[u8] {
    field.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// A number in octal digits with blanks before it; what stands behind the digits says nothing, and no digit at all is 0. Old programs
/// left fields blank that mean nothing for an entry, and wrote letters behind others.
fn octal(field: &[u8]) -> Option<u64> {
    let field = field.trim_ascii_start();
    let mut digits = field.iter().take_while(|byte| matches!(byte, b'0'..=b'7'));
    digits.try_fold(0u64, |number, &digit| number.checked_mul(8)?.checked_add(u64::from(digit - b'0')))
}

/// A number as GNU and star write what octal digits cannot hold: the bytes themselves behind a first bit that is set.
fn base_256(field: &[u8]) -> Option<u64> {
    let (first, rest) = field.split_first()?;
    // The second bit is the sign.
    let start = (first & 0x40 == 0).then_some(u64::from(first & 0x3f))?;
    rest.iter().try_fold(start, |number, &byte| number.checked_mul(256)?.checked_add(byte.into()))
}

/// A number; `None` where it is negative or beyond 64 bits.
pub(super) fn number(field: &[u8]) -> Option<u64> {
    let large = field.first().is_some_and(|first| first & 0x80 != 0);
    if large { base_256(field) } else { octal(field) }
}

impl Header {
    pub(super) fn is_zero(&self) -> bool {
        self.0.iter().all(|&byte| byte == 0)
    }

    /// Whether this is a header at all: the sum of its bytes, its own field as blanks. Some old programs summed signed bytes.
    pub(super) fn checksum_is_right(&self) -> bool {
        let field = &self.0[148..156];
        if !field.iter().all(|byte| matches!(byte, b' ' | 0 | b'0'..=b'7')) {
            return false;
        }
        let announced = octal(field).unwrap_or_default() as i64;
        let bytes = || self.0[..148].iter().chain(&self.0[156..]);
        let unsigned: i64 = bytes().map(|&byte| i64::from(byte)).sum();
        let signed: i64 = bytes().map(|&byte| i64::from(byte as i8)).sum();
        announced == unsigned + 256 || announced == signed + 256
    }

    /// The type of the entry.
    pub(super) fn kind(&self) -> u8 {
        self.0[156]
    }

    /// Bytes of the entry's content; `None` where they are negative or beyond 64 bits.
    pub(super) fn size(&self) -> Option<u64> {
        number(&self.0[124..136])
    }

    /// The name, with the prefix that ustar keeps apart.
    pub(super) fn name(&self) -> Vec<u8> {
        let (name, prefix) = (text(&self.0[..100]), self.prefix());
        if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() }
    }

    /// GNU keeps other things where ustar has the prefix, star at its end.
    fn prefix(&self) -> &[u8] {
        match &self.0[257..265] {
            b"ustar  \0" => &[],
            [b'u', b's', b't', b'a', b'r', ..] if self.is_star() => text(&self.0[345..476]),
            [b'u', b's', b't', b'a', b'r', ..] => text(&self.0[345..500]),
            _ => &[],
        }
    }

    /// Whether the times behind a shorter prefix show star's variant (star(5), "xstar").
    fn is_star(&self) -> bool {
        let is_time = |at: usize| matches!(self.0[at], b'0'..=b'7') && self.0[at + 11] == b' ';
        self.0[475] == 0 && is_time(476) && is_time(488)
    }

    /// The map of GNU's old sparse files, whether it continues in further blocks, and the length of what is unpacked; star has others.
    pub(super) fn sparse(&self) -> Option<(&[u8], bool, Option<u64>)> {
        let is_gnu = &self.0[257..265] == b"ustar  \0";
        is_gnu.then(|| (&self.0[386..482], self.0[482] != 0, number(&self.0[483..495])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_bsdtar_reads_them() {
        let cases: [(&[u8], Option<u64>); 14] = [
            (b"00000000017\0", Some(15)),
            (b"         17 ", Some(15)),
            (b"17", Some(15)),
            (b"            ", Some(0)),
            (b"\0\0\0\0", Some(0)),
            (b"17x7", Some(15)),
            (b"178", Some(15)),
            (b"x", Some(0)),
            (b"777777777777", Some((1 << 36) - 1)),
            (b"7777777777777777777777777", None),
            (b"\x80\0\0\0\0\0\0\x01\0\0\0\x02", Some((1 << 32) + 2)),
            (b"\x80\0\0\0\0\0\0\0\0\0\x01\x02", Some(258)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", None),
            (b"\x80\x01\0\0\0\0\0\0\0\0\0\0", None),
        ];
        for (field, expected) in cases {
            assert_eq!(number(field), expected, "{field:?}");
        }
    }

    #[test]
    fn names_have_the_prefix_of_their_kind() {
        let header = |magic: &[u8], star: bool| {
            let mut block = [0; BLOCK];
            block[..4].copy_from_slice(b"name");
            block[257..257 + magic.len()].copy_from_slice(magic);
            block[345..348].copy_from_slice(b"pre");
            if star {
                block[348..475].fill(b'p');
                block[476..488].copy_from_slice(b"13371337133 ");
                block[488..500].copy_from_slice(b"13371337133 ");
            }
            String::from_utf8(Header(block).name()).unwrap()
        };
        assert_eq!(header(b"ustar\x0000", false), "pre/name");
        assert_eq!(header(b"ustar  \0", false), "name");
        assert_eq!(header(b"", false), "name");
        assert_eq!(header(b"ustar\x0000", true), format!("pre{}/name", "p".repeat(127)));
    }
}

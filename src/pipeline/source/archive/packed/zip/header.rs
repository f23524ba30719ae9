//! What zip's headers say of a member (PKWARE, APPNOTE.TXT, 4.3 to 4.5).

use super::input::{Input, Mark};

pub(super) const LOCAL: Mark = *b"PK\x03\x04";
pub(super) const CENTRAL: Mark = *b"PK\x01\x02";
pub(super) const END: Mark = *b"PK\x05\x06";
pub(super) const END_64: Mark = *b"PK\x06\x06";
pub(super) const LOCATOR: Mark = *b"PK\x06\x07";
pub(super) const DESCRIPTOR: Mark = *b"PK\x07\x08";
/// A split archive that needed no splitting.
pub(super) const NOT_SPLIT: Mark = *b"PK00";

/// Lengths of records without what varies.
pub(super) const LOCAL_LENGTH: u64 = 30;
pub(super) const CENTRAL_LENGTH: u64 = 46;
pub(super) const END_LENGTH: u64 = 22;
pub(super) const END_64_LENGTH: u64 = 56;
pub(super) const LOCATOR_LENGTH: u64 = 20;

/// Numbers at an offset; a field that is not there is 0.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |field| u16::from_le_bytes(*field))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |field| u32::from_le_bytes(*field))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |field| u64::from_le_bytes(*field))
}

/// A member, as a header describes it.
#[derive(Debug, Clone, Default)]
pub(super) struct Member {
    pub(super) name: Vec<u8>,
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) crc: u32,
    /// Bytes in the archive, and of what is unpacked.
    pub(super) packed: u64,
    pub(super) size: u64,
    /// Where its local header begins, by the central directory.
    pub(super) at: u64,
    /// Whether it is a file rather than a folder or a symbolic link.
    pub(super) is_file: bool,
}

impl Member {
    pub(super) fn is_encrypted(&self) -> bool {
        self.flags & 1 != 0
    }

    /// Whether its header left its sizes to the descriptor behind its content.
    pub(super) fn is_unsized(&self) -> bool {
        self.flags & 8 != 0 && self.packed == 0
    }

    /// The fields that both headers have in one order, from the flags on.
    fn common(fields: &[u8]) -> Member {
        Member {
            flags: u16_at(fields, 0),
            method: u16_at(fields, 2),
            crc: u32_at(fields, 8),
            packed: u32_at(fields, 12).into(),
            size: u32_at(fields, 16).into(),
            is_file: true,
            ..Member::default()
        }
    }

    /// Takes a name and what the extra fields say: sizes of 64 bits (APPNOTE, 4.5.3) and a name in UTF-8 (4.6.9).
    fn take(&mut self, name: &[u8], mut extra: &[u8]) {
        self.name = name.to_vec();
        while let Some((head, rest)) = extra.split_first_chunk::<4>() {
            let length = usize::from(u16_at(head, 2)).min(rest.len());
            let (content, behind) = rest.split_at(length);
            match u16_at(head, 0) {
                0x0001 => self.take_64(content),
                0x7075 if content.len() > 5 && u32_at(content, 1) == crc32fast::hash(name) => {
                    self.name = content[5..].to_vec();
                }
                _ => {}
            }
            extra = behind;
        }
        self.is_file &= !matches!(self.name.last(), Some(b'/' | b'\\'));
    }

    /// Each field of 32 bits that is full has one of 64, in this order.
    fn take_64(&mut self, content: &[u8]) {
        let mut fields = content.as_chunks::<8>().0.iter().map(|field| u64::from_le_bytes(*field));
        for field in [&mut self.size, &mut self.packed, &mut self.at] {
            if *field == u64::from(u32::MAX) {
                *field = fields.next().unwrap_or(*field);
            }
        }
    }

    /// The member whose local header begins at `at`, and where its content does; `None` where there is none or it breaks off.
    pub(super) fn local(input: &mut Input, at: u64) -> std::io::Result<Option<(Member, u64)>> {
        let fixed = input.at_most(at, LOCAL_LENGTH)?;
        if fixed.len() as u64 != LOCAL_LENGTH || !fixed.starts_with(&LOCAL) {
            return Ok(None);
        }
        let (name, extra) = (u16_at(&fixed, 26), u16_at(&fixed, 28));
        let lengths = u64::from(name) + u64::from(extra);
        let variable = input.at_most(at + LOCAL_LENGTH, lengths)?;
        if variable.len() as u64 != lengths {
            return Ok(None);
        }
        let mut member = Member::common(&fixed[6..]);
        let (name, extra) = variable.split_at(name.into());
        member.take(name, extra);
        member.at = at;
        Ok(Some((member, at + LOCAL_LENGTH + lengths)))
    }

    /// The member of an entry of the central directory, and how long the entry is; `None` where there is none or it breaks off.
    pub(super) fn central(entry: &[u8]) -> Option<(Member, usize)> {
        let (fixed, variable) = entry.split_at_checked(CENTRAL_LENGTH as usize)?;
        if !fixed.starts_with(&CENTRAL) {
            return None;
        }
        let length = |at| usize::from(u16_at(fixed, at));
        let (name, variable) = variable.split_at_checked(length(28))?;
        let (extra, variable) = variable.split_at_checked(length(30))?;
        variable.split_at_checked(length(32))?;
        let mut member = Member::common(&fixed[8..]);
        member.at = u32_at(fixed, 42).into();
        member.is_file = !is_link_or_folder(fixed[5], u32_at(fixed, 38));
        member.take(name, extra);
        Some((member, CENTRAL_LENGTH as usize + length(28) + length(30) + length(32)))
    }
}

/// Whether the attributes of a system whose files have modes are those of a symbolic link or a folder.
fn is_link_or_folder(system: u8, attributes: u32) -> bool {
    const UNIX: u8 = 3;
    let kind = attributes >> 16 & 0o170_000;
    system == UNIX && (kind == 0o120_000 || kind == 0o040_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn central(name: &[u8], extra: &[u8], system: u8, mode: u32) -> Vec<u8> {
        let mut entry = [&CENTRAL[..], &[0; 42]].concat();
        entry[5] = system;
        entry[20..28].fill(0xff);
        entry[28] = name.len() as u8;
        entry[30] = extra.len() as u8;
        entry[38..42].copy_from_slice(&(mode << 16).to_le_bytes());
        entry[42..46].fill(0xff);
        [&entry[..], name, extra].concat()
    }

    #[test]
    fn extra_fields_say_more() {
        let sizes: Vec<u8> =
            [7u64 << 32, 5 << 32, 3 << 32].iter().flat_map(|size| size.to_le_bytes()).collect();
        let mut unicode = vec![1];
        unicode.extend(crc32fast::hash(b"\x81.jpg").to_le_bytes());
        unicode.extend("ü.jpg".bytes());
        let extra = [&[1, 0, 24, 0][..], &sizes, &[0x75, 0x70, unicode.len() as u8, 0], &unicode].concat();
        let entry = central(b"\x81.jpg", &extra, 3, 0o100_644);
        let (member, length) = Member::central(&entry).unwrap();
        assert_eq!(length, entry.len());
        assert_eq!((member.size, member.packed, member.at), (7 << 32, 5 << 32, 3 << 32));
        assert_eq!(member.name, "ü.jpg".as_bytes());
        // Another name's field is not this one's.
        let entry = central(b"\x82.jpg", &extra, 3, 0o100_644);
        assert_eq!(Member::central(&entry).unwrap().0.name, b"\x82.jpg");
        assert!((0..entry.len()).all(|cut| Member::central(&entry[..cut]).is_none()));
    }

    #[test]
    fn folders_and_links_are_no_files() {
        let is_file =
            |name: &[u8], system, mode| Member::central(&central(name, b"", system, mode)).unwrap().0.is_file;
        assert!(
            is_file(b"a.jpg", 3, 0o100_644) && is_file(b"a.jpg", 3, 0) && is_file(b"a.jpg", 0, 0o120_777)
        );
        assert!(!is_file(b"a.jpg", 3, 0o120_777) && !is_file(b"a", 3, 0o040_755));
        assert!(!is_file(b"a/", 0, 0) && !is_file(b"a\\", 0, 0));
    }
}

//! Boxes of the ISO base media file format (ISO/IEC 14496-12, 4.2), which HEIC, AVIF and JPEG XL files are made of.

/// A box: its name and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part<'a> {
    pub(super) name: [u8; 4],
    /// As much of it as there is.
    pub(super) content: &'a [u8],
    /// Whether the file ends within it.
    pub(super) is_cut: bool,
}

/// The boxes in `bytes`, one behind another; ends where the bytes are none.
#[derive(Debug, Clone)]
pub(super) struct Parts<'a> {
    rest: &'a [u8],
}

impl<'a> Parts<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Parts<'a> {
        Parts { rest: bytes }
    }

    /// The content of the first box of this name.
    pub(super) fn find(mut self, name: &[u8; 4]) -> Option<&'a [u8]> {
        self.find_map(|part| (part.name == *name).then_some(part.content))
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        let (size, rest) = self.rest.split_first_chunk()?;
        let (name, rest) = rest.split_first_chunk()?;
        let (head, size, rest) = match u32::from_be_bytes(*size) {
            // Up to the end.
            0 => (8, self.rest.len() as u64, rest),
            1 => {
                let (size, rest) = rest.split_first_chunk()?;
                (16, u64::from_be_bytes(*size), rest)
            }
            size => (8, size.into(), rest),
        };
        let length = usize::try_from(size.checked_sub(head)?).unwrap_or(usize::MAX);
        let (content, behind) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        self.rest = behind;
        Some(Part { name: *name, content, is_cut: content.len() < length })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_length_is_read() {
        let file = [
            &b"\0\0\0\x0aabcdxy"[..],
            b"\0\0\0\x01wide\0\0\0\0\0\0\0\x11z",
            b"\0\0\0\x08none",
            b"\0\0\0\0restof it",
        ]
        .concat();
        let parts: Vec<_> = Parts::of(&file).map(|part| (part.name, part.content, part.is_cut)).collect();
        let expected: [([u8; 4], &[u8], bool); 4] = [
            (*b"abcd", b"xy", false),
            (*b"wide", b"z", false),
            (*b"none", b"", false),
            (*b"rest", b"of it", false),
        ];
        assert_eq!(parts, expected);
        assert_eq!(Parts::of(&file).find(b"wide"), Some(&b"z"[..]));
        assert_eq!(Parts::of(&file).find(b"more"), None);
    }

    #[test]
    fn what_is_no_box_ends_them() {
        for bytes in
            [&b""[..], b"\0\0\0", b"\0\0\0\x07abcd", b"\0\0\0\x01abcd\0\0\0\0\0\0\0\x0f", b"\0\0\0\x01abcd"]
        {
            assert_eq!(Parts::of(bytes).next(), None, "{bytes:?}");
        }
        let cut = Parts::of(b"\0\0\0\x0cabcdxy").next();
        assert_eq!(cut, Some(Part { name: *b"abcd", content: b"xy", is_cut: true }));
    }
}

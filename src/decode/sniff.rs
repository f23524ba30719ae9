//! Which format the first bytes of a file announce.

use super::Format;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
const JPEG_XL_CONTAINER: &[u8] = b"\0\0\0\x0cJXL \r\n\x87\n";

impl Format {
    /// How many first bytes [`sniff`](Format::sniff) looks at, at most: as many as Chromium does for the brands of an AVIF.
    pub const SNIFFED: usize = 144;

    /// The format that a file's first bytes announce; `None` for anything else.
    ///
    /// Looks at no more than the first [`SNIFFED`](Format::SNIFFED) bytes.
    pub fn sniff(bytes: &[u8]) -> Option<Format> {
        let is = |magic: &[u8]| bytes.starts_with(magic);
        if is(b"\xff\xd8\xff") {
            Some(Format::Jpeg)
        } else if is(PNG) {
            Some(Format::Png)
        } else if is(b"GIF87a") || is(b"GIF89a") {
            Some(Format::Gif)
        } else if is(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
            Some(Format::WebP)
        } else if is(b"II*\0") || is(b"MM\0*") || is(b"II+\0") || is(b"MM\0+") {
            Some(Format::Tiff)
        } else if is(b"\xff\x0a") || is(JPEG_XL_CONTAINER) {
            Some(Format::JpegXl)
        } else if is(b"BM") && is_bitmap_header(bytes) {
            Some(Format::Bmp)
        } else if is_icon(bytes) {
            Some(Format::Ico)
        } else if is_any_map(bytes) {
            Some(Format::Pnm)
        } else if is(b"qoif") && matches!(bytes.get(12..14), Some([3 | 4, 0 | 1])) {
            Some(Format::Qoi)
        } else {
            iso_media(bytes)
        }
    }
}

/// Whether a directory of icons or cursors follows: some of them, the first of which lies behind the directory.
fn is_icon(bytes: &[u8]) -> bool {
    let Some(&[0, 0, 1 | 2, 0, low, high]) = bytes.first_chunk() else { return false };
    let count = u32::from(u16::from_le_bytes([low, high]));
    let place = bytes.get(18..).and_then(|place| place.first_chunk()).map(|place| u32::from_le_bytes(*place));
    count > 0 && place.is_some_and(|place| place >= 6 + 16 * count)
}

/// Whether it begins as an any-map does: `P`, its kind, white space, and a number, the name of one, or a comment.
fn is_any_map(bytes: &[u8]) -> bool {
    let [b'P', kind @ b'1'..=b'7', behind, rest @ ..] = bytes else { return false };
    let next = rest.iter().find(|byte| !byte.is_ascii_whitespace());
    behind.is_ascii_whitespace()
        && next.is_some_and(|next| match kind {
            b'7' => next.is_ascii_uppercase() || *next == b'#',
            _ => next.is_ascii_digit() || *next == b'#',
        })
}

/// Whether the length of the second header is one that bitmaps of Windows or OS/2 have: `BM` alone begins many texts. OS/2's second
/// one may break off behind any of its fields.
fn is_bitmap_header(bytes: &[u8]) -> bool {
    let length = bytes.get(14..18).map(|field| u32::from_le_bytes([field[0], field[1], field[2], field[3]]));
    length.is_some_and(|length| {
        matches!(length, 12 | 42 | 46 | 108 | 124) || (16..=64).contains(&length) && length % 4 == 0
    })
}

/// HEIC and AVIF share the ISO base media file format; the brands of its first box tell them apart.
fn iso_media(bytes: &[u8]) -> Option<Format> {
    if bytes.get(4..8) != Some(b"ftyp") {
        return None;
    }
    // A box whose length is 1 has another one behind its name (ISO/IEC 14496-12, 4.2.2).
    let (start, size) = match bytes.first_chunk()? {
        [0, 0, 0, 1] => (16, bytes.get(8..16)?.first_chunk().map_or(0, |size| u64::from_be_bytes(*size))),
        size => (8, u64::from(u32::from_be_bytes(*size))),
    };
    let end = (size.min(Format::SNIFFED as u64) as usize).max(start + 4).min(bytes.len());
    let major = bytes.get(start..start + 4);
    let brands = || major.into_iter().chain(bytes.get(start + 8..end).unwrap_or(&[]).chunks_exact(4));
    let has = |wanted: &[&[u8]]| brands().any(|brand| wanted.contains(&brand));
    if has(&[b"avif", b"avis"]) {
        Some(Format::Avif)
    } else if has(&[b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"]) {
        Some(Format::Heic)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_name_the_format() {
        let cases: &[(&[u8], Option<Format>)] = &[
            (b"\xff\xd8\xff\xe0", Some(Format::Jpeg)),
            (b"\xff\xd8", None),
            (b"\x89PNG\r\n\x1a\n", Some(Format::Png)),
            (b"GIF89a", Some(Format::Gif)),
            (b"GIF90a", None),
            (b"RIFF\0\0\0\0WEBP", Some(Format::WebP)),
            (b"RIFF\0\0\0\0WAVE", None),
            (b"MM\0*", Some(Format::Tiff)),
            (b"\xff\x0a", Some(Format::JpegXl)),
            (b"\0\0\x01\0\x01\0\x10\x10\0\0\x01\0\x20\0\x90\0\0\0\x16\0\0\0", Some(Format::Ico)),
            (b"\0\0\x01\0\x02\0\x10\x10\0\0\x01\0\x20\0\x90\0\0\0\x16\0\0\0", None),
            (b"\0\0\x01\0\x01\0\x10", None),
            (b"\0\0\0\x0cJXL \r\n\x87\n", Some(Format::JpegXl)),
            (b"BM....\0\0\0\0....\x28\0\0\0", Some(Format::Bmp)),
            (b"BM....\0\0\0\0....\x10\0\0\0", Some(Format::Bmp)),
            (b"BM....\0\0\0\0....\x2a\0\0\0", Some(Format::Bmp)),
            (b"BM....\0\0\0\0....\x11\0\0\0", None),
            (b"BM....\0\0\0\0....\x44\0\0\0", None),
            (b"BMW is a maker of cars", None),
            (b"P6\n4 4 255\n", Some(Format::Pnm)),
            (b"P1 # a comment\n4 4", Some(Format::Pnm)),
            (b"P7\nWIDTH 4\n", Some(Format::Pnm)),
            (b"P5 is a paper of 1999", None),
            (b"P6\n", None),
            (b"P8\n4 4", None),
            (b"P6x", None),
            (b"qoif\0\0\0\x04\0\0\0\x04\x03\0", Some(Format::Qoi)),
            (b"qoif\0\0\0\x04\0\0\0\x04\x05\0", None),
            (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", Some(Format::Avif)),
            (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", Some(Format::Heic)),
            (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", None),
            (b"\0\0\0\x18ftyp", None),
            (b"\0\0\0\x01ftyp\0\0\0\0\0\0\0\x20mif1\0\0\0\0mif1avif", Some(Format::Avif)),
            (b"\0\0\0\x01ftyp\0\0\0\0", None),
            (b"", None),
        ];
        for (bytes, format) in cases {
            assert_eq!(Format::sniff(bytes), *format, "{bytes:?}");
        }
        for (others, format) in [(20, Some(Format::Avif)), (31, Some(Format::Avif)), (32, None)] {
            let brands = [&b"isom\0\0\0\0"[..], &b"abcd".repeat(others), b"avif"].concat();
            let size = (brands.len() as u32 + 8).to_be_bytes();
            assert_eq!(Format::sniff(&[&size[..], b"ftyp", &brands].concat()), format, "{others}");
        }
    }
}

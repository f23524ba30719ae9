//! JPEG inside of TIFF: how large the picture of a strip or tile is by its own word.

use crate::decode::jpeg::Announced;

/// What a strip's or tile's JPEG will take in addition to its data.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Jpeg {
    pub(super) pixels: u64,
    /// Bytes of samples, and of coefficients where it is progressive.
    pub(super) memory: u64,
}

/// What the stream's frame header announces; nothing where there is none.
pub(super) fn announced(data: &[u8]) -> Jpeg {
    let Some(frame) = Announced::of(data) else { return Jpeg::default() };
    // Blocks of up to 32×32 pixels fill the edge.
    let side = |side: u16| u64::from(side).next_multiple_of(32);
    let pixels = side(frame.width) * side(frame.height);
    let bytes = if frame.is_sequential { 1 } else { 3 };
    Jpeg { pixels, memory: pixels * u64::from(frame.components) * bytes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_header_says_it() {
        let frame =
            |marker| [0xFF, marker, 0, 17, 8, 0x10, 0, 0x20, 0, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1];
        let pixels = 0x1000 * 0x2000;
        for before in [&b"\xff\xd8"[..], b"\xff\xd8\xff\xfe\0\x04\xc0\xc2", b"\xff\xd8\xff\xff\xe0\0\x02"] {
            let baseline = announced(&[before, &frame(0xC0)].concat());
            assert_eq!(baseline, Jpeg { pixels, memory: pixels * 3 }, "{before:?}");
            assert_eq!(announced(&[before, &frame(0xC2)].concat()).memory, pixels * 9);
        }
        assert_eq!(announced(b""), Jpeg::default());
        assert_eq!(announced(b"\xff\xd8\xff\xd9 and something else"), Jpeg::default());
    }
}

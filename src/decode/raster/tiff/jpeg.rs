//! JPEG inside of TIFF: how large the picture of a strip or tile is by its own word.

/// What a strip's or tile's JPEG will take beside its data.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Jpeg {
    pub(super) pixels: u64,
    /// Bytes of samples, and of coefficients where it is progressive.
    pub(super) memory: u64,
}

/// Reads markers up to the frame header (ITU-T T.81, B.1.1 and B.2.2); nothing where there is none.
pub(super) fn announced(data: &[u8]) -> Jpeg {
    let mut at = 2;
    while let Some(&[0xFF, marker, high, low, _, h1, h2, w1, w2, components]) =
        data.get(at..).and_then(|rest| rest.first_chunk::<10>())
    {
        if matches!(marker, 0xC0..=0xCF) && !matches!(marker, 0xC4 | 0xC8 | 0xCC) {
            // Blocks of up to 32×32 pixels fill the edge.
            let side = |high, low| u64::from(u16::from_be_bytes([high, low])).next_multiple_of(32);
            let pixels = side(w1, w2) * side(h1, h2);
            let bytes = if matches!(marker, 0xC0 | 0xC1) { 1 } else { 3 };
            return Jpeg { pixels, memory: pixels * u64::from(components) * bytes };
        }
        at += match marker {
            0xFF => 1,
            0x01 | 0xD0..=0xD8 => 2,
            _ => 2 + usize::from(u16::from_be_bytes([high, low])).max(2),
        };
    }
    Jpeg::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_header_says_it() {
        let frame = |marker| [0xFF, marker, 0, 17, 8, 0x10, 0, 0x20, 0, 3, 1, 0x22, 0];
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

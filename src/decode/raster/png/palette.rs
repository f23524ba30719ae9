//! A PNG's indices as colours (PNG specification, 11.2.2 and 11.3.1.1).

use png::{ColorType, Info};

/// The colours of indices, R, G, B and alpha.
pub(super) struct Palette {
    colours: [[u8; 4]; 256],
    /// Those that there are.
    known: usize,
    /// Bits of an index: 1, 2, 4 or 8.
    depth: usize,
}

impl Palette {
    /// The palette of a picture of indices. An index beyond it has its last colour, as in Chromium; other viewers take black, or refuse it.
    pub(super) fn of(info: &Info<'_>) -> Option<Palette> {
        if info.color_type != ColorType::Indexed {
            return None;
        }
        let stored = info.palette.as_deref().unwrap_or_default().as_chunks::<3>().0;
        // More of them than colours are none.
        let alphas = info.trns.as_deref().filter(|alphas| alphas.len() <= stored.len()).unwrap_or_default();
        let colour = |index: usize| {
            let [r, g, b] = stored.get(index).or(stored.last()).copied().unwrap_or_default();
            [r, g, b, alphas.get(index).copied().unwrap_or(u8::MAX)]
        };
        let (known, depth) = (stored.len(), info.bit_depth as usize);
        Some(Palette { colours: std::array::from_fn(colour), known, depth })
    }

    /// Makes colours of a row of indices, in the order of their bits; whether each has one.
    pub(super) fn expand(&self, indices: &[u8], to: &mut [u8]) -> bool {
        let (per_byte, mask) = (8 / self.depth, (1 << self.depth) - 1);
        let mut highest = 0;
        for (pixels, byte) in to.as_chunks_mut::<4>().0.chunks_mut(per_byte).zip(indices) {
            for (place, pixel) in pixels.iter_mut().enumerate() {
                let index = usize::from(*byte) >> (8 - self.depth * (place + 1)) & mask;
                highest = highest.max(index);
                *pixel = self.colours[index];
            }
        }
        highest < self.known
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use png::BitDepth;

    #[test]
    fn indices_are_colours() {
        let depths = [(BitDepth::One, 1), (BitDepth::Two, 2), (BitDepth::Four, 4), (BitDepth::Eight, 8)];
        for (bit_depth, depth) in depths {
            let mut info = Info::default();
            (info.color_type, info.bit_depth) = (ColorType::Indexed, bit_depth);
            info.palette = Some((&[1, 2, 3, 4, 5, 6][..]).into());
            info.trns = Some((&[9][..]).into());
            let palette = Palette::of(&info).unwrap();
            let mut packed = vec![0u8; 5];
            let indices = [0, 1, 1, 0, 1];
            for (at, index) in indices.iter().enumerate() {
                packed[at * depth / 8] |= index << (8 - depth - at * depth % 8);
            }
            let mut shown = [0; 20];
            assert!(palette.expand(&packed, &mut shown));
            let expected: Vec<u8> = indices
                .iter()
                .flat_map(|index| if *index == 0 { [1, 2, 3, 9] } else { [4, 5, 6, 255] })
                .collect();
            assert_eq!(shown[..], expected[..], "{depth}");
            // One that has no colour is seen, where it is of the picture.
            if depth > 1 {
                packed[0] |= 0xFF << (8 - depth);
                assert!(!palette.expand(&packed, &mut shown));
                assert_eq!(shown[..4], [4, 5, 6, 255], "{depth}");
            }
        }
        assert!(Palette::of(&Info::default()).is_none());
    }
}

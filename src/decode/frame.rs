//! Pictures as codecs of moving pictures give them: luma, and chroma for one or several pixels.

/// How many chroma samples there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chroma {
    /// Grey alone.
    None,
    /// One for two pixels each way.
    Quarter,
    /// One for two pixels across.
    Half,
    /// One for each pixel.
    Full,
}

impl Chroma {
    /// By how many bits a place is shifted to that of its chroma, across and down.
    pub(super) fn shift(self) -> (u32, u32) {
        match self {
            Chroma::Quarter => (1, 1),
            Chroma::Half => (1, 0),
            Chroma::None | Chroma::Full => (0, 0),
        }
    }
}

/// How luma and chroma are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meaning {
    /// The code of ITU-T H.273, 8.3.
    pub(super) matrix: u8,
    /// Whether samples have all levels that their bits allow.
    pub(super) full: bool,
}

/// The code of a matrix that follows from primaries.
const DERIVED: u8 = 12;

/// What is added to the code of primaries for a matrix that follows from them and has no code of its own.
pub(super) const OF_PRIMARIES: u8 = 100;

impl Meaning {
    /// The same with the matrix that follows from these primaries, where that is what is said: as libavif, by the nearest that has a code.
    pub(super) fn with_primaries(self, primaries: u8) -> Meaning {
        let matrix = match (self.matrix, primaries) {
            (DERIVED, 1 | 2) => 1,
            (DERIVED, 4) => 4,
            (DERIVED, 5 | 6) => 6,
            (DERIVED, 7) => 7,
            (DERIVED, 9) => 9,
            (DERIVED, 8 | 11 | 12 | 22) => OF_PRIMARIES + primaries,
            _ => self.matrix,
        };
        Meaning { matrix, ..self }
    }
}

/// A decoded picture.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Bits of a sample, 8 to 16. Where they are more than 8, a sample has two bytes, the low one first.
    pub(super) depth: u32,
    pub(super) chroma: Chroma,
    pub(super) meaning: Meaning,
    /// Y, Cb and Cr, one behind another.
    pub(super) samples: Vec<u8>,
}

impl Frame {
    /// The bytes of each plane of a picture.
    pub(super) fn lengths((width, height): (usize, usize), depth: u32, chroma: Chroma) -> [usize; 3] {
        let (across, down) = chroma.shift();
        let tint = match chroma {
            Chroma::None => 0,
            _ => width.div_ceil(1 << across).saturating_mul(height.div_ceil(1 << down)),
        };
        [width.saturating_mul(height), tint, tint]
            .map(|samples| samples.saturating_mul(if depth > 8 { 2 } else { 1 }))
    }

    /// The bytes of Y, Cb and Cr.
    pub(super) fn planes(&self) -> [&[u8]; 3] {
        let [luma, chroma, _] = Frame::lengths((self.width, self.height), self.depth, self.chroma);
        let (y, rest) = self.samples.split_at(luma.min(self.samples.len()));
        let (cb, cr) = rest.split_at(chroma.min(rest.len()));
        [y, cb, cr]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_may_follow_from_primaries() {
        let matrix = |matrix, primaries| Meaning { matrix, full: true }.with_primaries(primaries).matrix;
        assert_eq!([1, 2, 6, 9, 12].map(|primaries| matrix(DERIVED, primaries)), [1, 1, 6, 9, 112]);
        assert_eq!([matrix(5, 12), matrix(0, 9), matrix(DERIVED, 99)], [5, 0, DERIVED]);
    }
}

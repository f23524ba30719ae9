//! Places in a picture that its own data decides, so that nobody can paint around them.

/// Numbers that follow from a picture's data.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Random(u64);

/// Of a linear congruential generator (Knuth's MMIX).
const MULTIPLIER: u64 = 6_364_136_223_846_793_005;

/// Bytes of the data from one word that counts to the next.
const APART: usize = 128;

impl Random {
    /// Numbers that follow from words all over the data.
    pub(super) fn of(data: &[u8]) -> Random {
        let mix = |seed: u64, word: &[u8; 8]| {
            (seed ^ u64::from_le_bytes(*word)).wrapping_mul(MULTIPLIER).rotate_left(29)
        };
        let words = data.as_chunks::<APART>().0.iter().filter_map(|part| part.first_chunk());
        let seed = words.fold(data.len() as u64, mix);
        Random(data.last_chunk().map_or(seed, |last| mix(seed, last)))
    }

    /// The next number under `limit`, which is at least 1.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(MULTIPLIER).wrapping_add(1);
        (self.0 >> 33) as usize % limit.max(1)
    }
}

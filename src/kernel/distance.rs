//! Distances between many queries and many known signatures, in exact integers.
//!
//! One file per kernel, with a version for every SIMD level, tested against `naive.rs` bit for bit:
//!
//! - [`coarse`]: sixteen seven-bit coordinates per pair; what PhotoDNA-class search does to every pair that a box lets through.
//! - [`squares`]: squared Euclidean distance of 144 bytes, single pairs (what `coarse` lets through) and whole
//!   tiles (thresholds so large that letting through is the rule).
//! - [`hamming`]: Hamming distance of 256 bits up to a radius, with a 64-bit lower bound first.
//!
//! All of them take a small set of queries that stays in the first cache and stream the gallery past it, holding
//! one block of known signatures in registers while every query meets it.

pub(crate) mod coarse;
pub(crate) mod hamming;
#[cfg(test)]
pub(crate) mod naive;
pub(crate) mod squares;

/// A query and a known signature that a kernel puts forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pair {
    /// Index into the kernel's queries.
    pub(crate) query: u32,
    /// Row of the known signature.
    pub(crate) row: u32,
}

/// Most queries that meet a block before its candidates are given.
const SET: usize = 512;

/// What a block of known signatures and a set of queries gave, kept until the loop over the queries is done: nothing is called inside it, so
/// that the block stays in registers. (Appending to the vector right away made the compiler keep blocks
/// on the stack, with loads across cache lines: 1.60 s instead of 0.85 s for 10¹⁰ pairs.)
struct Hits {
    list: [(u32, u32); SET],
    count: usize,
}

impl Hits {
    fn new() -> Hits {
        Hits { list: [(0, 0); SET], count: 0 }
    }

    /// Keeps the rows of a query, one per bit; at most [`SET`] times between two [`Hits::tell`].
    #[inline(always)]
    fn put(&mut self, query: usize, mask: u32) {
        // The remainder changes nothing. It is a mask that spares the inner loop a check of the index and its panic.
        self.list[self.count % SET] = (query as u32, mask);
        self.count += 1;
    }

    /// Appends what was kept as pairs, bit 0 being row `first`.
    fn tell(&mut self, first: u32, out: &mut Vec<Pair>) {
        for &(query, mask) in &self.list[..std::mem::take(&mut self.count)] {
            let mut mask = mask;
            while mask != 0 {
                out.push(Pair { query, row: first + mask.trailing_zeros() });
                mask &= mask - 1;
            }
        }
    }
}

/// Every SIMD level that this machine has, the best first.
#[cfg(test)]
pub(crate) fn levels() -> Vec<fearless_simd::Level> {
    use fearless_simd::Level;
    let best = Level::new();
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    {
        let lower = [
            best.as_avx512().map(Level::Avx512),
            best.as_avx2().map(Level::Avx2),
            best.as_sse4_2().map(Level::Sse4_2),
            best.as_sse2().map(Level::Sse2),
        ];
        lower.into_iter().flatten().collect()
    }
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
    vec![best]
}

/// A small generator for tests: the same numbers on every machine.
#[cfg(test)]
pub(crate) struct Random(pub(crate) u64);

#[cfg(test)]
impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.next() as u8)
    }
}

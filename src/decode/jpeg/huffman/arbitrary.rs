//! Huffman codes for tests.

use super::Code;
use crate::kernel::Bytes;

impl Code {
    /// A code of 78 symbols of every kind.
    pub(in crate::decode::jpeg) fn arbitrary(numbers: &mut Bytes) -> Code {
        let code = Code::new(&arbitrary_key(numbers, BROKEN, |symbol| symbol & 15 <= 10), 1);
        assert!(!code.overfull);
        code
    }
}

/// Counts of codes by length, for 78 symbols; bits that no code begins with are not rare.
pub(in crate::decode::jpeg) const BROKEN: [u8; 16] = [0, 1, 2, 3, 3, 4, 5, 6, 8, 10, 10, 9, 4, 0, 5, 8];

/// A code's key of these counts: symbols that fit, in any order, but short ones for ends of bands and small values.
pub(in crate::decode::jpeg) fn arbitrary_key(
    numbers: &mut Bytes,
    counts: [u8; 16],
    fits: impl Fn(u8) -> bool,
) -> Vec<u8> {
    let mut symbols: Vec<u8> = (0..=255).filter(|&symbol| fits(symbol)).collect();
    for at in 0..symbols.len() {
        let other = at + numbers.next() as usize % (symbols.len() - at);
        symbols.swap(at, other);
    }
    let count: usize = counts.iter().map(|&count| usize::from(count)).sum();
    let mut left = count / 4;
    let (small, others): (Vec<u8>, Vec<u8>) = symbols.into_iter().partition(|symbol| {
        let is_small = left > 0 && symbol & 15 <= 2 && symbol >> 4 <= 4;
        left -= usize::from(is_small);
        is_small
    });
    let symbols: Vec<u8> = small.into_iter().chain(others).collect();
    counts.into_iter().chain(symbols.into_iter().cycle().take(count)).collect()
}

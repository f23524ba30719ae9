//! Ways to damage a file, the same on every run.

/// A small generator of numbers (xorshift64), so that a failing case can be made again.
pub struct Numbers(pub u64);

impl Numbers {
    /// The next number under `below`.
    pub fn under(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below as u64) as usize
    }
}

/// Lengths to cut a file to: all of the first 64 and last 64 bytes, and 120 between.
pub fn lengths(file: usize) -> Vec<usize> {
    let step = (file / 120).max(1);
    let mut lengths: Vec<usize> =
        (0..file).filter(|at| *at < 64 || at + 64 >= file || at % step == 0).collect();
    lengths.dedup();
    lengths
}

/// The file with some bits flipped.
pub fn flipped(file: &[u8], bits: usize, numbers: &mut Numbers) -> Vec<u8> {
    let mut file = file.to_vec();
    for _ in 0..bits {
        let at = numbers.under(file.len());
        file[at] ^= 1 << numbers.under(8);
    }
    file
}

/// The file with a piece cut out, doubled or overwritten.
pub fn rearranged(file: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let start = numbers.under(file.len());
    let end = (start + 1 + numbers.under(64)).min(file.len());
    match numbers.under(3) {
        0 => [&file[..start], &file[end..]].concat(),
        1 => [&file[..end], &file[start..]].concat(),
        _ => {
            let mut file = file.to_vec();
            file[start..end].fill([0, 0xFF, 0x80][numbers.under(3)]);
            file
        }
    }
}

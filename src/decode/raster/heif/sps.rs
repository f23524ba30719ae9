//! What HEVC's sequence parameter set says of its pictures (ITU-T H.265, 7.3.2.2 and Annex E).

use crate::decode::frame::{Chroma, Meaning};

/// The size and the colours of pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sps {
    /// Width and height that are decoded.
    pub(super) coded: (u32, u32),
    /// Left, right, top and bottom that are not shown, in pixels.
    pub(super) hidden: [u32; 4],
    pub(super) chroma: Chroma,
    pub(super) depth: u32,
    /// `None` where it says nothing.
    pub(super) meaning: Option<Meaning>,
}

/// Longest parameter set that is looked into, in bytes.
const LONGEST: usize = 1 << 12;

impl Sps {
    /// Reads a parameter set, its two bytes of header among them.
    pub(super) fn read(nal: &[u8]) -> Option<Sps> {
        let bytes = unescaped(nal.get(2..)?.get(..LONGEST).unwrap_or(nal.get(2..)?));
        let bits = &mut Bits { bytes: &bytes, at: 0 };
        bits.skip(4);
        let layers = bits.take(3)? + 1;
        bits.skip(1);
        profile(bits, layers)?;
        bits.exp()?;
        let format = bits.exp()?;
        let is_separate = format == 3 && bits.flag()?;
        let chroma = match (format, is_separate) {
            (0, _) | (3, true) => Chroma::None,
            (1, _) => Chroma::Quarter,
            (2, _) => Chroma::Half,
            (3, false) => Chroma::Full,
            _ => return None,
        };
        let coded = (bits.exp()?, bits.exp()?);
        let mut hidden = [0; 4];
        if bits.flag()? {
            let (across, down) = chroma.shift();
            for (side, shift) in hidden.iter_mut().zip([across, across, down, down]) {
                *side = bits.exp()?.checked_mul(1 << shift)?;
            }
        }
        let depth = bits.exp()?.checked_add(8)?;
        bits.exp()?;
        let meaning = meaning(bits, layers).flatten();
        let is_shown = |side: u32, [first, second]: [u32; 2]| {
            first.checked_add(second).is_some_and(|hidden| hidden < side)
        };
        let [left, right, top, bottom] = hidden;
        let fits = is_shown(coded.0, [left, right]) && is_shown(coded.1, [top, bottom]);
        fits.then_some(Sps { coded, hidden, chroma, depth, meaning })
    }

    /// Width and height that are shown.
    pub(super) fn shown(&self) -> (u32, u32) {
        let [left, right, top, bottom] = self.hidden;
        (self.coded.0 - left - right, self.coded.1 - top - bottom)
    }
}

/// From behind the depths on to what is said of colours; `None` where it breaks off.
fn meaning(bits: &mut Bits<'_>, layers: u32) -> Option<Option<Meaning>> {
    let poc_bits = bits.exp()?.checked_add(4)?;
    let orders = if bits.flag()? { layers } else { 1 };
    for _ in 0..3 * orders {
        bits.exp()?;
    }
    // Sizes of blocks and depths of trees.
    for _ in 0..6 {
        bits.exp()?;
    }
    if bits.flag()? && bits.flag()? {
        scaling_lists(bits)?;
    }
    bits.skip(2);
    if bits.flag()? {
        bits.skip(8);
        bits.exp()?;
        bits.exp()?;
        bits.skip(1);
    }
    let sets = bits.exp()?;
    if sets > 64 {
        return None;
    }
    let mut pictures = 0;
    for index in 0..sets {
        pictures = references(bits, index, pictures)?;
    }
    if bits.flag()? {
        for _ in 0..bits.exp()?.min(33) {
            bits.skip(poc_bits as usize + 1);
        }
    }
    bits.skip(2);
    if !bits.flag()? {
        return Some(None);
    }
    // The shape of pixels, and overscan.
    if bits.flag()? && bits.take(8)? == 255 {
        bits.skip(32);
    }
    if bits.flag()? {
        bits.skip(1);
    }
    if !bits.flag()? {
        return Some(None);
    }
    bits.skip(3);
    let full = bits.flag()?;
    let matrix = if bits.flag()? {
        bits.skip(16);
        bits.take(8)? as u8
    } else {
        2
    };
    Some(Some(Meaning { matrix, full }))
}

/// The profile, tier and level of so many layers (7.3.3).
fn profile(bits: &mut Bits<'_>, layers: u32) -> Option<()> {
    bits.skip(96);
    let below = layers - 1;
    let mut has = Vec::new();
    for _ in 0..below {
        has.push((bits.flag()?, bits.flag()?));
    }
    if below > 0 {
        bits.skip(2 * (8 - below as usize));
    }
    for (profile, level) in has {
        bits.skip(if profile { 88 } else { 0 } + if level { 8 } else { 0 });
    }
    Some(())
}

/// Lists of factors (7.3.4), of which nothing is kept.
fn scaling_lists(bits: &mut Bits<'_>) -> Option<()> {
    for size in 0..4 {
        let step = if size == 3 { 3 } else { 1 };
        for _ in (0..6).step_by(step) {
            if !bits.flag()? {
                bits.exp()?;
                continue;
            }
            if size > 1 {
                bits.exp()?;
            }
            for _ in 0..(16 << (2 * size)).min(64) {
                bits.exp()?;
            }
        }
    }
    Some(())
}

/// A set of pictures that others refer to (7.3.7); gives how many it has.
fn references(bits: &mut Bits<'_>, index: u32, before: u32) -> Option<u32> {
    if index > 0 && bits.flag()? {
        bits.skip(1);
        bits.exp()?;
        let mut count = 0;
        for _ in 0..=before {
            let is_used = bits.flag()?;
            let is_kept = is_used || bits.flag()?;
            count += u32::from(is_kept);
        }
        return Some(count);
    }
    let count = bits.exp()?.checked_add(bits.exp()?).filter(|count| *count <= 32)?;
    for _ in 0..count {
        bits.exp()?;
        bits.skip(1);
    }
    Some(count)
}

/// The bytes without those that keep them from looking like the start of a unit (7.3.1.1).
fn unescaped(bytes: &[u8]) -> Vec<u8> {
    let mut zeros = 0;
    let mut kept = Vec::with_capacity(bytes.len());
    for &byte in bytes {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        kept.push(byte);
    }
    kept
}

/// Bits one behind another, the highest of a byte first.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn flag(&mut self) -> Option<bool> {
        self.take(1).map(|bit| bit == 1)
    }

    fn skip(&mut self, count: usize) {
        self.at = self.at.saturating_add(count);
    }

    fn take(&mut self, count: usize) -> Option<u32> {
        let mut number = 0;
        for _ in 0..count {
            let byte = self.bytes.get(self.at / 8)?;
            number = number << 1 | u32::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(number)
    }

    /// An Exp-Golomb code (9.2).
    fn exp(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
        }
        (zeros < 32).then_some(())?;
        Some(((1u64 << zeros) - 1) as u32 + self.take(zeros)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_any_length_are_read() {
        let bytes = [0b1010_0110, 0b0100_0000];
        let bits = &mut Bits { bytes: &bytes, at: 0 };
        assert_eq!([bits.exp(), bits.exp(), bits.exp(), bits.exp()], [Some(0), Some(1), Some(2), Some(3)]);
        assert_eq!(Bits { bytes: &[0; 9], at: 0 }.exp(), None);
    }

    #[test]
    fn bytes_between_zeros_go() {
        assert_eq!(unescaped(&[1, 0, 0, 3, 1, 0, 0, 3, 0, 0, 3]), [1, 0, 0, 1, 0, 0, 0, 0]);
    }
}

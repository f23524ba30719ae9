//! What AV1's sequence header says of its colours (AV1 Bitstream & Decoding Process Specification, 5.5).

/// Longest header that is looked into, in bytes.
const LONGEST: usize = 1 << 10;

/// What a header is, among the units of the data (6.2.2).
const SEQUENCE_HEADER: u8 = 1;

/// The codes of primaries and transfer; `None` where there is no header, or it says nothing of them.
pub(super) fn codes(mut data: &[u8]) -> Option<[u8; 2]> {
    loop {
        let (first, rest) = data.split_first()?;
        let rest = if first & 4 == 0 { rest } else { rest.get(1..)? };
        // Without a length it is all that follows.
        let (length, rest) = if first & 2 == 0 { (rest.len(), rest) } else { length(rest)? };
        if first >> 3 & 15 == SEQUENCE_HEADER {
            let content = &rest[..length.min(rest.len()).min(LONGEST)];
            return of_header(&mut Bits { bytes: content, at: 0 });
        }
        data = rest.get(length..)?;
    }
}

/// A number of seven bits a byte, the low ones first (4.10.5).
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let count = bytes.iter().take(8).position(|byte| byte & 0x80 == 0)? + 1;
    let number = bytes[..count].iter().rev().fold(0u64, |number, byte| number << 7 | u64::from(byte & 0x7F));
    Some((usize::try_from(number).ok()?, &bytes[count..]))
}

/// What of the header comes before the codes, and these.
fn of_header(bits: &mut Bits<'_>) -> Option<[u8; 2]> {
    let profile = bits.take(3)?;
    bits.skip(1);
    let is_reduced = bits.flag()?;
    if is_reduced {
        bits.skip(5);
    } else {
        operating_points(bits)?;
    }
    let (across, down) = (bits.take(4)? + 1, bits.take(4)? + 1);
    bits.skip(across + down);
    if !is_reduced && bits.flag()? {
        bits.skip(7);
    }
    bits.skip(3);
    if !is_reduced {
        bits.skip(4);
        let has_order = bits.flag()?;
        bits.skip(if has_order { 2 } else { 0 });
        let is_for_screens = bits.flag()? || bits.flag()?;
        if is_for_screens && !bits.flag()? {
            bits.skip(1);
        }
        bits.skip(if has_order { 3 } else { 0 });
    }
    bits.skip(3);
    let is_deep = bits.flag()?;
    bits.skip(u32::from(profile == 2 && is_deep) + u32::from(profile != 1));
    let has_codes = bits.flag()?;
    has_codes.then_some(())?;
    Some([bits.take(8)? as u8, bits.take(8)? as u8])
}

/// Times, and how each part of the data may be shown.
fn operating_points(bits: &mut Bits<'_>) -> Option<()> {
    let mut delay = None;
    if bits.flag()? {
        bits.skip(64);
        if bits.flag()? {
            let mut zeros = 0;
            while !bits.flag()? {
                zeros += 1;
            }
            bits.skip(if zeros < 32 { zeros } else { 0 });
        }
        if bits.flag()? {
            delay = Some(bits.take(5)? + 1);
            bits.skip(32 + 10);
        }
    }
    let has_display = bits.flag()?;
    for _ in 0..=bits.take(5)? {
        bits.skip(12);
        let level = bits.take(5)?;
        bits.skip(u32::from(level > 7));
        if let Some(delay) = delay
            && bits.flag()?
        {
            bits.skip(2 * delay + 1);
        }
        if has_display && bits.flag()? {
            bits.skip(4);
        }
    }
    Some(())
}

/// Bits, the high one of a byte first.
struct Bits<'a> {
    bytes: &'a [u8],
    at: u32,
}

impl Bits<'_> {
    fn flag(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.at as usize / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(bit == 1)
    }

    /// A number of so many bits, at most 32.
    fn take(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0, |number, _| Some(number << 1 | u32::from(self.flag()?)))
    }

    fn skip(&mut self, count: u32) {
        self.at += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fields, each a number and its bits, in a unit of its own behind another.
    fn unit(fields: &[(u32, u32)]) -> Vec<u8> {
        let bits: Vec<u8> = fields
            .iter()
            .flat_map(|(number, count)| (0..*count).rev().map(move |bit| (number >> bit & 1) as u8))
            .collect();
        let byte = |bits: &[u8]| bits.iter().enumerate().fold(0, |byte, (at, bit)| byte | bit << (7 - at));
        let content: Vec<u8> = bits.chunks(8).map(byte).collect();
        [&[0x12, 0, 0x0A, content.len() as u8][..], &content, &[0x32, 1, 0]].concat()
    }

    /// The sizes and tools of a header that is not reduced, then what is said of colours.
    const TOOLS: [(u32, u32); 9] = [(6, 4), (5, 4), (95, 7), (63, 6), (0, 1), (7, 3), (0, 4), (1, 1), (3, 2)];
    const COLOURS: [(u32, u32); 6] = [(7, 3), (0, 1), (0, 1), (1, 1), (12, 8), (16, 8)];

    #[test]
    fn codes_are_found_behind_everything_else() {
        let reduced =
            [&[(0, 3), (1, 1), (1, 1), (0, 5), (6, 4), (5, 4), (95, 7), (63, 6), (7, 3)], &COLOURS[..]];
        assert_eq!(codes(&unit(&reduced.concat())), Some([12, 16]));
        let screens = [(0, 1), (1, 1), (0, 1), (1, 1), (7, 3)];
        let plain = [(0, 3), (0, 1), (0, 1), (0, 1), (0, 1), (0, 5), (0, 12), (5, 5)];
        assert_eq!(codes(&unit(&[&plain[..], &TOOLS, &screens, &COLOURS].concat())), Some([12, 16]));
        let times = [
            (0, 3),
            (0, 2),
            (1, 1),
            (1, 32),
            (1, 32),
            (1, 1),
            (1, 3),
            (3, 2),
            (1, 1),
            (3, 5),
            (9, 32),
            (0, 10),
        ];
        let points = [
            (1, 1),
            (1, 5),
            (0, 12),
            (9, 5),
            (1, 1),
            (1, 1),
            (5, 4),
            (6, 4),
            (1, 1),
            (1, 1),
            (9, 4),
            (0, 12),
            (2, 5),
            (0, 1),
            (0, 1),
        ];
        let all = [&times[..], &points, &TOOLS, &[(1, 1), (1, 1), (7, 3)], &COLOURS].concat();
        assert_eq!(codes(&unit(&all)), Some([12, 16]));
    }

    #[test]
    fn headers_may_say_nothing_or_break_off() {
        let silent = [
            (0, 3),
            (1, 1),
            (1, 1),
            (0, 5),
            (6, 4),
            (5, 4),
            (95, 7),
            (63, 6),
            (7, 3),
            (7, 3),
            (0, 1),
            (0, 1),
            (0, 1),
        ];
        assert_eq!(codes(&unit(&silent)), None);
        let whole = unit(&[&silent[..12], &COLOURS[3..]].concat());
        assert_eq!(codes(&whole), Some([12, 16]));
        for length in 0..whole.len() - 4 {
            assert_eq!(codes(&whole[..length]), None);
        }
        assert_eq!(codes(&[0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]), None);
        assert_eq!(codes(&[0x0A, 0xFF]), None);
    }
}

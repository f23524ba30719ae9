//! The blocks before a GIF's first frame (GIF89a, sections 15 to 24), and its colours.

use std::borrow::Cow;

use super::super::pieces::Pieces;

/// A block that says how a frame is shown, and the length that its data has.
const CONTROL: u8 = 0xF9;
const CONTROL_LENGTH: u8 = 4;

/// Pieces that a file is put together from at most: it has one such block for a frame.
const MOST: usize = 64;

/// Levels of grey for each index.
const GREYS: [u8; 3 * 256] = {
    let mut greys = [0; 3 * 256];
    let mut at = 0;
    while at < greys.len() {
        greys[at] = (at / 3) as u8;
        at += 1;
    }
    greys
};

/// The file with every control block before its first frame as long as it should be, and with colours for all frames.
///
/// The crate refuses control blocks of other lengths. Viewers read the four bytes that they know and pass over the rest; of a shorter one they
/// know nothing. A frame without any colours, which the crate refuses as well, has levels of grey, as in Pillow.
pub(super) fn repaired(bytes: &[u8]) -> Pieces<'_> {
    let (mut pieces, mut kept) = (Vec::<Cow<'_, [u8]>>::new(), 0);
    let mut at = first_block(bytes);
    if let Some((&[.., flags, background, aspect], after)) = bytes.split_first_chunk::<13>()
        && !has_colours(bytes)
    {
        let head = [&bytes[..10], &[flags | 0x87, background, aspect], &GREYS].concat();
        pieces.push(head.into());
        kept = bytes.len() - after.len();
    }
    while let Some((&[0x21, label, length], after)) =
        bytes.get(at..).and_then(|rest| rest.split_first_chunk())
    {
        let Some(end) = end_of_blocks(bytes, at + 2) else { break };
        let is_right = length == CONTROL_LENGTH && end == at + 8;
        if label == CONTROL && !is_right && pieces.len() < MOST {
            pieces.push((&bytes[kept..at]).into());
            if length >= CONTROL_LENGTH {
                pieces.push([&[0x21, CONTROL, CONTROL_LENGTH], &after[..4], &[0]].concat().into());
            }
            kept = end;
        }
        at = end;
    }
    pieces.push(bytes.get(kept..).unwrap_or_default().into());
    Pieces::new(pieces)
}

/// Whether the file has colours for all frames that have none.
pub(super) fn has_colours(bytes: &[u8]) -> bool {
    bytes.get(10).is_some_and(|flags| flags & 0x80 != 0)
}

/// Whether a second frame follows the first, as far as its blocks are there.
pub(super) fn has_frames(bytes: &[u8]) -> bool {
    frames(bytes).nth(1).is_some()
}

/// How many frames there are, as far as their blocks are there; one that breaks off is among them.
pub(in crate::decode) fn count(bytes: &[u8]) -> u64 {
    frames(bytes).count() as u64
}

/// Pixels of the largest frame.
pub(super) fn largest(bytes: &[u8]) -> u64 {
    let pixels = |at: usize| match bytes.get(at + 5..at + 9) {
        Some(&[w, x, h, y]) => u64::from(u16::from_le_bytes([w, x])) * u64::from(u16::from_le_bytes([h, y])),
        _ => 0,
    };
    frames(bytes).map(pixels).max().unwrap_or(0)
}

/// The frames, each for the place of its first byte.
fn frames(bytes: &[u8]) -> impl Iterator<Item = usize> + '_ {
    let mut next = Some(first_block(bytes));
    std::iter::from_fn(move || {
        loop {
            let at = next.take()?;
            let is_frame = match bytes.get(at)? {
                0x21 => false,
                0x2C => true,
                _ => return None,
            };
            let flags = bytes.get(at + 9).copied().unwrap_or_default();
            // Colours of its own, and the size of codes.
            let colours = if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
            next = end_of_blocks(bytes, if is_frame { at + 10 + colours + 1 } else { at + 2 });
            if is_frame {
                return Some(at);
            }
        }
    })
}

/// Where the first block lies: behind the screen and its colours.
fn first_block(bytes: &[u8]) -> usize {
    let flags = bytes.get(10).copied().unwrap_or_default();
    13 + if has_colours(bytes) { 3 << ((flags & 7) + 1) } else { 0 }
}

/// Where a row of sub-blocks ends that begins here, if it does.
fn end_of_blocks(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let length = usize::from(*bytes.get(at)?);
        at += 1 + length;
        if length == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn frames_are_counted_as_far_as_their_blocks_are_there() {
        let head = [&b"GIF89a"[..], &[1, 0, 1, 0, 0, 0, 0]].concat();
        let (comment, frame) =
            (&[0x21, 0xFE, 2, 7, 7, 0][..], &[0x2C, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x4C, 1, 0][..]);
        let all = [&head[..], comment, frame, frame, comment, frame, b"\x3B", frame].concat();
        assert_eq!(count(&all), 3, "nothing behind the end");
        let ends: Vec<usize> = [comment, frame].iter().map(|block| block.len()).collect();
        let second = head.len() + ends[0] + ends[1];
        for (length, expected) in [(0, 0), (head.len(), 0), (second, 1), (second + 1, 2), (second + 14, 2)] {
            assert_eq!(count(&all[..length]), expected, "{length}");
        }
        assert!(has_frames(&all) && !has_frames(&all[..second]));
    }

    #[test]
    fn a_file_without_colours_has_greys() {
        let file = [&b"GIF89a"[..], &[1, 0, 2, 0, 0x71, 3, 4], b"blocks"].concat();
        let mut read = Vec::new();
        repaired(&file).read_to_end(&mut read).unwrap();
        assert_eq!(read[..13], [&b"GIF89a"[..], &[1, 0, 2, 0, 0xF7, 3, 4]].concat());
        assert_eq!(
            (read.len(), &read[13..19], &read[778..]),
            (file.len() + 768, &[0, 0, 0, 1, 1, 1][..], &b"\xFF\xFF\xFFblocks"[..])
        );
        for length in 0..13 {
            read.clear();
            repaired(&file[..length]).read_to_end(&mut read).unwrap();
            assert_eq!(read, file[..length]);
        }
    }

    fn after_mending(blocks: &[u8]) -> Vec<u8> {
        let head = [&b"GIF89a"[..], &[1, 0, 1, 0, 0x80, 0, 0, 1, 2, 3, 4, 5, 6]].concat();
        let file = [&head[..], blocks].concat();
        let mut read = Vec::new();
        repaired(&file).read_to_end(&mut read).unwrap();
        assert_eq!(read[..head.len()], head);
        read.split_off(head.len())
    }

    #[test]
    fn only_control_blocks_of_other_lengths_change() {
        let (right, comment) = (&[0x21, 0xF9, 4, 1, 2, 3, 9, 0][..], &[0x21, 0xFE, 2, 7, 7, 1, 7, 0][..]);
        let frame = &[0x2C, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x4C, 1, 0, 0x3B][..];
        for (blocks, expected) in [
            (vec![right, frame], vec![right, frame]),
            (vec![comment, frame], vec![comment, frame]),
            (
                vec![comment, &[0x21, 0xF9, 5, 1, 2, 3, 9, 8, 0], comment, frame],
                vec![comment, right, comment, frame],
            ),
            (vec![&[0x21, 0xF9, 3, 1, 2, 3, 0], comment, frame], vec![comment, frame]),
            (vec![&[0x21, 0xF9, 0], frame], vec![frame]),
            (
                vec![&[0x21, 0xF9, 3, 1, 2, 3, 0], &[0x21, 0xF9, 4, 1, 2, 3, 9, 1, 6, 0], frame],
                vec![right, frame],
            ),
            // Cut: nothing is known of it.
            (vec![&[0x21, 0xF9, 5, 1, 2]], vec![&[0x21, 0xF9, 5, 1, 2]]),
            // Behind the first frame nobody looks.
            (vec![frame, &[0x21, 0xF9, 0]], vec![frame, &[0x21, 0xF9, 0]]),
        ] {
            assert_eq!(after_mending(&blocks.concat()), expected.concat(), "{blocks:?}");
        }
    }
}

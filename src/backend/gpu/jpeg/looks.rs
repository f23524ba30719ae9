//! A block found by a bit of the data, and read to every coefficient; twin of `shaders/jpeg/looks.wgsl`.

use super::descriptors::{Look, NONE, Segment, Work};
use super::symbols::{Blocks, Source};

/// The block of the picture that a look at a segment comes to, with its coefficients in zigzag order but for the DC value; `work` is of the segment's lanes. `None`
/// where there is none, or broken data lies before it.
pub(super) fn looks<'a>(
    source: Source<'a>,
    segment: &Segment,
    work: &[Work],
    look: &Look,
) -> Option<(u32, [i32; 64])> {
    let per_mcu = source.picture.per_mcu;
    let is_right = |work: &&Work| work.blocks > 0 && work.blocks != NONE && work.bit <= look.bit;
    let own = ((look.bit - segment.start) >> source.picture.lane_shift).min(segment.lanes - 1) as usize;
    let from = work[1..=own].iter().rev().find(is_right).unwrap_or(&work[0]);
    let mut block = (from.block - segment.first_block).min(segment.blocks);
    let mut reader = Blocks::at(source, from.bit, block % per_mcu, per_mcu);
    let read = |reader: &mut Blocks<'a>, block: &mut u32, seen: &mut dyn FnMut(u32, i32)| {
        reader.next(true, seen).ok()?;
        *block += 1;
        (reader.bit <= segment.end).then_some(())
    };
    while block < segment.blocks && reader.bit < look.bit {
        read(&mut reader, &mut block, &mut |_, _| ())?;
    }
    let again = |reader: &mut Blocks<'a>, block: &mut u32| {
        if *block == segment.blocks {
            (*reader, *block) = (Blocks::at(source, segment.start, 0, per_mcu), 0);
        }
    };
    for _ in 0..look.passed % segment.blocks {
        again(&mut reader, &mut block);
        read(&mut reader, &mut block, &mut |_, _| ())?;
    }
    again(&mut reader, &mut block);
    for _ in 0..per_mcu {
        let is_chroma = (source.picture.components >> (2 * reader.place)) & 3 > 0;
        if is_chroma == (look.wants_chroma != 0) {
            break;
        }
        read(&mut reader, &mut block, &mut |_, _| ())?;
        if block == segment.blocks {
            return None;
        }
    }
    let mut coefficients = [0; 64];
    let number = segment.first_block + block;
    read(&mut reader, &mut block, &mut |k, value| coefficients[k as usize] = if k > 0 { value } else { 0 })?;
    Some((number, coefficients))
}

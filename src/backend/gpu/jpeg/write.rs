//! Every lane's part of the blocks; twin of `shaders/jpeg/write.wgsl`.

use super::descriptors::{NONE, Work};
use super::symbols::{Blocks, Source};

/// Writes what lane `own` of its picture keeps to `slots`; DC sums by component, and blocks that it did not come to.
pub(super) fn write(source: Source<'_>, own: u32, work: &Work, slots: &mut [u32]) -> [u32; 4] {
    if work.blocks == NONE {
        return [0, 0, 0, 1];
    }
    let picture = source.picture;
    let mut reader = Blocks::at(source, work.bit, work.block % picture.per_mcu, picture.per_mcu);
    let mut sums = [0u32; 3];
    for done in 0..work.blocks {
        let component = picture.components >> (2 * reader.place) & 3;
        let kept = picture.kept >> (8 * component) & 255;
        let at = (picture.slots + (work.block + done) * picture.slot_count) as usize;
        let read = reader.next(true, |k, value| match k {
            0 => {
                let sum = &mut sums[component as usize];
                *sum = sum.wrapping_add(value as u32);
                slots[at] = own << 16 | *sum & 0xFFFF;
            }
            _ if k <= kept && value != 0 => slots[at + k as usize] = value as u32,
            _ => {}
        });
        if read.is_err() || reader.bit > work.end {
            return [sums[0], sums[1], sums[2], work.blocks - done];
        }
    }
    let is_left = work.emptied != 0 && work.end - reader.bit >= 8;
    [sums[0], sums[1], sums[2], is_left.into()]
}

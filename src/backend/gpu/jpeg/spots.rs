//! The DC value of a block that was found, and the planes' samples about it; twin of `shaders/jpeg/spots.wgsl`.

use super::descriptors::{Guard, NONE, Picture};
use crate::decode::jpeg::SPOTS;

/// Pixels from a block's edge to each spot.
const WITHIN: [[u32; 2]; SPOTS] = [[4, 4], [2, 2], [6, 2], [2, 6], [6, 6]];

/// Completes the words of a block that was found, the first of which is its number.
pub(super) fn spots(
    (picture, guard): (&Picture, &Guard),
    (slots, offsets, samples): (&[u32], &[[u32; 4]], &[u32]),
    seen: &mut [u32],
) {
    if seen[0] == NONE {
        return;
    }
    let (mcu, place) = (seen[0] / picture.per_mcu, seen[0] % picture.per_mcu);
    let component = picture.components >> (2 * place) & 3;
    let side = &guard.sides[component as usize];
    let own = place - side.place;
    let x = mcu % guard.mcus * side.across + own % side.across;
    let y = mcu / guard.mcus * side.down + own / side.across;
    if x >= side.wide || y >= side.high {
        seen[0] = NONE;
        return;
    }
    let slot = slots[(picture.slots + seen[0] * picture.slot_count) as usize];
    let offset = offsets[(picture.first_lane + (slot >> 16)) as usize][component as usize];
    (seen[1], seen[2]) = (component, slot.wrapping_add(offset) & 0xFFFF);
    for (spot, within) in WITHIN.iter().enumerate() {
        let pixel = [(8 * x + within[0]) * side.times_across, (8 * y + within[1]) * side.times_down];
        for (plane, grid) in guard.grids[..guard.count as usize].iter().enumerate() {
            let column = (pixel[0] / grid.cell_width).min(grid.columns - 1);
            let row = (pixel[1] / grid.cell_height).min(grid.rows - 1);
            let word = samples[(grid.at + row * grid.pitch + column / 2) as usize];
            seen[3 + 3 * spot + plane] = word >> (16 * (column % 2)) & 0xFFFF;
        }
    }
}

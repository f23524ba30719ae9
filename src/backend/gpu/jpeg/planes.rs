//! Kept coefficients to samples; twin of `shaders/jpeg/planes.wgsl`.

use super::descriptors::{Part, Plane};
use crate::decode::jpeg::matrix;

/// What a plane is made from.
pub(super) struct Coefficients<'a> {
    pub(super) slots: &'a [u32],
    /// By lane.
    pub(super) offsets: &'a [[u32; 4]],
    pub(super) steps: &'a [u32],
    /// Coefficients that are kept, and samples across a block.
    pub(super) kept: u32,
    pub(super) cells: u32,
}

/// Writes a plane's samples by number of their word and half; whether a value has, or may have had, more than 16 bits. `stored_rows` are its
/// rows of blocks.
pub(super) fn planes(of: &Coefficients<'_>, plane: &Plane, stored_rows: u32, samples: &mut [u32]) -> bool {
    let basis = matrix(of.kept - 1, of.cells);
    let mut reached = false;
    for (x, y) in (0..stored_rows).flat_map(|y| (0..plane.stride).map(move |x| (x, y))) {
        let is_inside = x < plane.wide && y < plane.high;
        let mut cells = Vec::new();
        for (index, part) in plane.parts.iter().take(plane.count as usize).enumerate() {
            let at = slots_of(plane, part, x, y);
            let values = values(of, plane, part, at, index);
            let dc = (of.slots[at].wrapping_add(offset(of, plane, at, index)) as i16).into();
            reached |= !(-(1 << 14)..1 << 14).contains(&dc);
            reached |= is_inside && values.iter().any(|&value| i16::try_from(value).is_err());
            cells.push(cells_of(&values, &basis, of.cells));
        }
        for cell in 0..of.cells * of.cells {
            let value = match &cells[..] {
                [cb, cr] => (93_577 * cb[cell as usize] + 45_080 * cr[cell as usize] + (1 << 15)) >> 16,
                one => one[0][cell as usize],
            };
            let (column, row) = (x * of.cells + cell % of.cells, y * of.cells + cell / of.cells);
            if is_inside && column < 2 * plane.pitch && row < plane.rows {
                let word = &mut samples[(plane.samples + row * plane.pitch + column / 2) as usize];
                let (shift, sample) = (16 * (column % 2), (value as u32).wrapping_add(plane.zero) & 0xFFFF);
                *word = *word & !(0xFFFF << shift) | sample << shift;
            }
        }
    }
    reached
}

fn slots_of(plane: &Plane, part: &Part, x: u32, y: u32) -> usize {
    let mcu = y / part.down * plane.mcus + x / part.across;
    let place = part.place + y % part.down * part.across + x % part.across;
    (plane.slots + (mcu * plane.per_mcu + place) * plane.slot_count) as usize
}

fn offset(of: &Coefficients<'_>, plane: &Plane, at: usize, index: usize) -> u32 {
    of.offsets[(plane.first_lane + (of.slots[at] >> 16)) as usize][plane.component as usize + index]
}

/// Dequantised coefficients.
fn values(of: &Coefficients<'_>, plane: &Plane, part: &Part, at: usize, index: usize) -> Vec<i32> {
    let step = |k: u32| of.steps[(part.steps + k) as usize] as i32;
    let dc = of.slots[at].wrapping_add(offset(of, plane, at, index)) as i16;
    let others = (1..of.kept).map(|k| (of.slots[at + k as usize] as i32).wrapping_mul(step(k)));
    std::iter::once(i32::from(dc) * step(0)).chain(others).collect()
}

fn cells_of(values: &[i32], basis: &[i32], cells: u32) -> Vec<i32> {
    if cells == 1 {
        return vec![values[0].clamp(-1024, 1016) * 2];
    }
    let cells = (cells * cells) as usize;
    let sum = |cell: usize| {
        let products =
            values.iter().enumerate().map(|(k, value)| value.wrapping_mul(basis[k * cells + cell]));
        products.fold(256i32, i32::wrapping_add)
    };
    (0..cells).map(|cell| (sum(cell) >> 9).clamp(-2048, 2032)).collect()
}

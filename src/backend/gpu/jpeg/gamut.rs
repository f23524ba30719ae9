//! Sums over some cells of a picture's colours; twin of `shaders/jpeg/gamut.wgsl`.

use super::descriptors::{Grid, Guard, SUMS};

/// A sample about 0.
fn sample(samples: &[u32], grid: &Grid, column: u32, row: u32) -> i64 {
    let word = samples[(grid.at + row * grid.pitch + column / 2) as usize];
    i64::from(word >> (16 * (column % 2)) & 0xFFFF) - 32_768
}

/// Of R + G + B and of luma the sums of what is there, of what clamping adds, and of their products, in quarters of a level.
pub(super) fn gamut(guard: &Guard, cells: &[u32], samples: &[u32]) -> [i64; SUMS as usize] {
    let cells = &cells[guard.cells as usize..];
    let (columns, rows) = cells.split_at(guard.columns as usize);
    let mut sums = [0; SUMS as usize];
    for &row in &rows[..guard.rows as usize] {
        for &column in columns {
            let of = |grid: usize, half: u32| {
                let at = |cell: u32| cell >> half & 0xFFFF;
                sample(samples, &guard.grids[grid], at(column), at(row))
            };
            let (y, cb, cr) = (of(0, 16), of(1, 0), of(2, 0));
            let rounded = |sum: i64| (sum + (1 << 15)) >> 16;
            let colour =
                [y + rounded(91_881 * cr), y - rounded(22_554 * cb + 46_802 * cr), y + rounded(116_130 * cb)];
            let more = colour.map(|value| value.clamp(0, 4_080) - value);
            let luma = rounded(19_595 * more[0] + 38_470 * more[1] + 7_471 * more[2]) >> 2;
            let pairs = [[colour.iter().sum::<i64>() >> 2, more.iter().sum::<i64>() >> 2], [y >> 2, luma]];
            let found = pairs.iter().flat_map(|&[s, e]| [s, e, s * s, s * e, e * e]);
            sums.iter_mut().zip(found).for_each(|(sum, more)| *sum += more);
        }
    }
    sums
}

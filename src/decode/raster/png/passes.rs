//! The seven passes of an interlaced PNG (Adam7, PNG specification, 8.2).

/// First row, rows between, first column, columns between.
pub(super) const PASSES: [[u32; 4]; 7] =
    [[0, 8, 0, 8], [0, 8, 4, 8], [4, 8, 0, 4], [0, 4, 2, 4], [2, 4, 0, 2], [0, 2, 1, 2], [1, 2, 0, 1]];

/// Columns and rows of a pass.
pub(super) fn size(pass: usize, width: u32, height: u32) -> (u32, u32) {
    let [first_row, row_step, first_column, column_step] = PASSES[pass];
    let columns = width.saturating_sub(first_column).div_ceil(column_step);
    let rows = if columns == 0 { 0 } else { height.saturating_sub(first_row).div_ceil(row_step) };
    (columns, rows)
}

/// Rows of the picture to which every pass that touches them has come, of which `done` rows are there.
pub(super) fn whole_rows(done: &[u32; 7], width: u32, height: u32) -> u32 {
    let is_whole = |row: u32| {
        PASSES.iter().zip(done).all(|([first_row, row_step, first_column, _], done)| {
            let touches =
                width > *first_column && row >= *first_row && (row - first_row).is_multiple_of(*row_step);
            !touches || *done > (row - first_row) / row_step
        })
    };
    (0..height).filter(|row| is_whole(*row)).count() as u32
}

/// Puts row `row` of a pass into a picture of rows `stride` long. Each of its pixels, `line`, fills the block that later passes refine, as browsers
/// show a picture that is still coming.
///
/// The rows of a block are alike until a later pass comes, so that one is made and the others are copied.
pub(super) fn place<const CHANNELS: usize>(
    samples: &mut [u8],
    stride: usize,
    pass: usize,
    row: u32,
    line: &[u8],
) {
    let [first_row, row_step, first_column, column_step] = PASSES[pass].map(|value| value as usize);
    // A pass that begins inside the blocks of an earlier one halves them.
    let wide = if first_column > 0 { column_step / 2 } else { column_step };
    let high = if first_row > 0 { row_step / 2 } else { row_step };
    let start = (first_row + row as usize * row_step) * stride;
    let Some(block) = samples.get_mut(start..) else { return };
    let rows = high.min(block.len() / stride);
    let (first, others) = block[..rows * stride].split_at_mut(stride);
    let pixels = line.as_chunks::<CHANNELS>().0;
    let columns = first.as_chunks_mut::<CHANNELS>().0;
    for (block, pixel) in columns[first_column..].chunks_mut(column_step).zip(pixels) {
        let wide = wide.min(block.len());
        block[..wide].fill(*pixel);
    }
    others.chunks_exact_mut(stride).for_each(|other| other.copy_from_slice(first));
}

#[cfg(test)]
mod tests {
    use png::Adam7Info;

    use super::*;

    /// Places every row of every pass, up to `most` of them, in both ways.
    fn compare<const CHANNELS: usize>(width: u32, height: u32, most: usize) -> usize {
        let stride = width as usize * CHANNELS;
        let mut ours = vec![0; stride * height as usize];
        let mut theirs = ours.clone();
        let mut placed = 0;
        for pass in 0..7 {
            let (columns, rows) = size(pass, width, height);
            for row in 0..rows {
                if placed == most {
                    break;
                }
                let line: Vec<u8> =
                    (0..columns as usize * CHANNELS).map(|n| (n * 7 + placed * 31 + 1) as u8).collect();
                place::<CHANNELS>(&mut ours, stride, pass, row, &line);
                let info = Adam7Info::new(pass as u8 + 1, row, width);
                png::splat_interlaced_row(&mut theirs, stride, &line, &info, CHANNELS as u8 * 8);
                placed += 1;
            }
        }
        assert!(ours == theirs, "{width}×{height}, {CHANNELS} channels, {placed} rows");
        placed
    }

    #[test]
    fn rows_are_placed_as_the_crate_places_them() {
        let mut placed = 0;
        for (width, height) in [(5, 5), (8, 8), (1, 9), (9, 1), (3, 17), (16, 16), (33, 23), (40, 65)] {
            for most in [1, 2, 3, 7, 20, 41, usize::MAX] {
                placed += compare::<1>(width, height, most) + compare::<3>(width, height, most);
            }
        }
        assert!(placed > 1_000, "{placed}");
    }

    #[test]
    fn every_pixel_belongs_to_one_pass() {
        for (width, height) in [(1, 1), (5, 3), (8, 8), (17, 30)] {
            let pixels = (0..7)
                .map(|pass| size(pass, width, height))
                .map(|(columns, rows)| columns * rows)
                .sum::<u32>();
            assert_eq!(pixels, width * height);
        }
    }
}

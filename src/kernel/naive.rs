//! The definition of each integer stage, as plain as it can be written. Tests compare every other version with it.

use super::weights::{PDQ_LINES, Weights};

/// `grid[v][u] = Σ_y rows[v][y] · Σ_x columns[u][x] · Σ_c mix[c] · sample[y][x][c]`, modulo 2⁶⁴.
pub(crate) fn reduce(
    samples: &[u8],
    stride: usize,
    rows: &Weights,
    columns: &Weights,
    mix: &[u32],
) -> Vec<u64> {
    let mut grid = Vec::new();
    for v in 0..rows.len() {
        for u in 0..columns.len() {
            let mut sum = 0u64;
            for y in rows.span(v) {
                let mut line = 0u64;
                for x in columns.span(u) {
                    for (c, &m) in mix.iter().enumerate() {
                        let sample = samples[y * stride + x * mix.len() + c];
                        line += u64::from(columns.at(u, x)) * u64::from(m) * u64::from(sample);
                    }
                }
                sum = sum.wrapping_add(line.wrapping_mul(rows.at(v, y).into()));
            }
            grid.push(sum);
        }
    }
    grid
}

/// `B = D·A·Dᵀ` in the fixed point of [`dct`](super::dct).
pub(crate) fn transform(matrix: &[[i32; 64]; 16], values: &[i32]) -> [i64; 256] {
    std::array::from_fn(|k| {
        let (i, j) = (k / 16, k % 16);
        let rotated = |c: usize| {
            let sum: i64 = (0..64).map(|r| i64::from(matrix[i][r]) * i64::from(values[64 * r + c])).sum();
            (sum + (1 << 31)) >> 32
        };
        (0..64).map(|c| rotated(c) * i64::from(matrix[j][c])).sum()
    })
}

/// PDQ's 64×64 grid of luma by steps 4 and 5, on the whole picture's `luma` at once.
pub(crate) fn blurred_grid(mut luma: Vec<f32>, width: usize, height: usize) -> Vec<f32> {
    if width == PDQ_LINES && height == PDQ_LINES {
        return luma;
    }
    for _ in 0..2 {
        for y in 0..height {
            box_line(&mut luma, y * width, 1, width);
        }
        for x in 0..width {
            box_line(&mut luma, x, width, height);
        }
    }
    let centre = |line: usize, length: usize| (2 * line + 1) * length / 128;
    let point = |k: usize| centre(k / PDQ_LINES, height) * width + centre(k % PDQ_LINES, width);
    (0..PDQ_LINES * PDQ_LINES).map(|k| luma[point(k)]).collect()
}

/// One box pass along the `length` samples at `start`, `start + step` and so on.
fn box_line(samples: &mut [f32], start: usize, step: usize, length: usize) {
    let line: Vec<f32> = (0..length).map(|i| samples[start + i * step]).collect();
    let window = length.div_ceil(128);
    let ahead = (window + 2) / 2;
    let (mut sum, mut count) = (0.0, 0.0);
    for value in &line[..ahead - 1] {
        sum += value;
        count += 1.0;
    }
    for i in 0..length {
        if let Some(entering) = line.get(i + ahead - 1) {
            sum += entering;
            count += 1.0;
        }
        if let Some(leaving) = (i + ahead).checked_sub(window + 1) {
            sum -= line[leaving];
            count -= 1.0;
        }
        samples[start + i * step] = sum / count;
    }
}

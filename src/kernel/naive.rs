//! The definition of each integer stage, as plain as it can be written. Tests compare every other version with it.

use super::weights::Weights;

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

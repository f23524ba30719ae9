//! Exact pruning for PhotoDNA-class signatures: sixteen small integers that decide most pairs.
//!
//! # The bound
//!
//! Let `P` be any 15×144 integer matrix and `λ` at least the largest eigenvalue of `P·Pᵀ` (here the largest row sum of its
//! absolute values, Gershgorin's bound). Then `I − PᵀP/λ` has no negative eigenvalue, so it is `CᵀC` for some `C`, and
//! for every `x`: `|x|² = |Px|²/λ + |Cx|²`. With `r(x) = |Cx| = √(|x|² − |Px|²/λ)`, for two signatures
//!
//! ```text
//! |x − y|² = |P(x − y)|²/λ + |C(x − y)|² ≥ |Px − Py|²/λ + (r(x) − r(y))²
//! ```
//!
//! by the triangle inequality. So the 16 numbers `f(x) = (Px/√λ, r(x))` lie no farther apart than the
//! signatures do, and `P` need not be orthonormal: how close it comes decides only how much is pruned.
//!
//! Shifting all by the same centre and dividing by the step 8 scales distances by 1/8; clamping each number to −63..=63 can
//! only bring two points closer; rounding `f̃(x)` to integers `a` moves it by a length `e(x)` that is measured. Hence
//! `|x − y|² ≤ T` implies `|a − b| ≤ √T/8 + e(x) + e(y)`, and this is what is compared, in integers.
//!
//! # The order
//!
//! Rows are stored as a k-d tree would split them by these 16 numbers (Bentley, "Multidimensional binary search trees used for associative
//! searching", CACM 18(9), 1975), so that the rows of a piece lie in a small box, which few queries reach.
//!
//! # Rounding
//!
//! `Px`, `|Px|²` and `λ|x|² − |Px|²` are exact integers: `λ` is about 2²⁸ (`P` is nearly orthonormal, times 2¹⁴), so the last two are at most
//! 2.6·10¹⁵, under 2⁵³, and become `f64` without rounding. The few operations in `f64` after them err by less than 10⁻¹², for which
//! [`SLACK`] makes room a thousand times over.

use std::sync::LazyLock;

use crate::kernel::distance::coarse::{CoarseBlock, CoarseBox, CoarseQuery, LANES, empty_block, store};

/// Rows of the projection.
const ROWS: usize = 15;

/// Signature units a step of the small integers.
const STEP: f64 = 8.0;

/// Largest absolute value of a small integer.
const LARGEST: f64 = 63.0;

/// More than all rounding errors of `f64` on the way, in steps.
const SLACK: f64 = 1e-6;

/// The projection, made by `basis/make.py` from signatures of 20,000 crops of photographs.
struct Basis {
    rows: [[i16; 144]; ROWS],
    /// Subtracted from the 16 numbers, in steps.
    centre: [f64; ROWS + 1],
    /// `λ`.
    norm: i64,
}

static BASIS: LazyLock<Basis> = LazyLock::new(Basis::read);

impl Basis {
    fn read() -> Basis {
        let bytes: &[u8; 144 * 2 * ROWS + 64] = include_bytes!("basis.bin");
        let (matrix, centre) = bytes.split_at(144 * 2 * ROWS);
        let value = |row: usize, k: usize| {
            let at = 2 * (144 * row + k);
            i16::from_le_bytes([matrix[at], matrix[at + 1]])
        };
        let rows: [[i16; 144]; ROWS] = std::array::from_fn(|row| std::array::from_fn(|k| value(row, k)));
        let word = |k: usize| i32::from_le_bytes(std::array::from_fn(|b| centre[4 * k + b]));
        Basis { rows, centre: std::array::from_fn(|k| f64::from(word(k)) / 1024.0), norm: norm(&rows) }
    }
}

/// The largest row sum of the absolute values of `P·Pᵀ`.
fn norm(rows: &[[i16; 144]; ROWS]) -> i64 {
    let product = |a: &[i16; 144], b: &[i16; 144]| -> i64 {
        a.iter().zip(b).map(|(&a, &b)| i64::from(a) * i64::from(b)).sum()
    };
    let sums = rows.iter().map(|a| rows.iter().map(|b| product(a, b).abs()).sum());
    sums.max().unwrap_or(1)
}

/// A signature's small integers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Small {
    /// −63..=63.
    pub(crate) coordinates: [i8; 16],
    /// Length of what rounding moved, in steps; at most 2.
    pub(crate) error: f64,
}

/// Projects and rounds a signature.
pub(crate) fn small(signature: &[u8; 144]) -> Small {
    let basis = &*BASIS;
    let mut values = [0.0; ROWS + 1];
    let mut projected = 0;
    let scale = 1.0 / ((basis.norm as f64).sqrt() * STEP);
    for (value, row) in values.iter_mut().zip(&basis.rows) {
        // At most 144·255·32,767 = 1.2·10⁹.
        let product: i32 = row.iter().zip(signature).map(|(&p, &x)| i32::from(p) * i32::from(x)).sum();
        projected += i64::from(product) * i64::from(product);
        *value = f64::from(product) * scale;
    }
    let square: i64 = signature.iter().map(|&x| i64::from(x) * i64::from(x)).sum();
    // Not negative because `λ` bounds the eigenvalues.
    values[ROWS] = ((basis.norm * square - projected).max(0) as f64).sqrt() * scale;

    let mut coordinates = [0; 16];
    let mut error = 0.0;
    for ((coordinate, value), centre) in coordinates.iter_mut().zip(values).zip(basis.centre) {
        let clamped = (value - centre).clamp(-LARGEST, LARGEST);
        let rounded = clamped.round();
        error += (clamped - rounded) * (clamped - rounded);
        *coordinate = rounded as i8;
    }
    Small { coordinates, error: error.sqrt() }
}

/// A query that lets through every entry within `threshold`, where no entry's rounding exceeds `entry_error`.
pub(crate) fn query(own: &Small, threshold: u32, entry_error: f64) -> CoarseQuery {
    let reach = f64::from(threshold).sqrt() / STEP + own.error + entry_error + SLACK;
    let square: i32 = own.coordinates.iter().map(|&value| i32::from(value).pow(2)).sum();
    let limit = ((f64::from(square) - reach * reach) / 2.0).ceil();
    CoarseQuery::new(own.coordinates, limit as i32)
}

/// Rows laid out for the scan.
pub(crate) struct Laid {
    /// Which row comes where: rows that lie near one another come together.
    pub(crate) order: Vec<u32>,
    /// The small integers, in that order.
    pub(crate) blocks: Vec<CoarseBlock>,
    /// The largest rounding, rounded up to the next 1/1024 step.
    pub(crate) error: u32,
}

/// Lays rows out for the scan.
pub(crate) fn lay_out(rows: &[[u8; 144]]) -> Laid {
    let mut largest = 0f64;
    let mut points: Vec<Point> = Vec::with_capacity(rows.len());
    for (row, signature) in rows.iter().enumerate() {
        let Small { coordinates, error } = small(signature);
        largest = largest.max(error);
        points.push(Point { coordinates, row: row as u32 });
    }
    bring_together(&mut points);
    let mut blocks = vec![empty_block(); rows.len().div_ceil(LANES)];
    for (index, point) in points.iter().enumerate() {
        store(&mut blocks[index / LANES], index % LANES, &point.coordinates);
    }
    let order = points.into_iter().map(|point| point.row).collect();
    Laid { order, blocks, error: (largest * ERROR_SCALE).ceil() as u32 }
}

/// A row among others.
struct Point {
    coordinates: [i8; 16],
    row: u32,
}

/// Rows that lie together, and are met by those queries alone that come near their [box](CoarseBox). Fewer are kept apart better, but their
/// boxes cost more.
pub(crate) const PIECE: usize = 512;

/// Halves the points, at the middle of the coordinate that varies most, until there is one piece; all but the last are full.
fn bring_together(mut points: &mut [Point]) {
    while points.len() > PIECE {
        let half = (points.len() / 2).next_multiple_of(PIECE).min((points.len() - 1) / PIECE * PIECE);
        let widest = widest(points);
        // The row decides among equals, so that the order is the same everywhere.
        points.select_nth_unstable_by_key(half, |point| (point.coordinates[widest], point.row));
        let (left, right) = points.split_at_mut(half);
        bring_together(left);
        points = right;
    }
    // Selecting leaves the order on either side open, and a file must not depend on it.
    points.sort_unstable_by_key(|point| point.row);
}

/// The coordinate that varies most.
fn widest(points: &[Point]) -> usize {
    let (mut sums, mut squares) = ([0i64; 16], [0i64; 16]);
    // So few that a sum of squares, each at most 63², stays within 32 bits.
    for part in points.chunks(1 << 16) {
        let (mut sum, mut square) = ([0i32; 16], [0i32; 16]);
        for point in part {
            for k in 0..16 {
                let value = i32::from(point.coordinates[k]);
                sum[k] += value;
                square[k] += value * value;
            }
        }
        for k in 0..16 {
            sums[k] += i64::from(sum[k]);
            squares[k] += i64::from(square[k]);
        }
    }
    let count = points.len() as i64;
    // count² times the variance, in integers, so that every machine chooses the same coordinate.
    let variance = |k: usize| i128::from(count) * i128::from(squares[k]) - i128::from(sums[k]).pow(2);
    (0..16).max_by_key(|&k| variance(k)).unwrap_or(0)
}

/// The box around each piece.
pub(crate) fn boxes(blocks: &[CoarseBlock]) -> Vec<CoarseBox> {
    blocks.chunks(PIECE / LANES).map(CoarseBox::around).collect()
}

/// Units of a stored rounding error in a step.
pub(crate) const ERROR_SCALE: f64 = 1024.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::distance::{Random, naive};

    #[test]
    fn the_basis_is_nearly_orthonormal() {
        let unit = f64::from(1 << 28);
        let norm = BASIS.norm as f64 / unit;
        assert!((1.0..1.002).contains(&norm), "{norm}");
        for row in &BASIS.rows {
            let square: i64 = row.iter().map(|&p| i64::from(p) * i64::from(p)).sum();
            assert!((square as f64 / unit - 1.0).abs() < 0.002);
        }
    }

    /// Moves `from` along a row of the basis (or at random) until `distance` is met exactly or overshot.
    fn moved(random: &mut Random, from: &[u8; 144], distance: u32) -> [u8; 144] {
        let row = BASIS.rows[(random.next() % ROWS as u64) as usize];
        let along = random.next().is_multiple_of(2);
        let mut to = *from;
        for _ in 0..200_000 {
            let k = (random.next() % 144) as usize;
            let up = if along { row[k] > 0 } else { random.next().is_multiple_of(2) };
            let next = if up { to[k].saturating_add(1) } else { to[k].saturating_sub(1) };
            let before = to[k];
            // Along the basis, coordinates move in proportion to its entries.
            if along && random.next() % 4096 > u64::from(row[k].unsigned_abs()) {
                continue;
            }
            to[k] = next;
            let now = naive::squares(from, &to);
            if now > distance {
                to[k] = before;
                if distance - naive::squares(from, &to) < 40 {
                    break;
                }
            }
        }
        to
    }

    #[test]
    fn no_pair_within_the_threshold_is_lost() {
        let mut random = Random(21);
        let (mut kept, mut pruned, mut edge) = (0, 0, 0);
        for case in 0..400 {
            let from: [u8; 144] = match case % 4 {
                0 => random.bytes(),
                1 => std::array::from_fn(|_| (random.next() % 120) as u8),
                2 => [0; 144],
                _ => std::array::from_fn(|_| if random.next().is_multiple_of(5) { 255 } else { 20 }),
            };
            let to = moved(&mut random, &from, [300, 40_000, 62_500, 200_000][case / 4 % 4]);
            let distance = naive::squares(&from, &to);
            let (a, b) = (small(&from), small(&to));
            let Laid { blocks, error, .. } = lay_out(&[to]);
            assert!(f64::from(error) / ERROR_SCALE >= b.error && error <= 2048);
            for threshold in [distance.saturating_sub(1), distance, distance + 1, distance * 2] {
                let query = query(&a, threshold, f64::from(error) / ERROR_SCALE);
                let may = naive::coarse(&blocks[0], 0, &query);
                assert!(may || distance > threshold, "case {case}: {distance} lost at {threshold}");
                edge += usize::from(threshold == distance);
                kept += usize::from(may);
            }
            let far = query(&a, distance / 100, f64::from(error) / ERROR_SCALE);
            pruned += usize::from(!naive::coarse(&blocks[0], 0, &far));
        }
        assert!(kept >= 1200 && edge == 400, "{kept} kept");
        assert!(pruned > 50, "the bound has to prune something: {pruned}");
    }
}

//! What the drawings mean: gradients as arrows, bits as squares.

use shadegrid::{Pdq, PhotoDna};

use super::canvas::{Canvas, Colour};

/// Cells across and down.
pub(super) const CELLS: usize = 6;

/// Ground, arms and arrows.
const GROUND: Colour = [16, 20, 26];
const ARM: Colour = [150, 165, 180];
const ARROW: Colour = [255, 170, 40];

/// A cell's gradients: how much brighter it gets to the left, to the right, upwards and downwards.
pub(super) fn cell(signature: &PhotoDna, cell: usize) -> [f64; 4] {
    let parts = &signature.0[cell * 4..][..4];
    // A rightward fall is what is brighter on the left.
    std::array::from_fn(|part| f64::from(parts[part]))
}

/// Towards the light, from left to right and from top to bottom.
pub(super) fn direction([left, right, up, down]: [f64; 4]) -> (f64, f64) {
    (right - left, down - up)
}

/// How much there is in a cell in all.
pub(super) fn strength(cell: [f64; 4]) -> f64 {
    cell.iter().map(|part| part * part).sum::<f64>().sqrt()
}

/// The gradients, `side` pixels a cell: four arms for what the signature holds, and an arrow for their sum.
pub(super) fn arrows(signature: &PhotoDna, side: usize) -> Canvas {
    let mut canvas = Canvas::new(CELLS * side, CELLS * side, GROUND);
    let cells: Vec<[f64; 4]> = (0..CELLS * CELLS).map(|at| cell(signature, at)).collect();
    let most = cells.iter().flatten().copied().fold(1.0, f64::max);
    let scale = side as f64 * 0.46 / most;
    for (at, cell) in cells.into_iter().enumerate() {
        let middle = |at: usize| (at * side + side / 2) as f64;
        let (x, y) = (middle(at % CELLS), middle(at / CELLS));
        let [left, right, up, down] = cell.map(|part| part * scale);
        for to in [(x - left, y), (x + right, y), (x, y - up), (x, y + down)] {
            canvas.line((x, y), to, 3, ARM);
        }
        let (across, along) = direction(cell);
        arrow(&mut canvas, (x, y), (across * scale, along * scale));
    }
    canvas
}

/// An arrow from a place, unless it is too short to be seen.
fn arrow(canvas: &mut Canvas, (x, y): (f64, f64), (across, along): (f64, f64)) {
    let length = across.hypot(along);
    if length < 3.0 {
        return;
    }
    let tip = (x + across, y + along);
    canvas.line((x, y), tip, 2, ARROW);
    let head = (length / 2.0).min(6.0);
    for side in [-1.0, 1.0] {
        let (cosine, sine) = (0.82, side * 0.57);
        let (left, up) = (-across / length * head, -along / length * head);
        canvas.line(tip, (tip.0 + left * cosine - up * sine, tip.1 + left * sine + up * cosine), 2, ARROW);
    }
}

/// The arrow of a cell as a character: towards the light.
pub(super) fn sign(cell: [f64; 4]) -> char {
    const SIGNS: [char; 8] = ['→', '↘', '↓', '↙', '←', '↖', '↑', '↗'];
    let (across, along) = direction(cell);
    if across.hypot(along) <= strength(cell) / 4.0 {
        // As much one way as the other.
        return if strength(cell) > 0.0 { '✢' } else { '·' };
    }
    let eighths = (along.atan2(across) / std::f64::consts::FRAC_PI_4).round() as i64;
    SIGNS[eighths.rem_euclid(8) as usize]
}

/// The bits of a PDQ signature, row frequency by row frequency.
pub(super) fn bits(signature: &Pdq) -> Canvas {
    Canvas::greys(16, |bit| if signature.bit(bit) { 255 } else { 0 })
}

/// Rounds after which heights hardly change: cells have at most ten others between them.
const ROUNDS: usize = 400;

/// What the gradients give away: a picture of 6×6 greys of which they could be, each cell as bright as its neighbours and the steps to them say.
pub(super) fn of_gradients(signature: &PhotoDna) -> Canvas {
    let steps: Vec<(f64, f64)> = (0..CELLS * CELLS).map(|at| direction(cell(signature, at))).collect();
    let mut heights = vec![0.0; CELLS * CELLS];
    for _ in 0..ROUNDS {
        for at in 0..CELLS * CELLS {
            let (row, column) = (at / CELLS, at % CELLS);
            let across = |other: usize| (steps[at].0 + steps[other].0) / 2.0;
            let along = |other: usize| (steps[at].1 + steps[other].1) / 2.0;
            let around = [
                (column > 0).then(|| heights[at - 1] + across(at - 1)),
                (column + 1 < CELLS).then(|| heights[at + 1] - across(at + 1)),
                (row > 0).then(|| heights[at - CELLS] + along(at - CELLS)),
                (row + 1 < CELLS).then(|| heights[at + CELLS] - along(at + CELLS)),
            ];
            let (sum, count) = around
                .into_iter()
                .flatten()
                .fold((0.0, 0.0), |(sum, count), height| (sum + height, count + 1.0));
            heights[at] = sum / count;
        }
    }
    let greys = stretched(&heights);
    Canvas::greys(CELLS, |at| greys[at])
}

/// Side of what is rebuilt from bits, in pixels: four for the shortest wave.
const REBUILT: usize = 64;

/// What the bits give away: the sum of their waves, each as high as it usually is in pictures, the lower the finer.
pub(super) fn of_bits(signature: &Pdq) -> Canvas {
    let wave = |place: usize, frequency: usize| {
        ((2 * place + 1) as f64 * frequency as f64 * std::f64::consts::PI / (2 * REBUILT) as f64).cos()
    };
    let waves: Vec<f64> = (0..REBUILT * 16).map(|at| wave(at / 16, at % 16 + 1)).collect();
    let value = |at: usize| {
        let (row, column) = (at / REBUILT * 16, at % REBUILT * 16);
        let part = |bit: usize| {
            let (i, j) = (bit / 16, bit % 16);
            let sign = if signature.bit(bit) { 1.0 } else { -1.0 };
            sign / (i + j + 2) as f64 * waves[row + i] * waves[column + j]
        };
        (0..256).map(part).sum::<f64>()
    };
    let greys = stretched(&(0..REBUILT * REBUILT).map(value).collect::<Vec<f64>>());
    Canvas::greys(REBUILT, |at| greys[at])
}

/// Values as greys, the least black and the largest white.
pub(super) fn stretched(values: &[f64]) -> Vec<u8> {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let span = (most - least).max(f64::MIN_POSITIVE);
    values.iter().map(|value| ((value - least) / span * 255.0).round() as u8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shadegrid::{Engine, HashOptions};

    /// The signatures of a picture that is as bright as `bright` says.
    fn hashed(bright: impl Fn(usize, usize) -> u8) -> (PhotoDna, Pdq) {
        let canvas = Canvas::greys(104, |at| bright(at % 104, at / 104));
        let engine = Engine::builder().threads(1).options(HashOptions::default()).build().unwrap();
        let hashed = engine.hash(canvas.png().unwrap()).wait().unwrap();
        (hashed.photodna.unwrap().signature, hashed.pdq.unwrap().signature)
    }

    fn signature(bright: impl Fn(usize, usize) -> u8) -> PhotoDna {
        hashed(bright).0
    }

    #[test]
    fn what_is_rebuilt_is_like_the_picture() {
        // A light on the upper left.
        let light = |x: usize, y: usize| {
            let (x, y) = (x as f64 - 26.0, y as f64 - 30.0);
            (230.0 * (-(x * x + y * y) / 900.0).exp()) as u8
        };
        let (photodna, pdq) = hashed(light);
        let corners = |rebuilt: &Canvas| {
            let small = rebuilt.resized(2, 2);
            [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(x, y)| small.at(x, y)[0])
        };
        let [light, others @ ..] = corners(&of_gradients(&photodna));
        assert!(others.iter().all(|other| light > *other), "{light} {others:?}");
        // PDQ has no waves along one axis alone, so that it does not tell opposite corners apart.
        let [light, right, below, _] = corners(&of_bits(&pdq));
        assert!(light > right && light > below, "{light} {right} {below}");
    }

    #[test]
    fn arrows_point_towards_the_light() {
        let signs = |signature: &PhotoDna| {
            let inner = [7, 8, 9, 10, 13, 16, 25, 28];
            let mut signs: Vec<char> = inner.map(|at| sign(cell(signature, at))).to_vec();
            signs.dedup();
            signs
        };
        assert_eq!(signs(&signature(|x, _| x as u8 * 2)), ['→']);
        assert_eq!(signs(&signature(|x, _| 250 - x as u8 * 2)), ['←']);
        assert_eq!(signs(&signature(|_, y| y as u8 * 2)), ['↓']);
        assert_eq!(signs(&signature(|_, y| 250 - y as u8 * 2)), ['↑']);
        assert_eq!(signs(&signature(|x, y| (x + y) as u8)), ['↘']);
        assert_eq!(sign([0.0; 4]), '·');
        assert_eq!(sign([9.0, 9.0, 0.0, 0.0]), '✢');
    }

    #[test]
    fn drawings_have_their_sides() {
        let drawn = arrows(&PhotoDna([200; 144]), 40);
        assert_eq!((drawn.width, drawn.height, drawn.at(0, 0), drawn.at(20, 20)), (240, 240, GROUND, ARM));
        assert_eq!(stretched(&[-1.0, 0.0, 1.0]), [0, 128, 255]);
        assert_eq!(stretched(&[5.0, 5.0]), [0, 0]);
    }
}

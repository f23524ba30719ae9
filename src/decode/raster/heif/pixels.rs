//! Luma and chroma of a decoded picture to what is shown (ITU-T H.273, 8.3).
//!
//! Of each row, samples become numbers about 0, as many of chroma as of luma. Then red, green and blue are each a sum:
//!
//! ```text
//!  (l·Y + a·Cb + b·Cr + c) >> (13 + depth − 8)
//! ```
//!
//! Factors have 13 bits behind the point, so that the largest, 2.15 of BT.2020's blue at limited levels, fits 16 bits and two products are one instruction.
//! Numbers about 0 fit 16 bits at every depth, so no product reaches 2³⁰, nor a sum 2³¹. What factors are rounded by moves a colour by less than 0.1.

use fearless_simd::prelude::*;
use fearless_simd::{Level, Simd, dispatch, i16x8, i32x4, u8x16};

use super::canvas::Canvas;
use crate::decode::frame::{Chroma, Meaning, OF_PRIMARIES};
use crate::decode::interleave::{STEP, interleave};

/// What the viewers of a format do where the standards leave it open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rules {
    /// Of HEIC, as libheif: the formula as it is; a chroma sample counts for all pixels that it was taken of.
    Libheif,
    /// Of AVIF, as libavif and browsers by libyuv. A chroma sample lies between its pixels: each takes three quarters of the nearer sample and one of the
    /// farther, each way. Samples are cut to 8 bits first. Factors of chroma have 6 bits behind the point and are 2 at most; luma's at limited levels is 1.164,
    /// and halves go down. So 8 bits are the pixels of libavif 1.4 and of Chromium; of 10 bits Chromium keeps all of luma's, 0.3 levels on average.
    Libyuv,
}

/// A sample as a decoder gives it.
pub(super) trait Sample: Copy {
    fn number(self) -> u16;
}

impl Sample for u8 {
    fn number(self) -> u16 {
        self.into()
    }
}

impl Sample for u16 {
    fn number(self) -> u16 {
        self
    }
}

/// The low byte first.
impl Sample for [u8; 2] {
    fn number(self) -> u16 {
        u16::from_le_bytes(self)
    }
}

impl Sample for i32 {
    fn number(self) -> u16 {
        self.clamp(0, u16::MAX.into()) as u16
    }
}

/// A decoded picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planes<'a, T> {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Bits of a sample, 8 to 16.
    pub(super) depth: u32,
    pub(super) chroma: Chroma,
    pub(super) rules: Rules,
    /// Y, Cb and Cr.
    pub(super) planes: [&'a [T]; 3],
    /// Samples from row to row, of Y and of chroma.
    pub(super) strides: [usize; 2],
}

/// Bits of a factor behind the point.
const POINT: u32 = 13;

/// How numbers about 0 become colours.
struct Weights {
    /// What each plane adds to red, green and blue.
    factors: [[i16; 3]; 3],
    /// What the middle of luma adds to each, and a half.
    constant: i32,
    shift: u32,
}

/// The code for planes that hold G, B and R.
const IDENTITY: u8 = 0;

/// Matrices that follow from primaries (ITU-T H.273, 8.3, code 12): red and blue as bright as each is in white.
const OF_FILM: u8 = OF_PRIMARIES + 8;
const OF_CINEMA: u8 = OF_PRIMARIES + 11;
const OF_P3: u8 = OF_PRIMARIES + 12;
const OF_EBU: u8 = OF_PRIMARIES + 22;

/// What libyuv takes for 255 / 219: 18,997 of 2¹⁶ parts of a sample that is in both bytes, with 6 bits behind the point.
const LIMITED_LUMA: f64 = 18_997.0 * 257.0 / (65_536.0 * 64.0);

/// Whether libyuv knows a matrix; the formula counts for others.
fn is_libyuvs(matrix: u8) -> bool {
    !matches!(matrix, IDENTITY | 4 | 7 | 8 | OF_FILM | OF_CINEMA | OF_P3 | OF_EBU)
}

impl Weights {
    fn of(meaning: Meaning, depth: u32, rules: Rules) -> Weights {
        let top = f64::from((1u32 << depth) - 1);
        let one = f64::from(1u32 << (depth - 8));
        let (luma, chroma) = if meaning.full {
            (255.0 / top, 255.0 / top)
        } else {
            (255.0 / (219.0 * one), 255.0 / (224.0 * one))
        };
        let fixed = |weight: f64| (weight * f64::from(1u32 << POINT) * one).round() as i32;
        let is_coarse = rules == Rules::Libyuv && is_libyuvs(meaning.matrix);
        let luma = if is_coarse && !meaning.full { LIMITED_LUMA / one } else { luma };
        let tint = |weight: f64| match is_coarse {
            true => (weight * chroma * 64.0).round().min(128.0) / 64.0,
            false => weight * chroma,
        };
        let of_matrix = |red: f64, blue: f64| {
            let green = 1.0 - red - blue;
            let (cb, cr) = (2.0 * (1.0 - blue), 2.0 * (1.0 - red));
            [[0.0, cr], [-cb * blue / green, -cr * red / green], [cb, 0.0]]
        };
        let usual = |colours: [[f64; 2]; 3]| colours.map(|[cb, cr]| [luma, tint(cb), tint(cr)]);
        let weights = match meaning.matrix {
            IDENTITY => [[0.0, 0.0, luma], [luma, 0.0, 0.0], [0.0, luma, 0.0]],
            1 => usual(of_matrix(0.2126, 0.0722)),
            4 => usual(of_matrix(0.30, 0.11)),
            7 => usual(of_matrix(0.212, 0.087)),
            8 => usual([[-1.0, 1.0], [1.0, 0.0], [-1.0, -1.0]]),
            9 | 10 => usual(of_matrix(0.2627, 0.0593)),
            OF_FILM => usual(of_matrix(0.2536, 0.0681)),
            OF_CINEMA => usual(of_matrix(0.2095, 0.0689)),
            OF_P3 => usual(of_matrix(0.2290, 0.0793)),
            OF_EBU => usual(of_matrix(0.2318, 0.0960)),
            _ => usual(of_matrix(0.299, 0.114)),
        };
        let (middle, black) = (1 << (depth - 1), if meaning.full { 0 } else { 16 << (depth - 8) });
        let shift = POINT + depth - 8;
        let half = (1 << (shift - 1)) - if is_coarse { 1 << (shift - 6) } else { 0 };
        Weights {
            factors: weights.map(|colour| colour.map(|weight| fixed(weight) as i16)),
            constant: (middle - black) * fixed(luma) + half,
            shift,
        }
    }
}

/// Rows at the picture's resolution, as numbers about 0, and memory for what becomes of them.
#[derive(Default)]
struct Rows {
    luma: Vec<i16>,
    chroma: [Vec<i16>; 2],
    far: Vec<i16>,
    sums: Vec<i16>,
}

impl<T: Sample> Planes<'_, T> {
    /// Whether each plane is as long as its size needs.
    pub(super) fn is_whole(&self) -> bool {
        let [luma, chroma] = self.strides;
        let (across, down) = self.chroma.shift();
        let (width, height) = (self.width.div_ceil(1 << across), self.height.div_ceil(1 << down));
        // What lies behind the last pixel may be missing.
        let is_long = |plane: &[T], stride: usize, (width, height): (usize, usize)| {
            let before = height.checked_sub(1).map(|rows| stride.saturating_mul(rows));
            width > 0
                && stride >= width
                && before.is_some_and(|before| plane.len() >= before.saturating_add(width))
        };
        (8..=16).contains(&self.depth)
            && is_long(self.planes[0], luma, (self.width, self.height))
            && (self.chroma == Chroma::None
                || self.planes[1..].iter().all(|plane| is_long(plane, chroma, (width, height))))
    }

    /// Paints it on a canvas of its size: of one channel its luma alone.
    pub(super) fn paint(&self, meaning: Meaning, canvas: &mut Canvas) {
        self.paint_at(Level::new(), meaning, canvas);
    }

    fn paint_at(&self, level: Level, meaning: Meaning, canvas: &mut Canvas) {
        let mut rows = Rows::default();
        let line = (self.width * canvas.channels).max(1);
        let lines = canvas.samples.chunks_exact_mut(line).take(self.height).enumerate();
        if canvas.channels == 1 || self.chroma == Chroma::None {
            // Whatever the matrix, and also where planes are colours.
            let weights = Weights::of(Meaning { matrix: 2, ..meaning }, self.depth, self.rules);
            return lines.for_each(|(row, to)| {
                self.take(0, row, 0, &mut rows.luma);
                dispatch!(level, simd => greys(simd, &weights, &rows.luma, to));
            });
        }
        let is_cut = self.rules == Rules::Libyuv && is_libyuvs(meaning.matrix);
        let cut = if is_cut { self.depth - 8 } else { 0 };
        let weights = Weights::of(meaning, self.depth - cut, self.rules);
        for (row, to) in lines {
            self.take(0, row, cut, &mut rows.luma);
            for plane in [1, 2] {
                self.chroma(plane, row, cut, &mut rows);
            }
            let [cb, cr] = &rows.chroma;
            dispatch!(level, simd => pixels(simd, &weights, [&rows.luma, cb, cr], to));
        }
    }

    /// A row of a plane as numbers about 0, without so many low bits.
    fn take(&self, plane: usize, row: usize, cut: u32, to: &mut Vec<i16>) {
        let (across, _) = if plane == 0 { (0, 0) } else { self.chroma.shift() };
        let row = &self.planes[plane][row * self.strides[plane.min(1)]..][..self.width.div_ceil(1 << across)];
        let (middle, top) = (1u16 << (self.depth - cut - 1), u16::MAX >> (16 - self.depth));
        to.clear();
        // What is more than a sample may be counts as the most.
        to.extend(row.iter().map(|sample| (sample.number().min(top) >> cut).wrapping_sub(middle) as i16));
    }

    /// A row of chroma for each pixel of a row.
    fn chroma(&self, plane: usize, row: usize, cut: u32, rows: &mut Rows) {
        let Rows { chroma, far, sums, .. } = rows;
        let to = &mut chroma[plane - 1];
        let (across, down) = self.chroma.shift();
        if across == 0 {
            return self.take(plane, row, cut, to);
        }
        self.take(plane, row >> down, cut, sums);
        // Sums of more bits would leave 16; AV1 has none.
        if self.rules == Rules::Libheif || self.depth > 12 {
            to.clear();
            to.extend(sums.iter().flat_map(|sample| [*sample; 2]));
            return;
        }
        if down == 0 {
            return doubled::<2>(sums, to);
        }
        let other = if row.is_multiple_of(2) { (row / 2).saturating_sub(1) } else { row / 2 + 1 };
        self.take(plane, other.min((self.height - 1) / 2), cut, far);
        sums.iter_mut().zip(far.iter()).for_each(|(near, far)| *near = 3 * *near + far);
        doubled::<4>(sums, to);
    }
}

/// Twice as many, each of three quarters of the nearer and one of the farther; at an edge the farther is the nearer again.
fn doubled<const SHIFT: u32>(sums: &mut Vec<i16>, to: &mut Vec<i16>) {
    let half = 1 << (SHIFT - 1);
    let (first, last) = (sums.first().copied().unwrap_or(0), sums.last().copied().unwrap_or(0));
    sums.insert(0, first);
    sums.push(last);
    to.clear();
    to.resize(2 * (sums.len() - 2), 0);
    let (before, behind) = (&sums[..sums.len() - 2], &sums[2..]);
    let numbers = before.iter().zip(&sums[1..]).zip(behind);
    for (to, ((before, own), behind)) in to.as_chunks_mut::<2>().0.iter_mut().zip(numbers) {
        let own = 3 * own + half;
        *to = [(own + before) >> SHIFT, (own + behind) >> SHIFT];
    }
}

/// Interleaved red, green and blue of as many pixels as `out` has room for.
///
/// Closures and `map` of arrays would be compiled without the level's instructions, so there are none here and below.
#[inline(always)]
fn pixels<S: Simd>(simd: S, weights: &Weights, [y, cb, cr]: [&[i16]; 3], out: &mut [u8]) {
    let (chunks, rest) = out.as_chunks_mut::<{ 3 * STEP }>();
    let steps = y.as_chunks::<STEP>().0.iter().zip(cb.as_chunks::<STEP>().0).zip(cr.as_chunks::<STEP>().0);
    for (to, ((y, cb), cr)) in chunks.iter_mut().zip(steps) {
        step(simd, weights, [y, cb, cr], to);
    }
    if !rest.is_empty() {
        let done = STEP * chunks.len();
        let mut last = [[0; STEP]; 3];
        for (last, row) in last.iter_mut().zip([y, cb, cr]) {
            last.iter_mut().zip(&row[done..]).for_each(|(to, number)| *to = *number);
        }
        let mut whole = [0; 3 * STEP];
        step(simd, weights, [&last[0], &last[1], &last[2]], &mut whole);
        rest.copy_from_slice(&whole[..rest.len()]);
    }
}

/// The same of one step.
#[inline(always)]
fn step<S: Simd>(simd: S, weights: &Weights, [y, cb, cr]: [&[i16; STEP]; 3], to: &mut [u8; 3 * STEP]) {
    let low = Pairs::of(simd, &y[..8], &cb[..8], &cr[..8]);
    let high = Pairs::of(simd, &y[8..], &cb[8..], &cr[8..]);
    let [red, green, blue] = &weights.factors;
    let red = clamped(low.colour(simd, weights, red), high.colour(simd, weights, red));
    let green = clamped(low.colour(simd, weights, green), high.colour(simd, weights, green));
    let blue = clamped(low.colour(simd, weights, blue), high.colour(simd, weights, blue));
    interleave(simd, [red, green, blue], to);
}

/// Levels of 0 to 255 of colours less 128: narrowing to signed bytes clamps them, and flipping the sign's bit adds 128 again.
#[inline(always)]
fn clamped<S: Simd>(low: i16x8<S>, high: i16x8<S>) -> u8x16<S> {
    let signed: u8x16<S> = low.saturating_narrow(high).bitcast();
    signed ^ 0x80
}

/// Eight pixels: luma next to Cb, and Cr next to nothing, four each.
struct Pairs<S: Simd> {
    luma: [i16x8<S>; 2],
    red: [i16x8<S>; 2],
}

impl<S: Simd> Pairs<S> {
    #[inline(always)]
    fn of(simd: S, y: &[i16], cb: &[i16], cr: &[i16]) -> Pairs<S> {
        let (y, cb, cr) =
            (i16x8::from_slice(simd, y), i16x8::from_slice(simd, cb), i16x8::from_slice(simd, cr));
        let zero = i16x8::splat(simd, 0);
        Pairs { luma: [y.zip_low(cb), y.zip_high(cb)], red: [cr.zip_low(zero), cr.zip_high(zero)] }
    }

    /// A colour less 128, not clamped.
    #[inline(always)]
    fn colour(&self, simd: S, weights: &Weights, [of_y, of_cb, of_cr]: &[i16; 3]) -> i16x8<S> {
        let constant = weights.constant - (128 << weights.shift);
        let first: i16x8<S> =
            i32x4::splat(simd, i32::from(*of_y) & 0xFFFF | i32::from(*of_cb) << 16).bitcast();
        let second: i16x8<S> = i32x4::splat(simd, i32::from(*of_cr) & 0xFFFF).bitcast();
        let low = self.luma[0].pairwise_dot_product(first) + self.red[0].pairwise_dot_product(second);
        let high = self.luma[1].pairwise_dot_product(first) + self.red[1].pairwise_dot_product(second);
        let (low, high) = ((low + constant) >> weights.shift, (high + constant) >> weights.shift);
        low.saturating_narrow(high)
    }
}

/// Levels of luma.
#[inline(always)]
fn greys<S: Simd>(simd: S, weights: &Weights, luma: &[i16], out: &mut [u8]) {
    let [[factor, ..], ..] = weights.factors;
    // Plain, for the compiler's own vectors.
    simd.vectorize(
        #[inline(always)]
        || {
            for (to, luma) in out.iter_mut().zip(luma) {
                let sum = i32::from(*luma) * i32::from(factor) + weights.constant;
                *to = (sum >> weights.shift).clamp(0, 255) as u8;
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::levels;

    fn shown(
        planes: [&[u16]; 3],
        size: (usize, usize),
        depth: u32,
        (chroma, rules): (Chroma, Rules),
        meaning: Meaning,
    ) -> Vec<u8> {
        let (across, _) = chroma.shift();
        let strides = [size.0, size.0.div_ceil(1 << across)];
        let planes = Planes { width: size.0, height: size.1, depth, chroma, rules, planes, strides };
        assert!(planes.is_whole());
        let canvas = || Canvas::new(size, if chroma == Chroma::None { 1 } else { 3 }, Vec::new()).unwrap();
        let mut best = canvas();
        planes.paint(meaning, &mut best);
        for (name, level) in levels() {
            let mut other = canvas();
            planes.paint_at(level, meaning, &mut other);
            assert_eq!(other.samples, best.samples, "{name}");
        }
        best.samples
    }

    const FULL: (Chroma, Rules) = (Chroma::Full, Rules::Libheif);

    #[test]
    fn colours_of_every_matrix_come_back() {
        for (matrix, red, blue) in
            [(1, 0.2126, 0.0722), (6, 0.299, 0.114), (9, 0.2627, 0.0593), (2, 0.299, 0.114)]
        {
            for depth in [8, 10, 12, 16] {
                for full in [true, false] {
                    for colour in
                        [[255u8, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0], [200, 120, 40]]
                    {
                        let [r, g, b] = colour.map(|level| f64::from(level) / 255.0);
                        let y = red * r + (1.0 - red - blue) * g + blue * b;
                        let (cb, cr) = ((b - y) / (2.0 * (1.0 - blue)), (r - y) / (2.0 * (1.0 - red)));
                        let (one, top) = (f64::from(1u32 << (depth - 8)), f64::from((1u32 << depth) - 1));
                        let (luma, chroma, black) =
                            if full { (top, top, 0.0) } else { (219.0 * one, 224.0 * one, 16.0 * one) };
                        let middle = f64::from(1u32 << (depth - 1));
                        let stored = [y * luma + black, cb * chroma + middle, cr * chroma + middle];
                        let stored = stored.map(|sample| [sample.round().clamp(0.0, top) as u16; 35]);
                        let planes = [&stored[0][..], &stored[1], &stored[2]];
                        let pixels = shown(planes, (35, 1), depth, FULL, Meaning { matrix, full });
                        for pixel in pixels.as_chunks::<3>().0 {
                            let far = pixel.iter().zip(colour).map(|(a, b)| a.abs_diff(b)).max().unwrap();
                            let most = if depth == 8 { 2 } else { 1 };
                            assert!(far <= most, "{matrix} {depth} {full} {colour:?}: {pixel:?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn every_level_gives_the_formula_rounded() {
        let (mut number, mut differ, mut all) = (1u64, 0, 0);
        let mut next = |top: u32| {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((number >> 40) as u32 % (top + 1)) as u16
        };
        for (depth, matrix, full) in
            [(8, 1, true), (8, 6, false), (10, 9, false), (12, 8, true), (16, 6, true)]
        {
            let top = (1u32 << depth) - 1;
            let samples = [0; 3].map(|_| (0..67).map(|_| next(top)).collect::<Vec<u16>>());
            let pixels =
                shown(samples.each_ref().map(Vec::as_slice), (67, 1), depth, FULL, Meaning { matrix, full });
            let (one, top) = (f64::from(1u32 << (depth - 8)), f64::from(top));
            let (luma, chroma, black) = if full {
                (255.0 / top, 255.0 / top, 0.0)
            } else {
                (255.0 / 219.0 / one, 255.0 / 224.0 / one, 16.0 * one)
            };
            let (red, blue) = match matrix {
                1 => (0.2126, 0.0722),
                9 => (0.2627, 0.0593),
                _ => (0.299, 0.114),
            };
            for (x, pixel) in pixels.as_chunks::<3>().0.iter().enumerate() {
                let y = (f64::from(samples[0][x]) - black) * luma;
                let [cb, cr] = [1, 2].map(|plane| (f64::from(samples[plane][x]) - 128.0 * one) * chroma);
                let expected = match matrix {
                    8 => [y - cb + cr, y + cb, y - cb - cr],
                    _ => {
                        let (r, b) = (y + 2.0 * (1.0 - red) * cr, y + 2.0 * (1.0 - blue) * cb);
                        [r, (y - red * r - blue * b) / (1.0 - red - blue), b]
                    }
                };
                for (found, expected) in pixel.iter().zip(expected) {
                    let expected = expected.round().clamp(0.0, 255.0) as u8;
                    assert!(found.abs_diff(expected) <= 1, "{depth} {matrix}: {pixel:?}, {expected}");
                    differ += u32::from(*found != expected);
                    all += 1;
                }
            }
        }
        assert!(differ * 50 < all, "{differ} of {all}");
    }

    #[test]
    fn planes_of_colours_are_colours() {
        let meaning = Meaning { matrix: 0, full: true };
        assert_eq!(shown([&[10], &[20], &[30]], (1, 1), 8, FULL, meaning), [30, 10, 20]);
        let samples: Vec<u16> = (0..=255).collect();
        let pixels = shown([&samples, &samples, &samples], (256, 1), 8, FULL, meaning);
        assert!(pixels.chunks(3).enumerate().all(|(x, pixel)| pixel == [x as u8; 3]));
    }

    #[test]
    fn samples_beyond_their_bits_are_the_most() {
        let meaning = Meaning { matrix: 6, full: true };
        let grey = (Chroma::None, Rules::Libheif);
        assert_eq!(shown([&[u16::MAX, 1023, 0], &[], &[]], (3, 1), 10, grey, meaning), [255, 255, 0]);
        assert_eq!(shown([&[7, 9], &[], &[]], (2, 1), 8, grey, meaning), [7, 9]);
    }

    #[test]
    fn repeated_chroma_counts_for_the_pixels_it_was_taken_of() {
        let meaning = Meaning { matrix: 6, full: true };
        let luma = [100; 9];
        let (cb, cr) = ([128; 4], [128, 255, 128, 255]);
        let kind = (Chroma::Quarter, Rules::Libheif);
        let pixels = shown([&luma, &cb, &cr], (3, 3), 8, kind, meaning);
        let red: Vec<bool> = pixels.as_chunks::<3>().0.iter().map(|pixel| pixel[0] > 200).collect();
        assert_eq!(red, [false, false, true, false, false, true, false, false, true]);
    }

    #[test]
    fn smooth_chroma_lies_between_its_pixels() {
        // Planes of colours show what becomes of chroma alone: its second plane is red.
        let meaning = Meaning { matrix: 0, full: true };
        for depth in [8, 12] {
            let (luma, flat) = ([0; 20], [0; 6]);
            let chroma = [16, 32, 64, 0, 48, 80].map(|sample: u16| sample << (depth - 8));
            let reds = |kind, size| -> Vec<u8> {
                let pixels = shown([&luma, &flat, &chroma], size, depth, (kind, Rules::Libyuv), meaning);
                pixels.as_chunks::<3>().0.iter().map(|pixel| pixel[0]).collect()
            };
            // The first row has no other above it: three quarters and one of 16, 32 and 64, the edges as they are.
            let both = reds(Chroma::Quarter, (5, 4));
            assert_eq!(both[..5], [16, 20, 28, 40, 56]);
            // Between rows: 9, 3, 3 and 1 sixteenths.
            assert_eq!(both[5..10], [12, 18, 30, 44, 60]);
            assert_eq!(both[10..15], [4, 14, 34, 52, 68]);
            assert_eq!(both[15..], [0, 12, 36, 56, 72]);
            assert_eq!(reds(Chroma::Half, (5, 2)), [16, 20, 28, 40, 56, 0, 12, 36, 56, 72]);
            assert_eq!(reds(Chroma::Half, (1, 1)), [16]);
        }
    }

    #[test]
    fn libyuvs_numbers_are_cut_first_and_its_factors_are_coarse() {
        let limited = Meaning { matrix: 1, full: false };
        let exact = |rules| shown([&[16], &[228], &[128]], (1, 1), 8, (Chroma::Full, rules), limited)[2];
        assert_eq!((exact(Rules::Libheif), exact(Rules::Libyuv)), (211, 200));
        let red = |rules| {
            shown([&[0], &[128], &[228]], (1, 1), 8, (Chroma::Full, rules), Meaning { matrix: 6, full: true })
                [0]
        };
        // 1.402 is 90 / 64.
        assert_eq!((red(Rules::Libheif), red(Rules::Libyuv)), (140, 141));
        let wide = [[700, 3], [515, 900], [513, 511]];
        let narrow = wide.map(|plane: [u16; 2]| plane.map(|sample| sample >> 2));
        for meaning in [limited, Meaning { matrix: 6, full: true }] {
            let of = |planes: &[[u16; 2]; 3], depth| {
                let planes = [&planes[0][..], &planes[1], &planes[2]];
                shown(planes, (2, 1), depth, (Chroma::Full, Rules::Libyuv), meaning)
            };
            assert_eq!(of(&wide, 10), of(&narrow, 8));
        }
    }
}

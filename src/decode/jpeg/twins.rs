//! The kernels that make pixels at every SIMD level against the naive definition, bit for bit.

use super::idct::{self, Steps};
use super::transform::{Blocks, GREY, NATURAL, NEUTRAL};
use super::{colour, detail, naive, upsample};
use crate::kernel::{Bytes, levels};
use fearless_simd::{Level, dispatch};

/// Every level compared once a case.
fn at_every_level(cases: usize, mut compare: impl FnMut(&str, Level, &mut Bytes)) {
    let levels = levels();
    for (name, level) in &levels {
        let mut numbers = Bytes(7);
        for _ in 0..cases {
            compare(name, *level, &mut numbers);
        }
    }
    assert!(!levels.is_empty());
}

/// A coefficient or a step: small, as in pictures, or any, or at the end of its range.
fn value(numbers: &mut Bytes, kind: u64) -> i16 {
    let number = numbers.next();
    match kind {
        0 => (number % 31) as i16 - 15,
        1 => (number % 2_047) as i16 - 1_023,
        2 => number as i16,
        _ => [0, 1, -1, i16::MAX, i16::MIN, i16::MIN + 1, 16_384, -16_384][(number % 8) as usize],
    }
}

/// A block of few coefficients or many, and a table.
fn block(numbers: &mut Bytes) -> ([i16; 64], [u16; 64]) {
    let (kind, filled) = (numbers.next() % 4, numbers.next() % 5);
    let mut coefficients = [0; 64];
    let count = [1, 2, 6, 20, 64][filled as usize];
    for _ in 0..count {
        let place = match numbers.next() % 3 {
            // The first row alone, low frequencies, all.
            0 => numbers.next() % 8,
            1 => NATURAL[(numbers.next() % 10) as usize].into(),
            _ => numbers.next() % 64,
        };
        coefficients[place as usize] = value(numbers, kind);
    }
    if numbers.next().is_multiple_of(4) {
        coefficients[8..].fill(0);
    }
    let wild = numbers.next().is_multiple_of(4);
    let step =
        |numbers: &mut Bytes| if wild { value(numbers, 3) as u16 } else { (numbers.next() % 120) as u16 + 1 };
    (coefficients, std::array::from_fn(|_| step(numbers)))
}

#[test]
fn inverse_dct() {
    let mut extreme = 0;
    at_every_level(6_000, |level_name, level, numbers| {
        let (coefficients, table) = block(numbers);
        let steps = Steps::new(&table);
        let samples = dispatch!(level, simd => idct::samples(simd, &coefficients, &steps));
        assert_eq!(samples, naive::idct(&coefficients, &table), "{level_name}: {coefficients:?} {table:?}");
        let product = |(&c, &s): (&i16, &u16)| i32::from(c) * i32::from(s);
        let fits = coefficients.iter().zip(&table).map(product).all(|product| i16::try_from(product).is_ok());
        assert_eq!(dispatch!(level, simd => idct::fits(simd, &coefficients, &steps)), fits);
        extreme += usize::from(!fits);
    });
    assert!(extreme > 500, "{extreme}");
}

/// Blocks whose values reach every end: each coefficient alone at the ends of its range, against steps that make it wrap.
#[test]
fn inverse_dct_of_one_coefficient() {
    at_every_level(1, |_, level, _| {
        for place in 0..64 {
            for coefficient in [1, -1, 255, -256, 2_047, 8_191, 8_192, -8_193, i16::MAX, i16::MIN] {
                for step in [1, 3, 16, 255, 32_767, 65_535] {
                    let (mut coefficients, table) = ([0; 64], [step; 64]);
                    coefficients[place] = coefficient;
                    let steps = Steps::new(&table);
                    let samples = dispatch!(level, simd => idct::samples(simd, &coefficients, &steps));
                    assert_eq!(
                        samples,
                        naive::idct(&coefficients, &table),
                        "{coefficient} × {step} at {place}"
                    );
                }
            }
        }
    });
}

/// Rows of blocks at every detail, stored in as many slots as it needs or in all 64, with more blocks to a row than hold picture.
#[test]
fn cells_of_blocks() {
    let (wide, stride, rows) = (3, 4, 2);
    let (mut wild, mut case) = (0, 0);
    at_every_level(1_500, |level_name, level, numbers| {
        case += 1;
        let detail = [1, 2, 3, 4, 6, 8][case % 6];
        let slots = if case % 4 == 0 { 64 } else { detail::slots(detail) };
        let zero = [GREY, NEUTRAL][case % 2];
        // Any values and steps, or such as have 16 bits together.
        let (divisor, most) = if numbers.next().is_multiple_of(2) { (1, u16::MAX) } else { (64, 50) };
        let quantiser = block(numbers).1.map(|step| step.min(most));
        let blocks: Vec<[i16; 64]> =
            (0..stride * rows).map(|_| block(numbers).0.map(|value| value / divisor)).collect();
        let mut coefficients = vec![0; stride * rows * slots];
        for (to, from) in coefficients.chunks_exact_mut(slots).zip(&blocks) {
            for (k, &value) in from.iter().enumerate().take(slots) {
                to[if slots == 64 { usize::from(NATURAL[k]) } else { k }] = value;
            }
        }
        let stored = Blocks { coefficients: &coefficients, slots, stride, wide, quantiser: &quantiser, zero };
        let across = detail::cells(detail);
        let mut samples = vec![0; wide * rows * across * across];
        let fits = dispatch!(level, simd => stored.transform(simd, detail, &mut samples));

        let shown = || blocks.iter().enumerate().filter(|(at, _)| at % stride < wide);
        let expected_fits = shown().all(|(_, block)| {
            let fits = |k: usize| i16::try_from(i32::from(block[k]) * i32::from(quantiser[k])).is_ok();
            (0..=detail::kept(detail) as usize).all(fits) && (-(1 << 14)..1 << 14).contains(&block[0])
        });
        assert_eq!(fits, expected_fits, "{level_name}, detail {detail}");
        // Means alone do not wrap: nobody looks at samples of values that do not fit.
        for (at, block) in shown().filter(|_| fits || detail > 1) {
            let (row, column) = (at / stride, at % stride);
            for (y, cells) in naive::cells(block, &quantiser, detail, zero).chunks_exact(across).enumerate() {
                let found = &samples[(row * across + y) * wide * across + column * across..][..across];
                assert_eq!(
                    found, cells,
                    "{level_name}, detail {detail}, {slots} slots: {block:?} {quantiser:?}"
                );
            }
        }
        wild += usize::from(!fits);
    });
    assert!(wild > 300 && wild < case * 4 / 5, "{wild} of {case}");
}

/// A row of noise, or of nothing but the ends of the range.
fn row(numbers: &mut Bytes, length: usize) -> Vec<u8> {
    let mut row = numbers.fill(length);
    if numbers.next().is_multiple_of(3) {
        row.iter_mut().for_each(|sample| *sample = if *sample < 128 { 0 } else { 255 });
    }
    row
}

#[test]
fn doubled_columns() {
    let (mut sums, mut out) = (vec![7; 5], vec![9; 300]);
    let mut length = 2;
    at_every_level(400, |level_name, level, numbers| {
        length = 3 + (length + 1) % 130;
        let (near, far) = (row(numbers, length), row(numbers, length));
        dispatch!(level, simd => upsample::columns(simd, &near, &mut sums, &mut out));
        assert_eq!(out, naive::columns(&near), "{level_name}, {length} columns");
        dispatch!(level, simd => upsample::both(simd, &near, &far, &mut sums, &mut out));
        assert_eq!(out, naive::both(&near, &far), "{level_name}, {length} columns between rows");
    });
}

#[test]
fn rows_between_rows() {
    let mut out = Vec::new();
    upsample::rows(&[0, 1, 2, 255], &[255, 2, 1, 255], true, &mut out);
    assert_eq!(out, [64, 1, 2, 255]);
    upsample::rows(&[0, 1, 2, 255], &[255, 2, 1, 255], false, &mut out);
    assert_eq!(out, [64, 1, 2, 255]);
    upsample::rows(&[1, 0], &[3, 2], true, &mut out);
    assert_eq!(out, [1, 0], "a half goes down in even rows");
    upsample::rows(&[1, 0], &[3, 2], false, &mut out);
    assert_eq!(out, [2, 1], "and up in odd ones");
    upsample::repeated(&[5, 6, 7], (1, 3), 8, &mut out);
    assert_eq!(out, [5, 5, 5, 6, 6, 6, 7, 7]);
    upsample::repeated(&[5, 6, 7], (2, 3), 4, &mut out);
    assert_eq!(out, [5, 5, 6, 7]);
}

#[test]
fn colours() {
    let mut length = 0;
    at_every_level(600, |level_name, level, numbers| {
        length = (length + 1) % 70;
        let rows = [0; 3].map(|_| row(numbers, length));
        let [y, cb, cr] = rows.each_ref().map(Vec::as_slice);
        let mut out = vec![0xA5; 3 * length];
        dispatch!(level, simd => colour::ycc(simd, [y, cb, cr], &mut out));
        let expected: Vec<u8> = (0..length).flat_map(|x| naive::pixel([y[x], cb[x], cr[x]])).collect();
        assert_eq!(out, expected, "{level_name}, {length} pixels");
        dispatch!(level, simd => colour::rgb(simd, [y, cb, cr], &mut out));
        let expected: Vec<u8> = (0..length).flat_map(|x| [y[x], cb[x], cr[x]]).collect();
        assert_eq!(out, expected, "{level_name}, {length} pixels of R, G, B");
    });
}

#[test]
fn every_colour() {
    let values: Vec<u8> = (0..=255).collect();
    let level = Level::new();
    let mut out = vec![0; 3 * 256];
    for y in [0, 1, 77, 128, 254, 255] {
        for cr in 0..=255 {
            let (y, cr) = ([y; 256], [cr; 256]);
            dispatch!(level, simd => colour::ycc(simd, [&y, &values, &cr], &mut out));
            for (x, pixel) in out.as_chunks::<3>().0.iter().enumerate() {
                assert_eq!(*pixel, naive::pixel([y[x], values[x], cr[x]]));
                assert_eq!(*pixel, colour::pixel(y[x], values[x], cr[x]));
            }
        }
    }
}

#[test]
fn inks_are_light() {
    let mut out = [0; 6];
    let rows: [&[u8]; 4] = [&[255, 100], &[0, 100], &[10, 100], &[255, 128]];
    colour::inks(rows, false, &mut out);
    assert_eq!(out, [255, 0, 10, 50, 50, 50]);
    colour::inks([&[0, 255], &[128, 128], &[128, 128], &[200, 200]], true, &mut out);
    assert_eq!(out, [200, 200, 200, 0, 0, 0]);
}

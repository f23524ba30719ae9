//! Every format and every rule of colour, on pictures that the tests draw; and the shared corpus where it is there.

#![expect(clippy::print_stdout, reason = "says what was skipped and counted")]

mod common;

use common::encode::{Png, Tiff, bmp, exif, gif, webp};
use common::{corpus, difference, grey_scene, jpeg, jpegs, samples, scene};
use shadegrid::{Algorithm, DecodeOptions, Decoded, Decoder, DetailChoice, Format, Orient, Viewing};

const SIZE: (u32, u32) = (23, 17);

fn decode(bytes: &[u8]) -> Decoded {
    Decoder::new(DecodeOptions::default()).decode(bytes).unwrap()
}

fn turned(bytes: &[u8]) -> Decoded {
    let options = DecodeOptions::default().orient(Orient::Exif);
    Decoder::new(options).decode(bytes).unwrap()
}

/// Asserts that a file decodes whole to exactly these samples.
fn shows(bytes: &[u8], format: Format, expected: &[u8]) {
    let decoded = decode(bytes);
    let (samples, channels) = samples(&decoded);
    assert_eq!((decoded.format, decoded.whole), (format, None));
    assert_eq!(channels, expected.len() / (decoded.picture.width * decoded.picture.height) as usize);
    assert!(samples == expected, "{format}: {:?}", difference(samples, expected));
}

fn rgb() -> Vec<u8> {
    scene(SIZE.0 as usize, SIZE.1 as usize)
}

fn grey() -> Vec<u8> {
    grey_scene(SIZE.0 as usize, SIZE.1 as usize)
}

/// The samples with one more after every `channels`, a different one each time.
fn with_alpha(samples: &[u8], channels: usize) -> Vec<u8> {
    let pixels = samples.chunks_exact(channels).enumerate();
    pixels.flat_map(|(at, pixel)| pixel.iter().copied().chain([(at * 7) as u8])).collect()
}

#[test]
fn lossless_formats_give_back_what_was_drawn() {
    let (width, height) = SIZE;
    shows(&Png::new(SIZE, 3, rgb()).encode(), Format::Png, &rgb());
    shows(&Png::new(SIZE, 1, grey()).encode(), Format::Png, &grey());
    shows(&Png { interlaced: true, ..Png::new(SIZE, 3, rgb()) }.encode(), Format::Png, &rgb());
    shows(&Png { interlaced: true, ..Png::new(SIZE, 1, grey()) }.encode(), Format::Png, &grey());
    shows(&bmp(width, height, &rgb()), Format::Bmp, &rgb());
    shows(&webp(width, height, &rgb()), Format::WebP, &rgb());
    shows(&Tiff::new(SIZE, 3, rgb()).encode(), Format::Tiff, &rgb());
    shows(&Tiff::new(SIZE, 1, grey()).encode(), Format::Tiff, &grey());
    let white_is_zero: Vec<u8> = grey().iter().map(|value| 255 - value).collect();
    let inverted = Tiff { photometric: 0, ..Tiff::new(SIZE, 1, white_is_zero) };
    shows(&inverted.encode(), Format::Tiff, &grey());
}

#[test]
fn every_jpeg_shows_the_scene() {
    let (colour, light) = (scene(96, 72), grey_scene(96, 72));
    let mut cases = 0;
    for (name, bytes) in jpegs() {
        let decoded = decode(&bytes);
        let (samples, channels) = samples(&decoded);
        let (most, mean) = difference(samples, if channels == 1 { &light } else { &colour });
        assert!(most <= 24 && mean < 2.5, "{name}: {most} at most, {mean} on average");
        assert_eq!((channels == 1, decoded.whole), (name.starts_with("grey"), None), "{name}");
        cases += 1;
    }
    assert!(cases >= 19, "{cases}");
}

/// Files of the same coefficients are the same pixels, whatever codes these have; cut, they are damaged or errors.
#[test]
fn arithmetic_coding_shows_the_same_pixels() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/arithmetic");
    for (name, of) in [
        ("base-420", "base-420"),
        ("base-420-prog", "base-420"),
        ("base-444", "base-444"),
        ("grey", "grey"),
        ("cmyk-adobe", "cmyk-adobe"),
        ("orientation-6", "orientation-6"),
    ] {
        let bytes = std::fs::read(folder.join(format!("{name}.jpg"))).unwrap();
        let (found, expected) = (decode(&bytes), decode(&jpeg(of)));
        assert_eq!(
            (&found.picture, found.whole, found.viewing),
            (&expected.picture, None, expected.viewing),
            "{name}"
        );
        assert_eq!(turned(&bytes).picture, turned(&jpeg(of)).picture, "{name}");
        for detail in [1, 2, 4] {
            let options = DecodeOptions::default().detail(DetailChoice::Lowest(detail));
            let low = |file: &[u8]| {
                Decoder::new(options.clone()).decode_for(file, &Algorithm::ALL).unwrap().picture
            };
            assert_eq!(low(&bytes), low(&jpeg(of)), "{name} {detail}");
        }
        let mut damaged = 0;
        for length in (2..bytes.len()).step_by(37) {
            match Decoder::new(DecodeOptions::default()).decode(&bytes[..length]) {
                Ok(decoded) => damaged += usize::from(decoded.whole.is_some()),
                Err(error) => {
                    assert!(matches!(error.code(), "corrupt" | "input"), "{name} {length}: {error}");
                }
            }
        }
        assert!(damaged > 0 || name.ends_with("prog") || name == "grey", "{name}");
    }
}

#[test]
fn alpha_is_dropped_without_blending() {
    let (width, height) = SIZE;
    shows(&Png::new(SIZE, 4, with_alpha(&rgb(), 3)).encode(), Format::Png, &rgb());
    shows(&Png::new(SIZE, 2, with_alpha(&grey(), 1)).encode(), Format::Png, &grey());
    shows(
        &Png { interlaced: true, ..Png::new(SIZE, 4, with_alpha(&rgb(), 3)) }.encode(),
        Format::Png,
        &rgb(),
    );
    shows(&webp(width, height, &with_alpha(&rgb(), 3)), Format::WebP, &rgb());
    shows(&Tiff::new(SIZE, 4, with_alpha(&rgb(), 3)).encode(), Format::Tiff, &rgb());
}

#[test]
fn of_sixteen_bits_the_high_byte_counts() {
    let wide = |samples: &[u8], low_first: bool| -> Vec<u8> {
        samples.iter().flat_map(|value| if low_first { [0xEE, *value] } else { [*value, 0xEE] }).collect()
    };
    let png = |channels, samples: &[u8]| Png { depth: 16, ..Png::new(SIZE, channels, wide(samples, false)) };
    shows(&png(3, &rgb()).encode(), Format::Png, &rgb());
    shows(&png(1, &grey()).encode(), Format::Png, &grey());
    let tiff = Tiff { bits: 16, ..Tiff::new(SIZE, 3, wide(&rgb(), true)) };
    shows(&tiff.encode(), Format::Tiff, &rgb());
}

/// One byte an index, packed into rows of whole bytes.
fn packed(indices: &[u8], bits: usize) -> Vec<u8> {
    let byte = |part: &[u8]| {
        part.iter().enumerate().fold(0, |byte, (at, index)| byte | index << (8 - bits - at * bits))
    };
    indices.chunks_exact(SIZE.0 as usize).flat_map(|row| row.chunks(8 / bits).map(byte)).collect()
}

#[test]
fn few_bits_and_palettes_are_shown_and_not_their_indices() {
    let mut cases = 0;
    for bits in [1, 2, 4, 8] {
        let colours = 1usize << bits;
        let indices: Vec<u8> = (0..SIZE.0 * SIZE.1).map(|at| (at as usize * 5 % colours) as u8).collect();
        let palette: Vec<u8> =
            (0..colours).flat_map(|at| [at * 255 / colours, 9, 255 - at % 200].map(|v| v as u8)).collect();
        let expected: Vec<u8> =
            indices.iter().flat_map(|index| &palette[usize::from(*index) * 3..][..3]).copied().collect();
        let stretched: Vec<u8> =
            indices.iter().map(|index| (usize::from(*index) * 255 / (colours - 1)) as u8).collect();
        let depth = bits as u8;
        let png =
            Png { depth, colour: 3, palette: palette.clone(), ..Png::new(SIZE, 1, packed(&indices, bits)) };
        shows(&png.encode(), Format::Png, &expected);
        // Transparent indices keep their colour.
        shows(&Png { alpha: vec![0; colours], ..png }.encode(), Format::Png, &expected);
        shows(&Png { depth, ..Png::new(SIZE, 1, packed(&indices, bits)) }.encode(), Format::Png, &stretched);
        let colour_map =
            (0..3).flat_map(|c| palette.iter().skip(c).step_by(3).map(|v| u16::from(*v) * 257)).collect();
        let grey = Tiff { bits: bits as u16, ..Tiff::new(SIZE, 1, packed(&indices, bits)) };
        shows(&grey.encode(), Format::Tiff, &stretched);
        shows(&Tiff { photometric: 3, colour_map, ..grey }.encode(), Format::Tiff, &expected);
        let frame = gif::Frame { buffer: indices.into(), width: 23, height: 17, ..gif::Frame::default() };
        shows(&gif((23, 17), frame, &palette), Format::Gif, &expected);
        cases += 6;
    }
    assert_eq!(cases, 24);
}

#[test]
fn inks_become_light() {
    let inks: Vec<u8> = rgb().chunks_exact(3).flat_map(|p| [255 - p[0], 255 - p[1], 255 - p[2], 0]).collect();
    shows(&Tiff { photometric: 5, ..Tiff::new(SIZE, 4, inks) }.encode(), Format::Tiff, &rgb());
    let black = [0, 0, 0, 255].repeat((SIZE.0 * SIZE.1) as usize);
    shows(
        &Tiff { photometric: 5, ..Tiff::new(SIZE, 4, black) }.encode(),
        Format::Tiff,
        &vec![0; rgb().len()],
    );
    let printed = decode(&jpeg("cmyk-adobe"));
    assert!(difference(samples(&printed).0, &scene(96, 72)).1 < 1.0);
}

#[test]
fn a_frame_lies_on_its_canvas() {
    let frame = gif::Frame {
        left: 2,
        top: 3,
        width: 4,
        height: 2,
        buffer: vec![1; 8].into(),
        ..gif::Frame::default()
    };
    let decoded = decode(&gif((9, 8), frame, &[10, 20, 30, 200, 100, 50]));
    let (samples, _) = samples(&decoded);
    let pixel = |x: usize, y: usize| &samples[(y * 9 + x) * 3..][..3];
    assert_eq!(
        (pixel(0, 0), pixel(1, 3), pixel(6, 3), pixel(2, 5)),
        (&[10, 20, 30][..], &[10, 20, 30][..], &[10, 20, 30][..], &[10, 20, 30][..])
    );
    assert_eq!((pixel(2, 3), pixel(5, 4)), (&[200, 100, 50][..], &[200, 100, 50][..]));
}

/// The scene turned so that a picture marked with this orientation looks upright.
fn upright(rgb: &[u8], width: usize, height: usize, orientation: u16) -> (Vec<u8>, usize) {
    let wide = if orientation >= 5 { height } else { width };
    let high = width * height / wide;
    let source = |x: usize, y: usize| match orientation {
        1 => (x, y),
        2 => (width - 1 - x, y),
        3 => (width - 1 - x, height - 1 - y),
        4 => (x, height - 1 - y),
        5 => (y, x),
        6 => (y, height - 1 - x),
        7 => (width - 1 - y, height - 1 - x),
        _ => (width - 1 - y, x),
    };
    let pixels = (0..high).flat_map(|y| (0..wide).map(move |x| source(x, y)));
    (pixels.flat_map(|(x, y)| rgb[(y * width + x) * 3..][..3].to_vec()).collect(), wide)
}

#[test]
fn orientation_counts_only_where_it_is_asked_for() {
    let (width, height) = (SIZE.0 as usize, SIZE.1 as usize);
    for orientation in 1..=8 {
        let (expected, wide) = upright(&rgb(), width, height, orientation);
        let png = Png { exif: exif(orientation), ..Png::new(SIZE, 3, rgb()) }.encode();
        let tiff = Tiff { orientation, ..Tiff::new(SIZE, 3, rgb()) }.encode();
        for file in [png, tiff] {
            assert_eq!(samples(&decode(&file)).0, rgb(), "{orientation}");
            let turned = turned(&file);
            assert_eq!(
                (samples(&turned).0, turned.picture.width as usize),
                (&expected[..], wide),
                "{orientation}"
            );
        }
    }
    let (stored, shown) = (decode(&jpeg("orientation-6")), turned(&jpeg("orientation-6")));
    assert_eq!((stored.picture.width, shown.picture.width, shown.picture.height), (96, 72, 96));
    let (expected, _) = upright(samples(&stored).0, 96, 72, 6);
    assert_eq!(samples(&shown).0, expected);
    assert_eq!(turned(&Png { exif: exif(9), ..Png::new(SIZE, 3, rgb()) }.encode()).picture.width, SIZE.0);
}

#[test]
fn what_memory_held_before_does_not_show() {
    let mut decoder = Decoder::new(DecodeOptions::default());
    let mut files: Vec<Vec<u8>> =
        jpegs().into_iter().filter(|(name, _)| name != "arithmetic").map(|file| file.1).collect();
    files.extend([
        Png::new(SIZE, 3, rgb()).encode(),
        bmp(SIZE.0, SIZE.1, &rgb()),
        Tiff::new(SIZE, 1, grey()).encode(),
    ]);
    files.extend(jpegs().into_iter().map(|(_, bytes)| bytes[..bytes.len() * 2 / 3].to_vec()));
    for file in &files {
        decoder.recycle(shadegrid::Picture::from_grey(vec![0x5A; 50_000], 50, 1000));
        let (again, fresh) =
            (decoder.decode(file).ok(), Decoder::new(DecodeOptions::default()).decode(file).ok());
        assert_eq!(again, fresh);
    }
    assert!(files.len() > 30);
}

#[test]
fn any_maps_icons_and_qoi_are_read() {
    let (width, height) = SIZE;
    let with_header = |header: String, samples: &[u8]| [header.as_bytes(), samples].concat();
    shows(&with_header(format!("P6\n{width} {height} 255\n"), &rgb()), Format::Pnm, &rgb());
    shows(&with_header(format!("P5\n{width} {height} 255\n"), &grey()), Format::Pnm, &grey());
    let text: Vec<String> = rgb().iter().map(u8::to_string).collect();
    shows(
        &with_header(format!("P3\n{width} {height} 255\n"), text.join(" ").as_bytes()),
        Format::Pnm,
        &rgb(),
    );
    let wide: Vec<u8> = rgb().iter().flat_map(|value| [*value, 0xEE]).collect();
    shows(&with_header(format!("P6\n{width} {height} 65535\n"), &wide), Format::Pnm, &rgb());
    // An icon with a PNG: its place and length, and the sides.
    let png = Png::new(SIZE, 4, with_alpha(&rgb(), 3)).encode();
    let entry = [
        &[width as u8, height as u8, 0, 0, 1, 0, 32, 0][..],
        &(png.len() as u32).to_le_bytes(),
        &22u32.to_le_bytes(),
    ];
    let icon = [&[0, 0, 1, 0, 1, 0][..], &entry.concat(), &png].concat();
    shows(&icon, Format::Ico, &rgb());
    assert!(decode(&icon).viewing.alpha);
    let colours: Vec<u8> =
        rgb().chunks_exact(3).flat_map(|pixel| [0xFE, pixel[0], pixel[1], pixel[2]]).collect();
    let header = [b"qoif", &width.to_be_bytes()[..], &height.to_be_bytes(), &[3, 0]].concat();
    shows(&[&header[..], &colours, &[0, 0, 0, 0, 0, 0, 0, 1]].concat(), Format::Qoi, &rgb());
    let broken = decode(&[&header[..], &colours[..colours.len() / 2]].concat());
    assert!(broken.whole.is_some_and(|share| share > 0.4 && share < 0.5));
}

#[test]
fn what_is_not_read_is_named() {
    let error = |bytes: &[u8]| Decoder::new(DecodeOptions::default()).decode(bytes).unwrap_err();
    let cases: [(&[u8], &str, &str); 7] = [
        (b"", "input", "empty"),
        (b"a text", "input", "not a picture"),
        (b"BMW is a maker of cars", "input", "not a picture"),
        (b"garbage before a JPEG \xff\xd8\xff", "input", "not a picture"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "corrupt", "heif"),
        (b"\0\0\0\x18ftypavif\0\0\0\0mif1avif", "corrupt", "heif"),
        (b"\0\0\x01\0\x01\0\x10\x10\0\0\x01\0\x20\0\x90\0\0\0\x16\0\0\0", "corrupt", "ico"),
    ];
    for (bytes, code, word) in cases {
        let error = error(bytes);
        assert!(error.code() == code && error.to_string().contains(word), "{error}");
    }
}

/// One photograph in 220 kinds of JPEG: all decode whole.
#[test]
fn the_shared_matrix_of_jpegs_decodes() {
    let Some(files) = corpus("jpeg-matrix") else {
        return println!("skipped: no ../shared/corpus/jpeg-matrix");
    };
    let mut whole = 0;
    for path in files.iter().filter(|path| path.extension().is_some_and(|extension| extension == "jpg")) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        match Decoder::new(DecodeOptions::default()).decode(&std::fs::read(path).unwrap()) {
            Ok(decoded) => {
                assert_eq!(decoded.whole, None, "{name}");
                whole += 1;
            }
            Err(error) => panic!("{name}: {error}"),
        }
    }
    println!("{whole} decoded whole");
    assert!(whole >= 200);
}

/// A profile counts no matter what a JPEG's components mean and how far it is read.
#[test]
fn profiles_of_every_kind_of_jpeg_count() {
    let mut linear = moxcms::ColorProfile::new_srgb();
    let curve = moxcms::ToneReprCurve::Parametric(vec![1.0]);
    linear.cicp = None;
    (linear.red_trc, linear.green_trc) = (Some(curve.clone()), Some(curve.clone()));
    linear.blue_trc = Some(curve);
    let content = [&b"ICC_PROFILE\0\x01\x01"[..], &linear.encode().unwrap()].concat();
    let mut segment = vec![0xFF, 0xE2];
    segment.extend((content.len() as u16 + 2).to_be_bytes());
    segment.extend(content);
    for name in ["base-420", "prog-444", "rgb-444", "rgb-420", "grey"] {
        let file = jpeg(name);
        let with = [&file[..2], &segment, &file[2..]].concat();
        for detail in [DetailChoice::Full, DetailChoice::Lowest(2)] {
            let options = DecodeOptions::default().detail(detail);
            let decoded =
                |file: &[u8]| Decoder::new(options.clone()).decode_for(file, &[Algorithm::Pdq]).unwrap();
            assert!(decoded(&with).viewing.profile && !decoded(&file).viewing.profile, "{name}, {detail:?}");
        }
    }
}

/// Whether a file is flagged as transparent, animated, turned or changed by a profile.
fn seen(bytes: &[u8]) -> [bool; 4] {
    let Viewing { alpha, animated, oriented, profile, unusual, .. } = decode(bytes).viewing;
    assert!(!unusual);
    [alpha, animated, oriented, profile]
}

#[test]
fn what_viewers_do_beyond_the_pixels_is_flagged() {
    let (width, height) = SIZE;
    let rgb = scene(width as usize, height as usize);
    let with_alpha = |last: u8| {
        let mut rgba: Vec<u8> = rgb.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], 255]).collect();
        *rgba.last_mut().unwrap() = last;
        rgba
    };
    let (nothing, alpha) = ([false; 4], [true, false, false, false]);
    for (last, expected) in [(255, nothing), (254, alpha)] {
        assert_eq!(seen(&Png::new(SIZE, 4, with_alpha(last)).encode()), expected, "PNG");
        assert_eq!(seen(&webp(width, height, &with_alpha(last))), expected, "WebP");
    }
    let indices = vec![1; (width * height) as usize];
    let frame = |transparent| {
        gif::Frame::from_indexed_pixels(width as u16, height as u16, indices.clone(), transparent)
    };
    let (size, palette) = ((width as u16, height as u16), [0, 0, 0, 9, 9, 9]);
    assert_eq!(seen(&gif(size, frame(None), &palette)), nothing);
    assert_eq!(seen(&gif(size, frame(Some(0)), &palette)), nothing, "no pixel has the transparent colour");
    assert_eq!(seen(&gif(size, frame(Some(1)), &palette)), alpha);
    assert_eq!(
        seen(&gif((width as u16 + 1, height as u16), frame(None), &palette)),
        alpha,
        "a column is open"
    );
    let mut two = Vec::new();
    let mut encoder = gif::Encoder::new(&mut two, size.0, size.1, &palette).unwrap();
    (0..2).for_each(|_| encoder.write_frame(&frame(None)).unwrap());
    drop(encoder);
    assert_eq!(seen(&two), [false, true, false, false]);
    assert_eq!(seen(&jpeg("orientation-6")), [false, false, true, false]);
    assert!(!turned(&jpeg("orientation-6")).viewing.oriented, "it is turned already");
    assert_eq!(seen(&jpeg("base-420")), nothing);
}

/// A half float of `number` 256ths (IEEE 754, binary16).
fn half(number: u8) -> u16 {
    let Some(exponent) = number.checked_ilog2() else { return 0 };
    let fraction = (u16::from(number) << (10 - exponent)) & 0x3FF;
    (exponent as u16 + 15 - 8) << 10 | fraction
}

#[test]
fn tiffs_of_half_floats_are_read_and_signed_ones_named() {
    let levels: Vec<u8> = (0..60 * 40).map(|at: u32| (at * 7 % 256) as u8).collect();
    let rows: Vec<u8> = levels.iter().flat_map(|level| half(*level).to_le_bytes()).collect();
    let of = |format: u32| {
        let mut file = Tiff { bits: 16, ..Tiff::new((60, 40), 1, rows.clone()) }.encode();
        common::odd::set(&mut file, 284, (339, 3, 1, format));
        Decoder::new(DecodeOptions::default()).decode(&file)
    };
    let decoded = of(3).unwrap();
    let expected: Vec<u8> =
        levels.iter().map(|level| (f32::from(*level) / 256.0 * 255.0).round() as u8).collect();
    assert_eq!(common::samples(&decoded), (&expected[..], 1));
    for (format, name) in [(2, "whole numbers with a sign of 16 bits"), (6, "complex numbers of 16 bits")] {
        let error = of(format).unwrap_err();
        assert!(error.code() == "unsupported" && error.to_string().contains(name), "{error}");
    }
}

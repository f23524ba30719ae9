//! Limits hold before memory is taken.

mod common;

use common::encode::{Png, bmp, gif};
use common::{jpeg, jpegs, scene};
use shadegrid::{DecodeOptions, Decoder, DetailChoice, Error, Limits};

fn decode(bytes: &[u8], limits: Limits) -> Result<u64, Error> {
    let decoded = Decoder::new(DecodeOptions::default().limits(limits)).decode(bytes)?;
    Ok(u64::from(decoded.picture.width) * u64::from(decoded.picture.height))
}

/// Asserts that the file is over this limit and that the error names its field, and no option of the command.
fn over(bytes: &[u8], limits: Limits, field: &str) {
    match decode(bytes, limits) {
        Err(error @ Error::Limit { field: Some(found), .. }) if found == field => {
            assert!(!error.to_string().contains("--"), "{error}");
        }
        other => panic!("{field}: {other:?}"),
    }
}

/// The JPEG with another size in its frame header.
fn lying(file: &[u8], width: u16, height: u16) -> Vec<u8> {
    let mut file = file.to_vec();
    let frame = file.windows(2).position(|pair| matches!(pair, [0xFF, 0xC0..=0xC2])).unwrap();
    file[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    file[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    file
}

#[test]
fn every_limit_stops_what_is_over_it_and_nothing_else() {
    let defaults = Limits::default;
    let files = [
        jpeg("base-420"),
        jpeg("prog-420"),
        Png::new((96, 72), 3, scene(96, 72)).encode(),
        bmp(96, 72, &scene(96, 72)),
    ];
    for file in &files {
        let length = file.len() as u64;
        over(file, defaults().max_file_bytes(length - 1), "max_file_bytes");
        over(file, defaults().max_side(95), "max_side");
        over(file, defaults().max_pixels(96 * 72 - 1), "max_pixels");
        over(file, defaults().max_decoder_bytes(96 * 72 * 3 - 1), "max_decoder_bytes");
        let exact = defaults().max_file_bytes(length).max_side(96).max_pixels(96 * 72);
        assert_eq!(decode(file, exact).unwrap(), 96 * 72);
    }
    over(&jpeg("prog-420"), defaults().max_scans(3), "max_scans");
    assert!(decode(&jpeg("base-420"), defaults().max_scans(1)).is_ok());
}

#[test]
fn a_progressive_jpeg_counts_its_coefficients() {
    let large = |name| lying(&jpeg(name), 2_400, 1_800);
    let full = DecodeOptions::default().detail(DetailChoice::Full);
    let estimate = |name| Decoder::new(full.clone()).memory(&large(name), &[]).worst;
    assert!(estimate("prog-444") >= estimate("base-444") + 3 * 2_400 * 1_800);
    let budget = Limits::default().max_decoder_bytes(estimate("base-444"));
    // Its data ends early, which is another matter.
    assert!(!matches!(decode(&large("base-444"), budget.clone()), Err(Error::Limit { .. })));
    over(&large("prog-444"), budget, "max_decoder_bytes");
}

#[test]
fn lying_headers_are_stopped_or_reported() {
    let mut cases = 0;
    for (name, file) in jpegs().into_iter().filter(|(name, _)| name != "arithmetic") {
        over(&lying(&file, 65_535, 65_535), Limits::default(), "max_pixels");
        over(&lying(&file, 30_000, 10_000), Limits::default(), "max_pixels");
        for (width, height) in [(0, 72), (96, 0), (1, 1), (4, 72)] {
            let error = decode(&lying(&file, width, height), Limits::default()).unwrap_err();
            assert!(matches!(error.code(), "corrupt" | "input"), "{name} {width}×{height}: {error}");
            cases += 1;
        }
        // Taller than its data: damaged or corrupt, never whole.
        let taller = Decoder::new(DecodeOptions::default()).decode(&lying(&file, 96, 720));
        assert!(
            taller.is_err_and(|error| error.code() == "corrupt")
                || decode_share(&lying(&file, 96, 720)) < 0.2,
            "{name}"
        );
    }
    assert!(cases > 60);
}

fn decode_share(file: &[u8]) -> f32 {
    Decoder::new(DecodeOptions::default()).decode(file).unwrap().whole.unwrap()
}

#[test]
fn the_defaults_let_200_megapixels_through() {
    let limits = Limits::default();
    limits.check_size(16_384, 12_288).unwrap();
    // 200 megapixels of progressive 4:4:4: samples and 16-bit coefficients.
    limits.check_decoder_bytes(16_384 * 12_288 * (3 + 6)).unwrap();
    limits.check_scans(20, 16_384, 12_288, 50 << 20).unwrap();
    assert!(limits.check_scans(200, 16_384, 12_288, 50 << 20).is_err());
    assert!(limits.check_scans(501, 100, 100, 5_000).is_err());
}

#[test]
fn bombs_are_stopped_by_what_they_announce() {
    for size in [(0x7FFF_FFFF_u32, 8_u32), (65_535, 65_535), (20_000, 20_000)] {
        let mut file = Png::new((8, 8), 3, vec![0; 192]).encode();
        file[16..20].copy_from_slice(&size.0.to_be_bytes());
        file[20..24].copy_from_slice(&size.1.to_be_bytes());
        let sum = common::encode::crc(&file[12..29]);
        file[29..33].copy_from_slice(&sum.to_be_bytes());
        let error = decode(&file, Limits::default()).unwrap_err();
        assert_eq!(error.code(), "limit", "{error}");
    }
    let mut bitmap = bmp(8, 8, &[0; 192]);
    bitmap[18..22].copy_from_slice(&60_000u32.to_le_bytes());
    bitmap[22..26].copy_from_slice(&60_000u32.to_le_bytes());
    over(&bitmap, Limits::default(), "max_pixels");
}

#[test]
fn pixels_are_held_against_the_bytes_of_their_file() {
    let background = |side: u16| {
        let pixels = vec![1; usize::from(side) * usize::from(side)];
        gif(
            (side, side),
            gif::Frame::from_indexed_pixels(side, side, pixels, None),
            &[0, 0, 0, 200, 200, 200],
        )
    };
    over(&background(4_000), Limits::default(), "max_pixels_per_byte");
    let raised = Limits::default().max_pixels_per_byte(1 << 20);
    assert_eq!(decode(&background(4_000), raised).unwrap(), 16_000_000);
    // What is not large costs little, and need not be worth its pixels.
    assert_eq!(decode(&background(3_500), Limits::default()).unwrap(), 12_250_000);
    let limits = Limits::default();
    limits.check_density(256 * 100_000, 100_000).unwrap();
    assert!(limits.check_density(256 * 100_000 + 1, 100_000).is_err());
    // Scans beyond those of real pictures are as many pictures more.
    limits.check_scans(16, 4_000, 3_000, 20_000).unwrap();
    assert!(limits.check_scans(60, 4_000, 3_000, 20_000).is_err());
}

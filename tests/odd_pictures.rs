//! Pictures that people's viewers show although something about them is odd: their pixels are read, and nothing is invented.

mod common;

use common::encode::{Png, Tiff, bmp, gif, webp};
use common::{grey_scene, odd, samples, scene};
use shadegrid::{DecodeOptions, Decoded, Decoder, Error, Result};

const SIZE: (u32, u32) = (23, 17);

fn decode(bytes: &[u8]) -> Result<Decoded> {
    Decoder::new(DecodeOptions::default()).decode(bytes)
}

/// Asserts that a file decodes whole to exactly these samples.
fn shows(what: &str, bytes: &[u8], expected: &[u8]) {
    let decoded = decode(bytes).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(decoded.whole, None, "{what}");
    assert!(samples(&decoded).0 == expected, "{what}: other samples");
}

fn rgb() -> Vec<u8> {
    scene(SIZE.0 as usize, SIZE.1 as usize)
}

fn grey() -> Vec<u8> {
    grey_scene(SIZE.0 as usize, SIZE.1 as usize)
}

fn unsupported(bytes: &[u8], name: &str) {
    let error = decode(bytes).unwrap_err();
    assert!(matches!(&error, Error::Unsupported(what) if what.contains(name)), "{error}");
}

#[test]
fn an_animation_s_errors_leave_its_default_picture() {
    let plain = odd::chunks(&Png::new(SIZE, 3, rgb()).encode());
    let control = |sequence: u32, (width, height): (u32, u32), length: usize| {
        let fields = [sequence, width, height, 0, 0].map(u32::to_be_bytes).concat();
        (*b"fcTL", [fields, vec![0, 1, 0, 10, 0, 0]].concat()[..length].to_vec())
    };
    let frames = (*b"acTL", [2u32, 0].map(u32::to_be_bytes).concat());
    let more = |sequence: u32| (*b"fdAT", [&sequence.to_be_bytes()[..], &[1, 2, 3]].concat());
    let mut cases = 0;
    for before in [
        vec![frames.clone(), control(0, SIZE, 26)],
        vec![frames.clone(), control(5, SIZE, 26)],
        vec![frames.clone(), control(0, (SIZE.0 + 1, SIZE.1), 26)],
        vec![frames.clone(), control(0, (SIZE.0 - 1, 1), 26)],
        vec![frames.clone(), control(0, SIZE, 20)],
        vec![frames.clone(), control(0, SIZE, 0)],
        vec![frames.clone(), control(0, SIZE, 26), control(0, SIZE, 26)],
        vec![frames.clone(), frames.clone()],
        vec![(*b"acTL", vec![0])],
        vec![control(0, SIZE, 26)],
        vec![frames.clone(), more(0), control(1, SIZE, 26)],
    ] {
        for after in [vec![], vec![more(7)], vec![control(9, (99, 99), 26), more(3)]] {
            let end = plain.len() - 1;
            let all = [&plain[..1], &before, &plain[1..end], &after, &plain[end..]].concat();
            shows(&format!("{before:?} {after:?}"), &odd::png(&all), &rgb());
            cases += 1;
        }
    }
    assert_eq!(cases, 33);
}

#[test]
fn apple_s_png_is_read() {
    // Blue first, and colours multiplied with alpha.
    let stored = |alpha: u32| {
        let by = move |colour: u8| (u32::from(colour) * alpha / 255) as u8;
        let pixel = move |p: &[u8]| [by(p[2]), by(p[1]), by(p[0]), alpha as u8];
        rgb().chunks_exact(3).flat_map(pixel).collect::<Vec<u8>>()
    };
    for interlaced in [false, true] {
        let file = odd::apples(&Png { interlaced, ..Png::new(SIZE, 4, stored(255)) }.encode());
        shows("CgBI", &file, &rgb());
        let turned: Vec<u8> = rgb().chunks_exact(3).flat_map(|p| [p[2], p[1], p[0]]).collect();
        shows(
            "CgBI without alpha",
            &odd::apples(&Png { interlaced, ..Png::new(SIZE, 3, turned) }.encode()),
            &rgb(),
        );
        let half =
            decode(&odd::apples(&Png { interlaced, ..Png::new(SIZE, 4, stored(128)) }.encode())).unwrap();
        let (most, _) = common::difference(samples(&half).0, &rgb());
        assert!(half.whole.is_none() && most <= 2, "{most}");
    }
    let file = odd::apples(&Png::new(SIZE, 4, stored(255)).encode());
    let cut = decode(&file[..file.len() / 2]).unwrap();
    assert!(cut.whole.is_some_and(|share| (0.3..0.7).contains(&share)), "{:?}", cut.whole);
    shows("grey CgBI", &odd::apples(&Png::new(SIZE, 1, grey()).encode()), &grey());
}

#[test]
fn control_blocks_of_any_length_are_passed_over() {
    let palette: Vec<u8> = (0..=255u8).flat_map(|n| [n, 255 - n, n / 2]).collect();
    let frame = gif::Frame { buffer: grey().into(), width: 23, height: 17, ..gif::Frame::default() };
    let plain = gif((23, 17), frame, &palette);
    let expected = samples(&decode(&plain).unwrap()).0.to_vec();
    let first = 13 + 3 * 256;
    for length in [0, 1, 3, 4, 5, 8, 255] {
        let data = vec![0; length];
        let block = [&[0x21, 0xF9, length as u8][..], &data, &[0][..usize::from(length > 0)]].concat();
        let file = [&plain[..first], &block, &plain[first..]].concat();
        shows(&format!("{length}"), &file, &expected);
        let split = [&plain[..first], &block[..block.len() - 1], &[2, 7, 7, 0], &plain[first..]].concat();
        shows(&format!("{length} and 2"), &split, &expected);
    }
}

#[test]
fn bitmaps_have_headers_of_every_length() {
    let plain = bmp(SIZE.0, SIZE.1, &rgb());
    for length in (16..=64).step_by(4).chain([42, 46]).filter(|length| !matches!(length, 52 | 56)) {
        let file = odd::bmp_header(&plain, length);
        shows(&format!("{length}"), &file, &rgb());
        let cut = decode(&file[..file.len() - 72 * 8]).unwrap();
        assert_eq!(cut.whole, Some(9.0 / 17.0), "{length}");
    }
    let with = |at: usize, bytes: &[u8]| {
        let mut file = plain.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    shows("no plane", &with(26, &[0, 0]), &rgb());
    shows("three planes", &with(26, &[3, 0]), &rgb());
    // OS/2's own compressions have the numbers of others.
    let mut run_lengths = odd::bmp_header(&plain, 64);
    run_lengths[30] = 4;
    unsupported(&run_lengths, "OS/2");
    // Pixels that begin beyond the file's end, and beyond what a longer header would add to their place.
    let mut beyond = odd::bmp_header(&plain, 16);
    for place in [u32::MAX, u32::MAX - 20] {
        beyond[10..14].copy_from_slice(&place.to_le_bytes());
        assert!(decode(&beyond).is_err(), "{place}");
    }
}

#[test]
fn masks_of_bitmaps_say_where_colours_are() {
    let plain = bmp(SIZE.0, SIZE.1, &rgb());
    let usual = [0xFF_0000, 0xFF00, 0xFF];
    shows("24 bits", &odd::bmp_masks(&plain, 3, &usual), &rgb());
    shows("24 bits, no masks", &odd::bmp_masks(&plain, 3, &[0; 3]), &rgb());
    let turned: Vec<u8> = rgb().chunks_exact(3).flat_map(|p| [p[2], p[1], p[0]]).collect();
    shows("24 bits, red first", &odd::bmp_masks(&plain, 3, &[0xFF, 0xFF00, 0xFF_0000]), &turned);
    let without_green: Vec<u8> = rgb().chunks_exact(3).flat_map(|p| [p[0], 0, p[2]]).collect();
    shows("24 bits, no green", &odd::bmp_masks(&plain, 3, &[0xFF_0000, 0, 0xFF]), &without_green);
    // 32 bits: four bytes a pixel.
    let mut wide = plain[..54].to_vec();
    wide[28] = 32;
    for row in rgb().chunks_exact(23 * 3).rev() {
        wide.extend(row.chunks_exact(3).flat_map(|p| [p[2], p[1], p[0], 200]));
    }
    shows("32 bits", &odd::bmp_masks(&wide, 3, &usual), &rgb());
    shows("32 bits and alpha", &odd::bmp_masks(&wide, 6, &[0xFF_0000, 0xFF00, 0xFF, 0xFF00_0000]), &rgb());
    shows("32 bits, no green", &odd::bmp_masks(&wide, 3, &[0xFF_0000, 0, 0xFF]), &without_green);
    assert!(decode(&odd::bmp_masks(&plain, 3, &[0xF0_0000, 0xFF00, 0xFF])).is_err());
}

#[test]
fn more_colours_than_indices_can_name_are_as_many() {
    let mut file = bmp(24, 17, &scene(24, 17));
    let colours: Vec<u8> = (0..=255u8).flat_map(|n| [n, n, n, 0]).collect();
    file.truncate(54);
    file[28] = 8;
    file[10..14].copy_from_slice(&(54 + 1024u32).to_le_bytes());
    file.extend(colours);
    let indices = grey_scene(24, 17);
    indices.chunks_exact(24).rev().for_each(|row| file.extend(row));
    let expected: Vec<u8> = indices.iter().flat_map(|value| [*value; 3]).collect();
    shows("256 colours", &file, &expected);
    for named in [300u32, 1 << 30] {
        file[46..50].copy_from_slice(&named.to_le_bytes());
        shows("more than 256 colours", &file, &expected);
    }
}

#[test]
fn flags_of_a_webp_may_announce_what_is_not_there() {
    let plain = webp(SIZE.0, SIZE.1, &rgb());
    let lossless = &plain[20..];
    // A key frame of zeros.
    let lossy = [&[0x10 | 0x80, 0x0C, 0, 0x9D, 1, 0x2A, 23, 0, 17, 0][..], &[0; 300]].concat();
    let of_lossy = |flags, more: &[(&[u8; 4], &[u8])]| {
        odd::webp(flags, SIZE, &[&[(b"VP8 ", &lossy[..])], more].concat())
    };
    let expected = samples(&decode(&of_lossy(0, &[])).unwrap()).0.to_vec();
    for flags in [0, 4, 8, 16, 2, 0x1E, 0x20, 0x3E] {
        shows(&format!("{flags:#x}"), &odd::webp(flags, SIZE, &[(b"VP8L", lossless)]), &rgb());
        shows(&format!("lossy {flags:#x}"), &of_lossy(flags, &[]), &expected);
        shows(&format!("EXIF {flags:#x}"), &of_lossy(flags, &[(b"EXIF", b"abc")]), &expected);
    }
}

#[test]
fn a_tiff_s_directory_may_be_wrong() {
    let tiff = || Tiff { rows_per_strip: 4, ..Tiff::new(SIZE, 3, rgb()) }.encode();
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut file = tiff();
        change(&mut file);
        file
    };
    let next = 10 + 12 * 11;
    shows("a loop", &changed(&|file| file[next..next + 4].copy_from_slice(&8u32.to_le_bytes())), &rgb());
    shows("a next directory nowhere", &changed(&|file| file[next..next + 4].fill(0x7F)), &rgb());
    let nothing = (65_000, 3, 1, 0);
    shows("no lengths", &changed(&|file| odd::set(file, 279, nothing)), &rgb());
    shows("no meaning", &changed(&|file| odd::set(file, 262, nothing)), &rgb());
    shows("no count of samples", &changed(&|file| odd::set(file, 277, nothing)), &rgb());
    shows(
        "tiles' names",
        &changed(&|file| {
            let places = [273, 279].map(|tag| odd::entry(file, tag));
            for (at, tag) in places.into_iter().zip([324u16, 325]) {
                file[at..at + 2].copy_from_slice(&tag.to_le_bytes());
            }
        }),
        &rgb(),
    );
    let count = |file: &mut Vec<u8>, tag, count: u8| {
        let at = odd::entry(file, tag);
        file[at + 4] = count;
    };
    shows(
        "an extra strip",
        &changed(&|file| {
            count(file, 273, 7);
            count(file, 279, 7);
        }),
        &rgb(),
    );
    shows("fewer lengths", &changed(&|file| count(file, 279, 2)), &rgb());
    let few = decode(&changed(&|file| {
        count(file, 273, 3);
        count(file, 279, 3);
    }))
    .unwrap();
    assert_eq!(few.whole, Some(12.0 / 17.0));
    assert_eq!(samples(&few).0[..12 * 69], rgb()[..12 * 69]);
    assert!(samples(&few).0[12 * 69..].iter().all(|sample| *sample == 0));
    let one = Tiff { rows_per_strip: 17, ..Tiff::new(SIZE, 3, rgb()) };
    let mut no_rows = one.encode();
    odd::set(&mut no_rows, 278, (278, 4, 1, 0));
    shows("strips of no rows", &no_rows, &rgb());
}

#[test]
fn tiles_may_lie_under_the_names_of_strips() {
    // Two tiles of 16×16, one behind the other as strips would be.
    let wide = scene(32, 16);
    let tile = |left: usize| wide.chunks_exact(96).flat_map(move |row| row[left * 48..][..48].to_vec());
    let mut file =
        Tiff { rows_per_strip: 16, ..Tiff::new((16, 32), 3, tile(0).chain(tile(1)).collect()) }.encode();
    odd::set(&mut file, 256, (256, 4, 1, 32));
    odd::set(&mut file, 257, (257, 4, 1, 16));
    odd::set(&mut file, 278, (322, 4, 1, 16));
    odd::set(&mut file, 274, (323, 4, 1, 16));
    shows("tiles", &file, &wide);
}

#[test]
fn a_tiff_s_strips_may_be_packed_in_old_ways() {
    let one = Tiff { rows_per_strip: 17, ..Tiff::new(SIZE, 3, rgb()) };
    let old = odd::old_lzw(&one);
    shows("old LZW", &old, &rgb());
    assert!(decode(&old[..old.len() - 99]).is_err(), "nothing is invented");
    let large = scene(300, 200);
    shows(
        "a large one",
        &odd::old_lzw(&Tiff { rows_per_strip: 200, ..Tiff::new((300, 200), 3, large.clone()) }),
        &large,
    );
    let mut reversed = Tiff::new(SIZE, 3, rgb().iter().map(|byte| byte.reverse_bits()).collect()).encode();
    odd::set(&mut reversed, 274, (266, 3, 1, 2));
    shows("reversed bits", &reversed, &rgb());
}

#[test]
fn chroma_may_be_shared() {
    for (across, down) in [(2, 2), (2, 1), (1, 2), (4, 1), (4, 4)] {
        let (wide, high) = (SIZE.0.div_ceil(across), SIZE.1.div_ceil(down));
        let luma = |x: u32, y: u32| (x * 9 + y * 3) as u8;
        let clump = |x: u32, y: u32| {
            let pixels =
                (0..down).flat_map(move |v| (0..across).map(move |h| luma(x * across + h, y * down + v)));
            pixels.chain([128 + (x % 60) as u8, 128 - (y % 60) as u8])
        };
        let clumps = (0..high).flat_map(|y| (0..wide).flat_map(move |x| clump(x, y))).collect();
        let file = odd::shared_chroma(SIZE, (across, down), clumps);
        let decoded = decode(&file).unwrap();
        assert_eq!((decoded.whole, decoded.picture.width, decoded.picture.height), (None, SIZE.0, SIZE.1));
        for (index, pixel) in samples(&decoded).0.chunks_exact(3).enumerate() {
            let (x, y) = (index as u32 % SIZE.0, index as u32 / SIZE.0);
            let (luma, cb, cr) = (f32::from(luma(x, y)), (x / across % 60) as f32, -((y / down % 60) as f32));
            let expected = [luma + 1.402 * cr, luma - 0.344 * cb - 0.714 * cr, luma + 1.772 * cb];
            for (sample, expected) in pixel.iter().zip(expected) {
                let expected = expected.clamp(0.0, 255.0);
                assert!(
                    (f32::from(*sample) - expected).abs() < 2.0,
                    "{across}×{down} at {x}, {y}: {pixel:?}"
                );
            }
        }
        let cut = decode(&file[..file.len() - 40]).unwrap();
        assert!(cut.whole.is_some_and(|share| share < 1.0), "{across}×{down}");
    }
}

#[test]
fn colours_that_are_multiplied_with_alpha_are_divided() {
    let alpha = |at: usize| 255 - (at % 128) as u8;
    let by = |colour: u8, alpha: u8| ((u32::from(colour) * u32::from(alpha) + 127) / 255) as u8;
    let stored: Vec<u8> = rgb()
        .chunks_exact(3)
        .enumerate()
        .flat_map(|(at, p)| [by(p[0], alpha(at)), by(p[1], alpha(at)), by(p[2], alpha(at)), alpha(at)])
        .collect();
    let with = |kind: u32, samples, stored: &[u8]| {
        let mut file = Tiff::new(SIZE, samples, stored.to_vec()).encode();
        odd::set(&mut file, 274, (338, 3, 1, kind));
        file
    };
    let divided = decode(&with(1, 4, &stored)).unwrap();
    assert!(common::difference(samples(&divided).0, &rgb()).0 <= 2);
    // An alpha of its own leaves colours as they are.
    let kept: Vec<u8> = stored.chunks_exact(4).flat_map(|p| p[..3].to_vec()).collect();
    shows("unassociated", &with(2, 4, &stored), &kept);
    // Nothing is said of the fourth sample, which many readers take for one.
    let silent = Tiff::new(SIZE, 4, stored.clone()).encode();
    for (file, is_alpha) in [(silent, true), (with(0, 4, &stored), false)] {
        shows("a fourth sample", &file, &kept);
        assert_eq!(decode(&file).unwrap().viewing.alpha, is_alpha);
    }
    let grey: Vec<u8> =
        grey().iter().enumerate().flat_map(|(at, g)| [by(*g, alpha(at)), alpha(at)]).collect();
    let mut file = with(1, 2, &grey);
    odd::set(&mut file, 262, (262, 3, 1, 1));
    let divided = decode(&file).unwrap();
    assert!(common::difference(samples(&divided).0, &self::grey()).0 <= 2);
}

#[test]
fn jpeg_ls_is_named() {
    let frame = [0, 11, 8, 0, 17, 0, 23, 1, 1, 0x11, 0];
    unsupported(
        &[&[0xFF, 0xD8, 0xFF, 0xF7][..], &frame, &[0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 0, 0, 1, 2, 3]].concat(),
        "JPEG-LS",
    );
}

#[test]
fn fax_pages_of_every_kind_show_the_same() {
    let file = |name: &str| {
        std::fs::read(format!("{}/tests/data/tiff/{name}.tif", env!("CARGO_MANIFEST_DIR"))).unwrap()
    };
    let group_4 = decode(&file("group4")).unwrap();
    let expected = samples(&group_4).0;
    assert!(expected.contains(&0) && expected.contains(&255));
    for name in ["runs", "lines", "fill", "two-dimensional", "two-dimensional-fill", "reversed"] {
        let file = file(name);
        shows(name, &file, expected);
        // A strip whose data is broken is missing; the others are there.
        let mut broken = file.clone();
        broken[8..40].fill(0);
        let decoded = decode(&broken).unwrap();
        assert_eq!(decoded.whole, Some(24.0 / 40.0), "{name}");
        assert_eq!(samples(&decoded).0[16 * 83..], expected[16 * 83..], "{name}");
    }
    // Rows that are not coded at all are not read.
    let mut uncoded = file("fill");
    let entry = uncoded.windows(2).rposition(|two| two == [0x24, 1]).unwrap();
    uncoded[entry + 8] = 2;
    unsupported(&uncoded, "");
}

#[test]
fn an_index_without_a_colour_has_the_last_one_and_is_flagged() {
    let indices: Vec<u8> = grey().iter().map(|level| level / 64).collect();
    let of = |colours: usize, indices: &[u8]| {
        let palette =
            [[9, 8, 7], [200, 10, 30], [60, 250, 90], [77, 66, 255]][..colours].as_flattened().to_vec();
        Png { colour: 3, palette, ..Png::new(SIZE, 1, indices.to_vec()) }.encode()
    };
    let whole = decode(&of(4, &indices)).unwrap();
    assert!(!whole.viewing.unusual);
    let short = decode(&of(2, &indices)).unwrap();
    assert!(short.viewing.unusual && short.whole.is_none());
    let clamped: Vec<u8> = indices.iter().map(|index| *index.min(&1)).collect();
    let plain = decode(&of(2, &clamped)).unwrap();
    assert!(!plain.viewing.unusual && plain.picture == short.picture && plain.picture != whole.picture);
}

/// The pixels of a bitmap of 24 bits whose rows begin here in the file.
fn bitmap_rows(file: &[u8], place: usize) -> Vec<u8> {
    let (width, stride) = (3 * SIZE.0 as usize, (3 * SIZE.0 as usize).next_multiple_of(4));
    let rows = file[place..].chunks(stride).take(SIZE.1 as usize).collect::<Vec<_>>();
    rows.iter().rev().flat_map(|row| row[..width].chunks(3).flat_map(|p| [p[2], p[1], p[0]])).collect()
}

#[test]
fn pixels_of_a_bitmap_are_where_it_says() {
    let plain = bmp(SIZE.0, SIZE.1, &rgb());
    for header in [40, 64, 16] {
        for place in [0, 1, 13, 20, 14 + header - 1, 14 + header] {
            let mut file = odd::bmp_header(&plain, header);
            file[10..14].copy_from_slice(&(place as u32).to_le_bytes());
            let what = format!("{header}, {place}");
            shows(&what, &file, &bitmap_rows(&file, place));
            assert_eq!(decode(&file).unwrap().viewing.unusual, place == 0, "{what}");
        }
    }
}

#[test]
fn missing_rows_of_a_bitmap_are_seen_through() {
    let file = bmp(SIZE.0, SIZE.1, &rgb());
    let mut down = file.clone();
    down[22..26].copy_from_slice(&(-(SIZE.1 as i32)).to_le_bytes());
    for file in [file, down] {
        assert!(!decode(&file).unwrap().viewing.alpha);
        let cut = decode(&file[..file.len() - 72 * 5 - 10]).unwrap();
        assert_eq!((cut.whole, cut.viewing.alpha), (Some(11.0 / 17.0), true));
    }
}

#[test]
fn frames_without_colours_have_greys() {
    let colours: Vec<u8> = (0..=255u8).flat_map(|n| [n, 255 - n, n / 2]).collect();
    let frame = |palette| gif::Frame {
        buffer: grey().into(),
        width: 23,
        height: 17,
        palette,
        ..gif::Frame::default()
    };
    let own = gif((23, 17), frame(Some(colours.clone())), &[]);
    let plain = gif((23, 17), frame(None), &colours);
    let mut without = plain.clone();
    without[10] &= 0x7F;
    without.drain(13..13 + 768);
    let expected: Vec<u8> = grey().into_iter().flat_map(|grey| [grey; 3]).collect();
    shows("no colours", &without, &expected);
    assert!(decode(&without).unwrap().viewing.unusual);
    for file in [own, plain] {
        assert!(!decode(&file).unwrap().viewing.unusual);
        shows("colours", &file, &grey().into_iter().flat_map(|n| [n, 255 - n, n / 2]).collect::<Vec<u8>>());
    }
}

#[test]
fn a_webp_that_announces_other_lengths_is_unusual() {
    let plain = webp(SIZE.0, SIZE.1, &rgb());
    let size = u32::from_le_bytes(plain[4..8].try_into().unwrap());
    for (by, is_unusual) in [(0, false), (1, true), (2, true), (500, true), (-2, true), (-20, true)] {
        let mut file = [&plain[..], b"behind"].concat();
        file[4..8].copy_from_slice(&size.wrapping_add_signed(by).to_le_bytes());
        shows(&format!("{by}"), &file, &rgb());
        assert_eq!(decode(&file).unwrap().viewing.unusual, is_unusual, "{by}");
    }
}

#[test]
fn alpha_of_a_long_bitmap_header_is_seen() {
    let (width, height) = (SIZE.0 as usize, SIZE.1 as usize);
    let rgb = rgb();
    let file = |header: u32, compression: u32, mask: u32, alpha: &dyn Fn(usize) -> u8| {
        let mut file = b"BM".to_vec();
        let long = |file: &mut Vec<u8>, value: u32| file.extend(value.to_le_bytes());
        for value in [0, 0, 14 + header, header, SIZE.0, SIZE.1, 32 << 16 | 1, compression, 0, 0, 0, 0, 0] {
            long(&mut file, value);
        }
        if header > 40 {
            [0xFF_0000, 0xFF00, 0xFF, mask].into_iter().for_each(|mask| long(&mut file, mask));
        }
        file.resize(14 + header as usize, 0);
        for row in rgb.chunks(3 * width).rev() {
            row.chunks(3).enumerate().for_each(|(x, p)| file.extend([p[2], p[1], p[0], alpha(x)]));
        }
        file
    };
    let (ramp, clear) = (|x: usize| x as u8 * 11, |_: usize| 0);
    let alpha = 0xFF00_0000;
    for (header, compression, mask, of, is_seen) in [
        (40, 0, 0, &ramp as &dyn Fn(usize) -> u8, false),
        (108, 0, 0, &ramp, false),
        (56, 0, alpha, &ramp, true),
        (108, 0, alpha, &ramp, true),
        (124, 0, alpha, &ramp, true),
        (124, 3, alpha, &ramp, true),
        // Where nothing but a header's habit speaks of an alpha of 0 all over, it is none.
        (124, 0, alpha, &clear, false),
        (124, 3, alpha, &clear, true),
    ] {
        let file = file(header, compression, mask, of);
        let decoded = decode(&file).unwrap();
        let what = format!("{header}, {compression}, {mask:x}");
        assert_eq!(decoded.viewing.alpha, is_seen, "{what}");
        assert_eq!(
            (samples(&decoded).0.len(), samples(&decoded).0),
            (width * height * 3, &rgb[..]),
            "{what}"
        );
    }
}

#[test]
fn alpha_of_a_webp_counts_whatever_announces_it() {
    let rgba: Vec<u8> =
        rgb().chunks_exact(3).enumerate().flat_map(|(at, p)| [p[0], p[1], p[2], (at * 11) as u8]).collect();
    let file = webp(SIZE.0, SIZE.1, &rgba);
    let mut silent = file.clone();
    silent[24] &= !0x10;
    assert_ne!(silent, file);
    for (what, file) in [
        ("said", file.clone()),
        ("its data does not say so", silent.clone()),
        ("the long header does not say so", odd::webp(0, SIZE, &[(b"VP8L", &file[20..])])),
        ("neither does", odd::webp(0, SIZE, &[(b"VP8L", &silent[20..])])),
    ] {
        shows(what, &file, &rgb());
        assert!(decode(&file).unwrap().viewing.alpha, "{what}");
    }
    assert!(!decode(&webp(SIZE.0, SIZE.1, &rgb())).unwrap().viewing.alpha);
}

#[test]
fn frames_of_a_webp_have_alpha_and_may_hold_nothing() {
    let rgba: Vec<u8> = rgb().chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], p[0]]).collect();
    let data = |samples: &[u8]| webp(SIZE.0, SIZE.1, samples)[12..].to_vec();
    let sides = [&(SIZE.0 - 1).to_le_bytes()[..3], &(SIZE.1 - 1).to_le_bytes()[..3]].concat();
    let frame = |chunks: &[u8]| [&[0; 6][..], &sides, &[100, 0, 0, 0], chunks].concat();
    let [empty, clear, opaque] = [frame(&[]), frame(&data(&rgba)), frame(&data(&rgb()))];
    let file = |size, frames: &[&[u8]]| {
        let frames = frames.iter().map(|frame| (b"ANMF", *frame));
        let chunks: Vec<(&[u8; 4], &[u8])> = [(b"ANIM", &[0; 6][..])].into_iter().chain(frames).collect();
        odd::webp(2, size, &chunks)
    };
    for (frames, has_alpha) in [
        (&[&opaque[..]][..], false),
        (&[&empty[..], &opaque][..], false),
        (&[&clear[..], &opaque][..], true),
        (&[&empty[..], &empty, &clear][..], true),
    ] {
        let decoded = decode(&file(SIZE, frames)).unwrap();
        assert_eq!((decoded.viewing.animated, decoded.viewing.alpha), (true, has_alpha));
    }
    // A frame that leaves a part of the picture open.
    assert!(decode(&file((SIZE.0 + 9, SIZE.1), &[&opaque])).unwrap().viewing.alpha);
}

/// An icon with one picture, of which its directory says this length.
fn icon(content: &[u8], length: u32) -> Vec<u8> {
    let entry = [&[SIZE.0 as u8, SIZE.1 as u8, 0, 0, 1, 0, 0, 0][..], &length.to_le_bytes(), &[22, 0, 0, 0]];
    [&[0, 0, 1, 0, 1, 0][..], &entry.concat(), content].concat()
}

/// A bitmap as icons hold it: no file's header, twice the height, and a mask of one bit a pixel.
fn icon_bitmap(bits: u16, rows: &[Vec<u8>], mask: &dyn Fn(usize, usize) -> bool) -> Vec<u8> {
    let mut file = Vec::new();
    for value in [40, SIZE.0, 2 * SIZE.1, u32::from(bits) << 16 | 1, 0, 0, 0, 0, 0, 0] {
        file.extend(value.to_le_bytes());
    }
    for row in rows.iter().rev() {
        file.extend(row);
        file.resize(file.len().next_multiple_of(4), 0);
    }
    for y in (0..SIZE.1 as usize).rev() {
        let bits = (0..SIZE.0 as usize).fold(0u32, |bits, x| bits | u32::from(mask(x, y)) << (31 - x));
        file.extend(bits.to_be_bytes());
    }
    file
}

#[test]
fn bitmaps_of_icons_are_shown_as_browsers_show_them() {
    let rgb = rgb();
    let rows = |alpha: Option<u8>| -> Vec<Vec<u8>> {
        let pixel = |p: &[u8]| [p[2], p[1], p[0]].into_iter().chain(alpha).collect::<Vec<u8>>();
        rgb.chunks(3 * SIZE.0 as usize).map(|row| row.chunks(3).flat_map(pixel).collect()).collect()
    };
    let (none, some) = (|_: usize, _: usize| false, |x: usize, y: usize| (x + y).is_multiple_of(3));
    let alpha = |file: &[u8]| decode(file).unwrap().viewing.alpha;
    for (what, bits, stored, mask, is_open) in [
        ("rows with padding", 24, None, &none as &dyn Fn(usize, usize) -> bool, false),
        ("a mask", 24, None, &some, true),
        ("opaque, whatever the mask", 32, Some(255), &some, false),
        ("half open, whatever the mask", 32, Some(128), &none, true),
        ("no alpha set", 32, Some(0), &none, false),
        ("no alpha set, but a mask", 32, Some(0), &some, true),
    ] {
        let bitmap = icon_bitmap(bits, &rows(stored), mask);
        let length = bitmap.len() as u32;
        // Nobody minds what the directory says of its length.
        for length in [length, 0, 50, u32::MAX] {
            let file = icon(&bitmap, length);
            shows(what, &file, &rgb);
            assert_eq!(alpha(&file), is_open, "{what}");
        }
        let file = icon(&bitmap, length);
        shows("without a mask", &file[..file.len() - 4 * SIZE.1 as usize], &rgb);
        let mut reserved = file.clone();
        reserved[9] = 255;
        shows("a reserved byte", &reserved, &rgb);
        let row = (bitmap.len() - 40) / SIZE.1 as usize - 4;
        let cut = decode(&file[..22 + 40 + 9 * row + 5]).unwrap();
        assert_eq!((cut.whole, cut.viewing.alpha), (Some(9.0 / 17.0), true), "{what}");
    }
    for broken in [&b"neither"[..], &[0; 60], &icon_bitmap(24, &rows(None), &none)[..39]] {
        assert!(decode(&icon(broken, broken.len() as u32)).is_err());
    }
}

#[test]
fn missing_rows_of_a_png_are_seen_through() {
    let short = |rows: usize| {
        let stored = rgb()[..3 * SIZE.0 as usize * rows].to_vec();
        let mut file = Png::new((SIZE.0, rows as u32), 3, stored).encode();
        file[20..24].copy_from_slice(&SIZE.1.to_be_bytes());
        let checksum = common::encode::crc(&file[12..29]).to_be_bytes();
        file[29..33].copy_from_slice(&checksum);
        decode(&file).unwrap()
    };
    for rows in [1, 9, 16, 17] {
        let decoded = short(rows);
        assert_eq!(decoded.viewing.alpha, rows < 17, "{rows}");
        assert_eq!(decoded.whole, (rows < 17).then_some(rows as f32 / 17.0));
    }
    // Of an interlaced one, rows of the first pass stand for eight each.
    let laced = Png { interlaced: true, ..Png::new(SIZE, 3, rgb()) }.encode();
    let cuts: Vec<Decoded> = (0..=laced.len()).filter_map(|length| decode(&laced[..length]).ok()).collect();
    let open = cuts.iter().take_while(|cut| cut.viewing.alpha).count();
    assert!(open > 0 && cuts[..open].iter().all(|cut| cut.whole.is_some()));
    assert!(open < cuts.len() / 2 && cuts[open..].iter().all(|cut| !cut.viewing.alpha));
}

#[test]
fn broken_data_of_a_webp_gives_the_rows_before_the_break() {
    let (width, height) = (64, 96);
    // Noise, in which nothing is repeated.
    let rgb: Vec<u8> =
        (0..width as u32 * height as u32 * 3).map(|n| (n.wrapping_mul(2_654_435_761) >> 23) as u8).collect();
    let file = webp(width as u32, height as u32, &rgb);
    let with = |data: &[u8]| odd::webp(0, (width as u32, height as u32), &[(b"VP8L", data)]);
    let data = &file[20..];
    for part in [3, 5, 8] {
        let cut = decode(&with(&data[..data.len() * part / 10])).unwrap();
        let rows = (cut.whole.unwrap() * height as f32).round() as usize;
        assert!(
            cut.viewing.alpha && rows * 10 > height * (part - 2) && rows.is_multiple_of(16),
            "{rows} rows of {part} tenths"
        );
        assert_eq!(samples(&cut).0[..rows * width * 3], rgb[..rows * width * 3]);
        assert!(samples(&cut).0[rows * width * 3..].iter().all(|sample| *sample == 0));
    }
    assert!(decode(&with(&data[..20])).is_err(), "not one row");
    // A file that ends before its data does is refused, as browsers show nothing of one.
    assert!(decode(&file[..file.len() / 2]).is_err());
    // A frame of an animation is no picture by half.
    let sides = [&(width as u32 - 1).to_le_bytes()[..3], &(height as u32 - 1).to_le_bytes()[..3]].concat();
    let still = webp(width as u32, height as u32, &rgb);
    let chunk = |data: &[u8]| [&b"VP8L"[..], &(data.len() as u32).to_le_bytes(), data].concat();
    let frame = |data: &[u8]| [&[0; 6][..], &sides, &[100, 0, 0, 0], &chunk(data)].concat();
    let half = &still[20..20 + (still.len() / 2).next_multiple_of(2)];
    let animation =
        odd::webp(2, (width as u32, height as u32), &[(b"ANIM", &[0; 6]), (b"ANMF", &frame(half))]);
    assert!(decode(&animation).is_err());
}

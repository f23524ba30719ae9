//! The faces of a file: what viewers show is hashed in addition to the stored pixels, and looked up.

mod common;
#[path = "common/jobs.rs"]
mod jobs;

use std::fs;
use std::path::Path;

use common::encode::{self, Png, Tiff};
use serde_json::Value;
use shadegrid::{Alpha, Faces, HashOptions, Hashed, Hasher, Pdq, PhotoDna};

const SIDE: u32 = 120;
const SIZE: (u32, u32) = (SIDE, SIDE);

/// R, G, B of one of two pictures that do not look alike.
fn picture(second: bool) -> Vec<u8> {
    let scene = common::scene(SIDE as usize, SIDE as usize);
    if second {
        // A quarter of its tones, so that either can lie behind the other's transparency.
        let mut turned: Vec<u8> = Vec::with_capacity(scene.len());
        for y in 0..SIDE as usize {
            for x in 0..SIDE as usize {
                let from = (x * SIDE as usize + y) * 3;
                let blob = ((x / 9 + 2 * (y / 13)) % 5) as u8 * 40;
                turned.extend(scene[from..from + 3].iter().map(|sample| sample / 4 + blob));
            }
        }
        return turned;
    }
    scene
}

fn hash_with(bytes: &[u8], faces: Faces) -> Hashed {
    Hasher::new(HashOptions::default().faces(faces)).hash(bytes).unwrap()
}

fn hash(bytes: &[u8]) -> Hashed {
    hash_with(bytes, Faces::All)
}

fn signatures(hashed: &Hashed) -> (PhotoDna, Pdq) {
    (hashed.photodna.unwrap().signature, hashed.pdq.as_ref().unwrap().signature)
}

/// The names of a file's faces with their signatures.
fn faces(hashed: &Hashed) -> Vec<(String, (PhotoDna, Pdq))> {
    let of = |face: &shadegrid::FaceHash| {
        let signatures = (face.photodna.unwrap().signature, face.pdq.as_ref().unwrap().signature);
        (face.face.to_string(), signatures)
    };
    hashed.faces.iter().map(of).collect()
}

fn names(hashed: &Hashed) -> Vec<String> {
    faces(hashed).into_iter().map(|(name, _)| name).collect()
}

/// A picture of every pixel as it is stored.
fn plain(rgb: &[u8]) -> (PhotoDna, Pdq) {
    let hashed = hash(&Png::new(SIZE, 3, rgb.to_vec()).encode());
    assert!(hashed.faces.is_empty() && hashed.face.is_none());
    signatures(&hashed)
}

/// Pixels over a colour.
fn over(rgba: &[u8], behind: u32) -> Vec<u8> {
    let mix = |colour: u8, alpha: u8| {
        let (colour, alpha) = (u32::from(colour), u32::from(alpha));
        ((colour * alpha + 127) / 255 + behind * (255 - alpha) / 255) as u8
    };
    rgba.chunks_exact(4).flat_map(|p| [mix(p[0], p[3]), mix(p[1], p[3]), mix(p[2], p[3])]).collect()
}

/// Stored colours of the one picture, seen through an alpha that is the other.
fn two_faced() -> Vec<u8> {
    let (stored, alpha) = (picture(false), picture(true));
    let pixels = stored.chunks_exact(3).zip(alpha.chunks_exact(3));
    pixels.flat_map(|(c, a)| [c[0] / 3, c[1] / 3, c[2] / 3, a[1]]).collect()
}

#[test]
fn transparency_is_seen_over_white_and_over_black() {
    let rgba = two_faced();
    let stored: Vec<u8> = rgba.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
    let mut tiff = Tiff::new(SIZE, 4, rgba.clone()).encode();
    // ExtraSamples says that the fourth sample is an alpha which colours are not multiplied with.
    common::odd::set(&mut tiff, 284, (338, 3, 1, 2));
    let interlaced = Png { interlaced: true, ..Png::new(SIZE, 4, rgba.clone()) };
    for (what, file) in [
        ("PNG", Png::new(SIZE, 4, rgba.clone()).encode()),
        ("interlaced PNG", interlaced.encode()),
        ("WebP", encode::webp(SIDE, SIDE, &rgba)),
        ("TIFF", tiff),
    ] {
        let hashed = hash(&file);
        assert_eq!(signatures(&hashed), plain(&stored), "{what}: the stored pixels stay what is hashed");
        assert_eq!(
            faces(&hashed),
            [("white".to_string(), plain(&over(&rgba, 255))), ("black".to_string(), plain(&over(&rgba, 0)))],
            "{what}"
        );
        assert!(hash_with(&file, Faces::Stored).faces.is_empty());
        let shown = hash_with(&file, Faces::Shown);
        assert_eq!(signatures(&shown), plain(&over(&rgba, 255)), "{what}");
        assert_eq!(shown.face.map(|face| face.to_string()).as_deref(), Some("white"));
        assert_eq!(names(&shown), ["black"]);
    }
    // Grey, and a palette's alpha.
    let grey: Vec<u8> = rgba.chunks_exact(4).flat_map(|p| [p[0], p[3]]).collect();
    let as_rgba: Vec<u8> = rgba.chunks_exact(4).flat_map(|p| [p[0], p[0], p[0], p[3]]).collect();
    let hashed = hash(&Png::new(SIZE, 2, grey).encode());
    assert_eq!(faces(&hashed)[0].1, plain(&over(&as_rgba, 255)));
    let indices: Vec<u8> = rgba.chunks_exact(4).map(|p| p[3] / 64).collect();
    let palette = Png {
        colour: 3,
        palette: vec![0, 0, 0, 10, 20, 30, 40, 50, 60, 70, 80, 90],
        alpha: vec![0, 80, 160],
        ..Png::new(SIZE, 1, indices)
    };
    assert_eq!(names(&hash(&palette.encode())), ["white", "black"]);
}

#[test]
fn what_is_not_opaque_counts_as_is_chosen() {
    let rgba = two_faced();
    let stored: Vec<u8> = rgba.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
    let seen = [
        (Alpha::Drop, None, plain(&stored), &["white", "black"][..]),
        (Alpha::White, Some("white"), plain(&over(&rgba, 255)), &["black"]),
        (Alpha::Black, Some("black"), plain(&over(&rgba, 0)), &["white"]),
    ];
    let with = |file: &[u8], faces, alpha| {
        Hasher::new(HashOptions::default().faces(faces).alpha(alpha)).hash(file).unwrap()
    };
    let face = |hashed: &Hashed| hashed.face.map(|face| face.to_string());
    for file in [Png::new(SIZE, 4, rgba.clone()).encode(), encode::webp(SIDE, SIDE, &rgba)] {
        for (alpha, own, expected, others) in seen {
            let hashed = with(&file, Faces::All, alpha);
            assert_eq!((signatures(&hashed), face(&hashed).as_deref()), (expected, own), "{alpha:?}");
            assert_eq!(names(&hashed), others, "{alpha:?}");
            let alone = with(&file, Faces::Stored, alpha);
            assert_eq!((signatures(&alone), face(&alone).as_deref()), (expected, own), "{alpha:?}");
            assert!(alone.viewing.alpha && alone.faces.is_empty());
        }
        let shown = with(&file, Faces::Shown, Alpha::Black);
        assert_eq!((signatures(&shown), face(&shown).as_deref()), (plain(&over(&rgba, 0)), Some("black")));
        assert_eq!(names(&shown), ["white"]);
    }
    // What is opaque is as it was, an animation too.
    let opaque = Png::new(SIZE, 3, stored.clone()).encode();
    let moving = animation(&[(&grey(&stored), 10), (&grey(&picture(true)), 50)]);
    for (file, faces) in [(&opaque, 0), (&moving, 1)] {
        let hashed = with(file, Faces::All, Alpha::White);
        assert_eq!((face(&hashed), hashed.faces.len()), (None, faces));
        assert_eq!(signatures(&hashed), signatures(&hash(file)));
    }
}

#[test]
fn a_gif_shows_what_lies_behind_its_open_pixels() {
    // Both colours are black; one is transparent.
    let indices: Vec<u8> = picture(false).chunks_exact(3).map(|p| u8::from(p[1] > 110)).collect();
    let side = SIDE as u16;
    let frame = gif::Frame::from_indexed_pixels(side, side, indices.clone(), Some(1));
    let file = encode::gif((side, side), frame, &[0, 0, 0, 0, 0, 0]);
    let shown: Vec<u8> = indices.iter().flat_map(|index| [index * 255; 3]).collect();
    let hashed = hash(&file);
    assert_eq!(faces(&hashed), [("white".to_string(), plain(&shown))], "over black it is the stored one");
    assert!(hashed.photodna.unwrap().strength < 1.0);
}

/// A GIF of full frames, each for so many hundredths of a second.
fn animation(frames: &[(&[u8], u16)]) -> Vec<u8> {
    let (mut file, side) = (Vec::new(), SIDE as u16);
    let palette: Vec<u8> = (0..=255).flat_map(|grey| [grey; 3]).collect();
    let mut encoder = gif::Encoder::new(&mut file, side, side, &palette).unwrap();
    for (grey, delay) in frames {
        let frame = gif::Frame::from_indexed_pixels(side, side, grey.to_vec(), None);
        encoder.write_frame(&gif::Frame { delay: *delay, ..frame }).unwrap();
    }
    drop(encoder);
    file
}

fn grey(rgb: &[u8]) -> Vec<u8> {
    rgb.chunks_exact(3).map(|p| p[1]).collect()
}

fn plain_grey(grey: &[u8]) -> (PhotoDna, Pdq) {
    plain(&grey.iter().flat_map(|grey| [*grey; 3]).collect::<Vec<u8>>())
}

#[test]
fn an_animation_shows_its_longest_and_its_last_frame() {
    let (a, b) = (grey(&picture(false)), grey(&picture(true)));
    let dark: Vec<u8> = a.iter().map(|grey| 255 - grey).collect();
    let found = |frames: &[(&[u8], u16)]| faces(&hash(&animation(frames)));
    let (of_b, of_dark) = (plain_grey(&b), plain_grey(&dark));
    assert_eq!(
        found(&[(&a, 1), (&b, 60_000), (&dark, 1)]),
        [("longest".to_string(), of_b), ("last".to_string(), of_dark)]
    );
    assert_eq!(found(&[(&a, 1), (&dark, 1), (&b, 60_000)]), [("longest".to_string(), of_b)]);
    // A hundredth of a second and less is shown for ten.
    assert_eq!(found(&[(&a, 0), (&b, 9), (&dark, 5)]), [("last".to_string(), of_dark)]);
    assert_eq!(found(&[(&a, 5), (&a, 5), (&a, 9)]), []);
    assert_eq!(found(&[(&a, 5)]), []);
    // What is broken ends it.
    let whole = animation(&[(&a, 5), (&b, 5), (&dark, 5)]);
    let cut = &whole[..whole.len() - 2_000];
    assert_eq!(faces(&hash(cut)), [("last".to_string(), of_b)]);
}

/// An animated PNG whose default picture may be none of its frames.
fn animated_png(depth: u8, default: &[u8], frames: &[&[u8]], default_is_frame: bool) -> Vec<u8> {
    let rows = |rgb: &[u8]| match depth {
        8 => rgb.to_vec(),
        // The low bytes are any.
        _ => rgb.iter().enumerate().flat_map(|(at, high)| [*high, at as u8]).collect(),
    };
    let chunks = |rgb: &[u8]| common::odd::chunks(&Png { depth, ..Png::new(SIZE, 3, rows(rgb)) }.encode());
    let mut sequence = 0u32;
    let mut control = || {
        let head = [sequence, SIDE, SIDE, 0, 0].map(u32::to_be_bytes).concat();
        sequence += 1;
        (*b"fcTL", [&head[..], &[0, 1, 0, 10, 0, 0]].concat())
    };
    let total = frames.len() as u32 + u32::from(default_is_frame);
    let mut all = vec![chunks(default)[0].clone()];
    all.push((*b"acTL", [total.to_be_bytes(), [0; 4]].concat()));
    if default_is_frame {
        all.push(control());
    }
    let data = |rgb: &[u8]| -> Vec<u8> {
        chunks(rgb).into_iter().filter(|(name, _)| name == b"IDAT").flat_map(|(_, data)| data).collect()
    };
    all.push((*b"IDAT", data(default)));
    for frame in frames {
        all.push(control());
        let (_, head) = control();
        let number = u32::from_be_bytes(head[..4].try_into().unwrap());
        all.push((*b"fdAT", [&number.to_be_bytes()[..], &data(frame)].concat()));
    }
    all.push((*b"IEND", Vec::new()));
    common::odd::png(&all)
}

#[test]
fn an_animated_png_shows_its_frames_and_not_its_default_picture() {
    let (a, b) = (picture(false), picture(true));
    for depth in [8, 16] {
        let hashed = hash(&animated_png(depth, &b, &[&a], false));
        assert_eq!(signatures(&hashed), plain(&b));
        assert_eq!(faces(&hashed), [("first".to_string(), plain(&a))], "{depth} bits");
        let hashed = hash(&animated_png(depth, &b, &[&a, &b], false));
        assert_eq!(names(&hashed), ["first"], "the last is the default picture again");
        let hashed = hash(&animated_png(depth, &a, &[&b], true));
        assert_eq!(faces(&hashed), [("last".to_string(), plain(&b))], "{depth} bits");
    }
}

#[test]
fn an_animation_is_seen_whose_default_picture_is_broken() {
    let (a, b) = (picture(false), picture(true));
    let whole = animated_png(8, &b, &[&a, &b], false);
    for data in [&b"no data"[..], &[], &[0x78]] {
        let mut chunks = common::odd::chunks(&whole);
        chunks[2].1 = data.to_vec();
        let hashed = hash(&common::odd::png(&chunks));
        assert_eq!(signatures(&hashed), plain(&a), "{data:?}");
        assert_eq!(faces(&hashed), [("last".to_string(), plain(&b))], "{data:?}");
        assert!(hashed.viewing.animated && hashed.viewing.unusual);
    }
    // Neither is there where the first frame is none of the whole picture, or is the broken one.
    let mut chunks = common::odd::chunks(&whole);
    chunks[2].1.clear();
    chunks[3].1[7] = 9;
    assert!(Hasher::new(HashOptions::default()).hash(&common::odd::png(&chunks)).is_err());
    let mut chunks = common::odd::chunks(&animated_png(8, &b, &[&a], true));
    chunks[3].1.clear();
    assert!(Hasher::new(HashOptions::default()).hash(&common::odd::png(&chunks)).is_err());
}

#[test]
fn alpha_that_a_webp_does_not_announce_is_seen_as_browsers_see_it() {
    let rgba = two_faced();
    let file = encode::webp(SIDE, SIDE, &rgba);
    let mut silent = file.clone();
    silent[24] &= !0x10;
    let stored: Vec<u8> = rgba.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
    // Chromium 156 shows the colours as they are, with as much of the page added as alpha leaves.
    let added: Vec<u8> = rgba
        .chunks_exact(4)
        .flat_map(|p| [p[0], p[1], p[2]].map(|colour| colour.saturating_add(255 - p[3])))
        .collect();
    let usual = faces(&hash(&file));
    assert_eq!(usual[0], ("white".to_string(), plain(&over(&rgba, 255))));
    for file in [silent.clone(), common::odd::webp(0, SIZE, &[(b"VP8L", &file[20..])])] {
        let hashed = hash(&file);
        assert_eq!(signatures(&hashed), plain(&stored));
        assert_eq!(faces(&hashed)[0], ("white".to_string(), plain(&added)));
    }
    assert_eq!(faces(&hash(&common::odd::webp(0x10, SIZE, &[(b"VP8L", &silent[20..])]))), usual);
}

/// A profile whose curves show every level as its negative.
fn negative() -> Vec<u8> {
    let mut profile = moxcms::ColorProfile::new_srgb();
    profile.cicp = None;
    let curve = moxcms::ToneReprCurve::Lut((0..256).map(|level: u16| (255 - level) * 257).collect());
    (profile.red_trc, profile.green_trc, profile.blue_trc) =
        (Some(curve.clone()), Some(curve.clone()), Some(curve));
    profile.encode().unwrap()
}

#[test]
fn a_profile_within_a_bitmap_and_an_icon_is_seen() {
    let stored = picture(false);
    let expected = |file: &[u8]| {
        let hashed = hash(file);
        assert_eq!(signatures(&hashed), plain(&stored));
        assert_eq!(names(&hashed), ["profile"]);
        faces(&hashed)[0].1.0
    };
    let mut deflated = flate2::write::ZlibEncoder::new(b"x\0\0".to_vec(), flate2::Compression::default());
    std::io::Write::write_all(&mut deflated, &negative()).unwrap();
    let mut chunks = common::odd::chunks(&Png::new(SIZE, 3, stored.clone()).encode());
    chunks.insert(1, (*b"iCCP", deflated.finish().unwrap()));
    let png = common::odd::png(&chunks);
    let face = expected(&png);
    let entry =
        [&[SIDE as u8, SIDE as u8, 0, 0, 1, 0, 32, 0][..], &(png.len() as u32).to_le_bytes(), &[22, 0, 0, 0]];
    assert_eq!(expected(&[&[0, 0, 1, 0, 1, 0][..], &entry.concat(), &png].concat()), face);
    // The longest header names a profile's place, from its own on, and length.
    let mut bitmap = common::odd::bmp_header(&encode::bmp(SIDE, SIDE, &stored), 124);
    assert_eq!(names(&hash(&bitmap)), Vec::<String>::new());
    let (place, length) = (bitmap.len() as u32 - 14, negative().len() as u32);
    bitmap[70..74].copy_from_slice(b"DEBM");
    bitmap[126..134].copy_from_slice([place.to_le_bytes(), length.to_le_bytes()].as_flattened());
    bitmap.extend(negative());
    assert_eq!(expected(&bitmap), face);
    // One that is linked, or not all there, is none.
    for (at, value) in [(70, b"KNIL"), (130, &(length + 1).to_le_bytes())] {
        let mut other = bitmap.clone();
        other[at..at + 4].copy_from_slice(value);
        assert_eq!(names(&hash(&other)), Vec::<String>::new());
    }
}

#[test]
fn an_animation_within_an_icon_is_seen() {
    let (a, b) = (picture(false), picture(true));
    let png = animated_png(8, &b, &[&a], false);
    let entry =
        [&[SIDE as u8, SIDE as u8, 0, 0, 1, 0, 32, 0][..], &(png.len() as u32).to_le_bytes(), &[22, 0, 0, 0]];
    let hashed = hash(&[&[0, 0, 1, 0, 1, 0][..], &entry.concat(), &png].concat());
    assert_eq!(signatures(&hashed), plain(&b));
    assert_eq!(faces(&hashed), [("first".to_string(), plain(&a))]);
}

/// A profile of inks with a table of two levels for each, in `L*a*b*` (ICC.1:2022, 10.10), as light or as dark as the inks are.
fn ink_profile(is_negative: bool) -> Vec<u8> {
    let mut table = [&b"mft1"[..], &[0; 4], &[4, 3, 2, 0]].concat();
    table.extend((0..9u32).flat_map(|at| if at % 4 == 0 { 65_536u32 } else { 0 }.to_be_bytes()));
    let ramp: Vec<u8> = (0..=255).collect();
    table.extend(ramp.repeat(4));
    for corner in 0..16u8 {
        let [c, m, y, black] = [3, 2, 1, 0].map(|bit| corner >> bit & 1);
        let light = |ink: u8| f64::from((1 - ink) * (1 - black));
        let level = 0.3 * light(c) + 0.59 * light(m) + 0.11 * light(y);
        table.extend([((if is_negative { 1.0 - level } else { level }) * 255.0) as u8, 128, 128]);
    }
    table.extend(ramp.repeat(3));
    let white = [&b"XYZ "[..], &[0; 4], &[63_190u32, 65_536, 54_061].map(u32::to_be_bytes).concat()].concat();
    let mut head = vec![0; 128];
    head[8] = 2;
    head[12..24].copy_from_slice(b"prtrCMYKLab ");
    head[36..40].copy_from_slice(b"acsp");
    head[68..80].copy_from_slice(&white[8..]);
    let place = 128 + 4 + 2 * 12;
    let mut tags = 2u32.to_be_bytes().to_vec();
    for (name, at, length) in [(b"wtpt", place, white.len()), (b"A2B0", place + white.len(), table.len())] {
        tags.extend([&name[..], &(at as u32).to_be_bytes(), &(length as u32).to_be_bytes()].concat());
    }
    let mut profile = [head, tags, white, table].concat();
    let length = (profile.len() as u32).to_be_bytes();
    profile[..4].copy_from_slice(&length);
    profile
}

#[test]
fn inks_are_seen_through_their_profile() {
    let mut file = common::jpeg("cmyk-adobe");
    let transform = file.windows(5).position(|name| name == b"Adobe").unwrap() + 11;
    // CMYK, and what is stored taken for YCCK.
    for ycck in [0, 2] {
        file[transform] = ycck;
        let (photodna, pdq) = signatures(&hash(&file));
        // In Chromium, which shows what the face is like, they are 54,094 or 104,482 and 2,068,311 or 2,036,306 apart.
        for (is_negative, apart) in [(false, 0..200_000), (true, 1_000_000..4_000_000)] {
            let profile = ink_profile(is_negative);
            let length = (profile.len() as u16 + 16).to_be_bytes();
            let segment = [&[0xFF, 0xE2][..], &length, b"ICC_PROFILE\0\x01\x01", &profile].concat();
            let hashed = hash(&[&file[..2], &segment, &file[2..]].concat());
            assert_eq!((signatures(&hashed), names(&hashed)), ((photodna, pdq), vec!["profile".to_string()]));
            let distance = photodna.distance(&faces(&hashed)[0].1.0);
            assert!(apart.contains(&distance), "{ycck}, {is_negative}: {distance}");
        }
    }
}

#[test]
fn colours_are_seen_through_a_gamma() {
    let dark: Vec<u8> = picture(false)
        .iter()
        .map(|sample| (f64::from(*sample) / 255.0).powf(3.0))
        .map(|v| (v * 255.0) as u8)
        .collect();
    let mut chunks = common::odd::chunks(&Png::new(SIZE, 3, dark.clone()).encode());
    let plain_file = hash(&common::odd::png(&chunks));
    chunks.insert(1, (*b"gAMA", 136_364u32.to_be_bytes().to_vec()));
    let hashed = hash(&common::odd::png(&chunks));
    assert_eq!(signatures(&hashed), signatures(&plain_file));
    assert_eq!(names(&hashed), ["profile"]);
    let (bright, _) = faces(&hashed)[0].1;
    let (stored, seen) = (
        signatures(&hashed).0.distance(&plain(&picture(false)).0),
        bright.distance(&plain(&picture(false)).0),
    );
    assert!(seen * 2 < stored, "{seen} of {stored}");
    // With alpha there are both, each over both.
    let mut rgba = two_faced();
    rgba.chunks_exact_mut(4).for_each(|pixel| pixel[0] /= 2);
    let mut chunks = common::odd::chunks(&Png::new(SIZE, 4, rgba).encode());
    chunks.insert(1, (*b"gAMA", 136_364u32.to_be_bytes().to_vec()));
    let names = names(&hash(&common::odd::png(&chunks)));
    assert_eq!(names, ["profile-white", "profile-black", "white", "black"]);
}

#[test]
fn a_jpeg_of_two_pictures_shows_both() {
    use common::jpeg::Jpeg;
    let (one, other) = (Jpeg::waves(200, 150, (1, 1)), {
        let mut other = Jpeg::waves(200, 150, (1, 1));
        other.components[0].blocks.reverse();
        other
    });
    const EOI: [u8; 2] = [0xFF, 0xD9];
    let scans = |first: &[u8], second: &[u8]| [&one.start()[..], first, second, &EOI].concat();
    let alone = hash(&scans(&one.all(), &[]));
    assert!(alone.faces.is_empty() && !alone.viewing.unusual);
    let both = hash(&scans(&one.all(), &other.all()));
    assert_eq!(signatures(&both), signatures(&alone));
    assert!(both.viewing.unusual);
    let full = |bytes: &[u8]| {
        let decode = shadegrid::DecodeOptions::default().detail(shadegrid::DetailChoice::Full);
        signatures(&Hasher::new(HashOptions::default().decode(decode)).hash(bytes).unwrap())
    };
    let of_other = full(&[&one.start()[..], &other.all(), &EOI].concat());
    assert_eq!(faces(&both), [("scans".to_string(), of_other)]);
    // A scan of luma alone, then one of everything over it: the latter is shown, the former was there.
    let replaced = hash(&scans(&other.alone(0), &one.all()));
    assert!(replaced.viewing.unusual && names(&replaced) == ["scans"]);
    assert_ne!(faces(&replaced)[0].1, signatures(&replaced));
    // A luma scan behind a complete one.
    let behind = hash(&scans(&one.all(), &other.alone(0)));
    assert_eq!(signatures(&behind), signatures(&alone));
    assert!(behind.viewing.unusual && names(&behind) == ["scans"]);
}

#[test]
fn a_tiff_shows_the_main_page_behind_a_reduced_one() {
    let (small, main) = (picture(true), picture(false));
    let page = |rgb: &[u8]| Tiff { rows_per_strip: SIDE, ..Tiff::new(SIZE, 3, rgb.to_vec()) }.encode();
    let (first, second) = (page(&small), page(&main));
    let file = common::odd::pages(&first, &second);
    let hashed = hash(&file);
    assert_eq!(signatures(&hashed), plain(&small));
    assert!(hashed.viewing.unusual);
    assert_eq!(faces(&hashed), [("page".to_string(), plain(&main))]);
    assert!(hash(&first).faces.is_empty());
}

#[test]
fn what_is_shown_is_looked_up_and_listed() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let rgba = two_faced();
    fs::write(at("two-faced.png"), Png::new(SIZE, 4, rgba.clone()).encode()).unwrap();
    fs::write(at("shown.png"), Png::new(SIZE, 3, over(&rgba, 255)).encode()).unwrap();
    let run = |arguments: &[&str]| jobs::output(folder.path(), arguments);
    let records = |text: &[u8]| -> Vec<Value> {
        text.split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    };
    // Lists of what was hashed hold every face, whatever they are written as.
    for format in ["jsonl", "csv", "parquet"] {
        let (list, gallery) = (format!("records.{format}"), format!("{format}.gallery"));
        assert_eq!(jobs::code(&run(&["hash", "two-faced.png", "--format", format, "-o", &list])), 0);
        let built = run(&["gallery", "build", &gallery, &list]);
        assert_eq!(jobs::code(&built), 0, "{format}: {}", jobs::stderr(&built));
        let found = records(
            &run(&["match", "--gallery", &gallery, "shown.png", "--threshold", "photodna=0,pdq=0"]).stdout,
        );
        let matches = found[0]["matches"].as_array().unwrap();
        assert_eq!(matches.len(), 2, "{format}: {matches:?}");
        assert!(matches.iter().all(|found| found["key"] == "two-faced.png" && found["label"] == "white"));
        assert!(matches.iter().all(|found| found.get("face").is_none()));
    }
    // A list of what is shown finds the file by its face.
    assert_eq!(jobs::code(&run(&["hash", "shown.png", "-o", "known.jsonl"])), 0);
    assert_eq!(jobs::code(&run(&["gallery", "build", "known.gallery", "known.jsonl"])), 0);
    let looked_up =
        ["match", "--gallery", "known.gallery", "two-faced.png", "--threshold", "photodna=0,pdq=0"];
    let found = records(&run(&looked_up).stdout);
    let matches = found[0]["matches"].as_array().unwrap();
    assert_eq!(matches.len(), 2, "{matches:?}");
    assert!(matches.iter().all(|found| found["face"] == "white"));
    let stored = [&looked_up[..], &["--faces", "stored"]].concat();
    assert_eq!(jobs::code(&run(&stored)), 3, "nothing matched");
    // The same by a job.
    let out =
        ["backfill", "two-faced.png", "--out", "out", "--match", "known.gallery", "--format", "jsonl", "-q"];
    assert_eq!(jobs::code(&run(&out)), 0);
    let written = written(&at("out"));
    assert!(written.contains(r#""face":"white"}]"#), "{written}");
}

fn written(out: &Path) -> String {
    jobs::records(out).into_values().map(|content| jobs::text_of(&content)).collect()
}

//! Frames of animations, pages and icons: what a viewer shows at each is hashed where that is asked for, and nothing is lost in silence.
//!
//! What is shown is composed here once more, pixel by pixel, and the signatures are those of a still picture of it.

mod common;

use std::fs;

use common::damage::Numbers;
use common::encode::{self, Png, Tiff};
use common::odd;
use shadegrid::decode::{Background, Frames, MOST_FRAMES, Part};
use shadegrid::pipeline::{JsonLines, Source};
use shadegrid::{
    Algorithm, Alpha, DecodeOptions, Engine, Faces, Flag, HashOptions, Hashed, Hasher, Limits, Pdq, PhotoDna,
    RunOptions,
};

const SIDE: u32 = 60;
const SIZE: (u32, u32) = (SIDE, SIDE);

type Signatures = (PhotoDna, Pdq);

fn hash_with(bytes: &[u8], frames: Frames, options: HashOptions) -> Hashed {
    let decode = options.decode.clone().frames(frames);
    Hasher::new(options.decode(decode)).hash(bytes).unwrap()
}

fn hash(bytes: &[u8], frames: Frames) -> Hashed {
    hash_with(bytes, frames, HashOptions::default().faces(Faces::Stored))
}

fn signatures(hashed: &Hashed) -> Signatures {
    (hashed.photodna.unwrap().signature, hashed.pdq.as_ref().unwrap().signature)
}

/// The signatures of each further frame, by its number; or the code of its error.
fn frames(hashed: &Hashed) -> Vec<(u64, Result<Signatures, &'static str>)> {
    let of = |outcome: &Result<Hashed, shadegrid::FrameError>| match outcome {
        Ok(hashed) => Ok(signatures(hashed)),
        Err(error) => Err(error.error().code()),
    };
    hashed.frames.iter().map(|frame| (frame.number, of(&frame.outcome))).collect()
}

/// The numbers, and the code of the error that stands at the end.
fn numbers(hashed: &Hashed) -> (Vec<u64>, Option<&'static str>) {
    let all = frames(hashed);
    let failed = all.iter().find_map(|(_, outcome)| outcome.err());
    (all.into_iter().map(|(number, _)| number).collect(), failed)
}

/// The signatures of these pixels.
fn plain(rgb: &[u8]) -> Signatures {
    signatures(&hash(&Png::new(SIZE, 3, rgb.to_vec()).encode(), Frames::First))
}

/// A picture that looks unlike those of other numbers.
fn scene(number: u32) -> Vec<u8> {
    let scaled = common::picture(number).resize_exact(SIDE, SIDE, image::imageops::FilterType::Triangle);
    scaled.to_rgb8().into_raw()
}

/// Where a frame lies, what it shows, how it is put there and what becomes of it.
#[derive(Debug, Clone)]
struct Drawn {
    left: u32,
    top: u32,
    width: u32,
    height: u32,
    rgba: Vec<u8>,
    /// 0: it stays; 1: it is cleared; 2: what was there comes back.
    after: u8,
    /// Whether it is put over what is there, or in its place.
    blends: bool,
}

/// Frames of any size and place on the canvas, the first all of it; of alpha 0 and 255, and in between where there may be.
fn animation(seed: u64, count: u32, levels: &[u8]) -> Vec<Drawn> {
    let mut random = Numbers(seed | 1);
    let mut frame = |number: u32| {
        let mut even = |most: u32| random.under(most as usize / 2) as u32 * 2;
        let (left, top) = if number == 0 { (0, 0) } else { (even(SIDE - 4), even(SIDE - 4)) };
        let (width, height) = match number {
            0 => SIZE,
            _ => (2 + even(SIDE - left - 1), 2 + even(SIDE - top - 1)),
        };
        let rgb = scene(number + 20 * seed as u32);
        let hole = (random.under(40) as u32, random.under(40) as u32);
        let level = levels[random.under(levels.len())];
        let mut rgba = Vec::new();
        for y in 0..height {
            for x in 0..width {
                let at = ((top + y) * SIDE + left + x) as usize * 3;
                let is_open = (hole.0..hole.0 + 15).contains(&x) && (hole.1..hole.1 + 15).contains(&y);
                rgba.extend([rgb[at], rgb[at + 1], rgb[at + 2], if is_open { level } else { 255 }]);
            }
        }
        let (after, blends) = (random.under(3) as u8, random.under(2) == 0);
        Drawn { left, top, width, height, rgba, after, blends }
    };
    (0..count).map(&mut frame).collect()
}

/// What is shown at each frame, R, G and B.
fn shown(frames: &[Drawn]) -> Vec<Vec<u8>> {
    let without_alpha =
        |frame: Vec<[u8; 4]>| frame.iter().flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
    canvases(frames).into_iter().map(without_alpha).collect()
}

/// The same with alpha.
fn canvases(frames: &[Drawn]) -> Vec<Vec<[u8; 4]>> {
    let mut canvas = vec![[0u8; 4]; (SIDE * SIDE) as usize];
    let mut all = Vec::new();
    for frame in frames {
        let before = canvas.clone();
        let places = || {
            (0..frame.height).flat_map(|y| (0..frame.width).map(move |x| (x, y))).filter_map(|(x, y)| {
                let (across, down) = (frame.left + x, frame.top + y);
                let inside = across < SIDE && down < SIDE;
                inside.then_some(((down * SIDE + across) as usize, (y * frame.width + x) as usize * 4))
            })
        };
        for (to, from) in places() {
            let pixel: [u8; 4] = frame.rgba[from..from + 4].try_into().unwrap();
            canvas[to] = if frame.blends { over(pixel, canvas[to]) } else { pixel };
        }
        all.push(canvas.clone());
        match frame.after {
            1 => places().for_each(|(to, _)| canvas[to] = [0; 4]),
            2 => canvas = before,
            _ => {}
        }
    }
    all
}

/// The formula of the PNG specification (third edition, 13.16), in floats.
fn over(own: [u8; 4], below: [u8; 4]) -> [u8; 4] {
    let [alpha, under] = [own[3], below[3]].map(|alpha| f64::from(alpha) / 255.0);
    let all = alpha + under * (1.0 - alpha);
    if all == 0.0 {
        return [0; 4];
    }
    let mixed = |channel: usize| {
        let sum = f64::from(own[channel]) * alpha + f64::from(below[channel]) * under * (1.0 - alpha);
        (sum / all).round() as u8
    };
    let [own_alpha, below_alpha] = [own[3], below[3]].map(u32::from);
    let sum = (own_alpha * 255 + below_alpha * (255 - own_alpha)) / 255;
    [mixed(0), mixed(1), mixed(2), sum as u8]
}

/// Holds the frames of a file against what is shown.
fn compare(what: &str, file: &[u8], drawn: &[Drawn]) {
    let expected: Vec<_> = shown(drawn)
        .iter()
        .enumerate()
        .skip(1)
        .map(|(number, rgb)| (number as u64, Ok(plain(rgb))))
        .collect();
    assert_eq!(frames(&hash(file, Frames::All)), expected, "{what}");
    assert!(hash(file, Frames::First).frames.is_empty());
}

/// A GIF of these frames in levels of red and green alone; index 0 is open.
fn gif(canvas: (u16, u16), frames: &[Drawn]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = gif::Encoder::new(&mut file, canvas.0, canvas.1, &palette()).unwrap();
    for drawn in frames {
        let index = |pixel: &[u8]| if pixel[3] == 0 { 0 } else { index_of(pixel) };
        let indices: Vec<u8> = drawn.rgba.chunks_exact(4).map(index).collect();
        let interlaced = drawn.width % 4 == 0 && drawn.height > 8;
        let mut ordered = indices.clone();
        if interlaced {
            let row = |row: usize| &indices[row * drawn.width as usize..][..drawn.width as usize];
            let passes = [(0, 8), (4, 8), (2, 4), (1, 2)];
            let height = drawn.height as usize;
            ordered = passes
                .iter()
                .flat_map(|&(first, step)| (first..height).step_by(step).flat_map(row))
                .copied()
                .collect();
        }
        let frame = gif::Frame {
            left: drawn.left as u16,
            top: drawn.top as u16,
            width: drawn.width as u16,
            height: drawn.height as u16,
            interlaced,
            transparent: Some(0),
            dispose: [
                gif::DisposalMethod::Keep,
                gif::DisposalMethod::Background,
                gif::DisposalMethod::Previous,
            ][usize::from(drawn.after)],
            delay: 10,
            buffer: ordered.into(),
            ..gif::Frame::default()
        };
        encoder.write_frame(&frame).unwrap();
    }
    drop(encoder);
    file
}

fn palette() -> Vec<u8> {
    (0..=255u8).flat_map(colour).collect()
}

fn colour(index: u8) -> [u8; 3] {
    [index & 0xF0, (index & 0x0F) << 4, 255 - index]
}

fn index_of(pixel: &[u8]) -> u8 {
    (pixel[0] & 0xF0 | pixel[1] >> 4).max(1)
}

/// The same frames in the colours of the palette.
fn in_palette(mut frames: Vec<Drawn>) -> Vec<Drawn> {
    for frame in &mut frames {
        frame.blends = true;
        for pixel in frame.rgba.as_chunks_mut::<4>().0 {
            let [r, g, b] = colour(index_of(pixel));
            *pixel = [r, g, b, pixel[3]];
        }
    }
    frames
}

#[test]
fn a_gif_shows_frames_on_what_others_left() {
    for seed in 1..12 {
        let drawn = in_palette(animation(seed, 9, &[0, 255]));
        compare(&format!("seed {seed}"), &gif((SIDE as u16, SIDE as u16), &drawn), &drawn);
    }
    // Beyond the canvas nobody sees a frame.
    let mut drawn = in_palette(animation(3, 4, &[255]));
    for (frame, (left, top)) in drawn.iter_mut().skip(1).zip([(SIDE - 3, 5), (5, SIDE - 2), (900, 900)]) {
        (frame.left, frame.top) = (left, top);
    }
    compare("beyond the canvas", &gif((SIDE as u16, SIDE as u16), &drawn), &drawn);
    // A screen of no size is as large as the first frame.
    compare("no screen", &gif((0, 0), &drawn), &drawn);
}

/// An animated PNG of these frames, behind a default picture that may be none of them.
fn apng(frames: &[Drawn], default: Option<&[u8]>, depth: u8) -> Vec<u8> {
    let rows = |rgba: &[u8]| match depth {
        8 => rgba.to_vec(),
        _ => rgba.iter().flat_map(|high| [*high, 77]).collect(),
    };
    let encoded = |(width, height): (u32, u32), rgba: &[u8]| {
        let png = Png { depth, ..Png::new((width, height), 4, rows(rgba)) };
        odd::chunks(&png.encode())
    };
    let data = |chunks: Vec<([u8; 4], Vec<u8>)>| -> Vec<u8> {
        chunks.into_iter().filter(|(name, _)| name == b"IDAT").flat_map(|(_, data)| data).collect()
    };
    let mut sequence = 0u32;
    let mut next = || {
        sequence += 1;
        (sequence - 1).to_be_bytes()
    };
    let first = encoded(SIZE, default.unwrap_or(&frames[0].rgba));
    let mut all = vec![first[0].clone()];
    all.push((*b"acTL", [(frames.len() as u32).to_be_bytes(), [0; 4]].concat()));
    if default.is_some() {
        all.push((*b"IDAT", data(first)));
    }
    for (number, frame) in frames.iter().enumerate() {
        let place = [frame.width, frame.height, frame.left, frame.top].map(u32::to_be_bytes).concat();
        let control = [&next()[..], &place, &[0, 1, 0, 10, frame.after, u8::from(frame.blends)]].concat();
        all.push((*b"fcTL", control));
        let data = data(encoded((frame.width, frame.height), &frame.rgba));
        if number == 0 && default.is_none() {
            all.push((*b"IDAT", data));
        } else {
            all.push((*b"fdAT", [&next()[..], &data].concat()));
        }
    }
    all.push((*b"IEND", Vec::new()));
    odd::png(&all)
}

#[test]
fn an_animated_png_shows_frames_on_what_others_left() {
    for seed in 1..12 {
        let drawn = animation(seed, 9, &[0, 255, 100]);
        for depth in [8, 16] {
            compare(&format!("seed {seed}, {depth} bits"), &apng(&drawn, None, depth), &drawn);
        }
    }
}

#[test]
fn a_default_picture_that_is_no_frame_is_number_0_and_the_first_frame_number_1() {
    let drawn = animation(5, 4, &[0]);
    let default: Vec<u8> = scene(77).chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], 255]).collect();
    let hashed = hash(&apng(&drawn, Some(&default), 8), Frames::All);
    assert_eq!(signatures(&hashed), plain(&scene(77)));
    let expected: Vec<_> =
        shown(&drawn).iter().zip(1..).map(|(rgb, number)| (number, Ok(plain(rgb)))).collect();
    assert_eq!(frames(&hashed), expected);
}

/// Faces show an animation as its frames do: opaque, or over white and over black.
#[test]
fn the_face_of_the_last_frame_is_what_is_shown_at_the_end() {
    let mut compared = 0;
    for seed in 1..12 {
        let drawn = animation(seed, 9, &[0, 255, 100]);
        let mut without_restoring = drawn.clone();
        without_restoring.iter_mut().for_each(|frame| frame.after %= 2);
        let of_gif = in_palette(animation(seed, 9, &[0, 255]));
        for (kind, file, drawn) in [
            ("png", apng(&drawn, None, 8), &drawn),
            ("webp", webp(&without_restoring), &without_restoring),
            ("gif", gif((SIDE as u16, SIDE as u16), &of_gif), &of_gif),
        ] {
            let last = canvases(drawn).pop().unwrap();
            let hashed = Hasher::new(HashOptions::default().faces(Faces::All)).hash(&file).unwrap();
            for face in hashed.faces.iter().filter(|face| face.face.part == Part::Last) {
                let behind = match face.face.background {
                    None => None,
                    Some(Background::White) => Some(255),
                    Some(Background::Black) => Some(0),
                };
                let seen = last.iter().flat_map(|[colours @ .., alpha]| {
                    let behind = |colour: u8| {
                        behind.map_or(colour, |behind| {
                            let alpha = u32::from(*alpha);
                            ((u32::from(colour) * alpha + behind * (255 - alpha) + 127) / 255) as u8
                        })
                    };
                    colours.map(behind)
                });
                let expected = plain(&seen.collect::<Vec<u8>>());
                let found = (face.photodna.unwrap().signature, face.pdq.as_ref().unwrap().signature);
                assert_eq!(found, expected, "{kind} {seed} {}", face.face);
                compared += 1;
            }
        }
    }
    assert!(compared >= 40, "{compared}");
}

/// An animated WebP of these frames, without loss.
fn webp(frames: &[Drawn]) -> Vec<u8> {
    let three = |number: u32| number.to_le_bytes()[..3].to_vec();
    let chunks: Vec<Vec<u8>> = frames
        .iter()
        .map(|frame| {
            let still = encode::webp(frame.width, frame.height, &frame.rgba);
            let place =
                [frame.left / 2, frame.top / 2, frame.width - 1, frame.height - 1, 100].map(three).concat();
            let flags = u8::from(frame.after == 1) | u8::from(!frame.blends) << 1;
            // What stands behind the file's first twelve bytes is its picture.
            [&place[..], &[flags], &still[12..]].concat()
        })
        .collect();
    let mut all: Vec<(&[u8; 4], &[u8])> = vec![(b"ANIM", &[9, 9, 9, 255, 0, 0])];
    all.extend(chunks.iter().map(|chunk| (b"ANMF", &chunk[..])));
    odd::webp(0x12, SIZE, &all)
}

#[test]
fn an_animated_webp_shows_frames_on_what_others_left() {
    for seed in 1..12 {
        let mut drawn = animation(seed, 9, &[0, 255, 100]);
        // Nothing comes back here.
        drawn.iter_mut().for_each(|frame| frame.after %= 2);
        compare(&format!("seed {seed}"), &webp(&drawn), &drawn);
    }
    // What reaches beyond the picture, no viewer shows.
    let mut drawn = animation(4, 5, &[255]);
    drawn[3].left = SIDE - 2;
    (drawn[3].width, drawn[3].height) = (4, 4);
    drawn[3].rgba.truncate(64);
    assert_eq!(numbers(&hash(&webp(&drawn), Frames::All)), (vec![1, 2, 3], Some("corrupt")));
}

#[test]
fn the_frames_of_a_jpeg_xl_are_what_its_decoder_gives() {
    let file = fs::read("tests/data/modern/animated.jxl").unwrap();
    let all = frames(&hash(&file, Frames::All));
    assert!(!all.is_empty() && all.iter().all(|(_, outcome)| outcome.is_ok()), "{all:?}");
    let last = all.len() as u64;
    assert_eq!(all.iter().map(|(number, _)| *number).collect::<Vec<_>>(), (1..=last).collect::<Vec<_>>());
    assert_eq!(frames(&hash(&file, Frames::Most(2))), all[all.len() - 1..]);
    // Cut, it has fewer, and says so.
    let cut = hash(&file[..file.len() - file.len() / 8], Frames::All);
    assert_eq!(numbers(&cut).1, Some("corrupt"), "{:?}", numbers(&cut));
}

/// A TIFF of these pages.
fn tiff(pages: &[Vec<u8>]) -> Vec<u8> {
    let page = |rgb: &Vec<u8>| Tiff { rows_per_strip: SIDE, ..Tiff::new(SIZE, 3, rgb.clone()) };
    let files: Vec<Vec<u8>> = pages.iter().map(|rgb| page(rgb).encode()).collect();
    let mut file = files[0].clone();
    let number = |file: &[u8], at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    let mut last = number(&file, 4) as usize;
    for page in &files[1..] {
        let shift = file.len() as u32;
        let directory = number(page, 4) as usize;
        let entries = usize::from(u16::from_le_bytes([page[directory], page[directory + 1]]));
        let mut moved = page.clone();
        for at in (0..entries).map(|entry| directory + 2 + 12 * entry) {
            let kind = u16::from_le_bytes([page[at + 2], page[at + 3]]);
            let tag = u16::from_le_bytes([page[at], page[at + 1]]);
            if number(page, at + 4) * if kind == 3 { 2 } else { 4 } > 4 || tag == 273 {
                let value = number(page, at + 8) + shift;
                moved[at + 8..at + 12].copy_from_slice(&value.to_le_bytes());
            }
        }
        file.extend(moved);
        let count = usize::from(u16::from_le_bytes([file[last], file[last + 1]]));
        let next = shift + directory as u32;
        file[last + 2 + 12 * count..][..4].copy_from_slice(&next.to_le_bytes());
        last = next as usize;
    }
    file
}

#[test]
fn every_page_of_a_tiff_is_hashed() {
    let pages: Vec<Vec<u8>> = (0..7).map(scene).collect();
    let file = tiff(&pages);
    let expected = |numbers: &[u64]| -> Vec<_> {
        numbers.iter().map(|number| (*number, Ok(plain(&pages[*number as usize])))).collect()
    };
    let hashed = hash(&file, Frames::All);
    assert_eq!(signatures(&hashed), plain(&pages[0]));
    assert_eq!(frames(&hashed), expected(&[1, 2, 3, 4, 5, 6]));
    assert_eq!(frames(&hash(&file, Frames::Most(3))), expected(&[3, 6]));
    // A page that is not there is an error, and its place the end of the chain.
    let cut = hash(&file[..file.len() - 11_000], Frames::All);
    assert_eq!(numbers(&cut).0, [1, 2, 3, 4, 5, 6]);
    // A chain that comes back to itself ends.
    let mut round = tiff(&pages[..2]);
    let number = |file: &[u8], at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    let first = number(&round, 4);
    let count = |file: &[u8], at: usize| usize::from(u16::from_le_bytes([file[at], file[at + 1]]));
    let behind = first as usize + 2 + 12 * count(&round, first as usize);
    let second = number(&round, behind) as usize;
    let end = second + 2 + 12 * count(&round, second);
    round[end..end + 4].copy_from_slice(&first.to_le_bytes());
    assert_eq!(numbers(&hash(&round, Frames::All)), (vec![1], None));
}

#[test]
fn a_tiff_with_pages_is_flagged_and_smaller_copies_and_masks_are_no_pages() {
    let two = tiff(&[scene(0), scene(1)]);
    let hashed = hash(&two, Frames::First);
    assert!(hashed.viewing.pages && hashed.frames.is_empty());
    assert!(hashed.flags().any(|flag| flag == Flag::Pages));
    assert!(!hash(&tiff(&[scene(0)]), Frames::First).viewing.pages);
    let all = hash(&two, Frames::All);
    assert!(all.viewing.pages && !all.frames[0].outcome.as_ref().unwrap().viewing.pages);
    // NewSubfileType (254) of the second page, in the place of its orientation (274): a smaller copy, a page of several, a mask.
    let entry = |file: &[u8], tag: u16, from: usize| {
        let find =
            file[from..].windows(4).position(|field| field[..2] == tag.to_le_bytes() && field[2..] == [3, 0]);
        from + find.unwrap()
    };
    let first = entry(&two, 274, 0);
    let second = entry(&two, 274, first + 4);
    for (kind, expected) in [(0u32, true), (1, false), (2, true), (4, false)] {
        let mut file = two.clone();
        file[second..second + 2].copy_from_slice(&254u16.to_le_bytes());
        file[second + 8..second + 12].copy_from_slice(&kind.to_le_bytes());
        assert_eq!(hash(&file, Frames::First).viewing.pages, expected, "{kind}");
    }
    // A reduced first page and its main one are one picture, which is a face.
    let reduced = odd::pages(&tiff(&[scene(0)]), &tiff(&[scene(1)]));
    let hashed = hash(&reduced, Frames::First);
    assert!(hashed.viewing.unusual && !hashed.viewing.pages);
}

#[test]
fn every_picture_of_an_icon_is_hashed() {
    let sides = [16u32, 60, 32, 48];
    let png = |side: u32| {
        let scaled = common::picture(side).resize_exact(side, side, image::imageops::FilterType::Triangle);
        Png::new((side, side), 3, scaled.to_rgb8().into_raw()).encode()
    };
    let pictures: Vec<Vec<u8>> = sides.iter().map(|side| png(*side)).collect();
    let mut file = [&[0, 0, 1, 0][..], &(sides.len() as u16).to_le_bytes()].concat();
    let mut place = 6 + 16 * sides.len();
    for (side, content) in sides.iter().zip(&pictures) {
        file.extend([*side as u8, *side as u8, 0, 0, 1, 0, 24, 0]);
        file.extend((content.len() as u32).to_le_bytes());
        file.extend((place as u32).to_le_bytes());
        place += content.len();
    }
    pictures.iter().for_each(|content| file.extend(content));
    let of = |picture: &[u8]| Ok(signatures(&hash(picture, Frames::First)));
    let hashed = hash(&file, Frames::All);
    assert_eq!(signatures(&hashed), signatures(&hash(&pictures[1], Frames::First)));
    assert_eq!(frames(&hashed), [(1, of(&pictures[0])), (2, of(&pictures[2])), (3, of(&pictures[3]))]);
    // One that is not in the file is an error, and the others are there.
    file[6 + 12..6 + 16].copy_from_slice(&u32::MAX.to_le_bytes());
    let hashed = hash(&file, Frames::All);
    assert_eq!(frames(&hashed), [(1, Err("corrupt")), (2, of(&pictures[2])), (3, of(&pictures[3]))]);
}

/// A JPEG that lists others behind it, each with its type (DC-007, 5.2.3.3), in the given order of bytes.
fn several(first: &[u8], others: &[(u32, &[u8])], little: bool) -> Vec<u8> {
    let put = |value: usize, length: usize| match little {
        true => value.to_le_bytes()[..length].to_vec(),
        false => value.to_be_bytes()[8 - length..].to_vec(),
    };
    let count = 1 + others.len();
    // The header of the list stands behind SOI, the segment's marker and length, and its name.
    let header = 2 + 4 + 4;
    let length = 4 + 8 + 2 + 12 + 4 + 16 * count;
    let mut list = if little { b"MPF\0II*\0".to_vec() } else { b"MPF\0MM\0*".to_vec() };
    list.extend(
        [put(8, 4), put(1, 2), put(0xB002, 2), put(7, 4 - 2), put(16 * count, 4), put(26, 4), put(0, 4)]
            .concat(),
    );
    let mut place = first.len() + 4 + length;
    list.extend([put(0x0003_0000, 4), put(place, 4), put(0, 8)].concat());
    for (kind, other) in others {
        list.extend(
            [put(*kind as usize, 4), put(other.len(), 4), put(place - header, 4), put(0, 4)].concat(),
        );
        place += other.len();
    }
    let mut file = first[..2].to_vec();
    common::jpeg::segment(&mut file, 0xE2, &list);
    file.extend(&first[2..]);
    others.iter().for_each(|(_, other)| file.extend(*other));
    file
}

/// A JPEG with a segment behind its first marker.
fn with_segment(file: &[u8], marker: u8, content: &[u8]) -> Vec<u8> {
    let mut changed = file[..2].to_vec();
    common::jpeg::segment(&mut changed, marker, content);
    changed.extend(&file[2..]);
    changed
}

#[test]
fn the_others_of_several_in_one_jpeg_are_flagged_and_hashed() {
    let [first, second, third] = ["base-420", "grey", "prog-420"].map(common::jpeg);
    for little in [false, true] {
        let file = several(&first, &[(0x0002_0002, &second), (0x0002_0002, &third)], little);
        let hashed = hash(&file, Frames::First);
        assert!(hashed.viewing.pages && hashed.frames.is_empty());
        assert_eq!(signatures(&hashed), signatures(&hash(&first, Frames::First)));
        let hashed = hash(&file, Frames::All);
        let full = |file: &[u8]| {
            let decode = DecodeOptions::default().detail(shadegrid::DetailChoice::Full);
            Ok(signatures(&hash_with(file, Frames::First, HashOptions::default().decode(decode))))
        };
        assert_eq!(frames(&hashed), [(1, full(&second)), (2, full(&third))]);
        assert!(hashed.frames.iter().all(|frame| !frame.outcome.as_ref().unwrap().viewing.pages));
        // What is not in the file, or is no picture, is an error, and the others are there.
        let other = several(&first, &[(0, b"no picture"), (0x0002_0002, &third)], little);
        assert_eq!(frames(&hash(&other, Frames::All)), [(1, Err("input")), (2, full(&third))]);
        let cut = &other[..other.len() - third.len()];
        assert_eq!(frames(&hash(cut, Frames::All)), [(1, Err("input")), (2, Err("corrupt"))]);
        assert!(!hash(cut, Frames::First).viewing.pages);
    }
}

#[test]
fn smaller_copies_and_gain_maps_are_no_pages() {
    let [first, second] = ["base-444", "grey"].map(common::jpeg);
    let xmp = |name: &str| {
        let text = format!("http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:a=\"{name}\"/>");
        with_segment(&second, 0xE1, text.as_bytes())
    };
    let cases = [
        (0x0002_0002, second.clone(), true),
        (0, second.clone(), true),
        (0x0001_0001, second.clone(), false),
        (0x0001_0002, second.clone(), false),
        (0, xmp("http://ns.adobe.com/hdr-gain-map/1.0/"), false),
        (0, xmp("http://ns.apple.com/HDRGainMap/1.0/"), false),
        (0, xmp("http://ns.adobe.com/photoshop/1.0/"), true),
        (0, with_segment(&second, 0xE2, b"urn:iso:std:iso:ts:21496:-1\0\0\0\0\0"), false),
    ];
    for (kind, other, expected) in cases {
        let file = several(&first, &[(kind, &other)], false);
        let hashed = hash(&file, Frames::First);
        assert_eq!(hashed.viewing.pages, expected, "{kind:x}, {} bytes", other.len());
        assert_eq!(hashed.flags().any(|flag| flag == Flag::Pages), expected);
        // Whoever asks for all gets all.
        assert_eq!(numbers(&hash(&file, Frames::All)), (vec![1], None));
    }
    assert!(!hash(&first, Frames::First).viewing.pages && hash(&first, Frames::All).frames.is_empty());
}

#[test]
fn a_list_of_others_that_lies_costs_little() {
    let first = common::jpeg("base-420");
    let whole = several(&first, &[(0, &first), (0, &first)], true);
    let mut numbers = Numbers(19);
    for _ in 0..60 {
        // Any word of the list may be anything.
        let mut file = whole.clone();
        let at = 6 + numbers.under(74);
        (0..4).for_each(|byte| file[at + byte] = numbers.under(256) as u8);
        let hashed = hash(&file, Frames::All);
        assert_eq!(signatures(&hashed), signatures(&hash(&first, Frames::First)));
    }
    // Thousands that share one picture's bytes end at the bound of all frames' pixels.
    let mut many = several(&first, &vec![(0, &b""[..]); 4000], true);
    let (place, length) = ((2 + 4 + 4 + 26) as usize, first.len() as u32);
    let start = (many.len() - first.len()) as u32 + 2;
    for entry in 1..=4000 {
        let at = place + 16 * entry;
        many[at + 4..at + 8].copy_from_slice(&length.to_le_bytes());
        many[at + 8..at + 12].copy_from_slice(&start.to_le_bytes());
    }
    let limits = Limits::default().max_pixels(50_000);
    let options = HashOptions::default().decode(DecodeOptions::default().limits(limits)).faces(Faces::Stored);
    let hashed = hash_with(&many, Frames::All, options);
    assert!(hashed.viewing.pages);
    assert!(hashed.frames.len() < 200, "{} frames", hashed.frames.len());
    assert_eq!(frames(&hashed).last().unwrap().1, Err("limit"));
}

#[test]
fn some_frames_are_spread_evenly() {
    let drawn = in_palette(animation(2, 13, &[0]));
    let file = gif((SIDE as u16, SIDE as u16), &drawn);
    let all = frames(&hash(&file, Frames::All));
    assert_eq!(all.len(), 12);
    for (most, expected) in [(2, &[12][..]), (3, &[6, 12]), (5, &[3, 6, 9, 12]), (4, &[4, 8, 12])] {
        let found = frames(&hash(&file, Frames::Most(most)));
        let expected: Vec<_> = expected.iter().map(|number| all[number - 1]).collect();
        assert_eq!(found, expected, "{most}");
    }
    assert_eq!(frames(&hash(&file, Frames::Most(13))), all);
    assert_eq!(frames(&hash(&file, Frames::Most(4000))), all);
}

#[test]
fn frames_have_faces_of_their_own() {
    let mut drawn = animation(6, 3, &[0]);
    drawn[1] =
        Drawn { left: 0, top: 0, width: SIDE, height: SIDE, blends: false, after: 0, ..drawn[0].clone() };
    // Transparent where it is dark.
    drawn[1]
        .rgba
        .as_chunks_mut::<4>()
        .0
        .iter_mut()
        .for_each(|pixel| pixel[3] = if pixel[1] < 90 { 0 } else { 255 });
    let file = apng(&drawn, None, 8);
    let names_with = |faces, alpha| -> Vec<String> {
        let hashed = hash_with(&file, Frames::All, HashOptions::default().faces(faces).alpha(alpha));
        let frame = hashed.frames[0].outcome.as_ref().unwrap();
        frame
            .face
            .iter()
            .map(|face| format!("own {face}"))
            .chain(frame.faces.iter().map(|f| f.face.to_string()))
            .collect()
    };
    let names = |faces| names_with(faces, Alpha::Drop);
    assert_eq!(names_with(Faces::Stored, Alpha::Black), ["own black"]);
    assert_eq!(names_with(Faces::All, Alpha::Black), ["own black", "white"]);
    assert_eq!(names_with(Faces::Shown, Alpha::Black), ["own black", "white"]);
    assert_eq!(names(Faces::Stored), [""; 0]);
    assert_eq!(names(Faces::All), ["white", "black"]);
    assert_eq!(names(Faces::Shown), ["own white", "black"]);
}

#[test]
fn what_breaks_off_keeps_the_frames_before_and_has_one_error() {
    let drawn = in_palette(animation(8, 7, &[0]));
    let side = SIDE as u16;
    let mut kinds = Vec::new();
    for (what, file) in [
        ("gif", gif((side, side), &drawn)),
        ("png", apng(&drawn, None, 8)),
        ("webp", webp(&drawn.iter().cloned().map(|frame| Drawn { after: 0, ..frame }).collect::<Vec<_>>())),
    ] {
        let all = frames(&hash(&file, Frames::All));
        assert_eq!(all.len(), 6);
        for part in 4..20 {
            let cut = &file[..file.len() * part / 20];
            let options = HashOptions::default().faces(Faces::Stored);
            let decode = DecodeOptions::default().frames(Frames::All);
            let Ok(hashed) = Hasher::new(options.decode(decode)).hash(cut) else { continue };
            let found = frames(&hashed);
            let Some((last, whole)) = found.split_last() else {
                // Of a file that breaks off before its second frame nobody knows of others.
                assert!(!hashed.viewing.animated, "{what} {part}: nothing is said");
                continue;
            };
            assert_eq!(whole, &all[..whole.len()], "{what} cut at {part}");
            // A break within the last frame, or behind it in what ends the file.
            assert!(last.1 == Err("corrupt") || found == all, "{what} cut at {part}: {found:?}");
            kinds.push((what, whole.len()));
        }
    }
    for kind in ["gif", "png", "webp"] {
        assert!(
            kinds.iter().filter(|(what, whole)| *what == kind && *whole > 1).count() > 3,
            "{kind}: {kinds:?}"
        );
    }
}

#[test]
fn counts_that_lie_are_errors() {
    // A PNG that announces a thousand frames and has three.
    let drawn = animation(9, 3, &[0]);
    let mut chunks = odd::chunks(&apng(&drawn, None, 8));
    let control = chunks.iter_mut().find(|(name, _)| name == b"acTL").unwrap();
    control.1[..4].copy_from_slice(&1000u32.to_be_bytes());
    assert_eq!(numbers(&hash(&odd::png(&chunks), Frames::All)), (vec![1, 2, 3], Some("corrupt")));
    // A frame outside of the picture, which PNG forbids.
    let mut outside = drawn.clone();
    outside[1].left = SIDE;
    assert_eq!(numbers(&hash(&apng(&outside, None, 8), Frames::All)), (vec![1], Some("corrupt")));
}

/// A GIF of so many frames of one pixel each, behind one that is as large as its canvas.
fn tiny(side: u16, count: usize) -> Vec<u8> {
    let first = vec![7; usize::from(side) * usize::from(side)];
    let frame = gif::Frame { transparent: None, ..gif::Frame::from_indexed_pixels(side, side, first, None) };
    let mut file = encode::gif((side, side), frame, &palette());
    assert_eq!(file.pop(), Some(0x3B));
    let one = [0x2C, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x4C, 1, 0];
    file.extend(one.repeat(count));
    file.push(0x3B);
    file
}

#[test]
fn a_million_tiny_frames_neither_hang_nor_fill_memory() {
    let file = tiny(5, 1_000_000);
    let within = |pixels| {
        let decode = DecodeOptions::default().limits(Limits::default().max_pixels(pixels));
        let options = HashOptions::default().faces(Faces::Stored).algorithms(vec![Algorithm::PhotoDna]);
        options.decode(decode)
    };
    let found = |frames, pixels| -> Vec<(u64, bool)> {
        let hashed = hash_with(&file, frames, within(pixels));
        hashed.frames.iter().map(|frame| (frame.number, frame.outcome.is_ok())).collect()
    };
    let all = found(Frames::All, Limits::default().max_pixels);
    assert_eq!(all.len(), MOST_FRAMES as usize, "4,095 and what is said of the others");
    assert_eq!(all.last(), Some(&(u64::from(MOST_FRAMES), false)));
    // Those between are looked at too, each for 1,024 pixels: here there are 4 × 4,194,304.
    assert_eq!(found(Frames::Most(3), 1 << 22), [(16_384, false)]);
}

#[test]
fn the_pixels_of_all_frames_are_bounded() {
    let file = tiny(100, 500);
    let limits = |pixels| DecodeOptions::default().limits(Limits::default().max_pixels(pixels));
    // All look the same, which PDQ takes its time over.
    let quick = || HashOptions::default().faces(Faces::Stored).algorithms(vec![Algorithm::PhotoDna]);
    let within = |pixels| hash_with(&file, Frames::All, quick().decode(limits(pixels)));
    let last = |hashed: &Hashed| {
        hashed.frames.last().and_then(|frame| frame.outcome.as_ref().err()).map(|error| error.error().code())
    };
    let hashed = within(1_000_000);
    assert_eq!((hashed.frames.len(), last(&hashed)), (400, Some("limit")), "4,000,000 pixels and one record");
    let error = within(1_000_000).frames.pop().unwrap().outcome.unwrap_err();
    assert!(error.error().to_string().contains("max_pixels"), "{}", error.error());
    assert_eq!(within(100_000_000).frames.len(), 500);
    // Frames that are far larger than what is shown of them.
    let mut large = tiny(10, 1);
    let at = large.len() - 1 - 15;
    large[at + 5..at + 9].copy_from_slice(&[0xFF, 0xFF, 0xFF, 0xFF]);
    assert_eq!(numbers(&hash(&large, Frames::All)), (vec![1], Some("corrupt")));
    // A frame of no size shows nothing new.
    let mut empty = tiny(10, 2);
    let at = empty.len() - 1 - 30;
    empty[at + 5..at + 9].copy_from_slice(&[0; 4]);
    assert_eq!(numbers(&hash(&empty, Frames::All)), (vec![1, 2], None));
}

/// A run's records, with their indices and frames.
fn run(
    sources: Vec<(&str, Vec<u8>)>,
    frames: Frames,
    options: RunOptions,
) -> (Vec<String>, shadegrid::pipeline::Summary) {
    let decode = DecodeOptions::default().frames(frames);
    let options_of_run = HashOptions::default().algorithms(vec![Algorithm::PhotoDna]);
    let engine = Engine::builder().options(options_of_run.decode(decode)).threads(2).build().unwrap();
    let mut lines = JsonLines::new(Vec::new());
    let sources = sources.into_iter().map(|(key, bytes)| Source::bytes(key, bytes)).collect::<Vec<_>>();
    let summary = engine.run_into(sources, &mut lines, &options).unwrap();
    let text = String::from_utf8(lines.into_inner()).unwrap();
    (text.lines().map(String::from).collect(), summary)
}

#[test]
fn a_run_has_a_record_for_each_frame_behind_that_of_its_file() {
    let side = SIDE as u16;
    let moving = gif((side, side), &in_palette(animation(1, 4, &[0])));
    let still = Png::new(SIZE, 3, scene(3)).encode();
    let sources = || {
        vec![
            ("a.png", still.clone()),
            ("b.gif", moving.clone()),
            ("c", b"no picture".to_vec()),
            ("d.gif", moving.clone()),
        ]
    };
    let (first, _) = run(sources(), Frames::First, RunOptions::default());
    let (all, summary) = run(sources(), Frames::All, RunOptions::default());
    let key = |line: &str| {
        serde_json::from_str::<serde_json::Value>(line).unwrap()["key"].as_str().unwrap().to_string()
    };
    let keys: Vec<String> = all.iter().map(|line| key(line)).collect();
    assert_eq!(
        keys,
        [
            "a.png",
            "b.gif",
            "b.gif#frame-1",
            "b.gif#frame-2",
            "b.gif#frame-3",
            "c",
            "d.gif",
            "d.gif#frame-1",
            "d.gif#frame-2",
            "d.gif#frame-3"
        ]
    );
    let own: Vec<&String> = all.iter().filter(|line| !key(line).contains('#')).collect();
    assert_eq!(own, first.iter().collect::<Vec<_>>(), "records of files do not change");
    assert_eq!((summary.records, summary.frames, summary.failed()), (10, 6, 1));
    assert_eq!(summary.bytes, (still.len() + 2 * moving.len() + 10) as u64, "bytes of a file count once");
    let (unordered, _) = run(sources(), Frames::All, RunOptions::default().unordered(true));
    let sorted = |mut lines: Vec<String>| {
        lines.sort();
        lines
    };
    assert_eq!(sorted(unordered), sorted(all));
}

#[test]
fn many_animations_pass_a_run_whose_window_their_frames_fill() {
    let file = tiny(6, 600);
    let sources = (0..20).map(|_| ("a.gif", file.clone())).collect();
    let (lines, summary) = run(sources, Frames::All, RunOptions::default());
    assert_eq!((lines.len(), summary.frames), (20 * 601, 20 * 600));
}

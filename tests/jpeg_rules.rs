//! What odd and broken JPEGs show: libjpeg-turbo's rules, each on a file that is written for it, and the same story at every detail.

mod common;

use common::damage::{Numbers, flipped, rearranged};
use common::jpeg::{Block, Jpeg, Progression, quantiser, segment};
use common::{jpegs, samples};
use shadegrid::{
    Algorithm, DecodeOptions, Decoded, Decoder, Detail, DetailChoice, Error, Flag, HashOptions, Hasher,
    Result,
};

const EOI: [u8; 2] = [0xFF, 0xD9];

fn decode(bytes: &[u8]) -> Result<Decoded> {
    Decoder::new(DecodeOptions::default()).decode(bytes)
}

/// A whole picture of pixels.
fn whole(bytes: &[u8]) -> Decoded {
    let decoded = decode(bytes).expect("a picture");
    assert_eq!((decoded.whole, decoded.detail), (None, Detail::Full));
    decoded
}

/// The file shows what the plain one shows, whole, at every detail.
fn shows(bytes: &[u8], plain: &[u8]) {
    let (shown, expected) = (whole(bytes), whole(plain));
    assert!(shown.picture == expected.picture, "another picture");
    for n in [1, 2, 4, 8] {
        let scaled = |bytes: &[u8]| {
            let options = DecodeOptions::default().detail(DetailChoice::Lowest(n));
            Decoder::new(options).decode_for(bytes, &Algorithm::ALL).expect("a picture")
        };
        let (shown, expected) = (scaled(bytes), scaled(plain));
        // What is out of range becomes pixels at once.
        if !shown.viewing.unusual {
            assert!(shown.picture == expected.picture && shown.whole.is_none(), "another picture at {n}");
        }
    }
}

fn plain() -> Jpeg {
    Jpeg::waves(200, 150, (2, 2))
}

/// What libjpeg-turbo makes of these depends on how much of the file it has when it comes upon them.
#[test]
fn fill_bytes_inside_of_data_are_flagged() {
    let mut plain = plain();
    // Bits of ones.
    plain.components[0].blocks[5].ac = vec![(0, 8_191), (0, 8_191)];
    let (file, start) = (plain.encode(), plain.start().len() + plain.scan_header(&[0, 1, 2]).len());
    let stuffed = (start..file.len()).find(|&at| file[at..].starts_with(&[0xFF, 0])).unwrap();
    for fills in [1, 2, 300] {
        let filled = [&file[..stuffed], &vec![0xFF; fills], &file[stuffed..]].concat();
        shows(&filled, &file);
        assert!(whole(&filled).viewing.unusual && !whole(&file).viewing.unusual);
        let auto = Hasher::new(HashOptions::default()).hash(&filled).unwrap();
        assert!(auto.detail == Detail::Full && auto.viewing.unusual);
    }
    // In front of a marker they are usual.
    let end = file.len() - 2;
    assert!(!whole(&[&file[..end], &[0xFF; 3], &file[end..]].concat()).viewing.unusual);
}

/// Pixels of two pictures that differ, by row.
fn differing_rows(a: &Decoded, b: &Decoded) -> Vec<usize> {
    let ((a, channels), (b, _)) = (samples(a), samples(b));
    let stride = 200 * channels;
    let rows = a.chunks(stride).zip(b.chunks(stride)).enumerate();
    rows.filter(|(_, (a, b))| a != b).map(|(row, _)| row).collect()
}

#[test]
fn the_first_complete_scan_is_the_picture() {
    let (plain, mut other) = (plain(), plain());
    other.components[0].blocks.iter_mut().for_each(|block| block.dc = -block.dc);
    let file = |scans: &[Vec<u8>]| [plain.start(), scans.concat(), EOI.to_vec()].concat();
    shows(&file(&[plain.all(), other.all()]), &plain.encode());
    shows(&file(&[plain.all(), other.alone(0)]), &plain.encode());
    // Nothing behind it counts, not even what is broken.
    shows(&file(&[plain.all(), vec![0xFF, 0xDA, 0, 3, 9]]), &plain.encode());
}

#[test]
fn scans_behind_one_of_a_part_count() {
    let (plain, mut other) = (plain(), plain());
    other.components[0].blocks.iter_mut().for_each(|block| block.dc = -block.dc);
    let file = |scans: &[Vec<u8>]| [plain.start(), scans.concat(), EOI.to_vec()].concat();
    let apart = [plain.alone(0), plain.alone(1), plain.alone(2)].concat();
    shows(&file(&[apart]), &plain.encode());
    // The last scan of luma is read over the first.
    shows(&file(&[other.alone(0), plain.all()]), &plain.encode());
    shows(&file(&[plain.alone(0), plain.all(), other.alone(0)]), &other.encode());
}

#[test]
fn a_later_scan_leaves_what_it_has_as_zero() {
    let (plain, mut sharper, mut softer) = (plain(), plain(), plain());
    sharper.components[0].blocks.iter_mut().for_each(|block| block.ac.push((2, 40)));
    softer.components[0].blocks.iter_mut().for_each(|block| block.ac.truncate(1));
    let file = [plain.start(), sharper.alone(0), softer.all(), EOI.to_vec()].concat();
    shows(&file, &sharper.encode());
}

#[test]
fn a_component_without_a_scan_is_neutral_and_damaged() {
    let plain = plain();
    let decoded = decode(&[plain.start(), plain.alone(0), EOI.to_vec()].concat()).unwrap();
    assert_eq!(decoded.whole, Some(0.0));
    let (pixels, channels) = samples(&decoded);
    assert_eq!(channels, 3);
    assert!(pixels.as_chunks::<3>().0.iter().all(|[r, g, b]| r == g && g == b), "grey");
}

#[test]
fn a_quantisation_table_is_that_of_the_first_scan() {
    let plain = plain();
    let other = quantiser(0, &[90; 64]);
    let scans = [plain.alone(0), other.clone(), plain.alone(1), plain.alone(2), plain.alone(0)].concat();
    shows(&[plain.start(), scans, EOI.to_vec()].concat(), &plain.encode());
    // Of each component its own first: chroma's table stands behind luma's scan.
    let mut late = plain.clone();
    late.tables.truncate(1);
    let late = [late.start(), plain.alone(0), quantiser(1, &plain.tables[1]), plain.alone(1), plain.alone(2)];
    shows(&[late.concat(), EOI.to_vec()].concat(), &plain.encode());
}

#[test]
fn tables_that_no_scan_uses_may_be_broken_or_missing() {
    let plain = plain();
    // More codes than bits allow, and a DC table of impossible sizes.
    let mut overfull = vec![0x13];
    overfull.extend([3; 16]);
    overfull.extend([0; 48]);
    let mut sizes = vec![0x02];
    sizes.extend([0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 77]);
    let mut file = vec![0xFF, 0xD8];
    segment(&mut file, 0xC4, &overfull);
    segment(&mut file, 0xC4, &sizes);
    file.extend(&plain.encode()[2..]);
    shows(&file, &plain.encode());

    // A scan that uses one cannot be read.
    let uses = |table: u8| {
        let mut file = file.clone();
        let scan = file.windows(2).rposition(|two| two == [0xFF, 0xDA]).unwrap();
        file[scan + 6] = table;
        decode(&file)
    };
    assert!(uses(0x00).is_ok());
    assert!(matches!(uses(0x03), Err(Error::Corrupt { .. })));
    assert!(matches!(uses(0x20), Err(Error::Corrupt { .. })));
    assert!(matches!(uses(0x02), Err(Error::Corrupt { .. })), "no such table");
    assert!(matches!(uses(0x05), Err(Error::Corrupt { .. })), "no such place");
}

#[test]
fn motion_jpeg_without_tables_has_the_standard_ones() {
    let mut cases = 0;
    for (name, file) in
        jpegs().into_iter().filter(|(name, _)| ["base-444", "grey", "base-420-restart"].contains(&&**name))
    {
        let mut bare = Vec::new();
        let mut at = 0;
        while let Some(found) = file[at..].windows(2).position(|two| two == [0xFF, 0xC4]) {
            bare.extend(&file[at..at + found]);
            let length = usize::from(file[at + found + 2]) << 8 | usize::from(file[at + found + 3]);
            at += found + 2 + length;
        }
        bare.extend(&file[at..]);
        assert!(bare.len() + 100 < file.len(), "{name} had tables");
        shows(&bare, &file);
        cases += 1;
    }
    assert_eq!(cases, 3);
}

#[test]
fn segments_too_short_to_count_do_not() {
    let with = |segments: &[(u8, &[u8])]| {
        let segments = segments.iter().map(|(marker, content)| (*marker, content.to_vec())).collect();
        Jpeg { segments, ..Jpeg::waves(200, 150, (1, 1)) }.encode()
    };
    let adobe = (0xEE, &b"Adobe\0\x64\0\0\0\0\0"[..]);
    let jfif = (0xE0, &b"JFIF\0\x01\x02\0\0\x01\0\x01\0\0"[..]);
    let (as_rgb, as_ycc) = (whole(&with(&[adobe])), whole(&with(&[])));
    assert!(as_rgb.picture != as_ycc.picture);
    shows(&with(&[adobe, jfif]), &with(&[]));
    shows(&with(&[adobe, (0xE0, &jfif.1[..13])]), &with(&[adobe]));
    shows(&with(&[(0xEE, &adobe.1[..11])]), &with(&[]));
}

#[test]
fn components_may_share_a_name() {
    let mut alike = plain();
    alike.components.iter_mut().for_each(|component| component.id = 7);
    shows(&alike.encode(), &plain().encode());
    // Alone, the name is the first one's.
    let luma = [alike.start(), alike.alone(1), EOI.to_vec()].concat();
    assert!(decode(&luma).is_ok_and(|decoded| decoded.whole.is_some()));
    // Another order than the frame's is no scan.
    let plain = plain();
    let mut turned = plain.encode();
    let scan = turned.windows(2).rposition(|two| two == [0xFF, 0xDA]).unwrap();
    (turned[scan + 5], turned[scan + 7]) = (2, 1);
    assert!(matches!(decode(&turned), Err(Error::Corrupt { .. })));
}

#[test]
fn nothing_is_searched_for_before_the_start() {
    let plain = plain().encode();
    assert!(matches!(decode(&[&[0], &plain[..]].concat()), Err(Error::NoPicture(_))));
    let reader = &mut shadegrid::decode::jpeg::JpegReader::default();
    let read = |bytes: &[u8]| reader.read(bytes, |_, _| Detail::Full, &Default::default()).map(|_| ());
    let mut read = read;
    assert!(read(&plain).is_ok());
    assert!(matches!(read(&[&[0], &plain[..]].concat()), Err(Error::Corrupt { .. })));
}

#[test]
fn a_coefficient_behind_the_last_one_is_the_last_one() {
    let (mut plain, mut beyond) = (plain(), plain());
    let mut set = |index: usize, plainly: (usize, i32), run: (usize, i32)| {
        plain.components[0].blocks[index].ac = vec![(0, 11), plainly];
        beyond.components[0].blocks[index].ac = vec![(0, 11), run];
    };
    set(3, (61, 25), (62, 25));
    set(17, (61, 25), (63, 25));
    // Zeros alone end the block.
    set(40, (48, 0), (64, 0));
    shows(&beyond.encode(), &plain.encode());
}

#[test]
fn products_keep_sixteen_bits() {
    let (mut plain, mut wrapped) = (plain(), plain());
    plain.tables[0] = [16; 64];
    wrapped.tables[0] = [16; 64];
    plain.components[0].blocks.iter_mut().for_each(|block| block.dc /= 4);
    // 4,096 steps of 16 are 65,536.
    for (block, same) in wrapped.components[0].blocks.iter_mut().zip(&plain.components[0].blocks) {
        block.dc = same.dc + 4_096;
    }
    shows(&wrapped.encode(), &plain.encode());
    assert!(whole(&wrapped.encode()).viewing.unusual && !whole(&plain.encode()).viewing.unusual);
    let mut hasher = Hasher::new(HashOptions::default());
    let (a, b) = (hasher.hash(&wrapped.encode()).unwrap(), hasher.hash(&plain.encode()).unwrap());
    assert_eq!(a.detail, Detail::Full, "low frequencies do not make it up");
    assert!(f64::from(a.photodna.unwrap().signature.distance(&b.photodna.unwrap().signature)).sqrt() < 24.0);
}

#[test]
fn sums_keep_sixteen_bits() {
    let (plain, mut wrapped) = (plain(), plain());
    // A difference has 15 bits: the sum comes to 65,536 in three steps, in blocks of which two show it.
    let [first, second] = [30_000, 60_000];
    wrapped.components[1].blocks[0].dc = first;
    wrapped.components[1].blocks[1].dc = second;
    let count = wrapped.components[1].blocks.len();
    let mcus = wrapped.mcus().0;
    for index in 2..count {
        wrapped.components[1].blocks[index].dc += 65_536;
    }
    let decoded = whole(&wrapped.encode());
    assert!(decoded.viewing.unusual);
    let differing = differing_rows(&decoded, &whole(&plain.encode()));
    assert!(mcus > 2 && !differing.is_empty() && differing.iter().all(|&row| row < 17), "{differing:?}");
}

#[test]
fn bits_that_no_code_begins_with_are_a_zero() {
    let plain = plain();
    let mut file = plain.encode();
    let (scan, end) = (plain.start().len() + plain.scan_header(&[0, 1, 2]).len(), file.len() - 2);
    // One-bits begin no code; FF is written FF00.
    let at = scan + (end - scan) / 2;
    let at = (at..end)
        .find(|&at| file[at - 1] != 0xFF && file[at..at + 8].iter().all(|&byte| byte != 0xFF))
        .unwrap();
    file.splice(at..at + 8, [0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0]);
    let decoded = decode(&file).unwrap();
    let share = decoded.whole.expect("damaged");
    assert!((0.3..0.6).contains(&share), "{share}");
    let differing = differing_rows(&decoded, &whole(&plain.encode()));
    let first = (share * 150.0).round() as usize;
    assert!(differing.iter().all(|&row| row + 2 > first), "{differing:?} {first}");
    // Decoding went on: the last rows are not all grey.
    let (pixels, _) = samples(&decoded);
    assert!(pixels[pixels.len() - 600..].iter().any(|&sample| sample != 128));
}

#[test]
fn missing_data_is_zeros_for_an_mcu_and_grey_behind() {
    let plain = Jpeg::waves(200, 152, (1, 1));
    let (file, start) = (plain.encode(), plain.start().len());
    let cut = decode(&file[..start + (file.len() - start) / 2]).unwrap();
    let whole = whole(&file);
    let rows = (cut.whole.unwrap() * 152.0).round() as usize;
    assert!(rows > 40 && rows.is_multiple_of(8));
    let ((cut, _), (whole, _)) = (samples(&cut), samples(&whole));
    assert_eq!(cut[..rows * 600], whole[..rows * 600]);
    assert!(cut[(rows + 8) * 600..].iter().all(|&sample| sample == 128), "mid-grey");
    // The row of MCUs that data ends in is there as far as it goes.
    assert_eq!(cut[rows * 600..][..24], whole[rows * 600..][..24]);
}

/// The picture with restart intervals of one row of MCUs, and each interval's place in the file, its marker included.
fn intervals() -> (Vec<u8>, Vec<std::ops::Range<usize>>) {
    let mut jpeg = plain();
    jpeg.restart = jpeg.mcus().0;
    let file = jpeg.encode();
    let places = (0..file.len() - 1).filter(|&at| file[at] == 0xFF && (0xD0..=0xD7).contains(&file[at + 1]));
    let places: Vec<usize> = places.collect();
    assert_eq!(places.len(), jpeg.mcus().1 - 1);
    let ends = places[1..].iter().copied().chain([file.len() - 2]);
    let ranges = places.iter().zip(ends).map(|(&start, end)| start..end).collect();
    (file, ranges)
}

#[test]
fn a_lost_interval_costs_a_strip() {
    let (file, intervals) = intervals();
    let lost = &intervals[3];
    let decoded = decode(&[&file[..lost.start], &file[lost.end..]].concat()).unwrap();
    // Interval 4, of the marker RST3: rows 64 to 79.
    let differing = differing_rows(&decoded, &whole(&file));
    assert!(differing.iter().all(|row| (62..82).contains(row)) && differing.len() >= 16, "{differing:?}");
    assert_eq!(decoded.whole, Some(134.0 / 150.0));
}

#[test]
fn a_doubled_interval_is_passed_over() {
    let (file, intervals) = intervals();
    let again = intervals[3].clone();
    let decoded = decode(&[&file[..again.end], &file[again.clone()], &file[again.end..]].concat()).unwrap();
    assert!(decoded.picture == whole(&file).picture);
    assert_eq!(decoded.whole, Some(134.0 / 150.0), "data was skipped behind interval 4");
}

#[test]
fn numbers_off_by_three_bother_nobody() {
    let (mut file, intervals) = intervals();
    for interval in &intervals {
        let number = &mut file[interval.start + 1];
        *number = 0xD0 + (*number - 0xD0 + 3) % 8;
    }
    shows(&file, &self::intervals().0);
}

#[test]
fn numbers_off_by_one_lose_the_first_interval() {
    let (mut file, intervals) = intervals();
    for interval in &intervals {
        let number = &mut file[interval.start + 1];
        *number = 0xD0 + (*number - 0xD0 + 1) % 8;
    }
    let decoded = decode(&file).unwrap();
    // Every interval behind the first comes a row of MCUs too low, and the last one never.
    let share = decoded.whole.expect("damaged");
    assert!((0.8..0.95).contains(&share), "{share}");
    let other = whole(&self::intervals().0);
    let ((ours, _), (theirs, _)) = (samples(&decoded), samples(&other));
    assert_eq!(ours[40 * 600..44 * 600], theirs[24 * 600..28 * 600]);
}

#[test]
fn data_in_front_of_a_marker_is_damage() {
    let (file, intervals) = intervals();
    let at = intervals[2].start;
    let decoded = decode(&[&file[..at], &[1, 2, 3], &file[at..]].concat()).unwrap();
    assert!(decoded.picture == whole(&file).picture);
    assert_eq!(decoded.whole, Some(134.0 / 150.0));
    // Behind the last interval it is not.
    let end = file.len() - 2;
    shows(&[&file[..end], &[1, 2, 3], &file[end..]].concat(), &file);
}

#[test]
fn sampling_that_decoders_repeat_or_smooth() {
    // Every ratio of whole numbers decodes, whole; a grey picture's factors mean nothing.
    for factors in [(1, 1), (2, 1), (1, 2), (2, 2), (4, 1), (1, 4), (4, 2), (3, 1), (2, 4)] {
        let decoded = whole(&Jpeg::waves(90, 70, factors).encode());
        assert_eq!(samples(&decoded).0.len(), 90 * 70 * 3, "{factors:?}");
    }
    let mut grey = Jpeg::waves(90, 70, (1, 1));
    grey.components.truncate(1);
    let plain = grey.encode();
    let mut sampled = grey.clone();
    (sampled.components[0].across, sampled.components[0].down) = (2, 2);
    // The blocks that fill MCUs are none of a lone component's.
    let (wide, _) = grey.stored(0);
    let blocks = grey.components[0].blocks.chunks(wide).flat_map(|row| {
        let mut row = row.to_vec();
        row.resize(wide.next_multiple_of(2), Block::default());
        row
    });
    sampled.components[0].blocks = blocks.collect();
    let (_, high) = sampled.stored(0);
    let wide = sampled.stored(0).0;
    sampled.components[0].blocks.resize(wide * high, Block::default());
    let file = [sampled.start(), sampled.alone(0), EOI.to_vec()].concat();
    shows(&file, &plain);
}

#[test]
fn colours_beyond_the_screen_become_pixels() {
    let pale = Jpeg::waves(320, 200, (2, 2)).pale();
    let mut green = pale.clone();
    // Red and blue far below 0, by an amount that waves.
    for component in &mut green.components[1..] {
        component.blocks.iter_mut().enumerate().for_each(|(at, block)| block.dc = -80 - (at % 7) as i32 * 5);
    }
    let hash = |file: &Jpeg, detail| {
        let decode = DecodeOptions::default().detail(detail);
        Hasher::new(HashOptions::default().decode(decode)).hash(&file.encode()).unwrap()
    };
    assert!(matches!(hash(&pale, DetailChoice::Auto).detail, Detail::Scaled(_)));
    let (auto, full) = (hash(&green, DetailChoice::Auto), hash(&green, DetailChoice::Full));
    assert_eq!((auto.detail, auto.photodna), (Detail::Full, full.photodna));
    // Who asks for low frequencies gets them, and that is another picture.
    let scaled = hash(&green, DetailChoice::Scaled);
    assert!(matches!(scaled.detail, Detail::Scaled(_)));
    let distance = scaled.photodna.unwrap().signature.distance(&full.photodna.unwrap().signature);
    assert!(f64::from(distance).sqrt() > 24.0, "{distance}");
}

#[test]
fn auto_and_full_tell_one_story() {
    let mut numbers = Numbers(0xD1FF);
    let mut sources: Vec<Vec<u8>> = jpegs().into_iter().map(|(_, file)| file).collect();
    for factors in [(1, 1), (2, 1), (2, 2)] {
        let mut jpeg = Jpeg::waves(320, 200, factors).pale();
        sources.push(jpeg.encode());
        jpeg.restart = 5;
        sources.push(jpeg.encode());
        sources.push([jpeg.start(), jpeg.alone(0), jpeg.alone(1), jpeg.alone(2), EOI.to_vec()].concat());
    }
    let hasher = |detail| {
        let decode = DecodeOptions::default().detail(detail);
        Hasher::new(HashOptions::default().decode(decode))
    };
    let (mut auto, mut full) = (hasher(DetailChoice::Auto), hasher(DetailChoice::Full));
    let (mut damaged, mut failed, mut scaled) = (0, 0, 0);
    for case in 0..1_500 {
        let source = &sources[case % sources.len()];
        let broken = match case / sources.len() % 3 {
            0 => flipped(source, 2, &mut numbers),
            1 => rearranged(source, &mut numbers),
            _ => source[..source.len() - numbers.under(source.len() / 2)].to_vec(),
        };
        match (auto.hash(&broken), full.hash(&broken)) {
            (Ok(ours), Ok(theirs)) => {
                assert_eq!(ours.whole, theirs.whole, "case {case}");
                let is_damaged = ours.flags().any(|flag| flag == Flag::Damaged);
                assert_eq!(is_damaged, theirs.flags().any(|flag| flag == Flag::Damaged), "case {case}");
                damaged += usize::from(is_damaged);
                scaled += usize::from(ours.detail != Detail::Full);
            }
            (Err(ours), Err(theirs)) => {
                assert_eq!(ours.to_string(), theirs.to_string(), "case {case}");
                failed += 1;
            }
            (ours, theirs) => panic!("case {case}: {ours:?}, {theirs:?}"),
        }
    }
    assert!(damaged > 400 && failed > 30 && scaled > 30, "{damaged} {failed} {scaled}");
}

/// The coefficients behind DC of a block that shows a level, whatever its mean is: so many of its pixels are far above white and all others far below black.
fn dots(level: u8, step: i32) -> Vec<(usize, i32)> {
    const FAR: f64 = 3_000.0;
    let bright = usize::from(level) * 64 / 255;
    // Spread over the block.
    let pixels: Vec<f64> = (0..64).map(|at| if at * 37 % 64 < bright { FAR } else { 0.0 }).collect();
    let cosine = |u: usize, x: usize| ((2 * x + 1) as f64 * u as f64 * std::f64::consts::PI / 16.0).cos();
    let norm = |u: usize| if u == 0 { std::f64::consts::FRAC_1_SQRT_2 } else { 1.0 };
    let coefficient = |u: usize, v: usize| {
        let sum: f64 = (0..64).map(|at| pixels[at] * cosine(u, at % 8) * cosine(v, at / 8)).sum();
        (sum * norm(u) * norm(v) / 4.0 / f64::from(step)).round() as i32
    };
    let mut order: Vec<(usize, usize)> = (0..64).map(|at| (at % 8, at / 8)).collect();
    // Zigzag (T.81, figure A.6).
    order.sort_by_key(|&(u, v)| (u + v, if (u + v) % 2 == 0 { u } else { v }));
    let (mut ac, mut run) = (Vec::new(), 0);
    for &(u, v) in &order[1..] {
        match coefficient(u, v) {
            0 => run += 1,
            value => {
                ac.push((run, value.clamp(-1023, 1023)));
                run = 0;
            }
        }
    }
    ac
}

/// The scans of a progressive file, from those that only split the band to those that send it bit by bit.
fn progressions() -> [(&'static str, Vec<Progression>); 3] {
    let scan = Progression::new;
    let all = |component| scan(Some(component), (1, 63), (0, 0));
    let dc = scan(None, (0, 0), (0, 0));
    let bands = vec![dc, scan(Some(0), (1, 5), (0, 0)), scan(Some(0), (6, 63), (0, 0)), all(1), all(2)];
    let usual = vec![
        scan(None, (0, 0), (0, 1)),
        scan(Some(0), (1, 5), (0, 2)),
        scan(Some(2), (1, 63), (0, 1)),
        scan(Some(1), (1, 63), (0, 1)),
        scan(Some(0), (6, 63), (0, 2)),
        scan(Some(0), (1, 63), (2, 1)),
        scan(None, (0, 0), (1, 0)),
        scan(Some(2), (1, 63), (1, 0)),
        scan(Some(1), (1, 63), (1, 0)),
        scan(Some(0), (1, 63), (1, 0)),
    ];
    // First scans that hold nothing but zeros.
    let mut refined = vec![dc, all(1), all(2), scan(Some(0), (1, 63), (0, 10))];
    refined.extend((0..10).rev().map(|low| scan(Some(0), (1, 63), (low + 1, low))));
    [("bands", bands), ("as usual", usual), ("bit by bit", refined)]
}

#[test]
fn progressive_files_show_what_sequential_ones_do() {
    for sampling in [(1, 1), (2, 2)] {
        let file = Jpeg::waves(200, 150, sampling);
        for (name, scans) in progressions() {
            let (shown, plain) = (whole(&file.progressive(&scans)), whole(&file.encode()));
            assert!(shown.picture == plain.picture, "{name}");
        }
    }
}

/// Clamped dots as a picture, and a decoy in their means.
fn painted(width: usize, height: usize, sampling: (usize, usize)) -> Jpeg {
    let mut painted = Jpeg::waves(width, height, sampling);
    painted.tables[0] = [16; 64];
    let by_level: Vec<_> = (0..16).map(|level| dots(level * 14 + 20, 16)).collect();
    let wide = painted.stored(0).0;
    for (at, block) in painted.components[0].blocks.iter_mut().enumerate() {
        let (x, y) = (at % wide, at / wide);
        let (shown, decoy) = ((x * 23 + y * 7) % 210, 60 + (x * 5 + y * 31) % 130);
        (block.dc, block.ac) = ((decoy as i32 - 128) * 8 / 16, by_level[shown / 14].clone());
    }
    painted
}

/// What clamping makes of dots is seen where low frequencies tell another story, no matter in how many scans these are sent.
#[test]
fn dots_beyond_the_range_are_read_in_full() {
    let mut cases = 0;
    for (width, height) in [(120, 130), (200, 150), (400, 300), (850, 810)] {
        for sampling in [(1, 1), (2, 2)] {
            let usual = Jpeg::waves(width, height, sampling).pale();
            let painted = painted(width, height, sampling);
            let sequential = std::iter::once(("sequential", None));
            for (name, scans) in sequential.chain(progressions().map(|(name, scans)| (name, Some(scans)))) {
                let encode = |file: &Jpeg| match &scans {
                    Some(scans) => file.progressive(scans),
                    None => file.encode(),
                };
                // PDQ would have patterns read in full.
                let algorithms = vec![Algorithm::PhotoDna];
                let mut hasher = Hasher::new(HashOptions::default().algorithms(algorithms));
                let what = format!("{name}, {width}×{height}, {sampling:?}");
                assert!(matches!(hasher.hash(&encode(&usual)).unwrap().detail, Detail::Scaled(_)), "{what}");
                let file = encode(&painted);
                let auto = hasher.hash(&file).unwrap();
                assert_eq!(auto.detail, Detail::Full, "{what}");
                let decode = DecodeOptions::default().detail(DetailChoice::Lowest(4));
                let decoy = Hasher::new(HashOptions::default().decode(decode)).hash(&file).unwrap();
                let distance = auto.photodna.unwrap().signature.distance(&decoy.photodna.unwrap().signature);
                assert!(distance > 60 * 60, "{what}: they look alike: {distance}");
                cases += 1;
            }
        }
    }
    assert_eq!(cases, 4 * 2 * 4);
}

/// A frequency with a step beyond every sample makes a block all black and white, and a sample of blocks would miss the few that have it.
#[test]
fn steps_beyond_every_sample_have_all_read() {
    for (step, is_usual) in [(1_024u16, true), (1_025, false), (40_000, false)] {
        let plain = Jpeg::waves(200, 150, (2, 2)).pale();
        let mut table = vec![0x10];
        plain.tables[0].iter().for_each(|usual| table.extend(u16::from(*usual).to_be_bytes()));
        table[1 + 2 * 63..].copy_from_slice(&step.to_be_bytes());
        let mut precise = Vec::new();
        segment(&mut precise, 0xDB, &table);
        let (whole, start) = (plain.encode(), plain.start());
        let file = [&start, &precise[..], &whole[start.len()..]].concat();
        // PDQ would have patterns read in full.
        let options = HashOptions::default().algorithms(vec![Algorithm::PhotoDna]);
        let hashed = Hasher::new(options).hash(&file).unwrap();
        assert_eq!(matches!(hashed.detail, Detail::Scaled(_)), is_usual, "{step}: {}", hashed.detail);
    }
}

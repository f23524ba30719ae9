//! Coefficients, verdicts and limits against trusted answers.
#![expect(clippy::print_stderr, reason = "a skipped or a counting test says so")]

use super::reader::Reader;
use super::transform::NATURAL;
use super::{JpegReader, Reading};
use crate::decode::Detail;
use crate::error::Error;
use crate::limits::Limits;
use crate::picture::{COARSE_ZERO, Picture, Plane, Planes};
use std::path::{Path, PathBuf};

/// One file's answer from libjpeg-turbo 2.1.5's `jpeg_read_coefficients`.
struct Answer {
    path: PathBuf,
    name: String,
    width: usize,
    height: usize,
    /// Blocks and digest of each component.
    components: Vec<(usize, u64)>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn answers(table: &str, folder: &Path) -> Vec<Answer> {
    let text = std::fs::read_to_string(root().join("tests/data").join(table)).expect("the table is there");
    text.lines().map(|line| answer(line, folder)).collect()
}

fn answer(line: &str, folder: &Path) -> Answer {
    let fields: Vec<&str> = line.split('\t').collect();
    let number = |field: &str| field.parse().expect("a number");
    let component = |field: &&str| {
        let (blocks, digest) = field.split_once(':').expect("blocks:digest");
        (number(blocks), u64::from_str_radix(digest, 16).expect("hexadecimal"))
    };
    Answer {
        path: folder.join(fields[0]),
        name: fields[0].to_owned(),
        width: number(fields[1]),
        height: number(fields[2]),
        components: fields[4..].iter().map(component).collect(),
    }
}

/// FNV-1a over four coefficients at a time in zigzag order, stirred; blocks that hold picture only.
fn digest(reader: &Reader, frame: &super::frame::Frame, component: usize) -> (usize, u64) {
    let layout = &frame.components()[component];
    let coefficients = &reader.stored[component].coefficients;
    let mut digest = 0xcbf2_9ce4_8422_2325u64;
    for row in 0..layout.blocks_high {
        let start = row * layout.stride * 64;
        for block in coefficients[start..start + layout.blocks_wide * 64].chunks_exact(64) {
            for four in NATURAL.map(|place| block[usize::from(place)]).chunks_exact(4) {
                let word = four.iter().rev().fold(0u64, |word, &value| word << 16 | u64::from(value as u16));
                digest = (digest ^ word).wrapping_mul(0x100_0000_01b3);
                digest ^= digest >> 29;
            }
        }
    }
    (layout.blocks_wide * layout.blocks_high, digest)
}

/// Compares every file of a table; returns files and blocks compared and files of processes that are not read.
fn compare(answers: &[Answer]) -> (usize, usize, usize) {
    let mut reader = Reader::default();
    let (mut files, mut blocks, mut unread) = (0, 0, 0);
    let mut wrong = Vec::new();
    for answer in answers {
        let bytes = std::fs::read(&answer.path).expect("the file is there");
        let frame = match reader.coefficients(&bytes) {
            Ok(frame) => frame,
            // Of another process, or too small for any signature.
            Err(Error::Unsupported(_) | Error::Input(_) | Error::NoPicture(_)) => {
                unread += 1;
                continue;
            }
            Err(error) => {
                wrong.push(format!("{}: {error}", answer.name));
                continue;
            }
        };
        let found: Vec<_> = (0..frame.components().len()).map(|c| digest(&reader, &frame, c)).collect();
        if found != answer.components || (frame.width, frame.height) != (answer.width, answer.height) {
            let equal = found.iter().zip(&answer.components).filter(|(a, b)| a == b).count();
            wrong.push(format!("{}: {equal} of {} components equal", answer.name, found.len()));
        }
        files += 1;
        blocks += answer.components.iter().map(|(blocks, _)| blocks).sum::<usize>();
    }
    assert!(wrong.is_empty(), "{} files differ:\n{}", wrong.len(), wrong.join("\n"));
    (files, blocks, unread)
}

#[test]
fn coefficients_are_libjpegs() {
    let (files, blocks, unread) =
        compare(&answers("jpeg-reader/coefficients.tsv", &root().join("tests/data/jpeg-reader")));
    assert_eq!((files, unread), (43, 1));
    assert!(blocks > 8_000, "{blocks}");
}

#[test]
fn coefficients_of_the_shared_corpus_are_libjpegs() {
    let folder = root().join("../shared/corpus");
    if !folder.exists() {
        eprintln!("skipped: no shared corpus");
        return;
    }
    let (files, blocks, unread) = compare(&answers("jpeg-reader/corpus.tsv", &folder));
    eprintln!("{files} files, {blocks} blocks equal; {unread} files of processes that are not read");
    assert!(files > 500 && blocks > 5_000_000);
}

/// The project's own small files, with their names.
fn small_files() -> Vec<(String, Vec<u8>)> {
    let folder = root().join("tests/data/jpeg-reader");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jpg"))
        .map(|path| (path.file_stem().expect("a name").to_string_lossy().into_owned(), path))
        .map(|(name, path)| (name, std::fs::read(path).expect("the file is there")))
        .collect();
    files.sort();
    assert_eq!(files.len(), 44);
    files
}

fn read(bytes: &[u8], detail: u8) -> Picture {
    let reading = JpegReader::default().read(bytes, |_, _| Detail::Scaled(detail), &Limits::default());
    let Reading { picture, detail: read, whole, unusual, .. } = reading.expect("a picture");
    assert_eq!((read, whole, unusual), (Detail::Scaled(detail), None, false));
    picture
}

/// Every pixel; the share of rows that came out whole.
fn whole(bytes: &[u8], limits: &Limits) -> Result<Option<f32>, Error> {
    JpegReader::default().read(bytes, |_, _| Detail::Full, limits).map(|reading| reading.whole)
}

/// The means of a plane over cells of `width`×`height` pixels, those inside the picture only.
fn means(plane: &Plane<u16>, width: u32, height: u32, across: u32, down: u32) -> Vec<f64> {
    let mut means = Vec::new();
    for row in 0..across_cells(down, height) {
        for column in 0..across_cells(across, width) {
            let (mut sum, mut count) = (0.0, 0.0);
            for y in row * height..((row + 1) * height).min(down) {
                for x in column * width..((column + 1) * width).min(across) {
                    let line = plane.row((y / plane.cell_height) as usize);
                    sum += f64::from(line[(x / plane.cell_width) as usize] - COARSE_ZERO);
                    count += 1.0;
                }
            }
            means.push(sum / count);
        }
    }
    means
}

fn across_cells(pixels: u32, cell: u32) -> u32 {
    pixels.div_ceil(cell)
}

fn luma(picture: &Picture) -> &Plane<u16> {
    match &picture.planes {
        Planes::Coarse { luma, .. } => luma,
        _ => panic!("not coarse"),
    }
}

#[test]
fn every_detail_has_the_means_of_the_finest() {
    let mut compared = 0;
    for (name, bytes) in small_files() {
        if ["cmyk", "tiny"].contains(&&*name) {
            continue;
        }
        let finest = read(&bytes, 8);
        for detail in [1, 2, 3, 4, 6] {
            let coarse = read(&bytes, detail);
            let plane = luma(&coarse);
            // A block, or what is one in the finest component's raster.
            let cells = super::detail::cells(detail) as u32;
            let (width, height) = (plane.cell_width * cells, plane.cell_height * cells);
            let (across, down) = (coarse.width / width * width, coarse.height / height * height);
            let expected = means(luma(&finest), width, height, across, down);
            let found = means(plane, width, height, across, down);
            let far = expected.iter().zip(&found).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            // Clamping moves a block's mean where its pixels overshoot; q1 and the coarse table overshoot far.
            let bound = if ["q1", "steps16"].contains(&&*name) { 400.0 } else { 130.0 };
            assert!(far <= bound, "{name} at {detail}: {far} sixteenths apart");
            compared += found.len();
        }
    }
    assert!(compared > 4_000, "{compared}");
}

#[test]
fn the_finest_detail_is_libjpegs_luma() {
    let folder = root().join("tests/data/jpeg-reader");
    let text = std::fs::read_to_string(folder.join("luma.tsv")).expect("the table is there");
    for line in text.lines() {
        let (name, expected) = line.split_once('\t').expect("a name and means");
        // These saturate: a chroma-driven overshoot is clamped at other places.
        if ["q1.jpg", "steps16.jpg"].contains(&name) {
            continue;
        }
        let picture = read(&std::fs::read(folder.join(name)).expect("the file is there"), 8);
        for (index, expected) in expected.split('\t').enumerate() {
            let expected: f64 = expected.parse().expect("a number");
            let found = part(luma(&picture), picture.width, picture.height, index as u32) / 16.0;
            assert!((found - expected).abs() < 1.0, "{name}, part {index}: {found}, not {expected}");
        }
    }
    assert_eq!(text.lines().count(), 42);
}

/// The mean of one part of a picture laid out in 4×4.
fn part(plane: &Plane<u16>, width: u32, height: u32, index: u32) -> f64 {
    let inside = |place: u32, side: u32, wanted: u32| place * 4 / side == wanted;
    let (mut sum, mut count) = (0.0, 0.0);
    for y in (0..height).filter(|&y| inside(y, height, index / 4)) {
        for x in (0..width).filter(|&x| inside(x, width, index % 4)) {
            let row = plane.row((y / plane.cell_height) as usize);
            sum += f64::from(row[(x / plane.cell_width) as usize] - COARSE_ZERO);
            count += 1.0;
        }
    }
    sum / count
}

#[test]
fn scans_of_one_component_make_the_same_picture() {
    let files: std::collections::BTreeMap<_, _> = small_files().into_iter().collect();
    for detail in [1, 2, 3, 4, 6, 8] {
        assert_eq!(read(&files["apart"], detail), read(&files["base_221111"], detail));
        assert_eq!(read(&files["restart_prog"], detail), read(&files["prog_221111"], detail));
        assert_ne!(read(&files["apart"], detail), read(&files["base_211111"], detail));
    }
}

#[test]
fn whole_files_are_whole() {
    for (name, bytes) in small_files() {
        match whole(&bytes, &Limits::default()) {
            Err(Error::Input(_)) if name == "tiny" => {}
            whole => assert_eq!(whole.expect(&name), None, "{name}"),
        }
    }
}

#[test]
fn a_file_cut_anywhere_is_never_whole() {
    let mut reader = JpegReader::default();
    let (mut cuts, mut damaged) = (0, 0);
    for (name, bytes) in small_files() {
        if name == "tiny" || name == "large" {
            continue;
        }
        let mut before = 0.0;
        for cut in (0..bytes.len() - 2).filter(|cut| cut % 5 == 0 || cut + 40 > bytes.len()) {
            cuts += 1;
            let mut read = |detail| reader.read(&bytes[..cut], |_, _| detail, &Limits::default());
            // Coarse, every pixel or an error, but the same story.
            let scaled = [1, 4].map(|n| read(Detail::Scaled(n)).map(|reading| reading.whole));
            let full = read(Detail::Full).map(|reading| reading.whole);
            let [Ok(one), Ok(four)] = scaled else {
                assert!(scaled.iter().all(Result::is_err) && full.is_err(), "{name} cut at {cut}");
                continue;
            };
            let share =
                full.expect("as the others").unwrap_or_else(|| panic!("{name} cut at {cut} is whole"));
            assert_eq!([one, four], [Some(share); 2], "{name} cut at {cut}");
            assert!(share < 1.0, "{name} cut at {cut}");
            if !name.contains("prog") {
                assert!(share >= before, "{name} cut at {cut}: {share} after {before}");
                before = share;
            }
            damaged += 1;
        }
    }
    assert!(cuts > 14_000 && damaged > cuts / 2, "{cuts} {damaged}");
}

#[test]
fn limits_hold_before_memory_is_taken() {
    let (_, bytes) = small_files().into_iter().find(|(name, _)| name == "prog_111111").expect("there");
    let refuse = |limits: Limits| match whole(&bytes, &limits) {
        Err(Error::Limit { what, .. }) => what,
        other => panic!("not refused: {other:?}"),
    };
    assert_eq!(refuse(Limits { max_scans: 9, ..Limits::default() }), "number of scans");
    assert_eq!(refuse(Limits { max_pixels: 5_916, ..Limits::default() }), "number of pixels");
    assert_eq!(refuse(Limits { max_side: 96, ..Limits::default() }), "width in pixels");
    assert_eq!(refuse(Limits { max_decoder_bytes: 1_000, ..Limits::default() }), "memory to decode in bytes");
    assert_eq!(refuse(Limits { max_file_bytes: 100, ..Limits::default() }), "file size in bytes");
    let ten = Limits { max_scans: 10, max_pixels: 5_917, ..Limits::default() };
    assert!(whole(&bytes, &ten).is_ok());
}

#[test]
fn four_components_become_pixels() {
    let (_, bytes) = small_files().into_iter().find(|(name, _)| name == "cmyk").expect("there");
    let reading = JpegReader::default().read(&bytes, |_, _| Detail::Scaled(1), &Limits::default());
    assert_eq!(reading.expect("read").detail, Detail::Full);
}

/// A file of `blocks` 16×16 MCUs across and down, 4:2:0, whose blocks are all zeros: with `alike` tables for luma and
/// chroma, or with tables that differ only in codes that are not used.
fn zeros(mcus: (u16, u16), alike: bool) -> Vec<u8> {
    let mut bytes = vec![0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0];
    bytes.extend([1; 64]);
    bytes.extend([0xFF, 0xC0, 0, 17, 8]);
    bytes.extend((mcus.1 * 16).to_be_bytes());
    bytes.extend((mcus.0 * 16).to_be_bytes());
    bytes.extend([3, 1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0]);
    // Codes of four bits: 0000 is size 0, or end of block.
    for (place, other) in [(0x00, 1), (0x10, 1), (0x01, 2), (0x11, 2)] {
        bytes.extend([0xFF, 0xC4, 0, 21, place, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend([0, if alike { 1 } else { other }]);
    }
    bytes.extend([0xFF, 0xDA, 0, 12, 3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0]);
    bytes.extend(std::iter::repeat_n(0, usize::from(mcus.0) * usize::from(mcus.1) * 6));
    bytes.extend([0xFF, 0xD9]);
    bytes
}

#[test]
fn cut_scans_equal_scans_read_in_one_piece() {
    let mut files = small_files();
    files.retain(|(name, _)| !["cmyk", "tiny"].contains(&&**name));
    // Never in step: whichever block of the MCU a guess takes for the first, the bits look the same.
    files.push(("never".to_owned(), zeros((31, 37), false)));
    files.push(("alike".to_owned(), zeros((31, 37), true)));
    let shared = root().join("../shared/corpus/photos");
    if let Ok(sources) = std::fs::read_dir(&shared) {
        for source in sources.flatten().take(40) {
            let file = std::fs::read_dir(source.path()).into_iter().flatten().flatten().next();
            let Some(path) = file.map(|file| file.path()) else { continue };
            files.push((path.display().to_string(), std::fs::read(path).unwrap_or_default()));
        }
    }
    let (mut cut, mut serial) = (JpegReader::default(), JpegReader::default());
    cut.reader.cut_scans_from(16, 400);
    serial.reader.cut_scans_from(usize::MAX, usize::MAX);
    let (mut compared, mut joined) = (0, 0);
    for (name, bytes) in &files {
        for detail in [1, 2, 3, 4, 6, 8].map(Detail::Scaled).into_iter().chain([Detail::Full]) {
            // Whole, broken off at a third, and broken inside.
            let broken = bytes.iter().enumerate().map(|(at, byte)| byte ^ u8::from(at % 997 == 900));
            for bytes in [&bytes[..], &bytes[..bytes.len() / 3], &broken.collect::<Vec<_>>()] {
                let ours = cut.read(bytes, |_, _| detail, &Limits::default());
                let theirs = serial.read(bytes, |_, _| detail, &Limits::default());
                let scaled = match (ours, theirs) {
                    (Ok(ours), Ok(theirs)) => {
                        assert!(ours == theirs, "{name} at {detail}");
                        ours.detail != Detail::Full
                    }
                    (ours, theirs) => {
                        assert_eq!(ours.is_err(), theirs.is_err(), "{name} at {detail}");
                        false
                    }
                };
                match (&**name, detail) {
                    // All 64 are read in windows, in which a guess may happen to be right.
                    ("never", Detail::Scaled(1..8)) if scaled => assert_eq!(cut.reader.pieces(), 1),
                    // Luma keeps more than chroma above that.
                    ("alike", Detail::Scaled(1 | 2)) if scaled => assert_eq!(cut.reader.pieces(), 3),
                    _ => {}
                }
                joined += usize::from(cut.reader.pieces() == 3);
                compared += 1;
            }
        }
    }
    assert!(compared >= 42 * 21 && joined > 100, "{compared} {joined}");
}

/// A grey file of 64×32 blocks, DC values 600 and −400 in turn. Block 999 has eight AC coefficients, each with a code of 12 bits and `size`
/// bits more.
fn long_symbols(size: usize) -> Vec<u8> {
    let mut bytes = vec![0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0];
    bytes.extend([1; 64]);
    bytes.extend([0xFF, 0xC0, 0, 11, 8, 1, 0, 2, 0, 1, 1, 0x11, 0]);
    // DC: 0 is size 0, 10 is size 10. AC: 0 is the end of block, twelve bits are size 10 and size 9.
    bytes.extend([0xFF, 0xC4, 0, 21, 0x00, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10]);
    bytes.extend([0xFF, 0xC4, 0, 22, 0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 10, 9]);
    bytes.extend([0xFF, 0xDA, 0, 8, 1, 1, 0x00, 0, 63, 0]);
    let mut bits = String::new();
    for block in 0..64 * 32 {
        let difference = [1023 - 1000, if block == 0 { 600 } else { 1000 }][usize::from(block % 2 == 0)];
        bits += &format!("10{difference:010b}");
        let code = ["100000000000", "100000000001"][usize::from(size == 9)];
        bits += &format!("{code}1{:0>1$}", "", size - 1).repeat(if block == 999 { 8 } else { 0 });
        bits.push('0');
    }
    bits += &"1".repeat(bits.len().next_multiple_of(8) - bits.len());
    for byte in bits.as_bytes().chunks_exact(8) {
        let byte = byte.iter().fold(0, |byte, bit| byte << 1 | (bit - b'0'));
        bytes.push(byte);
        bytes.extend((byte == 0xFF).then_some(0));
    }
    bytes.extend([0xFF, 0xD9]);
    bytes
}

#[test]
fn three_long_symbols_in_a_row_are_passed() {
    for size in [9, 10] {
        let picture = read(&long_symbols(size), 1);
        let plane = luma(&picture);
        let found: Vec<i32> =
            (0..32).flat_map(|row| plane.row(row)).map(|&sample| i32::from(sample)).collect();
        let expected =
            |block: usize| super::transform::GREY + 2 * if block.is_multiple_of(2) { 600 } else { -400 };
        assert_eq!((0..64 * 32).find(|&block| found[block] != expected(block)), None, "size {size}");
    }
}

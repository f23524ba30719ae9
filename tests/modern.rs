//! HEIC, AVIF and JPEG XL, on small files of one drawn scene; and what is not whole of them.

#![expect(clippy::print_stdout, reason = "says what was counted")]

mod common;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

use common::{difference, samples, scene};
use serde_json::Value;
use shadegrid::decode::{Frames, helper};
use shadegrid::{
    DamagedPolicy, DecodeOptions, Decoded, Decoder, Error, Faces, Format, HashOptions, Hasher, Limits,
    PhotoDna,
};

const SIZE: (usize, usize) = (96, 72);

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/modern")
}

/// Every file, by name and format.
fn files() -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.retain(|path| {
        path.extension().is_some_and(|kind| ["heic", "avif", "jxl"].iter().any(|known| kind == *known))
    });
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    files.iter().map(|path| (name(path), fs::read(path).unwrap())).collect()
}

fn file(name: &str) -> Vec<u8> {
    fs::read(folder().join(name)).unwrap()
}

fn decoder(options: DecodeOptions) -> Decoder {
    static NAMED: Once = Once::new();
    NAMED.call_once(|| helper::use_program(Path::new(env!("CARGO_BIN_EXE_shadegrid")), &["decoder".into()]));
    Decoder::new(options)
}

fn decode(bytes: &[u8]) -> Result<Decoded, Error> {
    decoder(DecodeOptions::default()).decode(bytes)
}

/// R, G, B of each pixel of a picture of `size` after `at`, which says where a pixel of the result comes from.
fn rearranged(
    rgb: &[u8],
    width: usize,
    size: (usize, usize),
    at: impl Fn(usize, usize) -> (usize, usize),
) -> Vec<u8> {
    let places = (0..size.1).flat_map(|y| (0..size.0).map(move |x| (x, y)));
    places
        .flat_map(|(x, y)| {
            let (x, y) = at(x, y);
            rgb[(y * width + x) * 3..][..3].to_vec()
        })
        .collect()
}

/// What a file shows.
fn expected(name: &str) -> ((usize, usize), Vec<u8>) {
    let (width, height) = SIZE;
    let usual = scene(width, height);
    match name.split_once('.').unwrap().0 {
        "odd" => ((95, 71), scene(95, 71)),
        "turned" => {
            let size = (height, width);
            (size, rearranged(&usual, width, size, |x, y| (width - 1 - y, x)))
        }
        "mirrored" => (SIZE, rearranged(&usual, width, SIZE, |x, y| (width - 1 - x, y))),
        "grid" => {
            let size = if name.ends_with("heic") { (120, 110) } else { (128, 128) };
            (size, rearranged(&scene(128, 128), 128, size, |x, y| (x, y)))
        }
        _ => (SIZE, usual),
    }
}

#[test]
fn every_file_shows_the_scene() {
    let mut cases = 0;
    for (name, bytes) in files() {
        let decoded = decode(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let (size, rgb) = expected(&name);
        let is_grey = name.starts_with("grey");
        let format = [("heic", Format::Heic), ("avif", Format::Avif), ("jxl", Format::JpegXl)];
        let (_, format) = format.into_iter().find(|(kind, _)| name.ends_with(kind)).unwrap();
        let (samples, channels) = samples(&decoded);
        assert_eq!((decoded.picture.width as usize, decoded.picture.height as usize), size, "{name}");
        assert_eq!((decoded.format, decoded.whole, channels == 1), (format, None, is_grey), "{name}");
        let rgb = if is_grey { common::grey_scene(SIZE.0, SIZE.1) } else { rgb };
        let (most, mean) = difference(samples, &rgb);
        // One chroma sample stands for up to four pixels.
        assert!(most <= 40 && mean < 4.0, "{name}: {most} at most, {mean} on average");
        let viewing = decoded.viewing;
        assert_eq!(viewing.alpha, name.starts_with("alpha"), "{name}");
        assert_eq!(viewing.animated, name.starts_with("sequence") || name.starts_with("animated"), "{name}");
        assert!(!viewing.profile && !viewing.oriented && !viewing.unusual, "{name}");
        cases += 1;
    }
    assert_eq!(cases, 33);
}

#[test]
fn lossless_pictures_are_the_same_bit_for_bit() {
    for name in ["lossless.jxl", "grey.jxl", "animated.jxl"] {
        let decoded = decode(&file(name)).unwrap();
        let rgb = if name.starts_with("grey") { None } else { Some(scene(SIZE.0, SIZE.1)) };
        if let Some(rgb) = rgb {
            assert_eq!(difference(samples(&decoded).0, &rgb).0, 0, "{name}");
        }
    }
}

/// The names of the faces that a file has.
fn faces(name: &str) -> Vec<String> {
    faces_of(&file(name))
}

fn faces_of(bytes: &[u8]) -> Vec<String> {
    decode(bytes).unwrap();
    let mut hasher = Hasher::new(HashOptions::default().faces(Faces::All));
    let hashed = hasher.hash(bytes).unwrap();
    hashed.faces.iter().map(|face| face.face.to_string()).collect()
}

#[test]
fn transparency_and_frames_have_faces() {
    for name in ["alpha.heic", "alpha.avif", "alpha.jxl"] {
        assert_eq!(faces(name), ["white", "black"], "{name}");
    }
    assert_eq!(faces("animated.jxl"), ["longest"]);
    // The sequence begins with the picture.
    assert_eq!(faces("sequence.avif"), ["last"]);
    assert!(faces("420.heic").is_empty());
}

/// Players show the sequence, and other viewers the picture.
#[test]
fn a_sequence_next_to_another_picture_is_a_face() {
    let (mut both, other) = (file("sequence.avif"), file("odd.avif"));
    let data = other.windows(4).position(|name| name == b"mdat").unwrap() + 4;
    let place = both.windows(4).position(|name| name == b"iloc").unwrap() + 18;
    let lies = [both.len() + 8, other.len() - data].map(|number| (number as u32).to_be_bytes());
    both[place..place + 8].copy_from_slice(lies.as_flattened());
    both.extend(&other[data - 8..]);
    let decoded = decode(&both).unwrap();
    assert_eq!((decoded.picture.width, decoded.picture.height, decoded.viewing.animated), (95, 71, true));
    assert_eq!(faces_of(&both), ["first", "last"]);
}

#[test]
fn limits_hold_before_anything_is_decoded() {
    let size = (SIZE.0 * SIZE.1) as u64;
    let limits = |change: fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        limits
    };
    for name in ["420.heic", "420.avif", "420.jxl"] {
        for (what, limits) in [
            ("max_side", limits(|limits| limits.max_side = 95)),
            ("max_pixels", limits(|limits| limits.max_pixels = 96 * 72 - 1)),
            ("max_decoder_bytes", limits(|limits| limits.max_decoder_bytes = 1000)),
        ] {
            let error = decoder(DecodeOptions::default().limits(limits)).decode(&file(name)).unwrap_err();
            assert!(
                matches!(&error, Error::Limit { field: Some(field), .. } if *field == what),
                "{name}: {error}"
            );
        }
        let memory = decoder(DecodeOptions::default()).memory(&file(name), &shadegrid::Algorithm::ALL);
        assert!(memory.first >= 3 * size && memory.first == memory.worst, "{name}: {memory:?}");
    }
}

/// A grid with a broken tile keeps the others, and says so.
#[test]
fn a_broken_tile_costs_its_rows() {
    let whole = file("grid.heic");
    let data = whole.windows(4).position(|name| name == b"mdat").unwrap() + 4;
    let mut broken = whole.clone();
    // The length of the last tile's first unit.
    let iloc = whole.windows(4).position(|name| name == b"iloc").unwrap();
    let last = iloc + 12 + 16 + 3 * 16 + 8;
    let place = u32::from_be_bytes(whole[last..last + 4].try_into().unwrap()) as usize;
    assert!(place > data);
    broken[place..place + 4].fill(0xFF);
    let decoded = decode(&broken).unwrap();
    assert_eq!(decoded.whole, Some(0.5));
    let (pixels, _) = samples(&decoded);
    let (_, rgb) = expected("grid.heic");
    let above = difference(&pixels[..120 * 60 * 3], &rgb[..120 * 60 * 3]);
    assert!(above.0 <= 40, "{above:?}");
    assert_eq!(pixels.last_chunk(), Some(&[0, 0, 0]));
    let error = decoder(DecodeOptions::default().damaged(DamagedPolicy::Refuse)).decode(&broken).unwrap_err();
    assert_eq!(error.code(), "corrupt");
}

/// A file that is cut anywhere is an error or what it shows of the picture; nothing ends.
#[test]
fn files_that_are_cut_are_errors() {
    for (name, bytes) in files() {
        let mut decoded = 0;
        for length in (0..bytes.len()).step_by(1 + bytes.len() / 40) {
            match decode(&bytes[..length]) {
                Ok(_) => decoded += 1,
                Err(error) => assert!(
                    ["corrupt", "input", "unsupported"].contains(&error.code()),
                    "{name} {length}: {error}"
                ),
            }
        }
        // What lies behind the picture may be missing: other frames, opacity, data of nothing.
        assert!(decoded <= 25, "{name}: {decoded} of 41");
    }
}

/// A HEIC of a small picture, as a grid that names one tile so often.
fn repeated(times: u16) -> Vec<u8> {
    fn part(name: &[u8; 4], content: &[&[u8]]) -> Vec<u8> {
        let content = content.concat();
        [&(content.len() as u32 + 8).to_be_bytes()[..], name, &content].concat()
    }
    let whole = file("grid.heic");
    let content = |name: &[u8; 4]| {
        let at = whole.windows(4).position(|found| found == name).unwrap();
        let length = u32::from_be_bytes(whole[at - 4..at].try_into().unwrap()) as usize;
        whole[at + 4..at - 4 + length].to_vec()
    };
    let iloc = content(b"iloc");
    let (place, length) = (&iloc[8 + 16 + 8..][..4], &iloc[8 + 16 + 12..][..4]);
    let start = u32::from_be_bytes(place.try_into().unwrap()) as usize;
    let tile = &whole[start..][..u32::from_be_bytes(length.try_into().unwrap()) as usize];
    let side = 64 * (times / 256);
    let grid = [&[0, 0, (times / 256 - 1) as u8, 255][..], &(64 * 256u16).to_be_bytes(), &side.to_be_bytes()]
        .concat();
    let named = [&b"\0\x01"[..], &times.to_be_bytes(), &2u16.to_be_bytes().repeat(times.into())].concat();
    let lies = |offset: u32| {
        let entry = |item: u16, method: u16, offset: u32, length: usize| {
            let shorts = [item, method, 0, 1].map(u16::to_be_bytes);
            [shorts.as_flattened(), &offset.to_be_bytes(), &(length as u32).to_be_bytes()].concat()
        };
        [&b"\x01\0\0\0\x44\0\0\x02"[..], &entry(1, 1, 0, grid.len()), &entry(2, 0, offset, tile.len())]
            .concat()
    };
    let meta = |offset: u32| {
        let tables = [
            part(b"pitm", &[&content(b"pitm")]),
            part(b"iinf", &[&content(b"iinf")]),
            part(b"iref", &[&[0; 4], &part(b"dimg", &[&named])]),
            part(b"iprp", &[&content(b"iprp")]),
            part(b"iloc", &[&lies(offset)]),
            part(b"idat", &[&grid]),
        ];
        [part(b"ftyp", &[b"heic\0\0\0\0mif1heic"]), part(b"meta", &[&[0; 4], &tables.concat()])].concat()
    };
    let offset = meta(0).len() as u32 + 8;
    [meta(offset), part(b"mdat", &[tile])].concat()
}

/// What a small file names over and over is a limit or an error, and never without end.
#[test]
fn one_tile_in_many_places_is_bounded() {
    let decoded = decode(&repeated(512)).unwrap();
    assert_eq!((decoded.picture.width, decoded.picture.height, decoded.whole), (64 * 256, 128, None));
    let many = repeated(65_280);
    assert!(many.len() < 200_000);
    let error = decode(&many).unwrap_err();
    assert!(["limit", "corrupt"].contains(&error.code()), "{error}");
}

/// What the system says of a helper that serves: it has given up files and most calls.
#[cfg(target_os = "linux")]
#[test]
fn the_helper_keeps_what_it_needs_alone() {
    use std::io::{Read, Write};
    use std::process::Stdio;

    let mut helper = Command::new(env!("CARGO_BIN_EXE_shadegrid"))
        .arg("decoder")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let data = b"no picture";
    let numbers = [data.len() as u64, 100, 1 << 20, 1].map(u64::to_le_bytes);
    let (mut to, from) = (helper.stdin.take().unwrap(), helper.stdout.as_mut().unwrap());
    let mut word = [0; 8];
    from.read_exact(&mut word).unwrap();
    assert_eq!(&word, b"decoder2");
    for codec in [b"av01", b"hvc1"] {
        to.write_all(&[&codec[..], numbers.as_flattened(), data].concat()).unwrap();
        let mut reply = [0; 3];
        from.read_exact(&mut reply).unwrap();
        // Without the library HEVC is not read.
        assert!(reply[0] == 1 || codec == b"hvc1" && reply[0] == 2, "{reply:?}");
        let mut message = vec![0; u16::from_le_bytes([reply[1], reply[2]]).into()];
        from.read_exact(&mut message).unwrap();
    }
    let status = fs::read_to_string(format!("/proc/{}/status", helper.id())).unwrap();
    assert!(status.lines().any(|line| line == "Seccomp:\t2"), "{status}");
    let limits = fs::read_to_string(format!("/proc/{}/limits", helper.id())).unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    assert_eq!(files.split_whitespace().nth(3), Some("0"), "{files}");
    drop(to);
    assert!(helper.wait().unwrap().success());
}

/// Numbers that follow from one another.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// A file with some of its bytes or lengths wrong, or with parts of it gone or there twice.
fn mutant(whole: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    for _ in 0..=numbers.below(8) {
        let place = numbers.below(bytes.len());
        match numbers.below(8) {
            0 => bytes[place] ^= 1 << numbers.below(8),
            1 => bytes[place] = 0xFF,
            2 => bytes[place] = 0,
            3 | 4 => bytes[place] = numbers.below(256) as u8,
            5 => {
                let number = [0, 1, 0x7FFF_FFFF, 0x8000_0000, u32::MAX, 0x0001_0000][numbers.below(6)];
                bytes.iter_mut().skip(place).zip(number.to_be_bytes()).for_each(|(to, from)| *to = from);
            }
            6 => {
                let end = (place + 1 + numbers.below(64)).min(bytes.len());
                let part = bytes[place..end].to_vec();
                bytes.splice(place..place, part);
            }
            _ => {
                let end = (place + 1 + numbers.below(16)).min(bytes.len() - 1).max(place);
                bytes.drain(place..end);
            }
        }
    }
    bytes
}

/// Of many files with wrong bytes each has its record, and the run does not end. `SHADEGRID_MUTANTS` says how many.
#[test]
fn mutants_have_a_record_each() {
    let mutants = env::var("SHADEGRID_MUTANTS").map_or(2000, |count| count.parse().unwrap());
    let (folder, apart) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut numbers = Numbers(19);
    let files = files();
    for number in 0..mutants {
        let (name, bytes) = &files[number % files.len()];
        fs::write(folder.path().join(format!("{number}-{name}")), mutant(bytes, &mut numbers)).unwrap();
    }
    let records = apart.path().join("records.jsonl");
    let output = Command::new(env!("CARGO_BIN_EXE_shadegrid"))
        .args(["hash", "-v", "--threads", "2", "-o"])
        .arg(&records)
        .arg(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    let lines = fs::read_to_string(&records).unwrap();
    let records: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.len(), mutants);
    let count = |is_so: &dyn Fn(&Value) -> bool| records.iter().filter(|record| is_so(record)).count();
    let whole = count(&|record| record["status"] == "ok");
    assert!(whole > mutants / 20 && whole < mutants, "{whole}");
    // Most of what is wrong a decoder says; a helper that ends is another record, and the next picture has another helper.
    let ended = count(&|record| {
        record["error_message"].as_str().is_some_and(|why| why.contains("the decoder ended"))
    });
    let gave_up =
        count(&|record| record["error_message"].as_str().is_some_and(|why| why.contains("gave up")));
    println!(
        "{mutants} mutants: {whole} with a picture, {ended} ended a helper, {gave_up} a decoder gave up"
    );
    assert!(ended < mutants / 10, "{ended}");
    // Faces and frames may end one too.
    let line = said.lines().find(|line| line.contains("of AVIF and HEIC ended"));
    let counted = line.map_or(0, |line| line.split(' ').next().unwrap().parse().unwrap());
    assert!(ended <= counted, "{ended} of {counted}");
}

/// The signature of each further frame of a file by its number, or the code of its error.
fn frames_of(bytes: &[u8], limits: Limits) -> Vec<(u64, Result<PhotoDna, &'static str>)> {
    drop(decoder(DecodeOptions::default()));
    let decode = DecodeOptions::default().frames(Frames::All).limits(limits);
    let hashed = Hasher::new(HashOptions::default().decode(decode)).hash(bytes).unwrap();
    let of = |outcome: &Result<shadegrid::Hashed, shadegrid::FrameError>| match outcome {
        Ok(hashed) => Ok(hashed.photodna.unwrap().signature),
        Err(error) => Err(error.error().code()),
    };
    hashed.frames.iter().map(|frame| (frame.number, of(&frame.outcome))).collect()
}

fn signature(bytes: &[u8]) -> PhotoDna {
    drop(decoder(DecodeOptions::default()));
    Hasher::new(HashOptions::default()).hash(bytes).unwrap().photodna.unwrap().signature
}

/// A box of the file format.
fn boxed(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32 + 8).to_be_bytes(), &name[..], content].concat()
}

/// A file with nothing but a sequence of these pictures, each the only one of a file by `heif-enc` and with parameters like the others'.
fn sequence(pictures: &[&[u8]]) -> Vec<u8> {
    let content = |file: &[u8], name: &[u8; 4]| -> Vec<u8> {
        let at = file.windows(4).position(|found| found == name).unwrap();
        let length = u32::from_be_bytes(file[at - 4..at].try_into().unwrap()) as usize;
        file[at + 4..at - 4 + length].to_vec()
    };
    let data: Vec<Vec<u8>> = pictures.iter().map(|file| content(file, b"mdat")).collect();
    let full = |name: &[u8; 4], numbers: &[u32]| {
        let numbers: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
        boxed(name, &[&[0; 4], &numbers[..]].concat())
    };
    let mut entry = vec![0; 78];
    entry[24..28].copy_from_slice(&[0, SIZE.0 as u8, 0, SIZE.1 as u8]);
    entry.extend(boxed(b"hvcC", &content(pictures[0], b"hvcC")));
    let head = [boxed(b"ftyp", b"hevc\0\0\0\0hevcmsf1"), boxed(b"mdat", &data.concat())].concat();
    let first = (head.len() - data.concat().len()) as u32;
    let sizes = [&[0, data.len() as u32], &data.iter().map(|data| data.len() as u32).collect::<Vec<_>>()[..]]
        .concat();
    let tables = [
        boxed(b"stsd", &[&[0, 0, 0, 0, 0, 0, 0, 1], &boxed(b"hvc1", &entry)[..]].concat()),
        full(b"stts", &[1, data.len() as u32, 10]),
        // Two chunks: of one picture, and of all others.
        full(b"stsc", &[2, 1, 1, 1, 2, data.len() as u32 - 1, 1]),
        full(b"stsz", &sizes),
        full(b"stco", &[2, first, first + data[0].len() as u32]),
    ];
    let media = [
        full(b"mdhd", &[0, 0, 100, 0]),
        full(b"hdlr", &[0, u32::from_be_bytes(*b"pict"), 0, 0, 0]),
        boxed(b"minf", &boxed(b"stbl", &tables.concat())),
    ];
    [head, boxed(b"moov", &boxed(b"trak", &boxed(b"mdia", &media.concat())))].concat()
}

#[test]
fn every_picture_of_a_sequence_is_a_frame() {
    let (still, mirrored) = (signature(&file("sequence.avif")), signature(&file("mirrored.avif")));
    // Its picture, number 0, is also the first of the sequence.
    let found = frames_of(&file("sequence.avif"), Limits::default());
    let [(1, Ok(first)), (2, Ok(second))] = &found[..] else { panic!("{found:?}") };
    assert!(first.distance(&still) == 0 && second.distance(&mirrored) < 2000);
    assert!(second.distance(&still) > 20_000);
}

#[test]
fn a_sequence_alone_has_its_first_picture_as_number_0() {
    let still = file("420.heic");
    let all = sequence(&[&still[..]; 4]);
    assert_eq!(signature(&all), signature(&still));
    let found = frames_of(&all, Limits::default());
    // Without the library nothing else decodes sequences.
    if !matches!(found[..], [(1, Err("unsupported"))]) || required("heic") {
        let expected: Vec<_> = (1..4).map(|number| (number, Ok(signature(&still)))).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn frames_of_a_sequence_are_bounded_and_none_is_lost_in_silence() {
    let file = file("sequence.avif");
    let mut most = Limits::default();
    most.max_pixels = (SIZE.0 * SIZE.1) as u64;
    assert_eq!(frames_of(&file, most).len(), 2);
    // The second picture lies behind the file's end, or its data is none.
    let track = file.windows(4).position(|name| name == b"stsz").unwrap();
    let place = track + 4 + 12 + 4;
    let mut longer = file.clone();
    longer[place..place + 4].copy_from_slice(&u32::MAX.to_be_bytes());
    let mut broken = file.clone();
    let size = u32::from_be_bytes(file[place..place + 4].try_into().unwrap()) as usize;
    let end = broken.len();
    broken[end - size..].fill(0xFF);
    for (what, file) in [("longer", longer), ("broken", broken)] {
        let found = frames_of(&file, Limits::default());
        assert!(matches!(found[..], [(1, Ok(_)), (2, Err("corrupt"))]), "{what}: {found:?}");
    }
}

fn required(name: &str) -> bool {
    env::var("SHADEGRID_REQUIRE").unwrap_or_default().split(',').any(|required| required == name)
}

//! The estimate of a picture's memory is what decoding and hashing it takes.

mod common;

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use common::encode::{Png, Tiff, bmp, gif, webp};
use common::{jpeg, odd, scene};
use peak_alloc::PeakAlloc;
use shadegrid::{Algorithm, DetailChoice, HashOptions, Hasher};

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

const SIZE: (usize, usize) = (1600, 1200);

fn little(number: usize) -> [u8; 4] {
    (number as u32).to_le_bytes()
}

/// The bitmap with its rows from top to bottom by its header.
fn top_down(mut file: Vec<u8>, height: i32) -> Vec<u8> {
    file[22..26].copy_from_slice(&(-height).to_le_bytes());
    file
}

/// The bitmap with the header of 12 bytes that OS/2 had.
fn core_header(file: &[u8], (width, height): (u16, u16)) -> Vec<u8> {
    let size = [12u16, 0, width, height, 1, 24].map(u16::to_le_bytes).concat();
    [&file[..10], &little(26), &size, &file[54..]].concat()
}

/// A JPEG of this size by its header, whose data ends long before.
fn sized(name: &str, (width, height): (usize, usize)) -> Vec<u8> {
    let mut file = jpeg(name);
    let frame = file.windows(2).position(|pair| matches!(pair, [0xFF, 0xC0..=0xC2])).unwrap();
    file[frame + 5..frame + 7].copy_from_slice(&(height as u16).to_be_bytes());
    file[frame + 7..frame + 9].copy_from_slice(&(width as u16).to_be_bytes());
    file
}

/// The same with the height behind the first scan, in a DNL segment (T.81, B.2.5).
fn height_by_dnl(name: &str, size: (usize, usize)) -> Vec<u8> {
    let mut file = sized(name, (size.0, 0));
    file.truncate(file.len() - 2);
    let dnl = [&[0xFF, 0xDC, 0, 4][..], &(size.1 as u16).to_be_bytes(), &[0xFF, 0xD9]].concat();
    [file, dnl].concat()
}

/// The file with as much behind its end as it is long.
fn with_tail(file: Vec<u8>) -> Vec<u8> {
    [&file[..], &vec![7; file.len().max(1 << 20)]].concat()
}

/// The JPEG with an ICC profile in as many segments as that takes (ICC.1:2022, B.4).
fn with_profile(file: Vec<u8>, profile: &[u8]) -> Vec<u8> {
    let segment = |part: &[u8]| {
        let length = (part.len() as u16 + 16).to_be_bytes();
        [&[0xFF, 0xE2][..], &length, b"ICC_PROFILE\0\x01\x01", part].concat()
    };
    let segments: Vec<u8> = profile.chunks(60_000).flat_map(segment).collect();
    [&file[..2], &segments, &file[2..]].concat()
}

fn files() -> Vec<(String, Vec<u8>)> {
    let (width, height) = SIZE;
    let (w, h) = (width as u32, height as u32);
    let rgb = scene(width, height);
    let grey: Vec<u8> = rgb.iter().step_by(3).copied().collect();
    let rgba: Vec<u8> = rgb.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], 128]).collect();
    let palette: Vec<u8> = (0..=255).flat_map(|n| [n, 255 - n, n / 2]).collect();
    let frame = gif::Frame::from_indexed_pixels(width as u16, height as u16, grey.clone(), None);
    let plain = bmp(w, h, &rgb);
    let mut files = vec![
        ("png".to_string(), Png::new((w, h), 3, rgb.clone()).encode()),
        ("grey png".into(), Png::new((w, h), 1, grey.clone()).encode()),
        ("png with alpha".into(), Png::new((w, h), 4, rgba.clone()).encode()),
        ("bmp".into(), plain.clone()),
        ("bmp from the top".into(), top_down(plain.clone(), height as i32)),
        ("bmp of OS/2".into(), core_header(&plain, (width as u16, height as u16))),
        ("bmp that breaks off".into(), plain[..plain.len() / 3].to_vec()),
        ("bmp with no place of pixels".into(), {
            let mut file = odd::bmp_header(&plain, 64);
            file[10..14].fill(0);
            file
        }),
        ("bmp with a tail".into(), with_tail(plain)),
        ("tiff".into(), Tiff::new((w, h), 3, rgb.clone()).encode()),
        ("grey tiff".into(), Tiff::new((w, h), 1, grey).encode()),
        ("webp".into(), webp(w, h, &rgb)),
        ("webp with alpha".into(), webp(w, h, &rgba)),
        ("gif".into(), gif((width as u16, height as u16), frame, &palette)),
    ];
    let plain = bmp(w, h, &rgb);
    let one = Tiff { rows_per_strip: h, ..Tiff::new((w, h), 3, rgb.clone()) };
    let mut flagged = webp(w, h, &rgb);
    flagged = odd::webp(8, (w, h), &[(b"VP8L", &flagged.split_off(20))]);
    files.extend([
        ("bmp with OS/2's second header".to_string(), odd::bmp_header(&plain, 64)),
        ("bmp with masks of 24 bits".into(), odd::bmp_masks(&plain, 3, &[0xFF, 0xFF00, 0xFF_0000])),
        ("CgBI".into(), odd::apples(&Png::new((w, h), 4, rgba.clone()).encode())),
        ("tiff in old LZW".into(), odd::old_lzw(&one)),
        ("tiff with shared chroma".into(), odd::shared_chroma((w, h), (2, 2), rgb[..rgb.len() / 2].to_vec())),
        ("webp with a flag too many".into(), flagged),
    ]);
    for name in ["base-420", "base-444", "grey", "grey-prog", "prog-420", "prog-444"] {
        files.push((name.to_string(), sized(name, SIZE)));
        files.push((format!("{name} with a tail"), with_tail(sized(name, SIZE))));
    }
    files.push(("height by DNL".into(), height_by_dnl("base-420", SIZE)));
    let screens = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    for (what, profile) in [("a profile", screens), ("a profile without end", vec![b'x'; 5 << 20])] {
        files.push((what.into(), with_profile(sized("base-420", SIZE), &profile)));
    }
    let side = SIZE.0 as u16;
    let mut animation = Vec::new();
    let mut encoder =
        gif::Encoder::new(&mut animation, side, SIZE.1 as u16, &[0, 0, 0, 250, 250, 250]).unwrap();
    for first in [0, 1] {
        let pixels: Vec<u8> = (0..SIZE.0 * SIZE.1).map(|at| u8::from(at % 3 == first)).collect();
        encoder.write_frame(&gif::Frame::from_indexed_pixels(side, SIZE.1 as u16, pixels, None)).unwrap();
    }
    drop(encoder);
    files.push(("animation".into(), animation));
    let grey = (0..SIZE.0 * SIZE.1).map(|at| (at * 7) as u8).collect();
    let mut chunks = odd::chunks(&Png::new((SIZE.0 as u32, SIZE.1 as u32), 1, grey).encode());
    chunks.insert(1, (*b"gAMA", 100_000u32.to_be_bytes().to_vec()));
    files.push(("grey with a gamma".into(), odd::png(&chunks)));
    files.extend(large());
    files
}

/// Pictures of the same size that only features read.
fn large() -> Vec<(String, Vec<u8>)> {
    let is_read =
        |kind: &str| cfg!(feature = "heic") && kind == "heic" || cfg!(feature = "jxl") && kind == "jxl";
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/modern/large");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let read = paths.filter(|path| path.extension().is_some_and(|kind| is_read(&kind.to_string_lossy())));
    read.map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap()))
        .collect()
}

/// A frame that announces more than its canvas has takes no more than that.
#[test]
fn frames_take_no_more_than_their_canvas() {
    let _alone = ALONE.lock().unwrap();
    let frame = gif::Frame::from_indexed_pixels(100, 100, vec![1; 10_000], None);
    let mut file = gif((100, 100), frame, &[0, 0, 0, 250, 250, 250]);
    file.pop();
    file.extend(b"\x2c\0\0\0\0\xff\xff\xff\xff\0\x02\x02\x4c\x01\0\x3b");
    let (taken, hashed) = taken(|| Hasher::new(HashOptions::default()).hash(&file));
    assert!(hashed.unwrap().viewing.animated);
    assert!(taken < 16 << 20, "{taken} bytes for a canvas of 100 pixels a side");
}

/// Files whose further frames, pages and pictures take more than the first, or are many.
fn several() -> Vec<(&'static str, Vec<u8>)> {
    let (width, height) = (1200, 900);
    let (w, h) = (width as u32, height as u32);
    let rgb = scene(width, height);
    let rgba: Vec<u8> = rgb.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], 128]).collect();
    let page = |rows_per_strip, size, rgb| Tiff { rows_per_strip, ..Tiff::new(size, 3, rgb) }.encode();
    let pages = odd::pages(&page(40, (50, 40), scene(50, 40)), &page(h, (w, h), rgb.clone()));
    let three = |number: u32| number.to_le_bytes()[..3].to_vec();
    let frame = |across: u32, down: u32, still: &[u8]| {
        let place = [0, 0, across - 1, down - 1, 100].map(three).concat();
        [&place[..], &[0], &still[12..]].concat()
    };
    let (first, second) = (frame(50, 40, &webp(50, 40, &scene(50, 40))), frame(w, h, &webp(w, h, &rgba)));
    let moving = odd::webp(0x12, (w, h), &[(b"ANIM", &[0; 6]), (b"ANMF", &first), (b"ANMF", &second)]);
    let (low, high) = (Png::new((8, 8), 3, scene(8, 8)).encode(), Png::new((w, h), 4, rgba).encode());
    let entry = |side: u8, file: &[u8], place: usize| {
        [&[side, side, 0, 0, 1, 0, 24, 0][..], &little(file.len()), &little(place)].concat()
    };
    let icon = [&[0, 0, 1, 0, 2, 0][..], &entry(64, &low, 38), &entry(8, &high, 38 + low.len()), &low, &high];
    let tiny = gif::Frame::from_indexed_pixels(8, 8, vec![1; 64], None);
    let mut many = gif((8, 8), tiny, &[0, 0, 0, 250, 250, 250]);
    many.pop();
    many.extend(b"\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x4c\x01\0".repeat(9000));
    vec![("pages", pages), ("moving", moving), ("icon", icon.concat()), ("many", many)]
}

#[test]
fn further_frames_take_what_is_estimated() {
    let _alone = ALONE.lock().unwrap();
    for (name, file) in several() {
        // Frames that look the same take PDQ its time.
        let mut options = HashOptions::default().algorithms(vec![Algorithm::PhotoDna]);
        options.decode.frames = shadegrid::decode::Frames::All;
        let estimate = Hasher::new(options.clone()).memory(&file).worst;
        let (taken, hashed) = taken(|| Hasher::new(options).hash(&file));
        let frames = hashed.unwrap().frames;
        assert!(frames.first().is_some_and(|frame| frame.outcome.is_ok()), "{name}: {frames:?}");
        assert!(estimate as f64 >= 0.8 * taken as f64, "{name}: estimate {estimate}, taken {taken}");
        assert!(estimate <= 12 * taken + (8 << 20), "{name}: estimate {estimate}, taken {taken}");
    }
}

/// Most bytes that were allocated while `run` ran, without those before.
fn taken<T>(run: impl FnOnce() -> T) -> (u64, T) {
    ALLOCATED.reset_peak_usage();
    let before = ALLOCATED.current_usage();
    let value = run();
    (ALLOCATED.peak_usage().saturating_sub(before) as u64, value)
}

/// One after another: what is allocated is counted for the whole process.
static ALONE: Mutex<()> = Mutex::new(());

#[test]
fn what_is_estimated_is_what_is_taken() {
    let _alone = ALONE.lock().unwrap();
    let mut count = 0;
    for (name, file) in files() {
        for detail in [DetailChoice::Auto, DetailChoice::Full, DetailChoice::Lowest(4)] {
            let mut options = HashOptions::default().algorithms(vec![Algorithm::PhotoDna, Algorithm::Pdq]);
            options.decode.detail = detail;
            let estimate = Hasher::new(options.clone()).memory(&file).worst;
            let (taken, hashed) = taken(|| Hasher::new(options).hash(&file));
            let outcome = hashed.map(|hashed| hashed.whole).map_err(|error| error.to_string());
            let text = format!("{name}, {detail:?}: estimate {estimate}, taken {taken}, {outcome:?}");
            assert!(estimate as f64 >= 0.8 * taken as f64, "{text}");
            // Too high an estimate keeps others waiting. Of a JPEG XL nobody says before what it will take.
            let most = if name.ends_with("jxl") { 8 * taken + (32 << 20) } else { 4 * taken + (8 << 20) };
            assert!(estimate <= most, "{text}");
            count += usize::from(taken > 1 << 20);
        }
    }
    assert!(count >= 50, "{count} took memory worth the name");
}

/// A TIFF of no height, with a table of so many values behind it; `there` of them are in the file.
fn without_height(values: u32, there: usize) -> Vec<u8> {
    let mut file = Tiff::new((60, 50), 1, vec![100; 3000]).encode();
    odd::set(&mut file, 257, (257, 4, 1, 0));
    let end = file.len() as u32;
    odd::set(&mut file, 262, (262, 3, values, end));
    file.resize(file.len() + 2 * there, 0);
    file
}

#[test]
fn tables_of_refused_pictures_are_in_the_estimate() {
    let _alone = ALONE.lock().unwrap();
    for (values, there, least) in [(1 << 20, 0, 0), (1 << 19, 1 << 19, 1 << 20), (1 << 20, 1 << 20, 1 << 20)]
    {
        let file = without_height(values, there);
        let estimated = Hasher::new(HashOptions::default()).memory(&file);
        let (taken, hashed) = taken(|| Hasher::new(HashOptions::default()).hash(&file));
        let text = format!("{values}, {there}: estimated {estimated:?}, taken {taken}, {hashed:?}");
        assert!(hashed.is_err() && taken >= least, "{text}");
        assert!(
            estimated.worst.max(1 << 20) as f64 >= 0.8 * taken as f64 && estimated.first == estimated.worst,
            "{text}"
        );
    }
}

#[test]
fn pixels_that_are_not_there_take_nothing() {
    let _alone = ALONE.lock().unwrap();
    let mut lying = bmp(4, 4, &[0; 48])[..54].to_vec();
    lying[18..22].copy_from_slice(&little(4096));
    // From 16 MiB on the system is asked whether it has them.
    lying[22..26].copy_from_slice(&little(900));
    let (taken, hashed) = taken(|| Hasher::new(HashOptions::default()).hash(&lying));
    assert_eq!(hashed.unwrap_err().code(), "corrupt");
    assert!(taken < 4 << 20, "{taken} bytes for a file of 54");
}

#[cfg(feature = "job")]
#[expect(clippy::print_stdout, reason = "says what was measured")]
mod job {
    use std::path::Path;
    use std::time::Instant;

    use shadegrid::Engine;
    use shadegrid::job::{Folder, Location, Settings, ShardEntry, State, WorkOptions, status, verify, work};
    use shadegrid::pipeline::{Input, InputOptions, RecordFormat};

    use super::*;

    /// The first line of a ledger as another worker may have written it, with many shards in place of one.
    fn lines(location: &Folder) -> ShardEntry {
        let file = location.list("ledger").unwrap().remove(0).name;
        let content = location.read(&format!("ledger/{file}")).unwrap().unwrap();
        serde_json::from_slice(content.split(|byte| *byte == b'\n').next().unwrap()).unwrap()
    }

    fn sealed(entry: &ShardEntry) -> String {
        let text = serde_json::to_string(entry).unwrap();
        let body = text.strip_suffix('}').unwrap();
        format!("{body},\"crc\":\"{:08x}\"}}\n", crc32fast::hash(body.as_bytes()))
    }

    /// A job of one shard, whose ledger says that many more are done.
    fn with_shards(folder: &Path, shards: u64) -> Folder {
        let picture = include_bytes!("../src/pipeline/example.bmp");
        std::fs::create_dir_all(folder.join("photos")).unwrap();
        std::fs::write(folder.join("photos/a.bmp"), picture).unwrap();
        let location = Folder::create(folder.join("job")).unwrap();
        let inputs = [Input::Named(folder.join("photos").into())];
        let (input, hash) = (InputOptions::default(), HashOptions::default());
        let settings = Settings::new(&inputs, &input, 10, RecordFormat::JsonLines, &hash);
        let engine = Engine::builder().threads(1).memory(64 << 20).build().unwrap();
        let at = std::sync::Arc::new(Folder::create(folder.join("job")).unwrap());
        assert!(work(at, &settings, &WorkOptions::new(engine)).unwrap().report.complete);
        let mut entry = lines(&location);
        let mut some = String::new();
        for shard in 1..shards {
            (entry.shard, entry.file) = (shard, format!("records/{shard:07}.jsonl"));
            for state in [State::Announced, State::Done] {
                entry.state = state;
                some += &sealed(&entry);
            }
            if shard % 2_048 == 0 || shard + 1 == shards {
                location
                    .append(&format!("ledger/another_{:04}.jsonl", shard / 2_048), some.as_bytes())
                    .unwrap();
                some.clear();
            }
        }
        location
    }

    /// A ledger's memory does not grow with what its lines say: 24 bytes a shard are kept and 32 summed up, and some MiB are read at a time.
    /// `SHADEGRID_SHARDS=1000000 cargo test --test memory -- shards --nocapture` says what a million take.
    #[test]
    fn shards_that_are_done_take_few_bytes() {
        let _alone = ALONE.lock().unwrap();
        let shards = std::env::var("SHADEGRID_SHARDS").map_or(60_000, |shards| shards.parse().unwrap());
        let folder = tempfile::tempdir().unwrap();
        let location = with_shards(folder.path(), shards);
        let written: u64 = location.list("ledger").unwrap().iter().map(|listed| listed.length).sum();
        assert!(written > 1_000 * shards, "{written} bytes of lines");
        let started = Instant::now();
        let (bytes, looked) = taken(|| status(&location).unwrap());
        assert_eq!((looked.done, looked.records, looked.damaged_lines), (shards, shards, 0));
        println!(
            "{bytes} bytes and {:?} for the status of {shards} shards, of which {written} bytes are written",
            started.elapsed()
        );
        assert!(bytes < (48 << 20) + 80 * shards, "{bytes} bytes for {shards} shards");
        let started = Instant::now();
        let (bytes, verdict) = taken(|| verify(&location).unwrap());
        assert_eq!(verdict.fault_count, shards - 1, "each but the first is of no plan");
        println!("{bytes} bytes and {:?} for the check", started.elapsed());
        assert!(bytes < (48 << 20) + 80 * shards, "{bytes} bytes to check {shards} shards");
    }
}

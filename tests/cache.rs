//! `--cache` and `--skip-known`: a second run reads only what has changed, and its records are the same, byte for byte.

use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

mod common;
#[path = "common/jobs.rs"]
mod jobs;

use common::encode::Png;
use jobs::{code, output, stderr};
use tempfile::TempDir;

/// How many pictures there are.
const COUNT: u64 = 12;

/// A folder `photos` of pictures, one of which is damaged, with notes and something that is cut so that nothing comes of it.
fn photos() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let photos = folder.path().join("photos");
    fs::create_dir(&photos).unwrap();
    for number in 0..COUNT - 2 {
        fs::write(photos.join(format!("{number:02}.bmp")), jobs::bitmap(number, 60)).unwrap();
    }
    let rgba: Vec<u8> =
        (0..60 * 60u32).flat_map(|at| [at as u8, (at / 60) as u8 * 4, 9, (at % 256) as u8]).collect();
    let png = Png::new((60, 60), 4, rgba).encode();
    fs::write(photos.join("alpha.png"), &png).unwrap();
    fs::write(photos.join("cut.png"), &png[..png.len() / 2]).unwrap();
    fs::write(photos.join("notes.txt"), b"no picture").unwrap();
    fs::write(photos.join("broken.jpg"), b"\xFF\xD8\xFF\xE0").unwrap();
    folder
}

fn run(folder: &TempDir, arguments: &str) -> Output {
    output(folder.path(), &arguments.split(' ').collect::<Vec<_>>())
}

/// How many pictures a run knew already.
fn known(run: &Output) -> u64 {
    let said = stderr(run);
    let Some((before, _)) = said.split_once(" of them known from the cache") else { return 0 };
    before.rsplit(' ').next().unwrap().parse().unwrap()
}

/// Runs until so many pictures are known: what was written a moment ago is not kept.
fn until_known(folder: &TempDir, arguments: &str, expected: u64) -> Output {
    let begun = Instant::now();
    loop {
        let found = run(folder, arguments);
        if known(&found) == expected {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{} known: {}", known(&found), stderr(&found));
        assert!(known(&found) <= expected, "{}", stderr(&found));
    }
}

fn path(folder: &TempDir, name: &str) -> std::path::PathBuf {
    folder.path().join(name)
}

#[test]
fn records_from_the_cache_are_those_that_were_computed() {
    let folder = photos();
    for format in ["jsonl", "csv"] {
        let plain = run(&folder, &format!("hash photos --format {format}"));
        let cached = format!("hash photos --format {format} --cache known.cache");
        let first = run(&folder, &cached);
        let last = until_known(&folder, &cached, COUNT);
        for other in [&first, &last] {
            assert_eq!(other.stdout, plain.stdout, "{format}");
            assert_eq!(code(other), code(&plain));
        }
        assert!(
            stderr(&last).contains("12 of 13 hashed, 12 of them known from the cache, 1 failed"),
            "{}",
            stderr(&last)
        );
        assert!(!stderr(&last).contains("pictures/s"), "nothing was hashed: {}", stderr(&last));
    }
    // Other options are other answers.
    let other = run(&folder, "hash photos --cache known.cache --algorithm pdq");
    assert_eq!(known(&other), 0);
    assert_eq!(other.stdout, run(&folder, "hash photos --algorithm pdq").stdout);
    for option in [
        "--faces stored",
        "--orient exif",
        "--damaged refuse",
        "--detail full",
        "--max-pixels 99999",
        "--frames all",
    ] {
        assert_eq!(known(&run(&folder, &format!("hash photos --cache known.cache {option}"))), 0, "{option}");
    }
    assert_eq!(
        known(&run(&folder, "hash photos --cache known.cache")),
        COUNT,
        "and they stay next to each other"
    );
    // Relative and absolute paths are the same files.
    let absolute = path(&folder, "photos");
    let found = output(folder.path(), &["hash", absolute.to_str().unwrap(), "--cache", "known.cache"]);
    assert_eq!(known(&found), COUNT);
    assert!(
        String::from_utf8_lossy(&found.stdout).contains(absolute.to_str().unwrap()),
        "keys are those of this run"
    );
}

#[test]
fn what_changes_is_read_again() {
    let folder = photos();
    let cached = "hash photos --cache known.cache";
    until_known(&folder, cached, COUNT);
    let picture = path(&folder, "photos/03.bmp");
    let modified = fs::metadata(&picture).unwrap().modified().unwrap();
    let check = |what: &str| {
        let found = run(&folder, cached);
        assert_eq!(known(&found), COUNT - 1, "{what}: {}", stderr(&found));
        assert_eq!(found.stdout, run(&folder, "hash photos").stdout, "{what}");
        until_known(&folder, cached, COUNT);
    };
    let with_time = |path: &Path, content: &[u8]| {
        fs::write(path, content).unwrap();
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_times(fs::FileTimes::new().set_modified(modified)).unwrap();
    };
    // Another size.
    fs::write(&picture, jobs::bitmap(71, 50)).unwrap();
    check("size");
    // Touched: the same content, another time.
    fs::File::options()
        .write(true)
        .open(&picture)
        .unwrap()
        .set_modified(std::time::SystemTime::now())
        .unwrap();
    check("time");
    // The same size and time.
    with_time(&picture, &jobs::bitmap(72, 50));
    until_known(&folder, cached, COUNT);
    #[cfg(unix)]
    {
        with_time(&picture, &jobs::bitmap(73, 50));
        check("written over, with size and time as before");
        with_time(&path(&folder, "other"), &jobs::bitmap(74, 50));
        fs::rename(path(&folder, "other"), &picture).unwrap();
        check("another file in its place, with size and time as before");
    }
    // A file that is gone is no longer there, and another is.
    fs::rename(&picture, path(&folder, "photos/moved.bmp")).unwrap();
    check("moved");
}

#[cfg(unix)]
#[test]
fn it_is_for_its_owner_alone_and_one_run_at_a_time() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = photos();
    let mode = || fs::metadata(path(&folder, "known.cache")).unwrap().permissions().mode() & 0o777;
    run(&folder, "hash photos --cache known.cache");
    assert_eq!(mode(), 0o600);
    fs::set_permissions(path(&folder, "known.cache"), fs::Permissions::from_mode(0o644)).unwrap();
    run(&folder, "hash photos --cache known.cache");
    assert_eq!(mode(), 0o600);
    // A run that waits for standard input has it.
    let wait = || {
        let mut command = jobs::shadegrid(folder.path(), &["hash", "-", "--cache", "known.cache"]);
        command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::null()).spawn().unwrap()
    };
    let mut waiting = wait();
    let begun = Instant::now();
    let refused = loop {
        let found = run(&folder, "hash photos --cache known.cache");
        if code(&found) == 1 {
            break found;
        }
        if waiting.try_wait().unwrap().is_some() {
            // It met the cache while the run above had it.
            waiting = wait();
        }
        assert!(begun.elapsed() < Duration::from_secs(60));
    };
    assert!(stderr(&refused).contains("in use by another run: wait for it"), "{}", stderr(&refused));
    drop(waiting.stdin.take());
    waiting.wait().unwrap();
    assert_ne!(code(&run(&folder, "hash photos --cache known.cache")), 1);
}

#[test]
fn what_is_no_cache_or_damaged_is_refused_and_never_a_wrong_record() {
    let folder = photos();
    let cached = "hash photos --cache known.cache";
    let plain = run(&folder, "hash photos").stdout;
    until_known(&folder, cached, COUNT);
    let whole = fs::read(path(&folder, "known.cache")).unwrap();
    let refused = |content: &[u8], words: &str| {
        fs::write(path(&folder, "known.cache"), content).unwrap();
        let found = run(&folder, cached);
        assert_eq!(code(&found), 1, "{}", stderr(&found));
        assert!(stderr(&found).contains(words) && found.stdout.is_empty(), "{words}: {}", stderr(&found));
        assert_eq!(fs::read(path(&folder, "known.cache")).unwrap(), content, "it is left alone");
    };
    refused(
        b"notes that somebody wrote, long enough to look like something else than an empty file",
        "something else than a cache",
    );
    // Another program's file, and that of a newer version: numbers in SQLite's header.
    let with = |at: usize, number: u32| {
        let mut file = whole.clone();
        file[at..at + 4].copy_from_slice(&number.to_be_bytes());
        file
    };
    refused(&with(68, 7), "something else than a cache");
    refused(&with(60, 99), "is of a newer version");
    // Damage anywhere is found, or changes nothing.
    let (mut refusals, mut step) = (0, 0);
    for at in (100..whole.len()).step_by(whole.len() / 40) {
        let mut file = whole.clone();
        step += 1;
        file[at..(at + 30).min(whole.len())].iter_mut().for_each(|byte| *byte = byte.wrapping_add(step));
        fs::write(path(&folder, "known.cache"), &file).unwrap();
        let found = run(&folder, cached);
        if code(&found) == 1 {
            refusals += 1;
            assert!(stderr(&found).contains("known.cache"), "{}", stderr(&found));
        } else {
            assert_eq!(found.stdout, plain, "damage at {at}: {}", stderr(&found));
        }
    }
    assert!(refusals < 40, "not all of the file is its structure");
    // What is read is never written over, and a cache is no input.
    for (arguments, words) in [
        ("hash photos/03.bmp --cache photos/03.bmp", "is the input"),
        ("hash photos --cache photos/04.bmp", "holds something else than a cache"),
        ("hash photos --cache none/a.cache", "there is no folder"),
    ] {
        let found = run(&folder, arguments);
        assert_eq!(code(&found), 1, "{arguments}");
        assert!(stderr(&found).contains(words), "{arguments}: {}", stderr(&found));
    }
}

#[test]
fn frames_and_groups_come_from_the_cache_too() {
    let folder = photos();
    let (mut file, side) = (Vec::new(), 60);
    let palette: Vec<u8> = (0..=255).flat_map(|grey| [grey; 3]).collect();
    let mut encoder = gif::Encoder::new(&mut file, side, side, &palette).unwrap();
    for number in 0..4u64 {
        let shade = |at: u64| (at % 60 * (number + 1) + at / 60 * (5 - number)) as u8;
        let grey: Vec<u8> = (0..60 * 60).map(shade).collect();
        encoder.write_frame(&gif::Frame::from_indexed_pixels(side, side, grey, None)).unwrap();
    }
    drop(encoder);
    fs::write(path(&folder, "photos/moving.gif"), &file).unwrap();
    let cut = &file[..file.len() - 900];
    fs::write(path(&folder, "photos/cut.gif"), cut).unwrap();
    let arguments = "hash photos --frames all";
    let plain = run(&folder, arguments);
    // The three further frames too; what has an error among them is read every time.
    let found = until_known(&folder, &format!("{arguments} --cache known.cache"), COUNT + 4);
    assert_eq!(found.stdout, plain.stdout);
    let text = String::from_utf8(plain.stdout).unwrap();
    assert!(
        text.contains(r#""key":"photos/moving.gif#frame-3""#)
            && text.contains(r#""key":"photos/cut.gif#frame-3","status":"error""#)
    );
    // The same groups.
    fs::copy(path(&folder, "photos/05.bmp"), path(&folder, "photos/copy.bmp")).unwrap();
    let grouped = run(&folder, "dedupe photos");
    assert_eq!(code(&grouped), 2, "some failed: {}", stderr(&grouped));
    let again = until_known(&folder, "dedupe photos --cache known.cache", COUNT + 3);
    assert_eq!(again.stdout, grouped.stdout);
    assert!(!grouped.stdout.is_empty());
}

#[test]
fn what_is_in_records_already_is_skipped_and_counted() {
    let folder = photos();
    for format in ["jsonl", "csv", "parquet"] {
        let records = format!("before.{format}");
        run(&folder, &format!("hash photos -o {records} --force"));
        let found = run(&folder, &format!("hash photos --skip-known {records}"));
        let text = String::from_utf8(found.stdout.clone()).unwrap();
        let keys: Vec<&str> = text.lines().map(|line| line.split('"').nth(3).unwrap()).collect();
        assert_eq!(keys, ["photos/broken.jpg", "photos/notes.txt"], "what failed is tried again");
        assert!(stderr(&found).contains(", 12 skipped (in the records already)"), "{}", stderr(&found));
        // Of nothing that is left, nothing is missing.
        let found = run(&folder, &format!("hash photos/01.bmp photos/02.bmp --skip-known {records}"));
        assert_eq!((code(&found), found.stdout.len()), (0, 0), "{}", stderr(&found));
        assert!(stderr(&found).contains("2 skipped (in the records already)"), "{}", stderr(&found));
    }
    // Another size is another picture, and another key another input.
    fs::write(path(&folder, "photos/03.bmp"), jobs::bitmap(3, 64)).unwrap();
    fs::write(path(&folder, "photos/new.bmp"), jobs::bitmap(99, 60)).unwrap();
    let found = run(&folder, "hash photos --skip-known before.jsonl");
    let text = String::from_utf8_lossy(&found.stdout).into_owned();
    for key in ["photos/03.bmp", "photos/new.bmp"] {
        assert!(text.contains(key), "{text}");
    }
    assert_eq!(text.lines().count(), 4);
    // Members of archives by their keys.
    let members: Vec<(String, Vec<u8>)> = (0..4).map(|n| (format!("{n}.bmp"), jobs::bitmap(n, 60))).collect();
    fs::write(path(&folder, "a.tar"), common::archive::tar(&members)).unwrap();
    run(&folder, "hash a.tar -o members.jsonl");
    let found = run(&folder, "hash a.tar --skip-known members.jsonl");
    assert_eq!((code(&found), found.stdout.len()), (0, 0), "{}", stderr(&found));
    // What is no file of records, or breaks off, is refused.
    fs::write(path(&folder, "list.txt"), "a\nb\n").unwrap();
    let whole = fs::read(path(&folder, "before.jsonl")).unwrap();
    fs::write(path(&folder, "cut.jsonl"), &whole[..whole.len() - 30]).unwrap();
    for (name, words) in
        [("list.txt", "is no file of records"), ("none", "cannot read"), ("cut.jsonl", "cut.jsonl")]
    {
        let found = run(&folder, &format!("hash photos --skip-known {name}"));
        assert_eq!(code(&found), 1, "{name}");
        assert!(stderr(&found).contains(words), "{name}: {}", stderr(&found));
    }
}

/// Skipped is only what has all that is asked for, by the last record of its key.
#[test]
fn what_records_lack_is_hashed() {
    let folder = photos();
    let inputs = "photos/01.bmp photos/02.bmp";
    // The keys that are hashed although these records are known.
    let hashed = |records: &str, options: &str| -> Vec<String> {
        let found = run(&folder, &format!("hash {inputs} --skip-known {records} {options} -q"));
        assert_eq!(code(&found), 0, "{records}: {}", stderr(&found));
        let text = String::from_utf8(found.stdout).unwrap();
        text.lines().map(|line| line.split('"').nth(3).unwrap().to_string()).collect()
    };
    let (first, both) = (vec!["photos/01.bmp"], vec!["photos/01.bmp", "photos/02.bmp"]);
    for format in ["jsonl", "csv", "parquet"] {
        let records = format!("pdq.{format}");
        run(&folder, &format!("hash {inputs} --algorithm pdq -o {records}"));
        assert!(hashed(&records, "--algorithm pdq").is_empty(), "{format}");
        for lacking in ["--algorithm photodna", "--algorithm pdq-512", "--algorithm photodna,pdq"] {
            assert_eq!(hashed(&records, lacking), both, "{format}: {lacking}");
        }
    }
    run(&folder, &format!("hash {inputs} --algorithm photodna,pdq,pdq-512 -o all.jsonl"));
    assert!(hashed("all.jsonl", "--algorithm pdq-512").is_empty());

    let text = fs::read_to_string(path(&folder, "all.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (whole, size) = (&lines[0], lines[0]["bytes"].as_u64().unwrap());
    let with = |change: fn(&mut serde_json::Map<String, serde_json::Value>)| {
        let mut record = whole.clone();
        change(record.as_object_mut().unwrap());
        record
    };
    let bare = with(|record| record.retain(|name, _| !name.starts_with("p") || name == "path"));
    let other = with(|record| drop(record.insert("bytes".to_string(), 1.into())));
    let failed = serde_json::json!(
        { "key": whole["key"], "status": "error", "error_code": "io", "error_message": "it was away" }
    );
    assert!(size > 1 && bare.get("photodna").is_none() && bare.get("pdq").is_none());
    // As records are written: the key is first.
    let line = |record: &serde_json::Value| {
        let mut rest = record.clone();
        let key = rest.as_object_mut().unwrap().remove("key").unwrap();
        format!("{{\"key\":{key},{}\n", &rest.to_string()[1..])
    };
    for (name, records, is_known) in [
        ("no signature", [&lines[1], &bare], false),
        ("no signature any more", [whole, &bare], false),
        ("failed later", [whole, &failed], false),
        ("failed before", [&failed, whole], true),
        ("another size later", [whole, &other], false),
        ("another size before", [&other, whole], true),
    ] {
        let text: String = records.into_iter().chain([&lines[1]]).map(line).collect();
        fs::write(path(&folder, "records.jsonl"), text).unwrap();
        let expected = if is_known { Vec::new() } else { first.clone() };
        assert_eq!(hashed("records.jsonl", "--frames first"), expected, "{name}");
    }

    // Records do not say which frames were asked for.
    for frames in ["all", "3"] {
        let found = run(&folder, &format!("hash {inputs} --skip-known all.jsonl --frames {frames}"));
        assert_eq!((code(&found), found.stdout.len()), (1, 0), "{frames}");
        assert!(stderr(&found).contains("--skip-known goes with --frames first alone"), "{}", stderr(&found));
    }
    assert!(hashed("all.jsonl", "--frames first").is_empty());
}

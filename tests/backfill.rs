//! Jobs as their users meet them: killed, stopped, starved of space, and complete all the same.

#![expect(clippy::print_stdout, reason = "tests say what they skip and measure")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A `shadegrid` command in `folder`.
fn shadegrid(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shadegrid"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    command
}

fn output(folder: &Path, arguments: &[&str]) -> Output {
    shadegrid(folder, arguments).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("ended by a signal: {output:?}"))
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A number for every `seed` and `step`, the same on every machine.
fn noise(seed: u64, step: u64) -> u64 {
    let mixed = (seed ^ step.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 29)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 17
}

/// A bitmap of 24 bits a pixel with a pattern of its own.
fn bitmap(number: u64, side: u32) -> Vec<u8> {
    let (width, height) = (side + (number % 13) as u32, side + (number % 7) as u32);
    let row = (width * 3).next_multiple_of(4);
    let mut file = b"BM".to_vec();
    let size = 54 + row * height;
    for word in [size, 0, 54, 40, width, height, 1 | 24 << 16, 0, row * height, 2835, 2835, 0, 0] {
        file.extend(word.to_le_bytes());
    }
    file.extend((0..row * height).map(|at| (noise(number, u64::from(at / 64)) + u64::from(at % row)) as u8));
    file
}

/// `count` pictures in folders of a hundred below `folder/photos`; every 41st is no picture.
fn pictures(folder: &Path, count: u64, side: u32) {
    for number in 0..count {
        let below = folder.join(format!("photos/{:03}", number / 100));
        fs::create_dir_all(&below).unwrap();
        let content = if number % 41 == 5 { b"no picture".to_vec() } else { bitmap(number, side) };
        fs::write(below.join(format!("{number:06}.bmp")), content).unwrap();
    }
}

/// Every file of records: name and content.
fn records(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(out.join("records")).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_string(), fs::read(&path).unwrap()))
        .collect()
}

/// The key of every record, in the order of the shards.
fn keys(out: &Path) -> Vec<String> {
    let all: Vec<u8> = records(out).into_values().flatten().collect();
    let lines = all.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let path =
        |line: &[u8]| serde_json::from_slice::<Value>(line).unwrap()["path"].as_str().unwrap().to_string();
    lines.map(path).collect()
}

const BACKFILL: [&str; 10] =
    ["backfill", "photos", "--backend", "cpu", "--threads", "1", "--format", "jsonl", "--shard-size", "25"];

fn backfill<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    BACKFILL.into_iter().chain(["--out", out]).chain(more.iter().copied()).collect()
}

/// What `hash` says of the same files.
fn hashed(folder: &Path) -> Vec<u8> {
    output(folder, &["hash", "photos", "--backend", "cpu", "--threads", "1"]).stdout
}

#[test]
fn a_job_says_what_hash_says() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pictures(folder, 310, 40);
    let run = output(folder, &backfill("out", &[]));
    assert_eq!(code(&run), 2, "{}", stderr(&run));
    let out = folder.join("out");
    assert_eq!(records(&out).len(), 13);
    assert_eq!(records(&out).into_values().flatten().collect::<Vec<u8>>(), hashed(folder));

    let before = records(&out);
    let again = output(folder, &backfill("out", &[]));
    assert_eq!(code(&again), 2, "{}", stderr(&again));
    assert_eq!(records(&out), before);
    let other = output(folder, &backfill("out", &["--detail", "full"]));
    assert_eq!(code(&other), 1);
    assert!(stderr(&other).contains(r#"detail was "auto" and is now "full""#), "{}", stderr(&other));
}

#[test]
fn fixed_parts_make_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pictures(folder, 210, 40);
    for (part, files) in [("1/3", 3), ("3/3", 6), ("2/3", 9)] {
        let run = output(folder, &backfill("out", &["--worker", part]));
        assert!([0, 2].contains(&code(&run)), "{}", stderr(&run));
        assert_eq!(records(&folder.join("out")).len(), files);
    }
    assert_eq!(records(&folder.join("out")).into_values().flatten().collect::<Vec<u8>>(), hashed(folder));
}

/// Two workers that are killed, at the same instant, after every pause; how often they were both at work then.
fn kill_and_restart(
    folder: &Path,
    arguments: &[&str],
    pauses: impl Iterator<Item = Duration>,
    kills: usize,
) -> usize {
    let mut killed = 0;
    for (round, pause) in pauses.enumerate() {
        let start =
            || shadegrid(folder, arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut workers: Vec<Child> = (0..2).map(|_| start()).collect();
        std::thread::sleep(pause);
        let alive = workers
            .iter_mut()
            .map(|worker| worker.try_wait().unwrap().is_none())
            .filter(|alive| *alive)
            .count();
        workers.iter_mut().for_each(|worker| drop(worker.kill()));
        for worker in &mut workers {
            worker.wait().unwrap();
        }
        killed += alive;
        if alive == 0 || killed >= kills {
            println!("{killed} workers were killed in {} rounds", round + 1);
            break;
        }
    }
    killed
}

#[test]
fn killed_at_any_instant_it_comes_out_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pictures(folder, 2_000, 200);
    let started = Instant::now();
    assert_eq!(code(&output(folder, &backfill("undisturbed", &[]))), 2);
    let whole = started.elapsed();
    println!("undisturbed it takes {whole:?}");
    let pauses = (0..).map(|round| whole.mul_f64(0.01 + (noise(7, round) % 1000) as f64 / 1000.0 * 0.05));
    let killed = kill_and_restart(folder, &backfill("out", &[]), pauses, 24);
    assert!(killed >= 20, "only {killed} workers were killed");
    let last = output(folder, &backfill("out", &[]));
    assert_eq!(code(&last), 2, "{}", stderr(&last));
    assert_same(&folder.join("out"), &folder.join("undisturbed"));
}

/// The same files of records, every key once, nothing left behind.
fn assert_same(out: &Path, undisturbed: &Path) {
    let (found, expected) = (records(out), records(undisturbed));
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, content) in &found {
        assert!(*content == expected[name], "{name} differs");
    }
    let mut keys = keys(out);
    let count = keys.len();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), count, "a key is there twice");
    for left in ["claims", "drafts", "workers"] {
        let left: Vec<PathBuf> =
            fs::read_dir(out.join(left)).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(left.is_empty(), "left behind: {left:?}");
    }
}

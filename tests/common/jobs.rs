//! Jobs that tests make, and what they came to.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses a part, and pub is what its parts share"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// A `shadegrid` command in `folder`.
pub fn shadegrid(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shadegrid"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    command
}

pub fn output(folder: &Path, arguments: &[&str]) -> Output {
    shadegrid(folder, arguments).output().unwrap()
}

pub fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("ended by a signal: {output:?}"))
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A number for every `seed` and `step`, the same on every machine.
pub fn noise(seed: u64, step: u64) -> u64 {
    let mixed = (seed ^ step.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 29)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 17
}

/// A bitmap of 24 bits a pixel with a pattern of its own.
pub fn bitmap(number: u64, side: u32) -> Vec<u8> {
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
pub fn pictures(folder: &Path, count: u64, side: u32) {
    for number in 0..count {
        let below = folder.join(format!("photos/{:03}", number / 100));
        fs::create_dir_all(&below).unwrap();
        let content = if number % 41 == 5 { b"no picture".to_vec() } else { bitmap(number, side) };
        fs::write(below.join(format!("{number:06}.bmp")), content).unwrap();
    }
}

/// `count` pictures in tars of a hundred below `folder/photos/tars`.
pub fn tars(folder: &Path, count: u64, side: u32) {
    fs::create_dir_all(folder.join("photos/tars")).unwrap();
    for first in (0..count).step_by(100) {
        let file = fs::File::create(folder.join(format!("photos/tars/{first:06}.tar"))).unwrap();
        let mut tar = tar::Builder::new(file);
        for number in first..count.min(first + 100) {
            let content = bitmap(number + 1_000_000, side);
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, format!("{number:06}.bmp"), &content[..]).unwrap();
        }
        tar.finish().unwrap();
    }
}

/// Every file of records: name and content.
pub fn records(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(out.join("records")).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_string(), fs::read(&path).unwrap()))
        .collect()
}

/// The key of every record, in the order of the shards.
pub fn keys(out: &Path) -> Vec<String> {
    let all: Vec<u8> = records(out).into_values().flatten().collect();
    let lines = all.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let path =
        |line: &[u8]| serde_json::from_slice::<Value>(line).unwrap()["key"].as_str().unwrap().to_string();
    lines.map(path).collect()
}

pub const BACKFILL: [&str; 8] =
    ["backfill", "photos", "--backend", "cpu", "--threads", "1", "--shard-size", "25"];

/// A job into `out`, of JSON lines if nothing else is said.
pub fn backfill<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let format: &[&str] = if more.contains(&"--format") { &[] } else { &["--format", "jsonl"] };
    BACKFILL
        .into_iter()
        .chain(["--out", out])
        .chain(format.iter().copied())
        .chain(more.iter().copied())
        .collect()
}

/// What `hash` says of the same files.
pub fn hashed(folder: &Path) -> Vec<u8> {
    output(folder, &["hash", "photos", "--backend", "cpu", "--threads", "1"]).stdout
}

/// The same files of records, every key once, nothing left behind.
pub fn assert_same(out: &Path, undisturbed: &Path) {
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

/// `shadegrid job WHAT out …`: exit code and what it printed.
pub fn job(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let run = output(folder, &[&["job"], arguments].concat());
    (code(&run), String::from_utf8(run.stdout.clone()).unwrap() + &stderr(&run))
}

pub fn status(folder: &Path) -> Value {
    serde_json::from_str(&job(folder, &["status", "out", "--json"]).1).unwrap()
}

pub fn text_of(content: &[u8]) -> String {
    String::from_utf8_lossy(content).into_owned()
}

#[cfg(unix)]
pub fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

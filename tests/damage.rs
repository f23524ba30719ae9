//! Files of a job that are damaged, missing or not files at all: this is reported, nothing waits for ever, and no record is wrong.

#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

#[path = "common/jobs.rs"]
mod jobs;

use jobs::*;

/// What a command comes to, which must come to its end.
fn ended(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = shadegrid(folder, arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let started = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if started.elapsed() > Duration::from_secs(60) {
            child.kill().unwrap();
            panic!("{arguments:?} does not end");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    child.wait_with_output().unwrap()
}

/// Puts something that is no file at `path`, in place of what is there.
fn put_oddity(path: &Path, oddity: &str) {
    let _ = fs::remove_file(path);
    let _ = fs::remove_dir_all(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    match oddity {
        "a folder" => fs::create_dir(path).unwrap(),
        "a link to nothing" => symlink("nowhere", path).unwrap(),
        _ => assert!(Command::new("mkfifo").arg(path).status().unwrap().success()),
    }
}

#[test]
fn what_is_no_file_in_a_files_place_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pictures(folder, 130, 16);
    assert_eq!(code(&output(folder, &backfill("half", &["--worker", "1/2"]))), 2);
    let goes_on = backfill("out", &["--quiet", "--expiry", "1"]);
    for (place, gone) in [
        ("job.json", &[][..]),
        ("claims/0000001.1", &[]),
        ("records/0000001.jsonl", &[]),
        ("plan/complete.json", &[]),
        ("claims/plan.1", &["plan/complete.json"]),
        ("plan/000000.segment", &["plan/complete.json", "plan/000001.segment"]),
    ] {
        for oddity in ["a folder", "a link to nothing", "something that is no file"] {
            copy(&folder.join("half"), &folder.join("out"));
            gone.iter().for_each(|gone| drop(fs::remove_file(folder.join("out").join(gone))));
            put_oddity(&folder.join("out").join(place), oddity);
            let run = ended(folder, &goes_on);
            let printed = stderr(&run);
            assert_eq!(code(&run), 1, "{place}, {oddity}: {printed}");
            assert!(printed.contains(place) && printed.contains(oddity), "{place}, {oddity}: {printed}");
            for look in [["job", "verify", "out"], ["job", "status", "out"], ["job", "retry", "out"]] {
                let looked = ended(folder, &look);
                assert!(!stderr(&looked).contains("panicked"), "{place}, {oddity}: {}", stderr(&looked));
                assert!(look[1] != "verify" || code(&looked) != 0, "{place}, {oddity} went unseen");
            }
        }
    }
    for place in ["claims", "drafts", "ledger", "plan", "records", "workers"] {
        copy(&folder.join("half"), &folder.join("out"));
        let _ = fs::remove_dir_all(folder.join("out").join(place));
        fs::write(folder.join("out").join(place), "").unwrap();
        let run = ended(folder, &goes_on);
        assert!(code(&run) == 1 && stderr(&run).contains(place), "{place}: {}", stderr(&run));
    }
    // A name that cannot be a segment's, but that of the last of very many.
    copy(&folder.join("half"), &folder.join("out"));
    fs::write(folder.join("out/plan/18446744073709551615.segment"), "").unwrap();
    let (looked, printed) = job(folder, &["verify", "out"]);
    assert!(looked == 2 && printed.contains("are gone"), "{printed}");
    assert_eq!(code(&ended(folder, &goes_on)), 2);
}

#[test]
fn a_claim_that_no_worker_made_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pictures(folder, 30, 16);
    fs::create_dir_all(folder.join("out/claims")).unwrap();
    fs::write(folder.join("out/claims/0000001.4294967295"), "").unwrap();
    let run = ended(folder, &backfill("out", &["--expiry", "1"]));
    assert!(code(&run) == 1 && stderr(&run).contains("claims/0000001.4294967295"), "{}", stderr(&run));
    // A number that only a very long chain of deaths would reach is taken over and released at once.
    fs::rename(folder.join("out/claims/0000001.4294967295"), folder.join("out/claims/0000001.4294967290"))
        .unwrap();
    let run = ended(folder, &backfill("out", &["--expiry", "1"]));
    assert_eq!(code(&run), 2, "{}", stderr(&run));
    assert_eq!(records(&folder.join("out")).into_values().flatten().collect::<Vec<u8>>(), hashed(folder));
}

/// A copy of a folder in place of what is there.
fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    for entry in files(from) {
        let place = to.join(entry.strip_prefix(from).unwrap());
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::copy(entry, place).unwrap();
    }
}

/// Every file below a folder, sorted.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<_> =
        entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect();
    all.sort();
    all
}

/// A file damaged in ways that disks, editors and people have; `None` where it is gone.
fn damages(content: &[u8], seed: u64) -> Vec<(String, Option<Vec<u8>>)> {
    let at = |step: u64| (noise(seed, step) % content.len() as u64) as usize;
    let flipped = |at: usize, bits: u8| {
        let mut damaged = content.to_vec();
        damaged[at] ^= bits;
        damaged
    };
    let mut all = vec![
        ("gone".to_string(), None),
        ("empty".to_string(), Some(Vec::new())),
        ("without its end".to_string(), Some(content[..content.len() - 1].to_vec())),
        ("twice".to_string(), Some([content, content].concat())),
        ("zeros".to_string(), Some(vec![0; content.len()])),
        ("cut".to_string(), Some(content[..at(1)].to_vec())),
    ];
    for step in 2..6 {
        all.push((format!("flipped at {}", at(step)), Some(flipped(at(step), 1 << (step % 7)))));
    }
    all
}

/// Damages each file of the job `whole` in its turn, and holds what becomes of it against the `right` records.
fn damage_each_file(folder: &Path, whole: &str, right: &BTreeMap<String, Vec<u8>>) -> usize {
    let (whole, out) = (folder.join(whole), folder.join("out"));
    let (mut seen, goes_on) = (0, backfill("out", &["--quiet"]));
    let derived = |file: &PathBuf| file.file_stem().is_some_and(|stem| stem == "report");
    for (number, file) in files(&whole).into_iter().filter(|file| !derived(file)).enumerate() {
        let (content, name) = (fs::read(&file).unwrap(), file.strip_prefix(&whole).unwrap());
        for (what, damaged) in damages(&content, number as u64) {
            let about = format!("{} {what}", name.display());
            copy(&whole, &out);
            match damaged {
                Some(damaged) => fs::write(out.join(name), damaged).unwrap(),
                None => fs::remove_file(out.join(name)).unwrap(),
            }
            let before = ended(folder, &["job", "verify", "out"]);
            let run = ended(folder, &goes_on);
            let after = ended(folder, &["job", "verify", "out"]);
            for ended in [&before, &run, &after] {
                assert!(!stderr(ended).contains("panicked"), "{about}: {}", stderr(ended));
            }
            // What is reported as right is right, before and after somebody resumes.
            if code(&after) == 0 {
                assert!([0, 2].contains(&code(&run)), "{about}: {}", stderr(&run));
                assert!(records(&out) == *right, "{about}: wrong records went unseen");
            }
            if code(&before) == 0 && name.starts_with("records") {
                panic!("{about}: it went unseen");
            }
            if name.starts_with("records") && right.contains_key(name.file_name().unwrap().to_str().unwrap())
            {
                let lost = ended(folder, &["job", "retry", "out", "--lost", "--quiet"]);
                assert!([0, 2].contains(&code(&lost)), "{about}: {}", stderr(&lost));
                assert!(records(&out) == *right, "{about}: it was not repaired");
            }
            seen += usize::from(code(&before) != 0 || code(&run) == 1);
        }
    }
    seen
}

#[test]
fn damage_to_any_file_of_a_job_is_reported_or_harmless() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pictures(folder, 40, 16);
    tars(folder, 6, 16);
    assert_eq!(code(&output(folder, &backfill("half", &["--worker", "1/2"]))), 2);
    copy(&folder.join("half"), &folder.join("whole"));
    assert_eq!(code(&output(folder, &backfill("whole", &[]))), 2);
    let right = records(&folder.join("whole"));
    assert_eq!(right.len(), 3);
    let seen = damage_each_file(folder, "whole", &right);
    assert!(seen >= 60, "only {seen} damages were seen");
    let seen = damage_each_file(folder, "half", &right);
    assert!(seen >= 60, "only {seen} damages were seen");
}

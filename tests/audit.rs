//! `shadegrid audit`: the log of a folder is exported and verified by the real command, and whatever is done to it is found.

#![expect(clippy::print_stdout, reason = "tests say how much they compared")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Runs it, and gives what it prints where the exit code is this.
fn run(folder: &Path, arguments: &[&str], exit: i32) -> (String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shadegrid"));
    let output = command.args(arguments).current_dir(folder).stdin(Stdio::null()).output().unwrap();
    let [printed, said] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {printed}{said}");
    (printed, said)
}

fn verdict(folder: &Path, arguments: &[&str], exit: i32) -> Value {
    serde_json::from_str(&run(folder, &[&["audit", "verify"], arguments].concat(), exit).0).unwrap()
}

/// A folder whose log has so many lines.
fn folder(lines: usize) -> TempDir {
    let folder = TempDir::new().unwrap();
    run(folder.path(), &["key", "add", "--data", "data", "--scope", "hash"], 0);
    for line in 0..lines {
        run(folder.path(), &["hook", "retry", "--data", "data", "--by", &format!("person {line}")], 0);
    }
    folder
}

fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut digits, byte| {
        write!(digits, "{byte:02x}").unwrap();
        digits
    })
}

/// A log as `docs/reports.md` defines it, written by nothing of the program.
fn written(lines: usize) -> (String, String) {
    let (mut log, mut previous) = (String::new(), ZEROS.to_string());
    for number in 1..=lines {
        let hashed = format!(
            "{{\"number\":{number},\"time\":\"2026-11-29T10:00:00.000Z\",\"who\":\"person {number}\",\"action\":\"review.decision\",\
             \"subject\":\"01KB6Q{number:020}\",\"detail\":{{\"decision\":\"confirm\",\"classification\":\"A1\"}},\"previous\":\"{previous}\""
        );
        previous = sha256(&hashed);
        writeln!(log, "{hashed},\"hash\":\"{previous}\"}}").unwrap();
    }
    (log, previous)
}

#[test]
fn a_log_is_exported_and_verified() {
    let folder = folder(4);
    let folder = folder.path();
    let (lines, said) = run(folder, &["audit", "export", "--data", "data"], 0);
    let end: Value = serde_json::from_str(&said).unwrap();
    let hash = end["hash"].as_str().unwrap();
    assert_eq!((&end["lines"], lines.lines().count()), (&json!(4), 4));
    let (printed, said) = run(folder, &["audit", "export", "--data", "data", "-o", "audit.jsonl"], 0);
    assert_eq!((serde_json::from_str::<Value>(&printed).unwrap(), said), (end.clone(), String::new()));
    assert_eq!(fs::read_to_string(folder.join("audit.jsonl")).unwrap(), lines, "the same again is the same");
    run(folder, &["audit", "export", "--data", "data", "-o", "audit.jsonl"], 0);
    let whole = json!({ "valid": true, "lines": 4, "hash": hash });
    assert_eq!(verdict(folder, &["audit.jsonl"], 0), whole);
    assert_eq!(verdict(folder, &["--data", "data"], 0), whole);
    // The log grows, and still holds what it held.
    run(folder, &["hook", "retry", "--data", "data"], 0);
    let grown = verdict(folder, &["--data", "data", "--expect", hash], 0);
    assert_eq!((&grown["lines"], &grown["expected_line"]), (&json!(5), &json!(4)));
    // Every line is chained by its own bytes, as the guide says.
    let mut previous = ZEROS.to_string();
    for line in lines.lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        assert_eq!(value["previous"], json!(previous));
        previous = sha256(&line[..line.len() - 75]);
        assert_eq!(value["hash"], json!(previous));
    }
    assert_eq!(previous, hash);
    // A file of something else is not written over, and nothing is made where nothing is.
    fs::write(folder.join("other"), "something else\n").unwrap();
    run(folder, &["audit", "export", "--data", "data", "-o", "other"], 1);
    run(folder, &["audit", "export", "--data", "none"], 1);
    run(folder, &["audit", "verify", "--data", "none"], 1);
    run(folder, &["audit", "verify", "none"], 1);
    run(folder, &["audit", "verify"], 1);
    run(folder, &["audit", "verify", "audit.jsonl", "--expect", "short"], 1);
    assert!(!folder.join("none").exists());
}

#[test]
fn whatever_is_done_to_a_file_is_found() {
    let place = TempDir::new().unwrap();
    let (log, hash) = written(6);
    let lines: Vec<&str> = log.lines().collect();
    let changed = lines[2].replace("confirm", "no match");
    let forged = {
        let hashed = &changed[..changed.len() - 75];
        format!("{hashed},\"hash\":\"{}\"}}", sha256(hashed))
    };
    let log = |parts: &[&[&str]]| parts.concat().join("\n") + "\n";
    for (text, line, what) in [
        (log(&[&lines[..2], &[&changed], &lines[3..]]), 3, "changed"),
        (log(&[&lines[..2], &[&forged], &lines[3..]]), 3, "changed"),
        (log(&[&lines[..2], &lines[3..]]), 3, "missing"),
        (log(&[&lines[1..]]), 1, "missing"),
        (log(&[&lines[..2], &[lines[3], lines[2]], &lines[4..]]), 3, "missing"),
        (log(&[&lines[..4], &[lines[3]], &lines[4..]]), 5, "again"),
    ] {
        fs::write(place.path().join("log"), text).unwrap();
        let found = verdict(place.path(), &["log"], 2);
        assert_eq!((&found["valid"], &found["line"]), (&json!(false), &json!(line)), "{found}");
        assert!(found["why"].as_str().unwrap().contains(what), "{found}");
    }
    // The end is missing: nothing says so but the hash that was noted.
    fs::write(place.path().join("log"), log(&[&lines[..5]])).unwrap();
    assert_eq!(verdict(place.path(), &["log"], 0)["lines"], 5);
    let found = verdict(place.path(), &["log", "--expect", &hash], 2);
    assert!(found["line"] == 6 && found["why"].as_str().unwrap().contains("removed at the end"), "{found}");
}

#[test]
fn a_long_log_is_verified_fast() {
    let place = TempDir::new().unwrap();
    let lines =
        std::env::var("SHADEGRID_AUDIT_LINES").ok().and_then(|lines| lines.parse().ok()).unwrap_or(20_000);
    let (log, hash) = written(lines);
    fs::write(place.path().join("log"), &log).unwrap();
    let begun = Instant::now();
    let found = verdict(place.path(), &["log", "--expect", &hash], 0);
    let took = begun.elapsed();
    assert_eq!((&found["lines"], &found["expected_line"]), (&json!(lines), &json!(lines)));
    println!("{lines} lines, {} bytes, verified in {:.2} s", log.len(), took.as_secs_f64());
}

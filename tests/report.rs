//! What a backfill says of itself: events, numbers for Prometheus, and the report at its end.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

use image::RgbImage;
use serde_json::Value;

/// Twelve pictures of two formats and a text, in `folder/photos`.
fn pictures(folder: &Path) {
    let photos = folder.join("photos");
    fs::create_dir(&photos).unwrap();
    for number in 0..12u32 {
        let picture = RgbImage::from_fn(64 + number, 60, |x, y| {
            image::Rgb([(x * 5 + number) as u8, (y * 3) as u8, (x * y / 9) as u8])
        });
        let ending = if number % 3 == 0 { "bmp" } else { "png" };
        picture.save(photos.join(format!("{number:02}.{ending}"))).unwrap();
    }
    fs::write(photos.join("notes.txt"), "no picture").unwrap();
}

fn backfill(folder: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shadegrid"));
    command.args(["backfill", "photos", "--out", "out", "--shard-size", "5", "--backend", "cpu"]).args(more);
    command.current_dir(folder).stdin(Stdio::null());
    command
}

fn json(file: &Path) -> Value {
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

#[test]
fn events_add_up_to_the_report() {
    let folder = tempfile::tempdir().unwrap();
    pictures(folder.path());
    let output = backfill(folder.path(), &["--log", "json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let lines = String::from_utf8(output.stderr).unwrap();
    let events: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let named = |name: &str| events.iter().filter(|event| event["event"] == name).collect::<Vec<_>>();
    assert_eq!((named("started").len(), named("complete").len(), events.len()), (1, 1, 5), "{lines}");
    assert!(events.iter().all(|event| event["time"].as_u64().is_some_and(|time| time > 1_600_000_000_000)));
    let sum = |name: &str| named("shard_done").iter().map(|event| event[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!(named("complete")[0]["records"], 13);

    let report = json(&folder.path().join("out/report.json"));
    assert_eq!((report["complete"].as_bool(), report["shards_done"].as_u64()), (Some(true), Some(3)));
    for name in ["records", "bytes", "skipped"] {
        assert_eq!(report[name].as_u64(), Some(sum(name)), "{name}");
    }
    assert_eq!((&report["failed"], &report["skipped"]), (&serde_json::json!({}), &1.into()));
    assert_eq!(report["census"]["formats"], serde_json::json!({ "bmp": 4, "png": 8 }));
    assert_eq!(report["census"]["details"], serde_json::json!({ "full": 12 }));
    assert_eq!(report["census"]["sizes"][0], 12);
    assert!(report["thread_seconds"]["hash"].as_f64().unwrap() > 0.0, "{report}");
    let page = fs::read_to_string(folder.path().join("out/report.html")).unwrap();
    assert!(
        page.starts_with("<!doctype html>")
            && page.contains(
                "Every input has its record: 12 pictures hashed, 0 failed, 1 skipped (no picture), in "
            )
    );
    assert!(!page.contains("http"), "the page needs something from elsewhere");
}

/// A count of failures leads to some of them, as many as are worth looking at, and nothing of a name becomes markup.
#[test]
fn a_report_has_examples_of_what_failed() {
    let folder = tempfile::tempdir().unwrap();
    pictures(folder.path());
    let photos = folder.path().join("photos");
    for number in 0..9 {
        fs::write(photos.join(format!("<b>{number}.jpg")), "no picture").unwrap();
        fs::write(photos.join(format!("{number}.gif")), "GIF89a").unwrap();
    }
    let output = backfill(folder.path(), &["--format", "jsonl"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let output = Command::new(env!("CARGO_BIN_EXE_shadegrid"))
        .args(["backfill", "photos", "--out", "strict", "--shard-size", "5", "--strict", "--backend", "cpu"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    for (out, notes) in [("out", 0), ("strict", 1)] {
        let report = json(&folder.path().join(out).join("report.json"));
        let counts = (&report["failed"], report["skipped"].as_u64());
        assert_eq!(counts, (&serde_json::json!({ "corrupt": 9, "input": 9 + notes }), Some(1 - notes)));
        let examples = report["examples"].as_array().unwrap();
        let of = |code: &str| examples.iter().filter(|example| example["code"] == code).count();
        assert_eq!((of("corrupt"), of("input"), examples.len()), (5, 5, 10), "{report}");
        let page = fs::read_to_string(folder.path().join(out).join("report.html")).unwrap();
        for part in [
            "href=\"#failed-corrupt\"",
            "id=\"failed-corrupt\"",
            "photos/&lt;b&gt;0.jpg",
            "Shadegrid job: photos",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(!page.contains("<b>") && !page.contains("http"));
    }
}

#[test]
fn what_ends_a_run_is_an_event_too() {
    let folder = tempfile::tempdir().unwrap();
    pictures(folder.path());
    fs::write(folder.path().join("out"), "in the way").unwrap();
    let output = backfill(folder.path(), &["--log", "json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let lines = String::from_utf8(output.stderr).unwrap();
    let last: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    assert_eq!((last["event"].as_str(), last["code"].as_str()), (Some("failed"), Some("input")), "{lines}");
}

/// A pipe as a source holds the run until it has been asked for its numbers.
#[cfg(unix)]
#[test]
fn numbers_can_be_asked_for_while_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    pictures(folder.path());
    let pipe = folder.path().join("pipe.bmp");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let more = ["pipe.bmp", "--metrics", &address, "--log", "json"];
    let mut run = backfill(folder.path(), &more).stderr(Stdio::piped()).spawn().unwrap();
    let mut events = BufReader::new(run.stderr.take().unwrap());
    let mut event = String::new();
    while !event.contains("shard_done") {
        event.clear();
        assert!(events.read_line(&mut event).unwrap() > 0, "it ended before its first shard");
    }
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n").unwrap();
    let mut numbers = String::new();
    stream.read_to_string(&mut numbers).unwrap();
    assert!(numbers.contains("\nshadegrid_job_shards_done ") && numbers.contains("shadegrid_records_total"));
    assert!(numbers.contains("\nshadegrid_helper_restarts_total 0\n"), "{numbers}");
    assert!(numbers.contains("\nshadegrid_skipped_total "), "{numbers}");
    fs::write(&pipe, fs::read(folder.path().join("photos/00.bmp")).unwrap()).unwrap();
    let mut rest = String::new();
    events.read_to_string(&mut rest).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(0), "{rest}");
    assert!(rest.contains(r#""event":"complete""#) && rest.contains(r#""records":14"#), "{rest}");
}

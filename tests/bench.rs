//! `shadegrid bench` as its users meet it: inputs as `hash` takes them, choices that are compared, and reports by name.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

mod common;

use common::archive::{picture, tar, write};

fn run(folder: &TempDir, arguments: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shadegrid"));
    // Devices are another test's: without a driver there are none.
    command.env("VK_DRIVER_FILES", "/nonexistent").env("VK_ICD_FILENAMES", "/nonexistent");
    command.args(arguments.split(' ')).current_dir(folder.path()).stdin(Stdio::null()).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Runs and expects it to go well; what was printed.
fn well(folder: &TempDir, arguments: &str) -> String {
    let output = run(folder, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn text(folder: &TempDir, name: &str) -> String {
    fs::read_to_string(folder.path().join(name)).unwrap()
}

/// Two pictures and a text in a folder, three in a tar, and a list of two.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for seed in 0..2 {
        write(&folder, &format!("photos/{seed}.png"), &picture(seed));
    }
    write(&folder, "photos/notes.txt", b"no picture");
    let members: Vec<(String, Vec<u8>)> = (2..5).map(|seed| (format!("{seed}.png"), picture(seed))).collect();
    write(&folder, "some.tar", &tar(&members));
    write(&folder, "list.txt", b"photos/0.png\nphotos/1.png\n");
    folder
}

#[test]
fn archives_and_lists_are_measured_and_choices_compared() {
    let folder = folder();
    let json = |arguments: &str| -> Value { serde_json::from_str(&well(&folder, arguments)).unwrap() };
    let report = json(
        "bench photos some.tar --files-from list.txt --runs 2 --threads 2,1 --json --algorithm pdq --detail full",
    );
    assert_eq!(
        (&report["pictures"], &report["hashed"], &report["unread"]),
        (&8.into(), &7.into(), &0.into())
    );
    assert_eq!(
        (&report["algorithms"], &report["detail"], &report["runs"]),
        (&"pdq".into(), &"full".into(), &2.into())
    );
    assert_eq!((&report["synthetic"], &report["threads"]), (&false.into(), &2.into()));
    assert!(report["bench"].as_str().unwrap().starts_with("shadegrid "), "{report}");
    let contenders = report["contenders"].as_array().unwrap();
    let threads: Vec<_> = contenders.iter().map(|contender| contender["threads"].as_u64().unwrap()).collect();
    assert_eq!(threads, [1, 2], "{report}");
    for contender in contenders {
        assert_eq!((&contender["name"], &contender["differing_records"]), (&"cpu".into(), &0.into()));
        assert!(contender["pictures_per_second"]["median"].as_f64().unwrap() > 0.0);
    }
    assert_eq!(contenders[0]["times_the_first"], 1.0);
    assert!(report["verdict"].as_str().unwrap().contains(" pictures per second"), "{report}");
    assert_eq!(report["sections"][0]["unit"], "ms a picture");
    let names =
        |value: &Value| value.as_array().unwrap().iter().map(|line| line["name"].clone()).collect::<Vec<_>>();
    assert_eq!(names(&report["sections"][0]["lines"]), ["read", "decode", "sums", "finish"]);
}

#[test]
fn a_report_has_the_format_of_its_name() {
    let folder = folder();
    let bench = "bench photos --runs 1 --threads 1,2";
    let table = well(&folder, bench);
    let (verdict, rest) = table.split_once('\n').unwrap();
    assert!(
        verdict.contains("of the CPU hash") && verdict.ends_with("there is no device to compare with."),
        "{table}"
    );
    assert!(rest.contains("CPU, 1 thread ") && rest.contains("CPU, 2 threads "), "{table}");
    for (name, start, parts) in [
        ("x.csv", "contender,threads,software,", &["\ncpu,1,false,", "\ncpu,2,false,"][..]),
        ("x.md", "# Shadegrid bench: photos\n\n**", &["| CPU, 2 threads |", "\n| --- | ---: |"]),
        ("x.json", "{\n", &["\"contenders\": ["]),
        (
            "x.html",
            "<!doctype html>",
            &["<title>Shadegrid bench: photos</title>", "<svg", "prefers-color-scheme:dark"],
        ),
        ("x.txt", "", &["Where the time goes: one thread of the CPU, ms a picture:"]),
    ] {
        // Written over, since it is a report of ours.
        for _ in 0..2 {
            let output = run(&folder, &format!("{bench} -o {name}"));
            assert!(output.status.success() && output.stdout.is_empty(), "{}", said(&output));
            assert!(said(&output).contains("pictures per second"), "{}", said(&output));
        }
        let written = text(&folder, name);
        assert!(written.starts_with(start), "{name}: {written}");
        for part in parts {
            assert!(written.contains(part), "{name}: {part}: {written}");
        }
    }
    assert_eq!(well(&folder, &format!("{bench} --format csv -o -")).lines().count(), 3);
    assert_eq!(said(&run(&folder, &format!("{bench} -q -o x.csv"))), "");
    let refused = |arguments: &str, why: &str| {
        let output = run(&folder, arguments);
        assert!(
            output.status.code() == Some(1) && said(&output).contains(why),
            "{arguments}: {}",
            said(&output)
        );
    };
    refused(&format!("{bench} --format csv -o x.json"), "contradict each other");
    refused(&format!("{bench} -o photos/0.png"), "lies in photos");
    refused(&format!("{bench} -o list.txt"), "is not a report of `bench`");
    refused("bench photos --threads 0,1", "from 1 to 4096");
    refused("bench nowhere", "there is no file to measure: nowhere: ");
    assert!(!Path::new("x.json.partial").exists());
}

/// Whatever a path is called, a page shows it as words; and the page needs nothing from elsewhere.
#[test]
fn a_page_is_self_contained_and_shows_names_as_words() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder, "<b>photos/0.png", &picture(0));
    well(&folder, "bench <b>photos --runs 1 --html page.html");
    let page = text(&folder, "page.html");
    assert!(page.contains("Shadegrid bench: &lt;b&gt;photos") && !page.contains("<b>"), "{page}");
    for outside in ["http:", "https:", "<script", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}: {page}");
    }
    for fact in
        ["<dt>Archive</dt>", "<dt>Made</dt>", "<dt>Machine</dt>", "<dt>Version</dt>", "<dt>Command</dt>"]
    {
        assert!(page.contains(fact), "{fact}: {page}");
    }
}

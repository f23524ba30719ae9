//! The command on graphics processors: the same records as on the processor, and plain words where there is none.

#![cfg(feature = "gpu")]
#![expect(clippy::print_stdout, reason = "says what was skipped and compared")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn shadegrid(arguments: &[&str], folder: &Path) -> Output {
    let command = Command::new(env!("CARGO_BIN_EXE_shadegrid")).args(arguments).current_dir(folder).output();
    command.unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The devices of this machine that can be trusted; none is a failure under `SHADEGRID_REQUIRE=gpu`.
fn trusted(folder: &Path) -> Vec<Value> {
    let list: Value = serde_json::from_str(&text(&shadegrid(&["devices", "--json"], folder))).unwrap();
    let mut devices = list.as_array().unwrap().clone();
    devices.retain(|device| device["trusted"] == true);
    if devices.is_empty() {
        let required = std::env::var("SHADEGRID_REQUIRE").unwrap_or_default();
        assert!(
            !required.split(',').any(|name| name == "gpu"),
            "a graphics processor is required and none works"
        );
        println!("skipped: no graphics processor that can be trusted");
    }
    devices
}

/// Pictures of several kinds and sizes, and a file that is none.
fn pictures(folder: &Path) -> usize {
    let sizes = [(5, 5), (64, 64), (129, 77), (640, 480), (513, 1025), (1500, 40)];
    for (index, (width, height)) in sizes.into_iter().enumerate() {
        let shade = |x: u32, y: u32, c: u32| ((x * x / 7 + y * (c + 3) + x * y / 31) % 256) as u8;
        let colour =
            image::RgbImage::from_fn(width, height, |x, y| image::Rgb([0, 1, 2].map(|c| shade(x, y, c))));
        colour.save(folder.join(format!("{index}-colour.png"))).unwrap();
        let grey = image::GrayImage::from_fn(width, height, |x, y| image::Luma([shade(x, y, 0)]));
        grey.save(folder.join(format!("{index}-grey.png"))).unwrap();
    }
    std::fs::write(folder.join("none.png"), b"no picture").unwrap();
    2 * sizes.len() + 1
}

fn records(folder: &Path, backend: &[&str]) -> Vec<Value> {
    let arguments =
        [&["hash", "pictures", "--quiet", "--algorithm", "photodna,pdq,pdq-512"], backend].concat();
    let output = shadegrid(&arguments, folder);
    assert_eq!(output.status.code(), Some(2), "one file is no picture");
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn records_are_the_same_on_every_device() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("pictures")).unwrap();
    let count = pictures(&folder.path().join("pictures"));
    let expected = records(folder.path(), &["--backend", "cpu"]);
    assert_eq!(expected.len(), count);
    for device in trusted(folder.path()) {
        let number = device["number"].to_string();
        let mut found = records(folder.path(), &["--backend", "gpu", "--device", &number]);
        let mut on_device = 0;
        for (found, expected) in found.iter_mut().zip(&expected) {
            on_device += usize::from(found["backend"] == "gpu");
            if found["status"] == "ok" {
                found["backend"] = "cpu".into();
            }
            assert_eq!(found, expected);
        }
        println!("{} records on {}", found.len(), device["name"]);
        assert_eq!((found.len(), on_device), (count, count - 1));
    }
}

#[test]
fn no_adapter_is_an_error_that_says_what_to_install() {
    let folder = tempfile::tempdir().unwrap();
    let command = Command::new(env!("CARGO_BIN_EXE_shadegrid"))
        .args(["hash", "nothing.png", "--backend", "gpu"])
        .env("VK_DRIVER_FILES", "/nonexistent.json")
        .current_dir(folder.path())
        .output()
        .unwrap();
    if cfg!(target_os = "linux") {
        assert_eq!(command.status.code(), Some(1));
        let message = String::from_utf8(command.stderr).unwrap();
        assert!(message.contains("no graphics processor found: install"), "{message}");
    }
}

#[test]
fn bench_compares_and_checks_itself() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("pictures")).unwrap();
    let count = pictures(&folder.path().join("pictures"));
    let devices = trusted(folder.path()).len();
    let arguments = ["bench", "pictures", "--runs", "2", "--json", "--html", "page.html"];
    let report: Value = serde_json::from_str(&text(&shadegrid(&arguments, folder.path()))).unwrap();
    assert_eq!(report["pictures"], count);
    let contenders = report["contenders"].as_array().unwrap();
    assert_eq!(contenders.len(), 1 + devices);
    for contender in contenders {
        assert_eq!(contender["differing_records"], 0, "{contender}");
        assert!(contender["pictures_per_second"]["median"].as_f64().unwrap() > 0.0);
    }
    let page = std::fs::read_to_string(folder.path().join("page.html")).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("<svg") && !page.contains("http"));
}

//! The command on GPUs: the same records as on the CPU, and plain words where there is none.

#![expect(clippy::print_stdout, reason = "says what was skipped and compared")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

/// The command: where the tests run without the folder that they were built in, `SHADEGRID_COMMAND` names it.
fn command() -> Command {
    let built = env!("CARGO_BIN_EXE_shadegrid");
    Command::new(std::env::var_os("SHADEGRID_COMMAND").unwrap_or_else(|| built.into()))
}

/// The project's own pictures, or where `SHADEGRID_DATA` says.
fn data() -> PathBuf {
    let built = || Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    std::env::var_os("SHADEGRID_DATA").map_or_else(built, PathBuf::from)
}

fn shadegrid(arguments: &[&str], folder: &Path) -> Output {
    command().args(arguments).current_dir(folder).output().unwrap()
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
        assert!(!required.split(',').any(|name| name == "gpu"), "a GPU is required and none works");
        println!("skipped: no GPU that can be trusted");
    }
    devices
}

/// Pictures of several kinds and sizes, JPEGs of which no more is read than is needed, and a file that is none.
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
    let mut count = 2 * sizes.len() + 1;
    for data in ["jpeg", "jpeg-reader"] {
        let files = std::fs::read_dir(self::data().join(data)).unwrap();
        for file in files.map(|file| file.unwrap().path()) {
            if file.extension().is_some_and(|extension| extension == "jpg") {
                let name = format!("{data}-{}", file.file_name().unwrap().to_str().unwrap());
                std::fs::copy(file, folder.join(name)).unwrap();
                count += 1;
            }
        }
    }
    count
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
        let hashed = expected.iter().filter(|record| record["status"] == "ok").count();
        println!("{} records on {}, {on_device} computed there", found.len(), device["name"]);
        // What is beyond its guards, does not qualify or finds no room is the CPU's.
        assert_eq!(found.len(), count);
        assert!(hashed >= 55 && on_device >= 12, "{on_device} of {hashed} of {count}");
    }
}

/// The shared photographs and graphics, where they are.
#[test]
fn records_of_real_pictures_are_the_same() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    if !corpus.join("photos").is_dir() {
        println!("skipped: no shared corpus");
        return;
    }
    let hash = |backend: &[&str]| -> Vec<Value> {
        let output = shadegrid(&[&["hash", "photos", "graphics", "--quiet"], backend].concat(), &corpus);
        let lines = String::from_utf8(output.stdout).unwrap();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let expected = hash(&["--backend", "cpu"]);
    for device in trusted(&corpus) {
        let mut found = hash(&["--backend", "gpu", "--device", &device["number"].to_string()]);
        let on_device = found.iter().filter(|record| record["backend"] == "gpu").count();
        for record in found.iter_mut().filter(|record| record["status"] == "ok") {
            record["backend"] = "cpu".into();
            // Files with further faces stay on the CPU, and say so.
            let why = record.as_object_mut().unwrap().remove("fallback");
            assert!(why.is_none_or(
                |why| why == "the file has further faces or frames" && record["flags"] != json!([])
            ));
        }
        assert!(found == expected, "records differ");
        println!("{} records on {}, {on_device} computed there", found.len(), device["name"]);
        assert!(found.len() >= 290 && on_device >= 100, "{on_device} of {}", found.len());
    }
}

/// A picture that no batch holds is computed on the CPU, and its record says so in words.
#[test]
fn too_large_a_picture_says_so() {
    let folder = tempfile::tempdir().unwrap();
    for device in trusted(folder.path()).iter().filter(|device| device["kind"] == "software") {
        let bytes = device["batch_bytes"].as_u64().unwrap();
        let (width, rows) = (4096, (bytes / 4096) as u32);
        for (name, rows) in [("larger.png", rows + 1), ("smaller.png", rows - 100)] {
            let grey =
                image::GrayImage::from_fn(width, rows, |x, y| image::Luma([((x / 9) ^ (y / 7)) as u8]));
            grey.save(folder.path().join(name)).unwrap();
        }
        let number = device["number"].to_string();
        let hash = |backend: &[&str]| -> Vec<Value> {
            let arguments = [&["hash", "larger.png", "smaller.png", "--quiet"], backend].concat();
            let lines = text(&shadegrid(&arguments, folder.path()));
            lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        };
        let (mut found, expected) =
            (hash(&["--backend", "gpu", "--device", &number]), hash(&["--backend", "cpu"]));
        assert_eq!((&found[0]["backend"], &found[1]["backend"]), (&"cpu".into(), &"gpu".into()));
        let reason = found[0]["fallback"].as_str().unwrap();
        let words = format!("too large for the device: its batches hold {bytes} bytes of samples and tables");
        assert_eq!(reason, words);
        found[0].as_object_mut().unwrap().remove("fallback");
        found[1]["backend"] = "cpu".into();
        assert_eq!(found, expected);
    }
}

/// Known pictures among others, looked up on the CPU and on each device.
#[test]
fn matches_are_the_same_on_every_device() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("pictures")).unwrap();
    pictures(&folder.path().join("pictures"));
    let hashed = shadegrid(&["hash", "pictures", "-q", "-o", "known.jsonl"], folder.path());
    assert_eq!(hashed.status.code(), Some(2), "one file is no picture");
    text(&shadegrid(&["gallery", "build", "k.gallery", "known.jsonl"], folder.path()));
    let look_up = |backend: &[&str]| {
        let arguments =
            ["match", "--gallery", "k.gallery", "--signatures", "known.jsonl", "--nearest", "3", "-v"];
        let output = shadegrid(&[&arguments, backend].concat(), folder.path());
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (expected, said) = look_up(&[]);
    assert!(said.contains("looked up on the CPU (no device was looked for"), "{said}");
    assert!(expected.matches("\"distance\":0").count() >= 10, "{expected}");
    for device in trusted(folder.path()) {
        let number = device["number"].to_string();
        let (found, said) = look_up(&["--backend", "gpu", "--device", &number]);
        assert_eq!(found, expected);
        let name = device["name"].as_str().unwrap();
        assert!(said.contains(&format!("looked up on {name} (asked for)\n")), "{said}");
    }
}

/// `-v` says where pictures were hashed that were looked up, and a device that nothing is to be done on is an error.
#[test]
fn what_was_used_is_said() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("pictures")).unwrap();
    let shade = |x: u32, y: u32| image::Luma([((x * y) % 251) as u8]);
    image::GrayImage::from_fn(90, 70, shade).save(folder.path().join("pictures/one.png")).unwrap();
    text(&shadegrid(&["hash", "pictures", "-q", "-o", "known.jsonl"], folder.path()));
    text(&shadegrid(&["gallery", "build", "k.gallery", "known.jsonl"], folder.path()));
    let arguments =
        ["match", "--gallery", "k.gallery", "pictures", "--format", "jsonl", "-v", "--backend", "cpu"];
    let output = shadegrid(&arguments, folder.path());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && said.contains("on the CPU (asked for)"), "{said}");
    let output = shadegrid(&["hash", "pictures", "--backend", "cpu", "--device", "0"], folder.path());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && said.contains("named for work on the CPU alone"), "{said}");
}

#[test]
fn no_adapter_is_an_error_that_says_what_to_install() {
    let folder = tempfile::tempdir().unwrap();
    let command = command()
        .args(["hash", "nothing.png", "--backend", "gpu"])
        .env("VK_DRIVER_FILES", "/nonexistent.json")
        .current_dir(folder.path())
        .output()
        .unwrap();
    if cfg!(target_os = "linux") {
        assert_eq!(command.status.code(), Some(1));
        let message = String::from_utf8(command.stderr).unwrap();
        assert!(message.contains("no GPU found: install"), "{message}");
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
    for device in &contenders[1..] {
        let steps = &device["device_milliseconds_per_picture"];
        for step in ["copy to staging", "reduce", "gradient", "dct", "sent until read back"] {
            assert!(steps[step].as_f64().unwrap() > 0.0, "{step}: {steps}");
        }
        let alone = &device["alone"];
        for rate in ["device_copy", "upload", "readback", "staging", "plain_copy"] {
            assert!(alone[format!("{rate}_gigabytes_per_second")].as_f64().unwrap() > 0.0, "{rate}: {alone}");
        }
        assert_eq!(alone["reduce"].as_array().unwrap().len(), 3);
    }
    let page = std::fs::read_to_string(folder.path().join("page.html")).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("<svg") && !page.contains("http"));
}

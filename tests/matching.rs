//! `shadegrid gallery`, `match` and `dedupe` as their users meet them.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use image::{DynamicImage, RgbImage};
use serde_json::Value;
use tempfile::TempDir;

mod common;

use common::picture;

/// Runs the command in `folder`.
fn run<I: AsRef<OsStr>>(folder: &TempDir, arguments: impl IntoIterator<Item = I>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shadegrid"));
    command.args(arguments).current_dir(folder.path()).stdin(Stdio::null()).output().unwrap()
}

/// Runs and expects an exit code; gives the lines of standard output.
fn lines(folder: &TempDir, arguments: &str, code: i32) -> Vec<Value> {
    let output = run(folder, arguments.split(' '));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments}: {said}");
    let lines = output.stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

/// `known/{0..5}.png`, scaled copies of two of them and a stranger in `asked`.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["known", "asked", "turned", "strangers"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    let save = |picture: DynamicImage, name: &str| picture.save(folder.path().join(name)).unwrap();
    for seed in 0..6 {
        save(picture(seed), &format!("known/{seed}.png"));
    }
    for seed in [1, 3] {
        let scaled = picture(seed).resize_exact(200, 150, image::imageops::FilterType::Triangle);
        save(scaled, &format!("asked/{seed}-scaled.png"));
    }
    save(picture(90), "asked/9-stranger.png");
    save(picture(90), "strangers/a.png");
    save(picture(2).rotate90(), "turned/2.png");
    save(
        DynamicImage::ImageRgb8(RgbImage::from_pixel(100, 100, image::Rgb([9, 9, 9]))),
        "strangers/flat.png",
    );
    folder
}

fn built() -> TempDir {
    let folder = folder();
    lines(&folder, "hash known -o known.jsonl -q", 0);
    lines(&folder, "gallery build k.gallery known.jsonl", 0);
    folder
}

fn matched(line: &Value) -> Vec<(String, String)> {
    let all = line["matches"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().replace('\\', "/");
    all.map(|m| (text(&m["key"]), text(&m["algorithm"]))).collect()
}

#[test]
fn pictures_are_found_and_strangers_are_not() {
    let folder = built();
    let records = lines(&folder, "match --gallery k.gallery asked", 0);
    assert_eq!(records.len(), 3);
    let expected =
        |n: u32| ["photodna", "pdq"].map(|algorithm| (format!("known/{n}.png"), algorithm.to_string()));
    assert_eq!(matched(&records[0]), expected(1));
    assert_eq!(matched(&records[1]), expected(3));
    assert!(matched(&records[2]).is_empty());
    let first = &records[0]["matches"][0];
    assert_eq!(first["gallery"], "k.gallery");
    assert_eq!((&first["source"], &first["orientation"]), (&"known.jsonl".into(), &"upright".into()));
    assert_eq!(first["position"], 2);
    assert!(first["distance"].as_u64().unwrap() <= 40_000 && records[0]["photodna"].is_string());

    assert_eq!(lines(&folder, "match --gallery k.gallery asked --only-matches", 0).len(), 2);
    assert_eq!(lines(&folder, "match --gallery k.gallery strangers", 3).len(), 2);
    assert!(lines(&folder, "match --gallery k.gallery strangers --only-matches", 3).is_empty());
    fs::write(folder.path().join("asked/broken.png"), b"no picture").unwrap();
    let records = lines(&folder, "match --gallery k.gallery asked", 2);
    assert_eq!(records.len(), 4);
    assert!(records.iter().any(|record| record["status"] == "error" && matched(record).is_empty()));
}

/// Standard error of tests is no terminal: no bar, but the summary is there unless turned off.
#[test]
fn a_run_ends_with_a_summary() {
    let folder = built();
    fs::write(folder.path().join("asked/broken.png"), b"no picture").unwrap();
    let output = run(&folder, "match --gallery k.gallery asked".split(' '));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.lines().count(), 3, "{said}");
    assert!(said.starts_with("shadegrid: asked/broken.png: input: not a picture"), "{said}");
    assert!(said.contains("3 of 4 hashed, 1 failed (") && said.contains(" pictures/s, "), "{said}");
    assert!(said.contains("\n3 looked up, 2 matched (4 matches)\n"), "{said}");
    let output = run(&folder, "match --gallery k.gallery asked --quiet".split(' '));
    assert_eq!((output.status.code(), output.stderr.len()), (Some(2), 0));
    assert_eq!(output.stdout.split(|&byte| byte == b'\n').count(), 5);
}

/// One line for each picture and entry, whichever signatures matched; and records for others, without signatures.
#[test]
fn a_table_is_for_people() {
    let folder = built();
    let text = |arguments: &str| {
        let output = run(&folder, arguments.split(' '));
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    for asked in ["asked", "--signatures asked.jsonl"] {
        lines(&folder, "hash asked -o asked.jsonl -q", 0);
        let table = text(&format!("match --gallery k.gallery {asked} --format table"));
        let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[0], ["PICTURE", "ENTRY", "LIST", "PHOTODNA", "PDQ"]);
        assert_eq!((rows.len(), rows[1][0], rows[1][1]), (3, "asked/1-scaled.png", "known/1.png"), "{table}");
        assert!(rows[1][3].parse::<u32>().is_ok() && rows[1][4].parse::<u32>().is_ok(), "{table}");
    }
    text("match --gallery k.gallery asked --format table -o table.txt");
    assert!(std::fs::read_to_string(folder.path().join("table.txt")).unwrap().starts_with("PICTURE "));
    let two = text("match --gallery k.gallery --gallery k.gallery turned --orientations all --format table");
    assert!(two.contains("GALLERY") && two.contains("TURNED") && two.lines().count() == 2, "{two}");

    let bare = lines(&folder, "match --gallery k.gallery asked --no-signatures", 0);
    let whole = lines(&folder, "match --gallery k.gallery asked", 0);
    for (bare, whole) in bare.iter().zip(&whole) {
        assert!(bare.get("photodna").is_none() && bare.get("pdq").is_none() && whole["pdq"].is_string());
        assert_eq!((&bare["matches"], &bare["quality"]), (&whole["matches"], &whole["quality"]));
    }
}

/// Tables have room for names of any length, and one long name does not widen the rows of the others.
#[test]
fn a_table_takes_names_of_any_length() {
    let folder = folder();
    let long = "k".repeat(70_000);
    let records = lines(&folder, "hash known", 0);
    let entries = records.iter().enumerate().map(|(number, record)| {
        let key = if number == 3 { long.as_str() } else { record["key"].as_str().unwrap() };
        let (photodna, pdq) = (&record["photodna"], &record["pdq"]);
        serde_json::json!({ "key": key, "photodna": photodna, "pdq": pdq, "quality": 100 }).to_string() + "\n"
    });
    fs::write(folder.path().join("list.jsonl"), entries.collect::<String>()).unwrap();
    lines(&folder, "gallery build k.gallery list.jsonl", 0);
    lines(&folder, "hash known -o known.jsonl -q", 0);
    lines(&folder, &format!("gallery add k.gallery known.jsonl --source {long}"), 0);
    lines(&folder, "gallery build own.gallery list.jsonl", 0);
    for (arguments, whole) in [
        ("match --gallery own.gallery known --format table", 1),
        ("match --gallery own.gallery known --format table -o table.txt", 1),
        ("dedupe known list.jsonl --format table", 1),
        ("dedupe known.jsonl list.jsonl --format table", 1),
        ("gallery info k.gallery --format table", 1),
    ] {
        let output = run(&folder, arguments.split(' '));
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments}: {said}");
        let to_file = || fs::read_to_string(folder.path().join("table.txt")).unwrap();
        let text =
            if output.stdout.is_empty() { to_file() } else { String::from_utf8(output.stdout).unwrap() };
        let (of_long, others): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.len() > 1000);
        assert_eq!((of_long.len(), of_long[0].contains(&long)), (whole, true), "{arguments}");
        assert!(others.len() > 1 && others.iter().all(|line| line.len() < 200), "{arguments}");
    }
}

#[test]
fn options_choose_what_matches() {
    let folder = built();
    assert_eq!(lines(&folder, "match --gallery k.gallery turned", 3).len(), 1);
    let records = lines(&folder, "match --gallery k.gallery turned --orientations all", 0);
    // PDQ's orientations are too lopsided for so small a picture.
    assert_eq!(matched(&records[0])[0], ("known/2.png".to_string(), "photodna".to_string()));
    assert_eq!(records[0]["matches"][0]["orientation"], "rotate-90");

    let records = lines(&folder, "match --gallery k.gallery strangers/a.png --nearest 2", 0);
    assert_eq!(matched(&records[0]).len(), 4);
    let distances: Vec<u64> =
        (0..2).map(|n| records[0]["matches"][n]["distance"].as_u64().unwrap()).collect();
    assert!(40_000 < distances[0] && distances[0] <= distances[1]);
    let twice =
        lines(&folder, "match --gallery k.gallery --gallery k.gallery strangers/a.png --nearest 2", 0);
    assert_eq!(matched(&twice[0]).len(), 4, "the nearest of all galleries");

    let records =
        lines(&folder, "match --gallery k.gallery known/0.png --threshold photodna=9363600 -a photodna", 0);
    assert_eq!(matched(&records[0]).len(), 6);
    let records = lines(&folder, "match --gallery k.gallery asked --joint photodna=62500,pdq=90", 0);
    assert_eq!(matched(&records[0]).len(), 2);
    for wrong in [
        "match asked",
        "match --gallery k.gallery",
        "match --gallery none asked",
        "match --gallery k.gallery asked --threshold photodna",
        "match --gallery k.gallery asked -a pdq-512",
        "match --gallery k.gallery asked --quality-min 101",
    ] {
        lines(&folder, wrong, 1);
    }
}

#[test]
fn stored_signatures_are_looked_up() {
    let folder = built();
    lines(&folder, "hash asked -o asked.jsonl -q", 0);
    lines(&folder, "hash asked -o asked.csv --format csv -q", 0);
    for name in ["asked.jsonl", "asked.csv"] {
        let records = lines(&folder, &format!("match --gallery k.gallery --signatures {name}"), 0);
        assert_eq!(records.iter().map(|record| matched(record).len()).collect::<Vec<_>>(), [2, 2, 0]);
        assert!(records[0]["key"].as_str().unwrap().ends_with("1-scaled.png"));
    }
    // Folders hold other things than pictures, whose records have nothing to look up.
    fs::write(folder.path().join("asked/notes.txt"), "no picture").unwrap();
    lines(&folder, "hash asked -o asked.parquet -q", 0);
    let output = run(&folder, "match --gallery k.gallery --signatures asked.parquet".split(' '));
    assert_eq!(output.status.code(), Some(0));
    let counts = "3 looked up, 2 matched (4 matches), 1 without a signature, 0 failed";
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(counts), "{said}");
    fs::write(folder.path().join("bad.txt"), "rubbish\n").unwrap();
    let records = lines(&folder, "match --gallery k.gallery --signatures bad.txt", 2);
    assert_eq!((&records[0]["status"], &records[0]["position"]), (&"error".into(), &1.into()));
}

#[test]
fn galleries_change_and_stay_whole() {
    let folder = built();
    lines(&folder, "gallery verify k.gallery", 0);
    let info = &lines(&folder, "gallery info k.gallery", 0)[0];
    assert_eq!((&info["entries"], &info["segments"]), (&6.into(), &1.into()));
    assert_eq!(info["sources"][0]["name"], "known.jsonl");

    lines(&folder, "hash strangers/a.png -o more.jsonl -q", 0);
    lines(&folder, "gallery add k.gallery more.jsonl --source more", 0);
    lines(&folder, "match --gallery k.gallery strangers/a.png", 0);
    let key = Path::new("strangers/a.png").to_str().unwrap();
    lines(&folder, &format!("gallery remove k.gallery --key {key}"), 0);
    lines(&folder, &format!("gallery remove k.gallery --key {key}"), 3);
    lines(&folder, "match --gallery k.gallery strangers/a.png", 3);
    let info = &lines(&folder, "gallery info k.gallery", 0)[0];
    assert_eq!((&info["entries"], &info["removed"], &info["segments"]), (&6.into(), &1.into(), &2.into()));

    // What is exported builds the same gallery.
    lines(&folder, "gallery export k.gallery -o out.jsonl", 0);
    lines(&folder, "gallery build again.gallery out.jsonl", 0);
    let exported = lines(&folder, "gallery export again.gallery", 0);
    assert_eq!(exported.len(), 6);
    let before = lines(&folder, "gallery export k.gallery", 0);
    for (a, b) in exported.iter().zip(&before) {
        assert_eq!((&a["photodna"], &a["pdq"], &a["key"]), (&b["photodna"], &b["pdq"], &b["key"]));
    }

    let mut bytes = fs::read(folder.path().join("k.gallery")).unwrap();
    bytes[100] ^= 1;
    fs::write(folder.path().join("damaged.gallery"), &bytes).unwrap();
    lines(&folder, "gallery verify damaged.gallery", 2);
    lines(&folder, "match --gallery damaged.gallery asked", 1);
    fs::write(folder.path().join("list.txt"), "rubbish\n").unwrap();
    lines(&folder, "gallery build q.gallery list.txt --quarantine bad.jsonl", 2);
    assert!(!folder.path().join("q.gallery").exists(), "a list that gives nothing makes no gallery");
    let bad: Value = serde_json::from_slice(&fs::read(folder.path().join("bad.jsonl")).unwrap()).unwrap();
    assert_eq!((&bad["position"], &bad["list"]), (&1.into(), &"list.txt".into()));
    lines(&folder, "gallery build k.gallery missing.txt", 1);
    lines(&folder, "gallery verify k.gallery", 0);
}

#[test]
fn near_duplicates_are_grouped() {
    let folder = folder();
    lines(&folder, "hash known asked -o all.jsonl -q", 0);
    let groups = lines(&folder, "dedupe all.jsonl", 0);
    assert_eq!(groups.len(), 2, "{groups:?}");
    let members = |group: &Value| -> Vec<u64> {
        group["members"].as_array().unwrap().iter().map(|m| m["position"].as_u64().unwrap()).collect()
    };
    assert_eq!((members(&groups[0]), members(&groups[1])), (vec![2, 7], vec![4, 8]));
    assert_eq!(groups, lines(&folder, "dedupe all.jsonl -j 1", 0));
    lines(&folder, "hash known -o known.jsonl -q", 0);
    assert!(lines(&folder, "dedupe known.jsonl", 3).is_empty());
}

/// A row for each picture and entry, with both distances, in every format and for stored signatures too.
#[test]
fn rows_join_what_both_signatures_say() {
    let folder = built();
    let rows = lines(&folder, "match --gallery k.gallery asked --rows --quiet", 0);
    let names: Vec<_> = rows.iter().map(|row| (row["key"].clone(), row["entry"].clone())).collect();
    let pair = |scaled: &str, known: &str| (scaled.into(), known.into());
    assert_eq!(names, [pair("asked/1-scaled.png", "known/1.png"), pair("asked/3-scaled.png", "known/3.png")]);
    for row in &rows {
        assert!(
            row["photodna_distance"].as_u64() < Some(40_000) && row["pdq_distance"].as_u64() < Some(32),
            "{row}"
        );
        assert_eq!((&row["orientation"], &row["gallery"]), (&"upright".into(), &"k.gallery".into()));
        assert!(row.get("photodna").is_none() && row.get("pdq").is_none(), "a row has a signature: {row}");
    }
    lines(&folder, "match --gallery k.gallery asked --rows --quiet -o rows.csv", 0);
    let csv = fs::read_to_string(folder.path().join("rows.csv")).unwrap();
    let mut csv_lines = csv.lines();
    let head =
        "key,key_bytes,gallery,entry,label,source,position,photodna_distance,pdq_distance,orientation,face";
    assert_eq!(csv_lines.next(), Some(head));
    assert!(
        csv_lines.next().unwrap().starts_with("asked/1-scaled.png,,k.gallery,known/1.png,,known.jsonl,"),
        "{csv}"
    );
    assert_eq!(csv_lines.count(), 1, "{csv}");

    // Rows in Parquet hold the same, and are written over as rows.
    for _ in 0..2 {
        lines(&folder, "match --gallery k.gallery asked --rows --quiet -o rows.parquet", 0);
    }
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    let file = fs::File::open(folder.path().join("rows.parquet")).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let found: Vec<String> = reader.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect();
    assert_eq!(found.len(), 2, "{found:?}");
    let distance = format!("photodna_distance: {}", rows[0]["photodna_distance"]);
    assert!(found[0].contains("entry: \"known/1.png\"") && found[0].contains(&distance), "{found:?}");

    lines(&folder, "hash asked -q -o asked.jsonl", 0);
    let stored = lines(&folder, "match --gallery k.gallery --signatures asked.jsonl --rows --quiet", 0);
    assert_eq!(stored, rows);
    // Nothing matched: the head alone, and the exit code of that.
    lines(&folder, "match --gallery k.gallery strangers --rows --quiet -o none.csv", 3);
    assert_eq!(fs::read_to_string(folder.path().join("none.csv")).unwrap().trim_end(), head);
    for (arguments, why) in [
        ("match --gallery k.gallery asked --rows --format table", "--rows gives csv, jsonl or parquet"),
        ("match --gallery k.gallery asked --rows --only-matches", "cannot be used with"),
        ("match --gallery k.gallery --signatures asked.jsonl --format csv", "add --rows"),
    ] {
        let output = run(&folder, arguments.split(' '));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains(why), "{arguments}: {said}");
    }
}

#[test]
fn a_picture_in_a_later_frame_is_found_where_frames_are_asked_for() {
    let folder = built();
    let frames: Vec<RgbImage> = [90, 91, 92, 2, 93, 94].map(|seed| picture(seed).to_rgb8()).to_vec();
    fs::create_dir(folder.path().join("moving")).unwrap();
    fs::write(folder.path().join("moving/a.gif"), common::encode::animation(&frames)).unwrap();
    // Neither the first nor the last, nor the one that is shown longest.
    let found = lines(&folder, "match --gallery k.gallery moving --only-matches -q", 3);
    assert!(found.is_empty(), "{found:?}");
    let found = lines(&folder, "match --gallery k.gallery moving --only-matches -q --frames all", 0);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["key"], "moving/a.gif#frame-3");
    assert!(matched(&found[0]).iter().all(|(key, _)| key == "known/2.png"), "{found:?}");
    // Of six frames three are the first, the middle one and the last.
    assert!(lines(&folder, "match --gallery k.gallery moving --only-matches -q --frames 2", 3).is_empty());
    assert_eq!(lines(&folder, "match --gallery k.gallery moving --only-matches -q --frames 3", 0).len(), 1);
    for wrong in ["0", "some", "5000"] {
        let output = run(&folder, ["hash", "moving", "--frames", wrong]);
        assert_eq!(output.status.code(), Some(1), "{wrong}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("first, all, or a number from 1 to 4096"), "{said}");
    }
}

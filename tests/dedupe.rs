//! `shadegrid dedupe` on pictures: what is grouped, what is said of each copy, and what `--do` takes away and leaves.
//!
//! One long file, since every case makes the same few pictures and copies of them, and looks at groups by the same helpers.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime};

use image::{DynamicImage, RgbImage};
use serde_json::Value;
use shadegrid::{HashOptions, Hasher, PhotoDna};
use tempfile::TempDir;

mod common;

use common::picture;

/// The command in `folder`.
fn command<I: AsRef<OsStr>>(folder: &TempDir, arguments: impl IntoIterator<Item = I>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shadegrid"));
    command.args(arguments).current_dir(folder.path()).stdin(Stdio::null());
    command
}

fn run(folder: &TempDir, arguments: &str, code: i32) -> Output {
    let output = command(folder, arguments.split(' ')).output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments}: {}", said(&output));
    output
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs and expects an exit code; gives the groups.
fn groups(folder: &TempDir, arguments: &str, code: i32) -> Vec<Value> {
    of_lines(&run(folder, arguments, code).stdout)
}

fn of_lines(output: &[u8]) -> Vec<Value> {
    let lines = output.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

fn members(group: &Value) -> &Vec<Value> {
    group["members"].as_array().unwrap()
}

fn keys(group: &Value) -> Vec<&str> {
    members(group).iter().map(|member| member["key"].as_str().unwrap()).collect()
}

/// The only member with this key.
fn member<'a>(groups: &'a [Value], key: &str) -> &'a Value {
    let mut found = groups.iter().flat_map(members).filter(|member| member["key"] == key);
    let member = found.next().unwrap_or_else(|| panic!("{key} is in no group of {groups:#?}"));
    assert!(found.next().is_none(), "{key} is there twice");
    member
}

fn scaled(picture: &DynamicImage, width: u32, height: u32) -> DynamicImage {
    picture.resize_exact(width, height, image::imageops::FilterType::Triangle)
}

fn flat() -> DynamicImage {
    DynamicImage::ImageRgb8(RgbImage::from_pixel(100, 100, image::Rgb([9, 9, 9])))
}

fn save(folder: &TempDir, name: &str, picture: &DynamicImage) {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    picture.save(path).unwrap();
}

/// `photos/`: two originals, each with a scaled copy, one with a copy of the same bytes too, one mirrored; and a stranger.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for seed in [1, 2] {
        save(&folder, &format!("photos/{seed}.png"), &picture(seed));
        save(&folder, &format!("photos/{seed}-small.png"), &scaled(&picture(seed), 200, 150));
    }
    fs::copy(folder.path().join("photos/1.png"), folder.path().join("photos/1-copy.png")).unwrap();
    save(&folder, "photos/2-mirrored.png", &picture(2).fliph());
    save(&folder, "photos/9.png", &picture(90));
    folder
}

/// Every file below a folder, with its content.
fn everything(folder: &TempDir) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = walkdir::WalkDir::new(folder.path()).into_iter().map(Result::unwrap);
    let files = files.filter(|entry| entry.path().is_file());
    let name = |path: &Path| path.strip_prefix(folder.path()).unwrap().to_path_buf();
    files.map(|entry| (name(entry.path()), fs::read(entry.path()).unwrap())).collect()
}

fn names(folder: &TempDir) -> BTreeSet<String> {
    everything(folder).into_keys().map(|name| name.to_string_lossy().replace('\\', "/")).collect()
}

#[test]
fn pictures_are_grouped_as_their_records_are() {
    let folder = folder();
    let found = groups(&folder, "dedupe photos", 0);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert_eq!(keys(&found[0]), ["photos/1-copy.png", "photos/1-small.png", "photos/1.png"]);
    assert_eq!(keys(&found[1]), ["photos/2-small.png", "photos/2.png"]);
    let small = member(&found, "photos/2-small.png");
    assert_eq!(
        (&small["width"], &small["height"], &small["position"]),
        (&200.into(), &150.into(), &5.into())
    );
    assert_eq!((&small["source"], &small["remove"]), (&"photos".into(), &true.into()));
    assert_eq!(small["bytes"], fs::metadata(folder.path().join("photos/2-small.png")).unwrap().len());
    let distance = &small["distance"];
    assert!(distance["photodna"].as_u64().unwrap() <= 40_000 && distance["pdq"].is_u64(), "{distance}");
    let best = member(&found, "photos/2.png");
    assert_eq!(
        (&best["best"], &best["why"], &best["remove"]),
        (&true.into(), &"most pixels".into(), &Value::Null)
    );
    assert!(best["distance"].is_null() && small["best"].is_null() && small["exact"].is_null());
    for key in ["photos/1.png", "photos/1-copy.png"] {
        assert_eq!(member(&found, key)["exact"], "photos/1-copy.png");
    }

    run(&folder, "hash photos -o photos.jsonl -q", 0);
    let stored = groups(&folder, "dedupe photos.jsonl", 0);
    for (pictures, records) in found.iter().zip(&stored) {
        for (picture, record) in members(pictures).iter().zip(members(records)) {
            for field in ["key", "position", "width", "height", "bytes"] {
                assert_eq!(picture[field], record[field], "{field}");
            }
            assert!(record["remove"].is_null() && record["exact"].is_null(), "a record is no file: {record}");
        }
    }
    assert_eq!(member(&stored, "photos/2-small.png")["distance"], *distance);
    assert_eq!(member(&stored, "photos/2.png")["why"], "most pixels");

    // Both at once: pictures first.
    let both = groups(&folder, "dedupe photos.jsonl photos", 0);
    assert_eq!(members(&both[0]).len(), 6);
    assert_eq!(members(&both[0])[0]["source"], "photos");
    let turned = groups(&folder, "dedupe photos --orientations all", 0);
    assert_eq!(member(&turned, "photos/2-mirrored.png")["orientation"], "mirror");
    assert_eq!(groups(&folder, "dedupe photos -j 1", 0), found);
    assert!(groups(&folder, "dedupe photos/9.png photos/1.png", 3).is_empty());
}

#[test]
fn nothing_is_changed_unless_it_is_asked_for() {
    let folder = folder();
    let before = everything(&folder);
    for arguments in ["dedupe photos", "dedupe photos --do print", "dedupe photos --keep oldest --chains"] {
        let output = run(&folder, arguments, 0);
        assert!(said(&output).contains("3 files of 2 groups, "), "{}", said(&output));
        assert!(said(&output).contains("could go; nothing was changed"), "{}", said(&output));
    }
    for wrong in [
        "dedupe photos --do",
        "dedupe photos --do remove",
        "dedupe photos --do move",
        "dedupe photos --do move=",
    ] {
        run(&folder, wrong, 1);
    }
    assert!(everything(&folder) == before);
}

#[test]
fn what_does_not_look_the_same_is_never_taken_away() {
    let folder = folder();
    let before = everything(&folder);
    for option in ["--nearest 1", "--include-flat", "--quality-min 49"] {
        let found = groups(&folder, &format!("dedupe photos {option}"), 0);
        assert!(found.iter().flat_map(members).all(|member| member["remove"].is_null()), "{option}");
        for act in ["delete", "move=away", "link"] {
            let output = run(&folder, &format!("dedupe photos {option} --do {act}"), 1);
            assert!(said(&output).contains("do not look the same"), "{}", said(&output));
        }
    }
    assert!(everything(&folder) == before);
}

#[test]
fn what_is_deleted_has_a_better_copy() {
    let folder = folder();
    let output = run(&folder, "dedupe photos --do delete", 0);
    let left = ["photos/1-copy.png", "photos/2-mirrored.png", "photos/2.png", "photos/9.png"];
    let gone = ["photos/1-small.png", "photos/1.png", "photos/2-small.png"];
    // Which of two files of the same bytes is older is the system's to say.
    let (copy, first) = (folder.path().join("photos/1-copy.png"), folder.path().join("photos/1.png"));
    assert!(copy.exists() != first.exists(), "{}", said(&output));
    let names = names(&folder);
    assert_eq!(names.len(), left.len(), "{names:?}");
    assert!(!names.contains("photos/1-small.png") && !names.contains("photos/2-small.png"), "{names:?}");
    let lines = said(&output);
    assert_eq!(
        lines.lines().filter(|line| line.starts_with("deleted photos/")).count(),
        gone.len(),
        "{lines}"
    );
    assert!(lines.contains("deleted photos/2-small.png (kept photos/2.png)"), "{lines}");
    assert!(lines.contains("deleted 3 files of 2 groups, "), "{lines}");
    run(&folder, "dedupe photos --do delete", 3);
}

#[test]
fn which_copy_is_kept_can_be_chosen() {
    let folder = tempfile::tempdir().unwrap();
    save(&folder, "p/large.png", &picture(3));
    // Fewer pixels in more bytes.
    save(&folder, "p/small.bmp", &scaled(&picture(3), 300, 225));
    let now = SystemTime::now();
    for (name, age) in [("p/large.png", 100), ("p/small.bmp", 200)] {
        let file = fs::File::options().write(true).open(folder.path().join(name)).unwrap();
        file.set_modified(now - Duration::from_secs(age)).unwrap();
    }
    for (keep, key, why) in [
        ("best", "p/large.png", "most pixels"),
        ("oldest", "p/small.bmp", "oldest"),
        ("largest", "p/small.bmp", "largest file"),
    ] {
        let found = groups(&folder, &format!("dedupe p --keep {keep}"), 0);
        let best = member(&found, key);
        assert_eq!((&best["best"], &best["why"]), (&true.into(), &why.into()), "{keep}");
    }
}

#[test]
fn references_are_never_taken_away() {
    let folder = folder();
    save(&folder, "archive/1-tiny.png", &scaled(&picture(1), 160, 120));
    save(&folder, "archive/1-tiny-too.png", &scaled(&picture(1), 170, 128));
    save(&folder, "archive/7.png", &picture(7));
    save(&folder, "archive/7-small.png", &scaled(&picture(7), 200, 150));
    let found = groups(&folder, "dedupe photos --reference archive", 0);
    assert_eq!(found.len(), 2, "what is among references alone is not asked about: {found:#?}");
    let best = member(&found, "archive/1-tiny-too.png");
    assert_eq!((&best["best"], &best["why"]), (&true.into(), &"in a reference folder".into()));
    for key in ["archive/1-tiny.png", "archive/1-tiny-too.png"] {
        let reference = member(&found, key);
        assert_eq!((&reference["reference"], &reference["remove"]), (&true.into(), &Value::Null));
    }
    let before = everything(&folder);
    run(&folder, "dedupe photos --reference archive --do delete", 0);
    let after = everything(&folder);
    let of_archive = |all: &BTreeMap<PathBuf, Vec<u8>>| {
        all.clone().into_iter().filter(|(name, _)| name.starts_with("archive")).collect::<BTreeMap<_, _>>()
    };
    assert!(of_archive(&before) == of_archive(&after) && of_archive(&after).len() == 4);
    let left: Vec<_> = after.keys().filter(|name| name.starts_with("photos")).collect();
    assert_eq!(left.len(), 3, "{left:?}");

    // A folder that is a reference stays one where it is read as a part of another.
    let folder = self::folder();
    let before = everything(&folder);
    run(&folder, "dedupe photos --reference photos --do delete", 3);
    run(&folder, "dedupe . --reference photos --do delete", 3);
    run(&folder, "dedupe photos/1-small.png --reference photos --do delete", 3);
    assert!(everything(&folder) == before);
    // References may be records; what they were made of is not looked for, so nothing is deleted for them.
    run(&folder, "hash photos/2.png -o known.jsonl -q", 0);
    let found = groups(&folder, "dedupe photos/2-small.png --reference known.jsonl --do delete", 0);
    assert_eq!(member(&found, "photos/2.png")["why"], "in a reference folder");
    assert!(folder.path().join("photos/2-small.png").exists());
}

#[test]
fn one_file_is_one_copy_even_if_named_again() {
    let folder = folder();
    let output = run(&folder, "dedupe photos/1.png photos/1.png ./photos/1.png photos/../photos/1.png", 3);
    assert!(
        said(&output).contains("1 picture, 0 groups with 0 members, 0 failed, 3 named twice"),
        "{}",
        said(&output)
    );
}

#[cfg(not(windows))]
#[test]
fn copies_of_what_matches_nothing_are_found_by_their_bytes() {
    let folder = tempfile::tempdir().unwrap();
    save(&folder, "a/flat.png", &flat());
    fs::copy(folder.path().join("a/flat.png"), folder.path().join("a/flat-too.png")).unwrap();
    save(&folder, "a/flat-else.png", &scaled(&flat(), 101, 100));
    let found = groups(&folder, "dedupe a --do delete", 0);
    assert_eq!((found.len(), keys(&found[0])), (1, vec!["a/flat-too.png", "a/flat.png"]));
    assert!(members(&found[0])[0]["distance"].is_null());
    assert_eq!(names(&folder).len(), 2);
}

/// A picture between two.
fn between(a: &DynamicImage, b: &DynamicImage, share: f64) -> DynamicImage {
    let (a, b) = (a.to_rgb8(), b.to_rgb8());
    DynamicImage::ImageRgb8(RgbImage::from_fn(a.width(), a.height(), |x, y| {
        let (a, b) = (a.get_pixel(x, y).0, b.get_pixel(x, y).0);
        let mixed = |at: usize| (f64::from(a[at]) * (1.0 - share) + f64::from(b[at]) * share) as u8;
        image::Rgb([mixed(0), mixed(1), mixed(2)])
    }))
}

fn photodna(picture: &DynamicImage) -> PhotoDna {
    let mut file = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut file, image::ImageFormat::Png).unwrap();
    Hasher::new(HashOptions::default()).hash(&file.into_inner()).unwrap().photodna.unwrap().signature
}

/// `chain/a.png` is near `b.png`, and that near `c.png`, but not `a.png`.
fn chain() -> TempDir {
    let (from, to) = (picture(4), picture(5));
    let shares = (1..100).map(|share| f64::from(share) / 100.0);
    let mixed: Vec<(DynamicImage, PhotoDna)> = shares
        .map(|share| between(&from, &to, share))
        .map(|picture| {
            let signature = photodna(&picture);
            (picture, signature)
        })
        .collect();
    let first = photodna(&from);
    let near = |a: &PhotoDna, b: &PhotoDna| a.distance(b) < 38_000;
    let (b, c) = mixed
        .iter()
        .enumerate()
        .filter(|(_, (_, b))| near(&first, b))
        .find_map(|(place, b)| {
            let c = mixed[place..].iter().find(|(_, c)| near(&b.1, c) && first.distance(c) > 42_000);
            c.map(|c| (b, c))
        })
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    save(&folder, "chain/a.png", &from);
    save(&folder, "chain/b.png", &scaled(&b.0, 310, 232));
    save(&folder, "chain/c.png", &scaled(&c.0, 300, 225));
    folder
}

#[test]
fn a_chain_is_marked_and_stays() {
    let folder = chain();
    let found = groups(&folder, "dedupe chain -a photodna", 0);
    assert_eq!((found.len(), keys(&found[0])), (1, vec!["chain/a.png", "chain/b.png", "chain/c.png"]));
    assert_eq!(member(&found, "chain/a.png")["why"], "most pixels");
    let (near, far) = (member(&found, "chain/b.png"), member(&found, "chain/c.png"));
    assert_eq!((&near["via"], &near["remove"]), (&Value::Null, &true.into()));
    assert_eq!((&far["via"], &far["remove"]), (&"chain/b.png".into(), &Value::Null));
    assert!(far["distance"]["photodna"].as_u64().unwrap() > 40_000, "the distance is that to the best copy");
    run(&folder, "dedupe chain -a photodna --do delete", 0);
    assert_eq!(names(&folder), ["chain/a.png", "chain/c.png"].map(String::from).into());
    run(&folder, "dedupe chain -a photodna", 3);

    let folder = chain();
    run(&folder, "dedupe chain -a photodna --do delete --chains", 0);
    assert_eq!(names(&folder), ["chain/a.png"].map(String::from).into());
}

#[test]
fn presets_are_thresholds_by_name() {
    let folder = folder();
    // The same pixels in another lossless format.
    save(&folder, "photos/1.bmp", &picture(1));
    let exact = groups(&folder, "dedupe photos --preset exact", 0);
    assert_eq!(exact.len(), 1, "{exact:#?}");
    assert_eq!(keys(&exact[0]), ["photos/1-copy.png", "photos/1.bmp", "photos/1.png"]);
    assert_eq!(groups(&folder, "dedupe photos --preset near", 0), groups(&folder, "dedupe photos", 0));
    let loose = groups(&folder, "dedupe photos --preset loose", 0);
    assert_eq!(loose, groups(&folder, "dedupe photos --joint photodna=62500,pdq=90", 0));
    // Soft shading is of low quality to PDQ, so that only one signature is looked up: a wider preset finds what a narrower one does.
    let shade = |x: u32, y: u32| {
        let (x, y) = (f64::from(x) / 400.0, f64::from(y) / 300.0);
        128.0 + 60.0 * (x * std::f64::consts::TAU).sin() * (y * std::f64::consts::PI).cos()
    };
    let soft = RgbImage::from_fn(400, 300, |x, y| image::Rgb([shade(x, y) as u8; 3]));
    let soft = DynamicImage::ImageRgb8(soft);
    save(&folder, "soft/whole.png", &soft);
    save(&folder, "soft/small.png", &scaled(&soft, 200, 150));
    run(&folder, "dedupe soft --joint photodna=62500,pdq=90", 3);
    for preset in ["near", "loose"] {
        let found = groups(&folder, &format!("dedupe soft --preset {preset}"), 0);
        assert_eq!((found.len(), keys(&found[0])), (1, vec!["soft/small.png", "soft/whole.png"]), "{preset}");
        let small = member(&found, "soft/small.png");
        assert!(small["via"].is_null() && small["distance"]["photodna"].as_u64() < Some(1_000), "{small}");
    }
    for wrong in ["--threshold pdq=3", "--joint pdq=3", "--nearest 1"] {
        run(&folder, &format!("dedupe photos --preset exact {wrong}"), 1);
    }
}

#[test]
fn the_name_of_the_file_says_how_groups_are_written() {
    let folder = folder();
    run(&folder, "dedupe photos -o groups.csv -q", 0);
    run(&folder, "dedupe photos -o groups.json -q", 0);
    run(&folder, "dedupe photos -o groups.txt --format table -q", 0);
    let text = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(
        text("groups.csv").starts_with("group,size,key,") && text("groups.json").starts_with("{\"group\":1")
    );
    assert!(text("groups.txt").starts_with("group 1: "));
    for (wrong, why) in [
        ("-o groups.parquet", "are written as .jsonl or .csv"),
        ("-o other.csv --format jsonl", "contradict each other"),
        ("-o other.jsonl --format table", "contradict each other"),
    ] {
        let output = run(&folder, &format!("dedupe photos {wrong}"), 1);
        assert!(said(&output).contains(why), "{wrong}: {}", said(&output));
    }
    assert!(!names(&folder).iter().any(|name| name.contains("parquet") || name.contains("other")));
}

#[test]
fn records_without_a_signature_are_counted_and_no_failure() {
    let folder = folder();
    fs::write(folder.path().join("photos/notes.txt"), b"no picture").unwrap();
    run(&folder, "hash photos -o photos.jsonl -q", 0);
    let output = run(&folder, "dedupe photos.jsonl -o groups.jsonl", 0);
    let line = "7 signatures, 2 groups with 5 members, 1 without a signature, 0 failed";
    assert!(said(&output).contains(line), "{}", said(&output));
    fs::write(folder.path().join("list.txt"), "no signature\n").unwrap();
    run(&folder, "dedupe photos.jsonl list.txt -q", 2);
}

#[test]
fn what_is_moved_keeps_its_path_and_goes_over_nothing() {
    let folder = folder();
    let small = fs::read(folder.path().join("photos/2-small.png")).unwrap();
    for wrong in ["photos", "photos/away", "photos/../photos/away"] {
        run(&folder, &format!("dedupe photos --do move={wrong}"), 1);
    }
    let output = run(&folder, "dedupe photos --do move=away/seen", 0);
    assert!(
        said(&output).contains("moved to away/seen: photos/2-small.png (kept photos/2.png)"),
        "{}",
        said(&output)
    );
    assert_eq!(fs::read(folder.path().join("away/seen/photos/2-small.png")).unwrap(), small);
    assert_eq!(names(&folder).len(), 7, "{:?}", names(&folder));
    save(&folder, "photos/2-small.png", &scaled(&picture(2), 201, 150));
    let before = everything(&folder);
    let output = run(&folder, "dedupe photos --do move=away/seen", 2);
    assert!(said(&output).contains("is there already"), "{}", said(&output));
    assert!(everything(&folder) == before);
}

#[test]
fn members_of_archives_are_grouped_and_stay() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let file = |name: &str| (name.to_string(), fs::read(at(name)).unwrap());
    fs::write(at("all.zip"), common::archive::zip(&[file("photos/1-small.png"), file("photos/2.png")]))
        .unwrap();
    let before = everything(&folder);
    let found = groups(&folder, "dedupe photos/1.png photos/2-small.png all.zip --do delete", 0);
    assert_eq!(keys(&found[0]), ["photos/1.png", "all.zip/photos/1-small.png"]);
    assert_eq!(member(&found, "all.zip/photos/2.png")["best"], true);
    // The best copy of the second is in the archive, and no file that could be looked at once more.
    assert!(everything(&folder) == before);
    // A list may be packed too.
    run(&folder, "hash photos -o list.jsonl -q", 0);
    let list = [("list.jsonl".to_string(), fs::read(at("list.jsonl")).unwrap())];
    fs::write(at("list.jsonl.zip"), common::archive::zip(&list)).unwrap();
    assert_eq!(groups(&folder, "dedupe list.jsonl.zip", 0).len(), 2);
}

#[test]
fn what_cannot_be_hashed_is_said() {
    let folder = folder();
    for number in 0..5 {
        fs::write(folder.path().join(format!("photos/notes-{number}.png")), b"no picture").unwrap();
    }
    let output = run(&folder, "dedupe photos", 2);
    assert_eq!(of_lines(&output.stdout).len(), 2);
    for number in 0..5 {
        assert!(
            said(&output).contains(&format!("shadegrid: photos/notes-{number}.png: input: ")),
            "{}",
            said(&output)
        );
    }
    assert!(said(&output).contains("7 pictures, 2 groups with 5 members, 5 failed"), "{}", said(&output));
    run(&folder, "dedupe photos gone.jsonl", 1);
    let output = run(&folder, "dedupe photos -q", 2);
    assert!(output.stderr.is_empty(), "{}", said(&output));
}

#[test]
fn groups_are_lines_tables_and_pages() {
    let folder = folder();
    let json = groups(&folder, "dedupe photos", 0);
    run(&folder, "dedupe photos -q -o groups.csv --html page.html", 0);
    let mut rows = csv_rows(&fs::read_to_string(folder.path().join("groups.csv")).unwrap());
    let head = rows.remove(0);
    let column = |name: &str| head.iter().position(|own| own == name).unwrap();
    let all: Vec<&Value> = json.iter().flat_map(members).collect();
    assert_eq!(rows.len(), all.len());
    for (row, member) in rows.iter().zip(all) {
        assert_eq!(row[column("key")], member["key"].as_str().unwrap());
        assert_eq!(row[column("why")], member["why"].as_str().unwrap_or(""));
        assert_eq!(row[column("remove")], member["remove"].as_bool().unwrap_or(false).to_string());
        let distance =
            member["distance"]["pdq"].as_u64().map(|distance| distance.to_string()).unwrap_or_default();
        assert_eq!(row[column("pdq")], distance);
    }
    let table = run(&folder, "dedupe photos --format table -q", 0);
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.starts_with("group 1: 3 pictures\n  * photos/1"), "{table}");
    assert!(table.contains("  - photos/2-small.png  200×150"), "{table}");
    let page = fs::read_to_string(folder.path().join("page.html")).unwrap();
    assert!(page.contains("<title>Shadegrid dedupe: photos</title>"));
    assert!(page.contains("src=\"photos/2-small.png\"") && page.matches("<figure").count() == 5);
    assert!(page.contains("shadegrid dedupe photos -q -o groups.csv --html page.html"));
    // What the command wrote it writes again, and nothing else.
    run(&folder, "dedupe photos -q -o groups.csv --html page.html", 0);
    run(&folder, "dedupe photos -q -o page.html", 1);
    run(&folder, "dedupe photos -q --html groups.csv", 1);
    // A page may lie among the pictures, and is none of them; a picture's place is never taken.
    for _ in 0..2 {
        run(&folder, "dedupe photos -q --strict --html photos/page.html", 0);
    }
    let picture = fs::read_dir(folder.path().join("photos")).unwrap().map(|entry| entry.unwrap().file_name());
    let picture = picture.filter(|name| name != "page.html").max().unwrap();
    run(&folder, &format!("dedupe photos -q --force --html photos/{}", picture.to_str().unwrap()), 1);
}

fn csv_rows(text: &str) -> Vec<Vec<String>> {
    text.lines().map(|line| line.split(',').map(String::from).collect()).collect()
}

#[test]
fn a_file_is_grouped_by_every_frame_where_that_is_asked_for_and_never_taken_away_then() {
    let folder = tempfile::tempdir().unwrap();
    let frames: Vec<RgbImage> = [60, 61, 62, 63, 64].map(|seed| picture(seed).to_rgb8()).to_vec();
    fs::write(folder.path().join("a.gif"), common::encode::animation(&frames)).unwrap();
    save(&folder, "b.png", &picture(62));
    save(&folder, "c.png", &picture(99));
    assert!(groups(&folder, "dedupe a.gif b.png c.png -q", 3).is_empty());
    let found = groups(&folder, "dedupe a.gif b.png c.png -q --frames all", 0);
    assert_eq!(found.len(), 1);
    assert_eq!(keys(&found[0]).into_iter().collect::<BTreeSet<_>>(), ["a.gif", "b.png"].into());
    let refused = run(&folder, "dedupe a.gif b.png --frames all --do delete", 1);
    assert!(said(&refused).contains("--do changes nothing"), "{}", said(&refused));
    assert!(folder.path().join("a.gif").exists() && folder.path().join("b.png").exists());
}

/// One of several pictures in a file, or one of the ways in which it may be seen, is no reason to take the file away; nor is it a copy that could be kept in another's place.
#[test]
fn a_file_that_holds_more_is_taken_away_for_its_own_bytes_alone() {
    let pages = |seeds: &[u32]| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let mut encoder = tiff::encoder::TiffEncoder::new(&mut bytes).unwrap();
        for seed in seeds {
            let page = picture(*seed).to_rgb8();
            encoder
                .write_image::<tiff::encoder::colortype::RGB8>(page.width(), page.height(), &page)
                .unwrap();
        }
        bytes.into_inner()
    };
    let animated = |seeds: &[u32]| {
        common::encode::animation(&seeds.iter().map(|seed| picture(*seed).to_rgb8()).collect::<Vec<_>>())
    };
    // Stored as one picture, and another one over white.
    let hidden = {
        let (stored, shown) = (picture(50).to_luma8(), picture(51).to_luma8());
        let pixel = |x: u32, y: u32| {
            let (stored, shown) =
                (0.4 * f32::from(stored.get_pixel(x, y)[0]), f32::from(shown.get_pixel(x, y)[0]));
            let opacity = ((255.0 - shown) / (255.0 - stored)).clamp(0.0, 1.0);
            image::LumaA([stored as u8, (255.0 * opacity) as u8])
        };
        DynamicImage::ImageLumaA8(image::ImageBuffer::from_fn(stored.width(), stored.height(), pixel))
    };
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    write("pages.tif", &pages(&[40, 41]));
    write("single.tif", &pages(&[42]));
    write("first.gif", &animated(&[43, 44, 45]));
    write("last.gif", &animated(&[46, 47, 48]));
    write("same.gif", &animated(&[53, 54]));
    write("twin.gif", &animated(&[53, 54]));
    save(&folder, "hidden.png", &hidden);
    for (name, seed) in [("40", 40), ("42", 42), ("43", 43), ("48", 48), ("51", 51)] {
        // Larger, so that it is the best copy.
        save(&folder, &format!("{name}.png"), &scaled(&picture(seed), 640, 480));
    }
    let found = groups(&folder, "dedupe . -q", 0);
    assert!(found.len() >= 4, "{found:#?}");
    run(&folder, "dedupe . --do delete", 0);
    let left = names(&folder);
    for name in ["pages.tif", "first.gif", "last.gif", "hidden.png"] {
        assert!(left.contains(name), "{name} is gone: {left:?}");
    }
    assert!(
        !left.contains("single.tif") && left.contains("same.gif") != left.contains("twin.gif"),
        "{left:?}"
    );
}

#[cfg(unix)]
mod unix {
    use std::io::Write as _;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::{MetadataExt as _, symlink};

    use super::*;

    fn inode(folder: &TempDir, name: &str) -> u64 {
        fs::metadata(folder.path().join(name)).unwrap().ino()
    }

    #[test]
    fn names_of_one_file_are_one_copy() {
        let folder = folder();
        let at = |name: &str| folder.path().join(name);
        fs::remove_file(at("photos/1-copy.png")).unwrap();
        fs::hard_link(at("photos/1.png"), at("photos/1-hard.png")).unwrap();
        fs::hard_link(at("photos/1-small.png"), at("photos/1-small-hard.png")).unwrap();
        fs::hard_link(at("photos/2-small.png"), at("elsewhere.png")).unwrap();
        let output = run(&folder, "dedupe photos", 0);
        let found = of_lines(&output.stdout);
        assert!(member(&found, "photos/1.png")["remove"].is_null());
        assert!(member(&found, "photos/1-hard.png")["remove"].is_null());
        assert_eq!(member(&found, "photos/1-hard.png")["exact"], "photos/1-hard.png");
        let bytes = fs::metadata(at("photos/1-small.png")).unwrap().len();
        // Both names of the first go, and with them its bytes; the second has a name elsewhere.
        let kilobytes = format!("3 files of 2 groups, {:.0} kB could go", bytes as f64 / 1e3);
        assert!(said(&output).contains(&kilobytes), "{kilobytes}: {}", said(&output));
        run(&folder, "dedupe photos --do delete", 0);
        assert!(
            at("photos/1.png").exists() && at("photos/1-hard.png").exists() && at("elsewhere.png").exists()
        );
        assert_eq!(names(&folder).len(), 6, "{:?}", names(&folder));
    }

    #[test]
    fn files_of_the_same_bytes_become_one() {
        let folder = folder();
        let at = |name: &str| folder.path().join(name);
        let before = everything(&folder);
        let output = run(&folder, "dedupe photos --do link", 0);
        assert!(said(&output).contains("linked 1 file of 1 group, "), "{}", said(&output));
        assert!(everything(&folder) == before, "every name has its content, and the scaled copies are there");
        assert_eq!(inode(&folder, "photos/1.png"), inode(&folder, "photos/1-copy.png"));
        assert_eq!(fs::read_dir(at("photos")).unwrap().count(), 7, "nothing else is left");
        let output = run(&folder, "dedupe photos --do link", 0);
        assert!(said(&output).contains("linked 0 files of 0 groups, 0 B"), "{}", said(&output));
    }

    #[test]
    fn nothing_is_taken_away_through_a_link() {
        let folder = folder();
        let at = |name: &str| folder.path().join(name);
        save(&folder, "outside/2-other.png", &scaled(&picture(2), 180, 135));
        symlink(at("outside"), at("photos/album")).unwrap();
        symlink(at("outside/2-other.png"), at("photos/soft.png")).unwrap();
        let found = groups(&folder, "dedupe photos --follow", 0);
        let other = member(&found, "photos/album/2-other.png");
        assert!(other["remove"].is_null(), "{other}");
        run(&folder, "dedupe photos --follow --do delete", 0);
        assert!(at("outside/2-other.png").exists() && at("photos/soft.png").is_symlink());
        // Nor where a list names it.
        fs::write(at("list"), "photos/album/2-other.png\nphotos/2.png\n").unwrap();
        let found = groups(&folder, "dedupe --files-from list --do delete", 0);
        assert!(
            member(&found, "photos/album/2-other.png")["remove"].is_null()
                && at("outside/2-other.png").exists()
        );
        // A link is no copy of what it leads to, and what it leads to is not the worse copy of it.
        let folder = self::folder();
        let at = |name: &str| folder.path().join(name);
        symlink("2.png", at("photos/0.png")).unwrap();
        fs::remove_file(at("photos/2-small.png")).unwrap();
        run(&folder, "dedupe photos/0.png photos/2.png --do delete", 3);
        symlink(at("photos/2.png"), at("soft.png")).unwrap();
        save(&folder, "photos/2-small.png", &scaled(&picture(2), 200, 150));
        let found = groups(&folder, "dedupe soft.png photos/2-small.png --do delete", 0);
        assert_eq!(member(&found, "soft.png")["best"], true);
        assert!(
            at("photos/2-small.png").exists() && at("photos/2.png").exists(),
            "the link is no file that is kept"
        );
    }

    /// A pipe is a list, and lists are read when all pictures are hashed: until then a writer waits.
    #[test]
    fn what_has_changed_since_it_was_hashed_stays() {
        let folder = folder();
        let at = |name: &str| folder.path().join(name);
        save(&folder, "photos/1-third.png", &scaled(&picture(1), 210, 157));
        run(&folder, "hash photos/9.png -o list.jsonl -q", 0);
        assert!(Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
        let mut running =
            command(&folder, ["dedupe", "photos", "pipe", "--do", "delete", "--keep", "oldest"]);
        running.stdout(Stdio::piped()).stderr(Stdio::piped());
        let old = SystemTime::now() - Duration::from_secs(1000);
        for (name, age) in [("photos/1.png", 0), ("photos/1-copy.png", 10), ("photos/2.png", 0)] {
            let file = fs::File::options().write(true).open(at(name)).unwrap();
            file.set_modified(old + Duration::from_secs(age)).unwrap();
        }
        let child = running.spawn().unwrap();
        let mut pipe = fs::File::options().write(true).open(at("pipe")).unwrap();
        // Another length; the same length and time; another file of the same name; and the copy that was to be kept is gone.
        fs::write(at("photos/1-small.png"), b"mine now").unwrap();
        let copy = at("photos/1-copy.png");
        let (mut bytes, modified) =
            (fs::read(&copy).unwrap(), fs::metadata(&copy).unwrap().modified().unwrap());
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        let mut file = fs::File::options().write(true).open(&copy).unwrap();
        file.write_all(&bytes).unwrap();
        file.set_modified(modified).unwrap();
        drop(file);
        fs::remove_file(at("photos/2.png")).unwrap();
        let before = everything_but_pipe(&folder);
        pipe.write_all(&fs::read(at("list.jsonl")).unwrap()).unwrap();
        drop(pipe);
        let output = child.wait_with_output().unwrap();
        let lines = said(&output);
        assert_eq!(output.status.code(), Some(2), "{lines}");
        for (name, why) in [
            ("1-small.png", "it has changed since it was hashed"),
            ("1-copy.png", "it has not the same bytes any more"),
            ("2-small.png", "of what is kept, photos/2.png: "),
        ] {
            assert!(
                lines.contains(&format!("shadegrid: photos/{name}: left as it is: {why}")),
                "{name}: {lines}"
            );
        }
        let mut after = everything_but_pipe(&folder);
        after.insert("photos/1-third.png".into(), before[Path::new("photos/1-third.png")].clone());
        assert!(lines.contains("deleted photos/1-third.png (kept photos/1.png)"), "{lines}");
        assert!(after == before && !at("photos/1-third.png").exists());
    }

    fn everything_but_pipe(folder: &TempDir) -> BTreeMap<PathBuf, Vec<u8>> {
        let pipe = folder.path().join("pipe");
        let _ = fs::remove_file(pipe);
        everything(folder)
    }

    #[test]
    fn any_name_is_grouped_written_and_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let odd: [&[u8]; 5] =
            [b"a,\"b\".png", b"<script>alert(1)</script>", b"new\nline.png", b"caf\xe9.png", b"--do.png"];
        fs::create_dir(folder.path().join("p")).unwrap();
        for (number, name) in odd.iter().enumerate() {
            let at = folder.path().join("p").join(OsStr::from_bytes(name));
            // One name holds a slash, and so a folder.
            fs::create_dir_all(at.parent().unwrap()).unwrap();
            let small = scaled(&picture(6), 200 + number as u32, 150);
            small.save_with_format(at, image::ImageFormat::Png).unwrap();
        }
        save(&folder, "p/original.png", &picture(6));
        let found = groups(&folder, "dedupe p --html page.html", 0);
        assert_eq!(members(&found[0]).len(), 6);
        let bytes = members(&found[0]).iter().find_map(|member| member["key_bytes"].as_str());
        assert_eq!(bytes, Some("cC9jYWbpLnBuZw=="));
        let page = fs::read_to_string(folder.path().join("page.html")).unwrap();
        assert!(!page.contains("<script") && page.contains("src=\"p/caf%E9.png\""));
        let output = run(&folder, "dedupe p --do move=away", 0);
        assert!(!said(&output).contains("new\nline"), "{}", said(&output));
        assert_eq!(
            fs::read_dir(folder.path().join("p"))
                .unwrap()
                .filter(|e| e.as_ref().unwrap().path().is_file())
                .count(),
            1
        );
        assert!(folder.path().join("away/p").join(OsStr::from_bytes(b"caf\xe9.png")).exists());
    }

    #[test]
    fn pages_and_groups_are_for_their_owner_alone() {
        let folder = folder();
        run(&folder, "dedupe photos -q -o groups.jsonl --html page.html", 0);
        for name in ["groups.jsonl", "page.html"] {
            assert_eq!(fs::metadata(folder.path().join(name)).unwrap().mode() & 0o777, 0o600, "{name}");
        }
    }
}

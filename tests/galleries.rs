//! Galleries' files while lists come and go: by many at once, by halves, twice, through pipes, and overwritten in use.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use shadegrid::gallery::{Change, Entry, Gallery, GalleryBuilder};
use shadegrid::{Error, Pdq};
use tempfile::TempDir;

fn command(folder: &TempDir, arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shadegrid"));
    command.args(arguments.split(' ')).current_dir(folder.path()).stdin(Stdio::null());
    command
}

fn run(folder: &TempDir, arguments: &str) -> Output {
    command(folder, arguments).output().unwrap()
}

/// Runs and expects an exit code; gives what was said on standard error.
fn said(folder: &TempDir, arguments: &str, code: i32) -> String {
    let output = run(folder, arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments}: {said}");
    said
}

/// Lines of standard output.
fn lines(output: &Output) -> Vec<Value> {
    let lines = output.stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

/// Keys and labels of what is in a gallery.
fn entries(folder: &TempDir, gallery: &str) -> Vec<(String, String)> {
    let output = run(folder, &format!("gallery export {gallery}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = |value: &Value| value.as_str().unwrap().to_string();
    lines(&output).iter().map(|entry| (text(&entry["key"]), text(&entry["label"]))).collect()
}

fn keys(folder: &TempDir, gallery: &str) -> Vec<String> {
    entries(folder, gallery).into_iter().map(|(key, _)| key).collect()
}

fn pdq(seed: u64) -> String {
    (0..4).map(|k| format!("{:016x}", (seed * 4 + k + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect()
}

fn list(seeds: std::ops::Range<u64>) -> String {
    let row = |n| format!("k{n},{},label {}\n", pdq(n), n % 3);
    format!("id,pdq,label\n{}", seeds.map(row).collect::<String>())
}

fn folder(files: &[(&str, String)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

/// Names in a folder, hidden ones too.
fn names(folder: &TempDir) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn twelve_additions_at_once_all_count() {
    let folder = folder(&[("first.csv", list(0..5))]);
    for n in 0..12u64 {
        fs::write(folder.path().join(format!("list{n}.csv")), list(100 * (n + 1)..100 * (n + 1) + 20))
            .unwrap();
    }
    said(&folder, "gallery build g.gallery first.csv", 0);
    let added: Vec<Child> = (0..12)
        .map(|n| {
            command(&folder, &format!("gallery add g.gallery list{n}.csv -q"))
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in added {
        assert!(child.wait().unwrap().success());
    }
    let keys = keys(&folder, "g.gallery");
    assert_eq!(keys.len(), 5 + 12 * 20);
    assert!((0..12u64).all(|n| keys.contains(&format!("k{}", 100 * (n + 1) + 19))));
    said(&folder, "gallery verify g.gallery", 0);
    assert!(
        names(&folder).iter().all(|name| !name.starts_with('.')),
        "nothing is left behind: {:?}",
        names(&folder)
    );
}

#[test]
fn half_a_list_is_no_list() {
    let json = |range: std::ops::Range<u64>| {
        let record = |n| format!("{{\"id\":\"k{n}\",\"pdq\":\"{}\"}}", pdq(n));
        format!("[{}]", range.map(record).collect::<Vec<_>>().join(","))
    };
    let whole = json(0..40);
    let half = whole[..whole.len() / 2].to_string();
    let folder = folder(&[
        ("whole.json", whole),
        ("half.json", half),
        ("other.csv", list(50..60)),
        ("rubbish.txt", "what\n".into()),
    ]);
    said(&folder, "gallery build g.gallery whole.json", 0);
    let before = fs::read(folder.path().join("g.gallery")).unwrap();
    for arguments in [
        "gallery build g.gallery half.json",
        "gallery add g.gallery half.json",
        "gallery add g.gallery other.csv half.json",
        "gallery build g.gallery half.json other.csv",
        "gallery build g.gallery rubbish.txt",
        "gallery add g.gallery other.csv rubbish.txt",
    ] {
        let said = said(&folder, arguments, 2);
        assert!(said.contains("g.gallery is left as it was") && said.contains("--accept-partial"), "{said}");
        let list = if arguments.contains("half") {
            "half.json: corrupt list: it ends too early at line 1"
        } else {
            "rubbish.txt: it gave no signature"
        };
        assert!(said.contains(list), "{said}");
        assert!(fs::read(folder.path().join("g.gallery")).unwrap() == before, "{arguments}");
    }
    said(&folder, "gallery build new.gallery half.json", 2);
    assert!(!folder.path().join("new.gallery").exists());
    said(&folder, "gallery build g.gallery half.json other.csv --accept-partial", 2);
    let keys = keys(&folder, "g.gallery");
    assert!((25..40).contains(&keys.len()) && keys.contains(&"k59".to_string()), "{keys:?}");
}

#[test]
fn a_list_counts_once_no_matter_how_often_it_is_read() {
    let folder = folder(&[("list.csv", list(0..10)), ("other.csv", list(0..10))]);
    said(&folder, "gallery build g.gallery list.csv list.csv", 0);
    assert_eq!(keys(&folder, "g.gallery").len(), 10);
    for _ in 0..2 {
        let said = said(&folder, "gallery add g.gallery list.csv", 0);
        assert!(said.contains("g.gallery had 10 of the entries"), "{said}");
        assert_eq!(keys(&folder, "g.gallery").len(), 10);
    }
    // Another list may say the same.
    said(&folder, "gallery add g.gallery other.csv", 0);
    assert_eq!(keys(&folder, "g.gallery").len(), 20);
    // A list that grew and changed: what is new is added, what it says now counts.
    let grown = list(0..12).replace("k3,", "other,").replace("label 2", "label 9");
    fs::write(folder.path().join("list.csv"), grown).unwrap();
    said(&folder, "gallery add g.gallery list.csv", 0);
    let of_list: Vec<(String, String)> = entries(&folder, "g.gallery").into_iter().skip(10 - 3).collect();
    let all = entries(&folder, "g.gallery");
    assert_eq!(all.len(), 20 + 2 + 1, "{of_list:?}");
    let label = |key: &str| {
        all.iter().filter(|entry| entry.0 == key).map(|entry| entry.1.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(
        (label("k2"), label("k4"), label("k11")),
        (vec!["label 2", "label 9"], vec!["label 1", "label 1"], vec!["label 9"])
    );
    // What was removed and is listed again is there again.
    said(&folder, "gallery remove g.gallery --key k4", 0);
    assert_eq!(keys(&folder, "g.gallery").len(), 21);
    said(&folder, "gallery add g.gallery list.csv", 0);
    assert_eq!(keys(&folder, "g.gallery").len(), 22);
    said(&folder, "gallery verify g.gallery", 0);
    // Near-duplicates are found among all that is listed.
    let output = run(&folder, "dedupe list.csv list.csv");
    assert_eq!((output.status.code(), lines(&output).len()), (Some(0), 12));
}

#[test]
fn what_a_page_takes_back_goes_whoever_brought_it() {
    let update = |n: u64, deleted: bool| {
        format!(
            "{{\"id\":\"{n}\",\"indicator\":\"{}\",\"type\":\"HASH_PDQ\",\"should_delete\":{deleted},\"descriptors\":{{\"data\":[]}}}}",
            pdq(n)
        )
    };
    let page = |records: &[String]| format!("{{\"data\":[{}]}}", records.join(","));
    let image = |n: u64, more: &str| {
        format!(
            "<image><member id=\"42\"/><id>i{n}</id><fingerprints><pdq>{}</pdq></fingerprints>{more}</image>",
            pdq(n)
        )
    };
    let folder = folder(&[
        ("page1.json", page(&[update(1, false), update(2, false), update(3, false)])),
        ("page2.jsonl", format!("{}\n{}\n", update(2, true), update(4, false))),
        ("a.xml", format!("<q>{}{}</q>", image(1, "<feedback><member id=\"7\"/></feedback>"), image(2, ""))),
        ("b.xml", "<q><deletedImage><member id=\"42\"/><id>i1</id></deletedImage></q>".into()),
    ]);
    said(&folder, "gallery build g.gallery page1.json a.xml", 0);
    assert_eq!(keys(&folder, "g.gallery").len(), 5);
    said(&folder, "gallery add g.gallery page2.jsonl b.xml", 0);
    assert_eq!(keys(&folder, "g.gallery"), ["1", "3", "42/i2", "4"]);
}

#[test]
fn what_cannot_be_read_is_reported_with_list_position_and_reason() {
    let mut bad = list(0..10);
    for n in 0..5 {
        bad += &format!("bad{n},{},x\n", "z".repeat(64));
    }
    let folder = folder(&[("bad.csv", bad), ("good.csv", list(20..30))]);
    let said_of = said(&folder, "gallery build g.gallery good.csv bad.csv", 2);
    for position in [12, 13, 14] {
        assert!(said_of.contains(&format!("bad.csv: {position}: not a PDQ signature")), "{said_of}");
    }
    assert!(said_of.contains("bad.csv: 2 more such; --quarantine FILE writes all of them down"), "{said_of}");
    assert!(said_of.contains("bad.csv: 10 entries (0 photodna, 10 pdq), 5 bad"), "{said_of}");
    assert!(!said_of.contains("zzzz"), "no content is printed");
    assert_eq!(keys(&folder, "g.gallery").len(), 20, "the others count");
    said(&folder, "gallery build g.gallery bad.csv --quarantine q.jsonl -q", 2);
    let quarantined = fs::read_to_string(folder.path().join("q.jsonl")).unwrap();
    let quarantined: Vec<Value> =
        quarantined.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(quarantined.len(), 5);
    assert_eq!((&quarantined[4]["list"], &quarantined[4]["position"]), (&"bad.csv".into(), &16.into()));
    assert!(quarantined[4].get("member").is_none());
    // What is left out by choice is no fault.
    said(&folder, "gallery build g.gallery good.csv --leave-out suspicious --accept-partial", 0);
}

/// What is over-represented is named by positions, list and key, and never by its value.
#[test]
fn what_is_over_represented_is_named_without_its_value() {
    let pdq = "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22";
    let folder = folder(&[
        ("once.csv", format!("id,pdq\nfirst,{pdq}\n")),
        ("often.csv", format!("id,pdq\na,{pdq}\nb,{pdq}\n")),
    ]);
    fs::create_dir(folder.path().join("lists")).unwrap();
    fs::rename(folder.path().join("often.csv"), folder.path().join("lists/often.csv")).unwrap();
    let build = "gallery build g.gallery --overrepresented-from";
    for (lists, from, expected) in [
        (
            "lists/often.csv",
            2,
            "lists/often.csv: over-represented: one pdq signature occurs 2 times, first at 2, also at 3 (b)\n",
        ),
        (
            "once.csv lists/often.csv",
            3,
            "lists/often.csv: over-represented: one pdq signature occurs 3 times, first at 2 of once.csv, also at 3 (b)\n",
        ),
        ("once.csv", 1, "once.csv: over-represented: one pdq signature occurs 1 times, first at 2 (first)\n"),
    ] {
        let said = said(&folder, &format!("{build} {from} {lists}"), 0);
        assert!(said.contains(expected) && !said.contains(&pdq[..16]), "{said}");
    }
}

#[cfg(unix)]
#[test]
fn modes_links_and_owners_stay() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    let folder = folder(&[("list.csv", list(0..10)), ("more.csv", list(20..30))]);
    let path = |name: &str| folder.path().join(name);
    let mode = |name: &str| fs::metadata(path(name)).unwrap().mode() & 0o777;
    said(&folder, "gallery build g.gallery list.csv", 0);
    assert_eq!(mode("g.gallery"), 0o600, "a new gallery is for its owner");
    fs::set_permissions(path("g.gallery"), fs::Permissions::from_mode(0o640)).unwrap();
    let owner = |name: &str| fs::metadata(path(name)).map(|m| (m.uid(), m.gid())).unwrap();
    let before = owner("g.gallery");
    for arguments in [
        "gallery add g.gallery more.csv",
        "gallery remove g.gallery --key k1",
        "gallery build g.gallery list.csv",
    ] {
        said(&folder, arguments, 0);
        assert_eq!((mode("g.gallery"), owner("g.gallery")), (0o640, before), "{arguments}");
    }
    // A link stays one, and what it names changes.
    fs::create_dir(path("versions")).unwrap();
    fs::rename(path("g.gallery"), path("versions/1.gallery")).unwrap();
    symlink("versions/1.gallery", path("g.gallery")).unwrap();
    said(&folder, "gallery add g.gallery more.csv", 0);
    assert!(fs::symlink_metadata(path("g.gallery")).unwrap().is_symlink());
    assert_eq!(keys(&folder, "versions/1.gallery").len(), 20);
}

#[test]
fn what_killed_processes_left_is_cleared_away() {
    let folder = folder(&[("list.csv", list(0..10)), ("more.csv", list(20..30))]);
    said(&folder, "gallery build g.gallery list.csv", 0);
    let stale = [".g.gallery.a1B2c3.partial", ".g.gallery.lock"];
    let others = [
        ".other.gallery.a1B2c3.partial",
        ".g.gallery.partial",
        "g.gallery.a1B2c3.partial",
        ".g.gallery.long-name.partial",
    ];
    stale.iter().chain(&others).for_each(|name| fs::write(folder.path().join(name), "x").unwrap());
    said(&folder, "gallery add g.gallery more.csv", 0);
    let names = names(&folder);
    assert!(stale.iter().all(|name| !names.contains(&(*name).to_string())), "{names:?}");
    assert!(others.iter().all(|name| names.contains(&(*name).to_string())), "{names:?}");
}

#[test]
fn a_change_waits_for_another_and_says_so() {
    let folder = folder(&[("list.csv", list(0..10)), ("more.csv", list(20..30))]);
    said(&folder, "gallery build g.gallery list.csv", 0);
    let path = folder.path().join("g.gallery");
    let mut reports = Vec::new();
    let change = Change::begin(&path, &mut |message| reports.push(message.to_string())).unwrap();
    assert!(change.is_locked() && reports.is_empty());
    let mut child =
        command(&folder, "gallery add g.gallery more.csv").stderr(Stdio::piped()).spawn().unwrap();
    let said = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let waits = said.take_while(|line| !line.contains("another process changes")).count();
    assert!(waits < 2 && child.try_wait().unwrap().is_none(), "it says that it waits, and does");
    let mut builder = GalleryBuilder::new();
    let source = builder.source("ours", "text");
    builder.add(source, Entry::default().key("ours".into()).pdq(Some(Pdq([7; 32])))).unwrap();
    change.append(&change.gallery().unwrap(), &builder).unwrap();
    drop(change);
    assert!(child.wait().unwrap().success());
    assert_eq!(keys(&folder, "g.gallery").len(), 21);
}

#[test]
fn a_list_that_is_not_there_is_said_with_those_that_are() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.txt"), format!("{}\n", "ab".repeat(32))).unwrap();
    said(&folder, "gallery build g.gallery a.txt", 0);
    let removed = said(&folder, "gallery remove g.gallery --source b.txt", 3);
    assert!(removed.contains("no list is called b.txt; there are: a.txt"), "{removed}");
    let wrong = said(&folder, "gallery info a.txt", 1);
    assert!(wrong.contains("is not a gallery; `shadegrid gallery build` makes one"), "{wrong}");
}

#[test]
fn keys_to_remove_come_from_any_list_of_them() {
    let nameless = format!("pdq\n{}\n", pdq(40));
    let utf16: Vec<u8> = "\u{feff}k2\r\nk3\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let folder =
        folder(&[("list.csv", list(0..10)), ("nameless.csv", nameless), ("keys", "k0\n\n  \nk1".into())]);
    fs::write(folder.path().join("wide"), utf16).unwrap();
    said(&folder, "gallery build g.gallery list.csv nameless.csv", 0);
    assert_eq!(
        said(&folder, "gallery remove g.gallery --keys-from keys", 0),
        "2 entries removed\n",
        "an empty line is no key"
    );
    assert_eq!(said(&folder, "gallery remove g.gallery --keys-from wide", 0), "2 entries removed\n");
    assert_eq!(keys(&folder, "g.gallery").len(), 7);
}

/// Runs with standard input from a pipe.
fn piped(folder: &TempDir, arguments: &str, input: &[u8]) -> Output {
    let mut command = command(folder, arguments);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut to = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || to.write_all(input));
        child.wait_with_output().unwrap()
    })
}

#[test]
fn lists_come_through_pipes_whole() {
    let folder = folder(&[("some.csv", list(100..105))]);
    let list = list(0..3000);
    let ways = if cfg!(target_os = "linux") { &["-", "/dev/stdin"][..] } else { &["-"] };
    for way in ways {
        let output = piped(&folder, &format!("gallery build g.gallery {way}"), list.as_bytes());
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(keys(&folder, "g.gallery").len(), 3000, "{way}");
        let output = piped(
            &folder,
            &format!(
                "gallery build h.gallery {way} --leave-out overrepresented --overrepresented-from 1 --accept-partial"
            ),
            list.as_bytes(),
        );
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stderr).contains("3000 left out"));
        said(&folder, "gallery build some.gallery some.csv", 0);
        let output =
            piped(&folder, &format!("match --gallery some.gallery --signatures {way}"), list.as_bytes());
        let records = lines(&output);
        assert_eq!(records.len(), 3000, "{way}");
        let matched = records.iter().filter(|record| !record["matches"].as_array().unwrap().is_empty());
        assert_eq!((matched.count(), output.status.code()), (5, Some(0)), "{way}");
    }
}

/// A gallery that memory takes is not touched by what happens to its file.
#[cfg(unix)]
#[test]
fn a_gallery_overwritten_in_use_still_matches() {
    let folder = folder(&[("list.csv", list(0..2000))]);
    said(&folder, "gallery build g.gallery list.csv", 0);
    let path = folder.path().join("g.gallery");
    for truncated in [false, true] {
        said(&folder, "gallery build g.gallery list.csv --force", 0);
        let mut command = command(&folder, "match --gallery g.gallery --signatures -");
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut to = child.stdin.take().unwrap();
        // Once a first batch was looked up, the gallery is open.
        let (begun, first) = std::sync::mpsc::channel();
        let from = BufReader::new(child.stdout.take().unwrap());
        let read = std::thread::spawn(move || {
            let signal = |_: &String| {
                let _ = begun.send(());
            };
            from.lines().map(Result::unwrap).inspect(signal).collect::<Vec<_>>()
        });
        to.write_all(list(0..17_000).as_bytes()).unwrap();
        first.recv().unwrap();
        let length = fs::metadata(&path).unwrap().len();
        let file = fs::File::options().write(true).truncate(truncated).open(&path).unwrap();
        if !truncated {
            (&file).write_all(&vec![0; length as usize]).unwrap();
        }
        drop(file);
        to.write_all(list(0..2000).split_once('\n').unwrap().1.as_bytes()).unwrap();
        drop(to);
        let status = child.wait().unwrap();
        let records = read.join().unwrap();
        let matched = records.iter().filter(|line| !line.ends_with("\"matches\":[]}")).count();
        assert_eq!((status.code(), matched), (Some(0), 4000), "truncated: {truncated}");
    }
}

#[test]
fn a_mapped_gallery_notices_that_it_was_overwritten() {
    let folder = folder(&[("list.csv", list(0..500))]);
    said(&folder, "gallery build g.gallery list.csv", 0);
    let path: PathBuf = folder.path().join("g.gallery");
    let gallery = Gallery::map(&path).unwrap();
    gallery.check_unchanged().unwrap();
    // Renaming another one over it is how it is done.
    fs::write(folder.path().join("list.csv"), list(600..800)).unwrap();
    said(&folder, "gallery build new.gallery list.csv", 0);
    fs::rename(folder.path().join("new.gallery"), &path).unwrap();
    gallery.check_unchanged().unwrap();
    gallery.verify().unwrap();
    let gallery = Gallery::map(&path).unwrap();
    let read = Gallery::open(&path).unwrap();
    overwrite(&path);
    let error = gallery.check_unchanged().unwrap_err();
    assert!(matches!(&error, Error::Input(message) if message.contains("rename")), "{error}");
    read.check_unchanged().unwrap();
    read.verify().unwrap();
}

/// Writes zeros over a file, at a time that the file system tells from that of its making.
fn overwrite(path: &Path) {
    let before = fs::metadata(path).unwrap();
    let begun = Instant::now();
    loop {
        let mut file = fs::File::options().write(true).open(path).unwrap();
        file.write_all(&vec![0; before.len() as usize]).unwrap();
        drop(file);
        if fs::metadata(path).unwrap().modified().unwrap() != before.modified().unwrap() {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "the file system tells no times");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// `update` takes a list for the newer version of the one of its name.
#[test]
fn a_list_that_comes_again_replaces_what_has_changed() {
    let row = |key: &str, n: u64| format!("{key},{},\n", pdq(n));
    let of = |rows: &[(&str, u64)]| {
        format!("id,pdq,label\n{}", rows.iter().map(|(key, n)| row(key, *n)).collect::<String>())
    };
    let many: Vec<(String, u64)> = (0..20).map(|n| (format!("k{n}"), n)).collect();
    let mut rows: Vec<(&str, u64)> = many.iter().map(|(key, n)| (key.as_str(), *n)).collect();
    let folder = folder(&[("list.csv", of(&rows)), ("other.csv", of(&[("k1", 777)]))]);
    said(&folder, "gallery build g.gallery list.csv other.csv", 0);
    let same = said(&folder, "gallery update g.gallery list.csv", 0);
    assert!(same.contains("g.gallery: 20 as before, 0 added, 0 removed"), "{same}");

    rows[1].1 = 500;
    rows.remove(0);
    rows.push(("new", 600));
    fs::write(folder.path().join("list.csv"), of(&rows)).unwrap();
    let changed = said(&folder, "gallery update g.gallery list.csv", 0);
    assert!(changed.contains("g.gallery: 18 as before, 2 added, 1 removed"), "{changed}");
    let of_key = |key: &str| keys(&folder, "g.gallery").iter().filter(|own| *own == key).count();
    assert_eq!((of_key("k0"), of_key("k1"), of_key("new")), (1, 2, 1), "another list's k1 stays");
    let pruned = said(&folder, "gallery update g.gallery list.csv --remove-missing", 0);
    assert!(pruned.contains("g.gallery: 20 as before, 0 added, 1 removed"), "{pruned}");
    assert_eq!((of_key("k0"), keys(&folder, "g.gallery").len()), (0, 21));

    // A list that lost much is not believed at once.
    fs::write(folder.path().join("list.csv"), of(&rows[..5])).unwrap();
    let refused = said(&folder, "gallery update g.gallery list.csv --remove-missing", 1);
    assert!(refused.contains("15 of 21 entries would go, and 0 come"), "{refused}");
    assert_eq!(keys(&folder, "g.gallery").len(), 21);
    said(&folder, "gallery update g.gallery list.csv --remove-missing --accept-shrink", 0);
    assert_eq!(keys(&folder, "g.gallery").len(), 6);

    let removed = said(&folder, "gallery remove g.gallery --source other.csv", 0);
    assert!(removed.contains("1 entry removed"), "{removed}");
    assert_eq!((of_key("k1"), keys(&folder, "g.gallery").len()), (1, 5));
    said(&folder, "gallery remove g.gallery --source nowhere.csv", 3);
    said(&folder, "gallery update nowhere.gallery list.csv", 1);
    said(&folder, "gallery verify g.gallery", 0);
    let info = run(&folder, "gallery info g.gallery --format table");
    let info = String::from_utf8(info.stdout).unwrap();
    assert!(
        info.starts_with("entries   5, and 18 removed ones")
            && info.contains("\nlists     list.csv  csv           5 entries\n"),
        "{info}"
    );
}

/// Lists without keys hold nothing but signatures, which come and go.
#[test]
fn entries_without_keys_do_not_supersede_each_other() {
    let lines = |range: std::ops::Range<u64>| range.map(|n| format!("{}\n", pdq(n))).collect::<String>();
    let folder = folder(&[("list.txt", lines(0..10))]);
    said(&folder, "gallery build g.gallery list.txt", 0);
    fs::write(folder.path().join("list.txt"), lines(1..11)).unwrap();
    let added = said(&folder, "gallery update g.gallery list.txt", 0);
    assert!(added.contains("9 as before, 1 added, 0 removed"), "{added}");
    let pruned = said(&folder, "gallery update g.gallery list.txt --remove-missing", 0);
    assert!(pruned.contains("10 as before, 0 added, 1 removed"), "{pruned}");
}

//! Files that commands write: never over what is read, never over another kind of file, whole or not at all.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use image::RgbImage;
use tempfile::TempDir;

fn shadegrid(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shadegrid"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    command
}

fn run(folder: &TempDir, arguments: &[&str]) -> Output {
    shadegrid(folder.path(), arguments).output().unwrap()
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn picture(folder: &TempDir, name: &str) {
    let pixel = |x, y| image::Rgb([(x * 5 + y) as u8, (y * 3) as u8, (x * y / 9) as u8]);
    RgbImage::from_fn(60, 50, pixel).save(folder.path().join(name)).unwrap();
}

/// A folder with one of everything: pictures, a list of signatures, records, a gallery, a tar, a job, and other people's files.
fn one_of_everything() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("photos")).unwrap();
    for name in ["a.png", "photos/b.png", "photos/c.bmp"] {
        picture(&folder, name);
    }
    let write = |name: &str, content: &[u8]| fs::write(folder.path().join(name), content).unwrap();
    write("list.txt", b"photos/b.png\n");
    write("notes.txt", b"do not lose me\n");
    write("foreign.parquet", b"PAR1 somebody's table PAR1");
    write("foreign.html", b"<!doctype html><title>Home</title>\n");
    write("foreign.jsonl", b"{\"path\":\"a.png\",\"caption\":\"a house\"}\n");
    write("empty", b"");
    let pdq = "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22";
    write("twice.csv", format!("id,pdq,quality\na,{pdq},100\nb,{pdq},100\n").as_bytes());
    let mut tar = tar::Builder::new(fs::File::create(folder.path().join("photos.tar")).unwrap());
    tar.append_path_with_name(folder.path().join("a.png"), "a.png").unwrap();
    tar.finish().unwrap();
    for arguments in [
        &["hash", "photos", "-o", "records.jsonl", "-q"][..],
        &["hash", "photos", "-o", "records.csv", "--format", "csv", "-q"],
        &["hash", "photos", "-o", "records.parquet", "--format", "parquet", "-q"],
        &["gallery", "build", "known.gallery", "records.jsonl", "-q"],
        &["backfill", "photos", "--out", "job", "-q"],
    ] {
        assert_eq!(code(&run(&folder, arguments)), Some(0), "{arguments:?}");
    }
    folder
}

/// Every file below a folder, with its content.
fn everything(folder: &TempDir) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = walkdir::WalkDir::new(folder.path()).into_iter().map(Result::unwrap);
    let files = files.filter(|entry| entry.path().is_file());
    files.map(|entry| (entry.path().to_path_buf(), fs::read(entry.path()).unwrap())).collect()
}

/// Runs what must be refused, without `--force` and with it, and checks that nothing was touched.
fn refused(folder: &TempDir, arguments: &[&str], telling: &str) {
    let before = everything(folder);
    for force in [&[][..], &["--force"]] {
        let arguments = [arguments, force].concat();
        let output = run(folder, &arguments);
        assert_eq!(code(&output), Some(1), "{arguments:?}: {}", printed(&output));
        assert!(printed(&output).contains(telling), "{arguments:?}: {}", printed(&output));
        assert!(everything(folder) == before, "{arguments:?} changed files");
    }
}

#[test]
fn an_output_that_is_an_input_is_refused() {
    let folder = one_of_everything();
    let is_input = "is the input";
    for arguments in [
        &["hash", "a.png", "-o", "a.png"][..],
        &["hash", "a.png", "-o", "photos/../a.png"],
        &["hash", "./a.png", "photos", "-o", "a.png"],
        &["hash", "gone.png", "-o", "gone.png"],
        &["hash", "photos.tar", "-o", "photos.tar"],
        &["hash", "--files-from", "list.txt", "-o", "list.txt"],
        &["match", "-g", "known.gallery", "photos", "-o", "known.gallery"],
        &["match", "-g", "known.gallery", "--signatures", "records.jsonl", "-o", "records.jsonl"],
        &["dedupe", "records.jsonl", "-o", "records.jsonl"],
        &["gallery", "build", "records.jsonl", "records.jsonl"],
        &["gallery", "build", "known.gallery", "known.gallery"],
        &["gallery", "add", "known.gallery", "records.jsonl", "--quarantine", "records.jsonl"],
        &["gallery", "add", "known.gallery", "records.jsonl", "--quarantine", "known.gallery"],
        &["gallery", "build", "new.gallery", "records.jsonl", "--quarantine", "records.jsonl"],
        &["gallery", "build", "new.gallery", "records.jsonl", "--quarantine", "new.gallery"],
        &["gallery", "export", "known.gallery", "-o", "known.gallery"],
        &["bench", "a.png", "--html", "a.png", "--runs", "1"],
    ] {
        refused(&folder, arguments, is_input);
    }
    let lies_in = "lies in";
    for arguments in [
        &["hash", "photos", "-o", "photos/b.png"][..],
        &["hash", ".", "-o", "notes.txt"],
        &["hash", ".", "-o", "foreign.parquet"],
        &["hash", ".", "-o", "known.gallery"],
        &["hash", ".", "--files-from", "list.txt", "-o", "photos/c.bmp"],
        &["match", "-g", "known.gallery", "photos", "-o", "photos/b.png"],
        &["dedupe", "photos", "--html", "photos/b.png"],
        &["dedupe", "photos", "--do", "move=photos/copies"],
        &["bench", "photos", "--html", "photos/b.png", "--runs", "1"],
        &["job", "merge", "job", "-o", "job/records/all.parquet"],
        &["job", "merge", "job", "-o", "job/job.json"],
    ] {
        refused(&folder, arguments, lies_in);
    }
    // A folder by its name, before anything is hashed.
    refused(&folder, &["hash", "photos", "-o", "new/"], "new/ is a folder");
    // An earlier output that is named is an input.
    refused(&folder, &["hash", ".", "records.jsonl", "-o", "records.jsonl"], is_input);
    // What is not read in a folder is no input.
    let output = run(&folder, &["hash", "photos", "--only", "png,bmp", "-o", "photos/new.jsonl"]);
    assert_eq!(code(&output), Some(0), "{}", printed(&output));
}

/// Whoever writes into the folder that is read finds neither the output nor its draft among the records, the first time or any other.
#[test]
fn a_folder_is_read_without_what_is_written_into_it() {
    let folder = one_of_everything();
    let photos = folder.path().join("photos");
    let keys = |name: &str| -> Vec<String> {
        let text = fs::read_to_string(photos.join(name)).unwrap();
        let key = |line: &str| line.split('"').nth(3).unwrap().to_string();
        text.lines().map(key).collect()
    };
    let run_in = |arguments: &[&str]| shadegrid(&photos, arguments).output().unwrap();
    // A run that was killed left this.
    fs::write(photos.join("x.jsonl.aB3xY9.partial"), "{").unwrap();
    for _ in 0..2 {
        for from in [".", "../photos", photos.to_str().unwrap()] {
            let output = run_in(&["hash", from, "--strict", "-o", "x.jsonl", "--cache", "known.cache"]);
            assert_eq!(code(&output), Some(0), "{from}: {}", printed(&output));
            assert!(printed(&output).starts_with("2 of 2 hashed"), "{}", printed(&output));
            let [b, c] = ["b.png", "c.bmp"].map(|name| format!("{from}/{name}"));
            assert_eq!(keys("x.jsonl"), [b, c]);
        }
    }
    // What another command wrote there is a file like others, and a picture that is called like a draft is a picture.
    fs::copy(photos.join("b.png"), photos.join("x.csv.123456.partial")).unwrap();
    let output = run_in(&["hash", ".", "-q", "-o", "x.csv"]);
    assert_eq!(code(&output), Some(0), "{}", printed(&output));
    let read = fs::read_to_string(photos.join("x.csv")).unwrap();
    let lines: Vec<&str> = read.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(
        lines,
        [
            "./b.png",
            "./c.bmp",
            "./known.cache",
            "./x.csv.123456.partial",
            "./x.jsonl",
            "./x.jsonl.aB3xY9.partial"
        ]
    );
    for name in ["x.csv", "x.csv.123456.partial", "x.jsonl", "x.jsonl.aB3xY9.partial", "known.cache"] {
        fs::remove_file(photos.join(name)).unwrap();
    }
    for arguments in [
        &["hash", ".", "--strict", "-o", "x.parquet"][..],
        &[
            "match",
            "-g",
            "../known.gallery",
            ".",
            "--strict",
            "-o",
            "found.parquet",
            "--only",
            "png,bmp,parquet",
        ],
        &[
            "dedupe",
            ".",
            "--strict",
            "--html",
            "groups.html",
            "-o",
            "groups.csv",
            "--only",
            "png,bmp,html,csv",
        ],
        &[
            "bench",
            ".",
            "--html",
            "bench.html",
            "-o",
            "bench.csv",
            "--runs",
            "1",
            "--only",
            "png,bmp,html,csv",
        ],
    ] {
        for _ in 0..2 {
            let (before, output) = (everything(&folder), run_in(arguments));
            assert_eq!(code(&output), Some(0), "{arguments:?}: {}", printed(&output));
            for (path, content) in before.iter().filter(|(path, _)| !path.starts_with(&photos)) {
                assert!(fs::read(path).unwrap() == *content, "{arguments:?} changed {}", path.display());
            }
        }
        for own in ["x.parquet", "found.parquet", "groups.html", "groups.csv", "bench.html", "bench.csv"] {
            let _ = fs::remove_file(photos.join(own));
        }
    }
    assert_eq!(fs::read_dir(&photos).unwrap().count(), 2);
}

#[test]
fn a_file_of_another_kind_is_written_over_only_by_force() {
    let folder = one_of_everything();
    let hash = &["hash", "photos", "-q", "-o"][..];
    let page = &["bench", "a.png", "--runs", "1", "-j", "1", "--html"][..];
    let foreign: [(&[&str], &[&str]); 5] = [
        (hash, &["a.png", "notes.txt", "known.gallery", "foreign.parquet", "foreign.jsonl", "foreign.html"]),
        (&["match", "-q", "-g", "known.gallery", "photos", "-o"], &["a.png", "notes.txt"]),
        (&["dedupe", "-q", "records.jsonl", "-o"], &["records.csv", "notes.txt"]),
        (&["gallery", "export", "known.gallery", "-o"], &["records.jsonl", "a.png"]),
        (page, &["foreign.html", "photos/b.png"]),
    ];
    let mut tried = 0;
    for (command, names) in foreign {
        for name in names {
            let before = everything(&folder);
            let output = run(&folder, &[command, &[name]].concat());
            assert_eq!(code(&output), Some(1), "{command:?} {name}: {}", printed(&output));
            assert!(printed(&output).contains("--force"), "{}", printed(&output));
            assert!(everything(&folder) == before, "{command:?} {name} changed files");
            tried += 1;
        }
    }
    let before = everything(&folder);
    for name in ["a.png", "notes.txt", "records.jsonl"] {
        let output = run(&folder, &["gallery", "build", name, "records.csv", "-q"]);
        assert_eq!(code(&output), Some(1), "gallery build {name}: {}", printed(&output));
        let quarantine = ["gallery", "build", "g", "records.csv", "-q", "--quarantine", name];
        assert_eq!(code(&run(&folder, &quarantine)), Some(1), "--quarantine {name}");
        tried += 2;
    }
    assert!(tried == 20 && everything(&folder) == before);

    for (command, name) in [(hash, "notes.txt"), (page, "foreign.html")] {
        let output = run(&folder, &[command, &[name, "--force"]].concat());
        assert_eq!(code(&output), Some(0), "{name}: {}", printed(&output));
        assert_ne!(fs::read(folder.path().join(name)).unwrap(), before[&folder.path().join(name)]);
        // Now it is what the command writes.
        assert_eq!(code(&run(&folder, &[command, &[name]].concat())), Some(0));
    }
}

#[test]
fn what_a_command_wrote_it_writes_again() {
    let folder = one_of_everything();
    let commands: [(&[&str], &[&str], i32); 5] = [
        (
            &["hash", "a.png", "-q", "-o"],
            &["records.jsonl", "records.csv", "records.parquet", "empty", "new"],
            0,
        ),
        (&["match", "-q", "-g", "known.gallery", "photos", "-o"], &["matches", "matches", "records.csv"], 0),
        (&["dedupe", "-q", "twice.csv", "-o"], &["groups", "groups"], 0),
        (&["gallery", "export", "known.gallery", "-o"], &["export", "export"], 0),
        (&["job", "merge", "job", "-o"], &["records.parquet", "merged"], 0),
    ];
    for (command, names, expected) in commands {
        for name in names {
            let output = run(&folder, &[command, &[name]].concat());
            assert_eq!(code(&output), Some(expected), "{command:?} {name}: {}", printed(&output));
            assert!(fs::metadata(folder.path().join(name)).unwrap().len() > 0);
        }
    }
    for _ in 0..2 {
        let build = ["gallery", "build", "known.gallery", "foreign.jsonl", "-q", "--quarantine", "bad"];
        run(&folder, &build);
    }
    let left = everything(&folder).into_keys().find(|path| path.to_string_lossy().contains("partial"));
    assert_eq!(left, None);
}

/// Waits until a file next to `name` holds so many lines, and says which.
fn draft(folder: &TempDir, name: &str, lines: usize) -> PathBuf {
    let started = Instant::now();
    loop {
        let files = everything(folder).into_iter().find(|(path, content)| {
            let file = path.file_name().unwrap().to_string_lossy();
            let is_draft = file.starts_with(&format!("{name}.")) && file.ends_with(".partial");
            is_draft && content.iter().filter(|&&byte| byte == b'\n').count() == lines
        });
        if let Some((path, _)) = files {
            return path;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "no draft of {name} has {lines} lines");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn two_runs_with_one_output_do_not_mix() {
    let folder = one_of_everything();
    let mut slow = shadegrid(folder.path(), &["hash", "-q", "--files-from", "-", "-o", "out.jsonl"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut list = slow.stdin.take().unwrap();
    list.write_all(b"a.png\n").unwrap();
    draft(&folder, "out.jsonl", 1);
    let quick = run(&folder, &["hash", "-q", "photos", "-o", "out.jsonl"]);
    assert_eq!(code(&quick), Some(0));
    let paths = || {
        let text = fs::read_to_string(folder.path().join("out.jsonl")).unwrap();
        let path = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["key"].to_string();
        text.lines().map(path).collect::<Vec<_>>()
    };
    assert_eq!(paths(), ["\"photos/b.png\"", "\"photos/c.bmp\""]);
    list.write_all(b"a.png\n").unwrap();
    drop(list);
    assert_eq!(slow.wait().unwrap().code(), Some(0));
    assert_eq!(paths(), ["\"a.png\"", "\"a.png\""]);
}

#[test]
fn a_killed_run_leaves_the_old_file_and_a_draft() {
    let folder = one_of_everything();
    let old = fs::read(folder.path().join("records.jsonl")).unwrap();
    let arguments = ["hash", "-q", "--files-from", "-", "-o", "records.jsonl"];
    let mut run_on = shadegrid(folder.path(), &arguments).stdin(Stdio::piped()).spawn().unwrap();
    let mut list = run_on.stdin.take().unwrap();
    list.write_all(b"a.png\n").unwrap();
    let draft = draft(&folder, "records.jsonl", 1);
    run_on.kill().unwrap();
    run_on.wait().unwrap();
    assert_eq!(fs::read(folder.path().join("records.jsonl")).unwrap(), old);
    assert!(draft.exists());
    assert_eq!(code(&run(&folder, &["hash", "-q", "a.png", "-o", "records.jsonl"])), Some(0));
    assert_ne!(fs::read(folder.path().join("records.jsonl")).unwrap(), old);
}

#[test]
fn a_list_that_cannot_be_read_leaves_the_old_gallery_and_quarantine() {
    let folder = one_of_everything();
    fs::write(folder.path().join("bad"), b"{\"list\":\"old\",\"position\":1,\"reason\":\"odd\"}\n").unwrap();
    let before = everything(&folder);
    let output = run(&folder, &["gallery", "build", "known.gallery", "gone.csv", "--quarantine", "bad"]);
    assert_eq!(code(&output), Some(1), "{}", printed(&output));
    assert!(everything(&folder) == before);
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    use super::*;

    fn mode(folder: &TempDir, name: &str) -> u32 {
        fs::metadata(folder.path().join(name)).unwrap().mode() & 0o777
    }

    #[test]
    fn other_names_of_an_input_are_refused() {
        let folder = one_of_everything();
        let at = |name: &str| folder.path().join(name);
        fs::hard_link(at("a.png"), at("hard.png")).unwrap();
        symlink("a.png", at("soft.png")).unwrap();
        symlink("photos", at("album")).unwrap();
        symlink("known.gallery", at("soft.gallery")).unwrap();
        for arguments in [
            &["hash", "a.png", "-o", "hard.png"][..],
            &["hash", "a.png", "-o", "soft.png"],
            &["hash", "soft.png", "-o", "a.png"],
            &["match", "-g", "known.gallery", "a.png", "-o", "soft.gallery"],
            &["gallery", "build", "soft.gallery", "known.gallery"],
        ] {
            refused(&folder, arguments, "is the input");
        }
        refused(&folder, &["hash", "photos", "-o", "album/b.png"], "lies in");
        refused(&folder, &["hash", "album", "-o", "photos/b.png"], "lies in");
        symlink("../a.png", at("photos/link.jsonl")).unwrap();
        refused(&folder, &["hash", "photos", "-o", "photos/link.jsonl"], "lies in");
    }

    #[test]
    fn planted_links_are_not_followed() {
        let folder = one_of_everything();
        let at = |name: &str| folder.path().join(name);
        symlink("notes.txt", at("out.jsonl.partial")).unwrap();
        symlink("records.jsonl", at("link.jsonl")).unwrap();
        let before = everything(&folder);
        assert_eq!(code(&run(&folder, &["hash", "-q", "a.png", "-o", "out.jsonl"])), Some(0));
        assert_eq!(code(&run(&folder, &["hash", "-q", "a.png", "-o", "link.jsonl"])), Some(0));
        for name in ["notes.txt", "records.jsonl"] {
            assert!(fs::read(at(name)).unwrap() == before[&at(name)], "{name} was written to");
        }
        assert!(!at("link.jsonl").is_symlink() && at("out.jsonl.partial").is_symlink());
    }

    #[test]
    fn signatures_are_for_their_owner_alone_and_modes_are_kept() {
        let folder = one_of_everything();
        for name in ["records.jsonl", "records.parquet"] {
            assert_eq!(mode(&folder, name), 0o600, "{name}");
        }
        let page = ["bench", "a.png", "--runs", "1", "-j", "1", "--html", "page.html"];
        assert_eq!(code(&run(&folder, &page)), Some(0));
        assert_eq!(mode(&folder, "page.html"), mode(&folder, "notes.txt"), "a page is no secret");
        for kept in [0o640, 0o664] {
            fs::set_permissions(folder.path().join("records.jsonl"), fs::Permissions::from_mode(kept))
                .unwrap();
            assert_eq!(code(&run(&folder, &["hash", "-q", "a.png", "-o", "records.jsonl"])), Some(0));
            assert_eq!(mode(&folder, "records.jsonl"), kept);
        }
    }

    #[test]
    fn standard_output_by_another_name_is_written_to_and_not_replaced() {
        let folder = one_of_everything();
        let to = fs::File::options().create(true).append(true).open(folder.path().join("all.jsonl")).unwrap();
        for name in ["a.png", "photos/b.png"] {
            let mut command = shadegrid(folder.path(), &["hash", "-q", name, "-o", "/dev/stdout"]);
            assert_eq!(command.stdout(to.try_clone().unwrap()).status().unwrap().code(), Some(0));
        }
        let text = fs::read_to_string(folder.path().join("all.jsonl")).unwrap();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(Path::new("/dev/stdout").is_symlink());
        let mut command = shadegrid(folder.path(), &["hash", "-q", "all.jsonl"]);
        assert_eq!(command.stdout(to).status().unwrap().code(), Some(1), "standard output is the input");
    }
}

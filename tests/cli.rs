//! The command as its users meet it: options, records, exit codes, interruptions.
//!
//! One long file, since every case runs the same command on the same few pictures.

#![expect(clippy::print_stdout, reason = "tests say what they skip and measure")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use image::{Rgb, RgbImage, Rgba, RgbaImage};
use serde_json::Value;
use shadegrid::{Orientation, Pdq, PhotoDna};
use tempfile::TempDir;

/// The command with these arguments.
fn shadegrid<I: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = I>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shadegrid"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs `hash` with these arguments in `folder`.
fn hash(folder: &TempDir, arguments: &[&str]) -> Output {
    shadegrid(["hash"].iter().chain(arguments)).current_dir(folder.path()).output().unwrap()
}

/// Runs with `input` on standard input.
fn with_input(command: &mut Command, input: &[u8]) -> Output {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn picture(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| image::Rgb([(x * 5 + y) as u8, (y * 3) as u8, (x * y / 9) as u8]))
}

/// A folder with `a.png` (60×50), `b.bmp` (51×70) and, below `deep`, `c.webp` (64×64).
fn pictures() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("deep")).unwrap();
    picture(60, 50).save(folder.path().join("a.png")).unwrap();
    picture(51, 70).save(folder.path().join("b.bmp")).unwrap();
    picture(64, 64).save(folder.path().join("deep/c.webp")).unwrap();
    folder
}

fn lines(output: &[u8]) -> Vec<Value> {
    assert!(output.is_empty() || output.ends_with(b"\n"), "the last line is not whole");
    let lines = output.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

fn paths(output: &[u8]) -> Vec<String> {
    lines(output).iter().map(|line| line["key"].as_str().unwrap().replace('\\', "/")).collect()
}

fn codes(output: &[u8]) -> Vec<String> {
    let code = |line: &Value| line["error_code"].as_str().unwrap_or("ok").to_string();
    lines(output).iter().map(code).collect()
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn stdout_lines(output: &Output) -> Vec<String> {
    String::from_utf8(output.stdout.clone()).unwrap().lines().map(String::from).collect()
}

/// The file in which a run writes `name` until it is complete.
fn draft(folder: &Path, name: &str) -> Option<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut drafts = files.filter(|path| {
        let file = path.file_name().unwrap().to_string_lossy();
        file.starts_with(&format!("{name}.")) && file.ends_with(".partial")
    });
    drafts.next()
}

#[test]
fn a_record_has_what_is_needed_to_judge_it() {
    let folder = pictures();
    let output = hash(&folder, &["a.png"]);
    assert_eq!(code(&output), Some(0), "{}", stderr(&output));
    let line = &lines(&output.stdout)[0];
    assert_eq!(line["key"], "a.png");
    assert_eq!(line["status"], "ok");
    assert_eq!(line["width"], 60);
    assert_eq!(line["height"], 50);
    assert_eq!(line["detail"], "full");
    assert_eq!(line["bytes"], fs::metadata(folder.path().join("a.png")).unwrap().len());
    assert!(line["photodna"].as_str().unwrap().parse::<PhotoDna>().is_ok());
    assert!(line["pdq"].as_str().unwrap().parse::<Pdq>().is_ok());
    assert!(line["strength"].is_f64() && line["quality"].is_u64() && line["flags"].is_array());
    assert!(["fast", "reference"].contains(&line["pdq_path"].as_str().unwrap()));
    for absent in ["key_bytes", "pdq512", "quality512", "decoded", "error_code", "error_message"] {
        assert!(line.get(absent).is_none(), "{absent} is there");
    }
}

#[test]
fn a_failure_is_a_record_and_exit_code_2() {
    let folder = pictures();
    fs::write(folder.path().join("broken.png"), &fs::read(folder.path().join("a.png")).unwrap()[..20])
        .unwrap();
    let output = hash(&folder, &["gone.png", "broken.png", "a.png/below", "a.png"]);
    assert_eq!(code(&output), Some(2));
    assert_eq!(codes(&output.stdout), ["io", "corrupt", "io", "ok"]);
    let line = &lines(&output.stdout)[0];
    assert_eq!(line["status"], "error");
    assert!(line["error_message"].as_str().unwrap().starts_with("cannot read: "), "{line}");
    let names: Vec<&String> = line.as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        ["code", "error_code", "error_message", "key", "message", "path", "status"],
        "three of them are the deprecated names"
    );
    let printed = stderr(&output);
    let printed: Vec<&str> = printed.lines().collect();
    assert!(printed[0].starts_with("shadegrid: gone.png: io: cannot read: "), "{printed:?}");
    assert!(printed[1].starts_with("shadegrid: broken.png: corrupt: "), "{printed:?}");
    assert!(printed[3].starts_with("1 of 4 hashed, 3 failed (corrupt 1, io 2) in "), "{printed:?}");
}

/// The record names the limit, and the command the option that raises it.
#[test]
fn a_limit_names_its_option() {
    let folder = pictures();
    for option in ["max-side", "max-pixels", "max-file-bytes", "max-decoder-bytes"] {
        let output = hash(&folder, &["a.png", &format!("--{option}"), "10"]);
        assert_eq!(codes(&output.stdout), ["limit"], "{option}");
        let line = &lines(&output.stdout)[0];
        let (message, said) = (line["error_message"].as_str().unwrap(), stderr(&output));
        let field = option.replace('-', "_");
        assert!(message.ends_with(&format!("over the limit of 10 ({field})")), "{message}");
        assert!(said.contains(&format!("{message}; raise it with --{option}\n")), "{said}");
    }
}

#[test]
fn wrong_usage_is_exit_code_1() {
    let folder = pictures();
    let wrong: [&[&str]; 11] = [
        &[],
        &["--no-such-option", "a.png"],
        &["a.png", "--algorithm", "md5"],
        &["a.png", "--algorithm", ""],
        &["a.png", "--threads", "0"],
        &["a.png", "--memory", "much"],
        &["a.png", "--format", "xml"],
        &["a.png", "-0"],
        &["--files-from", "no-such-list"],
        &["a.png", "-o", "no/such/folder/out.jsonl"],
        &["-", "-"],
    ];
    for arguments in wrong {
        let output = hash(&folder, arguments);
        assert_eq!(code(&output), Some(1), "{arguments:?}");
        assert!(!output.stderr.is_empty() && output.stdout.is_empty(), "{arguments:?}");
    }
    assert_eq!(shadegrid(["frobnicate"]).output().unwrap().status.code(), Some(1));
    assert_eq!(shadegrid([""; 0]).output().unwrap().status.code(), Some(1));
}

#[test]
fn help_tells_the_exit_codes_and_what_this_is_not() {
    for (arguments, telling) in [
        (vec!["--help"], "nor endorsed by Microsoft"),
        (vec!["--help"], "130  interrupted"),
        (vec!["hash", "--help"], "130  interrupted"),
        (vec!["hash", "--help"], "--fail-fast"),
        (vec!["compare", "--help"], "not proof"),
        (vec!["-h"], "compare"),
        (vec!["--version"], env!("CARGO_PKG_VERSION")),
    ] {
        let output = shadegrid(&arguments).output().unwrap();
        assert_eq!(code(&output), Some(0));
        let text = String::from_utf8(output.stdout).unwrap();
        let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let telling = telling.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(one_line.contains(&telling), "{arguments:?} does not say {telling:?}:\n{text}");
    }
    let lines = |arguments| shadegrid(arguments).output().unwrap().stdout.split(|&b| b == b'\n').count();
    assert!(2 * lines(["hash", "-h"]) < lines(["hash", "--help"]), "-h is not short");
}

#[test]
fn algorithms_are_those_asked_for() {
    let folder = pictures();
    let fields = [
        ("photodna", "photodna"),
        ("pdq", "pdq"),
        ("pdq512", "pdq-512"),
        ("strength", "photodna"),
        ("quality", "pdq"),
        ("quality512", "pdq-512"),
    ];
    for list in ["photodna", "pdq", "pdq-512", "photodna,pdq-512", "pdq-512,photodna,pdq"] {
        let output = hash(&folder, &["a.png", "--algorithm", list]);
        let line = &lines(&output.stdout)[0];
        for (field, algorithm) in fields {
            let wanted = list.split(',').any(|asked| asked == algorithm);
            assert_eq!(line.get(field).is_some(), wanted, "{field} for {list}");
        }
    }
}

#[test]
fn folders_give_every_file_sorted() {
    let folder = pictures();
    fs::write(folder.path().join("deep/notes.txt"), "no picture").unwrap();
    let output = hash(&folder, &["b.bmp", "."]);
    assert_eq!(paths(&output.stdout), ["b.bmp", "./a.png", "./b.bmp", "./deep/c.webp", "./deep/notes.txt"]);
    assert_eq!(code(&output), Some(0), "notes.txt is no picture, and nobody asked for it");
    assert_eq!(lines(&output.stdout)[4]["status"], "error");
    let empty = tempfile::tempdir().unwrap();
    let output = hash(&empty, &["."]);
    assert_eq!((code(&output), output.stdout.len()), (Some(2), 0), "{}", stderr(&output));
    assert!(stderr(&output).starts_with("shadegrid: .: no picture was found\n"), "{}", stderr(&output));
}

#[test]
fn one_picture_on_standard_input() {
    let folder = pictures();
    let png = fs::read(folder.path().join("a.png")).unwrap();
    let output = with_input(shadegrid(["hash", "a.png", "-", "b.bmp"]).current_dir(folder.path()), &png);
    assert_eq!(code(&output), Some(0), "{}", stderr(&output));
    assert_eq!(paths(&output.stdout), ["a.png", "-", "b.bmp"]);
    let lines = lines(&output.stdout);
    assert_eq!(lines[0]["pdq"], lines[1]["pdq"]);
    assert_eq!(lines[1]["bytes"], png.len());
    let output = with_input(&mut shadegrid(["hash", "-"]), b"");
    assert_eq!(code(&output), Some(2));
    assert_eq!(lines_of_status(&output), ["error"]);
}

fn lines_of_status(output: &Output) -> Vec<String> {
    lines(&output.stdout).iter().map(|line| line["status"].as_str().unwrap().to_string()).collect()
}

#[test]
fn lists_of_paths() {
    let folder = pictures();
    fs::write(folder.path().join("list"), "deep\n\ngone.png\na.png").unwrap();
    let output = hash(&folder, &["b.bmp", "--files-from", "list"]);
    assert_eq!(paths(&output.stdout), ["b.bmp", "deep/c.webp", "gone.png", "a.png"]);
    fs::copy(folder.path().join("a.png"), folder.path().join("two\nlines")).unwrap();
    let from_stdin = ["hash", "--files-from", "-", "--null"];
    let output = with_input(shadegrid(from_stdin).current_dir(folder.path()), b"two\nlines\0a.png\0");
    assert_eq!(paths(&output.stdout), ["two\nlines", "a.png"]);
    assert_eq!(code(&output), Some(0));
    let output = with_input(shadegrid(from_stdin).current_dir(folder.path()), &[b'x'; 70_000]);
    assert_eq!((code(&output), codes(&output.stdout)), (Some(2), vec!["io".to_string()]));
}

#[test]
fn tables() {
    let folder = pictures();
    let output = hash(&folder, &["a.png", "gone.png", "--format", "csv", "-a", "pdq"]);
    let mut rows = csv::Reader::from_reader(output.stdout.as_slice());
    let header = rows.headers().unwrap().clone();
    let column = |name| header.iter().position(|column| column == name).unwrap();
    let rows: Vec<_> = rows.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 2);
    assert_eq!((&rows[0][column("key")], &rows[0][column("width")]), ("a.png", "60"));
    assert_eq!(rows[0][column("pdq")].len(), 64);
    assert_eq!(&rows[0][column("photodna")], "");
    assert_eq!((&rows[1][column("status")], &rows[1][column("error_code")]), ("error", "io"));
}

#[test]
fn an_output_file_appears_when_it_is_complete() {
    let folder = pictures();
    let at = |name: &str| folder.path().join(name);
    let output = hash(&folder, &["a.png", "gone.png", "-o", "out.jsonl"]);
    assert_eq!((code(&output), output.stdout.len()), (Some(2), 0));
    let whole = fs::read(at("out.jsonl")).unwrap();
    assert_eq!(codes(&whole), ["ok", "io"]);
    assert_eq!(draft(folder.path(), "out.jsonl"), None);

    let output = hash(&folder, &["b.bmp", "gone.png", "a.png", "-o", "out.jsonl", "--fail-fast"]);
    assert_eq!(code(&output), Some(2));
    assert_eq!(fs::read(at("out.jsonl")).unwrap(), whole, "a run that ended early replaced the file");
    let draft = draft(folder.path(), "out.jsonl").unwrap();
    assert_eq!(codes(&fs::read(&draft).unwrap()), ["ok", "io"]);
    assert!(stderr(&output).contains(draft.file_name().unwrap().to_str().unwrap()));
}

#[test]
fn the_name_of_the_output_chooses_the_format() {
    let folder = pictures();
    let begins = |name: &str| fs::read(folder.path().join(name)).unwrap()[..4].to_vec();
    for (name, start) in [
        ("a.csv", "key,"),
        ("a.PARQUET", "PAR1"),
        ("a.jsonl", "{\"ke"),
        ("a.ndjson", "{\"ke"),
        ("a.json", "{\"ke"),
        ("records", "{\"ke"),
        ("a.txt", "{\"ke"),
    ] {
        for output in ["-o", "--out", "--output"] {
            assert_eq!(code(&hash(&folder, &["a.png", output, name])), Some(0), "{output} {name}");
            assert_eq!(begins(name), start.as_bytes(), "{output} {name}");
        }
    }
    assert_eq!(code(&hash(&folder, &["a.png", "-o", "b.txt", "--format", "csv"])), Some(0));
    assert_eq!(begins("b.txt"), b"key,");
    for (name, format) in [("c.csv", "parquet"), ("c.parquet", "jsonl"), ("c.json", "csv")] {
        let output = hash(&folder, &["a.png", "-o", name, "--format", format]);
        let said = stderr(&output);
        assert!(code(&output) == Some(1) && said.contains("contradict each other"), "{said}");
        assert!(said.contains(name) && said.contains(format) && !folder.path().join(name).exists());
    }
    assert_eq!(
        code(&hash(&folder, &["a.png", "-o", "a.csv", "--format", "CSV"])),
        Some(1),
        "names are small"
    );
    // What announces something else is refused, unless the format is named.
    for name in ["d.jsonl.gz", "d.ZIP", "d.arrow", "d.html"] {
        let output = hash(&folder, &["a.png", "-o", name]);
        let said = stderr(&output);
        assert!(code(&output) == Some(1) && said.contains(name) && said.contains("ends in .jsonl"), "{said}");
        assert!(!folder.path().join(name).exists());
    }
    assert_eq!(code(&hash(&folder, &["a.png", "-o", "d.html", "--format", "jsonl"])), Some(0));
    // Standard output by its name.
    for arguments in [&["a.png", "-o", "-"][..], &["a.png", "--out", "-", "--format", "jsonl"]] {
        let output = hash(&folder, arguments);
        assert_eq!((code(&output), paths(&output.stdout)), (Some(0), vec!["a.png".to_string()]));
    }
    assert!(!folder.path().join("-").exists());
    assert_eq!(code(&hash(&folder, &["a.png", "-o", "-", "--format", "parquet"])), Some(1));
    assert_eq!(code(&hash(&folder, &["a.png", "-o", "./-", "-q"])), Some(0));
    assert!(folder.path().join("-").exists());
}

/// Values are refused before anything is done, and the message says what is accepted.
#[test]
fn wrong_values_are_refused_with_what_is_accepted() {
    let folder = pictures();
    for (arguments, accepted) in [
        (&["hash", "a.png", "--memory", "much"][..], "such as 1000000, 512M, 1.5G"),
        (&["hash", "a.png", "--memory", "1.5"], "1.5G"),
        (&["hash", "a.png", "--memory", "12"], "12 bytes hold no picture: expected at least 1M"),
        (&["hash", "a.png", "--threads", "0"], "from 1 to 4096"),
        (&["hash", "a.png", "-j", "5000"], "from 1 to 4096"),
        (&["hash", "a.png", "--max-pixels", "ten"], "such as 10000, 10k or 1.5M"),
        (&["hash", "a.png", "--max-side", "0"], "at least 1"),
        (&["hash", "a.png", "--max-side", "5G"], "at most 4294967295"),
        (&["hash", "a.png", "--format", "xml"], "jsonl, csv, parquet"),
        (&["hash", "ftp://host/a.png"], "ftp:// is not read here; the choice is file://, s3://"),
        (&["hash", "file://host/a.png"], "as in file:///archive/photos"),
        (&["match", "-g", "g", "a.png", "--threshold", "31"], "such as photodna=40000 or pdq=31"),
        (&["match", "-g", "g", "a.png", "--threshold", "md5=3"], "the choice is photodna or pdq"),
        (&["match", "-g", "g", "a.png", "--threshold", "pdq=257"], "differing bits from 0 to 256"),
        (&["match", "-g", "g", "a.png", "--threshold", "pdq:257"], "from 0 to 256 behind pdq"),
        (&["match", "-g", "g", "a.png", "--threshold", "photodna=1G"], "from 0 to 9363600"),
        (
            &["match", "-g", "g", "a.png", "--threshold", "photodna=40000,photodna=1"],
            "--threshold says photodna twice",
        ),
        (
            &["match", "-g", "g", "a.png", "--threshold", "pdq=3", "--threshold", "photodna=4,pdq=3"],
            "--threshold says pdq twice",
        ),
        (&["match", "-g", "g", "a.png", "--joint", "pdq=3,pdq=4"], "--joint says pdq twice"),
        (&["dedupe", "a.png", "--threshold", "pdq=3,pdq=3"], "--threshold says pdq twice"),
        (&["match", "-g", "g", "a.png", "--nearest", "0"], "at least 1"),
        (&["backfill", "a.png", "--out", "job", "--shard-size", "0"], "at least 1"),
    ] {
        let output = shadegrid(arguments).current_dir(folder.path()).output().unwrap();
        let said = stderr(&output);
        assert!(code(&output) == Some(1) && said.contains(accepted), "{arguments:?}: {said}");
    }
    let all = ["a.png", "--memory", "1.5G", "--max-pixels", "10M", "--max-side", "10_000", "--threads", "2"];
    let all = [&all[..], &["--algorithm", "PDQ,PhotoDNA", "--only", "*.png"]].concat();
    assert_eq!(code(&hash(&folder, &all)), Some(0));
}

#[test]
fn places_are_understood_as_other_programs_print_them() {
    let folder = pictures();
    fs::rename(folder.path().join("b.bmp"), folder.path().join("b b.bmp")).unwrap();
    let path = folder.path().canonicalize().unwrap();
    let url = format!("FILE://{}/b%20b.bmp", path.display());
    if cfg!(unix) {
        let output = hash(&folder, &[&url]);
        assert_eq!(code(&output), Some(0), "{}", stderr(&output));
        assert_eq!(paths(&output.stdout), [format!("{}/b b.bmp", path.display())]);
    }
}

#[test]
fn shells_and_manuals_know_the_command() {
    let text = |arguments: &[&str]| {
        let output = shadegrid(arguments).output().unwrap();
        assert_eq!(code(&output), Some(0), "{arguments:?}: {}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = text(&["completions", shell]);
        assert!(script.contains("backfill") && script.contains("only-matches"), "{shell}");
    }
    assert_eq!(code(&shadegrid(["completions", "csh"]).output().unwrap()), Some(1));
    let foot = concat!("\"shadegrid ", env!("CARGO_PKG_VERSION"), "\"");
    for page in [&["man"][..], &["man", "gallery", "build"]] {
        let page = text(page);
        let title = page.lines().find(|line| line.starts_with(".TH shadegrid")).unwrap();
        assert!(title.contains(foot), "{title}");
    }
    let page = text(&["man", "gallery", "build"]);
    assert!(page.contains("quarantine") && !page.contains("\u{1b}"), "{page}");
    assert_eq!(code(&shadegrid(["man", "nothing"]).output().unwrap()), Some(1));
    let folder = tempfile::tempdir().unwrap();
    text(&["man", "--dir", folder.path().to_str().unwrap()]);
    let pages = fs::read_dir(folder.path()).unwrap().map(|page| page.unwrap().path());
    let pages: Vec<String> = pages.map(|page| fs::read_to_string(page).unwrap()).collect();
    assert!(pages.len() > 20 && pages.iter().all(|page| page.contains(foot)), "{}", pages.len());
    let version = text(&["--version"]);
    assert!(version.contains("\nfeatures: archives, cli, job, parquet"), "{version}");
    for (when, has_colours) in [("always", true), ("never", false), ("auto", false)] {
        let help = text(&["--color", when, "hash", "-h"]);
        assert_eq!(help.contains("\u{1b}["), has_colours, "{when}");
        assert_eq!(text(&["hash", "-h", &format!("--color={when}")]), help);
    }
    assert_eq!(code(&shadegrid(["--color", "pink", "devices"]).output().unwrap()), Some(1));
}

#[test]
fn quiet_is_quiet() {
    let folder = pictures();
    let output = hash(&folder, &["a.png", "gone.png", "--quiet"]);
    assert_eq!((code(&output), stderr(&output)), (Some(2), String::new()));
    let output = hash(&folder, &["a.png"]);
    let summary = stderr(&output);
    assert!(summary.starts_with("1 of 1 hashed in ") && summary.contains("megapixels/s"), "{summary}");
}

#[test]
fn the_order_holds_on_many_threads_with_a_slow_first() {
    let folder = tempfile::tempdir().unwrap();
    picture(3_000, 2_000).save(folder.path().join("000.png")).unwrap();
    for number in 1..200 {
        picture(20, 20).save(folder.path().join(format!("{number:03}.png"))).unwrap();
    }
    for (threads, memory) in [("1", "1G"), ("7", "1G"), ("7", "64M"), ("2", "48M")] {
        let output = hash(&folder, &[".", "--threads", threads, "--memory", memory]);
        assert_eq!(code(&output), Some(0));
        let expected: Vec<String> = (0..200).map(|number| format!("./{number:03}.png")).collect();
        assert_eq!(paths(&output.stdout), expected);
    }
}

#[test]
fn limits_are_options() {
    let folder = pictures();
    for (arguments, field) in [
        (["--max-side", "59"], "max_side"),
        (["--max-pixels", "2999"], "max_pixels"),
        (["--max-file-bytes", "100"], "max_file_bytes"),
    ] {
        let output = hash(&folder, &["a.png", arguments[0], arguments[1]]);
        assert_eq!(
            (code(&output), codes(&output.stdout)),
            (Some(2), vec!["limit".to_string()]),
            "{arguments:?}"
        );
        let message = lines(&output.stdout)[0]["error_message"].as_str().unwrap().to_string();
        assert!(message.contains(field) && !message.contains("--"), "{message}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(arguments[0]), "the option that raises it: {said}");
    }
    let large = ["a.png", "--max-side", "60", "--max-pixels", "3000", "--max-file-bytes", "1M"];
    let rest = ["--max-decoder-bytes", "1G", "--max-scans", "9", "--orient", "exif", "--damaged", "hash"];
    assert_eq!(code(&hash(&folder, &[large.as_slice(), rest.as_slice()].concat())), Some(0));
}

#[test]
fn damaged_pictures_can_be_refused() {
    let folder = pictures();
    let png = fs::read(folder.path().join("a.png")).unwrap();
    fs::write(folder.path().join("cut.png"), &png[..png.len() / 2]).unwrap();
    let output = hash(&folder, &["cut.png", "--damaged", "refuse"]);
    assert_eq!((code(&output), codes(&output.stdout)), (Some(2), vec!["corrupt".to_string()]));
}

#[test]
fn comparing() {
    let folder = pictures();
    let compare = |arguments: &[&str]| {
        shadegrid(["compare"].iter().chain(arguments)).current_dir(folder.path()).output().unwrap()
    };
    let json = |arguments: &[&str]| -> Vec<Value> {
        let output = compare(&[arguments, &["--json"]].concat());
        assert_eq!(code(&output), Some(0), "{}", stderr(&output));
        let value: Value = serde_json::from_slice(&output.stdout).unwrap();
        value["distances"].as_array().unwrap().clone()
    };
    let same = json(&["a.png", "a.png"]);
    assert_eq!(same.len(), 3);
    for (row, algorithm) in same.iter().zip(["photodna", "pdq", "pdq-512"]) {
        assert_eq!((&row["algorithm"], &row["distance"]), (&algorithm.into(), &0.into()));
        assert_eq!((&row["orientation"], &row["within"]), (&"upright".into(), &true.into()));
    }
    assert_eq!(json(&["a.png", "b.bmp", "--orientations", "all"]).len(), 24);

    let pdq = Pdq(std::array::from_fn(|i| (i * i * 37 + 11) as u8));
    let turned = pdq.oriented(Orientation::Rotate270).to_string();
    let mut near = pdq;
    near.0[3] ^= 0b111;
    let rows = json(&[&pdq.to_string(), &near.to_string()]);
    assert_eq!((rows.len(), &rows[0]["distance"], &rows[0]["threshold"]), (1, &3.into(), &31.into()));
    let rows = json(&[&turned, &pdq.to_string(), "--orientations", "all"]);
    let nearest = rows.iter().min_by_key(|row| row["distance"].as_u64()).unwrap();
    assert_eq!((&nearest["orientation"], &nearest["distance"]), (&"rotate-270".into(), &0.into()));

    let photodna = PhotoDna(std::array::from_fn(|i| i as u8));
    let rows = json(&[&photodna.to_string(), &photodna.0.map(|byte| byte.to_string()).join(",")]);
    assert_eq!((rows.len(), &rows[0]["metric"]), (1, &"squared Euclidean".into()));
    let rows = json(&["a.png", &turned]);
    assert_eq!(rows.len(), 2, "a bare PDQ signature may be of either convention");

    // A face that is nearer has a row of its own.
    let through = RgbaImage::from_fn(120, 120, |x, y| {
        let alpha = if y / 30 % 2 == 0 { 40 } else { 255 };
        Rgba([(x * x / 60) as u8, (y * 2) as u8, ((x * y) / 70) as u8, alpha])
    });
    let white = RgbImage::from_fn(120, 120, |x, y| {
        let [r, g, b, alpha] = through.get_pixel(x, y).0;
        Rgb([r, g, b].map(|c| ((u32::from(c) * u32::from(alpha) + 127) / 255) as u8 + (255 - alpha)))
    });
    through.save(folder.path().join("through.png")).unwrap();
    white.save(folder.path().join("white.png")).unwrap();
    for (names, faces) in [
        (["through.png", "white.png"], ["white", "stored"]),
        (["white.png", "through.png"], ["stored", "white"]),
    ] {
        let rows = json(&names);
        assert_eq!(rows.len(), 6);
        for (own, nearest) in rows[..3].iter().zip(&rows[3..]) {
            assert_eq!((&own["algorithm"], own.get("faces")), (&nearest["algorithm"], None));
            assert_eq!((&nearest["distance"], &nearest["faces"]), (&0.into(), &faces.as_slice().into()));
            assert!(own["distance"].as_u64() > Some(0));
        }
        assert_eq!(json(&[names[0], names[1], "--faces", "stored"]).len(), 3);
    }
    let table = String::from_utf8(compare(&["through.png", "white.png"]).stdout).unwrap();
    assert_eq!(table.matches("within  white, stored\n").count(), 3, "{table}");

    let table = String::from_utf8(compare(&["a.png", "a.png"]).stdout).unwrap();
    assert!(table.contains("photodna") && table.contains("40000") && table.contains("within"), "{table}");
    assert_eq!(code(&compare(&[&photodna.to_string(), &turned])), Some(1));
    assert_eq!(code(&compare(&["a.png"])), Some(1));
    let output = compare(&["a.png", "gone.png"]);
    assert_eq!(code(&output), Some(2));
    assert!(stderr(&output).contains("gone.png: cannot read"), "{}", stderr(&output));
}

/// Lists that Windows wrote name the same files; where a file's name does end with a carriage return, it is the one that is meant.
#[test]
fn lines_of_windows_are_lines() {
    let folder = pictures();
    fs::write(folder.path().join("list.txt"), "a.png\r\nb.bmp\r\ngone.png\r\n").unwrap();
    let output = hash(&folder, &["--files-from", "list.txt"]);
    assert_eq!(paths(&output.stdout), ["a.png", "b.bmp", "gone.png\r"]);
    #[cfg(unix)]
    {
        fs::rename(folder.path().join("b.bmp"), folder.path().join("a.png\r")).unwrap();
        let output = hash(&folder, &["--files-from", "list.txt"]);
        assert_eq!(lines(&output.stdout)[0]["format"], "bmp");
        // Between zero bytes nothing ends a line.
        fs::remove_file(folder.path().join("a.png\r")).unwrap();
        fs::write(folder.path().join("list.0"), "a.png\r\0").unwrap();
        assert_eq!(paths(&hash(&folder, &["--files-from", "list.0", "-0"]).stdout), ["a.png\r"]);
    }
}

/// Each two of many, in the order of the arguments, in every format; what cannot be read leaves the others compared.
#[test]
fn comparing_many() {
    let folder = pictures();
    let compare = |arguments: &[&str]| {
        shadegrid(["compare"].iter().chain(arguments)).current_dir(folder.path()).output().unwrap()
    };
    let pdq = Pdq(std::array::from_fn(|i| (i * i * 37 + 11) as u8)).to_string();
    let names = ["a.png", "b.bmp", "a.png", pdq.as_str()];
    let called = ["a.png", "b.bmp", "a.png", "signature 4"];
    let expected: Vec<[&str; 2]> =
        (0..4).flat_map(|one| (one + 1..4).map(move |other| [called[one], called[other]])).collect();

    let output = compare(&[&names[..], &["--json"]].concat());
    assert_eq!(code(&output), Some(0), "{}", stderr(&output));
    let pairs: Vec<Value> =
        stdout_lines(&output).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let two = |pair: &Value| [&pair["a"], &pair["b"]].map(|name| name.as_str().unwrap().to_string());
    assert_eq!(pairs.iter().map(two).collect::<Vec<_>>(), expected);
    let counts: Vec<usize> = pairs.iter().map(|pair| pair["distances"].as_array().unwrap().len()).collect();
    assert_eq!(counts, [3, 3, 2, 3, 2, 2]);
    assert!(!String::from_utf8_lossy(&output.stdout).contains(&pdq), "a signature is called by its place");
    // What two give by themselves.
    let alone = compare(&["a.png", "b.bmp", "--format", "jsonl"]);
    assert_eq!(stdout_lines(&alone), stdout_lines(&output)[..1]);

    let csv = compare(&[&names[..], &["--format", "csv", "--algorithm", "pdq"]].concat());
    let rows = stdout_lines(&csv);
    assert_eq!(rows[0], "a,b,algorithm,metric,orientation,distance,threshold,within,face_a,face_b");
    assert_eq!((rows.len(), rows[2].as_str()), (7, "a.png,a.png,pdq,Hamming,upright,0,31,true,,"));
    let table = |arguments: &[&str]| {
        let output = compare(arguments);
        assert_eq!(code(&output), Some(0), "{}", stderr(&output));
        stdout_lines(&output).into_iter().filter(|line| !line.starts_with("note: ")).collect::<Vec<_>>()
    };
    let rows = table(&names);
    assert_eq!(rows.len(), 7, "{rows:?}");
    assert!(
        rows[0].starts_with("A  ") && rows[2].ends_with(" 0         0         0  photodna, pdq, pdq-512"),
        "{rows:?}"
    );
    assert!(rows[3].starts_with("a.png        signature 4         -  "), "{rows:?}");

    // Files, which a second run may write again, and nothing else.
    for file in ["x.csv", "x.jsonl"] {
        for _ in 0..2 {
            assert_eq!(code(&compare(&[&names[..], &["-o", file]].concat())), Some(0));
        }
    }
    assert_eq!(fs::read(folder.path().join("x.jsonl")).unwrap(), output.stdout);
    for (further, telling) in [
        (&["-o", "a.png"][..], "is the input a.png"),
        (&["-o", "x.parquet"], "written as .jsonl or .csv"),
        (&["-o", "x.csv", "--json"], "contradict each other"),
        (&["-", "-"], "`-` is given twice"),
    ] {
        let refused = compare(&[&names[..], further].concat());
        assert!(code(&refused) == Some(1) && stderr(&refused).contains(telling), "{}", stderr(&refused));
    }

    let output = compare(&["a.png", "gone.png", "b.bmp", "--format", "csv"]);
    assert_eq!((code(&output), stdout_lines(&output).len()), (Some(2), 4));
    assert!(stderr(&output).contains("gone.png: cannot read"), "{}", stderr(&output));
    let output = compare(&["a.png", "gone.png", "none.png"]);
    assert_eq!((code(&output), output.stdout.len()), (Some(2), 0));
    let photodna = PhotoDna(std::array::from_fn(|i| i as u8)).to_string();
    let rows = table(&[&photodna, &pdq, "a.png"]);
    assert_eq!(rows.len(), 4);
    assert!(rows[1].ends_with("-         -         -  -"), "these two have no distance: {rows:?}");
}

#[test]
fn comparing_with_standard_input() {
    let folder = pictures();
    let png = fs::read(folder.path().join("a.png")).unwrap();
    let output = with_input(shadegrid(["compare", "-", "a.png"]).current_dir(folder.path()), &png);
    assert_eq!(code(&output), Some(0), "{}", stderr(&output));
}

#[cfg(unix)]
mod unix {
    use std::ffi::OsStr;
    use std::io::{BufRead, BufReader, Read};
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::process::Child;
    use std::thread::sleep;
    use std::time::{Duration, Instant};

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD as BASE64;

    use super::*;

    #[test]
    fn paths_that_are_not_utf8_survive() {
        let folder = tempfile::tempdir().unwrap();
        let name = b"caf\xe9 \xff.png";
        fs::write(folder.path().join(OsStr::from_bytes(name)), "").unwrap();
        let by_walk = hash(&folder, &["."]);
        let by_name = shadegrid([OsStr::new("hash"), OsStr::from_bytes(name)])
            .current_dir(folder.path())
            .output()
            .unwrap();
        let by_list = with_input(shadegrid(["hash", "--files-from", "-"]).current_dir(folder.path()), name);
        for (output, prefix) in [(by_walk, "./"), (by_name, ""), (by_list, "")] {
            let line = &lines(&output.stdout)[0];
            assert_eq!(line["key"], format!("{prefix}caf\u{fffd} \u{fffd}.png"));
            let exact = BASE64.decode(line["key_bytes"].as_str().unwrap()).unwrap();
            assert_eq!(exact, [prefix.as_bytes(), name].concat());
            assert_ne!(line["error_code"], "io", "the file was not found: {line}");
        }
    }

    /// What a terminal obeys: it colours, rings, goes back to the beginning of the line, begins a line that says something else, and turns text around.
    const FORGED: &str = "\u{1b}[31m\u{7}a\rb\nforged\u{85}\u{9b}1m\u{202e}\u{2066}\u{200f}\u{61c}\u{2028}c";

    /// What a run says for people holds no character that a terminal obeys, and no line that a name begins.
    fn assert_is_shown(arguments: &[String], text: &str) {
        let obeyed = |character: &char| {
            let turns = ('\u{202a}'..='\u{202e}').contains(character)
                || ('\u{2066}'..='\u{2069}').contains(character);
            let is_control = character.is_control() && *character != '\n';
            is_control || turns || "\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}".contains(*character)
        };
        let obeyed: Vec<char> = text.chars().filter(obeyed).collect();
        assert!(obeyed.is_empty(), "{arguments:?}: {obeyed:?} in {text:?}");
        assert!(!text.lines().any(|line| line.starts_with("forged")), "{arguments:?}: {text:?}");
    }

    #[test]
    fn names_are_shown_by_messages_and_not_obeyed() {
        let folder = pictures();
        let at = |name: &str| folder.path().join(name.replace("NAME", FORGED));
        let hashed = hash(&folder, &["a.png", "b.bmp"]);
        fs::write(at("NAME.jsonl"), &hashed.stdout).unwrap();
        let bad = [&hashed.stdout[..], b"{\"key\":\"x\",\"pdq\":\"00\"}\n"].concat();
        fs::write(at("bad-NAME.jsonl"), bad).unwrap();
        fs::write(at("NAME.toml"), "listen = 1").unwrap();
        fs::create_dir(at("NAME")).unwrap();
        fs::write(at("NAME/notes.txt"), "no picture").unwrap();
        picture(40, 40).save(at("NAME/small.png")).unwrap();
        fs::copy(at("a.png"), at("NAME/a.png")).unwrap();
        let mut shown = 0;
        // The arguments, and whether they say the name.
        for (arguments, says) in [
            ("gallery build NAME.gallery NAME.jsonl", true),
            ("gallery build other.gallery bad-NAME.jsonl", true),
            ("gallery build other.gallery none-NAME", true),
            ("gallery add NAME.gallery NAME.jsonl", true),
            ("gallery update NAME.gallery NAME.jsonl", true),
            ("gallery info NAME.gallery --format table", true),
            ("gallery info NAME.jsonl", true),
            ("gallery verify NAME.gallery", true),
            ("gallery verify NAME.jsonl", true),
            ("gallery export none-NAME", true),
            ("gallery remove NAME.gallery --source no-NAME", true),
            ("gallery sync NAME --config none-NAME", false),
            ("compare NAME/small.png a.png", true),
            ("compare NAME/notes.txt none-NAME", true),
            ("show NAME/small.png", true),
            ("show NAME/notes.txt", true),
            ("hash NAME --strict", true),
            ("hash NAME -v --cache NAME/none/cache", true),
            ("hash a.png --cache NAME.jsonl", true),
            ("hash a.png --skip-known NAME.toml", true),
            ("hash a.png --skip-known none-NAME", true),
            ("hash a.png -o none/NAME", true),
            ("hash a.png -o NAME", true),
            ("hash --files-from none-NAME", true),
            ("hash deep --only NAME", false),
            ("hash http://127.0.0.1:1/NAME", true),
            ("hash NAME://host/a.png", true),
            ("hash s3://NAME/a.png", true),
            ("match --gallery none-NAME a.png", true),
            ("match --gallery NAME.gallery NAME --format table", true),
            ("match --gallery NAME.gallery --format table --signatures bad-NAME.jsonl", false),
            ("match --gallery NAME.gallery --format table --signatures NAME.toml", true),
            ("match --gallery NAME.gallery --format table --signatures none-NAME", true),
            ("match --gallery NAME.gallery a.png --threshold NAME=1", true),
            ("dedupe none-NAME", true),
            ("dedupe NAME a.png --format table", true),
            ("dedupe a.png NAME --format table --do move=NAME-to", true),
            ("dedupe NAME.toml --list-format csv", true),
            ("bench none-NAME", true),
            ("backfill none-NAME --out job", true),
            ("job status none-NAME", true),
            ("job status NAME", true),
            ("job verify NAME", true),
            ("job retry NAME --codes NAME", true),
            ("job merge NAME -o all.jsonl", true),
            ("serve --config none-NAME", true),
            ("serve --config NAME.toml", true),
            ("audit verify none-NAME", true),
            ("report list --config none-NAME", true),
            ("key list --keys none-NAME", false),
            // What is said of the arguments themselves.
            ("NAME", true),
            ("hash --NAME", true),
            ("hash --algorithm NAME", true),
            ("hash a.png --threads NAME", true),
            ("hash a.png --threads 1 --format=NAME", true),
            ("completions NAME", true),
            // This number is one only before it is shown.
            ("hash a.png --threads \t0", false),
        ] {
            let words: Vec<String> = arguments.split(' ').map(|word| word.replace("NAME", FORGED)).collect();
            let output = shadegrid(&words).current_dir(folder.path()).output().unwrap();
            assert!(matches!(code(&output), Some(0..=3)), "{words:?}: {output:?}");
            let (out, said) = (String::from_utf8(output.stdout.clone()).unwrap(), stderr(&output));
            assert!(!said.contains("is a bug"), "{words:?}: {said}");
            assert_is_shown(&words, &said);
            let is_for_people = !out.starts_with('{');
            if is_for_people {
                assert_is_shown(&words, &out);
            }
            let is_said =
                [&said, &out].iter().any(|text| text.contains("\\u{1b}[31m\\u{7}a\\rb\\nforged\\u{85}"));
            assert!(is_said || !says, "{words:?}: {said}{out}");
            shown += usize::from(is_said);
        }
        assert!(shown > 40, "{shown}");
    }

    #[test]
    fn loops_of_links_end() {
        let folder = pictures();
        symlink("..", folder.path().join("deep/up")).unwrap();
        symlink("a.png", folder.path().join("link.png")).unwrap();
        symlink("nowhere", folder.path().join("dangling")).unwrap();
        let output = hash(&folder, &["."]);
        assert_eq!(paths(&output.stdout), ["./a.png", "./b.bmp", "./deep/c.webp"]);
        let output = hash(&folder, &[".", "--follow"]);
        let expected = ["./a.png", "./b.bmp", "./dangling", "./deep/c.webp", "./deep/up", "./link.png"];
        assert_eq!(paths(&output.stdout), expected);
        assert_eq!(codes(&output.stdout), ["ok", "ok", "io", "ok", "io", "ok"]);
        assert!(lines(&output.stdout)[4]["error_message"].as_str().unwrap().contains("leads back"));
        let output = hash(&folder, &["link.png"]);
        assert_eq!(codes(&output.stdout), ["ok"], "a link that is named is followed");
    }

    #[test]
    fn what_may_not_be_read_is_a_record() {
        let folder = pictures();
        let at = |name: &str| folder.path().join(name);
        fs::set_permissions(at("a.png"), fs::Permissions::from_mode(0o000)).unwrap();
        fs::set_permissions(at("deep"), fs::Permissions::from_mode(0o000)).unwrap();
        let root = fs::read(at("a.png")).is_ok();
        let output = hash(&folder, &["."]);
        fs::set_permissions(at("deep"), fs::Permissions::from_mode(0o700)).unwrap();
        if root {
            println!("skipped: this user may read everything");
            return;
        }
        assert_eq!(paths(&output.stdout), ["./a.png", "./b.bmp", "./deep"]);
        assert_eq!(codes(&output.stdout), ["io", "ok", "io"]);
    }

    #[test]
    fn a_closed_pipe_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..3_000 {
            fs::write(folder.path().join(format!("{number}")), "").unwrap();
        }
        let mut command = shadegrid([OsStr::new("hash"), folder.path().as_os_str()]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = String::new();
        BufReader::with_capacity(64, child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        assert!(first.starts_with("{\"key\":"));
        let output = child.wait_with_output().unwrap();
        assert_eq!(code(&output), Some(0));
        let printed = stderr(&output);
        assert!(
            printed.lines().all(|line| line.contains(": the file is empty") || line.contains("further")),
            "{printed}"
        );
    }

    /// Sends a signal as a shell would.
    fn signal(child: &Child, name: &str) {
        let sent = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    fn ended_within(child: &mut Child, limit: Duration) -> bool {
        let started = Instant::now();
        while started.elapsed() < limit {
            if child.try_wait().unwrap().is_some() {
                return true;
            }
            sleep(Duration::from_millis(10));
        }
        false
    }

    #[test]
    fn an_interrupt_leaves_whole_records() {
        let folder = pictures();
        for name in ["-INT", "-TERM"] {
            let list = ["hash", "--files-from", "-", "-o", "out.jsonl", "a.png"];
            let mut command = shadegrid(list);
            command.current_dir(folder.path()).stdin(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().unwrap();
            let mut list = child.stdin.take().unwrap();
            list.write_all(b"b.bmp\ndeep\n").unwrap();
            let started = Instant::now();
            let lines = |text: &[u8]| text.iter().filter(|&&b| b == b'\n').count();
            let records = || draft(folder.path(), "out.jsonl").map(|draft| fs::read(draft).unwrap());
            let written = || records().is_some_and(|text| lines(&text) == 3);
            while !written() {
                assert!(started.elapsed() < Duration::from_secs(20), "records are not passed on");
                sleep(Duration::from_millis(10));
            }
            signal(&child, name);
            assert!(
                ended_within(&mut child, Duration::from_secs(20)),
                "silent input kept the run from its end"
            );
            let output = child.wait_with_output().unwrap();
            assert_eq!(code(&output), Some(130));
            assert_eq!(codes(&records().unwrap()), ["ok", "ok", "ok"]);
            assert!(!folder.path().join("out.jsonl").exists());
            fs::remove_file(draft(folder.path(), "out.jsonl").unwrap()).unwrap();
            drop(list);
        }
    }

    fn pipe(folder: &TempDir, name: &str) {
        assert!(Command::new("mkfifo").arg(folder.path().join(name)).status().unwrap().success());
    }

    /// Starts `hash` on a slow list, which is written through what is returned, with its records from a pipe.
    fn on_a_list(
        folder: &TempDir,
        options: &[&str],
    ) -> (Child, std::process::ChildStdin, BufReader<std::process::ChildStdout>) {
        let mut command = shadegrid(["hash", "--files-from", "-"].iter().chain(options));
        command
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (list, records) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        (child, list, records)
    }

    #[test]
    fn an_interrupt_ends_the_wait_for_a_pipe() {
        let folder = pictures();
        pipe(&folder, "silent");
        let mut command = shadegrid(["hash", "a.png", "silent", "b.bmp"]);
        command.current_dir(folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut records = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        records.read_line(&mut first).unwrap();
        assert!(first.contains("a.png"));
        signal(&child, "-INT");
        assert!(ended_within(&mut child, Duration::from_secs(20)));
        let mut rest = String::new();
        records.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "", "a record that nothing was read for");
        assert_eq!(child.wait().unwrap().code(), Some(130));
    }

    #[test]
    fn a_pipe_that_is_named_is_read() {
        let folder = pictures();
        pipe(&folder, "pipe.png");
        let mut command = shadegrid(["hash", "pipe.png", "/dev/stdin", "a.png"]);
        let b = fs::File::open(folder.path().join("b.bmp")).unwrap();
        command.current_dir(folder.path()).stdin(b).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        fs::write(folder.path().join("pipe.png"), fs::read(folder.path().join("a.png")).unwrap()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(code(&output), Some(0), "{}", stderr(&output));
        assert_eq!(paths(&output.stdout), ["pipe.png", "/dev/stdin", "a.png"]);
        let lines = lines(&output.stdout);
        assert_eq!(lines[0]["pdq"], lines[2]["pdq"]);
        assert_eq!(lines[1]["width"], 51);
    }

    #[test]
    fn what_is_no_file_is_a_record_where_a_list_names_it() {
        let folder = pictures();
        pipe(&folder, "pipe.png");
        pipe(&folder, "pipe.tar");
        pipe(&folder, "pipe.csv");
        let socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket.png")).unwrap();
        let names = ["pipe.png", "pipe.tar", "pipe.csv", "socket.png", "/dev/zero", "a.png"];
        fs::write(folder.path().join("list"), names.join("\n")).unwrap();
        let mut command = shadegrid(["hash", "--files-from", "list"]);
        command.current_dir(folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        assert!(ended_within(&mut child, Duration::from_secs(60)), "a pipe was waited for");
        let output = child.wait_with_output().unwrap();
        assert_eq!(paths(&output.stdout), names);
        assert_eq!(codes(&output.stdout), ["input", "io", "input", "input", "input", "ok"]);
        // Below a folder they are left out.
        let output = hash(&folder, &[".", "--only", "png,bmp,webp"]);
        assert_eq!(paths(&output.stdout), ["./a.png", "./b.bmp", "./deep/c.webp"]);
        drop(socket);
    }

    #[test]
    fn a_run_ends_at_once_while_its_list_is_silent() {
        let folder = pictures();
        // The first failure ends it.
        let (mut child, mut list, _records) = on_a_list(&folder, &["--fail-fast"]);
        list.write_all(b"a.png\ngone.png\n").unwrap();
        assert!(ended_within(&mut child, Duration::from_secs(20)), "--fail-fast waits for the list");
        assert_eq!(child.wait().unwrap().code(), Some(2));
        // A reader that has had enough ends it.
        let (mut child, mut list, mut records) = on_a_list(&folder, &[]);
        list.write_all(b"a.png\n").unwrap();
        records.read_line(&mut String::new()).unwrap();
        drop(records);
        list.write_all(b"b.bmp\n").unwrap();
        assert!(ended_within(&mut child, Duration::from_secs(20)), "a closed pipe waits for the list");
        assert_eq!(child.wait().unwrap().code(), Some(0));
        // A full disk ends it.
        let (mut child, mut list, _records) = on_a_list(&folder, &["-o", "/dev/full"]);
        list.write_all(b"a.png\n").unwrap();
        if cfg!(target_os = "linux") {
            assert!(ended_within(&mut child, Duration::from_secs(20)), "a full disk waits for the list");
            assert_eq!(child.wait().unwrap().code(), Some(1));
        }
        // Ctrl-C ends it, without a record of the list.
        let (mut child, mut list, mut records) = on_a_list(&folder, &[]);
        list.write_all(b"a.png\n").unwrap();
        let mut text = String::new();
        records.read_line(&mut text).unwrap();
        signal(&child, "-INT");
        assert!(ended_within(&mut child, Duration::from_secs(20)), "Ctrl-C waits for the list");
        assert_eq!(child.wait().unwrap().code(), Some(130));
        records.read_to_string(&mut text).unwrap();
        assert_eq!(paths(text.as_bytes()), ["a.png"]);
    }

    #[test]
    fn an_interrupt_makes_no_record_of_silent_standard_input() {
        let folder = pictures();
        for arguments in [["hash", "a.png", "-"], ["hash", "a.png", "/dev/stdin"]] {
            let mut command = shadegrid(arguments);
            command.current_dir(folder.path()).stdin(Stdio::piped());
            let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let mut records = BufReader::new(child.stdout.take().unwrap());
            let mut text = String::new();
            records.read_line(&mut text).unwrap();
            signal(&child, "-INT");
            assert!(ended_within(&mut child, Duration::from_secs(20)), "{arguments:?}");
            assert_eq!(child.wait().unwrap().code(), Some(130));
            records.read_to_string(&mut text).unwrap();
            assert_eq!(paths(text.as_bytes()), ["a.png"], "{arguments:?}");
        }
    }

    /// The members of an archive that a slow list names first do not wait for the list.
    #[test]
    fn a_slow_list_holds_up_nothing_that_it_named() {
        let folder = pictures();
        let mut tar = tar::Builder::new(fs::File::create(folder.path().join("a.tar")).unwrap());
        for number in 0..5 {
            tar.append_path_with_name(folder.path().join("a.png"), format!("{number}.png")).unwrap();
        }
        tar.finish().unwrap();
        let (mut child, mut list, mut records) = on_a_list(&folder, &[]);
        list.write_all(b"a.tar\n").unwrap();
        for number in 0..5 {
            let mut line = String::new();
            records.read_line(&mut line).unwrap();
            assert_eq!(paths(line.as_bytes()), [format!("a.tar/{number}.png")]);
        }
        list.write_all(b"b.bmp\n").unwrap();
        let mut line = String::new();
        records.read_line(&mut line).unwrap();
        assert_eq!(paths(line.as_bytes()), ["b.bmp"]);
        drop(list);
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }

    /// With a stack that no thread can have, the system refuses every thread.
    #[test]
    fn threads_that_are_refused_are_an_error() {
        let folder = pictures();
        fs::write(folder.path().join("list"), "a.png\n").unwrap();
        assert_eq!(code(&hash(&folder, &["a.png", "-o", "records.jsonl", "-q"])), Some(0));
        let build = ["gallery", "build", "known", "records.jsonl", "-q"];
        assert!(shadegrid(build).current_dir(folder.path()).status().unwrap().success());
        for arguments in [
            &["hash", "a.png"][..],
            &["hash", "--files-from", "list"],
            &["match", "-g", "known", "a.png"],
            &["backfill", "a.png", "--out", "job"],
        ] {
            let mut command = shadegrid(arguments);
            command.current_dir(folder.path()).env("RUST_MIN_STACK", "70000000000000");
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
            assert!(ended_within(&mut child, Duration::from_secs(60)), "{arguments:?} hangs");
            let output = child.wait_with_output().unwrap();
            let printed = stderr(&output);
            assert_eq!(code(&output), Some(1), "{arguments:?}: {printed}");
            assert!(
                printed.starts_with("shadegrid: ") && printed.lines().count() == 1,
                "{arguments:?}: {printed}"
            );
            assert!(!printed.contains("panicked") && !printed.contains("bug"), "{printed}");
        }
        // What can be done in turn needs no threads.
        let looked_up = ["match", "-g", "known", "--signatures", "records.jsonl", "-q"];
        let mut command = shadegrid(looked_up);
        let output =
            command.current_dir(folder.path()).env("RUST_MIN_STACK", "70000000000000").output().unwrap();
        assert_eq!(code(&output), Some(0), "{}", stderr(&output));
    }

    #[test]
    fn a_second_interrupt_ends_at_once() {
        let folder = pictures();
        // The list is silent, and the run's end waits for whoever reads the records.
        let (mut child, mut list, records) = on_a_list(&folder, &["--quiet"]);
        let names = "a.png\n".repeat(3_000);
        let feeding = std::thread::spawn(move || list.write_all(names.as_bytes()).map(|()| list));
        // Until the records' pipe is full, and takes no more.
        let mut before = 0;
        loop {
            sleep(Duration::from_secs(1));
            let held = rustix::io::ioctl_fionread(records.get_ref()).unwrap();
            if held > 0 && held == before {
                break;
            }
            before = held;
        }
        signal(&child, "-INT");
        assert!(!ended_within(&mut child, Duration::from_millis(300)), "nothing to wait for");
        signal(&child, "-INT");
        assert!(ended_within(&mut child, Duration::from_secs(20)));
        assert_eq!(child.wait().unwrap().code(), Some(130));
        drop((feeding.join().unwrap(), records));
    }

    #[test]
    fn devices_are_written_directly() {
        let folder = pictures();
        let output = hash(&folder, &["a.png", "-o", "/dev/null"]);
        assert_eq!(code(&output), Some(0), "{}", stderr(&output));
        assert!(!Path::new("/dev/null.partial").exists());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_ends_the_run() {
        let folder = pictures();
        let output = hash(&folder, &["a.png", "-o", "/dev/full"]);
        assert_eq!(code(&output), Some(1));
        assert!(stderr(&output).contains("cannot write the records"), "{}", stderr(&output));
    }

    /// Largest resident memory of a run over `folder`, in megabytes.
    #[cfg(target_os = "linux")]
    fn peak_megabytes(folder: &Path, memory: &str) -> u64 {
        let mut command = shadegrid(["hash", ".", "--threads", "8", "--quiet", "--memory", memory]);
        let mut child = command.current_dir(folder).stdout(Stdio::piped()).spawn().unwrap();
        let mut peak = 0;
        while child.try_wait().unwrap().is_none() {
            let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
            let kilobytes: String = line.chars().filter(char::is_ascii_digit).collect();
            peak = peak.max(kilobytes.parse().unwrap_or(0) / 1_000);
            sleep(Duration::from_millis(2));
        }
        let mut text = Vec::new();
        child.stdout.take().unwrap().read_to_end(&mut text).unwrap();
        assert_eq!(codes(&text), ["ok"; 24]);
        peak
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn memory_is_bounded_by_the_option() {
        let folder = tempfile::tempdir().unwrap();
        let flat = RgbImage::from_pixel(3_500, 3_500, image::Rgb([1, 2, 3]));
        flat.save(folder.path().join("00.png")).unwrap();
        for number in 1..24 {
            fs::copy(folder.path().join("00.png"), folder.path().join(format!("{number:02}.png"))).unwrap();
        }
        let (small, large) = (peak_megabytes(folder.path(), "64M"), peak_megabytes(folder.path(), "8G"));
        println!("peak memory: {small} MB under --memory 64M, {large} MB under 8G");
        // One picture of 37 MB at a time: larger than what the allocator keeps for itself when it is given back.
        assert!(small < 200, "{small} MB");
        assert!(large > small + 60, "{large} MB: the test's pictures are too small to see a difference");
    }
}

//! The decision table of exit codes in `docs/reference.md`, row by row.

#![expect(clippy::print_stdout, reason = "tests say how much they compared")]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::archive::{picture, tar, write};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use tempfile::TempDir;

/// Codes by command, as the table has them; `None` where the row is not about a command.
type Row = (String, [Option<i32>; 3]);

const COMMANDS: [&str; 3] = ["hash", "match", "backfill"];

/// The table's rows.
fn table() -> Vec<Row> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference.md");
    let page = fs::read_to_string(page).unwrap();
    let head = "| what happened | `hash` | `match` | `backfill` |";
    let rows = page.lines().skip_while(|line| *line != head).skip(2).take_while(|line| line.starts_with('|'));
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let code = |cell: &str| (!cell.is_empty()).then(|| cell.parse().unwrap());
        (cells[0].to_string(), [code(cells[1]), code(cells[2]), code(cells[3])])
    };
    rows.map(row).collect()
}

/// What each row is tried with: the arguments of the inputs and other options.
const CASES: [(&str, &str); 19] = [
    ("every picture was hashed, and some matched", "photos"),
    ("every picture was hashed, and none matched", "strangers"),
    ("a file in a folder is no picture", "mixed"),
    ("a member of an archive is no picture", "mixed.tar"),
    ("a Parquet file in a folder holds records, or nothing of pictures", "tables"),
    ("the same with `--strict`", "mixed --strict"),
    ("a folder has other things than pictures only", "notes"),
    ("a file that is named as an argument is no picture", "photos mixed/notes.txt"),
    ("a file that a list names is no picture", "--files-from names.txt"),
    ("a file in a folder is called like a picture, and is none", "liars"),
    ("a row of pictures in a Parquet file is none", "rows.parquet"),
    ("a picture is broken, or of a format that is not read", "broken"),
    ("a path is not there", "photos nowhere"),
    ("a folder has no picture in it", "empty"),
    ("no name under a path ends as `--only` says", "photos --only tif"),
    ("a list names nothing", "--files-from nothing.txt"),
    ("an option has a wrong value", "photos --threads 0"),
    ("the output is an input", "photos -o photos"),
    ("a gallery is not there", "photos --no-gallery"),
];

/// A Parquet file with a column of two rows.
fn rows(column: &str, values: [&[u8]; 2]) -> Vec<u8> {
    let schema = format!("message rows {{ required binary {column}; }}");
    let schema = Arc::new(parse_message_type(&schema).unwrap());
    let mut writer =
        SerializedFileWriter::new(Vec::new(), schema, Arc::new(WriterProperties::builder().build())).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let values = values.map(|value| ByteArray::from(value.to_vec()));
    column.typed::<ByteArrayType>().write_batch(&values, None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.into_inner().unwrap()
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let flat = image::RgbImage::from_pixel(64, 64, image::Rgb([9, 9, 9]));
    for (name, content) in [
        ("photos/a.png", picture(40)),
        ("photos/b.png", picture(41)),
        ("mixed/a.png", picture(40)),
        ("mixed/notes.txt", b"no picture".to_vec()),
        ("mixed/.DS_Store", b"\0\0\0\x01Bud1".to_vec()),
        ("mixed/empty", Vec::new()),
        ("notes/notes.txt", b"no picture".to_vec()),
        ("tables/a.png", picture(40)),
        ("tables/digests.parquet", rows("digest", [&[1; 32], &[2; 32]])),
        ("liars/a.png", picture(40)),
        ("liars/b.jpg", b"no picture".to_vec()),
        ("broken/a.png", picture(40)),
        ("broken/cut.png", picture(41)[..30].to_vec()),
        (
            "broken/icon.ico",
            [&b"\0\0\x01\0\x01\0\x10\x10\0\0\x01\0\x20\0\x90\0\0\0\x16\0\0\0"[..], &[0; 144]].concat(),
        ),
        ("empty/deep/.keep", Vec::new()),
        ("names.txt", b"photos/a.png\nmixed/notes.txt\n".to_vec()),
        ("nothing.txt", Vec::new()),
        ("rows.parquet", rows("image", [&picture(40), b"no picture"])),
        (
            "mixed.tar",
            tar(&[("a.png".to_string(), picture(40)), ("notes".to_string(), b"no picture".to_vec())]),
        ),
    ] {
        write(&folder, name, &content);
    }
    fs::remove_file(folder.path().join("empty/deep/.keep")).unwrap();
    fs::create_dir(folder.path().join("strangers")).unwrap();
    flat.save(folder.path().join("strangers/flat.png")).unwrap();
    assert_eq!(run(&folder, "hash photos -o known.jsonl"), Some(0));
    assert_eq!(run(&folder, "gallery build known.gallery known.jsonl"), Some(0));
    assert_eq!(run(&folder, "hash photos -o tables/records.parquet"), Some(0));
    folder
}

fn run(folder: &TempDir, arguments: &str) -> Option<i32> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shadegrid"));
    let output = command.args(arguments.split(' ')).current_dir(folder.path()).stdin(Stdio::null()).output();
    output.unwrap().status.code()
}

/// The command of a case, in words.
fn words(number: usize, command: &str, case: &str) -> String {
    let gallery = if case.contains("--no-gallery") { "nowhere.gallery" } else { "known.gallery" };
    let case = case.replace(" --no-gallery", "");
    match command {
        "match" => format!("match --gallery {gallery} {case}"),
        "backfill" if gallery == "nowhere.gallery" => {
            format!("backfill {case} --match {gallery} --out job-{number}")
        }
        "backfill" if case.contains(" -o ") => format!("backfill {case}/job"),
        "backfill" => format!("backfill {case} --out job-{number}"),
        command => format!("{command} {case}"),
    }
}

#[test]
fn every_row_of_the_table_is_true() {
    let (folder, mut compared, mut wrong) = (folder(), 0, Vec::new());
    let table = table();
    for (number, (what, codes)) in table.iter().enumerate().filter(|(_, (what, _))| what != "interrupted") {
        let Some((_, case)) = CASES.iter().find(|(row, _)| row == what) else {
            panic!("no case for {what:?}")
        };
        for (command, code) in COMMANDS.into_iter().zip(codes) {
            let Some(code) = code else { continue };
            let words = words(number, command, case);
            let exit = run(&folder, &words);
            compared += 1;
            if exit != Some(*code) {
                wrong.push(format!("{what}: `{words}` ended with {exit:?}, not {code}"));
            }
        }
    }
    println!("{compared} exit codes are those of the table");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(table.len(), CASES.len() + 1, "a case without a row, or a row twice");
    assert!(compared >= 50, "only {compared} were compared");
}

/// What is skipped has its record all the same, with the bytes that it always had.
#[test]
fn what_is_skipped_has_its_record_and_is_named_where_asked_for() {
    let folder = folder();
    let output = |arguments: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shadegrid"));
        let command = command.args(arguments.split(' ')).current_dir(folder.path()).stdin(Stdio::null());
        let output = command.output().unwrap();
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (records, said) = output("hash mixed");
    assert_eq!(records.matches("\"status\":\"error\",\"error_code\":\"input\"").count(), 3, "{records}");
    assert!(said.starts_with("1 of 1 hashed, 3 skipped (no pictures) in "), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    let (strict, said) = output("hash mixed --strict");
    assert_eq!(strict, records);
    assert!(said.contains("\n1 of 4 hashed, 3 failed (input 3) in "), "{said}");
    let (verbose, said) = output("hash mixed -v");
    assert_eq!(verbose, records);
    assert!(said.contains("shadegrid: mixed/notes.txt: skipped: input: not a picture"), "{said}");
    assert!(said.contains("\non the CPU (fewer than 256 inputs"), "{said}");
    // The first failure ends a run, and what is skipped is none.
    let (records, _) = output("hash mixed photos --fail-fast");
    assert_eq!(records.lines().count(), 6, "{records}");
    let (records, _) = output("hash mixed photos --fail-fast --strict");
    assert_eq!(records.lines().count(), 1, "{records}");
    let (_, said) = output("hash empty photos");
    assert!(said.starts_with("shadegrid: empty: no picture was found\n2 of 2 hashed in "), "{said}");
    assert_eq!(output("hash empty --quiet"), (String::new(), String::new()));
}

/// A run that waits for its list, or a worker for a pipe that is silent, ends when it is asked to.
#[cfg(unix)]
#[test]
fn the_row_of_interruptions_is_true() {
    let (_, codes) = table().into_iter().find(|(what, _)| what == "interrupted").unwrap();
    let folder = folder();
    let fifo = folder.path().join("silent");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    for (command, code) in COMMANDS.into_iter().zip(codes) {
        let words = words(99, command, "photos silent");
        let mut child = Command::new(env!("CARGO_BIN_EXE_shadegrid"));
        child.args(words.split(' ')).current_dir(folder.path()).stdin(Stdio::null());
        let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // The pipe's other end opens once the command reads it.
        let started = Instant::now();
        let pipe = loop {
            use std::os::unix::fs::OpenOptionsExt as _;
            match fs::OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(&fifo) {
                Ok(pipe) => break pipe,
                Err(_) => assert!(started.elapsed() < Duration::from_secs(60), "{words} reads no pipe"),
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), code, "{words}");
        drop(pipe);
    }
}

//! Finished output: every format gives its records back, to be written again to the same bytes.

mod common;

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::Path;

use shadegrid::gallery::lists::{self, ListFormat};
use shadegrid::pipeline::{
    COLUMNS, Record, RecordFormat, RecordMatch, Sink, Source, StoredRecord, StoredRecords, StoredSink,
    describe,
};
use shadegrid::{Algorithm, Engine, Error, HashOptions, RunOptions};

/// Gives every second record matches before it reaches a sink.
struct Matched<'a>(&'a mut dyn StoredSink);

impl Sink for Matched<'_> {
    fn write(&mut self, record: &Record) -> Result<(), Error> {
        let mut stored = StoredRecord::from(record);
        stored.matches = match record.index % 3 {
            0 => None,
            1 => Some(Vec::new()),
            _ => Some(vec![found(1), found(record.index)]),
        };
        self.0.write_stored(&stored)
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.0.finish()
    }
}

fn found(position: u64) -> RecordMatch {
    let mut found = serde_json::json!({
        "gallery": "known.gallery", "key": format!("key, \"{position}\""), "label": "", "source": "list.csv",
        "position": u64::MAX - position, "algorithm": "pdq", "distance": 31, "orientation": "upright",
    });
    if position == 1 {
        found["face"] = "longest-white".into();
        found["columns"] = serde_json::json!({ "MD5": "00ff", "a \"series\", 1": "x; y" });
    }
    serde_json::from_value(found).unwrap()
}

fn sources() -> Vec<Source> {
    let mut sources: Vec<Source> =
        common::jpegs().into_iter().map(|(name, jpeg)| Source::bytes(name, jpeg)).collect();
    let whole = common::jpeg("base-444");
    sources.push(Source::bytes("cut", whole[..whole.len() * 2 / 3].to_vec()));
    sources.push(Source::bytes("lossless", common::lossless(&whole)));
    sources.push(Source::bytes("a text", b"no picture, \"quoted\"\nand more".to_vec()));
    let flat = common::encode::Png::new((40, 30), 1, vec![7; 1200]).encode();
    sources.push(
        Source::bytes("flat, small", flat).from_argument(OsString::from("elsewhere").as_os_str().into()),
    );
    let half =
        (0..60 * 50u32).flat_map(|n| [(n * 7) as u8, (n / 50) as u8 * 4, 90, (n % 50) as u8 * 5]).collect();
    sources.push(Source::bytes("seen through", common::encode::Png::new((50, 60), 4, half).encode()));
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStringExt as _;
        sources.push(Source::bytes(OsString::from_vec(b"not \xff utf-8".to_vec()), whole));
    }
    sources
}

fn write_records(format: RecordFormat, path: &Path, algorithms: &[Algorithm]) {
    let hash = HashOptions::default().algorithms(algorithms.to_vec());
    let options = RunOptions::default().hash(hash.clone());
    let mut sink = format.sink(File::create(path).unwrap(), &describe(&hash)).unwrap();
    Engine::new().unwrap().run_into(sources(), &mut Matched(&mut *sink), &options).unwrap();
}

fn read(format: RecordFormat, path: &Path) -> Vec<StoredRecord> {
    let records: StoredRecords = format.read(path).unwrap();
    records.map(Result::unwrap).collect()
}

#[test]
fn every_format_gives_its_records_back() {
    let folder = tempfile::tempdir().unwrap();
    for algorithms in [&[Algorithm::PhotoDna, Algorithm::Pdq, Algorithm::Pdq512][..], &[Algorithm::Pdq]] {
        let mut all = Vec::new();
        for format in RecordFormat::ALL {
            let path = folder.path().join(format.name());
            write_records(format, &path, algorithms);
            let written = fs::read(&path).unwrap();
            let rows = read(format, &path);
            assert_eq!(rows.len(), sources().len());
            let again = folder.path().join("again");
            let about = describe(&HashOptions::default().algorithms(algorithms.to_vec()));
            let mut sink = format.sink(File::create(&again).unwrap(), &about).unwrap();
            rows.iter().for_each(|row| sink.write_stored(row).unwrap());
            sink.finish().unwrap();
            drop(sink);
            assert_eq!(fs::read(&again).unwrap(), written, "{format} written again");
            write_records(format, &again, algorithms);
            assert_eq!(fs::read(&again).unwrap(), written, "{format} is not the same every time");
            all.push(rows);
        }
        assert_eq!(all[0], all[1], "JSON lines and CSV");
        assert_eq!(all[0], all[2], "JSON lines and Parquet");
        let with = |what: fn(&StoredRecord) -> bool| all[0].iter().filter(|row| what(row)).count();
        assert!(with(|row| row.outcome.is_err()) >= 2 && with(|row| row.source.is_some()) == 1);
        assert!(with(|row| row.matches.as_ref().is_some_and(|found| found.len() == 2)) >= 5);
        assert!(with(|row| row.outcome.as_ref().is_ok_and(|picture| picture.decoded.is_some())) == 1);
        assert!(with(|row| row.outcome.as_ref().is_ok_and(|picture| !picture.faces.is_empty())) == 1);
    }
}

#[test]
fn our_own_list_reader_reads_parquet_output() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.parquet");
    write_records(RecordFormat::Parquet, &path, &[Algorithm::PhotoDna, Algorithm::Pdq]);
    let rows = read(RecordFormat::Parquet, &path);
    let hashed = rows.iter().filter_map(|row| Some((row, row.outcome.as_ref().ok()?)));
    let mut entries = Vec::new();
    lists::read(&path, None, &mut |_, item| {
        if let lists::Item::Entry(entry) = item {
            entries.push(entry);
        }
        Ok(())
    })
    .unwrap();
    assert_eq!(lists::sniff(&path).unwrap(), ListFormat::Parquet);
    let found: Vec<_> = entries.iter().map(|e| (e.key.clone(), e.photodna, e.pdq, e.quality)).collect();
    let expected: Vec<_> = hashed
        .flat_map(|(row, picture)| {
            let key = row.key.to_string_lossy().into_owned();
            let faces = picture.faces.iter().map(|face| (face.photodna, face.pdq, face.quality));
            let all: Vec<_> =
                [(picture.photodna, picture.pdq, picture.quality)].into_iter().chain(faces).collect();
            all.into_iter().map(move |(photodna, pdq, quality)| (key.clone(), photodna, pdq, quality))
        })
        .collect();
    assert_eq!(found, expected);
    assert!(entries.len() >= 15 && entries.iter().any(|entry| entry.flat));
}

#[test]
fn broken_output_is_never_read_as_whole() {
    let folder = tempfile::tempdir().unwrap();
    for format in RecordFormat::ALL {
        let path = folder.path().join(format.name());
        write_records(format, &path, &[Algorithm::Pdq]);
        let (written, rows) = (fs::read(&path).unwrap(), read(format, &path));
        for share in [3, 5, 9] {
            let cut = folder.path().join("cut");
            fs::write(&cut, &written[..written.len() * share / 10]).unwrap();
            let Ok(found) = format.read(&cut) else {
                assert_eq!(format, RecordFormat::Parquet);
                continue;
            };
            let found: Vec<_> = found.collect();
            let (last, before) = found.split_last().unwrap();
            let error = last.as_ref().err().unwrap_or_else(|| panic!("{format} cut to {share}/10 passed"));
            assert_eq!(error.code(), "corrupt");
            for (found, row) in before.iter().zip(&rows) {
                assert_eq!(found.as_ref().unwrap(), row);
            }
        }
    }
}

/// A line or table as 0.1.0 named its members: the new names go, the old ones stay or take their place.
fn with_old_names(format: RecordFormat, written: &str) -> String {
    match format {
        RecordFormat::JsonLines => written.lines().map(|line| old_line(line) + "\n").collect(),
        _ => {
            let (head, rest) = written.split_once('\n').unwrap();
            let old = head.replacen("key,key_bytes", "path,path_base64", 1).replacen(
                "error_code,error_message",
                "code,message",
                1,
            );
            assert_ne!(old, head);
            format!("{old}\n{rest}")
        }
    }
}

fn old_line(line: &str) -> String {
    let mut object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap();
    for (old, new) in
        [("path", "key"), ("path_base64", "key_bytes"), ("code", "error_code"), ("message", "error_message")]
    {
        assert_eq!(object.get(old), object.get(new), "the deprecated name {old} says something else");
        object.remove(new);
    }
    assert!(object.contains_key("path"));
    serde_json::to_string(&object).unwrap()
}

/// What 0.1.0 wrote gives the same records, and the same entries of a list.
#[test]
fn files_with_the_old_names_are_read() {
    let folder = tempfile::tempdir().unwrap();
    for format in [RecordFormat::JsonLines, RecordFormat::Csv] {
        let (path, old) = (folder.path().join(format.name()), folder.path().join(format!("old.{format}")));
        write_records(format, &path, &[Algorithm::PhotoDna, Algorithm::Pdq]);
        let written = fs::read_to_string(&path).unwrap();
        fs::write(&old, with_old_names(format, &written)).unwrap();
        assert!(!fs::read_to_string(&old).unwrap().contains("error_code"));
        assert_eq!(read(format, &old), read(format, &path), "{format}");
        let (new, old) = (entries(&path), entries(&old));
        assert!(new.len() >= 15, "{} entries of {format}", new.len());
        assert_eq!(new, old, "{format} as a list");
    }
}

/// Key, signatures and quality of a list's entries.
fn entries(path: &Path) -> Vec<impl PartialEq + std::fmt::Debug + use<>> {
    let mut entries = Vec::new();
    lists::read(path, None, &mut |_, item| {
        if let lists::Item::Entry(entry) = item {
            entries.push((entry.key, entry.label, entry.photodna, entry.pdq, entry.quality, entry.flat));
        }
        Ok(())
    })
    .unwrap();
    entries
}

/// A source that its key begins with is in Parquet alone: elsewhere it would only repeat.
#[test]
fn a_source_is_said_once() {
    let folder = tempfile::tempdir().unwrap();
    for format in RecordFormat::ALL {
        let path = folder.path().join(format.name());
        let mut sink = format.sink(File::create(&path).unwrap(), &[]).unwrap();
        let within = |key: &str| {
            Source::bytes(key, b"none".to_vec()).from_argument(OsString::from("photos").as_os_str().into())
        };
        let sources = ["photos/a.jpg", "elsewhere/b.jpg"].map(within);
        Engine::new().unwrap().run_into(sources, &mut *sink, &RunOptions::default()).unwrap();
        drop(sink);
        let sources: Vec<_> = read(format, &path).into_iter().map(|record| record.source).collect();
        let repeated = (format == RecordFormat::Parquet).then(|| "photos".to_string());
        assert_eq!(sources, [repeated, Some("photos".to_string())], "{format}");
    }
}

/// Every format has the columns of the one table, by their names.
#[test]
fn every_format_has_the_columns_of_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let mut names: Vec<&str> = COLUMNS.iter().map(|column| column.name).collect();
    let table = folder.path().join("table.parquet");
    let all = [Algorithm::PhotoDna, Algorithm::Pdq, Algorithm::Pdq512];
    write_records(RecordFormat::Parquet, &table, &all);
    let reader = parquet::file::reader::SerializedFileReader::new(File::open(&table).unwrap()).unwrap();
    let schema = parquet::file::reader::FileReader::metadata(&reader).file_metadata().schema().clone();
    let parquet: Vec<&str> = schema.get_fields().iter().map(|field| field.name()).collect();
    assert_eq!(parquet, names);

    let lines = folder.path().join("lines.jsonl");
    write_records(RecordFormat::JsonLines, &lines, &all);
    let text = fs::read_to_string(&lines).unwrap();
    let objects = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let members: std::collections::BTreeSet<String> =
        objects.flat_map(|object| object.as_object().unwrap().keys().cloned().collect::<Vec<_>>()).collect();
    let current = |name: &&String| !["path", "path_base64", "code", "message"].contains(&name.as_str());
    names.sort_unstable();
    // A picture that a device gave back is not among these, and one whose shown face is its own neither.
    names.retain(|name| !["fallback", "face"].contains(name));
    assert_eq!(members.iter().filter(current).collect::<Vec<_>>(), names);
}

/// Records of before there were faces are read, and get the new columns when they are written again.
#[test]
fn older_tables_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let (path, older) = (folder.path().join("new.csv"), folder.path().join("older.csv"));
    write_records(RecordFormat::Csv, &path, &[Algorithm::Pdq]);
    let mut rows = csv::Reader::from_path(&path).unwrap();
    let mut to = csv::Writer::from_path(&older).unwrap();
    let head: Vec<String> = rows.headers().unwrap().iter().take(24).map(String::from).collect();
    to.write_record(&head).unwrap();
    for row in rows.records() {
        to.write_record(row.unwrap().iter().take(24)).unwrap();
    }
    to.flush().unwrap();
    let (new, old) = (read(RecordFormat::Csv, &path), read(RecordFormat::Csv, &older));
    assert_eq!(new.len(), old.len());
    for (mut new, old) in new.into_iter().zip(old) {
        if let Ok(picture) = &mut new.outcome {
            picture.faces.clear();
        }
        assert_eq!(new, old);
    }
}

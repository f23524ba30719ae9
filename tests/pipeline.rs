//! The library's entry: sources of every kind into sinks of every kind.

use std::ffi::OsString;
use std::io::{self, Cursor, Read};

use image::{ImageFormat, RgbImage};
use shadegrid::pipeline::{
    Csv, DetachedReader, JsonLines, Record, Sink, Source, Stop, Walk, count_ahead, expand, names,
};
use shadegrid::{Engine, Error, HashOptions, Limits, RunOptions};

fn png(width: u32, height: u32) -> Vec<u8> {
    let picture =
        RgbImage::from_fn(width, height, |x, y| image::Rgb([(x * 7) as u8, (y * 5) as u8, (x * y) as u8]));
    let mut encoded = Cursor::new(Vec::new());
    picture.write_to(&mut encoded, ImageFormat::Png).unwrap();
    encoded.into_inner()
}

fn engine() -> Engine {
    Engine::builder().threads(2).build().unwrap()
}

/// A run with the engine's choices.
fn run(sources: impl IntoIterator<Item = Source, IntoIter: Send>, sink: &mut dyn Sink) {
    engine().run_into(sources, sink, &RunOptions::default()).unwrap();
}

/// Key, and width or error code, of each record.
#[derive(Default)]
struct Kept(Vec<(OsString, Result<u32, &'static str>)>);

impl Sink for Kept {
    fn write(&mut self, record: &Record) -> Result<(), Error> {
        let outcome = record.outcome.as_ref().map(|hashed| hashed.width).map_err(Error::code);
        self.0.push((record.key.clone(), outcome));
        Ok(())
    }
}

fn outcomes(sources: Vec<Source>, engine: &Engine) -> Vec<Result<u32, &'static str>> {
    let mut kept = Kept::default();
    engine.run_into(sources, &mut kept, &RunOptions::default()).unwrap();
    kept.0.into_iter().map(|(_, outcome)| outcome).collect()
}

#[test]
fn every_kind_of_source_gives_one_record() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.png");
    std::fs::write(&file, png(30, 20)).unwrap();
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the cable is out"))
        }
    }
    let sources = vec![
        Source::file(&file),
        Source::bytes("bytes", png(31, 20)),
        Source::stream("stream", Cursor::new(png(32, 20))),
        Source::stream("detached", DetachedReader::new(Cursor::new(png(200, 200)), Stop::default())),
        Source::stream("broken", Broken),
        Source::failed("failed", Error::Input("no such thing".to_string())),
        Source::file(folder.path().join("missing.png")),
        Source::file(folder.path()),
        Source::bytes("empty", Vec::new()),
        Source::bytes("text", b"a text of no picture at all".to_vec()),
    ];
    let outcomes = outcomes(sources, &engine());
    assert_eq!(
        outcomes[..8],
        [Ok(30), Ok(31), Ok(32), Ok(200), Err("io"), Err("input"), Err("io"), Err("io")]
    );
    assert_eq!(outcomes.len(), 10);
    assert!(outcomes[8].is_err() && outcomes[9].is_err());
}

#[test]
fn files_over_the_limit_are_not_read() {
    let limits = Limits::default().max_file_bytes(100);
    let mut hash = HashOptions::default();
    hash.decode.limits = limits;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.png");
    std::fs::write(&file, png(64, 64)).unwrap();
    let sources = vec![
        Source::file(&file),
        Source::bytes("bytes", png(64, 64)),
        Source::stream("endless", io::repeat(0)),
    ];
    assert_eq!(outcomes(sources, &Engine::builder().options(hash).build().unwrap()), [Err("limit"); 3]);
}

#[test]
fn pixels_over_the_limit_are_refused() {
    let mut hash = HashOptions::default();
    hash.decode.limits.max_pixels = 1_000;
    let sources = vec![Source::bytes("small", png(30, 30)), Source::bytes("large", png(40, 30))];
    assert_eq!(outcomes(sources, &Engine::builder().options(hash).build().unwrap()), [Ok(30), Err("limit")]);
}

#[test]
fn folders_are_walked_in_order() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["b/z.png", "b/a.png", "a.png", "b.png", "b/c/d.png"] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, png(20, 20)).unwrap();
    }
    let walked = || expand([Ok(folder.path().to_path_buf()), Ok("gone".into())], Walk::default());
    let mut kept = Kept::default();
    run(walked(), &mut kept);
    let strip = |key: &OsString| {
        let path = std::path::Path::new(key);
        path.strip_prefix(folder.path()).unwrap_or(path).to_str().unwrap().to_string()
    };
    let keys: Vec<String> = kept.0.iter().map(|(key, _)| strip(key)).collect();
    assert_eq!(keys, ["a.png", "b/a.png", "b/c/d.png", "b/z.png", "b.png", "gone"]);

    let sources: Vec<Source> = walked().collect();
    let count = count_ahead(sources.into_iter());
    let started = std::time::Instant::now();
    while count.total().is_none() && started.elapsed().as_secs() < 10 {
        std::thread::yield_now();
    }
    assert_eq!(count.total(), Some(6));
}

#[test]
fn lists_and_silent_streams() {
    let list = b"one.png\0two\nlines.png\0".as_slice();
    let paths: Vec<_> = names(list, 0).map(Result::unwrap).collect();
    assert_eq!(paths, [std::path::Path::new("one.png"), std::path::Path::new("two\nlines.png")]);

    let (reader, _silent) = io::pipe().unwrap();
    let stop = Stop::default();
    let mut detached = DetachedReader::new(reader, stop.clone());
    stop.request();
    assert!(detached.read(&mut [0; 8]).is_err(), "a stop ends a read of a silent stream");
}

#[test]
fn csv_and_json_say_the_same() {
    let sources = || {
        vec![
            Source::bytes("a,\"b\".png", png(60, 70)),
            Source::failed("x\ny", Error::Unsupported("heic".to_string())),
        ]
    };
    let mut json = JsonLines::new(Vec::new());
    run(sources(), &mut json);
    let mut table = Csv::new(Vec::new());
    run(sources(), &mut table);
    let (json, table) = (json.into_inner(), table.into_inner());

    let lines: Vec<serde_json::Value> = json
        .split(|&b| b == b'\n')
        .filter(|l| !l.is_empty())
        .map(|l| serde_json::from_slice(l).unwrap())
        .collect();
    let mut rows = csv::Reader::from_reader(table.as_slice());
    let columns = rows.headers().unwrap().clone();
    let rows: Vec<_> = rows.records().map(Result::unwrap).collect();
    assert_eq!((lines.len(), rows.len()), (2, 2));
    let mut compared = 0;
    for (line, row) in lines.iter().zip(&rows) {
        for (column, value) in columns.iter().zip(row).filter(|(column, _)| *column != "flags") {
            let json = match &line[column] {
                serde_json::Value::Null => String::new(),
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let number = |text: &str| text.parse::<f64>().ok();
            assert!(json == value || number(&json) == number(value), "{column}: {json} {value}");
            compared += usize::from(!value.is_empty());
        }
    }
    assert!(compared >= 16, "only {compared} values");
}

#[test]
fn a_table_without_records_still_names_its_columns() {
    let mut table = Csv::new(Vec::new());
    run([], &mut table);
    assert!(table.into_inner().starts_with(b"key,key_bytes,status,error_code,error_message,format,"));
}

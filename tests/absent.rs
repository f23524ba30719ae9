//! What a build without a feature makes of what only that feature reads: one record, or one error, that names the feature.

use std::fs;
use std::path::Path;

use shadegrid::gallery::lists;
use shadegrid::pipeline::{InputOptions, Item, Record, Sink, items, open};
use shadegrid::{Engine, Error, RunOptions};
use tempfile::TempDir;

/// Inputs that a feature reads: the name, the first bytes, the feature, and whether this build has it.
const INPUTS: [(&str, &[u8], &str, bool); 8] = [
    ("a.zip", b"PK\x03\x04 and so on", "archives", cfg!(feature = "archives")),
    ("a.tar", &[b'a'; 512], "archives", cfg!(feature = "archives")),
    ("a.tar.gz", &[0x1f, 0x8b, 8, 0], "archives", cfg!(feature = "archives")),
    ("a.tar.zst", &[0x28, 0xb5, 0x2f, 0xfd], "archives", cfg!(feature = "archives")),
    ("a.parquet", b"PAR1 and so on", "parquet", cfg!(feature = "parquet")),
    ("a.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "heic", cfg!(feature = "heic")),
    ("a.avif", b"\0\0\0\x18ftypavif\0\0\0\0mif1avif", "avif", cfg!(feature = "avif")),
    ("a.jxl", b"\xff\x0a and so on", "jxl", cfg!(feature = "jxl")),
];

/// Keeps key and error of each record.
#[derive(Default)]
struct Kept(Vec<(String, Option<(&'static str, String)>)>);

impl Sink for Kept {
    fn write(&mut self, record: &Record) -> shadegrid::Result<()> {
        let error = record.outcome.as_ref().err().map(|error| (error.code(), error.to_string()));
        self.0.push((record.key.display().to_string(), error));
        Ok(())
    }
}

/// The records of the files in a folder.
fn records(folder: &Path) -> Kept {
    let options = InputOptions::default();
    let listed: Vec<Item> = items([folder.as_os_str().to_os_string()], &options).collect();
    let mut kept = Kept::default();
    Engine::new().unwrap().run_into(open(listed, &options), &mut kept, &RunOptions::default()).unwrap();
    kept
}

#[test]
fn what_is_not_read_has_its_record() {
    let folder = TempDir::new().unwrap();
    for (name, content, ..) in INPUTS {
        fs::write(folder.path().join(name), content).unwrap();
    }
    // A picture is one whatever it is called.
    fs::write(folder.path().join("b.zip"), include_bytes!("../src/pipeline/example.bmp")).unwrap();
    let records = records(folder.path()).0;
    assert_eq!(records.len(), INPUTS.len() + 1, "{records:?}");
    for (key, error) in &records {
        let Some((_, _, feature, is_there)) = INPUTS.iter().find(|(name, ..)| key.ends_with(name)) else {
            assert!(error.is_none(), "{key}: {error:?}");
            continue;
        };
        let (code, message) = error.as_ref().expect("none of them is whole");
        let says_so = *code == "unsupported" && message.contains(&format!("feature `{feature}`"));
        assert_eq!(says_so, !is_there, "{key}: {code}: {message}");
    }
}

#[test]
fn a_list_that_is_not_read_says_why() {
    for (name, content, feature, is_there) in INPUTS {
        // A tar is no list, and neither is a picture.
        if name.starts_with("a.tar") && !name.ends_with("zst") || ["heic", "avif", "jxl"].contains(&feature) {
            continue;
        }
        let error = lists::read_from(content, name.as_ref(), None, &mut |_, _| Ok(())).unwrap_err();
        let says_so = matches!(&error, Error::Unsupported(printed) if printed.contains(&format!("feature `{feature}`")));
        assert_eq!(says_so, !is_there, "{name}: {error}");
    }
}

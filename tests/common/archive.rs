//! Archives that the tests make, and the records of what is in them.

use std::ffi::OsString;
use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use shadegrid::pipeline::{InputOptions, Item, JsonLines, items, open};
use shadegrid::{Engine, HashOptions, RunOptions};
use tempfile::TempDir;

/// A record without its path, by its path.
pub type Records = Vec<(String, Map<String, Value>)>;

/// What a run gives for `inputs`.
pub fn records(inputs: impl IntoIterator<Item = impl AsRef<Path>>, options: &InputOptions) -> Records {
    let inputs: Vec<OsString> = inputs.into_iter().map(|input| input.as_ref().into()).collect();
    records_of(items(inputs, options), options)
}

/// What a run gives for items.
pub fn records_of(
    items: impl IntoIterator<Item = Item, IntoIter: Send + 'static>,
    options: &InputOptions,
) -> Records {
    let mut lines = JsonLines::new(Vec::new());
    let mut hash = HashOptions::default();
    hash.decode.limits = options.limits.clone();
    let engine = Engine::builder().options(hash).build().unwrap();
    let summary = engine.run_into(open(items, options), &mut lines, &RunOptions::default()).unwrap();
    let lines = String::from_utf8(lines.into_inner()).unwrap();
    assert_eq!(summary.records as usize, lines.lines().count());
    let record = |line: &str| {
        let Value::Object(mut record) = serde_json::from_str(line).unwrap() else { panic!("no object") };
        let Value::String(key) = record.remove("key").unwrap() else { panic!("no key") };
        record.remove("path");
        (key, record)
    };
    lines.lines().map(record).collect()
}

/// The record's code, or `ok`.
pub fn code(record: &Map<String, Value>) -> &str {
    record.get("error_code").map_or("ok", |code| code.as_str().unwrap())
}

/// Why there is no signature.
pub fn message(record: &Map<String, Value>) -> &str {
    let message = record["error_message"].as_str().unwrap();
    super::check_plain(message);
    message
}

/// The same with paths below `root` only.
pub fn below(root: &Path, records: Records) -> Records {
    let prefix = format!("{}/", root.display());
    let strip = |path: &str| {
        path.strip_prefix(&prefix).unwrap_or_else(|| panic!("{path} not in {prefix}")).to_string()
    };
    records.into_iter().map(|(path, record)| (strip(&path), record)).collect()
}

/// A tar of these members.
pub fn tar(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, content.as_slice()).unwrap();
    }
    tar.into_inner().unwrap()
}

/// One member of gzip.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A zip of these members, stored and deflated in turn.
pub fn zip(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (number, (name, content)) in members.iter().enumerate() {
        let method = [zip::CompressionMethod::Stored, zip::CompressionMethod::Deflated][number % 2];
        let options = zip::write::SimpleFileOptions::default().compression_method(method);
        zip.start_file(name, options).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A file in a folder.
pub fn write(folder: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

/// A tar entry of any type, with a size that may be a lie.
pub fn entry(kind: u8, name: &[u8], size: u64, content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.set_entry_type(tar::EntryType::new(kind));
    header.set_size(size);
    header.set_mode(0o644);
    header.set_cksum();
    let mut entry = header.as_bytes().to_vec();
    entry.extend(content);
    entry.resize(entry.len().next_multiple_of(512), 0);
    entry
}

/// An extended header.
pub fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let mut content = Vec::new();
    for (key, value) in records {
        let rest = format!(" {key}={value}\n");
        let mut length = rest.len() + 1;
        while length != rest.len() + length.to_string().len() {
            length = rest.len() + length.to_string().len();
        }
        content.extend(format!("{length}{rest}").bytes());
    }
    entry(b'x', b"pax", content.len() as u64, &content)
}

/// A tar's end marker.
pub const END: [u8; 1024] = [0; 1024];

/// A small picture that is another for every number.
pub fn picture(number: usize) -> Vec<u8> {
    let (width, height) = (30 + number, 40);
    let samples = (0..width * height * 3).map(|at| ((at * (number + 3)) >> 3) as u8).collect();
    super::encode::Png::new((width as u32, height as u32), 3, samples).encode()
}

/// So many pictures with names.
pub fn pictures(count: usize) -> Vec<(String, Vec<u8>)> {
    (0..count).map(|number| (format!("{number}.png"), picture(number))).collect()
}

/// Names and codes of records; the archive's own record has no name.
pub fn codes(archive: &Path, records: &Records) -> Vec<(String, String)> {
    let own = archive.to_str().unwrap();
    let name = |path: &str| {
        path.strip_prefix(own).unwrap_or_else(|| panic!("{path}")).trim_start_matches('/').to_string()
    };
    records.iter().map(|(path, record)| (name(path), code(record).to_string())).collect()
}

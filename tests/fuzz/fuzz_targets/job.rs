//! Lines of a job's ledger and plan, with right checksums: whatever they claim, looking at the job neither panics nor takes for ever.
//!
//! The input is pieces with a byte 255 between. A piece's first byte says what it is: `l` a line of the ledger, `r` raw bytes of the ledger, `i` the
//! first line of a segment and raw bytes behind it, `p` lines of items, of which a sound segment is made, `c` the last word of the plan, `e` the
//! first word of another listing, `j` job.json, `f` a file of records. JSON gets its checksum here, because no fuzzer would find it.
//!
//! From the repository's root: `cargo +nightly fuzz run --fuzz-dir tests/fuzz job CORPUS`.

#![no_main]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::sync::Mutex;

use libfuzzer_sys::fuzz_target;
use shadegrid::job::{self, Listed, Location, Publish, Settings};
use shadegrid::pipeline::{Input, InputOptions, RecordFormat};
use shadegrid::{Error, HashOptions, Result};
use tempfile::NamedTempFile;

/// A job in memory.
#[derive(Debug, Default)]
struct Memory(Mutex<BTreeMap<String, Vec<u8>>>);

impl Memory {
    fn put(&self, name: impl Into<String>, content: Vec<u8>) {
        self.0.lock().unwrap().insert(name.into(), content);
    }

    fn get(&self, name: &str) -> Option<Vec<u8>> {
        self.0.lock().unwrap().get(name).cloned()
    }
}

impl Location for Memory {
    fn list(&self, folder: &str) -> Result<Vec<Listed>> {
        let files = self.0.lock().unwrap();
        let below = files.iter().filter_map(|(name, content)| {
            let name = name.strip_prefix(folder)?.strip_prefix('/')?.to_string();
            Some(Listed { name, length: content.len() as u64, written: None })
        });
        Ok(below.collect())
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.get(name))
    }

    fn read_range(&self, name: &str, offset: u64, length: u64) -> Result<Vec<u8>> {
        let content = self.get(name).ok_or_else(|| Error::Input(format!("{name} is gone")))?;
        Ok(content.into_iter().skip(offset as usize).take(length as usize).collect())
    }

    fn exists(&self, name: &str) -> Result<bool> {
        Ok(self.get(name).is_some())
    }

    fn open(&self, name: &str) -> Result<Option<File>> {
        let Some(content) = self.get(name) else { return Ok(None) };
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&content).unwrap();
        file.rewind().unwrap();
        Ok(Some(file))
    }

    fn create(&self, name: &str, content: &[u8]) -> Result<bool> {
        self.put(name, content.to_vec());
        Ok(true)
    }

    fn claim(&self, name: &str, content: &[u8]) -> Result<bool> {
        self.create(name, content)
    }

    fn beat(&self, name: &str, content: &[u8]) -> Result<()> {
        self.create(name, content).map(drop)
    }

    fn append(&self, _: &str, _: &[u8]) -> Result<()> {
        unreachable!("nothing is hashed here")
    }

    fn remove(&self, name: &str) -> Result<()> {
        self.0.lock().unwrap().remove(name);
        Ok(())
    }

    fn draft(&self, _: &str) -> Result<NamedTempFile> {
        unreachable!("nothing is hashed here")
    }

    fn publish(&self, _: NamedTempFile, _: &str, _: Publish) -> Result<bool> {
        unreachable!("nothing is hashed here")
    }

    fn lock(&self, _: &str) -> Result<Option<File>> {
        Ok(None)
    }

    fn is_unlocked(&self, _: &str) -> Result<bool> {
        Ok(false)
    }

    fn place(&self) -> String {
        "memory".to_string()
    }
}

/// The object on one line, with the checksum that belongs to it.
fn sealed(object: &[u8]) -> Vec<u8> {
    let body = object.strip_suffix(b"}").unwrap_or(object);
    [body, format!(",\"crc\":\"{:08x}\"}}", crc32fast::hash(body)).as_bytes()].concat()
}

/// The same on a page of its own.
fn sealed_page(object: &[u8]) -> Vec<u8> {
    let body = object.strip_suffix(b"\n}").unwrap_or(object);
    [body, format!(",\n  \"crc\": \"{:08x}\"\n}}\n", crc32fast::hash(body)).as_bytes()].concat()
}

/// A segment of one shard with these lines of items.
fn segment(lines: &[u8], first: u64) -> Vec<u8> {
    let packed = zstd::bulk::compress(lines, 1).unwrap();
    let (items, crc) = (lines.split(|byte| *byte == b'\n').count(), crc32fast::hash(&packed));
    let place = format!("{{\"start\":0,\"end\":{}}}", packed.len());
    let shard = format!("{{\"kind\":\"pictures\",\"items\":{items},\"place\":{place},\"crc\":{crc}}}");
    let index = format!("{{\"first\":{first},\"shards\":[{shard}]}}");
    [&sealed(index.as_bytes())[..], b"\n", &packed].concat()
}

fn settings() -> Settings {
    let (inputs, options) = ([Input::Named("photos".into())], InputOptions::default());
    Settings::new(&inputs, &options, 50, RecordFormat::JsonLines, &HashOptions::default())
}

fuzz_target!(|data: &[u8]| {
    let job = Memory::default();
    settings().hold(&job).unwrap();
    let (mut ledger, mut segments, mut files) = (Vec::new(), 0, 0);
    for piece in data.split(|byte| *byte == 255) {
        let Some((kind, body)) = piece.split_first() else { continue };
        let first = segments;
        let mut plan = |content| {
            job.put(format!("plan/{segments:06}.segment"), content);
            segments += 1;
        };
        match kind {
            b'l' => ledger.extend([&sealed(body)[..], b"\n"].concat()),
            b'r' => ledger.extend_from_slice(body),
            b'i' => {
                let end = body.iter().position(|byte| *byte == b'\n').unwrap_or(body.len());
                plan([&sealed(&body[..end])[..], b"\n", body[end..].get(1..).unwrap_or_default()].concat());
            }
            b'p' => plan(segment(body, first)),
            b'c' => job.put("plan/complete.json", sealed(body)),
            b'e' => job.put("plan/extension-0001.json", sealed(body)),
            b'j' => job.put("job.json", sealed_page(body)),
            b'f' => {
                job.put(format!("records/{files:07}.jsonl"), body.to_vec());
                files += 1;
            }
            _ => {}
        }
    }
    job.put("ledger/worker_0000.jsonl", ledger);
    let _ = job::status(&job);
    let _ = job::report(&job);
    let _ = job::verify(&job);
    let _ = job::merge(&job, tempfile::tempfile().unwrap(), None);
});

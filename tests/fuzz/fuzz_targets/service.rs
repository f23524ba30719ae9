//! A service without a network and with one gallery, and what must hold of each of its answers; for the targets of its readers.

use serde_json::Value;
use shadegrid::Pdq;
use shadegrid::gallery::{Entry, GalleryBuilder};
use shadegrid::service::{Direct, GalleryFile, ServiceLimits, ServiceOptions};
use tempfile::TempDir;

/// A path, its method, and whether it is at the address of the HMA face.
pub type Path = (&'static str, &'static str, bool);

pub struct Asked {
    service: Direct,
    _folder: TempDir,
}

impl Asked {
    pub fn start() -> Asked {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known.gallery");
        let mut builder = GalleryBuilder::new();
        let source = builder.source("list", "text");
        builder.add(source, Entry::default().key("a".into()).pdq(Some(Pdq([0x5a; 32])))).unwrap();
        builder.create(&path).unwrap();
        let limits = ServiceLimits::default().picture(1 << 16).request(1 << 18).pictures(8);
        let mut options = ServiceOptions::default().galleries(vec![GalleryFile { name: None, path }]);
        options.hash.decode.limits =
            options.hash.decode.limits.max_pixels(1 << 16).max_decoder_bytes(16 << 20);
        let options = options.limits(limits).memory(64 << 20).threads(std::num::NonZeroUsize::MIN);
        let service = Direct::start(&options).unwrap();
        Asked { service, _folder: folder }
    }

    /// Asks, and checks that the answer is one that the documentation has: no bug, no panic, and JSON where something is wrong.
    pub fn ask(&self, (method, path, is_hma): (&str, &str, bool), media_type: &str, body: Vec<u8>) {
        let Some((status, body)) = self.service.ask(is_hma, (method, path, media_type), body) else { return };
        let text = || String::from_utf8_lossy(&body).into_owned();
        let known = [200, 202, 204, 302, 400, 403, 404, 405, 409, 413, 415, 422, 501, 503, 504];
        assert!(known.contains(&status), "{method} {path}: {status} {}", text());
        if status >= 400 && status != 503 {
            assert!(serde_json::from_slice::<Value>(&body).is_ok(), "{path}: {status} {}", text());
        }
        assert!(!said(&body).contains("panicked"), "{path}: {}", text());
    }
}

/// What the records of an answer say is wrong. Their keys are the client's own words.
fn said(body: &[u8]) -> String {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let records = answer["records"].as_array().cloned().unwrap_or_else(|| vec![answer]);
    records.iter().filter_map(|record| record["error_message"].as_str()).collect()
}

//! Any bytes as the JSON of each request that takes some, and as lines without end: the service answers as it documents.
//!
//! The first byte says which request. From the repository's root: `cargo +nightly fuzz run --fuzz-dir tests/fuzz service_json CORPUS`.

#![no_main]

mod service;

use libfuzzer_sys::fuzz_target;
use service::{Asked, Path};

const PATHS: [Path; 14] = [
    ("POST", "/v1/hash", false),
    ("POST", "/v1/match", false),
    ("POST", "/v1/lookup", false),
    ("POST", "/v1/compare", false),
    ("POST", "/v1/galleries", false),
    ("POST", "/v1/galleries/known/entries", false),
    ("PUT", "/v1/galleries/known/entries/1", false),
    ("POST", "/photodna/v1.0/Match", false),
    ("POST", "/photodna/v1.0/MatchHash", false),
    ("POST", "/shield/v1/pdq/", false),
    ("POST", "/m/compare", true),
    ("POST", "/c/banks", true),
    ("POST", "/c/bank/KNOWN/signal", true),
    ("PUT", "/c/bank/KNOWN", true),
];

thread_local! {
    static SERVICE: Asked = Asked::start();
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, body)) = data.split_first() else { return };
    SERVICE.with(|service| match PATHS.get(usize::from(*choice) % (PATHS.len() + 1)) {
        Some(path) => service.ask(*path, "application/json", body.to_vec()),
        None => service.ask(("POST", "/v1/lookup", false), "application/x-ndjson", body.to_vec()),
    });
});

//! Any bytes as the query string, and as the last part of the path, of each request: the service answers as it documents.
//!
//! The first byte says which request. What HTTP does not let stand in an address is written as %-digits, as clients do. From the repository's root:
//! `cargo +nightly fuzz run --fuzz-dir tests/fuzz service_query CORPUS`.

#![no_main]

mod service;

use libfuzzer_sys::fuzz_target;
use service::{Asked, Path};

/// A small picture.
const PICTURE: &[u8] = include_bytes!("../../../src/pipeline/example.bmp");

const PATHS: [Path; 14] = [
    ("POST", "/v1/hash?", false),
    ("POST", "/v1/match?", false),
    ("POST", "/v1/lookup?", false),
    ("GET", "/v1/galleries?", false),
    ("POST", "/v1/galleries/", false),
    ("DELETE", "/v1/galleries/known/entries/", false),
    ("POST", "/photodna/v1.0/Match?", false),
    ("POST", "/xrpc/com.atproto.unspecced.scanBlob?", false),
    ("POST", "/hooks/pict-rs/", false),
    ("GET", "/m/raw_lookup?", true),
    ("GET", "/m/lookup?", true),
    ("GET", "/m/index/status?", true),
    ("GET", "/c/bank/", true),
    ("GET", "/", true),
];

thread_local! {
    static SERVICE: Asked = Asked::start();
}

/// The bytes as an address may have them. Digits that are there already stay as they are.
fn escaped(bytes: &[u8]) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"%=&+,:;/?._-~@!$'()*".contains(&byte);
    let escape = |byte: &u8| match plain(*byte) {
        true => char::from(*byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    bytes.iter().map(escape).collect()
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, bytes)) = data.split_first() else { return };
    let (method, path, is_hma) = PATHS[usize::from(*choice) % PATHS.len()];
    let (path, lines) = (format!("{path}{}", escaped(bytes)), path.contains("lookup") && !is_hma);
    let (media_type, body) = match lines {
        true => ("application/x-ndjson", format!("{{\"pdq\":\"{}\"}}\n", "5a".repeat(32)).into_bytes()),
        false => ("image/bmp", PICTURE.to_vec()),
    };
    SERVICE.with(|service| service.ask((method, &path, is_hma), media_type, body));
});

//! Any bytes as a form of each request that takes one, or as the head of a part of one: the service answers as it documents.
//!
//! The first byte says which request, and how much of a form is around the bytes. From the repository's root:
//! `cargo +nightly fuzz run --fuzz-dir tests/fuzz service_form CORPUS`.

#![no_main]

mod service;

use libfuzzer_sys::fuzz_target;
use service::{Asked, Path};

/// A small picture.
const PICTURE: &[u8] = include_bytes!("../../../src/pipeline/example.bmp");

const PATHS: [Path; 6] = [
    ("POST", "/v1/hash", false),
    ("POST", "/v1/match", false),
    ("POST", "/photodna/v1.0/Match", false),
    ("POST", "/h/hash", true),
    ("POST", "/m/lookup", true),
    ("POST", "/c/bank/KNOWN/content", true),
];

thread_local! {
    static SERVICE: Asked = Asked::start();
}

fn form(kind: u8, bytes: &[u8]) -> Vec<u8> {
    const HEAD: &[u8] = b"--x\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"f\"\r\n\r\n";
    const END: &[u8] = b"\r\n--x--\r\n";
    match kind % 4 {
        0 => bytes.to_vec(),
        1 => [b"--x\r\n", bytes, b"\r\n\r\n", PICTURE, END].concat(),
        2 => [HEAD, bytes, END].concat(),
        _ => {
            [HEAD, PICTURE, b"\r\n--x\r\nContent-Disposition: form-data; name=\"", bytes, b"\"\r\n\r\n", END]
                .concat()
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, bytes)) = data.split_first() else { return };
    let path = PATHS[usize::from(*choice >> 2) % PATHS.len()];
    SERVICE.with(|service| service.ask(path, "multipart/form-data; boundary=x", form(*choice, bytes)));
});

//! The header is what cbindgen makes of the sources, and every function that C may call catches panics.
//!
//! `SHADEGRID_WRITE_HEADER=1 cargo test -p shadegrid-c --test header` writes it anew.

use std::fs;
use std::path::{Path, PathBuf};

use cbindgen::{Builder, Config};

/// The sources in the order in which the header has them.
const SOURCES: [&str; 6] =
    ["status.rs", "options.rs", "hashed.rs", "hasher.rs", "hasher/pixels.rs", "gallery.rs"];

fn binding() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn source(name: &str) -> PathBuf {
    binding().join("src").join(name)
}

/// What cbindgen makes of some sources.
fn generated(sources: &[PathBuf]) -> String {
    let config = Config::from_file(binding().join("cbindgen.toml")).unwrap();
    let builder = sources.iter().fold(Builder::new().with_config(config), Builder::with_src);
    let mut header = Vec::new();
    builder.generate().unwrap().write(&mut header);
    String::from_utf8(header).unwrap()
}

fn all_sources() -> Vec<PathBuf> {
    SOURCES.into_iter().chain(["signature.rs"]).map(source).collect()
}

#[test]
fn the_header_is_that_of_the_sources() {
    let path = binding().join("include/shadegrid.h");
    let expected = generated(&all_sources());
    if std::env::var_os("SHADEGRID_WRITE_HEADER").is_some() {
        fs::write(&path, &expected).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), expected, "see the head of tests/c/header.rs");
    assert!(expected.is_ascii(), "compilers read other characters by the machine's own code page");
    let mut lacking = all_sources();
    lacking.pop();
    assert_ne!(generated(&lacking), expected, "a function that is not there is seen");
}

/// Exported functions: their names and bodies.
fn exported(source: &str) -> Vec<(String, String)> {
    let parts = source.split("#[unsafe(no_mangle)]\n").skip(1);
    parts
        .map(|part| {
            let name = part.split_once("fn ").unwrap().1;
            let body = part.split_once("\n}\n").unwrap().0;
            (name[..name.find('(').unwrap()].to_string(), body.to_string())
        })
        .collect()
}

/// Whether a body runs inside of something that catches panics, from its first statement on.
fn catches(body: &str) -> bool {
    let body = body.split_once(" {\n").map_or("", |(_, body)| body);
    let mut code = body.lines().map(str::trim).filter(|line| !line.starts_with("//") && *line != "unsafe {");
    code.next().is_some_and(|line| {
        ["guarded(", "guarded_status(", "hash_one("].iter().any(|by| line.starts_with(by))
    })
}

#[test]
fn every_function_catches_panics_and_stands_in_the_header() {
    let header = fs::read_to_string(binding().join("include/shadegrid.h")).unwrap();
    let mut count = 0;
    for path in all_sources() {
        for (name, body) in exported(&fs::read_to_string(&path).unwrap()) {
            assert!(catches(&body), "{name} does not begin with what catches panics");
            assert!(header.contains(&format!(" {name}(")) || header.contains(&format!("*{name}(")), "{name}");
            count += 1;
        }
    }
    assert_eq!(count, 22, "docs/c.md lists them");
}

#[test]
fn a_function_that_does_not_catch_is_seen() {
    let source =
        "#[unsafe(no_mangle)]\npub extern \"C\" fn f(a: u8) -> u8 {\n    // guarded(\n    a + 1\n}\n";
    let [(name, body)] = &exported(source)[..] else { panic!("one function") };
    assert!(name == "f" && !catches(body));
}

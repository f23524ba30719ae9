//! Hash lists as programs and people really write them: nothing in them is lost, nothing is made up, and what cannot be read is reported.
//!
//! One long file, since every case is a few lines of a list and what has to come of it.

use std::io::Write;
use std::path::Path;

use shadegrid::gallery::Entry;
use shadegrid::gallery::lists::{Item, ListFormat, read};
use shadegrid::{Error, Pdq, PhotoDna};

/// Distinct signatures that look as if pictures had made them.
fn photodna(seed: u8) -> PhotoDna {
    PhotoDna(std::array::from_fn(|k| (k as u8).wrapping_mul(37).wrapping_add(seed.wrapping_mul(91)) % 148))
}

fn pdq(seed: u8) -> Pdq {
    Pdq(std::array::from_fn(|k| (k as u8).wrapping_mul(29).wrapping_add(seed.wrapping_mul(53))))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a list gave.
#[derive(Debug, Default)]
struct Given {
    entries: Vec<Entry>,
    removed: Vec<String>,
    without: usize,
    /// Positions and reasons of what is bad or odd.
    problems: Vec<(u64, String)>,
    error: Option<Error>,
}

impl Given {
    /// Signatures of both kinds.
    fn signatures(&self) -> usize {
        let count = |entry: &Entry| usize::from(entry.photodna.is_some()) + usize::from(entry.pdq.is_some());
        self.entries.iter().map(count).sum()
    }

    fn keys(&self) -> Vec<&str> {
        self.entries.iter().map(|entry| entry.key.as_str()).collect()
    }

    /// Nothing was lost and nothing had to be reported.
    fn is_clean(&self) -> bool {
        self.problems.is_empty() && self.error.is_none()
    }

    fn message(&self) -> String {
        self.error.as_ref().map(ToString::to_string).unwrap_or_default()
    }
}

fn given_as(name: &str, content: &[u8], format: Option<ListFormat>) -> Given {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    given_at(&path, format)
}

fn given_at(path: &Path, format: Option<ListFormat>) -> Given {
    let mut given = Given::default();
    let outcome = read(path, format, &mut |_, item| {
        match item {
            Item::Entry(entry) => given.entries.push(entry),
            Item::Removed { key } => given.removed.push(key),
            Item::WithoutSignature { .. } => given.without += 1,
            Item::Odd { position, reason } | Item::Bad { position, reason } => {
                given.problems.push((position, reason));
            }
            other => panic!("{other:?}"),
        }
        Ok(())
    });
    given.error = outcome.err();
    given
}

fn given(name: &str, content: impl AsRef<[u8]>) -> Given {
    given_as(name, content.as_ref(), None)
}

/// A table of so many rows, each with a key and both signatures; `label` makes the label of a row.
fn table(rows: u8, label: impl Fn(u8) -> String) -> String {
    let row = |n: u8| format!("id{n},{},{},{}\n", photodna(n), pdq(n), label(n));
    format!("id,photodna,pdq,label\n{}", (0..rows).map(row).collect::<String>())
}

#[test]
fn a_quote_that_is_never_closed_swallows_no_row() {
    let odd: [(&str, &[u8]); 5] = [
        ("\"six inch", &[2]),
        ("\"six inch", &[2, 9, 23]),
        ("\"Joe\" Smith, the", &[5]),
        ("5\" by 7\"", &[1, 2]),
        ("\"", &[0, 1]),
    ];
    for (label, rows) in odd {
        let list = table(24, |n| if rows.contains(&n) { label.to_string() } else { "x".to_string() });
        let given = given("list.csv", list.replace("Smith, the", "Smith the"));
        assert_eq!((given.entries.len(), given.signatures()), (24, 48), "{label:?}");
        assert!(given.is_clean(), "{label:?}: {:?}", given.problems);
    }
    // The other way round: what is quoted rightly stays one, over lines too.
    let list = table(3, |n| if n == 1 { "\"two\nlines, and \"\"words\"\"\"".into() } else { "x".into() });
    let given = given("list.csv", list);
    assert_eq!((given.entries.len(), given.entries[1].label.as_str()), (3, "two\nlines, and \"words\""));
}

#[test]
fn the_row_of_names_may_stand_among_the_first_lines() {
    let table = table(5, |_| "x".into());
    let (names, rows) = table.split_once('\n').unwrap();
    let semicolons = table.replace(',', ";");
    for (what, list) in [
        ("comments", format!("# exported\n#restricted\n\n{table}")),
        ("a title", format!("Hash export, 2024\nfor internal use\n{table}")),
        ("a line for spreadsheets", format!("sep=;\n{semicolons}")),
        ("the same quoted, and old line ends", format!("\"sep=;\"\r{}", semicolons.replace('\n', "\r"))),
        ("the names in a comment", format!("#{names}\n{rows}")),
        ("tabs", table.replace(',', "\t")),
        ("bars", table.replace(',', "|")),
        ("a row of names for each part", format!("{table}{names}\n")),
    ] {
        let given = given("list.csv", &list);
        assert_eq!((given.entries.len(), given.signatures()), (5, 10), "{what}: {}", given.message());
        assert_eq!((given.entries[3].key.as_str(), given.entries[3].label.as_str()), ("id3", "x"), "{what}");
        assert!(given.is_clean(), "{what}: {:?}", given.problems);
    }
    // The second part of a list may have other columns.
    let list = format!("{table}pdq,id\n{},other\n", pdq(77));
    let given = given("list.csv", list);
    assert_eq!(
        (given.entries.len(), given.entries[5].key.as_str(), given.entries[5].pdq),
        (6, "other", Some(pdq(77)))
    );
}

#[test]
fn a_table_without_names_loses_no_row() {
    let table = table(4, |_| "x".into());
    let rows = table.split_once('\n').unwrap().1;
    for name in ["list.csv", "list.txt"] {
        for list in [rows.to_string(), rows.replace(',', ";"), rows.replace(',', "\t")] {
            let given = given(name, &list);
            assert_eq!((given.entries.len(), given.signatures()), (4, 8), "{name}: {:?}", given.problems);
            assert_eq!((given.entries[0].key.as_str(), given.entries[0].label.as_str()), ("id0", "x"));
            assert!(given.is_clean(), "{:?}", given.problems);
        }
    }
    let named = given_as("list.csv", rows.as_bytes(), Some(ListFormat::Csv));
    assert_eq!((named.entries.len(), named.signatures()), (4, 8));
    // What is not a signature is reported.
    let given = given("list.csv", format!("name,something\n{rows}"));
    assert_eq!((given.entries.len(), given.problems.len(), given.problems[0].0), (4, 1, 1));
}

#[test]
fn odd_neighbours_cost_no_signature() {
    let (p, q) = (photodna(1), pdq(1));
    for absent in ["NULL", "None", "NaN", "nan", "n/a", "N/A", "-", "\\N", "", "null"] {
        let list =
            format!("id,photodna,pdq,quality\na,{absent},{q},80\nb,{p},{absent},80\nc,{p},{q},{absent}\n");
        let given = given("list.csv", list);
        assert_eq!((given.entries.len(), given.signatures()), (3, 4), "{absent}");
        assert_eq!(given.entries[2].quality, None, "{absent}");
        assert!(given.is_clean(), "{absent}: {:?}", given.problems);
    }
    for (quality, read) in [("100.0", Some(100)), ("80", Some(80)), ("79.6", Some(80)), ("1e2", Some(100))] {
        let given = given("list.csv", format!("id,pdq,quality\na,{q},{quality}\n"));
        assert_eq!((given.entries[0].quality, given.is_clean()), (read, true), "{quality}");
    }
    // What says something else is reported, and the signature is there without it.
    for quality in ["101", "-1", "good", "8O"] {
        let given = given("list.csv", format!("id,pdq,quality\na,{q},{quality}\nb,{q},7\n"));
        assert_eq!((given.entries.len(), given.entries[0].quality), (2, None), "{quality}");
        assert_eq!((given.problems.len(), given.problems[0].0), (1, 2), "{quality}");
        assert!(!given.problems[0].1.contains(quality), "the content is not printed");
    }
    let given = given("list.csv", format!("id,photodna,pdq\na,rubbish,{q}\nb,{p},{q}\n"));
    assert_eq!((given.signatures(), given.problems.len(), given.problems[0].0), (3, 1, 2));
}

#[test]
fn a_row_with_too_many_fields_keeps_its_signature_and_is_reported() {
    let list = format!("id,label,pdq\na,one,two,{}\nb,x,{},\nc,x,{},y,z\n", pdq(1), pdq(2), pdq(3));
    let given = given("list.csv", list);
    assert_eq!(
        given.entries.iter().map(|entry| entry.pdq).collect::<Vec<_>>(),
        [1, 2, 3].map(|n| Some(pdq(n)))
    );
    assert_eq!(given.keys(), ["a", "b", "c"]);
    assert_eq!(given.problems.iter().map(|problem| problem.0).collect::<Vec<_>>(), [2, 4]);
}

/// Every way to write a signature that leaves no doubt about its bytes.
#[test]
fn signatures_in_every_spelling() {
    let p = photodna(3);
    let numbers = p.0.map(|value| value.to_string());
    let text = p.to_string();
    let wrapped: Vec<&str> = text.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    for spelling in [
        format!("\"{}\"", wrapped.join("\n")),
        format!("\"{}\"", wrapped.join("\r\n")),
        format!("\"[{}]\"", numbers.join(", ")),
        format!("\"[{} {}]\"", numbers[..70].join("  "), numbers[70..].join(" ")),
        format!("\"[{}\n {}]\"", numbers[..70].join(" "), numbers[70..].join(" ")),
        format!("\"{}\"", numbers.join(",")),
        format!("0x{}", hexadecimal(&p.0)),
        format!("\\x{}", hexadecimal(&p.0)),
        hexadecimal(&p.0).to_uppercase(),
        text.replace('+', "-").replace('/', "_"),
        format!("photodna:{text}"),
    ] {
        let given = given("list.csv", format!("id,photodna\na,{spelling}\nb,{spelling}\n"));
        let read: Vec<_> = given.entries.iter().map(|entry| (entry.key.as_str(), entry.photodna)).collect();
        assert_eq!(read, [("a", Some(p)), ("b", Some(p))], "{spelling}");
        assert!(given.is_clean(), "{spelling}: {:?}", given.problems);
    }
    for line in [
        format!("[{}],key", numbers.join(", ")),
        format!("{},key", numbers.join(",")),
        format!("\"{text}\",key"),
    ] {
        let given = given("list.txt", format!("{line}\n"));
        assert_eq!((given.entries.len(), given.entries[0].key.as_str()), (1, "key"), "{line}");
    }
    let json = format!("[{{\"photodna\":[{}]}},{{\"hash\":[{}.0]}}]", numbers.join(","), numbers.join(".0,"));
    assert_eq!(given("list.json", json).signatures(), 2);
}

#[test]
fn several_values_of_a_record_are_all_entries() {
    let (a, b, c) = (pdq(1), pdq(2), pdq(3));
    for between in [";", "|", " ", "; ", "\n", ","] {
        let list = format!("id,pdq\nk,\"{a}{between}{b}{between}{c}\"\nl,{a}\n");
        let given = given("list.csv", list);
        assert_eq!(
            given.entries.iter().map(|entry| entry.pdq).collect::<Vec<_>>(),
            [a, b, c, a].map(Some),
            "{between:?}"
        );
        assert_eq!(given.keys(), ["k", "k", "k", "l"], "{between:?}");
        assert!(given.is_clean(), "{between:?}: {:?}", given.problems);
    }
    let columns = given("list.csv", format!("id,pdq,pdq,hash\nk,{a},{b},{c}\n"));
    assert_eq!((columns.entries.len(), columns.keys()), (3, vec!["k"; 3]));
    // Good ones next to a bad one.
    let mixed = given("list.csv", format!("id,pdq\nk,{a};rubbish;{b}\n"));
    assert_eq!((mixed.entries.len(), mixed.problems.len()), (2, 1));

    let p = photodna(9);
    for (what, json, signatures) in [
        ("an array", format!("{{\"id\":7,\"pdq\":[\"{a}\",\"{b}\",\"{c}\"]}}"), 3),
        ("the key behind it", format!("{{\"pdq\":[\"{a}\",\"{b}\"],\"id\":7}}"), 2),
        ("two names", format!("{{\"id\":7,\"pdq\":\"{a}\",\"pdq_hash\":\"{b}\"}}"), 2),
        ("a name twice", format!("{{\"id\":7,\"pdq\":\"{a}\",\"pdq\":\"{b}\"}}"), 2),
        (
            "an object",
            format!("{{\"id\":7,\"hashes\":{{\"md5\":\"00\",\"pdq\":\"{a}\",\"photodna\":\"{p}\"}}}}"),
            2,
        ),
        (
            "objects",
            format!(
                "{{\"id\":7,\"hashes\":[{{\"type\":\"pdq\",\"value\":\"{a}\"}},{{\"type\":\"PhotoDNA\",\"value\":\"{p}\"}}]}}"
            ),
            2,
        ),
        (
            "more objects",
            format!(
                "{{\"id\":7,\"signatures\":[{{\"name\":\"pdq\",\"hash\":\"{a}\"}},{{\"name\":\"pdq\",\"hash\":\"{b}\"}}]}}"
            ),
            2,
        ),
        (
            "deeper",
            format!(
                "{{\"id\":7,\"image\":{{\"frames\":[{{\"pdq\":{{\"hash\":\"{a}\",\"quality\":90}}}},{{\"pdq\":\"{b}\"}}]}}}}"
            ),
            2,
        ),
        (
            "further digests",
            format!(
                "{{\"MediaID\":7,\"PhotoDNA\":\"{p}\",\"AlternativeHashes\":[{{\"HashName\":\"PhotoDNA\",\"HashValue\":\"{p}\"}},{{\"HashName\":\"PDQ\",\"HashValue\":\"{a}\"}},{{\"HashName\":\"SHA256\",\"HashValue\":\"{b}\"}}]}}"
            ),
            2,
        ),
    ] {
        for (name, json) in [
            ("list.json", format!("[{json}]")),
            ("list.json", format!("{{\"value\":[\n{json}]}}")),
            ("list.jsonl", format!("{json}\n{json}\n")),
        ] {
            let given = given(name, &json);
            let records = if name == "list.jsonl" { 2 } else { 1 };
            assert_eq!(given.signatures(), records * signatures, "{what} in {json}");
            assert!(given.keys().iter().all(|key| *key == "7"), "{what}: {:?}", given.keys());
            assert!(given.is_clean(), "{what}: {:?}", given.problems);
        }
    }
    // Of both kinds one each are one entry.
    let one =
        given("list.json", format!("[{{\"id\":7,\"hashes\":{{\"pdq\":\"{a}\",\"photodna\":\"{p}\"}}}}]"));
    assert_eq!((one.entries.len(), one.entries[0].pdq, one.entries[0].photodna), (1, Some(a), Some(p)));
    // Qualities one by one.
    let given = given("list.json", format!("[{{\"id\":7,\"pdq\":[\"{a}\",\"{b}\"],\"quality\":[90,20]}}]"));
    assert_eq!(given.entries.iter().map(|entry| entry.quality).collect::<Vec<_>>(), [Some(90), Some(20)]);
}

#[test]
fn more_values_than_are_held_at_once() {
    let values: Vec<String> = (0..9000u32).map(|n| format!("\"{:064x}\"", u128::from(n) << 90 | 1)).collect();
    for json in [
        format!("[{}]", values.join(",")),
        format!("{{\"id\":\"k\",\"pdq\":[{}]}}", values.join(",")),
        format!("{{\"id\":\"k\",\"data\":[{{\"hash\":{}}}]}}", values.join("},{\"hash\":")),
    ] {
        let given = given("list.json", json);
        assert_eq!((given.entries.len(), given.is_clean()), (9000, true));
    }
}

#[test]
fn every_encoding_gives_the_same_entries() {
    let (p, q) = (photodna(1), pdq(1));
    let lists = [
        ("list.csv", format!("id,photodna,pdq,label\nk,{p},{q},M\u{fc}ller\nl,{p},,\u{fc}\n")),
        ("list.txt", format!("{p},k,M\u{fc}ller\n{p},l,\u{fc}\n")),
        (
            "list.jsonl",
            format!(
                "{{\"id\":\"k\",\"photodna\":\"{p}\",\"label\":\"M\u{fc}ller\"}}\n{{\"id\":\"l\",\"photodna\":\"{p}\"}}\n"
            ),
        ),
        (
            "list.json",
            format!(
                "{{\"value\":[{{\"id\":\"k\",\"photodna\":\"{p}\",\"label\":\"M\u{fc}ller\"}},\n{{\"id\":\"l\",\"pdq\":\"{q}\"}}]}}"
            ),
        ),
        (
            "list.xml",
            format!(
                "<?xml version=\"1.0\"?><q><image><id>k</id><classification>M\u{fc}ller</classification><fingerprints><pdna>{p}</pdna></fingerprints></image><image><id>l</id><fingerprints><pdq>{q}</pdq></fingerprints></image></q>"
            ),
        ),
    ];
    for (name, list) in lists {
        let units: Vec<u16> = list.encode_utf16().collect();
        let little = |units: &[u16]| units.iter().flat_map(|unit| unit.to_le_bytes()).collect::<Vec<u8>>();
        let big = |units: &[u16]| units.iter().flat_map(|unit| unit.to_be_bytes()).collect::<Vec<u8>>();
        let marked = [&[0xfeff], units.as_slice()].concat();
        let expected = given(name, &list);
        assert_eq!(
            (expected.entries.len(), expected.entries[0].label.as_str()),
            (2, "M\u{fc}ller"),
            "{name}"
        );
        for (encoding, bytes) in [
            ("UTF-8 with a mark", format!("\u{feff}{list}").into_bytes()),
            ("UTF-16", little(&marked)),
            ("UTF-16, big end first", big(&marked)),
            ("UTF-16 without a mark", little(&units)),
            ("UTF-16 without a mark, big end first", big(&units)),
            ("Windows-1252", list.chars().map(|c| c as u8).collect()),
        ] {
            let given = given(name, &bytes);
            assert_eq!(given.entries, expected.entries, "{name} in {encoding}: {}", given.message());
            assert!(given.is_clean(), "{name} in {encoding}: {:?}", given.problems);
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        archive.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[test]
fn packed_lists_are_read() {
    let list = table(200, |n| format!("label {n}"));
    let expected = given("list.csv", &list).entries;
    assert_eq!(expected.len(), 200);
    let (first, second) = list.split_at(list.len() / 3);
    let zstandard = |bytes: &[u8]| zstd::encode_all(bytes, 1).unwrap();
    let skippable = [b"\x5a\x2a\x4d\x18\x04\0\0\0abcd".to_vec(), zstandard(list.as_bytes())].concat();
    for (name, bytes) in [
        ("list.csv.gz", gzip(list.as_bytes())),
        ("no name that says so", gzip(list.as_bytes())),
        ("two parts.gz", [gzip(first.as_bytes()), gzip(second.as_bytes())].concat()),
        ("list.csv.zst", zstandard(list.as_bytes())),
        ("two parts.zst", [zstandard(first.as_bytes()), zstandard(second.as_bytes())].concat()),
        ("skippable.zst", skippable),
        ("list.zip", zip(&[("list.csv", list.as_bytes())])),
        ("packed twice.zip", zip(&[("folder/list.csv.gz", &gzip(list.as_bytes()))])),
        (
            "of a Macintosh.zip",
            zip(&[("list.csv", list.as_bytes()), ("__MACOSX/._list.csv", b"\0\x05\x16\x07")]),
        ),
    ] {
        let given = given(name, &bytes);
        assert_eq!(given.entries, expected, "{name}: {}", given.message());
        assert!(given.is_clean(), "{name}: {:?}", given.problems);
    }
    let text = format!("{},k\n", pdq(1));
    let given = given(
        "all.zip",
        zip(&[
            ("a.csv", list.as_bytes()),
            ("b.pdq", text.as_bytes()),
            ("logo.png", b"\x89PNG\r\n\x1a\n...."),
        ]),
    );
    assert_eq!((given.entries.len(), given.problems.len()), (201, 1), "what is no list is reported");
    assert!(given.problems[0].1.contains("a PNG picture"), "{:?}", given.problems);
    assert!(given.error.is_none());
}

#[test]
fn a_packed_list_that_breaks_off_is_reported() {
    let list = table(200, |n| format!("label {n}"));
    for packed in
        [gzip(list.as_bytes()), zstd::encode_all(list.as_bytes(), 1).unwrap(), zip(&[("a", list.as_bytes())])]
    {
        for end in [packed.len() / 4, packed.len() / 2, packed.len() - 9] {
            let given = given("list", &packed[..end]);
            assert!(matches!(given.error, Some(Error::Corrupt { .. })), "cut at {end}: {}", given.message());
            assert!(given.entries.len() < 200 || given.error.is_some());
        }
        let mut damaged = packed.clone();
        damaged[packed.len() / 2..][..40].fill(0x5a);
        assert!(given("list", &damaged).error.is_some());
    }
}

#[test]
fn bytes_are_no_signatures_because_their_number_divides() {
    let random = |length: usize| {
        (0..length).map(|i| (i as u32).wrapping_mul(2_654_435_761).to_be_bytes()[1]).collect::<Vec<u8>>()
    };
    let with = |start: &[u8], length: usize| [start, &random(length - start.len())].concat();
    for (name, bytes, kind) in [
        ("photo.jpg", with(b"\xff\xd8\xff\xe0\0\x10JFIF", 288 * 20), "JPEG"),
        ("a.pdf", with(b"%PDF-1.4\n", 288), "PDF"),
        ("a.png", with(b"\x89PNG\r\n\x1a\n", 64), "PNG"),
        ("a.webp", with(b"RIFF\0\0\0\0WEBP", 1440), "WebP"),
        ("known.gallery", with(b"SHADEGAL", 6400), "gallery"),
        ("a.xz", with(b"\xfd7zXZ\0", 144), "xz"),
        ("a.bin", random(32 * 7), "binary"),
        ("photodna.bin", random(144), "binary"),
        ("pdq.bin", random(288), "binary"),
        ("zeros", vec![0; 4608], "binary"),
        ("a.html", b"<!DOCTYPE html><html><body>Sign in</body></html>".to_vec(), "web page"),
        ("empty", Vec::new(), "empty"),
    ] {
        let given = given(name, &bytes);
        assert!(matches!(given.error, Some(Error::Input(_))), "{name}: {:?}", given.error);
        assert!(given.message().contains(kind), "{name}: {}", given.message());
        assert_eq!((given.entries.len(), given.problems.len(), given.without), (0, 0, 0), "{name}");
    }
    let sheet = given("list.xlsx", zip(&[("[Content_Types].xml", b"<x/>"), ("xl/workbook.xml", b"<x/>")]));
    assert!(sheet.message().contains("spreadsheet") && sheet.entries.is_empty());
    // Named, they are.
    let bytes: Vec<u8> = (0..5).flat_map(|n| pdq(n).0).collect();
    assert_eq!(given_as("a.bin", &bytes, Some(ListFormat::BinaryPdq)).entries.len(), 5);
    let packed = given_as("a.bin.gz", &gzip(&bytes), Some(ListFormat::BinaryPdq));
    assert_eq!(packed.entries.len(), 5);
    // Bare signatures may begin with any bytes.
    let lookalike = with(b"\x1f\x8b\x08", 64);
    assert_eq!(given_as("a.bin", &lookalike, Some(ListFormat::BinaryPdq)).entries.len(), 2);
    let cut = given_as("a.bin", &bytes[..100], Some(ListFormat::BinaryPdq));
    assert!(matches!(cut.error, Some(Error::Corrupt { .. })), "{:?}", cut.error);
}

/// Pages of ThreatExchange as its documentation and Meta's own client have them.
#[test]
fn pages_of_threatexchange() {
    let update = |n: u8, deleted: &str| {
        format!(
            "{{\"id\":\"{n}\",\"indicator\":\"{}\",\"type\":\"HASH_PDQ\",\"last_updated\":1700000000,\"should_delete\":{deleted},\"descriptors\":{{\"data\":[{{\"id\":\"9{n}\",\"status\":\"MALICIOUS\",\"tags\":[\"media_type_photo\"],\"reactions\":[{{\"key\":\"HELPFUL\",\"value\":\"1,2\"}}],\"owner\":{{\"id\":\"1\",\"name\":\"An owner\"}}}}]}}}}",
            pdq(n)
        )
    };
    let updates: Vec<String> =
        (1..=6).map(|n| update(n, if n % 3 == 0 { "true" } else { "false" })).collect();
    let paging = "\"paging\":{\"cursors\":{\"after\":\"xyz\"},\"next\":\"https://graph/?after=xyz\"}";
    let page = |records: &[String]| format!("{{\"data\":[{}],{paging}}}", records.join(","));
    let mut forms = vec![
        ("one line", page(&updates)),
        ("lines of pages", format!("{}\n{}\n", page(&updates[..2]), page(&updates[2..]))),
        (
            "pages behind each other",
            format!("{}\n\n{}", page(&updates[..2]).replace(":[", ":\n["), page(&updates[2..])),
        ),
        ("lines of records", updates.join("\n")),
        ("an array", format!("[{}]", updates.join(","))),
        (
            "a map by id",
            format!(
                "{{{}}}",
                updates.iter().map(|one| format!("\"1{}\":{one}", &one[7..8])).collect::<Vec<_>>().join(",")
            ),
        ),
    ];
    forms.push(("indented", page(&updates).replace('{', "{\n  ").replace("},", "},\n")));
    for (what, text) in forms {
        let given = given("page.json", &text);
        assert_eq!(given.keys(), ["1", "2", "4", "5"], "{what}: {}", given.message());
        assert_eq!(
            given.entries.iter().map(|entry| entry.pdq).collect::<Vec<_>>(),
            [1, 2, 4, 5].map(|n| Some(pdq(n)))
        );
        assert_eq!(given.removed, ["3", "6"], "{what}");
        assert!(given.is_clean(), "{what}: {:?}", given.problems);
        assert_eq!(given.without, 0, "{what}");
    }
    let descriptor = |n: u8, kind: &str, value: &str| {
        format!(
            "{{\"id\":\"{n}\",\"raw_indicator\":\"{value}\",\"type\":\"{kind}\",\"indicator\":{{\"indicator\":\"{value}\",\"type\":\"{kind}\",\"id\":\"84{n}\"}},\"owner\":{{\"id\":\"682\",\"email\":\"a@b\",\"name\":\"N\"}},\"status\":\"MALICIOUS\",\"tags\":{{\"data\":[{{\"id\":\"90\",\"text\":\"evil\"}}]}}}}"
        )
    };
    let records = [
        descriptor(1, "HASH_PDQ", &pdq(1).to_string()),
        descriptor(2, "HASH_PHOTODNA", &photodna(2).to_string()),
        descriptor(3, "HASH_SHA256", &pdq(3).to_string()),
        descriptor(4, "URI", "https://example.org/x"),
    ];
    for text in [page(&records), records.join("\n")] {
        let given = given("descriptors.json", &text);
        assert_eq!(
            (given.keys(), given.signatures()),
            (vec!["1", "2"], 2),
            "one for each, by its own id: {text}"
        );
        assert_eq!((given.without, given.is_clean()), (2, true), "{:?}", given.problems);
    }
    // Asked for by ids, with no id inside.
    let map = format!(
        "{{\"990927\":{{\"raw_indicator\":\"{}\",\"type\":\"HASH_PDQ\"}},\"5\":{{\"raw_indicator\":\"{}\",\"type\":\"HASH_MD5\"}}}}",
        pdq(1),
        "0".repeat(32)
    );
    assert_eq!(given("map.json", map).keys(), ["990927"]);
    // A tombstone that names nothing is reported.
    let nameless = format!(
        "[{{\"indicator\":\"{}\",\"type\":\"HASH_PDQ\",\"should_delete\":true}},{}]",
        pdq(1),
        update(2, "false")
    );
    let given = given("page.json", nameless);
    assert_eq!((given.keys(), given.problems.len()), (vec!["2"], 1));
}

#[test]
fn records_of_stopncii() {
    let record = |n: u8, status: &str, kind: &str| {
        format!(
            "{{\"lastModtimestamp\":1,\"hashValue\":\"{}\",\"hashStatus\":\"{status}\",\"caseNumbers\":{{\"2-7\":\"Received\"}},\"signalType\":\"{kind}\",\"CSPFeedbacks\":[{{\"source\":\"F\",\"feedbackValue\":\"Blocked\",\"tags\":[\"T\"]}}]}}",
            pdq(n)
        )
    };
    let records = [
        record(1, "Received", "ImagePDQ"),
        record(2, "Active", "ImagePDQ"),
        record(3, "Withdrawn", "ImagePDQ"),
        record(4, "Active", "VideoMD5"),
    ];
    let given = given(
        "page.json",
        format!(
            "{{\"count\":4,\"nextPageToken\":\"W3==\",\"hasMoreRecords\":false,\"hashRecords\":[{}]}}",
            records.join(",")
        ),
    );
    assert_eq!(given.entries.iter().map(|entry| entry.pdq).collect::<Vec<_>>(), [1, 2].map(|n| Some(pdq(n))));
    assert_eq!(
        given.problems.len(),
        1,
        "what is withdrawn is not live, and as it has no id that is reported"
    );
}

#[test]
fn entries_of_ncmec_are_their_own_members() {
    let other = "<feedback lastUpdateTimestamp=\"x\"><negativeFeedback type=\"PDNA\"><reasons><reason guid=\"g\" name=\"r\"/><members timestamp=\"x\"><member id=\"7\">Other</member><id>not this</id></members></reasons></negativeFeedback></feedback>";
    let image = |n: u8, before: &str, behind: &str| {
        format!(
            "<image>{before}<member id=\"42\">Org</member><timestamp>x</timestamp><id>i{n}</id><classification>A1</classification><fingerprints><md5>{n:032x}</md5><pdna>\n{}\n</pdna><pdq>{}</pdq></fingerprints>{behind}</image>",
            photodna(n),
            pdq(n)
        )
    };
    let list = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><queryResult xmlns=\"https://hashsharing.ncmec.org/hashsharing/v2\"><images count=\"4\">{}{}{}<deletedImage><member id=\"42\">Org</member><id>i1</id><timestamp>x</timestamp></deletedImage></images><videos><video><member id=\"42\"/><id>v1</id><fingerprints><md5>0</md5><tmk-pdqf rel=\"self\" href=\"/x\"/></fingerprints></video><deletedVideo><member id=\"42\"/><id>v0</id></deletedVideo></videos><paging><next>/v2</next></paging></queryResult>",
        image(1, "", other),
        image(2, other, ""),
        image(3, "", "<feedback/>"),
    );
    for list in [list.clone(), list.replace("><", ">\n  <")] {
        let given = given("list.xml", &list);
        assert_eq!(given.keys(), ["42/i1", "42/i2", "42/i3"]);
        assert_eq!(
            (given.signatures(), given.removed.clone()),
            (6, vec!["42/i1".to_string(), "42/v0".to_string()])
        );
        assert_eq!((given.without, given.is_clean()), (1, true), "the video has no signature of a picture");
    }
    let twice = given(
        "list.xml",
        format!(
            "<q><image><member id=\"1\"/><id>a</id><fingerprints><pdq>{}</pdq><pdq>{}</pdq><pdna>{}</pdna></fingerprints></image></q>",
            pdq(1),
            pdq(2),
            photodna(1)
        ),
    );
    assert_eq!((twice.keys(), twice.signatures()), (vec!["1/a"; 2], 3));
}

#[test]
fn json_as_programs_write_it() {
    let (p, q) = (photodna(1), pdq(1));
    for (what, json, keys) in [
        (
            "a lone surrogate",
            format!(
                "{{\"value\":[{{\"id\":\"a\",\"pdq\":\"{q}\",\"MediaFiles\":[{{\"FileName\":\"\\ud83d.jpg\"}}]}},{{\"id\":\"b\\udc00\",\"pdq\":\"{q}\"}}]}}"
            ),
            vec!["a", "b\u{fffd}"],
        ),
        (
            "two of them",
            format!("[{{\"id\":\"\\ud83d\\ud83d\\ude00\",\"pdq\":\"{q}\"}}]"),
            vec!["\u{fffd}\u{1f600}"],
        ),
        (
            "Python's words",
            format!(
                "[{{\"id\":\"a\",\"quality\":NaN,\"pdq\":\"{q}\",\"x\":Infinity,\"y\":-Infinity}},{{\"id\":\"b\",\"photodna\":None,\"pdq\":\"{q}\",\"flag\":True}}]"
            ),
            vec!["a", "b"],
        ),
        (
            "commas too many",
            format!("[{{\"id\":\"a\",\"pdq\":\"{q}\",}},{{\"id\":\"b\",\"pdq\":[\"{q}\",],}},]"),
            vec!["a", "b"],
        ),
        ("a line end in a text", format!("[{{\"id\":\"a\nb\",\"pdq\":\"{q}\"}}]"), vec!["a\nb"]),
        (
            "documents behind each other",
            format!(
                "{{\"id\":\"a\",\n\"pdq\":\"{q}\"}}\n{{\"id\":\"b\",\n\"pdq\":\"{q}\"}}\n[{{\"id\":\"c\",\"pdq\":\"{q}\"}}]"
            ),
            vec!["a", "b", "c"],
        ),
        (
            "a map by names",
            format!("{{\"a.jpg\":{{\"pdq\":\"{q}\",\"quality\":90}},\"b.jpg\":{{\"photodna\":\"{p}\"}}}}"),
            vec!["a.jpg", "b.jpg"],
        ),
        (
            "a map by an algorithm's name",
            format!(
                "{{\"pdq\":{{\"a.jpg\":\"{q}\",\"note\":\"x\",\"b.jpg\":\"{q}\"}},\"photodna\":{{\"c.jpg\":\"{p}\"}}}}"
            ),
            vec!["a.jpg", "b.jpg", "c.jpg"],
        ),
        (
            "a map inside",
            format!("{{\"version\":1,\"files\":{{\"a.jpg\":{{\"pdq\":\"{q}\"}}}}}}"),
            vec!["a.jpg"],
        ),
        (
            "null",
            format!("[{{\"id\":null,\"md5\":\"m\",\"pdq\":\"{q}\",\"photodna\":null,\"quality\":null}}]"),
            vec!["m"],
        ),
        (
            "cases",
            format!(
                "{{\"@odata.context\":\"x\",\"value\":[{{\"CaseID\":\"c\",\"Media\":[{{\"MediaID\":1,\"PhotoDNA\":\"{p}\"}},{{\"MediaID\":2,\"MD5\":\"0\"}}]}}]}}"
            ),
            vec!["1"],
        ),
    ] {
        let given = given("list.json", &json);
        assert_eq!(given.keys(), keys, "{what}: {} {:?}", given.message(), given.problems);
        assert!(given.is_clean(), "{what}: {:?} {}", given.problems, given.message());
    }
    // Lines keep their own company: a broken one costs only itself.
    let lines = format!(
        "{{\"id\":\"a\",\"pdq\":\"{q}\",\"n\":\"\\ud800\"}}\n{{\"id\":\"b\",\"pdq\":\"{q}\"\n{{\"id\":\"c\",\"pdq\":\"{q}\",\"quality\":NaN}}\n"
    );
    let given_lines = given("list.jsonl", lines);
    assert_eq!(
        (given_lines.keys(), given_lines.problems.len(), given_lines.problems[0].0),
        (vec!["a", "c"], 1, 2)
    );
    // A SHA-256 in a place that says nothing is none of ours.
    let digest = given(
        "list.json",
        format!(
            "[{{\"id\":\"a\",\"pdq\":\"{q}\",\"file\":{{\"hash\":\"{}\"}},\"exif\":{{\"value\":\"x\"}}}}]",
            pdq(2)
        ),
    );
    assert_eq!((digest.signatures(), digest.is_clean()), (1, true), "{:?}", digest.problems);
}

#[test]
fn nesting_is_bounded() {
    for (open, close) in [("[", "]"), ("{\"data\":", "}"), ("{\"x\":[", "]}")] {
        let depth = 100_000;
        let given = given("deep.json", format!("{}{}", open.repeat(depth), close.repeat(depth)));
        assert!(matches!(given.error, Some(Error::Corrupt { .. })), "{:?}", given.error);
        assert!(given.message().contains("nested too deeply"), "{}", given.message());
    }
    let given = given("deep.json", format!("{}\"{}\"{}", "[".repeat(100), pdq(1), "]".repeat(100)));
    assert_eq!(given.entries.len(), 1);
}

#[test]
fn a_list_that_gives_nothing_says_what_was_seen() {
    for (name, list, seen) in [
        ("a.csv", "id,md5,sha1\n1,a,b\n2,c,d\n", "id, md5, sha1"),
        ("a.txt", "rubbish\nmore\n", "the first at 1"),
        ("a.json", "{\"items\":[{\"id\":1,\"phash\":\"0011\"}]}", "phash"),
        ("a.json", "[]", "read as json"),
        ("a.json", "[\"x\",\"y\"]", "2 records are bad"),
        ("a.jsonl", "{\"a\":1}\n{\"b\":2}\n", "2 records are without a signature"),
        ("a.xml", "<catalog><book>x</book></catalog>", "catalog, book"),
        ("a.csv", "id,photodna\n", "photodna"),
    ] {
        let given = given(name, list);
        assert!(matches!(given.error, Some(Error::Input(_))), "{list:?}: {:?}", given.error);
        assert_eq!(given.entries.len(), 0);
        assert!(given.message().contains(seen), "{list:?}: {}", given.message());
    }
    // One that only takes back gives something.
    let given = given("a.xml", "<q><deletedImage><member id=\"1\"/><id>a</id></deletedImage></q>");
    assert!(given.error.is_none() && given.removed == ["1/a"]);
}

/// Every format cut at every place: what is whole is given, and the cut is reported unless it falls between lines.
#[test]
fn a_list_that_breaks_off_is_reported() {
    let rows = 1..=6u8;
    let each = |row: &dyn Fn(u8) -> String| rows.clone().map(row).collect::<String>();
    let record =
        |n: u8| format!("{{\"id\":\"k{n}\",\"photodna\":\"{}\",\"pdq\":\"{}\"}}", photodna(n), pdq(n));
    let lists = [
        (
            "list.csv",
            format!("id,photodna,pdq\n{}", each(&|n| format!("k{n},{},{}\n", photodna(n), pdq(n)))),
            true,
        ),
        ("list.txt", each(&|n| format!("{},k{n}\n", photodna(n))), true),
        ("list.jsonl", each(&|n| record(n) + "\n"), true),
        (
            "list.json",
            format!("{{\"data\":[{}]}}", rows.clone().map(record).collect::<Vec<_>>().join(",")),
            false,
        ),
        (
            "list.xml",
            format!(
                "<q>{}</q>",
                each(&|n| format!(
                    "<image><id>k{n}</id><fingerprints><pdna>{}</pdna></fingerprints></image>",
                    photodna(n)
                ))
            ),
            false,
        ),
    ];
    let mut cuts = 0;
    for (name, list, has_lines) in lists {
        let whole = given(name, &list);
        assert_eq!((whole.entries.len(), whole.is_clean()), (6, true), "{name}: {:?}", whole.problems);
        for end in (list.len() / 3..list.len() - 1).step_by(5) {
            let given = given(name, &list[..end]);
            let lines = list[..end].matches('\n').count();
            // A whole row without its line end, or a cut key: nothing shows.
            let may_look_whole = has_lines && given.entries.len() == whole_records(name, lines, &list[..end]);
            assert!(
                given.error.is_some() || may_look_whole,
                "{name} cut at {end}: {} entries",
                given.entries.len()
            );
            assert!(
                given.entries.iter().zip(&whole.entries).all(|(a, b)| a.photodna == b.photodna),
                "{name} cut at {end}"
            );
            assert!(given.entries.len() <= 6);
            cuts += usize::from(given.error.is_some());
        }
    }
    assert!(cuts > 500, "{cuts}");
}

/// Records that are there in full when so many lines are, the last without its end counted where it has every signature.
fn whole_records(name: &str, lines: usize, list: &str) -> usize {
    let last = list.rsplit('\n').next().unwrap();
    let all = match name {
        "list.csv" => last.split(',').nth(2).is_some_and(|pdq| pdq.len() == 64),
        "list.txt" => last.len() >= 192,
        _ => last.ends_with('}'),
    };
    lines - usize::from(name == "list.csv") + usize::from(all)
}

/// A pipe gives a list once: no look ahead loses its head.
#[cfg(target_os = "linux")]
#[test]
fn pipes_are_read_once() {
    use std::os::fd::AsRawFd;
    let record = |n: u32| {
        let hash = format!("{:064x}", u128::from(n) << 70 | 0xffff);
        (format!("k{n}"), hash)
    };
    let all: Vec<(String, String)> = (0..3000).map(record).collect();
    let join = |row: &dyn Fn(&(String, String)) -> String, between: &str| {
        all.iter().map(row).collect::<Vec<_>>().join(between)
    };
    let csv = format!("id,pdq\n{}\n", join(&|(k, h)| format!("{k},{h}"), "\n"));
    let lists = [
        ("csv", csv.clone().into_bytes()),
        ("text", join(&|(k, h)| format!("{h},{k}"), "\n").into_bytes()),
        (
            "json",
            format!("[{}]", join(&|(k, h)| format!("{{\"id\":\"{k}\",\"pdq\":\"{h}\"}}"), ",")).into_bytes(),
        ),
        ("jsonl", join(&|(k, h)| format!("{{\"id\":\"{k}\",\"pdq\":\"{h}\"}}"), "\n").into_bytes()),
        (
            "ncmec",
            format!(
                "<q>{}</q>",
                join(
                    &|(k, h)| format!(
                        "<image><id>{k}</id><fingerprints><pdq>{h}</pdq></fingerprints></image>"
                    ),
                    ""
                )
            )
            .into_bytes(),
        ),
        ("utf-16", format!("\u{feff}{csv}").encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("gzip", gzip(csv.as_bytes())),
        ("zip", zip(&[("list.csv", csv.as_bytes())])),
    ];
    for (what, list) in lists {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let path = format!("/proc/self/fd/{}", reader.as_raw_fd());
        let given = std::thread::scope(|scope| {
            scope.spawn(move || {
                for piece in list.chunks(5000) {
                    writer.write_all(piece).unwrap();
                }
            });
            given_at(Path::new(&path), None)
        });
        assert_eq!(given.entries.len(), 3000, "{what}: {}", given.message());
        assert_eq!(
            (given.entries[0].key.as_str(), given.entries[2999].key.as_str()),
            ("k0", "k2999"),
            "{what}"
        );
        assert!(given.is_clean(), "{what}: {:?}", given.problems);
    }
}

#[test]
fn parquet_with_lists_and_groups() {
    use parquet::data_type::{ByteArray, ByteArrayType, Int32Type};
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;
    let schema = "message m {
        required binary id (UTF8);
        optional group pdq (LIST) { repeated group list { optional binary element (UTF8); } }
        optional group photodna (LIST) { repeated group list { optional int32 element; } }
        optional group found { optional binary pdq (UTF8); optional binary picture; }
    }";
    let schema = std::sync::Arc::new(parse_message_type(schema).unwrap());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, std::sync::Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let text =
        |values: &[String]| values.iter().map(|value| ByteArray::from(value.as_str())).collect::<Vec<_>>();
    let numbers: Vec<i32> = photodna(1).0.iter().map(|value| i32::from(*value)).collect();
    let mut column = group.next_column().unwrap().unwrap();
    column
        .typed::<ByteArrayType>()
        .write_batch(&text(&["a".into(), "b".into(), "c".into()]), None, None)
        .unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let values = text(&[pdq(1).to_string(), pdq(2).to_string()]);
    column.typed::<ByteArrayType>().write_batch(&values, Some(&[3, 3, 0, 1]), Some(&[0, 1, 0, 0])).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let definition = [vec![3; 144], vec![0, 0]].concat();
    let repetition = [vec![0], vec![1; 143], vec![0, 0]].concat();
    column.typed::<Int32Type>().write_batch(&numbers, Some(&definition), Some(&repetition)).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column
        .typed::<ByteArrayType>()
        .write_batch(&text(&[pdq(3).to_string()]), Some(&[0, 2, 0]), None)
        .unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<ByteArrayType>().write_batch(&text(&["x".repeat(32)]), Some(&[0, 2, 0]), None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    let file = writer.into_inner().unwrap();
    for file in [file.clone(), gzip(&file)] {
        let given = given("list.parquet", &file);
        assert_eq!(given.keys(), ["a", "a", "b"], "{}", given.message());
        assert_eq!(
            (given.signatures(), given.without, given.is_clean()),
            (4, 1, true),
            "{:?}",
            given.problems
        );
        assert_eq!((given.entries[0].photodna, given.entries[0].pdq), (Some(photodna(1)), Some(pdq(1))));
    }
}

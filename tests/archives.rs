//! Archives as other programs write, cut, join and pad them: every member that bsdtar gives, and no fault where it sees none.

mod common;

use std::path::Path;

use common::archive::{
    END, code, codes, entry, gzip, message, pax, picture, pictures, records, tar, write, zip,
};
use shadegrid::Limits;
use shadegrid::pipeline::InputOptions;

/// Names and codes of what an archive gives, in short: `name ok`.
fn given(archive: &Path) -> Vec<String> {
    let found = records([archive], &InputOptions::default());
    codes(archive, &found).into_iter().map(|(name, code)| format!("{name} {code}")).collect()
}

/// The first `count` of [`pictures`], all of them fine.
fn fine(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{number}.png ok")).collect()
}

fn with(mut records: Vec<String>, more: &[&str]) -> Vec<String> {
    records.extend(more.iter().map(ToString::to_string));
    records
}

/// A file's entry in a tar with some bytes of its header set, and its checksum right again.
fn odd(name: &[u8], content: &[u8], kind: u8, fields: &[(usize, &[u8])]) -> Vec<u8> {
    let mut bytes = entry(kind, name, content.len() as u64, content);
    for (at, field) in fields {
        bytes[*at..at + field.len()].copy_from_slice(field);
    }
    bytes[148..156].fill(b' ');
    let sum: u32 = bytes[..512].iter().map(|&byte| u32::from(byte)).sum();
    bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    bytes
}

#[test]
fn members_behind_odd_headers_are_given() {
    let folder = tempfile::tempdir().unwrap();
    let png = picture(0);
    let file = |name: &[u8]| entry(b'0', name, png.len() as u64, &png);
    let octal = format!("{:o}", png.len());
    let size = |text: String| text.into_bytes();
    let base_256 = [&[0x80, 0, 0, 0][..], &(png.len() as u64).to_be_bytes()].concat();
    let star: [(usize, &[u8]); 4] =
        [(257, b"ustar\x0000"), (345, b"star"), (476, b"13371337133 "), (488, b"13371337133 ")];
    let old: [(usize, &[u8]); 1] = [(257, &[0; 8])];
    let solaris = pax(&[("path", "solaris.png")]);
    let parts = [
        odd(b"blank", b"", b'0', &[(124, &[b' '; 12])]),
        odd(b"letters.png", &png, b'0', &[(124, &size(format!("{octal:>11}x")))]),
        odd(b"blanks.png", &png, b'0', &[(124, &size(format!("{octal:<12}")))]),
        odd(b"base-256.png", &png, b'0', &[(124, &base_256)]),
        odd(b"old.png", &png, 0, &old),
        odd(b"old-folder/", b"", 0, &old),
        odd(b"name.png", &png, b'0', &star),
        entry(b'A', b"acl", 20, b"1000007\0user::rwx,x"),
        odd(&solaris[..3], &solaris[512..], b'X', &[(124, &solaris[124..136])]),
        file(b"short"),
        entry(b'g', b"global", 12, b"12 comment=\n"),
        entry(b'K', b"long-link", 5, b"link\0"),
        entry(b'D', b"dumped/", 9, b"Yfile\0\0\0\0"),
        // A folder that says how much it may hold, one that holds something, and links with and without content.
        entry(b'5', b"folder/", 4096, b""),
        file(b"a.png"),
        entry(b'5', b"full/", 10, b"0123456789"),
        odd(b"link.png", b"", b'1', &[(124, b"00000001000\0")]),
        file(b"b.png"),
        entry(b'1', b"again.png", png.len() as u64, &png),
        odd(b"sym", b"", b'2', &[(124, b"00000001000\0")]),
        entry(b'N', b"renames", 12, b"Rename a to b"[..12].into()),
        entry(b'M', b"rest.png", png.len() as u64, &png),
        entry(b'Q', b"unknown.png", png.len() as u64, &png),
        END.to_vec(),
    ];
    let archive = write(&folder, "odd.tar", &parts.concat());
    let expected = "blank input, letters.png ok, blanks.png ok, base-256.png ok, old.png ok, star/name.png ok, solaris.png ok, a.png ok, \
                    link.png unsupported, b.png ok, again.png ok, renames input, rest.png unsupported, unknown.png ok";
    assert_eq!(given(&archive).join(", "), expected);
}

#[test]
fn sparse_files_are_hashed_with_their_holes() {
    let folder = tempfile::tempdir().unwrap();
    let png = picture(3);
    // Behind a picture's end come zeros that are no content.
    let (first, rest) = png.split_at(512);
    let whole = [&png[..], &[0; 5000]].concat();
    let octal = |number: usize| format!("{number:011o}\0").into_bytes();
    let map = [octal(0), octal(512), octal(512), octal(rest.len()), octal(whole.len()), octal(0)].concat();
    let old = odd(b"old.png", &png, b'S', &[(386, &map), (483, &octal(whole.len()))]);
    // The map goes on in a block of its own, which stands before the content.
    let mut goes_on =
        odd(b"long.png", &png, b'S', &[(386, &map[..24]), (482, &[1]), (483, &octal(whole.len()))]);
    let mut more = map[24..].to_vec();
    more.resize(512, 0);
    goes_on.splice(512..512, more);
    let length = whole.len().to_string();
    let pieces = format!("0,512,512,{},{length},0", rest.len());
    let sparse = |more: &[(&str, &str)]| {
        let both = [&[("GNU.sparse.name", "maps.png"), ("path", "GNUSparseFile.1/maps.png")], more].concat();
        pax(&both)
    };
    let in_records = sparse(&[
        ("GNU.sparse.size", &length),
        ("GNU.sparse.offset", "0"),
        ("GNU.sparse.numbytes", "512"),
        ("GNU.sparse.offset", "512"),
        ("GNU.sparse.numbytes", &rest.len().to_string()),
    ]);
    let as_map = sparse(&[("GNU.sparse.size", &length), ("GNU.sparse.map", &pieces)]);
    let before =
        sparse(&[("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", &length)]);
    let mut with_map = format!("2\n0\n512\n512\n{}\n", rest.len()).into_bytes();
    with_map.resize(512, 0);
    with_map.extend([first, rest].concat());
    let content = |content: &[u8]| entry(b'0', b"GNUSparseFile.1/maps.png", content.len() as u64, content);
    let hollow = odd(b"hollow.png", &png, b'S', &[(386, &map), (483, &octal(7 << 30))]);
    let parts = [
        old,
        goes_on,
        [in_records, content(&png)].concat(),
        [as_map, content(&png)].concat(),
        [before, content(&with_map)].concat(),
        hollow,
        entry(b'0', b"last.png", whole.len() as u64, &whole),
        END.to_vec(),
    ];
    let archive = write(&folder, "sparse.tar", &parts.concat());
    let found = records([&archive], &InputOptions::default());
    let names: Vec<String> =
        codes(&archive, &found).into_iter().map(|(name, code)| format!("{name} {code}")).collect();
    let expected = "old.png ok, long.png ok, maps.png ok, maps.png#2 ok, maps.png#3 ok, hollow.png unsupported, last.png ok";
    assert_eq!(names.join(", "), expected);
    let (_, last) = found.last().unwrap();
    assert!(
        found.iter().all(|(_, record)| code(record) != "ok" || record == last),
        "other bytes than the file's"
    );
}

#[test]
fn damage_in_a_tar_costs_what_it_hits() {
    let folder = tempfile::tempdir().unwrap();
    let members = pictures(4);
    let file = |number: usize| {
        entry(b'0', members[number].0.as_bytes(), members[number].1.len() as u64, &members[number].1)
    };
    let header = |content: &[u8]| entry(b'x', b"pax", content.len() as u64, content);
    let mut broken = file(1);
    broken[0] ^= 1;
    let zeros = vec![0; broken.len()];
    let nameless = |part: Vec<u8>| [file(0), part, file(2), file(3), END.to_vec()].concat();
    let without = ["0.png ok", "2.png ok", "3.png ok", " corrupt"].map(String::from);
    for (what, tar) in [
        ("a header", nameless(broken)),
        ("what was a member", nameless([&zeros[..512], &[7; 900][..], &[1; 124]].concat())),
    ] {
        assert_eq!(given(&write(&folder, "damaged.tar", &tar)), without, "{what}");
    }
    for records in
        ["13 path=0.png", "14 path=0.png\nrubbish", "99 path=1.png\n", "14 path=0.png\n6 path\n", " "]
    {
        let tar = [header(records.as_bytes()), file(0), file(1), file(2), END.to_vec()].concat();
        let archive = write(&folder, "pax.tar", &tar);
        assert_eq!(given(&archive), with(fine(3), &[" corrupt"]), "{records}");
    }
    // Too large for a description: skipped, and reported.
    let long = entry(b'L', b"long", 2 << 20, &vec![b'n'; 2 << 20]);
    let archive = write(&folder, "long.tar", &[file(0), long, file(1), END.to_vec()].concat());
    assert_eq!(given(&archive), with(fine(2), &[" corrupt"]));
    // What is no tar at its beginning is none.
    let archive = write(&folder, "none.tgz", &gzip(&[&[7; 512][..], &file(0), &END].concat()));
    assert_eq!(given(&archive), [" corrupt"]);
}

#[test]
fn what_follows_an_end_is_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    let plain = tar(&pictures(3));
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 1).unwrap();
    let (half, rest) = plain.split_at(plain.len() / 2);
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0][..], b"size"].concat();
    let packed = [
        ("a.tar", plain.clone()),
        ("b.tar.gz", gzip(&plain)),
        ("c.tar.gz", [gzip(half), gzip(rest)].concat()),
        ("d.tar.zst", zstd(&plain)),
        ("e.tar.zst", [skippable.clone(), zstd(half), skippable, zstd(rest)].concat()),
        ("f.zip", zip(&pictures(3))),
    ];
    for (name, bytes) in packed {
        for behind in [&b""[..], &[0; 700], &[0; 20_480], b"signed by somebody", &[0xff; 3000]] {
            let archive = write(&folder, name, &[&bytes[..], behind].concat());
            assert_eq!(given(&archive), fine(3), "{name} and {} bytes", behind.len());
        }
        // But what breaks off is one.
        let archive = write(&folder, name, &bytes[..bytes.len() * 2 / 3]);
        assert_eq!(given(&archive).last().unwrap(), " corrupt", "{name}");
    }
}

/// Writes zips as programs do that write to a pipe.
struct Zip {
    bytes: Vec<u8>,
    directory: Vec<u8>,
    entries: u16,
}

/// How a member is written.
#[derive(Clone, Copy)]
struct Way {
    deflated: bool,
    /// Sizes behind the content rather than before it, with the mark of a descriptor or without.
    descriptor: Option<bool>,
    /// Sizes of 64 bits.
    is_64: bool,
}

const PLAIN: Way = Way { deflated: false, descriptor: None, is_64: false };

impl Zip {
    fn new() -> Zip {
        Zip { bytes: Vec::new(), directory: Vec::new(), entries: 0 }
    }

    fn add(&mut self, name: &str, content: &[u8], way: Way) -> &mut Zip {
        let packed = match way.deflated {
            true => {
                let mut encoder = flate2::read::DeflateEncoder::new(content, flate2::Compression::fast());
                let mut packed = Vec::new();
                std::io::Read::read_to_end(&mut encoder, &mut packed).unwrap();
                packed
            }
            false => content.to_vec(),
        };
        let crc = crc32fast::hash(content);
        let (start, size, length) = (self.bytes.len() as u64, packed.len() as u64, content.len() as u64);
        let flags = if way.descriptor.is_some() { 8u16 } else { 0 };
        let method = if way.deflated { 8u16 } else { 0 };
        let short = |number: u64| if way.is_64 { u32::MAX } else { number as u32 };
        let fields = |has_sizes: bool, extra: usize| {
            let mut fields = [20u16, flags, method, 0, 0].map(u16::to_le_bytes).concat();
            let numbers = if has_sizes { [crc, short(size), short(length)] } else { [0, short(0), short(0)] };
            fields.extend(numbers.map(u32::to_le_bytes).concat());
            fields.extend([name.len() as u16, extra as u16].map(u16::to_le_bytes).concat());
            fields
        };
        let extra = |numbers: &[u64]| {
            let mut extra = Vec::new();
            if way.is_64 {
                extra.extend([1u16, numbers.len() as u16 * 8].map(u16::to_le_bytes).concat());
                extra.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
            }
            extra
        };
        let has_sizes = way.descriptor.is_none();
        let sizes = extra(&[0, 0]);
        let sizes = if has_sizes { extra(&[length, size]) } else { sizes };
        self.bytes.extend(
            [b"PK\x03\x04", &fields(has_sizes, sizes.len())[..], name.as_bytes(), &sizes, &packed].concat(),
        );
        if let Some(mark) = way.descriptor {
            self.bytes.extend(if mark { &b"PK\x07\x08"[..] } else { b"" });
            self.bytes.extend(crc.to_le_bytes());
            match way.is_64 {
                true => self.bytes.extend([size, length].map(u64::to_le_bytes).concat()),
                false => self.bytes.extend([size as u32, length as u32].map(u32::to_le_bytes).concat()),
            }
        }
        let places = extra(&[length, size, start]);
        self.directory.extend([b"PK\x01\x02\x14\x03", &fields(true, places.len())[..], &[0; 10]].concat());
        self.directory.extend(short(start).to_le_bytes());
        self.directory.extend([name.as_bytes(), &places].concat());
        self.entries += 1;
        self
    }

    /// With the central directory, and an end of 64 bits where that is asked for.
    fn finish(&self, is_64: bool) -> Vec<u8> {
        let (start, length) = (self.bytes.len() as u64, self.directory.len() as u64);
        let mut bytes = [&self.bytes[..], &self.directory].concat();
        if is_64 {
            let counts = [44, 45 | 45 << 16, 0, self.entries.into(), self.entries.into(), length, start];
            let mut record = b"PK\x06\x06".to_vec();
            record.extend(counts[0].to_le_bytes());
            record.extend((counts[1] as u32).to_le_bytes());
            record.extend(counts[2..].iter().flat_map(|number| number.to_le_bytes()));
            record.extend(
                [b"PK\x06\x07", &[0; 4][..], &(start + length).to_le_bytes(), &1u32.to_le_bytes()].concat(),
            );
            bytes.extend(record);
        }
        let count = if is_64 { u16::MAX } else { self.entries };
        bytes.extend([b"PK\x05\x06", &[0; 4][..], &count.to_le_bytes(), &count.to_le_bytes()].concat());
        let numbers = if is_64 { [u32::MAX; 2] } else { [length as u32, start as u32] };
        bytes.extend(numbers.map(u32::to_le_bytes).concat());
        bytes.extend([0; 2]);
        bytes
    }
}

/// Every way to write a member; a stored one without a mark behind it is found by what follows.
fn ways() -> Vec<Way> {
    let descriptors = [None, Some(true), Some(false)];
    let each =
        |deflated: bool, is_64: bool| descriptors.map(|descriptor| Way { deflated, descriptor, is_64 });
    [each(false, false), each(true, false), each(false, true), each(true, true)].concat()
}

#[test]
fn a_zip_without_its_directory_gives_its_members_up_to_the_break() {
    let folder = tempfile::tempdir().unwrap();
    let members = pictures(4);
    for way in ways() {
        let what =
            format!("deflated {}, descriptor {:?}, 64 bits {}", way.deflated, way.descriptor, way.is_64);
        let mut zip = Zip::new();
        let ends: Vec<usize> =
            members.iter().map(|(name, content)| zip.add(name, content, way).bytes.len()).collect();
        let whole = zip.finish(way.is_64);
        let archive = write(&folder, "whole.zip", &whole);
        assert_eq!(given(&archive), fine(4), "{what}");
        // Without the directory a stored member ends where a record stands behind it.
        let directory = way.descriptor == Some(false) && !way.deflated;
        for (cut, expected) in [
            (whole.len() - 1, 4),
            (whole.len() - 30, 4),
            (ends[3] + if directory { 4 } else { 0 }, 4),
            (ends[3] - 30, 3),
            (ends[2] + 10, 3),
            (ends[1] + 200, 2),
            (100, 0),
        ] {
            let archive = write(&folder, "cut.zip", &whole[..cut]);
            assert_eq!(
                given(&archive),
                with(fine(expected), &[" corrupt"]),
                "{what}, cut at {cut} of {}",
                whole.len()
            );
        }
    }
}

#[test]
fn a_zip_is_found_behind_other_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let members = pictures(3);
    let mut pipe = Zip::new();
    for (number, (name, content)) in members.iter().enumerate() {
        pipe.add(name, content, Way { deflated: true, descriptor: Some(number != 1), is_64: false });
    }
    for zip in [zip(&members), pipe.finish(false), pipe.finish(true)] {
        for before in [&b"PK00"[..], b"PK\x07\x08", b"MZ", &[0x90; 3000], b"#!/bin/sh\nexec unzip $0\n"] {
            let archive = write(&folder, "prefixed.zip", &[before, &zip].concat());
            assert_eq!(given(&archive), fine(3), "{before:?}");
        }
    }
    // A picture before it is shown too.
    let archive = write(&folder, "both.zip", &[picture(9), zip(&members)].concat());
    assert_eq!(given(&archive), [vec![" ok".to_string()], fine(3)].concat());
}

#[test]
fn zips_one_behind_another_are_read_and_names_may_come_twice() {
    let folder = tempfile::tempdir().unwrap();
    let members = pictures(4);
    let (first, last) = members.split_at(2);
    let names = |records: &[&str]| records.iter().map(ToString::to_string).collect::<Vec<_>>();
    let joined = write(&folder, "joined.zip", &[zip(first), b"between".to_vec(), zip(last)].concat());
    assert_eq!(given(&joined), names(&["2.png ok", "3.png ok", "0.png ok", "1.png ok"]));
    // The same archive again adds nothing.
    let twice = write(&folder, "twice.zip", &[zip(&members), zip(&members)].concat());
    assert_eq!(given(&twice), fine(4));
    let cut = zip(last);
    let cut = write(&folder, "cut.zip", &[&zip(first)[..], &cut[..cut.len() / 2 + 40]].concat());
    assert_eq!(given(&cut)[..2], fine(2)[..]);
    assert_eq!(given(&cut).last().unwrap(), " corrupt");

    let mut same = Zip::new();
    for number in 0..3 {
        same.add("a.png", &picture(number), Way { deflated: true, descriptor: Some(true), is_64: false });
    }
    same.add("folder/", b"", PLAIN).add("b.png", &picture(0), PLAIN);
    let archive = write(&folder, "same.zip", &same.finish(false));
    assert_eq!(given(&archive), names(&["a.png ok", "a.png#2 ok", "a.png#3 ok", "b.png ok"]));
}

/// Forty bytes of a directory's entry are enough to have the same megabytes unpacked once more.
#[test]
fn members_that_share_their_bytes_are_unpacked_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut zip = Zip::new();
    zip.add("0.png", &picture(0), Way { deflated: true, ..PLAIN });
    let entry = zip.directory.clone();
    for number in 1..50u8 {
        let mut again = entry.clone();
        again[46] = b'0' + number;
        zip.directory.extend(again);
        zip.entries += 1;
    }
    let archive = write(&folder, "shared.zip", &zip.finish(false));
    let found = records([&archive], &InputOptions::default());
    let counts =
        ["ok", "corrupt"].map(|wanted| found.iter().filter(|(_, record)| code(record) == wanted).count());
    assert_eq!(counts, [1, 49]);
    assert!(message(&found[1].1).contains("the same bytes"), "{}", message(&found[1].1));
}

/// A member that is no picture is recognised by its first bytes, and one over the limit before any of them is unpacked.
#[test]
fn what_is_no_picture_is_not_held() {
    let folder = tempfile::tempdir().unwrap();
    let options = InputOptions::default().limits(Limits::default().max_file_bytes(1 << 20));
    let mut zip = Zip::new();
    let way = Way { deflated: true, descriptor: Some(true), is_64: false };
    zip.add("film", &vec![0; 1 << 20], way).add("bomb", &vec![0; 9 << 20], way).add(
        "0.png",
        &picture(0),
        way,
    );
    let archives: [(&str, Vec<u8>, bool); 2] =
        [("a.zip", zip.finish(false), false), ("cut.zip", zip.bytes.clone(), true)];
    for (name, bytes, is_cut) in archives {
        let archive = write(&folder, name, &bytes);
        let found = codes(&archive, &records([&archive], &options));
        let mut expected = vec![("film", "input"), ("bomb", "limit"), ("0.png", "ok")];
        expected.extend(is_cut.then_some(("", "corrupt")));
        let found: Vec<(&str, &str)> =
            found.iter().map(|(name, code)| (name.as_str(), code.as_str())).collect();
        assert_eq!(found, expected, "{name}");
    }
}

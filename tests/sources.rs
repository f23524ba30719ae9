//! Archives and lists: the same records as from files on disk, whatever holds them and wherever it breaks.
//!
//! One long file, since every kind holds the same pictures and is compared with the same records.

mod common;

use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::archive::{
    END, Records, below, code, entry, gzip, message, pax, records, records_of, tar, write, zip,
};
use common::damage::{Numbers, flipped, lengths};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use shadegrid::Limits;
use shadegrid::pipeline::{Input, InputOptions, Item, ItemKind, ReadAhead, items};
use tempfile::TempDir;

/// Name and content of each picture, sorted by name; one is no picture.
fn pictures() -> Vec<(String, Vec<u8>)> {
    let mut pictures = Vec::new();
    for number in 0..9u32 {
        let (width, height) = (40 + number * 7, 64 - number * 3);
        let rows = (0..width * height * 3).map(|i| (i.wrapping_mul(number * 2 + 1) >> 3) as u8).collect();
        let png = common::encode::Png::new((width, height), 3, rows).encode();
        pictures.push((format!("deep/{number}.png"), png));
    }
    pictures.extend(common::jpegs().into_iter().take(6).map(|(name, jpeg)| (format!("j-{name}.jpg"), jpeg)));
    pictures.push(("notes.txt".to_string(), b"no picture at all".to_vec()));
    pictures.sort();
    pictures
}

/// Two columns of bytes, the second perhaps as text, in groups of five rows.
fn parquet_file(schema: &str, rows: &[(String, Vec<u8>)]) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let properties = Arc::new(WriterProperties::builder().set_dictionary_enabled(false).build());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, properties).unwrap();
    for rows in rows.chunks(5) {
        let mut group = writer.next_row_group().unwrap();
        let names: Vec<ByteArray> = rows.iter().map(|(name, _)| name.as_str().into()).collect();
        let contents: Vec<ByteArray> = rows.iter().map(|(_, content)| content.clone().into()).collect();
        for values in [names, contents] {
            let mut column = group.next_column().unwrap().unwrap();
            column.typed::<ByteArrayType>().write_batch(&values, None, None).unwrap();
            column.close().unwrap();
        }
        group.close().unwrap();
    }
    writer.into_inner().unwrap()
}

const PICTURES: &str = "message m { required binary key (STRING); required binary image; }";

/// Every kind of archive with the same pictures.
fn archives(folder: &TempDir) -> Vec<PathBuf> {
    let pictures = pictures();
    let plain = tar(&pictures);
    let zstd = zstd::encode_all(plain.as_slice(), 3).unwrap();
    let parquet = parquet_file(PICTURES, &pictures);
    [
        ("a.tar", plain.clone()),
        ("b.tar.gz", gzip(&plain)),
        ("c.TGZ", gzip(&plain)),
        ("d.tar.zst", zstd),
        ("e.zip", zip(&pictures)),
        ("f.parquet", parquet),
        ("compressed-without-its-name.tar", gzip(&plain)),
    ]
    .map(|(name, bytes)| write(folder, name, &bytes))
    .to_vec()
}

#[test]
fn every_archive_gives_the_records_of_the_files() {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in pictures() {
        write(&folder, &format!("files/{name}"), &content);
    }
    let root = folder.path().join("files");
    let options = InputOptions::default();
    let files = below(&root, records([&root], &options));
    assert_eq!(files.len(), 16);
    assert_eq!(files.iter().filter(|(_, record)| code(record) == "ok").count(), 15);
    let archives = archives(&folder);
    for archive in &archives {
        let members = below(archive, records([archive], &options));
        assert_eq!(members, files, "{}", archive.display());
    }
    // All of them in one run, within hardly any memory ahead, in the order of the arguments.
    let tight = options.read_ahead(ReadAhead::default().fetches(1).bytes(1000));
    let all = records(archives.iter().chain([&root]), &tight);
    let expected = archives.iter().chain([&root]).flat_map(|at| {
        files.iter().map(move |(path, record)| (format!("{}/{path}", at.display()), record.clone()))
    });
    assert_eq!(all, expected.collect::<Vec<_>>());
}

/// The members before the break, then one failure with the archive's name.
fn check_broken(archive: &Path, found: &Records, whole: &Records, what: &str) -> usize {
    let (last, members) = found.split_last().unwrap_or_else(|| panic!("{what}: no record"));
    assert_eq!(last.0, archive.to_str().unwrap(), "{what}");
    assert_eq!(code(&last.1), "corrupt", "{what}: {}", message(&last.1));
    assert!(members.len() <= whole.len() && members == &whole[..members.len()], "{what}: other members");
    members.len()
}

#[test]
fn a_cut_archive_gives_its_members_up_to_the_cut() {
    let folder = tempfile::tempdir().unwrap();
    let options = InputOptions::default();
    let mut most = Vec::new();
    for archive in archives(&folder) {
        let bytes = fs::read(&archive).unwrap();
        let whole = records([&archive], &options);
        let mut best = 0;
        let step = lengths(bytes.len());
        for (number, length) in step.iter().copied().enumerate() {
            // The ends, and every sixth between.
            if number >= 20 && number + 20 < step.len() && number % 6 != 0 {
                continue;
            }
            fs::write(&archive, &bytes[..length]).unwrap();
            let found = records([&archive], &options);
            let what = format!("{} cut at {length}", archive.display());
            let plain = archive.ends_with("a.tar");
            let end = bytes.len() - 1024;
            if plain && length >= end + 512 && length % 512 == 0 {
                assert_eq!(found, whole, "{what}: half an end marker is one");
                continue;
            }
            best = best.max(check_broken(&archive, &found, &whole, &what));
        }
        most.push((archive.file_name().unwrap().to_owned(), best));
    }
    // A Parquet file without its end says nothing of itself, and zstd unpacks whole blocks of 128 KiB only.
    assert!(
        most.iter().all(|(name, best)| *best >= 14 || name == "f.parquet" || name == "d.tar.zst"),
        "{most:?}"
    );
}

/// Twelve pictures of noise, 55 KB each, so that a compressed tar of them has many blocks of its own; and where each one ends.
fn noisy_tar() -> (Vec<u8>, Vec<usize>) {
    let mut numbers = Numbers(11);
    let mut picture = || {
        let rows = (0..128 * 144 * 3).map(|_| numbers.under(1 << 8) as u8).collect();
        common::encode::Png::new((128, 144), 3, rows).encode()
    };
    let pictures: Vec<_> = (0..12).map(|number| (format!("{number:02}.png"), picture())).collect();
    let ends = pictures.iter().scan(0, |next, (_, content)| {
        let end = *next + 512 + content.len();
        *next = end.next_multiple_of(512);
        Some(end)
    });
    (tar(&pictures), ends.collect())
}

/// What comes out of a reader before it fails.
fn until_it_fails(mut from: impl Read) -> Vec<u8> {
    let (mut all, mut piece) = (Vec::new(), [0; 512]);
    while let Ok(read @ 1..) = from.read(&mut piece) {
        all.extend(&piece[..read]);
    }
    all
}

#[test]
fn what_was_unpacked_before_a_break_is_hashed() {
    let folder = tempfile::tempdir().unwrap();
    let options = InputOptions::default();
    let (plain, ends) = noisy_tar();
    let unzstd = |bytes: &[u8]| until_it_fails(zstd::Decoder::new(bytes).unwrap());
    let gunzip = |bytes: &[u8]| until_it_fails(flate2::read::GzDecoder::new(bytes));
    type Unpack<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;
    let kinds: [(&str, Vec<u8>, Unpack<'_>); 2] = [
        ("a.tar.zst", zstd::encode_all(plain.as_slice(), 1).unwrap(), &unzstd),
        ("a.tar.gz", gzip(&plain), &gunzip),
    ];
    for (name, bytes, unpack) in kinds {
        let archive = write(&folder, name, &bytes);
        let whole = records([&archive], &options);
        assert!(whole.len() == 12 && whole.iter().all(|(_, record)| code(record) == "ok"));
        let mut counts = Vec::new();
        for share in 1..16 {
            let at = bytes.len() * share / 16;
            let mut damaged = bytes.clone();
            damaged[at..at + 40].fill(0xff);
            for (what, broken) in [("cut", &bytes[..at]), ("damaged", &damaged)] {
                let unpacked = unpack(broken);
                let same = unpacked.iter().zip(&plain).take_while(|(a, b)| a == b).count();
                let members = ends.iter().filter(|&&end| end <= same).count();
                fs::write(&archive, broken).unwrap();
                let found = records([&archive], &options);
                assert!(found.len() >= members, "{name} {what} at {at}: {} records", found.len());
                assert_eq!(found[..members], whole[..members], "{name} {what} at {at}");
                if what == "cut" {
                    assert_eq!(found.len(), members + 1, "{name} {what} at {at}");
                    check_broken(&archive, &found, &whole, name);
                    counts.push(members);
                }
            }
        }
        assert!(counts[0] <= 1 && counts[14] >= 9, "{name}: {counts:?}");
    }
}

#[test]
fn flipped_bits_break_no_run() {
    let folder = tempfile::tempdir().unwrap();
    let options = InputOptions::default().limits(Limits::default().max_file_bytes(1 << 20));
    let mut numbers = Numbers(7);
    let mut broken = 0;
    for archive in archives(&folder) {
        let bytes = fs::read(&archive).unwrap();
        for round in 0..25 {
            fs::write(&archive, flipped(&bytes, 1 + round % 4, &mut numbers)).unwrap();
            let found = records([&archive], &options);
            let mut keys: Vec<&str> = found.iter().map(|(key, _)| key.as_str()).collect();
            let count = keys.len();
            assert!((1..=18).contains(&count), "{count} records of {}", archive.display());
            keys.sort_unstable();
            keys.dedup();
            assert_eq!(keys.len(), count, "a key twice in {}", archive.display());
            assert!(
                !found.iter().any(|(_, record)| record.get("error_message").is_some()
                    && message(record).contains("panicked"))
            );
            broken += usize::from(found.iter().any(|(key, _)| *key == archive.to_str().unwrap()));
        }
    }
    assert!(broken > 50, "only {broken} of 175 were seen to be broken");
}

fn small_png() -> Vec<u8> {
    pictures().swap_remove(0).1
}

#[test]
fn every_kind_of_entry_is_handled_or_named() {
    let folder = tempfile::tempdir().unwrap();
    let png = small_png();
    let length = png.len() as u64;
    let long = format!("{}.png", "n".repeat(300));
    let file = |name: &[u8]| entry(b'0', name, length, &png);
    let mut label = tar::Header::new_gnu();
    label.as_old_mut().name[..5].copy_from_slice(b"label");
    label.set_entry_type(tar::EntryType::new(b'V'));
    label.set_cksum();
    let parts = [
        label.as_bytes().to_vec(),
        entry(b'5', b"folder/", 0, b""),
        entry(b'2', b"link.png", 0, b""),
        entry(b'3', b"device", 0, b""),
        file(b"plain.png"),
        file(b"plain.png"),
        file(b"plain.png"),
        entry(b'1', b"hard.png", 0, b""),
        entry(b'L', b"././@LongLink", long.len() as u64 + 1, format!("{long}\0").as_bytes()),
        file(b"short"),
        pax(&[("path", "wide/ü\nnew line.png"), ("mtime", "1.5")]),
        file(b"short"),
        pax(&[("size", &length.to_string())]),
        entry(b'0', b"sized-by-pax.png", 0, &png),
        pax(&[
            ("GNU.sparse.major", "1"),
            ("GNU.sparse.name", "holes.png"),
            ("path", "GNUSparseFile.1/holes.png"),
        ]),
        file(b"short"),
        entry(b'0', b"\xff\xfe.png", length, &png),
        entry(b'0', b"large.bin", length + 1, &vec![1; length as usize + 1]),
        entry(b'7', b"contiguous.png", length, &png),
        END.to_vec(),
        // Archives written one behind another.
        file(b"behind.png"),
        END.to_vec(),
    ];
    let archive = write(&folder, "all.tar", &parts.concat());
    let limits = Limits::default().max_file_bytes(length);
    let options = InputOptions::default().limits(limits);
    let found = below(&archive, records([&archive], &options));
    let expected = [
        ("plain.png", "ok"),
        ("plain.png#2", "ok"),
        ("plain.png#3", "ok"),
        ("hard.png", "unsupported"),
        (long.as_str(), "ok"),
        ("wide/ü\nnew line.png", "ok"),
        ("sized-by-pax.png", "ok"),
        ("holes.png", "unsupported"),
        ("\u{fffd}\u{fffd}.png", "ok"),
        ("large.bin", "limit"),
        ("contiguous.png", "ok"),
        ("behind.png", "ok"),
    ];
    let names: Vec<(&str, &str)> = found.iter().map(|(key, record)| (key.as_str(), code(record))).collect();
    assert_eq!(names, expected);
    assert!(found[8].1.contains_key("key_bytes"), "the name that is not UTF-8 is lost");
}

#[test]
fn a_zips_member_of_an_unread_kind_is_unsupported() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = zip(&[("plain.png".to_string(), small_png()), ("bzip2.png".to_string(), small_png())]);
    // The second member's method, in its own header and in the directory.
    for (mark, field) in [(b"PK\x03\x04", 8), (b"PK\x01\x02", 10)] {
        let at = bytes.windows(4).rposition(|window| window == mark).unwrap();
        bytes[at + field] = 12;
    }
    let archive = write(&folder, "all.zip", &bytes);
    let found = below(&archive, records([&archive], &InputOptions::default()));
    let names: Vec<(&str, &str)> = found.iter().map(|(key, record)| (key.as_str(), code(record))).collect();
    assert_eq!(names, [("plain.png", "ok"), ("bzip2.png", "unsupported")], "{found:?}");
}

#[test]
fn hostile_tars_take_no_memory_and_end() {
    let folder = tempfile::tempdir().unwrap();
    let file = entry(b'0', b"a.png", small_png().len() as u64, &small_png());
    let huge = 7 << 30;
    let cases: [(&str, Vec<u8>, &str); 6] = [
        ("a name without end", entry(b'L', b"l", huge, b""), "1 MiB"),
        ("an extended header without end", entry(b'x', b"x", huge, b""), "1 MiB"),
        ("a member without end", entry(b'0', b"b.png", u64::MAX / 4, b"..."), "breaks off"),
        ("a size beyond numbers", entry(b'0', b"b.png", u64::MAX - 5, b"..."), "beyond all bounds"),
        ("a wrong checksum", vec![b'x'; 512], "checksum"),
        ("an extended header of nonsense", entry(b'x', b"x", 9, b"99 path=x"), "extended header"),
    ];
    for (what, bytes, says) in cases {
        let archive = write(&folder, "hostile.tar", &[file.clone(), bytes, END.to_vec()].concat());
        let found = records([&archive], &InputOptions::default());
        let failed = found.last().unwrap();
        assert_eq!(code(&found[0].1), "ok", "{what}");
        assert_eq!((failed.0.as_str(), code(&failed.1)), (archive.to_str().unwrap(), "corrupt"), "{what}");
        assert!(
            message(&failed.1).contains(says) && message(&failed.1).contains("at byte"),
            "{what}: {}",
            message(&failed.1)
        );
    }
}

#[test]
fn a_bomb_is_stopped_by_the_limit_and_its_neighbours_are_hashed() {
    let folder = tempfile::tempdir().unwrap();
    let png = small_png();
    let members = [("a.png", png.clone()), ("bomb", [&png[..], &vec![0; 80 << 20]].concat()), ("z.png", png)];
    let members = members.map(|(name, bytes)| (name.to_string(), bytes));
    let mut lying = zip(&members[1..]);
    // The bomb says that it is a picture of 100 bytes, in its header and in the central directory.
    let printed = (members[1].1.len() as u32).to_le_bytes();
    let at: Vec<usize> = (0..lying.len() - 4).filter(|&at| lying[at..at + 4] == printed).collect();
    for at in at {
        lying[at..at + 4].copy_from_slice(&100u32.to_le_bytes());
    }
    let archives = [
        write(&folder, "bomb.tgz", &gzip(&tar(&members))),
        write(&folder, "bomb.zip", &zip(&members)),
        write(&folder, "lying.zip", &lying),
    ];
    let limits = Limits::default().max_file_bytes(1 << 20);
    let options = InputOptions::default().limits(limits);
    let codes = |archive: &PathBuf| {
        records([archive], &options).iter().map(|(_, record)| code(record).to_string()).collect::<Vec<_>>()
    };
    assert_eq!(codes(&archives[0]), ["ok", "limit", "ok"]);
    assert_eq!(codes(&archives[1]), ["ok", "limit", "ok"]);
    assert_eq!(codes(&archives[2]), ["corrupt", "ok"]);
}

#[test]
fn content_tells_what_a_name_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let picture = write(&folder, "picture.tar", &small_png());
    let text = write(&folder, "text.zip", b"no archive");
    let empty = write(&folder, "empty.tar", b"");
    let nothing_in_it = write(&folder, "nothing.tar", &END);
    let zipped = write(&folder, "zip.tar", &zip(&pictures()[..2]));
    let found = records([&picture, &text, &empty, &nothing_in_it, &zipped], &InputOptions::default());
    let codes: Vec<&str> = found.iter().map(|(_, record)| code(record)).collect();
    assert_eq!(codes, ["ok", "corrupt", "corrupt", "ok", "ok"]);
    assert_eq!(found[0].0, picture.to_str().unwrap());
    let gone = records([folder.path().join("gone.tar")], &InputOptions::default());
    assert_eq!(code(&gone[0].1), "io");
}

#[test]
fn only_the_endings_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let archives = archives(&folder);
    let options = InputOptions::default().extensions("JPG".parse().unwrap());
    for archive in &archives {
        let found = records([archive], &options);
        assert_eq!(found.len(), 6, "{}", archive.display());
        assert!(found.iter().all(|(key, _)| key.ends_with(".jpg")));
    }
    let list = write(&folder, "list.csv", b"path\na.png\nb.jpg\n");
    let names: Vec<OsString> = items([OsString::from(list)], &options).map(|item| item.location).collect();
    assert_eq!(names, ["b.jpg"]);
}

fn locations(items: impl IntoIterator<Item = Item>) -> Vec<String> {
    items.into_iter().map(|item| item.location.into_string().unwrap()).collect()
}

#[test]
fn lists_name_by_their_columns() {
    let folder = tempfile::tempdir().unwrap();
    let names = |name: &str, bytes: &[u8], column: Option<&str>| {
        let path = write(&folder, name, bytes);
        let options = InputOptions::default().column(column.map(Into::into));
        locations(items([OsString::from(path)], &options))
    };
    let expected = ["a b.png", "photos.tar", "https://example.org/x.jpg?a=1,2"];
    let csv = b"id,URL\n1,a b.png\n2,photos.tar\n3,\"https://example.org/x.jpg?a=1,2\"\n";
    assert_eq!(names("a.csv", csv, None), expected);
    assert_eq!(names("a.csv", csv, Some("url")), expected);
    assert_eq!(names("a.csv", csv, Some("id")), ["1", "2", "3"]);
    assert_eq!(names("a.tsv", b"\xef\xbb\xbfwhere\ta\nx\t1\n", Some("where")), ["x"]);
    assert_eq!(names("one.csv", b"anything\nx\ny\n", None), ["x", "y"]);
    let schema = "message m { required binary id (STRING); required binary path (STRING); }";
    let rows = [("1", "a.png"), ("2", "b.zip")].map(|(id, path)| (id.to_string(), path.as_bytes().to_vec()));
    assert_eq!(names("list.parquet", &parquet_file(schema, &rows), None), ["a.png", "b.zip"]);
    assert_eq!(names("list.parquet", &parquet_file(schema, &rows), Some("id")), ["1", "2"]);
    let kinds = |inputs: Vec<Input>, options: &InputOptions| {
        items(inputs, options).map(|item| (item.kind, item.source)).collect::<Vec<_>>()
    };
    let list = write(&folder, "names", b"x.png\0y.tar\0");
    let options = InputOptions::default().separator(0);
    let source = list.clone().into_os_string();
    let expected = vec![(ItemKind::Picture, source.clone()), (ItemKind::Archive, source)];
    assert_eq!(kinds(vec![Input::List(list.into())], &options), expected);

    // What cannot be read has a record that says what there is instead.
    for (name, bytes) in
        [("bad.csv", &b"a,b\n1,2\n"[..]), ("short.csv", &b"x,path\n1\n"[..]), ("gone/x.csv", &b""[..])]
    {
        let path = write(&folder, name, bytes);
        if name.starts_with("gone") {
            fs::remove_file(&path).unwrap();
        }
        let found = records([&path], &InputOptions::default());
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!((found[0].0.as_str(), code(&found[0].1)), (path.to_str().unwrap(), "io"), "{name}");
    }
    let path = write(&folder, "bad.csv", b"a,b\n1,2\n");
    assert!(message(&records([&path], &InputOptions::default())[0].1).contains("it has a, b"));
}

/// Whatever a list of names looks like, each name is an input.
#[test]
fn odd_lists_of_names_lose_none() {
    let folder = tempfile::tempdir().unwrap();
    let names = |name: &str, bytes: &[u8], column: Option<&str>| {
        let path = write(&folder, name, bytes);
        let options = InputOptions::default().column(column.map(Into::into));
        locations(items([Input::List(path.into())], &options))
    };
    let all: Vec<String> = (0..8).map(|n| format!("pics/p{n}.jpg")).collect();
    let rows = |title: &dyn Fn(usize) -> String| -> String {
        all.iter().enumerate().map(|(n, path)| format!("{path},{}\n", title(n))).collect()
    };
    let plain = |_: usize| "t".to_string();
    let quoted = |which: &'static [usize]| {
        move |n: usize| if which.contains(&n) { "\"sunset".into() } else { "t".to_string() }
    };
    let table = format!("path,title\n{}", rows(&plain));
    for (what, list) in [
        ("an open quote", format!("path,title\n{}", rows(&quoted(&[1])))),
        ("two", format!("path,title\n{}", rows(&quoted(&[1, 6])))),
        ("the last", format!("path,title\n{}", rows(&quoted(&[7])))),
        ("one that closes", format!("path,title\n{}", rows(&|n| ["\"a", "t", "b\""][n % 3].to_string()))),
        (
            "over lines",
            format!(
                "path,title\n{}",
                rows(&|n| if n == 3 { "\"two\nlines, \"\"x\"\"\"".into() } else { "t".into() })
            ),
        ),
        ("comments", format!("# exported\n#\n{table}")),
        ("a title", format!("Export of today\n\n{table}")),
        ("a line for spreadsheets", format!("sep=;\n{}", table.replace(',', ";"))),
        ("a byte-order mark", format!("\u{feff}{table}")),
        ("old line ends", table.replace('\n', "\r")),
        ("one column without a name", all.join("\n")),
        ("one column with any name", format!("anything\n{}", all.join("\n"))),
        ("one column after a comment", format!("# mine\n{}", all.join("\n"))),
        ("links without a name", all.join("\n").replace("pics/", "https://example.org/pics/")),
        ("quotes in one column", format!("\"{}\"\n", all.join("\"\n\""))),
    ] {
        let found = names("list.csv", list.as_bytes(), None);
        let ends = |found: &[String]| {
            found.iter().map(|name| name.rsplit('/').next().unwrap().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(ends(&found), ends(&all), "{what}");
        let packed = [
            ("list.csv.gz", gzip(list.as_bytes())),
            ("list.csv.zst", zstd::encode_all(list.as_bytes(), 1).unwrap()),
        ];
        for (name, bytes) in packed {
            assert_eq!(names(name, &bytes, None), found, "{what} in {name}");
        }
        let utf16: Vec<u8> = format!("\u{feff}{}", list.trim_start_matches('\u{feff}'))
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(names("list.csv", &utf16, None), found, "{what} in UTF-16");
    }
    // A column that is named is found behind comments too.
    assert_eq!(names("list.txt", b"# x\nid,where\n1,a.png\n", Some("where")), ["a.png"]);
    // Names that are files need no row of names, in whatever column they stand.
    let here = write(&folder, "here.png", b"x");
    let list = format!("1,{0},t\n2,{0},t\n", here.display());
    assert_eq!(names("list.csv", list.as_bytes(), None), [here.to_str().unwrap(); 2]);
    // Plain lists.
    let utf16: Vec<u8> = "\u{feff}a.png\r\nb c.png\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(names("list.txt", &utf16, None), ["a.png", "b c.png"]);
    assert_eq!(names("list.txt", b"\xef\xbb\xbfa.png\nb.png", None), ["a.png", "b.png"]);
    assert_eq!(
        names("list.txt", b"# a.png\n b.png\r\n", None),
        ["# a.png", " b.png\r"],
        "every byte is the name's"
    );
}

/// A picture or document in a list's place is reported once, and not read as names.
#[test]
fn what_is_no_list_of_names_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let noise: Vec<u8> = (0..4000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
    for (name, start, kind) in [
        ("a.jpg", &b"\xff\xd8\xff\xe0"[..], "JPEG"),
        ("list.csv", b"%PDF-1.4\n", "PDF"),
        ("list.csv", b"PK\x03\x04", "zip"),
    ] {
        let path = write(&folder, name, &[start, &noise].concat());
        let found =
            records_of(items([Input::List(path.into())], &InputOptions::default()), &InputOptions::default());
        assert_eq!(found.len(), 1, "{name}");
        assert!(message(&found[0].1).contains(kind), "{}", message(&found[0].1));
    }
    let cut = gzip(b"path\na.png\nb.png\n".repeat(2000).as_slice());
    let path = write(&folder, "list.csv.gz", &cut[..cut.len() - 10]);
    let found: Vec<Item> = items([Input::List(path.into())], &InputOptions::default()).collect();
    assert!(
        matches!(found.last().unwrap().kind, ItemKind::Broken(_)),
        "a list that breaks off ends the listing"
    );
}

#[test]
fn a_listing_goes_on_after_any_item() {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in pictures() {
        write(&folder, &format!("files/{name}"), &content);
    }
    let list = write(&folder, "list.csv", b"path\nx\ny\nz\n");
    let inputs = || [folder.path().join("files"), list.clone()].map(OsString::from);
    let all = locations(items(inputs(), &InputOptions::default()));
    assert_eq!(all.len(), 19);
    for (number, location) in all.iter().enumerate() {
        let options = InputOptions::default().after(Some(location.into()));
        assert_eq!(locations(items(inputs(), &options)), all[number + 1..]);
    }
    let options = InputOptions::default().after(Some("gone".into()));
    let found: Vec<Item> = items(inputs(), &options).collect();
    assert!(matches!(&found[..], [Item { kind: ItemKind::Broken(_), .. }]), "{found:?}");
}

#[test]
fn a_pictures_column_may_be_a_struct_and_its_key_a_number() {
    let folder = tempfile::tempdir().unwrap();
    let png = small_png();
    let nested =
        "message m { required group photo { required binary bytes; required binary path (STRING); } }";
    let rows = [(String::from_utf8_lossy(b"x").into_owned(), png.clone())];
    // Columns in the order of the schema: bytes, then path.
    let schema = Arc::new(parse_message_type(nested).unwrap());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for values in [vec![ByteArray::from(rows[0].1.clone())], vec![ByteArray::from("name.png")]] {
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&values, None, None).unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    let path = write(&folder, "hf.parquet", &writer.into_inner().unwrap());
    for column in [None, Some("photo"), Some("photo.bytes")] {
        let options = InputOptions::default().column(column.map(Into::into));
        let found = below(&path, records([&path], &options));
        assert_eq!((found[0].0.as_str(), code(&found[0].1)), ("name.png", "ok"));
    }
    let options = InputOptions::default().column(Some("other".into()));
    let found = records([&path], &options);
    assert_eq!(code(&found[0].1), "input");
    assert!(message(&found[0].1).contains("photo"), "{}", message(&found[0].1));
}

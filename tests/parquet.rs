//! Parquet inputs: every compression and encoding gives the same pictures, columns are known by what is in them, and a file that lies ends nothing.

mod common;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use common::archive::{Records, below, code, codes, message, picture, pictures, records, write};
use parquet::basic::{BrotliLevel, Compression, Encoding, GzipLevel, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder, WriterVersion};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use shadegrid::pipeline::{InputOptions, Notices, items};
use tempfile::TempDir;

/// A value of each row; `None` is an absent one.
type Column = Vec<Option<Vec<u8>>>;

/// A file of optional columns of bytes, in groups of three rows.
fn file(columns: &[(&str, Column)], properties: WriterPropertiesBuilder) -> Vec<u8> {
    let fields: Vec<String> = columns.iter().map(|(field, _)| format!("optional binary {field};")).collect();
    let schema = Arc::new(parse_message_type(&format!("message m {{ {} }}", fields.join(" "))).unwrap());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties.build())).unwrap();
    let rows = columns[0].1.len();
    for start in (0..rows).step_by(3) {
        let mut group = writer.next_row_group().unwrap();
        for (_, column) in columns {
            let values = &column[start..rows.min(start + 3)];
            let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
            let values: Vec<ByteArray> = values.iter().flatten().map(|value| value.clone().into()).collect();
            let mut writer = group.next_column().unwrap().unwrap();
            writer.typed::<ByteArrayType>().write_batch(&values, Some(&levels), None).unwrap();
            writer.close().unwrap();
        }
        group.close().unwrap();
    }
    writer.into_inner().unwrap()
}

fn column(values: &[&[u8]]) -> Column {
    values.iter().map(|value| Some(value.to_vec())).collect()
}

fn plain() -> WriterPropertiesBuilder {
    WriterProperties::builder()
}

/// Seven pictures, one of them twice, and a row without any; with their names.
fn rows() -> [(&'static str, Column); 2] {
    let mut members = pictures(7);
    members.insert(3, ("again.png".to_string(), picture(2)));
    let mut images: Column = members.iter().map(|(_, content)| Some(content.clone())).collect();
    let mut names: Column = members.iter().map(|(name, _)| Some(name.clone().into_bytes())).collect();
    images.insert(5, None);
    names.insert(5, Some(b"none".to_vec()));
    [("key (STRING)", names), ("image", images)]
}

fn given(folder: &TempDir, name: &str, bytes: &[u8]) -> (PathBuf, Records) {
    let path = write(folder, name, bytes);
    let found = records([&path], &InputOptions::default());
    (path, found)
}

#[test]
fn every_compression_and_encoding_gives_the_same_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let compressions = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::BROTLI(BrotliLevel::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
        Compression::ZSTD(ZstdLevel::default()),
    ];
    let encodings = [
        None,
        Some(Encoding::PLAIN),
        Some(Encoding::DELTA_LENGTH_BYTE_ARRAY),
        Some(Encoding::DELTA_BYTE_ARRAY),
    ];
    let (path, expected) = given(&folder, "a.parquet", &file(&rows(), plain()));
    let expected = below(&path, expected);
    let outcomes: Vec<(&str, &str)> =
        expected.iter().map(|(name, record)| (name.as_str(), code(record))).collect();
    let names = ["0.png", "1.png", "2.png", "again.png", "3.png", "none", "4.png", "5.png", "6.png"];
    assert_eq!(outcomes, names.map(|name| (name, if name == "none" { "input" } else { "ok" })));
    let mut compared = 0;
    for compression in compressions {
        for encoding in encodings {
            for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
                let mut properties = plain().set_compression(compression).set_writer_version(version);
                // Without an encoding the dictionary, which is the default.
                if let Some(encoding) = encoding {
                    properties = properties.set_dictionary_enabled(false).set_encoding(encoding);
                }
                let (path, found) = given(&folder, "b.parquet", &file(&rows(), properties));
                let inside = format!("{}/", path.display());
                assert!(found[0].0.starts_with(&inside), "{compression} {encoding:?} {version:?}: {found:?}");
                assert_eq!(below(&path, found), expected, "{compression} {encoding:?} {version:?}");
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 56);
}

#[test]
fn columns_are_known_by_what_is_in_them() {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in pictures(3) {
        write(&folder, &name, &content);
    }
    let own = |name: &str| folder.path().join(name).into_os_string().into_encoded_bytes();
    let paths = || (0..3).map(|number| Some(own(&format!("{number}.png")))).collect::<Column>();
    let images = || pictures(3).into_iter().map(|(_, content)| Some(content)).collect::<Column>();
    let digests = || (0..3u8).map(|number| Some(vec![number * 77 + 3; 16])).collect::<Column>();
    let hexadecimal = || (0..3).map(|number| Some(format!("{number:032x}").into_bytes())).collect::<Column>();
    let pictures_of = |columns: &[(&str, Column)], column: Option<&str>| {
        let path = write(&folder, "c.parquet", &file(columns, plain()));
        let options = InputOptions::default().column(column.map(Into::into));
        let found = records([&path], &options);
        let is_inside = found.iter().all(|(key, _)| key.starts_with(&format!("{}/", path.display())));
        let fine = found.iter().filter(|(_, record)| code(record) == "ok").count();
        (if is_inside { "pictures" } else { "names" }, fine, found)
    };
    type Columns = Vec<(&'static str, Column)>;
    let cases: [(&str, Columns, &str, usize); 9] = [
        ("a digest next to paths", vec![("path (UTF8)", paths()), ("md5", digests())], "names", 3),
        ("paths without a mark", vec![("path", paths())], "names", 3),
        ("both without a mark", vec![("url", paths()), ("sha", digests())], "names", 3),
        ("content that holds none", vec![("content", digests()), ("path (UTF8)", paths())], "names", 3),
        ("pictures next to paths", vec![("path (UTF8)", paths()), ("photo", images())], "pictures", 3),
        ("two binary ones", vec![("md5", digests()), ("photo", images())], "pictures", 3),
        ("a name of names", vec![("file", images())], "pictures", 3),
        ("a picture's name for paths", vec![("image", paths()), ("path (UTF8)", paths())], "names", 3),
        ("names of hexadecimal digits", vec![("key", hexadecimal())], "names", 0),
    ];
    for (what, columns, expected, count) in cases {
        let (kind, fine, found) = pictures_of(&columns, None);
        assert_eq!((kind, fine, found.len()), (expected, count, 3), "{what}: {found:?}");
    }
    // A digest is no picture, whatever else is missing; but what is asked for is read.
    for digests in [digests(), hexadecimal()] {
        let columns = [("id", paths()), ("md5", digests)];
        let (_, _, found) = pictures_of(&[("md5", columns[1].1.clone())], None);
        assert_eq!((found.len(), code(&found[0].1)), (1, "input"), "{found:?}");
        assert!(message(&found[0].1).contains("it has md5"), "{}", message(&found[0].1));
    }
    let (kind, fine, _) = pictures_of(&[("md5", digests()), ("photo", images())], Some("md5"));
    assert_eq!((kind, fine), ("pictures", 0));
    assert_eq!(pictures_of(&[("where", paths()), ("photo", images())], Some("where")).1, 3);
}

#[test]
fn the_choice_of_names_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let columns = [("md5", column(&[&[1; 16]])), ("path (UTF8)", column(&[b"a.png"]))];
    let path = write(&folder, "names.parquet", &file(&columns, plain()));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let taken = seen.clone();
    let notices = Notices::new(move |notice| taken.lock().unwrap().push(notice.to_string()));
    let options = InputOptions::default().notices(notices);
    assert_eq!(items([path.clone().into_os_string()], &options).count(), 1);
    let seen = seen.lock().unwrap();
    assert!(seen.len() == 1 && seen[0].contains("path") && seen[0].contains("md5"), "{seen:?}");
}

/// A struct in Thrift's compact protocol: fields in their order, each with its number.
fn fields(fields: &[(u8, Thrift)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut last = 0;
    for (number, value) in fields {
        let (kind, content) = value.encoded();
        bytes.push((number - last) << 4 | kind);
        bytes.extend(content);
        last = *number;
    }
    bytes.push(0);
    bytes
}

#[derive(Clone)]
enum Thrift {
    Number(i64),
    Text(&'static str),
    Inner(Vec<u8>),
    Numbers(Vec<i64>),
    Texts(Vec<&'static str>),
    Inners(Vec<Vec<u8>>),
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn zigzag(number: i64) -> Vec<u8> {
    varint((number << 1 ^ number >> 63) as u64)
}

impl Thrift {
    fn encoded(&self) -> (u8, Vec<u8>) {
        let list = |kind: u8, elements: Vec<Vec<u8>>| {
            let head = [vec![0xf0 | kind], varint(elements.len() as u64)].concat();
            (9, [head, elements.concat()].concat())
        };
        let text = |text: &str| [varint(text.len() as u64), text.as_bytes().to_vec()].concat();
        match self {
            Thrift::Number(number) => (6, zigzag(*number)),
            Thrift::Text(words) => (8, text(words)),
            Thrift::Inner(fields) => (12, fields.clone()),
            Thrift::Numbers(numbers) => list(5, numbers.iter().map(|number| zigzag(*number)).collect()),
            Thrift::Texts(words) => list(8, words.iter().map(|words| text(words)).collect()),
            Thrift::Inners(inners) => list(12, inners.clone()),
        }
    }
}

/// One page of a file made by hand.
struct Page {
    /// 0 for values, 2 for a dictionary.
    kind: i64,
    values: i64,
    encoding: i64,
    packed: Vec<u8>,
    length: i64,
}

/// A file of one required column of bytes in one group, whose pages and numbers may be lies.
fn by_hand(compression: i64, pages: &[Page], rows: i64, name: &'static str) -> Vec<u8> {
    use Thrift::{Inner, Inners, Number, Numbers, Text, Texts};
    let mut bytes = b"PAR1".to_vec();
    let mut data = 4;
    for page in pages {
        data = if page.kind == 2 { data } else { data.max(bytes.len() * usize::from(data == 4)) };
        let of_kind =
            fields(&[(1, Number(page.values)), (2, Number(page.encoding)), (3, Number(3)), (4, Number(3))]);
        let of_kind = if page.kind == 2 {
            fields(&[(1, Number(page.values)), (2, Number(page.encoding))])
        } else {
            of_kind
        };
        let number = if page.kind == 2 { 7 } else { 5 };
        let length = page.packed.len() as i64;
        bytes.extend(fields(&[
            (1, Number(page.kind)),
            (2, Number(page.length)),
            (3, Number(length)),
            (number, Inner(of_kind)),
        ]));
        bytes.extend(&page.packed);
    }
    let length = bytes.len() as i64 - 4;
    let mut metadata = vec![
        (1, Number(6)),
        (2, Numbers(vec![0, 3])),
        (3, Texts(vec![name])),
        (4, Number(compression)),
        (5, Number(rows)),
        (6, Number(length)),
        (7, Number(length)),
        (9, Number(if data == 4 { 4 } else { data as i64 })),
    ];
    if pages.iter().any(|page| page.kind == 2) {
        metadata.push((11, Number(4)));
    }
    let chunk = fields(&[(2, Number(4)), (3, Inner(fields(&metadata)))]);
    let group = fields(&[(1, Inners(vec![chunk])), (2, Number(length)), (3, Number(rows))]);
    let root = fields(&[(4, Text("m")), (5, Number(1))]);
    let field = fields(&[(1, Number(6)), (3, Number(0)), (4, Text(name))]);
    let footer = fields(&[
        (1, Number(1)),
        (2, Inners(vec![root, field])),
        (3, Number(rows)),
        (4, Inners(vec![group])),
    ]);
    bytes.extend(&footer);
    bytes.extend((footer.len() as u32).to_le_bytes());
    bytes.extend(b"PAR1");
    bytes
}

fn value(content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32).to_le_bytes()[..], content].concat()
}

fn data(encoding: i64, values: i64, packed: Vec<u8>, length: usize) -> Page {
    Page { kind: 0, values, encoding, packed, length: length as i64 }
}

const GZIP: i64 = 2;
const ZSTD: i64 = 6;

#[test]
fn a_value_that_is_no_picture_is_not_unpacked() {
    let folder = tempfile::tempdir().unwrap();
    let png = picture(1);
    let content = value(&png);
    let whole = by_hand(0, &[data(0, 1, content.clone(), content.len())], 1, "image");
    let (path, found) = given(&folder, "whole.parquet", &whole);
    assert_eq!(codes(&path, &found), [("0".to_string(), "ok".to_string())]);
    // Two gigabytes by their length, of which the first bytes are there: whoever read on would see the page break off.
    let length = 2_000_000_000u32;
    let start = [&length.to_le_bytes()[..], &[0; 300_000]].concat();
    for (compression, mut packed) in
        [(GZIP, common::archive::gzip(&start)), (ZSTD, zstd::encode_all(&start[..], 1).unwrap())]
    {
        packed.truncate(packed.len() - 8);
        let page = data(0, 1, packed, length as usize + 4);
        let path = write(&folder, "film.parquet", &by_hand(compression, &[page], 1, "image"));
        let mut options = InputOptions::default();
        options.limits.max_file_bytes = 1 << 31;
        let found = records([&path], &options);
        assert_eq!(
            codes(&path, &found),
            [("0".to_string(), "input".to_string())],
            "{}",
            message(&found[0].1)
        );
        options.limits.max_file_bytes = 1 << 30;
        assert_eq!(codes(&path, &records([&path], &options)), [("0".to_string(), "limit".to_string())]);
    }
}

/// What is announced and not there: none of it is taken memory for, and none of it becomes a record.
#[test]
fn pages_that_lie_end_in_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let content = value(&picture(1));
    let length = content.len();
    let delta = |count: u64| [varint(128), varint(4), varint(count), zigzag(5)].concat();
    let dictionary =
        |values: i64| Page { kind: 2, values, encoding: 0, packed: content.clone(), length: length as i64 };
    let most = i64::from(i32::MAX);
    let bomb = common::archive::gzip(&vec![0; 30 << 20]);
    let cases: [(&str, i64, Vec<Page>, i64); 9] = [
        ("more bytes than announced", GZIP, vec![data(0, 1, bomb.clone(), 100)], 1),
        ("a dictionary of everything", 0, vec![dictionary(most), data(8, 1, vec![1, 2, 0], 3)], 1),
        ("an entry that is not there", 0, vec![dictionary(1), data(8, 1, vec![8, 2, 200], 3)], 1),
        ("lengths without end", 0, vec![data(6, most, delta(u64::MAX / 2), 9)], 1),
        ("prefixes without end", 0, vec![data(7, most, delta(1 << 40), 9)], 1),
        ("a long page", 0, vec![data(0, 1, vec![0; 9], most as usize)], 1),
        ("a long page of snappy", 1, vec![data(0, 1, vec![0; 9], most as usize)], 1),
        ("a long page of LZ4", 7, vec![data(0, 1, vec![0; 9], most as usize)], 1),
        ("less than no values", 0, vec![data(0, -1, content.clone(), length)], 1),
    ];
    for (what, compression, pages, rows) in cases {
        for name in ["image", "path", "pdq"] {
            let bytes = by_hand(compression, &pages, rows, name);
            let (_, found) = given(&folder, "lie.parquet", &bytes);
            assert!(
                found.len() <= 2 && found.iter().all(|(_, record)| code(record) != "ok"),
                "{what}: {found:?}"
            );
            assert!(!found.is_empty(), "{what}");
        }
    }
    // More rows than values: each that is there once, then an error and not the last value again.
    let bytes = by_hand(0, &[data(0, 1, content.clone(), length)], 1000, "image");
    let (path, found) = given(&folder, "rows.parquet", &bytes);
    assert_eq!(
        codes(&path, &found).into_iter().map(|(name, code)| format!("{name} {code}")).collect::<Vec<_>>(),
        ["0 ok", " corrupt"]
    );
    let bytes = by_hand(0, &[data(0, 1, content, length)], 1 << 40, "image");
    let (_, found) = given(&folder, "rows.parquet", &bytes);
    assert!(found.len() == 1 && message(&found[0].1).contains("more rows"), "{found:?}");
}

/// A schema of groups in groups.
fn nested(levels: usize) -> Vec<u8> {
    use Thrift::{Inners, Number, Text};
    let group = |children: i64| fields(&[(3, Number(0)), (4, Text("pdq")), (5, Number(children))]);
    let leaf = fields(&[(1, Number(6)), (3, Number(0)), (4, Text("image"))]);
    let schema = [vec![group(1); levels], vec![leaf]].concat();
    let footer = fields(&[(1, Number(1)), (2, Inners(schema)), (3, Number(0)), (4, Inners(Vec::new()))]);
    [b"PAR1", &footer[..], &(footer.len() as u32).to_le_bytes(), b"PAR1"].concat()
}

#[test]
fn a_schema_of_ten_thousand_levels_is_an_error_for_all_who_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(&folder, "deep.parquet", &nested(10_000));
    let found = records([&path], &InputOptions::default());
    assert_eq!(codes(&path, &found), [(String::new(), "corrupt".to_string())]);
    assert!(message(&found[0].1).contains("nested too deep"), "{}", message(&found[0].1));
    let shadegrid = |arguments: &[&std::ffi::OsStr]| {
        let output =
            std::process::Command::new(env!("CARGO_BIN_EXE_shadegrid")).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let gallery = folder.path().join("known.gallery");
    let deep = path.as_os_str();
    let (code, said) = shadegrid(&["gallery".as_ref(), "build".as_ref(), gallery.as_os_str(), deep]);
    assert!(matches!(code, Some(1 | 2)) && said.contains("nested too deep"), "{code:?} {said}");
    let list =
        write(&folder, "list.txt", b"f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22\n");
    assert_eq!(
        shadegrid(&["gallery".as_ref(), "build".as_ref(), gallery.as_os_str(), list.as_os_str()]).0,
        Some(0)
    );
    let (code, said) = shadegrid(&[
        "match".as_ref(),
        "--gallery".as_ref(),
        gallery.as_os_str(),
        "--signatures".as_ref(),
        deep,
    ]);
    assert!(matches!(code, Some(1 | 2)) && said.contains("nested too deep"), "{code:?} {said}");
    let (code, _) = shadegrid(&["hash".as_ref(), "-q".as_ref(), "--files-from".as_ref(), deep]);
    assert!(matches!(code, Some(1 | 2)), "{code:?}");
    // A few levels are nothing odd.
    let (_, found) = given(&folder, "shallow.parquet", &nested(20));
    assert!(!message(&found[0].1).contains("nested too deep"), "{}", message(&found[0].1));
}

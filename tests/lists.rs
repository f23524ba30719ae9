//! Every list reader against one set of entries, and against damage.

use std::path::{Path, PathBuf};

use shadegrid::gallery::lists::{Import, ImportOptions, Item, LeaveOut, ListFormat, Unread, read, sniff};
use shadegrid::gallery::{Entry, Gallery, GalleryBuilder, Query, Scratch, SearchOptions};
use shadegrid::{Algorithm, Error, Pdq, PhotoDna};

/// Distinct signatures that look as if pictures had made them.
fn photodna(seed: u8) -> PhotoDna {
    PhotoDna(std::array::from_fn(|k| (k as u8).wrapping_mul(37).wrapping_add(seed.wrapping_mul(91)) % 148))
}

fn pdq(seed: u8) -> Pdq {
    Pdq(std::array::from_fn(|k| {
        if k % 2 == 0 { 0x0f ^ (seed & 0x80) } else { 0x33 }.wrapping_add((k as u8 % 4) * (seed % 4))
    }))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn integers(signature: &PhotoDna) -> String {
    signature.0.map(|value| value.to_string()).join(",")
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

/// Everything that a list gives, with how the reading ended.
fn items(path: &Path, format: Option<ListFormat>) -> (Vec<Item>, Result<(), Error>) {
    let mut items = Vec::new();
    let outcome = read(path, format, &mut |_, item| {
        items.push(item);
        Ok(())
    });
    (items, outcome)
}

/// (key, label, position) of the entries, all else being what [`photodna`] or [`pdq`] of their number from 1 says.
fn entries(path: &Path, format: ListFormat) -> Vec<(String, String, u64)> {
    assert_eq!(sniff(path).unwrap(), format, "{}", path.display());
    let (items, outcome) = items(path, None);
    outcome.unwrap();
    let mut given = Vec::new();
    for item in items {
        let Item::Entry(entry) = item else { panic!("{item:?} in {}", path.display()) };
        let number = given.len() as u8 + 1;
        assert!(entry.photodna.is_none_or(|s| s == photodna(number)), "{}", path.display());
        assert!(entry.pdq.is_none_or(|s| s == pdq(number)), "{}", path.display());
        assert!(entry.photodna.is_some() || entry.pdq.is_some());
        given.push((entry.key, entry.label, entry.position));
    }
    given
}

fn named(rows: &[(&str, &str, u64)]) -> Vec<(String, String, u64)> {
    rows.iter().map(|(key, label, position)| (key.to_string(), label.to_string(), *position)).collect()
}

#[test]
fn plain_text_in_all_its_forms() {
    let folder = Folder::new();
    let text = format!(
        "# a comment\n{}\n\n{},key two,label, with a comma\r\n{}\tkey3\n{},key4,label4\npdq:{}\n{},99,name.jpg\n",
        photodna(1),
        hexadecimal(&photodna(2).0),
        pdq(3),
        integers(&photodna(4)),
        pdq(5).to_string().to_uppercase(),
        pdq(6),
    );
    let expected = [
        ("", "", 2),
        ("key", "two,label, with a comma", 4),
        ("key3", "", 5),
        ("key4", "label4", 6),
        ("", "", 7),
        ("99", "name.jpg", 8),
    ];
    for (name, content) in [("a.txt", text.clone()), ("b.txt", format!("\u{feff}{text}"))] {
        let path = folder.write(name, content);
        // A blank ends a key as a comma does.
        assert_eq!(entries(&path, ListFormat::Text), named(&expected));
    }
    let one = folder.write("threat.pdna", format!("{}\n", integers(&photodna(1))));
    assert_eq!(entries(&one, ListFormat::Text).len(), 1);
    let one = folder.write("threat.pdq", format!("{}", pdq(1)));
    assert_eq!(entries(&one, ListFormat::Text).len(), 1);
}

/// Nothing tells a quality from a key but the format's name: a guess would keep entries from matching.
#[test]
fn a_number_is_a_quality_only_in_a_list_named_so() {
    let folder = Folder::new();
    let content = format!("{},12,a b.jpg\n{} 100 c,d\n{},7\n{}\n", pdq(1), pdq(2), pdq(3), pdq(4));
    let qualities = |path: &Path, format: Option<ListFormat>| -> Vec<(String, String, Option<u8>)> {
        let (items, outcome) = items(path, format);
        outcome.unwrap();
        let entry = |item| match item {
            Item::Entry(entry) => (entry.key, entry.label, entry.quality),
            other => panic!("{other:?}"),
        };
        items.into_iter().map(entry).collect()
    };
    let entry = |key: &str, label: &str, quality| (key.to_string(), label.to_string(), quality);
    for name in ["list.txt", "list.pdq"] {
        let path = folder.write(name, &content);
        assert_eq!(sniff(&path).unwrap(), ListFormat::Text);
        let as_keys = [
            entry("12", "a b.jpg", None),
            entry("100", "c,d", None),
            entry("7", "", None),
            entry("", "", None),
        ];
        assert_eq!(qualities(&path, None), as_keys, "{name}");
        let as_qualities = [
            entry("a b.jpg", "", Some(12)),
            entry("c,d", "", Some(100)),
            entry("", "", Some(7)),
            entry("", "", None),
        ];
        assert_eq!(qualities(&path, Some(ListFormat::TextQuality)), as_qualities, "{name}");
    }
    let mut builder = GalleryBuilder::new();
    let source = builder.source("list", "text");
    let path = folder.write("list.txt", &content);
    read(&path, None, &mut |_, item| match item {
        Item::Entry(entry) => builder.add(source, entry).map(drop),
        _ => Ok(()),
    })
    .unwrap();
    let gallery = Gallery::from_bytes(builder.to_bytes().unwrap()).unwrap();
    let query = Query::default().pdq(Some(pdq(1))).quality(Some(100));
    let mut matches = Vec::new();
    gallery.search(&[query], &SearchOptions::default(), &mut Scratch::default(), &mut matches);
    assert!(matches.iter().any(|m| gallery.entry(m.entry).key == "12"), "an entry with key 12 still matches");
    let wrong = folder.write("wrong.txt", format!("{},101,a\n{},x,b\n{},50,c\n", pdq(1), pdq(2), pdq(3)));
    let (items, _) = items(&wrong, Some(ListFormat::TextQuality));
    assert!(
        matches!(
            items[..],
            [
                Item::Entry(_),
                Item::Odd { position: 1, .. },
                Item::Entry(_),
                Item::Odd { position: 2, .. },
                Item::Entry(_)
            ]
        ),
        "the signature is there, and that its quality is not is reported: {items:?}"
    );
}

#[test]
fn wrong_signatures_are_quarantined_with_position_and_reason() {
    let folder = Folder::new();
    let sha256 = "a".repeat(64);
    let path = folder
        .write("a.pdna", format!("{}\n{sha256}\nnonsense\n{}x\n{}\n", photodna(1), photodna(2), photodna(2)));
    let (items, outcome) = items(&path, None);
    outcome.unwrap();
    let positions: Vec<u64> = items
        .iter()
        .filter_map(|item| match item {
            Item::Bad { position, reason } => {
                assert!(reason.contains("PhotoDNA-class") && !reason.contains(&sha256), "{reason}");
                Some(*position)
            }
            _ => None,
        })
        .collect();
    assert_eq!(positions, [2, 3, 4]);
    assert_eq!(items.len(), 5, "nothing is dropped");
    let bytes = folder.write("b.txt", [b"\xff\xfd".as_slice(), photodna(1).to_string().as_bytes()].concat());
    let outcome = read(&bytes, Some(ListFormat::Text), &mut |_, item| {
        assert!(matches!(item, Item::Bad { position: 1, .. }));
        Ok(())
    });
    assert!(matches!(outcome, Err(Error::Input(_))), "a list that gives nothing is an error");
}

#[test]
fn tables() {
    let folder = Folder::new();
    let plain = format!(
        "id,label,photodna,pdq,quality\na,x,{},,\nb,y,,{},77\n\"c,d\",,{},{},0\n",
        photodna(1),
        pdq(2),
        photodna(3),
        pdq(3)
    );
    let path = folder.write("a.csv", &plain);
    assert_eq!(entries(&path, ListFormat::Csv), named(&[("a", "x", 2), ("b", "y", 3), ("c,d", "", 4)]));
    let marked = folder.write("b.csv", format!("\u{feff}{}", plain.replace('\n', "\r\n")));
    assert_eq!(entries(&marked, ListFormat::Csv).len(), 3);

    let icse = format!(
        "MD5;SHA1;PhotoDNA;Image ID;Is distributed;Victim identified;Offender identified;Series name;Number of submissions;File Available;Media Type;Baseline\n\
         0123456789abcdef0123456789abcdef;;{};1001;true;false;false;S;3;true;image;1\n\
         0123456789abcdef0123456789abcdef;;;1002;true;false;false;;3;true;image;1\n\
         ;;{};;true;false;false;;3;true;image;1\n\
         ;;zz;1004;;;;;;;;\n\
         ;;{};1005;;;;;;;;;;;too many\n",
        hexadecimal(&photodna(1).0),
        photodna(2),
        photodna(3),
    );
    let path = folder.write("icse.csv", icse);
    let (items, outcome) = items(&path, None);
    outcome.unwrap();
    assert_eq!(sniff(&path).unwrap(), ListFormat::Csv);
    let entry = |item: &Item| match item {
        Item::Entry(entry) => Some((entry.key.clone(), entry.label.clone())),
        _ => None,
    };
    assert_eq!(entry(&items[0]), Some(("1001".into(), "S".into())));
    assert_eq!(items[1], Item::WithoutSignature { position: 3 });
    assert_eq!(entry(&items[2]), Some((String::new(), "1".into())));
    assert!(matches!(items[3], Item::Bad { position: 5, .. }));
    assert_eq!(entry(&items[4]), Some(("1005".into(), String::new())));
    assert!(matches!(items[5], Item::Odd { position: 6, .. }), "{:?}", items[5]);

    let bare = folder.write("c.csv", "md5,sha1\na,b\n");
    assert!(matches!(items_error(&bare, ListFormat::Csv), Error::Input(_)));
}

fn items_error(path: &Path, format: ListFormat) -> Error {
    items(path, Some(format)).1.unwrap_err()
}

#[test]
fn json_lines_and_our_own_records() {
    let folder = Folder::new();
    let lines = format!(
        "{{\"path\":\"a.jpg\",\"status\":\"ok\",\"photodna\":\"{}\",\"strength\":12.5,\"pdq\":\"{}\",\"quality\":80,\"flags\":[\"flat\"]}}\n\
         {{\"path\":\"b.jpg\",\"status\":\"error\",\"code\":\"corrupt\",\"message\":\"x\"}}\n\
         {{\"photodna\":[{}],\"id\":7,\"category\":\"A1\"}}\n\
         [1]\nnot json\n",
        photodna(1),
        pdq(1),
        integers(&photodna(2)),
    );
    let path = folder.write("a.jsonl", lines);
    let (items, outcome) = items(&path, None);
    outcome.unwrap();
    assert_eq!(sniff(&path).unwrap(), ListFormat::JsonLines);
    let Item::Entry(first) = &items[0] else { panic!("{:?}", items[0]) };
    assert_eq!((first.key.as_str(), first.quality, first.flat), ("a.jpg", Some(80), true));
    assert_eq!((first.photodna, first.pdq), (Some(photodna(1)), Some(pdq(1))));
    assert_eq!(items[1], Item::WithoutSignature { position: 2 });
    let Item::Entry(third) = &items[2] else { panic!("{:?}", items[2]) };
    assert_eq!((third.key.as_str(), third.label.as_str(), third.photodna), ("7", "A1", Some(photodna(2))));
    assert!(
        matches!(items[3], Item::Bad { position: 4, .. })
            && matches!(items[4], Item::Bad { position: 5, .. })
    );
}

#[test]
fn vics_hash_sets_and_cases() {
    let folder = Folder::new();
    let media = |n: u8, hash: String| {
        format!(
            "{{\"MediaID\":{n},\"Category\":{n},\"MD5\":\"0123456789ABCDEF0123456789ABCDEF\",\"IsDistributed\":\"true\",\"VictimIdentified\":false,{hash},\"Exifs\":[{{\"PropertyName\":\"a\"}}]}}"
        )
    };
    let (one, two) = (
        media(1, format!("\"PhotoDNA\":\"{}\"", photodna(1))),
        media(
            2,
            format!(
                "\"AlternativeHashes\":[{{\"HashName\":\"SHA256\",\"HashValue\":\"00\"}},{{\"HashName\":\"PhotoDNA\",\"HashValue\":\"{}\"}}]",
                photodna(2)
            ),
        ),
    );
    let expected = named(&[("1", "1", 1), ("2", "2", 2)]);
    for (name, text) in [
        ("v1.json", format!("\u{feff}{{\n \"odata.metadata\": \"http://x\",\n \"value\": [{one},\n{two}]}}")),
        ("v2.json", format!("{{\"@odata.context\":\"http://x\",\"value\":[{one},{two}]}}")),
        (
            "cases.json",
            format!(
                "{{\"@odata.context\":\"http://x\",\"value\":[{{\"CaseID\":\"c\",\"Media\":[{one}]}},{{\"Media\":[{two}]}}]}}"
            ),
        ),
        ("array.json", format!("[{one},{two}]")),
    ] {
        let path = folder.write(name, text);
        assert_eq!(entries(&path, ListFormat::Json), expected, "{name}");
    }
    let cut =
        folder.write("cut.json", format!("{{\"@odata.context\":\"x\",\"value\":[{one},{}", &two[..100]));
    let (items, outcome) = items(&cut, None);
    assert_eq!(items.len(), 1, "what came before the damage is passed on");
    assert!(matches!(outcome, Err(Error::Corrupt { .. })));
    let endless = folder.write(
        "endless.json",
        format!("{{\"@odata.context\":\"x\",\"value\":[{{\"PhotoDNA\":\"{}", "A".repeat(40 << 20)),
    );
    assert!(items_error(&endless, ListFormat::Json).to_string().contains("16 MiB"));
}

#[test]
fn ncmec_answers_with_tombstones() {
    let folder = Folder::new();
    let xml = format!(
        "\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<queryResult xmlns=\"https://hashsharing.ncmec.org/hashsharing/v2\">\n<images count=\"4\" maxTimestamp=\"2024-01-01T00:00:00Z\">\
         <image><member id=\"42\">A &amp; B</member><timestamp>x</timestamp><id>one</id><classification>A1</classification><fingerprints><md5>0123456789abcdef0123456789abcdef</md5><pdna>{}</pdna><pdq>{}</pdq></fingerprints></image>\n\
         <image><member id=\"42\"/><id>two</id><classification>B2</classification><fingerprints><pdna>{}</pdna></fingerprints></image>\
         <image><member id=\"42\"/><id>three</id><fingerprints><md5>0123456789abcdef0123456789abcdef</md5></fingerprints></image>\
         <image><member id=\"42\"/><id>four</id><fingerprints><pdna>oops</pdna></fingerprints></image>\
         <deletedImage><member id=\"42\"/><id>one</id></deletedImage></images></queryResult>",
        photodna(1),
        pdq(1),
        photodna(2),
    );
    let path = folder.write("a.xml", &xml);
    assert_eq!(sniff(&path).unwrap(), ListFormat::Ncmec);
    let (items, outcome) = items(&path, None);
    outcome.unwrap();
    let Item::Entry(first) = &items[0] else { panic!("{:?}", items[0]) };
    assert_eq!((first.key.as_str(), first.label.as_str(), first.position), ("42/one", "A1", 1));
    assert_eq!((first.photodna, first.pdq), (Some(photodna(1)), Some(pdq(1))));
    assert_eq!(items[2], Item::WithoutSignature { position: 3 });
    assert!(matches!(items[3], Item::Bad { position: 4, .. }));
    assert_eq!(items[4], Item::Removed { key: "42/one".into() });

    let mut builder = GalleryBuilder::new();
    let mut bad = Vec::new();
    let report = Import::default()
        .list(&path, "ncmec", None, &mut builder, &mut |Unread { position, reason, .. }| {
            bad.push((position, reason.to_string()));
            Ok(())
        })
        .unwrap();
    assert_eq!((report.entries, report.bad, report.removed, report.without_signature), (2, 1, 1, 1));
    assert_eq!(bad.len(), 1);
    let gallery = Gallery::from_bytes(builder.to_bytes().unwrap()).unwrap();
    let keys: Vec<&str> = gallery.ids().map(|id| gallery.entry(id).key).collect();
    assert_eq!(keys, ["42/two"], "a deleted image removes what came before it");

    let cut = folder.write("cut.xml", &xml[..xml.len() - 20]);
    assert!(matches!(items_error(&cut, ListFormat::Ncmec), Error::Corrupt { .. }));
}

#[test]
fn bare_signatures_are_read_where_they_are_named() {
    let folder = Folder::new();
    let all: Vec<u8> = (1..=3).flat_map(|n| photodna(n).0).collect();
    let path = folder.write("photodna.bin", &all);
    let (read, outcome) = items(&path, Some(ListFormat::BinaryPhotoDna));
    outcome.unwrap();
    let expected = |n: u8| Item::Entry(Entry::default().position(u64::from(n)).photodna(Some(photodna(n))));
    assert_eq!(read, [1, 2, 3].map(expected));
    assert!(
        matches!(sniff(&path), Err(Error::Input(_))),
        "neither length nor name makes signatures of bytes"
    );
    let all: Vec<u8> = (1..=4).flat_map(|n| pdq(n).0).collect();
    let path = folder.write("pdq.bin", &all);
    assert_eq!(items(&path, Some(ListFormat::BinaryPdq)).0.len(), 4);
    assert!(matches!(items(&path, None), (items, Err(Error::Input(_))) if items.is_empty()));
    let cut = folder.write("cut.bin", &all[..100]);
    assert!(
        matches!(items(&cut, Some(ListFormat::BinaryPdq)), (items, Err(Error::Corrupt { .. })) if items.len() == 3)
    );
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_with_bytes_and_with_text() {
    use std::sync::Arc;

    use parquet::data_type::{ByteArray, ByteArrayType, FixedLenByteArray, FixedLenByteArrayType};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    let folder = Folder::new();
    let path = folder.0.path().join("a.parquet");
    let schema = Arc::new(parse_message_type("message list { required binary path (UTF8); optional fixed_len_byte_array(144) photodna; optional binary pdq (UTF8); optional int32 quality; }").unwrap());
    let file = std::fs::File::create(&path).unwrap();
    let mut writer =
        SerializedFileWriter::new(file, schema, Arc::new(WriterProperties::builder().build())).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let names: Vec<ByteArray> = ["a", "b", "c"].map(ByteArray::from).into();
    column.typed::<ByteArrayType>().write_batch(&names, None, None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let signatures: Vec<FixedLenByteArray> =
        [1, 2].map(|n| FixedLenByteArray::from(ByteArray::from(photodna(n).0.to_vec()))).into();
    column.typed::<FixedLenByteArrayType>().write_batch(&signatures, Some(&[1, 1, 0]), None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let texts: Vec<ByteArray> = [1, 3].map(|n| ByteArray::from(pdq(n).to_string().as_str())).into();
    column.typed::<ByteArrayType>().write_batch(&texts, Some(&[1, 0, 1]), None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<parquet::data_type::Int32Type>().write_batch(&[70, 80], Some(&[1, 0, 1]), None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    assert_eq!(entries(&path, ListFormat::Parquet), named(&[("a", "", 1), ("b", "", 2), ("c", "", 3)]));

    let bytes = std::fs::read(&path).unwrap();
    for length in (4..bytes.len()).step_by(7) {
        let cut = folder.write("cut.parquet", &bytes[..length]);
        assert!(matches!(items_error(&cut, ListFormat::Parquet), Error::Corrupt { .. }), "cut at {length}");
    }
}

#[test]
fn damage_anywhere_never_panics() {
    let folder = Folder::new();
    let record = format!("{{\"id\":\"a\",\"photodna\":\"{}\"}}\n", photodna(1));
    let sources = [
        (ListFormat::Text, format!("{},a,b\n{}\n", photodna(1), integers(&photodna(2)))),
        (ListFormat::TextQuality, format!("{},80,a\n{},90,b\n", pdq(1), pdq(2))),
        (ListFormat::Csv, format!("id,photodna\na,{}\n\"b\",{}\n", photodna(1), photodna(2))),
        (ListFormat::JsonLines, record.repeat(2)),
        (ListFormat::Json, format!("{{\"value\":[{record},{record}]}}")),
        (
            ListFormat::Ncmec,
            format!(
                "<q><image><id>a</id><fingerprints><pdna>{}</pdna></fingerprints></image></q>",
                photodna(1)
            ),
        ),
    ];
    let mut cases = 0;
    for (format, text) in sources {
        for at in (0..text.len()).step_by(3) {
            let mut bytes = text.clone().into_bytes();
            for change in [0, b'"', b'<', b'{', 0xff] {
                bytes[at] = change;
                let path = folder.write("x", &bytes);
                let (items, _) = items(&path, Some(format));
                assert!(items.len() < 20);
                let path = folder.write("y", &bytes[..at]);
                let _ = (sniff(&path), self::items(&path, Some(format)));
                cases += 2;
            }
        }
    }
    assert!(cases > 3000, "{cases}");
}

#[test]
fn imports_tell_what_was_in_the_list() {
    let folder = Folder::new();
    let bogus = PhotoDna([3; 144]);
    let mut text = String::new();
    for n in 0..150 {
        text += &format!("{bogus},bogus{n}\n");
    }
    text += &format!("{},a\n{},b\n{},c\nrubbish\n", photodna(1), photodna(2), photodna(1));
    let path = folder.write("list.txt", text);
    let sha256 = Pdq([0xff; 32]);
    let other = folder.write("other.csv", format!("pdq,quality,flags\n{},40,flat\n{sha256},90,\n", pdq(1)));
    for (leave_out, left_out, kept) in [
        (LeaveOut::default(), 0, 155),
        (LeaveOut::default().overrepresented(true), 150, 5),
        (LeaveOut::default().suspicious(true).flat(true), 152, 3),
    ] {
        let mut import = Import::new(ImportOptions::default().leave_out(leave_out));
        let mut builder = GalleryBuilder::new();
        let mut quarantined = 0;
        let mut quarantine = |_: Unread<'_>| {
            quarantined += 1;
            Ok(())
        };
        let first = import.list(&path, "list", None, &mut builder, &mut quarantine).unwrap();
        let second = import.list(&other, "other", None, &mut builder, &mut quarantine).unwrap();
        assert_eq!((first.entries, first.photodna, first.bad, first.duplicates), (153, 153, 1, 150));
        let [of] = &first.overrepresented[..] else { panic!("{:?}", first.overrepresented) };
        assert_eq!((first.suspicious, of.algorithm, of.count), (150, Algorithm::PhotoDna, 150));
        assert_eq!((&of.first, &of.reached), (&("list".into(), 1), &("bogus99".into(), 100)));
        assert_eq!((second.pdq, second.flat, second.low_quality, second.suspicious), (2, 1, 1, 1));
        assert_eq!(first.left_out + second.left_out, left_out, "{leave_out:?}");
        assert_eq!((quarantined, builder.len()), (left_out + 1, kept));
    }
}

/// A value may come first in one list, and be over-represented only with the next.
#[test]
fn a_frequent_value_is_known_by_the_list_where_it_came_first() {
    let folder = Folder::new();
    let once = folder.write("once.csv", format!("id,pdq\nother,{}\nfirst,{}\n", pdq(1), pdq(2)));
    let often = folder.write("often.csv", format!("id,pdq\na,{}\nb,{}\nc,{}\n", pdq(2), pdq(3), pdq(2)));
    let mut import = Import::new(ImportOptions::default().overrepresented_from(3));
    let mut builder = GalleryBuilder::new();
    let mut list = |path: &Path, name: &str| {
        import.list(path, name, None, &mut builder, &mut |_| Ok(())).unwrap().overrepresented
    };
    assert!(list(&once, "once").is_empty());
    let [of] = &list(&often, "often")[..] else { panic!("one value occurs three times") };
    assert_eq!((of.algorithm, of.count), (Algorithm::Pdq, 3));
    assert_eq!((&of.first, &of.reached), (&("once".into(), 3), &("c".into(), 4)), "lines of CSV");
}

#[test]
fn an_entry_needs_a_signature() {
    let mut builder = GalleryBuilder::new();
    let source = builder.source("a", "text");
    assert!(matches!(builder.add(source, Entry::default()), Err(Error::Input(_))));
}

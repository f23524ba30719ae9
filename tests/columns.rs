//! Further columns of lists: kept where that is asked for, by name, and given back with what matched.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use shadegrid::gallery::lists::{Import, ImportOptions, KeepColumns, ListFormat};
use shadegrid::gallery::{
    Columns, Entry, Gallery, GalleryBuilder, LARGEST_COLUMN_VALUE, MOST_COLUMNS, Supersedes,
};
use shadegrid::{Error, Pdq, PhotoDna};
use tempfile::TempDir;

fn photodna(seed: u8) -> PhotoDna {
    PhotoDna(std::array::from_fn(|k| (k as u8).wrapping_mul(37).wrapping_add(seed.wrapping_mul(91)) % 148))
}

fn pdq(seed: u64) -> String {
    (0..4).map(|k| format!("{:016x}", (seed * 4 + k + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect()
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

fn run(folder: &TempDir, arguments: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shadegrid"));
    command.args(arguments.split(' ')).current_dir(folder.path()).stdin(Stdio::null()).output().unwrap()
}

/// Runs and expects an exit code; gives what was said on standard error.
fn said(folder: &TempDir, arguments: &str, code: i32) -> String {
    let output = run(folder, arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments}: {said}");
    said
}

/// Lines of standard output.
fn lines(folder: &TempDir, arguments: &str) -> Vec<Value> {
    let output = run(folder, arguments);
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    let lines = output.stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

fn keep(names: &[&str]) -> KeepColumns {
    KeepColumns::of(&names.iter().map(|name| name.to_string()).collect::<Vec<_>>()).unwrap()
}

/// The gallery of one list, and what of it could not be read.
fn import(path: &Path, columns: KeepColumns) -> Result<(Gallery, Vec<String>), Error> {
    let mut builder = GalleryBuilder::new();
    let mut faults = Vec::new();
    let options = ImportOptions::default().columns(columns);
    Import::new(options).list(path, "list", None, &mut builder, &mut |unread| {
        faults.push(unread.reason.to_string());
        Ok(())
    })?;
    Ok((Gallery::from_bytes(builder.to_bytes()?)?, faults))
}

/// Keys and columns of the entries.
fn columns(gallery: &Gallery) -> Vec<(String, Value)> {
    gallery.verify().unwrap();
    let of = |id| {
        let entry = gallery.entry(id);
        (entry.key.to_string(), serde_json::to_value(entry.columns.to_columns()).unwrap())
    };
    gallery.ids().map(of).collect()
}

fn list(format: &str) -> String {
    let (one, two) = (pdq(1), pdq(2));
    match format {
        "csv" => format!("id;Series;md5;note;pdq\na;\" Summer; 1 \";00ff;x;{one}\nb;;11ee;;{two}\n"),
        "jsonl" => format!(
            "{{\"id\":\"a\",\"series\":\"Summer; 1\",\"MD5\":\"00ff\",\"note\":\"x\",\"pdq\":\"{one}\"}}\n\
             {{\"id\":\"b\",\"series\":null,\"MD5\":\"11ee\",\"pdq\":\"{two}\"}}\n"
        ),
        "vics.json" => format!(
            "{{\"@odata.context\":\"http://x\",\"value\":[{{\"CaseID\":\"c\",\"Series\":\"of the case\",\"Media\":[\
             {{\"MediaID\":\"a\",\"Category\":1,\"MD5\":\"00ff\",\"Series\":\"Summer; 1\",\"AlternativeHashes\":[{{\"HashName\":\"PDQ\",\"HashValue\":\"{one}\"}}]}},\
             {{\"MediaID\":\"only\",\"MD5\":\"33\",\"Series\":\"of another\"}},\
             {{\"MediaID\":\"b\",\"Category\":2,\"MD5\":\"11ee\",\"PDQ\":\"{two}\"}}]}}]}}"
        ),
        _ => format!(
            "<queryResult><images><image><member id=\"1\">M</member><id>a</id><series>Summer; 1</series>\
             <fingerprints><md5>00ff</md5><pdq>{one}</pdq></fingerprints><feedback><md5>of another</md5></feedback></image>\
             <image><member id=\"1\"/><id>b</id><fingerprints><md5>11ee</md5><pdq>{two}</pdq></fingerprints></image></images></queryResult>"
        ),
    }
}

#[test]
fn every_format_gives_the_columns_that_are_asked_for_and_no_others() {
    for format in ["csv", "jsonl", "vics.json", "xml"] {
        let folder = folder(&[("list", &list(format))]);
        let path = folder.path().join("list");
        let (gallery, faults) = import(&path, keep(&["series", "MD5"])).unwrap();
        let values: Vec<Value> = columns(&gallery).into_iter().map(|(_, columns)| columns).collect();
        let expected = [json!({ "series": "Summer; 1", "MD5": "00ff" }), json!({ "MD5": "11ee" })];
        assert_eq!(values, expected, "{format}");
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!(
            gallery.columns(),
            [("series".into(), 1), ("MD5".into(), 2)],
            "in the order of the request"
        );

        let none = import(&path, KeepColumns::Nothing).unwrap().0;
        assert!(none.columns().is_empty() && columns(&none).iter().all(|(_, columns)| *columns == json!({})));
        assert_eq!(none.counts().entries, 2, "{format}");
    }
}

#[test]
fn all_columns_are_all_but_signatures() {
    let text = format!(
        "{{\"id\":\"a\",\"rank\":7,\"seen\":true,\"gone\":null,\"tags\":[\"x\",\"y\",\"x\"],\"deep\":{{\"place\":\"z\"}},\"pdq\":\"{}\"}}\n",
        pdq(1)
    );
    let keyed = format!("{{\"pdq\":{{\"k1\":\"{}\",\"k2\":\"{}\"}}}}\n", pdq(2), pdq(3));
    let folder = folder(&[("one", &text), ("keyed", &keyed), ("csv", &list("csv"))]);
    let all = |name: &str| columns(&import(&folder.path().join(name), KeepColumns::All).unwrap().0);
    assert_eq!(
        all("one"),
        [("a".into(), json!({ "id": "a", "rank": "7", "seen": "true", "tags": "x; y", "place": "z" }))]
    );
    assert!(all("keyed").iter().all(|(_, columns)| *columns == json!({})), "what is keyed is a signature");
    assert_eq!(all("csv")[0].1, json!({ "id": "a", "Series": "Summer; 1", "md5": "00ff", "note": "x" }));
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_gives_texts_numbers_and_bytes() {
    use std::sync::Arc;

    use parquet::data_type::{ByteArray, ByteArrayType, FixedLenByteArray, FixedLenByteArrayType, Int64Type};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    let folder = folder(&[]);
    let path = folder.path().join("a.parquet");
    let schema = "message list { required binary id (UTF8); required binary pdq (UTF8); optional binary Series (UTF8); \
        required binary raw; required fixed_len_byte_array(4) md5; required int64 rank; required binary other (UTF8); }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let file = fs::File::create(&path).unwrap();
    let mut writer =
        SerializedFileWriter::new(file, schema, Arc::new(WriterProperties::builder().build())).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let texts =
        |values: &[&[u8]]| values.iter().map(|value| ByteArray::from(value.to_vec())).collect::<Vec<_>>();
    let (one, two) = (pdq(1), pdq(2));
    for (values, levels) in [
        (texts(&[b"a", b"b"]), None),
        (texts(&[one.as_bytes(), two.as_bytes()]), None),
        (texts(&["käse".as_bytes()]), Some(&[1, 0][..])),
        (texts(&[b"\xff\x00", b"text"]), None),
    ] {
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&values, levels, None).unwrap();
        column.close().unwrap();
    }
    let mut column = group.next_column().unwrap().unwrap();
    // Digests that could be text are digests.
    let digests: Vec<FixedLenByteArray> =
        texts(&[b"abcd", b"\x00\x01\x02\x03"]).into_iter().map(Into::into).collect();
    column.typed::<FixedLenByteArrayType>().write_batch(&digests, None, None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int64Type>().write_batch(&[-1, 1 << 40], None, None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<ByteArrayType>().write_batch(&texts(&[b"o", b"o"]), None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    let (gallery, _) = import(&path, keep(&["series", "raw", "md5", "rank"])).unwrap();
    let expected = [
        json!({ "series": "käse", "raw": "ff00", "md5": "61626364", "rank": "-1" }),
        json!({ "raw": "text", "md5": "00010203", "rank": "1099511627776" }),
    ];
    assert_eq!(columns(&gallery).into_iter().map(|(_, columns)| columns).collect::<Vec<_>>(), expected);
}

#[test]
fn what_is_too_long_or_too_much_is_reported_and_its_entry_is_kept() {
    let long = "n".repeat(LARGEST_COLUMN_VALUE);
    let text = format!("id,note,md5,pdq\na,{long},1,{}\nb,{long}x,2,{}\nc,,3,{}\n", pdq(1), pdq(2), pdq(3));
    let folder = folder(&[("list.csv", &text)]);
    let (gallery, faults) = import(&folder.path().join("list.csv"), keep(&["note", "md5"])).unwrap();
    let found = columns(&gallery);
    assert_eq!(found[0].1, json!({ "note": long, "md5": "1" }));
    assert_eq!((&found[1].1, &found[2].1), (&json!({ "md5": "2" }), &json!({ "md5": "3" })));
    assert_eq!(faults, ["65537 bytes of one further column are not kept: up to 65536 are"]);

    // Text in another encoding is text.
    let latin = [b"id,note,pdq\na,K\xe4se,".as_slice(), pdq(1).as_bytes(), b"\n"].concat();
    fs::write(folder.path().join("latin.csv"), latin).unwrap();
    let (gallery, _) = import(&folder.path().join("latin.csv"), keep(&["note"])).unwrap();
    assert_eq!(columns(&gallery)[0].1, json!({ "note": "Käse" }));

    // All of an entry.
    let names = ["n1", "n2", "n3", "n4", "n5"];
    let members = names.map(|name| format!("\"{name}\":\"{name}{}\",", &long[2..])).concat();
    fs::write(folder.path().join("much.jsonl"), format!("{{{members}\"pdq\":\"{}\"}}\n", pdq(1))).unwrap();
    let (gallery, faults) = import(&folder.path().join("much.jsonl"), keep(&names)).unwrap();
    assert_eq!(gallery.entry(gallery.ids().next().unwrap()).columns.iter().count(), 4);
    assert!(faults.len() == 1 && faults[0].contains("262144"), "{faults:?}");

    // Names that are data.
    let many: String = (0..=MOST_COLUMNS)
        .map(|n| format!("{{\"name{n}\":\"x\",\"pdq\":\"{}\"}}\n", pdq(n as u64)))
        .collect();
    fs::write(folder.path().join("many.jsonl"), many).unwrap();
    let refused = import(&folder.path().join("many.jsonl"), KeepColumns::All).unwrap_err();
    assert!(refused.to_string().contains("over 256 further columns"), "{refused}");
    assert_eq!(
        import(&folder.path().join("many.jsonl"), keep(&["name7"])).unwrap().0.columns(),
        [("name7".into(), 1)]
    );
}

/// What many signatures of one record share is stored once: a few MiB of list must not become gigabytes.
#[test]
fn what_entries_share_is_stored_once() {
    let long = "n".repeat(LARGEST_COLUMN_VALUE);
    let media: Vec<String> =
        (0..4000).map(|n| format!("{{\"sha256\":\"{n}\",\"pdq\":\"{}\"}}", pdq(n))).collect();
    let text = format!("[{{\"id\":\"a\",\"note\":\"{long}\",\"media\":[{}]}}]", media.join(","));
    let folder = folder(&[("list.json", &text)]);
    let (gallery, _) = import(&folder.path().join("list.json"), keep(&["note"])).unwrap();
    let with: u64 = gallery.columns()[0].1;
    assert!(gallery.counts().entries == 4000 && with == 4000, "{with}");
    assert!(gallery.counts().bytes < 2 << 20, "{} bytes", gallery.counts().bytes);
}

#[test]
fn a_gallery_is_given_only_what_it_can_hold() {
    let entry = |columns: Columns| Entry::default().pdq(Some(Pdq([7; 32]))).columns(columns);
    let mut builder = GalleryBuilder::new();
    let source = builder.source("list", "csv");
    let long = "n".repeat(LARGEST_COLUMN_VALUE + 1);
    for wrong in [
        Columns::new([("note", long.as_str())]),
        Columns::new([("n".repeat(300), "x")]),
        Columns::new((0..=MOST_COLUMNS).map(|n| (n.to_string(), "x"))),
    ] {
        assert_eq!(builder.add(source, entry(wrong)).unwrap_err().code(), "limit");
    }
    builder.add(source, entry(Columns::new([("b", "2"), ("a", "1"), ("b", "3"), ("c", "")]))).unwrap();
    let gallery = Gallery::from_bytes(builder.to_bytes().unwrap()).unwrap();
    let view = gallery.entry(gallery.ids().next().unwrap()).columns;
    assert_eq!(view.iter().collect::<Vec<_>>(), [("a", "1"), ("b", "3")]);
    assert_eq!((view.get("b"), view.get("c")), (Some("3"), None));
    assert!(
        !format!("{view:?} {:?}", view.to_columns()).contains('3'),
        "values are shown to who asks for them"
    );
}

#[test]
fn damaged_columns_are_refused() {
    let mut builder = GalleryBuilder::new();
    let source = builder.source("list", "csv");
    for number in 0..5u8 {
        let columns = Columns::new([("md5", format!("value {number}")), ("note", "the same".into())]);
        let entry = Entry::default().key(number.to_string()).photodna(Some(photodna(number)));
        builder.add(source, entry.columns(columns)).unwrap();
    }
    let bytes = builder.to_bytes().unwrap();
    assert_eq!(bytes[8], 3, "programs that know nothing of columns refuse the file");
    let whole = Gallery::from_bytes(bytes.clone()).unwrap();
    assert_eq!(columns(&whole).len(), 5);
    let mut newer = bytes.clone();
    newer[8] = 4;
    assert!(matches!(Gallery::from_bytes(newer), Err(Error::Unsupported(_))));
    let (mut refused, mut found) = (0, 0);
    for at in 0..bytes.len() {
        for bit in [1, 0x80] {
            let mut broken = bytes.clone();
            broken[at] ^= bit;
            let Ok(gallery) = Gallery::from_bytes(broken) else {
                refused += 1;
                continue;
            };
            // Whatever opens must not panic, and verification finds it.
            gallery.ids().for_each(|id| found += gallery.entry(id).columns.iter().count());
            let _ = (gallery.columns(), gallery.column_names());
            refused += usize::from(gallery.verify().is_err());
        }
    }
    assert!(found > 0 && refused + 2 * 64 * 18 > 2 * bytes.len(), "{refused} of {}", 2 * bytes.len());
    for length in 0..bytes.len() {
        assert!(Gallery::from_bytes(bytes[..length].to_vec()).is_err(), "cut at {length}");
    }
}

#[test]
fn additions_removals_and_newer_lists_carry_columns() {
    let entry = |key: &str, seed: u8, columns: &[(&str, &str)]| {
        Entry::default()
            .key(key.into())
            .photodna(Some(photodna(seed)))
            .columns(Columns::new(columns.iter().copied()))
    };
    let build = |entries: Vec<Entry>| {
        let mut builder = GalleryBuilder::new();
        let source = builder.source("list", "csv");
        for entry in entries {
            builder.add_once(source, entry).unwrap();
        }
        builder
    };
    let of = |pairs: Value| pairs;
    // One without columns comes first, and gets some that have them.
    let plain =
        Gallery::from_bytes(build(vec![entry("a", 1, &[]), entry("b", 2, &[])]).to_bytes().unwrap()).unwrap();
    let more = build(vec![entry("b", 2, &[("md5", "1")]), entry("c", 3, &[("md5", "2"), ("note", "x")])]);
    let gallery = Gallery::from_bytes(more.append_to_bytes(&plain).unwrap()).unwrap();
    let expected = [
        ("a".to_string(), of(json!({}))),
        ("b".into(), of(json!({ "md5": "1" }))),
        ("c".into(), of(json!({ "md5": "2", "note": "x" }))),
    ];
    assert_eq!(columns(&gallery), expected);
    assert_eq!((gallery.counts().entries, gallery.counts().removed), (3, 1));

    // The same once more changes nothing; other values replace; removal leaves the others.
    let same = build(vec![entry("c", 3, &[("note", "x"), ("md5", "2")])]);
    let again = Gallery::from_bytes(same.append_to_bytes(&gallery).unwrap()).unwrap();
    assert_eq!((again.counts().segments, columns(&again)), (2, expected.to_vec()));
    let mut newer = build(vec![entry("c", 3, &[("md5", "9")])]);
    newer.remove("csv", "b");
    newer.supersede(Supersedes::Changed);
    let gallery = Gallery::from_bytes(newer.append_to_bytes(&again).unwrap()).unwrap();
    assert_eq!(columns(&gallery), [expected[0].clone(), ("c".into(), json!({ "md5": "9" }))]);
    assert_eq!(gallery.columns(), [("md5".to_string(), 1), ("note".into(), 0)]);

    // Twice in one list: what was read last counts.
    let twice = build(vec![entry("a", 1, &[("md5", "1")]), entry("a", 1, &[("note", "2")])]);
    let gallery = Gallery::from_bytes(twice.to_bytes().unwrap()).unwrap();
    assert_eq!(columns(&gallery), [("a".into(), json!({ "note": "2" }))]);
}

#[test]
fn matches_give_back_what_was_asked_for() {
    let folder = folder(&[("list.csv", &list("csv")), ("asked.txt", &format!("{}\n{}\n", pdq(1), pdq(2)))]);
    let report = said(&folder, "gallery build g.gallery list.csv --columns series,md5", 0);
    assert!(report.contains("2 with further columns"), "{report}");
    let file = fs::read(folder.path().join("g.gallery")).unwrap();
    let holds = |text: &[u8]| file.windows(text.len()).any(|window| window == text);
    assert!(holds(b"Summer; 1") && !holds(b"note") && !report.contains("Summer"));

    let found = lines(&folder, "match --gallery g.gallery --signatures asked.txt --format jsonl");
    assert_eq!(found[0]["matches"][0]["columns"], json!({ "series": "Summer; 1", "md5": "00ff" }));
    assert_eq!(found[1]["matches"][0]["columns"], json!({ "md5": "11ee" }));
    let info = &lines(&folder, "gallery info g.gallery --json")[0];
    assert_eq!(info["columns"], json!([{ "name": "series", "entries": 1 }, { "name": "md5", "entries": 2 }]));
    let info = String::from_utf8(run(&folder, "gallery info g.gallery --format table").stdout).unwrap();
    assert!(
        info.contains("columns   series  1 entry\n          md5     2 entries") && !info.contains("Summer"),
        "{info}"
    );

    // What is exported is built again, with its columns or without.
    let exported = lines(&folder, "gallery export g.gallery -o all.jsonl");
    assert!(exported.is_empty());
    said(&folder, "gallery build again.gallery all.jsonl --columns md5", 0);
    assert_eq!(
        lines(&folder, "gallery info again.gallery --json")[0]["columns"],
        json!([{ "name": "md5", "entries": 2 }])
    );
    said(&folder, "gallery build without.gallery all.jsonl", 0);
    assert_eq!(lines(&folder, "gallery info without.gallery --json")[0].get("columns"), None);
    let found = lines(&folder, "match --gallery without.gallery --signatures asked.txt --format jsonl");
    assert!(found.iter().all(|line| line["matches"][0].get("columns").is_none()), "{found:?}");
}

#[test]
fn a_gallery_goes_on_keeping_what_it_was_built_to_keep() {
    let row = |key: &str, series: &str, seed| format!("{key},{series},secret,{}\n", pdq(seed));
    let text = |rows: &[String]| format!("id,series,note,pdq\n{}", rows.concat());
    let folder = folder(&[("list.csv", &text(&[row("a", "one", 1), row("b", "two", 2)]))]);
    let write = |rows: &[String]| fs::write(folder.path().join("list.csv"), text(rows)).unwrap();
    let all = || {
        let entries = lines(&folder, "gallery export g.gallery");
        let of = |entry: &Value| (entry["key"].as_str().unwrap().to_string(), entry["columns"].clone());
        entries.iter().map(of).collect::<Vec<_>>()
    };
    said(&folder, "gallery build g.gallery list.csv --columns Series", 0);
    write(&[row("a", "other", 1), row("b", "two", 2), row("c", "new", 3)]);
    let report = said(&folder, "gallery update g.gallery list.csv", 0);
    assert!(report.contains("2 as before, 1 added, 0 removed"), "{report}");
    let (a, b, c) = (
        ("a".to_string(), json!({ "Series": "other" })),
        ("b".into(), json!({ "Series": "two" })),
        ("c".into(), json!({ "Series": "new" })),
    );
    let sorted = || {
        let mut all = all();
        all.sort_by(|one, other| one.0.cmp(&other.0));
        all
    };
    assert_eq!(sorted(), [a, b.clone(), c.clone()]);
    write(&[row("d", "four", 4)]);
    said(&folder, "gallery add g.gallery list.csv", 0);
    said(&folder, "gallery remove g.gallery --key a", 0);
    assert_eq!(sorted(), [b, c, ("d".into(), json!({ "Series": "four" }))]);
    // What the list is read without goes.
    said(&folder, "gallery update g.gallery list.csv --columns none", 0);
    assert_eq!(sorted()[2], ("d".into(), Value::Null));
}

#[test]
fn names_that_are_missing_or_mean_something_else_are_said() {
    let text = format!("id,key,distance,KEY,pdq\n1,k,far,K,{}\n", pdq(1));
    let folder = folder(&[("list.csv", &text), ("plain.txt", &pdq(2)), ("asked.txt", &pdq(1))]);
    let report =
        said(&folder, "gallery build g.gallery list.csv plain.txt --columns serie,distance --quiet", 0);
    assert!(
        report.contains("no entry of the lists has a column called serie") && !report.contains("distance"),
        "{report}"
    );
    for wrong in ["all,md5", "photodna", "PDQ", ""] {
        let refused = run(&folder, &format!("gallery build g.gallery list.csv --columns={wrong}"));
        assert_eq!(refused.status.code(), Some(1), "{wrong}");
    }
    // In records they stand apart; in rows they get another name.
    said(&folder, "gallery build g.gallery list.csv --columns key,distance,entry_key", 0);
    let found = lines(&folder, "match --gallery g.gallery --signatures asked.txt --format jsonl");
    assert_eq!(found[0]["matches"][0]["columns"], json!({ "key": "k; K", "distance": "far" }));
    assert_eq!(found[0]["matches"][0]["distance"], 0);
    let rows = lines(&folder, "match --gallery g.gallery --signatures asked.txt --rows");
    assert_eq!(
        (&rows[0]["entry"], &rows[0]["entry_key"], &rows[0]["distance"]),
        (&json!("1"), &json!("k; K"), &json!("far"))
    );
    let csv = run(&folder, "match --gallery g.gallery --signatures asked.txt --rows --format csv");
    let csv = String::from_utf8(csv.stdout).unwrap();
    let (names, values) = csv.split_once('\n').unwrap();
    assert!(names.ends_with(",face,entry_key,distance,entry_entry_key"), "{names}");
    assert!(values.trim_end().ends_with(",k; K,far,"), "{values}");
    let table = run(&folder, "match --gallery g.gallery --signatures asked.txt --format table");
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.contains("COLUMNS") && table.contains("distance=far, key=k; K"), "{table}");
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_rows_have_columns_of_any_name() {
    use parquet::record::{Field, Row};

    let text = format!("id,a \"b\" (c),MD5,pdq\n1,x,,{}\n2,,ff,{}\n", pdq(1), pdq(2));
    let text = text.replace("a \"b\" (c)", "\"a \"\"b\"\" (c)\"");
    let folder = folder(&[("list.csv", &text), ("asked.txt", &format!("{}\n{}\n", pdq(1), pdq(2)))]);
    said(&folder, "gallery build g.gallery list.csv --columns all", 0);
    said(&folder, "match --gallery g.gallery --signatures asked.txt --rows -o rows.parquet", 0);
    let file = fs::File::open(folder.path().join("rows.parquet")).unwrap();
    let reader = parquet::file::reader::SerializedFileReader::new(file).unwrap();
    let value = |field: &Field| match field {
        Field::Str(text) => json!(text),
        Field::Null => Value::Null,
        other => json!(other.to_string()),
    };
    let object =
        |row: Row| Value::Object(row.get_column_iter().map(|(name, of)| (name.clone(), value(of))).collect());
    let rows: Vec<Value> = reader.into_iter().map(|row| object(row.unwrap())).collect();
    assert_eq!(
        (&rows[0]["a \"b\" (c)"], &rows[0]["MD5"], &rows[0]["id"]),
        (&json!("x"), &Value::Null, &json!("1"))
    );
    assert_eq!((&rows[1]["a \"b\" (c)"], &rows[1]["MD5"]), (&Value::Null, &json!("ff")));
}

#[test]
fn formats_are_recognised_whether_columns_are_kept_or_not() {
    for (format, name) in
        [("csv", ListFormat::Csv), ("jsonl", ListFormat::JsonLines), ("vics.json", ListFormat::Json)]
    {
        let folder = folder(&[("list", &list(format))]);
        let (gallery, _) = import(&folder.path().join("list"), KeepColumns::All).unwrap();
        assert_eq!(gallery.sources(), [("list".to_string(), name.name().to_string(), 2)]);
    }
}

//! A log, and everything that can be done to it.

use rusqlite::Connection;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::state::State;

const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A folder with so many lines.
fn folder(lines: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(folder.path()).unwrap();
    let connection = state.connection();
    for number in 0..lines {
        let detail = json!({ "number": number, "text": "\"ü\n\u{2028}" });
        let (who, subject) = (format!("person \"{number}\"\n"), number.to_string());
        let act = Act { who: &who, action: "test.done", subject: &subject, detail };
        let time =
            SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(1_764_064_800_000 + number as u64);
        append(&connection, &act, time).unwrap();
    }
    drop(connection);
    folder
}

fn exported(folder: &TempDir) -> (Vec<String>, AuditEnd) {
    let mut text = Vec::new();
    let end = AuditLog::open(folder.path()).unwrap().export(&mut text).unwrap();
    (String::from_utf8(text).unwrap().lines().map(String::from).collect(), end)
}

fn checked(lines: &[String], expected: Option<&str>) -> AuditVerdict {
    verify(lines.iter().map(|line| format!("{line}\n")).collect::<String>().as_bytes(), expected).unwrap()
}

/// The number of the line that is wrong.
fn broken(lines: &[String], expected: Option<&str>) -> Option<u64> {
    checked(lines, expected).broken.map(|broken| broken.line)
}

/// A line with another hash, as who changed it would write it.
fn with_hash(line: &str) -> String {
    let hashed = &line[..line.len() - 75];
    format!("{hashed},\"hash\":\"{}\"}}", line::hash(hashed.as_bytes()))
}

#[test]
fn a_line_is_these_bytes() {
    let folder = folder(2);
    let (lines, end) = exported(&folder);
    let first = format!(
        "{{\"number\":1,\"time\":\"2025-11-25T10:00:00.000Z\",\"who\":\"person \\\"0\\\"\\n\",\"action\":\"test.done\",\"subject\":\"0\",\
         \"detail\":{{\"number\":0,\"text\":\"\\\"ü\\n\u{2028}\"}},\"previous\":\"{ZEROS}\""
    );
    assert!(lines[0].starts_with(&first), "{}", lines[0]);
    assert_eq!(lines[0], with_hash(&lines[0]));
    assert!(
        lines[1]
            .contains(&format!("\"previous\":\"{}\"", &lines[0][lines[0].len() - 66..lines[0].len() - 2]))
    );
    assert_eq!((end.lines, &end.hash[..]), (2, line::hash_in(lines[1].as_bytes()).unwrap()));
    assert_eq!(exported(&folder), (lines, end), "the same again is the same");
    let empty = self::folder(0);
    assert_eq!(exported(&empty).1.hash, ZEROS);
    assert!(checked(&[], Some(ZEROS)).is_whole() && checked(&[], None).is_whole());
}

#[test]
fn every_change_of_a_line_is_found() {
    let (lines, end) = exported(&folder(6));
    let whole = checked(&lines, Some(&end.hash));
    assert_eq!((whole.is_whole(), whole.lines, whole.expected, &whole.hash), (true, 6, Some(6), &end.hash));
    let mut compared = 0;
    for place in 0..lines.len() {
        let number = place as u64 + 1;
        let mut other = lines.clone();
        // Every single byte.
        for byte in 0..lines[place].len() {
            let mut bytes = lines[place].clone().into_bytes();
            bytes[byte] ^= 1;
            let text: Vec<u8> = lines
                .iter()
                .enumerate()
                .flat_map(|(at, line)| {
                    [if at == place { &bytes[..] } else { line.as_bytes() }, b"\n"].concat()
                })
                .collect();
            let verdict = verify(&text[..], None).unwrap();
            assert_eq!(verdict.broken.map(|broken| broken.line), Some(number), "byte {byte}");
            compared += 1;
        }
        // With the hash of its new content: the next line knows.
        other[place] = with_hash(&lines[place].replace("test.done", "test.none"));
        assert_eq!(broken(&other, Some(&end.hash)), Some(if number == 6 { 7 } else { number }));
        assert_eq!(broken(&other, None), (number < 6).then_some(number));
        let removed: Vec<String> = [&lines[..place], &lines[place + 1..]].concat();
        assert_eq!(broken(&removed, None), (number < 6).then_some(number), "removed {number}");
        assert!(broken(&removed, Some(&end.hash)).is_some());
        let twice: Vec<String> = [&lines[..=place], &lines[place..]].concat();
        assert_eq!(broken(&twice, None), Some(number + 1), "twice {number}");
        for later in place + 1..lines.len() {
            let mut moved = lines.clone();
            moved.swap(place, later);
            assert_eq!(broken(&moved, None), Some(number), "{place} and {later} are exchanged");
        }
        let cut = [&lines[..place], &[lines[place][..lines[place].len() / 2].to_string()]].concat();
        assert_eq!(broken(&cut, None), Some(number));
        assert_eq!(
            broken(&[&lines[..place], &[String::new()], &lines[place..]].concat(), None),
            Some(number)
        );
    }
    assert!(compared > 1500, "{compared}");
}

#[test]
fn what_was_cut_off_is_found_by_an_earlier_end() {
    let folder = folder(4);
    let (early, end) = exported(&folder);
    let state = State::open(folder.path()).unwrap();
    let act = Act { who: "a", action: "b", subject: "c", detail: json!({}) };
    append(&state.connection(), &act, SystemTime::now()).unwrap();
    let (late, _) = exported(&folder);
    assert_eq!(checked(&late, Some(&end.hash)).expected, Some(4));
    assert_eq!(checked(&late, Some(&end.hash.to_uppercase())).expected, Some(4));
    assert!(checked(&early[..3], None).is_whole());
    let cut = checked(&early[..3], Some(&end.hash));
    assert!(!cut.is_whole() && cut.lines == 3);
    for text in ["", "00", &ZEROS[1..], &format!("{}g", &ZEROS[1..])] {
        assert!(verify(&b""[..], Some(text)).is_err(), "{text}");
    }
}

#[test]
fn what_is_no_log_is_refused_without_taking_memory() {
    let endless = std::io::BufReader::new(std::io::repeat(b'x'));
    assert_eq!(verify(endless, None).unwrap().broken.unwrap().line, 1);
    for text in ["{}\n", "\n", "x", "{\"number\":1}\r\n", "\u{0}"] {
        assert_eq!(verify(text.as_bytes(), None).unwrap().broken.unwrap().line, 1, "{text:?}");
    }
    // Whole as it looks, and no line of ours.
    for text in [
        "{\"number\":1",
        "{\"number\":1,\"number\":1,\"time\":0,\"who\":0,\"action\":0,\"subject\":0,\"detail\":0",
        "[1",
    ] {
        let line = with_hash(&format!("{text},\"previous\":\"{ZEROS}\"{}", " ".repeat(75)));
        assert_eq!(broken(&[line], None), Some(1), "{text}");
    }
    let (lines, _) = exported(&folder(2));
    let text = lines.join("\r\n");
    assert_eq!(verify(text.as_bytes(), None).unwrap().broken.unwrap().line, 1);
    assert!(verify(lines.join("\n").as_bytes(), None).unwrap().is_whole(), "the last line needs no end");
}

#[test]
fn the_table_only_grows() {
    let folder = folder(3);
    let state = State::open(folder.path()).unwrap();
    let run = |sql: &str| state.connection().execute(sql, []).unwrap_err().to_string();
    assert!(run("UPDATE audit SET line = '{}' WHERE number = 2").contains("never changed"));
    assert!(run("UPDATE audit SET number = 9 WHERE number = 3").contains("never changed"));
    assert!(run("DELETE FROM audit WHERE number = 3").contains("never removed"));
    for number in [1, 3, 5] {
        let insert = format!("INSERT OR REPLACE INTO audit (number, line) VALUES ({number}, '{{}}')");
        assert!(run(&insert).contains("follows the last one"), "{number}");
    }
    assert!(AuditLog::open(folder.path()).unwrap().verify(None).unwrap().is_whole());
    // Who writes to the file itself is found.
    for (sql, line) in [
        ("UPDATE audit SET line = replace(line, 'test.done', 'test.none') WHERE number = 2", 2),
        ("DELETE FROM audit WHERE number = 1", 1),
        ("DELETE FROM audit WHERE number = 2", 2),
    ] {
        let folder = self::folder(3);
        let connection = Connection::open(folder.path().join("state.sqlite")).unwrap();
        let triggers = "DROP TRIGGER audit_keeps_lines; DROP TRIGGER audit_loses_no_line;";
        connection.execute_batch(&format!("{triggers} {sql};")).unwrap();
        let verdict = AuditLog::open(folder.path()).unwrap().verify(None).unwrap();
        assert_eq!(verdict.broken.map(|broken| broken.line), Some(line), "{sql}");
    }
}

#[test]
fn a_line_is_there_with_what_it_is_about_or_not_at_all() {
    let folder = folder(1);
    let state = State::open(folder.path()).unwrap();
    let mut connection = state.connection();
    let act = |detail| Act { who: "a", action: "b", subject: "s", detail };
    let change = connection.transaction().unwrap();
    append(&change, &act(json!({})), SystemTime::now()).unwrap();
    change.rollback().unwrap();
    let long = append(&connection, &act(json!("x".repeat(70_000))), SystemTime::now());
    assert!(long.unwrap_err().to_string().contains("64 KiB"));
    drop(connection);
    assert_eq!(exported(&folder).1.lines, 1);
    let select = "SELECT who, action FROM audit WHERE subject = '0'";
    let found: (String, String) =
        state.connection().query_row(select, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(found, ("person \"0\"\n".into(), "test.done".into()));
    assert!(AuditLog::open(folder.path().join("none")).unwrap_err().to_string().contains("no folder of"));
    assert!(!folder.path().join("none").exists());
}

//! Reports by the thousand: what is right passes and has the schema's order, and of what is wrong the broken rule is named.

#![expect(clippy::print_stdout, reason = "tests say how much they compared")]

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::check::check_report;
use super::model::file::FILE;
use super::model::{REPORT, Report};
use super::time;
use super::xml;

pub(super) mod generate;
pub(super) mod schema;

const CASES: u64 = 10_000;

fn now() -> time::Moment {
    time::parse("2026-11-20T10:00:00Z").unwrap()
}

#[test]
fn reports_that_are_right_pass_and_have_the_schemas_order() {
    let mut written = BTreeMap::new();
    for seed in 0..CASES {
        let report = generate::report(seed);
        let problems = check_report(&report, &REPORT, now());
        assert!(problems.is_empty(), "{seed}: {problems:?} in {report}");
        let text = xml::report(&report, &REPORT).unwrap();
        schema::check(&text, "report", &mut written).unwrap_or_else(|why| panic!("{seed}: {why} in {text}"));
        for file in report["files"].as_array().into_iter().flatten() {
            let text = xml::file_details(7, "0123456789abcdef", file, &FILE).unwrap();
            schema::check(&text, "fileDetails", &mut written)
                .unwrap_or_else(|why| panic!("{seed}: {why} in {text}"));
        }
        // What is typed is the same again.
        let typed: Report = serde_json::from_value(report.clone()).unwrap();
        let again = serde_json::to_value(&typed).unwrap();
        assert_eq!(xml::report(&again, &REPORT).unwrap(), text, "{seed}");
    }
    let least = written.values().min().unwrap();
    println!(
        "{CASES} reports, {} elements and attributes of the schema, each at least {least} times",
        written.len()
    );
    assert_eq!(written.len(), schema::parts(), "every element and attribute of the schema was written");
}

#[test]
fn of_a_report_with_one_broken_rule_that_rule_is_named() {
    let mut rules = BTreeMap::new();
    for seed in 0..CASES {
        let (broken, path, rule) = generate::broken(seed);
        let problems = check_report(&broken, &REPORT, now());
        let found: Vec<_> = problems.iter().map(|problem| (&*problem.path, problem.rule)).collect();
        assert_eq!(found, [(&*path, rule)], "{seed}: {problems:?} in {broken}");
        *rules.entry(rule).or_insert(0) += 1;
    }
    println!("{CASES} reports with one broken rule each: {rules:?}");
    assert!(rules.len() >= 14 && rules.values().all(|count| *count >= 10), "{rules:?}");
}

#[test]
fn all_broken_rules_are_named_at_once() {
    let report = json!({
        "incident": { "type": "Other", "time": "2026-11-20T10:00:00", "more": 1 },
        "internet": [{}, { "web_page": {}, "chat": {} }],
        "reporter": { "first_name": "\u{1b}" },
        "files": [
            { "id": "a", "data": "AA==", "relevance": "Supplemental Reported", "classification": "A1", "annotations": ["viral", "potentialMeme"] },
            { "id": "a", "data": "AA==", "exif_viewed": true },
        ],
    });
    let problems = check_report(&report, &REPORT, now());
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    for expected in [
        "incident.more: there is no such member",
        "incident.type: the choice is Child Pornography",
        "incident.time: it has no zone; Z is UTC",
        "internet[0]: exactly one kind of incident is needed",
        "internet[1]: exactly one kind of incident is needed",
        "reporter.first_name: it holds a control character, which XML cannot",
        "reporter.emails: at least one is needed",
        "files[0].classification: not with Supplemental Reported",
        "files[0].annotations[1]: not with Supplemental Reported",
        "files[1].exif_viewed: not without viewed",
        "files[1].id: another file has it too",
    ] {
        assert!(lines.iter().any(|line| line.starts_with(expected)), "{expected} is not among {lines:#?}");
    }
    assert_eq!(problems.len(), 11, "{lines:#?}");
    for value in [Value::Null, json!([]), json!("x")] {
        assert_eq!(check_report(&value, &REPORT, now()).len(), 1, "{value}");
    }
}

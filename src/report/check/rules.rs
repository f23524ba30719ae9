//! Rules between the parts of a report.

use std::collections::HashSet;

use serde_json::Value;

use super::super::problem::{Problem, Rule};

/// Adds what is broken. What is of the wrong kind was named before, and is skipped here.
pub(super) fn check(report: &Value, problems: &mut Vec<Problem>) {
    for (place, internet) in list(&report["internet"]).iter().enumerate() {
        let kinds =
            internet.as_object().map_or(1, |kinds| kinds.values().filter(|kind| !kind.is_null()).count());
        if kinds != 1 {
            let path = format!("internet[{place}]");
            problems.push(Problem::new(path, Rule::ExactlyOne, "exactly one kind of incident is needed"));
        }
    }
    if report["reporter"].is_object() && list(&report["reporter"]["emails"]).is_empty() {
        problems.push(Problem::new("reporter.emails", Rule::Missing, "at least one is needed"));
    }
    let mut ids = HashSet::new();
    for (place, file) in list(&report["files"]).iter().enumerate() {
        check_file(&format!("files[{place}]"), file, problems);
        if file["id"].as_str().is_some_and(|id| !ids.insert(id)) {
            problems.push(Problem::new(format!("files[{place}].id"), Rule::Twice, "another file has it too"));
        }
    }
}

fn check_file(path: &str, file: &Value, problems: &mut Vec<Problem>) {
    if !file.is_object() {
        return;
    }
    let mut say = |name: &str, rule, message: &str| {
        let path = if name.is_empty() { path.to_string() } else { format!("{path}.{name}") };
        problems.push(Problem::new(path, rule, message));
    };
    if file["evidence"].is_null() == file["data"].is_null() {
        say("", Rule::ExactlyOne, "exactly one of evidence and data is needed");
    }
    if file["relevance"] == "Supplemental Reported" {
        if !file["classification"].is_null() {
            say("classification", Rule::Supplemental, "not with Supplemental Reported");
        }
        let meme = list(&file["annotations"]).iter().position(|word| word == "potentialMeme");
        if let Some(place) = meme {
            say(&format!("annotations[{place}]"), Rule::Supplemental, "not with Supplemental Reported");
        }
    }
    if file["exif_viewed"] == true && file["viewed"] != true {
        say("exif_viewed", Rule::Viewed, "not without viewed");
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], |list| list)
}

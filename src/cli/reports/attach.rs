//! Files on the command line, and which of a report's they are.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

use serde_json::Value;
use shadegrid::Error;
use shadegrid::report::{Outbox, Problem, Report, Rule};

/// `ID=FILE`, or `FILE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attachment {
    id: Option<String>,
    path: PathBuf,
}

impl FromStr for Attachment {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Attachment, Infallible> {
        Ok(match text.split_once('=') {
            Some((id, path)) if !id.is_empty() && !id.contains('/') => {
                Attachment { id: Some(id.to_string()), path: path.into() }
            }
            _ => Attachment { id: None, path: text.into() },
        })
    }
}

/// What stands for evidence while a report is checked: no file has this SHA-256.
fn stand_in(place: usize) -> String {
    format!("sha256:{place:064x}")
}

/// The report's text with something in the place of each file.
pub(super) fn with_places(text: &str, attachments: &[Attachment]) -> Result<String, Error> {
    if attachments.is_empty() {
        return Ok(text.to_string());
    }
    // What is no JSON, or has a member twice, is for the check to say.
    let is_json = |problem: &Problem| problem.rule == Rule::Json;
    if shadegrid::report::check(text, None).is_err_and(|problems| problems.iter().any(is_json)) {
        return Ok(text.to_string());
    }
    let Ok(mut report) = serde_json::from_str::<Value>(text) else { return Ok(text.to_string()) };
    for (place, attachment) in attachments.iter().enumerate() {
        let files = report["files"].as_array_mut().map_or(&mut [][..], |files| files);
        let is_empty =
            |file: &Value| file.is_object() && file["evidence"].is_null() && file["data"].is_null();
        let file = files.iter_mut().find(|file| match &attachment.id {
            Some(id) => file["id"] == **id && is_empty(file),
            None => is_empty(file),
        });
        let path = attachment.path.display();
        let file = file.ok_or_else(|| {
            Error::Input(match &attachment.id {
                Some(id) => format!("no file of the report has the id {id:?} and no evidence yet"),
                None => format!("the report has no file without evidence that {path} could be"),
            })
        })?;
        file["evidence"] = stand_in(place).into();
    }
    Ok(report.to_string())
}

/// The report with its files kept as evidence.
pub(super) fn kept(mut report: Report, attachments: &[Attachment], outbox: &Outbox) -> Result<Report, Error> {
    for (place, attachment) in attachments.iter().enumerate() {
        let stand_in = stand_in(place);
        let name = outbox.keep_file(&attachment.path)?;
        for file in report.files.iter_mut().filter(|file| file.evidence.as_ref() == Some(&stand_in)) {
            file.evidence = Some(name.clone());
        }
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attachment(text: &str) -> Attachment {
        text.parse().unwrap_or_else(|never: Infallible| match never {})
    }

    #[test]
    fn files_find_their_places() {
        assert_eq!(attachment("f1=a.jpg").id.as_deref(), Some("f1"));
        assert_eq!(attachment("x/y=a.jpg").id, None);
        let report = r#"{"files":[{"id":"a"},{"id":"b"},{"id":"c","data":"AA=="}]}"#;
        let placed = with_places(report, &["b=x.jpg", "y.jpg"].map(attachment)).unwrap();
        let placed: Value = serde_json::from_str(&placed).unwrap();
        assert_eq!(placed["files"][0]["evidence"], stand_in(1));
        assert_eq!(placed["files"][1]["evidence"], stand_in(0));
        for wrong in [&["c=x"][..], &["d=x"], &["x", "y", "z"]] {
            let wrong: Vec<Attachment> = wrong.iter().map(|text| attachment(text)).collect();
            assert!(with_places(report, &wrong).is_err(), "{wrong:?}");
        }
        for text in ["{", r#"{"files":[],"files":[{"id":"a"}]}"#] {
            assert_eq!(with_places(text, &[attachment("x")]).unwrap(), text);
        }
    }
}

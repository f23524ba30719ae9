//! What is answered: codes, their HTTP statuses, and the two documents.

use std::fmt::Write;

use quick_xml::escape::escape;

use super::super::http::Reply;
use super::super::step::Step;

const XML: &str = "text/xml;charset=UTF-8";

const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>"#;

/// The HTTP status of an error, which is published for one alone: a batch of several files that is to be finished has 400.
const UNCONFIRMED: u16 = 400;

/// A response code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Code {
    pub(super) number: u16,
    pub(super) description: &'static str,
    pub(super) status: u16,
}

const fn code(number: u16, description: &'static str, status: u16) -> Code {
    Code { number, description, status }
}

pub(super) const SUCCESS: Code = code(0, "Success", 200);
pub(super) const SERVER_ERROR: Code = code(1000, "Server error", 500);
pub(super) const SAVE_FAILED: Code = code(1100, "Save failed", 500);
pub(super) const NOT_FOUND: Code = code(1210, "Resource not found", 404);
pub(super) const INVALID_REQUEST: Code = code(4000, "Invalid request", UNCONFIRMED);
pub(super) const WRONG_METHOD: Code = code(4000, "Invalid request", 405);
pub(super) const VALIDATION_FAILED: Code = code(4100, "Validation failed", 400);
pub(super) const MALFORMED_XML: Code = code(4110, "Malformed XML submittal", UNCONFIRMED);
pub(super) const MALFORMED_FILE: Code = code(4200, "Malformed file submittal", UNCONFIRMED);
pub(super) const NO_REPORT: Code = code(5001, "Report does not exist", UNCONFIRMED);
pub(super) const NO_FILE: Code = code(5002, "File does not exist", UNCONFIRMED);
pub(super) const RETRACTED: Code = code(5101, "Report already retracted", UNCONFIRMED);
pub(super) const FINISHED: Code = code(5102, "Report already finished", UNCONFIRMED);

/// The code of details for a file that has some. Only that they are taken once is published.
pub(super) const SECOND_DETAILS: Code = VALIDATION_FAILED;

/// The code of a report that went because nobody finished it. Only that it is deleted is published.
pub(super) const EXPIRED: Code = NO_REPORT;

/// What came of a call.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) code: Code,
    /// What the description says behind the code's own; it holds no value of the request.
    pub(super) why: String,
    pub(super) report: Option<i64>,
    pub(super) gives: Gives,
}

/// What an answer gives besides.
#[derive(Debug)]
pub(super) enum Gives {
    Nothing,
    /// A file that was uploaded.
    File {
        id: String,
        md5: String,
    },
    /// The ids of all files of a report that was finished.
    Files(Vec<String>),
}

impl Outcome {
    pub(super) fn success(report: Option<i64>) -> Outcome {
        Outcome { code: SUCCESS, why: String::new(), report, gives: Gives::Nothing }
    }

    pub(super) fn error(code: Code, why: impl Into<String>, report: Option<i64>) -> Outcome {
        Outcome { code, why: why.into(), report, gives: Gives::Nothing }
    }

    pub(super) fn description(&self) -> String {
        match (self.code, &*self.why) {
            (Code { description, .. }, "") => description.into(),
            (SUCCESS, why) => why.into(),
            (Code { description, .. }, why) => format!("{description}: {why}"),
        }
    }

    /// The document of the step: that of a finish has no description, also where it is an error, since it is the one whose codes are published.
    pub(super) fn reply(&self, step: Option<Step>) -> Reply {
        let mut inner = format!("<responseCode>{}</responseCode>", self.code.number);
        let is_done = step == Some(Step::Finish);
        if !is_done {
            put(&mut inner, "responseDescription", &self.description());
        }
        if let Some(report) = self.report {
            put(&mut inner, "reportId", &report.to_string());
        }
        match &self.gives {
            Gives::File { id, md5 } => {
                put(&mut inner, "fileId", id);
                put(&mut inner, "hash", md5);
            }
            Gives::Files(ids) => {
                inner += "<files>";
                ids.iter().for_each(|id| put(&mut inner, "fileId", id));
                inner += "</files>";
            }
            Gives::Nothing if is_done => inner += "<files/>",
            Gives::Nothing => {}
        }
        let root = if is_done { "reportDoneResponse" } else { "reportResponse" };
        Reply::new(self.code.status, XML, format!("{HEAD}\n<{root}>{inner}</{root}>\n"))
    }
}

fn put(to: &mut String, name: &str, text: &str) {
    let _ = write!(to, "<{name}>{}</{name}>", escape(text));
}

//! What is asked of the CyberTipline, and what comes of it.

use std::io::Read;
use std::time::Duration;

use crate::error::Error;

/// A call. Every one but `Status` changes something there.
pub(crate) enum Call {
    /// Whether it answers, and knows us.
    Status,
    /// Opens a report with this XML.
    Submit(String),
    /// Uploads a file to an open report.
    Upload { report: u64, content: Box<dyn Read + Send>, bytes: u64 },
    /// Describes an uploaded file by this XML, once.
    FileInfo { report: u64, details: String },
    /// Files a report. It cannot be undone.
    Finish(u64),
    /// Takes an open report back.
    Retract(u64),
}

impl Call {
    /// The last part of its path.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Call::Status => "status",
            Call::Submit(_) => "submit",
            Call::Upload { .. } => "upload",
            Call::FileInfo { .. } => "fileinfo",
            Call::Finish(_) => "finish",
            Call::Retract(_) => "retract",
        }
    }

    /// The report that it is about, where there is one.
    pub(crate) fn report(&self) -> Option<u64> {
        match self {
            Call::Status | Call::Submit(_) => None,
            Call::Upload { report, .. } | Call::FileInfo { report, .. } => Some(*report),
            Call::Finish(report) | Call::Retract(report) => Some(*report),
        }
    }
}

/// An answer that makes sense, whatever it says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The HTTP status.
    pub(crate) status: u16,
    /// 0 where it was done.
    pub(crate) code: i64,
    /// What NCMEC says of it.
    pub(crate) description: String,
    pub(crate) report: Option<u64>,
    pub(crate) file: Option<String>,
    /// MD5 of what arrived.
    pub(crate) hash: Option<String>,
    /// The files of a finished report.
    pub(crate) files: Vec<String>,
    pub(crate) request_id: Option<String>,
}

/// That nobody knows whether a call was done, or that it was not.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No answer, or none that makes sense: it may have been done.
    Doubt { why: String, status: Option<u16>, request_id: Option<String>, after: Option<Duration> },
    /// The credentials are not accepted.
    Credentials { status: u16, request_id: Option<String> },
    /// It failed on this side.
    Here(Error),
}

/// A way to the CyberTipline.
pub(crate) trait Transport: Send {
    fn call(&mut self, call: Call) -> Result<Answer, Failure>;
}

/// Codes of the published description.
pub(crate) mod code {
    pub(crate) const DONE: i64 = 0;
    pub(crate) const CREDENTIALS: i64 = 2000;
    pub(crate) const VALIDATION: i64 = 4100;
    pub(crate) const MALFORMED_XML: i64 = 4110;
    pub(crate) const MALFORMED_FILE: i64 = 4200;
    pub(crate) const NO_REPORT: i64 = 5001;
    pub(crate) const RETRACTED: i64 = 5101;
    pub(crate) const FINISHED: i64 = 5102;

    /// Whether a person has to look, since the same request would be refused again.
    pub(crate) fn is_refusal(code: i64) -> bool {
        matches!(code, VALIDATION | MALFORMED_XML | MALFORMED_FILE | 3000..=3999)
    }
}

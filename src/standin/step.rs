//! The steps of a report, as paths and as faults name them.

use serde::{Deserialize, Serialize};

/// A call of the CyberTipline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Step {
    Status,
    Xsd,
    Submit,
    Upload,
    FileInfo,
    Finish,
    Retract,
}

impl Step {
    /// The step whose name ends a path; whatever stands before it.
    pub(super) fn of(path: &str) -> Option<Step> {
        Some(match path.rsplit('/').next()? {
            "status" => Step::Status,
            "xsd" => Step::Xsd,
            "submit" => Step::Submit,
            "upload" => Step::Upload,
            "fileinfo" => Step::FileInfo,
            "finish" => Step::Finish,
            "retract" => Step::Retract,
            _ => return None,
        })
    }
}

//! What the face answers, in its own names.

use serde::Serialize;

use crate::pipeline::Hit;

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Status {
    code: u16,
    description: &'static str,
    exception: Option<String>,
}

impl Status {
    fn new(code: u16, description: &'static str) -> Status {
        Status { code, description, exception: None }
    }

    fn ok() -> Status {
        Status::new(3000, "OK")
    }

    pub(super) fn invalid(description: &'static str) -> Status {
        Status::new(3002, description)
    }

    /// With what is wrong in particular.
    pub(super) fn broken(description: &'static str, exception: String) -> Status {
        Status { exception: Some(exception), ..Status::invalid(description) }
    }

    pub(super) fn edge() -> Status {
        Status::invalid("edge hashes cannot be matched")
    }

    pub(super) fn failed() -> Status {
        Status::new(3004, "the picture could not be worked on")
    }

    pub(super) fn no_picture() -> Status {
        Status::new(3206, "the given file could not be verified as an image")
    }

    pub(super) fn size() -> Status {
        Status::new(3208, "the picture's width, height or number of pixels is outside the limits")
    }

    pub(super) fn too_long() -> Status {
        Status::new(3209, "the picture is longer than the limit")
    }
}

/// The answer about one picture or hash.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Matched {
    status: Status,
    content_id: Option<String>,
    is_match: bool,
    match_details: Details,
    #[serde(rename = "XPartnerCustomerId")]
    customer: Option<String>,
    tracking_id: Option<String>,
    evaluate_response: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Details {
    advanced_info: Vec<Info>,
    match_flags: Vec<Flag>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Info {
    key: &'static str,
    value: String,
}

/// An entry that matched.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Flag {
    advanced_info: Vec<Info>,
    source: String,
    violations: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    match_distance: Option<u32>,
    #[serde(skip)]
    id: u64,
}

/// The industry's classes, which the face calls violations.
const CLASSES: [&str; 4] = ["A1", "A2", "B1", "B2"];

impl Flag {
    /// The flag for an entry of this number, with or without its distance.
    pub(super) fn of(hit: &Hit, id: u64, source: &str, distances: bool) -> Flag {
        let label = &hit.matched.label;
        Flag {
            advanced_info: vec![Info { key: "MatchId", value: id.to_string() }],
            source: source.to_string(),
            violations: CLASSES.iter().filter(|class| *class == label).map(ToString::to_string).collect(),
            match_distance: distances.then_some(hit.matched.distance),
            id,
        }
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }
}

impl Matched {
    pub(super) fn of(flags: Vec<Flag>) -> Matched {
        Matched { is_match: !flags.is_empty(), ..Matched::with(Status::ok(), flags) }
    }

    pub(super) fn failed(status: Status) -> Matched {
        Matched::with(status, Vec::new())
    }

    fn with(status: Status, match_flags: Vec<Flag>) -> Matched {
        let match_details = Details { advanced_info: Vec::new(), match_flags };
        Matched {
            status,
            content_id: None,
            is_match: false,
            match_details,
            customer: None,
            tracking_id: None,
            evaluate_response: None,
        }
    }

    /// The same with the id by which support finds the request.
    pub(super) fn tracked(self, request_id: &str) -> Matched {
        Matched { tracking_id: Some(tracking(request_id)), ..self }
    }
}

/// The answer to a report.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Reported {
    status: Status,
    tracking_id: Option<String>,
}

impl Reported {
    /// It is kept under this id.
    pub(super) fn kept(id: &str) -> Reported {
        Reported { status: Status::ok(), tracking_id: Some(format!("SG_1_report_{id}")) }
    }

    /// It is not.
    pub(super) fn refused(status: Status, request_id: &str) -> Reported {
        Reported { status, tracking_id: Some(tracking(request_id)) }
    }
}

/// The answer about several hashes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Many {
    tracking_id: String,
    match_results: Vec<Matched>,
}

impl Many {
    pub(super) fn of(match_results: Vec<Matched>, request_id: &str) -> Many {
        Many { tracking_id: tracking(request_id), match_results }
    }
}

fn tracking(request_id: &str) -> String {
    format!("SG_1_photodna_{request_id}")
}

//! A report as it is asked for: every element of the published description of 2025-06-11 and later.

use element::Field;
use element::Kind::{Choice, Element as Nested, Text};
use element::Times::{Many, Optional};

#[macro_use]
pub(crate) mod element;

pub mod file;
pub mod incident;
pub mod parts;
pub mod people;
pub mod words;

use file::{FILE, File};
use incident::{BATCH, Batch, INCIDENT, INTERNET, Incident, Internet};
use people::{
    LAW_ENFORCEMENT, LawEnforcement, RECIPIENT, REPORTED, REPORTER, Recipient, Reported, Reporter, VICTIM,
    Victim,
};
use words::Mode;

elements! {
    /// A report.
    Report as REPORT {
        /// Whether it is a test, which it is unless it says otherwise.
        "mode" mode: Option<Mode>;
        /// That individual reports are one.
        "batched" batched: Option<Batch>;
        /// What happened.
        "incident" incident: Option<Incident>;
        /// Where it happened.
        "internet" internet: Vec<Internet>;
        /// Who investigates already.
        "law_enforcement" law_enforcement: Option<LawEnforcement>;
        /// Who reports; the configuration says so where nobody is named.
        "reporter" reporter: Option<Reporter>;
        /// The person or user that is reported.
        "reported" reported: Option<Reported>;
        /// Whom it was meant for.
        "recipients" recipients: Vec<Recipient>;
        /// Whom it hurt.
        "victims" victims: Vec<Victim>;
        /// What else is known.
        "additional_info" additional_info: Option<String>;
        /// The files.
        "files" files: Vec<File>;
    }
    in order {
        Field::json_only("mode", Optional, Choice(Mode::WORDS)),
        Field::optional("batched", "batchedReport", Nested(&BATCH)),
        Field::one("incident", "incidentSummary", Nested(&INCIDENT)),
        Field::many("internet", "internetDetails", Nested(&INTERNET)),
        Field::optional("law_enforcement", "lawEnforcement", Nested(&LAW_ENFORCEMENT)),
        Field::one("reporter", "reporter", Nested(&REPORTER)),
        Field::optional("reported", "personOrUserReported", Nested(&REPORTED)),
        Field::many("recipients", "intendedRecipient", Nested(&RECIPIENT)),
        Field::many("victims", "victim", Nested(&VICTIM)),
        Field::optional("additional_info", "additionalInfo", Text(element::UNBOUNDED)),
        Field::json_only("files", Many, Nested(&FILE)),
    }
}

impl Report {
    /// The mode: a test unless it says otherwise.
    pub fn mode_or_test(&self) -> Mode {
        self.mode.unwrap_or(Mode::Test)
    }
}

//! A signature that is looked up, as JSON has it, and what is found for it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::super::looking::{Faces, Found};
use crate::gallery::Query;
use crate::signature::{Pdq, PhotoDna};

/// One query of a request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked<'a> {
    #[serde(borrow, alias = "id")]
    key: Option<Cow<'a, str>>,
    #[serde(borrow)]
    photodna: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pdq: Option<Cow<'a, str>>,
    quality: Option<u8>,
    /// The strength of the PhotoDNA-class signature, as records have it.
    strength: Option<f64>,
}

/// What is said of one query, with the members of a record.
#[derive(Debug, Serialize)]
pub(super) struct Answered {
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<String>,
    #[serde(flatten)]
    found: Option<Found>,
}

/// A query by the name that the answer repeats, or what is wrong with it.
pub(super) struct Read {
    pub(super) key: Option<String>,
    pub(super) query: Result<Query, String>,
    /// The code of what is wrong with it.
    pub(super) code: &'static str,
}

impl Asked<'_> {
    pub(super) fn read(self) -> Read {
        let Asked { key, photodna, pdq, quality, strength } = self;
        let query = signatures(photodna.as_deref(), pdq.as_deref()).and_then(|(photodna, pdq)| {
            if quality.is_some_and(|quality| quality > 100) {
                return Err("quality: this must be 0 to 100".to_string());
            }
            let flat = strength.is_some_and(|strength| strength < crate::hasher::FLAT_STRENGTH);
            Ok(Query { photodna, pdq, quality, flat, pdq_orientations: None })
        });
        Read { key: key.map(Cow::into_owned), query, code: "input" }
    }
}

fn signatures(photodna: Option<&str>, pdq: Option<&str>) -> Result<(Option<PhotoDna>, Option<Pdq>), String> {
    if photodna.is_none() && pdq.is_none() {
        return Err("photodna, pdq: one of them has to be given".to_string());
    }
    let photodna = photodna.map(str::parse).transpose().map_err(|error| format!("photodna: {error}"))?;
    let pdq = pdq.map(str::parse).transpose().map_err(|error| format!("pdq: {error}"))?;
    Ok((photodna, pdq))
}

impl Answered {
    /// What was found for a query.
    pub(super) fn ok(key: Option<String>, found: Found) -> Answered {
        Answered { key, status: "ok", error_code: None, error_message: None, found: Some(found) }
    }

    /// What is wrong with a query.
    pub(super) fn error(key: Option<String>, code: &'static str, message: String) -> Answered {
        let (code, message) = (Some(code), Some(message));
        Answered { key, status: "error", error_code: code, error_message: message, found: None }
    }
}

/// What is looked up for each query that is right.
pub(super) fn faces(asked: &[Read]) -> Vec<Faces> {
    asked
        .iter()
        .filter_map(|read| read.query.as_ref().ok())
        .map(|query| vec![(None, query.clone())])
        .collect()
}

/// What is said of each query, in their order; `found` is that of those that are right.
pub(super) fn answered(asked: Vec<Read>, found: Vec<Found>) -> Vec<Answered> {
    let mut found = found.into_iter();
    let answer = |Read { key, query, code }| match query.map(|_| found.next()) {
        Ok(Some(found)) => Answered::ok(key, found),
        Ok(None) => {
            Answered::error(key, code, "the query was lost: this is a bug, please report it".to_string())
        }
        Err(message) => Answered::error(key, code, message),
    };
    asked.into_iter().map(answer).collect()
}

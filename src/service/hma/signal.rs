//! The face's words for what we have: signal types, signals, banks, and the values of a query.

use std::collections::HashMap;
use std::sync::Arc;

use axum::http::StatusCode;

use super::super::app::App;
pub(super) use super::super::galleries::bank_name;
use super::super::galleries::{Known, Set};
use super::super::problem::{Answer, Problem};
use crate::gallery::Query;
use crate::hasher::Hashed;
use crate::signature::Algorithm;

/// PDQ signatures under this quality are not given.
const QUALITY: u8 = 50;

/// The values of a query, or of a form, by their names; the first of a name counts.
#[derive(Debug, Default)]
pub(super) struct Values(HashMap<String, String>);

impl Values {
    pub(super) fn of(query: Option<&str>) -> Values {
        let mut values = Values::default();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned() {
            values.push(name, value);
        }
        values
    }

    pub(super) fn push(&mut self, name: String, value: String) {
        self.0.entry(name).or_insert(value);
    }

    /// A value, also an empty one.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.given(name).filter(|value| !value.is_empty())
    }

    pub(super) fn required(&self, name: &str) -> Answer<&str> {
        self.get(name).ok_or_else(|| Problem::input(format!("Missing required parameter {name}")))
    }

    /// Whether something is so; where nothing is said, this.
    pub(super) fn is(&self, name: &str, otherwise: bool) -> Answer<bool> {
        self.given(name).map_or(Ok(otherwise), |text| flag(name, text))
    }

    /// Values with commas between.
    pub(super) fn list(&self, name: &str) -> Option<Vec<String>> {
        let parts = self.given(name)?.split(',').map(str::trim).filter(|part| !part.is_empty());
        Some(parts.map(String::from).collect())
    }
}

/// Booleans may be texts.
pub(super) fn flag(name: &str, text: &str) -> Answer<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" | "t" | "y" => Ok(true),
        "false" | "0" | "no" | "off" | "f" | "n" => Ok(false),
        _ => Err(Problem::input(format!("{name}: this must be true or false"))),
    }
}

/// A signal type that is on.
pub(super) fn signal_type(app: &App, name: &str) -> Answer<Algorithm> {
    let found = app.signals.iter().copied().find(|algorithm| algorithm.name() == name);
    found.ok_or_else(|| Problem::input("No such signal type, or it is not enabled"))
}

/// Those that a query chooses, or all.
pub(super) fn chosen(app: &App, names: Option<Vec<String>>) -> Answer<Vec<Algorithm>> {
    match names {
        None => Ok(app.signals.clone()),
        Some(names) if names.is_empty() => Err(Problem::input("empty signal type selection")),
        Some(names) => names.iter().map(|name| signal_type(app, name)).collect(),
    }
}

/// What is looked up for a signal.
pub(super) fn query(algorithm: Algorithm, signal: &str) -> Answer<Query> {
    let wrong = |error: crate::error::Error| Problem::input(format!("invalid signal: {error}"));
    Ok(match algorithm {
        Algorithm::PhotoDna => Query::default().photodna(Some(signal.parse().map_err(wrong)?)),
        _ => Query::default().pdq(Some(signal.parse().map_err(wrong)?)),
    })
}

/// The signal of a picture; empty where its quality is too low.
pub(super) fn of(algorithm: Algorithm, hashed: &Hashed) -> String {
    let usable = hashed.pdq.as_ref().filter(|hash| hash.quality >= QUALITY);
    match algorithm {
        Algorithm::PhotoDna => hashed.photodna.map(|hash| hash.signature.to_string()),
        _ => usable.map(|hash| hash.signature.to_string()),
    }
    .unwrap_or_default()
}

/// The gallery that a client calls so.
pub(super) fn bank<'a>(set: &'a Set, name: &str) -> Answer<&'a Arc<Known>> {
    let found = set.all.iter().find(|known| bank_name(&known.name) == name);
    found.ok_or_else(|| Problem::not_found("bank not found"))
}

/// Files of galleries are written by the command alone.
pub(super) fn read_only() -> Problem {
    let detail = "this gallery is a file, and read only, or the service keeps no banks: start it with --data";
    Problem::new(StatusCode::FORBIDDEN, "read_only", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn galleries_are_banks_by_name() {
        for (gallery, bank) in [("known", "KNOWN"), ("a-b.c", "A_B_C"), ("7", "_7"), ("é", "_")] {
            assert_eq!(bank_name(gallery), bank);
        }
    }

    #[test]
    fn the_first_value_of_a_name_counts() {
        let values = Values::of(Some("a=1&a=0&b=&c=x"));
        assert_eq!((values.get("a"), values.get("b"), values.given("b")), (Some("1"), None, Some("")));
        assert!(values.is("a", false).unwrap() && values.is("none", true).unwrap());
        assert!(values.is("b", true).is_err() && values.is("c", true).is_err());
        assert_eq!((values.list("b"), values.list("none")), (Some(Vec::new()), None));
    }
}

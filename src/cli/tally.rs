//! What became of the inputs, as exit codes and summaries count it.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::sync::Arc;

use shadegrid::pipeline::{Input, Record, Summary};

use super::skipping::Skipped;

/// Counts what became of the inputs.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Whether what is no picture is a failure wherever it was found.
    strict: bool,
    so_far: Summary,
    /// The arguments that a picture came of, or a failure.
    fruitful: HashSet<Arc<OsStr>>,
    last: Option<Arc<OsStr>>,
    /// Inputs that were skipped, because they were hashed before.
    known: u64,
    /// Arguments under which no picture was found.
    pub(crate) fruitless_arguments: usize,
}

/// What became of one input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Hashed,
    Failed,
    /// It was not asked for, and is no picture.
    Skipped,
}

impl Tally {
    pub(crate) fn new(strict: bool) -> Tally {
        Tally { strict, ..Tally::default() }
    }

    /// Counts a record.
    pub(crate) fn add(&mut self, record: &Record) -> Outcome {
        self.so_far.add(record);
        if !self.strict && record.is_skipped() {
            return Outcome::Skipped;
        }
        // Records come argument by argument.
        if record.source.is_some() && self.last != record.source {
            self.last.clone_from(&record.source);
            self.fruitful.extend(record.source.clone());
        }
        if record.outcome.is_ok() { Outcome::Hashed } else { Outcome::Failed }
    }

    /// What was counted.
    pub(crate) fn so_far(&self) -> &Summary {
        &self.so_far
    }

    /// Inputs that are no pictures and were not asked for.
    pub(crate) fn skipped(&self) -> u64 {
        if self.strict { 0 } else { self.so_far.skipped }
    }

    /// Inputs that failed.
    pub(crate) fn failed(&self) -> u64 {
        self.so_far.failed() - self.skipped()
    }

    /// Whether anything failed, an argument without a picture included.
    pub(crate) fn has_failures(&self) -> bool {
        self.failed() > 0 || self.fruitless_arguments > 0
    }

    /// The arguments under which no picture was found, of a run that came to its end.
    pub(crate) fn fruitless<'a>(&self, arguments: &'a [Input]) -> Vec<&'a OsStr> {
        let name = |input: &'a Input| match input {
            Input::Named(name) | Input::List(name) => name.as_os_str(),
        };
        arguments.iter().map(name).filter(|name| !self.fruitful.contains(*name)).collect()
    }

    /// Counts arguments of which everything is known already as those that a picture came of.
    pub(crate) fn know(&mut self, skipped: &Skipped) {
        self.known = skipped.inputs;
        self.fruitful.extend(skipped.arguments.iter().cloned());
    }

    /// `6 of 7 hashed, 1 failed (io 1), 2 skipped (no pictures)`.
    pub(crate) fn in_words(&self) -> String {
        let Summary { records, frames, errors, .. } = &self.so_far;
        let skipped = self.skipped();
        let mut line = format!("{} of {} hashed", self.so_far.hashed(), records - skipped);
        if self.so_far.known > 0 {
            let _ = write!(line, ", {} of them known from the cache", self.so_far.known);
        }
        if *frames > 0 {
            let _ = write!(line, ", {frames} of them further frames");
        }
        let mut errors: BTreeMap<&str, u64> = errors.clone();
        // What is no picture has this code.
        if let Some(count) = errors.get_mut("input") {
            *count -= skipped;
        }
        errors.retain(|_, count| *count > 0);
        if !errors.is_empty() {
            let codes: Vec<String> = errors.iter().map(|(code, count)| format!("{code} {count}")).collect();
            let _ = write!(line, ", {} failed ({})", self.failed(), codes.join(", "));
        }
        line += &skipped_in_words(skipped);
        if self.known > 0 {
            let _ = write!(line, ", {} skipped (in the records already)", self.known);
        }
        line
    }
}

/// `, 2 matched`; nothing where nothing was looked up.
pub(crate) fn matched_in_words(matched: Option<u64>) -> String {
    matched.map(|matched| format!(", {matched} matched")).unwrap_or_default()
}

/// `, 2 skipped (no pictures)`; nothing where there are none.
pub(crate) fn skipped_in_words(skipped: u64) -> String {
    match skipped {
        0 => String::new(),
        1 => ", 1 skipped (no picture)".to_string(),
        _ => format!(", {skipped} skipped (no pictures)"),
    }
}

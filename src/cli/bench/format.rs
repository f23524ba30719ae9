//! How the report is written.

use std::path::Path;

use clap::ValueEnum;
use shadegrid::Error;

use super::report::Report;
use super::{csv, html, json, markdown, table};

/// How the report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For a terminal.
    Table,
    /// One line for each contender, comma-separated.
    Csv,
    /// For a page of notes: the same tables as on a terminal.
    #[value(name = "md", alias = "markdown")]
    Markdown,
    /// All of it as one JSON object.
    Json,
    /// The page with charts.
    #[value(alias = "htm")]
    Html,
}

impl Format {
    /// The format that was asked for, by its name or by the ending of the output's; a table where neither says.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where the two contradict each other.
    pub(super) fn choose(asked: Option<Format>, path: Option<&Path>) -> Result<Format, Error> {
        let ending = path.and_then(Path::extension).and_then(|ending| ending.to_str());
        let named = ending.and_then(|ending| Format::from_str(ending, true).ok());
        match (asked, named, path) {
            (Some(asked), Some(named), Some(path)) if asked != named => {
                let (name, path) = (asked.name(), path.display());
                let advice = "leave --format away, or choose another name";
                Err(Error::Input(format!(
                    "--format {name} and the name {path} contradict each other; {advice}"
                )))
            }
            _ => Ok(asked.or(named).unwrap_or(Format::Table)),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Format::Table => "table",
            Format::Csv => "csv",
            Format::Markdown => "md",
            Format::Json => "json",
            Format::Html => "html",
        }
    }

    /// The whole report.
    pub(super) fn text(self, report: &Report) -> String {
        match self {
            Format::Table => table::table(report),
            Format::Csv => csv::csv(report),
            Format::Markdown => markdown::markdown(report),
            Format::Json => json::json(report),
            Format::Html => html::page(report),
        }
    }
}

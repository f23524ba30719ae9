//! The file in which a stand-in keeps its reports, so that the next one resumes with them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::super::time::{seconds, text};
use super::reports::{Report, Reports};
use crate::error::{Error, Result};
use crate::service::json;

/// What the file holds.
#[derive(Serialize)]
struct Out<'a> {
    /// Where the clock stood still.
    clock: Option<String>,
    reports: Vec<&'a Report>,
}

/// The same as it is read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct In {
    #[serde(deserialize_with = "seconds")]
    pub(super) clock: Option<i64>,
    pub(super) reports: Vec<Report>,
}

/// The file.
pub(super) struct Kept(PathBuf);

impl Kept {
    pub(super) fn new(path: &Path) -> Kept {
        Kept(path.to_path_buf())
    }

    /// What it holds; `None` where there is none yet.
    pub(super) fn read(&self) -> Result<Option<In>> {
        let at = self.0.display();
        match fs::read(&self.0) {
            Ok(bytes) => json::read(&bytes)
                .map(Some)
                .map_err(|problem| Error::Input(format!("{at}: {}", problem.detail))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io(format!("cannot read {at}"), error)),
        }
    }

    /// Writes it under another name first, so that it is whole whenever the process ends.
    pub(super) fn write(&self, clock: Option<i64>, reports: &Reports) -> io::Result<()> {
        let out = Out { clock: clock.map(text), reports: reports.iter().collect() };
        let mut name = self.0.clone().into_os_string();
        name.push(".new");
        fs::write(&name, serde_json::to_vec(&out)?)?;
        fs::rename(&name, &self.0)
    }
}

//! Lists in a zip archive, one after another.

use std::io;

use zip::ZipArchive;
use zip::result::ZipError;

use super::opened::{Opened, Source};
use super::{damaged, unreadable};
use crate::error::{Error, Result};

/// Calls `visit` with the name and content of every file in it.
pub(super) fn each(list: Opened<'_>, visit: &mut dyn FnMut(&str, Opened<'_>) -> Result<()>) -> Result<()> {
    let file = list.into_file().map_err(unreadable)?;
    let mut archive = ZipArchive::new(io::BufReader::new(file)).map_err(broken)?;
    let is_spreadsheet = |name: &str| name == "xl/workbook.xml" || name == "content.xml";
    if archive.file_names().flatten().any(|name| is_spreadsheet(&name)) {
        return Err(Error::Input("it is a spreadsheet's file: save its table as CSV".into()));
    }
    for index in 0..archive.len() {
        let member = archive.by_index(index).map_err(broken)?;
        let name = member.name().map_err(broken)?.into_owned();
        if member.is_file() && !is_of_packer(&name) {
            let content = Opened::new(Source::stream(member)).and_then(Opened::unpacked);
            visit(&name, content.map_err(unreadable)?)?;
        }
    }
    Ok(())
}

/// What macOS adds to every archive.
fn is_of_packer(name: &str) -> bool {
    let own = name.rsplit('/').next().unwrap_or_default();
    name.starts_with("__MACOSX/") || own.starts_with("._") || own == ".DS_Store"
}

fn broken(error: ZipError) -> Error {
    match error {
        ZipError::Io(error) => unreadable(error),
        ZipError::UnsupportedArchive(what) => {
            Error::Unsupported(format!("the zip archive cannot be read: {what}"))
        }
        other => damaged(format!("the zip archive cannot be read: {other}")),
    }
}

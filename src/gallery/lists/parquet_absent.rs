//! In place of lists in Parquet, where the feature `parquet` is off: every one is an error that says so.

use std::fs::File;

use super::Give;
use super::keeping::Keeping;
use super::opened::Opened;
use crate::error::{Error, Result};

/// Opens nothing.
pub(crate) fn file(_list: Opened<'_>) -> Result<File> {
    Err(Error::Unsupported("this build reads no Parquet files: build with the feature `parquet`".to_string()))
}

/// Reads nothing.
pub(super) fn read(list: Opened<'_>, _keeping: &Keeping, _give: Give<'_>) -> Result<Vec<String>> {
    file(list).map(|_| Vec::new())
}

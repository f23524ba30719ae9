//! In place of lists in zip archives, where the feature `archives` is off: every one is an error that says so.

use super::opened::Opened;
use crate::error::{Error, Result};

/// Calls nothing.
pub(super) fn each(_: Opened<'_>, _visit: &mut dyn FnMut(&str, Opened<'_>) -> Result<()>) -> Result<()> {
    Err(Error::Unsupported("this build reads no zip archives: build with the feature `archives`".to_string()))
}

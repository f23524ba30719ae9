//! In place of tar and zip, where the feature `archives` is off: every archive is an error that says so, and a picture with an archive's
//! name is a picture.

use super::{Archive, RandomAccess, Step};
use crate::decode::Format;
use crate::error::Error;

/// Gives the picture, if it is one.
pub(super) fn read(mut file: Box<dyn RandomAccess>, start: &[u8], archive: &mut Archive<'_>) -> Step {
    if Format::sniff(start).is_some() {
        return archive.picture(&mut file);
    }
    let message = "this build reads no archives: build with the feature `archives`";
    Err(Error::Unsupported(message.to_string()).into())
}

//! Inputs in pieces that can be opened on their own: what a job plans with, and `hash` reads at once.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Content, Source, Walk, expand};
use crate::error::Error;

/// One thing to open: a picture, or an archive of pictures.
///
/// Two runs over the same input give the same items in the same order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Where it is: a path, or an object's URL.
    pub location: OsString,
    /// The argument that it came from.
    pub source: OsString,
    /// What opening it gives.
    pub kind: ItemKind,
}

/// What opening an [`Item`] gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind", content = "of")]
#[non_exhaustive]
pub enum ItemKind {
    /// One source.
    Picture,
    /// Finding it failed already, in these words: one source that fails.
    Failed(String),
}

/// How inputs are listed and opened.
#[derive(Debug, Clone, Default)]
pub struct InputOptions {
    /// How folders are walked.
    pub walk: Walk,
}

/// The items behind `inputs`, in their order; see [`expand`] for folders.
pub fn items(
    inputs: impl IntoIterator<Item = OsString>,
    options: &InputOptions,
) -> impl Iterator<Item = Item> {
    let walk = options.walk;
    inputs.into_iter().flat_map(move |input| {
        expand([Ok(PathBuf::from(&input))], walk).map(move |source| Item::of(source, &input))
    })
}

/// The sources that `items` hold, in their order; each is opened when its turn comes.
pub fn open(items: impl IntoIterator<Item = Item>, _options: &InputOptions) -> impl Iterator<Item = Source> {
    items.into_iter().map(|item| match item.kind {
        ItemKind::Picture => Source::file(item.location),
        ItemKind::Failed(message) => {
            Source::failed(item.location, Error::io("cannot walk the folder", io::Error::other(message)))
        }
    })
}

impl Item {
    fn of(source: Source, input: &OsString) -> Item {
        let kind = match source.content {
            Content::Failed(error) => ItemKind::Failed(error.to_string()),
            _ => ItemKind::Picture,
        };
        Item { location: source.key, source: input.clone(), kind }
    }
}

//! Inputs in pieces that can be opened on their own: what a job plans with, and `hash` reads at once.

use std::ffi::{OsStr, OsString};
use std::iter;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Content, Only, Source, Walk, expand, looks_like_archive};
use crate::limits::Limits;
use crate::pipeline::Stop;

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
    /// By its name a tar (compressed or not), zip or Parquet file: a source for every member. What it is in fact is told from
    /// its content when it is opened; a picture with such a name is one source.
    Archive,
    /// Standard input as one picture; gives one source, once.
    StandardInput,
    /// Finding it failed already, in these words: one source that fails.
    Failed(String),
}

/// One argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A picture, an archive, a folder, an object's URL, the URL of a prefix (it ends with `/`), a list (it ends with `.csv` or
    /// `.tsv`, or is a Parquet file whose column holds paths), or `-`: a picture on standard input.
    Named(OsString),
    /// A list of paths and URLs: CSV, Parquet, or names that end with [`InputOptions::separator`]; `-` is a list on standard
    /// input.
    List(OsString),
}

impl From<OsString> for Input {
    fn from(named: OsString) -> Input {
        Input::Named(named)
    }
}

/// How inputs are listed and opened.
#[derive(Debug, Clone)]
pub struct InputOptions {
    /// How folders are walked.
    pub walk: Walk,
    /// Which files, objects, members and listed paths are let through; arguments always are.
    pub only: Only,
    /// The column of lists and Parquet files that holds pictures, paths or URLs; without it, one with a usual name.
    pub column: Option<String>,
    /// What ends a name in a list that is neither CSV nor Parquet; a newline by default.
    pub separator: u8,
    /// Lists only what comes after the item with this location, so that a listing can be gone on with. A prefix of a store is
    /// asked for what lies behind it; other inputs are passed over up to it.
    pub after: Option<OsString>,
    /// How large a member of an archive or an object may be.
    pub limits: Limits,
    /// How far ahead archives and objects are read.
    pub read_ahead: ReadAhead,
    /// Ends waiting for what is slow; that of the run.
    pub stop: Stop,
}

/// How far ahead of the run archives and objects are read; files on disk are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadAhead {
    /// Objects that are fetched at the same time.
    pub fetches: usize,
    /// Bytes that may be held before the run takes them; one picture may exceed them.
    pub bytes: u64,
}

impl Default for ReadAhead {
    fn default() -> ReadAhead {
        ReadAhead { fetches: 96, bytes: 128 << 20 }
    }
}

impl Default for InputOptions {
    fn default() -> InputOptions {
        InputOptions {
            walk: Walk::default(),
            only: Only::default(),
            column: None,
            separator: b'\n',
            after: None,
            limits: Limits::default(),
            read_ahead: ReadAhead::default(),
            stop: Stop::default(),
        }
    }
}

/// Items one after another.
pub type Items = Box<dyn Iterator<Item = Item> + Send>;

/// The items behind `inputs`, in their order; see [`expand`] for folders.
pub fn items<I>(
    inputs: impl IntoIterator<Item = I, IntoIter: Send + 'static>,
    options: &InputOptions,
) -> Items
where
    I: Into<Input>,
{
    let options = options.clone();
    Box::new(inputs.into_iter().flat_map(move |input| match input.into() {
        Input::Named(name) if name == "-" => one(Item::new("-".into(), &name, ItemKind::StandardInput)),
        Input::Named(name) | Input::List(name) => files(name, &options),
    }))
}

fn one(item: Item) -> Items {
    Box::new(iter::once(item))
}

/// A file, or those below a folder.
fn files(name: OsString, options: &InputOptions) -> Items {
    let only = options.only.clone();
    let found = expand([Ok(PathBuf::from(&name))], options.walk);
    let items = found.map(move |source| Item::of(source, &name));
    Box::new(items.filter(move |item| item.location == item.source || only.lets_item(item)))
}

impl Item {
    fn new(location: OsString, source: &OsStr, kind: ItemKind) -> Item {
        Item { location, source: source.into(), kind }
    }

    fn of(source: Source, input: &OsStr) -> Item {
        let kind = match source.content {
            Content::Failed(error) => ItemKind::Failed(error.to_string()),
            _ if looks_like_archive(&source.key) => ItemKind::Archive,
            _ => ItemKind::Picture,
        };
        Item::new(source.key, input, kind)
    }
}

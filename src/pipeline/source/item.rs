//! Inputs in pieces that can be opened on their own: what a job plans with, and `hash` reads at once.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::iter;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::store::{self, Found};
use super::walk::is_one_input;
use super::{
    Content, ExtensionFilter, Network, Omitted, Source, Walk, archive, expand, list, looks_like_archive,
    random_access, understood,
};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::pipeline::Stop;

/// One thing to open: a picture, or an archive of pictures.
///
/// Two runs over the same input give the same items in the same order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Item {
    /// Where it is: a path, or an object's URL.
    pub location: OsString,
    /// The argument that it came from.
    pub source: OsString,
    /// What opening it gives.
    pub kind: ItemKind,
    /// The version of its content, if [`InputOptions::versions`] asks for it and it is known: an object's entity tag, or the time of the last change
    /// and the length.
    pub version: Option<String>,
}

/// What opening an [`Item`] gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind", content = "of")]
#[non_exhaustive]
pub enum ItemKind {
    /// One source.
    Picture,
    /// Something named like a tar (compressed or not), zip or Parquet file: a source for every member. Its content decides when it is
    /// opened: a picture with such a name is one source.
    Archive,
    /// Standard input as one picture; gives one source, once.
    StandardInput,
    /// It could not be found, for this reason: one source that fails. It is one input, also when the inputs are listed again.
    Failed(String),
    /// The listing broke off here, for this reason, and what would have followed is unknown: one source that fails. A job does not go past it.
    #[serde(skip)]
    Broken(String),
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
#[non_exhaustive]
pub struct InputOptions {
    /// How folders are walked.
    pub walk: Walk,
    /// Which files, objects, members and listed paths are read; arguments always are.
    pub extensions: ExtensionFilter,
    /// Files that folders are read without, such as the output of the run itself; none by default.
    pub omitted: Omitted,
    /// The column of lists and Parquet files that holds pictures, paths or URLs; `None`: one with a usual name.
    pub column: Option<String>,
    /// What ends a name in a list that is neither CSV nor Parquet; a newline by default.
    pub separator: u8,
    /// Lists only what comes after the item with this location, so that a listing can be resumed. A store lists from there on;
    /// other inputs are listed from the start and skipped up to it.
    pub after: Option<OsString>,
    /// Whether items carry their versions; this takes a system call per file.
    pub versions: bool,
    /// How large a member of an archive or an object may be.
    pub limits: Limits,
    /// How far ahead archives and objects are read.
    pub read_ahead: ReadAhead,
    /// Timeouts of servers, and how far they are trusted.
    pub network: Network,
    /// Ends waits for slow inputs; use that of the run.
    pub stop: Stop,
    /// Takes notices about inputs that are no errors.
    pub notices: Notices,
}

setters!(InputOptions {
    walk: Walk,
    extensions: ExtensionFilter,
    omitted: Omitted,
    column: Option<String>,
    separator: u8,
    after: Option<OsString>,
    versions: bool,
    limits: Limits,
    read_ahead: ReadAhead,
    network: Network,
    stop: Stop,
    notices: Notices,
});

/// Takes notices, such as which column of a Parquet file was chosen; by default they are dropped.
#[derive(Clone, Default)]
pub struct Notices(Option<Taker>);

type Taker = Arc<dyn Fn(&str) + Send + Sync>;

impl Notices {
    /// Gives every notice to `take`, from whichever thread it comes.
    pub fn new(take: impl Fn(&str) + Send + Sync + 'static) -> Notices {
        Notices(Some(Arc::new(take)))
    }

    fn tell(&self, notice: &str) {
        if let Some(take) = &self.0 {
            take(notice);
        }
    }
}

impl std::fmt::Debug for Notices {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(if self.0.is_some() { "Notices(taken)" } else { "Notices(dropped)" })
    }
}

/// How far ahead of the run archives and objects are read; files on disk are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadAhead {
    /// Objects that are fetched at the same time.
    pub fetches: usize,
    /// Bytes that may be held before the run takes them; a single picture may exceed this.
    pub bytes: u64,
}

setters!(ReadAhead { fetches: usize, bytes: u64 });

impl Default for ReadAhead {
    fn default() -> ReadAhead {
        ReadAhead { fetches: ReadAhead::fetches_for(NonZeroUsize::MIN), bytes: 128 << 20 }
    }
}

impl ReadAhead {
    /// How many objects to fetch at the same time for `threads` threads that hash: 96 per thread, which is more than one hashes while a store takes
    /// 50 ms to answer, and at most 384, as a process may usually have 1,024 files and connections open and a job reads two shards at a time.
    pub fn fetches_for(threads: NonZeroUsize) -> usize {
        threads.get().saturating_mul(96).min(384)
    }
}

impl Default for InputOptions {
    fn default() -> InputOptions {
        InputOptions {
            walk: Walk::default(),
            extensions: ExtensionFilter::default(),
            omitted: Omitted::default(),
            column: None,
            separator: b'\n',
            after: None,
            versions: false,
            limits: Limits::default(),
            read_ahead: ReadAhead::default(),
            network: Network::default(),
            stop: Stop::default(),
            notices: Notices::default(),
        }
    }
}

/// Items one after another.
pub type Items = Box<dyn Iterator<Item = Item> + Send>;

/// The items behind `inputs`, in their order; see [`expand`] for folders. Nothing is listed before its turn comes.
pub fn items<I>(
    inputs: impl IntoIterator<Item = I, IntoIter: Send + 'static>,
    options: &InputOptions,
) -> Items
where
    I: Into<Input>,
{
    let listing = Listing { options: Arc::new(options.clone()), resume: Resume::new(options.after.clone()) };
    let end = listing.resume.clone();
    let listed = inputs.into_iter().flat_map(move |input| listing.clone().input(input.into()));
    Box::new(listed.chain(iter::once_with(move || end.in_vain()).flatten()))
}

/// Whether a listing of `inputs` can resume after any of its items without listing the earlier ones again: all are prefixes of stores, and none
/// contains another.
pub fn resumes(inputs: &[Input]) -> bool {
    let mounts = store::Mounts::default();
    let prefix = |input: &Input| match input {
        Input::Named(name) => {
            let url = store::url(name, &mounts).filter(|url| store::lists(url, &mounts))?;
            if list::looks_like_list(name) || is_parquet(name) {
                return None;
            }
            Some(format!("{}/", url.trim_end_matches('/')))
        }
        Input::List(_) => None,
    };
    let Some(prefixes) = inputs.iter().map(prefix).collect::<Option<Vec<_>>>() else { return false };
    let alone = |(at, one): (usize, &String)| {
        prefixes.iter().enumerate().all(|(other, prefix)| at == other || !prefix.starts_with(one))
    };
    prefixes.iter().enumerate().all(alone)
}

fn is_parquet(name: &OsStr) -> bool {
    archive::in_lower_case(name).ends_with(b".parquet")
}

fn one(item: Item) -> Items {
    Box::new(iter::once(item))
}

/// Where a listing resumes.
#[derive(Debug, Clone)]
struct Resume(Arc<Mutex<Option<OsString>>>);

impl Resume {
    fn new(after: Option<OsString>) -> Resume {
        Resume(Arc::new(Mutex::new(after)))
    }

    fn after(&self) -> MutexGuard<'_, Option<OsString>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an item comes after the one to resume behind.
    fn lets(&self, item: &Item) -> bool {
        let mut after = self.after();
        let Some(location) = &*after else { return true };
        if *location == item.location {
            *after = None;
        }
        false
    }

    /// The item to resume behind was not met.
    fn in_vain(&self) -> Option<Item> {
        let location = self.after().take()?;
        let message =
            "the listing was to go on after this, which is not among the inputs any more".to_string();
        Some(Item::new(location, OsStr::new(""), ItemKind::Broken(message)))
    }
}

/// Lists inputs.
#[derive(Debug, Clone)]
struct Listing {
    options: Arc<InputOptions>,
    resume: Resume,
}

impl Listing {
    fn input(self, input: Input) -> Items {
        let resume = self.resume.clone();
        match input {
            Input::Named(name) => match store::url(&name, &self.options.network.mounts) {
                Some(url) if store::lists(url, &self.options.network.mounts) => self.stored(url, &name),
                _ => self.resumed(self.named(name), resume),
            },
            Input::List(list) => {
                let names = list::open(&list, &self.options);
                self.resumed(self.listed(list, names), resume)
            }
        }
    }

    fn resumed(&self, items: Items, resume: Resume) -> Items {
        Box::new(items.filter(move |item| resume.lets(item)))
    }

    /// A path, the URL of a page, or standard input.
    fn named(&self, name: OsString) -> Items {
        if name == "-" {
            return one(Item::new("-".into(), &name, ItemKind::StandardInput));
        }
        self.list_at(&name).unwrap_or_else(|| self.files(&name, &name))
    }

    /// What the list at `name` names, if it is one by its name or a Parquet file of names.
    fn list_at(&self, name: &OsStr) -> Option<Items> {
        if list::looks_like_list(name) {
            return Some(self.listed(name.into(), list::open(name, &self.options)));
        }
        let names = if is_parquet(name) { self.names_in_parquet(name) } else { None };
        names.map(|names| self.listed(name.into(), names))
    }

    /// The names in a Parquet file; `None` if it holds pictures, or is damaged in a way that reading it will report. If the system cannot read it,
    /// nobody knows which.
    fn names_in_parquet(&self, name: &OsStr) -> Option<Result<list::Names>> {
        let file = match random_access::open(name, &self.options) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => return None,
            Err(error) => return Some(Err(Error::io("cannot read the Parquet file", error))),
        };
        match archive::holds(file, self.options.column.as_deref()) {
            Ok((reader, archive::Holds::Names { column, binary })) => {
                if let Some(binary) = binary {
                    let name = name.display();
                    self.options.notices.tell(&format!(
                        "{name}: the column {column} is read as paths, since {binary} holds no pictures; name another column where that is wrong"
                    ));
                }
                let names = archive::names_in(reader, &column).ok()?;
                Some(Ok(Box::new(names)))
            }
            Err(error @ Error::Io { .. }) => Some(Err(error)),
            Ok((_, archive::Holds::Pictures(_))) | Err(_) => None,
        }
    }

    /// What a list names.
    fn listed(&self, list: OsString, names: Result<list::Names>) -> Items {
        let listing = self.clone();
        let names = match names {
            Ok(names) => names,
            Err(error) => return one(Item::new(list.clone(), &list, ItemKind::Broken(error.to_string()))),
        };
        Box::new(names.flat_map(move |name| match name {
            Ok(name) => match listing.meant(&name) {
                Err(why) => one(Item::new(name, &list, ItemKind::Failed(why))),
                Ok(name) => listing.entry(&name, &list),
            },
            // One row without a name does not end the list.
            Err(error @ Error::Input(_)) => {
                one(Item::new(list.clone(), &list, ItemKind::Failed(error.to_string())))
            }
            Err(error) => one(Item::new(list.clone(), &list, ItemKind::Broken(error.to_string()))),
        }))
    }

    /// A name in a list as the place that it means. What has another scheme may be a file of that name.
    fn meant(&self, name: &OsStr) -> Result<OsString, String> {
        if store::url(name, &self.options.network.mounts).is_some() {
            return Ok(name.to_os_string());
        }
        let start = name.as_encoded_bytes().get(..7);
        let is_file = start.is_some_and(|start| start.eq_ignore_ascii_case(b"file://"));
        understood(name.to_os_string())
            .or_else(|why| if is_file { Err(why) } else { Ok(name.to_os_string()) })
    }

    /// What a name in a list gives.
    fn entry(&self, name: &OsStr, list: &OsStr) -> Items {
        match store::url(name, &self.options.network.mounts) {
            Some(url) if url.ends_with('/') && store::lists(url, &self.options.network.mounts) => {
                self.below(url, None, list)
            }
            None if !self.may_name_files(list) => {
                let refused = "a list that comes from a server may name only URLs; \
                            allow it files of this machine with --allow-local-paths";
                one(Item::new(name.to_os_string(), list, ItemKind::Failed(refused.to_string())))
            }
            _ => self.files(name, list),
        }
    }

    /// Whether a list may name files: whoever fills one on a server must not choose what is read here.
    fn may_name_files(&self, list: &OsStr) -> bool {
        store::url(list, &self.options.network.mounts).is_none() || self.options.network.allow_local_paths
    }

    /// A file, an object by its URL, or the files below a folder.
    fn files(&self, name: &OsStr, source: &OsStr) -> Items {
        let (only, source, named) = (self.options.extensions.clone(), source.to_os_string(), name == source);
        let omitted = self.options.omitted.clone();
        if store::url(name, &self.options.network.mounts).is_some() {
            let item = Item::at(name.to_os_string(), &source);
            return Box::new(Some(item).into_iter().filter(move |item| named || only.lets_item(item)));
        }
        let name = PathBuf::from(name);
        let itself = name.clone().into_os_string();
        let found = expand([Ok(name)], self.options.walk);
        let items = found.map(move |found| Item::of(found, &source));
        let items = items.filter(move |item| {
            let is_itself = item.location == itself;
            (named && is_itself || only.lets_item(item)) && (is_itself || !omitted.has(item))
        });
        if self.options.versions { Box::new(items.map(Item::with_version)) } else { Box::new(items) }
    }

    /// An object, or those below a prefix.
    fn stored(&self, url: &str, name: &OsStr) -> Items {
        let after = self.resume.after().clone();
        let after = after.as_ref().map(|after| after.to_str().unwrap_or_default());
        let itself = match url.ends_with('/') {
            true => false,
            false => match store::is_object(url, &self.options.network, &self.options.stop) {
                Ok(itself) => itself,
                // It may be a prefix with millions of objects, so it must not become one input that fails.
                Err(error) => {
                    *self.resume.after() = None;
                    return one(Item::new(
                        url.into(),
                        name,
                        ItemKind::Broken(format!("cannot list {url}: {error}")),
                    ));
                }
            },
        };
        if itself && let Some(items) = self.list_at(name) {
            return self.resumed(items, self.resume.clone());
        }
        if itself {
            let item = Item::at(url.into(), name);
            return if self.resume.lets(&item) { one(item) } else { Box::new(iter::empty()) };
        }
        let prefix = if url.ends_with('/') { url.to_string() } else { format!("{url}/") };
        match after {
            // What lies below another prefix cannot be behind it.
            Some(after) if !after.starts_with(&prefix) => Box::new(iter::empty()),
            after => {
                *self.resume.after() = None;
                self.below(&prefix, after, name)
            }
        }
    }

    /// The objects below a prefix, from the one after `after` on. A prefix without objects is taken for a mistake, which ends the listing unless
    /// a list named it.
    fn below(&self, prefix: &str, after: Option<&str>, source: &OsStr) -> Items {
        let (only, source, location) =
            (self.options.extensions.clone(), source.to_os_string(), prefix.to_string());
        let (stop, mut is_empty) = (self.options.stop.clone(), after.is_none());
        let is_argument = source.to_string_lossy().trim_end_matches('/') == location.trim_end_matches('/');
        let mut listed = store::list(prefix, after, &self.options.network, &stop);
        let items = iter::from_fn(move || {
            let item = |kind| Item::new(location.clone().into(), &source, kind);
            let object = listed.next();
            let nothing = object.is_none() && std::mem::take(&mut is_empty) && !stop.requested();
            is_empty &= object.is_none();
            match object {
                Some(Ok(Found::Object { url, version })) => {
                    Some(Item { version, ..Item::at(url.into(), &source) })
                }
                Some(Ok(Found::LeftOut(left_out))) => {
                    Some(item(ItemKind::Failed(format!("{location}: {left_out}"))))
                }
                Some(Err(error)) => Some(item(ItemKind::Broken(format!("cannot list {location}: {error}")))),
                None => nothing.then(|| {
                    let message = format!("there is nothing below {location}");
                    item(if is_argument { ItemKind::Broken(message) } else { ItemKind::Failed(message) })
                }),
            }
        });
        Box::new(items.filter(move |item| only.lets_item(item)))
    }
}

impl InputOptions {
    /// The same for an item that came from `source`: what a list from a server named is trusted less.
    pub(super) fn for_item(self: &Arc<InputOptions>, location: &OsStr, source: &OsStr) -> Arc<InputOptions> {
        let url = |name| store::url(name, &self.network.mounts);
        match url(source).filter(|_| location != source && url(location).is_some()) {
            Some(list) => {
                let network = Network { list: Some(list.to_string()), ..self.network.clone() };
                Arc::new(InputOptions { network, ..(**self).clone() })
            }
            None => self.clone(),
        }
    }
}

impl Item {
    fn new(location: OsString, source: &OsStr, kind: ItemKind) -> Item {
        Item { location, source: source.into(), kind, version: None }
    }

    /// What its name says.
    fn at(location: OsString, source: &OsStr) -> Item {
        let kind = if looks_like_archive(&location) { ItemKind::Archive } else { ItemKind::Picture };
        Item::new(location, source, kind)
    }

    fn of(found: Source, source: &OsStr) -> Item {
        match found.content {
            Content::Failed(error) => {
                let kind = if is_one_input(&error) { ItemKind::Failed } else { ItemKind::Broken };
                Item::new(found.key, source, kind(error.to_string()))
            }
            _ => Item::at(found.key, source),
        }
    }

    /// The same, with its version where it is a file.
    fn with_version(self) -> Item {
        let version = fs::metadata(&self.location).ok().and_then(|metadata| {
            let changed = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
            Some(format!("{}.{:09} {}", changed.as_secs(), changed.subsec_nanos(), metadata.len()))
        });
        Item { version, ..self }
    }
}

#[cfg(all(test, feature = "store"))]
mod tests {
    use super::*;

    #[test]
    fn prefixes_apart_from_each_other_resume() {
        let named = |names: &[&str]| names.iter().map(|name| Input::Named(name.into())).collect::<Vec<_>>();
        assert!(resumes(&named(&["s3://a/b/", "s3://a/bc", "gs://a/b"])));
        for together in
            [&["s3://a/b/", "s3://a/b"][..], &["s3://a/b/c", "s3://a"], &["photos"], &["https://a/b/"]]
        {
            assert!(!resumes(&named(together)), "{together:?}");
        }
        assert!(!resumes(&[Input::List("s3://a/list.csv".into())]));
    }
}

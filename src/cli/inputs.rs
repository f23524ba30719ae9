//! Options on what is read: lists, archives, stores, and which names are let through.

use std::fs::File;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use shadegrid::pipeline::{
    Count, ExtensionFilter, Input, InputOptions, Items, Notices, Sources, Stop, Walk, count_items, items,
    looks_like_archive, open,
};
use shadegrid::{Error, Limits};

use super::console;
use super::network::NetworkArguments;
use super::output::{Own, Reads};
use super::places::{self, is_url};
use super::resources::Resources;

/// Options on what is read.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Input options")]
pub(crate) struct InputArguments {
    /// Read further paths and URLs from a list; `-` is standard input
    ///
    /// They come after those that are named. One per line, every byte up to the newline belonging to the path, but for the carriage return of a list
    /// that Windows wrote; or a column of a
    /// CSV file (it ends with .csv or .tsv, or --column is given) or of a Parquet file. In a list `-` is a file of that name.
    #[arg(long, value_name = "FILE", value_parser = places::path_parser())]
    files_from: Option<PathBuf>,

    /// Paths in --files-from end with a zero byte, not a newline, as `find -print0` writes them
    #[arg(short = '0', long, requires = "files_from")]
    null: bool,

    /// Column that holds the paths or URLs (CSV, Parquet) or the pictures (Parquet)
    ///
    /// Without it one named path, url, key or the like, and for pictures one named image, bytes, content, jpg or the like, or
    /// the only binary one.
    #[arg(long, value_name = "NAME")]
    column: Option<String>,

    /// Endings that are let through, with commas between, such as jpg,png
    ///
    /// Holds for folders, listings, lists and members of archives, not for what is named as an argument.
    #[arg(long, value_name = "LIST", default_value = "", hide_default_value = true)]
    only: ExtensionFilter,

    /// What is no picture is a failure also where it was found in a folder or an archive
    ///
    /// Without it such files are skipped: they have their records, are counted, and change no exit code. What is named itself is a failure in any
    /// case, and so is what is called like a picture, or a row of a Parquet file.
    #[arg(long)]
    pub(crate) strict: bool,

    /// Follow symbolic links met in folders
    ///
    /// A link that leads back to a folder above it gives an error record. Paths that are named are always followed.
    #[arg(long)]
    follow: bool,

    /// Objects of a store that are fetched at the same time [default: 96 a thread, at most 384]
    #[arg(long, value_name = "N")]
    fetches: Option<NonZeroUsize>,

    #[command(flatten)]
    network: NetworkArguments,
}

impl InputArguments {
    /// What is to be listed: `paths`, then the list.
    pub(crate) fn inputs(&self, paths: &[PathBuf]) -> Vec<Input> {
        let named = paths.iter().map(|path| Input::Named(path.clone().into()));
        named.chain(self.files_from.iter().map(|list| Input::List(list.clone().into()))).collect()
    }

    /// Why nothing may have been found under an argument.
    pub(crate) fn hint(&self) -> String {
        match self.only.to_string() {
            only if only.is_empty() => String::new(),
            only => format!(" whose name ends with {only} (--only)"),
        }
    }

    /// Whether a list names further inputs.
    pub(crate) fn has_list(&self) -> bool {
        self.files_from.is_some()
    }

    /// Checks that the inputs can be read at all.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where standard input would be read twice, [`Error::Io`] where the list cannot be opened.
    pub(crate) fn check(&self, paths: &[PathBuf]) -> Result<(), Error> {
        let readers = paths.iter().chain(&self.files_from).filter(|path| path.as_os_str() == "-");
        if readers.count() > 1 {
            return Err(Error::Input(
                "`-` is given twice, but standard input can be read only once".to_string(),
            ));
        }
        match &self.files_from {
            Some(list) if list.as_os_str() != "-" && !is_url(list) && !list.exists() => {
                let context = || format!("cannot read the list {}", list.display());
                File::open(list).map(drop).map_err(|error| Error::io(context(), error))
            }
            _ => Ok(()),
        }
    }

    /// What is read on this machine; folders without what the command writes, which [`options`](InputArguments::options) takes.
    pub(crate) fn reads(&self, paths: &[PathBuf]) -> Reads {
        Reads::of(paths).and(&self.files_from).only(&self.only).without_own()
    }

    /// The options of listing and opening, and what the command writes.
    pub(crate) fn options(
        &self,
        resources: Resources,
        limits: &Limits,
        (own, stop): (Own, &Stop),
    ) -> InputOptions {
        InputOptions::default()
            .omitted(own.omitted())
            .walk(Walk::default().follow_links(self.follow))
            .extensions(self.only.clone())
            .column(self.column.clone())
            .separator(if self.null { 0 } else { b'\n' })
            .limits(limits.clone())
            .read_ahead(resources.read_ahead(self.fetches))
            .network(self.network.network())
            .stop(stop.clone())
            .notices(Notices::new(|notice| console::say(format_args!("shadegrid: {notice}"))))
    }

    /// The sources behind `paths` and the list.
    pub(crate) fn sources(&self, paths: &[PathBuf], options: &InputOptions) -> Sources {
        open(items(self.inputs(paths), options), options)
    }

    /// The items behind `paths` and the list, for a look beforehand; `None` where some can be read only once, or listing them
    /// costs requests, or an archive does not say how many it holds.
    pub(crate) fn listable(&self, paths: &[PathBuf], options: &InputOptions) -> Option<Items> {
        let once = self.files_from.iter().any(|list| list.as_os_str() == "-" || !list.is_file());
        let known = |path: &PathBuf| {
            path.as_os_str() != "-" && !is_url(path) && !looks_like_archive(path.as_os_str())
        };
        (!once && paths.iter().all(known)).then(|| items(self.inputs(paths), options))
    }

    /// Counts them during the run, if they are [`listable`](InputArguments::listable).
    pub(crate) fn count(&self, paths: &[PathBuf], options: &InputOptions) -> Option<Count> {
        self.listable(paths, options).map(count_items)
    }
}

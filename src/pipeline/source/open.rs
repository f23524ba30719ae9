//! Items to sources.

use std::io;

use super::{DetachedReader, InputOptions, Item, ItemKind, Source};
use crate::error::Error;

/// Sources one after another.
pub type Sources = Box<dyn Iterator<Item = Source> + Send>;

/// The sources that `items` hold, in their order; each is opened when its turn comes.
pub fn open(
    items: impl IntoIterator<Item = Item, IntoIter: Send + 'static>,
    options: &InputOptions,
) -> Sources {
    let stop = options.stop.clone();
    Box::new(items.into_iter().map(move |item| match item.kind {
        ItemKind::Picture | ItemKind::Archive => Source::file(item.location),
        ItemKind::StandardInput => {
            Source::stream(item.location, DetachedReader::new(io::stdin(), stop.clone()))
        }
        ItemKind::Failed(message) => {
            Source::failed(item.location, Error::io("cannot list the inputs", io::Error::other(message)))
        }
    }))
}

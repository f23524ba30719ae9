//! The objects below a prefix, page by page, in the store's order, which is that of the keys' bytes.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use object_store::list::PaginatedListOptions;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::address::Trust;
use super::library::Library;
use super::mounted::Mounted;
use super::page::{Listed, Page};
use super::remote::{self, Remote};
use super::trouble::Trouble;
use super::wire::{self, append, pause};
use super::{runtime, wait};
use crate::pipeline::Stop;
use crate::pipeline::source::network::Network;

/// Objects that are listed ahead.
const AHEAD: usize = 4_000;

/// How often a slow listing looks for a stop.
const PATIENCE: Duration = Duration::from_millis(50);

/// Bytes of a page: 5,000 objects, the most that a store gives at once, with names of the greatest length and their metadata.
const PAGE: usize = 32 << 20;

/// Most pages without an object in a row: stores give such where much was deleted.
const EMPTY: u32 = 10_000;

/// Whether a URL is an object's rather than a prefix with objects below it. If there is neither, it counts as an object's, so that
/// reading it gives the error. An error if the store does not answer.
pub(in crate::pipeline::source) fn is_object(url: &str, network: &Network, stop: &Stop) -> io::Result<bool> {
    if let Some(mounted) = Mounted::of(url, network) {
        return wait::<_, Trouble>(stop, async move {
            let itself = !mounted.key().is_empty();
            Ok(itself && (mounted.length().await.is_ok() || !mounted.has_below().await?))
        });
    }
    let (base, key) = remote::split(url);
    if key.is_empty() {
        return Ok(false);
    }
    let remote = Remote::new(url, network)?;
    let mut pages = Pages::new(base, &format!("{key}/"), None, network)?;
    wait::<_, Trouble>(stop, async move {
        if remote.length().await.is_ok() {
            return Ok(true);
        }
        Ok(pages.next().await?.is_none())
    })
}

/// What a listing finds.
#[derive(Debug)]
pub(in crate::pipeline::source) enum Found {
    /// An object.
    Object {
        url: String,
        /// Its entity tag, or else when it was changed and how long it is.
        version: Option<String>,
    },
    /// A message about objects that were left out.
    LeftOut(String),
}

/// What a listing finds, one after another.
pub(in crate::pipeline::source) type Listing = Box<dyn Iterator<Item = io::Result<Found>> + Send>;

/// The objects below a prefix, from the one after `after` on.
pub(in crate::pipeline::source) fn list(
    url: &str,
    after: Option<&str>,
    network: &Network,
    stop: &Stop,
) -> Listing {
    let stop = stop.clone();
    match start(url, after, network) {
        Ok(mut listed) => Box::new(std::iter::from_fn(move || next(&mut listed, &stop))),
        Err(error) => Box::new(std::iter::once(Err(error))),
    }
}

fn start(url: &str, after: Option<&str>, network: &Network) -> io::Result<Receiver<io::Result<Found>>> {
    if let Some(mounted) = Mounted::of(url, network) {
        return start_mounted(mounted, after.map(str::to_string));
    }
    let (base, prefix) = remote::split(url);
    let pages = Pages::new(base, prefix, after.map(|after| remote::split(after).1), network)?;
    let (base, (sender, receiver)) = (base.to_string(), channel(AHEAD));
    runtime()?.spawn(async move {
        if let Err(trouble) = tell(pages, &base, &sender).await {
            // Without a receiver nobody needs the error.
            let _ = sender.send(Err(trouble.into())).await;
        }
    });
    Ok(receiver)
}

fn start_mounted(mounted: Mounted, after: Option<String>) -> io::Result<Receiver<io::Result<Found>>> {
    let (sender, receiver) = channel(AHEAD);
    runtime()?.spawn(async move {
        let found = match mounted.below(after.as_deref()).await {
            Ok(found) => found,
            Err(trouble) => return drop(sender.send(Err(trouble.into())).await),
        };
        for (url, version) in found {
            if sender.send(Ok(Found::Object { url, version: Some(version) })).await.is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}

/// Sends every object, until nobody wants them any more.
async fn tell(mut pages: Pages, base: &str, to: &Sender<io::Result<Found>>) -> Result<(), Trouble> {
    let object = |object: Listed| {
        Ok(Found::Object { url: format!("{base}/{}", object.key), version: object.version() })
    };
    // Held back, since the next object shows whether this one stands for a folder.
    let mut held: Option<Listed> = None;
    let ended = loop {
        let page = match pages.next().await {
            Ok(Some(page)) => page,
            ended => break ended.map(drop),
        };
        for next in page {
            let before = held.take().filter(|before| !pages.is_folder(before, Some(&next)));
            if let Some(before) = before
                && to.send(object(before)).await.is_err()
            {
                return Ok(());
            }
            held = Some(next);
        }
    };
    if let Some(last) = held.filter(|last| !pages.is_folder(last, None)) {
        let _ = to.send(object(last)).await;
    }
    if pages.outside > 0 {
        let outside = pages.outside;
        let left_out =
            format!("the store listed {outside} objects that are not below the prefix; they were left out");
        let _ = to.send(Ok(Found::LeftOut(left_out))).await;
    }
    ended
}

/// The pages of a listing.
struct Pages {
    library: Arc<Library>,
    trust: Trust,
    prefix: String,
    /// The key to resume behind.
    after: Option<String>,
    /// How to ask for the next page; before the first one there is none.
    token: Option<String>,
    /// A token of an earlier page, how many pages came since, and after how many it is replaced. A store that gives this token again is in an endless
    /// cycle. (Brent's cycle detection, BIT 20 (1980), 176.)
    known: (String, u64, u64),
    ended: bool,
    /// Objects so far that were not asked for.
    outside: u64,
}

impl Pages {
    fn new(base: &str, prefix: &str, after: Option<&str>, network: &Network) -> io::Result<Pages> {
        Ok(Pages {
            library: Library::of(base, network)?,
            trust: Trust::in_stores(network),
            prefix: prefix.to_string(),
            after: after.map(str::to_string),
            token: None,
            known: (String::new(), 0, 1),
            ended: false,
            outside: 0,
        })
    }

    /// The objects of the next page that has any.
    async fn next(&mut self) -> Result<Option<Vec<Listed>>, Trouble> {
        for _ in 0..EMPTY {
            if self.ended {
                return Ok(None);
            }
            let page = self.ask().await?;
            self.go_on(page.next)?;
            let mut objects = page.objects;
            let all = objects.len();
            objects.retain(|object| object.key.starts_with(&self.prefix));
            self.outside += (all - objects.len()) as u64;
            // Not every store can list from a key on.
            objects.retain(|object| {
                !object.folder && self.after.as_ref().is_none_or(|after| object.key > *after)
            });
            if !objects.is_empty() {
                return Ok(Some(objects));
            }
        }
        Err(Trouble::lasting(format!("the store gave {EMPTY} pages without an object")))
    }

    /// Requests a page; retries one that breaks off.
    async fn ask(&self) -> Result<Page, Trouble> {
        let make = || {
            let (offset, page_token) = (self.after.clone(), self.token.clone());
            let options = PaginatedListOptions { offset, page_token, ..PaginatedListOptions::default() };
            let prefix = Some(&*self.prefix).filter(|prefix| !prefix.is_empty());
            self.library.page(prefix, options)
        };
        for attempt in 0.. {
            let answer = wire::ask(&self.trust, make).await?;
            let mut body = Vec::new();
            let read = append(&mut answer.body(), &mut body, PAGE).await.and_then(|()| Page::read(&body));
            match read {
                Err(trouble) if attempt < trouble.kind.retries() => pause(attempt).await,
                page => return page,
            }
        }
        Err(Trouble::broke_off())
    }

    fn go_on(&mut self, next: Option<String>) -> Result<(), Trouble> {
        self.ended = next.is_none();
        let (known, steps, limit) = &mut self.known;
        if next.as_ref().is_some_and(|next| next == known || Some(next) == self.token.as_ref()) {
            return Err(Trouble::lasting("the store gives the same pages again and again"));
        }
        *steps += 1;
        if steps == limit {
            (*known, *steps, *limit) = (next.clone().unwrap_or_default(), 0, *limit * 2);
        }
        self.token = next;
        Ok(())
    }

    /// Whether an object only stands for a folder: consoles create an empty one named `folder/`, with others below it.
    fn is_folder(&self, object: &Listed, next: Option<&Listed>) -> bool {
        let below = |next: &Listed| next.key.starts_with(&object.key);
        object.size == Some(0)
            && object.key.ends_with('/')
            && (object.key == self.prefix || next.is_some_and(below))
    }
}

fn next(listed: &mut Receiver<io::Result<Found>>, stop: &Stop) -> Option<io::Result<Found>> {
    let runtime = runtime().ok()?;
    if let Ok(ready) = listed.try_recv() {
        return Some(ready);
    }
    while !stop.requested() {
        let waited = runtime.block_on(async { tokio::time::timeout(PATIENCE, listed.recv()).await });
        if let Ok(object) = waited {
            return object;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(prefix: &str) -> Pages {
        Pages::new("s3://bucket", prefix, None, &Network::default()).unwrap()
    }

    #[test]
    fn what_stands_for_a_folder_is_no_object() {
        let object = |key: &str, size| Listed { key: key.to_string(), size: Some(size), ..Listed::default() };
        for (key, size, next, is) in [
            ("a/", 0, Some("a/1.jpg"), true),
            ("a/", 0, None, true),
            ("a/", 5, Some("a/1.jpg"), false),
            ("a/b/", 0, Some("a/b/1.jpg"), true),
            ("a/b/", 0, Some("a/bc"), false),
            ("a/b/", 0, None, false),
            ("a/b", 0, Some("a/b/1.jpg"), false),
        ] {
            let next = next.map(|next| object(next, 7));
            assert_eq!(pages("a/").is_folder(&object(key, size), next.as_ref()), is, "{key} {size}");
        }
    }

    /// How many tokens are taken of those that the store gives over and over.
    fn taken(before: u64, cycle: u64) -> u64 {
        let mut pages = pages("");
        let token = |number: u64| if number < before { number } else { before + (number - before) % cycle };
        (0..10_000).find(|&number| pages.go_on(Some(token(number).to_string())).is_err()).unwrap()
    }

    #[test]
    fn a_store_that_goes_round_is_noticed() {
        for (before, cycle, most) in [(0, 1, 1), (0, 2, 4), (5, 3, 20), (100, 7, 300), (10, 100, 400)] {
            let taken = taken(before, cycle);
            assert!((before + cycle..=most).contains(&taken), "{before} {cycle}: {taken}");
        }
        let mut pages = pages("");
        assert!((0..10_000).all(|number: u32| pages.go_on(Some(number.to_string())).is_ok() && !pages.ended));
        assert!(pages.go_on(None).is_ok() && pages.ended);
    }
}

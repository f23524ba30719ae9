//! What lies below a prefix, page by page, in the store's order, which is that of the keys' bytes.

use std::io;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt as _;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt as _};
use tokio::sync::mpsc::{Receiver, channel};

use super::{client, failed, runtime, wait};
use crate::pipeline::Stop;

/// Objects that are listed ahead.
const AHEAD: usize = 4_000;

/// How often a slow listing looks for a stop.
const PATIENCE: Duration = Duration::from_millis(50);

/// Whether a URL is an object's rather than a prefix with objects below it; where there is neither it is taken for an object's, so that
/// reading it tells why. An error where the store does not say.
pub(in crate::pipeline::source) fn is_object(url: &str) -> io::Result<bool> {
    let (base, key) = client::split(url);
    if key.is_empty() {
        return Ok(false);
    }
    let store = client::store(base)?;
    let Ok(path) = Path::parse(key) else { return Ok(true) };
    wait(async move {
        if store.head(&path).await.is_ok() {
            return Ok(true);
        }
        let below = store.list(Some(&path)).next().await;
        Ok(below.transpose().map_err(client::told)?.is_none())
    })
}

/// The URLs of the objects below a prefix, or of those behind one of them, each with its version.
pub(in crate::pipeline::source) fn list(
    url: &str,
    after: Option<&str>,
    stop: &Stop,
) -> Box<dyn Iterator<Item = io::Result<Versioned>> + Send> {
    let stop = stop.clone();
    match start(url, after) {
        Ok(mut listed) => Box::new(std::iter::from_fn(move || next(&mut listed, &stop))),
        Err(error) => Box::new(std::iter::once(Err(error))),
    }
}

/// An object's URL and its entity tag, or else when it was changed and how long it is.
type Versioned = (String, Option<String>);

fn versioned(base: &str, object: ObjectMeta) -> Versioned {
    let url = format!("{base}/{}", object.location);
    let changed = || format!("{} {}", object.last_modified.to_rfc3339(), object.size);
    (url, Some(object.e_tag.unwrap_or_else(changed)))
}

fn start(url: &str, after: Option<&str>) -> io::Result<Receiver<io::Result<Versioned>>> {
    let (base, prefix) = client::split(url);
    let path = |key: &str| Path::parse(key).map_err(|error| failed(io::ErrorKind::InvalidInput, error));
    let (store, prefix) = (client::store(base)?, path(prefix)?);
    let after = after.map(|after| path(client::split(after).1)).transpose()?;
    let (base, (sender, receiver)) = (base.to_string(), channel(AHEAD));
    runtime()?.spawn(async move {
        let prefix = Some(&prefix).filter(|prefix| !prefix.as_ref().is_empty());
        let objects = match &after {
            Some(after) => store.list_with_offset(prefix, after),
            None => store.list(prefix),
        };
        // Only what may be a folder waits for what comes behind it.
        let mut objects = pin!(objects.peekable());
        while let Some(object) = objects.next().await {
            if let Ok(object) = &object
                && object.size == 0
                && is_folder(object, prefix, objects.as_mut().peek().await)
            {
                continue;
            }
            let ended = object.is_err();
            let object = object.map(|object| versioned(&base, object)).map_err(client::told);
            if sender.send(object).await.is_err() || ended {
                return;
            }
        }
    });
    Ok(receiver)
}

/// Whether an object only stands for a folder: consoles put an empty one named `folder/` there, whose slash is not told. Others lie below it.
fn is_folder(
    object: &ObjectMeta,
    prefix: Option<&Path>,
    next: Option<&object_store::Result<ObjectMeta>>,
) -> bool {
    let below = |next: &ObjectMeta| next.location.prefix_matches(&object.location);
    let above = || next.and_then(|next| next.as_ref().ok()).is_some_and(below);
    object.size == 0 && (prefix == Some(&object.location) || above())
}

fn next(listed: &mut Receiver<io::Result<Versioned>>, stop: &Stop) -> Option<io::Result<Versioned>> {
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

    #[test]
    fn what_stands_for_a_folder_is_no_object() {
        let object = |key: &str, size| ObjectMeta {
            location: key.into(),
            last_modified: Default::default(),
            size,
            e_tag: None,
            version: None,
        };
        let prefix = Path::from("a");
        for (key, size, next, is) in [
            ("a", 0, Some("a/1.jpg"), true),
            ("a", 0, None, true),
            ("a", 5, Some("a/1.jpg"), false),
            ("a/b", 0, Some("a/b/1.jpg"), true),
            ("a/b", 0, Some("a/bc"), false),
            ("a/b", 0, None, false),
        ] {
            let next = next.map(|next| Ok(object(next, 7)));
            assert_eq!(is_folder(&object(key, size), Some(&prefix), next.as_ref()), is, "{key} {size}");
        }
    }
}

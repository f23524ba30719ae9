//! Object stores of a program's own, in place of what a URL stands for.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

pub use object_store;
use object_store::ObjectStore;

/// Stores by the prefix of the URLs that are read from them, `mem://photos` or `s3://bucket/part` say: inputs, lists, archives and jobs below it lie there.
///
/// A store is asked on the threads of this crate's own runtime, one of tokio, and tries again by itself what is worth it. What it lists is sorted in
/// memory, some 200 bytes an object, because not every store lists in order. Of its settings nothing is printed.
///
/// # Examples
///
/// ```
/// use std::ffi::OsString;
/// use std::sync::Arc;
///
/// use shadegrid::pipeline::mount::object_store::memory::InMemory;
/// use shadegrid::pipeline::{InputOptions, JsonLines, Mounts, Network, items, open};
/// use shadegrid::{Engine, RunOptions};
///
/// let mounts = Mounts::default().set("mem://photos", Arc::new(InMemory::new()));
/// let options = InputOptions::default().network(Network::default().mounts(mounts));
/// let sources = open(items([OsString::from("mem://photos/cats/")], &options), &options);
/// let (engine, mut records) = (Engine::builder().threads(1).build()?, JsonLines::new(Vec::new()));
/// engine.run_into(sources, &mut records, &RunOptions::default())?;
/// # Ok::<(), shadegrid::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Mounts(BTreeMap<String, Arc<dyn ObjectStore>>);

impl Mounts {
    /// The same with one more store, or another one in its place. Of two prefixes that hold a URL the longer one counts.
    #[must_use]
    pub fn set(mut self, prefix: impl AsRef<str>, store: Arc<dyn ObjectStore>) -> Mounts {
        self.0.insert(prefix.as_ref().trim_end_matches('/').to_string(), store);
        self
    }

    /// The prefix that a URL lies below, its store, and the key there.
    pub(super) fn find<'a>(&self, url: &'a str) -> Option<(&'a str, &Arc<dyn ObjectStore>, &'a str)> {
        // A prefix within another one comes behind it.
        self.0.iter().rev().find_map(|(prefix, store)| {
            let rest = url.strip_prefix(&**prefix)?;
            let key = if rest.is_empty() { rest } else { rest.strip_prefix('/')? };
            Some((&url[..prefix.len()], store, key))
        })
    }
}

/// The prefixes alone: a store may print what it is opened with.
impl fmt::Debug for Mounts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}

/// Two are the same where they have the same stores, not such that hold the same.
impl PartialEq for Mounts {
    fn eq(&self, other: &Mounts) -> bool {
        let mut both = self.0.iter().zip(&other.0);
        self.0.len() == other.0.len() && both.all(|(one, two)| one.0 == two.0 && Arc::ptr_eq(one.1, two.1))
    }
}

impl Eq for Mounts {}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;

    #[test]
    fn the_longest_prefix_counts_and_only_it_is_printed() {
        let stores: [Arc<dyn ObjectStore>; 2] = [Arc::new(InMemory::new()), Arc::new(InMemory::new())];
        let mounts = |second: &Arc<dyn ObjectStore>| {
            Mounts::default().set("mem://a/", stores[0].clone()).set("mem://a/b", second.clone())
        };
        let mounted = mounts(&stores[1]);
        let found = |url: &str| {
            let (base, store, key) = mounted.find(url)?;
            let number = stores.iter().position(|known| Arc::ptr_eq(known, store));
            Some((base.to_string(), number.unwrap(), key.to_string()))
        };
        let place = |base: &str, number, key: &str| Some((base.to_string(), number, key.to_string()));
        assert_eq!(found("mem://a"), place("mem://a", 0, ""));
        assert_eq!(found("mem://a/bc/d"), place("mem://a", 0, "bc/d"));
        assert_eq!(found("mem://a/b/c"), place("mem://a/b", 1, "c"));
        assert_eq!([found("mem://ab"), found("mem://"), found("s3://a/b")], [None, None, None]);
        assert_eq!(format!("{mounted:?}"), r#"{"mem://a", "mem://a/b"}"#);
        assert!(mounted == mounts(&stores[1]) && mounted != mounts(&stores[0]));
    }
}

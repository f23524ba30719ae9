//! Objects in a store of the program's own, by the store's own calls.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt as _};
use tokio::time::timeout;

use super::library::why;
use super::pace::Paced;
use super::trouble::{Kind, Trouble};
use super::version::Version;
use super::wire::Body;
use crate::pipeline::source::network::Network;

/// An object, or what lies below a prefix, in a store of the program's own.
#[derive(Debug, Clone)]
pub(super) struct Mounted {
    store: Arc<dyn ObjectStore>,
    /// The prefix of its URLs.
    base: String,
    key: String,
    /// How long it may send nothing.
    patience: Duration,
}

/// Of a failure, what is known of it: the store's own attempts are used up.
fn trouble(error: object_store::Error) -> Trouble {
    use object_store::Error;
    let kind = match error {
        Error::NotFound { .. } => Kind::NotFound,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => Kind::Denied,
        Error::Precondition { .. } | Error::NotModified { .. } => return Trouble::changed(),
        _ => Kind::Lasting,
    };
    Trouble::new(kind, why(&error))
}

fn version(meta: &ObjectMeta) -> Version {
    Version::known(meta.e_tag.clone(), meta.last_modified.to_rfc3339(), meta.size)
}

impl Mounted {
    /// The place of a URL, where a store is mounted for it.
    pub(super) fn of(url: &str, network: &Network) -> Option<Mounted> {
        let (base, store, key) = network.mounts.find(url)?;
        let (store, base, key) = (store.clone(), base.to_string(), key.to_string());
        Some(Mounted { store, base, key, patience: network.patience })
    }

    /// What it is called in the store.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// The store, and what lies below in it.
    #[cfg(feature = "job")]
    pub(super) fn into_parts(self) -> (Arc<dyn ObjectStore>, String) {
        (self.store, self.key)
    }

    fn path(&self) -> Result<Path, Trouble> {
        let path = Path::parse(&self.key);
        path.map_err(|error| Trouble::lasting(format!("the store cannot have such a key: {error}")))
    }

    /// Waits for an answer within bounds.
    async fn answer<T>(&self, work: impl Future<Output = object_store::Result<T>>) -> Result<T, Trouble> {
        let answer = timeout(self.patience, work).await;
        answer.map_err(|_| Trouble::silent(self.patience))?.map_err(trouble)
    }

    /// How long an object is, and its version.
    pub(super) async fn length(&self) -> Result<(u64, Version), Trouble> {
        let meta = self.answer(self.store.head(&self.path()?)).await?;
        Ok((meta.size, version(&meta)))
    }

    /// An object or a part of it, how long the whole is, and its version.
    pub(super) async fn get(&self, options: GetOptions) -> Result<(u64, Version, Body), Trouble> {
        let got = self.answer(self.store.get_opts(&self.path()?, options)).await?;
        let (length, version) = (got.meta.size, version(&got.meta));
        // What breaks off is asked for again.
        let broken = |error| Trouble::new(Kind::Passing, why(&error));
        let body = got.into_stream().map_err(broken);
        Ok((length, version, Paced::new(body, self.patience).boxed()))
    }

    /// Whether anything lies below its key.
    pub(super) async fn has_below(&self) -> Result<bool, Trouble> {
        let path = self.path()?;
        let mut listed = self.store.list(Some(&path));
        let first = self.answer(listed.try_next()).await?;
        Ok(first.is_some())
    }

    /// The URLs and versions of the objects below its key, behind one of them, in the order of the keys' bytes.
    pub(super) async fn below(&self, after: Option<&str>) -> Result<Vec<(String, String)>, Trouble> {
        let path = self.path()?;
        let path = Some(&path).filter(|path| !path.as_ref().is_empty());
        let mut listed = self.store.list(path);
        let mut found = Vec::new();
        while let Some(meta) = self.answer(listed.try_next()).await? {
            let url = format!("{}/{}", self.base, meta.location);
            if after.is_none_or(|after| *url > *after) {
                let changed = || format!("{} {}", meta.last_modified.to_rfc3339(), meta.size);
                found.push((url, meta.e_tag.clone().unwrap_or_else(changed)));
            }
        }
        found.sort_unstable();
        Ok(found)
    }
}

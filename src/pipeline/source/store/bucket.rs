//! A prefix of a store that is written as well as read.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::iter;
use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use futures_util::TryStreamExt as _;
use object_store::client::{HttpError, HttpErrorKind};
use object_store::path::Path;
use object_store::{
    Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload,
};

use super::library::{Library, why};
use super::mounted::Mounted;
use super::remote::split;
use super::trouble::Trouble;
use super::wire::pause;
use super::{failed, wait};
use crate::pipeline::Stop;
use crate::pipeline::source::network::Network;

/// How often a request, or a body that breaks off, is retried.
const RETRIES: usize = 10;

/// Names below a URL such as `s3://bucket/prefix`; every operation waits until it is done.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    store: Arc<dyn ObjectStore>,
    prefix: String,
}

impl Bucket {
    /// The names below `url`.
    pub(crate) fn open(url: &str, network: &Network) -> io::Result<Bucket> {
        if let Some(mounted) = Mounted::of(url, network) {
            let (store, prefix) = mounted.into_parts();
            return Ok(Bucket { store, prefix: prefix.trim_matches('/').to_string() });
        }
        let (base, prefix) = split(url);
        let store = Library::of(base, network)?.objects();
        Ok(Bucket { store, prefix: prefix.trim_matches('/').to_string() })
    }

    /// Names in memory.
    #[cfg(test)]
    pub(crate) fn in_memory() -> Bucket {
        let store = Arc::new(object_store::memory::InMemory::new());
        Bucket { store, prefix: "job".to_string() }
    }

    fn path(&self, name: &str) -> Path {
        Path::from(format!("{}/{name}", self.prefix))
    }

    /// The objects directly in a folder, with their lengths and when they were written.
    pub(crate) fn list(&self, folder: &str) -> io::Result<Vec<(String, u64, SystemTime)>> {
        let (store, path) = (self.store.clone(), self.path(folder));
        let list = move || {
            let (store, path) = (store.clone(), path.clone());
            async move { store.list_with_delimiter(Some(&path)).await }
        };
        let listed = wait(&Stop::default(), async move { until_answered(list).await.map_err(explained) })?;
        let entry = |meta: object_store::ObjectMeta| {
            Some((meta.location.filename()?.to_string(), meta.size, meta.last_modified.into()))
        };
        Ok(listed.objects.into_iter().filter_map(entry).collect())
    }

    /// Whether there is such an object.
    pub(crate) fn has(&self, name: &str) -> io::Result<bool> {
        let (store, path) = (self.store.clone(), self.path(name));
        wait(&Stop::default(), async move {
            match store.head(&path).await {
                Ok(_) => Ok(true),
                Err(Error::NotFound { .. }) => Ok(false),
                Err(error) => Err(explained(error)),
            }
        })
    }

    /// The whole object, if there is one.
    pub(crate) fn get(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        self.get_part(name, None)
    }

    /// A range of an object, shorter if the object ends within it.
    pub(crate) fn get_range(&self, name: &str, offset: u64, length: u64) -> io::Result<Vec<u8>> {
        if length == 0 {
            return Ok(Vec::new());
        }
        let part = self.get_part(name, Some(offset..offset.saturating_add(length)))?;
        part.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Bytes of an object, if there is one; retries a body that breaks off.
    fn get_part(&self, name: &str, part: Option<Range<u64>>) -> io::Result<Option<Vec<u8>>> {
        let (store, path) = (self.store.clone(), self.path(name));
        let options = GetOptions { range: part.map(GetRange::Bounded), ..GetOptions::default() };
        wait(&Stop::default(), async move {
            for attempt in 0.. {
                let got = match store.get_opts(&path, options.clone()).await {
                    Ok(got) => got.bytes().await,
                    Err(Error::NotFound { .. }) => return Ok(None),
                    Err(error) => return Err(explained(error)),
                };
                match got {
                    Ok(bytes) => return Ok(Some(bytes.to_vec())),
                    Err(error) if attempt == RETRIES => return Err(explained(error)),
                    Err(_) => pause(attempt).await,
                }
            }
            Ok(None)
        })
    }

    /// The object in a temporary file, if there is one.
    pub(crate) fn fetch(&self, name: &str) -> io::Result<Option<File>> {
        let (store, path) = (self.store.clone(), self.path(name));
        wait(&Stop::default(), async move {
            for attempt in 0.. {
                let got = match store.get(&path).await {
                    Ok(got) => got,
                    Err(Error::NotFound { .. }) => return Ok(None),
                    Err(error) => return Err(explained(error)),
                };
                let mut file = tempfile::tempfile()?;
                let mut bytes = got.into_stream();
                let broken = loop {
                    match bytes.try_next().await {
                        Ok(Some(piece)) => file.write_all(&piece)?,
                        Ok(None) => break None,
                        Err(error) => break Some(error),
                    }
                };
                match broken {
                    None => {
                        file.rewind()?;
                        return Ok(Some(file));
                    }
                    Some(error) if attempt == RETRIES => return Err(explained(error)),
                    Some(_) => pause(attempt).await,
                }
            }
            Ok(None)
        })
    }

    /// Writes an object atomically; with `new` only if there is none yet. Returns whether it is known to have written it: if the answer to the
    /// first attempt was lost, the retry finds our own object and gives `false`.
    pub(crate) fn put(&self, name: &str, content: Vec<u8>, new: bool) -> io::Result<bool> {
        let (store, path) = (self.store.clone(), self.path(name));
        wait(&Stop::default(), async move {
            let mode = if new { PutMode::Create } else { PutMode::Overwrite };
            let options = PutOptions { mode, ..PutOptions::default() };
            let content = PutPayload::from(content);
            let put = || {
                let (store, path) = (store.clone(), path.clone());
                let (content, options) = (content.clone(), options.clone());
                async move { store.put_opts(&path, content, options).await }
            };
            match until_answered(put).await {
                Ok(_) => Ok(true),
                Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) if new => Ok(false),
                Err(error) => Err(explained(error)),
            }
        })
    }

    /// The same with the content of a file.
    pub(crate) fn put_file(&self, name: &str, mut file: &File, new: bool) -> io::Result<bool> {
        let mut content = Vec::new();
        file.rewind()?;
        file.read_to_end(&mut content)?;
        self.put(name, content, new)
    }

    /// Removes an object, if it is there.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        let (store, path) = (self.store.clone(), self.path(name));
        wait(&Stop::default(), async move {
            let delete = || {
                let (store, path) = (store.clone(), path.clone());
                async move { store.delete(&path).await }
            };
            match until_answered(delete).await {
                Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
                Err(error) => Err(explained(error)),
            }
        })
    }
}

/// A store's error as the system's.
fn explained(error: Error) -> io::Error {
    let kind = match &error {
        Error::NotFound { .. } => io::ErrorKind::NotFound,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => io::ErrorKind::PermissionDenied,
        Error::Precondition { .. } => return Trouble::changed().into(),
        _ => io::ErrorKind::Other,
    };
    failed(kind, why(&error))
}

/// Retries if the connection broke before the answer was complete. The crate itself retries only idempotent requests. Callers of this function
/// can tell whether the first attempt was carried out.
async fn until_answered<T, A: Future<Output = Result<T, Error>>>(ask: impl Fn() -> A) -> Result<T, Error> {
    let mut attempts = 0;
    loop {
        match ask().await {
            Err(error) if attempts < RETRIES && broke_off(&error) => pause(attempts).await,
            answer => return answer,
        }
        attempts += 1;
    }
}

/// Whether a connection broke. Connections that could not be made at all were retried by the crate already.
fn broke_off(error: &(dyn std::error::Error + 'static)) -> bool {
    let retried = [HttpErrorKind::Connect, HttpErrorKind::Request];
    iter::successors(Some(error), |error| error.source())
        .any(|error| error.downcast_ref::<HttpError>().is_some_and(|error| !retried.contains(&error.kind())))
}

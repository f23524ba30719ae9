//! A prefix of an object store: `s3://`, `gs://`, `az://` and what speaks their protocols.
//!
//! Objects appear whole by themselves, and "only if there is none" is a condition of the request. There is no appending, so a worker keeps what it
//! has written of the ledger and writes it anew; there are no locks, so a dead worker is known by its heartbeat alone.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::sync::{Mutex, PoisonError};

use tempfile::NamedTempFile;

use super::{Listed, Location, Publish};
use crate::error::{Error, Result};
use crate::pipeline::{Bucket, Network};

/// A [`Location`] in an object store.
#[derive(Debug)]
pub struct Store {
    url: String,
    bucket: Bucket,
    appended: Mutex<HashMap<String, Vec<u8>>>,
}

impl Store {
    /// What lies below `url`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where there can be no client for it.
    pub fn open(url: &str) -> Result<Store> {
        Store::open_with(url, &Network::default())
    }

    /// The same with the endpoints, credentials and mounted stores of `network`.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Store::open).
    pub fn open_with(url: &str, network: &Network) -> Result<Store> {
        let bucket =
            Bucket::open(url, network).map_err(|error| Error::io(format!("cannot use {url}"), error))?;
        Ok(Store { url: url.trim_end_matches('/').to_string(), bucket, appended: Mutex::default() })
    }

    /// A store in memory.
    #[cfg(test)]
    pub(in crate::job) fn in_memory() -> Store {
        Store { url: "memory".to_string(), bucket: Bucket::in_memory(), appended: Mutex::default() }
    }

    /// The same store as another process sees it.
    #[cfg(test)]
    pub(in crate::job) fn opened_again(&self) -> Store {
        Store { url: self.url.clone(), bucket: self.bucket.clone(), appended: Mutex::default() }
    }

    fn cannot(&self, what: &str, name: &str, error: io::Error) -> Error {
        Error::io(format!("cannot {what} {}/{name}", self.url), error)
    }
}

impl Location for Store {
    fn list(&self, folder: &str) -> Result<Vec<Listed>> {
        let listed = self.bucket.list(folder).map_err(|error| self.cannot("list", folder, error))?;
        let entry = |(name, length, written)| Listed { name, length, written: Some(written) };
        let mut listed: Vec<Listed> = listed.into_iter().map(entry).collect();
        listed.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(listed)
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.bucket.get(name).map_err(|error| self.cannot("read", name, error))
    }

    fn read_range(&self, name: &str, offset: u64, length: u64) -> Result<Vec<u8>> {
        let range = self.bucket.get_range(name, offset, length);
        range.map_err(|error| self.cannot("read", name, error))
    }

    fn exists(&self, name: &str) -> Result<bool> {
        self.bucket.has(name).map_err(|error| self.cannot("look for", name, error))
    }

    fn open(&self, name: &str) -> Result<Option<File>> {
        self.bucket.fetch(name).map_err(|error| self.cannot("read", name, error))
    }

    fn create(&self, name: &str, content: &[u8]) -> Result<bool> {
        let created = self.bucket.put(name, content.to_vec(), true);
        let created = created.map_err(|error| self.cannot("create", name, error))?;
        // The answer to our own first attempt may have been lost: a worker must not wait for a claim that it has itself.
        Ok(created || self.read(name)?.is_some_and(|found| found == content))
    }

    fn claim(&self, name: &str, content: &[u8]) -> Result<bool> {
        self.create(name, content)
    }

    fn beat(&self, name: &str, content: &[u8]) -> Result<()> {
        let written = self.bucket.put(name, content.to_vec(), false);
        written.map(drop).map_err(|error| self.cannot("write", name, error))
    }

    fn append(&self, name: &str, content: &[u8]) -> Result<()> {
        let mut appended = self.appended.lock().unwrap_or_else(PoisonError::into_inner);
        let mut whole = appended.get(name).cloned().unwrap_or_default();
        whole.extend_from_slice(content);
        self.beat(name, &whole)?;
        // Names are written one after another, so those before are complete.
        appended.clear();
        appended.insert(name.to_string(), whole);
        Ok(())
    }

    /// A shard has two lines of some 700 bytes, so an append writes 45 kB on average, and a million shards have 16,000 names.
    fn appends(&self) -> usize {
        128
    }

    fn remove(&self, name: &str) -> Result<()> {
        self.bucket.remove(name).map_err(|error| self.cannot("remove", name, error))
    }

    /// Without a name, where the system lets an open file go without: nothing of it stays when this process is killed.
    fn draft(&self, _owner: &str) -> Result<NamedTempFile> {
        let draft = NamedTempFile::new();
        let mut draft = draft.map_err(|error| Error::io("cannot write a temporary file", error))?;
        let nameless = std::fs::remove_file(draft.path()).is_ok();
        draft.disable_cleanup(nameless);
        Ok(draft)
    }

    fn publish(&self, draft: NamedTempFile, name: &str, how: Publish) -> Result<bool> {
        let published = self.bucket.put_file(name, draft.as_file(), how == Publish::First);
        published.map_err(|error| self.cannot("write", name, error))
    }

    fn lock(&self, _name: &str) -> Result<Option<File>> {
        Ok(None)
    }

    fn is_unlocked(&self, _name: &str) -> Result<bool> {
        Ok(false)
    }

    fn place(&self) -> String {
        self.url.clone()
    }
}

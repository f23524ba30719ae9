//! The keys of a folder, for the command that makes and takes them.

use std::path::Path;

use crate::error::Result;
use crate::state::State;
use crate::state::keys::{Key, NewKey};

/// The keys in a service's folder. A service that runs follows within seconds.
#[derive(Debug)]
pub struct KeyStore(State);

impl KeyStore {
    /// Opens the folder, which is made where it is missing.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io) where it cannot be made, [`Error::Input`](crate::Error::Input) where its file is none of ours.
    pub fn open(folder: impl AsRef<Path>) -> Result<KeyStore> {
        State::open(folder.as_ref()).map(KeyStore)
    }

    /// Makes a key and gives its text, which nobody can show again.
    ///
    /// # Errors
    ///
    /// [`Error::Input`](crate::Error::Input) for a rate that is none, or where it cannot be written.
    pub fn add(&self, new: &NewKey) -> Result<String> {
        self.0.add_key(new)
    }

    /// Every key, the oldest first, without its secret.
    ///
    /// # Errors
    ///
    /// [`Error::Input`](crate::Error::Input) where they cannot be read.
    pub fn list(&self) -> Result<Vec<Key>> {
        Ok(self.0.keys()?.into_iter().map(|kept| kept.key).collect())
    }

    /// Revokes a key by its id; whether there is one.
    ///
    /// # Errors
    ///
    /// [`Error::Input`](crate::Error::Input) where that cannot be written.
    pub fn revoke(&self, id: &str) -> Result<bool> {
        self.0.revoke_key(id)
    }
}

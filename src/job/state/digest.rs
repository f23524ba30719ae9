//! Checksums of files and of keys.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _, Seek as _};

use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};

/// SHA-256 of a whole file in hexadecimal, as `sha256sum` gives it, and the file's length.
pub(in crate::job) fn of_file(mut file: &File, name: &str) -> Result<(String, u64)> {
    let mut read = || {
        file.rewind()?;
        let (mut hash, mut length) = (Sha256::new(), 0);
        let mut piece = vec![0; 1 << 18];
        loop {
            match file.read(&mut piece) {
                Ok(0) => return Ok((hex(&hash.finalize()), length)),
                Ok(read) => {
                    hash.update(&piece[..read]);
                    length += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    };
    read().map_err(|error| Error::io(format!("cannot read {name}"), error))
}

/// The checksum over keys in their order.
#[derive(Debug, Default, Clone)]
pub(in crate::job) struct Keys(Sha256);

impl Keys {
    pub(in crate::job) fn add(&mut self, key: &OsStr) {
        let bytes = key.as_encoded_bytes();
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    pub(in crate::job) fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

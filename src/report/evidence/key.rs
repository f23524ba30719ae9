//! The key that opens all evidence, and the keys of single files.

use std::fmt;
use std::fs;
use std::path::Path;

use ring::aead::{CHACHA20_POLY1305, LessSafeKey, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};

use crate::error::{Error, Result};

/// Bytes of a key.
const KEY: usize = 32;

/// What the keys of files are for; another purpose would have another text.
const PURPOSE: &[&[u8]] = &[b"shadegrid evidence 1"];

/// The key outside the folder. It is shown nowhere.
pub(super) struct MasterKey([u8; KEY]);

impl fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MasterKey(…)")
    }
}

struct KeyLength;

impl KeyType for KeyLength {
    fn len(&self) -> usize {
        KEY
    }
}

impl MasterKey {
    /// Reads a file of 64 hexadecimal digits that lies outside `data`.
    pub(super) fn read(path: &Path, data: &Path) -> Result<MasterKey> {
        let cannot = |error| Error::io(format!("cannot read {}", path.display()), error);
        let (place, folder) =
            (fs::canonicalize(path).map_err(cannot)?, fs::canonicalize(data).map_err(cannot)?);
        if place.starts_with(folder) {
            return Err(Error::Input(format!(
                "{} lies in the folder of the evidence, and whoever copied that folder would have its key: keep it elsewhere",
                path.display()
            )));
        }
        check_access(path, &place)?;
        let text = fs::read_to_string(&place).map_err(cannot)?;
        let key = decode(text.trim()).ok_or_else(|| {
            let how = "has to hold 64 hexadecimal digits; `openssl rand -hex 32` makes such a key";
            Error::Input(format!("{} {how}", path.display()))
        })?;
        Ok(MasterKey(key))
    }

    /// The key of the file with this salt.
    pub(super) fn of_file(&self, salt: &[u8]) -> Option<LessSafeKey> {
        let mut key = [0; KEY];
        let prk: Prk = Salt::new(HKDF_SHA256, salt).extract(&self.0);
        prk.expand(PURPOSE, KeyLength).ok()?.fill(&mut key).ok()?;
        UnboundKey::new(&CHACHA20_POLY1305, &key).ok().map(LessSafeKey::new)
    }
}

/// Refuses a key that everybody on the machine can read.
#[cfg(unix)]
fn check_access(path: &Path, place: &Path) -> Result<()> {
    let cannot = |error| Error::io(format!("cannot read {}", path.display()), error);
    let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(place).map_err(cannot)?);
    match mode & 0o007 {
        0 => Ok(()),
        _ => Err(Error::Input(format!("{} is open to everybody: chmod 600 it", path.display()))),
    }
}

#[cfg(not(unix))]
fn check_access(_: &Path, _: &Path) -> Result<()> {
    Ok(())
}

fn decode(text: &str) -> Option<[u8; KEY]> {
    let digit = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
    let bytes = text.as_bytes();
    if bytes.len() != 2 * KEY {
        return None;
    }
    let mut key = [0; KEY];
    for (place, pair) in key.iter_mut().zip(bytes.chunks_exact(2)) {
        *place = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_are_none_or_lie_wrong_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (data, path) = (folder.path().join("data"), folder.path().join("key"));
        fs::create_dir(&data).unwrap();
        assert!(MasterKey::read(&path, &data).is_err());
        let good = format!("{}\n", "0a".repeat(32));
        for (text, right) in
            [(good.as_str(), true), ("", false), (&good[1..], false), (&"0g".repeat(32), false)]
        {
            fs::write(&path, text).unwrap();
            private(&path);
            assert_eq!(MasterKey::read(&path, &data).is_ok(), right, "{text}");
        }
        assert!(!format!("{:?}", MasterKey([7; KEY])).contains('7'));
        let inside = data.join("key");
        fs::write(&inside, &good).unwrap();
        private(&inside);
        assert!(MasterKey::read(&inside, &data).err().unwrap().to_string().contains("elsewhere"));
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_everybody_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let (data, path) = (folder.path().join("data"), folder.path().join("key"));
        fs::create_dir(&data).unwrap();
        fs::write(&path, "0a".repeat(32)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(MasterKey::read(&path, &data).err().unwrap().to_string().contains("chmod"));
    }

    fn private(path: &Path) {
        #[cfg(unix)]
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let _ = path;
    }
}

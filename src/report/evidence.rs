//! Files as evidence: encrypted on the disk, named by the SHA-256 of what they hold, and byte for byte the same or refused.
//!
//! A file is a head and chunks. The head is a mark and 32 random bytes; HKDF-SHA-256 makes the file's own key of them and the key outside the folder. Each chunk is
//! sealed by ChaCha20-Poly1305 (RFC 8439) with its number and whether it is the last as nonce, so a chunk that was changed, moved, left out or added, and an end
//! that was cut off, is noticed. Who has the key and exchanges whole files is noticed by the name.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::{folders, private};

mod digests;
mod key;
mod sealed;

use digests::Digesting;
pub(crate) use digests::{Digests, digests};
use key::MasterKey;
pub(crate) use sealed::Opened;

/// The folder of the evidence.
const FOLDER: &str = "evidence";

/// What the names of drafts begin with.
const DRAFT: &str = "draft-";

/// After how long nobody writes a draft any more.
const ABANDONED: Duration = Duration::from_secs(86_400);

/// Where evidence is kept.
#[derive(Debug)]
pub(crate) struct Evidence {
    folder: PathBuf,
    key: MasterKey,
}

impl Evidence {
    /// Opens the evidence of a service's folder; its own is made where it is missing.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where the folder or the key cannot be read, [`Error::Input`] for a key that is none, or lies where the evidence does.
    pub(crate) fn open(data: &Path, key: &Path) -> Result<Evidence> {
        let folder = data.join(FOLDER);
        let cannot = |error| Error::io(format!("cannot open {}", folder.display()), error);
        private::folder(&folder).map_err(cannot)?;
        Ok(Evidence { key: MasterKey::read(key, data)?, folder })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Keeps what is read. When it returns, the file is whole and on the disk.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where it cannot be read or written.
    pub(crate) fn keep(&self, content: &mut dyn Read) -> Result<Digests> {
        let draft = self.path(&format!("{DRAFT}{}", crate::random::hexadecimal::<8>()?));
        let kept = self.write(&draft, content).and_then(|digests| {
            // What is there already is this, unless it is damaged; then the new one is the better one.
            match self.verify(&digests.sha256) {
                Ok(_) => fs::remove_file(&draft)?,
                Err(_) => fs::rename(&draft, self.path(&digests.sha256))?,
            }
            folders::sync(&self.folder)?;
            Ok(digests)
        });
        if kept.is_err() {
            let _ = fs::remove_file(&draft);
        }
        kept.map_err(|error| Error::io("cannot keep the evidence", error))
    }

    fn write(&self, path: &Path, content: &mut dyn Read) -> io::Result<Digests> {
        let mut file = private_file(path)?;
        let mut digesting = Digesting::default();
        let mut source = digesting.reading(content);
        sealed::seal(&mut source, &mut file, &self.key)?;
        file.flush()?;
        file.sync_all()?;
        Ok(digesting.finish())
    }

    /// Reads evidence from begin to end, and says what it is.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where there is none, or it is not what was kept.
    pub(crate) fn verify(&self, name: &str) -> Result<Digests> {
        let mut digesting = Digesting::default();
        let copied = self.open_file(name).and_then(|mut opened| {
            io::copy(&mut digesting.reading(&mut opened), &mut io::sink())?;
            Ok(())
        });
        let digests = copied.map(|()| digesting.finish()).and_then(|digests| match digests.sha256 == name {
            true => Ok(digests),
            false => Err(io::Error::other("it is another file")),
        });
        digests.map_err(|error| Error::io("the evidence cannot be used", error))
    }

    /// Whether there is evidence of this name, whatever it is.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.path(name).is_file()
    }

    /// Opens evidence to be read; what was changed is an error when it is come upon.
    pub(crate) fn open_file(&self, name: &str) -> io::Result<Opened> {
        sealed::Opened::new(File::open(self.path(name))?, &self.key)
    }

    /// Removes drafts of processes that ended while they wrote them.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where the folder cannot be read.
    pub(crate) fn sweep(&self) -> Result<()> {
        let swept = fs::read_dir(&self.folder).and_then(|entries| {
            for entry in entries {
                let entry = entry?;
                let is_draft = entry.file_name().to_string_lossy().starts_with(DRAFT);
                let age = entry.metadata().and_then(|metadata| metadata.modified());
                let age = age.ok().and_then(|time| time.elapsed().ok()).unwrap_or_default();
                if is_draft && age > ABANDONED {
                    fs::remove_file(entry.path())?;
                }
            }
            Ok(())
        });
        swept.map_err(|error| Error::io("cannot sweep the evidence", error))
    }

    /// Removes evidence. Without its head no key opens what a disk may still hold of it.
    pub(crate) fn erase(&self, name: &str) -> Result<()> {
        let path = self.path(name);
        let erased = OpenOptions::new().write(true).open(&path).and_then(|mut file| {
            file.write_all(&[0; sealed::HEAD])?;
            file.sync_all()?;
            fs::remove_file(&path)?;
            folders::sync(&self.folder)
        });
        match erased {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            erased => erased.map_err(|error| Error::io("cannot erase the evidence", error)),
        }
    }
}

/// A new file.
fn private_file(path: &Path) -> io::Result<File> {
    private::file(path, OpenOptions::new().write(true).create_new(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write_key(path: &Path, text: &str) {
        private_file(path).unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn evidence(folder: &Path) -> Evidence {
        let key = folder.join("key");
        write_key(&key, &"0123456789abcdef".repeat(4));
        Evidence::open(&folder.join("data"), &key).unwrap()
    }

    fn content(length: usize) -> Vec<u8> {
        (0..length).map(|place| (place * 7 + place / 251) as u8).collect()
    }

    #[test]
    fn what_is_kept_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let evidence = evidence(folder.path());
        for length in [0, 1, sealed::CHUNK - 1, sealed::CHUNK, sealed::CHUNK + 1, 3 * sealed::CHUNK, 200_000]
        {
            let content = content(length);
            let digests = evidence.keep(&mut &content[..]).unwrap();
            assert_eq!(digests, evidence.keep(&mut &content[..]).unwrap(), "the same again is the same");
            assert_eq!(
                (digests.bytes, digests),
                (length as u64, evidence.verify(&evidence.keep(&mut &content[..]).unwrap().sha256).unwrap())
            );
            let digests = evidence.keep(&mut &content[..]).unwrap();
            let mut back = Vec::new();
            evidence.open_file(&digests.sha256).unwrap().read_to_end(&mut back).unwrap();
            assert!(back == content);
            let file = fs::read(evidence.path(&digests.sha256)).unwrap();
            assert!(length < 16 || !file.windows(16).any(|window| window == &content[..16]));
            evidence.erase(&digests.sha256).unwrap();
            evidence.erase(&digests.sha256).unwrap();
            assert!(evidence.verify(&digests.sha256).is_err());
        }
        let left: Vec<_> = fs::read_dir(folder.path().join("data/evidence")).unwrap().collect();
        assert!(left.is_empty(), "no draft stays");
    }

    #[test]
    fn a_change_of_any_byte_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let evidence = evidence(folder.path());
        let name = evidence.keep(&mut &content(300)[..]).unwrap().sha256;
        let path = evidence.path(&name);
        let whole = fs::read(&path).unwrap();
        for place in 0..whole.len() {
            for bit in [0, 7] {
                let mut changed = whole.clone();
                changed[place] ^= 1 << bit;
                fs::write(&path, changed).unwrap();
                assert!(evidence.verify(&name).is_err(), "byte {place}");
            }
            fs::write(&path, &whole[..place]).unwrap();
            assert!(evidence.verify(&name).is_err(), "cut at {place}");
        }
        fs::write(&path, [&whole[..], &[0]].concat()).unwrap();
        assert!(evidence.verify(&name).is_err(), "a byte more");
        // Keeping the same again repairs it.
        assert_eq!(evidence.keep(&mut &content(300)[..]).unwrap().sha256, name);
        assert!(evidence.verify(&name).is_ok());
    }

    #[test]
    fn drafts_that_nobody_writes_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let evidence = evidence(folder.path());
        let name = evidence.keep(&mut &content(300)[..]).unwrap().sha256;
        for (draft, hours) in [("draft-old", 25), ("draft-new", 1)] {
            let file = File::create(evidence.path(draft)).unwrap();
            file.set_modified(std::time::SystemTime::now() - Duration::from_secs(hours * 3600)).unwrap();
        }
        evidence.sweep().unwrap();
        assert!(!evidence.path("draft-old").exists() && evidence.path("draft-new").exists());
        assert!(evidence.verify(&name).is_ok());
    }

    #[test]
    fn chunks_and_files_have_their_places() {
        let folder = tempfile::tempdir().unwrap();
        let evidence = evidence(folder.path());
        let name = evidence.keep(&mut &content(3 * sealed::CHUNK)[..]).unwrap().sha256;
        let other = evidence.keep(&mut &content(3 * sealed::CHUNK + 1)[..]).unwrap().sha256;
        let path = evidence.path(&name);
        let whole = fs::read(&path).unwrap();
        let (head, chunks) = whole.split_at(sealed::HEAD);
        let chunks: Vec<&[u8]> = chunks.chunks(sealed::CHUNK + 16).collect();
        let arrangements: [&[usize]; 6] = [&[1, 0, 2], &[0, 1], &[0, 2], &[0, 1, 1, 2], &[0, 1, 2, 2], &[2]];
        for order in arrangements {
            let pieces: Vec<&[u8]> = order.iter().map(|place| chunks[*place]).collect();
            fs::write(&path, [head, &pieces.concat()].concat()).unwrap();
            assert!(evidence.verify(&name).is_err(), "{order:?}");
        }
        fs::write(&path, fs::read(evidence.path(&other)).unwrap()).unwrap();
        assert!(evidence.verify(&name).unwrap_err().to_string().contains("another file"));
        fs::write(&path, &whole).unwrap();
        assert!(evidence.verify(&name).is_ok());
        let key = folder.path().join("other key");
        write_key(&key, &"f".repeat(64));
        assert!(Evidence::open(&folder.path().join("data"), &key).unwrap().verify(&name).is_err());
    }
}

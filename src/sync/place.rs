//! Where a gallery and its checkpoint lie, and the order in which both are written.
//!
//! 1. The new gallery is written under another name.
//! 2. The old checkpoint is written again with the checksum of the gallery that comes.
//! 3. The new gallery takes the old one's place.
//! 4. The new checkpoint is written.
//!
//! Killed before 3, the old gallery and the old checkpoint are there; killed after it, the new gallery and the old checkpoint, which knows it. What is
//! fetched then changes nothing, or is missing in the gallery.

use std::collections::HashSet;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};

use super::changes::{Changes, Written};
use super::checkpoint::Checkpoint;
use crate::error::{Error, Result};
use crate::folders;
use crate::gallery::rewrite::take_place;
use crate::gallery::{Change, Gallery, GalleryBuilder};

/// A gallery and its checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) gallery: PathBuf,
    pub(crate) checkpoint: PathBuf,
}

/// What is in a place.
#[derive(Debug)]
pub(crate) enum Found {
    /// No gallery.
    Nothing,
    /// A gallery and what is known of it.
    Known(Box<Checkpoint>),
    /// A gallery that is not the one of the checkpoint, or one of another list.
    Foreign,
    /// A gallery without a checkpoint: it follows no list.
    Unowned,
}

impl Place {
    /// Of the gallery that is searched.
    pub(crate) fn main(folder: &Path, name: &str) -> Place {
        Place {
            gallery: folder.join(format!("{name}.gallery")),
            checkpoint: folder.join(format!("{name}.sync")),
        }
    }

    /// Of one that is fetched anew, and that no service takes for a gallery of its own.
    pub(crate) fn aside(folder: &Path, name: &str) -> Place {
        Place {
            gallery: folder.join(format!("{name}.anew")),
            checkpoint: folder.join(format!("{name}.anew.sync")),
        }
    }

    /// What is there, for a list.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where a file cannot be read, [`Error::Unsupported`] where a newer version wrote it.
    pub(crate) fn find(&self, identity: &str) -> Result<Found> {
        let checksum = match self.gallery.exists().then(|| Gallery::map(&self.gallery)) {
            None => return Ok(Found::Nothing),
            Some(Ok(gallery)) => gallery.checksum(),
            Some(Err(error @ (Error::Io { .. } | Error::Unsupported(_)))) => return Err(error),
            Some(Err(_)) => return Ok(Found::Foreign),
        };
        let checkpoint = match Checkpoint::read(&self.checkpoint) {
            Ok(None) => return Ok(Found::Unowned),
            Ok(checkpoint) => checkpoint,
            Err(Error::Corrupt { .. }) => None,
            Err(error) => return Err(error),
        };
        let knows = |checkpoint: &Checkpoint| {
            [checkpoint.gallery, checkpoint.coming].contains(&Some(checksum))
                && checkpoint.identity == identity
        };
        Ok(match checkpoint.filter(knows) {
            Some(mut checkpoint) => {
                checkpoint.gallery = Some(checksum);
                checkpoint.coming = None;
                Found::Known(Box::new(checkpoint))
            }
            None => Found::Foreign,
        })
    }

    /// How many entries the gallery has; 0 where there is none that can be opened.
    pub(crate) fn entries(&self) -> u64 {
        Gallery::map(&self.gallery).map_or(0, |gallery| gallery.counts().entries)
    }

    /// How many entries have a signature that none of another place's has; 0 where this gallery cannot be opened.
    ///
    /// # Errors
    ///
    /// Those of [`Gallery::map`], of the other.
    pub(crate) fn lost_in(&self, other: &Place) -> Result<u64> {
        let Ok(before) = Gallery::map(&self.gallery) else { return Ok(0) };
        let now = Gallery::map(&other.gallery)?;
        let digests = RandomState::new();
        let of = |gallery: &Gallery, id| {
            let photodna = gallery.photodna(id).map(|signature| digests.hash_one(signature.0));
            let pdq = gallery.pdq(id).map(|signature| digests.hash_one(signature.0));
            [photodna, pdq].into_iter().flatten()
        };
        let known: HashSet<u64> = now.ids().flat_map(|id| of(&now, id)).collect();
        let lost = before.ids().filter(|id| !of(&before, *id).all(|digest| known.contains(&digest)));
        Ok(lost.count() as u64)
    }

    /// Removes what is there.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where that cannot be done.
    pub(crate) fn clear(&self) -> Result<()> {
        // The checkpoint first: alone, it says nothing.
        for path in [&self.checkpoint, &self.gallery, &self.next()] {
            remove(path)?;
        }
        let _ = folders::sync(folders::of(&self.gallery));
        Ok(())
    }

    fn next(&self) -> PathBuf {
        let mut name = self.gallery.clone().into_os_string();
        name.push(".next");
        name.into()
    }

    /// Brings changes into the gallery, then the checkpoint `after` them; `before` is the one that is there.
    ///
    /// # Errors
    ///
    /// Those of [`Changes::write`]; [`Error::Io`] where a file cannot be written.
    pub(crate) fn store(
        &self,
        changes: Changes,
        list: (&str, &str),
        before: &Checkpoint,
        mut after: Checkpoint,
        most_lost: u64,
    ) -> Result<(Checkpoint, Written)> {
        // Other processes may change galleries by hand.
        let change = Change::begin(&self.gallery, &mut |_| {})?;
        let next = self.next();
        // Temporary files of those that were killed go.
        drop(Change::begin(&next, &mut |_| {})?);
        remove(&next)?;
        let base = match self.gallery.exists() {
            true => Gallery::map(&self.gallery)?,
            false => Gallery::from_bytes(GalleryBuilder::new().to_bytes()?)?,
        };
        let checksum = self.gallery.exists().then(|| base.checksum());
        if checksum != before.gallery {
            return Err(Error::Input(format!(
                "{} was changed by somebody else while its list was fetched; the next round begins anew",
                self.gallery.display()
            )));
        }
        let written = changes.write(&base, list, &next, most_lost);
        if let Err(Error::Corrupt { .. }) = &written {
            // A checkpoint that knows no gallery: the next round fetches the list anew.
            Checkpoint { gallery: None, coming: None, ..before.clone() }.write(&self.checkpoint)?;
        }
        let mut written = written?;
        if !written.is_changed && checksum.is_none() {
            GalleryBuilder::new().create(&next)?;
            written.is_changed = true;
        }
        drop(base);
        after.gallery = checksum;
        if written.is_changed {
            let coming = Gallery::map(&next)?.checksum();
            Checkpoint { coming: Some(coming), ..before.clone() }.write(&self.checkpoint)?;
            take_place(&next, &self.gallery)?;
            after.gallery = Some(coming);
        }
        after.coming = None;
        after.lost += written.lost;
        after.write(&self.checkpoint)?;
        drop(change);
        Ok((after, written))
    }

    /// Lets a gallery and its checkpoint take the place of these. Killed in between, [`settle`](Place::settle) does the rest.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where that cannot be done.
    pub(crate) fn replace_with(&self, aside: &Place) -> Result<()> {
        let change = Change::begin(&self.gallery, &mut |_| {})?;
        take_place(&aside.gallery, &self.gallery)?;
        drop(change);
        self.take_checkpoint(aside)
    }

    fn take_checkpoint(&self, aside: &Place) -> Result<()> {
        let cannot = |error| Error::io(format!("cannot write {}", self.checkpoint.display()), error);
        fs::rename(&aside.checkpoint, &self.checkpoint).map_err(cannot)?;
        let _ = folders::sync(folders::of(&self.checkpoint));
        Ok(())
    }

    /// Finishes what [`replace_with`](Place::replace_with) began.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where that cannot be done.
    pub(crate) fn settle(&self, aside: &Place, identity: &str) -> Result<()> {
        if aside.gallery.exists() || !aside.checkpoint.exists() {
            return Ok(());
        }
        let moved = Place { gallery: self.gallery.clone(), checkpoint: aside.checkpoint.clone() };
        match moved.find(identity)? {
            Found::Known(checkpoint) if checkpoint.synced.is_some() => self.take_checkpoint(aside),
            _ => Ok(()),
        }
    }
}

/// Removes a file that need not be there.
fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io(format!("cannot remove {}", path.display()), error))
        }
        _ => Ok(()),
    }
}

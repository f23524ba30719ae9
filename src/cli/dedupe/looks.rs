//! Whether two files are seen as one picture: turned as their EXIF data say, and through a profile.

use std::ffi::OsString;
use std::fs;

use shadegrid::decode::Frames;
use shadegrid::gallery::{Entry, Gallery, GalleryBuilder, Query, Scratch, SearchOptions};
use shadegrid::hasher::Faces;
use shadegrid::{HashOptions, Hasher, Orient};

use super::hashing::entries;
use super::item::Item;

/// The same choices for what viewers show first of a file, turned as they turn it.
pub(super) fn as_seen(options: HashOptions) -> HashOptions {
    let decode = options.decode.clone().orient(Orient::Exif).frames(Frames::First);
    options.decode(decode).faces(Faces::Stored)
}

/// Compares files as viewers show them. They are hashed for that once more, so it is asked only of files that go, or stay, by their stored pixels, and of
/// which one is turned or has a profile.
pub(super) struct Looks {
    hasher: Hasher,
    rules: Vec<SearchOptions>,
    /// What was kept last, by its key: one copy is kept for all others of a group.
    kept: Option<(OsString, Option<Gallery>)>,
}

impl Looks {
    /// By the rules that made the groups, of pictures that were hashed by these options.
    pub(super) fn new(options: HashOptions, rules: &[SearchOptions]) -> Looks {
        Looks { hasher: Hasher::new(as_seen(options)), rules: rules.to_vec(), kept: None }
    }

    /// Whether nothing is lost by keeping `kept` alone: what is seen of `item` is within the threshold of what is seen of it, and it has a profile where
    /// `item` has one. What cannot be hashed again is not alike.
    pub(super) fn is_alike(&mut self, item: &Item, kept: &Item) -> bool {
        if item.is_profiled && !kept.is_profiled {
            return false;
        }
        !item.is_turned && !kept.is_turned || self.matches(item, kept) == Some(true)
    }

    fn matches(&mut self, item: &Item, kept: &Item) -> Option<bool> {
        if self.kept.as_ref().is_none_or(|(key, _)| *key != kept.key) {
            let gallery = self.entry(kept).and_then(gallery_of);
            self.kept = Some((kept.key.clone(), gallery));
        }
        let Entry { photodna, pdq, flat, quality, .. } = self.entry(item)?;
        let query = [Query::default().photodna(photodna).pdq(pdq).flat(flat).quality(quality)];
        let gallery = self.kept.as_ref()?.1.as_ref()?;
        let mut found = Vec::new();
        for rule in &self.rules {
            gallery.search(&query, rule, &mut Scratch::default(), &mut found);
        }
        Some(!found.is_empty())
    }

    fn entry(&mut self, item: &Item) -> Option<Entry> {
        let hashed = self.hasher.hash(&fs::read(item.path()).ok()?).ok()?;
        entries(&hashed).next()
    }
}

/// A gallery of one entry.
fn gallery_of(entry: Entry) -> Option<Gallery> {
    let mut builder = GalleryBuilder::new();
    let of = builder.source("", "");
    builder.add(of, entry).ok()?;
    Gallery::from_bytes(builder.to_bytes().ok()?).ok()
}

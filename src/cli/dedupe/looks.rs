//! Whether two files are seen as one picture: turned as their EXIF data say, and through a profile.

use std::fs;

use shadegrid::decode::Frames;
use shadegrid::gallery::{Entry, Gallery, GalleryBuilder, Query, Scratch, SearchOptions};
use shadegrid::hasher::Faces;
use shadegrid::{HashOptions, Hasher, Orient};

use super::hashing::entries;
use super::item::Item;

/// Compares files as viewers show them. They are hashed for that once more, so it is asked only of files that go, or stay, by their stored pixels, and of
/// which one is turned or has a profile.
pub(super) struct Looks {
    hasher: Hasher,
    rules: Vec<SearchOptions>,
}

impl Looks {
    /// By the rules that made the groups, of pictures that were hashed by these options.
    pub(super) fn new(options: HashOptions, rules: &[SearchOptions]) -> Looks {
        let decode = options.decode.clone().orient(Orient::Exif).frames(Frames::First);
        let hasher = Hasher::new(options.decode(decode).faces(Faces::Stored));
        Looks { hasher, rules: rules.to_vec() }
    }

    /// Whether nothing is lost by keeping `kept` alone: what is seen of `item` is within the threshold of what is seen of it, and it has a profile where
    /// `item` has one. What cannot be hashed again is not alike.
    pub(super) fn is_alike(&mut self, item: &Item, kept: &Item) -> bool {
        if item.is_profiled && !kept.is_profiled {
            return false;
        }
        !item.is_turned && !kept.is_turned || self.matches(item, kept).is_some_and(|matches| matches)
    }

    fn matches(&mut self, item: &Item, kept: &Item) -> Option<bool> {
        let (item, kept) = (self.entry(item)?, self.entry(kept)?);
        let mut builder = GalleryBuilder::new();
        let of = builder.source("", "");
        builder.add(of, kept).ok()?;
        let gallery = Gallery::from_bytes(builder.to_bytes().ok()?).ok()?;
        let Entry { photodna, pdq, flat, quality, .. } = item;
        let query = Query::default().photodna(photodna).pdq(pdq).flat(flat).quality(quality);
        let mut found = Vec::new();
        for rule in &self.rules {
            gallery.search(std::slice::from_ref(&query), rule, &mut Scratch::default(), &mut found);
        }
        Some(!found.is_empty())
    }

    fn entry(&mut self, item: &Item) -> Option<Entry> {
        let hashed = self.hasher.hash(&fs::read(item.path()).ok()?).ok()?;
        entries(&hashed).next()
    }
}

//! Everything that is grouped, in one gallery: pictures that are hashed now, and the records of lists.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::path::Path;

use shadegrid::gallery::lists::{Import, ImportOptions, ListFormat, Unread};
use shadegrid::gallery::{EntryId, EntryView, Gallery, GalleryBuilder, Groups, SearchOptions};
use shadegrid::{Error, pipeline};

use super::classes;
use super::hashing::Hashed;
use super::item::Item;
use crate::cli::console;
use crate::cli::listed::Listed;
use crate::cli::page::without_query;

/// Pictures first, then the records of lists; all of them numbered from 0.
pub(super) struct Collection {
    pub(super) gallery: Gallery,
    /// Every entry of the gallery.
    ids: Vec<EntryId>,
    pictures: Vec<Item>,
    /// Which item each entry is of: an item has one for each face.
    owners: Vec<u32>,
    /// Where the entries of each item begin; and where the last ones end.
    firsts: Vec<u32>,
    /// Lists that are references.
    references: HashSet<String>,
}

/// Lists that are read.
#[derive(Debug, Default)]
pub(super) struct Lists {
    pub(super) lists: Vec<List>,
    pub(super) references: Vec<List>,
    pub(super) format: Option<ListFormat>,
}

/// A list that is here now.
#[derive(Debug)]
pub(super) struct List {
    /// As it was named, without the query of a web address.
    pub(super) name: String,
    pub(super) here: Listed,
}

impl List {
    /// Finds a list here, or fetches it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] that names it where it is not there, or cannot be fetched.
    pub(super) fn find(place: &Path) -> Result<List, Error> {
        let here = Listed::fetch(place)?;
        if place.as_os_str() != "-" {
            let cannot = |error| Error::io(format!("cannot read {}", place.display()), error);
            std::fs::metadata(here.path()).map_err(cannot)?;
        }
        Ok(List { name: without_query(&place.to_string_lossy()).to_string(), here })
    }
}

/// What of the lists is not among the entries.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Left {
    /// Records and lists that could not be read.
    pub(super) failed: u64,
    /// Records without a signature, of what was no picture or failed when it was hashed.
    pub(super) without: u64,
}

impl Collection {
    /// Brings pictures and lists together; and what of the lists was not.
    pub(super) fn new(hashed: Hashed, lists: &Lists) -> Result<(Collection, Left), Error> {
        let mut builder = GalleryBuilder::new();
        let of = builder.source("pictures", "pictures");
        let Hashed { mut pictures, entries, likenesses, .. } = hashed;
        let mut owners = Vec::with_capacity(entries.len());
        for (owner, entry) in entries {
            owners.push(owner);
            builder.add(of, entry)?;
        }
        classes::mark(&mut pictures, &likenesses);
        let left = lists.read(&mut builder)?;
        let gallery = Gallery::from_bytes(builder.to_bytes()?)?;
        let ids: Vec<EntryId> = gallery.ids().collect();
        let listed = &ids[owners.len()..];
        let records =
            listed.chunk_by(|one, next| is_of_one_record(&gallery.entry(*one), &gallery.entry(*next)));
        for (record, entries) in records.enumerate() {
            owners.extend(std::iter::repeat_n((pictures.len() + record) as u32, entries.len()));
        }
        let items = owners.last().map_or(0, |last| *last as usize + 1).max(pictures.len());
        let firsts = (0..=items).map(|item| owners.partition_point(|owner| (*owner as usize) < item) as u32);
        let firsts = firsts.collect();
        let references = lists.references.iter().map(|list| list.name.clone()).collect();
        Ok((Collection { gallery, ids, pictures, owners, firsts, references }, left))
    }

    /// Pictures that were hashed.
    pub(super) fn pictures(&self) -> usize {
        self.pictures.len()
    }

    /// Records of lists.
    pub(super) fn listed(&self) -> usize {
        self.firsts.len() - 1 - self.pictures.len()
    }

    /// What is joined by matches of any rule or by the same bytes, over any number of steps: numbers of items, each group in order, ordered by their first.
    pub(super) fn groups(&self, rules: &[SearchOptions], threads: NonZeroUsize) -> Vec<Vec<usize>> {
        let mut groups = Groups::new(self.pictures() + self.listed());
        for rule in rules {
            pipeline::join_matches(&self.gallery, rule.clone(), threads, &mut groups, |entry| {
                self.owners[entry] as usize
            });
        }
        // Nearly flat pictures match nothing, and copies of them are copies all the same.
        let mut first_of: Vec<Option<usize>> = Vec::new();
        for (number, class) in self.pictures.iter().enumerate().filter_map(|(n, item)| Some((n, item.class?)))
        {
            first_of.resize(first_of.len().max(class as usize + 1), None);
            match first_of[class as usize] {
                Some(first) => groups.join(first, number),
                None => first_of[class as usize] = Some(number),
            }
        }
        groups.into_lists()
    }

    /// The entries of an item: its signatures, and those of its further faces.
    pub(super) fn entries(&self, number: usize) -> &[EntryId] {
        &self.ids[self.firsts[number] as usize..self.firsts[number + 1] as usize]
    }

    /// What is known of an item.
    pub(super) fn item(&self, number: usize) -> Item {
        if let Some(picture) = self.pictures.get(number) {
            return picture.clone();
        }
        let entry = self.gallery.entry(self.entries(number)[0]);
        Item {
            key: entry.key.into(),
            label: entry.label.to_string(),
            source: entry.source.into(),
            position: entry.position,
            is_reference: self.is_reference(number),
            ..Item::default()
        }
    }

    /// Whether an item, or the list that it comes from, is a reference.
    pub(super) fn is_reference(&self, number: usize) -> bool {
        if let Some(picture) = self.pictures.get(number) {
            return picture.is_reference;
        }
        let list = self.gallery.entry(self.entries(number)[0]).source;
        let of = |reference: &String| {
            list.strip_prefix(reference.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.references.iter().any(of)
    }
}

/// Whether two entries, one behind the other, are of one record: of a picture and its further faces.
fn is_of_one_record(one: &EntryView<'_>, next: &EntryView<'_>) -> bool {
    (one.source, one.position, one.key) == (next.source, next.position, next.key)
}

impl Lists {
    /// Every list, the references at the end.
    pub(super) fn all(&self) -> impl Iterator<Item = &List> {
        self.lists.iter().chain(&self.references)
    }

    /// Reads all lists.
    fn read(&self, builder: &mut GalleryBuilder) -> Result<Left, Error> {
        let mut import = Import::new(ImportOptions::default().repeats(true));
        let mut left = Left::default();
        for List { name, here } in self.all() {
            let mut quarantine = |Unread { position, reason, .. }: Unread<'_>| {
                console::say(format_args!("shadegrid: {name}: {position}: {reason}"));
                Ok(())
            };
            match import.list(here.path(), name, self.format, builder, &mut quarantine) {
                Ok(report) => {
                    left.failed += report.bad + report.odd;
                    left.without += report.without_signature;
                }
                Err(error @ (Error::Corrupt { .. } | Error::Input(_) | Error::Unsupported(_))) => {
                    console::say(format_args!("shadegrid: {name}: {error}"));
                    left.failed += 1;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(left)
    }
}

//! Lists into a gallery, with an account of what was in them.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use super::{Item, ListFormat, read};
use crate::error::Result;
use crate::gallery::{Entry, GalleryBuilder, suspicion};

/// Which entries are left out of the gallery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LeaveOut {
    /// Those with a value that occurs at least [`ImportOptions::overrepresented_from`] times.
    pub overrepresented: bool,
    /// Those whose signature is suspicious in itself; see [`suspicion`].
    pub suspicious: bool,
    /// Those of nearly flat pictures.
    pub flat: bool,
}

/// The choices of [`Import`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportOptions {
    /// Which entries are left out.
    pub leave_out: LeaveOut,
    /// How often a value has to occur to count as over-represented. Default 100: real lists have had one bogus
    /// value for many files.
    pub overrepresented_from: u32,
}

impl Default for ImportOptions {
    fn default() -> ImportOptions {
        ImportOptions { leave_out: LeaveOut::default(), overrepresented_from: 100 }
    }
}

/// What was in a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Entries, those left out counted.
    pub entries: u64,
    /// Entries with a PhotoDNA-class signature.
    pub photodna: u64,
    /// Entries with a PDQ signature.
    pub pdq: u64,
    /// Records without any signature.
    pub without_signature: u64,
    /// Records that could not be read.
    pub bad: u64,
    /// Entries that the list takes back.
    pub removed: u64,
    /// Signatures that were there before, in this list or one imported before it.
    pub duplicates: u64,
    /// Entries of nearly flat pictures.
    pub flat: u64,
    /// Entries whose PDQ quality is under 50, which are not matched unless asked for.
    pub low_quality: u64,
    /// Entries whose signatures are suspicious in themselves.
    pub suspicious: u64,
    /// Values that occur often enough: the position of the first, and how many so far.
    pub overrepresented: Vec<(u64, u32)>,
    /// Entries left out.
    pub left_out: u64,
}

/// Brings lists into a gallery, counting values over all of them.
#[derive(Debug, Default)]
pub struct Import {
    options: ImportOptions,
    /// How often each value occurred, by a 64-bit digest of it, and where it came first.
    seen: HashMap<u64, (u32, u64)>,
}

impl Import {
    /// With these choices.
    pub fn new(options: ImportOptions) -> Import {
        Import { options, seen: HashMap::new() }
    }

    /// Reads a list into `builder` as source `name`. Every record that gives no entry is told to `quarantine`, with its position
    /// and the reason.
    ///
    /// # Errors
    ///
    /// Those of [`read`]; what was read before stays in `builder`.
    pub fn list(
        &mut self,
        path: &Path,
        name: &str,
        format: Option<ListFormat>,
        builder: &mut GalleryBuilder,
        quarantine: &mut dyn FnMut(u64, &str) -> Result<()>,
    ) -> Result<Report> {
        let format = format.map_or_else(|| super::sniff(path), Ok)?;
        let frequent = self.frequent(path, format)?;
        let source = builder.source(name, format.name());
        let mut report = Report::default();
        let mut frequent_here = Vec::new();
        read(path, Some(format), &mut |item| match item {
            Item::Entry(entry) => {
                self.count(&entry, &mut report, &mut frequent_here);
                self.entry(entry, source, &frequent, builder, &mut report, quarantine)
            }
            Item::Removed { key } => {
                report.removed += 1;
                builder.remove(format.name(), &key);
                Ok(())
            }
            Item::WithoutSignature { .. } => {
                report.without_signature += 1;
                Ok(())
            }
            Item::Bad { position, reason } => {
                report.bad += 1;
                quarantine(position, &reason)
            }
        })?;
        report.overrepresented =
            frequent_here.iter().map(|digest| self.seen[digest]).map(|(n, at)| (at, n)).collect();
        report.overrepresented.sort_unstable();
        Ok(report)
    }

    /// Digests of the values that are to be left out for their number, found by reading the list once more.
    fn frequent(&self, path: &Path, format: ListFormat) -> Result<HashMap<u64, u32>> {
        let mut counts = HashMap::new();
        if self.options.leave_out.overrepresented {
            read(path, Some(format), &mut |item| {
                if let Item::Entry(entry) = item {
                    digests(&entry).for_each(|digest| *counts.entry(digest).or_insert(0) += 1);
                }
                Ok(())
            })?;
            counts.retain(|_, count| *count >= self.options.overrepresented_from);
        }
        Ok(counts)
    }

    /// Counts an entry and its values.
    fn count(&mut self, entry: &Entry, report: &mut Report, frequent: &mut Vec<u64>) {
        report.entries += 1;
        report.photodna += u64::from(entry.photodna.is_some());
        report.pdq += u64::from(entry.pdq.is_some());
        report.flat += u64::from(entry.flat);
        report.low_quality += u64::from(entry.quality.is_some_and(|quality| quality < 50));
        report.suspicious += u64::from(suspicion(entry).is_some());
        for digest in digests(entry) {
            let seen = self.seen.entry(digest).or_insert((0, entry.position));
            seen.0 += 1;
            report.duplicates += u64::from(seen.0 > 1);
            if seen.0 == self.options.overrepresented_from {
                frequent.push(digest);
            }
        }
    }

    /// Adds an entry, or says why not.
    fn entry(
        &self,
        entry: Entry,
        source: u16,
        frequent: &HashMap<u64, u32>,
        builder: &mut GalleryBuilder,
        report: &mut Report,
        quarantine: &mut dyn FnMut(u64, &str) -> Result<()>,
    ) -> Result<()> {
        let leave = self.options.leave_out;
        let reason = match suspicion(&entry) {
            Some(suspicion) if leave.suspicious => Some(suspicion.name()),
            _ if leave.flat && entry.flat => Some("flat"),
            _ if digests(&entry).any(|digest| frequent.contains_key(&digest)) => Some("over-represented"),
            _ => None,
        };
        match reason {
            Some(reason) => {
                report.left_out += 1;
                quarantine(entry.position, reason)
            }
            None => builder.add(source, entry),
        }
    }
}

/// Digests of an entry's signatures.
fn digests(entry: &Entry) -> impl Iterator<Item = u64> {
    let digest = |bytes: &[u8]| {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        hasher.finish()
    };
    let photodna = entry.photodna.map(|signature| digest(&signature.0));
    photodna.into_iter().chain(entry.pdq.map(|signature| digest(&signature.0)))
}

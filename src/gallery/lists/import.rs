//! Lists into a gallery, with an account of what was in them.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::keeping::{KeepColumns, Keeping};
use super::{Item, ListFormat, ListPart, reading};
use crate::error::{Error, Result};
use crate::gallery::columns::MOST_COLUMNS;
use crate::gallery::{Entry, GalleryBuilder, suspicion};
use crate::signature::Algorithm;

/// Which entries are left out of the gallery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct LeaveOut {
    /// Those with a value that occurs at least [`ImportOptions::overrepresented_from`] times.
    pub overrepresented: bool,
    /// Those whose signature is suspicious in itself; see [`suspicion`].
    pub suspicious: bool,
    /// Those of nearly flat pictures.
    pub flat: bool,
}

setters!(LeaveOut { overrepresented: bool, suspicious: bool, flat: bool });

/// The choices of [`Import`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportOptions {
    /// Which entries are left out.
    pub leave_out: LeaveOut,
    /// How often a value has to occur to count as over-represented. Default 100: real lists have had one bogus
    /// value for many files.
    pub overrepresented_from: u32,
    /// Whether an entry that its source has already, with the same key and signatures, is added again. Default no: a list that
    /// is read twice counts once.
    pub repeats: bool,
    /// Which further columns are kept. Default none.
    pub columns: KeepColumns,
}

setters!(ImportOptions {
    leave_out: LeaveOut,
    overrepresented_from: u32,
    repeats: bool,
    columns: KeepColumns,
});

impl Default for ImportOptions {
    fn default() -> ImportOptions {
        ImportOptions {
            leave_out: LeaveOut::default(),
            overrepresented_from: 100,
            repeats: false,
            columns: KeepColumns::default(),
        }
    }
}

/// What was in a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
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
    /// What could not be read of entries that were taken, such as their quality.
    pub odd: u64,
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
    /// Values that became over-represented with this list, by where each came first.
    pub overrepresented: Vec<Overrepresented>,
    /// Entries left out.
    pub left_out: u64,
    /// Entries that the source had already, with the same key and value; they are not there twice.
    pub repeated: u64,
    /// Entries with further columns that are kept.
    pub with_columns: u64,
}

/// A value that occurs at least [`ImportOptions::overrepresented_from`] times, without the value.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Overrepresented {
    /// What it is a signature by.
    pub algorithm: Algorithm,
    /// How often it occurs in the lists so far.
    pub count: u32,
    /// Where it came first: the list, which may be an earlier one (of a zip archive the file in it), and the position there.
    pub first: (String, u64),
    /// The entry of this list with which it occurred often enough: its key and its position.
    pub reached: (String, u64),
}

/// Something in a list that gave no entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unread<'a> {
    /// The file in a zip archive; empty where the list is no archive.
    pub member: &'a str,
    /// As in [`Entry::position`].
    pub position: u64,
    /// Why; without the record's content.
    pub reason: &'a str,
    /// Whether it could be read and was left out by choice.
    pub left_out: bool,
}

/// Takes what gave no entry.
type Quarantine<'a> = &'a mut dyn FnMut(Unread<'_>) -> Result<()>;

/// Brings lists into a gallery, counting values over all of them.
#[derive(Debug, Default)]
pub struct Import {
    options: ImportOptions,
    keeping: Keeping,
    /// Names of further columns that lists had.
    columns: HashSet<String>,
    /// What each value is known for, by a 64-bit digest of it.
    seen: HashMap<u64, Seen>,
    /// The lists so far, and files in archives.
    lists: Vec<String>,
    /// Records so far, for who watches.
    records: Arc<AtomicU64>,
}

/// How often a value occurred, and where it came first: the list's number and the position.
#[derive(Debug, Clone, Copy)]
struct Seen {
    count: u32,
    list: u32,
    position: u64,
}

impl Import {
    /// With these choices.
    pub fn new(options: ImportOptions) -> Import {
        Import { keeping: Keeping::new(&options.columns), options, ..Import::default() }
    }

    /// The same, counting every record of every list in `records` as it is read.
    #[must_use]
    pub fn counting(self, records: Arc<AtomicU64>) -> Import {
        Import { records, ..self }
    }

    /// Columns that were asked for by name, and that no entry of the lists so far has.
    pub fn missing_columns(&self) -> impl Iterator<Item = &str> {
        let names = match &self.options.columns {
            KeepColumns::Named(names) => names.as_slice(),
            _ => &[],
        };
        names.iter().filter(|name| !self.columns.contains(*name)).map(String::as_str)
    }

    /// Reads a list into `builder` as source `name`; of a zip archive each file is a source `name/file`. Every
    /// record that gives no entry, or could not be read in full, is given to `quarantine` with its position and the reason.
    ///
    /// # Errors
    ///
    /// Those of [`read`](super::read), and [`Error::Input`] where all columns are to be kept of lists that have more than
    /// [`MOST_COLUMNS`]; what was read before stays in `builder`.
    pub fn list(
        &mut self,
        path: &Path,
        name: &str,
        format: Option<ListFormat>,
        builder: &mut GalleryBuilder,
        quarantine: Quarantine<'_>,
    ) -> Result<Report> {
        if let KeepColumns::Named(names) = &self.options.columns {
            builder.announce_columns(names);
        }
        let keeping = std::mem::take(&mut self.keeping);
        let outcome = self.list_keeping(path, name, format, &keeping, builder, quarantine);
        self.keeping = keeping;
        outcome
    }

    fn list_keeping(
        &mut self,
        path: &Path,
        name: &str,
        format: Option<ListFormat>,
        keeping: &Keeping,
        builder: &mut GalleryBuilder,
        quarantine: Quarantine<'_>,
    ) -> Result<Report> {
        let (frequent, held) = self.frequent(path, format, keeping);
        let mut taking = Taking {
            import: self,
            name,
            frequent,
            builder,
            quarantine,
            report: Report::default(),
            frequent_here: Vec::new(),
            member: None,
            source: None,
        };
        match held {
            Some((items, outcome)) => {
                items.into_iter().try_for_each(|(part, item)| taking.take(&part, item))?;
                outcome?;
            }
            None => reading::read(path, format, keeping, &mut |part, item| taking.take(part, item))?,
        }
        let Taking { import, mut report, frequent_here, .. } = taking;
        report.overrepresented = import.overrepresented(frequent_here);
        Ok(report)
    }

    /// What is known of values with these digests, with the entry in which each occurred often enough.
    fn overrepresented(&self, reached: Vec<(u64, Algorithm, (String, u64))>) -> Vec<Overrepresented> {
        let of = |(digest, algorithm, reached)| {
            let Seen { count, list, position } = *self.seen.get(&digest)?;
            let first = (self.lists.get(list as usize)?.clone(), position);
            Some((list, Overrepresented { algorithm, count, first, reached }))
        };
        let mut found: Vec<_> = reached.into_iter().filter_map(of).collect();
        found.sort_by_key(|(list, of)| (*list, of.first.1, of.algorithm));
        found.into_iter().map(|(_, of)| of).collect()
    }

    /// Digests of the values that are to be left out for their number, found by reading the list once more; what can be read only
    /// once is held meanwhile, and given back. Why a file cannot be read to its end is reported when it is read again.
    fn frequent(
        &self,
        path: &Path,
        format: Option<ListFormat>,
        keeping: &Keeping,
    ) -> (HashMap<u64, u32>, Option<Held>) {
        let mut counts = HashMap::new();
        if !self.options.leave_out.overrepresented {
            return (counts, None);
        }
        let once = !path.is_file();
        let mut held = Vec::new();
        let outcome = reading::read(path, format, keeping, &mut |part, item| {
            if let Item::Entry(entry) = &item {
                digests(entry).for_each(|(_, digest)| *counts.entry(digest).or_insert(0) += 1);
            }
            if once {
                held.push((part.clone(), item));
            }
            Ok(())
        });
        counts.retain(|_, count| *count >= self.options.overrepresented_from);
        (counts, once.then_some((held, outcome)))
    }
}

/// The items of a list that can be read only once, and how reading it ended.
type Held = (Vec<(ListPart, Item)>, Result<()>);

/// A list that is being imported.
struct Taking<'a> {
    import: &'a mut Import,
    name: &'a str,
    frequent: HashMap<u64, u32>,
    builder: &'a mut GalleryBuilder,
    quarantine: Quarantine<'a>,
    report: Report,
    /// Values that became over-represented, and with which entry.
    frequent_here: Vec<(u64, Algorithm, (String, u64))>,
    /// The file of an archive that was counted last; an empty one is the list itself.
    member: Option<String>,
    /// The part that entries came from last, and its number in the builder.
    source: Option<(ListPart, u16)>,
}

impl Taking<'_> {
    fn take(&mut self, part: &ListPart, item: Item) -> Result<()> {
        let format = part.format.name();
        self.import.records.fetch_add(1, Ordering::Relaxed);
        match item {
            Item::Entry(entry) => {
                self.count(part, &entry);
                self.entry(part, entry)
            }
            Item::Removed { key } => {
                self.report.removed += 1;
                // The same service's pages may be saved either way.
                match part.format {
                    ListFormat::Json | ListFormat::JsonLines => {
                        self.builder.remove(ListFormat::Json.name(), &key);
                        self.builder.remove(ListFormat::JsonLines.name(), &key);
                    }
                    _ => self.builder.remove(format, &key),
                }
                Ok(())
            }
            Item::WithoutSignature { .. } => {
                self.report.without_signature += 1;
                Ok(())
            }
            Item::Odd { position, reason } => {
                self.report.odd += 1;
                self.tell(part, position, &reason)
            }
            Item::Bad { position, reason } => {
                self.report.bad += 1;
                self.tell(part, position, &reason)
            }
        }
    }

    fn tell(&mut self, part: &ListPart, position: u64, reason: &str) -> Result<()> {
        (self.quarantine)(Unread { member: &part.member, position, reason, left_out: false })
    }

    /// Counts an entry and its values.
    fn count(&mut self, part: &ListPart, entry: &Entry) {
        if self.member.as_deref() != Some(part.member.as_str()) {
            self.import.lists.push(named(self.name, &part.member));
            self.member = Some(part.member.clone());
        }
        let Taking { import, report, frequent_here, .. } = self;
        let list = import.lists.len().saturating_sub(1) as u32;
        report.entries += 1;
        report.photodna += u64::from(entry.photodna.is_some());
        report.pdq += u64::from(entry.pdq.is_some());
        report.flat += u64::from(entry.flat);
        report.low_quality += u64::from(entry.quality.is_some_and(|quality| quality < 50));
        report.suspicious += u64::from(suspicion(entry).is_some());
        for (algorithm, digest) in digests(entry) {
            let first = Seen { count: 0, list, position: entry.position };
            let seen = import.seen.entry(digest).or_insert(first);
            seen.count += 1;
            report.duplicates += u64::from(seen.count > 1);
            if seen.count == import.options.overrepresented_from {
                frequent_here.push((digest, algorithm, (entry.key.clone(), entry.position)));
            }
        }
    }

    /// Adds an entry, or says why not.
    fn entry(&mut self, part: &ListPart, entry: Entry) -> Result<()> {
        let leave = self.import.options.leave_out;
        let reason = match suspicion(&entry) {
            Some(suspicion) if leave.suspicious => Some(suspicion.name()),
            _ if leave.flat && entry.flat => Some("flat"),
            _ if digests(&entry).any(|(_, digest)| self.frequent.contains_key(&digest)) => {
                Some("over-represented")
            }
            _ => None,
        };
        if let Some(reason) = reason {
            self.report.left_out += 1;
            return (self.quarantine)(Unread {
                member: &part.member,
                position: entry.position,
                reason,
                left_out: true,
            });
        }
        self.note_columns(&entry)?;
        let source = self.source(part);
        if self.import.options.repeats {
            return self.builder.add(source, entry);
        }
        self.report.repeated += u64::from(!self.builder.add_once(source, entry)?);
        Ok(())
    }

    /// Refuses more columns than a list can have, where all are kept: names are data perhaps.
    fn note_columns(&mut self, entry: &Entry) -> Result<()> {
        self.report.with_columns += u64::from(!entry.columns.is_empty());
        let known = &mut self.import.columns;
        for (name, _) in entry.columns.iter() {
            if !known.contains(name) {
                if known.len() == MOST_COLUMNS {
                    return Err(Error::Input(format!(
                        "there are over {MOST_COLUMNS} further columns: name those that are to be kept"
                    )));
                }
                known.insert(name.to_owned());
            }
        }
        Ok(())
    }

    fn source(&mut self, part: &ListPart) -> u16 {
        match &self.source {
            Some((known, number)) if known == part => *number,
            _ => {
                let member = if part.member.is_empty() { String::new() } else { format!("/{}", part.member) };
                let number = self.builder.source(&format!("{}{member}", self.name), part.format.name());
                self.source = Some((part.clone(), number));
                number
            }
        }
    }
}

/// What a list is called, or a file in an archive.
fn named(list: &str, member: &str) -> String {
    if member.is_empty() { list.to_string() } else { format!("{list}/{member}") }
}

/// Digests of an entry's signatures.
fn digests(entry: &Entry) -> impl Iterator<Item = (Algorithm, u64)> {
    let digest = |bytes: &[u8]| {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        hasher.finish()
    };
    let photodna = entry.photodna.map(|signature| (Algorithm::PhotoDna, digest(&signature.0)));
    photodna.into_iter().chain(entry.pdq.map(|signature| (Algorithm::Pdq, digest(&signature.0))))
}

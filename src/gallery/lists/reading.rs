//! From a path to the reader of its format, and what a list that gave nothing showed.

use std::io::Read;
use std::path::Path;

use super::encoding::{Encoding, Utf8};
use super::keeping::Keeping;
use super::opened::{Opened, Packed, Source};
use super::sniff::{self, Seen};
use super::{Item, ListFormat, ListPart, Take, binary, json, parquet, table, text, unreadable, xml, zip};
use crate::error::{Error, Result};
use crate::signature::Algorithm;

/// See [`super::read`].
pub(super) fn read(path: &Path, format: Option<ListFormat>, keeping: &Keeping, take: Take<'_>) -> Result<()> {
    read_opened(open(path)?, path, format, keeping, take)
}

/// See [`super::read_from`].
pub(super) fn read_from(
    reader: impl Read + Send,
    path: &Path,
    format: Option<ListFormat>,
    take: Take<'_>,
) -> Result<()> {
    let list = Opened::new(Source::stream(reader)).map_err(unreadable)?;
    read_opened(list, path, format, &Keeping::default(), take)
}

fn read_opened(
    list: Opened<'_>,
    path: &Path,
    format: Option<ListFormat>,
    keeping: &Keeping,
    take: Take<'_>,
) -> Result<()> {
    let mut reading = Reading { path, format, keeping, take, account: Account::default() };
    match list.packed().filter(|_| unpacks(path, format)) {
        Some(Packed::Zip) => zip::each(list, &mut |member, content| reading.member(member, content))?,
        Some(_) => reading.part("", list.unpacked().map_err(unreadable)?)?,
        None => reading.part("", list)?,
    }
    reading.account.close()
}

/// See [`super::sniff()`].
pub(super) fn sniff(path: &Path) -> Result<ListFormat> {
    let list = open(path)?;
    let mut found = None;
    match list.packed() {
        Some(Packed::Zip) => zip::each(list, &mut |_, content| {
            found = found.or(Some(of(&content)?));
            Ok(())
        })?,
        _ => found = Some(of(&list.unpacked().map_err(unreadable)?)?),
    }
    found.ok_or_else(|| Error::Input("the zip archive holds no files".into()))
}

/// See [`super::keys`].
pub(super) fn keys(path: &Path, take: &mut dyn FnMut(&str)) -> Result<()> {
    let content = as_text(open(path)?.unpacked().map_err(unreadable)?)?;
    text::each_line(content, |_, line| {
        line.map(str::trim).filter(|key| !key.is_empty()).into_iter().for_each(&mut *take);
        Ok(())
    })
}

/// Text of any encoding, as UTF-8.
fn as_text(content: Opened<'_>) -> Result<Opened<'_>> {
    let (encoding, mark) = Encoding::of(content.head());
    Opened::new(Source::stream(Utf8::new(content.into_reader(mark), encoding))).map_err(unreadable)
}

fn open(path: &Path) -> Result<Opened<'static>> {
    Opened::path(path).map_err(|source| Error::io(format!("cannot read the list {}", path.display()), source))
}

/// Whether what looks packed is: bare signatures may look like anything, so that of them the name decides.
fn unpacks(path: &Path, format: Option<ListFormat>) -> bool {
    let packed = |end| path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case(end));
    !matches!(format, Some(ListFormat::BinaryPhotoDna | ListFormat::BinaryPdq))
        || ["gz", "zst", "zip"].iter().any(packed)
}

/// The format of a part.
fn of(part: &Opened<'_>) -> Result<ListFormat> {
    match sniff::sniff(part.head()) {
        Seen::Format(format) => Ok(format),
        Seen::Else(kind) => Err(Error::Input(format!(
            "not a list in any known format: it looks like {kind}; bare signatures have to be named, by bin-photodna or bin-pdq"
        ))),
    }
}

/// A list that is being read.
struct Reading<'a, 'b> {
    path: &'a Path,
    format: Option<ListFormat>,
    keeping: &'a Keeping,
    take: Take<'b>,
    account: Account,
}

impl Reading<'_, '_> {
    /// A file of an archive; that it is no list is reported, and ends nothing, as archives have files about themselves too.
    fn member(&mut self, name: &str, content: Opened<'_>) -> Result<()> {
        match self.part(name, content) {
            Err(Error::Input(reason)) => {
                let part = ListPart { member: name.into(), format: self.format.unwrap_or(ListFormat::Text) };
                self.account.bad(0, &reason);
                (self.take)(&part, Item::Bad { position: 0, reason })
            }
            other => other,
        }
    }

    fn part(&mut self, member: &str, content: Opened<'_>) -> Result<()> {
        let format = self.format.map_or_else(|| of(&content), Ok)?;
        let part = ListPart { member: member.into(), format };
        let account = &mut self.account;
        account.formats.push(format);
        let preferred = preferred(if member.is_empty() { self.path } else { Path::new(member) });
        let give = &mut |item: Item| {
            account.count(&item);
            (self.take)(&part, item)
        };
        let names = match format {
            ListFormat::Parquet => parquet::read(content, self.keeping, give),
            ListFormat::BinaryPhotoDna => {
                binary::read::<144>(content.into_reader(0), give).map(|()| Vec::new())
            }
            ListFormat::BinaryPdq => binary::read::<32>(content.into_reader(0), give).map(|()| Vec::new()),
            _ => {
                let content = as_text(content)?;
                match format {
                    ListFormat::Text => text::read(content, preferred, give).map(|()| Vec::new()),
                    ListFormat::TextQuality => text::read_with_quality(content, give).map(|()| Vec::new()),
                    ListFormat::Csv => table::read(content, self.keeping, give),
                    ListFormat::JsonLines => json::read_lines(content, self.keeping, give),
                    ListFormat::Ncmec => xml::read(content, self.keeping, give),
                    _ => json::read_document(content, self.keeping, give),
                }
            }
        };
        account.names.extend(names?);
        Ok(())
    }
}

/// The algorithm that a file's name speaks of.
fn preferred(path: &Path) -> Option<Algorithm> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    if name.contains("pdna") || name.contains("photodna") {
        Some(Algorithm::PhotoDna)
    } else {
        name.contains("pdq").then_some(Algorithm::Pdq)
    }
}

/// What a list gave.
#[derive(Default)]
struct Account {
    /// Entries and removals.
    given: u64,
    without: u64,
    bad: u64,
    first_bad: Option<(u64, String)>,
    formats: Vec<ListFormat>,
    /// What columns, members or elements were called.
    names: Vec<String>,
}

impl Account {
    fn count(&mut self, item: &Item) {
        match item {
            Item::Entry(_) | Item::Removed { .. } => self.given += 1,
            Item::WithoutSignature { .. } => self.without += 1,
            Item::Bad { position, reason } => self.bad(*position, reason),
            Item::Odd { .. } => {}
        }
    }

    fn bad(&mut self, position: u64, reason: &str) {
        self.bad += 1;
        self.first_bad.get_or_insert_with(|| (position, reason.to_string()));
    }

    /// A list that gave nothing is an error, which names what was seen.
    fn close(self) -> Result<()> {
        if self.given > 0 {
            return Ok(());
        }
        let mut seen = match self.formats.first() {
            Some(format) => format!("it gave no signature, read as {format}"),
            None => "it gave no signature".to_string(),
        };
        if let Some((position, reason)) = self.first_bad {
            seen += &format!("; {} records are bad, the first at {position}: {reason}", self.bad);
        }
        if self.without > 0 {
            let records = if self.without == 1 { "record is" } else { "records are" };
            seen += &format!("; {} {records} without a signature", self.without);
        }
        if !self.names.is_empty() {
            seen += &format!("; it has {}", self.names.join(", "));
        }
        Err(Error::Input(seen))
    }
}

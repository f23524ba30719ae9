//! The items of a file, their properties, and how they refer to one another (ISO/IEC 14496-12, 8.11; ISO/IEC 23008-12, 6 and 9).

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashMap;

use super::super::boxes::{Part, Parts};
use super::numbers::Numbers;
use super::{Coded, corrupt};
use crate::decode::viewing::Tables;
use crate::error::{Error, Result};

/// Longest table of items that is read, in bytes: one of 65,536 tiles is shorter.
pub(super) const LONGEST_TABLE: usize = 4 << 20;

/// Bytes of memory for each byte of the tables, at most.
pub(super) const PER_BYTE: u64 = 24;

/// What a file says of its items.
#[derive(Debug)]
pub(super) struct Container<'a> {
    file: &'a [u8],
    /// What items may lie in instead of in the file.
    data: &'a [u8],
    /// The picture that is shown.
    pub(super) primary: u32,
    pub(super) tables: Tables,
    /// The first picture of the group of alternatives that the one which the file names is in (ISO/IEC 23008-12, 9.4.3); that one where there is none.
    pub(super) first: u32,
    kinds: HashMap<u32, [u8; 4]>,
    locations: HashMap<u32, Location>,
    properties: Vec<Part<'a>>,
    /// Of each item the places of its properties, in the order in which they count.
    associations: HashMap<u32, Vec<u16>>,
    /// Of each item those that it is made of.
    made_from: HashMap<u32, Vec<u32>>,
    /// The other references.
    references: Vec<Reference>,
    /// What may still be opened: items, and bytes of them.
    left: Cell<(u64, u64)>,
}

/// How often items are opened, at most: a grid has up to 65,536 tiles, may have as many of opacity, and each is opened a few times.
const MOST_OPENED: u64 = 1 << 20;

/// How often the bytes of a file are opened, at most, and bytes more: a small file may show one tile in many places.
const MOST_TIMES: u64 = 8;
const MOST_MORE: u64 = 16 << 20;

/// Properties of an item, at most.
const MOST_PROPERTIES: usize = 255;

/// Where an item lies: from where its places count, and each place with a length, 0 for all that follows.
#[derive(Debug)]
struct Location {
    method: u8,
    extents: Vec<(u64, u64)>,
}

#[derive(Debug)]
struct Reference {
    kind: [u8; 4],
    from: u32,
    to: Vec<u32>,
}

impl<'a> Container<'a> {
    /// Reads the tables; `None` where there are none or they name no picture.
    pub(super) fn of(file: &'a [u8], read: Tables) -> Result<Option<Container<'a>>> {
        let Some(meta) = Parts::of(file).find(b"meta") else { return Ok(None) };
        let tables = || Parts::of(meta.get(4..).unwrap_or_default());
        let Some(primary) = tables().find(b"pitm").and_then(id) else { return Ok(None) };
        let length: usize =
            tables().filter(|part| part.name != *b"idat").map(|part| part.content.len()).sum();
        if length > LONGEST_TABLE {
            return Err(Error::Unsupported(format!("a file with {length} bytes about its pictures")));
        }
        let table = |name: &[u8; 4]| tables().find(name).unwrap_or_default();
        let properties = table(b"iprp");
        let broken = |what| move || corrupt(format!("its table of {what} breaks off"));
        let mut references = references(table(b"iref")).ok_or_else(broken("references"))?;
        let mut made_from = HashMap::new();
        for made in references.extract_if(.., |reference| reference.kind == *b"dimg") {
            made_from.entry(made.from).or_insert(made.to);
        }
        let kinds = kinds(table(b"iinf"));
        let first = first_alternative(table(b"grpl"), primary, &kinds).unwrap_or(primary);
        Ok(Some(Container {
            file,
            data: table(b"idat"),
            primary: if read == Tables::AsBrowsers { first } else { primary },
            tables: read,
            first,
            kinds,
            locations: locations(table(b"iloc")).ok_or_else(broken("places"))?,
            properties: Parts::of(Parts::of(properties).find(b"ipco").unwrap_or_default()).collect(),
            associations: associations(properties).ok_or_else(broken("properties"))?,
            made_from,
            references,
            left: Cell::new((
                MOST_OPENED,
                MOST_MORE.saturating_add(MOST_TIMES.saturating_mul(file.len() as u64)),
            )),
        }))
    }

    pub(super) fn kind(&self, item: u32) -> Result<[u8; 4]> {
        self.kinds.get(&item).copied().ok_or_else(|| corrupt(format!("its item {item} is missing")))
    }

    /// The properties of an item, in the order in which they count.
    pub(super) fn properties(&self, item: u32) -> impl Iterator<Item = Part<'a>> {
        let places = self.associations.get(&item).map_or(&[][..], Vec::as_slice);
        places.iter().filter_map(|place| self.properties.get(usize::from(*place).checked_sub(1)?).copied())
    }

    pub(super) fn property(&self, item: u32, name: &[u8; 4]) -> Option<&'a [u8]> {
        self.properties(item).find_map(|part| (part.name == *name).then_some(part.content))
    }

    /// What an item is made from, as a grid is of its tiles.
    pub(super) fn made_from(&self, item: u32) -> &[u32] {
        self.made_from.get(&item).map_or(&[], Vec::as_slice)
    }

    /// Counts an item that is opened and bytes of it: a small file may name the same ones times without number.
    pub(super) fn open(&self, bytes: usize) -> Result<()> {
        let (items, left) = self.left.get();
        let now = items.checked_sub(1).zip(left.checked_sub(bytes as u64));
        self.left.set(now.unwrap_or_default());
        self.check_opened()
    }

    /// Whether no more was opened than any file needs. Where more was, items were left out.
    pub(super) fn check_opened(&self) -> Result<()> {
        if self.left.get().0 > 0 { Ok(()) } else { Err(corrupt("it names the same items over and over")) }
    }

    /// The item that says how opaque each item is.
    pub(super) fn alphas(&self) -> HashMap<u32, u32> {
        let mut alphas = HashMap::new();
        for reference in self.references.iter().filter(|reference| reference.kind == *b"auxl") {
            if self.is_alpha(reference.from) {
                reference.to.iter().for_each(|item| {
                    alphas.entry(*item).or_insert(reference.from);
                });
            }
        }
        alphas
    }

    fn is_alpha(&self, item: u32) -> bool {
        self.property(item, b"auxC").is_some_and(|content| {
            let name = content.get(4..).unwrap_or_default();
            ALPHA.iter().any(|alpha| name.starts_with(alpha))
        })
    }

    /// The item that says how opaque another one is, and whether colours are multiplied with that.
    pub(super) fn alpha(&self, item: u32) -> Option<(u32, bool)> {
        let to =
            |kind: &'static [u8; 4]| self.references.iter().filter(move |reference| reference.kind == *kind);
        let alpha = to(b"auxl")
            .filter(|reference| reference.to.contains(&item))
            .map(|reference| reference.from)
            .find(|aux| self.is_alpha(*aux))?;
        Some((alpha, to(b"prem").any(|reference| reference.from == item && reference.to.contains(&alpha))))
    }

    /// The bytes of an item.
    pub(super) fn bytes(&self, item: u32) -> Result<Cow<'a, [u8]>> {
        let missing = || corrupt(format!("its item {item} lies nowhere"));
        let location = self.locations.get(&item).ok_or_else(missing)?;
        let source = match location.method {
            0 => self.file,
            1 => self.data,
            _ => return Err(Error::Unsupported("an item that lies in other items".to_string())),
        };
        let extents = location.extents.iter().map(|extent| {
            let start = usize::try_from(extent.0).unwrap_or(usize::MAX);
            let rest = source.get(start..).unwrap_or_default();
            let length =
                if extent.1 == 0 { rest.len() } else { usize::try_from(extent.1).unwrap_or(usize::MAX) };
            rest.get(..length)
                .filter(|found| !found.is_empty())
                .ok_or_else(|| corrupt("the file ends before the end of its picture's data"))
        });
        let extents = extents.collect::<Result<Vec<_>>>()?;
        let length = extents.iter().fold(0usize, |sum, extent| sum.saturating_add(extent.len()));
        self.open(length)?;
        match extents.as_slice() {
            [] => Err(missing()),
            [one] => Ok((*one).into()),
            _ if length > source.len() => Err(corrupt("an item's parts are longer than the file")),
            _ => Ok(extents.concat().into()),
        }
    }

    /// A coded item.
    pub(super) fn coded(&self, item: u32) -> Result<Coded<'a>> {
        let kind = self.kind(item)?;
        let size = self.property(item, b"ispe").and_then(|content| {
            let mut numbers = Numbers::of(content);
            numbers.version()?;
            Some((numbers.long()?, numbers.long()?))
        });
        let config = self.property(item, b"hvcC").or_else(|| self.property(item, b"av1C"));
        self.open(config.map_or(0, <[u8]>::len))?;
        Ok(Coded { kind, config: config.unwrap_or_default(), size, data: self.bytes(item)? })
    }
}

/// How the property of a picture of opacity begins (ISO/IEC 23008-12, 6.5.8; the second is HEVC's own).
const ALPHA: [&[u8]; 2] = [b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0", b"urn:mpeg:hevc:2015:auxid:1\0"];

/// The first picture of the group of alternatives with an item. One with a gain map is shown as the picture that it is made of, so it is skipped.
fn first_alternative(groups: &[u8], item: u32, kinds: &HashMap<u32, [u8; 4]>) -> Option<u32> {
    Parts::of(groups).filter(|part| part.name == *b"altr").find_map(|part| {
        let mut numbers = Numbers::of(part.content);
        let (_, _, count) = (numbers.version()?, numbers.long()?, numbers.long()?);
        let items = numbers.rest().as_chunks::<4>().0.iter().map(|item| u32::from_be_bytes(*item));
        let items = items.take(count as usize);
        let is_shown = |item: &u32| kinds.get(item).is_some_and(|kind| kind != b"tmap");
        items.clone().any(|other| other == item).then(|| items.into_iter().find(is_shown))?
    })
}

/// The number of an item by itself.
fn id(content: &[u8]) -> Option<u32> {
    let mut numbers = Numbers::of(content);
    let (version, _) = numbers.version()?;
    item(&mut numbers, version > 0)
}

/// A number of an item, of four bytes or two.
fn item(numbers: &mut Numbers<'_>, is_wide: bool) -> Option<u32> {
    numbers.number(if is_wide { 4 } else { 2 }).map(|number| number as u32)
}

/// The kinds of items by `infe`, from its version 2 on. What is not known of one is as if it were not there.
fn kinds(content: &[u8]) -> HashMap<u32, [u8; 4]> {
    let mut numbers = Numbers::of(content);
    let version = numbers.version().map_or(0, |(version, _)| version);
    let _ = numbers.number(if version == 0 { 2 } else { 4 });
    let entry = |part: Part<'_>| {
        let mut numbers = Numbers::of(part.content);
        let (version, _) = numbers.version().filter(|(version, _)| *version >= 2 && part.name == *b"infe")?;
        let item = item(&mut numbers, version > 2)?;
        numbers.short()?;
        Some((item, *numbers.take(4)?.first_chunk()?))
    };
    Parts::of(numbers.rest()).filter_map(entry).collect()
}

/// Where items lie, by `iloc`.
fn locations(content: &[u8]) -> Option<HashMap<u32, Location>> {
    let mut locations = HashMap::new();
    if content.is_empty() {
        return Some(locations);
    }
    let mut numbers = Numbers::of(content);
    let (version, _) = numbers.version()?;
    let (first, second) = (numbers.byte()?, numbers.byte()?);
    let [offset, length, base, index] = [first >> 4, first & 15, second >> 4, second & 15].map(usize::from);
    let index = if version > 0 { index } else { 0 };
    for _ in 0..item(&mut numbers, version > 1)? {
        let item = item(&mut numbers, version > 1)?;
        let method = if version > 0 { numbers.short()? as u8 & 15 } else { 0 };
        // In which file: this one, as viewers take it.
        numbers.short()?;
        let base = numbers.number(base)?;
        let mut extents = Vec::new();
        for _ in 0..numbers.short()? {
            numbers.number(index)?;
            let start = base.saturating_add(numbers.number(offset)?);
            extents.push((start, numbers.number(length)?));
            if offset + length + index == 0 {
                break;
            }
        }
        locations.insert(item, Location { method, extents });
    }
    Some(locations)
}

/// Which properties items have, by every `ipma`.
fn associations(content: &[u8]) -> Option<HashMap<u32, Vec<u16>>> {
    let mut associations = HashMap::new();
    for part in Parts::of(content).filter(|part| part.name == *b"ipma") {
        let mut numbers = Numbers::of(part.content);
        let (version, flags) = numbers.version()?;
        for _ in 0..numbers.long()? {
            let item = item(&mut numbers, version > 0)?;
            // The highest bit says whether a reader has to know the property.
            let place = |numbers: &mut Numbers<'_>| match flags & 1 {
                0 => numbers.byte().map(|place| u16::from(place & 0x7F)),
                _ => numbers.short().map(|place| place & 0x7FFF),
            };
            let count = numbers.byte()?;
            let places = (0..count).map(|_| place(&mut numbers)).collect::<Option<Vec<_>>>()?;
            let all: &mut Vec<u16> = associations.entry(item).or_default();
            all.extend(places);
            (all.len() <= MOST_PROPERTIES).then_some(())?;
        }
    }
    Some(associations)
}

/// References between items, by `iref`.
fn references(content: &[u8]) -> Option<Vec<Reference>> {
    if content.is_empty() {
        return Some(Vec::new());
    }
    let mut numbers = Numbers::of(content);
    let (version, _) = numbers.version()?;
    let reference = |part: Part<'_>| {
        let mut numbers = Numbers::of(part.content);
        let from = item(&mut numbers, version > 0)?;
        let count = numbers.short()?;
        let to = (0..count).map(|_| item(&mut numbers, version > 0)).collect::<Option<Vec<_>>>()?;
        Some(Reference { kind: part.name, from, to })
    };
    Parts::of(numbers.rest()).map(reference).collect()
}

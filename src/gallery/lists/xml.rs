//! NCMEC's hash sharing, version 2: `<image>` and `<video>` elements with fingerprints, `<deletedImage>` and `<deletedVideo>` elements that
//! take an id back.
//!
//! The key is the member's id and the entry's own, with a slash between. Both are children of the entry itself: feedback inside it names
//! other members. The position is the element's number from 1.

use std::io::{self, BufReader, Read};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::fields::Fields;
use super::lines::LARGEST_RECORD;
use super::names::Field;
use super::opened::Opened;
use super::{Give, Item, damaged, unreadable};
use crate::error::Result;

/// One entry as it is read.
#[derive(Default)]
struct Element {
    fields: Fields,
    deleted: bool,
    member: String,
    id: String,
    /// How deep inside it we are: 0 between its children, 1 in one of them.
    depth: u32,
    /// Whether that child is `<fingerprints>`.
    in_fingerprints: bool,
    text: String,
}

/// Reads an answer of the service as it was saved, and gives the first elements' names.
pub(super) fn read(list: Opened<'_>, give: Give<'_>) -> Result<Vec<String>> {
    let mut xml =
        Reader::from_reader(BufReader::with_capacity(1 << 18, Bounded { inner: list, left: LARGEST_RECORD }));
    let mut buffer = Vec::new();
    let mut element: Option<Element> = None;
    let mut names = Vec::new();
    let (mut position, mut depth) = (0, 0u32);
    loop {
        buffer.clear();
        if element.is_none() {
            xml.get_mut().get_mut().left = LARGEST_RECORD;
        }
        let at = xml.buffer_position();
        let broken = |what: &str| {
            damaged(format!("{what} at byte {at}, after {position} elements; the rest cannot be read"))
        };
        let event = xml.read_event_into(&mut buffer).map_err(|error| match error {
            quick_xml::Error::Io(error) => unreadable(io::Error::new(error.kind(), error)),
            _ => broken("it is no XML"),
        });
        match event? {
            Event::Start(start) => {
                depth += 1;
                begin(&mut element, &mut names, &start, &mut position);
            }
            Event::Empty(start) => {
                begin(&mut element, &mut names, &start, &mut position);
                end(&mut element, start.local_name().as_ref(), position, give)?;
            }
            Event::Text(text) => take(&mut element, &text),
            Event::CData(text) => take(&mut element, &text),
            Event::GeneralRef(name) => take(&mut element, &entity(&name)),
            Event::End(name) => {
                depth = depth.saturating_sub(1);
                end(&mut element, name.local_name().as_ref(), position, give)?;
            }
            Event::Eof if depth > 0 => return Err(broken("it ends too early")),
            Event::Eof => return Ok(names),
            _ => {}
        }
    }
}

/// Takes the start of an element: an entry, or something in one.
fn begin(element: &mut Option<Element>, names: &mut Vec<String>, start: &BytesStart<'_>, position: &mut u64) {
    let name = start.local_name();
    let name: &str = name.as_ref();
    if *position < 2 && names.len() < 16 && name.len() < 32 && !names.iter().any(|known| known == name) {
        names.push(name.to_string());
    }
    match element {
        Some(element) => element.begin(name, start),
        None => {
            *element = Element::named(name);
            *position += u64::from(element.is_some());
        }
    }
}

/// Takes the end of an element, and gives the entry that ends with it.
fn end(element: &mut Option<Element>, name: &str, position: u64, give: Give<'_>) -> Result<()> {
    match element {
        Some(open) if open.depth > 0 => open.end(name),
        _ => {
            if let Some(done) = element.take() {
                return done.tell(position, give);
            }
        }
    }
    Ok(())
}

fn take(element: &mut Option<Element>, text: &str) {
    if let Some(element) = element {
        element.text.push_str(text);
    }
}

fn attribute(start: &BytesStart<'_>, name: &str) -> String {
    let found = start.attributes().flatten().find(|attribute| attribute.key.as_ref() == name);
    found.map(|attribute| attribute.value.into_owned()).unwrap_or_default()
}

/// The character that `&name;` stands for; XML's five and numbers.
fn entity(name: &str) -> String {
    let number = name.strip_prefix('#').and_then(|digits| match digits.strip_prefix(['x', 'X']) {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => digits.parse().ok(),
    });
    match name {
        "amp" => "&".into(),
        "lt" => "<".into(),
        "gt" => ">".into(),
        "quot" => "\"".into(),
        "apos" => "'".into(),
        _ => number.and_then(char::from_u32).map_or_else(|| format!("&{name};"), String::from),
    }
}

impl Element {
    /// An entry, if an element of this name is one.
    fn named(name: &str) -> Option<Element> {
        let deleted = match name {
            "image" | "video" => false,
            "deletedImage" | "deletedVideo" => true,
            _ => return None,
        };
        Some(Element { deleted, ..Element::default() })
    }

    fn begin(&mut self, name: &str, start: &BytesStart<'_>) {
        self.depth += 1;
        self.text.clear();
        if self.depth == 1 {
            self.in_fingerprints = name == "fingerprints";
            if name == "member" {
                self.member = attribute(start, "id");
            }
        }
    }

    /// Takes the text of a child or fingerprint.
    fn end(&mut self, name: &str) {
        let text = std::mem::take(&mut self.text);
        match (self.depth, name) {
            (1, "id") => self.id = text.trim().into(),
            (1, "classification") => self.fields.set(Field::Label(0), &text),
            (2, "pdna" | "photodna") if self.in_fingerprints => self.fields.set(Field::PhotoDna, &text),
            (2, "pdq") if self.in_fingerprints => self.fields.set(Field::Pdq, &text),
            (2, "md5") if self.in_fingerprints => self.fields.set(Field::Key(2), &text),
            (2, "sha1") if self.in_fingerprints => self.fields.set(Field::Key(3), &text),
            _ => {}
        }
        self.depth -= 1;
    }

    fn key(&self) -> String {
        match (self.member.is_empty(), self.id.is_empty()) {
            (false, false) => format!("{}/{}", self.member, self.id),
            _ => format!("{}{}", self.member, self.id),
        }
    }

    fn tell(mut self, position: u64, give: Give<'_>) -> Result<()> {
        let key = self.key();
        if self.deleted {
            return give(if self.id.is_empty() {
                Item::Bad { position, reason: "a deleted entry without an id".into() }
            } else {
                Item::Removed { key }
            });
        }
        self.fields.set(Field::Key(0), &key);
        self.fields.tell(position, give)
    }
}

/// A reader that refuses entries without end: what is collected of one is bounded.
struct Bounded<R> {
    inner: R,
    left: usize,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        match self.left.checked_sub(read) {
            Some(left) => self.left = left,
            None => return Err(io::Error::other("an entry exceeds 16 MiB")),
        }
        Ok(read)
    }
}

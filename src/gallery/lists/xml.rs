//! NCMEC's hash sharing, version 2: `<image>` elements with fingerprints, `<deletedImage>` elements that take an id back.
//!
//! The key is the member's id and the entry's own, with a slash between. The position is the element's number from 1.

use std::io::{BufReader, Read};

use quick_xml::Reader;
use quick_xml::events::Event;

use super::bounded::{Bounded, without_mark};
use super::fields::{Field, Fields};
use super::{Item, Take, damaged};
use crate::error::{Error, Result};

/// One `<image>`, `<video>` or `<deletedImage>` as it is read.
#[derive(Default)]
struct Element {
    fields: Fields,
    deleted: bool,
    member: String,
    id: String,
    text: String,
    /// A signature among several of a kind, for which there is one place.
    further: Vec<(Field, String)>,
}

/// Reads an answer of the service as it was saved.
pub(super) fn read(reader: impl Read, take: Take<'_>) -> Result<()> {
    let (reader, allowance) = Bounded::new(reader);
    let reader = BufReader::with_capacity(1 << 18, reader);
    let reader = without_mark(reader).map_err(|source| Error::io("cannot read the list", source))?;
    let mut xml = Reader::from_reader(reader);
    let mut buffer = Vec::new();
    let mut element: Option<Element> = None;
    let (mut position, mut depth) = (0, 0u32);
    loop {
        buffer.clear();
        let broken = |at: u64, what: &str| {
            damaged(format!("{what} at byte {at}, after {position} elements; the rest cannot be read"))
        };
        let at = xml.buffer_position();
        match xml.read_event_into(&mut buffer).map_err(|_| broken(at, "it is no XML"))? {
            Event::Start(start) => {
                depth += 1;
                match (start.local_name().as_ref(), &mut element) {
                    (name @ ("image" | "deletedImage"), None) => {
                        allowance.renew();
                        position += 1;
                        element = Some(Element { deleted: name != "image", ..Element::default() });
                    }
                    ("member", Some(element)) => element.member = attribute(&start, "id"),
                    _ => {}
                }
                if let Some(element) = &mut element {
                    element.text.clear();
                }
            }
            Event::Empty(start) => {
                if let ("member", Some(element)) = (start.local_name().as_ref(), &mut element) {
                    element.member = attribute(&start, "id");
                }
            }
            Event::Text(text) => {
                if let Some(element) = &mut element {
                    element.text.push_str(&text);
                }
            }
            Event::GeneralRef(name) => {
                if let Some(element) = &mut element {
                    element.text.push_str(&entity(&name));
                }
            }
            Event::CData(text) => {
                if let Some(element) = &mut element {
                    element.text.push_str(&text);
                }
            }
            Event::End(end) => {
                depth = depth.saturating_sub(1);
                match end.local_name().as_ref() {
                    "image" | "deletedImage" => {
                        if let Some(done) = element.take() {
                            done.tell(position, take)?;
                        }
                    }
                    name => {
                        if let Some(element) = &mut element {
                            element.close(name);
                        }
                    }
                }
            }
            Event::Eof if depth > 0 => return Err(broken(at, "it ends too early")),
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

fn attribute(start: &quick_xml::events::BytesStart<'_>, name: &str) -> String {
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
    /// Takes the text of a child.
    fn close(&mut self, name: &str) {
        let text = std::mem::take(&mut self.text);
        match name {
            "id" => self.id = text.trim().into(),
            "pdna" | "photodna" => self.signature(Field::PhotoDna, text),
            "pdq" => self.signature(Field::Pdq, text),
            "md5" => self.fields.set(Field::Key(2), &text),
            "sha1" => self.fields.set(Field::Key(3), &text),
            "classification" => self.fields.set(Field::Label(0), &text),
            _ => {}
        }
    }

    fn signature(&mut self, field: Field, text: String) {
        if self.further.iter().any(|(kind, _)| *kind == field) {
            self.further.push((field, text));
        } else {
            self.fields.set(field, &text);
            self.further.insert(0, (field, String::new()));
        }
    }

    fn key(&self) -> String {
        match (self.member.is_empty(), self.id.is_empty()) {
            (false, false) => format!("{}/{}", self.member, self.id),
            _ => format!("{}{}", self.member, self.id),
        }
    }

    fn tell(mut self, position: u64, take: Take<'_>) -> Result<()> {
        let key = self.key();
        if self.deleted {
            return take(if self.id.is_empty() {
                Item::Bad { position, reason: "a deleted image without an id".into() }
            } else {
                Item::Removed { key }
            });
        }
        self.fields.set(Field::Key(0), &key);
        take(self.fields.item(position))?;
        for (field, text) in self.further.into_iter().filter(|(_, text)| !text.is_empty()) {
            let mut fields = Fields::default();
            fields.set(Field::Key(0), &key);
            fields.set(field, &text);
            take(fields.item(position))?;
        }
        Ok(())
    }
}

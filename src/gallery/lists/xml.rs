//! NCMEC's hash sharing, version 2: `<image>` and `<video>` elements with fingerprints, `<deletedImage>` and `<deletedVideo>` elements that
//! take an id back.
//!
//! The key is the member's id and the entry's own, with a slash between. Both are children of the entry itself: feedback inside it names
//! other members. The position is the element's number from 1.

use std::io::{self, BufReader, Read};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::fields::Fields;
use super::keeping::Keeping;
use super::lines::LARGEST_RECORD;
use super::names::Field;
use super::opened::Opened;
use super::{Give, Item, damaged, unreadable};
use crate::error::Result;

/// What a document says besides its entries.
#[cfg_attr(not(feature = "service"), allow(dead_code, reason = "only what follows a list asks"))]
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The first elements' names.
    pub(crate) names: Vec<String>,
    /// The text of `<paging><next>`: where the rest of the answer is.
    pub(crate) next: Option<String>,
}

/// What an element says of itself, whatever it gives.
#[cfg_attr(not(feature = "service"), allow(dead_code, reason = "only what follows a list asks"))]
#[derive(Debug)]
pub(crate) struct About {
    /// As in [`Entry::key`](crate::gallery::Entry::key).
    pub(crate) key: String,
    /// The text of `<timestamp>`: when it was changed last.
    pub(crate) time: String,
    pub(crate) is_video: bool,
}

/// Takes the items of a document, each with the element that it comes from.
pub(crate) type GiveAbout<'a> = &'a mut dyn FnMut(Item, &About) -> Result<()>;

/// One entry as it is read.
#[derive(Default)]
struct Element {
    fields: Fields,
    deleted: bool,
    is_video: bool,
    time: String,
    member: String,
    id: String,
    /// How deep inside it we are: 0 between its children, 1 in one of them.
    depth: u32,
    /// Whether that child is `<fingerprints>`.
    in_fingerprints: bool,
    text: String,
}

/// Reads an answer of the service as it was saved, and gives the first elements' names.
pub(super) fn read(list: Opened<'_>, keeping: &Keeping, give: Give<'_>) -> Result<Vec<String>> {
    walk(list, keeping, &mut |item, _| give(item)).map(|seen| seen.names)
}

/// Reads an answer of the service as it comes.
///
/// # Errors
///
/// [`Error::Corrupt`](crate::Error::Corrupt) where it is not whole, or no answer to a query.
#[cfg(any(feature = "service", test))]
pub(crate) fn answer(body: &[u8], give: GiveAbout<'_>) -> Result<Seen> {
    let seen = walk(body, &Keeping::default(), give)?;
    match seen.names.first().map(String::as_str) {
        Some("queryResult") => Ok(seen),
        _ => Err(damaged("it is no answer to a query for entries")),
    }
}

/// Reads a document to its end.
fn walk(list: impl Read, keeping: &Keeping, give: GiveAbout<'_>) -> Result<Seen> {
    let mut xml =
        Reader::from_reader(BufReader::with_capacity(1 << 18, Bounded { inner: list, left: LARGEST_RECORD }));
    let mut buffer = Vec::new();
    let mut element: Option<Element> = None;
    let (mut seen, mut paging) = (Seen::default(), Paging::default());
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
                if element.is_none() {
                    paging.begin(start.local_name().as_ref());
                }
                begin(&mut element, &mut seen.names, &start, &mut position);
            }
            Event::Empty(start) => {
                begin(&mut element, &mut seen.names, &start, &mut position);
                end(&mut element, start.local_name().as_ref(), position, keeping, give)?;
            }
            Event::Text(text) => take(&mut element, &mut paging, &text),
            Event::CData(text) => take(&mut element, &mut paging, &text),
            Event::GeneralRef(name) => take(&mut element, &mut paging, &entity(&name)),
            Event::End(name) => {
                depth = depth.saturating_sub(1);
                end(&mut element, name.local_name().as_ref(), position, keeping, give)?;
                // The ends inside an entry are its own.
                if element.is_none() {
                    seen.next = paging.end().or(seen.next);
                }
            }
            Event::Eof if depth > 0 => return Err(broken("it ends too early")),
            Event::Eof => return Ok(seen),
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
fn end(
    element: &mut Option<Element>,
    name: &str,
    position: u64,
    keeping: &Keeping,
    give: GiveAbout<'_>,
) -> Result<()> {
    match element {
        Some(open) if open.depth > 0 => open.end(name, keeping),
        _ => {
            if let Some(done) = element.take() {
                return done.tell(position, give);
            }
        }
    }
    Ok(())
}

fn take(element: &mut Option<Element>, paging: &mut Paging, text: &str) {
    match element {
        Some(element) => element.text.push_str(text),
        None => paging.take(text),
    }
}

/// `<paging><next>`, as it is read.
#[derive(Default)]
struct Paging {
    /// The open elements around, as far as they matter: `paging`, `next`.
    open: Vec<bool>,
    text: String,
}

impl Paging {
    fn begin(&mut self, name: &str) {
        let expected = if self.is_in_paging() { "next" } else { "paging" };
        self.open.push(name == expected);
        self.text.clear();
    }

    fn is_in_paging(&self) -> bool {
        self.open.last() == Some(&true)
    }

    fn is_in_next(&self) -> bool {
        self.open.ends_with(&[true, true])
    }

    fn take(&mut self, text: &str) {
        if self.is_in_next() {
            self.text.push_str(text);
        }
    }

    /// The text of an element that ends, if it is the one.
    fn end(&mut self) -> Option<String> {
        let text = self.is_in_next().then(|| self.text.trim().to_string());
        self.open.pop();
        text.filter(|text| !text.is_empty())
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
        let (deleted, is_video) = match name {
            "image" => (false, false),
            "video" => (false, true),
            "deletedImage" => (true, false),
            "deletedVideo" => (true, true),
            _ => return None,
        };
        Some(Element { deleted, is_video, ..Element::default() })
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

    /// Takes the text of a child or fingerprint. What lies deeper is about other members, and not kept.
    fn end(&mut self, name: &str, keeping: &Keeping) {
        let text = std::mem::take(&mut self.text);
        if self.depth == 1 || self.depth == 2 && self.in_fingerprints {
            keeping.kept(name).iter().for_each(|name| self.fields.further.keep(name, &text));
        }
        match (self.depth, name) {
            (1, "id") => self.id = text.trim().into(),
            (1, "timestamp") => self.time = text.trim().into(),
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

    fn tell(mut self, position: u64, give: GiveAbout<'_>) -> Result<()> {
        let about = About { key: self.key(), time: std::mem::take(&mut self.time), is_video: self.is_video };
        if self.deleted {
            let item = if self.id.is_empty() {
                Item::Bad { position, reason: "a deleted entry without an id".into() }
            } else {
                Item::Removed { key: about.key.clone() }
            };
            return give(item, &about);
        }
        self.fields.set(Field::Key(0), &about.key);
        self.fields.tell(position, &mut |item| give(item, &about))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_where_the_rest_is_and_what_each_element_is() {
        let body = b"<?xml version=\"1.0\"?><a:queryResult xmlns:a=\"x\"><a:paging><a:next>/v2/entries?from=1&amp;to=2</a:next></a:paging>\
            <images count=\"2\"><image><member id=\"42\">M</member><timestamp>2026-01-01T00:00:00Z</timestamp><id>i1</id>\
            <fingerprints><md5>0</md5><next>no</next></fingerprints></image>\
            <deletedImage><member id=\"42\"/><id>i2</id></deletedImage></images>\
            <videos><video><id>v</id></video></videos><next>neither</next></a:queryResult>";
        let mut all = Vec::new();
        let seen = answer(body, &mut |item, about| {
            all.push((item, about.key.clone(), about.time.clone(), about.is_video));
            Ok(())
        });
        assert_eq!(seen.unwrap().next.unwrap(), "/v2/entries?from=1&to=2");
        let time = "2026-01-01T00:00:00Z".to_string();
        assert_eq!(all[0], (Item::WithoutSignature { position: 1 }, "42/i1".into(), time, false));
        assert_eq!(all[1].0, Item::Removed { key: "42/i2".into() });
        assert_eq!((all[2].1.as_str(), all[2].3), ("v", true));
        assert_eq!(all.len(), 3);
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for body in [
            "",
            "<html><body>Sign in</body></html>",
            "<queryResult>",
            "<queryResult><images><image></images></queryResult>",
            "no XML",
        ] {
            assert!(answer(body.as_bytes(), &mut |_, _| Ok(())).is_err(), "{body}");
        }
    }
}

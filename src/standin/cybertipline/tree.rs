//! A document of XML as a tree: what is no well-formed XML is none.

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesRef, BytesStart, Event};
use serde_json::{Map, Value};

/// Deepest nesting of elements; no report comes near.
const DEEPEST: usize = 64;

/// Most attributes of an element.
const MOST_ATTRIBUTES: usize = 64;

/// An element.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
    pub(super) children: Vec<Node>,
    /// All text between its tags that is not in a child.
    pub(super) text: String,
}

impl Node {
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_str())
    }

    /// The children of this name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Node> {
        self.children.iter().filter(move |child| child.name == name)
    }

    pub(super) fn child(&self, name: &str) -> Option<&Node> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of a child without the blanks around it.
    pub(super) fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.trim())
    }

    /// Itself and all below it.
    pub(super) fn visit(&self, visit: &mut dyn FnMut(&Node) -> Result<(), String>) -> Result<(), String> {
        visit(self)?;
        self.children.iter().try_for_each(|child| child.visit(visit))
    }

    /// As JSON: a text, or an object of attributes (`@name`), children and, where it has attributes too, text (`#text`). What stands there more than once
    /// is an array.
    pub(super) fn json(&self) -> Value {
        if self.attributes.is_empty() && self.children.is_empty() {
            return self.text.as_str().into();
        }
        let attributes =
            self.attributes.iter().map(|(name, value)| (format!("@{name}"), value.as_str().into()));
        let mut all: Map<String, Value> = attributes.collect();
        if self.children.is_empty() {
            all.insert("#text".into(), self.text.as_str().into());
        }
        for child in &self.children {
            let value = child.json();
            match all.get_mut(&child.name) {
                None => drop(all.insert(child.name.clone(), value)),
                Some(Value::Array(several)) => several.push(value),
                Some(one) => *one = Value::Array(vec![one.take(), value]),
            }
        }
        all.into()
    }
}

/// Reads a document; `None` where it is no XML, or has a type of its own, whose entities nobody wants to follow.
pub(super) fn read(bytes: &[u8]) -> Option<Node> {
    let text = std::str::from_utf8(bytes).ok()?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if !text.chars().all(is_of_xml) {
        return None;
    }
    let mut xml = Reader::from_str(text);
    xml.config_mut().check_comments = true;
    let (mut open, mut root): (Vec<Node>, Option<Node>) = (Vec::new(), None);
    let mut is_first = true;
    loop {
        match xml.read_event().ok()? {
            Event::Start(start) if open.len() < DEEPEST && root.is_none() => open.push(begin(&start)?),
            Event::Empty(start) if open.len() < DEEPEST && root.is_none() => {
                let node = begin(&start)?;
                close(node, &mut open, &mut root);
            }
            Event::End(_) => {
                let node = open.pop()?;
                close(node, &mut open, &mut root);
            }
            Event::Text(text) => put(&mut open, &text.xml10_content())?,
            Event::CData(data) => put(open.last_mut().map(std::slice::from_mut)?, &data.xml10_content())?,
            Event::GeneralRef(name) => open.last_mut()?.text.push(entity(&name)?),
            Event::Decl(declared) if is_first => {
                let encoding = declared.encoding().transpose().ok()?;
                encoding.is_none_or(|name| name.eq_ignore_ascii_case("utf-8")).then_some(())?;
            }
            Event::Comment(_) | Event::PI(_) => {}
            Event::Eof if open.is_empty() => return root,
            _ => return None,
        }
        is_first = false;
    }
}

fn begin(start: &BytesStart<'_>) -> Option<Node> {
    let mut attributes: Vec<(String, String)> = Vec::new();
    // The library's own check takes time in the square of their number.
    for attribute in start.attributes().with_checks(false) {
        let attribute = attribute.ok()?;
        let key: &str = attribute.key.as_ref();
        if attributes.len() == MOST_ATTRIBUTES || attributes.iter().any(|(known, _)| known == key) {
            return None;
        }
        let value = attribute.normalized_value(XmlVersion::Explicit1_0).ok()?;
        if attribute.value.contains('<') || !value.chars().all(is_of_xml) {
            return None;
        }
        attributes.push((key.to_string(), value.into_owned()));
    }
    let name = start.name().as_ref().to_string();
    is_name(&name).then_some(Node { name, attributes, ..Node::default() })
}

/// An element ends: it is a child of the one around it, or the whole.
fn close(node: Node, open: &mut [Node], root: &mut Option<Node>) {
    match open.last_mut() {
        Some(parent) => parent.children.push(node),
        None => *root = Some(node),
    }
}

/// Adds text; outside all elements only blanks may stand.
fn put(open: &mut [Node], text: &str) -> Option<()> {
    match open.last_mut() {
        Some(node) => node.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return None,
    }
    Some(())
}

fn entity(name: &BytesRef<'_>) -> Option<char> {
    if name.is_char_ref() {
        return name.resolve_char_ref().ok().flatten().filter(|c| is_of_xml(*c));
    }
    let name: &str = name;
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => return None,
    })
}

/// Whether XML 1.0 can hold a character at all.
fn is_of_xml(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn is_name(name: &str) -> bool {
    let begins = |c: char| c.is_alphabetic() || c == '_' || c == ':';
    name.starts_with(begins) && name.chars().all(|c| begins(c) || c.is_numeric() || matches!(c, '-' | '.'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_are_trees() {
        let text = "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<!-- a --><a x='1 &amp; &#x32;'>\r\n <b>1 &lt; <![CDATA[2 & <3>]]></b><b/><c d=\"e\">f</c></a>\n<?p?>";
        let node = read(text.as_bytes()).unwrap();
        assert_eq!((&*node.name, node.attribute("x")), ("a", Some("1 & 2")));
        assert_eq!(
            node.json(),
            json!({ "@x": "1 & 2", "b": ["1 < 2 & <3>", ""], "c": { "@d": "e", "#text": "f" } })
        );
        assert_eq!(read(b"<a>b</a>").unwrap().json(), json!("b"));
    }

    #[test]
    fn what_is_not_well_formed_is_none() {
        for text in [
            "",
            " ",
            "text",
            "<a>",
            "<a></b>",
            "<a/><b/>",
            "<a/>text",
            "text<a/>",
            "<a b='1' b='2'/>",
            "<a b='<'/>",
            "<a b=1/>",
            "<a>&unknown;</a>",
            "<a>&#0;</a>",
            "<a>&</a>",
            "<a>\u{1}</a>",
            "<a><!-- -- --></a>",
            "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
            "<a/><![CDATA[b]]>",
            "<a/>&lt;",
            "<1/>",
            "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a/>",
            " <a/><?xml version=\"1.0\"?>",
        ] {
            assert!(read(text.as_bytes()).is_none(), "{text}");
        }
        assert!(read(b"<a>\xff</a>").is_none());
        let attributes = |count: usize| {
            let all: String = (0..count).map(|n| format!(" a{n}=''")).collect();
            format!("<a{all}/>")
        };
        assert!(read(attributes(64).as_bytes()).is_some() && read(attributes(65).as_bytes()).is_none());
        let nested = |depth: usize| "<a>".repeat(depth) + &"</a>".repeat(depth);
        assert!(read(nested(64).as_bytes()).is_some() && read(nested(65).as_bytes()).is_none());
    }
}

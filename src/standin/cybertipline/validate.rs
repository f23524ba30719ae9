//! Walks the tables: whether a document is as the schema has it. The first thing that is wrong is named by its path, and its text is never shown.

use super::schema::{Attribute, Child, Content, Element, Holds, Kind, Times};
use super::text::check;
use super::tree::Node;

/// Holds the root of a document against its table.
pub(super) fn validate(root: &Node, name: &str, element: &Element, now: i64) -> Result<(), String> {
    if root.name != name {
        return Err(format!("the document must be <{name}>"));
    }
    Walk { now }.element(root, element, name)
}

struct Walk {
    now: i64,
}

impl Walk {
    fn element(&self, node: &Node, element: &Element, path: &str) -> Result<(), String> {
        self.attributes(node, element.attributes, path)?;
        match element.content {
            Content::Text(kind) => return self.text(node, kind, path),
            Content::Nothing if !node.children.is_empty() => {
                return Err(format!("{path}: this must be empty"));
            }
            _ => {}
        }
        if !node.text.trim().is_empty() {
            return Err(format!("{path}: there is text between its elements"));
        }
        match element.content {
            Content::Sequence(children) => self.sequence(node, children, path),
            Content::Any(children) => self.any(node, children, path),
            Content::OneOf(children) => self.one_of(node, children, path),
            Content::Text(_) | Content::Nothing => Ok(()),
        }
    }

    fn attributes(&self, node: &Node, known: &[Attribute], path: &str) -> Result<(), String> {
        for (name, value) in &node.attributes {
            // What says where the schema is belongs to every document.
            if name == "xmlns:xsi" || name.starts_with("xsi:") {
                continue;
            }
            let Some(attribute) = known.iter().find(|attribute| attribute.name == name) else {
                return Err(format!("{path}: it has an attribute that is not known here"));
            };
            check(value, attribute.kind, self.now).map_err(|why| format!("{path}/@{name}: {why}"))?;
        }
        let missing = known.iter().find(|known| known.is_required && node.attribute(known.name).is_none());
        missing.map_or(Ok(()), |missing| Err(format!("{path}/@{}: this is missing", missing.name)))
    }

    fn text(&self, node: &Node, kind: Kind, path: &str) -> Result<(), String> {
        if !node.children.is_empty() {
            return Err(format!("{path}: this must be a text"));
        }
        check(&node.text, kind, self.now).map_err(|why| format!("{path}: {why}"))
    }

    fn child(&self, node: &Node, child: &Child, path: &str) -> Result<(), String> {
        let path = format!("{path}/{}", child.name);
        match child.holds {
            Holds::Nested(element) => self.element(node, element, &path),
            Holds::Value(kind) => {
                self.attributes(node, &[], &path)?;
                self.text(node, kind, &path)
            }
        }
    }

    fn sequence(&self, node: &Node, children: &[Child], path: &str) -> Result<(), String> {
        let mut left = node.children.iter().peekable();
        for child in children {
            let mut count = 0;
            while let Some(next) = left.next_if(|next| next.name == child.name) {
                count += 1;
                if count > 1 && matches!(child.times, Times::One | Times::Optional) {
                    return Err(format!("{path}/{}: it stands there more than once", child.name));
                }
                self.child(next, child, path)?;
            }
            if count == 0 && matches!(child.times, Times::One | Times::Several) {
                return Err(missing(node, child, path));
            }
        }
        match left.next() {
            None => Ok(()),
            Some(next) => Err(misplaced(next, children, path)),
        }
    }

    fn any(&self, node: &Node, children: &[Child], path: &str) -> Result<(), String> {
        for next in &node.children {
            let child = children.iter().find(|child| child.name == next.name);
            let child = child.ok_or_else(|| misplaced(next, children, path))?;
            if node.all(child.name).count() > 1 {
                return Err(format!("{path}/{}: it stands there more than once", child.name));
            }
            self.child(next, child, path)?;
        }
        Ok(())
    }

    fn one_of(&self, node: &Node, children: &[Child], path: &str) -> Result<(), String> {
        let [only] = &node.children[..] else {
            return Err(format!("{path}: exactly one kind must stand there"));
        };
        let child = children.iter().find(|child| child.name == only.name);
        self.child(only, child.ok_or_else(|| misplaced(only, children, path))?, path)
    }
}

fn missing(node: &Node, child: &Child, path: &str) -> String {
    match node.child(child.name) {
        Some(_) => format!("{path}/{}: it stands in the wrong place", child.name),
        None => format!("{path}/{}: this is missing", child.name),
    }
}

/// What is said of an element that may not stand where it does; names that nobody knows are not repeated.
fn misplaced(node: &Node, children: &[Child], path: &str) -> String {
    match children.iter().find(|child| child.name == node.name) {
        Some(child) => format!("{path}/{}: it stands in the wrong place", child.name),
        None => format!("{path}: there is an element that is not known here"),
    }
}

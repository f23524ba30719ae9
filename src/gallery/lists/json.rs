//! JSON: lines of objects, and documents of any size with records in them, one or several behind each other.
//!
//! So VICS hash sets and cases, ThreatExchange's pages and plain arrays are read alike; `tree` says what a record is. The position is the
//! number of the record from 1; of a line, the line.

use std::io;

use super::keeping::Keeping;
use super::lines::End;
use super::opened::Opened;
use super::text::each_line;
use super::tree::{Position, Tree};
use super::{Give, Item, damaged};
use crate::error::{Error, Result};

mod tokens;

use tokens::{Fault, Token, Tokens};

/// Whether the first line is an object by itself and another one follows, or it holds no further objects: then it is a record, else
/// a document around records.
pub(super) fn is_lines(start: &[u8]) -> bool {
    let (line, rest) = match memchr::memchr(b'\n', start) {
        Some(end) => (&start[..end], start[end..].trim_ascii_start()),
        None => (start, &start[start.len()..]),
    };
    let mut tokens = Tokens::new(io::empty());
    tokens.load(line);
    let (mut values, mut depth, mut objects) = (0, 0u32, 0);
    loop {
        match tokens.next() {
            Ok(Token::BeginObject | Token::BeginArray) if depth == 0 && values == 1 => return false,
            Ok(token @ (Token::BeginObject | Token::BeginArray)) => {
                values += u32::from(depth == 0);
                objects += u32::from(token == Token::BeginObject);
                depth += 1;
            }
            Ok(Token::End) => depth -= 1,
            Ok(Token::EndOfInput) => return rest.first() == Some(&b'{') || rest.is_empty() && objects == 1,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}

/// Whether the first line begins with integers in brackets: a signature as Python prints it, in plain text.
pub(super) fn is_integers(start: &[u8]) -> bool {
    let line = start.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let inside = line.strip_prefix(b"[").and_then(|rest| rest.split(|&byte| byte == b']').next());
    line.contains(&b']')
        && inside.is_some_and(|inside| {
            inside.iter().all(|&byte| byte.is_ascii_digit() || b", .".contains(&byte))
                && inside.len() >= 2 * 144 - 1
        })
}

/// Reads one value a line, and gives the first members' names.
pub(super) fn read_lines(list: Opened<'_>, keeping: &Keeping, give: Give<'_>) -> Result<Vec<String>> {
    let mut tree = Tree::new(give, Position::Of(0), keeping);
    let mut tokens = Tokens::new(io::empty());
    each_line(list, |line, text| {
        let position = line.number;
        tree.position = Position::Of(position);
        let Some(text) = text else {
            return tree.item(Item::Bad { position, reason: "the line is longer than 16 MiB".into() });
        };
        if text.trim().is_empty() {
            return Ok(());
        }
        tokens.load(text.as_bytes());
        match walk(&mut tokens, &mut tree)? {
            None => tree.end_of_row(position),
            Some(fault) => {
                let (_, column) = tokens.place();
                tree.abandon()?;
                tree.given = 0;
                tree.item(Item::Bad { position, reason: format!("{} at column {column}", fault.reason()) })?;
                let cut = matches!(fault, Fault::Ends) && line.end == End::Last;
                if cut { Err(damaged(format!("it ends in the middle of line {position}"))) } else { Ok(()) }
            }
        }
    })?;
    Ok(tree.names)
}

/// Reads documents, and gives the first members' names.
pub(super) fn read_document(list: Opened<'_>, keeping: &Keeping, give: Give<'_>) -> Result<Vec<String>> {
    let mut tree = Tree::new(give, Position::Counted, keeping);
    let mut tokens = Tokens::new(list);
    let Some(fault) = walk(&mut tokens, &mut tree)? else { return Ok(tree.names) };
    let (line, column) = tokens.place();
    tree.abandon()?;
    let (what, given) = (fault.reason(), tree.given);
    match fault {
        Fault::Reading(error @ Error::Io { .. }) => Err(error),
        _ => Err(damaged(format!(
            "{what} at line {line}, column {column}, after {given} records; the rest cannot be read"
        ))),
    }
}

/// Takes all values there are to the tree; gives what is wrong with them.
fn walk(tokens: &mut Tokens<impl io::Read>, tree: &mut Tree<'_>) -> Result<Option<Fault>> {
    loop {
        match tokens.next() {
            Ok(Token::BeginObject) => tree.begin_object(),
            Ok(Token::BeginArray) => tree.begin_array(),
            Ok(Token::Name) => tree.name(tokens.text()),
            Ok(Token::Text) => tree.text(tokens.text())?,
            Ok(Token::Word) => tree.word(tokens.text())?,
            Ok(Token::End) => tree.end()?,
            Ok(Token::EndOfInput) => return Ok(None),
            Err(fault) => return Ok(Some(fault)),
        }
    }
}

impl Fault {
    /// What is wrong, without the content.
    fn reason(&self) -> String {
        match self {
            Fault::Syntax => "it is no JSON".into(),
            Fault::Ends => "it ends too early".into(),
            Fault::Deep => "it is nested too deeply".into(),
            Fault::Long => "a text exceeds 16 MiB".into(),
            Fault::Reading(error) => error.to_string(),
        }
    }
}

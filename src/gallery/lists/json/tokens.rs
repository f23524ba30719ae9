//! JSON piece by piece, as programs write it rather than as the standard has it.
//!
//! Lone surrogates in strings (names of files on Windows) become U+FFFD; `NaN`, `Infinity`, `None` and the like (Python) are values;
//! a comma too many, and control characters in strings, are nobody's fault. Nothing is held but one string, so that depth costs one
//! bit a level and length nothing.

use std::io::Read;

use memchr::{memchr_iter, memchr2};

use super::super::lines::LARGEST_RECORD;
use super::super::unreadable;
use crate::error::{Error, Result};

/// Deepest nesting that is followed.
const DEEPEST: usize = 512;

/// One piece. Texts are in [`Tokens::text`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    BeginObject,
    BeginArray,
    End,
    /// The name of the member whose value comes next.
    Name,
    Text,
    /// A number, or one of the words that stand for a value.
    Word,
    /// The end of the input; never inside a value.
    EndOfInput,
}

/// Why JSON cannot be read on.
#[derive(Debug)]
pub(super) enum Fault {
    /// It is no JSON at this byte of the buffer.
    Syntax,
    /// The input ends inside a value.
    Ends,
    Deep,
    Long,
    Reading(Error),
}

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Value,
    /// A value or the end of an array.
    Element,
    /// A name or the end of an object.
    Member,
    /// A comma or the end.
    Separator,
}

/// Reads JSON values, one behind the other.
pub(super) struct Tokens<R> {
    reader: R,
    buffer: Vec<u8>,
    at: usize,
    ended: bool,
    /// Whether each open level is an object.
    levels: Vec<bool>,
    expected: Expected,
    text: String,
    /// Lines that went out of the buffer, and bytes of the last one.
    lines: u64,
    column: u64,
}

/// Bytes read at a time.
const PIECE: usize = 256 << 10;

impl<R: Read> Tokens<R> {
    pub(super) fn new(reader: R) -> Tokens<R> {
        Tokens {
            reader,
            buffer: Vec::new(),
            at: 0,
            ended: false,
            levels: Vec::new(),
            expected: Expected::Value,
            text: String::new(),
            lines: 0,
            column: 0,
        }
    }

    /// Begins anew with these bytes and nothing behind them.
    pub(super) fn load(&mut self, bytes: &[u8]) {
        self.buffer.clear();
        self.buffer.extend_from_slice(bytes);
        self.levels.clear();
        (self.at, self.ended, self.expected, self.lines, self.column) = (0, true, Expected::Value, 0, 0);
    }

    /// The text of the last name, text or word.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Line and column of what comes next, both from 1.
    pub(super) fn place(&self) -> (u64, u64) {
        let read = &self.buffer[..self.at];
        let lines = memchr_iter(b'\n', read).count() as u64;
        let column = match memchr::memrchr(b'\n', read) {
            Some(last) => (self.at - last) as u64,
            None => self.column + self.at as u64 + 1,
        };
        (self.lines + lines + 1, column)
    }

    /// The next piece.
    pub(super) fn next(&mut self) -> Result<Token, Fault> {
        loop {
            let Some(byte) = self.peek_sign()? else {
                return if self.levels.is_empty() { Ok(Token::EndOfInput) } else { Err(Fault::Ends) };
            };
            match (byte, self.expected) {
                (b',', Expected::Separator | Expected::Element | Expected::Member) => {
                    self.at += 1;
                    self.expected =
                        if self.levels.last() == Some(&true) { Expected::Member } else { Expected::Element };
                }
                // Between documents: a comma (an array's elements without it), or the sign that parts JSON texts (RFC 7464).
                (b',' | 0x1e, Expected::Value) if self.levels.is_empty() => self.at += 1,
                (b'}', Expected::Separator | Expected::Member) => return self.end(true),
                (b']', Expected::Separator | Expected::Element) => return self.end(false),
                (b'"', Expected::Member) => return self.name(),
                (_, Expected::Value | Expected::Element) => return self.value(byte),
                _ => return Err(Fault::Syntax),
            }
        }
    }

    fn value(&mut self, byte: u8) -> Result<Token, Fault> {
        let object = match byte {
            b'{' => true,
            b'[' => false,
            b'"' => {
                self.string()?;
                self.after_value();
                return Ok(Token::Text);
            }
            _ => return self.word(),
        };
        if self.levels.len() == DEEPEST {
            return Err(Fault::Deep);
        }
        self.at += 1;
        self.levels.push(object);
        self.expected = if object { Expected::Member } else { Expected::Element };
        Ok(if object { Token::BeginObject } else { Token::BeginArray })
    }

    fn after_value(&mut self) {
        self.expected = if self.levels.is_empty() { Expected::Value } else { Expected::Separator };
    }

    fn end(&mut self, object: bool) -> Result<Token, Fault> {
        if self.levels.pop() != Some(object) {
            return Err(Fault::Syntax);
        }
        self.at += 1;
        self.after_value();
        Ok(Token::End)
    }

    fn name(&mut self) -> Result<Token, Fault> {
        self.string()?;
        match self.peek_sign()? {
            Some(b':') => self.at += 1,
            Some(_) => return Err(Fault::Syntax),
            None => return Err(Fault::Ends),
        }
        self.expected = Expected::Value;
        Ok(Token::Name)
    }

    /// A number, or a word that stands for a value.
    fn word(&mut self) -> Result<Token, Fault> {
        const WORDS: [&str; 14] = [
            "true",
            "false",
            "null",
            "True",
            "False",
            "None",
            "NaN",
            "nan",
            "Infinity",
            "-Infinity",
            "inf",
            "-inf",
            "undefined",
            "-NaN",
        ];
        self.text.clear();
        while let Some(byte) =
            self.peek()?.filter(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte))
        {
            self.text.push(char::from(byte));
            self.at += 1;
            if self.text.len() > 4096 {
                return Err(Fault::Syntax);
            }
        }
        let number = self.text.starts_with(|c: char| c.is_ascii_digit() || c == '-')
            && self.text.parse::<f64>().is_ok();
        if !number && !WORDS.contains(&self.text.as_str()) {
            return Err(if self.peek()?.is_none() { Fault::Ends } else { Fault::Syntax });
        }
        self.after_value();
        Ok(Token::Word)
    }

    /// The next byte that is no blank.
    fn peek_sign(&mut self) -> Result<Option<u8>, Fault> {
        loop {
            let blanks = self.buffer[self.at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            self.at += blanks;
            if self.at < self.buffer.len() || !self.fill()? {
                return Ok(self.buffer.get(self.at).copied());
            }
        }
    }

    fn peek(&mut self) -> Result<Option<u8>, Fault> {
        while self.at == self.buffer.len() {
            if !self.fill()? {
                return Ok(None);
            }
        }
        Ok(Some(self.buffer[self.at]))
    }

    /// Reads more behind what is there, and lets go of what was passed; false at the end.
    fn fill(&mut self) -> Result<bool, Fault> {
        if self.ended {
            return Ok(false);
        }
        (self.lines, self.column) = {
            let (line, column) = self.place();
            (line - 1, column - 1)
        };
        self.buffer.drain(..self.at);
        self.at = 0;
        let kept = self.buffer.len();
        self.buffer.resize(kept + PIECE, 0);
        let read = self.reader.read(&mut self.buffer[kept..]);
        self.buffer.truncate(kept + *read.as_ref().unwrap_or(&0));
        match read {
            Ok(0) => self.ended = true,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Fault::Reading(unreadable(error))),
        }
        Ok(!self.ended)
    }

    /// Reads a string into `text`.
    fn string(&mut self) -> Result<(), Fault> {
        self.at += 1;
        self.text.clear();
        let mut bytes = std::mem::take(&mut self.text).into_bytes();
        let outcome = self.string_into(&mut bytes);
        // What lists are read through gives UTF-8 only, and escapes are written as such.
        self.text = String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        outcome
    }

    fn string_into(&mut self, text: &mut Vec<u8>) -> Result<(), Fault> {
        loop {
            let rest = &self.buffer[self.at..];
            let found = memchr2(b'"', b'\\', rest);
            text.extend_from_slice(&rest[..found.unwrap_or(rest.len())]);
            if text.len() > LARGEST_RECORD {
                return Err(Fault::Long);
            }
            match found {
                None => {
                    self.at = self.buffer.len();
                    if self.peek()?.is_none() {
                        return Err(Fault::Ends);
                    }
                }
                Some(length) => {
                    let quote = rest[length] == b'"';
                    self.at += length + 1;
                    if quote {
                        return Ok(());
                    }
                    self.escape(text)?;
                }
            }
        }
    }

    fn escape(&mut self, text: &mut Vec<u8>) -> Result<(), Fault> {
        let byte = self.taken()?;
        let plain = match byte {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'b' => 8,
            b'f' => 12,
            b'u' => return self.unicode(text),
            // What needs no escape stands for itself.
            other => other,
        };
        text.push(plain);
        Ok(())
    }

    /// `\uXXXX`, or two of them for one character.
    fn unicode(&mut self, text: &mut Vec<u8>) -> Result<(), Fault> {
        let mut unit = self.digits()?;
        while (0xd800..0xdc00).contains(&unit) {
            if self.ahead(2)? != Some(b"\\u") {
                break;
            }
            self.at += 2;
            let low = self.digits()?;
            if (0xdc00..0xe000).contains(&low) {
                unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                break;
            }
            push(text, unit);
            unit = low;
        }
        push(text, unit);
        Ok(())
    }

    fn digits(&mut self) -> Result<u32, Fault> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = char::from(self.taken()?).to_digit(16).ok_or(Fault::Syntax)?;
            unit = unit * 16 + digit;
        }
        Ok(unit)
    }

    fn taken(&mut self) -> Result<u8, Fault> {
        let byte = self.peek()?.ok_or(Fault::Ends)?;
        self.at += 1;
        Ok(byte)
    }

    /// The next bytes, where there are so many.
    fn ahead(&mut self, count: usize) -> Result<Option<&[u8]>, Fault> {
        while self.buffer.len() - self.at < count {
            if !self.fill()? {
                return Ok(None);
            }
        }
        Ok(self.buffer.get(self.at..self.at + count))
    }
}

fn push(text: &mut Vec<u8>, unit: u32) {
    let character = char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER);
    text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

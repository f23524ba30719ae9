//! Whether lines are a log as it was written.

use std::io::{BufRead, Read};

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::line::{self, LONGEST, START};
use crate::error::{Error, Result};

/// What is found in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditVerdict {
    /// How many lines are as they were written: all, or those before the one that is not.
    pub lines: u64,
    /// The hash of the last of them, 64 zeros where there is none.
    pub hash: String,
    /// The number of the line with the hash that was expected.
    pub expected: Option<u64>,
    /// What is wrong, if anything is.
    pub broken: Option<AuditBreak>,
}

impl AuditVerdict {
    /// Whether every line is as it was written, and the expected one is there.
    pub fn is_whole(&self) -> bool {
        self.broken.is_none()
    }
}

/// Where a log is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditBreak {
    /// The number of the line that was changed, is missing or stands elsewhere.
    pub line: u64,
    /// What is wrong with it.
    pub why: String,
}

/// Checks lines from the first to the last. What was cut off at the end is seen only by the hash of a line that is `expected` to be there: the last one of an
/// earlier export, say, which a log that has grown since still holds.
///
/// # Errors
///
/// [`Error::Io`] where they cannot be read, [`Error::Input`] where what is expected is no hash.
pub fn verify(mut lines: impl BufRead, expected: Option<&str>) -> Result<AuditVerdict> {
    let mut chain = Chain::new(expected)?;
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut lines).take(LONGEST as u64 + 2).read_until(b'\n', &mut line);
        let read = read.map_err(|error| Error::io("cannot read the audit log", error))?;
        if read == 0 || !chain.follow(line.strip_suffix(b"\n").unwrap_or(&line)) {
            return Ok(chain.end());
        }
    }
}

/// The lines that were seen.
pub(super) struct Chain {
    lines: u64,
    hash: String,
    expected: Option<String>,
    found: Option<u64>,
    broken: Option<AuditBreak>,
}

impl Chain {
    pub(super) fn new(expected: Option<&str>) -> Result<Chain> {
        let is_hash = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if expected.is_some_and(|text| !is_hash(text)) {
            return Err(Error::Input("the expected hash has to be 64 hexadecimal digits".into()));
        }
        let expected = expected.map(str::to_ascii_lowercase);
        let found = expected.as_deref().filter(|hash| *hash == START).map(|_| 0);
        Ok(Chain { lines: 0, hash: START.to_string(), expected, found, broken: None })
    }

    /// Takes the next line; whether it is one that follows.
    pub(super) fn follow(&mut self, line: &[u8]) -> bool {
        match check(line, self.lines + 1, &self.hash) {
            Ok(hash) => {
                self.lines += 1;
                self.hash.clear();
                self.hash.push_str(hash);
                if self.expected.as_deref() == Some(hash) {
                    self.found = Some(self.lines);
                }
                true
            }
            Err(broken) => {
                self.broken = Some(broken);
                false
            }
        }
    }

    /// What was found.
    pub(super) fn end(self) -> AuditVerdict {
        let missing = self.expected.is_some() && self.found.is_none() && self.broken.is_none();
        let cut = missing.then(|| AuditBreak {
            line: self.lines + 1,
            why: "no line has the hash that was expected: lines were removed at the end, or all were written anew".into(),
        });
        AuditVerdict { lines: self.lines, hash: self.hash, expected: self.found, broken: self.broken.or(cut) }
    }
}

/// A line's members, in their order.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "what the other members hold is not read, only whether they are there")]
struct Members {
    number: u64,
    time: IgnoredAny,
    who: IgnoredAny,
    action: IgnoredAny,
    subject: IgnoredAny,
    detail: IgnoredAny,
    previous: IgnoredAny,
}

/// Checks a line that should have this number and follow a line with this hash, and gives its own.
fn check<'a>(line: &'a [u8], number: u64, previous: &str) -> Result<&'a str, AuditBreak> {
    let broken = |line, why: String| Err(AuditBreak { line, why });
    if line.len() > LONGEST {
        return broken(number, format!("line {number} is longer than any line of an audit log"));
    }
    let Some(parts) = line::split(line) else {
        return broken(number, format!("line {number} is no line of an audit log, or its end is missing"));
    };
    if line::hash(parts.hashed) != parts.hash {
        return broken(number, format!("line {number} was changed: its hash is another"));
    }
    // What is hashed lacks the bracket at the end.
    let members = serde_json::from_slice::<Members>(&[parts.hashed, b"}"].concat()).ok();
    match members.map(|members| members.number) {
        None => broken(number, format!("line {number} is no line of an audit log")),
        Some(other) if other > number => {
            broken(number, format!("line {number} is missing: line {other} stands in its place"))
        }
        Some(other) if other < number => {
            broken(number, format!("line {number} is missing: line {other} stands there again"))
        }
        Some(1) if parts.previous != previous => {
            broken(1, "line 1 was changed: it says that one stood before it".into())
        }
        Some(_) if parts.previous != previous => {
            let before = number - 1;
            broken(before, format!("line {before} was changed: line {number} has another hash for it"))
        }
        Some(_) => Ok(parts.hash),
    }
}

//! A rule that a report breaks, and where.

use std::fmt;

use serde::Serialize;

/// The rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Rule {
    /// The text is no JSON, or names something twice.
    Json,
    /// There is no such member.
    Unknown,
    /// Something that has to stand there does not.
    Missing,
    /// It is another kind of value.
    Type,
    /// It is no word of the enumeration.
    Choice,
    /// It is longer than it may be.
    Length,
    /// It holds nothing but space.
    Blank,
    /// It holds a character that XML cannot.
    Character,
    /// It is not written as such things are.
    Form,
    /// A number is too small or too large.
    Range,
    /// A time has no zone.
    Zone,
    /// A time is not in the past.
    Past,
    /// Something stands twice that may stand once.
    Twice,
    /// Not exactly one of several stands there.
    ExactlyOne,
    /// Not with *Supplemental Reported*.
    Supplemental,
    /// EXIF cannot be viewed where the file was not.
    Viewed,
    /// The configuration does not allow it.
    Configuration,
    /// There is no such evidence.
    Evidence,
}

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Problem {
    /// Where it is in the JSON, such as `files[0].classification`; empty for the whole.
    pub path: String,
    /// The rule.
    pub rule: Rule,
    /// What is wrong, in words. It holds nothing of the value.
    pub message: String,
}

impl Problem {
    pub(crate) fn new(path: impl Into<String>, rule: Rule, message: impl Into<String>) -> Problem {
        Problem { path: path.into(), rule, message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            return formatter.write_str(&self.message);
        }
        write!(formatter, "{}: {}", self.path, self.message)
    }
}

//! What an element may hold, as tables: names, order, number, lengths and words, as NCMEC's published description and its schema have them
//! (documentation of 2025-06-11, schema of November 2025).
//!
//! Where the two differ the schema decides, as the documentation says itself: `type` stands at `details` and at `associatedAccount`, and the latter needs
//! it; annotations stand in any order. The newest description adds `informational` and `ageAssertionDiscrepancy`. One validator walks the tables; what no
//! table can say is among the rules.

use Holds::{Nested, Value};
use Times::{Many, One, Optional};

pub(super) mod file;
pub(super) mod parts;
pub(super) mod people;
pub(super) mod report;
pub(super) mod words;

/// An element.
pub(super) struct Element {
    pub(super) attributes: &'static [Attribute],
    pub(super) content: Content,
}

/// What stands between an element's tags.
pub(super) enum Content {
    /// Children, in this order.
    Sequence(&'static [Child]),
    /// Children, in any order.
    Any(&'static [Child]),
    /// Exactly one child, which is one of these.
    OneOf(&'static [Child]),
    /// A text.
    Text(Kind),
    Nothing,
}

/// A child of an element.
pub(super) struct Child {
    pub(super) name: &'static str,
    pub(super) times: Times,
    pub(super) holds: Holds,
}

/// How often a child stands there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Times {
    One,
    Optional,
    Many,
    /// Many, and at least one.
    Several,
}

/// What a child holds.
pub(super) enum Holds {
    /// A text, and no attributes.
    Value(Kind),
    Nested(&'static Element),
}

/// An attribute of an element.
pub(super) struct Attribute {
    pub(super) name: &'static str,
    pub(super) is_required: bool,
    pub(super) kind: Kind,
}

/// What a text has to be.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// Anything of at most so many characters.
    Text(usize),
    /// The same, and not blank.
    Filled(usize),
    /// A URL with scheme and host.
    Url,
    /// An e-mail address.
    Email,
    /// An address of IPv4 or IPv6.
    Ip,
    Boolean,
    /// An element that says something by standing there: empty, or true.
    Flag,
    /// A whole number from one to another.
    Whole(i64, i64),
    Number,
    /// A time with its zone.
    Time,
    /// A time with its zone, in the past.
    Past,
    /// A day, in the past.
    PastDay,
    /// One of these.
    Word(&'static [&'static str]),
    /// `+` and up to three digits.
    CallingCode,
    /// Up to ten digits.
    Extension,
}

/// Texts without a bound of their own; that of a whole document holds.
pub(super) const TEXT: Kind = Kind::Text(usize::MAX);

/// Ids of reports.
pub(super) const REPORT_ID: Kind = Kind::Whole(1, i64::MAX);

/// An element of children in order, without attributes.
pub(super) const fn sequence(children: &'static [Child]) -> Element {
    Element { attributes: &[], content: Content::Sequence(children) }
}

pub(super) const fn one(name: &'static str, kind: Kind) -> Child {
    Child { name, times: One, holds: Value(kind) }
}

pub(super) const fn optional(name: &'static str, kind: Kind) -> Child {
    Child { name, times: Optional, holds: Value(kind) }
}

pub(super) const fn many(name: &'static str, kind: Kind) -> Child {
    Child { name, times: Many, holds: Value(kind) }
}

pub(super) const fn nested(name: &'static str, times: Times, element: &'static Element) -> Child {
    Child { name, times, holds: Nested(element) }
}

pub(super) const fn attribute(name: &'static str, kind: Kind) -> Attribute {
    Attribute { name, is_required: false, kind }
}

pub(super) const fn needed_attribute(name: &'static str, kind: Kind) -> Attribute {
    Attribute { name, is_required: true, kind }
}

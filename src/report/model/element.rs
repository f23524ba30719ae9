//! Elements as tables: one declaration gives the struct, its names in JSON and XML, and what each part may hold.
//!
//! A table's order is the order of the XML's schema. `check` and `xml` walk the tables, so that neither can know an element that the other does not.

use serde::{Deserialize, Deserializer};

/// An element of the published description.
#[derive(Debug)]
pub(crate) struct Element {
    /// Its parts, in the schema's order.
    pub(crate) fields: &'static [Field],
}

/// A part of an element.
#[derive(Debug)]
pub(crate) struct Field {
    /// The name in JSON.
    pub(crate) json: &'static str,
    /// The name in XML; empty where the part stands in the JSON alone.
    pub(crate) xml: &'static str,
    /// How often it stands.
    pub(crate) times: Times,
    /// Where it stands in the XML.
    pub(crate) place: Place,
    /// What it holds.
    pub(crate) kind: Kind,
}

/// How often a part stands in its element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Times {
    /// At most once.
    Optional,
    /// Once.
    One,
    /// Any number of times: a list in JSON.
    Many,
    /// The same, at least once.
    Some,
}

/// Where a part stands in the XML of its element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Child,
    Attribute,
    /// It is the element's own text.
    Content,
}

/// What a part holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Text of at most so many characters.
    Text(usize),
    /// A URL of at most so many characters.
    Url(usize),
    /// An address of e-mail.
    Email,
    /// A telephone's calling code, such as `+1`.
    CallingCode,
    /// A telephone's extension: up to 10 digits.
    Extension,
    /// `evidence`: `sha256:` and 64 hexadecimal digits.
    Evidence,
    /// Base64.
    Data,
    Flag,
    /// A whole number between two.
    Number(i64, i64),
    /// A number between minus this and this.
    Degrees(f64),
    /// A time with its zone, at least a second ago.
    Past,
    /// A time with its zone.
    Time,
    /// A day that is over.
    Day,
    /// An address of IPv4 or IPv6.
    Ip,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Any of these words, each at most once: a list in JSON, empty elements in XML.
    Marks(&'static [&'static str]),
    Element(&'static Element),
    /// An element whose parts stand among those of the element around it, in JSON.
    Inline(&'static Element),
}

/// The longest text where the description names no bound: what a request may have as a whole bounds it.
pub(crate) const UNBOUNDED: usize = usize::MAX;

/// Whether a part is left out of the JSON.
pub(crate) trait Absent {
    fn is_absent(&self) -> bool;
}

impl<T> Absent for Option<T> {
    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl<T> Absent for Vec<T> {
    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

/// Reads a part; `null` is as if it was left out.
pub(crate) fn or_absent<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    from: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}

/// Structs with setters, and their tables: `"json" field: type => "xml", times, place, kind`, after the parts that lie flat in the JSON.
macro_rules! elements {
    ($(
        $(#[doc = $doc:literal])*
        $name:ident as $table:ident {
            $( @flat $(#[doc = $flat_doc:literal])* $flat:ident: $flat_type:ty; )?
            $( $(#[doc = $field_doc:literal])* $json:literal $field:ident: $type:ty; )*
        }
        in order { $( $entry:expr ),* $(,)? }
    )*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
        #[serde(default)]
        #[non_exhaustive]
        pub struct $name {
            $( $(#[doc = $flat_doc])* #[serde(flatten)] pub $flat: $flat_type, )?
            $(
                $(#[doc = $field_doc])*
                #[serde(rename = $json, skip_serializing_if = "crate::report::model::element::Absent::is_absent")]
                #[serde(deserialize_with = "crate::report::model::element::or_absent")]
                pub $field: $type,
            )*
        }

        setters!($name { $($flat: $flat_type,)? $($field: $type,)* });

        pub(crate) static $table: crate::report::model::element::Element =
            crate::report::model::element::Element { fields: &[$($entry),*] };
    )*};
}

impl Field {
    pub(crate) const fn child(json: &'static str, xml: &'static str, times: Times, kind: Kind) -> Field {
        Field { json, xml, times, place: Place::Child, kind }
    }

    pub(crate) const fn optional(json: &'static str, xml: &'static str, kind: Kind) -> Field {
        Field::child(json, xml, Times::Optional, kind)
    }

    pub(crate) const fn many(json: &'static str, xml: &'static str, kind: Kind) -> Field {
        Field::child(json, xml, Times::Many, kind)
    }

    pub(crate) const fn one(json: &'static str, xml: &'static str, kind: Kind) -> Field {
        Field::child(json, xml, Times::One, kind)
    }

    pub(crate) const fn attribute(json: &'static str, xml: &'static str, times: Times, kind: Kind) -> Field {
        Field { json, xml, times, place: Place::Attribute, kind }
    }

    pub(crate) const fn content(json: &'static str, kind: Kind) -> Field {
        Field { json, xml: "", times: Times::One, place: Place::Content, kind }
    }

    /// A part of the JSON that no XML has.
    pub(crate) const fn json_only(json: &'static str, times: Times, kind: Kind) -> Field {
        Field { json, xml: "", times, place: Place::Child, kind }
    }

    /// Whether it is written as XML at all.
    pub(crate) fn is_written(&self) -> bool {
        !self.xml.is_empty() || self.place == Place::Content
    }
}

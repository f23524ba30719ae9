//! Which version of an object an answer belongs to: ranges of two versions are never joined.

use reqwest::StatusCode;
use reqwest::header;

use super::trouble::Trouble;
use super::wire::Answer;

/// What changes with an object's content (RFC 9110, 8.8): its entity tag, or without one the time of its last change; in either case also its length.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Version {
    tag: Option<String>,
    changed: Option<String>,
    length: Option<u64>,
}

impl Version {
    /// The version in an answer about an object of `length` bytes.
    pub(super) fn of(answer: &Answer, length: Option<u64>) -> Version {
        let text = |name| answer.header(name).map(str::to_string);
        let tag = text(header::ETAG).filter(|tag| !tag.is_empty());
        let changed = if tag.is_none() { text(header::LAST_MODIFIED) } else { None };
        Version { tag, changed, length }
    }

    /// That of an object of which a store says so much.
    pub(super) fn known(tag: Option<String>, changed: String, length: u64) -> Version {
        let changed = if tag.is_none() { Some(changed) } else { None };
        Version { tag, changed, length: Some(length) }
    }

    /// Whether it distinguishes versions.
    pub(super) fn tells(&self) -> bool {
        self.length.is_some() && (self.tag.is_some() || self.changed.is_some())
    }

    /// Bytes of the object.
    pub(super) fn length(&self) -> Option<u64> {
        self.length
    }

    /// The tag for `If-Match`, which needs a strong one (RFC 9110, 13.1.1).
    pub(super) fn strong_tag(&self) -> Option<&str> {
        self.tag.as_deref().filter(|tag| !tag.starts_with("W/"))
    }
}

/// The object's version in an answer to a request for `length` bytes from `start`; an answer with another range is an error.
pub(super) fn of_part(answer: &Answer, start: u64, length: u64) -> Result<Version, Trouble> {
    let range =
        answer.header(header::CONTENT_RANGE).filter(|_| answer.status() == StatusCode::PARTIAL_CONTENT);
    let (first, last, whole) = range.and_then(parts).ok_or_else(Trouble::without_parts)?;
    // A part may be shorter than asked, but not somewhere else.
    if first != start || last < first || last - first >= length {
        return Err(Trouble::without_parts());
    }
    Ok(Version::of(answer, Some(whole)))
}

/// `bytes FIRST-LAST/WHOLE`.
fn parts(range: &str) -> Option<(u64, u64, u64)> {
    let (range, whole) = range.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let number = |text: &str| text.trim().parse().ok();
    Some((number(first)?, number(last)?, number(whole)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_or_nothing_is() {
        assert_eq!(parts("bytes 0-0/12"), Some((0, 0, 12)));
        assert_eq!(parts(" bytes 5-9/10 "), Some((5, 9, 10)));
        for other in
            ["bytes 0-0/*", "bytes */12", "0-0/12", "bytes 0/12", "bytes -1-0/12", "items 0-0/12", ""]
        {
            assert_eq!(parts(other), None, "{other}");
        }
    }

    #[test]
    fn a_version_is_its_tag_or_time_and_length() {
        let version = |tag: Option<&str>, changed: Option<&str>, length| Version {
            tag: tag.map(str::to_string),
            changed: changed.map(str::to_string),
            length,
        };
        assert!(version(Some("\"1\""), None, Some(1)).tells() && version(None, Some("Mon"), Some(1)).tells());
        assert!(!version(None, None, Some(1)).tells() && !version(None, Some("Mon"), None).tells());
        assert_eq!(version(Some("W/\"1\""), None, Some(1)).strong_tag(), None);
        assert_eq!(version(Some("\"1\""), None, Some(1)).strong_tag(), Some("\"1\""));
    }
}

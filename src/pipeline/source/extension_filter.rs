//! Which inputs are read, by the extension of their names.

use std::convert::Infallible;
use std::ffi::OsStr;
use std::str::FromStr;

use super::{Item, ItemKind};

/// Extensions of the names to read; an empty filter lets every name through.
///
/// Archives always pass, since the names in them are what counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExtensionFilter(Vec<String>);

impl FromStr for ExtensionFilter {
    type Err = Infallible;

    /// `jpg,png`; blanks around an ending and dots and stars before it do not matter, nor does case: `*.jpg` is `jpg`.
    fn from_str(text: &str) -> Result<ExtensionFilter, Infallible> {
        let ending = |part: &str| part.trim().trim_start_matches(['*', '.']).to_ascii_lowercase();
        Ok(ExtensionFilter(text.split(',').map(ending).filter(|ending| !ending.is_empty()).collect()))
    }
}

/// As it is parsed.
impl std::fmt::Display for ExtensionFilter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0.join(","))
    }
}

impl ExtensionFilter {
    /// Whether a name has one of the extensions.
    pub fn lets(&self, name: &OsStr) -> bool {
        self.0.is_empty() || ending(name).is_some_and(|ending| self.has(ending))
    }

    /// The same, but a name without any ending passes: keys need not be names of files.
    #[cfg(any(test, feature = "parquet"))]
    pub(super) fn lets_key(&self, key: &OsStr) -> bool {
        self.0.is_empty() || ending(key).is_none_or(|ending| self.has(ending))
    }

    pub(super) fn lets_item(&self, item: &Item) -> bool {
        !matches!(item.kind, ItemKind::Picture) || self.lets(&item.location)
    }

    fn has(&self, ending: &[u8]) -> bool {
        self.0.iter().any(|let_through| let_through.as_bytes().eq_ignore_ascii_case(ending))
    }
}

/// What stands behind the last dot of the last part of a name.
fn ending(name: &OsStr) -> Option<&[u8]> {
    let name = name.as_encoded_bytes().rsplit(|&byte| byte == b'/').next()?;
    let dot = name.iter().rposition(|&byte| byte == b'.')?;
    Some(&name[dot + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_decide_whatever_their_case() {
        let filter: ExtensionFilter = " .jpg,PNG,,".parse().unwrap();
        for (name, passes) in [
            ("a.jpg", true),
            ("deep.png/b.JPG", true),
            ("a.jpg.txt", false),
            ("jpg", false),
            ("a.jpgx", false),
            ("a.png/b", false),
        ] {
            assert_eq!(filter.lets(name.as_ref()), passes, "{name}");
        }
        let stars: ExtensionFilter = "*.jpg, *png".parse().unwrap();
        assert_eq!(stars.to_string(), "jpg,png");
        assert!(filter.lets_key("row/17".as_ref()) && !filter.lets_key("17.txt".as_ref()));
        assert!(ExtensionFilter::default().lets("anything".as_ref()));
    }
}

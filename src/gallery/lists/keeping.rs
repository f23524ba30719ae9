//! Which further columns of a list are kept.

use std::sync::Arc;

use super::names::Field;
use super::value;
use crate::error::{Error, Result};
use crate::gallery::columns::{LONGEST_COLUMN_NAME, MOST_COLUMNS};

/// Which further columns of lists are kept with their entries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum KeepColumns {
    /// None.
    #[default]
    Nothing,
    /// Those of these names, in whatever case and punctuation lists have them; galleries have them as they are spelled here.
    Named(Vec<String>),
    /// All but those that hold signatures, as the list spells them.
    All,
}

impl KeepColumns {
    /// From words: `none`, `all`, or names.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where these contradict each other, a name holds signatures, which a gallery has anyway, or is none.
    pub fn of(words: &[String]) -> Result<KeepColumns> {
        let refused = |message: String| Err(Error::Input(message));
        match words {
            [] => return Ok(KeepColumns::Nothing),
            [word] if word == "none" => return Ok(KeepColumns::Nothing),
            [word] if word == "all" => return Ok(KeepColumns::All),
            _ => {}
        }
        if words.len() > MOST_COLUMNS {
            return refused(format!("{} columns are named: up to {MOST_COLUMNS} can be kept", words.len()));
        }
        let mut names: Vec<String> = Vec::new();
        for word in words {
            let name = word.trim();
            if name.is_empty() || name.len() > LONGEST_COLUMN_NAME {
                return refused(format!("a column's name has 1 to {LONGEST_COLUMN_NAME} bytes"));
            }
            if matches!(name, "all" | "none") {
                return refused(format!("{name:?} stands alone, or is no column's name"));
            }
            if matches!(Field::named(name), Some(Field::PhotoDna | Field::Pdq)) {
                return refused(format!("the column {name:?} holds signatures, which a gallery has anyway"));
            }
            if !names.iter().any(|known| plain(known) == plain(name)) {
                names.push(name.to_owned());
            }
        }
        Ok(KeepColumns::Named(names))
    }

    /// Those of these names, which a gallery has already.
    pub fn known(names: &[String]) -> KeepColumns {
        if names.is_empty() { KeepColumns::Nothing } else { KeepColumns::Named(names.to_vec()) }
    }
}

/// The same for readers.
#[derive(Debug, Default)]
pub(super) struct Keeping {
    pub(super) all: bool,
    /// Names without what does not matter, and what they are kept as.
    names: Vec<(String, Arc<str>)>,
}

impl Keeping {
    pub(super) fn new(columns: &KeepColumns) -> Keeping {
        let names = match columns {
            KeepColumns::Named(names) => {
                names.iter().map(|name| (plain(name), Arc::from(name.as_str()))).collect()
            }
            _ => Vec::new(),
        };
        Keeping { all: *columns == KeepColumns::All, names }
    }

    /// Whether there is nothing to keep.
    pub(super) fn is_nothing(&self) -> bool {
        !self.all && self.names.is_empty()
    }

    /// What a column of this name is kept as, if it is.
    pub(super) fn kept(&self, name: &str) -> Option<Arc<str>> {
        if self.is_nothing() {
            return None;
        }
        let name = name.trim();
        if self.all {
            let holds_signatures =
                || Field::named(name).is_some_and(|field| field.holds_signatures() || field == Field::Faces);
            let is_name = (1..=LONGEST_COLUMN_NAME).contains(&name.len());
            return (is_name && !holds_signatures()).then(|| name.into());
        }
        let plain = plain(name);
        self.names.iter().find(|known| known.0 == plain).map(|known| known.1.clone())
    }

    /// Whether a value is kept under a name that nobody asked for: one that looks like a signature is none of a further column.
    pub(super) fn takes(&self, value: &str) -> bool {
        !(self.all && matches!(value.len(), 192 | 288) && value::is_certain(value.as_bytes()))
    }
}

/// Case, blanks and punctuation of a name do not matter, unless it has nothing else.
fn plain(name: &str) -> String {
    let plain: String = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    if plain.is_empty() { name.trim().into() } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &[&str]) -> Result<KeepColumns> {
        KeepColumns::of(&words.iter().map(|word| word.to_string()).collect::<Vec<_>>())
    }

    #[test]
    fn words_say_what_is_kept() {
        assert_eq!(of(&[]).unwrap(), KeepColumns::Nothing);
        assert_eq!(of(&["none"]).unwrap(), KeepColumns::Nothing);
        assert_eq!(of(&["all"]).unwrap(), KeepColumns::All);
        assert_eq!(
            of(&["Series", " MD5", "md-5"]).unwrap(),
            KeepColumns::Named(vec!["Series".into(), "MD5".into()])
        );
        let long = "n".repeat(257);
        for wrong in
            [&["all", "md5"][..], &["md5", "none"], &[""], &["photodna"], &["PDQ hash"], &[long.as_str()]]
        {
            assert_eq!(of(wrong).unwrap_err().code(), "input", "{wrong:?}");
        }
    }

    #[test]
    fn names_are_those_that_were_asked_for() {
        let keeping = Keeping::new(&of(&["Series Name", "série", "№"]).unwrap());
        let kept = |name: &str| keeping.kept(name).map(|name| name.to_string());
        assert_eq!(kept("series_name"), Some("Series Name".into()));
        assert_eq!(kept(" SÉRIE "), Some("série".into()));
        assert_eq!(kept("№"), Some("№".into()));
        assert_eq!((kept("serie"), kept("%"), kept("")), (None, None, None));
        let all = Keeping::new(&KeepColumns::All);
        assert_eq!(all.kept("MD5").as_deref(), Some("MD5"));
        for signatures in ["photodna", "pdq", "hash", "faces", "", " "] {
            assert_eq!(all.kept(signatures), None, "{signatures}");
        }
        assert!(Keeping::new(&KeepColumns::Nothing).kept("md5").is_none());
    }
}

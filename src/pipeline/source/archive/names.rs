//! Names of members, each once.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The names met so far, as digests of 8 bytes each. Two names with one digest would only cost the second a number behind it.
#[derive(Debug, Default)]
pub(super) struct Names(HashSet<u64>);

impl Names {
    /// The name itself, or with `#2`, `#3` … behind it where it was met before.
    pub(super) fn unique(&mut self, name: &[u8]) -> Vec<u8> {
        if self.0.insert(digest(name)) {
            return name.to_vec();
        }
        let numbered = (2u64..).map(|number| [name, format!("#{number}").as_bytes()].concat());
        numbered.into_iter().find(|numbered| self.0.insert(digest(numbered))).unwrap_or_default()
    }
}

fn digest(name: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_comes_twice() {
        let mut names = Names::default();
        let given = ["a", "b", "a", "a#2", "a", "a#2"].map(|name| names.unique(name.as_bytes()));
        let given: Vec<_> = given.iter().map(|name| String::from_utf8_lossy(name)).collect();
        assert_eq!(given, ["a", "b", "a#2", "a#2#2", "a#3", "a#2#3"]);
    }
}

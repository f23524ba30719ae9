//! Names of members, each once.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// The names met so far, as digests of 8 bytes each. Two names with one digest would only cost the second a number behind it.
#[derive(Debug, Default)]
pub(super) struct Names {
    met: HashSet<u64>,
    /// The next number to try behind a name that came twice. All smaller ones are taken for good, so that a name which comes a
    /// hundred thousand times costs no more each time than one that comes once.
    next: HashMap<u64, u64>,
}

impl Names {
    /// The name itself, or with `#2`, `#3` … behind it where it was met before.
    pub(super) fn unique(&mut self, name: &[u8]) -> Vec<u8> {
        let bare = digest(name);
        if self.met.insert(bare) {
            return name.to_vec();
        }
        let next = self.next.entry(bare).or_insert(2);
        loop {
            let numbered = [name, format!("#{next}").as_bytes()].concat();
            *next += 1;
            if self.met.insert(digest(&numbered)) {
                return numbered;
            }
        }
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

    /// Trying every number again would take some 10¹⁰ digests, which is hours.
    #[test]
    fn a_name_that_comes_often_costs_no_more_each_time() {
        let mut names = Names::default();
        names.unique(b"a#7");
        let last = (0..150_000).map(|_| names.unique(b"a")).last();
        assert_eq!(last.as_deref(), Some(&b"a#150001"[..]));
    }
}

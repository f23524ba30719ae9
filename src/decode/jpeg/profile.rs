//! The ICC profile of a JPEG, which comes in numbered parts (ICC.1:2022, B.4).

use std::collections::BTreeMap;

use crate::decode::colours::LONGEST_PROFILE;

/// How the parts begin, and how long that is with their number and count.
const NAME: &[u8] = b"ICC_PROFILE\0";
const HEAD: usize = NAME.len() + 2;

/// The parts so far.
#[derive(Debug, Default)]
pub(super) struct Profile {
    /// By their numbers, as browsers join them; those of the same number in the order in which they come.
    parts: BTreeMap<u8, Vec<u8>>,
    length: usize,
}

impl Profile {
    /// Takes a segment's content, if it is a part. What is longer than [`LONGEST_PROFILE`] is not looked into.
    pub(super) fn take(&mut self, content: &[u8]) {
        if let Some(part) = content.get(HEAD..)
            && content.starts_with(NAME)
            && self.length <= LONGEST_PROFILE
        {
            self.length += part.len();
            self.parts.entry(content[NAME.len()]).or_default().extend_from_slice(part);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Bytes of all parts.
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// The profile; empty where there is none.
    pub(super) fn joined(self) -> Vec<u8> {
        let mut parts = self.parts.into_values();
        let first = parts.next().unwrap_or_default();
        parts.fold(first, |mut profile, part| {
            profile.extend_from_slice(&part);
            profile
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(parts: &[(u8, &[u8])]) -> Vec<u8> {
        let mut profile = Profile::default();
        for (number, part) in parts {
            profile.take(&[NAME, &[*number, parts.len() as u8], part].concat());
        }
        assert_eq!(profile.is_empty(), parts.iter().all(|(_, part)| part.is_empty()));
        let length = profile.len();
        let joined = profile.joined();
        assert_eq!(joined.len(), length);
        joined
    }

    #[test]
    fn parts_are_joined_by_their_numbers() {
        assert_eq!(joined(&[(2, b"cd"), (3, b"e"), (1, b"ab")]), b"abcde");
        assert_eq!(joined(&[(1, b"a"), (1, b"b"), (0, b"c")]), b"cab");
        assert_eq!(joined(&[]), b"");
    }

    #[test]
    fn other_segments_are_no_parts() {
        let mut profile = Profile::default();
        profile.take(b"ICC_PROFILE\0\x01");
        profile.take(b"ICC_PROFILF\0\x01\x01abc");
        assert!(profile.is_empty());
        profile.take(&[NAME, &[1, 1], &vec![0; LONGEST_PROFILE + 1]].concat());
        profile.take(&[NAME, &[2, 1], b"more"].concat());
        assert_eq!(profile.len(), LONGEST_PROFILE + 1);
    }
}

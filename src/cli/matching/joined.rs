//! What a picture matched, by entry: an entry that both signatures found is one, with both distances.

use shadegrid::pipeline::RecordMatch;

/// An entry that matched.
pub(super) struct Joined<'a> {
    /// The match that says how the picture was laid and which face of it matched: the nearest of the algorithm that found the entry first.
    pub(super) found: &'a RecordMatch,
    /// The least distance of each signature that found it.
    pub(super) photodna: Option<u32>,
    pub(super) pdq: Option<u32>,
}

/// The entries of all matches of one picture, in the order in which they were found.
///
/// Two entries are one where they have a key and a list in common and each was found by the other's missing signature: a list may have the two signatures of a
/// picture in records of their own, as `hash` writes them in two runs.
pub(super) fn joined(matches: &[RecordMatch]) -> Vec<Joined<'_>> {
    let mut entries: Vec<Joined<'_>> = Vec::new();
    let is_same = |a: &RecordMatch, b: &RecordMatch| {
        (a.position, &a.key, &a.source, &a.gallery) == (b.position, &b.key, &b.source, &b.gallery)
    };
    for found in matches {
        let known = entries.iter().position(|entry| is_same(entry.found, found));
        let at = known.unwrap_or_else(|| {
            entries.push(Joined { found, photodna: None, pdq: None });
            entries.len() - 1
        });
        let entry = &mut entries[at];
        let least = if found.algorithm == "photodna" { &mut entry.photodna } else { &mut entry.pdq };
        if least.is_none_or(|least| found.distance < least) {
            *least = Some(found.distance);
            if entry.found.algorithm == found.algorithm {
                entry.found = found;
            }
        }
    }
    let mut rows: Vec<Joined<'_>> = Vec::with_capacity(entries.len());
    for entry in entries {
        match rows.iter_mut().find(|row| row.completes(&entry)) {
            Some(row) => (row.photodna, row.pdq) = (row.photodna.or(entry.photodna), row.pdq.or(entry.pdq)),
            None => rows.push(entry),
        }
    }
    rows
}

impl Joined<'_> {
    /// Whether the other is of the same picture, and has the distance that this lacks.
    fn completes(&self, other: &Joined<'_>) -> bool {
        let lacks = |row: &Joined<'_>| (row.photodna.is_none(), row.pdq.is_none());
        let ((photodna, pdq), (other_photodna, other_pdq)) = (lacks(self), lacks(other));
        !self.found.key.is_empty()
            && photodna != other_photodna
            && pdq != other_pdq
            && self.list_and_key() == other.list_and_key()
    }

    fn list_and_key(&self) -> [&str; 3] {
        [&self.found.gallery, &self.found.source, &self.found.key]
    }
}

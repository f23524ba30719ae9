//! Which pictures are the same one to whoever looks: by the distances of their signatures to the first one of an item.
//!
//! The bounds are far below those of a match: what joins an item is not looked at by itself. Every signature that says something about both pictures has to
//! be within its bound, and there has to be one. Only the first picture of an item counts, so that an item does not wander from copy to copy.
//!
//! All of them are compared, 176 bytes each: that is less than looking the picture up takes.

use crate::hasher::FLAT_STRENGTH;
use crate::signature::{Pdq, PhotoDna};

/// Largest squared distance of PhotoDNA-class signatures; a match has 40,000.
const PHOTODNA: u32 = 10_000;

/// Largest distance of PDQ signatures, in bits; a match has 31.
const PDQ: u32 = 16;

/// Lowest quality of a PDQ signature that says something.
const QUALITY: u8 = 50;

/// The signatures of a picture that say something about it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Look {
    photodna: Option<PhotoDna>,
    pdq: Option<Pdq>,
}

impl Look {
    /// Of signatures with their strength and quality.
    pub(crate) fn of(photodna: Option<(PhotoDna, f64)>, pdq: Option<(Pdq, u8)>) -> Look {
        Look {
            photodna: photodna
                .filter(|(_, strength)| *strength >= FLAT_STRENGTH)
                .map(|(signature, _)| signature),
            pdq: pdq.filter(|(_, quality)| *quality >= QUALITY).map(|(signature, _)| signature),
        }
    }

    pub(super) fn bytes(&self) -> (Option<&[u8]>, Option<&[u8]>) {
        (self.photodna.as_ref().map(|all| &all.0[..]), self.pdq.as_ref().map(|all| &all.0[..]))
    }

    /// As it was kept; what has another length is left out.
    pub(super) fn from_bytes(photodna: Option<&[u8]>, pdq: Option<&[u8]>) -> Look {
        Look {
            photodna: photodna.and_then(|bytes| bytes.try_into().ok()).map(PhotoDna),
            pdq: pdq.and_then(|bytes| bytes.try_into().ok()).map(Pdq),
        }
    }

    fn is_near(&self, other: &Look) -> bool {
        let photodna = self.photodna.zip(other.photodna).map(|(a, b)| a.distance(&b) <= PHOTODNA);
        let pdq = self.pdq.zip(other.pdq).map(|(a, b)| a.distance(&b) <= PDQ);
        match (photodna, pdq) {
            (None, None) => false,
            (photodna, pdq) => photodna.unwrap_or(true) && pdq.unwrap_or(true),
        }
    }
}

/// The first picture of an item.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) item: String,
    pub(super) look: Look,
}

/// The first pictures of all items, the oldest first.
#[derive(Debug)]
pub(super) struct Near(Vec<Known>);

impl Near {
    pub(super) fn of(known: Vec<Known>) -> Near {
        Near(known)
    }

    /// The oldest item that a picture belongs to.
    pub(super) fn item_of(&self, look: &Look) -> Option<&str> {
        self.0.iter().find(|known| known.look.is_near(look)).map(|known| &*known.item)
    }

    pub(super) fn push(&mut self, known: Known) {
        self.0.push(known);
    }

    pub(super) fn forget(&mut self, item: &str) {
        self.0.retain(|known| known.item != item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(photodna: u8, bits: u32) -> Look {
        let pdq = Pdq::from_bits(|bit| bit < bits as usize);
        Look::of(Some((PhotoDna([photodna; 144]), 1000.0)), Some((pdq, 100)))
    }

    #[test]
    fn every_signature_has_to_be_near() {
        let first = look(100, 0);
        // 144 · 8² = 9,216 and 144 · 9² = 11,664.
        for (other, is_near) in
            [(look(108, 16), true), (look(109, 16), false), (look(108, 17), false), (look(92, 0), true)]
        {
            assert_eq!(first.is_near(&other), is_near);
            assert_eq!(other.is_near(&first), is_near);
        }
        let alone = |other: Look| Look { pdq: None, ..other };
        assert!(first.is_near(&alone(look(108, 200))), "one signature, where the other has no second");
        assert!(!alone(first).is_near(&Look { photodna: None, ..first }), "none in common");
        assert!(!Look::default().is_near(&Look::default()));
    }

    #[test]
    fn what_says_nothing_joins_nothing() {
        let flat = Look::of(Some((PhotoDna([1; 144]), 399.0)), Some((Pdq([0; 32]), 49)));
        assert_eq!(flat, Look::default());
        let (photodna, pdq) = flat.bytes();
        assert_eq!(Look::from_bytes(photodna, pdq), flat);
        let (photodna, pdq) =
            (look(3, 5).bytes().0.map(<[u8]>::to_vec), look(3, 5).bytes().1.map(<[u8]>::to_vec));
        assert_eq!(Look::from_bytes(photodna.as_deref(), pdq.as_deref()), look(3, 5));
        assert_eq!(Look::from_bytes(Some(&[1; 143]), Some(&[])), Look::default());
    }

    #[test]
    fn only_the_first_picture_counts() {
        let known = |item: &str, look| Known { item: item.into(), look };
        let mut near = Near::of(vec![known("a", look(100, 0)), known("b", look(107, 0))]);
        assert_eq!(near.item_of(&look(104, 0)), Some("a"), "the oldest");
        assert_eq!(near.item_of(&look(110, 0)), Some("b"));
        near.forget("a");
        assert_eq!(near.item_of(&look(99, 0)), Some("b"));
        assert_eq!(near.item_of(&look(90, 0)), None);
    }
}

//! What pixels that are not opaque count as, in the signatures of a record.

use std::str::FromStr;

use super::{FaceHash, Faces};
use crate::decode::{Background, Face, Part, unknown};
use crate::error::Error;

/// What the signatures of a record are of where some pixels of a picture are not opaque.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Alpha {
    /// The stored colours, as lists are made of.
    #[default]
    Drop,
    /// The picture over white; the record's `face` says so.
    White,
    /// The picture over black.
    Black,
}

impl Alpha {
    /// The name in settings: `drop`, `white` or `black`.
    pub fn name(self) -> &'static str {
        match self {
            Alpha::Drop => "drop",
            Alpha::White => "white",
            Alpha::Black => "black",
        }
    }

    fn background(self) -> Option<Background> {
        match self {
            Alpha::Drop => None,
            Alpha::White => Some(Background::White),
            Alpha::Black => Some(Background::Black),
        }
    }
}

impl FromStr for Alpha {
    type Err = Error;

    fn from_str(text: &str) -> Result<Alpha, Error> {
        let found = [Alpha::Drop, Alpha::White, Alpha::Black].into_iter().find(|alpha| alpha.name() == text);
        found.ok_or_else(|| unknown("alpha", text, "drop, white, black"))
    }
}

/// Which pictures of a file are hashed, and which of them the signatures of its record are of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) faces: Faces,
    pub(super) alpha: Alpha,
}

impl Wanted {
    /// Whether a picture of which some pixel is not opaque, or none, is hashed as something else than its stored colours.
    pub(super) fn is_over(self, alpha: bool) -> bool {
        alpha && self.alpha != Alpha::Drop
    }

    /// Whether a face is hashed.
    pub(super) fn wants(self, face: Face) -> bool {
        self.faces != Faces::Stored || self.is_own(face)
    }

    /// The face that the record's own signatures are of, where these are not of the stored colours; with `--faces shown` and nothing chosen for opacity,
    /// that is known only when those that look the same are left out.
    pub(super) fn take_own(self, found: &mut Vec<FaceHash>) -> Option<FaceHash> {
        let place = found.iter().position(|hash| self.is_own(hash.face))?;
        Some(found.remove(place))
    }

    fn is_own(self, face: Face) -> bool {
        let Some(background) = self.alpha.background() else { return false };
        match self.faces {
            // The first that is shown, as far as what lies behind it is the one that is asked for.
            Faces::Shown => face.background.is_none_or(|behind| behind == background),
            _ => face == Face { part: Part::Stored, profile: false, background: Some(background) },
        }
    }
}

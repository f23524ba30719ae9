//! What a file gave, as it is kept.

use serde::{Deserialize, Serialize};
use shadegrid::pipeline::{Record, RecordPicture, StoredRecord};
use shadegrid::{Error, FrameHash, Hashed};

/// What a file gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Kept {
    /// A picture, and its further frames with their numbers.
    Picture(Box<RecordPicture>, Vec<(u64, RecordPicture)>),
    /// Why it is none: its first bytes are those of no format.
    NoPicture(String),
}

impl Kept {
    /// What a record says of a file; `None` for what is not kept: what failed, but for what is no picture, and what a device left undone.
    pub(super) fn of(record: &Record) -> Option<Kept> {
        match &record.outcome {
            Err(Error::NoPicture(message)) => Some(Kept::NoPicture(message.clone())),
            _ => picture(record).map(|picture| Kept::Picture(Box::new(picture), Vec::new())),
        }
    }

    /// The same with a further frame; `None` where that is not kept.
    pub(super) fn with_frame(self, record: &Record) -> Option<Kept> {
        match self {
            Kept::Picture(own, mut frames) => {
                frames.push((record.frame, picture(record)?));
                Some(Kept::Picture(own, frames))
            }
            Kept::NoPicture(_) => None,
        }
    }

    /// What is written down; `None` where it would not be read as the same.
    pub(super) fn text(&self) -> Option<String> {
        let text = serde_json::to_string(self).ok()?;
        (Kept::read(&text).as_ref() == Some(self)).then_some(text)
    }

    /// What was written down, if all of it is understood.
    pub(super) fn read(text: &str) -> Option<Kept> {
        let kept: Kept = serde_json::from_str(text).ok()?;
        let is_understood = match &kept {
            Kept::Picture(own, frames) => {
                let mut all = frames.iter().map(|(_, picture)| picture).chain([&**own]);
                all.all(|picture| picture.hashed().is_some())
            }
            Kept::NoPicture(_) => true,
        };
        is_understood.then_some(kept)
    }

    /// What hashing the file would give.
    pub(super) fn into_outcome(self) -> Result<Hashed, Error> {
        match self {
            Kept::NoPicture(message) => Err(Error::NoPicture(message)),
            Kept::Picture(own, frames) => {
                let unknown = || Error::Input("the cache holds what this version does not know".to_string());
                let mut hashed = own.hashed().ok_or_else(unknown)?;
                for (number, picture) in frames {
                    hashed.frames.push(FrameHash::new(number, picture.hashed().ok_or_else(unknown)?));
                }
                Ok(hashed)
            }
        }
    }
}

/// A record's picture, unless it was meant for a device that left it undone.
fn picture(record: &Record) -> Option<RecordPicture> {
    StoredRecord::from(record).outcome.ok().filter(|picture| picture.fallback.is_none())
}

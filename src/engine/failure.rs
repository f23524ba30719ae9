//! Why a picture has no signatures, as a value that can be kept, sent and compared.

use std::fmt;

use serde::Serialize;

use crate::error::Error;

/// Why a picture has no signatures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PictureError {
    /// The code that records carry: see [`Error::code`].
    pub code: &'static str,
    /// The format that the first bytes announce, where the picture is corrupt.
    pub format: Option<&'static str>,
    /// The field of [`Limits`](crate::Limits) that the picture exceeds, such as `max_pixels`.
    pub limit: Option<String>,
    /// What is wrong, in a sentence.
    pub message: String,
}

impl fmt::Display for PictureError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for PictureError {}

impl From<&Error> for PictureError {
    fn from(error: &Error) -> PictureError {
        let (format, limit) = match error {
            Error::Corrupt { format, .. } => (Some(*format), None),
            Error::Limit { field, .. } => (None, field.map(String::from)),
            _ => (None, None),
        };
        PictureError { code: error.code(), format, limit, message: error.to_string() }
    }
}

/// Why a request to an [`Engine`](super::Engine) gave no signatures.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HashError {
    /// The picture cannot be hashed.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// The queue is full: try again later.
    #[error("too many pictures wait to be hashed")]
    Busy,
    /// The deadline passed before the picture was hashed.
    #[error("the picture's deadline passed before it was hashed")]
    DeadlineExceeded,
}

//! What can go wrong, sorted by who has to act.

use std::{fmt, io};

use wording::plain;
pub(crate) use wording::words_alone;

#[cfg(any(feature = "service", feature = "store"))]
mod safety;
mod wording;

#[cfg(any(feature = "service", feature = "store"))]
pub(crate) use safety::is_of_tls;

/// Why an input gave no signature.
///
/// The variants answer "whose fault, and what can be done": the file's
/// ([`Corrupt`](Error::Corrupt)), ours ([`Unsupported`](Error::Unsupported)), a limit's that the
/// user can raise ([`Limit`](Error::Limit)), the request's ([`Input`](Error::Input)), the
/// accelerator's ([`Device`](Error::Device)) or the system's ([`Io`](Error::Io)).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes claim to be a picture but hold none, or (where asked for) not all of it.
    #[error("corrupt {format}: {}", plain(message))]
    Corrupt {
        /// The format that the first bytes announce, in lower case.
        format: &'static str,
        /// What was found, and where where that is known.
        message: String,
    },
    /// A picture, or a variant of a format, that this build does not read.
    #[error("unsupported: {}", plain(.0))]
    Unsupported(String),
    /// A limit of [`Limits`](crate::Limits) that the input exceeds.
    #[error("{what} is {actual}, over {}", Bound(*limit, *field))]
    Limit {
        /// What was measured, with its unit, such as `width in pixels`.
        what: &'static str,
        /// The input's value.
        actual: u64,
        /// The largest value that is let through.
        limit: u64,
        /// The field that sets the limit, such as `max_pixels` of [`Limits`](crate::Limits); `None` where it is what the machine has.
        field: Option<&'static str>,
    },
    /// The input is not something that can be hashed: under 5 pixels per side, a pipe in a folder, a record without a name.
    #[error("{}", plain(.0))]
    Input(String),
    /// The input is empty, or its first bytes are those of no picture. Records have the code of [`Input`](Error::Input).
    #[error("{}", plain(.0))]
    NoPicture(String),
    /// The accelerator failed; the message names the device and the step.
    #[error("device: {0}")]
    Device(String),
    /// The system could not read or write.
    #[error("{context}: {}", plain(source))]
    Io {
        /// What was being done, such as `cannot read`.
        context: String,
        /// The system's own error.
        #[source]
        source: io::Error,
    },
}

/// A limit and the field that sets it, in words.
struct Bound(u64, Option<&'static str>);

impl fmt::Display for Bound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound(limit, Some(field)) => write!(formatter, "the limit of {limit} ({field})"),
            Bound(limit, None) => write!(formatter, "the {limit} that this process can have"),
        }
    }
}

impl Error {
    /// The short code that records carry: `corrupt`, `unsupported`, `limit`, `input`, `device` or `io`.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Corrupt { .. } => "corrupt",
            Error::Unsupported(_) => "unsupported",
            Error::Limit { .. } => "limit",
            Error::Input(_) | Error::NoPicture(_) => "input",
            Error::Device(_) => "device",
            Error::Io { .. } => "io",
        }
    }

    /// A system error with the action that met it; an error of ours that only passed through the system's keeps its code.
    pub fn io(context: impl Into<String>, source: io::Error) -> Error {
        source.downcast().unwrap_or_else(|source| Error::Io { context: context.into(), source })
    }

    /// One that says the same.
    pub(crate) fn copied(&self) -> Error {
        match self {
            Error::Corrupt { format, message } => Error::Corrupt { format, message: message.clone() },
            Error::Unsupported(message) => Error::Unsupported(message.clone()),
            &Error::Limit { what, actual, limit, field } => Error::Limit { what, actual, limit, field },
            Error::Input(message) => Error::Input(message.clone()),
            Error::NoPicture(message) => Error::NoPicture(message.clone()),
            Error::Device(message) => Error::Device(message.clone()),
            Error::Io { context, source } => {
                let source = io::Error::new(source.kind(), source.to_string());
                Error::Io { context: context.clone(), source }
            }
        }
    }

    pub(crate) fn corrupt(format: &'static str, message: impl Into<String>) -> Error {
        Error::Corrupt { format, message: message.into() }
    }
}

/// A result whose error is this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

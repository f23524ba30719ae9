//! Secrets that we show to others: where they are read, and nothing that shows them.

use std::path::PathBuf;
use std::{fmt, fs};

use crate::error::{Error, Result};

/// Where a secret is read, anew for each use.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credential {
    /// The first line of a file.
    File(PathBuf),
    /// The first line of a variable of the environment.
    Environment(String),
}

/// A secret: shown nowhere.
#[derive(Clone)]
pub(crate) struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

impl Secret {
    /// Its text, for a request alone.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    #[cfg(test)]
    pub(crate) fn of(text: &str) -> Secret {
        Secret(text.into())
    }
}

impl Credential {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where the file cannot be read, [`Error::Input`] where there is no such variable, nothing in its first line, or what is no
    /// text.
    pub(crate) fn read(&self) -> Result<Secret> {
        let (text, place) = match self {
            Credential::File(path) => {
                let cannot = |error| Error::io(format!("cannot read {}", path.display()), error);
                (fs::read_to_string(path).map_err(cannot)?, path.display().to_string())
            }
            Credential::Environment(name) => {
                (std::env::var(name).unwrap_or_default(), format!("the variable {name}"))
            }
        };
        let text = text.lines().next().unwrap_or_default().trim();
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err(Error::Input(format!("the first line of {place} has to be the secret")));
        }
        Ok(Secret(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_the_first_line_and_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "hush\n").unwrap();
        let secret = Credential::File(path.clone()).read().unwrap();
        assert_eq!(secret.text(), "hush");
        assert!(!format!("{secret:?}").contains("hush"));
        for text in [" hush \r\nnot this\n", "hush\n\n\tnor\u{0}this"] {
            fs::write(&path, text).unwrap();
            assert_eq!(Credential::File(path.clone()).read().unwrap().text(), "hush");
        }
        for text in ["", "\n", "\nhush", "a\u{0}b"] {
            fs::write(&path, text).unwrap();
            let error = Credential::File(path.clone()).read().unwrap_err().to_string();
            assert!(error.contains("first line"), "{error}");
        }
        assert!(Credential::Environment("SHADEGRID_NO_SUCH_VARIABLE".into()).read().is_err());
    }
}

//! Who is signed in by a browser, with which key, and until when.
//!
//! A session is 256 random bits that the browser keeps in a cookie; SHA-256 of them is kept here, so that nobody who reads the file is signed in.

use rusqlite::{OptionalExtension as _, params};
use sha2::{Digest, Sha256};

use super::State;
use crate::error::Result;
use crate::random::hexadecimal;

/// Bytes of a session.
const BYTES: usize = 32;

fn digest(session: &str) -> [u8; 32] {
    Sha256::digest(session.as_bytes()).into()
}

impl State {
    /// Signs a key in until a time, and gives the session. Those that ended are forgotten. Times are milliseconds since 1970.
    pub(crate) fn begin_session(&self, key: &str, now: i64, until: i64) -> Result<String> {
        let session = hexadecimal::<BYTES>()?;
        let connection = self.connection();
        let begun =
            connection.execute("DELETE FROM sessions WHERE until <= ?1", params![now]).and_then(|_| {
                let insert = "INSERT INTO sessions (session, key, begun, until) VALUES (?1, ?2, ?3, ?4)";
                connection.execute(insert, params![digest(&session), key, now, until])
            });
        begun.map_err(|error| self.about(error))?;
        Ok(session)
    }

    /// The id of the key that a session is of, unless it has ended.
    pub(crate) fn session(&self, session: &str, now: i64) -> Result<Option<String>> {
        let select = "SELECT key FROM sessions WHERE session = ?1 AND until > ?2";
        let found = self.connection().query_row(select, params![digest(session), now], |row| row.get(0));
        found.optional().map_err(|error| self.about(error))
    }

    /// Ends a session.
    pub(crate) fn end_session(&self, session: &str) -> Result<()> {
        let ended =
            self.connection().execute("DELETE FROM sessions WHERE session = ?1", params![digest(session)]);
        ended.map(drop).map_err(|error| self.about(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_known_until_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let session = state.begin_session("a", 1_000, 9_000).unwrap();
        let other = state.begin_session("b", 1_000, 9_000).unwrap();
        assert_eq!(session.len(), 2 * BYTES);
        assert_eq!(state.session(&session, 8_999).unwrap().as_deref(), Some("a"));
        assert_eq!(state.session(&session, 9_000).unwrap(), None);
        assert_eq!(state.session(&session[1..], 1_000).unwrap(), None);
        assert_eq!(state.session("", 1_000).unwrap(), None);
        state.end_session(&session).unwrap();
        assert_eq!(state.session(&session, 1_000).unwrap(), None);
        assert_eq!(state.session(&other, 1_000).unwrap().as_deref(), Some("b"));
        for file in ["state.sqlite", "state.sqlite-wal"] {
            let file = std::fs::read(folder.path().join(file)).unwrap_or_default();
            assert!(!file.windows(other.len()).any(|window| window == other.as_bytes()));
        }
        state.begin_session("c", 9_000, 10_000).unwrap();
        let left =
            state.connection().query_row("SELECT count(*) FROM sessions", [], |row| row.get::<_, i64>(0));
        assert_eq!(left.unwrap(), 1, "those that ended are forgotten");
    }
}

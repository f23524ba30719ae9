//! Keys: who may ask for what, how often and until when.
//!
//! A key is `sg_ID_SECRET`. The secret, 256 random bits, is shown once; SHA-256 of it is kept. That is enough for what was drawn at random, and is
//! compared in constant time.

use std::fmt;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{OptionalExtension, Row, params};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::State;
use crate::error::{Error, Result};
use crate::random::hexadecimal;

/// Bytes of a secret.
const SECRET: usize = 32;

/// Bytes of an id.
const ID: usize = 6;

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Hash pictures.
    Hash,
    /// Hash pictures and look them up.
    Match,
    /// Look signatures up, and compare them.
    Lookup,
    /// See which galleries there are, and signatures of their entries.
    GalleriesRead,
    /// Change galleries.
    GalleriesWrite,
    /// Submit reports to NCMEC, see them, and take them back.
    Report,
    /// See what waits for review, reveal its pictures, and decide.
    Review,
    /// Everything.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Scope; 8] = [
        Scope::Hash,
        Scope::Match,
        Scope::Lookup,
        Scope::GalleriesRead,
        Scope::GalleriesWrite,
        Scope::Report,
        Scope::Review,
        Scope::Admin,
    ];

    /// The name: `hash`, `match`, `lookup`, `galleries:read`, `galleries:write`, `report`, `review` or `admin`.
    pub fn name(self) -> &'static str {
        match self {
            Scope::Hash => "hash",
            Scope::Match => "match",
            Scope::Lookup => "lookup",
            Scope::GalleriesRead => "galleries:read",
            Scope::GalleriesWrite => "galleries:write",
            Scope::Report => "report",
            Scope::Review => "review",
            Scope::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl FromStr for Scope {
    type Err = Error;

    fn from_str(text: &str) -> Result<Scope> {
        Scope::ALL.into_iter().find(|scope| scope.name() == text).ok_or_else(|| {
            let names = Scope::ALL.map(Scope::name).join(", ");
            Error::Input(format!("unknown scope {text:?}: the choice is {names}"))
        })
    }
}

/// What a key may do, and what is known of it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Key {
    /// The part of the key that names it.
    pub id: String,
    /// Whose it is, in a person's words.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The galleries that it may see; `None`: all.
    pub galleries: Option<Vec<String>>,
    /// Requests per second; `None`: any number.
    pub rate: Option<f64>,
    /// Whether answers keep from it how far apart signatures are.
    pub no_distances: bool,
    /// Whether its pictures wait in the bulk lane, whatever its requests say.
    pub bulk: bool,
    /// When it was made.
    pub created: SystemTime,
    /// When it ends; `None`: never.
    pub expires: Option<SystemTime>,
    /// When it was revoked, if it was.
    pub revoked: Option<SystemTime>,
}

/// A key to be made.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct NewKey {
    /// See [`Key::name`].
    pub name: String,
    /// See [`Key::scopes`].
    pub scopes: Vec<Scope>,
    /// See [`Key::galleries`].
    pub galleries: Option<Vec<String>>,
    /// See [`Key::rate`].
    pub rate: Option<f64>,
    /// See [`Key::no_distances`].
    pub no_distances: bool,
    /// See [`Key::bulk`].
    pub bulk: bool,
    /// See [`Key::expires`].
    pub expires: Option<SystemTime>,
}

setters!(NewKey {
    name: String,
    scopes: Vec<Scope>,
    galleries: Option<Vec<String>>,
    rate: Option<f64>,
    no_distances: bool,
    bulk: bool,
    expires: Option<SystemTime>,
});

impl Key {
    /// Whether it may be used now.
    pub fn is_valid(&self) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|expires| SystemTime::now() < expires)
    }

    /// Whether it may do this.
    pub(crate) fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope) || self.scopes.contains(&Scope::Admin)
    }
}

/// What the file calls distances that are shown, and those that are not.
const DISTANCES: [&str; 2] = ["exact", "none"];

/// What it calls the lanes.
const LANES: [&str; 2] = ["interactive", "bulk"];

/// A key, and the SHA-256 of its secret.
#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) key: Key,
    secret: [u8; 32],
}

impl fmt::Debug for Kept {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Kept").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Kept {
    /// Whether this is its secret.
    pub(crate) fn opens(&self, secret: &str) -> bool {
        self.secret.ct_eq(&digest(secret)).into()
    }
}

/// A key's id and secret.
pub(crate) fn parts(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix("sg_")?.split_once('_')
}

fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

impl State {
    /// Makes a key, and gives it: nobody can show it again.
    pub(crate) fn add_key(&self, new: &NewKey) -> Result<String> {
        if new.rate.is_some_and(|rate| !rate.is_finite() || rate <= 0.0) {
            return Err(Error::Input("a rate must be a number of requests per second above 0".to_string()));
        }
        let (id, secret) = (hexadecimal::<ID>()?, hexadecimal::<SECRET>()?);
        let scopes: Vec<&str> = new.scopes.iter().map(|scope| scope.name()).collect();
        let galleries = new.galleries.as_ref().map(|names| names.join(","));
        let values = params![
            id,
            digest(&secret),
            new.name,
            scopes.join(","),
            galleries,
            new.rate,
            seconds(SystemTime::now()),
            new.expires.map(seconds),
            DISTANCES[usize::from(new.no_distances)],
            LANES[usize::from(new.bulk)],
        ];
        let insert = "INSERT INTO keys (id, secret, name, scopes, galleries, rate, created, expires, distances, lane) \
                      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
        self.connection().execute(insert, values).map_err(|error| self.about(error))?;
        Ok(format!("sg_{id}_{secret}"))
    }

    /// Every key, the oldest first.
    pub(crate) fn keys(&self) -> Result<Vec<Kept>> {
        let connection = self.connection();
        let select = "SELECT id, secret, name, scopes, galleries, rate, created, expires, revoked, distances, lane \
                      FROM keys ORDER BY created, id";
        let read = connection.prepare(select).and_then(|mut statement| {
            statement.query_map([], kept)?.collect::<rusqlite::Result<Vec<Kept>>>()
        });
        read.map_err(|error| self.about(error))
    }

    /// Takes a key's validity; whether there is one of this id.
    pub(crate) fn revoke_key(&self, id: &str) -> Result<bool> {
        let connection = self.connection();
        let update = "UPDATE keys SET revoked = coalesce(revoked, ?2) WHERE id = ?1 RETURNING id";
        let found = connection
            .query_row(update, params![id, seconds(SystemTime::now())], |row| row.get::<_, String>(0));
        Ok(found.optional().map_err(|error| self.about(error))?.is_some())
    }
}

fn kept(row: &Row<'_>) -> rusqlite::Result<Kept> {
    let list = |text: String| text.split(',').map(String::from).collect::<Vec<_>>();
    let time = |seconds: Option<i64>| {
        seconds.map(|seconds| UNIX_EPOCH + std::time::Duration::from_secs(seconds.max(0) as u64))
    };
    // A scope of a newer version gives no right here.
    let scopes = list(row.get(3)?).iter().filter_map(|name| name.parse().ok()).collect();
    Ok(Kept {
        secret: row.get(1)?,
        key: Key {
            id: row.get(0)?,
            name: row.get(2)?,
            scopes,
            galleries: row.get::<_, Option<String>>(4)?.map(list),
            rate: row.get(5)?,
            // What a newer version may write is not known here, and is no reason to show more.
            no_distances: row.get::<_, String>(9)? != DISTANCES[0],
            bulk: row.get::<_, String>(10)? == LANES[1],
            created: time(row.get(6)?).unwrap_or(UNIX_EPOCH),
            expires: time(row.get(7)?),
            revoked: time(row.get(8)?),
        },
    })
}

fn seconds(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_opens_with_its_secret_alone_until_it_is_revoked() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let new = NewKey::default().name("a".into()).scopes(vec![Scope::Hash]).rate(Some(2.5));
        let text = state.add_key(&new).unwrap();
        let (id, secret) = parts(&text).unwrap();
        assert_eq!((id.len(), secret.len()), (2 * ID, 2 * SECRET));
        let kept = state.keys().unwrap().pop().unwrap();
        assert!(kept.key.id == id && kept.opens(secret) && !kept.opens("") && !kept.opens(&secret[1..]));
        assert!(kept.key.may(Scope::Hash) && !kept.key.may(Scope::Match) && kept.key.is_valid());
        assert_eq!(kept.key.rate, Some(2.5));
        assert!(!kept.key.no_distances && !kept.key.bulk);
        let quiet = State::open(&folder.path().join("other")).unwrap();
        quiet.add_key(&NewKey::default().no_distances(true).bulk(true)).unwrap();
        let quiet = quiet.keys().unwrap().pop().unwrap().key;
        assert!(quiet.no_distances && quiet.bulk);
        // The file holds no secret.
        let file = std::fs::read(folder.path().join(super::super::FILE)).unwrap();
        assert!(!file.windows(secret.len()).any(|window| window == secret.as_bytes()));
        assert!(state.revoke_key(id).unwrap() && !state.revoke_key("none").unwrap());
        assert!(!state.keys().unwrap()[0].key.is_valid());
        for text in ["", "sg_", "sg_a", "xx_a_b"] {
            assert!(parts(text).is_none(), "{text}");
        }
        let old = NewKey::default().expires(Some(UNIX_EPOCH));
        state.add_key(&old).unwrap();
        assert!(state.keys().unwrap().iter().all(|kept| !kept.key.is_valid()));
        assert!(state.add_key(&NewKey::default().rate(Some(0.0))).is_err());
    }

    #[test]
    fn scopes_have_names() {
        for scope in Scope::ALL {
            assert_eq!(scope.name().parse::<Scope>().unwrap(), scope);
        }
        assert!("none".parse::<Scope>().is_err());
    }
}

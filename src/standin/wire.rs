//! What every exchange of known signatures has to say.

use super::Credentials;
use super::change::Change;
use super::cursor::Cursor;
use super::http::{Asked, Reply};
use super::rows::{Identity, Rows};

impl Asked {
    /// A parameter that is a number.
    pub(super) fn number(&self, name: &'static str) -> Result<Option<i64>, Refusal> {
        let wrong = |_| Refusal::Malformed(format!("{name}: this must be a number"));
        self.parameter(name).map(|text| text.parse().map_err(wrong)).transpose()
    }

    /// How many rows a page may have: as many as asked for, at most those of the stand-in.
    pub(super) fn page_size(&self, name: &'static str, most: usize) -> Result<usize, Refusal> {
        match self.number(name)? {
            None => Ok(most),
            Some(size) if size > 0 => Ok(usize::try_from(size).unwrap_or(most).min(most)),
            Some(_) => Err(Refusal::Malformed(format!("{name}: this must be 1 or more"))),
        }
    }
}

/// Why a request is not answered.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Refusal {
    Unauthorised,
    /// A cursor that does not hold any more, or never did.
    Expired,
    Malformed(String),
    NotFound,
    /// A status that a fault asks for.
    Fault(u16),
}

impl Refusal {
    pub(super) fn status(&self) -> u16 {
        match self {
            Refusal::Unauthorised => 401,
            // Which status the exchanges give is published by none of them.
            Refusal::Expired | Refusal::Malformed(_) => 400,
            Refusal::NotFound => 404,
            Refusal::Fault(status) => *status,
        }
    }

    /// A sentence about it.
    pub(super) fn sentence(&self) -> &str {
        match self {
            Refusal::Unauthorised => "the credentials are missing or wrong",
            Refusal::Expired => "the cursor is not valid any more",
            Refusal::Malformed(why) => why,
            Refusal::NotFound => "there is nothing here",
            Refusal::Fault(_) => "this fault was asked for",
        }
    }
}

/// What an exchange answers from.
pub(super) struct Desk<'a> {
    pub(super) rows: &'a mut Rows,
    pub(super) credentials: &'a Credentials,
    pub(super) now: i64,
    /// Most rows of a page.
    pub(super) most: usize,
    /// What the request's cursor says.
    pub(super) cursor: Option<Cursor>,
    /// What decides the order of a window that begins here; 0: the usual one.
    pub(super) seed: u64,
    /// The window that was asked for, for whoever tests a client: its ends, and whether a cursor came with it.
    pub(super) window: Option<(Option<i64>, Option<i64>)>,
}

/// What is an exchange's own.
pub(super) trait Wire: Send + Sync {
    /// Most rows of a page, unless the stand-in is started with another number.
    fn usual_page(&self) -> usize;

    /// The parameter that has the cursor.
    fn cursor(&self) -> &'static str;

    /// What a change is listed as.
    fn identities(&self) -> fn(&Change) -> Vec<Identity>;

    fn is_admitted(&self, asked: &Asked, credentials: &Credentials) -> bool;

    /// Answers a request whose credentials are right.
    fn answer(&self, asked: &Asked, desk: &mut Desk<'_>) -> Result<Reply, Refusal>;

    fn refuse(&self, refusal: &Refusal) -> Reply;
}

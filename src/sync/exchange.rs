//! What every exchange has: a first page, pages that follow, and a way to read them.

use std::fmt;

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderValue};

use super::entries::{Reading, Record};
use crate::error::{Error, Result};

/// A request for a page; always GET.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
}

/// The path alone: a query may hold a credential, as headers do.
impl fmt::Debug for Ask {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Ask").field("path", &self.url.path()).finish_non_exhaustive()
    }
}

/// A page as it was read.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) records: Vec<Record>,
    /// Records that could not be read.
    pub(crate) bad: u64,
    /// Records that say nothing, because of that.
    pub(crate) unread: u64,
    /// Bytes that the records take.
    bytes: usize,
    /// Where the rest is; without credentials, so that it may be written down.
    pub(crate) cursor: Option<String>,
    /// Where the next round begins, if the exchange says so.
    pub(crate) until: Option<u64>,
}

/// Bytes of an answer. A page of NCMEC's has some 1,000 entries of some 2 KiB.
pub(crate) const LARGEST_ANSWER: usize = 16 << 20;

/// Bytes that the records of a page take.
const LARGEST_PAGE: usize = 64 << 20;

impl Page {
    /// Adds what was read of one record.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where all of them together are too many.
    pub(crate) fn take(&mut self, reading: Reading, key: String, time: Option<u64>) -> Result<()> {
        let (bad, record) = reading.end(key, time);
        self.bad += bad;
        self.unread += u64::from(record.is_none());
        self.bytes += record.as_ref().map_or(0, Record::bytes);
        if self.bytes > LARGEST_PAGE {
            let most = LARGEST_PAGE >> 20;
            return Err(Error::Input(format!("the records of a page of the exchange exceed {most} MiB")));
        }
        self.records.extend(record);
        Ok(())
    }
}

/// An exchange with its credentials.
pub(crate) trait Pages: fmt::Debug + Send + Sync {
    /// Asks for what changed from `from` until before `to`, both in seconds since 1970.
    fn first(&self, from: u64, to: u64) -> Result<Ask>;

    /// Asks for the page that a [`Page::cursor`] leads to.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where it leads elsewhere.
    fn following(&self, from: u64, cursor: &str) -> Result<Ask>;

    /// Reads a page.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] where it is not a whole page, [`Error::Input`] where it leads elsewhere.
    fn page(&self, body: &[u8]) -> Result<Page>;

    /// Whether what is asked for has an end of our choice; else the exchange says how far a round has come.
    fn has_windows(&self) -> bool {
        true
    }

    /// After how many pages a window is made shorter.
    fn most_pages(&self) -> u64 {
        u64::MAX
    }

    /// The format that its entries have in galleries.
    fn format(&self) -> &'static str;
}

/// An address below `base`, whose path may end in a slash.
pub(crate) fn below(base: &Url, path: &str) -> Result<Url> {
    let whole = format!("{}{path}", base.as_str().trim_end_matches('/'));
    let url = Url::parse(&whole).map_err(|_| elsewhere())?;
    let stays = url.origin() == base.origin() && url.path().starts_with(base.path().trim_end_matches('/'));
    if stays { Ok(url) } else { Err(elsewhere()) }
}

/// The error about an answer whose next page is not the exchange's.
pub(crate) fn elsewhere() -> Error {
    Error::Input("the exchange names a next page at another address, which is not asked".into())
}

/// A header that is kept out of logs.
///
/// # Errors
///
/// [`Error::Input`] where the text can be none.
pub(crate) fn secret_header(text: &str) -> Result<HeaderValue> {
    let value = HeaderValue::from_str(text);
    let mut value =
        value.map_err(|_| Error::Input("a credential has characters that cannot be sent".into()))?;
    value.set_sensitive(true);
    Ok(value)
}

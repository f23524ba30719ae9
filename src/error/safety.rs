//! Whether an error says that a connection would not be safe.

use std::error::Error as StdError;
use std::io;
use std::iter::successors;

/// Whether the TLS handshake failed, as far as any cause says: another attempt would fail in the same way.
pub(crate) fn is_of_tls(error: &(dyn StdError + 'static)) -> bool {
    successors(Some(error), |&error| error.source()).any(is_itself)
}

/// `io::Error` does not give what it wraps as its source, so it is unwrapped here.
fn is_itself(error: &(dyn StdError + 'static)) -> bool {
    let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    error.is::<rustls::Error>() || inner.is_some_and(|inner| is_of_tls(inner))
}

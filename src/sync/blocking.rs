//! Work that waits for a disk or takes long, away from the threads that serve.

use crate::error::{Error, Result};

/// Does it on a thread for such work.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Error::Input("this is a bug, please report it: a round broke off".into())))
}

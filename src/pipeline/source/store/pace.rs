//! A body with a lowest speed: neither a silent server nor a very slow one holds up a run for hours.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use tokio::time::{Instant, Sleep};

use super::trouble::Trouble;

/// Fewest bytes per wait: about 10 kbit/s at the default of 30 s.
const LEAST: usize = 32 << 10;

/// A body that fails if fewer than [`LEAST`] bytes came within `patience`. The time begins with the first poll, so a body may be kept unread before.
pub(super) struct Paced<S> {
    body: Pin<Box<S>>,
    patience: Duration,
    until: Option<Pin<Box<Sleep>>>,
    came: usize,
}

impl<S> Paced<S> {
    pub(super) fn new(body: S, patience: Duration) -> Paced<S> {
        Paced { body: Box::pin(body), patience, until: None, came: 0 }
    }
}

impl<S: Stream<Item = Result<Bytes, Trouble>>> Stream for Paced<S> {
    type Item = Result<Bytes, Trouble>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let until = this.until.get_or_insert_with(|| Box::pin(tokio::time::sleep(this.patience)));
        let Poll::Ready(next) = this.body.as_mut().poll_next(context) else {
            return until.as_mut().poll(context).map(|()| Some(Err(Trouble::silent(this.patience))));
        };
        if let Some(Ok(bytes)) = &next {
            this.came += bytes.len();
        }
        if this.came >= LEAST {
            this.came = 0;
            until.as_mut().reset(Instant::now() + this.patience);
        }
        Poll::Ready(next)
    }
}

//! Pictures to records, on the engine's threads.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::Semaphore;

use super::app::App;
use super::fetching::{AT_ONCE, Fetched};
use super::pictures::{Given, Picture};
use super::problem::Answer;
use crate::engine::{HashError, Lane, PictureError};
use crate::hasher::{HashOptions, Hashed};

/// How long a picture of many waits for room in the queue before it tries again.
const PAUSE: Duration = Duration::from_millis(5);

/// What becomes of a request's pictures.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    pub(crate) options: Arc<HashOptions>,
    pub(crate) lane: Lane,
    pub(crate) deadline: Instant,
}

/// What one picture gave.
pub(crate) type Outcome = Result<Hashed, PictureError>;

/// The same of a picture that is no longer there.
#[derive(Debug)]
pub(crate) struct Worked {
    pub(crate) outcome: Outcome,
    /// Bytes of the picture, where there was one.
    pub(crate) bytes: u64,
}

impl Work {
    /// Hashes one picture. A full queue is the service's overload, a passed deadline the request's: neither is said of the picture.
    pub(crate) async fn one(&self, app: &App, picture: &Picture) -> Answer<Outcome> {
        self.outcome(app, picture).await.map_err(Into::into)
    }

    async fn outcome(&self, app: &App, picture: &Picture) -> Result<Outcome, HashError> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let request = app.engine.hash(picture.bytes.clone());
        let mut hashing = request.options(&self.options).lane(self.lane).deadline(left).submit()?;
        let outcome = (&mut hashing).await;
        hashing.times().iter().for_each(|times| app.metrics.hashed(times));
        match outcome {
            Ok(hashed) => {
                app.metrics.record("ok");
                Ok(Ok(hashed))
            }
            Err(HashError::Picture(error)) => {
                app.metrics.record(error.code);
                Ok(Err(error))
            }
            Err(error) => Err(error),
        }
    }

    /// Hashes all pictures, in their order. Two for each thread are in the queue at a time, so that no request fills it; where some have to be fetched,
    /// at least as many as are fetched at once. A picture alone does not wait for room: what comes too late helps nobody.
    pub(crate) async fn all(&self, app: &App, pictures: &[Given]) -> Answer<Vec<Worked>> {
        if let [Given::Here(picture)] = pictures {
            let outcome = self.one(app, picture).await?;
            return Ok(vec![Worked { outcome, bytes: picture.bytes.len() as u64 }]);
        }
        let fetches = pictures.iter().any(|given| matches!(given, Given::At(..)));
        let at_once = (2 * app.engine.threads().get()).max(if fetches { AT_ONCE } else { 1 });
        let turns = Semaphore::new(AT_ONCE);
        let worked: Vec<_> = pictures.iter().map(|given| self.given(app, given, &turns)).collect();
        stream::iter(worked).buffered(at_once).try_collect().await
    }

    /// Hashes one of many. What is fetched is let go before the next one, so that no picture's bytes wait for another's.
    async fn given(&self, app: &App, given: &Given, turns: &Semaphore) -> Answer<Worked> {
        let (key, url) = match given {
            Given::Here(picture) => {
                let outcome = self.patiently(app, picture).await?;
                return Ok(Worked { outcome, bytes: picture.bytes.len() as u64 });
            }
            Given::At(key, url) => (key.clone(), url),
        };
        // The semaphore is never closed.
        let turn = turns.acquire().await;
        let fetched = app.fetching()?.fetch(url).await?;
        drop(turn);
        match fetched {
            Ok(Fetched { bytes: picture, permit: _held }) => {
                let bytes = picture.len() as u64;
                let outcome = self.patiently(app, &Picture { key, bytes: picture }).await?;
                Ok(Worked { outcome, bytes })
            }
            Err(error) => {
                let error = PictureError::from(&error);
                app.metrics.record(error.code);
                Ok(Worked { outcome: Err(error), bytes: 0 })
            }
        }
    }

    /// Waits for room in the queue until the deadline.
    async fn patiently(&self, app: &App, picture: &Picture) -> Answer<Outcome> {
        loop {
            match self.outcome(app, picture).await {
                Err(HashError::Busy) if Instant::now() < self.deadline => tokio::time::sleep(PAUSE).await,
                outcome => return outcome.map_err(Into::into),
            }
        }
    }
}

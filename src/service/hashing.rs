//! Pictures to records, on the engine's threads.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};

use super::app::App;
use super::pictures::Picture;
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

    /// Hashes all pictures, in their order. Two for each thread are in the queue at a time, so that no request fills it.
    pub(crate) async fn all(&self, app: &App, pictures: &[Picture]) -> Answer<Vec<Outcome>> {
        let at_once = 2 * app.engine.threads().get();
        let outcomes: Vec<_> = pictures.iter().map(|picture| self.patiently(app, picture)).collect();
        stream::iter(outcomes).buffered(at_once).try_collect().await
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

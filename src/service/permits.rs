//! A bound on the bytes of requests that the service holds.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::problem::{Answer, Problem};

/// How long a request waits for its bytes before it is refused.
const PATIENCE: Duration = Duration::from_secs(2);

/// Bytes of one permit of the semaphore, which counts in 32 bits.
const UNIT: u64 = 1024;

/// Lends bytes, first come, first served.
#[derive(Debug, Clone)]
pub(crate) struct Permits {
    free: Arc<Semaphore>,
    units: u32,
}

/// Bytes that are lent until this is dropped.
#[derive(Debug)]
pub(crate) struct Permit(Option<OwnedSemaphorePermit>);

impl Permits {
    pub(crate) fn new(bytes: u64) -> Permits {
        let units = units(bytes);
        Permits { free: Arc::new(Semaphore::new(units as usize)), units }
    }

    /// Takes so many bytes. A request for more than there are takes all of them, and so runs alone.
    pub(crate) async fn take(&self, bytes: u64) -> Answer<Permit> {
        self.take_within(bytes, PATIENCE).await
    }

    /// The same with another patience.
    pub(crate) async fn take_within(&self, bytes: u64, patience: Duration) -> Answer<Permit> {
        let wanted = units(bytes).min(self.units);
        match timeout(patience, self.free.clone().acquire_many_owned(wanted)).await {
            Ok(Ok(permit)) => Ok(Permit(Some(permit))),
            _ => Err(Problem::overloaded()),
        }
    }

    /// Bytes that are lent now.
    pub(crate) fn taken(&self) -> u64 {
        u64::from(self.units).saturating_sub(self.free.available_permits() as u64) * UNIT
    }
}

impl Permit {
    /// Gives back what is beyond so many bytes.
    pub(crate) fn shrink(&mut self, bytes: u64) {
        if let Permit(Some(permit)) = self {
            let beyond = permit.num_permits().saturating_sub(units(bytes) as usize);
            drop(permit.split(beyond));
        }
    }
}

/// At least one, so that many empty requests are bounded too.
fn units(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX >> 3).clamp(1, u32::MAX >> 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_more_is_lent_than_there_is() {
        let permits = Permits::new(1 << 20);
        let mut half = permits.take(1 << 19).await.unwrap();
        let other = permits.take(1 << 19).await.unwrap();
        assert_eq!(permits.taken(), 1 << 20);
        assert_eq!(permits.take(1).await.unwrap_err().status, 503);
        half.shrink(1000);
        assert_eq!(permits.taken(), (1 << 19) + 1024);
        permits.take((1 << 19) - 1024).await.unwrap();
        drop((half, other));
        let all = permits.take(u64::MAX).await.unwrap();
        assert_eq!(permits.taken(), 1 << 20);
        assert!(permits.take(0).await.is_err());
        drop(all);
        assert_eq!(permits.taken(), 0);
    }
}

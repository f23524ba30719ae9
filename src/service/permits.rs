//! A bound on the bytes of requests that the service holds.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::problem::{Answer, Problem};

/// How long a request waits for its bytes before it is refused.
const PATIENCE: Duration = Duration::from_secs(2);

/// Bytes of one permit of the semaphore, which counts in 32 bits.
const UNIT: u64 = 1024;

/// What one request may hold of the bytes that are kept for small ones: a body of 64 KiB, and what is unpacked from it.
const SMALL: u64 = 128 << 10;

/// What part of all bytes is kept for small requests.
const KEPT: u64 = 16;

/// Bytes that a large request takes at a time.
const STEP: u64 = 256 << 10;

/// Lends bytes, first come, first served. A part of them is for small requests alone, so that these get through while large ones hold all else.
#[derive(Debug, Clone)]
pub(crate) struct Permits {
    free: Arc<Semaphore>,
    units: u32,
    kept: Arc<Semaphore>,
    kept_units: u32,
}

/// Bytes that are lent until this is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    lent: OwnedSemaphorePermit,
    from: Permits,
}

impl Permits {
    pub(crate) fn new(bytes: u64) -> Permits {
        let kept_units = units(bytes / KEPT);
        let units = units(bytes.saturating_sub(u64::from(kept_units) * UNIT));
        let (free, kept) = (Semaphore::new(units as usize), Semaphore::new(kept_units as usize));
        Permits { free: Arc::new(free), units, kept: Arc::new(kept), kept_units }
    }

    /// Takes so many bytes. A request for more than there are takes all of them, and so runs alone.
    pub(crate) async fn take(&self, bytes: u64) -> Answer<Permit> {
        self.take_within(bytes, PATIENCE).await
    }

    /// The same with another patience.
    pub(crate) async fn take_within(&self, bytes: u64, patience: Duration) -> Answer<Permit> {
        let lent = if self.is_small(bytes) {
            self.few(bytes, patience).await?
        } else {
            self.many(bytes, patience).await?
        };
        Ok(Permit { lent, from: self.clone() })
    }

    /// Next to nothing, for a request of which nothing has arrived: it grows. `length` is what it will be, where that is known.
    pub(crate) async fn begin(&self, length: Option<u64>) -> Answer<Permit> {
        let lent = match length {
            Some(bytes) if !self.is_small(bytes) => self.many(0, PATIENCE).await?,
            _ => self.few(0, PATIENCE).await?,
        };
        Ok(Permit { lent, from: self.clone() })
    }

    fn is_small(&self, bytes: u64) -> bool {
        bytes <= SMALL.min(u64::from(self.kept_units) * UNIT)
    }

    async fn many(&self, bytes: u64, patience: Duration) -> Answer<OwnedSemaphorePermit> {
        let wanted = units(bytes).min(self.units);
        match timeout(patience, self.free.clone().acquire_many_owned(wanted)).await {
            Ok(Ok(lent)) => Ok(lent),
            _ => Err(Problem::overloaded()),
        }
    }

    /// From what is free, else from what is kept for small requests.
    async fn few(&self, bytes: u64, patience: Duration) -> Answer<OwnedSemaphorePermit> {
        let wanted = units(bytes);
        if let Ok(lent) = self.free.clone().try_acquire_many_owned(wanted) {
            return Ok(lent);
        }
        tokio::select! {
            Ok(lent) = self.kept.clone().acquire_many_owned(wanted) => Ok(lent),
            lent = self.many(bytes, patience) => lent,
        }
    }

    /// Bytes that are lent now.
    pub(crate) fn taken(&self) -> u64 {
        let free = self.free.available_permits() + self.kept.available_permits();
        (u64::from(self.units) + u64::from(self.kept_units)).saturating_sub(free as u64) * UNIT
    }
}

impl Permit {
    /// Takes what is missing to so many bytes of a request that will have `length`, where that is known. What is large grows in steps.
    ///
    /// Whoever cannot grow in time has to give up what it holds: others may wait for that, as it waits for theirs.
    pub(crate) async fn grow(&mut self, bytes: u64, length: Option<u64>) -> Answer<()> {
        let (held, from) = (self.lent.num_permits() as u64 * UNIT, self.from.clone());
        let is_kept = Arc::ptr_eq(self.lent.semaphore(), &from.kept);
        if bytes <= held {
            return Ok(());
        }
        if from.is_small(length.unwrap_or(bytes)) {
            // Both are lent for an instant, which is little.
            self.lent = from.few(bytes, PATIENCE).await?;
            return Ok(());
        }
        let step = bytes.next_multiple_of(STEP);
        let wanted =
            if bytes <= STEP { bytes } else { length.map_or(step, |length| step.min(length.max(bytes))) };
        if is_kept {
            self.lent = from.many(wanted, PATIENCE).await?;
            return Ok(());
        }
        let missing = u64::from(units(wanted).min(from.units)) * UNIT - held;
        if missing > 0 {
            self.lent.merge(from.many(missing, PATIENCE).await?);
        }
        Ok(())
    }

    /// Takes so many bytes more, for what is there already. Little may be waited for; where there is no room for much, it has to go at once, since what waits
    /// is held too.
    pub(crate) async fn add(&mut self, bytes: u64) -> Answer<()> {
        let (held, from) = (self.lent.num_permits() as u64 * UNIT, self.from.clone());
        let wanted = held.saturating_add(bytes);
        if bytes == 0 || from.is_small(wanted) {
            return self.grow(wanted, None).await;
        }
        let is_kept = Arc::ptr_eq(self.lent.semaphore(), &from.kept);
        let missing = units(wanted).min(from.units) - if is_kept { 0 } else { units(held).min(from.units) };
        let more = from.free.clone().try_acquire_many_owned(missing).map_err(|_| Problem::overloaded())?;
        match is_kept {
            true => self.lent = more,
            false => self.lent.merge(more),
        }
        Ok(())
    }

    /// Gives back what is beyond so many bytes.
    pub(crate) fn shrink(&mut self, bytes: u64) {
        let beyond = self.lent.num_permits().saturating_sub(units(bytes) as usize);
        drop(self.lent.split(beyond));
    }
}

/// Makes room for so many bytes. The system gives large memory page by page as it is written, so that room for what has not arrived costs nothing but
/// addresses. What is copied when there is too little is a small part of all.
pub(crate) fn make_room(all: &mut BytesMut, bytes: u64, most: u64) {
    if bytes > all.capacity() as u64 {
        let room = bytes.saturating_mul(8).min(most).max(bytes);
        all.reserve(usize::try_from(room).unwrap_or(usize::MAX).saturating_sub(all.len()));
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
        let large = 15 << 16;
        let mut half = permits.take(large / 2).await.unwrap();
        let other = permits.take(large / 2).await.unwrap();
        assert_eq!(permits.taken(), large);
        assert_eq!(permits.take(1 << 18).await.unwrap_err().status, 503);
        half.shrink(1000);
        assert_eq!(permits.taken(), large / 2 + 1024);
        permits.take(large / 2 - 1024).await.unwrap();
        drop((half, other));
        let all = permits.take(u64::MAX).await.unwrap();
        assert_eq!(permits.taken(), large);
        assert!(permits.take(65 << 10).await.is_err());
        let small = permits.take(64 << 10).await.unwrap();
        assert_eq!(permits.taken(), 1 << 20);
        assert!(permits.take(0).await.is_err());
        drop((all, small));
        assert_eq!(permits.taken(), 0);
    }

    #[tokio::test]
    async fn what_grows_holds_what_arrived_and_nobody_waits_for_ever() {
        let permits = Permits::new(16 << 20);
        let mut all = Vec::new();
        for _ in 0..200 {
            all.push(permits.begin(Some(64 << 20)).await.unwrap());
        }
        assert_eq!(permits.taken(), 200 << 10);
        drop(all);
        let mut one = permits.begin(None).await.unwrap();
        one.grow(60 << 10, None).await.unwrap();
        assert_eq!(permits.taken(), 60 << 10);
        one.grow((1 << 20) + 1, None).await.unwrap();
        assert_eq!(permits.taken(), (1 << 20) + STEP);
        one.grow((3 << 20) + 1, Some((3 << 20) + 9)).await.unwrap();
        assert_eq!(permits.taken(), (3 << 20) + 1024);
        // Two that want more than there is: one gives up, the other goes on.
        let mut other = permits.begin(None).await.unwrap();
        other.grow(11 << 20, None).await.unwrap();
        let both = tokio::join!(one.grow(8 << 20, None), async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            other.grow(14 << 20, None).await
        });
        assert_eq!(both.0.unwrap_err().status, 503);
        assert_eq!(both.1.unwrap_err().status, 503, "the first still holds what it had");
        drop(one);
        other.grow(14 << 20, None).await.unwrap();
        // Small ones get through, whether their length is known or not; what becomes large leaves the place that is kept for them.
        let rest = permits.take(1 << 20).await.unwrap();
        let mut small = permits.begin(None).await.unwrap();
        small.grow(64 << 10, None).await.unwrap();
        let known = permits.take(64 << 10).await.unwrap();
        assert_eq!(permits.taken(), (15 << 20) + (128 << 10));
        assert_eq!(small.grow(200 << 10, None).await.unwrap_err().status, 503);
        drop(rest);
        small.grow(200 << 10, None).await.unwrap();
        assert_eq!(permits.taken(), (14 << 20) + (200 << 10) + (64 << 10));
        drop((small, known, other));
        assert_eq!(permits.taken(), 0);
    }
}

//! The open connections: how many there may be, and which one makes room.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::{Body, Bytes, HttpBody};
use tokio::sync::Notify;

/// All open connections.
#[derive(Debug)]
pub(crate) struct Connections {
    most: usize,
    next: AtomicU64,
    open: Mutex<HashMap<u64, Arc<State>>>,
    freed: Notify,
}

/// What is known of one connection.
#[derive(Debug)]
struct State {
    in_flight: AtomicUsize,
    idle_since: Mutex<Instant>,
    cut: Notify,
    has_begun: AtomicBool,
    begun: Notify,
}

/// One connection's place among the open ones, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    number: u64,
    state: Arc<State>,
    all: Arc<Connections>,
}

impl Connections {
    pub(crate) fn new(most: usize) -> Arc<Connections> {
        let (next, open, freed) = (AtomicU64::new(0), Mutex::default(), Notify::new());
        Arc::new(Connections { most: most.max(1), next, open, freed })
    }

    /// A place for a new connection. Where there is none, the connection that is idle the longest loses its own; where none is idle, one is waited for.
    pub(crate) async fn enter(self: &Arc<Connections>) -> Place {
        loop {
            let freed = self.freed.notified();
            if let Some(place) = self.try_enter() {
                return place;
            }
            freed.await;
        }
    }

    fn try_enter(self: &Arc<Connections>) -> Option<Place> {
        let mut open = self.lock();
        if open.len() >= self.most {
            let idle = open.iter().filter(|(_, state)| state.in_flight.load(Ordering::Relaxed) == 0);
            let oldest = *idle.min_by_key(|(_, state)| state.idle_since())?.0;
            if let Some(state) = open.remove(&oldest) {
                state.cut.notify_one();
            }
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (in_flight, idle_since) = (AtomicUsize::new(0), Mutex::new(Instant::now()));
        let (has_begun, begun) = (AtomicBool::new(false), Notify::new());
        let state = Arc::new(State { in_flight, idle_since, cut: Notify::new(), has_begun, begun });
        open.insert(number, state.clone());
        Some(Place { number, state, all: self.clone() })
    }

    /// How many are open.
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<State>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn idle_since(&self) -> Instant {
        *self.idle_since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Waits until the connection loses its place.
    pub(crate) async fn lost(&self) {
        self.state.cut.notified().await;
    }

    /// Waits for the connection's first request; not at all where there was one.
    pub(crate) async fn begun(&self) {
        if !self.state.has_begun.load(Ordering::Acquire) {
            self.state.begun.notified().await;
        }
    }

    /// A request is in flight until its answer was taken.
    pub(crate) fn begin(&self) -> InFlight {
        self.state.in_flight.fetch_add(1, Ordering::Relaxed);
        self.state.has_begun.store(true, Ordering::Release);
        self.state.begun.notify_one();
        InFlight { state: self.state.clone(), all: self.all.clone() }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.all.lock().remove(&self.number);
        self.all.freed.notify_one();
    }
}

/// A request of a connection.
#[derive(Debug)]
pub(crate) struct InFlight {
    state: Arc<State>,
    all: Arc<Connections>,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        *self.state.idle_since.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        if self.state.in_flight.fetch_sub(1, Ordering::Relaxed) == 1 {
            // Who waits for a place may have this one's now.
            self.all.freed.notify_one();
        }
    }
}

/// The body of an answer that keeps its request in flight.
pub(crate) struct Guarded {
    pub(crate) body: Body,
    pub(crate) _in_flight: InFlight,
}

impl HttpBody for Guarded {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_longest_idle_makes_room() {
        let all = Connections::new(2);
        let (first, second) = (all.enter().await, all.enter().await);
        let busy = first.begin();
        let third = all.enter().await;
        second.lost().await;
        assert_eq!(all.count(), 2);
        let other = third.begin();
        let waits = tokio::time::timeout(std::time::Duration::from_millis(50), all.enter()).await;
        assert!(waits.is_err(), "both are busy");
        drop(second);
        assert_eq!(all.count(), 2, "it had no place any more");
        drop(busy);
        let fourth = all.enter().await;
        first.lost().await;
        drop((other, third, fourth, first));
        assert_eq!(all.count(), 0);
    }
}

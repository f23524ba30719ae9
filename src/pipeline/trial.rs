//! Whether devices are worth having, measured by the run itself on what it hashes first: with them, then without.
//!
//! A device that nobody asked for has to make the run a tenth faster. What it does costs the CPU too: copying, finishing, memory's bandwidth, and its share of the
//! sources that are read. No measurement beforehand sees that, so pictures of the run decide, in encoded bytes per second:
//!
//! ```text
//! together (from the device's first answer on) ──▶ draining ──▶ alone ──▶ decided
//! ```
//!
//! A run that is too short for that keeps its devices: no worker waits for them, so they cost next to nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long each way is measured, and on how many pictures, at least.
const LONG: Duration = Duration::from_millis(500);
const MANY: u64 = 256;

/// What devices have to gain, in hundredths of what the CPU does alone.
const GAIN: f64 = 110.0;

/// The measurement of one run.
#[derive(Debug)]
pub(crate) struct Trial {
    state: Mutex<State>,
    is_open: AtomicBool,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    since: Instant,
    pictures: u64,
    bytes: u64,
    /// Bytes per second with devices.
    together: f64,
    verdict: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No device has answered yet.
    Waiting,
    Together,
    /// What devices still have comes back.
    Draining,
    Alone,
    Decided,
}

impl Trial {
    /// One that begins.
    pub(crate) fn new() -> Trial {
        let (phase, since) = (Phase::Waiting, Instant::now());
        let state = State { phase, since, pictures: 0, bytes: 0, together: 0.0, verdict: None };
        Trial { state: Mutex::new(state), is_open: AtomicBool::new(true) }
    }

    /// Whether pictures are to be sent to devices now.
    pub(crate) fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Relaxed)
    }

    /// What was decided, for people; `None` before that.
    pub(crate) fn verdict(&self) -> Option<String> {
        self.lock().verdict.clone()
    }

    /// Counts a picture of so many encoded bytes that is hashed. `waiting` tells how many the devices still have.
    pub(crate) fn count(&self, now: Instant, bytes: u64, by_device: bool, waiting: impl FnOnce() -> usize) {
        let mut state = self.lock();
        state.pictures += 1;
        state.bytes += bytes;
        let is_long = now.duration_since(state.since) >= LONG && state.pictures >= MANY;
        let next = match state.phase {
            Phase::Waiting if by_device => Phase::Together,
            Phase::Together if is_long => {
                state.together = state.rate(now);
                Phase::Draining
            }
            Phase::Draining if waiting() == 0 => Phase::Alone,
            Phase::Alone if is_long => {
                let gain = 100.0 * state.together / state.rate(now);
                self.is_open.store(gain >= GAIN, Ordering::Relaxed);
                let what = if gain >= GAIN { "used" } else { "left out" };
                state.verdict = Some(format!("{what}: with devices {gain:.0} % of the CPU's rate alone"));
                Phase::Decided
            }
            _ => return,
        };
        if next == Phase::Draining {
            self.is_open.store(false, Ordering::Relaxed);
        }
        (state.phase, state.since, state.pictures, state.bytes) = (next, now, 0, 0);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Bytes per second since this phase began.
    fn rate(&self, now: Instant) -> f64 {
        self.bytes as f64 / now.duration_since(self.since).as_secs_f64().max(1e-9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hashes pictures of 1,000 bytes, so many a second with devices and so many without; whether devices are used at the end.
    fn decide(together: u32, alone: u32) -> (bool, String) {
        let trial = Trial::new();
        let mut now = Instant::now();
        let mut waiting = 40;
        for _ in 0..100_000 {
            let is_open = trial.is_open();
            now += Duration::from_secs(1) / if is_open { together } else { alone };
            waiting = if is_open { 40 } else { waiting.max(1) - 1 };
            trial.count(now, 1000, is_open, || waiting);
            if let Some(verdict) = trial.verdict() {
                return (trial.is_open(), verdict);
            }
        }
        panic!("nothing was decided");
    }

    #[test]
    fn a_device_has_to_gain_a_tenth() {
        let (is_open, verdict) = decide(2_000, 1_000);
        assert!(is_open && verdict.starts_with("used: with devices 2"), "{verdict}");
        for together in [1_050, 1_000, 300] {
            let (is_open, verdict) = decide(together, 1_000);
            assert!(!is_open && verdict.starts_with("left out"), "{verdict}");
        }
        assert!(decide(100_000, 80_000).0);
    }

    #[test]
    fn nothing_is_decided_before_a_device_answers() {
        let trial = Trial::new();
        let now = Instant::now();
        (0..5_000).for_each(|n| trial.count(now + Duration::from_millis(n), 1, false, || 9));
        assert!(trial.is_open() && trial.verdict().is_none());
    }
}

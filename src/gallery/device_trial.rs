//! Whether a device looks signatures up faster than a thread of the CPU, measured by the search itself.
//!
//! A thread that has a device look signatures up does nothing else meanwhile. So a device gains where it takes less time for a signature than the thread would, no
//! matter how many threads there are: those that find it taken go on by themselves. What the CPU takes depends on the gallery, the radius and the
//! signatures, since it skips nearly all pairs where radii are small; no model of that is as good as the search at hand. A device computes every pair.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Fewest signatures that are measured, and that a device is asked for: the parts of a look-up that do not depend on their number are small next to these.
pub(super) const LEAST: usize = 256;

/// Signatures that the CPU looks up between two looks at the device: as many, before both are measured, as its own sets have.
const MOST_BY_CPU: usize = 2048;
/// As few where the device is much faster.
const LEAST_BY_CPU: usize = 64;
/// Signatures that a device takes from one dispatch to the next.
const BY_DEVICE: f64 = 1024.0;

/// How often a device is measured before that counts: first turns are slow.
const TURNS: u32 = 2;

/// What a device has to gain.
const GAIN: f64 = 1.1;

/// The measurements of one metric in one segment.
#[derive(Debug, Default)]
pub(super) struct DeviceTrial {
    state: Mutex<State>,
}

/// In seconds per signature.
#[derive(Debug, Default, Clone, Copy)]
struct State {
    /// They hold for this radius alone.
    radius: u32,
    cpu: Option<f64>,
    device: Option<f64>,
    /// Turns of the device.
    turns: u32,
    /// Signatures looked up, by both.
    signatures: u64,
}

impl State {
    /// Whether the device gains; `None` before both are measured.
    fn gains(&self) -> Option<bool> {
        let device = self.device.filter(|_| self.turns >= TURNS)?;
        Some(device * GAIN <= self.cpu?)
    }
}

impl DeviceTrial {
    /// Whether the device is to look up what comes next, at this radius: once the CPU is measured, to be measured, and then where it gains.
    pub(super) fn is_next(&self, radius: u32) -> bool {
        let state = self.at(radius);
        state.cpu.is_some() && state.gains().unwrap_or(true)
    }

    /// Signatures that the CPU is to look up before it asks again: about as many as it does while the device has its next ones, so that no thread is
    /// long behind at the end.
    pub(super) fn cpu_share(&self) -> usize {
        let state = *self.lock();
        match (state.gains(), state.device, state.cpu) {
            (Some(false), ..) => usize::MAX,
            (Some(true), Some(device), Some(cpu)) => {
                ((BY_DEVICE * device / cpu) as usize).clamp(LEAST_BY_CPU, MOST_BY_CPU)
            }
            _ => MOST_BY_CPU,
        }
    }

    /// How many threads may wait for the device at a time: so many that each has it sooner than it would be done with as few signatures as it looks up itself.
    pub(super) fn may_wait(&self) -> usize {
        let state = *self.lock();
        match (state.gains(), state.device, state.cpu) {
            (Some(true), Some(device), Some(cpu)) => {
                (LEAST_BY_CPU as f64 * cpu / (BY_DEVICE * device)) as usize
            }
            _ => 0,
        }
    }

    /// Counts what the CPU did.
    pub(super) fn cpu_took(&self, radius: u32, signatures: usize, took: Duration) {
        let mut state = self.at(radius);
        state.signatures += signatures as u64;
        if signatures >= LEAST || state.cpu.is_some() && signatures >= LEAST_BY_CPU {
            let each = took.as_secs_f64() / signatures as f64;
            state.cpu = Some(state.cpu.map_or(each, |before| (before + each) / 2.0));
        }
    }

    /// Counts what the device did.
    pub(super) fn device_took(&self, radius: u32, signatures: usize, took: Duration) {
        let mut state = self.at(radius);
        state.signatures += signatures as u64;
        let each = took.as_secs_f64() / signatures.max(1) as f64;
        let mean = |before: f64| if state.turns < TURNS { before.min(each) } else { (before + each) / 2.0 };
        state.device = Some(state.device.map_or(each, mean));
        state.turns += 1;
    }

    /// Signatures counted.
    pub(super) fn signatures(&self) -> u64 {
        self.lock().signatures
    }

    /// What was measured, for people; `None` before that.
    pub(super) fn verdict(&self) -> Option<String> {
        let state = *self.lock();
        let (gains, cpu, device) = (state.gains()?, state.cpu? * 1e6, state.device? * 1e6);
        let what = if gains { "used" } else { "left out" };
        Some(format!("{what}: {device:.2} µs a signature, a thread {cpu:.2}"))
    }

    #[cfg(all(test, feature = "gpu"))]
    pub(super) fn forget(&self) {
        let mut state = self.lock();
        (state.device, state.turns) = (None, 0);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state of this radius: a new one where it is another than before.
    fn at(&self, radius: u32) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        if state.radius != radius {
            *state = State { radius, signatures: state.signatures, ..State::default() };
        }
        state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Threads of so many microseconds per signature and a device of so many look a million up, as [`Lookup`](crate::pipeline::Lookup) does: 16,384 at a time, of
    /// which each thread takes a part and then the next. The verdict, and the time next to that of the threads alone.
    fn look_up(threads: usize, cpu: f64, device: f64) -> (Option<String>, f64) {
        const ALL: usize = 1 << 20;
        const BATCH: usize = 1 << 14;
        let trial = DeviceTrial::default();
        let (mut now, mut device_free) = (0.0_f64, 0.0_f64);
        for _ in 0..ALL / BATCH {
            let shares = if trial.cpu_share() < usize::MAX { 4 } else { 1 };
            let part = (BATCH / threads / shares).max(512);
            // When each thread is free again, and what is left of its part.
            let mut own = vec![(now, 0); threads];
            let mut left = BATCH;
            loop {
                let waiting = own.iter_mut().filter(|(_, own)| *own + left > 0);
                let Some((now, own)) = waiting.min_by(|a, b| a.0.total_cmp(&b.0)) else { break };
                if *own == 0 {
                    *own = part.min(left);
                    left -= *own;
                }
                let most = trial.may_wait() as f64 * BY_DEVICE * device * 1e-6;
                let by_device = *own >= LEAST && trial.is_next(31) && device_free <= *now + most;
                let share = if by_device { *own } else { trial.cpu_share().min(*own) };
                let took = share as f64 * 1e-6 * if by_device { device } else { cpu };
                *now = if by_device { now.max(device_free) + took } else { *now + took };
                *own -= share;
                if by_device {
                    device_free = *now;
                    trial.device_took(31, share, Duration::from_secs_f64(took));
                } else {
                    trial.cpu_took(31, share, Duration::from_secs_f64(took));
                }
            }
            now = own.iter().map(|(now, _)| *now).fold(now, f64::max);
        }
        (trial.verdict(), now / (ALL as f64 * 1e-6 * cpu / threads as f64))
    }

    #[test]
    fn a_device_is_used_where_it_gains_a_tenth() {
        for (device, used) in [(1.0, true), (9.0, true), (9.5, false), (10.0, false), (40.0, false)] {
            let verdict = look_up(1, 10.0, device).0.unwrap();
            assert_eq!(verdict.starts_with("used"), used, "{verdict}");
        }
    }

    #[test]
    fn it_costs_no_more_than_its_first_turns_and_no_thread_is_far_behind() {
        for threads in [1, 2, 16] {
            for slow in [1.0, 2.0, 10.0] {
                let (_, ratio) = look_up(threads, 10.0, 10.0 * slow);
                // Two turns of a part by one of the threads, while the others wait at the end of a batch.
                let first = 2.0 * (16_384 / threads) as f64 * slow * threads as f64 / f64::from(1 << 20);
                assert!(ratio < 1.01 + first, "{threads} threads, {slow} times as slow: {ratio}");
            }
            // As fast as so many threads, it is so many more, but for what threads wait at the end of 16,384.
            for fast in [4.0, 30.0, 1000.0] {
                let (_, ratio) = look_up(threads, 10.0, 10.0 / fast);
                let best = threads as f64 / (threads as f64 + fast - 1.0);
                assert!(
                    ratio < 1.45 * best + 0.02,
                    "{threads} threads, {fast} times as fast: {ratio}, at best {best}"
                );
            }
        }
    }

    #[test]
    fn another_radius_is_measured_anew() {
        let trial = DeviceTrial::default();
        let second = Duration::from_secs(1);
        assert!(!trial.is_next(31));
        trial.cpu_took(31, LEAST - 1, second);
        assert!(!trial.is_next(31));
        trial.cpu_took(31, 1000, second);
        assert!(trial.is_next(31) && !trial.is_next(90));
    }
}

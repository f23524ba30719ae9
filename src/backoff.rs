//! When what failed is tried again.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// The longest pause between two attempts.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// Milliseconds until the next attempt after so many failures. Up to half of it is left to chance, so that many who were refused at once do not come back at once.
pub(crate) fn pause(first: Duration, failures: u32, asked_for: Option<Duration>) -> i64 {
    let whole = LONGEST.min(first.saturating_mul(1 << failures.saturating_sub(1).min(16)));
    let chance = RandomState::new().hash_one(failures) % 1024;
    let pause = whole / 2 + whole / 2 * chance as u32 / 1024;
    pause.max(asked_for.unwrap_or_default().min(LONGEST)).as_millis() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let first = Duration::from_secs(10);
        for failures in 0..100u32 {
            let whole = LONGEST.min(first * (1 << failures.saturating_sub(1).min(16)));
            let pause = pause(first, failures, None);
            assert!(
                pause >= whole.as_millis() as i64 / 2 && pause <= whole.as_millis() as i64,
                "{failures}: {pause}"
            );
        }
        assert!(pause(first, 1, Some(Duration::from_secs(60))) == 60_000);
        assert!(pause(first, 1, Some(Duration::from_secs(1 << 40))) == LONGEST.as_millis() as i64);
    }
}

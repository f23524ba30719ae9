//! The time, which tests can set.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::super::time::Moment;

/// Milliseconds since 1970.
#[derive(Clone)]
pub(super) struct Clock(pub(super) Arc<dyn Fn() -> i64 + Send + Sync>);

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Clock(…)")
    }
}

impl Default for Clock {
    fn default() -> Clock {
        Clock(Arc::new(|| {
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
        }))
    }
}

impl Clock {
    pub(super) fn now(&self) -> i64 {
        (self.0)()
    }

    pub(super) fn moment(&self) -> Moment {
        moment(self.now())
    }
}

/// Milliseconds since 1970 as a time.
pub(super) fn moment(milliseconds: i64) -> Moment {
    (UNIX_EPOCH + Duration::from_millis(milliseconds.max(0) as u64)).into()
}

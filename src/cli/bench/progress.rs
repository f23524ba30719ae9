//! The one line that says what is measured.

use std::sync::{Arc, Mutex, PoisonError};

use crate::cli::bar::Bar;

/// A line that shows what was said last, until it is dropped.
pub(super) struct Progress {
    said: Arc<Mutex<String>>,
    bar: Bar,
}

impl Progress {
    pub(super) fn new(is_seen: bool) -> Progress {
        let said = Arc::new(Mutex::new(String::new()));
        let shown = said.clone();
        let line = move |columns: usize| {
            shown.lock().unwrap_or_else(PoisonError::into_inner).chars().take(columns).collect()
        };
        Progress { said, bar: if is_seen { Bar::new(line) } else { Bar::hidden() } }
    }

    pub(super) fn say(&self, what: String) {
        *self.said.lock().unwrap_or_else(PoisonError::into_inner) = what;
    }
}

/// The line goes when the measuring ends, in whatever way.
impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.clear();
    }
}

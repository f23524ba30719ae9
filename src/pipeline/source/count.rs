//! How many sources there will be, counted during the run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use super::{ItemKind, Items};

/// A count that is in progress or done.
#[derive(Debug, Clone, Default)]
pub struct Count(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    counted: AtomicU64,
    done: AtomicBool,
}

impl Count {
    /// The whole count, once it is known.
    pub fn total(&self) -> Option<u64> {
        self.0.done.load(Ordering::Acquire).then(|| self.0.counted.load(Ordering::Relaxed))
    }
}

/// Counts items on a thread of its own, which nobody waits for. There is no count if an archive is among them, since archives do
/// not say how many members they hold.
pub fn count_items(items: Items) -> Count {
    count(items.map(|item| item.kind != ItemKind::Archive))
}

/// Counts `items` on a thread of its own, which nobody waits for.
pub fn count_ahead<I>(items: I) -> Count
where
    I: Iterator + Send + 'static,
{
    count(items.map(|_| true))
}

/// Counts until one of them cannot be counted.
fn count(countable: impl Iterator<Item = bool> + Send + 'static) -> Count {
    let count = Count::default();
    let shared = Arc::downgrade(&count.0);
    let count_all = move || {
        for countable in countable {
            if !countable {
                return;
            }
            // Nobody is interested any more.
            let Some(shared) = shared.upgrade() else { return };
            // `done`, set with release below, is what makes the count visible.
            shared.counted.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(shared) = shared.upgrade() {
            shared.done.store(true, Ordering::Release);
        }
    };
    // Without a thread there is no count.
    let _ = thread::Builder::new().name("shadegrid-count".to_string()).spawn(count_all);
    count
}

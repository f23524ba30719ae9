//! What devices hold of a run, and how much of it they may.
//!
//! A picture in a batch keeps its file, which is a part of the memory for files, and its ticket until it is back. A device that is slow, or never answers, must not keep all
//! of either, or the CPU would have nothing left to work on. So all devices of a run together hold half of both at most. Samples of decoded pictures count as files do.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How much devices hold. Clones count the same.
#[derive(Debug, Clone)]
pub(super) struct Held(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    most: Amount,
    now: Mutex<Amount>,
    #[cfg(test)]
    peak: Mutex<Amount>,
}

/// Pictures, and bytes of their files and samples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) pictures: usize,
    pub(super) bytes: u64,
}

/// One picture that a device holds, or is about to. Given back on drop.
#[derive(Debug)]
pub(super) struct Hold {
    held: Held,
    bytes: u64,
}

impl Held {
    /// Half of what a run has: bytes for files, and tickets.
    pub(super) fn half_of(files: u64, tickets: usize) -> Held {
        let most = Amount { pictures: tickets / 2, bytes: files / 2 };
        Held(Arc::new(Shared {
            most,
            now: Mutex::default(),
            #[cfg(test)]
            peak: Mutex::default(),
        }))
    }

    /// Room for a picture with a file of so many bytes, if there is any; one that is larger than all of it has room alone.
    pub(super) fn take(&self, bytes: u64) -> Option<Hold> {
        let mut now = self.lock();
        if now.pictures >= self.0.most.pictures.max(1) || !self.has_room(*now, bytes) {
            return None;
        }
        now.pictures += 1;
        now.bytes += bytes;
        self.note(*now);
        Some(Hold { held: self.clone(), bytes })
    }

    fn has_room(&self, others: Amount, bytes: u64) -> bool {
        others.bytes == 0 || others.bytes.saturating_add(bytes) <= self.0.most.bytes
    }

    /// The most that was ever held at once.
    #[cfg(test)]
    pub(super) fn peak(&self) -> Amount {
        *self.0.peak.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    fn note(&self, now: Amount) {
        let mut peak = self.0.peak.lock().unwrap_or_else(PoisonError::into_inner);
        *peak = Amount { pictures: peak.pictures.max(now.pictures), bytes: peak.bytes.max(now.bytes) };
    }

    #[cfg(not(test))]
    fn note(&self, _: Amount) {}

    fn lock(&self) -> MutexGuard<'_, Amount> {
        self.0.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hold {
    /// Counts so many bytes from now on; whether there is room for them.
    pub(super) fn change_to(&mut self, bytes: u64) -> bool {
        let mut now = self.held.lock();
        let others = Amount { bytes: now.bytes - self.bytes, ..*now };
        let has_room = self.held.has_room(others, bytes);
        if has_room {
            now.bytes = others.bytes + bytes;
            self.bytes = bytes;
            self.held.note(*now);
        }
        has_room
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut now = self.held.lock();
        now.pictures -= 1;
        now.bytes -= self.bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_hold_half() {
        let held = Held::half_of(100, 6);
        let mut first = held.take(30).unwrap();
        assert!(held.take(21).is_none() && first.change_to(40) && held.take(11).is_none());
        let second = held.take(10).unwrap();
        assert!(!first.change_to(41) && first.change_to(39));
        drop((first, second));
        let [one, two] = [held.take(20).unwrap(), held.take(20).unwrap()];
        assert!(held.take(11).is_none());
        let three = held.take(10).unwrap();
        assert!(held.take(0).is_none(), "three of six tickets are taken");
        drop((one, two, three));
        let large = held.take(1_000).expect("alone it has room");
        assert!(held.take(1).is_none());
        drop(large);
        assert_eq!((*held.lock(), held.peak()), (Amount::default(), Amount { pictures: 3, bytes: 1_000 }));
    }
}

//! Memory of encoded files: workers give it back for the next file.

use crossbeam_channel::{Receiver, Sender, bounded};

/// A shelf of empty buffers of bounded number and size.
#[derive(Debug, Clone)]
pub(super) struct Buffers {
    shelf: Sender<Vec<u8>>,
    taken: Receiver<Vec<u8>>,
    largest: usize,
}

impl Buffers {
    /// A shelf for `count` buffers of `total` bytes together.
    pub(super) fn new(count: usize, total: u64) -> Buffers {
        let (shelf, taken) = bounded(count);
        Buffers { shelf, taken, largest: usize::try_from(total).unwrap_or(usize::MAX) / count.max(1) }
    }

    /// An empty buffer, a used one where there is one.
    pub(super) fn take(&self) -> Vec<u8> {
        self.taken.try_recv().unwrap_or_default()
    }

    /// Puts a buffer back; a large one, or one for which there is no room, is dropped.
    pub(super) fn put(&self, mut buffer: Vec<u8>) {
        if buffer.capacity() <= self.largest {
            buffer.clear();
            let _ = self.shelf.try_send(buffer);
        }
    }
}

//! The threads that hash, and the queues that their tasks come from.
//!
//! ```text
//!  single pictures ──interactive──▶┐
//!                  ──────bulk─────▶├─▶ threads ──▶ whoever asked
//!  runs            ──────jobs─────▶┤
//!  back from a device, memory lent ┘
//! ```
//!
//! A free thread takes an interactive picture first, then one that came back from a device, then one that got its memory, then bulk pictures and
//! pictures of runs as they come. No thread ever waits for those who take the results: their queues have no bound of their own, and hold no more than
//! what is in flight.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::Builder;

use crossbeam_channel::{Receiver, Sender, bounded, never, select, unbounded};

use super::budget::{Budget, Reservation};
use super::task::{Pending, Returned, Task};
use super::threads::refused;
use super::worker::{Bounded, Step, Worker};
use crate::error::Result;
use crate::limits::machine_memory;

/// Threads that hash, for single pictures and for runs. When the last clone is dropped, they finish what was asked for and end.
#[derive(Debug, Clone)]
pub(crate) struct Workers {
    pub(super) count: NonZeroUsize,
    pub(super) budget: Budget,
    shared: Arc<Bounded>,
    interactive: Sender<Box<dyn Task>>,
    bulk: Sender<Box<dyn Task>>,
    pub(super) jobs: Sender<Box<dyn Task>>,
    pub(super) returned: Sender<Box<Returned>>,
}

impl Workers {
    /// Starts so many threads, which take so many bytes together. Each lane of single pictures holds `queue` of them.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io) where the system refuses a thread.
    pub(crate) fn start(count: NonZeroUsize, memory: u64, queue: usize) -> Result<Workers> {
        Workers::of(Bounded::new(count, memory), count, memory, queue)
    }

    /// The memory of so many threads, unless they are given another: no more than half of what the machine, the container and the process allow.
    pub(crate) fn default_memory(count: NonZeroUsize) -> u64 {
        ((256 << 20) * (count.get() as u64).max(4)).min(machine_memory())
    }

    /// The same with other work.
    pub(super) fn of(shared: Bounded, count: NonZeroUsize, memory: u64, queue: usize) -> Result<Workers> {
        let (budget, shared) = (Budget { memory }, Arc::new(shared));
        let (lent_sender, lent) = unbounded();
        let (returned_sender, returned) = unbounded();
        let ((interactive_sender, interactive), (bulk_sender, bulk)) = (bounded(queue), bounded(queue));
        let (job_sender, jobs) = bounded(2 * count.get());
        let inbox = Inbox { interactive, bulk, jobs, lent, returned, open: 3 };
        for number in 0..count.get() {
            let (mut worker, mut inbox) = (Worker::new(shared.clone(), lent_sender.clone()), inbox.clone());
            let work = move || {
                while let Some(step) = inbox.next() {
                    worker.take(step);
                }
            };
            Builder::new().name(format!("shadegrid-hash-{number}")).spawn(work).map_err(refused)?;
        }
        Ok(Workers {
            count,
            budget,
            shared,
            interactive: interactive_sender,
            bulk: bulk_sender,
            jobs: job_sender,
            returned: returned_sender,
        })
    }

    /// The queue of pictures that somebody waits for, or of those that can wait.
    pub(crate) fn lane(&self, is_interactive: bool) -> &Sender<Box<dyn Task>> {
        if is_interactive { &self.interactive } else { &self.bulk }
    }

    /// Threads.
    pub(crate) fn count(&self) -> NonZeroUsize {
        self.count
    }

    /// Bytes that they take at most, with what they keep.
    pub(crate) fn memory(&self) -> u64 {
        self.budget.memory
    }

    /// What lets other threads hash within the same memory.
    pub(crate) fn shared(&self) -> &Bounded {
        &self.shared
    }
}

/// Where a worker's tasks come from.
#[derive(Clone)]
struct Inbox {
    interactive: Receiver<Box<dyn Task>>,
    bulk: Receiver<Box<dyn Task>>,
    jobs: Receiver<Box<dyn Task>>,
    lent: Receiver<(Pending, Reservation)>,
    returned: Receiver<Box<Returned>>,
    /// How many of the first three may still bring something.
    open: u8,
}

impl Inbox {
    /// What to do next; `None` when nothing is to come.
    fn next(&mut self) -> Option<Step> {
        loop {
            if let Ok(task) = self.interactive.try_recv() {
                return Some(Step::New(task));
            }
            if let Ok(returned) = self.returned.try_recv() {
                return Some(Step::Returned(returned));
            }
            if let Ok((pending, loan)) = self.lent.try_recv() {
                return Some(Step::Lent(pending, loan));
            }
            if self.open == 0 {
                // A picture may still wait for memory. The thread that gives the memory back comes here afterwards and finds it.
                return None;
            }
            // Nothing of the first three was there; what comes now goes first, and of several at once `select!` picks at random.
            let closed = select! {
                recv(self.interactive) -> task => match task {
                    Ok(task) => return Some(Step::New(task)),
                    Err(_) => &mut self.interactive,
                },
                recv(self.bulk) -> task => match task {
                    Ok(task) => return Some(Step::New(task)),
                    Err(_) => &mut self.bulk,
                },
                recv(self.jobs) -> task => match task {
                    Ok(task) => return Some(Step::New(task)),
                    Err(_) => &mut self.jobs,
                },
                recv(self.returned) -> returned => match returned {
                    Ok(returned) => return Some(Step::Returned(returned)),
                    Err(_) => continue,
                },
                recv(self.lent) -> lent => match lent {
                    Ok((pending, loan)) => return Some(Step::Lent(pending, loan)),
                    Err(_) => continue,
                },
            };
            // Disconnected, it would be ready for ever.
            *closed = never();
            self.open -= 1;
        }
    }
}

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
//! pictures of runs as they come. After [`IN_A_ROW`] interactive ones it takes one of those that can wait, so that these do not starve, no matter how many
//! interactive ones come. No thread ever waits for those who take the results: their queues have no bound of their own, and hold no more than
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

/// Interactive pictures that a thread takes in a row while others wait: the lanes are served 8 : 1.
const IN_A_ROW: u8 = 8;

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
        let inbox = Inbox { interactive, bulk, jobs, lent, returned, open: 3, in_a_row: 0 };
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
    /// Interactive pictures since the last one that could wait.
    in_a_row: u8,
}

impl Inbox {
    /// What to do next; `None` when nothing is to come.
    fn next(&mut self) -> Option<Step> {
        loop {
            if let Some(task) = self.next_that_can_wait() {
                return Some(Step::New(task));
            }
            if let Ok(task) = self.interactive.try_recv() {
                self.in_a_row = self.in_a_row.saturating_add(1);
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
                    Ok(task) => {
                        self.in_a_row = self.in_a_row.saturating_add(1);
                        return Some(Step::New(task));
                    }
                    Err(_) => &mut self.interactive,
                },
                recv(self.bulk) -> task => match task {
                    Ok(task) => {
                        self.in_a_row = 0;
                        return Some(Step::New(task));
                    }
                    Err(_) => &mut self.bulk,
                },
                recv(self.jobs) -> task => match task {
                    Ok(task) => {
                        self.in_a_row = 0;
                        return Some(Step::New(task));
                    }
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

    /// A bulk picture or one of a run, where it is their turn; of both, either.
    fn next_that_can_wait(&mut self) -> Option<Box<dyn Task>> {
        if self.in_a_row < IN_A_ROW {
            return None;
        }
        // Where none waits now, the next one that comes is not kept waiting for another round.
        let task = select! {
            recv(self.bulk) -> task => task.ok(),
            recv(self.jobs) -> task => task.ok(),
            default => None,
        };
        self.in_a_row = if task.is_some() { 0 } else { self.in_a_row };
        task
    }
}

#[cfg(test)]
mod tests {
    use std::fmt;
    use std::sync::Mutex;
    use std::time::Instant;

    use super::*;
    use crate::decode::Memory;
    use crate::hasher::{HashOptions, Hashed, Hasher};
    use crate::pipeline::work::Work;

    /// Which lane each picture came from, as they were hashed.
    type Seen = Arc<Mutex<Vec<u8>>>;

    struct Noting(Seen);

    impl Work for Noting {
        fn memory(&mut self, _: &[u8]) -> Memory {
            Memory { first: 0, worst: 0 }
        }

        fn hash(&mut self, encoded: &[u8]) -> Result<Hashed> {
            self.0.lock().unwrap().push(encoded[0]);
            Hasher::new(HashOptions::default()).hash(encoded)
        }
    }

    /// A picture that holds its thread until it is let go, or says that it was done.
    struct Lettered(Vec<u8>, Arc<HashOptions>, Sender<()>);

    impl fmt::Debug for Lettered {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("Lettered")
        }
    }

    impl Task for Lettered {
        fn encoded(&self) -> &[u8] {
            &self.0
        }

        fn options(&self) -> &Arc<HashOptions> {
            &self.1
        }

        fn is_wanted(&self) -> bool {
            true
        }

        fn done(self: Box<Self>, _: Result<Hashed>, _: Instant) {
            // The first one waits here: nobody takes what it says until all others are in their queues.
            self.2.send(()).unwrap();
        }
    }

    /// The lanes of one thread's pictures in the order in which it took them, where so many wait when it begins.
    fn order(interactive: usize, bulk: usize, runs: usize) -> Vec<u8> {
        let seen = Seen::default();
        let noting = seen.clone();
        let make = Box::new(move |_: &HashOptions| Box::new(Noting(noting.clone())) as Box<dyn Work>);
        let one = NonZeroUsize::MIN;
        let workers = Workers::of(Bounded::with(make, one, 1 << 20), one, 1 << 20, 500).unwrap();
        let (holding, held) = bounded(0);
        let (sender, done) = unbounded();
        let options = Arc::new(HashOptions::default());
        let task = |letter: u8, sender: &Sender<()>| {
            Box::new(Lettered(vec![letter], options.clone(), sender.clone())) as Box<dyn Task>
        };
        workers.lane(true).send(task(b'h', &holding)).unwrap();
        (0..bulk).for_each(|_| workers.lane(false).send(task(b'b', &sender)).unwrap());
        (0..runs).for_each(|_| workers.jobs.send(task(b'r', &sender)).unwrap());
        (0..interactive).for_each(|_| workers.lane(true).send(task(b'i', &sender)).unwrap());
        held.recv().unwrap();
        (0..interactive + bulk + runs).for_each(|_| done.recv().unwrap());
        let order = seen.lock().unwrap().clone();
        assert_eq!(order.len(), 1 + interactive + bulk + runs);
        order
    }

    #[test]
    fn lanes_are_served_eight_to_one() {
        let order = order(80, 100, 0);
        // The one that held the thread was the first of a row.
        assert_eq!(order[..9], *b"hiiiiiiib");
        assert_eq!(order[9..27], *b"iiiiiiiibiiiiiiiib");
        let mixed: Vec<u8> = order.iter().take(90).copied().collect();
        assert_eq!(mixed.iter().filter(|lane| **lane == b'b').count(), 10);
        assert!(order[91..].iter().all(|lane| *lane == b'b'), "what can wait has the rest");
    }

    #[test]
    fn pictures_of_runs_starve_as_little_as_those_of_the_bulk_lane() {
        let order = order(360, 50, 2);
        let last = order.iter().rposition(|lane| *lane == b'r').unwrap();
        // Each of some 40 turns is a run's with probability one half until both were there.
        assert!(last < 400, "{last}");
        assert!(
            order[1..].chunks(9).take(10).all(|row| row.iter().filter(|lane| **lane == b'i').count() >= 8)
        );
    }
}

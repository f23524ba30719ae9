//! Threads and memory of a command, and the engine that is made with them.

use std::num::NonZeroUsize;

use shadegrid::pipeline::ReadAhead;
use shadegrid::{Devices, Engine, Error, HashOptions};

/// What part of the memory is for what is read before its turn.
const AHEAD: u64 = 8;

/// Threads and memory, as a command's options give them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resources {
    pub(crate) threads: NonZeroUsize,
    /// Bytes, those read ahead included.
    pub(crate) memory: u64,
}

impl Resources {
    pub(crate) fn new(threads: Option<NonZeroUsize>, memory: Option<u64>) -> Resources {
        let threads =
            threads.unwrap_or_else(|| std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN));
        Resources { threads, memory: memory.unwrap_or_else(|| Engine::default_memory(threads)) }
    }

    /// How many objects are fetched at the same time, and how much of them is held before its turn.
    pub(crate) fn read_ahead(self, fetches: Option<NonZeroUsize>) -> ReadAhead {
        ReadAhead::default().fetches(self.fetches(fetches)).bytes(self.memory / AHEAD)
    }

    /// The same for each of two runs, one after the other.
    pub(crate) fn read_ahead_of_two(self, fetches: Option<NonZeroUsize>) -> ReadAhead {
        self.read_ahead(fetches).bytes(self.memory / AHEAD / 2)
    }

    /// How many objects are fetched at the same time.
    fn fetches(self, asked: Option<NonZeroUsize>) -> usize {
        asked.map_or(ReadAhead::fetches_for(self.threads), NonZeroUsize::get)
    }

    /// An engine with all but what is read ahead.
    pub(crate) fn engine(self, devices: Devices, options: HashOptions) -> Result<Engine, Error> {
        let memory = self.memory - self.memory / AHEAD;
        Engine::builder().threads(self.threads.get()).memory(memory).devices(devices).options(options).build()
    }
}

//! Batches in flight: some being filled by the decoders' threads, some on the device, one thread that polls.
//!
//! ```text
//!          submit (any thread)              drive (one thread)
//! free ──▶ open: pictures are copied in ──▶ closed ──▶ in flight ──▶ results handed over ──▶ free
//! ```
//!
//! A batch is closed when the next picture does not fit, or when the device has fewer than two to work on: a busy device
//! gets full batches, an idle one does not wait. Nothing is allocated on the device after [`Ring::new`].
//!
//! **Faults.** Whatever goes wrong on the device, a time-out included, ends the ring and not the run: every picture that is in it
//! comes back with the reason, unhashed, and so does every later one. Pictures are kept until their results are there.
//!
//! **Locks.** `tables`, `state` and `mapped` are never held together, so their order does not matter. `state` is not held while
//! samples are copied, a batch is encoded or the device is polled.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::batch::{Allocation, Batch};
use super::capacity::Capacity;
use super::device::Device;
use super::slot::{Slot, Timings};
use super::tables::Tables;
use crate::backend::layout::{Layout, Shape};
use crate::backend::{Done, Sums, Traffic};
use crate::error::{Error, Result};
use crate::picture::Picture;
use crate::signature::Algorithm;

/// Batches in a ring: one being filled, one on the device, one in transit.
const SLOTS: usize = 3;
/// Batches that a device has before it waits for full ones: one to work on and the next.
const AHEAD: usize = 2;
/// Shapes whose tables are kept.
const SHAPES: usize = 64;
/// How long the polling thread sleeps while a batch is on the device.
const POLL: Duration = Duration::from_micros(100);
/// How long it sleeps when there is nothing to do; it is woken when there is.
const IDLE: Duration = Duration::from_millis(50);

/// Batches of one device.
#[derive(Debug)]
pub(crate) struct Ring<T> {
    device: Arc<Device>,
    capacity: Capacity,
    patience: Duration,
    slots: Vec<Slot>,
    state: Mutex<State<T>>,
    changed: Condvar,
    tables: Mutex<Vec<Arc<Tables>>>,
    /// Held for reading while mapped memory is written, for writing while the device is polled: polling a lost device frees
    /// its buffers.
    mapped: RwLock<()>,
}

#[derive(Debug)]
struct State<T> {
    slot_states: Vec<SlotState<T>>,
    /// The slot that is being filled.
    open: Option<usize>,
    /// Slots in the order in which they were closed, then sent.
    closed: Vec<usize>,
    in_flight: Vec<usize>,
    failed: Option<Arc<str>>,
    /// Nothing more will be submitted.
    finishing: bool,
    traffic: Traffic,
    busy_since: Option<Instant>,
}

/// What is in one slot.
#[derive(Debug)]
struct SlotState<T> {
    free: bool,
    batch: Batch,
    entries: Vec<Option<InFlight<T>>>,
    /// Threads that copy into the staging buffer.
    writing: usize,
    sent: Instant,
}

#[derive(Debug)]
struct InFlight<T> {
    picture: Picture,
    payload: T,
    allocation: Allocation,
}

impl<T> SlotState<T> {
    fn take(&mut self) -> Vec<InFlight<T>> {
        self.batch.clear();
        self.entries.drain(..).flatten().collect()
    }
}

impl<T: Send> Ring<T> {
    /// Makes the buffers of [`SLOTS`] batches of `capacity`. A batch that takes longer than `patience` is a fault.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] where the device has no memory for them.
    pub(crate) fn new(device: Arc<Device>, capacity: Capacity, patience: Duration) -> Result<Ring<T>> {
        let slots: Vec<Slot> = (0..SLOTS).map(|_| Slot::new(&device, capacity)).collect();
        device.check()?;
        let slot_state = || SlotState {
            free: true,
            batch: Batch::new(capacity),
            entries: Vec::new(),
            writing: 0,
            sent: Instant::now(),
        };
        let state = State {
            slot_states: (0..SLOTS).map(|_| slot_state()).collect(),
            open: None,
            closed: Vec::new(),
            in_flight: Vec::new(),
            failed: None,
            finishing: false,
            traffic: Traffic { device: device.adapter.name.clone(), ..Traffic::default() },
            busy_since: None,
        };
        Ok(Ring {
            device,
            capacity,
            patience,
            slots,
            state: Mutex::new(state),
            changed: Condvar::new(),
            tables: Mutex::default(),
            mapped: RwLock::new(()),
        })
    }

    /// The device.
    #[cfg(test)]
    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    /// Pictures that have not come back yet.
    pub(crate) fn waiting(&self) -> usize {
        self.lock().slot_states.iter().map(|slot_state| slot_state.entries.len()).sum()
    }

    /// What has gone through so far.
    pub(crate) fn traffic(&self) -> Traffic {
        self.lock().traffic.clone()
    }

    /// Copies a picture into the open batch. Blocks while all batches are in flight. The picture comes back from
    /// [`drive`](Ring::drive).
    ///
    /// # Errors
    ///
    /// The picture at once, with the reason in [`Done::sums`], where it is too large for a batch or the device has failed.
    pub(crate) fn submit(
        &self,
        picture: Picture,
        algorithms: &[Algorithm],
        payload: T,
    ) -> Result<(), Box<Done<T>>> {
        let tables = self.tables(Shape::of(&picture), algorithms);
        let (slot, index, allocation) = match self.reserve(&tables, &picture) {
            Ok(reserved) => reserved,
            Err(reason) => return Err(Box::new(Done { picture, payload, sums: Err(reason) })),
        };
        let started = Instant::now();
        // Caught, so that `writing` falls again whatever happens: a batch that counts a writer is never sent.
        let filled = catch_unwind(AssertUnwindSafe(|| {
            super::fill(&self.slots[slot], &allocation, &picture, &|piece| {
                let _mapped = self.mapped.read().unwrap_or_else(PoisonError::into_inner);
                self.device.check()?;
                piece()
            })
        }));
        let mut state = self.lock();
        state.traffic.fill += started.elapsed();
        let slot_state = &mut state.slot_states[slot];
        slot_state.writing -= 1;
        slot_state.entries[index] = Some(InFlight { picture, payload, allocation });
        match filled {
            Ok(Ok(())) => (),
            Ok(Err(error)) => state.fail(&error.to_string()),
            Err(_) => state.fail("copying to the device panicked"),
        }
        drop(state);
        self.changed.notify_all();
        Ok(())
    }

    /// An allocation in the open batch: slot, entry, and where in it.
    fn reserve(
        &self,
        tables: &Arc<Tables>,
        picture: &Picture,
    ) -> Result<(usize, usize, Allocation), Arc<str>> {
        let mut state = self.lock();
        loop {
            if let Some(reason) = &state.failed {
                return Err(reason.clone());
            }
            let Some(slot) =
                state.open.or_else(|| state.slot_states.iter().position(|slot_state| slot_state.free))
            else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            state.open = Some(slot);
            let slot_state = &mut state.slot_states[slot];
            slot_state.free = false;
            if let Some(allocation) = slot_state.batch.add(tables, picture) {
                slot_state.writing += 1;
                slot_state.entries.push(None);
                return Ok((slot, slot_state.entries.len() - 1, allocation));
            }
            if slot_state.entries.is_empty() {
                return Err(format!(
                    "too large for the device: its batches hold {} bytes of samples and tables",
                    self.capacity.bytes
                )
                .into());
            }
            state.close();
            self.changed.notify_all();
        }
    }

    /// The tables for a shape, made where they are not kept from before; the most recent ones are in front.
    fn tables(&self, shape: Shape, algorithms: &[Algorithm]) -> Arc<Tables> {
        let lock = || self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |tables: &Arc<Tables>| tables.layout.fits(shape, algorithms);
        let mut kept = lock();
        if let Some(index) = kept.iter().position(fits) {
            kept[..=index].rotate_right(1);
            return kept[0].clone();
        }
        // Made without the lock: it takes long, and others may have theirs already. Two threads may both make the same.
        drop(kept);
        let made = Arc::new(Tables::new(Layout::new(shape, algorithms)));
        let mut kept = lock();
        kept.truncate(SHAPES - 1);
        kept.insert(0, made.clone());
        made
    }

    /// Says that nothing more will be submitted: [`drive`](Ring::drive) ends when what is in the ring has come back.
    pub(crate) fn finish(&self) {
        self.lock().finishing = true;
        self.changed.notify_all();
    }

    /// Sends batches to the device and gives what comes back to `deliver`, until [`finish`](Ring::finish). Every picture
    /// that [`submit`](Ring::submit) took comes back exactly once.
    pub(crate) fn drive(&self, deliver: &mut dyn FnMut(Done<T>)) {
        loop {
            let turned = catch_unwind(AssertUnwindSafe(|| self.turn(deliver)));
            match turned {
                Ok(Ok(Turn::Ended)) => return,
                Ok(Ok(Turn::Busy)) => (),
                Ok(Err(error)) => self.lock().fail(&error.to_string()),
                Err(_) => self.lock().fail("the driver panicked"),
            }
            self.return_failed(deliver);
        }
    }

    /// One look at everything that could be done.
    fn turn(&self, deliver: &mut dyn FnMut(Done<T>)) -> Result<Turn> {
        let mut state = self.lock();
        if state.in_flight.len() + state.closed.len() < AHEAD {
            state.close();
        }
        if state.finishing && state.is_empty() {
            return Ok(Turn::Ended);
        }
        // In the order in which they were closed, though a later one may be written first.
        let next = state.closed.first().copied().filter(|&slot| state.slot_states[slot].writing == 0);
        if let Some(slot) = next.filter(|_| state.failed.is_none()) {
            state.closed.remove(0);
            // In flight before it is sent, so that a fault in between returns it too.
            state.send(slot);
            drop(state);
            self.send(slot)?;
            return Ok(Turn::Busy);
        }
        let Some(&slot) = state.in_flight.first() else {
            drop(self.changed.wait_timeout(state, IDLE));
            return Ok(Turn::Busy);
        };
        let sent = state.slot_states[slot].sent;
        drop(state);
        self.poll()?;
        self.device.check()?;
        if self.slots[slot].ready()? {
            self.hand_over(slot, deliver)?;
        } else if sent.elapsed() > self.patience {
            self.device.abandon();
            return Err(Error::Device(format!("no answer within {} s", self.patience.as_secs_f32())));
        } else {
            drop(self.changed.wait_timeout(self.lock(), POLL));
        }
        Ok(Turn::Busy)
    }

    fn poll(&self) -> Result<()> {
        let _unmapped = self.mapped.write().unwrap_or_else(PoisonError::into_inner);
        let polled = self.device.device.poll(wgpu::PollType::Poll);
        polled.map(drop).map_err(|error| Error::Device(error.to_string()))
    }

    /// Sends a closed batch, whose descriptors nobody else changes any more.
    fn send(&self, slot: usize) -> Result<()> {
        // Taken out, so that others can reserve while it is encoded.
        let mut batch =
            std::mem::replace(&mut self.lock().slot_states[slot].batch, Batch::empty(self.capacity));
        let sent = self.slots[slot].submit(&self.device, &batch);
        let mut state = self.lock();
        state.traffic.bytes += batch.bytes();
        std::mem::swap(&mut state.slot_states[slot].batch, &mut batch);
        sent
    }

    /// Takes the results of a batch that is back, and frees its slot.
    fn hand_over(&self, slot: usize, deliver: &mut dyn FnMut(Done<T>)) -> Result<()> {
        let mut state = self.lock();
        let allocations: Vec<&Allocation> =
            state.slot_states[slot].entries.iter().flatten().map(|entry| &entry.allocation).collect();
        let read = self.slots[slot].results(&self.device, |words, timings| {
            (allocations.iter().map(|allocation| allocation.sums(words)).collect::<Vec<Sums>>(), timings)
        });
        let (sums, timings) = read?;
        let entries = state.take_back(slot, timings);
        drop(state);
        self.changed.notify_all();
        // Without the lock, and after the slot is free: `deliver` may take long.
        for (InFlight { picture, payload, .. }, sums) in entries.into_iter().zip(sums) {
            deliver(Done { picture, payload, sums: Ok(sums) });
        }
        Ok(())
    }

    /// After a fault: hands back everything that nobody is writing any more.
    fn return_failed(&self, deliver: &mut dyn FnMut(Done<T>)) {
        let mut state = self.lock();
        let Some(reason) = state.failed.clone() else { return };
        state.open = None;
        state.closed.clear();
        state.in_flight.clear();
        let idle = state.slot_states.iter_mut().filter(|slot_state| slot_state.writing == 0);
        let entries: Vec<InFlight<T>> = idle.flat_map(SlotState::take).collect();
        drop(state);
        self.changed.notify_all();
        for InFlight { picture, payload, .. } in entries {
            deliver(Done { picture, payload, sums: Err(reason.clone()) });
        }
    }

    /// What is locked stays true whatever panicked meanwhile.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Turn {
    Busy,
    Ended,
}

impl<T> State<T> {
    /// Closes the open batch, if there is something in it.
    fn close(&mut self) {
        let filled = |slot: &mut usize| !self.slot_states[*slot].entries.is_empty();
        if let Some(slot) = self.open.take_if(filled) {
            self.closed.push(slot);
        }
    }

    fn send(&mut self, slot: usize) {
        let now = Instant::now();
        self.in_flight.push(slot);
        self.slot_states[slot].sent = now;
        self.busy_since.get_or_insert(now);
    }

    /// Frees a slot whose batch is back.
    fn take_back(&mut self, slot: usize, timings: Timings) -> Vec<InFlight<T>> {
        self.in_flight.retain(|&other| other != slot);
        let slot_state = &mut self.slot_states[slot];
        slot_state.free = true;
        let (entries, in_flight) = (slot_state.take(), slot_state.sent.elapsed());
        let traffic = &mut self.traffic;
        traffic.batches += 1;
        traffic.pictures += entries.len() as u64;
        timings.add_to(traffic);
        traffic.in_flight += in_flight;
        if self.in_flight.is_empty() {
            traffic.busy += self.busy_since.take().map_or(Duration::ZERO, |since| since.elapsed());
        }
        entries
    }

    fn fail(&mut self, reason: &str) {
        self.failed.get_or_insert_with(|| reason.into());
    }

    fn is_empty(&self) -> bool {
        self.slot_states.iter().all(|slot_state| slot_state.entries.is_empty())
    }
}

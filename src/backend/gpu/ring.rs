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
//! **Nobody waits.** Where no batch has room, the picture stays with whoever brought it: so a device takes what it can and slows nobody down, no matter how slow
//! it is. At the end, when nothing more comes, what the device still has is given back a few at a time while the CPU has nothing else to do, the last
//! first; what comes of these on the device is dropped.
//!
//! **Two kinds of pictures** share a batch: decoded ones, whose samples are copied in, and JPEGs that the device decodes ([`Ring::with_decoder`]), whose data is
//! unstuffed straight into the batch by [`place`](Ring::place). Of these the files are kept by whoever sent them: a picture that the device
//! did not come to the end of is the CPU's.
//!
//! **Faults.** Whatever goes wrong on the device, a time-out included, ends the ring and not the run: every picture that is in it
//! comes back with the reason, unhashed, and so does every later one. Pictures, or their files, are kept until their results are there.
//!
//! **Locks.** `tables`, `state` and the device's own, which keeps memory mapped, are never held together, so their order does not matter. `state` is not held while
//! samples are copied, a batch is encoded or the device is polled.
//!
//! One long file, since every step of a batch changes the same state.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::batch::{Allocation, Batch};
use super::capacity::Capacity;
use super::device::Device;
use super::jpeg::batch as jpeg;
use super::jpeg::batch::Codes;
use super::jpeg::decoder::{Decoder, Placed, shape};
use super::jpeg::stages::Results;
use super::slot::{Slot, Timings};
use super::tables::Tables;
use crate::backend::layout::{Layout, Shape};
use crate::backend::{Decoding, Done, Sums, Traffic};
use crate::decode::jpeg::Compressed;
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
const POLL: Duration = Duration::from_micros(250);
/// Pictures that are given back at a time while the CPU has nothing else to do.
const GIVEN_BACK: usize = 4;
/// How long the device has for what was sent to it before that is given back as well.
const GRACE: Duration = Duration::from_millis(20);
/// How long it sleeps when there is nothing to do; it is woken when there is.
const IDLE: Duration = Duration::from_millis(50);

/// Batches of one device.
#[derive(Debug)]
pub(crate) struct Ring<T> {
    device: Arc<Device>,
    capacity: Capacity,
    patience: Duration,
    slots: Vec<Slot>,
    decoder: Option<Decoder>,
    /// Whether the CPU gets back what it is idle for: not from a device that it plays itself.
    pub(crate) gives_back: bool,
    state: Mutex<State<T>>,
    changed: Condvar,
    /// Pictures that have not come back yet.
    waiting: AtomicUsize,
    /// Why nothing is sent to the device any more.
    failed: OnceLock<Arc<str>>,
    tables: Mutex<Vec<Arc<Tables>>>,
    /// What goes wrong, and how long a picture takes, by a test.
    #[cfg(test)]
    pub(crate) hook: Hook,
}

/// What a test has a ring do.
#[cfg(test)]
#[derive(Debug, Default)]
pub(crate) struct Hook {
    /// Pictures come back no sooner than so long after one another.
    pub(crate) pace: Duration,
    /// Nothing is sent to the device: it never answers, and takes nothing of the CPU either.
    pub(crate) is_silent: bool,
    /// Pictures that the device decoded.
    pub(crate) decoded: std::sync::atomic::AtomicUsize,
    /// The most pictures that were in the ring at once.
    pub(crate) most_waiting: AtomicUsize,
    /// When the last batch came back.
    back: Mutex<Option<Instant>>,
}

#[cfg(test)]
impl Hook {
    /// Whether a batch of so many pictures is still to take its time: a slow device works on one after the other.
    fn is_early(&self, sent: Instant, pictures: usize) -> bool {
        let back = *self.back.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_silent || back.map_or(sent, |back| back.max(sent)).elapsed() < self.pace * pictures as u32
    }
}

#[derive(Debug)]
struct State<T> {
    slot_states: Vec<SlotState<T>>,
    /// The slot that is being filled.
    open: Option<usize>,
    /// Slots in the order in which they were closed, then sent.
    closed: Vec<usize>,
    in_flight: Vec<usize>,
    /// Since when nothing more will be submitted.
    finishing: Option<Instant>,
    traffic: Traffic,
    busy_since: Option<Instant>,
}

/// What is in one slot.
#[derive(Debug)]
struct SlotState<T> {
    free: bool,
    batch: Batch,
    /// Those that the device decodes.
    compressed: Option<jpeg::Batch>,
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
    /// Where the device decodes it.
    placed: Option<Placed>,
}

impl<T> InFlight<T> {
    /// Gives the picture back without sums.
    fn unhashed(self, reason: Option<Arc<str>>) -> Done<T> {
        let decoding = if self.placed.is_some() { Decoding::Device(None) } else { Decoding::Cpu };
        Done { picture: self.picture, payload: self.payload, sums: Err(reason), decoding }
    }
}

/// A JPEG in the open batch, of which the payload is still to come. Without one, what the device makes of it is dropped.
#[derive(Debug)]
pub(crate) struct Sending<'a, T: Send> {
    ring: &'a Ring<T>,
    slot: usize,
    index: usize,
    /// Gone with the payload.
    made: Option<(Allocation, Placed)>,
}

impl<T: Send> Sending<'_, T> {
    /// Sends it off. `picture` has no samples yet, and comes back with the sums.
    pub(crate) fn commit(mut self, picture: Picture, payload: T) {
        if let Some((allocation, placed)) = self.made.take() {
            let entry = InFlight { picture, payload, allocation, placed: Some(placed) };
            self.ring.goes_in();
            self.ring.lock().slot_states[self.slot].entries[self.index] = Some(entry);
        }
    }
}

impl<T: Send> Drop for Sending<'_, T> {
    fn drop(&mut self) {
        self.ring.wrote(&mut self.ring.lock(), self.slot);
    }
}

impl<T> SlotState<T> {
    fn take(&mut self) -> Vec<InFlight<T>> {
        self.batch.clear();
        self.compressed.iter_mut().for_each(jpeg::Batch::clear);
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
        let timestamps = device.timestamps_of_batches();
        let slots: Vec<Slot> = (0..SLOTS).map(|_| Slot::new(&device, capacity, timestamps)).collect();
        device.check()?;
        device.count_ring(true);
        let slot_state = || SlotState {
            free: true,
            batch: Batch::new(capacity),
            compressed: None,
            entries: Vec::new(),
            writing: 0,
            sent: Instant::now(),
        };
        let state = State {
            slot_states: (0..SLOTS).map(|_| slot_state()).collect(),
            open: None,
            closed: Vec::new(),
            in_flight: Vec::new(),
            finishing: None,
            traffic: Traffic { device: device.adapter.name.clone(), ..Traffic::default() },
            busy_since: None,
        };
        Ok(Ring {
            capacity,
            patience,
            slots,
            decoder: None,
            gives_back: !device.adapter.is_software(),
            device,
            state: Mutex::new(state),
            changed: Condvar::new(),
            waiting: AtomicUsize::new(0),
            failed: OnceLock::new(),
            tables: Mutex::default(),
            #[cfg(test)]
            hook: Hook::default(),
        })
    }

    /// The same with what decodes JPEGs, about `bytes` of them a batch, where the device's limits leave room for that.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] where the driver refuses, or has no memory for it.
    pub(crate) fn with_decoder(mut self, bytes: u64) -> Result<Ring<T>> {
        self.decoder = Decoder::new(&self.device, SLOTS, bytes)?;
        for slot_state in &mut self.lock().slot_states {
            slot_state.compressed = self.decoder.as_ref().map(Decoder::batch);
        }
        Ok(self)
    }

    /// The device.
    #[cfg(test)]
    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    /// Pictures that have not come back yet.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// Whether the device has failed, which [`submit`](Ring::submit) then says.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.get().is_some()
    }

    /// Whether a batch may have room now.
    pub(crate) fn has_room(&self) -> bool {
        let state = self.lock();
        let is_free = |slot_state: &SlotState<T>| slot_state.free;
        !self.has_failed() && (state.open.is_some() || state.slot_states.iter().any(is_free))
    }

    /// What has gone through so far.
    pub(crate) fn traffic(&self) -> Traffic {
        self.lock().traffic.clone()
    }

    /// Copies a picture into the open batch. It comes back from [`drive`](Ring::drive).
    ///
    /// # Errors
    ///
    /// The picture at once where no batch has room for it now, and, with the reason in [`Done::sums`], where it is too large for any or the device has failed.
    pub(crate) fn submit(
        &self,
        picture: Picture,
        algorithms: &[Algorithm],
        payload: T,
    ) -> Result<(), Box<Done<T>>> {
        let tables = self.tables(Shape::of(&picture), algorithms);
        let add = |slot_state: &mut SlotState<T>| slot_state.batch.add(&tables, &picture);
        let (slot, index, allocation) = match self.reserve(add) {
            Ok(reserved) => reserved,
            Err(reason) => {
                return Err(Box::new(Done { picture, payload, sums: Err(reason), decoding: Decoding::Cpu }));
            }
        };
        let filled = self.filling(|within| super::fill(&self.slots[slot], &allocation, &picture, within));
        if let Err(error) = filled {
            self.fail(&error.to_string());
        }
        self.goes_in();
        let mut state = self.lock();
        state.slot_states[slot].entries[index] =
            Some(InFlight { picture, payload, allocation, placed: None });
        self.wrote(&mut state, slot);
        Ok(())
    }

    /// Ends to write to a slot. Who drives is woken if that is what is waited for, and not for every picture: each look at the device holds up all who write.
    fn wrote(&self, state: &mut State<T>, slot: usize) {
        state.slot_states[slot].writing -= 1;
        let is_ready = state.slot_states[slot].writing == 0 && state.closed.contains(&slot);
        if is_ready || state.in_flight.is_empty() {
            self.changed.notify_all();
        }
    }

    /// Unstuffs a JPEG straight into the open batch; `None` where no batch has room for it now or it does not qualify after all, where the device has failed, and where
    /// it decodes nothing.
    pub(crate) fn place<'a>(
        &'a self,
        picture: &Compressed<'_>,
        algorithms: &[Algorithm],
    ) -> Option<Sending<'a, T>> {
        let decoder = self.decoder.as_ref()?;
        let tables = self.tables(shape(picture), algorithms);
        // What takes long is done before others have to wait for it.
        let mut codes = decoder.codes(picture);
        if !self.has_tables_of(&codes) {
            codes.make(picture)?;
        }
        let add = |slot_state: &mut SlotState<T>| {
            let halves = (slot_state.compressed.as_mut()?, &mut slot_state.batch);
            Decoder::reserve(halves, picture, &mut codes, &tables)
        };
        let (slot, index, (reserved, allocation)) = self.reserve(add).ok()?;
        let mut sending = Sending { ring: self, slot, index, made: None };
        let mut unstuffed = None;
        let filled = self.filling(|within| {
            if let Some(at) = allocation.tables_at {
                within(&mut || self.slots[slot].fill_tables(at, &allocation.tables.words))?;
            }
            unstuffed = decoder.fill(&self.device, slot, picture, &reserved)?;
            Ok(())
        });
        if let Err(error) = filled {
            self.fail(&error.to_string());
            return None;
        }
        let unstuffed = unstuffed?;
        let read = (&unstuffed, picture.guards(&unstuffed));
        let mut state = self.lock();
        let compressed = state.slot_states[slot].compressed.as_mut()?;
        let placed = Decoder::place(compressed, picture, (&reserved, &allocation), read)?;
        sending.made = Some((allocation, placed));
        drop(state);
        Some(sending)
    }

    /// Whether the open batch has tables of these codes already.
    fn has_tables_of(&self, codes: &Codes) -> bool {
        let state = self.lock();
        let open = state.open.and_then(|slot| state.slot_states[slot].compressed.as_ref());
        open.is_some_and(|batch| batch.has(codes))
    }

    /// Runs what copies into mapped memory, and counts the time. A panic is caught, so that whoever counts as writing ends to: a batch that
    /// counts one is never sent.
    fn filling(
        &self,
        fill: impl FnOnce(&dyn Fn(&mut dyn FnMut() -> Result<()>) -> Result<()>) -> Result<()>,
    ) -> Result<()> {
        let started = Instant::now();
        let filled = catch_unwind(AssertUnwindSafe(|| fill(&|piece| self.device.writing(piece))));
        self.lock().traffic.fill += started.elapsed();
        filled.unwrap_or_else(|_| Err(Error::Device("copying to the device panicked".to_string())))
    }

    /// Room in the open batch, or in the next: slot, entry, and what `add` reserved there. Without it, the reason, if there is any but that none has room now.
    fn reserve<R>(
        &self,
        mut add: impl FnMut(&mut SlotState<T>) -> Option<R>,
    ) -> Result<(usize, usize, R), Option<Arc<str>>> {
        let mut state = self.lock();
        loop {
            if let Some(reason) = self.failed.get() {
                return Err(Some(reason.clone()));
            }
            let slot = state.open.or_else(|| state.slot_states.iter().position(|slot_state| slot_state.free));
            let Some(slot) = slot else { return Err(None) };
            state.open = Some(slot);
            let slot_state = &mut state.slot_states[slot];
            slot_state.free = false;
            if let Some(reserved) = add(slot_state) {
                slot_state.writing += 1;
                slot_state.entries.push(None);
                return Ok((slot, slot_state.entries.len() - 1, reserved));
            }
            let is_empty = slot_state.entries.is_empty();
            // What no batch holds must not end this one.
            if is_empty || add(&mut self.empty_slot()).is_none() {
                if is_empty {
                    state.slot_states[slot].take();
                }
                let bytes = self.capacity.bytes;
                return Err(Some(
                    format!("too large for the device: its batches hold {bytes} bytes of samples and tables")
                        .into(),
                ));
            }
            state.close();
            self.changed.notify_all();
        }
    }

    /// A slot with nothing in it, for bookkeeping alone.
    fn empty_slot(&self) -> SlotState<T> {
        SlotState {
            free: false,
            batch: Batch::empty(self.capacity),
            compressed: self.decoder.as_ref().map(Decoder::batch),
            entries: Vec::new(),
            writing: 0,
            sent: Instant::now(),
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
        self.lock().finishing.get_or_insert_with(Instant::now);
        self.changed.notify_all();
    }

    /// Sends batches to the device and gives what comes back to `deliver`, until [`finish`](Ring::finish). Every picture
    /// that the ring took comes back exactly once. `is_idle` tells whether the CPU has nothing else to do.
    pub(crate) fn drive(&self, deliver: &mut dyn FnMut(Done<T>), is_idle: &dyn Fn() -> bool) {
        loop {
            let turned = catch_unwind(AssertUnwindSafe(|| self.turn(deliver, is_idle)));
            match turned {
                Ok(Ok(Turn::Ended)) => return,
                Ok(Ok(Turn::Busy)) => (),
                Ok(Err(error)) => self.fail(&error.to_string()),
                Err(_) => self.fail("the driver panicked"),
            }
            self.return_failed(deliver);
        }
    }

    /// One look at everything that could be done.
    fn turn(&self, deliver: &mut dyn FnMut(Done<T>), is_idle: &dyn Fn() -> bool) -> Result<Turn> {
        let mut state = self.lock();
        if let Some(since) = state.finishing.filter(|_| self.gives_back && is_idle()) {
            let given_back = state.give_back(since.elapsed() >= GRACE);
            drop(state);
            self.came_back(given_back.len());
            given_back.into_iter().for_each(|entry| deliver(entry.unhashed(None)));
            state = self.lock();
        }
        if state.in_flight.len() + state.closed.len() < AHEAD {
            state.close();
        }
        if state.finishing.is_some() && state.is_empty() {
            // What was given back may be on the device still, and it may never come to its end.
            if !state.in_flight.is_empty() {
                self.device.abandon();
            }
            return Ok(Turn::Ended);
        }
        // In the order in which they were closed, though a later one may be written first.
        let next = state.closed.first().copied().filter(|&slot| state.slot_states[slot].writing == 0);
        if let Some(slot) = next.filter(|_| !self.has_failed()) {
            state.closed.remove(0);
            // In flight before it is sent, so that a fault in between returns it too.
            state.send(slot);
            drop(state);
            #[cfg(test)]
            if self.hook.is_silent {
                return Ok(Turn::Busy);
            }
            self.send(slot)?;
            return Ok(Turn::Busy);
        }
        let Some(&slot) = state.in_flight.first() else {
            drop(self.changed.wait_timeout(state, IDLE));
            return Ok(Turn::Busy);
        };
        let sent = state.slot_states[slot].sent;
        #[cfg(test)]
        let is_early = self.hook.is_early(sent, state.slot_states[slot].entries.len());
        #[cfg(not(test))]
        let is_early = false;
        drop(state);
        self.device.poll()?;
        if !is_early && self.slots[slot].ready()? {
            self.hand_over(slot, deliver)?;
        } else if sent.elapsed() > self.patience {
            self.device.abandon();
            return Err(Error::Device(format!("no answer within {} s", self.patience.as_secs_f32())));
        } else {
            drop(self.changed.wait_timeout(self.lock(), POLL));
        }
        Ok(Turn::Busy)
    }

    /// Sends a closed batch, whose descriptors nobody else changes any more.
    fn send(&self, slot: usize) -> Result<()> {
        // Taken out, so that others can reserve while it is encoded.
        let mut batch = Batch::empty(self.capacity);
        let mut state = self.lock();
        std::mem::swap(&mut state.slot_states[slot].batch, &mut batch);
        let mut compressed = state.slot_states[slot].compressed.take();
        drop(state);
        let sent = match (&self.decoder, compressed.as_mut().filter(|compressed| !compressed.is_empty())) {
            (Some(decoder), Some(compressed)) => {
                decoder.submit(&self.device, (slot, &self.slots[slot]), (compressed, &batch))
            }
            _ => self.slots[slot].submit(&self.device, &batch),
        };
        let mut state = self.lock();
        state.traffic.bytes += batch.bytes() + compressed.as_ref().map_or(0, jpeg::Batch::bytes);
        std::mem::swap(&mut state.slot_states[slot].batch, &mut batch);
        state.slot_states[slot].compressed = compressed;
        sent
    }

    /// Takes the results of a batch that is back, and frees its slot.
    fn hand_over(&self, slot: usize, deliver: &mut dyn FnMut(Done<T>)) -> Result<()> {
        // Read without the lock, for others fill the next batch meanwhile; nobody else touches a slot that is not free.
        let mut taken = self.empty_slot();
        std::mem::swap(&mut self.lock().slot_states[slot], &mut taken);
        let read = catch_unwind(AssertUnwindSafe(|| self.results(slot, &taken)))
            .unwrap_or_else(|_| Err(Error::Device("reading the results panicked".to_string())));
        let mut state = self.lock();
        // Back in its place, from where its pictures are given back if the results are of no use.
        state.slot_states[slot] = taken;
        let (found, sums, timings) = read?;
        let entries = state.take_back(slot, timings);
        drop(state);
        self.came_back(entries.len());
        #[cfg(test)]
        self.hook.back.lock().unwrap_or_else(PoisonError::into_inner).replace(Instant::now());
        self.changed.notify_all();
        // Without the lock, and after the slot is free: `deliver` may take long.
        for (InFlight { picture, payload, placed, .. }, sums) in entries.into_iter().zip(sums) {
            let done = match (placed, &found) {
                (Some(placed), Some(found)) => match placed.verdict(found) {
                    Some(check) => {
                        #[cfg(test)]
                        self.hook.decoded.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        Done { picture, payload, sums: Ok(sums), decoding: Decoding::Device(check) }
                    }
                    None => Done { picture, payload, sums: Err(None), decoding: Decoding::Device(None) },
                },
                _ => Done { picture, payload, sums: Ok(sums), decoding: Decoding::Cpu },
            };
            deliver(done);
        }
        Ok(())
    }

    /// What came back of a batch: of JPEGs, of every picture, and of time.
    fn results(&self, slot: usize, of: &SlotState<T>) -> Result<(Option<Results>, Vec<Sums>, Timings)> {
        let compressed = of.compressed.as_ref().filter(|batch| !batch.is_empty());
        let found = match (&self.decoder, compressed) {
            (Some(decoder), Some(compressed)) => Some(decoder.results(&self.device, slot, compressed)?),
            _ => None,
        };
        let (sums, timings) = self.slots[slot].results(&self.device, |words, timings| {
            let sums = |entry: &InFlight<T>| of.batch.sums(&entry.allocation, words);
            (of.entries.iter().flatten().map(sums).collect::<Option<Vec<_>>>(), timings)
        })?;
        let sums = sums.ok_or_else(|| self.device.broken("dct", "another batch's sums"))?;
        Ok((found, sums, timings))
    }

    /// After a fault: hands back everything that nobody is writing any more.
    fn return_failed(&self, deliver: &mut dyn FnMut(Done<T>)) {
        let Some(reason) = self.failed.get() else { return };
        let mut state = self.lock();
        state.open = None;
        state.closed.clear();
        state.in_flight.clear();
        let idle = state.slot_states.iter_mut().filter(|slot_state| slot_state.writing == 0);
        let entries: Vec<InFlight<T>> = idle.flat_map(SlotState::take).collect();
        drop(state);
        self.came_back(entries.len());
        self.changed.notify_all();
        entries.into_iter().for_each(|entry| deliver(entry.unhashed(Some(reason.clone()))));
    }

    /// Counts a picture.
    fn goes_in(&self) {
        let _before = self.waiting.fetch_add(1, Ordering::AcqRel);
        #[cfg(test)]
        self.hook.most_waiting.fetch_max(_before + 1, Ordering::AcqRel);
    }

    /// Counts pictures that are given back.
    fn came_back(&self, pictures: usize) {
        self.waiting.fetch_sub(pictures, Ordering::AcqRel);
    }

    fn fail(&self, reason: &str) {
        self.failed.get_or_init(|| reason.into());
    }

    /// What is locked stays true whatever panicked meanwhile.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        self.device.count_ring(false);
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

    /// A few pictures of those that would come back last; of those that were sent only where `even_sent` says so.
    fn give_back(&mut self, even_sent: bool) -> Vec<InFlight<T>> {
        let State { slot_states, open, closed, in_flight, .. } = self;
        let sent = in_flight.iter().rev().filter(|_| even_sent);
        let slots = open.iter().chain(closed.iter().rev()).chain(sent);
        let mut given_back = Vec::new();
        for &slot in slots {
            let left = slot_states[slot].entries.iter_mut().rev().filter_map(Option::take);
            given_back.extend(left.take(GIVEN_BACK - given_back.len()));
        }
        given_back
    }

    /// Whether nobody waits for anything.
    fn is_empty(&self) -> bool {
        let is_empty = |slot_state: &SlotState<T>| {
            slot_state.writing == 0 && slot_state.entries.iter().all(Option::is_none)
        };
        self.slot_states.iter().all(is_empty)
    }
}

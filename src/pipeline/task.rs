//! What the threads hash: a picture, and who gets the result.
//!
//! With devices, workers place what a device can decode in its batch, decode and submit what it can sum, and hash what it has no room for; one thread per device
//! drives it, and workers finish what comes back:
//!
//! ```text
//!            ┌─place, submit─▶ ring of batches ──drive──▶ done ──┐
//! jobs ──▶ workers ◀─────────────────────────────────────────────┘
//! ```
//!
//! No worker waits for a device. Pictures in flight, or their files, are kept, so that the CPU can take over what a device leaves undone; [`held`](super::held) and the
//! rings' capacity bound them. For the same reason the channel of pictures that come back needs no bound of its own.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use super::held::{Held, Hold};
use crate::backend::gpu::{Compressed, Ring, Sending};
use crate::backend::{Decoding, Done};
use crate::decode::Memory;
use crate::error::{Error, Result};
use crate::hasher::{Facts, HashOptions, Hashed};
use crate::picture::Picture;
use crate::signature::Algorithm;

/// An encoded picture to be hashed, and who gets the result. A task that is dropped without an outcome reports an error to them.
pub(crate) trait Task: Debug + Send {
    /// The encoded picture.
    fn encoded(&self) -> &[u8];

    /// What is hashed, and how. Tasks that share them share a thread's buffers.
    fn options(&self) -> &Arc<HashOptions>;

    /// Whether anybody still wants the result. Otherwise the task is dropped before it costs anything.
    fn is_wanted(&self) -> bool;

    /// The way through devices, if there is one.
    fn route(&self) -> Option<&Route> {
        None
    }

    /// Leaves the way through devices: it will not be sent there, or has been.
    fn leave_route(&mut self) -> Option<Route> {
        None
    }

    /// Whether it was meant for a device.
    fn has_devices(&self) -> bool {
        false
    }

    /// Gives the encoded picture up, where nobody needs it any more.
    fn release_encoded(&mut self) {}

    /// Counts the time since `started` as spent on it.
    fn spent(&mut self, _started: Instant) {}

    /// Says how much of the time that is or will be counted went into decoding.
    fn decoded(&mut self, _took: Duration) {}

    /// Says how much of it went into waiting for memory.
    fn waited(&mut self, _took: Duration) {}

    /// Takes the outcome, which took the time since `started`.
    fn done(self: Box<Self>, outcome: Result<Hashed>, started: Instant);
}

/// A task with what is known of it by now.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) task: Box<dyn Task>,
    pub(super) need: Memory,
    /// When it asked for more than a worker's share.
    pub(super) asked: Instant,
}

/// That a picture was lost: the last net under the promise of a record for every source.
pub(crate) fn dropped() -> Error {
    Error::corrupt("picture", "a thread lost it; this is a bug, please report it with the file".to_string())
}

/// What goes through a device with a picture.
#[derive(Debug)]
pub(super) struct Travelling {
    /// Where not every pixel was decoded, with the file: some pictures turn out to need them all.
    pub(super) pending: Pending,
    pub(super) facts: Facts,
    /// Until a worker has it again.
    pub(super) hold: Hold,
}

/// A picture that came back.
pub(super) type Returned = Done<Travelling>;

/// The devices of a run, as they are seen by a picture that may still be sent there. When the last such picture is gone, the rings end.
#[derive(Debug, Clone)]
pub(crate) struct Route(Arc<Rings>);

/// The rings of a run, which end with it.
#[derive(Debug)]
pub(super) struct Rings {
    rings: Arc<[Ring<Travelling>]>,
    held: Held,
}

impl Drop for Rings {
    fn drop(&mut self) {
        self.rings.iter().for_each(Ring::finish);
    }
}

impl Route {
    /// The way through these devices, if there are any, which hold no more than `held` says.
    pub(super) fn through(rings: &Arc<[Ring<Travelling>]>, held: Held) -> Option<Route> {
        (!rings.is_empty()).then(|| Route(Arc::new(Rings { rings: rings.clone(), held })))
    }

    /// A place for a picture with a file of so many bytes, where a device may have room now; also where all have failed, which [`submit`](Route::submit) then says.
    pub(super) fn hold(&self, bytes: u64) -> Option<Hold> {
        let Rings { rings, held } = &*self.0;
        let may_have_room = rings.iter().any(Ring::has_room) || rings.iter().all(Ring::has_failed);
        may_have_room.then(|| held.take(bytes)).flatten()
    }

    /// Those that work, from that with the least to do on; all of them where none does.
    fn rings(&self) -> impl Iterator<Item = &Ring<Travelling>> {
        let all = &self.0.rings;
        let is_any_left = !all.iter().all(Ring::has_failed);
        let least = (0..all.len()).min_by_key(|ring| (all[*ring].has_failed(), all[*ring].waiting()));
        let (before, from) = all.split_at(least.unwrap_or(0));
        from.iter().chain(before).filter(move |ring| !(is_any_left && ring.has_failed()))
    }

    /// Puts a JPEG into a batch of the first device that has room for it, from that with the least to do on.
    pub(super) fn place(
        &self,
        picture: &Compressed<'_>,
        algorithms: &[Algorithm],
    ) -> Option<Sending<'_, Travelling>> {
        self.rings().find_map(|ring| ring.place(picture, algorithms))
    }

    /// Sends a picture to the first device that has room for it, from that with the least to do on; what none has room for comes back at once.
    pub(super) fn submit(
        &self,
        picture: Picture,
        algorithms: &[Algorithm],
        mut travelling: Travelling,
    ) -> Option<Box<Returned>> {
        let file = travelling.pending.task.encoded().len() as u64;
        let has_room = travelling.hold.change_to(file + picture.bytes());
        let (mut picture, mut payload) = (picture, travelling);
        let (mut reason, mut is_full) = (None, !has_room);
        for ring in self.rings().filter(|_| has_room) {
            let refused = match ring.submit(picture, algorithms, payload) {
                Ok(()) => return None,
                Err(refused) => *refused,
            };
            (picture, payload) = (refused.picture, refused.payload);
            reason = refused.sums.err().flatten();
            is_full |= reason.is_none();
        }
        // Of one that may have room later nobody says that it failed.
        let sums = Err(reason.filter(|_| !is_full));
        Some(Box::new(Done { picture, payload, sums, decoding: Decoding::Cpu }))
    }
}

/// Drives a device until nothing more is submitted to it.
pub(super) fn drive(ring: &Ring<Travelling>, returned: &Sender<Box<Returned>>) {
    // Without receivers nobody wants the records any more.
    ring.drive(&mut |done| drop(returned.send(Box::new(done))), &|| returned.is_empty());
}

#[cfg(feature = "gpu")]
#[expect(clippy::print_stdout, reason = "says what was compared")]
#[cfg(test)]
mod tests {
    mod jpegs;

    use std::ffi::OsString;
    use std::num::NonZeroUsize;

    use super::*;
    use crate::backend::gpu::{Capacity, devices_for_tests};
    use crate::error::Result;
    use crate::pipeline::workers::Workers;
    use crate::pipeline::{Record, RunChoices, Sink, Source, pool};
    use crate::{Backend, Hashed};

    /// A bitmap of 24 bits per pixel with a pattern of its own.
    fn bitmap(number: u32) -> Vec<u8> {
        let (width, height) = (40 + number % 50, 30 + number % 37);
        let row = (width * 3).next_multiple_of(4);
        let mut file = b"BM".to_vec();
        let size = 54 + row * height;
        for word in [size, 0, 54, 40, width, height, 1 | 24 << 16, 0, row * height, 2835, 2835, 0, 0] {
            file.extend(word.to_le_bytes());
        }
        let shade = |i: u32| ((i.wrapping_mul(number | 1).wrapping_mul(2_654_435_761)) >> 24) as u8;
        file.extend((0..row * height).map(shade));
        file
    }

    fn sources(count: u32) -> impl Iterator<Item = Source> {
        let source = |number| match number % 97 {
            13 => Source::bytes(format!("{number}"), b"no picture".to_vec()),
            _ => Source::bytes(format!("{number}"), bitmap(number)),
        };
        (0..count).map(source)
    }

    /// Keeps the records, and does something when there are so many.
    struct Kept<F: FnMut()> {
        records: Vec<(OsString, Option<Hashed>)>,
        at: usize,
        action: F,
    }

    impl<F: FnMut()> Sink for Kept<F> {
        fn write(&mut self, record: &Record) -> Result<()> {
            self.records.push((record.key.clone(), record.outcome.as_ref().ok().cloned()));
            if self.records.len() == self.at {
                (self.action)();
            }
            Ok(())
        }

        fn flush(&mut self) -> Result<()> {
            Ok(())
        }
    }

    fn run(
        rings: &Arc<[Ring<Travelling>]>,
        count: u32,
        action: impl FnMut(),
    ) -> Vec<(OsString, Option<Hashed>)> {
        let mut kept = Kept { records: Vec::new(), at: 300, action };
        let workers = Workers::start(NonZeroUsize::new(3).unwrap(), 1 << 30, 1).unwrap();
        pool::run_through(&workers, rings, sources(count), &mut kept, &RunChoices::default()).unwrap();
        kept.records
    }

    /// The same records but for what computed them; how many came from devices, and how many were taken over.
    fn compare(found: &[(OsString, Option<Hashed>)], count: u32) -> (usize, usize) {
        let none: Arc<[Ring<Travelling>]> = Vec::new().into();
        let expected = run(&none, count, || ());
        assert_eq!((found.len(), expected.len()), (count as usize, count as usize));
        for ((key, found), (expected_key, expected)) in found.iter().zip(&expected) {
            let plain = |hashed: &Hashed| Hashed { backend: Backend::Cpu, fallback: None, ..hashed.clone() };
            assert_eq!((key, found.as_ref().map(plain)), (expected_key, expected.clone()));
        }
        let hashed = || found.iter().filter_map(|(_, hashed)| hashed.as_ref());
        let taken_over = hashed().filter(|hashed| hashed.fallback.is_some()).count();
        (hashed().filter(|hashed| hashed.backend == Backend::Gpu).count(), taken_over)
    }

    fn rings() -> Vec<Ring<Travelling>> {
        let ring = |device: crate::backend::gpu::Device| {
            let capacity = Capacity { pictures: 40, bytes: 1 << 20 };
            let mut ring = Ring::new(device.into(), capacity, Duration::from_secs(120)).unwrap();
            ring.gives_back = false;
            ring
        };
        devices_for_tests().into_iter().map(ring).collect()
    }

    /// Two devices, where there are any, share the pictures; the records are those of the CPU, in order.
    #[test]
    fn devices_change_no_record() {
        let rings = rings();
        if rings.is_empty() {
            return;
        }
        let rings: Arc<[_]> = rings.into();
        let records = run(&rings, 900, || ());
        let (by_devices, taken_over) = compare(&records, 900);
        println!("{by_devices} of 900 by {} devices", rings.len());
        // As many as they have room for while the CPU hashes the others.
        assert!(by_devices >= 40 && taken_over == 0, "{by_devices} {taken_over}");
    }

    /// What is in flight then is taken over; what comes later is not offered to it. The stages' own tests lose batches in flight.
    #[test]
    fn a_device_lost_in_the_middle_loses_no_record() {
        let Some(ring) = rings().into_iter().next() else { return };
        let rings: Arc<[_]> = Arc::new([ring]);
        let records = run(&rings, 800, || rings[0].device().destroy());
        let (by_devices, taken_over) = compare(&records, 800);
        println!("{by_devices} by the device, {taken_over} after it was lost");
        assert!((1..800).contains(&by_devices), "{by_devices} by a device that is lost after 300 records");
    }

    /// What one device that is lost refuses goes to the other one.
    #[test]
    fn a_lost_device_is_skipped() {
        let mut rings = rings().into_iter();
        let (Some(lost), Some(whole)) = (rings.next(), rings.next()) else {
            return;
        };
        let rings: Arc<[Ring<Travelling>]> = Arc::new([lost, whole]);
        rings[0].device().destroy();
        let records = run(&rings, 900, || ());
        let (by_devices, taken_over) = compare(&records, 900);
        println!("{by_devices} by the device that works, {taken_over} that the other one had");
        // Before it is known to be lost it may have as many as its batches hold.
        assert!(by_devices >= 40 && taken_over <= 120, "{by_devices} {taken_over}");
    }
}

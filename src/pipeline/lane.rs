//! The way through devices: workers decode and submit, one thread a device drives it, and workers finish what comes back.
//!
//! ```text
//!            ┌───submit───▶ ring of batches ──drive──▶ done ──┐
//! jobs ──▶ workers ◀──────────────────────────────────────────┘
//! ```
//!
//! Pictures on their way are kept, so that the processor can take over what a device leaves undone; the rings' capacity
//! bounds them. The channel of what is done needs no bound of its own for the same reason.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, never};

use super::task::Job;
use crate::backend::Done;
use crate::backend::gpu::Ring;
use crate::hasher::Facts;
use crate::picture::Picture;
use crate::signature::Algorithm;

/// What travels with a picture through a device.
#[derive(Debug)]
pub(super) struct Travelling {
    /// Where not every pixel was decoded, with the file: some pictures turn out to need them all.
    pub(super) job: Job,
    pub(super) facts: Facts,
}

/// A picture that came back.
pub(super) type Returned = Done<Travelling>;

/// The devices of a run, as a worker sees them.
#[derive(Debug, Clone)]
pub(super) struct Lane<'a> {
    rings: &'a [Ring<Travelling>],
    /// Gone when this worker submits nothing more.
    submitter: Option<Arc<Submitters<'a>>>,
    returned: Receiver<Returned>,
}

/// Ends the rings when the last worker has submitted its last picture, however it ends.
#[derive(Debug)]
struct Submitters<'a>(&'a [Ring<Travelling>]);

impl Drop for Submitters<'_> {
    fn drop(&mut self) {
        self.0.iter().for_each(Ring::finish);
    }
}

impl<'a> Lane<'a> {
    /// A lane through `rings`, from which `returned` receives.
    pub(super) fn new(rings: &'a [Ring<Travelling>], returned: Receiver<Returned>) -> Lane<'a> {
        if rings.is_empty() {
            return Lane { rings, submitter: None, returned: never() };
        }
        Lane { rings, submitter: Some(Arc::new(Submitters(rings))), returned }
    }

    /// Whether there is a device.
    pub(super) fn is_open(&self) -> bool {
        self.submitter.is_some()
    }

    /// Says that this worker submits nothing more.
    pub(super) fn close(&mut self) {
        self.submitter = None;
    }

    /// Whether there ever was one.
    pub(super) fn exists(&self) -> bool {
        !self.rings.is_empty()
    }

    /// Says that nothing will come back.
    pub(super) fn forget(&mut self) {
        self.returned = never();
    }

    /// What came back.
    pub(super) fn returned(&self) -> &Receiver<Returned> {
        &self.returned
    }

    /// Sends a picture to the device with the least to do; what none takes comes back at once.
    pub(super) fn submit(
        &self,
        picture: Picture,
        algorithms: &[Algorithm],
        travelling: Travelling,
    ) -> Option<Box<Returned>> {
        let ring = self.rings.iter().min_by_key(|ring| ring.waiting())?;
        ring.submit(picture, algorithms, travelling).err()
    }
}

/// Drives a device until nothing more is submitted to it.
pub(super) fn drive(ring: &Ring<Travelling>, returned: &Sender<Returned>) {
    // Without receivers nobody wants the records any more.
    ring.drive(&mut |done| drop(returned.send(done)));
}

#[cfg(feature = "gpu")]
#[expect(clippy::print_stdout, reason = "says what was compared")]
#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::num::NonZeroUsize;
    use std::time::Duration;

    use super::*;
    use crate::backend::gpu::{Capacity, devices_for_tests};
    use crate::error::Result;
    use crate::pipeline::budget::Budget;
    use crate::pipeline::worker::HashWork;
    use crate::pipeline::{PipelineOptions, Record, Sink, Source, pool};
    use crate::{Backend, Hashed};

    /// A bitmap of 24 bits a pixel with a pattern of its own.
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

    fn run(rings: &[Ring<Travelling>], count: u32, action: impl FnMut()) -> Vec<(OsString, Option<Hashed>)> {
        let options =
            PipelineOptions { threads: NonZeroUsize::new(3).unwrap(), ..PipelineOptions::default() };
        let mut kept = Kept { records: Vec::new(), at: 300, action };
        let budget = Budget::new(options.memory, 3);
        let work = || HashWork::new(options.hash.clone());
        pool::run_within(sources(count), &mut kept, &options, work, (&budget, rings)).unwrap();
        kept.records
    }

    /// The same records but for what computed them; how many came from devices, and how many were taken over.
    fn compare(found: &[(OsString, Option<Hashed>)], count: u32) -> (usize, usize) {
        let expected = run(&[], count, || ());
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
            Ring::new(device.into(), capacity, Duration::from_secs(120)).unwrap()
        };
        devices_for_tests().into_iter().map(ring).collect()
    }

    /// Two devices, where there are any, share the pictures; the records are the processor's, in order.
    #[test]
    fn devices_change_no_record() {
        let rings = rings();
        if rings.is_empty() {
            return;
        }
        let records = run(&rings, 900, || ());
        let (by_devices, taken_over) = compare(&records, 900);
        println!("{by_devices} of 900 by {} devices", rings.len());
        assert_eq!((by_devices, taken_over), (890, 0));
    }

    #[test]
    fn a_device_lost_in_the_middle_loses_no_record() {
        let rings = rings();
        let Some((ring, _)) = rings.split_first() else { return };
        let records = run(std::slice::from_ref(ring), 3000, || ring.device().destroy());
        let (by_devices, taken_over) = compare(&records, 3000);
        println!("{by_devices} by the device, {taken_over} after it was lost");
        assert!(by_devices >= 200 && taken_over >= 100 && by_devices + taken_over == 2969);
    }
}

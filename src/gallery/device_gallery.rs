//! A gallery's signatures on GPUs, where they stay.
//!
//! Devices that somebody asked for are opened and filled at once, and look everything up: threads wait for them. Others are opened when the CPU has looked up for
//! [`EARLIEST`] in this gallery. From then on whoever finds a device free has it look up the next signatures if that is faster
//! ([`device_trial`](super::device_trial)), and otherwise looks them up itself, few enough at a time that the device is not idle at the end. Threads wait for it only
//! where that takes less time than these few.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use super::device_trial::{DeviceTrial, LEAST};
use super::segment::Segment;
use super::{Gallery, Storage};
use crate::backend::gpu::{Device, Metric, Resident};
use crate::backend::{Devices, probe_search};
use crate::error::{Error, Result};
use crate::kernel::distance::Pair;

/// CPU time that look-ups have taken before a device is tried: finding, opening and filling one takes some tenths of a second of one thread.
const EARLIEST: Duration = Duration::from_secs(10);

/// Signatures that a device on trial is given at a time, so that other threads find it free now and then.
const SHARE: usize = 4096;

/// The devices of a gallery, and what they are to gain.
#[derive(Debug)]
pub(super) struct DeviceGallery {
    devices: Devices,
    filled: OnceLock<Filled>,
    /// Of devices that nobody asked for; one for each segment and metric.
    trials: Option<Vec<[DeviceTrial; 2]>>,
    /// Nanoseconds that the CPU has looked up for.
    spent: AtomicU64,
    earliest: Duration,
    is_filling: AtomicBool,
}

/// The devices that hold the gallery.
#[derive(Debug)]
struct Filled {
    copies: Vec<DeviceCopy>,
    /// Why one that nobody asked for does not.
    refused: Option<String>,
}

/// What is on one device, and whether it still answers.
#[derive(Debug)]
struct DeviceCopy {
    signatures: Box<dyn SearchOnDevice>,
    /// Held by the thread that uses it.
    busy: Mutex<()>,
    /// Threads that wait for it.
    waiting: AtomicUsize,
    fault: Mutex<Option<String>>,
}

/// Search among the signatures of one device.
///
/// A trait, since compilers give up (E0275) on finding out that wgpu's types are `Sync` where programs have a gallery deep within types of their own.
trait SearchOnDevice: std::fmt::Debug + Send + Sync {
    /// Calls `found` with every pair within `radius` of a segment's rows and `signatures`, one after another; `None` where the segment has no rows of this metric. Where
    /// the device fails, how many had been looked up comes with the error.
    fn search(
        &self,
        of: (usize, Metric),
        signatures: &[u8],
        radius: u32,
        found: &mut dyn FnMut(Pair, u32),
    ) -> Option<Result<(), (usize, Error)>>;
}

/// A device with a gallery's signatures.
#[derive(Debug)]
struct OnDevice {
    device: Arc<Device>,
    /// One per segment.
    segments: Vec<DeviceSegment>,
}

impl SearchOnDevice for OnDevice {
    fn search(
        &self,
        (segment, metric): (usize, Metric),
        signatures: &[u8],
        radius: u32,
        found: &mut dyn FnMut(Pair, u32),
    ) -> Option<Result<(), (usize, Error)>> {
        let DeviceSegment { photodna, pdq } = &self.segments[segment];
        let known = match metric {
            Metric::Squares => photodna,
            Metric::Hamming => pdq,
        };
        Some(known.as_ref()?.search(&self.device, signatures, radius, found))
    }
}

/// The signatures of a segment.
#[derive(Debug)]
struct DeviceSegment {
    photodna: Option<Resident>,
    pdq: Option<Resident>,
}

impl DeviceSegment {
    fn upload(device: &Device, segment: &Segment, storage: &Storage) -> Result<DeviceSegment> {
        let upload = |metric, rows: &[u8]| -> Result<Option<Resident>> {
            (!rows.is_empty()).then(|| Resident::upload(device, metric, rows)).transpose()
        };
        Ok(DeviceSegment {
            photodna: upload(Metric::Squares, segment.photodna_rows(storage).as_flattened())?,
            pdq: upload(Metric::Hamming, segment.pdq_rows(storage).as_flattened())?,
        })
    }
}

impl DeviceCopy {
    /// Tries the device and fills it.
    fn new(device: &Arc<Device>, gallery: &Gallery) -> Result<DeviceCopy> {
        probe_search(device, Metric::Squares)?;
        probe_search(device, Metric::Hamming)?;
        let upload = |segment| DeviceSegment::upload(device, segment, &gallery.storage);
        let segments = gallery.segments.iter().map(upload).collect::<Result<_>>()?;
        let signatures = Box::new(OnDevice { device: device.clone(), segments });
        Ok(DeviceCopy {
            signatures,
            busy: Mutex::default(),
            waiting: AtomicUsize::new(0),
            fault: Mutex::default(),
        })
    }

    fn fault(&self) -> MutexGuard<'_, Option<String>> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It, for one thread, if no other has it.
    fn free(&self) -> Option<MutexGuard<'_, ()>> {
        match self.busy.try_lock() {
            Ok(own) => Some(own),
            Err(TryLockError::Poisoned(own)) => Some(own.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// It, for one thread, when the others no longer have it; none where `most` wait already.
    fn waited(&self, most: usize) -> Option<(&DeviceCopy, MutexGuard<'_, ()>)> {
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let own = (before < most).then(|| self.busy.lock().unwrap_or_else(PoisonError::into_inner));
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        Some((self, own?))
    }
}

impl DeviceGallery {
    fn new(devices: &Devices, segments: usize) -> DeviceGallery {
        let trials = || (0..segments).map(|_| <[DeviceTrial; 2]>::default()).collect();
        DeviceGallery {
            devices: devices.clone(),
            filled: OnceLock::new(),
            trials: (!devices.are_required()).then(trials),
            spent: AtomicU64::new(0),
            earliest: EARLIEST,
            is_filling: AtomicBool::new(false),
        }
    }

    /// The copies that answer, once there are any.
    fn copies(&self) -> impl Iterator<Item = &DeviceCopy> {
        let copies = self.filled.get().into_iter().flat_map(|filled| &filled.copies);
        copies.filter(|copy| copy.fault().is_none())
    }

    fn trial(&self, segment: usize, metric: Metric) -> Option<&DeviceTrial> {
        let trials = self.trials.as_ref()?;
        Some(&trials[segment][usize::from(matches!(metric, Metric::Hamming))])
    }
}

impl Gallery {
    /// The same gallery with its signatures on `devices` too: searches are then made there, with the same answers. What a device does not answer is searched by the CPU;
    /// [`device_fault`](Gallery::device_fault) says why.
    ///
    /// Devices that nobody asked for ([`Devices::on_demand`], [`BackendChoice::Auto`](crate::BackendChoice::Auto)) are filled once the CPU has looked up for 10 seconds, and
    /// used where they are measured to be a tenth faster; [`device_verdict`](Gallery::device_verdict) says what was measured.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] where a device that was asked for has too little memory, or computes other distances than the CPU.
    pub fn on_device(self, devices: &Devices) -> Result<Gallery> {
        if devices.are_none() {
            return Ok(self);
        }
        let device = DeviceGallery::new(devices, self.segments.len());
        if devices.are_required() {
            let copies = devices.all().iter().map(|device| DeviceCopy::new(device, &self));
            let _ = device.filled.set(Filled { copies: copies.collect::<Result<_>>()?, refused: None });
        }
        Ok(Gallery { device: Some(device), ..self })
    }

    /// Why a device no longer answers; `None` where all do, or there is none.
    pub fn device_fault(&self) -> Option<String> {
        self.device.as_ref()?.filled.get()?.copies.iter().find_map(|copy| copy.fault().clone())
    }

    /// What was measured of devices that nobody asked for, for people; `None` where nothing was.
    pub fn device_verdict(&self) -> Option<String> {
        let device = self.device.as_ref()?;
        let trials = device.trials.as_ref()?;
        let of = |metric: usize, name: &str| {
            // That of the segment where most was measured.
            let trial = trials.iter().map(|both| &both[metric]).max_by_key(|trial| trial.signatures())?;
            Some(format!("{name} {}", trial.verdict()?))
        };
        let refused = device.filled.get().and_then(|filled| filled.refused.clone());
        let verdicts: Vec<String> =
            of(0, "PhotoDNA").into_iter().chain(of(1, "PDQ")).chain(refused).collect();
        (!verdicts.is_empty()).then(|| verdicts.join(", "))
    }

    /// Whether threads find a device free now and then that may look up for them.
    pub(crate) fn shares_with_device(&self) -> bool {
        let Some(device) = &self.device else { return false };
        let trials = device.trials.iter().flatten().flatten();
        device.copies().next().is_some() && trials.map(DeviceTrial::cpu_share).any(|share| share < usize::MAX)
    }

    /// Signatures that the CPU is to look up before a device is asked again; `all` where none is to be.
    pub(super) fn cpu_share(&self, segment: usize, metric: Metric, all: usize) -> usize {
        let device = self.device.as_ref().filter(|device| device.copies().next().is_some());
        let trial = device.and_then(|device| device.trial(segment, metric));
        trial.map_or(all, |trial| trial.cpu_share().min(all))
    }

    /// Runs what the CPU does to look so many signatures up, and counts what it took where a device may take over.
    pub(super) fn by_cpu(
        &self,
        segment: usize,
        metric: Metric,
        (radius, signatures): (u32, usize),
        look_up: impl FnOnce(),
    ) {
        let trial = self.device.as_ref().and_then(|device| Some((device, device.trial(segment, metric)?)));
        let Some((device, trial)) = trial else { return look_up() };
        let started = Instant::now();
        look_up();
        let took = started.elapsed();
        device.spent.fetch_add(took.as_nanos() as u64, Ordering::Relaxed);
        trial.cpu_took(radius, signatures, took);
    }

    /// Fills devices that nobody asked for, where it is time for that.
    fn fill_in_time(&self, gallery: &DeviceGallery) {
        let spent = Duration::from_nanos(gallery.spent.load(Ordering::Relaxed));
        // Whoever comes first does it, and the others need not wait.
        if gallery.filled.get().is_some()
            || spent < gallery.earliest
            || gallery.is_filling.swap(true, Ordering::Relaxed)
        {
            return;
        }
        let copies = gallery.devices.all().iter().map(|device| DeviceCopy::new(device, self));
        let (copies, refused): (Vec<_>, Vec<_>) = copies.partition(Result::is_ok);
        let refused = refused.into_iter().find_map(Result::err).map(|error| error.to_string());
        let _ = gallery.filled.set(Filled { copies: copies.into_iter().flatten().collect(), refused });
    }

    /// Calls `tell` with signature, row and distance of every pair within `radius`, as far as a device answers:
    /// how many of `signatures` were looked up. 0 where there is no device, or the CPU is to look the next ones up.
    pub(super) fn range_on_device<const N: usize>(
        &self,
        segment: usize,
        metric: Metric,
        signatures: &[[u8; N]],
        radius: u32,
        tell: &mut dyn FnMut(usize, u32, u32),
    ) -> usize {
        let Some(gallery) = &self.device else { return 0 };
        let trial = gallery.trial(segment, metric);
        if trial.is_some_and(|trial| signatures.len() < LEAST || !trial.is_next(radius)) {
            return 0;
        }
        self.fill_in_time(gallery);
        let free = gallery.copies().find_map(|copy| Some((copy, copy.free()?)));
        let waited = || gallery.copies().next()?.waited(trial.map_or(usize::MAX, DeviceTrial::may_wait));
        let taken = free.or_else(waited);
        let Some((copy, _own)) = taken else { return 0 };
        // What waited for it may find that it has failed meanwhile.
        if copy.fault().is_some() {
            return 0;
        }
        let most = if trial.is_some() { SHARE } else { signatures.len() };
        let signatures = &signatures[..signatures.len().min(most)];
        let started = Instant::now();
        let mut found = |pair: Pair, distance: u32| tell(pair.query as usize, pair.row, distance);
        match copy.signatures.search((segment, metric), signatures.as_flattened(), radius, &mut found) {
            None => signatures.len(),
            Some(Ok(())) => {
                trial
                    .into_iter()
                    .for_each(|trial| trial.device_took(radius, signatures.len(), started.elapsed()));
                signatures.len()
            }
            Some(Err((done, error))) => {
                copy.fault().get_or_insert(error.to_string());
                done
            }
        }
    }
}

#[cfg(feature = "gpu")]
#[expect(clippy::print_stdout, reason = "says what was compared")]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::gpu::devices_for_tests;
    use crate::gallery::range::PdqWork;
    use crate::gallery::{Entry, GalleryBuilder, Match, Query, Scratch, SearchOptions};
    use crate::kernel::distance::Random;
    use crate::{Pdq, PhotoDna};

    /// A known signature every so often, altered by an amount that grows; the others are strangers.
    fn queries(random: &mut Random, known: &[(PhotoDna, Pdq)], count: usize) -> Vec<Query> {
        let query = |number: usize| {
            let (mut photodna, mut pdq) = known[(random.next() % known.len() as u64) as usize];
            for step in 0..number % 40 {
                pdq.0[(7 * step) % 32] ^= 1 << (step % 8);
                photodna.0[(5 * step) % 144] ^= 16 + step as u8;
            }
            if number.is_multiple_of(3) {
                (photodna, pdq) = (PhotoDna(random.bytes()), Pdq(random.bytes()));
            }
            Query { photodna: Some(photodna), pdq: Some(pdq), ..Query::default() }
        };
        (0..count).map(query).collect()
    }

    fn known(random: &mut Random, count: usize) -> Vec<(PhotoDna, Pdq)> {
        (0..count).map(|_| (PhotoDna(random.bytes()), Pdq(random.bytes()))).collect()
    }

    /// The same entries in a gallery of their own.
    fn gallery(known: &[(PhotoDna, Pdq)]) -> Gallery {
        let mut builder = GalleryBuilder::new();
        let source = builder.source("test", "binary");
        for (number, (photodna, pdq)) in known.iter().enumerate() {
            let (photodna, pdq) = (Some(*photodna).filter(|_| number % 10 != 3), Some(*pdq));
            let entry = Entry { key: number.to_string(), photodna, pdq, ..Entry::default() };
            builder.add(source, entry).unwrap();
        }
        Gallery::from_bytes(builder.to_bytes().unwrap()).unwrap()
    }

    fn search(gallery: &Gallery, queries: &[Query], options: &SearchOptions) -> Vec<Match> {
        let mut matches = Vec::new();
        gallery.search(queries, options, &mut Scratch::default(), &mut matches);
        matches
    }

    #[test]
    fn a_device_gives_the_same_matches() {
        let mut random = Random(41);
        let known = known(&mut random, 1500);
        let queries = queries(&mut random, &known, 300);
        let usual = SearchOptions::default();
        let options = [
            usual.clone(),
            SearchOptions { nearest: Some(3), photodna: Some(u32::MAX), pdq: Some(90), ..usual.clone() },
            SearchOptions { joint: true, photodna: Some(62_500), pdq: Some(90), ..usual.clone() },
            SearchOptions { all_orientations: true, ..usual },
        ];
        for device in devices_for_tests() {
            let on_device = gallery(&known).on_device(&Devices::of(device, true)).unwrap();
            for options in &options {
                let expected = search(&gallery(&known), &queries, options);
                assert!(expected.len() > 100, "{}", expected.len());
                assert_eq!(search(&on_device, &queries, options), expected);
                println!("{} matches", expected.len());
            }
            assert_eq!(on_device.device_fault(), None);
        }
    }

    /// The same, of devices that nobody asked for, tried from the first look-up on.
    fn on_trial(gallery: Gallery, devices: &Devices) -> Gallery {
        let mut on_trial = gallery.on_device(devices).unwrap();
        on_trial.device.as_mut().unwrap().earliest = Duration::ZERO;
        on_trial
    }

    #[test]
    fn a_device_on_trial_gives_the_same_matches_by_threads_that_share_it() {
        let mut random = Random(43);
        let known = known(&mut random, 1500);
        let queries = queries(&mut random, &known, 20_000);
        let options = SearchOptions::default();
        let expected = search(&gallery(&known), &queries, &options);
        assert!(expected.len() > 5_000);
        for devices in devices_for_tests().into_iter().map(|device| Devices::of(device, false)) {
            let on_trial = on_trial(gallery(&known), &devices);
            std::thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| assert_eq!(search(&on_trial, &queries, &options), expected));
                }
            });
            let verdict = on_trial.device_verdict().unwrap();
            assert!(verdict.contains("PhotoDNA") && verdict.contains("PDQ"), "{verdict}");
            assert_eq!(on_trial.device_fault(), None);
            println!("{verdict}");
        }
    }

    #[test]
    fn nothing_is_filled_for_few_or_short_look_ups() {
        let mut random = Random(44);
        let known = known(&mut random, 600);
        let queries = queries(&mut random, &known, 2000);
        for devices in devices_for_tests().into_iter().map(|device| Devices::of(device, false)) {
            let on_trial = on_trial(gallery(&known), &devices);
            for few in queries.chunks(LEAST / 2) {
                search(&on_trial, few, &SearchOptions::default());
            }
            assert!(on_trial.device.as_ref().unwrap().filled.get().is_none());
            assert_eq!(on_trial.device_verdict(), None);
        }
        let on_demand = gallery(&known).on_device(&Devices::on_demand()).unwrap();
        search(&on_demand, &queries, &SearchOptions::default());
        assert!(on_demand.device.as_ref().unwrap().filled.get().is_none());
    }

    #[test]
    fn a_device_on_trial_that_is_lost_loses_no_match() {
        let mut random = Random(45);
        let known = known(&mut random, 400);
        let queries = queries(&mut random, &known, 9000);
        let expected = search(&gallery(&known), &queries, &SearchOptions::default());
        for devices in devices_for_tests().into_iter().map(|device| Devices::of(device, false)) {
            let on_trial = on_trial(gallery(&known), &devices);
            // Made, tried, and then lost before it is asked again.
            search(&on_trial, &queries[..3000], &SearchOptions::default());
            let held = on_trial.device.as_ref().unwrap();
            devices.all()[0].destroy();
            held.trials.as_ref().unwrap().iter().flatten().for_each(DeviceTrial::forget);
            assert_eq!(search(&on_trial, &queries, &SearchOptions::default()), expected);
            assert!(on_trial.device_fault().is_some());
        }
    }

    #[test]
    fn a_device_lost_in_the_middle_loses_no_match() {
        let mut random = Random(42);
        let known = known(&mut random, 400);
        let queries = queries(&mut random, &known, 4000);
        let expected = search(&gallery(&known), &queries, &SearchOptions::default());
        for device in devices_for_tests() {
            let devices = Devices::of(device, true);
            let on_device = gallery(&known).on_device(&devices).unwrap();
            let mut work = PdqWork::default();
            queries.iter().for_each(|query| work.push(query.pdq.unwrap().0));
            let (mut found, mut first_lost) = (Vec::new(), None);
            on_device.pdq_range(&mut work, 31, &mut |query, entry, distance| {
                if query >= 1024 && first_lost.is_none() {
                    devices.all()[0].destroy();
                    first_lost = Some(found.len());
                }
                found.push((query, entry, distance));
            });
            let of_pdq = expected.iter().filter(|found| found.algorithm == crate::Algorithm::Pdq);
            let mut expected_pdq: Vec<_> = of_pdq.map(|m| (m.query, m.entry, m.distance)).collect();
            let after = found.len() - first_lost.unwrap();
            println!("{} matches, {after} of them after the device was asked to go", found.len());
            found.sort_unstable();
            expected_pdq.sort_unstable();
            assert_eq!(found, expected_pdq);
            assert!(on_device.device_fault().is_some() && after > 500);
            assert_eq!(search(&on_device, &queries, &SearchOptions::default()), expected);
        }
    }
}

//! A gallery's signatures on a GPU, where they stay.

use std::sync::{Arc, Mutex, PoisonError};

use super::segment::Segment;
use super::{Gallery, Storage};
use crate::backend::gpu::{Device, Metric, Resident};
use crate::backend::{Devices, probe_search};
use crate::error::Result;

/// What is on the device, and whether it still answers.
#[derive(Debug)]
pub(super) struct DeviceGallery {
    device: Arc<Device>,
    /// One per segment.
    segments: Vec<DeviceSegment>,
    fault: Mutex<Option<String>>,
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

impl Gallery {
    /// The same gallery with its signatures on the first of `devices` too, if there is one: searches are then made there,
    /// with the same answers. What the device does not answer is searched by the CPU;
    /// [`device_fault`](Gallery::device_fault) says why.
    ///
    /// # Errors
    ///
    /// [`Error::Device`](crate::Error::Device) where its memory is too small, or it computes other distances than the CPU.
    pub fn on_device(self, devices: &Devices) -> Result<Gallery> {
        let Some(device) = devices.first() else { return Ok(self) };
        probe_search(device, Metric::Squares)?;
        probe_search(device, Metric::Hamming)?;
        let upload = |segment| DeviceSegment::upload(device, segment, &self.storage);
        let segments = self.segments.iter().map(upload).collect::<Result<Vec<_>>>()?;
        let device = DeviceGallery { device: device.clone(), segments, fault: Mutex::default() };
        Ok(Gallery { device: Some(device), ..self })
    }

    /// Why the device no longer answers; `None` where it does, or there is none.
    pub fn device_fault(&self) -> Option<String> {
        self.device.as_ref()?.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Calls `tell` with signature, row and distance of every pair within `radius`, as far as the device answers:
    /// how many of `signatures` were looked up. 0 where there is no device.
    pub(super) fn range_on_device<const N: usize>(
        &self,
        segment: usize,
        metric: Metric,
        signatures: &[[u8; N]],
        radius: u32,
        tell: &mut dyn FnMut(usize, u32, u32),
    ) -> usize {
        let Some(DeviceGallery { device, segments, fault }) = &self.device else { return 0 };
        let known = match metric {
            Metric::Squares => &segments[segment].photodna,
            Metric::Hamming => &segments[segment].pdq,
        };
        let Some(known) = known else { return signatures.len() };
        let fault = || fault.lock().unwrap_or_else(PoisonError::into_inner);
        if fault().is_some() {
            return 0;
        }
        let searched = known.search(device, signatures.as_flattened(), radius, &mut |pair, distance| {
            tell(pair.query as usize, pair.row, distance);
        });
        match searched {
            Ok(()) => signatures.len(),
            Err((done, error)) => {
                fault().get_or_insert(error.to_string());
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
            let on_device = gallery(&known).on_device(&Devices::of(device)).unwrap();
            for options in &options {
                let expected = search(&gallery(&known), &queries, options);
                assert!(expected.len() > 100, "{}", expected.len());
                assert_eq!(search(&on_device, &queries, options), expected);
                println!("{} matches", expected.len());
            }
            assert_eq!(on_device.device_fault(), None);
        }
    }

    #[test]
    fn a_device_lost_in_the_middle_loses_no_match() {
        let mut random = Random(42);
        let known = known(&mut random, 400);
        let queries = queries(&mut random, &known, 4000);
        let expected = search(&gallery(&known), &queries, &SearchOptions::default());
        for device in devices_for_tests() {
            let on_device = gallery(&known).on_device(&Devices::of(device)).unwrap();
            let mut work = PdqWork::default();
            queries.iter().for_each(|query| work.push(query.pdq.unwrap().0));
            let (mut found, mut first_lost) = (Vec::new(), None);
            on_device.pdq_range(&mut work, 31, &mut |query, entry, distance| {
                if query >= 1024 && first_lost.is_none() {
                    on_device.device.as_ref().unwrap().device.destroy();
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

//! A gallery's signatures on a graphics processor, where they stay.

use std::sync::{Arc, Mutex, PoisonError};

use super::segment::Segment;
use super::{Gallery, Storage};
use crate::backend::gpu::{Device, Metric, Resident};
use crate::backend::{Devices, probe_search};
use crate::error::Result;

/// What is on the device, and whether it still answers.
#[derive(Debug)]
pub(super) struct OnDevice {
    device: Arc<Device>,
    /// One a segment.
    segments: Vec<Known>,
    fault: Mutex<Option<String>>,
}

/// The signatures of a segment.
#[derive(Debug)]
struct Known {
    photodna: Option<Resident>,
    pdq: Option<Resident>,
}

impl Known {
    fn upload(device: &Device, segment: &Segment, storage: &Storage) -> Result<Known> {
        let upload = |metric, rows: &[u8]| -> Result<Option<Resident>> {
            (!rows.is_empty()).then(|| Resident::upload(device, metric, rows)).transpose()
        };
        Ok(Known {
            photodna: upload(Metric::Squares, segment.photodna_rows(storage).as_flattened())?,
            pdq: upload(Metric::Hamming, segment.pdq_rows(storage).as_flattened())?,
        })
    }
}

impl Gallery {
    /// The same gallery with its signatures on the first of `devices` too, if there is one: searches are then made there,
    /// with the same answers. What the device does not answer is searched by the processor;
    /// [`device_fault`](Gallery::device_fault) says why.
    ///
    /// # Errors
    ///
    /// [`Error::Device`](crate::Error::Device) where its memory is too small, or it computes other distances than the processor.
    pub fn on_device(self, devices: &Devices) -> Result<Gallery> {
        let Some(device) = devices.first() else { return Ok(self) };
        probe_search(device, Metric::Squares)?;
        probe_search(device, Metric::Hamming)?;
        let upload = |segment| Known::upload(device, segment, &self.storage);
        let segments = self.segments.iter().map(upload).collect::<Result<Vec<_>>>()?;
        let device = OnDevice { device: device.clone(), segments, fault: Mutex::default() };
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
        let Some(OnDevice { device, segments, fault }) = &self.device else { return 0 };
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

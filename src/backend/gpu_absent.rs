//! Stands in for `gpu` where the crate is built without the feature of that name: no adapter, so nothing of it is ever made.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::{DecodeSpeed, DeviceSpeed, Done, Sums, Traffic};
use crate::decode::Detail;
use crate::error::{Error, Result};
use crate::kernel::distance::Pair;
use crate::picture::Picture;
use crate::signature::Algorithm;

/// There is none.
#[derive(Debug, Clone)]
pub(crate) struct Adapter {
    none: Infallible,
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) interface: String,
    pub(crate) driver: String,
    pub(crate) max_buffer: u64,
    pub(crate) max_binding: u64,
    pub(crate) timestamps: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Checks {
    Off,
}

#[derive(Debug, Clone, Copy)]
#[expect(dead_code, reason = "no device asks how many pictures fit")]
pub(crate) struct Capacity {
    pub(crate) pictures: u32,
    pub(crate) bytes: u64,
}

#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) sums: Vec<Sums>,
    pub(crate) points: Vec<Vec<u64>>,
}

impl Adapter {
    pub(crate) fn all() -> Vec<Adapter> {
        Vec::new()
    }

    pub(crate) fn is_software(&self) -> bool {
        match self.none {}
    }

    pub(crate) fn capacity(&self, _wanted: u64) -> Capacity {
        match self.none {}
    }
}

#[derive(Debug)]
pub(crate) struct Device {
    none: Infallible,
    pub(crate) adapter: Adapter,
}

impl Device {
    pub(crate) fn open(adapter: &Adapter, _checks: Checks) -> Result<Device> {
        match adapter.none {}
    }

    pub(crate) fn time_batches(&self) {
        match self.none {}
    }

    pub(crate) fn count_loops(&self) -> Result<()> {
        match self.none {}
    }

    pub(crate) fn speed(&self) -> Result<DeviceSpeed> {
        match self.none {}
    }

    pub(crate) fn decode_speed(&self, _: &[&[u8]]) -> Result<Option<DecodeSpeed>> {
        match self.none {}
    }
}

pub(crate) fn run(
    device: &Device,
    _capacity: Capacity,
    _pictures: &[Picture],
    _algorithms: &[Algorithm],
    _patience: Duration,
) -> Result<Run> {
    match device.none {}
}

#[derive(Debug)]
pub(crate) struct JpegProbe {
    pub(crate) file: Vec<u8>,
    pub(crate) detail: Detail,
    #[expect(dead_code, reason = "no device cuts it into lanes")]
    pub(crate) lane_shift: u32,
    pub(crate) is_guarded: bool,
}

#[derive(Debug)]
pub(crate) struct DecodedFile {
    pub(crate) planes: Option<Vec<Vec<Vec<u16>>>>,
    pub(crate) is_beyond: bool,
}

pub(crate) fn decode(device: &Device, _files: &[JpegProbe], _patience: Duration) -> Result<Vec<DecodedFile>> {
    match device.none {}
}

#[derive(Debug)]
pub(crate) struct Ring<T> {
    none: Infallible,
    // As the real one, which keeps payloads behind a lock.
    _payload: PhantomData<std::sync::Mutex<T>>,
}

impl<T> Ring<T> {
    pub(crate) fn new(device: Arc<Device>, _capacity: Capacity, _patience: Duration) -> Result<Ring<T>> {
        match device.none {}
    }

    pub(crate) fn submit(&self, _: Picture, _: &[Algorithm], _: T) -> Result<(), Box<Done<T>>> {
        match self.none {}
    }

    pub(crate) fn waiting(&self) -> usize {
        match self.none {}
    }

    pub(crate) fn has_room(&self) -> bool {
        match self.none {}
    }

    pub(crate) fn has_failed(&self) -> bool {
        match self.none {}
    }

    pub(crate) fn traffic(&self) -> Traffic {
        match self.none {}
    }

    pub(crate) fn finish(&self) {
        match self.none {}
    }

    pub(crate) fn with_decoder(self, _bytes: u64) -> Result<Ring<T>> {
        match self.none {}
    }

    pub(crate) fn place<'a>(&'a self, _: &Compressed<'_>, _: &[Algorithm]) -> Option<Sending<'a, T>> {
        match self.none {}
    }

    pub(crate) fn drive(&self, _: &mut dyn FnMut(Done<T>), _: &dyn Fn() -> bool) {
        match self.none {}
    }
}

/// No picture is ever one.
#[derive(Debug)]
#[expect(dead_code, reason = "nothing is asked of what there is none of")]
pub(crate) struct Compressed<'a> {
    none: Infallible,
    _bytes: PhantomData<&'a [u8]>,
}

#[derive(Debug)]
pub(crate) struct Sending<'a, T> {
    none: Infallible,
    _ring: PhantomData<&'a Ring<T>>,
}

impl<T> Sending<'_, T> {
    pub(crate) fn commit(self, _: Picture, _: T) {
        match self.none {}
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Metric {
    Squares,
    Hamming,
}

impl Metric {
    pub(crate) fn name(self) -> &'static str {
        ""
    }
}

#[derive(Debug)]
pub(crate) struct Resident {
    none: Infallible,
}

impl Resident {
    pub(crate) fn upload(device: &Device, _: Metric, _: &[u8]) -> Result<Resident> {
        match device.none {}
    }

    pub(crate) fn search(
        &self,
        _: &Device,
        _: &[u8],
        _: u32,
        _: &mut dyn FnMut(Pair, u32),
    ) -> Result<(), (usize, Error)> {
        match self.none {}
    }
}

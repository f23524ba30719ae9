//! The graphics processors' way from pictures to their integer sums.
//!
//! Pictures travel in batches ([`batch`]): copied into a mapped staging buffer by whoever decoded them, from there to the
//! device in one piece, through the stages of `shaders/`, and back as three kilobytes a picture ([`slot`]). [`ring`] keeps some
//! batches on their way at once; [`tables`] turns a layout's weights into words. wgpu is named in this folder and nowhere else.
//!
//! The results are those of the processor bit for bit: everything here is integer arithmetic modulo 2³² or 2⁶⁴.

mod batch;
mod canary;
mod device;
mod ring;
mod slot;
mod tables;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use tests::devices as devices_for_tests;

pub(crate) use batch::Capacity;
pub(crate) use device::{Adapter, Checks, Device};
pub(crate) use ring::Ring;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::backend::Sums;
use crate::backend::layout::{Layout, Shape};
use crate::error::{Error, Result};
use crate::picture::Picture;
use crate::signature::Algorithm;
use batch::{Batch, Place, planes};
use slot::Slot;
use tables::Tables;

/// What one batch gave, with the grid points in between.
#[derive(Debug)]
pub(crate) struct Run {
    /// One a picture.
    pub(crate) sums: Vec<Sums>,
    /// One a picture: its grids one after the other, row-major; luma first, then colour.
    pub(crate) points: Vec<Vec<u64>>,
    /// From the first byte copied until the results could be read, without making the buffers.
    pub(crate) took: Duration,
}

/// Runs `pictures` as one batch and waits for it: for the probe and for tests.
///
/// # Errors
///
/// [`Error::Device`] where the pictures do not fit, the device fails, or `patience` ends.
pub(crate) fn run(
    device: &Device,
    capacity: Capacity,
    pictures: &[Picture],
    algorithms: &[Algorithm],
    patience: Duration,
) -> Result<Run> {
    let slot = Slot::new(device, capacity);
    let mut batch = Batch::new(capacity);
    let mut shapes: Vec<Arc<Tables>> = Vec::new();
    let mut places = Vec::new();
    let started = Instant::now();
    for picture in pictures {
        let shape = Shape::of(picture);
        let known = shapes.iter().find(|tables| tables.layout.fits(shape, algorithms)).cloned();
        let tables = known.unwrap_or_else(|| {
            shapes.push(Arc::new(Tables::new(Layout::new(shape, algorithms))));
            shapes[shapes.len() - 1].clone()
        });
        let place = batch.add(&tables, picture);
        let place = place.ok_or_else(|| Error::Device("the batch is too small for its pictures".into()))?;
        fill(&slot, &place, picture, &|piece| piece())?;
        places.push(place);
    }
    slot.submit(device, &batch)?;
    let wait = wgpu::PollType::Wait { submission_index: None, timeout: Some(patience) };
    device.device.poll(wait).map_err(|error| Error::Device(error.to_string()))?;
    device.check()?;
    if !slot.ready()? {
        return Err(Error::Device("the batch did not come back".to_string()));
    }
    let sums = slot.results(device, |words, _| places.iter().map(|place| place.sums(words)).collect())?;
    let took = started.elapsed();
    let points = slot.points(device, batch.points(), patience)?;
    let points = places.iter().map(|place| points[batch.points_of(place)].to_vec()).collect();
    Ok(Run { sums, points, took })
}

/// Writes a picture's samples, and its tables where they are new, into the slot's staging buffer.
fn fill(
    slot: &Slot,
    place: &Place,
    picture: &Picture,
    within: &impl Fn(&mut dyn FnMut() -> Result<()>) -> Result<()>,
) -> Result<()> {
    if let Some(at) = place.tables_at {
        within(&mut || slot.fill_tables(at, &place.tables.words))?;
    }
    let (luma, colour) = planes(picture);
    slot.fill(place.luma, &luma, within)?;
    match (place.colour, colour) {
        (Some(place), Some(plane)) => slot.fill(place, &plane, within),
        _ => Ok(()),
    }
}

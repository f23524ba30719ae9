//! What each stage of decoding takes on a device, and what is left for the CPU.

use std::time::{Duration, Instant};

use super::batch::{Capacity, lane_shift};
use super::decoder::LARGEST;
use super::single::Single;
use super::stages::{Stages, passes};
use crate::backend::gpu::device::{Device, Timestamps};
use crate::backend::gpu::timer::Timer;
use crate::backend::{DecodeSpeed, StageSpeed};
use crate::decode::jpeg::{JpegReader, detail_for};
use crate::error::Result;
use crate::limits::Limits;
use crate::signature::Algorithm;

/// Bytes of a batch.
const BYTES: u64 = 32 << 20;
const SOFTWARE_BYTES: u64 = 1 << 18;
/// Measurements, the shortest of which counts for each stage, after one that does not.
const TURNS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(300);

impl Device {
    /// Measures one full batch of those of the files that qualify, each as often as need be; `None` where none does.
    ///
    /// # Errors
    ///
    /// [`Error::Device`](crate::Error::Device) where the device fails.
    pub(crate) fn decode_speed(&self, files: &[&[u8]]) -> Result<Option<DecodeSpeed>> {
        let most = if self.adapter.is_software() { SOFTWARE_BYTES } else { BYTES };
        let bytes = most.min(self.adapter.most_bytes() / LARGEST);
        let stages = self.kept(|| Stages::new(self))?;
        let mut single = Single::new(self, &stages, Capacity::of(bytes as u32));
        let mut speed = DecodeSpeed { device: self.adapter.name.clone(), ..DecodeSpeed::default() };
        let (mut reader, limits) = (JpegReader::default(), Limits::default());
        let algorithms = [Algorithm::PhotoDna, Algorithm::Pdq];
        let rule = |width, height| detail_for(width, height, &algorithms);
        for (index, file) in files.iter().cycle().enumerate() {
            // A card is not measured by how long it takes for little.
            if index == files.len() && single.is_empty() {
                break;
            }
            let started = Instant::now();
            let picture = reader.compressed(file, rule, true, &limits);
            let headers = started.elapsed();
            let Some(picture) = picture else { continue };
            let started = Instant::now();
            if !single.add(Some(&picture), lane_shift(file.len()))? {
                break;
            }
            speed.headers += headers;
            speed.copying += started.elapsed();
            speed.pictures += 1;
            speed.bytes += file.len() as u64;
            speed.blocks += picture.blocks();
        }
        if single.is_empty() {
            return Ok(None);
        }
        self.time_stages(single, &stages, &mut speed)?;
        Ok(Some(speed))
    }

    fn time_stages(&self, mut single: Single<'_>, stages: &Stages, speed: &mut DecodeSpeed) -> Result<()> {
        single.batch.close();
        let samples = single.samples();
        let names = passes(&single.batch);
        let timer = (self.timestamps != Timestamps::None).then(|| Timer::new(self, names.len() as u32));
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let stamps = self.buffer("stamps", 16 * names.len() as u64, usage);
        let mut least: Vec<Duration> = Vec::new();
        for turn in 0..=TURNS {
            let mut encoder = self.device.create_command_encoder(&Default::default());
            match turn {
                0 => single.buffers.send(&mut encoder, &single.batch)?,
                _ => single.buffers.clear(&mut encoder, &single.batch),
            }
            let binding = samples.as_entire_binding();
            stages.encode(self, &mut encoder, &single.buffers, &single.batch, binding, timer.as_ref());
            if let Some(timer) = &timer {
                timer.resolve(&mut encoder, &stamps, 0);
            }
            let started = Instant::now();
            self.submit(encoder);
            self.wait(PATIENCE)?;
            let took = started.elapsed();
            if turn == 0 {
                continue;
            }
            speed.together = if turn == 1 { took } else { took.min(speed.together) };
            if timer.is_some() {
                let own = self.read(&stamps, stamps.size(), PATIENCE, |words| {
                    self.intervals(bytemuck::cast_slice(words))
                })?;
                least.resize(own.len(), Duration::MAX);
                least.iter_mut().zip(own).for_each(|(least, own)| *least = own.min(*least));
            }
        }
        for (name, took) in names.into_iter().zip(least) {
            match speed.stages.iter_mut().find(|stage| stage.name == name) {
                Some(stage) => stage.took += took,
                None => speed.stages.push(StageSpeed { name, took }),
            }
        }
        // Every slot is read by `planes`, and every sample written.
        speed.moved = 4 * u64::from(single.batch.used().slots) + samples.size();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::gpu::devices_for_tests;
    use crate::decode::jpeg::made_up;

    #[test]
    fn every_stage_is_timed() {
        let files: Vec<Vec<u8>> = (0..2).map(|number| made_up(320, 240, 80, number)).collect();
        let mut files: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
        files.push(b"no picture");
        for device in devices_for_tests() {
            let speed = device.decode_speed(&files).unwrap().unwrap();
            assert!(speed.pictures > 2, "the batch is full");
            assert_eq!(speed.blocks, u64::from(speed.pictures) * 6 * 20 * 15);
            assert!(speed.moved > 0 && speed.together > Duration::ZERO && speed.copying > Duration::ZERO);
            if device.timestamps != Timestamps::None {
                let names: Vec<&str> = speed.stages.iter().map(|stage| stage.name).collect();
                let all =
                    ["first", "follow", "resolve", "write", "offsets", "planes", "gamut", "looks", "spots"];
                assert_eq!(names, all);
                let sum: Duration = speed.stages.iter().map(|stage| stage.took).sum();
                assert!(sum > Duration::ZERO);
            }
            assert!(device.decode_speed(&[b"no picture"]).unwrap().is_none());
        }
    }
}

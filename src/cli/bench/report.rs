//! What was measured, ready to be written.

use std::num::NonZeroUsize;
use std::time::Duration;

use serde_json::Value;
use shadegrid::pipeline::Summary;
use shadegrid::{DeviceSpeed, ReduceSpeed, Traffic};

use super::decoding::{Decoding, Section, sections};

/// Times of one thread over all pictures.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Steps {
    pub(super) read: Duration,
    pub(super) decode: Duration,
    pub(super) sums: Duration,
    /// Everything after the sums.
    pub(super) finish: Duration,
    pub(super) pictures: u64,
}

/// One way to compute, and its runs.
#[derive(Debug, Default)]
pub(super) struct Contender {
    pub(super) name: String,
    pub(super) records: Vec<String>,
    /// Whether every run gave the records of the first.
    pub(super) steady: bool,
    pub(super) runs: Vec<Summary>,
    /// Of a device, measured alone.
    pub(super) speed: Option<DeviceSpeed>,
    pub(super) decoding: Vec<Decoding>,
}

/// Everything that a report says.
#[derive(Debug)]
pub(super) struct Report {
    /// The CPU's name, where the system says it.
    pub(super) cpu: String,
    pub(super) contenders: Vec<Contender>,
    pub(super) steps: Steps,
    pub(super) pictures: usize,
    pub(super) megabytes: f64,
    pub(super) threads: usize,
    pub(super) synthetic: bool,
}

/// A record without what says where it was computed.
pub(super) fn comparable(line: &str) -> String {
    let mut value: Value = serde_json::from_str(line).unwrap_or(Value::Null);
    if let Some(object) = value.as_object_mut() {
        object.remove("backend");
        object.remove("fallback");
    }
    value.to_string()
}

/// Median, least and most of several numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Spread {
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(0.0);
        Spread { median: at(values.len() / 2), least: at(0), most: at(values.len().saturating_sub(1)) }
    }
}

impl Contender {
    pub(super) fn add(&mut self, summary: Summary) {
        self.runs.push(summary);
    }

    fn spread(&self, amount: impl Fn(&Summary) -> f64) -> Spread {
        let rate = |run: &Summary| amount(run) / run.elapsed.as_secs_f64().max(1e-9);
        Spread::of(self.runs.iter().map(rate).collect())
    }

    pub(super) fn pictures_a_second(&self) -> Spread {
        self.spread(|run| run.records as f64)
    }

    pub(super) fn megapixels_a_second(&self) -> Spread {
        self.spread(|run| run.pixels as f64 / 1e6)
    }

    pub(super) fn megabytes_a_second(&self) -> Spread {
        self.spread(|run| run.bytes as f64 / 1e6)
    }

    /// What a device does with JPEGs.
    pub(super) fn decoding(&self) -> Vec<Section> {
        self.speed.iter().flat_map(|speed| sections(&self.name, &self.decoding, speed)).collect()
    }

    /// Pictures that a device computed, of all, in the last run.
    pub(super) fn by_devices(&self) -> (u64, u64) {
        self.runs.last().map_or((0, 0), |run| (run.by_devices, run.records - run.failed()))
    }

    /// Milliseconds per picture through the device by step, the mean of the runs.
    pub(super) fn device_steps(&self) -> Option<[DeviceStep; 7]> {
        let traffic = || self.runs.iter().flat_map(|run| &run.devices);
        let pictures: u64 = traffic().map(|traffic| traffic.pictures).sum();
        let step = |name, clock, time: fn(&Traffic) -> Duration| {
            let total: Duration = traffic().map(time).sum();
            DeviceStep { name, clock, milliseconds: total.as_secs_f64() * 1e3 / pictures as f64 }
        };
        (pictures > 0).then(|| {
            [
                step("copy to staging", Clock::Thread, |traffic| traffic.fill),
                step("upload", Clock::Device, |traffic| traffic.upload),
                step("reduce", Clock::Device, |traffic| traffic.reduce),
                step("gradient", Clock::Device, |traffic| traffic.gradient),
                step("dct", Clock::Device, |traffic| traffic.dct),
                step("readback", Clock::Device, |traffic| traffic.readback),
                step("sent until read back", Clock::Wall, |traffic| traffic.in_flight),
            ]
        })
    }
}

/// One step of the way through a device.
#[derive(Debug, Clone, Copy)]
pub(super) struct DeviceStep {
    pub(super) name: &'static str,
    pub(super) clock: Clock,
    pub(super) milliseconds: f64,
}

/// Whose time it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Clock {
    Thread,
    Device,
    Wall,
}

impl Clock {
    pub(super) fn name(self) -> &'static str {
        match self {
            Clock::Thread => "a thread's time",
            Clock::Device => "the device's clock",
            Clock::Wall => "batches overlap",
        }
    }
}

/// The speeds of a device's memory: name and gigabytes per second.
pub(super) fn memory(speed: &DeviceSpeed) -> [(&'static str, f64); 5] {
    [
        ("copied on the device, read and written", speed.copy / 1e9),
        ("upload", speed.upload / 1e9),
        ("readback", speed.readback / 1e9),
        ("one thread into staging memory", speed.fill / 1e9),
        ("one thread, a plain copy", speed.plain_copy / 1e9),
    ]
}

/// The share of the device's memory bandwidth that `reduce` reaches, every sample counted once.
pub(super) fn share(speed: &DeviceSpeed, reduce: &ReduceSpeed) -> f64 {
    reduce.bytes_per_second / speed.copy
}

/// The pictures that were reduced, in words.
pub(super) fn batch(reduce: &ReduceSpeed) -> String {
    let megapixels = f64::from(reduce.width) * f64::from(reduce.height) / 1e6;
    format!("reduce, {} × {megapixels} megapixels", reduce.pictures)
}

/// The CPU's name, where the system says it.
fn cpu() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("model name"));
    let name = line.map(|line| line.trim_start_matches([' ', '\t', ':']).to_string());
    name.unwrap_or_else(|| std::env::consts::ARCH.to_string())
}

impl Report {
    pub(super) fn new(
        pictures: &[(String, Vec<u8>)],
        steps: Steps,
        contenders: Vec<Contender>,
        threads: NonZeroUsize,
        synthetic: bool,
    ) -> Report {
        let bytes: usize = pictures.iter().map(|(_, bytes)| bytes.len()).sum();
        Report {
            cpu: cpu(),
            contenders,
            steps,
            pictures: pictures.len(),
            megabytes: bytes as f64 / 1e6,
            threads: threads.get(),
            synthetic,
        }
    }

    /// Records of `contender` that differ from the first one's; none where it is steady and equal.
    pub(super) fn differing(&self, contender: &Contender) -> usize {
        let expected = &self.contenders[0].records;
        let pairs = contender.records.iter().zip(expected).filter(|(a, b)| a != b).count();
        pairs + contender.records.len().abs_diff(expected.len()) + usize::from(!contender.steady)
    }

    /// Whether all contenders gave the same records in every run.
    pub(super) fn agree(&self) -> bool {
        self.contenders.iter().all(|contender| self.differing(contender) == 0)
    }

    /// What comes of it, in one sentence.
    pub(super) fn verdict(&self) -> String {
        if !self.agree() {
            return "The contenders' signatures differ: do not use the devices named below.".to_string();
        }
        let rate = |contender: &Contender| contender.pictures_a_second().median;
        let (cpu, devices) = (rate(&self.contenders[0]), &self.contenders[1..]);
        let Some(fastest) = devices.iter().max_by(|a, b| rate(a).total_cmp(&rate(b))) else {
            return format!(
                "The CPU hashes {cpu:.0} pictures per second; there is no device to compare it with."
            );
        };
        let name = &fastest.name;
        match rate(fastest) / cpu.max(1e-9) {
            faster @ 1.05.. => {
                format!("{name} hashes {faster:.1} times as many pictures per second as the CPU.")
            }
            slower @ ..0.95 => format!(
                "The CPU hashes {:.1} times as many pictures per second as the fastest device, {name}: a device does not pay here.",
                1.0 / slower.max(1e-9)
            ),
            _ => format!("{name} hashes as many pictures per second as the CPU: a device hardly pays here."),
        }
    }

    /// Milliseconds per picture on one CPU thread.
    pub(super) fn cpu_steps(&self) -> Vec<(&'static str, f64)> {
        let mean = |time: Duration| time.as_secs_f64() * 1e3 / self.steps.pictures as f64;
        let read = (!self.synthetic).then(|| ("read", mean(self.steps.read)));
        let Steps { decode, sums, finish, .. } = self.steps;
        let steps = [("decode", decode), ("sums", sums), ("finish", finish)];
        read.into_iter().chain(steps.map(|(step, time)| (step, mean(time)))).collect()
    }

    /// What was measured, in one line.
    pub(super) fn subject(&self) -> String {
        let origin = if self.synthetic { "made-up pictures" } else { "files" };
        format!(
            "{} {origin}, {:.1} MB in memory; {} threads of {}; {} runs each",
            self.pictures,
            self.megabytes,
            self.threads,
            self.cpu,
            self.contenders[0].runs.len()
        )
    }
}

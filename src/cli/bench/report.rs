//! What was measured, ready to be written.

use std::time::Duration;

use serde_json::Value;
use shadegrid::pipeline::Summary;
use shadegrid::{DeviceSpeed, ReduceSpeed, Traffic};

use super::Arguments;
use super::decoding::Decoding;
use super::reading::Pictures;
use crate::cli::console;
use crate::cli::page::{digits, named};

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
    /// `cpu`, or the device's name.
    pub(super) name: String,
    pub(super) threads: usize,
    pub(super) is_device: bool,
    /// Whether the device is software, which computes on the CPU itself.
    pub(super) is_software: bool,
    pub(super) records: Vec<String>,
    /// Whether every run gave the records of the first.
    pub(super) steady: bool,
    pub(super) runs: Vec<Summary>,
    /// Of a device, measured alone.
    pub(super) speed: Option<DeviceSpeed>,
    /// Of a device, JPEGs alone.
    pub(super) decoding: Vec<Decoding>,
}

/// Everything that a report says.
#[derive(Debug)]
pub(super) struct Report {
    /// The CPU's name, where the system says it.
    pub(super) cpu: String,
    /// The CPU with the fewest threads first.
    pub(super) contenders: Vec<Contender>,
    pub(super) steps: Steps,
    /// The arguments that the pictures came from; none where they are made up.
    pub(super) inputs: Vec<String>,
    pub(super) files: usize,
    /// Files that could not be read.
    pub(super) unread: u64,
    pub(super) megabytes: f64,
    /// What was computed, such as `photodna, pdq`.
    pub(super) algorithms: String,
    /// How much of JPEGs was read.
    pub(super) detail: String,
    pub(super) runs: usize,
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
    fn spread(&self, amount: impl Fn(&Summary) -> f64) -> Spread {
        let rate = |run: &Summary| amount(run) / run.elapsed.as_secs_f64().max(1e-9);
        Spread::of(self.runs.iter().map(rate).collect())
    }

    pub(super) fn pictures_a_second(&self) -> Spread {
        self.spread(|run| run.hashed() as f64)
    }

    pub(super) fn megapixels_a_second(&self) -> Spread {
        self.spread(|run| run.pixels as f64 / 1e6)
    }

    pub(super) fn megabytes_a_second(&self) -> Spread {
        self.spread(|run| run.hashed_bytes as f64 / 1e6)
    }

    /// Its rate next to that of another.
    pub(super) fn times(&self, other: &Contender) -> f64 {
        self.pictures_a_second().median / other.pictures_a_second().median.max(1e-9)
    }

    /// `4 threads of the CPU`.
    fn threads_in_words(&self) -> String {
        console::counted(self.threads as u64, "thread of the CPU", "threads of the CPU")
    }

    /// The name, and of software that it is some.
    pub(super) fn marked(&self) -> String {
        match (self.is_device, self.is_software) {
            (false, _) => "CPU".to_string(),
            (true, false) => self.name.clone(),
            (true, true) => format!("{} (software)", self.name),
        }
    }

    /// Pictures that a device computed, of all, in the last run.
    pub(super) fn by_devices(&self) -> (u64, u64) {
        self.runs.last().map_or((0, 0), |run| (run.by_devices, run.hashed()))
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
        arguments: &Arguments,
        pictures: &Pictures,
        steps: Steps,
        contenders: Vec<Contender>,
    ) -> Report {
        let bytes: usize = pictures.named.iter().map(|(_, bytes)| bytes.len()).sum();
        let algorithms: Vec<String> = arguments.algorithm.iter().map(ToString::to_string).collect();
        Report {
            cpu: cpu(),
            contenders,
            steps,
            inputs: arguments.names(),
            files: pictures.named.len(),
            unread: pictures.unread,
            megabytes: bytes as f64 / 1e6,
            algorithms: algorithms.join(", "),
            detail: arguments.hash_options().decode.detail.to_string(),
            runs: arguments.runs.get(),
        }
    }

    /// Whether the pictures are made up.
    pub(super) fn is_synthetic(&self) -> bool {
        self.inputs.is_empty()
    }

    /// What a contender is called where several numbers of threads may have to be distinguished.
    pub(super) fn label(&self, contender: &Contender) -> String {
        let name = contender.marked();
        match self.contenders.iter().any(|other| other.threads != contender.threads) {
            true => format!("{name}, {}", console::counted(contender.threads as u64, "thread", "threads")),
            false => name,
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
        let fastest = |filter: fn(&Contender) -> bool| {
            let contenders = self.contenders.iter().filter(|contender| filter(contender));
            contenders.max_by(|a, b| rate(a).total_cmp(&rate(b)))
        };
        let first = &self.contenders[0];
        let cpu = fastest(|contender| !contender.is_device).unwrap_or(first);
        let hardware = fastest(|contender| contender.is_device && !contender.is_software);
        let device = hardware.or_else(|| fastest(|contender| contender.is_device));
        let hashes = if cpu.threads == 1 { "hashes" } else { "hash" };
        let cpus = format!("{} {hashes} {} pictures per second", cpu.threads_in_words(), digits(rate(cpu)));
        // What more threads bring, where that was asked.
        let more = match cpu.threads > first.threads {
            true => format!(", {} times as many as {}", digits(cpu.times(first)), first.threads),
            false => String::new(),
        };
        let Some(device) = device else {
            return format!("{cpus}{more}; there is no device to compare with.");
        };
        let (name, of_device) = (device.marked(), digits(rate(device)));
        match device.times(cpu) {
            faster @ 1.05.. => format!(
                "{name} hashes {of_device} pictures per second, {} times as many as {} ({}{more}).",
                digits(faster),
                cpu.threads_in_words(),
                digits(rate(cpu))
            ),
            ..0.95 => format!(
                "{cpus}{more}, and {} times as many as with the fastest device, {name} ({of_device}): a device does not pay here.",
                digits(cpu.times(device))
            ),
            _ => format!("{cpus}{more}, and {name} as many ({of_device}): a device hardly pays here."),
        }
    }

    /// Whether a device of hardware is worth having.
    pub(super) fn pays(&self) -> bool {
        let cpus = || self.contenders.iter().filter(|contender| !contender.is_device);
        let beats_all = |device: &Contender| cpus().all(|cpu| device.times(cpu) >= 1.05);
        let mut hardware =
            self.contenders.iter().filter(|contender| contender.is_device && !contender.is_software);
        self.agree() && hardware.any(beats_all)
    }

    /// Milliseconds per picture on one CPU thread.
    pub(super) fn cpu_steps(&self) -> Vec<(&'static str, f64)> {
        let mean = |time: Duration| time.as_secs_f64() * 1e3 / self.steps.pictures as f64;
        let read = (!self.is_synthetic()).then(|| ("read", mean(self.steps.read)));
        let Steps { decode, sums, finish, .. } = self.steps;
        let steps = [("decode", decode), ("sums", sums), ("finish", finish)];
        read.into_iter().chain(steps.map(|(step, time)| (step, mean(time)))).collect()
    }

    /// What the report is called.
    pub(super) fn title(&self) -> String {
        match self.is_synthetic() {
            true => "Shadegrid bench".to_string(),
            false => format!("Shadegrid bench: {}", named(&self.inputs)),
        }
    }

    /// The contenders' rates, in their order.
    pub(super) fn rows(&self) -> impl Iterator<Item = Row> {
        self.contenders.iter().map(|contender| Row {
            label: self.label(contender),
            rate: contender.pictures_a_second(),
            megapixels: contender.megapixels_a_second().median,
            megabytes: contender.megabytes_a_second().median,
            times: contender.times(&self.contenders[0]),
            differing: self.differing(contender),
        })
    }

    /// What was measured, in one line.
    pub(super) fn subject(&self) -> String {
        let origin = if self.is_synthetic() { "made-up pictures" } else { "files" };
        let pictures = match self.files as u64 - self.steps.pictures.min(self.files as u64) {
            0 => String::new(),
            none => format!(" ({none} of them cannot be hashed)"),
        };
        let unread =
            if self.unread > 0 { format!(", {} could not be read", self.unread) } else { String::new() };
        let mut threads: Vec<usize> = self.contenders.iter().map(|contender| contender.threads).collect();
        threads.sort_unstable();
        threads.dedup();
        let most = threads.last().copied().unwrap_or(1) as u64;
        let all: Vec<String> = threads.iter().map(ToString::to_string).collect();
        let runs = self.contenders.first().and_then(|contender| contender.runs.first());
        let times = match runs.map_or(1, |run| run.records / self.files.max(1) as u64) {
            0 | 1 => String::new(),
            times => format!(", each {times} times a run"),
        };
        format!(
            "{} {origin}{pictures}{unread}, {:.1} MB in memory{times}; {}, detail {}; {} {} of {}; {} each",
            self.files,
            self.megabytes,
            self.algorithms,
            self.detail,
            all.join(", "),
            if most == 1 { "thread" } else { "threads" },
            self.cpu,
            console::counted(self.runs as u64, "run", "runs"),
        )
    }
}

/// One contender as tables show it.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) label: String,
    pub(super) rate: Spread,
    megapixels: f64,
    megabytes: f64,
    times: f64,
    differing: usize,
}

impl Row {
    /// The names of [`cells`](Row::cells).
    pub(super) const HEAD: [&'static str; 7] =
        ["", "pictures/s", "range", "MP/s", "MB/s", "times", "records"];

    pub(super) fn cells(self) -> [String; 7] {
        [
            self.label,
            format!("{:.1}", self.rate.median),
            format!("{:.1}–{:.1}", self.rate.least, self.rate.most),
            format!("{:.1}", self.megapixels),
            format!("{:.1}", self.megabytes),
            format!("{:.2}", self.times),
            match self.differing {
                0 => "equal".to_string(),
                differing => format!("{differing} DIFFER"),
            },
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contender(name: &str, threads: usize, hashed: u64) -> Contender {
        let mut run = Summary::default();
        (run.records, run.elapsed) = (hashed, Duration::from_secs(1));
        let is_device = name != "cpu";
        let runs = vec![run];
        Contender { name: name.to_string(), threads, is_device, steady: true, runs, ..Contender::default() }
    }

    fn verdict(contenders: Vec<Contender>) -> String {
        let report = Report {
            cpu: String::new(),
            contenders,
            steps: Steps::default(),
            inputs: Vec::new(),
            files: 1,
            unread: 0,
            megabytes: 1.0,
            algorithms: String::new(),
            detail: String::new(),
            runs: 1,
        };
        report.verdict()
    }

    #[test]
    fn the_verdict_says_who_is_faster_and_by_how_much() {
        let software = |hashed| Contender { is_software: true, ..contender("pipe", 4, hashed) };
        for (contenders, expected) in [
            (
                vec![contender("cpu", 1, 80)],
                "1 thread of the CPU hashes 80.0 pictures per second; there is no device to compare with.",
            ),
            (
                vec![contender("cpu", 1, 80), contender("cpu", 4, 200)],
                "4 threads of the CPU hash 200.0 pictures per second, 2.50 times as many as 1; there is no device to compare with.",
            ),
            (
                vec![contender("cpu", 4, 200), contender("H200", 4, 500)],
                "H200 hashes 500.0 pictures per second, 2.50 times as many as 4 threads of the CPU (200.0).",
            ),
            // Hardware comes before software, even where that is faster.
            (
                vec![contender("cpu", 4, 200), software(300), contender("slow", 4, 100)],
                "4 threads of the CPU hash 200.0 pictures per second, and 2.00 times as many as with the fastest device, slow (100.0): a device does not \
                 pay here.",
            ),
            (
                vec![contender("cpu", 4, 200), software(198)],
                "4 threads of the CPU hash 200.0 pictures per second, and pipe (software) as many (198.0): a device hardly pays here.",
            ),
        ] {
            assert_eq!(verdict(contenders), expected);
        }
        let differing = Contender { records: vec!["another".to_string()], ..contender("H200", 4, 500) };
        assert!(
            verdict(vec![contender("cpu", 4, 200), differing])
                .starts_with("The contenders' signatures differ")
        );
    }
}

//! What was measured, as a table and as JSON.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};
use shadegrid::pipeline::{PipelineOptions, Summary};

/// Times of one thread over all pictures.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Steps {
    pub(super) read: Duration,
    pub(super) decode: Duration,
    /// Sums and everything after them.
    pub(super) hash: Duration,
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
}

/// Everything that a report says.
#[derive(Debug)]
pub(super) struct Report {
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

    fn json(self) -> Value {
        json!({"median": self.median, "least": self.least, "most": self.most})
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

    /// Pictures that a device computed, of all, in the last run.
    pub(super) fn by_devices(&self) -> (u64, u64) {
        self.runs.last().map_or((0, 0), |run| (run.by_devices, run.records - run.failed()))
    }

    /// Milliseconds a picture on the device by step, the mean of the runs: upload, reduce, gradient, dct, in flight.
    pub(super) fn device_steps(&self) -> Option<[(&'static str, f64); 5]> {
        let traffic = || self.runs.iter().flat_map(|run| &run.devices);
        let pictures: u64 = traffic().map(|traffic| traffic.pictures).sum();
        let mean = |time: fn(&shadegrid::Traffic) -> Duration| {
            traffic().map(time).sum::<Duration>().as_secs_f64() * 1e3 / pictures as f64
        };
        (pictures > 0).then(|| {
            [
                ("upload", mean(|traffic| traffic.upload)),
                ("reduce", mean(|traffic| traffic.reduce)),
                ("gradient", mean(|traffic| traffic.gradient)),
                ("dct", mean(|traffic| traffic.dct)),
                ("sent until read back", mean(|traffic| traffic.in_flight)),
            ]
        })
    }

    /// Gigabytes a second through the upload and through `reduce`, where the device can tell.
    pub(super) fn bandwidths(&self) -> Option<(f64, f64)> {
        let traffic = || self.runs.iter().flat_map(|run| &run.devices);
        let bytes: u64 = traffic().map(|traffic| traffic.bytes).sum();
        let rate = |time: Duration| bytes as f64 / 1e9 / time.as_secs_f64();
        let upload: Duration = traffic().map(|traffic| traffic.upload).sum();
        let reduce: Duration = traffic().map(|traffic| traffic.reduce).sum();
        (!reduce.is_zero()).then(|| (if upload.is_zero() { 0.0 } else { rate(upload) }, rate(reduce)))
    }
}

impl Report {
    pub(super) fn new(
        pictures: &[(String, Vec<u8>)],
        steps: Steps,
        contenders: Vec<Contender>,
        options: &PipelineOptions,
        synthetic: bool,
    ) -> Report {
        let bytes: usize = pictures.iter().map(|(_, bytes)| bytes.len()).sum();
        let threads = options.threads.get();
        Report {
            contenders,
            steps,
            pictures: pictures.len(),
            megabytes: bytes as f64 / 1e6,
            threads,
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

    /// Milliseconds a picture of one thread of the processor.
    pub(super) fn processor_steps(&self) -> [(&'static str, f64); 3] {
        let mean = |time: Duration| time.as_secs_f64() * 1e3 / self.steps.pictures as f64;
        [
            ("read", mean(self.steps.read)),
            ("decode", mean(self.steps.decode)),
            ("sums and finish", mean(self.steps.hash)),
        ]
    }

    /// What was measured, in one line.
    pub(super) fn subject(&self) -> String {
        let origin = if self.synthetic { "made-up bitmaps" } else { "files" };
        format!(
            "{} {origin}, {:.1} MB in memory, {} threads, {} runs each",
            self.pictures,
            self.megabytes,
            self.threads,
            self.contenders[0].runs.len()
        )
    }

    pub(super) fn table(&self) -> String {
        let mut text = format!("{}\n\n", self.subject());
        let _ = writeln!(
            text,
            "{:<36} {:>10} {:>17} {:>8} {:>8}  records",
            "", "pictures/s", "range", "MP/s", "MB/s"
        );
        for contender in &self.contenders {
            let pictures = contender.pictures_a_second();
            let equal = match self.differing(contender) {
                0 => "equal".to_string(),
                differing => format!("{differing} DIFFER"),
            };
            let _ = writeln!(
                text,
                "{:<36} {:>10.1} {:>17} {:>8.1} {:>8.1}  {equal}",
                contender.name,
                pictures.median,
                format!("{:.1}–{:.1}", pictures.least, pictures.most),
                contender.megapixels_a_second().median,
                contender.megabytes_a_second().median,
            );
        }
        text.push_str("\nMilliseconds a picture, one thread of the processor:\n");
        for (step, time) in self.processor_steps() {
            let _ = writeln!(text, "  {step:<24} {time:>9.3}");
        }
        for contender in &self.contenders {
            let Some(steps) = contender.device_steps() else { continue };
            let (by_devices, hashed) = contender.by_devices();
            let _ =
                writeln!(text, "\n{}, {by_devices} of {hashed} pictures, by its own clock:", contender.name);
            for (step, time) in steps {
                let _ = writeln!(text, "  {step:<24} {time:>9.3}");
            }
            if let Some((upload, reduce)) = contender.bandwidths() {
                let _ = writeln!(text, "  upload {upload:.2} GB/s, reduce {reduce:.2} GB/s of samples");
            }
        }
        text
    }

    pub(super) fn json(&self) -> String {
        let steps = |steps: &[(&str, f64)]| -> Value {
            steps.iter().map(|(step, time)| ((*step).to_string(), json!(time))).collect()
        };
        let contender = |contender: &Contender| {
            json!({
                "name": contender.name,
                "pictures_per_second": contender.pictures_a_second().json(),
                "megapixels_per_second": contender.megapixels_a_second().json(),
                "megabytes_per_second": contender.megabytes_a_second().json(),
                "differing_records": self.differing(contender),
                "by_device": contender.by_devices().0,
                "device_milliseconds_per_picture": contender.device_steps().map(|s| steps(&s)),
                "upload_gigabytes_per_second": contender.bandwidths().map(|(upload, _)| upload),
                "reduce_gigabytes_per_second": contender.bandwidths().map(|(_, reduce)| reduce),
            })
        };
        let value = json!({
            "pictures": self.pictures,
            "megabytes": self.megabytes,
            "threads": self.threads,
            "synthetic": self.synthetic,
            "thread_milliseconds_per_picture": steps(&self.processor_steps()),
            "contenders": self.contenders.iter().map(contender).collect::<Value>(),
        });
        format!("{value:#}\n")
    }
}

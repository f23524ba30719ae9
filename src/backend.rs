//! Where the sums of a picture are computed: on the CPU, or on GPUs that give the same bits.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::kernel::dct::Scale;
use crate::kernel::gradient::Gradients;
use crate::picture::Picture;

mod choice;
pub(crate) mod cpu;
#[cfg(feature = "gpu")]
pub(crate) mod gpu;
#[cfg(not(feature = "gpu"))]
#[path = "backend/gpu_absent.rs"]
pub(crate) mod gpu;
mod layout;
mod probe;

pub use choice::{DeviceReport, Devices, devices};
pub(crate) use probe::probe_search;

/// What computed a picture's sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Backend {
    /// The CPU.
    Cpu,
    /// A GPU.
    Gpu,
}

impl Backend {
    /// The name in records: `cpu` or `gpu`.
    pub fn name(self) -> &'static str {
        match self {
            Backend::Cpu => "cpu",
            Backend::Gpu => "gpu",
        }
    }
}

/// Which backend a run may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BackendChoice {
    /// A GPU if a short measurement says that it helps, otherwise the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// GPUs; having none is an error.
    Gpu,
}

impl BackendChoice {
    /// The name on the command line: `auto`, `cpu` or `gpu`.
    pub fn name(self) -> &'static str {
        match self {
            BackendChoice::Auto => "auto",
            BackendChoice::Cpu => "cpu",
            BackendChoice::Gpu => "gpu",
        }
    }
}

impl fmt::Display for BackendChoice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl FromStr for BackendChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<BackendChoice> {
        let choices = [BackendChoice::Auto, BackendChoice::Cpu, BackendChoice::Gpu];
        choices
            .into_iter()
            .find(|choice| choice.name() == text)
            .ok_or_else(|| Error::Input(format!("unknown backend {text:?}: the choice is auto, cpu, gpu")))
    }
}

/// What a device has processed, and the time it took by the device's own clock; zeros if it has none.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Traffic {
    /// The device's name.
    pub device: String,
    /// Batches sent.
    pub batches: u64,
    /// Pictures in them.
    pub pictures: u64,
    /// Bytes sent to the device.
    pub bytes: u64,
    /// From the staging buffers to the device.
    pub upload: Duration,
    /// From the device to the buffers that are read.
    pub readback: Duration,
    /// Time that CPU threads spent copying into the staging buffers.
    pub fill: Duration,
    /// The stage `reduce`.
    pub reduce: Duration,
    /// The stage `gradient`.
    pub gradient: Duration,
    /// The stage `dct`.
    pub dct: Duration,
    /// From sending each batch until its results could be read; batches overlap.
    pub in_flight: Duration,
    /// Time in which at least one batch was on the device.
    pub busy: Duration,
}

/// How fast a device moves bytes and reduces pictures that it holds, each measured alone, by its own clock if it has one.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DeviceSpeed {
    /// The device's name.
    pub device: String,
    /// Its interface, driver and version.
    pub driver: String,
    /// Bytes per second that one CPU thread copies from memory to memory.
    pub plain_copy: f64,
    /// Bytes per second that one thread copies into the device's staging memory.
    pub fill: f64,
    /// Bytes per second from there to the device.
    pub upload: f64,
    /// Bytes per second that the device's memory moves while one buffer is copied to another: those read and those written.
    pub copy: f64,
    /// Bytes per second from the device.
    pub readback: f64,
    /// The stage `reduce` for both usual signatures.
    pub reduce: Vec<ReduceSpeed>,
}

/// The stage `reduce` on pictures of one size, RGB, that the device holds already.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct ReduceSpeed {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Pictures in the batch.
    pub pictures: u32,
    /// Pixels per second; 0 if the device cannot time its stages.
    pub pixels_per_second: f64,
    /// Bytes of samples per second, each counted once no matter how often it is read.
    pub bytes_per_second: f64,
}

/// How fast a device decodes one batch of JPEGs that it holds already, and what the CPU does for these.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct DecodeSpeed {
    /// The device's name.
    pub device: String,
    /// Pictures in the batch.
    pub pictures: u32,
    /// Bytes of their files.
    pub bytes: u64,
    /// Their blocks of 8×8 samples.
    pub blocks: u64,
    /// Each stage by the device's own clock; empty if it has none.
    pub stages: Vec<StageSpeed>,
    /// All stages with what starts and ends them, by the CPU's clock.
    pub together: Duration,
    /// Bytes that the stage `planes` reads and writes.
    pub moved: u64,
    /// What one thread takes to read the pictures' headers.
    pub headers: Duration,
    /// What it takes to make look-up tables, to take the stuffing out of the data, and to copy it.
    pub copying: Duration,
}

/// A stage of decoding.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct StageSpeed {
    /// As in `shaders/jpeg`.
    pub name: &'static str,
    /// For the whole batch.
    pub took: Duration,
}

impl DecodeSpeed {
    /// The stages by the device's own clock, by the CPU's where it has none.
    pub fn on_the_device(&self) -> Duration {
        let took: Duration = self.stages.iter().map(|stage| stage.took).sum();
        if took.is_zero() { self.together } else { took }
    }

    /// The stages that read entropy-coded data, up to coefficients; nothing if the device has no clock.
    pub fn entropy(&self) -> Duration {
        let is_entropy =
            |stage: &&StageSpeed| matches!(stage.name, "first" | "follow" | "resolve" | "write" | "offsets");
        self.stages.iter().filter(is_entropy).map(|stage| stage.took).sum()
    }
}

/// What the integer stages leave of a picture; everything after it is a tiny step on the CPU.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sums {
    /// PhotoDNA-class gradients, and what one grey level of one pixel counts in them.
    pub(crate) gradients: Option<(Gradients, f64)>,
    /// PDQ at full resolution.
    pub(crate) pdq: Option<PdqSums>,
    /// PDQ after 512×512, where that differs.
    pub(crate) pdq512: Option<PdqSums>,
}

/// What the 64×64 luma of PDQ gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PdqSums {
    /// What the coefficients are measured in.
    pub(crate) scale: Scale,
    /// 0..=100, by the integers.
    pub(crate) quality: u8,
    /// Row-major 16×16.
    pub(crate) coefficients: [i64; 256],
}

/// A picture that comes back from a device, with what whoever submitted it gave along.
#[derive(Debug)]
pub(crate) struct Done<T> {
    /// Without samples where the device decodes it.
    pub(crate) picture: Picture,
    pub(crate) payload: T,
    /// The sums, or why the device did not compute them. Without a reason it had no room, or the CPU has to read the file.
    pub(crate) sums: Result<Sums, Option<Arc<str>>>,
    pub(crate) decoding: Decoding,
}

/// Who decodes a picture of a device's.
#[derive(Debug)]
#[cfg_attr(not(feature = "gpu"), expect(dead_code, reason = "without devices nothing comes back from one"))]
pub(crate) enum Decoding {
    Cpu,
    /// The device, with what its guards are judged by where it has any.
    Device(Option<Check>),
}

/// What is left to be said of a picture's guards.
pub(crate) struct Check(Box<dyn FnOnce() -> bool + Send>);

impl Check {
    /// `is_beyond` says whether every pixel has to be read.
    #[cfg(feature = "gpu")]
    pub(crate) fn new(is_beyond: impl FnOnce() -> bool + Send + 'static) -> Check {
        Check(Box::new(is_beyond))
    }

    /// Whether every pixel has to be read.
    pub(crate) fn wants_pixels(self) -> bool {
        self.0()
    }
}

impl std::fmt::Debug for Check {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Check")
    }
}

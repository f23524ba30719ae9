//! Which devices there are, which can be trusted, and which a run uses.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fearless_simd::Level;

use super::cpu::Cpu;
use super::gpu::{self, Adapter, Capacity, Checks, Device, Ring};
use super::probe::{probe, probe_jpegs};
use super::{BackendChoice, DecodeSpeed, DeviceSpeed};
use crate::error::{Error, Result};
use crate::picture::Picture;
use crate::signature::Algorithm;

/// Bytes of samples in a batch of a device, and of a software device, which has the CPU's own memory.
const BATCH_BYTES: u64 = 128 << 20;
const SOFTWARE_BATCH_BYTES: u64 = 16 << 20;
/// Bytes of JPEGs in a batch of a device: their samples take about twice as many.
const JPEG_BYTES: u64 = 32 << 20;
const SOFTWARE_JPEG_BYTES: u64 = 4 << 20;
/// How long a batch may take before the device counts as lost.
const PATIENCE: Duration = Duration::from_secs(20);
const SOFTWARE_PATIENCE: Duration = Duration::from_secs(300);

/// One device of this machine.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DeviceReport {
    /// Its number, from 0, as `--device` takes it.
    pub number: usize,
    /// The driver's name of it.
    pub name: String,
    /// `discrete`, `integrated`, `virtual`, `software` or `other`.
    pub kind: &'static str,
    /// `vulkan`, `metal` or `dx12`.
    pub interface: String,
    /// The driver and its version.
    pub driver: String,
    /// Largest buffer in bytes.
    pub max_buffer: u64,
    /// Largest part of a buffer that a shader can see, in bytes.
    pub max_binding: u64,
    /// Bytes of samples that a batch on it holds.
    pub batch_bytes: u64,
    /// Whether stages can be timed by its own clock.
    pub timestamps: bool,
    /// How long opening and probing it took, shaders and all: what a run that uses it pays first.
    pub startup: Duration,
    /// Why it is refused; `None` for a device that computes what the CPU does.
    pub refused: Option<String>,
}

/// The devices of this machine, each with the probe's verdict.
pub fn devices() -> Vec<DeviceReport> {
    let report = |(number, adapter): (usize, Adapter)| {
        let started = Instant::now();
        let refused = open(&adapter).err().map(|error| error.to_string());
        DeviceReport {
            number,
            startup: started.elapsed(),
            batch_bytes: capacity(&adapter).bytes,
            name: adapter.name,
            kind: adapter.kind,
            interface: adapter.interface,
            driver: adapter.driver,
            max_buffer: adapter.max_buffer,
            max_binding: adapter.max_binding,
            timestamps: adapter.timestamps,
            refused,
        }
    };
    Adapter::all().into_iter().enumerate().map(report).collect()
}

/// Opens and probes a device.
fn open(adapter: &Adapter) -> Result<Device> {
    let device = Device::open(adapter, Checks::Off)?;
    probe(&device)?;
    probe_jpegs(&device)?;
    Ok(device)
}

fn capacity(adapter: &Adapter) -> Capacity {
    adapter.capacity(if adapter.is_software() { SOFTWARE_BATCH_BYTES } else { BATCH_BYTES })
}

/// The devices that a run uses in addition to the CPU; none by default.
#[derive(Debug, Clone, Default)]
pub struct Devices {
    devices: Vec<Arc<Device>>,
    why: String,
    /// Whether somebody asked for them.
    required: bool,
    /// Whether summing pixels alone is faster on them.
    helps: bool,
}

impl Devices {
    /// None, with a reason for people to read.
    pub fn none(why: impl Into<String>) -> Devices {
        Devices { devices: Vec::new(), why: why.into(), required: false, helps: false }
    }

    /// Opens and probes the devices that `choice` asks for. `wanted` names some of them, by number or by part of
    /// their names. Without names, `gpu` takes all hardware or else the first software device, and `auto` takes the first hardware
    /// device: a run then measures what it gains by it, and goes on without it below a tenth. Galleries are put on it where it sums pixels faster than `threads`
    /// threads.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] if `gpu` finds no device that works or a wanted one is missing; `auto` and `cpu` never fail.
    pub fn choose(choice: BackendChoice, wanted: &[String], threads: NonZeroUsize) -> Result<Devices> {
        match choice {
            BackendChoice::Cpu => Ok(Devices::none("asked for")),
            BackendChoice::Gpu => {
                let devices = Devices::required(wanted)?;
                Ok(Devices { devices, why: "asked for".to_string(), required: true, helps: true })
            }
            BackendChoice::Auto if wanted.is_empty() => Ok(Devices::measured(threads)),
            BackendChoice::Auto => Devices::choose(BackendChoice::Gpu, wanted, threads),
        }
    }

    fn required(wanted: &[String]) -> Result<Vec<Arc<Device>>> {
        let adapters = Adapter::all();
        if adapters.is_empty() {
            return Err(Error::Device(NO_ADAPTER.to_string()));
        }
        if !wanted.is_empty() {
            let mut chosen = Vec::new();
            for name in wanted {
                let adapter = find(&adapters, name)?;
                chosen.push(Arc::new(open(adapter)?));
            }
            return Ok(chosen);
        }
        let (software, hardware): (Vec<_>, Vec<_>) = adapters.iter().partition(|a| a.is_software());
        let opened: Vec<Result<Device>> = hardware.into_iter().map(open).collect();
        let (working, refused): (Vec<_>, Vec<_>) = opened.into_iter().partition(Result::is_ok);
        if !working.is_empty() {
            return Ok(working.into_iter().flatten().map(Arc::new).collect());
        }
        match software.first() {
            Some(adapter) => Ok(vec![Arc::new(open(adapter)?)]),
            None => Err(refused.into_iter().find_map(Result::err).unwrap_or_else(no_adapter)),
        }
    }

    /// The first hardware device; never an error.
    fn measured(threads: NonZeroUsize) -> Devices {
        const NONE: &str = "no GPU found";
        if !driver_files(Path::new("/dev")) {
            return Devices::none(NONE);
        }
        let hardware = Adapter::all().into_iter().find(|adapter| !adapter.is_software());
        let Some(adapter) = hardware else { return Devices::none(NONE) };
        let measured = open(&adapter).and_then(|device| Ok((Measured::new(&device)?, device)));
        match measured {
            Err(error) => Devices::none(error.to_string()),
            Ok((measured, device)) => {
                let why = format!("{}: {measured}", device.adapter.name);
                let helps = measured.helps(threads.get());
                Devices { devices: vec![Arc::new(device)], why, required: false, helps }
            }
        }
    }

    /// Why these and no others, for people.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// Their names; empty where the CPU does everything.
    pub fn names(&self) -> Vec<&str> {
        self.devices.iter().map(|device| device.adapter.name.as_str()).collect()
    }

    /// One device, opened by a test.
    #[cfg(all(test, feature = "gpu"))]
    pub(crate) fn of(device: Device) -> Devices {
        Devices { devices: vec![Arc::new(device)], why: "a test".to_string(), required: true, helps: true }
    }

    /// Whether a run is to find out whether they help.
    pub(crate) fn is_on_trial(&self) -> bool {
        !self.devices.is_empty() && !self.required
    }

    /// The device that galleries are put on.
    pub(crate) fn first(&self) -> Option<&Arc<Device>> {
        self.devices.first().filter(|_| self.helps)
    }

    /// What each of them does when nothing else runs; takes some seconds in software.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] where one fails.
    pub fn speeds(&self) -> Result<Vec<DeviceSpeed>> {
        self.devices.iter().map(|device| device.speed()).collect()
    }

    /// How fast each of them decodes those of the files that it can decode, as many as one batch holds; nothing of one that can decode none of them. Takes some
    /// seconds in software.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] where one fails.
    pub fn decode_speeds(&self, files: &[&[u8]]) -> Result<Vec<DecodeSpeed>> {
        let speeds = self.devices.iter().map(|device| device.decode_speed(files));
        speeds.filter_map(Result::transpose).collect()
    }

    /// A ring of batches for each; none for one that has no memory for it, where nobody asked for it.
    pub(crate) fn rings<T: Send>(&self) -> Result<Vec<Ring<T>>> {
        let ring = |device: &Arc<Device>| {
            let (patience, bytes) = if device.adapter.is_software() {
                (SOFTWARE_PATIENCE, SOFTWARE_JPEG_BYTES)
            } else {
                (PATIENCE, JPEG_BYTES)
            };
            Ring::new(device.clone(), capacity(&device.adapter), patience)?.with_decoder(bytes)
        };
        self.devices.iter().map(ring).filter(|ring| ring.is_ok() || self.required).collect()
    }
}

/// Whether a driver of hardware has left its files in `folder`; true on systems without such files.
///
/// Asking Vulkan loads every driver that is installed, software too: a tenth of a second that nobody should pay for
/// a picture.
fn driver_files(folder: &Path) -> bool {
    let names = ["dri", "nvidiactl", "nvidia0", "dxg", "kgsl-3d0", "mali0"];
    !cfg!(target_os = "linux") || names.into_iter().any(|name| folder.join(name).exists())
}

const NO_ADAPTER: &str = "no GPU found: install its driver with Vulkan (on Debian and Ubuntu \
     libvulkan1 and the card's driver, or mesa-vulkan-drivers for Intel, AMD and software), or use --backend cpu";

fn no_adapter() -> Error {
    Error::Device(NO_ADAPTER.to_string())
}

/// The adapter of that number, or the first whose name holds the text.
fn find<'a>(adapters: &'a [Adapter], name: &str) -> Result<&'a Adapter> {
    let by_number = name.parse().ok().and_then(|number: usize| adapters.get(number));
    let text = name.to_lowercase();
    let by_name = || adapters.iter().find(|adapter| adapter.name.to_lowercase().contains(&text));
    by_number.or_else(by_name).ok_or_else(|| {
        let names: Vec<String> =
            adapters.iter().enumerate().map(|(number, a)| format!("{number} {}", a.name)).collect();
        Error::Device(format!("no device {name:?}; there are: {}", names.join(", ")))
    })
}

/// What one megapixel costs: on one thread of the CPU, and on the device with its upload.
struct Measured {
    cpu: Duration,
    device: Duration,
}

impl Measured {
    /// Takes some tens of milliseconds: the shortest of three turns each.
    fn new(device: &Device) -> Result<Measured> {
        const PICTURES: usize = 8;
        let algorithms = [Algorithm::PhotoDna, Algorithm::Pdq];
        let bytes = (0..1000 * 1000 * 3).map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let pictures = vec![Picture::from_rgb(bytes, 1000, 1000); PICTURES];
        let mut cpu = Cpu::new(Level::new());
        let mut measured = Measured { cpu: Duration::MAX, device: Duration::MAX };
        let capacity = Capacity { pictures: 16, bytes: 32 << 20 };
        // The shortest, since whatever else runs on the machine can only make a turn longer.
        for _ in 0..3 {
            let started = Instant::now();
            cpu.sums(&pictures[0], &algorithms);
            measured.cpu = measured.cpu.min(started.elapsed());
            let took = gpu::run(device, capacity, &pictures, &algorithms, PATIENCE)?.took;
            measured.device = measured.device.min(took / PICTURES as u32);
        }
        Ok(measured)
    }

    /// Whether the device is faster than all threads together. Copying to it costs the threads about a third of what
    /// summing does, so a device that is merely as fast gains nothing.
    fn helps(&self, threads: usize) -> bool {
        self.device * (threads as u32) < self.cpu
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        let (device, cpu) = (milliseconds(self.device), milliseconds(self.cpu));
        write!(formatter, "{device:.2} ms a megapixel with upload, one thread {cpu:.2} ms")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn software_is_never_chosen_by_itself() {
        let chosen = Devices::choose(BackendChoice::Auto, &[], NonZeroUsize::MIN).unwrap();
        assert!(!chosen.why().is_empty());
        assert!(chosen.devices.iter().all(|device| !device.adapter.is_software()));
    }

    #[test]
    fn only_a_driver_is_asked() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(driver_files(folder.path()), !cfg!(target_os = "linux"));
        std::fs::write(folder.path().join("nvidiactl"), "").unwrap();
        assert!(driver_files(folder.path()));
    }

    #[test]
    fn an_unknown_device_is_an_error() {
        let error = Devices::choose(BackendChoice::Gpu, &["no such card".to_string()], NonZeroUsize::MIN);
        assert!(error.unwrap_err().to_string().contains("no "));
    }

    #[test]
    fn a_device_must_beat_all_threads() {
        let millis = Duration::from_millis;
        let measured = Measured { cpu: millis(10), device: millis(2) };
        assert!(measured.helps(4) && !measured.helps(5));
    }
}

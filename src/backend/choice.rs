//! Which devices there are, which can be trusted, and which a run uses.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::gpu::{Adapter, Capacity, Checks, Device, Ring};
use super::probe::{probe, probe_jpegs};
use super::{BackendChoice, DecodeSpeed, DeviceSpeed};
use crate::error::{Error, Result};

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
#[derive(Debug, Clone)]
pub struct Devices {
    /// Filled when they are first needed.
    opened: Arc<dyn Once>,
    /// Whether somebody asked for them.
    required: bool,
}

/// What was opened, and why these and no others.
#[derive(Debug, Default)]
struct Opened {
    devices: Vec<Arc<Device>>,
    why: String,
}

/// What is opened when it is first needed.
///
/// A trait, since compilers give up (E0275) on finding out that wgpu's types are `Sync` where programs have devices deep within types of their own.
trait Once: fmt::Debug + Send + Sync {
    /// What is open.
    fn now(&self) -> Option<&Opened>;

    /// The same, opened now if it is not.
    fn open(&self) -> &Opened;
}

impl Once for OnceLock<Opened> {
    fn now(&self) -> Option<&Opened> {
        self.get()
    }

    fn open(&self) -> &Opened {
        self.get_or_init(Opened::hardware)
    }
}

impl Default for Devices {
    fn default() -> Devices {
        Devices::none("")
    }
}

impl Devices {
    /// None, with a reason for people to read.
    pub fn none(why: impl Into<String>) -> Devices {
        Devices::opened(Opened { devices: Vec::new(), why: why.into() }, false)
    }

    /// Those that [`choose`](Devices::choose) takes for `auto`, opened only when they are needed: by [`Gallery::on_device`](crate::gallery::Gallery::on_device) not before
    /// look-ups have taken long enough.
    pub fn on_demand() -> Devices {
        Devices { opened: Arc::new(OnceLock::new()), required: false }
    }

    fn opened(opened: Opened, required: bool) -> Devices {
        Devices { opened: Arc::new(OnceLock::from(opened)), required }
    }

    /// Opens and probes the devices that `choice` asks for. `wanted` names some of them, by number or by part of
    /// their names. Without names, `gpu` takes all hardware or else the first software device, and `auto` takes the hardware of the best kind (discrete
    /// cards before others): a run then measures what it gains by them, and goes on without them below a tenth.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] if `gpu` finds no device that works or a wanted one is missing, [`Error::Input`] if `cpu` comes with the names of devices; `auto` and `cpu` without names never
    /// fail.
    pub fn choose(choice: BackendChoice, wanted: &[String]) -> Result<Devices> {
        match choice {
            BackendChoice::Cpu if wanted.is_empty() => Ok(Devices::none("asked for")),
            BackendChoice::Cpu => Err(Error::Input(format!(
                "the device {:?} is named for work on the CPU alone: leave it out, or choose the backend gpu",
                wanted[0]
            ))),
            BackendChoice::Auto if wanted.is_empty() => Ok(Devices::opened(Opened::hardware(), false)),
            BackendChoice::Gpu | BackendChoice::Auto => {
                let devices = required(wanted)?;
                Ok(Devices::opened(Opened { devices, why: "asked for".to_string() }, true))
            }
        }
    }

    /// The same, which say in [`Traffic`](crate::Traffic) what their batches took by their own clocks: for measurements. Opens them if they are not.
    pub fn timed(self) -> Devices {
        self.all().iter().for_each(|device| device.time_batches());
        self
    }

    /// They themselves, opened now if they are not.
    pub(crate) fn all(&self) -> &[Arc<Device>] {
        &self.opened.open().devices
    }

    /// Why these and no others, for people.
    pub fn why(&self) -> &str {
        self.opened.now().map_or("no device was looked for: the work was too short", |opened| &opened.why)
    }

    /// The names of those that are open; empty where the CPU does everything.
    pub fn names(&self) -> Vec<&str> {
        let devices = self.opened.now().into_iter().flat_map(|opened| &opened.devices);
        devices.map(|device| device.adapter.name.as_str()).collect()
    }

    /// One device, opened by a test.
    #[cfg(all(test, feature = "gpu"))]
    pub(crate) fn of(device: Device, required: bool) -> Devices {
        Devices::opened(Opened { devices: vec![Arc::new(device)], why: "a test".to_string() }, required)
    }

    /// Whether somebody asked for them; otherwise whoever uses them is to find out whether they help.
    pub(crate) fn are_required(&self) -> bool {
        self.required
    }

    /// Whether there are none, which is known without opening any.
    pub(crate) fn are_none(&self) -> bool {
        self.opened.now().is_some_and(|opened| opened.devices.is_empty())
    }

    /// What each of them does when nothing else runs; takes some seconds in software.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] where one fails.
    pub fn speeds(&self) -> Result<Vec<DeviceSpeed>> {
        self.all().iter().map(|device| device.speed()).collect()
    }

    /// How fast each of them decodes those of the files that it can decode, in one full batch, where they may be several times; nothing of one that can decode none of them. Takes some
    /// seconds in software.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] where one fails.
    pub fn decode_speeds(&self, files: &[&[u8]]) -> Result<Vec<DecodeSpeed>> {
        let speeds = self.all().iter().map(|device| device.decode_speed(files));
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
        self.all().iter().map(ring).filter(|ring| ring.is_ok() || self.required).collect()
    }
}

impl Opened {
    /// The working hardware of the best kind; never an error.
    fn hardware() -> Opened {
        let none = |why: &str| Opened { devices: Vec::new(), why: why.to_string() };
        if !driver_files(Path::new("/dev")) {
            return none("no GPU found");
        }
        let adapters = Adapter::all();
        let Some(kind) = best_kind(adapters.iter().map(|adapter| adapter.kind)) else {
            return none("no GPU found");
        };
        let opened = adapters.iter().filter(|adapter| adapter.kind == kind).map(open);
        let (working, refused): (Vec<_>, Vec<_>) = opened.partition(Result::is_ok);
        let devices: Vec<_> = working.into_iter().flatten().map(Arc::new).collect();
        let why = match refused.into_iter().find_map(Result::err) {
            Some(error) if devices.is_empty() => error.to_string(),
            _ => "on trial".to_string(),
        };
        Opened { devices, why }
    }
}

/// The kind of hardware that `auto` tries: one that shares the CPU's memory and power only where there is no other.
fn best_kind<'a>(kinds: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let order =
        |kind: &str| ["discrete", "virtual", "integrated", "other"].iter().position(|&known| known == kind);
    kinds.filter_map(|kind| Some((order(kind)?, kind))).min().map(|(_, kind)| kind)
}

/// The devices of these names, or all hardware, or else the first software device.
fn required(wanted: &[String]) -> Result<Vec<Arc<Device>>> {
    let adapters = Adapter::all();
    if adapters.is_empty() {
        return Err(Error::Device(NO_ADAPTER.to_string()));
    }
    if !wanted.is_empty() {
        return chosen(&adapters, wanted, find)?
            .into_iter()
            .map(|adapter| open(adapter).map(Arc::new))
            .collect();
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

/// Whether a driver of hardware has left its files in `folder`; true on systems without such files.
///
/// Asking Vulkan loads every driver that is installed, software too: a tenth of a second that nobody should pay for
/// a picture.
fn driver_files(folder: &Path) -> bool {
    let names = ["dri", "nvidiactl", "nvidia0", "dxg", "kgsl-3d0", "mali0"];
    !cfg!(target_os = "linux") || names.into_iter().any(|name| folder.join(name).exists())
}

/// Those that `find` gives for the names, each once.
fn chosen<'a, T>(
    all: &'a [T],
    wanted: &[String],
    find: impl Fn(&'a [T], &str) -> Result<&'a T>,
) -> Result<Vec<&'a T>> {
    let mut chosen: Vec<&T> = Vec::new();
    for name in wanted {
        let found = find(all, name)?;
        if !chosen.iter().any(|before| std::ptr::eq(*before, found)) {
            chosen.push(found);
        }
    }
    Ok(chosen)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn software_is_never_chosen_by_itself() {
        let chosen = Devices::choose(BackendChoice::Auto, &[]).unwrap();
        assert!(!chosen.why().is_empty());
        assert!(chosen.all().iter().all(|device| !device.adapter.is_software()));
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
        let error = Devices::choose(BackendChoice::Gpu, &["no such card".to_string()]);
        assert!(error.unwrap_err().to_string().contains("no "));
    }

    #[test]
    fn a_device_that_is_named_twice_is_opened_once() {
        let find = |all: &'static [&'static str], name: &str| {
            all.iter().find(|one| one.contains(name)).ok_or_else(no_adapter)
        };
        let wanted = ["a", "b", "ab", "b"].map(String::from);
        assert_eq!(chosen(&["xab", "b"], &wanted, find).unwrap(), [&"xab"]);
        assert_eq!(chosen(&["b", "xab"], &wanted, find).unwrap(), [&"xab", &"b"]);
        assert!(chosen(&["b"], &wanted, find).is_err());
    }

    #[test]
    fn the_cpu_alone_takes_no_device() {
        let error = Devices::choose(BackendChoice::Cpu, &["0".to_string()]).unwrap_err();
        assert!(error.to_string().contains("named for work on the CPU alone"), "{error}");
    }

    #[test]
    fn a_card_of_its_own_comes_first() {
        let kinds = ["software", "integrated", "discrete", "discrete"];
        assert_eq!(best_kind(kinds.into_iter()), Some("discrete"));
        assert_eq!(best_kind(kinds[..2].iter().copied()), Some("integrated"));
        assert_eq!(best_kind(kinds[..1].iter().copied()), None);
    }

    #[test]
    fn nothing_is_opened_before_it_is_needed() {
        let devices = Devices::on_demand();
        assert!(devices.names().is_empty() && devices.why().contains("no device was looked for"));
        assert!(!devices.are_none() && Devices::default().are_none());
        assert!(devices.all().iter().all(|device| !device.adapter.is_software()));
    }
}

//! A GPU, opened: its limits, its shaders, and what went wrong on it.

use std::any::Any;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::thread;
use std::time::{Duration, Instant};

use wgpu::{
    BindGroupLayout, BindGroupLayoutEntry, BindingType, Buffer, BufferBindingType, BufferUsages,
    ComputePipeline, Features, ShaderStages,
};

use super::adapter::Adapter;
use crate::error::{Error, Result};
use crate::kernel::dct::MATRIX_FIXED;

/// The shaders' texts, each after what it includes.
pub(super) const REDUCE: &str = concat!(
    include_str!("../../../shaders/integers.wgsl"),
    include_str!("../../../shaders/batch.wgsl"),
    include_str!("../../../shaders/reduce.wgsl")
);
pub(super) const GRADIENT: &str = concat!(
    include_str!("../../../shaders/integers.wgsl"),
    include_str!("../../../shaders/batch.wgsl"),
    include_str!("../../../shaders/gradient.wgsl")
);
pub(super) const DCT: &str = concat!(
    include_str!("../../../shaders/integers.wgsl"),
    include_str!("../../../shaders/batch.wgsl"),
    include_str!("../../../shaders/dct.wgsl")
);

/// The stages in the order in which they run: name, which is also the entry point's, and text.
pub(super) const STAGES: [(&str, &str); 3] = [("reduce", REDUCE), ("gradient", GRADIENT), ("dct", DCT)];

/// Most workgroups along one axis of a dispatch, what every device takes.
pub(super) const MOST_WORKGROUPS: u32 = 65_535;

/// How long who waits for a shared device sleeps between two looks.
const LOOK: Duration = Duration::from_micros(50);

/// Whether shaders run with the checks that wgpu can build into them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checks {
    /// Every index is clamped and every loop counted: what the tests prove the shaders with.
    #[cfg(test)]
    On,
    /// The shaders' own care is trusted.
    Off,
}

/// What went wrong on a device; the first thing counts.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults(Arc<Mutex<Option<String>>>);

impl Faults {
    pub(super) fn note(&self, fault: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(fault);
    }

    pub(super) fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// How closely the device's own clock can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timestamps {
    None,
    /// Around each stage.
    Stages,
    /// Around copies too.
    Everywhere,
}

/// An open device with its stages.
#[derive(Debug)]
pub(crate) struct Device {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) faults: Faults,
    pub(super) bindings: BindGroupLayout,
    pub(super) stages: Vec<ComputePipeline>,
    pub(super) matrix: Buffer,
    pub(super) timestamps: Timestamps,
    checks: Checks,
    /// Held for reading while mapped memory is written, for writing while the device is polled or sent something: both free the buffers of a lost one.
    mapped: RwLock<()>,
    /// Rings on the device, whose threads write mapped memory at any time.
    rings: AtomicUsize,
    is_abandoned: AtomicBool,
    times_batches: AtomicBool,
    /// What takes long to make, once somebody asked for it.
    kept: Mutex<Vec<Arc<dyn Any + Send + Sync>>>,
    /// A stage that a test has go wrong.
    #[cfg(test)]
    pub(super) broken: Mutex<Option<(&'static str, u32)>>,
    /// The adapter's own description.
    pub(crate) adapter: Adapter,
}

impl Device {
    /// Opens `adapter`.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] where the driver refuses.
    pub(crate) fn open(adapter: &Adapter, checks: Checks) -> Result<Device> {
        let failed = |what: &str, error: &dyn std::fmt::Display| {
            Error::Device(format!("{}: {what}: {error}", adapter.name))
        };
        let wanted = Features::TIMESTAMP_QUERY | Features::TIMESTAMP_QUERY_INSIDE_ENCODERS;
        let features = adapter.handle.features() & wanted;
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("shadegrid"),
            required_features: features,
            required_limits: adapter.handle.limits(),
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(adapter.handle.request_device(&descriptor))
            .map_err(|error| failed("cannot be opened", &error))?;
        let faults = Faults::default();
        watch(&device, &faults);
        let bindings = bindings(&device);
        let stages = STAGES.map(|stage| pipeline(&device, Some(&bindings), stage, checks)).to_vec();
        let matrix = buffer(&device, "matrix", 16 * 64 * 4, BufferUsages::STORAGE | BufferUsages::COPY_DST);
        queue.write_buffer(&matrix, 0, bytemuck::cast_slice(MATRIX_FIXED.as_flattened()));
        // wgpu reports errors to `watch` and returns something unusable, so what was built is known to be good only now.
        if let Some(fault) = faults.get() {
            return Err(failed("its shaders cannot be built", &fault));
        }
        let timestamps = match features {
            features if features == wanted => Timestamps::Everywhere,
            features if features.contains(Features::TIMESTAMP_QUERY) => Timestamps::Stages,
            _ => Timestamps::None,
        };
        let adapter = adapter.clone();
        Ok(Device {
            device,
            queue,
            faults,
            bindings,
            stages,
            matrix,
            timestamps,
            checks,
            mapped: RwLock::new(()),
            rings: AtomicUsize::new(0),
            is_abandoned: AtomicBool::new(false),
            times_batches: AtomicBool::new(false),
            kept: Mutex::default(),
            #[cfg(test)]
            broken: Mutex::default(),
            adapter,
        })
    }

    /// Whether all is well so far.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] with the first thing that went wrong.
    pub(crate) fn check(&self) -> Result<()> {
        match self.faults.get() {
            None => Ok(()),
            Some(fault) => Err(Error::Device(format!("{}: {fault}", self.adapter.name))),
        }
    }

    /// Runs what writes mapped memory, which stays mapped meanwhile: a piece at a time, since whoever polls the device waits for it.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] where the device has failed, and those of `write`.
    pub(super) fn writing<T>(&self, write: impl FnOnce() -> Result<T>) -> Result<T> {
        let _mapped = self.mapped()?;
        write()
    }

    /// The lock under which mapped memory stays mapped.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] where the device has failed.
    pub(super) fn mapped(&self) -> Result<RwLockReadGuard<'_, ()>> {
        let mapped = self.mapped.read().unwrap_or_else(PoisonError::into_inner);
        self.check()?;
        Ok(mapped)
    }

    /// Sends what was encoded.
    pub(super) fn submit(&self, encoder: wgpu::CommandEncoder) {
        let commands = encoder.finish();
        let _unmapped = self.mapped.write().unwrap_or_else(PoisonError::into_inner);
        self.queue.submit([commands]);
    }

    /// Looks at what has been done.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] where the device fails.
    pub(super) fn poll(&self) -> Result<()> {
        self.poll_as(wgpu::PollType::Poll)
    }

    fn poll_as(&self, how: wgpu::PollType) -> Result<()> {
        let _unmapped = self.mapped.write().unwrap_or_else(PoisonError::into_inner);
        let polled = self.device.poll(how);
        // A fault says more than the time-out that came of it.
        self.check()?;
        polled.map(drop).map_err(|error| Error::Device(format!("{}: {error}", self.adapter.name)))
    }

    /// Waits until everything sent has been done. A device that takes longer than `patience` is [abandoned](Device::abandon).
    ///
    /// # Errors
    ///
    /// [`Error::Device`] where the device fails or `patience` ends.
    pub(super) fn wait(&self, patience: Duration) -> Result<()> {
        let waited = if self.rings.load(Ordering::Acquire) == 0 {
            self.poll_as(wgpu::PollType::Wait { submission_index: None, timeout: Some(patience) })
        } else {
            self.wait_among_rings(patience)
        };
        // Whether it hangs is not known, and freeing one that does hangs too.
        waited.inspect_err(|_| self.abandon())
    }

    /// The same in looks of no length, since threads that fill batches wait for each.
    fn wait_among_rings(&self, patience: Duration) -> Result<()> {
        let (is_done, started) = (Arc::new(AtomicBool::new(false)), Instant::now());
        let done = is_done.clone();
        self.queue.on_submitted_work_done(move || done.store(true, Ordering::Release));
        loop {
            self.poll()?;
            if is_done.load(Ordering::Acquire) {
                return Ok(());
            }
            if started.elapsed() > patience {
                let seconds = patience.as_secs_f32();
                return Err(Error::Device(format!("{}: no answer within {seconds} s", self.adapter.name)));
            }
            thread::sleep(LOOK);
        }
    }

    /// Has the batches of rings timed that are made from now on.
    ///
    /// Not unless somebody reads what comes of it: Vulkan waits for ever for a timestamp that a driver forgets.
    pub(crate) fn time_batches(&self) {
        self.times_batches.store(true, Ordering::Release);
    }

    /// How closely the batches of rings are timed.
    pub(super) fn timestamps_of_batches(&self) -> Timestamps {
        if self.times_batches.load(Ordering::Acquire) { self.timestamps } else { Timestamps::None }
    }

    /// Counts a ring that begins to use the device, or one that ended.
    pub(super) fn count_ring(&self, begins: bool) {
        match begins {
            true => self.rings.fetch_add(1, Ordering::AcqRel),
            false => self.rings.fetch_sub(1, Ordering::AcqRel),
        };
    }

    /// Waits until `bytes` of `buffer` can be read, and reads them.
    pub(super) fn read<T>(
        &self,
        buffer: &wgpu::Buffer,
        bytes: u64,
        patience: Duration,
        read: impl FnOnce(&[u32]) -> T,
    ) -> Result<T> {
        let failed = |what: String| Error::Device(format!("{}: {what}", self.adapter.name));
        buffer.map_async(wgpu::MapMode::Read, 0..bytes, |_| {});
        self.wait(patience)?;
        let view = buffer.get_mapped_range(0..bytes).map_err(|error| failed(error.to_string()))?;
        let value = read(bytemuck::cast_slice(&view));
        drop(view);
        buffer.unmap();
        Ok(value)
    }

    /// What is made for the device once, by `make` when it is first asked for.
    ///
    /// # Errors
    ///
    /// Those of `make`.
    pub(super) fn kept<T: Any + Send + Sync>(&self, make: impl FnOnce() -> Result<T>) -> Result<Arc<T>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = kept.iter().find_map(|kept| kept.clone().downcast::<T>().ok()) {
            return Ok(found);
        }
        let made = Arc::new(make()?);
        kept.push(made.clone());
        Ok(made)
    }

    /// Never frees the device: freeing a queue waits for what was sent to it, without an end where the device hangs.
    pub(super) fn abandon(&self) {
        if !self.is_abandoned.swap(true, Ordering::AcqRel) {
            std::mem::forget((self.device.clone(), self.queue.clone()));
        }
    }

    #[cfg(test)]
    pub(crate) fn is_abandoned(&self) -> bool {
        self.is_abandoned.load(Ordering::Acquire)
    }

    /// Loses the device, as a driver's reset would.
    #[cfg(test)]
    pub(crate) fn destroy(&self) {
        self.device.destroy();
    }

    /// Has a stage go wrong from now on, with an error of validation as a driver gives it.
    #[cfg(test)]
    pub(crate) fn break_stage(&self, stage: &'static str) {
        *self.broken.lock().unwrap_or_else(PoisonError::into_inner) = Some((stage, u32::MAX));
    }

    /// Has a stage do nothing from now on, and the driver say nothing of it.
    #[cfg(test)]
    pub(crate) fn silence_stage(&self, stage: &'static str) {
        *self.broken.lock().unwrap_or_else(PoisonError::into_inner) = Some((stage, 0));
    }

    /// The workgroups of a stage; more than any device takes where it is to go wrong, none where it is to do nothing.
    #[cfg(test)]
    pub(super) fn groups(&self, stage: &str, groups: (u32, u32)) -> (u32, u32) {
        let broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        broken.filter(|(broken, _)| *broken == stage).map_or(groups, |(_, groups)| (groups, 1))
    }

    /// Has the device say that it has no memory.
    #[cfg(test)]
    pub(crate) fn run_out_of_memory(&self) {
        self.faults.note("out of memory: by a test".to_string());
    }

    /// A stage with a layout of its own.
    pub(super) fn pipeline(&self, name: &str, text: &str) -> ComputePipeline {
        pipeline(&self.device, None, (name, text), self.checks)
    }

    /// Binds resources in their order, from 0.
    pub(super) fn group(
        &self,
        label: &str,
        layout: &BindGroupLayout,
        resources: &[wgpu::BindingResource<'_>],
    ) -> wgpu::BindGroup {
        let entries: Vec<_> = resources
            .iter()
            .enumerate()
            .map(|(binding, resource)| wgpu::BindGroupEntry {
                binding: binding as u32,
                resource: resource.clone(),
            })
            .collect();
        let label = Some(label);
        self.device.create_bind_group(&wgpu::BindGroupDescriptor { label, layout, entries: &entries })
    }

    /// An error about a stage whose results cannot be.
    pub(super) fn broken(&self, stage: &str, what: &str) -> Error {
        Error::Device(format!(
            "{}: stage {stage} gives {what}; the driver ({}) is not to be trusted",
            self.adapter.name, self.adapter.driver
        ))
    }

    pub(super) fn buffer(&self, label: &str, bytes: u64, usage: BufferUsages) -> Buffer {
        buffer(&self.device, label, bytes, usage)
    }
}

/// Errors are noted instead of ending the program.
fn watch(device: &wgpu::Device, faults: &Faults) {
    let noted = faults.clone();
    device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
        let kind = match &error {
            wgpu::Error::OutOfMemory { .. } => "out of memory",
            wgpu::Error::Validation { .. } => "validation error",
            wgpu::Error::Internal { .. } => "internal error",
        };
        noted.note(format!("{kind}: {error}"));
    }));
    let noted = faults.clone();
    device.set_device_lost_callback(move |reason, message| {
        noted.note(format!("device lost ({reason:?}): {message}").trim_end_matches(": ").to_string());
    });
}

/// One layout serves all stages: see `shaders/batch.wgsl`.
fn bindings(device: &wgpu::Device) -> BindGroupLayout {
    let storage = |read_only| BufferBindingType::Storage { read_only };
    let types = [
        BufferBindingType::Uniform,
        storage(true),
        storage(true),
        storage(true),
        storage(true),
        storage(false),
        storage(false),
        storage(true),
    ];
    let entries: Vec<BindGroupLayoutEntry> = types
        .into_iter()
        .enumerate()
        .map(|(binding, ty)| BindGroupLayoutEntry {
            binding: binding as u32,
            visibility: ShaderStages::COMPUTE,
            ty: BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
            count: None,
        })
        .collect();
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some("batch"),
        entries: &entries,
    })
}

/// A stage; without `bindings` it has a layout of its own.
fn pipeline(
    device: &wgpu::Device,
    bindings: Option<&BindGroupLayout>,
    (name, text): (&str, &str),
    checks: Checks,
) -> ComputePipeline {
    let layout = bindings.map(|bindings| {
        device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(name),
            bind_group_layouts: &[Some(bindings)],
            immediate_size: 0,
        })
    });
    let module = module(device, name, text, checks);
    device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(name),
        layout: layout.as_ref(),
        module: &module,
        entry_point: Some(name),
        // Every stage writes what it reads, and zeros cost: without an extension one invocation writes all of them.
        compilation_options: wgpu::PipelineCompilationOptions {
            zero_initialize_workgroup_memory: false,
            ..Default::default()
        },
        cache: None,
    })
}

/// A shader of this crate.
#[expect(
    unsafe_code,
    reason = "checks on every index and loop cost up to a hundredfold; the texts are our own"
)]
fn module(device: &wgpu::Device, name: &str, text: &str, checks: Checks) -> wgpu::ShaderModule {
    let descriptor =
        wgpu::ShaderModuleDescriptor { label: Some(name), source: wgpu::ShaderSource::Wgsl(text.into()) };
    match checks {
        #[cfg(test)]
        Checks::On => device.create_shader_module(descriptor),
        // SAFETY: the text is one of this crate's shaders. Its indices come from descriptors that `Batch` computes and
        // bounds by the buffers' capacities, or from ranges that `Resident` cuts from what it uploaded; its loops end after
        // counts from the same places, and the tests compare every stage with the checks on and off.
        Checks::Off => unsafe {
            device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked())
        },
    }
}

fn buffer(device: &wgpu::Device, label: &str, size: u64, usage: BufferUsages) -> Buffer {
    device.create_buffer(&wgpu::BufferDescriptor {
        label: Some(label),
        size,
        usage,
        mapped_at_creation: false,
    })
}

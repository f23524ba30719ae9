//! The GPUs of this machine, and how each describes itself.

use wgpu::{DeviceType, Features};

use super::capacity::Capacity;

/// How a GPU describes itself.
#[derive(Debug, Clone)]
pub(crate) struct Adapter {
    pub(super) handle: wgpu::Adapter,
    /// The maker's and the model's numbers.
    card: (u32, u32),
    /// The driver's name of it.
    pub(crate) name: String,
    /// `discrete`, `integrated`, `virtual`, `software` or `other`.
    pub(crate) kind: &'static str,
    /// `vulkan`, `metal` or `dx12`.
    pub(crate) interface: String,
    /// The driver and its version.
    pub(crate) driver: String,
    /// Largest buffer in bytes.
    pub(crate) max_buffer: u64,
    /// Largest part of a buffer that a shader can see, in bytes.
    pub(crate) max_binding: u64,
    /// Whether stages can be timed on the device.
    pub(crate) timestamps: bool,
}

impl Adapter {
    /// Every adapter of this machine, in the driver's order; a card that several interfaces offer counts once.
    pub(crate) fn all() -> Vec<Adapter> {
        let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
        descriptor.backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12;
        descriptor.flags = wgpu::InstanceFlags::empty();
        let instance = wgpu::Instance::new(descriptor);
        let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()));
        let adapters: Vec<Adapter> = adapters.into_iter().map(Adapter::new).collect();
        // Two equal cards have the same numbers and the same interface: both stay.
        let before = |adapter: &Adapter| adapters.iter().find(|other| other.card == adapter.card);
        let first = |adapter: &&Adapter| before(adapter).is_none_or(|b| b.interface == adapter.interface);
        adapters.iter().filter(first).cloned().collect()
    }

    fn new(adapter: wgpu::Adapter) -> Adapter {
        let (info, limits) = (adapter.get_info(), adapter.limits());
        Adapter {
            card: (info.vendor, info.device),
            name: info.name,
            kind: match info.device_type {
                DeviceType::DiscreteGpu => "discrete",
                DeviceType::IntegratedGpu => "integrated",
                DeviceType::VirtualGpu => "virtual",
                DeviceType::Cpu => "software",
                DeviceType::Other => "other",
            },
            interface: info.backend.to_str().to_string(),
            driver: format!("{} {}", info.driver, info.driver_info).trim().to_string(),
            max_buffer: limits.max_buffer_size,
            max_binding: limits.max_storage_buffer_binding_size,
            timestamps: adapter.features().contains(Features::TIMESTAMP_QUERY),
            handle: adapter,
        }
    }

    /// Whether the CPU plays the GPU.
    pub(crate) fn is_software(&self) -> bool {
        self.kind == "software"
    }

    /// The largest array that a shader can see.
    pub(super) fn most_bytes(&self) -> u64 {
        self.max_binding.min(self.max_buffer)
    }

    /// The largest batch, up to `wanted` bytes of samples, that the adapter's limits allow.
    pub(crate) fn capacity(&self, wanted: u64) -> Capacity {
        Capacity::within(self.most_bytes(), wanted)
    }
}

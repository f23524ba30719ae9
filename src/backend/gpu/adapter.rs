//! The GPUs of this machine, and how each describes itself.

use wgpu::{DeviceType, Features};

use super::capacity::Capacity;

/// What tells a card from others.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Card {
    model: (u32, u32),
    /// Empty where the driver does not say it.
    bus: String,
    interface: String,
}

impl Card {
    /// Whether it is the other one by another way: another interface, or another driver of the same one, which gives the same place. Two equal cards have the same
    /// numbers and the same interface, and places of their own.
    fn repeats(&self, other: &Card) -> bool {
        let same_place = !self.bus.is_empty() && self.bus == other.bus;
        let other_place = !self.bus.is_empty() && !other.bus.is_empty() && self.bus != other.bus;
        self.model == other.model && (same_place || self.interface != other.interface && !other_place)
    }
}

/// How a GPU describes itself.
#[derive(Debug, Clone)]
pub(crate) struct Adapter {
    pub(super) handle: wgpu::Adapter,
    /// The maker's and the model's numbers, and the place on the bus where the driver says it.
    card: Card,
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
    /// Every adapter of this machine, in the driver's order; a card that several interfaces or drivers offer counts once.
    pub(crate) fn all() -> Vec<Adapter> {
        let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
        descriptor.backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12;
        descriptor.flags = wgpu::InstanceFlags::empty();
        let instance = wgpu::Instance::new(descriptor);
        let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()));
        let adapters = adapters.into_iter().map(Adapter::new);
        let mut each: Vec<Adapter> = Vec::new();
        for adapter in adapters {
            if !each.iter().any(|before| adapter.card.repeats(&before.card)) {
                each.push(adapter);
            }
        }
        each
    }

    fn new(adapter: wgpu::Adapter) -> Adapter {
        let (info, limits) = (adapter.get_info(), adapter.limits());
        Adapter {
            card: Card {
                model: (info.vendor, info.device),
                bus: info.device_pci_bus_id.clone(),
                interface: info.backend.to_str().to_string(),
            },
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_counts_once() {
        let card = |model, bus: &str, interface: &str| Card {
            model: (1, model),
            bus: bus.to_string(),
            interface: interface.to_string(),
        };
        let one = card(7, "0000:01:00.0", "vulkan");
        // Two drivers of one card, and two interfaces.
        assert!(card(7, "0000:01:00.0", "vulkan").repeats(&one) && card(7, "", "dx12").repeats(&one));
        // Two equal cards, where drivers say their places and where not.
        assert!(!card(7, "0000:02:00.0", "vulkan").repeats(&one));
        assert!(
            !card(7, "", "vulkan").repeats(&one) && !card(7, "", "vulkan").repeats(&card(7, "", "vulkan"))
        );
        assert!(!card(8, "0000:01:00.0", "vulkan").repeats(&one));
    }
}

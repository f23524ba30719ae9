//! Every stage on every adapter, bit for bit against the definitions and the CPU.

#![expect(clippy::print_stdout, reason = "says what ran, was skipped and was compared")]

mod rings;
mod search;
pub(super) mod shaders;
mod twins;

use super::{Adapter, Checks, Device};

/// The adapters of this machine, opened with and without checks; `SHADEGRID_REQUIRE=gpu` makes none a failure.
///
/// An adapter that fails the canary is left out with a printed line.
pub(crate) fn devices() -> Vec<Device> {
    let mut devices = Vec::new();
    for adapter in Adapter::all() {
        for checks in [Checks::On, Checks::Off] {
            match Device::open(&adapter, checks).and_then(|device| device.count_loops().map(|()| device)) {
                Ok(device) => {
                    println!(
                        "adapter {} ({}), {}, checks {checks:?}",
                        adapter.name, adapter.kind, adapter.driver
                    );
                    devices.push(device);
                }
                Err(error) => println!("left out: {error}"),
            }
        }
    }
    if devices.is_empty() {
        let required = std::env::var("SHADEGRID_REQUIRE").unwrap_or_default();
        assert!(!required.split(',').any(|name| name == "gpu"), "a GPU is required and none works");
        println!("skipped: no GPU; mesa-vulkan-drivers and libvulkan1 bring one in software");
    }
    devices
}

/// One of them, without checks, as runs use it.
pub(crate) fn device() -> Option<Device> {
    Adapter::all().first().and_then(|adapter| Device::open(adapter, Checks::Off).ok())
}

/// Whether tests take long: `SHADEGRID_LONG` asks for more cases of what takes a device in software most of its time.
pub(super) fn are_long() -> bool {
    std::env::var_os("SHADEGRID_LONG").is_some()
}

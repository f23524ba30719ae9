//! Options on where pictures are computed: on the CPU or on GPUs.

use clap::Args;
use shadegrid::{BackendChoice, Devices, Error};

/// Inputs that are done before a device is ready.
const FEW: usize = 256;

/// Options on where pictures are computed: on the CPU or on GPUs.
#[derive(Debug, Args)]
#[command(next_help_heading = "Backend options")]
pub(crate) struct DeviceArguments {
    /// Where signatures are computed, and looked up: auto, cpu or gpu; the signatures and matches are the same
    ///
    /// `auto` tries a GPU on the first pictures of the run and keeps it where it gains a tenth, but
    /// never one in software, nor one for a few pictures; it tries one for look-ups once these have taken the CPU 10 seconds. With `gpu` it is an error to have none. `-v` says what was taken, and why.
    #[arg(long, value_name = "WHICH", default_value_t)]
    pub(crate) backend: BackendChoice,

    /// A GPU to use, by its number or part of its name in `shadegrid devices`; may be repeated
    #[arg(long, value_name = "DEVICE")]
    pub(crate) device: Vec<String>,
}

impl DeviceArguments {
    /// Opens what was asked for. `sources` are the inputs, where they can be looked at beforehand: to find, open and try a device
    /// takes as long as hashing some hundred pictures.
    pub(crate) fn choose<T>(&self, sources: impl FnOnce() -> Option<T>) -> Result<Devices, Error>
    where
        T: Iterator,
    {
        let free = self.backend == BackendChoice::Auto && self.device.is_empty();
        let few = |sources: T| sources.take(FEW).count() < FEW;
        if free && sources().is_some_and(few) {
            return Ok(Devices::none(format!("fewer than {FEW} inputs: no device was looked for")));
        }
        Devices::choose(self.backend, &self.device)
    }

    /// Opens what signatures are looked up on.
    pub(crate) fn for_search(&self) -> Result<Devices, Error> {
        if self.backend == BackendChoice::Auto && self.device.is_empty() {
            return Ok(Devices::on_demand());
        }
        Devices::choose(self.backend, &self.device)
    }
}

//! Options on which processors compute.

use std::num::NonZeroUsize;

use clap::Args;
use shadegrid::{BackendChoice, Devices, Error};

/// Options on which processors compute.
#[derive(Debug, Args)]
#[command(next_help_heading = "Backend options")]
pub(crate) struct DeviceArguments {
    /// Where signatures are computed: auto, cpu or gpu; the signatures are the same
    ///
    /// `auto` takes a graphics processor where a short measurement says that it is faster than all threads together, and
    /// never one in software. With `gpu` it is an error to have none. The summary says what was taken, and why.
    #[arg(long, value_name = "WHICH", default_value_t)]
    pub(crate) backend: BackendChoice,

    /// A graphics processor to use, by its number or part of its name in `shadegrid devices`; may be repeated
    #[arg(long, value_name = "DEVICE")]
    pub(crate) device: Vec<String>,
}

impl DeviceArguments {
    /// Opens what was asked for.
    pub(crate) fn choose(&self, threads: NonZeroUsize) -> Result<Devices, Error> {
        Devices::choose(self.backend, &self.device, threads)
    }
}

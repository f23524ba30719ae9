//! Where the sums of a picture are computed.

pub(crate) mod cpu;
#[cfg(feature = "gpu")]
pub(crate) mod gpu;
mod layout;

use crate::kernel::dct::Scale;
use crate::kernel::gradient::Gradients;

/// What the integer stages leave of a picture; everything after it is a tiny step on the processor.
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

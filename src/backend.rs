//! Where the sums of a picture are computed.

pub(crate) mod cpu;

use crate::kernel::dct::Luma;
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

/// The 64×64 luma of PDQ with its coefficients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PdqSums {
    /// The grid.
    pub(crate) luma: Luma,
    /// Row-major 16×16.
    pub(crate) coefficients: [i64; 256],
}

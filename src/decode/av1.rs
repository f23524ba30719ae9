//! Pictures in AV1, decoded by the [helper](super::helper).

use super::frame::Frame;
use super::helper::Helper;
use crate::error::Result;

/// Decodes one picture after another.
#[derive(Debug, Default)]
pub(super) struct Av1 {
    helper: Helper,
}

impl Av1 {
    /// Decodes the first picture of some data, of no more than so many pixels, in about so much memory.
    pub(super) fn decode(&mut self, data: &[u8], pixels: u64, memory: u64) -> Result<Frame> {
        self.helper.decode(data, pixels, memory)
    }
}

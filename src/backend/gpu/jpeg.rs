//! The GPUs' way from baseline JPEGs to the planes that the CPU's scaled reader makes of them, bit for bit.
//!
//! Compressed bytes go up, and what comes back of them is one number a picture, the blocks that were not come to, and what its guards need. The CPU reads headers and takes the
//! stuffing out of the data ([`Compressed`](crate::decode::jpeg::Compressed)); [`batch`] says where everything lies, [`tables`] makes the codes' look-up
//! tables, and [`stages`] runs `shaders/jpeg/`:
//!
//! | stage | in | out |
//! | --- | --- | --- |
//! | `first` | the data, cut into lanes of as many bits each | where blocks begin in each lane, if its first bit begins one |
//! | `follow` | the same | at which lane's block each lane falls in with it |
//! | `resolve` | both | the lanes that are right, and which blocks each has |
//! | `write` | the data and these | coefficients that are kept, DC as sums of the lane alone |
//! | `offsets` | the lanes' DC sums | what the lanes before each add, and the blocks that are missing |
//! | `planes` | coefficients | samples, where `reduce` reads them |
//! | `gamut` | samples of some cells | sums over their colours, and over what clamping adds |
//! | `looks` | the data and the right lanes | some blocks' places and all their coefficients |
//! | `spots` | these, and samples | their DC values, and the samples about them |
//!
//! The last three are for pictures whose low frequencies count only where pixels would show the same (`gamut` and `clipping` in `decode/jpeg`).
//! [`decoder`] puts the stages in front of those that sum, in one submission.
//!
//! An entropy-coded stream can only be read from its front. But a decoder that starts anywhere soon reads the same blocks as the right one, since a Huffman
//! code comes into step by itself. So every lane starts as if a block began at its first bit, and what was wrong is found afterwards: from each
//! segment's first lane on, which is right, each right lane says which one is right next.
//!
//! **Damage.** Nothing is guessed. Of a picture with a block that is missing, or a value that 16 bits do not hold, the samples are of no use; the CPU has
//! to read it from its bytes, and says what it always says. The last lane of a chain has all blocks that are left: only reading them can say whether
//! they are there. Pictures of next to no data may never come into step, and come back as well.
//!
//! **Bounds.** The shaders run without checks, so every index is bounded by construction, and every loop by a count: a look-up takes a bit at least.
//! Descriptors come from [`batch`]; what the data decides is clamped in the stage that computes it.

pub(super) mod batch;
pub(super) mod decoder;
pub(super) mod descriptors;
#[cfg(test)]
pub(super) mod first;
#[cfg(test)]
pub(super) mod follow;
#[cfg(test)]
pub(super) mod gamut;
#[cfg(test)]
pub(super) mod looks;
#[cfg(test)]
pub(super) mod offsets;
#[cfg(test)]
pub(super) mod planes;
#[cfg(test)]
pub(super) mod resolve;
pub(super) mod single;
mod speed;
#[cfg(test)]
pub(super) mod spots;
pub(super) mod stages;
#[cfg(test)]
pub(super) mod sums;
#[cfg(test)]
pub(super) mod symbols;
pub(super) mod tables;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(super) mod write;

#[cfg(test)]
pub(crate) use tests::encoder;

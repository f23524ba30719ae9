//! The compute steps between a decoded picture and its signatures.
//!
//! | stage | in | out | source |
//! | --- | --- | --- | --- |
//! | [`weights`] | a side's length | which samples count how much towards each grid line | `PhotoDNA` Eq 5–10, PDQ blur and decimation |
//! | [`blocks`] | the row weights | rows whose weights run linearly, to be summed before they are weighted | |
//! | [`reduce`] | samples | one integer a grid point | |
//! | [`gradient`] | three 26×26 grids of box sums | 144 integer gradient sums | `PhotoDNA` Eq 11–14 |
//! | [`normalise`] | 144 sums | 144 bytes and the strength | `PhotoDNA` Eq 15–17 |
//! | [`dct`] | a 64×64 grid of luma | 256 bits, quality, ties | PDQ steps 6–8 |
//! | [`pdq_reference`] | pixels | the same, by the definition's own floats | PDQ steps 1–8 |
//! | [`distance`] | queries and known signatures | pairs within a threshold | |
//!
//! Exact means: everything up to `normalise` and the bits of PDQ is integer arithmetic whose result does not depend on
//! the order of operations, so that scalar code, every SIMD level and every GPU give the same
//! bits. `naive` holds the definition of each stage; tests compare with `==`.

pub(crate) mod blocks;
pub(crate) mod dct;
pub(crate) mod distance;
pub(crate) mod gradient;
#[cfg(test)]
pub(crate) mod naive;
pub(crate) mod normalise;
pub(crate) mod pdq_reference;
pub(crate) mod reduce;
#[cfg(test)]
mod twins;
pub(crate) mod weights;

#[cfg(test)]
pub(crate) use twins::{Bytes, levels};

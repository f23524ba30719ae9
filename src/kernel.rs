//! The compute stages, each written once over the SIMD level, beside a naive version that defines it.

pub(crate) mod distance;

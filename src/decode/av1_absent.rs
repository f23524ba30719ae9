//! Stands in for `av1` where the crate is built without the feature `avif`: nothing is decoded with it.

/// Decodes nothing.
#[derive(Debug, Default)]
pub(super) struct Av1(());

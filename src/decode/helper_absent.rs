//! Stands in for `helper` where the crate is built with neither the feature `avif` nor `heic`: nothing is decoded with it.

/// Decodes nothing.
#[derive(Debug, Default)]
pub(super) struct Helper(());

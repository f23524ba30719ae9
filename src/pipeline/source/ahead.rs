//! Bytes read ahead of the run.

/// Bytes taken for something read ahead, given back on drop.
#[derive(Debug)]
pub(in crate::pipeline) struct Lease(());

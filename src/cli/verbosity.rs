//! Options on how much is said on standard error.

use clap::Args;

/// Options on how much is said on standard error.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Verbosity {
    /// No progress bar, no errors and no summary
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// Also name what is skipped, and say what computed, CPU or GPU, and why, and which decoders ended
    #[arg(short, long, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
}

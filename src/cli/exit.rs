//! What the process's exit code says.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything was done.
    Done,
    /// Wrong usage, or the run could not be carried out.
    Failed,
    /// Some input failed; the others are done.
    SomeFailed,
    /// Nothing matched.
    NothingMatched,
    /// What was to be checked is right so far, and not finished.
    Unfinished,
    /// Interrupted by the user or the system.
    Interrupted,
}

impl Exit {
    /// The number.
    pub(crate) fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::SomeFailed => 2,
            Exit::NothingMatched | Exit::Unfinished => 3,
            Exit::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        exit.code().into()
    }
}

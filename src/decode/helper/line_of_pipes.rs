//! Stands in for `line` where the system is not Unix: pipes, without a limit of time.

use std::io::{self, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// Our side.
#[derive(Debug)]
pub(super) struct Line {
    to: ChildStdin,
    from: ChildStdout,
}

impl Line {
    /// Starts a process whose standard input and output are the other side.
    pub(super) fn to(mut command: Command) -> io::Result<(Child, Line)> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            let _ = child.kill();
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        Ok((child, Line { to, from }))
    }

    pub(super) fn wait_for(&mut self, _: Duration) {}
}

impl Read for Line {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.from.read(buffer)
    }
}

impl Write for Line {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.to.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

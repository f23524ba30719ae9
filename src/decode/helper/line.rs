//! The connection to the helper, over which nobody waits for ever.
//!
//! A socket and no pipes: it has time limits of its own, and writing to one whose other side is gone is an error, where writing to a pipe would end a
//! program in C that this library is part of.

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// Our side.
#[derive(Debug)]
pub(super) struct Line {
    stream: UnixStream,
    /// When waiting ends.
    until: Instant,
    /// Whether there was more time already.
    is_extended: bool,
}

/// Time that there is once more when the first is over: a process that was stopped finds that it is, and the reply that came meanwhile.
const MORE: Duration = Duration::from_secs(10);

impl Line {
    /// Starts a process whose standard input and output are the other side.
    pub(super) fn to(mut command: Command) -> io::Result<(Child, Line)> {
        let (ours, theirs) = UnixStream::pair()?;
        command.stdin(OwnedFd::from(theirs.try_clone()?)).stdout(OwnedFd::from(theirs));
        let child = command.spawn()?;
        Ok((child, Line { stream: ours, until: Instant::now(), is_extended: false }))
    }

    /// From now on waits for so long altogether.
    pub(super) fn wait_for(&mut self, time: Duration) {
        (self.until, self.is_extended) = (Instant::now() + time, false);
    }

    fn left(&mut self) -> io::Result<Option<Duration>> {
        let now = Instant::now();
        if now >= self.until {
            if self.is_extended {
                return Err(io::ErrorKind::TimedOut.into());
            }
            (self.until, self.is_extended) = (now + MORE, true);
        }
        // None at all would be for ever.
        Ok(Some(self.until.saturating_duration_since(now).max(Duration::from_millis(1))))
    }
}

impl Read for Line {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left()?;
        self.stream.set_read_timeout(left)?;
        self.stream.read(buffer)
    }
}

impl Write for Line {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let left = self.left()?;
        self.stream.set_write_timeout(left)?;
        self.stream.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_ends() {
        // Reads and says nothing.
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "while read -r word; do :; done"]);
        let (mut child, mut line) = Line::to(command).unwrap();
        line.wait_for(Duration::from_millis(50));
        line.is_extended = true;
        line.write_all(b"word\n").unwrap();
        let before = Instant::now();
        let error = line.read(&mut [0]).unwrap_err();
        assert!(matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut), "{error}");
        assert!(before.elapsed() < MORE, "{:?}", before.elapsed());
        assert_eq!(line.write(b"word\n").unwrap_err().kind(), io::ErrorKind::TimedOut);
        child.kill().unwrap();
        child.wait().unwrap();
        line.wait_for(MORE);
        assert_eq!(line.read(&mut [0]).unwrap(), 0);
        assert_eq!(line.write(b"word\n").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}

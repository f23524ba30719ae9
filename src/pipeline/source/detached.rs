//! A stream read by a thread of its own, so that a run can end while the stream is silent.

use std::io::{self, Read};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use crate::pipeline::Stop;

/// Bytes of one read.
const PIECE: usize = 65_536;

/// How often a silent stream is left to look for a stop.
const PATIENCE: Duration = Duration::from_millis(50);

/// Reads a stream that may be silent for ever, such as standard input, and ends when a stop is requested.
///
/// The thread behind it may stay blocked in a read; the process does not wait for it.
#[derive(Debug)]
pub struct DetachedReader {
    pieces: Receiver<io::Result<Vec<u8>>>,
    current: io::Cursor<Vec<u8>>,
    stop: Stop,
}

impl DetachedReader {
    /// Starts to read `stream`, a few pieces ahead.
    pub fn new(mut stream: impl Read + Send + 'static, stop: Stop) -> DetachedReader {
        let (sender, pieces) = bounded(2);
        thread::spawn(move || {
            let mut piece = vec![0; PIECE];
            loop {
                let read = stream.read(&mut piece);
                if read.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::Interrupted) {
                    continue;
                }
                let ended = !matches!(read, Ok(1..));
                if sender.send(read.map(|length| piece[..length].to_vec())).is_err() || ended {
                    return;
                }
            }
        });
        DetachedReader { pieces, current: io::Cursor::default(), stop }
    }

    fn next_piece(&self) -> io::Result<Vec<u8>> {
        loop {
            match self.pieces.recv_timeout(PATIENCE) {
                Ok(piece) => return piece,
                Err(RecvTimeoutError::Disconnected) => return Ok(Vec::new()),
                Err(RecvTimeoutError::Timeout) if self.stop.requested() => {
                    return Err(io::Error::other("the run was stopped"));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

impl Read for DetachedReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.current.position() == self.current.get_ref().len() as u64 {
            self.current = io::Cursor::new(self.next_piece()?);
        }
        self.current.read(into)
    }
}

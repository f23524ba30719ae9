//! A stream read by a thread of its own, so that a run can end while the stream is silent.

use std::io::{self, Read};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::pipeline::{Stop, waiting};

/// Bytes of one read.
const PIECE: usize = 65_536;

/// How often the wait for a silent stream is interrupted to look for a stop.
const PATIENCE: Duration = Duration::from_millis(50);

/// Reads a stream that may be silent for ever, such as standard input, and ends when a stop is requested.
///
/// The thread that reads it may stay blocked in a read; the process does not wait for that thread.
#[derive(Debug)]
pub struct DetachedReader {
    pieces: Receiver<io::Result<Vec<u8>>>,
    current: io::Cursor<Vec<u8>>,
    /// Whether the stream came to its end, or failed.
    ended: bool,
    stop: Stop,
}

/// The error of a read that a stop ended.
#[derive(Debug, thiserror::Error)]
#[error("the run was stopped")]
struct Stopped;

/// Whether a read failed only because a stop ended the wait for it.
pub(in crate::pipeline) fn is_stop(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Stopped>())
}

impl DetachedReader {
    /// Starts to read `stream`, a few pieces ahead.
    pub fn new(stream: impl Read + Send + 'static, stop: Stop) -> DetachedReader {
        DetachedReader::opening(move || Ok(stream), stop)
    }

    /// The same for a stream whose opening may block.
    pub(in crate::pipeline) fn opening<R: Read>(
        open: impl FnOnce() -> io::Result<R> + Send + 'static,
        stop: Stop,
    ) -> DetachedReader {
        let (sender, pieces) = bounded(2);
        let of_thread = sender.clone();
        let read = move || match open() {
            Ok(mut stream) => read(&mut stream, &of_thread),
            Err(error) => drop(of_thread.send(Err(error))),
        };
        if let Err(error) = thread::Builder::new().name("shadegrid-stream".to_string()).spawn(read) {
            let _ = sender.send(Err(error));
        }
        DetachedReader { pieces, current: io::Cursor::default(), ended: false, stop }
    }

    fn next_piece(&mut self) -> io::Result<Vec<u8>> {
        while !self.ended {
            match self.pieces.recv_timeout(PATIENCE) {
                Ok(piece) => {
                    self.ended = piece.as_ref().map_or(true, Vec::is_empty);
                    return piece;
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(io::Error::other("the thread that reads it panicked"));
                }
                Err(RecvTimeoutError::Timeout) if waiting::is_over(&self.stop) => {
                    return Err(io::Error::other(Stopped));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        Ok(Vec::new())
    }
}

/// Sends all that a stream holds, and an empty piece or an error as the last.
fn read(stream: &mut impl Read, pieces: &Sender<io::Result<Vec<u8>>>) {
    let mut piece = vec![0; PIECE];
    loop {
        let read = stream.read(&mut piece);
        if read.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::Interrupted) {
            continue;
        }
        let ended = !matches!(read, Ok(1..));
        if pieces.send(read.map(|length| piece[..length].to_vec())).is_err() || ended {
            return;
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

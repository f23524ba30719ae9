//! A process of its own for decoders that may end the process they run in.
//!
//! AV1 is decoded by `re_rav1d`, dav1d in Rust. Hundreds of places in it are outside of what the compiler checks, and where it meets a state that it did not
//! expect, it ends its process: no caller can catch that. HEVC is decoded by libde265, which is written in C++. So both run in a helper, which a
//! [`Decoder`](super::Decoder) starts when it meets the first such picture, asks for one picture after another, and starts again after it ended. What ends the
//! helper is an error of one picture, unless it was killed from outside: then another one is asked.
//!
//! The helper gets its data and gives planes through a socket. It has no environment. On Linux it gives up, before the first picture, every call of the
//! system but those for memory, time and this socket; its memory and time follow from the size that the picture's file announces. What it gives is held
//! against that size too: whoever takes it over can show another picture, and no more. Who waits for it does so for a bounded time.
//!
//! The command `shadegrid` is its own helper, by `shadegrid decoder`. Other programs name one with [`use_program`], or call [`serve()`] in theirs.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Format;
use super::frame::{Chroma, Frame, Meaning};
use crate::error::{Error, Result};
use crate::limits;
use line::Line;
pub use serve::serve;

#[cfg(feature = "avif")]
mod av1;
#[cfg_attr(not(all(target_os = "linux", target_endian = "little")), path = "helper/bounds_absent.rs")]
mod bounds;
mod given;
#[cfg(feature = "heic")]
mod hevc;
#[cfg_attr(not(unix), path = "helper/line_of_pipes.rs")]
mod line;
mod serve;

/// A program with its arguments.
static PROGRAM: OnceLock<(PathBuf, Vec<OsString>)> = OnceLock::new();

/// Helpers that ended while they had a picture.
static ENDED: AtomicU64 = AtomicU64::new(0);

/// Names the program that decodes, for all decoders of this process: one that calls [`serve()`] with its standard input and output when it gets these
/// arguments. The first call counts.
pub fn use_program(program: &Path, arguments: &[OsString]) {
    let _ = PROGRAM.set((program.to_path_buf(), arguments.to_vec()));
}

/// How many helpers of this process ended before they had decoded their picture; [`helpers_ended`](super::helpers_ended) is the same, whatever the features.
pub fn ended() -> u64 {
    ENDED.load(Ordering::Relaxed)
}

/// How a picture is coded that a helper decodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    /// AV1, as a file's item has it.
    #[cfg(feature = "avif")]
    Av1,
    /// HEVC, as units that each stand behind their length in four bytes.
    #[cfg(feature = "heic")]
    Hevc,
}

impl Codec {
    const ALL: &[Codec] = &[
        #[cfg(feature = "avif")]
        Codec::Av1,
        #[cfg(feature = "heic")]
        Codec::Hevc,
    ];

    /// What begins a request.
    fn name(self) -> [u8; 4] {
        match self {
            #[cfg(feature = "avif")]
            Codec::Av1 => *b"av01",
            #[cfg(feature = "heic")]
            Codec::Hevc => *b"hvc1",
        }
    }

    fn of(name: &[u8]) -> Option<Codec> {
        Codec::ALL.iter().copied().find(|codec| codec.name() == name)
    }

    /// The format of files with such pictures.
    fn format(self) -> Format {
        match self {
            #[cfg(feature = "avif")]
            Codec::Av1 => Format::Avif,
            #[cfg(feature = "heic")]
            Codec::Hevc => Format::Heic,
        }
    }

    /// What messages call it.
    fn title(self) -> &'static str {
        match self {
            #[cfg(feature = "avif")]
            Codec::Av1 => "AVIF",
            #[cfg(feature = "heic")]
            Codec::Hevc => "HEIC",
        }
    }

    /// What is wrong with the data of a picture.
    fn corrupt(self, message: impl Into<String>) -> Error {
        Error::corrupt(self.format().name(), message)
    }
}

/// Longest message of a helper that is read, in bytes.
const LONGEST_MESSAGE: u16 = 500;

/// What a helper says once it has given up what it does not need.
const READY: [u8; 8] = *b"decoder2";

/// Seconds that a helper may take to begin: a busy machine loses no picture.
const SECONDS_TO_BEGIN: u64 = 60;

/// How a reply begins.
const DECODED: u8 = 0;
const CORRUPT: u8 = 1;
const UNSUPPORTED: u8 = 2;
/// There are fewer pictures than were asked for.
const NO_MORE: u8 = 3;

/// A helper that runs once it is needed.
#[derive(Debug, Default)]
pub(super) struct Helper {
    running: Option<Running>,
}

/// A child that ends with its owner.
#[derive(Debug)]
struct Running {
    child: Child,
    line: Line,
}

impl Running {
    /// Ends it, and gives how it ended. Of one that has ended already the reason stays what it was.
    fn end(&mut self) -> Option<ExitStatus> {
        let _ = self.child.kill();
        self.child.wait().ok()
    }
}

/// How a process ended, in brackets; nothing where that is not known.
fn in_words(status: Option<ExitStatus>) -> String {
    status.map_or_else(String::new, |status| format!(" ({status})"))
}

/// Whether a process was ended by SIGKILL, which none of its own bounds is.
fn was_killed(status: Option<ExitStatus>) -> bool {
    #[cfg(unix)]
    let signal = status.and_then(|status| std::os::unix::process::ExitStatusExt::signal(&status));
    #[cfg(not(unix))]
    let signal = status.and(None::<i32>);
    signal == Some(9)
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended, or does now.
        self.end();
    }
}

/// Seconds that a picture may take by the clock on the wall, and pixels for which there is one more: far beyond what the helper's own bounds let it work, so
/// that a busy machine loses no picture.
const SECONDS: u64 = 120;
const PIXELS_PER_SECOND: u64 = 50_000;

/// What is asked of a helper.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    pub(super) codec: Codec,
    /// Pixels that no picture has more of.
    pub(super) pixels: u64,
    /// About how much memory decoding takes.
    pub(super) memory: u64,
    /// Pictures that are wanted at most.
    pub(super) count: u64,
}

impl Helper {
    /// Has the first picture of some data decoded. A helper that something outside of it killed, such as a system that had no memory left, says nothing about
    /// the picture: another one is asked, once.
    pub(super) fn decode(&mut self, request: Request, data: &[u8]) -> Result<Frame> {
        let mut asked = || {
            self.with_line(request, |line| {
                ask(line, request, data)?;
                reply(line, request)
            })
        };
        let frame = match asked() {
            Err(Fault { is_killed: true, .. }) => asked(),
            frame => frame,
        };
        let frame = frame.map_err(|fault| fault.error)?;
        frame.ok_or_else(|| request.codec.corrupt("no picture came of its data"))
    }

    /// Has many pictures decoded, by a helper that ends with them.
    pub(super) fn pictures(request: Request, data: &[u8]) -> Result<Pictures> {
        let mut helper = Helper::default();
        helper.with_line(request, |line| ask(line, request, data).map(Ok)).map_err(|fault| fault.error)?;
        Ok(Pictures { helper, request, left: request.count })
    }

    /// Talks to a helper for a bounded time; an error of the system is its end.
    fn with_line<T>(
        &mut self,
        request: Request,
        talk: impl FnOnce(&mut Line) -> io::Result<Result<T>>,
    ) -> Result<T, Fault> {
        let Request { codec, pixels, .. } = request;
        let mut running = match self.running.take() {
            Some(running) => running,
            None => start(codec).map_err(Fault::from)?,
        };
        running.line.wait_for(Duration::from_secs(SECONDS.saturating_add(pixels / PIXELS_PER_SECOND)));
        match talk(&mut running.line) {
            Ok(answer) => {
                self.running = Some(running);
                answer.map_err(Fault::from)
            }
            Err(source) => {
                ENDED.fetch_add(1, Ordering::Relaxed);
                // Who waited for too long, or could not take the answer, ends it himself.
                let is_gone = matches!(
                    source.kind(),
                    io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
                );
                let status = running.end();
                let how = in_words(status);
                let ended = |_| codec.corrupt(format!("the decoder ended with this picture{how}"));
                let error = source.downcast().unwrap_or_else(ended);
                Err(Fault { error, is_killed: is_gone && was_killed(status) })
            }
        }
    }
}

/// Why there is no answer.
struct Fault {
    error: Error,
    /// Whether something outside of the helper ended it.
    is_killed: bool,
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault { error, is_killed: false }
    }
}

/// Pictures of one request, as they come; the first that is broken is the last.
pub(super) struct Pictures {
    helper: Helper,
    request: Request,
    left: u64,
}

impl Iterator for Pictures {
    type Item = Result<Frame>;

    fn next(&mut self) -> Option<Result<Frame>> {
        self.left = self.left.checked_sub(1)?;
        let frame = self.helper.with_line(self.request, |line| reply(line, self.request));
        let frame = frame.map_err(|fault| fault.error).transpose();
        if !matches!(frame, Some(Ok(_))) {
            self.left = 0;
        }
        frame
    }
}

fn start(codec: Codec) -> Result<Running> {
    let (program, arguments) = PROGRAM.get().ok_or_else(|| {
        Error::Unsupported(format!(
            "{} is decoded in a process of its own, and this program names none by `use_program`",
            codec.title()
        ))
    })?;
    let absent = |why: String| {
        Error::Unsupported(format!(
            "{} is decoded in a process of its own, and {} does not begin to: {why}",
            codec.title(),
            program.display()
        ))
    };
    let mut command = Command::new(program);
    command.args(arguments).env_clear().stderr(Stdio::null());
    // An interrupt from the terminal is for the run, which ends with the pictures that are in flight.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let (child, line) = Line::to(command).map_err(|error| absent(error.to_string()))?;
    let mut running = Running { child, line };
    let mut word = [0; READY.len()];
    running.line.wait_for(Duration::from_secs(SECONDS_TO_BEGIN));
    match running.line.read_exact(&mut word) {
        Ok(()) if word == READY => Ok(running),
        Ok(()) => Err(absent("it says something else".to_string())),
        Err(error) => Err(absent(format!("{error}{}", in_words(running.end())))),
    }
}

/// Sends a request with its data.
fn ask(line: &mut Line, request: Request, data: &[u8]) -> io::Result<()> {
    let Request { codec, pixels, memory, count } = request;
    let head = [data.len() as u64, pixels, memory, count].map(u64::to_le_bytes);
    line.write_all(&[&codec.name()[..], head.as_flattened()].concat())?;
    line.write_all(data)?;
    line.flush()
}

/// Reads the reply about one picture; `None` where there is no further one.
fn reply(line: &mut Line, request: Request) -> io::Result<Result<Option<Frame>>> {
    let Request { codec, pixels, .. } = request;
    let mut kind = [0];
    line.read_exact(&mut kind)?;
    match kind[0] {
        DECODED => Ok(frame(line, pixels)?.map(Some)),
        NO_MORE => Ok(Ok(None)),
        kind @ (CORRUPT | UNSUPPORTED) => {
            let mut length = [0; 2];
            line.read_exact(&mut length)?;
            let mut message = vec![0; u16::from_le_bytes(length).min(LONGEST_MESSAGE).into()];
            line.read_exact(&mut message)?;
            let message = String::from_utf8_lossy(&message).into_owned();
            Ok(Err(if kind == CORRUPT {
                codec.corrupt(message)
            } else {
                Error::Unsupported(format!("{}: {message}", codec.title()))
            }))
        }
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// What a helper would reply, without one: nothing is bounded. A library that the system lacks is an error.
#[cfg(all(test, feature = "heic-rust"))]
pub(super) fn decoded_here(codec: Codec, data: &[u8], pixels: u64) -> std::result::Result<Frame, String> {
    let mut reply = Vec::new();
    let decoders = serve::Decoders::load();
    let sent =
        decoders.decode(codec, data.to_vec(), (pixels, 1), &mut |given| serve::send(given, &mut reply));
    sent.map_err(|(_, message)| message)?.map_err(|error| error.to_string())?;
    let decoded = frame(&mut &reply[1..], pixels).map_err(|error| error.to_string())?;
    decoded.map_err(|error| error.to_string())
}

/// A decoded picture, which is no larger than the file announces.
fn frame(from: &mut impl Read, pixels: u64) -> io::Result<Result<Frame>> {
    let invalid = || io::Error::from(io::ErrorKind::InvalidData);
    let mut head = [0; 12];
    from.read_exact(&mut head)?;
    let side = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let (width, height) = (side(0), side(4));
    let [depth, chroma, matrix, full] = [head[8], head[9], head[10], head[11]];
    let chroma = CHROMA.get(usize::from(chroma)).copied().ok_or_else(invalid)?;
    let size = u64::from(width) * u64::from(height);
    if !matches!(depth, 8..=16) || size == 0 || size > pixels {
        return Err(invalid());
    }
    let (width, height, depth) = (width as usize, height as usize, u32::from(depth));
    let length = Frame::lengths((width, height), depth, chroma).iter().sum();
    let mut samples = Vec::new();
    if samples.try_reserve_exact(length).is_err() {
        // The helper has to be rid of its reply: it is ended.
        return Err(io::Error::other(limits::refused(length as u64)));
    }
    samples.resize(length, 0);
    from.read_exact(&mut samples)?;
    let meaning = Meaning { matrix, full: full == 1 };
    Ok(Ok(Frame { width, height, depth, chroma, meaning, samples }))
}

/// The numbers of samplings in replies.
const CHROMA: [Chroma; 4] = [Chroma::None, Chroma::Quarter, Chroma::Half, Chroma::Full];

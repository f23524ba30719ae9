//! Ctrl-C: the first asks for a clean end, the second ends at once.

use shadegrid::Error;
use shadegrid::pipeline::Stop;

use super::exit::Exit;

/// From now on the first interruption (Ctrl-C, or a request of the system to end) requests `stop`, the second ends the
/// process.
///
/// # Errors
///
/// [`Error::Io`] where that cannot be seen to: interruptions could be lost then.
pub(crate) fn request(stop: &Stop) -> Result<(), Error> {
    let stop = stop.clone();
    call(move || stop.request())
}

/// The same with a call instead of a stop.
///
/// # Errors
///
/// Those of [`request`].
pub(crate) fn call(end: impl Fn() + Send + 'static) -> Result<(), Error> {
    let mut is_asked = false;
    let handler = move || {
        if std::mem::replace(&mut is_asked, true) {
            std::process::exit(Exit::Interrupted.code().into());
        }
        end();
    };
    let cannot = |error: ctrlc::Error| {
        Error::io(
            "cannot start the thread that hears Ctrl-C",
            match error {
                ctrlc::Error::System(error) => error,
                other => std::io::Error::other(other.to_string()),
            },
        )
    };
    ctrlc::set_handler(handler).map_err(cannot)
}

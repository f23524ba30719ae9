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
    let handler = move || {
        if stop.requested() {
            std::process::exit(Exit::Interrupted.code().into());
        }
        stop.request();
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

//! Ctrl-C: the first asks for a clean end, the second ends at once.

use shadegrid::pipeline::Stop;

use super::console;
use super::exit::Exit;

/// From now on the first interruption (Ctrl-C, or a request of the system to end) requests `stop`, the second ends the
/// process.
pub(crate) fn request(stop: &Stop) {
    let stop = stop.clone();
    let handler = move || {
        if stop.requested() {
            std::process::exit(Exit::Interrupted.code().into());
        }
        stop.request();
    };
    if let Err(error) = ctrlc::set_handler(handler) {
        console::say(format_args!("shadegrid: Ctrl-C will end the run at once: {error}"));
    }
}

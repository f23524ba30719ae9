//! Everything that is printed for people, or straight to standard output.

use std::fmt::Display;
use std::io::{self, Write};
use std::panic;

use shadegrid::Error;

use super::exit::Exit;

/// Prints a line on standard error; that it may be closed is nobody's error.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Prints text on standard output.
///
/// # Errors
///
/// [`Error::Io`] where it is closed or full.
pub(crate) fn print(text: &str) -> Result<(), Error> {
    let mut output = io::stdout().lock();
    let written = output.write_all(text.as_bytes()).and_then(|()| output.flush());
    written.map_err(|error| Error::io("cannot write to standard output", error))
}

/// Prints what clap has to say: help is done, anything else is wrong usage.
pub(crate) fn usage(error: &clap::Error) -> Exit {
    let _ = error.print();
    if error.use_stderr() { Exit::Failed } else { Exit::Done }
}

/// Reports what stopped a command. A closed pipe means that the reader has had enough, and is no error.
pub(crate) fn failure(error: &Error) -> Exit {
    if let Error::Io { source, .. } = error
        && source.kind() == io::ErrorKind::BrokenPipe
    {
        return Exit::Done;
    }
    say(format_args!("shadegrid: {error}"));
    Exit::Failed
}

/// A panic in a worker becomes a record; its message need not disturb the progress bar too.
pub(crate) fn quiet_worker_panics() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        let name = std::thread::current().name().unwrap_or_default().to_string();
        let worker = name.starts_with("shadegrid-hash-") || name == "shadegrid-read-archive";
        if !worker {
            usual(panic);
        }
    }));
}

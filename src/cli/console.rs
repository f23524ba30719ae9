//! Everything that is printed for people, or straight to standard output.

use std::fmt::Display;
use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, PoisonError};

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
    say(format_args!("shadegrid: {}", explained(error)));
    Exit::Failed
}

/// An error with the option that raises the limit, where one does: every limit has an option of its name.
pub(crate) fn explained(error: &Error) -> String {
    match error {
        Error::Limit { field: Some(field), .. } => {
            format!("{error}; raise it with --{}", field.replace('_', "-"))
        }
        error => error.to_string(),
    }
}

/// The same behind the error's code, which is not said twice.
pub(crate) fn with_code(error: &Error) -> String {
    let (code, text) = (error.code(), explained(error));
    let rest = match error {
        Error::Corrupt { .. } | Error::Unsupported(_) | Error::Device(_) => text.strip_prefix(code),
        _ => None,
    };
    format!("{code}: {}", rest.map_or(&*text, |rest| rest.trim_start_matches([':', ' '])))
}

/// A number with its noun.
pub(crate) fn counted(number: impl Into<u64>, one: &str, many: &str) -> String {
    match number.into() {
        1 => format!("1 {one}"),
        number => format!("{number} {many}"),
    }
}

/// A name or a message as it can be shown in one line of a terminal, which control characters could change or forge.
pub(crate) fn printable(text: &str) -> String {
    let shown = |character: char| -> Box<dyn Iterator<Item = char>> {
        match character.is_control() {
            true => Box::new(character.escape_default()),
            false => Box::new(std::iter::once(character)),
        }
    };
    text.chars().flat_map(shown).collect()
}

/// Where the main thread panicked.
static PLACE: Mutex<String> = Mutex::new(String::new());

/// Runs a command. A panic, which is a bug, is an error like others; those of other threads become records or errors where they are met.
pub(crate) fn without_panics(command: impl FnOnce() -> Result<Exit, Error>) -> Result<Exit, Error> {
    panic::set_hook(Box::new(|panic| {
        if std::thread::current().name() == Some("main") {
            *PLACE.lock().unwrap_or_else(PoisonError::into_inner) =
                panic.location().map(ToString::to_string).unwrap_or_default();
        }
    }));
    panic::catch_unwind(AssertUnwindSafe(command)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().copied();
        let text =
            text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
        let place = PLACE.lock().unwrap_or_else(PoisonError::into_inner);
        Err(Error::Input(format!("this is a bug, please report it: {text} ({place})")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_and_not_obeyed() {
        assert_eq!(printable("a\u{1b}[2J\nb\u{85} é"), "a\\u{1b}[2J\\nb\\u{85} é");
    }
}

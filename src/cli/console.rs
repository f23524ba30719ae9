//! Everything that is printed for people, or straight to standard output.

use std::fmt::Display;
use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, PoisonError};

use shadegrid::Error;

use super::exit::Exit;

/// Prints a line for people on standard error; that it may be closed is nobody's error. Names in it come from anywhere, and whoever chose them could
/// change or forge what a terminal shows: the line is always one, and [`printable`].
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(io::stderr(), "{}", printable(&line.to_string()));
}

/// Prints a line of JSON on standard error, as it is.
pub(crate) fn say_json(line: impl Display) {
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
///
/// It quotes arguments as they are, among escapes of its own. Where they hold what is not [`printable`], the same is said of arguments that are: `again`
/// parses these.
pub(crate) fn usage(error: &clap::Error, again: impl FnOnce(Vec<String>) -> Option<clap::Error>) -> Exit {
    let given: Vec<String> = std::env::args_os().map(|given| given.to_string_lossy().into_owned()).collect();
    let shown: Vec<String> = given.iter().map(|given| printable(given)).collect();
    if !error.use_stderr() {
        let _ = error.print();
        return Exit::Done;
    }
    if given == shown {
        let _ = error.print();
        return Exit::Failed;
    }
    match again(shown).filter(clap::Error::use_stderr) {
        Some(error) => drop(error.print()),
        // What is shown of the arguments would be right.
        None => error.to_string().lines().for_each(say),
    }
    Exit::Failed
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

/// A name or a message as it can be shown in one line of a terminal, which control characters could change or forge. What is printable already stays as it is.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match is_obeyed(character) {
            true => shown.extend(character.escape_default()),
            false => shown.push(character),
        }
    }
    shown
}

/// Whether a terminal does what a character says rather than showing it: controls, separators of lines and paragraphs, and marks that turn the direction of
/// text around.
fn is_obeyed(character: char) -> bool {
    let turns = |character| matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') || turns(character)
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
        let turning = "\u{61c}\u{200e}\u{200f}\u{202a}\u{202e}\u{2066}\u{2069}\u{2028}\u{2029}";
        let shown = "\\u{61c}\\u{200e}\\u{200f}\\u{202a}\\u{202e}\\u{2066}\\u{2069}\\u{2028}\\u{2029}";
        assert_eq!(printable(turning), shown);
        assert_eq!(printable(shown), shown, "once is enough");
        let texts = "שלום «ok» 👩\u{200d}👧 \u{200b}";
        assert_eq!(printable(texts), texts, "letters of any direction, and what joins them");
    }
}

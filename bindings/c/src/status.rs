//! What functions return, and how panics become a status.

use std::any::Any;
use std::ffi::{CStr, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

use shadegrid::PictureError;

/// Everything went well.
pub const SHADEGRID_OK: i32 = 0;
/// The bytes claim to be a picture or a gallery but hold none, or (where asked for) not all of it.
pub const SHADEGRID_CORRUPT: i32 = 1;
/// A format, or a variant of one, that this version does not read.
pub const SHADEGRID_UNSUPPORTED: i32 = 2;
/// Over a limit of the options, or over the memory that there is.
pub const SHADEGRID_LIMIT: i32 = 3;
/// Not something that can be worked with: empty, not a picture, under 5 pixels a side, not a signature, not a gallery.
pub const SHADEGRID_INPUT: i32 = 4;
/// A device failed; this library uses none.
pub const SHADEGRID_DEVICE: i32 = 5;
/// The system could not read, or refused a thread.
pub const SHADEGRID_IO: i32 = 6;
/// The call is wrong: a null pointer, a wrong `size`, a value that is none of the constants, a buffer that is too short, a hasher that
/// another thread uses.
pub const SHADEGRID_ARGUMENT: i32 = 7;
/// The library met a state that it did not expect. This is a bug; please report it. The handle can be used again.
pub const SHADEGRID_PANIC: i32 = 8;

/// The version of this header's structs and functions. It is raised when a program that was compiled before would break.
pub const SHADEGRID_ABI_VERSION: u32 = 1;

/// The names of the statuses, in their order.
const NAMES: [&CStr; 9] =
    [c"ok", c"corrupt", c"unsupported", c"limit", c"input", c"device", c"io", c"argument", c"panic"];

/// The version, with the end that C wants.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");

/// The SHADEGRID_ABI_VERSION that the library was built with. Compare it where library and program are installed separately.
#[unsafe(no_mangle)]
pub extern "C" fn shadegrid_abi_version() -> u32 {
    guarded(0, || SHADEGRID_ABI_VERSION)
}

/// The library's version, such as "0.1.0". Lives for ever.
#[unsafe(no_mangle)]
pub extern "C" fn shadegrid_version() -> *const c_char {
    guarded(c"".as_ptr(), || VERSION.as_ptr().cast())
}

/// A status in one word: "ok", "corrupt", "unsupported", "limit", "input", "device", "io", "argument", "panic", or "unknown" for any other
/// number. Lives for ever.
#[unsafe(no_mangle)]
pub extern "C" fn shadegrid_status_name(status: i32) -> *const c_char {
    guarded(c"".as_ptr(), || {
        let name = usize::try_from(status).ok().and_then(|index| NAMES.get(index));
        name.unwrap_or(&c"unknown").as_ptr()
    })
}

/// Runs the body of a function; `fallback` where it panics. No panic may pass into C.
pub(crate) fn guarded<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(fallback)
}

/// The same for a body that may fail: its status.
pub(crate) fn guarded_status(body: impl FnOnce() -> Result<(), Failure>) -> i32 {
    guarded(SHADEGRID_PANIC, || body().err().map_or(SHADEGRID_OK, |failure| failure.status))
}

/// Why a call, or one picture of it, gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) status: i32,
    /// The option that the picture is over.
    pub(crate) limit: String,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn argument(message: impl Into<String>) -> Failure {
        Failure { status: SHADEGRID_ARGUMENT, limit: String::new(), message: message.into() }
    }

    pub(crate) fn panic(panic: &(dyn Any + Send)) -> Failure {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let text = text.unwrap_or("no message");
        let message = format!("the library panicked ({text}); this is a bug, please report it");
        Failure { status: SHADEGRID_PANIC, limit: String::new(), message }
    }
}

impl From<shadegrid::Error> for Failure {
    fn from(error: shadegrid::Error) -> Failure {
        let error = PictureError::from(&error);
        let status = NAMES.iter().position(|name| name.to_bytes() == error.code.as_bytes());
        // A code that is not known here is one of a library newer than this file: the picture's, since all others are.
        let status = status.map_or(SHADEGRID_INPUT, |index| index as i32);
        Failure { status, limit: error.limit.unwrap_or_default(), message: error.message }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use shadegrid::Error;

    use super::*;

    #[test]
    fn every_code_of_the_library_has_its_status() {
        let corrupt = Error::Corrupt { format: "jpeg", message: "x".into() };
        let limit = Error::Limit { what: "x", actual: 2, limit: 1, field: Some("max_pixels") };
        let io = Error::io("x", io::Error::other("y"));
        let all = [
            (corrupt, SHADEGRID_CORRUPT),
            (Error::Unsupported("x".into()), SHADEGRID_UNSUPPORTED),
            (limit, SHADEGRID_LIMIT),
            (Error::Input("x".into()), SHADEGRID_INPUT),
            (Error::Device("x".into()), SHADEGRID_DEVICE),
            (io, SHADEGRID_IO),
        ];
        for (error, status) in all {
            let code = error.code();
            let failure = Failure::from(error);
            assert_eq!(failure.status, status);
            assert_eq!(NAMES[status as usize].to_str().unwrap(), code);
            assert_eq!(failure.limit, if code == "limit" { "max_pixels" } else { "" });
        }
    }

    #[test]
    fn a_panic_is_a_status() {
        assert_eq!(guarded_status(|| panic!("meant")), SHADEGRID_PANIC);
        assert_eq!(guarded_status(|| Ok(())), SHADEGRID_OK);
        assert_eq!(guarded(7, || panic!("meant")), 7);
    }
}

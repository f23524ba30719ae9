//! HEVC, by libde265 where the system has it.
//!
//! The library is looked for when the process begins, before it gives files up, and by the names that systems install it under; the environment, which could
//! name another, is empty. It is written in C++ under the LGPL: nothing of it is built in or linked to.

#![allow(unsafe_code, reason = "functions of C are called, in a process that has nothing to lose")]

use std::ffi::{c_int, c_void};
use std::io;
use std::ptr::{NonNull, null_mut};
use std::slice;

use super::given::{Give, Given, Refusal, Sent};
use super::{CORRUPT, UNSUPPORTED};
use crate::decode::frame::{Chroma, Meaning};

/// What the library is called, where it is.
const NAMES: &[&str] = if cfg!(windows) {
    &["libde265.dll", "de265.dll", "libde265-0.dll"]
} else if cfg!(target_vendor = "apple") {
    &["libde265.0.dylib", "/opt/homebrew/lib/libde265.0.dylib", "/usr/local/lib/libde265.0.dylib"]
} else {
    &["libde265.so.0"]
};

/// What to do where it is not.
pub(super) const ABSENT: &str = "it is decoded by libde265, which this system does not have: install the package libde265-0 (Debian, Ubuntu) or libde265";

/// A decoder of the library.
type Context = NonNull<c_void>;

/// A picture that a decoder keeps.
type Image = NonNull<c_void>;

/// The functions of the library that are called, as `libde265/de265.h` has them since version 1.0.
#[derive(Debug)]
struct Functions {
    new_decoder: unsafe extern "C" fn() -> Option<Context>,
    free_decoder: unsafe extern "C" fn(Context) -> c_int,
    set_parameter_bool: unsafe extern "C" fn(Context, c_int, c_int),
    /// A unit without what parts it from others, a time and anything that goes with it.
    push_unit: unsafe extern "C" fn(Context, *const c_void, c_int, i64, *mut c_void) -> c_int,
    flush_data: unsafe extern "C" fn(Context) -> c_int,
    decode: unsafe extern "C" fn(Context, *mut c_int) -> c_int,
    get_next_picture: unsafe extern "C" fn(Context) -> Option<Image>,
    get_warning: unsafe extern "C" fn(Context) -> c_int,
    image_width: unsafe extern "C" fn(Image, c_int) -> c_int,
    image_height: unsafe extern "C" fn(Image, c_int) -> c_int,
    image_chroma: unsafe extern "C" fn(Image) -> c_int,
    image_bits: unsafe extern "C" fn(Image, c_int) -> c_int,
    /// The first sample that is shown; the bytes from one row to the next go to the last argument.
    image_plane: unsafe extern "C" fn(Image, c_int, *mut c_int) -> *const u8,
}

/// The library, loaded.
#[derive(Debug)]
pub(super) struct Library {
    functions: Functions,
    /// Keeps the functions where they are.
    _file: libloading::Library,
}

const OK: c_int = 0;
/// The decoder has what it was given, and wants more.
const WAITING: c_int = 13;
/// Where warnings begin; below are errors.
const WARNINGS: c_int = 1000;

/// Warnings of what does not change a picture: threads, places where threads may begin, and notes next to the picture.
const HARMLESS: [c_int; 5] = [1000, 1003, 1022, 1025, 1036];

/// The parameter by which a picture with something wrong is no picture.
const SUPPRESS_FAULTY_PICTURES: c_int = 6;

/// Rounds of decoding, for each unit; each ends one or says what is wrong.
const MOST_ROUNDS: usize = 64;

impl Library {
    /// The library, if the system has it.
    pub(super) fn load() -> Option<Library> {
        // SAFETY: What a library does when it is loaded is not known here. These names are those of libde265, looked for where the system's libraries are.
        let file = NAMES.iter().find_map(|name| unsafe { libloading::Library::new(name) }.ok())?;
        // SAFETY: The functions have had these types since version 1.0, and libraries under these names keep them.
        let functions = unsafe {
            Functions {
                new_decoder: *file.get(b"de265_new_decoder\0").ok()?,
                free_decoder: *file.get(b"de265_free_decoder\0").ok()?,
                set_parameter_bool: *file.get(b"de265_set_parameter_bool\0").ok()?,
                push_unit: *file.get(b"de265_push_NAL\0").ok()?,
                flush_data: *file.get(b"de265_flush_data\0").ok()?,
                decode: *file.get(b"de265_decode\0").ok()?,
                get_next_picture: *file.get(b"de265_get_next_picture\0").ok()?,
                get_warning: *file.get(b"de265_get_warning\0").ok()?,
                image_width: *file.get(b"de265_get_image_width\0").ok()?,
                image_height: *file.get(b"de265_get_image_height\0").ok()?,
                image_chroma: *file.get(b"de265_get_chroma_format\0").ok()?,
                image_bits: *file.get(b"de265_get_bits_per_pixel\0").ok()?,
                image_plane: *file.get(b"de265_get_image_plane\0").ok()?,
            }
        };
        Some(Library { functions, _file: file })
    }

    /// Decodes the first pictures of some units, each behind its length in four bytes, one at least, and has them given away.
    pub(super) fn decode(&self, units: &[u8], count: u64, give: Give<'_>) -> Sent {
        let mut decoder = Decoder::of(&self.functions)?;
        let mut rounds = MOST_ROUNDS.saturating_mul(decoder.push(units)?);
        let mut given = 0;
        while given < count
            && let Some(shown) = decoder.next_picture(&mut rounds)?
        {
            if let Err(error) = shown.give(give)? {
                return Ok(Err(error));
            }
            given += 1;
        }
        if given == 0 { Err(corrupt("no picture came of its parts")) } else { Ok(Ok(given)) }
    }
}

/// A decoder that ends with its owner.
struct Decoder<'a> {
    functions: &'a Functions,
    context: Context,
}

impl Drop for Decoder<'_> {
    fn drop(&mut self) {
        // SAFETY: The context comes from the library and is not used after this.
        unsafe { (self.functions.free_decoder)(self.context) };
    }
}

impl<'a> Decoder<'a> {
    fn of(functions: &'a Functions) -> Result<Decoder<'a>, Refusal> {
        // SAFETY: It takes nothing, and gives null where it cannot.
        let context = unsafe { (functions.new_decoder)() };
        let context = context.ok_or_else(|| corrupt("its decoder does not begin"))?;
        // SAFETY: The context is the library's own.
        unsafe { (functions.set_parameter_bool)(context, SUPPRESS_FAULTY_PICTURES, 1) };
        Ok(Decoder { functions, context })
    }

    /// Gives the decoder all units, and says how many they were.
    fn push(&mut self, mut units: &[u8]) -> Result<usize, Refusal> {
        let mut count = 0;
        while let Some((length, rest)) = units.split_first_chunk() {
            let length = u32::from_be_bytes(*length) as usize;
            let (unit, rest) = rest.split_at_checked(length).ok_or_else(|| corrupt("a part breaks off"))?;
            let length = c_int::try_from(length).map_err(|_| corrupt("a part is longer than any"))?;
            // SAFETY: The unit has that many bytes; the library copies them.
            let pushed = unsafe {
                (self.functions.push_unit)(self.context, unit.as_ptr().cast(), length, 0, null_mut())
            };
            self.check(pushed)?;
            (units, count) = (rest, count + 1);
        }
        // SAFETY: The context is the library's own.
        let flushed = unsafe { (self.functions.flush_data)(self.context) };
        self.check(flushed)?;
        Ok(count)
    }

    /// Decodes until there is a further picture, with nothing wrong before it; `None` where there is none.
    fn next_picture(&mut self, rounds: &mut usize) -> Result<Option<Shown<'_>>, Refusal> {
        while let Some(left) = rounds.checked_sub(1) {
            *rounds = left;
            let mut more = 0;
            // SAFETY: The context is the library's own, and `more` is there to be written.
            let decoded = unsafe { (self.functions.decode)(self.context, &raw mut more) };
            if decoded != WAITING {
                self.check(decoded)?;
            }
            self.check_warnings()?;
            // SAFETY: As before. The picture is valid until the context is used again, which `Shown` borrows.
            if let Some(image) = unsafe { (self.functions.get_next_picture)(self.context) } {
                return Ok(Some(Shown { functions: self.functions, image, _of: self }));
            }
            if more == 0 || decoded == WAITING {
                break;
            }
        }
        Ok(None)
    }

    fn check(&self, result: c_int) -> Result<(), Refusal> {
        match result {
            OK => Ok(()),
            error if error >= WARNINGS => self.check_warning(error),
            502 => Err((UNSUPPORTED, "HEVC with a tool that libde265 does not know".to_string())),
            7 => Err(corrupt("its picture takes more memory than its size lets expect")),
            error => Err(corrupt(&format!("its picture cannot be decoded (libde265's error {error})"))),
        }
    }

    fn check_warning(&self, warning: c_int) -> Result<(), Refusal> {
        if HARMLESS.contains(&warning) {
            return Ok(());
        }
        Err(corrupt(&format!("its picture is damaged (libde265's warning {warning})")))
    }

    fn check_warnings(&self) -> Result<(), Refusal> {
        loop {
            // SAFETY: The context is the library's own. Each call takes one warning away.
            match unsafe { (self.functions.get_warning)(self.context) } {
                OK => return Ok(()),
                warning => self.check_warning(warning)?,
            }
        }
    }
}

/// A picture that the decoder keeps meanwhile.
struct Shown<'a> {
    functions: &'a Functions,
    image: Image,
    _of: &'a Decoder<'a>,
}

impl Shown<'_> {
    fn give(&self, give: Give<'_>) -> Result<io::Result<()>, Refusal> {
        // SAFETY: The picture is valid as long as its decoder is borrowed.
        let (kind, [luma_bits, chroma_bits]) = unsafe {
            let bits = |plane| (self.functions.image_bits)(self.image, plane);
            ((self.functions.image_chroma)(self.image), [bits(0), bits(1)])
        };
        let chroma = match kind {
            0 => Chroma::None,
            1 => Chroma::Quarter,
            2 => Chroma::Half,
            3 => Chroma::Full,
            _ => return Err((UNSUPPORTED, "HEVC with a sampling that is not read".to_string())),
        };
        let depth = u8::try_from(luma_bits).unwrap_or(0);
        if chroma != Chroma::None && luma_bits != chroma_bits {
            return Err((UNSUPPORTED, "HEVC with luma and chroma of different depths".to_string()));
        }
        let bytes = usize::from(depth.div_ceil(8));
        let planes: Vec<_> = (0..if chroma == Chroma::None { 1 } else { 3 })
            .map(|number| self.plane(number, bytes))
            .collect::<Option<_>>()
            .ok_or_else(|| corrupt("its planes are smaller than its picture"))?;
        let (width, height) = self.size(0).ok_or_else(|| corrupt("its picture has no size"))?;
        // Its headers are read on the other side.
        let meaning = Meaning { matrix: 2, full: false };
        Ok(give(&Given { width, height, depth, chroma, meaning, planes: &planes }))
    }

    fn size(&self, plane: c_int) -> Option<(u32, u32)> {
        // SAFETY: As in `give`.
        let size = unsafe {
            (
                (self.functions.image_width)(self.image, plane),
                (self.functions.image_height)(self.image, plane),
            )
        };
        Some((u32::try_from(size.0).ok()?, u32::try_from(size.1).ok()?))
    }

    /// The samples of a plane, from its first that is shown to its last, and the bytes of its rows.
    fn plane(&self, number: c_int, bytes: usize) -> Option<(&[u8], usize)> {
        let (width, height) = self.size(number)?;
        let mut stride = 0;
        // SAFETY: As in `give`; `stride` is there to be written.
        let first = unsafe { (self.functions.image_plane)(self.image, number, &raw mut stride) };
        let (stride, row) = (usize::try_from(stride).ok()?, (width as usize).checked_mul(bytes)?);
        let length = (height as usize).checked_sub(1)?.checked_mul(stride)?.checked_add(row)?;
        (!first.is_null() && row <= stride).then_some(())?;
        // SAFETY: The library has so many rows of so many bytes from there, until the picture is given back.
        Some((unsafe { slice::from_raw_parts(first, length) }, stride))
    }
}

fn corrupt(message: &str) -> Refusal {
    (CORRUPT, message.to_string())
}

//! Distances and texts of signatures.

use std::ffi::c_char;

use shadegrid::{Pdq, PhotoDna};

use crate::status::{Failure, guarded, guarded_status};
use crate::text;

/// Squared Euclidean distance of two PhotoDNA-class signatures, 0 to about 2.1 million for signatures of pictures; up to 40,000 is called a
/// match. UINT32_MAX where a pointer is null.
/// cbindgen:ptrs-as-arrays=[[a; 144], [b; 144]]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shadegrid_photodna_distance(a: *const u8, b: *const u8) -> u32 {
    guarded(u32::MAX, || {
        // SAFETY: the caller passes null or 144 bytes.
        let (Ok(a), Ok(b)) = (unsafe { bytes(a) }, unsafe { bytes(b) }) else { return u32::MAX };
        PhotoDna(a).distance(&PhotoDna(b))
    })
}

/// Hamming distance of two PDQ signatures, 0 to 256; up to 31 is called a match. UINT32_MAX where a pointer is null.
/// cbindgen:ptrs-as-arrays=[[a; 32], [b; 32]]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shadegrid_pdq_distance(a: *const u8, b: *const u8) -> u32 {
    guarded(u32::MAX, || {
        // SAFETY: the caller passes null or 32 bytes.
        let (Ok(a), Ok(b)) = (unsafe { bytes(a) }, unsafe { bytes(b) }) else { return u32::MAX };
        Pdq(a).distance(&Pdq(b))
    })
}

/// Reads a PhotoDNA-class signature of `length` characters: base64 (192), hexadecimal (288), or 144 integers with commas between.
///
/// SHADEGRID_INPUT: the text is nothing of that. SHADEGRID_ARGUMENT: a pointer is null.
/// cbindgen:ptrs-as-arrays=[[out; 144]]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shadegrid_photodna_parse(text: *const c_char, length: usize, out: *mut u8) -> i32 {
    // SAFETY: the caller passes null or what each pointer is for.
    guarded_status(|| unsafe { write_bytes(parse::<PhotoDna>(text, length)?.0, out) })
}

/// Reads a PDQ signature of `length` characters: 64 hexadecimal digits of either case.
///
/// SHADEGRID_INPUT: the text is nothing of that. SHADEGRID_ARGUMENT: a pointer is null.
/// cbindgen:ptrs-as-arrays=[[out; 32]]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shadegrid_pdq_parse(text: *const c_char, length: usize, out: *mut u8) -> i32 {
    // SAFETY: the caller passes null or what each pointer is for.
    guarded_status(|| unsafe { write_bytes(parse::<Pdq>(text, length)?.0, out) })
}

/// Writes a PhotoDNA-class signature as base64: 192 characters and a NUL. SHADEGRID_ARGUMENT: a pointer is null.
/// cbindgen:ptrs-as-arrays=[[signature; 144], [out; 193]]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shadegrid_photodna_text(signature: *const u8, out: *mut c_char) -> i32 {
    // SAFETY: the caller passes null or what each pointer is for.
    guarded_status(|| unsafe { write_text(&PhotoDna(bytes(signature)?).to_string(), out) })
}

/// Writes a PDQ signature as 64 lower-case hexadecimal digits and a NUL. SHADEGRID_ARGUMENT: a pointer is null.
/// cbindgen:ptrs-as-arrays=[[signature; 32], [out; 65]]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shadegrid_pdq_text(signature: *const u8, out: *mut c_char) -> i32 {
    // SAFETY: the caller passes null or what each pointer is for.
    guarded_status(|| unsafe { write_text(&Pdq(bytes(signature)?).to_string(), out) })
}

fn null() -> Failure {
    Failure::argument("a pointer is null")
}

/// # Safety
///
/// `from` is null, or `N` bytes from it on can be read.
unsafe fn bytes<const N: usize>(from: *const u8) -> Result<[u8; N], Failure> {
    if from.is_null() {
        return Err(null());
    }
    // SAFETY: it is not null; bytes have no alignment.
    Ok(unsafe { from.cast::<[u8; N]>().read() })
}

/// # Safety
///
/// `to` is null, or `N` bytes from it on can be written.
unsafe fn write_bytes<const N: usize>(bytes: [u8; N], to: *mut u8) -> Result<(), Failure> {
    if to.is_null() {
        return Err(null());
    }
    // SAFETY: it is not null; bytes have no alignment.
    unsafe { to.cast::<[u8; N]>().write(bytes) };
    Ok(())
}

/// # Safety
///
/// `to` is null, or has room for the text and a NUL.
unsafe fn write_text(text: &str, to: *mut c_char) -> Result<(), Failure> {
    if to.is_null() {
        return Err(null());
    }
    // SAFETY: the caller's promise.
    unsafe { text::write(text, to, text.len() + 1) };
    Ok(())
}

/// # Safety
///
/// `text` is null, or `length` bytes from it on can be read.
unsafe fn parse<T: std::str::FromStr<Err = shadegrid::Error>>(
    text: *const c_char,
    length: usize,
) -> Result<T, Failure> {
    if text.is_null() || length > isize::MAX as usize {
        return Err(null());
    }
    // SAFETY: it is not null, and the length fits what Rust allows.
    let text = unsafe { std::slice::from_raw_parts(text.cast::<u8>(), length) };
    let text = std::str::from_utf8(text);
    text.map_err(|_| shadegrid::Error::Input("the text is not UTF-8".into()))?.parse().map_err(Failure::from)
}

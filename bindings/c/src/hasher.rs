//! Pictures in, signatures out: the handle, and the three ways in.

use std::ffi::{CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, TryLockError};

use shadegrid::{BufferHasher, FaceHash};

use crate::hashed::{Face, Hashed};
use crate::options::{self, Options};
use crate::status::{Failure, guarded, guarded_status};
use crate::text;

pub use pixels::*;

mod pixels;

/// Hashes pictures, keeping its buffers between them. Used by one thread at a time: a call that comes meanwhile is
/// SHADEGRID_ARGUMENT.
///
/// What a call says (its message, its faces) stays until the next call with the same hasher.
pub struct Hasher {
    state: Mutex<State>,
}

/// What lies behind the handle.
struct State {
    options: Options,
    /// For one picture at a time.
    hasher: shadegrid::Hasher,
    /// For many.
    many: BufferHasher,
    pixels: Pixels,
    /// The faces of the last call's pictures, by their index, where there are any.
    faces: Vec<(usize, Vec<FaceHash>)>,
    message: CString,
}

/// Encoded bytes: a picture in memory of the caller's. Never grows.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Bytes {
    /// The first byte; may be null where `length` is 0.
    pub data: *const u8,
    /// Bytes.
    pub length: usize,
}

impl Bytes {
    /// # Safety
    ///
    /// `data` is null, or `length` bytes from it on can be read for as long as the slice lives.
    unsafe fn slice<'a>(self) -> Result<&'a [u8], Failure> {
        if self.data.is_null() && self.length == 0 {
            return Ok(&[]);
        }
        if self.data.is_null() || self.length > isize::MAX as usize {
            return Err(Failure::argument("`data` is null, or `length` is more than any memory has"));
        }
        // SAFETY: the pointer is not null, and the length fits what Rust allows.
        Ok(unsafe { std::slice::from_raw_parts(self.data, self.length) })
    }
}

/// Makes a hasher. `options` may be null for the defaults. No thread runs between calls.
///
/// SHADEGRID_ARGUMENT: `hasher` is null, `options` have another size, or one of their members is none of its constants; `*hasher` is
/// null then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shadegrid_hasher_new(options: *const Options, hasher: *mut *mut Hasher) -> i32 {
    guarded_status(|| {
        if hasher.is_null() {
            return Err(Failure::argument("`hasher` is null"));
        }
        // SAFETY: the caller passes room for a pointer.
        unsafe { hasher.write(std::ptr::null_mut()) };
        // SAFETY: the caller passes null or options that begin with their size.
        let state = State::new(unsafe { options::read(options) }?)?;
        let new = Box::new(Hasher { state: Mutex::new(state) });
        // SAFETY: as above.
        unsafe { hasher.write(Box::into_raw(new)) };
        Ok(())
    })
}

/// Ends a hasher; null is allowed. No other thread may be using it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shadegrid_hasher_free(hasher: *mut Hasher) {
    guarded((), || {
        if !hasher.is_null() {
            // SAFETY: it came from `shadegrid_hasher_new`, and the caller does not use it again.
            drop(unsafe { Box::from_raw(hasher) });
        }
    });
}

/// Why the last call with this hasher went wrong, for people; "" where it went well, where `hasher` is null, and while another thread uses it.
/// Holds no signature and may be logged. Lives until the next call with the same hasher.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shadegrid_hasher_message(hasher: *const Hasher) -> *const c_char {
    guarded(c"".as_ptr(), || {
        // SAFETY: the caller passes null or a hasher.
        let state = unsafe { lock(hasher) };
        state.map_or(c"".as_ptr(), |state| state.message.as_ptr())
    })
}

/// Hashes one encoded picture: `length` bytes at `data`, which may be null where `length` is 0.
///
/// Returns `out->status`: SHADEGRID_OK, the picture's SHADEGRID_CORRUPT, SHADEGRID_UNSUPPORTED, SHADEGRID_LIMIT or SHADEGRID_INPUT, or
/// SHADEGRID_ARGUMENT. `out` is written in every case but that it is null. The bytes are not kept.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shadegrid_hash(
    hasher: *mut Hasher,
    data: *const u8,
    length: usize,
    out: *mut Hashed,
) -> i32 {
    // SAFETY: the caller passes null or what each pointer is for.
    unsafe {
        hash_one(hasher, out, |state| {
            // SAFETY: the caller's bytes are there until the call ends.
            let bytes = Bytes { data, length }.slice()?;
            Ok(state.hasher.hash(bytes)?)
        })
    }
}

/// Hashes one picture that is already decoded: `height` rows of `width` pixels, each `stride` bytes behind the one before (0: without
/// padding), with samples as `order` says, a constant SHADEGRID_ORDER_*.
///
/// The samples are hashed as they are, as those of a file are: no profile is applied and nothing is blended. `format` is "", `detail` is
/// "full". Returns as shadegrid_hash does; SHADEGRID_ARGUMENT also where `length` bytes are too few for that, or rows overlap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shadegrid_hash_pixels(
    hasher: *mut Hasher,
    data: *const u8,
    length: usize,
    width: u32,
    height: u32,
    stride: usize,
    order: i32,
    out: *mut Hashed,
) -> i32 {
    // SAFETY: the caller passes null or what each pointer is for.
    unsafe {
        hash_one(hasher, out, |state| {
            // SAFETY: the caller's bytes are there until the call ends.
            let samples = Bytes { data, length }.slice()?;
            let layout = pixels::Layout { width, height, stride, order };
            let picture = state.pixels.picture(samples, &layout, &state.many.options().decode.limits)?;
            let hashed = state.hasher.hash_picture(&picture);
            state.pixels.recycle(picture);
            Ok(hashed?)
        })
    }
}

/// Hashes `count` encoded pictures on all threads of the hasher, and writes what came of each to the same place of `out`. Blocks until all
/// are done. A picture that fails has its own `status` and stops no other.
///
/// Returns SHADEGRID_OK once every place of `out` is written, whatever the pictures are. SHADEGRID_ARGUMENT (a null pointer with a `count`
/// over 0) writes none. The bytes are not kept.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shadegrid_hash_many(
    hasher: *mut Hasher,
    pictures: *const Bytes,
    count: usize,
    out: *mut Hashed,
) -> i32 {
    guarded_status(|| {
        // SAFETY: the caller passes null or a hasher.
        let mut state = unsafe { lock(hasher) }?;
        let done = state.surviving(|state| {
            if count > 0 && (pictures.is_null() || out.is_null()) || count > isize::MAX as usize / 1024 {
                return Err(Failure::argument("`pictures` or `out` is null, or `count` is too large"));
            }
            let mut inputs = Vec::with_capacity(count);
            for index in 0..count {
                // SAFETY: the caller passes `count` of them, and their bytes are there until the call ends.
                inputs.push(unsafe { pictures.add(index).read().slice() });
            }
            let outcomes = state.hash_many(&inputs);
            for (index, outcome) in outcomes.into_iter().enumerate() {
                let hashed = state.keep(index, outcome);
                // SAFETY: the caller passes room for `count` of them.
                unsafe { out.add(index).write(hashed) };
            }
            Ok(())
        });
        state.conclude(done)
    })
}

/// Gives a further picture that a file shows where viewers show something else than its stored pixels: number `face`, under the `faces`
/// of the result, of the picture at `picture` in the last shadegrid_hash_many, 0 after shadegrid_hash.
///
/// Whoever looks pictures up looks all of their faces up: a picture may be hidden in one. SHADEGRID_ARGUMENT: a null pointer, or no such face.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shadegrid_hasher_face(
    hasher: *const Hasher,
    picture: usize,
    face: u32,
    out: *mut Face,
) -> i32 {
    guarded_status(|| {
        // SAFETY: the caller passes null or a hasher.
        let state = unsafe { lock(hasher) }?;
        let place = state.faces.binary_search_by_key(&picture, |(index, _)| *index);
        let found = place.ok().and_then(|place| state.faces[place].1.get(face as usize));
        let (Some(found), false) = (found, out.is_null()) else {
            return Err(Failure::argument("no such face"));
        };
        // SAFETY: the caller passes room for a face.
        unsafe { out.write(Face::new(found)) };
        Ok(())
    })
}

/// What lies behind a handle, where no other thread is at it.
///
/// # Safety
///
/// `hasher` is null, or came from `shadegrid_hasher_new` and was not freed.
unsafe fn lock<'a>(hasher: *const Hasher) -> Result<MutexGuard<'a, State>, Failure> {
    // SAFETY: the caller's promise.
    let hasher = unsafe { hasher.as_ref() }.ok_or_else(|| Failure::argument("`hasher` is null"))?;
    match hasher.state.try_lock() {
        Ok(state) => Ok(state),
        // A panic is caught before it reaches the lock; where one did all the same, the state is made anew with the next.
        Err(TryLockError::Poisoned(state)) => Ok(state.into_inner()),
        Err(TryLockError::WouldBlock) => Err(Failure::argument("another thread is using the hasher")),
    }
}

/// A call for one picture: what `work` gives is written to `out`, whatever it is.
///
/// # Safety
///
/// `hasher` is as [`lock`] wants it; `out` is null or has room.
unsafe fn hash_one(
    hasher: *mut Hasher,
    out: *mut Hashed,
    work: impl FnOnce(&mut State) -> Result<shadegrid::Hashed, Failure>,
) -> i32 {
    guarded_status(|| {
        if out.is_null() {
            return Err(Failure::argument("`out` is null"));
        }
        // SAFETY: the caller's promise.
        let mut state = match unsafe { lock(hasher) } {
            Ok(state) => state,
            Err(failure) => {
                // SAFETY: the caller's promise.
                unsafe { out.write(Hashed::failed(&failure)) };
                return Err(failure);
            }
        };
        let outcome = state.surviving(work);
        let failure = outcome.as_ref().err().cloned();
        let hashed = state.keep(0, outcome);
        // SAFETY: the caller's promise.
        unsafe { out.write(hashed) };
        state.conclude(failure.map_or(Ok(()), Err))
    })
}

impl State {
    fn new(options: Options) -> Result<State, Failure> {
        let hash_options = options.hash_options()?;
        let many = BufferHasher::new(hash_options.clone());
        Ok(State {
            hasher: shadegrid::Hasher::new(hash_options),
            many: many.threads(options.threads().get()).memory(options.memory()),
            options,
            pixels: Pixels::default(),
            faces: Vec::new(),
            message: CString::default(),
        })
    }

    /// Does the work of a call; after a panic the state is as new.
    fn surviving<T>(&mut self, work: impl FnOnce(&mut State) -> Result<T, Failure>) -> Result<T, Failure> {
        self.faces.clear();
        catch_unwind(AssertUnwindSafe(|| work(&mut *self))).unwrap_or_else(|panic| {
            *self = State::new(self.options.clone())?;
            Err(Failure::panic(&*panic))
        })
    }

    /// What C is given of a picture; its faces are kept.
    fn keep(&mut self, index: usize, outcome: Result<shadegrid::Hashed, Failure>) -> Hashed {
        match outcome {
            Ok(hashed) => {
                let given = Hashed::new(&hashed);
                if !hashed.faces.is_empty() {
                    self.faces.push((index, hashed.faces));
                }
                given
            }
            Err(failure) => Hashed::failed(&failure),
        }
    }

    /// Keeps the message of a call that failed.
    fn conclude(&mut self, done: Result<(), Failure>) -> Result<(), Failure> {
        self.message = done.as_ref().err().map_or_else(CString::default, |error| text::owned(&error.message));
        done
    }

    fn hash_many(&self, inputs: &[Result<&[u8], Failure>]) -> Vec<Result<shadegrid::Hashed, Failure>> {
        let pictures: Vec<&[u8]> =
            inputs.iter().map(|input| input.as_ref().copied().unwrap_or_default()).collect();
        let outcomes = self.many.hash_many(&pictures).into_iter().zip(inputs);
        let outcome = |(outcome, input): (shadegrid::Result<_>, &Result<_, Failure>)| match input {
            Ok(_) => outcome.map_err(Failure::from),
            Err(failure) => Err(failure.clone()),
        };
        outcomes.map(outcome).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::mem::MaybeUninit;

    use super::*;
    use crate::status::{SHADEGRID_ARGUMENT, SHADEGRID_OK, SHADEGRID_PANIC};

    const PICTURE: &[u8] = include_bytes!("../../../src/pipeline/example.bmp");

    fn message(hasher: *const Hasher) -> String {
        // SAFETY: the hasher lives, and its message until the next call.
        let message = unsafe { std::ffi::CStr::from_ptr(shadegrid_hasher_message(hasher)) };
        message.to_str().unwrap().to_string()
    }

    #[test]
    fn a_hasher_after_a_panic_is_as_new() {
        let (mut hasher, mut out) = (std::ptr::null_mut(), MaybeUninit::uninit());
        // SAFETY: every pointer is what it is for, and the hasher is freed at the end.
        unsafe {
            assert_eq!(shadegrid_hasher_new(std::ptr::null(), &mut hasher), SHADEGRID_OK);
            let (data, length, place) = (PICTURE.as_ptr(), PICTURE.len(), out.as_mut_ptr());
            assert_eq!(shadegrid_hash(hasher, data, length, place), SHADEGRID_OK);
            let before = out.assume_init();
            assert_eq!(message(hasher), "");

            assert_eq!(hash_one(hasher, place, |_| panic!("meant")), SHADEGRID_PANIC);
            assert_eq!(out.assume_init().status, SHADEGRID_PANIC);
            assert!(message(hasher).contains("panicked (meant)"), "{}", message(hasher));

            assert_eq!(shadegrid_hash(hasher, data, length, place), SHADEGRID_OK);
            assert!(out.assume_init().signatures.pdq == before.signatures.pdq && message(hasher).is_empty());
            let pictures = [Bytes { data, length }; 3];
            let mut many = [before; 3];
            assert_eq!(shadegrid_hash_many(hasher, pictures.as_ptr(), 3, many.as_mut_ptr()), SHADEGRID_OK);
            assert!(many.iter().all(|hashed| hashed.signatures.photodna == before.signatures.photodna));
            shadegrid_hasher_free(hasher);
        }
    }

    #[test]
    fn a_hasher_that_is_used_says_so() {
        let hasher = Hasher { state: Mutex::new(State::new(Options::default()).unwrap()) };
        let mut out = MaybeUninit::uninit();
        let used = hasher.state.lock().unwrap();
        // SAFETY: every pointer is what it is for.
        unsafe {
            let handle = std::ptr::from_ref(&hasher).cast_mut();
            let (data, length, place) = (PICTURE.as_ptr(), PICTURE.len(), out.as_mut_ptr());
            assert_eq!(shadegrid_hash(handle, data, length, place), SHADEGRID_ARGUMENT);
            assert_eq!(out.assume_init().status, SHADEGRID_ARGUMENT);
            drop(used);
            assert_eq!(shadegrid_hash(handle, data, length, place), SHADEGRID_OK);
        }
    }
}

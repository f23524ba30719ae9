//! Shadegrid for C and C++: the functions of `include/shadegrid.h`, which is generated from these files.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `hasher` | pictures in, signatures out |
//! | `gallery` | signatures in, matches out |
//! | `signature` | distances and texts |
//! | `options`, `hashed` | the structs that callers fill, and those that they are given |
//! | `status` | what every function returns, and how panics become a status |
//! | `text` | words and messages in memory of the caller's |
//!
//! Rust programs use the crate `shadegrid`. All `unsafe` of the bindings is here: what a caller promises by passing a pointer stands at the head of
//! the header, once for all functions.

#![expect(
    clippy::missing_safety_doc,
    reason = "the head of the header says once what every function asks of its pointers"
)]

mod gallery;
mod hashed;
mod hasher;
mod options;
mod signature;
mod status;
mod text;

pub use gallery::*;
pub use hashed::*;
pub use hasher::*;
pub use options::*;
pub use signature::*;
pub use status::*;

// What the header promises about threads: a handle may be made by one and used by others.
const _: () = {
    const fn is_shared<T: Send + Sync>() {}
    is_shared::<Hasher>();
    is_shared::<Gallery>();
};

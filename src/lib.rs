//! Perceptual image hashing: PhotoDNA-class and PDQ signatures, exact and fast.

// The front page's Rust is compiled and run with the examples of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod backend;
pub mod decode;
mod engine;
pub mod error;
pub mod gallery;
pub mod hasher;
pub mod job;
mod kernel;
pub mod limits;
mod parquet;
pub mod picture;
pub mod pipeline;
pub mod signature;

pub use backend::{
    Backend, BackendChoice, DeviceReport, DeviceSpeed, Devices, ReduceSpeed, Traffic, devices,
};
pub use decode::{
    Background, DamagedPolicy, DecodeOptions, Decoded, Decoder, Detail, DetailChoice, Face, Format, Memory,
    Orient, Part, Viewing,
};
pub use engine::{
    Engine, EngineBuilder, HashError, HashRequest, Hashing, Lane, PictureError, Run, RunHandle, RunOptions,
    Search,
};
pub use error::{Error, Result};
pub use hasher::{FaceHash, Faces, Flag, HashOptions, Hashed, Hasher, PdqHash, PdqPath, PhotoDnaHash};
pub use limits::Limits;
pub use picture::{Picture, Plane, Planes};
pub use signature::{Algorithm, Orientation, Pdq, PhotoDna};

//! Perceptual image hashing: PhotoDNA-class and PDQ signatures, exact and fast, and exact search among known ones.
//!
//! A signature is a short description of a picture's shading that hardly changes when the picture is scaled, encoded again or retouched.
//!
//! | module | what it is for |
//! | --- | --- |
//! | [`Engine`] | what a program holds: threads and memory that hash one picture, many, or a run of sources |
//! | [`Search`], [`Searcher`] | look pictures up in galleries, which may be replaced meanwhile: on the caller's thread, or on threads of their own |
//! | [`Hasher`] | one thread's own: one picture after another |
//! | [`gallery`] | known signatures: lists, files, exact search |
//! | [`pipeline`] | sources of every kind (folders, archives, lists, stores), and sinks for their records |
//! | `job` | archives of any size, by many workers on many machines, every input accounted for |
//! | `report` | reports to NCMEC's CyberTipline: checked, kept until they are filed, none filed twice |
//! | `audit` | who did what with reports and reviews: lines that are only added to, chained by SHA-256 |
//! | `hook` | events that are posted to addresses of one's own: signed, at least once |
//! | `service` | the same over HTTP, for many clients |
//! | [`decode`] | bytes to pictures: formats, limits, damage, faces |
//! | [`signature`] | the signatures' bytes, texts, distances and orientations |
//!
//! # One picture
//!
//! ```
//! use shadegrid::Engine;
//!
//! let engine = Engine::new()?;
//! let hashed = engine.hash(&include_bytes!("pipeline/example.bmp")[..]).wait()?;
//! println!("{} × {} pixels", hashed.width, hashed.height);
//! assert!(hashed.photodna.is_some() && hashed.pdq.is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A run
//!
//! ```
//! use shadegrid::pipeline::Source;
//! use shadegrid::{Engine, RunOptions};
//!
//! let sources = ["a.jpg", "b.jpg"].map(Source::file);
//! let mut run = Engine::new()?.run(sources, &RunOptions::default())?;
//! for record in &mut run {
//!     match &record.outcome {
//!         Ok(hashed) => println!("{}: {:?}", record.key.display(), hashed.format),
//!         Err(error) => println!("{}: {error}", record.key.display()),
//!     }
//! }
//! assert_eq!(run.finish()?.records, 2);
//! # Ok::<(), shadegrid::Error>(())
//! ```
//!
//! Looking pictures up: see [`Engine`]. In a service: `examples/axum.rs`.
//!
//! # Features
//!
//! `avif`, `cli`, `gpu`, `jxl`, `service` and `store` are on by default. What is switched off is [`Error::Unsupported`], which names the feature, and never a lost record.
//!
//! | feature | what it brings |
//! | --- | --- |
//! | none | pictures in files and in memory, folders, [`Engine`] and [`Search`], galleries, lists of text, CSV, JSON and XML (also packed by gzip), records as JSON lines and CSV |
//! | `avif` | pictures in AVIF, decoded by a process that the program names: [`decode::helper`] |
//! | `heic` | pictures in HEIC |
//! | `jxl` | pictures in JPEG XL |
//! | `archives` | pictures in tar and zip, lists packed by zstd or zip |
//! | `parquet` | pictures, lists and records in Parquet |
//! | `job` | the module `job`: archives of any size, by many workers |
//! | `gpu` | the backend on GPUs |
//! | `store` | pictures, archives and lists in object stores and on the web |
//! | `report` | the module `report`: reports to NCMEC's CyberTipline; brings `audit` and `hook` |
//! | `service` | the module `service`: hashing and look-ups over HTTP; the module `standin`: exchanges for tests; brings `report` |
//! | `cli` | the command; brings `job`, `archives` and `parquet` |

// The front page's Rust is compiled and run with the examples of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[macro_use]
mod setters;

#[cfg(feature = "report")]
pub mod audit;
mod backend;
#[cfg(feature = "report")]
mod backoff;
#[cfg(feature = "report")]
mod clock;
#[cfg(feature = "report")]
mod credential;
pub mod decode;
mod engine;
pub mod error;
mod folders;
pub mod gallery;
pub mod hasher;
#[cfg(feature = "report")]
pub mod hook;
#[cfg(feature = "job")]
pub mod job;
mod kernel;
pub mod limits;
#[cfg(feature = "parquet")]
mod parquet;
pub mod picture;
pub mod pipeline;
#[cfg(feature = "report")]
mod private;
#[cfg(feature = "report")]
mod random;
#[cfg(feature = "report")]
pub mod report;
#[cfg(feature = "service")]
mod review;
#[cfg(feature = "service")]
pub mod service;
pub mod signature;
#[cfg(feature = "service")]
pub mod standin;
#[cfg(feature = "report")]
mod state;
#[cfg(feature = "service")]
pub mod sync;

pub use backend::{
    Backend, BackendChoice, DecodeSpeed, DeviceReport, DeviceSpeed, Devices, ReduceSpeed, StageSpeed,
    Traffic, devices,
};
pub use decode::{
    Background, DamagedPolicy, DecodeOptions, Decoded, Decoder, Detail, DetailChoice, Face, Format, Memory,
    Orient, Part, Viewing,
};
pub use engine::{
    BufferHasher, Engine, EngineBuilder, HashError, HashRequest, HashTimes, Hashing, Lane, Lookups,
    MatchLimits, PictureError, Run, RunHandle, RunOptions, Search, SearchBatch, Searcher, Searching,
};
pub use error::{Error, Result};
pub use hasher::{
    Alpha, FaceHash, Faces, Flag, FrameError, FrameHash, HashOptions, Hashed, Hasher, PdqHash, PdqPath,
    PhotoDnaHash,
};
pub use limits::Limits;
pub use picture::{Picture, Plane, Planes};
pub use signature::{Algorithm, Orientation, Pdq, PhotoDna};

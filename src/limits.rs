//! How large an input may be, checked before memory is taken for it.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

mod machine;

pub(crate) use machine::{memory as machine_memory, memory_left};

/// The largest inputs that are let through.
///
/// The defaults pass the 200-megapixel photographs of today's telephones and stop decompression
/// bombs; raise them for other archives. Every check runs on what a file's header announces, before a buffer
/// of that size exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Limits {
    /// Longest side, in pixels. Default 65,535, the most that a JPEG can announce.
    pub max_side: u32,
    /// Width × height, in pixels. Default 268,435,456 (2²⁸).
    pub max_pixels: u64,
    /// Pixels for each byte of the file, asked of pictures over [`FREE_PIXELS`]. Default 256.
    ///
    /// What a picture costs goes by its pixels, and an empty one of any size fits into 42 bytes. Of 217 photographs
    /// none has more than 43 pixels per byte, of JPEGs saved at quality 10 none more than 38; one-colour graphics have thousands, and
    /// stay far below [`FREE_PIXELS`]. `benches/results/2026-11-28-epyc-seams.md` has the measurement.
    #[serde(default = "default_pixels_per_byte")]
    pub max_pixels_per_byte: u64,
    /// Length of the encoded file, in bytes. Default 1 GiB.
    pub max_file_bytes: u64,
    /// Memory that decoding one picture may take, in bytes, its pixels included. Default 3 GiB.
    pub max_decoder_bytes: u64,
    /// Scans of one progressive JPEG. Default 500: real files have about ten, bombs thousands. Every scan visits the
    /// whole picture, so scans × pixels may in no case exceed [`SCANNED_TIMES`] × `max_pixels`, and scans beyond
    /// [`FREE_SCANS`] count as pixels for `max_pixels_per_byte`.
    pub max_scans: u32,
    /// Memory that is there at all, in bytes: no file and no decoding may take more, whatever the other limits say. Default: what
    /// the machine, the container (cgroup) and the process (`ulimit`) allow. A run lowers it to its own memory
    /// ([`EngineBuilder::memory`](crate::EngineBuilder::memory)).
    #[serde(skip, default = "machine_memory")]
    pub memory: u64,
}

setters!(Limits {
    max_side: u32,
    max_pixels: u64,
    max_pixels_per_byte: u64,
    max_file_bytes: u64,
    max_decoder_bytes: u64,
    max_scans: u32,
    memory: u64,
});

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_side: 65_535,
            max_pixels: 1 << 28,
            max_pixels_per_byte: default_pixels_per_byte(),
            max_file_bytes: 1 << 30,
            max_decoder_bytes: 3 << 30,
            max_scans: 500,
            memory: machine_memory(),
        }
    }
}

/// Sides shorter than this cannot be hashed: both algorithms' definitions end here.
pub const MIN_SIDE: u32 = 5;

/// How often the largest picture that is let through may be scanned.
pub const SCANNED_TIMES: u64 = 32;

/// Scans that cost little compared with the pixels themselves: what real progressive JPEGs have, and half as many again.
pub const FREE_SCANS: u64 = 16;

/// How many pixels the frames of one file may have together, in multiples of `max_pixels`.
pub const FRAMED_TIMES: u64 = 4;

/// Frames that count as one picture where pixels are held against a file's bytes: most of them repeat what the one before showed.
pub const FRAMES_AS_ONE: u64 = 16;

/// Pixels that a file of any length may hold: 12,582,912, such as 4096×3072.
pub const FREE_PIXELS: u64 = 3 << 22;

fn default_pixels_per_byte() -> u64 {
    256
}

impl Limits {
    /// Limits that let through what either of two lets through.
    #[must_use]
    pub fn or(&self, other: &Limits) -> Limits {
        Limits {
            max_side: self.max_side.max(other.max_side),
            max_pixels: self.max_pixels.max(other.max_pixels),
            max_pixels_per_byte: self.max_pixels_per_byte.max(other.max_pixels_per_byte),
            max_file_bytes: self.max_file_bytes.max(other.max_file_bytes),
            max_decoder_bytes: self.max_decoder_bytes.max(other.max_decoder_bytes),
            max_scans: self.max_scans.max(other.max_scans),
            memory: self.memory.max(other.memory),
        }
    }

    /// The same limits for a run that may take `memory` bytes.
    #[must_use]
    pub fn within(&self, memory: u64) -> Limits {
        Limits { memory: self.memory.min(memory), ..self.clone() }
    }

    /// Checks a picture's announced size, in pixels.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] over `max_side` or `max_pixels`, [`Error::Input`] under [`MIN_SIDE`].
    pub fn check_size(&self, width: u32, height: u32) -> Result<()> {
        within("width in pixels", width.into(), self.max_side.into(), "max_side")?;
        within("height in pixels", height.into(), self.max_side.into(), "max_side")?;
        let pixels = u64::from(width) * u64::from(height);
        within("number of pixels", pixels, self.max_pixels, "max_pixels")?;
        check_least_size(width, height)
    }

    /// Checks the pixels that decoding works through for a file of `bytes` bytes: those of the picture, and more where
    /// a file has them decoded more than once.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] over `max_pixels_per_byte` where it is asked for.
    pub fn check_density(&self, pixels: u64, bytes: u64) -> Result<()> {
        let most = self.max_pixels_per_byte.saturating_mul(bytes).max(FREE_PIXELS);
        within("number of pixels for its bytes", pixels, most, "max_pixels_per_byte")
    }

    /// Checks an encoded file's length, in bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] over `max_file_bytes` or `memory`.
    pub fn check_file_bytes(&self, bytes: u64) -> Result<()> {
        within("file size in bytes", bytes, self.max_file_bytes, "max_file_bytes")?;
        self.within_memory("file size in bytes", bytes)
    }

    /// Checks the memory that decoding is about to take, in bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] over `max_decoder_bytes` or `memory`.
    pub fn check_decoder_bytes(&self, bytes: u64) -> Result<()> {
        within("memory to decode in bytes", bytes, self.max_decoder_bytes, "max_decoder_bytes")?;
        self.within_memory("memory to decode in bytes", bytes)
    }

    /// Checks the number of scans found so far in a JPEG of this size in pixels and `bytes` bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] over `max_scans`, or over what `max_pixels` or `max_pixels_per_byte` leave for a picture of this size.
    pub fn check_scans(&self, scans: usize, width: u32, height: u32, bytes: u64) -> Result<()> {
        let scans = scans as u64;
        within("number of scans", scans, self.max_scans.into(), "max_scans")?;
        let pixels = (u64::from(width) * u64::from(height)).max(1);
        let most = self.max_pixels.saturating_mul(SCANNED_TIMES) / pixels;
        within("number of scans for its size", scans, most, "max_pixels")?;
        self.check_density((pixels.saturating_mul(scans) / FREE_SCANS).max(pixels), bytes)
    }

    /// Checks the pixels of all frames of a file of `bytes` bytes, as far as they were looked at.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] over [`FRAMED_TIMES`] × `max_pixels`, or over `max_pixels_per_byte` with [`FRAMES_AS_ONE`] frames for one.
    pub(crate) fn check_frames(&self, pixels: u64, bytes: u64) -> Result<()> {
        let most = self.max_pixels.saturating_mul(FRAMED_TIMES);
        within("number of pixels of all frames", pixels, most, "max_pixels")?;
        self.check_density(pixels / FRAMES_AS_ONE, bytes)
    }

    /// The error for a decoder that says by itself that it would take more than `max_decoder_bytes`, and not how much.
    pub(crate) fn over_decoder_bytes(&self) -> Error {
        let limit = self.max_decoder_bytes;
        let actual = limit.saturating_add(1);
        Error::Limit { what: "memory to decode in bytes", actual, limit, field: Some("max_decoder_bytes") }
    }

    /// Holds bytes against `memory`, which is the machine's own limit unless the run lowered it.
    fn within_memory(&self, what: &'static str, actual: u64) -> Result<()> {
        let field = (self.memory < machine_memory()).then_some("memory");
        let limit = self.memory;
        if actual > limit { Err(Error::Limit { what, actual, limit, field }) } else { Ok(()) }
    }
}

/// Asks the system for memory and gives it back: many decoders end the whole process where they get none, so whether there is any is
/// tried before. A little always is.
pub(crate) fn can_be_had(bytes: u64) -> Result<()> {
    const LITTLE: u64 = 16 << 20;
    if bytes <= LITTLE {
        return Ok(());
    }
    let length = usize::try_from(bytes).map_err(|_| refused(bytes))?;
    Vec::<u8>::new().try_reserve_exact(length).map_err(|_| refused(bytes))
}

/// The error for memory that the system refused: `bytes` more.
pub(crate) fn refused(bytes: u64) -> Error {
    let limit = memory_left().min(bytes.saturating_sub(1));
    Error::Limit { what: "memory to decode in bytes", actual: bytes, limit, field: None }
}

/// Checks that a picture is not under [`MIN_SIDE`] pixels per side.
pub(crate) fn check_least_size(width: u32, height: u32) -> Result<()> {
    if width < MIN_SIDE || height < MIN_SIDE {
        return Err(Error::Input(format!(
            "the picture is {width}×{height} pixels; signatures are defined from {MIN_SIDE}×{MIN_SIDE} up"
        )));
    }
    Ok(())
}

fn within(what: &'static str, actual: u64, limit: u64, field: &'static str) -> Result<()> {
    if actual > limit {
        return Err(Error::Limit { what, actual, limit, field: Some(field) });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_is_not_there_is_a_limit() {
        assert!(can_be_had(64 << 20).is_ok());
        for bytes in [1 << 60, u64::MAX] {
            assert_eq!(can_be_had(bytes).unwrap_err().code(), "limit");
        }
    }
}

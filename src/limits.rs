//! How large an input may be, checked before memory is taken for it.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The largest inputs that are let through.
///
/// The defaults pass the 200-megapixel photographs of today's telephones and stop decompression
/// bombs; raise them for other archives. Every check runs on what a file's header announces, before a buffer
/// of that size exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Longest side, in pixels. Default 65,535, the most that a JPEG can announce.
    pub max_side: u32,
    /// Width × height, in pixels. Default 268,435,456 (2²⁸).
    pub max_pixels: u64,
    /// Length of the encoded file, in bytes. Default 1 GiB.
    pub max_file_bytes: u64,
    /// Memory that decoding one picture may take, in bytes, its pixels included. Default 3 GiB.
    pub max_decoder_bytes: u64,
    /// Scans of one progressive JPEG. Default 500: real files have about ten, bombs thousands. Every scan visits the
    /// whole picture, so scans × pixels may in no case exceed [`SCANNED_TIMES`] × `max_pixels`.
    pub max_scans: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_side: 65_535,
            max_pixels: 1 << 28,
            max_file_bytes: 1 << 30,
            max_decoder_bytes: 3 << 30,
            max_scans: 500,
        }
    }
}

/// Sides shorter than this cannot be hashed: both algorithms' definitions end here.
pub const MIN_SIDE: u32 = 5;

/// How often the largest picture that is let through may be scanned.
pub const SCANNED_TIMES: u64 = 32;

impl Limits {
    /// Limits that let through what either of two lets through.
    #[must_use]
    pub fn or(&self, other: &Limits) -> Limits {
        Limits {
            max_side: self.max_side.max(other.max_side),
            max_pixels: self.max_pixels.max(other.max_pixels),
            max_file_bytes: self.max_file_bytes.max(other.max_file_bytes),
            max_decoder_bytes: self.max_decoder_bytes.max(other.max_decoder_bytes),
            max_scans: self.max_scans.max(other.max_scans),
        }
    }

    /// Checks a picture's announced size, in pixels.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] over `max_side` or `max_pixels`, [`Error::Input`] under [`MIN_SIDE`].
    pub fn check_size(&self, width: u32, height: u32) -> Result<()> {
        within("width in pixels", width.into(), self.max_side.into(), "--max-side")?;
        within("height in pixels", height.into(), self.max_side.into(), "--max-side")?;
        let pixels = u64::from(width) * u64::from(height);
        within("number of pixels", pixels, self.max_pixels, "--max-pixels")?;
        check_least_size(width, height)
    }

    /// Checks an encoded file's length, in bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] over `max_file_bytes`.
    pub fn check_file_bytes(&self, bytes: u64) -> Result<()> {
        within("file size in bytes", bytes, self.max_file_bytes, "--max-file-bytes")
    }

    /// Checks the memory that decoding is about to take, in bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] over `max_decoder_bytes`.
    pub fn check_decoder_bytes(&self, bytes: u64) -> Result<()> {
        within("memory to decode in bytes", bytes, self.max_decoder_bytes, "--max-decoder-bytes")
    }

    /// Checks the number of scans found so far in a JPEG of this size in pixels.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] over `max_scans`, or over what `max_pixels` leaves for a picture of this size.
    pub fn check_scans(&self, scans: usize, width: u32, height: u32) -> Result<()> {
        within("number of scans", scans as u64, self.max_scans.into(), "--max-scans")?;
        let pixels = (u64::from(width) * u64::from(height)).max(1);
        let most = self.max_pixels.saturating_mul(SCANNED_TIMES) / pixels;
        within("number of scans for its size", scans as u64, most, "--max-pixels")
    }
}

/// Checks that a picture is not under [`MIN_SIDE`] pixels a side.
pub(crate) fn check_least_size(width: u32, height: u32) -> Result<()> {
    if width < MIN_SIDE || height < MIN_SIDE {
        return Err(Error::Input(format!(
            "the picture is {width}×{height} pixels; signatures are defined from {MIN_SIDE}×{MIN_SIDE} up"
        )));
    }
    Ok(())
}

fn within(what: &'static str, actual: u64, limit: u64, option: &'static str) -> Result<()> {
    if actual > limit {
        return Err(Error::Limit { what, actual, limit, option });
    }
    Ok(())
}

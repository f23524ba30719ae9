//! Options on how pictures are decoded.

use clap::{Args, ValueEnum};
use shadegrid::{DamagedPolicy, DecodeOptions, Limits, Orient};

use super::bytes;

/// Options on how pictures are decoded.
#[derive(Debug, Args)]
#[command(next_help_heading = "Decoding options")]
pub(crate) struct DecodeArguments {
    /// What becomes of a file that breaks off or is broken inside
    ///
    /// `hash` takes what a browser would show, flags it `damaged` and says in `decoded` which share of its rows came
    /// out whole. `refuse` makes it an error with the code `corrupt`.
    #[arg(long, value_enum, value_name = "WHAT", default_value = "hash")]
    damaged: Damaged,

    /// Whether a picture is first turned as its EXIF data says
    ///
    /// Signature lists are made from the stored pixels, so the default is not to turn.
    #[arg(long, value_enum, value_name = "WHAT", default_value = "ignore")]
    orient: Turn,

    /// Longest side that is let through, in pixels
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_side)]
    max_side: u32,

    /// Most pixels that are let through
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_pixels)]
    max_pixels: u64,

    /// Largest file that is let through
    #[arg(long, value_name = "SIZE", value_parser = bytes::parse, default_value = "1G")]
    max_file_bytes: u64,

    /// Most memory that decoding one picture may take
    #[arg(long, value_name = "SIZE", value_parser = bytes::parse, default_value = "3G")]
    max_decoder_bytes: u64,

    /// Most scans of one progressive JPEG
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_scans)]
    max_scans: u32,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Damaged {
    Hash,
    Refuse,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Turn {
    Ignore,
    Exif,
}

impl DecodeArguments {
    /// What the decoder is told.
    pub(crate) fn options(&self) -> DecodeOptions {
        let limits = Limits {
            max_side: self.max_side,
            max_pixels: self.max_pixels,
            max_file_bytes: self.max_file_bytes,
            max_decoder_bytes: self.max_decoder_bytes,
            max_scans: self.max_scans,
        };
        let orient = match self.orient {
            Turn::Ignore => Orient::Ignore,
            Turn::Exif => Orient::Exif,
        };
        let damaged = match self.damaged {
            Damaged::Hash => DamagedPolicy::Hash,
            Damaged::Refuse => DamagedPolicy::Refuse,
        };
        DecodeOptions { limits, orient, damaged }
    }
}

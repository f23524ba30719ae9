//! Options on how pictures are decoded, and whether a file is one.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::str::FromStr;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use shadegrid::decode::Frames;
use shadegrid::{Alpha, DamagedPolicy, DecodeOptions, DetailChoice, Error, Faces, Format, Limits, Orient};

use super::{bytes, numbers};

/// Options on how pictures are decoded.
#[derive(Debug, Args)]
#[command(next_help_heading = "Decoding options")]
pub(crate) struct DecodeArguments {
    /// How much of a JPEG is read: auto, scaled, full, or 1, 2, 3, 4, 6 or 8
    ///
    /// `auto` reads the low frequencies of each block, as many as the signatures need at the picture's size, and
    /// every pixel of small pictures. `scaled` never reads every pixel of a JPEG that can be read otherwise. `full`
    /// reads every pixel of every picture: slower, and the same as other tools do. A number n is the lowest
    /// n×n frequencies whatever the size. The record's `detail` says what was read.
    #[arg(long, value_name = "WHAT", default_value = "auto")]
    detail: DetailChoice,

    /// What becomes of a file that breaks off or is broken inside
    ///
    /// `hash` takes what a browser would show, flags it `damaged` and says in `decoded` which share of its rows came
    /// out whole. `refuse` makes it an error with the code `corrupt`.
    #[arg(long, value_parser = choice::<DamagedPolicy>(&["hash", "refuse"]), value_name = "WHAT", default_value = "hash")]
    damaged: DamagedPolicy,

    /// Whether a picture is first turned as its EXIF data says
    ///
    /// Signature lists are made from the stored pixels, so the default is not to turn.
    #[arg(long, value_parser = choice::<Orient>(&["ignore", "exif"]), value_name = "WHAT", default_value = "ignore")]
    orient: Orient,

    /// Which of the pictures that a file shows are hashed
    ///
    /// The signatures of a record are of the stored pixels, as those of lists are. Where viewers show something else (through
    /// transparency, a colour profile, as an animation), `all` hashes that too, into the record's `faces`, and they are looked up
    /// like the record's own. `stored` leaves them out. `shown` puts what is shown in the place of the stored pixels, and the record's
    /// `face` says what that is.
    #[arg(long, value_parser = choice::<Faces>(&["all", "stored", "shown"]), value_name = "WHICH", default_value = "all")]
    faces: Faces,

    /// What pixels that are not opaque count as
    ///
    /// `drop` hashes the colours that they store, as lists are made. `white` and `black` put such a picture over that colour, as most pages and as many viewers show it, and the
    /// record's `face` says so. What else it shows stays among its `faces`.
    #[arg(long, value_parser = choice::<Alpha>(&["drop", "white", "black"]), value_name = "WHAT", default_value = "drop")]
    alpha: Alpha,

    /// Longest side that is let through, in pixels
    #[arg(long, value_name = "N", value_parser = numbers::positive_u32, default_value_t = Limits::default().max_side)]
    max_side: u32,

    /// Most pixels that are let through
    #[arg(long, value_name = "N", value_parser = numbers::positive, default_value_t = Limits::default().max_pixels)]
    max_pixels: u64,

    /// Most pixels for each byte of a file, asked of pictures over 12.6 megapixels
    ///
    /// A picture costs what its pixels cost, and one of nothing but background fits into a few bytes. Photographs have up to 43 pixels per byte.
    #[arg(long, value_name = "N", value_parser = numbers::positive, default_value_t = Limits::default().max_pixels_per_byte)]
    max_pixels_per_byte: u64,

    /// Largest file that is let through
    #[arg(long, value_name = "SIZE", value_parser = bytes::parse, default_value = "1G")]
    max_file_bytes: u64,

    /// Most memory that decoding one picture may take
    #[arg(long, value_name = "SIZE", value_parser = bytes::parse, default_value = "3G")]
    max_decoder_bytes: u64,

    /// Most scans of one progressive JPEG
    #[arg(long, value_name = "N", value_parser = numbers::positive_u32, default_value_t = Limits::default().max_scans)]
    max_scans: u32,
}

/// Which frames of a file are hashed, where one input may give several records.
#[derive(Debug, Args)]
#[command(next_help_heading = "Decoding options")]
pub(crate) struct FrameArguments {
    /// Which frames of an animation, pages of a TIFF and pictures of an icon or a JPEG are hashed: first, all, or at most N
    ///
    /// The first one's record is as ever. Each further one has a record of its own, whose key ends with `#frame-` and its number: `cat.gif#frame-7` is the eighth picture
    /// that a viewer shows. N frames are spread evenly, the first and the last among them. The first frame of an animation that is broken has a
    /// record with an error, and those behind it have none. At most 4,096 frames of a file are hashed, and no more than --max-pixels
    /// (four times as many) and --max-pixels-per-byte let through; what is left has one record with the code `limit`.
    #[arg(long, value_name = "first|all|N", default_value = "first")]
    frames: Frames,
}

impl FrameArguments {
    /// Whether none but the first are asked for.
    pub(crate) fn is_first(&self) -> bool {
        self.frames == Frames::First
    }

    /// The same decoding, with these frames.
    pub(crate) fn of(&self, options: DecodeOptions) -> DecodeOptions {
        options.frames(self.frames)
    }
}

/// A choice of the library's by its name; these are the names, for the help.
fn choice<T: FromStr<Err = Error> + Clone + Send + Sync + 'static>(
    names: &'static [&'static str],
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(names).try_map(|name| name.parse())
}

impl DecodeArguments {
    /// Which faces of a file are hashed.
    pub(crate) fn faces(&self) -> Faces {
        self.faces
    }

    /// What pixels that are not opaque count as.
    pub(crate) fn alpha(&self) -> Alpha {
        self.alpha
    }

    /// The decoder's options.
    pub(crate) fn options(&self) -> DecodeOptions {
        let limits = Limits::default()
            .max_side(self.max_side)
            .max_pixels(self.max_pixels)
            .max_pixels_per_byte(self.max_pixels_per_byte)
            .max_file_bytes(self.max_file_bytes)
            .max_decoder_bytes(self.max_decoder_bytes)
            .max_scans(self.max_scans);
        DecodeOptions::default().limits(limits).orient(self.orient).damaged(self.damaged).detail(self.detail)
    }
}

/// Whether a file is a picture by its first bytes.
pub(crate) fn is_picture(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(Format::SNIFFED as u64).read_to_end(&mut head));
    read.is_ok() && Format::sniff(&head).is_some()
}

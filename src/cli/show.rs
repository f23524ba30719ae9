//! `shadegrid show`: what signatures see of pictures.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::{Args, ColorChoice};
use shadegrid::{Algorithm, DetailChoice, Error, HashOptions, Orientation};

use super::compare::{self, Pair, Side};
use super::exit::Exit;
use super::output::{Kind, Overwrite, Reads, Target};
use super::pictures::DecodeArguments;
use super::{bar, console, places};

mod canvas;
mod drawing;
mod panels;
mod sheet;
mod terminal;

pub(crate) use canvas::Canvas;

use panels::Shown;
use terminal::Ink;

/// Show what signatures see of a picture
///
/// Draws each picture small, the 26×26 points of shading that the PhotoDNA-class signature is made of, the 6×6×4 gradients that it
/// keeps, and PDQ's 16×16 bits. In a gradient cell, four arms show how much the picture gets brighter towards each side, and an arrow the
/// whole of it. A bit is white where a frequency of the 64×64 points of luminance is above the median. Two are drawn next to one another, and what they differ in: white
/// where they differ most, which is said in numbers.
///
/// A signature is given as text, as `compare` takes it, and shows what it holds. In a terminal the drawings
/// are made of half-blocks: in 24-bit colour where COLORTERM says so, in 256 colours where TERM does, else in shades of characters. `--color always` brings colours into a pipe.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Pictures' paths and URLs, `-` for one on standard input, or signatures
    #[arg(value_name = "PICTURE", required = true, value_parser = places::parser())]
    inputs: Vec<OsString>,

    /// Write a page instead of drawing in the terminal
    #[arg(long, value_name = "FILE", conflicts_with = "png")]
    html: Option<PathBuf>,

    /// Write a picture of the drawings instead
    #[arg(long, value_name = "FILE")]
    png: Option<PathBuf>,

    #[command(flatten)]
    overwrite: Overwrite,

    #[command(flatten)]
    decode: DecodeArguments,
}

const EXAMPLES: &str = "\
Examples:
  shadegrid show photo.jpg
  shadegrid show original.jpg copy.jpg --html difference.html
  shadegrid show f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22

Exit codes:
    0  shown
    1  wrong usage, or the page could not be written
    2  an input could not be read or decoded; the others are shown";

/// Columns of a text that is for no terminal.
const USUAL: usize = 80;

/// Longest side of a picture on a page, in pixels.
const LONGEST: u32 = 320;

/// Runs the subcommand.
pub(crate) fn run(arguments: &Arguments, color: ColorChoice) -> Result<Exit, Error> {
    if arguments.inputs.iter().filter(|input| *input == "-").count() > 1 {
        return Err(Error::Input("`-` is given twice, but standard input can be read only once".to_string()));
    }
    let target = arguments.target()?;
    let mut sides = Vec::new();
    for input in &arguments.inputs {
        match arguments.side(input)? {
            Ok(side) => sides.push((input, side)),
            Err(error) => console::say(error),
        }
    }
    let shown: Vec<Shown> = sides.iter().map(|(name, side)| Shown::new(name, side)).collect();
    let differences = match &sides[..] {
        [(name_a, a), (name_b, b)] => {
            let [name_a, name_b] = [name_a, name_b].map(|name| name.to_string_lossy());
            let pair = Pair::new((&name_a, a), (&name_b, b), &Orientation::ALL[..1]);
            Some((shown[0].differences(&shown[1]), pair))
        }
        _ => None,
    };
    match target {
        _ if shown.is_empty() => {}
        None => {
            let ink = Ink::of_output(color);
            // What goes elsewhere does not depend on the terminal that it came from.
            let room = if std::io::stdout().is_terminal() { bar::columns() } else { USUAL };
            console::print(&terminal::text(&shown, differences.as_ref(), ink, room))?;
        }
        Some(target) if arguments.html.is_some() => {
            target.write(&sheet::page(&shown, differences.as_ref())?)?;
        }
        Some(target) => sheet::picture(&shown, differences.as_ref())?.write(target)?,
    }
    Ok(if shown.len() < arguments.inputs.len() { Exit::SomeFailed } else { Exit::Done })
}

impl Arguments {
    /// Where the page or the picture goes.
    fn target(&self) -> Result<Option<Target>, Error> {
        let reads = Reads::of(&self.inputs);
        let page = self.html.as_deref().map(|path| (path, Kind::Sheet));
        let file = page.or(self.png.as_deref().map(|path| (path, Kind::Drawing)));
        file.map(|(path, kind)| self.overwrite.check(Some(path), kind, &reads)).transpose()
    }

    /// A picture with what is drawn of it, or a signature.
    fn side(&self, input: &OsString) -> Result<Result<Side, String>, Error> {
        let options = compare::options(&self.decode, &Algorithm::ALL).shading(true).thumbnail(Some(LONGEST));
        let side = Side::read(input, &options)?;
        let Ok(Side::Picture(mut hashed)) = side else { return Ok(side) };
        // Signatures are those of `hash`, which rarely reads the colours of a JPEG.
        if input != "-" {
            let decode = self.decode.options().detail(DetailChoice::Full);
            let coloured = HashOptions::default()
                .algorithms(vec![Algorithm::Pdq])
                .decode(decode)
                .thumbnail(Some(LONGEST));
            if let Ok(Side::Picture(coloured)) = Side::read(input, &coloured)? {
                hashed.thumbnail = coloured.thumbnail.or(hashed.thumbnail);
            }
        }
        Ok(Ok(Side::Picture(hashed)))
    }
}

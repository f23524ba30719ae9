//! `shadegrid compare`: how far apart pictures or signatures are.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use shadegrid::{Algorithm, Error, HashOptions, Orientation};

use super::exit::Exit;
use super::output::{Kind, OutputFormat, Overwrite, Reads, refuse_others};
use super::pictures::DecodeArguments;
use super::{console, places};

mod distance;
mod lines;
mod pair;
mod side;

use lines::{Format, Lines};
pub(super) use pair::Pair;
pub(super) use side::Side;

/// Compare pictures and signatures, two or more, each with each
///
/// Prints every distance that two allow, with the threshold that the field usually takes. Smaller is closer; a
/// distance up to the threshold is called a match. A match is a lead for a person to look at, not proof.
///
/// A signature is given as text: PhotoDNA-class as base64, hexadecimal or 144 integers with commas between, PDQ as 64
/// hexadecimal digits. A file of that name goes first. A PDQ signature does not say in which convention it was
/// made, so a picture is compared with it in both. Where a file shows further faces (see `hash --faces`), one more row
/// per algorithm names the two that are nearest.
///
/// Of three or more, the table has one line for each two, with the least distance of each algorithm; CSV and JSON lines have all of them. To find
/// what looks the same among many, use `dedupe`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A picture's path or URL, `-` for one on standard input, or a signature
    #[arg(value_name = "A", value_parser = places::parser())]
    a: OsString,

    /// The others
    #[arg(value_name = "B", required = true, value_parser = places::parser())]
    others: Vec<OsString>,

    /// Signatures to compare, with commas between: photodna, pdq, pdq-512
    #[arg(short, long, value_name = "LIST", value_delimiter = ',', default_value = "photodna,pdq,pdq-512")]
    algorithm: Vec<Algorithm>,

    /// Compare as they are, or with the second of two turned and mirrored in all eight ways
    #[arg(long, value_enum, value_name = "WHICH", default_value = "upright")]
    orientations: Orientations,

    /// Write to a file instead of standard output (`-`)
    #[arg(short, long = "out", visible_alias = "output", value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    overwrite: Overwrite,

    /// How distances are written [default: by the ending of FILE, .jsonl or .csv; else table]
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// The same as --format jsonl
    #[arg(long, conflicts_with = "format")]
    json: bool,

    #[command(flatten)]
    decode: DecodeArguments,
}

const EXAMPLES: &str = "\
Examples:
  shadegrid compare a.jpg b.jpg
  shadegrid compare a.jpg b.jpg --orientations all --json
  shadegrid compare a.jpg b.jpg c.jpg --algorithm pdq -o distances.csv
  shadegrid compare a.jpg f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22

Exit codes:
    0  compared, at whatever distance
    1  wrong usage, or signatures of different kinds alone
    2  an input could not be read or decoded; of three or more, the others are compared";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Orientations {
    Upright,
    All,
}

/// Runs the subcommand.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Error> {
    let names: Vec<&OsString> = std::iter::once(&arguments.a).chain(&arguments.others).collect();
    if names.iter().filter(|name| **name == "-").count() > 1 {
        return Err(Error::Input("`-` is given twice, but standard input can be read only once".to_string()));
    }
    let format = arguments.format()?;
    let reads = Reads::of(&names);
    let target = arguments.overwrite.check(arguments.output.as_deref(), Kind::Distances, &reads)?;
    let read = Side::read_all(names.iter().copied(), &options(&arguments.decode, &arguments.algorithm))?;
    let mut sides = Vec::new();
    for (place, (name, side)) in names.iter().zip(read).enumerate() {
        match side {
            Ok(side) => sides.push((called(place, name, &side), side)),
            Err(error) => console::say(error),
        }
    }
    let has_failures = sides.len() < names.len();
    if sides.len() < 2 {
        return Ok(Exit::SomeFailed);
    }
    let pairs = || arguments.pairs(&sides);
    if pairs().all(|pair| pair.distances.is_empty()) {
        let message = "there is no distance between them: one signature is PhotoDNA-class, the other PDQ, or --algorithm leaves nothing";
        return Err(Error::Input(message.to_string()));
    }
    let (output, to) = target.begin()?;
    let mut lines = Lines::new(format, sides.iter().map(|(name, _)| name.as_str()), names.len(), to)?;
    pairs().try_for_each(|pair| lines.write(&pair))?;
    lines.finish()?;
    output.complete()?;
    Ok(if has_failures { Exit::SomeFailed } else { Exit::Done })
}

impl Arguments {
    /// As asked for, or as the file's name says.
    fn format(&self) -> Result<Format, Error> {
        let asked = self.format.or(self.json.then_some(Format::Jsonl));
        match self.output.as_deref().and_then(|path| Some((path, OutputFormat::of_name(path)?))) {
            Some((path, named)) => Format::of(named, asked, path),
            None => {
                self.output.iter().filter(|_| asked.is_none()).try_for_each(|path| refuse_others(path))?;
                Ok(asked.unwrap_or(Format::Table))
            }
        }
    }

    /// Each two, in the order of the arguments.
    fn pairs<'a>(&'a self, sides: &'a [(String, Side)]) -> impl Iterator<Item = Pair> + 'a {
        let orientations = match self.orientations {
            Orientations::Upright => &Orientation::ALL[..1],
            Orientations::All => &Orientation::ALL[..],
        };
        let pair = move |(place, (name, side)): (usize, &'a (String, Side))| {
            let behind = &sides[place + 1..];
            behind.iter().map(move |(other_name, other)| {
                let mut pair = Pair::new((name, side), (other_name, other), orientations);
                pair.distances.retain(|of| self.algorithm.iter().any(|asked| asked.name() == of.algorithm));
                pair
            })
        };
        sides.iter().enumerate().flat_map(pair)
    }
}

/// What a side is called: a signature by its place, since it is long, and says nothing to who reads it.
fn called(place: usize, name: &OsStr, side: &Side) -> String {
    match side {
        Side::Picture(_) => name.to_string_lossy().into_owned(),
        Side::PhotoDna(_) | Side::Pdq(_) => format!("signature {}", place + 1),
    }
}

/// These signatures, in all orientations.
pub(super) fn options(decode: &DecodeArguments, algorithms: &[Algorithm]) -> HashOptions {
    HashOptions::default()
        .algorithms(algorithms.to_vec())
        .orientations(true)
        .decode(decode.options())
        .faces(decode.faces())
        .alpha(decode.alpha())
}

//! Options on what counts as a match, and how matches are reported.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::Serialize;
use shadegrid::gallery::{Gallery, SearchOptions};
use shadegrid::{Algorithm, Error};

use super::numbers;

/// Options on what counts as a match.
#[derive(Debug, Args)]
#[command(next_help_heading = "Matching options")]
pub(crate) struct LookupArguments {
    /// Signatures that are looked up, with a comma between: photodna, pdq
    #[arg(short, long, value_name = "LIST", value_delimiter = ',', default_value = "photodna,pdq")]
    algorithm: Vec<Algorithm>,

    /// Largest distances that match, such as photodna=40000,pdq=31 (which are the defaults)
    ///
    /// PhotoDNA-class distances are squared Euclidean, as lists and papers give them: 40000 is what a tool that takes the root calls 200. PDQ's count
    /// differing bits, from 0 to 256. A match is a lead for a person to look
    /// at, not proof; the larger the threshold the more strangers match.
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = threshold)]
    threshold: Vec<(Algorithm, u32)>,

    /// An entry counts only where both its signatures are within these distances, such as photodna=62500,pdq=90
    ///
    /// The two signatures err on different pictures, so both together allow wider thresholds with fewer strangers.
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = threshold, conflicts_with = "threshold")]
    joint: Vec<(Algorithm, u32)>,

    /// The K nearest entries for each signature; without --threshold at any distance
    #[arg(long, value_name = "K", value_parser = numbers::positive_usize)]
    nearest: Option<usize>,

    /// Look pictures up as they are, or turned and mirrored in all eight ways
    #[arg(long, value_enum, value_name = "WHICH", default_value = "upright")]
    orientations: Orientations,

    /// PDQ signatures under this quality, on either side, do not match
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = numbers::quality)]
    quality_min: u8,

    /// PhotoDNA-class signatures of nearly flat pictures match too
    ///
    /// They are mostly noise, and match one another at random.
    #[arg(long)]
    include_flat: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Orientations {
    Upright,
    All,
}

/// `photodna=40000`, or as the service has it, `photodna:40000`.
fn threshold(text: &str) -> Result<(Algorithm, u32), String> {
    let Some((name, number)) = text.split_once(['=', ':']) else {
        return Err(
            "expected an algorithm and its largest distance, such as photodna=40000 or pdq=31".to_string()
        );
    };
    let algorithm = match name.trim().parse() {
        Ok(algorithm @ (Algorithm::PhotoDna | Algorithm::Pdq)) => algorithm,
        _ => return Err(format!("{name:?} has no threshold: the choice is photodna or pdq")),
    };
    let largest = furthest(algorithm);
    let number = numbers::count(number.trim()).ok().and_then(|number| number.try_into().ok());
    let unit = if algorithm == Algorithm::Pdq { "differing bits" } else { "a squared Euclidean distance" };
    let number = number.filter(|number| *number <= largest);
    Ok((algorithm, number.ok_or_else(|| format!("expected {unit} from 0 to {largest} behind {name}="))?))
}

/// The largest distance that two signatures of a kind can have.
fn furthest(algorithm: Algorithm) -> u32 {
    if algorithm == Algorithm::PhotoDna { 144 * 255 * 255 } else { 256 }
}

impl LookupArguments {
    /// The library's options.
    pub(crate) fn options(&self) -> Result<SearchOptions, Error> {
        if self.algorithm.contains(&Algorithm::Pdq512) {
            return Err(Error::Input("galleries hold photodna and pdq signatures, not pdq-512".to_string()));
        }
        let joint = !self.joint.is_empty();
        let unlimited = self.nearest.is_some() && !joint && self.threshold.is_empty();
        let given = if joint { &self.joint } else { &self.threshold };
        for algorithm in [Algorithm::PhotoDna, Algorithm::Pdq] {
            if given.iter().filter(|(of, _)| *of == algorithm).count() > 1 {
                let option = if joint { "--joint" } else { "--threshold" };
                return Err(Error::Input(format!("{option} says {algorithm} twice; give it one distance")));
            }
        }
        let largest = |algorithm: Algorithm| {
            let given = given.iter().find(|(of, _)| *of == algorithm).map(|(_, threshold)| *threshold);
            let usual = if unlimited { u32::MAX } else { algorithm.threshold() };
            (joint || self.algorithm.contains(&algorithm)).then_some(given.unwrap_or(usual))
        };
        Ok(SearchOptions::default()
            .photodna(largest(Algorithm::PhotoDna))
            .pdq(largest(Algorithm::Pdq))
            .joint(joint)
            .nearest(self.nearest)
            .all_orientations(self.all_orientations())
            .include_flat(self.include_flat)
            .quality_min(self.quality_min))
    }

    /// Whether all eight orientations are looked up.
    pub(crate) fn all_orientations(&self) -> bool {
        self.orientations == Orientations::All
    }

    /// The signatures that pictures need.
    pub(crate) fn algorithms(&self) -> Vec<Algorithm> {
        if self.joint.is_empty() { self.algorithm.clone() } else { vec![Algorithm::PhotoDna, Algorithm::Pdq] }
    }
}

/// Opens galleries and, unless asked to trust them, checks every byte.
pub(crate) fn open(paths: &[PathBuf], trusted: bool) -> Result<Vec<Gallery>, Error> {
    paths.iter().map(|path| open_one(path, trusted)).collect()
}

/// Opens one gallery.
pub(crate) fn open_one(path: &Path, trusted: bool) -> Result<Gallery, Error> {
    let gallery = Gallery::open(path).and_then(|gallery| {
        if !trusted {
            gallery.verify()?;
        }
        Ok(gallery)
    });
    named(path, gallery)
}

/// Opens a gallery for a look at its own description.
pub(crate) fn glance(path: &Path) -> Result<Gallery, Error> {
    named(path, Gallery::map(path))
}

/// An outcome whose error says which file it is about.
pub(crate) fn named<T>(path: &Path, outcome: Result<T, Error>) -> Result<T, Error> {
    outcome.map_err(|error| match error {
        Error::Io { .. } => error,
        Error::Unsupported(message) => Error::Unsupported(format!("{}: {message}", path.display())),
        Error::Input(message) if message.contains("is not a gallery") => Error::Input(format!(
            "{}: {message}; `shadegrid gallery build` makes one of lists and records",
            path.display()
        )),
        other => Error::Input(format!("{}: {other}", path.display())),
    })
}

/// As many threads as asked for, or as the machine runs at once.
pub(crate) fn threads(asked: Option<NonZeroUsize>) -> NonZeroUsize {
    asked.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN)
}

/// What galleries are called in records.
pub(crate) fn names(paths: &[PathBuf]) -> Vec<String> {
    paths.iter().map(|path| path.to_string_lossy().into_owned()).collect()
}

/// Any value as one line of JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::io("cannot write JSON", error.into()))
}

//! `shadegrid compare`: how far apart two pictures or signatures are.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::io;
use std::path::Path;

use clap::{Args, ValueEnum};
use serde::Serialize;
use shadegrid::pipeline::{InputOptions, Record, Sink, Source, read};
use shadegrid::{
    Algorithm, Engine, Error, Flag, HashOptions, Hashed, Orientation, Pdq, PdqHash, PhotoDna, PhotoDnaHash,
    RunOptions, decode,
};

use super::exit::Exit;
use super::page::without_query;
use super::pictures::DecodeArguments;
use super::places::is_url;
use super::{console, places};

/// Compare two pictures, two signatures, or one of each
///
/// Prints every distance that the two allow, with the threshold that the field usually takes. Smaller is closer; a
/// distance up to the threshold is called a match. A match is a lead for a person to look at, not proof.
///
/// A signature is given as text: PhotoDNA-class as base64, hexadecimal or 144 integers with commas between, PDQ as 64
/// hexadecimal digits. A file of that name goes first. A PDQ signature does not say in which convention it was
/// made, so a picture is compared with it in both. Where a file shows further faces (see `hash --faces`), one more row
/// per algorithm names the two that are nearest.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A picture's path or URL, `-` for one on standard input, or a signature
    #[arg(value_name = "A", value_parser = places::parser())]
    a: OsString,

    /// The other one
    #[arg(value_name = "B", value_parser = places::parser())]
    b: OsString,

    /// Compare B as it is, or turned and mirrored in all eight ways
    #[arg(long, value_enum, value_name = "WHICH", default_value = "upright")]
    orientations: Orientations,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    decode: DecodeArguments,
}

const EXAMPLES: &str = "\
Examples:
  shadegrid compare a.jpg b.jpg
  shadegrid compare a.jpg b.jpg --orientations all --json
  shadegrid compare a.jpg f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22

Exit codes:
    0  compared, at whatever distance
    1  wrong usage, or two signatures of different kinds
    2  an input could not be read or decoded";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Orientations {
    Upright,
    All,
}

/// PDQ's authors advise against matching signatures under this quality.
const USABLE_QUALITY: u8 = 50;

/// Runs the subcommand.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Error> {
    if arguments.a == "-" && arguments.b == "-" {
        return Err(Error::Input("`-` is given twice, but standard input can be read only once".to_string()));
    }
    let options = options(&arguments.decode);
    let (a, b) = match (Side::read(&arguments.a, &options)?, Side::read(&arguments.b, &options)?) {
        (Ok(a), Ok(b)) => (a, b),
        (a, b) => {
            [a.err(), b.err()].into_iter().flatten().for_each(console::say);
            return Ok(Exit::SomeFailed);
        }
    };
    let orientations = match arguments.orientations {
        Orientations::Upright => &Orientation::ALL[..1],
        Orientations::All => &Orientation::ALL[..],
    };
    let comparison = Comparison::new((&arguments.a, &a), (&arguments.b, &b), orientations);
    if comparison.distances.is_empty() {
        let message = "one signature is PhotoDNA-class, the other PDQ: there is no distance between them";
        return Err(Error::Input(message.to_string()));
    }
    console::print(&if arguments.json { comparison.json()? } else { comparison.table() })?;
    Ok(Exit::Done)
}

/// One side of the comparison.
pub(super) enum Side {
    Picture(Box<Hashed>),
    PhotoDna(PhotoDna),
    Pdq(Pdq),
}

/// Every signature, in all orientations.
pub(super) fn options(decode: &DecodeArguments) -> HashOptions {
    let algorithms = Algorithm::ALL.to_vec();
    HashOptions::default()
        .algorithms(algorithms)
        .orientations(true)
        .decode(decode.options())
        .faces(decode.faces())
        .alpha(decode.alpha())
}

impl Side {
    /// The picture or signature that an argument names; the inner error says why the picture has no signature.
    pub(super) fn read(argument: &OsStr, options: &HashOptions) -> Result<Result<Side, String>, Error> {
        let signature = argument.to_str().and_then(signature);
        if let Some(signature) = signature.filter(|_| !Path::new(argument).exists()) {
            return Ok(Ok(signature));
        }
        let source = match argument {
            _ if argument == "-" => Source::stream("-", io::stdin()),
            _ if is_url(argument) && !Path::new(argument).exists() => {
                let name = without_query(&argument.to_string_lossy()).to_string();
                match read(argument, &InputOptions::default()) {
                    Ok(content) => Source::stream(name, content),
                    Err(error) => return Ok(Err(format!("shadegrid: {name}: cannot read: {error}"))),
                }
            }
            _ => Source::file(argument),
        };
        let mut last = Last(None);
        let engine = Engine::builder().threads(1).options(options.clone()).build()?;
        engine.run_into([source], &mut last, &RunOptions::default())?;
        Ok(last.0.unwrap_or_else(|| Err("no picture".to_string())).map(|hashed| Side::Picture(hashed.into())))
    }
}

fn signature(text: &str) -> Option<Side> {
    let photodna = text.parse().map(Side::PhotoDna);
    photodna.or_else(|_| text.parse().map(Side::Pdq)).ok()
}

/// Keeps the last record's content.
struct Last(Option<Result<Hashed, String>>);

impl Sink for Last {
    fn write(&mut self, record: &Record) -> Result<(), Error> {
        let error =
            |error: &Error| format!("shadegrid: {}: {}", record.key.display(), console::explained(error));
        self.0 = Some(record.outcome.as_ref().map(Hashed::clone).map_err(error));
        Ok(())
    }
}

/// A picture of a side by its signatures, or a signature by itself.
struct Face {
    /// The face's name, `stored` for the stored pixels.
    name: String,
    photodna: Option<PhotoDna>,
    /// The eight orientations in each of [`CONVENTIONS`]; a bare signature stands for either.
    pdq: [Option<[Pdq; 8]>; 2],
    is_picture: bool,
}

/// PDQ's conventions.
const CONVENTIONS: [Algorithm; 2] = [Algorithm::Pdq, Algorithm::Pdq512];

impl Face {
    fn of_picture(
        name: Option<decode::Face>,
        photodna: Option<PhotoDnaHash>,
        pdq: [&Option<PdqHash>; 2],
    ) -> Face {
        Face {
            name: name.map_or_else(|| "stored".to_string(), |name| name.to_string()),
            photodna: photodna.map(|hash| hash.signature),
            pdq: pdq.map(|hash| hash.as_ref().and_then(|hash| hash.orientations)),
            is_picture: true,
        }
    }

    fn of_signature(photodna: Option<PhotoDna>, pdq: Option<Pdq>) -> Face {
        let pdq = [pdq.map(|pdq| pdq.orientations()); 2];
        Face { name: "signature".to_string(), photodna, pdq, is_picture: false }
    }
}

impl Side {
    /// What is hashed as its own, and its further faces.
    fn faces(&self) -> Vec<Face> {
        let hashed = match self {
            Side::PhotoDna(signature) => return vec![Face::of_signature(Some(*signature), None)],
            Side::Pdq(signature) => return vec![Face::of_signature(None, Some(*signature))],
            Side::Picture(hashed) => hashed,
        };
        let own = Face::of_picture(hashed.face, hashed.photodna, [&hashed.pdq, &hashed.pdq512]);
        let further = hashed.faces.iter();
        let further = further.map(|of| Face::of_picture(Some(of.face), of.photodna, [&of.pdq, &of.pdq512]));
        std::iter::once(own).chain(further).collect()
    }
}

/// A distance between the two sides.
#[derive(Serialize)]
struct Distance {
    algorithm: &'static str,
    metric: &'static str,
    orientation: &'static str,
    distance: u32,
    threshold: u32,
    within: bool,
    /// The face of each side where they are not both its own picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    faces: Option<[String; 2]>,
}

impl Distance {
    fn new(algorithm: Algorithm, orientation: Orientation, distance: u32) -> Distance {
        Distance {
            algorithm: algorithm.name(),
            metric: algorithm.metric(),
            orientation: orientation.name(),
            distance,
            threshold: algorithm.threshold(),
            within: distance <= algorithm.threshold(),
            faces: None,
        }
    }
}

/// The distances between the two sides' own pictures; where one has further faces, the least one of these too, for each algorithm.
fn distances(a: &Side, b: &Side, orientations: &[Orientation]) -> Vec<Distance> {
    let (of_a, of_b) = (a.faces(), b.faces());
    let mut own = between(&of_a[0], &of_b[0], orientations);
    let pairs =
        of_a.iter().enumerate().flat_map(|(n, a)| of_b.iter().enumerate().map(move |(m, b)| (n + m, a, b)));
    let mut further: Vec<Distance> = pairs
        .filter(|(place, ..)| *place > 0)
        .flat_map(|(_, a, b)| {
            let faces = Some([a.name.clone(), b.name.clone()]);
            between(a, b, orientations)
                .into_iter()
                .map(move |found| Distance { faces: faces.clone(), ..found })
        })
        .collect();
    // Sorting keeps the order of what is equal: of several as near, the first by name in the record.
    further.sort_by_key(|found| found.distance);
    for algorithm in Algorithm::ALL {
        let nearest = further.iter().position(|found| found.algorithm == algorithm.name());
        own.extend(nearest.map(|nearest| further.remove(nearest)));
    }
    own
}

fn between(a: &Face, b: &Face, orientations: &[Orientation]) -> Vec<Distance> {
    let mut distances = Vec::new();
    if let (Some(a), Some(b)) = (a.photodna, b.photodna) {
        let distance = |&o| Distance::new(Algorithm::PhotoDna, o, a.distance(&b.oriented(o)));
        distances.extend(orientations.iter().map(distance));
    }
    let conventions = if a.is_picture || b.is_picture { 2 } else { 1 };
    for (algorithm, (of_a, of_b)) in CONVENTIONS.into_iter().zip(a.pdq.iter().zip(&b.pdq)).take(conventions) {
        let (Some(of_a), Some(of_b)) = (of_a, of_b) else { continue };
        // A picture's orientations are closer than those of bare bits: turn A back where only A is a picture.
        let turn_a = a.is_picture && !b.is_picture;
        distances.extend(orientations.iter().map(|&orientation| {
            let distance = if turn_a {
                of_a[inverse(orientation) as usize].distance(&of_b[0])
            } else {
                of_a[0].distance(&of_b[orientation as usize])
            };
            Distance::new(algorithm, orientation, distance)
        }));
    }
    distances
}

/// What undoes `orientation`: the opposite quarter turn; all others undo themselves.
fn inverse(orientation: Orientation) -> Orientation {
    match orientation {
        Orientation::Rotate90 => Orientation::Rotate270,
        Orientation::Rotate270 => Orientation::Rotate90,
        other => other,
    }
}

/// What makes a picture's distances say less.
fn notes(name: &OsStr, side: &Side) -> Vec<String> {
    let Side::Picture(hashed) = side else { return Vec::new() };
    let mut notes: Vec<String> = hashed.flags().map(|flag| about(flag).to_string()).collect();
    for (algorithm, hash) in [(Algorithm::Pdq, &hashed.pdq), (Algorithm::Pdq512, &hashed.pdq512)] {
        if let Some(hash) = hash.as_ref().filter(|hash| hash.quality < USABLE_QUALITY) {
            notes.push(format!(
                "{algorithm} quality {}, under {USABLE_QUALITY}: not to be matched",
                hash.quality
            ));
        }
    }
    notes.iter().map(|note| format!("{}: {note}", name.display())).collect()
}

fn about(flag: Flag) -> &'static str {
    match flag {
        Flag::Flat => "flat: the photodna signature is mostly noise",
        Flag::Small => "small: a side is under 50 pixels",
        Flag::Damaged => "damaged: part of the picture is missing",
        Flag::Alpha => {
            "alpha: the picture is seen through in places, and looks otherwise on some backgrounds"
        }
        Flag::Profile => "profile: viewers show other colours, by a colour profile or gamma",
        Flag::Animated => "animated: there are further frames",
        Flag::Oriented => "oriented: viewers turn the picture",
        Flag::Unusual => "unusual: decoders may show another picture",
        Flag::Pages => "pages: there are further pages or pictures",
        _ => flag.name(),
    }
}

/// What is printed.
#[derive(Serialize)]
pub(super) struct Comparison {
    distances: Vec<Distance>,
    notes: Vec<String>,
}

impl Comparison {
    /// Every distance that the two sides allow, and what makes them say less.
    pub(super) fn new(
        (name_a, a): (&OsStr, &Side),
        (name_b, b): (&OsStr, &Side),
        orientations: &[Orientation],
    ) -> Comparison {
        let notes = [(name_a, a), (name_b, b)].into_iter().flat_map(|(name, side)| notes(name, side));
        Comparison { distances: distances(a, b, orientations), notes: notes.collect() }
    }

    fn json(&self) -> Result<String, Error> {
        let text =
            serde_json::to_string(self).map_err(|error| Error::io("cannot write JSON", error.into()))?;
        Ok(text + "\n")
    }

    /// What a page has of it: algorithm and metric, distance, threshold, and whether the one is within the other; of each distance.
    pub(super) fn rows(&self) -> impl Iterator<Item = Vec<String>> {
        self.distances.iter().map(|row| {
            let Distance { algorithm, metric, distance, threshold, faces, .. } = row;
            let faces = faces.as_ref().map(|[a, b]| format!(", {a} and {b}")).unwrap_or_default();
            let within = if row.within { "within" } else { "beyond" };
            let name = format!("{algorithm}, {metric}{faces}");
            vec![name, distance.to_string(), threshold.to_string(), within.to_string()]
        })
    }

    /// What makes the distances say less.
    pub(super) fn notes(&self) -> &[String] {
        &self.notes
    }

    pub(super) fn table(&self) -> String {
        let mut table = String::from("algorithm  metric             orientation     distance  threshold\n");
        for row in &self.distances {
            let within = if row.within { "within" } else { "beyond" };
            let Distance { algorithm, metric, orientation, distance, threshold, faces, .. } = row;
            let faces = faces.as_ref().map(|[a, b]| format!("  {a}, {b}")).unwrap_or_default();
            let _ = writeln!(
                table,
                "{algorithm:<9}  {metric:<17}  {orientation:<14} {distance:>9}  {threshold:>9}  {within}{faces}"
            );
        }
        for note in &self.notes {
            let _ = writeln!(table, "note: {}", console::printable(note));
        }
        table
    }
}

//! A side of a comparison: a picture that is hashed, or a signature as text.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;

use shadegrid::pipeline::{InputOptions, Record, Sink, Source, read};
use shadegrid::{
    Algorithm, Engine, Error, HashOptions, Hashed, Pdq, PdqHash, PhotoDna, PhotoDnaHash, RunOptions, decode,
};

use crate::cli::console;
use crate::cli::page::without_query;
use crate::cli::places::is_url;

/// A side of a comparison.
pub(in crate::cli) enum Side {
    Picture(Box<Hashed>),
    PhotoDna(PhotoDna),
    Pdq(Pdq),
}

/// A side, or why there is none.
pub(in crate::cli) type Read = Result<Side, String>;

impl Side {
    /// The picture or signature that an argument names.
    pub(in crate::cli) fn read(argument: &OsString, options: &HashOptions) -> Result<Read, Error> {
        let mut sides = Side::read_all([argument], options)?;
        Ok(sides.pop().unwrap_or_else(|| Err("no picture".to_string())))
    }

    /// The pictures and signatures that arguments name, in their order.
    pub(super) fn read_all<'a>(
        arguments: impl IntoIterator<Item = &'a OsString>,
        options: &HashOptions,
    ) -> Result<Vec<Read>, Error> {
        let (mut sides, mut places, mut sources) = (Vec::new(), Vec::new(), Vec::new());
        for argument in arguments {
            let signature = argument.to_str().and_then(signature);
            match signature.filter(|_| !Path::new(argument).exists()) {
                Some(signature) => sides.push(Ok(signature)),
                None => {
                    let place = sides.len();
                    sides.push(Err("no picture".to_string()));
                    match source(argument) {
                        Ok(source) => {
                            places.push(place);
                            sources.push(source);
                        }
                        Err(why) => sides[place] = Err(why),
                    }
                }
            }
        }
        if !sources.is_empty() {
            let engine = Engine::builder().options(options.clone()).build()?;
            let mut taking = Taking { sides, places };
            engine.run_into(sources, &mut taking, &RunOptions::default())?;
            sides = taking.sides;
        }
        Ok(sides)
    }

    /// What is hashed as its own, and its further faces.
    pub(super) fn faces(&self) -> Vec<Face> {
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

/// A file, standard input, or what is at a URL; or why that cannot be read.
fn source(argument: &OsStr) -> Result<Source, String> {
    match argument {
        _ if argument == "-" => Ok(Source::stream("-", io::stdin())),
        _ if is_url(argument) && !Path::new(argument).exists() => {
            let name = without_query(&argument.to_string_lossy()).to_string();
            match read(argument, &InputOptions::default()) {
                Ok(content) => Ok(Source::stream(name, content)),
                Err(error) => Err(format!("shadegrid: {name}: cannot read: {error}")),
            }
        }
        _ => Ok(Source::file(argument)),
    }
}

fn signature(text: &str) -> Option<Side> {
    let photodna = text.parse().map(Side::PhotoDna);
    photodna.or_else(|_| text.parse().map(Side::Pdq)).ok()
}

/// Keeps what records hold, at the places of their sources' arguments.
struct Taking {
    sides: Vec<Read>,
    places: Vec<usize>,
}

impl Sink for Taking {
    fn write(&mut self, record: &Record) -> Result<(), Error> {
        let error =
            |error: &Error| format!("shadegrid: {}: {}", record.key.display(), console::explained(error));
        let side =
            record.outcome.as_ref().map(|hashed| Side::Picture(Box::new(hashed.clone()))).map_err(error);
        let place = usize::try_from(record.index).ok().and_then(|index| self.places.get(index));
        if let Some(place) = place.and_then(|place| self.sides.get_mut(*place)) {
            *place = side;
        }
        Ok(())
    }
}

/// A picture of a side by its signatures, or a signature by itself.
pub(super) struct Face {
    /// The face's name, `stored` for the stored pixels.
    pub(super) name: String,
    pub(super) photodna: Option<PhotoDna>,
    /// The eight orientations in each of [`CONVENTIONS`]; a bare signature stands for either.
    pub(super) pdq: [Option<[Pdq; 8]>; 2],
    pub(super) is_picture: bool,
}

/// PDQ's conventions.
pub(super) const CONVENTIONS: [Algorithm; 2] = [Algorithm::Pdq, Algorithm::Pdq512];

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

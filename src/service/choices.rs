//! What a request chooses: in its query string, or in the members of its JSON.

use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;

use super::problem::{Answer, Problem};
use crate::decode::{DamagedPolicy, DetailChoice, Orient};
use crate::error::Error;
use crate::gallery::SearchOptions;
use crate::hasher::{Alpha, Faces, HashOptions};
use crate::signature::Algorithm;

/// Choices of what is hashed that are kept for the next request with the same.
const KEPT: usize = 64;

/// Largest distances by algorithm.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Thresholds {
    pub(crate) photodna: Option<u32>,
    pub(crate) pdq: Option<u32>,
}

/// How a picture is looked up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Orientations {
    #[default]
    Upright,
    All,
}

/// What counts as a match, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) algorithms: Option<Vec<Algorithm>>,
    pub(crate) galleries: Option<Vec<String>>,
    pub(crate) threshold: Option<Thresholds>,
    pub(crate) joint: Option<Thresholds>,
    pub(crate) orientations: Orientations,
    pub(crate) nearest: Option<usize>,
    pub(crate) quality_min: Option<u8>,
    pub(crate) include_flat: bool,
}

impl Wanted {
    /// The library's options for a client that is or is not shown distances. Who chooses the largest distance finds every distance by trying.
    pub(crate) fn search_for(&self, distances: bool) -> Answer<SearchOptions> {
        let chosen = self.threshold.is_some() || self.joint.is_some() || self.nearest.is_some();
        if chosen && !distances {
            let detail = "the key is shown no distances, so it chooses neither threshold, joint nor nearest";
            return Err(Problem::new(axum::http::StatusCode::FORBIDDEN, "distances", detail));
        }
        self.search()
    }

    /// The library's options.
    pub(crate) fn search(&self) -> Answer<SearchOptions> {
        if self.joint.is_some() && self.threshold.is_some() {
            return Err(Problem::input("joint and threshold exclude each other"));
        }
        let joint = self.joint.is_some();
        let unlimited = self.nearest.is_some() && !joint && self.threshold.is_none();
        let given = self.joint.or(self.threshold).unwrap_or_default();
        let is_over = |distance: Option<u32>, furthest| distance.is_some_and(|distance| distance > furthest);
        if is_over(given.photodna, FURTHEST.0) || is_over(given.pdq, FURTHEST.1) {
            let (name, (photodna, pdq)) = (if joint { "joint" } else { "threshold" }, FURTHEST);
            return Err(Problem::input(format!("{name}: photodna must be 0 to {photodna}, pdq 0 to {pdq}")));
        }
        let largest = |algorithm: Algorithm, given: Option<u32>| {
            let usual = if unlimited { u32::MAX } else { algorithm.threshold() };
            let wanted = self.algorithms.as_ref().is_none_or(|wanted| wanted.contains(&algorithm));
            (joint || wanted).then_some(given.unwrap_or(usual))
        };
        let options = SearchOptions::default()
            .photodna(largest(Algorithm::PhotoDna, given.photodna))
            .pdq(largest(Algorithm::Pdq, given.pdq))
            .joint(joint)
            .nearest(self.nearest)
            .all_orientations(self.orientations == Orientations::All)
            .include_flat(self.include_flat);
        Ok(match self.quality_min {
            Some(quality @ 0..=100) => options.quality_min(quality),
            Some(_) => return Err(Problem::input("quality_min must be 0 to 100")),
            None => options,
        })
    }
}

/// What a query string chooses.
#[derive(Debug, Clone, Default)]
pub(crate) struct Choices {
    /// What the only picture is called.
    pub(crate) key: Option<String>,
    pub(crate) wanted: Wanted,
    detail: Option<DetailChoice>,
    orient: Option<Orient>,
    damaged: Option<DamagedPolicy>,
    faces: Option<Faces>,
    alpha: Option<Alpha>,
    /// Whether the answer has the 26 × 26 points that the PhotoDNA-class signature is made of.
    grid: bool,
    /// Whether a person reviews what matches.
    pub(crate) review: bool,
}

/// The largest distances that two signatures of a kind can have.
const FURTHEST: (u32, u32) = (144 * 255 * 255, 256);

impl Choices {
    /// What a face chooses by itself.
    pub(crate) fn of(wanted: Wanted) -> Choices {
        Choices { wanted, ..Choices::default() }
    }

    /// Reads a query string.
    pub(crate) fn read(query: Option<&str>, looks_up: bool) -> Answer<Choices> {
        let mut choices = Choices::default();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            let taken = choices.take_hashing(&name, &value)?
                || looks_up && (choices.wanted.take(&name, &value)? || choices.take_review(&name, &value)?);
            if !taken {
                return Err(Problem::input(match name.as_ref() {
                    "galleries" | "threshold" | "joint" | "orientations" | "nearest" | "quality_min"
                    | "include_flat" | "review" => {
                        format!("{name} belongs to look-ups, and this request hashes")
                    }
                    _ => "the query string has a parameter that this request does not know".to_string(),
                }));
            }
        }
        Ok(choices)
    }

    fn take_hashing(&mut self, name: &str, value: &str) -> Answer<bool> {
        match name {
            "key" | "id" => self.key = Some(value.to_string()),
            "algorithms" => self.wanted.algorithms = Some(list(value, name)?),
            "detail" => self.detail = Some(choice(value, name)?),
            "orient" => self.orient = Some(choice(value, name)?),
            "damaged" => self.damaged = Some(choice(value, name)?),
            "faces" => self.faces = Some(choice(value, name)?),
            "alpha" => self.alpha = Some(choice(value, name)?),
            "grid" => self.grid = flag(value, name)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn take_review(&mut self, name: &str, value: &str) -> Answer<bool> {
        if name == "review" {
            self.review = flag(value, name)?;
        }
        Ok(name == "review")
    }

    /// What is hashed, and how.
    fn hash(&self, usual: &HashOptions, looks_up: bool) -> HashOptions {
        let mut options = usual.clone();
        if let Some(algorithms) = &self.wanted.algorithms {
            options.algorithms.clone_from(algorithms);
        }
        if looks_up && self.wanted.joint.is_some() {
            options.algorithms = vec![Algorithm::PhotoDna, Algorithm::Pdq];
        }
        options.orientations = looks_up && self.wanted.orientations == Orientations::All;
        options.faces = self.faces.unwrap_or(options.faces);
        options.alpha = self.alpha.unwrap_or(options.alpha);
        options.shading = self.grid;
        let decode = &mut options.decode;
        decode.detail = self.detail.unwrap_or(decode.detail);
        decode.orient = self.orient.unwrap_or(decode.orient);
        decode.damaged = self.damaged.unwrap_or(decode.damaged);
        options
    }
}

impl Wanted {
    /// Takes a parameter of look-ups.
    pub(crate) fn take(&mut self, name: &str, value: &str) -> Answer<bool> {
        match name {
            "galleries" => self.galleries = Some(value.split(',').map(String::from).collect()),
            "threshold" => self.threshold = Some(thresholds(value, name)?),
            "joint" => self.joint = Some(thresholds(value, name)?),
            "orientations" => {
                self.orientations = match value {
                    "upright" => Orientations::Upright,
                    "all" => Orientations::All,
                    _ => return Err(Problem::input("orientations must be upright or all")),
                }
            }
            "nearest" => self.nearest = Some(number(value, name)?),
            "quality_min" => self.quality_min = Some(number(value, name)?),
            "include_flat" => self.include_flat = flag(value, name)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// What is said never repeats the value: it may be anything.
fn wrong(name: &str, error: &Error) -> Problem {
    let expected = error.to_string();
    let expected = expected.rsplit_once(": the choice is ").map_or("something else", |(_, choice)| choice);
    Problem::input(format!("{name} must be {expected}"))
}

fn choice<T: FromStr<Err = Error>>(value: &str, name: &str) -> Answer<T> {
    value.parse().map_err(|error| wrong(name, &error))
}

/// Algorithms with commas between.
pub(crate) fn list(value: &str, name: &str) -> Answer<Vec<Algorithm>> {
    value.split(',').map(|one| choice(one, name)).collect()
}

fn flag(value: &str, name: &str) -> Answer<bool> {
    match value {
        "" | "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err(Problem::input(format!("{name} must be true or false"))),
    }
}

fn number<T: FromStr>(value: &str, name: &str) -> Answer<T> {
    value.parse().map_err(|_| Problem::input(format!("{name} must be a number that is not negative")))
}

/// `photodna:40000,pdq:31`.
fn thresholds(value: &str, name: &str) -> Answer<Thresholds> {
    let mut all = Thresholds::default();
    for part in value.split(',') {
        let wrong = || Problem::input(format!("{name} must be of the form photodna:40000,pdq:31"));
        let (algorithm, distance) = part.split_once([':', '=']).ok_or_else(wrong)?;
        let distance = Some(distance.parse().map_err(|_| wrong())?);
        match algorithm {
            "photodna" => all.photodna = distance,
            "pdq" => all.pdq = distance,
            _ => return Err(wrong()),
        }
    }
    Ok(all)
}

/// The choices of earlier requests: threads keep their buffers as long as the same are asked for.
#[derive(Debug, Default)]
pub(crate) struct KeptChoices(Mutex<Vec<Arc<HashOptions>>>);

impl KeptChoices {
    /// What is hashed, and how; shared by all requests that choose the same.
    pub(crate) fn hash(
        &self,
        choices: &Choices,
        usual: &Arc<HashOptions>,
        looks_up: bool,
    ) -> Arc<HashOptions> {
        let options = choices.hash(usual, looks_up);
        if options == **usual {
            return usual.clone();
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(same) = kept.iter().find(|same| ***same == options) {
            return same.clone();
        }
        if kept.len() == KEPT {
            kept.clear();
        }
        let options = Arc::new(options);
        kept.push(options.clone());
        options
    }
}

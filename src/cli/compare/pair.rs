//! Two sides, how far apart they are, and what makes that say less.

use std::fmt::Write as _;

use serde::Serialize;
use shadegrid::{Algorithm, Flag, Orientation};

use super::distance::{Distance, distances};
use super::side::Side;
use crate::cli::console;

/// PDQ's authors advise against matching signatures under this quality.
const USABLE_QUALITY: u8 = 50;

/// Two sides as they are written.
#[derive(Serialize)]
pub(in crate::cli) struct Pair {
    pub(super) a: String,
    pub(super) b: String,
    pub(super) distances: Vec<Distance>,
    pub(super) notes: Vec<String>,
}

impl Pair {
    /// Every distance that the two allow, and what makes them say less.
    pub(in crate::cli) fn new(
        (name_a, a): (&str, &Side),
        (name_b, b): (&str, &Side),
        orientations: &[Orientation],
    ) -> Pair {
        let notes = [(name_a, a), (name_b, b)].into_iter().flat_map(|(name, side)| notes(name, side));
        let distances = distances(a, b, orientations);
        Pair { a: name_a.to_string(), b: name_b.to_string(), distances, notes: notes.collect() }
    }

    /// What a page has of it: algorithm and metric, distance, threshold, and whether the one is within the other; of each distance.
    pub(in crate::cli) fn rows(&self) -> impl Iterator<Item = Vec<String>> {
        self.distances.iter().map(|row| {
            let Distance { algorithm, metric, distance, threshold, faces, .. } = row;
            let faces = faces.as_ref().map(|[a, b]| format!(", {a} and {b}")).unwrap_or_default();
            let within = if row.within { "within" } else { "beyond" };
            let name = format!("{algorithm}, {metric}{faces}");
            vec![name, distance.to_string(), threshold.to_string(), within.to_string()]
        })
    }

    /// What makes the distances say less.
    pub(in crate::cli) fn notes(&self) -> &[String] {
        &self.notes
    }

    /// All of it, a line for each distance.
    pub(in crate::cli) fn table(&self) -> String {
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

    /// The least distance by an algorithm.
    pub(super) fn least(&self, algorithm: &str) -> Option<&Distance> {
        self.distances.iter().filter(|of| of.algorithm == algorithm).min_by_key(|of| of.distance)
    }

    /// The least distance of any algorithm, next to its threshold.
    pub(super) fn nearest(&self) -> Option<&Distance> {
        let share = |of: &Distance| f64::from(of.distance) / f64::from(of.threshold);
        self.distances.iter().min_by(|a, b| share(a).total_cmp(&share(b)))
    }
}

/// What makes a picture's distances say less.
fn notes(name: &str, side: &Side) -> Vec<String> {
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
    notes.iter().map(|note| format!("{name}: {note}")).collect()
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

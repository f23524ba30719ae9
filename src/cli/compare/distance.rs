//! Distances between two sides.

use serde::Serialize;
use shadegrid::{Algorithm, Orientation};

use super::side::{CONVENTIONS, Face, Side};

/// A distance between two sides.
#[derive(Serialize)]
pub(super) struct Distance {
    pub(super) algorithm: &'static str,
    pub(super) metric: &'static str,
    pub(super) orientation: &'static str,
    pub(super) distance: u32,
    pub(super) threshold: u32,
    pub(super) within: bool,
    /// The face of each side where they are not both its own picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) faces: Option<[String; 2]>,
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
pub(super) fn distances(a: &Side, b: &Side, orientations: &[Orientation]) -> Vec<Distance> {
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

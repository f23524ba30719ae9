//! The drawings of each input, and what two of them differ in.

use std::ffi::OsStr;

use shadegrid::{Hashed, Pdq, PhotoDna};

use super::canvas::Canvas;
use super::drawing::{CELLS, cell, stretched};
use crate::cli::compare::Side;
use crate::cli::console;

/// One input, as far as it can be drawn.
pub(super) struct Shown {
    /// Its name, as it can be printed.
    pub(super) name: String,
    /// Size, format and how much there is to see.
    pub(super) about: String,
    pub(super) picture: Option<Canvas>,
    /// 26×26 points, in the same unit for pictures of every size.
    pub(super) shading: Option<Vec<f64>>,
    pub(super) photodna: Option<PhotoDna>,
    pub(super) pdq: Option<Pdq>,
}

/// What two inputs differ in, of what both have: the lighter, the more.
pub(super) struct Differences {
    /// 26×26 points.
    pub(super) shading: Option<Canvas>,
    /// 6×6 cells, each with its part of the squared distance.
    pub(super) cells: Option<Canvas>,
    /// 16×16 bits.
    pub(super) bits: Option<Canvas>,
}

/// Points of shading across and down.
pub(super) const POINTS: usize = 26;

/// What the drawings are called.
pub(super) const PICTURE: &str = "picture";
pub(super) const SHADING: &str = "26×26 shading";
pub(super) const GRADIENTS: &str = "6×6×4 gradients (photodna)";
pub(super) const BITS: &str = "16×16 bits (pdq)";
pub(super) const REBUILT: [&str; 2] = ["rebuilt from photodna", "rebuilt from pdq"];

impl Shown {
    pub(super) fn new(name: &OsStr, side: &Side) -> Shown {
        // A signature is the name of nothing.
        let name = console::printable(&name.to_string_lossy());
        let of = |name: &str, about: &str, photodna, pdq| Shown {
            name: name.to_string(),
            about: about.to_string(),
            picture: None,
            shading: None,
            photodna,
            pdq,
        };
        match side {
            Side::PhotoDna(signature) => of("signature", "photodna", Some(*signature), None),
            Side::Pdq(signature) => of("signature", "pdq", None, Some(*signature)),
            Side::Picture(hashed) => Shown {
                picture: hashed.thumbnail.as_ref().and_then(Canvas::of),
                shading: hashed.shading.as_deref().filter(|points| points.len() == POINTS * POINTS).map(
                    |points| {
                        // Sums over pixels, of which larger pictures have more.
                        let pixels = f64::from(hashed.width) * f64::from(hashed.height);
                        points.iter().map(|point| point / pixels).collect()
                    },
                ),
                photodna: hashed.photodna.map(|hash| hash.signature),
                pdq: hashed.pdq.as_ref().map(|hash| hash.signature),
                ..of(&name, &about(hashed), None, None)
            },
        }
    }

    /// The shading as it is drawn: the darkest point black and the brightest white, as only differences count.
    pub(super) fn points(&self) -> Option<Canvas> {
        self.shading.as_deref().map(|points| {
            let greys = stretched(points);
            Canvas::greys(POINTS, |at| greys[at])
        })
    }

    /// What another differs in.
    pub(super) fn differences(&self, other: &Shown) -> Differences {
        let shading = self.shading.as_deref().zip(other.shading.as_deref());
        let photodna = self.photodna.zip(other.photodna);
        let pdq = self.pdq.zip(other.pdq);
        Differences {
            shading: shading.map(|(a, b)| {
                let greys = apart(a, b);
                Canvas::greys(POINTS, |at| greys[at])
            }),
            cells: photodna.map(|(a, b)| {
                let apart = |at: usize| {
                    let parts = cell(&a, at).into_iter().zip(cell(&b, at));
                    parts.map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
                };
                // As much as a cell of strangers: 870,000 over 36 cells, so that small differences look small.
                Canvas::greys(CELLS, |at| (apart(at) / 155.0 * 255.0).min(255.0) as u8)
            }),
            bits: pdq.map(|(a, b)| Canvas::greys(16, |bit| if a.bit(bit) == b.bit(bit) { 0 } else { 255 })),
        }
    }
}

impl Differences {
    /// The drawings there are, with their names.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'static str, &Canvas)> {
        let named = [(SHADING, &self.shading), (GRADIENTS, &self.cells), (BITS, &self.bits)];
        named.into_iter().filter_map(|(name, canvas)| Some((name, canvas.as_ref()?)))
    }
}

/// How far points are apart, as greys: white is as far as the darkest is from the brightest. How bright each of the two is as a whole says nothing.
fn apart(a: &[f64], b: &[f64]) -> Vec<u8> {
    let mean = |points: &[f64]| points.iter().sum::<f64>() / points.len().max(1) as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let span = |points: &[f64]| {
        let most = points.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        most - points.iter().copied().fold(f64::INFINITY, f64::min)
    };
    let scale = 255.0 / span(a).max(span(b)).max(f64::MIN_POSITIVE);
    let apart = |(a, b): (&f64, &f64)| ((a - mean_a) - (b - mean_b)).abs() * scale;
    a.iter().zip(b).map(|pair| apart(pair).min(255.0) as u8).collect()
}

fn about(hashed: &Hashed) -> String {
    let mut about = vec![format!("{}×{}", hashed.width, hashed.height)];
    about.extend(hashed.format.map(|format| format.name().to_string()));
    about.extend(hashed.photodna.map(|hash| format!("strength {:.0}", hash.strength)));
    about.extend(hashed.pdq.as_ref().map(|hash| format!("quality {}", hash.quality)));
    about.extend(hashed.flags().map(|flag| flag.name().to_string()));
    about.join(", ")
}

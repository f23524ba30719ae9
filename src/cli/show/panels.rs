//! The drawings of each input, and what two of them differ in.

use std::ffi::OsStr;

use shadegrid::{Hashed, Pdq, PhotoDna};

use super::canvas::Canvas;
use super::drawing::{CELLS, cell, stretched};
use crate::cli::compare::Side;
use crate::cli::console;
use crate::cli::page::without_query;

/// One input, as far as it can be drawn.
pub(super) struct Shown {
    /// Its name, as it can be printed.
    pub(super) name: String,
    /// Size, format and how much there is to see.
    pub(super) about: String,
    pub(super) picture: Option<Canvas>,
    /// 26×26 points, in the same unit for pictures of every size.
    pub(super) shading: Option<Vec<f64>>,
    /// 64×64 points.
    pub(super) luminance: Option<Vec<f64>>,
    pub(super) photodna: Option<PhotoDna>,
    pub(super) pdq: Option<Pdq>,
}

/// What two inputs differ in, of what both have: the lighter, the more. White is where they differ most.
pub(super) struct Differences(Vec<Difference>);

/// One drawing of differences.
pub(super) struct Difference {
    /// What it is of.
    pub(super) name: &'static str,
    pub(super) canvas: Canvas,
    /// What white means.
    pub(super) scale: String,
}

/// Points of shading across and down.
pub(super) const POINTS: usize = 26;

/// Points of luminance across and down.
const LUMINANCE_POINTS: usize = 64;

/// What the drawings are called.
pub(super) const PICTURE: &str = "picture";
pub(super) const SHADING: &str = "26×26 shading";
pub(super) const GRADIENTS: &str = "6×6×4 gradients (photodna)";
pub(super) const LUMINANCE: &str = "64×64 luminance (pdq)";
pub(super) const BITS: &str = "16×16 bits (pdq)";
pub(super) const REBUILT: [&str; 2] = ["rebuilt from photodna", "rebuilt from pdq"];

impl Shown {
    pub(super) fn new(name: &OsStr, side: &Side) -> Shown {
        // A signature is the name of nothing.
        let name = console::printable(without_query(&name.to_string_lossy()));
        let of = |name: &str, about: &str, photodna, pdq| Shown {
            name: name.to_string(),
            about: about.to_string(),
            picture: None,
            shading: None,
            luminance: None,
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
                luminance: hashed.luminance.clone().filter(|points| points.len() == LUMINANCE_POINTS.pow(2)),
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

    /// The luminance, drawn likewise: what PDQ's cosine transform reads.
    pub(super) fn luminance(&self) -> Option<Canvas> {
        self.luminance.as_deref().map(|points| {
            let greys = stretched(points);
            Canvas::greys(LUMINANCE_POINTS, |at| greys[at])
        })
    }

    /// What another differs in.
    pub(super) fn differences(&self, other: &Shown) -> Differences {
        let points = |name, side, (a, b): (&[f64], &[f64])| {
            let (apart, most) = apart(a, b);
            let scale = format!("white: {:.1} % of the span", most * 100.0);
            Difference::new(name, (side, &apart), most, LEAST_SHARE, scale)
        };
        let shading = self.shading.as_deref().zip(other.shading.as_deref());
        let luminance = self.luminance.as_deref().zip(other.luminance.as_deref());
        let cells = self.photodna.zip(other.photodna).map(|(a, b)| {
            let apart = |at: usize| {
                let parts = cell(&a, at).into_iter().zip(cell(&b, at));
                parts.map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
            };
            let apart: Vec<f64> = (0..CELLS * CELLS).map(apart).collect();
            let most = apart.iter().copied().fold(0.0, f64::max);
            let scale = format!("white: {most:.0}; strangers {OF_STRANGERS:.0}");
            Difference::new(GRADIENTS, (CELLS, &apart), most, 1.0, scale)
        });
        let bits = self.pdq.zip(other.pdq).map(|(a, b)| {
            let canvas = Canvas::greys(16, |bit| if a.bit(bit) == b.bit(bit) { 0 } else { 255 });
            Difference { name: BITS, canvas, scale: format!("{} of 256", a.distance(&b)) }
        });
        let shading = shading.map(|both| points(SHADING, POINTS, both));
        let luminance = luminance.map(|both| points(LUMINANCE, LUMINANCE_POINTS, both));
        Differences([shading, cells, luminance, bits].into_iter().flatten().collect())
    }
}

impl Difference {
    /// Drawn from black to white, which is the most; black alone where that is less than `least`, as then it is rounding.
    fn new(
        name: &'static str,
        (side, apart): (usize, &[f64]),
        most: f64,
        least: f64,
        scale: String,
    ) -> Difference {
        if most < least {
            let canvas = Canvas::greys(side, |_| 0);
            return Difference { name, canvas, scale: "none".to_string() };
        }
        let canvas = Canvas::greys(side, |at| (apart[at] / most * 255.0).round() as u8);
        Difference { name, canvas, scale }
    }
}

impl Differences {
    /// The drawing of this name, if there is one.
    pub(super) fn of(&self, name: &str) -> Option<&Difference> {
        self.0.iter().find(|difference| difference.name == name)
    }
}

/// Half a grey level of a picture with all of them: less is no difference.
const LEAST_SHARE: f64 = 0.5 / 255.0;

/// How far a cell is usually from a stranger's: 870,000 over 36 cells.
const OF_STRANGERS: f64 = 155.0;

/// How far points are apart, as shares of what lies between the darkest and the brightest; and the most. How bright each of the two is as a whole says nothing.
fn apart(a: &[f64], b: &[f64]) -> (Vec<f64>, f64) {
    let mean = |points: &[f64]| points.iter().sum::<f64>() / points.len().max(1) as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let span = |points: &[f64]| {
        let most = points.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        most - points.iter().copied().fold(f64::INFINITY, f64::min)
    };
    let span = span(a).max(span(b)).max(f64::MIN_POSITIVE);
    let apart: Vec<f64> = a.iter().zip(b).map(|(a, b)| ((a - mean_a) - (b - mean_b)).abs() / span).collect();
    let most = apart.iter().copied().fold(0.0, f64::max);
    (apart, most)
}

fn about(hashed: &Hashed) -> String {
    let mut about = vec![format!("{}×{}", hashed.width, hashed.height)];
    about.extend(hashed.format.map(|format| format.name().to_string()));
    about.extend(hashed.photodna.map(|hash| format!("strength {:.0}", hash.strength)));
    about.extend(hashed.pdq.as_ref().map(|hash| format!("quality {}", hash.quality)));
    about.extend(hashed.flags().map(|flag| flag.name().to_string()));
    about.join(", ")
}

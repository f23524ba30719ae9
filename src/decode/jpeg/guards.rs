//! What the guards of low frequencies ([`gamut`], [`clipping`](super::clipping)) need of a picture that is decoded elsewhere, and what they say of it.

use super::clipping::{Judge, Measure, SPOTS};
use super::compressed::{Compressed, Unstuffed};
use super::gamut::{self, Cells, Chosen, Sums};
use super::looks::{Look, looks};
use super::planes::level;
use super::transform::NATURAL;
use fearless_simd::Level;

/// What is to be looked at.
#[derive(Debug)]
pub(crate) struct Guards {
    pub(crate) looks: Vec<Look>,
    /// The cells whose colours are summed; none of a grey picture.
    pub(crate) cells: Option<Chosen>,
    judge: Judge,
}

/// A block as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) component: usize,
    /// In zigzag order, the DC value as it counts.
    pub(crate) coefficients: [i16; 64],
    /// The samples of Y, Cb and Cr, or of grey, at each [`spot`](super::clipping::spot).
    pub(crate) samples: [[Option<u16>; 3]; SPOTS],
}

impl Compressed<'_> {
    /// What is to be looked at, now that the data is known; `None` where nothing is.
    pub(crate) fn guards(&self, unstuffed: &Unstuffed) -> Option<Guards> {
        let judge = self.judge.as_deref()?.clone();
        let random = unstuffed.random;
        let cells = |part: usize| {
            let size = self.parts[part].cell;
            Cells { count: (self.width.div_ceil(size.0), self.height.div_ceil(size.1)), size }
        };
        Some(Guards {
            looks: looks(self.blocks() as usize, unstuffed.bytes(), random),
            cells: (self.parts.len() > 1).then(|| Chosen::new(cells(1), cells(0), random)),
            judge,
        })
    }
}

impl Guards {
    /// Whether signatures of low frequencies would be others, by the sums over the cells and by what was found at each look.
    pub(crate) fn are_beyond(
        &self,
        sums: &Sums<i64>,
        seen: impl Iterator<Item = Option<Seen>>,
        level: Level,
    ) -> bool {
        let is_beyond = |cells: &Chosen| gamut::are_beyond(sums, cells.count());
        self.cells.as_ref().is_some_and(is_beyond) || self.measure(seen, level).is_beyond(&self.judge)
    }

    pub(super) fn measure(&self, seen: impl Iterator<Item = Option<Seen>>, of: Level) -> Measure {
        let mut measure = Measure::of(self.looks.len());
        for seen in seen {
            measure.add(seen.map(|seen| {
                let mut coefficients = [0; 64];
                for (place, value) in NATURAL.iter().zip(seen.coefficients) {
                    coefficients[usize::from(*place)] = value;
                }
                let levels = |spot: usize| seen.samples[spot].map(|sample| sample.map_or(0.0, level));
                self.judge.found(seen.component, &coefficients, levels, of)
            }));
        }
        measure
    }
}

#[cfg(test)]
impl super::JpegReader {
    /// Reads a file, and holds what its guards come to against what a device gave for `guards`. Whether the reader finds the picture beyond them.
    pub(crate) fn compare(
        &mut self,
        bytes: &[u8],
        rule: impl Fn(u32, u32) -> crate::decode::Detail,
        (guards, sums, seen): (&Guards, &Sums<i64>, Vec<Option<Seen>>),
    ) -> bool {
        let mut readings = Vec::new();
        // The scan in one piece, cut, and as it is.
        for cut_from in [usize::MAX, 1, 10 << 10] {
            self.reader.cut_scans_from(cut_from, super::sequential::WINDOW);
            (self.reader.gamut, self.reader.sample.measured) = (None, None);
            let reading = self.read_guarded(bytes, &rule, &crate::limits::Limits::default());
            let reading = reading.unwrap_or_else(|error| panic!("{error}"));
            if let Some((expected, count)) = self.reader.gamut {
                assert_eq!((*sums, guards.cells.as_ref().map(Chosen::count)), (expected, Some(count)));
            }
            if let Some(expected) = &self.reader.sample.measured {
                assert_eq!(
                    &guards.measure(seen.iter().cloned(), Level::new()),
                    expected,
                    "cut from {cut_from}"
                );
            }
            readings.push(reading.is_none());
            reading.into_iter().for_each(|reading| self.recycle(reading.picture));
        }
        let is_beyond = guards.are_beyond(sums, seen.into_iter(), Level::new());
        assert_eq!(readings, [is_beyond; 3]);
        is_beyond
    }
}

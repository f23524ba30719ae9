//! How much fits into a batch, and where its arrays are in the one stretch of bytes that it is.

use std::ops::Range;

use super::descriptors::{Gradient, Grid, Header, Luma};

/// Words that 144 gradient sums and the batch's number take in the results, rounded up.
pub(super) const GRADIENT_WORDS: u32 = 2 * 144 + 2;
/// Words that 256 coefficients, the quality and the batch's number take, rounded up.
pub(super) const LUMA_WORDS: u32 = 2 * 256 + 4;
/// Grid points of the two usual algorithms on a picture without a colour plane.
const USUAL_POINTS: u32 = 3 * 676 + 4096;
/// Upper bound of what a picture of the usual kind takes of a batch's points.
const POINTS_A_PICTURE: u32 = 8192;
/// A batch has room for one picture in so many bytes.
const BYTES_A_PICTURE: u64 = 1 << 16;
/// Grids, points and results of the most demanding picture: coarse, in colour, with every algorithm.
const MOST_GRIDS: u32 = 8;
const MOST_POINTS: u32 = 6 * 676 + 2 * 4096;
const MOST_RESULTS: u32 = GRADIENT_WORDS + 2 * LUMA_WORDS;
/// Sections begin at multiples of this many bytes, what any device asks of a binding at most.
const SECTION: u64 = 256;

/// How much fits into a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Capacity {
    /// Pictures of the usual kind; fewer where they need more.
    pub(crate) pictures: u32,
    /// Bytes of samples and tables.
    pub(crate) bytes: u64,
}

impl Capacity {
    /// The largest batch, up to `wanted` bytes of samples, whose arrays are no larger than `binding` bytes each and
    /// together.
    pub(super) fn within(binding: u64, wanted: u64) -> Capacity {
        let binding = binding / SECTION * SECTION;
        // Samples and descriptors share one buffer: an eighth is left for the latter, which take less than a hundredth of 64 KiB per
        // picture.
        let bytes = wanted.min(binding - binding / 8) / 8 * 8;
        let by_points = (binding / (8 * u64::from(POINTS_A_PICTURE))).max(1);
        let pictures = (bytes / BYTES_A_PICTURE).clamp(16, 1024).min(by_points);
        Capacity { pictures: pictures as u32, bytes }
    }

    pub(super) fn words(self) -> u32 {
        (self.bytes / 4).min(u64::from(u32::MAX / 2)) as u32
    }

    pub(super) fn grids(self) -> u32 {
        (5 * self.pictures).max(MOST_GRIDS)
    }

    pub(super) fn gradients(self) -> u32 {
        self.pictures
    }

    pub(super) fn lumas(self) -> u32 {
        2 * self.pictures
    }

    pub(super) fn points(self) -> u32 {
        (USUAL_POINTS * self.pictures).max(MOST_POINTS)
    }

    pub(super) fn result_words(self) -> u32 {
        ((GRADIENT_WORDS + LUMA_WORDS) * self.pictures).max(MOST_RESULTS)
    }

    /// The sections' places.
    pub(super) fn sections(self) -> Sections {
        let mut end = 0;
        let mut section = |bytes: u64| {
            let start = end;
            end = (start + bytes).next_multiple_of(SECTION);
            start..start + bytes
        };
        Sections {
            header: section(size_of::<Header>() as u64),
            grids: section(u64::from(self.grids()) * size_of::<Grid>() as u64),
            gradients: section(u64::from(self.gradients()) * size_of::<Gradient>() as u64),
            lumas: section(u64::from(self.lumas()) * size_of::<Luma>() as u64),
            words: section(u64::from(self.words()) * 4),
        }
    }
}

/// Where a batch's arrays are, in bytes.
#[derive(Debug, Clone)]
pub(super) struct Sections {
    pub(super) header: Range<u64>,
    pub(super) grids: Range<u64>,
    pub(super) gradients: Range<u64>,
    pub(super) lumas: Range<u64>,
    pub(super) words: Range<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_array_is_larger_than_a_binding() {
        let mut tried = 0;
        for shift in 24..35 {
            for odd in [0, 1, 3, 100_003] {
                for wanted in [1 << 20, 128 << 20, u64::MAX] {
                    let binding = (1u64 << shift) - odd;
                    let capacity = Capacity::within(binding, wanted);
                    let sections = capacity.sections();
                    assert!(sections.words.end <= binding && capacity.bytes <= wanted, "{binding} {wanted}");
                    assert!(8 * u64::from(capacity.points()) <= binding, "{binding} {wanted}");
                    assert!(4 * u64::from(capacity.result_words()) <= binding, "{binding} {wanted}");
                    let all = [sections.grids, sections.gradients, sections.lumas, sections.words];
                    assert!(all.iter().all(|section| section.start % 256 == 0));
                    tried += 1;
                }
            }
        }
        assert_eq!(tried, 11 * 4 * 3);
    }
}

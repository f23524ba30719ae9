//! A small picture of a picture, for who shows it: each of its pixels is the mean of those that it stands for.

use super::{COARSE_UNIT, COARSE_ZERO, Picture, Plane, Planes};

impl Picture {
    /// The same with sides of at most `most` pixels, which counts as 1 where it is 0; never larger than it is. Of the low frequencies of a JPEG only luma is shown.
    #[must_use]
    pub fn shrunk(&self, most: u32) -> Picture {
        let longest = self.width.max(self.height).max(1);
        let most = most.clamp(1, longest);
        let side = |length: u32| (u64::from(length) * u64::from(most) / u64::from(longest)).max(1) as u32;
        let (width, height) = (side(self.width), side(self.height));
        match &self.planes {
            Planes::Rgb(plane) => Picture::from_rgb(means(plane, width, height, u64::from), width, height),
            Planes::Grey(plane) => Picture::from_grey(means(plane, width, height, u64::from), width, height),
            Planes::Coarse { luma, .. } => {
                let (width, height) = (width.min(luma.columns), height.min(luma.rows));
                let grey = |sample: u16| u64::from(sample.saturating_sub(COARSE_ZERO) / COARSE_UNIT).min(255);
                Picture::from_grey(means(luma, width, height, grey), width, height)
            }
        }
    }
}

/// Means of the samples that each of `width` × `height` pixels stands for; neither is more than the plane has.
fn means<T: Copy>(plane: &Plane<T>, width: u32, height: u32, value: impl Fn(T) -> u64) -> Vec<u8> {
    let channels = plane.channels as usize;
    let mut all = Vec::with_capacity(width as usize * height as usize * channels);
    let mut sums = vec![0u64; width as usize * channels];
    for row in 0..height {
        sums.fill(0);
        let rows = bounds(row, height, plane.rows);
        for line in rows.clone().map(|row| plane.row(row)) {
            for (column, sums) in (0..width).zip(sums.chunks_exact_mut(channels)) {
                let columns = bounds(column, width, plane.columns);
                for pixel in line[columns.start * channels..columns.end * channels].chunks_exact(channels) {
                    sums.iter_mut().zip(pixel).for_each(|(sum, sample)| *sum += value(*sample));
                }
            }
        }
        for (column, sums) in (0..width).zip(sums.chunks_exact(channels)) {
            let count = (rows.len() * bounds(column, width, plane.columns).len()) as u64;
            all.extend(sums.iter().map(|sum| ((sum + count / 2) / count) as u8));
        }
    }
    all
}

/// Which of `of` samples one of `count` pixels stands for: at least one.
fn bounds(at: u32, count: u32, of: u32) -> std::ops::Range<usize> {
    let edge = |at: u32| (u64::from(at) * u64::from(of) / u64::from(count)) as usize;
    edge(at)..edge(at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(picture: &Picture) -> &[u8] {
        match &picture.planes {
            Planes::Rgb(plane) | Planes::Grey(plane) => &plane.samples,
            Planes::Coarse { .. } => panic!("not pixels"),
        }
    }

    #[test]
    fn pixels_are_means_and_none_is_left_out() {
        let picture = Picture::from_grey(vec![0, 10, 20, 30, 40, 50, 60, 71], 4, 2);
        let small = picture.shrunk(2);
        assert_eq!((small.width, small.height, samples(&small)), (2, 1, &[25, 45][..]));
        assert_eq!(picture.shrunk(4), picture);
        assert_eq!(picture.shrunk(4000), picture, "never larger");
        assert_eq!(samples(&picture.shrunk(0)), [35]);
        let colours = Picture::from_rgb(vec![0, 100, 200, 10, 110, 210, 20, 120, 220], 3, 1);
        assert_eq!(samples(&colours.shrunk(1)), [10, 110, 210]);
    }

    #[test]
    fn every_size_keeps_to_its_bound() {
        for (width, height) in [(1, 1), (1, 997), (997, 1), (400, 401), (1601, 37)] {
            let picture = Picture::from_grey(vec![90; (width * height) as usize], width, height);
            for most in [1, 2, 3, 64, 399, 400, 2000] {
                let small = picture.shrunk(most);
                assert!(small.width.max(small.height) <= most && small.width.min(small.height) >= 1);
                assert!(small.width <= width && small.height <= height);
                assert!(samples(&small).iter().all(|sample| *sample == 90));
            }
        }
    }

    #[test]
    fn of_low_frequencies_luma_is_shown() {
        let samples_of = |values: [u16; 2]| values.map(|value| COARSE_ZERO + value * COARSE_UNIT).to_vec();
        let plane = Plane {
            samples: samples_of([40, 300]),
            stride: 2,
            columns: 2,
            rows: 1,
            channels: 1,
            cell_width: 8,
            cell_height: 8,
        };
        let picture = Picture { width: 16, height: 8, planes: Planes::Coarse { luma: plane, colour: None } };
        assert_eq!(samples(&picture.shrunk(400)), [40, 255]);
    }
}

//! Small pictures made less: grey, blurred, and written as PNG.

use crate::error::{Error, Result};
use crate::picture::{COARSE_UNIT, COARSE_ZERO, Picture, Planes};
use crate::review::Blur;

/// Times that means are taken over a square: three come near to a Gaussian.
const PASSES: usize = 3;

/// How far a mean reaches to each side, of a picture whose longest side is this.
fn reach(blur: Blur, longest: u32) -> usize {
    let share = match blur {
        Blur::Strong => 12,
        Blur::Medium => 24,
        Blur::Light => 48,
    };
    (longest as usize / share).max(2)
}

/// Pixels of one or three channels, row after row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    width: usize,
    height: usize,
    channels: usize,
    samples: Vec<u8>,
}

impl Shown {
    /// Of a small picture.
    pub(super) fn of(picture: &Picture) -> Shown {
        let (samples, channels, width, height) = match &picture.planes {
            Planes::Rgb(plane) | Planes::Grey(plane) => {
                let rows = 0..plane.rows as usize;
                let samples = rows.flat_map(|row| plane.row(row)).copied().collect();
                (samples, plane.channels, plane.columns, plane.rows)
            }
            Planes::Coarse { luma, .. } => {
                let grey = |sample: &u16| (sample.saturating_sub(COARSE_ZERO) / COARSE_UNIT).min(255) as u8;
                let samples = (0..luma.rows as usize).flat_map(|row| luma.row(row)).map(grey).collect();
                (samples, 1, luma.columns, luma.rows)
            }
        };
        Shown { width: width as usize, height: height as usize, channels: channels as usize, samples }
    }

    /// In grey, by the weights of JPEG's luma.
    pub(super) fn grey(self) -> Shown {
        if self.channels == 1 {
            return self;
        }
        let luma = |pixel: &[u8]| {
            let weighted =
                pixel.iter().zip([299u32, 587, 114]).map(|(sample, weight)| u32::from(*sample) * weight);
            ((weighted.sum::<u32>() + 500) / 1000) as u8
        };
        let samples = self.samples.chunks_exact(self.channels).map(luma).collect();
        Shown { channels: 1, samples, ..self }
    }

    /// Blurred.
    pub(super) fn blurred(mut self, blur: Blur) -> Shown {
        let reach = reach(blur, self.width.max(self.height) as u32);
        let Shown { width, height, channels, .. } = self;
        let mut line = Vec::new();
        for _ in 0..PASSES {
            for channel in 0..channels {
                for row in 0..height {
                    let at = |place: usize| (row * width + place) * channels + channel;
                    mean(&mut self.samples, width, at, reach, &mut line);
                }
                for column in 0..width {
                    let at = |place: usize| (place * width + column) * channels + channel;
                    mean(&mut self.samples, height, at, reach, &mut line);
                }
            }
        }
        self
    }

    /// As PNG.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] for a picture without pixels.
    pub(super) fn png(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width as u32, self.height as u32);
        encoder.set_color(if self.channels == 3 { png::ColorType::Rgb } else { png::ColorType::Grayscale });
        encoder.set_depth(png::BitDepth::Eight);
        let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&self.samples));
        written.map_err(|error| Error::Input(format!("the picture cannot be shown: {error}")))?;
        Ok(bytes)
    }
}

/// Gives each sample of a line the mean of those around it, as far as there are any.
fn mean(samples: &mut [u8], length: usize, at: impl Fn(usize) -> usize, reach: usize, line: &mut Vec<u8>) {
    line.clear();
    line.extend((0..length).map(|place| samples[at(place)]));
    let mut sum: usize = line.iter().take(reach).map(|sample| usize::from(*sample)).sum();
    for place in 0..length {
        if let Some(entering) = line.get(place + reach) {
            sum += usize::from(*entering);
        }
        if let Some(leaving) = place.checked_sub(reach + 1) {
            sum -= usize::from(line[leaving]);
        }
        let count = (place + reach).min(length - 1) - place.saturating_sub(reach) + 1;
        samples[at(place)] = ((sum + count / 2) / count) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(width: u32, height: u32) -> Shown {
        let samples = (0..width * height * 3).map(|at| if at / 3 % 2 == 0 { 255 } else { 0 }).collect();
        Shown::of(&Picture::from_rgb(samples, width, height))
    }

    #[test]
    fn a_mean_is_that_of_what_is_around() {
        for length in [1, 2, 3, 7, 20] {
            let before: Vec<u8> = (0..length).map(|at| (at * 37 % 256) as u8).collect();
            for reach in [1, 2, 6, 30] {
                let (mut samples, mut line) = (before.clone(), Vec::new());
                mean(&mut samples, length, |place| place, reach, &mut line);
                for (place, sample) in samples.iter().enumerate() {
                    let around = &before[place.saturating_sub(reach)..length.min(place + reach + 1)];
                    let sum: usize = around.iter().map(|sample| usize::from(*sample)).sum();
                    assert_eq!(usize::from(*sample), (sum + around.len() / 2) / around.len());
                }
            }
        }
    }

    #[test]
    fn no_detail_is_left() {
        for (width, height) in [(400, 300), (1, 400), (400, 1), (31, 31), (1, 1)] {
            for blur in Blur::ALL {
                let shown = checked(width, height).grey().blurred(blur);
                let contrast = |samples: &[u8]| samples.iter().max().unwrap() - samples.iter().min().unwrap();
                assert!(contrast(&shown.samples) <= 64, "{width}×{height}, {}", blur.name());
                assert_eq!(shown.samples.len(), (width * height) as usize);
            }
        }
        assert!(reach(Blur::Strong, 400) > reach(Blur::Medium, 400));
        assert!(reach(Blur::Medium, 400) > reach(Blur::Light, 400));
    }

    #[test]
    fn a_png_is_read_again() {
        let shown = checked(7, 5);
        let png = shown.png().unwrap();
        let picture = crate::decode::Decoder::default().decode(&png).unwrap().picture;
        assert_eq!(Shown::of(&picture), shown);
        let grey = checked(7, 5).grey();
        assert_eq!((grey.channels, grey.samples[0], grey.samples[1]), (1, 255, 0));
        assert!(Shown { width: 0, height: 0, channels: 1, samples: Vec::new() }.png().is_err());
    }
}

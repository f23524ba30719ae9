//! A small picture in memory that is drawn on.

use std::io::Cursor;

use shadegrid::{Error, Picture, Planes};

/// Red, green and blue.
pub(super) type Colour = [u8; 3];

/// Pixels, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Canvas {
    pub(super) width: usize,
    pub(super) height: usize,
    pixels: Vec<Colour>,
}

impl Canvas {
    /// A canvas of one colour.
    pub(super) fn new(width: usize, height: usize, colour: Colour) -> Canvas {
        Canvas { width, height, pixels: vec![colour; width * height] }
    }

    /// A square of `side`×`side` greys.
    pub(super) fn greys(side: usize, grey: impl Fn(usize) -> u8) -> Canvas {
        Canvas { width: side, height: side, pixels: (0..side * side).map(|at| [grey(at); 3]).collect() }
    }

    /// A small picture as it is; `None` for low frequencies, which have no pixels.
    pub(crate) fn of(picture: &Picture) -> Option<Canvas> {
        let (width, height) = (picture.width as usize, picture.height as usize);
        let pixels = match &picture.planes {
            Planes::Rgb(plane) => {
                (0..height).flat_map(|row| plane.row(row).as_chunks::<3>().0.iter().copied()).collect()
            }
            Planes::Grey(plane) => {
                (0..height).flat_map(|row| plane.row(row).iter().map(|&grey| [grey; 3])).collect()
            }
            Planes::Coarse { .. } => return None,
        };
        Some(Canvas { width, height, pixels })
    }

    /// Whether all of it is black and white.
    pub(super) fn is_bilevel(&self) -> bool {
        self.pixels.iter().all(|pixel| matches!(pixel, [0, 0, 0] | [255, 255, 255]))
    }

    pub(super) fn at(&self, x: usize, y: usize) -> Colour {
        self.pixels[y * self.width + x]
    }

    /// Sets a pixel; one outside is left out.
    pub(super) fn set(&mut self, x: usize, y: usize, colour: Colour) {
        if x < self.width && y < self.height {
            self.pixels[y * self.width + x] = colour;
        }
    }

    /// The same with other sides: pixels repeated, or the means of those that one stands for.
    pub(super) fn resized(&self, width: usize, height: usize) -> Canvas {
        let span = |at: usize, count: usize, of: usize| {
            let from = at * of / count;
            from..((at + 1) * of / count).max(from + 1)
        };
        let mut made = Canvas::new(width, height, [0; 3]);
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            let (mut sum, mut count) = ([0usize; 3], 0);
            for (row, column) in span(y, height, self.height)
                .flat_map(|row| span(x, width, self.width).map(move |column| (row, column)))
            {
                sum.iter_mut().zip(self.at(column, row)).for_each(|(sum, value)| *sum += usize::from(value));
                count += 1;
            }
            made.set(x, y, sum.map(|sum| (sum / count) as u8));
        }
        made
    }

    /// The same, no larger than a square of `side`, with its sides in their proportion.
    pub(super) fn fitted(&self, side: usize) -> Canvas {
        let longest = self.width.max(self.height).max(1);
        let scaled = |length: usize| (length * side / longest).max(1);
        self.resized(scaled(self.width), scaled(self.height))
    }

    /// Draws another canvas with its upper left corner at a place.
    pub(super) fn draw(&mut self, other: &Canvas, (left, top): (usize, usize)) {
        for (y, x) in (0..other.height).flat_map(|y| (0..other.width).map(move |x| (y, x))) {
            self.set(left + x, top + y, other.at(x, y));
        }
    }

    /// Draws a line of a thickness.
    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), thickness: usize, colour: Colour) {
        let steps = (to.0 - from.0).abs().max((to.1 - from.1).abs()).ceil() as usize;
        let offset = (thickness / 2) as f64;
        for step in 0..=steps {
            let share = step as f64 / steps.max(1) as f64;
            let at = |from: f64, to: f64| (from + (to - from) * share - offset).round().max(0.0) as usize;
            let (x, y) = (at(from.0, to.0), at(from.1, to.1));
            (0..thickness * thickness)
                .for_each(|part| self.set(x + part % thickness, y + part / thickness, colour));
        }
    }

    /// As a PNG that says what wrote it.
    pub(crate) fn png(&self) -> Result<Vec<u8>, Error> {
        let mut file = Cursor::new(Vec::new());
        let mut encoder = png::Encoder::new(&mut file, self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let written =
            encoder.add_text_chunk("Software".to_string(), "shadegrid show".to_string()).and_then(|()| {
                let mut writer = encoder.write_header()?;
                writer.write_image_data(self.pixels.as_flattened())?;
                writer.finish()
            });
        written.map_err(|error| Error::io("cannot draw", std::io::Error::other(error.to_string())))?;
        Ok(file.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canvases_are_resized_by_means_and_repetition() {
        let two = Canvas::greys(2, |at| [0, 100, 100, 200][at]);
        assert_eq!(two.resized(1, 1).at(0, 0), [100; 3]);
        let large = two.resized(4, 4);
        assert_eq!((large.at(0, 0), large.at(1, 1), large.at(3, 3)), ([0; 3], [0; 3], [200; 3]));
        let wide = Canvas::new(300, 100, [1, 2, 3]).fitted(30);
        assert_eq!((wide.width, wide.height, wide.at(29, 9)), (30, 10, [1, 2, 3]));
        assert_eq!(Canvas::new(1, 500, [0; 3]).fitted(20).width, 1);
    }

    #[test]
    fn lines_stay_inside() {
        let mut canvas = Canvas::new(5, 5, [0; 3]);
        canvas.line((-3.0, -3.0), (9.0, 9.0), 1, [255; 3]);
        assert_eq!((canvas.at(2, 2), canvas.at(0, 4)), ([255; 3], [0; 3]));
        assert!(canvas.png().unwrap().starts_with(b"\x89PNG"));
    }
}

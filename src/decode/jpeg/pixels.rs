//! Blocks of samples to rows of pixels, a row of MCUs at a time: the inverse DCT, chroma at the picture's resolution, colours.
//!
//! Of each component only the last two rows of MCUs are kept as samples: a row of pixels needs rows of samples next to each other, and
//! is made as soon as these are there. What is kept of the picture itself is its pixels.

use super::colour;
use super::frame::{Component, Frame};
use super::selection::Colour;
use super::upsample;
use crate::decode::colours::ToSrgb;
use fearless_simd::Simd;

/// Makes one picture after another.
#[derive(Debug, Default)]
pub(super) struct Pixels {
    colour: Colour,
    width: usize,
    height: usize,
    channels: usize,
    planes: Vec<Samples>,
    /// Rows of pixels that are made.
    done: usize,
    pixels: Vec<u8>,
    /// One row of each component at the picture's resolution, and sums on the way there.
    rows: [Vec<u8>; 4],
    sums: Vec<u16>,
    /// What inks are shown through; `None` for the plain formula.
    pub(super) to_srgb: Option<ToSrgb>,
    inks: Vec<u8>,
}

/// How a component's rows come to the picture's resolution.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Upsampling {
    #[default]
    AsIs,
    Columns,
    Rows,
    Both,
    Repeated,
}

/// One component's last two rows of MCUs.
#[derive(Debug, Default)]
struct Samples {
    upsampling: Upsampling,
    samples: Vec<u8>,
    stride: usize,
    /// Rows of one row of MCUs.
    strip: usize,
    /// Samples across and down that hold picture.
    width: usize,
    height: usize,
    /// Samples for so many pixels, across and down.
    across: (usize, usize),
    down: (usize, usize),
}

impl Upsampling {
    /// Libjpeg's choice, but for ratios that are no whole numbers: these it refuses.
    fn of(frame: &Frame, component: &Component) -> Upsampling {
        let doubles = |factor: usize, most: usize| match most {
            _ if factor == most => Some(false),
            _ if 2 * factor == most => Some(true),
            _ => None,
        };
        match (doubles(component.across, frame.across), doubles(component.down, frame.down)) {
            (Some(false), Some(false)) => Upsampling::AsIs,
            (Some(false), Some(true)) => Upsampling::Rows,
            (Some(true), Some(false)) if component.width > 2 => Upsampling::Columns,
            (Some(true), Some(true)) if component.width > 2 => Upsampling::Both,
            _ => Upsampling::Repeated,
        }
    }
}

impl Samples {
    fn start(&mut self, frame: &Frame, component: &Component) {
        self.upsampling = Upsampling::of(frame, component);
        self.stride = 8 * component.blocks_wide;
        self.strip = 8 * component.down;
        (self.width, self.height) = (component.width, component.height);
        self.across = (component.across, frame.across);
        self.down = (component.down, frame.down);
        self.samples.resize(2 * self.strip * self.stride, 0);
    }

    fn row(&self, row: usize) -> &[u8] {
        &self.samples[row % (2 * self.strip) * self.stride..][..self.width]
    }

    /// The row of samples nearest to a row of pixels, and the next nearest.
    fn near_and_far(&self, y: usize) -> (usize, usize) {
        let near = y * self.down.0 / self.down.1;
        match self.upsampling {
            Upsampling::Rows | Upsampling::Both if y.is_multiple_of(2) => (near, near.saturating_sub(1)),
            Upsampling::Rows | Upsampling::Both => (near, (near + 1).min(self.height - 1)),
            _ => (near, near),
        }
    }

    /// A row at the picture's resolution, at least `width` long, in `made` where it is not there as it is.
    #[inline(always)]
    fn at_resolution<'a, S: Simd>(
        &'a self,
        simd: S,
        y: usize,
        width: usize,
        sums: &mut Vec<u16>,
        made: &'a mut Vec<u8>,
    ) -> &'a [u8] {
        let (near, far) = self.near_and_far(y);
        match self.upsampling {
            Upsampling::AsIs => return self.row(near),
            Upsampling::Columns => upsample::columns(simd, self.row(near), sums, made),
            Upsampling::Rows => upsample::rows(self.row(near), self.row(far), y.is_multiple_of(2), made),
            Upsampling::Both => upsample::both(simd, self.row(near), self.row(far), sums, made),
            Upsampling::Repeated => upsample::repeated(self.row(near), self.across, width, made),
        }
        made
    }
}

impl Pixels {
    /// Begins a picture, in `pixels`' memory.
    pub(super) fn start(&mut self, frame: &Frame, colour: Colour, mut pixels: Vec<u8>) {
        (self.width, self.height, self.channels) = (frame.width, frame.height, frame.channels());
        (self.colour, self.done) = (colour, 0);
        self.planes.resize_with(frame.components().len(), Samples::default);
        for (plane, component) in self.planes.iter_mut().zip(frame.components()) {
            plane.start(frame, component);
        }
        let length = self.width * self.height * self.channels;
        if pixels.capacity() < length {
            pixels = vec![0; length];
        }
        pixels.resize(length, 0);
        self.pixels = pixels;
    }

    /// Takes the samples of one block, the `column`th across and the `row`th down in its component.
    #[inline(always)]
    pub(super) fn put(&mut self, component: usize, (column, row): (usize, usize), block: &[u8; 64]) {
        let plane = &mut self.planes[component];
        let first = 8 * row % (2 * plane.strip) * plane.stride + 8 * column;
        let lines = plane.samples[first..].chunks_mut(plane.stride);
        for (to, from) in lines.zip(block.as_chunks::<8>().0) {
            to[..8].copy_from_slice(from);
        }
    }

    /// Makes the rows of pixels that a row of MCUs completes.
    #[inline(always)]
    pub(super) fn finish_strip<S: Simd>(&mut self, simd: S, strip: usize) {
        let is_there = |plane: &Samples, y: usize| {
            let (near, far) = plane.near_and_far(y);
            near.max(far) < (strip + 1) * plane.strip
        };
        while self.done < self.height && self.planes.iter().all(|plane| is_there(plane, self.done)) {
            self.make_row(simd, self.done);
            self.done += 1;
        }
    }

    #[inline(always)]
    fn make_row<S: Simd>(&mut self, simd: S, y: usize) {
        let (width, sums) = (self.width, &mut self.sums);
        let mut rows: [&[u8]; 4] = [&[]; 4];
        for ((row, plane), made) in rows.iter_mut().zip(&self.planes).zip(&mut self.rows) {
            *row = &plane.at_resolution(simd, y, width, sums, made)[..width];
        }
        let stride = width * self.channels;
        let to = &mut self.pixels[y * stride..][..stride];
        let [a, b, c, d] = rows;
        if let (Some(to_srgb), Colour::Cmyk | Colour::Ycck) = (&self.to_srgb, self.colour) {
            return colour::shown_inks(rows, self.colour == Colour::Ycck, to_srgb, &mut self.inks, to);
        }
        match self.colour {
            Colour::Grey => to.copy_from_slice(a),
            Colour::YCbCr => colour::ycc(simd, [a, b, c], to),
            Colour::Rgb => colour::rgb(simd, [a, b, c], to),
            Colour::Cmyk => colour::inks([a, b, c, d], false, to),
            Colour::Ycck => colour::inks([a, b, c, d], true, to),
        }
    }

    /// Bytes that are held from one picture to the next.
    pub(super) fn kept(&self) -> usize {
        self.planes.iter().map(|plane| plane.samples.capacity()).sum()
    }

    /// The picture's pixels.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.pixels)
    }
}

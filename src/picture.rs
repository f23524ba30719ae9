//! A decoded picture, its samples in original coordinates.

mod shrunk;

/// One or more planes of samples that together show one picture.
///
/// `width` and `height` are those of the original picture in pixels, whatever the planes hold:
/// the signatures' boxes are laid out on the original picture, and a coarser plane changes only the
/// weights that its samples get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Width of the original picture, in pixels.
    pub width: u32,
    /// Height of the original picture, in pixels.
    pub height: u32,
    /// The samples.
    pub planes: Planes,
}

/// What the samples of a [`Picture`] mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Planes {
    /// Decoded pixels: interleaved R, G, B (three channels) of 0..=255, one sample per original pixel.
    Rgb(Plane<u8>),
    /// Decoded grey pixels: one channel of 0..=255, one sample per original pixel.
    Grey(Plane<u8>),
    /// Low frequencies of a JPEG, not clamped to 0..=255: a sample is [`COARSE_ZERO`] + value · [`COARSE_UNIT`].
    Coarse {
        /// Luma Y, 0..=255 but for overshoot.
        luma: Plane<u16>,
        /// `0.687864·Cr + 1.427864·Cb` about 0, so that `R+G+B = 3·Y + colour`; `None` for a grey picture. (JFIF's factors:
        /// 1.402 − 0.714136 for Cr, 1.772 − 0.344136 for Cb.)
        colour: Option<Plane<u16>>,
    },
}

/// Samples of a coarse plane count 1/16 of a grey level.
pub const COARSE_UNIT: u16 = 16;

/// The sample of a coarse plane that stands for the value 0: values of either sign stay unsigned samples.
pub const COARSE_ZERO: u16 = 1 << 15;

/// A rectangle of samples, row after row, each covering a cell of original pixels.
///
/// Sample `(column, row)` of channel `c` is `samples[row·stride + column·channels + c]`. It covers original
/// pixels `column·cell_width ..` and `row·cell_height ..`; the last column and row may reach beyond the picture's edge
/// and count only inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plane<T> {
    /// The samples; at least `stride·(rows−1) + columns·channels` of them.
    pub samples: Vec<T>,
    /// Samples from one row to the next.
    pub stride: usize,
    /// Cells across.
    pub columns: u32,
    /// Cells down.
    pub rows: u32,
    /// Interleaved channels: 1 or 3.
    pub channels: u32,
    /// Original pixels across one cell.
    pub cell_width: u32,
    /// Original pixels down one cell.
    pub cell_height: u32,
}

impl<T> Plane<T> {
    /// A plane of decoded pixels, one sample per original pixel, rows without padding.
    ///
    /// # Panics
    ///
    /// If `samples` is shorter than `width·height·channels`.
    pub fn pixels(samples: Vec<T>, width: u32, height: u32, channels: u32) -> Plane<T> {
        let stride = width as usize * channels as usize;
        assert!(samples.len() >= stride * height as usize, "too few samples for {width}×{height}");
        Plane { samples, stride, columns: width, rows: height, channels, cell_width: 1, cell_height: 1 }
    }

    /// The samples of one row, `columns·channels` long.
    pub fn row(&self, row: usize) -> &[T] {
        let start = row * self.stride;
        &self.samples[start..start + (self.columns * self.channels) as usize]
    }
}

impl Picture {
    /// A picture of interleaved R, G, B bytes, `width·height·3` of them.
    pub fn from_rgb(samples: Vec<u8>, width: u32, height: u32) -> Picture {
        Picture { width, height, planes: Planes::Rgb(Plane::pixels(samples, width, height, 3)) }
    }

    /// A grey picture, `width·height` bytes.
    pub fn from_grey(samples: Vec<u8>, width: u32, height: u32) -> Picture {
        Picture { width, height, planes: Planes::Grey(Plane::pixels(samples, width, height, 1)) }
    }

    /// Bytes of its samples.
    pub(crate) fn bytes(&self) -> u64 {
        let bytes = match &self.planes {
            Planes::Rgb(plane) | Planes::Grey(plane) => plane.samples.len(),
            Planes::Coarse { luma, colour } => {
                2 * (luma.samples.len() + colour.as_ref().map_or(0, |plane| plane.samples.len()))
            }
        };
        bytes as u64
    }
}

//! Pixels in memory: tiles are painted on them, and they are cut, turned and mirrored as a file says.

use super::super::lengthen;
use super::numbers::Numbers;
use crate::decode::raster::boxes::Part;
use crate::error::Result;

/// Grey or R, G, B, interleaved.
#[derive(Debug)]
#[cfg_attr(test, derive(PartialEq))]
pub(super) struct Canvas {
    pub(super) width: usize,
    pub(super) height: usize,
    /// 1 for grey, 3 for R, G, B.
    pub(super) channels: usize,
    pub(super) samples: Vec<u8>,
}

/// What is done with a decoded picture (ISO/IEC 23008-12, 6.5.9, 6.5.10 and 6.5.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Left, top, width and height of what stays.
    Cut([u32; 4]),
    /// Quarters of a turn, against the clock.
    Turn(u8),
    /// Columns change places, or rows.
    Mirror { columns: bool },
}

/// The four letters of the clean aperture: also the name of a crate, which only the command may use.
const CLEAN_APERTURE: [u8; 4] = 0x636C_6170u32.to_be_bytes();

impl Change {
    /// The names of properties that change a picture.
    pub(super) const NAMES: [[u8; 4]; 3] = [CLEAN_APERTURE, *b"irot", *b"imir"];

    /// What a property does with a picture of this size; `None` for one that does nothing, and for a cut that is not of the picture, which viewers show whole.
    pub(super) fn of(property: Part<'_>, size: (u32, u32)) -> Option<Change> {
        let first = property.content.first().copied().unwrap_or_default();
        match &property.name {
            b"irot" => Some(Change::Turn(first & 3)).filter(|turn| *turn != Change::Turn(0)),
            b"imir" => Some(Change::Mirror { columns: first & 1 == 1 }),
            &CLEAN_APERTURE => {
                let cut = cut(property.content, size).filter(|cut| *cut != [0, 0, size.0, size.1])?;
                Some(Change::Cut(cut))
            }
            _ => None,
        }
    }

    /// The size after it.
    pub(super) fn size(self, (width, height): (u32, u32)) -> (u32, u32) {
        match self {
            Change::Cut([_, _, width, height]) => (width, height),
            Change::Turn(1 | 3) => (height, width),
            Change::Turn(_) | Change::Mirror { .. } => (width, height),
        }
    }
}

/// The clean aperture: its size and the distance of its middle from the picture's, each as a fraction (ISO/IEC 14496-12, 12.1.4).
fn cut(content: &[u8], (width, height): (u32, u32)) -> Option<[u32; 4]> {
    let mut numbers = Numbers::of(content);
    let mut fraction = |is_signed: bool| {
        let (above, below) = (numbers.long()?, numbers.long()?);
        let above = if is_signed { f64::from(above as i32) } else { f64::from(above) };
        (below > 0).then(|| above / f64::from(below as i32))
    };
    let (wide, high) = (fraction(false)?, fraction(false)?);
    let (right, down) = (fraction(true)?, fraction(true)?);
    let start = |side: u32, kept: f64, moved: f64| (f64::from(side) - kept) / 2.0 + moved;
    let (left, top) = (start(width, wide, right).round(), start(height, high, down).round());
    let (wide, high) = (wide.round(), high.round());
    let fits = left >= 0.0
        && top >= 0.0
        && wide >= 1.0
        && high >= 1.0
        && left + wide <= f64::from(width)
        && top + high <= f64::from(height);
    fits.then(|| [left, top, wide, high].map(|number| number as u32))
}

impl Canvas {
    /// A black canvas in `samples`' memory, where it fits.
    pub(super) fn new(
        (width, height): (usize, usize),
        channels: usize,
        mut samples: Vec<u8>,
    ) -> Result<Canvas> {
        samples.clear();
        let length = width.checked_mul(height).and_then(|pixels| pixels.checked_mul(channels));
        lengthen(&mut samples, length.unwrap_or(usize::MAX))?;
        Ok(Canvas { width, height, channels, samples })
    }

    /// The part of a row from `left` on.
    pub(super) fn row_from(&mut self, left: usize, row: usize) -> &mut [u8] {
        let line = self.width * self.channels;
        let row = self.samples.get_mut(row * line..).and_then(|rest| rest.get_mut(..line));
        row.and_then(|row| row.get_mut(left * self.channels..)).unwrap_or_default()
    }

    /// Puts another canvas here; what hangs over is left out.
    pub(super) fn put(&mut self, other: &Canvas, (left, top): (usize, usize)) {
        let channels = self.channels;
        for (row, line) in other.samples.chunks_exact((other.width * other.channels).max(1)).enumerate() {
            let to = self.row_from(left, top + row);
            match (channels, other.channels) {
                (3, 1) => to.chunks_exact_mut(3).zip(line).for_each(|(to, grey)| to.fill(*grey)),
                (1, 3) => to.iter_mut().zip(line.chunks_exact(3)).for_each(|(to, from)| *to = from[1]),
                _ => to.iter_mut().zip(line).for_each(|(to, from)| *to = *from),
            }
        }
    }

    /// The canvas changed.
    pub(super) fn changed(self, change: Change) -> Result<Canvas> {
        match change {
            Change::Mirror { columns: true } => Ok(self.columns_mirrored()),
            Change::Mirror { columns: false } => Ok(self.rows_mirrored()),
            Change::Turn(2) => Ok(self.columns_mirrored().rows_mirrored()),
            Change::Turn(1) => self.turned(|(x, y), (width, _)| (y, width - 1 - x)),
            Change::Turn(_) => self.turned(|(x, y), (_, height)| (height - 1 - y, x)),
            Change::Cut([left, top, width, height]) => {
                self.cut([left, top, width, height].map(|number| number as usize))
            }
        }
    }

    fn columns_mirrored(mut self) -> Canvas {
        let (line, channels) = (self.width * self.channels, self.channels);
        for row in self.samples.chunks_exact_mut(line.max(1)) {
            match channels {
                3 => row.as_chunks_mut::<3>().0.reverse(),
                _ => row.reverse(),
            }
        }
        self
    }

    fn rows_mirrored(mut self) -> Canvas {
        let line = self.width * self.channels;
        let (above, below) = self.samples.split_at_mut(self.height / 2 * line);
        let rows = below.chunks_exact_mut(line.max(1)).rev();
        above.chunks_exact_mut(line.max(1)).zip(rows).for_each(|(above, below)| above.swap_with_slice(below));
        self
    }

    /// A quarter turn, where `to` says where a pixel goes of a picture of this size.
    fn turned(self, to: impl Fn((usize, usize), (usize, usize)) -> (usize, usize)) -> Result<Canvas> {
        let size = (self.width, self.height);
        let mut turned = Canvas::new((self.height, self.width), self.channels, Vec::new())?;
        let (channels, across) = (self.channels, self.height);
        for (index, pixel) in self.samples.chunks_exact(channels).enumerate() {
            let (x, y) = to((index % size.0, index / size.0), size);
            let at = (y * across + x) * channels;
            if let Some(place) = turned.samples.get_mut(at..at + channels) {
                place.copy_from_slice(pixel);
            }
        }
        Ok(turned)
    }

    fn cut(self, [left, top, width, height]: [usize; 4]) -> Result<Canvas> {
        let mut kept = Canvas::new((width, height), self.channels, Vec::new())?;
        let lines = self.samples.chunks_exact((self.width * self.channels).max(1)).skip(top);
        for (to, from) in kept.samples.chunks_exact_mut((width * self.channels).max(1)).zip(lines) {
            if let Some(from) = from.get(left * self.channels..(left + width) * self.channels) {
                to.copy_from_slice(from);
            }
        }
        Ok(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canvas() -> Canvas {
        Canvas { width: 3, height: 2, channels: 1, samples: vec![1, 2, 3, 4, 5, 6] }
    }

    #[test]
    fn changes_are_those_of_viewers() {
        let cases: [(Change, (usize, usize), &[u8]); 7] = [
            (Change::Turn(1), (2, 3), &[3, 6, 2, 5, 1, 4]),
            (Change::Turn(2), (3, 2), &[6, 5, 4, 3, 2, 1]),
            (Change::Turn(3), (2, 3), &[4, 1, 5, 2, 6, 3]),
            (Change::Mirror { columns: true }, (3, 2), &[3, 2, 1, 6, 5, 4]),
            (Change::Mirror { columns: false }, (3, 2), &[4, 5, 6, 1, 2, 3]),
            (Change::Cut([1, 0, 2, 1]), (2, 1), &[2, 3]),
            (Change::Cut([0, 1, 3, 1]), (3, 1), &[4, 5, 6]),
        ];
        for (change, size, expected) in cases {
            let changed = canvas().changed(change).unwrap();
            assert_eq!((changed.width, changed.height), size, "{change:?}");
            assert_eq!(changed.samples, expected, "{change:?}");
            assert_eq!(change.size((3, 2)), (size.0 as u32, size.1 as u32), "{change:?}");
        }
    }

    #[test]
    fn a_clean_aperture_lies_around_the_middle() {
        let content = |numbers: [u32; 8]| numbers.map(u32::to_be_bytes).concat();
        assert_eq!(cut(&content([6, 1, 4, 1, 0, 1, 0, 1]), (10, 8)), Some([2, 2, 6, 4]));
        assert_eq!(cut(&content([6, 1, 4, 1, -2i32 as u32, 1, 2, 1]), (10, 8)), Some([0, 4, 6, 4]));
        for wrong in
            [[6, 1, 4, 1, -3i32 as u32, 1, 0, 1], [6, 0, 4, 1, 0, 1, 0, 1], [12, 1, 4, 1, 0, 1, 0, 1]]
        {
            assert_eq!(cut(&content(wrong), (10, 8)), None, "{wrong:?}");
        }
    }

    #[test]
    fn tiles_that_hang_over_are_cut_off() {
        let mut all = Canvas::new((4, 3), 3, Vec::new()).unwrap();
        all.put(&canvas(), (2, 1));
        let greys: Vec<u8> = all.samples.as_chunks::<3>().0.iter().map(|pixel| pixel[0]).collect();
        assert_eq!(greys, [0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 4, 5]);
        all.put(&canvas(), (0, 9));
    }
}

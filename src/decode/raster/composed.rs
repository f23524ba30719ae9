//! Frames of an animation on their canvas: what a viewer shows at each, by the rules of browsers.

use std::ops::Range;
use std::time::Duration;

use super::blank;
use crate::error::Result;

/// What is shown at a frame: the whole canvas, in R, G, B and alpha.
pub(in crate::decode) struct Shown {
    pub(in crate::decode) width: u32,
    pub(in crate::decode) height: u32,
    pub(in crate::decode) rgba: Vec<u8>,
    /// For how long, as the file says.
    pub(in crate::decode) time: Duration,
}

/// Frames one after another, from the first on. The first that is broken is the last.
pub(in crate::decode) type Composed<'a> = Box<dyn Iterator<Item = Result<Shown>> + 'a>;

/// An animation whose frames are to come.
pub(in crate::decode) struct Animation<'a> {
    /// Pixels of each frame.
    pub(in crate::decode) pixels: u64,
    /// The first frame's number: 1 where the file's own picture is none of them.
    pub(in crate::decode) number: u64,
    /// How many pictures there are with the file's own, as far as that is known.
    pub(in crate::decode) count: Option<u64>,
    pub(in crate::decode) frames: Composed<'a>,
}

/// What becomes of a frame's part of the canvas before the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// It stays.
    Keep,
    /// It is cleared to nothing. Files name a colour for that, which browsers ignore.
    Clear,
    /// It becomes what it was before.
    Restore,
}

/// Where a frame lies, in pixels; it may reach beyond the canvas.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

/// What frames are drawn on.
pub(super) struct Canvas {
    width: usize,
    height: usize,
    rgba: Vec<u8>,
    /// The last frame's place, what becomes of it, and what was there before where that comes back.
    last: Option<(Place, After, Vec<u8>)>,
}

impl Canvas {
    /// A canvas with nothing on it.
    pub(super) fn new((width, height): (usize, usize)) -> Result<Canvas> {
        let mut rgba = Vec::new();
        blank(&mut rgba, width.saturating_mul(height).saturating_mul(4))?;
        Ok(Canvas { width, height, rgba, last: None })
    }

    pub(super) fn pixels(&self) -> u64 {
        self.width as u64 * self.height as u64
    }

    /// Whether all of a frame lies on it.
    pub(super) fn holds(&self, place: Place) -> bool {
        let Place { left, top, width, height } = place;
        left.saturating_add(width) <= self.width && top.saturating_add(height) <= self.height
    }

    /// Does away with the last frame where that is asked for, and begins one: `draw` takes the rows of it that lie on the canvas, each with its number
    /// in the frame and as far as it lies there.
    pub(super) fn draw(&mut self, place: Place, after: After, mut draw: impl FnMut(usize, &mut [u8])) {
        self.end_last();
        let before = if after == After::Restore { self.copy(place) } else { Vec::new() };
        for row in 0..self.rows(place) {
            let line = self.line(place, row);
            draw(row, &mut self.rgba[line]);
        }
        self.last = Some((place, after, before));
    }

    /// What is on it, for so long.
    pub(super) fn shown(&self, time: Duration) -> Result<Shown> {
        let mut rgba = Vec::new();
        blank(&mut rgba, self.rgba.len())?;
        rgba.copy_from_slice(&self.rgba);
        Ok(Shown { width: self.width as u32, height: self.height as u32, rgba, time })
    }

    fn end_last(&mut self) {
        let Some((place, after, before)) = self.last.take() else { return };
        let mut before = before.as_slice();
        for row in 0..self.rows(place) {
            let line = self.line(place, row);
            match after {
                After::Keep => {}
                After::Clear => self.rgba[line].fill(0),
                After::Restore => {
                    let (own, rest) = before.split_at(line.len());
                    self.rgba[line].copy_from_slice(own);
                    before = rest;
                }
            }
        }
    }

    fn copy(&self, place: Place) -> Vec<u8> {
        (0..self.rows(place)).flat_map(|row| &self.rgba[self.line(place, row)]).copied().collect()
    }

    /// Rows of a frame that lie on the canvas.
    fn rows(&self, place: Place) -> usize {
        place.height.min(self.height.saturating_sub(place.top))
    }

    /// Where the bytes of a frame's row lie, as far as they are on the canvas.
    fn line(&self, place: Place, row: usize) -> Range<usize> {
        let left = place.left.min(self.width);
        let start = (place.top + row) * self.width + left;
        4 * start..4 * (start + place.width.min(self.width - left))
    }
}

/// A pixel over another.
pub(super) fn over([r, g, b, alpha]: [u8; 4], [below_r, below_g, below_b, below_alpha]: [u8; 4]) -> [u8; 4] {
    let (alpha, below) = (u32::from(alpha), u32::from(below_alpha));
    // Both with a factor of 255².
    let (own, behind) = (alpha * 255, below * (255 - alpha));
    let all = own + behind;
    let mixed = |own_colour: u8, colour: u8| {
        let sum = u32::from(own_colour) * own + u32::from(colour) * behind;
        (sum + all / 2).checked_div(all).unwrap_or(0) as u8
    };
    [mixed(r, below_r), mixed(g, below_g), mixed(b, below_b), (all / 255) as u8]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_lie_over_one_another() {
        let below = [10, 20, 30, 255];
        assert_eq!(over([200, 100, 0, 255], below), [200, 100, 0, 255]);
        assert_eq!(over([200, 100, 0, 0], below), below);
        assert_eq!(over([110, 120, 130, 51], below), [30, 40, 50, 255]);
        assert_eq!(over([7, 8, 9, 77], [1, 2, 3, 0]), [7, 8, 9, 77]);
        assert_eq!(over([7, 8, 9, 0], [1, 2, 3, 0]), [0; 4]);
    }

    /// One letter a pixel.
    fn letters(canvas: &Canvas) -> String {
        canvas
            .shown(Duration::ZERO)
            .unwrap()
            .rgba
            .chunks(4)
            .map(|pixel| char::from(pixel[0].max(b'.')))
            .collect()
    }

    #[test]
    fn frames_stay_go_or_give_back_what_was_there() {
        let mut canvas = Canvas::new((3, 2)).unwrap();
        let mut draw = |letter: u8, (left, top, width, height), after| {
            let place = Place { left, top, width, height };
            canvas.draw(place, after, |_, line| line.fill(letter));
            letters(&canvas)
        };
        assert_eq!(draw(b'a', (0, 0, 3, 2), After::Keep), "aaaaaa");
        assert_eq!(draw(b'b', (1, 0, 1, 2), After::Clear), "abaaba");
        assert_eq!(draw(b'c', (2, 1, 1, 1), After::Restore), "a.aa.c");
        // Beyond the edge nothing is drawn, cleared or kept.
        assert_eq!(draw(b'd', (2, 0, 9, 9), After::Clear), "a.da.d");
        assert_eq!(draw(b'e', (9, 9, 9, 9), After::Restore), "a..a..");
        assert_eq!(draw(b'f', (0, 1, 2, 7), After::Restore), "a..ff.");
        assert_eq!(draw(b'g', (0, 0, 0, 0), After::Keep), "a..a..");
    }
}

//! Pixels that share their chroma: luma of each, then one Cb and one Cr (TIFF 6.0, section 21).

use tiff::tags::Tag;

use super::changes::Changes;

/// How many pixels share their chroma, on a page of so many.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Clumps {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) across: u32,
    pub(super) down: u32,
}

impl Clumps {
    /// Those of a page whose samples are stored so. What a JPEG holds in itself is none of the directory's business.
    pub(super) fn of(page: &Changes<'_, '_>) -> Option<Clumps> {
        let value = |tag| page.value(tag);
        let is_so = value(Tag::PhotometricInterpretation) == Some(6)
            && value(Tag::SamplesPerPixel) == Some(3)
            && value(Tag::BitsPerSample) == Some(8)
            && value(Tag::PlanarConfiguration).unwrap_or(1) == 1
            && value(Tag::Predictor).unwrap_or(1) == 1
            && !matches!(value(Tag::Compression), Some(6 | 7));
        let sharing = page.values(Tag::ChromaSubsampling).map_or(vec![2, 2], |list| list.into_owned());
        let &[across @ (1 | 2 | 4), down @ (1 | 2 | 4)] = &sharing[..] else { return None };
        let side = |tag| u32::try_from(value(tag)?).ok();
        let (width, height) = (side(Tag::ImageWidth)?, side(Tag::ImageLength)?);
        let clumps = Clumps { width, height, across: across as u32, down: down as u32 };
        (is_so && (across, down) != (1, 1)).then_some(clumps)
    }

    /// Bytes of all of them.
    pub(super) fn bytes(&self) -> u64 {
        let (across, down) = (self.width.div_ceil(self.across), self.height.div_ceil(self.down));
        u64::from(across) * u64::from(down) * u64::from(self.across * self.down + 2)
    }

    /// Luma and chroma of every pixel, row by row.
    pub(super) fn pixels<'s>(&self, stored: &'s [u8]) -> impl Iterator<Item = [u8; 3]> + 's {
        let (width, across, down) = (self.width as usize, self.across as usize, self.down as usize);
        let clump = across * down + 2;
        let row = width.div_ceil(across) * clump;
        let height = self.height as usize;
        let pixel = move |x: usize, y: usize| {
            let clump = &stored[y / down * row + x / across * clump..][..clump];
            [clump[y % down * across + x % across], clump[across * down], clump[across * down + 1]]
        };
        (0..height).flat_map(move |y| (0..width).map(move |x| pixel(x, y)))
    }
}

impl Changes<'_, '_> {
    /// Declares samples with less chroma than luma to be grey, as wide as what belongs together is long.
    pub(super) fn chroma(&mut self) -> Option<Clumps> {
        let (width, rows, tiled) = self.cell()?;
        let clumps = Clumps::of(self)?;
        let (across, down) = (u64::from(clumps.across), u64::from(clumps.down));
        let whole = rows.is_multiple_of(down) && (!tiled || width.is_multiple_of(across));
        let one = !tiled && rows >= self.value(Tag::ImageLength)?;
        if !whole && !one {
            return None;
        }
        let bytes = |pixels: u64| pixels.div_ceil(across) * (across * down + 2);
        self.set(Tag::ImageWidth, vec![bytes(clumps.width.into())]);
        self.set(Tag::ImageLength, vec![u64::from(clumps.height).div_ceil(down)]);
        if tiled {
            self.set(Tag::TileWidth, vec![bytes(width)]);
            self.set(Tag::TileLength, vec![rows / down]);
        } else {
            self.set(Tag::RowsPerStrip, vec![rows.div_ceil(down)]);
        }
        self.set(Tag::PhotometricInterpretation, vec![1]);
        self.set(Tag::SamplesPerPixel, vec![1]);
        self.set(Tag::BitsPerSample, vec![8]);
        [Tag::ChromaSubsampling, Tag::ExtraSamples, Tag::SampleFormat]
            .into_iter()
            .for_each(|tag| self.remove(tag));
        Some(clumps)
    }
}

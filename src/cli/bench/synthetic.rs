//! Made-up pictures of stated sizes, the same on every machine.

use std::str::FromStr;

use shadegrid::decode::jpeg::made_up;

/// Megapixels of made-up JPEGs of one size, and how many there are at least and at most.
const MEGAPIXELS: f64 = 60.0;
const COUNT: (usize, usize) = (4, 200);

/// Made-up JPEGs of one size and quality.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    width: u16,
    height: u16,
    quality: u8,
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Size, String> {
        let numbers = || {
            let (width, rest) = text.split_once('x')?;
            let (height, quality) = rest.split_once('@')?;
            let side = |text: &str| text.parse().ok().filter(|side| (8..=16_384).contains(side));
            let quality = quality.parse().ok().filter(|quality| (1..=100).contains(quality))?;
            Some(Size { width: side(width)?, height: side(height)?, quality })
        };
        numbers().ok_or_else(|| {
            "a size is WIDTHxHEIGHT@QUALITY, such as 1280x800@85: sides of 8 to 16384 pixels, a quality of 1 to 100".to_string()
        })
    }
}

impl Size {
    /// As many as have about the same pixels for every size.
    pub(super) fn jpegs(&self) -> Vec<(String, Vec<u8>)> {
        let Size { width, height, quality } = *self;
        let megapixels = f64::from(width) * f64::from(height) / 1e6;
        let count = ((MEGAPIXELS / megapixels) as usize).clamp(COUNT.0, COUNT.1);
        let name = |number| format!("{width}x{height}@{quality}-{number}.jpg");
        (0..count as u32).map(|number| (name(number), made_up(width, height, quality, number))).collect()
    }
}

/// Width, height, and how many of them.
pub(super) const SIZES: [(u32, u32, u32); 4] =
    [(640, 480, 48), (1280, 800, 24), (1920, 1080, 12), (4000, 3000, 2)];

/// Uncompressed bitmaps, so that decoding costs as little as it can and the backends stand out.
pub(super) fn pictures() -> Vec<(String, Vec<u8>)> {
    let sizes =
        SIZES.into_iter().flat_map(|(width, height, count)| (0..count).map(move |n| (width, height, n)));
    sizes.map(|(width, height, n)| (format!("{width}x{height}-{n}.bmp"), bitmap(width, height, n))).collect()
}

/// Clouds, 24 bits per pixel: layers of random lattices read between their points, the finer the fainter. Like a photograph, they
/// have something of every frequency, so that no signature's bits are ties.
fn bitmap(width: u32, height: u32, number: u32) -> Vec<u8> {
    let row = (width * 3).next_multiple_of(4);
    let mut file = b"BM".to_vec();
    let planes_and_bits = 1 | 24 << 16;
    for word in
        [54 + row * height, 0, 54, 40, width, height, planes_and_bits, 0, row * height, 2835, 2835, 0, 0]
    {
        file.extend(word.to_le_bytes());
    }
    let layers = [3, 7, 17, 37, 79].map(|cells| Layer { cells, seed: number * 101 + cells });
    for y in 0..height {
        let lines = layers.map(|layer| layer.line(y * 256 / height * layer.cells));
        let end = file.len() + row as usize;
        for x in 0..width {
            let [a, b, c, d, e] =
                std::array::from_fn(|k| between(&lines[k], x * 256 / width * layers[k].cells));
            let rest = 2 * b + c + d / 2 + e / 4;
            file.extend(
                [3 * a + rest, 2 * a + b + rest, a + 2 * c + rest].map(|sum| (sum / 7).min(255) as u8),
            );
        }
        file.resize(end, 0);
    }
    file
}

/// A lattice of random values, so many cells across and down.
#[derive(Clone, Copy)]
struct Layer {
    cells: u32,
    seed: u32,
}

impl Layer {
    /// The values along a line, at `place` 256ths of a cell from the top.
    fn line(self, place: u32) -> Vec<u32> {
        let value = |column: u32, line: u32| {
            let mixed = (column ^ line << 8 ^ self.seed << 16).wrapping_mul(2_654_435_761);
            (mixed ^ mixed >> 15).wrapping_mul(2_246_822_519) >> 24
        };
        let line = |column| [value(column, place / 256), value(column, place / 256 + 1)];
        (0..self.cells + 2).map(|column| between(&line(column), place % 256)).collect()
    }
}

/// What lies at `place` 256ths along `values`.
fn between(values: &[u32], place: u32) -> u32 {
    let (at, part) = ((place / 256) as usize, place % 256);
    (values[at] * (256 - part) + values[at + 1] * part) / 256
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        assert_eq!("1280x800@85".parse(), Ok(Size { width: 1280, height: 800, quality: 85 }));
        for wrong in ["", "1280", "1280x800", "7x800@85", "8x16385@85", "1280x800@0", "1280x800@101", "ax8@5"]
        {
            assert!(wrong.parse::<Size>().is_err(), "{wrong}");
        }
        let files = Size { width: 2000, height: 1500, quality: 20 }.jpegs();
        assert_eq!((files.len(), &files[3].0[..]), (20, "2000x1500@20-3.jpg"));
    }
}

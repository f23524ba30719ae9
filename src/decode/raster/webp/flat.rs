//! Lossless pictures of one colour, recognised by their codes (WebP lossless specification).
//!
//! Where each code has one symbol, a picture's pixels take no bits at all: 42 bytes are 268 million pixels. Such a
//! picture, as encoders write it, is its colour; nothing needs decoding.

/// The one colour of a picture, of its VP8L data; `None` where it is not known to have just one.
pub(super) fn colour(data: &[u8]) -> Option<[u8; 3]> {
    let mut bits = Bits { data, at: 0 };
    // Signature, width and height less one, whether alpha is used, version.
    if (bits.take(8)?, bits.take(28)?, bits.take(1)?, bits.take(3)?).3 != 0 || data[0] != 0x2F {
        return None;
    }
    let (mut subtracted, mut palette) = (false, None);
    while bits.take(1)? == 1 {
        match bits.take(2)? {
            2 if !subtracted && palette.is_none() => subtracted = true,
            3 if palette.is_none() && !subtracted => {
                bits.take(8)?;
                palette = Some(bits.one_pixel()?);
            }
            _ => return None,
        }
    }
    // Of an index of 0, packed or not, the palette's first colour is meant.
    let cached = bits.take(1)? == 1;
    if cached && !(1..=11).contains(&bits.take(4)?) || bits.take(1)? == 1 {
        return None;
    }
    let pixel = bits.codes()?;
    let [r, g, b, _] = match palette {
        Some(first) if pixel[1] == 0 => first,
        Some(_) => return None,
        None => pixel,
    };
    Some(if subtracted { [r.wrapping_add(g), g, b.wrapping_add(g)] } else { [r, g, b] })
}

/// Bits from the lowest one up.
struct Bits<'a> {
    data: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> Option<u32> {
        let mut value = 0;
        for bit in 0..count {
            let byte = *self.data.get(self.at / 8)?;
            value |= u32::from(byte >> (self.at % 8) & 1) << bit;
            self.at += 1;
        }
        Some(value)
    }

    /// The pixel of an image that belongs to a transform, which has only one.
    fn one_pixel(&mut self) -> Option<[u8; 4]> {
        if self.take(1)? == 1 { None } else { self.codes() }
    }

    /// Red, green, blue and alpha of codes with one symbol each: the first of five is green's, the last one that of distances.
    fn codes(&mut self) -> Option<[u8; 4]> {
        let mut symbols = [0; 5];
        for symbol in &mut symbols {
            let (simple, second, is_byte) = (self.take(1)?, self.take(1)?, self.take(1)?);
            if (simple, second) != (1, 0) {
                return None;
            }
            *symbol = self.take(if is_byte == 1 { 8 } else { 1 })? as u8;
        }
        let [green, red, blue, alpha, _] = symbols;
        Some([red, green, blue, alpha])
    }
}

#[cfg(test)]
mod tests {
    use image::{ImageDecoder, codecs::webp::WebPDecoder};

    use super::*;

    /// Bits, lowest first.
    #[derive(Default)]
    struct Writer(Vec<bool>);

    impl Writer {
        fn put(mut self, value: u32, count: u32) -> Writer {
            self.0.extend((0..count).map(|bit| value >> bit & 1 == 1));
            self
        }

        fn codes(mut self, symbols: [u8; 5]) -> Writer {
            for symbol in symbols {
                self = self.put(0b101, 3).put(symbol.into(), 8);
            }
            self
        }

        fn bytes(self) -> Vec<u8> {
            let byte = |bits: &[bool]| bits.iter().enumerate().map(|(at, bit)| u8::from(*bit) << at).sum();
            self.0.chunks(8).map(byte).collect()
        }
    }

    fn header(width: u32, height: u32) -> Writer {
        Writer::default().put(0x2F, 8).put(width - 1, 14).put(height - 1, 14).put(0, 4)
    }

    /// The crate's picture of the same data.
    fn decoded(data: &[u8]) -> Vec<u8> {
        let size = data.len() as u32;
        let file = [b"RIFF", &(size + 12).to_le_bytes()[..], b"WEBPVP8L", &size.to_le_bytes(), data].concat();
        let decoder = WebPDecoder::new(std::io::Cursor::new(&file)).unwrap();
        let mut samples = vec![0; decoder.total_bytes() as usize];
        decoder.read_image(&mut samples).unwrap();
        samples
    }

    #[test]
    fn a_colour_is_what_decoding_gives() {
        let plain = |writer: Writer| writer.put(0b000, 3);
        let cases = [
            plain(header(30, 20)).codes([10, 20, 30, 255, 0]),
            // A cache of colours that is of no use.
            header(30, 20).put(0, 1).put(1, 1).put(7, 4).put(0, 1).codes([10, 20, 30, 255, 0]),
            // Green is added to red and blue.
            plain(header(17, 9).put(1, 1).put(2, 2)).codes([200, 100, 90, 255, 0]),
            // Palettes of 1, 2, 16 and 200 colours.
            plain(header(21, 9).put(1, 1).put(3, 2).put(0, 8).put(0, 1).codes([7, 8, 9, 255, 0]))
                .codes([0; 5]),
            plain(header(21, 9).put(1, 1).put(3, 2).put(1, 8).put(0, 1).codes([7, 8, 9, 255, 0]))
                .codes([0; 5]),
            plain(header(21, 9).put(1, 1).put(3, 2).put(15, 8).put(0, 1).codes([7, 8, 9, 255, 0]))
                .codes([0; 5]),
            plain(header(21, 9).put(1, 1).put(3, 2).put(199, 8).put(0, 1).codes([7, 8, 9, 255, 0]))
                .codes([0; 5]),
        ];
        for (index, case) in cases.into_iter().enumerate() {
            let data = case.bytes();
            let colour = colour(&data).unwrap_or_else(|| panic!("case {index} is not known to be flat"));
            assert!(
                decoded(&data).as_chunks::<3>().0.iter().all(|pixel| *pixel == colour),
                "case {index}: {colour:?}"
            );
        }
    }

    #[test]
    fn what_is_not_flat_or_not_known_is_decoded() {
        let two_greens = header(30, 20).put(0, 3).put(0b111, 3).put(1, 8).put(2, 8).codes([0; 5]).bytes();
        let predicted = header(30, 20)
            .put(1, 1)
            .put(0, 2)
            .put(0, 3)
            .put(0, 1)
            .codes([0; 5])
            .put(0, 3)
            .codes([0; 5])
            .bytes();
        let other_index = header(21, 9)
            .put(1, 1)
            .put(3, 2)
            .put(1, 8)
            .put(0, 1)
            .codes([7; 5])
            .put(0, 3)
            .codes([1; 5])
            .bytes();
        for (index, data) in [two_greens, predicted, other_index].iter().enumerate() {
            assert_eq!(colour(data), None, "case {index}");
        }
        let flat = header(30, 20).put(0, 3).codes([10, 20, 30, 255, 0]).bytes();
        assert_eq!(colour(&flat), Some([20, 10, 30]));
        for length in 0..flat.len() {
            assert_eq!(colour(&flat[..length]), None, "cut at {length}");
        }
    }
}

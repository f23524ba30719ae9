//! Writers of test pictures: no more than the tests need, with room for lies in the headers.

use std::io::Cursor;

/// A PNG of any colour type and depth, its data stored without compression.
pub struct Png {
    /// Pixels across and down.
    pub size: (u32, u32),
    /// Bits of a sample.
    pub depth: u8,
    /// PNG's colour type: 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGB and alpha.
    pub colour: u8,
    /// R, G, B of each index.
    pub palette: Vec<u8>,
    /// Alpha of each index.
    pub alpha: Vec<u8>,
    /// An eXIf chunk.
    pub exif: Vec<u8>,
    /// Whether the rows come in Adam7's passes; for whole bytes a pixel only.
    pub interlaced: bool,
    /// Rows without padding between them beyond whole bytes.
    pub rows: Vec<u8>,
}

impl Png {
    /// An 8-bit picture of 1 to 4 channels.
    pub fn new(size: (u32, u32), channels: usize, rows: Vec<u8>) -> Png {
        let colour = [0, 4, 2, 6][channels - 1];
        Png { size, depth: 8, colour, palette: vec![], alpha: vec![], exif: vec![], interlaced: false, rows }
    }

    /// Bytes of a row.
    fn stride(&self) -> usize {
        let samples = [1, 0, 3, 1, 2, 0, 4][usize::from(self.colour)];
        (self.size.0 as usize * samples * usize::from(self.depth)).div_ceil(8)
    }

    /// The file.
    pub fn encode(&self) -> Vec<u8> {
        let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
        let mut header = [self.size.0.to_be_bytes(), self.size.1.to_be_bytes()].concat();
        header.extend([self.depth, self.colour, 0, 0, u8::from(self.interlaced)]);
        chunk(&mut file, b"IHDR", &header);
        for (name, content) in [(b"PLTE", &self.palette), (b"tRNS", &self.alpha), (b"eXIf", &self.exif)] {
            if !content.is_empty() {
                chunk(&mut file, name, content);
            }
        }
        for part in stored(&self.filtered()).chunks(1000) {
            chunk(&mut file, b"IDAT", part);
        }
        chunk(&mut file, b"IEND", &[]);
        file
    }

    /// The rows, each after a zero for "not filtered", in the order of the file.
    fn filtered(&self) -> Vec<u8> {
        let (width, height) = (self.size.0 as usize, self.size.1 as usize);
        let rows: Vec<&[u8]> = self.rows.chunks_exact(self.stride()).take(height).collect();
        if !self.interlaced {
            return rows.into_iter().flat_map(|row| [&[0], row].concat()).collect();
        }
        let pixel = self.stride() / width;
        let passes = [
            (0, 8, 0, 8),
            (0, 8, 4, 8),
            (4, 8, 0, 4),
            (0, 4, 2, 4),
            (2, 4, 0, 2),
            (0, 2, 1, 2),
            (1, 2, 0, 1),
        ];
        let mut data = Vec::new();
        for (top, down, left, across) in passes {
            for row in rows.iter().skip(top).step_by(down).filter(|_| width > left) {
                data.push(0);
                data.extend(row.chunks_exact(pixel).skip(left).step_by(across).flatten());
            }
        }
        data
    }
}

/// Adds a chunk to a PNG.
pub fn chunk(file: &mut Vec<u8>, name: &[u8; 4], content: &[u8]) {
    file.extend((content.len() as u32).to_be_bytes());
    let start = file.len();
    file.extend(name);
    file.extend(content);
    let sum = crc(&file[start..]);
    file.extend(sum.to_be_bytes());
}

/// The checksum of a PNG chunk's name and content.
pub fn crc(bytes: &[u8]) -> u32 {
    let bit = |crc: u32| if crc & 1 == 1 { 0xEDB8_8320 ^ (crc >> 1) } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| bit(crc)))
}

/// A zlib stream of stored blocks.
fn stored(data: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let blocks = data.chunks(u16::MAX.into());
    let last = blocks.len() - 1;
    for (index, block) in blocks.enumerate() {
        let length = block.len() as u16;
        stream.push(u8::from(index == last));
        stream.extend(length.to_le_bytes());
        stream.extend((!length).to_le_bytes());
        stream.extend(block);
    }
    let (a, b) = data.iter().fold((1, 0), |(a, b), byte| {
        let a: u32 = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    stream.extend((b << 16 | a).to_be_bytes());
    stream
}

/// A 24-bit bitmap, bottom row first.
pub fn bmp(width: u32, height: u32, rgb: &[u8]) -> Vec<u8> {
    let row_bytes = (width as usize * 3).next_multiple_of(4);
    let mut file = b"BM".to_vec();
    for field in [54 + row_bytes as u32 * height, 0, 54, 40, width, height, 24 << 16 | 1, 0, 0, 0, 0, 0, 0] {
        file.extend(field.to_le_bytes());
    }
    for row in rgb.chunks_exact(width as usize * 3).rev() {
        let start = file.len();
        file.extend(row.chunks_exact(3).flat_map(|pixel| [pixel[2], pixel[1], pixel[0]]));
        file.resize(start + row_bytes, 0);
    }
    file
}

/// A little-endian TIFF of one page, uncompressed.
pub struct Tiff {
    /// Pixels across and down.
    pub size: (u32, u32),
    /// 0 white is zero, 1 black is zero, 2 RGB, 3 palette, 5 inks.
    pub photometric: u16,
    /// Bits of a sample.
    pub bits: u16,
    /// Samples of a pixel.
    pub samples: u16,
    /// Rows of a strip.
    pub rows_per_strip: u32,
    /// Reds, then greens, then blues, 16 bits each.
    pub colour_map: Vec<u16>,
    /// EXIF orientation, 1..=8.
    pub orientation: u16,
    /// Rows, each padded to whole bytes.
    pub rows: Vec<u8>,
}

impl Tiff {
    /// An 8-bit RGB or grey picture in strips of 8 rows.
    pub fn new(size: (u32, u32), samples: u16, rows: Vec<u8>) -> Tiff {
        let photometric = if samples == 1 { 1 } else { 2 };
        let colour_map = vec![];
        Tiff { size, photometric, bits: 8, samples, rows_per_strip: 8, colour_map, orientation: 1, rows }
    }

    /// The file.
    pub fn encode(&self) -> Vec<u8> {
        let row_bytes = (self.size.0 * u32::from(self.samples) * u32::from(self.bits)).div_ceil(8);
        let strip = row_bytes * self.rows_per_strip;
        let strips: Vec<u32> = (0..self.rows.len() as u32).step_by(strip as usize).collect();
        let lengths: Vec<u32> =
            strips.iter().map(|start| strip.min(self.rows.len() as u32 - start)).collect();
        let tags = if self.colour_map.is_empty() { 11 } else { 12 };
        let after = 8 + 2 + 12 * tags + 4;
        let bits_at = after;
        let offsets_at = bits_at + 2 * u32::from(self.samples);
        let lengths_at = offsets_at + 4 * strips.len() as u32;
        let map_at = lengths_at + 4 * strips.len() as u32;
        let pixels_at = map_at + 2 * self.colour_map.len() as u32;
        let mut file = b"II*\0\x08\0\0\0".to_vec();
        file.extend((tags as u16).to_le_bytes());
        let many = |count: usize, single: u32, at: u32| if count == 1 { single } else { at };
        let bits =
            if self.samples <= 2 { u32::from(self.bits) << 16 | u32::from(self.bits) } else { bits_at };
        let mut entries: Vec<(u16, u16, u32, u32)> = vec![
            (256, 4, 1, self.size.0),
            (257, 4, 1, self.size.1),
            (258, 3, u32::from(self.samples), bits),
            (259, 3, 1, 1),
            (262, 3, 1, self.photometric.into()),
            (273, 4, strips.len() as u32, many(strips.len(), pixels_at, offsets_at)),
            (274, 3, 1, self.orientation.into()),
            (277, 3, 1, self.samples.into()),
            (278, 4, 1, self.rows_per_strip),
            (279, 4, strips.len() as u32, many(strips.len(), lengths[0], lengths_at)),
            (284, 3, 1, 1),
        ];
        if tags == 12 {
            entries.push((320, 3, self.colour_map.len() as u32, map_at));
        }
        for (tag, kind, count, value) in entries {
            file.extend(tag.to_le_bytes());
            file.extend(kind.to_le_bytes());
            file.extend(count.to_le_bytes());
            file.extend(value.to_le_bytes());
        }
        file.extend([0; 4]);
        file.extend((0..self.samples).flat_map(|_| self.bits.to_le_bytes()));
        file.extend(strips.iter().flat_map(|start| (pixels_at + start).to_le_bytes()));
        file.extend(lengths.iter().flat_map(|length| length.to_le_bytes()));
        file.extend(self.colour_map.iter().flat_map(|value| value.to_le_bytes()));
        file.extend(&self.rows);
        file
    }
}

/// A GIF of one frame at a place on its canvas.
pub fn gif(canvas: (u16, u16), frame: gif::Frame<'_>, palette: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    gif::Encoder::new(&mut file, canvas.0, canvas.1, palette).unwrap().write_frame(&frame).unwrap();
    file
}

/// An animated GIF of these pictures of one size, each with colours of its own.
pub fn animation(pictures: &[image::RgbImage]) -> Vec<u8> {
    let (width, height) = pictures[0].dimensions();
    let mut file = Vec::new();
    let mut encoder = gif::Encoder::new(&mut file, width as u16, height as u16, &[]).unwrap();
    for picture in pictures {
        let frame = gif::Frame::from_rgb_speed(width as u16, height as u16, picture.as_raw(), 10);
        encoder.write_frame(&frame).unwrap();
    }
    drop(encoder);
    file
}

/// A lossless WebP of 3 or 4 channels.
pub fn webp(width: u32, height: u32, samples: &[u8]) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    let colour = match samples.len() / (width * height) as usize {
        3 => image::ExtendedColorType::Rgb8,
        _ => image::ExtendedColorType::Rgba8,
    };
    let encoder = image::codecs::webp::WebPEncoder::new_lossless(&mut file);
    encoder.encode(samples, width, height, colour).unwrap();
    file.into_inner()
}

/// A TIFF-structured EXIF block that says no more than an orientation.
pub fn exif(orientation: u16) -> Vec<u8> {
    let mut block = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01".to_vec();
    block.extend(orientation.to_be_bytes());
    block.extend([0; 6]);
    block
}

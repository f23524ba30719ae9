//! Made-up pictures of stated sizes, the same on every machine.

/// Width, height, and how many of them.
pub(super) const SIZES: [(u32, u32, u32); 4] =
    [(640, 480, 48), (1280, 800, 24), (1920, 1080, 12), (4000, 3000, 2)];

/// Uncompressed bitmaps, so that decoding costs as little as it can and the backends stand out.
pub(super) fn pictures() -> Vec<(String, Vec<u8>)> {
    let sizes =
        SIZES.into_iter().flat_map(|(width, height, count)| (0..count).map(move |n| (width, height, n)));
    sizes.map(|(width, height, n)| (format!("{width}x{height}-{n}.bmp"), bitmap(width, height, n))).collect()
}

/// Waves of several lengths with some noise, 24 bits a pixel.
fn bitmap(width: u32, height: u32, number: u32) -> Vec<u8> {
    let row = (width * 3).next_multiple_of(4);
    let mut file = b"BM".to_vec();
    let planes_and_bits = 1 | 24 << 16;
    for word in
        [54 + row * height, 0, 54, 40, width, height, planes_and_bits, 0, row * height, 2835, 2835, 0, 0]
    {
        file.extend(word.to_le_bytes());
    }
    let wave = |x: u32, length: u32| {
        let phase = x % length;
        phase.min(length - phase) * 510 / length
    };
    for y in 0..height {
        for x in 0..row {
            let coarse = wave(x + 37 * number, width * 2 / 3) + wave(y + 11 * number, height / 2);
            let fine = wave(x + y, 97);
            let noise = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(2_246_822_519)) >> 28;
            file.push(((coarse * 3 + fine + noise) / 7).min(255) as u8);
        }
    }
    file
}

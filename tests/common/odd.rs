//! Files as people have them, that viewers show and libraries refuse: made of the tests' plain ones.

use weezl::{BitOrder, encode::Encoder};

use super::encode::{Tiff, chunk};

/// The bitmap with a header of this length: Windows' fields as far as they go, zeros behind them.
pub fn bmp_header(file: &[u8], length: usize) -> Vec<u8> {
    let mut header = file[14..54].to_vec();
    header.resize(length, 0);
    header[..4].copy_from_slice(&(length as u32).to_le_bytes());
    let mut head = file[..14].to_vec();
    head[10..14].copy_from_slice(&(14 + length as u32).to_le_bytes());
    [&head, &header, &file[54..]].concat()
}

/// The bitmap with three or four masks behind its header, and this compression.
pub fn bmp_masks(file: &[u8], compression: u8, masks: &[u32]) -> Vec<u8> {
    let mut head = file[..54].to_vec();
    head[10] += 4 * masks.len() as u8;
    head[30] = compression;
    let masks: Vec<u8> = masks.iter().flat_map(|mask| mask.to_le_bytes()).collect();
    [&head, &masks, &file[54..]].concat()
}

/// The chunks of a PNG: name and content.
pub fn chunks(file: &[u8]) -> Vec<([u8; 4], Vec<u8>)> {
    let (mut chunks, mut rest) = (vec![], &file[8..]);
    while rest.len() >= 12 {
        let length = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
        chunks.push((rest[4..8].try_into().unwrap(), rest[8..8 + length].to_vec()));
        rest = &rest[12 + length..];
    }
    chunks
}

/// The PNG of these chunks.
pub fn png(chunks: &[([u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    chunks.iter().for_each(|(name, content)| chunk(&mut file, name, content));
    file
}

/// The PNG as Apple's tools store it: a chunk before its header, and no zlib around its data.
pub fn apples(file: &[u8]) -> Vec<u8> {
    let chunks = chunks(file);
    let data: Vec<u8> =
        chunks.iter().filter(|(name, _)| name == b"IDAT").flat_map(|(_, data)| data.clone()).collect();
    let mut apples = vec![(*b"CgBI", vec![0x50, 0, 0x20, 6]), chunks[0].clone()];
    apples.extend(data[2..data.len() - 4].chunks(777).map(|part| (*b"IDAT", part.to_vec())));
    apples.push((*b"IEND", vec![]));
    png(&apples)
}

/// Where the entry of a tag lies in a little-endian TIFF whose directory lies at 8.
pub fn entry(file: &[u8], tag: u16) -> usize {
    let mut places = (0..usize::from(file[8])).map(|index| 10 + 12 * index);
    places.find(|at| file[*at..at + 2] == tag.to_le_bytes()).unwrap()
}

/// Writes another entry over that of a tag.
pub fn set(file: &mut [u8], tag: u16, (other, kind, count, value): (u16, u16, u32, u32)) {
    let at = entry(file, tag);
    let fields = [&other.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), &value.to_le_bytes()];
    file[at..at + 12].copy_from_slice(&fields.concat());
}

/// The same TIFF with the one strip that it has packed as before TIFF 6.0, and the bits of codes from the low end.
pub fn old_lzw(tiff: &Tiff) -> Vec<u8> {
    let mut file = tiff.encode();
    let start = file.len() - tiff.rows.len();
    let packed = Encoder::new(BitOrder::Lsb, 8).encode(&tiff.rows).unwrap();
    file.truncate(start);
    file.extend(&packed);
    set(&mut file, 259, (259, 3, 1, 5));
    set(&mut file, 279, (279, 4, 1, packed.len() as u32));
    file
}

/// A TIFF in which blocks of pixels share their chroma: luma of each, Cb, Cr.
pub fn shared_chroma(size: (u32, u32), (across, down): (u32, u32), clumps: Vec<u8>) -> Vec<u8> {
    let stored = (size.0.div_ceil(across) * (across * down + 2), size.1.div_ceil(down));
    let mut file = Tiff { rows_per_strip: 4, ..Tiff::new(stored, 1, clumps) }.encode();
    set(&mut file, 256, (256, 4, 1, size.0));
    set(&mut file, 257, (257, 4, 1, size.1));
    set(&mut file, 262, (262, 3, 1, 6));
    set(&mut file, 277, (277, 3, 1, 3));
    set(&mut file, 278, (278, 4, 1, 4 * down));
    set(&mut file, 274, (530, 3, 2, down << 16 | across));
    file
}

/// A WebP of these chunks behind the long header with these flags, for a picture of this size.
pub fn webp(flags: u8, (width, height): (u32, u32), chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let size = [&(width - 1).to_le_bytes()[..3], &(height - 1).to_le_bytes()[..3]].concat();
    let header = [&[flags, 0, 0, 0][..], &size].concat();
    let mut body = b"WEBP".to_vec();
    for (name, content) in [(b"VP8X", &header[..])].iter().chain(chunks) {
        body.extend(&name[..]);
        body.extend((content.len() as u32).to_le_bytes());
        body.extend(&content[..]);
        body.resize(body.len().next_multiple_of(2), 0);
    }
    [b"RIFF", &(body.len() as u32).to_le_bytes()[..], &body].concat()
}

/// A TIFF of two pages, little-endian and uncompressed, of which the first says that it is a reduced picture.
pub fn pages(first: &[u8], second: &[u8]) -> Vec<u8> {
    let mut file = first.to_vec();
    let shift = file.len() as u32;
    let number = |file: &[u8], at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    // The second page's places in the file, moved.
    let mut moved = second.to_vec();
    let directory = number(second, 4) as usize;
    let entries = usize::from(u16::from_le_bytes([second[directory], second[directory + 1]]));
    for at in (0..entries).map(|entry| directory + 2 + 12 * entry) {
        let (tag, kind) = (
            u16::from_le_bytes([second[at], second[at + 1]]),
            u16::from_le_bytes([second[at + 2], second[at + 3]]),
        );
        let is_place = number(second, at + 4) * if kind == 3 { 2 } else { 4 } > 4 || tag == 273;
        if is_place {
            let value = number(second, at + 8) + shift;
            moved[at + 8..at + 12].copy_from_slice(&value.to_le_bytes());
        }
    }
    file.extend(moved);
    // A new first directory, with NewSubfileType 1 before the others and the second behind it.
    let directory = number(first, 4) as usize;
    let entries = usize::from(u16::from_le_bytes([first[directory], first[directory + 1]]));
    let place = file.len() as u32;
    let mut new = (entries as u16 + 1).to_le_bytes().to_vec();
    new.extend([254u16.to_le_bytes(), 4u16.to_le_bytes()].concat());
    new.extend([1u32.to_le_bytes(), 1u32.to_le_bytes()].concat());
    new.extend(&first[directory + 2..directory + 2 + 12 * entries]);
    new.extend((shift + number(second, 4)).to_le_bytes());
    file.extend(new);
    file[4..8].copy_from_slice(&place.to_le_bytes());
    file
}

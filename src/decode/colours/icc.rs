//! Which ICC profiles browsers take, by their headers and tables of tags (ICC.1:2022, 7.2 and 7.3), as skcms judges them.

/// Bytes of the header with the number of tags, and of each tag's entry.
const HEAD: usize = 132;
const ENTRY: usize = 12;

/// Where the header has the profile's size, version, colours, connection space, signature and illuminant.
const VERSION: usize = 8;
const COLOURS: usize = 16;
const CONNECTION: usize = 20;
const SIGNATURE: usize = 36;
const ILLUMINANT: usize = 68;

/// The newest version.
const NEWEST: u8 = 4;

/// X, Y and Z of D50, and how far an illuminant may be from them.
const D50: [f64; 3] = [0.9642, 1.0, 0.8249];
const FAR: f64 = 0.01;

/// Whether browsers take a profile.
pub(super) fn is_taken(icc: &[u8]) -> bool {
    tags(icc).is_some_and(|tags| {
        let has = |names: &[&[u8; 4]]| names.iter().all(|name| tags.contains(*name));
        let is_grey = four(icc, COLOURS) == Some(*b"GRAY");
        let is_xyz = four(icc, CONNECTION) == Some(*b"XYZ ");
        has(&[b"A2B0"])
            || has(&[b"A2B1"])
            || is_grey && is_xyz && has(&[b"kTRC"])
            || !is_grey && has(&[b"rTRC", b"gTRC", b"bTRC", b"rXYZ", b"gXYZ", b"bXYZ"])
    })
}

/// Makes a profile of other colours, such as L\*a\*b\*, one of red, green and blue; those of grey and of inks stay.
pub(in crate::decode) fn take_as_rgb(icc: &mut [u8]) {
    if let Some(colours) = icc.get_mut(COLOURS..COLOURS + 4)
        && !matches!(&*colours, b"GRAY" | b"CMYK")
    {
        colours.copy_from_slice(b"RGB ");
    }
}

/// The names of a profile's tags; `None` where its header or one of them is not as it should be.
fn tags(icc: &[u8]) -> Option<Vec<[u8; 4]>> {
    let size = u32::from_be_bytes(four(icc, 0)?) as usize;
    let (profile, count) = (icc.get(..size)?, u32::from_be_bytes(four(icc, HEAD - 4)?) as usize);
    let near = |(index, expected): (usize, &f64)| {
        let value = four(icc, ILLUMINANT + 4 * index).map(i32::from_be_bytes);
        value.is_some_and(|value| (f64::from(value) / 65_536.0 - expected).abs() <= FAR)
    };
    let is_right = four(icc, SIGNATURE)? == *b"acsp"
        && icc[VERSION] <= NEWEST
        && matches!(&four(icc, CONNECTION)?, b"XYZ " | b"Lab ")
        && D50.iter().enumerate().all(near);
    let table = profile.get(HEAD..)?.get(..count.checked_mul(ENTRY)?)?;
    let name = |entry: &[u8; ENTRY]| {
        let (from, length) = (u32::from_be_bytes(four(entry, 4)?), u32::from_be_bytes(four(entry, 8)?));
        let is_inside = u64::from(from) + u64::from(length) <= size as u64 && length >= 4;
        four(entry, 0).filter(|_| is_inside)
    };
    is_right.then(|| table.as_chunks::<ENTRY>().0.iter().map(name).collect())?
}

fn four(bytes: &[u8], at: usize) -> Option<[u8; 4]> {
    bytes.get(at..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use moxcms::ColorProfile;

    use super::*;

    #[test]
    fn browsers_take_profiles_that_are_whole() {
        let (rgb, grey) = (ColorProfile::new_srgb(), ColorProfile::new_gray_with_gamma(2.2));
        let [rgb, grey] = [rgb, grey].map(|profile| profile.encode().unwrap());
        assert!(is_taken(&rgb) && is_taken(&grey) && is_taken(&[&rgb[..], b"behind"].concat()));
        let with = |profile: &[u8], at: usize, bytes: &[u8]| {
            let mut changed = profile.to_vec();
            changed[at..at + bytes.len()].copy_from_slice(bytes);
            is_taken(&changed)
        };
        assert!(!is_taken(&rgb[..rgb.len() - 1]), "its size says more");
        assert!(!with(&rgb, VERSION, &[5]) && !with(&rgb, SIGNATURE, b"xxxx"));
        assert!(!with(&rgb, CONNECTION, b"RGB ") && with(&rgb, CONNECTION, b"Lab "));
        assert!(!with(&grey, CONNECTION, b"Lab "), "grey needs Y");
        assert!(!with(&rgb, ILLUMINANT, &[0, 0, 0xF0, 0]), "not D50");
        assert!(!with(&rgb, HEAD - 4, &[0xFF; 4]) && !with(&rgb, HEAD - 4, &[0; 4]), "number of tags");
        assert!(!with(&rgb, HEAD + 4, &[0xFF; 4]), "a tag outside");
        let red = rgb.windows(4).position(|name| name == b"rXYZ").unwrap();
        assert!(!with(&rgb, red, b"xXYZ"));
        assert!(!is_taken(b"") && !is_taken(&rgb[..HEAD]));
    }
}

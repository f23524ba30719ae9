//! The structs that callers are given: what one picture gave, in memory of the caller's.

use std::ffi::c_char;

use shadegrid::hasher::FLAT_STRENGTH;
use shadegrid::{FaceHash, Flag, PdqHash, PdqPath, PhotoDnaHash};

use crate::status::{Failure, SHADEGRID_OK};
use crate::text;

/// `photodna` holds a signature. The six are bits of `has`.
pub const SHADEGRID_HAS_PHOTODNA: u32 = 1;
/// `strength` is known.
pub const SHADEGRID_HAS_STRENGTH: u32 = 2;
/// `pdq` holds a signature.
pub const SHADEGRID_HAS_PDQ: u32 = 4;
/// `quality` is known.
pub const SHADEGRID_HAS_QUALITY: u32 = 8;
/// `pdq_orientations` holds eight signatures.
pub const SHADEGRID_HAS_PDQ_ORIENTATIONS: u32 = 16;
/// `pdq512` holds a signature, and `quality512` is known.
pub const SHADEGRID_HAS_PDQ512: u32 = 32;

/// The PhotoDNA-class signature is mostly noise: `strength` is under 400. These are bits of `flags`.
pub const SHADEGRID_FLAG_FLAT: u32 = 1;
/// A side is under 50 pixels.
pub const SHADEGRID_FLAG_SMALL: u32 = 2;
/// The file breaks off or is broken inside; `decoded` says how much of it is there.
pub const SHADEGRID_FLAG_DAMAGED: u32 = 4;
/// Some pixel is not opaque: what is seen depends on what lies behind.
pub const SHADEGRID_FLAG_ALPHA: u32 = 8;
/// A colour profile or gamma moves the picture noticeably.
pub const SHADEGRID_FLAG_PROFILE: u32 = 16;
/// There are further frames.
pub const SHADEGRID_FLAG_ANIMATED: u32 = 32;
/// Viewers turn the picture.
pub const SHADEGRID_FLAG_ORIENTED: u32 = 64;
/// Decoders do not agree on what is shown.
pub const SHADEGRID_FLAG_UNUSUAL: u32 = 128;
/// There are further pages, or pictures.
pub const SHADEGRID_FLAG_PAGES: u32 = 256;

/// A PDQ signature was computed in exact integers.
pub const SHADEGRID_PDQ_PATH_FAST: u8 = 0;
/// A PDQ signature was computed by the definition's own 32-bit floats, because many coefficients tie at the median.
pub const SHADEGRID_PDQ_PATH_REFERENCE: u8 = 1;

/// Signatures of one picture, and what is needed to judge them. It is also what a gallery is asked for: shadegrid_gallery_find.
///
/// Its size is part of the ABI version: later versions may use `reserved`, and a new bit of `has` says that they did.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Signatures {
    /// Which members hold something, bits SHADEGRID_HAS_*; the others are 0.
    pub has: u32,
    /// Quality of `pdq`, 0 to 100; signatures under 50 should not be matched.
    pub quality: u8,
    /// Quality of `pdq512`.
    pub quality512: u8,
    /// A constant SHADEGRID_PDQ_PATH_* for `pdq`.
    pub pdq_path: u8,
    /// The same for `pdq512`.
    pub pdq512_path: u8,
    /// Length of the gradient vector before `photodna` was normalised: how much there is to see. Under 400: flat.
    pub strength: f64,
    /// The PhotoDNA-class signature: 6x6 cells of 4 gradient sums.
    pub photodna: [u8; 144],
    /// The PDQ signature, bit 255 first.
    pub pdq: [u8; 32],
    /// PDQ of the picture at 512x512 pixels.
    pub pdq512: [u8; 32],
    /// `pdq` of the picture in all eight orientations, numbered as the constants SHADEGRID_ORIENTATION_*.
    pub pdq_orientations: [[u8; 32]; 8],
    /// 0.
    pub reserved: [u8; 32],
}

/// What one picture gave: signatures (`status` is SHADEGRID_OK), or why there are none.
///
/// Its size is part of the ABI version: later versions may use `reserved`. Texts end with a NUL and are cut where they are longer.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Hashed {
    /// SHADEGRID_OK, or why there is no signature.
    pub status: i32,
    /// Bits SHADEGRID_FLAG_*.
    pub flags: u32,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Further pictures that the file shows: see shadegrid_hasher_face.
    pub faces: u32,
    /// The share of rows, 0 to 1, that came out whole; 1 for an undamaged picture.
    pub decoded: f32,
    /// The format by the first bytes: "jpeg", "png", "webp", "gif", "bmp", "tiff"; "" for pixels.
    pub format: [c_char; 16],
    /// How much was decoded: "full" for every pixel, "scaled-2" for the lowest 2x2 frequencies of each block.
    pub detail: [c_char; 16],
    /// The face that the signatures are of, where that is not the stored pixels; else "".
    pub face: [c_char; 32],
    /// The option that the picture is over, such as "max_pixels", where `status` is SHADEGRID_LIMIT; "" where the machine has no more.
    pub limit: [c_char; 24],
    /// Why there is no signature, for people; "" where there is one. Holds no signature and may be logged.
    pub message: [c_char; 256],
    /// Signatures of the stored pixels, or of `face`.
    pub signatures: Signatures,
    /// 0.
    pub reserved: [u8; 16],
}

/// A further picture that a file shows: what viewers put in the place of the stored pixels.
///
/// Its size is part of the ABI version.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Face {
    /// What is shown, words joined by "-": "white" or "black" behind transparent pixels, "profile", "first", "longest" or "last" frame, "page",
    /// "scans", "browser".
    pub name: [c_char; 32],
    /// Its signatures.
    pub signatures: Signatures,
}

// What C copies and compares has no bytes that nobody wrote.
const _: () = assert!(size_of::<Signatures>() == 512);
const _: () = assert!(size_of::<Hashed>() == 896 && size_of::<Face>() == 544);

impl Signatures {
    const NONE: Signatures = Signatures {
        has: 0,
        quality: 0,
        quality512: 0,
        pdq_path: 0,
        pdq512_path: 0,
        strength: 0.0,
        photodna: [0; 144],
        pdq: [0; 32],
        pdq512: [0; 32],
        pdq_orientations: [[0; 32]; 8],
        reserved: [0; 32],
    };

    fn new(photodna: Option<&PhotoDnaHash>, pdq: Option<&PdqHash>, pdq512: Option<&PdqHash>) -> Signatures {
        let mut all = Signatures::NONE;
        if let Some(hash) = photodna {
            all.has |= SHADEGRID_HAS_PHOTODNA | SHADEGRID_HAS_STRENGTH;
            (all.photodna, all.strength) = (hash.signature.0, hash.strength);
        }
        if let Some(hash) = pdq {
            all.has |= SHADEGRID_HAS_PDQ | SHADEGRID_HAS_QUALITY;
            (all.pdq, all.quality, all.pdq_path) = (hash.signature.0, hash.quality, path(hash.path));
            if let Some(orientations) = hash.orientations {
                all.has |= SHADEGRID_HAS_PDQ_ORIENTATIONS;
                all.pdq_orientations = orientations.map(|signature| signature.0);
            }
        }
        if let Some(hash) = pdq512 {
            all.has |= SHADEGRID_HAS_PDQ512;
            (all.pdq512, all.quality512, all.pdq512_path) = (hash.signature.0, hash.quality, path(hash.path));
        }
        all
    }

    /// Whether these bits of `has` are set.
    pub(crate) fn has(&self, bits: u32) -> bool {
        self.has & bits == bits
    }

    /// Whether the PhotoDNA-class signature is of a nearly flat picture, as far as that is known.
    pub(crate) fn is_flat(&self) -> bool {
        self.has(SHADEGRID_HAS_STRENGTH) && self.strength < FLAT_STRENGTH
    }
}

fn path(path: PdqPath) -> u8 {
    match path {
        PdqPath::Fast => SHADEGRID_PDQ_PATH_FAST,
        PdqPath::Reference => SHADEGRID_PDQ_PATH_REFERENCE,
    }
}

/// A flag's bit: they are numbered as the library orders them.
fn flag_bit(flag: Flag) -> u32 {
    1 << flag as u32
}

impl Hashed {
    pub(crate) fn new(hashed: &shadegrid::Hashed) -> Hashed {
        Hashed {
            status: SHADEGRID_OK,
            flags: hashed.flags().fold(0, |all, flag| all | flag_bit(flag)),
            width: hashed.width,
            height: hashed.height,
            faces: hashed.faces.len() as u32,
            decoded: hashed.whole.unwrap_or(1.0),
            format: hashed.format.map_or([0; 16], |format| text::array(format.name())),
            detail: text::array(&hashed.detail.to_string()),
            face: hashed.face.map_or([0; 32], |face| text::array(&face.to_string())),
            limit: [0; 24],
            message: [0; 256],
            signatures: Signatures::new(
                hashed.photodna.as_ref(),
                hashed.pdq.as_ref(),
                hashed.pdq512.as_ref(),
            ),
            reserved: [0; 16],
        }
    }

    pub(crate) fn failed(failure: &Failure) -> Hashed {
        Hashed {
            status: failure.status,
            flags: 0,
            width: 0,
            height: 0,
            faces: 0,
            decoded: 0.0,
            format: [0; 16],
            detail: [0; 16],
            face: [0; 32],
            limit: text::array(&failure.limit),
            message: text::array(&failure.message),
            signatures: Signatures::NONE,
            reserved: [0; 16],
        }
    }
}

impl Face {
    pub(crate) fn new(hash: &FaceHash) -> Face {
        let FaceHash { face, photodna, pdq, pdq512, .. } = hash;
        Face {
            name: text::array(&face.to_string()),
            signatures: Signatures::new(photodna.as_ref(), pdq.as_ref(), pdq512.as_ref()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_those_of_the_flags() {
        let all = [
            (Flag::Flat, SHADEGRID_FLAG_FLAT),
            (Flag::Small, SHADEGRID_FLAG_SMALL),
            (Flag::Damaged, SHADEGRID_FLAG_DAMAGED),
            (Flag::Alpha, SHADEGRID_FLAG_ALPHA),
            (Flag::Profile, SHADEGRID_FLAG_PROFILE),
            (Flag::Animated, SHADEGRID_FLAG_ANIMATED),
            (Flag::Oriented, SHADEGRID_FLAG_ORIENTED),
            (Flag::Unusual, SHADEGRID_FLAG_UNUSUAL),
            (Flag::Pages, SHADEGRID_FLAG_PAGES),
        ];
        for (flag, bit) in all {
            assert_eq!(flag_bit(flag), bit, "{}", flag.name());
        }
    }
}

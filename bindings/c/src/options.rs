//! The structs that callers fill: a first member that says how long they are, defaults, and what is a wrong value.

use std::mem::offset_of;

use shadegrid::gallery::SearchOptions;
use shadegrid::{
    Algorithm, Alpha, DamagedPolicy, DecodeOptions, DetailChoice, Engine, Faces, HashOptions, Limits, Orient,
};

use crate::status::{Failure, guarded_status};

/// The PhotoDNA-class signature, 144 bytes. Distance: squared Euclidean. The three are bits of `algorithms`.
pub const SHADEGRID_PHOTODNA: u32 = 1;
/// PDQ on the picture at full resolution, 256 bits. Distance: Hamming.
pub const SHADEGRID_PDQ: u32 = 2;
/// PDQ on the picture brought to 512x512 pixels first. Distance: Hamming.
pub const SHADEGRID_PDQ512: u32 = 4;

/// As much of a JPEG is read as the signatures need.
pub const SHADEGRID_DETAIL_AUTO: i32 = 0;
/// Every pixel. Positive values 1, 2, 3, 4, 6 and 8 are the lowest nxn frequencies of each block.
pub const SHADEGRID_DETAIL_FULL: i32 = -1;
/// As SHADEGRID_DETAIL_AUTO, and never every pixel of a JPEG whose blocks can be read at all.
pub const SHADEGRID_DETAIL_SCALED: i32 = -2;

/// The stored pixels are hashed, as every exchanged list does.
pub const SHADEGRID_ORIENT_IGNORE: i32 = 0;
/// The picture is turned as its EXIF metadata says first.
pub const SHADEGRID_ORIENT_EXIF: i32 = 1;

/// A damaged picture is hashed as a browser shows it; it has SHADEGRID_FLAG_DAMAGED.
pub const SHADEGRID_DAMAGED_HASH: i32 = 0;
/// A damaged picture is SHADEGRID_CORRUPT.
pub const SHADEGRID_DAMAGED_REFUSE: i32 = 1;

/// The stored pixels are hashed, and what else viewers show: see shadegrid_hasher_face.
pub const SHADEGRID_FACES_ALL: i32 = 0;
/// The stored pixels alone.
pub const SHADEGRID_FACES_STORED: i32 = 1;
/// What viewers show: where that is not the stored pixels, it takes their place, and `face` names it.
pub const SHADEGRID_FACES_SHOWN: i32 = 2;

/// Pixels that are not opaque count as the colours that they store, as lists are made of: the default.
pub const SHADEGRID_ALPHA_DROP: i32 = 0;
/// They are hashed over white.
pub const SHADEGRID_ALPHA_WHITE: i32 = 1;
/// They are hashed over black.
pub const SHADEGRID_ALPHA_BLACK: i32 = 2;

/// What is hashed, and how. shadegrid_options_init fills it; members are changed afterwards.
///
/// Later versions may add members at the end. `size` says which of them a program knows, so that programs compiled before keep working.
#[repr(C)]
#[derive(Debug, Clone)]
pub struct Options {
    /// Bytes of this struct, as the program was compiled; shadegrid_options_init sets it.
    pub size: usize,
    /// Memory in bytes that files and pictures in flight may take together; 0: 256 MiB per thread and at least 1 GiB, and no more
    /// than half of what the machine, the container and the process allow.
    pub memory: u64,
    /// Largest width * height, in pixels.
    pub max_pixels: u64,
    /// Most pixels per byte of the file, asked of pictures over 12,582,912 pixels.
    pub max_pixels_per_byte: u64,
    /// Longest encoded file, in bytes.
    pub max_file_bytes: u64,
    /// Most memory that decoding one picture may take, in bytes.
    pub max_decoder_bytes: u64,
    /// Longest side, in pixels.
    pub max_side: u32,
    /// Most scans of a progressive JPEG.
    pub max_scans: u32,
    /// Bits: SHADEGRID_PHOTODNA, SHADEGRID_PDQ, SHADEGRID_PDQ512. Default: the first two.
    pub algorithms: u32,
    /// Threads of shadegrid_hash_many; 0: as many as the machine runs at once.
    pub threads: u32,
    /// A constant SHADEGRID_DETAIL_*, or 1, 2, 3, 4, 6, 8.
    pub detail: i32,
    /// A constant SHADEGRID_ORIENT_*.
    pub orient: i32,
    /// A constant SHADEGRID_DAMAGED_*.
    pub damaged: i32,
    /// A constant SHADEGRID_FACES_*.
    pub faces: i32,
    /// 1: `pdq_orientations` are computed. Default 0.
    pub orientations: u32,
    /// A constant SHADEGRID_ALPHA_*.
    pub alpha: i32,
}

/// What counts as a match. shadegrid_search_init fills it; members are changed afterwards. It grows as shadegrid_options does.
#[repr(C)]
#[derive(Debug, Clone)]
pub struct Search {
    /// Bytes of this struct, as the program was compiled; shadegrid_search_init sets it.
    pub size: usize,
    /// At most so many matches per query and algorithm, the nearest ones; 0: all.
    pub nearest: u64,
    /// Which signatures are looked up, bits: SHADEGRID_PHOTODNA, SHADEGRID_PDQ. Default: both.
    pub algorithms: u32,
    /// Largest squared Euclidean distance of a match. Default 40,000.
    pub photodna_threshold: u32,
    /// Largest Hamming distance of a match, 0 to 256. Default 31.
    pub pdq_threshold: u32,
    /// 1: an entry counts only where both distances are within their thresholds, in the same orientation. Default 0.
    pub joint: u32,
    /// 1: queries are turned and mirrored in all eight ways. Default 0.
    pub all_orientations: u32,
    /// 1: signatures of nearly flat pictures match too. Default 0.
    pub include_flat: u32,
    /// Smallest PDQ quality, of query and entry, at which PDQ signatures match, where the quality is known. Default 50.
    pub quality_min: u32,
}

/// Fills the options with their defaults. `size` is sizeof(shadegrid_options).
///
/// SHADEGRID_ARGUMENT: `options` is null, or the library knows no options of this size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shadegrid_options_init(options: *mut Options, size: usize) -> i32 {
    // SAFETY: the caller passes null or room for `size` bytes.
    guarded_status(|| unsafe { fill(options, size, Options::default()) })
}

/// Fills the search with its defaults. `size` is sizeof(shadegrid_search).
///
/// SHADEGRID_ARGUMENT: `search` is null, or the library knows no search of this size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shadegrid_search_init(search: *mut Search, size: usize) -> i32 {
    // SAFETY: the caller passes null or room for `size` bytes.
    guarded_status(|| unsafe { fill(search, size, Search::default()) })
}

/// Writes a whole struct, where the caller has room for just that.
///
/// # Safety
///
/// `to` is null, or `size` bytes from it on can be written.
unsafe fn fill<T>(to: *mut T, size: usize, value: T) -> Result<(), Failure> {
    if to.is_null() || size != size_of::<T>() {
        return Err(wrong_size(size, size_of::<T>()));
    }
    // SAFETY: it is not null, and the size is that of the struct.
    unsafe { to.write(value) };
    Ok(())
}

/// Reads a struct whose first member is its size; the default for null.
///
/// # Safety
///
/// `from` is null, or points to as many bytes as its first member says.
pub(crate) unsafe fn read<T: Clone + Default>(from: *const T) -> Result<T, Failure> {
    const { assert!(offset_of!(Options, size) == 0 && offset_of!(Search, size) == 0) };
    if from.is_null() {
        return Ok(T::default());
    }
    // SAFETY: every such struct begins with its size.
    let size = unsafe { from.cast::<usize>().read() };
    if size != size_of::<T>() {
        return Err(wrong_size(size, size_of::<T>()));
    }
    // SAFETY: the struct is as long as this type.
    Ok(unsafe { &*from }.clone())
}

fn wrong_size(size: usize, expected: usize) -> Failure {
    Failure::argument(format!("a struct of {size} bytes where this version has one of {expected}"))
}

impl Default for Options {
    fn default() -> Options {
        let limits = Limits::default();
        Options {
            size: size_of::<Options>(),
            memory: 0,
            max_pixels: limits.max_pixels,
            max_pixels_per_byte: limits.max_pixels_per_byte,
            max_file_bytes: limits.max_file_bytes,
            max_decoder_bytes: limits.max_decoder_bytes,
            max_side: limits.max_side,
            max_scans: limits.max_scans,
            algorithms: SHADEGRID_PHOTODNA | SHADEGRID_PDQ,
            threads: 0,
            detail: SHADEGRID_DETAIL_AUTO,
            orient: SHADEGRID_ORIENT_IGNORE,
            damaged: SHADEGRID_DAMAGED_HASH,
            faces: SHADEGRID_FACES_ALL,
            orientations: 0,
            alpha: SHADEGRID_ALPHA_DROP,
        }
    }
}

impl Default for Search {
    fn default() -> Search {
        let options = SearchOptions::default();
        Search {
            size: size_of::<Search>(),
            nearest: 0,
            algorithms: SHADEGRID_PHOTODNA | SHADEGRID_PDQ,
            photodna_threshold: Algorithm::PhotoDna.threshold(),
            pdq_threshold: Algorithm::Pdq.threshold(),
            joint: options.joint.into(),
            all_orientations: options.all_orientations.into(),
            include_flat: options.include_flat.into(),
            quality_min: options.quality_min.into(),
        }
    }
}

/// The bit of an algorithm.
pub(crate) fn algorithm_bit(algorithm: Algorithm) -> u32 {
    match algorithm {
        Algorithm::PhotoDna => SHADEGRID_PHOTODNA,
        Algorithm::Pdq => SHADEGRID_PDQ,
        Algorithm::Pdq512 => SHADEGRID_PDQ512,
    }
}

/// The algorithms of some bits, of which there are no others than `known`.
fn algorithms(bits: u32, known: &[Algorithm]) -> Result<Vec<Algorithm>, Failure> {
    let chosen: Vec<Algorithm> =
        known.iter().copied().filter(|algorithm| bits & algorithm_bit(*algorithm) != 0).collect();
    let all = known.iter().fold(0, |all, algorithm| all | algorithm_bit(*algorithm));
    if chosen.is_empty() || bits & !all != 0 {
        return Err(Failure::argument("`algorithms` names none, or one that does not exist here"));
    }
    Ok(chosen)
}

impl Options {
    /// The same as the library has them, with its memory.
    pub(crate) fn hash_options(&self) -> Result<HashOptions, Failure> {
        let wrong = |member: &str| Failure::argument(format!("`{member}` is none of its constants"));
        let detail = match self.detail {
            SHADEGRID_DETAIL_AUTO => DetailChoice::Auto,
            SHADEGRID_DETAIL_FULL => DetailChoice::Full,
            SHADEGRID_DETAIL_SCALED => DetailChoice::Scaled,
            n @ (1 | 2 | 3 | 4 | 6 | 8) => DetailChoice::Lowest(n as u8),
            _ => return Err(wrong("detail")),
        };
        let orient = match self.orient {
            SHADEGRID_ORIENT_IGNORE => Orient::Ignore,
            SHADEGRID_ORIENT_EXIF => Orient::Exif,
            _ => return Err(wrong("orient")),
        };
        let damaged = match self.damaged {
            SHADEGRID_DAMAGED_HASH => DamagedPolicy::Hash,
            SHADEGRID_DAMAGED_REFUSE => DamagedPolicy::Refuse,
            _ => return Err(wrong("damaged")),
        };
        let faces = match self.faces {
            SHADEGRID_FACES_ALL => Faces::All,
            SHADEGRID_FACES_STORED => Faces::Stored,
            SHADEGRID_FACES_SHOWN => Faces::Shown,
            _ => return Err(wrong("faces")),
        };
        let alpha = match self.alpha {
            SHADEGRID_ALPHA_DROP => Alpha::Drop,
            SHADEGRID_ALPHA_WHITE => Alpha::White,
            SHADEGRID_ALPHA_BLACK => Alpha::Black,
            _ => return Err(wrong("alpha")),
        };
        let limits = Limits::default()
            .max_side(self.max_side)
            .max_pixels(self.max_pixels)
            .max_pixels_per_byte(self.max_pixels_per_byte)
            .max_file_bytes(self.max_file_bytes)
            .max_decoder_bytes(self.max_decoder_bytes)
            .max_scans(self.max_scans)
            .within(self.memory());
        let decode = DecodeOptions::default().limits(limits).orient(orient).damaged(damaged).detail(detail);
        Ok(HashOptions::default()
            .algorithms(algorithms(self.algorithms, &Algorithm::ALL)?)
            .orientations(flag(self.orientations, "orientations")?)
            .decode(decode)
            .faces(faces)
            .alpha(alpha))
    }

    /// Threads of one call.
    pub(crate) fn threads(&self) -> std::num::NonZeroUsize {
        let own = std::num::NonZeroUsize::new(self.threads as usize);
        own.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(std::num::NonZeroUsize::MIN)
    }

    /// Bytes that a hasher may take.
    pub(crate) fn memory(&self) -> u64 {
        if self.memory == 0 { Engine::default_memory(self.threads()) } else { self.memory }
    }
}

impl Search {
    /// The same as the library has it.
    pub(crate) fn search_options(&self) -> Result<SearchOptions, Failure> {
        let chosen = algorithms(self.algorithms, &[Algorithm::PhotoDna, Algorithm::Pdq])?;
        let threshold = |algorithm, threshold| chosen.contains(&algorithm).then_some(threshold);
        let quality_min = u8::try_from(self.quality_min);
        Ok(SearchOptions::default()
            .photodna(threshold(Algorithm::PhotoDna, self.photodna_threshold))
            .pdq(threshold(Algorithm::Pdq, self.pdq_threshold))
            .joint(flag(self.joint, "joint")?)
            .nearest((self.nearest > 0).then(|| usize::try_from(self.nearest).unwrap_or(usize::MAX)))
            .all_orientations(flag(self.all_orientations, "all_orientations")?)
            .include_flat(flag(self.include_flat, "include_flat")?)
            .quality_min(quality_min.map_err(|_| Failure::argument("`quality_min` is over 255"))?))
    }
}

/// A member that is 0 or 1.
fn flag(value: u32, member: &str) -> Result<bool, Failure> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Failure::argument(format!("`{member}` is neither 0 nor 1"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_of_the_library() {
        let ours = Options::default().hash_options().unwrap();
        let memory = Options::default().memory();
        let decode = DecodeOptions::default().limits(Limits::default().within(memory));
        assert_eq!(format!("{ours:?}"), format!("{:?}", HashOptions::default().decode(decode)));
        assert_eq!(Search::default().search_options().unwrap(), SearchOptions::default());
    }

    #[test]
    fn members_reach_the_library() {
        let options = Options {
            memory: 5 << 20,
            max_pixels: 1,
            max_pixels_per_byte: 2,
            max_file_bytes: 3,
            max_decoder_bytes: 4,
            max_side: 5,
            max_scans: 6,
            algorithms: SHADEGRID_PDQ512,
            threads: 3,
            detail: 6,
            orient: SHADEGRID_ORIENT_EXIF,
            damaged: SHADEGRID_DAMAGED_REFUSE,
            faces: SHADEGRID_FACES_SHOWN,
            orientations: 1,
            alpha: SHADEGRID_ALPHA_BLACK,
            ..Options::default()
        };
        let HashOptions { algorithms, orientations, decode, faces, alpha, .. } =
            options.hash_options().unwrap();
        assert_eq!(
            (algorithms, orientations, faces, alpha, options.threads().get()),
            (vec![Algorithm::Pdq512], true, Faces::Shown, Alpha::Black, 3)
        );
        let limits = Limits::default()
            .max_pixels(1)
            .max_pixels_per_byte(2)
            .max_file_bytes(3)
            .max_decoder_bytes(4)
            .max_side(5)
            .max_scans(6)
            .memory(5 << 20);
        assert_eq!(decode.limits, limits);
        assert_eq!(
            (decode.orient, decode.damaged, decode.detail),
            (Orient::Exif, DamagedPolicy::Refuse, DetailChoice::Lowest(6))
        );
    }

    #[test]
    fn wrong_values_are_refused() {
        let good = Options::default();
        let wrong = [
            Options { algorithms: 0, ..good.clone() },
            Options { algorithms: 9, ..good.clone() },
            Options { detail: 5, ..good.clone() },
            Options { detail: -3, ..good.clone() },
            Options { orient: 2, ..good.clone() },
            Options { damaged: -1, ..good.clone() },
            Options { faces: 3, ..good.clone() },
            Options { alpha: 3, ..good.clone() },
            Options { orientations: 2, ..good.clone() },
        ];
        assert!(wrong.iter().all(|options| options.hash_options().is_err()));
        let good = Search::default();
        let wrong = [
            Search { algorithms: SHADEGRID_PDQ512, ..good.clone() },
            Search { algorithms: 0, ..good.clone() },
            Search { joint: 2, ..good.clone() },
            Search { quality_min: 256, ..good.clone() },
        ];
        assert!(wrong.iter().all(|search| search.search_options().is_err()));
    }
}

//! Encoded pictures in, signatures out: the whole path, top to bottom.

use crate::decode::{DecodeOptions, Decoder, Detail, Format};
use crate::error::Result;
use crate::picture::Picture;
use crate::signature::{Algorithm, Pdq, PhotoDna};

/// The choices of a [`Hasher`].
#[derive(Debug, Clone)]
pub struct HashOptions {
    /// The signatures to compute; `photodna` and `pdq` by default.
    pub algorithms: Vec<Algorithm>,
    /// How pictures are decoded.
    pub decode: DecodeOptions,
}

impl Default for HashOptions {
    fn default() -> HashOptions {
        HashOptions {
            algorithms: vec![Algorithm::PhotoDna, Algorithm::Pdq],
            decode: DecodeOptions::default(),
        }
    }
}

/// A PhotoDNA-class signature with what is needed to judge it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PhotoDnaHash {
    /// The 144 bytes.
    pub signature: PhotoDna,
    /// Length of the gradient vector before it is normalised: how much there is to see.
    pub strength: f64,
}

/// A PDQ signature with what is needed to judge it.
#[derive(Debug, Clone, PartialEq)]
pub struct PdqHash {
    /// The 256 bits.
    pub signature: Pdq,
    /// 0..=100; signatures under 50 should not be matched.
    pub quality: u8,
    /// Which computation gave the bits.
    pub path: PdqPath,
    /// All eight orientations from the picture's own coefficients, in the order of
    /// [`Orientation::ALL`](crate::Orientation::ALL).
    pub orientations: [Pdq; 8],
}

/// Which computation gave a PDQ signature's bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PdqPath {
    /// Exact integers.
    Fast,
    /// The definition's own 32-bit floats in the definition's order, because many coefficients tie at the median.
    Reference,
}

impl PdqPath {
    /// The name in records: `fast` or `reference`.
    pub fn name(self) -> &'static str {
        match self {
            PdqPath::Fast => "fast",
            PdqPath::Reference => "reference",
        }
    }
}

/// Strength under which a PhotoDNA-class signature is flagged [`Flag::Flat`].
pub const FLAT_STRENGTH: f64 = 400.0;

/// Side in pixels under which a picture is flagged [`Flag::Small`].
pub const SMALL_SIDE: u32 = 50;

/// Something about a hashed picture that whoever uses its signatures should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Flag {
    /// Strength under [`FLAT_STRENGTH`]: the PhotoDNA-class signature is mostly noise.
    Flat,
    /// A side under [`SMALL_SIDE`] pixels.
    Small,
    /// The file breaks off or is broken inside; see [`Hashed::whole`].
    Damaged,
}

impl Flag {
    /// The name in records: `flat`, `small` or `damaged`.
    pub fn name(self) -> &'static str {
        match self {
            Flag::Flat => "flat",
            Flag::Small => "small",
            Flag::Damaged => "damaged",
        }
    }
}

/// What one picture gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Hashed {
    /// The format that the bytes showed; `None` for a picture that came as pixels.
    pub format: Option<Format>,
    /// Width in pixels, after EXIF orientation where that was asked for.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// How much of the file was decoded.
    pub detail: Detail,
    /// The share of rows, 0..1, that came out whole; `None` for an undamaged picture.
    pub whole: Option<f32>,
    /// Where asked for.
    pub photodna: Option<PhotoDnaHash>,
    /// Where asked for.
    pub pdq: Option<PdqHash>,
    /// Where asked for.
    pub pdq512: Option<PdqHash>,
}

impl Hashed {
    /// The flags that apply, in the order of [`Flag`].
    pub fn flags(&self) -> impl Iterator<Item = Flag> {
        let flat = self.photodna.is_some_and(|hash| hash.strength < FLAT_STRENGTH);
        let small = self.width.min(self.height) < SMALL_SIDE;
        [(flat, Flag::Flat), (small, Flag::Small), (self.whole.is_some(), Flag::Damaged)]
            .into_iter()
            .filter_map(|(applies, flag)| applies.then_some(flag))
    }
}

/// Hashes one picture after another, keeping its buffers between them. One a thread.
#[derive(Debug)]
pub struct Hasher {
    algorithms: Vec<Algorithm>,
    decoder: Decoder,
}

impl Hasher {
    /// A hasher with these choices.
    pub fn new(options: HashOptions) -> Hasher {
        Hasher { algorithms: options.algorithms, decoder: Decoder::new(options.decode) }
    }

    /// Hashes one encoded picture.
    ///
    /// # Errors
    ///
    /// Those of [`Decoder::decode`].
    pub fn hash(&mut self, bytes: &[u8]) -> Result<Hashed> {
        let decoded = self.decoder.decode(bytes)?;
        let mut hashed = self.hash_picture(&decoded.picture)?;
        hashed.format = Some(decoded.format);
        hashed.detail = decoded.detail;
        hashed.whole = decoded.whole;
        self.decoder.recycle(decoded.picture);
        Ok(hashed)
    }

    /// Hashes one picture that is already decoded.
    ///
    /// # Errors
    ///
    /// [`Error::Input`](crate::Error::Input) for sides under [`MIN_SIDE`](crate::limits::MIN_SIDE) pixels.
    pub fn hash_picture(&mut self, picture: &Picture) -> Result<Hashed> {
        let wants = |algorithm| self.algorithms.contains(&algorithm);
        let pdq = PdqHash {
            signature: Pdq([0; 32]),
            quality: 0,
            path: PdqPath::Fast,
            orientations: [Pdq([0; 32]); 8],
        };
        Ok(Hashed {
            format: None,
            width: picture.width,
            height: picture.height,
            detail: Detail::Full,
            whole: None,
            photodna: wants(Algorithm::PhotoDna)
                .then_some(PhotoDnaHash { signature: PhotoDna([0; 144]), strength: 0.0 }),
            pdq: wants(Algorithm::Pdq).then(|| pdq.clone()),
            pdq512: wants(Algorithm::Pdq512).then_some(pdq),
        })
    }
}

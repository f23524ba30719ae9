//! Encoded pictures in, signatures out: the whole path, top to bottom.
//!
//! One long file, since stored pixels, faces, frames and what comes back from a device end in the same few steps.

use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fearless_simd::Level;

use crate::backend::cpu::Cpu;
use crate::backend::{Backend, PdqSums, Sums};
#[cfg(feature = "gpu")]
use crate::decode::jpeg::Compressed;
use crate::decode::{
    DecodeOptions, Decoded, Decoder, Detail, Face, Format, Further, Memory, Sources, Viewing, unknown,
};
use crate::error::{Error, Result};
use crate::kernel::dct::Noise;
use crate::kernel::normalise::normalise;
use crate::kernel::{dct, pdq_reference};
use crate::limits::check_least_size;
use crate::picture::{Picture, Planes};
use crate::signature::{Algorithm, Pdq, PhotoDna};
pub use alpha::Alpha;
use alpha::Wanted;

mod alpha;

/// The choices of a [`Hasher`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HashOptions {
    /// The signatures to compute; `photodna` and `pdq` by default.
    pub algorithms: Vec<Algorithm>,
    /// Whether [`PdqHash::orientations`] are computed.
    pub orientations: bool,
    /// How pictures are decoded.
    pub decode: DecodeOptions,
    /// Which faces of a file are hashed.
    pub faces: Faces,
    /// What pixels that are not opaque count as.
    pub alpha: Alpha,
    /// Whether [`Hashed::shading`] and [`Hashed::luminance`] are kept, for who draws them. No record has them.
    pub shading: bool,
    /// The longest side of [`Hashed::thumbnail`], for who shows it; `None`: it is not made. No record has it.
    pub thumbnail: Option<u32>,
}

setters!(HashOptions {
    algorithms: Vec<Algorithm>,
    orientations: bool,
    decode: DecodeOptions,
    faces: Faces,
    alpha: Alpha,
    shading: bool,
    thumbnail: Option<u32>,
});

/// Which of the pictures that a file shows are hashed: see [`Face`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Faces {
    /// The stored pixels, as lists are made of, and what else viewers show.
    #[default]
    All,
    /// The stored pixels alone.
    Stored,
    /// What viewers show: where that is not the stored pixels, it takes their place, and [`Hashed::face`] says so.
    Shown,
}

impl Faces {
    /// The name in settings: `all`, `stored` or `shown`.
    pub fn name(self) -> &'static str {
        match self {
            Faces::All => "all",
            Faces::Stored => "stored",
            Faces::Shown => "shown",
        }
    }
}

impl FromStr for Faces {
    type Err = Error;

    fn from_str(text: &str) -> Result<Faces> {
        let found = [Faces::All, Faces::Stored, Faces::Shown].into_iter().find(|faces| faces.name() == text);
        found.ok_or_else(|| unknown("faces", text, "all, stored, shown"))
    }
}

impl Default for HashOptions {
    fn default() -> HashOptions {
        HashOptions {
            algorithms: vec![Algorithm::PhotoDna, Algorithm::Pdq],
            orientations: false,
            decode: DecodeOptions::default(),
            faces: Faces::default(),
            alpha: Alpha::default(),
            shading: false,
            thumbnail: None,
        }
    }
}

/// A PhotoDNA-class signature with what is needed to judge it.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct PhotoDnaHash {
    /// The 144 bytes.
    pub signature: PhotoDna,
    /// Length of the gradient vector before it is normalised: how much there is to see.
    pub strength: f64,
}

/// A PDQ signature with what is needed to judge it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PdqHash {
    /// The 256 bits.
    pub signature: Pdq,
    /// 0..=100; signatures under 50 should not be matched.
    pub quality: u8,
    /// Which computation gave the bits.
    pub path: PdqPath,
    /// All eight orientations from the picture's own coefficients, in the order of
    /// [`Orientation::ALL`](crate::Orientation::ALL); where asked for.
    pub orientations: Option<[Pdq; 8]>,
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
    /// Some pixel is not opaque: what is seen depends on what lies behind. This and the next: see [`Viewing`].
    Alpha,
    /// A colour profile or gamma moves the picture noticeably.
    Profile,
    /// There are further frames.
    Animated,
    /// Viewers turn the picture.
    Oriented,
    /// Decoders do not agree on what is shown.
    Unusual,
    /// There are further pages, or pictures.
    Pages,
}

impl Flag {
    /// The name in records: `flat`, `small`, `damaged`, `alpha`, `profile`, `animated`, `oriented`, `unusual` or `pages`.
    pub fn name(self) -> &'static str {
        match self {
            Flag::Flat => "flat",
            Flag::Small => "small",
            Flag::Damaged => "damaged",
            Flag::Alpha => "alpha",
            Flag::Profile => "profile",
            Flag::Animated => "animated",
            Flag::Oriented => "oriented",
            Flag::Unusual => "unusual",
            Flag::Pages => "pages",
        }
    }
}

/// Signatures of a further picture that a file shows.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FaceHash {
    /// Which one.
    pub face: Face,
    /// Where asked for.
    pub photodna: Option<PhotoDnaHash>,
    /// Where asked for.
    pub pdq: Option<PdqHash>,
    /// Where asked for.
    pub pdq512: Option<PdqHash>,
    /// Where [`HashOptions::thumbnail`] asks for it.
    pub thumbnail: Option<Picture>,
}

impl FaceHash {
    fn of(face: Face, hashed: Hashed) -> FaceHash {
        let Hashed { photodna, pdq, pdq512, thumbnail, .. } = hashed;
        FaceHash { face, photodna, pdq, pdq512, thumbnail }
    }

    /// Whether all signatures are the same.
    fn looks_like(&self, photodna: Option<&PhotoDnaHash>, pdq: [Option<&PdqHash>; 2]) -> bool {
        let bits = |hash: Option<&PdqHash>| hash.map(|hash| hash.signature);
        self.photodna.map(|hash| hash.signature) == photodna.map(|hash| hash.signature)
            && [bits(self.pdq.as_ref()), bits(self.pdq512.as_ref())] == pdq.map(bits)
    }
}

/// A further frame of a file, where [`DecodeOptions::frames`] asks for it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FrameHash {
    /// Which one, counted from 0 for the file's own picture; see [`Frames`](crate::decode::Frames).
    pub number: u64,
    /// What it gave, faces of its own included, or why it and in an animation all behind it gave nothing.
    pub outcome: Result<Hashed, FrameError>,
}

impl FrameHash {
    /// A frame of this number that gave this.
    pub fn new(number: u64, hashed: Hashed) -> FrameHash {
        FrameHash { number, outcome: Ok(hashed) }
    }
}

/// Why a frame has no signatures.
#[derive(Debug, Clone)]
pub struct FrameError(Arc<Error>);

/// Equal where records say the same.
impl PartialEq for FrameError {
    fn eq(&self, other: &FrameError) -> bool {
        (self.0.code(), self.0.to_string()) == (other.0.code(), other.0.to_string())
    }
}

impl FrameError {
    /// The error.
    pub fn error(&self) -> &Error {
        &self.0
    }

    pub(crate) fn into_error(self) -> Error {
        Arc::try_unwrap(self.0).unwrap_or_else(|shared| shared.copied())
    }
}

/// What one picture gave.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
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
    /// What viewers do beyond showing the pixels that were hashed.
    pub viewing: Viewing,
    /// What computed the sums.
    pub backend: Backend,
    /// Why the CPU computed what was meant for a device.
    pub fallback: Option<Arc<str>>,
    /// Where asked for.
    pub photodna: Option<PhotoDnaHash>,
    /// Where asked for.
    pub pdq: Option<PdqHash>,
    /// Where asked for.
    pub pdq512: Option<PdqHash>,
    /// Which face of the file the signatures are of, where it is not the stored pixels.
    pub face: Option<Face>,
    /// What else the file shows, as far as it differs and [`HashOptions::faces`] asks for it.
    pub faces: Vec<FaceHash>,
    /// Further frames, where [`DecodeOptions::frames`] asks for them: a run makes a [`Record`](crate::pipeline::Record) of each.
    pub frames: Vec<FrameHash>,
    /// Where [`HashOptions::shading`] asks for it, and the CPU computed the sums of the stored pixels: the 26 × 26 points whose differences the PhotoDNA-class signature
    /// is made of, row by row, before anything is normalised, in grey levels of one pixel.
    pub shading: Option<Vec<f64>>,
    /// The same of PDQ: the 64 × 64 points whose cosine transform its bits are of, in grey levels. Of a JPEG whose low frequencies were read, they count from the middle.
    pub luminance: Option<Vec<f64>>,
    /// Where [`HashOptions::thumbnail`] asks for it: the picture that was hashed, small. In colour where every pixel of a JPEG was decoded.
    pub thumbnail: Option<Picture>,
}

impl Hashed {
    /// Bytes that it takes besides its own size, about.
    pub(crate) fn apart(&self) -> usize {
        let pixels = |picture: &Picture| 3 * picture.width as usize * picture.height as usize;
        let of_frame =
            |frame: &FrameHash| size_of_val(frame) + frame.outcome.as_ref().map_or(0, Hashed::apart);
        size_of_val(&self.faces[..])
            + [&self.shading, &self.luminance]
                .into_iter()
                .flatten()
                .map(|points| size_of_val(&points[..]))
                .sum::<usize>()
            + self.thumbnail.as_ref().map_or(0, pixels)
            + self.frames.iter().map(of_frame).sum::<usize>()
    }

    /// The same with further faces; those that differ from no other are left out.
    fn with_faces(self, mut found: Vec<FaceHash>, wanted: Wanted) -> Hashed {
        let mut hashed = self;
        let own = wanted.take_own(&mut found);
        let is_chosen = own.is_some();
        if let Some(own) = own.filter(|own| !hashed.looks_like(own)) {
            hashed = hashed.seen_as(own);
        }
        for face in found {
            let own = hashed.looks_like(&face);
            let is_there = |other: &FaceHash| {
                face.looks_like(other.photodna.as_ref(), [other.pdq.as_ref(), other.pdq512.as_ref()])
            };
            if !own && !hashed.faces.iter().any(is_there) {
                hashed.faces.push(face);
            }
        }
        if wanted.faces == Faces::Shown && !is_chosen && !hashed.faces.is_empty() {
            let first = hashed.faces.remove(0);
            return hashed.seen_as(first);
        }
        hashed
    }

    fn looks_like(&self, face: &FaceHash) -> bool {
        face.looks_like(self.photodna.as_ref(), [self.pdq.as_ref(), self.pdq512.as_ref()])
    }

    /// The same with the signatures of a face in the place of the stored pixels'.
    fn seen_as(self, face: FaceHash) -> Hashed {
        let FaceHash { face, photodna, pdq, pdq512, thumbnail } = face;
        // What was drawn is another picture than what these are of.
        let (shading, luminance) = (None, None);
        Hashed { face: Some(face), photodna, pdq, pdq512, thumbnail, shading, luminance, ..self }
    }

    /// The flags that apply, in the order of [`Flag`].
    pub fn flags(&self) -> impl Iterator<Item = Flag> {
        let flat = self.photodna.is_some_and(|hash| hash.strength < FLAT_STRENGTH);
        let small = self.width.min(self.height) < SMALL_SIDE;
        let Viewing { alpha, profile, animated, pages, oriented, unusual } = self.viewing;
        let all = [
            (flat, Flag::Flat),
            (small, Flag::Small),
            (self.whole.is_some(), Flag::Damaged),
            (alpha, Flag::Alpha),
            (profile, Flag::Profile),
            (animated, Flag::Animated),
            (oriented, Flag::Oriented),
            (unusual, Flag::Unusual),
            (pages, Flag::Pages),
        ];
        all.into_iter().filter_map(|(applies, flag)| applies.then_some(flag))
    }
}

/// What decoding finds out about a picture, without its samples.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    format: Format,
    detail: Detail,
    whole: Option<f32>,
    viewing: Viewing,
    sources: Sources,
}

impl Facts {
    /// Parts a decoded picture from what is known of it.
    pub(crate) fn of(decoded: Decoded) -> (Facts, Picture) {
        let Decoded { picture, format, detail, whole, viewing, sources } = decoded;
        (Facts { format, detail, whole, viewing, sources }, picture)
    }

    fn with(self, picture: Picture) -> Decoded {
        let Facts { format, detail, whole, viewing, sources } = self;
        Decoded { picture, format, detail, whole, viewing, sources }
    }

    fn onto(&self, hashed: Hashed) -> Hashed {
        let &Facts { format, detail, whole, viewing, .. } = self;
        Hashed { format: Some(format), detail, whole, viewing, ..hashed }
    }
}

/// Hashes one picture after another and keeps its buffers between them. One per thread.
#[derive(Debug)]
pub struct Hasher {
    algorithms: Vec<Algorithm>,
    orientations: bool,
    wanted: Wanted,
    shading: bool,
    thumbnail: Option<u32>,
    decoder: Decoder,
    cpu: Cpu,
    /// What decoding took since it was asked for.
    decoding: Duration,
}

impl Hasher {
    /// A hasher with these choices, at the best SIMD level of this machine.
    pub fn new(options: HashOptions) -> Hasher {
        Hasher {
            algorithms: options.algorithms,
            orientations: options.orientations,
            wanted: Wanted { faces: options.faces, alpha: options.alpha },
            shading: options.shading,
            thumbnail: options.thumbnail,
            decoder: Decoder::new(options.decode),
            cpu: Cpu::new(Level::new()),
            decoding: Duration::ZERO,
        }
    }

    /// Hashes one encoded picture.
    ///
    /// # Errors
    ///
    /// Those of [`Decoder::decode`].
    pub fn hash(&mut self, bytes: &[u8]) -> Result<Hashed> {
        let (facts, picture) = Facts::of(self.decode(bytes)?);
        let sums = self.cpu.sums(&picture, &self.algorithms);
        self.finish_decoded(facts, picture, sums, bytes)
    }

    /// Memory that [`hash`](Hasher::hash) will take for a file, by its headers.
    pub fn memory(&mut self, bytes: &[u8]) -> Memory {
        self.decoder.memory_with(bytes, &self.algorithms, Cpu::tables)
    }

    /// The first of the two ways of [`Memory`]: the low frequencies of a JPEG; `None` where these do not do.
    pub(crate) fn hash_first(&mut self, bytes: &[u8]) -> Result<Option<Hashed>> {
        let Some(decoded) = self.decode_first(bytes)? else { return Ok(None) };
        if self.shows_more(&decoded, bytes) {
            self.decoder.recycle(decoded.picture);
            return Ok(None);
        }
        let (facts, picture) = Facts::of(decoded);
        let sums = self.cpu.sums(&picture, &self.algorithms);
        if needs_every_pixel(&sums, &picture) {
            self.decoder.recycle(picture);
            return Ok(None);
        }
        let hashed = self.finish_sums(sums, &picture);
        self.decoder.recycle(picture);
        Ok(Some(facts.onto(hashed)))
    }

    /// Decodes as [`hash_first`](Hasher::hash_first) does.
    pub(crate) fn decode_first(&mut self, bytes: &[u8]) -> Result<Option<Decoded>> {
        let coarse = self.decoded(|decoder, algorithms| decoder.decode_coarse(bytes, algorithms));
        coarse.map(checked).transpose()
    }

    /// Bytes that are kept for the next picture.
    pub(crate) fn kept(&self) -> u64 {
        self.decoder.kept()
    }

    /// Gives up the memory that is kept for the next picture.
    pub(crate) fn forget(&mut self) {
        self.decoder.forget();
    }

    /// How long decoding took since this was asked last.
    pub(crate) fn take_decoding(&mut self) -> Duration {
        std::mem::take(&mut self.decoding)
    }

    /// Decodes, and counts the time.
    fn decoded<T>(&mut self, decode: impl FnOnce(&mut Decoder, &[Algorithm]) -> T) -> T {
        let started = Instant::now();
        let decoded = decode(&mut self.decoder, &self.algorithms);
        self.decoding += started.elapsed();
        decoded
    }

    /// As [`hash`](Hasher::hash), and how long decoding, the sums and all after them took: for benchmarks.
    #[doc(hidden)]
    pub fn hash_timed(&mut self, bytes: &[u8]) -> Result<(Hashed, [Duration; 3])> {
        let started = Instant::now();
        let (facts, picture) = Facts::of(self.decode(bytes)?);
        let decoded = Instant::now();
        let sums = self.cpu.sums(&picture, &self.algorithms);
        let summed = Instant::now();
        let hashed = self.finish_decoded(facts, picture, sums, bytes)?;
        Ok((hashed, [decoded - started, summed - decoded, summed.elapsed()]))
    }

    fn finish_decoded(&mut self, facts: Facts, picture: Picture, sums: Sums, bytes: &[u8]) -> Result<Hashed> {
        if needs_every_pixel(&sums, &picture) {
            // Given back first: the second decoding takes the buffers of the first.
            self.decoder.recycle(picture);
            return self.hash_every_pixel(bytes);
        }
        let hashed = facts.onto(self.finish_sums(sums, &picture));
        Ok(self.finish_further(hashed, facts.with(picture), bytes))
    }

    /// Whether a file has further faces or frames that are asked for.
    pub(crate) fn shows_more(&self, decoded: &Decoded, bytes: &[u8]) -> bool {
        self.shows_faces(decoded) || self.decoder.has_frames(bytes, decoded.format, decoded.viewing)
    }

    fn shows_faces(&self, decoded: &Decoded) -> bool {
        self.wanted.is_over(decoded.viewing.alpha)
            || self.wanted.faces != Faces::Stored && decoded.has_faces()
    }

    /// Hashes the further faces and frames of a file, where it has any and they are asked for; takes the picture's memory back.
    fn finish_further(&mut self, hashed: Hashed, decoded: Decoded, bytes: &[u8]) -> Hashed {
        let (format, viewing) = (decoded.format, decoded.viewing);
        let has_frames = self.decoder.has_frames(bytes, format, viewing);
        let wanted = self.wanted;
        let hashed = if self.shows_faces(&decoded) {
            let started = Instant::now();
            let (mut finish, decoder) = self.parts();
            let mut found = Vec::new();
            let mut see = |face, picture: &Picture| {
                if wanted.wants(face) {
                    found.extend(finish.face(face, picture));
                }
            };
            match wanted.faces {
                Faces::Stored => decoder.backgrounds(bytes, decoded, &mut see),
                Faces::All | Faces::Shown => decoder.faces(bytes, decoded, &mut see),
            }
            let hashing = finish.hashing;
            self.decoding += started.elapsed().saturating_sub(hashing);
            hashed.with_faces(found, wanted)
        } else {
            self.decoder.recycle(decoded.picture);
            hashed
        };
        if has_frames { self.finish_frames(hashed, (format, viewing), bytes) } else { hashed }
    }

    /// What hashes further pictures of a file, and what decodes them.
    fn parts(&mut self) -> (Finish<'_>, &mut Decoder) {
        let Hasher { algorithms, orientations, thumbnail, decoder, cpu, .. } = self;
        let (orientations, thumbnail) = (*orientations, *thumbnail);
        (Finish { algorithms, orientations, thumbnail, cpu, hashing: Duration::ZERO }, decoder)
    }

    /// Hashes the further frames of a file.
    fn finish_frames(
        &mut self,
        hashed: Hashed,
        (format, viewing): (Format, Viewing),
        bytes: &[u8],
    ) -> Hashed {
        let (started, mut frames, wanted) = (Instant::now(), Vec::new(), self.wanted);
        let (mut finish, decoder) = self.parts();
        decoder.frames_of(bytes, format, viewing, &mut |decoder, number, frame| {
            let outcome = frame.and_then(|frame| finish.frame(decoder, frame, wanted));
            let outcome = outcome.map_err(|error| FrameError(Arc::new(error)));
            frames.push(FrameHash { number, outcome });
        });
        let hashing = finish.hashing;
        self.decoding += started.elapsed().saturating_sub(hashing);
        Hashed { frames, ..hashed }
    }

    /// Hashes a decoded picture on the CPU where a device would have been asked but for its further faces.
    pub(crate) fn hash_decoded(&mut self, decoded: Decoded, bytes: &[u8]) -> Result<Hashed> {
        let (facts, picture) = Facts::of(decoded);
        let sums = self.cpu.sums(&picture, &self.algorithms);
        let hashed = self.finish_decoded(facts, picture, sums, bytes)?;
        Ok(Hashed { fallback: Some("the file has further faces or frames".into()), ..hashed })
    }

    /// Decodes one picture for [`finish`](Hasher::finish), as far as its signatures need it.
    pub(crate) fn decode(&mut self, bytes: &[u8]) -> Result<Decoded> {
        checked(self.decoded(|decoder, algorithms| decoder.decode_for(bytes, algorithms))?)
    }

    /// Hashes every pixel of one encoded picture.
    pub(crate) fn hash_every_pixel(&mut self, bytes: &[u8]) -> Result<Hashed> {
        let decoded = self.decoded(|decoder, algorithms| decoder.decode_every_pixel(bytes, algorithms))?;
        let (facts, picture) = Facts::of(decoded);
        let hashed = facts.onto(self.hash_picture(&picture)?);
        Ok(self.finish_further(hashed, facts.with(picture), bytes))
    }

    /// The signatures to compute.
    pub(crate) fn algorithms(&self) -> &[Algorithm] {
        &self.algorithms
    }

    /// A JPEG as it is compressed, for a device to decode: what is known of it, the picture without samples, and its data. `None` where the CPU has to read it, since
    /// its samples are wanted for more than sums, or it does not qualify.
    #[cfg(feature = "gpu")]
    pub(crate) fn compressed<'a>(&mut self, bytes: &'a [u8]) -> Option<(Facts, Picture, Compressed<'a>)> {
        if self.shading || self.thumbnail.is_some() {
            return None;
        }
        let (decoded, compressed) =
            self.decoded(|decoder, algorithms| decoder.compressed(bytes, algorithms))?;
        let decoded = checked(decoded).ok().filter(|decoded| !self.shows_more(decoded, bytes))?;
        let (facts, picture) = Facts::of(decoded);
        Some((facts, picture, compressed))
    }

    /// Takes a picture up where a device left it: with its sums, or with the reason, where there is any, why there are none. `None` where every pixel of it is
    /// needed.
    pub(crate) fn finish(
        &mut self,
        facts: Facts,
        picture: Picture,
        sums: Result<Sums, Option<Arc<str>>>,
    ) -> Option<Hashed> {
        let (sums, backend, fallback) = match sums {
            Ok(sums) => (sums, Backend::Gpu, None),
            Err(reason) => (self.cpu.sums(&picture, &self.algorithms), Backend::Cpu, reason),
        };
        let enough = !needs_every_pixel(&sums, &picture);
        let hashed = enough.then(|| {
            // The CPU may still hold the boxes of another picture.
            let hashed = finish_sums(sums, &picture, &self.algorithms, self.orientations);
            facts.onto(Hashed { backend, fallback, ..hashed })
        });
        self.decoder.recycle(picture);
        hashed
    }

    /// Hashes one picture that is already decoded.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] for sides under [`MIN_SIDE`](crate::limits::MIN_SIDE) pixels.
    pub fn hash_picture(&mut self, picture: &Picture) -> Result<Hashed> {
        check_least_size(picture.width, picture.height)?;
        let sums = self.cpu.sums(picture, &self.algorithms);
        Ok(self.finish_sums(sums, picture))
    }

    /// Everything after the sums that the CPU has just computed.
    fn finish_sums(&self, sums: Sums, picture: &Picture) -> Hashed {
        let (shading, luminance) =
            if self.shading { (self.cpu.shading(), self.cpu.luminance()) } else { (None, None) };
        let thumbnail = self.thumbnail.map(|most| picture.shrunk(most));
        Hashed {
            shading,
            luminance,
            thumbnail,
            ..finish_sums(sums, picture, &self.algorithms, self.orientations)
        }
    }
}

/// Hashes further pictures of a file.
struct Finish<'a> {
    algorithms: &'a [Algorithm],
    orientations: bool,
    thumbnail: Option<u32>,
    cpu: &'a mut Cpu,
    /// How long that took.
    hashing: Duration,
}

impl Finish<'_> {
    fn picture(&mut self, picture: &Picture) -> Hashed {
        let started = Instant::now();
        let sums = self.cpu.sums(picture, self.algorithms);
        let hashed = finish_sums(sums, picture, self.algorithms, self.orientations);
        let thumbnail = self.thumbnail.map(|most| picture.shrunk(most));
        self.hashing += started.elapsed();
        Hashed { thumbnail, ..hashed }
    }

    /// A face; `None` for one that is too small to be hashed.
    fn face(&mut self, face: Face, picture: &Picture) -> Option<FaceHash> {
        check_least_size(picture.width, picture.height).ok()?;
        Some(FaceHash::of(face, self.picture(picture)))
    }

    /// A frame with its faces.
    fn frame(&mut self, decoder: &mut Decoder, mut frame: Further<'_>, wanted: Wanted) -> Result<Hashed> {
        let decoded = checked(frame.decoded)?;
        let (facts, picture) = Facts::of(decoded);
        let hashed = facts.onto(self.picture(&picture));
        frame.decoded = facts.with(picture);
        if wanted.faces == Faces::Stored && !wanted.is_over(frame.decoded.viewing.alpha) {
            decoder.recycle(frame.decoded.picture);
            return Ok(hashed);
        }
        let mut found = Vec::new();
        decoder.faces_of_frame(frame, &mut |face, picture| {
            if wanted.wants(face) {
                found.extend(self.face(face, picture));
            }
        });
        Ok(hashed.with_faces(found, wanted))
    }
}

/// Everything after the sums.
fn finish_sums(sums: Sums, picture: &Picture, algorithms: &[Algorithm], orientations: bool) -> Hashed {
    let Sums { gradients, pdq, pdq512 } = sums;
    let wants = |algorithm| algorithms.contains(&algorithm);
    let finish = |sums: &PdqSums, to_512| finish_pdq(sums, picture, to_512, orientations);
    // Up to 512 pixels per side both conventions have the same sums, but not the same rounding where bits tie.
    let pdq512 = pdq512.as_ref().or(pdq.as_ref()).filter(|_| wants(Algorithm::Pdq512));
    let pdq512 = pdq512.map(|sums| finish(sums, true));
    let pdq = pdq.as_ref().filter(|_| wants(Algorithm::Pdq)).map(|sums| finish(sums, false));
    Hashed {
        format: None,
        width: picture.width,
        height: picture.height,
        detail: Detail::Full,
        whole: None,
        viewing: Viewing::default(),
        backend: Backend::Cpu,
        fallback: None,
        photodna: gradients.map(|(gradients, unit)| {
            let (signature, strength) = normalise(&gradients, picture.width, picture.height, unit);
            PhotoDnaHash { signature, strength }
        }),
        pdq512,
        pdq,
        face: None,
        faces: Vec::new(),
        frames: Vec::new(),
        shading: None,
        luminance: None,
        thumbnail: None,
    }
}

/// The bits, by the definition's own arithmetic where ties leave them to it.
fn finish_pdq(sums: &PdqSums, picture: &Picture, to_512: bool, orientations: bool) -> PdqHash {
    let shrunk = to_512 && picture.width.max(picture.height) > 512;
    let noise = if shrunk { Noise::of(512, 512) } else { Noise::of(picture.width, picture.height) };
    let bits = dct::bits(&sums.coefficients, sums.scale, noise);
    let reference = || pdq_reference::reference(&picture.planes, to_512);
    match bits.tied.then(reference).flatten() {
        Some(reference) => PdqHash {
            signature: reference.signature,
            quality: reference.quality,
            path: PdqPath::Reference,
            orientations: orientations.then(|| dct::orientations(&reference.coefficients)),
        },
        None => PdqHash {
            signature: bits.signature,
            quality: sums.quality,
            path: PdqPath::Fast,
            orientations: orientations.then(|| dct::orientations(&sums.coefficients)),
        },
    }
}

fn checked(decoded: Decoded) -> Result<Decoded> {
    check_least_size(decoded.picture.width, decoded.picture.height)?;
    Ok(decoded)
}

/// Whether a coarse picture is a pattern whose PDQ bits its low frequencies do not determine.
fn needs_every_pixel(sums: &Sums, picture: &Picture) -> bool {
    let mut pdq = [&sums.pdq, &sums.pdq512].into_iter().flatten();
    matches!(picture.planes, Planes::Coarse { .. })
        && pdq.any(|sums| dct::is_pattern(&sums.coefficients, sums.scale))
}

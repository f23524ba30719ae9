//! Signatures: their bytes, text forms, distances and orientations.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::error::Error;

/// A signature algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// The PhotoDNA-class signature, 144 bytes ("Alleged PhotoDNA", IACR ePrint 2026/486).
    PhotoDna,
    /// PDQ on the picture at full resolution, 256 bits; the convention of `pdqhash` and HMA.
    Pdq,
    /// PDQ on the picture brought to 512×512 by nearest neighbour first; the convention of the C++ tool.
    Pdq512,
}

impl Algorithm {
    /// Every algorithm, in the order in which records name them.
    pub const ALL: [Algorithm; 3] = [Algorithm::PhotoDna, Algorithm::Pdq, Algorithm::Pdq512];

    /// The name on the command line and in lists: `photodna`, `pdq` or `pdq-512`.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::PhotoDna => "photodna",
            Algorithm::Pdq => "pdq",
            Algorithm::Pdq512 => "pdq-512",
        }
    }

    /// The distance's name: what the numbers of [`threshold`](Algorithm::threshold) count.
    pub fn metric(self) -> &'static str {
        match self {
            Algorithm::PhotoDna => "squared Euclidean",
            Algorithm::Pdq | Algorithm::Pdq512 => "Hamming",
        }
    }

    /// The largest distance that the field usually calls a match: 40,000 for PhotoDNA-class
    /// (the default of IPED), 31 for PDQ (the recommendation of its authors).
    pub fn threshold(self) -> u32 {
        match self {
            Algorithm::PhotoDna => 40_000,
            Algorithm::Pdq | Algorithm::Pdq512 => 31,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = Error;

    /// By its name, in letters of any case.
    fn from_str(text: &str) -> Result<Algorithm, Error> {
        Algorithm::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(text)).ok_or_else(
            || Error::Input(format!("unknown algorithm {text:?}: the choice is photodna, pdq, pdq-512")),
        )
    }
}

/// One of the eight ways in which a picture can lie: first transposed or not, then mirrored or not.
///
/// The rotations are counter-clockwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Orientation {
    /// As it is.
    Upright,
    /// Turned by 90° counter-clockwise.
    Rotate90,
    /// Turned by 180°.
    Rotate180,
    /// Turned by 270° counter-clockwise.
    Rotate270,
    /// Top and bottom exchanged.
    Flip,
    /// Left and right exchanged.
    Mirror,
    /// Rows and columns exchanged.
    Transpose,
    /// Mirrored at the other diagonal.
    AntiTranspose,
}

impl Orientation {
    /// All eight, `Upright` first.
    pub const ALL: [Orientation; 8] = [
        Orientation::Upright,
        Orientation::Rotate90,
        Orientation::Rotate180,
        Orientation::Rotate270,
        Orientation::Flip,
        Orientation::Mirror,
        Orientation::Transpose,
        Orientation::AntiTranspose,
    ];

    /// The name in output: `upright`, `rotate-90`, … `anti-transpose`.
    pub fn name(self) -> &'static str {
        match self {
            Orientation::Upright => "upright",
            Orientation::Rotate90 => "rotate-90",
            Orientation::Rotate180 => "rotate-180",
            Orientation::Rotate270 => "rotate-270",
            Orientation::Flip => "flip",
            Orientation::Mirror => "mirror",
            Orientation::Transpose => "transpose",
            Orientation::AntiTranspose => "anti-transpose",
        }
    }

    /// Whether rows and columns change places (before any mirroring).
    pub fn transposes(self) -> bool {
        use Orientation::{AntiTranspose, Rotate90, Rotate270, Transpose};
        matches!(self, Rotate90 | Rotate270 | Transpose | AntiTranspose)
    }

    /// Whether top and bottom change places after that.
    pub fn flips(self) -> bool {
        use Orientation::{AntiTranspose, Flip, Rotate90, Rotate180};
        matches!(self, Rotate90 | Rotate180 | Flip | AntiTranspose)
    }

    /// Whether left and right change places after that.
    pub fn mirrors(self) -> bool {
        use Orientation::{AntiTranspose, Mirror, Rotate180, Rotate270};
        matches!(self, Rotate180 | Rotate270 | Mirror | AntiTranspose)
    }

    /// Where cell `(row, column)` of an `n`×`n` square comes from, as `(row, column)` of the upright one.
    pub(crate) fn origin(self, n: usize, row: usize, column: usize) -> (usize, usize) {
        let row = if self.flips() { n - 1 - row } else { row };
        let column = if self.mirrors() { n - 1 - column } else { column };
        if self.transposes() { (column, row) } else { (row, column) }
    }
}

impl FromStr for Orientation {
    type Err = Error;

    fn from_str(text: &str) -> Result<Orientation, Error> {
        Orientation::ALL.into_iter().find(|orientation| orientation.name() == text).ok_or_else(|| {
            let names = Orientation::ALL.map(Orientation::name).join(", ");
            Error::Input(format!("unknown orientation {text:?}: the choice is {names}"))
        })
    }
}

impl fmt::Display for Orientation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// A PhotoDNA-class signature: 6×6 cells of 4 gradient sums, byte `(row·6 + column)·4 + part`,
/// parts in the order rightward fall, rightward rise, downward fall, downward rise.
///
/// `Debug` shows no content: signatures are sensitive.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PhotoDna(pub [u8; 144]);

impl PhotoDna {
    /// Squared Euclidean distance, 0 to about 2.1 million for signatures of pictures.
    pub fn distance(&self, other: &PhotoDna) -> u32 {
        self.0.iter().zip(&other.0).map(|(&a, &b)| u32::from(a.abs_diff(b)).pow(2)).sum()
    }

    /// The signature of the picture laid as `orientation` says, a permutation of this one.
    ///
    /// Within a squared distance of about 350 (median) of the signature of the turned pixels.
    #[must_use]
    pub fn oriented(&self, orientation: Orientation) -> PhotoDna {
        let mut bytes = [0; 144];
        for (index, byte) in bytes.iter_mut().enumerate() {
            let (cell, part) = (index / 4, index % 4);
            let (row, column) = orientation.origin(6, cell / 6, cell % 6);
            let reversed = if part < 2 { orientation.mirrors() } else { orientation.flips() };
            let part = part ^ usize::from(reversed);
            let part = if orientation.transposes() { part ^ 2 } else { part };
            *byte = self.0[(row * 6 + column) * 4 + part];
        }
        PhotoDna(bytes)
    }

    /// All eight orientations, in the order of [`Orientation::ALL`].
    pub fn orientations(&self) -> [PhotoDna; 8] {
        Orientation::ALL.map(|orientation| self.oriented(orientation))
    }
}

/// Canonical text: base64, 192 characters.
impl fmt::Display for PhotoDna {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&BASE64.encode(self.0))
    }
}

impl fmt::Debug for PhotoDna {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PhotoDna(…)")
    }
}

impl FromStr for PhotoDna {
    type Err = Error;

    /// Reads base64 (192 characters), hexadecimal (288) or 144 comma-separated integers 0..=255, nothing else.
    fn from_str(text: &str) -> Result<PhotoDna, Error> {
        let bytes = match text.len() {
            192 => BASE64.decode(text).ok(),
            288 if !text.contains(',') => parse_hex(text),
            _ => parse_integers(text),
        };
        bytes.and_then(|bytes| bytes.try_into().ok()).map(PhotoDna).ok_or_else(|| {
            Error::Input(format!(
                "not a PhotoDNA-class signature ({} characters): expected base64 of 192 characters, \
                 hexadecimal of 288, or 144 integers from 0 to 255 with commas between",
                text.chars().count()
            ))
        })
    }
}

/// A PDQ signature: 256 bits as 32 bytes, bit 255 first, as its text is written.
///
/// `Debug` shows no content: signatures are sensitive.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pdq(pub [u8; 32]);

impl Pdq {
    /// Hamming distance, 0 to 256; strangers lie about 128 apart.
    pub fn distance(&self, other: &Pdq) -> u32 {
        self.0.iter().zip(&other.0).map(|(a, b)| (a ^ b).count_ones()).sum()
    }

    /// Bit `k = 16·i + j` of the definition: row frequency `i + 1`, column frequency `j + 1`.
    pub fn bit(&self, k: usize) -> bool {
        self.0[31 - k / 8] >> (k % 8) & 1 == 1
    }

    /// Packs the 256 bits, bit `k` from `bit(k)`.
    pub fn from_bits(bit: impl Fn(usize) -> bool) -> Pdq {
        let mut bytes = [0; 32];
        for k in 0..256 {
            bytes[31 - k / 8] |= u8::from(bit(k)) << (k % 8);
        }
        Pdq(bytes)
    }

    /// The signature of the picture laid as `orientation` says, from the bits alone: a changed sign
    /// becomes the opposite bit, as if the median were 0.
    ///
    /// Where the picture is at hand, [`Hashed`](crate::Hashed) gives closer ones, with the median taken anew.
    #[must_use]
    pub fn oriented(&self, orientation: Orientation) -> Pdq {
        Pdq::from_bits(|k| {
            let (from, negative) = pdq_origin(orientation, k);
            self.bit(from) ^ negative
        })
    }

    /// All eight orientations from the bits alone, in the order of [`Orientation::ALL`].
    pub fn orientations(&self) -> [Pdq; 8] {
        Orientation::ALL.map(|orientation| self.oriented(orientation))
    }
}

/// Where coefficient `k` of a turned picture comes from, and whether its sign changes: the DCT's odd
/// frequencies (even indices) are odd functions of the coordinate that is reversed.
pub(crate) fn pdq_origin(orientation: Orientation, k: usize) -> (usize, bool) {
    let (i, j) = (k / 16, k % 16);
    let negative = (orientation.flips() && i % 2 == 0) ^ (orientation.mirrors() && j % 2 == 0);
    (if orientation.transposes() { 16 * j + i } else { k }, negative)
}

/// Canonical text: 64 lower-case hexadecimal digits, bit 255 first.
impl fmt::Display for Pdq {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for Pdq {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Pdq(…)")
    }
}

impl FromStr for Pdq {
    type Err = Error;

    /// Reads 64 hexadecimal digits of either case, nothing else.
    fn from_str(text: &str) -> Result<Pdq, Error> {
        parse_hex(text).and_then(|bytes| bytes.try_into().ok()).map(Pdq).ok_or_else(|| {
            Error::Input(format!(
                "not a PDQ signature ({} characters): expected 64 hexadecimal digits",
                text.chars().count()
            ))
        })
    }
}

/// Hexadecimal digits of either case to bytes; `None` for anything else.
fn parse_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|&[high, low]| Some((digit(high)? * 16 + digit(low)?) as u8)).collect()
}

/// Comma-separated decimal integers 0..=255, without signs or blanks, to bytes.
fn parse_integers(text: &str) -> Option<Vec<u8>> {
    text.split(',')
        .map(|number| number.bytes().all(|b| b.is_ascii_digit()).then(|| number.parse().ok()).flatten())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn photodna() -> PhotoDna {
        PhotoDna(std::array::from_fn(|i| (i * 89 % 256) as u8))
    }

    fn pdq() -> Pdq {
        Pdq(std::array::from_fn(|i| (i * 57 + 3) as u8))
    }

    #[test]
    fn text_forms_round_trip() {
        let signature = photodna();
        let hex: String = signature.0.iter().map(|b| format!("{b:02X}")).collect();
        let integers = signature.0.map(|b| b.to_string()).join(",");
        for text in [signature.to_string(), hex, integers] {
            assert_eq!(text.parse::<PhotoDna>().unwrap(), signature);
        }
        assert_eq!(pdq().to_string().parse::<Pdq>().unwrap(), pdq());
        assert_eq!(pdq().to_string().to_uppercase().parse::<Pdq>().unwrap(), pdq());
    }

    #[test]
    fn other_forms_are_refused() {
        let base64 = photodna().to_string();
        let integers = photodna().0.map(|b| b.to_string()).join(",");
        let not_photodna = [
            String::new(),
            base64[1..].to_string(),
            format!(" {}", &base64[1..]),
            format!("{base64}="),
            base64.replace(&base64[..1], "!"),
            "g".repeat(288),
            "ab".repeat(32),
            format!("{integers},1"),
            integers.replacen("89", "256", 1),
            integers.replacen("89", "+89", 1),
            integers.replacen("89", "", 1),
            "é".repeat(96),
            "é".repeat(144),
        ];
        for text in not_photodna {
            assert!(text.parse::<PhotoDna>().is_err(), "{text:?} was taken");
        }
        for text in ["", "0x", &"g".repeat(64), &"a".repeat(63), &"a".repeat(66), &"é".repeat(32)] {
            assert!(text.parse::<Pdq>().is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn distances_are_metrics_of_the_bytes() {
        let mut other = photodna();
        other.0[5] = other.0[5].wrapping_add(3);
        other.0[143] ^= 1;
        assert_eq!(photodna().distance(&other), 10);
        assert_eq!(PhotoDna([0; 144]).distance(&PhotoDna([255; 144])), 144 * 255 * 255);
        assert_eq!(pdq().distance(&Pdq(pdq().0.map(|b| !b))), 256);
        assert_eq!(pdq().distance(&pdq()), 0);
    }

    #[test]
    fn orientations_form_the_group_of_the_square() {
        let (a, b) = (photodna(), pdq());
        let turn = Orientation::Rotate90;
        assert_eq!(a.oriented(turn).oriented(turn), a.oriented(Orientation::Rotate180));
        assert_eq!(a.oriented(turn).oriented(Orientation::Rotate270), a);
        assert_eq!(a.oriented(turn).oriented(Orientation::Flip), a.oriented(Orientation::Transpose));
        assert_eq!(b.oriented(turn).oriented(turn), b.oriented(Orientation::Rotate180));
        assert_eq!(b.oriented(turn).oriented(Orientation::Rotate270), b);
        assert_eq!(b.oriented(turn).oriented(Orientation::Flip), b.oriented(Orientation::Transpose));
        let distinct: std::collections::HashSet<_> = a.orientations().into_iter().collect();
        assert_eq!(distinct.len(), 8);
        let distinct: std::collections::HashSet<_> = b.orientations().into_iter().collect();
        assert_eq!(distinct.len(), 8);
    }

    #[test]
    fn debug_shows_no_content() {
        assert_eq!(format!("{:?} {:?}", photodna(), pdq()), "PhotoDna(…) Pdq(…)");
    }
}

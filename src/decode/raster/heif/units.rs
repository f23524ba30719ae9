//! The units that a picture in HEVC is coded in (ITU-T H.265, 7.3.1).

use super::numbers::Numbers;
use super::sps::Sps;
use super::{Coded, corrupt};
use crate::error::{Error, Result};

/// Kinds of units with parameters for all others (ITU-T H.265, table 7-1).
pub(super) const VPS: u8 = 32;
const SPS: u8 = 33;
pub(super) const PPS: u8 = 34;

/// Bytes of the length before a unit.
const LENGTH: usize = size_of::<u32>();

/// Parts that a picture is coded in, at most. The highest level of the standard has 600 (table A.8).
const MOST_UNITS: usize = 1 << 14;

/// Kinds of units with pictures that need no other one.
const INDEPENDENT: std::ops::RangeInclusive<u8> = 16..=23;

/// The units of a coded picture, each with its header of two bytes.
pub(super) struct Units<'a> {
    /// Those with parameters, in the order in which they are needed.
    pub(super) parameters: Vec<&'a [u8]>,
    /// The others of the picture itself.
    pub(super) slices: Vec<&'a [u8]>,
}

impl<'a> Units<'a> {
    pub(super) fn of(coded: &'a Coded<'_>) -> Result<Units<'a>> {
        let (length, configured) =
            configured(coded.config).ok_or_else(|| corrupt("its decoder configuration breaks off"))?;
        let mut numbers = Numbers::of(&coded.data);
        let mut units = Units { parameters: Vec::new(), slices: Vec::new() };
        let mut within = Vec::new();
        while let Some(size) = numbers.number(length) {
            let unit = usize::try_from(size).ok().and_then(|size| numbers.take(size));
            let unit = unit.ok_or_else(|| corrupt("a part of its picture breaks off"))?;
            if within.len() == MOST_UNITS {
                return Err(corrupt("its picture has more parts than any"));
            }
            within.push(unit);
        }
        // Layers above the first are for other displays.
        let first_layer = |unit: &&'a [u8]| matches!(unit, [a, b, ..] if a & 1 == 0 && b >> 3 == 0);
        let all = configured.into_iter().chain(within).filter(first_layer);
        for unit in all {
            match kind(unit) {
                // What is not known of here is not known to a decoder, so that it takes what was announced and no more.
                SPS if Sps::read(unit).is_none() => {}
                VPS..=PPS => units.parameters.push(unit),
                0..=31 => units.slices.push(unit),
                _ => {}
            }
        }
        units.parameters.sort_by_key(|unit| kind(unit));
        Ok(units)
    }

    /// The same of a picture that has to need no other one.
    pub(super) fn of_one(coded: &'a Coded<'_>) -> Result<Units<'a>> {
        let units = Units::of(coded)?;
        if units.slices.iter().any(|unit| !INDEPENDENT.contains(&kind(unit))) {
            return Err(Error::Unsupported("HEVC: a picture that is predicted from another one".to_string()));
        }
        Ok(units)
    }

    /// The parameters of pictures; of several the largest.
    pub(super) fn sps(&self) -> Result<Sps> {
        let all = self.parameters.iter().filter(|unit| kind(unit) == SPS);
        let largest = all
            .filter_map(|unit| Sps::read(unit))
            .max_by_key(|sps| u64::from(sps.coded.0) * u64::from(sps.coded.1));
        largest.ok_or_else(|| corrupt("its pictures have no parameters"))
    }

    /// All of them, each behind its length.
    pub(super) fn stream(&self) -> Vec<u8> {
        let mut stream = Vec::with_capacity(
            self.parameters.iter().chain(&self.slices).map(|unit| LENGTH + unit.len()).sum(),
        );
        for unit in self.parameters.iter().chain(&self.slices) {
            stream.extend((unit.len() as u32).to_be_bytes());
            stream.extend_from_slice(unit);
        }
        stream
    }
}

pub(super) fn kind(unit: &[u8]) -> u8 {
    unit.first().map_or(u8::MAX, |first| first >> 1 & 0x3F)
}

/// Bytes of the length of each unit, and the units of the configuration (ISO/IEC 14496-15, 8.3.3).
fn configured(config: &[u8]) -> Option<(usize, Vec<&[u8]>)> {
    let mut numbers = Numbers::of(config);
    numbers.take(21)?;
    let length = usize::from(numbers.byte()? & 3) + 1;
    let mut units = Vec::new();
    for _ in 0..numbers.byte()? {
        numbers.byte()?;
        for _ in 0..numbers.short()? {
            let size = numbers.short()?;
            units.push(numbers.take(size.into())?);
        }
    }
    Some((length, units))
}

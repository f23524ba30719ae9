//! Pictures in HEVC (ITU-T H.265).
//!
//! The [helper](crate::decode::helper) decodes them, by a library that the system may have. Builds with the feature `heic-rust` decode by themselves what it
//! does not.

use std::borrow::Cow;

use super::canvas::Canvas;
#[cfg(feature = "heic-rust")]
use super::hevc_in_rust;
use super::pixels::Rules;
use super::units::Units;
use super::{Announced, Coded, helped};
use crate::decode::frame::{Chroma, Meaning};
use crate::decode::helper::{Codec, Helper};
#[cfg(feature = "heic-rust")]
use crate::error::Error;
use crate::error::Result;

/// What a picture takes, by its parameters.
pub(super) fn announced(coded: &Coded<'_>) -> Result<Announced> {
    let sps = Units::of(coded)?.sps()?;
    let pixels = u64::from(sps.coded.0) * u64::from(sps.coded.1);
    let planes = if sps.chroma == Chroma::None { 1 } else { 3 };
    let sample = if sps.depth > 8 { 2 } else { 1 };
    let memory = helped::memory(pixels, planes, sample);
    #[cfg(feature = "heic-rust")]
    let memory = memory.max(hevc_in_rust::memory(&sps, coded.data.len() as u64));
    Ok(Announced {
        size: sps.shown(),
        is_grey: sps.chroma == Chroma::None,
        pixels,
        memory,
        meaning: sps.meaning,
        primaries: super::UNSPECIFIED,
        rules: Rules::Libheif,
    })
}

/// Decodes a picture.
pub(super) fn picture(
    coded: &Coded<'_>,
    announced: &Announced,
    meaning: Option<Meaning>,
    luma: bool,
    helper: &mut Helper,
    spare: Vec<u8>,
) -> Result<Canvas> {
    let units = Units::of_one(coded)?;
    let stream = units.stream();
    match helped::picture((Codec::Hevc, &stream), announced, meaning, luma, helper, spare) {
        #[cfg(feature = "heic-rust")]
        Err(Error::Unsupported(_)) => hevc_in_rust::picture(&units, announced, meaning, luma),
        decoded => decoded,
    }
}

/// What the decoder takes of many pictures.
pub(super) fn stream<'a>(coded: &'a Coded<'_>) -> Result<(Codec, Cow<'a, [u8]>)> {
    Ok((Codec::Hevc, Units::of(coded)?.stream().into()))
}

#[cfg(all(test, feature = "heic-rust"))]
#[expect(clippy::print_stdout, reason = "says what was left out")]
mod tests {
    use std::path::Path;
    use std::{env, fs};

    use super::super::container::Container;
    use super::*;
    use crate::decode::helper::decoded_here;
    use crate::decode::viewing::Tables;

    /// The standard leaves no choice, so two decoders that nobody wrote together show the same.
    #[test]
    fn the_library_and_the_decoders_in_rust_show_the_same() {
        let mut compared = 0;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/modern");
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.extension().is_none_or(|kind| kind != "heic") {
                continue;
            }
            let bytes = fs::read(&path).unwrap();
            let Some(container) = Container::of(&bytes, Tables::AsListed).unwrap() else { continue };
            let items = (1..20).filter_map(|item| container.coded(item).ok());
            for coded in items.filter(|coded| coded.kind == *b"hvc1") {
                let (announced, units) = (announced(&coded).unwrap(), Units::of(&coded).unwrap());
                let meaning = Some(Meaning { matrix: 1, full: true });
                let rust = hevc_in_rust::picture(&units, &announced, meaning, false).unwrap();
                let frame = match decoded_here(Codec::Hevc, &units.stream(), announced.pixels) {
                    Ok(frame) => frame,
                    Err(error) if error.contains("install") => {
                        let required = env::var("SHADEGRID_REQUIRE").unwrap_or_default();
                        assert!(!required.split(',').any(|name| name == "heic"), "{error}");
                        println!("skipped: {error}");
                        return;
                    }
                    Err(error) => panic!("{}: {error}", path.display()),
                };
                let library = helped::shown(&frame, &announced, meaning, false, Vec::new()).unwrap();
                assert!(library == rust, "{}", path.display());
                compared += 1;
            }
        }
        assert!(compared >= 10, "{compared}");
    }
}

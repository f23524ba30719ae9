//! AV1, by dav1d in Rust.

use std::io;

use re_rav1d::dav1d::pixel::{MatrixCoefficients, YUVRange};
use re_rav1d::dav1d::{Decoder, Error, Picture, PixelLayout, PlanarImageComponent, Settings};

use super::given::{Give, Given, Refusal, Sent};
use super::{CORRUPT, UNSUPPORTED};
use crate::decode::frame::{Chroma, Meaning};

/// Decodes the first pictures that are shown of some data, one at least, and has them given away.
pub(super) fn decode(data: Vec<u8>, (pixels, count): (u64, u64), give: Give<'_>) -> Sent {
    let mut settings = Settings::new();
    settings.set_n_threads(1);
    settings.set_max_frame_delay(1);
    settings.set_all_layers(false);
    settings.set_frame_size_limit(u32::try_from(pixels).unwrap_or(u32::MAX));
    let mut decoder = Decoder::with_settings(&settings).map_err(refusal)?;
    let mut sent = decoder.send_data(data, None, None, None);
    let mut given = 0;
    while given < count {
        match decoder.get_picture() {
            Ok(picture) => {
                if let Err(error) = give_away(&picture, give) {
                    return Ok(Err(error));
                }
                given += 1;
                continue;
            }
            Err(Error::Again) => {}
            Err(error) => return Err(refusal(error)),
        }
        match sent {
            Ok(()) if given == 0 => return Err((CORRUPT, "no picture came of its data".to_string())),
            Ok(()) => break,
            Err(Error::Again) => sent = decoder.send_pending_data(),
            Err(error) => return Err(refusal(error)),
        }
    }
    Ok(Ok(given))
}

fn give_away(picture: &Picture, give: Give<'_>) -> io::Result<()> {
    let chroma = match picture.pixel_layout() {
        PixelLayout::I400 => Chroma::None,
        PixelLayout::I420 => Chroma::Quarter,
        PixelLayout::I422 => Chroma::Half,
        PixelLayout::I444 => Chroma::Full,
    };
    let matrix = match picture.matrix_coefficients() {
        MatrixCoefficients::Identity => 0,
        MatrixCoefficients::BT709 => 1,
        MatrixCoefficients::BT470M => 4,
        MatrixCoefficients::ST240M => 7,
        MatrixCoefficients::YCgCo => 8,
        MatrixCoefficients::ChromaticityDerivedNonConstantLuminance => 12,
        MatrixCoefficients::BT2020NonConstantLuminance | MatrixCoefficients::BT2020ConstantLuminance => 9,
        _ => 2,
    };
    let components = match chroma {
        Chroma::None => &[PlanarImageComponent::Y][..],
        _ => &[PlanarImageComponent::Y, PlanarImageComponent::U, PlanarImageComponent::V],
    };
    let planes: Vec<_> =
        components.iter().map(|plane| (picture.plane(*plane), picture.stride(*plane) as usize)).collect();
    let planes: Vec<(&[u8], usize)> = planes.iter().map(|(plane, stride)| (&plane[..], *stride)).collect();
    give(&Given {
        width: picture.width(),
        height: picture.height(),
        depth: picture.bit_depth() as u8,
        chroma,
        meaning: Meaning { matrix, full: matches!(picture.color_range(), YUVRange::Full) },
        planes: &planes,
    })
}

fn refusal(error: Error) -> Refusal {
    match error {
        Error::UnsupportedBitstream => (UNSUPPORTED, "a kind of AV1 that is not read".to_string()),
        Error::NotEnoughMemory => {
            (CORRUPT, "its picture takes more memory than its size lets expect".to_string())
        }
        _ => (CORRUPT, "its picture cannot be decoded".to_string()),
    }
}

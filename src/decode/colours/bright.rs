//! Colours of films that are brighter than a screen's white (ITU-R BT.2100), as Chromium 156 shows them on a screen of sRGB.
//!
//! A level of PQ stands for a light, one of HLG for one of its scene, which a screen of 1,000 cd/m² makes brighter where it is bright (clause 5). White
//! is 203 cd/m² (ITU-R BT.2408). The largest of a pixel's red, green and blue, in the colours of BT.2020, decides by how much all three of them are
//! dimmed. Measured on ramps and random colours of five pairs of codes: nowhere more than two levels away.

use moxcms::{CicpColorPrimaries, CicpProfile, CmsError, ColorProfile, MatrixCoefficients};
use moxcms::{Matrix3d, TransferCharacteristics, TransformExecutor};

/// Codes of ITU-T H.273.
pub(super) const PQ: u8 = 16;
pub(super) const HLG: u8 = 18;
const BT2020: u8 = 9;

/// White, and the brightest light of HLG, in cd/m².
const WHITE: f32 = 203.0;
const BRIGHTEST: f32 = 1000.0;

/// Lights as multiples of white, and what is shown of them; straight lines between these. Brighter ones are shown as white.
const DIMMED: [(f32, f32); 13] = [
    (0.0, 0.0),
    (1.0, 0.5),
    (1.158, 0.5647),
    (1.3436, 0.6172),
    (1.5576, 0.6654),
    (1.8042, 0.7157),
    (2.0885, 0.7605),
    (2.4161, 0.7991),
    (2.7938, 0.8469),
    (3.229, 0.8879),
    (3.7308, 0.9216),
    (4.3094, 0.9647),
    (BRIGHTEST / WHITE, 1.0),
];

/// Levels of shown light that sRGB's curve is kept for.
const LEVELS: usize = 1 << 12;

type Matrix = [[f32; 3]; 3];

/// From levels to what is shown.
pub(super) struct Bright {
    /// The light of each level.
    lights: Vec<f32>,
    is_hlg: bool,
    to_bt2020: Matrix,
    to_srgb: Matrix,
    encoded: Vec<u8>,
}

impl Bright {
    /// `None` for codes of other colours.
    pub(super) fn of(primaries: u8, transfer: u8) -> Option<Bright> {
        let light: fn(f32) -> f32 = match transfer {
            PQ => |level| pq(level) / WHITE,
            HLG => hlg,
            _ => return None,
        };
        let to_xyz = |primaries| with_primaries(primaries).map(|profile| profile.rgb_to_xyz_matrix());
        let (own, bt2020) = (to_xyz(primaries)?, to_xyz(BT2020)?);
        let srgb = ColorProfile::new_srgb().rgb_to_xyz_matrix();
        let numbers = |matrix: Matrix3d| matrix.v.map(|row| row.map(|value| value as f32));
        Some(Bright {
            lights: (0..=255u8).map(|level| light(f32::from(level) / 255.0)).collect(),
            is_hlg: transfer == HLG,
            to_bt2020: numbers(bt2020.inverse().mat_mul(own)),
            to_srgb: numbers(srgb.inverse().mat_mul(bt2020)),
            encoded: (0..=LEVELS).map(|level| encoded(level as f32 / LEVELS as f32)).collect(),
        })
    }

    fn shown(&self, pixel: &[u8; 3]) -> [u8; 3] {
        let mut light = times(&self.to_bt2020, pixel.map(|level| self.lights[usize::from(level)]));
        if self.is_hlg {
            let scene = (0.2627 * light[0] + 0.6780 * light[1] + 0.0593 * light[2]).max(0.0);
            let brighter = scene.powf(0.2) * BRIGHTEST / WHITE;
            light = light.map(|light| light * brighter);
        }
        let most = light.into_iter().fold(0.0, f32::max);
        let share = if most > 0.0 { dimmed(most) / most } else { 0.0 };
        let place = |light: f32| (light.clamp(0.0, 1.0) * LEVELS as f32).round() as usize;
        times(&self.to_srgb, light.map(|light| light * share)).map(|light| self.encoded[place(light)])
    }
}

impl TransformExecutor<u8> for Bright {
    fn transform(&self, from: &[u8], to: &mut [u8]) -> Result<(), CmsError> {
        let pixels = from.as_chunks::<3>().0.iter().zip(to.as_chunks_mut::<3>().0);
        pixels.for_each(|(from, to)| *to = self.shown(from));
        Ok(())
    }
}

/// A profile with the primaries of a code, and the curve of sRGB.
pub(super) fn with_primaries(primaries: u8) -> Option<ColorProfile> {
    let color_primaries = CicpColorPrimaries::try_from(primaries).ok()?;
    let profile = ColorProfile::new_from_cicp(CicpProfile {
        color_primaries,
        transfer_characteristics: TransferCharacteristics::Srgb,
        matrix_coefficients: MatrixCoefficients::Identity,
        full_range: true,
    });
    Some(profile).filter(|profile| profile.red_trc.is_some())
}

fn times(matrix: &Matrix, [r, g, b]: [f32; 3]) -> [f32; 3] {
    matrix.map(|[of_r, of_g, of_b]| of_r * r + of_g * g + of_b * b)
}

/// The light of a level of PQ in cd/m² (ITU-R BT.2100, table 4).
fn pq(level: f32) -> f32 {
    let power = level.powf(32.0 / 2523.0);
    let part = (power - 3424.0 / 4096.0).max(0.0) / (2413.0 / 128.0 - 2392.0 / 128.0 * power);
    10_000.0 * part.powf(16_384.0 / 2610.0)
}

/// The light of a scene of a level of HLG, 1 for the brightest (ITU-R BT.2100, table 5).
fn hlg(level: f32) -> f32 {
    if level <= 0.5 {
        return level * level / 3.0;
    }
    (((level - 0.559_910_7) / 0.178_832_77).exp() + 0.284_668_92) / 12.0
}

/// What is shown of a light.
fn dimmed(light: f32) -> f32 {
    let knots = DIMMED.windows(2).find(|knots| light <= knots[1].0);
    knots.map_or(1.0, |knots| {
        let [(start, from), (end, to)] = [knots[0], knots[1]];
        from + (to - from) * (light - start) / (end - start)
    })
}

/// The level of a light (IEC 61966-2-1, 5.2).
fn encoded(light: f32) -> u8 {
    let level = if light <= 0.003_130_8 { 12.92 * light } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 };
    (level * 255.0).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes, and what is shown of levels of grey and of red alone.
    type Case = (u8, u8, [u8; 8], [[u8; 3]; 3]);

    /// What Chromium 156 shows of PNGs with these codes: greys, and levels of red alone.
    #[test]
    fn levels_are_shown_as_in_a_browser() {
        let cases: [Case; 5] = [
            (9, PQ, [0, 5, 30, 70, 132, 213, 255, 255], [[40, 0, 0], [167, 0, 0], [255, 0, 0]]),
            (1, PQ, [0, 5, 30, 70, 132, 213, 255, 255], [[30, 0, 0], [132, 0, 0], [255, 0, 0]]),
            (12, PQ, [0, 5, 30, 70, 132, 213, 255, 255], [[34, 0, 0], [145, 0, 0], [255, 0, 0]]),
            (9, HLG, [0, 14, 43, 71, 99, 135, 189, 228], [[49, 0, 0], [111, 0, 0], [210, 0, 0]]),
            (1, HLG, [0, 14, 43, 71, 99, 135, 189, 228], [[36, 0, 0], [86, 0, 0], [165, 0, 0]]),
        ];
        for (primaries, transfer, greys, reds) in cases {
            let bright = Bright::of(primaries, transfer).unwrap();
            let is_near = |pixel: [u8; 3], expected: [u8; 3]| {
                let shown = bright.shown(&pixel);
                let far = shown.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max();
                assert!(far <= Some(2), "{primaries}, {transfer}: {pixel:?} is {shown:?}, not {expected:?}");
            };
            (0..8).for_each(|at| is_near([32 * at; 3], [greys[usize::from(at)]; 3]));
            [64, 128, 192].into_iter().zip(reds).for_each(|(level, shown)| is_near([level, 0, 0], shown));
        }
        assert!(Bright::of(9, 13).is_none() && Bright::of(200, PQ).is_none());
    }
}

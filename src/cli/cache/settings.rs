//! Everything besides a file that decides what it gives.

use shadegrid::pipeline::describe;
use shadegrid::{HashOptions, job};

/// Options, formats and program in one text: what one of them gave is not taken for another's.
pub(super) fn text(options: &HashOptions, devices: &[String]) -> String {
    let formats =
        [("avif", cfg!(feature = "avif")), ("heic", cfg!(feature = "heic")), ("jxl", cfg!(feature = "jxl"))];
    let formats: Vec<&str> = formats.into_iter().filter(|(_, is_in)| *is_in).map(|(name, _)| name).collect();
    let limits = serde_json::to_string(&options.decode.limits).unwrap_or_default();
    let further = [
        ("records", job::RECORDS.to_string()),
        ("formats", formats.join(",")),
        ("frames", options.decode.frames.to_string()),
        ("orientations", options.orientations.to_string()),
        ("devices", devices.join(",")),
        ("limits", limits),
    ];
    let further = further.into_iter().map(|(name, value)| (name.to_string(), value));
    let lines = describe(options).into_iter().chain(further);
    lines.map(|(name, value)| format!("{name}={value}\n")).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use shadegrid::decode::Frames;
    use shadegrid::{Algorithm, Alpha, DamagedPolicy, DecodeOptions, DetailChoice, Faces, Limits, Orient};

    use super::*;

    #[test]
    fn every_choice_makes_another_text() {
        let usual = HashOptions::default;
        let decode = |decode: DecodeOptions| usual().decode(decode);
        let usually = DecodeOptions::default;
        let mut texts = HashSet::new();
        let all = [
            usual(),
            usual().algorithms(vec![Algorithm::Pdq]),
            usual().algorithms(vec![Algorithm::Pdq512]),
            usual().orientations(true),
            usual().faces(Faces::Stored),
            usual().faces(Faces::Shown),
            usual().alpha(Alpha::White),
            usual().alpha(Alpha::Black),
            decode(usually().orient(Orient::Exif)),
            decode(usually().damaged(DamagedPolicy::Refuse)),
            decode(usually().detail(DetailChoice::Full)),
            decode(usually().detail(DetailChoice::Lowest(4))),
            decode(usually().frames(Frames::All)),
            decode(usually().frames(Frames::Most(7))),
            decode(usually().limits(Limits::default().max_side(7))),
            decode(usually().limits(Limits::default().max_pixels(7))),
            decode(usually().limits(Limits::default().max_pixels_per_byte(7))),
            decode(usually().limits(Limits::default().max_file_bytes(7))),
            decode(usually().limits(Limits::default().max_decoder_bytes(7))),
            decode(usually().limits(Limits::default().max_scans(7))),
        ];
        for options in &all {
            assert!(texts.insert(text(options, &[])), "{options:?}");
        }
        assert!(texts.insert(text(&usual(), &["a device".to_string()])));
        assert!(!texts.insert(text(&usual(), &[])), "the same options are the same");
    }
}

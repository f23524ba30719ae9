//! Thresholds by name.

use clap::ValueEnum;
use shadegrid::gallery::SearchOptions;

/// Thresholds by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Preset {
    /// Both signatures the same: the same pixels, with other metadata or in another lossless format too (--joint photodna=0,pdq=0)
    Exact,
    /// What the field calls a match: saved again, scaled, cut off by 2 % (photodna=40000,pdq=31)
    Near,
    /// Both signatures within wider thresholds: cut off by 5 % too (--joint photodna=62500,pdq=90)
    Loose,
}

impl Preset {
    /// The same choices with these thresholds, for the signatures that are looked up.
    pub(super) fn apply(self, options: SearchOptions) -> SearchOptions {
        let (photodna, pdq, joint) = match self {
            Preset::Exact => (0, 0, true),
            Preset::Near => (40_000, 31, false),
            Preset::Loose => (62_500, 90, true),
        };
        let asked = |threshold: Option<u32>, by_name| (joint || threshold.is_some()).then_some(by_name);
        let (photodna, pdq) = (asked(options.photodna, photodna), asked(options.pdq, pdq));
        options.photodna(photodna).pdq(pdq).joint(joint)
    }
}

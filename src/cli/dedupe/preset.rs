//! Thresholds by name.

use clap::ValueEnum;
use shadegrid::gallery::SearchOptions;

/// Thresholds by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Preset {
    /// Both signatures the same, as with other metadata or in another lossless format (--joint photodna=0,pdq=0)
    Exact,
    /// What the field calls a match: saved again, scaled, cut off by 2 % (photodna=40000,pdq=31)
    Near,
    /// That, and both signatures within wider thresholds: cut off by 5 % too (near, or --joint photodna=62500,pdq=90)
    Loose,
}

/// PhotoDNA-class and PDQ thresholds, and whether both have to be kept.
type Rule = (u32, u32, bool);

const NEAR: Rule = (40_000, 31, false);

impl Preset {
    /// The same choices with these thresholds, for the signatures that are looked up. What any of them matches belongs together.
    ///
    /// Wider thresholds take both signatures, which pictures with little to see do not have: so the usual ones hold as well, and `loose` finds what
    /// `near` does.
    pub(super) fn rules(self, options: &SearchOptions) -> Vec<SearchOptions> {
        let rules: &[Rule] = match self {
            Preset::Exact => &[(0, 0, true)],
            Preset::Near => &[NEAR],
            Preset::Loose => &[NEAR, (62_500, 90, true)],
        };
        let rule = |&(photodna, pdq, joint): &Rule| {
            let asked = |threshold: Option<u32>, by_name| (joint || threshold.is_some()).then_some(by_name);
            let (photodna, pdq) = (asked(options.photodna, photodna), asked(options.pdq, pdq));
            options.clone().photodna(photodna).pdq(pdq).joint(joint)
        };
        rules.iter().map(rule).collect()
    }
}

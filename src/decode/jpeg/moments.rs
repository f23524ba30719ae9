//! How much what clamping adds to a signal varies, compared with the signal itself: see [`gamut`](super::gamut).

/// Cells that are looked at side by side.
pub(super) const LANES: usize = 8;

/// Sums over cells, so many at a time.
pub(super) type Sums = [f32; LANES];

/// First and second moments of a signal and of what clamping adds to it.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(super) struct Moments {
    s: Sums,
    e: Sums,
    ss: Sums,
    ee: Sums,
    se: Sums,
}

impl Moments {
    #[inline(always)]
    pub(super) fn add(&mut self, lane: usize, s: f32, e: f32) {
        self.s[lane] += s;
        self.e[lane] += e;
        self.ss[lane] += s * s;
        self.ee[lane] += e * e;
        self.se[lane] += s * e;
    }

    /// The signal's variance, for so many cells.
    pub(super) fn variance(&self, cells: f32) -> f32 {
        let mean = |sums: &Sums| sums.iter().sum::<f32>() / cells;
        mean(&self.ss) - mean(&self.s) * mean(&self.s)
    }

    /// ρ, for so many cells.
    pub(super) fn ratio(&self, cells: f32) -> f32 {
        let mean = |sums: &Sums| sums.iter().sum::<f32>() / cells;
        let (s, e) = (mean(&self.s), mean(&self.e));
        let (ss, ee, se) = (mean(&self.ss) - s * s, mean(&self.ee) - e * e, mean(&self.se) - s * e);
        // A picture without anything in it has no signature that could be wrong: one level is the least.
        (ee.max(0.0) / ss.min(ss + 2.0 * se + ee).max(1.0)).sqrt()
    }
}

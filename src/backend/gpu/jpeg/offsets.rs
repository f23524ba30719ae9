//! What the lanes before each lane add; twin of `shaders/jpeg/offsets.wgsl`.

/// The offsets of one picture's lanes, of which `is_first` says whether each is its segment's first, and the blocks that are missing.
pub(super) fn offsets(totals: &[[u32; 4]], is_first: impl Fn(usize) -> bool) -> (Vec<[u32; 4]>, u32) {
    let (mut sums, mut missing) = ([0u32; 4], 0u32);
    let mut offsets = Vec::new();
    for (lane, total) in totals.iter().enumerate() {
        if is_first(lane) {
            sums = [0; 4];
        }
        offsets.push(sums);
        for (sum, more) in sums.iter_mut().zip(&total[..3]) {
            *sum = sum.wrapping_add(*more);
        }
        missing = missing.wrapping_add(total[3]);
    }
    (offsets, missing)
}

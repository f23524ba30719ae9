//! Which lanes the right decoder goes through, and what each writes; twin of `shaders/jpeg/resolve.wgsl`.

use super::descriptors::{Lane, NONE, Segment, Work};

/// `RUNAWAY` of the shaders.
pub(super) const RUNAWAY: u32 = 1 << 16;

/// The work of a segment's lanes, of which `lanes` are those from its first one on.
pub(super) fn resolve(segment: &Segment, lanes: &[Lane]) -> Vec<Work> {
    let off = |lane: usize| (lane, None);
    let mut chain: Vec<(usize, Option<usize>)> = (0..lanes.len()).map(off).collect();
    // The lanes on the chain with the one before each.
    let (mut at, mut on) = (0, vec![0]);
    loop {
        let met = lanes[at].met.clamp(segment.first_lane + at as u32 + 1, segment.first_lane + segment.lanes);
        let next = (met - segment.first_lane) as usize;
        if next == lanes.len() {
            break;
        }
        chain[next].1 = Some(at);
        on.push(next);
        at = next;
    }
    let idle = Work { bit: segment.start, block: 0, blocks: 0, end: segment.end, emptied: 0 };
    let mut work = vec![idle; lanes.len()];
    let mut so_far = 0u32;
    for lane in on {
        let before = chain[lane].1.map(|before| lanes[before]);
        let entered = before.map_or(0, |before| before.met_blocks);
        let of = &lanes[lane];
        let count = before.map_or(0, |before| before.over).wrapping_add(of.blocks).wrapping_sub(entered);
        let done = so_far.min(segment.blocks);
        let left = segment.blocks - done;
        let is_last = of.met == NONE || of.fault > entered;
        let bit = before.map_or(segment.start, |before| before.exit);
        let is_far = segment.end.saturating_sub(bit) > RUNAWAY;
        let blocks = match is_last {
            true if (of.lost != 0 || is_far) && left > count => NONE,
            true => left,
            false => count.min(left),
        };
        work[lane] = Work {
            bit,
            block: segment.first_block + done,
            blocks,
            end: segment.end,
            emptied: if blocks != 0 && blocks == left { segment.followed } else { 0 },
        };
        // What the chain says behind its last lane does not count.
        so_far = if is_last { segment.blocks } else { so_far.saturating_add(count) };
    }
    work
}

//! Every lane on into the next ones, until both read the same; twin of `shaders/jpeg/follow.wgsl`.

use super::descriptors::{BOUNDARIES, Lane, Segment};
use super::first::Notes;
use super::symbols::{Blocks, Source};

/// `FARTHEST` of the shader.
pub(super) const FARTHEST: u32 = 32_768;

/// Lane `own` of its segment, whose lanes noted `notes`.
pub(super) fn follow(source: Source<'_>, segment: &Segment, notes: &[Notes], own: u32, lane: Lane) -> Lane {
    let mut lane = lane;
    if own + 1 == segment.lanes || lane.exit >= segment.end {
        return lane;
    }
    let apart = (1 << source.picture.lane_shift) / BOUNDARIES;
    let farthest = (lane.exit + FARTHEST).min(segment.end);
    let mut reader = Blocks::at(source, lane.exit, lane.place / 2, source.picture.period);
    // Of the segment's boundaries, how many are passed; the lane's own do not count.
    let mut passed = (own + 1) * BOUNDARIES;
    loop {
        if reader.next(false, |_, _| ()).is_err() {
            return lane;
        }
        lane.over += 1;
        if reader.bit >= farthest {
            lane.over -= u32::from(reader.bit > segment.end);
            lane.lost = u32::from(farthest < segment.end);
            return lane;
        }
        let reached = (reader.bit - segment.start) / apart;
        if reached > passed {
            passed = reached.min(segment.lanes * BOUNDARIES);
            let (other, boundary) = ((passed - 1) / BOUNDARIES, (passed - 1) % BOUNDARIES);
            let [bit, of] = notes[other as usize][boundary as usize];
            if bit == reader.bit && of & 255 == 2 * reader.place {
                (lane.met, lane.met_blocks) = (segment.first_lane + other, of >> 8);
                return lane;
            }
        }
    }
}

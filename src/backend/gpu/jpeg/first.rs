//! Every lane from its first bit to its last; twin of `shaders/jpeg/first.wgsl`.

use super::descriptors::{BOUNDARIES, Lane, NONE, Segment};
use super::symbols::{Blocks, Source};

/// What a lane notes at each boundary: the bit, and blocks times 256 and twice the place.
pub(super) type Notes = [[u32; 2]; BOUNDARIES as usize];

/// Lane `own` of its segment.
pub(super) fn first(source: Source<'_>, segment: &Segment, own: u32) -> (Lane, Notes) {
    let bits = 1 << source.picture.lane_shift;
    let start = segment.start + own * bits;
    let end = (start + bits).min(segment.end);
    let mut reader = Blocks::at(source, start, 0, source.picture.period);
    let (mut blocks, mut fault) = (0, 0);
    let mut notes = Vec::new();
    loop {
        blocks += 1;
        if reader.next(false, |_, _| ()).is_err() {
            fault = blocks;
            (reader.bit, reader.place) = (reader.bit + 1, 0);
        }
        if reader.bit >= end {
            break;
        }
        let boundary = |noted: usize| start + (noted as u32 + 1) * bits / BOUNDARIES;
        while boundary(notes.len()) <= reader.bit {
            notes.push([reader.bit, (blocks << 8) | (2 * reader.place)]);
        }
    }
    let is_over = reader.bit > segment.end;
    notes.resize(
        BOUNDARIES as usize,
        if is_over { [NONE, 0] } else { [reader.bit, (blocks << 8) | (2 * reader.place)] },
    );
    let lane = Lane {
        exit: reader.bit.min(segment.end),
        place: 2 * reader.place,
        blocks: blocks - u32::from(is_over),
        fault,
        met: NONE,
        ..Lane::default()
    };
    (lane, std::array::from_fn(|boundary| notes[boundary]))
}

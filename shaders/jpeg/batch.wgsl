// What a batch of compressed pictures looks like in memory. Part of every stage that decodes; the same structures stand in
// src/backend/gpu/jpeg/descriptors.rs.
//
// A picture's data is cut into segments, which are its restart intervals, and these into lanes of as many bits each. One invocation decodes
// one lane. Eight boundaries lie in each: the first an eighth behind its first bit, the last at its end.
//
// Offsets and sizes count words, bits where it says so, and elements of what is named. Whatever a descriptor names lies within its array: the
// host has checked that before it sent the batch.

/// Bits that one look-up sees.
const WINDOW: u32 = 9u;
/// Entries of one table.
const ENTRIES: u32 = 1u << WINDOW;
/// Words behind a pair's four tables, for longer codes.
const LONGER: u32 = 512u;
const PAIR_WORDS: u32 = 4u * ENTRIES + LONGER;

/// Boundaries of a lane.
const BOUNDARIES: u32 = 8u;
const NONE: u32 = 0xffffffffu;
/// Bits that a lane is followed at most.
const FARTHEST: u32 = 32768u;
/// Bits that the last lane of a chain has at most: its own, and those that it was followed for. With more, it ends at a fault long before the segment does, and would read the rest alone.
const RUNAWAY: u32 = 65536u;
/// Look-ups of one invocation at most. Each takes a bit at least; a lane has up to 2¹⁴, and a block up to 1,984.
const MOST_TURNS: u32 = 65536u;

/// Words for each picture of what was found: blocks that are missing, bits that say that a value has, or may have had, more than 16 bits, and the batch's number.
const FOUND: u32 = 3u;

struct Picture {
    /// Where its pairs' tables begin in `tables`, PAIR_WORDS each, and how many there are: 1 or 2.
    tables: u32,
    pair_count: u32,
    /// Two bits for each place of the MCU, up to 16: its pair of codes, under `pair_count`, and its component, under 3.
    pairs: u32,
    components: u32,
    /// Blocks of an MCU, and after how many the codes repeat.
    per_mcu: u32,
    period: u32,
    /// Its lanes, all segments' together, and how many bits each has, as a power of two.
    first_lane: u32,
    lanes: u32,
    lane_shift: u32,
    /// Where its slots begin in `slots`, and how many a block has.
    slots: u32,
    slot_count: u32,
    /// Eight bits for each component: its last coefficient that is kept, under `slot_count`.
    kept: u32,
    /// The number of its batch: results of another one are left from before.
    batch: u32,
}

struct Segment {
    /// Its data, in bits of `stream`.
    start: u32,
    end: u32,
    /// One at least, and as many as begin in its data.
    first_lane: u32,
    lanes: u32,
    /// Blocks that it must hold, and the picture's blocks before it.
    blocks: u32,
    first_block: u32,
    /// 1 where another one follows: nothing may be left of its data behind its blocks then.
    followed: u32,
    unused: u32,
}

/// What a workgroup does: up to 64 lanes of one picture, or blocks of one plane.
struct Group {
    /// The picture, or the plane.
    owner: u32,
    first: u32,
    count: u32,
    unused: u32,
}

/// What is known of a lane once its own data and what follows are read.
struct Lane {
    /// The first block's start at or behind its end: the bit, and the place in the MCU.
    exit: u32,
    place: u32,
    /// Blocks that begin before its end, and how many there were with the last fault; 0 without one.
    blocks: u32,
    fault: u32,
    /// Blocks behind its end until one begins where another lane noted it: that lane, and how many blocks it had by then.
    over: u32,
    met: u32,
    met_blocks: u32,
    /// 1 where it was not followed to the end.
    lost: u32,
}

/// What a lane writes.
struct Work {
    /// Its first bit and block, of the stream and the picture.
    bit: u32,
    block: u32,
    /// Its blocks; none for a lane that is wrong throughout, NONE where nothing says how many there are.
    blocks: u32,
    /// The segment's last bit.
    end: u32,
    /// 1 where all but the last few bits must be taken then.
    emptied: u32,
}

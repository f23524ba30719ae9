// Bits and symbols, for stages that bind `stream` and `tables`.
//
// The look-up tables are those of src/backend/gpu/jpeg/tables.rs. An entry, lowest bits first: 5 bits of length, 5 of the first code's length, 4 of
// its value's size, 9 unused, 9 of advance in the block. Where no whole code lies within the window: 5 bits of zeros, 4 of how many bits further the
// second table sees, 14 of where that begins behind the pair's first word, and CARE as advance.
//
// A block's place runs from START. One test says what needs care: `passed & CARE`, set where coefficient 63 was met or passed or the entry has no
// length. An end of block has a bit of its own.

const START: u32 = 64u;
const FULL: u32 = 128u;
const CARE: u32 = 128u;
const DONE: u32 = 256u;
/// Where an entry's advance begins.
const ADVANCE: u32 = 23u;

struct Reader {
    /// The next bit of `stream`.
    bit: u32,
    /// The word that it lies in, and the two behind: a word is asked for long before it is needed.
    words: vec3<u32>,
    /// Coefficients of the block that are passed, from START.
    passed: u32,
    /// Twice the block's place in the MCU.
    place: u32,
    /// The next look-up's table, in workgroup memory.
    table: u32,
}

/// A reader at a block's first bit. No stage reads more than 65 words behind a segment's end, and as many follow the last one's.
fn reader_at(bit: u32, place: u32) -> Reader {
    let word = bit >> 5u;
    return Reader(bit, vec3(stream[word], stream[word + 1u], stream[word + 2u]), START, place, 0u);
}

/// The next 32 bits, the first one uppermost.
fn peek(reader: ptr<function, Reader>) -> u32 {
    let words = (*reader).words;
    let within = (*reader).bit & 31u;
    // In two steps, as a shift by 32 is none.
    return (words.x << within) | ((words.y >> 1u) >> (31u - within));
}

/// Takes up to 31 bits.
fn take(reader: ptr<function, Reader>, count: u32) {
    let before = (*reader).bit;
    let bit = before + count;
    (*reader).bit = bit;
    if ((bit ^ before) & 32u) != 0u {
        (*reader).words = vec3((*reader).words.yz, stream[(bit >> 5u) + 2u]);
    }
}

/// The value that an entry's first code stands for, of the bits that it was looked up for (EXTEND of T.81, F.2.2.1).
fn value_of(entry: u32, bits: u32) -> u32 {
    let size = (entry >> 10u) & 15u;
    let behind = bits << ((entry >> 5u) & 31u);
    let raw = (behind >> 1u) >> (31u - size);
    return select(raw, raw - ((1u << size) - 1u), behind < 0x80000000u);
}

/// After a look-up that needs care: the entry to take instead, with `passed` put right; 0 for a fault, of which nothing is passed. `pair` is where the
/// pair's tables begin. Where `clamps` is set, a run past coefficient 63 ends there; else it is a fault as well.
fn with_care(reader: ptr<function, Reader>, looked_up: u32, bits: u32, pair: u32, clamps: bool) -> u32 {
    let is_longer = (looked_up & 31u) == 0u;
    if (*reader).passed == FULL && !is_longer {
        (*reader).passed |= DONE;
        return looked_up;
    }
    let passed = (*reader).passed - (looked_up >> ADVANCE);
    (*reader).passed = passed;
    var entry: u32;
    if is_longer {
        let further = (looked_up >> 5u) & 15u;
        entry = tables[pair + ((looked_up >> 9u) & 0x3fffu) + (((bits << WINDOW) >> 1u) >> (31u - further))];
    } else {
        // The entry ran into the next block. Its first symbol is none that ends a block, and is taken alone.
        let table = select(3u * ENTRIES, 2u * ENTRIES, passed == START);
        entry = tables[pair + table + (bits >> (32u - WINDOW))];
        entry = (entry & 0x7fffffe0u) | (((entry >> 5u) & 31u) + ((entry >> 10u) & 15u));
    }
    let advance = entry >> ADVANCE;
    let is_beyond = advance < DONE && passed + advance > FULL;
    if entry == 0u || (is_beyond && !clamps) {
        return 0u;
    }
    let reached = select(passed + advance, FULL, is_beyond);
    (*reader).passed = reached | select(0u, DONE, reached == FULL);
    return entry;
}

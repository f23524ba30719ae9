// Blocks that are passed without a coefficient being kept, for the stages that look for where blocks begin: first and follow.
//
// Several lanes in lockstep wait for each other at every branch. So there is one for what needs care, which is rare, and the end of a block,
// which some lane meets at nearly every look-up, is worked out by selects.

const THREADS: u32 = 64u;
/// Two tables for each pair of codes: DC and what follows it, AC.
var<workgroup> passing: array<u32, 4u * ENTRIES>;

/// What a look-up came to.
const WITHIN: u32 = 0u;
const ENDED: u32 = 1u;
const FAULT: u32 = 2u;

/// Brings the picture's tables to `passing`; a barrier has to follow. With at most two pairs the index stays below 4 · ENTRIES.
fn load_tables(picture: Picture, thread: u32) {
    for (var i = thread; i < 2u * ENTRIES * picture.pair_count; i += THREADS) {
        passing[i] = tables[picture.tables + PAIR_WORDS * (i / (2u * ENTRIES)) + i % (2u * ENTRIES)];
    }
}

fn pair_at(picture: Picture, place: u32) -> u32 {
    return (picture.pairs >> place) & 3u;
}

/// The reader at a block of `place`, counted twice, under twice the period.
fn passing_at(picture: Picture, bit: u32, place: u32) -> Reader {
    var reader = reader_at(bit, place);
    reader.table = 2u * ENTRIES * pair_at(picture, place);
    return reader;
}

/// One look-up. Nothing is taken where it is a fault.
fn look_up(reader: ptr<function, Reader>, picture: Picture) -> u32 {
    let bits = peek(reader);
    var entry = passing[(*reader).table + (bits >> (32u - WINDOW))];
    (*reader).passed += entry >> ADVANCE;
    if ((*reader).passed & CARE) != 0u {
        let pair = picture.tables + PAIR_WORDS * pair_at(picture, (*reader).place);
        entry = with_care(reader, entry, bits, pair, false);
        if entry == 0u {
            return FAULT;
        }
    }
    take(reader, entry & 31u);
    let has_ended = ((*reader).passed & DONE) != 0u;
    let next = (*reader).place + select(0u, 2u, has_ended);
    (*reader).place = select(next, 0u, next == 2u * picture.period);
    (*reader).table = 2u * ENTRIES * pair_at(picture, (*reader).place) + select(ENTRIES, 0u, has_ended);
    (*reader).passed = select((*reader).passed, START, has_ended);
    return select(WITHIN, ENDED, has_ended);
}

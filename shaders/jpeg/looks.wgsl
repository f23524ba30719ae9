// Some blocks of each picture, found by bits of its data and read to every coefficient; twin of src/decode/jpeg/clipping.rs, whose rule it follows. An
// invocation finds one.
//
// Of the lanes that are right, the last whose part begins at or before the bit leads to it. Behind the segment's last block comes its first.

struct Look {
    segment: u32,
    /// Of the stream.
    bit: u32,
    /// Blocks to pass behind the first that begins at the bit or behind it, and 1 where the block is to be of chroma.
    passed: u32,
    wants_chroma: u32,
}

@group(0) @binding(0) var<storage, read> pictures: array<Picture>;
@group(0) @binding(1) var<storage, read> segments: array<Segment>;
@group(0) @binding(2) var<storage, read> groups: array<Group>;
@group(0) @binding(3) var<storage, read> stream: array<u32>;
@group(0) @binding(4) var<storage, read> tables: array<u32>;
@group(0) @binding(5) var<storage, read> work: array<Work>;
@group(0) @binding(6) var<storage, read> looks_at: array<Look>;
/// SEEN a look: NONE at first where nothing was found.
@group(0) @binding(7) var<storage, read_write> seen: array<u32>;

const THREADS: u32 = 64u;
/// Three tables for each pair of codes: DC, AC one by one, AC passed.
var<workgroup> looking: array<u32, 6u * ENTRIES>;
const SINGLE: u32 = ENTRIES;
const PASSED: u32 = 2u * ENTRIES;

/// What is done with the next block.
const SEEK: u32 = 0u;
const PASS: u32 = 1u;
const CHOOSE: u32 = 2u;
const READ: u32 = 3u;

/// Which of a pair's four tables in `tables` is the `table`th of `looking`.
fn source_of(table: u32) -> u32 {
    return select(select(1u, 3u, table == 1u), 2u, table == 0u);
}

/// Brings the picture's tables to `looking`. With at most two pairs the index stays below 6 · ENTRIES.
fn load_tables(picture: Picture, thread: u32) {
    for (var i = thread; i < 3u * ENTRIES * picture.pair_count; i += THREADS) {
        let table = source_of(i / ENTRIES % 3u);
        looking[i] = tables[picture.tables + PAIR_WORDS * (i / (3u * ENTRIES)) + table * ENTRIES + i % ENTRIES];
    }
}

@compute @workgroup_size(THREADS)
fn looks(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let group = groups[workgroup.y * workgroups.x + workgroup.x];
    let picture = pictures[group.owner];
    load_tables(picture, thread);
    workgroupBarrier();
    if thread >= group.count {
        return;
    }
    let number = group.first + thread;
    let look = looks_at[number];
    let segment = segments[look.segment];
    let at = number * SEEN;
    for (var word = 0u; word < SEEN; word++) {
        seen[at + word] = select(0u, NONE, word == 0u);
    }
    var lane = segment.first_lane + min((look.bit - segment.start) >> picture.lane_shift, segment.lanes - 1u);
    for (; lane > segment.first_lane; lane--) {
        // Neither 0 nor NONE.
        if work[lane].blocks - 1u < NONE - 1u && work[lane].bit <= look.bit {
            break;
        }
    }
    // Of the segment's blocks. A segment begins with an MCU.
    var block = min(work[lane].block - segment.first_block, segment.blocks);
    var reader = reader_at(work[lane].bit, 2u * (block % picture.per_mcu));
    var phase = SEEK;
    var left = look.passed % segment.blocks;
    var tried = 0u;
    var pair = 0u;
    for (var turn = 0u; turn < MOST_TURNS; turn++) {
        if reader.passed == START {
            if block == segment.blocks {
                if phase == CHOOSE {
                    return;
                }
                phase = PASS;
                block = 0u;
                reader = reader_at(segment.start, 0u);
            }
            if phase == SEEK && reader.bit >= look.bit {
                phase = PASS;
            }
            if phase == PASS {
                if left == 0u {
                    phase = CHOOSE;
                }
                left -= 1u;
            }
            if phase == CHOOSE {
                let is_chroma = ((picture.components >> reader.place) & 3u) > 0u;
                if is_chroma == (look.wants_chroma != 0u) || tried == picture.per_mcu {
                    phase = READ;
                }
                tried += 1u;
            }
            pair = (picture.pairs >> reader.place) & 3u;
            reader.table = 3u * ENTRIES * pair;
        }
        let bits = peek(&reader);
        var entry = looking[reader.table + (bits >> (32u - WINDOW))];
        let before = reader.passed;
        reader.passed += entry >> ADVANCE;
        if (reader.passed & CARE) != 0u {
            entry = with_care(&reader, entry, bits, picture.tables + PAIR_WORDS * pair, true);
            if entry == 0u {
                return;
            }
        }
        take(&reader, entry & 31u);
        if phase == READ && before != START && (entry & 0x3c00u) != 0u {
            // One symbol was read, and came to a coefficient from 1 to 63.
            let k = (reader.passed & 255u) - START - 1u;
            seen[at + SEEN_COEFFICIENTS + k / 2u] |= (value_of(entry, bits) & 0xffffu) << (16u * (k & 1u));
        }
        reader.table = 3u * ENTRIES * pair + select(PASSED, SINGLE, phase == READ);
        if (reader.passed & DONE) != 0u {
            // Of broken data only: so nothing is read further than a block behind the segment's end.
            if reader.bit > segment.end {
                return;
            }
            if phase == READ {
                seen[at] = segment.first_block + block;
                return;
            }
            block += 1u;
            reader.passed = START;
            let place = reader.place + 2u;
            reader.place = select(place, 0u, place == 2u * picture.per_mcu);
        }
    }
}

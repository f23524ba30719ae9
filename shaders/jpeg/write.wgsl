// Every lane reads its part of the right decoder's blocks once more, by now knowing which they are, and writes what is kept of them; twin of
// src/backend/gpu/jpeg/write.rs.
//
// A block's slots are cleared beforehand, and only what is kept and not zero is written. The DC slot holds the sum of the lane's differences so far
// and the lane's number, 16 bits each: what the lanes before it add is known later, and no pass over the blocks is needed for it.

@group(0) @binding(0) var<storage, read> pictures: array<Picture>;
@group(0) @binding(1) var<storage, read> groups: array<Group>;
@group(0) @binding(2) var<storage, read> stream: array<u32>;
@group(0) @binding(3) var<storage, read> tables: array<u32>;
@group(0) @binding(4) var<storage, read> work: array<Work>;
/// Block by block: DC, then as many coefficients in zigzag order as the picture keeps.
@group(0) @binding(5) var<storage, read_write> slots: array<u32>;
/// Sums of each lane's DC differences by component, and blocks that it did not come to.
@group(0) @binding(6) var<storage, read_write> totals: array<vec4<u32>>;

const THREADS: u32 = 64u;
/// Three tables for each pair of codes: DC, AC one by one, AC passed. With one slot DC comes with what follows it.
var<workgroup> writing: array<u32, 6u * ENTRIES>;
const SINGLE: u32 = ENTRIES;
const PASSED: u32 = 2u * ENTRIES;

/// Which of a pair's four tables in `tables` is the `table`th of `writing`.
fn source_of(table: u32, is_alone: bool) -> u32 {
    if table == 0u {
        return select(2u, 0u, is_alone);
    }
    return select(1u, 3u, table == 1u);
}

/// Brings the picture's tables to `writing`. With at most two pairs the index stays below 6 · ENTRIES.
fn load_tables(picture: Picture, thread: u32) {
    for (var i = thread; i < 3u * ENTRIES * picture.pair_count; i += THREADS) {
        let table = source_of(i / ENTRIES % 3u, picture.slot_count == 1u);
        writing[i] = tables[picture.tables + PAIR_WORDS * (i / (3u * ENTRIES)) + table * ENTRIES + i % ENTRIES];
    }
}

@compute @workgroup_size(THREADS)
fn write(
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
    let job = work[number];
    if job.blocks == NONE {
        totals[number] = vec4(0u, 0u, 0u, 1u);
        return;
    }
    let name = (number - picture.first_lane) << 16u;
    var sums = vec3(0u);
    var left = job.blocks;
    var reader = reader_at(job.bit, 2u * (job.block % picture.per_mcu));
    var pair = (picture.pairs >> reader.place) & 3u;
    reader.table = 3u * ENTRIES * pair;
    var component = (picture.components >> reader.place) & 3u;
    var kept = START + ((picture.kept >> (8u * component)) & 255u);
    // Where the block's slot would be for coefficient −START.
    var block_at = picture.slots + job.block * picture.slot_count - START;
    for (var turn = 0u; turn < MOST_TURNS; turn++) {
        if left == 0u {
            break;
        }
        let bits = peek(&reader);
        var entry = writing[reader.table + (bits >> (32u - WINDOW))];
        let before = reader.passed;
        reader.passed += entry >> ADVANCE;
        if (reader.passed & CARE) != 0u {
            entry = with_care(&reader, entry, bits, picture.tables + PAIR_WORDS * pair, true);
            if entry == 0u {
                break;
            }
        }
        take(&reader, entry & 31u);
        if before <= kept {
            let value = value_of(entry, bits);
            // One symbol was read: the coefficient that it came to.
            let k = (reader.passed & 255u) - 1u;
            if before == START {
                sums += select(vec3(0u), vec3(value), vec3(0u, 1u, 2u) == vec3(component));
                let sum = select(select(sums.x, sums.y, component == 1u), sums.z, component == 2u);
                slots[block_at + START] = name | (sum & 0xffffu);
            } else if k <= kept && (entry & 0x3c00u) != 0u {
                // From START to the last that is kept, below START + slot_count.
                slots[block_at + k] = value;
            }
        }
        let has_ended = (reader.passed & DONE) != 0u;
        reader.table = 3u * ENTRIES * pair + select(PASSED, SINGLE, reader.passed <= kept);
        if has_ended {
            if reader.bit > job.end {
                break;
            }
            left -= 1u;
            block_at += picture.slot_count;
            reader.passed = START;
            let place = reader.place + 2u;
            reader.place = select(place, 0u, place == 2u * picture.per_mcu);
            pair = (picture.pairs >> reader.place) & 3u;
            reader.table = 3u * ENTRIES * pair;
            component = (picture.components >> reader.place) & 3u;
            kept = START + ((picture.kept >> (8u * component)) & 255u);
        }
    }
    // Whole bytes that nobody takes before a restart marker are data out of place.
    let is_left = left == 0u && job.emptied != 0u && job.end - reader.bit >= 8u;
    totals[number] = vec4(sums, left + select(0u, 1u, is_left));
}

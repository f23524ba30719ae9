// Every lane from its first bit to its last, as if the first block of an MCU began there; twin of src/backend/gpu/jpeg/first.rs.
//
// Blocks read from a wrong bit soon fall in with the right ones: a Huffman code comes into step by itself. What a lane notes at its boundaries
// lets the lane before it see where that was.

@group(0) @binding(0) var<storage, read> pictures: array<Picture>;
@group(0) @binding(1) var<storage, read> segments: array<Segment>;
/// Each lane's segment.
@group(0) @binding(2) var<storage, read> segment_of: array<u32>;
@group(0) @binding(3) var<storage, read> groups: array<Group>;
@group(0) @binding(4) var<storage, read> stream: array<u32>;
@group(0) @binding(5) var<storage, read> tables: array<u32>;
/// BOUNDARIES a lane: the first block's start at or behind each: the bit; blocks before it, times 256, and twice its place in the MCU. NONE where
/// no block begins.
@group(0) @binding(6) var<storage, read_write> notes: array<vec2<u32>>;
@group(0) @binding(7) var<storage, read_write> lanes: array<Lane>;

@compute @workgroup_size(THREADS)
fn first(
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
    let segment = segments[segment_of[number]];
    let start = segment.start + ((number - segment.first_lane) << picture.lane_shift);
    let end = min(start + (1u << picture.lane_shift), segment.end);
    let apart = picture.lane_shift - 3u;
    let notes_at = number * BOUNDARIES;

    var reader = passing_at(picture, start, 0u);
    var blocks = 0u;
    var fault = 0u;
    var noted = 0u;
    // Where the next boundary or the end lies.
    var limit = min(start + (1u << apart), end);
    for (var turn = 0u; turn < MOST_TURNS; turn++) {
        let came = look_up(&reader, picture);
        if came == FAULT {
            // A wrong start, or damage: a block is begun anew one bit further.
            blocks += 1u;
            fault = blocks;
            take(&reader, 1u);
            reader.place = 0u;
            reader.passed = START;
            reader.table = 2u * ENTRIES * pair_at(picture, 0u);
        }
        blocks += select(0u, 1u, came == ENDED);
        if came != WITHIN && reader.bit >= limit {
            if reader.bit >= end {
                break;
            }
            // Under BOUNDARIES, since the last boundary is not before the end.
            let reached = (reader.bit - start) >> apart;
            for (; noted < reached; noted++) {
                notes[notes_at + noted] = vec2(reader.bit, (blocks << 8u) | reader.place);
            }
            limit = min(start + ((reached + 1u) << apart), end);
        }
    }
    // What reaches beyond the segment is no block.
    let is_over = reader.bit > segment.end;
    let has_none = is_over || reader.bit < end;
    let note = select(vec2(reader.bit, (blocks << 8u) | reader.place), vec2(NONE, 0u), has_none);
    for (; noted < BOUNDARIES; noted++) {
        notes[notes_at + noted] = note;
    }
    let exit = select(reader.bit, segment.end, is_over);
    lanes[number] = Lane(exit, reader.place, blocks - select(0u, 1u, is_over), fault, 0u, NONE, 0u, 0u);
}

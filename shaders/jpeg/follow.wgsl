// Every lane goes on from its end through the data of the next ones, until one of its blocks begins where theirs does: from there on both read
// the same; twin of src/backend/gpu/jpeg/follow.rs.

@group(0) @binding(0) var<storage, read> pictures: array<Picture>;
@group(0) @binding(1) var<storage, read> segments: array<Segment>;
@group(0) @binding(2) var<storage, read> segment_of: array<u32>;
@group(0) @binding(3) var<storage, read> groups: array<Group>;
@group(0) @binding(4) var<storage, read> stream: array<u32>;
@group(0) @binding(5) var<storage, read> tables: array<u32>;
/// What `first` noted.
@group(0) @binding(6) var<storage, read> notes: array<vec2<u32>>;
@group(0) @binding(7) var<storage, read_write> lanes: array<Lane>;

@compute @workgroup_size(THREADS)
fn follow(
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
    let lane = lanes[number];
    let own = number - segment.first_lane;
    if own + 1u == segment.lanes || lane.exit >= segment.end {
        return;
    }
    let apart = picture.lane_shift - 3u;
    // Boundaries of the segment, counted from its first bit: 1 is the first lane's first.
    let most = segment.lanes * BOUNDARIES;
    let notes_at = segment.first_lane * BOUNDARIES;

    var reader = passing_at(picture, lane.exit, lane.place);
    var blocks = 0u;
    var met = NONE;
    var met_blocks = 0u;
    var lost = 0u;
    // The next boundary that counts is behind the lane's own.
    var limit = segment.start + (((own + 1u) * BOUNDARIES + 1u) << apart);
    let farthest = min(lane.exit + FARTHEST, segment.end);
    for (var turn = 0u; turn < MOST_TURNS; turn++) {
        let came = look_up(&reader, picture);
        if came == FAULT {
            break;
        }
        blocks += select(0u, 1u, came == ENDED);
        if came == ENDED && reader.bit >= min(limit, farthest) {
            if reader.bit >= farthest {
                blocks -= select(0u, 1u, reader.bit > segment.end);
                lost = select(0u, 1u, farthest < segment.end);
                break;
            }
            // From the first boundary behind the own ones up to the segment's last: an index among its notes.
            let reached = min((reader.bit - segment.start) >> apart, most);
            let note = notes[notes_at + reached - 1u];
            if note.x == reader.bit && (note.y & 255u) == reader.place {
                met = segment.first_lane + (reached - 1u) / BOUNDARIES;
                met_blocks = note.y >> 8u;
                break;
            }
            limit = segment.start + ((reached + 1u) << apart);
        }
    }
    lanes[number].over = blocks;
    lanes[number].met = met;
    lanes[number].met_blocks = met_blocks;
    lanes[number].lost = lost;
}

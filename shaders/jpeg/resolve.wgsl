// Which lanes the right decoder goes through, and which blocks each of them writes; twin of src/backend/gpu/jpeg/resolve.rs.
//
// Lane and lane that it met make a chain from each segment's first lane, which is right from the start. A lane off the chain was wrong
// throughout. Along the chain, blocks are counted: each lane has those from the end of the one before it to its own. The last lane of a chain has all
// that are left, and what the chain may say behind it does not count. One workgroup does one picture, so many lanes at a time.

@group(0) @binding(0) var<storage, read> pictures: array<Picture>;
@group(0) @binding(1) var<storage, read> segments: array<Segment>;
@group(0) @binding(2) var<storage, read> segment_of: array<u32>;
@group(0) @binding(3) var<storage, read> lanes: array<Lane>;
/// The lane before each on the chain; NONE off the chain. Of a segment's first lane it says nothing.
@group(0) @binding(4) var<storage, read_write> before: array<u32>;
@group(0) @binding(5) var<storage, read_write> work: array<Work>;

const THREADS: u32 = 256u;
/// More blocks than a picture has, and sums of two of them fit 32 bits.
const MOST_BLOCKS: u32 = 1u << 28u;
/// Where each lane's chain goes.
var<workgroup> next: array<u32, THREADS>;
/// Blocks up to each lane since its segment began, and whether it began among these lanes.
var<workgroup> sums: array<u32, THREADS>;
var<workgroup> begun: array<u32, THREADS>;
/// Where the chain enters the next lanes.
var<workgroup> entry: u32;

fn sum_of(a: u32, b: u32) -> u32 {
    return min(a + b, MOST_BLOCKS);
}

/// Whether the lane is the last of its chain: it met nothing, or behind `entered`, where the chain comes in, it had a fault.
fn is_last(lane: Lane, entered: u32) -> bool {
    return lane.met == NONE || lane.fault > entered;
}

@compute @workgroup_size(THREADS)
fn resolve(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let picture = pictures[workgroup.y * workgroups.x + workgroup.x];
    let end = picture.first_lane + picture.lanes;
    for (var number = picture.first_lane + thread; number < end; number += THREADS) {
        before[number] = NONE;
    }
    if thread == 0u {
        entry = picture.first_lane;
    }
    storageBarrier();
    workgroupBarrier();

    for (var first = picture.first_lane; first < end; first += THREADS) {
        let number = first + thread;
        if number < end {
            let segment = segments[segment_of[number]];
            let behind = segment.first_lane + segment.lanes;
            // Forward at least, and no further than the next segment's first.
            next[thread] = clamp(lanes[number].met, number + 1u, behind);
        }
        workgroupBarrier();
        if thread == 0u {
            // One invocation goes along: a step is a look into workgroup memory. `at` is never before `first`.
            var at = entry;
            for (var step = 0u; step < THREADS; step++) {
                if at >= min(first + THREADS, end) {
                    break;
                }
                let to = next[at - first];
                if to < end {
                    before[to] = at;
                }
                at = to;
            }
            entry = at;
        }
        workgroupBarrier();
    }
    storageBarrier();
    workgroupBarrier();

    // Blocks before the lanes at hand, since the last segment began.
    var carry = 0u;
    for (var first = picture.first_lane; first < end; first += THREADS) {
        let number = first + thread;
        var count = 0u;
        var is_over = false;
        var is_on = false;
        var is_first = false;
        var segment: Segment;
        var lane: Lane;
        var bit = 0u;
        if number < end {
            segment = segments[segment_of[number]];
            lane = lanes[number];
            is_first = number == segment.first_lane;
            is_on = is_first;
            count = select(0u, lane.blocks, is_first);
            bit = segment.start;
            var entered = 0u;
            let previous = before[number];
            if !is_first && previous != NONE {
                let other = lanes[previous];
                is_on = true;
                entered = other.met_blocks;
                count = other.over + lane.blocks - entered;
                bit = other.exit;
            }
            is_over = is_on && is_last(lane, entered);
        }
        sums[thread] = select(min(count, MOST_BLOCKS), MOST_BLOCKS, is_over);
        begun[thread] = select(0u, 1u, is_first);
        workgroupBarrier();
        for (var step = 1u; step < THREADS; step *= 2u) {
            var sum = sums[thread];
            var has_begun = begun[thread];
            if thread >= step {
                sum = sum_of(sum, select(0u, sums[thread - step], has_begun == 0u));
                has_begun |= begun[thread - step];
            }
            workgroupBarrier();
            sums[thread] = sum;
            begun[thread] = has_begun;
            workgroupBarrier();
        }
        if number < end {
            var so_far = select(carry, 0u, is_first);
            if thread > 0u && !is_first {
                so_far = sum_of(sums[thread - 1u], select(0u, carry, begun[thread - 1u] == 0u));
            }
            // Whatever the data says, no block beyond the segment's is anybody's.
            let done = min(so_far, segment.blocks);
            let left = segment.blocks - done;
            var blocks = min(count, left);
            if is_over {
                // All that is left is its own: only reading can say whether that is there.
                let is_far = bit < segment.end && segment.end - bit > RUNAWAY;
                blocks = select(left, NONE, (lane.lost != 0u || is_far) && left > count);
            }
            blocks = select(0u, blocks, is_on);
            let ends_here = blocks != 0u && blocks == left;
            let emptied = select(0u, segment.followed, ends_here);
            work[number] = Work(bit, segment.first_block + done, blocks, segment.end, emptied);
        }
        let total = sum_of(sums[THREADS - 1u], select(0u, carry, begun[THREADS - 1u] == 0u));
        workgroupBarrier();
        carry = total;
    }
}

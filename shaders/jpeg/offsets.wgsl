// What the lanes before each lane add to its DC values, and how many blocks of each picture were not come to; twin of
// src/backend/gpu/jpeg/offsets.rs. One workgroup does one picture.

@group(0) @binding(0) var<storage, read> pictures: array<Picture>;
@group(0) @binding(1) var<storage, read> segments: array<Segment>;
@group(0) @binding(2) var<storage, read> segment_of: array<u32>;
@group(0) @binding(3) var<storage, read> totals: array<vec4<u32>>;
/// By component, modulo 2¹⁶; the last member is of no use.
@group(0) @binding(4) var<storage, read_write> lane_offsets: array<vec4<u32>>;
/// FOUND a picture: blocks that are missing, 0 for `planes` to set, and the number of the batch, which says that the stage ran.
@group(0) @binding(5) var<storage, read_write> found: array<u32>;

const THREADS: u32 = 256u;
/// Sums up to each lane, of DC differences since its segment began and of blocks that are missing; and whether it began among these lanes.
var<workgroup> sums: array<vec4<u32>, THREADS>;
var<workgroup> begun: array<u32, THREADS>;

@compute @workgroup_size(THREADS)
fn offsets(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let owner = workgroup.y * workgroups.x + workgroup.x;
    let picture = pictures[owner];
    let end = picture.first_lane + picture.lanes;
    var carry = vec3(0u);
    var missing = 0u;
    for (var first = picture.first_lane; first < end; first += THREADS) {
        let number = first + thread;
        var total = vec4(0u);
        var is_first = false;
        if number < end {
            total = totals[number];
            is_first = segments[segment_of[number]].first_lane == number;
        }
        sums[thread] = total;
        begun[thread] = select(0u, 1u, is_first);
        workgroupBarrier();
        for (var step = 1u; step < THREADS; step *= 2u) {
            var sum = sums[thread];
            var has_begun = begun[thread];
            if thread >= step {
                let other = sums[thread - step];
                sum += select(vec4(0u, 0u, 0u, other.w), other, has_begun == 0u);
                has_begun |= begun[thread - step];
            }
            workgroupBarrier();
            sums[thread] = sum;
            begun[thread] = has_begun;
            workgroupBarrier();
        }
        if number < end {
            let own = sums[thread].xyz - total.xyz;
            lane_offsets[number] = vec4(own + select(vec3(0u), carry, begun[thread] == 0u), 0u);
        }
        let last = sums[THREADS - 1u];
        let goes_on = begun[THREADS - 1u] == 0u;
        workgroupBarrier();
        carry = last.xyz + select(vec3(0u), carry, goes_on);
        missing += last.w;
    }
    if thread == 0u {
        found[FOUND * owner] = missing;
        found[FOUND * owner + 1u] = 0u;
        found[FOUND * owner + 2u] = picture.batch;
    }
}

// Where the blocks that `looks` found are in their pictures, their DC values, and the planes' samples about them; twin of
// src/decode/jpeg/clipping.rs (`spot`) and planes.rs (`level_at`). An invocation does one.

@group(0) @binding(0) var<storage, read> pictures: array<Picture>;
@group(0) @binding(1) var<storage, read> guards: array<Guard>;
/// Up to 64 of one guard's.
@group(0) @binding(2) var<storage, read> groups: array<Group>;
@group(0) @binding(3) var<storage, read> slots: array<u32>;
@group(0) @binding(4) var<storage, read> lane_offsets: array<vec4<u32>>;
@group(0) @binding(5) var<storage, read> samples: array<u32>;
@group(0) @binding(6) var<storage, read_write> seen: array<u32>;

const THREADS: u32 = 64u;

/// Pixels from a block's edge to a spot: 0 is in its middle, and 1 to 4 in those of its quarters.
fn within(spot: u32) -> vec2<u32> {
    let quarter = vec2((spot - 1u) % 2u, (spot - 1u) / 2u) * 4u + 2u;
    return select(quarter, vec2(4u), spot == 0u);
}

@compute @workgroup_size(THREADS)
fn spots(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let group = groups[workgroup.y * workgroups.x + workgroup.x];
    if thread >= group.count {
        return;
    }
    let at = (group.first + thread) * SEEN;
    let block = seen[at];
    if block == NONE {
        return;
    }
    let guard = guards[group.owner];
    let picture = pictures[guard.picture];
    let mcu = block / picture.per_mcu;
    let place = block % picture.per_mcu;
    let component = min((picture.components >> (2u * place)) & 3u, guard.count - 1u);
    let side = guard.sides[component];
    let own = place - side.place;
    let x = mcu % guard.mcus * side.across + own % side.across;
    let y = mcu / guard.mcus * side.down + own / side.across;
    if x >= side.wide || y >= side.high {
        // A block that only fills its MCU.
        seen[at] = NONE;
        return;
    }
    // The picture has a slot for each of its blocks; only `write` sets the lane's number, and 0 is the picture's first.
    let slot = slots[picture.slots + block * picture.slot_count];
    seen[at + SEEN_COMPONENT] = component;
    seen[at + SEEN_DC] = (slot + lane_offsets[picture.first_lane + (slot >> 16u)][component]) & 0xffffu;
    for (var spot = 0u; spot < SPOTS; spot++) {
        let pixel = (vec2(x, y) * 8u + within(spot)) * vec2(side.times_across, side.times_down);
        for (var plane = 0u; plane < guard.count; plane++) {
            let grid = guard.grids[plane];
            let column = min(pixel.x / grid.cell_width, grid.columns - 1u);
            let row = min(pixel.y / grid.cell_height, grid.rows - 1u);
            let word = samples[grid.at + row * grid.pitch + column / 2u];
            seen[at + SEEN_SPOTS + 3u * spot + plane] = (word >> (16u * (column & 1u))) & 0xffffu;
        }
    }
}

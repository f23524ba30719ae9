// PhotoDNA-class gradients: grids of box sums to 144 sums (Eq 11–14); twin of src/kernel/gradient.rs.
//
// A workgroup computes one picture: its 676 features into workgroup memory, then one invocation per sum gathers the shares of
// the 8×8 grid points around its cell. (The CPU spreads each point to four cells instead. Here two invocations would then add to one sum.)
//
// Ranges: a weighted sum of three boxes needs 96 bits; features are under 2⁴⁸, sums under 2⁵⁹ (src/kernel/gradient.rs).

const THREADS: u32 = 256u;
const LINES: u32 = 26u;
const POINTS: u32 = 676u;
const SUMS: u32 = 144u;
/// Eq 11's weights in units of 2⁻³².
const WEIGHT_0: u32 = 845968152u;
const WEIGHT_1: u32 = 1924625254u;
const WEIGHT_2: u32 = 1194161113u;

var<workgroup> features: array<vec2<u32>, POINTS>;

/// A 96-bit number, the lowest word first.
fn add_weighted(sum: vec3<u32>, value: vec2<u32>, weight: u32) -> vec3<u32> {
    let low = wide(value.x, weight);
    var high = add(wide(value.y, weight), vec2(low.y, 0u));
    // A negative value was taken 2⁶⁴ too high.
    high.y -= select(0u, weight, bitcast<i32>(value.y) < 0);
    let first = add(vec2(sum.x, 0u), vec2(low.x, 0u));
    let rest = add(add(sum.yz, high), vec2(first.y, 0u));
    return vec3(first.x, rest);
}

/// Radius `radius` at `point`: a box sum, or three times luma and colour.
fn box_sum(job: Gradient, radius: u32, point: u32) -> vec2<u32> {
    let place = radius * POINTS + point;
    let value = times(points[job.boxes + place], job.factor);
    if job.coloured == 0u {
        return value;
    }
    return add(value, points[job.colours + place]);
}

fn feature(job: Gradient, point: u32) -> vec2<u32> {
    var sum = add_weighted(vec3(0u), box_sum(job, 0u, point), WEIGHT_0);
    sum = add_weighted(sum, box_sum(job, 1u, point), WEIGHT_1);
    sum = add_weighted(sum, box_sum(job, 2u, point), WEIGHT_2);
    // Without the lowest word the sum is in units of 2⁰ instead of 2⁻³².
    return shifted(sum.yz, job.shift);
}

/// Part 0 or 1: by how much features fall or rise to the right of grid point (u, v); 2 or 3: downward.
fn part_at(part: u32, u: u32, v: u32) -> vec2<u32> {
    let step = select(1u, LINES, part >= 2u);
    let point = v * LINES + u;
    var fall = add(features[point - step], negative(features[point + step]));
    if (part & 1u) == 1u {
        fall = negative(fall);
    }
    return select(fall, vec2(0u), bitcast<i32>(fall.y) < 0);
}

/// Eighths in which grid line `line` counts towards cell `cell`; 0 or less where it does not.
fn share(line: u32, cell: u32) -> i32 {
    return 8 - abs(2 * i32(line) - 5 - 8 * i32(cell));
}

@compute @workgroup_size(THREADS)
fn gradient(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let index = group.y * groups.x + group.x;
    if index >= batch.gradients {
        return;
    }
    let job = gradients[index];
    for (var point = thread; point < POINTS; point += THREADS) {
        features[point] = feature(job, point);
    }
    workgroupBarrier();
    if thread < SUMS {
        // 24 sums per row of cells, 4 per cell: index (row·6 + column)·4 + part.
        let row = thread / 24u;
        let column = thread / 4u % 6u;
        var sum = vec2(0u);
        // Lines 4·row − 1 ..= 4·row + 6 have a share, as far as they have neighbours on either side.
        for (var v = max(4u * row, 2u) - 1u; v <= min(4u * row + 6u, LINES - 2u); v++) {
            for (var u = max(4u * column, 2u) - 1u; u <= min(4u * column + 6u, LINES - 2u); u++) {
                let weight = u32(share(v, row) * share(u, column));
                sum = add(sum, times(part_at(thread & 3u, u, v), weight));
            }
        }
        results[job.result + 2u * thread] = sum.x;
        results[job.result + 2u * thread + 1u] = sum.y;
    }
    if thread == 0u {
        results[job.result + 2u * SUMS] = batch.number;
    }
}

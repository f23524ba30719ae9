// PDQ from a 64×64 grid of luma: quality and the 16×16 coefficients (steps 6 and 7); twin of src/kernel/dct.rs.
//
// A workgroup computes one grid: `T = D·A` into workgroup memory, four of its 16 rows per invocation and column, then one
// coefficient of `B = T·Dᵀ` per invocation. The median of 256 numbers and what ties with it are left to the CPU.
//
// The grid itself stays in the device's memory: with T it would take 20 of the 16 KiB that every device has.
//
// Ranges: grid values have 30 bits, sums of 64 products are under 2⁶², T is rounded to 31 bits (src/kernel/dct.rs).

const THREADS: u32 = 256u;
const SIDE: u32 = 64u;
const FREQUENCIES: u32 = 16u;

var<workgroup> rotated: array<i32, 1024>;
var<workgroup> steps: atomic<u32>;

/// The luma at `point` in 30 bits.
fn luma_at(job: Luma, point: u32) -> i32 {
    let sum = add(points[job.points + point], vec2(job.half_low, job.half_high));
    return bitcast<i32>(shifted(sum, job.shift).x);
}

/// Whole hundredths of the range between two values.
fn hundredths(job: Luma, a: i32, b: i32) -> u32 {
    return u32(max(a, b) - min(a, b)) / job.hundredth;
}

/// Frequencies `first..first + 4` of one column of the grid, half rounded up.
fn rotate(job: Luma, first: u32, column: u32) {
    var sums = array<vec2<u32>, 4>();
    for (var row = 0u; row < SIDE; row++) {
        let value = luma_at(job, row * SIDE + column);
        for (var k = 0u; k < 4u; k++) {
            sums[k] = add(sums[k], wide_signed(matrix[(first + k) * SIDE + row], value));
        }
    }
    for (var k = 0u; k < 4u; k++) {
        // Half a unit of 2³² on top, then only the high word: rounded, half up.
        rotated[(first + k) * SIDE + column] = bitcast<i32>(add(sums[k], vec2(0x80000000u, 0u)).y);
    }
}

@compute @workgroup_size(THREADS)
fn dct(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let index = group.y * groups.x + group.x;
    if index >= batch.lumas {
        return;
    }
    let job = lumas[index];
    if thread == 0u {
        atomicStore(&steps, 0u);
    }
    rotate(job, thread / SIDE * 4u, thread % SIDE);
    workgroupBarrier();

    var mine = 0u;
    for (var point = thread; point < SIDE * SIDE; point += THREADS) {
        let value = luma_at(job, point);
        if point % SIDE + 1u < SIDE {
            mine += hundredths(job, value, luma_at(job, point + 1u));
        }
        if point + SIDE < SIDE * SIDE {
            mine += hundredths(job, value, luma_at(job, point + SIDE));
        }
    }
    // In any order, as sums of integers do not depend on it; at most 8,064 differences of some hundred.
    atomicAdd(&steps, mine);

    let row = thread / FREQUENCIES * SIDE;
    let column = thread % FREQUENCIES * SIDE;
    var sum = vec2(0u);
    for (var k = 0u; k < SIDE; k++) {
        sum = add(sum, wide_signed(rotated[row + k], matrix[column + k]));
    }
    results[job.result + 2u * thread] = sum.x;
    results[job.result + 2u * thread + 1u] = sum.y;
    workgroupBarrier();
    if thread == 0u {
        results[job.result + 2u * THREADS] = min(atomicLoad(&steps) / 90u, 100u);
        results[job.result + 2u * THREADS + 1u] = batch.number;
    }
}

// Sums over some cells of a picture's colours, and over what clamping adds to them; twin of src/decode/jpeg/gamut.rs. One workgroup does one picture, an
// invocation one row.

@group(0) @binding(0) var<storage, read> guards: array<Guard>;
/// Columns and rows to look at: of chroma in the lower half of a word, of luma in the upper.
@group(0) @binding(1) var<storage, read> cells: array<u32>;
@group(0) @binding(2) var<storage, read> samples: array<u32>;
/// Ten sums a picture, of 64 bits: of R + G + B and of luma each s, e, s·s, s·e and e·e.
@group(0) @binding(3) var<storage, read_write> gamuts: array<vec2<u32>>;

const THREADS: u32 = 64u;
const SUMS: u32 = 10u;
/// 255 levels, in sixteenths.
const HIGHEST: i32 = 4080;
/// A half, with 16 bits behind the point.
const HALF: i32 = 32768;

var<workgroup> of_rows: array<array<i32, SUMS>, THREADS>;

fn sample(grid: Grid, column: u32, row: u32) -> i32 {
    let word = samples[grid.at + row * grid.pitch + column / 2u];
    return bitcast<i32>((word >> (16u * (column & 1u))) & 0xffffu) - ZERO;
}

@compute @workgroup_size(THREADS)
fn gamut(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let number = workgroup.y * workgroups.x + workgroup.x;
    let guard = guards[number];
    // A row of 64 cells has sums of 31 bits and a sign.
    var sums: array<i32, SUMS>;
    if thread < guard.rows {
        let row = cells[guard.cells + guard.columns + thread];
        for (var at = 0u; at < guard.columns; at++) {
            let column = cells[guard.cells + at];
            let y = sample(guard.grids[0], column >> 16u, row >> 16u);
            let cb = sample(guard.grids[1], column & 0xffffu, row & 0xffffu);
            let cr = sample(guard.grids[2], column & 0xffffu, row & 0xffffu);
            let colour = vec3(
                y + ((91881 * cr + HALF) >> 16u),
                y - ((22554 * cb + 46802 * cr + HALF) >> 16u),
                y + ((116130 * cb + HALF) >> 16u),
            );
            let more = clamp(colour, vec3(0), vec3(HIGHEST)) - colour;
            let s = (colour.x + colour.y + colour.z) >> 2u;
            let e = (more.x + more.y + more.z) >> 2u;
            let luma = y >> 2u;
            let of_luma = ((19595 * more.x + 38470 * more.y + 7471 * more.z + HALF) >> 16u) >> 2u;
            sums[0] += s;
            sums[1] += e;
            sums[2] += s * s;
            sums[3] += s * e;
            sums[4] += e * e;
            sums[5] += luma;
            sums[6] += of_luma;
            sums[7] += luma * luma;
            sums[8] += luma * of_luma;
            sums[9] += of_luma * of_luma;
        }
    }
    of_rows[thread] = sums;
    workgroupBarrier();
    if thread < SUMS {
        var sum = vec2(0u);
        for (var row = 0u; row < THREADS; row++) {
            let more = of_rows[row][thread];
            let low = sum.x + bitcast<u32>(more);
            sum = vec2(low, sum.y + bitcast<u32>(more >> 31u) + select(0u, 1u, low < sum.x));
        }
        gamuts[number * SUMS + thread] = sum;
    }
}

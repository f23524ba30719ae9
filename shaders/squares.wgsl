// Squared Euclidean distance of 144 bytes, `|a|² + |q|² − 2·a·q`; twin of src/kernel/distance/squares.rs.
//
// Exact: `|a|²`, `|q|²` and `a·q` are at most 144·255² = 9,363,600 each. A pair costs 36 products of four bytes. The nine quarters of a
// signature are named one by one: compilers that do not unroll a loop would leave an array in memory.

const THREADS: u32 = 256u;
/// Known signatures per invocation, THREADS rows apart: neighbouring invocations read neighbouring rows.
const ROWS: u32 = 2u;
/// Queries in workgroup memory: 10 KiB.
const QUERIES: u32 = 64u;
/// Quarters of 16 bytes in a signature, and in a query, which has its square behind it.
const QUARTERS: u32 = 9u;
const QUERY: u32 = 10u;

struct Signature {
    a: vec4<u32>, b: vec4<u32>, c: vec4<u32>, d: vec4<u32>, e: vec4<u32>, f: vec4<u32>, g: vec4<u32>, h: vec4<u32>, i: vec4<u32>,
}

var<workgroup> near: array<vec4<u32>, QUERIES * QUERY>;

/// A row; the last one for those past the end, which are not reported.
fn known(row: u32) -> Signature {
    let at = QUARTERS * min(row, search.end_row - 1u);
    return Signature(
        rows[at], rows[at + 1u], rows[at + 2u], rows[at + 3u], rows[at + 4u], rows[at + 5u], rows[at + 6u], rows[at + 7u], rows[at + 8u],
    );
}

fn dot16(a: vec4<u32>, b: vec4<u32>) -> u32 {
    return dot4U8Packed(a.x, b.x) + dot4U8Packed(a.y, b.y) + dot4U8Packed(a.z, b.z) + dot4U8Packed(a.w, b.w);
}

fn dot144(x: Signature, y: Signature) -> u32 {
    return dot16(x.a, y.a) + dot16(x.b, y.b) + dot16(x.c, y.c) + dot16(x.d, y.d) + dot16(x.e, y.e) + dot16(x.f, y.f)
        + dot16(x.g, y.g) + dot16(x.h, y.h) + dot16(x.i, y.i);
}

@compute @workgroup_size(THREADS)
fn squares(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let row = search.first_row + group.x * THREADS * ROWS + thread;
    let x = known(row);
    let y = known(row + THREADS);
    let x_square = dot144(x, x);
    let y_square = dot144(y, y);
    for (var first = search.first_query; first < search.end_query; first += QUERIES) {
        let count = min(QUERIES, search.end_query - first);
        for (var at = thread; at < count * QUERY; at += THREADS) {
            near[at] = queries[first * QUERY + at];
        }
        workgroupBarrier();
        for (var k = 0u; k < count; k++) {
            let at = k * QUERY;
            let query = Signature(
                near[at], near[at + 1u], near[at + 2u], near[at + 3u], near[at + 4u], near[at + 5u], near[at + 6u], near[at + 7u],
                near[at + 8u],
            );
            let square = near[at + 9u].x;
            let x_distance = x_square + square - 2u * dot144(x, query);
            let y_distance = y_square + square - 2u * dot144(y, query);
            if min(x_distance, y_distance) <= search.radius {
                if x_distance <= search.radius && row < search.end_row {
                    append(first + k, row, x_distance);
                }
                if y_distance <= search.radius && row + THREADS < search.end_row {
                    append(first + k, row + THREADS, y_distance);
                }
            }
        }
        workgroupBarrier();
    }
}

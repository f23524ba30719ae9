// Hamming distance of 256 bits; twin of src/kernel/distance/hamming.rs.
//
// A pair first meets a lower bound: with `x` the exclusive or of the two signatures in eight words, the ones of `x₀ | x₂` and `x₁ | x₃`
// are no more than those of `x`. Two counts instead of eight leave five in a million unrelated pairs at radius 31.

const THREADS: u32 = 256u;
/// Known signatures per invocation, THREADS rows apart: neighbouring invocations read neighbouring rows.
const ROWS: u32 = 4u;
/// Queries in workgroup memory: 8 KiB.
const QUERIES: u32 = 256u;
/// Quarters of 16 bytes in a signature, and in a query.
const QUARTERS: u32 = 2u;
const QUERY: u32 = 2u;

struct Signature {
    low: vec4<u32>,
    high: vec4<u32>,
}

var<workgroup> near: array<vec4<u32>, QUERIES * QUERY>;

/// A row; the last one for those past the end, which are not reported.
fn known(row: u32) -> Signature {
    let at = QUARTERS * min(row, search.end_row - 1u);
    return Signature(rows[at], rows[at + 1u]);
}

fn ones(x: vec4<u32>) -> u32 {
    let counts = countOneBits(x);
    return counts.x + counts.y + counts.z + counts.w;
}

fn bound(known: Signature, low: vec4<u32>) -> u32 {
    let x = known.low ^ low;
    let counts = countOneBits(x.xy | x.zw);
    return counts.x + counts.y;
}

fn tell(known: Signature, row: u32, query: u32, low: vec4<u32>, high: vec4<u32>) {
    let distance = ones(known.low ^ low) + ones(known.high ^ high);
    if distance <= search.radius && row < search.end_row {
        append(query, row, distance);
    }
}

@compute @workgroup_size(THREADS)
fn hamming(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let row = search.first_row + group.x * THREADS * ROWS + thread;
    let a = known(row);
    let b = known(row + THREADS);
    let c = known(row + 2u * THREADS);
    let d = known(row + 3u * THREADS);
    for (var first = search.first_query; first < search.end_query; first += QUERIES) {
        let count = min(QUERIES, search.end_query - first);
        for (var at = thread; at < count * QUERY; at += THREADS) {
            near[at] = queries[first * QUERY + at];
        }
        workgroupBarrier();
        for (var k = 0u; k < count; k++) {
            let low = near[k * QUERY];
            // One branch for four rows, rarely taken.
            if min(min(bound(a, low), bound(b, low)), min(bound(c, low), bound(d, low))) <= search.radius {
                let high = near[k * QUERY + 1u];
                tell(a, row, first + k, low, high);
                tell(b, row + THREADS, first + k, low, high);
                tell(c, row + 2u * THREADS, first + k, low, high);
                tell(d, row + 3u * THREADS, first + k, low, high);
            }
        }
        workgroupBarrier();
    }
}

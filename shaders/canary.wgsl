// A loop in a loop, 300 turns each. Mesa's software rasteriser before 24 stops an invocation after 65,535 turns and says
// nothing: a device that does not count to 90,000 here is not used.

const TURNS: u32 = 300u;

@group(0) @binding(0) var<storage, read_write> counts: array<u32>;

@compute @workgroup_size(64)
fn canary(@builtin(local_invocation_index) thread: u32) {
    // Counted up to a number from memory, so that no compiler can replace the loops by their result.
    let turns = counts[thread];
    var count = 0u;
    for (var i = 0u; i < turns; i++) {
        for (var j = 0u; j < turns; j++) {
            count += ((i ^ j ^ count) & 1u) | 1u;
        }
    }
    counts[thread] = count;
}

// The separable weighted sum of planes down to grids; twin of src/kernel/reduce.rs, definition in src/kernel/naive.rs.
//
// A workgroup computes one line of one grid:
//
// 1. Down: the rows of the line's window are summed, weighted, to one 32-bit sum per byte. The weights are runs of
//    evenly spaced values, so that rows are added four bytes at once in two words of 16-bit lanes, and weighted once per run
//    (src/kernel/blocks.rs has the identity). Neighbouring invocations read neighbouring words.
// 2. Across: the sums, by now in workgroup memory, times the column weights, in 64 bits; `lanes` invocations share a grid point.
//
// Both steps take CHUNK words of a row at a time. Only the grid points go through the device's memory. The windows of neighbouring
// lines overlap, so a row is read about four times, all but the first from the cache.
//
// Ranges are those of src/kernel/reduce.rs: 16 bits for the sums of a run (at most 22 rows with a slope or 257 without, see
// src/backend/gpu/tables.rs), 32 for a line's sums and for a weight times its mix, 64 for a point.

const THREADS: u32 = 256u;
/// Words of a row that are summed at a time: 12 KiB of sums. Whole samples of 1, 2 and 3 bytes fit in it.
const CHUNK: u32 = 768u;

var<workgroup> sums: array<vec4<u32>, CHUNK>;

/// The grid that `line` belongs to: the last one that begins at or before it.
fn grid_of(line: u32) -> u32 {
    var low = 0u;
    var high = batch.grids;
    while high - low > 1u {
        let middle = (low + high) / 2u;
        if grids[middle].first_line <= line {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/// The four bytes of word `at` of each row, weighted and summed, modulo 2³².
fn sum_rows(grid: Grid, first_run: u32, runs: u32, at: u32) -> vec4<u32> {
    var total = vec4(0u);
    for (var run = first_run; run < first_run + 4u * runs; run += 4u) {
        let count = words[run + 1u];
        var place = grid.samples + words[run] * grid.pitch + at;
        var plain = vec2(0u);
        var running = vec2(0u);
        for (var k = 0u; k < count; k++) {
            let word = words[place];
            plain += vec2(word, word >> 8u) & vec2(0x00ff00ffu);
            running += plain;
            place += grid.pitch;
        }
        total += lanes_of(plain) * words[run + 2u];
        // The same for the whole workgroup, since it works on one line.
        let rising = words[run + 3u];
        if rising != 0u {
            total += lanes_of(running) * rising;
        }
    }
    return total;
}

/// The 16-bit lanes in the order of their bytes.
fn lanes_of(pair: vec2<u32>) -> vec4<u32> {
    return vec4(pair.x & 0xffffu, pair.y & 0xffffu, pair.x >> 16u, pair.y >> 16u);
}

fn sum_at(byte: u32) -> u32 {
    return sums[byte >> 2u][byte & 3u];
}

/// What samples `first..end`, every `lanes`-th of them, add to a point; sample 0 of `sums` is `start`.
fn dot(grid: Grid, first: u32, end: u32, start: u32, weights: u32) -> vec2<u32> {
    var total = vec2(0u);
    for (var sample = first; sample < end; sample += grid.lanes) {
        let weight = words[weights + sample];
        let byte = (sample - start) * grid.channels;
        total = add(total, wide(weight * grid.mix_0, sum_at(byte)));
        if grid.channels > 1u {
            total = add(total, wide(weight * grid.mix_1, sum_at(byte + 1u)));
        }
        if grid.channels > 2u {
            total = add(total, wide(weight * grid.mix_2, sum_at(byte + 2u)));
        }
    }
    return total;
}

@compute @workgroup_size(THREADS)
fn reduce(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let line = group.y * groups.x + group.x;
    // The whole workgroup leaves or none of it: barriers follow.
    if line >= batch.lines {
        return;
    }
    let grid = grids[grid_of(line)];
    let record = grid.tables + grid.line_records + 4u * (line - grid.first_line);
    let first_run = grid.tables + words[record];
    let runs = words[record + 1u];

    // Invocations beyond the last column read its record and have nothing to sum; they help with the rows.
    let column = thread / grid.lanes;
    let lane = thread % grid.lanes;
    let mine = grid.tables + grid.column_records + 4u * min(column, grid.columns - 1u);
    let first = words[mine];
    let end = select(first, first + words[mine + 1u], column < grid.columns);
    // Indexed by sample, so that it may lie before the tables: modulo 2³² the index comes out right.
    let weights = grid.tables + words[mine + 2u] - first;
    let samples_a_chunk = 4u * CHUNK / grid.channels;

    var total = vec2(0u);
    var start = 0u;
    for (var chunk = 0u; chunk < grid.row_words; chunk += CHUNK) {
        let here = min(CHUNK, grid.row_words - chunk);
        for (var at = thread; at < here; at += THREADS) {
            sums[at] = sum_rows(grid, first_run, runs, chunk + at);
        }
        workgroupBarrier();
        let from_sample = max(first, start) + lane;
        total = add(total, dot(grid, from_sample, min(end, start + samples_a_chunk), start, weights));
        start += samples_a_chunk;
        // The next chunk overwrites the sums.
        workgroupBarrier();
    }

    sums[thread] = vec4(total, 0u, 0u);
    workgroupBarrier();
    if lane == 0u && column < grid.columns {
        for (var other = 1u; other < grid.lanes; other++) {
            total = add(total, sums[thread + other].xy);
        }
        // Samples of a coarse plane all lie `zero` too high: what that adds to a point is taken off.
        let weight = wide(words[record + 2u], words[mine + 3u]);
        total = add(total, negative(times(weight, grid.zero)));
        points[grid.points + (line - grid.first_line) * grid.columns + column] = total;
    }
}

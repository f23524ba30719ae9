// Kept coefficients to samples; twin of src/backend/gpu/jpeg/planes.rs, and of src/decode/jpeg/transform.rs and planes.rs.
//
// An invocation does one block, or two side by side where each is one sample, since two samples share a word. From 4 by 4 on it does one row of samples after the other,
// and reads the coefficients anew for each: all samples at once take 60 registers and more, and 8 by 8 of them are put into memory (benches/registers.py). All
// invocations of a group do the same row, so that what they multiply by is the same too. The host puts three constants in front
// of the text and makes a stage of each detail: arrays of a known size that are indexed by known numbers stay in registers.
//
//   KEPT    coefficients that are kept: 1, 5, 9, 14, 27 or 64
//   CELLS   samples across a block: 1, 2, 4 or 8
//   BASIS   where this detail's matrix begins in `basis`: for each coefficient what it counts in each sample, 13 bits behind the point
//
// Ranges: a value times its step has 16 bits, or the picture is noted. A sum of 64 products is below 2³¹ then (src/decode/jpeg/transform.rs).

/// One component of a plane.
struct Part {
    /// Its blocks' first place in the MCU, and blocks across and down there.
    place: u32,
    across: u32,
    down: u32,
    /// Where its 64 quantisation steps begin in `steps`.
    steps: u32,
}

/// Luma or grey of one picture, or Cb and Cr together.
struct Plane {
    picture: u32,
    first_lane: u32,
    slots: u32,
    slot_count: u32,
    per_mcu: u32,
    /// MCUs across.
    mcus: u32,
    /// Blocks across that are stored, and blocks across and down that hold picture.
    stride: u32,
    wide: u32,
    high: u32,
    /// Where its samples begin in `samples`, words from one row to the next, and rows.
    samples: u32,
    pitch: u32,
    rows: u32,
    /// The sample that stands for 0.
    zero: u32,
    /// Its first part's component, and how many parts there are: 1 or 2.
    component: u32,
    count: u32,
    unused: u32,
    parts: array<Part, 2>,
}

@group(0) @binding(0) var<storage, read> planes_of: array<Plane>;
@group(0) @binding(1) var<storage, read> groups: array<Group>;
@group(0) @binding(2) var<storage, read> slots: array<u32>;
@group(0) @binding(3) var<storage, read> lane_offsets: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read> steps: array<u32>;
@group(0) @binding(5) var<storage, read> basis: array<i32>;
@group(0) @binding(6) var<storage, read_write> samples: array<u32>;
/// FOUND a picture, of which this stage sets bits of the second.
@group(0) @binding(7) var<storage, read_write> found: array<atomic<u32>>;

const THREADS: u32 = 64u;
/// Rows of a block's samples that are done together, and their samples.
const ROWS: u32 = select(1u, CELLS, CELLS == 2u);
const TOGETHER: u32 = ROWS * CELLS;
/// Levels below and above the middle, in sixteenths.
const LOW: i32 = -2048;
const HIGH: i32 = 2032;
/// What brings a sum to sixteenths, and half of it.
const SHIFT: u32 = 9u;
const HALF: i32 = 256;
/// What dequantised values of either sign stay below: a power of two, so that values are below it if all their bits together are. From half of it on a DC value may
/// have wrapped at 16 bits.
const RANGE: u32 = 32768u;

/// How far a value is from 0, as a number without sign: n, or −n − 1.
fn extent(value: i32) -> u32 {
    return bitcast<u32>(value ^ (value >> 31u));
}

/// Where a block's slots begin. The picture has a block for every column below `stride` and every row that is asked for.
fn slots_of(plane: Plane, part: Part, x: u32, y: u32) -> u32 {
    let mcu = y / part.down * plane.mcus + x / part.across;
    let place = part.place + y % part.down * part.across + x % part.across;
    return plane.slots + (mcu * plane.per_mcu + place) * plane.slot_count;
}

/// A block's DC value: its lane's own sum and what the lanes before add. Only `write` sets the lane's number, and 0 is the picture's first lane.
fn dc_of(plane: Plane, at: u32, component: u32) -> i32 {
    let slot = slots[at];
    let offset = lane_offsets[plane.first_lane + (slot >> 16u)][min(component, 2u)];
    return bitcast<i32>((slot + offset) << 16u) >> 16u;
}

/// Some rows of cells of one part's block about 0, and in the last member bits from RANGE on where a value is out of range.
fn cells_of(plane: Plane, index: u32, x: u32, y: u32, row: u32) -> array<i32, TOGETHER + 1u> {
    var cells: array<i32, TOGETHER + 1u>;
    let part = plane.parts[index];
    let at = slots_of(plane, part, x, y);
    let dc = dc_of(plane, at, plane.component + index);
    // From half of RANGE on.
    var reached = extent(dc) * 2u;
    // Blocks that only fill MCUs have DC values on which others build.
    if x < plane.wide && y < plane.high {
        let mean = dc * bitcast<i32>(steps[part.steps]);
        reached |= extent(mean);
        if CELLS == 1u {
            // DC/8 in sixteenths is twice the value. Clamped first, so that doubling stays small.
            cells[0] = clamp(mean, LOW / 2, HIGH / 2) * 2;
        } else {
            let first = BASIS + row * CELLS;
            for (var cell = 0u; cell < TOGETHER; cell++) {
                cells[cell] = HALF + mean * basis[first + cell];
            }
            for (var k = 1u; k < KEPT; k++) {
                let value = bitcast<i32>(slots[at + k]) * bitcast<i32>(steps[part.steps + k]);
                reached |= extent(value);
                for (var cell = 0u; cell < TOGETHER; cell++) {
                    cells[cell] += value * basis[first + k * CELLS * CELLS + cell];
                }
            }
            for (var cell = 0u; cell < TOGETHER; cell++) {
                cells[cell] = clamp(cells[cell] >> SHIFT, LOW, HIGH);
            }
        }
    }
    cells[TOGETHER] = bitcast<i32>(reached);
    return cells;
}

/// Some rows of a block's samples without their zero: of one part, or what Cb and Cr add to R + G + B.
fn values_of(plane: Plane, x: u32, y: u32, row: u32) -> array<i32, TOGETHER + 1u> {
    var cells = cells_of(plane, 0u, x, y, row);
    if plane.count == 2u {
        let others = cells_of(plane, 1u, x, y, row);
        for (var cell = 0u; cell < TOGETHER; cell++) {
            cells[cell] = (93577 * cells[cell] + 45080 * others[cell] + 32768) >> 16u;
        }
        cells[TOGETHER] |= others[TOGETHER];
    }
    return cells;
}

/// Two samples in a row, where they belong to the plane.
fn put(plane: Plane, word: u32, row: u32, left: i32, right: i32) {
    if word < plane.pitch && row < plane.rows {
        let low = (bitcast<u32>(left) + plane.zero) & 0xffffu;
        samples[plane.samples + row * plane.pitch + word] = low | ((bitcast<u32>(right) + plane.zero) << 16u);
    }
}

@compute @workgroup_size(THREADS)
fn planes(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let group = groups[workgroup.y * workgroups.x + workgroup.x];
    if thread >= group.count {
        return;
    }
    let plane = planes_of[group.owner];
    let item = group.first + thread;
    var reached = 0;
    if CELLS == 1u {
        let pairs = (plane.stride + 1u) / 2u;
        let x = item % pairs * 2u;
        let y = item / pairs;
        let left = values_of(plane, x, y, 0u);
        var right: array<i32, TOGETHER + 1u>;
        if x + 1u < plane.stride {
            right = values_of(plane, x + 1u, y, 0u);
        }
        put(plane, x / 2u, y, left[0], right[0]);
        reached = left[TOGETHER] | right[TOGETHER];
    } else {
        let x = item % plane.stride;
        let y = item / plane.stride;
        const WORDS = max(CELLS / 2u, 1u);
        for (var row = 0u; row < CELLS; row += ROWS) {
            let cells = values_of(plane, x, y, row);
            if x < plane.wide && y < plane.high {
                for (var pair = 0u; pair < TOGETHER / 2u; pair++) {
                    let down = y * CELLS + row + pair / WORDS;
                    put(plane, x * WORDS + pair % WORDS, down, cells[2u * pair], cells[2u * pair + 1u]);
                }
            }
            reached |= cells[TOGETHER];
        }
    }
    if bitcast<u32>(reached) >= RANGE {
        atomicOr(&found[FOUND * plane.picture + 1u], 1u);
    }
}

// What the guards of pictures of low frequencies need (src/decode/jpeg/gamut.rs and clipping.rs). Part of the stages gamut and spots; the same
// structures stand in src/backend/gpu/jpeg/descriptors.rs.

/// A plane of samples, two in a word.
struct Grid {
    /// Where it begins in `samples`, and words from one row to the next.
    at: u32,
    pitch: u32,
    columns: u32,
    rows: u32,
    /// Original pixels across and down one sample.
    cell_width: u32,
    cell_height: u32,
}

/// One component's blocks.
struct Side {
    /// Its first place in the MCU, and blocks across and down there.
    place: u32,
    across: u32,
    down: u32,
    /// Blocks across and down that hold picture.
    wide: u32,
    high: u32,
    /// Original pixels across and down one of its own.
    times_across: u32,
    times_down: u32,
}

struct Guard {
    picture: u32,
    /// Components: 1 or 3.
    count: u32,
    /// MCUs across.
    mcus: u32,
    /// Cells that are looked at: where their columns begin in `cells`, and how many there are; their rows follow.
    cells: u32,
    columns: u32,
    rows: u32,
    grids: array<Grid, 3>,
    sides: array<Side, 3>,
}

/// Below the middle of a plane's samples, which have 16 bits.
const ZERO: i32 = 32768;

/// Places of a block at which the planes' samples are given: in its middle, and in those of its quarters.
const SPOTS: u32 = 5u;

/// Words of what is given of one block: its number among the picture's, or NONE; its component; its DC value; the samples of up to three planes at each spot; and
/// its coefficients in zigzag order, two in a word.
const SEEN: u32 = 50u;
const SEEN_COMPONENT: u32 = 1u;
const SEEN_DC: u32 = 2u;
const SEEN_SPOTS: u32 = 3u;
const SEEN_COEFFICIENTS: u32 = 18u;

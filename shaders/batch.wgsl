// What a batch of pictures looks like in memory. Part of every stage; the same structures stand in src/backend/gpu/descriptors.rs.

/// How much of each array is in use.
struct Batch {
    grids: u32,
    lines: u32,
    gradients: u32,
    lumas: u32,
    /// Another one for each batch, put behind each picture's results: those of another batch are left from before.
    number: u32,
}

/// One grid of one plane. Offsets count words, or points.
struct Grid {
    /// Number of the grid's first line among all lines of the batch.
    first_line: u32,
    /// Grid points across.
    columns: u32,
    /// Invocations that share a grid point.
    lanes: u32,
    /// Where the plane's samples begin in `words`.
    samples: u32,
    /// Words from one row of samples to the next.
    pitch: u32,
    /// Words in a row.
    row_words: u32,
    /// Interleaved bytes per sample: 1, 2 or 3.
    channels: u32,
    /// What each of them counts.
    mix_0: u32,
    mix_1: u32,
    mix_2: u32,
    /// The sample that stands for 0.
    zero: u32,
    /// Where the shape's tables begin in `words`; offsets inside them count from there.
    tables: u32,
    /// A record of four words for each line: first run, number of runs, sum of the weights, 0.
    line_records: u32,
    /// A record of four words for each column: first sample, number of samples, first weight, sum of the weights.
    column_records: u32,
    /// Where the grid's points begin in `points`, row-major.
    points: u32,
    unused: u32,
}

/// PhotoDNA-class gradients to compute.
struct Gradient {
    /// The first of three 26×26 grids in `points`, one after the other.
    boxes: u32,
    /// What each of their points counts.
    factor: u32,
    /// Three more that are added, where `coloured` is 1.
    colours: u32,
    coloured: u32,
    /// Bits dropped from a feature in units of 2⁻³².
    shift: u32,
    /// Where the 144 sums and the number go in `results`.
    result: u32,
    unused_0: u32,
    unused_1: u32,
}

/// A 64×64 grid of luma to transform.
struct Luma {
    /// Where it begins in `points`.
    points: u32,
    /// Bits dropped from a sum.
    shift: u32,
    /// Half of what the last of them counts.
    half_low: u32,
    half_high: u32,
    /// 2.55 grey levels in units of the shifted sums.
    hundredth: u32,
    /// Where the 256 coefficients, the quality and the number go in `results`.
    result: u32,
    unused_0: u32,
    unused_1: u32,
}

@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> grids: array<Grid>;
@group(0) @binding(2) var<storage, read> gradients: array<Gradient>;
@group(0) @binding(3) var<storage, read> lumas: array<Luma>;
/// Tables and samples.
@group(0) @binding(4) var<storage, read> words: array<u32>;
/// Grid points, 64-bit sums.
@group(0) @binding(5) var<storage, read_write> points: array<vec2<u32>>;
@group(0) @binding(6) var<storage, read_write> results: array<u32>;
/// The 16×64 DCT matrix in units of 2⁻²⁹.
@group(0) @binding(7) var<storage, read> matrix: array<i32>;

//! The structures of `shaders/batch.wgsl`, member for member; a test compares the two.

/// `Batch` of `shaders/batch.wgsl`.
#[derive(Debug, Clone, Copy, Default, bytemuck::Zeroable, bytemuck::Pod)]
#[repr(C)]
pub(super) struct Header {
    pub(super) grids: u32,
    pub(super) lines: u32,
    pub(super) gradients: u32,
    pub(super) lumas: u32,
    pub(super) number: u32,
}

/// `Grid` of `shaders/batch.wgsl`.
#[derive(Debug, Clone, Copy, Default, bytemuck::Zeroable, bytemuck::Pod)]
#[repr(C)]
pub(super) struct Grid {
    pub(super) first_line: u32,
    pub(super) columns: u32,
    pub(super) lanes: u32,
    pub(super) samples: u32,
    pub(super) pitch: u32,
    pub(super) row_words: u32,
    pub(super) channels: u32,
    pub(super) mix_0: u32,
    pub(super) mix_1: u32,
    pub(super) mix_2: u32,
    pub(super) zero: u32,
    pub(super) tables: u32,
    pub(super) line_records: u32,
    pub(super) column_records: u32,
    pub(super) points: u32,
    pub(super) unused: u32,
}

/// `Gradient` of `shaders/batch.wgsl`.
#[derive(Debug, Clone, Copy, Default, bytemuck::Zeroable, bytemuck::Pod)]
#[repr(C)]
pub(super) struct Gradient {
    pub(super) boxes: u32,
    pub(super) factor: u32,
    pub(super) colours: u32,
    pub(super) coloured: u32,
    pub(super) shift: u32,
    pub(super) result: u32,
    pub(super) unused_0: u32,
    pub(super) unused_1: u32,
}

/// `Luma` of `shaders/batch.wgsl`.
#[derive(Debug, Clone, Copy, Default, bytemuck::Zeroable, bytemuck::Pod)]
#[repr(C)]
pub(super) struct Luma {
    pub(super) points: u32,
    pub(super) shift: u32,
    pub(super) half_low: u32,
    pub(super) half_high: u32,
    pub(super) hundredth: u32,
    pub(super) result: u32,
    pub(super) unused_0: u32,
    pub(super) unused_1: u32,
}

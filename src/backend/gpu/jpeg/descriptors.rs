//! The structures of `shaders/jpeg/`, member for member; a test compares them.

/// `BOUNDARIES` of the shaders.
pub(super) const BOUNDARIES: u32 = 8;
/// `NONE` of the shaders.
pub(super) const NONE: u32 = u32::MAX;
/// `WINDOW` of the shaders: bits that one look-up sees.
pub(super) const WINDOW: u32 = 9;
/// `LONGER` of the shaders: words of a pair's second tables.
pub(super) const LONGER: usize = 512;
/// `SUMS` of `gamut`: of 64 bits, for each guard.
pub(super) const SUMS: u32 = 10;
/// `FOUND` of `shaders/jpeg/batch.wgsl`: words for each picture of what was found.
pub(super) const FOUND: u32 = 3;
/// `SEEN` of `shaders/jpeg/guards.wgsl`: words for each look.
pub(super) const SEEN: u32 = 50;
/// Invocations of a workgroup of the stages whose [`Group`]s say what it does.
pub(super) const THREADS: u32 = 64;

/// A structure of the shaders.
macro_rules! structure {
    ($(#[$about:meta])* $name:ident { $($(#[$of:meta])* $member:ident: $kind:ty),* $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, bytemuck::Zeroable, bytemuck::Pod)]
        #[repr(C)]
        pub(super) struct $name {
            $($(#[$of])* pub(super) $member: $kind,)*
        }
    };
}

structure! {
    /// `Picture` of `shaders/jpeg/batch.wgsl`.
    Picture {
        tables: u32,
        pair_count: u32,
        pairs: u32,
        components: u32,
        per_mcu: u32,
        period: u32,
        first_lane: u32,
        lanes: u32,
        lane_shift: u32,
        slots: u32,
        slot_count: u32,
        kept: u32,
        batch: u32,
    }
}

structure! {
    /// `Segment` of `shaders/jpeg/batch.wgsl`.
    Segment {
        start: u32,
        end: u32,
        first_lane: u32,
        lanes: u32,
        blocks: u32,
        first_block: u32,
        followed: u32,
        unused: u32,
    }
}

structure! {
    /// `Group` of `shaders/jpeg/batch.wgsl`.
    Group {
        owner: u32,
        first: u32,
        count: u32,
        unused: u32,
    }
}

structure! {
    /// `Lane` of `shaders/jpeg/batch.wgsl`.
    Lane {
        exit: u32,
        place: u32,
        blocks: u32,
        fault: u32,
        over: u32,
        met: u32,
        met_blocks: u32,
        lost: u32,
    }
}

structure! {
    /// `Work` of `shaders/jpeg/batch.wgsl`.
    Work {
        bit: u32,
        block: u32,
        blocks: u32,
        end: u32,
        emptied: u32,
    }
}

structure! {
    /// `Part` of `shaders/jpeg/planes.wgsl`.
    Part {
        place: u32,
        across: u32,
        down: u32,
        steps: u32,
    }
}

structure! {
    /// `Plane` of `shaders/jpeg/planes.wgsl`.
    Plane {
        picture: u32,
        first_lane: u32,
        slots: u32,
        slot_count: u32,
        per_mcu: u32,
        mcus: u32,
        stride: u32,
        wide: u32,
        high: u32,
        samples: u32,
        pitch: u32,
        rows: u32,
        zero: u32,
        component: u32,
        count: u32,
        unused: u32,
        parts: [Part; 2],
    }
}

structure! {
    /// `Look` of `shaders/jpeg/looks.wgsl`.
    Look {
        segment: u32,
        bit: u32,
        passed: u32,
        wants_chroma: u32,
    }
}

structure! {
    /// `Grid` of `shaders/jpeg/guards.wgsl`.
    Grid {
        at: u32,
        pitch: u32,
        columns: u32,
        rows: u32,
        cell_width: u32,
        cell_height: u32,
    }
}

structure! {
    /// `Side` of `shaders/jpeg/guards.wgsl`.
    Side {
        place: u32,
        across: u32,
        down: u32,
        wide: u32,
        high: u32,
        times_across: u32,
        times_down: u32,
    }
}

structure! {
    /// `Guard` of `shaders/jpeg/guards.wgsl`.
    Guard {
        picture: u32,
        count: u32,
        mcus: u32,
        cells: u32,
        columns: u32,
        rows: u32,
        grids: [Grid; 3],
        sides: [Side; 3],
    }
}

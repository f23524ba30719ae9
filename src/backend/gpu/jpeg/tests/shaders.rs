//! Every shader read by the compiler's own front end, as in `backend/gpu/tests/shaders.rs`.

use std::mem::offset_of;

use wgpu::naga::{self, front::wgsl};

use super::super::batch::{DETAILS, PADDING};
use super::super::descriptors::{
    BOUNDARIES, FOUND, Grid, Group, Guard, LONGER, Lane, Look, Part, Picture, Plane, SEEN, SUMS, Segment,
    Side, THREADS, WINDOW, Work,
};
use super::super::follow::FARTHEST;
use super::super::resolve::RUNAWAY;
use super::super::stages::{FIRST, FOLLOW, GAMUT, LOOKS, OFFSETS, RESOLVE, SPOTS_TEXT, WRITE, planes_text};
use crate::backend::gpu::tests::shaders::{
    check_portable, constant, every_invocation_comes_by, layout, same_layout, write_spirv,
};
use crate::decode::jpeg::SPOTS;

fn modules() -> Vec<(&'static str, naga::Module)> {
    let texts = [
        ("first", FIRST.to_string()),
        ("follow", FOLLOW.to_string()),
        ("resolve", RESOLVE.to_string()),
        ("write", WRITE.to_string()),
        ("offsets", OFFSETS.to_string()),
        ("gamut", GAMUT.to_string()),
        ("looks", LOOKS.to_string()),
        ("spots", SPOTS_TEXT.to_string()),
    ];
    let planes = (0..DETAILS.len()).map(|detail| ("planes", planes_text(detail)));
    let parse = |(name, text): (&'static str, String)| {
        (name, wgsl::parse_str(&text).unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(&text))))
    };
    texts.into_iter().chain(planes).map(parse).collect()
}

/// `benches/registers.py` has drivers compile them for cards.
#[test]
#[ignore = "writes files"]
fn spirv_of_every_stage() {
    for (number, (name, module)) in modules().iter().enumerate() {
        write_spirv(&format!("jpeg-{number:02}-{name}"), module);
    }
}

#[test]
fn stages_keep_to_the_portable_limits() {
    let modules = modules();
    assert_eq!(modules.len(), 14);
    for (name, module) in &modules {
        check_portable(name, module);
        assert!(every_invocation_comes_by(module), "{name}");
        let [entry] = &module.entry_points[..] else { unreachable!() };
        let threads = if matches!(*name, "resolve" | "offsets") { 256 } else { THREADS };
        assert_eq!(entry.workgroup_size, [threads, 1, 1], "{name}");
    }
}

#[test]
fn structures_are_the_same_on_both_sides() {
    for (name, module) in &modules() {
        // A structure that a stage does not use is left out of its module.
        let has = |name: &str| module.types.iter().any(|(_, ty)| ty.name.as_deref() == Some(name));
        assert!(has("Picture") || matches!(*name, "planes" | "gamut"));
        if has("Picture") {
            same_layout!(
                module,
                "Picture",
                Picture,
                [
                    tables, pair_count, pairs, components, per_mcu, period, first_lane, lanes, lane_shift,
                    slots, slot_count, kept, batch,
                ]
            );
        }
        if has("Segment") {
            same_layout!(
                module,
                "Segment",
                Segment,
                [start, end, first_lane, lanes, blocks, first_block, followed, unused]
            );
        }
        if has("Group") {
            same_layout!(module, "Group", Group, [owner, first, count, unused]);
        }
        if has("Lane") {
            same_layout!(module, "Lane", Lane, [exit, place, blocks, fault, over, met, met_blocks, lost]);
        }
        if has("Work") {
            same_layout!(module, "Work", Work, [bit, block, blocks, end, emptied]);
        }
        if has("Guard") {
            same_layout!(module, "Grid", Grid, [at, pitch, columns, rows, cell_width, cell_height]);
            same_layout!(module, "Side", Side, [place, across, down, wide, high, times_across, times_down]);
            same_layout!(module, "Guard", Guard, [picture, count, mcus, cells, columns, rows, grids, sides]);
        }
        assert_eq!(has("Guard"), matches!(*name, "gamut" | "looks" | "spots"));
        if *name == "looks" {
            same_layout!(module, "Look", Look, [segment, bit, passed, wants_chroma]);
        }
        if *name == "planes" {
            same_layout!(module, "Part", Part, [place, across, down, steps]);
            same_layout!(
                module,
                "Plane",
                Plane,
                [
                    picture, first_lane, slots, slot_count, per_mcu, mcus, stride, wide, high, samples,
                    pitch, rows, zero, component, count, unused, parts,
                ]
            );
        }
    }
}

#[test]
fn constants_are_the_same_on_both_sides() {
    for (name, module) in &modules() {
        let expected = [
            ("WINDOW", WINDOW),
            ("LONGER", LONGER as u32),
            ("BOUNDARIES", BOUNDARIES),
            ("FARTHEST", FARTHEST),
            ("RUNAWAY", RUNAWAY),
            ("NONE", u32::MAX),
            ("SUMS", SUMS),
            ("FOUND", FOUND),
            ("SEEN", SEEN),
            ("SEEN_COMPONENT", 1),
            ("SEEN_DC", 2),
            ("SEEN_SPOTS", 3),
            ("SEEN_COEFFICIENTS", 18),
            ("SPOTS", SPOTS as u32),
        ];
        for (of, value) in expected {
            assert!(constant(module, of).is_none_or(|found| found == value), "{name}: {of}");
        }
        assert!(constant(module, "BOUNDARIES").is_some() || *name == "planes", "{name}");
    }
    // Of the longest block, what is begun of a word, and two words ahead.
    assert!(PADDING >= (64u32 * 31).div_ceil(32) + 1 + 2);
}

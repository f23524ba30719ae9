//! Every shader read by the compiler's own front end: what wgpu does not check, and what both sides must agree on.

use std::mem::offset_of;

use wgpu::naga::{self, AddressSpace, TypeInner, back::spv, front::wgsl, proc::Layouter};

use super::super::batch::THREADS;
use super::super::canary;
use super::super::canary::CANARY;
use super::super::descriptors::{Gradient, Grid, Header, Luma};
use super::super::device::STAGES;
use super::super::search::{Hit, Metric, Search};
use crate::kernel::{dct, gradient, weights};

/// What portable kernels keep to.
const MOST_INVOCATIONS: u32 = 256;
const MOST_WORKGROUP_BYTES: u32 = 16 * 1024;
const MOST_STORAGE_BUFFERS: usize = 8;

fn modules() -> Vec<(&'static str, naga::Module)> {
    let search = Metric::ALL.map(|metric| (metric.name(), metric.text()));
    let texts = STAGES.into_iter().chain(search).chain([("canary", CANARY)]);
    texts
        .map(|(name, text)| {
            (name, wgsl::parse_str(text).unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(text))))
        })
        .collect()
}

/// What every device takes, and how our shaders are written.
pub(in super::super) fn check_portable(name: &str, module: &naga::Module) {
    let mut validator = naga::valid::Validator::new(Default::default(), naga::valid::Capabilities::empty());
    validator.validate(module).unwrap_or_else(|error| panic!("{name}: {error:?}"));
    let mut layouter = Layouter::default();
    layouter.update(module.to_ctx()).unwrap();
    let [entry] = &module.entry_points[..] else { panic!("{name}: one entry point a file") };
    assert_eq!(entry.name, name, "the entry point is called like the file");
    assert!(entry.workgroup_size.iter().product::<u32>() <= MOST_INVOCATIONS, "{name}");
    let globals = || module.global_variables.iter().map(|(_, variable)| variable);
    let shared = globals().filter(|variable| variable.space == AddressSpace::WorkGroup);
    let bytes: u32 = shared.map(|variable| layouter[variable.ty].size).sum();
    assert!(bytes <= MOST_WORKGROUP_BYTES, "{name}: {bytes} bytes of workgroup memory");
    let storage = globals().filter(|variable| matches!(variable.space, AddressSpace::Storage { .. }));
    assert!(storage.count() <= MOST_STORAGE_BUFFERS, "{name}");
    let float = |inner: &TypeInner| inner.scalar_kind() == Some(naga::ScalarKind::Float);
    assert!(!module.types.iter().any(|(_, ty)| float(&ty.inner)), "{name}: integers only");
}

/// Writes a shader as SPIR-V, as a device without checks gets it, to the folder `SHADEGRID_SPIRV`.
pub(in super::super) fn write_spirv(name: &str, module: &naga::Module) {
    let folder = std::env::var_os("SHADEGRID_SPIRV").expect("SHADEGRID_SPIRV names a folder");
    let mut validator = naga::valid::Validator::new(Default::default(), naga::valid::Capabilities::empty());
    let info = validator.validate(module).unwrap();
    let options = spv::Options { force_loop_bounding: false, ..spv::Options::default() };
    let words = spv::write_vec(module, &info, &options, None).unwrap();
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    std::fs::write(std::path::Path::new(&folder).join(format!("{name}.spv")), bytes).unwrap();
}

/// `benches/registers.py` has drivers compile them for cards.
#[test]
#[ignore = "writes files"]
fn spirv_of_every_kernel() {
    modules().iter().for_each(|(name, module)| write_spirv(name, module));
}

#[test]
fn kernels_keep_to_the_portable_limits() {
    let modules = modules();
    assert_eq!(modules.len(), 6);
    for (name, module) in &modules {
        check_portable(name, module);
        let [entry] = &module.entry_points[..] else { unreachable!() };
        if *name != "canary" {
            assert_eq!(entry.workgroup_size, [THREADS, 1, 1], "{name}");
        }
    }
}

/// Name and offset of each member, and the size.
pub(in super::super) fn layout(module: &naga::Module, name: &str) -> (Vec<(String, usize)>, usize) {
    let (_, ty) = module.types.iter().find(|(_, ty)| ty.name.as_deref() == Some(name)).unwrap();
    let TypeInner::Struct { members, span } = &ty.inner else { panic!("{name} is a structure") };
    let member = |member: &naga::StructMember| (member.name.clone().unwrap(), member.offset as usize);
    (members.iter().map(member).collect(), *span as usize)
}

macro_rules! same_layout {
    ($module:expr, $shader:literal, $rust:ty, [$($member:ident),* $(,)?]) => {{
        let members = vec![$((stringify!($member).to_string(), offset_of!($rust, $member))),*];
        assert_eq!(layout($module, $shader), (members, size_of::<$rust>()), "{}", $shader);
    }};
}

pub(in super::super) use same_layout;

#[test]
fn structures_are_the_same_on_both_sides() {
    let modules = modules();
    for (_, module) in modules.iter().filter(|(name, _)| Metric::ALL.iter().any(|m| m.name() == *name)) {
        same_layout!(
            module,
            "Search",
            Search,
            [first_row, end_row, first_query, end_query, radius, capacity, unused_0, unused_1]
        );
        same_layout!(module, "Hit", Hit, [query, row, distance]);
    }
    for (_, module) in modules.iter().filter(|(name, _)| STAGES.iter().any(|(stage, _)| stage == name)) {
        same_layout!(module, "Batch", Header, [grids, lines, gradients, lumas, number]);
        same_layout!(
            module,
            "Grid",
            Grid,
            [
                first_line,
                columns,
                lanes,
                samples,
                pitch,
                row_words,
                channels,
                mix_0,
                mix_1,
                mix_2,
                zero,
                tables,
                line_records,
                column_records,
                points,
                unused,
            ]
        );
        same_layout!(
            module,
            "Gradient",
            Gradient,
            [boxes, factor, colours, coloured, shift, result, unused_0, unused_1,]
        );
        same_layout!(
            module,
            "Luma",
            Luma,
            [points, shift, half_low, half_high, hundredth, result, unused_0, unused_1,]
        );
    }
}

/// A constant's value.
pub(in super::super) fn constant(module: &naga::Module, name: &str) -> Option<u32> {
    let (_, found) = module.constants.iter().find(|(_, constant)| constant.name.as_deref() == Some(name))?;
    match module.global_expressions[found.init] {
        naga::Expression::Literal(naga::Literal::U32(value)) => Some(value),
        ref other => panic!("{name} is {other:?}"),
    }
}

#[test]
fn constants_are_the_same_on_both_sides() {
    let radius = gradient::RADIUS_WEIGHTS.map(|weight| weight as u32);
    let expected = [
        ("reduce", "THREADS", THREADS),
        ("gradient", "THREADS", THREADS),
        ("gradient", "LINES", weights::PHOTODNA_LINES as u32),
        ("gradient", "POINTS", gradient::POINTS as u32),
        ("gradient", "SUMS", 144),
        ("gradient", "WEIGHT_0", radius[0]),
        ("gradient", "WEIGHT_1", radius[1]),
        ("gradient", "WEIGHT_2", radius[2]),
        ("dct", "THREADS", THREADS),
        ("dct", "SIDE", weights::PDQ_LINES as u32),
        ("dct", "FREQUENCIES", dct::MATRIX_FIXED.len() as u32),
        ("canary", "TURNS", canary::TURNS),
    ];
    let modules = modules();
    let found = |stage: &str, constant: &str| {
        let (_, module) = modules.iter().find(|(name, _)| *name == stage).unwrap();
        super::shaders::constant(module, constant).unwrap_or_else(|| panic!("{stage} has no {constant}"))
    };
    for (stage, constant, value) in expected {
        assert_eq!(found(stage, constant), value, "{stage}: {constant}");
    }
    for metric in Metric::ALL {
        let found = |constant| found(metric.name(), constant);
        assert_eq!(found("THREADS") * found("ROWS"), metric.rows_a_workgroup());
        assert_eq!(4 * found("QUERY"), metric.query_words() as u32);
        assert_eq!(found("THREADS"), THREADS);
    }
}

/// Whether a barrier stands where some invocations of a workgroup may not come by: inside an `if` or `switch`.
///
/// Loops are the texts' own care: their counts come from uniforms and from the batch's descriptors, the same for a workgroup.
fn barrier_in_a_branch(block: &naga::Block, branched: bool) -> bool {
    block.iter().any(|statement| match statement {
        naga::Statement::ControlBarrier(_) => branched,
        naga::Statement::Block(block) => barrier_in_a_branch(block, branched),
        naga::Statement::If { accept, reject, .. } => {
            barrier_in_a_branch(accept, true) || barrier_in_a_branch(reject, true)
        }
        naga::Statement::Switch { cases, .. } => {
            cases.iter().any(|case| barrier_in_a_branch(&case.body, true))
        }
        naga::Statement::Loop { body, continuing, .. } => {
            barrier_in_a_branch(body, branched) || barrier_in_a_branch(continuing, branched)
        }
        _ => false,
    })
}

/// Whether every invocation comes to every barrier of the entry point.
pub(in super::super) fn every_invocation_comes_by(module: &naga::Module) -> bool {
    !barrier_in_a_branch(&module.entry_points[0].function.body, false)
}

#[test]
fn every_invocation_comes_to_every_barrier() {
    for (name, module) in modules() {
        assert!(every_invocation_comes_by(&module), "{name}");
    }
    let wrong = "@compute @workgroup_size(64) fn wrong(@builtin(local_invocation_index) thread: u32) {
        if thread < 7u { workgroupBarrier(); } }";
    assert!(barrier_in_a_branch(&wgsl::parse_str(wrong).unwrap().entry_points[0].function.body, false));
}

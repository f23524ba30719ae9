//! Each stage by itself against its twin, over made-up pictures: data of random bits, codes of random lengths, lanes of random numbers.
//!
//! One long file, since every stage takes what the one before it made of the same made-up batch.

use super::super::batch::{DETAILS, PADDING};
use super::super::descriptors::{
    BOUNDARIES, Group, Lane, NONE, Part, Picture, Plane, Segment, THREADS, WINDOW, Work,
};
use super::super::first::{Notes, first};
use super::super::follow::follow;
use super::super::offsets::offsets;
use super::super::planes::{Coefficients, planes};
use super::super::resolve::resolve;
use super::super::stages::{FIRST, FOLLOW, OFFSETS, RESOLVE, WRITE, basis, for_window, planes_text};
use super::super::symbols::{Source, Symbols, code};
use super::super::tables::{pair, pair_words};
use super::super::write::write;
use super::{POISON, devices, is_noticed, run};
use crate::backend::gpu::Device;
use crate::decode::jpeg::STANDARD;
use crate::kernel::Bytes;

/// Pictures that no file says.
#[derive(Default)]
pub(super) struct MadeUp {
    pub(super) pictures: Vec<Picture>,
    /// Each picture's codes.
    pairs: Vec<Vec<Symbols>>,
    pub(super) segments: Vec<Segment>,
    segment_of: Vec<u32>,
    groups: Vec<Group>,
    pub(super) tables: Vec<u32>,
    pub(super) stream: Vec<u32>,
    slots: u32,
}

impl MadeUp {
    pub(super) fn new(numbers: &mut Bytes, window: u32) -> MadeUp {
        let mut made = MadeUp::default();
        for _ in 0..1 + numbers.next() % 4 {
            made.add(numbers, window);
        }
        made.stream.extend([0; PADDING as usize]);
        made
    }

    fn add(&mut self, numbers: &mut Bytes, window: u32) {
        let mut below = |limit: u64| (numbers.next() % limit) as u32;
        let (per_mcu, pair_count, lane_shift) = (1 + below(16), 1 + below(2), 9 + below(6));
        let (picture, tables, first_lane) =
            (self.pictures.len() as u32, self.tables.len() as u32, self.segment_of.len() as u32);
        let (mut pairs, mut components, mut places) = (0, 0, Vec::new());
        for place in 0..per_mcu {
            places.push(below(pair_count.into()));
            pairs |= places[place as usize] << (2 * place);
            components |= below(3) << (2 * place);
        }
        let repeats = |&period: &usize| {
            places.len().is_multiple_of(period)
                && (period..places.len()).all(|at| places[at] == places[at - period])
        };
        let period = (1..).find(repeats).expect("all of them") as u32;
        let slot_count = [1, 5, 14, 64][below(4) as usize];
        let kept = (0..3).map(|component| below(slot_count.into()) << (8 * component)).sum();
        let mut first_block = 0;
        let segments = 1 + below(5);
        for index in 0..segments {
            let bits = below(9 << lane_shift) / 8 * 8;
            let start = 32 * self.stream.len() as u32;
            let lanes = bits.div_ceil(1 << lane_shift).max(1);
            let blocks = (1 + below(u64::from(bits) / 20 + 3)).div_ceil(per_mcu) * per_mcu;
            let followed = u32::from(index + 1 < segments);
            let first_lane = self.segment_of.len() as u32;
            self.segment_of.extend(vec![self.segments.len() as u32; lanes as usize]);
            self.segments.push(Segment {
                start,
                end: start + bits,
                first_lane,
                lanes,
                blocks,
                first_block,
                followed,
                unused: 0,
            });
            first_block += blocks;
            // Sometimes the same few bytes over and over, in which no two readers fall in.
            let flat = below(3) == 0;
            let byte = below(256) * 0x0101_0101;
            self.stream.extend((0..bits.div_ceil(32)).map(|_| if flat { byte } else { below(1 << 32) }));
        }
        let lanes = self.segment_of.len() as u32 - first_lane;
        for done in (0..lanes).step_by(THREADS as usize) {
            let count = THREADS.min(lanes - done);
            self.groups.push(Group { owner: picture, first: first_lane + done, count, unused: 0 });
        }
        self.pictures.push(Picture {
            tables,
            pair_count,
            pairs,
            components,
            per_mcu,
            period,
            first_lane,
            lanes,
            lane_shift,
            slots: self.slots,
            slot_count,
            kept,
            batch: 5,
        });
        self.slots += first_block * slot_count;
        self.pairs.push(Vec::new());
        while self.pairs[picture as usize].len() < pair_count as usize {
            let standard = numbers.next().is_multiple_of(2);
            let keys = match STANDARD[(numbers.next() % 2) as usize] {
                [dc, ac] if standard => [dc.to_vec(), ac.to_vec()],
                _ => [code(numbers, true), code(numbers, false)],
            };
            if let Some(tables) = pair([&keys[0], &keys[1]], window) {
                assert_eq!(tables.len(), pair_words(window));
                self.tables.extend(tables);
                self.pairs[picture as usize].push(Symbols::new(&keys[0], &keys[1]));
            }
        }
    }

    pub(super) fn source(&self, picture: usize) -> Source<'_> {
        Source { picture: &self.pictures[picture], pairs: &self.pairs[picture], stream: &self.stream }
    }

    /// Every lane with its picture, its segment, and its place in that.
    pub(super) fn lanes(&self) -> impl Iterator<Item = (usize, &Segment, u32)> {
        self.segment_of.iter().enumerate().map(|(number, &segment)| {
            let of = |picture: &Picture| picture.first_lane as usize <= number;
            let segment = &self.segments[segment as usize];
            (self.pictures.partition_point(of) - 1, segment, number as u32 - segment.first_lane)
        })
    }

    pub(super) fn first(&self) -> (Vec<Lane>, Vec<Notes>) {
        self.lanes().map(|(picture, segment, own)| first(self.source(picture), segment, own)).unzip()
    }

    pub(super) fn follow(&self, lanes: &[Lane], notes: &[Notes]) -> Vec<Lane> {
        let lane = |((picture, segment, own), lane): ((usize, &Segment, u32), &Lane)| {
            let notes = &notes[segment.first_lane as usize..];
            follow(self.source(picture), segment, notes, own, *lane)
        };
        self.lanes().zip(lanes).map(lane).collect()
    }

    pub(super) fn resolve(&self, lanes: &[Lane]) -> Vec<Work> {
        let of = |segment: &Segment| {
            let first = segment.first_lane as usize;
            resolve(segment, &lanes[first..first + segment.lanes as usize])
        };
        self.segments.iter().flat_map(of).collect()
    }
}

impl MadeUp {
    /// Whether a wrong line of `first`, `follow`, `write` and `offsets` is noticed.
    fn wrong_lines(&self, device: &Device, lanes: &[Lane], notes: &[Notes]) -> [bool; 4] {
        let (followed, count) = (self.follow(lanes, notes), lanes.len());
        let work = self.resolve(&followed);
        let (pictures, segments, groups) = (cast(&self.pictures), cast(&self.segments), cast(&self.groups));
        let of: &[&[u32]] = &[pictures, segments, &self.segment_of, groups, &self.stream, &self.tables];
        let workgroups = self.groups.len() as u32;
        let (no_notes, no_lanes) = (vec![POISON; count * 2 * BOUNDARIES as usize], vec![POISON; count * 8]);
        let first = is_noticed(
            device,
            ("first", FIRST),
            ("blocks += select(0u, 1u, came == ENDED)", "blocks += select(0u, 2u, came == ENDED)"),
            (&[of, &[&no_notes, &no_lanes]].concat(), 2),
            workgroups,
        );
        let follow = is_noticed(
            device,
            ("follow", FOLLOW),
            ("met_blocks = note.y >> 8u", "met_blocks = note.y >> 7u"),
            (&[of, &[cast(notes), cast(lanes)]].concat(), 1),
            workgroups,
        );
        let (slots, totals) = (vec![0; self.slots as usize], vec![[POISON; 4]; count]);
        let write = is_noticed(
            device,
            ("write", WRITE),
            ("sums += select(vec3(0u), vec3(value),", "sums += select(vec3(0u), vec3(value + 1u),"),
            (&[pictures, groups, &self.stream, &self.tables, cast(&work), &slots, totals.as_flattened()], 2),
            workgroups,
        );
        let totals: Vec<[u32; 4]> = (0..count as u32).map(|lane| [lane * 77 + 1, lane, 3, 0]).collect();
        let (offsets, found) = (vec![POISON; 4 * count], vec![POISON; 3 * self.pictures.len()]);
        let offsets = is_noticed(
            device,
            ("offsets", OFFSETS),
            ("let own = sums[thread].xyz - total.xyz;", "let own = sums[thread].xyz;"),
            (&[pictures, segments, &self.segment_of, totals.as_flattened(), &offsets, &found], 2),
            self.pictures.len() as u32,
        );
        [first, follow, write, offsets]
    }
}

pub(super) fn cast<T: bytemuck::Pod>(values: &[T]) -> &[u32] {
    bytemuck::cast_slice(values)
}

/// Work that writes nothing is all alike.
fn normal(work: &[Work]) -> Vec<Work> {
    let normal = |work: &Work| {
        if work.blocks == 0 { Work { emptied: work.emptied, ..Work::default() } } else { *work }
    };
    work.iter().map(normal).collect()
}

#[test]
fn first_and_follow_equal_their_twins() {
    for device in devices() {
        let mut numbers = Bytes(51);
        let (mut lanes, mut met, mut lost, mut faults) = (0, 0, 0, 0);
        for window in [WINDOW, 8, 10, WINDOW, 9, 7] {
            for _ in 0..10 {
                let made = MadeUp::new(&mut numbers, window);
                let (of_first, notes) = made.first();
                let count = of_first.len();
                let poison = (vec![POISON; count * 2 * BOUNDARIES as usize], vec![POISON; count * 8]);
                let arrays = |notes: &[u32], lanes: &[u32], name: &str, text: &str| {
                    let arrays = [
                        cast(&made.pictures),
                        cast(&made.segments),
                        &made.segment_of[..],
                        cast(&made.groups),
                        &made.stream,
                        &made.tables,
                        notes,
                        lanes,
                    ];
                    run(&device, (name, &for_window(text, window)), &arrays, 2, made.groups.len() as u32)
                };
                let found = arrays(&poison.0, &poison.1, "first", FIRST);
                assert!(found[0] == cast(&notes), "notes differ");
                assert!(found[1] == cast(&of_first), "first differs");
                let followed = made.follow(&of_first, &notes);
                let found = arrays(cast(&notes), cast(&of_first), "follow", FOLLOW);
                for (index, (found, expected)) in found[1].chunks_exact(8).zip(&followed).enumerate() {
                    assert_eq!(found, cast(std::slice::from_ref(expected)), "lane {index}");
                }
                lanes += count;
                met += followed.iter().filter(|lane| lane.met != NONE).count();
                lost += followed.iter().filter(|lane| lane.lost != 0).count();
                faults += followed.iter().filter(|lane| lane.fault > 0).count();
            }
        }
        println!("{lanes} lanes, {met} met another, {lost} lost, {faults} with faults");
        assert!(lanes > 1_500 && met > 300 && lost > 0 && faults > 200);
    }
}

#[test]
fn resolve_equals_its_twin() {
    for device in devices() {
        let mut numbers = Bytes(52);
        let (mut compared, mut idle) = (0, 0);
        for round in 0..40 {
            let mut made = MadeUp::new(&mut numbers, WINDOW);
            if round % 4 == 0 {
                // One segment of many workgroups' lanes.
                made.pictures.truncate(1);
                let lanes = 255 + numbers.next() % 700;
                made.pictures[0].lanes = lanes as u32;
                made.segments = vec![Segment { lanes: lanes as u32, first_lane: 0, ..made.segments[0] }];
                made.segments[0].blocks = 40 * lanes as u32;
                made.segment_of = vec![0; lanes as usize];
            }
            let lanes: Vec<Lane> = if round % 3 == 0 && round % 4 != 0 {
                let (lanes, notes) = made.first();
                made.follow(&lanes, &notes)
            } else {
                let mut lane = |number: usize, segment: &Segment| {
                    let mut below = |limit: u64| (numbers.next() % limit) as u32;
                    let ahead = number as u32 + if below(20) == 0 { below(300) } else { 1 + below(2) };
                    Lane {
                        exit: below(1 << 32),
                        place: below(16),
                        blocks: below(60),
                        fault: if below(60) == 0 { below(60) } else { 0 },
                        over: below(20),
                        // Sometimes itself, one before, one of another segment, or none.
                        met: if below(40) == 0 {
                            NONE
                        } else {
                            ahead.min(segment.first_lane + segment.lanes)
                        },
                        met_blocks: below(30),
                        lost: u32::from(below(9) == 0),
                    }
                };
                made.lanes()
                    .map(|(_, segment, _)| *segment)
                    .enumerate()
                    .map(|(n, segment)| lane(n, &segment))
                    .collect()
            };
            let expected = made.resolve(&lanes);
            let count = lanes.len();
            let arrays = [
                cast(&made.pictures),
                cast(&made.segments),
                &made.segment_of[..],
                cast(&lanes),
                &vec![POISON; count],
                &vec![POISON; 5 * count],
            ];
            let found = run(&device, ("resolve", RESOLVE), &arrays, 1, made.pictures.len() as u32);
            let found: &[Work] = bytemuck::cast_slice(&found[0]);
            assert_eq!(normal(found), normal(&expected), "round {round}");
            compared += count;
            idle += expected.iter().filter(|work| work.blocks == 0).count();
        }
        println!("{compared} lanes, {idle} with nothing to write");
        assert!(compared > 5_000 && idle > 500);
    }
}

#[test]
fn write_equals_its_twin() {
    for device in devices() {
        let mut numbers = Bytes(53);
        let (mut blocks, mut missing, mut written) = (0, 0, 0);
        for round in 0..48 {
            let window = [WINDOW, 8, 7][round % 3];
            let made = MadeUp::new(&mut numbers, window);
            let (lanes, notes) = made.first();
            let mut work = made.resolve(&made.follow(&lanes, &notes));
            if round % 2 == 0 {
                // From anywhere in the data, any of the segment's blocks; each lane its own.
                let segments = made.lanes().map(|(_, segment, own)| (*segment, own));
                for (work, (segment, own)) in work.iter_mut().zip(segments) {
                    let mut below = |limit: u32| (numbers.next() % u64::from(limit)) as u32;
                    let share = segment.blocks / segment.lanes;
                    work.bit = segment.start + below(segment.end - segment.start + 1);
                    work.block = segment.first_block + share * own;
                    work.blocks = if below(20) == 0 { NONE } else { below(share + 1) };
                    work.emptied = below(2);
                }
            }
            let mut slots = vec![0; made.slots as usize];
            let total = |((picture, ..), (number, work)): ((usize, &Segment, u32), (usize, &Work))| {
                let own = number as u32 - made.pictures[picture].first_lane;
                write(made.source(picture), own, work, &mut slots)
            };
            let totals: Vec<[u32; 4]> = made.lanes().zip(work.iter().enumerate()).map(total).collect();
            let arrays = [
                cast(&made.pictures),
                cast(&made.groups),
                &made.stream[..],
                &made.tables,
                cast(&work),
                &vec![0; slots.len()],
                &vec![POISON; 4 * work.len()],
            ];
            let text = for_window(WRITE, window);
            let found = run(&device, ("write", &text), &arrays, 2, made.groups.len() as u32);
            assert!(found[1] == totals.as_flattened(), "totals differ in round {round}");
            assert!(found[0] == slots, "slots differ in round {round}");
            blocks += work
                .iter()
                .map(|work| work.blocks as u64)
                .filter(|&blocks| blocks != u64::from(NONE))
                .sum::<u64>();
            missing += totals.iter().filter(|total| total[3] > 0).count();
            written += slots.iter().filter(|&&slot| slot != 0).count();
        }
        println!("{blocks} blocks, {missing} lanes with blocks missing, {written} slots written");
        assert!(blocks > 5_000 && missing > 100 && written > 20_000);
    }
}

#[test]
fn offsets_equal_their_twin() {
    for device in devices() {
        let mut numbers = Bytes(54);
        let mut compared = 0;
        for round in 0..24 {
            let mut made = MadeUp::new(&mut numbers, WINDOW);
            if round % 3 == 0 {
                // Segments that begin and end within and across workgroups' lanes.
                made.pictures.truncate(1);
                (made.segments, made.segment_of) = (Vec::new(), Vec::new());
                for number in 0..2 + numbers.next() % 4 {
                    let lanes = 1 + numbers.next() % if round % 2 == 0 { 700 } else { 3 };
                    let first_lane = made.segment_of.len() as u32;
                    made.segments.push(Segment { first_lane, lanes: lanes as u32, ..Segment::default() });
                    made.segment_of.extend(vec![number as u32; lanes as usize]);
                }
                made.pictures[0].lanes = made.segment_of.len() as u32;
            }
            let count = made.segment_of.len();
            let totals: Vec<[u32; 4]> = (0..count)
                .map(|_| {
                    let sums = [0; 3].map(|_| numbers.next() as u32);
                    [sums[0], sums[1], sums[2], (numbers.next() % 40).saturating_sub(35) as u32]
                })
                .collect();
            let (mut expected, mut missing) = (Vec::new(), Vec::new());
            for picture in &made.pictures {
                let own = picture.first_lane as usize..(picture.first_lane + picture.lanes) as usize;
                let is_first = |lane: usize| {
                    let number = own.start + lane;
                    made.segments[made.segment_of[number] as usize].first_lane as usize == number
                };
                let (offsets, lost) = offsets(&totals[own.clone()], is_first);
                expected.extend(offsets);
                missing.extend([lost, 0, picture.batch]);
            }
            let arrays = [
                cast(&made.pictures),
                cast(&made.segments),
                &made.segment_of[..],
                totals.as_flattened(),
                &vec![POISON; 4 * count],
                &vec![POISON; 3 * made.pictures.len()],
            ];
            let found = run(&device, ("offsets", OFFSETS), &arrays, 2, made.pictures.len() as u32);
            let of = |all: &[u32]| {
                all.chunks_exact(4).flat_map(|four| [four[0], four[1], four[2]]).collect::<Vec<u32>>()
            };
            assert!(of(&found[0]) == of(expected.as_flattened()), "offsets differ in round {round}");
            assert_eq!(found[1], missing, "round {round}");
            compared += count;
        }
        println!("{compared} lanes");
        assert!(compared > 3_000);
    }
}

/// One plane of random coefficients; `wild` ones leave 16 bits.
fn plane_of(numbers: &mut Bytes, detail: usize, wild: bool) -> (Plane, u32, [Vec<u32>; 3], usize) {
    let mut below = |limit: u64| (numbers.next() % limit) as u32;
    let (kept, cells) = DETAILS[detail];
    let count = 1 + below(2);
    let mut parts = [Part::default(); 2];
    let mut per_mcu = below(3);
    for (index, part) in parts.iter_mut().take(count as usize).enumerate() {
        *part = Part { place: per_mcu, across: 1 + below(3), down: 1 + below(3), steps: 64 * index as u32 };
        per_mcu += part.across * part.down;
    }
    if count == 2 {
        // Alike, as the host sees to.
        parts[1] = Part { across: parts[0].across, down: parts[0].down, ..parts[1] };
        per_mcu = parts[1].place + parts[1].across * parts[1].down;
    }
    let (mcus, mcus_high) = (1 + below(5), 1 + below(4));
    let (stride, stored) = (mcus * parts[0].across, mcus_high * parts[0].down);
    let (wide, high) = (stride - below(parts[0].across.into()), stored - below(parts[0].down.into()));
    let columns = wide * cells - below(cells.into());
    let slot_count = kept + below(3);
    let plane = Plane {
        picture: 0,
        first_lane: below(4),
        slots: below(9),
        slot_count,
        per_mcu,
        mcus,
        stride,
        wide,
        high,
        samples: below(5),
        pitch: 2 * columns.div_ceil(4),
        rows: high * cells - below(cells.into()),
        zero: 32_768 + 2_048 * below(2),
        component: if count == 2 { 1 } else { below(3) },
        count,
        unused: 0,
        parts,
    };
    let blocks = plane.slots + mcus * mcus_high * per_mcu * slot_count;
    let most = if wild { 1 << 15 } else { 300 };
    let lanes = 1 + below(9);
    let slots = (0..blocks)
        .map(|at| {
            let value = below(2 * most) as i32 - most as i32;
            let is_dc = at >= plane.slots && (at - plane.slots).is_multiple_of(slot_count);
            if is_dc { below(lanes.into()) << 16 | value as u32 & 0xFFFF } else { value as u32 }
        })
        .collect();
    let offsets =
        (0..4 * (plane.first_lane + lanes)).map(|_| below(if wild { 1 << 32 } else { 99 })).collect();
    let steps = (0..128).map(|_| 1 + below(if wild { 1 << 16 } else { 40 })).collect();
    (plane, stored, [slots, offsets, steps], columns as usize)
}

#[test]
fn planes_equal_their_twin_at_every_detail() {
    for device in devices() {
        let mut numbers = Bytes(55);
        let (mut samples, mut beyond, mut planes_compared) = (0, 0, 0);
        for (detail, &(kept, cells)) in DETAILS.iter().enumerate() {
            for round in 0..16 {
                let (plane, stored, [slots, offsets, steps], columns) =
                    plane_of(&mut numbers, detail, round % 4 == 3);
                let words = (plane.samples + plane.pitch * plane.rows) as usize;
                let mut expected = vec![POISON; words];
                let of = Coefficients {
                    slots: &slots,
                    offsets: bytemuck::cast_slice(&offsets),
                    steps: &steps,
                    kept,
                    cells,
                };
                let reached = planes(&of, &plane, stored, &mut expected);
                let items =
                    if cells == 1 { plane.stride.div_ceil(2) * stored } else { plane.stride * stored };
                let groups: Vec<Group> = (0..items)
                    .step_by(THREADS as usize)
                    .map(|first| Group { owner: 0, first, count: THREADS.min(items - first), unused: 0 })
                    .collect();
                let basis = basis();
                let arrays = [
                    cast(std::slice::from_ref(&plane)),
                    cast(&groups),
                    &slots[..],
                    &offsets,
                    &steps,
                    cast(&basis),
                    &vec![POISON; words],
                    &[7, 0, 9],
                ];
                let text = planes_text(detail);
                let found = run(&device, ("planes", &text), &arrays, 2, groups.len() as u32);
                let row = |all: &[u32], row: usize| -> Vec<u16> {
                    let words =
                        &all[plane.samples as usize + row * plane.pitch as usize..][..plane.pitch as usize];
                    let halves = words.iter().flat_map(|word| [*word as u16, (word >> 16) as u16]);
                    halves.take(columns).collect()
                };
                for y in 0..plane.rows as usize {
                    assert_eq!(
                        row(&found[0], y),
                        row(&expected, y),
                        "detail {detail}, round {round}, row {y}"
                    );
                }
                assert_eq!(found[0][..plane.samples as usize], expected[..plane.samples as usize]);
                assert_eq!(found[1], [7, u32::from(reached), 9], "detail {detail}, round {round}");
                samples += columns * plane.rows as usize;
                beyond += usize::from(reached);
                planes_compared += 1;
            }
        }
        println!("{planes_compared} planes, {samples} samples, {beyond} out of range");
        assert!(samples > 20_000 && planes_compared == 96 && (20..80).contains(&beyond));
    }
}

#[test]
fn a_changed_count_or_constant_is_noticed() {
    for device in devices() {
        let mut numbers = Bytes(56);
        let (mut by_resolve, mut by_planes, mut by_others) = (0, 0, [0; 4]);
        for _ in 0..12 {
            let made = MadeUp::new(&mut numbers, WINDOW);
            let (lanes, notes) = made.first();
            for (noticed, found) in by_others.iter_mut().zip(made.wrong_lines(&device, &lanes, &notes)) {
                *noticed += usize::from(found);
            }
            let lanes = made.follow(&lanes, &notes);
            let count = lanes.len();
            let arrays = [
                cast(&made.pictures),
                cast(&made.segments),
                &made.segment_of[..],
                cast(&lanes),
                &vec![POISON; count],
                &vec![POISON; 5 * count],
            ];
            let wrong =
                RESOLVE.replace("count = other.over + lane.blocks", "count = other.over + 1u + lane.blocks");
            assert_ne!(wrong, RESOLVE);
            let found = run(&device, ("resolve", &wrong), &arrays, 1, made.pictures.len() as u32);
            let found: &[Work] = bytemuck::cast_slice(&found[0]);
            by_resolve += usize::from(normal(found) != normal(&made.resolve(&lanes)));

            let (plane, stored, [slots, offsets, steps], _) = plane_of(&mut numbers, 2, false);
            let words = (plane.samples + plane.pitch * plane.rows) as usize;
            let groups = [Group { owner: 0, first: 0, count: THREADS.min(plane.stride * stored), unused: 0 }];
            let basis = basis();
            let arrays = [
                cast(std::slice::from_ref(&plane)),
                cast(&groups),
                &slots[..],
                &offsets,
                &steps,
                cast(&basis),
                &vec![0; words],
                &[0, 0],
            ];
            let text = planes_text(2);
            let wrong = text.replace("HALF: i32 = 256", "HALF: i32 = 0");
            assert_ne!(wrong, text);
            let [right, wrong] = [text, wrong].map(|text| run(&device, ("planes", &text), &arrays, 2, 1));
            by_planes += usize::from(right != wrong);
        }
        println!("noticed: resolve {by_resolve} of 12, planes {by_planes} of 12, others {by_others:?}");
        assert!(by_resolve >= 3 && by_planes >= 6 && by_others.iter().all(|&noticed| noticed >= 3));
    }
}

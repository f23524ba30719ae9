//! A batch of compressed pictures being put together: where each one's data, tables, lanes, slots and samples are. Pure bookkeeping, no device.
//!
//! A picture is *reserved* by what its frame and its file's length allow at most, then its data is copied by whoever has the file, and
//! then it is *placed* with what the data turned out to hold.
//!
//! One long file, since what is reserved of a picture, placed and read back are sums over the same fields, which must agree.

use std::collections::HashMap;
use std::ops::Range;

use super::descriptors::{Grid, Group, Guard, Look, Part, Picture, Plane, Segment, Side, THREADS, WINDOW};
use super::tables::{self, pair_words};
use crate::backend::gpu::batch::next_number;
use crate::backend::gpu::device::MOST_WORKGROUPS;
use crate::decode::jpeg::{self, Compressed, Guards, Unstuffed, looks_wanted};
use crate::picture::{COARSE_UNIT, COARSE_ZERO};

/// Lanes of a picture at most: their numbers have 16 bits, and one is left over.
pub(super) const MOST_LANES: u32 = u16::MAX as u32;

/// Words that stages read behind a segment's end at most, and to spare: a block has up to 64 symbols of 31 bits, and two words are read ahead.
pub(super) const PADDING: u32 = 66;

/// Bits of a lane as a power of two: the least and the most that the stages take.
pub(super) const LANE_SHIFTS: Range<u32> = 9..15;

/// Details by the coefficients that are kept and the samples across a block.
pub(super) const DETAILS: [(u32, u32); 6] = [(1, 1), (5, 2), (9, 4), (14, 4), (27, 8), (64, 8)];

/// How much of each array a batch or a picture takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) pictures: u32,
    pub(super) segments: u32,
    pub(super) lanes: u32,
    /// Groups of lanes.
    pub(super) groups: u32,
    pub(super) planes: u32,
    /// Groups of blocks, of one detail.
    pub(super) plane_groups: u32,
    /// Words of quantisation steps.
    pub(super) steps: u32,
    /// Words of look-up tables.
    pub(super) tables: u32,
    /// Words of data.
    pub(super) stream: u32,
    /// Words of coefficients.
    pub(super) slots: u32,
    /// Pictures that are guarded, blocks of theirs that are looked at, groups of these, and columns and rows of cells.
    pub(super) guards: u32,
    pub(super) looks: u32,
    pub(super) look_groups: u32,
    pub(super) cells: u32,
}

/// Columns and rows of cells that are looked at in a picture, at most.
const MOST_CELLS: u32 = 128;

impl Sizes {
    /// All of them in one order.
    fn all(&self) -> [u32; 14] {
        [
            self.pictures,
            self.segments,
            self.lanes,
            self.groups,
            self.planes,
            self.plane_groups,
            self.steps,
            self.tables,
            self.stream,
            self.slots,
            self.guards,
            self.looks,
            self.look_groups,
            self.cells,
        ]
    }

    /// What a picture takes at most; `None` where that is more than the numbers of a batch can say.
    fn of(picture: &Compressed<'_>, lane_shift: u32) -> Option<Sizes> {
        let number = |value: u64| u32::try_from(value).ok().filter(|&value| value < 1 << 28);
        let bytes = picture.most_bytes() as u64;
        let segments = picture.intervals();
        let lanes = number(((8 * bytes) >> lane_shift) + u64::from(segments))?;
        let slots = number(picture.blocks() * u64::from(slot_count(picture)))?;
        let blocks: u64 = planes_of(picture).map(|plane| u64::from(plane.blocks())).sum();
        let guards = u32::from(picture.is_guarded());
        let looks = guards * looks_wanted(picture.blocks() as usize) as u32;
        Some(Sizes {
            pictures: 1,
            segments,
            lanes,
            groups: lanes.div_ceil(THREADS),
            planes: 4,
            plane_groups: number(blocks.div_ceil(u64::from(THREADS)) + 4)?,
            // Of each component for each plane that it is in.
            steps: 64 * planes_of(picture).map(|plane| plane.parts.len() as u32).sum::<u32>(),
            tables: 0,
            stream: number(bytes.div_ceil(4) + u64::from(PADDING))?.next_multiple_of(2),
            slots,
            guards,
            looks,
            look_groups: looks.div_ceil(THREADS),
            cells: guards * MOST_CELLS,
        })
    }

    fn plus(&self, other: &Sizes) -> Sizes {
        Sizes {
            pictures: self.pictures + other.pictures,
            segments: self.segments + other.segments,
            lanes: self.lanes + other.lanes,
            groups: self.groups + other.groups,
            planes: self.planes + other.planes,
            plane_groups: self.plane_groups + other.plane_groups,
            steps: self.steps + other.steps,
            tables: self.tables + other.tables,
            stream: self.stream + other.stream,
            slots: self.slots + other.slots,
            guards: self.guards + other.guards,
            looks: self.looks + other.looks,
            look_groups: self.look_groups + other.look_groups,
            cells: self.cells + other.cells,
        }
    }
}

/// A batch's room, of every array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Capacity(pub(super) Sizes);

impl Capacity {
    /// Room for about `bytes` of files as cameras and web sites have them, at lanes of 4,096 bits.
    pub(super) fn of(bytes: u32) -> Capacity {
        // Stages of one workgroup a picture have them all across.
        let pictures = (bytes >> 14).clamp(16, 4096);
        let lanes = (bytes >> 8) + 4096;
        Capacity(Sizes {
            pictures,
            segments: lanes,
            lanes,
            groups: lanes / THREADS + pictures + 16,
            planes: 4 * pictures,
            plane_groups: (bytes >> 8) + (bytes >> 9) + 8 * pictures + 16,
            steps: 320 * pictures,
            tables: (2 * pair_words(WINDOW) as u32) * pictures.min(256),
            stream: bytes / 4,
            slots: bytes + bytes / 4,
            guards: pictures,
            looks: (bytes >> 11) + 16 * pictures,
            look_groups: (bytes >> 17) + pictures,
            cells: MOST_CELLS * pictures,
        })
    }

    fn holds(&self, sizes: &Sizes) -> bool {
        self.0.all().iter().zip(sizes.all()).all(|(&room, size)| size <= room)
    }
}

/// What a picture was given of a batch before its data is known.
#[derive(Debug)]
pub(in crate::backend::gpu) struct Reserved {
    pub(super) lane_shift: u32,
    /// Where its data begins among the words of the stream, and how many there are with padding.
    pub(super) stream: u32,
    pub(super) sizes: Sizes,
    slots: u32,
    tables: u32,
}

/// A picture's number, and those of what guards it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Numbers {
    pub(super) picture: u32,
    pub(super) guard: Option<GuardNumbers>,
}

/// The numbers of a guard and its looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GuardNumbers {
    pub(super) guard: u32,
    pub(super) looks: Range<u32>,
}

/// Where one plane's samples go.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlanePlace {
    /// First word, words from one row to the next, and rows.
    pub(super) at: u32,
    pub(super) pitch: u32,
    pub(super) rows: u32,
}

/// A batch being put together.
#[derive(Debug)]
pub(in crate::backend::gpu) struct Batch {
    capacity: Capacity,
    /// Another one for each batch, never 0: what is left of one in a device's memory is not taken for the next one's.
    pub(super) number: u32,
    /// Bits of the look-up tables' windows.
    window: u32,
    reserved: Sizes,
    pub(super) pictures: Vec<Picture>,
    pub(super) segments: Vec<Segment>,
    pub(super) segment_of: Vec<u32>,
    pub(super) groups: Vec<Group>,
    pub(super) planes: Vec<Plane>,
    /// Groups of blocks by detail.
    pub(super) plane_groups: [Vec<Group>; DETAILS.len()],
    pub(super) steps: Vec<u32>,
    pub(super) tables: Vec<u32>,
    pub(super) guards: Vec<Guard>,
    pub(super) looks: Vec<Look>,
    /// Groups of looks, by their pictures and by their guards.
    pub(super) look_groups: Vec<Group>,
    pub(super) spot_groups: Vec<Group>,
    pub(super) cells: Vec<u32>,
    /// Sets of codes whose tables are in this batch, and where.
    placed: HashMap<Vec<u8>, u32>,
}

impl Batch {
    pub(super) fn new(capacity: Capacity, window: u32) -> Batch {
        Batch {
            capacity,
            number: next_number(),
            window,
            reserved: Sizes::default(),
            pictures: Vec::new(),
            segments: Vec::new(),
            segment_of: Vec::new(),
            groups: Vec::new(),
            planes: Vec::new(),
            plane_groups: Default::default(),
            steps: Vec::new(),
            tables: Vec::new(),
            guards: Vec::new(),
            looks: Vec::new(),
            look_groups: Vec::new(),
            spot_groups: Vec::new(),
            cells: Vec::new(),
            placed: HashMap::new(),
        }
    }

    /// What is in use of every array.
    pub(super) fn used(&self) -> Sizes {
        let longest = self.plane_groups.iter().map(Vec::len).sum::<usize>();
        Sizes {
            pictures: self.pictures.len() as u32,
            segments: self.segments.len() as u32,
            lanes: self.segment_of.len() as u32,
            groups: self.groups.len() as u32,
            planes: self.planes.len() as u32,
            plane_groups: longest as u32,
            steps: self.steps.len() as u32,
            tables: self.tables.len() as u32,
            stream: self.reserved.stream,
            slots: self.reserved.slots,
            guards: self.guards.len() as u32,
            looks: self.looks.len() as u32,
            look_groups: self.look_groups.len() as u32,
            cells: self.cells.len() as u32,
        }
    }

    /// Makes room for a picture whose lanes have `1 << lane_shift` bits; `None` where the batch is too full for it, or it can be in none.
    pub(super) fn reserve(&mut self, picture: &Compressed<'_>, lane_shift: u32) -> Option<Reserved> {
        self.reserve_with(picture, &mut Codes::of(picture, self.window), lane_shift)
    }

    /// Whether tables of these codes are in it.
    pub(in crate::backend::gpu) fn has(&self, codes: &Codes) -> bool {
        self.placed.contains_key(&codes.key)
    }

    /// [`reserve`](Batch::reserve) with the picture's codes, whose tables are made if they were not yet and are needed.
    pub(super) fn reserve_with(
        &mut self,
        picture: &Compressed<'_>,
        codes: &mut Codes,
        lane_shift: u32,
    ) -> Option<Reserved> {
        let mut sizes = Sizes::of(picture, lane_shift).filter(|_| LANE_SHIFTS.contains(&lane_shift))?;
        let placed = self.placed.get(&codes.key).copied();
        if placed.is_none() {
            sizes.tables = (picture.pairs.len() * pair_words(self.window)) as u32;
        }
        let reserved = self.reserved.plus(&sizes);
        if !self.capacity.holds(&reserved) || picture.intervals() > MOST_LANES {
            return None;
        }
        let tables = match placed {
            Some(at) => at,
            None => {
                let at = self.tables.len() as u32;
                self.tables.extend_from_slice(codes.make(picture)?);
                self.placed.insert(codes.key.clone(), at);
                at
            }
        };
        let (stream, slots) = (self.reserved.stream, self.reserved.slots);
        self.reserved = reserved;
        Some(Reserved { lane_shift, stream, sizes, slots, tables })
    }

    /// Adds a picture whose data lies where it was reserved, and whose samples go to `places`, one for each of [`planes_of`]. Its number, and its guard's where
    /// there are `guards`; `None` where it has too many lanes.
    pub(super) fn place(
        &mut self,
        picture: &Compressed<'_>,
        reserved: &Reserved,
        (unstuffed, guards): (&Unstuffed, Option<&Guards>),
        places: &[PlanePlace],
    ) -> Option<Numbers> {
        let intervals = &unstuffed.intervals[..];
        let lanes_of = |interval: &Range<u32>| {
            (8 * u64::from(interval.end - interval.start)).div_ceil(1 << reserved.lane_shift).max(1) as u32
        };
        let lanes = intervals.iter().map(|interval| u64::from(lanes_of(interval))).sum::<u64>();
        if lanes > MOST_LANES.into() {
            return None;
        }
        let (lanes, first_lane, number) =
            (lanes as u32, self.segment_of.len() as u32, self.pictures.len() as u32);
        let first_segment = self.segments.len() as u32;
        for (index, interval) in intervals.iter().enumerate() {
            let mcus_before = index as u32 * picture.restart;
            let segment = Segment {
                start: 32 * reserved.stream + 8 * interval.start,
                end: 32 * reserved.stream + 8 * interval.end,
                first_lane: self.segment_of.len() as u32,
                lanes: lanes_of(interval),
                blocks: picture.restart.min(picture.mcus - mcus_before) * picture.per_mcu(),
                first_block: mcus_before * picture.per_mcu(),
                followed: (index + 1 < intervals.len()).into(),
                unused: 0,
            };
            let which = std::iter::repeat_n(self.segments.len() as u32, segment.lanes as usize);
            self.segment_of.extend(which);
            self.segments.push(segment);
        }
        self.groups.extend(groups(number, first_lane, lanes));
        let picture_of = Picture { batch: self.number, ..describe(picture, reserved, first_lane, lanes) };
        self.pictures.push(picture_of);
        for (plane, place) in planes_of(picture).zip(places) {
            self.add_plane(picture, number, &picture_of, &plane, *place);
        }
        let guard = guards.map(|guards| {
            self.add_looks(number, 32 * reserved.stream, first_segment, (intervals, guards));
            self.add_guard(picture, number, guards, places)
        });
        Some(Numbers { picture: number, guard })
    }

    /// Adds a guarded picture's looks, whose bits count from bit `start` of the stream.
    fn add_looks(
        &mut self,
        number: u32,
        start: u32,
        first_segment: u32,
        (intervals, guards): (&[Range<u32>], &Guards),
    ) {
        let (first, count) = (self.looks.len() as u32, guards.looks.len() as u32);
        for look in &guards.looks {
            // As the reader does: the last interval that begins there or before.
            let byte = (look.bit / 8) as u32;
            let before = intervals.partition_point(|interval| interval.start <= byte).max(1) as u32;
            self.looks.push(Look {
                segment: first_segment + before - 1,
                bit: start + look.bit as u32,
                passed: look.passed,
                wants_chroma: look.wants_chroma.into(),
            });
        }
        self.look_groups.extend(groups(number, first, count));
        self.spot_groups.extend(groups(self.guards.len() as u32, first, count));
    }

    fn add_guard(
        &mut self,
        picture: &Compressed<'_>,
        number: u32,
        guards: &Guards,
        places: &[PlanePlace],
    ) -> GuardNumbers {
        let mut guard = Guard {
            picture: number,
            count: picture.parts.len() as u32,
            mcus: picture.mcus_wide,
            cells: self.cells.len() as u32,
            ..Guard::default()
        };
        if let Some(chosen) = &guards.cells {
            (guard.columns, guard.rows) = (chosen.columns.len() as u32, chosen.rows.len() as u32);
            let cells = chosen.columns.iter().chain(&chosen.rows);
            self.cells.extend(cells.map(|&(chroma, luma)| luma << 16 | chroma));
        }
        let mut before = 0;
        for (index, part) in picture.parts.iter().enumerate() {
            // Cb and Cr stand behind luma and what both make.
            let place = &places[if index == 0 { 0 } else { index + 1 }];
            guard.grids[index] = Grid {
                at: place.at,
                pitch: place.pitch,
                columns: picture.width.div_ceil(part.cell.0),
                rows: place.rows,
                cell_width: part.cell.0,
                cell_height: part.cell.1,
            };
            guard.sides[index] = Side {
                place: before,
                across: part.across,
                down: part.down,
                wide: part.wide,
                high: part.high,
                times_across: part.times.0,
                times_down: part.times.1,
            };
            before += part.across * part.down;
        }
        let looks = self.looks.len() as u32 - guards.looks.len() as u32..self.looks.len() as u32;
        self.guards.push(guard);
        GuardNumbers { guard: self.guards.len() as u32 - 1, looks }
    }

    /// Forgets everything.
    pub(in crate::backend::gpu) fn clear(&mut self) {
        *self = Batch::new(self.capacity, self.window);
    }

    /// Whether no picture is in it.
    pub(in crate::backend::gpu) fn is_empty(&self) -> bool {
        self.pictures.is_empty()
    }

    /// Bytes of data that are sent to the device.
    pub(in crate::backend::gpu) fn bytes(&self) -> u64 {
        4 * u64::from(self.reserved.stream)
    }

    /// Makes the lists of groups as long as there are workgroups; nothing is added afterwards.
    pub(super) fn close(&mut self) {
        debug_assert!(Capacity(self.reserved).holds(&self.used()), "more is used than was reserved");
        pad(&mut self.groups);
        pad(&mut self.look_groups);
        pad(&mut self.spot_groups);
        self.plane_groups.iter_mut().for_each(pad);
    }

    fn add_plane(
        &mut self,
        picture: &Compressed<'_>,
        number: u32,
        of: &Picture,
        plane: &PlaneParts,
        place: PlanePlace,
    ) {
        let mut parts = [Part::default(); 2];
        for (to, part) in parts.iter_mut().zip(plane.parts.clone()) {
            let before = &picture.parts[..part];
            let jpeg::Part { across, down, quantiser, .. } = &picture.parts[part];
            *to = Part {
                place: before.iter().map(|part| part.across * part.down).sum(),
                across: *across,
                down: *down,
                steps: self.steps.len() as u32,
            };
            self.steps.extend(quantiser.iter().map(|&step| u32::from(step)));
        }
        let first = &picture.parts[plane.parts.start];
        let from_black = plane.parts.start == 0;
        let groups = groups(self.planes.len() as u32, 0, plane.items());
        let detail = DETAILS.iter().position(|&(kept, _)| kept == first.kept + 1).unwrap_or(0);
        self.plane_groups[detail].extend(groups);
        self.planes.push(Plane {
            picture: number,
            first_lane: of.first_lane,
            slots: of.slots,
            slot_count: of.slot_count,
            per_mcu: of.per_mcu,
            mcus: picture.mcus_wide,
            stride: plane.stride,
            wide: first.wide,
            high: first.high,
            samples: place.at,
            pitch: place.pitch,
            rows: place.rows,
            // Luma's 0 is the middle of its range.
            zero: u32::from(COARSE_ZERO) + if from_black { 128 * u32::from(COARSE_UNIT) } else { 0 },
            component: plane.parts.start as u32,
            count: plane.parts.len() as u32,
            unused: 0,
            parts,
        });
    }
}

/// Cuts `count` jobs from `first` on into groups.
fn groups(owner: u32, first: u32, count: u32) -> impl Iterator<Item = Group> {
    (0..count).step_by(THREADS as usize).map(move |done| Group {
        owner,
        first: first + done,
        count: THREADS.min(count - done),
        unused: 0,
    })
}

/// Workgroups across and down for so many groups, and how many these are together.
pub(super) fn dispatch(groups: usize) -> (u32, u32) {
    let groups = groups as u32;
    let down = groups.div_ceil(MOST_WORKGROUPS).max(1);
    (groups.div_ceil(down), down)
}

/// Groups that [`pad`] adds at most, to lists of up to four million.
pub(super) const MOST_PADDING: u32 = 64;

/// Adds groups of nothing, so that there are as many as workgroups.
fn pad(groups: &mut Vec<Group>) {
    let (across, down) = dispatch(groups.len());
    groups.resize((across * down) as usize, Group::default());
}

fn slot_count(picture: &Compressed<'_>) -> u32 {
    picture.parts.iter().map(|part| part.kept + 1).max().unwrap_or(1)
}

/// A picture's codes: what their tables are known by, and the tables once they are made, which takes long.
pub(in crate::backend::gpu) struct Codes {
    key: Vec<u8>,
    window: u32,
    tables: Option<Vec<u32>>,
}

impl Codes {
    pub(super) fn of(picture: &Compressed<'_>, window: u32) -> Codes {
        // BITS says how many symbols follow, so no two sets have the same bytes.
        let key = picture.pairs.iter().flat_map(|pair| pair.keys().concat()).collect();
        Codes { key, window, tables: None }
    }

    /// The tables of all pairs; `None` where the codes are none.
    pub(in crate::backend::gpu) fn make(&mut self, picture: &Compressed<'_>) -> Option<&[u32]> {
        if self.tables.is_none() {
            let mut all = Vec::with_capacity(picture.pairs.len() * pair_words(self.window));
            for pair in &picture.pairs {
                all.extend(tables::pair(pair.keys(), self.window)?);
            }
            self.tables = Some(all);
        }
        self.tables.as_deref()
    }
}

fn describe(picture: &Compressed<'_>, reserved: &Reserved, first_lane: u32, lanes: u32) -> Picture {
    let (mut pairs, mut components, mut kept, mut codes) = (0, 0, 0, Vec::new());
    for (component, part) in picture.parts.iter().enumerate() {
        for _ in 0..part.across * part.down {
            pairs |= part.pair << (2 * codes.len());
            components |= (component as u32) << (2 * codes.len());
            codes.push(part.pair);
        }
        kept |= part.kept << (8 * component);
    }
    let repeats = |&period: &usize| {
        codes.len().is_multiple_of(period) && (period..codes.len()).all(|at| codes[at] == codes[at - period])
    };
    Picture {
        tables: reserved.tables,
        pair_count: picture.pairs.len() as u32,
        pairs,
        components,
        per_mcu: codes.len() as u32,
        period: (1..=codes.len()).find(repeats).unwrap_or(codes.len()) as u32,
        first_lane,
        lanes,
        lane_shift: reserved.lane_shift,
        slots: reserved.slots,
        slot_count: slot_count(picture),
        kept,
        batch: 0,
    }
}

/// One plane of a picture.
#[derive(Debug, Clone)]
pub(super) struct PlaneParts {
    /// Its components.
    parts: Range<usize>,
    /// Blocks across and down that are stored.
    stride: u32,
    stored_rows: u32,
    is_means: bool,
    /// Samples across and down.
    pub(super) columns: u32,
    pub(super) rows: u32,
}

impl PlaneParts {
    fn blocks(&self) -> u32 {
        self.stride * self.stored_rows
    }

    /// What invocations do one each of.
    fn items(&self) -> u32 {
        if self.is_means { self.stride.div_ceil(2) * self.stored_rows } else { self.blocks() }
    }
}

/// A picture's planes: luma, and what Cb and Cr make where it is not grey; of a guarded one Cb and Cr too.
pub(super) fn planes_of(picture: &Compressed<'_>) -> impl Iterator<Item = PlaneParts> {
    let has_colour = picture.parts.len() > 1;
    let apart = if picture.is_guarded() && has_colour { &[1..2, 2..3][..] } else { &[] };
    let colour = has_colour.then_some(1..3);
    std::iter::once(0..1).chain(colour).chain(apart.iter().cloned()).map(|parts| {
        let part = &picture.parts[parts.start];
        PlaneParts {
            parts,
            stride: picture.mcus_wide * part.across,
            stored_rows: picture.mcus / picture.mcus_wide * part.down,
            is_means: part.cells == 1,
            columns: picture.width.div_ceil(part.cell.0),
            rows: picture.height.div_ceil(part.cell.1),
        }
    })
}

/// Bits of a picture's lanes as a power of two, by its bytes: long lanes waste less on finding the way, and short ones give a small picture enough
/// of them.
pub(super) fn lane_shift(bytes: usize) -> u32 {
    match bytes {
        0..0x4000 => 10,
        0x4000..0x8000 => 11,
        0x8000..0x10_0000 => 12,
        _ => 13,
    }
}

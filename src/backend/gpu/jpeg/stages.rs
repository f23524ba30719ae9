//! The stages that decode, and their buffers.

use std::time::Duration;

use wgpu::{BindingResource, Buffer, BufferUsages, CommandEncoder, ComputePassDescriptor, ComputePipeline};

use super::batch::{Batch, Capacity, DETAILS, MOST_PADDING, PADDING, Reserved, Sizes, dispatch};
use super::descriptors::{
    BOUNDARIES, FOUND, Group, Guard, Lane, Look, NONE, Picture, Plane, SEEN, SUMS, Segment, WINDOW, Work,
};
use crate::backend::gpu::device::Device;
use crate::backend::gpu::mapped::Writer;
use crate::backend::gpu::slot::{lost, section};
use crate::backend::gpu::timer::Timer;
use crate::decode::jpeg::{Compressed, SPOTS, Seen, Sums, Unstuffed, matrix};
use crate::error::Result;
use fearless_simd::Level;
use std::ops::Range;

/// A stage's text after what it includes.
macro_rules! text {
    ($($file:literal),+) => {
        concat!($(include_str!(concat!("../../../../shaders/jpeg/", $file, ".wgsl"))),+)
    };
}

pub(super) const FIRST: &str = text!("batch", "bits", "passing", "first");
pub(super) const FOLLOW: &str = text!("batch", "bits", "passing", "follow");
pub(super) const RESOLVE: &str = text!("batch", "resolve");
pub(super) const WRITE: &str = text!("batch", "bits", "write");
pub(super) const OFFSETS: &str = text!("batch", "offsets");
pub(super) const GAMUT: &str = text!("batch", "guards", "gamut");
pub(super) const LOOKS: &str = text!("batch", "bits", "guards", "looks");
pub(super) const SPOTS_TEXT: &str = text!("batch", "guards", "spots");
const PLANES: &str = text!("batch", "planes");

/// The text of `planes` for one of [`DETAILS`].
pub(super) fn planes_text(detail: usize) -> String {
    let (kept, cells) = DETAILS[detail];
    let basis: u32 = DETAILS[..detail].iter().map(|(kept, cells)| kept * cells * cells).sum();
    format!(
        "const KEPT: u32 = {kept}u;\nconst CELLS: u32 = {cells}u;\nconst BASIS: u32 = {basis}u;\n{PLANES}"
    )
}

/// Every detail's matrix, one after the other.
pub(super) fn basis() -> Vec<i32> {
    DETAILS.iter().flat_map(|&(kept, cells)| matrix(kept - 1, cells)).collect()
}

/// A stage's text for windows of `window` bits.
pub(super) fn for_window(text: &str, window: u32) -> String {
    text.replace("const WINDOW: u32 = 9u;", &format!("const WINDOW: u32 = {window}u;"))
}

/// The pipelines of one device.
#[derive(Debug)]
pub(in crate::backend::gpu) struct Stages {
    pub(super) window: u32,
    first: ComputePipeline,
    follow: ComputePipeline,
    resolve: ComputePipeline,
    write: ComputePipeline,
    offsets: ComputePipeline,
    planes: [ComputePipeline; DETAILS.len()],
    gamut: ComputePipeline,
    looks: ComputePipeline,
    spots: ComputePipeline,
    basis: Buffer,
}

impl Stages {
    /// Builds all stages, with look-up tables for windows of [`WINDOW`] bits.
    ///
    /// # Errors
    ///
    /// [`Error::Device`](crate::Error::Device) where the driver refuses.
    pub(in crate::backend::gpu) fn new(device: &Device) -> Result<Stages> {
        Stages::of_window(device, WINDOW)
    }

    /// The same for windows of `window` bits.
    pub(super) fn of_window(device: &Device, window: u32) -> Result<Stages> {
        let stage = |name: &str, text: &str| device.pipeline(name, &for_window(text, window));
        let basis = basis();
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_DST;
        let stages = Stages {
            window,
            first: stage("first", FIRST),
            follow: stage("follow", FOLLOW),
            resolve: stage("resolve", RESOLVE),
            write: stage("write", WRITE),
            offsets: stage("offsets", OFFSETS),
            planes: std::array::from_fn(|detail| stage("planes", &planes_text(detail))),
            gamut: stage("gamut", GAMUT),
            looks: stage("looks", LOOKS),
            spots: stage("spots", SPOTS_TEXT),
            basis: device.buffer("basis", size_of_val(&basis[..]) as u64, usage),
        };
        device.queue.write_buffer(&stages.basis, 0, bytemuck::cast_slice(&basis));
        device.check()?;
        Ok(stages)
    }

    /// Encodes every stage of a batch in `buffers`, whose samples go to `samples`. A `timer` has an interval for each of [`passes`].
    pub(super) fn encode(
        &self,
        device: &Device,
        encoder: &mut CommandEncoder,
        buffers: &Buffers,
        batch: &Batch,
        samples: BindingResource<'_>,
        timer: Option<&Timer>,
    ) {
        let of = &buffers.sections;
        let input = |range: &Range<u64>| section(&buffers.input, range);
        let [pictures, segments, segment_of, groups, planes, steps, tables, stream] = [
            &of.pictures,
            &of.segments,
            &of.segment_of,
            &of.groups,
            &of.planes,
            &of.steps,
            &of.tables,
            &of.stream,
        ]
        .map(input);
        let whole = Buffer::as_entire_binding;
        let (lanes, notes) = (whole(&buffers.lanes), whole(&buffers.notes));
        let (before, work) = (whole(&buffers.before), whole(&buffers.work));
        let (slots, totals) = (whole(&buffers.slots), whole(&buffers.totals));
        let (offsets, found) = (whole(&buffers.offsets), whole(&buffers.found));
        let mut passes = 0;
        let mut run = |stage: &str,
                       pipeline: &ComputePipeline,
                       resources: &[&BindingResource<'_>],
                       groups: (u32, u32)| {
            #[cfg(test)]
            let groups = device.groups(stage, groups);
            let resources: Vec<BindingResource<'_>> =
                resources.iter().map(|&resource| resource.clone()).collect();
            let group = device.group(stage, &pipeline.get_bind_group_layout(0), &resources);
            let timestamp_writes = timer.map(|timer| timer.around_pass(passes));
            passes += 1;
            let mut pass =
                encoder.begin_compute_pass(&ComputePassDescriptor { label: Some(stage), timestamp_writes });
            pass.set_pipeline(pipeline);
            pass.set_bind_group(0, &group, &[]);
            pass.dispatch_workgroups(groups.0, groups.1, 1);
        };
        let (each, all) = (dispatch(batch.pictures.len()), dispatch(batch.groups.len()));
        let passing = [&pictures, &segments, &segment_of, &groups, &stream, &tables, &notes, &lanes];
        run("first", &self.first, &passing, all);
        run("follow", &self.follow, &passing, all);
        run("resolve", &self.resolve, &[&pictures, &segments, &segment_of, &lanes, &before, &work], each);
        run("write", &self.write, &[&pictures, &groups, &stream, &tables, &work, &slots, &totals], all);
        run("offsets", &self.offsets, &[&pictures, &segments, &segment_of, &totals, &offsets, &found], each);
        let basis = whole(&self.basis);
        for ((pipeline, groups), range) in
            self.planes.iter().zip(&batch.plane_groups).zip(buffers.plane_groups(batch))
        {
            if !groups.is_empty() {
                let list = input(&range);
                let resources = [&planes, &list, &slots, &offsets, &steps, &basis, &samples, &found];
                run("planes", pipeline, &resources, dispatch(groups.len()));
            }
        }
        if !batch.guards.is_empty() {
            let [guards, looks, look_groups, spot_groups, cells] =
                [&of.guards, &of.looks, &of.look_groups, &of.spot_groups, &of.cells].map(input);
            let (gamuts, seen) = (whole(&buffers.gamuts), whole(&buffers.seen));
            run("gamut", &self.gamut, &[&guards, &cells, &samples, &gamuts], dispatch(batch.guards.len()));
            let groups = dispatch(batch.look_groups.len());
            let finding = [&pictures, &segments, &look_groups, &stream, &tables, &work, &looks, &seen];
            run("looks", &self.looks, &finding, groups);
            run(
                "spots",
                &self.spots,
                &[&pictures, &guards, &spot_groups, &slots, &offsets, &samples, &seen],
                groups,
            );
        }
    }
}

/// The stages of a batch in their order; `planes` is once there for each detail.
pub(super) fn passes(batch: &Batch) -> Vec<&'static str> {
    let details = batch.plane_groups.iter().filter(|groups| !groups.is_empty()).count();
    let guards: &[&str] = if batch.guards.is_empty() { &[] } else { &["gamut", "looks", "spots"] };
    let decoding = ["first", "follow", "resolve", "write", "offsets"].into_iter();
    decoding.chain(std::iter::repeat_n("planes", details)).chain(guards.iter().copied()).collect()
}

/// Sections begin at multiples of this many bytes, what any device asks of a binding at most.
const SECTION: u64 = 256;

/// Where a batch's arrays are in the bytes that are sent.
#[derive(Debug, Clone)]
pub(super) struct Sections {
    pictures: Range<u64>,
    segments: Range<u64>,
    segment_of: Range<u64>,
    groups: Range<u64>,
    planes: Range<u64>,
    plane_groups: Range<u64>,
    steps: Range<u64>,
    tables: Range<u64>,
    guards: Range<u64>,
    looks: Range<u64>,
    look_groups: Range<u64>,
    spot_groups: Range<u64>,
    cells: Range<u64>,
    pub(super) stream: Range<u64>,
}

impl Sections {
    fn of(Capacity(room): Capacity) -> Sections {
        let mut end = 0;
        let mut section = |count: u32, size: usize| {
            let start = end;
            let bytes = u64::from(count) * size as u64;
            end = (start + bytes).next_multiple_of(SECTION);
            start..start + bytes
        };
        // Each detail's groups begin at a section.
        let extra = MOST_PADDING + (SECTION as usize / size_of::<Group>()) as u32;
        let most_groups = room.plane_groups + DETAILS.len() as u32 * extra;
        Sections {
            pictures: section(room.pictures, size_of::<Picture>()),
            segments: section(room.segments, size_of::<Segment>()),
            segment_of: section(room.lanes, 4),
            groups: section(room.groups + MOST_PADDING, size_of::<Group>()),
            planes: section(room.planes, size_of::<Plane>()),
            plane_groups: section(most_groups, size_of::<Group>()),
            steps: section(room.steps, 4),
            tables: section(room.tables, 4),
            guards: section(room.guards, size_of::<Guard>()),
            looks: section(room.looks, size_of::<Look>()),
            look_groups: section(room.look_groups + MOST_PADDING, size_of::<Group>()),
            spot_groups: section(room.look_groups + MOST_PADDING, size_of::<Group>()),
            cells: section(room.cells, 4),
            stream: section(room.stream, 4),
        }
    }
}

/// The two buffers that the CPU writes, mapped, and reads.
fn at_the_host(device: &Device, sections: &Sections, room: &Sizes) -> (Buffer, Buffer) {
    let staging = device.device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("jpeg staging"),
        size: sections.stream.end,
        usage: BufferUsages::MAP_WRITE | BufferUsages::COPY_SRC,
        mapped_at_creation: true,
    });
    let usage = BufferUsages::MAP_READ | BufferUsages::COPY_DST;
    (staging, device.buffer("found readback", returned(room).iter().sum(), usage))
}

/// The buffers of one batch.
#[derive(Debug)]
pub(super) struct Buffers {
    pub(super) sections: Sections,
    room: Sizes,
    /// Written by the CPU while a batch is put together, and the same on the device.
    pub(super) staging: Buffer,
    pub(super) input: Buffer,
    pub(super) notes: Buffer,
    pub(super) lanes: Buffer,
    pub(super) before: Buffer,
    pub(super) work: Buffer,
    pub(super) slots: Buffer,
    pub(super) totals: Buffer,
    pub(super) offsets: Buffer,
    /// [`FOUND`] words a picture.
    pub(super) found: Buffer,
    gamuts: Buffer,
    seen: Buffer,
    /// The last three, one after the other as they are used.
    pub(super) readback: Buffer,
}

/// Bytes of what comes back of a batch: what was found, sums over colours, and blocks that were looked at.
fn returned(used: &Sizes) -> [u64; 3] {
    [(used.pictures, 4 * FOUND), (used.guards, 8 * SUMS), (used.looks, 4 * SEEN)]
        .map(|(count, size)| u64::from(count) * u64::from(size))
}

impl Buffers {
    /// Makes them; the staging buffer is mapped.
    pub(super) fn new(device: &Device, capacity: Capacity) -> Buffers {
        let Capacity(room) = capacity;
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST;
        let buffer = |label: &str, count: u32, size: usize| {
            device.buffer(label, u64::from(count) * size as u64, usage)
        };
        let sections = Sections::of(capacity);
        let (staging, readback) = at_the_host(device, &sections, &room);
        Buffers {
            staging,
            readback,
            input: device.buffer("jpeg input", sections.stream.end, usage),
            notes: buffer("notes", BOUNDARIES * room.lanes, 8),
            lanes: buffer("lanes", room.lanes, size_of::<Lane>()),
            before: buffer("before", room.lanes, 4),
            work: buffer("work", room.lanes, size_of::<Work>()),
            slots: buffer("slots", room.slots, 4),
            totals: buffer("totals", room.lanes, 16),
            offsets: buffer("offsets", room.lanes, 16),
            found: buffer("found", FOUND * room.pictures, 4),
            gamuts: buffer("gamuts", SUMS * room.guards, 8),
            seen: buffer("seen", SEEN * room.looks, 4),
            room,
            sections,
        }
    }

    /// Those of another batch. The device works on one after the other, so that what is not read or written by the CPU is the same.
    pub(super) fn sharing(&self, device: &Device) -> Buffers {
        let (staging, readback) = at_the_host(device, &self.sections, &self.room);
        Buffers {
            staging,
            readback,
            sections: self.sections.clone(),
            room: self.room,
            input: self.input.clone(),
            notes: self.notes.clone(),
            lanes: self.lanes.clone(),
            before: self.before.clone(),
            work: self.work.clone(),
            slots: self.slots.clone(),
            totals: self.totals.clone(),
            offsets: self.offsets.clone(),
            found: self.found.clone(),
            gamuts: self.gamuts.clone(),
            seen: self.seen.clone(),
        }
    }

    /// Unstuffs a picture's data straight into the mapped staging buffer, where it was reserved. `None` where the picture does not qualify after all.
    ///
    /// # Errors
    ///
    /// [`Error::Device`](crate::Error::Device) where the buffer is lost.
    pub(super) fn fill(
        &self,
        device: &Device,
        level: Level,
        picture: &Compressed<'_>,
        reserved: &Reserved,
    ) -> Result<Option<Unstuffed>> {
        let start = self.sections.stream.start + 4 * u64::from(reserved.stream);
        let bytes = 4 * u64::from(reserved.sizes.stream);
        let mut staging = Writer::new(device, &self.staging, start..start + bytes);
        let unstuffed = picture.unstuff(level, |piece| staging.put(piece));
        // Zeros behind the last segment: what is read ahead is the same on every run.
        staging.put(&[0; 4 * PADDING as usize]);
        staging.end()?;
        Ok(unstuffed)
    }

    /// Where each detail's groups are.
    fn plane_groups(&self, batch: &Batch) -> [Range<u64>; DETAILS.len()] {
        let mut start = self.sections.plane_groups.start;
        batch.plane_groups.each_ref().map(|groups| {
            let range = start..start + size_of_val(&groups[..]) as u64;
            start = range.end.next_multiple_of(SECTION);
            range
        })
    }

    /// Writes the arrays that say what is in the batch, gives the staging buffer away, and encodes its copy to the device. Slots are cleared.
    ///
    /// # Errors
    ///
    /// [`Error::Device`](crate::Error::Device) where the buffer is lost.
    pub(super) fn send(&self, encoder: &mut CommandEncoder, batch: &Batch) -> Result<()> {
        let of = &self.sections;
        let arrays: [(&Range<u64>, &[u8]); 12] = [
            (&of.pictures, bytemuck::cast_slice(&batch.pictures)),
            (&of.segments, bytemuck::cast_slice(&batch.segments)),
            (&of.segment_of, bytemuck::cast_slice(&batch.segment_of)),
            (&of.groups, bytemuck::cast_slice(&batch.groups)),
            (&of.planes, bytemuck::cast_slice(&batch.planes)),
            (&of.steps, bytemuck::cast_slice(&batch.steps)),
            (&of.tables, bytemuck::cast_slice(&batch.tables)),
            (&of.guards, bytemuck::cast_slice(&batch.guards)),
            (&of.looks, bytemuck::cast_slice(&batch.looks)),
            (&of.look_groups, bytemuck::cast_slice(&batch.look_groups)),
            (&of.spot_groups, bytemuck::cast_slice(&batch.spot_groups)),
            (&of.cells, bytemuck::cast_slice(&batch.cells)),
        ];
        let lists = self.plane_groups(batch);
        let groups = lists
            .iter()
            .zip(&batch.plane_groups)
            .map(|(range, groups)| (range, bytemuck::cast_slice(groups)));
        let used = batch.used();
        let stream = of.stream.start..of.stream.start + 4 * u64::from(used.stream);
        let mut copies = vec![stream];
        for (range, bytes) in arrays.into_iter().chain(groups).filter(|(_, bytes)| !bytes.is_empty()) {
            let range = range.start..range.start + bytes.len() as u64;
            self.staging.get_mapped_range_mut(range.clone()).map_err(lost)?.copy_from_slice(bytes);
            copies.push(range);
        }
        self.staging.unmap();
        for range in copies {
            let bytes = range.end - range.start;
            encoder.copy_buffer_to_buffer(&self.staging, range.start, &self.input, range.start, bytes);
        }
        self.clear(encoder, batch);
        Ok(())
    }

    /// Clears the slots, for a batch that is there already.
    pub(super) fn clear(&self, encoder: &mut CommandEncoder, batch: &Batch) {
        encoder.clear_buffer(&self.slots, 0, Some(4 * u64::from(batch.used().slots)));
    }

    /// Encodes the copy of what was found to where it can be read.
    pub(super) fn receive(&self, encoder: &mut CommandEncoder, batch: &Batch) {
        let mut at = 0;
        for (from, bytes) in [&self.found, &self.gamuts, &self.seen].into_iter().zip(returned(&batch.used()))
        {
            if bytes > 0 {
                encoder.copy_buffer_to_buffer(from, 0, &self.readback, at, bytes);
            }
            at += bytes;
        }
    }

    /// Bytes of what comes back.
    pub(super) fn returned(batch: &Batch) -> u64 {
        returned(&batch.used()).iter().sum()
    }

    /// What was found, where it is mapped.
    ///
    /// # Errors
    ///
    /// [`Error::Device`](crate::Error::Device) where the buffer is lost.
    pub(super) fn mapped(&self, device: &Device, batch: &Batch) -> Result<Results> {
        let view = self.readback.get_mapped_range(0..Buffers::returned(batch)).map_err(lost)?;
        let results = Results::of(bytemuck::cast_slice(&view), batch);
        drop(view);
        self.readback.unmap();
        results.ok_or_else(|| device.broken("offsets", "another batch's pictures"))
    }

    /// What was found, once the batch is back.
    pub(super) fn found(&self, device: &Device, batch: &Batch, patience: Duration) -> Result<Results> {
        let bytes = Buffers::returned(batch);
        let results = device.read(&self.readback, bytes, patience, |words| Results::of(words, batch))?;
        results.ok_or_else(|| device.broken("offsets", "another batch's pictures"))
    }
}

/// What came back of a batch, before what was summed.
#[derive(Debug)]
pub(in crate::backend::gpu) struct Results {
    pub(super) pictures: Vec<Found>,
    /// For each guard.
    gamuts: Vec<u64>,
    /// [`SEEN`] for each look.
    seen: Vec<u32>,
}

impl Results {
    /// `None` where they are those of another batch: what is not written keeps what was there, and zeros say that all is well.
    fn of(words: &[u32], batch: &Batch) -> Option<Results> {
        let [found, gamuts, _] = returned(&batch.used()).map(|bytes| bytes as usize / 4);
        let (found, rest) = words.split_at(found);
        let (gamuts, seen) = rest.split_at(gamuts);
        let long = |two: &[u32]| u64::from(two[0]) | u64::from(two[1]) << 32;
        let mut pictures = found.chunks_exact(FOUND as usize);
        pictures.all(|words| words[2] == batch.number).then(|| Results {
            pictures: found
                .chunks_exact(FOUND as usize)
                .map(|words| Found { missing: words[0], beyond: words[1] })
                .collect(),
            gamuts: gamuts.chunks_exact(2).map(long).collect(),
            seen: seen.to_vec(),
        })
    }

    /// A guard's sums over its cells.
    pub(super) fn sums(&self, guard: u32) -> Sums<i64> {
        let all = &self.gamuts[(guard * SUMS) as usize..][..SUMS as usize];
        let sums = |first: usize| std::array::from_fn(|at| all[first + at] as i64);
        [sums(0), sums(SUMS as usize / 2)]
    }

    /// What was found at looks, of pictures with so many components.
    pub(super) fn seen(&self, looks: Range<u32>, components: usize) -> impl Iterator<Item = Option<Seen>> {
        let all = &self.seen[(looks.start * SEEN) as usize..(looks.end * SEEN) as usize];
        all.chunks_exact(SEEN as usize).map(move |words| {
            let coefficient = |k: usize| (words[18 + k / 2] >> (16 * (k % 2))) as i16;
            let sample = |spot: usize, plane: usize| words[3 + 3 * spot + plane] as u16;
            // The driver is not trusted to stay within what was asked: the component becomes an index.
            let component = words[1] as usize;
            (words[0] != NONE && component < components).then(|| Seen {
                component,
                coefficients: std::array::from_fn(|k| if k == 0 { words[2] as i16 } else { coefficient(k) }),
                samples: std::array::from_fn::<_, SPOTS, _>(|spot| {
                    std::array::from_fn(|plane| (plane < components).then(|| sample(spot, plane)))
                }),
            })
        })
    }
}

/// What became of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    /// Blocks that were not come to; 0 where every row is whole.
    pub(super) missing: u32,
    /// Not 0 where a value has, or may have had, more than 16 bits.
    pub(super) beyond: u32,
}

impl Found {
    /// Whether the samples are those of the CPU's reader. Else it has to read the file.
    pub(super) fn is_good(self) -> bool {
        self == Found { missing: 0, beyond: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::gpu::jpeg::descriptors::WINDOW;

    #[test]
    fn what_comes_back_is_not_trusted() {
        let mut batch = Batch::new(Capacity::of(1 << 20), WINDOW);
        batch.pictures.push(Picture::default());
        batch.looks.extend([Look::default(); 4]);
        let mut words = vec![0, 0, batch.number];
        // Components 0, 2 and 7 of blocks that were found, and one that was not.
        for (block, component) in [(0, 0), (5, 2), (9, 7), (NONE, 0)] {
            words.extend([block, component]);
            words.resize(words.len() + SEEN as usize - 2, 0);
        }
        let results = Results::of(&words, &batch).expect("its own");
        assert_eq!(results.pictures, [Found { missing: 0, beyond: 0 }]);
        let components =
            |count| results.seen(0..4, count).map(|seen| seen.map(|seen| seen.component)).collect::<Vec<_>>();
        assert_eq!(components(3), [Some(0), Some(2), None, None]);
        assert_eq!(components(1), [Some(0), None, None, None]);
        // The next one in the same buffers, of which the device wrote nothing.
        batch.clear();
        batch.pictures.push(Picture::default());
        assert!(Results::of(&words[..3], &batch).is_none());
        words[2] = batch.number;
        assert!(Results::of(&words[..3], &batch).is_some());
    }
}

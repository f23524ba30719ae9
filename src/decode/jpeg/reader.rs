//! The walk through a file: headers, scans, planes or pixels, top to bottom.
//!
//! One long file, since every step of the walk works on the same buffers, which are kept from file to file.

use super::bands::BandTables;
use super::bits::{PADDING, Stream};
use super::blocks::{Kept, Smoothing, Streaming};
use super::clipping::{Data, Judge, Sample};
use super::detail;
use super::frame::{Frame, Process};
use super::gamut::{self, Colours};
use super::header::{Header, Next};
use super::huffman::Codes;
use super::idct::Steps;
use super::layout::Layout;
use super::lookup::Tables;
use super::marker::{self, Mark, Markers, corrupt};
use super::pixels::Pixels;
use super::planes::{self, Source, Stored};
use super::progressive::Pass;
use super::rows::Rows;
use super::scan::Scan;
use super::selection::{self, Colour, Listed, Selection};
use super::sequential::{Sequential, WINDOW};
use super::smooth::{self, Sent, WATCHED};
use super::transform::to_natural;
use super::{Reading, Wish};
use crate::decode::colours::{self, ToSrgb, profile_memory};
use crate::decode::estimate::Estimate;
use crate::decode::random::Random;
use crate::decode::{Detail, Format};
use crate::error::Result;
use crate::limits::{self, Limits};
use crate::picture::{Picture, Plane, Planes};
use fearless_simd::Level;
use std::ops::Range;

/// Everything that is kept from one file to the next.
#[derive(Debug)]
pub(super) struct Reader {
    level: Level,
    codes: Codes,
    tables: Tables,
    /// Of AC scans of progressive files.
    bands: BandTables,
    stream: Stream,
    sequential: Sequential,
    /// Bytes of data that become pixels at a time.
    window: usize,
    pub(super) stored: [Stored; 4],
    pixels: Pixels,
    rows: Rows,
    /// Blocks that are looked at further than is read.
    pub(super) sample: Sample,
    /// The last sums over colours.
    #[cfg(test)]
    pub(super) gamut: Option<(gamut::Sums<i64>, usize)>,
    /// What the last scan's data decides.
    random: Random,
    /// Some colours of low frequencies with a profile.
    colours: colours::Sample,
    /// MCUs that came out whole, for one scan.
    whole: Vec<Range<usize>>,
    /// Of a progressive file: each scan's place and whether it is wanted.
    listed: Vec<Listed>,
    spare: Vec<Vec<u16>>,
}

impl Default for Reader {
    fn default() -> Reader {
        Reader {
            level: Level::new(),
            codes: Codes::default(),
            tables: Tables::default(),
            bands: BandTables::default(),
            stream: Stream::default(),
            sequential: Sequential::default(),
            window: WINDOW,
            stored: Default::default(),
            pixels: Pixels::default(),
            rows: Rows::default(),
            sample: Sample::default(),
            #[cfg(test)]
            gamut: None,
            random: Random::default(),
            colours: colours::Sample::default(),
            whole: Vec::new(),
            listed: Vec::new(),
            spare: Vec::new(),
        }
    }
}

/// How far a walk came.
#[derive(Debug)]
struct Progress {
    scans: usize,
    /// Whether any data came.
    any: bool,
    /// For each coefficient of each component, the lowest bit that was sent; [`UNSENT`] before any.
    sent: [[i32; 64]; 4],
    /// The same of the first few before each component's last scan.
    before: [Sent; 4],
    /// The row of interleaved MCUs that the last scan reached.
    last: usize,
    /// Whether all values had 16 bits, and nothing else was met of which viewers make different pictures.
    fits: bool,
}

const UNSENT: i32 = -1;

/// Planes kept for the next picture: Y, Cb and Cr, and what Cb and Cr become.
const SPARE: usize = 4;

impl Default for Progress {
    fn default() -> Progress {
        Progress {
            scans: 0,
            any: false,
            sent: [[UNSENT; 64]; 4],
            before: [[UNSENT; WATCHED]; 4],
            last: 0,
            fits: true,
        }
    }
}

impl Progress {
    /// Whether a scan has a component that was scanned before.
    fn has_part_of(&self, scan: &Scan) -> bool {
        let again = self.again();
        scan.parts().iter().any(|part| again[part.component])
    }

    /// Which components were scanned before.
    fn again(&self) -> [bool; 4] {
        self.sent.map(|sent| sent[0] != UNSENT)
    }

    fn send(&mut self, frame: &Frame, scan: &Scan) {
        let (band, low) = match frame.process {
            Process::Sequential => (0..=63, 0),
            Process::Progressive => (scan.first as usize..=scan.last as usize, scan.low as i32),
        };
        for part in scan.parts() {
            let (sent, before) = (&mut self.sent[part.component], &mut self.before[part.component]);
            let watched = usize::from(scan.first > 0)..WATCHED;
            before[watched.clone()].copy_from_slice(&sent[watched.clone()]);
            if self.scans == 1 {
                before[watched].fill(0);
            }
            sent[band.clone()].fill(low);
        }
    }

    /// Whether every component has come, to the last bit.
    fn is_complete(&self, frame: &Frame) -> bool {
        self.sent[..frame.components().len()].as_flattened().iter().all(|&low| low == 0)
    }
}

/// What a walk found.
struct Walked {
    header: Header,
    frame: Frame,
    selection: Selection,
    progress: Progress,
    /// Whether the first scan is the picture; its pixels are made then.
    streamed: bool,
    /// See [`Reading::scans`].
    scans: Option<Range<usize>>,
}

impl Walked {
    /// Whether a sequential picture is in several scans.
    fn is_in_parts(&self) -> bool {
        self.frame.process == Process::Sequential && !self.streamed
    }
}

impl Reader {
    pub(super) fn recycle(&mut self, samples: Vec<u16>) {
        if samples.capacity() > 0 {
            self.spare.push(samples);
            self.spare.truncate(SPARE);
        }
    }

    /// Memory kept for coefficients, logs, planes and rows, in bytes.
    pub(super) fn kept(&self) -> u64 {
        let stored: usize = self.stored.iter().map(Stored::kept).sum();
        let spare: usize = self.spare.iter().map(|samples| samples.capacity() * 2).sum();
        let buffers = self.stream.bytes.capacity() + self.sequential.kept() + self.pixels.kept();
        (stored + spare + buffers) as u64
    }

    /// Reads a picture; `samples` is memory for its pixels. `None` where [`JpegReader::read_into`](super::JpegReader::read_into) says so.
    pub(super) fn read(
        &mut self,
        bytes: &[u8],
        wish: &Wish<'_>,
        limits: &Limits,
        samples: &mut Vec<u8>,
    ) -> Result<Option<Reading>> {
        self.pixels.to_srgb = wish.to_srgb.filter(|to_srgb| to_srgb.is_of_inks()).cloned();
        let reading = self.read_once(bytes, wish, limits, samples);
        self.stored.iter_mut().for_each(Stored::release);
        reading
    }

    fn read_once(
        &mut self,
        bytes: &[u8],
        wish: &Wish<'_>,
        limits: &Limits,
        samples: &mut Vec<u8>,
    ) -> Result<Option<Reading>> {
        let walked = self.walk(bytes, limits, samples, wish.scans, |header, frame| {
            let (width, height) = (frame.width as u32, frame.height as u32);
            let overlaid = wish.scans.is_some_and(|(first, end)| end - first > 1);
            let guarded = wish.guarded;
            let selection = |detail| Selection { overlaid, guarded, ..Selection::new(header, frame, detail) };
            let selections =
                (selection((wish.detail)(width, height)), selection((wish.judged)(width, height)));
            (!(wish.only_coarse && selections.0.is_full())).then_some(selections)
        })?;
        let Some(walked) = walked else { return Ok(None) };
        let whole = self.rows.whole(&walked.frame);
        let (picture, fits) = if walked.selection.is_full() {
            let (picture, fits) = self.every_pixel(&walked, samples);
            (Some(picture), fits)
        } else if whole.is_some() || !walked.progress.fits || walked.selection.guarded && walked.is_in_parts()
        {
            // Low frequencies do not make up a picture that is damaged, out of range or in several scans.
            return Ok(None);
        } else {
            self.low_frequencies(&walked, wish.to_srgb)
        };
        let Walked { header, selection, progress, scans, .. } = walked;
        let (detail, unusual, exif, icc) =
            (selection.detail, !(fits && progress.fits), header.exif, header.icc.joined());
        let sample = std::mem::take(&mut self.colours);
        Ok(picture.map(|picture| Reading { picture, detail, whole, unusual, exif, icc, sample, scans }))
    }

    /// Takes a picture's memory back for the next one.
    pub(super) fn take_back(&mut self, picture: Picture) {
        if let Planes::Coarse { luma, colour } = picture.planes {
            self.recycle(luma.samples);
            colour.into_iter().for_each(|plane| self.recycle(plane.samples));
        }
    }

    /// What [`read`](Reader::read) takes for every pixel, and the memory that it takes for less where `rule` asks for less, by the headers up
    /// to the first scan.
    pub(super) fn estimate(
        &mut self,
        bytes: &[u8],
        rule: impl Fn(u32, u32) -> Detail,
    ) -> Result<(Estimate, Option<u64>)> {
        let (header, scan, markers) = self.headers(bytes)?;
        let mut frame = header.frame.ok_or_else(|| corrupt("a scan comes before the frame"))?;
        frame.set_height(height(&markers, &frame)?);
        let size = (frame.width as u32, frame.height as u32);
        let memory =
            |selection: &Selection| selection.memory(&frame, &scan, bytes.len() - markers.at, header.restart);
        let full = Selection::new(&header, &frame, Detail::Full);
        let chosen = Selection::new(&header, &frame, rule(size.0, size.1));
        let profile = profile_memory(header.icc.len());
        let estimate = Estimate::new(Format::Jpeg, size, 0).and(memory(&full)).and(profile);
        let may_be_coloured = frame.channels() == 1 && !header.icc.is_empty();
        let estimate = if may_be_coloured { estimate.coloured() } else { estimate };
        Ok((estimate, (!chosen.is_full()).then(|| memory(&chosen) + profile)))
    }

    /// The headers up to the first scan, that one's, and the markers behind it.
    pub(super) fn headers<'a>(&mut self, bytes: &'a [u8]) -> Result<(Header, Scan, Markers<'a>)> {
        let (mut header, mut markers) = (Header::default(), Markers::of(bytes)?);
        loop {
            match header.next(&mut markers, &mut self.codes)? {
                Next::On => {}
                Next::Scan(scan) => return Ok((header, scan, markers)),
                Next::End => return Err(corrupt("no picture data")),
            }
        }
    }

    /// The codes that headers name.
    #[cfg(feature = "gpu")]
    pub(super) fn codes(&mut self) -> &mut Codes {
        &mut self.codes
    }

    /// Every coefficient of every component, block by block in natural order, with the frame.
    #[cfg(test)]
    pub(super) fn coefficients(&mut self, bytes: &[u8]) -> Result<Frame> {
        let selection = |_: &Header, _: &Frame| Some((Selection::everything(), Selection::everything()));
        let walked = self.walk(bytes, &Limits::default(), &mut Vec::new(), None, selection)?;
        walked.map(|walked| walked.frame).ok_or_else(|| corrupt("nothing was read"))
    }

    /// Cuts scans of at least so many bytes, and takes so many at a time where pixels are made.
    #[cfg(test)]
    pub(super) fn cut_scans_from(&mut self, bytes: usize, window: usize) {
        self.sequential.worth_cutting = bytes;
        self.window = window;
    }

    /// Pieces that the last window of a sequential scan came from.
    #[cfg(test)]
    pub(super) fn pieces(&self) -> usize {
        self.sequential.pieces()
    }

    /// Walks from SOI to EOI, reading what the selection asks for. `selections` gives that and one whose scans are judged, or nothing where the walk
    /// is to end before memory is taken. `wanted` is [`Wish::scans`].
    fn walk(
        &mut self,
        bytes: &[u8],
        limits: &Limits,
        samples: &mut Vec<u8>,
        wanted: Option<(usize, usize)>,
        selections: impl Fn(&Header, &Frame) -> Option<(Selection, Selection)>,
    ) -> Result<Option<Walked>> {
        limits.check_file_bytes(bytes.len() as u64)?;
        self.sample.begin_none();
        let mut markers = Markers::of(bytes)?;
        let (mut header, mut progress) = (Header::default(), Progress::default());
        let (first, end) = wanted.unwrap_or((0, usize::MAX));
        let (mut chosen, mut streamed, mut found, mut scans) = (None, false, 0, None);
        while !streamed && found < end {
            let mut scan = match header.next(&mut markers, &mut self.codes) {
                Err(error) if progress.scans == 0 => return Err(error),
                // What comes behind a scan may be broken; the scans before it are not.
                Err(_) | Ok(Next::End) => break,
                Ok(Next::Scan(scan)) => scan,
                Ok(Next::On) => {
                    check_size(&header, bytes, limits)?;
                    continue;
                }
            };
            let Some(mut frame) = header.frame else { break };
            found += 1;
            if found <= first {
                check_scans(found, &frame, bytes, limits)?;
                markers.pass_data();
                continue;
            }
            if frame.process == Process::Sequential && progress.has_part_of(&scan) {
                scans.get_or_insert(0..found - 1);
            }
            progress.scans += 1;
            check_scans(progress.scans, &frame, bytes, limits)?;
            if progress.scans == 1 {
                frame.set_height(height(&markers, &frame)?);
                header.frame = Some(frame);
                check_size(&header, bytes, limits)?;
                scan.set_size(&frame);
                let Some((selection, judged)) = selections(&header, &frame) else { return Ok(None) };
                chosen = Some(selection);
                self.prepare((scan, &markers), limits, &header, &selection, &judged)?;
            }
            let Some(selection) = chosen else { break };
            streamed = selection.ends_with(&frame, &scan) && progress.scans == 1;
            match self.scan(bytes, markers.at, &mut header, &scan, &selection, &mut progress, samples) {
                Err(error) if !progress.any => return Err(error),
                Err(_) => {
                    self.rows.mark_all();
                    break;
                }
                Ok(behind) => markers.at = behind,
            }
        }
        match (header.frame, chosen) {
            (Some(frame), Some(selection)) if progress.any => {
                self.note_missing(&frame, &progress);
                if streamed && wanted.is_none() {
                    scans = scans_behind(markers, &frame, limits);
                }
                Ok(Some(Walked { header, frame, selection, progress, streamed, scans }))
            }
            _ => Err(corrupt("no picture data")),
        }
    }

    /// Takes memory for a frame, and of a progressive one finds the scans that matter.
    fn prepare(
        &mut self,
        first: (Scan, &Markers<'_>),
        limits: &Limits,
        header: &Header,
        selection: &Selection,
        judged: &Selection,
    ) -> Result<()> {
        let Some(frame) = &header.frame else { return Err(corrupt("a scan comes before the frame")) };
        let data = &first.1.bytes[first.1.at..];
        let memory = selection.memory(frame, &first.0, data.len(), header.restart);
        limits.check_decoder_bytes(memory)?;
        limits::can_be_had(memory)?;
        self.rows.reset(frame);
        self.listed.clear();
        if frame.process == Process::Progressive {
            let ended = self.list(first, limits, frame)?;
            if selection.guarded && !selection.is_full() {
                self.listed.iter_mut().for_each(|listed| listed.wanted = true);
                self.sample.begin_progressive(frame, Random::of(data));
            } else {
                selection.choose(&mut self.listed, |listed| listed.wanted = true);
            }
            judged.choose(&mut self.listed, |listed| listed.counts = true);
            // Where a file breaks off, that is in its last scan, whatever that holds.
            for listed in self.listed.iter_mut().filter(|_| !ended) {
                (listed.wanted, listed.counts) = (true, true);
            }
        }
        let history = self.listed.iter().any(|listed| listed.wanted && listed.scan.first > 0);
        for (stored, component) in self.stored.iter_mut().zip(frame.components()) {
            let blocks =
                if selection.streams(frame, &first.0) { 0 } else { component.stride * component.rows };
            // Sequential scans write every block, whole or blank.
            stored.reset(blocks, selection.slots, frame.process == Process::Progressive, history);
        }
        Ok(())
    }

    /// Lists a progressive file's scans, without reading any; whether its end of image is there.
    fn list(
        &mut self,
        (mut scan, markers): (Scan, &Markers<'_>),
        limits: &Limits,
        frame: &Frame,
    ) -> Result<bool> {
        let mut markers = markers.clone();
        loop {
            markers.pass_data();
            self.listed.push(Listed { scan, end: markers.at, wanted: false, counts: false });
            check_scans(self.listed.len(), frame, markers.bytes, limits)?;
            match next_scan(&mut markers, frame) {
                Ok(found) => scan = found,
                Err(ended) => return Ok(ended),
            }
            scan.set_size(frame);
        }
    }

    /// Reads one scan, or steps over it; returns the place behind its data.
    #[expect(clippy::too_many_arguments, reason = "the walk's whole state; a struct would only rename it")]
    fn scan(
        &mut self,
        bytes: &[u8],
        data: usize,
        header: &mut Header,
        scan: &Scan,
        selection: &Selection,
        progress: &mut Progress,
        samples: &mut Vec<u8>,
    ) -> Result<usize> {
        let Some(frame) = header.frame else { return Err(corrupt("a scan comes before the frame")) };
        header.latch(&frame, scan)?;
        if frame.process == Process::Sequential {
            header.huffman.complete(&mut self.codes);
        } else {
            scan.check_progressive()?;
        }
        let listed = self.listed.get(progress.scans - 1).copied();
        if let Some(listed) = listed.filter(|listed| !listed.wanted) {
            // What cannot be read is broken whether it is wanted or not.
            self.pass(header, &frame, scan, selection).codes()?;
            progress.send(&frame, scan);
            return Ok(listed.end);
        }
        let end = self.stream.fill(bytes, data, header.restart, scan.mcus);
        progress.fits &= !self.stream.filled;
        if selection.guarded || !header.icc.is_empty() {
            self.random = Random::of(&bytes[data..end]);
        }
        self.whole.clear();
        match frame.process {
            Process::Sequential => self.sequential(header, &frame, scan, selection, progress, samples)?,
            Process::Progressive => self.progressive(header, &frame, scan, selection, progress)?,
        }
        progress.send(&frame, scan);
        progress.any |= self.stream.bytes.len() > PADDING;
        if listed.is_none_or(|listed| listed.counts) {
            self.rows.note(&frame, scan, self.whole.iter().cloned());
        }
        Ok(end)
    }

    fn sequential(
        &mut self,
        header: &Header,
        frame: &Frame,
        scan: &Scan,
        selection: &Selection,
        progress: &mut Progress,
        samples: &mut Vec<u8>,
    ) -> Result<()> {
        let parts = selection.parts(header, frame, scan)?;
        self.sequential.machine.set(parts, selection.slots, &mut self.tables);
        if selection.streams(frame, scan) && progress.scans == 1 {
            self.sequential.mark(&[]);
            self.stream_pixels(header, frame, scan, selection, progress, samples);
            return Ok(());
        }
        let mut layout = Layout::new(frame, scan, progress.again());
        let is_sampled = selection.guarded && selection.ends_with(frame, scan) && progress.scans == 1;
        let bytes = self.stream.bytes.len() - PADDING;
        let is_sparse = is_sampled && selection.slots < 64;
        let looks =
            if is_sampled { self.sample.begin(scan, (layout.blocks, bytes), self.random) } else { &[] };
        self.sequential.mark(if is_sparse { looks } else { &[] });
        match selection.slots {
            1 => self.sequential_with::<1>(&mut layout, usize::MAX),
            8 => self.sequential_with::<8>(&mut layout, usize::MAX),
            16 => self.sequential_with::<16>(&mut layout, usize::MAX),
            32 => self.sequential_with::<32>(&mut layout, usize::MAX),
            _ => self.sequential_with::<64>(&mut layout, self.window),
        }
        progress.fits &= !layout.wrapped;
        Ok(())
    }

    fn sequential_with<const SLOTS: usize>(&mut self, layout: &mut Layout, window: usize) {
        let (stored, sample) = (&mut self.stored, &mut self.sample);
        let take = |logs: super::runs::Logs<'_>| {
            sample.note(&logs);
            layout.store::<SLOTS>(logs, stored);
        };
        let whole = self.sequential.decode::<SLOTS>(&self.stream, &self.tables, window, take);
        self.whole.extend_from_slice(whole);
        layout.finish::<SLOTS>(&mut self.stored);
    }

    /// Makes pixels of the one scan that is the picture.
    fn stream_pixels(
        &mut self,
        header: &Header,
        frame: &Frame,
        scan: &Scan,
        selection: &Selection,
        progress: &mut Progress,
        samples: &mut Vec<u8>,
    ) {
        self.pixels.start(frame, selection.colour, std::mem::take(samples));
        let mut streaming = Streaming::new(frame, scan, steps(header), &mut self.pixels, self.level);
        let whole = self
            .sequential
            .decode::<64>(&self.stream, &self.tables, self.window, |logs| streaming.take(logs));
        self.whole.extend_from_slice(whole);
        streaming.finish();
        progress.fits &= streaming.fits;
    }

    fn pass<'a>(
        &self,
        header: &'a Header,
        frame: &'a Frame,
        scan: &'a Scan,
        selection: &Selection,
    ) -> Pass<'a> {
        let kept = selection.details.map(detail::kept);
        Pass { frame, scan, tables: &header.huffman, level: self.level, slots: selection.slots, kept }
    }

    fn progressive(
        &mut self,
        header: &Header,
        frame: &Frame,
        scan: &Scan,
        selection: &Selection,
        progress: &mut Progress,
    ) -> Result<()> {
        let pass = self.pass(header, frame, scan, selection);
        let (whole, watched) = (&mut self.whole, &mut self.sample.watched);
        let outcome =
            pass.decode(&self.stream, &mut self.bands, &mut self.stored, watched, |range| whole.push(range))?;
        progress.fits &= !outcome.wrapped;
        progress.last = outcome.last / scan.wide / scan.alone(frame).map_or(1, |component| component.down);
        Ok(())
    }

    /// Counts what never came: components without a scan, and bits that were still to be sent.
    fn note_missing(&mut self, frame: &Frame, progress: &Progress) {
        let unwritten = frame.process == Process::Sequential;
        for (stored, scanned) in self.stored.iter_mut().zip(progress.again()) {
            if unwritten && !scanned {
                stored.coefficients.fill(0);
            }
        }
        if !progress.is_complete(frame) {
            self.rows.mark_all();
        }
    }

    /// The pixels of what was read, and whether all values had 16 bits.
    fn every_pixel(&mut self, walked: &Walked, samples: &mut Vec<u8>) -> (Picture, bool) {
        let (frame, selection) = (&walked.frame, &walked.selection);
        let mut fits = true;
        if !walked.streamed {
            self.pixels.start(frame, selection.colour, std::mem::take(samples));
            let tables = [0, 1, 2, 3].map(|component| walked.header.quantiser(component));
            let kept = Kept {
                frame,
                stored: &self.stored,
                tables,
                steps: steps(&walked.header),
                smoothing: smoothing(walked),
            };
            fits = kept.make(&mut self.pixels, self.level);
        }
        let (width, height) = (frame.width as u32, frame.height as u32);
        let pixels = self.pixels.finish();
        let picture = match frame.channels() {
            1 => Picture::from_grey(pixels, width, height),
            _ => Picture::from_rgb(pixels, width, height),
        };
        (picture, fits)
    }

    /// The planes of what was stored, and whether all values had 16 bits. No picture where they had not, nor where
    /// [`Selection::guarded`] says to look and pixels show something else. They are of what `to_srgb` makes of the colours, where it is given.
    fn low_frequencies(&mut self, walked: &Walked, to_srgb: Option<&ToSrgb>) -> (Option<Picture>, bool) {
        let (header, frame, selection) = (&walked.header, &walked.frame, &walked.selection);
        let mut fit = true;
        let is_shown;
        let mut plane = |reader: &mut Reader, index: usize| {
            let (plane, fits) = reader.plane(header, frame, selection, index);
            fit &= fits;
            plane
        };
        let planes = match selection.colour {
            Colour::Rgb => {
                let rgb = [0, 1, 2].map(|index| plane(self, index));
                is_shown = !self.is_clipped(walked, &[]);
                let colour = |rgb: [f32; 3]| rgb.map(|level| level + 128.0);
                self.sample_colours(header, rgb.each_ref(), colour);
                match to_srgb {
                    None => self.of_rgb(frame, rgb),
                    Some(to_srgb) => self.shown(frame, rgb, colour, to_srgb),
                }
            }
            Colour::YCbCr => {
                let planes = [0, 1, 2].map(|index| plane(self, index));
                is_shown = !(selection.guarded
                    && (self.is_beyond(planes.each_ref()) || self.is_clipped(walked, &planes)));
                self.sample_colours(header, planes.each_ref(), planes::rgb);
                match to_srgb {
                    None => {
                        let [luma, cb, cr] = planes;
                        let colour = planes::colour(frame, &cb, &cr, self.spare());
                        [cb, cr].into_iter().for_each(|plane| self.recycle(plane.samples));
                        Planes::Coarse { luma, colour: Some(colour) }
                    }
                    Some(to_srgb) => self.shown(frame, planes, planes::rgb, to_srgb),
                }
            }
            _ => {
                let planes = [plane(self, 0)];
                is_shown = !self.is_clipped(walked, &planes);
                self.sample_colours(header, planes.each_ref(), |[grey]| [grey; 3]);
                match to_srgb {
                    None => {
                        let [luma] = planes;
                        Planes::Coarse { luma, colour: None }
                    }
                    Some(to_srgb) => self.shown(frame, planes, |[grey]| [grey; 3], to_srgb),
                }
            }
        };
        let picture = Picture { width: frame.width as u32, height: frame.height as u32, planes };
        if is_shown && fit {
            return (Some(picture), true);
        }
        self.take_back(picture);
        (None, fit)
    }

    /// R, G and B, each about 0, as the planes of a picture.
    fn of_rgb(&mut self, frame: &Frame, rgb: [Plane<u16>; 3]) -> Planes {
        let luma = planes::luma_of_rgb(frame, rgb.each_ref(), self.spare());
        let colour = planes::colour_of_rgb(frame, rgb.each_ref(), self.spare());
        rgb.into_iter().for_each(|plane| self.recycle(plane.samples));
        Planes::Coarse { luma, colour: Some(colour) }
    }

    /// The planes of what `to_srgb` shows of the colours that `colour` makes of the components.
    fn shown<const P: usize>(
        &mut self,
        frame: &Frame,
        components: [Plane<u16>; P],
        colour: impl Fn([f32; P]) -> [f32; 3],
        to_srgb: &ToSrgb,
    ) -> Planes {
        let samples = [self.spare(), self.spare(), self.spare()];
        let shown = |pixels: &[[u8; 3]]| to_srgb.shown(pixels);
        let rgb = planes::shown(frame, components.each_ref(), samples, colour, shown);
        components.into_iter().for_each(|plane| self.recycle(plane.samples));
        self.of_rgb(frame, rgb)
    }

    /// Takes a sample of what the planes show, where a profile says that it is meant otherwise.
    fn sample_colours<const P: usize>(
        &mut self,
        header: &Header,
        planes: [&Plane<u16>; P],
        colour: impl Fn([f32; P]) -> [f32; 3],
    ) {
        if !header.icc.is_empty() {
            self.colours = planes::sample(planes, self.random, colour);
        }
    }

    /// Whether clamping shows something else of the means of Y, Cb and Cr.
    fn is_beyond(&mut self, [luma, cb, cr]: [&Plane<u16>; 3]) -> bool {
        let sums = Colours { luma, cb, cr }.sums(self.random, self.level);
        #[cfg(test)]
        {
            self.gamut = sums;
        }
        sums.is_none_or(|(sums, cells)| gamut::are_beyond(&sums, cells))
    }

    /// Whether clamping shows something else inside of blocks than their means tell.
    fn is_clipped(&mut self, walked: &Walked, planes: &[Plane<u16>]) -> bool {
        if !self.sample.is_wanted() {
            return false;
        }
        let data = Data {
            machine: &self.sequential.machine,
            tables: &self.tables.flat,
            stream: &self.stream,
            frame: &walked.frame,
            stored: &self.stored,
            slots: walked.selection.slots,
            judge: Judge::new(
                [0, 1, 2, 3].map(|component| walked.header.quantiser(component)),
                detail::kept(walked.selection.details[0]),
                planes.len() == 3,
            ),
            planes,
        };
        self.sample.is_beyond(&data, self.level)
    }

    fn plane(
        &mut self,
        header: &Header,
        frame: &Frame,
        selection: &Selection,
        index: usize,
    ) -> (Plane<u16>, bool) {
        let samples = self.spare();
        let source = Source {
            frame,
            component: &frame.components()[index],
            stored: &self.stored[index],
            slots: selection.slots,
            // A component without a scan has no table, and nothing but zeros to scale.
            quantiser: header.quantiser(index),
            detail: selection.details[index],
            from_black: index == 0 && selection.colour != Colour::Rgb,
        };
        source.plane(samples, self.level)
    }

    fn spare(&mut self) -> Vec<u16> {
        self.spare.pop().unwrap_or_default()
    }
}

/// Each component's quantisation steps.
fn steps(header: &Header) -> [Steps; 4] {
    [0, 1, 2, 3].map(|component| Steps::new(&to_natural(header.quantiser(component))))
}

pub(super) fn check_scans(scans: usize, frame: &Frame, bytes: &[u8], limits: &Limits) -> Result<()> {
    limits.check_scans(scans, frame.width as u32, frame.height as u32, bytes.len() as u64)
}

/// What is left to guess of an unfinished progressive picture.
fn smoothing(walked: &Walked) -> Option<Smoothing> {
    let Walked { header, frame, progress, .. } = walked;
    let sent = progress.sent.map(|sent| std::array::from_fn(|k| sent[k]));
    let count = frame.components().len();
    let components = (0..count).map(|component| (header.quantiser(component), &sent[component]));
    let applies = frame.process == Process::Progressive && smooth::applies(components);
    let before = if progress.scans > 1 { progress.before } else { [[UNSENT; WATCHED]; 4] };
    applies.then_some(Smoothing { sent, before, last: progress.last })
}

/// Checks a frame's size as soon as it is known.
pub(super) fn check_size(header: &Header, bytes: &[u8], limits: &Limits) -> Result<()> {
    let Some(frame) = header.frame.filter(|frame| frame.height > 0) else { return Ok(()) };
    limits.check_size(frame.width as u32, frame.height as u32)?;
    limits.check_density(frame.width as u64 * frame.height as u64, bytes.len() as u64)
}

/// The next scan header; nothing else is looked at. Else whether the end of image is there.
fn next_scan(markers: &mut Markers<'_>, frame: &Frame) -> std::result::Result<Scan, bool> {
    loop {
        let Mark { code, segment, .. } = markers.next().ok().flatten().ok_or(false)?;
        match code {
            marker::EOI => return Err(true),
            marker::SOI => return Err(false),
            marker::SOS => return Scan::parse(frame, segment).map_err(|_| false),
            _ => {}
        }
    }
}

/// The scans that make up the picture of a reader that goes on behind the first one, which is complete: from the last complete one on. `None` where
/// none follows.
fn scans_behind(mut markers: Markers<'_>, frame: &Frame, limits: &Limits) -> Option<Range<usize>> {
    let (mut first, mut end) = (0, 1);
    while let Ok(scan) = next_scan(&mut markers, frame) {
        if check_scans(end + 1, frame, markers.bytes, limits).is_err() {
            break;
        }
        if selection::is_alone(frame, &scan) {
            first = end;
        }
        end += 1;
        markers.pass_data();
    }
    (end > 1).then_some(first..end)
}

/// The frame's height, from the DNL segment behind the first scan where the frame header leaves it open.
///
/// A DNL segment that contradicts the frame header is ignored, as in every decoder in use.
fn height(behind: &Markers<'_>, frame: &Frame) -> Result<usize> {
    if frame.height > 0 {
        return Ok(frame.height);
    }
    let mut markers = behind.clone();
    markers.pass_data();
    let lines = match markers.next()? {
        Some(Mark { code: marker::DNL, mut segment, .. }) => segment.u16()?.into(),
        _ => 0,
    };
    if lines == 0 { Err(corrupt("the frame is 0 pixels high")) } else { Ok(lines) }
}

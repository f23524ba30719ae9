//! HEIC and AVIF: the High Efficiency Image File Format (ISO/IEC 23008-12) with pictures coded by HEVC or AV1.
//!
//! The tables of a file are read here; `hevc` and `av1` have single pictures decoded. Cuts, turns and mirrors that the tables name are part of how a picture is put
//! together, so they are done whatever orientation EXIF names. Thumbnails, depth, gain maps and other auxiliary pictures are skipped; of a sequence the first
//! picture is taken, and `frames` has all of them. Tiles of a grid that cannot be decoded are black, and their rows are not whole.

use std::borrow::Cow;

use super::composed::Animation;
use super::{Raster, divided, share};
use crate::decode::colours::{ColourSpace, profile_memory};
use crate::decode::estimate::Estimate;
use crate::decode::frame::{Chroma, Meaning};
use crate::decode::helper::Helper;
use crate::decode::viewing::Tables;
use crate::decode::{Format, Viewing};
use crate::error::{Error, Result};
use crate::limits::Limits;
use canvas::Canvas;
use container::{Container, PER_BYTE};
use numbers::Numbers;
use pixels::{Planes, Rules, Sample};

#[cfg_attr(not(feature = "avif"), path = "heif/av1_absent.rs")]
mod av1;
mod canvas;
mod container;
mod frames;
mod helped;
#[cfg_attr(not(feature = "heic"), path = "heif/hevc_absent.rs")]
mod hevc;
#[cfg(feature = "heic-rust")]
mod hevc_in_rust;
mod numbers;
mod pixels;
mod sequence;
#[cfg(feature = "heic")]
mod sps;
mod tables;
#[cfg(feature = "heic")]
mod units;

/// A picture as a codec has it.
#[derive(Debug)]
struct Coded<'a> {
    /// The name of its codec.
    kind: [u8; 4],
    /// What the codec has to know first.
    config: &'a [u8],
    /// Width and height as the tables have them.
    #[cfg_attr(not(feature = "avif"), expect(dead_code, reason = "HEVC has them in its own headers"))]
    size: Option<(u32, u32)>,
    data: Cow<'a, [u8]>,
}

/// What decoding a coded picture will take, by its own headers.
#[derive(Debug, Clone, Copy)]
struct Announced {
    /// Width and height of what is shown.
    size: (u32, u32),
    is_grey: bool,
    /// Pixels that are decoded, those that nobody sees among them.
    pixels: u64,
    /// Memory that the codec takes, in bytes.
    memory: u64,
    /// How its colours are meant, where no table says so.
    meaning: Option<Meaning>,
    /// The code of its primaries, for a matrix that follows from them.
    primaries: u8,
    rules: Rules,
}

/// Which picture of the file, and whether all of it is wanted or its luma alone.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    item: u32,
    /// Items that were opened on the way to this one.
    depth: u32,
    luma: bool,
    /// What the tables say of its colours, if they do.
    meaning: Option<Meaning>,
    /// The item whose cuts, turns and mirrors count.
    changed_as: Option<u32>,
    /// Whether tiles' opacity is wanted, and not what they show.
    of_tiles: bool,
}

/// The code that leaves primaries open.
const UNSPECIFIED: u8 = 2;

/// Items that may be made of one another, one in one.
const DEEPEST: u32 = 8;

/// Turns, mirrors and cuts of an item, at most; files have one of each.
const MOST_CHANGES: usize = 6;

/// A grid of tiles (ISO/IEC 23008-12, 6.6.2.3).
struct Grid<'a> {
    width: u32,
    height: u32,
    columns: usize,
    tiles: &'a [u32],
}

/// How an item is made.
enum Made<'a> {
    Coded(Coded<'a>),
    /// Of another item, as it is.
    Of(u32),
    Grid(Grid<'a>),
}

/// What a file holds.
enum File<'a> {
    Items(Box<Container<'a>>),
    /// The first picture of a sequence alone, with what is said of its colours.
    Sequence(Coded<'a>, Vec<&'a [u8]>),
}

impl<'a> File<'a> {
    fn of(bytes: &'a [u8], tables: Tables) -> Result<File<'a>> {
        if let Some(container) = Container::of(bytes, tables)? {
            return Ok(File::Items(container.into()));
        }
        let first = sequence::first(bytes).ok_or_else(|| corrupt("it names no picture"))?;
        Ok(File::Sequence(first.0, first.1))
    }

    /// Whether there are pictures of a sequence besides the one that is hashed.
    fn is_animated(&self, bytes: &[u8]) -> bool {
        match self {
            File::Items(_) => sequence::is_in(bytes),
            File::Sequence(..) => sequence::has_several(bytes),
        }
    }

    /// Whether no more of it was opened than any file needs.
    fn check_opened(&self) -> Result<()> {
        match self {
            File::Items(container) => container.check_opened(),
            File::Sequence(..) => Ok(()),
        }
    }

    /// The codes of primaries and transfer in a picture's own headers.
    fn own_codes(&self) -> Option<[u8; 2]> {
        let of = |coded: &Coded<'_>| (coded.kind == *b"av01").then(|| av1::codes(coded)).flatten();
        match self {
            File::Sequence(coded, _) => of(coded),
            File::Items(container) => {
                let mut item = container.primary;
                for _ in 0..DEEPEST {
                    item = container.made_from(item).first().copied().unwrap_or(item);
                }
                container.coded(item).ok().and_then(|coded| of(&coded))
            }
        }
    }

    /// The boxes that say something of colours.
    fn colours(&self) -> Vec<&'a [u8]> {
        match self {
            File::Sequence(_, colours) => colours.clone(),
            File::Items(container) => {
                let own = container.colours(container.primary);
                let tile = container.made_from(container.primary).first();
                if own.is_empty() { tile.map_or(own, |tile| container.colours(*tile)) } else { own }
            }
        }
    }
}

/// What decoding takes, by the tables and the headers of every coded picture.
pub(super) fn estimate(format: Format, bytes: &[u8], tables: Tables) -> Result<Estimate> {
    let file = File::of(bytes, tables)?;
    let colours = file.colours();
    let profile = profile_memory(colours.iter().map(|content| content.len()).max().unwrap_or(0));
    let of_tables = PER_BYTE * container::LONGEST_TABLE.min(bytes.len()) as u64;
    let mut is_other = false;
    let shape = match &file {
        File::Sequence(coded, _) => Shape::of_coded(announced(coded)?),
        File::Items(container) => {
            let wanted = Wanted::primary(container);
            let colour = container.shape(wanted)?;
            is_other = tables == Tables::AsListed && container.is_read_otherwise(colour.bare);
            match container.opacity(wanted) {
                None => colour,
                Some((alpha, _)) => colour.with(&container.shape(alpha)?),
            }
        }
    };
    file.check_opened()?;
    let estimate = Estimate::new(format, shape.size, 0);
    let estimate = estimate
        .working_through(shape.pixels)
        .and(shape.memory)
        .and(profile + of_tables)
        .and(bytes.len() as u64);
    let estimate = if shape.is_grey { estimate.coloured() } else { estimate };
    let other = is_other.then(|| self::estimate(format, bytes, Tables::AsBrowsers).ok()).flatten();
    let estimate = other.map_or(estimate, |other| estimate.with_faces(other.memory.max(other.faces)));
    Ok(if file.is_animated(bytes) { estimate.animated(frames::memory(bytes)) } else { estimate })
}

/// Decodes the main picture.
pub(super) fn decode(
    format: Format,
    bytes: &[u8],
    tables: Tables,
    helper: &mut Helper,
    samples: &mut Vec<u8>,
) -> Result<Raster> {
    let file = File::of(bytes, tables)?;
    let spare = std::mem::take(samples);
    let mut rows = Rows::default();
    let (mut alpha, mut unusual) = (Vec::new(), false);
    let mut canvas = match &file {
        File::Sequence(coded, colours) => picture(coded, meaning(colours), false, helper, spare)?,
        File::Items(container) => {
            let wanted = Wanted::primary(container);
            let mut canvas = container.canvas(wanted, helper, &mut rows, spare)?;
            unusual = tables == Tables::AsListed && container.is_read_otherwise(rows.bare);
            if let Some((wanted, is_multiplied)) = container.opacity(wanted) {
                let plane = container.canvas(wanted, helper, &mut rows, Vec::new())?;
                alpha = opacity(plane, (canvas.width, canvas.height));
                if is_multiplied {
                    divide(&mut canvas, &alpha);
                }
            }
            canvas
        }
    };
    file.check_opened()?;
    *samples = std::mem::take(&mut canvas.samples);
    let (width, height) = (canvas.width as u32, canvas.height as u32);
    let whole = match rows.broken {
        None => None,
        Some(error) => {
            share(format, (rows.whole * height as usize / rows.all.max(1)) as u32, height, &error)?
        }
    };
    let viewing = Viewing { animated: file.is_animated(bytes), unusual, ..Viewing::default() };
    Ok(Raster { width, height, channels: canvas.channels, whole, orientation: None, viewing, alpha })
}

/// What is shown at each picture of a file's sequence, with the first one's number, their count and the pixels of each. Players show it, and other viewers the file's
/// own picture: where there is one, that is number 0.
pub(in crate::decode) fn composed<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Animation<'a>> {
    let number = u64::from(matches!(File::of(bytes, Tables::AsListed)?, File::Items(_)));
    let (pixels, frames) = frames::composed(bytes, limits)?;
    Ok(Animation { pixels, number, count: Some(sequence::count(bytes) + number), frames })
}

/// What it says of its colours: a profile, or else codes; of AV1 those in its own headers, where no table has any.
pub(in crate::decode) fn colour_space(bytes: &[u8], tables: Tables) -> ColourSpace<'_> {
    let Ok(file) = File::of(bytes, tables) else { return ColourSpace::Usual };
    let colours = file.colours();
    let profile = colours.iter().find_map(|content| match content.split_first_chunk()? {
        (b"prof" | b"rICC", profile) => Some(profile),
        _ => None,
    });
    let codes = codes(&colours).map(|(codes, _)| codes);
    match (profile, codes.or_else(|| file.own_codes().filter(|_| profile.is_none()))) {
        (Some(profile), _) => ColourSpace::icc(profile),
        // BT.709's transfer and those like it are shown as sRGB's, as browsers do.
        (None, Some([primaries, 1 | 6 | 14 | 15])) if primaries != 1 => {
            ColourSpace::Codes { primaries, transfer: 13 }
        }
        (None, None | Some([1, 1 | 6 | 13 | 14 | 15])) => ColourSpace::Usual,
        (None, Some([primaries, transfer])) => ColourSpace::Codes { primaries, transfer },
    }
}

/// The codes of primaries and transfer, and how luma and chroma are meant (ISO/IEC 14496-12, 12.1.5).
fn codes(colours: &[&[u8]]) -> Option<([u8; 2], Meaning)> {
    colours.iter().find_map(|content| {
        let (name, codes) = content.split_first_chunk()?;
        (name == b"nclx").then_some(())?;
        let mut numbers = Numbers::of(codes);
        let mut code = || numbers.short().map(|code| u8::try_from(code).unwrap_or(2));
        let (primaries, transfer, matrix) = (code()?, code()?, code()?);
        let full = numbers.byte().unwrap_or(0) & 0x80 != 0;
        Some(([primaries, transfer], Meaning { matrix, full }.with_primaries(primaries)))
    })
}

fn meaning(colours: &[&[u8]]) -> Option<Meaning> {
    codes(colours).map(|(_, meaning)| meaning)
}

/// What decoding an item will take.
struct Shape {
    size: (u32, u32),
    /// Before it is cut, turned and mirrored.
    bare: (u32, u32),
    is_grey: bool,
    pixels: u64,
    memory: u64,
}

impl Shape {
    fn of_coded(announced: Announced) -> Shape {
        let Announced { size, is_grey, pixels, memory, .. } = announced;
        Shape { size, bare: size, is_grey, pixels, memory: memory.saturating_add(bytes_of(size, is_grey)) }
    }

    /// The same with a picture of its opacity.
    fn with(self, alpha: &Shape) -> Shape {
        let plane = bytes_of(self.size, true);
        Shape {
            pixels: self.pixels.saturating_add(alpha.pixels),
            memory: self.memory.saturating_add(alpha.memory).saturating_add(plane),
            ..self
        }
    }
}

fn bytes_of((width, height): (u32, u32), is_grey: bool) -> u64 {
    (u64::from(width) * u64::from(height)).saturating_mul(if is_grey { 1 } else { 3 })
}

impl Wanted {
    fn primary(container: &Container<'_>) -> Wanted {
        let item = container.primary;
        Wanted { item, depth: 0, luma: false, meaning: None, changed_as: Some(item), of_tiles: false }
    }

    /// The luma of another item, of all levels.
    fn luma_of(self, item: u32) -> Wanted {
        Wanted { item, luma: true, meaning: Some(Meaning { matrix: 2, full: true }), ..self }
    }

    /// An item that this one is made of.
    fn part(self, item: u32, meaning: Option<Meaning>) -> Wanted {
        Wanted {
            item,
            depth: self.depth + 1,
            meaning: if self.luma { self.meaning } else { meaning.or(self.meaning) },
            changed_as: Some(item),
            of_tiles: false,
            ..self
        }
    }
}

/// Rows of tiles that came out whole, and what was wrong with the others.
#[derive(Default)]
struct Rows {
    whole: usize,
    all: usize,
    broken: Option<Error>,
    /// Width and height of the main picture before it is cut, turned and mirrored.
    bare: (u32, u32),
}

impl<'a> Container<'a> {
    fn made(&self, item: u32, depth: u32) -> Result<Made<'_>> {
        self.open(0)?;
        if depth > DEEPEST {
            return Err(corrupt("its items are made of one another without end"));
        }
        if self.listed(item).len() > MOST_CHANGES {
            return Err(corrupt("it turns and cuts an item over and over"));
        }
        let first =
            || self.made_from(item).first().copied().ok_or_else(|| corrupt("an item is made of nothing"));
        match &self.kind(item)? {
            // What shows a picture with its gain map is made of the picture first.
            b"iden" | b"tmap" => Ok(Made::Of(first()?)),
            b"grid" => {
                let bytes = self.bytes(item)?;
                let grid = grid(&bytes, self.made_from(item))
                    .ok_or_else(|| corrupt("its grid has fewer tiles than it announces"))?;
                let is_plain = |tile: &u32| self.kind(*tile).is_ok_and(|kind| kind != *b"grid");
                if !grid.tiles.iter().all(is_plain) {
                    return Err(Error::Unsupported("a grid of grids".to_string()));
                }
                Ok(Made::Grid(grid))
            }
            _ => self.coded(item).map(Made::Coded),
        }
    }

    /// The boxes that say something of an item's colours.
    fn colours(&self, item: u32) -> Vec<&'a [u8]> {
        self.properties(item).filter(|part| part.name == *b"colr").map(|part| part.content).collect()
    }

    fn shape(&self, wanted: Wanted) -> Result<Shape> {
        let mut shape = match self.made(wanted.item, wanted.depth)? {
            Made::Coded(coded) => Shape::of_coded(announced(&coded)?),
            Made::Of(item) => self.shape(wanted.part(item, None))?,
            Made::Grid(grid) => {
                let size = (grid.width, grid.height);
                let mut all = Shape { size, bare: size, is_grey: true, pixels: 0, memory: 0 };
                let part = self.wanted_of_tiles(wanted, None);
                for part in grid.tiles.iter().filter_map(|tile| part(*tile)) {
                    // One that is broken costs nothing, and is not asked for.
                    let Ok(tile) = self.shape(part) else { continue };
                    all.is_grey &= tile.is_grey;
                    all.pixels = all.pixels.saturating_add(tile.pixels);
                    all.memory = all.memory.max(tile.memory);
                }
                all.memory = all.memory.saturating_add(bytes_of(all.size, all.is_grey));
                all
            }
        };
        shape.bare = shape.size;
        for change in self.changes(wanted.changed_as, shape.size, self.tables) {
            shape.size = change.size(shape.size);
            shape.memory = shape.memory.saturating_add(bytes_of(shape.size, shape.is_grey));
        }
        Ok(shape)
    }

    /// The pixels of an item, in `spare`'s memory where they fit.
    fn canvas(&self, wanted: Wanted, helper: &mut Helper, rows: &mut Rows, spare: Vec<u8>) -> Result<Canvas> {
        let meaning = meaning(&self.colours(wanted.item));
        let mut canvas = match self.made(wanted.item, wanted.depth)? {
            Made::Coded(coded) => picture(
                &coded,
                if wanted.luma { wanted.meaning } else { meaning.or(wanted.meaning) },
                wanted.luma,
                helper,
                spare,
            )?,
            Made::Of(item) => self.canvas(wanted.part(item, meaning), helper, rows, spare)?,
            Made::Grid(grid) => self.tiles(wanted, &grid, meaning, helper, rows, spare)?,
        };
        let bare = (canvas.width as u32, canvas.height as u32);
        if wanted.depth == 0 && !wanted.luma {
            rows.bare = bare;
        }
        for change in self.changes(wanted.changed_as, bare, self.tables) {
            canvas = canvas.changed(change)?;
        }
        Ok(canvas)
    }

    fn tiles(
        &self,
        wanted: Wanted,
        grid: &Grid<'_>,
        meaning: Option<Meaning>,
        helper: &mut Helper,
        rows: &mut Rows,
        spare: Vec<u8>,
    ) -> Result<Canvas> {
        let size = (grid.width as usize, grid.height as usize);
        let mut canvas: Option<Canvas> = None;
        let mut spare = Some(spare);
        let mut tile_size = None;
        let part_of = self.wanted_of_tiles(wanted, meaning);
        for line in 0..grid.tiles.len() / grid.columns {
            let mut is_whole = true;
            for column in 0..grid.columns {
                let Some(tile) = grid.tiles.get(line * grid.columns + column) else { continue };
                let Some(part) = part_of(*tile) else { continue };
                // What is not counted is not decoded.
                match self.shape(part).and_then(|_| self.canvas(part, helper, rows, Vec::new())) {
                    Ok(tile) => {
                        let (across, down) = *tile_size.get_or_insert((tile.width, tile.height));
                        let all = match &mut canvas {
                            Some(canvas) => canvas,
                            None => canvas.insert(Canvas::new(
                                size,
                                tile.channels,
                                spare.take().unwrap_or_default(),
                            )?),
                        };
                        all.put(&tile, (column * across, line * down));
                    }
                    Err(error) => {
                        is_whole = false;
                        rows.broken.get_or_insert(error);
                    }
                }
            }
            rows.whole += usize::from(is_whole);
            rows.all += 1;
        }
        canvas.ok_or_else(|| rows.broken.take().unwrap_or_else(|| corrupt("its grid has no tiles")))
    }
}

/// The content of a grid's item, with the tiles that it needs.
fn grid<'a>(content: &[u8], tiles: &'a [u32]) -> Option<Grid<'a>> {
    let mut numbers = Numbers::of(content);
    let (_, flags) = (numbers.byte()?, numbers.byte()?);
    let (rows, columns) = (usize::from(numbers.byte()?) + 1, usize::from(numbers.byte()?) + 1);
    let mut side = || numbers.number(if flags & 1 == 1 { 4 } else { 2 }).map(|side| side as u32);
    Some(Grid { width: side()?, height: side()?, columns, tiles: tiles.get(..rows * columns)? })
}

fn announced(coded: &Coded<'_>) -> Result<Announced> {
    match &coded.kind {
        b"hvc1" | b"hev1" => hevc::announced(coded),
        b"av01" => av1::announced(coded),
        kind => Err(unread(*kind)),
    }
}

/// Decodes a picture; where no table says how its colours are meant, its own headers do.
fn picture(
    coded: &Coded<'_>,
    meaning: Option<Meaning>,
    luma: bool,
    helper: &mut Helper,
    spare: Vec<u8>,
) -> Result<Canvas> {
    let announced = announced(coded)?;
    match &coded.kind {
        b"hvc1" | b"hev1" => hevc::picture(coded, &announced, meaning, luma, helper, spare),
        _ => av1::picture(coded, &announced, meaning, luma, helper, spare),
    }
}

/// What is shown of planes, on a canvas of its own.
fn painted<T: Sample>(
    planes: &Planes<'_, T>,
    meaning: Meaning,
    luma: bool,
    spare: Vec<u8>,
) -> Result<Canvas> {
    if !planes.is_whole() {
        return Err(corrupt("its planes are smaller than its picture"));
    }
    let channels = if luma || planes.chroma == Chroma::None { 1 } else { 3 };
    let mut canvas = Canvas::new((planes.width, planes.height), channels, spare)?;
    planes.paint(meaning, &mut canvas);
    Ok(canvas)
}

/// Opacity in the size of the picture.
fn opacity(plane: Canvas, (width, height): (usize, usize)) -> Vec<u8> {
    let alpha = if (plane.width, plane.height) == (width, height) {
        plane.samples
    } else {
        let across = |x: usize| x * plane.width / width.max(1);
        let row = |y: usize| y * plane.height / height.max(1) * plane.width;
        (0..height)
            .flat_map(|y| (0..width).map(move |x| (x, y)))
            .map(|(x, y)| plane.samples.get(row(y) + across(x)).copied().unwrap_or(u8::MAX))
            .collect()
    };
    if alpha.iter().all(|alpha| *alpha == u8::MAX) { Vec::new() } else { alpha }
}

/// Divides colours that are stored multiplied with opacity.
fn divide(canvas: &mut Canvas, alpha: &[u8]) {
    let pixels = canvas.samples.chunks_exact_mut(canvas.channels).zip(alpha);
    pixels.for_each(|(pixel, alpha)| pixel.iter_mut().for_each(|colour| *colour = divided(*colour, *alpha)));
}

fn unread(kind: [u8; 4]) -> Error {
    let name = match &kind {
        b"avc1" => "H.264",
        b"vvc1" => "VVC",
        b"j2k1" => "JPEG 2000",
        b"jpeg" => "JPEG",
        b"unci" => "no code at all",
        b"iovl" => "overlays of other pictures",
        _ => return Error::Unsupported(format!("HEIF with a picture of the kind {}", kind.escape_ascii())),
    };
    Error::Unsupported(format!("HEIF with pictures in {name}"))
}

fn corrupt(message: impl Into<String>) -> Error {
    Error::corrupt("heif", message)
}

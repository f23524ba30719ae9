//! All rows within a radius of many signatures: the inner loops of search.
//!
//! PhotoDNA-class: the scan of small integers puts candidates forward ([`super::index`] proves that no match is lost), their
//! distances decide. At radii so large that the scan would let a good part through, whole tiles are computed instead.
//! PDQ: the multi-index ([`multi_index`](super::multi_index)) where it is the faster one ([`cost_model`](super::cost_model)), the scan with its lower bound
//! elsewhere.
//!
//! Scans take the queries in sets that stay in the first cache, and the gallery in pieces so small that even if every
//! pair were a candidate the buffers stay within a few megabytes.

use std::ops::Range;

use fearless_simd::Level;

use super::Gallery;
use super::cost_model::{SET, index_pays};
use super::entry::EntryId;
use super::index::{self, PIECE, Small};
use super::multi_index::{MultiIndex, MultiIndexWork};
use super::segment::Segment;
use crate::backend::gpu::Metric;
use crate::kernel::distance::coarse::{self, CoarseGroup, CoarseQuery, LANES};
use crate::kernel::distance::squares::{self, TILE, Tile, TileQuery};
use crate::kernel::distance::{Pair, hamming};

/// Signatures in a set that meets piece after piece of the rows. With so many, some hundred of them reach a piece each time that it is
/// loaded from memory.
const SCAN_SET: usize = 2048;

/// Signatures in a set that is looked up in the multi-index. With so many, most of a word's table is needed for some of them, and is loaded
/// from memory once for all. (Sets of 512 took 57 µs of CPU time per query where these took 40 to 52.)
const INDEX_SET: usize = 1 << 14;

/// PDQ rows taken at a time.
const ROWS: usize = 2048;

/// Squared distance from which on whole tiles are computed: there the scan lets about one pair in ten through.
const TILES_FROM: u32 = 300_000;

/// Signatures looked up and buffers, PhotoDNA-class.
#[derive(Debug, Default)]
pub(super) struct PhotoDnaWork {
    signatures: Vec<[u8; 144]>,
    small: Vec<Small>,
    coarse: Vec<CoarseQuery>,
    groups: Vec<CoarseGroup>,
    /// Which of the set reach the piece at hand, and these.
    numbers: Vec<u32>,
    near: Vec<CoarseQuery>,
    tiled: Vec<TileQuery>,
    found: Vec<(Pair, u32)>,
    pairs: Vec<Pair>,
    distances: Vec<u32>,
    /// Whether the scan is left out at every radius.
    pub(super) every_pair: bool,
}

impl PhotoDnaWork {
    pub(super) fn clear(&mut self) {
        self.signatures.clear();
        self.small.clear();
    }

    pub(super) fn push(&mut self, signature: [u8; 144]) {
        self.signatures.push(signature);
        self.small.push(index::small(&signature));
    }
}

/// Signatures looked up and buffers, PDQ.
#[derive(Debug, Default)]
pub(super) struct PdqWork {
    signatures: Vec<[u8; 32]>,
    words: Vec<[u64; 4]>,
    pairs: Vec<Pair>,
    index: MultiIndexWork,
}

impl PdqWork {
    pub(super) fn clear(&mut self) {
        self.signatures.clear();
        self.words.clear();
    }

    pub(super) fn push(&mut self, signature: [u8; 32]) {
        self.signatures.push(signature);
        self.words.push(hamming::words(&signature));
    }

    /// Holds these signatures and no others.
    pub(super) fn with(&mut self, signatures: &[[u8; 32]]) -> &mut PdqWork {
        self.clear();
        signatures.iter().for_each(|signature| self.push(*signature));
        self
    }
}

impl Gallery {
    /// Calls `found` with signature, entry and distance of every pair within `radius`.
    pub(super) fn photodna_range(
        &self,
        work: &mut PhotoDnaWork,
        radius: u32,
        found: &mut dyn FnMut(u32, EntryId, u32),
    ) {
        for (number, segment) in self.segments.iter().enumerate() {
            let mut tell = |signature: usize, row: u32, distance: u32| {
                let entry = segment.photodna_entry(&self.storage, row);
                // The scan gives candidates, and a damaged file may name entries that are not there.
                if distance <= radius && entry < segment.entries {
                    found(signature as u32, EntryId { segment: number as u32, index: entry }, distance);
                }
            };
            let scan = radius < TILES_FROM && !work.every_pair;
            let mut done = 0;
            while done < work.signatures.len() {
                let mut tell = |query: usize, row: u32, distance: u32| tell(done + query, row, distance);
                let left = &work.signatures[done..];
                let by_device = self.range_on_device(number, Metric::Squares, left, radius, &mut tell);
                if by_device > 0 {
                    done += by_device;
                    continue;
                }
                let share = self.cpu_share(number, Metric::Squares, left.len());
                let set = done..done + share.min(if scan { SCAN_SET } else { SET });
                let next = set.end;
                self.by_cpu(number, Metric::Squares, (radius, set.len()), || {
                    if scan {
                        self.scan_photodna(segment, work, set, radius, &mut tell);
                    } else {
                        self.tile_photodna(segment, work, set, radius, &mut tell);
                    }
                });
                done = next;
            }
        }
    }

    /// Gives `tell` the distance of every pair of `set` that may lie within `radius`.
    fn scan_photodna(
        &self,
        segment: &Segment,
        work: &mut PhotoDnaWork,
        set: Range<usize>,
        radius: u32,
        tell: &mut dyn FnMut(usize, u32, u32),
    ) {
        let PhotoDnaWork {
            signatures, small, coarse: queries, groups, numbers, near, pairs, distances, ..
        } = work;
        queries.clear();
        queries.extend(small[set.clone()].iter().map(|own| index::query(own, radius, segment.rounding())));
        CoarseGroup::lay_out(queries, groups);
        let rows = segment.photodna_rows(&self.storage);
        let blocks = segment.photodna_blocks(&self.storage).chunks(PIECE / LANES);
        for (piece, (blocks, around)) in blocks.zip(segment.photodna_boxes(&self.storage)).enumerate() {
            numbers.clear();
            around.reached(self.level, groups, numbers);
            near.clear();
            near.extend(numbers.iter().map(|&number| queries[number as usize]));
            pairs.clear();
            distances.clear();
            coarse::scan(self.level, blocks, (piece * PIECE) as u32, near, pairs);
            // Rows that only fill up the last block are never let through, unless the file is damaged.
            pairs.retain(|pair| (pair.row as usize) < rows.len());
            // The scan numbered those that reached the box; the set's own numbers are wanted.
            pairs.iter_mut().for_each(|pair| pair.query = numbers[pair.query as usize]);
            squares::pairs(self.level, &signatures[set.clone()], rows, pairs, distances);
            for (pair, &distance) in pairs.iter().zip(&*distances) {
                tell(pair.query as usize, pair.row, distance);
            }
        }
    }

    /// Computes the distance of every pair of `set`, and gives `tell` those within `radius`.
    fn tile_photodna(
        &self,
        segment: &Segment,
        work: &mut PhotoDnaWork,
        set: Range<usize>,
        radius: u32,
        tell: &mut dyn FnMut(usize, u32, u32),
    ) {
        let PhotoDnaWork { signatures, tiled, found, .. } = work;
        tiled.clear();
        tiled.extend(signatures[set].iter().map(TileQuery::new));
        for (number, rows) in segment.photodna_rows(&self.storage).chunks(TILE).enumerate() {
            found.clear();
            squares::tile(self.level, &Tile::new(rows), tiled, radius, found);
            for (pair, distance) in found.iter().filter(|(pair, _)| (pair.row as usize) < rows.len()) {
                tell(pair.query as usize, (number * TILE) as u32 + pair.row, *distance);
            }
        }
    }

    /// Calls `found` with signature, entry and distance of every pair within `radius`.
    pub(super) fn pdq_range(
        &self,
        work: &mut PdqWork,
        radius: u32,
        found: &mut dyn FnMut(u32, EntryId, u32),
    ) {
        for (number, segment) in self.segments.iter().enumerate() {
            let mut tell = |query: usize, row: u32, distance: u32| {
                let entry = segment.pdq_entry(&self.storage, row);
                if distance <= radius && entry < segment.entries {
                    found(query as u32, EntryId { segment: number as u32, index: entry }, distance);
                }
            };
            let rows = segment.pdq_rows(&self.storage);
            let mut done = 0;
            while done < work.signatures.len() {
                let left = &work.signatures[done..];
                let mut behind = |query: usize, row: u32, distance: u32| tell(done + query, row, distance);
                let by_device = self.range_on_device(number, Metric::Hamming, left, radius, &mut behind);
                if by_device > 0 {
                    done += by_device;
                    continue;
                }
                let set = done..done + self.cpu_share(number, Metric::Hamming, left.len());
                let next = set.end;
                let index = segment.pdq_index(&self.storage);
                self.by_cpu(number, Metric::Hamming, (radius, set.len()), || {
                    match index.filter(|index| index_pays(self.level, index, rows.len(), set.len(), radius)) {
                        Some(index) => look_up(self.level, &index, work, set, radius, &mut tell),
                        None => every_row(self.level, rows, work, set, radius, &mut tell),
                    }
                });
                done = next;
            }
        }
    }
}

/// Gives `tell` the signature, row and distance of every pair within `radius`, found by the index; of the signatures of `set`.
pub(super) fn look_up(
    level: Level,
    multi_index: &MultiIndex<'_>,
    work: &mut PdqWork,
    set: Range<usize>,
    radius: u32,
    tell: &mut dyn FnMut(usize, u32, u32),
) {
    let PdqWork { signatures, index, .. } = work;
    let start = set.start;
    for (number, queries) in signatures[set].chunks(INDEX_SET).enumerate() {
        multi_index.search(level, queries, radius, index, &mut |pair, distance| {
            tell(start + number * INDEX_SET + pair.query as usize, pair.row, distance);
        });
    }
}

/// Gives `tell` the signature, row and distance of every pair that may lie within `radius`; of the signatures of `set`.
pub(super) fn every_row(
    level: Level,
    rows: &[[u8; 32]],
    work: &mut PdqWork,
    set: Range<usize>,
    radius: u32,
    tell: &mut dyn FnMut(usize, u32, u32),
) {
    let PdqWork { words, pairs, .. } = work;
    let start = set.start;
    for (number, queries) in words[set].chunks(SET).enumerate() {
        for (piece, rows) in rows.chunks(ROWS).enumerate() {
            pairs.clear();
            hamming::scan(level, rows, 0, queries, radius, pairs);
            for pair in &*pairs {
                let (own, row) = (&queries[pair.query as usize], &rows[pair.row as usize]);
                let known = hamming::words(row);
                let distance = (0..4).map(|w| (own[w] ^ known[w]).count_ones()).sum();
                tell(start + number * SET + pair.query as usize, (piece * ROWS) as u32 + pair.row, distance);
            }
        }
    }
}

//! The pages of a TIFF, one after another, each as the first of the file (TIFF 6.0, section 2).

use std::collections::HashSet;

use super::directory::Directory;
use super::estimate;
use crate::decode::MOST_FRAMES;
use crate::limits::Limits;

/// Pages that are looked for: many times as many as are read.
pub(in crate::decode) const MOST_PAGES: u64 = 1 << 20;

/// The pages behind the first.
pub(in crate::decode) struct Pages {
    /// The file, whose word for where its first page lies changes.
    file: Vec<u8>,
    little: bool,
    word: usize,
    places: Vec<Page>,
}

#[derive(Clone, Copy)]
struct Page {
    place: u64,
    /// See [`Pages::cost`].
    cost: u64,
}

/// Whether a second page is announced behind the first; it may not be there.
pub(in crate::decode) fn are_in(bytes: &[u8]) -> bool {
    Directory::read(bytes).is_some_and(|first| first.next_place().is_some_and(|place| place != first.place()))
}

/// Whether more than one page is a picture by itself: neither a smaller copy of another nor a mask. A file of more copies than anybody makes counts as
/// one with several: what comes behind them is not looked at.
pub(super) fn are_several(bytes: &[u8]) -> bool {
    const MOST: usize = 64;
    let (mut known, mut pictures) = (HashSet::new(), 0);
    let mut pages = std::iter::successors(Directory::read(bytes), Directory::next);
    while let Some(page) = pages.next().filter(|page| known.insert(page.place())) {
        pictures += usize::from(page.is_picture());
        if pictures > 1 || known.len() > MOST {
            return true;
        }
    }
    false
}

/// Memory that the largest page takes that the limits let through, in bytes, with a copy of the file.
pub(in crate::decode::raster) fn page_memory(bytes: &[u8], limits: &Limits) -> u64 {
    if !are_in(bytes) {
        return 0;
    }
    let mut pages = Pages::of(bytes);
    let (mut most, mut cost) = (0, 0u64);
    for number in 1..pages.count().min(u64::from(MOST_FRAMES)) {
        cost = cost.saturating_add(pages.cost(number));
        if limits.check_frames(cost, bytes.len() as u64).is_err() {
            break;
        }
        let page = pages.at(number).and_then(|file| estimate(file, limits).ok());
        let page = page.filter(|page| limits.check_decoder_bytes(page.memory).is_ok());
        most = most.max(page.map_or(0, |page| page.memory.max(page.faces)));
    }
    most.saturating_add(2 * bytes.len() as u64)
}

impl Pages {
    /// All pages, until one is named again or is not in the file.
    pub(in crate::decode) fn of(bytes: &[u8]) -> Pages {
        let (mut places, mut known) = (Vec::new(), HashSet::new());
        let Some(first) = Directory::read(bytes) else {
            return Pages { file: Vec::new(), little: true, word: 4, places };
        };
        let (little, word) = (first.little, first.word);
        known.insert(first.place());
        let mut at = first.next_place();
        while let Some(place) = at.filter(|place| (places.len() as u64) < MOST_PAGES && known.insert(*place))
        {
            let directory = Directory::at(bytes, place);
            let copied = |page: &Directory<'_>| if page.is_reduced() { bytes.len() as u64 / 4 } else { 0 };
            let cost = directory.as_ref().map_or(0, |page| copied(page).saturating_add(page.tables() / 8));
            places.push(Page { place, cost });
            at = directory.as_ref().and_then(Directory::next_place);
        }
        Pages { file: bytes.to_vec(), little, word, places }
    }

    /// How many there are, the first included.
    pub(in crate::decode) fn count(&self) -> u64 {
        1 + self.places.len() as u64
    }

    /// What looking at a page costs before its pixels, in pixels that would take as long: its tables, and a copy of the file that is made for a
    /// reduced one.
    pub(in crate::decode) fn cost(&self, number: u64) -> u64 {
        self.page(number).map_or(0, |page| page.cost)
    }

    /// The file with page `number` as its first, counted from 0; `None` for the first.
    pub(in crate::decode) fn at(&mut self, number: u64) -> Option<&[u8]> {
        let place = self.page(number)?.place;
        let (little, big) = (place.to_le_bytes(), place.to_be_bytes());
        let word = if self.little { &little[..self.word] } else { &big[8 - self.word..] };
        self.file.get_mut(self.word..2 * self.word)?.copy_from_slice(word);
        Some(&self.file)
    }

    fn page(&self, number: u64) -> Option<Page> {
        self.places.get(usize::try_from(number.checked_sub(1)?).ok()?).copied()
    }
}

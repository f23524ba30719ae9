//! Ways to break a JPEG, the same on every run.

/// A small generator of numbers (splitmix64).
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Numbers {
        Numbers(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The next number under `below`; 0 for 0.
    pub fn under(&mut self, below: usize) -> usize {
        if below == 0 { 0 } else { (self.next() % below as u64) as usize }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    FlipOne,
    FlipFew,
    FlipMany,
    FlipHeader,
    Cut,
    CutAndClosed,
    Zeroed,
    Filled,
    Removed,
    Doubled,
    Noise,
    SegmentRemoved,
    SegmentDoubled,
    SegmentsExchanged,
    SegmentFromAnother,
    IntervalRemoved,
    IntervalDoubled,
    IntervalsExchanged,
    MarkerRenamed,
    MarkerRemoved,
    MarkerPut,
}

use Mutation::*;

impl Mutation {
    pub const ALL: [Mutation; 21] = [
        FlipOne,
        FlipFew,
        FlipMany,
        FlipHeader,
        Cut,
        CutAndClosed,
        Zeroed,
        Filled,
        Removed,
        Doubled,
        Noise,
        SegmentRemoved,
        SegmentDoubled,
        SegmentsExchanged,
        SegmentFromAnother,
        IntervalRemoved,
        IntervalDoubled,
        IntervalsExchanged,
        MarkerRenamed,
        MarkerRemoved,
        MarkerPut,
    ];

    pub fn name(self) -> &'static str {
        match self {
            FlipOne => "one bit flipped",
            FlipFew => "4 bits flipped",
            FlipMany => "32 bits flipped",
            FlipHeader => "a header's bit flipped",
            Cut => "cut",
            CutAndClosed => "cut, end of image put behind",
            Zeroed => "a span of zeros",
            Filled => "a span of FF",
            Removed => "a piece removed",
            Doubled => "a piece doubled",
            Noise => "a span of noise",
            SegmentRemoved => "a segment removed",
            SegmentDoubled => "a segment doubled",
            SegmentsExchanged => "two segments exchanged",
            SegmentFromAnother => "another file's segment",
            IntervalRemoved => "a restart interval removed",
            IntervalDoubled => "a restart interval doubled",
            IntervalsExchanged => "two restart intervals exchanged",
            MarkerRenamed => "a marker renamed",
            MarkerRemoved => "a marker removed",
            MarkerPut => "a marker put in",
        }
    }

    /// A mutant of `file`; `other` may lend it a segment.
    pub fn of(self, file: &[u8], other: &[u8], numbers: &mut Numbers) -> Vec<u8> {
        match self {
            FlipOne => flipped(file, 1, file.len(), numbers),
            FlipFew => flipped(file, 4, file.len(), numbers),
            FlipMany => flipped(file, 32, file.len(), numbers),
            FlipHeader => flipped(file, 1, data_starts(file), numbers),
            Cut => file[..2 + numbers.under(file.len() - 2)].to_vec(),
            CutAndClosed => [&file[..2 + numbers.under(file.len() - 2)], &[0xFF, 0xD9]].concat(),
            Zeroed => filled(file, numbers, |_| 0),
            Filled => filled(file, numbers, |_| 0xFF),
            Noise => filled(file, numbers, |numbers| numbers.next() as u8),
            Removed => spliced(file, numbers, |piece| (piece.end, piece.end)),
            Doubled => spliced(file, numbers, |piece| (piece.end, piece.start)),
            SegmentRemoved => one(file, &segments(file), numbers, |_| Vec::new()),
            SegmentDoubled => one(file, &segments(file), numbers, |piece| [piece, piece].concat()),
            SegmentsExchanged => exchanged(file, &segments(file), numbers),
            SegmentFromAnother => {
                let theirs = segments(other);
                let new = theirs[numbers.under(theirs.len())].clone();
                one(file, &segments(file), numbers, |piece| [&other[new.clone()], piece].concat())
            }
            IntervalRemoved => one(file, &intervals(file), numbers, |_| Vec::new()),
            IntervalDoubled => one(file, &intervals(file), numbers, |piece| [piece, piece].concat()),
            IntervalsExchanged => exchanged(file, &intervals(file), numbers),
            MarkerRenamed => {
                let code = [0xD0 + numbers.under(8) as u8, numbers.next() as u8][numbers.under(2)];
                one(file, &markers(file), numbers, |_| vec![0xFF, code])
            }
            MarkerRemoved => one(file, &markers(file), numbers, |_| Vec::new()),
            MarkerPut => {
                let at = numbers.under(file.len());
                let code = [0xD0 + numbers.under(8) as u8, numbers.next() as u8][numbers.under(2)];
                [&file[..at], &[0xFF, code], &file[at..]].concat()
            }
        }
    }
}

type Piece = std::ops::Range<usize>;

fn flipped(file: &[u8], bits: usize, below: usize, numbers: &mut Numbers) -> Vec<u8> {
    let mut file = file.to_vec();
    for _ in 0..bits {
        let at = 2 + numbers.under(below.saturating_sub(2));
        file[at] ^= 1 << numbers.under(8);
    }
    file
}

fn piece(file: &[u8], numbers: &mut Numbers) -> Piece {
    let start = 2 + numbers.under(file.len() - 2);
    let most = [4, 64, 1_024][numbers.under(3)];
    start..(start + 1 + numbers.under(most)).min(file.len())
}

fn filled(file: &[u8], numbers: &mut Numbers, mut byte: impl FnMut(&mut Numbers) -> u8) -> Vec<u8> {
    let (mut broken, piece) = (file.to_vec(), piece(file, numbers));
    broken[piece].iter_mut().for_each(|to| *to = byte(numbers));
    broken
}

fn spliced(file: &[u8], numbers: &mut Numbers, cut: impl Fn(Piece) -> (usize, usize)) -> Vec<u8> {
    let piece = piece(file, numbers);
    let start = piece.start;
    let (end, from) = cut(piece);
    match from < end {
        true => [&file[..end], &file[from..]].concat(),
        false => [&file[..start], &file[from..]].concat(),
    }
}

fn one(file: &[u8], pieces: &[Piece], numbers: &mut Numbers, new: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let Some(piece) = pieces.get(numbers.under(pieces.len())) else { return file.to_vec() };
    [&file[..piece.start], &new(&file[piece.clone()]), &file[piece.end..]].concat()
}

fn exchanged(file: &[u8], pieces: &[Piece], numbers: &mut Numbers) -> Vec<u8> {
    if pieces.len() < 2 {
        return file.to_vec();
    }
    let (a, b) = (numbers.under(pieces.len()), numbers.under(pieces.len()));
    let (a, b) = (&pieces[a.min(b)], &pieces[a.max(b)]);
    if a == b {
        return file.to_vec();
    }
    let (first, second) = (&file[a.clone()], &file[b.clone()]);
    [&file[..a.start], second, &file[a.end..b.start], first, &file[b.end..]].concat()
}

/// Every marker behind SOI, and what lies behind it up to the next.
fn all(file: &[u8]) -> Vec<(u8, Piece)> {
    let mut found: Vec<(u8, usize)> = Vec::new();
    let mut at = 2;
    while at + 1 < file.len() {
        let code = file[at + 1];
        if file[at] != 0xFF || code == 0 || code == 0xFF {
            at += 1;
            continue;
        }
        found.push((code, at));
        at += match code {
            0xD0..=0xD9 | 0x01 => 2,
            _ if at + 3 < file.len() => 2 + usize::from(u16::from_be_bytes([file[at + 2], file[at + 3]])),
            _ => 2,
        };
    }
    let ends = found.iter().skip(1).map(|&(_, at)| at).chain([file.len()]).collect::<Vec<_>>();
    found.iter().zip(ends).map(|(&(code, at), end)| (code, at..end)).collect()
}

/// Segments with what follows each, scans with their first interval.
fn segments(file: &[u8]) -> Vec<Piece> {
    all(file).into_iter().filter(|(code, _)| !(0xD0..=0xD9).contains(code)).map(|(_, piece)| piece).collect()
}

/// Restart markers with the interval behind each.
fn intervals(file: &[u8]) -> Vec<Piece> {
    all(file).into_iter().filter(|(code, _)| (0xD0..=0xD7).contains(code)).map(|(_, piece)| piece).collect()
}

fn markers(file: &[u8]) -> Vec<Piece> {
    all(file).into_iter().map(|(_, piece)| piece.start..piece.start + 2).collect()
}

/// Where the first scan's data starts.
fn data_starts(file: &[u8]) -> usize {
    let scan = all(file).into_iter().find(|(code, _)| *code == 0xDA);
    scan.map_or(file.len(), |(_, piece)| (piece.start + 14).min(file.len()))
}

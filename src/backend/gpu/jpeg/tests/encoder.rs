//! A writer of baseline JPEGs from coefficients, with the codes that encoders use.

use crate::decode::jpeg::STANDARD;
use crate::kernel::Bytes;

/// A picture to write.
#[derive(Clone)]
pub(crate) struct Picture {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Each component's blocks across and down in an MCU.
    pub(crate) sampling: Vec<(usize, usize)>,
    /// Each component's blocks, row by row, those that fill MCUs included; coefficients in zigzag order.
    pub(crate) blocks: Vec<Vec<[i32; 64]>>,
    /// Quantisation steps of luma and chroma.
    pub(crate) steps: [u8; 2],
    /// MCUs between restart markers; 0 for none.
    pub(crate) restart: usize,
    pub(crate) coding: Coding,
}

/// Which codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    /// Those of annex K.3, one pair for luma and one for chroma.
    Standard,
    /// The shortest for this picture, one pair for each.
    Optimised,
    /// The shortest, one pair for all.
    Shared,
}

/// What is in the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// As a photograph: much in low frequencies, little in high ones.
    Photo,
    /// Up to every second coefficient.
    Noise,
    /// Every coefficient: blocks end by the number of their symbols alone, so that who is off by one stays so.
    Dense,
    /// Next to nothing: blocks of equal bits over and over.
    Flat,
}

impl Picture {
    pub(crate) fn new(
        numbers: &mut Bytes,
        (width, height): (usize, usize),
        sampling: &[(usize, usize)],
        content: Content,
    ) -> Picture {
        let sampling = if sampling.len() == 1 { vec![(1, 1)] } else { sampling.to_vec() };
        let mut picture = Picture {
            width,
            height,
            sampling,
            blocks: Vec::new(),
            steps: [5, 7],
            restart: 0,
            coding: Coding::Optimised,
        };
        let (wide, high) = picture.mcus();
        for &(across, down) in &picture.sampling {
            let mut dc = 0;
            picture
                .blocks
                .push((0..wide * across * high * down).map(|_| block(numbers, content, &mut dc)).collect());
        }
        picture
    }

    /// The same within the range of pixels, and with next to nothing in high frequencies, as most photographs.
    pub(crate) fn softened(mut self) -> Picture {
        for (component, blocks) in self.blocks.iter_mut().enumerate() {
            let most = if component == 0 { 120 } else { 20 };
            for block in blocks {
                block[0] = block[0] * most / 1000;
                block[1..].iter_mut().for_each(|value| *value /= 4);
                block[63] /= 50;
            }
        }
        self
    }

    pub(crate) fn mcus(&self) -> (usize, usize) {
        let most = |side: fn(&(usize, usize)) -> usize| self.sampling.iter().map(side).max().unwrap();
        (self.width.div_ceil(8 * most(|s| s.0)), self.height.div_ceil(8 * most(|s| s.1)))
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        self.encode_with(|_| ())
    }

    /// The same with every restart interval's bytes changed as they are written.
    pub(crate) fn encode_with(&self, mut change: impl FnMut(&mut Vec<u8>)) -> Vec<u8> {
        let codes = self.codes();
        let mut file = vec![0xFF, 0xD8];
        for (place, step) in self.steps.iter().enumerate() {
            segment(&mut file, 0xDB, &[&[place as u8][..], &[*step; 64]].concat());
        }
        let mut frame = vec![8];
        frame.extend((self.height as u16).to_be_bytes());
        frame.extend((self.width as u16).to_be_bytes());
        frame.push(self.sampling.len() as u8);
        let mut scan = vec![self.sampling.len() as u8];
        for (index, (across, down)) in self.sampling.iter().enumerate() {
            frame.extend([index as u8 + 1, (across << 4 | down) as u8, u8::from(index > 0)]);
            scan.extend([index as u8 + 1, 0x11 * self.pair(index) as u8]);
        }
        segment(&mut file, 0xC0, &frame);
        // Without tables a reader takes the standard's.
        if self.coding != Coding::Standard {
            for (place, [dc, ac]) in codes.iter().enumerate() {
                segment(&mut file, 0xC4, &[&[place as u8][..], dc].concat());
                segment(&mut file, 0xC4, &[&[0x10 | place as u8][..], ac].concat());
            }
        }
        segment(&mut file, 0xDD, &(self.restart as u16).to_be_bytes());
        scan.extend([0, 63, 0]);
        segment(&mut file, 0xDA, &scan);
        let words: Vec<[Vec<(u32, u32)>; 2]> =
            codes.iter().map(|pair| [words(&pair[0]), words(&pair[1])]).collect();
        let mut number = 0;
        self.each_interval(|symbols| {
            if number > 0 {
                file.extend([0xFF, 0xD0 + ((number - 1) % 8) as u8]);
            }
            number += 1;
            let mut bits = Bits::default();
            for &Symbol { pair, class, symbol, value, size } in symbols {
                let (code, length) = words[pair][class][usize::from(symbol)];
                assert!(length > 0, "symbol {symbol:#x} has a code");
                bits.put(code, length);
                bits.put((if value < 0 { value - 1 } else { value }) as u32, size);
            }
            let mut bytes = bits.finish();
            change(&mut bytes);
            file.extend(bytes);
        });
        file.extend([0xFF, 0xD9]);
        file
    }

    fn pair(&self, component: usize) -> usize {
        usize::from(component > 0 && self.coding != Coding::Shared)
    }

    /// The symbols of each restart interval.
    fn each_interval(&self, mut take: impl FnMut(&[Symbol])) {
        let (wide, high) = self.mcus();
        let restart = if self.restart > 0 { self.restart } else { wide * high };
        let mut symbols = Vec::new();
        let mut before = [0; 4];
        for mcu in 0..wide * high {
            if mcu > 0 && mcu % restart == 0 {
                take(&symbols);
                symbols.clear();
                before = [0; 4];
            }
            for (component, &(across, down)) in self.sampling.iter().enumerate() {
                for at in 0..across * down {
                    let row = mcu / wide * down + at / across;
                    let column = mcu % wide * across + at % across;
                    let block = &self.blocks[component][row * wide * across + column];
                    say(&mut symbols, self.pair(component), block, &mut before[component]);
                }
            }
        }
        take(&symbols);
    }

    /// BITS and HUFFVAL of DC and AC codes, pair by pair.
    fn codes(&self) -> Vec<[Vec<u8>; 2]> {
        if self.coding == Coding::Standard {
            return STANDARD.iter().map(|pair| pair.map(<[u8]>::to_vec)).collect();
        }
        let mut counts = [[[0u64; 256]; 2]; 2];
        self.each_interval(|symbols| {
            symbols
                .iter()
                .for_each(|symbol| counts[symbol.pair][symbol.class][usize::from(symbol.symbol)] += 1);
        });
        let pairs = if self.coding == Coding::Shared || self.sampling.len() == 1 { 1 } else { 2 };
        counts[..pairs].iter().map(|pair| [shortest(&pair[0]), shortest(&pair[1])]).collect()
    }
}

fn block(numbers: &mut Bytes, content: Content, dc: &mut i32) -> [i32; 64] {
    let mut block = [0; 64];
    let mut small = |most: u64| (numbers.next() % (2 * most + 1)) as i32 - most as i32;
    match content {
        Content::Flat => {}
        Content::Photo => {
            *dc = (*dc + small(40)).clamp(-1000, 1000);
            let reach = 2 + small(20).unsigned_abs() as usize * small(3).unsigned_abs() as usize;
            for (k, value) in block.iter_mut().enumerate().take(reach.min(64)).skip(1) {
                *value = small(1 + 60 / (k * k) as u64) * i32::from(small(2) != 0);
            }
            if small(30) == 0 {
                block[63] = small(500);
            }
        }
        Content::Noise => {
            *dc = small(1000);
            let reach = 8 + small(25).unsigned_abs() as usize * 2;
            block.iter_mut().take(reach).skip(1).for_each(|value| *value = small(60) * (small(1) % 2));
        }
        Content::Dense => {
            *dc = small(1000);
            block.iter_mut().skip(1).for_each(|value| *value = 2 * small(30) + 1);
        }
    }
    block[0] = *dc;
    block
}

/// A symbol of a pair's DC or AC code with its value.
#[derive(Debug, Clone, Copy)]
struct Symbol {
    pair: usize,
    class: usize,
    symbol: u8,
    value: i32,
    size: u32,
}

fn say(symbols: &mut Vec<Symbol>, pair: usize, block: &[i32; 64], before: &mut i32) {
    let size = |value: i32| 32 - value.unsigned_abs().leading_zeros();
    let value = block[0] - *before;
    *before = block[0];
    symbols.push(Symbol { pair, class: 0, symbol: size(value) as u8, value, size: size(value) });
    let mut zeros = 0;
    for &value in &block[1..] {
        if value == 0 {
            zeros += 1;
            continue;
        }
        while zeros > 15 {
            symbols.push(Symbol { pair, class: 1, symbol: 0xF0, value: 0, size: 0 });
            zeros -= 16;
        }
        let symbol = (zeros << 4) as u8 | size(value) as u8;
        symbols.push(Symbol { pair, class: 1, symbol, value, size: size(value) });
        zeros = 0;
    }
    if zeros > 0 {
        symbols.push(Symbol { pair, class: 1, symbol: 0, value: 0, size: 0 });
    }
}

/// The shortest code for symbols that come so often, up to 16 bits, without one of one-bits alone (T.81, K.2).
fn shortest(counts: &[u64; 256]) -> Vec<u8> {
    // Symbol 256 keeps the code of one-bits alone free.
    let mut groups: Vec<(u64, Vec<usize>)> =
        (0..256).filter(|&symbol| counts[symbol] > 0).map(|symbol| (counts[symbol], vec![symbol])).collect();
    groups.push((0, vec![256]));
    let mut lengths = [0usize; 257];
    while groups.len() > 1 {
        groups.sort_by_key(|(count, members)| std::cmp::Reverse((*count, !members.contains(&256))));
        let (least, next) = (groups.pop().unwrap(), groups.pop().unwrap());
        let members = [least.1, next.1].concat();
        members.iter().for_each(|&member| lengths[member] += 1);
        groups.push((least.0 + next.0, members));
    }
    let mut bits = [0u32; 258];
    lengths.iter().filter(|&&length| length > 0).for_each(|&length| bits[length] += 1);
    for length in (17..258).rev() {
        while bits[length] > 0 {
            let shorter = (1..length - 1).rev().find(|&shorter| bits[shorter] > 0).unwrap();
            bits[length] -= 2;
            bits[length - 1] += 1;
            bits[shorter + 1] += 2;
            bits[shorter] -= 1;
        }
    }
    let longest = (1..17).rev().find(|&length| bits[length] > 0).unwrap();
    bits[longest] -= 1;
    let mut symbols: Vec<usize> = (0..256).filter(|&symbol| lengths[symbol] > 0).collect();
    symbols.sort_by_key(|&symbol| lengths[symbol]);
    let key = (1..17).map(|length| bits[length] as u8).chain(symbols.into_iter().map(|symbol| symbol as u8));
    key.collect()
}

/// Each symbol's code and its length; 0 where it has none.
fn words(key: &[u8]) -> Vec<(u32, u32)> {
    let (mut words, mut code, mut at) = (vec![(0, 0); 256], 0, 16);
    for length in 1..=16 {
        for _ in 0..key[length - 1] {
            words[usize::from(key[at])] = (code, length as u32);
            (code, at) = (code + 1, at + 1);
        }
        code <<= 1;
    }
    words
}

pub(crate) fn segment(file: &mut Vec<u8>, marker: u8, content: &[u8]) {
    file.extend([0xFF, marker]);
    file.extend((content.len() as u16 + 2).to_be_bytes());
    file.extend(content);
}

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    pending: u32,
    count: u32,
}

impl Bits {
    fn put(&mut self, value: u32, count: u32) {
        for bit in (0..count).rev() {
            self.pending = self.pending << 1 | (value >> bit & 1);
            self.count += 1;
            if self.count == 8 {
                self.bytes.push(self.pending as u8);
                if self.pending == 0xFF {
                    self.bytes.push(0);
                }
                (self.pending, self.count) = (0, 0);
            }
        }
    }

    fn finish(mut self) -> Vec<u8> {
        while self.count > 0 {
            self.put(1, 1);
        }
        self.bytes
    }
}

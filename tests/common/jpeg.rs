//! A writer of baseline JPEGs from coefficients, with room for everything that no encoder writes.

/// One block: DC, and its other coefficients as how many zeros come before each and its value.
///
/// Zeros may lead behind coefficient 63; values have up to 15 bits. A value of 0 stands for as many ZRL symbols as the zeros fill.
#[derive(Clone, Default)]
pub struct Block {
    pub dc: i32,
    pub ac: Vec<(usize, i32)>,
}

impl Block {
    /// The coefficients in zigzag order, as far as there are 64; DC is not among them.
    fn zigzag(&self) -> [i32; 64] {
        let (mut values, mut k) = ([0; 64], 1);
        for &(zeros, value) in &self.ac {
            k += zeros;
            values[k] = value;
            k += 1;
        }
        values
    }
}

/// One component, its blocks row by row, those that only fill MCUs included.
#[derive(Clone)]
pub struct Component {
    pub id: u8,
    pub across: usize,
    pub down: usize,
    /// The quantisation table's place.
    pub table: u8,
    pub blocks: Vec<Block>,
}

/// A picture to write.
#[derive(Clone)]
pub struct Jpeg {
    pub width: usize,
    pub height: usize,
    pub components: Vec<Component>,
    /// Quantisation tables in zigzag order.
    pub tables: Vec<[u8; 64]>,
    /// MCUs between restart markers; 0 for none.
    pub restart: usize,
    /// Segments in front of all others: marker and content.
    pub segments: Vec<(u8, Vec<u8>)>,
}

impl Jpeg {
    /// A picture of soft waves in three components, luma sampled so many times as finely.
    pub fn waves(width: usize, height: usize, (across, down): (usize, usize)) -> Jpeg {
        let component = |id: u8, across: usize, down: usize| Component {
            id,
            across,
            down,
            table: u8::from(id > 1),
            blocks: Vec::new(),
        };
        let components = vec![component(1, across, down), component(2, 1, 1), component(3, 1, 1)];
        let tables = vec![[4; 64], [6; 64]];
        let mut jpeg = Jpeg { width, height, components, tables, restart: 0, segments: Vec::new() };
        for index in 0..3 {
            let (wide, high) = jpeg.stored(index);
            let wave = |x: usize, y: usize| {
                let place = (x * 7 + y * 13 + index * 29) as f64 / 11.0;
                Block {
                    dc: (90.0 * place.sin()) as i32,
                    ac: vec![(0, (20.0 * place.cos()) as i32 | 1), (x % 3, -9), (4, 5), (y % 5, 3)],
                }
            };
            jpeg.components[index].blocks =
                (0..high).flat_map(|y| (0..wide).map(move |x| (x, y))).map(|(x, y)| wave(x, y)).collect();
        }
        jpeg
    }

    /// The same with a quarter of its chroma, so that hardly a pixel is clamped.
    pub fn pale(mut self) -> Jpeg {
        for component in &mut self.components[1..] {
            for block in &mut component.blocks {
                block.dc /= 4;
                block.ac.truncate(1);
            }
        }
        self
    }

    fn most(&self) -> (usize, usize) {
        let most = |side: fn(&Component) -> usize| self.components.iter().map(side).max().unwrap();
        (most(|c| c.across), most(|c| c.down))
    }

    /// MCUs across and down.
    pub fn mcus(&self) -> (usize, usize) {
        let (across, down) = self.most();
        (self.width.div_ceil(8 * across), self.height.div_ceil(8 * down))
    }

    /// A component's blocks across and down, those that fill MCUs included.
    pub fn stored(&self, index: usize) -> (usize, usize) {
        let (wide, high) = self.mcus();
        (wide * self.components[index].across, high * self.components[index].down)
    }

    /// The whole file, one scan of all components.
    pub fn encode(&self) -> Vec<u8> {
        [self.start(), self.all(), vec![0xFF, 0xD9]].concat()
    }

    /// A progressive file of these scans.
    pub fn progressive(&self, scans: &[Progression]) -> Vec<u8> {
        let mut file = self.start();
        let frame = file.windows(2).position(|two| two == [0xFF, 0xC0]).unwrap();
        file[frame + 1] = 0xC2;
        for scan in scans {
            let components: Vec<usize> = match scan.component {
                Some(index) => vec![index],
                None => (0..self.components.len()).collect(),
            };
            let blocks = if components.len() > 1 { self.in_mcus() } else { self.in_rows(components[0]) };
            let header = [scan.first as u8, scan.last as u8, (scan.high << 4 | scan.low) as u8];
            file.extend(self.scan_header_of(&components, header));
            let (mut bits, mut before) = (Bits::default(), [0; 4]);
            for (index, block) in blocks.iter().flatten() {
                bits.progressive(block, scan, &mut before[*index]);
            }
            file.extend(bits.finish());
        }
        file.extend([0xFF, 0xD9]);
        file
    }

    /// Everything before the first scan.
    pub fn start(&self) -> Vec<u8> {
        let mut file = vec![0xFF, 0xD8];
        self.segments.iter().for_each(|(marker, content)| segment(&mut file, *marker, content));
        self.tables.iter().enumerate().for_each(|(place, table)| file.extend(quantiser(place as u8, table)));
        let size = |side: usize| (side as u16).to_be_bytes();
        let mut frame = vec![8];
        frame.extend(size(self.height));
        frame.extend(size(self.width));
        frame.push(self.components.len() as u8);
        for component in &self.components {
            frame.extend([component.id, (component.across << 4 | component.down) as u8, component.table]);
        }
        segment(&mut file, 0xC0, &frame);
        file.extend(huffman());
        segment(&mut file, 0xDD, &(self.restart as u16).to_be_bytes());
        file
    }

    /// A scan of all components, its header included.
    pub fn all(&self) -> Vec<u8> {
        let indices: Vec<usize> = (0..self.components.len()).collect();
        [self.scan_header(&indices), self.data(&self.in_mcus())].concat()
    }

    fn in_mcus(&self) -> Vec<Vec<(usize, &Block)>> {
        let (wide, high) = self.mcus();
        let mut mcus = Vec::new();
        for (y, x) in (0..high).flat_map(|y| (0..wide).map(move |x| (y, x))) {
            let mut mcu = Vec::new();
            for (index, component) in self.components.iter().enumerate() {
                for at in 0..component.across * component.down {
                    let row = y * component.down + at / component.across;
                    let column = x * component.across + at % component.across;
                    mcu.push((index, &component.blocks[row * self.stored(index).0 + column]));
                }
            }
            mcus.push(mcu);
        }
        mcus
    }

    /// A scan of one component, its header included.
    pub fn alone(&self, index: usize) -> Vec<u8> {
        [self.scan_header(&[index]), self.data(&self.in_rows(index))].concat()
    }

    fn in_rows(&self, index: usize) -> Vec<Vec<(usize, &Block)>> {
        let component = &self.components[index];
        let (across, down) = self.most();
        let wide = (self.width * component.across).div_ceil(across).div_ceil(8);
        let high = (self.height * component.down).div_ceil(down).div_ceil(8);
        let rows = component.blocks.chunks(self.stored(index).0).take(high);
        rows.flat_map(|row| row[..wide].iter().map(|block| vec![(index, block)])).collect()
    }

    /// The header of a scan of these components.
    pub fn scan_header(&self, indices: &[usize]) -> Vec<u8> {
        self.scan_header_of(indices, [0, 63, 0])
    }

    fn scan_header_of(&self, indices: &[usize], progression: [u8; 3]) -> Vec<u8> {
        let mut content = vec![indices.len() as u8];
        indices.iter().for_each(|&index| content.extend([self.components[index].id, 0]));
        content.extend(progression);
        let mut file = Vec::new();
        segment(&mut file, 0xDA, &content);
        file
    }

    /// The data of a scan, MCU by MCU: each block with its component.
    fn data(&self, mcus: &[Vec<(usize, &Block)>]) -> Vec<u8> {
        let interval = if self.restart > 0 { self.restart } else { mcus.len() };
        let mut file = Vec::new();
        for (number, mcus) in mcus.chunks(interval).enumerate() {
            if number > 0 {
                file.extend([0xFF, 0xD0 + (number as u8 - 1) % 8]);
            }
            let (mut bits, mut before) = (Bits::default(), [0; 4]);
            for (index, block) in mcus.iter().flatten() {
                bits.block(block, &mut before[*index]);
            }
            file.extend(bits.finish());
        }
        file
    }
}

/// A scan of a progressive file: of one component or of all, which coefficients, and the bits before and after it.
#[derive(Clone, Copy)]
pub struct Progression {
    pub component: Option<usize>,
    pub first: usize,
    pub last: usize,
    pub high: u32,
    pub low: u32,
}

impl Progression {
    pub fn new(
        component: Option<usize>,
        (first, last): (usize, usize),
        (high, low): (u32, u32),
    ) -> Progression {
        Progression { component, first, last, high, low }
    }
}

/// Appends a segment.
pub fn segment(file: &mut Vec<u8>, marker: u8, content: &[u8]) {
    file.extend([0xFF, marker]);
    file.extend((content.len() as u16 + 2).to_be_bytes());
    file.extend(content);
}

/// A segment that defines a quantisation table.
pub fn quantiser(place: u8, table: &[u8; 64]) -> Vec<u8> {
    let mut file = Vec::new();
    segment(&mut file, 0xDB, &[&[place], &table[..]].concat());
    file
}

/// Codes in the order of their symbols: DC sizes 5 bits each, of the AC symbols 240 of 9 bits and 16 of 10.
fn huffman() -> Vec<u8> {
    let (mut dc, mut ac) = ([0; 16], [0; 16]);
    (dc[4], ac[8], ac[9]) = (16, 240, 16);
    let symbols: Vec<u8> = (0..=255).collect();
    let mut file = Vec::new();
    segment(&mut file, 0xC4, &[&[0x00], &dc[..], &symbols[..16]].concat());
    segment(&mut file, 0xC4, &[&[0x10], &ac[..], &symbols[..]].concat());
    file
}

/// Entropy-coded bits.
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

    fn block(&mut self, block: &Block, before: &mut i32) {
        let size = size(block.dc - *before);
        self.put(size, 5);
        self.value(block.dc - *before, size);
        *before = block.dc;
        let mut k = 1;
        for &(zeros, value) in &block.ac {
            (0..zeros / 16).for_each(|_| self.symbol(0xF0));
            k += zeros;
            if value != 0 {
                let size = self::size(value);
                self.symbol((zeros as u32 % 16) << 4 | size);
                self.value(value, size);
                k += 1;
            }
        }
        if k < 64 {
            self.symbol(0);
        }
    }

    /// A block's part of a progressive scan, each end of band by itself (T.81, G.1.2).
    fn progressive(&mut self, block: &Block, scan: &Progression, before: &mut i32) {
        match (scan.first, scan.high) {
            (0, 0) => {
                let dc = block.dc >> scan.low;
                let size = size(dc - *before);
                self.put(size, 5);
                self.value(dc - *before, size);
                *before = dc;
            }
            (0, _) => self.put((block.dc >> scan.low) as u32 & 1, 1),
            (_, 0) => self.band(&block.zigzag(), scan),
            _ => self.refinement(&block.zigzag(), scan),
        }
    }

    fn band(&mut self, values: &[i32; 64], scan: &Progression) {
        let mut zeros = 0;
        for value in values[scan.first..=scan.last].iter().map(|value| value / (1 << scan.low)) {
            if value == 0 {
                zeros += 1;
                continue;
            }
            (0..zeros / 16).for_each(|_| self.symbol(0xF0));
            let size = size(value);
            self.symbol(((zeros % 16) << 4) | size);
            self.value(value, size);
            zeros = 0;
        }
        if zeros > 0 {
            self.symbol(0);
        }
    }

    fn refinement(&mut self, values: &[i32; 64], scan: &Progression) {
        let magnitude = |value: i32| value.unsigned_abs() >> scan.low;
        let band = &values[scan.first..=scan.last];
        let last_new = band.iter().rposition(|&value| magnitude(value) == 1);
        let (mut zeros, mut corrections) = (0, Vec::new());
        for (at, &value) in band.iter().enumerate() {
            let of = magnitude(value);
            if of == 0 {
                zeros += 1;
                continue;
            }
            while zeros > 15 && last_new.is_some_and(|last| at <= last) {
                self.symbol(0xF0);
                corrections.drain(..).for_each(|bit| self.put(bit, 1));
                zeros -= 16;
            }
            if of > 1 {
                corrections.push(of & 1);
                continue;
            }
            self.symbol(zeros << 4 | 1);
            self.put(u32::from(value > 0), 1);
            corrections.drain(..).for_each(|bit| self.put(bit, 1));
            zeros = 0;
        }
        if zeros > 0 || !corrections.is_empty() {
            self.symbol(0);
            corrections.into_iter().for_each(|bit| self.put(bit, 1));
        }
    }

    fn symbol(&mut self, symbol: u32) {
        if symbol < 240 { self.put(symbol, 9) } else { self.put(480 + symbol - 240, 10) }
    }

    fn value(&mut self, value: i32, size: u32) {
        self.put((if value < 0 { value - 1 } else { value }) as u32, size);
    }

    fn finish(mut self) -> Vec<u8> {
        while self.count > 0 {
            self.put(1, 1);
        }
        self.bytes
    }
}

fn size(value: i32) -> u32 {
    32 - value.unsigned_abs().leading_zeros()
}

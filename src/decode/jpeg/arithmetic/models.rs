//! Coefficients from decisions: the statistical models of T.81, F.1.4 (sequential) and G.1.3 (progressive).

use super::super::frame::{Frame, Process};
use super::super::marker::{self, is_restart};
use super::super::scan::Scan;
use super::Coefficients;
use super::coder::{Bin, Coder, Conditioning};

/// The bins of a DC table: four for each kind of difference before, then those of magnitudes (table F.4).
const DC: usize = 64;
const DC_MAGNITUDES: usize = 20;

/// The bins of an AC table: three for each place, then those of magnitudes at low places and at high ones (table F.5).
const AC: usize = 256;
const LOW_MAGNITUDES: usize = 189;
const HIGH_MAGNITUDES: usize = 217;

/// From the bin of a magnitude's category to that of its other bits.
const TO_BITS: usize = 14;

/// Most that a magnitude may be, as a power of two.
const MOST: i32 = 0x8000;

/// What is learnt in a restart interval.
struct Models {
    dc: [[Bin; DC]; 4],
    ac: [[Bin; AC]; 4],
    /// The DC value before, and the kind of the last difference, of each component.
    before: [i32; 4],
    kind: [usize; 4],
}

impl Models {
    fn new() -> Models {
        Models { dc: [[Bin::default(); DC]; 4], ac: [[Bin::default(); AC]; 4], before: [0; 4], kind: [0; 4] }
    }
}

/// One scan.
struct Reading<'a> {
    scan: &'a Scan,
    process: Process,
    conditioning: &'a Conditioning,
    coder: Coder<'a>,
    models: Box<Models>,
    /// Whether a magnitude was larger than any, behind which nothing is known.
    is_broken: bool,
}

/// Decodes the scan that `data` begins with; returns where the marker behind it lies, and how many MCUs came before anything was wrong.
pub(super) fn read(
    frame: &Frame,
    scan: &Scan,
    conditioning: &Conditioning,
    restart: usize,
    data: &[u8],
    stored: &mut [Coefficients],
) -> (usize, usize) {
    let coder = Coder::new(data, 0);
    let models = Box::new(Models::new());
    let mut reading = Reading { scan, process: frame.process, conditioning, coder, models, is_broken: false };
    let alone = scan.alone(frame).is_some();
    for mcu in 0..scan.mcus {
        if restart > 0 && mcu > 0 && mcu % restart == 0 {
            let Some(at) = behind_restart(data, reading.coder.at()) else {
                return (end(data, reading.coder.at()), mcu);
            };
            reading.coder = Coder::new(data, at);
            *reading.models = Models::new();
        }
        let (column, row) = (mcu % scan.wide, mcu / scan.wide);
        for (index, part) in scan.parts().iter().enumerate() {
            let component = &frame.components()[part.component];
            let (across, down) = if alone { (1, 1) } else { (component.across, component.down) };
            for block_row in row * down..(row + 1) * down {
                for block in column * across..(column + 1) * across {
                    let place = block_row * component.stride + block;
                    let block = stored.get_mut(part.component).and_then(|blocks| blocks.get_mut(place));
                    if let Some(block) = block {
                        reading.block(index, block);
                    }
                }
            }
        }
        if reading.coder.is_dry() || reading.is_broken {
            return (end(data, reading.coder.at()), mcu);
        }
    }
    (end(data, reading.coder.at()), scan.mcus)
}

/// Where the data behind the next restart marker begins.
fn behind_restart(data: &[u8], at: usize) -> Option<usize> {
    marker::next(data, at).filter(|(code, _)| is_restart(*code)).map(|(_, behind)| behind)
}

/// Where the marker lies that ends a scan.
fn end(data: &[u8], mut at: usize) -> usize {
    while let Some((code, behind)) = marker::next(data, at) {
        if !is_restart(code) {
            return behind - 2;
        }
        at = behind;
    }
    data.len()
}

impl Reading<'_> {
    fn block(&mut self, part: usize, block: &mut [i16; 64]) {
        let scan = self.scan;
        let component = scan.parts()[part];
        match (self.process, scan.first, scan.high) {
            (Process::Sequential, ..) => {
                self.dc(part, component.dc & 3, 0, block);
                self.ac(component.ac & 3, (1, 63), 0, block);
            }
            (Process::Progressive, 0, 0) => self.dc(part, component.dc & 3, scan.low, block),
            (Process::Progressive, 0, _) => block[0] |= i16::from(self.coder.even()) << scan.low,
            (Process::Progressive, first, 0) => {
                self.ac(component.ac & 3, (first as usize, scan.last as usize), scan.low, block);
            }
            (Process::Progressive, first, _) => {
                self.refine(component.ac & 3, (first as usize, scan.last as usize), block);
            }
        }
    }

    /// A DC value, by its difference to the one before (F.1.4.1).
    fn dc(&mut self, part: usize, table: usize, low: u32, block: &mut [i16; 64]) {
        let (coder, bins) = (&mut self.coder, &mut self.models.dc[table]);
        let kind = &mut self.models.kind[part];
        let at = 4 * *kind;
        if coder.decide(&mut bins[at]) {
            let is_negative = coder.decide(&mut bins[at + 1]);
            let mut at = at + 2 + usize::from(is_negative);
            let mut magnitude = i32::from(coder.decide(&mut bins[at]));
            if magnitude != 0 {
                at = DC_MAGNITUDES;
                let Some(doubled) = doubled(coder, bins, &mut at, magnitude) else {
                    self.is_broken = true;
                    return;
                };
                magnitude = doubled;
            }
            let (lower, upper) = self.conditioning.dc[table];
            *kind = if magnitude < (1 << lower) >> 1 {
                0
            } else if magnitude > (1 << upper) >> 1 {
                3 + usize::from(is_negative)
            } else {
                1 + usize::from(is_negative)
            };
            let value = bits(coder, &mut bins[at + TO_BITS], magnitude) + 1;
            let before = &mut self.models.before[part];
            *before = before.wrapping_add(if is_negative { -value } else { value });
        } else {
            *kind = 0;
        }
        block[0] = (self.models.before[part] << low) as i16;
    }

    /// AC values, each by how many zeros lie before it (F.1.4.2).
    fn ac(&mut self, table: usize, (first, last): (usize, usize), low: u32, block: &mut [i16; 64]) {
        let (coder, bins) = (&mut self.coder, &mut self.models.ac[table]);
        let mut k = first;
        while k <= last {
            if coder.decide(&mut bins[3 * (k - 1)]) {
                return;
            }
            while !coder.decide(&mut bins[3 * (k - 1) + 1]) {
                k += 1;
                if k > last {
                    self.is_broken = true;
                    return;
                }
            }
            let is_negative = coder.even();
            let mut at = 3 * (k - 1) + 2;
            let mut magnitude = i32::from(coder.decide(&mut bins[at]));
            if magnitude != 0 && coder.decide(&mut bins[at]) {
                magnitude = 2;
                at = if k <= usize::from(self.conditioning.ac[table]) {
                    LOW_MAGNITUDES
                } else {
                    HIGH_MAGNITUDES
                };
                let Some(doubled) = doubled(coder, bins, &mut at, magnitude) else {
                    self.is_broken = true;
                    return;
                };
                magnitude = doubled;
            }
            let value = bits(coder, &mut bins[at + TO_BITS], magnitude) + 1;
            block[k] = ((if is_negative { -value } else { value }) << low) as i16;
            k += 1;
        }
    }

    /// One more bit of AC values (G.1.3.3).
    fn refine(&mut self, table: usize, (first, last): (usize, usize), block: &mut [i16; 64]) {
        let step = 1i16 << self.scan.low;
        let known = (1..=last).rev().find(|k| block[*k] != 0).unwrap_or(0);
        let (coder, bins) = (&mut self.coder, &mut self.models.ac[table]);
        let mut k = first;
        while k <= last {
            if k > known && coder.decide(&mut bins[3 * (k - 1)]) {
                return;
            }
            loop {
                if block[k] != 0 {
                    if coder.decide(&mut bins[3 * (k - 1) + 2]) {
                        block[k] = block[k].wrapping_add(if block[k] < 0 { -step } else { step });
                    }
                    break;
                }
                if coder.decide(&mut bins[3 * (k - 1) + 1]) {
                    block[k] = if coder.even() { step.wrapping_neg() } else { step };
                    break;
                }
                k += 1;
                if k > last {
                    self.is_broken = true;
                    return;
                }
            }
            k += 1;
        }
    }
}

/// A magnitude, doubled as often as the data says (F.1.4.3), and the bin where that ended; `None` beyond what a value has.
fn doubled(coder: &mut Coder<'_>, bins: &mut [Bin], at: &mut usize, magnitude: i32) -> Option<i32> {
    let mut magnitude = magnitude;
    while coder.decide(&mut bins[*at]) {
        magnitude <<= 1;
        if magnitude == MOST {
            return None;
        }
        *at += 1;
    }
    Some(magnitude)
}

/// The bits of a magnitude below its highest, which is `magnitude`, all by one bin.
fn bits(coder: &mut Coder<'_>, bin: &mut Bin, magnitude: i32) -> i32 {
    let (mut value, mut bit) = (magnitude, magnitude >> 1);
    while bit > 0 {
        if coder.decide(bin) {
            value |= bit;
        }
        bit >>= 1;
    }
    value
}

//! Numbers one behind another, as the file format's tables have them: the high byte first.

/// What has not been read of some bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numbers<'a>(&'a [u8]);

impl<'a> Numbers<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Numbers<'a> {
        Numbers(bytes)
    }

    /// The next `length` bytes.
    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number of so many bytes, at most 8; 0 of none.
    pub(super) fn number(&mut self, bytes: usize) -> Option<u64> {
        let bytes = self.take(bytes.min(8))?;
        Some(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.number(1).map(|number| number as u8)
    }

    pub(super) fn short(&mut self) -> Option<u16> {
        self.number(2).map(|number| number as u16)
    }

    pub(super) fn long(&mut self) -> Option<u32> {
        self.number(4).map(|number| number as u32)
    }

    /// The version and flags that many boxes begin with (ISO/IEC 14496-12, 4.2.2).
    pub(super) fn version(&mut self) -> Option<(u8, u32)> {
        let both = self.long()?;
        Some(((both >> 24) as u8, both & 0xFF_FFFF))
    }

    /// What has not been read.
    pub(super) fn rest(self) -> &'a [u8] {
        self.0
    }
}

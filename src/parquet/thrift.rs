//! Thrift's compact protocol, as far as Parquet's footer and page headers use it (Apache Thrift, "Thrift Compact protocol encoding").
//!
//! Nothing is held and nothing nests without end here: this is what looks at bytes before a library trusts them.

/// How deep values are nested at most. Parquet's own definitions need six levels.
const DEEPEST: usize = 24;

/// Why bytes cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// There are fewer than announced.
    TooShort,
    Wrong(&'static str),
}

/// A value's type, as the header of a field or list gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bool(bool),
    Byte,
    Integer,
    Double,
    Binary,
    List,
    Map,
    Struct,
    Uuid,
}

impl Kind {
    fn of(code: u8) -> Result<Kind, Broken> {
        Ok(match code {
            1 => Kind::Bool(true),
            2 => Kind::Bool(false),
            3 => Kind::Byte,
            4..=6 => Kind::Integer,
            7 => Kind::Double,
            8 => Kind::Binary,
            9 | 10 => Kind::List,
            11 => Kind::Map,
            12 => Kind::Struct,
            13 => Kind::Uuid,
            _ => return Err(Broken::Wrong("a value is of no known type")),
        })
    }
}

/// Bytes, read from their start on.
#[derive(Debug, Clone)]
pub(super) struct Thrift<'a> {
    left: &'a [u8],
    length: usize,
}

impl<'a> Thrift<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Thrift<'a> {
        Thrift { left: bytes, length: bytes.len() }
    }

    /// Bytes read so far.
    pub(super) fn read(&self) -> usize {
        self.length - self.left.len()
    }

    fn bytes(&mut self, length: u64) -> Result<&'a [u8], Broken> {
        let length = usize::try_from(length).map_err(|_| Broken::TooShort)?;
        let (bytes, left) = self.left.split_at_checked(length).ok_or(Broken::TooShort)?;
        self.left = left;
        Ok(bytes)
    }

    fn byte(&mut self) -> Result<u8, Broken> {
        self.bytes(1).map(|byte| byte[0])
    }

    /// A number in pieces of 7 bits, the lowest first.
    pub(super) fn unsigned(&mut self) -> Result<u64, Broken> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Broken::Wrong("a number has no end"))
    }

    pub(super) fn integer(&mut self) -> Result<i64, Broken> {
        let number = self.unsigned()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// The next field of a struct: its number and type, or `None` at the struct's end. `last` is the number of the field before.
    pub(super) fn field(&mut self, last: &mut i64) -> Result<Option<(i64, Kind)>, Broken> {
        let head = self.byte()?;
        if head & 0x0f == 0 {
            return Ok(None);
        }
        *last = match head >> 4 {
            0 => self.integer()?,
            more => last.saturating_add(more.into()),
        };
        Ok(Some((*last, Kind::of(head & 0x0f)?)))
    }

    /// A list's length and the type of its elements. Each takes at least a byte, so no list is longer than what is left.
    pub(super) fn list(&mut self) -> Result<(u64, Kind), Broken> {
        let head = self.byte()?;
        // Some programs give an empty list no type.
        if head == 0 {
            return Ok((0, Kind::Byte));
        }
        let length = match head >> 4 {
            15 => self.unsigned()?,
            length => length.into(),
        };
        if length > self.left.len() as u64 {
            return Err(Broken::TooShort);
        }
        Ok((length, Kind::of(head & 0x0f)?))
    }

    /// Skips a struct, and reads the wanted fields.
    pub(super) fn fields(
        &mut self,
        mut wanted: impl FnMut(&mut Thrift<'a>, i64, Kind) -> Result<bool, Broken>,
    ) -> Result<(), Broken> {
        let mut last = 0;
        while let Some((number, kind)) = self.field(&mut last)? {
            if !wanted(self, number, kind)? {
                self.skip(kind)?;
            }
        }
        Ok(())
    }

    /// Skips a value.
    pub(super) fn skip(&mut self, kind: Kind) -> Result<(), Broken> {
        self.skip_nested(kind, DEEPEST)
    }

    fn skip_nested(&mut self, kind: Kind, deeper: usize) -> Result<(), Broken> {
        let Some(deeper) = deeper.checked_sub(1) else {
            return Err(Broken::Wrong("values are nested too deep"));
        };
        match kind {
            Kind::Bool(_) => Ok(()),
            Kind::Byte => self.bytes(1).map(drop),
            Kind::Integer => self.unsigned().map(drop),
            Kind::Double => self.bytes(8).map(drop),
            Kind::Uuid => self.bytes(16).map(drop),
            Kind::Binary => self.unsigned().and_then(|length| self.bytes(length)).map(drop),
            Kind::Struct => {
                let mut last = 0;
                while let Some((_, kind)) = self.field(&mut last)? {
                    self.skip_nested(kind, deeper)?;
                }
                Ok(())
            }
            Kind::List => {
                let (length, kind) = self.list()?;
                (0..length).try_for_each(|_| self.skip_element(kind, deeper))
            }
            Kind::Map => {
                let length = self.unsigned()?;
                if length == 0 {
                    return Ok(());
                }
                if length > self.left.len() as u64 {
                    return Err(Broken::TooShort);
                }
                let kinds = self.byte()?;
                let (key, value) = (Kind::of(kinds >> 4)?, Kind::of(kinds & 0x0f)?);
                (0..length).try_for_each(|_| {
                    self.skip_element(key, deeper).and_then(|()| self.skip_element(value, deeper))
                })
            }
        }
    }

    /// In lists and maps a truth value has a byte of its own.
    fn skip_element(&mut self, kind: Kind, deeper: usize) -> Result<(), Broken> {
        match kind {
            Kind::Bool(_) => self.bytes(1).map(drop),
            kind => self.skip_nested(kind, deeper),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read() {
        let read = |bytes: &[u8]| Thrift::new(bytes).integer();
        assert_eq!((read(&[0]), read(&[1]), read(&[2])), (Ok(0), Ok(-1), Ok(1)));
        assert_eq!(read(&[0xfe, 0xff, 0xff, 0xff, 0x0f]), Ok(i64::from(i32::MAX)));
        assert_eq!(read(&[0x80]), Err(Broken::TooShort));
        assert_eq!(read(&[0x80; 11]), Err(Broken::Wrong("a number has no end")));
    }

    #[test]
    fn values_are_passed_over_whole() {
        // A struct of a number, a list of truths, a map from text to numbers, a struct with a double and a far field.
        let value = [
            &[0x15, 0x54][..],
            &[0x19, 0x21, 1, 2],
            &[0x1b, 1, 0x85, 1, b'a', 2],
            &[0x1c, 0x17, 0, 0, 0, 0, 0, 0, 0, 0, 0x08, 0x80, 0x01, 1, b'x', 0],
            &[0, 0xaa],
        ]
        .concat();
        let mut thrift = Thrift::new(&value);
        thrift.skip(Kind::Struct).unwrap();
        assert_eq!(thrift.read(), value.len() - 1);
        for length in 0..value.len() - 1 {
            assert_eq!(Thrift::new(&value[..length]).skip(Kind::Struct), Err(Broken::TooShort), "{length}");
        }
    }

    #[test]
    fn nothing_is_deep_or_long_without_end() {
        for head in [0x1c, 0x19] {
            let deep = vec![head; 100_000];
            let skipped = Thrift::new(&deep).skip(Kind::Struct);
            assert!(skipped.is_err(), "{head:x}");
        }
        assert_eq!(Thrift::new(&[0xfc, 0xff, 0xff, 0xff, 0x7f]).list(), Err(Broken::TooShort));
        assert_eq!(Thrift::new(&[0xff, 0xff, 0xff, 0x7f, 0x55]).skip(Kind::Map), Err(Broken::TooShort));
    }
}

//! What the entries before a member say of it: PAX extended headers (POSIX, pax, "Extended Header"), and GNU's long names.

use super::sparse::Map;

/// What is known of the next member without its own header.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    pub(super) name: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) sparse: Sparse,
}

/// What PAX headers say of a sparse file (GNU tar, "Storing Sparse Files"; star names its own by other keys).
#[derive(Debug, Default)]
pub(super) struct Sparse {
    /// Whether it is one at all.
    pub(super) announced: bool,
    /// Whether the map stands before the content, as in version 1.0.
    pub(super) map_in_content: bool,
    /// Length of what is unpacked, in bytes.
    pub(super) length: Option<u64>,
    pub(super) map: Map,
    /// An offset whose length comes next, as in version 0.0.
    offset: Option<u64>,
}

fn number(value: &[u8]) -> Option<u64> {
    str::from_utf8(value).ok()?.parse().ok()
}

impl Ahead {
    /// A long name, up to its zero.
    pub(super) fn take_name(&mut self, mut name: Vec<u8>) {
        name.truncate(name.iter().position(|&byte| byte == 0).unwrap_or(name.len()));
        self.name = Some(name);
    }

    /// Takes records, `LENGTH KEY=VALUE` and a newline each. Where one makes no sense, those before it count, and so do a key and
    /// a value that lack only their newline.
    ///
    /// # Errors
    ///
    /// What makes no sense.
    pub(super) fn take_records(&mut self, mut records: &[u8]) -> Result<(), &'static str> {
        while !records.is_empty() {
            let blank = records.iter().position(|&byte| byte == b' ');
            let length = blank.and_then(|blank| number(&records[..blank]));
            let (Some(blank), Some(length)) = (blank, length.and_then(|length| usize::try_from(length).ok()))
            else {
                return Err("a record of an extended header does not begin with its length");
            };
            let Some(record) = records.get(blank + 1..length) else {
                return Err("a record of an extended header is longer than the header");
            };
            let whole = record.strip_suffix(b"\n");
            let record = whole.unwrap_or(record);
            let Some(equals) = record.iter().position(|&byte| byte == b'=') else {
                return Err("a record of an extended header has no equals sign");
            };
            let read = self.set(&record[..equals], &record[equals + 1..]);
            if whole.is_none() {
                return Err("a record of an extended header lacks its newline");
            }
            read.ok_or("a record of an extended header has no number where one belongs")?;
            records = &records[length..];
        }
        Ok(())
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        match key {
            b"path" if self.sparse.announced => {}
            b"path" | b"GNU.sparse.name" => self.name = Some(value.to_vec()),
            b"size" => self.size = Some(number(value)?),
            _ => {}
        }
        let Some(key) = key.strip_prefix(b"GNU.sparse.") else { return Some(()) };
        self.sparse.announced = true;
        self.sparse.set(key, value)
    }
}

impl Sparse {
    fn set(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        match key {
            b"major" => self.map_in_content = number(value)? == 1,
            b"size" | b"realsize" => self.length = Some(number(value)?),
            b"offset" => self.offset = Some(number(value)?),
            b"numbytes" => self.map.push(self.offset.take()?, number(value)?),
            b"map" => self.map = Map::from_decimals(value)?,
            _ => {}
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(records: &[u8]) -> (Ahead, Result<(), &'static str>) {
        let mut ahead = Ahead::default();
        let result = ahead.take_records(records);
        (ahead, result)
    }

    #[test]
    fn records_are_taken_up_to_the_one_that_makes_no_sense() {
        type Case = (&'static [u8], Option<&'static [u8]>, bool);
        let cases: [Case; 9] = [
            (b"14 path=a.jpg\n11 size=17\n", Some(b"a.jpg"), true),
            (b"", None, true),
            (b"13 path=a.jpg", Some(b"a.jpg"), false),
            (b"14 path=a.jpg\n13 mtime=17.5", Some(b"a.jpg"), false),
            (b"14 path=a.jpg\nnonsense", Some(b"a.jpg"), false),
            (b"14 path=a.jpg\n99 path=b", Some(b"a.jpg"), false),
            (b"14 path=a.jpg\n6 path\n", Some(b"a.jpg"), false),
            (b"14 path=a.jpg\n11 size=-1\n", Some(b"a.jpg"), false),
            (b"0 path=a.jpg\n", None, false),
        ];
        for (records, name, whole) in cases {
            let (ahead, result) = taken(records);
            assert_eq!((ahead.name.as_deref(), result.is_ok()), (name, whole), "{records:?}");
        }
        assert_eq!(taken(b"11 size=17\n").0.size, Some(17));
    }
}

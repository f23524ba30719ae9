//! Records of earlier runs, of whatever format.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use shadegrid::Error;
use shadegrid::pipeline::{RecordFormat, StoredRecords};

/// First bytes of a file that show what it is.
const HEAD: u64 = 64;

/// The format of a file if it may be records.
pub(crate) fn format(path: &Path) -> Option<RecordFormat> {
    if !path.is_file() {
        return None;
    }
    let mut head = Vec::new();
    File::open(path).ok()?.take(HEAD).read_to_end(&mut head).ok()?;
    let is = |begin: &[u8]| head.starts_with(begin);
    if is(b"PAR1") {
        Some(RecordFormat::Parquet)
    } else if is(b"{\"key\":") || is(b"{\"path\":") || head.is_empty() {
        Some(RecordFormat::JsonLines)
    } else if is(b"key,key_bytes,status,") || is(b"path,path_base64,status,") {
        Some(RecordFormat::Csv)
    } else {
        None
    }
}

/// The records in a file, which messages call `name`.
///
/// # Errors
///
/// [`Error::Io`] where it cannot be read, [`Error::Input`] where it holds something else.
pub(crate) fn open(path: &Path, name: &str) -> Result<StoredRecords, Error> {
    let cannot = |error| Error::io(format!("cannot read the records in {name}"), error);
    File::open(path).map_err(cannot)?;
    let format = format(path)
        .ok_or_else(|| Error::Input(format!("{name} is no file of records, as `hash` writes them")))?;
    format.read(path)
}

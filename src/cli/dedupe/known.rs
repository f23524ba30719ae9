//! What records of `hash` say of pictures besides their signatures.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use shadegrid::pipeline::{RecordFormat, RecordPicture};

use super::item::Item;

/// First bytes of a list that show what it is.
const HEAD: u64 = 64;

/// Completes items that came from lists which are records of `hash`, by their keys: sizes are not a part of what is looked up. Lists of another kind, and such as can
/// be read only once, say nothing.
pub(super) fn complete<'a>(lists: impl IntoIterator<Item = &'a PathBuf>, items: Vec<&mut Item>) {
    let mut wanted: HashMap<(String, String), Vec<&mut Item>> = HashMap::new();
    for item in items.into_iter().filter(|item| item.width.is_none()) {
        let of = (item.source.to_string_lossy().into_owned(), item.name());
        wanted.entry(of).or_default().push(item);
    }
    if wanted.is_empty() {
        return;
    }
    for list in lists {
        let Some(records) = format(list).and_then(|format| format.read(list).ok()) else { continue };
        let name = list.to_string_lossy().into_owned();
        for record in records.map_while(Result::ok) {
            let Ok(picture) = &record.outcome else { continue };
            let of = (name.clone(), record.key.to_string_lossy().into_owned());
            for item in wanted.get_mut(&of).into_iter().flatten() {
                tell(item, &record.key, picture);
            }
        }
    }
}

fn tell(item: &mut Item, key: &OsStr, picture: &RecordPicture) {
    item.key = key.into();
    (item.width, item.height, item.bytes) = (Some(picture.width), Some(picture.height), picture.bytes);
    item.is_damaged = picture.decoded.is_some();
}

/// The format of a list if it may be records.
fn format(list: &Path) -> Option<RecordFormat> {
    if !list.is_file() {
        return None;
    }
    let mut head = Vec::new();
    File::open(list).ok()?.take(HEAD).read_to_end(&mut head).ok()?;
    let is = |begin: &[u8]| head.starts_with(begin);
    if is(b"PAR1") {
        Some(RecordFormat::Parquet)
    } else if is(b"{\"key\":") || is(b"{\"path\":") {
        Some(RecordFormat::JsonLines)
    } else if is(b"key,key_bytes,status,") || is(b"path,path_base64,status,") {
        Some(RecordFormat::Csv)
    } else {
        None
    }
}

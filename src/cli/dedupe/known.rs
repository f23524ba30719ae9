//! What records of `hash` say of pictures besides their signatures.

use std::collections::HashMap;
use std::ffi::OsStr;

use shadegrid::pipeline::RecordPicture;

use super::collection::List;
use super::item::Item;
use crate::cli::records::format;

/// Completes items that came from lists which are records of `hash`, by their keys: sizes are not a part of what is looked up. Lists of another kind, and such as can
/// be read only once, say nothing.
pub(super) fn complete<'a>(lists: impl IntoIterator<Item = &'a List>, items: Vec<&mut Item>) {
    let mut wanted: HashMap<(String, String), Vec<&mut Item>> = HashMap::new();
    for item in items.into_iter().filter(|item| item.width.is_none()) {
        let of = (item.source.to_string_lossy().into_owned(), item.name());
        wanted.entry(of).or_default().push(item);
    }
    if wanted.is_empty() {
        return;
    }
    for List { name, here } in lists {
        let records = format(here.path()).and_then(|format| format.read(here.path()).ok());
        let Some(records) = records else { continue };
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

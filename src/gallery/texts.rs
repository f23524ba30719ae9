//! Texts in a section: how many, where each ends, and all of them one after another.

/// Writes texts, each a table of ends first.
pub(super) fn texts(all: &[String]) -> Vec<u8> {
    let mut bytes = (all.len() as u32).to_le_bytes().to_vec();
    let mut end = 0;
    for text in all {
        end += text.len() as u32;
        bytes.extend(end.to_le_bytes());
    }
    all.iter().for_each(|text| bytes.extend(text.as_bytes()));
    bytes
}

/// Text `number` of [`texts`]; empty where it is not there.
pub(super) fn text(bytes: &[u8], number: usize) -> &str {
    find_text(bytes, number).unwrap_or_default()
}

/// The same, or nothing.
pub(super) fn find_text(bytes: &[u8], number: usize) -> Option<&str> {
    str::from_utf8(find_bytes(bytes, number)?).ok()
}

/// The same, or nothing, whether it is UTF-8 or not.
pub(super) fn find_bytes(bytes: &[u8], number: usize) -> Option<&[u8]> {
    let (numbers, _) = bytes.as_chunks::<4>();
    let count = u32::from_le_bytes(*numbers.first()?) as usize;
    let end_of = |n: usize| numbers.get(n + 1).map(|end| u32::from_le_bytes(*end) as usize);
    if number >= count {
        return None;
    }
    let start = if number == 0 { 0 } else { end_of(number - 1)? };
    let body = bytes.get(4 * (count + 1)..)?;
    body.get(start..end_of(number)?)
}

//! Words and messages in memory of the caller's.

use std::ffi::{CString, c_char};

/// A text in so many bytes, cut where it is longer, with a NUL behind it; the rest is 0.
pub(crate) fn array<const N: usize>(text: &str) -> [c_char; N] {
    let mut bytes = [0; N];
    for (place, byte) in bytes.iter_mut().zip(fitting(text, N).bytes()) {
        *place = printable(byte) as c_char;
    }
    bytes
}

/// The same in the `length` bytes at `to`, which may be null or none.
///
/// # Safety
///
/// `to` is null, or `length` bytes from it on can be written.
pub(crate) unsafe fn write(text: &str, to: *mut c_char, length: usize) {
    if to.is_null() || length == 0 {
        return;
    }
    let text = fitting(text, length);
    for (place, byte) in text.bytes().map(printable).chain([0]).enumerate() {
        // SAFETY: `fitting` left room for the NUL, so `place` is less than `length`.
        unsafe { to.add(place).write(byte as c_char) };
    }
}

/// A whole message.
pub(crate) fn owned(text: &str) -> CString {
    CString::new(text.bytes().map(printable).collect::<Vec<u8>>()).unwrap_or_default()
}

/// As much of the text as fits before a NUL, cut between characters.
fn fitting(text: &str, length: usize) -> &str {
    let room = length.saturating_sub(1).min(text.len());
    let end = (0..=room).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    &text[..end]
}

/// Files choose parts of messages: no NUL ends them early, and no control character reaches a terminal.
fn printable(byte: u8) -> u8 {
    if byte.is_ascii_control() { b' ' } else { byte }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[c_char]) -> Vec<u8> {
        text.iter().map(|&byte| byte as u8).collect()
    }

    #[test]
    fn texts_are_cut_between_characters_and_end() {
        assert_eq!(read(&array::<6>("abc")), b"abc\0\0\0");
        assert_eq!(read(&array::<4>("abcd")), b"abc\0");
        assert_eq!(read(&array::<4>("ab\u{e9}")), b"ab\0\0");
        assert_eq!(read(&array::<6>("a\0\x1bb")), b"a  b\0\0");
        assert_eq!(owned("a\0b").as_bytes(), b"a b");
    }

    #[test]
    fn nothing_is_written_behind_the_buffer() {
        for length in 0..8 {
            let mut buffer = [0x55 as c_char; 8];
            // SAFETY: no more than the buffer's bytes are announced.
            unsafe { write("abcdefgh", buffer.as_mut_ptr(), length) };
            let mut expected = b"abcdefgh"[..length.saturating_sub(1)].to_vec();
            expected.extend((length > 0).then_some(0));
            expected.resize(8, 0x55);
            assert_eq!(read(&buffer), expected);
        }
        // SAFETY: a null pointer is allowed.
        unsafe { write("abc", std::ptr::null_mut(), 9) };
    }
}

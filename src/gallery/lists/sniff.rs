//! What a list is, by its head: a format of text, or what else it looks like.

use super::encoding::{Encoding, Utf8};
use super::{ListFormat, json, table};

/// What the first bytes of a list show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    Format(ListFormat),
    /// What it looks like, with its article.
    Else(String),
}

/// Finds out what a list is. Bare signatures are never found out: any bytes could be some.
pub(super) fn sniff(head: &[u8]) -> Seen {
    if head.starts_with(b"PAR1") {
        return Seen::Format(ListFormat::Parquet);
    }
    let text = text_of(head);
    if let Some(kind) =
        binary(head).or_else(|| (is_binary(&text)).then_some("binary data of an unknown kind"))
    {
        return Seen::Else(kind.to_string());
    }
    let text = text.trim_ascii_start();
    match text.first() {
        Some(b'<') if is_page(text) => Seen::Else("a web page".to_string()),
        Some(b'<') => Seen::Format(ListFormat::Ncmec),
        Some(b'[') if !json::is_integers(text) => Seen::Format(ListFormat::Json),
        Some(b'{') if json::is_lines(text) => Seen::Format(ListFormat::JsonLines),
        Some(b'{') => Seen::Format(ListFormat::Json),
        Some(_) if table::has_header(text) => Seen::Format(ListFormat::Csv),
        Some(_) => Seen::Format(ListFormat::Text),
        None => Seen::Else("an empty file".to_string()),
    }
}

/// The head as UTF-8; a character that is cut at its end is left out or misread, which matters to nothing here.
fn text_of(head: &[u8]) -> Vec<u8> {
    let (encoding, mark) = Encoding::of(head);
    let mut text = Vec::new();
    let read = std::io::Read::read_to_end(&mut Utf8::new(&head[mark..], encoding), &mut text);
    // Reading from memory does not fail.
    let _ = read;
    text
}

/// Text has hardly any control characters but for blanks and line ends.
fn is_binary(text: &[u8]) -> bool {
    let control = |&&byte: &&u8| byte < 0x20 && !byte.is_ascii_whitespace();
    text.iter().filter(control).count() * 50 > text.len()
}

fn is_page(text: &[u8]) -> bool {
    let start = text[..text.len().min(512)].to_ascii_lowercase();
    start.starts_with(b"<!doctype html") || memchr::memmem::find(&start, b"<html").is_some()
}

/// Kinds of files by their first bytes.
const KINDS: [(&[u8], &str); 22] = [
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (b"GIF8", "a GIF picture"),
    (b"II*\0", "a TIFF picture"),
    (b"MM\0*", "a TIFF picture"),
    (b"%PDF-", "a PDF document"),
    (b"SHADEGAL", "a gallery of this program"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
    (b"PK\x03\x04", "a zip file"),
    (b"PK\x05\x06", "an empty zip file"),
    (b"\xfd7zXZ\0", "an xz file: unpack it first"),
    (b"BZh", "a bzip2 file: unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z file: unpack it first"),
    (b"Rar!", "a RAR file: unpack it first"),
    (b"SQLite format 3\0", "an SQLite database: export its table as CSV"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document: save its table as CSV"),
    (b"ARROW1", "an Arrow file: save it as Parquet"),
    (b"Obj\x01", "an Avro file: save it as Parquet or JSON lines"),
    (b"\x93NUMPY", "a NumPy array: save it as Parquet or CSV"),
    (b"\xff\xfe\0\0", "text in UTF-32: save it as UTF-8"),
    (b"\0\0\xfe\xff", "text in UTF-32: save it as UTF-8"),
];

/// What something that was to be a list of names is instead: a file of a known kind that is no text.
pub(crate) fn no_names(head: &[u8]) -> Option<&'static str> {
    binary(head).filter(|_| is_binary(head))
}

fn binary(head: &[u8]) -> Option<&'static str> {
    let found = KINDS.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, kind)| *kind);
    let inside = |at: usize, magic: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(magic));
    found
        .or_else(|| (inside(0, b"RIFF") && inside(8, b"WEBP")).then_some("a WebP picture"))
        .or_else(|| inside(4, b"ftyp").then_some("a video or HEIF picture"))
        .or_else(|| inside(257, b"ustar").then_some("a tar archive: unpack it first"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks_like(head: &[u8]) -> String {
        match sniff(head) {
            Seen::Format(format) => format.name().to_string(),
            Seen::Else(kind) => kind,
        }
    }

    #[test]
    fn binary_data_is_never_a_list_of_bare_signatures() {
        for length in [32, 64, 144, 288, 4608] {
            let random: Vec<u8> =
                (0..length).map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
            assert_eq!(looks_like(&random), "binary data of an unknown kind", "{length}");
            for (magic, kind) in KINDS {
                let mut file = random.clone();
                file[..magic.len()].copy_from_slice(magic);
                assert_eq!(looks_like(&file), kind);
            }
        }
        let mut tar = vec![0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        assert!(looks_like(&tar).contains("tar archive"));
        assert_eq!(looks_like(b""), "an empty file");
        assert_eq!(looks_like(b" \n\xef\xbb\xbf"[..2].as_ref()), "an empty file");
    }

    #[test]
    fn text_is_recognised_in_every_encoding() {
        let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        for (text, format) in [
            ("id,photodna\na,b\n", "csv"),
            ("\u{feff}id;pdq\n", "csv"),
            ("<?xml version='1.0'?><queryResult>", "ncmec"),
            ("{\"pdq\":\"a\"}\n{\"pdq\":\"b\"}\n", "jsonl"),
            ("{\n\"value\": [", "json"),
            ("[\"a\"]", "json"),
            ("abc,def\n", "text"),
            ("  <!DOCTYPE html><html>", "a web page"),
        ] {
            assert_eq!(looks_like(text.as_bytes()), format);
            assert_eq!(looks_like(&utf16(text)), format, "UTF-16");
            assert_eq!(looks_like(format!("{text}\u{e4}").as_bytes()), format);
        }
        assert_eq!(looks_like(b"id,photodna\nM\xfcller,b\n"), "csv");
        assert_eq!(
            looks_like(b"id,photodna\nM\0ller,b and more and more and more and more and more\n"),
            "csv"
        );
    }
}

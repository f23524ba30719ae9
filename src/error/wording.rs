//! What libraries and servers say, in words for people: without their prefixes, the names of Rust's types, or pages of markup.

use std::borrow::Cow;
use std::fmt::Display;

/// Phrases of libraries and what we say instead.
static PHRASES: [(Phrase, &str); 28] = [
    (phrase("Format error decoding Bmp: "), ""),
    (phrase("Format error decoding Ico: "), ""),
    (phrase("Format error decoding Pnm: "), ""),
    (phrase("Format error decoding WebP: "), ""),
    (phrase("The decoder for Bmp does not support the format features "), ""),
    (phrase("The decoder for WebP does not support the format features "), ""),
    (phrase("invalid JPEG format: "), ""),
    (phrase("unsupported JPEG feature: "), ""),
    (phrase("Error decoding huffman values: "), ""),
    (phrase("\"Bad Huffman Code"), "bad Huffman code"),
    (phrase(", corrupt JPEG\""), ""),
    (phrase("NonIntegerSubsamplingRatio"), "its sampling factors make no sense"),
    (phrase("Error parsing "), ""),
    (phrase(" segment. Reason:"), " segment: "),
    (phrase("format error: "), ""),
    (phrase("compressed data is corrupt: \""), "its compressed data is broken: \""),
    (phrase("Encountered Huffman table with excessive length in DHT\""), "a Huffman table is too long"),
    (phrase("its compressed data is broken: \""), "its compressed data is broken: "),
    (phrase("Decode Error"), "it cannot be decompressed"),
    (phrase("color type "), "colour type "),
    (phrase("Parquet error: "), ""),
    (phrase("Parquet argument error: "), ""),
    (phrase("Parquet: "), ""),
    (phrase("EOF: "), ""),
    (phrase("External: "), ""),
    (phrase("failed to fill whole buffer"), "it breaks off"),
    (phrase("unexpected end of file"), "it breaks off"),
    (phrase("Unexpected End of File"), "it breaks off"),
];

/// A message in better words; `None` where it is not what it seemed.
type Rewrite = fn(&str) -> Option<String>;

/// Rewritings of more than a phrase, and what stands in every message that one is for.
static REWRITINGS: [(Phrase, Rewrite); 9] = [
    (phrase("<"), without_markup),
    (phrase("ChunkType { type: "), chunk_types),
    (phrase("Some("), values),
    (phrase("CRC error: expected "), checksums),
    (phrase("Corrupt deflate stream. "), deflate),
    (phrase("color/depth combination in header: "), depths),
    (phrase("color type "), colours),
    (phrase(": ["), lists),
    (phrase(" at path \""), places),
];

/// A message as people are shown it.
pub(super) fn plain(message: &impl Display) -> String {
    let mut message = message.to_string();
    let mut has = letters(&message);
    for (phrase, rewrite) in &REWRITINGS {
        if phrase.is_in(&message, has)
            && let Some(better) = rewrite(&message)
        {
            message = better;
            has = letters(&message);
        }
    }
    for (phrase, better) in &PHRASES {
        if phrase.is_in(&message, has) {
            message = message.replace(phrase.text, better);
            has = letters(&message);
        }
    }
    if has & QUOTE == 0 {
        return message;
    }
    // Sentences in quotes, or what a phrase left of them.
    let quotes = message.bytes().filter(|byte| *byte == b'"').count();
    let is_quoted =
        quotes > 0 && (message.starts_with('"') || message.contains("one row could be decoded: "));
    if is_quoted || quotes % 2 == 1 { message.replace('"', "") } else { message }
}

/// A decoder's words, unless they name its own types and values, which say nothing to people.
pub(crate) fn words_alone(message: String) -> String {
    let is_word = |word: &str| !word.chars().skip(1).any(char::is_uppercase);
    let is_plain = |c: char| c.is_alphanumeric() || " ,.:-".contains(c);
    match message.chars().all(is_plain) && !message.contains("::") && message.split(' ').all(is_word) {
        true => message,
        false => "the file's data contradicts itself".to_string(),
    }
}

/// A text to look for, and which characters it has. An archive may hold millions of files that are no pictures, and most phrases have a character
/// that a message lacks: to look for all of them in all messages took three quarters of the time that such a file takes.
struct Phrase {
    text: &'static str,
    letters: u64,
}

const fn phrase(text: &'static str) -> Phrase {
    Phrase { text, letters: letters(text) }
}

impl Phrase {
    /// Whether a message that has these letters holds the phrase.
    fn is_in(&self, message: &str, letters: u64) -> bool {
        letters & self.letters == self.letters && message.contains(self.text)
    }
}

/// The bit of a quotation mark.
const QUOTE: u64 = letters("\"");

/// A bit for each byte. Several share one, so that a register holds all; which ones is chosen so that quotation marks and other signs, which most phrases
/// have and our own sentences lack, share theirs with letters that are rare. Nothing depends on it but how often a phrase is looked for in vain.
const BITS: [u64; 256] = {
    let (mut bits, mut byte) = ([0; 256], 0);
    while byte < bits.len() {
        bits[byte] = 1 << ((byte - (byte >> 6 << 3)) & 63);
        byte += 1;
    }
    bits
};

/// Which bytes a text has, by their bits.
const fn letters(text: &str) -> u64 {
    let (bytes, mut letters, mut at) = (text.as_bytes(), 0, 0);
    while at < bytes.len() {
        letters |= BITS[bytes[at] as usize];
        at += 1;
    }
    letters
}

/// `before`, what `change` makes of the part between `open` and `close`, and what comes behind.
fn between(
    text: &str,
    open: &str,
    close: &str,
    change: impl Fn(&str) -> Cow<'static, str>,
) -> Option<String> {
    let (before, rest) = text.split_once(open)?;
    let (inside, behind) = rest.split_once(close)?;
    Some(format!("{before}{}{behind}", change(inside)))
}

/// `ChunkType { type: IHDR, critical: true, … }` is a chunk by its name, which hostile files choose.
fn chunk_types(text: &str) -> Option<String> {
    between(text, "ChunkType { type: ", " }", |inside| {
        let name = inside.split(',').next().unwrap_or_default();
        let is_name = name.len() == 4 && name.bytes().all(|byte| byte.is_ascii_alphabetic());
        if is_name { name.to_string().into() } else { "unnamed".into() }
    })
}

/// `Some(3)` is 3.
fn values(text: &str) -> Option<String> {
    between(text, "Some(", ")", |inside| inside.trim_matches('"').to_string().into())
}

/// Two numbers in hexadecimal help nobody.
fn checksums(text: &str) -> Option<String> {
    between(text, "CRC error: expected ", " chunk.", |inside| {
        let chunk = inside.rsplit(' ').next().unwrap_or_default();
        format!("the checksum of its {chunk} chunk is wrong").into()
    })
}

/// `Corrupt deflate stream. DistanceTooFarBack`.
fn deflate(text: &str) -> Option<String> {
    let (before, name) = text.split_once("Corrupt deflate stream. ")?;
    let mut words = String::new();
    for character in name.chars() {
        if character.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(character.to_lowercase());
    }
    Some(format!("{before}its compressed data is broken: {}", words.trim_end_matches('.')))
}

/// `Rgb/Two`.
fn depths(text: &str) -> Option<String> {
    between(text, "color/depth combination in header: ", "/", |colour| {
        format!("combination in its header: {} with bits a sample: ", colour.to_uppercase()).into()
    })
}

/// `Gray(3)`.
fn colours(text: &str) -> Option<String> {
    let (before, rest) = text.split_once("color type ")?;
    let (colour, rest) = rest.split_once('(')?;
    let (bits, behind) = rest.split_once(')')?;
    Some(format!("{before}colour type {colour} with {bits} bits a sample{behind}"))
}

/// `[0]` and `[82, 73, 70, 70]` behind phrases that are known to end so.
fn lists(text: &str) -> Option<String> {
    between(text, "Invalid Chunk header: [", "]", |_| "a chunk has no valid name".into()).or_else(|| {
        between(text, "bits per sample: [", "]", |bits| format!("bits per sample: {bits}").into())
    })
}

/// The name of a temporary file behind an error.
fn places(text: &str) -> Option<String> {
    between(text, " at path \"", "\"", |_| "".into())
}

/// A server's page is what its title, or its code and message, say.
fn without_markup(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let starts = ["<?xml", "<!doctype", "<html", "<head", "<body", "<error"];
    let start = starts.iter().filter_map(|start| lower.find(start)).min()?;
    let page = &text[start..];
    let element = |name: &str| {
        let open = lower[start..].find(&format!("<{name}>"))? + name.len() + 2;
        let close = lower[start + open..].find("</")?;
        Some(page[open..open + close].split_whitespace().collect::<Vec<_>>().join(" "))
    };
    let said: Vec<String> = match element("title") {
        Some(title) => vec![title],
        None => [element("code"), element("message")].into_iter().flatten().collect(),
    };
    let before = text[..start].trim_end_matches([' ', ':', '\n']);
    Some(if said.is_empty() { before.to_string() } else { format!("{before}: {}", said.join(": ")) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_libraries_say_becomes_plain() {
        let chunk =
            "ChunkType { type: IHDR, critical: true, private: false, reserved: false, safecopy: false }";
        let odd = "ChunkType { type: \\u{8}\\0\\0R, critical: true, private: false, reserved: false, safecopy: false }";
        let said = [
            (
                format!("not one row: CRC error: expected 0x1 have 0xfe while decoding {chunk} chunk."),
                "not one row: the checksum of its IHDR chunk is wrong",
            ),
            (format!("Chunk length wrong: {chunk}"), "Chunk length wrong: IHDR"),
            (format!("{odd} chunk appeared before IHDR chunk"), "unnamed chunk appeared before IHDR chunk"),
            (
                "Corrupt deflate stream. DistanceTooFarBack".into(),
                "its compressed data is broken: distance too far back",
            ),
            (
                "Invalid color/depth combination in header: Rgb/Two".into(),
                "Invalid combination in its header: RGB with bits a sample: Two",
            ),
            (
                "color type Gray(3) is unsupported".into(),
                "colour type Gray with 3 bits a sample is unsupported",
            ),
            ("inconsistent bits per sample: [0]".into(), "inconsistent bits per sample: 0"),
            ("Invalid Chunk header: [82, 73, 70, 70]".into(), "a chunk has no valid name"),
            (
                "not one row could be decoded: \"Bad Huffman Code 0xFFFF, corrupt JPEG\"".into(),
                "not one row could be decoded: bad Huffman code 0xFFFF",
            ),
            (
                "Error parsing DQT segment. Reason:No quantization table for component Y".into(),
                "DQT segment: No quantization table for component Y",
            ),
            ("expected Some(3) rows".into(), "expected 3 rows"),
            ("No such file (os error 2) at path \"/a/.tmpx\"".into(), "No such file (os error 2)"),
            (
                "Parquet error: Invalid Parquet file. Size is smaller".into(),
                "Invalid Parquet file. Size is smaller",
            ),
        ];
        for (said, plainly) in said {
            assert_eq!(plain(&said), plainly);
            assert_eq!(plain(&plainly), plainly, "saying it twice changes it");
        }
    }

    #[test]
    fn a_servers_page_becomes_one_line() {
        let s3 = "cannot list: 403 Forbidden: <?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code>\
                  <Message>Access\n Denied</Message><HostId>x</HostId></Error>";
        assert_eq!(plain(&s3), "cannot list: 403 Forbidden: AccessDenied: Access Denied");
        let html = "502: <!DOCTYPE html><html><head><Title>Bad Gateway</Title></head><body><h1>no</h1></body></html>";
        assert_eq!(plain(&html), "502: Bad Gateway");
        assert_eq!(plain(&"503: <html>"), "503");
    }

    #[test]
    fn names_of_files_stay_as_they_are() {
        for message in [
            "cannot write photo[1] <2> {3}.jsonl: No space left on device (os error 28)",
            "there is nothing below s3://bucket/a<b>/[82, 73]/",
            "the picture is damaged; 12.5 % of its rows came out whole",
        ] {
            assert_eq!(plain(&message), message);
        }
    }
}

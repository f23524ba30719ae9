//! Signatures as lists write them: every spelling that says which bytes are meant, and nothing else.
//!
//! Besides the strict forms of [`PhotoDna`] and [`Pdq`] these are base64 in lines or without its usual two signs, hexadecimal
//! behind `0x` or `\x` or in pairs, and integers in brackets or with blanks between.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, PAD, STANDARD};

use crate::signature::{Pdq, PhotoDna};

/// base64 with `-` and `_`.
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, PAD);

/// Whether a text says that there is no value.
pub(super) fn is_absent(text: &str) -> bool {
    const ABSENT: [&str; 13] =
        ["null", "none", "nil", "nan", "na", "n/a", "#n/a", "<na>", "(null)", "undefined", "-", "--", "\\n"];
    text.len() <= 9 && (text.is_empty() || ABSENT.iter().any(|word| word.eq_ignore_ascii_case(text)))
}

/// A PhotoDNA-class signature.
pub(super) fn photodna(text: &str) -> Option<PhotoDna> {
    bytes(text).map(PhotoDna)
}

/// A PDQ signature.
pub(super) fn pdq(text: &str) -> Option<Pdq> {
    bytes(text).map(Pdq)
}

/// Exactly `N` bytes; the usual form first, as nearly all are in it.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let plain = text.as_bytes();
    let usual = if N == 32 { hexadecimal(plain) } else { base64(plain) };
    usual.or_else(|| {
        let text = unwrapped(text);
        if text.contains(|c: char| c == ',' || c.is_whitespace())
            && let Some(bytes) = integers(text)
        {
            return Some(bytes);
        }
        let shown = |c: &char| !c.is_whitespace() && !matches!(c, '\u{200b}' | '\u{feff}');
        let digits: String = text.chars().filter(shown).collect();
        let prefix = ["0x", "0X", "\\x"].iter().find_map(|prefix| digits.strip_prefix(prefix));
        let pairs = digits.replace([':', '-'], "");
        hexadecimal(prefix.unwrap_or(&pairs).as_bytes()).or_else(|| base64(digits.as_bytes()))
    })
}

/// Without blanks, brackets and quotes around, and the sign by which spreadsheets keep a text a text.
fn unwrapped(text: &str) -> &str {
    let text = text.trim_start_matches('=');
    text.trim_matches(|c: char| {
        c.is_whitespace() || matches!(c, '[' | ']' | '(' | ')' | '{' | '}' | '"' | '\'')
    })
}

fn hexadecimal<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let (pairs, rest) = text.as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
    }
    Some(bytes)
}

/// With its padding, and not of hexadecimal digits alone: such is hexadecimal that was cut off.
fn base64<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    if text.len() != 4 * N.div_ceil(3) || text.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut bytes = [0; N];
    let whole = |engine: &GeneralPurpose, bytes: &mut [u8; N]| engine.decode_slice(text, bytes) == Ok(N);
    (whole(&STANDARD, &mut bytes) || whole(&URL_SAFE, &mut bytes)).then_some(bytes)
}

/// `N` integers from 0 to 255 with commas between, or else blanks.
fn integers<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.contains(',') {
        integers_in(text.split(',').map(str::trim))
    } else {
        integers_in(text.split_whitespace())
    }
}

fn integers_in<'a, const N: usize>(mut numbers: impl Iterator<Item = &'a str>) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    for byte in &mut bytes {
        let number = numbers.next()?;
        let number = number.strip_suffix(".0").or_else(|| number.strip_suffix('.')).unwrap_or(number);
        let digits = number.bytes().all(|digit| digit.is_ascii_digit());
        *byte = number.parse().ok().filter(|_| digits)?;
    }
    numbers.next().is_none().then_some(bytes)
}

/// Whether a field is a signature by its form alone: base64 or hexadecimal of 144 bytes, or hexadecimal of 32.
pub(super) fn is_certain(text: &[u8]) -> bool {
    match text.len() {
        192 => base64::<144>(text).is_some(),
        288 => hexadecimal::<144>(text).is_some(),
        64 => hexadecimal::<32>(text).is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> PhotoDna {
        PhotoDna(std::array::from_fn(|i| (i * 89 % 256) as u8))
    }

    #[test]
    fn every_spelling_gives_the_same_bytes() {
        let signature = example();
        let text = signature.to_string();
        let wrapped =
            text.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect::<Vec<_>>();
        let hex: String = signature.0.iter().map(|byte| format!("{byte:02x}")).collect();
        let numbers = signature.0.map(|byte| byte.to_string());
        let spellings = [
            text.clone(),
            wrapped.join("\n"),
            format!("\r\n  {}\r\n", wrapped.join("\r\n  ")),
            text.replace('+', "-").replace('/', "_"),
            format!("'{text}'"),
            hex.clone(),
            hex.to_uppercase(),
            format!("0x{hex}"),
            format!("0X{}", hex.to_uppercase()),
            format!("\\x{hex}"),
            hex.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap()).collect::<Vec<_>>().join(":"),
            format!("=\"{hex}\""),
            format!("\u{feff}{text}\u{a0}"),
            numbers.join(","),
            format!("[{}]", numbers.join(", ")),
            format!("[{}]", numbers.join(" ")),
            format!("[ {}\n {}]", numbers[..70].join("   "), numbers[70..].join("  ")),
            format!("({})", numbers.join(".0, ")),
        ];
        for spelling in spellings {
            assert_eq!(photodna(&spelling), Some(signature), "{spelling:?}");
            assert_eq!(pdq(&spelling), None);
        }
        let pdq_hex = hex[..64].to_string();
        let bytes: [u8; 32] = signature.0[..32].try_into().unwrap();
        for spelling in
            [pdq_hex.clone(), pdq_hex.to_uppercase(), format!("0x{pdq_hex}"), STANDARD.encode(bytes)]
        {
            assert_eq!(pdq(&spelling), Some(Pdq(bytes)), "{spelling:?}");
            assert_eq!(photodna(&spelling), None);
        }
        // What is left of hexadecimal that was cut off is no base64.
        for length in 1..288 {
            let cut = &hex[..length.min(hex.len())];
            assert!(photodna(cut).is_none() && (length == 64 || pdq(cut).is_none()), "{length}");
        }
    }

    #[test]
    fn one_byte_more_or_less_is_no_signature() {
        let text = example().to_string();
        let numbers = example().0.map(|byte| byte.to_string()).join(",");
        for wrong in [
            &text[1..],
            &text[4..],
            &format!("{text}AAAA"),
            &numbers[2..],
            &format!("{numbers},1"),
            &numbers.replacen(',', ",-", 1),
            &numbers.replacen(',', ",,", 1),
            &numbers.replacen(',', " ", 1),
            &numbers.replacen("89", "256", 1),
            &numbers.replacen("89", "89.5", 1),
            "",
            "[]",
            "0x",
        ] {
            assert_eq!((photodna(wrong), pdq(wrong)), (None, None), "{wrong:?}");
        }
    }

    #[test]
    fn what_stands_for_nothing() {
        for absent in ["", "NULL", "None", "NaN", "n/a", "N/A", "#N/A", "<NA>", "-", "\\N", "nil"] {
            assert!(is_absent(absent), "{absent}");
        }
        assert!(!is_absent("0") && !is_absent("nonesuch") && !is_absent("x"));
    }
}

//! Numbers as people write them: counts with a suffix, threads.

use std::num::NonZeroUsize;

/// A decimal number, perhaps with a fraction, times `unit`: only whole results, and none that does not fit.
pub(super) fn scaled(text: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let below = 10_u128.pow(fraction.len() as u32);
    let parts = whole.parse::<u64>().ok()? as u128 * below + fraction.parse::<u128>().ok()?;
    let scaled = parts * u128::from(unit);
    // A fraction of a byte or of a picture is a mistake; of a million bytes in powers of two it is no more than rounding.
    if unit == 1 && !scaled.is_multiple_of(below) {
        return None;
    }
    u64::try_from(scaled / below).ok()
}

/// Reads a count: `10000`, `10_000`, `10,000`, `10k`, `1.5M`, `2G`, with thousands, millions and billions.
pub(crate) fn count(text: &str) -> Result<u64, String> {
    let wrong = || "expected a number such as 10000, 10k or 1.5M (millions)".to_string();
    let digits = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = match unit.to_ascii_lowercase().as_str() {
        "" => 1,
        "k" => 1_000,
        "m" => 1_000_000,
        "g" | "b" => 1_000_000_000,
        _ => return Err(wrong()),
    };
    scaled(&number.replace(['_', ','], ""), unit).ok_or_else(wrong)
}

/// The same, from 1 on.
pub(crate) fn positive(text: &str) -> Result<u64, String> {
    match count(text)? {
        0 => Err("expected at least 1".to_string()),
        number => Ok(number),
    }
}

/// The same as 32 bits.
pub(crate) fn positive_u32(text: &str) -> Result<u32, String> {
    positive(text)?.try_into().map_err(|_| format!("expected at most {}", u32::MAX))
}

/// The same for what is counted in memory.
pub(crate) fn positive_usize(text: &str) -> Result<usize, String> {
    positive(text)?.try_into().map_err(|_| format!("expected at most {}", usize::MAX))
}

/// Seconds from 1 to an hour.
pub(crate) fn up_to_an_hour(text: &str) -> Result<u64, String> {
    let seconds = text.parse().ok().filter(|seconds| (1..=3600).contains(seconds));
    seconds.ok_or_else(|| "expected seconds from 1 to 3600".to_string())
}

/// A quality of PDQ.
pub(crate) fn quality(text: &str) -> Result<u8, String> {
    text.parse()
        .ok()
        .filter(|quality| *quality <= 100)
        .ok_or_else(|| "expected a quality from 0 to 100".to_string())
}

/// More threads than any machine has use for: each has its stack and its buffers.
const THREADS: usize = 4096;

/// Reads a number of threads.
pub(crate) fn threads(text: &str) -> Result<NonZeroUsize, String> {
    let number = text.parse().ok().filter(|number: &NonZeroUsize| number.get() <= THREADS);
    number.ok_or_else(|| format!("expected a number of threads from 1 to {THREADS}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read() {
        for (text, number) in [
            ("0", 0),
            ("10000", 10_000),
            ("10_000", 10_000),
            ("10,000", 10_000),
            ("10k", 10_000),
            ("10M", 10_000_000),
            ("1.5M", 1_500_000),
            ("2G", 2_000_000_000),
        ] {
            assert_eq!(count(text), Ok(number), "{text}");
        }
        for text in
            ["", "M", "-1", "1.5", "1.M", "ten", "10MB", "1e6", "99999999999999999999", "99999999999999G"]
        {
            assert!(count(text).is_err(), "{text} was taken");
        }
        assert_eq!((positive("1"), positive("0").is_err()), (Ok(1), true));
        assert_eq!((positive_u32("4G").is_ok(), positive_u32("5G").is_err()), (true, true));
        assert_eq!(positive_usize("1k"), Ok(1_000));
        assert_eq!(
            ["0", "1", "3600", "3601", "1s"].map(|text| up_to_an_hour(text).is_ok()),
            [false, true, true, false, false]
        );
        assert_eq!(["0", "100", "101", "-1"].map(|text| quality(text).is_ok()), [true, true, false, false]);
    }

    #[test]
    fn threads_are_those_of_a_machine() {
        assert_eq!(threads("8").map(NonZeroUsize::get), Ok(8));
        for text in ["0", "-1", "many", "5000", "1.5", ""] {
            assert!(threads(text).is_err_and(|error| error.contains("from 1 to 4096")), "{text}");
        }
    }
}

//! Sizes as people write them.

/// Reads a number of bytes: digits with an optional `K`, `M`, `G` or `T` (powers of 1,024; `KiB` and `KB` mean the same).
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return Err("expected a number of bytes such as 1000000, 512M or 2G".to_string()),
    };
    let number: u64 = number.parse().map_err(|_| "expected a number of bytes such as 512M".to_string())?;
    number.checked_mul(1 << shift).ok_or_else(|| "the number is too large".to_string())
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn sizes_are_read() {
        for (text, bytes) in [("0", 0), ("7", 7), ("1k", 1024), ("512M", 512 << 20), ("2GiB", 2 << 30)] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for text in ["", "M", "-1", "1.5G", "1 G", "9X", "99999999999999999999", "99999999999999T"] {
            assert!(parse(text).is_err(), "{text} was taken");
        }
    }
}

//! Sizes as people write them.

/// What is accepted, behind "expected".
const ACCEPTED: &str = "expected a number of bytes such as 1000000, 512M, 1.5G or 2T (1K is 1,024)";

/// Reads a number of bytes: digits, perhaps with a fraction, and an optional `K`, `M`, `G` or `T` (powers of 1,024; `KiB` and `KB` mean the same).
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return Err(ACCEPTED.to_string()),
    };
    super::numbers::scaled(number, 1 << shift).ok_or_else(|| ACCEPTED.to_string())
}

/// The least memory that anything can be done in.
const LEAST: u64 = 1 << 20;

/// The same for memory: so little that no picture fits is a number without its unit.
pub(crate) fn memory(text: &str) -> Result<u64, String> {
    match parse(text)? {
        few @ ..LEAST => {
            Err(format!("{few} bytes hold no picture: expected at least 1M, such as 512M or 2G"))
        }
        bytes => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::{memory, parse};

    #[test]
    fn memory_holds_a_picture() {
        assert_eq!((memory("1M"), memory("2G")), (Ok(1 << 20), Ok(2 << 30)));
        for text in ["0", "12", "1023k"] {
            assert!(memory(text).is_err_and(|error| error.contains("expected at least 1M")), "{text}");
        }
        assert!(memory("much").is_err());
    }

    #[test]
    fn sizes_are_read() {
        for (text, bytes) in [
            ("0", 0),
            ("7", 7),
            ("1k", 1024),
            ("512M", 512 << 20),
            ("2GiB", 2 << 30),
            ("1.5G", 3 << 29),
            ("1 G", 1 << 30),
            ("0.5k", 512),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for text in [
            "",
            "M",
            "-1",
            "1.5",
            "1.5.5G",
            ".5G",
            "1.G",
            "9X",
            "1e3",
            "99999999999999999999",
            "99999999999999T",
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains("1.5G"), "{error}");
        }
    }
}

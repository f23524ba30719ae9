//! Paths and URLs as people write them: schemes in any case, and `file://`.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::builder::{OsStringValueParser, TypedValueParser};

/// Schemes of what can be read.
const SCHEMES: [&str; 9] = ["s3", "s3a", "gs", "az", "azure", "abfs", "abfss", "http", "https"];

/// A parser of what is read, or of where a job lies.
pub(crate) fn parser() -> impl TypedValueParser<Value = OsString> {
    OsStringValueParser::new().try_map(understood)
}

/// The same as a path.
pub(crate) fn path_parser() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().try_map(|place| understood(place).map(PathBuf::from))
}

/// A place as the library has it: schemes in lower case, files as paths.
fn understood(place: OsString) -> Result<OsString, String> {
    let Some((scheme, rest)) = place.to_str().and_then(|text| text.split_once("://")) else {
        return Ok(place);
    };
    let small = scheme.to_ascii_lowercase();
    let is_scheme =
        !small.is_empty() && small.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+');
    if !is_scheme || Path::new(&place).exists() {
        return Ok(place);
    }
    if small == "file" {
        return file(rest);
    }
    match SCHEMES.contains(&&*small) {
        true => Ok(format!("{small}://{rest}").into()),
        false => {
            Err(format!("{scheme}:// is not read here; the choice is file://, {}://", SCHEMES.join("://, ")))
        }
    }
}

/// The path that `file://` names on this machine, behind those two slashes.
fn file(rest: &str) -> Result<OsString, String> {
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    if !path.starts_with('/') {
        return Err("file:// names a file of this machine by its whole path, as in file:///archive/photos"
            .to_string());
    }
    let bytes = unescaped(path.as_bytes());
    let path =
        bytes.ok_or("a % in file:// has to be followed by two hexadecimal digits: write %25 for it")?;
    os_string(path)
}

/// The bytes with `%20` and the like as what they stand for.
fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, behind @ ..] = rest {
        rest = behind;
        bytes.push(match first {
            b'%' => {
                let digits = behind.get(..2).and_then(|digits| str::from_utf8(digits).ok())?;
                rest = &behind[2..];
                u8::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))?
            }
            byte => *byte,
        });
    }
    Some(bytes)
}

#[cfg(unix)]
fn os_string(bytes: Vec<u8>) -> Result<OsString, String> {
    use std::os::unix::ffi::OsStringExt as _;
    Ok(OsString::from_vec(bytes))
}

/// `/C:/photos` is `C:/photos` there.
#[cfg(not(unix))]
fn os_string(bytes: Vec<u8>) -> Result<OsString, String> {
    let path = String::from_utf8(bytes).map_err(|_| "file:// names no path".to_string())?;
    let has_drive = path.get(2..3) == Some(":");
    Ok(if has_drive { path[1..].into() } else { path.into() })
}

/// Whether a source is a URL rather than a path.
pub(crate) fn is_url(source: impl AsRef<OsStr>) -> bool {
    source.as_ref().to_str().is_some_and(|text| text.contains("://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_understood() {
        for (given, place) in [
            ("photos", "photos"),
            ("-", "-"),
            ("S3://Bucket/Photos/", "s3://Bucket/Photos/"),
            ("HTTPS://host/a.png", "https://host/a.png"),
            ("s3://bucket/a%20b", "s3://bucket/a%20b"),
            ("file:///archive/a%20b.jpg", "/archive/a b.jpg"),
            ("File://localhost/archive", "/archive"),
            ("a b://c", "a b://c"),
        ] {
            if cfg!(unix) || !given.to_ascii_lowercase().starts_with("file") {
                assert_eq!(understood(given.into()), Ok(place.into()), "{given}");
            }
        }
        for (given, why) in [
            ("ftp://host/a", "ftp:// is not read here; the choice is file://, s3://"),
            ("file://host/share", "as in file:///archive/photos"),
            ("file:///a%2", "write %25"),
            ("file:///a%+1", "write %25"),
        ] {
            let error = understood(given.into()).unwrap_err();
            assert!(error.contains(why), "{given}: {error}");
        }
    }
}

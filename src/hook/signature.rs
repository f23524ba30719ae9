//! What shows a receiver that an event is ours: HMAC-SHA256 over the time of sending, a dot, and the body.

use ring::hmac::{HMAC_SHA256, Key, sign};

use crate::credential::{Credential, Secret};
use crate::error::{Error, Result};
use crate::random::digits;

/// The header with the time of sending: seconds since 1970.
pub(super) const TIME: &str = "Shadegrid-Time";

/// The header with the signature.
pub(super) const SIGNATURE: &str = "Shadegrid-Signature";

/// Characters that a secret has at least.
const SHORTEST: usize = 16;

/// Reads the secret, whose text's bytes are the key.
///
/// # Errors
///
/// [`Error::Io`] or [`Error::Input`] where it cannot be read, or is so short that it could be guessed.
pub(super) fn secret(from: &Credential) -> Result<Secret> {
    let secret = from.read()?;
    match secret.text().len() {
        SHORTEST.. => Ok(secret),
        _ => Err(Error::Input(format!(
            "the secret of the hooks has fewer than {SHORTEST} characters; `openssl rand -hex 32` makes one"
        ))),
    }
}

/// The value of the header: `v1=` and 64 hexadecimal digits.
pub(super) fn of(secret: &Secret, seconds: u64, body: &str) -> String {
    let signed = format!("{seconds}.{body}");
    format!("v1={}", hmac(secret.text().as_bytes(), signed.as_bytes()))
}

fn hmac(key: &[u8], message: &[u8]) -> String {
    digits(sign(&Key::new(HMAC_SHA256, key), message).as_ref())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The cases of RFC 4231, but for the one of a shortened result.
    #[test]
    fn the_code_is_that_of_rfc_4231() {
        let counting: Vec<u8> = (1..=25).collect();
        let larger = b"This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by \
                       the HMAC algorithm.";
        let cases: [(&[u8], &[u8], &str); 6] = [
            (&[0x0b; 20], b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (&[0xaa; 20], &[0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
            (&counting, &[0xcd; 50], "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
            (
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
            (&[0xaa; 131], larger, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"),
        ];
        for (key, message, expected) in cases {
            assert_eq!(hmac(key, message), expected);
        }
    }

    #[test]
    fn time_and_body_are_signed() {
        let secret = Secret::of("0123456789abcdef");
        let signed = of(&secret, 1_764_064_800, "{}");
        assert_eq!(signed, format!("v1={}", hmac(b"0123456789abcdef", b"1764064800.{}")));
        for other in [
            of(&secret, 1_764_064_801, "{}"),
            of(&secret, 1_764_064_800, "{ }"),
            of(&Secret::of("x"), 1_764_064_800, "{}"),
        ] {
            assert_ne!(signed, other);
        }
    }

    #[test]
    fn a_secret_that_can_be_guessed_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        for (text, is_taken) in [("0123456789abcdef\n", true), ("0123456789abcde\n", false), ("", false)] {
            fs::write(&path, text).unwrap();
            let read = secret(&Credential::File(path.clone()));
            assert_eq!(read.is_ok(), is_taken, "{text}");
            assert!(
                read.err().is_none_or(|error| text.is_empty() || !error.to_string().contains(text.trim()))
            );
        }
    }
}

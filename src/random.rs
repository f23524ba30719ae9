//! Random bits of the system.

use ring::rand::{SecureRandom, SystemRandom};

use crate::error::{Error, Result};

/// So many random bytes.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| Error::Input("the system gives no random numbers".to_string()))?;
    Ok(bytes)
}

/// The same as hexadecimal digits.
pub(crate) fn hexadecimal<const N: usize>() -> Result<String> {
    bytes::<N>().map(|bytes| digits(&bytes))
}

/// Bytes as hexadecimal digits.
pub(crate) fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

//! Signatures: their bytes, texts, distances and orientations.

use std::str::FromStr;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};
use shadegrid::Orientation;

use crate::error::wrong;
use crate::input::Encoded;

/// The bytes of a signature, from bytes or from any text that the library reads.
fn value<T: FromStr<Err = shadegrid::Error>, const N: usize>(
    value: &Bound<'_, PyAny>,
    of_bytes: fn([u8; N]) -> T,
) -> PyResult<T> {
    if let Ok(text) = value.cast::<PyString>() {
        return text.to_str()?.parse().map_err(|error| wrong(&error));
    }
    let bytes = Encoded::of(value).map_err(|_| {
        PyTypeError::new_err(format!(
            "a signature is {N} bytes or a text, not {}",
            value.get_type().name().map_or_else(|_| String::new(), |name| name.to_string())
        ))
    })?;
    let bytes: &[u8] = bytes.as_ref();
    let length = bytes.len();
    let bytes = bytes
        .try_into()
        .map_err(|_| PyValueError::new_err(format!("a signature is {N} bytes, not {length}")))?;
    Ok(of_bytes(bytes))
}

macro_rules! signature {
    ($(#[$about:meta])* $name:ident, $length:literal, $distance:literal) => {
        $(#[$about])*
        #[pyclass(frozen, eq, hash, module = "shadegrid", from_py_object)]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) struct $name(pub(crate) shadegrid::$name);

        #[pymethods]
        impl $name {
            #[new]
            #[pyo3(signature = (value, /))]
            fn new(value: &Bound<'_, PyAny>) -> PyResult<$name> {
                self::value::<_, $length>(value, shadegrid::$name).map($name)
            }

            #[doc = $distance]
            #[pyo3(signature = (other, /))]
            fn distance(&self, other: $name) -> u32 {
                self.0.distance(&other.0)
            }

            /// The signature of the picture laid as `orientation` says: `upright`, `rotate-90`, `rotate-180`, `rotate-270` (counter-clockwise), `flip`, `mirror`,
            /// `transpose` or `anti-transpose`.
            #[pyo3(signature = (orientation, /))]
            fn oriented(&self, orientation: &str) -> PyResult<$name> {
                let orientation: Orientation = orientation.parse().map_err(|error| wrong(&error))?;
                Ok($name(self.0.oriented(orientation)))
            }

            fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
                PyBytes::new(py, &self.0.0)
            }

            fn __str__(&self) -> String {
                self.0.to_string()
            }

            fn __repr__(&self) -> &'static str {
                concat!(stringify!($name), "(…)")
            }

            fn __getnewargs__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
                (self.__bytes__(py),).into_pyobject(py)
            }
        }
    };
}

signature! {
    /// A PhotoDNA-class signature: 144 bytes. `bytes(x)` gives them, `str(x)` base64 of 192 characters.
    ///
    /// Made from the bytes, or from base64, hexadecimal digits, or 144 integers with commas between. ValueError for anything else, which it does not
    /// repeat: signatures are sensitive, and no repr shows one.
    PhotoDna, 144, "Squared Euclidean distance, 0 to about 2.1 million; up to 40,000 usually counts as a match."
}

signature! {
    /// A PDQ signature: 256 bits. `bytes(x)` gives 32 bytes, bit 255 first, `str(x)` 64 hexadecimal digits.
    ///
    /// Made from the bytes or from hexadecimal digits. ValueError for anything else, which it does not repeat: signatures are sensitive, and no repr
    /// shows one.
    Pdq, 32, "Hamming distance, 0 to 256; up to 31 usually counts as a match, strangers lie about 128 apart."
}

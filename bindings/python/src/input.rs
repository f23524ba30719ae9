//! Objects that are pictures, encoded or as pixels.

use pyo3::buffer::{Element, PyBuffer};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyString};
use shadegrid::Picture;

/// An encoded picture in memory.
pub(crate) enum Encoded {
    /// What nobody can change meanwhile: not copied.
    Bytes(PyBackedBytes),
    /// The content of a buffer that others may write to while it is read without the GIL: copied first.
    Copied(Vec<u8>),
}

impl Encoded {
    /// The bytes of a `bytes`, or of any other buffer of one dimension and of bytes.
    ///
    /// # Errors
    ///
    /// `TypeError` naming the type found.
    pub(crate) fn of(object: &Bound<'_, PyAny>) -> PyResult<Encoded> {
        if let Ok(bytes) = object.cast::<PyBytes>() {
            return Ok(Encoded::Bytes(bytes.clone().into()));
        }
        match PyBuffer::<u8>::get(object) {
            Ok(buffer) => flat(object.py(), &buffer).map(Encoded::Copied),
            // Arrow's buffers call their bytes signed.
            Err(_) => {
                let buffer = PyBuffer::<i8>::get(object).map_err(|_| not_encoded(object))?;
                let bytes = flat(object.py(), &buffer)?;
                Ok(Encoded::Copied(bytes.into_iter().map(i8::cast_unsigned).collect()))
            }
        }
    }
}

impl AsRef<[u8]> for Encoded {
    fn as_ref(&self) -> &[u8] {
        match self {
            Encoded::Bytes(bytes) => bytes,
            Encoded::Copied(bytes) => bytes,
        }
    }
}

/// The content of a buffer of one dimension.
fn flat<T: Element>(py: Python<'_>, buffer: &PyBuffer<T>) -> PyResult<Vec<T>> {
    match buffer.dimensions() {
        0 | 1 => buffer.to_vec(py),
        dimensions => Err(PyTypeError::new_err(format!(
            "expected an encoded picture, not an array of {dimensions} dimensions: hash_pixels takes pixels"
        ))),
    }
}

fn not_encoded(object: &Bound<'_, PyAny>) -> PyErr {
    let is_path = object.is_instance_of::<PyString>() || object.hasattr("__fspath__").unwrap_or(false);
    let hint = if is_path { "; hash_file and hash_files take paths" } else { "" };
    PyTypeError::new_err(format!(
        "expected an encoded picture as bytes or another buffer of bytes, not {}{hint}",
        type_name(object)
    ))
}

/// What an object's type is called.
pub(crate) fn type_name(object: &Bound<'_, PyAny>) -> String {
    object.get_type().fully_qualified_name().map_or_else(|_| "an object".to_string(), |name| name.to_string())
}

/// The order of an array's colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Rgb,
    Bgr,
}

impl Order {
    pub(crate) fn of(text: &str) -> PyResult<Order> {
        match text {
            "rgb" => Ok(Order::Rgb),
            "bgr" => Ok(Order::Bgr),
            _ => Err(PyValueError::new_err(format!("unknown order {text:?}: the choice is rgb, bgr"))),
        }
    }
}

/// A picture from a buffer of bytes: height × width grey values, or height × width × 3 colours.
///
/// # Errors
///
/// `TypeError` for a buffer of another type or shape.
pub(crate) fn pixels(object: &Bound<'_, PyAny>, order: Order) -> PyResult<Picture> {
    let buffer = PyBuffer::<u8>::get(object).map_err(|_| not_pixels(&type_name(object)))?;
    let channels = match buffer.shape() {
        [_, _] => 1,
        [_, _, 3] => 3,
        [_, _, 4] => return Err(not_pixels("4 channels: alpha is dropped by pixels[:, :, :3]")),
        shape => return Err(not_pixels(&format!("the shape {shape:?}"))),
    };
    let side = |side: usize| u32::try_from(side).map_err(|_| not_pixels("a side of over 4,294,967,295"));
    let (height, width) = (side(buffer.shape()[0])?, side(buffer.shape()[1])?);
    let mut samples = buffer.to_vec(object.py())?;
    if channels == 1 {
        return Ok(Picture::from_grey(samples, width, height));
    }
    if order == Order::Bgr {
        samples.as_chunks_mut::<3>().0.iter_mut().for_each(|pixel| pixel.swap(0, 2));
    }
    Ok(Picture::from_rgb(samples, width, height))
}

fn not_pixels(found: &str) -> PyErr {
    PyTypeError::new_err(format!(
        "expected pixels as a buffer of uint8 of shape (height, width) or (height, width, 3), found {found}"
    ))
}

/// R, G, B of interleaved C, M, Y, K, each 0 for no ink, as our decoders make them.
#[pyfunction]
#[pyo3(name = "_rgb_of_cmyk", signature = (inks, /))]
pub(crate) fn rgb_of_cmyk<'py>(py: Python<'py>, inks: &[u8]) -> Bound<'py, PyBytes> {
    let light = |ink: u8, black: u8| ((255 - u32::from(ink)) * (255 - u32::from(black)) / 255) as u8;
    let pixels = inks.as_chunks::<4>().0.iter();
    let rgb: Vec<u8> =
        py.detach(|| pixels.flat_map(|&[c, m, y, k]| [light(c, k), light(m, k), light(y, k)]).collect());
    PyBytes::new(py, &rgb)
}

//! How large an input may be.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// The largest inputs that are let through, checked on what a file's header announces, before memory is taken for it.
///
/// max_side: longest side, in pixels. max_pixels: width × height. max_pixels_per_byte: pixels for each byte of the file, asked of pictures over
/// 12,582,912 pixels. max_file_bytes: length of the encoded file. max_decoder_bytes: memory that decoding one picture may take. max_scans: scans of
/// one progressive JPEG.
#[pyclass(frozen, eq, hash, module = "shadegrid", skip_from_py_object)]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Limits {
    #[pyo3(get)]
    max_side: u32,
    #[pyo3(get)]
    max_pixels: u64,
    #[pyo3(get)]
    max_pixels_per_byte: u64,
    #[pyo3(get)]
    max_file_bytes: u64,
    #[pyo3(get)]
    max_decoder_bytes: u64,
    #[pyo3(get)]
    max_scans: u32,
}

#[pymethods]
impl Limits {
    #[new]
    #[pyo3(signature = (*, max_side=65535, max_pixels=268435456, max_pixels_per_byte=256, max_file_bytes=1073741824, max_decoder_bytes=3221225472, max_scans=500))]
    fn new(
        max_side: u32,
        max_pixels: u64,
        max_pixels_per_byte: u64,
        max_file_bytes: u64,
        max_decoder_bytes: u64,
        max_scans: u32,
    ) -> Limits {
        Limits { max_side, max_pixels, max_pixels_per_byte, max_file_bytes, max_decoder_bytes, max_scans }
    }

    fn __repr__(&self) -> String {
        self.text()
    }

    fn __getnewargs_ex__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyTuple>, Bound<'py, PyDict>)> {
        let named = PyDict::new(py);
        named.set_item("max_side", self.max_side)?;
        named.set_item("max_pixels", self.max_pixels)?;
        named.set_item("max_pixels_per_byte", self.max_pixels_per_byte)?;
        named.set_item("max_file_bytes", self.max_file_bytes)?;
        named.set_item("max_decoder_bytes", self.max_decoder_bytes)?;
        named.set_item("max_scans", self.max_scans)?;
        Ok((PyTuple::empty(py), named))
    }
}

impl Limits {
    /// The library's own defaults.
    pub(crate) fn usual() -> Limits {
        let limits = shadegrid::Limits::default();
        Limits {
            max_side: limits.max_side,
            max_pixels: limits.max_pixels,
            max_pixels_per_byte: limits.max_pixels_per_byte,
            max_file_bytes: limits.max_file_bytes,
            max_decoder_bytes: limits.max_decoder_bytes,
            max_scans: limits.max_scans,
        }
    }

    /// As it is written.
    pub(crate) fn text(&self) -> String {
        let Limits {
            max_side,
            max_pixels,
            max_pixels_per_byte,
            max_file_bytes,
            max_decoder_bytes,
            max_scans,
        } = self;
        format!(
            "Limits(max_side={max_side}, max_pixels={max_pixels}, max_pixels_per_byte={max_pixels_per_byte}, \
             max_file_bytes={max_file_bytes}, max_decoder_bytes={max_decoder_bytes}, max_scans={max_scans})"
        )
    }

    pub(crate) fn to_library(&self) -> shadegrid::Limits {
        shadegrid::Limits::default()
            .max_side(self.max_side)
            .max_pixels(self.max_pixels)
            .max_pixels_per_byte(self.max_pixels_per_byte)
            .max_file_bytes(self.max_file_bytes)
            .max_decoder_bytes(self.max_decoder_bytes)
            .max_scans(self.max_scans)
    }
}

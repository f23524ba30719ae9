//! Pictures that are not decoded in this process.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use pyo3::prelude::*;
use shadegrid::decode::helper;

/// Names the program that decodes AVIF and HEIC for this process, and its arguments. The first call counts.
#[pyfunction]
pub(crate) fn use_decoder(program: PathBuf, arguments: Vec<OsString>) {
    helper::use_program(&program, &arguments);
}

/// Decodes for another process, by standard input and output, until that is gone.
#[pyfunction]
pub(crate) fn serve_decoder(py: Python<'_>) -> io::Result<()> {
    py.detach(|| helper::serve(&mut io::stdin().lock(), &mut io::stdout().lock()))
}

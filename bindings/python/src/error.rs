//! The library's errors as Python's exceptions. What is raised names parameters, never options of the command.

use std::path::Path;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use shadegrid::Error;

/// The exception for an input that gave no signature.
pub(crate) fn raised(py: Python<'_>, error: &Error) -> PyErr {
    exception(py, error, None).unwrap_or_else(|failed| failed)
}

/// The same with the path that it is about, where the system met an error.
pub(crate) fn raised_at(py: Python<'_>, error: &Error, path: &Path) -> PyErr {
    exception(py, error, Some(path)).unwrap_or_else(|failed| failed)
}

/// The exception for a wrong argument.
pub(crate) fn wrong(error: &Error) -> PyErr {
    PyValueError::new_err(error.to_string())
}

fn exception(py: Python<'_>, error: &Error, path: Option<&Path>) -> PyResult<PyErr> {
    let (class, arguments) = match error {
        Error::Corrupt { format, .. } => ("CorruptError", (error.to_string(), *format).into_pyobject(py)?),
        Error::Limit { what, actual, limit, field } => {
            let message = format!("{what} is {actual}, over {}", bound(*limit, *field));
            ("LimitError", (message, *what, *actual, *limit, *field).into_pyobject(py)?)
        }
        Error::Io { source, .. } => {
            let path = path.map(Path::as_os_str);
            ("IoError", (error.to_string(), source.raw_os_error(), path).into_pyobject(py)?)
        }
        Error::Unsupported(_) => ("UnsupportedError", of_message(py, error)?),
        Error::Device(_) => ("DeviceError", of_message(py, error)?),
        _ => ("InputError", of_message(py, error)?),
    };
    let class = py.import("shadegrid._errors")?.getattr(class)?;
    Ok(PyErr::from_value(class.call1(arguments)?))
}

fn of_message<'py>(py: Python<'py>, error: &Error) -> PyResult<Bound<'py, PyTuple>> {
    (error.to_string(),).into_pyobject(py)
}

/// A limit and the parameter that sets it.
fn bound(limit: u64, field: Option<&str>) -> String {
    match field {
        Some("memory") => format!("the limit of {limit}: see Hasher(memory=…)"),
        Some(field) => format!("the limit of {limit}: see Limits({field}=…)"),
        None => format!("the {limit} that this process can have"),
    }
}

//! Arrow values as Python's, and as what a person is shown.

use std::fmt;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use crate::arrow::{Binaries, Texts};

/// A value as Python has it; None where it is null.
///
/// # Errors
///
/// `TypeError` for a type that records do not have.
pub(crate) fn python<'py>(py: Python<'py>, array: &ArrayRef, row: usize) -> PyResult<Bound<'py, PyAny>> {
    if array.is_null(row) {
        return Ok(py.None().into_bound(py));
    }
    if let Some(text) = Texts::of(array).as_ref().and_then(|texts| texts.get(row)) {
        return text.into_bound_py_any(py);
    }
    if let Some(bytes) = Binaries::of(array).as_ref().and_then(|bytes| bytes.get(row)) {
        return Ok(PyBytes::new(py, bytes).into_any());
    }
    match array.data_type() {
        DataType::Boolean => array.as_boolean().value(row).into_bound_py_any(py),
        DataType::UInt8 => primitive::<UInt8Type>(array, row).into_bound_py_any(py),
        DataType::UInt16 => primitive::<UInt16Type>(array, row).into_bound_py_any(py),
        DataType::UInt32 => primitive::<UInt32Type>(array, row).into_bound_py_any(py),
        DataType::UInt64 => primitive::<UInt64Type>(array, row).into_bound_py_any(py),
        DataType::Int8 => primitive::<Int8Type>(array, row).into_bound_py_any(py),
        DataType::Int16 => primitive::<Int16Type>(array, row).into_bound_py_any(py),
        DataType::Int32 => primitive::<Int32Type>(array, row).into_bound_py_any(py),
        DataType::Int64 => primitive::<Int64Type>(array, row).into_bound_py_any(py),
        DataType::Float32 => primitive::<Float32Type>(array, row).into_bound_py_any(py),
        DataType::Float64 => primitive::<Float64Type>(array, row).into_bound_py_any(py),
        DataType::List(_) => list(py, &array.as_list::<i32>().value(row)),
        DataType::LargeList(_) => list(py, &array.as_list::<i64>().value(row)),
        DataType::Struct(fields) => {
            let members = PyDict::new(py);
            for (field, column) in fields.iter().zip(array.as_struct().columns()) {
                members.set_item(field.name(), python(py, column, row)?)?;
            }
            Ok(members.into_any())
        }
        other => {
            Err(PyTypeError::new_err(format!("to_pylist does not know the type {other}: use to_pyarrow")))
        }
    }
}

fn list<'py>(py: Python<'py>, elements: &ArrayRef) -> PyResult<Bound<'py, PyAny>> {
    let elements = (0..elements.len()).map(|row| python(py, elements, row)).collect::<PyResult<Vec<_>>>()?;
    Ok(PyList::new(py, elements)?.into_any())
}

fn primitive<T: ArrowPrimitiveType>(array: &ArrayRef, row: usize) -> T::Native {
    array.as_primitive::<T>().value(row)
}

/// A value for a person to look at: of bytes and lists only how many there are.
pub(crate) struct Shown<'a>(pub(crate) &'a ArrayRef, pub(crate) usize);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let &Shown(array, row) = self;
        if array.is_null(row) {
            return Ok(());
        }
        if let Some(text) = Texts::of(array).as_ref().and_then(|texts| texts.get(row)) {
            return formatter.write_str(text);
        }
        match array.data_type() {
            DataType::Boolean => write!(formatter, "{}", array.as_boolean().value(row)),
            DataType::UInt8 => write!(formatter, "{}", primitive::<UInt8Type>(array, row)),
            DataType::UInt32 => write!(formatter, "{}", primitive::<UInt32Type>(array, row)),
            DataType::UInt64 => write!(formatter, "{}", primitive::<UInt64Type>(array, row)),
            DataType::Int32 => write!(formatter, "{}", primitive::<Int32Type>(array, row)),
            DataType::Int64 => write!(formatter, "{}", primitive::<Int64Type>(array, row)),
            DataType::Float32 => write!(formatter, "{:.3}", primitive::<Float32Type>(array, row)),
            DataType::Float64 => write!(formatter, "{:.1}", primitive::<Float64Type>(array, row)),
            DataType::List(_) => match array.as_list::<i32>().value(row) {
                elements if elements.data_type() == &DataType::Utf8 => {
                    let texts = (0..elements.len()).map(|row| Shown(&elements, row).to_string());
                    formatter.write_str(&texts.collect::<Vec<_>>().join(", "))
                }
                elements => write!(formatter, "{} of them", elements.len()),
            },
            _ => formatter.write_str("…"),
        }
    }
}

/// A text as HTML has it.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

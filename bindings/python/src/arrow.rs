//! Arrays and tables of other libraries, through the PyCapsule interface; nothing is copied.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::ffi_stream::RecordBatchStreamReader;
use arrow_array::{
    Array, ArrayRef, BinaryArray, BinaryViewArray, FixedSizeBinaryArray, LargeBinaryArray, LargeStringArray,
    RecordBatch, RecordBatchIterator, RecordBatchReader, StringArray, StringViewArray, make_array,
};
use arrow_data::ArrayData;
use arrow_pyarrow::FromPyArrow;
use arrow_schema::{ArrowError, DataType, Schema};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::input::type_name;

const ARRAY: &str = "__arrow_c_array__";
const STREAM: &str = "__arrow_c_stream__";

/// Whether an object hands out Arrow data.
pub(crate) fn is_arrow(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(object.hasattr(ARRAY)? || object.hasattr(STREAM)?)
}

/// The record batches of a table, one by one.
///
/// # Errors
///
/// `TypeError` for an object without.
pub(crate) fn table(object: &Bound<'_, PyAny>) -> PyResult<Box<dyn RecordBatchReader + Send>> {
    if object.hasattr(STREAM)? {
        return Ok(Box::new(RecordBatchStreamReader::from_pyarrow_bound(object)?));
    }
    if object.hasattr(ARRAY)? {
        let batch = RecordBatch::from_pyarrow_bound(object)?;
        let schema = batch.schema();
        return Ok(Box::new(RecordBatchIterator::new([Ok(batch)], schema)));
    }
    Err(PyTypeError::new_err(format!("expected an Arrow table, not {}", type_name(object))))
}

/// The schema of an object that has one.
pub(crate) fn schema(object: &Bound<'_, PyAny>) -> PyResult<Schema> {
    if object.hasattr("__arrow_c_schema__")? {
        return Schema::from_pyarrow_bound(object);
    }
    Err(PyTypeError::new_err(format!("expected an Arrow schema, not {}", type_name(object))))
}

/// The chunks of an array: one, or those of a chunked array or a series.
///
/// # Errors
///
/// `TypeError` for an object without.
pub(crate) fn arrays(object: &Bound<'_, PyAny>) -> PyResult<Vec<ArrayRef>> {
    // nanoarrow's arrays may be of several chunks, and have then no array to give.
    for chunks in ["chunks", "iter_chunks"] {
        if object.hasattr(chunks)? {
            let chunks = object.getattr(chunks)?;
            let chunks = if chunks.is_callable() { chunks.call0()? } else { chunks };
            return chunks.try_iter()?.map(|chunk| array(&chunk?)).collect();
        }
    }
    if object.hasattr(ARRAY)? {
        return Ok(vec![array(object)?]);
    }
    // A series' own stream is of its values; the tables that we can read are of columns.
    let table_of =
        if object.hasattr("to_frame")? { object.call_method0("to_frame")? } else { object.clone() };
    let reader = RecordBatchStreamReader::from_pyarrow_bound(&table_of)?;
    let [_] = &reader.schema().fields()[..] else {
        return Err(PyTypeError::new_err(format!(
            "expected an Arrow array, not a table of {} columns",
            reader.schema().fields().len()
        )));
    };
    reader.map(|batch| batch.map(|batch| batch.column(0).clone()).map_err(broken)).collect()
}

fn array(object: &Bound<'_, PyAny>) -> PyResult<ArrayRef> {
    // What is wrong with data comes as an exception of pyarrow, which need not be there.
    let broken = |error: PyErr| {
        if error.is_instance_of::<PyTypeError>(object.py()) {
            return error;
        }
        PyValueError::new_err(format!("the Arrow data is broken: {}", error.value(object.py())))
    };
    Ok(make_array(ArrayData::from_pyarrow_bound(object).map_err(broken)?))
}

/// The error for data that is not what it says.
pub(crate) fn broken(error: ArrowError) -> PyErr {
    PyValueError::new_err(format!("the Arrow data is broken: {error}"))
}

/// An array of bytes of any of Arrow's types for them.
pub(crate) enum Binaries {
    Small(BinaryArray),
    Large(LargeBinaryArray),
    View(BinaryViewArray),
    Fixed(FixedSizeBinaryArray),
}

impl Binaries {
    /// `None` for an array of another type.
    pub(crate) fn of(array: &dyn Array) -> Option<Binaries> {
        Some(match array.data_type() {
            DataType::Binary => Binaries::Small(array.as_binary().clone()),
            DataType::LargeBinary => Binaries::Large(array.as_binary().clone()),
            DataType::BinaryView => Binaries::View(array.as_binary_view().clone()),
            DataType::FixedSizeBinary(_) => Binaries::Fixed(array.as_fixed_size_binary().clone()),
            _ => return None,
        })
    }

    /// The same for encoded pictures, whose offsets are checked.
    ///
    /// # Errors
    ///
    /// `TypeError` for an array of another type, `ValueError` for one whose offsets are wrong.
    pub(crate) fn pictures(array: &ArrayRef) -> PyResult<Binaries> {
        let other = || not_of_type("pictures", "binary, large_binary or binary_view", array.data_type());
        let binaries = Binaries::of(array).ok_or_else(other)?;
        array.to_data().validate_full().map_err(broken)?;
        Ok(binaries)
    }

    pub(crate) fn len(&self) -> usize {
        self.array().len()
    }

    /// The bytes of a row; `None` where it is null.
    pub(crate) fn get(&self, row: usize) -> Option<&[u8]> {
        if self.array().is_null(row) {
            return None;
        }
        Some(match self {
            Binaries::Small(array) => array.value(row),
            Binaries::Large(array) => array.value(row),
            Binaries::View(array) => array.value(row),
            Binaries::Fixed(array) => array.value(row),
        })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Option<&[u8]>> {
        (0..self.len()).map(|row| self.get(row))
    }

    fn array(&self) -> &dyn Array {
        match self {
            Binaries::Small(array) => array,
            Binaries::Large(array) => array,
            Binaries::View(array) => array,
            Binaries::Fixed(array) => array,
        }
    }
}

/// An array of texts of any of Arrow's types for them.
pub(crate) enum Texts {
    Small(StringArray),
    Large(LargeStringArray),
    View(StringViewArray),
}

impl Texts {
    /// `None` for an array of another type.
    pub(crate) fn of(array: &dyn Array) -> Option<Texts> {
        Some(match array.data_type() {
            DataType::Utf8 => Texts::Small(array.as_string().clone()),
            DataType::LargeUtf8 => Texts::Large(array.as_string().clone()),
            DataType::Utf8View => Texts::View(array.as_string_view().clone()),
            _ => return None,
        })
    }

    /// The text of a row; `None` where it is null.
    pub(crate) fn get(&self, row: usize) -> Option<&str> {
        match self {
            Texts::Small(array) => array.is_valid(row).then(|| array.value(row)),
            Texts::Large(array) => array.is_valid(row).then(|| array.value(row)),
            Texts::View(array) => array.is_valid(row).then(|| array.value(row)),
        }
    }
}

/// The error for an array of the wrong type.
pub(crate) fn not_of_type(what: &str, expected: &str, found: &DataType) -> PyErr {
    PyTypeError::new_err(format!("expected {what} of type {expected}, found {found}"))
}

/// The index of a column, or `KeyError` that names those that are there.
pub(crate) fn column(schema: &Arc<Schema>, name: &str) -> PyResult<usize> {
    schema.index_of(name).map_err(|_| {
        let there: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        pyo3::exceptions::PyKeyError::new_err(format!("no column {name:?}: there are {}", there.join(", ")))
    })
}

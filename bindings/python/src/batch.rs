//! Batches of records, and how they go out.

use std::ffi::CStr;
use std::sync::Mutex;

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema};
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{Array, RecordBatch, RecordBatchIterator, RecordBatchReader, StructArray};
use arrow_schema::SchemaRef;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict, PyList};
use shadegrid::pipeline::StoredRecord;

use crate::arrow::{broken, column};
use crate::columns::Shape;
use crate::hasher::Hasher;
use crate::many::{Pictures, hash_buffers};
use crate::search::Search;
use crate::values::{Shown, escaped, python};

const SCHEMA: &CStr = c"arrow_schema";
const ARRAY: &CStr = c"arrow_array";
const STREAM: &CStr = c"arrow_array_stream";

/// Rows of records in Arrow columns, which every library of Arrow takes without copying: `pyarrow.record_batch(b)`, `polars.DataFrame(b)`,
/// `duckdb.sql("from b")`.
#[pyclass(frozen, module = "shadegrid")]
pub(crate) struct Batch(pub(crate) RecordBatch);

impl Batch {
    /// Records as rows of this schema, which is of this shape.
    pub(crate) fn of_records(records: &[StoredRecord], shape: Shape, schema: SchemaRef) -> PyResult<Batch> {
        let arrays = shape.arrays(records).map_err(broken)?;
        RecordBatch::try_new(schema, arrays).map(Batch).map_err(broken)
    }
}

#[pymethods]
impl Batch {
    #[getter]
    fn column_names(&self) -> Vec<String> {
        self.0.schema_ref().fields().iter().map(|field| field.name().clone()).collect()
    }

    #[getter]
    fn num_rows(&self) -> usize {
        self.0.num_rows()
    }

    #[getter]
    fn schema(&self) -> Schema {
        Schema(self.0.schema())
    }

    fn __len__(&self) -> usize {
        self.0.num_rows()
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<(Bound<'py, PyCapsule>, Bound<'py, PyCapsule>)> {
        let _ = requested_schema;
        let array = FFI_ArrowArray::new(&StructArray::from(self.0.clone()).to_data());
        Ok((self.__arrow_c_schema__(py)?, PyCapsule::new_with_value(py, array, ARRAY)?))
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let _ = requested_schema;
        let reader = RecordBatchIterator::new([Ok(self.0.clone())], self.0.schema());
        PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(Box::new(reader)), STREAM)
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        self.schema().__arrow_c_schema__(py)
    }

    /// The same as a `pyarrow.RecordBatch`. ImportError without pyarrow.
    fn to_pyarrow<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("pyarrow")?.call_method1("record_batch", (slf,))
    }

    /// One dictionary for each row; signatures are bytes. TypeError for kept columns of types that only `to_pyarrow` knows.
    fn to_pylist<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let schema = self.0.schema_ref();
        let row = |row: usize| {
            let members = PyDict::new(py);
            for (field, column) in schema.fields().iter().zip(self.0.columns()) {
                members.set_item(field.name(), python(py, column, row)?)?;
            }
            Ok(members)
        };
        PyList::new(py, (0..self.0.num_rows()).map(row).collect::<PyResult<Vec<_>>>()?)
    }

    fn __repr__(&self) -> String {
        format!("Batch({} rows, {} columns)", self.0.num_rows(), self.0.num_columns())
    }

    /// The first rows as a table, without a byte of a signature.
    fn _repr_html_(&self) -> String {
        const ROWS: usize = 10;
        let names =
            self.0.schema_ref().fields().iter().map(|field| format!("<th>{}</th>", escaped(field.name())));
        let names: String = names.collect();
        let cell =
            |row: usize| move |column| format!("<td>{}</td>", escaped(&Shown(column, row).to_string()));
        let shown = self.0.num_rows().min(ROWS);
        let rows: String = (0..shown)
            .map(|row| format!("<tr>{}</tr>", self.0.columns().iter().map(cell(row)).collect::<String>()))
            .collect();
        format!(
            "<table><thead><tr>{names}</tr></thead><tbody>{rows}</tbody></table><p>{shown} of {} rows</p>",
            self.0.num_rows()
        )
    }
}

/// The names and types of a batch's columns; `pyarrow.schema(s)` and others take it.
#[pyclass(frozen, module = "shadegrid")]
pub(crate) struct Schema(pub(crate) SchemaRef);

#[pymethods]
impl Schema {
    #[getter]
    fn names(&self) -> Vec<String> {
        self.0.fields().iter().map(|field| field.name().clone()).collect()
    }

    #[getter]
    fn metadata<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let all = PyDict::new(py);
        self.0.metadata().iter().try_for_each(|(name, value)| all.set_item(name, value))?;
        Ok(all)
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let schema = FFI_ArrowSchema::try_from(&*self.0).map_err(broken)?;
        PyCapsule::new_with_value(py, schema, SCHEMA)
    }

    fn __len__(&self) -> usize {
        self.0.fields().len()
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Schema>().is_ok_and(|other| other.get().0 == self.0)
    }

    fn __repr__(&self) -> String {
        let fields = self.0.fields().iter().map(|field| format!("{}: {}", field.name(), field.data_type()));
        format!("Schema({})", fields.collect::<Vec<_>>().join(", "))
    }
}

/// The batches of a hashed table, made one by one as they are asked for.
#[pyclass(frozen, module = "shadegrid")]
pub(crate) struct Batches {
    hasher: Py<Hasher>,
    reader: Mutex<Box<dyn RecordBatchReader + Send>>,
    column: usize,
    keep: Vec<usize>,
    shape: Shape,
    schema: SchemaRef,
    search: Option<Py<Search>>,
}

impl Batches {
    pub(crate) fn new(
        hasher: Py<Hasher>,
        reader: Box<dyn RecordBatchReader + Send>,
        pictures: &str,
        keep: &[String],
        search: Option<Py<Search>>,
    ) -> PyResult<Batches> {
        let theirs = reader.schema();
        let column_of = |name: &String| column(&theirs, name);
        let (column, keep) =
            (column(&theirs, pictures)?, keep.iter().map(column_of).collect::<PyResult<Vec<_>>>()?);
        let shape = Shape { keys: false, matches: search.is_some() };
        let kept = keep.iter().map(|&index| theirs.fields()[index].clone()).collect();
        let schema = hasher.get().schema_with(kept, shape)?;
        Ok(Batches { hasher, reader: Mutex::new(reader), column, keep, shape, schema, search })
    }

    /// The next batch of the table. The interpreter's lock is released, as what makes it may need that.
    fn read(&self, py: Python<'_>) -> PyResult<Option<RecordBatch>> {
        let next = py.detach(|| {
            let mut reader = self.reader.try_lock().map_err(|_| ())?;
            Ok(reader.next())
        });
        match next {
            Ok(batch) => batch.transpose().map_err(broken),
            Err(()) => Err(PyRuntimeError::new_err("another thread takes the next batch already")),
        }
    }
}

#[pymethods]
impl Batches {
    #[getter]
    fn schema(&self) -> Schema {
        Schema(self.schema.clone())
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Batch>> {
        let Some(table) = self.read(py)? else { return Ok(None) };
        let pictures = Pictures::of_arrays(std::slice::from_ref(table.column(self.column)))?;
        let hasher = self.hasher.get().buffers(py);
        let search = self.search.as_ref().map(|search| search.get().library(py));
        let records = hash_buffers(py, &hasher, &pictures, None, search.as_deref())?;
        let kept = self.keep.iter().map(|&index| table.column(index).clone());
        let arrays = kept.chain(self.shape.arrays(&records).map_err(broken)?).collect();
        RecordBatch::try_new(self.schema.clone(), arrays).map(|batch| Some(Batch(batch))).map_err(broken)
    }
}

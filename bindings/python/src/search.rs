//! Which known signatures lie within a threshold of others.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, UInt8Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch, StructArray, UInt64Array};
use arrow_schema::{DataType, Field, Schema};
use pyo3::exceptions::{PyKeyError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use shadegrid::gallery::{Query, SearchOptions};
use shadegrid::hasher::FLAT_STRENGTH;
use shadegrid::pipeline::{Queries, RecordMatch, Text};

use crate::arrow::{Binaries, Texts, broken, table};
use crate::batch::Batch;
use crate::columns::{match_arrays, match_fields};
use crate::error::{raised, wrong};
use crate::gallery::Gallery;
use crate::hashed::Hashed;
use crate::process::PerProcess;

/// Galleries, and what counts as a match in them. Share it among threads; pickle it where its galleries are files.
///
/// galleries: paths or Gallery objects. photodna, pdq: the largest distances of a match (squared Euclidean, Hamming); None looks that signature not up.
/// joint: an entry counts only where both distances are within them. nearest: at most so many matches a picture and algorithm. orientations: pictures are
/// turned and mirrored in all eight ways. include_flat: signatures of nearly flat pictures match too. quality_min: PDQ signatures under it do not match.
#[pyclass(frozen, module = "shadegrid")]
pub(crate) struct Search {
    galleries: Vec<Py<Gallery>>,
    options: SearchOptions,
    search: PerProcess<shadegrid::Search>,
}

#[pymethods]
impl Search {
    #[new]
    #[pyo3(signature = (galleries, /, *, photodna=Some(40000), pdq=Some(31), joint=false, nearest=None, orientations=false, include_flat=false, quality_min=50))]
    #[pyo3(
        text_signature = "(galleries, /, *, photodna=40000, pdq=31, joint=False, nearest=None, orientations=False, include_flat=False, quality_min=50)"
    )]
    #[expect(clippy::too_many_arguments, reason = "all but the galleries by name, each with a default")]
    fn new(
        py: Python<'_>,
        galleries: &Bound<'_, PyAny>,
        photodna: Option<u32>,
        pdq: Option<u32>,
        joint: bool,
        nearest: Option<usize>,
        orientations: bool,
        include_flat: bool,
        quality_min: u8,
    ) -> PyResult<Search> {
        if galleries.is_instance_of::<PyString>() || galleries.is_instance_of::<Gallery>() {
            return Err(PyTypeError::new_err("expected a sequence of galleries, not one"));
        }
        let gallery = |item: PyResult<Bound<'_, PyAny>>| match item?.cast_into::<Gallery>() {
            Ok(gallery) => Ok(gallery.unbind()),
            Err(other) => Py::new(py, Gallery::opened(py, other.into_inner().extract()?)?),
        };
        let galleries = galleries.try_iter()?.map(gallery).collect::<PyResult<_>>()?;
        let options = SearchOptions::default()
            .photodna(photodna)
            .pdq(pdq)
            .joint(joint)
            .nearest(nearest)
            .all_orientations(orientations)
            .include_flat(include_flat)
            .quality_min(quality_min);
        Ok(Search { galleries, options, search: PerProcess::new() })
    }

    /// What matches, one row for each match: `row` (of the records), then `gallery`, `key`, `label`, `source`, `position`, `algorithm`, `distance`,
    /// `orientation` and `face`.
    ///
    /// records: a Hashed, or an Arrow table with the columns `photodna`, `pdq` or both, as bytes or texts; where there are `strength`, `quality`, `face` and `faces`
    /// as records have them, they are respected. KeyError for a table without signatures, ValueError for a value that is none.
    #[pyo3(signature = (records, /))]
    fn find(&self, py: Python<'_>, records: &Bound<'_, PyAny>) -> PyResult<Batch> {
        let mut queries = Queries::default();
        match records.cast::<Hashed>() {
            Ok(hashed) => queries.push_picture(Some(hashed.get().library())),
            Err(_) => {
                let mut table = table(records)?;
                let signatures = |name: &&str| table.schema().column_with_name(name).is_some();
                if !["photodna", "pdq"].iter().any(signatures) {
                    return Err(PyKeyError::new_err(
                        "the table has neither a column photodna nor a column pdq",
                    ));
                }
                while let Some(batch) = py.detach(|| table.next()) {
                    push(&mut queries, &batch.map_err(broken)?)?;
                }
            }
        }
        let search = self.library(py);
        let found = py.detach(|| search.find_all(&queries)).map_err(|error| raised(py, &error))?;
        rows(found).map(Batch).map_err(broken)
    }

    fn __repr__(&self) -> String {
        let names: Vec<String> = self.galleries.iter().map(|gallery| gallery.get().named().0).collect();
        format!("Search({names:?})")
    }

    fn __getnewargs_ex__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyTuple>, Bound<'py, PyDict>)> {
        let SearchOptions {
            photodna, pdq, joint, nearest, all_orientations, include_flat, quality_min, ..
        } = self.options;
        let named = PyDict::new(py);
        named.set_item("photodna", photodna)?;
        named.set_item("pdq", pdq)?;
        named.set_item("joint", joint)?;
        named.set_item("nearest", nearest)?;
        named.set_item("orientations", all_orientations)?;
        named.set_item("include_flat", include_flat)?;
        named.set_item("quality_min", quality_min)?;
        let galleries = PyTuple::new(py, self.galleries.iter().map(|gallery| gallery.bind(py)))?;
        Ok(((galleries,).into_pyobject(py)?, named))
    }
}

impl Search {
    /// What searches in this process.
    pub(crate) fn library(&self, py: Python<'_>) -> Arc<shadegrid::Search> {
        let make = || {
            let galleries = self.galleries.iter().map(|gallery| gallery.get().named());
            shadegrid::Search::new(galleries, self.options.clone())
        };
        self.search.get(py, make)
    }
}

/// Matches as rows, with the row of the record that each is of.
fn rows(found: Vec<Vec<RecordMatch>>) -> Result<RecordBatch, arrow_schema::ArrowError> {
    let of = found.iter().enumerate().flat_map(|(row, matches)| matches.iter().map(move |_| row as u64));
    let row: ArrayRef = Arc::new(of.collect::<UInt64Array>());
    let all: Vec<RecordMatch> = found.into_iter().flatten().collect();
    let fields = [Arc::new(Field::new("row", DataType::UInt64, false))].into_iter().chain(match_fields());
    let arrays = [row].into_iter().chain(match_arrays(&all)?).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields.collect::<Vec<_>>())), arrays)
}

/// Takes the records of a table.
fn push(queries: &mut Queries, batch: &RecordBatch) -> PyResult<()> {
    let column = |name: &str| batch.column_by_name(name).cloned();
    let own = Signatures::of(&column)?;
    let faces = column("faces").map(|faces| Faces::of(&faces)).transpose()?;
    for row in 0..batch.num_rows() {
        let mut all = Vec::new();
        all.extend(own.query(row)?);
        if let Some(faces) = &faces {
            faces.queries(row, &mut all)?;
        }
        queries.push_faces(all);
    }
    Ok(())
}

/// The columns of a table, or of the faces in one, that are looked up.
struct Signatures {
    photodna: Option<Values>,
    pdq: Option<Values>,
    strength: Option<ArrayRef>,
    quality: Option<ArrayRef>,
    face: Option<Texts>,
}

impl Signatures {
    fn of(column: &dyn Fn(&str) -> Option<ArrayRef>) -> PyResult<Signatures> {
        let values = |name| column(name).map(|array| Values::of(name, &array)).transpose();
        Ok(Signatures {
            photodna: values("photodna")?,
            pdq: values("pdq")?,
            strength: column("strength"),
            quality: column("quality"),
            face: column("face").and_then(|array| Texts::of(&array)),
        })
    }

    /// What is looked up for a row, and the face that it is of; `None` where the row has no signature.
    fn query(&self, row: usize) -> PyResult<Option<(Option<Text>, Query)>> {
        let photodna = self
            .photodna
            .as_ref()
            .map(|values| values.signature(row, shadegrid::PhotoDna))
            .transpose()?
            .flatten();
        let pdq =
            self.pdq.as_ref().map(|values| values.signature(row, shadegrid::Pdq)).transpose()?.flatten();
        if photodna.is_none() && pdq.is_none() {
            return Ok(None);
        }
        let strength = self.strength.as_ref().and_then(|array| number(array, row));
        let quality = self.quality.as_ref().and_then(|array| number(array, row));
        let face = self.face.as_ref().and_then(|faces| faces.get(row)).map(|face| face.to_string().into());
        let query = Query::default()
            .photodna(photodna)
            .pdq(pdq)
            .flat(strength.is_some_and(|strength| strength < FLAT_STRENGTH))
            .quality(quality.map(|quality| quality as u8));
        Ok(Some((face, query)))
    }
}

/// Signatures as bytes or as texts.
enum Values {
    Bytes(Binaries),
    Texts(Texts),
}

impl Values {
    fn of(name: &str, array: &ArrayRef) -> PyResult<Values> {
        let values = Binaries::of(array).map(Values::Bytes).or_else(|| Texts::of(array).map(Values::Texts));
        values.ok_or_else(|| crate::arrow::not_of_type(name, "binary or string", array.data_type()))
    }

    fn signature<const N: usize, T: std::str::FromStr<Err = shadegrid::Error>>(
        &self,
        row: usize,
        of_bytes: fn([u8; N]) -> T,
    ) -> PyResult<Option<T>> {
        match self {
            Values::Texts(texts) => texts.get(row).map(str::parse).transpose().map_err(|error| wrong(&error)),
            Values::Bytes(bytes) => {
                let signature = |bytes: &[u8]| {
                    let length = bytes.len();
                    let wrong = |_| {
                        PyValueError::new_err(format!("row {row}: a signature is {N} bytes, not {length}"))
                    };
                    bytes.try_into().map(of_bytes).map_err(wrong)
                };
                bytes.get(row).map(signature).transpose()
            }
        }
    }
}

/// The lists of faces in a table.
struct Faces {
    lists: ArrayRef,
}

impl Faces {
    fn of(lists: &ArrayRef) -> PyResult<Faces> {
        let is_struct = |field: &Field| matches!(field.data_type(), DataType::Struct(_));
        match lists.data_type() {
            DataType::List(field) | DataType::LargeList(field) if is_struct(field) => {
                Ok(Faces { lists: lists.clone() })
            }
            other => Err(crate::arrow::not_of_type("faces", "list of structs", other)),
        }
    }

    fn queries(&self, row: usize, to: &mut Vec<(Option<Text>, Query)>) -> PyResult<()> {
        if self.lists.is_null(row) {
            return Ok(());
        }
        let elements = match self.lists.data_type() {
            DataType::List(_) => self.lists.as_list::<i32>().value(row),
            _ => self.lists.as_list::<i64>().value(row),
        };
        let faces: &StructArray = elements.as_struct();
        let of = Signatures::of(&|name| faces.column_by_name(name).cloned())?;
        for face in 0..faces.len() {
            to.extend(of.query(face)?);
        }
        Ok(())
    }
}

/// A number of any type that records' numbers have somewhere.
fn number(array: &ArrayRef, row: usize) -> Option<f64> {
    fn of<T: ArrowPrimitiveType<Native: Into<f64>>>(array: &ArrayRef, row: usize) -> Option<f64> {
        array.as_primitive_opt::<T>().filter(|array| array.is_valid(row)).map(|array| array.value(row).into())
    }
    let wide = array.as_primitive_opt::<Int64Type>().filter(|array| array.is_valid(row));
    of::<Float64Type>(array, row)
        .or_else(|| of::<Float32Type>(array, row))
        .or_else(|| of::<UInt8Type>(array, row))
        .or_else(|| of::<Int16Type>(array, row))
        .or_else(|| of::<Int32Type>(array, row))
        .or_else(|| wide.map(|array| array.value(row) as f64))
}

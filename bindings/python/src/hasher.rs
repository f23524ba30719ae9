//! What a program holds to hash pictures.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt, PyString, PyTuple};
use shadegrid::{
    Algorithm, Alpha, BufferHasher, DamagedPolicy, DecodeOptions, DetailChoice, Engine, Faces, HashOptions,
    Orient,
};

use crate::arrow;
use crate::batch::{Batch, Batches, Schema};
use crate::columns::{Shape, schema_of};
use crate::error::{raised, raised_at, wrong};
use crate::hashed::Hashed;
use crate::input::{Encoded, Order, pixels};
use crate::limits::Limits;
use crate::many::{Pictures, hash_buffers, hash_files, keys, paths};
use crate::process::PerProcess;
use crate::search::Search;

/// Hashes pictures: one at a time, or many into a batch of records. Share it among threads, pickle it, use it after a fork.
///
/// algorithms: of `photodna`, `pdq` and `pdq-512`. detail: how much of a JPEG is read: `auto`, `scaled`, `full`, or 1, 2, 3, 4, 6 or 8. orient: `exif`
/// turns pictures first, as viewers show them. damaged: `refuse` makes files that break off an error. faces: of a file that shows more than its stored
/// pixels, `all`, `stored` or `shown` are hashed. alpha: pixels that are not opaque count as the colours that they store (`drop`), or over `white` or `black`. orientations: whether all eight PDQ signatures are kept. limits: what is too large. threads: of each call;
/// None for all CPUs. memory: bytes that decoded pictures may take together; None for 256 MiB a thread, at least 1 GiB, at most half of the machine's.
///
/// ValueError for a choice that there is not.
#[pyclass(frozen, module = "shadegrid")]
pub(crate) struct Hasher {
    options: Arc<HashOptions>,
    limits: Py<Limits>,
    threads: Option<usize>,
    memory: Option<u64>,
    buffers: PerProcess<BufferHasher>,
    schemas: [arrow_schema::SchemaRef; 4],
}

#[pymethods]
impl Hasher {
    #[new]
    #[pyo3(signature = (*, algorithms=None, detail=None, orient="ignore", damaged="hash", faces="all", alpha="drop", orientations=false, limits=None, threads=None, memory=None))]
    #[pyo3(
        text_signature = "(*, algorithms=('photodna', 'pdq'), detail='auto', orient='ignore', damaged='hash', faces='all', alpha='drop', orientations=False, limits=Limits(), threads=None, memory=None)"
    )]
    #[expect(clippy::too_many_arguments, reason = "all by name, each with a default")]
    fn new(
        py: Python<'_>,
        algorithms: Option<&Bound<'_, PyAny>>,
        detail: Option<&Bound<'_, PyAny>>,
        orient: &str,
        damaged: &str,
        faces: &str,
        alpha: &str,
        orientations: bool,
        limits: Option<Py<Limits>>,
        threads: Option<usize>,
        memory: Option<u64>,
    ) -> PyResult<Hasher> {
        let limits = limits.map_or_else(|| Py::new(py, Limits::usual()), Ok)?;
        let decode = DecodeOptions::default()
            .limits(limits.get().to_library())
            .orient(chosen::<Orient>(orient)?)
            .damaged(chosen::<DamagedPolicy>(damaged)?)
            .detail(detail.map_or(Ok(DetailChoice::Auto), detail_of)?);
        let options = HashOptions::default()
            .algorithms(algorithms.map_or_else(|| Ok(HashOptions::default().algorithms), algorithms_of)?)
            .orientations(orientations)
            .decode(decode)
            .faces(chosen::<Faces>(faces)?)
            .alpha(chosen::<Alpha>(alpha)?);
        if threads == Some(0) {
            return Err(PyValueError::new_err("threads must be at least 1"));
        }
        let schemas = [(false, false), (false, true), (true, false), (true, true)]
            .map(|(keys, matches)| schema_of(Shape { keys, matches }.fields(), &options));
        let (options, buffers) = (Arc::new(options), PerProcess::new());
        Ok(Hasher { options, limits, threads, memory, buffers, schemas })
    }

    /// Hashes one encoded picture (bytes, or any buffer of bytes) on the calling thread.
    ///
    /// Raises CorruptError, UnsupportedError, LimitError or InputError where it gives no signature.
    #[pyo3(signature = (picture, /))]
    fn hash(&self, py: Python<'_>, picture: &Bound<'_, PyAny>) -> PyResult<Hashed> {
        let (picture, hasher) = (Encoded::of(picture)?, self.buffers(py));
        let hashed = py.detach(|| hasher.hash(picture.as_ref())).map_err(|error| raised(py, &error))?;
        Ok(Hashed::new(hashed, Some(picture.as_ref().len() as u64)))
    }

    /// Reads and hashes one file on the calling thread. A pipe or a device is an InputError, and nothing is waited for.
    ///
    /// Raises what `hash` raises, and IoError (an OSError) where the file cannot be read.
    #[pyo3(signature = (path, /))]
    fn hash_file(&self, py: Python<'_>, path: PathBuf) -> PyResult<Hashed> {
        let hasher = self.buffers(py);
        let (hashed, bytes) =
            py.detach(|| hasher.hash_file(&path)).map_err(|error| raised_at(py, &error, &path))?;
        Ok(Hashed::new(hashed, Some(bytes)))
    }

    /// Hashes pixels: a buffer of uint8 of shape (height, width) or (height, width, 3), its colours in the order `rgb` or `bgr`.
    ///
    /// An array that is not contiguous is copied slowly: `numpy.ascontiguousarray` does it faster. TypeError for another type or shape, InputError under
    /// 5 pixels a side, LimitError over the limits.
    #[pyo3(signature = (pixels, /, *, order="rgb"))]
    fn hash_pixels(&self, py: Python<'_>, pixels: &Bound<'_, PyAny>, order: &str) -> PyResult<Hashed> {
        let (picture, hasher) = (self::pixels(pixels, Order::of(order)?)?, self.buffers(py));
        let hashed = py.detach(|| hasher.hash_picture(&picture)).map_err(|error| raised(py, &error))?;
        Ok(Hashed::new(hashed, None))
    }

    /// Hashes a `PIL.Image.Image`, whose mode is brought to colours as our own decoders do: alpha is dropped, palettes and 1-bit pictures are as
    /// they look, of 16 bits the high byte counts. TypeError for modes that are no pictures.
    #[pyo3(signature = (image, /))]
    fn hash_image(&self, py: Python<'_>, image: &Bound<'_, PyAny>) -> PyResult<Hashed> {
        let pixels = py.import("shadegrid.image")?.call_method1("pixels", (image,))?;
        self.hash_pixels(py, &pixels, "rgb")
    }

    /// Hashes many encoded pictures into a batch, one row for each, in their order.
    ///
    /// pictures: an iterable of buffers and None, or an Arrow array of binary, large_binary or binary_view (chunked too) of any library. keys: a name for each,
    /// which becomes the columns `key` and `key_bytes`. search: looks each up; the column `matches` holds what it found.
    ///
    /// A picture that gives no signature is a row whose `status` is `error`; nothing is raised for it. TypeError and ValueError for wrong arguments.
    #[pyo3(signature = (pictures, /, *, keys=None, search=None))]
    fn hash_many(
        &self,
        py: Python<'_>,
        pictures: &Bound<'_, PyAny>,
        keys: Option<&Bound<'_, PyAny>>,
        search: Option<&Search>,
    ) -> PyResult<Batch> {
        let keys = keys.map(self::keys).transpose()?;
        let (pictures, hasher) = (Pictures::of(pictures)?, self.buffers(py));
        let search = search.map(|search| search.library(py));
        let shape = Shape { keys: keys.is_some(), matches: search.is_some() };
        let records = hash_buffers(py, &hasher, &pictures, keys, search.as_deref())?;
        Batch::of_records(&records, shape, self.schema_of(shape))
    }

    /// Reads and hashes many files into a batch, one row for each, in their order; `key` is the path.
    ///
    /// A file that cannot be read is a row whose `error_code` is `io`.
    #[pyo3(signature = (paths, /, *, search=None))]
    fn hash_files(
        &self,
        py: Python<'_>,
        paths: &Bound<'_, PyAny>,
        search: Option<&Search>,
    ) -> PyResult<Batch> {
        let paths = self::paths(paths)?;
        let search = search.map(|search| search.library(py));
        let shape = Shape { keys: true, matches: search.is_some() };
        let records = hash_files(py, || self.engine(), paths, search.as_deref())?;
        Batch::of_records(&records, shape, self.schema_of(shape))
    }

    /// Hashes the column of a table of any library: an iterator of batches, one for each of the table's, with one row for each of its rows.
    ///
    /// table: anything with `__arrow_c_stream__` or `__arrow_c_array__`. column: where the encoded pictures are. keep: columns that stand before
    /// the records' own. search: as in `hash_many`. KeyError for a missing column, ValueError where a kept column is called as one of the records'.
    #[pyo3(signature = (table, /, *, column="bytes", keep=None, search=None))]
    #[pyo3(text_signature = "($self, table, /, *, column='bytes', keep=(), search=None)")]
    fn hash_table(
        slf: Bound<'_, Self>,
        table: &Bound<'_, PyAny>,
        column: &str,
        keep: Option<Vec<String>>,
        search: Option<Bound<'_, Search>>,
    ) -> PyResult<Batches> {
        let (reader, keep) = (arrow::table(table)?, keep.unwrap_or_default());
        Batches::new(slf.unbind(), reader, column, &keep, search.map(Bound::unbind))
    }

    /// The schema of the batches: kept columns first, then those of a Parquet file of records, with its metadata.
    ///
    /// keep: a schema whose fields stand first. keys: with `key` and `key_bytes`. matches: with `matches`.
    #[pyo3(signature = (*, keep=None, keys=false, matches=false))]
    fn schema(&self, keep: Option<&Bound<'_, PyAny>>, keys: bool, matches: bool) -> PyResult<Schema> {
        let shape = Shape { keys, matches };
        let Some(keep) = keep else { return Ok(Schema(self.schema_of(shape))) };
        self.schema_with(arrow::schema(keep)?.fields().iter().cloned().collect(), shape).map(Schema)
    }

    fn __repr__(&self) -> String {
        let HashOptions { algorithms, orientations, decode, faces, alpha, .. } = &*self.options;
        let names: Vec<&str> = algorithms.iter().map(|algorithm| algorithm.name()).collect();
        let number = |number: Option<u64>| number.map_or("None".to_string(), |number| number.to_string());
        format!(
            "Hasher(algorithms={names:?}, detail='{}', orient='{}', damaged='{}', faces='{}', alpha='{}', orientations={}, limits={}, threads={}, memory={})",
            decode.detail,
            decode.orient.name(),
            decode.damaged.name(),
            faces.name(),
            alpha.name(),
            if *orientations { "True" } else { "False" },
            self.limits.get().text(),
            number(self.threads.map(|threads| threads as u64)),
            number(self.memory),
        )
    }

    fn __getnewargs_ex__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyTuple>, Bound<'py, PyDict>)> {
        let HashOptions { algorithms, orientations, decode, faces, alpha, .. } = &*self.options;
        let named = PyDict::new(py);
        named
            .set_item("algorithms", PyTuple::new(py, algorithms.iter().map(|algorithm| algorithm.name()))?)?;
        named.set_item("detail", decode.detail.to_string())?;
        named.set_item("orient", decode.orient.name())?;
        named.set_item("damaged", decode.damaged.name())?;
        named.set_item("faces", faces.name())?;
        named.set_item("alpha", alpha.name())?;
        named.set_item("orientations", *orientations)?;
        named.set_item("limits", &self.limits)?;
        named.set_item("threads", self.threads)?;
        named.set_item("memory", self.memory)?;
        Ok((PyTuple::empty(py), named))
    }
}

impl Hasher {
    /// What hashes in this process.
    pub(crate) fn buffers(&self, py: Python<'_>) -> Arc<BufferHasher> {
        self.buffers.get(py, || {
            let mut hasher = BufferHasher::new(self.options.clone());
            if let Some(threads) = self.threads {
                hasher = hasher.threads(threads);
            }
            if let Some(bytes) = self.memory {
                hasher = hasher.memory(bytes);
            }
            hasher
        })
    }

    /// Threads for one call.
    fn engine(&self) -> Result<Engine, shadegrid::Error> {
        let mut builder = Engine::builder().options((*self.options).clone());
        if let Some(threads) = self.threads {
            builder = builder.threads(threads);
        }
        if let Some(bytes) = self.memory {
            builder = builder.memory(bytes);
        }
        builder.build()
    }

    fn schema_of(&self, shape: Shape) -> arrow_schema::SchemaRef {
        self.schemas[usize::from(shape.keys) * 2 + usize::from(shape.matches)].clone()
    }

    /// The schema with these fields first.
    ///
    /// # Errors
    ///
    /// `ValueError` where two columns have the same name.
    pub(crate) fn schema_with(
        &self,
        kept: Vec<arrow_schema::FieldRef>,
        shape: Shape,
    ) -> PyResult<arrow_schema::SchemaRef> {
        let own = self.schema_of(shape);
        for (index, field) in kept.iter().enumerate() {
            let is_twice = kept[..index].iter().any(|other| other.name() == field.name());
            if is_twice || own.column_with_name(field.name()).is_some() {
                let message = format!(
                    "two columns would be called {:?}: rename or leave out the kept one",
                    field.name()
                );
                return Err(PyValueError::new_err(message));
            }
        }
        let fields: Vec<_> = kept.into_iter().chain(own.fields().iter().cloned()).collect();
        Ok(schema_of(fields, &self.options))
    }
}

fn chosen<T: std::str::FromStr<Err = shadegrid::Error>>(text: &str) -> PyResult<T> {
    text.parse().map_err(|error| wrong(&error))
}

fn detail_of(detail: &Bound<'_, PyAny>) -> PyResult<DetailChoice> {
    if !detail.is_instance_of::<PyInt>() && !detail.is_instance_of::<PyString>() {
        return Err(PyTypeError::new_err("detail is a str or an int"));
    }
    chosen(&detail.str()?.to_string_lossy())
}

fn algorithms_of(algorithms: &Bound<'_, PyAny>) -> PyResult<Vec<Algorithm>> {
    if algorithms.is_instance_of::<PyString>() {
        return Err(PyTypeError::new_err(
            "algorithms are a sequence such as (\"photodna\", \"pdq\"), not a str",
        ));
    }
    let mut all: Vec<Algorithm> = Vec::new();
    for name in algorithms.try_iter()? {
        let algorithm = chosen(&name?.extract::<String>()?)?;
        if !all.contains(&algorithm) {
            all.push(algorithm);
        }
    }
    if all.is_empty() {
        return Err(PyValueError::new_err("there are no algorithms: the choice is photodna, pdq, pdq-512"));
    }
    Ok(all)
}

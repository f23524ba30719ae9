//! Entries and lists in, a gallery out.

use std::path::PathBuf;
use std::sync::Mutex;

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use shadegrid::Error;
use shadegrid::gallery::lists::{Import, ImportOptions, LeaveOut, ListFormat, Report};
use shadegrid::gallery::{Change, Entry, GalleryBuilder as Builder};

use crate::error::{raised, raised_at, wrong};
use crate::signature::{Pdq, PhotoDna};

/// Collects known signatures in memory (about 270 bytes each for PhotoDNA-class, 80 for PDQ) and writes them as a gallery.
#[pyclass(frozen, module = "shadegrid")]
pub(crate) struct GalleryBuilder(Mutex<Builder>);

impl GalleryBuilder {
    /// Works on the builder without the GIL.
    fn with<T: Send>(&self, py: Python<'_>, work: impl FnOnce(&mut Builder) -> T + Send) -> PyResult<T> {
        let done = py.detach(|| self.0.try_lock().ok().map(|mut builder| work(&mut builder)));
        done.ok_or_else(|| PyRuntimeError::new_err("another thread uses the builder"))
    }
}

#[pymethods]
impl GalleryBuilder {
    #[new]
    fn new() -> GalleryBuilder {
        GalleryBuilder(Mutex::new(Builder::new()))
    }

    /// Adds an entry with one signature or both, unless its source has the same key with the same signatures already. Whether it was added.
    ///
    /// label: its category. quality: PDQ's, where known. flat: whether the picture is nearly flat. source: the list that matches name. position: where in
    /// that list; the number of entries so far where it is not given. ValueError without a signature.
    #[pyo3(signature = (key, /, *, photodna=None, pdq=None, label="", quality=None, flat=false, source="python", position=None))]
    #[expect(clippy::too_many_arguments, reason = "all but the key by name, each with a default")]
    fn add(
        &self,
        py: Python<'_>,
        key: String,
        photodna: Option<PhotoDna>,
        pdq: Option<Pdq>,
        label: &str,
        quality: Option<u8>,
        flat: bool,
        source: &str,
        position: Option<u64>,
    ) -> PyResult<bool> {
        let entry = Entry::default()
            .key(key)
            .label(label.to_string())
            .flat(flat)
            .quality(quality)
            .photodna(photodna.map(|signature| signature.0))
            .pdq(pdq.map(|signature| signature.0));
        let add = |builder: &mut Builder| {
            let entry = entry.position(position.unwrap_or(builder.len()));
            let source = builder.source(source, "python");
            builder.add_once(source, entry)
        };
        self.with(py, add)?.map_err(|error| wrong(&error))
    }

    /// Adds the entries of a list: of text, CSV, JSON, NCMEC's or Project VIC's XML and JSON, Parquet, packed or not. What was in it, as a dictionary.
    ///
    /// format: where it is not found out from the content: `text`, `text-quality`, `csv`, `jsonl`, `json`, `ncmec`, `parquet`, `bin-photodna`, `bin-pdq`.
    /// source: what matches call it; the file's name where it is not given. leave_out: of `overrepresented`, `suspicious` and `flat`. Records that give no
    /// entry are counted (`bad`, `without_signature`); IoError, CorruptError or InputError where the list cannot be read to its end: what was read stays.
    #[pyo3(signature = (path, /, *, format=None, source=None, leave_out=None))]
    #[pyo3(text_signature = "($self, path, /, *, format=None, source=None, leave_out=())")]
    fn add_list<'py>(
        &self,
        py: Python<'py>,
        path: PathBuf,
        format: Option<&str>,
        source: Option<String>,
        leave_out: Option<Vec<String>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let format = format.map(str::parse::<ListFormat>).transpose().map_err(|error| wrong(&error))?;
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let source = source.unwrap_or(name);
        let options = ImportOptions::default().leave_out(left_out(&leave_out.unwrap_or_default())?);
        let import = |builder: &mut Builder| {
            Import::new(options).list(&path, &source, format, builder, &mut |_| Ok(()))
        };
        let report = self.with(py, import)?.map_err(|error| raised_at(py, &error, &path))?;
        described(py, &report)
    }

    /// Removes every entry so far, in this builder and in the gallery that it is appended to, whose key is `key` and whose list has this format (`""` for any).
    #[pyo3(signature = (key, /, *, format=""))]
    fn remove(&self, py: Python<'_>, key: &str, format: &str) -> PyResult<()> {
        self.with(py, |builder| builder.remove(format, key))
    }

    /// Writes a gallery's file, replacing one that is there; it is whole under its name or not at all. IoError where it cannot be written.
    #[pyo3(signature = (path, /))]
    fn create(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        self.with(py, |builder| builder.create(&path))?.map_err(|error| raised_at(py, &error, &path))
    }

    /// Adds the entries to a gallery's file, and says how many it had already. Of all processes that do, one does at a time.
    #[pyo3(signature = (path, /))]
    fn append(&self, py: Python<'_>, path: PathBuf) -> PyResult<u64> {
        let append = |builder: &mut Builder| -> Result<u64, Error> {
            let change = Change::begin(&path, &mut |_| ())?;
            change.append(&change.gallery()?, builder)
        };
        self.with(py, append)?.map_err(|error| raised_at(py, &error, &path))
    }

    /// The gallery's bytes, for `Gallery.from_bytes`.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = self.with(py, |builder| builder.to_bytes())?.map_err(|error| raised(py, &error))?;
        Ok(PyBytes::new(py, &bytes))
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        self.with(py, |builder| builder.len() as usize)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("GalleryBuilder({} entries)", self.__len__(py)?))
    }
}

fn left_out(kinds: &[String]) -> PyResult<LeaveOut> {
    let mut leave_out = LeaveOut::default();
    for kind in kinds {
        leave_out = match kind.as_str() {
            "overrepresented" => leave_out.overrepresented(true),
            "suspicious" => leave_out.suspicious(true),
            "flat" => leave_out.flat(true),
            _ => {
                let message =
                    format!("unknown kind {kind:?}: the choice is overrepresented, suspicious, flat");
                return Err(PyValueError::new_err(message));
            }
        };
    }
    Ok(leave_out)
}

fn described<'py>(py: Python<'py>, report: &Report) -> PyResult<Bound<'py, PyDict>> {
    let counts = [
        ("entries", report.entries),
        ("photodna", report.photodna),
        ("pdq", report.pdq),
        ("without_signature", report.without_signature),
        ("bad", report.bad),
        ("odd", report.odd),
        ("removed", report.removed),
        ("duplicates", report.duplicates),
        ("flat", report.flat),
        ("low_quality", report.low_quality),
        ("suspicious", report.suspicious),
        ("overrepresented", report.overrepresented.len() as u64),
        ("left_out", report.left_out),
        ("repeated", report.repeated),
    ];
    let all = PyDict::new(py);
    counts.into_iter().try_for_each(|(name, count)| all.set_item(name, count))?;
    Ok(all)
}

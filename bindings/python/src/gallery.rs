//! Known signatures, ready for search.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::exceptions::{PyIndexError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use shadegrid::gallery::{Counts, EntryView};

use crate::error::{raised, raised_at};
use crate::input::Encoded;
use crate::signature::{Pdq, PhotoDna};

/// Known signatures, ready for search: a file that a GalleryBuilder or the command wrote. Share it among threads and processes.
#[pyclass(frozen, module = "shadegrid")]
pub(crate) struct Gallery {
    gallery: Arc<shadegrid::gallery::Gallery>,
    name: String,
    path: Option<PathBuf>,
}

impl Gallery {
    pub(crate) fn opened(py: Python<'_>, path: PathBuf) -> PyResult<Gallery> {
        let gallery = py.detach(|| shadegrid::gallery::Gallery::open(&path));
        let gallery = Arc::new(gallery.map_err(|error| raised_at(py, &error, &path))?);
        Ok(Gallery { gallery, name: path.to_string_lossy().into_owned(), path: Some(path) })
    }

    /// What it is called in matches, and what is searched.
    pub(crate) fn named(&self) -> (String, Arc<shadegrid::gallery::Gallery>) {
        (self.name.clone(), self.gallery.clone())
    }

    pub(crate) fn path(&self) -> Option<&PathBuf> {
        self.path.as_ref()
    }
}

#[pymethods]
impl Gallery {
    /// Opens a gallery's file. A file of at most a quarter of the free memory is read, a larger one mapped, and must then not be written to.
    ///
    /// Header, directory and lengths are checked; `verify` checks the contents. IoError, CorruptError, UnsupportedError (a newer version wrote it) or
    /// InputError (it is no gallery).
    #[staticmethod]
    #[pyo3(signature = (path, /))]
    fn open(py: Python<'_>, path: PathBuf) -> PyResult<Gallery> {
        Gallery::opened(py, path)
    }

    /// A gallery from the bytes of its file, called `name` in matches.
    #[staticmethod]
    #[pyo3(signature = (data, /, *, name="memory"))]
    fn from_bytes(py: Python<'_>, data: &Bound<'_, PyAny>, name: &str) -> PyResult<Gallery> {
        let bytes = Encoded::of(data)?.as_ref().to_vec();
        let gallery = shadegrid::gallery::Gallery::from_bytes(bytes).map_err(|error| raised(py, &error))?;
        Ok(Gallery { gallery: Arc::new(gallery), name: name.to_string(), path: None })
    }

    /// What it is called in matches: its path.
    #[getter]
    fn name(&self) -> &str {
        &self.name
    }

    /// How much there is: `entries`, `removed`, `photodna`, `pdq`, `segments` and `bytes`.
    #[getter]
    fn counts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let Counts { entries, removed, photodna, pdq, segments, bytes, .. } = self.gallery.counts();
        let all = PyDict::new(py);
        let counts = [
            ("entries", entries),
            ("removed", removed),
            ("photodna", photodna),
            ("pdq", pdq),
            ("segments", segments),
            ("bytes", bytes),
        ];
        counts.into_iter().try_for_each(|(name, count)| all.set_item(name, count))?;
        Ok(all)
    }

    /// The lists that entries came from: of each its name, its format and its number of entries.
    #[getter]
    fn sources(&self, py: Python<'_>) -> Vec<(String, String, u64)> {
        py.detach(|| self.gallery.sources())
    }

    /// CRC-32 of everything that there is; tells a gallery from another.
    #[getter]
    fn checksum(&self) -> u32 {
        self.gallery.checksum()
    }

    /// Checks every byte against its checksum. CorruptError names the first part that is damaged.
    fn verify(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.gallery.verify()).map_err(|error| raised(py, &error))
    }

    /// An entry by its number, from 0 in the order in which entries were added, those removed not counted. IndexError beyond the last.
    #[pyo3(signature = (number, /))]
    fn entry(&self, number: usize) -> PyResult<Entry> {
        let id = self.gallery.ids().nth(number);
        let id = id.ok_or_else(|| PyIndexError::new_err(format!("there is no entry {number}")))?;
        let EntryView { key, label, source, format, position, flat, quality, .. } = self.gallery.entry(id);
        Ok(Entry {
            key: key.to_string(),
            label: label.to_string(),
            source: source.to_string(),
            format: format.to_string(),
            position,
            flat,
            quality,
            photodna: self.gallery.photodna(id).map(PhotoDna),
            pdq: self.gallery.pdq(id).map(Pdq),
        })
    }

    fn __len__(&self) -> usize {
        usize::try_from(self.gallery.counts().entries).unwrap_or(usize::MAX)
    }

    fn __repr__(&self) -> String {
        format!("Gallery({:?}, {} entries)", self.name, self.gallery.counts().entries)
    }

    /// By its path: who unpickles it opens the file again.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let Some(path) = slf.get().path() else {
            return Err(PyTypeError::new_err("a gallery in memory cannot be pickled, one in a file can"));
        };
        Ok((slf.get_type().getattr("open")?, (path.as_os_str(),).into_pyobject(slf.py())?))
    }
}

/// A known signature with what is known about it.
#[pyclass(frozen, get_all, module = "shadegrid")]
pub(crate) struct Entry {
    key: String,
    label: String,
    source: String,
    format: String,
    position: u64,
    flat: bool,
    quality: Option<u8>,
    photodna: Option<PhotoDna>,
    pdq: Option<Pdq>,
}

#[pymethods]
impl Entry {
    fn __repr__(&self) -> String {
        format!("Entry({:?} of {:?})", self.key, self.source)
    }
}

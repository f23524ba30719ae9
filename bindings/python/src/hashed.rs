//! What one picture gave.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use shadegrid::pipeline::{RecordFace, RecordPicture};

use crate::signature::{Pdq, PhotoDna};

/// What one picture gave, in the names and words of the records.
///
/// width, height: in pixels. bytes: of the encoded picture, None for pixels. strength: length of the PhotoDNA-class gradient vector; under 400 the picture
/// is nearly flat. quality: of PDQ, 0 to 100; under 50 it should not be matched. decoded: share of rows, 0 to 1, of a damaged picture that came out whole.
/// faces: what else viewers show. orientations: all eight PDQ signatures, where asked for.
#[pyclass(frozen, module = "shadegrid")]
pub(crate) struct Hashed {
    hashed: shadegrid::Hashed,
    record: RecordPicture,
}

impl Hashed {
    pub(crate) fn new(hashed: shadegrid::Hashed, bytes: Option<u64>) -> Hashed {
        let record = RecordPicture::new(&hashed, bytes);
        Hashed { hashed, record }
    }

    pub(crate) fn library(&self) -> &shadegrid::Hashed {
        &self.hashed
    }
}

#[pymethods]
impl Hashed {
    #[getter]
    fn photodna(&self) -> Option<PhotoDna> {
        self.record.photodna.map(PhotoDna)
    }

    #[getter]
    fn strength(&self) -> Option<f64> {
        self.record.strength
    }

    #[getter]
    fn pdq(&self) -> Option<Pdq> {
        self.record.pdq.map(Pdq)
    }

    #[getter]
    fn quality(&self) -> Option<u8> {
        self.record.quality
    }

    #[getter]
    fn pdq_path(&self) -> Option<&str> {
        self.record.pdq_path.as_deref()
    }

    #[getter]
    fn pdq512(&self) -> Option<Pdq> {
        self.record.pdq512.map(Pdq)
    }

    #[getter]
    fn quality512(&self) -> Option<u8> {
        self.record.quality512
    }

    #[getter]
    fn pdq512_path(&self) -> Option<&str> {
        self.record.pdq512_path.as_deref()
    }

    #[getter]
    fn format(&self) -> Option<&str> {
        self.record.format.as_deref()
    }

    #[getter]
    fn width(&self) -> u32 {
        self.record.width
    }

    #[getter]
    fn height(&self) -> u32 {
        self.record.height
    }

    #[getter]
    fn bytes(&self) -> Option<u64> {
        self.record.bytes
    }

    #[getter]
    fn detail(&self) -> &str {
        &self.record.detail
    }

    #[getter]
    fn decoded(&self) -> Option<f64> {
        self.record.decoded.map(as_written)
    }

    #[getter]
    fn backend(&self) -> &str {
        &self.record.backend
    }

    #[getter]
    fn fallback(&self) -> Option<&str> {
        self.record.fallback.as_deref()
    }

    #[getter]
    fn flags<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.record.flags.iter().map(|flag| &**flag))
    }

    #[getter]
    fn face(&self) -> Option<&str> {
        self.record.face.as_deref()
    }

    #[getter]
    fn faces<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let faces = self.record.faces.iter().map(|face| Bound::new(py, FaceHash(face.clone())));
        PyTuple::new(py, faces.collect::<PyResult<Vec<_>>>()?)
    }

    #[getter]
    fn orientations<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let pdq = self.hashed.pdq.as_ref().or(self.hashed.pdq512.as_ref());
        let all = pdq.and_then(|hash| hash.orientations);
        all.map(|all| {
            PyTuple::new(
                py,
                all.map(|signature| Bound::new(py, Pdq(signature)))
                    .into_iter()
                    .collect::<PyResult<Vec<_>>>()?,
            )
        })
        .transpose()
    }

    /// The JSON record without its key: members that have no value are left out, and signatures are texts.
    fn as_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let record = &self.record;
        let members = Members(PyDict::new(py));
        members.put("status", Some("ok"))?;
        members.put("format", record.format.as_deref())?;
        members.put("width", Some(record.width))?;
        members.put("height", Some(record.height))?;
        members.put("bytes", record.bytes)?;
        members.put("detail", Some(&*record.detail))?;
        members.put("decoded", self.decoded())?;
        members.put("backend", Some(&*record.backend))?;
        members.put("fallback", record.fallback.as_deref())?;
        members.put("photodna", text(record.photodna))?;
        members.put("strength", record.strength)?;
        members.put("pdq", text(record.pdq))?;
        members.put("quality", record.quality)?;
        members.put("pdq_path", record.pdq_path.as_deref())?;
        members.put("pdq512", text(record.pdq512))?;
        members.put("quality512", record.quality512)?;
        members.put("pdq512_path", record.pdq512_path.as_deref())?;
        members.put("flags", Some(PyList::new(py, record.flags.iter().map(|flag| &**flag))?))?;
        members.put("face", record.face.as_deref())?;
        if !record.faces.is_empty() {
            let faces = record.faces.iter().map(|face| face_dict(py, face)).collect::<PyResult<Vec<_>>>()?;
            members.put("faces", Some(PyList::new(py, faces)?))?;
        }
        Ok(members.0)
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Hashed>().is_ok_and(|other| other.get().record == self.record)
    }

    fn __repr__(&self) -> String {
        let RecordPicture { format, width, height, flags, .. } = &self.record;
        let format = format.as_deref().unwrap_or("pixels");
        let flags: String = flags.iter().map(|flag| format!(", {flag}")).collect();
        format!("Hashed({format}, {width}×{height}{flags})")
    }
}

/// A further picture that a file shows: `face` says which, such as `white` (what is behind transparency) or `longest` (a frame).
#[pyclass(frozen, module = "shadegrid")]
pub(crate) struct FaceHash(RecordFace);

#[pymethods]
impl FaceHash {
    #[getter]
    fn face(&self) -> &str {
        &self.0.face
    }

    #[getter]
    fn photodna(&self) -> Option<PhotoDna> {
        self.0.photodna.map(PhotoDna)
    }

    #[getter]
    fn strength(&self) -> Option<f64> {
        self.0.strength
    }

    #[getter]
    fn pdq(&self) -> Option<Pdq> {
        self.0.pdq.map(Pdq)
    }

    #[getter]
    fn quality(&self) -> Option<u8> {
        self.0.quality
    }

    #[getter]
    fn pdq512(&self) -> Option<Pdq> {
        self.0.pdq512.map(Pdq)
    }

    #[getter]
    fn quality512(&self) -> Option<u8> {
        self.0.quality512
    }

    fn __repr__(&self) -> String {
        format!("FaceHash({})", self.0.face)
    }
}

fn face_dict<'py>(py: Python<'py>, face: &RecordFace) -> PyResult<Bound<'py, PyDict>> {
    let members = Members(PyDict::new(py));
    members.put("face", Some(&*face.face))?;
    members.put("photodna", text(face.photodna))?;
    members.put("strength", face.strength)?;
    members.put("pdq", text(face.pdq))?;
    members.put("quality", face.quality)?;
    members.put("pdq512", text(face.pdq512))?;
    members.put("quality512", face.quality512)?;
    Ok(members.0)
}

/// A dictionary of what has a value.
struct Members<'py>(Bound<'py, PyDict>);

impl<'py> Members<'py> {
    fn put(&self, name: &str, value: Option<impl IntoPyObject<'py>>) -> PyResult<()> {
        value.map_or(Ok(()), |value| self.0.set_item(name, value))
    }
}

fn text(signature: Option<impl ToString>) -> Option<String> {
    signature.map(|signature| signature.to_string())
}

/// A number of 32 bits as JSON and CSV have it: the shortest decimal that is it.
fn as_written(number: f32) -> f64 {
    number.to_string().parse().unwrap_or(f64::from(number))
}

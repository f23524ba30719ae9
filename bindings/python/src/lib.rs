//! The Python module `shadegrid._native`: what the package `shadegrid` re-exports.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `hasher.rs` | What does a program hold to hash pictures? |
//! | `many.rs` | How do many pictures become a batch? |
//! | `input.rs` | Which objects are encoded pictures, pixels, paths, and how are their bytes had without copying? |
//! | `arrow.rs` | How do arrays and tables of other libraries come in? |
//! | `hashed.rs` | What did one picture give? |
//! | `batch.rs` | What did many give, and how do they go out? |
//! | `columns.rs` | How do records become Arrow columns, by the library's own table of columns? |
//! | `values.rs` | How do Arrow values become Python's? |
//! | `signature.rs` | What are the signatures' bytes, texts, distances? |
//! | `gallery.rs`, `builder.rs`, `search.rs` | Which known signatures are there, and which lie within a threshold? |
//! | `limits.rs` | How large may an input be? |
//! | `decoder.rs` | Who decodes what is not decoded in this process? |
//! | `error.rs` | What is raised? |
//! | `process.rs` | What must not outlive a fork? |

use pyo3::prelude::*;

mod arrow;
mod batch;
mod builder;
mod columns;
mod decoder;
mod error;
mod gallery;
mod hashed;
mod hasher;
mod input;
mod limits;
mod many;
mod process;
mod search;
mod signature;
mod values;

#[pymodule(gil_used = false)]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::batch::{Batch, Batches, Schema};
    #[pymodule_export]
    use crate::builder::GalleryBuilder;
    #[pymodule_export]
    use crate::decoder::{serve_decoder, use_decoder};
    #[pymodule_export]
    use crate::gallery::{Entry, Gallery};
    #[pymodule_export]
    use crate::hashed::{FaceHash, Hashed};
    #[pymodule_export]
    use crate::hasher::Hasher;
    #[pymodule_export]
    use crate::input::rgb_of_cmyk;
    #[pymodule_export]
    use crate::limits::Limits;
    #[pymodule_export]
    use crate::search::Search;
    #[pymodule_export]
    use crate::signature::{Pdq, PhotoDna};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add("__features__", ("archives", "avif", "heic", "jxl", "parquet"))
    }
}

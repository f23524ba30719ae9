//! Parquet files, opened in one place for all who read them: inputs, lists, signatures and records.
//!
//! Nothing of a file reaches the library `parquet` unchecked, which recurses as deep as a schema nests and takes as much memory as a file announces.
//! [`open`] checks the footer first. Pages are found, checked against bounds and unpacked here; the library decodes what they hold. A column of pictures
//! is read value by value ([`Values`]), so that a page of a thousand pictures takes the memory of one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use parquet::bloom_filter::Sbbf;
use parquet::column::page::PageReader;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};
use parquet::file::reader::{ChunkReader, FileReader, RowGroupReader};
use parquet::record::Row;
use parquet::record::reader::RowIter;
use parquet::schema::types::Type;

use crate::error::{Error, Result};

mod delta;
mod footer;
mod hybrid;
mod page;
mod thrift;
mod unpack;
mod values;
mod whole;

pub(crate) use values::{Value, Values, Wanted};
use whole::WholePages;

/// Rows that a byte of a file may stand for. Runs of absent values would make any number of them of nothing.
const ROWS_A_BYTE: u64 = 1024;

/// A file that was opened.
pub(crate) struct Reader<R> {
    file: Arc<R>,
    metadata: Arc<ParquetMetaData>,
}

/// Opens a file.
///
/// # Errors
///
/// [`Error::Corrupt`] where it is no Parquet file or its footer makes no sense, [`Error::Unsupported`] where it is encrypted or its footer larger than
/// any known, [`Error::Io`] where it cannot be read.
pub(crate) fn open<R: ChunkReader + 'static>(file: R) -> Result<Reader<R>> {
    footer::check(&file)?;
    let parsed = guarded(|| ParquetMetaDataReader::new().parse_and_finish(&file));
    let metadata = parsed
        .map_err(|error| system_or(error, |what| damaged(&format!("its footer makes no sense: {what}"))))?;
    let rows = metadata.row_groups().iter().map(|group| u64::try_from(group.num_rows()).unwrap_or(u64::MAX));
    let most = file.len().saturating_mul(ROWS_A_BYTE);
    if rows.fold(0, u64::saturating_add) > most {
        return Err(damaged("its footer announces more rows than its bytes can hold"));
    }
    Ok(Reader { file: Arc::new(file), metadata: Arc::new(metadata) })
}

impl<R: ChunkReader<T: Send> + 'static> Reader<R> {
    /// The columns and groups of columns.
    pub(crate) fn schema(&self) -> &Type {
        self.metadata.file_metadata().schema()
    }

    /// The values of a column of bytes in a group of rows; `column` counts the columns that hold values.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] where the column lies outside the file.
    pub(crate) fn values(&self, group: usize, column: usize, wanted: Wanted) -> Result<Values<R>> {
        Values::new(self.file.clone(), self.metadata.row_group(group), column, wanted)
    }

    /// Rows of each group.
    pub(crate) fn group_rows(&self) -> Vec<u64> {
        let rows = |group: &RowGroupMetaData| u64::try_from(group.num_rows()).unwrap_or(0);
        self.metadata.row_groups().iter().map(rows).collect()
    }

    /// The number of the column at a path, if it has one value a row at most.
    pub(crate) fn flat_column(&self, path: &[&str]) -> Option<usize> {
        let columns = self.metadata.file_metadata().schema_descr().columns();
        columns.iter().position(|column| column.path().parts() == path && column.max_rep_level() == 0)
    }

    /// The rows with these columns only; where one cannot be read, the next may be what the library makes of it, so it is the last.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] where the schema makes no sense.
    pub(crate) fn rows(&self, wanted: impl Fn(&Type) -> Option<Type>) -> Result<Rows> {
        let fields =
            self.schema().get_fields().iter().filter_map(|field| wanted(field).map(Arc::new)).collect();
        let odd = |error| system_or(error, |what| damaged(&format!("it has an odd schema: {what}")));
        let projection =
            Type::group_type_builder(self.schema().name()).with_fields(fields).build().map_err(odd)?;
        let rows = RowIter::from_file_into(Box::new(self.again())).project(Some(projection)).map_err(odd)?;
        Ok(Rows { rows: rows.with_batch_size(ROWS), ended: false })
    }

    /// All rows, whole.
    pub(crate) fn all_rows(&self) -> Rows {
        Rows { rows: RowIter::from_file_into(Box::new(self.again())), ended: false }
    }

    fn again(&self) -> Reader<R> {
        Reader { file: self.file.clone(), metadata: self.metadata.clone() }
    }
}

/// Rows that the library holds at a time where some of them may be large.
const ROWS: usize = 8;

/// Rows one after another, none behind one that cannot be read.
pub(crate) struct Rows {
    rows: RowIter<'static>,
    ended: bool,
}

impl Iterator for Rows {
    type Item = Result<Row>;

    fn next(&mut self) -> Option<Result<Row>> {
        if self.ended {
            return None;
        }
        let next = guarded(|| self.rows.next().transpose()).transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next.map(|row| row.map_err(|error| system_or(error, |what| Error::corrupt("parquet", what))))
    }
}

/// Runs the library; where it panics over a broken file, that is an error too.
fn guarded<T>(run: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, ParquetError> {
    let panicked = |_| Err(ParquetError::General("its bytes make no sense".to_string()));
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(panicked)
}

/// An error of the library as ours.
fn system_or(error: ParquetError, damage: impl FnOnce(String) -> Error) -> Error {
    match error {
        ParquetError::External(inner) => match inner.downcast::<Error>() {
            Ok(ours) => *ours,
            Err(inner) => match inner.downcast::<std::io::Error>() {
                Ok(error) => unreadable(*error),
                Err(inner) => damage(inner.to_string()),
            },
        },
        ParquetError::General(what) | ParquetError::EOF(what) => damage(what),
        error => damage(error.to_string()),
    }
}

fn damaged(what: &str) -> Error {
    Error::corrupt("parquet", what)
}

/// What a failed read says: damage where what was read makes no sense or is not all there, else the system's error.
fn unreadable(error: std::io::Error) -> Error {
    use std::io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    match error.kind() {
        UnexpectedEof if error.raw_os_error().is_none() => damaged("a page breaks off"),
        InvalidData | InvalidInput if error.raw_os_error().is_none() => damaged(&error.to_string()),
        _ => Error::io("cannot read the Parquet file", error),
    }
}

impl<R: ChunkReader<T: Send> + 'static> FileReader for Reader<R> {
    fn metadata(&self) -> &ParquetMetaData {
        &self.metadata
    }

    fn num_row_groups(&self) -> usize {
        self.metadata.num_row_groups()
    }

    fn get_row_group(&self, number: usize) -> Result<Box<dyn RowGroupReader + '_>, ParquetError> {
        Ok(Box::new(Group { file: self.file.clone(), metadata: self.metadata.row_group(number) }))
    }

    fn get_row_iter(&self, projection: Option<Type>) -> Result<RowIter<'_>, ParquetError> {
        RowIter::from_file(projection, self)
    }
}

/// A group of rows, its pages read within bounds.
struct Group<'a, R> {
    file: Arc<R>,
    metadata: &'a RowGroupMetaData,
}

impl<R: ChunkReader<T: Send> + 'static> RowGroupReader for Group<'_, R> {
    fn metadata(&self) -> &RowGroupMetaData {
        self.metadata
    }

    fn num_columns(&self) -> usize {
        self.metadata.num_columns()
    }

    fn get_column_page_reader(&self, number: usize) -> Result<Box<dyn PageReader>, ParquetError> {
        let pages = WholePages::new(self.file.clone(), self.metadata, number);
        Ok(Box::new(pages.map_err(|error| ParquetError::External(Box::new(error)))?))
    }

    fn get_column_bloom_filter(&self, _: usize) -> Option<&Sbbf> {
        None
    }

    fn get_row_iter(&self, projection: Option<Type>) -> Result<RowIter<'_>, ParquetError> {
        RowIter::from_row_group(projection, self)
    }
}

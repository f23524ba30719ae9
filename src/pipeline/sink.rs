//! Where records go: one writer a format.

use crate::error::Result;
use crate::pipeline::Record;

mod csv;
mod json_lines;

pub use csv::Csv;
pub use json_lines::JsonLines;

/// Takes the records of a run, in order.
///
/// Every method's errors end the run.
pub trait Sink {
    /// Takes one record.
    ///
    /// # Errors
    ///
    /// Where it cannot be written.
    fn write(&mut self, record: &Record) -> Result<()>;

    /// Hands on what was written so far; called whenever the run would wait for the next record.
    ///
    /// # Errors
    ///
    /// Where it cannot be written.
    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    /// Called once, after the last record.
    ///
    /// # Errors
    ///
    /// Where what is left cannot be written.
    fn finish(&mut self) -> Result<()> {
        self.flush()
    }
}

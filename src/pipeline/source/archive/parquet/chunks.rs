//! A file that Parquet's reader reads in pieces at any position.

use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use super::super::RandomAccess;
use crate::error::{Error, Result};

/// A file each of whose readers has a place of its own.
#[derive(Clone)]
pub(in crate::pipeline::source) struct Chunks {
    file: Arc<Mutex<Box<dyn RandomAccess>>>,
    length: u64,
}

impl Chunks {
    pub(super) fn new(mut file: Box<dyn RandomAccess>) -> Result<Chunks> {
        let length =
            file.seek(SeekFrom::End(0)).map_err(|error| Error::io("cannot read the Parquet file", error))?;
        Ok(Chunks { file: Arc::new(Mutex::new(file)), length })
    }
}

impl Length for Chunks {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Chunks {
    type T = BufReader<From>;

    fn get_read(&self, start: u64) -> Result<BufReader<From>, ParquetError> {
        Ok(BufReader::with_capacity(64 << 10, From { file: self.clone(), at: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let left = self.length.saturating_sub(start);
        if length as u64 > left {
            return Err(ParquetError::EOF(format!("{length} bytes at {start} are beyond the end")));
        }
        let mut bytes = vec![0; length];
        From { file: self.clone(), at: start }.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}

/// Reads on from a place of its own.
pub(in crate::pipeline::source) struct From {
    file: Chunks,
    at: u64,
}

impl Read for From {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut file = self.file.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.at))?;
        let read = file.read(into)?;
        self.at += read as u64;
        Ok(read)
    }
}

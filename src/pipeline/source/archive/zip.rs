//! Zip: members in the order of the central directory; where that is missing or broken, those before the break as they stand in the file.

use std::io::{self, Read, Seek, SeekFrom};

use zip::ZipArchive;
use zip::read::read_zipfile_from_stream;
use zip::result::ZipError;

use super::{Archive, Place, Step, broken, buffered};
use crate::error::Error;

/// Gives every regular member.
pub(super) fn read(file: Box<dyn Place>, archive: &mut Archive<'_>) -> Step {
    let mut file = buffered(file);
    let wrong = match ZipArchive::new(&mut file) {
        // The crate keeps one member of a name.
        Ok(zip) if zip.has_duplicate_names() => {
            Error::corrupt("zip", "several members have one name, and not all can be read")
        }
        Ok(mut zip) => return listed(&mut zip, archive),
        Err(ZipError::Io(error)) => broken("zip", "at its central directory", error),
        Err(error) => told(error),
    };
    let several = matches!(&wrong, Error::Corrupt { message, .. } if message.starts_with("several"));
    file.seek(SeekFrom::Start(0)).map_err(|error| Error::io("cannot read the archive", error))?;
    let whole = stream(&mut file, archive)?;
    if whole && several { Ok(()) } else { Err(wrong.into()) }
}

/// The members that the central directory lists.
fn listed(zip: &mut ZipArchive<impl Read + Seek>, archive: &mut Archive<'_>) -> Step {
    for index in 0..zip.len() {
        let refused = match zip.by_index(index) {
            Ok(mut member) => {
                let (name, size) = (member.name_raw().to_vec(), member.size());
                if member.is_file() {
                    take(&name, size, &mut member, archive)?;
                }
                continue;
            }
            Err(error) => told(error),
        };
        // What cannot be opened has a name all the same.
        let Ok(member) = zip.by_index_raw(index) else { return Err(refused.into()) };
        let name = member.name_raw().to_vec();
        if archive.wants(&name) {
            archive.failed(&name, refused)?;
        }
    }
    Ok(())
}

/// The members as they stand in the file, without the central directory; whether that was reached.
fn stream(file: &mut impl Read, archive: &mut Archive<'_>) -> Step<bool> {
    loop {
        let mut member = match read_zipfile_from_stream(file) {
            Ok(Some(member)) => member,
            Ok(None) => return Ok(true),
            Err(_) => return Ok(false),
        };
        let (name, size) = (member.name_raw().to_vec(), member.size());
        if !member.is_file() || !archive.wants(&name) {
            continue;
        }
        if let Err(error) = archive.members.options.limits.check_file_bytes(size) {
            archive.failed(&name, error)?;
            continue;
        }
        // A member that breaks off is told by the record of the archive.
        let lease = (archive.members.lease)(size).ok_or(super::Stopped::Unwanted)?;
        let mut whole = Vec::new();
        let read = member.by_ref().take(size).read_to_end(&mut whole);
        if read.is_err() || (whole.len() as u64) < size || member.read(&mut [0]).ok() != Some(0) {
            return Ok(false);
        }
        drop(lease);
        drop(archive.member(&name, size, &mut whole.as_slice())?);
    }
}

/// Gives one member; what is wrong with it does not end the archive.
fn take(name: &[u8], size: u64, member: &mut dyn Read, archive: &mut Archive<'_>) -> Step {
    if !archive.wants(name) {
        return Ok(());
    }
    // One byte more than announced, so that the checksum is looked at and a lie about the size is seen.
    let mut checked = Checked { member, left: size };
    match archive.member(name, size, &mut checked)? {
        Ok(()) => Ok(()),
        Err(error) => archive.failed(name, broken("zip", "the member", error)),
    }
}

/// Reads a member, and at its end looks whether it is the end.
struct Checked<'a> {
    member: &'a mut dyn Read,
    left: u64,
}

impl Read for Checked<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.member.read(into)?;
        self.left = self.left.saturating_sub(read as u64);
        if self.left == 0 && read > 0 && self.member.read(&mut [0])? > 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is longer than announced"));
        }
        Ok(read)
    }
}

fn told(error: ZipError) -> Error {
    match error {
        ZipError::Io(error) => broken("zip", "the member", error),
        ZipError::UnsupportedArchive(what) => Error::Unsupported(format!("zip: {what}")),
        ZipError::InvalidPassword => Error::Unsupported("zip: the member is encrypted".to_string()),
        ZipError::CompressionMethodNotSupported(method) => Error::Unsupported(format!(
            "zip: compression method {method}; stored and deflated members are read"
        )),
        error => Error::corrupt("zip", error.to_string()),
    }
}

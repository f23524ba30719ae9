//! Tar, compressed or not, and zip: what kind a file is, and a source for each of its members.

use std::io::BufReader;

use super::{Archive, RandomAccess, Step, Stopped, broken, name_from_bytes};
use crate::decode::Format;
use crate::error::Error;

mod tar;
mod unpack;
mod zip;

use unpack::{Gzip, Zstd, is_gzip, is_zstd};
use zip::Zip;

/// Gives the members of a file that begins so; of a picture with an archive's name, the picture.
pub(super) fn read(file: Box<dyn RandomAccess>, start: &[u8], archive: &mut Archive<'_>) -> Step {
    let cannot = |error| Error::io("cannot read the archive", error);
    match start {
        start if is_gzip(start) => tar::read(Gzip::new(buffered(file)), "tar.gz", archive),
        start if is_zstd(start) => {
            let unpacked = Zstd::new(buffered(file)).map_err(cannot)?;
            tar::read(unpacked, "tar.zst", archive)
        }
        start if zip::begins(start) => zip::read(file, archive),
        start if tar::begins(start) => tar::read(buffered(file), "tar", archive),
        start => something(file, start, archive),
    }
}

/// A picture with an archive's name, a zip behind what unpacks it, or both: a zip behind a picture.
fn something(file: Box<dyn RandomAccess>, start: &[u8], archive: &mut Archive<'_>) -> Step {
    let is_picture = Format::sniff(start).is_some();
    let cannot = |error| Error::io("cannot read the archive", error);
    match Zip::at_end(file).map_err(cannot)? {
        Ok(mut zip) => {
            if is_picture {
                archive.picture(zip.file())?;
            }
            zip.read(archive)
        }
        Err(mut file) if is_picture => archive.picture(&mut file),
        Err(_) => Err(Error::corrupt("archive", "neither a tar, a zip, a Parquet file nor a picture").into()),
    }
}

impl Archive<'_> {
    /// Whether a member of this name is wanted.
    fn wants(&self, name: &[u8]) -> bool {
        self.members.options.extensions.lets(&name_from_bytes(name.to_vec()))
    }
}

fn buffered(file: Box<dyn RandomAccess>) -> BufReader<Box<dyn RandomAccess>> {
    BufReader::with_capacity(256 << 10, file)
}

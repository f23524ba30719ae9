//! Objects whole: one request, or several parts at once where they are large.

use std::io;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::client::{self, Body, Remote};
use super::wait;
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::pipeline::source::Content;
use crate::pipeline::source::ahead::Lease;

/// Length of a part, and how many are fetched at once.
const PART: u64 = 8 << 20;
const PARTS: usize = 4;

/// The bytes of an object, for which `lease` was asked before they were read; `None` where nobody wants them any more.
pub(in crate::pipeline::source) fn fetch(
    url: &str,
    limits: &Limits,
    lease: &dyn Fn(u64) -> Option<Lease>,
) -> Result<Option<Content>> {
    let cannot = |error| Error::io("cannot read", error);
    let remote = Remote::new(url).map_err(cannot)?;
    let asked = remote.clone();
    let body = wait(async move { asked.get().await }).map_err(cannot)?;
    // Of unknown length it may be as long as the limit.
    let most = body.length.unwrap_or(limits.max_file_bytes);
    limits.check_file_bytes(most)?;
    let Some(lease) = lease(most) else { return Ok(None) };
    let bytes = match body.length {
        Some(length) if length > 2 * PART => {
            drop(body);
            wait(in_parts(remote, length))
        }
        Some(length) => wait(whole(remote, body, length)),
        None => wait(up_to(body, most)),
    };
    let bytes = bytes.map_err(cannot)?;
    limits.check_file_bytes(bytes.len() as u64)?;
    Ok(Some(Content::Bytes(bytes, Some(lease))))
}

/// One body; what it lacks is asked for again.
async fn whole(remote: Remote, mut body: Body, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(length as usize);
    let outcome = client::append(&mut body.bytes, &mut bytes).await;
    let have = bytes.len() as u64;
    if have < length {
        // A body that cannot be gone on with is asked for once more from its start.
        match remote.range(have..length).await {
            Ok(rest) => bytes.extend_from_slice(&rest),
            Err(_) if outcome.is_ok() => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

async fn up_to(mut body: Body, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(piece) = body.bytes.try_next().await? {
        bytes.extend_from_slice(&piece);
        if bytes.len() as u64 > most {
            break;
        }
    }
    Ok(bytes)
}

async fn in_parts(remote: Remote, length: u64) -> io::Result<Vec<u8>> {
    let starts = (0..length).step_by(PART as usize);
    let parts = starts.map(|start| {
        let remote = remote.clone();
        async move { remote.range(start..length.min(start + PART)).await }
    });
    let mut parts = stream::iter(parts).buffered(PARTS);
    let mut bytes = Vec::with_capacity(length as usize);
    while let Some(part) = parts.try_next().await? {
        bytes.extend_from_slice(&part);
    }
    Ok(bytes)
}

//! Records as answers: the very lines that the command writes.

use axum::http::StatusCode;
use serde::Serialize;

use super::hashing::{Outcome, Worked};
use super::problem::{Answer, Problem, status_of};
use crate::pipeline::{
    JsonLines, RecordError, RecordMatch, RecordPicture, Sink as _, StoredRecord, StoredSink as _,
};

/// The record of a picture.
pub(crate) fn of(key: &str, worked: &Worked, matches: Option<Vec<RecordMatch>>) -> StoredRecord {
    StoredRecord {
        key: key.into(),
        source: None,
        outcome: match &worked.outcome {
            Ok(hashed) => Ok(RecordPicture::new(hashed, Some(worked.bytes))),
            Err(error) => Err(RecordError { code: error.code.into(), message: error.message.clone() }),
        },
        matches,
    }
}

/// The points that the PhotoDNA-class signature is made of, where they were asked for: 26 rows of 26, in whole grey levels of one pixel.
pub(crate) fn grid(outcome: &Outcome) -> Option<Vec<i64>> {
    let shading = outcome.as_ref().ok()?.shading.as_ref()?;
    Some(shading.iter().map(|point| point.round() as i64).collect())
}

/// A record as a line of JSON.
pub(crate) fn line(record: &StoredRecord) -> Answer<Vec<u8>> {
    let mut lines = JsonLines::new(Vec::new());
    let written = lines.write_stored(record).and_then(|()| lines.flush());
    written.map_err(|_| Problem::internal("the record cannot be written"))?;
    Ok(lines.into_inner())
}

/// The same with the members of an object at its end.
pub(crate) fn line_with(record: &StoredRecord, more: &impl Serialize) -> Answer<Vec<u8>> {
    let mut line = line(record)?;
    let cannot = |_| Problem::internal("the record cannot be written");
    let more = serde_json::to_vec(more).map_err(cannot)?;
    line.truncate(line.len().saturating_sub(b"}\n".len()));
    line.push(b',');
    line.extend_from_slice(more.strip_prefix(b"{").unwrap_or(&more));
    line.push(b'\n');
    Ok(line)
}

/// Many records in one object.
pub(crate) fn list(lines: &[Vec<u8>]) -> Vec<u8> {
    let trimmed: Vec<&[u8]> = lines.iter().map(|line| line.trim_ascii_end()).collect();
    [b"{\"records\":[", &*trimmed.join(&b","[..]), b"]}\n"].concat()
}

/// The status of the answer with one record alone.
pub(crate) fn status(outcome: &Outcome) -> StatusCode {
    outcome.as_ref().map_or_else(|error| status_of(error.code), |_| StatusCode::OK)
}

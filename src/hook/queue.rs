//! Events that wait, as rows.

use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, params};
use serde_json::Value;

use super::HookKind;
use crate::error::Error;
use crate::random::hexadecimal;

/// Bytes of what one event says.
const LARGEST: usize = 1 << 20;

/// Keeps an event.
pub(super) fn add(
    connection: &Connection,
    kind: HookKind,
    data: &Value,
    now: SystemTime,
) -> rusqlite::Result<()> {
    let cannot = |error: Error| rusqlite::Error::ToSqlConversionFailure(Box::new(error));
    let data = data.to_string();
    if data.len() > LARGEST {
        return Err(cannot(Error::Input("an event is larger than 1 MiB".into())));
    }
    let id = hexadecimal::<16>().map_err(cannot)?;
    let insert = "INSERT INTO hooks (id, kind, time, data, state, is_aside, next, attempts) VALUES (?1, ?2, ?3, ?4, 'waiting', 0, ?3, 0)";
    connection.execute(insert, params![id, kind.name(), milliseconds(now), data]).map(drop)
}

fn milliseconds(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

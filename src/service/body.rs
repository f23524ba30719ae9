//! Bodies of requests: bytes are lent before any is read, and reading has a time and a length.

use std::time::Instant;

use axum::body::Body;
use axum::http::StatusCode;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::time::timeout;

use super::app::App;
use super::permits::Permit;
use super::problem::{Answer, Problem};

/// A body, and the right to hold it.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) bytes: Bytes,
    pub(crate) permit: Permit,
}

/// How long a body may be, and how much of it is held while it is worked on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) most: u64,
    /// Times its length, parts that are unpacked from it counted.
    pub(crate) times: u64,
}

/// Reads a body.
pub(crate) async fn read(app: &App, body: Body, size: Size) -> Answer<Held> {
    let announced = axum::body::HttpBody::size_hint(&body).upper();
    if announced.is_some_and(|bytes| bytes > size.most) {
        return Err(too_long(size.most));
    }
    let length = announced.unwrap_or(size.most);
    let mut permit = app.permits.take(length.saturating_mul(size.times)).await?;
    let (all, began) = (collect(body, announced, size.most), Instant::now());
    let bytes = timeout(app.limits.body, all).await.map_err(|_| too_slow(app))??;
    app.metrics.read(began.elapsed());
    permit.shrink((bytes.len() as u64).saturating_mul(size.times));
    Ok(Held { bytes, permit })
}

async fn collect(body: Body, announced: Option<u64>, most: u64) -> Answer<Bytes> {
    let mut parts = body.into_data_stream();
    let Some(first) = parts.next().await else { return Ok(Bytes::new()) };
    let first = first.map_err(|_| cut())?;
    if announced == Some(first.len() as u64) {
        return Ok(first);
    }
    // The system gives large memory page by page as it is written, so a length that is only announced costs nothing.
    let mut all = BytesMut::with_capacity(usize::try_from(announced.unwrap_or(0)).unwrap_or(0));
    all.extend_from_slice(&first);
    while let Some(part) = parts.next().await {
        all.extend_from_slice(&part.map_err(|_| cut())?);
        if all.len() as u64 > most {
            return Err(too_long(most));
        }
    }
    if all.len() as u64 > most { Err(too_long(most)) } else { Ok(all.freeze()) }
}

fn too_long(most: u64) -> Problem {
    Problem::limit(format!("the body is longer than the {most} bytes that this request may have"))
}

fn too_slow(app: &App) -> Problem {
    let seconds = app.limits.body.as_secs();
    Problem::new(
        StatusCode::REQUEST_TIMEOUT,
        "timeout",
        format!("the body did not arrive within {seconds} s"),
    )
}

fn cut() -> Problem {
    Problem::input("the body ends before the length that was announced, or is not encoded as HTTP says")
}

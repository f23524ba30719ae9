//! Bodies of requests: bytes are lent before they are kept, and reading has a time and a length.

use std::time::Instant;

use axum::body::Body;
use axum::http::StatusCode;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::time::timeout;

use super::app::App;
use super::permits::{Permit, make_room};
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
    let permit = app.permits.begin(announced.map(|bytes| bytes.saturating_mul(size.times))).await?;
    let (all, began) = (collect(body, announced, size, permit), Instant::now());
    let held = timeout(app.limits.body, all).await.map_err(|_| too_slow(app))??;
    app.metrics.read(began.elapsed());
    Ok(held)
}

/// A client holds what it has sent, and no more: one that sends nothing must keep nobody out.
async fn collect(body: Body, announced: Option<u64>, size: Size, mut permit: Permit) -> Answer<Held> {
    let (mut parts, mut all) = (body.into_data_stream(), BytesMut::new());
    let length = announced.map(|bytes| bytes.saturating_mul(size.times));
    while let Some(part) = parts.next().await {
        let part = part.map_err(|_| cut())?;
        let bytes = (all.len() + part.len()) as u64;
        if bytes > size.most {
            return Err(too_long(size.most));
        }
        permit.grow(bytes.saturating_mul(size.times), length).await?;
        if announced == Some(part.len() as u64) {
            return Ok(Held { bytes: part, permit });
        }
        make_room(&mut all, bytes, announced.unwrap_or(size.most));
        all.extend_from_slice(&part);
    }
    permit.shrink((all.len() as u64).saturating_mul(size.times));
    Ok(Held { bytes: all.freeze(), permit })
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

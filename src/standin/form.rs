//! Forms of parts (`multipart/form-data`): files of any size pass by and leave their digests, nothing of them is kept.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, BodyDataStream};
use axum::extract::multipart::Field;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart};
use axum::http::Request;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use md5::{Digest as _, Md5};
use sha2::Sha256;

/// Largest field that is no file, in bytes.
const LARGEST_FIELD: usize = 1 << 16;

/// Most parts of a form.
const MOST_PARTS: usize = 1000;

/// What a form holds.
#[derive(Default)]
pub(super) struct Form {
    /// Fields that are no files.
    pub(super) fields: Vec<(String, String)>,
    pub(super) files: Vec<Received>,
}

/// A file that came.
#[derive(Clone)]
pub(super) struct Received {
    /// The name of its part.
    pub(super) part: String,
    /// What the client calls it.
    pub(super) name: Option<String>,
    pub(super) bytes: u64,
    /// In hexadecimal digits, as is the next.
    pub(super) md5: String,
    pub(super) sha256: String,
}

impl Form {
    /// The value of a field that stands there once.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.fields.iter().filter(|(of, _)| of == name).map(|(_, value)| value.as_str());
        values.next().filter(|_| values.next().is_none())
    }

    /// Reads a body to its end, also where the form is malformed or ends before it: who is still sending would not read the answer. `None` where the form
    /// is malformed or the body cut.
    pub(super) async fn receive(request: Request<Body>) -> Option<Form> {
        let (head, body) = request.into_parts();
        let body = Arc::new(Mutex::new(body.into_data_stream()));
        let lent = body.clone();
        let lent = Body::from_stream(stream::poll_fn(move |context| next(&lent, context)));
        let form = Form::parts(Request::from_parts(head, lent)).await;
        let mut rest = stream::poll_fn(move |context| next(&body, context));
        while let Some(part) = rest.next().await {
            part.ok()?;
        }
        form
    }

    async fn parts(mut request: Request<Body>) -> Option<Form> {
        DefaultBodyLimit::disable().apply(&mut request);
        let mut parts = Multipart::from_request(request, &()).await.ok()?;
        let mut form = Form::default();
        while let Some(part) = parts.next_field().await.ok()? {
            let name = part.name()?.to_string();
            if form.fields.len() + form.files.len() == MOST_PARTS {
                return None;
            }
            if part.file_name().is_some() || name == "file" {
                form.files.push(file(name, part).await?);
            } else {
                form.fields.push((name, text(part).await?));
            }
        }
        Some(form)
    }
}

/// The next bytes of a body that has two readers, one after the other.
fn next(body: &Mutex<BodyDataStream>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, axum::Error>>> {
    body.lock().unwrap_or_else(PoisonError::into_inner).poll_next_unpin(context)
}

async fn text(mut part: Field<'_>) -> Option<String> {
    let mut bytes = Vec::new();
    while let Some(more) = part.chunk().await.ok()? {
        if bytes.len() + more.len() > LARGEST_FIELD {
            return None;
        }
        bytes.extend_from_slice(&more);
    }
    String::from_utf8(bytes).ok()
}

async fn file(part: String, mut field: Field<'_>) -> Option<Received> {
    let name = field.file_name().map(String::from);
    let (mut md5, mut sha256, mut bytes) = (Md5::new(), Sha256::new(), 0);
    while let Some(more) = field.chunk().await.ok()? {
        md5.update(&more);
        sha256.update(&more);
        bytes += more.len() as u64;
    }
    let (md5, sha256) = (digits(&md5.finalize()), digits(&sha256.finalize()));
    Some(Received { part, name, bytes, md5, sha256 })
}

/// Hexadecimal digits.
pub(super) fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
